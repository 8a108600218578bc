#include "cli/run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/run_checkpoint.h"
#include "engine/base/memory.h"
#include "engine/import/site_data.h"
#include "engine/model/units.h"
#include "engine/record/recording_folder.h"
#include "sim/loop/daemon_brain.h"
#include "sim/loop/incidents.h"
#include "sim/loop/local_brain.h"
#include "sim/loop/parted_brain.h"
#include "sim/traffic/calibration.h"

enum { WARNING_COUNT_MAX = 8 };   // of the network's, shown; `intergreen import` shows all

int run_failed(enum status status, const struct problem *problem)
{
    fprintf(stderr, "intergreen: %s\n", problem->text);
    return status == STATUS_UNREACHABLE ? CLI_UNREACHABLE : status == STATUS_REFUSED ? CLI_REFUSED : CLI_FAILED;
}

static void say_warnings(const struct import_report *report)
{
    int32_t count = 0;
    for (int32_t i = 0; i < report->lines.count; i++) {
        const struct import_line *line = &report->lines.at[i];
        if (line->note == NOTE_WARNING && count++ < WARNING_COUNT_MAX) {
            fprintf(stderr, "note: network: %s\n", line->text);
        }
    }
    if (count > WARNING_COUNT_MAX) {
        fprintf(stderr, "note: network: %d more such notes: `intergreen import` shows all\n",
                count - WARNING_COUNT_MAX);
    }
}

enum status run_network(const struct run_options *options, struct network *ret, struct problem *problem)
{
    if (options->network == NULL) {
        return problem_report(problem, STATUS_RANGE, "--network", NULL, "name a network", "is missing");
    }
    struct import_options import = options->import;
    import.additional = options->additional;
    progress_files(options->quiet);
    struct import_report report = { { 0 } };
    enum status status = import_network(options->network, &import, ret, &report, problem);
    progress_files_end(options->quiet);
    if (!options->quiet) {
        say_warnings(&report);
    }
    import_report_release(&report);
    if (status == STATUS_OK && options->site != NULL && site_apply(ret, options->site, NULL, problem) != STATUS_OK) {
        network_release(ret);
        return STATUS_RANGE;
    }
    return status;
}

enum { STEP_MS_MIN = 100, OPEN_END_MS_MAX = 7200 * MS_PER_S };   // the latter: for those who never arrive

static enum status next_trips(void *self, int64_t until_ms, struct trip_columns *ret, struct problem *problem)
{
    return demand_next(self, until_ms, ret, problem);
}

static void name_trip(const void *names, int32_t trip, char *text, int32_t text_bytes)
{
    demand_trip_name(names, trip, text, text_bytes);
}

static void tell(struct progress *progress, const struct closed_loop *loop, const struct run_result *run, double done)
{
    double spent_s = progress_spent_s(progress);
    int64_t clock_s = closed_loop_now_ms(loop) / MS_PER_S;
    char detail[160];
    (void)snprintf(detail, sizeof detail, "%02lld:%02lld:%02lld  %5.0f x real time  %6lld vehicles  %7.0f plans/s",
                   (long long)(clock_s / 3600 % 24), (long long)(clock_s / 60 % 60), (long long)(clock_s % 60),
                   s_from_ms(closed_loop_now_ms(loop) - run->begin_ms) / spent_s,
                   (long long)street_counts(closed_loop_street(loop))->under_way,
                   (double)closed_loop_counts(loop)->plans_taken / spent_s);
    progress_tell(progress, done, detail);
}

// SUMO's end where a file names none.
static bool all_arrived(const struct closed_loop *loop, const struct run_result *run)
{
    const struct street_counts *counts = street_counts(closed_loop_street(loop));
    return run->open_end_ms != DEMAND_TIME_NONE && closed_loop_now_ms(loop) > run->open_end_ms
        && counts->waiting + counts->under_way == 0;
}

static enum status drive(struct closed_loop *loop, const struct run_options *options, struct run_outputs *outputs,
                         struct run_result *run, struct problem *problem)
{
    struct progress progress;
    progress_begin(&progress, options->control, options->quiet);
    double span_ms = (double)(run->end_ms - run->begin_ms);
    bool saved = options->save_checkpoint == NULL;
    while (!closed_loop_done(loop)) {
        enum status status = STATUS_OK;
        if (!saved && s_from_ms(closed_loop_now_ms(loop)) >= options->checkpoint_at_s) {
            saved = true;
            status = run_checkpoint_save(options->save_checkpoint, loop, outputs, run->sampler, problem);
        }
        status = status != STATUS_OK ? status : closed_loop_step(loop, problem);
        if (status != STATUS_OK) {
            progress_break(&progress);
            return status;
        }
        if (outputs != NULL) {
            run_outputs_step(outputs, loop);
        }
        approach_sampler_look(run->sampler, loop);
        if (run->book != NULL) {
            day_book_look(run->book, loop);
        }
        double done = (double)(closed_loop_now_ms(loop) - run->begin_ms) / span_ms;
        if (all_arrived(loop, run)) {
            run->end_ms = closed_loop_now_ms(loop);
            done = 1.0;
        }
        if (progress_due(&progress, done)) {
            tell(&progress, loop, run, done);
        }
        if (done >= 1.0) {
            break;
        }
    }
    run->wall_s = progress_spent_s(&progress);
    run->simulated_s = s_from_ms(run->end_ms - run->begin_ms);
    return STATUS_OK;
}

struct peers {
    struct local_brain *local;
    struct parted_brain *parted;
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
    parted_brain_release(peers->parted);
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

// Whether the controllers act by themselves, with no brain in this process nor elsewhere.
static bool run_is_local(const struct run_options *options)
{
    return strcmp(options->control, "actuated-local") == 0;
}

static enum status peer_open(const struct run_options *options, const struct network *network,
                             const struct loop_options *loop_options, struct peers *peers, struct brain_peer *ret,
                             struct problem *problem)
{
    enum status status;
    if (run_is_local(options)) {
        *ret = BRAIN_PEER_NONE;
        return options->record == NULL ? STATUS_OK
            : problem_report(problem, STATUS_RANGE, "--record", NULL, "Leave it out, or take --control actuated.",
                             "records a brain, and under actuated-local there is none");
    }
    if (options->apart && (options->daemon != NULL || options->record != NULL)) {
        return problem_report(problem, STATUS_RANGE, "--apart", NULL, "Leave one of them out.",
                              "does not go with --daemon or --record");
    }
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
            : daemon_brain_open(options->daemon, &options->tls, network, options->control, loop_options,
                                options->credential != NULL ? token : NULL, &peers->daemon, problem);
        *ret = status == STATUS_OK ? daemon_brain_peer(peers->daemon) : (struct brain_peer){ 0 };
        return status;
    }
    struct brain_options brain = { .strategy = options->control, .epoch = 1, .daemon = 1, .status_age_ms_max = 3000,
        .threads = options->threads };
    if (options->apart) {
        status = parted_brain_create(network, &brain, options->apart_loss, options->seed, &peers->parted, problem);
        *ret = status == STATUS_OK ? parted_brain_peer(peers->parted) : (struct brain_peer){ 0 };
        return status;
    }
    status = local_brain_create(network, &brain, &peers->local, problem);
    *ret = status == STATUS_OK ? local_brain_peer(peers->local) : (struct brain_peer){ 0 };
    if (status == STATUS_OK && options->record != NULL) {
        status = record_open_folder(options, network, &brain, loop_options->begin_ms, peers, problem);
    }
    return status;
}

// Drives the loop with the outputs that were asked for, and closes the books.
static enum status drive_and_report(const struct run_options *options, const struct report_subject *subject,
                                    struct closed_loop *loop, struct run_result *run, struct problem *problem)
{
    struct output_options output = options->output;
    output.directory = options->out;
    struct run_outputs *outputs = NULL;
    enum status status = options->out == NULL && !options->emissions ? STATUS_OK
        : run_outputs_open(&output, subject, run->begin_ms, run->step_ms, &outputs, problem);
    struct approach_sampler sampler;
    approach_sampler_create(&sampler, subject->network);
    run->sampler = &sampler;
    if (status == STATUS_OK && options->load_checkpoint != NULL) {
        status = run_checkpoint_load(options->load_checkpoint, loop, outputs, &sampler, problem);
    }
    status = status != STATUS_OK ? status : drive(loop, options, outputs, run, problem);
    run->sampler = NULL;
    if (status != STATUS_OK) {
        approach_sampler_release(&sampler);
        run_outputs_abandon(outputs);
        return status;
    }
    closed_loop_close_books(loop);
    measures_of(loop, subject->network, &sampler, &run->measures);
    approach_sampler_release(&sampler);
    run->sensors = *closed_loop_sensor_counts(loop);
    run->burnt = outputs != NULL;
    return outputs == NULL ? STATUS_OK : run_outputs_close(outputs, loop, &run->co2_kg, &run->fuel_l, problem);
}

// A time that the run comes by, and not two things at once.
static enum status checkpoint_check(const struct run_options *options, const struct run_result *run,
                                    struct problem *problem)
{
    bool checkpoint = options->save_checkpoint != NULL || options->load_checkpoint != NULL;
    if (checkpoint && options->record != NULL) {
        return problem_report(problem, STATUS_RANGE, "--record", NULL, "leave one of them out",
                              "a recording holds snapshots of its own and does not go with a checkpoint");
    }
    if ((options->save_checkpoint == NULL) != isnan(options->checkpoint_at_s)) {
        return problem_report(problem, STATUS_RANGE, "--save-checkpoint", NULL,
                              "give --save-checkpoint FILE and --checkpoint-at T", "its file and its time go together");
    }
    if (options->save_checkpoint != NULL && !(options->checkpoint_at_s >= s_from_ms(run->begin_ms)
            && options->checkpoint_at_s < s_from_ms(run->end_ms))) {
        return problem_report(problem, STATUS_RANGE, "--checkpoint-at", NULL, "name a time within it",
                              "the run lasts from %g to %g s", s_from_ms(run->begin_ms), s_from_ms(run->end_ms));
    }
    return STATUS_OK;
}

// The demand's types, discharging as they or the command line wish.
static enum status types_fill(const struct run_options *options, const struct vehicle_type *told, int32_t count,
                              int32_t step_ms, struct vehicle_type *ret, struct problem *problem)
{
    for (int32_t i = 0; i < count; i++) {
        ret[i] = told[i];
        bool motor = ((unsigned)told[i].user & USER_MOTOR) != 0;
        if (motor && !isnan(options->saturation_flow_vph)) {
            ret[i].wished_flow_vph = options->saturation_flow_vph;
            ret[i].wishes |= WISH_FLOW;
        }
        if (motor && !isnan(options->start_loss_s)) {
            ret[i].wished_lost_s = options->start_loss_s;
            ret[i].wishes |= WISH_LOST;
        }
    }
    const char *source = !isnan(options->saturation_flow_vph) ? "--saturation-flow-vph"
        : !isnan(options->start_loss_s) ? "--start-loss-s"
        : options->demand != NULL ? options->demand : options->network;
    return calibration_grant(ret, count, step_ms, source, problem);
}

// Lanes that the demand's files and the file of incidents close.
static enum status incidents_gather(const struct run_options *options, const struct network *network,
                                    const struct demand *demand, struct incidents *ret, struct problem *problem)
{
    int32_t count = 0;
    const struct lane_closure *told = demand_closures(demand, &count);
    for (int32_t i = 0; i < count; i++) {
        *GROW(ret->closures) = told[i];
    }
    return options->incidents == NULL ? STATUS_OK : incidents_read(network, options->incidents, ret, problem);
}

static enum status loop_through(const struct run_options *options, const struct network *network, struct demand *demand,
                                struct run_result *run, struct problem *problem)
{
    struct loop_options loop_options = { .begin_ms = run->begin_ms, .end_ms = run->end_ms, .step_ms = run->step_ms,
        .control_ms = MS_PER_S, .threads = options->threads, .seed = options->seed, .sensing = options->sensing,
        .pedestrians_per_hour = options->pedestrians_per_hour,
        .no_priority = options->no_priority, .announce_ms = (int32_t)ms_from_s(options->announce_s),
        .read_loops = options->out != NULL, .faults = &options->faults,
        .fallback = run_is_local(options) ? SIGNALS_ACTUATED : options->fallback };
    int32_t type_count = 0;
    const struct vehicle_type *told = demand_types(demand, &type_count);
    struct vehicle_type *types = memory_take((size_t)type_count, sizeof *types);
    struct peers peers = { 0 };
    struct brain_peer peer = { 0 };
    struct closed_loop *loop = NULL;
    struct incidents incidents = { 0 };
    enum status status = checkpoint_check(options, run, problem);
    status = status != STATUS_OK ? status : incidents_gather(options, network, demand, &incidents, problem);
    loop_options.closures = incidents.closures.at;
    loop_options.closure_count = incidents.closures.count;
    status = status != STATUS_OK ? status : types_fill(options, told, type_count, run->step_ms, types, problem);
    status = status != STATUS_OK ? status : peer_open(options, network, &loop_options, &peers, &peer, problem);
    status = status != STATUS_OK
                 ? status
                 : closed_loop_create(network, types, type_count, &loop_options,
                                      (struct trip_source){ demand, next_trips }, peer, &loop, problem);
    struct report_subject subject = { .network = network, .types = types, .name = name_trip, .names = demand };
    status = status != STATUS_OK ? status : drive_and_report(options, &subject, loop, run, problem);
    closed_loop_release(loop);
    free(types);
    incidents_release(&incidents);
    struct problem closing;
    enum status closed = peers_close(&peers, &closing);
    if (status == STATUS_OK && closed != STATUS_OK) {
        *problem = closing;
        status = closed;
    }
    return status;
}

// The .sumocfg's step where nobody says another, if the street can make it.
static int32_t step_of(const struct run_options *options, const struct demand *demand)
{
    int64_t step_ms = options->step_ms > 0 ? options->step_ms : demand_step_ms(demand);
    if (step_ms >= STEP_MS_MIN && step_ms <= MS_PER_S && MS_PER_S % step_ms == 0) {
        return (int32_t)step_ms;
    }
    if (step_ms > 0 && !options->terse && !options->noted) {
        fprintf(stderr, "note: a step-length of %g s cannot be driven here: 1 s stands for it\n", s_from_ms(step_ms));
    }
    return MS_PER_S;
}

// From when to when: as options say, else the file; else, as SUMO, until everybody has arrived, or for an hour.
static void span_of(const struct run_options *options, const struct demand *demand, struct run_result *run)
{
    int64_t end_ms = demand_end_ms(demand), last_ms = demand_open_end_ms(demand);
    run->begin_ms = demand_begin_ms(demand);
    run->open_end_ms = isnan(options->seconds) && end_ms == DEMAND_TIME_NONE ? last_ms : DEMAND_TIME_NONE;
    run->end_ms = !isnan(options->seconds) ? run->begin_ms + ms_from_s(options->seconds)
        : end_ms != DEMAND_TIME_NONE ? end_ms
        : last_ms != DEMAND_TIME_NONE ? last_ms + OPEN_END_MS_MAX : run->begin_ms + 3600 * MS_PER_S;
}

static void say_pedestrians(const struct run_options *options, const struct network *network)
{
    bool any = options->pedestrians_per_hour <= 0.0 || options->terse;
    for (int32_t g = 0; g < network->group_count && !any; g++) {
        any = network->groups[g].kind == GROUP_PEDESTRIAN;
    }
    if (!any) {
        fprintf(stderr, "note: the network has no pedestrian signals: nobody comes to walk\n");
    }
}

static void say_notes(const struct run_options *options, const struct demand *demand)
{
    const struct demand_counts *counts = demand_counts(demand);
    for (int32_t i = 0; !options->terse && i < demand_note_count(demand); i++) {
        fprintf(stderr, "note: %s\n", demand_note(demand, i));
    }
    if (counts->read == 0 && !options->terse) {
        fprintf(stderr, "note: the demand holds no trips: the street stays empty\n");
    }
    if (counts->before_begin > 0 && !options->terse) {
        fprintf(stderr, "note: %lld trips depart before the begin and are left out\n", (long long)counts->before_begin);
    }
    if (counts->read > 0 && counts->read == counts->before_begin + counts->route_errors) {
        fprintf(stderr, "note: no trip is left: the street stays empty\n");
    }
    if (counts->route_errors > 0) {
        fprintf(stderr, "note: %lld of %lld trips are dropped: they have no route, or a bad one\n",
                (long long)counts->route_errors, (long long)counts->read);
    }
}

enum status run_street(const struct run_options *options, const struct network *network, struct run_result *ret,
                       struct problem *problem)
{
    struct demand_options wish = { .begin_ms = isnan(options->begin_s) ? DEMAND_TIME_NONE : ms_from_s(options->begin_s),
        .scale = options->demand_scale, .ignore_route_errors = options->ignore_route_errors, .seed = options->seed,
        .additional = options->additional, .additional_count = options->import.additional_count };
    struct demand *demand = NULL;
    const char *path = options->demand != NULL ? options->demand : options->network;
    enum file_kind kind = FILE_UNKNOWN;
    struct problem unread;             // what the network could not say it said when it was read
    if (options->demand != NULL && import_sniff(options->network, &kind, &unread) == STATUS_OK
        && kind == FILE_SUMO_CONFIG) {
        wish.config = options->network;
    }
    progress_files(options->quiet);
    enum status status = demand_open(network, path, &wish, &demand, problem);
    progress_files_end(options->quiet);
    if (status != STATUS_OK) {
        return status;
    }
    struct run_result run = { .step_ms = step_of(options, demand) };
    span_of(options, demand, &run);
    if (!options->noted) {
        say_notes(options, demand);
        say_pedestrians(options, network);
    }
    if (options->book && run.end_ms > run.begin_ms) {
        run.book = day_book_create(network, run.begin_ms, run.end_ms, options->corridors, options->corridor_count);
    }
    status = run.end_ms > run.begin_ms ? loop_through(options, network, demand, &run, problem)
        : problem_report(problem, STATUS_RANGE, path, NULL, "give --begin or --seconds", "ends before it begins");
    run.trips = *demand_counts(demand);
    demand_release(demand);
    if (status == STATUS_OK) {
        *ret = run;
    } else {
        day_book_release(run.book);
    }
    return status;
}
