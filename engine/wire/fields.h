// fields.h: the fields of one message, taken apart without memory; and packed columns, counted before they are decoded.
//
// THEORY    A packed column is varints end to end. Each ends with the only byte of it whose top bit is clear, so
//           counting those bytes counts the values: a pass of wide instructions, before anything is stored.
// CONTRACT  Field numbers above FIELD_MAX are skipped, as a later version's. A group (wire types 3 and 4) is a fault.
//           Numbers: the last one wins, as protobuf says. A second run of the same bytes field is a fault: no
//           encoder of a packed column makes one.
// OWNERSHIP All cursors borrow the message's bytes.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"
#include "engine/wire/varint.h"

#define FIELD_MAX 40

struct field {
    uint32_t number;
    enum wire_type type;
    uint64_t value;                   // WIRE_VARINT, WIRE_FIXED64, WIRE_FIXED32
    struct cursor bytes;              // WIRE_BYTES
};

// The next field. false: cut off, or not a field.
bool field_next(struct cursor *message, struct field *ret);

struct fields {
    uint64_t numbers, fixeds, bytes_set;   // bit n: field n was there, by its wire type
    uint64_t value[FIELD_MAX + 1];
    struct cursor bytes[FIELD_MAX + 1];
};

MUST_USE enum status fields_read(struct cursor message, struct fields *ret);

// Values of a field, or `missing` when it is not there. false: there, but not of this wire type or outside the range.
bool fields_uint(const struct fields *fields, uint32_t field, uint64_t max, uint64_t missing, uint64_t *ret);
bool fields_sint(const struct fields *fields, uint32_t field, int64_t min, int64_t max, int64_t missing, int64_t *ret);
bool fields_fixed64(const struct fields *fields, uint32_t field, uint64_t *ret);   // 0 when missing

// The bytes of a packed column; empty when it is not there. false: there, but not as bytes.
bool fields_column(const struct fields *fields, uint32_t field, struct cursor *ret);

// How many varints the column holds; -1 when its last one is cut off.
int64_t column_count(struct cursor column);

// Takes the first `count` varints off a counted column.
struct cursor column_split(struct cursor *column, int32_t count);

// Decodes exactly `count` varints, which column_count has counted, saturated to 0 .. INT32_MAX and to
// INT32_MIN .. INT32_MAX (zigzag). false: one of them has more than 64 bits.
bool column_uints(struct cursor column, int32_t count, int32_t *ret);
bool column_sints(struct cursor column, int32_t count, int32_t *ret);

// Writes a packed column: `value`, an expression of the index `i`, gives each row's number as uint64_t.
#define PUT_COLUMN(out, field, count, i, value)                                                          \
    do {                                                                                                 \
        size_t column_bytes = 0;                                                                         \
        for (int32_t i = 0; i < (count); i++) {                                                          \
            column_bytes += varint_size(value);                                                          \
        }                                                                                                \
        if ((count) > 0) {                                                                               \
            put_tag((out), (field), WIRE_BYTES);                                                         \
            put_varint((out), column_bytes);                                                             \
        }                                                                                                \
        if ((out)->full || (out)->capacity - (out)->used < column_bytes) {                               \
            (out)->full = true;                                                                          \
        } else {                                                                                         \
            uint8_t *column_at = (out)->at + (out)->used;                                                \
            for (int32_t i = 0; i < (count); i++) {                                                      \
                column_at = varint_write(column_at, (value));                                            \
            }                                                                                            \
            (out)->used += column_bytes;                                                                 \
        }                                                                                                \
    } while (0)

// Writes a text field, "" too: of repeated ones, which are columns.
void put_string(struct frame_writer *out, uint32_t field, const char *text);

// Writes a text field; nothing for NULL or "".
void put_text(struct frame_writer *out, uint32_t field, const char *text);
