// loop_memory.h: a second's readings of loops, told by how they differ from the second before.
//
// THEORY    Loops that tell each second tell mostly what they told before: the same loops in the same order, a second
//           later, nobody on them or the same vehicle standing. Such a reading follows from the last one:
//
//              last: nobody passed, covered never or always   ──▶  the same again
//              last: anything else                             ──▶  nobody passed, not covered
//
//           Only the others are recorded, by their place: a fifth of a busy city's. So a recording is read at a
//           fraction of the price of its readings one by one, and is smaller.
// CONTRACT  Both sides keep a memory and forget it where a block begins. Readers bear any bytes.
// OWNERSHIP loop_memory_release frees.
// NOT HERE  Records (record_codec.h).
#pragma once

#include <stdbool.h>

#include "engine/model/observation.h"
#include "engine/wire/fields.h"

struct loop_memory {
    struct observation_buffer last;   // its loops alone
    bool known;
};

void loop_memory_create(struct loop_memory *memory);
void loop_memory_release(struct loop_memory *memory);
void loop_memory_forget(struct loop_memory *memory);

// What was told in full, or again: the next second is held against it.
void loop_memory_keep(struct loop_memory *memory, const struct loop_columns *rows);

// Whether these rows are of the same loops as the last ones, in their order, all the same time later.
bool loop_memory_follows(const struct loop_memory *memory, const struct loop_columns *rows);

// Bytes that loop_memory_write needs at most.
size_t loop_memory_bound(const struct loop_columns *rows);

// The rows that do not follow, as fields of RecordLoopsAgain. Only where loop_memory_follows.
void loop_memory_write(const struct loop_memory *memory, const struct loop_columns *rows, struct frame_writer *out);

// Makes the rows of a message, in the memory itself: last is what was told then. STATUS_SYNTAX: not what was written,
// or nothing is remembered; nothing is remembered after it.
MUST_USE enum status loop_memory_read(struct loop_memory *memory, struct cursor body);
