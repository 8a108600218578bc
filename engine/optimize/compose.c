#include "engine/optimize/compose.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/model/inside.h"
#include "engine/model/units.h"

// Greens that began longer ago than this are listed as if they had begun then, and reds as if unknown: times in a plan
// are 32-bit offsets, and no rule reaches farther back.
#define PAST_MS_MAX 3600000
#define CLEARED_MS 20000              // longer than any intergreen
static const double TRAIL_MPS = 10.0; // who passes the first line in yellow has been under way for a while

static uint64_t bit(int32_t group)
{
    return UINT64_C(1) << group;
}

static uint64_t stage_groups(const struct network *network, int32_t intersection, int32_t stage)
{
    return network->stages[network->intersections[intersection].first_stage + stage].groups;
}

static void trails_fill(struct transitions *transitions)
{
    const struct network *network = transitions->network;
    for (int32_t c = 0; c < network->connection_count; c++) {
        const struct connection *from = &network->connections[c];
        const struct link *link = &network->links[network->lanes[from->to_lane].link];
        if (from->group == INDEX_NONE || !inside_link(network, link)) {
            continue;
        }
        const struct intersection *at = &network->intersections[network->groups[from->group].intersection];
        int32_t ms = (int32_t)quantum_ceil(ms_from_s((from->length_m + link->length_m) / TRAIL_MPS), at->quantum_ms);
        for (int32_t lane = link->first_lane; lane < link->first_lane + link->lane_count; lane++) {
            for (int32_t i = 0; i < network->lanes[lane].connection_count; i++) {
                int32_t group = network->connections[network->lanes[lane].first_connection + i].group;
                if (group < at->first_group || group >= at->first_group + at->group_count) {
                    continue;
                }
                struct trail *trail = &transitions->trails[group];
                trail->ms = ms > trail->ms ? ms : trail->ms;
                trail->feeders |= bit(from->group - at->first_group);
            }
        }
    }
    for (int32_t g = 0; g < network->group_count; g++) {
        int32_t own = g - network->intersections[network->groups[g].intersection].first_group;
        if ((transitions->trails[g].feeders & bit(own)) != 0) {
            transitions->trails[g] = (struct trail){ 0 };   // It would feed itself.
        }
    }
}

static void locks_fill(struct transitions *transitions)
{
    const struct network *network = transitions->network;
    for (int32_t i = 0; i < network->intersection_count; i++) {
        const struct intersection *at = &network->intersections[i];
        const struct inside_signal signal = { .network = network, .groups = network->groups + at->first_group,
            .members = network->group_members, .first_group = at->first_group, .group_count = at->group_count };
        uint64_t one, other, free = 0;
        for (int32_t s = at->first_stage; s < at->first_stage + at->stage_count; s++) {
            transitions->locks[s] = inside_locks(&signal, network->stages[s].groups, &one, &other);
            free |= transitions->locks[s] ? 0 : network->stages[s].groups;
        }
        for (int32_t s = at->first_stage; s < at->first_stage + at->stage_count; s++) {
            transitions->locks[s] = transitions->locks[s] && (network->stages[s].groups & ~free) == 0;
        }
    }
}

// By how much a group outlasts a stage with which it ends.
static int32_t trail_ms(const struct transitions *transitions, const struct intersection *at, int32_t group,
                        uint64_t before)
{
    const struct trail *trail = &transitions->trails[at->first_group + group];
    return (trail->feeders & before) != 0 ? trail->ms : 0;
}

// The least time from the end of a stage until the groups in `starting`, of another, may start.
static int32_t change_ms(const struct transitions *transitions, const struct intersection *at, uint64_t before,
                         uint64_t after, uint64_t starting)
{
    const struct network *network = transitions->network;
    int32_t ms = 0;
    for (int32_t i = 0; i < at->group_count; i++) {
        if ((before & ~after & bit(i)) == 0) {
            continue;
        }
        int32_t clear_ms = network->groups[at->first_group + i].yellow_ms;
        for (int32_t j = 0; j < at->group_count; j++) {
            int32_t between_ms = (starting & bit(j)) != 0 ? network_intergreen_ms(network, at, i, j) : -1;
            clear_ms = between_ms > clear_ms ? between_ms : clear_ms;
        }
        clear_ms += trail_ms(transitions, at, i, before);
        ms = clear_ms > ms ? clear_ms : ms;
    }
    return (int32_t)quantum_ceil(ms, at->quantum_ms);
}

static int32_t seconds_up(int32_t ms)
{
    return (ms + MS_PER_S - 1) / MS_PER_S;
}

static void changes_fill(struct transitions *transitions, int32_t intersection)
{
    const struct intersection *at = &transitions->network->intersections[intersection];
    int32_t *ms = transitions->ms + transitions->first[intersection];
    uint8_t *lead_s = transitions->lead_s + transitions->first_lead[intersection];
    for (int32_t from = 0; from < at->stage_count; from++) {
        uint64_t before = stage_groups(transitions->network, intersection, from);
        for (int32_t to = 0; to < at->stage_count; to++, ms++) {
            uint64_t after = stage_groups(transitions->network, intersection, to), starting = after & ~before;
            *ms = change_ms(transitions, at, before, after, starting);
            for (int32_t g = 0; g < at->group_count; g++) {
                bool starts = (starting & bit(g)) != 0;
                int32_t own_ms = starts ? change_ms(transitions, at, before, after, bit(g)) : *ms;
                *lead_s++ = (uint8_t)(seconds_up(*ms) - seconds_up(own_ms));
            }
        }
    }
}

void transitions_create(struct transitions *transitions, const struct network *network)
{
    assert(network != NULL);
    transitions->network = network;
    transitions->first = memory_take((size_t)network->intersection_count, sizeof *transitions->first);
    transitions->first_lead = memory_take((size_t)network->intersection_count, sizeof *transitions->first_lead);
    size_t cells = 0, leads = 0;
    for (int32_t i = 0; i < network->intersection_count; i++) {
        const struct intersection *at = &network->intersections[i];
        transitions->first[i] = (int32_t)cells;
        transitions->first_lead[i] = (int32_t)leads;
        cells += (size_t)at->stage_count * (size_t)at->stage_count;
        leads += (size_t)at->stage_count * (size_t)at->stage_count * (size_t)at->group_count;
    }
    transitions->ms = memory_take(cells, sizeof *transitions->ms);
    transitions->lead_s = memory_take(leads, sizeof *transitions->lead_s);
    transitions->trails = memory_take_table((size_t)network->group_count, sizeof *transitions->trails);
    trails_fill(transitions);
    transitions->locks = memory_take((size_t)network->stage_count, sizeof *transitions->locks);
    locks_fill(transitions);
    for (int32_t i = 0; i < network->intersection_count; i++) {
        changes_fill(transitions, i);
    }
}

void transitions_release(struct transitions *transitions)
{
    free(transitions->first);
    free(transitions->first_lead);
    free(transitions->ms);
    free(transitions->lead_s);
    free(transitions->trails);
    free(transitions->locks);
    *transitions = (struct transitions){ 0 };
}

// The last repetition of a cyclic green that starts before at_ms.
static int64_t cyclic_start_before(const struct plan *plan, const struct green *green, int64_t at_ms)
{
    int64_t first_ms = plan->base_ms + green->start_ms;
    return first_ms + quantum_floor(at_ms - 1 - first_ms, plan->cycle_ms);
}

// A green that touches the one before it (a wrap, a boundary of stages) goes on with it.
static void lamps_add(struct lamps *lamps, const struct green *green, int64_t start_ms, int64_t end_ms)
{
    int32_t group = green->group;
    if (start_ms >= lamps->at_ms || start_ms < lamps->start_ms[group]) {
        return;
    }
    if (start_ms > lamps->end_ms[group] || lamps->end_ms[group] == INT64_MIN) {
        lamps->start_ms[group] = start_ms;
        lamps->from_stage[group] = green->stage;
    }
    lamps->end_ms[group] = end_ms > lamps->end_ms[group] ? end_ms : lamps->end_ms[group];
}

static void stage_find(const struct network *network, struct lamps *lamps)
{
    const struct intersection *at = &network->intersections[lamps->intersection];
    lamps->stage = INDEX_NONE;
    lamps->stage_start_ms = INT64_MIN;
    int32_t latest = INDEX_NONE;
    for (int32_t g = 0; g < at->group_count; g++) {
        if ((lamps->green & bit(g)) != 0 && lamps->start_ms[g] > lamps->stage_start_ms) {
            lamps->stage_start_ms = lamps->start_ms[g];
            latest = lamps->from_stage[g];
        }
    }
    if (latest >= 0 && latest < at->stage_count
        && stage_groups(network, lamps->intersection, latest) == lamps->green) {
        lamps->stage = latest;   // Two stages may have the same groups: keep to the one that was entered.
        return;
    }
    for (int32_t s = 0; s < at->stage_count && lamps->stage == INDEX_NONE; s++) {
        if (stage_groups(network, lamps->intersection, s) == lamps->green) {
            lamps->stage = s;
        }
    }
}

void lamps_read(const struct network *network, const struct plan *plan, int64_t at_ms, struct lamps *ret)
{
    assert(plan != NULL);
    const struct intersection *at = &network->intersections[plan->intersection];
    ret->intersection = plan->intersection;
    ret->at_ms = at_ms;
    ret->green = 0;
    for (int32_t g = 0; g < at->group_count; g++) {
        ret->start_ms[g] = ret->end_ms[g] = INT64_MIN;
        ret->from_stage[g] = INDEX_NONE;
    }
    bool change = false;   // a start within the plan after at_ms that belongs to a change under way
    for (int32_t i = 0; i < plan->green_count; i++) {
        const struct green *green = &plan->greens[i];
        int64_t start_ms = plan->base_ms + green->start_ms;
        int32_t length_ms = green->end_ms - green->start_ms;
        if (plan->kind == PLAN_CYCLIC) {
            start_ms = cyclic_start_before(plan, green, at_ms);
            lamps_add(ret, green, start_ms - plan->cycle_ms, start_ms - plan->cycle_ms + length_ms);
        } else if (start_ms >= at_ms) {
            change = true;
        }
        lamps_add(ret, green, start_ms, start_ms + length_ms);
    }
    for (int32_t g = 0; g < at->group_count; g++) {
        // A green that ends just now may as well go on; only what ended before is over. But a cycle does not wait to be
        // told: when the report is of this very instant, its lamp is yellow already.
        if (ret->end_ms[g] != INT64_MIN && ret->end_ms[g] >= at_ms + (plan->kind == PLAN_CYCLIC ? 1 : 0)) {
            ret->green |= bit(g);
        }
    }
    stage_find(network, ret);
    if (change) {
        ret->stage = INDEX_NONE;
    }
}

void lamps_believe(const struct network *network, const struct controller_report *report, struct lamps *lamps)
{
    const struct intersection *at = &network->intersections[lamps->intersection];
    for (int32_t g = 0; g < at->group_count; g++) {
        const struct signal_group *group = &network->groups[at->first_group + g];
        if ((lamps->green & bit(g)) != 0 || report->aspect[g] != ASPECT_RED || lamps->end_ms[g] == INT64_MIN) {
            continue;
        }
        int64_t end_ms = report->time_ms - report->age_ms[g] - group->yellow_ms;
        // Within a quantum the plan's times count, as in the guard.
        if (end_ms + at->quantum_ms < lamps->end_ms[g]) {
            int64_t start_ms = end_ms - group->green_ms_min;
            lamps->start_ms[g] = start_ms < lamps->start_ms[g] ? start_ms : lamps->start_ms[g];
            lamps->end_ms[g] = end_ms;
        }
    }
}

int64_t lamps_leave_ms(const struct network *network, const struct lamps *lamps, int32_t to_stage)
{
    const struct intersection *at = &network->intersections[lamps->intersection];
    uint64_t ending = lamps->green & ~stage_groups(network, lamps->intersection, to_stage);
    int64_t leave_ms = lamps->at_ms;
    for (int32_t g = 0; g < at->group_count; g++) {
        if ((ending & bit(g)) != 0) {
            int64_t served_ms = lamps->start_ms[g] + network->groups[at->first_group + g].green_ms_min;
            leave_ms = served_ms > leave_ms ? served_ms : leave_ms;
        }
    }
    return quantum_ceil(leave_ms, at->quantum_ms);
}

int32_t timing_cycle_ms(const struct transitions *transitions, int32_t intersection, const struct timing *timing)
{
    int32_t cycle_ms = 0;
    for (int32_t k = 0; k < timing->stage_count; k++) {
        int32_t next = timing->stage[(k + 1) % timing->stage_count];
        cycle_ms += timing->green_ms[k] + transition_ms(transitions, intersection, timing->stage[k], next);
    }
    return cycle_ms;
}

static void plan_start(const struct network *network, int32_t intersection, enum plan_kind kind, struct green *greens,
                       struct plan *ret)
{
    *ret = (struct plan){ .intersection = intersection, .kind = kind, .coordinated_stage = INDEX_NONE,
                          .site_hash = network->intersections[intersection].site_hash, .greens = greens };
}

static void green_add(struct plan *plan, struct green *greens, int32_t group, int32_t stage, int64_t start_ms,
                      int64_t end_ms)
{
    assert(plan->green_count < PLAN_GREEN_COUNT_MAX);
    greens[plan->green_count++] = (struct green){ .start_ms = (int32_t)(start_ms - plan->base_ms),
        .end_ms = (int32_t)(end_ms - plan->base_ms), .group = (int16_t)group, .stage = (int16_t)stage };
}

// The last green of a group again, as far as it matters; end_ms is when it ends now.
static void past_add(struct plan *plan, struct green *greens, const struct lamps *lamps, int32_t group, int64_t end_ms)
{
    int64_t oldest_ms = lamps->at_ms - PAST_MS_MAX;
    if (end_ms > oldest_ms) {
        int64_t start_ms = lamps->start_ms[group] > oldest_ms ? lamps->start_ms[group] : oldest_ms;
        green_add(plan, greens, group, lamps->from_stage[group], start_ms, end_ms);
    }
}

// Valid from from_ms, for HOLD_MS after start_ms but not beyond until_ms; for one quantum at the least.
static void rolling_start(const struct network *network, int32_t intersection, int64_t from_ms, int64_t start_ms,
                          int64_t until_ms, struct plan *ret)
{
    int32_t quantum_ms = network->intersections[intersection].quantum_ms;
    int64_t least_ms = start_ms + quantum_ms, wanted_ms = quantum_floor(start_ms + HOLD_MS, quantum_ms);
    ret->base_ms = from_ms;
    ret->valid_from_ms = from_ms;
    ret->valid_until_ms = until_ms < wanted_ms ? quantum_floor(until_ms, quantum_ms) : wanted_ms;
    ret->valid_until_ms = ret->valid_until_ms > least_ms ? ret->valid_until_ms : least_ms;
}

int64_t compose_hold_until_ms(const struct network *network, const struct lamps *lamps, int64_t until_ms)
{
    struct plan hold;
    rolling_start(network, lamps->intersection, lamps->at_ms, lamps->at_ms, until_ms, &hold);
    return hold.valid_until_ms;
}

void compose_hold(const struct network *network, const struct lamps *lamps, int64_t until_ms, struct green *greens,
                  struct plan *ret)
{
    plan_start(network, lamps->intersection, PLAN_ROLLING, greens, ret);
    rolling_start(network, lamps->intersection, lamps->at_ms, lamps->at_ms, until_ms, ret);
    int32_t group_count = network->intersections[lamps->intersection].group_count;
    for (int32_t g = 0; g < group_count; g++) {
        if (lamps->end_ms[g] != INT64_MIN) {
            past_add(ret, greens, lamps, g, (lamps->green & bit(g)) != 0 ? ret->valid_until_ms : lamps->end_ms[g]);
        }
    }
}

// Earliest start of all groups in `starting` together: every intergreen from every end, and every yellow, is over.
static int64_t enter_ms(const struct transitions *transitions, const struct lamps *lamps, uint64_t starting,
                        uint64_t ending, int64_t leave_ms)
{
    const struct network *network = transitions->network;
    const struct intersection *at = &network->intersections[lamps->intersection];
    int64_t enter = lamps->at_ms;
    for (int32_t i = 0; i < at->group_count; i++) {
        if (lamps->end_ms[i] == INT64_MIN || ((lamps->green & bit(i)) != 0 && (ending & bit(i)) == 0)) {
            continue;
        }
        int64_t end_ms = (ending & bit(i)) != 0 ? leave_ms + trail_ms(transitions, at, i, lamps->green)
            : lamps->end_ms[i];
        int64_t free_ms = end_ms + network->groups[at->first_group + i].yellow_ms;
        for (int32_t j = 0; j < at->group_count; j++) {
            int32_t intergreen_ms = (starting & bit(j)) != 0 ? network_intergreen_ms(network, at, i, j) : -1;
            if (intergreen_ms >= 0 && end_ms + intergreen_ms > free_ms) {
                free_ms = end_ms + intergreen_ms;
            }
        }
        enter = free_ms > enter ? free_ms : enter;
    }
    return quantum_ceil(enter, at->quantum_ms);
}

// When a group that ends with a stage does: so late that nobody starts later for it. own_ms, by group: when those that
// start do, INT64_MAX for the others. Where some group trails another all keep to the trails.
static int64_t end_latest_ms(const struct transitions *transitions, const struct lamps *lamps, int32_t group,
                             uint64_t ending, const int64_t *own_ms, int64_t leave_ms)
{
    const struct network *network = transitions->network;
    const struct intersection *at = &network->intersections[lamps->intersection];
    int32_t yellow_ms = network->groups[at->first_group + group].yellow_ms;
    int64_t end_ms = INT64_MAX;
    for (int32_t g = 0; g < at->group_count; g++) {
        if ((ending & bit(g)) != 0 && trail_ms(transitions, at, g, lamps->green) > 0) {
            return leave_ms + trail_ms(transitions, at, group, lamps->green);
        }
        if (own_ms[g] != INT64_MAX) {
            int32_t between_ms = network_intergreen_ms(network, at, group, g);
            int64_t ms = own_ms[g] - (between_ms > yellow_ms ? between_ms : yellow_ms);
            end_ms = ms < end_ms ? ms : end_ms;
        }
    }
    return end_ms == INT64_MAX || end_ms < leave_ms ? leave_ms : quantum_floor(end_ms, at->quantum_ms);
}

void compose_switch(const struct transitions *transitions, const struct lamps *lamps, int32_t to_stage,
                    int64_t until_ms, struct green *greens, struct plan *ret)
{
    const struct network *network = transitions->network;
    const struct intersection *at = &network->intersections[lamps->intersection];
    uint64_t wanted = stage_groups(network, lamps->intersection, to_stage);
    uint64_t ending = lamps->green & ~wanted, starting = wanted & ~lamps->green;
    int64_t leave_ms = lamps_leave_ms(network, lamps, to_stage);
    int64_t start_ms = enter_ms(transitions, lamps, starting, ending, leave_ms);
    plan_start(network, lamps->intersection, PLAN_ROLLING, greens, ret);
    rolling_start(network, lamps->intersection, lamps->at_ms, start_ms, until_ms, ret);
    int64_t own_ms[GROUP_COUNT_MAX];   // at most start_ms
    for (int32_t g = 0; g < at->group_count; g++) {
        own_ms[g] = (starting & bit(g)) != 0 ? enter_ms(transitions, lamps, bit(g), ending, leave_ms) : INT64_MAX;
    }
    for (int32_t g = 0; g < at->group_count; g++) {
        if (lamps->end_ms[g] != INT64_MIN) {
            int64_t end_ms = (ending & bit(g)) != 0 ? end_latest_ms(transitions, lamps, g, ending, own_ms, leave_ms)
                : (lamps->green & bit(g)) != 0 ? ret->valid_until_ms : lamps->end_ms[g];
            past_add(ret, greens, lamps, g, end_ms);
        }
        if ((starting & bit(g)) != 0) {
            green_add(ret, greens, g, to_stage, own_ms[g], ret->valid_until_ms);
        }
    }
}

void compose_handover(const struct network *network, int32_t intersection, int32_t stage, int64_t from_ms,
                      int64_t until_ms, struct green *greens, struct plan *ret)
{
    plan_start(network, intersection, PLAN_ROLLING, greens, ret);
    rolling_start(network, intersection, from_ms, from_ms, until_ms, ret);
    ret->handover = true;
    uint64_t wanted = stage_groups(network, intersection, stage);
    int32_t group_count = network->intersections[intersection].group_count;
    for (int32_t g = 0; g < group_count; g++) {
        if ((wanted & bit(g)) != 0) {
            green_add(ret, greens, g, stage, from_ms, ret->valid_until_ms);
        }
    }
}

// The greens of one group in a cycle: one for each run of stages in a row that contain it.
static void cyclic_group(const struct transitions *transitions, const struct timing *timing, const int32_t *start_ms,
                         int32_t group, struct green *greens, struct plan *plan)
{
    const struct network *network = transitions->network;
    const struct intersection *at = &network->intersections[plan->intersection];
    int32_t count = timing->stage_count;
    bool in[TIMING_STAGE_COUNT_MAX] = { false };
    int32_t runs = 0;
    for (int32_t k = 0; k < count; k++) {
        in[k] = (stage_groups(network, plan->intersection, timing->stage[k]) & bit(group)) != 0;
    }
    for (int32_t k = 0; k < count; k++) {
        if (!in[k] || in[(k + count - 1) % count]) {
            continue;   // Not the first stage of a run.
        }
        int32_t last = k;
        while (in[(last + 1) % count]) {
            last++;   // Ends: a stage before the run is without the group.
        }
        int32_t wraps = last / count;
        int32_t end_ms = wraps * plan->cycle_ms + start_ms[last % count] + timing->green_ms[last % count]
            + trail_ms(transitions, at, group, stage_groups(network, plan->intersection, timing->stage[last % count]));
        green_add(plan, greens, group, timing->stage[k], plan->base_ms + start_ms[k], plan->base_ms + end_ms);
        runs++;
    }
    if (runs == 0 && in[0]) {
        green_add(plan, greens, group, timing->stage[0], plan->base_ms, plan->base_ms + plan->cycle_ms);
    }
}

void compose_cyclic(const struct transitions *transitions, int32_t intersection, const struct timing *timing,
                    int64_t base_ms, int64_t from_ms, struct green *greens, struct plan *ret)
{
    const struct network *network = transitions->network;
    assert(timing->stage_count > 0 && timing->stage_count <= TIMING_STAGE_COUNT_MAX);
    plan_start(network, intersection, PLAN_CYCLIC, greens, ret);
    ret->cycle_ms = timing_cycle_ms(transitions, intersection, timing);
    ret->offset_ms = (int32_t)cycle_position(base_ms - network->reference_ms, ret->cycle_ms);
    ret->base_ms = network->reference_ms + ret->offset_ms;
    ret->coordinated_stage = timing->stage[0];
    ret->valid_from_ms = from_ms;
    ret->valid_until_ms = from_ms + CYCLIC_VALID_MS;
    int32_t start_ms[TIMING_STAGE_COUNT_MAX];
    int32_t run_ms = 0;
    for (int32_t k = 0; k < timing->stage_count; k++) {
        start_ms[k] = run_ms;
        int32_t next = timing->stage[(k + 1) % timing->stage_count];
        run_ms += timing->green_ms[k] + transition_ms(transitions, intersection, timing->stage[k], next);
    }
    int32_t group_count = network->intersections[intersection].group_count;
    for (int32_t g = 0; g < group_count; g++) {
        cyclic_group(transitions, timing, start_ms, g, greens, ret);
    }
}

int32_t compose_green_count_max(const struct network *network, struct intersection_id intersection)
{
    const struct intersection *at = &network->intersections[intersection.index];
    int32_t stages = at->stage_count < TIMING_STAGE_COUNT_MAX ? at->stage_count : TIMING_STAGE_COUNT_MAX;
    int32_t cyclic = at->group_count * (stages / 2 + 1);
    int32_t rolling = at->group_count * 2;
    int32_t count = cyclic > rolling ? cyclic : rolling;
    count = at->green_count > count ? at->green_count : count;
    return count < PLAN_GREEN_COUNT_MAX ? count : PLAN_GREEN_COUNT_MAX;
}

// Whether a group that starts at start_ms or later does so after every intergreen from what was green until at_ms.
static bool starts_clear(const struct network *network, const struct plan *running, int32_t group, int64_t start_ms,
                         int64_t at_ms)
{
    const struct intersection *at = &network->intersections[running->intersection];
    for (int32_t other = 0; other < at->group_count; other++) {
        int64_t other_start_ms, other_end_ms;
        int32_t intergreen_ms = network_intergreen_ms(network, at, other, group);
        if (intergreen_ms >= 0 && plan_last_green(running, other, at_ms - 1, &other_start_ms, &other_end_ms)
            && other_end_ms < at_ms && start_ms < other_end_ms + intergreen_ms) {
            return false;
        }
    }
    return true;
}

bool compose_meets(const struct network *network, const struct plan *running, const struct plan *next, int64_t at_ms)
{
    const struct intersection *at = &network->intersections[running->intersection];
    for (int32_t g = 0; g < at->group_count; g++) {
        int64_t old_start_ms, old_end_ms = INT64_MIN, new_start_ms, new_end_ms = INT64_MIN;
        bool old_known = plan_last_green(running, g, at_ms - 1, &old_start_ms, &old_end_ms);
        bool new_known = plan_last_green(next, g, at_ms, &new_start_ms, &new_end_ms);
        bool old_on = old_known && old_end_ms > at_ms;   // One that ends just then would be a new green of its own.
        bool new_on = new_known && new_end_ms > at_ms;
        int64_t begun_ms, begun_end_ms;   // Nor does one that begins just then: it may be green already.
        if (!new_on && plan_last_green(running, g, at_ms, &begun_ms, &begun_end_ms) && begun_ms == at_ms) {
            return false;
        }
        int64_t clear_ms = at_ms - network->groups[at->first_group + g].yellow_ms;
        bool old_yellow = old_known && !old_on && old_end_ms > clear_ms;
        bool new_yellow = new_known && !new_on && new_end_ms > clear_ms;
        if (old_on != new_on && !(new_on && new_start_ms == at_ms && !old_yellow)) {
            return false;
        }
        if (old_on && new_on && new_end_ms - old_start_ms < network->groups[at->first_group + g].green_ms_min) {
            return false;
        }
        int64_t next_start_ms, next_end_ms;
        if (plan_last_green(next, g, at_ms + CLEARED_MS, &next_start_ms, &next_end_ms) && next_start_ms >= at_ms
            && !starts_clear(network, running, g, next_start_ms, at_ms)) {
            return false;
        }
        if (!old_on && !new_on && (old_yellow || new_yellow) && old_end_ms != new_end_ms) {
            return false;
        }
    }
    return true;
}

bool compose_enters_clean(const struct network *network, const struct plan *plan, int64_t at_ms)
{
    const struct intersection *at = &network->intersections[plan->intersection];
    for (int32_t g = 0; g < at->group_count; g++) {
        int64_t start_ms, end_ms;
        if (plan_last_green(plan, g, at_ms, &start_ms, &end_ms) && start_ms < at_ms
            && end_ms + network->groups[at->first_group + g].yellow_ms > at_ms) {
            return false;
        }
    }
    return true;
}
