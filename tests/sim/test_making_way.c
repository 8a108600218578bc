// Goal: drivers make way for an emergency vehicle behind them, and for nobody else: they leave its lane, keep out of
// it, and one who waits at the end of a wrong lane drives on.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sim/traffic/street.h"
#include "tests/sim/grid_town.h"
#include "tests/sim/toy_roads.h"

#define SLOW_MPS 5.0
#define FAST_MPS 14.0

static struct street *street_of(const struct network *network, const struct vehicle_type *types, int32_t count)
{
    struct street_options options = { .step_ms = 1000, .threads = 1, .seed = 1 };
    struct street *street;
    struct problem problem;
    assert_int_equal(street_create(network, types, count, &options, &street, &problem), STATUS_OK);
    return street;
}

// Trip number i takes type i and departs at depart_ms[i] on lane[i]; all of one route.
static void enter(struct street *street, int32_t count, int64_t *depart_ms, int8_t *lane, const int32_t *route,
                  int32_t route_count)
{
    int32_t number[3] = { 0, 1, 2 }, type[3] = { 0, 1, 2 }, first_link[4] = { 0 }, links[9], speed[3] = { -1, -1, -1 };
    for (int32_t i = 0; i < count; i++) {
        memcpy(&links[first_link[i]], route, (size_t)route_count * sizeof *links);
        first_link[i + 1] = first_link[i] + route_count;
    }
    struct trip_columns trips = { count, depart_ms, number, type, first_link, links, lane, speed, NULL, NULL, NULL };
    struct problem problem;
    int32_t row;
    assert_int_equal(street_enter(street, &trips, &row, &problem), STATUS_OK);
}

static int64_t arrives_ms(struct street *street, int32_t number, int seconds)
{
    for (int s = 0; s < seconds; s++) {
        street_step(street);
        struct trip_result results[3];
        int32_t count = street_take_arrived(street, results, 3);
        for (int32_t i = 0; i < count; i++) {
            if (results[i].number == number) {
                return results[i].arrived_ms;
            }
        }
    }
    return INT64_MAX;
}

// Two lanes of 1,000 m; on each one drives at 5 m/s, side by side: 200 s. Who comes behind at 14 m/s 20 s later has
// caught up after 31 s more, 155 m from the start. An ordinary car follows to the end; before an emergency vehicle the
// one goes behind the other within 10 s, 50 m on, and it drives the other 795 m in 57 s: it is there after 130 s at
// most.
static int64_t follower_arrives_ms(enum user_class user)
{
    struct toy_road road = { "road", 0, 1, 2, 1000.0, FAST_MPS, 0, 0 };
    struct network network;
    toy_roads_create(&road, 1, 2, &network);
    struct vehicle_type types[3] = { town_car(), town_car(), town_car() };
    types[0].speed_mps_max = types[1].speed_mps_max = SLOW_MPS;
    types[2].user = user;
    struct street *street = street_of(&network, types, 3);
    int32_t route = 0;
    enter(street, 3, (int64_t[]){ 0, 0, 20000 }, (int8_t[]){ 0, 1, 0 }, &route, 1);
    int64_t at_ms = arrives_ms(street, 2, 400);
    street_release(street);
    network_release(&network);
    return at_ms;
}

static void those_ahead_leave_its_lane(void **state)
{
    (void)state;
    int64_t at_ms = follower_arrives_ms(USER_EMERGENCY);
    assert_true(at_ms > 20000 + 1000000 / 14 && at_ms < 130000);
    assert_true(follower_arrives_ms(USER_CAR) > 190000);
}

// The connection from the kerb lane beside the lane of `left` straight on.
static const struct connection *through_from_kerb(const struct network *network, const struct connection *left)
{
    int32_t kerb = network->links[network->lanes[left->from_lane].link].first_lane;
    for (int32_t i = 0; i < network->connection_count; i++) {
        const struct connection *connection = &network->connections[i];
        if (connection->from_lane == kerb && connection->turn == TURN_THROUGH) {
            return connection;
        }
    }
    return NULL;
}

// A town of three lanes. One begins in the kerb lane and would turn left, but the middle lane is not for it; behind it
// comes one of this user who goes straight on. When that one arrives; INT64_MAX where the first finds no other way.
static int64_t behind_lost_ms(struct network *network, const struct connection *left, enum user_class user)
{
    const struct connection *through = through_from_kerb(network, left);
    struct lane *middle = &network->lanes[through->from_lane + 1];
    uint32_t users = middle->users;
    middle->users = USER_BICYCLE;
    struct vehicle_type types[2] = { town_car(), town_car() };
    types[1].user = user;
    struct street *street = street_of(network, types, 2);
    int32_t lost[2] = { network->lanes[left->from_lane].link, network->lanes[left->to_lane].link };
    int32_t links[4] = { lost[0], lost[1], lost[0], network->lanes[through->to_lane].link };
    int64_t depart_ms[2] = { 0, 5000 };
    int32_t number[2] = { 0, 1 }, type[2] = { 0, 1 }, first_link[3] = { 0, 2, 4 }, speed[2] = { -1, -1 }, row;
    int8_t lane[2] = { 0, 0 };
    struct trip_columns trips = { 2, depart_ms, number, type, first_link, links, lane, speed, NULL, NULL, NULL };
    struct problem problem;
    assert_int_equal(street_enter(street, &trips, &row, &problem), STATUS_OK);
    int64_t at_ms = arrives_ms(street, 1, 300);
    for (int s = 0; s < 300 && street_counts(street)->arrived < 2; s++) {
        street_step(street);
    }
    middle->users = users;
    bool found = street_counts(street)->detours == 1 && street_counts(street)->arrived == 2;
    street_release(street);
    return found ? at_ms : INT64_MAX;
}

// An ordinary car waits the two minutes that the lost one waits for its lane; an emergency vehicle some seconds.
static void who_is_lost_drives_on(void **state)
{
    (void)state;
    struct network network;
    town_create(&(struct town_options){ 3, 3, 3, 0, 80.0, 13.89, 20, false }, &network);
    int compared = 0;
    for (int32_t i = 0; i < network.connection_count; i++) {
        const struct connection *left = &network.connections[i];
        int64_t car_ms = left->turn == TURN_LEFT ? behind_lost_ms(&network, left, USER_CAR) : INT64_MAX;
        if (car_ms < 170000) {          // after three minutes the first one would go out: no way leads on to its goal
            assert_true(car_ms > 120000);
            assert_true(behind_lost_ms(&network, left, USER_EMERGENCY) < 40000);
            compared++;
        }
    }
    assert_true(compared > 0);
    network_release(&network);
}

// Two side by side at one speed; the one at the kerb must leave its lane, which is for buses beyond the line. It falls
// back behind the other in time: neither stands.
static void who_must_change_gets_behind_the_one_beside_it(void **state)
{
    (void)state;
    struct toy_road roads[2] = { { "a", 0, 1, 2, 400.0, FAST_MPS, 0, 0 },
        { "b", 1, 2, 2, 400.0, FAST_MPS, 0, USER_BUS } };
    struct network network;
    toy_roads_create(roads, 2, 3, &network);
    struct vehicle_type types[2] = { town_car(), town_car() };
    struct street *street = street_of(&network, types, 2);
    enter(street, 2, (int64_t[]){ 0, 0 }, (int8_t[]){ 0, 1 }, (int32_t[]){ 0, 1 }, 2);
    for (int s = 0; s < 150; s++) {
        street_step(street);
    }
    struct trip_result results[2];
    assert_int_equal(street_take_arrived(street, results, 2), 2);
    assert_int_equal(results[0].stops, 0);
    assert_int_equal(results[1].stops, 0);
    street_release(street);
    network_release(&network);
}

// What is due at the border: an emergency vehicle is listed from so long before, with its lane, way and route, and
// nobody is counted before.
static void it_is_announced(void **state)
{
    (void)state;
    struct toy_road road = { "road", 0, 1, 2, 1000.0, FAST_MPS, 0, 0 };
    struct network network;
    toy_roads_create(&road, 1, 2, &network);
    struct vehicle_type types[3] = { town_car(), town_car(), town_car() };
    types[2].user = USER_EMERGENCY;
    struct street *street = street_of(&network, types, 3);
    int32_t route = 0;
    enter(street, 3, (int64_t[]){ 10000, 15000, 20000 }, (int8_t[]){ 0, 0, 1 }, &route, 1);
    struct bound_view due[3];
    assert_int_equal(street_list_due(street, USER_EMERGENCY, 19999, due, 3), 0);
    assert_int_equal(street_list_due(street, USER_EMERGENCY, 20000, due, 3), 1);
    assert_int_equal(due[0].number, 2);
    assert_int_equal(due[0].departs_in_ms, 20000);
    assert_int_equal(due[0].lane, 1);
    assert_true(due[0].to_stop_m == 1000.0);
    assert_true(due[0].route_count == 1 && due[0].route[0] == 0);
    assert_int_equal(street_list_due(street, USER_EMERGENCY | USER_CAR, 20000, due, 2), 2);
    assert_int_equal(street_counts(street)->scheduled, 0);
    for (int s = 0; s < 18; s++) {
        street_step(street);
    }
    assert_int_equal(street_list_due(street, USER_EMERGENCY, 20000, due, 3), 1);
    assert_int_equal(due[0].departs_in_ms, 2000);
    for (int s = 0; s < 4; s++) {
        street_step(street);
    }
    assert_int_equal(street_list_due(street, USER_EMERGENCY, 20000, due, 3), 0);
    street_release(street);
    network_release(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_must_change_gets_behind_the_one_beside_it),
        cmocka_unit_test(who_is_lost_drives_on),
        cmocka_unit_test(those_ahead_leave_its_lane),
        cmocka_unit_test(it_is_announced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
