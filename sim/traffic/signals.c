#include "sim/traffic/signals.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/model/units.h"
#include "sim/traffic/signals_state.h"

#define SITES_AHEAD 10                    // so far ahead the look over the sites asks for what it will need

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
    return signals->stage_groups[signals->sites[index].first_stage + stage];
}

static enum aspect actuated_aspect(const struct signals *signals, int32_t index, int32_t i, int64_t t_ms,
                                   int64_t *ret_since_ms)
{
    const struct site *site = &signals->sites[index];
    int32_t group = site->first_group + i;
    bool green = stage_groups(signals, index, site->stage) >> i & 1;
    bool goes_on = site->next_stage == INDEX_NONE || (stage_groups(signals, index, site->next_stage) >> i & 1);
    if (green && (goes_on || t_ms < site->leave_ms)) {
        bool showed = signals->aspects[group] == ASPECT_GREEN;
        *ret_since_ms = showed ? signals->since_ms[group] : signals->actuated[index].state.since_ms;
        return ASPECT_GREEN;
    }
    *ret_since_ms = INT64_MIN;
    return green ? aspect_after(site->leave_ms, signals->yellow_ms[group], t_ms, ret_since_ms)
        : ASPECT_RED;
}

static void earlier(int64_t *time_ms, int64_t candidate_ms, int64_t after_ms)
{
    if (candidate_ms > after_ms && candidate_ms < *time_ms) {
        *time_ms = candidate_ms;
    }
}

// The aspect of the intersection's group `i` at t while a controller plays no plan.
static enum aspect planless_aspect(const struct signals *signals, int32_t index, int32_t i, int64_t t_ms,
                                   int64_t *ret_since_ms)
{
    int32_t group = signals->sites[index].first_group + i;
    if (signals->sites[index].playing == PLAYING_ACTUATED) {
        return actuated_aspect(signals, index, i, t_ms, ret_since_ms);
    }
    if (signals->cleared_ms[group] != INT64_MIN && t_ms < signals->cleared_ms[group]) {
        *ret_since_ms = signals->since_ms[group];
        return ASPECT_GREEN;
    }
    return aspect_after(signals->cleared_ms[group], signals->yellow_ms[group], t_ms, ret_since_ms);
}

// The first instant after t at which a lamp may change while a controller plays no plan.
static int64_t planless_changes_ms(const struct signals *signals, int32_t index, int64_t t_ms)
{
    const struct site *site = &signals->sites[index];
    bool actuated = site->playing == PLAYING_ACTUATED;
    int64_t changes_ms = INT64_MAX;
    for (int32_t i = 0; i < site->group_count && !(actuated && site->next_stage == INDEX_NONE); i++) {
        int64_t end_ms = actuated ? site->leave_ms : signals->cleared_ms[site->first_group + i];
        if (end_ms != INT64_MIN) {
            earlier(&changes_ms, end_ms, t_ms);
            earlier(&changes_ms, end_ms + signals->yellow_ms[site->first_group + i], t_ms);
        }
    }
    return changes_ms;
}

// The aspects of an intersection's groups at t in what is being played. Returns the first instant after t at which one
// of them may change.
static int64_t site_lamps(const struct signals *signals, int32_t index, int64_t t_ms, struct lamp *ret)
{
    const struct site *site = &signals->sites[index];
    if (site->playing != PLAYING_PLAN && site->playing != PLAYING_FALLBACK) {
        for (int32_t i = 0; i < site->group_count; i++) {
            ret[i].since_ms = INT64_MIN;
            ret[i].aspect = planless_aspect(signals, index, i, t_ms, &ret[i].since_ms);
        }
        return planless_changes_ms(signals, index, t_ms);
    }
    const int32_t *yellow_ms = &signals->yellow_ms[site->first_group];
    int64_t changes_ms = lamp_aspects(site_plan(site), yellow_ms, site->group_count, t_ms, ret);
    bool joined = site->playing == PLAYING_FALLBACK && site->join_ms != INT64_MIN;
    for (int32_t i = 0; i < site->group_count && joined; i++) {
        if (ret[i].aspect != ASPECT_RED && ret[i].green_ms < site->join_ms) {
            ret[i].aspect = ASPECT_RED;   // a green that began before it joined: it waits for the next
            ret[i].since_ms = INT64_MIN;
        }
    }
    return changes_ms;
}

// Writes the lamps of an intersection as they are at t. Returns the first instant after t at which one may change.
static int64_t site_light(struct signals *signals, int32_t index, int64_t t_ms)
{
    const struct site *site = &signals->sites[index];
    struct lamp lamps[GROUP_COUNT_MAX];
    int64_t changes_ms = site_lamps(signals, index, t_ms, lamps);
    // A plan may repeat what was before it, or its cycle reach back there: neither has shown here.
    int64_t from_ms = site->playing == PLAYING_PLAN ? site_plan(site)->valid_from_ms : INT64_MIN;
    for (int32_t i = 0; i < site->group_count; i++) {
        int64_t since_ms = lamps[i].since_ms;
        int32_t group = site->first_group + i;
        if ((uint8_t)lamps[i].aspect != signals->aspects[group]) {
            signals->since_ms[group] = since_ms != INT64_MIN ? since_ms : t_ms;
            signals->aspects[group] = (uint8_t)lamps[i].aspect;
        } else if (since_ms > signals->since_ms[group] && since_ms >= from_ms) {
            signals->since_ms[group] = since_ms;   // it was something else since the last look
        }
    }
    return changes_ms;
}

// Brings the state of a site that may have been quiet up to the last touch.
void site_pass(const struct signals *signals, int32_t index, struct actuation_state *state)
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
        site_pass(signals, index, &signals->actuated[index].state);
    }
    (void)site_light(signals, index, runs_out ? t_ms - 1 : t_ms);
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
    struct actuation_state *state = &signals->actuated[index].state;
    actuation_enter(&signals->actuation, (struct intersection_id){ index }, state, stage, t_ms);
}

static bool site_actuated(const struct signals *signals, int32_t index)
{
    const struct intersection *at = &signals->network->intersections[index];
    return at->stage_count > 0 && (signals->fallback == SIGNALS_ACTUATED || at->falls_back_to_actuated);
}

static void site_fall_back(struct signals *signals, int32_t index, int64_t t_ms)
{
    if (site_actuated(signals, index)) {
        signals->actuated[index].state.calls = ACTUATION_CALL_ALL;
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
        (void)site_light(signals, index, t_ms);
        site_fall_back(signals, index, t_ms);
        break;
    case HAPPENS_STAGE:
        (void)site_light(signals, index, t_ms);
        site_enter(signals, index, site->next_stage, t_ms);
        break;
    case HAPPENS_NOTHING:
        break;
    }
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
    int64_t lamps_ms = site_light(signals, index, now_ms);
    site->changes_ms = lamps_ms < next_ms ? lamps_ms : next_ms;
    // An actuated one chooses anew before it knows for how long it is quiet.
    signals->quiet_until_ms[index] = site->playing == PLAYING_ACTUATED ? INT64_MIN : site->changes_ms;
}

// Actuated control from now on, at the sites that fall back to it.
static void actuated_begin(struct signals *signals)
{
    const struct network *network = signals->network;
    signals->actuated = memory_take_aligned((size_t)network->intersection_count, sizeof *signals->actuated);
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

// The network tells it from its intergreens, one by one.
static void transitions_create(struct signals *signals)
{
    const struct network *network = signals->network;
    int32_t count = 0;
    for (int32_t i = 0; i < network->intersection_count; i++) {
        struct site *site = &signals->sites[i];
        site->stage_count = network->intersections[i].stage_count;
        site->first_transition = count;
        count += site->stage_count * site->stage_count;
    }
    signals->transition_ms = memory_take((size_t)count, sizeof *signals->transition_ms);
    for (int32_t i = 0; i < network->intersection_count; i++) {
        const struct site *site = &signals->sites[i];
        for (int32_t k = 0; k < site->stage_count * site->stage_count; k++) {
            signals->transition_ms[site->first_transition + k] = network_transition_ms(network,
                (struct intersection_id){ i }, k / site->stage_count, k % site->stage_count);
        }
    }
}

struct signals *signals_create(const struct network *network, int64_t begin_ms)
{
    struct signals *signals = memory_take(1, sizeof *signals);
    signals->network = network;
    signals->now_ms = begin_ms;
    signals->sites = memory_take_aligned((size_t)network->intersection_count, sizeof *signals->sites);
    signals->fallback_greens = memory_take((size_t)network->program_green_count, sizeof *signals->fallback_greens);
    signals->aspects = memory_take((size_t)network->group_count, sizeof *signals->aspects);
    signals->since_ms = memory_take((size_t)network->group_count, sizeof *signals->since_ms);
    signals->cleared_ms = memory_take((size_t)network->group_count, sizeof *signals->cleared_ms);
    signals->calls = memory_take((size_t)network->intersection_count, sizeof *signals->calls);
    signals->quiet_until_ms = memory_take((size_t)network->intersection_count, sizeof *signals->quiet_until_ms);
    signals->called = memory_take((size_t)network->intersection_count, sizeof *signals->called);
    signals->stage_groups = memory_take((size_t)network->stage_count, sizeof *signals->stage_groups);
    signals->yellow_ms = memory_take((size_t)network->group_count, sizeof *signals->yellow_ms);
    for (int32_t i = 0; i < network->stage_count; i++) {
        signals->stage_groups[i] = network->stages[i].groups;
    }
    for (int32_t i = 0; i < network->group_count; i++) {
        signals->yellow_ms[i] = network->groups[i].yellow_ms;
    }
    transitions_create(signals);
    signals->touched_ms = INT64_MIN;
    signals->waking = memory_take((size_t)network->intersection_count + 1, sizeof *signals->waking);
    for (int32_t i = 0; i < network->intersection_count; i++) {
        const struct intersection *at = &network->intersections[i];
        struct site *site = &signals->sites[i];
        site->first_stage = at->first_stage;
        site->first_group = at->first_group;
        site->group_count = at->group_count;
        site->quantum_ms = at->quantum_ms;
        site->stored = memory_take(PENDING_COUNT_MAX + 2, sizeof *site->stored);
        plan_from_program(network, (struct intersection_id){ i }, signals->fallback_greens + at->first_green,
            &site->fallback);
        site->playing = PLAYING_FALLBACK;
        site->join_ms = INT64_MIN;
        site->next_stage = INDEX_NONE;
        site->handover_ms = plan_handover_ms(network, (struct intersection_id){ i });
        struct lamp lamps[GROUP_COUNT_MAX];
        (void)site_lamps(signals, i, begin_ms, lamps);
        for (int32_t k = 0; k < at->group_count; k++) {
            signals->aspects[at->first_group + k] = (uint8_t)lamps[k].aspect;
            signals->since_ms[at->first_group + k] = lamps[k].since_ms;
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
    free(signals->called);
    free(signals->stage_groups);
    free(signals->transition_ms);
    free(signals->yellow_ms);
    free(signals->waking);
    actuation_release(&signals->actuation);
    free(signals->actuated);
    free(signals);
}

// What a controller can tell of a plan without knowing what is safe: that it is one.
bool plan_well_formed(const struct network *network, const struct plan *plan)
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

static int32_t *transition_of(const struct signals *signals, const struct site *site, int32_t from, int32_t to)
{
    return &signals->transition_ms[site->first_transition + from * site->stage_count + to];
}

static void site_touch(struct signals *signals, int32_t index, struct actuation_touch touch, int64_t now_ms)
{
    struct site *site = &signals->sites[index];
    if (site->changes_ms <= now_ms) {
        site_bring(signals, index, now_ms);
    }
    signals->quiet_until_ms[index] = site->changes_ms;
    if (site->playing != PLAYING_ACTUATED) {
        signals->called[index] = ~UINT64_C(0);
        return;
    }
    struct intersection_id id = { index };
    struct actuation_state *state = &signals->actuated[index].state;
    if (site->next_stage != INDEX_NONE) {
        uint64_t green = stage_groups(signals, index, site->stage) & stage_groups(signals, index, site->next_stage);
        actuation_note(state, touch, green);
        signals->called[index] = state->calls | green;
        return;
    }
    site_pass(signals, index, state);
    struct actuation_choice choice;
    actuation_step(&signals->actuation, id, state, touch, now_ms, &choice);
    signals->called[index] = state->calls & ~stage_groups(signals, index, site->stage);
    if (choice.stage != site->stage) {
        site->next_stage = choice.stage;
        site->leave_ms = quantum_ceil(now_ms, site->quantum_ms);
        site->enter_ms = quantum_ceil(
            site->leave_ms + *transition_of(signals, site, site->stage, choice.stage), site->quantum_ms);
        site->changes_ms = signals->quiet_until_ms[index] = site->leave_ms;
    } else if (choice.quiet_until_ms < site->changes_ms) {
        signals->quiet_until_ms[index] = choice.quiet_until_ms;
    }
}

void signals_call(struct signals *signals, const uint64_t *calls)
{
    memcpy(signals->calls, calls, (size_t)signals->network->intersection_count * sizeof *calls);
}

// Whether there is anything for a controller to do. One who waits at a red touches its loop each second, and has called
// long ago.
static bool site_wakes(const struct signals *signals, const struct actuation_touch *touch, int32_t index,
                       int64_t now_ms)
{
    uint64_t touched = touch->line | touch->advance | signals->calls[index];
    return (touched & ~signals->called[index]) != 0 || signals->quiet_until_ms[index] <= now_ms;
}

// Asks for what the controllers after the k-th of those that wake will touch.
static void sites_expect(const struct signals *signals, int32_t k, int32_t count)
{
    if (k + SITES_AHEAD < count) {
        int32_t i = signals->waking[k + SITES_AHEAD];
        const struct actuated_site *site = &signals->actuation.sites[i];
        memory_expect_write(&signals->sites[i]);
        memory_expect_write(&signals->actuated[i]);
        memory_expect(site);
        memory_expect(&site->in_turn);
    }
    if (k + SITES_AHEAD / 2 < count) {
        int32_t i = signals->waking[k + SITES_AHEAD / 2];
        const struct actuated_stage *stage = &signals->actuation.stages[signals->sites[i].first_stage];
        memory_expect(stage);
        memory_expect(stage + 2);
    }
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
        sites_expect(signals, k, count);
        struct actuation_touch touch = touches[waking[k]];
        touch.line |= signals->calls[waking[k]];
        site_touch(signals, waking[k], touch, now_ms);
    }
    signals->touched_ms = now_ms;
}

// Asks for what the lamps of a site are found from and written to; and for its greens, when its plan is at hand.
static void lamps_expect(const struct signals *signals, int32_t index)
{
    const char *site = (const char *)&signals->sites[index];
    for (size_t at = 0; at < sizeof signals->sites[index]; at += 64) {
        memory_expect_write(site + at);
    }
}

static void greens_expect(const struct signals *signals, int32_t index)
{
    const struct site *site = &signals->sites[index];
    const struct plan *plan = site_plan(site);
    const char *greens = (const char *)plan->greens;
    memory_expect_write(&signals->aspects[site->first_group]);
    memory_expect(&signals->yellow_ms[site->first_group]);
    for (size_t at = 0; at < (size_t)plan->green_count * sizeof *plan->greens; at += 64) {
        memory_expect(greens + at);
    }
    for (int32_t i = 0; i < site->group_count; i += 8) {
        memory_expect_write(&signals->since_ms[site->first_group + i]);
    }
}

void signals_show(struct signals *signals, int64_t now_ms, uint8_t *ret_aspects)
{
    assert(now_ms >= signals->now_ms);
    signals->now_ms = now_ms;
    int32_t count = 0, *changing = signals->waking;
    for (int32_t i = 0; i < signals->network->intersection_count; i++) {
        // A controller is never quiet for longer than its lamps are; these times lie side by side.
        changing[count] = i;
        count += signals->quiet_until_ms[i] <= now_ms ? 1 : 0;
    }
    for (int32_t k = 0; k < count; k++) {
        if (k + SITES_AHEAD < count) {
            lamps_expect(signals, changing[k + SITES_AHEAD]);
        }
        if (k + SITES_AHEAD / 2 < count) {
            greens_expect(signals, changing[k + SITES_AHEAD / 2]);
        }
        if (signals->sites[changing[k]].changes_ms <= now_ms) {
            site_bring(signals, changing[k], now_ms);
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
