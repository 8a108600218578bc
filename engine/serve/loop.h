// loop.h: one I/O thread and the connections that live on it.
//
// THEORY    The main thread accepts and hands each descriptor to a loop; from then on the connection belongs to that
//           loop alone. The loop reads into one buffer that all its connections share, drives the pure session machine
//           (engine/wire/session.h) over it, and appends to its own intake. What other threads want from it comes
//           through a mailbox and one wake-up.
//
//           When small frames come thick, each would wake the thread by itself, and the waking costs more than the
//           frame. A busy loop therefore takes a breath before it looks again: what came meanwhile is read in one turn.
//           A simulator's lockstep, where every answer is waited for, is never held up.
//
//           Plans outrank readings. In one turn detectors get DETECTOR_US_MAX of the thread; those that are left are
//           not read until the next turn, when controllers have been heard. While the engine is late they are not read
//           at all. What they send meanwhile waits in their sockets, which slows them down; what the intake has no
//           room for is shed and counted.
//
//           Handshakes of TLS have a bound too: when a city's controllers all come back at once, those that are in do
//           not wait behind the many that are not yet (HANDSHAKE_US_MAX a turn). Whose turn has not come is not read,
//           and waits in order: to be told of each, each time, would cost as much as the handshakes.
//
//             socket ─▶ shared read buffer ─▶ session ─▶ intake (rows, events) ─▶ compute thread
//             socket ◀─ outbox of the connection ◀─ session, plan table, mailbox ◀─ compute thread
// CONTRACT  loop_post and loop_plans_changed from any thread; the rest from the main thread before loop_start or after
//           loop_stop.
// OWNERSHIP A connection's handle is embedded in it and the connection ends in the close callback.
// NOT HERE  What a message means (engine/wire), what a plan is worth (engine/brain.h).
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "engine/serve/alarms.h"
#include "engine/serve/compute.h"
#include "engine/serve/leaders.h"
#include "engine/serve/registry.h"
#include "engine/serve/settings.h"
#include "engine/serve/sources.h"
#include "engine/wire/session.h"

#define READ_BYTES (256u << 10)
#define PLAIN_BYTES (READ_BYTES + 2 * TLS_RECORD_BYTES_MAX) // of one read, with a record's part before it
#define OUT_BYTES (1u << 20)           // what one session_next may write

struct loop;
struct channel;

// What the main thread answers: the city at a glance, its alarms, the audit log.
struct asked {
    struct peer peer;
    enum session_event_kind kind;          // SESSION_STATUS_REQUEST, SESSION_ALARMS_REQUEST, ...
    char who[IDENTITY_BYTES_MAX], from[64];
    uint32_t request, alarm;
    struct status_request status;
    struct audit_request audit;
};

// What all loops share. Filled by the server.
struct service {
    const struct network *network;
    struct settings settings;
    struct session_limits session_limits;
    struct compute *compute;
    struct plan_table *table;
    struct city_clock *clock;
    struct sources *sources;
    struct audit_log *audit;
    struct alarms *alarms;
    pthread_rwlock_t registry_lock;        // a reload changes the next
    struct registry *registry;             // or NULL
    struct tls_credentials *tls;           // likewise; or NULL
    struct leaders *leaders;
    uint32_t daemon;
    _Atomic uint32_t epoch;
    _Atomic bool unapproved_said;
    _Atomic int32_t connection_count;
    _Atomic int32_t role_count[ROLE_COUNT];
    struct loop *loops;
    int32_t loop_count;
    void *owner;
    void (*epoch_seen)(void *owner, uint32_t epoch);                       // a controller holds a plan of a newer epoch
    void (*asked)(void *owner, const struct asked *asked);
};

enum mail_kind { MAIL_CONNECTION, MAIL_ANSWER, MAIL_BYTES, MAIL_SUPERSEDED, MAIL_LEADERS, MAIL_REGISTRY, MAIL_STOP };

struct mail {
    enum mail_kind kind;
    int descriptor;                        // MAIL_CONNECTION: given
    bool local;
    bool pipe;                             // MAIL_CONNECTION: not TCP
    bool tls;                              // MAIL_CONNECTION: speaks TLS
    char from[64];
    struct peer peer;                      // MAIL_BYTES, MAIL_SUPERSEDED
    uint8_t *bytes;                        // MAIL_BYTES: given
    size_t byte_count;
    struct compute_answer answer;          // MAIL_ANSWER
};

// Counted by the loop's thread, read by any.
struct loop_counts {
    _Atomic uint64_t opened, closed, refused, cut, frames, strikes;
    _Atomic uint64_t readings_taken, readings_refused, readings_shed, events_shed;
    _Atomic uint64_t plans_pulled, plans_pushed, plans_not_changed, acknowledged, acknowledged_no;
    _Atomic uint64_t fallbacks_loaded, fallbacks_refused;
    _Atomic uint64_t bytes_in, bytes_out, reads_held, handshakes, handshakes_failed;
};

struct subscription {
    struct channel *channel;
    struct subscription *next, **back;     // of the same intersection; back: what points here
};

struct loop {
    struct service *service;
    int32_t index;
    struct intake *intake;
    struct loop_counts counts;
    pthread_t thread;
    bool started;
    uv_loop_t uv;
    uv_async_t wake;
    uv_timer_t timer, pause;               // pause: between two turns of pushing
    uv_prepare_t breath;
    int64_t breath_since_us;               // the look at how busy the loop is, and the frames at that time
    uint64_t breath_frames;
    int32_t check_turn;                    // which part of the connections was last looked at for its time limits
    int64_t detector_us;                   // spent on detectors in this turn,
    int64_t handshake_us;                  // and on handshakes of TLS
    LIST_OF(struct peer) held;             // whose handshake waits for a later turn, unread: from held_first on
    int32_t held_first;
    bool busy, hold_detectors, stopping;
    int64_t said_second, said_count;       // lines of the log in this second

    pthread_mutex_t mutex;                 // guards the mailbox
    LIST_OF(struct mail) mailbox, opened_mail;

    LIST_OF(struct channel *) slots;    // NULL: free
    LIST_OF(uint32_t) generations;         // by slot
    LIST_OF(int32_t) free_slots;
    struct subscription **subscribers;     // by intersection
    struct channel *all_first;          // subscribed to everything
    uint64_t change_position;              // in the plan table's ring: pushed up to here
    uint8_t *read_buffer, *plain_buffer, *out_buffer;
    struct arena arena;
    uint8_t plan_frame[16384];
};

void loop_create(struct loop *loop, struct service *service, int32_t index, struct intake *intake);
MUST_USE enum status loop_start(struct loop *loop, struct problem *problem);

// Ends all sessions with a word, waits for the thread, frees everything.
void loop_stop(struct loop *loop);

void loop_post(struct loop *loop, const struct mail *mail);

// Plans were put into the table: push them.
void loop_plans_changed(struct loop *loop);

// A writer over the loop's buffer: what lies there is sent (channel_send_out) before the next one begins.
struct frame_writer loop_out(struct loop *loop);

// Whether the loop's thread may write one more line about a peer in this second.
bool loop_may_say(struct loop *loop);

static inline void count_up(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}
