// outbox.h: bytes that gather until they are sent.
//
// CONTRACT  Grows by doubling; its bound is the caller's.
// OWNERSHIP The caller frees `bytes`.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outbox {
    uint8_t *bytes;
    size_t used, capacity;
};

// false: out of memory.
bool outbox_add(struct outbox *box, const uint8_t *bytes, size_t byte_count);

// All has gone out. A large one gives its memory back.
void outbox_empty(struct outbox *box);
