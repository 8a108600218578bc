// fcd_output.h: where every vehicle is, step by step, as SUMO's floating car data output and CSV.
//
// THEORY    Attributes as SUMO's user documentation names them ("Simulation/Output/FCDOutput"). A vehicle inside a
//           junction stands on lane ":JUNCTION_N_0", N being the position of its connection among the junction's (a
//           network here has no internal lanes; SUMO's own numbers may differ).
// CONTRACT  A row of time every period_ms of the run; within it vehicles by lane, from the front.
// OWNERSHIP The filter is borrowed until fcd_close.
#pragma once

#include <stdio.h>

#include "sim/report/tripinfo.h"

struct fcd_filter {
    int32_t period_ms;                     // a multiple of a step's length is met exactly
    const char *links;                     // names of links, by commas; NULL: all
    bool boxed;
    double x_m_min, y_m_min, x_m_max, y_m_max;
};

// An inner lane as SUMO names it: :JUNCTION_EDGE_LANE.
struct inner_lane { int32_t edge, lane; };

struct fcd_output {
    FILE *xml, *csv;
    const struct report_subject *subject;
    struct fcd_filter filter;
    int64_t begin_ms;
    bool *chosen;                          // by link
    struct inner_lane *inner;              // by connection
};

MUST_USE enum status fcd_open(struct fcd_output *output, const char *directory, const struct report_subject *subject,
                              const struct fcd_filter *filter, int64_t begin_ms, struct problem *problem);
void fcd_step(struct fcd_output *output, const struct vehicle_view *views, int32_t count, int64_t now_ms);
MUST_USE enum status fcd_close(struct fcd_output *output, const char *directory, struct problem *problem);
