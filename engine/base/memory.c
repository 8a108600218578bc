#include "engine/base/memory.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const size_t COLUMN_ALIGNMENT = 64;   // One cache line, and one 512-bit register.

static const size_t LARGE_PAGE_BYTES = (size_t)1 << 21;
static const size_t TABLE_BYTES_MIN = (size_t)1 << 20;   // below, the rest of a large page would be wasted

static void *checked(void *taken, size_t count, size_t size)
{
    if (taken == NULL) {
        (void)fprintf(stderr, "out of memory: %zu objects of %zu bytes do not fit\n", count, size);
        abort();
    }
    return taken;
}

void *memory_take(size_t count, size_t size)
{
    assert(size > 0);
    return checked(calloc(count > 0 ? count : 1, size), count, size);
}

void *memory_take_aligned(size_t count, size_t size)
{
    assert(size > 0);
    assert(count <= SIZE_MAX / size - COLUMN_ALIGNMENT);
    size_t bytes = (count * size + COLUMN_ALIGNMENT) / COLUMN_ALIGNMENT * COLUMN_ALIGNMENT;
    void *taken = checked(aligned_alloc(COLUMN_ALIGNMENT, bytes), count, size);
    memset(taken, 0, bytes);
    return taken;
}

void memory_wish_large_pages(void *at, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    uintptr_t first = ((uintptr_t)at + LARGE_PAGE_BYTES - 1) / LARGE_PAGE_BYTES * LARGE_PAGE_BYTES;
    uintptr_t end = ((uintptr_t)at + bytes) / LARGE_PAGE_BYTES * LARGE_PAGE_BYTES;
    if (first < end) {
        (void)madvise((void *)first, end - first, MADV_HUGEPAGE);   // a wish: without them all works as well
    }
#else
    (void)at;
    (void)bytes;
#endif
}

void *memory_take_table(size_t count, size_t size)
{
    assert(size > 0);
    assert(count <= SIZE_MAX / size - LARGE_PAGE_BYTES);
    if (count * size < TABLE_BYTES_MIN) {
        return memory_take_aligned(count, size);
    }
    size_t bytes = (count * size + LARGE_PAGE_BYTES - 1) / LARGE_PAGE_BYTES * LARGE_PAGE_BYTES;
    void *taken = checked(aligned_alloc(LARGE_PAGE_BYTES, bytes), count, size);
    memory_wish_large_pages(taken, bytes);
    memset(taken, 0, count * size);
    return taken;
}

void *memory_copy(const void *from, size_t count, size_t size)
{
    void *to = memory_take(count, size);
    if (count > 0) {
        assert(from != NULL);
        memcpy(to, from, count * size);
    }
    return to;
}

void memory_grow(void **array, int32_t *capacity, int32_t needed, size_t size)
{
    assert(needed >= 0);
    if (needed <= *capacity) {
        return;
    }
    int32_t grown = *capacity < 8 ? 8 : *capacity;
    while (grown < needed) {
        assert(grown <= INT32_MAX / 2);
        grown *= 2;
    }
    char *moved = checked(realloc(*array, (size_t)grown * size), (size_t)grown, size);
    memset(moved + (size_t)*capacity * size, 0, (size_t)(grown - *capacity) * size);
    *array = moved;
    *capacity = grown;
}
