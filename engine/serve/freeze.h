// freeze.h: the readings of all loops as one set of columns, sorted by (source, sequence).
//
// THEORY    Batches arrive in an order that the network decides. Sorted by who sent them and his count of them, the
//           same batches are the same columns, whichever loop they came through.
// CONTRACT  The compute thread alone. Takes memory while it grows to the largest step seen, then no more.
// OWNERSHIP The columns are borrowed until the next call.
#pragma once

#include "engine/serve/intake.h"

// One batch: who sent it, and where its rows lie in which intake.
struct frozen_batch {
    uint32_t source;
    uint64_t sequence;
    int32_t intake;
    int32_t loop, edge, camera;       // first row of each kind
    int32_t loops, edges, cameras;    // count of each kind
};

struct freezer {
    struct observation_buffer frozen;
    LIST_OF(struct frozen_batch) batches;
};

void freezer_create(struct freezer *freezer, const struct intake *intakes, int32_t intake_count);
void freezer_release(struct freezer *freezer);

// Takes the rows of all intakes.
const struct observation_columns *freezer_take(struct freezer *freezer, struct intake *intakes, int32_t intake_count);
