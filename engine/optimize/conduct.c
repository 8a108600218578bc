#include "engine/optimize/conduct.h"

#include <assert.h>
#include <stddef.h>

#include "engine/model/units.h"

#define RENEW_HOLD_MS 60000           // a rolling plan that is valid for less is sent again
#define RENEW_CYCLIC_MS 300000        // a cyclic one
#define RENEW_SPREAD_S 30             // earlier by up to this, each intersection by its own: a city that was taken over
                                      // at one instant does not renew all its plans at one
#define RELEASE_MS 5000               // how long a plan lives on that gives the intersection back
#define RED_SLACK_MS 3000             // a deadline is met this much early: a step of control and the quantum
#define LATECOMER_MS 30000            // within this a group is served whose maximum red was over when it was asked for
#define EMERGENCY_WAIT_MS 120000      // so long a latecomer and who pushed a button wait for an emergency vehicle
#define LOCKS_MS 1000000              // longer than any transition
#define CALL_WAIT_MS 60000            // so long who pushed a button waits at most, where others would be served first
#define BRIDGE_GREEN_MS_MAX 60000     // longest hold on the way to the program

static const struct intersection *site(const struct conduct *conduct)
{
    return &conduct->view->network->intersections[conduct->view->intersection.index];
}

static uint64_t stage_groups(const struct conduct *conduct, int32_t stage)
{
    return conduct->view->network->stages[site(conduct)->first_stage + stage].groups;
}

// Since when a group that is not green now is red, as early as it may have been.
static int64_t red_ms(const struct conduct *conduct, int32_t group)
{
    const struct lamps *lamps = conduct->view->lamps;
    if (lamps != NULL && lamps->end_ms[group] != INT64_MIN) {
        return lamps->end_ms[group];
    }
    const struct controller_report *report = conduct->report;
    if (report != NULL && report->aspect[group] == ASPECT_RED) {
        return report->time_ms - report->age_ms[group]
            - conduct->view->network->groups[site(conduct)->first_group + group].yellow_ms;
    }
    return conduct->view->at_ms;
}

static int64_t red_end_ms(const struct conduct *conduct, int32_t group)
{
    return red_ms(conduct, group) + conduct->view->network->groups[site(conduct)->first_group + group].red_ms_max;
}

// The same by the limit that a plan must keep now.
static int64_t red_end_ms_latest(const struct conduct *conduct, int32_t group)
{
    const struct signal_group *at = &conduct->view->network->groups[site(conduct)->first_group + group];
    return red_ms(conduct, group) + (conduct->second_limit ? at->red_ms_max_emergency : at->red_ms_max);
}

static bool asked(const struct conduct *conduct, int32_t group)
{
    return conduct->asked_ms[group] != INT64_MAX;
}

// Somebody came when it was too late to serve him within the maximum red.
static bool latecomer(const struct conduct *conduct, int32_t group)
{
    return asked(conduct, group) && conduct->asked_ms[group] > red_end_ms(conduct, group) - LATECOMER_MS;
}

static int64_t deadline_ms(const struct conduct *conduct, int32_t group)
{
    int64_t late_ms = conduct->emergency ? EMERGENCY_WAIT_MS : LATECOMER_MS;
    int64_t end_ms = latecomer(conduct, group) ? conduct->asked_ms[group] + late_ms
        : conduct->emergency ? red_end_ms_latest(conduct, group) : red_end_ms(conduct, group);
    if (conduct->view->network->groups[site(conduct)->first_group + group].on_call && asked(conduct, group)) {
        int64_t patient_ms = conduct->asked_ms[group] + (conduct->emergency ? EMERGENCY_WAIT_MS : CALL_WAIT_MS);
        end_ms = patient_ms < end_ms ? patient_ms : end_ms;
    }
    return end_ms - RED_SLACK_MS;
}

static uint64_t groups_asked(const struct conduct *conduct)
{
    uint64_t groups = 0;
    for (int32_t g = 0; g < site(conduct)->group_count; g++) {
        groups |= asked(conduct, g) ? UINT64_C(1) << g : 0;
    }
    return groups;
}

// Groups whose red a plan need not bound.
static uint64_t groups_idle(const struct conduct *conduct)
{
    uint64_t groups = 0;
    for (int32_t g = 0; g < site(conduct)->group_count; g++) {
        groups |= !asked(conduct, g) || latecomer(conduct, g) ? UINT64_C(1) << g : 0;
    }
    return groups;
}

// The first maximum red of a group that a plan would leave red in the given stage; those that end with it are red from
// leave_ms on.
static int64_t bound_ms(const struct conduct *conduct, int32_t stage, int64_t leave_ms)
{
    const struct lamps *lamps = conduct->view->lamps;
    uint64_t outside = ~(stage_groups(conduct, stage) | groups_idle(conduct));
    int64_t until_ms = INT64_MAX;
    for (int32_t g = 0; g < site(conduct)->group_count; g++) {
        if ((outside >> g & 1) == 0) {
            continue;
        }
        bool green = lamps != NULL && (lamps->green >> g & 1) != 0;
        int32_t red_ms_max = conduct->view->network->groups[site(conduct)->first_group + g].red_ms_max;
        int64_t end_ms = green || lamps == NULL ? leave_ms + red_ms_max : red_end_ms_latest(conduct, g);
        until_ms = end_ms < until_ms ? end_ms : until_ms;
    }
    return until_ms;
}

static void hold(const struct conduct *conduct, struct green *greens, struct plan *ret)
{
    const struct view *view = conduct->view;
    compose_hold(view->network, view->lamps, bound_ms(conduct, view->lamps->stage, view->at_ms), greens, ret);
}

// The stage that serves `group` and is best reached from `from`: one that cannot lock up, then the shortest transition,
// then the lowest index.
static int32_t stage_serving(const struct conduct *conduct, int32_t from, int32_t group)
{
    int32_t best = INDEX_NONE, best_ms = INT32_MAX;
    for (int32_t s = 0; s < site(conduct)->stage_count; s++) {
        if ((stage_groups(conduct, s) >> group & 1) == 0) {
            continue;
        }
        int32_t ms = from == INDEX_NONE ? 0
            : transition_ms(conduct->view->transitions, conduct->view->intersection.index, from, s);
        ms += stage_locks(conduct->view->transitions, conduct->view->intersection.index, s) ? LOCKS_MS : 0;
        if (ms < best_ms) {
            best_ms = ms;
            best = s;
        }
    }
    return best;
}

// How long a visit to a stage takes before the next can begin: its transition in and its minimum green.
static int64_t visit_ms(const struct conduct *conduct, int32_t from, int32_t stage)
{
    const struct intersection *at = site(conduct);
    uint64_t groups = stage_groups(conduct, stage);
    int32_t green_ms = 0;
    for (int32_t g = 0; g < at->group_count; g++) {
        int32_t least_ms = conduct->view->network->groups[at->first_group + g].green_ms_min;
        green_ms = (groups >> g & 1) != 0 && least_ms > green_ms ? least_ms : green_ms;
    }
    return green_ms + transition_ms(conduct->view->transitions, conduct->view->intersection.index, from, stage);
}

// When a hand-over that is sent now begins.
static int64_t handover_ms(const struct conduct *conduct)
{
    const struct view *view = conduct->view;
    return quantum_ceil(view->at_ms + plan_handover_ms(view->network, view->intersection), site(conduct)->quantum_ms);
}

// Of these groups the one with the first deadline among those that some stage serves, and the stage that serves it best
// from `from`; INDEX_NONE when there is none.
static int32_t most_urgent(const struct conduct *conduct, uint64_t groups, int32_t from, int32_t *ret_stage)
{
    int32_t first = INDEX_NONE;
    for (int32_t g = 0; g < site(conduct)->group_count; g++) {
        int32_t serving = (groups >> g & 1) != 0 ? stage_serving(conduct, from, g) : INDEX_NONE;
        if (serving != INDEX_NONE
            && (first == INDEX_NONE || deadline_ms(conduct, g) < deadline_ms(conduct, first))) {
            first = g;
            *ret_stage = serving;
        }
    }
    return first;
}

// Serves the waiting groups in order of their deadlines, each by a stage as short as can be, after a first visit to
// `first` (the stage that is wanted now). If any would then be late, returns the stage that serves the most urgent of
// all from where the lamps are: with it the order was found early enough the second before. Else INDEX_NONE.
static int32_t stage_overdue(const struct conduct *conduct, int32_t first)
{
    const struct view *view = conduct->view;
    const struct lamps *lamps = view->lamps;
    uint64_t waiting = groups_asked(conduct) & ~(lamps != NULL ? lamps->green : 0);
    uint64_t open = waiting & ~stage_groups(conduct, first);
    int64_t time_ms;
    int32_t stage = first, serving = INDEX_NONE, next;
    // Staying costs one more tick before anything else can begin; going costs the visit, or the hand-over and the
    // visit.
    if (lamps == NULL) {
        time_ms = handover_ms(conduct) + visit_ms(conduct, first, first);
    } else if (first == lamps->stage) {
        time_ms = lamps->at_ms + site(conduct)->quantum_ms;
    } else {
        time_ms = lamps_leave_ms(view->network, lamps, first) + visit_ms(conduct, lamps->stage, first);
    }
    while ((next = most_urgent(conduct, open, stage, &serving)) != INDEX_NONE) {
        int32_t way_ms = transition_ms(view->transitions, view->intersection.index, stage, serving);
        if (time_ms + way_ms > deadline_ms(conduct, next)) {
            (void)most_urgent(conduct, waiting, lamps != NULL ? lamps->stage : first, &serving);
            return serving;
        }
        time_ms += visit_ms(conduct, stage, serving);
        open &= ~stage_groups(conduct, serving);
        stage = serving;
    }
    return INDEX_NONE;
}

int32_t conduct_next_stage(const struct conduct *conduct, int32_t wanted)
{
    int32_t overdue = stage_overdue(conduct, wanted);
    return overdue != INDEX_NONE ? overdue : wanted;
}

uint64_t conduct_groups_over(const struct conduct *conduct)
{
    const struct lamps *lamps = conduct->view->lamps;
    uint64_t groups = 0;
    for (int32_t g = 0; g < site(conduct)->group_count; g++) {
        bool green = lamps != NULL && (lamps->green >> g & 1) != 0;
        bool over = !green && asked(conduct, g) && !latecomer(conduct, g)
            && red_end_ms(conduct, g) <= conduct->view->at_ms;
        groups |= over ? UINT64_C(1) << g : 0;
    }
    return groups;
}

int64_t conduct_hold_until_ms(const struct conduct *conduct, int32_t stage)
{
    const struct view *view = conduct->view;
    int64_t until_ms = INT64_MAX;
    for (int32_t g = 0; view->lamps != NULL && g < site(conduct)->group_count; g++) {
        int32_t serving = stage_serving(conduct, stage, g);
        if ((stage_groups(conduct, stage) >> g & 1) != 0 || serving == INDEX_NONE || !asked(conduct, g)) {
            continue;
        }
        int64_t latest_ms = deadline_ms(conduct, g)
            - transition_ms(view->transitions, view->intersection.index, stage, serving);
        until_ms = latest_ms < until_ms ? latest_ms : until_ms;
    }
    return until_ms;
}

static bool renewal_due(const struct conduct *conduct)
{
    int64_t left_ms = conduct->running->valid_until_ms - conduct->view->at_ms;
    int64_t early_ms = (int64_t)(conduct->view->intersection.index % RENEW_SPREAD_S) * MS_PER_S;
    return left_ms < early_ms + (conduct->running->kind == PLAN_CYCLIC ? RENEW_CYCLIC_MS : RENEW_HOLD_MS);
}

// The running plan once more, valid longer.
static void renew(const struct conduct *conduct, struct green *greens, struct plan *ret)
{
    if (conduct->running->kind == PLAN_ROLLING) {
        hold(conduct, greens, ret);
        return;
    }
    plan_copy(conduct->running, greens, ret);
    ret->handover = false;
    ret->valid_from_ms = conduct->view->at_ms;
    ret->valid_until_ms = conduct->view->at_ms + CYCLIC_VALID_MS;
}

// Whether a hold should be sent: the running plan is none, or runs out and another would promise more. One that ends
// with a maximum red does not: it would end at the same instant, and be sent anew every second until then.
static bool hold_due(const struct conduct *conduct)
{
    const struct view *view = conduct->view;
    if (conduct->running->kind != PLAN_ROLLING) {
        return true;
    }
    return renewal_due(conduct)
        && compose_hold_until_ms(view->network, view->lamps, bound_ms(conduct, view->lamps->stage, view->at_ms))
            != conduct->running->valid_until_ms;
}

// Holds or switches.
static bool go_to_stage(const struct conduct *conduct, int32_t stage, struct green *greens, struct plan *ret)
{
    const struct view *view = conduct->view;
    // While minimum greens run a later decision may still be another: switch when it can be done at once.
    if (stage == view->lamps->stage || lamps_leave_ms(view->network, view->lamps, stage) > view->at_ms) {
        bool due = hold_due(conduct);
        if (due) {
            hold(conduct, greens, ret);
        }
        return due;
    }
    compose_switch(view->transitions, view->lamps, stage, bound_ms(conduct, stage, view->at_ms), greens, ret);
    return true;
}

// No group that is asked for may be late: the wanted stage, or the one that must come first.
static int32_t stage_allowed(const struct conduct *conduct, int32_t wanted, struct plan_reason *reason)
{
    int32_t overdue = stage_overdue(conduct, wanted);
    if (overdue == INDEX_NONE) {
        return wanted;
    }
    reason->kind = REASON_MAXIMUM;
    reason->stage = overdue;
    return overdue;
}

// The group that a cyclic plan would serve after its maximum red, since it was left red for long when nobody asked; or
// INDEX_NONE.
static int32_t group_late(const struct conduct *conduct, const struct plan *cyclic)
{
    int64_t at_ms = conduct->view->at_ms;
    for (int32_t g = 0; g < site(conduct)->group_count; g++) {
        int64_t last_start_ms, last_end_ms;
        int64_t red_end = red_end_ms(conduct, g);
        bool green = conduct->view->lamps != NULL && (conduct->view->lamps->green >> g & 1) != 0;
        if (green || stage_serving(conduct, INDEX_NONE, g) == INDEX_NONE) {
            continue;
        }
        bool served = plan_last_green(cyclic, g, red_end, &last_start_ms, &last_end_ms) && last_start_ms >= at_ms;
        if (!served) {
            return g;
        }
    }
    return INDEX_NONE;
}

static bool take_over(const struct conduct *conduct, const struct decision *decision, struct green *greens,
                      struct plan *ret, struct conduct_result *made, struct plan_reason *reason)
{
    const struct view *view = conduct->view;
    int32_t i = view->intersection.index;
    int32_t stage = decision->stage;
    if (decision->kind == DECIDE_NOTHING || decision->kind == DECIDE_PROGRAM) {
        return false;   // The built-in program is the program.
    }
    int64_t from_ms = handover_ms(conduct);
    switch (decision->kind) {
    case DECIDE_NOTHING:
    case DECIDE_PROGRAM:
        break;
    case DECIDE_TIMING:
        stage = decision->timing->stage[0];
        compose_cyclic(view->transitions, i, decision->timing, from_ms, from_ms, greens, ret);
        ret->handover = true;
        if (compose_enters_clean(view->network, ret, from_ms) && group_late(conduct, ret) == INDEX_NONE) {
            made->revision = decision->timing->revision;
            return true;
        }
        break;
    case DECIDE_STAGE:
        break;
    }
    stage = stage_allowed(conduct, stage, reason);
    compose_handover(view->network, i, stage, from_ms, bound_ms(conduct, stage, from_ms), greens, ret);
    return true;
}

// The cyclic plan of the timing, laid so that its first stage started when the lamps' stage did; false when the
// lamps are in another stage or too far on.
static bool change_to_timing(const struct conduct *conduct, const struct timing *timing, struct green *greens,
                             struct plan *ret)
{
    const struct view *view = conduct->view;
    const struct lamps *lamps = view->lamps;
    if (lamps->stage != timing->stage[0]) {
        return false;
    }
    int64_t base_ms = lamps->stage_start_ms;
    if (view->at_ms - base_ms >= timing->green_ms[0]) {
        base_ms = view->at_ms - timing->green_ms[0] + site(conduct)->quantum_ms;   // Held long enough: it ends next.
    }
    compose_cyclic(view->transitions, view->intersection.index, timing, base_ms, view->at_ms, greens, ret);
    return compose_meets(view->network, conduct->running, ret, view->at_ms);
}

static bool go_to_timing(const struct conduct *conduct, const struct decision *decision, struct green *greens,
                         struct plan *ret, struct conduct_result *made, struct plan_reason *reason)
{
    if (conduct->running_revision == decision->timing->revision) {
        made->revision = conduct->running_revision;
        if (!renewal_due(conduct)) {
            return false;
        }
        renew(conduct, greens, ret);
        return true;
    }
    int32_t late = INDEX_NONE;
    if (conduct->view->lamps->stage != INDEX_NONE && change_to_timing(conduct, decision->timing, greens, ret)) {
        late = group_late(conduct, ret);
        if (late == INDEX_NONE) {
            made->revision = decision->timing->revision;
            return true;
        }
    }
    if (conduct->running->kind == PLAN_CYCLIC && conduct->running->coordinated_stage == decision->timing->stage[0]) {
        made->revision = conduct->running_revision;
        if (!renewal_due(conduct)) {
            return false;   // It comes round.
        }
        renew(conduct, greens, ret);
        return true;
    }
    if (conduct->view->lamps->stage == INDEX_NONE) {
        return false;
    }
    int32_t first = late == INDEX_NONE ? decision->timing->stage[0]
        : stage_serving(conduct, conduct->view->lamps->stage, late);
    return go_to_stage(conduct, stage_allowed(conduct, first, reason), greens, ret);
}

static bool go_to_program(const struct conduct *conduct, struct green *greens, struct plan *ret,
                          struct conduct_result *made, struct plan_reason *reason)
{
    const struct view *view = conduct->view;
    if (conduct->running_program) {
        made->program = true;
        if (!renewal_due(conduct)) {
            return false;
        }
        renew(conduct, greens, ret);
        return true;
    }
    plan_from_program(view->network, view->intersection, greens, ret);
    ret->valid_from_ms = view->at_ms;
    ret->valid_until_ms = view->at_ms + CYCLIC_VALID_MS;
    int32_t late = group_late(conduct, ret);
    if (late == INDEX_NONE && compose_meets(view->network, conduct->running, ret, view->at_ms)) {
        made->program = true;
        return true;
    }
    if (view->lamps->stage == INDEX_NONE) {
        return false;
    }
    int32_t shown = plan_stage_at(ret, view->at_ms), stage = view->lamps->stage;
    if (late != INDEX_NONE) {
        stage = stage_serving(conduct, stage, late);
    } else if (shown != INDEX_NONE && view->at_ms - view->lamps->stage_start_ms >= BRIDGE_GREEN_MS_MAX) {
        stage = shown;
    }
    return go_to_stage(conduct, stage_allowed(conduct, stage, reason), greens, ret);
}

// A group whose red is too long already, that somebody waits for, and that the running plan does not serve, or
// INDEX_NONE. The guard takes no change then (I7), so the plan would run out: only a hand-over is left.
static int32_t group_forgotten(const struct conduct *conduct)
{
    int64_t at_ms = conduct->view->at_ms;
    for (int32_t g = 0; g < site(conduct)->group_count; g++) {
        bool green = conduct->view->lamps != NULL && (conduct->view->lamps->green >> g & 1) != 0;
        if (green || !asked(conduct, g) || latecomer(conduct, g) || red_end_ms_latest(conduct, g) >= at_ms
            || stage_serving(conduct, INDEX_NONE, g) == INDEX_NONE) {
            continue;
        }
        int64_t start_ms, end_ms;
        int64_t until_ms = conduct->running->valid_until_ms - 1;
        if (!plan_last_green(conduct->running, g, until_ms, &start_ms, &end_ms) || end_ms <= at_ms) {
            return g;
        }
    }
    return INDEX_NONE;
}

bool conduct_plan(const struct conduct *conduct, const struct decision *decision, struct green *greens,
                  struct plan *ret, struct conduct_result *made)
{
    assert(conduct != NULL);
    assert(decision != NULL);
    const struct lamps *lamps = conduct->view->lamps;
    struct plan_reason reason = decision->reason;
    bool send = false;
    *made = (struct conduct_result){ 0 };
    if (conduct->running == NULL) {
        send = take_over(conduct, decision, greens, ret, made, &reason);
        if (send) {
            ret->reason = reason;
            made->idle = groups_idle(conduct);
        }
        return send;
    }
    int32_t forgotten = group_forgotten(conduct);
    if (forgotten != INDEX_NONE) {
        struct view blind = *conduct->view;   // A hand-over makes no claim about what was before, of no red either.
        blind.lamps = NULL;
        struct conduct anew = *conduct;
        anew.view = &blind;
        int64_t from_ms = handover_ms(&anew);
        int32_t stage = stage_serving(&anew, INDEX_NONE, forgotten);
        int64_t until_ms = bound_ms(&anew, stage, from_ms);
        compose_handover(blind.network, blind.intersection.index, stage, from_ms, until_ms, greens, ret);
        ret->reason = (struct plan_reason){ .kind = REASON_MAXIMUM, .stage = stage };
        return true;
    }
    switch (decision->kind) {
    case DECIDE_NOTHING:
        if (conduct->running->kind == PLAN_ROLLING) {
            send = lamps->stage != INDEX_NONE
                && go_to_stage(conduct, stage_allowed(conduct, lamps->stage, &reason), greens, ret);
            break;
        }
        made->revision = conduct->running_revision;
        made->program = conduct->running_program;
        send = renewal_due(conduct);
        if (send) {
            renew(conduct, greens, ret);
        }
        break;
    case DECIDE_STAGE:
        if (lamps->stage != INDEX_NONE) {
            send = go_to_stage(conduct, stage_allowed(conduct, decision->stage, &reason), greens, ret);
        }
        break;
    case DECIDE_TIMING:
        send = go_to_timing(conduct, decision, greens, ret, made, &reason);
        break;
    case DECIDE_PROGRAM:
        send = go_to_program(conduct, greens, ret, made, &reason);
        break;
    }
    if (send) {
        ret->reason = reason;
        made->idle = groups_idle(conduct);
    }
    return send;
}

bool conduct_release(const struct conduct *conduct, struct green *greens, struct plan *ret, struct conduct_result *made)
{
    *made = (struct conduct_result){ .idle = groups_idle(conduct) };
    if (conduct->running->valid_until_ms <= conduct->view->at_ms + RELEASE_MS) {
        return false;
    }
    plan_copy(conduct->running, greens, ret);
    ret->handover = false;
    ret->valid_from_ms = conduct->view->at_ms;
    ret->valid_until_ms = conduct->view->at_ms + RELEASE_MS;
    ret->reason = (struct plan_reason){ .kind = REASON_FALLBACK, .stage = INDEX_NONE };
    int32_t kept = 0;
    for (int32_t i = 0; i < ret->green_count && ret->kind == PLAN_ROLLING; i++) {
        int32_t last_ms = (int32_t)(ret->valid_until_ms - ret->base_ms);
        if (greens[i].start_ms < last_ms) {
            greens[kept] = greens[i];
            greens[kept].end_ms = greens[i].end_ms < last_ms ? greens[i].end_ms : last_ms;
            kept++;
        }
    }
    ret->green_count = ret->kind == PLAN_ROLLING ? kept : ret->green_count;
    return true;
}
