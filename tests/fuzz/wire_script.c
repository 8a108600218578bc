#include "tests/fuzz/wire_script.h"

#include <stdlib.h>
#include <string.h>

static uint8_t take(const uint8_t **at, const uint8_t *end)
{
    return *at < end ? *(*at)++ : 0;
}

static void overwrite(struct frame_writer *out, const uint8_t **at, const uint8_t *end)
{
    size_t back = (size_t)take(at, end) << 8;
    back |= take(at, end);
    if (out->used > 0) {
        out->at[out->used - 1 - back % out->used] = take(at, end);
    }
}

size_t script_play(const uint8_t *data, size_t bytes, uint8_t *stream)
{
    struct frame_writer out = frame_writer_over(stream, SCRIPT_STREAM_BYTES);
    const uint8_t *end = data + bytes;
    while (data < end) {
        uint8_t step = take(&data, end);
        if (step < 0x40) {
            enum frame_kind kind = (enum frame_kind)(1 + step % (FRAME_KIND_COUNT - 1));
            enum status status = sample_frame(take(&data, end), kind, &out);
            (void)status;   // A full stream takes no more.
        } else if (step < 0x80) {
            size_t count = (size_t)(end - data) < (step & 0x3fu) ? (size_t)(end - data) : step & 0x3fu;
            put_bytes(&out, data, count);
            data += count;
        } else if (step < 0xc0) {
            overwrite(&out, &data, end);
        } else {
            size_t cut = step & 0x3fu;
            out.used -= cut < out.used ? cut : out.used;
        }
        out.full = false;
    }
    return out.used;
}

void script_check_written(const uint8_t *at, size_t count, struct arena *arena)
{
    struct cursor stream = { at, at + count };
    while (stream.at < stream.end) {
        uint64_t length;
        if (!varint_read(&stream, &length) || length == 0 || length > cursor_bytes(&stream)) {
            abort();
        }
        struct cursor frame = { stream.at, stream.at + length };
        struct cursor message;
        enum frame_kind kind;
        const char *field;
        arena_reset(arena);
        if (frame_open(frame, &kind, &message) != STATUS_OK
            || sample_decode(kind, message, arena, &field) != STATUS_OK) {
            abort();
        }
        stream.at = frame.end;
    }
}
