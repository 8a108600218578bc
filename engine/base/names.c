#include "engine/base/names.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/memory.h"

// The slot that holds the name, or the empty one where it belongs.
static int32_t slot_find(const struct names *names, const char *text)
{
    uint64_t hash = hash_bytes(HASH_SEED, text, strlen(text));
    int32_t mask = names->slot_count - 1;
    int32_t slot = (int32_t)((hash ^ (hash >> 32)) & (uint64_t)mask);
    while (names->slot[slot] != 0
           && strcmp(names_text(names, names->slot[slot] - 1), text) != 0) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

static void slots_double(struct names *names)
{
    free(names->slot);
    names->slot_count = names->slot_count == 0 ? 64 : names->slot_count * 2;
    names->slot = memory_take((size_t)names->slot_count, sizeof *names->slot);
    for (int32_t i = 0; i < names->count; i++) {
        names->slot[slot_find(names, names_text(names, i))] = i + 1;
    }
}

int32_t names_add(struct names *names, const char *text)
{
    assert(names != NULL);
    assert(text != NULL);
    if (2 * (names->count + 1) > names->slot_count) {
        slots_double(names);
    }
    int32_t slot = slot_find(names, text);
    if (names->slot[slot] != 0) {
        return names->slot[slot] - 1;
    }
    int32_t bytes = (int32_t)strlen(text) + 1;
    memory_grow((void **)&names->text, &names->text_capacity, names->text_bytes + bytes, 1);
    memory_grow((void **)&names->offset, &names->offset_capacity, names->count + 1,
                sizeof *names->offset);
    memcpy(names->text + names->text_bytes, text, (size_t)bytes);
    names->offset[names->count] = names->text_bytes;
    names->text_bytes += bytes;
    names->slot[slot] = ++names->count;
    return names->count - 1;
}

int32_t names_find(const struct names *names, const char *text)
{
    if (names->slot_count == 0 || text == NULL) {
        return NAME_NONE;
    }
    return names->slot[slot_find(names, text)] - 1;
}

const char *names_text(const struct names *names, int32_t index)
{
    assert(index >= 0);
    assert(index < names->count);
    return names->text + names->offset[index];
}

void names_copy(const struct names *from, struct names *ret)
{
    *ret = (struct names){ 0 };
    for (int32_t i = 0; i < from->count; i++) {
        (void)names_add(ret, names_text(from, i));
    }
}

void names_release(struct names *names)
{
    free(names->text);
    free(names->offset);
    free(names->slot);
    *names = (struct names){ 0 };
}
