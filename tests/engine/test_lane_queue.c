// Goal: the queue that loops tell of agrees with counts by hand: a red that fills the lane, a queue that grows past
// the advance loop at the expected rate and ends with the gap behind it, drift that a clear or covered stop line sets
// right.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/estimate/lane_queue.h"

static struct lane_queue_place PLACE, LINE_ONLY;   // as main lays them

static struct lane_queue_seen seen(int32_t in, int32_t out)
{
    return (struct lane_queue_seen){ .in = in, .out = out, .has_advance = true, .has_stop = true };
}

// 1 s at a time, from second 1 on.
static void run(struct lane_queue *queue, const struct lane_queue_place *place, struct lane_queue_seen now,
                int64_t *clock_s, int seconds, double expected_vps)
{
    for (int i = 0; i < seconds; i++) {
        (*clock_s)++;
        lane_queue_count(queue, place, &now, *clock_s, 1.0);
        lane_queue_expect(queue, place, &now, expected_vps);
    }
}

// Three come in three seconds, one leaves: two are between the loops. 4 s of free travel: all that came in the last 4 s
// move still, nobody after that.
static void counts_in_and_out(void **state)
{
    (void)state;
    struct lane_queue queue = { 0 };
    int64_t now_s = 0;
    run(&queue, &PLACE, seen(1, 0), &now_s, 3, 0.0);
    assert_float_equal(queue.near_veh, 3.0, 1e-6);
    assert_float_equal(lane_queue_moving(&queue, &PLACE, now_s), 3.0, 1e-6);
    run(&queue, &PLACE, seen(0, 1), &now_s, 1, 0.0);
    assert_float_equal(queue.near_veh, 2.0, 1e-6);
    run(&queue, &PLACE, seen(0, 0), &now_s, 3, 0.0);
    assert_float_equal(queue.near_veh, 2.0, 1e-6);
    assert_float_equal(lane_queue_moving(&queue, &PLACE, now_s), 0.0, 1e-6);
    assert_int_equal(lane_queue_recent(&queue, now_s, 4), 1);
    assert_int_equal(lane_queue_recent(&queue, now_s, 3), 0);
    assert_int_equal(lane_queue_recent(&queue, now_s - 10, 0), 0);
}

// Nobody can have left who never came; a count too many at the stop line is not kept as a debt.
static void never_falls_below_nobody(void **state)
{
    (void)state;
    struct lane_queue queue = { 0 };
    int64_t now_s = 0;
    run(&queue, &PLACE, seen(0, 3), &now_s, 1, 0.0);
    assert_float_equal(queue.near_veh, 0.0, 1e-6);
    run(&queue, &PLACE, seen(1, 0), &now_s, 1, 0.0);
    assert_float_equal(queue.near_veh, 1.0, 1e-6);
}

// Two of the count changed lanes: while the line is covered nothing tells; 3 s of a clear line do.
static void clear_line_sets_it_right(void **state)
{
    (void)state;
    struct lane_queue queue = { 0 };
    int64_t now_s = 0;
    run(&queue, &PLACE, seen(1, 0), &now_s, 2, 0.0);
    struct lane_queue_seen quiet = seen(0, 0);
    run(&queue, &PLACE, quiet, &now_s, 10, 0.0);
    assert_float_equal(queue.near_veh, 2.0, 1e-6);
    quiet.stop_clear = true;
    run(&queue, &PLACE, quiet, &now_s, 2, 0.0);
    assert_float_equal(queue.near_veh, 2.0, 1e-6);
    run(&queue, &PLACE, quiet, &now_s, 1, 0.0);
    assert_float_equal(queue.near_veh, 0.0, 1e-6);
    quiet = seen(0, 0);
    quiet.stop_covered = true;        // Somebody whom the advance loop missed.
    run(&queue, &PLACE, quiet, &now_s, 1, 0.0);
    assert_float_equal(queue.near_veh, 1.0, 1e-6);
}

// The advance loop is covered: from the 3rd second on the lane is full (40 m: at least 4) and 0.25 vehicles a second
// join behind it: after 20 more seconds 5.25. Then one leaves past the loop each 2 s while 0.25 a second still come:
// 5.25 - 8 * 0.5 + 8 * 0.25 = 3.25 after 8 s; the gap of 3 s behind the last ends it.
static void grows_behind_the_advance_loop(void **state)
{
    (void)state;
    struct lane_queue queue = { 0 };
    int64_t now_s = 0;
    struct lane_queue_seen now = seen(0, 0);
    now.advance_covered = now.stop_covered = true;
    run(&queue, &PLACE, now, &now_s, 2, 0.25);
    assert_float_equal(queue.far_veh, 0.0, 1e-6);
    run(&queue, &PLACE, now, &now_s, 21, 0.25);
    assert_float_equal(queue.near_veh, 4.0, 1e-6);
    assert_float_equal(queue.far_veh, 5.25, 1e-5);
    for (int i = 0; i < 4; i++) {
        run(&queue, &PLACE, seen(1, 1), &now_s, 1, 0.25);
        run(&queue, &PLACE, seen(0, 0), &now_s, 1, 0.25);
    }
    assert_float_equal(queue.far_veh, 3.25, 1e-5);
    now = seen(0, 0);
    now.advance_clear = true;
    run(&queue, &PLACE, now, &now_s, 2, 0.25);
    assert_true(queue.far_veh > 3.0f);
    run(&queue, &PLACE, now, &now_s, 1, 0.25);
    assert_float_equal(queue.far_veh, 0.0, 1e-6);
}

// 190 m - 40 m hold 20 standing cars.
static void is_bounded_by_the_room(void **state)
{
    (void)state;
    struct lane_queue queue = { 0 };
    int64_t now_s = 0;
    struct lane_queue_seen now = seen(0, 0);
    now.advance_covered = true;
    run(&queue, &PLACE, now, &now_s, 600, 0.5);
    assert_float_equal(queue.far_veh, 20.0, 1e-5);
    run(&queue, &PLACE, seen(200, 0), &now_s, 1, 0.0);
    assert_true(queue.near_veh <= 7.0f);
}

// A stop-line loop alone: covered for 20 s of red at 0.2 a second are 4; 2 leave; 3 s of a clear line: nobody.
static void stop_line_alone(void **state)
{
    (void)state;
    struct lane_queue queue = { 0 };
    int64_t now_s = 0;
    struct lane_queue_seen now = { .has_stop = true, .stop_covered = true };
    run(&queue, &LINE_ONLY, now, &now_s, 20, 0.2);
    assert_float_equal(queue.near_veh, 0.0, 1e-6);
    assert_true(queue.far_veh > 3.9f && queue.far_veh < 5.1f);
    float before = queue.far_veh;
    now = (struct lane_queue_seen){ .has_stop = true, .out = 1 };
    run(&queue, &LINE_ONLY, now, &now_s, 2, 0.0);
    assert_float_equal(queue.far_veh, before - 2.0f, 1e-5);
    now = (struct lane_queue_seen){ .has_stop = true, .stop_clear = true };
    run(&queue, &LINE_ONLY, now, &now_s, 3, 0.2);
    assert_float_equal(queue.far_veh, 0.0, 1e-6);
}

// An advance loop alone tells who is on the way (4 s, half as long again for those who brake), not who stands.
static void advance_alone(void **state)
{
    (void)state;
    struct lane_queue queue = { 0 };
    int64_t now_s = 0;
    struct lane_queue_seen now = { .has_advance = true, .in = 1 };
    run(&queue, &PLACE, now, &now_s, 2, 0.0);
    now.in = 0;
    run(&queue, &PLACE, now, &now_s, 4, 0.0);
    assert_float_equal(queue.near_veh, 2.0, 1e-6);
    run(&queue, &PLACE, now, &now_s, 2, 0.0);
    assert_float_equal(queue.near_veh, 0.0, 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_in_and_out),
        cmocka_unit_test(never_falls_below_nobody),
        cmocka_unit_test(clear_line_sets_it_right),
        cmocka_unit_test(grows_behind_the_advance_loop),
        cmocka_unit_test(is_bounded_by_the_room),
        cmocka_unit_test(stop_line_alone),
        cmocka_unit_test(advance_alone),
    };
    PLACE = lane_queue_place(40.0f, 190.0f, 10.0f);
    LINE_ONLY = lane_queue_place(0.0f, 75.0f, 10.0f);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
