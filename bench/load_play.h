// load_play.h: what the load generator plays: a city's controllers and its detector stations over many connections.
//
// THEORY    Links are numbered: controllers first, then stations. Each kind fires evenly: of N links with a period P
//           the k-th firing is due at k * P / N after the start, so that a second's work never comes at once. A
//           controller reports the lamps that it plays (sim/traffic/signals.h, as the simulated street's controllers
//           do) and pulls its plan; a station sends one batch. A station whose socket is full is passed over, and that
//           is counted.
//
//           A storm: every controller's connection is dropped at one instant, all connect and pull at once, and the
//           time until the last has its answer is the storm's.
//           LOAD_TIME_NOW forgets the pulls that were timed so far: what is measured is a city that has settled.
// CONTRACT  Ends by itself: after seconds or when told, and at most FINISH_MS later. Readings count as sent when the
//           socket has them.
// OWNERSHIP The caller keeps the network and the options; load_play fills *ret.
// NOT HERE  The command line (load.c).
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/load_link.h"
#include "engine/model/network.h"

#define LOAD_SECOND_COUNT_MAX 7200
#define LOAD_STORM_COUNT_MAX 16
#define LOAD_EPOCH_COUNT_MAX 16

enum load_told { LOAD_GO_ON, LOAD_TIME_NOW, LOAD_END_NOW };

// Some things of the network, rising.
struct load_part {
    const int32_t *at;
    int32_t count;
};

struct load_options {
    const struct network *network;
    struct load_part intersections, detectors, cameras_played;   // the whole network's, or a region's
    struct load_address addresses[LOAD_ADDRESS_COUNT_MAX];
    const char *name;                 // of the stations: NAME-0 and on
    int32_t address_count;            // a link that is refused by one tries the next
    int32_t controllers;              // sessions; the intersections are dealt out to them
    int32_t stations;                 // connections of detector stations
    int32_t stations_played;          // stations of the city; more than `stations`: some share a connection
    int32_t readings, cameras;        // of one batch, loops and cameras
    int32_t period_ms;                // between two reports and pulls of a controller
    double batches_per_s;             // over all stations
    double seconds;
    const volatile sig_atomic_t *told;    // raised by a signal: LOAD_TIME_NOW, LOAD_END_NOW; or NULL
    double churn_per_s;               // connections dropped and opened again
    int32_t ramp_per_s;               // connections opened in a second at the start
    int32_t storms;                   // at the end
    bool subscribe;                   // plans are pushed as well
};

// Plans in it, of the newest epoch seen; the slowest answer to a pull.
struct load_second {
    int32_t plans, pulls_answered, pulls_timed;   // timed: not those of a storm
    uint32_t epoch;
    float pull_ms_max, pull_ms_p99;               // p99: of those timed, -1: none
};

struct load_counts {
    int64_t links_opened, links_lost, links_refused, batches, batches_passed_over, readings, readings_blamed;
    int64_t pulls, pulls_answered, pulls_late, not_changed, no_plan, plans, plans_older, epochs_older;
    int64_t plans_refused, reports, errors;
    int64_t uncovered_ms_max;         // longest time that an intersection's newest plan had run out
    int64_t first_plan_ms;            // from the start to the last intersection's first plan; -1: some had none
    double storm_ms_max;
    int32_t storms, storms_done;      // begun; all served
    uint32_t epoch_highest;
    struct { uint32_t epoch; int64_t wall_ms; } epochs[LOAD_EPOCH_COUNT_MAX];   // first plans of new epochs
    int32_t epoch_count;
    double played_s;                  // from the first firing to the last
    float *pull_ms;                   // of each pull, sorted; the caller frees it
    int64_t pull_count;
    double storm_ms[LOAD_STORM_COUNT_MAX];
    int32_t second_count;
    struct load_second second[LOAD_SECOND_COUNT_MAX];   // what was seen in each second of the run
};

// false, with a sentence in problem: could not begin.
bool load_play(const struct load_options *options, struct load_counts *ret, struct problem *problem);
