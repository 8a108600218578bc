// run.h: one run of a street, as `sim` and `compare` and `./dev run` make it.
#pragma once

#include <stdbool.h>

#include "engine/import/import.h"
#include "sim/demand/demand.h"
#include "sim/loop/closed_loop.h"
#include "sim/loop/daemon_link.h"
#include "sim/report/day_book.h"
#include "sim/report/measures.h"
#include "sim/report/run_outputs.h"

#define RUN_ADDITIONAL_COUNT_MAX 64

struct run_options {
    const char *network, *demand;      // a .sumocfg may name both: then demand may be NULL
    const char *control;               // the strategy
    const char *daemon, *credential;   // address, and the file of the token; NULL: in this process
    struct tls_files tls;              // of a daemon's address with `tls:`
    const char *record;                // folder of recordings, or NULL
    const char *out;                   // folder of the outputs, or NULL
    struct output_options output;      // what goes there; its directory is `out`
    const char *save_checkpoint, *load_checkpoint;   // files, or NULL
    enum signals_fallback fallback;    // what controllers play that hear nothing
    double checkpoint_at_s;            // on the demand's clock; NAN: not said
    bool emissions;                    // sums of fuel and CO2 without a folder too
    double begin_s, seconds;           // NAN: the demand's begin; the rest of its hours
    double demand_scale;
    int32_t step_ms;                   // 0: the .sumocfg's where it fits, else 1000
    int threads;
    double saturation_flow_vph, start_loss_s;   // of every type; NAN: as the types say
    uint64_t seed;
    int sensing;                       // of enum loop_sensing
    struct fault_plan faults;          // of the sensors; run_options_release frees it
    const char *site;                  // folder of site data to lay over the network, or NULL
    double pedestrians_per_hour;       // at each pedestrian group
    const char *incidents;             // file of lanes that are closed for a time, or NULL
    bool ignore_route_errors;
    bool no_priority;                  // emergency vehicles and buses ask the signals for nothing
    double announce_s;                 // emergency vehicles are heard of so long before they set out
    bool apart;                        // each region is led by a brain of its own
    double apart_loss;                 // share of what crosses their borders that is lost
    bool quiet;                        // no progress
    bool terse;                        // of the notes only what went wrong
    bool noted;                        // what is to be noted of the demand was said by an earlier run
    bool book;                         // keep a day book: run_result.book
    const struct corridor *corridors;  // for it, as day_book_create wants them
    int corridor_count;
    struct import_options import;
    const char *additional[RUN_ADDITIONAL_COUNT_MAX];   // SUMO files, for network and demand; import points to them
};

#define RUN_OPTIONS_DEFAULT                                                                                            \
    ((struct run_options){ .begin_s = NAN, .seconds = NAN, .checkpoint_at_s = NAN, .demand_scale = 1.0, .threads = 1,  \
        .announce_s = 60.0,                                                                                            \
        .saturation_flow_vph = NAN, .start_loss_s = NAN, .seed = 1, .sensing = SENSING_CAMERA, .emissions = true,      \
        .output = { .detector_period_ms = 60000, .fcd_filter = { .period_ms = 1000 } },                                \
        .import = { .intergreen_ms = -1 } })

struct run_result {
    struct measures measures;
    struct sensor_counts sensors;
    struct demand_counts trips;
    double wall_s, simulated_s;
    bool burnt;                        // co2_kg and fuel_l are known
    double co2_kg, fuel_l;             // of all vehicles
    int64_t begin_ms, end_ms;          // of the simulated clock
    int64_t open_end_ms;               // the last departure, where the run ends when all have arrived; or none
    int32_t step_ms;
    struct day_book *book;             // given, or NULL
    struct approach_sampler *sampler;  // while it runs
};

// Options that `sim` and `compare` share; getopt_long's rows, ended by zeros, and what each means. run_option gives
// false for a value that it cannot take, and says so.
extern const char RUN_OPTIONS_HELP[];
bool run_option(const char *name, const char *value, struct run_options *ret);
bool run_number(const char *name, const char *value, double low, double high, double *ret);
void run_options_release(struct run_options *options);

MUST_USE enum status run_network(const struct run_options *options, struct network *ret, struct problem *problem);
MUST_USE enum status run_street(const struct run_options *options, const struct network *network,
                                struct run_result *ret, struct problem *problem);

// The exit code of a status, and the sentence on standard error.
int run_failed(enum status status, const struct problem *problem);
