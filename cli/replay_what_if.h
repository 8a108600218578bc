// replay_what_if.h: `intergreen replay DAY --control …`: the day's counts as trips, driven under other strategies.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/model/network.h"
#include "engine/record/recording.h"
#include "sim/replay/day_time.h"

struct replay_wish {
    const char *control;              // strategies, by commas
    const char *recorded;             // the one that ran that day; NULL: what the recording says, else program
    const char *mapping;              // of a file of counts, or NULL
    struct day_time from, until;
    int threads;
    int draws, draws_max;             // of the trips, 1 to 16 seeds from `seed` on: at first, and where that is too few
    uint64_t seed;
    bool json, quiet;
};

MUST_USE enum status replay_what_if(const struct replay_wish *wish, const struct network *network,
                                    const struct recording *recording, struct problem *problem);

// From detectors' counts in a file (sim/replay/count_file.h).
MUST_USE enum status replay_counts(const struct replay_wish *wish, const struct network *network, const char *path,
                                   struct problem *problem);
