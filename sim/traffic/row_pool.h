// row_pool.h: rows for groups, in pieces as long as their queues.
//
// THEORY    A lane that could hold sixty vehicles holds three of them most of the day. Were its rows kept for sixty,
//           each page of memory that a queue once reached would stay taken, and vehicles would lie pages apart. So a
//           group has a piece of 8, 12, 16, 24 ... rows, moves to the next size when a column outgrows it, and to
//           a smaller one that leaves it three rows to spare. Pieces that are left are kept by size, by share.
// CONTRACT  Allocates nothing: the address space for every group's longest piece is taken at creation, memory only
//           by use. Where rows lie changes no result. Called by the thread that has the group at hand; others may ask
//           the same pool.
#pragma once

#include "sim/traffic/street_state.h"

// Rows of address space that pieces for up to `rows` rows may need in all, the smaller ones left behind included. A
// share needs as much once more for its longest piece: of each size one may lie free when another is cut in two.
int64_t rows_bound(int32_t rows);

// Prepares the share's pool, and gives each of its groups its first piece.
void rows_begin(struct street *street, struct share *share);

// Room for `rows` rows. The group's rows may lie elsewhere afterwards.
void rows_reserve(struct street *street, struct row_pool *pool, struct group *group, int32_t rows);

// A smaller piece, if it would do.
void rows_shrink(struct street *street, struct row_pool *pool, struct group *group);
