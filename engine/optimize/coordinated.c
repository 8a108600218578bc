// The strategy `coordinated`: cyclic plans with a common cycle by area, offsets for green waves and splits by live
// flows, all changed in small steps, as SCOOT does [Hunt1981].
//
// THEORY    splits.h says what greens cost, coordination.h what its neighbours' platoons and the area's cycle ask for.
//           Here one intersection measures, tells and follows:
//
//             measure   at every tick: vehicles over the line; at the end of a row's green: what is left of its queue.
//                       What is left asks for more green, and a queue that was there to the end shows what the row
//                       really lets go: that is learnt
//             tell      each REVIEW_MS what each common cycle would cost; each STAGES_MS which stages to go round, when
//                       others cost much less
//             follow    at each start of its first stage: SPLIT_MOVES moves of green, a cycle nearer to the area's by
//                       CYCLE_STEP_MS, and a cycle that is a little longer or shorter while the offset is not right:
//
//                         wanted     │           │           │            start of the first stage
//                         is      │         │           │           │
//                                 ╰ + 10 % ─╯╰ as much as is left
//
//           The own program plays until flows are known, and then until the hand-over falls upon the offset.
#include "engine/optimize/strategy.h"

#include <math.h>
#include <string.h>

#include "engine/model/units.h"
#include "engine/optimize/stage_choice.h"

#define TELL_MS 90000                 // after taking over: flows are worth nothing before
#define SPREAD_MS 50000               // over which intersections are spread with it, so that no tick has all of them
#define FIRST_MS 180000               // the own program until then
#define ALIGN_MS 180000               // for so long at most the hand-over waits for its offset
#define REVIEW_MS 120000
#define STAGES_MS 600000
#define SPLIT_MOVES 4                 // steps of green that move from stage to stage in a cycle
#define SPLIT_STEP_MS 1000
#define SOLVE_MOVES 24                // when a cycle is only thought of
#define CYCLE_STEP_MS 8000            // by which the cycle changes from one to the next
#define STRETCH_PART 10               // 1 / STRETCH_PART of the cycle: the most that one is longer or shorter
#define STAGE_SEARCH_MAX 10
#define GREEN_VEHICLES 5              // of a lane, let go by one green: what a blocked lane is judged by
static const double SATURATION_VPS = 0.5;         // per lane, near HCM's 1900 veh/h
static const double YIELDING_VPS = 0.4;           // of those who give way while nobody comes [HCM2000]
static const double SNEAK_VEH = 1.5;              // of those who give way: left inside, they go when the green ends
static const double SNEAK_VEH_MAX = 6.0;          // with those behind them
static const double FLOW_VPS_MIN = 0.003;         // a row without traffic still gets a place
static const double FLOW_VPS_MAX = 1.0;           // a row that asks for more has a sensor that lies
static const double LEFT_S = 150.0;               // in which what is left of a queue should go
static const double LEFT_VEH = 2.0;               // more than this left at the end: the green was used to its end
static const double LEARN = 0.25;                 // weight of a cycle in what is learnt
static const double LEARNT_MIN = 0.4, LEARNT_MAX = 1.25;
static const double TWICE_X_MAX = 0.7;            // of a round that is gone twice: it has little to spare
static const double TWICE_GAIN = 0.1;             // going twice, or no longer, must cost so much less
static const double STAGES_GAIN = 0.05;           // other stages must cost so much less

struct coordinated_memory {
    int64_t review_ms, stages_ms;     // next of each; 0: never yet
    int64_t start_ms;                 // of the first stage, when greens were last looked at
    bool twice;                       // it goes round twice in the area's cycle
    int32_t stage_count;              // of the round; 0: none chosen yet
    int8_t stage[SPLITS_STAGE_COUNT_MAX];
    int32_t green_ms[SPLITS_STAGE_COUNT_MAX];     // without any stretch
    struct timing timing;             // as it is played; revision 0: none yet
    uint64_t green;                   // groups that were green at the last tick
    float passed[SPLITS_ROW_COUNT_MAX];           // since start_ms
    float left[SPLITS_ROW_COUNT_MAX];             // of the queue when its green ended
    float learnt[SPLITS_ROW_COUNT_MAX];           // less 1
};

static int32_t row_count_of(const struct view *view)
{
    int32_t count = view->estimate->approaches.at[view->intersection.index].count;
    return count < SPLITS_ROW_COUNT_MAX ? count : SPLITS_ROW_COUNT_MAX;
}

static int32_t first_row_of(const struct view *view)
{
    return view->estimate->approaches.at[view->intersection.index].first;
}

static uint64_t groups_of(const struct view *view, int32_t stage)
{
    const struct intersection *at = &view->network->intersections[view->intersection.index];
    return view->network->stages[at->first_stage + stage].groups;
}

// ---- what rows let go ----------------------------------------------------------------------------------------------

static bool movement_goes(const struct movement *movement, uint64_t green)
{
    return movement->group == INDEX_NONE || (green >> movement->group & 1) != 0;
}

// The foes of a movement that go in a stage: the sum of their lanes' demand, and the greatest over saturation flow.
static bool foes_weigh(const struct view *view, const struct movement *movement, uint64_t green,
                       struct splits_flow *flow)
{
    const struct approaches *approaches = &view->estimate->approaches;
    double sum_vps = 0.0, most_vps = 0.0;
    bool any = false;
    for (int32_t f = movement->first_foe; f < movement->first_foe + movement->foe_count; f++) {
        const struct movement *foe = &approaches->movements[approaches->foes[f]];
        if (movement_goes(foe, green)) {
            double vps = estimate_demand_vps(view->estimate, foe->row)
                * estimate_share(view->estimate, approaches->foes[f]);
            any = true;
            sum_vps += vps;
            most_vps = fmax(most_vps, vps);
        }
    }
    flow->foe_vps = (float)fmax((double)flow->foe_vps, sum_vps);
    flow->foe_ratio = (float)fmax((double)flow->foe_ratio, most_vps / SATURATION_VPS);
    return any;
}

// Vehicles whose movement is red block the lane for the others.
static struct splits_flow row_flow_of(const struct view *view, int32_t row, uint64_t green)
{
    const struct approaches *approaches = &view->estimate->approaches;
    const struct approach_row *at = &approaches->rows[row];
    struct splits_flow flow = { 0 };
    double share = 0.0, yielding = 0.0;
    for (int32_t m = at->first_movement; m < at->first_movement + at->movement_count; m++) {
        if (movement_goes(&approaches->movements[m], green)) {
            double part = estimate_share(view->estimate, m);
            share += part;
            yielding += foes_weigh(view, &approaches->movements[m], green, &flow) ? part : 0.0;
        }
    }
    if (share <= 0.0) {
        return (struct splits_flow){ 0 };
    }
    double open = 0.0;                // mean over a green's vehicles of the chance that nobody before had to stay
    for (int32_t i = 0; i < GREEN_VEHICLES; i++) {
        open = share * (1.0 + open);
    }
    open = share > 0.999 ? 1.0 : open / (GREEN_VEHICLES * share);
    double free_s = (share - yielding) / SATURATION_VPS, yielding_s = yielding / YIELDING_VPS;
    flow.vps = (float)(share / (free_s + yielding_s) * open);
    flow.yielding = (float)(yielding_s / (free_s + yielding_s));
    flow.sneak = yielding > 0.0 ? (float)fmin(SNEAK_VEH_MAX, SNEAK_VEH * share / yielding) : 0.0f;
    return flow;
}

// What the splits of a round are judged by.
static void input_fill(const struct view *view, const struct coordinated_memory *mine, const struct timing *round,
                       struct splits_input *ret)
{
    const struct intersection *at = &view->network->intersections[view->intersection.index];
    ret->stage_count = round->stage_count;
    ret->row_count = row_count_of(view);
    ret->step_ms = (int32_t)quantum_ceil(SPLIT_STEP_MS, at->quantum_ms);
    for (int32_t r = 0; r < ret->row_count; r++) {
        double vps = estimate_demand_vps(view->estimate, first_row_of(view) + r) + (double)mine->left[r] / LEFT_S;
        ret->demand_vps[r] = fmin(FLOW_VPS_MAX, fmax(FLOW_VPS_MIN, vps));
        ret->learnt[r] = 1.0 + (double)mine->learnt[r];
        for (int32_t k = 0; k < round->stage_count; k++) {
            ret->flow[r][k] = row_flow_of(view, first_row_of(view) + r, groups_of(view, round->stage[k]));
        }
    }
    for (int32_t k = 0; k < round->stage_count; k++) {
        ret->transition_ms[k] = transition_ms(view->transitions, view->intersection.index, round->stage[k],
                                              round->stage[(k + 1) % round->stage_count]);
        ret->green_ms_min[k] = stage_green_ms_min(view, groups_of(view, round->stage[k]));
    }
}

// ---- which stages, and what each cycle costs -----------------------------------------------------------------------

static uint64_t groups_required(const struct view *view)
{
    const struct intersection *at = &view->network->intersections[view->intersection.index];
    uint64_t required = 0;
    for (int32_t s = 0; s < at->stage_count; s++) {
        required |= groups_of(view, s);
    }
    return required;
}

// The cycle for which room must be left to stretch it.
static int32_t cycle_ms_most(const struct view *view)
{
    int32_t most_ms = cycle_ms_bound(view, groups_required(view));
    return most_ms - most_ms / (STRETCH_PART + 1);
}

// Solves for a cycle from the greens that are there; false when it cannot be.
static bool cycle_solve(const struct view *view, const struct splits_input *in, int32_t cycle_ms, int32_t moves,
                        int32_t *green_ms)
{
    const struct intersection *at = &view->network->intersections[view->intersection.index];
    if (cycle_ms < at->cycle_ms_min || cycle_ms > cycle_ms_most(view) || cycle_ms % at->quantum_ms != 0
        || !splits_fit(in, cycle_ms, green_ms)) {
        return false;
    }
    splits_better(in, cycle_ms, moves, green_ms);
    return true;
}

// What the round costs at its best cycle among every other option; its greens there.
static double round_cost(const struct view *view, const struct splits_input *in, struct timing *round)
{
    double least = INFINITY;
    int32_t green_ms[SPLITS_STAGE_COUNT_MAX];
    memcpy(green_ms, in->green_ms_min, sizeof green_ms);
    for (int32_t option = 0; option < CYCLE_OPTION_COUNT; option += 2) {
        if (cycle_solve(view, in, cycle_option_ms(option), SPLIT_MOVES, green_ms)) {
            double cost = splits_cost(in, green_ms, cycle_option_ms(option));
            if (cost < least) {
                least = cost;
                memcpy(round->green_ms, green_ms, sizeof(int32_t) * (size_t)round->stage_count);
            }
        }
    }
    return least;
}

static bool set_serves(const uint64_t *serves, uint64_t required, const struct timing *round)
{
    uint64_t served = 0;
    for (int32_t k = 0; k < round->stage_count; k++) {
        served |= serves[round->stage[k]];
    }
    return (required & ~served) == 0;
}

static double set_cost(const struct view *view, const struct coordinated_memory *mine, struct timing *round)
{
    struct splits_input in;
    if (round->stage_count < 1 || round->stage_count > SPLITS_STAGE_COUNT_MAX) {
        return INFINITY;
    }
    input_fill(view, mine, round, &in);
    return round_cost(view, &in, round);
}

// Where the search for stages begins: what is gone round now, else the program's.
static struct timing stages_now(const struct view *view, const struct coordinated_memory *mine)
{
    struct timing now = { .stage_count = mine->stage_count };
    for (int32_t k = 0; k < mine->stage_count; k++) {
        now.stage[k] = mine->stage[k];
    }
    if (mine->stage_count == 0) {
        stages_of_program(view, &now);
    }
    return now;
}

// The best of the rounds that have one stage more or less; false when none is clearly better.
static bool stages_better(const struct view *view, const struct coordinated_memory *mine, const uint64_t *serves,
                          struct timing *best, double *least)
{
    const struct intersection *at = &view->network->intersections[view->intersection.index];
    uint32_t from = 0;
    bool better = false;
    for (int32_t k = 0; k < best->stage_count; k++) {
        from |= 1u << best->stage[k];
    }
    for (int32_t s = 0; s < at->stage_count; s++) {
        struct timing tried;
        stages_of_set(at, from ^ 1u << s, &tried);
        if (s == at->coordinated_stage || !set_serves(serves, groups_required(view), &tried)) {
            continue;
        }
        double cost = set_cost(view, mine, &tried);
        if (cost < *least * (1.0 - STAGES_GAIN)) {
            *least = cost;
            *best = tried;
            better = true;
        }
    }
    return better;
}

// Chooses the stages to go round; false when there is no round that can be.
static bool stages_choose(const struct view *view, struct coordinated_memory *mine)
{
    const struct intersection *at = &view->network->intersections[view->intersection.index];
    struct timing best = stages_now(view, mine);
    uint64_t serves[STAGE_COUNT_MAX];
    stages_serve(view, serves);
    double least = set_cost(view, mine, &best);
    while (at->stage_count <= STAGE_SEARCH_MAX && stages_better(view, mine, serves, &best, &least)) {
    }
    if (!(least < INFINITY)) {
        return false;
    }
    bool same = best.stage_count == mine->stage_count;
    for (int32_t k = 0; k < best.stage_count; k++) {
        same = same && mine->stage[k] == best.stage[k];
        mine->stage[k] = (int8_t)best.stage[k];
    }
    mine->stage_count = best.stage_count;
    if (!same) {
        memcpy(mine->green_ms, best.green_ms, sizeof mine->green_ms);
    }
    return true;
}

static struct timing round_of(const struct coordinated_memory *mine)
{
    struct timing round = { .stage_count = mine->stage_count };
    for (int32_t k = 0; k < mine->stage_count; k++) {
        round.stage[k] = mine->stage[k];
        round.green_ms[k] = mine->green_ms[k];
    }
    return round;
}

// Tells the area what each of its cycles would cost here.
static void costs_tell(const struct view *view, const struct coordinated_memory *mine, const struct splits_input *in)
{
    struct member *member = &view->coordination->members[view->intersection.index];
    int32_t green_ms[SPLITS_STAGE_COUNT_MAX], half_ms[SPLITS_STAGE_COUNT_MAX];
    memcpy(green_ms, in->green_ms_min, sizeof green_ms);
    memcpy(half_ms, in->green_ms_min, sizeof half_ms);
    member->halves = 0;
    for (int32_t option = 0; option < CYCLE_OPTION_COUNT; option++) {
        int32_t cycle_ms = cycle_option_ms(option);
        double once = cycle_solve(view, in, cycle_ms, SOLVE_MOVES, green_ms)
            ? splits_cost(in, green_ms, cycle_ms) : INFINITY;
        bool can_twice = cycle_solve(view, in, cycle_ms / 2, SOLVE_MOVES, half_ms)
            && splits_saturation(in, half_ms, cycle_ms / 2) <= TWICE_X_MAX;
        double twice = can_twice ? splits_cost(in, half_ms, cycle_ms / 2) : INFINITY;
        bool halves = can_twice && twice < once * (mine->twice ? 1.0 + TWICE_GAIN : 1.0 - TWICE_GAIN);
        member->cost_veh[option] = (float)(halves ? twice : once);
        member->halves |= halves ? 1u << option : 0;
    }
}

// The cycle to go round in: the area's, half of it, or, where it can do neither, its own best.
static int32_t cycle_wanted_ms(const struct view *view)
{
    const struct member *member = &view->coordination->members[view->intersection.index];
    int32_t option = view->coordination->areas[member->area].option;
    if (option != INDEX_NONE && member->cost_veh[option] < INFINITY) {
        return (member->halves >> option & 1) != 0 ? cycle_option_ms(option) / 2 : cycle_option_ms(option);
    }
    int32_t best = INDEX_NONE;
    for (int32_t i = 0; i < CYCLE_OPTION_COUNT; i++) {
        if (member->cost_veh[i] < INFINITY && (best == INDEX_NONE || member->cost_veh[i] < member->cost_veh[best])) {
            best = i;
        }
    }
    return best == INDEX_NONE ? 0 : (member->halves >> best & 1) != 0 ? cycle_option_ms(best) / 2
                                                                      : cycle_option_ms(best);
}

// ---- measuring -----------------------------------------------------------------------------------------------------

static void measure(const struct view *view, struct coordinated_memory *mine)
{
    const struct approach_row *rows = view->estimate->approaches.rows + first_row_of(view);
    for (int32_t r = 0; r < row_count_of(view); r++) {
        for (int32_t m = rows[r].first_movement; m < rows[r].first_movement + rows[r].movement_count; m++) {
            mine->passed[r] += (float)upstream_left(&view->estimate->upstream, m, view->now_ms, 0);
        }
        if (view->lamps != NULL && (rows[r].groups & mine->green) != 0
            && (rows[r].groups & view->lamps->green) == 0) {
            float queue = (float)view->estimate->rows[first_row_of(view) + r].queue;
            mine->left[r] += 0.5f * (queue - mine->left[r]);
        }
    }
    mine->green = view->lamps != NULL ? view->lamps->green : 0;
}

// At the end of a cycle: what a row let go that had a queue to the end is what it can; what let go more can more.
static void learn(const struct view *view, struct coordinated_memory *mine, const struct splits_input *in)
{
    int32_t cycle_ms = timing_cycle_ms(view->transitions, view->intersection.index, &mine->timing);
    for (int32_t r = 0; r < in->row_count; r++) {
        double veh = 0.0, was = 1.0 + (double)mine->learnt[r];
        for (int32_t k = 0; k < in->stage_count; k++) {
            veh += splits_let_go(in, r, k, mine->timing.green_ms[k], cycle_ms);
        }
        double ratio = (double)mine->passed[r] / fmax(1.0, veh);
        bool full = (double)mine->left[r] > LEFT_VEH;
        double now = full || ratio > was ? was + LEARN * (ratio - was) : was + 0.02 * (1.0 - was);
        mine->learnt[r] = (float)(fmin(LEARNT_MAX, fmax(LEARNT_MIN, now)) - 1.0);
        mine->passed[r] = 0.0f;
    }
}

// ---- following -----------------------------------------------------------------------------------------------------

// How much later than a start at start_ms the area wants this round to begin: between plus and minus half of it.
static int32_t late_ms(const struct view *view, int64_t start_ms, int32_t cycle_ms)
{
    const struct member *member = &view->coordination->members[view->intersection.index];
    int64_t zero_ms = view->coordination->areas[member->area].zero_ms;
    int64_t ahead_ms = cycle_position(zero_ms + member->offset_ms - start_ms, cycle_ms);
    return (int32_t)(ahead_ms > cycle_ms / 2 ? ahead_ms - cycle_ms : ahead_ms);
}

// Makes the greens longer or shorter by `by_ms` together, each in proportion to what it has beyond its minimum.
static void stretch(const struct view *view, const struct splits_input *in, int32_t by_ms, int32_t *green_ms)
{
    int32_t quantum_ms = view->network->intersections[view->intersection.index].quantum_ms;
    int64_t room_ms = 0, run_ms = 0, given_ms = 0;
    for (int32_t k = 0; k < in->stage_count; k++) {
        room_ms += by_ms > 0 ? green_ms[k] : green_ms[k] - in->green_ms_min[k];
    }
    by_ms = by_ms < 0 && -by_ms > room_ms ? (int32_t)-room_ms : by_ms;
    for (int32_t k = 0; room_ms > 0 && k < in->stage_count; k++) {
        run_ms += by_ms > 0 ? green_ms[k] : green_ms[k] - in->green_ms_min[k];
        int64_t upto_ms = quantum_floor(by_ms * run_ms / room_ms, quantum_ms);
        green_ms[k] += (int32_t)(upto_ms - given_ms);
        given_ms = upto_ms;
    }
}

static int32_t clamp_ms(int32_t ms, int32_t least_ms, int32_t most_ms)
{
    return ms < least_ms ? least_ms : ms > most_ms ? most_ms : ms;
}

// The next cycle, which starts at start_ms.
static void follow(const struct view *view, struct coordinated_memory *mine, const struct splits_input *in,
                   int64_t start_ms)
{
    const struct intersection *at = &view->network->intersections[view->intersection.index];
    const struct member *member = &view->coordination->members[view->intersection.index];
    int32_t now_ms = splits_lost_ms(in), wanted_ms = cycle_wanted_ms(view);
    for (int32_t k = 0; k < in->stage_count; k++) {
        now_ms += mine->green_ms[k];
    }
    bool first = mine->timing.revision == 0;
    mine->twice = wanted_ms > 0 && 2 * wanted_ms == coordination_cycle_ms(view->coordination, view->intersection.index);
    int32_t cycle_ms = wanted_ms == 0 ? now_ms
        : first ? wanted_ms : clamp_ms(wanted_ms, now_ms - CYCLE_STEP_MS, now_ms + CYCLE_STEP_MS);
    cycle_ms = clamp_ms(cycle_ms, at->cycle_ms_min, cycle_ms_most(view));
    (void)cycle_solve(view, in, (int32_t)quantum_floor(cycle_ms, at->quantum_ms), first ? SOLVE_MOVES : SPLIT_MOVES,
                      mine->green_ms);
    struct timing next = round_of(mine);
    coordination_tell(view->coordination, view->intersection.index, &next, in, view->now_ms);
    if (member->placed && cycle_ms == wanted_ms && view->lamps != NULL) {
        int32_t most_ms = cycle_ms / STRETCH_PART;
        int32_t least_ms = cycle_ms - at->cycle_ms_min < most_ms ? cycle_ms - at->cycle_ms_min : most_ms;
        stretch(view, in, clamp_ms(late_ms(view, start_ms, cycle_ms), -least_ms, most_ms), next.green_ms);
    }
    next.revision = mine->timing.revision;
    if (memcmp(&next, &mine->timing, sizeof next) != 0) {
        next.revision++;
        mine->timing = next;
    }
}

// The first stage has begun since greens were last looked at.
static bool cycle_begins(const struct view *view, const struct coordinated_memory *mine)
{
    return view->lamps != NULL && view->lamps->stage == mine->stage[0]
        && view->lamps->stage_start_ms > mine->start_ms;
}

// While its own program plays: whether a hand-over that is sent now falls upon the offset.
static bool aligned(const struct view *view)
{
    const struct member *member = &view->coordination->members[view->intersection.index];
    int32_t wanted_ms = cycle_wanted_ms(view);
    if (view->now_ms >= view->since_ms + FIRST_MS + ALIGN_MS) {
        return true;
    }
    if (!member->placed || wanted_ms == 0) {
        return false;
    }
    int64_t from_ms = view->at_ms + plan_handover_ms(view->network, view->intersection);
    int32_t late = late_ms(view, from_ms, wanted_ms);
    return late >= 0 && late <= 1500;
}

// Tells when it is time to, and follows when a cycle begins or the own program can be left.
static void round_step(const struct view *view, struct coordinated_memory *mine)
{
    bool begins = cycle_begins(view, mine), playing = mine->timing.revision > 0;
    bool review = view->now_ms >= mine->review_ms;
    if (playing && !begins && !review) {
        return;
    }
    struct splits_input in;
    struct timing round = round_of(mine);
    input_fill(view, mine, &round, &in);
    if (review) {
        mine->review_ms = view->now_ms + REVIEW_MS;
        costs_tell(view, mine, &in);
        coordination_tell(view->coordination, view->intersection.index, &round, &in, view->now_ms);
    }
    if (playing && begins) {
        learn(view, mine, &in);
        mine->start_ms = view->lamps->stage_start_ms;
        follow(view, mine, &in, mine->start_ms);
    } else if (!playing && view->now_ms >= view->since_ms + FIRST_MS && (view->lamps != NULL || aligned(view))) {
        mine->start_ms = begins ? view->lamps->stage_start_ms : mine->start_ms;
        follow(view, mine, &in, view->at_ms);
    }
}

static void decide(const struct view *view, void *memory, struct decision *ret)
{
    struct coordinated_memory *mine = memory;
    int32_t index = view->intersection.index;
    struct member *member = &view->coordination->members[index];
    *ret = (struct decision){ .kind = DECIDE_PROGRAM, .stage = INDEX_NONE,
                              .reason = { .kind = REASON_PROGRAM, .stage = INDEX_NONE } };
    measure(view, mine);
    if (mine->review_ms == 0) {
        mine->review_ms = mine->stages_ms = view->since_ms + TELL_MS + (int64_t)index * 7919 % SPREAD_MS;
        mine->start_ms = INT64_MIN;
        member->told_ms = 0;
    }
    if (view->now_ms >= mine->stages_ms) {
        mine->stages_ms = view->now_ms + STAGES_MS;
        if (!stages_choose(view, mine)) {
            return;
        }
    }
    if (mine->stage_count == 0) {
        return;
    }
    round_step(view, mine);
    member->told_ms = view->now_ms;
    if (mine->timing.revision > 0) {
        ret->kind = DECIDE_TIMING;
        ret->timing = &mine->timing;
        ret->stage = mine->timing.stage[0];
        ret->reason = (struct plan_reason){ .kind = REASON_SPLITS, .stage = ret->stage,
            .now_value = timing_cycle_ms(view->transitions, index, &mine->timing), .best_value = member->offset_ms };
    }
}

extern const struct strategy strategy_coordinated;
const struct strategy strategy_coordinated = { .name = "coordinated", .memory_bytes = sizeof(struct coordinated_memory),
                                               .decide = decide };
