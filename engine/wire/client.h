// client.h: the other side of a connection: detector, controller, operator, simulator. Bytes in, events and bytes out.
//
// THEORY
//           IDLE ──client_hello──▶ GREETING ──Welcome──▶ OPEN ──Error with closing, broken frame──▶ CLOSED
//
//           Everything else is sent with the codecs' wire_put_* into the same writer. A heartbeat of the daemon is
//           answered at once.
//
//           Lockstep of a simulator, one tick at t:
//               wire_put_reports ... wire_put_observations ... wire_put_clock_advance(t)
//               CLIENT_PLAN for each plan that changed, then CLIENT_CLOCK_REACHED with the same t
// CONTRACT  Pure. Call: client_input, then client_next until CLIENT_NOTHING or CLIENT_CLOSED.
// OWNERSHIP As session.h: bytes borrowed until CLIENT_NOTHING, events until the next call.
// NOT HERE  Sockets, reconnecting, what is done with a plan.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/wire/alarm_codec.h"
#include "engine/wire/fallback_codec.h"
#include "engine/wire/frame.h"
#include "engine/wire/hello_codec.h"
#include "engine/wire/observation_codec.h"
#include "engine/wire/plan_codec.h"
#include "engine/wire/report_codec.h"
#include "engine/wire/request_codec.h"

enum client_state { CLIENT_IDLE, CLIENT_GREETING, CLIENT_OPEN, CLIENT_ENDED };

struct client {
    enum client_state state;
    enum role role;
    uint32_t daemon, epoch;           // from Welcome
    uint32_t frame_bytes_max;         // longest frame that the daemon takes
    uint64_t sequence;                // last batch number in use; the next is client_sequence
    int32_t heartbeat_ms;
    struct frame_reader reader;
};

void client_create(struct client *client, uint32_t frame_bytes_max);
void client_release(struct client *client);

// Fills hello->protocol and writes it.
MUST_USE enum status client_hello(struct client *client, const struct hello *hello, struct frame_writer *out);

// The number of the next observation batch.
uint64_t client_sequence(struct client *client);

struct client_room {
    struct arena *arena;              // WIRE_ARENA_BYTES
    struct green *greens;             // PLAN_GREEN_COUNT_MAX
    struct frame_writer *out;         // answers to heartbeats; may be NULL: none are sent
};

enum client_event_kind {
    CLIENT_NOTHING,                   // the input is used up
    CLIENT_WELCOME,                   // welcome
    CLIENT_PLAN,                      // plan
    CLIENT_PLAN_NOT_CHANGED,          // plan_not_changed
    CLIENT_CLOCK_REACHED,             // clock_ms, plans
    CLIENT_REQUEST_RESULT,            // request_result
    CLIENT_STATUS,                    // status
    CLIENT_ALARMS,                    // alarms
    CLIENT_AUDIT_PAGE,                // audit_page
    CLIENT_FALLBACK_TABLE,            // fallback_table
    CLIENT_ERROR,                     // error
    CLIENT_CLOSED,                    // problem: the stream broke, or the daemon said something that is not a message;
                                      // an Error with closing set comes as CLIENT_ERROR first
};

struct client_event {
    enum client_event_kind kind;
    struct welcome welcome;
    struct plan plan;
    struct plan_not_changed plan_not_changed;
    int64_t clock_ms;
    uint32_t plans;
    struct request_result request_result;
    struct city_status status;
    struct alarms_said alarms;
    struct audit_page audit_page;
    struct fallback_table fallback_table;
    struct wire_error error;
    struct problem problem;
};

void client_input(struct client *client, const uint8_t *bytes, size_t count, int64_t now_ms);
enum client_event_kind client_next(struct client *client, int64_t now_ms, const struct client_room *room,
                                   struct client_event *ret);
