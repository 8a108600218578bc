// toy_roads.h: small road networks for tests of routes and trips, link by link.
//
// CONTRACT  Junctions are 0 .. junction_count - 1, nobody has signals. Every link leads to every other that leaves its
//           end but the one straight back to where it came from, from each of its lanes to the same lane (or the last
//           one).
#pragma once

#include "engine/model/network.h"

struct toy_road {
    const char *name;
    int from, to, lanes;
    double length_m, speed_mps;
    uint32_t users;                    // of all lanes; 0: all
    uint32_t kerb_users;               // of lane 0 alone; 0: as the others
};

void toy_roads_create(const struct toy_road *roads, int count, int junction_count, struct network *ret);
