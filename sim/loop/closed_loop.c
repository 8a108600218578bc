#include "sim/loop/closed_loop.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "sim/traffic/street_checkpoint.h"
#include "sim/loop/loop_edges.h"

#define ARRIVED_CHUNK 4096           // results taken from the street at once

#define CALLER_COUNT_MAX 256         // vehicles that tell the signals where they are, at one tick

struct closed_loop {
    const struct network *network;
    struct loop_options options;
    struct trip_source trips;
    struct brain_peer peer;
    struct street *street;
    struct signals *signals;
    struct pedestrians *pedestrians;             // or NULL
    struct controller_report *reports;           // one per intersection
    struct actuation_touch *touches;             // one per intersection
    struct observation_buffer measured;          // by loops, as true as it is
    int64_t measured_ms;
    struct loop_edges edges;
    struct observation_buffer gathered;          // readings and edges of the steps since the last tick, with edges
    struct observation_buffer seen;              // what the brain's sensors say, before faults
    struct sensor_faults *faults;
    const struct observation_columns *told;      // what the brain heard at the last tick, or NULL
    struct closed_loop_counts counts;
    LIST_OF(struct trip_result) results;
    int64_t trips_given, trips_until_ms;         // by the source so far, and what it was asked for last
    uint64_t trips_hash;                         // of them
    uint32_t caller_users;                       // user classes that call: 0 where no type is of one
    int32_t announce_ms;                         // trips are taken from the source so long before they are due
    uint32_t *type_users;                        // of each type
    struct bound_view *callers;
    struct priority *priorities;
    bool closed;
};

static int32_t bins_needed(const struct network *network)
{
    return network->camera_count * CAMERA_BIN_COUNT_MAX;
}

// Which of the vehicle types tell the signals where they are.
static void callers_find(struct closed_loop *loop, const struct vehicle_type *types, int32_t type_count)
{
    loop->type_users = memory_take((size_t)type_count, sizeof *loop->type_users);
    for (int32_t t = 0; t < type_count; t++) {
        loop->type_users[t] = types[t].user;
        loop->caller_users |= loop->options.no_priority ? 0 : types[t].user & (USER_EMERGENCY | USER_BUS | USER_TRAM);
    }
    loop->announce_ms = (loop->caller_users & USER_EMERGENCY) != 0 ? loop->options.announce_ms : 0;
    loop->callers = memory_take(CALLER_COUNT_MAX, sizeof *loop->callers);
    loop->priorities = memory_take(CALLER_COUNT_MAX, sizeof *loop->priorities);
}

enum status closed_loop_create(const struct network *network, const struct vehicle_type *types, int32_t type_count,
                        const struct loop_options *options, struct trip_source trips, struct brain_peer peer,
                        struct closed_loop **ret, struct problem *problem)
{
    assert(options->control_ms % options->step_ms == 0);
    struct street_options street_options = {
        .begin_ms = options->begin_ms, .step_ms = options->step_ms, .threads = options->threads, .seed = options->seed,
        .closures = options->closures, .closure_count = options->closure_count,
    };
    struct street *street = NULL;
    struct sensor_faults *faults = NULL;
    const struct fault_plan none = { 0 };
    enum status status = sensor_faults_create(network, options->faults != NULL ? options->faults : &none, options->seed,
                                              (options->sensing & SENSING_EDGES) != 0, &faults, problem);
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
    loop->options.closures = NULL;
    loop->trips_hash = HASH_SEED;
    loop->options.sensing = peer.step != NULL ? options->sensing : 0;   // nobody to be told
    loop->peer = peer;
    loop->street = street;
    loop->faults = faults;
    loop->signals = signals_create(network, options->begin_ms);
    loop->pedestrians = options->pedestrians_per_hour > 0.0
        ? pedestrians_create(network, options->pedestrians_per_hour, options->seed, options->begin_ms) : NULL;
    signals_fall_back_to(loop->signals, options->fallback);
    loop->touches = memory_take((size_t)network->intersection_count, sizeof *loop->touches);
    loop->reports = memory_take((size_t)network->intersection_count, sizeof *loop->reports);
    observation_buffer_create(&loop->measured, network->detector_count, 0, 0, 0);
    int32_t edge_count = (loop->options.sensing & SENSING_EDGES) != 0
        ? LOOP_EDGES_IN_STEP * network->detector_count * (options->control_ms / options->step_ms) : 0;
    observation_buffer_create(&loop->gathered, edge_count > 0 ? network->detector_count : 0, edge_count, 0, 0);
    loop_edges_create(&loop->edges, network);
    observation_buffer_create(&loop->seen, network->detector_count, edge_count, network->camera_count,
                              bins_needed(network));
    callers_find(loop, types, type_count);
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
    pedestrians_release(loop->pedestrians);
    observation_buffer_release(&loop->measured);
    observation_buffer_release(&loop->gathered);
    loop_edges_release(&loop->edges);
    observation_buffer_release(&loop->seen);
    sensor_faults_release(loop->faults);
    free(loop->reports);
    free(loop->touches);
    free(loop->type_users);
    free(loop->callers);
    free(loop->priorities);
    free(loop->results.at);
    free(loop);
}

void loop_sensing_text(int sensing, char *text)
{
    (void)snprintf(text, SENSING_BYTES, "%s%s%s", sensing & SENSING_CAMERA ? ",camera" : "",
                   sensing & SENSING_LOOPS ? ",loops" : "", sensing & SENSING_EDGES ? ",edges" : "");
    memmove(text, text + 1, strlen(text));       // without the first comma
}

// Adds readings of one step to those gathered; all loops are read in each step, in the same order.
static void gather_readings(struct loop_columns *sum, const struct loop_columns *step)
{
    for (int32_t i = 0; i < step->count; i++) {
        bool first = i >= sum->count;
        int32_t before = first ? 0 : sum->vehicles[i], speed_mmps = first ? 0 : sum->speed_mmps[i];
        sum->count = first ? i + 1 : sum->count;
        sum->detector[i] = step->detector[i];
        sum->end_ms[i] = step->end_ms[i];
        sum->length_ms[i] = (first ? 0 : sum->length_ms[i]) + step->length_ms[i];
        sum->occupied_ms[i] = (first ? 0 : sum->occupied_ms[i]) + step->occupied_ms[i];
        sum->vehicles[i] = before + step->vehicles[i];
        int64_t weighed = (int64_t)before * speed_mmps + (int64_t)step->vehicles[i] * step->speed_mmps[i];
        sum->speed_mmps[i] = sum->vehicles[i] > 0 ? (int32_t)(weighed / sum->vehicles[i]) : -1;
    }
}

// After each step where edges are asked for: what its loops say.
static enum status gather(struct closed_loop *loop)
{
    struct observation_buffer *step = &loop->measured;
    observation_buffer_clear(step);
    enum status status = street_read_loops(loop->street, step);
    if (status == STATUS_OK) {
        status = loop_edges_take(&loop->edges, &step->rows.loops, &loop->gathered);
        gather_readings(&loop->gathered.rows.loops, &step->rows.loops);
    }
    observation_buffer_clear(step);
    return status;
}

static enum status measure(struct closed_loop *loop)
{
    observation_buffer_clear(&loop->measured);
    loop->measured_ms = street_now_ms(loop->street);
    if (loop->options.sensing & SENSING_EDGES) {
        struct observation_columns readings = { .loops = loop->gathered.rows.loops };
        loop->gathered.rows.loops.count = 0;
        return observation_buffer_append(&loop->measured, &readings);
    }
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
    if (status == STATUS_OK && (loop->options.sensing & SENSING_EDGES)) {
        struct observation_columns edges = { .edges = loop->gathered.rows.edges };
        status = observation_buffer_append(&loop->seen, &edges);
        observation_buffer_clear(&loop->gathered);
    }
    if (status == STATUS_OK && (loop->options.sensing & SENSING_CAMERA)) {
        status = street_read_cameras(loop->street, &loop->seen);
    }
    return status;
}

// What emergency vehicles, buses and trams say now, in order of place; then what is said of emergency vehicles that
// have not set out yet.
static int32_t callers_hear(struct closed_loop *loop)
{
    int32_t count = loop->caller_users == 0 ? 0
        : street_list_bound(loop->street, loop->caller_users, loop->callers, CALLER_COUNT_MAX);
    if (loop->announce_ms > 0) {
        count += street_list_due(loop->street, USER_EMERGENCY, loop->announce_ms, loop->callers + count,
                                 CALLER_COUNT_MAX - count);
    }
    for (int32_t i = 0; i < count; i++) {
        const struct bound_view *caller = &loop->callers[i];
        bool emergency = loop->type_users[caller->type] == USER_EMERGENCY;
        loop->priorities[i] = (struct priority){ .vehicle = caller->number,
            .kind = emergency ? PRIORITY_EMERGENCY : PRIORITY_TRANSIT, .lane = caller->lane,
            .to_stop_mm = (int32_t)(1000.0 * caller->to_stop_m), .speed_mmps = (int32_t)(1000.0 * caller->speed_mps),
            .late_s = emergency ? 0 : (int32_t)caller->lost_s, .departs_in_ms = caller->departs_in_ms,
            .route = caller->route,
            .route_count = caller->route_count };
    }
    return count;
}

// The controllers report, the sensors speak, the brain answers, the controllers take what they can.
static enum status tick(struct closed_loop *loop, struct problem *problem)
{
    if (loop->peer.step == NULL) {
        return street_now_ms(loop->street) > loop->options.begin_ms ? measure(loop) : STATUS_OK;
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
        .seen = sensor_faults_apply(loop->faults, now_ms, &loop->seen.rows),
        .priorities = loop->priorities, .priority_count = callers_hear(loop) };
    struct loop_answer answer = { 0 };
    loop->told = told.seen;
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
        for (int32_t s = trips->first_stop != NULL ? trips->first_stop[i] : 0;
             trips->first_stop != NULL && s < trips->first_stop[i + 1]; s++) {
            loop->trips_hash = hash_number(loop->trips_hash, trips->stops[s].until_ms);
            loop->trips_hash = hash_number(loop->trips_hash,
                ((int64_t)trips->stops[s].end_mm << 32) + trips->stops[s].duration_ms);
        }
    }
    loop->trips_given += trips->count;
}

static enum status enter_trips(struct closed_loop *loop, struct problem *problem)
{
    loop->trips_until_ms = street_now_ms(loop->street) + loop->options.step_ms + loop->announce_ms;
    for (;;) {
        struct trip_columns trips = { 0 };
        enum status status = loop->trips.next(loop->trips.self, loop->trips_until_ms, &trips, problem);
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
    if (loop->pedestrians != NULL) {
        signals_call(loop->signals, pedestrians_calls(loop->pedestrians));
    }
    if (signals_want_touches(loop->signals)) {
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
    if (loop->pedestrians != NULL) {
        pedestrians_step(loop->pedestrians, now_ms, loop->options.step_ms, street_aspects(loop->street));
    }
    double began_s = wall_s();
    street_step(loop->street);
    loop->counts.step_wall_s += wall_s() - began_s;
    take_arrived(loop);
    return loop->options.sensing & SENSING_EDGES && gather(loop) != STATUS_OK
        ? problem_report(problem, STATUS_LIMIT, "street", NULL, NULL, "the loops gave more edges than can be")
        : STATUS_OK;
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

const struct observation_columns *closed_loop_told(const struct closed_loop *loop)
{
    return loop->told;
}

int64_t closed_loop_measured_ms(const struct closed_loop *loop)
{
    return loop->measured_ms;
}

struct pedestrian_counts closed_loop_pedestrians(const struct closed_loop *loop)
{
    return loop->pedestrians != NULL ? pedestrians_counted(loop->pedestrians) : (struct pedestrian_counts){ 0 };
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
    const int64_t numbers[] = { 2, loop->options.control_ms, loop->options.sensing, loop->options.read_loops,
        loop->options.fallback, loop->peer.step != NULL, loop->pedestrians != NULL, sizeof(struct trip_result),
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
    return STATUS_OK;
}

// The columns of what was gathered since the last tick; nothing without edges.
struct gathered_column { void *at; size_t bytes; };

enum { GATHERED_LOOP_COLUMNS = 6, GATHERED_COLUMNS = 9 };

static void gathered_columns(const struct closed_loop *loop, struct gathered_column *ret)
{
    const struct loop_columns *loops = &loop->gathered.rows.loops;
    const struct edge_columns *edges = &loop->gathered.rows.edges;
    const struct gathered_column columns[GATHERED_COLUMNS] = {
        { loops->detector, sizeof *loops->detector }, { loops->end_ms, sizeof *loops->end_ms },
        { loops->length_ms, sizeof *loops->length_ms }, { loops->vehicles, sizeof *loops->vehicles },
        { loops->occupied_ms, sizeof *loops->occupied_ms }, { loops->speed_mmps, sizeof *loops->speed_mmps },
        { edges->detector, sizeof *edges->detector }, { edges->at_ms, sizeof *edges->at_ms },
        { edges->on, sizeof *edges->on },
    };
    memcpy(ret, columns, sizeof columns);
}

static void gathered_save(const struct closed_loop *loop, struct byte_sink *sink)
{
    struct gathered_column columns[GATHERED_COLUMNS];
    gathered_columns(loop, columns);
    const int32_t counts[] = { loop->gathered.rows.loops.count, loop->gathered.rows.edges.count };
    sink_put(sink, counts, sizeof counts);
    for (int i = 0; i < GATHERED_COLUMNS; i++) {
        sink_put(sink, columns[i].at, columns[i].bytes * (size_t)counts[i >= GATHERED_LOOP_COLUMNS]);
    }
    sink_put(sink, loop->edges.covered, (size_t)loop->network->detector_count * sizeof *loop->edges.covered);
}

static bool detectors_known(const struct closed_loop *loop, const int32_t *detectors, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        if (detectors[i] < 0 || detectors[i] >= loop->network->detector_count) {
            return false;
        }
    }
    return true;
}

static enum status gathered_load(struct closed_loop *loop, struct byte_source *source, struct problem *problem)
{
    struct gathered_column columns[GATHERED_COLUMNS];
    struct observation_buffer *gathered = &loop->gathered;
    int32_t counts[2] = { 0 };
    source_take(source, counts, sizeof counts);
    bool whole = !source->failed && counts[0] >= 0 && counts[0] <= gathered->loop_count_max && counts[1] >= 0
        && counts[1] <= gathered->edge_count_max;
    gathered_columns(loop, columns);
    for (int i = 0; i < GATHERED_COLUMNS && whole; i++) {
        source_take(source, columns[i].at, columns[i].bytes * (size_t)counts[i >= GATHERED_LOOP_COLUMNS]);
    }
    if (whole) {
        source_take(source, loop->edges.covered, (size_t)loop->network->detector_count * sizeof *loop->edges.covered);
        gathered->rows.loops.count = counts[0];
        gathered->rows.edges.count = counts[1];
    }
    whole = whole && !source->failed && detectors_known(loop, gathered->rows.loops.detector, counts[0])
        && detectors_known(loop, gathered->rows.edges.detector, counts[1]);
    return whole ? STATUS_OK
        : problem_report(problem, STATUS_RANGE, "checkpoint", "loops", "save it anew", "they are not all there");
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
    if (loop->pedestrians != NULL) {
        pedestrians_save(loop->pedestrians, sink);
    }
    sink_put(sink, &loop->counts, sizeof loop->counts);
    sensor_faults_save(loop->faults, sink);
    gathered_save(loop, sink);
    sink_number(sink, loop->trips_given);
    sink_number(sink, (int64_t)loop->trips_hash);
    sink_number(sink, loop->trips_until_ms);
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
        enum status status = loop->trips.next(loop->trips.self, loop->trips_until_ms, &trips, problem);
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
    if (status == STATUS_OK && loop->pedestrians != NULL && !pedestrians_load(loop->pedestrians, source)) {
        status = problem_report(problem, STATUS_VERSION, "checkpoint", "pedestrians",
                                "load it with --pedestrians-per-hour as it was saved", "others walked before it");
    }
    if (status != STATUS_OK) {
        return status;
    }
    source_take(source, &loop->counts, sizeof loop->counts);
    status = sensor_faults_load(loop->faults, source, problem);
    status = status != STATUS_OK ? status : gathered_load(loop, source, problem);
    if (status != STATUS_OK) {
        return status;
    }
    int64_t given = source_number(source);
    uint64_t hash = (uint64_t)source_number(source);
    loop->trips_until_ms = source_number(source);
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
