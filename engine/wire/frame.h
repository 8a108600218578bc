// frame.h: cutting a stream of bytes into frames, and putting messages into frames.
//
// THEORY    length (varint) | Frame. A Frame holds one message: tag of its kind | length | message. Frames that lie
//           whole in the bytes handed in are given out where they lie; only a frame that is cut by the end of the
//           input is carried over in memory of the reader's own, which grows as its bytes arrive, never by what its
//           length claims.
//
//             READY ──input──▶ (frames) ──▶ READY        length 0, over-long, over the limit ──▶ BROKEN for good
//                          ╰──rest──▶ PARTIAL ──input──▶ ...
// CONTRACT  Pure. A length is judged before any memory is taken. A broken stream stays broken: nothing after the
//           fault is trusted.
// OWNERSHIP The reader owns its carry memory. A frame given out is borrowed until the next call.
// NOT HERE  What a message says (the codecs), who may send it (session.h).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "engine/wire/varint.h"

#define FRAME_BYTES_MAX_DEFAULT (1u << 20)
#define FRAME_BYTES_MAX_LIMIT (1u << 26)      // a length has at most four bytes
#define WIRE_TIME_MS_MAX (INT64_C(1) << 52)   // times beyond +-142,000 years are refused: sums cannot overflow
#define WIRE_PROTOCOL 1                       // version in Hello and Welcome
#define WIRE_ARENA_BYTES (2u << 20)           // enough for the richest message that is legal

// The members of Frame, numbered as its fields.
enum frame_kind {
    FRAME_NONE = 0,
    FRAME_HELLO = 1,
    FRAME_WELCOME = 2,
    FRAME_ERROR = 3,
    FRAME_HEARTBEAT = 4,
    FRAME_OBSERVATIONS = 5,
    FRAME_PLAN_REQUEST = 6,
    FRAME_PLAN = 7,
    FRAME_PLAN_NOT_CHANGED = 8,
    FRAME_PLAN_SUBSCRIPTION = 9,
    FRAME_PLAN_ACKNOWLEDGEMENT = 10,
    FRAME_CONTROLLER_STATUS = 11,
    FRAME_CONTROLLER_STATUSES = 12,
    FRAME_FALLBACK_TABLE = 13,
    FRAME_FALLBACK_ACKNOWLEDGEMENT = 14,
    FRAME_CLOCK_ADVANCE = 15,
    FRAME_CLOCK_REACHED = 16,
    FRAME_PRIORITY_REQUEST = 17,
    FRAME_OVERRIDE = 18,
    FRAME_REQUEST_RESULT = 19,
    FRAME_STATUS_REQUEST = 20,
    FRAME_STATUS = 21,
    FRAME_ALARMS_REQUEST = 22,
    FRAME_ALARMS = 23,
    FRAME_ALARM_ACKNOWLEDGE = 24,
    FRAME_AUDIT_REQUEST = 25,
    FRAME_AUDIT_PAGE = 26,
    FRAME_KIND_COUNT,
};

enum frame_state { FRAME_READY, FRAME_PARTIAL, FRAME_BROKEN };

struct frame_reader {
    uint32_t frame_bytes_max;         // may be changed between frames
    const uint8_t *at, *end;          // input not yet looked at; borrowed
    uint8_t *carry;                   // a frame that was cut: its length's bytes and what came of it
    uint32_t carry_used, carry_capacity;
    bool carry_given;                 // the carried frame was given out and may go
    bool broken;
    const char *fault;                // why broken; static storage
    int64_t partial_since_ms;         // when the first byte of an unfinished frame came
};

void frame_reader_create(struct frame_reader *reader, uint32_t frame_bytes_max);
void frame_reader_release(struct frame_reader *reader);

// Hands over bytes, borrowed until frame_reader_next has given false. Not before the last input is used up.
void frame_reader_input(struct frame_reader *reader, const uint8_t *bytes, size_t count);

// The next whole frame: true, and its bytes without the length in *ret. false: no more; the rest is carried over.
bool frame_reader_next(struct frame_reader *reader, int64_t now_ms, struct cursor *ret);

// READY: between frames. PARTIAL: inside one, since partial_since_ms.
enum frame_state frame_reader_state(const struct frame_reader *reader);

// The message inside a frame. STATUS_SYNTAX: not a Frame, or more than one member. STATUS_UNKNOWN: a member that this
// version does not know (*ret_kind is FRAME_NONE): to be refused, not to be feared.
MUST_USE enum status frame_open(struct cursor frame, enum frame_kind *ret_kind, struct cursor *ret_message);

// "observations" and the like, static storage; "unknown" out of range.
const char *frame_kind_name(enum frame_kind kind);

// A writer over the caller's memory.
struct frame_writer frame_writer_over(uint8_t *bytes, size_t capacity);

// Between these two the message's fields are written with put_*. frame_end gives STATUS_LIMIT, and takes back all since
// frame_begin, when it did not fit or is longer than FRAME_BYTES_MAX_LIMIT.
struct frame_mark {
    size_t begin;
};

struct frame_mark frame_begin(struct frame_writer *out);
MUST_USE enum status frame_end(struct frame_writer *out, struct frame_mark mark, enum frame_kind kind);
