// Goal: plans made of stages keep every intergreen, yellow and minimum green of a crossing: known greens for a hold, a
// switch, a hand-over and a cycle, then long random walks of decisions whose joined lamps are looked at second by
// second; and the change to a cyclic plan is allowed only where it moves no lamp.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/random.h"
#include "engine/model/lamp.h"
#include "engine/optimize/compose.h"
#include "tests/engine/crossings.h"

#define T0 1000000                    // some instant, a multiple of the quantum

static struct crossings made;
static struct transitions transitions;

static int setup(void **state)
{
    (void)state;
    crossings_build(&made, 1, 300.0);
    transitions_create(&transitions, &made.network);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    transitions_release(&transitions);
    network_release(&made.network);
    return 0;
}

static const struct green *green_of(const struct plan *plan, int32_t group, int32_t number)
{
    for (int32_t i = 0; i < plan->green_count; i++) {
        if (plan->greens[i].group == group && number-- == 0) {
            return &plan->greens[i];
        }
    }
    return NULL;
}

static void expect_green(const struct plan *plan, int32_t group, int32_t number, int64_t start_ms, int64_t end_ms)
{
    const struct green *green = green_of(plan, group, number);
    assert_non_null(green);
    assert_int_equal(plan->base_ms + green->start_ms, start_ms);
    assert_int_equal(plan->base_ms + green->end_ms, end_ms);
}

static void enters_a_stage_by_fresh_greens(void **state)
{
    (void)state;
    struct green greens[PLAN_GREEN_COUNT_MAX];
    struct plan plan;
    compose_handover(&made.network, 0, 0, T0, INT64_MAX, greens, &plan);
    assert_true(plan.handover);
    assert_int_equal(plan.green_count, 3);
    expect_green(&plan, 0, 0, T0, T0 + HOLD_MS);
    expect_green(&plan, 8, 0, T0, T0 + HOLD_MS);
    assert_true(compose_enters_clean(&made.network, &plan, T0));
    assert_false(compose_enters_clean(&made.network, &plan, T0 + 1000));
}

// Stage 0 from T0; at T0 + 2 s to stage 2: its greens end at T0 + 5 s (minimum), the others start 5 s later
// (intergreen).
static void switches_after_minimum_and_intergreen(void **state)
{
    (void)state;
    struct green first[PLAN_GREEN_COUNT_MAX], greens[PLAN_GREEN_COUNT_MAX];
    struct plan entered, plan;
    struct lamps lamps;
    compose_handover(&made.network, 0, 0, T0, INT64_MAX, first, &entered);
    lamps_read(&made.network, &entered, T0 + 2000, &lamps);
    assert_int_equal(lamps.stage, 0);
    assert_int_equal(lamps.stage_start_ms, T0);
    assert_int_equal(lamps_leave_ms(&made.network, &lamps, 2), T0 + 5000);
    compose_switch(&transitions, &lamps, 2, INT64_MAX, greens, &plan);
    expect_green(&plan, 0, 0, T0, T0 + 5000);
    expect_green(&plan, 4, 0, T0 + 10000, plan.valid_until_ms);
    expect_green(&plan, 8, 0, T0, plan.valid_until_ms);   // It is in both stages: it goes on.
    // During the change there is no stage; afterwards there is.
    lamps_read(&made.network, &plan, T0 + 7000, &lamps);
    assert_int_equal(lamps.stage, INDEX_NONE);
    lamps_read(&made.network, &plan, T0 + 11000, &lamps);
    assert_int_equal(lamps.stage, 2);
    assert_int_equal(lamps.stage_start_ms, T0 + 10000);
}

// Groups 0 and 1 end; group 4 is clear of both 3 s later, group 5 5 s later: each starts at its own time, and the stage
// is there when both are.
static void each_group_starts_when_it_is_clear(void **state)
{
    (void)state;
    struct green first[PLAN_GREEN_COUNT_MAX], greens[PLAN_GREEN_COUNT_MAX];
    struct plan entered, plan;
    struct lamps lamps;
    const struct intersection *at = &made.network.intersections[0];
    int32_t *of_0 = &made.network.intergreen_ms[at->first_intergreen], *of_1 = of_0 + at->group_count;
    of_0[4] = of_1[4] = 3000;
    compose_handover(&made.network, 0, 0, T0, INT64_MAX, first, &entered);
    lamps_read(&made.network, &entered, T0 + 9000, &lamps);
    compose_switch(&transitions, &lamps, 2, INT64_MAX, greens, &plan);
    of_0[4] = of_1[4] = 5000;
    expect_green(&plan, 0, 0, T0, T0 + 9000);
    expect_green(&plan, 4, 0, T0 + 12000, plan.valid_until_ms);
    expect_green(&plan, 5, 0, T0 + 14000, plan.valid_until_ms);
    lamps_read(&made.network, &plan, T0 + 13000, &lamps);
    assert_int_equal(lamps.stage, INDEX_NONE);
    lamps_read(&made.network, &plan, T0 + 15000, &lamps);
    assert_int_equal(lamps.stage, 2);
    assert_int_equal(lamps.stage_start_ms, T0 + 14000);
}

// Groups 4 and 5 are clear of group 0 3 s after its end and of group 1 5 s after: group 0 may stay 2 s longer, and both
// start as they would have.
static void each_group_ends_when_somebody_waits_for_it(void **state)
{
    (void)state;
    struct green first[PLAN_GREEN_COUNT_MAX], greens[PLAN_GREEN_COUNT_MAX];
    struct plan entered, plan;
    struct lamps lamps;
    const struct intersection *at = &made.network.intersections[0];
    int32_t *of_0 = &made.network.intergreen_ms[at->first_intergreen];
    of_0[4] = of_0[5] = 3000;
    compose_handover(&made.network, 0, 0, T0, INT64_MAX, first, &entered);
    lamps_read(&made.network, &entered, T0 + 9000, &lamps);
    compose_switch(&transitions, &lamps, 2, INT64_MAX, greens, &plan);
    of_0[4] = of_0[5] = 5000;
    expect_green(&plan, 0, 0, T0, T0 + 11000);
    expect_green(&plan, 1, 0, T0, T0 + 9000);
    expect_green(&plan, 4, 0, T0 + 14000, plan.valid_until_ms);
    expect_green(&plan, 5, 0, T0 + 14000, plan.valid_until_ms);
    lamps_read(&made.network, &plan, T0 + 10000, &lamps);
    assert_int_equal(lamps.stage, INDEX_NONE);
    lamps_read(&made.network, &plan, T0 + 15000, &lamps);
    assert_int_equal(lamps.stage, 2);
}

// Stage 0 {0,1} to stage 4 {0,2}: group 0 goes on, group 1 ends, group 2 starts after group 1's intergreen.
static void keeps_what_both_stages_have(void **state)
{
    (void)state;
    struct green first[PLAN_GREEN_COUNT_MAX], greens[PLAN_GREEN_COUNT_MAX];
    struct plan entered, plan;
    struct lamps lamps;
    compose_handover(&made.network, 0, 0, T0, INT64_MAX, first, &entered);
    lamps_read(&made.network, &entered, T0 + 9000, &lamps);
    compose_switch(&transitions, &lamps, 4, INT64_MAX, greens, &plan);
    expect_green(&plan, 0, 0, T0, plan.valid_until_ms);
    expect_green(&plan, 1, 0, T0, T0 + 9000);
    expect_green(&plan, 2, 0, T0 + 14000, plan.valid_until_ms);
    lamps_read(&made.network, &plan, T0 + 15000, &lamps);
    assert_int_equal(lamps.stage, 4);
}

// At T0 + 60 s the plan says that groups 0 and 1 ended at T0 + 5 s. Group 0 is red since T0, as its controller shows:
// its green ended a yellow before. Group 1 is red for a second longer than the plan says, which is a quantum: the time
// of the plan stays. Group 4 is green, whatever its age.
static void believes_a_longer_red(void **state)
{
    (void)state;
    struct green first[PLAN_GREEN_COUNT_MAX], greens[PLAN_GREEN_COUNT_MAX];
    struct plan entered, plan;
    struct lamps lamps;
    compose_handover(&made.network, 0, 0, T0, INT64_MAX, first, &entered);
    lamps_read(&made.network, &entered, T0 + 2000, &lamps);
    compose_switch(&transitions, &lamps, 2, INT64_MAX, greens, &plan);
    lamps_read(&made.network, &plan, T0 + 60000, &lamps);
    assert_int_equal(lamps.end_ms[0], T0 + 5000);
    int64_t end_ms = lamps.end_ms[4];
    struct controller_report report = { .time_ms = T0 + 60000 };
    report.aspect[0] = report.aspect[1] = ASPECT_RED;
    report.aspect[4] = ASPECT_GREEN;
    report.age_ms[0] = 60000;
    report.age_ms[1] = 53000;
    report.age_ms[4] = 100000;
    lamps_believe(&made.network, &report, &lamps);
    assert_int_equal(lamps.end_ms[0], T0 - 3000);
    assert_true(lamps.start_ms[0] <= T0 - 8000);
    assert_int_equal(lamps.end_ms[1], T0 + 5000);
    assert_int_equal(lamps.end_ms[4], end_ms);
}

// 20 + 5 + 10 + 5 + 30 + 5 = 75 s; group 0 is in stages 4 and 0, the last and the first: one green over the wrap.
static void goes_round_a_timing(void **state)
{
    (void)state;
    struct green greens[PLAN_GREEN_COUNT_MAX];
    struct plan plan;
    struct timing timing = { .stage_count = 3, .stage = { 0, 2, 4 }, .green_ms = { 20000, 10000, 30000 } };
    assert_int_equal(timing_cycle_ms(&transitions, 0, &timing), 75000);
    compose_cyclic(&transitions, 0, &timing, T0, T0 + 3000, greens, &plan);
    assert_int_equal(plan.cycle_ms, 75000);
    assert_int_equal((T0 - plan.base_ms) % 75000, 0);
    assert_int_equal(green_of(&plan, 0, 0)->start_ms, 40000);
    assert_int_equal(green_of(&plan, 0, 0)->end_ms, 75000 + 20000);
    assert_null(green_of(&plan, 0, 1));
    assert_int_equal(green_of(&plan, 1, 0)->start_ms, 0);
    assert_int_equal(green_of(&plan, 1, 0)->end_ms, 20000);
    assert_int_equal(green_of(&plan, 4, 0)->start_ms, 25000);
    assert_int_equal(green_of(&plan, 2, 0)->start_ms, 40000);
    assert_int_equal(green_of(&plan, 2, 0)->end_ms, 70000);
    assert_int_equal(green_of(&plan, 8, 0)->end_ms - green_of(&plan, 8, 0)->start_ms, 75000);
    assert_int_equal(plan.green_count, 6);   // one each of groups 0, 1, 2, 4, 5, 8
}

// The course of lamps that a walk of decisions gives, looked at as a passer-by would.
struct watcher {
    int64_t start_ms[CROSSING_GROUPS], end_ms[CROSSING_GROUPS];   // last green; end INT64_MAX while it lasts
    bool green[CROSSING_GROUPS];
};

static void watch(struct watcher *watcher, const struct plan *plan, int64_t t_ms)
{
    const struct network *network = &made.network;
    const struct intersection *at = &network->intersections[0];
    for (int32_t g = 0; g < CROSSING_GROUPS; g++) {
        bool green = lamp_aspect(network, plan, g, t_ms, NULL) == ASPECT_GREEN;
        if (green && !watcher->green[g]) {
            watcher->start_ms[g] = t_ms;
            for (int32_t other = 0; other < CROSSING_GROUPS; other++) {
                int32_t intergreen_ms = network_intergreen_ms(network, at, other, g);
                if (intergreen_ms >= 0 && watcher->start_ms[other] > 0) {
                    assert_false(watcher->green[other]);
                    assert_true(t_ms - watcher->end_ms[other] >= intergreen_ms);
                }
            }
        }
        if (!green && watcher->green[g]) {
            watcher->end_ms[g] = t_ms;
            assert_true(t_ms - watcher->start_ms[g] >= network->groups[g].green_ms_min);
            assert_int_equal(lamp_aspect(network, plan, g, t_ms, NULL), ASPECT_YELLOW);
        }
        watcher->green[g] = green;
    }
}

static void random_walks_are_safe(void **state)
{
    (void)state;
    struct green greens[2][PLAN_GREEN_COUNT_MAX];
    struct plan plans[2];
    int32_t switches = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct watcher watcher = { { 0 }, { 0 }, { false } };
        int now = 0;
        compose_handover(&made.network, 0, (int32_t)(seed % CROSSING_STAGES), T0, INT64_MAX, greens[0], &plans[0]);
        for (int64_t t_ms = T0; t_ms < T0 + 2000000; t_ms += 1000) {
            struct lamps lamps;
            lamps_read(&made.network, &plans[now], t_ms, &lamps);
            uint64_t draw = random_bits(seed, RANDOM_TEST, (uint64_t)t_ms, 0);
            if (lamps.stage != INDEX_NONE && draw % 4 == 0) {
                int32_t stage = (int32_t)(draw / 4 % CROSSING_STAGES);
                if (stage == lamps.stage) {
                    compose_hold(&made.network, &lamps, INT64_MAX, greens[!now], &plans[!now]);
                } else {
                    compose_switch(&transitions, &lamps, stage, INT64_MAX, greens[!now], &plans[!now]);
                    switches++;
                }
                now = !now;
            }
            watch(&watcher, &plans[now], t_ms);
        }
    }
    assert_true(switches > 1000);
}

// A rolling plan in stage 0 since T0 and a cycle whose stage 0 began at T0 are one course until the first of both ends.
static void meets_only_where_no_lamp_moves(void **state)
{
    (void)state;
    struct green first[PLAN_GREEN_COUNT_MAX], greens[PLAN_GREEN_COUNT_MAX];
    struct plan entered, cyclic;
    struct timing timing = { .stage_count = 3, .stage = { 0, 2, 1 }, .green_ms = { 20000, 10000, 30000 } };
    compose_handover(&made.network, 0, 0, T0, INT64_MAX, first, &entered);
    compose_cyclic(&transitions, 0, &timing, T0, T0, greens, &cyclic);
    assert_true(compose_meets(&made.network, &entered, &cyclic, T0 + 1000));
    assert_true(compose_meets(&made.network, &entered, &cyclic, T0 + 19000));
    assert_false(compose_meets(&made.network, &entered, &cyclic, T0 + 20000));   // The cycle ends it just then.
    assert_false(compose_meets(&made.network, &entered, &cyclic, T0 + 26000));   // It shows stage 2.
    compose_cyclic(&transitions, 0, &timing, T0 + 40000, T0, greens, &cyclic);
    assert_false(compose_meets(&made.network, &entered, &cyclic, T0 + 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enters_a_stage_by_fresh_greens),
        cmocka_unit_test(switches_after_minimum_and_intergreen),
        cmocka_unit_test(each_group_starts_when_it_is_clear),
        cmocka_unit_test(each_group_ends_when_somebody_waits_for_it),
        cmocka_unit_test(keeps_what_both_stages_have),
        cmocka_unit_test(believes_a_longer_red),
        cmocka_unit_test(goes_round_a_timing),
        cmocka_unit_test(random_walks_are_safe),
        cmocka_unit_test(meets_only_where_no_lamp_moves),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
