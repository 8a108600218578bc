// Goal: the longest red in which somebody waited, over its maximum, as counted by hand: from the end of green, only
// where somebody stood first at the line early enough, and not where nobody did.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "engine/model/lamp.h"
#include "sim/report/red_watch.h"
#include "tests/engine/crossings.h"

struct scene {
    struct crossings made;
    struct red_watch watch;
    uint8_t aspects[CROSSING_GROUPS];
    int32_t lane;                      // of group 3 alone: from the east, to the left
};

static int scene_create(void **state)
{
    struct scene *scene = memory_take(1, sizeof *scene);
    crossings_build(&scene->made, 1, 300.0);
    red_watch_create(&scene->watch, &scene->made.network);
    scene->lane = scene->made.network.links[scene->made.link_in[0][FROM_E]].first_lane + 1;
    *state = scene;
    return 0;
}

static int scene_release(void **state)
{
    struct scene *scene = *state;
    red_watch_release(&scene->watch);
    network_release(&scene->made.network);
    free(scene);
    return 0;
}

// Group 3 is green until 10 s and again from green_s on; somebody stands `back_m` before its line from comes_s on.
static double share(struct scene *scene, int32_t green_s, int32_t comes_s, double back_m)
{
    for (int32_t s = 0; s <= green_s; s++) {
        memset(scene->aspects, ASPECT_RED, sizeof scene->aspects);
        scene->aspects[3] = s < 10 || s == green_s ? ASPECT_GREEN : s < 13 ? ASPECT_YELLOW : ASPECT_RED;
        red_watch_lamps(&scene->watch, scene->aspects, 1000 * (int64_t)s);
        struct vehicle_view view = { .lane = scene->lane, .connection = INDEX_NONE,
            .front_m = scene->made.network.lanes[scene->lane].length_m - back_m };
        if (s % 5 == 0) {
            red_watch_vehicles(&scene->watch, &view, s >= comes_s ? 1 : 0, 1000 * (int64_t)s);
        }
    }
    return scene->watch.longest_share;
}

// Red from 10 s to 100 s: 90 s of 120 s.
static void counts_from_the_end_of_green(void **state)
{
    assert_true(share(*state, 100, 20, 1.0) == 90.0 / 120.0);
    assert_int_equal(((struct scene *)*state)->watch.longest_group, 3);
}

static void nobody_waits(void **state)
{
    assert_true(share(*state, 200, 300, 1.0) == 0.0);
    assert_true(share(*state, 200, 20, 50.0) == 0.0);     // Not at the line.
}

// 120 s end at 130 s: who comes at 105 s has come too late to be served within them, at 100 s he has not.
static void latecomers_do_not_count(void **state)
{
    assert_true(share(*state, 160, 105, 1.0) == 0.0);
    assert_true(share(*state, 160, 100, 1.0) == 150.0 / 120.0);
}

int main(void)
{
#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, scene_create, scene_release)
    const struct CMUnitTest tests[] = {
        WITH_SCENE(counts_from_the_end_of_green),
        WITH_SCENE(nobody_waits),
        WITH_SCENE(latecomers_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
