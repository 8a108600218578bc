// street_layout.h: where everything of the street is stored: blocks, groups, cells, paths, foes, loops, threads'
// shares.
//
// THEORY    Links are taken along a Z-order curve through their ends, so that what is near in the city is near in
//           memory and a thread's share is a quarter of the city rather than a sample of it. The order depends on
//           the network alone; only the cut into shares depends on the number of threads.
// CONTRACT  layout_create fills what follows from network, types and options; layout_release frees it.
// NOT HERE  Vehicles.
#pragma once

#include "sim/traffic/street_state.h"

MUST_USE enum status layout_create(struct street *street, struct problem *ret);
void layout_release(struct street *street);
