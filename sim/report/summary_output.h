// summary_output.h: how the whole street stood, each second, as SUMO's summary output and CSV.
//
// THEORY    Attributes as SUMO's user documentation names them ("Simulation/Output/Summary"). What SUMO counts in its
//           own way is counted in its sense here: meanWaitingTime is the time spent waiting to enter so far, over the
//           vehicles that entered; meanSpeedRelative takes the speed limit of lane or turn for the driver's own.
// CONTRACT  One call a step; a row where a whole second of the run has passed. Speeds and times of nobody are -1.
#pragma once

#include <stdio.h>

#include "engine/model/network.h"
#include "sim/loop/closed_loop.h"

struct summary_output {
    FILE *xml, *csv;
    double waited_s, travelled_s;          // sums so far: before entering, and of arrived trips
    int64_t arrived;
};

MUST_USE enum status summary_open(struct summary_output *summary, const char *directory, struct problem *problem);
void summary_row(struct summary_output *summary, const struct network *network, const struct street_counts *counts,
                 const struct vehicle_view *views, int32_t view_count, int64_t now_ms, int32_t step_ms,
                 bool whole_second);
void summary_arrive(struct summary_output *summary, const struct trip_result *trips, int32_t count);
MUST_USE enum status summary_close(struct summary_output *summary, const char *directory, struct problem *problem);
