#include "cli/run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "engine/model/units.h"
#include "engine/record/recording_folder.h"
#include "sim/loop/daemon_brain.h"
#include "sim/loop/local_brain.h"
#include "sim/report/tripinfo.h"

int run_failed(enum status status, const struct problem *problem)
{
    fprintf(stderr, "intergreen: %s\n", problem->text);
    return status == STATUS_UNREACHABLE ? CLI_UNREACHABLE : status == STATUS_REFUSED ? CLI_REFUSED : CLI_FAILED;
}

enum status run_network(const struct run_options *options, struct network *ret, struct problem *problem)
{
    if (options->network == NULL) {
        return problem_report(problem, STATUS_RANGE, "--network", NULL, "name a network", "is missing");
    }
    return import_network(options->network, &options->import, ret, NULL, problem);
}

static enum status next_trips(void *self, int64_t until_ms, struct trip_columns *ret, struct problem *problem)
{
    return demand_next(self, until_ms, ret, problem);
}

static void name_trip(const void *names, int32_t trip, char *text, int32_t text_bytes)
{
    demand_trip_name(names, trip, text, text_bytes);
}

static double wall_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// Progress: a bar on a terminal four times a second, a plain line each tenth of the run elsewhere.
struct progress {
    bool terminal, quiet;
    const char *control;
    double began_s, told_s;
    int tenth;
};

static void progress_tell(struct progress *progress, const struct closed_loop *loop, const struct run_result *run)
{
    double done = (double)(closed_loop_now_ms(loop) - run->begin_ms) / (double)(run->end_ms - run->begin_ms);
    double now_s = wall_s(), spent_s = now_s - progress->began_s;
    bool due =
        progress->terminal ? now_s - progress->told_s >= 0.25 || done >= 1.0 : (int)(done * 10.0) > progress->tenth;
    if (progress->quiet || !due || spent_s <= 0.0) {
        return;
    }
    progress->told_s = now_s;
    progress->tenth = (int)(done * 10.0);
    const struct street_counts *counts = street_counts(closed_loop_street(loop));
    int64_t clock_s = closed_loop_now_ms(loop) / MS_PER_S;
    char bar[21];
    for (int i = 0; i < 20; i++) {
        bar[i] = i < (int)(done * 20.0) ? '#' : '.';
    }
    bar[20] = '\0';
    fprintf(stderr,
            "%s%-13s [%s] %02lld:%02lld:%02lld  %5.0f x real time  %6lld vehicles  %7.0f plans/s  %4.0f s left%s",
            progress->terminal ? "\r" : "", progress->control, bar, (long long)(clock_s / 3600 % 24),
            (long long)(clock_s / 60 % 60), (long long)(clock_s % 60),
            (double)(closed_loop_now_ms(loop) - run->begin_ms) / 1000.0 / spent_s, (long long)counts->under_way,
            (double)closed_loop_counts(loop)->plans_taken / spent_s, done > 0.0 ? spent_s * (1.0 - done) / done : 0.0,
            progress->terminal && done < 1.0 ? "" : "\n");
    fflush(stderr);
}

static enum status drive(struct closed_loop *loop, const struct run_options *options, struct run_result *run,
                         struct problem *problem)
{
    struct progress progress = { .terminal = isatty(STDERR_FILENO) != 0, .quiet = options->quiet,
        .control = options->control, .began_s = wall_s() };
    while (!closed_loop_done(loop)) {
        enum status status = closed_loop_step(loop, problem);
        if (status != STATUS_OK) {
            return status;
        }
        progress_tell(&progress, loop, run);
    }
    run->wall_s = wall_s() - progress.began_s;
    run->simulated_s = s_from_ms(run->end_ms - run->begin_ms);
    return STATUS_OK;
}

struct peers {
    struct local_brain *local;
    struct daemon_brain *daemon;
    struct recording_folder *folder;
    struct recorder *recorder;
};

static enum status token_read(const char *path, char *text, size_t bytes, struct problem *problem)
{
    FILE *file = fopen(path, "r");
    if (file == NULL || fgets(text, (int)bytes, file) == NULL) {
        if (file != NULL) {
            (void)fclose(file);
        }
        return problem_report(problem, STATUS_IO, path, NULL, "name a file with the token in its first line",
                              "the credential cannot be read");
    }
    (void)fclose(file);
    text[strcspn(text, "\r\n")] = '\0';
    return STATUS_OK;
}

static enum status record_open_folder(const struct run_options *options, const struct network *network,
                                      const struct brain_options *brain, int64_t begin_ms, struct peers *peers,
                                      struct problem *problem)
{
    enum status status = recording_folder_open(options->record, network->hash, 0, &peers->folder, problem);
    if (status == STATUS_OK) {
        recorder_create(network, options->network, recording_folder_sink(peers->folder), &peers->recorder);
        local_brain_record(peers->local, peers->recorder, brain, begin_ms);
    }
    return status;
}

static enum status peers_close(struct peers *peers, struct problem *problem)
{
    struct problem fault;
    bool faulty = false;
    local_brain_release(peers->local);
    daemon_brain_close(peers->daemon);
    recorder_release(peers->recorder);
    if (peers->folder != NULL) {
        faulty = recording_folder_fault(peers->folder, &fault);
    }
    enum status status = recording_folder_close(peers->folder, problem);
    if (faulty) {
        *problem = fault;
        return STATUS_IO;
    }
    return status;
}

static enum status peer_open(const struct run_options *options, const struct network *network,
                             const struct loop_options *loop_options, struct peers *peers, struct brain_peer *ret,
                             struct problem *problem)
{
    enum status status;
    if (options->daemon != NULL && options->record != NULL) {
        return problem_report(problem, STATUS_RANGE, "--record", NULL,
                              "Leave it out: the daemon records (`recordings` in its configuration).",
                              "is for a brain in this process");
    }
    if (options->daemon != NULL) {
        char token[TOKEN_BYTES_MAX] = "";
        status =
            options->credential == NULL ? STATUS_OK : token_read(options->credential, token, sizeof token, problem);
        status = status != STATUS_OK ? status
            : daemon_brain_open(options->daemon, network, options->control, loop_options,
                                options->credential != NULL ? token : NULL, &peers->daemon, problem);
        *ret = status == STATUS_OK ? daemon_brain_peer(peers->daemon) : (struct brain_peer){ 0 };
        return status;
    }
    struct brain_options brain = { .strategy = options->control, .epoch = 1, .daemon = 1, .status_age_ms_max = 3000,
        .threads = options->threads };
    status = local_brain_create(network, &brain, &peers->local, problem);
    *ret = status == STATUS_OK ? local_brain_peer(peers->local) : (struct brain_peer){ 0 };
    if (status == STATUS_OK && options->record != NULL) {
        status = record_open_folder(options, network, &brain, loop_options->begin_ms, peers, problem);
    }
    return status;
}

static enum status write_out(const struct run_options *options, const struct closed_loop *loop,
                             const struct demand *demand, struct problem *problem)
{
    if (options->out == NULL) {
        return STATUS_OK;
    }
    int32_t count = 0, type_count = 0;
    const struct trip_result *trips = closed_loop_results(loop, &count);
    return tripinfo_write(options->out, trips, count, demand_types(demand, &type_count), name_trip, demand, problem);
}

static enum status loop_through(const struct run_options *options, const struct network *network, struct demand *demand,
                                struct run_result *run, struct problem *problem)
{
    struct loop_options loop_options = { .begin_ms = run->begin_ms, .end_ms = run->end_ms, .step_ms = options->step_ms,
        .control_ms = MS_PER_S, .threads = options->threads, .seed = options->seed, .sensing = options->sensing,
        .faults = &options->faults };
    int32_t type_count = 0;
    const struct vehicle_type *types = demand_types(demand, &type_count);
    struct peers peers = { 0 };
    struct brain_peer peer = { 0 };
    struct closed_loop *loop = NULL;
    enum status status = peer_open(options, network, &loop_options, &peers, &peer, problem);
    status = status != STATUS_OK
                 ? status
                 : closed_loop_create(network, types, type_count, &loop_options,
                                      (struct trip_source){ demand, next_trips }, peer, &loop, problem);
    status = status != STATUS_OK ? status : drive(loop, options, run, problem);
    if (status == STATUS_OK) {
        closed_loop_close_books(loop);
        measures_of(loop, network, &run->measures);
        run->sensors = *closed_loop_sensor_counts(loop);
        status = write_out(options, loop, demand, problem);
    }
    closed_loop_release(loop);
    struct problem closing;
    enum status closed = peers_close(&peers, &closing);
    if (status == STATUS_OK && closed != STATUS_OK) {
        *problem = closing;
        status = closed;
    }
    return status;
}

enum status run_street(const struct run_options *options, const struct network *network, struct run_result *ret,
                       struct problem *problem)
{
    struct demand_options wish = { .begin_ms = isnan(options->begin_s) ? DEMAND_TIME_NONE : ms_from_s(options->begin_s),
        .scale = options->demand_scale, .ignore_route_errors = options->ignore_route_errors, .seed = options->seed };
    struct demand *demand = NULL;
    const char *path = options->demand != NULL ? options->demand : options->network;
    enum status status = demand_open(network, path, &wish, &demand, problem);
    if (status != STATUS_OK) {
        return status;
    }
    struct run_result run = { .begin_ms = demand_begin_ms(demand) };
    int64_t end_ms = demand_end_ms(demand);
    run.end_ms = !isnan(options->seconds) ? run.begin_ms + ms_from_s(options->seconds)
        : end_ms != DEMAND_TIME_NONE ? end_ms : run.begin_ms + 3600 * MS_PER_S;
    for (int32_t i = 0; !options->quiet && i < demand_note_count(demand); i++) {
        fprintf(stderr, "note: %s\n", demand_note(demand, i));
    }
    status = run.end_ms > run.begin_ms ? loop_through(options, network, demand, &run, problem)
        : problem_report(problem, STATUS_RANGE, path, NULL, "give --begin or --seconds", "ends before it begins");
    demand_release(demand);
    if (status == STATUS_OK) {
        *ret = run;
    }
    return status;
}
