// bench_priority.c: what priority is worth, and what it costs the others: emergency vehicles and late buses under
// `adaptive` in the generated city at moderate demand.
//
// THEORY    20 routes wind through the city, each across 20 signals (fastest ways between random links, no link twice,
//           no turning round), for 3 seeds. Each run warms up for a quarter hour from seven o'clock, and the quarter
//           hour after that is judged. A minute into it the vehicle departs: the brain has heard of it since its begin.
//
//             emergency   one vehicle a run: its travel time with priority, and without (--no-priority), over its
//                         free-flow time, that is at its own greatest speed on each link and turn. `empty_road_s` is
//                         what the same vehicle takes alone with every lamp green: braking for turns is in it.
//             others      delay that everybody else gathers in that quarter hour, with priority over without
//             bus         all routes in one run, one bus each, five minutes late by its timetable; signal delay is what
//                         it takes more than on an empty road. The gain is the share that priority takes away.
//
//           Targets: emergency <= 1.10 of free flow, mean and worst; both are told over the empty road too, as
//           there are routes whose empty road alone takes more than 1.10. Others <= +3 %, buses >= 30 %.
//               bench-priority OUT [quick]              quick: the first seed and six routes
//               bench-priority OUT seeds N              all routes, the first N seeds
//               bench-priority OUT trace ROUTE SEED     one run, a line a second: where the vehicle is, what it sees;
//                                                       ROUTE -1: the buses
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/byte_stream.h"
#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "engine/model/units.h"
#include "sim/demand/city.h"
#include "sim/demand/demand.h"
#include "sim/demand/router.h"
#include "sim/loop/closed_loop.h"
#include "sim/loop/local_brain.h"

#define INTERSECTIONS 60
#define CITY_SEED 7
#define DEMAND_SCALE 0.6
#define ROUTE_COUNT 20
#define SEED_COUNT 3
#define QUICK_ROUTES 6
#define SIGNALS 20                     // that a route crosses
#define BEGIN_MS INT64_C(25200000)     // seven o'clock
#define WARM_MS INT64_C(900000)
#define JUDGED_MS INT64_C(900000)
#define ANNOUNCE_MS INT64_C(60000)     // an emergency vehicle is heard of so long before it sets out [NFPA1710]
#define DEPART_MS (BEGIN_MS + WARM_MS + ANNOUNCE_MS)
#define BUS_LATE_MS 300000
#define BUS_HEADWAY_MS 20000           // between departures of two routes' buses
#define FIRST_NUMBER 100000000         // of the trips added
#define TYPE_COUNT_MAX 32
#define CARRIED_MAX 64                 // links of a route at most
#define DRAWS_MAX 100000

static const struct vehicle_type EMERGENCY = { .name = "emergency", .user = USER_EMERGENCY, .following = FOLLOW_IDM,
    .length_m = 6.5, .gap_m = 2.5, .acceleration_mps2 = 2.6, .deceleration_mps2 = 4.5, .emergency_mps2 = 9.0,
    .headway_s = 1.0, .speed_mps_max = 50.0, .speed_factor = 1.0 };
static const struct vehicle_type BUS = { .name = "bus", .user = USER_BUS, .following = FOLLOW_IDM, .length_m = 12.0,
    .gap_m = 2.5, .acceleration_mps2 = 1.2, .deceleration_mps2 = 2.5, .emergency_mps2 = 7.0, .headway_s = 1.2,
    .speed_mps_max = 25.0, .speed_factor = 1.0 };

struct route {
    int32_t links[CARRIED_MAX];
    int32_t count, turns;
};

struct bench {
    struct network network;
    const char *demand_path;
    struct route routes[ROUTE_COUNT];
    int32_t route_count;
    struct byte_sink warm[SEED_COUNT]; // each seed's state when the warm-up is over
};

// Trips of the city's demand, and some of ours among them.
struct mixed_trips {
    struct demand *demand;
    const struct bench *bench;
    int32_t first_route, count, given; // ours: the buses of so many routes, or one emergency vehicle
    int32_t type;
    bool bus;
    int64_t depart_ms[1];
    int32_t number[1], kind[1], first_link[2], links[CARRIED_MAX], speed[1], first_stop[2];
    int8_t lane[1];
    struct trip_stop stop[1];
};

struct job {
    int32_t route, seed;               // route INDEX_NONE: the buses of all
    bool priority, trace;
    double travel_s[ROUTE_COUNT], free_flow_s[ROUTE_COUNT];
    double others_delay_s;             // mean over vehicles under way in the quarter hour
};

static void check(enum status status, const struct problem *problem)
{
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "bench priority: %s\n", problem->text);
        exit(1);
    }
}

static void expect(bool right, const char *what)
{
    if (!right) {
        (void)fprintf(stderr, "bench priority: %s\n", what);
        exit(1);
    }
}

// ---- routes --------------------------------------------------------------------------------------------------------

// The connection from one link to the next; the first that there is.
static const struct connection *step_between(const struct network *network, int32_t from, int32_t to)
{
    const struct link *link = &network->links[from];
    for (int32_t l = link->first_lane; l < link->first_lane + link->lane_count; l++) {
        for (int32_t i = 0; i < network->lanes[l].connection_count; i++) {
            const struct connection *step = &network->connections[network->lanes[l].first_connection + i];
            if (network->lanes[step->to_lane].link == to) {
                return step;
            }
        }
    }
    return NULL;
}

static bool link_taken(const struct route *route, int32_t link)
{
    for (int32_t i = 0; i < route->count; i++) {
        if (route->links[i] == link) {
            return true;
        }
    }
    return false;
}

// Adds the links of a way until so many signals are crossed: 1 when they are, 0 when more is needed, -1 when the way
// turns round or comes by a link again.
static int route_extend(const struct network *network, const struct link_list *way, struct route *route,
                        int32_t *signals)
{
    for (int32_t i = route->count == 0 ? 0 : 1; i < way->count; i++) {
        if (route->count == CARRIED_MAX || link_taken(route, way->at[i])) {
            return -1;
        }
        if (route->count > 0) {
            const struct connection *step = step_between(network, route->links[route->count - 1], way->at[i]);
            if (step == NULL || step->turn == TURN_U) {
                return -1;
            }
            *signals += step->group != INDEX_NONE;
            route->turns += step->turn != TURN_THROUGH;
        }
        route->links[route->count++] = way->at[i];
        if (*signals == SIGNALS) {
            return 1;
        }
    }
    return 0;
}

static void routes_find(struct bench *bench)
{
    const struct network *network = &bench->network;
    struct router *router = router_create(network);
    struct link_list way = { 0 };
    uint64_t draw = 0;
    for (bench->route_count = 0; bench->route_count < ROUTE_COUNT && draw < DRAWS_MAX;) {
        struct route *route = &bench->routes[bench->route_count];
        *route = (struct route){ 0 };
        int32_t signals = 0;
        int32_t at = (int32_t)(random_unit(CITY_SEED, RANDOM_TEST, 1, draw++) * network->link_count);
        for (int done = 0; done == 0 && draw < DRAWS_MAX;) {
            int32_t to = (int32_t)(random_unit(CITY_SEED, RANDOM_TEST, 1, draw++) * network->link_count);
            way.count = 0;
            if (!router_usable(router, to, USER_BUS) || !router_find(router, at, to, USER_BUS, &way)) {
                break;
            }
            done = route_extend(network, &way, route, &signals);
            at = to;
            bench->route_count += done > 0;
        }
    }
    expect(bench->route_count == ROUTE_COUNT, "there are not enough routes");
    router_release(router);
    free(way.at);
}

// ---- runs ----------------------------------------------------------------------------------------------------------

// One of ours, as columns of one row.
static void own_trip(struct mixed_trips *mixed, struct trip_columns *ret)
{
    const struct route *route = &mixed->bench->routes[mixed->first_route + mixed->given];
    mixed->depart_ms[0] = DEPART_MS + (int64_t)mixed->given * BUS_HEADWAY_MS;
    mixed->number[0] = FIRST_NUMBER + mixed->given;
    mixed->kind[0] = mixed->type;
    mixed->first_link[1] = route->count;
    memcpy(mixed->links, route->links, (size_t)route->count * sizeof *mixed->links);
    mixed->speed[0] = -1;
    mixed->lane[0] = -1;
    *ret = (struct trip_columns){ .count = 1, .depart_ms = mixed->depart_ms, .number = mixed->number,
        .type = mixed->kind, .first_link = mixed->first_link, .links = mixed->links, .depart_lane = mixed->lane,
        .depart_speed_mmps = mixed->speed };
    if (mixed->bus) {
        double length_m = mixed->bench->network.links[route->links[0]].length_m;
        mixed->stop[0] = (struct trip_stop){ .leg = 0, .lane = 0, .start_mm = (int32_t)(300.0 * length_m),
            .end_mm = (int32_t)(700.0 * length_m), .duration_ms = 1000,
            .until_ms = mixed->depart_ms[0] - BUS_LATE_MS, .parking = true };
        mixed->first_stop[1] = 1;
        ret->first_stop = mixed->first_stop;
        ret->stops = mixed->stop;
    }
    mixed->given++;
}

static enum status mixed_next(void *self, int64_t until_ms, struct trip_columns *ret, struct problem *problem)
{
    struct mixed_trips *mixed = self;
    int64_t own_ms = mixed->given == mixed->count ? INT64_MAX
        : DEPART_MS + (int64_t)mixed->given * BUS_HEADWAY_MS;
    enum status status = demand_next(mixed->demand, own_ms < until_ms ? own_ms : until_ms, ret, problem);
    if (status == STATUS_OK && ret->count == 0 && own_ms < until_ms) {
        own_trip(mixed, ret);
    }
    return status;
}

static double lost_s(const struct trip_result *trip, int64_t now_ms)
{
    bool entered = trip->entered_ms != INT64_MIN;
    return s_from_ms((entered ? trip->entered_ms : now_ms) - trip->depart_ms) + (entered ? trip->time_loss_s : 0.0);
}

// What all but ours have lost so far, and how many they are.
static double others_lost_s(const struct closed_loop *loop, int64_t *ret_count, int64_t *ret_arrived)
{
    int32_t count = 0;
    const struct trip_result *arrived = closed_loop_results(loop, &count);
    const struct street_counts *counts = street_counts(closed_loop_street(loop));
    int32_t left = (int32_t)(counts->waiting + counts->under_way);
    struct trip_result *open = memory_take((size_t)left + 1, sizeof *open);
    left = street_list_unfinished(closed_loop_street(loop), open, left);
    double sum_s = 0.0;
    int64_t ours = 0;
    for (int32_t i = 0; i < count + left; i++) {
        const struct trip_result *trip = i < count ? &arrived[i] : &open[i - count];
        bool own = trip->number >= FIRST_NUMBER;
        ours += own;
        sum_s += own ? 0.0 : lost_s(trip, closed_loop_now_ms(loop));
    }
    free(open);
    *ret_count = count + left - ours;
    *ret_arrived = count;
    return sum_s;
}

// Where ours is now, what stands before it on its lane, and what its groups show.
static void trace_line(const struct bench *bench, const struct closed_loop *loop, const struct route *route)
{
    static struct bound_view view[1];
    if (street_list_bound(closed_loop_street(loop), USER_EMERGENCY, view, 1) == 0) {
        return;
    }
    const struct network *network = &bench->network;
    int32_t leg = 0;
    while (leg + 1 < route->count && route->links[leg] != network->lanes[view->lane].link) {
        leg++;
    }
    static struct vehicle_view all[20000];
    int32_t count = street_list_vehicles(closed_loop_street(loop), all, 20000), before = 0;
    double gap_m = 999.0, lead_mps = -1.0, at_m = network->lanes[view->lane].length_m - view->to_stop_m;
    for (int32_t i = 0; i < count; i++) {
        bool ahead = all[i].lane == view->lane && all[i].connection == INDEX_NONE && all[i].front_m > at_m + 0.01;
        before += ahead;
        if (ahead && all[i].front_m - all[i].length_m - at_m < gap_m) {
            gap_m = all[i].front_m - all[i].length_m - at_m;
            lead_mps = all[i].speed_mps;
        }
    }
    (void)printf("%7.0f link %d leg %2d/%2d lane %d of %d to_stop %6.1f of %6.1f speed %5.2f of %5.2f before %2d "
        "gap %5.1f at %5.2f ",
        s_from_ms(closed_loop_now_ms(loop) - DEPART_MS), network->lanes[view->lane].link, leg, route->count,
        network->lanes[view->lane].position, network->links[route->links[leg]].lane_count, view->to_stop_m,
        network->links[route->links[leg]].length_m, view->speed_mps, network->links[route->links[leg]].speed_mps,
        before, gap_m, lead_mps);
    const struct connection *step = leg + 1 < route->count
        ? step_between(network, route->links[leg], route->links[leg + 1]) : NULL;
    if (step != NULL && step->group != INDEX_NONE) {
        (void)printf("turn %d group %d intersection %d aspect %d\n", step->turn, step->group,
            network->groups[step->group].intersection, closed_loop_aspects(loop)[step->group]);
    } else {
        (void)printf("no signal\n");
    }
}

static void own_results(const struct closed_loop *loop, struct job *job)
{
    int32_t count = 0, ours = 0;
    const struct trip_result *results = closed_loop_results(loop, &count);
    for (int32_t i = 0; i < count; i++) {
        int32_t route = results[i].number - FIRST_NUMBER;
        if (route >= 0) {
            int64_t until_ms = results[i].arrived_ms != INT64_MIN ? results[i].arrived_ms : closed_loop_now_ms(loop);
            job->travel_s[route] = s_from_ms(until_ms - results[i].depart_ms) - results[i].stopped_s;
            job->free_flow_s[route] = results[i].free_flow_s;
            ours++;
        }
    }
    expect(ours > 0, "a vehicle of ours got lost");
}

// One run as it is made: the loop, and what it borrows.
struct made_run {
    struct mixed_trips mixed;
    struct local_brain *brain;
    struct closed_loop *loop;
};

// ret->mixed says who is ours; nobody where its count is 0.
static void run_make(const struct bench *bench, int32_t seed, bool priority, struct made_run *ret)
{
    struct problem problem;
    struct demand_options demand_options = DEMAND_OPTIONS_DEFAULT;
    demand_options.begin_ms = BEGIN_MS;
    demand_options.scale = DEMAND_SCALE;
    demand_options.seed = (uint64_t)seed;
    check(demand_open(&bench->network, bench->demand_path, &demand_options, &ret->mixed.demand, &problem), &problem);
    int32_t count = 0;
    struct vehicle_type types[TYPE_COUNT_MAX];
    const struct vehicle_type *told = demand_types(ret->mixed.demand, &count);
    expect(count + 2 <= TYPE_COUNT_MAX, "too many vehicle types");
    memcpy(types, told, (size_t)count * sizeof *types);
    types[count] = EMERGENCY;
    types[count + 1] = BUS;
    ret->mixed.type = count + (ret->mixed.bus ? 1 : 0);
    struct brain_options brain_options = { .strategy = "adaptive", .epoch = 1, .daemon = 1, .status_age_ms_max = 3000,
        .threads = 1 };
    check(local_brain_create(&bench->network, &brain_options, &ret->brain, &problem), &problem);
    struct loop_options options = { .begin_ms = BEGIN_MS, .end_ms = BEGIN_MS + WARM_MS + JUDGED_MS * 2,
        .step_ms = MS_PER_S, .control_ms = MS_PER_S, .threads = 1, .seed = (uint64_t)seed,
        .sensing = SENSING_CAMERA, .no_priority = !priority, .announce_ms = (int32_t)ANNOUNCE_MS };
    check(closed_loop_create(&bench->network, types, count + 2, &options,
              (struct trip_source){ &ret->mixed, mixed_next }, local_brain_peer(ret->brain), &ret->loop, &problem),
        &problem);
}

static void run_release(struct made_run *run)
{
    closed_loop_release(run->loop);
    local_brain_release(run->brain);
    demand_release(run->mixed.demand);
}

// The first quarter hour of a seed, which all its runs share.
static void warm_up(const struct bench *bench, int32_t seed, struct byte_sink *ret)
{
    struct problem problem;
    struct made_run run = { .mixed = { .bench = bench } };
    run_make(bench, seed, true, &run);
    while (closed_loop_now_ms(run.loop) < BEGIN_MS + WARM_MS) {
        check(closed_loop_step(run.loop, &problem), &problem);
    }
    check(closed_loop_save(run.loop, ret, &problem), &problem);
    run_release(&run);
}

static void job_run(const struct bench *bench, struct job *job)
{
    struct problem problem;
    bool bus = job->route == INDEX_NONE;
    struct made_run run = { .mixed = { .bench = bench, .bus = bus, .first_route = bus ? 0 : job->route,
                                       .count = bus ? ROUTE_COUNT : 1 } };
    run_make(bench, job->seed, job->priority, &run);
    const struct byte_sink *warm = &bench->warm[job->seed - 1];
    struct byte_source source = { .at = warm->bytes, .left = warm->count };
    check(closed_loop_load(run.loop, &source, &problem), &problem);
    int64_t gone = 0, count = 0, arrived = 0;
    double before_s = others_lost_s(run.loop, &count, &gone);
    int64_t judged_ms = bus ? JUDGED_MS * 2 : JUDGED_MS;
    while (closed_loop_now_ms(run.loop) < BEGIN_MS + WARM_MS + judged_ms) {
        check(closed_loop_step(run.loop, &problem), &problem);
        if (job->trace && !bus) {
            trace_line(bench, run.loop, &bench->routes[job->route]);
        }
    }
    double sum_s = others_lost_s(run.loop, &count, &arrived) - before_s;
    job->others_delay_s = sum_s / (double)(count - gone);
    closed_loop_close_books(run.loop);
    own_results(run.loop, job);
    run_release(&run);
}

// The same vehicle alone, every lamp green.
static double empty_road_s(const struct bench *bench, int32_t route, bool bus, bool told)
{
    struct problem problem;
    struct mixed_trips mixed = { .bench = bench, .first_route = route, .count = 1, .type = 0 };
    struct street_options options = { .begin_ms = DEPART_MS, .step_ms = MS_PER_S, .threads = 1, .seed = 1 };
    struct street *street;
    check(street_create(&bench->network, bus ? &BUS : &EMERGENCY, 1, &options, &street, &problem), &problem);
    struct trip_columns trips;
    int32_t row;
    own_trip(&mixed, &trips);
    check(street_enter(street, &trips, &row, &problem), &problem);
    struct trip_result result;
    for (int32_t s = 0; s < 3600; s++) {
        memset(street_aspects(street), ASPECT_GREEN, (size_t)bench->network.group_count);
        street_step(street);
        struct bound_view view;
        if (told && street_list_bound(street, USER_EMERGENCY, &view, 1) == 1) {
            (void)printf("empty %d link %d\n", s + 1, view.route_count > 0 ? view.route[0] : INDEX_NONE);
        }
        if (street_take_arrived(street, &result, 1) == 1) {
            street_release(street);
            return s_from_ms(result.arrived_ms - result.depart_ms);
        }
    }
    expect(false, "a vehicle did not get through an empty city");
    return 0.0;
}

// ---- the table -----------------------------------------------------------------------------------------------------

struct sums {
    double ratio, worst, ratio_silent, ratio_empty, worst_empty, worst_limit, delay_with, delay_without,
        bus_with, bus_without, bus_others_with, bus_others_without;
    int32_t count;
};

static void emergency_row(FILE *file, const struct bench *bench, const struct job *with, const struct job *without,
                          struct sums *sums)
{
    double free_s = with->free_flow_s[0], empty_s = empty_road_s(bench, with->route, false, false);
    double ratio = with->travel_s[0] / free_s;
    (void)printf("%5d %5d %6d %10.1f %10.1f %10.1f %10.1f %8.3f %8.3f %8.2f %8.2f\n", with->route, with->seed,
        bench->routes[with->route].turns, free_s, empty_s, with->travel_s[0], without->travel_s[0], ratio,
        with->travel_s[0] / empty_s, with->others_delay_s, without->others_delay_s);
    (void)fprintf(file, "{\"kind\": \"emergency\", \"route\": %d, \"seed\": %d, \"signals\": %d, \"turns\": %d, "
        "\"free_flow_s\": %.1f, \"empty_road_s\": %.1f, \"travel_s\": %.1f, \"travel_without_s\": %.1f, "
        "\"over_free_flow\": %.4f, \"over_free_flow_without\": %.4f, \"over_empty_road\": %.4f, "
        "\"others_delay_s\": %.3f, \"others_delay_without_s\": %.3f, \"others_rise\": %.4f},\n",
        with->route, with->seed, SIGNALS, bench->routes[with->route].turns, free_s, empty_s, with->travel_s[0],
        without->travel_s[0], ratio, without->travel_s[0] / free_s, with->travel_s[0] / empty_s, with->others_delay_s,
        without->others_delay_s, with->others_delay_s / without->others_delay_s - 1.0);
    sums->ratio += ratio;
    sums->worst = fmax(sums->worst, ratio);
    sums->ratio_silent += without->travel_s[0] / free_s;
    sums->ratio_empty += with->travel_s[0] / empty_s;
    sums->worst_empty = fmax(sums->worst_empty, with->travel_s[0] / empty_s);
    sums->worst_limit = fmax(sums->worst_limit, empty_s / free_s);
    sums->delay_with += with->others_delay_s;
    sums->delay_without += without->others_delay_s;
    sums->count++;
}

static void bus_rows(FILE *file, const struct bench *bench, const struct job *with, const struct job *without,
                     struct sums *sums)
{
    for (int32_t r = 0; r < ROUTE_COUNT; r++) {
        double empty_s = empty_road_s(bench, r, true, false);
        double delay_s = with->travel_s[r] - empty_s, silent_s = without->travel_s[r] - empty_s;
        (void)fprintf(file, "{\"kind\": \"bus\", \"route\": %d, \"seed\": %d, \"free_flow_s\": %.1f, "
            "\"empty_road_s\": %.1f, \"delay_s\": %.1f, \"delay_without_s\": %.1f, \"gain\": %.4f},\n", r, with->seed,
            with->free_flow_s[r], empty_s, delay_s, silent_s, silent_s > 0.0 ? 1.0 - delay_s / silent_s : 0.0);
        sums->bus_with += delay_s;
        sums->bus_without += silent_s;
    }
    sums->bus_others_with += with->others_delay_s;
    sums->bus_others_without += without->others_delay_s;
}

static void summary(FILE *file, const struct sums *sums)
{
    double mean = sums->ratio / sums->count, rise = sums->delay_with / sums->delay_without - 1.0;
    double gain = 1.0 - sums->bus_with / sums->bus_without;
    double bus_rise = sums->bus_others_with / sums->bus_others_without - 1.0;
    (void)printf("\nemergency: %.3f of the free-flow time, at most 1.10: %s; worst %.3f: %s (without priority %.3f)\n"
        "    %.3f of the empty road's time, worst %.3f; the empty road itself takes up to %.3f of free flow\n",
        mean, mean <= 1.10 ? "holds" : "does not hold", sums->worst, sums->worst <= 1.10 ? "holds" : "does not hold",
        sums->ratio_silent / sums->count, sums->ratio_empty / sums->count, sums->worst_empty, sums->worst_limit);
    (void)printf("others: %+.2f %% delay in that quarter hour, at most +3 %%: %s\n", 100.0 * rise,
        rise <= 0.03 ? "holds" : "does not hold");
    (void)printf("late buses: %.1f %% less signal delay, at least 30 %%: %s; others %+.2f %%\n", 100.0 * gain,
        gain >= 0.30 ? "holds" : "does not hold", 100.0 * bus_rise);
    (void)fprintf(file, "{\"kind\": \"summary\", \"over_free_flow\": %.4f, \"over_free_flow_worst\": %.4f, "
        "\"over_free_flow_without\": %.4f, \"over_empty_road\": %.4f, \"over_empty_road_worst\": %.4f, "
        "\"empty_road_worst\": %.4f, \"others_rise\": %.4f, \"bus_gain\": %.4f, \"bus_others_rise\": %.4f}",
        mean, sums->worst, sums->ratio_silent / sums->count, sums->ratio_empty / sums->count, sums->worst_empty,
        sums->worst_limit, rise, gain, bus_rise);
}

static void trace(struct bench *bench, int32_t route, int32_t seed)
{
    struct job job = { .route = route, .seed = seed, .priority = true, .trace = true };
    expect(route >= INDEX_NONE && route < ROUTE_COUNT, "there is no such route");
    expect(seed >= 1 && seed <= SEED_COUNT, "there is no such seed");
    warm_up(bench, seed, &bench->warm[seed - 1]);
    job_run(bench, &job);
    for (int32_t r = 0; r < ROUTE_COUNT && route == INDEX_NONE; r++) {
        (void)printf("bus %d: travel %.1f s, free flow %.1f s\n", r, job.travel_s[r], job.free_flow_s[r]);
    }
    if (route == INDEX_NONE) {
        return;
    }
    (void)printf("travel %.1f s, free flow %.1f s, empty road %.1f s\n", job.travel_s[0], job.free_flow_s[0],
        empty_road_s(bench, route, false, true));
}

static void report(struct bench *bench, FILE *file, int32_t route_count, int32_t seed_count)
{
    int32_t count = 2 * seed_count * (route_count + 1);
    struct job *jobs = memory_take((size_t)count, sizeof *jobs);
    for (int32_t j = 0; j < count; j++) {
        int32_t pair = j / 2, route = pair % (route_count + 1);
        jobs[j] = (struct job){ .route = route == route_count ? INDEX_NONE : route,
            .seed = 1 + pair / (route_count + 1), .priority = j % 2 == 0 };
    }
    int threads = omp_get_num_procs() < 2 ? 1 : 2;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (int32_t seed = 1; seed <= seed_count; seed++) {
        warm_up(bench, seed, &bench->warm[seed - 1]);
    }
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (int32_t j = 0; j < count; j++) {
        job_run(bench, &jobs[j]);
    }
    struct sums sums = { 0 };
    (void)printf("%5s %5s %6s %10s %10s %10s %10s %8s %8s %8s %8s\n", "route", "seed", "turns", "free s", "empty s",
        "with s", "without s", "/free", "/empty", "others s", "without");
    (void)fprintf(file, "[");
    for (int32_t j = 0; j < count; j += 2) {
        (jobs[j].route == INDEX_NONE ? bus_rows : emergency_row)(file, bench, &jobs[j], &jobs[j + 1], &sums);
    }
    summary(file, &sums);
    (void)fprintf(file, "]\n");
    free(jobs);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    char path[] = "/tmp/bench-priority-XXXXXX";
    int handle = mkstemp(path);
    expect(handle >= 0, "no temporary file for the demand");
    (void)close(handle);
    struct city_options city = CITY_OPTIONS_DEFAULT;
    city.intersections = INTERSECTIONS;
    city.seed = CITY_SEED;
    city.begin_h = 7.0;
    city.end_h = 8.0;
    struct city_summary told;
    struct problem problem;
    check(city_generate(&city, path, &bench.network, &told, &problem), &problem);
    bench.demand_path = path;
    routes_find(&bench);
    bool quick = argc > 2 && strcmp(argv[2], "quick") == 0;
    FILE *file = fopen(argc > 1 ? argv[1] : "/dev/null", "w");
    expect(file != NULL, "the report cannot be written");
    if (argc > 4 && strcmp(argv[2], "trace") == 0) {
        trace(&bench, atoi(argv[3]), atoi(argv[4]));
    } else {
        int32_t seeds = argc > 3 && strcmp(argv[2], "seeds") == 0 ? atoi(argv[3]) : SEED_COUNT;
        expect(seeds >= 1 && seeds <= SEED_COUNT, "there are three seeds");
        report(&bench, file, quick ? QUICK_ROUTES : ROUTE_COUNT, quick ? 1 : seeds);
    }
    (void)fclose(file);
    (void)unlink(path);
    for (int32_t i = 0; i < SEED_COUNT; i++) {
        sink_release(&bench.warm[i]);
    }
    network_release(&bench.network);
    return 0;
}
