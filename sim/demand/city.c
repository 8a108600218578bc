#include "sim/demand/city.h"

#include <math.h>
#include <stdlib.h>

#include "engine/import/derive.h"
#include "sim/demand/city_plan.h"
#include "sim/demand/city_roads.h"
#include "sim/demand/city_timing.h"
#include "sim/demand/city_trips.h"

static const double TRIAL_TRIPS = 500.0;           // per intersection, in the runs that only load the network
// Of the busiest intersections in the peak, and of the few that stand out. At 0.85 queues reached back through short
// links and locked a city of 300 for good, under program and actuated control alike; at 0.70 actuated control clears.
static const double SATURATION = 0.70, SATURATION_WORST = 0.80;
static const double BUSY_SHARE = 0.02, WORST_SHARE = 0.005;
static const double TRIPS_MOST = 20000.0;          // per intersection and day: nobody's city has more
// Of the whole work, as measured on cities of 500 and 1300 intersections.
static const double TRIAL_SHARE = 0.1, WRITING_SHARE = 0.9;
enum { LEARNING_RUNS = 8, BEARABLE_ROUNDS = 6 };

static enum status options_check(const struct city_options *options, struct problem *problem)
{
    if (options->intersections < 1 || options->intersections > CITY_INTERSECTION_COUNT_MAX) {
        return problem_report(problem, STATUS_RANGE, "generate", "--intersections", NULL, "%d is not between 1 and %d",
                              options->intersections, CITY_INTERSECTION_COUNT_MAX);
    }
    if (!(options->trips_per_intersection >= 0.0 && options->trips_per_intersection <= TRIPS_MOST)
        || !(options->demand_scale > 0.0 && options->demand_scale <= 10.0)) {
        return problem_report(problem, STATUS_RANGE, "generate", NULL,
                              "trips per intersection 0 .. 20000, scale up to 10",
                              "%g trips per intersection at a scale of %g", options->trips_per_intersection,
                              options->demand_scale);
    }
    if (!(options->begin_h >= 0.0 && options->begin_h < options->end_h && options->end_h <= 24.0)) {
        return problem_report(problem, STATUS_RANGE, "generate", "--hours", "write A-B within 0-24",
                              "%g-%g is no part of a day",
                              options->begin_h, options->end_h);
    }
    return STATUS_OK;
}

static struct city_flows flows_of(const struct city_trips *trips, double scale)
{
    return (struct city_flows){ .router = trips_router(trips), .morning_vph = trips_loads(trips, PERIOD_MORNING),
        .evening_vph = trips_loads(trips, PERIOD_EVENING), .scale = scale };
}

// Trips per intersection at which the busiest intersections reach SATURATION, from the loads of the last run.
static double bearable(const struct network *network, const struct city_trips *trips, double per_intersection)
{
    double *x = memory_take((size_t)network->intersection_count, sizeof *x);
    double scale = 1.0;
    // Yielding turns make x grow faster than the flow: a few rounds of proportion settle it.
    for (int round = 0; round < BEARABLE_ROUNDS; round++) {
        struct city_flows flows = flows_of(trips, scale);
        timing_estimate(network, &flows, x);
        double busy = x[(int32_t)(BUSY_SHARE * network->intersection_count)];
        double worst = x[(int32_t)(WORST_SHARE * network->intersection_count)];
        scale *= busy > 0.0 ? fmin(fmin(SATURATION / busy, SATURATION_WORST / worst), 4.0) : 1.0;
    }
    free(x);
    return fmin(per_intersection * scale, TRIPS_MOST);
}

// Lets drivers find their ways round the crowded intersections; gives the trips per intersection that the city then
// bears.
static double learn(const struct city_options *options, const struct network *network, struct city_trips *trips)
{
    double *saturation = memory_take((size_t)network->link_count, sizeof *saturation), per_intersection = 0.0;
    for (int run = 0; run < LEARNING_RUNS; run++) {
        trips_watch(trips, &options->watch, "trying ways", run * TRIAL_SHARE, (run + 1) * TRIAL_SHARE);
        trips_run(trips, TRIAL_TRIPS, false);
        per_intersection = bearable(network, trips, TRIAL_TRIPS);
        struct city_flows flows = flows_of(trips, per_intersection / TRIAL_TRIPS);
        timing_saturation(network, &flows, saturation);
        if (run + 1 < LEARNING_RUNS) {
            trips_learn(trips, saturation);
        }
    }
    free(saturation);
    return per_intersection;
}

static enum status demand_add(const struct city_options *options, const struct city_plan *plan,
                              const struct city_roads *roads, const char *demand_path, struct network *network,
                              struct city_summary *summary, struct problem *problem)
{
    struct city_trips *trips = trips_create(plan, roads, network);
    double per_intersection = learn(options, network, trips);
    if (options->trips_per_intersection > 0.0) {
        per_intersection = options->trips_per_intersection;
    }
    trips_watch(trips, &options->watch, "trips", LEARNING_RUNS * TRIAL_SHARE, WRITING_SHARE);
    trips_run(trips, per_intersection * options->demand_scale, true);
    const struct city_trips_totals *totals = trips_totals(trips);
    summary->trips_day = totals->trips;
    summary->trip_km_mean = totals->trips > 0 ? totals->length_m / 1000.0 / (double)totals->trips : 0.0;
    // The programs are made for the demand as it is at scale 1: who asks for more wants to see what happens.
    struct city_flows flows = flows_of(trips, 1.0 / options->demand_scale);
    struct city_timing timing = { 0 };
    enum status status = timing_apply(plan, roads, &flows, network, &timing, problem);
    summary->saturation_worst = timing.worst;
    summary->saturation_busy = timing.busy;
    summary->saturation_mean = timing.mean;
    if (status == STATUS_OK && demand_path != NULL) {
        trips_watch(trips, &options->watch, "writing", WRITING_SHARE, 1.0);
        status = trips_write(trips, demand_path, (int64_t)(options->begin_h * 3600000.0),
                             (int64_t)(options->end_h * 3600000.0),
                             &summary->trips_written, problem);
    }
    city_trips_release(trips);
    return status;
}

// Programs of a city without traffic: equal flows of nothing give each stage its share.
static enum status programs_only(const struct city_plan *plan, const struct city_roads *roads, struct network *network,
                                 struct problem *problem)
{
    struct router *router = router_create(network);
    int32_t *none = memory_take((size_t)router_step_count(router), sizeof *none);
    struct city_flows flows = { .router = router, .morning_vph = none, .evening_vph = none, .scale = 1.0 };
    struct city_timing timing;
    enum status status = timing_apply(plan, roads, &flows, network, &timing, problem);
    free(none);
    router_release(router);
    return status;
}

static void count_roads(const struct network *network, struct city_summary *ret)
{
    for (int32_t l = 0; l < network->link_count; l++) {
        ret->link_km += network->links[l].length_m / 1000.0;
        ret->lane_km += network->links[l].length_m / 1000.0 * network->links[l].lane_count;
    }
}

enum status city_generate(const struct city_options *options, const char *demand_path, struct network *ret,
                          struct city_summary *summary, struct problem *problem)
{
    enum status status = options_check(options, problem);
    if (status != STATUS_OK) {
        return status;
    }
    struct city_plan plan;
    struct city_roads roads;
    struct network network;
    struct import_options derive = { .intergreen_ms = -1, .derived_stages = true };
    plan_create(options->intersections, options->seed, &plan);
    roads_create(&plan, &roads);
    *summary = (struct city_summary){ .pocket_count = roads.pocket_count };
    for (int i = 0; i < 5; i++) {
        summary->stage_counts[i] = roads.stage_counts[i];
    }
    status = derive_signals(&roads.draft, &derive, NULL, &network, problem);
    if (status == STATUS_OK) {
        count_roads(&network, summary);
        status = options->demand ? demand_add(options, &plan, &roads, demand_path, &network, summary, problem)
            : programs_only(&plan, &roads, &network, problem);
        if (status == STATUS_OK) {
            *ret = network;
        } else {
            network_release(&network);
        }
    }
    roads_release(&roads);
    plan_release(&plan);
    return status;
}
