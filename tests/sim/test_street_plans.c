// Goal: stops of a plan last as long as they say and cost what braking and starting cost, on the lane or beside it; a
// timetable holds a bus and tells how late it is; closed lanes are left alone and come back; pedestrians wait as
// theory says. Expected numbers are worked out beside each test.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/model/lamp.h"
#include "sim/traffic/pedestrians.h"
#include "sim/traffic/street.h"
#include "tests/sim/grid_town.h"

#define LINKS 3
#define TRIPS_MAX 8

// A straight way through a town of two crossings without signals, and trips on it.
struct road {
    struct network network;
    struct vehicle_type type;
    int32_t links[TRIPS_MAX * LINKS];
    int64_t depart_ms[TRIPS_MAX];
    int32_t number[TRIPS_MAX], types[TRIPS_MAX], first_link[TRIPS_MAX + 1], first_stop[TRIPS_MAX + 1],
        speed[TRIPS_MAX];
    int8_t lane[TRIPS_MAX];
    struct trip_stop stops[TRIPS_MAX];
    struct trip_columns trips;
    struct lane_closure closures[4];
    int32_t closure_count;
    struct street *street;
};

static int32_t link_through(const struct network *network, int32_t link)
{
    const struct link *at = &network->links[link];
    for (int32_t i = at->first_lane; i < at->first_lane + at->lane_count; i++) {
        const struct lane *lane = &network->lanes[i];
        for (int32_t c = lane->first_connection; c < lane->first_connection + lane->connection_count; c++) {
            if (network->connections[c].turn == TURN_THROUGH) {
                return network->lanes[network->connections[c].to_lane].link;
            }
        }
    }
    return INDEX_NONE;
}

// The way with LINKS links, which goes straight on.
static void way_find(const struct network *network, int32_t *ret)
{
    for (int32_t link = 0; link < network->link_count; link++) {
        ret[0] = link;
        ret[1] = link_through(network, link);
        ret[2] = ret[1] != INDEX_NONE ? link_through(network, ret[1]) : INDEX_NONE;
        if (ret[2] != INDEX_NONE) {
            return;
        }
    }
    fail_msg("no way through the town");
}

static void road_open(struct road *road, int lanes)
{
    memset(road, 0, sizeof *road);
    town_create(&(struct town_options){ 1, 2, lanes, 0, 300.0, 13.89, 20, false }, &road->network);
    road->type = town_car();
    road->type.following = FOLLOW_KRAUSS;
    road->type.user = USER_BUS;
    road->type.speed_deviation = 0.0;
}

static void trip_add(struct road *road, int64_t depart_ms, const struct trip_stop *stop)
{
    int32_t i = road->trips.count++;
    way_find(&road->network, road->links + i * LINKS);
    road->depart_ms[i] = depart_ms;
    road->number[i] = i;
    road->lane[i] = -1;
    road->speed[i] = -1;
    road->first_link[i + 1] = LINKS * (i + 1);
    road->first_stop[i + 1] = road->first_stop[i];
    if (stop != NULL) {
        road->stops[road->first_stop[i + 1]++] = *stop;
    }
}

static void road_begin(struct road *road)
{
    struct street_options options = { .step_ms = 1000, .threads = 1, .seed = 1, .closures = road->closures,
        .closure_count = road->closure_count };
    struct trip_columns trips = { road->trips.count, road->depart_ms, road->number, road->types, road->first_link,
        road->links, road->lane, road->speed, road->first_stop, road->stops, NULL };
    struct problem problem;
    int32_t row;
    assert_int_equal(street_create(&road->network, &road->type, 1, &options, &road->street, &problem), STATUS_OK);
    assert_int_equal(street_enter(road->street, &trips, &row, &problem), STATUS_OK);
}

// Drives until all have arrived, at most so long; the results by number.
static int32_t road_drive(struct road *road, int seconds, struct trip_result *ret)
{
    int32_t count = 0;
    for (int i = 0; i < seconds && count < road->trips.count; i++) {
        street_step(road->street);
        struct trip_result taken[TRIPS_MAX];
        int32_t got = street_take_arrived(road->street, taken, TRIPS_MAX);
        for (int32_t k = 0; k < got; k++, count++) {
            ret[taken[k].number] = taken[k];
        }
    }
    return count;
}

static void road_close(struct road *road)
{
    street_release(road->street);
    network_release(&road->network);
}

static double duration_s(const struct trip_result *result)
{
    return (double)(result->arrived_ms - result->entered_ms) / 1000.0;
}

static struct trip_stop stop_at(int32_t leg, int32_t end_m, int32_t duration_s)
{
    return (struct trip_stop){ .leg = leg, .start_mm = 1000 * (end_m - 15), .end_mm = 1000 * end_m,
        .duration_ms = 1000 * duration_s, .until_ms = INT64_MIN };
}

static struct trip_result drive_one(const struct trip_stop *stop)
{
    struct road road;
    struct trip_result result[TRIPS_MAX];
    road_open(&road, 1);
    trip_add(&road, 0, stop);
    road_begin(&road);
    assert_int_equal(road_drive(&road, 600, result), 1);
    road_close(&road);
    return result[0];
}

// A stop of d seconds costs d, and what braking from v with b and starting with a lose: v / 2a + v / 2b = 2.67 + 1.54 s
// at 13.89 m/s with 2.6 and 4.5 m/s2; dawdling and whole steps add up to three more.
static void a_stop_costs_its_dwell_and_braking_and_starting(void **state)
{
    (void)state;
    struct trip_result free_way = drive_one(NULL);
    for (int32_t dwell_s = 10; dwell_s <= 40; dwell_s += 15) {
        for (int parking = 0; parking < 2; parking++) {
            struct trip_stop stop = stop_at(1, 150, dwell_s);
            stop.parking = parking != 0;
            struct trip_result stopped = drive_one(&stop);
            double cost_s = duration_s(&stopped) - duration_s(&free_way) - dwell_s;
            assert_true(cost_s > 3.0 && cost_s < 8.0);
            assert_true(fabs(stopped.stopped_s - dwell_s) < 1.01);
            assert_true(fabs(stopped.time_loss_s - free_way.time_loss_s - cost_s) < 1.5);
            assert_true(stopped.waiting_s <= free_way.waiting_s + 2.0);
            assert_int_equal(stopped.stops, free_way.stops);
            assert_true(fabs(stopped.length_m - free_way.length_m) < 14.0);   // the last step ends past the end
        }
    }
}

// A place on the next link 20 m after its beginning: seen and braked for from the link before.
static void a_stop_just_behind_a_crossing_is_met(void **state)
{
    (void)state;
    struct trip_stop stop = stop_at(1, 20, 10);
    struct trip_result stopped = drive_one(&stop);
    assert_true(fabs(stopped.stopped_s - 10.0) < 1.01);
}

static double late_after_s(struct road *road, double x_m_min)
{
    struct bound_view view;
    for (int i = 0; i < 600; i++) {
        street_step(road->street);
        int32_t count = street_list_bound(road->street, USER_BUS, &view, 1);
        double length_m = count > 0 ? road->network.lanes[view.lane].length_m : 0.0;
        if (count > 0 && road->network.lanes[view.lane].link == road->links[1] && length_m - view.to_stop_m > x_m_min) {
            return view.lost_s;
        }
    }
    return NAN;
}

// The bus needs some 40 s to the stop at 150 m of the second link. By a timetable of 200 s it leaves on time; by one
// of 10 s it is late by what it left after that.
static void a_timetable_holds_and_tells_who_is_late(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct road road;
        road_open(&road, 1);
        struct trip_stop stop = stop_at(1, 150, 5);
        stop.until_ms = late ? 10000 : 200000;
        trip_add(&road, 0, &stop);
        road_begin(&road);
        double late_s = late_after_s(&road, 160.0);
        double now_s = (double)street_now_ms(road.street) / 1000.0;
        // It has driven 10 m since, which took it five seconds; starting lost it at most six.
        assert_true(late ? late_s > now_s - 10.0 - 8.0 && late_s < now_s - 10.0 : late_s >= 0.0 && late_s < 6.0);
        assert_true(late ? now_s < 100.0 : now_s >= 200.0 && now_s < 210.0);
        road_close(&road);
    }
}

static void one_on_the_lane_holds_up_and_one_beside_it_does_not(void **state)
{
    (void)state;
    for (int parking = 0; parking < 2; parking++) {
        struct road road;
        struct trip_result result[TRIPS_MAX];
        road_open(&road, 1);
        struct trip_stop stop = stop_at(1, 150, 60);
        stop.parking = parking != 0;
        trip_add(&road, 0, &stop);
        trip_add(&road, 5000, NULL);
        road_begin(&road);
        assert_int_equal(road_drive(&road, 600, result), 2);
        assert_true(parking ? result[1].arrived_ms + 30000 < result[0].arrived_ms
            : result[1].arrived_ms > result[0].arrived_ms && result[1].waiting_s > 40.0);
        road_close(&road);
    }
}

// With two lanes one who stands behind a bus goes round it.
static void with_two_lanes_one_goes_round(void **state)
{
    (void)state;
    struct road road;
    struct trip_result result[TRIPS_MAX];
    road_open(&road, 2);
    struct trip_stop stop = stop_at(1, 150, 90);
    trip_add(&road, 0, &stop);
    trip_add(&road, 2000, NULL);
    road.lane[0] = road.lane[1] = 0;
    road_begin(&road);
    assert_int_equal(road_drive(&road, 600, result), 2);
    assert_true(result[1].arrived_ms + 40000 < result[0].arrived_ms);
    road_close(&road);
}

// The second bus stands behind the first, within the place, and its dwell runs there.
static void two_buses_stand_at_one_stop_together(void **state)
{
    (void)state;
    struct road road;
    struct trip_result result[TRIPS_MAX];
    road_open(&road, 1);
    struct trip_stop stop = stop_at(1, 150, 30);
    trip_add(&road, 0, &stop);
    trip_add(&road, 4000, &stop);
    road_begin(&road);
    assert_int_equal(road_drive(&road, 600, result), 2);
    assert_true(result[1].arrived_ms - result[0].arrived_ms < 15000);
    assert_true(fabs(result[1].stopped_s - 30.0) < 1.01);
    road_close(&road);
}

static void stops_that_cannot_be_are_refused(void **state)
{
    (void)state;
    const struct trip_stop bad[] = { stop_at(3, 50, 5), stop_at(-1, 50, 5), stop_at(1, 5000, 5), stop_at(1, 50, -5),
        { .leg = 1, .lane = 4, .start_mm = 0, .end_mm = 9000 }, { .leg = 1, .start_mm = 9000, .end_mm = 1000 } };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct road road;
        road_open(&road, 1);
        trip_add(&road, 0, NULL);
        road_begin(&road);
        struct trip_stop stops[1] = { bad[i] };
        int32_t first_stop[2] = { 0, 1 }, row = -1;
        int64_t depart_ms = 5000;
        int32_t number = 1;
        struct trip_columns trips = { 1, &depart_ms, &number, road.types, road.first_link, road.links, road.lane,
            road.speed, first_stop, stops, NULL };
        struct problem problem;
        assert_int_not_equal(street_enter(road.street, &trips, &row, &problem), STATUS_OK);
        assert_int_equal(row, 0);
        road_close(&road);
    }
}

// A street closed from 30 s to 200 s: who is before it then waits and drives on afterwards; who was past it does not.
static void who_is_before_a_closed_street_waits(void **state)
{
    (void)state;
    struct road road;
    struct trip_result result[TRIPS_MAX];
    road_open(&road, 1);
    trip_add(&road, 0, NULL);
    trip_add(&road, 26000, NULL);
    const struct link *middle = &road.network.links[road.links[1]];
    road.closures[0] = (struct lane_closure){ middle->first_lane, ~0u, 30000, 200000 };
    road.closure_count = 1;
    road_begin(&road);
    assert_int_equal(road_drive(&road, 600, result), 2);
    assert_true(result[0].arrived_ms < 100000);
    assert_true(result[1].arrived_ms > 200000 && result[1].arrived_ms < 290000);
    assert_true(result[1].waiting_s > 100.0);
    road_close(&road);
}

static void a_closed_lane_is_not_driven_on(void **state)
{
    (void)state;
    struct road road;
    road_open(&road, 2);
    for (int32_t i = 0; i < TRIPS_MAX; i++) {
        trip_add(&road, 40000 + 3000 * i, NULL);
        road.lane[i] = (int8_t)(i % 2);
    }
    for (int i = 0; i < 2; i++) {
        int32_t lane = road.network.links[road.links[i]].first_lane;
        road.closures[i] = (struct lane_closure){ lane + (i == 0 ? 1 : 0), ~0u, 10000, 150000 };
    }
    road.closure_count = 2;
    road_begin(&road);
    struct vehicle_view views[TRIPS_MAX];
    int seen = 0;
    for (int i = 0; i < 400; i++) {
        street_step(road.street);
        int32_t count = street_list_vehicles(road.street, views, TRIPS_MAX);
        for (int32_t k = 0; k < count && street_now_ms(road.street) <= 150000; k++) {
            assert_true(views[k].connection >= 0 || views[k].lane != road.closures[0].lane);
            assert_true(views[k].connection >= 0 || views[k].lane != road.closures[1].lane);
            seen++;
        }
    }
    assert_true(seen > 100);
    // Those who depart on the closed lane wait for its end.
    assert_int_equal(street_counts(road.street)->arrived, TRIPS_MAX);
    road_close(&road);
}

// At a signal of 60 s red and 30 s walk: who comes at random waits r^2 / 2c = 3600 / 180 = 20 s on average, at most
// 60 s. Of some 10,000 the mean is off by less than 1 s.
static void pedestrians_wait_as_theory_says(void **state)
{
    (void)state;
    struct signal_group group = { .kind = GROUP_PEDESTRIAN, .intersection = 0, .on_call = true };
    struct intersection intersection = { .first_group = 0, .group_count = 1 };
    struct network network = { .groups = &group, .group_count = 1, .intersections = &intersection,
        .intersection_count = 1 };
    struct pedestrians *walkers = pedestrians_create(&network, 1000.0, 7, 0), *others = NULL;
    struct byte_sink sink = { 0 };
    for (int64_t t_ms = 0; t_ms < 36000000; t_ms += 1000) {
        uint8_t aspect = t_ms / 1000 % 90 < 60 ? ASPECT_RED : ASPECT_GREEN;
        if (t_ms == 18000000) {
            pedestrians_save(walkers, &sink);
            others = pedestrians_create(&network, 1000.0, 7, 0);
            struct byte_source source = { .at = sink.bytes, .left = sink.count };
            assert_true(pedestrians_load(others, &source));
        }
        pedestrians_step(walkers, t_ms, 1000, &aspect);
        if (others != NULL) {
            pedestrians_step(others, t_ms, 1000, &aspect);
        }
        assert_true(aspect == ASPECT_RED || pedestrians_calls(walkers)[0] == 0);
        assert_int_equal(pedestrians_calls(walkers)[0], pedestrians_counted(walkers).waiting > 0 ? 1 : 0);
    }
    struct pedestrian_counts counts = pedestrians_counted(walkers), same = pedestrians_counted(others);
    assert_memory_equal(&counts, &same, sizeof counts);
    assert_int_equal(counts.arrived, counts.served + counts.waiting);
    assert_true(counts.arrived > 9600 && counts.arrived < 10400);
    double mean_s = (double)counts.delay_ms / 1000.0 / (double)counts.served;
    assert_true(fabs(mean_s - 20.0) < 1.0);
    assert_true(counts.delay_ms_max <= 60000 && counts.delay_ms_max > 59000);
    struct byte_source cut = { .at = sink.bytes, .left = sink.count / 2 };
    assert_false(pedestrians_load(others, &cut));
    sink_release(&sink);
    pedestrians_release(walkers);
    pedestrians_release(others);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stop_costs_its_dwell_and_braking_and_starting),
        cmocka_unit_test(a_stop_just_behind_a_crossing_is_met),
        cmocka_unit_test(a_timetable_holds_and_tells_who_is_late),
        cmocka_unit_test(one_on_the_lane_holds_up_and_one_beside_it_does_not),
        cmocka_unit_test(with_two_lanes_one_goes_round),
        cmocka_unit_test(two_buses_stand_at_one_stop_together),
        cmocka_unit_test(stops_that_cannot_be_are_refused),
        cmocka_unit_test(who_is_before_a_closed_street_waits),
        cmocka_unit_test(a_closed_lane_is_not_driven_on),
        cmocka_unit_test(pedestrians_wait_as_theory_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
