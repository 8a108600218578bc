// Goal: a plan is accepted only if the lamps may go on from what runs now: each rule of the change at its limit and one
// quantum beyond, every way in which a report leaves the lamps unknown, and hand-overs, which need time and red.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/engine/guard_scene.h"

static void i10_a_green_cut_short_by_the_change(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene);
    scene.playing_greens[0].start_ms = -5000;                       // Green for 5 s at the change.
    scene.candidate_greens[0] = (struct green){ .start_ms = -5000, .end_ms = 0, .group = 0 };
    reported(&scene, 0, ASPECT_GREEN, 5000);
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.playing_greens[0].start_ms = -5000 + Q;                   // What the candidate says of the past is no help.
    reported(&scene, 0, ASPECT_GREEN, 5000 - Q);
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    assert_refusal(&scene, 0, INDEX_NONE, 0, 5000, 5000 - Q);
    scene.candidate_greens[0].end_ms = Q;
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.playing_greens[0].start_ms += Q;
    reported(&scene, 0, ASPECT_GREEN, 5000 - 2 * Q);
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    assert_refusal(&scene, 0, INDEX_NONE, Q, 5000, 5000 - Q);
    scene.candidate.valid_until_ms = NOW + Q;                       // It ends with the plan.
    scene.candidate.green_count = 2;
    assert_int_equal(check(&scene), GUARD_PASSED);
    close_scene(&scene);
}

// The yellow that shows at the change is the same in both plans.
static void i10_yellow_at_the_change(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene);
    scene.candidate_greens[0].end_ms = 0;
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.candidate_greens[0].end_ms = -Q;                          // Already yellow, says the candidate.
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    memmove(&scene.candidate_greens[0], &scene.candidate_greens[1], 2 * sizeof scene.candidate_greens[0]);
    scene.candidate.green_count = 2;                                // It does not know of the green at all.
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    close_scene(&scene);
    open_scene(&scene);
    scene.playing_greens[0].end_ms = -3000;                         // The yellow is just over.
    scene.candidate_greens[0].end_ms = -3000;
    reported(&scene, 0, ASPECT_RED, 0);
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.candidate_greens[0].end_ms = -3000 + Q;                   // A yellow where red shows.
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    close_scene(&scene);
    open_scene(&scene);
    scene.playing_greens[0].end_ms = scene.candidate_greens[0].end_ms = -3000 + Q;
    scene.candidate_greens[2].start_ms = 6000;
    reported(&scene, 0, ASPECT_YELLOW, 3000 - Q);
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.candidate_greens[0].end_ms = 60000;                       // Green out of the yellow.
    scene.candidate.green_count = 1;
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    close_scene(&scene);
}

static void i10_intergreen_over_the_change(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene);
    scene.playing_greens[0].end_ms = scene.candidate_greens[0].end_ms = -4000;
    reported(&scene, 0, ASPECT_RED, 1000);
    scene.candidate_greens[2].start_ms = 1000;
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.candidate_greens[2].start_ms = 1000 - Q;
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    assert_refusal(&scene, 0, 1, 1000 - Q, 5000, 5000 - Q);
    scene.playing_greens[0].end_ms = scene.candidate_greens[0].end_ms = -5000;
    reported(&scene, 0, ASPECT_RED, 2000);
    scene.candidate_greens[2].start_ms = -1000;                     // The candidate says that it is green already.
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.playing_greens[0].end_ms = scene.candidate_greens[0].end_ms = -5000 + Q;
    reported(&scene, 0, ASPECT_RED, 2000 - Q);
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    close_scene(&scene);
}

// A conflict between what stays green and a yellow is a fault of the running plan; still nothing may go on from there.
static void i10_nothing_goes_on_from_a_conflict(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene);
    scene.playing_greens[1] = (struct green){ .start_ms = -20000, .end_ms = -3000 + Q, .group = 1 };
    scene.candidate_greens[1] = scene.playing_greens[1];
    scene.candidate_greens[0].end_ms = 60000;
    scene.candidate.green_count = 2;
    reported(&scene, 1, ASPECT_YELLOW, 3000 - Q);
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    scene.playing_greens[1].end_ms = scene.candidate_greens[1].end_ms = -3000;
    reported(&scene, 1, ASPECT_RED, 0);
    assert_int_equal(check(&scene), GUARD_PASSED);
    close_scene(&scene);
}

// From a cycle into another with a longer cycle, in the middle of a green.
static void i10_from_cycle_to_cycle(void **state)
{
    (void)state;
    struct scene scene;
    open_cyclic(&scene);
    // 1000 s is no multiple of 60 s: position 40 s at NOW.
    scene.candidate.cycle_ms = 60000;
    scene.candidate.offset_ms = 40000;
    scene.candidate.base_ms = NOW;
    scene.candidate_greens[1].end_ms = 55000;
    assert_int_equal(check(&scene), GUARD_PASSED);
    // Position 24 s at 10 s: red, where there was green.
    scene.candidate.offset_ms = 26000;
    scene.candidate.base_ms = NOW - 14000;
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    scene.candidate.offset_ms = 30000;                              // Position 20 s at 10 s: its yellow begins there.
    scene.candidate.base_ms = NOW - 10000;
    assert_int_equal(check(&scene), GUARD_PASSED);
    close_scene(&scene);
}

// The controller may or may not have got a plan that was sent: the candidate must fit after both.
static void i10_with_a_plan_under_way(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene);
    // At 1 s it ends the green of group 0 and gives it to group 1 at 6 s; the candidate comes at 2 s.
    rolling(&scene, &scene.coming, scene.coming_greens, 2, 1000, 60000);
    (void)add(&scene.coming, 0, -20000, 1000);
    (void)add(&scene.coming, 1, -45000, -25000);
    (void)add(&scene.coming, 1, 6000, 60000);
    scene.request.running[1] = &scene.coming;
    scene.request.running_count = 2;
    scene.candidate.version.sequence = 3;
    scene.candidate.valid_from_ms = NOW + 2000;
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);              // Right after the playing plan alone.
    memcpy(scene.candidate_greens, scene.coming_greens, sizeof scene.coming_greens);
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);              // Right after the coming one alone.
    scene.report.waiting = scene.coming.version;                    // The controller says that it has it.
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.candidate.valid_from_ms = NOW + 1000;                     // It replaces the coming plan before that plays.
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.candidate.valid_from_ms = NOW + 2000;
    scene.coming.valid_until_ms = NOW + 2000 - Q;                   // By then it has fallen back.
    scene.coming.green_count = 2;
    assert_int_equal(check(&scene), GUARD_I16_REPORT);
    scene.coming.valid_until_ms = NOW + 2000;
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.playing.valid_until_ms = NOW + 1000 - Q;
    scene.playing_greens[0].end_ms = 1000 - Q;
    assert_int_equal(check(&scene), GUARD_I16_REPORT);
    close_scene(&scene);
}

// A report made after the coming plan should have taken effect, and without it, says that it was not taken.
// The coming plan counts group 1 as green since before its own time: it turns green where that plan begins.
static void i10_a_green_that_a_plan_under_way_begins(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene);
    scene.playing_greens[0].end_ms = -4000;
    reported(&scene, 0, ASPECT_RED, 1000);
    rolling(&scene, &scene.coming, scene.coming_greens, 2, 1000, 60000);
    (void)add(&scene.coming, 0, -20000, -4000);
    (void)add(&scene.coming, 1, -2000, 60000);
    scene.request.running[1] = &scene.coming;
    scene.request.running_count = 2;
    scene.report.waiting = scene.coming.version;
    rolling(&scene, &scene.candidate, scene.candidate_greens, 3, 2000, 60000);
    (void)add(&scene.candidate, 0, -20000, -4000);
    (void)add(&scene.candidate, 1, -2000, 6000);
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.candidate_greens[1].end_ms -= Q;                          // 1 s to 5.9 s
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    assert_refusal(&scene, 1, INDEX_NONE, 6000 - Q, 5000, 5000 - Q);
    close_scene(&scene);
}

// Two greens in a cycle: the change looks at the right one, before, between and after them.
static void i10_two_greens_in_a_cycle(void **state)
{
    (void)state;
    static const int32_t AT_MS[] = { 2000, 10000, 22000, 30000, 45000 };
    for (int i = 0; i < 5; i++) {
        struct scene scene;
        open_cyclic(&scene);
        for (int which = 0; which < 2; which++) {
            struct plan *plan = which == 0 ? &scene.playing : &scene.candidate;
            plan->green_count = 0;
            (void)add(plan, 0, 5000, 15000);
            (void)add(plan, 0, 25000, 35000);
        }
        scene.request.idle = 2;
        scene.candidate.valid_from_ms = scene.report.time_ms = scene.request.now_ms = NOW + AT_MS[i];
        bool green = AT_MS[i] == 10000 || AT_MS[i] == 30000;
        int32_t end_ms = AT_MS[i] < 15000 ? -15000 : AT_MS[i] < 35000 ? 15000 : 35000;
        reported(&scene, 0, green ? ASPECT_GREEN : ASPECT_RED, green ? 5000 : AT_MS[i] - end_ms - 3000);
        assert_int_equal(check(&scene), GUARD_I7_MAXIMUM_RED);      // Group 1 is never green.
        scene.candidate.kind = PLAN_ROLLING;                        // Once round, as a rolling plan.
        scene.candidate.base_ms = NOW;
        scene.candidate.cycle_ms = 0;
        scene.candidate.valid_until_ms = NOW + 50000;
        assert_int_equal(check(&scene), GUARD_PASSED);
        // It ends here, after 5 s, and after a quantum less.
        if (green) {
            int32_t which = AT_MS[i] == 10000 ? 0 : 1;
            scene.candidate_greens[which].end_ms = AT_MS[i];
            assert_int_equal(check(&scene), GUARD_PASSED);
            scene.playing_greens[which].start_ms += Q;
            reported(&scene, 0, ASPECT_GREEN, 5000 - Q);
            assert_int_equal(check(&scene), GUARD_I10_CHANGE);
        }
        close_scene(&scene);
    }
}

static void i10_forgets_a_plan_that_was_not_taken(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene);
    rolling(&scene, &scene.coming, scene.coming_greens, 2, -Q, 60000);
    (void)add(&scene.coming, 0, -20000, -Q);
    scene.request.running[0] = &scene.coming;                       // In any order.
    scene.request.running[1] = &scene.playing;
    scene.request.running_count = 2;
    scene.candidate.version.sequence = 3;
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.coming.valid_from_ms = NOW;                               // Within the quantum: it may be playing.
    scene.coming_greens[0].end_ms = Q;
    scene.candidate.valid_from_ms = NOW + 2 * Q;
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    scene.coming.site_hash ^= 1;                                    // A plan under way that cannot be read.
    assert_int_equal(check(&scene), GUARD_I16_REPORT);
    close_scene(&scene);
}

// Where report and plan differ by more than a quantum, the worse counts.
static void i16_takes_the_worse_of_report_and_plan(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene);
    scene.candidate_greens[0].end_ms = 0;                           // Green for 20 s by the plan, minimum 5 s.
    reported(&scene, 0, ASPECT_GREEN, 5000);
    assert_int_equal(check(&scene), GUARD_PASSED);
    reported(&scene, 0, ASPECT_GREEN, 5000 - Q);
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    scene.playing_greens[0].start_ms = scene.candidate_greens[0].start_ms = -5000 + Q;
    reported(&scene, 0, ASPECT_GREEN, 20000);                       // And the other way round.
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    reported(&scene, 0, ASPECT_GREEN, 5000);                        // Within a quantum: the plan's time.
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    scene.playing_greens[0].start_ms = scene.candidate_greens[0].start_ms = -5000;
    reported(&scene, 0, ASPECT_GREEN, 5000 - Q);
    assert_int_equal(check(&scene), GUARD_PASSED);
    close_scene(&scene);
    // From before the plan's own time only the report counts.
    open_scene(&scene);
    scene.playing.valid_from_ms = NOW - 10000;
    scene.candidate_greens[0].end_ms = 0;
    scene.playing_greens[0].start_ms = -14000;
    reported(&scene, 0, ASPECT_GREEN, 5000 - Q);
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    scene.playing_greens[0].start_ms = -11000;
    reported(&scene, 0, ASPECT_GREEN, 25000);
    assert_int_equal(check(&scene), GUARD_PASSED);
    close_scene(&scene);
}

static void i16_takes_the_worse_end_of_a_green(void **state)
{
    (void)state;
    struct toy_site site = toy_pair();
    site.groups[0].red_ms_max = 30000;
    struct scene scene;
    open_at(&scene, &site);
    scene.playing_greens[0].end_ms = scene.candidate_greens[0].end_ms = -10000;
    scene.candidate_greens[2].start_ms = 0;
    scene.candidate_greens[2].end_ms = 20000;
    scene.candidate.valid_until_ms = NOW + 20000;
    reported(&scene, 0, ASPECT_RED, 7000);
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.candidate.valid_until_ms = NOW + 20000 + Q;
    assert_int_equal(check(&scene), GUARD_I7_MAXIMUM_RED);
    scene.candidate.valid_until_ms = NOW + 20000;
    reported(&scene, 0, ASPECT_RED, 7000 + 2 * Q);                  // Red for longer than the plan has it.
    assert_int_equal(check(&scene), GUARD_I7_MAXIMUM_RED);
    reported(&scene, 0, ASPECT_RED, 7000 + Q);                      // Within the quantum.
    assert_int_equal(check(&scene), GUARD_PASSED);
    reported(&scene, 0, ASPECT_RED, 2000);                          // Ended 5 s ago: the intergreen is just over.
    assert_int_equal(check(&scene), GUARD_PASSED);
    reported(&scene, 0, ASPECT_RED, 2000 - Q);
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    reported(&scene, 0, ASPECT_RED, 7000);
    // Ended later than the report has it.
    scene.playing_greens[0].end_ms = scene.candidate_greens[0].end_ms = -5000 + Q;
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    scene.playing_greens[0].end_ms = scene.candidate_greens[0].end_ms = -10000;
    // An end before the plan's own time: the report alone.
    scene.playing.valid_from_ms = NOW - 9000;
    reported(&scene, 0, ASPECT_RED, 2000);
    scene.candidate.valid_until_ms = NOW + 25000;
    assert_int_equal(check(&scene), GUARD_PASSED);
    close_scene(&scene);
}

// A lamp that changes within a quantum of the report may be reported as it was or as it will be.
static void i16_forgives_a_quantum(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene);
    scene.playing_greens[0].end_ms = Q;                             // Yellow from Q on.
    scene.candidate_greens[0].end_ms = Q;
    assert_int_equal(check(&scene), GUARD_PASSED);
    reported(&scene, 0, ASPECT_YELLOW, 0);
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.playing_greens[0].end_ms = scene.candidate_greens[0].end_ms = 2 * Q;
    assert_int_equal(check(&scene), GUARD_I16_REPORT);
    assert_int_equal(scene.refusal.group, 0);
    scene.playing_greens[0].end_ms = scene.candidate_greens[0].end_ms = 0;   // Yellow since now, reported as green.
    reported(&scene, 0, ASPECT_GREEN, 20000);
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.playing_greens[0].end_ms = scene.candidate_greens[0].end_ms = -Q;
    assert_int_equal(check(&scene), GUARD_I16_REPORT);
    close_scene(&scene);
    // A first green, reported a quantum before it comes.
    open_scene(&scene);
    scene.playing_greens[0].start_ms = scene.candidate_greens[0].start_ms = Q;
    scene.candidate_greens[0].end_ms = 60000;
    scene.candidate.green_count = 2;
    reported(&scene, 0, ASPECT_GREEN, 0);
    scene.playing_greens[1].start_ms = -45000;
    // Its past is unknown then: its yellow may just be over.
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    scene.report.time_ms = scene.request.now_ms = NOW + Q;
    scene.candidate.valid_from_ms = NOW + Q;
    assert_int_equal(check(&scene), GUARD_PASSED);
    close_scene(&scene);
}

// Without any green of a group in the running plan, its past is what the report says.
static void i16_takes_the_report_where_the_plan_is_silent(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene);
    scene.playing_greens[0].end_ms = 2000;
    scene.candidate_greens[0] = (struct green){ .start_ms = -20000, .end_ms = 2000, .group = 0 };
    scene.playing.green_count = scene.candidate.green_count = 1;
    assert_int_equal(check(&scene), GUARD_PASSED);
    reported(&scene, 1, ASPECT_RED, 57000);                         // Red for 60 s, 60 s more until the plan ends.
    assert_int_equal(check(&scene), GUARD_PASSED);
    reported(&scene, 1, ASPECT_RED, 57000 + 1);
    assert_int_equal(check(&scene), GUARD_I7_MAXIMUM_RED);
    reported(&scene, 1, ASPECT_RED, INT32_MAX);
    assert_int_equal(check(&scene), GUARD_I7_MAXIMUM_RED);
    close_scene(&scene);
}

static void i16_red_yellow_and_pedestrians(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene);
    reported(&scene, 1, ASPECT_RED_YELLOW, 1000);
    assert_int_equal(check(&scene), GUARD_PASSED);
    reported(&scene, 0, ASPECT_RED_YELLOW, 1000);
    assert_int_equal(check(&scene), GUARD_I16_REPORT);
    close_scene(&scene);
    struct toy_site site = toy_pair();                              // Group 0 walks; its clearance may be shown as red.
    site.groups[0].kind = GROUP_PEDESTRIAN;
    open_at(&scene, &site);
    scene.playing_greens[0].end_ms = scene.candidate_greens[0].end_ms = -1000;
    scene.candidate_greens[2].start_ms = 4000;
    reported(&scene, 0, ASPECT_RED, 1000);
    assert_int_equal(check(&scene), GUARD_PASSED);
    reported(&scene, 0, ASPECT_YELLOW, 1000);
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.candidate_greens[2].start_ms = 4000 - Q;
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    scene.playing_greens[0].end_ms = scene.candidate_greens[0].end_ms = -4000;
    scene.candidate_greens[2].start_ms = 1000;
    reported(&scene, 0, ASPECT_RED, 4000);                          // Red since the end of green,
    assert_int_equal(check(&scene), GUARD_PASSED);
    reported(&scene, 0, ASPECT_RED, 1000);                          // or since the end of the clearance.
    assert_int_equal(check(&scene), GUARD_PASSED);
    reported(&scene, 0, ASPECT_YELLOW, 1000);
    assert_int_equal(check(&scene), GUARD_I16_REPORT);
    close_scene(&scene);
    site.groups[0].kind = GROUP_BICYCLE;                            // Others must show it.
    open_at(&scene, &site);
    scene.playing_greens[0].end_ms = -1000;
    reported(&scene, 0, ASPECT_RED, 1000);
    assert_int_equal(check(&scene), GUARD_I16_REPORT);
    close_scene(&scene);
}

static void i16_what_makes_the_lamps_unknown(void **state)
{
    (void)state;
    static const enum aspect NEVER[] = { ASPECT_DARK, ASPECT_FLASHING_YELLOW, ASPECT_FLASHING_RED, (enum aspect)77 };
    static const enum controller_mode OTHERS[] = { CONTROLLER_FALLBACK, CONTROLLER_MANUAL, CONTROLLER_PREEMPTION,
        CONTROLLER_FLASH };
    struct scene scene;
    for (int what = 0; what < 30; what++) {
        open_scene(&scene);
        struct controller_report *report = &scene.report;
        enum guard_rule expected = GUARD_I16_REPORT;
        switch (what) {
        case 0: scene.request.report = NULL; break;
        case 1: report->group_count = 3; break;
        case 2: report->time_ms = NOW - GUARD_REPORT_AGE_MS_MAX - 1; break;
        case 3: report->time_ms = NOW + GUARD_CLOCK_MS_MAX + 1; scene.candidate.valid_from_ms = NOW + 2000; break;
        case 4: report->time_ms = NOW + 1; break;                   // after the candidate takes effect
        case 5: report->time_ms = INT64_MIN; break;
        case 6: report->time_ms = INT64_MAX; break;
        case 7: scene.request.running_count = 0; break;
        case 8: scene.playing.version.sequence = 0; break;          // it plays what is not known here
        // it has one waiting that is not known here
        case 9: report->waiting = (struct plan_version){ 1, 1, 1 }; break;
        case 28: report->waiting = (struct plan_version){ 0, 1, 0 }; break;
        case 29: report->waiting = (struct plan_version){ 0, 0, 1 }; break;
        case 10: scene.playing.site_hash ^= 1; break;
        case 11: scene.playing.intersection = 1; break;
        case 12: scene.playing_greens[0].group = 99; break;
        case 13: scene.playing.valid_from_ms = NOW + 2 * Q; break;
        case 14: scene.playing.valid_until_ms = NOW; scene.playing.green_count = 0; break;
        case 15: scene.playing.valid_until_ms = NOW + 1000; scene.playing_greens[0].end_ms = 1000;
                 scene.candidate.valid_from_ms = NOW + 1000 + Q; break;
        case 16: report->age_ms[0] = -1; break;
        case 17: reported(&scene, 0, ASPECT_RED, 1000); break;
        case 18: reported(&scene, 1, ASPECT_GREEN, 1000); break;
        case 19: report->intersection = 1; break;
        case 20: case 21: case 22: case 23: report->mode = OTHERS[what - 20]; break;
        case 24: case 25: case 26: case 27: reported(&scene, 1, NEVER[what - 24], 1000); break;
        }
        assert_int_equal(check(&scene), expected);
        close_scene(&scene);
    }
    open_scene(&scene);
    scene.report.time_ms = NOW - GUARD_REPORT_AGE_MS_MAX;           // Just fresh, and just not from the future.
    reported(&scene, 0, ASPECT_GREEN, 17000);
    reported(&scene, 1, ASPECT_RED, 19000);
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.report.time_ms = NOW + GUARD_CLOCK_MS_MAX;
    reported(&scene, 0, ASPECT_GREEN, 21000);
    reported(&scene, 1, ASPECT_RED, 23000);
    scene.candidate.valid_from_ms = NOW + 2000;
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.report.waiting = scene.candidate.version;                 // Sent once before: asked about again.
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.playing.valid_from_ms = NOW + GUARD_CLOCK_MS_MAX + Q;     // Within a quantum of the report.
    assert_int_equal(check(&scene), GUARD_PASSED);
    close_scene(&scene);
}

// Hand-over time of the site: minimum green 5 s + intergreen 5 s.
static void handover_needs_time_and_red(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene);
    scene.request.report = NULL;                                    // No claim about what was before.
    scene.request.running_count = 0;
    rolling(&scene, &scene.candidate, scene.candidate_greens, 2, 10000, 60000);
    scene.candidate.handover = true;
    (void)add(&scene.candidate, 0, 10000, 30000);
    (void)add(&scene.candidate, 1, 35000, 60000);
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.request.now_ms = NOW + 1;
    assert_int_equal(check(&scene), GUARD_I16_REPORT);
    assert_refusal(&scene, INDEX_NONE, INDEX_NONE, 10000, 10000, 9999);
    scene.request.now_ms = NOW;
    scene.candidate_greens[0].start_ms -= Q;                        // Green before it.
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    scene.candidate_greens[0] = (struct green){ .start_ms = 0, .end_ms = 7000, .group = 0 };
    assert_int_equal(check(&scene), GUARD_PASSED);                  // A past that is over does not matter.
    scene.candidate_greens[0].end_ms += Q;
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);              // One whose yellow shows does.
    scene.candidate_greens[0] = (struct green){ .start_ms = 10000, .end_ms = 15000 - Q, .group = 0 };
    assert_int_equal(check(&scene), GUARD_I6_MINIMUM_GREEN);
    close_scene(&scene);
    // The greatest of yellow and red clearance counts too,
    struct toy_site site = toy_pair();
    site.groups[1].red_clearance_ms = 2100;                         // rounded up to the quantum: 5 s + 5.1 s.
    open_site(&scene, &site);
    rolling(&scene, &scene.candidate, scene.candidate_greens, 2, 10100, 60000);
    scene.candidate.handover = true;
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.candidate.valid_from_ms -= Q;
    assert_int_equal(check(&scene), GUARD_I16_REPORT);
    close_scene(&scene);
}

static void handover_bounds_red_from_its_start(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene);
    rolling(&scene, &scene.candidate, scene.candidate_greens, 2, 10000, 300000);
    scene.candidate.handover = true;
    (void)add(&scene.candidate, 0, 10000, 125000);
    (void)add(&scene.candidate, 1, 130000, 300000);
    scene.request.idle = 1;
    assert_int_equal(check(&scene), GUARD_PASSED);                  // Group 1 is red for 120 s.
    scene.candidate_greens[1].start_ms += Q;
    assert_int_equal(check(&scene), GUARD_I7_MAXIMUM_RED);
    assert_refusal(&scene, 1, INDEX_NONE, 130000, 120000, 120000 + Q);
    scene.request.idle = 3;
    assert_int_equal(check(&scene), GUARD_PASSED);
    close_scene(&scene);
}

// A group without conflicts that is green all round the cycle has neither start nor end, yet a hand-over may enter it.
static void endless_green(void **state)
{
    (void)state;
    struct toy_site site = toy_pair();
    toy_conflict(&site, 0, 1, -1);
    site.stages[0] = 3;
    struct scene scene;
    open_site(&scene, &site);
    cyclic(&scene, &scene.playing, scene.playing_greens, 1, -200000);
    cyclic(&scene, &scene.candidate, scene.candidate_greens, 2, 10000);
    scene.playing_greens[1] = (struct green){ .start_ms = 0, .end_ms = 50000, .group = 1 };
    scene.candidate_greens[1] = scene.playing_greens[1];
    scene.report.time_ms = scene.request.now_ms = NOW + 2000;
    reported(&scene, 0, ASPECT_GREEN, 2000);
    reported(&scene, 1, ASPECT_GREEN, 190000);
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.candidate.valid_from_ms = NOW + 2000;
    scene.candidate_greens[1] = (struct green){ .start_ms = 15000, .end_ms = 52000 - Q, .group = 1 };
    // It is green still, and the candidate has it yellow.
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    scene.candidate_greens[1].end_ms = 52000;
    // Green since long, not since the turn of the cycle.
    assert_int_equal(check(&scene), GUARD_PASSED);
    reported(&scene, 1, ASPECT_GREEN, 1000);                        // Whatever the cycle says, it turned green 1 s ago.
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    scene.report.time_ms = scene.request.now_ms = NOW - 1000;       // The turn of the cycle between report and change.
    reported(&scene, 0, ASPECT_RED, 26000);
    reported(&scene, 1, ASPECT_GREEN, 190000);
    assert_int_equal(check(&scene), GUARD_PASSED);
    reported(&scene, 1, ASPECT_GREEN, 1000);
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    scene.candidate_greens[1] = scene.playing_greens[1];
    scene.candidate.handover = true;
    scene.candidate.valid_from_ms = NOW + 50000;
    assert_int_equal(check(&scene), GUARD_PASSED);
    scene.candidate_greens[1] = (struct green){ .start_ms = 1000, .end_ms = 51000, .group = 1 };
    assert_int_equal(check(&scene), GUARD_I10_CHANGE);
    close_scene(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(i10_a_green_cut_short_by_the_change),
        cmocka_unit_test(i10_yellow_at_the_change),
        cmocka_unit_test(i10_intergreen_over_the_change),
        cmocka_unit_test(i10_nothing_goes_on_from_a_conflict),
        cmocka_unit_test(i10_from_cycle_to_cycle),
        cmocka_unit_test(i10_with_a_plan_under_way),
        cmocka_unit_test(i10_a_green_that_a_plan_under_way_begins),
        cmocka_unit_test(i10_two_greens_in_a_cycle),
        cmocka_unit_test(i10_forgets_a_plan_that_was_not_taken),
        cmocka_unit_test(i16_takes_the_worse_of_report_and_plan),
        cmocka_unit_test(i16_takes_the_worse_end_of_a_green),
        cmocka_unit_test(i16_forgives_a_quantum),
        cmocka_unit_test(i16_takes_the_report_where_the_plan_is_silent),
        cmocka_unit_test(i16_red_yellow_and_pedestrians),
        cmocka_unit_test(i16_what_makes_the_lamps_unknown),
        cmocka_unit_test(handover_needs_time_and_red),
        cmocka_unit_test(handover_bounds_red_from_its_start),
        cmocka_unit_test(endless_green),
    };
    return cmocka_run_group_tests_name("guard: change", tests, NULL, NULL);
}
