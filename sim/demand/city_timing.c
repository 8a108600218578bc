#include "sim/demand/city_timing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/model/units.h"
#include "engine/optimize/webster.h"

enum { LANES_MAX = 8, STEPS_MAX = 8 };

static const double SATURATION_VPH = 1700.0;       // of a through lane of mixed traffic
static const double RIGHT_UNITS = 1.15, LEFT_UNITS = 1.05;   // through cars that one turning car stands for [HCM2000]
static const double GAP_S = 4.5, FOLLOW_S = 2.5;   // critical gap and follow-up time of a yielding left turn [HCM2000]
static const double LEFT_UNITS_MAX = 8.0;          // some always get through between two stages
static const double GREEN_SHARE = 0.5;             // of the cycle, for the opposing flow while it runs
static const int32_t ESTIMATE_CYCLE_MS = 90000, CYCLE_MS_LEAST = 60000, CYCLE_MS_MOST = 110000, CYCLE_MS_STEP = 10000;
static const double SERVED = 0.95, HALF_CYCLE = 0.5;

// What one intersection's flows ask of its signals.
struct asked {
    struct webster_groups groups;
    uint64_t stage_groups[WEBSTER_STAGE_COUNT_MAX];
    struct webster_input input;
    double y_sum;
};

static double design_vph(const struct city_flows *flows, int32_t step)
{
    int32_t morning = flows->morning_vph[step], evening = flows->evening_vph[step];
    return (morning > evening ? morning : evening) * flows->scale;
}

// Flow of a link that goes straight on at the intersection, with the right turns beside it.
static double opposing_vph(const struct network *network, const struct city_flows *flows, int32_t link)
{
    const int32_t *to;
    double sum = 0.0;
    int32_t count = router_successors(flows->router, link, &to), first = router_step(flows->router, link);
    const struct link *at = &network->links[link];
    for (int32_t k = 0; k < count; k++) {
        bool left = false;
        for (int32_t lane = at->first_lane; lane < at->first_lane + at->lane_count; lane++) {
            for (int32_t c = 0; c < network->lanes[lane].connection_count; c++) {
                const struct connection *out = &network->connections[network->lanes[lane].first_connection + c];
                left = left || (network->lanes[out->to_lane].link == to[k] && out->turn == TURN_LEFT);
            }
        }
        sum += left ? 0.0 : design_vph(flows, first + k);
    }
    return sum;
}

// The link whose traffic a yielding turn waits for: of its foes, the one that goes straight on.
static int32_t opposing_link(const struct network *network, const struct connection *left)
{
    for (int32_t f = 0; f < left->foe_count; f++) {
        const struct foe *foe = &network->foes[left->first_foe + f];
        const struct connection *other = &network->connections[foe->connection];
        if (foe->yields && other->turn == TURN_THROUGH && other->group != INDEX_NONE
            && network->groups[other->group].intersection == network->groups[left->group].intersection) {
            return network->lanes[other->from_lane].link;
        }
    }
    return INDEX_NONE;
}

// Through cars that one vehicle of a connection stands for.
static double units_of(const struct network *network, const struct city_flows *flows,
                       const struct connection *connection)
{
    if (connection->turn == TURN_THROUGH) {
        return 1.0;
    }
    if (connection->turn == TURN_RIGHT) {
        return RIGHT_UNITS;
    }
    int32_t opposing = connection->wait_inside ? opposing_link(network, connection) : INDEX_NONE;
    if (opposing == INDEX_NONE) {
        return LEFT_UNITS;
    }
    double q = opposing_vph(network, flows, opposing) / 3600.0 / GREEN_SHARE, x = q * (GAP_S - 0.5 * FOLLOW_S);
    double e = 1.0 + x + x * x / 2.0 + x * x * x / 6.0;
    return fmin(FOLLOW_S * SATURATION_VPH / 3600.0 * e, LEFT_UNITS_MAX);
}

// One movement of an approach: its flow in units, and the lanes that serve it.
struct movement {
    double units_vph;
    uint32_t lanes;                                // bits by position
};

// Pours a flow into the lanes of a mask so that the emptiest fill first.
static void pour(double *load, int32_t lane_count, const struct movement *movement)
{
    double left = movement->units_vph;
    while (left > 1e-6) {
        double lowest = 1e18, next = 1e18;
        int32_t count = 0;
        for (int32_t i = 0; i < lane_count; i++) {
            lowest = movement->lanes >> i & 1 ? fmin(lowest, load[i]) : lowest;
        }
        for (int32_t i = 0; i < lane_count; i++) {
            bool at_lowest = (movement->lanes >> i & 1) && load[i] <= lowest + 1e-9;
            count += at_lowest;
            next = (movement->lanes >> i & 1) && !at_lowest ? fmin(next, load[i]) : next;
        }
        double each = fmin(left / count, next - lowest);
        for (int32_t i = 0; i < lane_count; i++) {
            load[i] += (movement->lanes >> i & 1) && load[i] <= lowest + 1e-9 ? each : 0.0;
        }
        left -= each * count;
    }
}

// Shares the flows of a link over its lanes, turns first; load in through cars an hour.
static void lanes_load(const struct network *network, const struct city_flows *flows, int32_t link, double *load)
{
    const struct link *at = &network->links[link];
    const int32_t *to;
    struct movement movements[STEPS_MAX] = { { 0 } };
    int32_t count = router_successors(flows->router, link, &to), first = router_step(flows->router, link);
    count = count < STEPS_MAX ? count : STEPS_MAX;
    for (int32_t k = 0; k < count; k++) {
        double units = 1.0;
        for (int32_t i = 0; i < at->lane_count; i++) {
            const struct lane *lane = &network->lanes[at->first_lane + i];
            for (int32_t c = 0; c < lane->connection_count; c++) {
                const struct connection *out = &network->connections[lane->first_connection + c];
                if (network->lanes[out->to_lane].link == to[k]) {
                    movements[k].lanes |= UINT32_C(1) << i;
                    units = units_of(network, flows, out);
                }
            }
        }
        movements[k].units_vph = units * design_vph(flows, first + k);
    }
    for (int32_t i = 0; i < at->lane_count; i++) {
        load[i] = 0.0;
    }
    for (int32_t size = 1; size <= at->lane_count; size++) {
        for (int32_t k = 0; k < count; k++) {
            if (__builtin_popcount(movements[k].lanes) == size) {
                pour(load, at->lane_count, &movements[k]);
            }
        }
    }
}

static void ask_link(const struct network *network, const struct city_flows *flows, const struct intersection *at,
                     int32_t link, struct asked *ret)
{
    double load[LANES_MAX];
    const struct link *approach = &network->links[link];
    if (approach->lane_count > LANES_MAX) {
        return;
    }
    lanes_load(network, flows, link, load);
    for (int32_t i = 0; i < approach->lane_count; i++) {
        const struct lane *lane = &network->lanes[approach->first_lane + i];
        for (int32_t c = 0; c < lane->connection_count; c++) {
            int32_t group = network->connections[lane->first_connection + c].group - at->first_group;
            if (group >= 0 && group < at->group_count) {
                ret->groups.flow_ratio[group] = fmax(ret->groups.flow_ratio[group], load[i] / SATURATION_VPH);
            }
        }
    }
}

static void ask(const struct network *network, const struct city_flows *flows, int32_t intersection, struct asked *ret)
{
    const struct intersection *at = &network->intersections[intersection];
    *ret = (struct asked){ .groups.group_count = at->group_count };
    for (int32_t g = at->first_group; g < at->first_group + at->group_count; g++) {
        const struct signal_group *group = &network->groups[g];
        for (int32_t m = group->first_member; m < group->first_member + group->member_count; m++) {
            const struct connection *member = &network->connections[network->group_members[m]];
            ask_link(network, flows, at, network->lanes[member->from_lane].link, ret);
        }
        ret->groups.required |= UINT64_C(1) << (g - at->first_group);
    }
    while (ret->input.stage_count < at->stage_count && ret->input.stage_count < WEBSTER_STAGE_COUNT_MAX
           && network->stages[at->first_stage + ret->input.stage_count].program_phase != INDEX_NONE) {
        ret->input.stage_count++;     // Those that are derived come after the program's own.
    }
    ret->input.quantum_ms = at->quantum_ms;
    for (int32_t s = 0; s < ret->input.stage_count; s++) {
        int32_t next = (s + 1) % ret->input.stage_count;
        ret->stage_groups[s] = network->stages[at->first_stage + s].groups;
        ret->input.green_ms_min[s] = GREEN_MS_MIN_DEFAULT;
        ret->input.lost_ms += network_transition_ms(network, (struct intersection_id){ intersection }, s, next);
    }
    ret->y_sum = webster_stage_ratios(&ret->groups, ret->stage_groups, ret->input.stage_count, ret->input.flow_ratio);
}

static int by_falling(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

// Webster's splits for a given cycle. False when it is too short.
static bool split(struct asked *asked, int32_t cycle_ms, struct webster_result *ret)
{
    asked->input.cycle_ms_min = asked->input.cycle_ms_max = cycle_ms;
    if (webster_solve(&asked->input, ret) != STATUS_OK || ret->cycle_ms != cycle_ms) {
        return false;
    }
    // Rounding may have taken a quantum from a stage at its minimum: the longest stage gives it back.
    for (int32_t s = 0; s < asked->input.stage_count; s++) {
        int32_t longest = 0;
        for (int32_t k = 1; k < asked->input.stage_count; k++) {
            longest = ret->green_ms[k] > ret->green_ms[longest] ? k : longest;
        }
        int32_t missing_ms = asked->input.green_ms_min[s] - ret->green_ms[s];
        if (missing_ms > 0) {
            ret->green_ms[s] += missing_ms;
            ret->green_ms[longest] -= missing_ms;
        }
    }
    return true;
}

// Green of a group over a cycle, without what transitions between two of its stages add.
static int32_t stage_green_ms(const struct asked *asked, const struct webster_result *splits, int32_t group)
{
    int32_t sum_ms = 0;
    for (int32_t s = 0; s < asked->input.stage_count; s++) {
        sum_ms += asked->stage_groups[s] >> group & 1 ? splits->green_ms[s] : 0;
    }
    return sum_ms;
}

// Degrees of saturation of the groups of one intersection, and the greatest.
static double saturation_of(struct asked *asked, double *ret)
{
    struct webster_result splits;
    bool splits_found = split(asked, ESTIMATE_CYCLE_MS, &splits);
    double worst = 0.0;
    for (int32_t g = 0; g < asked->groups.group_count; g++) {
        double green_ms = splits_found ? fmax(stage_green_ms(asked, &splits, g), 1.0) : GREEN_MS_MIN_DEFAULT;
        ret[g] = asked->groups.flow_ratio[g] * ESTIMATE_CYCLE_MS / green_ms;
        worst = fmax(worst, ret[g]);
    }
    return worst;
}

void timing_saturation(const struct network *network, const struct city_flows *flows, double *ret)
{
    for (int32_t l = 0; l < network->link_count; l++) {
        ret[l] = 0.0;
    }
    for (int32_t i = 0; i < network->intersection_count; i++) {
        const struct intersection *at = &network->intersections[i];
        struct asked asked;
        double x[GROUP_COUNT_MAX];
        ask(network, flows, i, &asked);
        (void)saturation_of(&asked, x);
        for (int32_t g = at->first_group; g < at->first_group + at->group_count; g++) {
            const struct signal_group *group = &network->groups[g];
            for (int32_t m = group->first_member; m < group->first_member + group->member_count; m++) {
                int32_t link = network->lanes[network->connections[network->group_members[m]].from_lane].link;
                ret[link] = fmax(ret[link], x[g - at->first_group]);
            }
        }
    }
}

void timing_estimate(const struct network *network, const struct city_flows *flows, double *ret)
{
    for (int32_t i = 0; i < network->intersection_count; i++) {
        struct asked asked;
        double x[GROUP_COUNT_MAX];
        ask(network, flows, i, &asked);
        ret[i] = saturation_of(&asked, x);
    }
    qsort(ret, (size_t)network->intersection_count, sizeof *ret, by_falling);
}

// Webster's own cycle for the intersection.
static double best_cycle_ms(const struct asked *asked)
{
    double y = fmin(asked->y_sum, 0.95);
    return (1.5 * asked->input.lost_ms + 5000.0) / (1.0 - y);
}

struct green_list { struct program_green *at; int32_t count, capacity; };

// The greens of one group: from the start of the first stage of a run that has it to the end of the last.
static void group_greens(const struct asked *asked, const struct webster_result *splits, const int32_t *start_ms,
                         int32_t group, struct green_list *ret)
{
    int32_t count = asked->input.stage_count, first = ret->count;
    for (int32_t s = 0; s < count; s++) {
        int32_t before = (s + count - 1) % count;
        bool on = asked->stage_groups[s] >> group & 1;
        if (!on || (asked->stage_groups[before] >> group & 1)) {
            continue;
        }
        int32_t last = s;
        while (asked->stage_groups[(last + 1) % count] >> group & 1) {
            last = (last + 1) % count;
        }
        int32_t end_ms = start_ms[last] + splits->green_ms[last];
        end_ms += end_ms <= start_ms[s] ? splits->cycle_ms : 0;
        struct program_green *green = GROW(*ret);
        *green = (struct program_green){ .group = group, .stage = s, .start_ms = start_ms[s], .end_ms = end_ms };
        for (int32_t i = ret->count - 1; i > first && ret->at[i - 1].start_ms > ret->at[i].start_ms; i--) {
            struct program_green swap = ret->at[i];
            ret->at[i] = ret->at[i - 1];
            ret->at[i - 1] = swap;
        }
    }
}

static int32_t green_ms_of(const struct asked *asked, const struct webster_result *splits, const int32_t *start_ms,
                           int32_t group)
{
    struct green_list greens = { 0 };
    group_greens(asked, splits, start_ms, group, &greens);
    int32_t sum_ms = 0;
    for (int32_t i = 0; i < greens.count; i++) {
        sum_ms += greens.at[i].end_ms - greens.at[i].start_ms;
    }
    free(greens.at);
    return sum_ms;
}

// Writes the program of one intersection; gives its degree of saturation.
static double program_write(struct network *network, int32_t intersection, struct asked *asked,
                            const struct webster_result *splits, struct green_list *greens)
{
    struct intersection *at = &network->intersections[intersection];
    int32_t start_ms[WEBSTER_STAGE_COUNT_MAX], now_ms = 0;
    for (int32_t s = 0; s < asked->input.stage_count; s++) {
        start_ms[s] = now_ms;
        now_ms += splits->green_ms[s]
            + network_transition_ms(network, (struct intersection_id){ intersection }, s,
                                    (s + 1) % asked->input.stage_count);
        struct stage *stage = &network->stages[at->first_stage + s];
        stage->green_ms_max = splits->green_ms[s] > stage->green_ms_max ? splits->green_ms[s] : stage->green_ms_max;
        stage->green_ms_min = splits->green_ms[s] < stage->green_ms_min ? splits->green_ms[s] : stage->green_ms_min;
    }
    at->cycle_ms = splits->cycle_ms;
    at->coordinated_stage = 0;
    at->first_green = greens->count;
    double worst = 0.0;
    for (int32_t g = 0; g < at->group_count; g++) {
        group_greens(asked, splits, start_ms, g, greens);
        struct signal_group *group = &network->groups[at->first_group + g];
        int32_t green_ms = green_ms_of(asked, splits, start_ms, g);
        group->green_ms_max = green_ms > group->green_ms_max ? green_ms : group->green_ms_max;
        worst = fmax(worst, asked->groups.flow_ratio[g] * splits->cycle_ms / fmax(green_ms, 1.0));
    }
    at->green_count = greens->count - at->first_green;
    return worst;
}

static int32_t region_of(const struct city_plan *plan, int32_t node)
{
    int32_t across = (plan->column_count + CITY_REGION_SIDE - 1) / CITY_REGION_SIDE;
    return plan->nodes.at[node].row / CITY_REGION_SIDE * across + plan->nodes.at[node].column / CITY_REGION_SIDE;
}

static int32_t regions_name(const struct city_plan *plan, struct network *network)
{
    int32_t across = (plan->column_count + CITY_REGION_SIDE - 1) / CITY_REGION_SIDE;
    int32_t count = across * ((plan->row_count + CITY_REGION_SIDE - 1) / CITY_REGION_SIDE);
    names_release(&network->regions);
    char name[32];
    for (int32_t r = 0; r < count; r++) {
        (void)snprintf(name, sizeof name, "R%d", r);
        (void)names_add(&network->regions, name);
    }
    for (int32_t i = 0; i < network->intersection_count; i++) {
        network->intersections[i].region = region_of(plan, i);
    }
    return count;
}

static int by_rising(const void *a, const void *b)
{
    return by_falling(b, a);
}

// The common cycle of each region.
static int32_t *cycles_choose(const struct city_plan *plan, const struct network *network,
                              const struct city_flows *flows,
                              int32_t region_count)
{
    int32_t *cycle_ms = memory_take((size_t)region_count, sizeof *cycle_ms);
    double *best_ms = memory_take((size_t)network->intersection_count, sizeof *best_ms);
    double *own = memory_take((size_t)network->intersection_count, sizeof *own);
    for (int32_t i = 0; i < network->intersection_count; i++) {
        struct asked asked;
        ask(network, flows, i, &asked);
        own[i] = best_cycle_ms(&asked);
    }
    for (int32_t r = 0; r < region_count; r++) {
        int32_t count = 0;
        for (int32_t i = 0; i < network->intersection_count; i++) {
            if (region_of(plan, i) == r) {
                best_ms[count++] = own[i];
            }
        }
        qsort(best_ms, (size_t)count, sizeof *best_ms, by_rising);
        double chosen = count == 0 ? 0.0 : best_ms[(int32_t)(SERVED * (count - 1))];
        int32_t whole_ms = (int32_t)quantum_ceil((int64_t)chosen, CYCLE_MS_STEP);
        cycle_ms[r] = whole_ms < CYCLE_MS_LEAST ? CYCLE_MS_LEAST : whole_ms > CYCLE_MS_MOST ? CYCLE_MS_MOST : whole_ms;
    }
    free(best_ms);
    free(own);
    return cycle_ms;
}

// When the through traffic that comes in on a leg gets green, after the start of the cycle; 0 where nobody goes
// through.
static int32_t through_start_ms(const struct network *network, const struct city_roads *roads, int32_t node, int leg)
{
    int32_t link = roads->approaches[node][leg].arrives;
    const struct intersection *at = &network->intersections[node];
    if (link == INDEX_NONE) {
        return 0;
    }
    const struct lane *lane = &network->lanes[network->links[link].first_lane];
    for (int32_t c = 0; c < lane->connection_count; c++) {
        const struct connection *out = &network->connections[lane->first_connection + c];
        for (int32_t g = 0; out->turn == TURN_THROUGH && g < at->green_count; g++) {
            const struct program_green *green = &network->program_greens[at->first_green + g];
            if (green->group == out->group - at->first_group) {
                return green->start_ms;
            }
        }
    }
    return 0;
}

// The leg towards the neighbour that this one's offset follows: an arterial to the west or south before other streets.
static int leader_leg(const struct city_plan *plan, int32_t node)
{
    static const int LEGS[] = { LEG_WEST, LEG_SOUTH };
    int found = -1;
    bool arterial = false;
    for (int k = 0; k < 2; k++) {
        int32_t street = plan->nodes.at[node].street[LEGS[k]];
        bool inside = street != INDEX_NONE && !plan->nodes.at[plan_across(plan, node, (enum city_leg)LEGS[k])].outside;
        if (inside && (found < 0 || (!arterial && plan->streets.at[street].arterial))) {
            found = LEGS[k];
            arterial = plan->streets.at[street].arterial;
        }
    }
    return found;
}

// Nodes count from the south-west: the leader's offset is known before.
static void offsets_set(const struct city_plan *plan, const struct city_roads *roads, struct network *network)
{
    for (int32_t i = 0; i < network->intersection_count; i++) {
        struct intersection *at = &network->intersections[i];
        int leg = leader_leg(plan, i);
        at->offset_ms = 0;
        if (leg < 0) {
            continue;
        }
        int32_t leader = plan_across(plan, i, (enum city_leg)leg);
        const struct city_approach *way = &roads->approaches[i][leg];
        const struct link *arrives = &network->links[way->arrives], *upstream = &network->links[way->upstream];
        double metres = arrives->length_m + (way->arrives != way->upstream ? upstream->length_m : 0.0);
        int64_t reached_ms = network->intersections[leader].offset_ms + through_start_ms(network, roads, leader, leg)
            + ms_from_s(metres / arrives->speed_mps);
        int64_t offset_ms = cycle_position(reached_ms - through_start_ms(network, roads, i, leg), at->cycle_ms);
        at->offset_ms = (int32_t)quantum_floor(offset_ms, at->quantum_ms);
    }
}

enum status timing_apply(const struct city_plan *plan, const struct city_roads *roads, const struct city_flows *flows,
                         struct network *network, struct city_timing *ret, struct problem *problem)
{
    int32_t region_count = regions_name(plan, network);
    int32_t *cycle_ms = cycles_choose(plan, network, flows, region_count);
    double *x = memory_take((size_t)network->intersection_count, sizeof *x), sum = 0.0;
    struct green_list greens = { 0 };
    enum status status = STATUS_OK;
    for (int32_t i = 0; i < network->intersection_count && status == STATUS_OK; i++) {
        struct asked asked;
        struct webster_result splits;
        int32_t common_ms = cycle_ms[network->intersections[i].region];
        ask(network, flows, i, &asked);
        bool half = best_cycle_ms(&asked) <= HALF_CYCLE * common_ms && split(&asked, common_ms / 2, &splits);
        if (!half && !split(&asked, common_ms, &splits) && !split(&asked, CYCLE_MS_MOST, &splits)) {
            status = problem_report(problem, STATUS_INFEASIBLE, "generated city",
                                    network_name(network, network->intersections[i].name), "choose another seed",
                                    "no cycle up to %g s holds its stages", s_from_ms(CYCLE_MS_MOST));
            continue;
        }
        x[i] = program_write(network, i, &asked, &splits, &greens);
        sum += x[i];
    }
    free(cycle_ms);
    if (status == STATUS_OK) {
        free(network->program_greens);
        network->program_greens = greens.at;
        network->program_green_count = greens.count;
        offsets_set(plan, roads, network);
        status = network_finish(network, "generated city", problem);
        qsort(x, (size_t)network->intersection_count, sizeof *x, by_falling);
        *ret = (struct city_timing){ .worst = x[0], .busy = x[network->intersection_count / 50],
            .mean = sum / network->intersection_count };
    } else {
        free(greens.at);
    }
    free(x);
    return status;
}
