#include "sim/demand/city_trips.h"

#include <assert.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/model/units.h"
#include "sim/demand/fleet.h"

enum { VARIANTS = 2, HOURS = 24, ORIGINS_PER_NODE = 2, ORIGIN_NODES_DENSE = 2500 };
enum purpose { TO_WORK, TO_HOME, OTHER, PURPOSE_COUNT };
enum draw { DRAW_HOME = 200, DRAW_WORK, DRAW_LEG, DRAW_TASTE, DRAW_SET,            // of RANDOM_CITY, by place
            DRAW_COUNT = 0, DRAW_HOUR, DRAW_PLACE, DRAW_SIDE, DRAW_TYPE };         // of RANDOM_DEMAND, by trip

static const double GRAVITY_S = 520.0, GRAVITY_S_WIDE = 200.0;   // t0, and more of it the wider the net
static const int32_t SPREAD_MS = 1500000;           // nobody drives longer than 25 min by the costs
static const int32_t HOUR_MS = 3600000, MORNING_MS = 27000000, EVENING_MS = 61200000;   // 7:30, 17:00
static const int32_t NEAR_MS = 90000;               // nor takes the car for less than this
static const double TASTE = 0.5;                    // how much dearer a link can be to one driver than to another
static const int32_t TURN_MS = 8000;
// A stop line costs 12 s, and more by the fourth power of its saturation x: 24 s at 0.85, 36 s at 1, 133 s at 1.5.
static const double SIGNAL_MS = 12000.0, SIGNAL_RISE = 2.0;
static const double LEARNT_MOST = 2.0;              // x beyond this frightens no more: a run too full is no habit
static const double OUTSIDE_WEIGHT = 2.5;           // of a border street's lane against an intersection

// Shares of each purpose, and when it departs, in thousandths by hour: an ordinary working day in shape.
static const double SHARE[PURPOSE_COUNT] = { 0.32, 0.32, 0.36 };
static const int HOURLY[PURPOSE_COUNT][HOURS] = {
    { 4, 3, 3, 5, 15, 45, 110, 235, 215, 100, 50, 35, 35, 35, 30, 25, 20, 12, 8, 5, 3, 3, 2, 2 },
    { 8, 5, 3, 2, 2, 3, 6, 10, 14, 18, 22, 35, 45, 50, 70, 115, 185, 205, 105, 45, 22, 14, 10, 6 },
    { 4, 3, 2, 2, 4, 10, 22, 40, 52, 62, 68, 70, 70, 68, 68, 72, 80, 86, 76, 58, 38, 25, 13, 7 },
};

// A source of trips: one link and what it is worth.
struct origin {
    int32_t link;
    double home, work;
};

struct held_trip {
    int32_t depart_ms, origin_link;
    uint32_t first_turn;                            // in its set's turns
    int16_t link_count;
    int8_t type;
};

// One cost set and all that is computed under it.
struct cost_set {
    struct router *router;
    int32_t *loads[PERIOD_COUNT];                   // by step
    struct city_trips_totals totals;
    LIST_OF(struct held_trip) held;
    LIST_OF(uint8_t) turns;
    struct link_list route;
    LIST_OF(int32_t) places;                        // destinations within reach of the current origin
    LIST_OF(double) home_sum, work_sum;             // running sums of their weights
};

enum { WRITTEN_AT_ONCE = 4096 };                    // trips, before somebody is told

struct city_trips {
    const struct city_plan *plan;
    const struct city_roads *roads;
    const struct network *network;
    LIST_OF(struct origin) origins;
    double home_all, work_all;                      // of all origins
    double *home, *work;                            // by link: as a destination; 0 elsewhere
    bool *stops;                                    // by link: ends at a signal
    double *saturation;                             // by link: degree at its stop line in the peak, mean over runs
    int32_t learned;                                // runs in it
    struct cost_set sets[CITY_COST_SETS];
    int32_t *loads[PERIOD_COUNT];                   // of all sets
    struct city_trips_totals totals;
    struct city_watch watch;
    const char *doing;
    double share_from, share_to;                    // of the whole work
    int64_t done, all;                              // parts of this run
};

void trips_watch(struct city_trips *trips, const struct city_watch *watch, const char *what, double from, double to)
{
    trips->watch = *watch;
    trips->doing = what;
    trips->share_from = from;
    trips->share_to = to;
}

// One part more is done; the calling thread of the team tells.
static void part_done(struct city_trips *trips)
{
    int64_t done = __atomic_add_fetch(&trips->done, 1, __ATOMIC_RELAXED);
    if (trips->watch.tell != NULL && omp_get_thread_num() == 0) {
        double share = trips->all > 0 ? (double)done / (double)trips->all : 1.0;
        trips->watch.tell(trips->watch.user, trips->doing,
                          trips->share_from + share * (trips->share_to - trips->share_from));
    }
}

static double city_draw(const struct city_trips *trips, enum draw use, int64_t place)
{
    return random_unit(trips->plan->seed, RANDOM_CITY, (uint64_t)place, (uint64_t)use);
}

// 0 in the middle of the city, 1 at its farthest node.
static double remoteness(const struct city_plan *plan, int32_t node, struct point middle, double radius_m)
{
    double x = plan->nodes.at[node].at.x_m - middle.x_m, y = plan->nodes.at[node].at.y_m - middle.y_m;
    return sqrt(x * x + y * y) / radius_m;
}

static void middle_find(const struct city_plan *plan, struct point *ret_middle, double *ret_radius_m)
{
    struct point sum = { 0.0, 0.0 };
    for (int32_t i = 0; i < plan->intersection_count; i++) {
        sum.x_m += plan->nodes.at[i].at.x_m;
        sum.y_m += plan->nodes.at[i].at.y_m;
    }
    *ret_middle = (struct point){ sum.x_m / plan->intersection_count, sum.y_m / plan->intersection_count };
    *ret_radius_m = 1.0;
    for (int32_t i = 0; i < plan->intersection_count; i++) {
        *ret_radius_m = fmax(*ret_radius_m, remoteness(plan, i, *ret_middle, 1.0));
    }
}

static void origin_add(struct city_trips *trips, int32_t link, double home, double work)
{
    *GROW(trips->origins) = (struct origin){ link, home, work };
    trips->home_all += home;
    trips->work_all += work;
}

// The streets of an intersection share its weight; of those that lead to it, some are where its trips begin.
static void node_weigh(struct city_trips *trips, int32_t node, double remote)
{
    const struct city_approach *legs = trips->roads->approaches[node];
    double centre = 1.0 - remote;
    double home = (0.6 + 0.8 * remote) * (0.5 + city_draw(trips, DRAW_HOME, node));
    double work = (0.5 + 1.0 * centre * centre) * (0.5 + city_draw(trips, DRAW_WORK, node));
    int count = plan_leg_count(trips->plan, node);
    int first = (int)(city_draw(trips, DRAW_LEG, node) * CITY_LEG_COUNT), begins = 0;
    int wanted = trips->plan->intersection_count <= ORIGIN_NODES_DENSE ? ORIGINS_PER_NODE : 1;
    for (int k = 0; k < CITY_LEG_COUNT; k++) {
        const struct city_approach *leg = &legs[(first + k) % CITY_LEG_COUNT];
        if (leg->upstream == INDEX_NONE) {
            continue;
        }
        trips->home[leg->upstream] = home / count;
        trips->work[leg->upstream] = work / count;
        if (begins < wanted) {
            origin_add(trips, leg->upstream, home / wanted, work / wanted);
            begins++;
        }
    }
}

static void weigh(struct city_trips *trips)
{
    const struct city_plan *plan = trips->plan;
    struct point middle;
    double radius_m;
    middle_find(plan, &middle, &radius_m);
    for (int32_t i = 0; i < plan->intersection_count; i++) {
        node_weigh(trips, i, remoteness(plan, i, middle, radius_m));
    }
    for (int32_t i = plan->intersection_count; i < plan->nodes.count; i++) {
        for (int leg = 0; leg < CITY_LEG_COUNT; leg++) {
            int32_t street = plan->nodes.at[i].street[leg];
            if (street == INDEX_NONE) {
                continue;
            }
            double weight = OUTSIDE_WEIGHT * plan->streets.at[street].lanes;
            int32_t out = trips->roads->approaches[i][leg].arrives, in = trips->roads->approaches[i][leg].leaves;
            trips->home[out] = trips->work[out] = weight;
            origin_add(trips, in, weight, weight);
        }
    }
}

// Costs of a set: free flow and the stop line, dearer by load and by taste.
static void costs_set(struct city_trips *trips, int32_t index)
{
    const struct network *network = trips->network;
    int32_t *cost_ms = memory_take((size_t)network->link_count, sizeof *cost_ms);
    const struct router *router = trips->sets[index].router;
    for (int32_t l = 0; l < network->link_count; l++) {
        double taste = 1.0 + TASTE * random_unit(trips->plan->seed, RANDOM_CITY, (uint64_t)l,
                                                 (uint64_t)(DRAW_TASTE + 1000 * (index + 1)));
        double square = trips->saturation[l] * trips->saturation[l];
        double stop_ms = trips->stops[l] ? SIGNAL_MS * (1.0 + SIGNAL_RISE * square * square) : 0.0;
        double ms = router_free_flow_ms(router, l) + stop_ms;
        cost_ms[l] = (int32_t)(ms * taste) + 1;
    }
    router_set_costs(trips->sets[index].router, cost_ms);
    free(cost_ms);
}

struct city_trips *trips_create(const struct city_plan *plan, const struct city_roads *roads,
                                const struct network *network)
{
    struct city_trips *trips = memory_take(1, sizeof *trips);
    size_t links = (size_t)network->link_count;
    trips->plan = plan;
    trips->roads = roads;
    trips->network = network;
    trips->home = memory_take(links, sizeof *trips->home);
    trips->work = memory_take(links, sizeof *trips->work);
    trips->stops = memory_take(links, sizeof *trips->stops);
    trips->saturation = memory_take(links, sizeof *trips->saturation);
    for (int32_t l = 0; l < network->link_count; l++) {
        trips->stops[l] = network->junctions[network->links[l].to_junction].kind == JUNCTION_SIGNAL;
    }
    weigh(trips);
    for (int32_t i = 0; i < CITY_COST_SETS; i++) {
        struct cost_set *set = &trips->sets[i];
        set->router = router_create(network);
        router_add_turn_cost(set->router, TURN_MS);
        costs_set(trips, i);
        for (int p = 0; p < PERIOD_COUNT; p++) {
            set->loads[p] = memory_take((size_t)router_step_count(set->router), sizeof(int32_t));
        }
    }
    for (int p = 0; p < PERIOD_COUNT; p++) {
        trips->loads[p] = memory_take((size_t)router_step_count(trips->sets[0].router), sizeof(int32_t));
    }
    return trips;
}

void city_trips_release(struct city_trips *trips)
{
    if (trips == NULL) {
        return;
    }
    for (int32_t i = 0; i < CITY_COST_SETS; i++) {
        struct cost_set *set = &trips->sets[i];
        router_release(set->router);
        void *owned[] = { set->loads[0], set->loads[1], set->loads[2], set->held.at, set->turns.at, set->route.at,
            set->places.at, set->home_sum.at, set->work_sum.at };
        for (size_t k = 0; k < sizeof owned / sizeof *owned; k++) {
            free(owned[k]);
        }
    }
    void *owned[] = { trips->origins.at, trips->home, trips->work, trips->stops, trips->saturation, trips->loads[0],
        trips->loads[1], trips->loads[2], trips };
    for (size_t k = 0; k < sizeof owned / sizeof *owned; k++) {
        free(owned[k]);
    }
}

// Lists what can be reached from the origin, with running sums of its pull.
static void places_find(const struct city_trips *trips, struct cost_set *set, int32_t origin)
{
    router_spread(set->router, origin, USER_CAR, SPREAD_MS);
    const int32_t *settled;
    int32_t count = router_settled(set->router, &settled);
    set->places.count = set->home_sum.count = set->work_sum.count = 0;
    double home = 0.0, work = 0.0;
    double gravity_s = GRAVITY_S + GRAVITY_S_WIDE * (trips->plan->stretch - 1.0);
    for (int32_t i = 0; i < count; i++) {
        int32_t link = settled[i], time_ms = router_time_ms(set->router, link);
        if (time_ms < NEAR_MS || trips->home[link] <= 0.0 || link == origin) {
            continue;
        }
        double ratio = s_from_ms(time_ms) / gravity_s, fall = 1.0 + ratio * ratio;
        home += trips->home[link] / (fall * fall);
        work += trips->work[link] / (fall * fall);
        *GROW(set->places) = link;
        *GROW(set->home_sum) = home;
        *GROW(set->work_sum) = work;
    }
}

// The place whose running sum is the first above u of the whole.
static int32_t place_draw(const struct cost_set *set, const double *sums, double u)
{
    double wanted = u * sums[set->places.count - 1];
    int32_t low = 0, high = set->places.count - 1;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (sums[middle] > wanted) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return set->places.at[low];
}

static int32_t depart_draw(enum purpose purpose, double u)
{
    int sum = 0;
    for (int h = 0; h < HOURS; h++) {
        sum += HOURLY[purpose][h];
    }
    double left = u * sum;
    for (int h = 0; h < HOURS; h++) {
        if (left < HOURLY[purpose][h] || h == HOURS - 1) {
            double part = fmin(left / HOURLY[purpose][h], 1.0);
            int32_t ms = h * 3600000 + (int32_t)(part * 3600000.0);
            return ms < MS_PER_DAY ? ms : MS_PER_DAY - 1;
        }
        left -= HOURLY[purpose][h];
    }
    return 0;
}

static void route_count(const struct city_trips *trips, struct cost_set *set, int32_t depart_ms, bool keep)
{
    bool morning = depart_ms >= MORNING_MS && depart_ms < MORNING_MS + HOUR_MS;
    bool evening = depart_ms >= EVENING_MS && depart_ms < EVENING_MS + HOUR_MS;
    for (int32_t i = 0; i < set->route.count; i++) {
        const struct link *link = &trips->network->links[set->route.at[i]];
        set->totals.length_m += link->length_m;
        set->totals.time_s += link->length_m / link->speed_mps;
        if (i + 1 == set->route.count) {
            break;
        }
        const int32_t *to;
        int32_t count = router_successors(set->router, set->route.at[i], &to), at = 0;
        while (to[at] != set->route.at[i + 1]) {
            at++;
        }
        int32_t step = router_step(set->router, set->route.at[i]) + at;
        set->loads[PERIOD_DAY][step]++;
        set->loads[PERIOD_MORNING][step] += morning;
        set->loads[PERIOD_EVENING][step] += evening;
        if (keep && count > 1) {
            *GROW(set->turns) = (uint8_t)at;
        }
    }
    set->totals.trips++;
}

// Draws the k-th trip of a purpose from an origin under the set and counts it.
static void trip_draw(const struct city_trips *trips, struct cost_set *set, const struct origin *origin,
                      enum purpose purpose, uint64_t number, bool keep)
{
    uint64_t seed = trips->plan->seed;
    double side = random_unit(seed, RANDOM_DEMAND, number, DRAW_SIDE);
    bool to_work = purpose == TO_WORK || (purpose == OTHER && side < 0.5);
    int32_t place = place_draw(set, to_work ? set->work_sum.at : set->home_sum.at,
                               random_unit(seed, RANDOM_DEMAND, number, DRAW_PLACE));
    int32_t depart_ms = depart_draw(purpose, random_unit(seed, RANDOM_DEMAND, number, DRAW_HOUR));
    uint32_t first_turn = (uint32_t)set->turns.count;
    set->route.count = 0;
    bool found = router_find(set->router, origin->link, place, USER_CAR, &set->route);
    assert(found);   // it was settled
    route_count(trips, set, depart_ms, keep);
    if (keep) {
        double type = random_unit(seed, RANDOM_DEMAND, number, DRAW_TYPE);
        *GROW(set->held) = (struct held_trip){ .depart_ms = depart_ms, .origin_link = origin->link,
            .first_turn = first_turn, .link_count = (int16_t)set->route.count,
            .type = (int8_t)fleet_draw(type) };
    }
}

// All trips from an origin that choose by this set.
static void origin_run(const struct city_trips *trips, struct cost_set *set, int32_t index, int variant,
                       double per_intersection, bool keep)
{
    const struct origin *origin = &trips->origins.at[index];
    uint64_t source = (uint64_t)index * VARIANTS + (uint64_t)variant;
    double all = per_intersection * trips->plan->intersection_count / (keep ? VARIANTS : 1);
    places_find(trips, set, origin->link);
    if (set->places.count == 0) {
        return;
    }
    for (int purpose = 0; purpose < PURPOSE_COUNT; purpose++) {
        double home = origin->home / trips->home_all, work = origin->work / trips->work_all;
        double weight = purpose == TO_WORK ? home : purpose == TO_HOME ? work : 0.5 * (home + work);
        double expected = all * SHARE[purpose] * weight;
        uint64_t number = (source * PURPOSE_COUNT + (uint64_t)purpose) << 24;
        int64_t count = (int64_t)(expected + random_unit(trips->plan->seed, RANDOM_DEMAND, number, DRAW_COUNT));
        for (int64_t k = 0; k < count; k++) {
            trip_draw(trips, set, origin, (enum purpose)purpose, number + 1 + (uint64_t)k, keep);
        }
    }
}

// The set that the variant-th part of an origin's drivers choose by: never the same for both.
static int32_t set_of(const struct city_trips *trips, int32_t origin, int variant)
{
    int32_t first = (int32_t)(city_draw(trips, DRAW_SET, origin) * CITY_COST_SETS);
    return (first + variant * (CITY_COST_SETS / VARIANTS)) % CITY_COST_SETS;
}

static void set_run(struct city_trips *trips, struct cost_set *set, int32_t index, double per_intersection,
                    bool keep)
{
    int32_t steps = router_step_count(set->router);
    for (int p = 0; p < PERIOD_COUNT; p++) {
        memset(set->loads[p], 0, (size_t)steps * sizeof(int32_t));
    }
    set->held.count = set->turns.count = 0;
    set->totals = (struct city_trips_totals){ 0 };
    for (int32_t i = 0; i < trips->origins.count; i++) {
        for (int variant = 0; variant < (keep ? VARIANTS : 1); variant++) {   // a trial may be coarser
            if (set_of(trips, i, variant) == index) {
                origin_run(trips, set, i, variant, per_intersection, keep);
                part_done(trips);
            }
        }
    }
}

void trips_run(struct city_trips *trips, double per_intersection, bool keep)
{
    trips->done = 0;
    trips->all = (int64_t)trips->origins.count * (keep ? VARIANTS : 1);
#pragma omp parallel for schedule(static, 1)
    for (int32_t i = 0; i < CITY_COST_SETS; i++) {
        set_run(trips, &trips->sets[i], i, per_intersection, keep);
    }
    trips->totals = (struct city_trips_totals){ 0 };
    int32_t steps = router_step_count(trips->sets[0].router);
    for (int p = 0; p < PERIOD_COUNT; p++) {
        memset(trips->loads[p], 0, (size_t)steps * sizeof(int32_t));
    }
    for (int32_t i = 0; i < CITY_COST_SETS; i++) {
        const struct cost_set *set = &trips->sets[i];
        trips->totals.trips += set->totals.trips;
        trips->totals.length_m += set->totals.length_m;
        trips->totals.time_s += set->totals.time_s;
        for (int p = 0; p < PERIOD_COUNT; p++) {
            for (int32_t s = 0; s < steps; s++) {
                trips->loads[p][s] += set->loads[p][s];
            }
        }
    }
}

void trips_learn(struct city_trips *trips, const double *saturation)
{
    trips->learned++;
    for (int32_t l = 0; l < trips->network->link_count; l++) {
        trips->saturation[l] += (fmin(saturation[l], LEARNT_MOST) - trips->saturation[l]) / trips->learned;
    }
    for (int32_t i = 0; i < CITY_COST_SETS; i++) {
        costs_set(trips, i);
    }
}

const int32_t *trips_loads(const struct city_trips *trips, enum city_period period)
{
    return trips->loads[period];
}

const struct router *trips_router(const struct city_trips *trips)
{
    return trips->sets[0].router;
}

const struct city_trips_totals *trips_totals(const struct city_trips *trips)
{
    return &trips->totals;
}

// Order of writing.
struct write_order { int32_t depart_ms, set, index; };

static int by_departure(const void *a, const void *b)
{
    const struct write_order *x = a, *y = b;
    return x->depart_ms != y->depart_ms ? (x->depart_ms < y->depart_ms ? -1 : 1)
        : x->set != y->set ? (x->set < y->set ? -1 : 1) : x->index < y->index ? -1 : x->index > y->index;
}

// The street's IDM; a lorry is long and slow to start. Lengths, gaps and accelerations in the range that field studies
// give for city traffic [Treiber2000].
static enum status write_one(const struct cost_set *set, const struct held_trip *held, struct link_list *links,
                             struct demand_writer *writer, struct problem *problem)
{
    uint32_t turn = held->first_turn;
    int32_t link = held->origin_link;
    links->count = 0;
    *GROW(*links) = link;
    while (links->count < held->link_count) {
        const int32_t *to;
        int32_t count = router_successors(set->router, link, &to);
        link = to[count > 1 ? set->turns.at[turn++] : 0];
        *GROW(*links) = link;
    }
    struct demand_trip trip = { .depart_ms = held->depart_ms, .type = held->type, .links = links->at,
        .link_count = links->count, .depart_lane = -1, .depart_speed_mmps = -1, .depart_front_mm = DEPART_AT_START };
    return demand_writer_add(writer, &trip, problem);
}

enum status trips_write(struct city_trips *trips, const char *path, int64_t begin_ms, int64_t end_ms,
                        int64_t *ret_written, struct problem *problem)
{
    LIST_OF(struct write_order) order = { 0 };
    for (int32_t s = 0; s < CITY_COST_SETS; s++) {
        for (int32_t i = 0; i < trips->sets[s].held.count; i++) {
            int32_t depart_ms = trips->sets[s].held.at[i].depart_ms;
            if (depart_ms >= begin_ms && depart_ms < end_ms) {
                *GROW(order) = (struct write_order){ depart_ms, s, i };
            }
        }
    }
    if (order.count > 1) {
        qsort(order.at, (size_t)order.count, sizeof *order.at, by_departure);
    }
    struct demand_writer *writer = NULL;
    enum status status = demand_writer_create(trips->network, trips_router(trips), path, fleet_types,
                                              FLEET_TYPE_COUNT, begin_ms, end_ms, &writer,
                                              problem);
    struct link_list links = { 0 };
    trips->done = 0;
    trips->all = order.count / WRITTEN_AT_ONCE + 1;
    for (int32_t i = 0; i < order.count && status == STATUS_OK; i++) {
        const struct cost_set *set = &trips->sets[order.at[i].set];
        status = write_one(set, &set->held.at[order.at[i].index], &links, writer, problem);
        if (i % WRITTEN_AT_ONCE == 0) {
            part_done(trips);
        }
    }
    if (status == STATUS_OK) {
        status = demand_writer_close(writer, problem);
    } else if (writer != NULL) {
        demand_writer_abandon(writer);
    }
    if (status == STATUS_OK) {
        *ret_written = order.count;
    }
    free(order.at);
    free(links.at);
    return status;
}
