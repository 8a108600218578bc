#include "engine/optimize/coordination.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/model/units.h"

#define GATHER_MS 60000               // from the first member that tells to the first common cycle
#define REVIEW_MS 150000              // SCOOT looks at the cycle each 2.5 to 5 minutes [Hunt1981]
#define ROUND_MS 16000                // in which every member is shifted once
#define SILENT_MS 60000               // a member that has not told for so long is none
#define PLACE_STEPS 24                // of a cycle, tried for a member that is placed
static const double STOP_VEH_S = 8.0;             // price of a stop
static const double START_LATE_S = 1.5;           // from the lamp to the effective green, at its start and at its end
static const double GAIN_MIN = 0.002;             // of the price: less is not worth a shift

// One member with an offset on trial: what its rows would let go.
struct trial {
    const struct coordination *coordination;
    const struct estimate *estimate;
    int32_t intersection, offset_ms;
    int32_t cycle_ms;                 // of the area
    double bin_s;
    float leaving[SPLITS_ROW_COUNT_MAX][PROFILE_BIN_COUNT];
};

static int32_t intersection_of_link(const struct coordination *coordination, int32_t link)
{
    const struct link *at = &coordination->network->links[link];
    for (int32_t lane = at->first_lane; lane < at->first_lane + at->lane_count; lane++) {
        int32_t row = coordination->approaches->row_of_lane[lane];
        if (row != INDEX_NONE) {
            return coordination->approaches->rows[row].intersection;
        }
    }
    return INDEX_NONE;
}

static int32_t intersection_of_source(const struct coordination *coordination, const struct source *source)
{
    return coordination->approaches->rows[coordination->approaches->movements[source->movement].row].intersection;
}

// ---- the price of offsets ------------------------------------------------------------------------------------------

// A row's departures: those of the trial where they are its.
static const float *row_leaving(const struct trial *trial, int32_t row)
{
    const struct coordination *coordination = trial->coordination;
    int32_t first = coordination->approaches->at[trial->intersection].first;
    if (row >= first && row < first + SPLITS_ROW_COUNT_MAX
        && coordination->approaches->rows[row].intersection == trial->intersection) {
        return trial->leaving[row - first];
    }
    return coordination->leaving + (size_t)row * PROFILE_BIN_COUNT;
}

// What arrives on a link for all its rows: the platoons of the members upstream, the rest evenly.
static void link_arrivals(const struct trial *trial, int32_t link, double demand_vps, float *ret)
{
    const struct coordination *coordination = trial->coordination;
    const struct upstream *upstream = &trial->estimate->upstream;
    double speed_mps = coordination->network->links[link].speed_mps;
    int32_t area = coordination->members[intersection_of_link(coordination, link)].area;
    memset(ret, 0, sizeof *ret * PROFILE_BIN_COUNT);
    for (int32_t i = upstream->first_source[link]; i < upstream->first_source[link + 1]; i++) {
        const struct source *source = &upstream->sources[i];
        int32_t from = intersection_of_source(coordination, source);
        int32_t row = coordination->approaches->movements[source->movement].row;
        bool known = coordination->members[from].area == area
            && (coordination->members[from].placed || from == trial->intersection);
        if (known) {
            profile_travel(row_leaving(trial, row), (double)source->to_stop_m / speed_mps, trial->bin_s,
                           source->weight * (float)estimate_share(trial->estimate, source->movement), ret);
        }
    }
    double mean = profile_mean(ret);
    float scale = mean > demand_vps ? (float)(demand_vps / mean) : 1.0f;
    float even = (float)fmax(0.0, demand_vps - mean);
    for (int32_t i = 0; i < PROFILE_BIN_COUNT; i++) {
        ret[i] = scale * ret[i] + even;
    }
}

// What a row may let go in each bin.
static void row_capacity(const struct trial *trial, const struct member *member, int32_t offset_ms, int32_t row,
                         float *ret)
{
    const float *flow_vps = trial->coordination->flow_vps + (size_t)row * SPLITS_STAGE_COUNT_MAX;
    memset(ret, 0, sizeof *ret * PROFILE_BIN_COUNT);
    int32_t rounds = 2 * member->cycle_ms <= trial->cycle_ms + CYCLE_OPTION_MS / 2 ? 2 : 1;
    for (int32_t k = 0; k < member->stage_count; k++) {
        if (flow_vps[k] <= 0.0f) {
            continue;
        }
        for (int32_t round = 0; round < rounds; round++) {
            int64_t from_ms = cycle_position((int64_t)offset_ms + member->start_ms[k] + round * member->cycle_ms,
                                             trial->cycle_ms);
            double from_s = s_from_ms(from_ms) + START_LATE_S;
            profile_window(from_s, from_s + s_from_ms(member->green_ms[k]), trial->bin_s, flow_vps[k], ret);
        }
    }
}

// The price of a link's rows; their departures to `leaving`, PROFILE_BIN_COUNT for each row of the intersection, or to
// nowhere.
static double link_price(const struct trial *trial, int32_t link, float *leaving)
{
    const struct coordination *coordination = trial->coordination;
    const struct link *at = &coordination->network->links[link];
    int32_t intersection = intersection_of_link(coordination, link);
    const struct member *member = &coordination->members[intersection];
    int32_t offset_ms = intersection == trial->intersection ? trial->offset_ms : member->offset_ms;
    double demand_vps = 0.0, price = 0.0;
    for (int32_t lane = at->first_lane; lane < at->first_lane + at->lane_count; lane++) {
        int32_t row = coordination->approaches->row_of_lane[lane];
        demand_vps += row != INDEX_NONE ? estimate_demand_vps(trial->estimate, row) : 0.0;
    }
    float arrivals[PROFILE_BIN_COUNT], mine[PROFILE_BIN_COUNT], capacity[PROFILE_BIN_COUNT];
    link_arrivals(trial, link, demand_vps, arrivals);
    for (int32_t lane = at->first_lane; lane < at->first_lane + at->lane_count; lane++) {
        int32_t row = coordination->approaches->row_of_lane[lane];
        if (row == INDEX_NONE) {
            continue;
        }
        float share = demand_vps > 0.0 ? (float)(estimate_demand_vps(trial->estimate, row) / demand_vps) : 0.0f;
        for (int32_t i = 0; i < PROFILE_BIN_COUNT; i++) {
            mine[i] = share * arrivals[i];
        }
        row_capacity(trial, member, offset_ms, row, capacity);
        int32_t first = coordination->approaches->at[intersection].first;
        bool kept = leaving != NULL && row - first < SPLITS_ROW_COUNT_MAX;
        struct profile_wait wait = profile_serve(mine, capacity, trial->bin_s,
                                                 kept ? leaving + (size_t)(row - first) * PROFILE_BIN_COUNT : NULL);
        price += wait.queue_veh + STOP_VEH_S * wait.stops_vps;
    }
    return price * (double)coordination->link_weight[link];
}

// The price of the trial's own rows, with their departures kept in it, and of those that it feeds.
static double trial_price(struct trial *trial)
{
    const struct coordination *coordination = trial->coordination;
    const struct intersection_rows *rows = &coordination->approaches->at[trial->intersection];
    const struct approach_row *row = coordination->approaches->rows;
    const struct lane *lanes = coordination->network->lanes;
    double price = 0.0;
    for (int32_t r = rows->first; r < rows->first + rows->count; r++) {
        if (r == rows->first || lanes[row[r].lane].link != lanes[row[r - 1].lane].link) {
            price += link_price(trial, lanes[row[r].lane].link, trial->leaving[0]);
        }
    }
    int32_t after = coordination->first_fed[trial->intersection + 1];
    for (int32_t i = coordination->first_fed[trial->intersection]; i < after; i++) {
        if (coordination->members[intersection_of_link(coordination, coordination->fed[i])].placed) {
            price += link_price(trial, coordination->fed[i], NULL);
        }
    }
    return price;
}

// The trial begins with what is known of its rows.
static void trial_begin(const struct coordination *coordination, const struct estimate *estimate, int32_t intersection,
                        struct trial *ret)
{
    const struct intersection_rows *rows = &coordination->approaches->at[intersection];
    int32_t count = rows->count < SPLITS_ROW_COUNT_MAX ? rows->count : SPLITS_ROW_COUNT_MAX;
    ret->coordination = coordination;
    ret->estimate = estimate;
    ret->intersection = intersection;
    ret->offset_ms = coordination->members[intersection].offset_ms;
    ret->cycle_ms = coordination_cycle_ms(coordination, intersection);
    ret->bin_s = s_from_ms(ret->cycle_ms) / PROFILE_BIN_COUNT;
    memcpy(ret->leaving[0], coordination->leaving + (size_t)rows->first * PROFILE_BIN_COUNT,
           (size_t)count * sizeof ret->leaving[0]);
}

static double offset_price(const struct coordination *coordination, const struct estimate *estimate,
                           int32_t intersection, int32_t offset_ms, struct trial *trial)
{
    trial_begin(coordination, estimate, intersection, trial);
    trial->offset_ms = (int32_t)cycle_position(offset_ms, trial->cycle_ms);
    return trial_price(trial);
}

static void offset_take(struct coordination *coordination, const struct trial *trial)
{
    const struct intersection_rows *rows = &coordination->approaches->at[trial->intersection];
    int32_t count = rows->count < SPLITS_ROW_COUNT_MAX ? rows->count : SPLITS_ROW_COUNT_MAX;
    coordination->members[trial->intersection].offset_ms = trial->offset_ms;
    coordination->members[trial->intersection].placed = true;
    memcpy(coordination->leaving + (size_t)rows->first * PROFILE_BIN_COUNT, trial->leaving[0],
           (size_t)count * sizeof trial->leaving[0]);
}

// ---- one area, one tick --------------------------------------------------------------------------------------------

static bool takes_part(const struct coordination *coordination, int32_t intersection)
{
    const struct member *member = &coordination->members[intersection];
    return member->told_ms != 0
        && member->cost_veh[coordination->areas[member->area].option] < INFINITY;
}

// Vehicles a second from placed members to this one, and from this one to them.
static double flow_to_placed(const struct coordination *coordination, const struct estimate *estimate,
                             int32_t intersection)
{
    const struct upstream *upstream = &estimate->upstream;
    int32_t area = coordination->members[intersection].area;
    double vps = 0.0;
    for (int32_t m = coordination->areas[area].first_member;
         m < coordination->areas[area].first_member + coordination->areas[area].member_count; m++) {
        int32_t from = coordination->order[m];
        for (int32_t i = coordination->first_fed[from]; i < coordination->first_fed[from + 1]; i++) {
            int32_t link = coordination->fed[i], to = intersection_of_link(coordination, link);
            bool counts = (from == intersection && coordination->members[to].placed)
                || (to == intersection && coordination->members[from].placed);
            for (int32_t s = upstream->first_source[link]; counts && s < upstream->first_source[link + 1]; s++) {
                const struct source *source = &upstream->sources[s];
                int32_t row = coordination->approaches->movements[source->movement].row;
                vps += intersection_of_source(coordination, source) != from ? 0.0
                    : (double)(source->weight * coordination->link_weight[link])
                        * estimate_share(estimate, source->movement) * estimate_demand_vps(estimate, row);
            }
        }
    }
    return vps;
}

// Places the member with the greatest flow to those that are; false when all are.
static bool area_place(struct coordination *coordination, const struct area *area, const struct estimate *estimate)
{
    int32_t best = INDEX_NONE;
    double best_vps = -1.0;
    for (int32_t m = area->first_member; m < area->first_member + area->member_count; m++) {
        int32_t i = coordination->order[m];
        if (!coordination->members[i].placed && takes_part(coordination, i)) {
            double vps = flow_to_placed(coordination, estimate, i);
            if (vps > best_vps) {
                best_vps = vps;
                best = i;
            }
        }
    }
    if (best == INDEX_NONE) {
        return false;
    }
    struct trial trial;
    double least = INFINITY;
    int32_t offset_ms = 0;
    for (int32_t s = 0; s < PLACE_STEPS && best_vps > 0.0; s++) {
        int32_t tried_ms = cycle_option_ms(area->option) * s / PLACE_STEPS;
        double price = offset_price(coordination, estimate, best, tried_ms, &trial);
        if (price < least) {
            least = price;
            offset_ms = tried_ms;
        }
    }
    (void)offset_price(coordination, estimate, best, offset_ms, &trial);
    offset_take(coordination, &trial);
    return true;
}

// Shifts one member to where it costs least of a few places, small steps and great ones.
static void member_shift(struct coordination *coordination, const struct estimate *estimate, int32_t intersection)
{
    static const int32_t STEPS[] = { 1, -1, 3, -3, 8, -8, 16, -16, 24 };   // in bins
    struct trial trial;
    int32_t now_ms = coordination->members[intersection].offset_ms, best_ms = now_ms;
    int32_t cycle_ms = coordination_cycle_ms(coordination, intersection);
    double least = offset_price(coordination, estimate, intersection, now_ms, &trial) * (1.0 - GAIN_MIN);
    for (size_t s = 0; s < sizeof STEPS / sizeof *STEPS; s++) {
        int32_t tried_ms = now_ms + STEPS[s] * cycle_ms / PROFILE_BIN_COUNT;
        double price = offset_price(coordination, estimate, intersection, tried_ms, &trial);
        if (price < least) {
            least = price;
            best_ms = tried_ms;
        }
    }
    (void)offset_price(coordination, estimate, intersection, best_ms, &trial);
    offset_take(coordination, &trial);
}

// What an option costs all members; those that cannot count like a great many vehicles.
static double option_cost(const struct coordination *coordination, const struct area *area, int32_t option)
{
    double cost = 0.0;
    for (int32_t m = area->first_member; m < area->first_member + area->member_count; m++) {
        const struct member *member = &coordination->members[coordination->order[m]];
        if (member->told_ms != 0) {
            cost += fmin((double)member->cost_veh[option], 1e6);
        }
    }
    return cost;
}

// The first common cycle is the best; later ones are one option away.
static void area_cycle(struct coordination *coordination, struct area *area, int64_t now_ms)
{
    int32_t first = 0, last = CYCLE_OPTION_COUNT - 1, best = INDEX_NONE, before = area->option;
    if (before != INDEX_NONE) {
        first = before > 0 ? before - 1 : 0;
        last = before < last ? before + 1 : last;
    }
    double least = INFINITY;
    for (int32_t option = first; option <= last; option++) {
        double cost = option_cost(coordination, area, option);
        if (cost < least) {
            least = cost;
            best = option;
        }
    }
    area->review_ms = now_ms + REVIEW_MS;
    if (best == before) {
        return;
    }
    area->option = best;
    if (before == INDEX_NONE) {
        area->zero_ms = quantum_floor(now_ms, MS_PER_S);
        return;
    }
    area->zero_ms += quantum_floor(now_ms - area->zero_ms, cycle_option_ms(before));
    for (int32_t m = area->first_member; m < area->first_member + area->member_count; m++) {
        struct member *member = &coordination->members[coordination->order[m]];
        member->offset_ms = (int32_t)cycle_position(member->offset_ms, cycle_option_ms(best));
    }
}

void coordination_step(struct coordination *coordination, int32_t index, const struct estimate *estimate,
                       int64_t now_ms)
{
    struct area *area = &coordination->areas[index];
    int32_t active = 0;
    for (int32_t m = area->first_member; m < area->first_member + area->member_count; m++) {
        struct member *member = &coordination->members[coordination->order[m]];
        if (member->told_ms != 0 && now_ms - member->told_ms > SILENT_MS) {
            member->told_ms = 0;
            member->placed = false;
        }
        active += member->told_ms != 0 ? 1 : 0;
    }
    if (active == 0) {
        area->option = INDEX_NONE;
        area->review_ms = 0;
        return;
    }
    if (area->review_ms == 0) {
        area->review_ms = now_ms + GATHER_MS;
    }
    if (now_ms >= area->review_ms) {
        area_cycle(coordination, area, now_ms);
    }
    if (area->option == INDEX_NONE || area_place(coordination, area, estimate) || now_ms < area->shift_ms) {
        return;
    }
    area->shift_ms = now_ms + ROUND_MS / area->member_count;
    for (int32_t tried = 0; tried < area->member_count; tried++) {
        int32_t i = coordination->order[area->first_member + area->next];
        area->next = (area->next + 1) % area->member_count;
        if (takes_part(coordination, i)) {
            member_shift(coordination, estimate, i);
            return;
        }
        coordination->members[i].placed = false;
    }
}

double coordination_price(const struct coordination *coordination, int32_t index, const struct estimate *estimate)
{
    const struct area *area = &coordination->areas[index];
    double price = 0.0;
    for (int32_t m = area->first_member; m < area->first_member + area->member_count; m++) {
        struct trial trial;
        int32_t i = coordination->order[m];
        if (takes_part(coordination, i)) {
            price += offset_price(coordination, estimate, i, coordination->members[i].offset_ms, &trial);
        }
    }
    return price;
}

int32_t coordination_cycle_ms(const struct coordination *coordination, int32_t intersection)
{
    int32_t option = coordination->areas[coordination->members[intersection].area].option;
    return option == INDEX_NONE ? 0 : cycle_option_ms(option);
}

void coordination_tell(struct coordination *coordination, int32_t intersection, const struct timing *timing,
                       const struct splits_input *in, int64_t now_ms)
{
    struct member *member = &coordination->members[intersection];
    int32_t first = coordination->approaches->at[intersection].first;
    member->told_ms = now_ms;
    member->stage_count = timing->stage_count;
    member->cycle_ms = 0;
    for (int32_t k = 0; k < timing->stage_count; k++) {
        member->start_ms[k] = member->cycle_ms;
        member->green_ms[k] = timing->green_ms[k];
        member->cycle_ms += timing->green_ms[k] + in->transition_ms[k];
    }
    for (int32_t r = 0; r < in->row_count; r++) {
        float *flow_vps = coordination->flow_vps + (size_t)(first + r) * SPLITS_STAGE_COUNT_MAX;
        for (int32_t k = 0; k < timing->stage_count; k++) {
            double veh = splits_let_go(in, r, k, timing->green_ms[k], member->cycle_ms);
            double green_s = fmax(1.0, s_from_ms(timing->green_ms[k]));
            flow_vps[k] = (float)(in->learnt[r] * veh / green_s);
        }
    }
}

// ---- laying out ----------------------------------------------------------------------------------------------------

// Two intersections and how much they belong together.
struct bond {
    double strength;
    int32_t a, b;
};

#define LINK_M_MAX 1000.0             // on longer links a platoon is none any more
#define NAMED_WEIGHT 4.0f             // of the links of a named corridor in the price, against others
#define NAMED_STRENGTH 1000.0         // and when areas are laid: they come first

struct bonds {
    LIST_OF(struct bond) list;
};

static int bond_compare(const void *a, const void *b)
{
    const struct bond *left = a, *right = b;
    if (left->strength != right->strength) {
        return left->strength > right->strength ? -1 : 1;
    }
    return left->a != right->a ? (left->a < right->a ? -1 : 1) : (left->b > right->b) - (left->b < right->b);
}

static int32_t root_of(int32_t *parent, int32_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

// The movements that go straight on, or all of a link that has none such, say how much two intersections belong
// together: by lanes, and less the farther they are apart.
static void bonds_find(const struct coordination *coordination, const struct upstream *upstream, struct bonds *bonds)
{
    const struct network *network = coordination->network;
    for (int32_t link = 0; link < network->link_count; link++) {
        int32_t to = intersection_of_link(coordination, link);
        for (int32_t s = upstream->first_source[link]; to != INDEX_NONE && s < upstream->first_source[link + 1]; s++) {
            const struct source *source = &upstream->sources[s];
            int32_t from = intersection_of_source(coordination, source);
            const struct movement *movement = &coordination->approaches->movements[source->movement];
            bool named = coordination->link_weight[link] > 1.0f;
            if (from == to || ((double)source->to_stop_m > LINK_M_MAX && !named)) {
                continue;
            }
            double strength = (double)source->weight / (1.0 + (double)source->to_stop_m / 200.0)
                * (movement->turn == TURN_THROUGH ? 1.0 : 0.1)
                * (named ? NAMED_STRENGTH : 1.0);
            *GROW(bonds->list) = (struct bond){ .strength = strength, .a = from < to ? from : to,
                                                .b = from < to ? to : from };
        }
    }
}

static void areas_lay(struct coordination *coordination, const struct upstream *upstream)
{
    int32_t count = coordination->network->intersection_count;
    int32_t *parent = memory_take((size_t)count + 1, sizeof *parent);
    int32_t *size = memory_take((size_t)count + 1, sizeof *size);
    struct bonds bonds = { 0 };
    for (int32_t i = 0; i < count; i++) {
        parent[i] = i;
        size[i] = 1;
    }
    bonds_find(coordination, upstream, &bonds);
    if (bonds.list.count > 0) {
        qsort(bonds.list.at, (size_t)bonds.list.count, sizeof *bonds.list.at, bond_compare);
    }
    for (int32_t i = 0; i < bonds.list.count; i++) {
        int32_t a = root_of(parent, bonds.list.at[i].a), b = root_of(parent, bonds.list.at[i].b);
        if (a != b && size[a] + size[b] <= AREA_MEMBER_COUNT_MAX) {
            int32_t low = a < b ? a : b, high = a < b ? b : a;
            parent[high] = low;
            size[low] += size[high];
        }
    }
    // Areas in order of their first intersection, members in order.
    coordination->areas = memory_take((size_t)count + 1, sizeof *coordination->areas);
    coordination->order = memory_take((size_t)count + 1, sizeof *coordination->order);
    for (int32_t i = 0; i < count; i++) {
        int32_t root = root_of(parent, i);
        if (root == i) {
            coordination->members[i].area = coordination->area_count;
            coordination->areas[coordination->area_count++] = (struct area){ .option = INDEX_NONE };
        }
        coordination->members[i].area = coordination->members[root].area;
        coordination->areas[coordination->members[i].area].member_count++;
    }
    int32_t first = 0;
    for (int32_t a = 0; a < coordination->area_count; a++) {
        coordination->areas[a].first_member = first;
        first += coordination->areas[a].member_count;
        coordination->areas[a].member_count = 0;
    }
    for (int32_t i = 0; i < count; i++) {
        struct area *area = &coordination->areas[coordination->members[i].area];
        coordination->order[area->first_member + area->member_count++] = i;
    }
    free(parent);
    free(size);
    free(bonds.list.at);
}

// The links of an area that each intersection's movements feed.
static void fed_lay(struct coordination *coordination, const struct upstream *upstream)
{
    const struct network *network = coordination->network;
    LIST_OF(int32_t) fed = { 0 };
    coordination->first_fed = memory_take((size_t)network->intersection_count + 1, sizeof *coordination->first_fed);
    // Per intersection a walk over the links its movements could reach would be quadratic: gather pairs instead.
    LIST_OF(struct bond) pairs = { 0 };
    for (int32_t link = 0; link < network->link_count; link++) {
        int32_t to = intersection_of_link(coordination, link), before = pairs.count;
        for (int32_t s = upstream->first_source[link]; to != INDEX_NONE && s < upstream->first_source[link + 1]; s++) {
            int32_t from = intersection_of_source(coordination, &upstream->sources[s]);
            bool new = from != to && coordination->members[from].area == coordination->members[to].area;
            for (int32_t i = before; new && i < pairs.count; i++) {
                new = pairs.at[i].a != from;
            }
            if (new) {
                *GROW(pairs) = (struct bond){ .a = from, .b = link };
            }
        }
    }
    if (pairs.count > 0) {
        qsort(pairs.at, (size_t)pairs.count, sizeof *pairs.at, bond_compare);
    }
    int32_t next = 0;
    for (int32_t i = 0; i < network->intersection_count; i++) {
        coordination->first_fed[i] = fed.count;
        for (; next < pairs.count && pairs.at[next].a == i; next++) {
            *GROW(fed) = pairs.at[next].b;
        }
    }
    coordination->first_fed[network->intersection_count] = fed.count;
    coordination->fed = fed.at;
    free(pairs.at);
}

// The links from one intersection of a named corridor to the next.
static void corridors_weigh(struct coordination *coordination, const struct upstream *upstream)
{
    const struct intersection *at = coordination->network->intersections;
    for (int32_t link = 0; link < coordination->network->link_count; link++) {
        coordination->link_weight[link] = 1.0f;
        int32_t to = intersection_of_link(coordination, link);
        for (int32_t s = upstream->first_source[link]; to != INDEX_NONE && s < upstream->first_source[link + 1]; s++) {
            int32_t from = intersection_of_source(coordination, &upstream->sources[s]);
            if (from != to && (at[from].corridors & at[to].corridors) != 0) {
                coordination->link_weight[link] = NAMED_WEIGHT;
            }
        }
    }
}

void coordination_create(struct coordination *coordination, const struct estimate *estimate,
                         const struct transitions *transitions)
{
    const struct network *network = estimate->network;
    assert(network != NULL);
    *coordination = (struct coordination){ .network = network, .approaches = &estimate->approaches,
                                           .transitions = transitions };
    size_t rows = (size_t)estimate->approaches.row_count;
    coordination->members = memory_take_aligned((size_t)network->intersection_count, sizeof *coordination->members);
    coordination->link_weight = memory_take((size_t)network->link_count, sizeof *coordination->link_weight);
    coordination->flow_vps = memory_take_aligned(rows * SPLITS_STAGE_COUNT_MAX, sizeof *coordination->flow_vps);
    coordination->leaving = memory_take_aligned(rows * PROFILE_BIN_COUNT, sizeof *coordination->leaving);
    corridors_weigh(coordination, &estimate->upstream);
    areas_lay(coordination, &estimate->upstream);
    fed_lay(coordination, &estimate->upstream);
}

void coordination_release(struct coordination *coordination)
{
    free(coordination->members);
    free(coordination->areas);
    free(coordination->order);
    free(coordination->first_fed);
    free(coordination->fed);
    free(coordination->link_weight);
    free(coordination->flow_vps);
    free(coordination->leaving);
    *coordination = (struct coordination){ 0 };
}

void coordination_snapshot(struct coordination *coordination, struct snapshot_walk *walk)
{
    size_t rows = (size_t)coordination->approaches->row_count;
    snapshot_column(walk, coordination->members, (size_t)coordination->network->intersection_count,
                    sizeof *coordination->members);
    snapshot_column(walk, coordination->areas, (size_t)coordination->area_count, sizeof *coordination->areas);
    snapshot_column(walk, coordination->flow_vps, rows * SPLITS_STAGE_COUNT_MAX, sizeof *coordination->flow_vps);
    snapshot_column(walk, coordination->leaving, rows * PROFILE_BIN_COUNT, sizeof *coordination->leaving);
}
