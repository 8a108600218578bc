// compare.c: several strategies on the same hours, side by side.
#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/controls.h"
#include "cli/progress.h"
#include "cli/run.h"
#include "cli/usage.h"
#include "cli/sim_options.h"
#include "engine/base/memory.h"
#include "sim/report/compare_report.h"
#include "sim/report/report_file.h"


struct row {
    char control[64];
    int runs;
    struct measures mean;              // over the seeds
    double delay_s_worst;              // of the worst seed
    double wall_s;
    double co2_kg, fuel_l;             // mean over the seeds
    struct compared_strategy compared;
};

// One run of the comparison.
struct job {
    int row, seed;
    struct run_result result;
    enum status status;
    struct problem problem;
};

static int split(const char *list, struct row *rows)
{
    int count = 0;
    while (*list != '\0' && count < COMPARED_STRATEGY_COUNT_MAX) {
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
    sum->average_pedestrian_delay_s += part * (m->average_pedestrian_delay_s - sum->average_pedestrian_delay_s);
    sum->worst_pedestrian_delay_s = fmax(sum->worst_pedestrian_delay_s, m->worst_pedestrian_delay_s);
    sum->pedestrians_served += m->pedestrians_served;
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
        if (burnt) {
            (void)snprintf(co2, sizeof co2, " %8.0f", rows[i].co2_kg);
        }
        printf("%-14s %12.1f %9.1f %11.1f %9.1f %7.2f %15.1f %10lld%s %8.1f\n", rows[i].control,
               m->average_travel_time_s, m->average_delay_s, rows[i].delay_s_worst, m->average_queue_veh,
               m->stops_per_vehicle, m->worst_movement_delay_s, (long long)m->arrived, co2, rows[i].wall_s);
    }
    for (int i = 0; i < count; i++) {
        if (rows[i].mean.pedestrians_served > 0) {
            printf("%s: pedestrians waited %.1f s on average, %.1f s at worst\n", rows[i].control,
                   rows[i].mean.average_pedestrian_delay_s, rows[i].mean.worst_pedestrian_delay_s);
        }
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
        (void)json_object_set_new(row, "pedestrians_served", json_integer((json_int_t)m->pedestrians_served));
        (void)json_object_set_new(row, "average_pedestrian_delay_s", json_real(m->average_pedestrian_delay_s));
        (void)json_object_set_new(row, "worst_pedestrian_delay_s", json_real(m->worst_pedestrian_delay_s));
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

static void job_run(const struct run_options *options, const struct network *network, const struct row *row,
                    const struct corridor *corridors, int corridor_count, struct job *job)
{
    struct run_options one = *options;
    char folder[4096];
    one.control = row->control;
    one.seed = options->seed + (uint64_t)job->seed;
    one.noted = job->row > 0 || job->seed > 0;   // All read the same demand.
    if (options->out != NULL) {
        (void)snprintf(folder, sizeof folder, "%.3900s/%.60s-%llu", options->out, one.control,
                       (unsigned long long)one.seed);
        one.out = folder;
        one.book = true;
        one.corridors = corridors;
        one.corridor_count = job->seed == 0 ? corridor_count : -1;   // Pictures are of the first seed.
    }
    job->status = run_street(&one, network, &job->result, &job->problem);
}

// How many runs at once: as many as there are cores, but one through a daemon, whose clock one simulator owns.
static int runs_at_once(const struct run_options *options, int jobs)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int free_cores = (int)(cores > 64 ? 64 : cores) / options->threads;
    return options->daemon != NULL || free_cores < 1 ? 1 : free_cores < jobs ? free_cores : jobs;
}

static void done_tell(struct progress *progress, int done, int jobs)
{
    char detail[64];
    (void)snprintf(detail, sizeof detail, "%d of %d runs", done, jobs);
    progress_tell(progress, (double)done / jobs, detail);
}

// Runs every job. The first one alone where a report is wanted: it finds the corridors that all show.
static enum status run_all(const struct run_options *options, const struct network *network, const struct row *rows,
                           struct job *jobs, int count, struct problem *problem)
{
    struct corridor corridors[CORRIDOR_COUNT_MAX];
    struct run_options quiet = *options;
    struct progress progress;
    int corridor_count = 0, first = 0, done = 0, at_once = runs_at_once(options, count);
    quiet.quiet = quiet.quiet || at_once > 1;
    progress_begin(&progress, "compare", options->quiet || at_once == 1);
    if (options->out != NULL) {
        job_run(&quiet, network, &rows[jobs[0].row], NULL, 0, &jobs[0]);
        if (jobs[0].status == STATUS_OK) {
            corridor_count = jobs[0].result.book->corridor_count;
            for (int c = 0; c < corridor_count; c++) {
                corridors[c] = jobs[0].result.book->corridors[c].corridor;
            }
        }
        first = 1;
        done_tell(&progress, ++done, count);
    }
    corridor_count = corridor_count > 0 ? corridor_count : -1;
#pragma omp parallel for schedule(dynamic, 1) num_threads(at_once)
    for (int j = first; j < count; j++) {
        job_run(&quiet, network, &rows[jobs[j].row], corridors, corridor_count, &jobs[j]);
#pragma omp critical
        done_tell(&progress, ++done, count);
    }
    for (int j = 0; j < count; j++) {
        if (jobs[j].status != STATUS_OK) {
            *problem = jobs[j].problem;
            return jobs[j].status;
        }
    }
    return STATUS_OK;
}

static enum status report_write(const struct run_options *options, const struct network *network, struct row *rows,
                                int count, const struct job *jobs, struct problem *problem)
{
    struct compared_strategy *strategies = memory_take((size_t)count, sizeof *strategies);
    for (int i = 0; i < count; i++) {
        strategies[i] = rows[i].compared;
    }
    struct compared compared = { .network = network, .network_name = options->network,
        .demand_name = options->demand != NULL ? options->demand : options->network,
        .sensing = (options->sensing & SENSING_CAMERA) == 0 ? "loops"
            : options->sensing == SENSING_CAMERA ? "cameras" : "cameras and loops",
        .begin_ms = jobs[0].result.begin_ms, .end_ms = jobs[0].result.end_ms, .strategy_count = count,
        .strategies = strategies };
    enum status status = compare_report_write(options->out, &compared, problem);
    free(strategies);
    if (status == STATUS_OK) {
        printf("\nreport: %s/report.html\n", options->out);
    }
    return status;
}

static void job_add(struct row *row, const struct job *job)
{
    struct compared_strategy *compared = &row->compared;
    add_run(row, &job->result);
    compared->name = row->control;
    compared->book = compared->run_count == 0 ? job->result.book : compared->book;
    compared->books[compared->run_count] = job->result.book;
    compared->runs[compared->run_count++] = (struct compared_run){ .measures = job->result.measures,
        .co2_kg = job->result.co2_kg, .fuel_l = job->result.fuel_l };
}

static enum status compare_all(const struct run_options *options, const struct network *network, struct row *rows,
                               int count, int seeds, bool json, struct problem *problem)
{
    int job_count = count * seeds;
    struct job *jobs = memory_take((size_t)job_count, sizeof *jobs);
    for (int j = 0; j < job_count; j++) {
        jobs[j] = (struct job){ .row = j % count, .seed = j / count };
    }
    enum status status = run_all(options, network, rows, jobs, job_count, problem);
    for (int j = 0; j < job_count && status == STATUS_OK; j++) {
        job_add(&rows[jobs[j].row], &jobs[j]);
    }
    if (status == STATUS_OK) {
        print_table(rows, count, options->emissions || options->out != NULL);
    }
    if (status == STATUS_OK && options->out != NULL) {
        status = report_write(options, network, rows, count, jobs, problem);
    }
    if (status == STATUS_OK && json) {
        print_json(rows, count, options->emissions || options->out != NULL);
    }
    for (int j = 0; j < job_count; j++) {
        day_book_release(jobs[j].result.book);
    }
    free(jobs);
    return status;
}

static int compare(const struct run_options *options, struct row *rows, int count, int seeds, bool json)
{
    if (count == 0 || seeds < 1 || seeds > COMPARED_RUN_COUNT_MAX) {
        fprintf(stderr, "intergreen: compare takes 1 to %d strategies and 1 to %d seeds\n",
                COMPARED_STRATEGY_COUNT_MAX, COMPARED_RUN_COUNT_MAX);
        return CLI_USAGE;
    }
    struct problem problem;
    struct network network;
    enum status status = options->out == NULL ? STATUS_OK : report_folder(options->out, &problem);
    status = status != STATUS_OK ? status : run_network(options, &network, &problem);
    if (status != STATUS_OK) {
        return run_failed(status, &problem);
    }
    status = compare_all(options, &network, rows, count, seeds, json, &problem);
    network_release(&network);
    return status == STATUS_OK ? CLI_DONE : run_failed(status, &problem);
}

int cli_compare(int argc, char **argv)
{
    struct run_options options = RUN_OPTIONS_DEFAULT;
    options.daemon = getenv("INTERGREEN_DAEMON");
    options.tls = tls_files_default();
    static struct row rows[COMPARED_STRATEGY_COUNT_MAX];   // Too large for a stack.
    const char *controls = "program,webster,max-pressure";
    double seeds = 1.0;
    bool good = true, json = false;
    struct option extra[] = { { "control", required_argument, NULL, 'c' }, { "seeds", required_argument, NULL, 's' },
        { "json", no_argument, NULL, 'j' }, { 0 } };
    struct sim_options reader = { .command = "compare", .usage =
        "usage: intergreen compare --network FILE --demand FILE --control A,B,C [--seeds K] [--json] …\n"
        "  --control A,B,C         as of `intergreen sim`, side by side; all are held against the first\n"
        "  --seeds K               each K times, with the seeds from --seed on (default 1)\n"
        "  --json                  one object, last on standard output\n" };
    int code = 0;
    while ((code = sim_options_next(&reader, argc, argv, extra, &options)) > 0) {
        json = json || code == 'j';
        controls = code == 'c' ? optarg : controls;
        good = good && (code != 's' || usage_count("compare", "seeds", optarg, 1.0, 10000.0, &seeds));
    }
    bool known = good && (code != SIM_OPTIONS_DONE || options.daemon != NULL || controls_known(controls));
    int done = !known ? CLI_USAGE
        : code == SIM_OPTIONS_DONE ? compare(&options, rows, split(controls, rows), (int)seeds, json)
        : code == SIM_OPTIONS_HELP ? CLI_DONE : CLI_USAGE;
    run_options_release(&options);
    return done;
}
