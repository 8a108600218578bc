// Goal: a street and its controllers that are saved at any step and loaded into others, on another number of threads,
// go on to the same state, byte for byte, in towns of protected, permissive and unsignalised junctions, with IDM and
// Krauss, at 1 s and 0.5 s steps; and what was cut is refused at every length, without harm.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/traffic/signals.h"
#include "sim/traffic/street_checkpoint.h"
#include "tests/sim/grid_town.h"

#define TRIPS 900

struct scene {
    struct network network;
    struct vehicle_type types[2];
    struct street_options options;
    enum signals_fallback fallback;
};

struct run {
    struct street *street;
    struct signals *signals;
    struct actuation_touch touches[64];
};

static void scene_open(struct scene *scene, int stages, int lanes, int32_t step_ms, enum signals_fallback fallback)
{
    town_create(&(struct town_options){ 3, 3, lanes, stages, 250.0, 13.89, 20, true }, &scene->network);
    scene->types[0] = scene->types[1] = town_car();
    scene->types[1].following = FOLLOW_KRAUSS;
    scene->types[1].imperfection = 0.5;
    scene->types[1].speed_deviation = 0.1;
    scene->options = (struct street_options){ .step_ms = step_ms, .threads = 1, .seed = 7 };
    scene->fallback = fallback;
}

static struct run run_open(const struct scene *scene, int threads)
{
    struct run run = { 0 };
    struct street_options options = scene->options;
    struct problem problem;
    options.threads = threads;
    options.team_vehicles_min = 1;
    assert_int_equal(street_create(&scene->network, scene->types, 2, &options, &run.street, &problem), STATUS_OK);
    run.signals = signals_create(&scene->network, options.begin_ms);
    signals_fall_back_to(run.signals, scene->fallback);
    return run;
}

static void run_close(struct run *run)
{
    street_release(run->street);
    signals_release(run->signals);
}

static void run_feed(const struct scene *scene, struct run *run)
{
    struct trip_columns trips;
    struct problem problem;
    int32_t row;
    town_trips(&scene->network, 3, TRIPS, 0, 600000, 0, &trips);
    for (int32_t i = 0; i < TRIPS; i++) {
        trips.type[i] = i % 2;
    }
    assert_int_equal(street_enter(run->street, &trips, &row, &problem), STATUS_OK);
    town_trips_release(&trips);
}

static void run_steps(struct run *run, int steps)
{
    struct trip_result result[64];
    for (int i = 0; i < steps; i++) {
        int64_t now_ms = street_now_ms(run->street);
        street_look_touches(run->street, run->touches);
        signals_touch(run->signals, run->touches, now_ms);
        signals_show(run->signals, now_ms, street_aspects(run->street));
        street_step(run->street);
        if (i % 3 == 0) {
            (void)street_take_arrived(run->street, result, 64);   // now and then some are left
        }
    }
}

static struct byte_sink run_save(const struct run *run)
{
    struct byte_sink sink = { 0 };
    street_save(run->street, &sink);
    signals_save(run->signals, &sink);
    return sink;
}

static enum status run_load(struct run *run, const uint8_t *bytes, size_t count)
{
    struct problem problem;
    struct byte_source source = { .at = bytes, .left = count };
    enum status status = street_load(run->street, &source, &problem);
    return status != STATUS_OK ? status : signals_load(run->signals, &source, &problem);
}

static void expect_same(const struct run *a, const struct run *b)
{
    struct byte_sink one = run_save(a), other = run_save(b);
    assert_int_equal(one.count, other.count);
    assert_memory_equal(one.bytes, other.bytes, one.count);
    sink_release(&one);
    sink_release(&other);
}

static void goes_on_the_same(int stages, int lanes, int32_t step_ms, enum signals_fallback fallback)
{
    static const int AT[] = { 0, 1, 37, 300, 601 };
    struct scene scene;
    scene_open(&scene, stages, lanes, step_ms, fallback);
    struct run run = run_open(&scene, 1);
    run_feed(&scene, &run);
    int done = 0;
    for (size_t i = 0; i < sizeof AT / sizeof *AT; i++) {
        run_steps(&run, AT[i] - done);
        done = AT[i];
        struct byte_sink saved = run_save(&run);
        struct run other = run_open(&scene, 1 + (int)i % 3);
        assert_int_equal(run_load(&other, saved.bytes, saved.count), STATUS_OK);
        expect_same(&run, &other);
        run_steps(&run, 60);
        run_steps(&other, 60);
        done += 60;
        expect_same(&run, &other);
        assert_true(street_counts(run.street)->under_way > 0 || i == 0);
        sink_release(&saved);
        run_close(&other);
    }
    run_close(&run);
    network_release(&scene.network);
}

static void protected_turns_and_programs(void **state)
{
    (void)state;
    goes_on_the_same(4, 3, 1000, SIGNALS_SITE);
}

static void permissive_turns_and_actuated_control(void **state)
{
    (void)state;
    goes_on_the_same(2, 2, 1000, SIGNALS_ACTUATED);
}

static void no_signals_and_half_steps(void **state)
{
    (void)state;
    goes_on_the_same(0, 1, 500, SIGNALS_SITE);
}

static void refuses_what_was_cut(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, 2, 2, 1000, SIGNALS_ACTUATED);
    struct run run = run_open(&scene, 1);
    run_feed(&scene, &run);
    run_steps(&run, 100);
    struct byte_sink saved = run_save(&run);
    for (size_t count = 0; count < saved.count; count += 1 + count / 7) {
        struct run other = run_open(&scene, 1);
        assert_int_not_equal(run_load(&other, saved.bytes, count), STATUS_OK);
        run_close(&other);
    }
    sink_release(&saved);
    run_close(&run);
    network_release(&scene.network);
}

static void refuses_another_street(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, 4, 2, 1000, SIGNALS_SITE);
    struct run run = run_open(&scene, 1);
    run_feed(&scene, &run);
    struct byte_sink saved = run_save(&run);
    for (int what = 0; what < 4; what++) {
        struct scene changed = scene;
        changed.options.seed += what == 0;
        changed.options.step_ms = what == 1 ? 500 : 1000;
        changed.types[1].headway_s += what == 2 ? 0.1 : 0.0;
        changed.fallback = what == 3 ? SIGNALS_ACTUATED : SIGNALS_SITE;
        struct run other = run_open(&changed, 1);
        assert_int_equal(run_load(&other, saved.bytes, saved.count), STATUS_VERSION);
        run_close(&other);
    }
    sink_release(&saved);
    run_close(&run);
    network_release(&scene.network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(protected_turns_and_programs),
        cmocka_unit_test(permissive_turns_and_actuated_control),
        cmocka_unit_test(no_signals_and_half_steps),
        cmocka_unit_test(refuses_what_was_cut),
        cmocka_unit_test(refuses_another_street),
    };
    return cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
}
