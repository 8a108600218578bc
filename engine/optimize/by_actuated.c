// The strategy `actuated`: what a good local controller does, from what the brain is told. [NCHRP812]
//
// THEORY    actuation.h has the rules; here its loops are filled in. Where a stop-line lane has loops that speak each
//           tick, they are taken as they are. Where it has a camera, two stretches of its picture stand for them, each
//           as long as a vehicle drives in a second, so that nobody passes unseen between two pictures: one up to the
//           line, and one from 40 m before it (or at the beginning of a shorter lane). A lane whose sensors are silent
//           counts as covered: a failed loop calls and holds, it never starves anybody. That a camera sees more than
//           this is left unused on purpose: this is the controller that the others are measured against.
#include "engine/optimize/strategy.h"

#include <math.h>

static const double ADVANCE_FROM_M = 40.0;        // as the importer's loops
static const double STRETCH_M_MIN = 10.0;

struct actuated_memory {
    struct actuation_state state;
    int64_t looked_ms;
    bool begun;
};

// Whether a vehicle is on the lane between two distances from its end; bins that are cut by them count.
static bool seen_between(const struct lane_sight *lane, double from_m, double to_m)
{
    int first = from_m > 0.0 ? (int)(from_m / CAMERA_BIN_M) : 0;
    int end = to_m > 0.0 ? (int)ceil(to_m / CAMERA_BIN_M) : 0;
    for (int b = first; b < end && b < (int)lane->bin_count; b++) {
        if (lane->bin_vehicles[b] > 0) {
            return true;
        }
    }
    return false;
}

// The stretches of the lane's picture that stand for its loops, where the importer would put them.
static void camera_touched(const struct network *network, const struct lane_sight *sight, int32_t lane, bool *ret_line,
                           bool *ret_advance)
{
    double length_m = network->lanes[lane].length_m;
    double reach_m = fmax(STRETCH_M_MIN, network->lanes[lane].speed_mps);
    double from_m = fmin(ADVANCE_FROM_M, fmax(CAMERA_BIN_M, length_m - reach_m));
    *ret_line = sight->bin_count > 0 ? seen_between(sight, 0.0, reach_m) : sight->in_view > 0;
    *ret_advance = seen_between(sight, from_m, from_m + reach_m);
}

static bool speaks(const struct estimate *estimate, int32_t loop, int64_t now_ms)
{
    return loop != INDEX_NONE && estimate->sight.loops[loop].end_ms != INT64_MIN
        && estimate->sight.loops[loop].end_ms >= now_ms - SIGHT_CONTROL_AGE_MS;
}

static bool loop_touched(const struct estimate *estimate, int32_t loop, int64_t looked_ms)
{
    const struct loop_past *sight = &estimate->sight.loops_past[loop];
    return sight->on || sight->occupied_ms > looked_ms;
}

// Some loop of the intersection has told an edge lately.
static bool edges_told(const struct view *view)
{
    const struct sight *sight = &view->estimate->sight;
    const struct intersection_rows *rows = &view->estimate->approaches.at[view->intersection.index];
    for (int32_t r = rows->first; r < rows->first + rows->count; r++) {
        int32_t loops[] = { view->estimate->stop_loop[r], view->estimate->advance_loop[r] };
        for (int k = 0; k < 2; k++) {
            if (loops[k] != INDEX_NONE && (sight->spoke[loops[k]] & SPOKE_EDGES) != 0
                && sight->loops_past[loops[k]].occupied_ms >= view->now_ms - SIGHT_COUNT_AGE_MS) {
                return true;
            }
        }
    }
    return false;
}

static bool tells_intervals(const struct estimate *estimate, int32_t loop)
{
    return loop != INDEX_NONE && (estimate->sight.spoke[loop] & SPOKE_INTERVALS) != 0;
}

static struct actuation_touch touches(const struct view *view, int64_t looked_ms)
{
    const struct estimate *estimate = view->estimate;
    const struct intersection_rows *rows = &estimate->approaches.at[view->intersection.index];
    struct actuation_touch touch = { .line = view->calls };
    uint64_t green = view->lamps != NULL && view->lamps->stage != INDEX_NONE
        ? view->network->stages[view->network->intersections[view->intersection.index].first_stage
            + view->lamps->stage].groups : 0;
    bool edges = edges_told(view);
    for (int32_t r = rows->first; r < rows->first + rows->count; r++) {
        const struct approach_row *row = &estimate->approaches.rows[r];
        int32_t stop = estimate->stop_loop[r], advance = estimate->advance_loop[r];
        const struct lane_sight *lane = &estimate->sight.lanes[row->lane];
        bool line = true, ahead = true;
        if (speaks(estimate, stop, view->now_ms) || speaks(estimate, advance, view->now_ms)) {
            line = stop != INDEX_NONE && loop_touched(estimate, stop, looked_ms);
            ahead = advance != INDEX_NONE && loop_touched(estimate, advance, looked_ms);
        } else if (estimate->sight.camera_of_lane[row->lane] != INDEX_NONE && lane->end_ms != INT64_MIN
                   && lane->end_ms >= view->now_ms - SIGHT_CONTROL_AGE_MS) {
            camera_touched(view->network, lane, row->lane, &line, &ahead);
        } else if (edges && !tells_intervals(estimate, stop) && !tells_intervals(estimate, advance)) {
            // Loops that tell edges are silent where nobody drives, and where they have died: the least green, no more.
            line = (row->groups & green) == 0;
            ahead = false;
        }
        touch.line |= line ? row->groups : 0;
        touch.advance |= ahead ? row->groups : 0;
    }
    return touch;
}

static void decide(const struct view *view, void *memory, struct decision *ret)
{
    struct actuated_memory *mine = memory;
    const struct actuated_site *site = &view->actuation->sites[view->intersection.index];
    *ret = (struct decision){ .kind = DECIDE_NOTHING, .stage = INDEX_NONE };
    if (site->stage_count == 0) {
        return;
    }
    int32_t showing = view->lamps != NULL ? view->lamps->stage : INDEX_NONE;
    struct actuation_touch touch = touches(view, mine->begun ? mine->looked_ms : view->now_ms);
    if (!mine->begun) {
        mine->begun = true;
        mine->state.calls = ACTUATION_CALL_ALL;
        actuation_enter(view->actuation, view->intersection, &mine->state,
                        view->actuation->stages[site->first_stage].stage, view->at_ms);
    }
    int64_t looked_ms = mine->looked_ms;
    mine->looked_ms = view->now_ms;
    int32_t known = view->actuation->stages[site->first_stage + mine->state.place].stage;
    if (showing == INDEX_NONE) {
        *ret = (struct decision){ .kind = DECIDE_STAGE, .stage = known,
            .reason = { .kind = REASON_STAY, .stage = known } };
        return;
    }
    if (showing != known || view->lamps->stage_start_ms > mine->state.since_ms) {
        // A stage whose groups were green before began after the last look.
        int64_t start_ms = view->lamps->stage_start_ms;
        actuation_enter(view->actuation, view->intersection, &mine->state, showing,
                        start_ms > looked_ms || showing == known ? start_ms : view->now_ms);
    }
    struct actuation_choice choice;
    actuation_step(view->actuation, view->intersection, &mine->state, touch, view->at_ms, &choice);
    *ret = (struct decision){ .kind = DECIDE_STAGE, .stage = choice.stage,
        .reason = { .kind = choice.reason, .stage = choice.stage, .now_value = choice.gap_ms,
            .best_value = (int32_t)(view->at_ms - mine->state.since_ms) } };
}

extern const struct strategy strategy_actuated;
const struct strategy strategy_actuated = { .name = "actuated", .memory_bytes = sizeof(struct actuated_memory),
                                            .decide = decide };
