// Goal: what an emergency vehicle or a late bus says becomes calls at the right stop lines, groups and times; the green
// begins and is held when the hand calculation says, is let go behind the vehicle and when it falls silent; what is not
// of the network is refused; through the brain, the vehicle finds green, and no safety rule is broken.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "engine/brain.h"
#include "engine/optimize/priority.h"
#include "sim/traffic/signals.h"
#include "tests/engine/crossings.h"

#define CROSSINGS 4
#define NOW_MS INT64_C(7200000)

struct scene {
    struct crossings made;
    struct estimate estimate;
    struct transitions transitions;
    struct priority_book book;
    int32_t route[CROSSINGS + 1];     // from the west to the east
};

static int scene_create(void **state)
{
    struct scene *scene = memory_take(1, sizeof *scene);
    crossings_build(&scene->made, CROSSINGS, 300.0);
    estimate_create(&scene->estimate, &scene->made.network);
    transitions_create(&scene->transitions, &scene->made.network);
    priority_create(&scene->book, &scene->made.network);
    for (int32_t j = 0; j < CROSSINGS; j++) {
        scene->route[j] = scene->made.link_in[j][FROM_W];
    }
    scene->route[CROSSINGS] = scene->made.link_out[CROSSINGS - 1][FROM_E];
    *state = scene;
    return 0;
}

static int scene_release(void **state)
{
    struct scene *scene = *state;
    priority_release(&scene->book);
    transitions_release(&scene->transitions);
    estimate_release(&scene->estimate);
    network_release(&scene->made.network);
    free(scene);
    return 0;
}

static struct priority vehicle(const struct scene *scene, enum priority_kind kind, int32_t leg, int32_t to_stop_m)
{
    return (struct priority){ .vehicle = 7, .kind = kind, .to_stop_mm = 1000 * to_stop_m, .speed_mmps = 10000,
        .lane = scene->made.network.links[scene->route[leg]].first_lane, .route = scene->route + leg,
        .route_count = CROSSINGS + 1 - leg };
}

// In `stage` for so long that it may be left at once.
static struct lamps lamps_in(const struct scene *scene, int32_t intersection, int32_t stage)
{
    const struct network *network = &scene->made.network;
    struct lamps lamps = { .intersection = intersection, .at_ms = NOW_MS, .stage = stage,
        .stage_start_ms = NOW_MS - 60000,
        .green = network->stages[network->intersections[intersection].first_stage + stage].groups };
    for (int g = 0; g < GROUP_COUNT_MAX; g++) {
        lamps.start_ms[g] = NOW_MS - 60000;
        lamps.end_ms[g] = NOW_MS - 30000;
    }
    return lamps;
}

static bool wishes(const struct scene *scene, int32_t intersection, int32_t stage, int32_t wanted,
                   struct priority_wish *ret)
{
    struct lamps lamps = lamps_in(scene, intersection, stage);
    return priority_wish(&scene->book, &scene->estimate, &scene->transitions, &lamps, wanted, ret);
}

// 100 m at 10 m/s: 10 s; then each time 20 m through the junction and the length of the next link.
static void calls_the_stop_lines_ahead(void **state)
{
    struct scene *scene = *state;
    struct priority said = vehicle(scene, PRIORITY_EMERGENCY, 0, 100);
    int64_t until_ms;
    assert_true(priority_take(&scene->book, &said, NOW_MS, &until_ms));
    const struct priority_vehicle *kept = &scene->book.vehicles[0];
    assert_int_equal(kept->call_count, CROSSINGS);
    double at_s = 10.0;
    for (int32_t j = 0; j < CROSSINGS; j++) {
        assert_int_equal(kept->calls[j].intersection, j);
        assert_int_equal(kept->calls[j].groups, 1);
        assert_int_equal(kept->calls[j].arrive_ms, NOW_MS + (int64_t)(at_s * 1000.0 + 0.5));
        at_s += (20.0 + scene->made.network.links[scene->route[j + 1]].length_m) / 10.0;
    }
    assert_int_equal(until_ms, kept->calls[CROSSINGS - 1].arrive_ms);
}

// From stage 2 (from N and S) to stage 0: 3 s + 6 s + 5 s of intergreen = 14 s before it comes. Who would go from there
// to stage 3, or from stage 0 to stage 2, needs 5 + 5 + 5 s to come back: not from 24 s before. In stage 0, from 9 s.
static void begins_and_holds_in_time(void **state)
{
    struct scene *scene = *state;
    struct priority_wish wish;
    int64_t until_ms;
    struct { int32_t to_stop_m, stage, wanted; bool wished; } cases[] = {
        { 139, 2, 2, true }, { 141, 2, 2, false }, { 239, 2, 3, true }, { 241, 2, 3, false }, { 239, 0, 2, true },
        { 241, 0, 2, false }, { 89, 0, 0, true }, { 91, 0, 0, false }, { 0, 0, 1, true },
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct priority said = vehicle(scene, PRIORITY_EMERGENCY, 0, cases[c].to_stop_m);
        assert_true(priority_take(&scene->book, &said, NOW_MS, &until_ms));
        priority_begin(&scene->book, NOW_MS);
        assert_int_equal(wishes(scene, 0, cases[c].stage, cases[c].wanted, &wish), cases[c].wished);
        assert_int_equal(wish.stage, 0);
    }
    scene->estimate.rows[scene->estimate.approaches.row_of_lane[vehicle(scene, PRIORITY_EMERGENCY, 0, 0).lane]]
        .vehicles = 6.0;              // 12 s more to clear
    struct priority said = vehicle(scene, PRIORITY_EMERGENCY, 0, 259);
    assert_true(priority_take(&scene->book, &said, NOW_MS, &until_ms));
    priority_begin(&scene->book, NOW_MS);
    assert_true(wishes(scene, 0, 2, 2, &wish));
}

// 20 m behind the line, and setting out in 10 s: 12 s away, so its stage begins now (14 s before), not in 13 s.
static void is_awaited_before_it_sets_out(void **state)
{
    struct scene *scene = *state;
    struct priority_wish wish;
    int64_t until_ms;
    struct { int32_t departs_in_ms; bool wished; } cases[] = { { 0, true }, { 12000, true }, { 12001, false } };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct priority said = vehicle(scene, PRIORITY_EMERGENCY, 0, 20);
        said.departs_in_ms = cases[c].departs_in_ms;
        assert_true(priority_take(&scene->book, &said, NOW_MS, &until_ms));
        assert_int_equal(scene->book.vehicles[0].calls[0].arrive_ms, NOW_MS + cases[c].departs_in_ms + 2000);
        priority_begin(&scene->book, NOW_MS);
        assert_int_equal(wishes(scene, 0, 2, 2, &wish), cases[c].wished);
    }
}

static void lets_go_behind_it_and_when_it_is_silent(void **state)
{
    struct scene *scene = *state;
    struct priority_wish wish;
    int64_t until_ms;
    struct priority said = vehicle(scene, PRIORITY_EMERGENCY, 0, 20);
    assert_true(priority_take(&scene->book, &said, NOW_MS, &until_ms));
    priority_begin(&scene->book, NOW_MS);
    assert_true(wishes(scene, 0, 2, 2, &wish));
    said = vehicle(scene, PRIORITY_EMERGENCY, 1, 100);   // It is on the next link.
    assert_true(priority_take(&scene->book, &said, NOW_MS, &until_ms));
    priority_begin(&scene->book, NOW_MS);
    assert_int_equal(scene->book.count, 1);
    assert_false(wishes(scene, 0, 2, 2, &wish));
    assert_true(wishes(scene, 1, 2, 2, &wish));
    priority_begin(&scene->book, NOW_MS + PRIORITY_AGE_MS);
    assert_int_equal(scene->book.count, 0);
    assert_false(wishes(scene, 1, 2, 2, &wish));
}

// Who was 2 s before its line and is heard no more may wait inside for a gap; who was farther away has gone elsewhere.
static void remembers_who_is_inside(void **state)
{
    struct scene *scene = *state;
    int64_t until_ms;
    struct { int32_t to_stop_m; int64_t gone_ms; } cases[] = {
        { 20, PRIORITY_INSIDE_MS }, { 30, PRIORITY_INSIDE_MS }, { 31, PRIORITY_AGE_MS }, { 100, PRIORITY_AGE_MS },
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct priority said = vehicle(scene, PRIORITY_EMERGENCY, 0, cases[c].to_stop_m);
        assert_true(priority_take(&scene->book, &said, NOW_MS, &until_ms));
        priority_begin(&scene->book, NOW_MS + cases[c].gone_ms - 1);
        assert_int_equal(scene->book.count, 1);
        priority_begin(&scene->book, NOW_MS + cases[c].gone_ms);
        assert_int_equal(scene->book.count, 0);
    }
}

// From the west it gives way to those from the east (group 1). Stage 4 shows it green without them, stage 0 with them.
// Their queue counts like its own: 2 s for each. Where both are in every stage that serves it, and it waits inside,
// they are stopped.
static void gives_way_to_nobody_for_long(void **state)
{
    struct scene *scene = *state;
    struct approaches *approaches = &scene->estimate.approaches;
    const struct intersection *at = &scene->made.network.intersections[0];
    struct priority_wish wish;
    int64_t until_ms;
    int32_t own = INDEX_NONE, other = INDEX_NONE, *foes = approaches->foes;
    for (int32_t m = approaches->at[0].first_movement; m < approaches->at[0].movement_count; m++) {
        own = approaches->movements[m].group == 0 ? m : own;
        other = approaches->movements[m].group == 1 ? m : other;
    }
    approaches->foes = &other;
    approaches->movements[own].first_foe = 0;
    approaches->movements[own].foe_count = 1;
    struct priority said = vehicle(scene, PRIORITY_EMERGENCY, 0, 139);
    assert_true(priority_take(&scene->book, &said, NOW_MS, &until_ms));
    priority_begin(&scene->book, NOW_MS);
    assert_true(wishes(scene, 0, 2, 2, &wish));
    assert_int_equal(wish.stage, 4);
    scene->made.network.stages[at->first_stage + 4].groups |= 2;
    assert_true(wishes(scene, 0, 0, 0, &wish) == false);   // 9 s before it comes, as it stands.
    scene->estimate.rows[approaches->movements[other].row].queue = 3.0;
    assert_true(wishes(scene, 0, 0, 0, &wish));            // 15 s
    assert_int_equal(wish.stage, 0);
    said = vehicle(scene, PRIORITY_EMERGENCY, 0, 5);
    assert_true(priority_take(&scene->book, &said, NOW_MS - 1000, &until_ms));
    priority_begin(&scene->book, NOW_MS);
    assert_true(wishes(scene, 0, 0, 0, &wish));
    assert_int_equal(wish.stage, 0);                       // It may still be on its way in.
    assert_true(priority_take(&scene->book, &said, NOW_MS - 3000, &until_ms));
    priority_begin(&scene->book, NOW_MS);
    assert_true(wishes(scene, 0, 0, 0, &wish));
    assert_int_equal(scene->made.network.stages[at->first_stage + wish.stage].groups & 2, 0);
    approaches->foes = foes;
    approaches->movements[own].foe_count = 0;
}

static void refuses_what_is_not_of_the_network(void **state)
{
    struct scene *scene = *state;
    int64_t until_ms;
    struct priority good = vehicle(scene, PRIORITY_EMERGENCY, 0, 100), said;
    int32_t apart[2] = { scene->route[0], scene->route[2] }, unknown[2] = { scene->route[0], 100000 };
    said = good, said.lane = -1;
    assert_false(priority_take(&scene->book, &said, NOW_MS, &until_ms));
    said = good, said.lane = scene->made.network.lane_count;
    assert_false(priority_take(&scene->book, &said, NOW_MS, &until_ms));
    said = good, said.route = scene->route + 1;
    assert_false(priority_take(&scene->book, &said, NOW_MS, &until_ms));
    said = good, said.route_count = 0;
    assert_false(priority_take(&scene->book, &said, NOW_MS, &until_ms));
    said = good, said.route = apart, said.route_count = 2;
    assert_false(priority_take(&scene->book, &said, NOW_MS, &until_ms));
    said = good, said.route = unknown, said.route_count = 2;
    assert_false(priority_take(&scene->book, &said, NOW_MS, &until_ms));
    said = good, said.to_stop_mm = -1;
    assert_false(priority_take(&scene->book, &said, NOW_MS, &until_ms));
    said = good, said.departs_in_ms = -1;
    assert_false(priority_take(&scene->book, &said, NOW_MS, &until_ms));
    assert_int_equal(scene->book.count, 0);
    for (int64_t v = 0; v < PRIORITY_VEHICLE_COUNT_MAX; v++) {
        said = good, said.vehicle = v;
        assert_true(priority_take(&scene->book, &said, NOW_MS, &until_ms));
    }
    said.vehicle = PRIORITY_VEHICLE_COUNT_MAX;
    assert_false(priority_take(&scene->book, &said, NOW_MS, &until_ms));
    priority_begin(&scene->book, NOW_MS);
}

// Ten cars' worth for one who is 300 s late or more, half of it at 180 s, nothing up to 60 s; bounded at 8.
static void late_buses_weigh_more(void **state)
{
    struct scene *scene = *state;
    int64_t until_ms;
    struct priority said = vehicle(scene, PRIORITY_TRANSIT, 0, 100);
    int32_t row = scene->estimate.approaches.row_of_lane[said.lane];
    scene->estimate.rows[row].vehicles = 5.0;
    struct { int32_t late_s; double weight; } cases[] = { { 0, 1.0 }, { 60, 1.0 }, { 180, 2.0 }, { 900, 3.0 } };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        said.late_s = cases[c].late_s;
        assert_true(priority_take(&scene->book, &said, NOW_MS, &until_ms));
        priority_begin(&scene->book, NOW_MS);
        assert_true(fabs(priority_weight(&scene->book, &scene->estimate, row, NOW_MS) - cases[c].weight) < 1e-9);
        assert_true(priority_weight(&scene->book, &scene->estimate, row + 1, NOW_MS) == 1.0);
    }
    scene->estimate.rows[row].vehicles = 0.0;
    assert_true(priority_weight(&scene->book, &scene->estimate, row, NOW_MS) == 8.0);
    struct priority_wish wish;
    assert_false(wishes(scene, 0, 2, 2, &wish));      // It never takes a stage.
}

// Cameras over empty lanes, but for three from the north of each crossing, who never get on.
static void few_seen(struct observation_buffer *seen, const struct scene *scene, int64_t now_ms)
{
    const struct network *network = &scene->made.network;
    observation_buffer_clear(seen);
    struct camera_columns *rows = &seen->rows.cameras;
    for (; rows->count < network->camera_count; rows->count++) {
        int32_t row = rows->count;
        rows->camera[row] = row;
        rows->end_ms[row] = now_ms;
        rows->length_ms[row] = 1000;
        const struct camera *camera = &network->cameras[row];
        bool north = network->links[scene->made.link_in[camera->intersection][FROM_N]].first_lane == camera->lane;
        rows->in_view[row] = rows->queued[row] = north ? 3 : 0;
        rows->tail_mm[row] = north ? 22000 : 0;
        rows->speed_mmps[row] = north ? 0 : -1;
        for (int t = 0; t < TURN_COUNT; t++) {
            rows->turned[t][row] = 0;
        }
        rows->first_bin[row + 1] = 0;
    }
}

// A vehicle that keeps 10 m/s through all crossings finds each of them green; the guard refuses nothing.
static void finds_green_all_the_way(void **state)
{
    struct scene *scene = *state;
    const struct network *network = &scene->made.network;
    struct brain_options options = { .strategy = "max-pressure", .epoch = 1, .daemon = 1, .threads = 2 };
    struct brain *brain;
    struct problem problem;
    assert_int_equal(brain_create(network, &options, &brain, &problem), STATUS_OK);
    struct observation_buffer seen;
    observation_buffer_create(&seen, 1, 1, network->camera_count, 1);
    struct signals *signals = signals_create(network, NOW_MS);
    uint8_t aspects[CROSSINGS * CROSSING_GROUPS];
    int32_t leg = 0, passed = 0;
    double to_stop_m = 290.0;
    int64_t yielded = 0;
    for (int64_t now_ms = NOW_MS; now_ms < NOW_MS + 600000; now_ms += 1000) {
        struct actions actions;
        signals_show(signals, now_ms, aspects);
        for (int32_t i = 0; i < CROSSINGS; i++) {
            struct controller_report report;
            signals_report(signals, (struct intersection_id){ i }, &report);
            brain_step(brain, &(struct event){ .kind = EVENT_STATUS, .now_ms = now_ms, .report = &report }, &actions);
        }
        if (now_ms >= NOW_MS + 300000 && leg < CROSSINGS) {
            struct priority said = vehicle(scene, PRIORITY_EMERGENCY, leg, (int32_t)fmax(0.0, to_stop_m));
            brain_step(brain, &(struct event){ .kind = EVENT_PRIORITY, .now_ms = now_ms, .priority = &said },
                       &actions);
            assert_true(actions.accepted && actions.accepted_until_ms >= now_ms);
            to_stop_m -= 10.0;
            if (to_stop_m < 0.0) {
                assert_int_equal(aspects[leg * CROSSING_GROUPS], ASPECT_GREEN);
                to_stop_m += 20.0 + network->links[scene->route[++leg]].length_m;
                passed++;
            }
        }
        few_seen(&seen, scene, now_ms);
        brain_step(brain, &(struct event){ .kind = EVENT_STEP, .now_ms = now_ms, .seen = &seen.rows }, &actions);
        for (int32_t p = 0; p < actions.publish_count; p++) {
            assert_int_equal(signals_offer(signals, &actions.publish[p], now_ms), STATUS_OK);
        }
        assert_int_equal(actions.refused_count, 0);
        yielded = actions.counts->yielded;
    }
    assert_int_equal(passed, CROSSINGS);
    assert_true(yielded > 0);
    observation_buffer_release(&seen);
    signals_release(signals);
    brain_release(brain);
}

// A vehicle that stands 50 m before the first line for so long that those from the north (maximum red 120 s, second
// limit 240 s) would have to be served: they wait beyond the first, never beyond the second, and are served at once
// when it is gone. Nothing is refused, and the alarm is raised while it lasts and at no other crossing.
static void holds_up_to_the_second_limit(void **state)
{
    struct scene *scene = *state;
    const struct network *network = &scene->made.network;
    struct brain_options options = { .strategy = "max-pressure", .epoch = 1, .daemon = 1, .threads = 1 };
    struct brain *brain;
    struct problem problem;
    static const int32_t STOOD_MS[] = { 150000, 400000 };
    for (int c = 0; c < 2; c++) {
        assert_int_equal(brain_create(network, &options, &brain, &problem), STATUS_OK);
        struct observation_buffer seen;
        observation_buffer_create(&seen, 1, 1, network->camera_count, 1);
        struct signals *signals = signals_create(network, NOW_MS);
        uint8_t aspects[CROSSINGS * CROSSING_GROUPS];
        int64_t red_since_ms = INT64_MAX, longest_ms = 0, served_ms = 0, over_ms = 0;
        int64_t begin_ms = NOW_MS + 300000, end_ms = begin_ms + STOOD_MS[c];
        for (int64_t now_ms = NOW_MS; now_ms < NOW_MS + 900000; now_ms += 1000) {
            struct actions actions;
            signals_show(signals, now_ms, aspects);
            for (int32_t i = 0; i < CROSSINGS; i++) {
                struct controller_report report;
                signals_report(signals, (struct intersection_id){ i }, &report);
                brain_step(brain, &(struct event){ .kind = EVENT_STATUS, .now_ms = now_ms, .report = &report },
                           &actions);
            }
            bool green = aspects[4] == ASPECT_GREEN;       // From the north, at the first crossing.
            longest_ms = red_since_ms != INT64_MAX && now_ms - red_since_ms > longest_ms ? now_ms - red_since_ms
                : longest_ms;
            red_since_ms = green ? INT64_MAX : red_since_ms == INT64_MAX ? now_ms : red_since_ms;
            served_ms = green && served_ms == 0 && now_ms >= end_ms ? now_ms : served_ms;
            if (now_ms >= begin_ms && now_ms < end_ms) {
                struct priority said = vehicle(scene, PRIORITY_EMERGENCY, 0, 50);
                brain_step(brain, &(struct event){ .kind = EVENT_PRIORITY, .now_ms = now_ms, .priority = &said },
                           &actions);
            }
            few_seen(&seen, scene, now_ms);
            brain_step(brain, &(struct event){ .kind = EVENT_STEP, .now_ms = now_ms, .seen = &seen.rows }, &actions);
            for (int32_t p = 0; p < actions.publish_count; p++) {
                assert_int_equal(signals_offer(signals, &actions.publish[p], now_ms), STATUS_OK);
            }
            assert_int_equal(actions.refused_count, 0);
            over_ms += actions.states[0].red_over ? 1000 : 0;
            assert_false(actions.states[1].red_over);
        }
        assert_true(longest_ms > 125000 && longest_ms <= 240000);
        assert_true(over_ms > 0 && (c == 1 || over_ms <= longest_ms - 115000));
        assert_true(served_ms != 0 && served_ms <= end_ms + PRIORITY_AGE_MS + 20000);
        observation_buffer_release(&seen);
        signals_release(signals);
        brain_release(brain);
    }
}

int main(void)
{
#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, scene_create, scene_release)
    const struct CMUnitTest tests[] = {
        WITH_SCENE(calls_the_stop_lines_ahead),
        WITH_SCENE(begins_and_holds_in_time),
        WITH_SCENE(is_awaited_before_it_sets_out),
        WITH_SCENE(lets_go_behind_it_and_when_it_is_silent),
        WITH_SCENE(remembers_who_is_inside),
        WITH_SCENE(gives_way_to_nobody_for_long),
        WITH_SCENE(refuses_what_is_not_of_the_network),
        WITH_SCENE(late_buses_weigh_more),
        WITH_SCENE(finds_green_all_the_way),
        WITH_SCENE(holds_up_to_the_second_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
