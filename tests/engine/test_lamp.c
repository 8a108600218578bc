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
        cmocka_unit_test(every_aspect_has_its_letter),
    };
    return cmocka_run_group_tests(tests, build, release);
}
