// byte_stream.h: values written one after the other into memory that grows, and read back.
//
// THEORY    For files of our own that one machine writes and the same kind of machine reads: values lie as they lie in
//           memory. Who reads asks for as many bytes as were written; once there are too few, `failed` is set and all
//           that is read from then on is zero, so that a reader may check once at the end of a part.
// CONTRACT  A sink grows as it needs; a source never reads beyond its bytes.
// OWNERSHIP sink_release frees a sink's bytes; a source borrows its.
// NOT HERE  Files, checksums (sim/loop/checkpoint.h).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct byte_sink { uint8_t *bytes; size_t count, capacity; };
struct byte_source { const uint8_t *at; size_t left; bool failed; };

void sink_put(struct byte_sink *sink, const void *data, size_t bytes);
void sink_release(struct byte_sink *sink);
void source_take(struct byte_source *source, void *ret, size_t bytes);

// Skips so many bytes and gives where they are, or NULL.
const uint8_t *source_skip(struct byte_source *source, size_t bytes);

static inline void sink_number(struct byte_sink *sink, int64_t value)
{
    sink_put(sink, &value, sizeof value);
}

static inline int64_t source_number(struct byte_source *source)
{
    int64_t value;
    source_take(source, &value, sizeof value);
    return value;
}
