// session.h: the daemon's side of one connection: bytes in, events and bytes out. No socket, no clock.
//
// THEORY
//                      Hello                        session_welcome
//           EXPECT_HELLO ──▶ (SESSION_HELLO: the shell decides) ──▶ OPEN ──▶ events
//              │                     │ session_refuse                 │
//              │ framing error, time-out, other version               │ framing error, silence, strikes, session_close
//              ╰──────────────┬──────┴────────────────────────────────╯
//                             ▼
//                          CLOSING: Error has been written; send it, then close the connection
//
//           A frame that is not one ends the session: what was taken before it stays taken. A message that is wrong
//           (a field, a role, an owner) is refused with an Error and counted as a strike; the session goes on until
//           strike_count_max. Bad readings in a good batch are no strike.
//
//           What each role may send stands in one table, session_permits. Ownership: a detector or a controller has
//           what it named in its Hello and what the shell's `owns` granted; operators read everything; a simulator
//           plays everything.
//
//           Time. For a simulator readings are judged by its own clock (begin_ms, then each ClockAdvance): an interval
//           may end up to 15 min ahead of it, since ClockAdvance comes after the readings. For the others by now_ms.
//           A controller's report is in its own clock; the session moves it to the daemon's by the offset that
//           heartbeats measure (clock_offset_ms, once clock_measured).
// CONTRACT  Pure. Memory: one block for the owned indices, taken at the Hello, bounded by its names; and the carry of a
//           cut frame, bounded by frame_bytes_max. Call: session_input, then session_next until SESSION_NOTHING or
//           SESSION_CLOSE. After SESSION_HELLO call session_welcome or session_refuse before the next session_next.
// OWNERSHIP The caller embeds struct session; session_release frees what it took. Bytes given to session_input are
//           borrowed until SESSION_NOTHING or SESSION_CLOSE. What an event points to is borrowed until the next call
//           with the same room (its arena is reset). The network is kept until session_release.
// NOT HERE  Credentials, registries and limits of connections (engine/serve); what a plan is worth (engine/guard).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/model/network.h"
#include "engine/wire/alarm_codec.h"
#include "engine/wire/fallback_codec.h"
#include "engine/wire/frame.h"
#include "engine/wire/hello_codec.h"
#include "engine/wire/observation_codec.h"
#include "engine/wire/plan_codec.h"
#include "engine/wire/report_codec.h"
#include "engine/wire/request_codec.h"

// What a writer in struct session_room must have free at every call: an Error, a Heartbeat. session_welcome may need
// up to 30 bytes more per name of the Hello; session_welcome says STATUS_LIMIT when it does not fit.
#define SESSION_OUT_BYTES_MIN 4096

struct session_limits {
    uint32_t frame_bytes_max;         // once open
    uint32_t hello_bytes_max;         // of the first frame
    int32_t name_count_max;           // detectors + cameras + intersections of a Hello
    int32_t hello_ms_max;             // from the connection to the Hello
    int32_t partial_ms_max;           // from the first byte of a frame to its last
    int32_t silence_ms_max;           // without a whole frame; 0: for ever
    int32_t strike_count_max;         // refused messages
    int32_t reading_future_ms_max, reading_age_ms_max;
    int32_t reading_ahead_ms_max;     // of a simulator's readings, before its ClockAdvance
};

// 1 MiB, 256 KiB, 8192, 5 s, 10 s, 0, 64, 1 s, 15 min, 15 min.
struct session_limits session_limits_default(void);

enum session_state { SESSION_EXPECT_HELLO, SESSION_DECIDING, SESSION_OPEN, SESSION_CLOSING };

struct session {
    // To be read by anyone.
    enum session_state state;
    enum role role;
    char identity[IDENTITY_BYTES_MAX];
    uint32_t source;                  // number of this source, from the grant
    uint64_t sequence;                // last accepted batch
    int64_t simulator_ms;             // ROLE_SIMULATOR: its clock
    bool clock_measured;
    int64_t clock_offset_ms;          // the peer's clock less the daemon's
    int64_t round_trip_ms;            // of the measurement
    int32_t strikes;
    uint64_t frames, readings_taken, readings_refused, readings_shed;
    const struct network *network;
    struct indices detectors, cameras, intersections;   // owned, sorted; empty for operator and simulator

    // The session's own affair.
    struct session_limits limits;
    struct frame_reader reader;
    int32_t *owned;                   // the block that the three indices above point into
    int64_t opened_ms, heard_ms;
    struct report_reader reports;     // of a ControllerStatusBatch under way
    bool reports_open, reports_blamed;   // ... whose first bad row has been told
    bool shed_told;
    int64_t shed_told_ms;             // when OVERLOADED was last said
    bool clock_asked;
    int64_t clock_asked_ms;
};

void session_create(struct session *session, const struct session_limits *limits, int64_t now_ms);
void session_release(struct session *session);

// The peer has waited for us: its time for the Hello begins anew.
void session_excuse(struct session *session, int64_t now_ms);

// Where a call may write: shared by all sessions of one thread.
struct session_room {
    struct arena *arena;                  // WIRE_ARENA_BYTES
    struct observation_buffer *rows;      // readings are appended; NULL sheds them
    struct frame_writer *out;             // bytes to send to this peer, appended
};

enum session_event_kind {
    SESSION_NOTHING,                  // the input is used up
    SESSION_HELLO,                    // hello: answer with session_welcome or session_refuse
    SESSION_OBSERVATIONS,             // readings: rows were appended to room->rows
    SESSION_SHED,                     // readings: the rows had no room (the sequence counts as used)
    SESSION_REPORT,                   // report: one, of an intersection that the session owns
    SESSION_PLAN_REQUEST,             // plan_request: its intersection is resolved and may be read
    SESSION_PLAN_SUBSCRIPTION,        // plan_subscription: likewise; `all` means session.intersections for a controller
    SESSION_PLAN_ACKNOWLEDGEMENT,     // plan_acknowledgement
    SESSION_FALLBACK_ACKNOWLEDGEMENT, // fallback_acknowledgement
    SESSION_OVERRIDE,                 // override, request: resolved, until_ms absolute, operator_name = identity
    SESSION_PRIORITY,                 // priority, request: lane and route are indices of the network
    SESSION_CLOCK_ADVANCE,            // clock_ms: run the brain up to it, then wire_put_clock_reached
    SESSION_STATUS_REQUEST,           // status_request: a name is resolved
    SESSION_ALARMS_REQUEST,           // request
    SESSION_ALARM_ACKNOWLEDGE,        // request, alarm
    SESSION_AUDIT_REQUEST,            // audit_request
    SESSION_CLOCK_MEASURED,           // clock_offset_ms and round_trip_ms are new
    SESSION_PEER_ERROR,               // error: the peer says that something of ours was wrong
    SESSION_REFUSED,                  // code, problem: a message was refused; the Error is in out. For log and metrics
    SESSION_CLOSE,                    // code, problem: send what is in out, then close
    SESSION_EVENT_KIND_COUNT,
};

// Which fields hold is said at each kind above.
struct session_event {
    enum session_event_kind kind;
    enum frame_kind frame_kind;       // of the message that gave it
    const struct hello *hello;
    struct reading_result readings;
    struct controller_report report;
    struct plan_request plan_request;
    struct plan_subscription plan_subscription;
    struct plan_acknowledgement plan_acknowledgement;
    struct fallback_acknowledgement fallback_acknowledgement;
    uint32_t request;
    struct override override;
    struct priority priority;
    int64_t clock_ms;
    struct status_request status_request;
    uint32_t alarm;                   // 0: all that are in force
    struct audit_request audit_request;
    struct wire_error error;
    enum error_code code;
    struct problem problem;
};

// Hands over bytes from the peer. Not before the last session_next gave SESSION_NOTHING; ignored in CLOSING.
void session_input(struct session *session, const uint8_t *bytes, size_t count, int64_t now_ms);

// The next event. Only the fields of *ret that belong to its kind are written.
enum session_event_kind session_next(struct session *session, int64_t now_ms, const struct session_room *room,
                                     struct session_event *ret);

enum owned_kind { OWNED_DETECTOR, OWNED_CAMERA, OWNED_INTERSECTION };

// What the shell grants to a Hello.
struct session_grant {
    const struct network *network;    // kept
    uint32_t source;                  // order among sources of readings
    uint64_t sequence_after;          // batches of this source must be above it
    uint32_t epoch, daemon;
    int32_t heartbeat_ms;             // told to the peer
    // Whether the identity may have the thing. NULL: whatever it names.
    bool (*owns)(void *context, enum owned_kind kind, int32_t index);
    void *context;
};

// Opens the session and writes Welcome, then an Error for the names that are unknown or not granted; the others are
// still fine. STATUS_VERSION, after which the session is CLOSING with its Error written: another network (by hash; a
// simulator must say it). STATUS_LIMIT: out or the arena has no room.
// hello is the one of the event, still borrowed.
MUST_USE enum status session_welcome(struct session *session, const struct hello *hello,
                                     const struct session_grant *grant, int64_t now_ms,
                                     const struct session_room *room);

// Writes the Error, with closing set; the session is CLOSING and its next event is SESSION_CLOSE or nothing.
void session_refuse(struct session *session, enum error_code code, const char *text, struct frame_writer *out);

// The same for an open session: shut down, superseded.
void session_close(struct session *session, enum error_code code, const char *text, struct frame_writer *out);

// Refuses a Hello, or ends an open session, with ERROR_ELSEWHERE: another daemon leads, at address ("": not known).
void session_redirect(struct session *session, const char *text, const char *address, struct frame_writer *out);

// Looks at the time limits. true: one is passed, Error is written and the session is CLOSING. To be called now and
// then.
bool session_expire(struct session *session, int64_t now_ms, struct frame_writer *out);

// Writes a heartbeat whose answer measures the peer's clock.
MUST_USE enum status session_ask_clock(struct session *session, int64_t now_ms, struct frame_writer *out);

// The table of roles: whether a role may send a message of the kind to the daemon, after its Hello.
bool session_permits(enum role role, enum frame_kind kind);

// Whether the session may read plans of the intersection (0 .. intersection_count - 1); and whether it plays it.
bool session_reads(const struct session *session, int32_t intersection);
bool session_plays(const struct session *session, int32_t intersection);
