// Goal: plans answer what is green, since when and in which stage, for both kinds, across the wrap of the cycle,
// before their first green, and at negative times; versions are totally ordered; two plans of the same course are
// known as such.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "engine/model/plan.h"
#include "tests/engine/crossings.h"

static void versions_are_totally_ordered(void **state)
{
    (void)state;
    struct plan_version rising[] = { { 1, 1, 1 }, { 1, 1, 2 }, { 1, 2, 1 }, { 2, 1, 1 }, { 2, 1, UINT32_MAX } };
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < 5; j++) {
            int order = plan_version_compare(rising[i], rising[j]);
            assert_true(i < j ? order < 0 : i > j ? order > 0 : order == 0);
        }
    }
}

// Cycle 60 s from 1,000 s on. Group 0: 0..20 s. Group 1: 50..70 s, so that it passes the wrap by 10 s.
static const struct green WRAPPED[] = {
    { .group = 0, .stage = 0, .start_ms = 10000, .end_ms = 20000 },
    { .group = 1, .stage = 1, .start_ms = 50000, .end_ms = 70000 },
};

static struct plan cyclic(void)
{
    return (struct plan){ .kind = PLAN_CYCLIC, .base_ms = 1000000, .cycle_ms = 60000, .green_count = 2,
                          .greens = WRAPPED };
}

static void cyclic_plan_wraps(void **state)
{
    (void)state;
    struct plan plan = cyclic();
    // Borders: a green holds its start and not its end. In every cycle, also those before base.
    for (int64_t k = -20; k <= 20; k++) {
        int64_t at_ms = plan.base_ms + k * 60000;
        assert_false(plan_green_at(&plan, 0, at_ms + 9999));
        assert_true(plan_green_at(&plan, 0, at_ms + 10000));
        assert_true(plan_green_at(&plan, 0, at_ms + 19999));
        assert_false(plan_green_at(&plan, 0, at_ms + 20000));
        assert_true(plan_green_at(&plan, 1, at_ms + 50000));
        assert_true(plan_green_at(&plan, 1, at_ms + 9999));
        assert_false(plan_green_at(&plan, 1, at_ms + 10000));
        assert_int_equal(plan_stage_at(&plan, at_ms + 5000), 1);
        assert_int_equal(plan_stage_at(&plan, at_ms + 10000), 0);
        assert_int_equal(plan_stage_at(&plan, at_ms + 49999), 0);
    }
    int64_t start_ms, end_ms;
    assert_true(plan_last_green(&plan, 1, 1005000, &start_ms, &end_ms));
    assert_int_equal(start_ms, 990000);
    assert_int_equal(end_ms, 1010000);
    assert_false(plan_last_green(&plan, 2, 1005000, &start_ms, &end_ms));
}

static void rolling_plan_runs_once(void **state)
{
    (void)state;
    struct green greens[] = {
        { .group = 0, .stage = 2, .start_ms = -9000, .end_ms = -1000 },
        { .group = 0, .stage = 2, .start_ms = 20000, .end_ms = 30000 },
        { .group = 1, .stage = 3, .start_ms = 4000, .end_ms = 15000 },
    };
    struct plan plan = { .kind = PLAN_ROLLING, .base_ms = 500, .green_count = 3, .greens = greens };
    int64_t start_ms = 1, end_ms = 2;
    assert_false(plan_last_green(&plan, 0, -8501, &start_ms, &end_ms));
    assert_int_equal(start_ms, 1);   // Untouched without a green.
    assert_true(plan_last_green(&plan, 0, 20499, &start_ms, &end_ms));
    assert_int_equal(start_ms, -8500);
    assert_int_equal(end_ms, -500);
    assert_true(plan_green_at(&plan, 0, 20500));
    assert_false(plan_green_at(&plan, 0, 30500));
    assert_int_equal(plan_stage_at(&plan, -9000), INDEX_NONE);
    assert_int_equal(plan_stage_at(&plan, 4499), 2);
    assert_int_equal(plan_stage_at(&plan, 4500), 3);
    assert_int_equal(plan_stage_at(&plan, 90000), 2);
}

static void same_course_looks_ahead_only(void **state)
{
    (void)state;
    struct green long_list[] = {
        { .group = 0, .stage = 0, .start_ms = 0, .end_ms = 10000 },
        { .group = 0, .stage = 0, .start_ms = 30000, .end_ms = 40000 },
    };
    struct green short_list[] = { { .group = 0, .stage = 0, .start_ms = 20000, .end_ms = 30000 } };
    struct plan a = { .kind = PLAN_ROLLING, .base_ms = 0, .green_count = 2, .greens = long_list };
    struct plan b = { .kind = PLAN_ROLLING, .base_ms = 10000, .green_count = 1, .greens = short_list };
    assert_false(plan_same_course(&a, &b, 9999));
    assert_true(plan_same_course(&a, &b, 10000));
    short_list[0].end_ms = 30001;
    assert_false(plan_same_course(&a, &b, 10000));

    struct plan c = cyclic(), d = cyclic();
    d.base_ms += 600000;   // Ten whole cycles later: the same lamps.
    assert_true(plan_same_course(&c, &d, 0));
    d.base_ms += 1;
    assert_false(plan_same_course(&c, &d, 0));
    assert_false(plan_same_course(&a, &c, 0));
}

// crossings.h: offset 7 s; the greatest minimum green is 5 s and every intergreen is 5 s.
static void program_becomes_a_plan(void **state)
{
    (void)state;
    struct crossings made = { 0 };
    crossings_build(&made, 1, 300.0);
    struct green greens[PLAN_GREEN_COUNT_MAX];
    struct plan plan;
    plan_from_program(&made.network, (struct intersection_id){ 0 }, greens, &plan);
    assert_int_equal(plan.base_ms, 7000);
    assert_int_equal(plan.green_count, CROSSING_GROUPS);
    assert_true(plan.site_hash == made.network.intersections[0].site_hash);
    assert_int_equal(plan_handover_ms(&made.network, (struct intersection_id){ 0 }), 10000);
    // Stage 1 (groups 2, 3) runs from 25 s to 45 s of the cycle.
    assert_int_equal(plan_stage_at(&plan, 7000 + 25000), 1);
    assert_true(plan_green_at(&plan, 2, 7000 + 44999));
    assert_false(plan_green_at(&plan, 2, 7000 + 45000));
    assert_true(plan_green_at(&plan, 8, 12345));
    for (int32_t i = 1; i < plan.green_count; i++) {
        assert_true(plan.greens[i - 1].group <= plan.greens[i].group);
    }
    struct green copied[CROSSING_GROUPS];
    struct plan copy;
    plan_copy(&plan, copied, &copy);
    assert_true(copy.greens == copied);
    assert_memory_equal(copied, greens, sizeof copied);
    network_release(&made.network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_totally_ordered), cmocka_unit_test(cyclic_plan_wraps),
        cmocka_unit_test(rolling_plan_runs_once), cmocka_unit_test(same_course_looks_ahead_only),
        cmocka_unit_test(program_becomes_a_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
