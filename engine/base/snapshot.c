#include "engine/base/snapshot.h"

#include <string.h>

#include "engine/base/hash.h"

struct snapshot_walk snapshot_walk_begin(enum snapshot_way way, uint8_t *bytes, size_t capacity)
{
    return (struct snapshot_walk){ .way = way, .bytes = bytes, .capacity = capacity, .layout = HASH_SEED };
}

void snapshot_column(struct snapshot_walk *walk, void *column, size_t count, size_t size)
{
    size_t bytes = count * size;
    walk->layout = hash_number(hash_number(walk->layout, (int64_t)count), (int64_t)size);
    if (walk->way != SNAPSHOT_MEASURE && (walk->failed || walk->capacity - walk->used < bytes)) {
        walk->failed = true;
        return;
    }
    if (bytes > 0 && walk->way == SNAPSHOT_SAVE) {
        memcpy(walk->bytes + walk->used, column, bytes);
    } else if (bytes > 0 && walk->way == SNAPSHOT_LOAD) {
        memcpy(column, walk->bytes + walk->used, bytes);
    }
    walk->used += bytes;
}
