// wild_town.h: small networks of every shape, drawn from a seed, for tests of the street's laws.
//
// THEORY    2 to 6 junctions on a rough circle with streets between them, one way or both, and ends of the network
//           beside them. Each junction draws its kind (signals, priority, right before left, stop, unregulated), each
//           street its lanes (1 to 4), speed and length (some shorter than a vehicle), each lane its ways on: lanes
//           without any, lane drops and merges included. Paths are straight lines between the lanes' ends; where two
//           come nearer than a vehicle's width they are foes. Signals are green street by street, now and then two
//           streets at once, whose crossing paths then yield to one another.
// CONTRACT  The same seed gives the same network and trips. Never larger than WILD_LANES_MAX lanes.
#pragma once

#include "engine/model/network.h"
#include "sim/traffic/street.h"

#define WILD_LANES_MAX 256

void wild_town_create(uint64_t seed, struct network *ret);

// The same in two steps, for who changes something in between.
void wild_town_fill(uint64_t seed, struct network *ret);
void wild_town_finish(uint64_t seed, struct network *network);

// Trips of random routes; free with town_trips_release (grid_town.h). May be empty where no route exists.
void wild_trips(const struct network *network, uint64_t seed, int32_t count, int64_t duration_ms, int32_t type_count,
                struct trip_columns *ret);

// Gives some trips stops: on any lane they may use of some of their links, long and short, with and without times, on
// the lane and beside it.
void wild_stops(const struct network *network, uint64_t seed, const struct vehicle_type *types,
                struct trip_columns *trips);

// Closures of lanes and of whole links, within the time; at most WILD_CLOSURES_MAX of them.
#define WILD_CLOSURES_MAX 24
int32_t wild_closures(const struct network *network, uint64_t seed, int64_t duration_ms, struct lane_closure *ret);
