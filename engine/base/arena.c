#include "engine/base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>

#include "engine/base/memory.h"

void arena_create(struct arena *arena, size_t bytes)
{
    assert(arena != NULL);
    arena->block = memory_take_aligned(bytes, 1);
    arena->bytes = bytes;
    arena->used = 0;
}

void arena_release(struct arena *arena)
{
    free(arena->block);
    *arena = (struct arena){ 0 };
}

void arena_reset(struct arena *arena)
{
    arena->used = 0;
}

void *arena_take(struct arena *arena, size_t bytes)
{
    assert(arena->used <= arena->bytes);
    const size_t alignment = alignof(max_align_t);
    if (bytes > arena->bytes - arena->used) {
        return NULL;
    }
    size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    if (rounded > arena->bytes - arena->used) {
        return NULL;
    }
    void *taken = arena->block + arena->used;
    arena->used += rounded;
    return taken;
}
