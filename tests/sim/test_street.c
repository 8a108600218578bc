// Goal: the street keeps its laws at every step (no overlap, nobody backwards, nobody through red, vehicles conserved,
// speeds in bounds) in towns of every kind of junction, and gives the same bytes for 1, 2, 3 and 8 threads.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "sim/traffic/signals.h"
#include "tests/sim/grid_town.h"

#define VEHICLES_MAX 8000

struct scene {
    struct network network;
    struct street *street;
    struct signals *signals;
    struct vehicle_view *views, *before;
    int32_t *before_of_number;          // row in before, or -1
    int32_t view_count, trip_count;
};

static void scene_open(struct scene *scene, const struct town_options *options, const struct vehicle_type *types,
                       int32_t type_count, int32_t trips, int32_t seconds, int32_t step_ms, int threads, uint64_t seed)
{
    town_create(options, &scene->network);
    struct street_options street_options = { .step_ms = step_ms, .threads = threads, .team_vehicles_min = 1,
        .seed = seed };
    struct problem problem;
    assert_int_equal(street_create(&scene->network, types, type_count, &street_options, &scene->street, &problem),
        STATUS_OK);
    struct trip_columns columns;
    town_trips(&scene->network, seed, trips, 0, (int64_t)seconds * 1000, 0, &columns);
    for (int32_t i = 0; i < trips; i++) {
        columns.type[i] = i % type_count;
    }
    int32_t row;
    assert_int_equal(street_enter(scene->street, &columns, &row, &problem), STATUS_OK);
    town_trips_release(&columns);
    scene->signals = signals_create(&scene->network, 0);
    scene->views = memory_take(VEHICLES_MAX, sizeof *scene->views);
    scene->before = memory_take(VEHICLES_MAX, sizeof *scene->before);
    scene->before_of_number = memory_take((size_t)trips, sizeof(int32_t));
    scene->view_count = 0;
    scene->trip_count = trips;
}

static void scene_close(struct scene *scene)
{
    street_release(scene->street);
    signals_release(scene->signals);
    network_release(&scene->network);
    free(scene->views);
    free(scene->before);
    free(scene->before_of_number);
}

static void scene_step(struct scene *scene)
{
    signals_show(scene->signals, street_now_ms(scene->street), street_aspects(scene->street));
    street_step(scene->street);
    struct vehicle_view *views = scene->before;
    scene->before = scene->views;
    scene->views = views;
    memset(scene->before_of_number, 0xff, (size_t)scene->trip_count * sizeof(int32_t));
    for (int32_t i = 0; i < scene->view_count; i++) {
        scene->before_of_number[scene->before[i].number] = i;
    }
    scene->view_count = street_list_vehicles(scene->street, scene->views, VEHICLES_MAX);
    assert_true(scene->view_count < VEHICLES_MAX);
}

static void nobody_overlaps(const struct scene *scene)
{
    for (int32_t i = 1; i < scene->view_count; i++) {
        const struct vehicle_view *leader = &scene->views[i - 1], *follower = &scene->views[i];
        if (leader->lane == follower->lane && leader->connection == follower->connection) {
            assert_true(follower->front_m <= leader->front_m - leader->length_m - 0.09);
        }
    }
}

// Backwards, through red, or faster than its wish by more than it may brake off; for each vehicle seen before too.
static void nobody_misbehaves(const struct scene *scene, const uint8_t *aspects, double step_s, double speed_max)
{
    for (int32_t i = 0; i < scene->view_count; i++) {
        const struct vehicle_view *now = &scene->views[i];
        assert_true(now->speed_mps >= 0.0 && now->speed_mps <= speed_max);
        int32_t row = scene->before_of_number[now->number];
        if (row < 0) {
            continue;
        }
        const struct vehicle_view *then = &scene->before[row];
        if (then->lane == now->lane && then->connection == now->connection) {
            assert_true(now->front_m >= then->front_m);
            assert_true(now->front_m <= then->front_m + speed_max * step_s);
        }
        assert_true(now->speed_mps <= then->speed_mps + 2.7 * step_s);
        bool passed = then->connection == INDEX_NONE && now->connection != INDEX_NONE && then->lane == now->lane;
        int32_t group = passed ? scene->network.connections[now->connection].group : INDEX_NONE;
        if (group >= 0) {
            assert_true(aspects[group] == ASPECT_GREEN || aspects[group] == ASPECT_YELLOW);
        }
    }
}

static void counts_add_up(const struct scene *scene)
{
    const struct street_counts *counts = street_counts(scene->street);
    assert_int_equal(counts->scheduled, counts->waiting + counts->under_way + counts->arrived);
    assert_int_equal(counts->under_way, scene->view_count);
}

static void laws_hold(const struct town_options *options, int32_t trips, int32_t seconds, int32_t step_ms,
                      uint64_t seed)
{
    struct vehicle_type types[3] = { town_car(), town_car(), town_car() };
    types[1].following = FOLLOW_KRAUSS;
    types[1].imperfection = 0.5;
    types[1].speed_deviation = 0.1;
    types[2].length_m = 12.0;
    types[2].acceleration_mps2 = 1.3;
    types[2].user = USER_TRUCK;
    struct scene scene;
    scene_open(&scene, options, types, 3, trips, seconds, step_ms, 1, seed);
    uint8_t *aspects = memory_take((size_t)scene.network.group_count, 1);
    int32_t steps = (seconds + 1200) * 1000 / step_ms;
    for (int32_t i = 0; i < steps; i++) {
        signals_show(scene.signals, street_now_ms(scene.street), aspects);
        scene_step(&scene);
        nobody_overlaps(&scene);
        nobody_misbehaves(&scene, aspects, step_ms * 0.001, options->speed_mps * 1.25);
        counts_add_up(&scene);
    }
    assert_int_equal(street_counts(scene.street)->scheduled, trips);
    assert_int_equal(street_counts(scene.street)->arrived, trips);   // nobody is stuck
    free(aspects);
    scene_close(&scene);
}

static void laws_with_protected_turns(void **state)
{
    (void)state;
    laws_hold(&(struct town_options){ 3, 3, 3, 4, 250.0, 13.89, 20, true }, 900, 900, 1000, 1);
}

static void laws_with_permissive_turns(void **state)
{
    (void)state;
    laws_hold(&(struct town_options){ 3, 3, 2, 2, 200.0, 13.89, 25, true }, 700, 900, 1000, 2);
    laws_hold(&(struct town_options){ 3, 3, 1, 2, 120.0, 11.11, 25, true }, 300, 900, 1000, 3);
}

static void laws_without_signals(void **state)
{
    (void)state;
    laws_hold(&(struct town_options){ 3, 3, 1, 0, 200.0, 13.89, 0, false }, 300, 900, 1000, 4);
}

static void laws_at_a_tenth_of_a_second(void **state)
{
    (void)state;
    laws_hold(&(struct town_options){ 2, 2, 2, 2, 200.0, 16.67, 25, true }, 300, 600, 100, 5);
}

static void laws_with_short_links(void **state)
{
    (void)state;
    laws_hold(&(struct town_options){ 3, 3, 1, 2, 30.0, 13.89, 20, false }, 150, 900, 1000, 6);
}

static uint64_t run_hash(int threads)
{
    struct vehicle_type car = town_car();
    struct scene scene;
    scene_open(&scene, &(struct town_options){ 5, 5, 3, 2, 200.0, 13.89, 25, true }, &car, 1, 2500, 500, 1000, threads,
        11);
    struct observation_buffer buffer;
    observation_buffer_create(&buffer, scene.network.detector_count, 0, scene.network.camera_count,
        scene.network.camera_count * CAMERA_BIN_COUNT_MAX);
    uint64_t hash = HASH_SEED;
    for (int32_t i = 0; i < 700; i++) {
        scene_step(&scene);
        hash = hash_bytes(hash, scene.views, (size_t)scene.view_count * sizeof *scene.views);
        if (i % 60 == 59) {
            observation_buffer_clear(&buffer);
            assert_int_equal(street_read_loops(scene.street, &buffer), STATUS_OK);
            assert_int_equal(street_read_cameras(scene.street, &buffer), STATUS_OK);
            const struct loop_columns *loops = &buffer.rows.loops;
            hash = hash_bytes(hash, loops->vehicles, (size_t)loops->count * sizeof(int32_t));
            hash = hash_bytes(hash, loops->occupied_ms, (size_t)loops->count * sizeof(int32_t));
            const struct camera_columns *cameras = &buffer.rows.cameras;
            hash = hash_bytes(hash, cameras->tail_mm, (size_t)cameras->count * sizeof(int32_t));
        }
    }
    struct trip_result *results = memory_take(2500, sizeof *results);
    int32_t count = street_take_arrived(scene.street, results, 2500);
    assert_true(count > 500);
    for (int32_t i = 0; i < count; i++) {
        hash = hash_number(hash_number(hash, results[i].number), results[i].arrived_ms);
        hash = hash_number(hash, results[i].stops);
        hash = hash_bytes(hash, &results[i].time_loss_s, sizeof(double));
    }
    free(results);
    observation_buffer_release(&buffer);
    scene_close(&scene);
    return hash;
}

static void same_bytes_for_any_threads(void **state)
{
    (void)state;
    uint64_t one = run_hash(1);
    assert_true(run_hash(2) == one);
    assert_true(run_hash(3) == one);
    assert_true(run_hash(8) == one);
}

// A street of one thread with these trips, to be released.
static struct street *street_with(const struct network *network, const struct vehicle_type *car, int32_t step_ms,
                                  const struct trip_columns *trips)
{
    struct street_options options = { .step_ms = step_ms, .threads = 1, .seed = 1 };
    struct street *street;
    struct problem problem;
    int32_t row;
    assert_int_equal(street_create(network, car, 1, &options, &street, &problem), STATUS_OK);
    assert_int_equal(street_enter(street, trips, &row, &problem), STATUS_OK);
    return street;
}

// The first connection that turns left; its lane is the leftmost.
static const struct connection *left_turn(const struct network *network)
{
    for (int32_t i = 0; i < network->connection_count; i++) {
        if (network->connections[i].turn == TURN_LEFT) {
            return &network->connections[i];
        }
    }
    return NULL;
}

// One crossing whose links are so long. A car begins in the kerb lane and would turn left; with `blocked` another one
// stands for long at a stop beside it. The counts after five minutes; it waits for its lane for a minute at least.
static struct street_counts begins_in_a_wrong_lane(double pitch_m, bool blocked, int64_t *ret_detours)
{
    struct network network;
    town_create(&(struct town_options){ 1, 1, 3, 4, pitch_m, 13.89, 20, false }, &network);
    const struct connection *left = left_turn(&network);
    assert_non_null(left);
    int32_t from = network.lanes[left->from_lane].link, to = network.lanes[left->to_lane].link;
    int32_t links[4] = { from, to, from, to }, number[2] = { 0, 1 }, type[2] = { 0, 0 };
    int32_t first_link[3] = { 0, 2, 4 }, speed[2] = { 0, -1 }, first_stop[3] = { 0, 1, 1 };
    int64_t depart_ms[2] = { 0, 0 };
    int8_t lane[2] = { 1, 0 };
    struct trip_stop stop = { .lane = 1, .start_mm = 1000, .end_mm = 5500, .duration_ms = 1000000,
        .until_ms = INT64_MIN };
    struct trip_columns both = { 2, depart_ms, number, type, first_link, links, lane, speed, first_stop, &stop, NULL };
    struct trip_columns alone = { 1, depart_ms, number, type, first_link, links, lane + 1, speed + 1, NULL, NULL,
        NULL };
    struct vehicle_type car = town_car();
    struct street *street = street_with(&network, &car, 1000, blocked ? &both : &alone);
    struct signals *signals = signals_create(&network, 0);
    for (int second = 0; second < 300; second++) {
        signals_show(signals, street_now_ms(street), street_aspects(street));
        street_step(street);
        assert_true(second >= 55 || street_counts(street)->detours == 0);
    }
    struct street_counts counts = *street_counts(street);
    *ret_detours = counts.detours;
    street_release(street);
    signals_release(signals);
    network_release(&network);
    return counts;
}

// Who cannot get to the lane of its left turn could only go right or straight on, out of the town, from where no way
// leads to its goal: it goes out, and holds nobody for ever.
static void who_is_lost_goes_out(void **state)
{
    (void)state;
    int64_t detours;
    struct street_counts counts = begins_in_a_wrong_lane(34.0, true, &detours);
    assert_int_equal(detours, 1);
    assert_int_equal(counts.arrived, 1);
    counts = begins_in_a_wrong_lane(34.0, false, &detours);
    assert_int_equal(detours, 0);      // it changes lanes
    assert_int_equal(counts.arrived, 1);
}

// On a link too short to change lanes on nobody begins on a lane from which its route does not go on.
static void on_a_short_link_one_begins_in_lane(void **state)
{
    (void)state;
    int64_t detours;
    struct street_counts counts = begins_in_a_wrong_lane(28.0, false, &detours);
    assert_int_equal(detours, 0);
    assert_int_equal(counts.arrived, 1);
}

// Of three that begin at one instant on a lane of 200 m one begins 50 m on; one behind it by its gap; the third is
// asked for where the first one stands, and waits till there is room.
static void one_begins_where_it_asks(void **state)
{
    (void)state;
    struct network network;
    town_create(&(struct town_options){ 1, 1, 1, 2, 200.0, 13.89, 20, false }, &network);
    int32_t link = network.connections[0].from_lane, to = network.lanes[network.connections[0].to_lane].link;
    link = network.lanes[link].link;
    int32_t links[6] = { link, to, link, to, link, to }, number[3] = { 0, 1, 2 }, type[3] = { 0 };
    int32_t first_link[4] = { 0, 2, 4, 6 }, speed[3] = { 0 }, front_mm[3] = { 50000, DEPART_BEHIND_LAST, 48000 };
    int64_t depart_ms[3] = { 0 };
    int8_t lane[3] = { 0 };
    struct trip_columns trips = { 3, depart_ms, number, type, first_link, links, lane, speed, NULL, NULL, front_mm };
    struct vehicle_type car = town_car();
    struct street *street = street_with(&network, &car, 100, &trips);
    street_step(street);
    struct vehicle_view views[3];
    assert_int_equal(street_list_vehicles(street, views, 3), 2);
    for (int i = 0; i < 2; i++) {
        double asked_m = views[i].number == 0 ? 50.0 : 50.0 - car.length_m - car.gap_m;
        assert_true(fabs((double)views[i].front_m - asked_m) < 0.2);   // a step of driving off, a margin
    }
    for (int step = 0; step < 300; step++) {
        street_step(street);
    }
    assert_int_equal(street_counts(street)->waiting, 0);
    street_release(street);
    network_release(&network);
}

static const struct connection *right_turn(const struct network *network)
{
    const struct connection *right = network->connections;
    while (right->turn != TURN_RIGHT) {
        right++;
    }
    return right;
}

// When a car alone, that comes at `speed_mps` for its right turn, passes its line: the begin of that step, or -1 if it
// has not within 10 s of red. It never brakes harder than it can.
static int64_t passes_at(enum car_following following, int32_t step_ms, double speed_mps, int64_t yellow_ms)
{
    struct network network;
    town_create(&(struct town_options){ 1, 1, 2, 4, 200.0, speed_mps, 20, false }, &network);
    const struct connection *right = right_turn(&network);
    int32_t links[2] = { network.lanes[right->from_lane].link, network.lanes[right->to_lane].link };
    int64_t depart_ms = 0, red_ms = yellow_ms + network.groups[right->group].yellow_ms, passed_ms = -1;
    int32_t number = 0, type = 0, first_link[2] = { 0, 2 }, speed = -1;
    int8_t lane = 0;
    struct trip_columns trips = { 1, &depart_ms, &number, &type, first_link, links, &lane, &speed, NULL, NULL, NULL };
    struct vehicle_type car = town_car();
    car.following = following;
    struct street *street = street_with(&network, &car, step_ms, &trips);
    struct vehicle_view before = { 0 }, now;
    for (int64_t now_ms = 0; now_ms < red_ms + 10000 && passed_ms < 0; now_ms += step_ms) {
        enum aspect aspect = now_ms < yellow_ms ? ASPECT_GREEN : now_ms < red_ms ? ASPECT_YELLOW : ASPECT_RED;
        memset(street_aspects(street), (int)aspect, (size_t)network.group_count);
        street_step(street);
        if (street_list_vehicles(street, &now, 1) == 1) {
            assert_true(now.speed_mps >= before.speed_mps - car.emergency_mps2 * step_ms * 0.001 - 0.02);
            passed_ms = now.connection != INDEX_NONE ? now_ms : passed_ms;
            before = now;
        }
    }
    street_release(street);
    network_release(&network);
    return passed_ms;
}

// At 20 m/s and 4.5 m/s2 who is within 44.4 m goes on; the turn at 6 m/s makes it brake for 3.1 s over 40.4 m: from
// 39.8 m on and farther it would come to its line after the 3 s of yellow (20 - 3 * 4.5 = 6.5 m/s by then, over
// 39.75 m). It stops instead, with 5.04 m/s2 at most.
// However the yellow falls, nobody passes at red, and some pass at yellow.
static void a_turn_is_not_made_at_red(void **state)
{
    (void)state;
    static const enum car_following FOLLOWING[] = { FOLLOW_IDM, FOLLOW_KRAUSS };
    static const int32_t STEPS_MS[] = { 100, 500, 1000 };
    int at_yellow = 0;
    for (int i = 0; i < 2 * 3; i++) {
        for (int64_t yellow_ms = 4000; yellow_ms < 14000; yellow_ms += STEPS_MS[i % 3]) {
            for (double speed_mps = 16.0; speed_mps < 22.0; speed_mps += STEPS_MS[i % 3] < 1000 ? 2.0 : 0.25) {
                int64_t passed_ms = passes_at(FOLLOWING[i / 3], STEPS_MS[i % 3], speed_mps, yellow_ms);
                assert_true(passed_ms < yellow_ms + 3000);
                at_yellow += passed_ms >= yellow_ms;
            }
        }
    }
    assert_true(at_yellow > 100);
}

enum { CROWD = 80 };

// Red for everybody, and more wait for lane 0 of a link than it holds (26 on 200 m); the one that comes after them all
// departs at once on the free lane beside it.
static void a_full_lane_holds_nobody_of_the_other(void **state)
{
    (void)state;
    struct network network;
    town_create(&(struct town_options){ 1, 1, 2, 4, 200.0, 13.89, 20, false }, &network);
    const struct connection *right = right_turn(&network);
    int64_t depart_ms[CROWD + 1];
    int32_t number[CROWD + 1], type[CROWD + 1] = { 0 }, first_link[CROWD + 2], links[2 * (CROWD + 1)],
        speed[CROWD + 1];
    int8_t lane[CROWD + 1];
    for (int32_t i = 0; i <= CROWD; i++) {
        depart_ms[i] = i < CROWD ? 0 : 100000;
        number[i] = i;
        first_link[i] = 2 * i;
        first_link[i + 1] = 2 * (i + 1);
        links[2 * i] = network.lanes[right->from_lane].link;
        links[2 * i + 1] = network.lanes[right->to_lane].link;
        speed[i] = -1;
        lane[i] = i == CROWD;
    }
    struct trip_columns trips = { CROWD + 1, depart_ms, number, type, first_link, links, lane, speed, NULL, NULL,
        NULL };
    struct vehicle_type car = town_car();
    struct street *street = street_with(&network, &car, 1000, &trips);
    struct vehicle_view views[CROWD + 1];
    for (int second = 0; second < 103; second++) {
        memset(street_aspects(street), ASPECT_RED, (size_t)network.group_count);
        street_step(street);
    }
    int32_t count = street_list_vehicles(street, views, CROWD + 1), late = 0;
    for (int32_t i = 0; i < count; i++) {
        late += views[i].number == CROWD;
    }
    assert_in_range(count, 20, 40);
    assert_int_equal(late, 1);
    street_release(street);
    network_release(&network);
}

// One crossing of single lanes, 200 m long, without signals. A vehicle from each of `count` arms, straight on,
// departing one second after another; fills in the order in which they arrived.
static void cross(enum junction_kind kind, int count, struct trip_result *ret)
{
    struct network network;
    town_create(&(struct town_options){ 1, 1, 1, 0, 200.0, 13.89, 0, false }, &network);
    int64_t depart_ms[4];
    int32_t number[4], type[4] = { 0 }, first_link[5] = { 0 }, links[8], speed[4], found = 0;
    int8_t lane[4];
    for (int32_t i = 0; i < network.connection_count && found < count; i++) {
        const struct connection *connection = &network.connections[i];
        network.junctions[connection->junction].kind = kind;
        if (connection->turn == TURN_THROUGH) {
            depart_ms[found] = 1000 * found;
            number[found] = found;
            lane[found] = 0;
            speed[found] = -1;
            links[2 * found] = network.lanes[connection->from_lane].link;
            links[2 * found + 1] = network.lanes[connection->to_lane].link;
            found++;
            first_link[found] = 2 * found;
        }
    }
    assert_int_equal(found, count);
    struct trip_columns trips = { count, depart_ms, number, type, first_link, links, lane, speed, NULL, NULL, NULL };
    struct vehicle_type car = town_car();
    struct street *street = street_with(&network, &car, 1000, &trips);
    for (int second = 0; second < 120; second++) {
        street_step(street);
    }
    assert_int_equal(street_take_arrived(street, ret, 4), count);
    street_release(street);
    network_release(&network);
}

// At an all-way stop everybody stops and goes in the order in which they stopped; elsewhere one alone does not stop.
static void all_way_stop_is_first_come_first_served(void **state)
{
    (void)state;
    struct trip_result results[4];
    cross(JUNCTION_PRIORITY, 1, results);
    assert_int_equal(results[0].stops, 0);
    cross(JUNCTION_ALL_WAY_STOP, 4, results);
    for (int32_t i = 0; i < 4; i++) {
        assert_int_equal(results[i].number, i);
        assert_int_equal(results[i].stops, 1);
    }
}

static void same_bytes_for_any_instruction_set(void **state)
{
    (void)state;
    uint64_t chosen = run_hash(1);
    static const char *const names[] = { "v2", "v3", "v4", "portable" };
    int ran = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(setenv("INTERGREEN_ISA", names[i], 1), 0);
        struct network network;
        town_create(&(struct town_options){ 1, 1, 1, 2, 200.0, 13.89, 25, false }, &network);
        struct vehicle_type car = town_car();
        struct street *street;
        struct problem problem;
        bool runs = street_create(&network, &car, 1, &(struct street_options){ .step_ms = 1000, .threads = 1 }, &street,
            &problem) == STATUS_OK;
        if (runs) {
            street_release(street);
            assert_true(run_hash(1) == chosen);
            ran++;
        }
        network_release(&network);
    }
    assert_true(ran > 0);
    assert_int_equal(unsetenv("INTERGREEN_ISA"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(laws_with_protected_turns),
        cmocka_unit_test(laws_with_permissive_turns),
        cmocka_unit_test(laws_without_signals),
        cmocka_unit_test(laws_at_a_tenth_of_a_second),
        cmocka_unit_test(laws_with_short_links),
        cmocka_unit_test(same_bytes_for_any_threads),
        cmocka_unit_test(a_turn_is_not_made_at_red),
        cmocka_unit_test(who_is_lost_goes_out),
        cmocka_unit_test(on_a_short_link_one_begins_in_lane),
        cmocka_unit_test(one_begins_where_it_asks),
        cmocka_unit_test(a_full_lane_holds_nobody_of_the_other),
        cmocka_unit_test(all_way_stop_is_first_come_first_served),
        cmocka_unit_test(same_bytes_for_any_instruction_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
