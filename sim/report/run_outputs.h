// run_outputs.h: everything that a run writes into its folder, fed step by step.
//
// THEORY    After each step of the loop the street is listed once, and the list goes to whoever was asked for:
//
//              closed_loop_step ─▶ run_outputs_step ─▶ trip_traces (fuel, CO2, first and last lane)
//                                                   ├▶ summary.xml, summary.csv        each second
//                                                   ├▶ detectors.xml, detectors.csv    each interval
//                                                   ├▶ areas.xml, areas.csv            where detectors watch areas
//                                                   └▶ fcd.xml, fcd.csv                where asked for
//              closed_loop_close_books ─▶ run_outputs_close ─▶ tripinfo.xml, trips.csv
//
//           Without a folder only the traces are kept, for the sums of fuel and CO2.
// CONTRACT  The street is only looked at: a run with outputs gives the trips of a run without.
// OWNERSHIP The subject and what it points to are borrowed until close, which always takes the outputs.
#pragma once

#include "sim/report/area_output.h"
#include "sim/report/detector_output.h"
#include "sim/report/fcd_output.h"
#include "sim/report/summary_output.h"

struct output_options {
    const char *directory;                 // or NULL: no files
    bool fcd;
    struct fcd_filter fcd_filter;
    int32_t detector_period_ms;
};

struct run_outputs;

MUST_USE enum status run_outputs_open(const struct output_options *options, const struct report_subject *subject,
                                      int64_t begin_ms, int32_t step_ms, struct run_outputs **ret,
                                      struct problem *problem);

// After each closed_loop_step.
void run_outputs_step(struct run_outputs *outputs, const struct closed_loop *loop);

// After closed_loop_close_books. *ret_co2_kg and *ret_fuel_l: of all vehicles so far.
MUST_USE enum status run_outputs_close(struct run_outputs *outputs, const struct closed_loop *loop,
                                       double *ret_co2_kg, double *ret_fuel_l, struct problem *problem);

// What trips left behind so far, for a checkpoint, and back. Files begin anew where the run goes on: what was written
// before stands in those of the run that was saved.
void run_outputs_save(const struct run_outputs *outputs, struct byte_sink *sink);
MUST_USE enum status run_outputs_load(struct run_outputs *outputs, struct byte_source *source,
                                      struct problem *problem);

// After a run that failed: closes what is open.
void run_outputs_abandon(struct run_outputs *outputs);
