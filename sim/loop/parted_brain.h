// parted_brain.h: a city led in parts: one brain a region, as a peer of the closed loop.
//
// THEORY    What several daemons do for one city, in one process and repeatable: each brain is told the reports and the
//           readings of its own region, and those of its neighbours' sensors that it looks at
//           (engine/estimate/boundary.h), a tick later, as they come through the store. Readings that cross can be
//           lost: all of a neighbour's at a tick, with a given probability, as when the store is away for a moment.
// CONTRACT  As local_brain.h. Deterministic.
// OWNERSHIP parted_brain_create gives, parted_brain_release takes. peer.self borrows it.
// NOT HERE  Leases, epochs, connections (engine/serve).
#pragma once

#include "engine/brain.h"
#include "sim/loop/closed_loop.h"

struct parted_brain;

MUST_USE enum status parted_brain_create(const struct network *network, const struct brain_options *options,
                                         double loss, uint64_t seed, struct parted_brain **ret,
                                         struct problem *problem);
void parted_brain_release(struct parted_brain *parted);
struct brain_peer parted_brain_peer(struct parted_brain *parted);
