// Goal: the figures of the report: means and confidence intervals as computed by hand, corridors along the way of most
// vehicles, and a day book whose sums agree with what the street itself counted.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/memory.h"
#include "sim/loop/closed_loop.h"
#include "sim/report/compare_report.h"
#include "tests/engine/crossings.h"
#include "tests/sim/grid_town.h"

// 1, 2, 3, 4: mean 2.5, variance 5/3, standard error sqrt(5/12) = 0.6455, t(3) = 3.182: half width 2.054.
static void a_confidence_interval_is_students(void **state)
{
    (void)state;
    double values[] = { 1.0, 2.0, 3.0, 4.0 };
    struct spread spread = spread_of(values, 4);
    assert_true(fabs(spread.mean - 2.5) < 1e-12);
    assert_true(fabs(spread.half - 2.054) < 0.001);
    assert_true(spread.worst == 4.0);
    spread = spread_of(values, 1);
    assert_true(spread.mean == 1.0 && spread.half == 0.0);
}

// Four crossings in a row: the busy way is from west to east; the next corridor is another one.
static void a_corridor_is_the_way_of_most(void **state)
{
    (void)state;
    struct crossings made;
    crossings_build(&made, 4, 300.0);
    const struct network *network = &made.network;
    struct passage_totals *passages = memory_take((size_t)network->connection_count, sizeof *passages);
    for (int32_t c = 0; c < network->connection_count; c++) {
        int32_t link = network->lanes[network->connections[c].from_lane].link;
        bool eastbound = false;
        for (int j = 0; j < 4; j++) {
            eastbound = eastbound || link == made.link_in[j][FROM_W];
        }
        passages[c].passages = eastbound ? 100 : 10;
    }
    struct corridor found[CORRIDOR_COUNT_MAX];
    int32_t count = corridors_find(network, passages, found);
    assert_true(count >= 2);
    assert_int_equal(found[0].signal_count, 4);
    for (int s = 0; s < 4; s++) {
        assert_int_equal(found[0].signals[s].link, made.link_in[s][FROM_W]);
        assert_int_equal(found[0].signals[s].intersection, s);
        assert_true(s == 0 || found[0].signals[s].at_m > found[0].signals[s - 1].at_m + 299.0);
    }
    assert_int_equal(found[1].signals[0].link, made.link_in[3][FROM_E]);
    free(passages);
    network_release(&made.network);
}

// ---- a town under its own programs ----

struct given { struct trip_columns trips, none; bool taken; };

static enum status give(void *self, int64_t until_ms, struct trip_columns *ret, struct problem *problem)
{
    (void)until_ms;
    (void)problem;
    struct given *given = self;
    *ret = given->taken ? given->none : given->trips;
    given->taken = true;
    return STATUS_OK;
}

static void a_day_book_agrees_with_the_street(void **state)
{
    (void)state;
    struct network network;
    struct town_options options = { 3, 3, 2, 4, 250.0, 13.89, 25, false };
    town_create(&options, &network);
    struct vehicle_type car = town_car();
    struct given given = { .taken = false };
    town_trips(&network, 3, 400, 0, 600000, 6, &given.trips);
    struct loop_options loop_options = { .begin_ms = 0, .end_ms = 1200000, .step_ms = 1000, .control_ms = 1000,
        .threads = 1, .seed = 1, .sensing = SENSING_CAMERA };
    struct closed_loop *loop = NULL;
    struct problem problem;
    assert_int_equal(closed_loop_create(&network, &car, 1, &loop_options, (struct trip_source){ &given, give },
                                        BRAIN_PEER_NONE, &loop, &problem), STATUS_OK);
    struct day_book *book = day_book_create(&network, 0, 1200000, NULL, 0);
    assert_int_equal(book->period_ms, 60000);
    assert_int_equal(book->period_count, 20);
    while (!closed_loop_done(loop)) {
        assert_int_equal(closed_loop_step(loop, &problem), STATUS_OK);
        day_book_look(book, loop);
    }
    const struct passage_totals *passages = street_passages(closed_loop_street(loop));
    int64_t seen = 0, counted = 0;
    double seen_s = 0.0, counted_s = 0.0;
    for (int32_t c = 0; c < network.connection_count; c++) {
        bool at_signal = book->approach_of_link[network.lanes[network.connections[c].from_lane].link] != INDEX_NONE;
        counted += at_signal ? passages[c].passages : 0;
        counted_s += at_signal ? passages[c].loss_s : 0.0;
    }
    for (int32_t a = 0; a < book->approach_count; a++) {
        struct approach_period sum = day_book_approach(book, a);
        seen += sum.passages;
        seen_s += sum.delay_s;
        assert_true(sum.failures <= sum.greens);
        // Two lanes, 1,200 s: no more lane-seconds of green than there are, and some.
        assert_true(sum.green_s > 100.0 && sum.green_s <= 2400.0);
    }
    assert_true(counted > 500);
    assert_int_equal(seen, counted);
    assert_true(fabs(seen_s - counted_s) < 1e-6 * counted_s + 1e-6);
    assert_true(book->seconds == 1200.0);
    assert_int_equal(book->periods[19].arrived, street_counts(closed_loop_street(loop))->arrived);
    assert_true(book->corridor_count > 0);
    assert_true(book->corridors[0].tracks.count > 100 && book->corridors[0].greens.count > 10);
    for (int32_t i = 0; i < book->corridors[0].tracks.count; i++) {
        const struct track_point *at = &book->corridors[0].tracks.at[i];
        assert_true(at->t_s >= 0.0f && at->t_s <= WINDOW_S);
        assert_true(at->x_m >= 0.0f && at->x_m <= (float)book->corridors[0].corridor.length_m);
    }
    day_book_release(book);
    closed_loop_release(loop);
    town_trips_release(&given.trips);
    network_release(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_confidence_interval_is_students),
        cmocka_unit_test(a_corridor_is_the_way_of_most),
        cmocka_unit_test(a_day_book_agrees_with_the_street),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
