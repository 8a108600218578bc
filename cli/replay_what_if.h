// replay_what_if.h: `intergreen replay DAY --control …`: the recorded day under other strategies.
#pragma once

#include "engine/model/network.h"
#include "engine/record/recording.h"

struct replay_wish {
    const char *control;              // strategies, by commas
    int threads;
    uint64_t seed;
    bool json, quiet;
};

MUST_USE enum status replay_what_if(const struct replay_wish *wish, const struct network *network,
                                    const struct recording *recording, struct problem *problem);
