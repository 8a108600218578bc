#include "engine/wire/fields.h"

#include <string.h>

#define FIELD_NUMBER_MAX 536870911u   // 2^29 - 1, protobuf's limit

static uint64_t fixed_read(const uint8_t *at, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) {
        value |= (uint64_t)at[i] << (8 * i);
    }
    return value;
}

bool field_next(struct cursor *message, struct field *ret)
{
    uint64_t tag;
    if (!varint_read(message, &tag) || tag >> 3 == 0 || tag >> 3 > FIELD_NUMBER_MAX) {
        return false;
    }
    struct field field = { .number = (uint32_t)(tag >> 3) };
    uint64_t length;
    switch (tag & 7) {
    case WIRE_VARINT:
        field.type = WIRE_VARINT;
        if (!varint_read(message, &field.value)) {
            return false;
        }
        break;
    case WIRE_FIXED64:
    case WIRE_FIXED32:
        field.type = (enum wire_type)(tag & 7);
        length = field.type == WIRE_FIXED64 ? 8 : 4;
        if (cursor_bytes(message) < length) {
            return false;
        }
        field.value = fixed_read(message->at, (int)length);
        message->at += length;
        break;
    case WIRE_BYTES:
        field.type = WIRE_BYTES;
        if (!varint_read(message, &length) || length > cursor_bytes(message)) {
            return false;
        }
        field.bytes = (struct cursor){ message->at, message->at + length };
        message->at += length;
        break;
    default:
        return false;   // Groups are long out of use, and a way to nest without end.
    }
    *ret = field;
    return true;
}

enum status fields_read(struct cursor message, struct fields *ret)
{
    ret->numbers = 0;
    ret->fixeds = 0;
    ret->bytes_set = 0;
    while (message.at < message.end) {
        struct field field;
        if (!field_next(&message, &field)) {
            return STATUS_SYNTAX;
        }
        if (field.number > FIELD_MAX) {
            continue;
        }
        uint64_t bit = UINT64_C(1) << field.number;
        if (field.type == WIRE_BYTES) {
            if (ret->bytes_set & bit) {
                return STATUS_SYNTAX;
            }
            ret->bytes_set |= bit;
            ret->bytes[field.number] = field.bytes;
        } else {
            if (field.type == WIRE_VARINT) {
                ret->numbers |= bit;
            } else {
                ret->fixeds |= bit;
            }
            ret->value[field.number] = field.value;
        }
        // One field has one wire type.
        if (((ret->numbers & bit) != 0) + ((ret->fixeds & bit) != 0) + ((ret->bytes_set & bit) != 0) != 1) {
            return STATUS_SYNTAX;
        }
    }
    return STATUS_OK;
}

static bool fields_has(const struct fields *fields, uint64_t set, uint32_t field, bool *ret_fault)
{
    uint64_t bit = UINT64_C(1) << field;
    bool here = (set & bit) != 0;
    *ret_fault = !here && ((fields->numbers | fields->fixeds | fields->bytes_set) & bit) != 0;
    return here;
}

bool fields_uint(const struct fields *fields, uint32_t field, uint64_t max, uint64_t missing, uint64_t *ret)
{
    bool fault;
    bool here = fields_has(fields, fields->numbers, field, &fault);
    uint64_t value = here ? fields->value[field] : missing;
    if (fault || (here && value > max)) {
        return false;
    }
    *ret = value;
    return true;
}

bool fields_sint(const struct fields *fields, uint32_t field, int64_t min, int64_t max, int64_t missing, int64_t *ret)
{
    bool fault;
    bool here = fields_has(fields, fields->numbers, field, &fault);
    int64_t value = here ? zigzag_decode(fields->value[field]) : missing;
    if (fault || (here && (value < min || value > max))) {
        return false;
    }
    *ret = value;
    return true;
}

bool fields_fixed64(const struct fields *fields, uint32_t field, uint64_t *ret)
{
    bool fault;
    bool here = fields_has(fields, fields->fixeds, field, &fault);
    if (fault) {
        return false;
    }
    *ret = here ? fields->value[field] : 0;
    return true;
}

bool fields_column(const struct fields *fields, uint32_t field, struct cursor *ret)
{
    static const uint8_t NOTHING[1];
    bool fault;
    bool here = fields_has(fields, fields->bytes_set, field, &fault);
    if (fault) {
        return false;
    }
    *ret = here ? fields->bytes[field] : (struct cursor){ NOTHING, NOTHING };
    return true;
}

int64_t column_count(struct cursor column)
{
    size_t bytes = cursor_bytes(&column);
    if (bytes == 0) {
        return 0;
    }
    if (column.end[-1] >= 0x80) {
        return -1;
    }
    int64_t count = 0;
    while (column.at < column.end) {
        // At most 255 in a byte-wide sum: the compiler adds 16 or more lanes at a time.
        size_t run = cursor_bytes(&column) < 255 ? cursor_bytes(&column) : 255;
        uint8_t ends = 0;
        for (size_t i = 0; i < run; i++) {
            ends = (uint8_t)(ends + (column.at[i] < 0x80));
        }
        count += ends;
        column.at += run;
    }
    return count;
}

struct cursor column_split(struct cursor *column, int32_t count)
{
    struct cursor part = *column;
    size_t bytes = cursor_bytes(column);
    if (bytes == (size_t)count) {
        column->at = column->end;   // The last part, one byte each.
        return part;
    }
    for (int32_t i = 0; i < count; i++) {
        while (*column->at++ >= 0x80) {
        }
    }
    part.end = column->at;
    return part;
}

// One varint of a counted column: the end of the column bounds every one of them.
static inline bool column_next(const uint8_t **at, uint64_t *ret)
{
    const uint8_t *byte = *at;
    uint64_t value = *byte;
    if (value >= 0x80) {
        value &= 0x7f;
        unsigned shift = 7;
        do {
            byte++;
            if (shift > 63 || (shift == 63 && *byte > 1)) {
                return false;
            }
            value |= (uint64_t)(*byte & 0x7f) << shift;
            shift += 7;
        } while (*byte >= 0x80);
    }
    *at = byte + 1;
    *ret = value;
    return true;
}

bool column_uints(struct cursor column, int32_t count, int32_t *ret)
{
    if (cursor_bytes(&column) == (size_t)count) {
        for (int32_t i = 0; i < count; i++) {   // One byte each: a plain widening.
            ret[i] = column.at[i];
        }
        return true;
    }
    const uint8_t *at = column.at;
    for (int32_t i = 0; i < count; i++) {
        uint64_t value;
        if (!column_next(&at, &value)) {
            return false;
        }
        ret[i] = value > INT32_MAX ? INT32_MAX : (int32_t)value;
    }
    return true;
}

bool column_sints(struct cursor column, int32_t count, int32_t *ret)
{
    if (cursor_bytes(&column) == (size_t)count) {
        for (int32_t i = 0; i < count; i++) {
            int32_t byte = column.at[i];
            ret[i] = (byte >> 1) ^ -(byte & 1);
        }
        return true;
    }
    const uint8_t *at = column.at;
    for (int32_t i = 0; i < count; i++) {
        uint64_t value;
        if (!column_next(&at, &value)) {
            return false;
        }
        int64_t number = zigzag_decode(value);
        ret[i] = number > INT32_MAX ? INT32_MAX : number < INT32_MIN ? INT32_MIN : (int32_t)number;
    }
    return true;
}

void put_string(struct frame_writer *out, uint32_t field, const char *text)
{
    size_t length = strlen(text);
    put_tag(out, field, WIRE_BYTES);
    put_varint(out, length);
    put_bytes(out, text, length);
}

void put_text(struct frame_writer *out, uint32_t field, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        put_string(out, field, text);
    }
}
