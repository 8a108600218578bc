#include "sim/traffic/signals.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/model/units.h"

#define PENDING_COUNT_MAX 4               // accepted plans that wait for their time
#define SITES_AHEAD 3                     // so far ahead the look over the sites asks for what it will need

enum playing { PLAYING_FALLBACK, PLAYING_ACTUATED, PLAYING_CLEARANCE, PLAYING_PLAN };

struct stored_plan {
    struct plan plan;
    struct green greens[PLAN_GREEN_COUNT_MAX];
};

struct site {
    // What is asked each second comes first.
    int64_t changes_ms;                   // before it no lamp changes and nothing happens
    enum playing playing;
    // Actuated: the stage that shows, or from which a change goes on to the next one.
    int32_t stage, next_stage;            // next: INDEX_NONE without a change
    int64_t leave_ms, enter_ms;           // of the change
    struct plan fallback;                 // its greens lie in signals.fallback_greens
    int32_t running;                      // in stored; meaningful while a plan is played
    int32_t pending[PENDING_COUNT_MAX];   // in stored, by valid_from_ms
    int32_t pending_count;
    bool used[PENDING_COUNT_MAX + 2];     // of stored
    struct stored_plan *stored;           // PENDING_COUNT_MAX + 2 of them
    struct plan_version newest;           // accepted so far
    int64_t join_ms;                      // the fallback shows greens that start from here on
    int32_t handover_ms;
};

struct signals {
    const struct network *network;
    struct site *sites;
    struct green *fallback_greens;
    uint8_t *aspects;                     // by group of the network
    int64_t *since_ms;                    // when it began; INT64_MIN: before anybody looked
    int64_t *cleared_ms;                  // end of its green while clearing; INT64_MIN without one
    int64_t now_ms;
    enum signals_fallback fallback;
    struct actuation actuation;           // only where the fallback is actuated
    struct actuation_state *actuated;     // by intersection
    uint64_t *calls;                      // by intersection: groups whose buttons were pushed
    int64_t *quiet_until_ms;              // by intersection: before it nothing happens unless a loop is touched
    int64_t touched_ms;                   // of the last signals_touch; INT64_MIN: none yet
    int32_t *waking;                      // scratch of signals_touch
};

static const struct plan *site_plan(const struct site *site)
{
    return site->playing == PLAYING_PLAN ? &site->stored[site->running].plan : &site->fallback;
}

static enum aspect aspect_after(int64_t end_ms, int32_t yellow_ms, int64_t t_ms, int64_t *ret_since_ms)
{
    if (end_ms == INT64_MIN) {
        *ret_since_ms = INT64_MIN;
        return ASPECT_RED;
    }
    *ret_since_ms = t_ms < end_ms + yellow_ms ? end_ms : end_ms + yellow_ms;
    return t_ms < end_ms + yellow_ms ? ASPECT_YELLOW : ASPECT_RED;
}

static uint64_t stage_groups(const struct signals *signals, int32_t index, int32_t stage)
{
    return signals->network->stages[signals->network->intersections[index].first_stage + stage].groups;
}

static enum aspect actuated_aspect(const struct signals *signals, int32_t index, int32_t i, int64_t t_ms,
                                   int64_t *ret_since_ms)
{
    const struct site *site = &signals->sites[index];
    int32_t group = signals->network->intersections[index].first_group + i;
    bool green = stage_groups(signals, index, site->stage) >> i & 1;
    bool goes_on = site->next_stage == INDEX_NONE || (stage_groups(signals, index, site->next_stage) >> i & 1);
    if (green && (goes_on || t_ms < site->leave_ms)) {
        bool showed = signals->aspects[group] == ASPECT_GREEN;
        *ret_since_ms = showed ? signals->since_ms[group] : signals->actuated[index].since_ms;
        return ASPECT_GREEN;
    }
    *ret_since_ms = INT64_MIN;
    return green ? aspect_after(site->leave_ms, signals->network->groups[group].yellow_ms, t_ms, ret_since_ms)
        : ASPECT_RED;
}

// The aspect of the intersection's group `i` at t in what is being played.
static enum aspect site_aspect(const struct signals *signals, int32_t index, int32_t i, int64_t t_ms,
                               int64_t *ret_since_ms)
{
    const struct site *site = &signals->sites[index];
    int32_t group = signals->network->intersections[index].first_group + i;
    int32_t yellow_ms = signals->network->groups[group].yellow_ms;
    switch (site->playing) {
    case PLAYING_PLAN:
        return lamp_aspect(signals->network, site_plan(site), i, t_ms, ret_since_ms);
    case PLAYING_ACTUATED:
        return actuated_aspect(signals, index, i, t_ms, ret_since_ms);
    case PLAYING_FALLBACK: {
        enum aspect aspect = lamp_aspect(signals->network, &site->fallback, i, t_ms, ret_since_ms);
        int64_t start_ms, end_ms;
        bool any = plan_last_green(&site->fallback, i, t_ms, &start_ms, &end_ms);
        if (aspect != ASPECT_RED && any && start_ms < site->join_ms) {
            *ret_since_ms = INT64_MIN;    // a green that began before it joined: it waits for the next
            return ASPECT_RED;
        }
        return aspect;
    }
    case PLAYING_CLEARANCE:
        if (signals->cleared_ms[group] != INT64_MIN && t_ms < signals->cleared_ms[group]) {
            *ret_since_ms = signals->since_ms[group];
            return ASPECT_GREEN;
        }
        return aspect_after(signals->cleared_ms[group], yellow_ms, t_ms, ret_since_ms);
    }
    return ASPECT_RED;
}

// Writes the lamps of an intersection as they are at t.
static void site_light(struct signals *signals, int32_t index, int64_t t_ms)
{
    const struct intersection *at = &signals->network->intersections[index];
    const struct site *site = &signals->sites[index];
    // A plan may repeat what was before it, or its cycle reach back there: neither has shown here.
    int64_t from_ms = site->playing == PLAYING_PLAN ? site_plan(site)->valid_from_ms : INT64_MIN;
    for (int32_t i = 0; i < at->group_count; i++) {
        int64_t since_ms = INT64_MIN;
        enum aspect aspect = site_aspect(signals, index, i, t_ms, &since_ms);
        int32_t group = at->first_group + i;
        if (aspect != (enum aspect)signals->aspects[group]) {
            signals->since_ms[group] = since_ms != INT64_MIN ? since_ms : t_ms;
            signals->aspects[group] = (uint8_t)aspect;
        } else if (since_ms > signals->since_ms[group] && since_ms >= from_ms) {
            signals->since_ms[group] = since_ms;   // it was something else since the last look
        }
    }
}

// Brings the state of a site that may have been quiet up to the last touch.
static void site_pass(const struct signals *signals, int32_t index, struct actuation_state *state)
{
    const struct site *site = &signals->sites[index];
    if (site->playing == PLAYING_ACTUATED && site->next_stage == INDEX_NONE && signals->touched_ms > state->since_ms) {
        actuation_pass(&signals->actuation, (struct intersection_id){ index }, state, signals->touched_ms);
    }
}

// From t on no green begins, and each that shows ends as soon as its minimum allows; so does one that a plan which runs
// out leaves green to its end.
static void site_clear(struct signals *signals, int32_t index, int64_t t_ms, bool runs_out)
{
    const struct intersection *at = &signals->network->intersections[index];
    if (signals->actuated != NULL) {
        site_pass(signals, index, &signals->actuated[index]);
    }
    site_light(signals, index, runs_out ? t_ms - 1 : t_ms);
    for (int32_t i = 0; i < at->group_count; i++) {
        int32_t group = at->first_group + i;
        int64_t least_ms = signals->since_ms[group] + signals->network->groups[group].green_ms_min;
        int64_t cleared_ms = INT64_MIN;
        if (signals->aspects[group] == ASPECT_GREEN) {
            cleared_ms = least_ms > t_ms ? least_ms : t_ms;
        } else if (signals->aspects[group] == ASPECT_YELLOW) {
            cleared_ms = signals->since_ms[group];
        }
        signals->cleared_ms[group] = cleared_ms;
    }
    signals->sites[index].playing = PLAYING_CLEARANCE;
}

static int32_t stored_take(struct site *site)
{
    for (int32_t i = 0; i < PENDING_COUNT_MAX + 2; i++) {
        if (!site->used[i]) {
            site->used[i] = true;
            return i;
        }
    }
    assert(false && "one place more than plans");
    return INDEX_NONE;
}

static void pending_drop(struct site *site, int32_t from)
{
    for (int32_t i = from; i < site->pending_count; i++) {
        site->used[site->pending[i]] = false;
    }
    site->pending_count = from;
}

static struct plan *pending_plan(struct site *site, int32_t i)
{
    return &site->stored[site->pending[i]].plan;
}

static void pending_remove_first(struct site *site)
{
    site->pending_count--;
    memmove(site->pending, site->pending + 1, (size_t)site->pending_count * sizeof *site->pending);
}

// What happens next at an intersection, other than lamps: its time, INT64_MAX for nothing.
enum happening {
    HAPPENS_NOTHING, HAPPENS_PLAN, HAPPENS_CLEARANCE, HAPPENS_EXPIRY, HAPPENS_FALLBACK, HAPPENS_STAGE
};

static enum happening site_next(struct site *site, int64_t *ret_ms)
{
    enum happening what = HAPPENS_NOTHING;
    *ret_ms = INT64_MAX;
    if (site->pending_count > 0) {
        const struct plan *plan = pending_plan(site, 0);
        bool clears = plan->handover && site->playing != PLAYING_CLEARANCE;
        *ret_ms = clears ? plan->valid_from_ms - site->handover_ms : plan->valid_from_ms;
        what = clears ? HAPPENS_CLEARANCE : HAPPENS_PLAN;
    }
    if (site->playing == PLAYING_PLAN && site_plan(site)->valid_until_ms < *ret_ms) {
        *ret_ms = site_plan(site)->valid_until_ms;
        what = HAPPENS_EXPIRY;
    }
    // With a hand-over so near that its clearance would begin before the fallback is joined, it stays cleared.
    bool stays = what == HAPPENS_PLAN && *ret_ms - site->handover_ms <= site->join_ms;
    if (site->playing == PLAYING_CLEARANCE && !stays && site->join_ms < *ret_ms) {
        *ret_ms = site->join_ms;
        what = HAPPENS_FALLBACK;
    }
    if (site->playing == PLAYING_ACTUATED && site->next_stage != INDEX_NONE && site->enter_ms < *ret_ms) {
        *ret_ms = site->enter_ms;
        what = HAPPENS_STAGE;
    }
    return what;
}

// An actuated stage becomes green at t.
static void site_enter(struct signals *signals, int32_t index, int32_t stage, int64_t t_ms)
{
    struct site *site = &signals->sites[index];
    site->playing = PLAYING_ACTUATED;
    site->stage = stage;
    site->next_stage = INDEX_NONE;
    signals->quiet_until_ms[index] = INT64_MIN;
    actuation_enter(&signals->actuation, (struct intersection_id){ index }, &signals->actuated[index], stage, t_ms);
}

static bool site_actuated(const struct signals *signals, int32_t index)
{
    const struct intersection *at = &signals->network->intersections[index];
    return at->stage_count > 0 && (signals->fallback == SIGNALS_ACTUATED || at->falls_back_to_actuated);
}

static void site_fall_back(struct signals *signals, int32_t index, int64_t t_ms)
{
    if (site_actuated(signals, index)) {
        signals->actuated[index].calls = ACTUATION_CALL_ALL;
        const struct actuated_site *rotation = &signals->actuation.sites[index];
        site_enter(signals, index, signals->actuation.stages[rotation->first_stage].stage, t_ms);
    } else {
        signals->sites[index].playing = PLAYING_FALLBACK;
    }
}

static void site_happen(struct signals *signals, int32_t index, enum happening what, int64_t t_ms)
{
    struct site *site = &signals->sites[index];
    switch (what) {
    case HAPPENS_PLAN:
        if (site->playing != PLAYING_PLAN && !pending_plan(site, 0)->handover) {
            site->used[site->pending[0]] = false;   // its predecessor expired: it has nothing to go on from
            pending_remove_first(site);
            break;
        }
        if (site->playing == PLAYING_PLAN) {
            site->used[site->running] = false;
        }
        site->running = site->pending[0];
        pending_remove_first(site);
        site->playing = PLAYING_PLAN;
        break;
    case HAPPENS_CLEARANCE:
    case HAPPENS_EXPIRY: {
        bool plan = site->playing == PLAYING_PLAN;
        site_clear(signals, index, t_ms, what == HAPPENS_EXPIRY);
        site->used[site->running] = plan ? false : site->used[site->running];
        site->join_ms = what == HAPPENS_EXPIRY ? t_ms + site->handover_ms : INT64_MAX;
        break;
    }
    case HAPPENS_FALLBACK:
        site_light(signals, index, t_ms);
        site_fall_back(signals, index, t_ms);
        break;
    case HAPPENS_STAGE:
        site_light(signals, index, t_ms);
        site_enter(signals, index, site->next_stage, t_ms);
        break;
    case HAPPENS_NOTHING:
        break;
    }
}

static void earlier(int64_t *time_ms, int64_t candidate_ms, int64_t after_ms)
{
    if (candidate_ms > after_ms && candidate_ms < *time_ms) {
        *time_ms = candidate_ms;
    }
}

// The first instant after t at which a lamp may change.
static int64_t site_changes_ms(const struct signals *signals, int32_t index, int64_t t_ms)
{
    const struct site *site = &signals->sites[index];
    const struct intersection *at = &signals->network->intersections[index];
    int64_t changes_ms = INT64_MAX;
    if (site->playing == PLAYING_CLEARANCE) {
        for (int32_t i = 0; i < at->group_count; i++) {
            int64_t end_ms = signals->cleared_ms[at->first_group + i];
            if (end_ms != INT64_MIN) {
                earlier(&changes_ms, end_ms, t_ms);
                earlier(&changes_ms, end_ms + signals->network->groups[at->first_group + i].yellow_ms, t_ms);
            }
        }
        return changes_ms;
    }
    if (site->playing == PLAYING_ACTUATED) {
        for (int32_t i = 0; i < at->group_count && site->next_stage != INDEX_NONE; i++) {
            int32_t yellow_ms = signals->network->groups[at->first_group + i].yellow_ms;
            earlier(&changes_ms, site->leave_ms, t_ms);
            earlier(&changes_ms, site->leave_ms + yellow_ms, t_ms);
        }
        return changes_ms;
    }
    const struct plan *plan = site_plan(site);
    for (int32_t i = 0; i < plan->green_count; i++) {
        const struct green *green = &plan->greens[i];
        int64_t yellow_ms = signals->network->groups[at->first_group + green->group].yellow_ms;
        int64_t instants[3] = { plan->base_ms + green->start_ms, plan->base_ms + green->end_ms,
            plan->base_ms + green->end_ms + yellow_ms };
        for (int k = 0; k < 3; k++) {
            int64_t next_ms = instants[k];
            if (plan->kind == PLAN_CYCLIC) {
                int64_t since_ms = (t_ms - next_ms) % plan->cycle_ms;
                since_ms += since_ms < 0 ? plan->cycle_ms : 0;
                next_ms = t_ms - since_ms + plan->cycle_ms;
            }
            earlier(&changes_ms, next_ms, t_ms);
        }
    }
    return changes_ms;
}

static void site_bring(struct signals *signals, int32_t index, int64_t now_ms)
{
    struct site *site = &signals->sites[index];
    int64_t next_ms;
    enum happening what = site_next(site, &next_ms);
    while (what != HAPPENS_NOTHING && next_ms <= now_ms) {
        site_happen(signals, index, what, next_ms);
        what = site_next(site, &next_ms);
    }
    site_light(signals, index, now_ms);
    int64_t lamps_ms = site_changes_ms(signals, index, now_ms);
    site->changes_ms = lamps_ms < next_ms ? lamps_ms : next_ms;
    signals->quiet_until_ms[index] = INT64_MIN;
}

// Actuated control from now on, at the sites that fall back to it.
static void actuated_begin(struct signals *signals)
{
    const struct network *network = signals->network;
    signals->actuated = memory_take((size_t)network->intersection_count, sizeof *signals->actuated);
    actuation_create(&signals->actuation, network, false);
    for (int32_t i = 0; i < network->intersection_count; i++) {
        const struct intersection *at = &network->intersections[i];
        signals->actuation.sites[i].in_turn = at->stages_in_turn && signals->fallback != SIGNALS_ACTUATED;
        for (int32_t k = 0; k < at->group_count && site_actuated(signals, i); k++) {
            signals->aspects[at->first_group + k] = ASPECT_RED;
            signals->since_ms[at->first_group + k] = INT64_MIN;
        }
        site_fall_back(signals, i, signals->now_ms);
    }
}

struct signals *signals_create(const struct network *network, int64_t begin_ms)
{
    struct signals *signals = memory_take(1, sizeof *signals);
    signals->network = network;
    signals->now_ms = begin_ms;
    signals->sites = memory_take((size_t)network->intersection_count, sizeof *signals->sites);
    signals->fallback_greens = memory_take((size_t)network->program_green_count, sizeof *signals->fallback_greens);
    signals->aspects = memory_take((size_t)network->group_count, sizeof *signals->aspects);
    signals->since_ms = memory_take((size_t)network->group_count, sizeof *signals->since_ms);
    signals->cleared_ms = memory_take((size_t)network->group_count, sizeof *signals->cleared_ms);
    signals->calls = memory_take((size_t)network->intersection_count, sizeof *signals->calls);
    signals->quiet_until_ms = memory_take((size_t)network->intersection_count, sizeof *signals->quiet_until_ms);
    signals->touched_ms = INT64_MIN;
    signals->waking = memory_take((size_t)network->intersection_count + 1, sizeof *signals->waking);
    for (int32_t i = 0; i < network->intersection_count; i++) {
        const struct intersection *at = &network->intersections[i];
        struct site *site = &signals->sites[i];
        site->stored = memory_take(PENDING_COUNT_MAX + 2, sizeof *site->stored);
        plan_from_program(network, (struct intersection_id){ i }, signals->fallback_greens + at->first_green,
            &site->fallback);
        site->playing = PLAYING_FALLBACK;
        site->join_ms = INT64_MIN;
        site->next_stage = INDEX_NONE;
        site->handover_ms = plan_handover_ms(network, (struct intersection_id){ i });
        for (int32_t k = 0; k < at->group_count; k++) {
            int64_t since_ms = INT64_MIN;
            enum aspect aspect = site_aspect(signals, i, k, begin_ms, &since_ms);
            signals->aspects[at->first_group + k] = (uint8_t)aspect;
            signals->since_ms[at->first_group + k] = since_ms;
        }
        site->changes_ms = signals->quiet_until_ms[i] = INT64_MIN;
    }
    for (int32_t i = 0; i < network->intersection_count && signals->actuated == NULL; i++) {
        if (site_actuated(signals, i)) {
            actuated_begin(signals);
        }
    }
    return signals;
}

void signals_fall_back_to(struct signals *signals, enum signals_fallback fallback)
{
    if (fallback == signals->fallback) {
        return;
    }
    assert(fallback == SIGNALS_ACTUATED);   // As its site says is how each was made.
    signals->fallback = fallback;
    actuation_release(&signals->actuation);
    free(signals->actuated);
    actuated_begin(signals);
}

bool signals_want_touches(const struct signals *signals)
{
    return signals->actuated != NULL;
}

void signals_release(struct signals *signals)
{
    if (signals == NULL) {
        return;
    }
    for (int32_t i = 0; i < signals->network->intersection_count; i++) {
        free(signals->sites[i].stored);
    }
    free(signals->sites);
    free(signals->fallback_greens);
    free(signals->aspects);
    free(signals->since_ms);
    free(signals->cleared_ms);
    free(signals->calls);
    free(signals->quiet_until_ms);
    free(signals->waking);
    actuation_release(&signals->actuation);
    free(signals->actuated);
    free(signals);
}

// What a controller can tell of a plan without knowing what is safe: that it is one.
static bool plan_well_formed(const struct network *network, const struct plan *plan)
{
    if (plan->intersection < 0 || plan->intersection >= network->intersection_count || plan->green_count < 0
        || plan->green_count > PLAN_GREEN_COUNT_MAX || plan->valid_until_ms <= plan->valid_from_ms
        || (plan->kind != PLAN_CYCLIC && plan->kind != PLAN_ROLLING)
        || (plan->kind == PLAN_CYCLIC && plan->cycle_ms <= 0)) {
        return false;
    }
    int32_t group_count = network->intersections[plan->intersection].group_count;
    for (int32_t i = 0; i < plan->green_count; i++) {
        const struct green *green = &plan->greens[i];
        if (green->group < 0 || green->group >= group_count || green->end_ms <= green->start_ms
            || (plan->kind == PLAN_CYCLIC && (green->start_ms < 0 || green->start_ms >= plan->cycle_ms
                || green->end_ms - green->start_ms > plan->cycle_ms))) {
            return false;
        }
    }
    return true;
}

// Whether the controller will be playing a plan at the given time, so that another may follow without hand-over.
static bool plays_plan_at(struct site *site, int64_t t_ms)
{
    if (site->playing == PLAYING_PLAN && site_plan(site)->valid_until_ms >= t_ms) {
        return true;
    }
    for (int32_t i = 0; i < site->pending_count; i++) {
        const struct plan *plan = pending_plan(site, i);
        if (plan->handover && plan->valid_from_ms < t_ms) {
            return true;
        }
    }
    return false;
}

enum status signals_offer(struct signals *signals, const struct plan *plan, int64_t now_ms)
{
    if (!plan_well_formed(signals->network, plan)) {
        return STATUS_RANGE;
    }
    struct site *site = &signals->sites[plan->intersection];
    if (plan->site_hash != site->fallback.site_hash) {
        return STATUS_VERSION;
    }
    if (plan->valid_from_ms < now_ms || plan_version_compare(plan->version, site->newest) <= 0) {
        return STATUS_STALE;
    }
    site_bring(signals, plan->intersection, now_ms);
    if (plan->handover ? plan->valid_from_ms - now_ms < site->handover_ms
                       : !plays_plan_at(site, plan->valid_from_ms)) {
        return STATUS_REFUSED;
    }
    // A newer plan takes the place of those that would begin with it or after it.
    int32_t keep = 0;
    while (keep < site->pending_count && pending_plan(site, keep)->valid_from_ms < plan->valid_from_ms) {
        keep++;
    }
    if (keep == PENDING_COUNT_MAX) {
        return STATUS_REFUSED;
    }
    pending_drop(site, keep);
    int32_t place = stored_take(site);
    plan_copy(plan, site->stored[place].greens, &site->stored[place].plan);
    site->pending[site->pending_count++] = place;
    site->newest = plan->version;
    site->changes_ms = signals->quiet_until_ms[plan->intersection] = INT64_MIN;
    return STATUS_OK;
}

static void site_touch(struct signals *signals, int32_t index, struct actuation_touch touch, int64_t now_ms)
{
    struct site *site = &signals->sites[index];
    if (site->changes_ms <= now_ms) {
        site_bring(signals, index, now_ms);
    }
    signals->quiet_until_ms[index] = site->changes_ms;
    if (site->playing != PLAYING_ACTUATED) {
        return;
    }
    struct intersection_id id = { index };
    struct actuation_state *state = &signals->actuated[index];
    if (site->next_stage != INDEX_NONE) {
        uint64_t green = stage_groups(signals, index, site->stage) & stage_groups(signals, index, site->next_stage);
        actuation_note(state, touch, green);
        return;
    }
    site_pass(signals, index, state);
    struct actuation_choice choice;
    actuation_step(&signals->actuation, id, state, touch, now_ms, &choice);
    if (choice.stage != site->stage) {
        int32_t quantum_ms = signals->network->intersections[index].quantum_ms;
        site->next_stage = choice.stage;
        site->leave_ms = quantum_ceil(now_ms, quantum_ms);
        site->enter_ms = quantum_ceil(
            site->leave_ms + network_transition_ms(signals->network, id, site->stage, choice.stage), quantum_ms);
        site->changes_ms = signals->quiet_until_ms[index] = site->leave_ms;
    } else if (choice.quiet_until_ms < site->changes_ms) {
        signals->quiet_until_ms[index] = choice.quiet_until_ms;
    }
}

void signals_call(struct signals *signals, const uint64_t *calls)
{
    memcpy(signals->calls, calls, (size_t)signals->network->intersection_count * sizeof *calls);
}

// Whether there is anything for a controller to do.
static bool site_wakes(const struct signals *signals, const struct actuation_touch *touch, int32_t index,
                       int64_t now_ms)
{
    return (touch->line | touch->advance | signals->calls[index]) != 0 || signals->quiet_until_ms[index] <= now_ms;
}

void signals_touch(struct signals *signals, const struct actuation_touch *touches, int64_t now_ms)
{
    assert(now_ms >= signals->now_ms);
    if (!signals_want_touches(signals)) {
        return;
    }
    signals->now_ms = now_ms;
    int32_t count = 0, *waking = signals->waking;
    for (int32_t i = 0; i < signals->network->intersection_count; i++) {
        waking[count] = i;
        count += site_wakes(signals, &touches[i], i, now_ms) ? 1 : 0;
    }
    for (int32_t k = 0; k < count; k++) {
        int32_t i = waking[k], ahead = waking[k + SITES_AHEAD < count ? k + SITES_AHEAD : k];
        __builtin_prefetch(&signals->sites[ahead], 1);
        __builtin_prefetch(&signals->actuated[ahead], 1);
        __builtin_prefetch(signals->actuated[ahead].touched_ms, 1);
        __builtin_prefetch(signals->actuated[ahead].line_ms, 1);
        __builtin_prefetch(&signals->actuation.sites[ahead]);
        struct actuation_touch touch = { touches[i].line | signals->calls[i], touches[i].advance };
        site_touch(signals, i, touch, now_ms);
    }
    signals->touched_ms = now_ms;
}

void signals_show(struct signals *signals, int64_t now_ms, uint8_t *ret_aspects)
{
    assert(now_ms >= signals->now_ms);
    signals->now_ms = now_ms;
    for (int32_t i = 0; i < signals->network->intersection_count; i++) {
        if (signals->sites[i].changes_ms <= now_ms) {
            site_bring(signals, i, now_ms);
        }
    }
    memcpy(ret_aspects, signals->aspects, (size_t)signals->network->group_count * sizeof *ret_aspects);
}

static int32_t stage_shown(const struct signals *signals, const struct site *site)
{
    switch (site->playing) {
    case PLAYING_PLAN:
    case PLAYING_FALLBACK:
        return plan_stage_at(site_plan(site), signals->now_ms);
    case PLAYING_ACTUATED:
        return site->next_stage == INDEX_NONE ? site->stage : INDEX_NONE;
    case PLAYING_CLEARANCE:
        return INDEX_NONE;
    }
    return INDEX_NONE;
}

void signals_report(const struct signals *signals, struct intersection_id intersection,
                    struct controller_report *ret)
{
    const struct intersection *at = &signals->network->intersections[intersection.index];
    const struct site *site = &signals->sites[intersection.index];
    bool plan = site->playing == PLAYING_PLAN;
    *ret = (struct controller_report){
        .intersection = intersection.index, .time_ms = signals->now_ms,
        .mode = plan ? CONTROLLER_PLAN : CONTROLLER_FALLBACK,
        .running = plan ? site_plan(site)->version : (struct plan_version){ 0, 0, 0 },
        .stage = stage_shown(signals, site),
        .group_count = at->group_count,
    };
    if (site->pending_count > 0) {
        ret->waiting = site->stored[site->pending[site->pending_count - 1]].plan.version;
    }
    for (int32_t i = 0; i < at->group_count; i++) {
        int64_t since_ms = signals->since_ms[at->first_group + i];
        int64_t age_ms = since_ms == INT64_MIN ? INT32_MAX : signals->now_ms - since_ms;
        ret->aspect[i] = signals->aspects[at->first_group + i];
        ret->calls |= ret->aspect[i] != ASPECT_GREEN ? signals->calls[intersection.index] & (UINT64_C(1) << i) : 0;
        ret->age_ms[i] = age_ms < INT32_MAX ? (int32_t)age_ms : INT32_MAX;
    }
}

// ---- checkpoints ---------------------------------------------------------------------------------------------------

static int64_t signals_layout(const struct signals *signals)
{
    const int64_t numbers[] = { 1, sizeof(struct plan), sizeof(struct green), sizeof(struct actuation_state),
        PENDING_COUNT_MAX, signals->fallback, (int64_t)signals->network->hash };
    uint64_t hash = HASH_SEED;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        hash = hash_number(hash, numbers[i]);
    }
    return (int64_t)hash;
}

static void site_save(const struct site *site, struct byte_sink *sink)
{
    const int64_t numbers[] = { site->playing, site->running, site->pending_count, site->join_ms, site->changes_ms,
        site->stage, site->next_stage, site->leave_ms, site->enter_ms };
    sink_put(sink, numbers, sizeof numbers);
    sink_put(sink, site->pending, sizeof site->pending);
    sink_put(sink, site->used, sizeof site->used);
    sink_put(sink, &site->newest, sizeof site->newest);
    for (int32_t i = 0; i < PENDING_COUNT_MAX + 2; i++) {
        if (site->used[i]) {
            struct plan plan = site->stored[i].plan;
            plan.greens = NULL;
            sink_put(sink, &plan, sizeof plan);
            sink_put(sink, site->stored[i].greens, (size_t)plan.green_count * sizeof(struct green));
        }
    }
}

static bool place_valid(int64_t place)
{
    return place >= 0 && place < PENDING_COUNT_MAX + 2;
}

static void stored_load(const struct network *network, int32_t index, struct stored_plan *stored,
                        struct byte_source *source)
{
    source_take(source, &stored->plan, sizeof stored->plan);
    stored->plan.greens = stored->greens;
    if (stored->plan.green_count < 0 || stored->plan.green_count > PLAN_GREEN_COUNT_MAX) {
        source->failed = true;
        return;
    }
    source_take(source, stored->greens, (size_t)stored->plan.green_count * sizeof(struct green));
    source->failed |= stored->plan.intersection != index || !plan_well_formed(network, &stored->plan);
}

static void site_load(const struct signals *signals, int32_t index, struct byte_source *source)
{
    struct site *site = &signals->sites[index];
    int32_t stage_count = signals->network->intersections[index].stage_count;
    int64_t numbers[9];
    source_take(source, numbers, sizeof numbers);
    source_take(source, site->pending, sizeof site->pending);
    source_take(source, site->used, sizeof site->used);
    source_take(source, &site->newest, sizeof site->newest);
    bool good = numbers[0] >= PLAYING_FALLBACK && numbers[0] <= PLAYING_PLAN && place_valid(numbers[1])
        && numbers[2] >= 0 && numbers[2] <= PENDING_COUNT_MAX
        && (stage_count == 0 || (numbers[5] >= 0 && numbers[5] < stage_count))
        && numbers[6] >= INDEX_NONE && numbers[6] < stage_count
        && (numbers[0] != PLAYING_ACTUATED || signals->actuated != NULL);
    for (int32_t i = 0; good && i < numbers[2]; i++) {
        good = place_valid(site->pending[i]) && site->used[site->pending[i]];
    }
    good = good && (numbers[0] != PLAYING_PLAN || site->used[numbers[1]]);
    if (!good) {
        source->failed = true;
        return;
    }
    site->playing = (enum playing)numbers[0];
    site->running = (int32_t)numbers[1];
    site->pending_count = (int32_t)numbers[2];
    site->join_ms = numbers[3];
    site->changes_ms = numbers[4];
    signals->quiet_until_ms[index] = INT64_MIN;
    site->stage = (int32_t)numbers[5];
    site->next_stage = (int32_t)numbers[6];
    site->leave_ms = numbers[7];
    site->enter_ms = numbers[8];
    for (int32_t i = 0; i < PENDING_COUNT_MAX + 2; i++) {
        if (site->used[i]) {
            stored_load(signals->network, index, &site->stored[i], source);
        }
    }
}

void signals_save(const struct signals *signals, struct byte_sink *sink)
{
    size_t groups = (size_t)signals->network->group_count, sites = (size_t)signals->network->intersection_count;
    sink_number(sink, signals_layout(signals));
    sink_number(sink, signals->now_ms);
    sink_put(sink, signals->aspects, groups * sizeof *signals->aspects);
    sink_put(sink, signals->since_ms, groups * sizeof *signals->since_ms);
    sink_put(sink, signals->cleared_ms, groups * sizeof *signals->cleared_ms);
    for (size_t i = 0; i < sites; i++) {
        site_save(&signals->sites[i], sink);
    }
    for (size_t i = 0; signals->actuated != NULL && i < sites; i++) {
        struct actuation_state state;
        memcpy(&state, &signals->actuated[i], sizeof state);   // with its padding, which is zero
        site_pass(signals, (int32_t)i, &state);
        sink_put(sink, &state, sizeof state);
    }
}

enum status signals_load(struct signals *signals, struct byte_source *source, struct problem *problem)
{
    size_t groups = (size_t)signals->network->group_count, sites = (size_t)signals->network->intersection_count;
    if (source_number(source) != signals_layout(signals)) {
        return problem_report(problem, STATUS_VERSION, "checkpoint", "signals",
                              "load it with the options and the files that it was saved with",
                              "they are of another network, another kind of control or another version");
    }
    signals->now_ms = source_number(source);
    signals->touched_ms = INT64_MIN;
    source_take(source, signals->aspects, groups * sizeof *signals->aspects);
    source_take(source, signals->since_ms, groups * sizeof *signals->since_ms);
    source_take(source, signals->cleared_ms, groups * sizeof *signals->cleared_ms);
    for (size_t i = 0; i < sites && !source->failed; i++) {
        site_load(signals, (int32_t)i, source);
    }
    for (size_t i = 0; signals->actuated != NULL && i < sites; i++) {
        struct actuation_state *state = &signals->actuated[i];
        source_take(source, state, sizeof *state);
        source->failed |= state->place < 0
            || (state->place > 0 && state->place >= signals->actuation.sites[i].stage_count);
    }
    return !source->failed ? STATUS_OK
        : problem_report(problem, STATUS_RANGE, "checkpoint", "signals", "save it anew",
                         "it does not hold the state of these signals");
}
