// Goal: a city that is led in regions is led as one: what each region looks at beyond its border is what decides there,
// so that brains which are told their own readings and those that cross publish the plans that one brain of the whole
// city does; regions change hands without a trace; a city is cut into compact regions of like size.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/random.h"
#include "engine/brain.h"
#include "engine/estimate/boundary.h"
#include "engine/import/regions.h"
#include "sim/traffic/signals.h"
#include "tests/engine/crossings.h"

#define CROSSINGS 6
#define WEST UINT64_C(1)
#define EAST UINT64_C(2)
#define BEGIN_MS 100000

// A street of six crossings: the first three are west, the others east.
static void street_build(struct crossings *made)
{
    crossings_build(made, CROSSINGS, 300.0);
    names_release(&made->network.regions);
    (void)names_add(&made->network.regions, "west");
    (void)names_add(&made->network.regions, "east");
    for (int32_t j = 0; j < CROSSINGS; j++) {
        made->network.intersections[j].region = j >= CROSSINGS / 2;
    }
    struct problem problem;
    assert_int_equal(network_finish(&made->network, "street", &problem), STATUS_OK);
}

// Crossing 2 sends to 3 through its eastbound and turning lanes, and looks at the link that leads there; and back.
static void a_region_looks_one_signal_beyond_its_border(void **state)
{
    (void)state;
    struct crossings made;
    street_build(&made);
    struct boundary boundary;
    boundary_create(&boundary, &made.network);
    assert_int_equal(boundary.region_count, 2);
    for (int32_t j = 0; j < CROSSINGS; j++) {
        uint64_t other = j < 3 ? EAST : WEST;
        assert_int_equal((boundary.watched[j] & other) != 0, j == 2 || j == 3);
    }
    // Who leaves crossing 2 eastwards comes from the west of it, or turns left from the north.
    static const bool LEAVES[SIDE_COUNT] = { [FROM_W] = true, [FROM_N] = true };
    for (int side = 0; side < SIDE_COUNT; side++) {
        int32_t first = made.network.links[made.link_in[2][side]].first_lane;
        bool needed = (boundary.lane_needed[first] & EAST) != 0 || (boundary.lane_needed[first + 1] & EAST) != 0;
        // From the east: the link that crossing 3's vehicles go to.
        assert_int_equal(needed, LEAVES[side] || side == FROM_E);
        assert_int_equal(boundary.lane_needed[made.network.links[made.link_in[1][side]].first_lane] & EAST, 0);
    }
    boundary_release(&boundary);
    network_release(&made.network);
}

struct world {
    struct crossings made;
    struct boundary boundary;
    struct brain *whole, *west, *east;
    struct signals *signals;
    struct observation_buffer seen, of_west, of_east;
    uint8_t aspects[CROSSINGS * CROSSING_GROUPS];
    int32_t queue[CROSSINGS * 8];
    int64_t now_ms, compared;
};

static struct brain *brain_of(const struct network *network, const char *strategy, uint64_t regions)
{
    struct brain_options options = { .strategy = strategy, .epoch = 1, .daemon = 1, .threads = 2,
        .regions_led = regions };
    struct problem problem;
    struct brain *brain = NULL;
    assert_int_equal(brain_create(network, &options, &brain, &problem), STATUS_OK);
    return brain;
}

static void world_create(struct world *world, const char *strategy)
{
    memset(world, 0, sizeof *world);
    street_build(&world->made);
    const struct network *network = &world->made.network;
    boundary_create(&world->boundary, network);
    world->whole = brain_of(network, strategy, 0);
    world->west = brain_of(network, strategy, WEST);
    world->east = brain_of(network, strategy, EAST);
    world->signals = signals_create(network, BEGIN_MS);
    world->now_ms = BEGIN_MS;
    struct observation_buffer *buffers[] = { &world->seen, &world->of_west, &world->of_east };
    for (int i = 0; i < 3; i++) {
        observation_buffer_create(buffers[i], 0, 0, network->camera_count,
                                  network->camera_count * CAMERA_BIN_COUNT_MAX);
    }
}

static void world_release(struct world *world)
{
    brain_release(world->whole);
    brain_release(world->west);
    brain_release(world->east);
    signals_release(world->signals);
    observation_buffer_release(&world->seen);
    observation_buffer_release(&world->of_west);
    observation_buffer_release(&world->of_east);
    boundary_release(&world->boundary);
    network_release(&world->made.network);
}

// Queues that grow at random and melt under green.
static void cameras_look(struct world *world)
{
    const struct network *network = &world->made.network;
    struct camera_columns *rows = &world->seen.rows.cameras;
    observation_buffer_clear(&world->seen);
    for (int32_t c = 0; c < network->camera_count; c++) {
        int32_t lane = network->cameras[c].lane, left = 0;
        const struct connection *connection = &network->connections[network->lanes[lane].first_connection];
        uint64_t second = (uint64_t)(world->now_ms / 1000);
        world->queue[c] += random_unit(3, RANDOM_TEST, (uint64_t)c, second) < 0.1 && world->queue[c] < 25;
        if (world->aspects[connection->group] == ASPECT_GREEN && world->queue[c] > 0 && second % 2 == 0) {
            world->queue[c]--;
            left = 1;
        }
        int32_t row = rows->count++;
        rows->camera[row] = c;
        rows->end_ms[row] = world->now_ms;
        rows->length_ms[row] = 1000;
        rows->in_view[row] = rows->queued[row] = world->queue[c];
        rows->tail_mm[row] = world->queue[c] * 7500;
        rows->speed_mmps[row] = world->queue[c] > 0 ? 0 : -1;
        for (int t = 0; t < 4; t++) {
            rows->turned[t][row] = t == (int)connection->turn ? left : 0;
        }
        rows->first_bin[row + 1] = rows->first_bin[row];
    }
    observation_buffer_clear(&world->of_west);
    observation_buffer_clear(&world->of_east);
    assert_int_equal(boundary_select_own(&world->boundary, &world->seen.rows, 0, &world->of_west), 0);
    assert_int_equal(boundary_select(&world->boundary, &world->seen.rows, 1, WEST, &world->of_west), 0);
    assert_int_equal(boundary_select_own(&world->boundary, &world->seen.rows, 1, &world->of_east), 0);
    assert_int_equal(boundary_select(&world->boundary, &world->seen.rows, 0, EAST, &world->of_east), 0);
}

static void brain_tell(struct world *world, struct brain *brain, const struct observation_columns *seen,
                       struct actions *ret)
{
    for (int32_t i = 0; i < CROSSINGS; i++) {
        struct controller_report report;
        signals_report(world->signals, (struct intersection_id){ i }, &report);
        struct event event = { .kind = EVENT_STATUS, .now_ms = world->now_ms, .report = &report, .intersection = i };
        if (brain_leads(brain, i)) {
            brain_step(brain, &event, ret);
        }
    }
    struct event event = { .kind = EVENT_STEP, .now_ms = world->now_ms, .seen = seen, .intersection = INDEX_NONE };
    brain_step(brain, &event, ret);
}

static void plans_same(struct world *world, const struct actions *whole, const struct actions *part, int32_t *next)
{
    for (int32_t i = 0; i < part->publish_count; i++) {
        const struct plan *a = &whole->publish[(*next)++], *b = &part->publish[i];
        assert_int_equal(a->intersection, b->intersection);
        assert_int_equal(a->valid_from_ms, b->valid_from_ms);
        assert_int_equal(a->valid_until_ms, b->valid_until_ms);
        assert_int_equal(a->green_count, b->green_count);
        assert_memory_equal(a->greens, b->greens, sizeof *a->greens * (size_t)a->green_count);
        assert_int_equal(a->reason.best_value, b->reason.best_value);
        world->compared++;
    }
}

static void world_second(struct world *world, bool compare)
{
    struct actions whole, west, east;
    signals_show(world->signals, world->now_ms, world->aspects);
    cameras_look(world);
    brain_tell(world, world->whole, &world->seen.rows, &whole);
    brain_tell(world, world->west, brain_leads(world->west, CROSSINGS - 1) ? &world->seen.rows : &world->of_west.rows,
               &west);
    brain_tell(world, world->east, &world->of_east.rows, &east);
    for (int32_t i = 0; i < whole.publish_count; i++) {
        assert_int_equal(signals_offer(world->signals, &whole.publish[i], world->now_ms), STATUS_OK);
    }
    int32_t next = 0;
    if (compare) {
        plans_same(world, &whole, &west, &next);
        plans_same(world, &whole, &east, &next);
        assert_int_equal(next, whole.publish_count);
    }
    world->now_ms += 1000;
}

// max-pressure looks at queues and where they go; webster at its own counts: both see all that they would see whole.
static void parts_decide_as_the_whole(void **state)
{
    (void)state;
    static const char *const STRATEGIES[] = { "max-pressure", "webster", "actuated" };
    for (size_t s = 0; s < sizeof STRATEGIES / sizeof *STRATEGIES; s++) {
        struct world world;
        world_create(&world, STRATEGIES[s]);
        for (int32_t second = 0; second < 900; second++) {
            world_second(&world, true);
        }
        assert_true(world.compared > CROSSINGS);
        world_release(&world);
    }
}

static struct actions override_east(struct world *world, struct brain *brain)
{
    struct actions actions;
    struct override override = { .kind = OVERRIDE_STRATEGY, .intersection = CROSSINGS - 1,
        .until_ms = world->now_ms + 60000, .strategy = "program" };
    struct event event = { .kind = EVENT_OVERRIDE, .now_ms = world->now_ms, .override = &override };
    brain_step(brain, &event, &actions);
    return actions;
}

// West takes east over: its plans go on where the other's stood, under the newer epoch; then it gives it up again.
static void a_region_changes_hands(void **state)
{
    (void)state;
    struct world world;
    world_create(&world, "max-pressure");
    for (int32_t second = 0; second < 300; second++) {
        world_second(&world, true);
    }
    assert_false(override_east(&world, world.west).accepted);
    assert_true(override_east(&world, world.east).accepted);
    brain_lead(world.west, WEST | EAST, 7);
    for (int32_t i = CROSSINGS / 2; i < CROSSINGS; i++) {
        const struct plan *plan = brain_plan(world.east, (struct intersection_id){ i });
        struct event event = { .kind = EVENT_RESTORE, .now_ms = world.now_ms, .plan = plan, .intersection = i };
        struct actions actions;
        assert_non_null(plan);
        brain_step(world.west, &event, &actions);
        assert_true(actions.accepted);
    }
    for (int32_t second = 0; second < 300; second++) {
        world_second(&world, false);
    }
    for (int32_t i = 0; i < CROSSINGS; i++) {
        const struct plan *plan = brain_plan(world.west, (struct intersection_id){ i });
        assert_non_null(plan);
        assert_int_equal(plan->version.epoch, 7);
        assert_true(plan->valid_until_ms > world.now_ms);
    }
    brain_lead(world.west, WEST, 8);
    assert_false(brain_leads(world.west, CROSSINGS - 1));
    assert_null(brain_plan(world.west, (struct intersection_id){ CROSSINGS - 1 }));
    assert_non_null(brain_plan(world.west, (struct intersection_id){ 0 }));
    assert_false(override_east(&world, world.west).accepted);
    world_release(&world);
}

// Along a street: each region a stretch of it, of a size that differs by one at most.
static void a_city_is_cut_into_compact_regions(void **state)
{
    (void)state;
    struct crossings made;
    crossings_build(&made, 32, 300.0);
    struct problem problem;
    for (int32_t count = 1; count <= 32; count++) {
        int32_t size[32] = { 0 };
        assert_int_equal(regions_cut(&made.network, count, "street", &problem), STATUS_OK);
        assert_int_equal(made.network.regions.count, count);
        for (int32_t i = 0; i < 32; i++) {
            int32_t region = made.network.intersections[i].region;
            size[region]++;
            assert_true(i == 0 || region == made.network.intersections[i - 1].region
                        || region == made.network.intersections[i - 1].region + 1);
        }
        for (int32_t r = 0; r < count; r++) {
            assert_true(size[r] >= 32 / count && size[r] <= 32 / count + 1);
        }
    }
    assert_int_equal(regions_cut(&made.network, 33, "street", &problem), STATUS_RANGE);
    assert_int_equal(regions_cut(&made.network, 0, "street", &problem), STATUS_RANGE);
    network_release(&made.network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_region_looks_one_signal_beyond_its_border),
        cmocka_unit_test(parts_decide_as_the_whole),
        cmocka_unit_test(a_region_changes_hands),
        cmocka_unit_test(a_city_is_cut_into_compact_regions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
