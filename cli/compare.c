// compare.c: several strategies on the same hours, side by side.
#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/run.h"
#include "cli/sim_options.h"

#define STRATEGY_COUNT_MAX 16
#define SEED_COUNT_MAX 100

struct row {
    char control[64];
    int runs;
    struct measures mean;              // over the seeds
    double delay_s_worst;              // of the worst seed
    double wall_s;
    double co2_kg, fuel_l;             // mean over the seeds
};

static int split(const char *list, struct row *rows)
{
    int count = 0;
    while (*list != '\0' && count < STRATEGY_COUNT_MAX) {
        size_t length = strcspn(list, ",");
        (void)snprintf(rows[count].control, sizeof rows[count].control, "%.*s", (int)length, list);
        count += rows[count].control[0] != '\0';
        list += length + (list[length] == ',');
    }
    return count;
}

static void add_run(struct row *row, const struct run_result *run)
{
    const struct measures *m = &run->measures;
    struct measures *sum = &row->mean;
    row->runs++;
    row->wall_s += run->wall_s;
    row->delay_s_worst = fmax(row->delay_s_worst, m->average_delay_s);
    double part = 1.0 / row->runs;     // running mean
    row->co2_kg += part * (run->co2_kg - row->co2_kg);
    row->fuel_l += part * (run->fuel_l - row->fuel_l);
    sum->scheduled = m->scheduled;
    sum->arrived = (int64_t)llround((double)sum->arrived + part * (double)(m->arrived - sum->arrived));
    sum->average_travel_time_s += part * (m->average_travel_time_s - sum->average_travel_time_s);
    sum->average_delay_s += part * (m->average_delay_s - sum->average_delay_s);
    sum->average_queue_veh += part * (m->average_queue_veh - sum->average_queue_veh);
    sum->stops_per_vehicle += part * (m->stops_per_vehicle - sum->stops_per_vehicle);
    sum->worst_movement_delay_s = fmax(sum->worst_movement_delay_s, m->worst_movement_delay_s);
    sum->plans_refused += m->plans_refused;
}

static void print_table(const struct row *rows, int count, bool burnt)
{
    printf("\n%-14s %12s %9s %11s %9s %7s %15s %10s%s %8s\n", "strategy", "travel time", "delay", "worst seed",
           "queue", "stops", "worst movement", "arrived", burnt ? "      CO2" : "", "wall");
    printf("%-14s %12s %9s %11s %9s %7s %15s %10s%s %8s\n", "", "s", "s", "s", "veh", "/veh", "s", "veh",
           burnt ? "       kg" : "", "s");
    for (int i = 0; i < count; i++) {
        const struct measures *m = &rows[i].mean;
        char co2[32] = "";
        (void)snprintf(co2, sizeof co2, burnt ? " %8.0f" : "", rows[i].co2_kg);
        printf("%-14s %12.1f %9.1f %11.1f %9.1f %7.2f %15.1f %10lld%s %8.1f\n", rows[i].control,
               m->average_travel_time_s, m->average_delay_s, rows[i].delay_s_worst, m->average_queue_veh,
               m->stops_per_vehicle, m->worst_movement_delay_s, (long long)m->arrived, co2, rows[i].wall_s);
    }
    double first = rows[0].mean.average_delay_s;
    for (int i = 1; i < count && first > 0.0; i++) {
        printf("%s: %+.1f %% delay against %s\n", rows[i].control,
               100.0 * (rows[i].mean.average_delay_s / first - 1.0), rows[0].control);
    }
}

static void print_json(const struct row *rows, int count, bool burnt)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++) {
        const struct measures *m = &rows[i].mean;
        json_t *row = json_pack(
            "{s:s, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I}", "control", rows[i].control, "seeds", rows[i].runs,
            "average_travel_time_s", m->average_travel_time_s, "average_delay_s", m->average_delay_s,
            "average_delay_s_worst_seed", rows[i].delay_s_worst, "average_queue_veh", m->average_queue_veh,
            "stops_per_vehicle", m->stops_per_vehicle, "worst_movement_delay_s", m->worst_movement_delay_s,
            "vehicles_scheduled", (json_int_t)m->scheduled, "vehicles_arrived", (json_int_t)m->arrived);
        if (burnt) {
            (void)json_object_set_new(row, "co2_kg", json_real(round(rows[i].co2_kg * 1000.0) / 1000.0));
            (void)json_object_set_new(row, "fuel_l", json_real(round(rows[i].fuel_l * 1000.0) / 1000.0));
        }
        (void)json_array_append_new(list, row);
    }
    json_t *object = json_pack("{s:o}", "strategies", list);
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    fputc('\n', stdout);
    json_decref(object);
}

static enum status run_all(const struct run_options *options, const struct network *network, struct row *rows,
                           int count, int seeds, struct problem *problem)
{
    for (int seed = 0; seed < seeds; seed++) {
        for (int i = 0; i < count; i++) {
            struct run_options one = *options;
            char folder[4096];
            one.control = rows[i].control;
            one.seed = options->seed + (uint64_t)seed;
            if (options->out != NULL) {
                (void)snprintf(folder, sizeof folder, "%.3900s/%.60s-%llu", options->out, one.control,
                               (unsigned long long)one.seed);
                one.out = folder;
            }
            struct run_result run;
            enum status status = run_street(&one, network, &run, problem);
            if (status != STATUS_OK) {
                return status;
            }
            add_run(&rows[i], &run);
        }
    }
    return STATUS_OK;
}

static int compare(const struct run_options *options, struct row *rows, int count, int seeds, bool json)
{
    if (count == 0 || seeds < 1 || seeds > SEED_COUNT_MAX) {
        fprintf(stderr, "intergreen: compare takes 1 to %d strategies and 1 to %d seeds\n", STRATEGY_COUNT_MAX,
                SEED_COUNT_MAX);
        return CLI_USAGE;
    }
    struct problem problem;
    struct network network;
    enum status status = run_network(options, &network, &problem);
    if (status != STATUS_OK) {
        return run_failed(status, &problem);
    }
    status = run_all(options, &network, rows, count, seeds, &problem);
    network_release(&network);
    if (status != STATUS_OK) {
        return run_failed(status, &problem);
    }
    print_table(rows, count, options->emissions || options->out != NULL);
    if (json) {
        print_json(rows, count, options->emissions || options->out != NULL);
    }
    return CLI_DONE;
}

int cli_compare(int argc, char **argv)
{
    struct run_options options = RUN_OPTIONS_DEFAULT;
    options.daemon = getenv("INTERGREEN_DAEMON");
    struct row rows[STRATEGY_COUNT_MAX] = { 0 };
    const char *controls = "program,webster,max-pressure";
    int seeds = 1;
    bool json = false;
    struct option extra[] = { { "control", required_argument, NULL, 'c' }, { "seeds", required_argument, NULL, 's' },
        { "json", no_argument, NULL, 'j' }, { 0 } };
    struct sim_options reader = { .usage =
        "usage: intergreen compare --network FILE --demand FILE --control A,B,C [--seeds K] [--json] …\n" };
    int code = 0;
    while ((code = sim_options_next(&reader, argc, argv, extra, &options)) > 0) {
        json = json || code == 'j';
        controls = code == 'c' ? optarg : controls;
        seeds = code == 's' ? atoi(optarg) : seeds;
    }
    int done = code == SIM_OPTIONS_DONE ? compare(&options, rows, split(controls, rows), seeds, json)
        : code == SIM_OPTIONS_HELP ? CLI_DONE : CLI_USAGE;
    run_options_release(&options);
    return done;
}
