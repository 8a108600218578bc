// Goal: the controllers of the street do what plan.h says a controller does: cyclic and rolling plans to the second,
// with their yellow and all-red, hand-over through their own clearance, refusal of what comes late or from elsewhere,
// the fallback when nobody speaks any more; and local actuated control. Under every course of lamps, planned or not,
// intergreens, yellows and minimum greens hold at each instant.
//
// The crossing (crossings.h): groups 0, 1 (stage 0), 2, 3 (stage 1), 4, 5 (stage 2), 6, 7 (stage 3), 8 always; stages
// of 20 s in a cycle of 100 s with offset 7 s; yellow 3 s, intergreen 5 s, minimum green 5 s. Hand-over: 5 s + 5 s.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/random.h"
#include "engine/model/lamp.h"
#include "sim/traffic/signals.h"
#include "tests/engine/crossings.h"

#define BEGIN_MS 7000                 // stage 0 of the program has just begun
#define STEP_MS 1000

struct scene {
    struct crossings made;
    struct signals *signals;
    struct green greens[PLAN_GREEN_COUNT_MAX];
    uint8_t aspects[CROSSING_GROUPS];
    int64_t green_ms[CROSSING_GROUPS], ended_ms[CROSSING_GROUPS];   // of the last green; far back without one
    int64_t now_ms;
};

static int setup(void **state)
{
    struct scene *scene = memory_take(1, sizeof *scene);
    crossings_build(&scene->made, 1, 300.0);
    scene->signals = signals_create(&scene->made.network, BEGIN_MS);
    scene->now_ms = BEGIN_MS;
    for (int g = 0; g < CROSSING_GROUPS; g++) {
        scene->green_ms[g] = scene->ended_ms[g] = -1000000;
    }
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    signals_release(scene->signals);
    network_release(&scene->made.network);
    free(scene);
    return 0;
}

// Looks at the lamps at t and holds them against those of the look before. Says nothing that the code under test says:
// aspects alone, from outside.
static void look(struct scene *scene, int64_t t_ms)
{
    uint8_t before[CROSSING_GROUPS];
    bool first = scene->now_ms == t_ms;
    memcpy(before, scene->aspects, sizeof before);
    signals_show(scene->signals, t_ms, scene->aspects);
    scene->now_ms = t_ms;
    const struct network *network = &scene->made.network;
    for (int g = 0; g < CROSSING_GROUPS && !first; g++) {
        bool was = before[g] == ASPECT_GREEN, is = scene->aspects[g] == ASPECT_GREEN;
        if (was && !is) {
            assert_true(t_ms - scene->green_ms[g] >= 5000);                      // minimum green
            scene->ended_ms[g] = t_ms;
        }
        assert_false(was && scene->aspects[g] == ASPECT_RED);                    // never without yellow
        assert_true((scene->aspects[g] == ASPECT_YELLOW) == (!is && t_ms < scene->ended_ms[g] + 3000));
        if (!was && is) {
            scene->green_ms[g] = t_ms;
            for (int o = 0; o < CROSSING_GROUPS; o++) {
                int32_t between_ms = network_intergreen_ms(network, &network->intersections[0], o, g);
                assert_true(between_ms < 0 || scene->aspects[o] != ASPECT_GREEN);
                assert_true(between_ms < 0 || t_ms - scene->ended_ms[o] >= between_ms);
            }
        }
    }
}

static void run_to(struct scene *scene, int64_t t_ms)
{
    while (scene->now_ms < t_ms) {
        look(scene, scene->now_ms + STEP_MS);
    }
}

static uint64_t green_groups(const struct scene *scene)
{
    uint64_t green = 0;
    for (int g = 0; g < CROSSING_GROUPS; g++) {
        green |= scene->aspects[g] == ASPECT_GREEN ? UINT64_C(1) << g : 0;
    }
    return green;
}

static struct plan plan_of(struct scene *scene, uint32_t sequence, int64_t from_ms, int64_t until_ms)
{
    return (struct plan){ .kind = PLAN_ROLLING, .version = { 1, 1, sequence }, .base_ms = from_ms,
        .site_hash = scene->made.network.intersections[0].site_hash, .valid_from_ms = from_ms,
        .valid_until_ms = until_ms, .coordinated_stage = INDEX_NONE, .greens = scene->greens };
}

static void add_green(struct scene *scene, struct plan *plan, int group, int stage, int32_t start_ms, int32_t end_ms)
{
    scene->greens[plan->green_count++] = (struct green){ start_ms, end_ms, (int16_t)group, (int16_t)stage };
}

// A hand-over into stage 2 (groups 4, 5, 8), held to the end.
static struct plan plan_enter(struct scene *scene, uint32_t sequence, int64_t from_ms, int32_t for_ms)
{
    struct plan plan = plan_of(scene, sequence, from_ms, from_ms + for_ms);
    plan.handover = true;
    add_green(scene, &plan, 4, 2, 0, for_ms);
    add_green(scene, &plan, 5, 2, 0, for_ms);
    add_green(scene, &plan, 8, 2, 0, for_ms);
    return plan;
}

static void plays_its_program_from_the_first_instant(void **state)
{
    struct scene *scene = *state;
    look(scene, BEGIN_MS);
    assert_int_equal(green_groups(scene), 0x103);
    for (int64_t t_ms = BEGIN_MS + STEP_MS; t_ms <= BEGIN_MS + 300000; t_ms += STEP_MS) {
        look(scene, t_ms);
        int64_t place_ms = (t_ms - BEGIN_MS) % 100000;
        uint64_t stage = UINT64_C(3) << place_ms / 25000 * 2;
        assert_int_equal(green_groups(scene), place_ms % 25000 < 20000 ? stage | 0x100 : 0x100);
    }
}

// Told at 20 s to be in stage 2 at 40 s. Stage 0 ends by itself at 20 s, stage 1 begins at 25 s: clearance from 30 s
// on, and its minimum green is then over.
static void hands_over_through_its_own_clearance(void **state)
{
    struct scene *scene = *state;
    look(scene, BEGIN_MS);
    run_to(scene, BEGIN_MS + 20000);
    struct plan plan = plan_enter(scene, 1, BEGIN_MS + 40000, 30000);
    assert_int_equal(signals_offer(scene->signals, &plan, scene->now_ms), STATUS_OK);
    run_to(scene, BEGIN_MS + 29000);
    assert_int_equal(green_groups(scene), 0x10c);
    run_to(scene, BEGIN_MS + 30000);
    assert_int_equal(green_groups(scene), 0);
    assert_int_equal(scene->aspects[2], ASPECT_YELLOW);
    run_to(scene, BEGIN_MS + 39000);
    assert_int_equal(green_groups(scene), 0);
    run_to(scene, BEGIN_MS + 40000);
    assert_int_equal(green_groups(scene), 0x130);
    struct controller_report report;
    signals_report(scene->signals, (struct intersection_id){ 0 }, &report);
    assert_int_equal(report.mode, CONTROLLER_PLAN);
    assert_int_equal(report.running.sequence, 1);
    assert_int_equal(report.stage, 2);
}

// A rolling plan that goes on from another: stage 2 until 50 s, stage 0 from 55 s. And a cyclic one after it.
static void goes_from_plan_to_plan_without_a_break(void **state)
{
    struct scene *scene = *state;
    look(scene, BEGIN_MS);
    struct plan enter = plan_enter(scene, 1, BEGIN_MS + 40000, 60000);
    assert_int_equal(signals_offer(scene->signals, &enter, scene->now_ms), STATUS_OK);
    run_to(scene, BEGIN_MS + 42000);
    struct plan next = plan_of(scene, 2, BEGIN_MS + 45000, BEGIN_MS + 145000);
    add_green(scene, &next, 0, 0, 10000, 100000);
    add_green(scene, &next, 1, 0, 10000, 100000);
    add_green(scene, &next, 4, 2, -5000, 5000);
    add_green(scene, &next, 5, 2, -5000, 5000);
    add_green(scene, &next, 8, 0, -5000, 100000);
    assert_int_equal(signals_offer(scene->signals, &next, scene->now_ms), STATUS_OK);
    struct controller_report report;
    signals_report(scene->signals, (struct intersection_id){ 0 }, &report);
    assert_int_equal(report.waiting.sequence, 2);
    run_to(scene, BEGIN_MS + 49000);
    assert_int_equal(green_groups(scene), 0x130);
    run_to(scene, BEGIN_MS + 50000);
    assert_int_equal(green_groups(scene), 0x100);
    run_to(scene, BEGIN_MS + 54000);
    assert_int_equal(green_groups(scene), 0x100);
    run_to(scene, BEGIN_MS + 55000);
    assert_int_equal(green_groups(scene), 0x103);
    struct plan cyclic = plan_of(scene, 3, BEGIN_MS + 60000, BEGIN_MS + 500000);
    cyclic.kind = PLAN_CYCLIC;
    cyclic.base_ms = BEGIN_MS + 55000;
    cyclic.cycle_ms = 60000;
    add_green(scene, &cyclic, 0, 0, 0, 25000);
    add_green(scene, &cyclic, 1, 0, 0, 25000);
    add_green(scene, &cyclic, 4, 2, 30000, 55000);
    add_green(scene, &cyclic, 5, 2, 30000, 55000);
    add_green(scene, &cyclic, 8, 0, 0, 60000);
    assert_int_equal(signals_offer(scene->signals, &cyclic, scene->now_ms), STATUS_OK);
    run_to(scene, BEGIN_MS + 60000);
    for (int64_t t_ms = BEGIN_MS + 61000; t_ms < BEGIN_MS + 400000; t_ms += STEP_MS) {
        look(scene, t_ms);
        int64_t place_ms = (t_ms - cyclic.base_ms) % 60000;
        uint64_t wanted = place_ms < 25000 ? 0x103 : place_ms >= 30000 && place_ms < 55000 ? 0x130 : 0x100;
        assert_int_equal(green_groups(scene), wanted);
    }
}

static void refuses_what_it_cannot_take(void **state)
{
    struct scene *scene = *state;
    look(scene, BEGIN_MS);
    struct plan plan = plan_enter(scene, 5, BEGIN_MS + 9000, 60000);
    assert_int_equal(signals_offer(scene->signals, &plan, BEGIN_MS), STATUS_REFUSED);   // hand-over needs 10 s
    plan.valid_from_ms = BEGIN_MS - 1000;
    assert_int_equal(signals_offer(scene->signals, &plan, BEGIN_MS), STATUS_STALE);
    plan.valid_from_ms = BEGIN_MS + 20000;
    plan.site_hash++;
    assert_int_equal(signals_offer(scene->signals, &plan, BEGIN_MS), STATUS_VERSION);
    plan.site_hash--;
    plan.handover = false;
    assert_int_equal(signals_offer(scene->signals, &plan, BEGIN_MS), STATUS_REFUSED);   // it plays its program
    plan.handover = true;
    plan.green_count = PLAN_GREEN_COUNT_MAX + 1;
    assert_int_equal(signals_offer(scene->signals, &plan, BEGIN_MS), STATUS_RANGE);
    plan.green_count = 3;
    assert_int_equal(signals_offer(scene->signals, &plan, BEGIN_MS), STATUS_OK);
    assert_int_equal(signals_offer(scene->signals, &plan, BEGIN_MS), STATUS_STALE);     // not newer
    plan.version.sequence = 4;
    assert_int_equal(signals_offer(scene->signals, &plan, BEGIN_MS), STATUS_STALE);     // older
    run_to(scene, BEGIN_MS + 120000);
}

// The plan of stage 2 ends at 70 s and nobody speaks any more. It clears, and joins its program at 80 s: only greens
// that begin from then on show. The program's stage 3 began at 75 s; so the first is stage 0, at 100 s.
static void falls_back_when_nobody_speaks_any_more(void **state)
{
    struct scene *scene = *state;
    look(scene, BEGIN_MS);
    struct plan plan = plan_enter(scene, 1, BEGIN_MS + 40000, 30000);
    assert_int_equal(signals_offer(scene->signals, &plan, scene->now_ms), STATUS_OK);
    run_to(scene, BEGIN_MS + 69000);
    assert_int_equal(green_groups(scene), 0x130);
    for (int64_t t_ms = BEGIN_MS + 70000; t_ms < BEGIN_MS + 100000; t_ms += STEP_MS) {
        look(scene, t_ms);
        assert_int_equal(green_groups(scene), 0);
    }
    run_to(scene, BEGIN_MS + 100000);
    assert_int_equal(green_groups(scene), 0x103);
    struct controller_report report;
    signals_report(scene->signals, (struct intersection_id){ 0 }, &report);
    assert_int_equal(report.mode, CONTROLLER_FALLBACK);
}

static void touch(struct scene *scene, int64_t t_ms, uint64_t advance)
{
    struct actuation_touch touched = { .advance = advance };
    signals_touch(scene->signals, &touched, t_ms);
    look(scene, t_ms);
}

// Somebody from the north at 110 s: what conflicts ends at once (nobody was seen there for long), yellow to 113 s,
// the stage with the two from the north from 115 s on.
static void actuated_goes_where_it_is_called(void **state)
{
    struct scene *scene = *state;
    signals_fall_back_to(scene->signals, SIGNALS_ACTUATED);
    look(scene, BEGIN_MS);
    scene->green_ms[0] = scene->green_ms[1] = scene->green_ms[8] = BEGIN_MS;
    assert_int_equal(green_groups(scene), 0x103);
    for (int s = 1; s < 200; s++) {
        touch(scene, BEGIN_MS + s * STEP_MS, s == 110 ? 0x10 : 0);
        // Everybody counts as having called at the start, so each stage is served once, for its minimum of 5 s.
        uint64_t wanted = s < 30 ? (s % 10 < 5 ? UINT64_C(3) << s / 10 * 2 | 0x100 : 0x100)
            : s < 110 ? 0x1c0 : s < 115 ? 0x140 : 0x150;   // the next in order with him in it: {4, 6, 8}
        assert_int_equal(green_groups(scene), wanted);
        if (s >= 110) {
            assert_int_equal(scene->aspects[7], s < 113 ? ASPECT_YELLOW : ASPECT_RED);
        }
    }
    struct controller_report report;
    signals_report(scene->signals, (struct intersection_id){ 0 }, &report);
    assert_int_equal(report.mode, CONTROLLER_FALLBACK);
    assert_int_equal(report.stage, 6);
    assert_int_equal(report.age_ms[4], 199000 - 115000);
    assert_int_equal(report.age_ms[7], 199000 - 113000);
}

// The plan of stage 2 ends at 70 s, cleared at 80 s: then the first stage of its own rotation is green at once, and
// everybody counts as having called.
static void falls_back_to_actuated_control(void **state)
{
    struct scene *scene = *state;
    signals_fall_back_to(scene->signals, SIGNALS_ACTUATED);
    look(scene, BEGIN_MS);
    scene->green_ms[0] = scene->green_ms[1] = scene->green_ms[8] = BEGIN_MS;
    struct plan plan = plan_enter(scene, 1, BEGIN_MS + 40000, 30000);
    assert_int_equal(signals_offer(scene->signals, &plan, scene->now_ms), STATUS_OK);
    for (int s = 1; s < 80; s++) {
        touch(scene, BEGIN_MS + s * STEP_MS, 0);
        assert_int_equal(s >= 40 ? green_groups(scene) : 0, s >= 40 && s < 70 ? 0x130 : 0);
    }
    for (int s = 80; s < 110; s++) {
        touch(scene, BEGIN_MS + s * STEP_MS, 0);
        assert_int_equal(green_groups(scene), s % 10 < 5 ? UINT64_C(3) << (s - 80) / 10 * 2 | 0x100 : 0x100);
    }
}

// Where the site data say so, and nowhere else, without anybody choosing it for all.
static void falls_back_as_its_site_says(void **state)
{
    struct scene *scene = *state;
    assert_false(signals_want_touches(scene->signals));
    signals_release(scene->signals);
    scene->made.network.intersections[0].falls_back_to_actuated = true;
    scene->signals = signals_create(&scene->made.network, BEGIN_MS);
    assert_true(signals_want_touches(scene->signals));
    look(scene, BEGIN_MS);
    scene->green_ms[0] = scene->green_ms[1] = scene->green_ms[8] = BEGIN_MS;
    for (int s = 1; s < 30; s++) {
        touch(scene, BEGIN_MS + s * STEP_MS, 0);
        assert_int_equal(green_groups(scene), s % 10 < 5 ? UINT64_C(3) << s / 10 * 2 | 0x100 : 0x100);
    }
}

// Any touches, any hand-overs in between: look() holds every lamp against the rules.
static void actuated_keeps_every_rule_whatever_comes(void **state)
{
    struct scene *scene = *state;
    for (uint64_t seed = 0; seed < 30; seed++) {
        signals_release(scene->signals);
        scene->signals = signals_create(&scene->made.network, BEGIN_MS);
        signals_fall_back_to(scene->signals, SIGNALS_ACTUATED);
        scene->now_ms = BEGIN_MS;
        memset(scene->aspects, ASPECT_RED, sizeof scene->aspects);
        look(scene, BEGIN_MS);
        for (int g = 0; g < CROSSING_GROUPS; g++) {
            scene->green_ms[g] = green_groups(scene) >> g & 1 ? BEGIN_MS : -1000000;
            scene->ended_ms[g] = -1000000;
        }
        uint32_t sequence = 0;
        for (int s = 1; s < 1500; s++) {
            uint64_t draw = random_bits(seed, RANDOM_ROUTE, (uint64_t)s, 0);
            int64_t t_ms = BEGIN_MS + s * STEP_MS;
            if (draw % 97 == 0) {
                struct plan plan = plan_enter(scene, ++sequence, t_ms + 5000 + (int64_t)(draw >> 20) % 20 * 1000,
                                              5000 + (int32_t)((draw >> 30) % 40) * 1000);
                (void)!signals_offer(scene->signals, &plan, t_ms);
            }
            uint64_t often = seed % 3 == 0 ? draw >> 8 & draw >> 24 : draw >> 8 & draw >> 24 & draw >> 40;
            touch(scene, t_ms, often & 0x1ff);
        }
    }
}

static void state_of(const struct signals *signals, struct byte_sink *ret)
{
    *ret = (struct byte_sink){ 0 };
    signals_save(signals, ret);
}

// Controllers sleep while touches tell them nothing new; one who is loaded anew each second is awake, and both are the
// same at every second: with queues that cover their loops for long, and the plan of somebody else in between.
static void sleeping_changes_nothing(void **state)
{
    struct scene *scene = *state;
    signals_fall_back_to(scene->signals, SIGNALS_ACTUATED);
    uint8_t asleep[CROSSING_GROUPS], awake[CROSSING_GROUPS];
    struct byte_sink mine = { 0 }, other;
    state_of(scene->signals, &mine);
    uint64_t covered = 0;
    for (int s = 1; s < 4000; s++) {
        int64_t t_ms = BEGIN_MS + s * STEP_MS;
        uint64_t draw = random_bits(7, RANDOM_ROUTE, (uint64_t)s, 0);
        covered ^= draw % 3 == 0 ? UINT64_C(1) << (draw >> 8) % CROSSING_GROUPS : 0;
        covered = (draw >> 16) % 40 == 0 ? 0 : covered;
        struct actuation_touch touched = { .line = covered,
            .advance = (draw >> 24) % 5 == 0 ? draw >> 40 & 0x1ff : 0 };
        struct signals *fresh = signals_create(&scene->made.network, BEGIN_MS);
        signals_fall_back_to(fresh, SIGNALS_ACTUATED);
        struct problem problem;
        struct byte_source source = { mine.bytes, mine.count, false };
        assert_int_equal(signals_load(fresh, &source, &problem), STATUS_OK);
        if (s % 700 == 0) {
            struct plan plan = plan_enter(scene, (uint32_t)s, t_ms + 20000, 30000);
            assert_int_equal(signals_offer(scene->signals, &plan, t_ms), STATUS_OK);
            assert_int_equal(signals_offer(fresh, &plan, t_ms), STATUS_OK);
        }
        signals_touch(scene->signals, &touched, t_ms);
        signals_touch(fresh, &touched, t_ms);
        signals_show(scene->signals, t_ms, asleep);
        signals_show(fresh, t_ms, awake);
        assert_memory_equal(asleep, awake, sizeof asleep);
        sink_release(&mine);
        state_of(scene->signals, &mine);
        state_of(fresh, &other);
        assert_int_equal(mine.count, other.count);
        assert_memory_equal(mine.bytes, other.bytes, mine.count);
        sink_release(&other);
        signals_release(fresh);
    }
    sink_release(&mine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plays_its_program_from_the_first_instant, setup, teardown),
        cmocka_unit_test_setup_teardown(hands_over_through_its_own_clearance, setup, teardown),
        cmocka_unit_test_setup_teardown(goes_from_plan_to_plan_without_a_break, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_what_it_cannot_take, setup, teardown),
        cmocka_unit_test_setup_teardown(falls_back_when_nobody_speaks_any_more, setup, teardown),
        cmocka_unit_test_setup_teardown(actuated_goes_where_it_is_called, setup, teardown),
        cmocka_unit_test_setup_teardown(falls_back_to_actuated_control, setup, teardown),
        cmocka_unit_test_setup_teardown(falls_back_as_its_site_says, setup, teardown),
        cmocka_unit_test_setup_teardown(sleeping_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(actuated_keeps_every_rule_whatever_comes, setup, teardown),
    };
    return cmocka_run_group_tests_name("signals", tests, NULL, NULL);
}
