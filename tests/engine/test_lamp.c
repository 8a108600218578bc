// Goal: lamp_aspect shows green, then the site's yellow, then red, with the instant since when; on the borders,
// across the wrap of a cycle, where a green comes again before the yellow would end, and where a group is green for
// ever.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/model/lamp.h"
#include "tests/engine/crossings.h"

static struct crossings made;

static void shows(const struct plan *plan, int32_t group, int64_t t_ms, enum aspect aspect, int64_t since_ms)
{
    int64_t since = 0;
    assert_int_equal(lamp_aspect(&made.network, plan, group, t_ms, &since), aspect);
    assert_int_equal(since, since_ms);
    assert_int_equal(lamp_aspect(&made.network, plan, group, t_ms, NULL), aspect);
}

// Yellow is 3 s in crossings.h.
static void green_yellow_red(void **state)
{
    (void)state;
    struct green greens[] = { { .group = 0, .start_ms = 5000, .end_ms = 15000 },
                              { .group = 0, .start_ms = 40000, .end_ms = 50000 } };
    struct plan plan = { .kind = PLAN_ROLLING, .base_ms = 1000, .green_count = 2, .greens = greens };
    shows(&plan, 0, 5999, ASPECT_RED, INT64_MIN);
    shows(&plan, 0, 6000, ASPECT_GREEN, 6000);
    shows(&plan, 0, 15999, ASPECT_GREEN, 6000);
    shows(&plan, 0, 16000, ASPECT_YELLOW, 16000);
    shows(&plan, 0, 18999, ASPECT_YELLOW, 16000);
    shows(&plan, 0, 19000, ASPECT_RED, 19000);
    shows(&plan, 0, 40999, ASPECT_RED, 19000);
    shows(&plan, 0, 41000, ASPECT_GREEN, 41000);
    shows(&plan, 1, 41000, ASPECT_RED, INT64_MIN);
}

static void wraps_with_the_cycle(void **state)
{
    (void)state;
    // Ends 1 s after the wrap: yellow 1..4 s of every cycle.
    struct green greens[] = { { .group = 3, .start_ms = 50000, .end_ms = 61000 } };
    struct plan plan = { .kind = PLAN_CYCLIC, .cycle_ms = 60000, .green_count = 1, .greens = greens };
    for (int64_t k = -3; k <= 3; k++) {
        shows(&plan, 3, k * 60000 + 999, ASPECT_GREEN, k * 60000 - 10000);
        shows(&plan, 3, k * 60000 + 1000, ASPECT_YELLOW, k * 60000 + 1000);
        shows(&plan, 3, k * 60000 + 4000, ASPECT_RED, k * 60000 + 4000);
        shows(&plan, 3, k * 60000 + 50000, ASPECT_GREEN, k * 60000 + 50000);
    }
}

static void whole_cycle_is_always_green(void **state)
{
    (void)state;
    struct green greens[] = { { .group = 8, .start_ms = 0, .end_ms = 60000 } };
    struct plan plan = { .kind = PLAN_CYCLIC, .cycle_ms = 60000, .green_count = 1, .greens = greens };
    for (int64_t t_ms = -60000; t_ms < 120000; t_ms += 500) {
        assert_int_equal(lamp_aspect(&made.network, &plan, 8, t_ms, NULL), ASPECT_GREEN);
    }
}

// The second green starts 2 s after the first one ends: the yellow is 2 s old then and gives way.
static void new_green_wins_over_old_yellow(void **state)
{
    (void)state;
    struct green greens[] = { { .group = 0, .start_ms = 0, .end_ms = 10000 },
                              { .group = 0, .start_ms = 12000, .end_ms = 20000 } };
    struct plan plan = { .kind = PLAN_ROLLING, .green_count = 2, .greens = greens };
    shows(&plan, 0, 11999, ASPECT_YELLOW, 10000);
    shows(&plan, 0, 12000, ASPECT_GREEN, 12000);
}

#define INSTANTS 700
#define APART_MS 500

static void look_at_all(const struct plan *plan, int64_t t_ms, struct lamp *ret, int64_t *ret_change_ms)
{
    int32_t yellow_ms[CROSSING_GROUPS];
    for (int32_t g = 0; g < CROSSING_GROUPS; g++) {
        yellow_ms[g] = made.network.groups[g].yellow_ms;
    }
    *ret_change_ms = lamp_aspects(plan, yellow_ms, CROSSING_GROUPS, t_ms, ret);
    assert_true(*ret_change_ms > t_ms);
    for (int32_t g = 0; g < CROSSING_GROUPS; g++) {
        int64_t since_ms, start_ms = INT64_MIN, end_ms;
        assert_int_equal(ret[g].aspect, lamp_aspect(&made.network, plan, g, t_ms, &since_ms));
        assert_int_equal(ret[g].since_ms, since_ms);
        (void)plan_last_green(plan, g, t_ms, &start_ms, &end_ms);
        assert_int_equal(ret[g].green_ms, start_ms);
    }
}

// All times are multiples of APART_MS, so that nothing is missed between two looks.
static void course_agrees(const struct plan *plan, int64_t from_ms)
{
    struct lamp lamps[2][CROSSING_GROUPS];
    int64_t change_ms, next_ms;
    int32_t changes = 0;
    look_at_all(plan, from_ms, lamps[0], &change_ms);
    for (int32_t i = 1; i < INSTANTS; i++) {
        int64_t t_ms = from_ms + (int64_t)i * APART_MS;
        look_at_all(plan, t_ms, lamps[i % 2], &next_ms);
        for (int32_t g = 0; g < CROSSING_GROUPS; g++) {
            bool changed = lamps[0][g].aspect != lamps[1][g].aspect;
            assert_true(!changed || change_ms == t_ms);
            changes += changed;
        }
        change_ms = next_ms;
    }
    assert_true(changes > 0);
}

static void all_at_once_as_one_by_one(void **state)
{
    (void)state;
    // Out of order; one as long as the cycle, one across the wrap, one whose yellow another green cuts short.
    struct green greens[] = { { .group = 4, .start_ms = 30000, .end_ms = 52000 },
                              { .group = 0, .start_ms = 12000, .end_ms = 20000 },
                              { .group = 0, .start_ms = 0, .end_ms = 10000 },
                              { .group = 8, .start_ms = 7000, .end_ms = 67000 },
                              { .group = 3, .start_ms = 50000, .end_ms = 61000 },
                              { .group = 4, .start_ms = 59500, .end_ms = 60500 } };
    struct plan plan = { .kind = PLAN_CYCLIC, .cycle_ms = 60000, .base_ms = 1500, .green_count = 6, .greens = greens };
    course_agrees(&plan, -130000);
    plan.kind = PLAN_ROLLING;
    course_agrees(&plan, -20000);
    // A cycle shorter than a yellow, and greens that begin outside it.
    struct green odd[] = { { .group = 1, .start_ms = 4500, .end_ms = 5000 },
                           { .group = 2, .start_ms = -500, .end_ms = 500 } };
    struct plan short_one = { .kind = PLAN_CYCLIC, .cycle_ms = 2000, .green_count = 2, .greens = odd };
    course_agrees(&short_one, -7000);
}

static void every_aspect_has_its_letter(void **state)
{
    (void)state;
    const char *letters = "-ruGyos";
    for (int i = 0; letters[i] != '\0'; i++) {
        assert_int_equal(aspect_letter((enum aspect)i), letters[i]);
    }
    assert_int_equal(aspect_letter((enum aspect)99), '?');
}

static int build(void **state)
{
    (void)state;
    crossings_build(&made, 1, 300.0);
    return 0;
}

static int release(void **state)
{
    (void)state;
    network_release(&made.network);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(green_yellow_red), cmocka_unit_test(wraps_with_the_cycle),
        cmocka_unit_test(whole_cycle_is_always_green), cmocka_unit_test(new_green_wins_over_old_yellow),
        cmocka_unit_test(all_at_once_as_one_by_one),
        cmocka_unit_test(every_aspect_has_its_letter),
    };
    return cmocka_run_group_tests(tests, build, release);
}
