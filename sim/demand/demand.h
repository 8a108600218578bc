// demand.h: trips of any form, as one stream in order of departure.
//
// THEORY    SUMO's routes, trips and flows (.rou.xml, .sumocfg) and CityFlow's flow.json are read whole into columns,
//           routes are found (router.h), and the rows are sorted. Our own file (demand_file.h) is sorted when it is
//           written and is streamed block by block. Either way:
//
//              file ─▶ rows ─▶ routes ─▶ sort ─▶ discard before begin ─▶ scale ─▶ demand_next
//
//           Scale as SUMO's --scale: each trip departs floor(X) times, and once more so often that the fraction comes
//           out, spread evenly over the trips. Copies share the departure; each is a trip with a number of its own.
// CONTRACT  Same file, network and options: same trips, same numbers (0, 1, 2 ... in the order in which they are
//           given). Without ignore_route_errors the first trip that the network cannot carry fails demand_open (our own
//           file: demand_next); with it such a trip costs only itself and is counted. A file that is broken as a whole
//           always fails.
// OWNERSHIP The network is kept until demand_release. Columns are borrowed until the next demand_next.
// NOT HERE  Moving vehicles (sim/traffic), generating trips (city.h).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/model/network.h"
#include "sim/traffic/street.h"

#define DEMAND_TIME_NONE INT64_MIN
#define DEMAND_SCALE_MAX 100.0
#define DEMAND_NOTE_COUNT_MAX 64       // kept as text; all are counted
#define DEMAND_TRIP_COUNT_MAX 50000000

struct demand_options {
    int64_t begin_ms;                  // DEMAND_TIME_NONE: the .sumocfg's begin, else the first departure
    double scale;                      // 0 .. DEMAND_SCALE_MAX; 1: as the file says
    bool ignore_route_errors;
    uint64_t seed;                     // of choices that the file leaves open (distributions, random lanes)
    const char *config;                // a .sumocfg whose times, types and scale hold for other route files; or NULL
    const char *const *additional;     // SUMO files with types, routes and trips of their own, read before the demand
    int32_t additional_count;
};

#define DEMAND_OPTIONS_DEFAULT ((struct demand_options){ .begin_ms = DEMAND_TIME_NONE, .scale = 1.0 })

struct demand_counts {
    int64_t read;                      // departures in what was read so far, flows expanded, before scaling
    int64_t before_begin;              // of them discarded: they depart before begin
    int64_t route_errors;              // of them dropped: no route, or a bad one
    int64_t given;                     // by demand_next so far, after scaling
    int64_t persons_skipped;           // persons and containers, which nobody moves here
    int64_t stops_ignored;             // stops with a speed, which vehicles drive through
};

struct demand;

// path: a file; or SUMO's route files, by commas, where no file has the whole name.
MUST_USE enum status demand_open(const struct network *network, const char *path, const struct demand_options *options,
                                 struct demand **ret, struct problem *problem);
void demand_release(struct demand *demand);

// All vehicle types of the stream, known from the start.
const struct vehicle_type *demand_types(const struct demand *demand, int32_t *ret_count);

// Incidents that its files tell of (SUMO's rerouters).
const struct lane_closure *demand_closures(const struct demand *demand, int32_t *ret_count);

// When the run begins by the rule of demand_options.begin_ms; and when the file says it ends, or DEMAND_TIME_NONE.
int64_t demand_begin_ms(const struct demand *demand);
int64_t demand_end_ms(const struct demand *demand);

// Where a SUMO demand names no end, as SUMO runs on until everybody has arrived: its last departure, else
// DEMAND_TIME_NONE.
int64_t demand_open_end_ms(const struct demand *demand);

// The .sumocfg's step, or 0.
int64_t demand_step_ms(const struct demand *demand);

// Gives trips that depart before until_ms and were not given yet, in order; count 0 when there are none. One call gives
// at most a block of them: call until count is 0.
MUST_USE enum status demand_next(struct demand *demand, int64_t until_ms, struct trip_columns *ret,
                                 struct problem *problem);

// True once every trip has been given.
bool demand_done(const struct demand *demand);

const struct demand_counts *demand_counts(const struct demand *demand);

// What a person should know: dropped trips with file and line, ignored attributes. 0 .. count - 1; static until
// release.
int32_t demand_note_count(const struct demand *demand);
const char *demand_note(const struct demand *demand, int32_t index);

// The name of a trip that was given, as the file calls it ("v7", "flow.12", a copy "v7.1"), into text.
void demand_trip_name(const struct demand *demand, int32_t number, char *text, int32_t text_bytes);
