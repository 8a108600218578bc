// sim.c: a street under one strategy.
#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/controls.h"
#include "cli/run.h"
#include "cli/sim_options.h"

static void add(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value);
}

static json_t *rounded(double value)
{
    return json_real(round(value * 1000.0) / 1000.0);
}

static void print_json(const struct run_options *options, const struct network *network, const struct run_result *run)
{
    const struct measures *m = &run->measures;
    json_t *object = json_object();
    add(object, "control", json_string(options->control));
    add(object, "begin_s", rounded((double)run->begin_ms / 1000.0));
    add(object, "simulated_s", rounded(run->simulated_s));
    add(object, "vehicles_scheduled", json_integer(m->scheduled));
    add(object, "vehicles_arrived", json_integer(m->arrived));
    add(object, "vehicles_under_way", json_integer(m->under_way));
    add(object, "vehicles_waiting", json_integer(m->waiting));
    add(object, "trips_dropped", json_integer(run->trips.route_errors));
    add(object, "trips_before_begin", json_integer(run->trips.before_begin));
    add(object, "average_travel_time_s", rounded(m->average_travel_time_s));
    add(object, "average_delay_s", rounded(m->average_delay_s));
    add(object, "average_trip_duration_s", rounded(m->average_trip_duration_s));
    add(object, "average_departure_delay_s", rounded(m->average_departure_delay_s));
    add(object, "average_approach_time_s", rounded(m->average_approach_time_s));
    add(object, "average_queue_veh", rounded(m->average_queue_veh));
    add(object, "stops_per_vehicle", rounded(m->stops_per_vehicle));
    add(object, "average_stopped_s", rounded(m->average_stopped_s));
    add(object, "pedestrians_served", json_integer(m->pedestrians_served));
    add(object, "pedestrians_waiting", json_integer(m->pedestrians_waiting));
    add(object, "average_pedestrian_delay_s", rounded(m->average_pedestrian_delay_s));
    add(object, "worst_pedestrian_delay_s", rounded(m->worst_pedestrian_delay_s));
    add(object, "detours", json_integer(m->detours));
    add(object, "worst_movement_delay_s", rounded(m->worst_movement_delay_s));
    if (m->worst_movement != INDEX_NONE) {
        int32_t lane = network->connections[m->worst_movement].from_lane;
        add(object, "worst_movement_from",
            json_string(network_name(network, network->links[network->lanes[lane].link].name)));
    }
    add(object, "minor_delay_s", rounded(m->minor_delay_s));
    add(object, "minor_passages", json_integer(m->minor_passages));
    add(object, "longest_red_share", rounded(m->longest_red_share));
    if (run->burnt) {
        add(object, "co2_kg", rounded(run->co2_kg));
        add(object, "fuel_l", rounded(run->fuel_l));
    }
    add(object, "vehicle_updates", json_integer(m->vehicle_updates));
    add(object, "step_wall_s", json_real(m->step_wall_s));
    add(object, "vehicle_updates_per_s", json_real(round(m->vehicle_updates_per_s)));
    add(object, "wall_s", rounded(run->wall_s));
    add(object, "plans_taken", json_integer(m->plans_taken));
    add(object, "plans_refused", json_integer(m->plans_refused));
    add(object, "sensor_readings", json_integer(run->sensors.readings));
    add(object, "sensor_readings_lost", json_integer(run->sensors.lost + run->sensors.silent));
    add(object, "sensor_readings_delayed", json_integer(run->sensors.delayed));
    add(object, "sensor_readings_altered", json_integer(run->sensors.altered));
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
    fputc('\n', stdout);
    json_decref(object);
}

static void print_text(const struct run_options *options, const struct run_result *run)
{
    const struct measures *m = &run->measures;
    printf("%s, %.0f s simulated in %.1f s\n", options->control, run->simulated_s, run->wall_s);
    printf("  vehicles    %lld scheduled = %lld arrived + %lld under way + %lld waiting to enter\n",
           (long long)m->scheduled, (long long)m->arrived, (long long)m->under_way, (long long)m->waiting);
    printf("  travel time %.1f s, delay %.1f s, of it %.1f s before entering\n", m->average_travel_time_s,
           m->average_delay_s, m->average_departure_delay_s);
    printf("  queue       %.1f vehicles, %.2f stops a vehicle, worst movement %.1f s\n", m->average_queue_veh,
           m->stops_per_vehicle, m->worst_movement_delay_s);
    if (m->pedestrians_served + m->pedestrians_waiting > 0) {
        printf("  pedestrians %lld walked after %.1f s on average, %.1f s at worst; %lld still wait\n",
               (long long)m->pedestrians_served, m->average_pedestrian_delay_s, m->worst_pedestrian_delay_s,
               (long long)m->pedestrians_waiting);
    }
    if (run->burnt) {
        printf("  burnt       %.1f l of fuel, %.1f kg of CO2\n", run->fuel_l, run->co2_kg);
    }
    printf("  plans       %lld taken by controllers, %lld refused by the guard\n", (long long)m->plans_taken,
           (long long)m->plans_refused);
    const struct sensor_counts *sensors = &run->sensors;
    if (sensors->lost + sensors->silent + sensors->delayed + sensors->altered > 0) {
        printf("  sensors     %lld readings: %lld lost, %lld of dead sensors, %lld late, %lld altered\n",
               (long long)sensors->readings, (long long)sensors->lost, (long long)sensors->silent,
               (long long)sensors->delayed, (long long)sensors->altered);
    }
}

static int simulate(const struct run_options *options, bool json)
{
    struct problem problem;
    struct network network;
    enum status status = run_network(options, &network, &problem);
    if (status != STATUS_OK) {
        return run_failed(status, &problem);
    }
    struct run_result run;
    status = run_street(options, &network, &run, &problem);
    if (status == STATUS_OK) {
        json ? print_json(options, &network, &run) : print_text(options, &run);
    }
    network_release(&network);
    return status == STATUS_OK ? CLI_DONE : run_failed(status, &problem);
}

static bool fallback_option(const char *value, enum signals_fallback *ret)
{
    *ret = strcmp(value, "actuated") == 0 ? SIGNALS_ACTUATED : SIGNALS_SITE;
    if (*ret == SIGNALS_SITE && strcmp(value, "site") != 0) {
        fprintf(stderr, "intergreen: --fallback takes site or actuated, not '%s'\n", value);
        return false;
    }
    return true;
}

int cli_sim(int argc, char **argv)
{
    struct run_options options = RUN_OPTIONS_DEFAULT;
    options.daemon = getenv("INTERGREEN_DAEMON");
    options.tls = tls_files_default();
    options.control = "program";
    bool json = false;
    struct option extra[] = { { "json", no_argument, NULL, 'j' }, { "control", required_argument, NULL, 'c' },
        { "save-checkpoint", required_argument, NULL, 's' }, { "load-checkpoint", required_argument, NULL, 'l' },
        { "checkpoint-at", required_argument, NULL, 't' }, { "fallback", required_argument, NULL, 'f' }, { 0 } };
    struct sim_options reader = {
        .command = "sim",
        .usage = "usage: intergreen sim --network FILE --demand FILE --control STRATEGY [--json] …\n"
                 "  --control STRATEGY      program, webster, actuated, max-pressure, coordinated, adaptive\n"
                 "                          (default program); actuated-local: no brain, each controller alone\n"
                 "  --json                  one object, last on standard output\n"
                 "  --fallback WHAT         of controllers that hear nothing: what site data say (site), or actuated\n"
                 "  --save-checkpoint FILE --checkpoint-at T    keep the whole state at T seconds, and go on\n"
                 "  --load-checkpoint FILE  go on from there, with the same other options, to the same trips\n"
    };
    int code = 0;
    while ((code = sim_options_next(&reader, argc, argv, extra, &options)) > 0) {
        json = json || code == 'j';
        options.control = code == 'c' ? optarg : options.control;
        options.save_checkpoint = code == 's' ? optarg : options.save_checkpoint;
        options.load_checkpoint = code == 'l' ? optarg : options.load_checkpoint;
        if (code == 'f' && !fallback_option(optarg, &options.fallback)) {
            return CLI_USAGE;
        }
        if (code == 't' && !run_number("checkpoint-at", optarg, -1e9, 1e10, &options.checkpoint_at_s)) {
            return CLI_USAGE;
        }
    }
    // A daemon says itself what it has.
    bool known = code != SIM_OPTIONS_DONE || options.daemon != NULL || controls_known(options.control);
    int done = !known ? CLI_USAGE : code == SIM_OPTIONS_DONE ? simulate(&options, json)
        : code == SIM_OPTIONS_HELP ? CLI_DONE : CLI_USAGE;
    run_options_release(&options);
    return done;
}
