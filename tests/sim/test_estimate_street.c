// Goal: in a street of crossings under fixed signals, the queues that the estimates give stay near those that
// stand there, by what they are told: cameras see them; loops miss some, but neither drift nor lose track, be the day
// light or so heavy that queues pass the advance loops; a camera that falls silent hands over to the loops.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "engine/base/memory.h"
#include "engine/estimate/estimate.h"
#include "engine/model/units.h"
#include "sim/traffic/signals.h"
#include "sim/traffic/street.h"
#include "tests/sim/grid_town.h"

#define SECONDS 1200
#define SETTLED_S 200                 // the street has filled

enum told { TOLD_CAMERA = 1, TOLD_LOOPS = 2 };

struct error {
    double truth, mean, absolute;     // vehicles a row: queue, estimate less it, and its size
    double passed_ratio;              // estimated rate of passages over the counted one
};

struct scene {
    struct network network;
    struct street *street;
    struct signals *signals;
    struct estimate estimate, truth;  // the truth is what cameras of 150 m see
    struct observation_buffer seen;
};

static void scene_create(struct scene *scene, int32_t vehicles)
{
    struct town_options town = { .rows = 3, .columns = 3, .lanes = 3, .stages = 4, .pitch_m = 300.0,
        .speed_mps = 13.9, .green_s = 15, .sensors = true };
    town_create(&town, &scene->network);
    struct vehicle_type car = town_car();
    struct street_options options = { .begin_ms = 0, .step_ms = 1000, .threads = 1, .seed = 11 };
    struct problem problem;
    assert_int_equal(street_create(&scene->network, &car, 1, &options, &scene->street, &problem), STATUS_OK);
    struct trip_columns trips;
    town_trips(&scene->network, 5, vehicles, 0, SECONDS * MS_PER_S, 0, &trips);
    int32_t row;
    assert_int_equal(street_enter(scene->street, &trips, &row, &problem), STATUS_OK);
    town_trips_release(&trips);
    scene->signals = signals_create(&scene->network, 0);
    estimate_create(&scene->estimate, &scene->network);
    estimate_create(&scene->truth, &scene->network);
    observation_buffer_create(&scene->seen, scene->network.detector_count, 0, scene->network.camera_count,
                              scene->network.camera_count * CAMERA_BIN_COUNT_MAX);
}

static void scene_release(struct scene *scene)
{
    estimate_release(&scene->estimate);
    estimate_release(&scene->truth);
    observation_buffer_release(&scene->seen);
    signals_release(scene->signals);
    street_release(scene->street);
    network_release(&scene->network);
}

static void look(struct estimate *estimate, const struct observation_columns *seen, int64_t now_ms)
{
    struct sight_result result;
    estimate_intake(estimate, seen, now_ms, &result);
    assert_int_equal(result.refused[SIGHT_IMPOSSIBLE] + result.refused[SIGHT_UNKNOWN], 0);
    for (int32_t i = 0; i < estimate->network->intersection_count; i++) {
        estimate_update(estimate, (struct intersection_id){ i }, now_ms);
    }
    for (int32_t i = 0; i < estimate->network->intersection_count; i++) {
        estimate_expect(estimate, (struct intersection_id){ i }, now_ms);
    }
}

static void scene_step(struct scene *scene, enum told told)
{
    signals_show(scene->signals, street_now_ms(scene->street), street_aspects(scene->street));
    street_step(scene->street);
    observation_buffer_clear(&scene->seen);
    assert_int_equal(street_read_loops(scene->street, &scene->seen), STATUS_OK);
    assert_int_equal(street_read_cameras(scene->street, &scene->seen), STATUS_OK);
    struct observation_columns part = scene->seen.rows;
    part.cameras.count = (told & TOLD_CAMERA) != 0 ? part.cameras.count : 0;
    part.loops.count = (told & TOLD_LOOPS) != 0 ? part.loops.count : 0;
    look(&scene->estimate, &part, street_now_ms(scene->street));
    part = scene->seen.rows;
    part.loops.count = 0;
    look(&scene->truth, &part, street_now_ms(scene->street));
}

// told[0] holds in the first half, told[1] in the second, where the error is taken when they differ.
static struct error run(int32_t vehicles, enum told first, enum told then)
{
    struct scene scene;
    struct error error = { 0 };
    scene_create(&scene, vehicles);
    int32_t rows = scene.estimate.approaches.row_count;
    int32_t from_s = first == then ? SETTLED_S : SECONDS / 2 + 30;
    for (int32_t s = 1; s <= SECONDS; s++) {
        scene_step(&scene, s <= SECONDS / 2 ? first : then);
        for (int32_t r = 0; r < rows && s > from_s; r++) {
            double truth = scene.truth.rows[r].queue, found = scene.estimate.rows[r].queue;
            double part = 1.0 / ((double)rows * (SECONDS - from_s));
            assert_true(found >= 0.0 && scene.estimate.rows[r].confidence > 0.0);
            error.truth += truth * part;
            error.mean += (found - truth) * part;
            error.absolute += fabs(found - truth) * part;
        }
    }
    double passed = 0.0, counted = 0.0;
    for (int32_t r = 0; r < rows; r++) {
        passed += estimate_passed_vps(&scene.estimate, r);
        counted += estimate_passed_vps(&scene.truth, r);
    }
    error.passed_ratio = passed / counted;
    scene_release(&scene);
    print_message("%d vehicles: %.2f stand before each line, estimate %+.2f, error %.2f, passages %.3f\n", vehicles,
                  error.truth, error.mean, error.absolute, error.passed_ratio);
    return error;
}

static void cameras_see_what_stands(void **state)
{
    (void)state;
    struct error error = run(900, TOLD_CAMERA, TOLD_CAMERA);
    assert_float_equal(error.absolute, 0.0, 1e-9);
    assert_float_equal(error.passed_ratio, 1.0, 1e-9);
}

static void loops_keep_light_queues(void **state)
{
    (void)state;
    struct error error = run(900, TOLD_LOOPS, TOLD_LOOPS);
    assert_true(error.truth > 0.3);
    assert_true(error.absolute < 0.2);
    assert_true(fabs(error.mean) < 0.2);
    assert_true(fabs(error.passed_ratio - 1.0) < 0.03);
}

// 40 m hold five. The truth ends at 150 m: what the loops know beyond counts as an error here.
static void loops_keep_queues_beyond_the_advance_loop(void **state)
{
    (void)state;
    struct error error = run(2800, TOLD_LOOPS, TOLD_LOOPS);
    assert_true(error.truth > 1.5);
    assert_true(error.absolute < 0.45 * error.truth);
    assert_true(fabs(error.mean) < 0.3 * error.truth);
    assert_true(fabs(error.passed_ratio - 1.0) < 0.03);
}

static void loops_take_over_from_cameras(void **state)
{
    (void)state;
    struct error error = run(1800, TOLD_CAMERA | TOLD_LOOPS, TOLD_LOOPS);
    assert_true(error.absolute < 0.35 * error.truth + 0.3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cameras_see_what_stands),
        cmocka_unit_test(loops_keep_light_queues),
        cmocka_unit_test(loops_keep_queues_beyond_the_advance_loop),
        cmocka_unit_test(loops_take_over_from_cameras),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
