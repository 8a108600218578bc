// Goal: the longest red in which somebody waited is as by hand, without those who came too late to be served, and a
// watch that was saved in the middle of a red goes on with it.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/model/lamp.h"
#include "sim/report/red_watch.h"
#include "tests/engine/crossings.h"

#define LEFT_FROM_W 2   // the group; alone at lane 1 of the link from the west; maximum red 120 s

static void lamps(struct red_watch *watch, enum aspect left, int64_t now_ms)
{
    uint8_t aspects[CROSSING_GROUPS];
    memset(aspects, ASPECT_GREEN, sizeof aspects);
    aspects[LEFT_FROM_W] = (uint8_t)left;
    red_watch_lamps(watch, aspects, now_ms);
}

static void one_at_the_line(struct red_watch *watch, const struct crossings *made, int64_t now_ms)
{
    int32_t lane = made->network.links[made->link_in[0][FROM_W]].first_lane + 1;
    struct vehicle_view view = { .lane = lane, .connection = INDEX_NONE,
        .front_m = made->network.lanes[lane].length_m - 1.0 };
    red_watch_vehicles(watch, &view, 1, now_ms);
}

static bool longest_is(const struct red_watch *watch, double red_s)
{
    return fabs(watch->longest_share - red_s / 120.0) < 1e-12;
}

// Red from 10 s on, a vehicle from 20 s on, green at 106 s: 96 s. The next red is from 200 to 320 s, the whole maximum,
// but who waits came at 295 s, 25 s before its end.
static void the_longest_red_is_as_by_hand(void **state)
{
    (void)state;
    struct crossings made;
    struct red_watch watch;
    crossings_build(&made, 1, 300.0);
    red_watch_create(&watch, &made.network);
    lamps(&watch, ASPECT_GREEN, 0);
    lamps(&watch, ASPECT_YELLOW, 10000);
    lamps(&watch, ASPECT_RED, 13000);
    assert_true(longest_is(&watch, 0.0));      // Nobody waits yet.
    assert_int_equal(watch.longest_group, INDEX_NONE);
    one_at_the_line(&watch, &made, 20000);
    assert_true(longest_is(&watch, 10.0));
    assert_int_equal(watch.longest_group, LEFT_FROM_W);
    lamps(&watch, ASPECT_GREEN, 106000);
    assert_true(longest_is(&watch, 96.0));
    lamps(&watch, ASPECT_RED, 200000);
    one_at_the_line(&watch, &made, 295000);
    lamps(&watch, ASPECT_GREEN, 320000);
    assert_true(longest_is(&watch, 96.0));
    red_watch_release(&watch);
    network_release(&made.network);
}

// Saved at 20 s. Without since when the group is red nothing would count; without since when somebody waits neither: at
// 105 s one who comes is too late. Saved again after that red: the longest so far stays.
static void a_saved_watch_goes_on(void **state)
{
    (void)state;
    struct crossings made;
    struct red_watch watch, second, third;
    crossings_build(&made, 1, 300.0);
    red_watch_create(&watch, &made.network);
    red_watch_create(&second, &made.network);
    red_watch_create(&third, &made.network);
    lamps(&watch, ASPECT_GREEN, 0);
    lamps(&watch, ASPECT_RED, 10000);
    one_at_the_line(&watch, &made, 20000);
    struct byte_sink sink = { 0 };
    red_watch_save(&watch, &sink);
    struct byte_source source = { .at = sink.bytes, .left = sink.count };
    assert_true(red_watch_load(&second, &source));
    assert_int_equal(source.left, 0);
    one_at_the_line(&second, &made, 105000);
    assert_true(longest_is(&second, 95.0));
    lamps(&second, ASPECT_GREEN, 106000);
    assert_true(longest_is(&second, 96.0));

    sink.count = 0;
    red_watch_save(&second, &sink);
    source = (struct byte_source){ .at = sink.bytes, .left = sink.count };
    assert_true(red_watch_load(&third, &source));
    assert_true(longest_is(&third, 96.0));
    assert_int_equal(third.longest_group, LEFT_FROM_W);
    lamps(&third, ASPECT_RED, 110000);          // It knows that the group was green.
    one_at_the_line(&third, &made, 115000);
    lamps(&third, ASPECT_GREEN, 210000);
    assert_true(longest_is(&third, 100.0));
    for (size_t cut = 0; cut < sink.count; cut++) {
        source = (struct byte_source){ .at = sink.bytes, .left = cut };
        assert_false(red_watch_load(&third, &source));
    }
    sink_release(&sink);
    red_watch_release(&watch);
    red_watch_release(&second);
    red_watch_release(&third);
    network_release(&made.network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_red_is_as_by_hand),
        cmocka_unit_test(a_saved_watch_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
