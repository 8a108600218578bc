// grid_town.h: a town of crossings in rows and columns, built in code, for tests and benches of the street.
//
// THEORY    Junctions `pitch_m` apart, links both ways between neighbours and to the border, right-hand traffic.
//           Every junction has four approaches and four exits of `lanes` lanes; the kerb lane turns right and goes on,
//           the leftmost turns left (and goes on where it is the only one or left turns are permissive).
//              stages 4    through and right, then left, of each axis; nobody yields
//              stages 2    one axis at a time; left turns yield to the opposite approach, and wait inside
//              stages 0    no signals: the axis of the columns has priority
//           Each stage shows green for green_s, then 3 s of yellow and 2 s of all-red.
// CONTRACT  The same options give the same network. town_trips draws routes with random turns from (seed, number).
#pragma once

#include <stdbool.h>

#include "engine/model/network.h"
#include "sim/traffic/street.h"

struct town_options {
    int rows, columns, lanes, stages;
    double pitch_m, speed_mps;
    int green_s;
    bool sensors;                  // a loop at each stop line and one 40 m before, a camera on each approach lane
};

void town_create(const struct town_options *options, struct network *ret);

// `count` trips that depart evenly over duration_ms from begin_ms; with links_max > 0 they start anywhere,
// keep away from the border and end after so many links; else they go from border to border. Free with
// town_trips_release.
void town_trips(const struct network *network, uint64_t seed, int32_t count, int64_t begin_ms, int64_t duration_ms,
                int32_t links_max, struct trip_columns *ret);
void town_trips_release(struct trip_columns *trips);

// A passenger car as SUMO's default, driving by IDM.
struct vehicle_type town_car(void);
