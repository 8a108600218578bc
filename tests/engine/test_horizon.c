// Goal: the search of `adaptive` against known answers: uniform arrivals, Webster's uniform delay, a platoon whose best
// green is known, a blocked exit that must not be fed, who gives way and who does not; and every plan it finds on
// random sites against all plans there are, on small ones.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/random.h"
#include "engine/optimize/horizon.h"

// Two stages, a stream each, 0.5 veh/s; 5 s between greens, minimum 5 s, no start loss, no yellow used.
static void two_stages(struct horizon *horizon)
{
    memset(horizon, 0, sizeof *horizon);
    horizon->stream_count = horizon->stage_count = 2;
    horizon->wait_price = 15.0f;
    horizon->serve_price = 3.0f;
    horizon->queue_price = 0.5f;
    horizon->end_price = 15.0f;
    for (int32_t s = 0; s < 2; s++) {
        horizon->green_s_min[s] = 5;
        horizon->transition_s[s][1 - s] = 5;
        horizon->capacity[s][s] = 0.5f;
        horizon->weight[s] = 1.0f;
    }
}

static void arrive(struct horizon *horizon, int32_t stream, int32_t from_s, float vehicles)
{
    for (int32_t k = from_s; k <= HORIZON_S; k++) {
        horizon->arrived[k][stream] += vehicles;
    }
}

// Nobody but a steady 0.2 veh/s on the stream that is green: staying costs nothing, and so it must stay.
static void uniform_arrivals_at_green_cost_nothing(void **state)
{
    (void)state;
    struct horizon horizon;
    struct horizon_plan plan;
    two_stages(&horizon);
    for (int32_t k = 1; k <= HORIZON_S; k++) {
        arrive(&horizon, 0, k, 0.2f);
    }
    horizon_search(&horizon, &plan);
    assert_int_equal(plan.visit_count, 1);
    assert_float_equal(plan.price, 0.0f, 1e-3);
}

// Webster's uniform delay: q vehicles a second, red r, saturation s: a cycle's delay is q r^2 / (2 (1 - q / s)).
// 0.2 veh/s, 30 s of red, s = 0.5: 0.2 * 900 / 1.2 = 150 vehicle seconds. Counted at the ends of seconds the triangle
// has half a row more: + q r / 2 each way.
static void delay_of_a_red_is_websters(void **state)
{
    (void)state;
    struct horizon horizon;
    two_stages(&horizon);
    for (int32_t k = 1; k <= HORIZON_S; k++) {
        arrive(&horizon, 1, k, 0.2f);
    }
    struct visit visits[2] = { { .stage = 0, .start_s = 0, .end_s = 25 },
                               { .stage = 1, .start_s = 30, .end_s = HORIZON_S } };
    float price = horizon_price(&horizon, visits, 2);
    assert_float_equal(price, 150.0f, 0.02f * 150.0f);
}

// Ten seconds of red. Whoever waits when it begins has waited before, so that a second of his counts 1 + 0.5, and 0.01
// more with each that follows: 10 + 10 * 0.5 + 0.01 * (1 + ... + 10), and 2 s in which he leaves. Who comes only then
// counts as he is.
static void waiting_gets_dearer_for_who_waits_already(void **state)
{
    (void)state;
    struct visit visits[2] = { { .stage = 0, .start_s = 0, .end_s = 5 },
                               { .stage = 1, .start_s = 10, .end_s = HORIZON_S } };
    for (int32_t from_s = 0; from_s < 2; from_s++) {
        struct horizon horizon;
        two_stages(&horizon);
        horizon.waited[1] = 0.5f;
        horizon.waited_rise = 0.01f;
        arrive(&horizon, 1, from_s, 1.0f);
        float old = 10.0f * 1.5f + 0.01f * 55.0f + 0.5f * (1.5f + 0.01f * 11.0f);
        assert_float_equal(horizon_price(&horizon, visits, 2), from_s == 0 ? old : 10.0f + 0.5f, 1e-3);
    }
}

// The platoon of the signal before arrives from second 20 to 40 on stream 1; stream 0 is empty. With 5 s between greens
// the change must begin by second 15, then nobody stops: the best offset is known.
static void a_platoon_meets_green(void **state)
{
    (void)state;
    struct horizon horizon;
    struct horizon_plan plan;
    two_stages(&horizon);
    arrive(&horizon, 0, 0, 2.0f);
    for (int32_t k = 20; k < 40; k++) {
        arrive(&horizon, 1, k, 0.5f);
    }
    horizon_search(&horizon, &plan);
    assert_true(plan.visit_count >= 2);
    assert_int_equal(plan.visits[1].stage, 1);
    assert_true(plan.visits[0].end_s >= 4);        // 2 vehicles at 0.5 a second are gone by then
    assert_true(plan.visits[1].start_s <= 20);
    assert_true(plan.visits[1].end_s >= 40);
    assert_float_equal(plan.price, 2.0f - 0.5f + 1.0f + 0.5f, 0.6f);
}

// A saturated pair: stream 0 is long but its exit is full (its weight is low, as adaptive.c gives it), stream 1 flows.
// Of equal queues the one that can go on goes first.
static void a_full_exit_is_not_fed(void **state)
{
    (void)state;
    struct horizon horizon;
    struct horizon_plan plan;
    two_stages(&horizon);
    arrive(&horizon, 0, 0, 10.0f);
    arrive(&horizon, 1, 0, 10.0f);
    horizon_search(&horizon, &plan);
    assert_true(plan.visits[0].end_s > 0);
    horizon.weight[0] = 1.0f / (1.0f + 0.1f * 30.0f);
    horizon_search(&horizon, &plan);
    assert_int_equal(plan.visits[0].end_s, 0);
    assert_int_equal(plan.visits[1].stage, 1);
    assert_true(plan.stay_price > plan.price);
}

// Stream 0 gives way to stream 1 while both are green in stage 0: nothing passes before the foe's queue has gone.
static void who_gives_way_waits_for_his_foe(void **state)
{
    (void)state;
    struct horizon horizon;
    two_stages(&horizon);
    horizon.stage_count = 1;
    horizon.capacity[0][1] = 0.5f;
    horizon.foes[0] = (struct way_foe){ .stream = 1, .shut_s = 2.5f };
    horizon.giving[0] = (struct giving_way){ .stream = 0, .foe_count = 1, .part = 1.0f };
    horizon.first_giving[1] = 1;
    arrive(&horizon, 0, 0, 5.0f);
    arrive(&horizon, 1, 0, 10.0f);
    struct visit all = { .stage = 0, .end_s = HORIZON_S };
    float gone[HORIZON_S + 1][STREAM_COUNT_MAX];
    horizon_departures(&horizon, &all, 1, gone);
    assert_float_equal(gone[20][1], 10.0f, 1e-3);
    assert_true(gone[19][0] < 1.0f);               // 0.05 of 0.5 veh/s slip through
    assert_float_equal(gone[40][0], 5.0f, 1e-3);   // then 0.5 veh/s
}

// Two streams of the second stage wait with 4 vehicles each; the change begins at once and takes 5 s. The one that
// leads by 2 s has none left at 3 + 8 s, the other at 5 + 8 s: gone rises by 0.5 from second 4 and from second 6 on.
static void a_stream_that_leads_goes_first(void **state)
{
    (void)state;
    struct horizon horizon;
    static float gone[HORIZON_S + 1][STREAM_COUNT_MAX];
    two_stages(&horizon);
    horizon.stream_count = 3;
    horizon.weight[2] = 1.0f;
    horizon.capacity[1][2] = 0.5f;
    arrive(&horizon, 1, 0, 4.0f);
    arrive(&horizon, 2, 0, 4.0f);
    horizon.lead_s[0][1][2] = horizon.lead_s_most[0][1] = 2;
    struct visit visits[] = { { .stage = 0, .end_s = 0 }, { .stage = 1, .start_s = 5, .end_s = HORIZON_S } };
    horizon_departures(&horizon, visits, 2, gone);
    assert_float_equal(gone[3][2], 0.0f, 1e-6);
    assert_float_equal(gone[4][2], 0.5f, 1e-6);
    assert_float_equal(gone[11][2], 4.0f, 1e-6);
    assert_float_equal(gone[5][1], 0.0f, 1e-6);
    assert_float_equal(gone[6][1], 0.5f, 1e-6);
    assert_float_equal(gone[13][1], 4.0f, 1e-6);
}

// ---- against all plans there are -----------------------------------------------------------------------------------

struct brute {
    const struct horizon *horizon;
    struct visit visits[VISIT_COUNT_MAX];
    float best;
};

// Every sequence of stages left at multiples of 5 s after their minimum, up to `depth` changes.
static void brute_force(struct brute *brute, int32_t count, int32_t free_s, int32_t depth)
{
    struct visit *last = &brute->visits[count - 1];
    last->end_s = HORIZON_S;
    float price = horizon_price(brute->horizon, brute->visits, count);
    brute->best = price < brute->best ? price : brute->best;
    for (int32_t end_s = free_s; depth > 0 && end_s < HORIZON_S; end_s += 5) {
        for (int32_t s = 0; s < brute->horizon->stage_count; s++) {
            int32_t start_s = end_s + brute->horizon->transition_s[last->stage][s];
            if (s == last->stage || start_s >= HORIZON_S) {
                continue;
            }
            last->end_s = (int16_t)end_s;
            brute->visits[count] = (struct visit){ .stage = (int16_t)s, .start_s = (int16_t)start_s };
            brute_force(brute, count + 1, start_s + brute->horizon->green_s_min[s], depth - 1);
        }
    }
}

// The draws of one site.
struct draws { uint64_t site, next; };

static int32_t below(struct draws *draws, int32_t bound)
{
    return (int32_t)(random_unit(7, RANDOM_TEST, draws->site, draws->next++) * bound);
}

static void random_site(uint64_t site, struct horizon *horizon)
{
    struct draws draws = { .site = site };
    memset(horizon, 0, sizeof *horizon);
    horizon->stage_count = 2 + below(&draws, 2);
    horizon->stream_count = 4;
    horizon->start_loss_s = horizon->yellow_gain_s = 1;
    horizon->wait_price = horizon->end_price = 15.0f;
    horizon->serve_price = 3.0f;
    horizon->queue_price = 0.5f;
    horizon->switch_price = 1.0f;
    horizon->waited_rise = 0.01f;
    for (int32_t s = 0; s < horizon->stage_count; s++) {
        horizon->green_s_min[s] = 5;
        for (int32_t t = 0; t < horizon->stage_count; t++) {
            horizon->transition_s[s][t] = s == t ? 0 : 5;
            int32_t first = below(&draws, 4), lead_s = s == t ? 0 : below(&draws, 4);
            horizon->lead_s[s][t][first] = horizon->lead_s_most[s][t] = (uint8_t)lead_s;
        }
    }
    for (int32_t r = 0; r < 4; r++) {
        horizon->weight[r] = 1.0f;
        horizon->waited[r] = 0.2f * (float)below(&draws, 5);
        horizon->capacity[below(&draws, horizon->stage_count)][r] = 0.5f;
        arrive(horizon, r, 0, (float)below(&draws, 8));
        for (int32_t k = 1; k <= HORIZON_S; k++) {
            arrive(horizon, r, k, below(&draws, 20) == 0 ? 1.0f : 0.0f);
        }
    }
}

// The search leaves stages at finer times than the brute force, so it may be better; it may be worse by little, since
// it keeps two courses of each stage and second only.
static void near_the_best_of_all_plans(void **state)
{
    (void)state;
    double ours = 0.0, best = 0.0;
    for (uint64_t i = 0; i < 60; i++) {
        struct horizon horizon;
        struct horizon_plan plan;
        random_site(i, &horizon);
        horizon_search(&horizon, &plan);
        struct brute brute = { .horizon = &horizon, .best = INFINITY };
        brute.visits[0] = (struct visit){ .stage = 0 };
        brute_force(&brute, 1, 0, 3);
        assert_float_equal(plan.price, horizon_price(&horizon, plan.visits, plan.visit_count),
                           1e-3f * (1.0f + plan.price));
        assert_true(plan.price <= 1.15f * brute.best + 5.0f);
        ours += (double)plan.price;
        best += (double)brute.best;
    }
    assert_true(ours <= 1.01 * best);
}

// On random sites: a stage that is early_only comes among the first three of a plan or not at all; else it comes later
// too.
static void an_early_stage_is_not_planned_late(void **state)
{
    (void)state;
    int32_t late[2] = { 0, 0 };
    for (uint64_t site = 0; site < 200; site++) {
        struct horizon horizon;
        struct horizon_plan plan;
        random_site(site, &horizon);
        for (int32_t only = 0; only < 2; only++) {
            int32_t last = horizon.stage_count - 1;
            horizon.early_only[last] = only == 1;
            horizon_search(&horizon, &plan);
            for (int32_t i = 3; i < plan.visit_count; i++) {
                late[only] += plan.visits[i].stage == last;
            }
        }
    }
    assert_true(late[0] > 0);
    assert_int_equal(late[1], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uniform_arrivals_at_green_cost_nothing),
        cmocka_unit_test(delay_of_a_red_is_websters),
        cmocka_unit_test(waiting_gets_dearer_for_who_waits_already),
        cmocka_unit_test(a_platoon_meets_green),
        cmocka_unit_test(a_full_exit_is_not_fed),
        cmocka_unit_test(who_gives_way_waits_for_his_foe),
        cmocka_unit_test(a_stream_that_leads_goes_first),
        cmocka_unit_test(near_the_best_of_all_plans),
        cmocka_unit_test(an_early_stage_is_not_planned_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
