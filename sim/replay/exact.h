// exact.h: feeds a recorded day to the brain again and holds its plans against the recorded ones, byte for byte.
//
// THEORY    A block of a recording opens with how the brain was made and a snapshot of it, so every block is a
//           *segment*
//           that can be checked by itself, several at once. A snapshot is of one build of the engine; where this build
//           cannot read it the segment reaches from a brain that was made fresh to the next such one.
//
//             block 0 (fresh)   block 1 (snapshot)   block 2 (snapshot)   block 3 (fresh: another strategy)
//             ╰── segment ────╯╰── segment ───────╯╰── segment ───────╯╰── segment …
//
// CONTRACT  The same report for any number of threads. Damaged blocks are left out and counted.
// OWNERSHIP Network and recording are borrowed during the call.
// NOT HERE  What would have happened with another strategy (what_if.h).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/model/network.h"
#include "engine/record/recording.h"

struct exact_options {
    int threads;                      // segments at once; with a single segment, of the brain
    int64_t from_ms, until_ms;        // whole blocks that reach into it; INT64_MIN, INT64_MAX: all
    void (*progress)(void *owner, int32_t blocks_done, int32_t blocks);   // or NULL; from any thread, one at a time
    void *owner;
};

// The first step whose plans differ.
struct exact_difference {
    int64_t at_ms;
    int32_t intersection;             // the first that differs, or INDEX_NONE when only the number of plans does
    struct problem text;              // in words
};

struct exact_report {
    int64_t steps, plans, readings, reports;
    int64_t steps_differing;
    struct exact_difference first;    // where steps_differing > 0
    int32_t blocks, blocks_damaged, blocks_skipped;   // skipped: neither a fresh brain nor a snapshot that can be read
    int32_t segments;
    bool snapshots_used;
    double step_core_s;               // in brain_step alone
};

// STATUS_VERSION: the recording is of another network.
MUST_USE enum status exact_replay(const struct network *network, const struct recording *recording,
                                  const struct exact_options *options, struct exact_report *ret,
                                  struct problem *problem);
