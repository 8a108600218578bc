#include "engine/serve/outbox.h"

#include <stdlib.h>
#include <string.h>

#define OUTBOX_KEPT_BYTES 16384           // a larger one is given back when it has gone out

bool outbox_add(struct outbox *box, const uint8_t *bytes, size_t byte_count)
{
    if (box->used + byte_count > box->capacity) {
        size_t capacity = box->capacity < 512 ? 512 : box->capacity;
        while (capacity < box->used + byte_count) {
            capacity *= 2;
        }
        uint8_t *grown = realloc(box->bytes, capacity);
        if (grown == NULL) {
            return false;
        }
        box->bytes = grown;
        box->capacity = capacity;
    }
    memcpy(box->bytes + box->used, bytes, byte_count);
    box->used += byte_count;
    return true;
}

void outbox_empty(struct outbox *box)
{
    box->used = 0;
    if (box->capacity > OUTBOX_KEPT_BYTES) {
        free(box->bytes);
        *box = (struct outbox){ 0 };
    }
}
