// joined_network.h: many networks as one, side by side and unconnected, for benches of large cities.
//
// CONTRACT  Part k of the result is a copy of `parts[k]` whose indices begin at first[k]; names get "k." before them.
//           All parts have the same origin and reference. Ends the program with a sentence when the whole is refused.
// OWNERSHIP network_release frees the result; the parts are kept.
#pragma once

#include "engine/model/network.h"

struct joined_first {
    int32_t intersection, group, detector, camera;
};

void joined_network_build(const struct network *const *parts, int32_t count, struct network *ret,
                          struct joined_first *first);
