#include "engine/brain.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/estimate/boundary.h"
#include "engine/estimate/estimate.h"
#include "engine/ledger.h"
#include "engine/model/units.h"
#include "engine/optimize/conduct.h"
#include "engine/optimize/coordination.h"
#include "engine/optimize/priority.h"
#include "engine/optimize/strategy.h"

#define STEP_MS 1000                  // the engine wants to be woken every second
#define STATUS_AGE_MS_DEFAULT 3000
#define THREAD_COUNT_MAX SIGHT_PART_COUNT_MAX
#define CHUNK 32                      // intersections that a thread takes at a time
#define DECIDE_CHUNK 8                // and where it searches: searches are long and differ in length
#define SILENT_AGAIN_MS 10000         // a silent controller is offered a new hand-over so long after the last began
#define OVERLOOKED_MS 10000           // so long nobody seems to wait before nobody is taken to wait

// What one intersection did in a step. Each is written by the thread that has the intersection, then read in order.
struct slot {
    bool published, decided, refused, yielded;
    bool looked, over, over_began;            // whether a red is beyond its maximum, for an emergency vehicle
    struct guard_refusal refusal;
};

// What a brain does for an intersection.
enum duty { DUTY_NONE, DUTY_WATCH, DUTY_LEAD };

struct brain {
    const struct network *network;
    bool parted;                              // it may lead a part of the city: boundary is made
    struct boundary boundary;
    uint8_t *duty;                            // enum duty, one per intersection
    struct estimate estimate;
    struct transitions transitions;
    struct actuation actuation;
    struct outlook outlook;
    struct coordination coordination;
    struct priority_book priority;
    struct ledger ledger;
    struct guard *guard;
    const struct strategy **strategy;         // one per region, from the configuration
    uint8_t *memory;                          // memory_bytes per intersection: of the strategy that decides there
    size_t memory_bytes;
    int64_t *asked_ms;                        // per signal group: since when somebody waits for it, or INT64_MAX
    int64_t *noticed_ms;                      // ... when one was last noticed there
    struct slot *slots;
    struct sight_result *taken;               // one per thread: what became of the readings that fell to it
    struct intersection_state *states;
    struct plan *publish;
    struct refusal refused[BRAIN_REFUSAL_COUNT_MAX];
    int32_t refused_count;
    struct counts counts;
    int32_t solve_latency_ms;
    int threads;
};

static void refuse(struct brain *brain, struct refusal refusal)
{
    if (brain->refused_count < BRAIN_REFUSAL_COUNT_MAX) {
        brain->refused[brain->refused_count++] = refusal;
    }
}

// ---- one intersection, one tick ------------------------------------------------------------------------------------

static const struct strategy *strategy_of(const struct brain *brain, int32_t intersection)
{
    const struct override *override = &brain->ledger.entries[intersection].override;
    if (override->kind == OVERRIDE_STRATEGY) {
        return strategy_find(override->strategy);
    }
    int32_t region = brain->network->intersections[intersection].region;
    return brain->strategy[region >= 0 && region < brain->network->regions.count ? region : 0];
}

// A strategy that takes over begins with an empty memory.
static void *strategy_memory(struct brain *brain, int32_t intersection, int64_t now_ms)
{
    struct ledger_entry *entry = &brain->ledger.entries[intersection];
    void *memory = brain->memory + brain->memory_bytes * (size_t)intersection;
    const struct strategy *strategy = strategy_of(brain, intersection);
    if (entry->strategy != strategy) {
        entry->strategy = strategy;
        entry->strategy_since_ms = now_ms;
        memset(memory, 0, brain->memory_bytes);
    }
    return memory;
}

// An emergency vehicle that needs its stage now gets it; what the strategy thought of its own choice stays told.
static void yield_to_emergency(struct brain *brain, const struct conduct *site, struct decision *decision)
{
    const struct view *view = site->view;
    struct priority_wish wish;
    if (view->lamps == NULL || view->lamps->stage == INDEX_NONE) {
        return;                       // Its own program plays: there is no stage to choose.
    }
    int32_t wanted = conduct_next_stage(site, decision->kind == DECIDE_STAGE ? decision->stage : view->lamps->stage);
    if (!priority_wish(&brain->priority, &brain->estimate, &brain->transitions, view->lamps, wanted, &wish)) {
        return;
    }
    bool same = decision->kind == DECIDE_STAGE && decision->stage == wish.stage;
    brain->slots[view->intersection.index].yielded = !same;
    *decision = (struct decision){ .kind = DECIDE_STAGE, .stage = wish.stage,
        .reason = { .kind = REASON_PRIORITY, .stage = wish.stage, .now_value = decision->reason.now_value,
                    .best_value = decision->reason.best_value } };
}

static void decide(struct brain *brain, const struct conduct *site, struct decision *ret)
{
    const struct view *view = site->view;
    int32_t i = view->intersection.index;
    struct ledger_entry *entry = &brain->ledger.entries[i];
    void *memory = strategy_memory(brain, i, view->now_ms);
    if (entry->override.kind == OVERRIDE_STAGE) {
        *ret = (struct decision){ .kind = DECIDE_STAGE, .stage = entry->override.stage,
            .reason = { .kind = REASON_OVERRIDE, .stage = entry->override.stage } };
        return;
    }
    struct view mine = *view;
    mine.since_ms = entry->strategy_since_ms;
    entry->strategy->decide(&mine, memory, ret);
    yield_to_emergency(brain, site, ret);
}

// The last word, and out: numbers the plan that was made, asks the guard, sends it.
static void release(struct brain *brain, int32_t intersection, int64_t now_ms, uint64_t idle)
{
    struct ledger_entry *entry = &brain->ledger.entries[intersection];
    struct slot *slot = &brain->slots[intersection];
    entry->next.plan.version = ledger_next_version(&brain->ledger, intersection);
    struct guard_request request = { .candidate = &entry->next.plan, .now_ms = now_ms, .idle = idle,
        .emergency = entry->next.second_limit,
        .report = ledger_report_fresh(&brain->ledger, intersection, now_ms) };
    if (entry->running.present) {
        request.running[request.running_count++] = &entry->running.plan;
    }
    if (entry->sent.present && !entry->sent.plan.handover) {
        request.running[request.running_count++] = &entry->sent.plan;
    }
    if (guard_check(brain->guard, &request, &slot->refusal) != GUARD_PASSED) {
        slot->refused = true;
        return;
    }
    entry->next.present = true;
    ledger_send(&brain->ledger, intersection);
    slot->published = true;
}

// Makes the next plan if one is needed. running is NULL where a hand-over is.
static void conduct(struct brain *brain, int32_t intersection, int64_t now_ms, const struct ledger_plan *running)
{
    const struct network *network = brain->network;
    struct ledger_entry *entry = &brain->ledger.entries[intersection];
    struct lamps lamps;
    struct view view = { .network = network, .estimate = &brain->estimate, .transitions = &brain->transitions,
        .actuation = &brain->actuation, .outlook = &brain->outlook, .coordination = &brain->coordination,
        .priority = &brain->priority,
        .intersection = { intersection }, .now_ms = now_ms,
        .at_ms = quantum_ceil(now_ms + brain->solve_latency_ms, network->intersections[intersection].quantum_ms) };
    if (running != NULL) {
        lamps_read(network, &running->plan, view.at_ms, &lamps);
        view.lamps = &lamps;
    }
    const struct controller_report *report = ledger_report_fresh(&brain->ledger, intersection, now_ms);
    if (running != NULL && report != NULL) {
        lamps_believe(network, report, &lamps);
    }
    view.calls = report != NULL ? report->calls : 0;
    struct conduct site = { .view = &view, .running = running != NULL ? &running->plan : NULL,
        .running_revision = running != NULL ? running->revision : 0,
        .running_program = running != NULL && running->program,
        .asked_ms = brain->asked_ms + network->intersections[intersection].first_group,
        .report = report };
    site.second_limit = running != NULL && running->second_limit && conduct_groups_over(&site) != 0;
    brain->slots[intersection].looked = true;
    brain->slots[intersection].over = site.second_limit;
    struct green *greens = ledger_next_greens(&brain->ledger, intersection);
    struct conduct_result made = { 0 };
    bool send;
    if (entry->override.kind == OVERRIDE_FALLBACK) {
        send = running != NULL && conduct_release(&site, greens, &entry->next.plan, &made);
    } else if (running != NULL && running->plan.kind == PLAN_ROLLING && lamps.stage == INDEX_NONE) {
        return;   // A change of stages is under way: nothing to decide before it is done.
    } else {
        struct decision decision;
        const struct strategy *before = entry->strategy;
        decide(brain, &site, &decision);
        if (entry->strategy != before || entry->override.kind == OVERRIDE_STAGE) {
            site.running_revision = 0;   // Another strategy's timing.
        }
        brain->slots[intersection].decided = true;
        site.emergency = decision.reason.kind == REASON_PRIORITY;
        site.second_limit = site.second_limit || site.emergency;
        send = conduct_plan(&site, &decision, greens, &entry->next.plan, &made);
    }
    if (send) {
        entry->next.revision = made.revision;
        entry->next.program = made.program;
        entry->next.second_limit = site.second_limit;
        release(brain, intersection, now_ms, made.idle);
    }
}

// Keeps since when each group has been asked for without a break. A sensor may overlook who waits: a group that nobody
// seems to ask for is asked for a while longer, or its maximum red would begin anew with every such second.
static void asked_update(struct brain *brain, int32_t intersection, int64_t now_ms)
{
    const struct intersection *at = &brain->network->intersections[intersection];
    uint64_t asked = estimate_groups_asked(&brain->estimate, (struct intersection_id){ intersection });
    const struct controller_report *report = ledger_report_fresh(&brain->ledger, intersection, now_ms);
    for (int32_t g = 0; g < at->group_count; g++) {
        // By its buttons alone; who hears nothing of them must take it that somebody waits.
        bool called = report == NULL || (report->calls >> g & 1) != 0;
        asked &= brain->network->groups[at->first_group + g].on_call && !called ? ~(UINT64_C(1) << g) : ~UINT64_C(0);
    }
    int64_t *asked_ms = brain->asked_ms + at->first_group, *noticed_ms = brain->noticed_ms + at->first_group;
    for (int32_t g = 0; g < at->group_count; g++) {
        bool waits = (asked >> g & 1) != 0;
        noticed_ms[g] = waits ? now_ms : noticed_ms[g];
        if (waits && asked_ms[g] == INT64_MAX) {
            asked_ms[g] = now_ms;
        } else if (!waits && (brain->network->groups[at->first_group + g].on_call
                              || now_ms - noticed_ms[g] >= OVERLOOKED_MS)) {
            asked_ms[g] = INT64_MAX;   // A button is never overlooked.
        }
    }
}

static void override_expire(struct brain *brain, int32_t intersection, int64_t now_ms)
{
    struct override *override = &brain->ledger.entries[intersection].override;
    if (override->kind != OVERRIDE_NONE && now_ms >= override->until_ms) {
        override->kind = OVERRIDE_NONE;
    }
}

static void intersection_step(struct brain *brain, int32_t intersection, int64_t now_ms)
{
    struct ledger_entry *entry = &brain->ledger.entries[intersection];
    const struct intersection_rows *rows = &brain->estimate.approaches.at[intersection];
    outlook_repeat(&brain->outlook, rows->first_movement, rows->movement_count);
    asked_update(brain, intersection, now_ms);
    override_expire(brain, intersection, now_ms);
    int64_t at_ms = now_ms + brain->solve_latency_ms;
    switch (ledger_standing(&brain->ledger, intersection, now_ms)) {
    case STANDING_OURS: {
        const struct ledger_plan *running = ledger_in_force(&brain->ledger, intersection, at_ms);
        if (running != NULL) {
            conduct(brain, intersection, now_ms, running);
        }
        break;
    }
    case STANDING_OWN_PROGRAM:
        if (now_ms >= entry->retry_ms) {
            conduct(brain, intersection, now_ms, NULL);
        }
        break;
    case STANDING_SILENT:
        if (!entry->sent.present || now_ms >= entry->sent.plan.valid_from_ms + SILENT_AGAIN_MS) {
            conduct(brain, intersection, now_ms, NULL);
        }
        break;
    case STANDING_ENTERING:
    case STANDING_UNSETTLED:
    case STANDING_HANDS_OFF:
        break;
    }
}

static void state_update(struct brain *brain, int32_t intersection, int64_t now_ms)
{
    struct intersection_state *state = &brain->states[intersection];
    const struct controller_report *report = ledger_report_fresh(&brain->ledger, intersection, now_ms);
    const struct intersection_sum *sum = &brain->estimate.sums[intersection];
    struct slot *slot = &brain->slots[intersection];
    slot->over_began = slot->over && !state->red_over;
    *state = (struct intersection_state){ .updated_ms = now_ms, .reported = report != NULL,
        .stage = report != NULL ? report->stage : INDEX_NONE,
        .mode = report != NULL ? report->mode : CONTROLLER_FALLBACK,
        .overridden = brain->ledger.entries[intersection].override.kind != OVERRIDE_NONE,
        .red_over = slot->looked ? slot->over : state->red_over };
    state->queue_veh = sum->queue_veh;
    state->flow_vph = 3600.0 * sum->passed_vps;
    state->confidence = sum->confidence;
    estimate_sensors(&brain->estimate, (struct intersection_id){ intersection }, &state->detectors_healthy,
                     &state->detectors_total);
}

// ---- events --------------------------------------------------------------------------------------------------------

// What became of the readings, from the parts that the threads took.
static void seen_count(struct brain *brain)
{
    static const enum refusal_kind KIND[SIGHT_FAULT_COUNT] = { [SIGHT_STALE] = REFUSAL_STALE_OBSERVATION,
        [SIGHT_UNKNOWN] = REFUSAL_UNKNOWN, [SIGHT_IMPOSSIBLE] = REFUSAL_IMPOSSIBLE };
    struct sight_result result;
    sight_results_join(brain->taken, brain->threads, &result);
    brain->counts.readings_used += result.used;
    for (int f = 0; f < SIGHT_FAULT_COUNT; f++) {
        brain->counts.readings_refused[KIND[f]] += result.refused[f];
    }
    for (int32_t i = 0; i < result.first_count; i++) {
        refuse(brain, (struct refusal){ .kind = KIND[result.first[i].fault],
                                        .intersection = result.first[i].intersection });
    }
}

// In order of intersection, so that the same step gives the same bytes on any number of threads.
static void collect(struct brain *brain, struct actions *ret)
{
    for (int32_t i = 0; i < brain->network->intersection_count; i++) {
        const struct slot *slot = &brain->slots[i];
        brain->counts.decisions += slot->decided ? 1 : 0;
        brain->counts.yielded += slot->yielded ? 1 : 0;
        brain->counts.reds_over += slot->over_began ? 1 : 0;
        if (slot->refused) {
            brain->counts.guard_refused[slot->refusal.rule]++;
            brain->counts.readings_refused[REFUSAL_GUARD]++;
            refuse(brain, (struct refusal){ .kind = REFUSAL_GUARD, .intersection = i, .guard = slot->refusal });
        }
        if (slot->published) {
            brain->publish[ret->publish_count++] = brain->ledger.entries[i].sent.plan;
        }
    }
    brain->counts.plans += ret->publish_count;
    brain->counts.steps++;
}

// estimate ─▶ optimize ─▶ guard, in parallel over intersections. A decision may look at its neighbours' estimates, so
// all of these are made before the first decision.
static void step(struct brain *brain, const struct event *event, struct actions *ret)
{
    int64_t now_ms = event->now_ms;
    int32_t count = brain->network->intersection_count;
    priority_begin(&brain->priority, now_ms);
#pragma omp parallel num_threads(brain->threads)
    {
#pragma omp for schedule(static, 1)
        for (int32_t part = 0; part < brain->threads; part++) {
            brain->taken[part] = (struct sight_result){ 0 };
            if (event->seen != NULL) {
                estimate_intake_part(&brain->estimate, event->seen, now_ms, part, brain->threads, &brain->taken[part]);
            }
        }
#pragma omp for schedule(dynamic, CHUNK)
        for (int32_t i = 0; i < count; i++) {
            if (brain->duty[i] != DUTY_NONE) {
                estimate_update(&brain->estimate, (struct intersection_id){ i }, now_ms);
            }
        }
#pragma omp for schedule(dynamic, CHUNK)
        for (int32_t i = 0; i < count; i++) {
            if (brain->duty[i] != DUTY_NONE) {
                estimate_expect(&brain->estimate, (struct intersection_id){ i }, now_ms);
            }
        }
#pragma omp for schedule(dynamic, DECIDE_CHUNK)
        for (int32_t i = 0; i < count; i++) {
            brain->slots[i] = (struct slot){ 0 };
            if (brain->duty[i] == DUTY_LEAD) {
                intersection_step(brain, i, now_ms);
                state_update(brain, i, now_ms);
            }
        }
#pragma omp for schedule(dynamic, 1)
        for (int32_t area = 0; area < brain->coordination.area_count; area++) {
            coordination_step(&brain->coordination, area, &brain->estimate, now_ms);
        }
    }
    outlook_turn(&brain->outlook);
    seen_count(brain);
    collect(brain, ret);
}

// When a hold of this stage must end at the latest; as asked, where nobody would wait too long.
static int64_t hold_until_ms(const struct brain *brain, const struct override *override, int64_t now_ms)
{
    const struct ledger_plan *running = ledger_in_force(&brain->ledger, override->intersection, now_ms);
    struct view view = { .network = brain->network, .estimate = &brain->estimate,
        .transitions = &brain->transitions, .intersection = { override->intersection }, .now_ms = now_ms,
        .at_ms = now_ms };
    struct lamps lamps;
    int64_t asked_ms[GROUP_COUNT_MAX] = { 0 };   // Somebody may come to any of them.
    struct conduct site = { .view = &view, .asked_ms = asked_ms,
        .report = ledger_report_fresh(&brain->ledger, override->intersection, now_ms) };
    if (running != NULL) {
        lamps_read(brain->network, &running->plan, now_ms, &lamps);
        view.lamps = &lamps;
    }
    int64_t until_ms = conduct_hold_until_ms(&site, override->stage);
    return until_ms < override->until_ms ? until_ms : override->until_ms;
}

static bool override_valid(const struct brain *brain, const struct override *override, int64_t now_ms)
{
    if (override->intersection < 0 || override->intersection >= brain->network->intersection_count
        || !brain_leads(brain, override->intersection)) {
        return false;
    }
    switch (override->kind) {
    case OVERRIDE_NONE:
        return true;
    case OVERRIDE_STAGE:
        return override->until_ms > now_ms && override->stage >= 0
            && override->stage < brain->network->intersections[override->intersection].stage_count;
    case OVERRIDE_STRATEGY:
        return override->until_ms > now_ms && memchr(override->strategy, 0, sizeof override->strategy) != NULL
            && strategy_find(override->strategy) != NULL;
    case OVERRIDE_FALLBACK:
        return override->until_ms > now_ms;
    }
    return false;
}

static void override_take(struct brain *brain, const struct event *event, struct actions *ret)
{
    const struct override *override = event->override;
    if (override == NULL || !override_valid(brain, override, event->now_ms)) {
        brain->counts.readings_refused[REFUSAL_OVERRIDE]++;
        refuse(brain, (struct refusal){ .kind = REFUSAL_OVERRIDE,
            .intersection = override != NULL ? override->intersection : INDEX_NONE });
        return;
    }
    ret->accepted = true;
    ret->accepted_until_ms = override->until_ms;
    if (override->kind == OVERRIDE_STAGE) {
        ret->accepted_until_ms = hold_until_ms(brain, override, event->now_ms);
    }
    brain->ledger.entries[override->intersection].override = *override;
    brain->ledger.entries[override->intersection].override.until_ms = ret->accepted_until_ms;
}

// A plan of an earlier life: the guard looks at it as at any other. What it says last, and only of a plan that is to be
// sent (its number and time, a fresh report), does not speak against one that was sent already.
static void restore_take(struct brain *brain, const struct event *event, struct actions *ret)
{
    struct guard_refusal refusal = { .rule = GUARD_MALFORMED, .group = INDEX_NONE, .other_group = INDEX_NONE };
    const struct plan *plan = event->plan;
    if (plan != NULL) {
        struct guard_request request = { .candidate = plan, .now_ms = event->now_ms, .idle = ~UINT64_C(0) };
        enum guard_rule rule = guard_check(brain->guard, &request, &refusal);
        ret->accepted = (rule == GUARD_PASSED || rule == GUARD_I16_REPORT || rule == GUARD_I12_VERSION)
            && brain_leads(brain, plan->intersection) && plan->valid_until_ms > event->now_ms
            && ledger_restore(&brain->ledger, plan);
    }
    if (!ret->accepted) {
        brain->counts.readings_refused[REFUSAL_RESTORE]++;
        refuse(brain, (struct refusal){ .kind = REFUSAL_RESTORE, .guard = refusal,
            .intersection = plan != NULL ? plan->intersection : INDEX_NONE });
    }
}

static void priority_hear(struct brain *brain, const struct event *event, struct actions *ret)
{
    ret->accepted = event->priority != NULL
        && priority_take(&brain->priority, event->priority, event->now_ms, &ret->accepted_until_ms);
    if (!ret->accepted) {
        brain->counts.readings_refused[REFUSAL_UNKNOWN]++;
        refuse(brain, (struct refusal){ .kind = REFUSAL_UNKNOWN, .intersection = INDEX_NONE });
    }
}

static void report_take(struct brain *brain, const struct controller_report *report)
{
    bool known = report != NULL && report->intersection >= 0
        && report->intersection < brain->network->intersection_count;
    if (!known || !brain_leads(brain, report->intersection) || !ledger_report(&brain->ledger, report)) {
        brain->counts.readings_refused[REFUSAL_UNKNOWN]++;
        refuse(brain, (struct refusal){ .kind = REFUSAL_UNKNOWN,
            .intersection = report != NULL ? report->intersection : INDEX_NONE });
    }
}

void brain_step(struct brain *brain, const struct event *event, struct actions *ret)
{
    assert(brain != NULL);
    assert(event != NULL);
    brain->refused_count = 0;
    *ret = (struct actions){ .publish = brain->publish, .wake_ms = event->now_ms + STEP_MS,
        .refused = brain->refused, .counts = &brain->counts, .states = brain->states };
    switch (event->kind) {
    case EVENT_STEP:
        step(brain, event, ret);
        break;
    case EVENT_STATUS:
        report_take(brain, event->report);
        break;
    case EVENT_OVERRIDE:
        override_take(brain, event, ret);
        break;
    case EVENT_PRIORITY:
        priority_hear(brain, event, ret);
        break;
    case EVENT_LINK_DOWN:
        ledger_link_down(&brain->ledger, event->intersection);
        break;
    case EVENT_RESTORE:
        restore_take(brain, event, ret);
        break;
    }
    ret->refused_count = brain->refused_count;
}

// ---- who leads -----------------------------------------------------------------------------------------------------

bool brain_leads(const struct brain *brain, int32_t intersection)
{
    return brain->duty[intersection] == DUTY_LEAD;
}

static void duties_set(struct brain *brain, uint64_t regions_led)
{
    for (int32_t i = 0; i < brain->network->intersection_count; i++) {
        bool leads = !brain->parted || (regions_led >> boundary_region(brain->network, i) & 1) != 0;
        bool watches = brain->parted && (brain->boundary.watched[i] & regions_led) != 0;
        brain->duty[i] = leads ? DUTY_LEAD : watches ? DUTY_WATCH : DUTY_NONE;
    }
}

// Nothing that was said about the intersection holds any more: another decides for it.
static void intersection_leave(struct brain *brain, int32_t intersection)
{
    const struct intersection_rows *rows = &brain->estimate.approaches.at[intersection];
    size_t first_group = (size_t)brain->network->intersections[intersection].first_group;
    ledger_forget(&brain->ledger, intersection);
    outlook_silence(&brain->outlook, rows->first_movement, rows->movement_count);
    memset(brain->memory + brain->memory_bytes * (size_t)intersection, 0, brain->memory_bytes);
    for (int32_t g = 0; g < brain->network->intersections[intersection].group_count; g++) {
        brain->asked_ms[first_group + (size_t)g] = INT64_MAX;
    }
    brain->states[intersection] = (struct intersection_state){ .stage = INDEX_NONE };
}

void brain_lead(struct brain *brain, uint64_t regions_led, uint32_t epoch)
{
    assert(brain->parted);
    assert(regions_led != 0);
    assert(epoch >= brain->ledger.epoch);
    brain->ledger.epoch = epoch;
    for (int32_t i = 0; i < brain->network->intersection_count; i++) {
        if (brain_leads(brain, i) && (regions_led >> boundary_region(brain->network, i) & 1) == 0) {
            intersection_leave(brain, i);
        }
    }
    duties_set(brain, regions_led);
}

// ---- life ----------------------------------------------------------------------------------------------------------

static enum status strategies_choose(struct brain *brain, const struct brain_options *options, struct problem *problem)
{
    int32_t regions = brain->network->regions.count > 0 ? brain->network->regions.count : 1;
    brain->strategy = memory_take((size_t)regions, sizeof *brain->strategy);
    for (int32_t r = 0; r < regions; r++) {
        const char *name = options->region_strategy != NULL && options->region_strategy[r] != NULL
            ? options->region_strategy[r] : options->strategy;
        brain->strategy[r] = strategy_find(name);
        if (brain->strategy[r] == NULL) {
            char names[256];
            strategy_names(names, sizeof names);
            return problem_report(problem, STATUS_UNKNOWN, "strategy", name, "Name one of the list.",
                                  "there is no such strategy; there are: %s", names);
        }
    }
    for (int s = 0; s < strategy_count; s++) {
        size_t bytes = (strategies[s]->memory_bytes + 63) / 64 * 64;
        brain->memory_bytes = bytes > brain->memory_bytes ? bytes : brain->memory_bytes;
    }
    return STATUS_OK;
}

enum status brain_create(const struct network *network, const struct brain_options *options, struct brain **ret,
                         struct problem *problem)
{
    assert(network != NULL);
    assert(options != NULL);
    if (options->threads < 1 || options->threads > THREAD_COUNT_MAX || options->solve_latency_ms < 0
        || options->epoch < 1) {
        return problem_report(problem, STATUS_RANGE, "brain", NULL,
                              "Give 1 to 256 threads, a latency of 0 ms or more and an epoch from 1.",
                              "threads %d, solve latency %d ms, epoch %u are out of range", options->threads,
                              options->solve_latency_ms, options->epoch);
    }
    size_t count = (size_t)network->intersection_count;
    struct brain *brain = memory_take(1, sizeof *brain);
    brain->network = network;
    brain->solve_latency_ms = options->solve_latency_ms;
    brain->threads = options->threads;
    brain->parted = options->regions_led != 0;
    if (brain->parted && network->regions.count > BOUNDARY_REGION_COUNT_MAX) {
        free(brain);
        return problem_report(problem, STATUS_LIMIT, "regions", NULL, "Import the network anew with `--regions N`.",
                              "%d regions, and at most %d can be led apart", network->regions.count,
                              BOUNDARY_REGION_COUNT_MAX);
    }
    enum status status = strategies_choose(brain, options, problem);
    if (status == STATUS_OK) {
        status = guard_create(network, &brain->guard, problem);
    }
    if (status != STATUS_OK) {
        free(brain->strategy);
        free(brain);
        return status;
    }
    int32_t age_ms = options->status_age_ms_max > 0 ? options->status_age_ms_max : STATUS_AGE_MS_DEFAULT;
    estimate_create(&brain->estimate, network);
    transitions_create(&brain->transitions, network);
    actuation_create(&brain->actuation, network, true);
    priority_create(&brain->priority, network);
    outlook_create(&brain->outlook, brain->estimate.approaches.movement_count);
    coordination_create(&brain->coordination, &brain->estimate, &brain->transitions);
    ledger_create(&brain->ledger, network, options->epoch, options->daemon, age_ms);
    brain->memory = memory_take_aligned(count, brain->memory_bytes);
    if (brain->parted) {
        boundary_create(&brain->boundary, network);
    }
    brain->duty = memory_take(count, sizeof *brain->duty);
    duties_set(brain, options->regions_led);
    brain->asked_ms = memory_take_aligned((size_t)network->group_count, sizeof *brain->asked_ms);
    brain->noticed_ms = memory_take_aligned((size_t)network->group_count, sizeof *brain->noticed_ms);
    for (int32_t g = 0; g < network->group_count; g++) {
        brain->asked_ms[g] = INT64_MAX;
    }
    brain->slots = memory_take_aligned(count, sizeof *brain->slots);
    brain->taken = memory_take((size_t)options->threads, sizeof *brain->taken);
    brain->states = memory_take_aligned(count, sizeof *brain->states);
    brain->publish = memory_take(count, sizeof *brain->publish);
    *ret = brain;
    return STATUS_OK;
}

void brain_release(struct brain *brain)
{
    if (brain == NULL) {
        return;
    }
    estimate_release(&brain->estimate);
    transitions_release(&brain->transitions);
    actuation_release(&brain->actuation);
    outlook_release(&brain->outlook);
    coordination_release(&brain->coordination);
    priority_release(&brain->priority);
    ledger_release(&brain->ledger);
    guard_release(brain->guard);
    boundary_release(&brain->boundary);
    free(brain->duty);
    free(brain->strategy);
    free(brain->memory);
    free(brain->asked_ms);
    free(brain->noticed_ms);
    free(brain->slots);
    free(brain->taken);
    free(brain->states);
    free(brain->publish);
    free(brain);
}

static void brain_walk(struct brain *brain, struct snapshot_walk *walk)
{
    size_t count = (size_t)brain->network->intersection_count;
    estimate_snapshot(&brain->estimate, walk);
    outlook_snapshot(&brain->outlook, walk);
    coordination_snapshot(&brain->coordination, walk);
    priority_snapshot(&brain->priority, walk);
    ledger_snapshot(&brain->ledger, walk);
    snapshot_column(walk, brain->memory, count, brain->memory_bytes);
    snapshot_column(walk, brain->asked_ms, (size_t)brain->network->group_count, sizeof *brain->asked_ms);
    snapshot_column(walk, brain->noticed_ms, (size_t)brain->network->group_count, sizeof *brain->noticed_ms);
    snapshot_column(walk, brain->states, count, sizeof *brain->states);
    snapshot_column(walk, &brain->counts, 1, sizeof brain->counts);
}

// What stands before the columns: of which network and of which layout they are.
struct snapshot_head {
    uint64_t network_hash, layout;
};

static struct snapshot_head snapshot_head(struct brain *brain, size_t *ret_bytes)
{
    struct snapshot_walk walk = snapshot_walk_begin(SNAPSHOT_MEASURE, NULL, 0);
    brain_walk(brain, &walk);
    *ret_bytes = sizeof(struct snapshot_head) + walk.used;
    return (struct snapshot_head){ .network_hash = brain->network->hash, .layout = walk.layout };
}

size_t brain_save(struct brain *brain, uint8_t *bytes, size_t capacity)
{
    size_t needed;
    struct snapshot_head head = snapshot_head(brain, &needed);
    if (bytes == NULL) {
        return needed;
    }
    if (capacity < needed) {
        return 0;
    }
    memcpy(bytes, &head, sizeof head);
    struct snapshot_walk walk = snapshot_walk_begin(SNAPSHOT_SAVE, bytes + sizeof head, needed - sizeof head);
    brain_walk(brain, &walk);
    assert(!walk.failed);
    return needed;
}

enum status brain_load(struct brain *brain, const uint8_t *bytes, size_t count)
{
    size_t needed;
    struct snapshot_head head = snapshot_head(brain, &needed);
    if (count != needed || memcmp(bytes, &head, sizeof head) != 0) {
        return STATUS_VERSION;
    }
    // A walk that loads only reads its bytes.
    struct snapshot_walk walk = snapshot_walk_begin(SNAPSHOT_LOAD, (uint8_t *)bytes + sizeof head,
                                                    needed - sizeof head);
    brain_walk(brain, &walk);
    assert(!walk.failed);
    return STATUS_OK;
}

double brain_link_queue_veh(const struct brain *brain, struct link_id link)
{
    return estimate_link_queue(&brain->estimate, link) * brain->network->links[link.index].lane_count;
}

const struct controller_report *brain_report(const struct brain *brain, struct intersection_id intersection,
                                             int64_t now_ms)
{
    return ledger_report_fresh(&brain->ledger, intersection.index, now_ms);
}

const struct plan *brain_plan(const struct brain *brain, struct intersection_id intersection)
{
    assert(intersection.index >= 0 && intersection.index < brain->network->intersection_count);
    return ledger_newest(&brain->ledger, intersection.index);
}
