// Goal: every rule of the guard about a plan by itself, at its limit and one quantum beyond; any bytes as a plan
// refused without harm; another site's, an old and an untimely plan refused; and a site that contradicts itself refused
// at load.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/engine/guard_scene.h"

static void accepts_the_scenes(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene);
    assert_int_equal(check(&scene), GUARD_PASSED);
    close_scene(&scene);
    open_cyclic(&scene);
    assert_int_equal(check(&scene), GUARD_PASSED);
    close_scene(&scene);
    guard_release(NULL);
}

// The network's own program, laid out as a cyclic plan for the junction with four arms.
static void accepts_the_program_of_a_cross(void **state)
{
    (void)state;
    struct toy_site site = toy_cross();
    struct scene scene;
    struct green greens[TOY_GREEN_COUNT_MAX];
    open_site(&scene, &site);
    plan_from_program(&scene.network, (struct intersection_id){ 0 }, greens, &scene.candidate);
    scene.candidate.version = (struct plan_version){ .epoch = 1, .daemon = 1, .sequence = 2 };
    scene.candidate.handover = true;
    scene.candidate.valid_from_ms = NOW + 100000;
    scene.candidate.valid_until_ms = NOW + 1000000;
    assert_int_equal(check(&scene), GUARD_PASSED);
    greens[2].start_ms -= Q;         // Group 2 starts one quantum too early after groups 0 .. 1 of stages before.
    assert_int_equal(check(&scene), GUARD_I5_INTERGREEN);
    close_scene(&scene);
}

static void i2_conflicting_greens_and_yellows(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene);
    struct green *green = &scene.candidate_greens[2];
    green->start_ms = 3900;          // Together for one quantum.
    assert_int_equal(check(&scene), GUARD_I2_CONFLICT);
    assert_refusal(&scene, 0, 1, 4000, 3000, -Q);
    green->start_ms = 4000 + 3000 - Q;   // Beside the last quantum of the yellow.
    assert_int_equal(check(&scene), GUARD_I2_CONFLICT);
    green->start_ms = 4000 + 3000;
    assert_int_equal(check(&scene), GUARD_I5_INTERGREEN);
    scene.candidate_greens[0].end_ms = 60000;   // Within the other's green, and the other way round.
    green->start_ms = 9000;
    green->end_ms = 15000;
    assert_int_equal(check(&scene), GUARD_I2_CONFLICT);
    close_scene(&scene);
}

static void i5_intergreen(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene);
    scene.candidate_greens[2].start_ms = 9000 - Q;
    assert_int_equal(check(&scene), GUARD_I5_INTERGREEN);
    assert_refusal(&scene, 0, 1, 4000, 5000, 5000 - Q);
    // And from the group with the higher number to the lower one.
    scene.candidate_greens[2] = (struct green){ .start_ms = 9000, .end_ms = 20000, .group = 1 };
    scene.candidate_greens[3] = scene.candidate_greens[2];
    scene.candidate_greens[2] = scene.candidate_greens[1];
    scene.candidate_greens[1] = (struct green){ .start_ms = 25000, .end_ms = 60000, .group = 0 };
    scene.candidate.green_count = 4;
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.candidate_greens[3].end_ms += Q;
    assert_int_equal(check(&scene), GUARD_I5_INTERGREEN);
    assert_refusal(&scene, 1, 0, 20000 + Q, 5000, 5000 - Q);
    close_scene(&scene);
}

static void i5_within_and_across_the_cycle(void **state)
{
    (void)state;
    struct scene scene;
    open_cyclic(&scene);
    scene.candidate_greens[0].end_ms += Q;       // 0 -> 1 within the cycle
    assert_int_equal(check(&scene), GUARD_I5_INTERGREEN);
    scene.candidate_greens[0].end_ms -= Q;
    scene.candidate_greens[1].end_ms += Q;       // 1 -> 0 across the wrap
    assert_int_equal(check(&scene), GUARD_I5_INTERGREEN);
    assert_int_equal(scene.refusal.group, 1);
    assert_int_equal(scene.refusal.other_group, 0);
    scene.candidate_greens[1].end_ms = 25000 + 50000;   // round the whole cycle, over the other
    assert_int_equal(check(&scene), GUARD_I2_CONFLICT);
    close_scene(&scene);
}

static void i4_red_clearance(void **state)
{
    (void)state;
    struct toy_site site = toy_pair();
    site.groups[0].red_clearance_ms = 3000;      // Yellow and red clearance: 6 s, more than the intergreen.
    struct scene scene;
    open_at(&scene, &site);
    scene.candidate_greens[2].start_ms = 10000 - Q;
    assert_int_equal(check(&scene), GUARD_I4_RED_CLEARANCE);
    assert_refusal(&scene, 0, 1, 4000, 6000, 6000 - Q);
    scene.candidate_greens[2].start_ms = 10000;
    assert_int_equal(check(&scene), GUARD_PASSED);
    // The same when the green ends at the change: that is the change's rule then.
    scene.candidate_greens[0].end_ms = 0;
    scene.candidate_greens[2].start_ms = 6000 - Q;
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    assert_refusal(&scene, 0, 1, 6000 - Q, 6000, 6000 - Q);
    scene.candidate_greens[2].start_ms = 6000;
    assert_int_equal(check(&scene), GUARD_PASSED);
    close_scene(&scene);
}

static void i3_and_i9_greens_of_one_group(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene);
    struct green *again = add(&scene.candidate, 1, 0, 60000);
    scene.candidate_greens[2].end_ms = 20000;
    again->start_ms = 23000;
    assert_int_equal(check(&scene), GUARD_PASSED);
    again->start_ms = 23000 - Q;                 // Green again before its yellow is over.
    assert_int_equal(check(&scene), GUARD_I3_YELLOW);
    assert_refusal(&scene, 1, 1, 23000 - Q, 3000, 3000 - Q);
    again->start_ms = 20000;
    assert_int_equal(check(&scene), GUARD_I9_ONE_ASPECT);
    again->start_ms = 20000 - Q;
    assert_int_equal(check(&scene), GUARD_I9_ONE_ASPECT);
    close_scene(&scene);
    open_cyclic(&scene);                         // Across the wrap.
    scene.candidate.green_count = 0;
    (void)add(&scene.candidate, 0, 0, 10000);
    (void)add(&scene.candidate, 0, 13000, 47000 + Q);
    assert_int_equal(check(&scene), GUARD_I3_YELLOW);
    scene.candidate_greens[1].end_ms = 50000;
    assert_int_equal(check(&scene), GUARD_I9_ONE_ASPECT);
    close_scene(&scene);
}

static void i6_minimum_green(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene);
    struct green *green = &scene.candidate_greens[2];
    green->end_ms = 14000;
    assert_int_equal(check(&scene), GUARD_PASSED);
    green->end_ms = 14000 - Q;
    assert_int_equal(check(&scene), GUARD_I6_MINIMUM_GREEN);
    assert_refusal(&scene, 1, INDEX_NONE, 9000, 5000, 5000 - Q);
    scene.candidate.valid_until_ms = NOW + 14000 - Q;   // It ends with the plan: the next plan may go on with it.
    assert_int_equal(check(&scene), GUARD_PASSED);
    close_scene(&scene);
    open_cyclic(&scene);
    scene.candidate_greens[1].start_ms = 40000;
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.candidate_greens[1].start_ms = 40000 + Q;
    assert_int_equal(check(&scene), GUARD_I6_MINIMUM_GREEN);
    close_scene(&scene);
}

static void i7_maximum_red_of_a_rolling_plan(void **state)
{
    (void)state;
    struct toy_site site = toy_pair();
    site.groups[0].red_ms_max = 30000;
    struct scene scene;
    open_at(&scene, &site);
    scene.candidate.valid_until_ms = NOW + 34000;        // Group 0 ends at 4 s.
    scene.candidate_greens[2].end_ms = 34000;
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.candidate.valid_until_ms = NOW + 34000 + Q;
    assert_int_equal(check(&scene), GUARD_I7_MAXIMUM_RED);
    assert_refusal(&scene, 0, INDEX_NONE, 34000, 30000, 30000 + Q);
    scene.request.idle = 1;                              // Nobody asks for group 0.
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.request.idle = 2;
    assert_int_equal(check(&scene), GUARD_I7_MAXIMUM_RED);
    close_scene(&scene);
    open_at(&scene, &site);                              // The same between two greens.
    scene.candidate_greens[3] = (struct green){ .start_ms = 9000, .end_ms = 29000, .group = 1 };
    scene.candidate_greens[2] = scene.candidate_greens[1];
    scene.candidate_greens[1] = (struct green){ .start_ms = 34000, .end_ms = 60000, .group = 0 };
    scene.candidate.green_count = 4;
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.candidate_greens[1].start_ms = 34000 + Q;
    assert_int_equal(check(&scene), GUARD_I7_MAXIMUM_RED);
    close_scene(&scene);
}

// Group 1 has been red since -25 s.
static void i7_counts_the_red_that_was_before(void **state)
{
    (void)state;
    struct toy_site site = toy_pair();
    site.groups[1].red_ms_max = 34000;
    struct scene scene;
    open_at(&scene, &site);
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.candidate_greens[2].start_ms = 9000 + Q;
    assert_int_equal(check(&scene), GUARD_I7_MAXIMUM_RED);
    assert_refusal(&scene, 1, INDEX_NONE, 9000, 34000, 34000 + Q);
    scene.request.idle = 2;
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.request.idle = 0;
    scene.candidate.green_count = 2;                     // No green of it at all: until the plan ends.
    scene.candidate.valid_until_ms = NOW + 9000;
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.candidate.valid_until_ms = NOW + 9000 + Q;
    assert_int_equal(check(&scene), GUARD_I7_MAXIMUM_RED);
    scene.candidate.valid_until_ms = NOW + 60000;
    (void)add(&scene.candidate, 1, 12000, 60000);        // Later than allowed, but no later than the running plan
    scene.playing_greens[0].end_ms = 7000;               // has it: to refuse would not help.
    (void)add(&scene.playing, 1, 12000, 100000);
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.candidate_greens[2].start_ms = 12000 + Q;
    assert_int_equal(check(&scene), GUARD_I7_MAXIMUM_RED);
    close_scene(&scene);
}

// A cycle plays for long, and another is to follow 10 s from NOW.
static void open_cycle_after_cycle(struct scene *scene, const struct toy_site *site)
{
    open_site(scene, site);
    cyclic(scene, &scene->playing, scene->playing_greens, 1, -200000);
    cyclic(scene, &scene->candidate, scene->candidate_greens, 2, 10000);
    scene->report.time_ms = scene->request.now_ms = NOW + 10000;
    reported(scene, 0, ASPECT_GREEN, 10000);
    reported(scene, 1, ASPECT_RED, 12000);
}

// For an emergency vehicle up to the second limit, to the quantum: of a red that runs, of one in the plan, of one in a
// hand-over. Without one, and in a cycle, the first limit holds.
static void i7_second_limit_for_an_emergency(void **state)
{
    (void)state;
    struct toy_site site = toy_pair();
    site.groups[1].red_ms_max = 34000;
    site.groups[1].red_ms_more = 10000;
    struct scene scene;
    open_at(&scene, &site);                              // Group 1 has been red since -25 s.
    scene.candidate_greens[2].start_ms = 19000;
    assert_int_equal(check(&scene), GUARD_I7_MAXIMUM_RED);
    scene.request.emergency = true;
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.candidate_greens[2].start_ms = 19000 + Q;
    assert_int_equal(check(&scene), GUARD_I7_MAXIMUM_RED);
    assert_refusal(&scene, 1, INDEX_NONE, 19000, 44000, 44000 + Q);
    close_scene(&scene);
    site.groups[1].red_ms_max = 120000;
    site.groups[0].red_ms_max = 30000;
    site.groups[0].red_ms_more = 5000;
    open_at(&scene, &site);
    scene.candidate.valid_until_ms = NOW + 39000;        // Group 0 ends at 4 s.
    scene.candidate_greens[2].end_ms = 39000;
    assert_int_equal(check(&scene), GUARD_I7_MAXIMUM_RED);
    scene.request.emergency = true;
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.candidate.valid_until_ms = NOW + 39000 + Q;
    assert_int_equal(check(&scene), GUARD_I7_MAXIMUM_RED);
    assert_refusal(&scene, 0, INDEX_NONE, 39000, 35000, 35000 + Q);
    close_scene(&scene);
    open_cycle_after_cycle(&scene, &site);
    scene.request.emergency = true;
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.candidate_greens[0].end_ms -= Q;
    assert_int_equal(check(&scene), GUARD_I7_MAXIMUM_RED);
    close_scene(&scene);
}

static void i7_in_a_cycle(void **state)
{
    (void)state;
    struct toy_site site = toy_pair();
    site.groups[0].red_ms_max = 30000;
    struct scene scene;
    open_cyclic(&scene);
    close_scene(&scene);
    open_cycle_after_cycle(&scene, &site);
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.candidate_greens[0].end_ms -= Q;
    scene.request.idle = ~UINT64_C(0);                   // Demand does not count in a cycle.
    assert_int_equal(check(&scene), GUARD_I7_MAXIMUM_RED);
    scene.candidate_greens[0] = scene.candidate_greens[1];
    scene.candidate.green_count = 1;                     // Never green.
    assert_int_equal(check(&scene), GUARD_I7_MAXIMUM_RED);
    close_scene(&scene);
}

// A group that is in no stage of the site can have no maximum red.
static void i7_spares_a_group_without_a_stage(void **state)
{
    (void)state;
    struct toy_site site = toy_pair();
    site.groups[1].red_ms_max = 20000;
    site.stage_count = site.green_count = 1;
    struct scene scene;
    open_at(&scene, &site);
    scene.candidate.green_count = 2;
    assert_int_equal(check(&scene), GUARD_PASSED);
    close_scene(&scene);
    open_at(&scene, &site);
    cyclic(&scene, &scene.candidate, scene.candidate_greens, 2, 0);
    scene.candidate.green_count = 1;
    assert_int_equal(check(&scene), GUARD_PASSED);
    close_scene(&scene);
}

static void i8_quantum_order_and_range(void **state)
{
    (void)state;
    struct scene scene;
    for (int what = 0; what < 14; what++) {
        open_scene(&scene);
        struct plan *plan = &scene.candidate;
        struct green *greens = scene.candidate_greens, kept = greens[1];
        switch (what) {
        case 0: plan->base_ms += 1; break;
        case 1: plan->valid_from_ms += 1; break;
        case 2: plan->valid_until_ms += 1; break;
        case 3: greens[0].end_ms += 1; break;
        case 4: greens[2].start_ms += 1; break;
        case 5: greens[0].end_ms = greens[0].start_ms; break;
        case 6: greens[0].start_ms = INT32_MAX; break;
        case 7: greens[0].end_ms = INT32_MIN; break;
        case 8: greens[2].end_ms += Q; break;                       // beyond valid_until
        case 9: greens[2].start_ms = 60000; greens[2].end_ms = 60000 + Q; break;
        case 10: greens[1] = greens[0]; greens[0] = kept; break;    // groups out of order
        case 11: plan->cycle_ms = Q; break;
        case 12: plan->offset_ms = Q; break;
        case 13: greens[1].start_ms = INT32_MIN; break;             // no multiple of the quantum
        }
        assert_int_equal(check(&scene), GUARD_I8_SUMS);
        close_scene(&scene);
    }
}

static void i8_cycle_and_offset(void **state)
{
    (void)state;
    struct scene scene;
    for (int what = 0; what < 15; what++) {
        open_cyclic(&scene);
        struct plan *plan = &scene.candidate;
        enum guard_rule expected = GUARD_I8_SUMS;
        switch (what) {
        case 0: plan->cycle_ms = 10000 - Q; plan->base_ms = 0; plan->green_count = 1;
                scene.candidate_greens[0].end_ms = 5000; break;
        case 1: plan->cycle_ms = 240000 + Q; break;
        case 2: plan->cycle_ms = 0; break;
        case 3: plan->cycle_ms = INT32_MIN; break;
        case 4: plan->cycle_ms = INT32_MAX; break;
        case 5: plan->offset_ms = -Q; break;
        case 6: plan->offset_ms = 50000; break;
        case 7: plan->base_ms = Q; break;                           // not where the offset says
        case 8: plan->base_ms = 50000; expected = GUARD_PASSED; break;
        case 9: scene.candidate_greens[0].start_ms = -Q; break;
        case 10: scene.candidate_greens[1].start_ms = 50000; scene.candidate_greens[1].end_ms = 60000; break;
        case 11: scene.candidate_greens[1].end_ms = 25000 + 50000 + Q; break;
        case 12: plan->offset_ms += 1; plan->base_ms += 1; break;
        case 13: plan->offset_ms += 1; break;
        case 14: plan->base_ms = 2 * NOW; expected = GUARD_PASSED; break;
        }
        assert_int_equal(check(&scene), expected);
        close_scene(&scene);
    }
}

static void i12_version_site_and_validity(void **state)
{
    (void)state;
    struct scene scene;
    for (int what = 0; what < 16; what++) {
        open_scene(&scene);
        struct plan *plan = &scene.candidate;
        scene.request.idle = 3;
        switch (what) {
        case 0: plan->site_hash ^= UINT64_C(1) << 63; break;
        case 1: plan->version = scene.playing.version; break;
        case 2: plan->version.epoch = 0; break;
        case 3: plan->version.sequence = 0; plan->version.epoch = 2; break;
        case 4: plan->version.daemon = 0; break;
        case 5: scene.playing.version.epoch = 2; break;
        case 6: scene.report.running = (struct plan_version){ 1, 1, 3 }; break;
        case 7: scene.report.waiting = (struct plan_version){ 1, 2, 1 }; break;
        case 8: scene.request.now_ms = NOW + 1; break;
        case 9: scene.request.now_ms = NOW - GUARD_AHEAD_MS_MAX - 1; break;
        case 10: plan->valid_until_ms = NOW + GUARD_ROLLING_MS_MAX + Q; break;
        case 11: plan->valid_until_ms = plan->valid_from_ms; break;
        case 12: plan->valid_until_ms = plan->valid_from_ms - Q; break;
        case 13: scene.request.now_ms = INT64_MIN; break;
        case 14: scene.request.now_ms = INT64_MAX; break;
        case 15: scene.report.intersection = 0; scene.report.running = plan->version; break;
        }
        assert_int_equal(check(&scene), GUARD_I12_VERSION);
        close_scene(&scene);
    }
    open_scene(&scene);
    scene.candidate.valid_until_ms = NOW + GUARD_ROLLING_MS_MAX;
    scene.request.idle = 3;
    assert_int_equal(check(&scene), GUARD_PASSED);
    close_scene(&scene);
    open_cyclic(&scene);
    scene.candidate.valid_until_ms = scene.candidate.valid_from_ms + GUARD_CYCLIC_MS_MAX;
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.candidate.valid_until_ms += Q;
    assert_int_equal(check(&scene), GUARD_I12_VERSION);
    close_scene(&scene);
}

static void refuses_what_is_no_plan(void **state)
{
    (void)state;
    struct scene scene;
    for (int what = 0; what < 22; what++) {
        open_scene(&scene);
        struct plan *plan = &scene.candidate;
        struct green *greens = scene.candidate_greens;
        switch (what) {
        case 0: plan->intersection = -1; break;
        case 1: plan->intersection = 1; break;
        case 2: plan->kind = (enum plan_kind)2; break;
        case 3: memset(&plan->handover, 2, 1); break;
        case 4: plan->green_count = -1; break;
        case 5: plan->green_count = PLAN_GREEN_COUNT_MAX + 1; break;
        case 6: plan->greens = NULL; break;
        case 7: plan->base_ms = INT64_MAX; break;
        case 8: plan->base_ms = INT64_MIN; break;
        case 9: plan->valid_from_ms = INT64_MIN; break;
        case 10: plan->valid_until_ms = INT64_MAX; break;
        case 11: plan->coordinated_stage = 2; break;
        case 12: plan->coordinated_stage = -2; break;
        case 13: plan->reason.stage = 2; break;
        case 14: plan->reason.stage = INT32_MIN; break;
        case 15: plan->reason.kind = (enum reason_kind)(REASON_FALLBACK + 1); break;
        case 16: greens[0].group = -1; break;
        case 17: greens[2].group = 2; break;
        case 18: greens[2].group = INT16_MIN; break;
        case 19: greens[1].stage = 2; break;
        case 20: greens[1].stage = -1; break;
        case 21: greens[1].group = INT16_MAX; break;
        }
        assert_int_equal(check(&scene), GUARD_MALFORMED);
        close_scene(&scene);
    }
    open_scene(&scene);
    // No greens need no array, and red for all is a plan.
    scene.candidate.greens = NULL;
    scene.candidate.green_count = 0;
    scene.candidate.handover = true;
    scene.candidate.valid_from_ms = NOW + 20000;
    assert_int_equal(check(&scene), GUARD_PASSED);
    close_scene(&scene);
}

// guard_create looks at the copy that it is given, whoever checked it before.
static void refuses_a_site_that_contradicts_itself(void **state)
{
    (void)state;
    static const int32_t HOUR_MS = 3600000;
    for (int what = 0; what < 29; what++) {
        struct toy_site site = toy_pair();
        struct network network;
        toy_network_build(&network, &site, 1, 0);
        struct intersection *at = &network.intersections[0];
        struct signal_group *group = &network.groups[1];
        int32_t *intergreen_ms = network.intergreen_ms;             // 0: 0->0, 1: 0->1, 2: 1->0, 3: 1->1
        const char *rule = "I1";
        switch (what) {
        case 0: intergreen_ms[1] = -1; break;
        case 1: intergreen_ms[2] = -1; break;
        case 2: intergreen_ms[3] = 5000; break;
        case 3: intergreen_ms[1] = 3000 - Q; break;
        case 4: intergreen_ms[2] = 3000 - Q; break;
        case 5: intergreen_ms[1] = intergreen_ms[2] = -2; break;
        case 6: intergreen_ms[1] = HOUR_MS + 1; break;
        case 7: group->green_ms_min = -1; break;
        case 8: group->green_ms_min = HOUR_MS + 1; break;
        case 9: group->red_clearance_ms = -1; break;
        case 10: group->red_ms_max = 0; break;
        case 11: group->kind = GROUP_PEDESTRIAN; group->yellow_ms = -Q; break;
        case 12: at->group_count = GROUP_COUNT_MAX + 1; break;
        case 13: at->group_count = -1; break;
        case 14: at->stage_count = STAGE_COUNT_MAX + 1; break;
        case 15: at->stage_count = -1; break;
        case 16: intergreen_ms[2] = HOUR_MS + 1; break;
        case 17: group->yellow_ms = 3000 - Q; rule = "I3"; break;
        case 18: group->yellow_ms = 6000 + Q; intergreen_ms[2] = 7000; rule = "I3"; break;
        case 19: group->yellow_ms = 3050; rule = "I8"; break;
        case 20: at->quantum_ms = 0; rule = "I8"; break;
        case 21: at->quantum_ms = HOUR_MS + 1; rule = "I8"; break;
        case 22: network.reference_ms = 50; rule = "I8"; break;
        case 23: at->cycle_ms_min = 0; rule = "I8"; break;
        case 24: at->cycle_ms_max = at->cycle_ms_min - 1; rule = "I8"; break;
        case 25: at->cycle_ms_max = HOUR_MS + 1; rule = "I8"; break;
        case 26: intergreen_ms[0] = 5000; break;
        case 27: intergreen_ms[2] = -7; break;
        case 28: group->red_ms_max_emergency = group->red_ms_max - 1; break;
        }
        struct guard *guard = NULL;
        struct problem problem;
        assert_int_equal(guard_create(&network, &guard, &problem), STATUS_REFUSED);
        assert_null(guard);
        assert_non_null(strstr(problem.text, "toy 0.0"));
        assert_non_null(strstr(problem.text, rule));
        network_release(&network);
    }
    struct toy_site site = toy_pair();                              // A quick yellow is for others than vehicles.
    struct network network;
    struct guard *guard = NULL;
    site.groups[0].kind = GROUP_TRANSIT;
    site.groups[0].yellow_ms = 1000;
    site.groups[1].yellow_ms = 6000;
    site.intergreen_ms[1][0] = 6000;
    toy_network_build(&network, &site, 1, 0);
    assert_int_equal(guard_create(&network, &guard, NULL), STATUS_OK);
    guard_release(guard);
    network_release(&network);
}

// Two sites: each plan is judged by its own.
static void keeps_sites_apart(void **state)
{
    (void)state;
    struct toy_site sites[2] = { toy_cross(), toy_pair() };
    struct network network;
    struct guard *guard = NULL;
    toy_network_build(&network, sites, 2, 0);
    assert_int_equal(guard_create(&network, &guard, NULL), STATUS_OK);
    struct green greens[2] = { { .start_ms = 0, .end_ms = 50000 }, { .start_ms = 0, .end_ms = 50000, .group = 1 } };
    struct plan plan = { .kind = PLAN_ROLLING, .handover = true, .version = { 1, 1, 1 }, .base_ms = NOW,
        .site_hash = network.intersections[0].site_hash, .valid_from_ms = NOW, .valid_until_ms = NOW + 50000,
        .coordinated_stage = INDEX_NONE, .green_count = 2, .greens = greens };
    struct guard_request request = { .candidate = &plan, .now_ms = NOW - 100000 };
    assert_int_equal(guard_check(guard, &request, NULL), GUARD_PASSED);   // 0 and 1 of the cross: one arm.
    plan.intersection = 1;
    assert_int_equal(guard_check(guard, &request, NULL), GUARD_I2_CONFLICT);
    plan.green_count = 1;
    assert_int_equal(guard_check(guard, &request, NULL), GUARD_I12_VERSION);
    plan.site_hash = network.intersections[1].site_hash;
    assert_int_equal(guard_check(guard, &request, NULL), GUARD_PASSED);
    guard_release(guard);
    network_release(&network);
}

static void explains(void **state)
{
    (void)state;
    struct scene scene;
    char text[400];
    open_scene(&scene);
    scene.candidate_greens[2].start_ms = 9000 - Q;
    (void)check(&scene);
    guard_explain(&scene.network, 0, &scene.refusal, text, (int32_t)sizeof text);
    assert_string_equal(text, "I5 intergreen at 'toy 0.0', groups 'group 0.0' and 'group 0.1': "
                              "the intergreen is too short (at 1004000 ms: needed 5000 ms, found 4900 ms)");
    struct guard_refusal refusal = { .rule = GUARD_I6_MINIMUM_GREEN, .group = 1, .other_group = INDEX_NONE };
    guard_explain(&scene.network, 0, &refusal, text, (int32_t)sizeof text);
    assert_non_null(strstr(text, "group 'group 0.1': a green is shorter"));
    refusal.group = 7;
    guard_explain(&scene.network, 0, &refusal, text, (int32_t)sizeof text);
    assert_non_null(strstr(text, "group '?'"));
    refusal.group = -7;
    guard_explain(&scene.network, 0, &refusal, text, (int32_t)sizeof text);
    assert_non_null(strstr(text, "group '?'"));
    guard_explain(&scene.network, 1, &refusal, text, (int32_t)sizeof text);
    assert_string_equal(text, "I6 minimum green: no such intersection");
    guard_explain(&scene.network, -1, &refusal, text, 5);
    assert_string_equal(text, "I6 m");
    for (int rule = 0; rule <= GUARD_RULE_COUNT; rule++) {          // Every rule has a name and a sentence of its own.
        char other[400];
        refusal = (struct guard_refusal){ .rule = (enum guard_rule)rule, .group = INDEX_NONE,
                                          .other_group = INDEX_NONE };
        guard_explain(&scene.network, 0, &refusal, text, (int32_t)sizeof text);
        assert_int_equal(strstr(text, "unknown") != NULL, rule == GUARD_RULE_COUNT);
        for (int before = 0; before < rule; before++) {
            refusal.rule = (enum guard_rule)before;
            guard_explain(&scene.network, 0, &refusal, other, (int32_t)sizeof other);
            assert_string_not_equal(strchr(text, ':'), strchr(other, ':'));
            assert_string_not_equal(guard_rule_name((enum guard_rule)rule), guard_rule_name((enum guard_rule)before));
        }
    }
    assert_string_equal(guard_rule_name((enum guard_rule)99), "unknown rule");
    refusal = (struct guard_refusal){ .rule = (enum guard_rule)99, .group = INDEX_NONE, .other_group = INDEX_NONE };
    guard_explain(&scene.network, 0, &refusal, text, (int32_t)sizeof text);
    assert_non_null(strstr(text, "unknown rule"));
    close_scene(&scene);
}

// Needed and found are cut to 32 bits, so that a huge one does not look like a small one.
static void cuts_large_numbers(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene);
    scene.candidate.valid_until_ms = NOW + INT64_C(100000000000);
    scene.request.idle = 3;
    assert_int_equal(check(&scene), GUARD_I12_VERSION);
    assert_int_equal(scene.refusal.found_ms, INT32_MAX);
    scene.candidate.valid_until_ms = NOW - INT64_C(100000000000);
    assert_int_equal(check(&scene), GUARD_I12_VERSION);
    assert_int_equal(scene.refusal.found_ms, INT32_MIN);
    close_scene(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_the_scenes),
        cmocka_unit_test(accepts_the_program_of_a_cross),
        cmocka_unit_test(i2_conflicting_greens_and_yellows),
        cmocka_unit_test(i5_intergreen),
        cmocka_unit_test(i5_within_and_across_the_cycle),
        cmocka_unit_test(i4_red_clearance),
        cmocka_unit_test(i3_and_i9_greens_of_one_group),
        cmocka_unit_test(i6_minimum_green),
        cmocka_unit_test(i7_maximum_red_of_a_rolling_plan),
        cmocka_unit_test(i7_counts_the_red_that_was_before),
        cmocka_unit_test(i7_second_limit_for_an_emergency),
        cmocka_unit_test(i7_in_a_cycle),
        cmocka_unit_test(i7_spares_a_group_without_a_stage),
        cmocka_unit_test(i8_quantum_order_and_range),
        cmocka_unit_test(i8_cycle_and_offset),
        cmocka_unit_test(i12_version_site_and_validity),
        cmocka_unit_test(refuses_what_is_no_plan),
        cmocka_unit_test(refuses_a_site_that_contradicts_itself),
        cmocka_unit_test(keeps_sites_apart),
        cmocka_unit_test(explains),
        cmocka_unit_test(cuts_large_numbers),
    };
    return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
