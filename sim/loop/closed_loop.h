// closed_loop.h: street and brain round one clock.
//
// THEORY    The street's sensors and controllers speak, a brain answers with plans, the controllers play them, the
//           vehicles move. One tick each control_ms:
//
//              signals_show ─▶ reports ─┐
//              street_read_* ─▶ faults ─┴▶ brain_peer.step(tick) ─▶ plans ─▶ signals_offer ─▶ street_step ─▶ …
//
//           The brain is behind a peer: in this process (local_brain.h) or in a daemon over a socket (daemon_brain.h).
//           Both are given the same tick, so both give the same trips, byte for byte.
// CONTRACT  Deterministic: same network, trips, options and peer give the same trips for any number of threads.
// OWNERSHIP The caller owns the network, the trip source and the peer; they are borrowed until closed_loop_release.
// NOT HERE  Files of trips (sim/demand), pictures and tables (sim/report).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/model/controller.h"
#include "engine/model/request.h"
#include "engine/model/network.h"
#include "engine/model/observation.h"
#include "engine/model/plan.h"
#include "sim/loop/sensor_faults.h"
#include "sim/traffic/pedestrians.h"
#include "sim/traffic/signals.h"
#include "sim/traffic/street.h"

// What the brain is told at a tick. Borrowed during the call.
struct loop_tick {
    int64_t now_ms;
    const struct controller_report *reports;     // one per intersection
    int32_t report_count;
    const struct observation_columns *seen;
    const struct priority *priorities;           // what emergency vehicles, buses and trams ask for
    int32_t priority_count;
};

// What it answers: plans that changed, in order of intersection. Borrowed until the next step of the peer.
struct loop_answer {
    const struct plan *plans;
    int32_t plan_count;
    int64_t refused_count;                       // plans that the guard refused so far
};

struct brain_peer {
    void *self;
    enum status (*step)(void *self, const struct loop_tick *tick, struct loop_answer *ret, struct problem *problem);
    // Its whole state for a checkpoint, and back; NULL where it cannot be had (in a daemon).
    void (*save)(void *self, struct byte_sink *sink);
    enum status (*load)(void *self, struct byte_source *source, struct problem *problem);
};

// No brain at all: the controllers are left to themselves, and nothing is sensed but by their own loops.
#define BRAIN_PEER_NONE ((struct brain_peer){ .self = NULL, .step = NULL })

// Gives trips that depart before until_ms and were not given yet, in order; count 0 when there are none yet.
// Columns are borrowed until the next call.
struct trip_source {
    void *self;
    enum status (*next)(void *self, int64_t until_ms, struct trip_columns *ret, struct problem *problem);
};

// Bits. Loops give a reading of each tick, edges the moments at which they are covered and freed.
enum loop_sensing { SENSING_CAMERA = 1, SENSING_LOOPS = 2, SENSING_EDGES = 4 };

// As hello says it: "camera,loops". text: at least SENSING_BYTES.
#define SENSING_BYTES 24
void loop_sensing_text(int sensing, char *text);

struct loop_options {
    int64_t begin_ms, end_ms;
    int32_t step_ms;                 // of the street
    int32_t control_ms;              // of the brain: a multiple of step_ms
    int threads;
    uint64_t seed;
    int sensing;                     // of enum loop_sensing
    bool read_loops;                 // each tick, for reports, though the brain may not be told
    enum signals_fallback fallback;  // what the controllers play without a plan
    bool no_priority;                // no vehicle asks the signals for anything
    int32_t announce_ms;             // so long before an emergency vehicle sets out the brain hears of it
    double pedestrians_per_hour;     // at each pedestrian group; 0: nobody walks
    const struct lane_closure *closures;   // incidents; borrowed during create
    int32_t closure_count;
    const struct fault_plan *faults; // of the sensors, on their way to the brain; borrowed during create; or NULL
};

// The trip_results of a run are kept by number; see measures.h for what is made of them.
struct closed_loop;

MUST_USE enum status closed_loop_create(const struct network *network, const struct vehicle_type *types,
                                        int32_t type_count, const struct loop_options *options,
                                        struct trip_source trips, struct brain_peer peer, struct closed_loop **ret,
                                        struct problem *problem);
void closed_loop_release(struct closed_loop *loop);

// One step of the street, with a tick of the brain before it where one is due. STATUS_OK, or why the run cannot go on.
MUST_USE enum status closed_loop_step(struct closed_loop *loop, struct problem *problem);

int64_t closed_loop_now_ms(const struct closed_loop *loop);
bool closed_loop_done(const struct closed_loop *loop);

struct closed_loop_counts {
    int64_t plans_offered, plans_taken;      // by the controllers
    int64_t plans_refused;                   // by the guard
    double step_wall_s;                      // the street's stepping alone
};

const struct closed_loop_counts *closed_loop_counts(const struct closed_loop *loop);
struct pedestrian_counts closed_loop_pedestrians(const struct closed_loop *loop);
const struct sensor_counts *closed_loop_sensor_counts(const struct closed_loop *loop);
const struct street *closed_loop_street(const struct closed_loop *loop);
const uint8_t *closed_loop_aspects(const struct closed_loop *loop);   // enum aspect of every group, as last shown

// The state of street, controllers, brain and books, and the place in the trip source; and back, into a loop just made
// with the same options, whose source then gives what it gave before once more, to be skipped. STATUS_INFEASIBLE where
// the brain is in a daemon or the sensors have faults; else as street_load.
MUST_USE enum status closed_loop_save(const struct closed_loop *loop, struct byte_sink *sink,
                                      struct problem *problem);
MUST_USE enum status closed_loop_load(struct closed_loop *loop, struct byte_source *source, struct problem *problem);

// What the loops read in the last step or on closing the books, before any faults, and when; count 0 when nothing.
const struct loop_columns *closed_loop_measured(const struct closed_loop *loop);
int64_t closed_loop_measured_ms(const struct closed_loop *loop);

// What the brain was told by its sensors at the last tick, faults included, or NULL; until the next step.
const struct observation_columns *closed_loop_told(const struct closed_loop *loop);

// Every trip of the run so far, in order of number: the arrived ones and, after closed_loop_close_books, the
// unfinished.
const struct trip_result *closed_loop_results(const struct closed_loop *loop, int32_t *ret_count);

// Ends the run: takes the unfinished trips into the results.
void closed_loop_close_books(struct closed_loop *loop);
