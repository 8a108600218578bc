#include "engine/base/memory.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const size_t COLUMN_ALIGNMENT = 64;   // One cache line, and one 512-bit register.

static const size_t LARGE_PAGE_BYTES = (size_t)1 << 21;
static const size_t TABLE_BYTES_MIN = (size_t)1 << 20;   // below, the rest of a large page would be wasted
static const size_t CHUNK_BYTES_MIN = (size_t)1 << 16, CHUNK_BYTES_MAX = (size_t)1 << 24;
// Under the address sanitizer each table is a chunk of its own, so that it sees who leaves its own.
#if defined(__SANITIZE_ADDRESS__)
static const bool APART = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
static const bool APART = true;
#else
static const bool APART = false;
#endif
#else
static const bool APART = false;
#endif

// Before the tables of a chunk: what it takes to give it back.
struct memory_chunk {
    _Alignas(64) struct memory_chunk *before;
    size_t bytes;                 // this included
    void *mapped;                 // what a large one lies in, or NULL
    size_t mapped_bytes;
};

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

// A zeroed chunk. Large ones are not touched before they are used, and lie on large pages.
static struct memory_chunk *chunk_create(size_t bytes)
{
    if (APART || bytes < LARGE_PAGE_BYTES) {
        struct memory_chunk *chunk = memory_take_aligned(bytes, 1);
        chunk->bytes = bytes;
        return chunk;
    }
    size_t mapped_bytes = bytes + LARGE_PAGE_BYTES;
    uint8_t *mapped = mmap(NULL, mapped_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    (void)checked(mapped != MAP_FAILED ? mapped : NULL, bytes, 1);
    size_t spare = LARGE_PAGE_BYTES - (uintptr_t)mapped % LARGE_PAGE_BYTES;
    struct memory_chunk *chunk = (struct memory_chunk *)(void *)(mapped + spare % LARGE_PAGE_BYTES);
    memory_wish_large_pages(chunk, bytes);
    *chunk = (struct memory_chunk){ .bytes = bytes, .mapped = mapped, .mapped_bytes = mapped_bytes };
    return chunk;
}

void *memory_room_take(struct memory_room *room, size_t count, size_t size)
{
    assert(size > 0);
    assert(count <= SIZE_MAX / 2 / size);
    size_t bytes = (count * size + COLUMN_ALIGNMENT) / COLUMN_ALIGNMENT * COLUMN_ALIGNMENT;
    if (APART || room->last == NULL || bytes > room->last->bytes - room->used) {
        size_t next = room->last == NULL ? CHUNK_BYTES_MIN : 2 * room->last->bytes;
        next = next < CHUNK_BYTES_MAX ? next : CHUNK_BYTES_MAX;
        size_t needed = bytes + sizeof(struct memory_chunk);
        if (!APART) {
            needed = needed <= next ? next : (needed + LARGE_PAGE_BYTES - 1) / LARGE_PAGE_BYTES * LARGE_PAGE_BYTES;
        }
        struct memory_chunk *chunk = chunk_create(needed);
        chunk->before = room->last;
        room->last = chunk;
        room->used = sizeof *chunk;
    }
    void *taken = (uint8_t *)room->last + room->used;
    room->used += bytes;
    return taken;
}

void memory_room_release(struct memory_room *room)
{
    for (struct memory_chunk *chunk = room->last, *before; chunk != NULL; chunk = before) {
        before = chunk->before;
        if (chunk->mapped != NULL) {
            (void)munmap(chunk->mapped, chunk->mapped_bytes);
        } else {
            free(chunk);
        }
    }
    *room = (struct memory_room){ 0 };
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
