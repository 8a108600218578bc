#include "engine/serve/compute.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/estimate/boundary.h"
#include "engine/model/units.h"
#include "engine/serve/freeze.h"
#include "engine/wire/observation_codec.h"
#include "engine/wire/plan_codec.h"

#define COMPUTE_NICE 5            // the loops come first
#define OFF_MS_MAX 200            // wall less city clock, before it is an alarm

// Readings at the borders of one region, of one step.
struct parcel {
    int32_t region;
    uint64_t number;
    uint8_t *bytes;
    size_t byte_count, capacity;
};

struct compute {
    struct compute_options options;
    char strategy[STRATEGY_NAME_BYTES_MAX];          // of the live brain
    char simulator_strategy[STRATEGY_NAME_BYTES_MAX];
    pthread_t thread;
    bool started;

    pthread_mutex_t mutex;        // guards from here to `parcel_count`
    pthread_cond_t cond;
    bool quit, woken;
    struct brain *next_brain;
    struct brain_options next_options;
    char next_strategy[STRATEGY_NAME_BYTES_MAX];
    bool lead_asked;              // the three below are to be done
    uint64_t lead_regions;
    uint32_t lead_epoch;
    LIST_OF(struct kept_plan) lead_plans;
    struct parcel parcels[COMPUTE_PARCEL_COUNT_MAX];
    int32_t parcel_first, parcel_count;

    struct minutes minutes;       // locks itself
    struct pictures pictures;     // locks itself

    // Of the thread alone.
    struct brain *live, *lockstep;
    struct peer simulator;
    int64_t now_ms;               // the engine's time last told; of the brain that runs
    int64_t live_now_ms, next_tick_ms;
    struct freezer freezer;
    struct observation_buffer crossing;   // what one region has for its neighbours
    uint8_t *packed;                      // the same as bytes
    bool off_said;
    bool *red_over;               // per intersection, as last said
    int64_t off_ms;               // as last looked at

    _Atomic uint32_t led_epoch;   // of the last change of regions that was carried out
    _Atomic uint64_t steps;
    _Atomic int64_t progress_ms;
    _Atomic bool claimed;         // a simulator owns the clock, or is about to
};

// ---- the recording

static void record_begin(struct compute *compute, struct brain *brain, const struct brain_options *options,
                         int64_t now_ms, bool fresh)
{
    if (compute->options.recordings != NULL) {
        recordings_wait(compute->options.recordings, brain == compute->lockstep);
        recorder_begin(recordings_recorder(compute->options.recordings), brain, options, now_ms, fresh);
    }
}

// Every event of a brain goes through here: what it is told is what is recorded.
static void tell_brain(struct compute *compute, struct brain *brain, const struct event *event, struct actions *ret)
{
    brain_step(brain, event, ret);
    if (compute->options.recordings != NULL) {
        recorder_told(recordings_recorder(compute->options.recordings), brain, event, ret);
    }
}

void compute_create(const struct compute_options *options, struct brain *brain, struct compute **ret)
{
    const struct network *network = options->network;
    struct compute *compute = memory_take(1, sizeof *compute);
    compute->options = *options;
    snprintf(compute->strategy, sizeof compute->strategy, "%s", options->brain.strategy);
    compute->options.brain.strategy = compute->strategy;
    pthread_mutex_init(&compute->mutex, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&compute->cond, &attributes);
    pthread_condattr_destroy(&attributes);
    pictures_create(network, compute->strategy, &options->brain, city_clock_now(options->clock), &compute->pictures);
    compute->live = brain;
    minutes_create(&compute->minutes, network);
    compute->red_over = memory_take((size_t)network->intersection_count, sizeof *compute->red_over);
    freezer_create(&compute->freezer, options->intakes, options->intake_count);
    if (options->boundary != NULL) {
        observation_buffer_create(&compute->crossing, 2 * network->detector_count, 8 * network->detector_count,
                                  2 * network->camera_count, 2 * network->camera_count * CAMERA_BIN_COUNT_MAX);
        compute->packed = memory_take(COMPUTE_PARCEL_BYTES_MAX, 1);
    }
    compute->now_ms = city_clock_now(options->clock);
    compute->live_now_ms = compute->now_ms;
    atomic_store(&compute->progress_ms, monotonic_ms());
    record_begin(compute, compute->live, &compute->options.brain, compute->now_ms, true);
    *ret = compute;
}

void compute_stop(struct compute *compute)
{
    if (compute->started) {
        pthread_mutex_lock(&compute->mutex);
        compute->quit = true;
        pthread_cond_signal(&compute->cond);
        pthread_mutex_unlock(&compute->mutex);
        pthread_join(compute->thread, NULL);
        compute->started = false;
    }
}

void compute_release(struct compute *compute)
{
    if (compute == NULL) {
        return;
    }
    compute_stop(compute);
    brain_release(compute->live);
    brain_release(compute->lockstep);
    brain_release(compute->next_brain);
    pictures_release(&compute->pictures);
    for (int i = 0; i < COMPUTE_PARCEL_COUNT_MAX; i++) {
        free(compute->parcels[i].bytes);
    }
    for (int32_t i = 0; i < compute->lead_plans.count; i++) {
        free(compute->lead_plans.at[i].bytes);
    }
    free(compute->lead_plans.at);
    observation_buffer_release(&compute->crossing);
    free(compute->packed);
    minutes_release(&compute->minutes);
    free(compute->red_over);
    freezer_release(&compute->freezer);
    pthread_cond_destroy(&compute->cond);
    pthread_mutex_destroy(&compute->mutex);
    free(compute);
}

static struct brain *running(struct compute *compute)
{
    return compute->lockstep != NULL ? compute->lockstep : compute->live;
}

static void publish(struct compute *compute, const struct plan *plan)
{
    if (plan_table_put(compute->options.table, plan) != STATUS_OK) {
        compute->options.hooks.said(compute->options.hooks.owner, true, "a plan could not be packed and was not sent");
    }
}

bool compute_restore(struct compute *compute, const struct plan *plan)
{
    struct actions actions;
    struct event event = { .kind = EVENT_RESTORE, .now_ms = compute->now_ms, .plan = plan,
        .intersection = plan->intersection };
    tell_brain(compute, compute->live, &event, &actions);
    if (actions.accepted) {
        publish(compute, plan);
    }
    return actions.accepted;
}

// The second limit of a red is not used without an alarm (I7).
static void reds_check(struct compute *compute, const struct intersection_state *states)
{
    const struct network *network = compute->options.network;
    for (int32_t i = 0; i < network->intersection_count; i++) {
        if (states[i].red_over == compute->red_over[i]) {
            continue;
        }
        compute->red_over[i] = states[i].red_over;
        char text[320];
        snprintf(text, sizeof text, "%.200s: %s", network_name(network, network->intersections[i].name),
                 states[i].red_over ? "a red is longer than its maximum, for an emergency vehicle"
                 : "no red is longer than its maximum any more");
        compute->options.hooks.said(compute->options.hooks.owner, states[i].red_over, text);
    }
}

// What only the map asks for, and only while somebody looks at it.
static void picture_detail(struct compute *compute, struct picture *picture)
{
    const struct network *network = compute->options.network;
    const struct brain *brain = running(compute);
    picture->detailed = pictures_detailed(&compute->pictures);
    for (int32_t i = 0; picture->detailed && i < network->link_count; i++) {
        picture->link_queue_veh[i] = (float)brain_link_queue_veh(brain, (struct link_id){ i });
    }
    for (int32_t i = 0; picture->detailed && i < network->intersection_count; i++) {
        const struct intersection *at = &network->intersections[i];
        const struct controller_report *report = brain_report(brain, (struct intersection_id){ i }, compute->now_ms);
        for (int32_t g = 0; g < at->group_count; g++) {
            picture->aspects[at->first_group + g] = report != NULL ? report->aspect[g] : ASPECT_DARK;
        }
    }
}

static void picture_show(struct compute *compute, const struct actions *actions)
{
    struct picture *picture = compute->pictures.mine;
    const struct network *network = compute->options.network;
    size_t count = (size_t)network->intersection_count;
    picture->lockstep = compute->lockstep != NULL;
    picture->now_ms = compute->now_ms;
    snprintf(picture->strategy, sizeof picture->strategy, "%s",
             picture->lockstep ? compute->simulator_strategy : compute->strategy);
    picture->epoch = compute->options.brain.epoch;
    picture->daemon = compute->options.brain.daemon;
    picture->counts = *actions->counts;
    memcpy(picture->states, actions->states, count * sizeof *picture->states);
    reds_check(compute, actions->states);
    for (int32_t i = 0; i < network->intersection_count; i++) {
        picture->versions[i] = plan_table_version(compute->options.table, i);
    }
    picture_detail(compute, picture);
    pictures_show(&compute->pictures);
}

static void step_measure(struct compute *compute, int64_t began_us)
{
    int32_t step_us = (int32_t)(monotonic_us() - began_us);
    struct picture *picture = compute->pictures.mine;
    picture->step_us_last = step_us;
    picture->step_us_max = step_us > picture->step_us_max ? step_us : picture->step_us_max;
    picture->step_us_mean = picture->steps == 0 ? step_us
                                                : picture->step_us_mean + (step_us - picture->step_us_mean) / 60.0;
}

// Hands a parcel to the main thread; the oldest that waits gives way.
static void parcel_put(struct compute *compute, int32_t region, uint64_t number, size_t byte_count)
{
    pthread_mutex_lock(&compute->mutex);
    if (compute->parcel_count == COMPUTE_PARCEL_COUNT_MAX) {
        compute->parcel_first = (compute->parcel_first + 1) % COMPUTE_PARCEL_COUNT_MAX;
        compute->parcel_count--;
    }
    struct parcel *parcel =
        &compute->parcels[(compute->parcel_first + compute->parcel_count++) % COMPUTE_PARCEL_COUNT_MAX];
    if (parcel->capacity < byte_count) {
        free(parcel->bytes);
        parcel->capacity = byte_count + byte_count / 4;
        parcel->bytes = memory_take(parcel->capacity, 1);
    }
    memcpy(parcel->bytes, compute->packed, byte_count);
    parcel->region = region;
    parcel->number = number;
    parcel->byte_count = byte_count;
    pthread_mutex_unlock(&compute->mutex);
}

// What the step's readings have for the neighbours of the regions led. Rows that have no room are readings like those
// that a detector did not send.
static void parcels_make(struct compute *compute, const struct observation_columns *seen)
{
    const struct boundary *boundary = compute->options.boundary;
    uint64_t led = compute->options.brain.regions_led;
    uint64_t steps = (uint64_t)compute->pictures.mine->steps;
    uint64_t number = (uint64_t)compute->options.brain.epoch << 32 | (steps & UINT32_MAX);
    for (int32_t region = 0; boundary != NULL && region < boundary->region_count; region++) {
        if ((led >> region & 1) == 0 || compute->lockstep != NULL) {
            continue;
        }
        observation_buffer_clear(&compute->crossing);
        boundary_select(boundary, seen, region, ~led, &compute->crossing);
        struct frame_writer out = frame_writer_over(compute->packed, COMPUTE_PARCEL_BYTES_MAX);
        struct observation_position position = { 0 };
        while (!observation_position_done(&position, &compute->crossing.rows)
               && wire_put_observations(&out, number, &compute->crossing.rows, COMPUTE_PARCEL_BYTES_MAX / 4,
                                        &position) == STATUS_OK) {
        }
        if (out.used > 0) {
            parcel_put(compute, region, number, out.used);
        }
    }
}

// One step of whichever brain runs, at now_ms.
static void step(struct compute *compute, int64_t now_ms)
{
    int64_t began_us = monotonic_us();
    const struct observation_columns *seen =
        freezer_take(&compute->freezer, compute->options.intakes, compute->options.intake_count);
    minutes_add(&compute->minutes, now_ms, seen);
    struct actions actions;
    struct event event = { .kind = EVENT_STEP, .now_ms = now_ms, .seen = seen, .intersection = INDEX_NONE };
    compute->now_ms = now_ms;
    tell_brain(compute, running(compute), &event, &actions);
    for (int32_t i = 0; i < actions.publish_count; i++) {
        publish(compute, &actions.publish[i]);
    }
    parcels_make(compute, seen);
    struct picture *picture = compute->pictures.mine;
    step_measure(compute, began_us);
    picture->steps++;
    picture->plans += actions.publish_count;
    picture->readings += seen->loops.count + seen->edges.count + seen->cameras.count;
    picture_show(compute, &actions);
    atomic_fetch_add(&compute->steps, 1);
    atomic_store(&compute->progress_ms, monotonic_ms());
}

static void answer_request(struct compute *compute, const struct intake_event *from, bool accepted, int64_t until_ms,
                           const char *text)
{
    struct compute_answer answer = { .kind = ANSWER_REQUEST, .peer = from->peer, .request = from->request,
        .accepted = accepted, .until_ms = until_ms };
    snprintf(answer.problem.text, sizeof answer.problem.text, "%s", accepted ? "" : text);
    compute->options.hooks.answer(compute->options.hooks.owner, &answer);
}

// LIVE -> LOCKSTEP
static void simulator_begin(struct compute *compute, const struct intake_event *from)
{
    assert(compute->lockstep == NULL);
    struct brain_options options = compute->options.brain;
    struct compute_answer answer = { .kind = ANSWER_SIMULATOR_REFUSED, .peer = from->peer };
    if (from->simulator.strategy[0] != '\0') {
        options.strategy = from->simulator.strategy;
        options.region_strategy = NULL;
    }
    options.solve_latency_ms = from->simulator.solve_latency_ms;
    struct brain *brain = NULL;
    if (brain_create(compute->options.network, &options, &brain, &answer.problem) != STATUS_OK) {
        atomic_store(&compute->claimed, false);
        compute->options.hooks.answer(compute->options.hooks.owner, &answer);
        return;
    }
    compute->live_now_ms = compute->now_ms;
    compute->lockstep = brain;
    compute->simulator = from->peer;
    compute->now_ms = from->simulator.begin_ms;
    minutes_drop(&compute->minutes);
    record_begin(compute, brain, &options, compute->now_ms, true);
    snprintf(compute->simulator_strategy, sizeof compute->simulator_strategy, "%s", options.strategy);
    plan_table_clear(compute->options.table);
    freezer_take(&compute->freezer, compute->options.intakes, compute->options.intake_count);   // Of before: dropped.
    answer.kind = ANSWER_SIMULATOR_READY;
    compute->options.hooks.answer(compute->options.hooks.owner, &answer);
}

static void table_fill(struct compute *compute)
{
    plan_table_clear(compute->options.table);
    for (int32_t i = 0; i < compute->options.network->intersection_count; i++) {
        const struct plan *plan = brain_plan(compute->live, (struct intersection_id){ i });
        if (plan != NULL) {
            publish(compute, plan);
        }
    }
}

// LOCKSTEP -> LIVE
static void simulator_end(struct compute *compute)
{
    if (compute->lockstep == NULL) {
        return;
    }
    brain_release(compute->lockstep);
    compute->lockstep = NULL;
    compute->now_ms = compute->live_now_ms;
    minutes_drop(&compute->minutes);
    record_begin(compute, compute->live, &compute->options.brain, compute->now_ms, false);
    freezer_take(&compute->freezer, compute->options.intakes, compute->options.intake_count);
    table_fill(compute);
    compute->next_tick_ms = 0;
    atomic_store(&compute->claimed, false);
}

static void clock_advance(struct compute *compute, const struct intake_event *from)
{
    struct compute_answer answer = { .kind = ANSWER_CLOCK_REACHED, .peer = from->peer, .clock_ms = from->clock_ms,
        .changes_from = plan_table_changes(compute->options.table) };
    step(compute, from->clock_ms);
    answer.changes_to = plan_table_changes(compute->options.table);
    compute->options.hooks.answer(compute->options.hooks.owner, &answer);
    compute->options.hooks.stepped(compute->options.hooks.owner);
}

// Events of the brain: reports, overrides, priorities, links that went down.
static void tell(struct compute *compute, const struct intake_event *from, const int32_t *routes, int64_t now_ms)
{
    struct actions actions;
    struct event event = { .now_ms = now_ms, .intersection = INDEX_NONE };
    struct priority priority;
    switch (from->kind) {
    case INTAKE_REPORT:
        event.kind = EVENT_STATUS;
        event.report = &from->report;
        event.intersection = from->report.intersection;
        break;
    case INTAKE_OVERRIDE:
        event.kind = EVENT_OVERRIDE;
        event.override = &from->override;
        event.intersection = from->override.intersection;
        break;
    case INTAKE_PRIORITY:
        event.kind = EVENT_PRIORITY;
        priority = from->priority;
        priority.route = routes + from->first_route;
        event.priority = &priority;
        break;
    case INTAKE_LINK_DOWN:
        event.kind = EVENT_LINK_DOWN;
        event.intersection = from->intersection;
        break;
    case INTAKE_SIMULATOR_BEGIN:
    case INTAKE_CLOCK:
    case INTAKE_SIMULATOR_END:
        return;
    }
    compute->now_ms = now_ms;
    tell_brain(compute, running(compute), &event, &actions);
    for (int32_t i = 0; i < actions.publish_count; i++) {
        publish(compute, &actions.publish[i]);
    }
    if (from->kind == INTAKE_OVERRIDE || from->kind == INTAKE_PRIORITY) {
        answer_request(compute, from, actions.accepted, actions.accepted_until_ms,
                       "the engine refuses it here and now");
    }
}

static bool same_peer(const struct peer *a, const struct peer *b)
{
    return a->loop == b->loop && a->slot == b->slot && a->generation == b->generation;
}

static void take_event(struct compute *compute, const struct intake_event *event, const int32_t *routes, int64_t now_ms)
{
    bool own = compute->lockstep != NULL && same_peer(&event->peer, &compute->simulator);
    if (event->kind == INTAKE_SIMULATOR_BEGIN) {
        simulator_begin(compute, event);
    } else if (event->kind == INTAKE_SIMULATOR_END) {
        if (own) {
            simulator_end(compute);
        }
    } else if (event->kind == INTAKE_CLOCK) {
        if (own) {
            clock_advance(compute, event);
        }
    } else if (compute->lockstep == NULL) {
        tell(compute, event, routes, now_ms);
    } else if (own) {
        tell(compute, event, routes, compute->now_ms);
    } else {
        compute->pictures.mine->events_foreign++;
        if (event->kind == INTAKE_OVERRIDE || event->kind == INTAKE_PRIORITY) {
            answer_request(compute, event, false, 0, "a simulator owns the clock");
        }
    }
}

static void take_events(struct compute *compute, int64_t now_ms)
{
    for (int32_t i = 0; i < compute->options.intake_count; i++) {
        struct intake_events *events = intake_take_events(&compute->options.intakes[i]);
        for (int32_t e = 0; e < events->list.count; e++) {
            take_event(compute, &events->list.at[e], events->routes.at, now_ms);
        }
    }
}

static void brain_exchange(struct compute *compute)
{
    pthread_mutex_lock(&compute->mutex);
    struct brain *next = compute->next_brain;
    struct brain_options options = compute->next_options;
    compute->next_brain = NULL;
    if (next != NULL) {
        snprintf(compute->strategy, sizeof compute->strategy, "%s", compute->next_strategy);
    }
    pthread_mutex_unlock(&compute->mutex);
    if (next == NULL) {
        return;
    }
    options.strategy = compute->strategy;
    bool recorded = compute->lockstep == NULL;   // A simulator's run goes on in its own file.
    if (recorded) {
        record_begin(compute, next, &options, compute->now_ms, true);
    }
    struct actions actions;
    for (int32_t i = 0; i < compute->options.network->intersection_count; i++) {
        const struct plan *plan = brain_plan(compute->live, (struct intersection_id){ i });
        struct event event = { .kind = EVENT_RESTORE, .now_ms = compute->now_ms, .plan = plan, .intersection = i };
        if (plan != NULL) {
            recorded ? tell_brain(compute, next, &event, &actions) : brain_step(next, &event, &actions);
        }
    }
    brain_release(compute->live);
    compute->live = next;
    compute->options.brain = options;
}

static void plan_restore(struct compute *compute, const struct kept_plan *kept)
{
    struct green greens[PLAN_GREEN_COUNT_MAX];
    struct plan plan;
    const char *field;
    if (wire_get_plan((struct cursor){ kept->bytes, kept->bytes + kept->byte_count }, greens, &plan, &field)
            == STATUS_OK && plan.intersection == kept->intersection) {
        (void)compute_restore(compute, &plan);
    }
}

// Takes regions over and gives others up, in the brain that runs. The recording goes on in a file of its own, with the
// brain as it is now.
static void lead_change(struct compute *compute)
{
    pthread_mutex_lock(&compute->mutex);
    bool asked = compute->lead_asked && compute->lockstep == NULL;
    uint64_t regions = compute->lead_regions;
    uint32_t epoch = compute->lead_epoch;
    LIST_OF(struct kept_plan) plans = { 0 };
    if (asked) {
        compute->lead_asked = false;
        plans.at = compute->lead_plans.at;
        plans.count = compute->lead_plans.count;
        compute->lead_plans.at = NULL;
        compute->lead_plans.count = compute->lead_plans.capacity = 0;
    }
    pthread_mutex_unlock(&compute->mutex);
    if (!asked) {
        return;
    }
    struct brain_options *options = &compute->options.brain;
    options->regions_led = regions;
    options->epoch = epoch > options->epoch ? epoch : options->epoch;
    brain_lead(compute->live, regions, options->epoch);
    record_begin(compute, compute->live, options, compute->now_ms, false);
    for (int32_t i = 0; i < plans.count; i++) {
        plan_restore(compute, &plans.at[i]);
        free(plans.at[i].bytes);
    }
    free(plans.at);
    atomic_store(&compute->led_epoch, options->epoch);
    compute->options.hooks.stepped(compute->options.hooks.owner);
}

static void clock_check(struct compute *compute)
{
    int64_t off_ms = city_clock_follow(compute->options.clock);
    compute->pictures.mine->wall_off_ms = off_ms;
    bool off = off_ms > OFF_MS_MAX || off_ms < -OFF_MS_MAX;
    int64_t moved_ms = off_ms - compute->off_ms;
    bool jumped = off && (moved_ms > OFF_MS_MAX || moved_ms < -OFF_MS_MAX);
    compute->off_ms = off_ms;
    if (off != compute->off_said || jumped) {
        compute->off_said = off;
        char text[160];
        snprintf(text, sizeof text, off ? "the wall clock is %lld ms off the city's; lamps follow it slowly"
                                        : "the city's clock is with the wall clock again (%lld ms)",
                 (long long)off_ms);
        compute->options.hooks.said(compute->options.hooks.owner, off, text);
    }
}

// The live clock: how long until the next tick, 0 when it is due.
static int64_t live_wait_ms(struct compute *compute, int64_t now_ms)
{
    int64_t step_ms = compute->options.step_ms;
    if (compute->next_tick_ms == 0) {
        compute->next_tick_ms = quantum_floor(now_ms, step_ms) + step_ms;
        if (compute->next_tick_ms <= compute->now_ms) {
            compute->next_tick_ms = quantum_floor(compute->now_ms, step_ms) + step_ms;
        }
    }
    return compute->next_tick_ms > now_ms ? compute->next_tick_ms - now_ms : 0;
}

static void live_step(struct compute *compute, int64_t now_ms)
{
    int64_t tick_ms = compute->next_tick_ms, step_ms = compute->options.step_ms;
    int64_t late_ms = quantum_floor(now_ms - tick_ms, step_ms);
    if (late_ms > 0) {
        compute->pictures.mine->overruns += late_ms / step_ms;   // Ticks that went by while the last step ran.
        tick_ms += late_ms;
    }
    clock_check(compute);
    step(compute, tick_ms);
    compute->next_tick_ms = tick_ms + step_ms;
    compute->options.hooks.stepped(compute->options.hooks.owner);
}

static bool wait_for_work(struct compute *compute, int64_t wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / MS_PER_S;
    until.tv_nsec += (wait_ms % MS_PER_S) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&compute->mutex);
    int result = 0;
    while (!compute->quit && !compute->woken && result != ETIMEDOUT) {
        result = pthread_cond_timedwait(&compute->cond, &compute->mutex, &until);
    }
    compute->woken = false;
    bool quit = compute->quit;
    pthread_mutex_unlock(&compute->mutex);
    return !quit;
}

static void *run(void *owner)
{
    struct compute *compute = owner;
    pthread_setname_np(pthread_self(), "engine");
    // Linux: of this thread, and of the team that it makes.
    setpriority(PRIO_PROCESS, (id_t)gettid(), getpriority(PRIO_PROCESS, 0) + COMPUTE_NICE);
    int64_t wait_ms = 0;
    while (wait_for_work(compute, wait_ms)) {
        brain_exchange(compute);
        lead_change(compute);
        int64_t now_ms = city_clock_now(compute->options.clock);
        if (compute->lockstep == NULL) {
            wait_ms = live_wait_ms(compute, now_ms);
            // Time told to the brain never passes the tick to come, so that the tick can be told exactly.
            int64_t told_ms = now_ms < compute->next_tick_ms ? now_ms : compute->next_tick_ms;
            take_events(compute, told_ms > compute->now_ms ? told_ms : compute->now_ms);
        } else {
            take_events(compute, compute->now_ms);
        }
        if (compute->lockstep == NULL && compute->next_tick_ms != 0 && wait_ms == 0) {
            live_step(compute, now_ms);
        }
        now_ms = city_clock_now(compute->options.clock);
        wait_ms = compute->lockstep != NULL ? 1000 : live_wait_ms(compute, now_ms);
    }
    return NULL;
}

enum status compute_start(struct compute *compute, struct problem *problem)
{
    int error = pthread_create(&compute->thread, NULL, run, compute);
    if (error != 0) {
        return problem_report(problem, STATUS_IO, "compute", NULL, NULL, "no thread: %s", strerror(error));
    }
    compute->started = true;
    return STATUS_OK;
}

void compute_wake(struct compute *compute)
{
    pthread_mutex_lock(&compute->mutex);
    compute->woken = true;
    pthread_cond_signal(&compute->cond);
    pthread_mutex_unlock(&compute->mutex);
}

bool compute_claimed(struct compute *compute)
{
    return atomic_load(&compute->claimed);
}

bool compute_claim(struct compute *compute)
{
    bool claimed = false;
    return atomic_compare_exchange_strong(&compute->claimed, &claimed, true);
}

void compute_unclaim(struct compute *compute)
{
    atomic_store(&compute->claimed, false);
}

void compute_replace(struct compute *compute, struct brain *brain, const struct brain_options *options)
{
    pthread_mutex_lock(&compute->mutex);
    struct brain *unused = compute->next_brain;
    compute->next_brain = brain;
    compute->next_options = *options;
    snprintf(compute->next_strategy, sizeof compute->next_strategy, "%s", options->strategy);
    compute->woken = true;
    pthread_cond_signal(&compute->cond);
    pthread_mutex_unlock(&compute->mutex);
    brain_release(unused);
}

void compute_lead(struct compute *compute, uint64_t regions_led, uint32_t epoch, const struct kept_plan *plans,
                  int32_t plan_count)
{
    pthread_mutex_lock(&compute->mutex);
    compute->lead_asked = true;
    compute->lead_regions = regions_led;
    compute->lead_epoch = epoch;
    for (int32_t i = 0; i < plan_count; i++) {
        *GROW(compute->lead_plans) = (struct kept_plan){ .intersection = plans[i].intersection,
            .bytes = memory_copy(plans[i].bytes, plans[i].byte_count, 1), .byte_count = plans[i].byte_count };
    }
    compute->woken = true;
    pthread_cond_signal(&compute->cond);
    pthread_mutex_unlock(&compute->mutex);
}

uint32_t compute_led_epoch(struct compute *compute)
{
    return atomic_load(&compute->led_epoch);
}

bool compute_parcel(struct compute *compute, int32_t *ret_region, uint64_t *ret_number, uint8_t *bytes,
                    size_t *ret_byte_count)
{
    pthread_mutex_lock(&compute->mutex);
    bool found = compute->parcel_count > 0;
    if (found) {
        const struct parcel *parcel = &compute->parcels[compute->parcel_first];
        *ret_region = parcel->region;
        *ret_number = parcel->number;
        *ret_byte_count = parcel->byte_count;
        memcpy(bytes, parcel->bytes, parcel->byte_count);
        compute->parcel_first = (compute->parcel_first + 1) % COMPUTE_PARCEL_COUNT_MAX;
        compute->parcel_count--;
    }
    pthread_mutex_unlock(&compute->mutex);
    return found;
}

struct minutes *compute_minutes(struct compute *compute)
{
    return &compute->minutes;
}

const struct picture *compute_look(struct compute *compute)
{
    return pictures_look(&compute->pictures);
}

void compute_detail(struct compute *compute)
{
    pictures_detail(&compute->pictures);
}

uint64_t compute_steps(struct compute *compute)
{
    return atomic_load(&compute->steps);
}

int64_t compute_progress_ms(struct compute *compute)
{
    return atomic_load(&compute->progress_ms);
}
