// wild_wider.h: what a wild town (wild_town.h) has now and then in the wider draw; all of it from a stream of its own,
// so that the towns of old seeds stay what they were.
//
// THEORY    roads    traffic on the left; lanes for bicycles, buses, or without lorries; links of 0.2 to 1 m; paths
//                    that are longer than the straight line between their ends, or as short as in networks without
//                    inner lanes; all-way stops; junctions where who yields to whom is drawn path by path
//           drivers  eight types: bicycles, buses, emergency vehicles, lorries of 25 m, CityFlow's drivers, drivers
//                    that brake no harder than comfortably, some that keep short gaps or differ much
//           trips    each type where it may drive; departures at once, on a lane, at a place, at a speed of their own;
//                    few allowed under way at a time
//           signals  by loops and push buttons (some groups on call); or out of order for a while: dark, flashing
// CONTRACT  As wild_town.h.
#pragma once

#include <stdint.h>

#include "engine/model/network.h"
#include "sim/traffic/signals.h"
#include "sim/traffic/street.h"

#define WIDER_TYPES 8

// Between wild_town_fill and wild_town_finish.
void wider_roads(struct network *network, uint64_t seed);

void wider_types(uint64_t seed, struct vehicle_type ret[WIDER_TYPES]);

// Trips as wild_trips gives them, changed; free as there.
void wider_trips(const struct network *network, uint64_t seed, const struct vehicle_type *types, int32_t count,
                 int64_t duration_ms, struct trip_columns *ret);

// How many may be under way at once; 0: as many as there is room for.
int32_t wider_vehicles_max(uint64_t seed);

// The signals of the seed, and in each step their lamps: for the street, whose loops they look at, and `second`, where
// there is one, whose loops are looked at with them.
struct signals *wider_signals(const struct network *network, uint64_t seed);
void wider_show(struct signals *signals, const struct network *network, uint64_t seed, struct street *street,
                struct street *second);
