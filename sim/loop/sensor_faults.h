// sensor_faults.h: what the street's sensors would have said, spoilt as a fault plan says, on its way to the brain.
//
// THEORY    street_read_* ─▶ true rows ─▶ sensor_faults_apply ─▶ rows that arrive now ─▶ brain
//                                              │        ▲
//                                              ╰ delayed ╯
//
//           Each draw is random_unit(seed, RANDOM_SENSOR, sensor, time and use): it depends on nothing that was drawn
//           before, so a rule for one detector changes no reading of another. Order of spoiling: dead says nothing;
//           stuck replaces the reading; else miss and double act vehicle by vehicle (a camera's queue are the vehicles
//           next to the line), chatter adds, noise scales; loss drops what is left, delay keeps it back.
//           A camera's vehicles are drawn anew for each picture: its errors come and go, as those of detection do;
//           of vehicles that left over the line each is drawn once.
//           Of a loop's edges both of an overlooked vehicle are kept back, and a vehicle that counts twice leaves
//           twice; a loop that sticks or is well again says so by an edge if its state is another one than was told.
// CONTRACT  Deterministic: same seed, plan, network and true rows give the same rows, in a daemon's link as in this
//           process. With an empty plan rows pass unchanged. What stays valid stays valid: no count is negative, none
//           queued beyond those in view, occupied at most the interval.
// OWNERSHIP The network is kept; the plan is copied into tables. Rows given are borrowed until the next apply.
// NOT HERE  The plan's words (fault_plan.h), what the brain makes of lies (engine/estimate).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/byte_stream.h"
#include "engine/model/network.h"
#include "engine/model/observation.h"
#include "sim/loop/fault_plan.h"

struct sensor_faults;

struct sensor_counts {
    int64_t readings;                 // that true sensors would have given
    int64_t silent;                   // of them never given: the sensor was dead
    int64_t lost;                     // given and lost
    int64_t delayed;
    int64_t altered;                  // given otherwise than true
};

// edges: the brain is told edges of loops. STATUS_UNKNOWN for a rule whose name fits no sensor.
MUST_USE enum status sensor_faults_create(const struct network *network, const struct fault_plan *plan, uint64_t seed,
                                          bool edges, struct sensor_faults **ret, struct problem *problem);
void sensor_faults_release(struct sensor_faults *faults);

// What arrives at now_ms: earlier readings that are due, then those of seen. Rows of a sensor that spoke twice at one
// instant are not expected in seen.
const struct observation_columns *sensor_faults_apply(struct sensor_faults *faults, int64_t now_ms,
                                                      const struct observation_columns *seen);

const struct sensor_counts *sensor_faults_counts(const struct sensor_faults *faults);

// The readings on their way, what stuck sensors show, and the counts: for a checkpoint, and back. STATUS_VERSION when
// the rules are others.
void sensor_faults_save(const struct sensor_faults *faults, struct byte_sink *sink);
MUST_USE enum status sensor_faults_load(struct sensor_faults *faults, struct byte_source *source,
                                        struct problem *problem);
