// Goal: the rules of local actuated control, one by one, against hand calculations on a crossing of eight loops and
// four stages: rest, minimum, gap-out, max-out, recall, the loop at the line, protected left turns, the maximum red.
//
// The crossing (crossings.h): lanes of 10 m/s, so passage time = 3 s - (5 m + 2 m) / 10 m/s = 2.3 s; minimum green 5 s;
// intergreen 5 s. A round of stages 0..3 takes at least 4 * (5 + 5) = 40 s; maximum red 120 s leaves 80 s for the
// 4 * 55 s that the greens could be longer: each may last 5 + 55 * 80 / 220 = 25 s.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/random.h"
#include "engine/model/actuation.h"
#include "tests/engine/crossings.h"

#define T0 1000000
#define W_THROUGH 0x1u
#define W_LEFT 0x4u
#define N_THROUGH 0x10u
#define W_RIGHT 0x100u

struct scene {
    struct crossings made;
    struct actuation actuation;
    struct actuation_state state;
    struct actuation_choice choice;
};

static void scene_begin(struct scene *scene)
{
    actuation_create(&scene->actuation, &scene->made.network, false);
    memset(&scene->state, 0, sizeof scene->state);
    actuation_enter(&scene->actuation, (struct intersection_id){ 0 }, &scene->state, 0, T0);
}

static int setup(void **state)
{
    struct scene *scene = memory_take(1, sizeof *scene);
    crossings_build(&scene->made, 1, 300.0);
    scene_begin(scene);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    actuation_release(&scene->actuation);
    network_release(&scene->made.network);
    free(scene);
    return 0;
}

// One look, `second` seconds after the green began. Returns the stage that is chosen.
static int32_t look(struct scene *scene, int second, uint64_t line, uint64_t advance)
{
    actuation_step(&scene->actuation, (struct intersection_id){ 0 }, &scene->state,
                   (struct actuation_touch){ .line = line, .advance = advance }, T0 + second * 1000, &scene->choice);
    return scene->choice.stage;
}

static void rests_while_nobody_else_calls(void **state)
{
    struct scene *scene = *state;
    for (int s = 1; s <= 600; s++) {
        assert_int_equal(look(scene, s, 0, s % 7 == 0 ? W_THROUGH : 0), 0);
        assert_int_equal(scene->choice.reason, REASON_STAY);
    }
}

static void gaps_out_once_the_minimum_is_over(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(look(scene, 1, 0, N_THROUGH), 0);
    for (int s = 2; s < 5; s++) {
        assert_int_equal(look(scene, s, 0, 0), 0);
        assert_int_equal(scene->choice.reason, REASON_MINIMUM);
    }
    assert_int_equal(look(scene, 5, 0, 0), 2);
    assert_int_equal(scene->choice.reason, REASON_GAP);
}

// Touches until 12 s: gaps of 1 s and 2 s are shorter than 2.3 s, so it ends at 15 s. What is green in every stage (the
// right turn) holds nothing.
static void is_extended_by_its_own_stream_alone(void **state)
{
    struct scene *scene = *state;
    for (int s = 1; s < 15; s++) {
        uint64_t advance = (s % 2 == 0 && s <= 12 ? W_THROUGH : 0) | W_RIGHT;
        assert_int_equal(look(scene, s, s == 1 ? N_THROUGH : 0, advance), 0);
    }
    assert_int_equal(look(scene, 15, 0, W_RIGHT), 2);
    assert_int_equal(scene->choice.gap_ms, 3000);
}

// Called for at 3 s, its maximum of 25 s is over at 28 s; who is cut off is remembered, and served after stage 2.
static void maxes_out_and_remembers_who_was_cut_off(void **state)
{
    struct scene *scene = *state;
    for (int s = 1; s < 28; s++) {
        assert_int_equal(look(scene, s, s >= 3 ? N_THROUGH : 0, W_THROUGH), 0);
    }
    assert_int_equal(look(scene, 28, N_THROUGH, W_THROUGH), 2);
    assert_int_equal(scene->choice.reason, REASON_MAXIMUM);
    actuation_enter(&scene->actuation, (struct intersection_id){ 0 }, &scene->state, 2, T0 + 33000);
    assert_int_equal(look(scene, 37, 0, 0), 2);
    assert_int_equal(look(scene, 38, 0, 0), 4);   // {W through, W left}: the next in order with somebody called
}

// The line is free from 6 s to 9 s: its queue has passed. The stream over the advance loop ends at 8 s; what crosses
// the line at 10 s is its tail and extends nothing.
static void line_extends_only_until_its_queue_has_passed(void **state)
{
    struct scene *scene = *state;
    for (int s = 1; s < 11; s++) {
        uint64_t line = (s <= 6 || s == 10 ? W_THROUGH : 0) | N_THROUGH;
        assert_int_equal(look(scene, s, line, s >= 7 && s <= 8 ? W_THROUGH : 0), 0);
    }
    assert_int_equal(look(scene, 11, 0, 0), 2);
}

static void passes_over_stages_that_nobody_calls(void **state)
{
    struct scene *scene = *state;
    (void)look(scene, 1, 0x40u, 0);               // from the north, left: stage 3
    assert_int_equal(look(scene, 5, 0, 0), 3);
}

// Without loops a group is called every round, and its stage lasts as long as in the program (20 s).
static void groups_without_loops_are_on_recall(void **state)
{
    struct scene *scene = *state;
    actuation_release(&scene->actuation);
    for (int32_t d = 0; d < scene->made.network.detector_count; d++) {
        scene->made.network.detectors[d].place = DETECTOR_MIDBLOCK;
    }
    scene_begin(scene);
    for (int s = 1; s < 20; s++) {
        assert_int_equal(look(scene, s, 0, 0), 0);
    }
    assert_int_equal(look(scene, 20, 0, 0), 1);
    actuation_release(&scene->actuation);
    actuation_create(&scene->actuation, &scene->made.network, true);
    assert_int_equal(scene->actuation.sites[0].recall, 0);   // a camera over the lane does as well
}

// A pedestrian group without a button shares the stage of the cross street: served each round for its minimum, no
// longer.
static void pedestrians_without_a_button_are_recalled_for_their_minimum(void **state)
{
    struct scene *scene = *state;
    actuation_release(&scene->actuation);
    scene->made.network.groups[8].kind = GROUP_PEDESTRIAN;
    scene->made.network.groups[8].green_ms_min = 12000;
    for (int32_t s = 0; s < CROSSING_STAGES; s++) {
        scene->made.network.stages[s].groups = s == 2 ? 0x130 : scene->made.network.stages[s].groups & 0xff;
    }
    for (int32_t d = 0; d < scene->made.network.detector_count; d++) {
        // Its loops are those of the lane from the west that it was derived from.
        int32_t lane = scene->made.network.detectors[d].lane;
        scene->made.network.detectors[d].place =
            actuation_lane_groups(&scene->made.network, lane, 0) & W_RIGHT ? DETECTOR_MIDBLOCK
                : scene->made.network.detectors[d].place;
    }
    scene_begin(scene);
    assert_true(scene->actuation.sites[0].recall & W_RIGHT);
    assert_false(scene->actuation.sites[0].held & W_RIGHT);
    actuation_enter(&scene->actuation, (struct intersection_id){ 0 }, &scene->state, 3, T0);
    int s = 1;
    while (s < 60 && look(scene, s, 0, 0) == 3) {
        s++;
    }
    assert_int_equal(s, 5);
    assert_int_equal(scene->choice.stage, 4);     // W through has no loops any more: on recall too
    actuation_enter(&scene->actuation, (struct intersection_id){ 0 }, &scene->state, 2, T0);
    for (s = 1; s < 12; s++) {
        assert_int_equal(look(scene, s, 0, 0), 2);
    }
    assert_int_not_equal(look(scene, 12, 0, 0), 2);
}

// Left from the west is green with the opposing stream, to which it yields: while somebody waits at its line, the stage
// that protects it is called; once its line is free for a passage time it is not.
static void who_yields_calls_the_stage_that_protects(void **state)
{
    struct scene *scene = *state;
    actuation_release(&scene->actuation);
    struct network *network = &scene->made.network;
    network->stages[0].groups = 0x107;
    network->foes = memory_take(1, sizeof *network->foes);
    network->foe_count = 1;
    int32_t left = network->group_members[network->groups[2].first_member];
    network->foes[0] = (struct foe){ .connection = network->group_members[network->groups[1].first_member],
        .yields = true };
    network->connections[left].foe_count = 1;
    scene_begin(scene);
    assert_int_equal(scene->actuation.stages[0].protected_groups, 0x103);
    for (int s = 1; s < 5; s++) {
        (void)look(scene, s, W_LEFT, 0);
    }
    assert_int_equal(look(scene, 5, W_LEFT, 0), 1);
    actuation_release(&scene->actuation);
    scene_begin(scene);
    for (int s = 1; s < 30; s++) {
        assert_int_equal(look(scene, s, s < 3 ? W_LEFT : 0, 0), 0);   // it found its gap
    }
    actuation_release(&scene->actuation);
    actuation_create(&scene->actuation, network, false);
}

// In turn, the next stage in order follows although nobody calls: at the minimum, or, as
// long as its own stream lasts, at the maximum of 25 s.
static void in_turn_no_stage_is_passed_over(void **state)
{
    struct scene *scene = *state;
    scene->actuation.sites[0].in_turn = true;
    int32_t next = scene->actuation.stages[1].stage;
    for (int s = 0; s < 5; s++) {
        assert_int_equal(look(scene, s, 0, 0), 0);
    }
    assert_int_equal(look(scene, 5, 0, 0), next);
    actuation_release(&scene->actuation);
    scene_begin(scene);
    scene->actuation.sites[0].in_turn = true;
    for (int s = 0; s < 25; s++) {
        assert_int_equal(look(scene, s, 0, W_THROUGH), 0);
    }
    assert_int_equal(look(scene, 25, 0, W_THROUGH), next);
    assert_int_equal(scene->choice.reason, REASON_MAXIMUM);
}

// In turn, one that stands at the line from the first second on, as who waits for a gap, holds the green for no longer
// than its minimum of 5 s: the loop in advance is the one that counts.
static void in_turn_the_line_extends_nothing(void **state)
{
    struct scene *scene = *state;
    scene->actuation.sites[0].in_turn = true;
    for (int s = 0; s < 5; s++) {
        assert_int_equal(look(scene, s, W_THROUGH, 0), 0);
    }
    assert_int_equal(look(scene, 5, W_THROUGH, 0), scene->actuation.stages[1].stage);
    assert_int_equal(scene->choice.reason, REASON_GAP);
}

// In turn, a loop in advance that is covered all the time on a lane of which others have red holds the green for no
// longer than its minimum either: who stands there may be one of them. Not in turn it does, to the maximum of 25 s.
static void in_turn_lanes_that_others_wait_on_extend_nothing(void **state)
{
    struct scene *scene = *state;
    for (int in_turn = 0; in_turn < 2; in_turn++) {
        actuation_release(&scene->actuation);
        scene_begin(scene);
        scene->actuation.sites[0].in_turn = in_turn != 0;
        uint64_t called = in_turn != 0 ? 0 : W_LEFT;
        int second = 0;
        do {
            struct actuation_touch touch = { .line = called, .advance = W_THROUGH, .parted = W_THROUGH };
            actuation_step(&scene->actuation, (struct intersection_id){ 0 }, &scene->state, touch, T0 + second * 1000,
                           &scene->choice);
        } while (scene->choice.stage == 0 && ++second < 100);
        assert_int_equal(second, in_turn != 0 ? 5 : 25);
        assert_int_equal(scene->choice.reason, in_turn != 0 ? REASON_GAP : REASON_MAXIMUM);
    }
}

// The program shows stages 0 to 3 for 20 s each: half as much again is 30 s, so 50 s is their greatest green; the
// others are not in it and have the site's 60 s. A round of 0 to 3: 4 minima of 5 s and 4 changes of 5 s leave 80 s of
// the maximum red of 120 s for what is above the minima, 4 times 45 s: four ninths. So 5 + 20 s, and 5 + 24.444 s.
static void greatest_greens_fit_into_the_maximum_red(void **state)
{
    struct scene *scene = *state;
    for (int32_t s = 0; s < CROSSING_STAGES; s++) {
        assert_int_equal(scene->actuation.stages[s].green_ms_max, s < 4 ? 25000 : 29444);
    }
    for (int32_t g = 0; g < 4; g++) {
        assert_int_equal(scene->actuation.passage_ms[g], 2300);
    }
}

// Without loops all groups are recalled; with push buttons in their place stage 0 rests until one is pushed, and its
// call is served in order, remembered and forgotten once it is green.
static void push_buttons_call_and_nothing_else(void **state)
{
    struct scene *scene = *state;
    actuation_release(&scene->actuation);
    scene->made.network.detector_count = 0;
    scene_begin(scene);
    assert_int_not_equal(look(scene, 60, 0, 0), 0);
    actuation_release(&scene->actuation);
    for (int32_t g = 0; g < scene->made.network.group_count; g++) {
        scene->made.network.groups[g].on_call = true;
    }
    scene_begin(scene);
    assert_int_equal(look(scene, 60, 0, 0), 0);
    uint64_t there = scene->made.network.stages[2].groups & ~scene->made.network.stages[0].groups
        & ~scene->made.network.stages[1].groups;
    assert_int_not_equal(there, 0);
    assert_int_equal(look(scene, 61, there, 0), 2);
    actuation_enter(&scene->actuation, (struct intersection_id){ 0 }, &scene->state, 2, T0 + 66000);
    actuation_step(&scene->actuation, (struct intersection_id){ 0 }, &scene->state, (struct actuation_touch){ 0 },
                   T0 + 120000, &scene->choice);
    assert_int_equal(scene->choice.stage, 2);
}

// One who looks each second, and one who leaves out the looks that are quiet, choose the same at every instant and keep
// the same: over many draws of touches, from one every few seconds to one every few minutes.
static void quiet_looks_may_be_left_out(void **state)
{
    struct scene *scene = *state;
    struct intersection_id id = { 0 };
    int32_t looks = 0, left_out = 0, changes = 0;
    for (uint64_t draw = 0; draw < 60; draw++) {
        struct actuation_state every, some;
        memcpy(&every, &scene->state, sizeof every);
        memcpy(&some, &scene->state, sizeof some);
        every.calls = some.calls = 0;
        uint64_t rare = 3 + draw * draw / 8;
        int64_t quiet_until_ms = INT64_MIN;
        scene->actuation.sites[0].recall = draw % 3 == 0 ? W_RIGHT : 0;
        scene->actuation.sites[0].held = draw % 3 == 0 ? W_RIGHT : 0;
        for (int64_t now_ms = T0 + 1000; now_ms < T0 + 1800000; now_ms += 1000) {
            uint64_t number = (uint64_t)now_ms;
            struct actuation_touch touch = { 0 };
            if (random_bits(draw, RANDOM_DRIVER, number, 0) % rare == 0) {
                touch.line = random_bits(draw, RANDOM_DRIVER, number, 1) & random_bits(draw, RANDOM_DRIVER, number, 2);
                touch.advance = random_bits(draw, RANDOM_DRIVER, number, 3) & ~touch.line & 0x1ff;
                touch.line &= 0x1ff;
            }
            struct actuation_choice choice, other;
            actuation_step(&scene->actuation, id, &every, touch, now_ms, &choice);
            looks++;
            if ((touch.line | touch.advance) == 0 && now_ms < quiet_until_ms) {
                assert_int_equal(choice.stage, scene->actuation.stages[every.place].stage);
                left_out++;
                continue;
            }
            actuation_pass(&scene->actuation, id, &some, now_ms - 1000);
            actuation_step(&scene->actuation, id, &some, touch, now_ms, &other);
            quiet_until_ms = other.quiet_until_ms;
            assert_int_equal(choice.stage, other.stage);
            assert_memory_equal(&every, &some, sizeof every);
            if (choice.stage != scene->actuation.stages[every.place].stage) {
                actuation_enter(&scene->actuation, id, &every, choice.stage, now_ms + 5000);
                actuation_enter(&scene->actuation, id, &some, choice.stage, now_ms + 5000);
                now_ms += 5000;
                quiet_until_ms = INT64_MIN;
                changes++;
            }
        }
    }
    assert_true(left_out > looks / 2);
    assert_true(changes > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(in_turn_no_stage_is_passed_over, setup, teardown),
        cmocka_unit_test_setup_teardown(in_turn_the_line_extends_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(in_turn_lanes_that_others_wait_on_extend_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(rests_while_nobody_else_calls, setup, teardown),
        cmocka_unit_test_setup_teardown(push_buttons_call_and_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(gaps_out_once_the_minimum_is_over, setup, teardown),
        cmocka_unit_test_setup_teardown(is_extended_by_its_own_stream_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(maxes_out_and_remembers_who_was_cut_off, setup, teardown),
        cmocka_unit_test_setup_teardown(line_extends_only_until_its_queue_has_passed, setup, teardown),
        cmocka_unit_test_setup_teardown(passes_over_stages_that_nobody_calls, setup, teardown),
        cmocka_unit_test_setup_teardown(groups_without_loops_are_on_recall, setup, teardown),
        cmocka_unit_test_setup_teardown(pedestrians_without_a_button_are_recalled_for_their_minimum, setup, teardown),
        cmocka_unit_test_setup_teardown(who_yields_calls_the_stage_that_protects, setup, teardown),
        cmocka_unit_test_setup_teardown(greatest_greens_fit_into_the_maximum_red, setup, teardown),
        cmocka_unit_test_setup_teardown(quiet_looks_may_be_left_out, setup, teardown),
    };
    return cmocka_run_group_tests_name("actuation", tests, NULL, NULL);
}
