// plan_table.h: the plans in force, packed as frames, for every thread that serves them.
//
// THEORY    The compute thread puts; loops and the store copy out. Entries are guarded in shards, held for one copy of
//           a few hundred bytes. Beside the table stands a ring of the latest changes: position p holds which
//           intersection changed p-th since the start, so that each loop walks on from where it was; one that fell
//           behind by more than the ring is told so and looks at all of its own.
// CONTRACT  Any thread; put and clear from the compute thread alone; drop of what it puts no more.
// OWNERSHIP Everything is copied.
// NOT HERE  What is in a plan.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/model/plan.h"

struct plan_table;

struct plan_entry {
    struct plan_version version;          // {0}: no plan
    enum plan_kind kind;
    struct plan_reason reason;
    size_t frame_bytes, message_bytes;    // the message is the frame's tail
};

void plan_table_create(int32_t intersection_count, struct plan_table **ret);
void plan_table_release(struct plan_table *table);

// STATUS_RANGE: the plan cannot be packed. greens are those of the plan.
MUST_USE enum status plan_table_put(struct plan_table *table, const struct plan *plan);

// Forgets all plans: another engine begins. Not told as changes.
void plan_table_clear(struct plan_table *table);

// Forgets one plan: another daemon leads there. Not told as a change.
void plan_table_drop(struct plan_table *table, int32_t intersection);

// Copies an entry, and its frame into bytes (WIRE_PLAN_BYTES_MAX of room). false: there is no plan.
bool plan_table_get(struct plan_table *table, int32_t intersection, struct plan_entry *ret, uint8_t *bytes);
struct plan_version plan_table_version(struct plan_table *table, int32_t intersection);

// How many changes there were, and the one at a position below it; INDEX_NONE when the ring has gone past it.
uint64_t plan_table_changes(struct plan_table *table);
int32_t plan_table_change(struct plan_table *table, uint64_t position);
