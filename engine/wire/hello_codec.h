// hello_codec.h: Hello, Welcome, Error, Heartbeat and the lockstep clock as structs.
//
// CONTRACT  wire_get_* read a message's bytes as frame_open gives them. They give STATUS_SYNTAX when the bytes are not
//           the message, STATUS_LIMIT when the arena has no room for it, STATUS_RANGE when a field is missing or out
//           of range, with the field's name in *ret_field (static storage; may be NULL). wire_put_* append one whole
//           frame, or give STATUS_LIMIT and append nothing.
// OWNERSHIP Texts and arrays that were read lie in the arena, until its reset. wire_put_* keep nothing.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "engine/wire/frame.h"

#define IDENTITY_BYTES_MAX 64         // with its NUL
#define TOKEN_BYTES_MAX 256
#define WIRE_NAME_COUNT_MAX 8192      // names of one kind in a Hello
#define WIRE_REFUSED_MAX 16           // bad readings, or names, that an Error lists

enum role { ROLE_NONE, ROLE_DETECTOR, ROLE_CONTROLLER, ROLE_OPERATOR, ROLE_SIMULATOR, ROLE_COUNT };

const char *role_name(enum role role);   // "detector"; static storage

// The same numbers as ErrorCode in session.proto.
enum error_code {
    ERROR_NONE,
    ERROR_FRAMING,
    ERROR_VERSION,
    ERROR_CREDENTIAL,
    ERROR_ROLE,
    ERROR_OWNER,
    ERROR_UNKNOWN,
    ERROR_FIELD,
    ERROR_COLUMNS,
    ERROR_READINGS,
    ERROR_SEQUENCE,
    ERROR_LIMIT,
    ERROR_OVERLOADED,
    ERROR_TIME_OUT,
    ERROR_NETWORK,
    ERROR_CLOCK,
    ERROR_SUPERSEDED,
    ERROR_SHUT_DOWN,
    ERROR_NO_PLAN,
    ERROR_INTERNAL,
    ERROR_ELSEWHERE,
    ERROR_CODE_COUNT,
};

const char *error_code_name(enum error_code code);   // "framing"; static storage

struct names_said {                   // names in a Hello
    int32_t count;
    const char *const *names;
};

struct simulator_options {
    const char *strategy;             // NULL: the daemon's own
    int64_t begin_ms;
    int32_t step_ms;                  // 1 .. 60000
    bool fresh;                       // start an empty engine for this session
    const char *sensing;              // NULL: not said
    int32_t solve_latency_ms;
    uint64_t seed;
};

struct hello {
    uint32_t protocol;
    enum role role;
    const char *identity;             // "" when none was said
    const uint8_t *token;
    int32_t token_bytes;
    const char *software;             // "" when none was said
    int64_t clock_ms;
    uint64_t network_hash;            // 0: none
    struct names_said detectors, cameras, intersections;
    uint32_t epoch_seen;
    struct simulator_options simulator;   // ROLE_SIMULATOR only
};

MUST_USE enum status wire_put_hello(struct frame_writer *out, const struct hello *hello);
MUST_USE enum status wire_get_hello(struct cursor message, struct arena *arena, struct hello *ret,
                                    const char **ret_field);

struct indices {                      // one per name of the Hello, -1: refused
    int32_t count;
    const int32_t *at;
};

struct welcome {
    uint32_t protocol, daemon, epoch;
    int64_t clock_ms, echo_clock_ms;
    uint64_t network_hash;
    struct indices detectors, cameras, intersections;
    uint64_t sequence_after;
    uint32_t frame_bytes_max;
    int32_t heartbeat_ms;
    uint32_t source;
};

MUST_USE enum status wire_put_welcome(struct frame_writer *out, const struct welcome *welcome);
MUST_USE enum status wire_get_welcome(struct cursor message, struct arena *arena, struct welcome *ret,
                                      const char **ret_field);

// The same numbers as ReadingRefusal in session.proto.
enum reading_refusal {
    READING_TAKEN,
    READING_UNKNOWN,
    READING_FOREIGN,
    READING_LENGTH,
    READING_FUTURE,
    READING_OLD,
    READING_VEHICLES,
    READING_OCCUPANCY,
    READING_SPEED,
    READING_QUEUE,
    READING_BINS,
    READING_EDGE,
    READING_REFUSAL_COUNT,
};

const char *reading_refusal_name(enum reading_refusal refusal);   // "future"; static storage

enum reading_kind { READING_OF_LOOP, READING_OF_EDGE, READING_OF_CAMERA };

struct refused_reading {
    enum reading_kind kind;
    int32_t row;
    enum reading_refusal reason;
};

struct wire_error {
    enum error_code code;
    const char *text, *field;         // NULL: none
    uint32_t request;                 // 0: none
    uint64_t sequence;                // 0: none
    enum frame_kind frame_kind;       // of the message that is meant, or FRAME_NONE
    bool closing;
    int32_t refused_count;            // of readings, in all
    int32_t refused_listed;           // rows of refused, 0 .. WIRE_REFUSED_MAX
    struct refused_reading refused[WIRE_REFUSED_MAX];
    struct names_said names;          // at most WIRE_REFUSED_MAX
    const char *address;              // ERROR_ELSEWHERE: where to go; NULL: none
};

MUST_USE enum status wire_put_error(struct frame_writer *out, const struct wire_error *error);
MUST_USE enum status wire_get_error(struct cursor message, struct arena *arena, struct wire_error *ret,
                                    const char **ret_field);

struct heartbeat {
    int64_t clock_ms;
    bool echo;                        // it answers one
    int64_t echo_clock_ms;
};

MUST_USE enum status wire_put_heartbeat(struct frame_writer *out, const struct heartbeat *heartbeat);
MUST_USE enum status wire_get_heartbeat(struct cursor message, struct heartbeat *ret, const char **ret_field);

MUST_USE enum status wire_put_clock_advance(struct frame_writer *out, int64_t t_ms);
MUST_USE enum status wire_get_clock_advance(struct cursor message, int64_t *ret_ms, const char **ret_field);

MUST_USE enum status wire_put_clock_reached(struct frame_writer *out, int64_t t_ms, uint32_t plans);
MUST_USE enum status wire_get_clock_reached(struct cursor message, int64_t *ret_ms, uint32_t *ret_plans,
                                            const char **ret_field);
