#include "clients/wire/bytes.h"

#include <string.h>

static bool varint_get(struct bytes_in *in, uint64_t *ret)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && in->at < in->end; shift += 7) {
        uint8_t byte = *in->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret = value;
            return true;
        }
    }
    return false;
}

static bool fixed_get(struct bytes_in *in, int count, uint64_t *ret)
{
    *ret = 0;
    for (int i = 0; i < count; i++) {
        *ret |= (uint64_t)*in->at++ << (8 * i);
    }
    return true;
}

static bool field_get(struct bytes_in *in, uint32_t *ret_number, uint64_t *ret_value, struct bytes_in *ret_inside)
{
    uint64_t key = 0, length = 0;
    if (!varint_get(in, &key) || key >> 3 == 0 || key >> 3 > UINT32_MAX) {
        return false;
    }
    *ret_number = (uint32_t)(key >> 3);
    *ret_inside = (struct bytes_in){ NULL, NULL };
    switch (key & 7) {
    case 0:
        return varint_get(in, ret_value);
    case 1:
        return in->end - in->at >= 8 && fixed_get(in, 8, ret_value);
    case 2:
        if (!varint_get(in, &length) || length > (uint64_t)(in->end - in->at)) {
            return false;
        }
        *ret_inside = (struct bytes_in){ in->at, in->at + length };
        in->at += length;
        return true;
    case 5:
        return in->end - in->at >= 4 && fixed_get(in, 4, ret_value);
    default:
        return false;
    }
}

bool message_open(struct bytes_in in, struct message *ret)
{
    *ret = (struct message){ 0 };
    while (in.at < in.end) {
        uint32_t number = 0;
        uint64_t value = 0;
        struct bytes_in inside;
        if (!field_get(&in, &number, &value, &inside)) {
            return false;
        }
        if (number < FIELDS_MAX) {
            ret->has[number] = true;
            ret->value[number] = value;
            ret->inside[number] = inside;
        }
    }
    return true;
}

int32_t message_column(const struct message *message, uint32_t number, bool zigzag_coded, int64_t *values,
                       int32_t capacity)
{
    struct bytes_in in = message->inside[number];
    int32_t count = 0;
    while (in.at < in.end) {
        uint64_t value = 0;
        if (count == capacity || !varint_get(&in, &value)) {
            return -1;
        }
        values[count++] = zigzag_coded ? zigzag(value) : (int64_t)value;
    }
    return count;
}

void text_copy(struct bytes_in in, char *ret, size_t capacity)
{
    size_t length = (size_t)(in.end - in.at), count = length < capacity - 1 ? length : capacity - 1;
    if (count > 0) {
        memcpy(ret, in.at, count);
    }
    ret[count] = '\0';
}

int32_t frame_whole(const uint8_t *bytes, size_t count, size_t bytes_max)
{
    struct bytes_in in = { bytes, bytes + count };
    uint64_t length = 0;
    if (!varint_get(&in, &length)) {
        return count < 5 ? 0 : -1;
    }
    if (length == 0 || length > bytes_max) {
        return -1;
    }
    return (uint64_t)(in.end - in.at) < length ? 0 : (int32_t)((uint64_t)(in.at - bytes) + length);
}

uint32_t frame_message(const uint8_t *bytes, size_t count, struct bytes_in *ret)
{
    struct bytes_in in = { bytes, bytes + count };
    uint64_t length = 0, value = 0;
    uint32_t number = 0;
    bool one = varint_get(&in, &length) && field_get(&in, &number, &value, ret) && ret->at != NULL && in.at == in.end;
    return one ? number : 0;
}

// ---- writing ----

static void byte_put(struct bytes_out *out, uint8_t byte)
{
    out->full = out->full || out->used == out->capacity;
    if (!out->full) {
        out->at[out->used++] = byte;
    }
}

static void varint_put(struct bytes_out *out, uint64_t value)
{
    while (value > 0x7f) {
        byte_put(out, (uint8_t)(value | 0x80));
        value >>= 7;
    }
    byte_put(out, (uint8_t)value);
}

void put_uint(struct bytes_out *out, uint32_t number, uint64_t value)
{
    varint_put(out, (uint64_t)number << 3);
    varint_put(out, value);
}

void put_sint(struct bytes_out *out, uint32_t number, int64_t value)
{
    put_uint(out, number, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

void put_fixed64(struct bytes_out *out, uint32_t number, uint64_t value)
{
    varint_put(out, (uint64_t)number << 3 | 1);
    for (int i = 0; i < 8; i++) {
        byte_put(out, (uint8_t)(value >> (8 * i)));
    }
}

void put_bytes(struct bytes_out *out, uint32_t number, const void *bytes, size_t count)
{
    varint_put(out, (uint64_t)number << 3 | 2);
    varint_put(out, count);
    for (size_t i = 0; i < count; i++) {
        byte_put(out, ((const uint8_t *)bytes)[i]);
    }
}

void put_text(struct bytes_out *out, uint32_t number, const char *text)
{
    put_bytes(out, number, text, strlen(text));
}

void put_column(struct bytes_out *out, uint32_t number, const uint32_t *values, size_t count)
{
    uint8_t room[COLUMN_MAX * 5];
    struct bytes_out column = { .at = room, .capacity = sizeof room };
    for (size_t i = 0; i < count; i++) {
        varint_put(&column, values[i]);
    }
    put_bytes(out, number, room, column.used);
    out->full = out->full || column.full;
}

void put_frame(struct bytes_out *out, uint32_t kind, const struct bytes_out *message)
{
    uint8_t room[16];
    struct bytes_out head = { .at = room, .capacity = sizeof room };
    size_t before = out->used;
    put_bytes(&head, kind, NULL, 0);
    head.used--;                     // the key alone; the message's own length follows it
    varint_put(&head, message->used);
    varint_put(out, head.used + message->used);
    put_bytes(out, kind, message->at, message->used);
    out->full = out->full || message->full;
    out->used = out->full ? before : out->used;   // all of it or nothing
}
