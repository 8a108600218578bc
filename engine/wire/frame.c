#include "engine/wire/frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/wire/fields.h"

#define LENGTH_BYTES_MAX 4            // FRAME_BYTES_MAX_LIMIT is below 2^28
#define HEAD_BYTES_MAX 10             // length, tag of two bytes, length of the message
#define CARRY_BYTES_MIN 256
#define CARRY_BYTES_KEPT 4096         // a larger carry is given back after its frame

enum length_kind { LENGTH_SHORT, LENGTH_GOOD, LENGTH_BAD };

// Reads a frame's length from its first bytes: SHORT when they end too early, BAD with the reason in reader->fault.
static enum length_kind length_read(struct frame_reader *reader, const uint8_t *at, size_t count, uint32_t *ret_length,
                                    uint32_t *ret_bytes)
{
    uint32_t length = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (i == LENGTH_BYTES_MAX) {
            reader->fault = "the length of a frame has more than four bytes";
            return LENGTH_BAD;
        }
        length |= (uint32_t)(at[i] & 0x7f) << (7 * i);
        if (at[i] >= 0x80) {
            continue;
        }
        if (at[i] == 0) {
            reader->fault = i == 0 ? "the length of a frame is 0" : "the length of a frame is written over-long";
            return LENGTH_BAD;
        }
        if (length > reader->frame_bytes_max) {
            reader->fault = "a frame is longer than the limit";
            return LENGTH_BAD;
        }
        *ret_length = length;
        *ret_bytes = i + 1;
        return LENGTH_GOOD;
    }
    return LENGTH_SHORT;
}

// Moves up to `count` bytes of the input into the carry.
static void carry_take(struct frame_reader *reader, size_t count)
{
    size_t there = (size_t)(reader->end - reader->at);
    size_t take = count < there ? count : there;
    if (take == 0) {
        return;
    }
    size_t needed = reader->carry_used + take;
    if (needed > reader->carry_capacity) {
        size_t capacity = reader->carry_capacity == 0 ? CARRY_BYTES_MIN : reader->carry_capacity;
        while (capacity < needed) {
            capacity *= 2;
        }
        uint8_t *grown = realloc(reader->carry, capacity);
        if (grown == NULL) {
            reader->broken = true;
            reader->fault = "no memory for a frame";
            return;
        }
        reader->carry = grown;
        reader->carry_capacity = (uint32_t)capacity;
    }
    memcpy(reader->carry + reader->carry_used, reader->at, take);
    reader->carry_used += (uint32_t)take;
    reader->at += take;
}

static void carry_drop(struct frame_reader *reader)
{
    reader->carry_used = 0;
    reader->carry_given = false;
    if (reader->carry_capacity > CARRY_BYTES_KEPT) {
        free(reader->carry);
        reader->carry = NULL;
        reader->carry_capacity = 0;
    }
}

// Completes the carried frame from the input.
static bool carry_next(struct frame_reader *reader, struct cursor *ret)
{
    uint32_t length = 0;
    uint32_t head = 0;
    for (;;) {
        enum length_kind kind = length_read(reader, reader->carry, reader->carry_used, &length, &head);
        if (kind == LENGTH_BAD) {
            reader->broken = true;
            return false;
        }
        if (kind == LENGTH_GOOD) {
            break;
        }
        if (reader->at == reader->end) {
            return false;
        }
        carry_take(reader, 1);
        if (reader->broken) {
            return false;
        }
    }
    if (reader->carry_used < head + length) {
        carry_take(reader, head + length - reader->carry_used);
    }
    if (reader->broken || reader->carry_used < head + length) {
        return false;
    }
    reader->carry_given = true;
    *ret = (struct cursor){ reader->carry + head, reader->carry + head + length };
    return true;
}

void frame_reader_create(struct frame_reader *reader, uint32_t frame_bytes_max)
{
    assert(frame_bytes_max > 0);
    assert(frame_bytes_max <= FRAME_BYTES_MAX_LIMIT);
    *reader = (struct frame_reader){ .frame_bytes_max = frame_bytes_max };
}

void frame_reader_release(struct frame_reader *reader)
{
    free(reader->carry);
    *reader = (struct frame_reader){ 0 };
}

void frame_reader_input(struct frame_reader *reader, const uint8_t *bytes, size_t count)
{
    assert(reader->at == reader->end);
    if (reader->broken || count == 0) {
        return;
    }
    reader->at = bytes;
    reader->end = bytes + count;
}

bool frame_reader_next(struct frame_reader *reader, int64_t now_ms, struct cursor *ret)
{
    if (reader->carry_given) {
        carry_drop(reader);
    }
    if (!reader->broken && reader->carry_used > 0) {
        bool whole = carry_next(reader, ret);
        if (whole) {
            return true;
        }
    } else if (!reader->broken && reader->at < reader->end) {
        uint32_t length = 0;
        uint32_t head = 0;
        size_t there = (size_t)(reader->end - reader->at);
        enum length_kind kind = length_read(reader, reader->at, there, &length, &head);
        if (kind == LENGTH_GOOD && there - head >= length) {
            *ret = (struct cursor){ reader->at + head, reader->at + head + length };
            reader->at += head + length;
            return true;
        }
        if (kind == LENGTH_BAD) {
            reader->broken = true;
        } else {
            reader->partial_since_ms = now_ms;
            carry_take(reader, there);
        }
    }
    if (reader->broken) {
        carry_drop(reader);
    }
    reader->at = NULL;
    reader->end = NULL;
    return false;
}

enum frame_state frame_reader_state(const struct frame_reader *reader)
{
    if (reader->broken) {
        return FRAME_BROKEN;
    }
    return reader->carry_used > 0 && !reader->carry_given ? FRAME_PARTIAL : FRAME_READY;
}

enum status frame_open(struct cursor frame, enum frame_kind *ret_kind, struct cursor *ret_message)
{
    enum frame_kind kind = FRAME_NONE;
    struct cursor message = { 0 };
    while (frame.at < frame.end) {
        struct field field;
        if (!field_next(&frame, &field)) {
            return STATUS_SYNTAX;
        }
        if (field.number >= FRAME_KIND_COUNT) {
            continue;   // Of a later version.
        }
        if (field.type != WIRE_BYTES || kind != FRAME_NONE) {
            return STATUS_SYNTAX;
        }
        kind = (enum frame_kind)field.number;
        message = field.bytes;
    }
    *ret_kind = kind;
    if (kind == FRAME_NONE) {
        return STATUS_UNKNOWN;
    }
    *ret_message = message;
    return STATUS_OK;
}

const char *frame_kind_name(enum frame_kind kind)
{
    static const char *const NAMES[FRAME_KIND_COUNT] = { "unknown", "hello", "welcome", "error", "heartbeat",
        "observations", "plan_request", "plan", "plan_not_changed", "plan_subscription", "plan_acknowledgement",
        "controller_status", "controller_statuses", "fallback_table", "fallback_acknowledgement", "clock_advance",
        "clock_reached", "priority_request", "override", "request_result", "status_request", "status",
        "alarms_request", "alarms", "alarm_acknowledge", "audit_request", "audit_page" };
    return (unsigned)kind < FRAME_KIND_COUNT ? NAMES[kind] : NAMES[FRAME_NONE];
}

struct frame_writer frame_writer_over(uint8_t *bytes, size_t capacity)
{
    return (struct frame_writer){ .at = bytes, .capacity = capacity };
}

struct frame_mark frame_begin(struct frame_writer *out)
{
    struct frame_mark mark = { out->used };
    if (out->capacity - out->used < HEAD_BYTES_MAX) {
        out->full = true;
    } else {
        out->used += HEAD_BYTES_MAX;
    }
    return mark;
}

enum status frame_end(struct frame_writer *out, struct frame_mark mark, enum frame_kind kind)
{
    size_t bytes = out->used - mark.begin - (out->full ? 0 : HEAD_BYTES_MAX);
    if (out->full || bytes > FRAME_BYTES_MAX_LIMIT - HEAD_BYTES_MAX) {
        out->full = false;
        out->used = mark.begin;
        return STATUS_LIMIT;
    }
    uint64_t tag = (uint64_t)kind << 3 | WIRE_BYTES;
    uint64_t length = varint_size(tag) + varint_size(bytes) + bytes;
    size_t head = varint_size(length) + varint_size(tag) + varint_size(bytes);
    memmove(out->at + mark.begin + head, out->at + mark.begin + HEAD_BYTES_MAX, bytes);
    out->used = mark.begin;
    put_varint(out, length);
    put_varint(out, tag);
    put_varint(out, bytes);
    out->used += bytes;
    return STATUS_OK;
}
