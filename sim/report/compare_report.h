// compare_report.h: strategies on the same days, side by side, as one HTML file and as CSV.
//
// THEORY    The numbers are written as JSON into a page (report.html) that draws them by itself: no network, no other
//           file.
//           Each figure is a mean over the seeds with its 95 % confidence interval by Student's t (the same seeds for
//           every strategy); pictures are of the first seed.
//           Levels of service are HCM's for signalised intersections: A to 10 s of delay, B 20, C 35, D 55, E 80, F
//           beyond
//           [HCM2000]. An approach is minor where less than half of the vehicles of its intersection's busiest one pass
//           under the first strategy. (The minor approaches of measures.h are others: those below the mean.)
// CONTRACT  Pure but for the files that it writes.
// OWNERSHIP Everything is borrowed during the call.
// NOT HERE  What was measured (measures.h, day_book.h).
#pragma once

#include "sim/report/day_book.h"
#include "sim/report/measures.h"

#define COMPARED_RUN_COUNT_MAX 100
#define COMPARED_STRATEGY_COUNT_MAX 16

struct compared_run {
    struct measures measures;
    double co2_kg, fuel_l;
};

struct compared_strategy {
    const char *name;
    int run_count;                    // seeds
    struct compared_run runs[COMPARED_RUN_COUNT_MAX];
    const struct day_book *book;      // of the first seed
    const struct day_book *books[COMPARED_RUN_COUNT_MAX];
};

struct compared {
    const struct network *network;
    const char *network_name, *demand_name, *sensing;
    int64_t begin_ms, end_ms;
    int strategy_count;
    struct compared_strategy *strategies;
};

// Mean, half the width of the 95 % confidence interval (0 for one run) and the greatest.
struct spread { double mean, half, worst; };
struct spread spread_of(const double *values, int count);

// folder/report.html, strategies.csv, approaches.csv, corridors.csv. The folder exists.
MUST_USE enum status compare_report_write(const char *folder, const struct compared *compared,
                                          struct problem *problem);
