// varint.h: the bytes of protobuf's encoding: reading them with a bound, writing them with a bound.
//
// THEORY    A varint holds seven bits a byte, least significant first; the top bit says that another byte follows. A
//           signed difference is zigzagged (0, -1, 1, -2 -> 0, 1, 2, 3) so that small ones stay short. A tag is a
//           varint of (field << 3 | wire type). https://protobuf.dev/programming-guides/encoding
// CONTRACT  Nothing is read at or after `end`, nothing written at or after at + capacity. No allocation.
// OWNERSHIP Cursors and writers borrow the caller's bytes.
// NOT HERE  Which fields a message has (the codecs).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VARINT_BYTES_MAX 10

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

// Bytes still to be read.
struct cursor {
    const uint8_t *at, *end;
};

// Bytes written so far. `full` once something did not fit; then nothing more is written.
struct frame_writer {
    uint8_t *at;
    size_t used, capacity;
    bool full;
};

static inline size_t cursor_bytes(const struct cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

// One varint. false, and the cursor where it was, when it is cut off or longer than ten bytes.
static inline bool varint_read(struct cursor *cursor, uint64_t *ret)
{
    const uint8_t *at = cursor->at;
    uint64_t value = 0;
    for (unsigned shift = 0; at < cursor->end && shift < 64; shift += 7) {
        uint8_t byte = *at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            if (shift == 63 && byte > 1) {
                return false;   // More than 64 bits.
            }
            cursor->at = at;
            *ret = value;
            return true;
        }
    }
    return false;
}

static inline int64_t zigzag_decode(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static inline uint64_t zigzag_encode(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static inline size_t varint_size(uint64_t value)
{
    // Ceiling of bits / 7 for bits 1 .. 64, without a division by 7.
    return (size_t)((64 - __builtin_clzll(value | 1)) * 9 + 64) / 64;
}

// Writes without looking at a bound; gives the address behind.
static inline uint8_t *varint_write(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

static inline void put_varint(struct frame_writer *out, uint64_t value)
{
    if (out->full || out->capacity - out->used < varint_size(value)) {
        out->full = true;
        return;
    }
    out->used = (size_t)(varint_write(out->at + out->used, value) - out->at);
}

static inline void put_tag(struct frame_writer *out, uint32_t field, enum wire_type type)
{
    put_varint(out, (uint64_t)field << 3 | (uint64_t)type);
}

static inline void put_bytes(struct frame_writer *out, const void *bytes, size_t count)
{
    if (out->full || out->capacity - out->used < count) {
        out->full = true;
        return;
    }
    if (count > 0) {
        memcpy(out->at + out->used, bytes, count);
        out->used += count;
    }
}

static inline void put_uint(struct frame_writer *out, uint32_t field, uint64_t value)
{
    put_tag(out, field, WIRE_VARINT);
    put_varint(out, value);
}

static inline void put_sint(struct frame_writer *out, uint32_t field, int64_t value)
{
    put_uint(out, field, zigzag_encode(value));
}

static inline void put_fixed64(struct frame_writer *out, uint32_t field, uint64_t value)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    put_tag(out, field, WIRE_FIXED64);
    put_bytes(out, bytes, sizeof bytes);
}
