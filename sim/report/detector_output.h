// detector_output.h: what each loop counted in each interval, as SUMO's induction loop output and CSV.
//
// THEORY    Readings of a second are summed up over the interval. The mean speed is over vehicles; the harmonic one is
//           over readings, each weighed by its vehicles. `length` is the mean vehicle's: occupied time * speed /
//           vehicles - the loop's own length. A vehicle counts when its rear leaves, so as many entered.
//           True readings: faults of a plan are on the way to the brain (sim/loop/sensor_faults.h).
// CONTRACT  Intervals begin at the run's begin; the last one may be shorter. Rows: by interval, then by detector.
// OWNERSHIP detectors_close frees.
#pragma once

#include <stdio.h>

#include "engine/model/network.h"
#include "engine/model/observation.h"

struct detector_sum {
    int64_t vehicles, occupied_ms;
    double speed_mps, slowness_spm;        // sums over vehicles of v and of 1 / v
};

struct detector_output {
    FILE *xml, *csv;
    const struct network *network;
    int32_t period_ms;
    int64_t begin_ms;                      // of the present interval
    struct detector_sum *sums;             // by detector
};

MUST_USE enum status detectors_open(struct detector_output *output, const char *directory,
                                    const struct network *network, int64_t begin_ms, int32_t period_ms,
                                    struct problem *problem);

// Readings that ended at now_ms, after which an interval may be full.
void detectors_take(struct detector_output *output, const struct loop_columns *rows, int64_t now_ms);

// Writes what the last interval holds so far and closes.
MUST_USE enum status detectors_close(struct detector_output *output, const char *directory, int64_t end_ms,
                                     struct problem *problem);
