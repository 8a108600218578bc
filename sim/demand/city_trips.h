// city_trips.h: a day of trips through a generated city.
//
// THEORY    Every link inside is a little of home and a little of work, work more so towards the middle; border streets
//           are both, for all that lies outside. A trip has a purpose (to work, home again, other), and each purpose
//           its hours: two peaks a day. Its destination follows a gravity model: weight / (1 + (t / t0)^2)^2 with the
//           travel time t. Destinations in the plane grow with t, so trips take 1.6 t0 on average where the city is
//           large.
//
//           Routes are fastest ways under costs that differ from driver to driver: there are CITY_COST_SETS of them,
//           each the free-flow time and the wait at stop lines times a random factor by link; every source uses two.
//           The wait grows with the saturation that runs before have found (trips_learn), so that the load spreads as
//           drivers' habits would spread it.
// CONTRACT  The same city, seed and rate give the same trips for any number of threads: parallel over cost sets,
//           joined in their order; loads are integers.
// OWNERSHIP trips_create gives, city_trips_release takes; plan, roads and network are kept.
// NOT HERE  How many trips the signals bear (city_timing.h).
#pragma once

#include "sim/demand/city.h"
#include "sim/demand/city_roads.h"
#include "sim/demand/demand_file.h"
#include "sim/demand/router.h"

#define CITY_COST_SETS 8

// the peak hours 7:30-8:30 and 17-18; the day
enum city_period { PERIOD_MORNING, PERIOD_EVENING, PERIOD_DAY, PERIOD_COUNT };

struct city_trips;

struct city_trips_totals {
    int64_t trips;
    double length_m, time_s;           // sums over trips, time at free flow
};

struct city_trips *trips_create(const struct city_plan *plan, const struct city_roads *roads,
                                const struct network *network);
void city_trips_release(struct city_trips *trips);

// Draws the trips of a day at so many per intersection, finds their routes and counts them. keep: holds them for
// trips_write; else it is a trial, in which each source uses one cost set. Replaces what a run before left.
void trips_run(struct city_trips *trips, double per_intersection, bool keep);

// Who is told of the next run or writing: its beginning and end as shares of the whole work.
void trips_watch(struct city_trips *trips, const struct city_watch *watch, const char *what, double from, double to);

// Takes the degrees of saturation, by link, into the costs of the next run: their mean over all calls.
void trips_learn(struct city_trips *trips, const double *saturation);

// Vehicles that go from a link to its k-th successor in a period, by router_step(link) + k, in the last run.
const int32_t *trips_loads(const struct city_trips *trips, enum city_period period);
const struct router *trips_router(const struct city_trips *trips);
const struct city_trips_totals *trips_totals(const struct city_trips *trips);

// Writes the held trips that depart in [begin_ms, end_ms) of the day in order. *ret_written is their number.
MUST_USE enum status trips_write(struct city_trips *trips, const char *path, int64_t begin_ms, int64_t end_ms,
                                 int64_t *ret_written, struct problem *problem);
