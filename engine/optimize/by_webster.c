// The strategy `webster`: cycle, splits and choice of stages from live flows, every five minutes, each intersection
// alone.
//
// THEORY    webster.h has the formula. A row's demand over its saturation flow is the flow ratio of each group that it
//           waits for. What the start of a queue loses its tail gains from the yellow, all but a second: a stage loses
//           its transition to the next and that second. (Were nothing lost, greens of light traffic would be as short
//           as allowed and just too short; the flow that is counted is then what they let pass, and asks for no more.
//           Decision 0040.) Sets of stages are tried exhaustively up to STAGE_SEARCH_MAX stages; beyond, the program's
//           own are taken in its order. A stage serves a group only where the group goes protected in it, if any stage
//           of the site protects it: a queue of permissive left turns does not discharge at the saturation flow.
#include "engine/optimize/strategy.h"

#include <math.h>
#include <string.h>

#include "engine/model/units.h"
#include "engine/optimize/stage_choice.h"
#include "engine/optimize/webster.h"

#define FIRST_MS 180000               // flows are worth nothing before: the network's program until then
#define AGAIN_MS 300000
#define STAGE_SEARCH_MAX 10           // 1023 sets
#define START_LOSS_MS 1000            // of each green, what yellow does not give back
static const double SATURATION_VPS = 0.5;         // per lane, near HCM's 1900 veh/h
static const double FLOW_RATIO_MIN = 0.02;        // a group without traffic still gets a place
static const double FLOW_RATIO_MAX = 2.0;         // a row that asks for more has a sensor that lies

// What one intersection asks for, and which groups each of its stages serves.
struct site_need {
    struct webster_groups groups;
    uint64_t serves[STAGE_COUNT_MAX];
};

struct webster_memory {
    int64_t next_ms;
    struct timing timing;             // revision 0: none yet
};

static void groups_fill(const struct view *view, struct webster_groups *ret)
{
    const struct intersection *at = &view->network->intersections[view->intersection.index];
    const struct approaches *approaches = &view->estimate->approaches;
    const struct intersection_rows *rows = &approaches->at[view->intersection.index];
    ret->group_count = at->group_count;
    ret->required = 0;
    for (int32_t s = 0; s < at->stage_count; s++) {
        ret->required |= view->network->stages[at->first_stage + s].groups;
    }
    for (int32_t g = 0; g < at->group_count; g++) {
        ret->flow_ratio[g] = FLOW_RATIO_MIN;
    }
    for (int32_t m = rows->first_movement; m < rows->first_movement + rows->movement_count; m++) {
        int32_t g = approaches->movements[m].group;
        double ratio = estimate_demand_vps(view->estimate, approaches->movements[m].row) / SATURATION_VPS;
        ratio = fmin(ratio, FLOW_RATIO_MAX);
        if (g != INDEX_NONE && ratio > ret->flow_ratio[g]) {
            ret->flow_ratio[g] = ratio;
        }
    }
}

static int32_t start_loss_ms(const struct intersection *at)
{
    return (int32_t)quantum_ceil(START_LOSS_MS, at->quantum_ms);
}

// What the k-th stage of a round loses: its start, and the change to the next one.
static int32_t stage_lost_ms(const struct view *view, const struct timing *timing, int32_t k)
{
    const struct intersection *at = &view->network->intersections[view->intersection.index];
    return start_loss_ms(at) + transition_ms(view->transitions, view->intersection.index, timing->stage[k],
                                             timing->stage[(k + 1) % timing->stage_count]);
}

// Solves for the stages of `timing` in their order; false when they do not serve all or do not fit.
static bool timing_solve(const struct view *view, const struct site_need *need, struct timing *timing)
{
    const struct intersection *at = &view->network->intersections[view->intersection.index];
    struct webster_input in = { .stage_count = timing->stage_count, .cycle_ms_min = at->cycle_ms_min,
        .cycle_ms_max = cycle_ms_bound(view, need->groups.required), .quantum_ms = at->quantum_ms };
    uint64_t stage_groups[WEBSTER_STAGE_COUNT_MAX], served = 0;
    for (int32_t k = 0; k < timing->stage_count; k++) {
        stage_groups[k] = need->serves[timing->stage[k]];
        served |= stage_groups[k];
        int32_t least_ms = stage_green_ms_min(view, view->network->stages[at->first_stage + timing->stage[k]].groups);
        in.green_ms_min[k] = least_ms > start_loss_ms(at) ? least_ms - start_loss_ms(at) : 0;
        in.lost_ms += stage_lost_ms(view, timing, k);
    }
    struct webster_result result;
    if ((need->groups.required & ~served) != 0) {
        return false;
    }
    (void)webster_stage_ratios(&need->groups, stage_groups, timing->stage_count, in.flow_ratio);
    if (webster_solve(&in, &result) != STATUS_OK) {
        return false;
    }
    for (int32_t k = 0; k < timing->stage_count; k++) {
        timing->green_ms[k] = result.green_ms[k] + start_loss_ms(at);
    }
    return true;
}

// Webster's unbounded cycle for a set of stages: the measure of how much it needs.
static double cycle_need(const struct view *view, const struct site_need *need, const struct timing *timing)
{
    uint64_t stage_groups[WEBSTER_STAGE_COUNT_MAX];
    double ratio[WEBSTER_STAGE_COUNT_MAX], lost_ms = 0.0;
    for (int32_t k = 0; k < timing->stage_count; k++) {
        stage_groups[k] = need->serves[timing->stage[k]];
        lost_ms += stage_lost_ms(view, timing, k);
    }
    double y_sum = webster_stage_ratios(&need->groups, stage_groups, timing->stage_count, ratio);
    // Beyond saturation less Y is what matters, whatever the lost time.
    return y_sum >= 0.95 ? 1e9 * y_sum + lost_ms : (1.5 * lost_ms + 5000.0) / (1.0 - y_sum);
}

static bool timing_choose(const struct view *view, const struct site_need *need, struct timing *ret)
{
    const struct intersection *at = &view->network->intersections[view->intersection.index];
    if (at->stage_count > STAGE_SEARCH_MAX) {
        stages_of_program(view, ret);
        return timing_solve(view, need, ret);
    }
    double best = INFINITY;
    for (uint32_t set = 1; set < 1u << at->stage_count; set++) {
        struct timing candidate;
        if ((set >> at->coordinated_stage & 1u) == 0) {
            continue;
        }
        stages_of_set(at, set, &candidate);
        if (!timing_solve(view, need, &candidate)) {
            continue;
        }
        double cycle_ms = cycle_need(view, need, &candidate);
        if (cycle_ms < best) {
            best = cycle_ms;
            candidate.revision = ret->revision;
            *ret = candidate;
        }
    }
    return best < INFINITY;
}

static bool timing_equal(const struct timing *a, const struct timing *b)
{
    size_t bytes = sizeof(int32_t) * (size_t)a->stage_count;
    return a->stage_count == b->stage_count && memcmp(a->stage, b->stage, bytes) == 0
        && memcmp(a->green_ms, b->green_ms, bytes) == 0;
}

static void decide(const struct view *view, void *memory, struct decision *ret)
{
    struct webster_memory *mine = memory;
    *ret = (struct decision){ .kind = DECIDE_PROGRAM, .stage = INDEX_NONE,
                              .reason = { .kind = REASON_PROGRAM, .stage = INDEX_NONE } };
    if (mine->next_ms == 0) {
        mine->next_ms = view->since_ms + FIRST_MS;
    }
    if (view->now_ms >= mine->next_ms) {
        mine->next_ms = view->now_ms + AGAIN_MS;
        struct site_need need;
        struct timing timing = mine->timing;
        groups_fill(view, &need.groups);
        stages_serve(view, need.serves);
        if (timing_choose(view, &need, &timing) && !timing_equal(&timing, &mine->timing)) {
            mine->timing = timing;
            mine->timing.revision++;
        }
    }
    if (mine->timing.revision > 0) {
        ret->kind = DECIDE_TIMING;
        ret->timing = &mine->timing;
        ret->stage = mine->timing.stage[0];
        ret->reason = (struct plan_reason){ .kind = REASON_SPLITS, .stage = ret->stage,
            .now_value = timing_cycle_ms(view->transitions, view->intersection.index, &mine->timing) };
    }
}

extern const struct strategy strategy_webster;
const struct strategy strategy_webster = { .name = "webster", .memory_bytes = sizeof(struct webster_memory),
                                           .decide = decide };
