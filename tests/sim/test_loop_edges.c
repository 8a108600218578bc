// Goal: edges of loops say what their readings say, to the millisecond: each row of the header's table, and on a street
// full of vehicles, where the time between on and off is the time that the readings were covered.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/memory.h"
#include "sim/loop/loop_edges.h"
#include "tests/sim/grid_town.h"

struct step { int32_t covered_ms, left; };

// Steps of one loop, 1 s each, one after the other; what it gives, as +/- and milliseconds.
static const char *edges_of(const struct step *steps, int count)
{
    static char told[512];
    struct network network = { .detector_count = 1 };
    struct loop_edges edges;
    struct observation_buffer step, out;
    loop_edges_create(&edges, &network);
    observation_buffer_create(&step, 1, 0, 0, 0);
    observation_buffer_create(&out, 0, 2 * count, 0, 0);
    for (int i = 0; i < count; i++) {
        step.rows.loops.count = 1;
        step.rows.loops.end_ms[0] = (i + 1) * 1000;
        step.rows.loops.length_ms[0] = 1000;
        step.rows.loops.occupied_ms[0] = steps[i].covered_ms;
        step.rows.loops.vehicles[0] = steps[i].left;
        assert_int_equal(loop_edges_take(&edges, &step.rows.loops, &out), STATUS_OK);
    }
    told[0] = '\0';
    for (int32_t i = 0; i < out.rows.edges.count; i++) {
        size_t used = strlen(told);
        (void)snprintf(told + used, sizeof told - used, "%s%c%d", used > 0 ? " " : "", out.rows.edges.on[i] ? '+' : '-',
                       (int)out.rows.edges.at_ms[i]);
    }
    observation_buffer_release(&step);
    observation_buffer_release(&out);
    loop_edges_release(&edges);
    return told;
}

static void each_row_of_the_table(void **state)
{
    (void)state;
    assert_string_equal(edges_of((struct step[]){ { 0, 0 }, { 300, 0 }, { 1000, 0 }, { 200, 1 } }, 4), "+1700 -3200");
    assert_string_equal(edges_of((struct step[]){ { 400, 1 }, { 0, 0 } }, 2), "+300 -700");
    assert_string_equal(edges_of((struct step[]){ { 300, 0 }, { 500, 0 }, { 0, 0 } }, 3), "+700 -1500");
    // The next one came in the very step in which the first one left: it is on from the step after.
    assert_string_equal(edges_of((struct step[]){ { 300, 0 }, { 700, 1 }, { 1000, 0 }, { 100, 1 } }, 4),
                        "+700 -1700 +2000 -3100");
}

static void a_full_buffer_is_told(void **state)
{
    (void)state;
    struct network network = { .detector_count = 1 };
    struct loop_edges edges;
    struct observation_buffer step, out;
    loop_edges_create(&edges, &network);
    observation_buffer_create(&step, 1, 0, 0, 0);
    observation_buffer_create(&out, 0, 1, 0, 0);
    step.rows.loops.count = 1;
    step.rows.loops.end_ms[0] = step.rows.loops.length_ms[0] = 1000;
    step.rows.loops.occupied_ms[0] = 400;
    step.rows.loops.vehicles[0] = 1;
    assert_int_equal(loop_edges_take(&edges, &step.rows.loops, &out), STATUS_LIMIT);
    assert_int_equal(out.rows.edges.count, 0);
    observation_buffer_release(&step);
    observation_buffer_release(&out);
    loop_edges_release(&edges);
}

// Covered time by edges and by readings, of one detector.
struct balance { int64_t on_ms, by_edges_ms, by_readings_ms, off_count, left; bool on; };

static void balance_edges(const struct edge_columns *rows, struct balance *balances)
{
    for (int32_t i = 0; i < rows->count; i++) {
        struct balance *balance = &balances[rows->detector[i]];
        assert_int_equal(balance->on, rows->on[i] == 0);
        balance->on = rows->on[i] != 0;
        if (balance->on) {
            assert_true(rows->at_ms[i] >= balance->on_ms);
            balance->on_ms = rows->at_ms[i];
        } else {
            assert_true(rows->at_ms[i] >= balance->on_ms);
            balance->by_edges_ms += rows->at_ms[i] - balance->on_ms;
            balance->on_ms = rows->at_ms[i];
            balance->off_count++;
        }
    }
}

static void a_street_full_of_vehicles(void **state)
{
    (void)state;
    struct town_options options = { .rows = 3, .columns = 3, .lanes = 2, .stages = 2, .pitch_m = 200.0,
        .speed_mps = 13.9, .green_s = 30, .sensors = true };
    struct network network;
    struct trip_columns trips;
    struct street *street = NULL;
    struct problem problem;
    struct vehicle_type type = town_car();
    town_create(&options, &network);
    town_trips(&network, 3, 900, 0, 600000, 0, &trips);
    assert_int_equal(street_create(&network, &type, 1, &(struct street_options){ .step_ms = 1000, .threads = 1,
        .seed = 1 }, &street, &problem), STATUS_OK);
    int32_t row = 0;
    assert_int_equal(street_enter(street, &trips, &row, &problem), STATUS_OK);
    struct loop_edges edges;
    struct observation_buffer step, out;
    loop_edges_create(&edges, &network);
    observation_buffer_create(&step, network.detector_count, 0, 0, 0);
    observation_buffer_create(&out, 0, 2 * network.detector_count, 0, 0);
    struct balance *balances = memory_take((size_t)network.detector_count, sizeof *balances);
    for (int second = 0; second < 900; second++) {
        for (int32_t g = 0; g < network.group_count; g++) {
            street_aspects(street)[g] = (second / 20 + g) % 2 == 0 ? ASPECT_GREEN : ASPECT_RED;
        }
        street_step(street);
        observation_buffer_clear(&step);
        observation_buffer_clear(&out);
        assert_int_equal(street_read_loops(street, &step), STATUS_OK);
        assert_int_equal(loop_edges_take(&edges, &step.rows.loops, &out), STATUS_OK);
        balance_edges(&out.rows.edges, balances);
        for (int32_t i = 0; i < step.rows.loops.count; i++) {
            balances[step.rows.loops.detector[i]].by_readings_ms += step.rows.loops.occupied_ms[i];
            balances[step.rows.loops.detector[i]].left += step.rows.loops.vehicles[i];
        }
    }
    int64_t off_count = 0, left = 0;
    for (int32_t i = 0; i < network.detector_count; i++) {
        int64_t open_ms = balances[i].on ? street_now_ms(street) - balances[i].on_ms : 0;
        assert_int_equal(balances[i].by_edges_ms + open_ms, balances[i].by_readings_ms);
        off_count += balances[i].off_count;
        left += balances[i].left;
    }
    assert_true(left > 2000);
    assert_true(off_count > left - left / 50 && off_count < left + left / 50);   // who changes lanes, who is close
    free(balances);
    observation_buffer_release(&step);
    observation_buffer_release(&out);
    loop_edges_release(&edges);
    street_release(street);
    town_trips_release(&trips);
    network_release(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_of_the_table),
        cmocka_unit_test(a_full_buffer_is_told),
        cmocka_unit_test(a_street_full_of_vehicles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
