// leaving.h: those who leave a lane or a path within a step.
//
// THEORY    See moving.h: whoever is past its lane's or path's end is put into its run's list, with where it will
//           be at the end of the step.
// CONTRACT  Writes the worker's own, the vehicle's trip, and sums that other workers add to as well.
#pragma once

#include "sim/traffic/street_state.h"

struct leaver {
    int32_t trip, path, came_by;
    float front, over, driven, speed, desired;   // over: metres beyond the end of what it leaves
    uint32_t kind, halt;
};

// Adds to what other threads may add to as well: a lock waits for all that is written before.
static inline void team_add(const struct street *street, int32_t *sum, int32_t by)
{
    if (street->worker_count > 1) {
        (void)__atomic_fetch_add(sum, by, __ATOMIC_RELAXED);
    } else {
        *sum += by;
    }
}

static inline void team_add_long(const struct street *street, int64_t *sum, int64_t by)
{
    if (street->worker_count > 1) {
        (void)__atomic_fetch_add(sum, by, __ATOMIC_RELAXED);
    } else {
        *sum += by;
    }
}

// Carries one who leaves its lane (cell: INDEX_NONE, path: its next) or its path (cell: the lane beyond it) to where
// it is at the end of the step.
void leave(struct street *street, struct worker *worker, const struct leaver *leaver, int32_t cell);

// A driver's factor of speed limits, from its desired speed; only where that is the vehicle's own limit its trip is
// asked.
float driver_factor(const struct street *street, uint32_t kind, int32_t trip, float desired, float limit);
