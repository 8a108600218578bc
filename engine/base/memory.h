// memory.h: memory that is taken when something is loaded, and a growing array to load into.
//
// THEORY    The engine allocates while it loads and never while it runs. Running out of memory while loading
//           has no remedy but a larger machine, so these calls end the process with a sentence instead of
//           handing every caller an error path that no test could reach.
// CONTRACT  Returned memory is zeroed, suitably aligned for any object, and never NULL, also for count 0.
// OWNERSHIP Given to the caller, who frees it with free().
// NOT HERE  Memory for a frame from a peer (arena.h), which has a bound and refuses.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Zeroed memory for `count` objects of `size` bytes.
void *memory_take(size_t count, size_t size);

// Zeroed memory for columns that wide instructions walk: aligned to 64 bytes. Freed with free().
void *memory_take_aligned(size_t count, size_t size);

// The same for a table that every step goes through from end to end: a large one lies on pages of 2 MB where the system
// has them, so that the processor finds its places without walking its page tables. Freed with free().
void *memory_take_table(size_t count, size_t size);

// Room for many such tables that end together: they lie one behind another, in large rooms on pages of 2 MB. Starts as
// { 0 }.
struct memory_room {
    struct memory_chunk *last;    // the one that is filled now; joined to those before it
    size_t used;                  // bytes of it
};

// Zeroed memory as of memory_take_aligned, borrowed until the room is released. What is not touched of large tables
// costs no memory.
void *memory_room_take(struct memory_room *room, size_t count, size_t size);
void memory_room_release(struct memory_room *room);

// Asks for pages of 2 MB within memory that is touched by and by; what is touched first costs 2 MB then.
void memory_wish_large_pages(void *at, size_t bytes);

// Asks for the cache line at `at`, which is read soon, or written, so that nobody waits for it then. gcc takes a
// function that does nothing else for one without effect and leaves out its calls: hence the empty instruction.
static inline __attribute__((always_inline)) void memory_expect(const void *at)
{
    __builtin_prefetch(at);
    __asm__ volatile("");
}

static inline __attribute__((always_inline)) void memory_expect_write(const void *at)
{
    __builtin_prefetch(at, 1);
    __asm__ volatile("");
}

// A copy of `count` objects of `size` bytes; from may be NULL when count is 0.
void *memory_copy(const void *from, size_t count, size_t size);

// Grows *array (of *capacity objects of `size` bytes) so that it holds at least `needed`; new space is zeroed.
void memory_grow(void **array, int32_t *capacity, int32_t needed, size_t size);

// Appends one zeroed object to a growing array and gives its address, which holds until the next append.
//     struct lane *lane = GROW(lanes);    with   struct { struct lane *at; int32_t count, capacity; } lanes;
#define GROW(list)                                                                                     \
    (memory_grow((void **)&(list).at, &(list).capacity, (list).count + 1, sizeof *(list).at),          \
     &(list).at[(list).count++])

// Declares the growing array that GROW fills; starts as { 0 }.
#define LIST_OF(type)                                                                                  \
    struct {                                                                                           \
        type *at;                                                                                      \
        int32_t count, capacity;                                                                       \
    }
