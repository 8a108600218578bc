#include "engine/model/actuation.h"

#include <assert.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/model/units.h"

// Greatest headway of one stream, and what a vehicle and a loop measure: [NCHRP812], its chapter on passage time.
static const double HEADWAY_S = 3.0, VEHICLE_M = 5.0, LOOP_M = 2.0;
#define PASSAGE_MS_MIN 1000

// ---- the tables ----------------------------------------------------------------------------------------------------

uint64_t actuation_lane_groups(const struct network *network, int32_t lane, int32_t intersection)
{
    const struct lane *at = &network->lanes[lane];
    uint64_t groups = 0;
    for (int32_t c = at->first_connection; c < at->first_connection + at->connection_count; c++) {
        int32_t group = network->connections[c].group;
        if (group != INDEX_NONE && network->groups[group].intersection == intersection) {
            groups |= UINT64_C(1) << (group - network->intersections[intersection].first_group);
        }
    }
    return groups;
}

// The program's split says what a stage is for: its greatest green is at most half as much again, the upper end of what
// [NCHRP812] advises, but for stages that the program makes very short (decision 0030).
#define STRETCHED_MS_MIN 50000

static int32_t passage_of(double speed_mps, double loop_m)
{
    int32_t passage_ms = (int32_t)ms_from_s(HEADWAY_S - (VEHICLE_M + loop_m) / speed_mps);
    return passage_ms > PASSAGE_MS_MIN ? passage_ms : PASSAGE_MS_MIN;
}

static void passages_fill(struct actuation *actuation)
{
    const struct network *network = actuation->network;
    for (int32_t m = 0; m < network->group_count; m++) {
        const struct signal_group *group = &network->groups[m];
        for (int32_t i = 0; i < group->member_count; i++) {
            int32_t lane = network->connections[network->group_members[group->first_member + i]].from_lane;
            int32_t passage_ms = passage_of(network->lanes[lane].speed_mps, LOOP_M);
            actuation->passage_ms[m] = passage_ms > actuation->passage_ms[m] ? passage_ms : actuation->passage_ms[m];
        }
        actuation->passage_ms[m] = group->member_count > 0 ? actuation->passage_ms[m] : PASSAGE_MS_MIN;
    }
}

static void loops_fill(struct actuation *actuation, bool cameras)
{
    const struct network *network = actuation->network;
    for (int32_t d = 0; d < network->detector_count; d++) {
        const struct detector *detector = &network->detectors[d];
        if (detector->intersection == INDEX_NONE) {
            continue;
        }
        struct actuated_site *site = &actuation->sites[detector->intersection];
        uint64_t groups = actuation_lane_groups(network, detector->lane, detector->intersection);
        site->line |= detector->place == DETECTOR_STOP_LINE ? groups : 0;
        site->advance |= detector->place == DETECTOR_ADVANCE ? groups : 0;
    }
    for (int32_t m = 0; m < network->group_count; m++) {
        const struct signal_group *group = &network->groups[m];
        int32_t first = network->intersections[group->intersection].first_group;
        actuation->sites[group->intersection].line |= group->on_call ? UINT64_C(1) << (m - first) : 0;
    }
    for (int32_t c = 0; c < network->camera_count && cameras; c++) {
        const struct camera *camera = &network->cameras[c];
        if (camera->intersection != INDEX_NONE) {
            uint64_t groups = actuation_lane_groups(network, camera->lane, camera->intersection);
            actuation->sites[camera->intersection].line |= groups;
            actuation->sites[camera->intersection].advance |= groups;
        }
    }
}

static void recalls_fill(struct actuation *actuation)
{
    const struct network *network = actuation->network;
    for (int32_t i = 0; i < network->intersection_count; i++) {
        const struct intersection *at = &network->intersections[i];
        struct actuated_site *site = &actuation->sites[i];
        for (int32_t g = 0; g < at->group_count; g++) {
            uint64_t bit = UINT64_C(1) << g;
            if (((site->line | site->advance) & bit) == 0) {
                site->recall |= bit;
                site->held |= network->groups[at->first_group + g].kind != GROUP_PEDESTRIAN ? bit : 0;
            }
        }
    }
}

// Whether any connection of the group yields to one of a group that is green in the same stage.
static bool group_yields(const struct network *network, const struct intersection *at, int32_t g, uint64_t green)
{
    const struct signal_group *group = &network->groups[at->first_group + g];
    for (int32_t i = 0; i < group->member_count; i++) {
        const struct connection *own = &network->connections[network->group_members[group->first_member + i]];
        for (int32_t f = own->first_foe; f < own->first_foe + own->foe_count; f++) {
            int32_t other = network->connections[network->foes[f].connection].group;
            if (network->foes[f].yields && other >= at->first_group && other < at->first_group + at->group_count
                && (green >> (other - at->first_group) & 1) != 0) {
                return true;
            }
        }
    }
    return false;
}

static int32_t program_green_ms(const struct network *network, const struct intersection *at, int32_t group)
{
    int32_t most_ms = 0;
    for (int32_t i = at->first_green; i < at->first_green + at->green_count; i++) {
        const struct program_green *green = &network->program_greens[i];
        int32_t ms = green->end_ms - green->start_ms;
        most_ms = green->group == group && ms > most_ms ? ms : most_ms;
    }
    return most_ms;
}

// For how long the program shows a stage in one cycle: exactly its groups are green. 0: never.
static int32_t program_stage_ms(const struct network *network, const struct intersection *at, uint64_t groups)
{
    int32_t shown_ms = 0;
    for (int32_t t_ms = 0; t_ms < at->cycle_ms; t_ms += MS_PER_S) {
        uint64_t green = 0;
        for (int32_t i = at->first_green; i < at->first_green + at->green_count; i++) {
            const struct program_green *program = &network->program_greens[i];
            int32_t since_ms = (t_ms - program->start_ms + at->cycle_ms) % at->cycle_ms;
            green |= since_ms < program->end_ms - program->start_ms ? UINT64_C(1) << program->group : 0;
        }
        shown_ms += green == groups ? (int32_t)MS_PER_S : 0;
    }
    return shown_ms;
}

// The greatest green of a stage: what site data allow, but no more than the program's share of it stretched.
static int32_t stage_most_ms(const struct network *network, const struct intersection *at, const struct stage *stage)
{
    int32_t most_ms = stage->green_ms_max > 0 ? stage->green_ms_max : INT32_MAX;
    int32_t shown_ms = program_stage_ms(network, at, stage->groups);
    int32_t stretched_ms = shown_ms + shown_ms / 2 > STRETCHED_MS_MIN ? shown_ms + shown_ms / 2 : STRETCHED_MS_MIN;
    return shown_ms > 0 && stretched_ms < most_ms ? stretched_ms : most_ms;
}

static struct actuated_stage stage_of(const struct network *network, const struct intersection *at,
                                      const struct actuated_site *site, int32_t index)
{
    const struct stage *stage = &network->stages[at->first_stage + index];
    struct actuated_stage made = { .stage = index, .groups = stage->groups, .green_ms_min = stage->green_ms_min,
        .green_ms_max = stage_most_ms(network, at, stage) };
    for (int32_t g = 0; g < at->group_count; g++) {
        if ((stage->groups >> g & 1) == 0) {
            continue;
        }
        const struct signal_group *group = &network->groups[at->first_group + g];
        made.green_ms_min = group->green_ms_min > made.green_ms_min ? group->green_ms_min : made.green_ms_min;
        made.green_ms_max = group->green_ms_max > 0 && group->green_ms_max < made.green_ms_max ? group->green_ms_max
            : made.green_ms_max;
        made.protected_groups |= group_yields(network, at, g, stage->groups) ? 0 : UINT64_C(1) << g;
        if (site->held >> g & 1) {
            int32_t recall_ms = program_green_ms(network, at, g);
            bool always = recall_ms >= at->cycle_ms;
            made.recall_ms = !always && recall_ms > made.recall_ms ? recall_ms : made.recall_ms;
        }
    }
    made.green_ms_max = made.green_ms_max > made.green_ms_min ? made.green_ms_max : made.green_ms_min;
    made.recall_ms = made.recall_ms < made.green_ms_max ? made.recall_ms : made.green_ms_max;
    return made;
}

// A round that serves every group once, at the greatest greens, must leave no group red beyond its maximum: what is
// above the minimum greens is cut in proportion.
static void maxima_cut(const struct actuation *actuation, const struct intersection *at, struct actuated_stage *stages,
                       int32_t count, int32_t intersection)
{
    int64_t red_ms = INT64_MAX, fixed_ms = 0, spare_ms = 0;
    uint64_t served = 0;
    for (int32_t g = 0; g < at->group_count; g++) {
        int32_t most_ms = actuation->network->groups[at->first_group + g].red_ms_max;
        red_ms = most_ms < red_ms ? most_ms : red_ms;
    }
    for (int32_t s = 0; s < count; s++) {
        if ((stages[s].protected_groups & ~served) != 0) {
            fixed_ms += stages[s].green_ms_min + network_transition_ms(actuation->network,
                (struct intersection_id){ intersection }, stages[s].stage, stages[(s + 1) % count].stage);
            spare_ms += stages[s].green_ms_max - stages[s].green_ms_min;
            served |= stages[s].protected_groups;
        }
    }
    int64_t room_ms = red_ms > fixed_ms ? red_ms - fixed_ms : 0;
    for (int32_t s = 0; s < count && spare_ms > room_ms; s++) {
        struct actuated_stage *stage = &stages[s];
        int64_t over_ms = stage->green_ms_max - stage->green_ms_min;
        stage->green_ms_max = stage->green_ms_min + (int32_t)(over_ms * room_ms / spare_ms);
        stage->recall_ms = stage->recall_ms < stage->green_ms_max ? stage->recall_ms : stage->green_ms_max;
    }
}

// Stages in the order of the program's phases; those that it does not have come last, in their own order.
static void stages_order(const struct network *network, const struct intersection *at, struct actuated_stage *stages,
                         int32_t count)
{
    for (int32_t i = 1; i < count; i++) {
        for (int32_t k = i; k > 0; k--) {
            uint32_t here = (uint32_t)network->stages[at->first_stage + stages[k].stage].program_phase;
            uint32_t before = (uint32_t)network->stages[at->first_stage + stages[k - 1].stage].program_phase;
            if (before <= here) {             // INDEX_NONE is the greatest
                break;
            }
            struct actuated_stage moved = stages[k];
            stages[k] = stages[k - 1];
            stages[k - 1] = moved;
        }
    }
}

void actuation_create(struct actuation *actuation, const struct network *network, bool cameras)
{
    *actuation = (struct actuation){ .network = network };
    actuation->sites = memory_take((size_t)network->intersection_count, sizeof *actuation->sites);
    actuation->stages = memory_take((size_t)network->stage_count, sizeof *actuation->stages);
    actuation->passage_ms = memory_take((size_t)network->group_count, sizeof *actuation->passage_ms);
    passages_fill(actuation);
    loops_fill(actuation, cameras);
    recalls_fill(actuation);
    for (int32_t i = 0; i < network->intersection_count; i++) {
        const struct intersection *at = &network->intersections[i];
        struct actuated_site *site = &actuation->sites[i];
        struct actuated_stage *stages = actuation->stages + at->first_stage;
        site->first_group = at->first_group;
        site->first_stage = at->first_stage;
        site->stage_count = at->stage_count;
        for (int32_t s = 0; s < at->stage_count; s++) {
            stages[s] = stage_of(network, at, site, s);
            site->rotation_count += network->stages[at->first_stage + s].program_phase != INDEX_NONE ? 1 : 0;
        }
        stages_order(network, at, stages, at->stage_count);
        site->rotation_count = site->rotation_count > 0 ? site->rotation_count : at->stage_count;
        maxima_cut(actuation, at, stages, site->rotation_count, i);
    }
}

void actuation_release(struct actuation *actuation)
{
    free(actuation->sites);
    free(actuation->stages);
    free(actuation->passage_ms);
    *actuation = (struct actuation){ 0 };
}

// ---- one intersection ----------------------------------------------------------------------------------------------

void actuation_enter(const struct actuation *actuation, struct intersection_id intersection,
                     struct actuation_state *state, int32_t stage, int64_t since_ms)
{
    const struct actuated_site *site = &actuation->sites[intersection.index];
    const struct actuated_stage *stages = actuation->stages + site->first_stage;
    state->place = 0;
    for (int32_t s = 0; s < site->stage_count; s++) {
        state->place = stages[s].stage == stage ? s : state->place;
    }
    assert(stages[state->place].stage == stage);
    state->since_ms = since_ms;
    state->contested_ms = INT64_MAX;
    state->calls &= ~stages[state->place].groups;
    state->queued = stages[state->place].groups & site->line;
    for (uint64_t left = stages[state->place].groups; left != 0; left &= left - 1) {
        int g = __builtin_ctzll(left);
        state->heard[g].touched_ms = 0;
        state->heard[g].line_ms = 0;
    }
}

void actuation_note(struct actuation_state *state, struct actuation_touch touch, uint64_t green)
{
    state->calls |= (touch.line | touch.advance) & ~green;
}

static const struct actuated_stage *stage_now(const struct actuation *actuation, int32_t intersection,
                                              const struct actuation_state *state)
{
    return &actuation->stages[actuation->sites[intersection].first_stage + state->place];
}

// The next stage in order that anybody calls, or NULL. *ret_until_ms: before it, without touches, it is the same.
static const struct actuated_stage *stage_called(const struct actuation *actuation, int32_t intersection,
                                                 const struct actuation_state *state, int32_t now_ms,
                                                 int32_t *ret_until_ms)
{
    *ret_until_ms = INT32_MAX;
    const struct actuated_site *site = &actuation->sites[intersection];
    const struct actuated_stage *now = stage_now(actuation, intersection, state);
    const int32_t *passage_ms = actuation->passage_ms + actuation->sites[intersection].first_group;
    uint64_t red = (state->calls | site->recall) & ~now->groups, yielding = 0;
    for (uint64_t left = now->groups & ~now->protected_groups & site->line; left != 0; left &= left - 1) {
        int g = __builtin_ctzll(left);
        int32_t free_ms = state->heard[g].line_ms + passage_ms[g];
        yielding |= now_ms < free_ms ? UINT64_C(1) << g : 0;
        *ret_until_ms = now_ms < free_ms && free_ms < *ret_until_ms ? free_ms : *ret_until_ms;
    }
    if (site->in_turn && site->rotation_count > 1) {
        int32_t place = state->place + 1 < site->rotation_count ? state->place + 1 : 0;
        return &actuation->stages[site->first_stage + place];
    }
    if ((red | yielding) == 0) {
        return NULL;
    }
    int32_t from = state->place < site->rotation_count ? state->place : -1;
    for (int32_t k = 1; k < site->rotation_count + (from < 0 ? 1 : 0); k++) {
        int32_t place = from + k;
        place -= place >= site->rotation_count ? site->rotation_count : 0;
        const struct actuated_stage *stage = &actuation->stages[site->first_stage + place];
        if ((stage->groups & red) != 0 || (stage->protected_groups & yielding) != 0) {
            return stage;
        }
    }
    return NULL;
}

// Takes the touches of groups that are green; a queue has passed at its first gap.
static void touches_take(const struct actuation *actuation, int32_t intersection, struct actuation_state *state,
                         struct actuation_touch touch, int32_t now_ms)
{
    const struct actuated_site *site = &actuation->sites[intersection];
    const int32_t *passage_ms = actuation->passage_ms + actuation->sites[intersection].first_group;
    for (uint64_t left = touch.line; left != 0; left &= left - 1) {
        state->heard[__builtin_ctzll(left)].line_ms = now_ms;
    }
    for (uint64_t left = state->queued & ~touch.line; left != 0; left &= left - 1) {
        int g = __builtin_ctzll(left);
        state->queued &= now_ms - state->heard[g].line_ms >= passage_ms[g] ? ~(UINT64_C(1) << g) : ~UINT64_C(0);
    }
    // In turn as SUMO's programs, which have one loop a lane: one that waits at the line for a gap extends nothing, nor
    // does a lane with somebody on it whose light is red.
    uint64_t at_line = (site->in_turn ? 0 : state->queued) | ~site->advance;
    uint64_t extends = (touch.advance & (site->in_turn ? ~touch.parted : ~UINT64_C(0))) | (touch.line & at_line);
    for (uint64_t left = extends; left != 0; left &= left - 1) {
        state->heard[__builtin_ctzll(left)].touched_ms = now_ms;
    }
}

// The shortest gap of the groups, less their passage times: >= 0 when all of them have gapped out.
static int32_t gap_beyond(const struct actuation *actuation, int32_t intersection, const struct actuation_state *state,
                          uint64_t groups, int32_t now_ms, int32_t *ret_gap_ms)
{
    const int32_t *passage_ms = actuation->passage_ms + actuation->sites[intersection].first_group;
    int32_t least_ms = INT32_MAX;
    *ret_gap_ms = 0;
    for (uint64_t left = groups & ~actuation->sites[intersection].recall; left != 0; left &= left - 1) {
        int g = __builtin_ctzll(left);
        int32_t beyond_ms = now_ms - state->heard[g].touched_ms - passage_ms[g];
        if (beyond_ms < least_ms) {
            least_ms = beyond_ms;
            *ret_gap_ms = now_ms - state->heard[g].touched_ms;
        }
    }
    return least_ms;
}

void actuation_pass(const struct actuation *actuation, struct intersection_id intersection,
                    struct actuation_state *state, int64_t now_ms)
{
    if (state->queued != 0) {
        touches_take(actuation, intersection.index, state, (struct actuation_touch){ 0 },
                     (int32_t)(now_ms - state->since_ms));
    }
}

// After the stage's begin: when its green ends without touches, for the gap or the maximum.
static int32_t end_ms_of(const struct actuation *actuation, int32_t intersection, const struct actuation_state *state,
                         uint64_t ends, int64_t counted_from_ms)
{
    const struct actuated_site *site = &actuation->sites[intersection];
    const struct actuated_stage *now = stage_now(actuation, intersection, state);
    const int32_t *passage_ms = actuation->passage_ms + site->first_group;
    int32_t gap_ms = (ends & site->held) != 0 ? now->recall_ms : 0;
    for (uint64_t left = ends & ~site->recall; left != 0; left &= left - 1) {
        int g = __builtin_ctzll(left);
        int32_t end_ms = state->heard[g].touched_ms + passage_ms[g];
        gap_ms = end_ms > gap_ms ? end_ms : gap_ms;
    }
    int64_t most_ms = counted_from_ms - state->since_ms + now->green_ms_max;
    return most_ms < gap_ms ? (int32_t)most_ms : gap_ms;
}

void actuation_step(const struct actuation *actuation, struct intersection_id intersection,
                    struct actuation_state *state, struct actuation_touch touch, int64_t now_ms,
                    struct actuation_choice *ret)
{
    int32_t i = intersection.index;
    const struct actuated_stage *now = stage_now(actuation, i, state);
    int32_t elapsed_ms = (int32_t)(now_ms - state->since_ms);
    touch.line &= (actuation->sites[i].line | actuation->sites[i].recall);
    actuation_note(state, touch, now->groups);
    struct actuation_touch green = { touch.line & now->groups, touch.advance & now->groups, touch.parted };
    touches_take(actuation, i, state, green, elapsed_ms);
    *ret = (struct actuation_choice){ .stage = now->stage, .reason = REASON_STAY, .quiet_until_ms = INT64_MAX };
    int32_t until_ms;
    const struct actuated_stage *next = stage_called(actuation, i, state, elapsed_ms, &until_ms);
    if (next == NULL) {
        state->contested_ms = INT64_MAX;
        return;
    }
    state->contested_ms = state->contested_ms < now_ms ? state->contested_ms : now_ms;
    if (elapsed_ms < now->green_ms_min) {
        ret->reason = REASON_MINIMUM;
        ret->quiet_until_ms = state->since_ms + (until_ms < now->green_ms_min ? until_ms : now->green_ms_min);
        return;
    }
    uint64_t ends = now->groups & ~next->groups;
    int64_t counted_from_ms = state->contested_ms > state->since_ms ? state->contested_ms : state->since_ms;
    int64_t counted_ms = now_ms - counted_from_ms;
    bool recalled = (ends & actuation->sites[i].held) != 0 && elapsed_ms < now->recall_ms;
    bool gap = gap_beyond(actuation, i, state, ends, elapsed_ms, &ret->gap_ms) >= 0 && !recalled;
    if (!gap && counted_ms < now->green_ms_max) {
        int32_t end_ms = end_ms_of(actuation, i, state, ends, counted_from_ms);
        ret->quiet_until_ms = state->since_ms + (until_ms < end_ms ? until_ms : end_ms);
        return;
    }
    ret->reason = gap ? REASON_GAP : REASON_MAXIMUM;
    ret->stage = next->stage;
    state->calls |= gap ? 0 : ends & ~actuation->sites[i].recall;   // who was cut off is remembered
}
