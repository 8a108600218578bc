#include "engine/base/byte_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SINK_BYTES_MIN 65536

void sink_put(struct byte_sink *sink, const void *data, size_t bytes)
{
    if (bytes == 0) {
        return;
    }
    if (bytes > sink->capacity - sink->count) {
        size_t wanted = 2 * (sink->count + bytes);
        sink->capacity = wanted > SINK_BYTES_MIN ? wanted : SINK_BYTES_MIN;
        sink->bytes = realloc(sink->bytes, sink->capacity);
        if (sink->bytes == NULL) {
            (void)fprintf(stderr, "out of memory: %zu bytes to be written do not fit\n", sink->capacity);
            abort();
        }
    }
    memcpy(sink->bytes + sink->count, data, bytes);
    sink->count += bytes;
}

void sink_release(struct byte_sink *sink)
{
    free(sink->bytes);
    *sink = (struct byte_sink){ 0 };
}

const uint8_t *source_skip(struct byte_source *source, size_t bytes)
{
    if (source->failed || bytes > source->left) {
        source->failed = true;
        return NULL;
    }
    const uint8_t *at = source->at;
    source->at += bytes;
    source->left -= bytes;
    return at;
}

void source_take(struct byte_source *source, void *ret, size_t bytes)
{
    const uint8_t *at = source_skip(source, bytes);
    if (bytes > 0 && at != NULL) {
        memcpy(ret, at, bytes);
    } else if (bytes > 0) {
        memset(ret, 0, bytes);
    }
}
