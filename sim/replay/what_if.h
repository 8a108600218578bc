// what_if.h: the recorded day under another strategy.
//
// THEORY    recording ─▶ counts ─▶ flows ─▶ trips ─▶ street under the recorded strategy ─▶ counts again: GEH
//                                              ╰──▶ street under each other strategy   ─▶ measures, side by side
//
//           How well the trips explain the counts is told by the GEH statistic of each detector's and camera's hourly
//           volumes, sqrt(2 (m - c)^2 / (m + c)), and the share below 5 [DMRB12].
//           Counts say what passed, which near saturation is what the signals let pass: a few per cent more demand are
//           hardly counted, and lengthen every queue. How long vehicles were seen tells it (by Little's law the time
//           that they spent there), so the demand is scaled until the street under the recorded strategy holds as many
//           as were seen, as far as the counts stay explained.
// CONTRACT  Deterministic by seed.
// OWNERSHIP The network is borrowed; the result is plain data.
// NOT HERE  How trips are found (flows.h).
#pragma once

#include "sim/loop/closed_loop.h"
#include "sim/replay/flows.h"

struct volume_check {
    int32_t places, good;             // detectors and cameras with counts; with GEH below 5
    double geh_mean, geh_worst;
};

struct what_if_run {
    struct closed_loop *loop;         // its books are closed; the caller releases it
    struct counts_book counted;       // what the sensors of the street counted; the caller releases it
};

struct what_if_options {
    int64_t begin_ms, end_ms;
    int threads;
    uint64_t seed;
    bool quiet;
};

#define WHAT_IF_DRAW_COUNT_MAX 16

struct demand_fit {
    double factor;                    // of the trips that explain the counts
    double presence;                  // driven against seen: how long vehicles are seen in all; 0: nothing tells
};

// Finds how many of the trips are driven, by driving them under the recorded strategy: `draws` of them, with the seeds
// from options->seed on, as many at once as there are threads.
MUST_USE enum status what_if_fit(const struct counts_book *book, struct flows *const *flows, int draws,
                                 const char *recorded, const struct what_if_options *options, struct demand_fit *ret,
                                 struct problem *problem);

// Drives the trips under a strategy. Sensing is what the book has: cameras, loops or both.
MUST_USE enum status what_if_drive(const struct counts_book *book, const struct trip_columns *trips,
                                   const char *strategy, const struct what_if_options *options,
                                   struct what_if_run *ret, struct problem *problem);
void what_if_release(struct what_if_run *run);

// Counted against driven, as hourly volumes over the whole span.
void volumes_check(const struct counts_book *counted, const struct counts_book *driven, struct volume_check *ret);
