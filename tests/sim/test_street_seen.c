// Goal: what the street keeps so that drivers need not look path by path (crossroads.busy and watches, lane_left, the
// cells as seen, loops_met) never says "nobody" where looking path by path finds somebody. In towns with long vehicles,
// short paths and queues; for one thread and three.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/memory.h"
#include "sim/traffic/signals.h"
#include "sim/traffic/street_state.h"
#include "tests/sim/grid_town.h"

#define SECONDS 240
#define TRIPS 900

// What was met, so that a town in which nothing happens does not pass for one in which all is well.
struct met {
    int64_t merging, foes, siblings, left, back, loops;
};

static bool occupied(const struct street *street, int32_t path)
{
    return street->inside[path].count > 0;
}

static void path_check(const struct street *street, int32_t index, struct met *met)
{
    const struct path *path = &street->paths[index];
    const struct watch *watch = &street->watches[index];
    uint64_t busy = street->crossroads[path->junction].busy;
    const struct seen *from = &street->seen[path->from_cell], *to = &street->seen[path->to_cell];
    assert_int_equal(watch->junction, path->junction);
    for (int32_t i = 0; i < path->foe_count; i++) {
        bool there = occupied(street, street->foes[path->first_foe + i].path);
        assert_true(!there || (busy & watch->foes) != 0);
        met->foes += there;
    }
    for (int32_t i = 0; i < to->entry_count; i++) {
        int32_t other = street->entries[to->first_entry + i].path;
        assert_int_equal(street->entries[to->first_entry + i].from_cell, street->paths[other].from_cell);
        bool there = other != index && occupied(street, other);
        assert_true(!there || (busy & watch->merging) != 0);
        met->merging += there;
    }
    for (int32_t i = 0; i < from->path_count; i++) {
        bool there = occupied(street, from->first_path + i);
        assert_true(!there || (busy & watch->lane) != 0);
        met->siblings += there && from->first_path + i != index;
    }
    // One whose front is on the lane beyond and whose rear is on this path still, or just over its end.
    bool left = occupied(street, index);
    bool back = to->count > 0 && path->length < street->length_max && to->tail_rear < 0.0f;
    assert_true(!(left || back) || lane_left(street, from, index));
    assert_true(!(left || back) || lane_left(street, from, PATH_NONE));
    met->left += left;
    met->back += back;
    if (index - street->crossroads[path->junction].first_path < BUSY_PATHS) {
        assert_int_equal((busy & busy_bit(&street->crossroads[path->junction], index)) != 0, left);
    }
}

static void cell_check(const struct street *street, int32_t cell)
{
    const struct group *group = cell_group(street, cell);
    const struct row *rows = cell_rows(street, cell);
    const struct seen *seen = &street->seen[cell];
    int c = cell % WIDE;
    int32_t count = group->count[c];
    assert_int_equal(seen->count, count);
    if (count == 0) {
        return;
    }
    assert_true(seen->head_front == rows[0].front[c] && seen->head_speed == rows[0].speed[c]);
    assert_int_equal(seen->head_path, rows[0].path[c]);
    assert_int_equal(seen->second_path, count > 1 ? rows[1].path[c] : PATH_NONE);
    float length = street->types.length[rows[count - 1].kind[c] & KIND_TYPE];
    assert_true(seen->tail_rear == rows[count - 1].front[c] - length);
    assert_true(seen->tail_speed == rows[count - 1].speed[c]);
}

// A loop is touched just if its sum has changed since it was looked at, one step ago.
static void loops_check(const struct street *street, int32_t (*sums)[WIDE], struct met *met)
{
    for (int32_t i = 0; i < street->loop_layer_count; i++) {
        const struct loop_layer *layer = &street->loops[i];
        for (int c = 0; c < WIDE; c++) {
            int32_t sum = layer->occupied_ms[c] + layer->count[c] + layer->behind_ms[c] + layer->behind_count[c];
            bool touched = (loops_touched(&street->loops_met[i]) >> c & 1u) != 0;
            assert_int_equal(touched, sum != sums[i][c]);
            met->loops += touched;
            sums[i][c] = sum;
        }
    }
}

static void town_play(const struct town_options *options, int threads, struct met *met)
{
    struct network network;
    town_create(options, &network);
    struct vehicle_type types[2] = { town_car(), town_car() };
    types[1].length_m = 18.0;          // longer than the paths of a right turn
    struct street_options street_options = { .step_ms = 1000, .threads = threads, .team_vehicles_min = 1,
        .seed = 7 };
    struct problem problem;
    struct street *street;
    assert_int_equal(street_create(&network, types, 2, &street_options, &street, &problem), STATUS_OK);
    struct trip_columns trips;
    town_trips(&network, 7, TRIPS, 0, SECONDS * 1000, 0, &trips);
    for (int32_t i = 0; i < TRIPS; i++) {
        trips.type[i] = i % 3 == 0;
    }
    int32_t row;
    assert_int_equal(street_enter(street, &trips, &row, &problem), STATUS_OK);
    struct signals *signals = signals_create(&network, 0);
    struct actuation_touch *touches = memory_take((size_t)network.intersection_count + 1, sizeof *touches);
    int32_t (*sums)[WIDE] = memory_take((size_t)street->loop_layer_count, sizeof *sums);
    for (int32_t second = 0; second < SECONDS; second++) {
        street_look_touches(street, touches);
        signals_show(signals, street_now_ms(street), street_aspects(street));
        street_step(street);
        for (int32_t i = 0; i < street->path_count; i++) {
            path_check(street, i, met);
        }
        for (int32_t i = 0; i < network.lane_count; i++) {
            cell_check(street, street->cell_of_lane[i]);
        }
        loops_check(street, sums, met);
    }
    free(touches);
    free(sums);
    signals_release(signals);
    street_release(street);
    town_trips_release(&trips);
    network_release(&network);
}

static void nobody_is_said_only_of_nobody(void **state)
{
    (void)state;
    const struct town_options towns[] = {
        { 3, 3, 2, 2, 120.0, 13.89, 20, true },    // left turns wait inside
        { 3, 3, 1, 0, 80.0, 13.89, 0, true },      // no signals, short links
    };
    struct met met = { 0 };
    for (size_t i = 0; i < sizeof towns / sizeof *towns; i++) {
        town_play(&towns[i], 1, &met);
        town_play(&towns[i], 3, &met);
    }
    assert_true(met.merging > 0 && met.foes > 0 && met.siblings > 0);
    assert_true(met.left > 0 && met.back > 0 && met.loops > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_said_only_of_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
