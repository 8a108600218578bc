// Goal: a vehicle of CityFlow's, alone on the road, drives in our street as CityFlow's engine has it drive: from a
// standstill, with the speed of its turn from a fixed way before the line on, and over a green line without a look at
// those who are under no signal. Speeds were computed by hand from its rules.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/import/import.h"
#include "sim/traffic/street.h"
#include "tests/engine/cityflow_crossing.h"

enum { SECONDS = 120 };

static const double TOP_MPS = 11.111, TURN_MPS = 8.333, GAIN_MPS = 2.0, BRAKE_MPS2 = 4.5;

static struct vehicle_type driver(double turn_way_m)
{
    return (struct vehicle_type){ .name = "car", .user = USER_CAR, .following = FOLLOW_KRAUSS, .length_m = 5.0,
        .gap_m = 2.5, .acceleration_mps2 = GAIN_MPS, .deceleration_mps2 = BRAKE_MPS2, .emergency_mps2 = BRAKE_MPS2,
        .headway_s = 1.775, .speed_mps_max = TOP_MPS, .speed_factor = 1.0, .turn_way_m = turn_way_m };
}

static double turn_way(void)
{
    return TOP_MPS * TOP_MPS / (2.0 * BRAKE_MPS2) + 2.0 * TOP_MPS;
}

static void crossing_create(struct network *ret)
{
    char path[] = "/tmp/cityflow-drivers-XXXXXX";
    char *text = cityflow_text(&(struct cityflow_crossing){ .legs = 0xf, .lanes = 3 });
    int file = mkstemp(path);
    assert_true(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text));
    struct problem problem = { "" };
    struct import_options options = IMPORT_OPTIONS_DEFAULT;
    if (import_network(path, &options, ret, NULL, &problem) != STATUS_OK) {
        fail_msg("%s", problem.text);
    }
    (void)close(file);
    (void)unlink(path);
    free(text);
}

struct drive {
    double speed_mps[SECONDS], to_line_m[SECONDS];   // at the end of each second on the first link
    int seconds;                                     // so many
    struct trip_result result;
};

// One vehicle from the west, all lights of its turn green.
static void drive_alone(enum turn turn, double turn_way_m, struct drive *ret)
{
    struct network network;
    crossing_create(&network);
    struct link_id from = network_find_link(&network, "in0");
    const struct connection *taken = NULL;
    for (int32_t i = 0; i < network.connection_count && taken == NULL; i++) {
        const struct connection *connection = &network.connections[i];
        taken = network.lanes[connection->from_lane].link == from.index && connection->turn == turn ? connection : NULL;
    }
    assert_non_null(taken);
    int64_t depart_ms[] = { 0 };
    int32_t number[] = { 0 }, type[] = { 0 }, first_link[] = { 0, 2 }, speed[] = { 0 };
    int32_t links[] = { from.index, network.lanes[taken->to_lane].link };
    int8_t lane[] = { -1 };
    struct trip_columns trips = { 1, depart_ms, number, type, first_link, links, lane, speed, NULL, NULL, NULL };
    struct vehicle_type car = driver(turn_way_m);
    struct street *street;
    struct problem problem = { "" };
    struct street_options options = { .step_ms = 1000, .threads = 1, .seed = 1 };
    int32_t row;
    assert_int_equal(street_create(&network, &car, 1, &options, &street, &problem), STATUS_OK);
    assert_int_equal(street_enter(street, &trips, &row, &problem), STATUS_OK);
    *ret = (struct drive){ .seconds = 0 };
    for (int second = 0; second < SECONDS; second++) {
        struct vehicle_view view;
        for (int32_t g = 0; g < network.group_count; g++) {
            street_aspects(street)[g] = g == taken->group ? ASPECT_GREEN : ASPECT_RED;
        }
        street_step(street);
        if (street_list_vehicles(street, &view, 1) == 1 && view.connection == INDEX_NONE
            && network.lanes[view.lane].link == from.index) {
            ret->speed_mps[ret->seconds] = view.speed_mps;
            ret->to_line_m[ret->seconds++] = network.lanes[view.lane].length_m - view.front_m;
        }
    }
    assert_int_equal(street_take_arrived(street, &ret->result, 1), 1);
    street_release(street);
    network_release(&network);
}

static void speeds_are_cityflows(enum turn turn)
{
    struct drive drive;
    drive_alone(turn, turn_way(), &drive);
    assert_true(drive.seconds > 25);
    double before_mps = 0.0, to_line_m = INFINITY;
    for (int i = 0; i < drive.seconds; i++) {
        double expected = fmin(before_mps + GAIN_MPS, TOP_MPS);
        if (turn != TURN_THROUGH && to_line_m <= turn_way()) {
            expected = TURN_MPS;
        }
        if (fabs(drive.speed_mps[i] - expected) > 0.01) {
            fail_msg("%d s, %.2f m before the line: %.3f m/s instead of %.3f", i + 1, drive.to_line_m[i],
                     drive.speed_mps[i], expected);
        }
        before_mps = drive.speed_mps[i];
        to_line_m = drive.to_line_m[i];
    }
}

static void starts_from_a_standstill_and_drives_through(void **state)
{
    (void)state;
    speeds_are_cityflows(TURN_THROUGH);
}

static void has_the_speed_of_its_turn_well_before_the_line(void **state)
{
    (void)state;
    speeds_are_cityflows(TURN_LEFT);
    speeds_are_cityflows(TURN_RIGHT);
    struct drive early, late;
    drive_alone(TURN_LEFT, turn_way(), &early);
    drive_alone(TURN_LEFT, 0.0, &late);
    assert_true(early.seconds > late.seconds);
}

// Its free flow is what it takes alone, but for what it loses while it gains speed: from the standstill and after the
// turn. Trips begin and end at whole steps.
static void free_flow_knows_the_way_before_a_turn(void **state)
{
    (void)state;
    for (enum turn turn = TURN_THROUGH; turn <= TURN_RIGHT; turn++) {
        struct drive drive;
        drive_alone(turn, turn_way(), &drive);
        double start_s = TOP_MPS / (2.0 * GAIN_MPS), again_mps = TOP_MPS - TURN_MPS;
        double after_s = turn == TURN_THROUGH ? 0.0 : again_mps * again_mps / (2.0 * GAIN_MPS * TOP_MPS);
        double took_s = (double)(drive.result.arrived_ms - drive.result.depart_ms) / 1000.0;
        if (fabs(took_s - start_s - after_s - drive.result.free_flow_s) > 1.0) {
            fail_msg("turn %d: %.1f s alone, %.2f s of them to start, free flow %.2f s", (int)turn, took_s,
                     start_s + after_s, drive.result.free_flow_s);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_from_a_standstill_and_drives_through),
        cmocka_unit_test(has_the_speed_of_its_turn_well_before_the_line),
        cmocka_unit_test(free_flow_knows_the_way_before_a_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
