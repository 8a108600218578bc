// city.h: a whole generated city: network, demand, configuration.
//
// THEORY    plan ─▶ roads ─▶ derive_signals ─▶ loads ─▶ programs. The number of trips follows from the signals: it is
//           scaled so that the busiest intersections (the 98th percentile) reach a degree of saturation of 0.70 in the
//           peak hours under Webster's splits, and those that stand out (the 99.5th) 0.80 at most, which is as much as
//           a city bears with queues that still clear; or it is asked for.
// CONTRACT  Same options, same bytes in every file, for any number of threads.
// OWNERSHIP city_generate fills a network that the caller releases.
// NOT HERE  Arguments (cli/generate.c).
#pragma once

#include <stdbool.h>

#include "engine/model/network.h"

// Who is told how far the work is, 0 .. 1, from the thread that called; tell may be NULL.
struct city_watch {
    void (*tell)(void *user, const char *what, double share);
    void *user;
};

struct city_options {
    int32_t intersections;             // 1 .. CITY_INTERSECTION_COUNT_MAX
    uint64_t seed;
    double trips_per_intersection;     // a day; 0: as many as the signals bear
    double demand_scale;               // times that
    bool demand;                       // false: network only, with programs for no particular flow
    double begin_h, end_h;             // departures of the demand file: 0 <= begin < end <= 24
    struct city_watch watch;
};

#define CITY_OPTIONS_DEFAULT ((struct city_options){ .intersections = 100, .seed = 1, .demand_scale = 1.0, \
    .demand = true, .end_h = 24.0 })

struct city_summary {
    int32_t stage_counts[5];           // intersections with so many stages
    int32_t pocket_count;
    int64_t trips_day, trips_written;
    double trip_km_mean, link_km, lane_km;
    double saturation_worst, saturation_busy, saturation_mean;
};

// Generates into *ret; with a demand it is written to demand_path as well (NULL: only counted).
MUST_USE enum status city_generate(const struct city_options *options, const char *demand_path, struct network *ret,
                                   struct city_summary *summary, struct problem *problem);
