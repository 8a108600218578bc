// arena.h: bounded scratch memory that is filled from the front and emptied at once.
//
// THEORY    One block, one mark. Taking moves the mark; a reset moves it back. A peer's frame is unpacked into
//           an arena, so that no frame, however made, costs more than the block.
// CONTRACT  Not for several threads at once. arena_take gives NULL when the block is used up: that is an
//           operating error (a frame too rich), never an abort.
// OWNERSHIP The arena owns its block. What was taken is borrowed until the next reset or release.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct arena {
    uint8_t *block;
    size_t bytes, used;   // size of the block, and how much of it is taken
};

void arena_create(struct arena *arena, size_t bytes);
void arena_release(struct arena *arena);
void arena_reset(struct arena *arena);

// Memory for `bytes` bytes, aligned for any object and not zeroed, or NULL when the block has no room.
void *arena_take(struct arena *arena, size_t bytes);
