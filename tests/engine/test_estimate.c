// Goal: readings taken in parts by several threads do what they do in one go, refusals in the same order; departures
// read many seconds at once are those read one by one; turning shares and rates agree with counts by hand; a lane that
// feeds several rows is shared out as they are asked for.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/random.h"
#include "engine/estimate/estimate.h"
#include "engine/model/units.h"
#include "tests/engine/crossings.h"

#define CROSSINGS 6
#define NOW_MS INT64_C(7200000)

static struct crossings made;
static struct observation_buffer seen;

static int set_up(void **state)
{
    (void)state;
    crossings_build(&made, CROSSINGS, 300.0);
    observation_buffer_create(&seen, 400, 1, 200, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    observation_buffer_release(&seen);
    network_release(&made.network);
    return 0;
}

static int32_t draw(uint64_t *number, int32_t below)
{
    return (int32_t)(random_unit(3, RANDOM_TEST, (*number)++, 0) * below);
}

// Good rows and every kind of bad one: unknown sensors, stale times, impossible counts; sensors come several times.
static void rows_draw(uint64_t *number)
{
    const struct network *network = &made.network;
    observation_buffer_clear(&seen);
    struct camera_columns *cameras = &seen.rows.cameras;
    struct loop_columns *loops = &seen.rows.loops;
    for (; cameras->count < 200; cameras->count++) {
        int32_t row = cameras->count;
        cameras->camera[row] = draw(number, network->camera_count + 3) - 1;
        cameras->end_ms[row] = NOW_MS - 1000 * (draw(number, 40) == 0 ? 2000 : draw(number, 8));
        cameras->length_ms[row] = 1000;
        cameras->in_view[row] = draw(number, 12);
        cameras->queued[row] = draw(number, 12);
        cameras->tail_mm[row] = draw(number, 100000);
        cameras->speed_mmps[row] = draw(number, 100000);
        for (int t = 0; t < 4; t++) {
            cameras->turned[t][row] = draw(number, 2);
        }
        cameras->first_bin[row + 1] = 0;
    }
    for (; loops->count < 400; loops->count++) {
        int32_t row = loops->count;
        loops->detector[row] = draw(number, network->detector_count + 3) - 1;
        loops->end_ms[row] = NOW_MS - 1000 * draw(number, 8);
        loops->length_ms[row] = 1000;
        loops->vehicles[row] = draw(number, 5);
        loops->occupied_ms[row] = draw(number, 1200);
        loops->speed_mmps[row] = draw(number, 20000) - 1;
    }
}

static void parts_do_what_the_whole_does(void **state)
{
    (void)state;
    uint64_t number = 0;
    for (int32_t part_count = 1; part_count <= 5; part_count++) {
        struct sight whole, split;
        struct sight_result told, parts[5], joined;
        sight_create(&whole, &made.network);
        sight_create(&split, &made.network);
        for (int round = 0; round < 3; round++) {
            rows_draw(&number);
            sight_take(&whole, &seen.rows, NOW_MS, &told);
            for (int32_t p = part_count - 1; p >= 0; p--) {   // In any order.
                sight_take_part(&split, &seen.rows, NOW_MS, p, part_count, &parts[p]);
            }
            sight_results_join(parts, part_count, &joined);
            assert_true(told.refused[SIGHT_UNKNOWN] > 0 && told.refused[SIGHT_IMPOSSIBLE] > 0 && told.used > 100);
            assert_memory_equal(&told, &joined, sizeof told);
            assert_memory_equal(whole.lanes, split.lanes, (size_t)made.network.lane_count * sizeof *whole.lanes);
            assert_memory_equal(whole.loops, split.loops, (size_t)made.network.detector_count * sizeof *whole.loops);
        }
        sight_release(&whole);
        sight_release(&split);
    }
}

static void many_seconds_are_those_one_by_one(void **state)
{
    (void)state;
    struct approaches approaches;
    struct upstream upstream;
    uint64_t number = 1000;
    approaches_create(&approaches, &made.network);
    upstream_create(&upstream, &approaches);
    for (int32_t s = 0; s < 400; s++) {
        int64_t now_ms = NOW_MS + s * INT64_C(1000);
        if (draw(&number, 3) == 0 && (s < 150 || s > 290)) {
            upstream_note(&upstream, 1, now_ms, 0.25 * (draw(&number, 8)));
        }
        uint8_t past[UPSTREAM_PAST_S];
        int32_t count = draw(&number, UPSTREAM_PAST_S + 1);
        bool any = upstream_past(&upstream, 1, now_ms, count, past);
        for (int32_t ago_s = 0; ago_s < count; ago_s++) {
            double one = upstream_left(&upstream, 1, now_ms, ago_s);
            assert_true(fabs((any ? past[ago_s] / (double)UPSTREAM_UNIT : 0.0) - one) < 1e-12);
        }
    }
    upstream_release(&upstream);
    approaches_release(&approaches);
}

// One vehicle every other second for ten minutes, all by one turn: 0.5 a second passed and asked for, whatever the
// window; its share of its row is (n + 2 / k) / (n + 2) with n vehicles remembered and k movements.
static void rates_and_shares_by_hand(void **state)
{
    (void)state;
    struct estimate estimate;
    estimate_create(&estimate, &made.network);
    const struct approach_row *row = &estimate.approaches.rows[0];
    int32_t camera = estimate.sight.camera_of_lane[row->lane];
    assert_int_not_equal(camera, INDEX_NONE);
    enum turn turn = estimate.approaches.movements[row->first_movement].turn;
    double before = 1.0 / row->movement_count;
    assert_true(fabs(estimate_share(&estimate, row->first_movement) - before) < 1e-9);
    for (int32_t s = 1; s <= 600; s++) {
        int64_t now_ms = NOW_MS + s * INT64_C(1000);
        struct sight_result result;
        observation_buffer_clear(&seen);
        struct camera_columns *cameras = &seen.rows.cameras;
        cameras->camera[0] = camera;
        cameras->end_ms[0] = now_ms;
        cameras->length_ms[0] = 1000;
        cameras->in_view[0] = 3;
        cameras->queued[0] = 2;
        cameras->tail_mm[0] = 15000;
        cameras->speed_mmps[0] = 2000;
        for (int t = 0; t < 4; t++) {
            cameras->turned[t][0] = t == (int)turn && s % 2 == 0;
        }
        cameras->first_bin[1] = 0;
        cameras->count = 1;
        estimate_intake(&estimate, &seen.rows, now_ms, &result);
        assert_int_equal(result.used, 1);
        estimate_update(&estimate, (struct intersection_id){ row->intersection }, now_ms);
        estimate_expect(&estimate, (struct intersection_id){ row->intersection }, now_ms);
    }
    assert_int_equal(estimate.rows[0].source, ROW_CAMERA);
    assert_true(fabs(estimate_passed_vps(&estimate, 0) - 0.5) < 0.005);
    assert_true(fabs(estimate_demand_vps(&estimate, 0) - 0.5) < 0.02);
    double kept = estimate.share_sum[row->first_movement];
    assert_true(fabs(estimate_share(&estimate, row->first_movement) - (kept + 2.0 * before) / (kept + 2.0)) < 1e-9);
    estimate_release(&estimate);
}

static void camera_say(struct estimate *estimate, int32_t camera, int64_t now_ms, int32_t passed)
{
    struct sight_result result;
    observation_buffer_clear(&seen);
    struct camera_columns *cameras = &seen.rows.cameras;
    cameras->camera[0] = camera;
    cameras->end_ms[0] = now_ms;
    cameras->length_ms[0] = 10000;
    cameras->in_view[0] = 3;
    cameras->queued[0] = 2;
    cameras->tail_mm[0] = 15000;
    cameras->speed_mmps[0] = 2000;
    for (int t = 0; t < 4; t++) {
        cameras->turned[t][0] = t == 0 ? passed : 0;
    }
    cameras->first_bin[1] = 0;
    cameras->count = 1;
    estimate_intake(estimate, &seen.rows, now_ms, &result);
    assert_int_equal(result.used, 1);
}

// The only camera that speaks falls silent: sure for 5 s, then less so for 25 s, then nobody is seen. What it counted
// while the intersection was not looked at is not lost, however late it is looked at again.
static void what_a_silent_camera_showed_fades_and_what_it_counted_stays(void **state)
{
    (void)state;
    struct estimate estimate;
    estimate_create(&estimate, &made.network);
    const struct approach_row *row = &estimate.approaches.rows[0];
    struct intersection_id at = { row->intersection };
    int32_t camera = estimate.sight.camera_of_lane[row->lane];
    camera_say(&estimate, camera, NOW_MS, 0);
    for (int32_t s = 0; s <= 40; s++) {
        estimate_update(&estimate, at, NOW_MS + s * INT64_C(1000));
        estimate_expect(&estimate, at, NOW_MS + s * INT64_C(1000));
        double sure = s <= 5 ? 1.0 : s < 30 ? 1.0 - (s - 5) / 25.0 : 0.0;
        double lane = row->feeder_count == 1 ? estimate.rows[0].confidence : sure;
        assert_true(fabs(lane - sure) < 1e-9);
        assert_int_equal(estimate.rows[0].source, s < 30 ? ROW_CAMERA : ROW_UNSEEN);
        assert_true(estimate.rows[0].vehicles == (s < 30 ? 3.0 : 0.0));
        uint32_t healthy, total;
        estimate_sensors(&estimate, at, &healthy, &total);
        assert_int_equal(healthy, s <= 5 ? 1 : 0);
    }
    double before = estimate.rows[0].passed_sum;
    camera_say(&estimate, camera, NOW_MS + 50000, 4);
    estimate_update(&estimate, at, NOW_MS + 300000);   // Nobody looked for four minutes.
    double keep = 1.0 / (1.0 + 260.0 / 300.0);
    assert_true(fabs(estimate.rows[0].passed_sum - (before * keep + 4.0)) < 1e-9);
    assert_int_equal(estimate.rows[0].source, ROW_UNSEEN);
    estimate_release(&estimate);
}

// One camera's word of a second: so many in view, all standing, and so many that passed by each turn.
static void picture_add(int32_t camera, int64_t now_ms, int32_t in_view, int32_t passed)
{
    struct camera_columns *cameras = &seen.rows.cameras;
    int32_t i = cameras->count++;
    cameras->camera[i] = camera;
    cameras->end_ms[i] = now_ms;
    cameras->length_ms[i] = 1000;
    cameras->in_view[i] = cameras->queued[i] = in_view;
    cameras->tail_mm[i] = 6000 * in_view;
    cameras->speed_mmps[i] = in_view > 0 ? 0 : -1;
    for (int t = 0; t < 4; t++) {
        cameras->turned[t][i] = t == TURN_THROUGH || t == TURN_LEFT ? passed : 0;
    }
    cameras->first_bin[i + 1] = 0;
}

// The lane before a pocket: half of its connections lead to either row behind it, but nine in ten of its vehicles take
// one of them. Of the 8 that it shows 4 are taken to come to each at first; then as asked: with rates of 0.45 and
// 0.05 a second and a floor of 0.01 to each, 8 * 0.46 / 0.52 and 8 * 0.06 / 0.52. None is lost and none is seen twice.
static void a_lane_that_feeds_two_rows_is_shared_out_as_they_are_asked_for(void **state)
{
    (void)state;
    struct crossings pocket;
    crossings_build(&pocket, 2, 100.0);
    int32_t feeder = pocket.network.links[pocket.link_in[0][FROM_W]].first_lane;
    int32_t lane = pocket.network.links[pocket.link_in[1][FROM_W]].first_lane;
    for (int32_t c = 0; c < pocket.network.connection_count; c++) {
        struct connection *connection = &pocket.network.connections[c];
        connection->group = connection->junction == 0 ? INDEX_NONE : connection->group;   // no signal there
        if (connection->from_lane == feeder && connection->turn == TURN_RIGHT) {
            connection->to_lane = lane + 1;
        }
    }
    struct estimate estimate;
    estimate_create(&estimate, &pocket.network);
    const int32_t *row_of = estimate.approaches.row_of_lane, *camera_of = estimate.sight.camera_of_lane;
    int32_t through = row_of[lane], left = row_of[lane + 1];
    for (int32_t s = 1; s <= 900; s++) {
        int64_t now_ms = NOW_MS + s * INT64_C(1000);
        struct sight_result result;
        observation_buffer_clear(&seen);
        picture_add(camera_of[feeder], now_ms, 8, 0);
        picture_add(camera_of[lane], now_ms, 0, s % 20 != 0 && s % 2 == 0);
        picture_add(camera_of[lane + 1], now_ms, 0, s % 20 == 0);
        estimate_intake(&estimate, &seen.rows, now_ms, &result);
        assert_int_equal(result.used, 3);
        estimate_update(&estimate, (struct intersection_id){ 1 }, now_ms);
        estimate_expect(&estimate, (struct intersection_id){ 1 }, now_ms);
        assert_true(fabs(estimate.rows[through].queue + estimate.rows[left].queue - 8.0) < 1e-9);
        assert_true(s > 1 || fabs(estimate.rows[through].queue - 4.0) < 1e-9);
    }
    assert_true(fabs(estimate.rows[through].queue - 8.0 * 0.46 / 0.52) < 0.2);
    assert_true(fabs(estimate.rows[left].queue - 8.0 * 0.06 / 0.52) < 0.2);
    estimate_release(&estimate);
    network_release(&pocket.network);
}

static void edge_say(struct sight *sight, int32_t loop, int64_t at_ms, bool on, int64_t now_ms)
{
    struct sight_result result;
    observation_buffer_clear(&seen);
    struct edge_columns *rows = &seen.rows.edges;
    rows->detector[0] = loop;
    rows->at_ms[0] = at_ms;
    rows->on[0] = on;
    rows->count = 1;
    sight_take(sight, &seen.rows, now_ms, &result);
    assert_int_equal(result.used, 1);
}

static void an_edge_holds_until_the_next_one_but_not_for_ever(void **state)
{
    (void)state;
    struct sight sight;
    sight_create(&sight, &made.network);
    const struct loop_sight *loop = &sight.loops[2];
    edge_say(&sight, 2, NOW_MS - 300, true, NOW_MS);
    assert_true(loop_by_edges(loop, NOW_MS) && loop_changed(loop, NOW_MS));     // not covered for all of the second
    assert_true(loop_by_edges(loop, NOW_MS + 60000) && !loop_changed(loop, NOW_MS + 60000));
    assert_true(loop->occupancy == 1.0f && loop->passed == 0);
    assert_int_equal(loop->end_ms, NOW_MS - 300 + SIGHT_COVERED_MS);
    edge_say(&sight, 2, NOW_MS + 90000, false, NOW_MS + 90500);
    assert_true(loop->occupancy == 0.0f && loop->passed == 1);
    assert_int_equal(loop->end_ms, NOW_MS + 90000 + SIGHT_FREE_MS);
    // One that was overtaken on its way changes nothing; one that is too old for control counts alone.
    edge_say(&sight, 2, NOW_MS + 89000, true, NOW_MS + 90600);
    assert_false(sight.loops_past[2].on);
    int64_t later_ms = NOW_MS + 90000 + SIGHT_FREE_MS + 60000;
    edge_say(&sight, 2, later_ms - SIGHT_CONTROL_AGE_MS - 1, true, later_ms);
    assert_true(loop->end_ms < later_ms);
    sight_release(&sight);
}

// The same vehicle in an interval and as two edges is one vehicle.
static void who_tells_edges_and_intervals_counts_once(void **state)
{
    (void)state;
    struct sight sight;
    struct sight_result result;
    sight_create(&sight, &made.network);
    edge_say(&sight, 1, NOW_MS - 900, true, NOW_MS);
    edge_say(&sight, 1, NOW_MS - 100, false, NOW_MS);
    observation_buffer_clear(&seen);
    struct loop_columns *rows = &seen.rows.loops;
    rows->detector[0] = 1;
    rows->end_ms[0] = NOW_MS;
    rows->length_ms[0] = 1000;
    rows->vehicles[0] = 1;
    rows->occupied_ms[0] = 800;
    rows->speed_mmps[0] = -1;
    rows->count = 1;
    sight_take(&sight, &seen.rows, NOW_MS, &result);
    assert_int_equal(result.used, 1);
    assert_int_equal(sight.loops[1].passed, 1);
    // Without edges for longer than one holds its intervals count again.
    rows->end_ms[0] = NOW_MS + SIGHT_FREE_MS;
    sight_take(&sight, &seen.rows, NOW_MS + SIGHT_FREE_MS, &result);
    assert_int_equal(sight.loops[1].passed, 2);
    sight_release(&sight);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_do_what_the_whole_does),
        cmocka_unit_test(many_seconds_are_those_one_by_one),
        cmocka_unit_test(rates_and_shares_by_hand),
        cmocka_unit_test(what_a_silent_camera_showed_fades_and_what_it_counted_stays),
        cmocka_unit_test(a_lane_that_feeds_two_rows_is_shared_out_as_they_are_asked_for),
        cmocka_unit_test(an_edge_holds_until_the_next_one_but_not_for_ever),
        cmocka_unit_test(who_tells_edges_and_intervals_counts_once),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
