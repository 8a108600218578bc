// snapshot.h: the state of long-lived columns as bytes, and back.
//
// THEORY    A room that keeps state has one function that walks over all of it, X_snapshot(x, walk), one line a column.
//           The same walk measures, saves and loads, so that the three cannot disagree:
//
//             MEASURE   adds up the bytes            SAVE   columns -> bytes            LOAD   bytes -> columns
//
//           The bytes are memory as it lies: they are for the same build on the same kind of machine. `layout` is a
//           fingerprint of the sizes that were walked; a reader with another layout refuses them.
// CONTRACT  A walk allocates nothing. SAVE and LOAD need exactly the bytes that MEASURE gave; too few set `failed` and
//           leave the rest undone. Pointers are not walked: they stay those of whoever loads.
// OWNERSHIP The caller owns the bytes.
// NOT HERE  Files (engine/record).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum snapshot_way { SNAPSHOT_MEASURE, SNAPSHOT_SAVE, SNAPSHOT_LOAD };

struct snapshot_walk {
    enum snapshot_way way;
    uint8_t *bytes;                   // of SAVE and LOAD
    size_t capacity, used;
    uint64_t layout;                  // HASH_SEED at the start
    bool failed;
};

struct snapshot_walk snapshot_walk_begin(enum snapshot_way way, uint8_t *bytes, size_t capacity);

// One column of `count` objects of `size` bytes.
void snapshot_column(struct snapshot_walk *walk, void *column, size_t count, size_t size);
