#include "sim/loop/closed_loop.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "sim/traffic/street_checkpoint.h"

#define ARRIVED_CHUNK 4096           // results taken from the street at once

struct closed_loop {
    const struct network *network;
    struct loop_options options;
    struct trip_source trips;
    struct brain_peer peer;
    struct street *street;
    struct signals *signals;
    struct controller_report *reports;           // one per intersection
    struct actuation_touch *touches;             // one per intersection
    struct observation_buffer measured;          // by loops, as true as it is
    int64_t measured_ms;
    struct observation_buffer seen;              // what the brain's sensors say, before faults
    struct sensor_faults *faults;
    struct closed_loop_counts counts;
    LIST_OF(struct trip_result) results;
    int64_t trips_given;                         // by the source so far
    uint64_t trips_hash;                         // of them
    bool faulty;                                 // the sensors have faults
    bool closed;
};

static int32_t bins_needed(const struct network *network)
{
    return network->camera_count * CAMERA_BIN_COUNT_MAX;
}

enum status closed_loop_create(const struct network *network, const struct vehicle_type *types, int32_t type_count,
                        const struct loop_options *options, struct trip_source trips, struct brain_peer peer,
                        struct closed_loop **ret, struct problem *problem)
{
    assert(options->control_ms % options->step_ms == 0);
    struct street_options street_options = {
        .begin_ms = options->begin_ms, .step_ms = options->step_ms, .threads = options->threads, .seed = options->seed,
    };
    struct street *street = NULL;
    struct sensor_faults *faults = NULL;
    const struct fault_plan none = { 0 };
    enum status status = sensor_faults_create(network, options->faults != NULL ? options->faults : &none, options->seed,
                                              &faults, problem);
    status = status != STATUS_OK ? status
        : street_create(network, types, type_count, &street_options, &street, problem);
    if (status != STATUS_OK) {
        sensor_faults_release(faults);
        return status;
    }
    struct closed_loop *loop = memory_take(1, sizeof *loop);
    loop->network = network;
    loop->options = *options;
    loop->trips = trips;
    loop->options.faults = NULL;
    loop->trips_hash = HASH_SEED;
    loop->faulty = options->faults != NULL && options->faults->rules.count > 0;
    loop->peer = peer;
    loop->street = street;
    loop->faults = faults;
    loop->signals = signals_create(network, options->begin_ms);
    signals_fall_back_to(loop->signals, options->fallback);
    loop->touches = memory_take((size_t)network->intersection_count, sizeof *loop->touches);
    loop->reports = memory_take((size_t)network->intersection_count, sizeof *loop->reports);
    observation_buffer_create(&loop->measured, network->detector_count, 0, 0, 0);
    observation_buffer_create(&loop->seen, network->detector_count, 0, network->camera_count, bins_needed(network));
    *ret = loop;
    return STATUS_OK;
}

void closed_loop_release(struct closed_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    street_release(loop->street);
    signals_release(loop->signals);
    observation_buffer_release(&loop->measured);
    observation_buffer_release(&loop->seen);
    sensor_faults_release(loop->faults);
    free(loop->reports);
    free(loop->touches);
    free(loop->results.at);
    free(loop);
}

static enum status measure(struct closed_loop *loop)
{
    observation_buffer_clear(&loop->measured);
    loop->measured_ms = street_now_ms(loop->street);
    return loop->options.read_loops || (loop->options.sensing & SENSING_LOOPS)
        ? street_read_loops(loop->street, &loop->measured) : STATUS_OK;
}

static enum status sense(struct closed_loop *loop)
{
    observation_buffer_clear(&loop->seen);
    if (street_now_ms(loop->street) == loop->options.begin_ms) {
        return STATUS_OK;            // no interval has passed yet
    }
    enum status status = measure(loop);
    if (status == STATUS_OK && (loop->options.sensing & SENSING_LOOPS)) {
        status = observation_buffer_append(&loop->seen, &loop->measured.rows);
    }
    if (status == STATUS_OK && (loop->options.sensing & SENSING_CAMERA)) {
        status = street_read_cameras(loop->street, &loop->seen);
    }
    return status;
}

// The controllers report, the sensors speak, the brain answers, the controllers take what they can.
static enum status tick(struct closed_loop *loop, struct problem *problem)
{
    if (loop->peer.step == NULL) {
        return loop->options.read_loops && street_now_ms(loop->street) > loop->options.begin_ms ? measure(loop)
            : STATUS_OK;
    }
    int64_t now_ms = street_now_ms(loop->street);
    signals_show(loop->signals, now_ms, street_aspects(loop->street));
    for (int32_t i = 0; i < loop->network->intersection_count; i++) {
        signals_report(loop->signals, (struct intersection_id){ i }, &loop->reports[i]);
    }
    enum status status = sense(loop);
    if (status != STATUS_OK) {
        return problem_report(problem, status, "street", NULL, NULL, "the sensors gave more rows than the network has");
    }
    struct loop_tick told = { .now_ms = now_ms, .reports = loop->reports,
        .report_count = loop->network->intersection_count,
        .seen = sensor_faults_apply(loop->faults, now_ms, &loop->seen.rows) };
    struct loop_answer answer = { 0 };
    status = loop->peer.step(loop->peer.self, &told, &answer, problem);
    if (status != STATUS_OK) {
        return status;
    }
    for (int32_t i = 0; i < answer.plan_count; i++) {
        loop->counts.plans_offered++;
        if (signals_offer(loop->signals, &answer.plans[i], now_ms) == STATUS_OK) {
            loop->counts.plans_taken++;
        }
    }
    loop->counts.plans_refused = answer.refused_count;
    return STATUS_OK;
}

// What was given, so that a checkpoint knows its demand again.
static void trips_note(struct closed_loop *loop, const struct trip_columns *trips)
{
    for (int32_t i = 0; i < trips->count; i++) {
        loop->trips_hash = hash_number(loop->trips_hash, trips->depart_ms[i]);
        loop->trips_hash = hash_number(loop->trips_hash, ((int64_t)trips->number[i] << 32) + trips->type[i]);
        loop->trips_hash = hash_number(loop->trips_hash,
            ((int64_t)trips->links[trips->first_link[i]] << 32) + trips->links[trips->first_link[i + 1] - 1]);
    }
    loop->trips_given += trips->count;
}

static enum status enter_trips(struct closed_loop *loop, struct problem *problem)
{
    int64_t until_ms = street_now_ms(loop->street) + loop->options.step_ms;
    for (;;) {
        struct trip_columns trips = { 0 };
        enum status status = loop->trips.next(loop->trips.self, until_ms, &trips, problem);
        if (status != STATUS_OK || trips.count == 0) {
            return status;
        }
        int32_t row = 0;
        trips_note(loop, &trips);
        status = street_enter(loop->street, &trips, &row, problem);
        if (status != STATUS_OK) {
            return status;
        }
    }
}

static void take_arrived(struct closed_loop *loop)
{
    for (;;) {
        memory_grow((void **)&loop->results.at, &loop->results.capacity, loop->results.count + ARRIVED_CHUNK,
                    sizeof *loop->results.at);
        int32_t taken = street_take_arrived(loop->street, loop->results.at + loop->results.count, ARRIVED_CHUNK);
        loop->results.count += taken;
        if (taken < ARRIVED_CHUNK) {
            return;
        }
    }
}

static double wall_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

enum status closed_loop_step(struct closed_loop *loop, struct problem *problem)
{
    enum status status = enter_trips(loop, problem);
    if (status != STATUS_OK) {
        return status;
    }
    int64_t now_ms = street_now_ms(loop->street);
    observation_buffer_clear(&loop->measured);
    if (loop->options.fallback == SIGNALS_ACTUATED) {
        street_look_touches(loop->street, loop->touches);
        signals_touch(loop->signals, loop->touches, now_ms);
    }
    if ((now_ms - loop->options.begin_ms) % loop->options.control_ms == 0) {
        status = tick(loop, problem);
        if (status != STATUS_OK) {
            return status;
        }
    }
    signals_show(loop->signals, now_ms, street_aspects(loop->street));
    double began_s = wall_s();
    street_step(loop->street);
    loop->counts.step_wall_s += wall_s() - began_s;
    take_arrived(loop);
    return STATUS_OK;
}

static int by_number(const void *a, const void *b)
{
    int32_t left = ((const struct trip_result *)a)->number, right = ((const struct trip_result *)b)->number;
    return (left > right) - (left < right);
}

void closed_loop_close_books(struct closed_loop *loop)
{
    if (loop->closed) {
        return;
    }
    loop->closed = true;
    take_arrived(loop);
    enum status status = measure(loop);
    assert(status == STATUS_OK && "the buffer has a row for every loop");
    const struct street_counts *counts = street_counts(loop->street);
    int32_t unfinished_max = (int32_t)(counts->waiting + counts->under_way);
    memory_grow((void **)&loop->results.at, &loop->results.capacity, loop->results.count + unfinished_max + 1,
                sizeof *loop->results.at);
    loop->results.count += street_list_unfinished(loop->street, loop->results.at + loop->results.count, unfinished_max);
    qsort(loop->results.at, (size_t)loop->results.count, sizeof *loop->results.at, by_number);
}

int64_t closed_loop_now_ms(const struct closed_loop *loop)
{
    return street_now_ms(loop->street);
}

bool closed_loop_done(const struct closed_loop *loop)
{
    return street_now_ms(loop->street) >= loop->options.end_ms;
}

const struct closed_loop_counts *closed_loop_counts(const struct closed_loop *loop)
{
    return &loop->counts;
}

const struct loop_columns *closed_loop_measured(const struct closed_loop *loop)
{
    return &loop->measured.rows.loops;
}

int64_t closed_loop_measured_ms(const struct closed_loop *loop)
{
    return loop->measured_ms;
}

const struct sensor_counts *closed_loop_sensor_counts(const struct closed_loop *loop)
{
    return sensor_faults_counts(loop->faults);
}

const struct street *closed_loop_street(const struct closed_loop *loop)
{
    return loop->street;
}

const uint8_t *closed_loop_aspects(const struct closed_loop *loop)
{
    return street_aspects(loop->street);
}

const struct trip_result *closed_loop_results(const struct closed_loop *loop, int32_t *ret_count)
{
    *ret_count = loop->results.count;
    return loop->results.at;
}

// ---- checkpoints ---------------------------------------------------------------------------------------------------

static int64_t options_hash(const struct closed_loop *loop)
{
    const int64_t numbers[] = { 1, loop->options.control_ms, loop->options.sensing, loop->options.read_loops,
        loop->options.fallback, loop->peer.step != NULL, sizeof(struct trip_result),
        sizeof(struct closed_loop_counts) };
    uint64_t hash = HASH_SEED;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        hash = hash_number(hash, numbers[i]);
    }
    return (int64_t)hash;
}

static enum status checkpoint_possible(const struct closed_loop *loop, struct problem *problem)
{
    if (loop->peer.step != NULL && loop->peer.save == NULL) {
        return problem_report(problem, STATUS_INFEASIBLE, "checkpoint", NULL, "leave out --daemon",
                              "the brain is in a daemon, whose state is not at hand");
    }
    if (loop->faulty) {
        return problem_report(problem, STATUS_INFEASIBLE, "checkpoint", NULL, "leave the faults out",
                              "readings that faulty sensors hold back are not kept");
    }
    return STATUS_OK;
}

enum status closed_loop_save(const struct closed_loop *loop, struct byte_sink *sink, struct problem *problem)
{
    enum status status = checkpoint_possible(loop, problem);
    if (status != STATUS_OK) {
        return status;
    }
    sink_number(sink, options_hash(loop));
    street_save(loop->street, sink);
    signals_save(loop->signals, sink);
    sink_put(sink, &loop->counts, sizeof loop->counts);
    sink_put(sink, sensor_faults_counts(loop->faults), sizeof(struct sensor_counts));
    sink_number(sink, loop->trips_given);
    sink_number(sink, (int64_t)loop->trips_hash);
    sink_number(sink, loop->results.count);
    sink_put(sink, loop->results.at, (size_t)loop->results.count * sizeof *loop->results.at);
    if (loop->peer.save != NULL) {
        loop->peer.save(loop->peer.self, sink);
    }
    return STATUS_OK;
}

// Lets the source give once more what it gave before.
static enum status trips_skip(struct closed_loop *loop, int64_t given, uint64_t hash, struct problem *problem)
{
    while (loop->trips_given < given) {
        struct trip_columns trips = { 0 };
        enum status status = loop->trips.next(loop->trips.self, street_now_ms(loop->street), &trips, problem);
        if (status != STATUS_OK) {
            return status;
        }
        if (trips.count == 0) {
            break;
        }
        trips_note(loop, &trips);
    }
    return loop->trips_given == given && loop->trips_hash == hash ? STATUS_OK
        : problem_report(problem, STATUS_VERSION, "checkpoint", "demand",
                         "load it with the demand that it was saved with", "other trips departed before it");
}

enum status closed_loop_load(struct closed_loop *loop, struct byte_source *source, struct problem *problem)
{
    enum status status = checkpoint_possible(loop, problem);
    if (status == STATUS_OK && source_number(source) != options_hash(loop)) {
        status = problem_report(problem, STATUS_VERSION, "checkpoint", NULL,
                                "load it with --control, --sensing and --out as it was saved",
                                "it is of another kind of run or of another version of the program");
    }
    status = status != STATUS_OK ? status : street_load(loop->street, source, problem);
    status = status != STATUS_OK ? status : signals_load(loop->signals, source, problem);
    if (status != STATUS_OK) {
        return status;
    }
    struct sensor_counts sensors;
    source_take(source, &loop->counts, sizeof loop->counts);
    source_take(source, &sensors, sizeof sensors);
    sensor_faults_count_from(loop->faults, &sensors);
    int64_t given = source_number(source);
    uint64_t hash = (uint64_t)source_number(source);
    int64_t results = source_number(source);
    if (source->failed || results < 0 || (size_t)results > source->left / sizeof *loop->results.at) {
        return problem_report(problem, STATUS_RANGE, "checkpoint", "results", "save it anew", "they are not all there");
    }
    memory_grow((void **)&loop->results.at, &loop->results.capacity, (int32_t)results, sizeof *loop->results.at);
    source_take(source, loop->results.at, (size_t)results * sizeof *loop->results.at);
    loop->results.count = (int32_t)results;
    status = trips_skip(loop, given, hash, problem);
    return status != STATUS_OK || loop->peer.load == NULL ? status
        : loop->peer.load(loop->peer.self, source, problem);
}
