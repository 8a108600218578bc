// bytes.h: as much of protobuf's encoding as the protocol needs: fields in, fields out, over fixed memory.
//
// THEORY    A message is fields, each a key (number * 8 + wire type) and a value: 0 varint, 1 eight bytes, 2 length and
//           bytes, 5 four bytes. sint types are zigzag: 0, -1, 1, -2 are 0, 1, 2, 3. A packed column is varints in a
//           field of type 2. A frame is its length as a varint, then a Frame with one field of type 2: the message.
//           (protobuf.dev, "Encoding")
// CONTRACT  No allocation, no recursion. Whatever comes in is data of a stranger: every read is checked.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes_in {
    const uint8_t *at, *end;
};

enum { FIELDS_MAX = 24 };            // numbers above are of later versions

// A message laid open: by number, the last value of types 0, 1, 5 and the last bytes of type 2.
struct message {
    bool has[FIELDS_MAX];
    uint64_t value[FIELDS_MAX];
    struct bytes_in inside[FIELDS_MAX];
};

// false: the bytes are no message.
bool message_open(struct bytes_in in, struct message *ret);

// The values of a packed column, zigzag ones decoded; how many, or -1 where it is broken or has more than capacity.
int32_t message_column(const struct message *message, uint32_t number, bool zigzag_coded, int64_t *values,
                       int32_t capacity);

static inline int64_t zigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

// Copies a text field, cut to fit.
void text_copy(struct bytes_in in, char *ret, size_t capacity);

// A whole frame at the start of the buffer: its bytes in all, 0 when more are needed, -1 when they are no frame.
int32_t frame_whole(const uint8_t *bytes, size_t count, size_t bytes_max);

// The one message in a frame of `count` bytes: its number in Frame, or 0.
uint32_t frame_message(const uint8_t *bytes, size_t count, struct bytes_in *ret);

struct bytes_out {
    uint8_t *at;
    size_t used, capacity;
    bool full;                       // something did not fit: nothing of it may be sent
};

void put_uint(struct bytes_out *out, uint32_t number, uint64_t value);
void put_sint(struct bytes_out *out, uint32_t number, int64_t value);
void put_fixed64(struct bytes_out *out, uint32_t number, uint64_t value);
void put_bytes(struct bytes_out *out, uint32_t number, const void *bytes, size_t count);
void put_text(struct bytes_out *out, uint32_t number, const char *text);

enum { COLUMN_MAX = 64 };
void put_column(struct bytes_out *out, uint32_t number, const uint32_t *values, size_t count);

// A message as a frame, appended: kind is its number in Frame.
void put_frame(struct bytes_out *out, uint32_t kind, const struct bytes_out *message);
