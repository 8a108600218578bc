// Goal: webster_solve() agrees with a hand calculation, keeps minimum greens, limits and the quantum, shares out
// exactly the green that exists, and refuses bad input without touching its result; flow ratios of groups that several
// stages serve are not counted twice.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/base/random.h"
#include "engine/optimize/webster.h"

static struct webster_input two_stages(void)
{
    return (struct webster_input){ .stage_count = 2, .flow_ratio = { 0.35, 0.25 }, .lost_ms = 10000,
        .cycle_ms_min = 30000, .cycle_ms_max = 120000, .quantum_ms = 100, .green_ms_min = { 5000, 5000 } };
}

// L = 10 s, y = 0.35 + 0.25  =>  C = (15 + 5) / 0.4 = 50 s; green = 40 s as 7 : 5 = 23.333 and 16.667 s.
static void agrees_with_hand_calculation(void **state)
{
    (void)state;
    struct webster_input in = two_stages();
    struct webster_result r;
    assert_int_equal(webster_solve(&in, &r), STATUS_OK);
    assert_int_equal(r.cycle_ms, 50000);
    assert_int_equal(r.green_ms[0], 23300);
    assert_int_equal(r.green_ms[1], 16700);
    assert_false(r.oversaturated);
}

// y = 0.5 + 0.05, L = 10 s: C = 20 / 0.45 = 44.4 s, green 34.4 s as 10 : 1 would give the second 3.1 s; it gets its 8
// s.
static void keeps_minimum_green(void **state)
{
    (void)state;
    struct webster_input in = two_stages();
    in.flow_ratio[0] = 0.5;
    in.flow_ratio[1] = 0.05;
    in.green_ms_min[1] = 8000;
    struct webster_result r;
    assert_int_equal(webster_solve(&in, &r), STATUS_OK);
    assert_int_equal(r.cycle_ms, 44400);
    assert_int_equal(r.green_ms[0], 26400);
    assert_int_equal(r.green_ms[1], 8000);
}

// At and beyond Y = 1 the formula has no value: the longest cycle, and said so. Just below, it is as long.
static void holds_the_longest_cycle_when_oversaturated(void **state)
{
    (void)state;
    struct webster_input in = two_stages();
    struct webster_result r;
    in.flow_ratio[0] = 0.75;
    assert_int_equal(webster_solve(&in, &r), STATUS_OK);
    assert_int_equal(r.cycle_ms, 120000);
    assert_true(r.oversaturated);
    in.flow_ratio[0] = 0.749;
    assert_int_equal(webster_solve(&in, &r), STATUS_OK);
    assert_int_equal(r.cycle_ms, 120000);
    assert_false(r.oversaturated);
}

// Minimum greens of 55 s each and 10 s lost fill 120 s exactly; one quantum more does not fit.
static void says_when_minimum_greens_do_not_fit(void **state)
{
    (void)state;
    struct webster_input in = two_stages();
    struct webster_result r = { .cycle_ms = 77 };
    in.green_ms_min[0] = in.green_ms_min[1] = 55000;
    assert_int_equal(webster_solve(&in, &r), STATUS_OK);
    assert_int_equal(r.cycle_ms, 120000);
    r.cycle_ms = 77;
    in.green_ms_min[1] = 55100;
    assert_int_equal(webster_solve(&in, &r), STATUS_INFEASIBLE);
    assert_int_equal(r.cycle_ms, 77);
}

static void refuses_bad_input_and_keeps_result(void **state)
{
    (void)state;
    struct webster_result r = { .cycle_ms = 77 };
    struct webster_input in = two_stages();
    in.flow_ratio[1] = NAN;
    assert_int_equal(webster_solve(&in, &r), STATUS_RANGE);
    in = two_stages();
    in.flow_ratio[0] = -0.001;
    assert_int_equal(webster_solve(&in, &r), STATUS_RANGE);
    in = two_stages();
    in.stage_count = WEBSTER_STAGE_COUNT_MAX + 1;
    assert_int_equal(webster_solve(&in, &r), STATUS_RANGE);
    in = two_stages();
    in.cycle_ms_max = in.cycle_ms_min - 1;
    assert_int_equal(webster_solve(&in, &r), STATUS_RANGE);
    assert_int_equal(r.cycle_ms, 77);
}

// Whatever the flows: greens and lost time are the cycle, every green is a multiple of the quantum and at its minimum.
static void shares_exactly(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 2000; seed++) {
        struct webster_input in = { .stage_count = 1 + (int32_t)(seed % WEBSTER_STAGE_COUNT_MAX), .lost_ms = 20000,
            .cycle_ms_min = 40000, .cycle_ms_max = 180000, .quantum_ms = seed % 2 == 0 ? 1000 : 100 };
        for (int32_t i = 0; i < in.stage_count; i++) {
            in.flow_ratio[i] = random_unit(seed, RANDOM_TEST, (uint64_t)i, 0) * 0.3;
            in.green_ms_min[i] = 5000;
        }
        struct webster_result r;
        assert_int_equal(webster_solve(&in, &r), STATUS_OK);
        int32_t sum_ms = in.lost_ms;
        for (int32_t i = 0; i < in.stage_count; i++) {
            assert_true(r.green_ms[i] >= in.green_ms_min[i]);
            assert_int_equal(r.green_ms[i] % in.quantum_ms, 0);
            sum_ms += r.green_ms[i];
        }
        assert_int_equal(sum_ms, r.cycle_ms);
        assert_true(r.cycle_ms <= in.cycle_ms_max);
    }
}

// Groups 0 (0.3) in stage 0 alone, 1 (0.4) in both stages, 2 (0.2) in stage 1 alone. Stage 0 needs 0.3, stage 1 needs
// 0.2; group 1 has 0.5 of its 0.4 already.
static void does_not_count_a_shared_group_twice(void **state)
{
    (void)state;
    struct webster_groups groups = { .group_count = 3, .flow_ratio = { 0.3, 0.4, 0.2 } };
    uint64_t stages[2] = { 0x3, 0x6 };
    double ratio[2];
    assert_true(fabs(webster_stage_ratios(&groups, stages, 2, ratio) - 0.5) < 1e-12);
    assert_true(fabs(ratio[0] - 0.3) < 1e-12 && fabs(ratio[1] - 0.2) < 1e-12);
    groups.flow_ratio[1] = 0.6;   // Lacks 0.1: the last stage that serves it grows.
    assert_true(fabs(webster_stage_ratios(&groups, stages, 2, ratio) - 0.6) < 1e-12);
    assert_true(fabs(ratio[1] - 0.3) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_hand_calculation),
        cmocka_unit_test(keeps_minimum_green),
        cmocka_unit_test(holds_the_longest_cycle_when_oversaturated),
        cmocka_unit_test(says_when_minimum_greens_do_not_fit),
        cmocka_unit_test(refuses_bad_input_and_keeps_result),
        cmocka_unit_test(shares_exactly),
        cmocka_unit_test(does_not_count_a_shared_group_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
