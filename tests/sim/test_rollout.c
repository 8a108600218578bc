// Goal: a rollout taken out of a running street goes on exactly as that street does: all of it, and one crossing cut
// out of it as long as nobody else comes near; the laws hold from any state that it is told, sensible or not; routes
// are drawn by the shares; nothing is allocated after its creation; and rollouts on several threads do not disturb one
// another.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <omp.h>

#include "engine/base/hash.h"
#include "engine/base/random.h"
#include "sim/traffic/rollout.h"
#include "sim/traffic/signals.h"
#include "sim/traffic/subnetwork.h"
#include "tests/sim/grid_town.h"

#define VEHICLES_MAX 4000
#define LINKS_MAX 64

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED 1
#endif

#if defined(__GLIBC__) && !defined(SANITIZED)
// glibc's own, under the names that it keeps for whoever takes the place of malloc.
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *at, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
static int64_t taken;

void *malloc(size_t bytes)
{
    taken++;
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    taken++;
    return __libc_calloc(count, bytes);
}

void *realloc(void *at, size_t bytes)
{
    taken++;
    return __libc_realloc(at, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    taken++;
    return __libc_memalign(alignment, bytes);
}
#else
static int64_t taken;                   // not counted here
#endif

struct scene {
    struct network network;
    struct vehicle_type types[2];
    struct street *street;
    struct signals *signals;
    struct vehicle_view one[VEHICLES_MAX], other[VEHICLES_MAX];
};

static struct scene *scene_open(int rows, int lanes, int stages)
{
    struct scene *scene = calloc(1, sizeof *scene);
    town_create(&(struct town_options){ rows, rows, lanes, stages, 220.0, 13.89, 15, false }, &scene->network);
    scene->types[0] = scene->types[1] = town_car();
    scene->types[1].following = FOLLOW_KRAUSS;
    scene->types[1].imperfection = 0.4;
    scene->types[0].start_loss_s = 1.2;
    struct street_options options = { .step_ms = 1000, .threads = 1, .seed = 11 };
    struct problem problem;
    assert_int_equal(street_create(&scene->network, scene->types, 2, &options, &scene->street, &problem), STATUS_OK);
    scene->signals = signals_create(&scene->network, 0);
    return scene;
}

static void scene_close(struct scene *scene)
{
    street_release(scene->street);
    signals_release(scene->signals);
    network_release(&scene->network);
    free(scene);
}

static void scene_feed(struct scene *scene, int32_t trips, int64_t duration_ms)
{
    struct trip_columns columns;
    struct problem problem;
    int32_t row;
    town_trips(&scene->network, 5, trips, 0, duration_ms, 0, &columns);
    for (int32_t i = 0; i < trips; i++) {
        columns.type[i] = i % 2;
    }
    assert_int_equal(street_enter(scene->street, &columns, &row, &problem), STATUS_OK);
    town_trips_release(&columns);
}

static void scene_step(struct scene *scene)
{
    signals_show(scene->signals, street_now_ms(scene->street), street_aspects(scene->street));
    street_step(scene->street);
}

static struct rollout *rollout_over(struct scene *scene, const int32_t *links, int32_t count)
{
    struct rollout_options options = { .step_ms = 1000, .seed = 11, .vehicle_count_max = 3000, .route_links_max = 64 };
    struct rollout *rollout = NULL;
    struct problem problem;
    assert_int_equal(rollout_create(&scene->network, links, count, scene->types, 2, &options, &rollout, &problem),
        STATUS_OK);
    return rollout;
}

// Both go on for a step under the same lamps: those of the street's own controllers.
static void both_step(struct scene *scene, struct rollout *rollout)
{
    uint8_t *aspects = street_aspects(scene->street);
    signals_show(scene->signals, street_now_ms(scene->street), aspects);
    for (int32_t g = 0; g < scene->network.group_count; g++) {
        rollout_light(rollout, g, (enum aspect)aspects[g], street_now_ms(scene->street));
    }
    street_step(scene->street);
    rollout_step(rollout);
}

static void expect_same(struct scene *scene, struct rollout *rollout)
{
    int32_t count = street_list_vehicles(scene->street, scene->one, VEHICLES_MAX);
    assert_int_equal(rollout_list_vehicles(rollout, scene->other, VEHICLES_MAX), count);
    for (int32_t i = 0; i < count; i++) {
        const struct vehicle_view *a = &scene->one[i], *b = &scene->other[i];
        assert_int_equal(a->number, b->number);
        assert_int_equal(a->lane, b->lane);
        assert_int_equal(a->connection, b->connection);
        assert_memory_equal(&a->front_m, &b->front_m, sizeof a->front_m);
        assert_memory_equal(&a->speed_mps, &b->speed_mps, sizeof a->speed_mps);
    }
}

static void whole_street_goes_on_the_same(int stages, int lanes)
{
    struct scene *scene = scene_open(3, lanes, stages);
    int32_t links[1024];
    for (int32_t i = 0; i < scene->network.link_count; i++) {
        links[i] = i;
    }
    struct rollout *rollout = rollout_over(scene, links, scene->network.link_count);
    scene_feed(scene, 1200, 600000);
    for (int round = 0; round < 4; round++) {
        for (int s = 0; s < 97; s++) {
            scene_step(scene);
        }
        assert_true(street_counts(scene->street)->under_way > 50);
        assert_true(rollout_take(rollout, scene->street));
        expect_same(scene, rollout);
        for (int s = 0; s < 60; s++) {
            both_step(scene, rollout);
            expect_same(scene, rollout);
        }
    }
    rollout_release(rollout);
    scene_close(scene);
}

static void whole_streets_go_on_the_same(void **state)
{
    (void)state;
    whole_street_goes_on_the_same(4, 3);
    whole_street_goes_on_the_same(2, 2);
    whole_street_goes_on_the_same(0, 1);
}

// Trips over the middle crossing of nine alone, from its approaches to its exits.
static void feed_middle(struct scene *scene, int32_t intersection, int32_t trips)
{
    const struct intersection *at = &scene->network.intersections[intersection];
    struct problem problem;
    int32_t row;
    for (int32_t i = 0; i < trips; i++) {
        uint64_t draw = random_bits(3, RANDOM_TEST, (uint64_t)i, 0);
        int32_t group = at->first_group + (int32_t)(draw % (uint64_t)at->group_count);
        const struct signal_group *from = &scene->network.groups[group];
        int32_t member = (int32_t)(random_bits(3, RANDOM_TEST, (uint64_t)i, 1) % (uint64_t)from->member_count);
        const struct connection *over =
            &scene->network.connections[scene->network.group_members[from->first_member + member]];
        int64_t depart_ms = i * 2500;
        int32_t number = i, type = i % 2, first[2] = { 0, 2 }, speed = -1;
        int32_t links[2] = { scene->network.lanes[over->from_lane].link, scene->network.lanes[over->to_lane].link };
        int8_t lane = -1;
        struct trip_columns columns = { .count = 1, .depart_ms = &depart_ms, .number = &number, .type = &type,
            .first_link = first, .links = links, .depart_lane = &lane, .depart_speed_mmps = &speed };
        assert_int_equal(street_enter(scene->street, &columns, &row, &problem), STATUS_OK);
    }
}

static void one_crossing_goes_on_the_same(void **state)
{
    (void)state;
    struct scene *scene = scene_open(3, 1, 2);
    int32_t links[LINKS_MAX], middle = scene->network.intersection_count / 2;
    int32_t count = subnetwork_around(&scene->network, (struct intersection_id){ middle }, links, LINKS_MAX);
    assert_int_equal(count, 8);
    struct rollout *rollout = rollout_over(scene, links, count);
    feed_middle(scene, middle, 150);
    for (int round = 0; round < 3; round++) {
        for (int s = 0; s < 50; s++) {
            scene_step(scene);
        }
        assert_true(street_counts(scene->street)->under_way > 5);
        assert_true(rollout_take(rollout, scene->street));
        for (int s = 0; s < 60; s++) {
            both_step(scene, rollout);
            expect_same(scene, rollout);
        }
    }
    struct rollout_measure measure = rollout_measure(rollout);
    assert_true(measure.delay_s > 0.0);
    assert_true(measure.left > 0);
    rollout_release(rollout);
    scene_close(scene);
}

static void laws_hold(const struct vehicle_view *views, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        assert_true(views[i].speed_mps >= 0.0);
        assert_true(views[i].speed_mps < 20.0);
        if (i > 0 && views[i].lane == views[i - 1].lane && views[i].connection == views[i - 1].connection) {
            assert_true(views[i].front_m <= views[i - 1].front_m - views[i - 1].length_m + 1e-3);
        }
    }
}

// Tells anything: vehicles on top of one another, beyond their lanes, without routes, at any lamps.
static void tell_anything(struct scene *scene, struct rollout *rollout, uint64_t seed, int32_t *ret_told)
{
    int64_t now_ms = 1000 * (int64_t)(seed % 5000);
    *ret_told = 0;
    rollout_reset(rollout, now_ms);
    for (int32_t i = 0; i < 60; i++) {
        uint64_t draw = random_bits(seed, RANDOM_TEST, (uint64_t)i, 7);
        struct rollout_vehicle vehicle = { .number = i, .type = (int32_t)(draw % 2),
            .lane = (int32_t)((draw >> 8) % (uint64_t)scene->network.lane_count), .connection = INDEX_NONE,
            .front_m = (double)((draw >> 24) % 240), .speed_mps = (double)((draw >> 40) % 15) };
        if (draw % 5 == 0) {
            vehicle.connection = (int32_t)((draw >> 8) % (uint64_t)scene->network.connection_count);
            vehicle.front_m = (double)((draw >> 24) % 20);
        }
        *ret_told += rollout_put(rollout, &vehicle);
        int32_t link = (int32_t)((draw >> 12) % (uint64_t)scene->network.link_count);
        struct rollout_arrival arrival = { .number = 100 + i, .type = 0, .at_ms = now_ms + (int64_t)(draw % 50) * 1000,
            .links = &link, .link_count = 1 };
        *ret_told += rollout_expect(rollout, &arrival);
    }
    for (int32_t g = 0; g < scene->network.group_count; g++) {
        rollout_light(rollout, g, g % 2 == 0 ? ASPECT_GREEN : ASPECT_RED, now_ms - 3000);
    }
}

static void laws_hold_from_any_state(void **state)
{
    (void)state;
    struct scene *scene = scene_open(2, 2, 2);
    int32_t links[LINKS_MAX];
    int32_t count = subnetwork_around(&scene->network, (struct intersection_id){ 1 }, links, LINKS_MAX);
    struct rollout *rollout = rollout_over(scene, links, count);
    for (uint64_t seed = 0; seed < 60; seed++) {
        int32_t told;
        tell_anything(scene, rollout, seed, &told);
        for (int s = 0; s < 40; s++) {
            int32_t views = rollout_list_vehicles(rollout, scene->one, VEHICLES_MAX);
            laws_hold(scene->one, views);
            struct rollout_measure measure = rollout_measure(rollout);
            assert_int_equal(measure.under_way, views);
            assert_true(measure.left + measure.under_way + measure.waiting <= told);
            rollout_step(rollout);
        }
        assert_true(told > 10);
    }
    rollout_release(rollout);
    scene_close(scene);
}

// 3 to 1 on the connections of one link: of 400 that draw, 300 take the first; a binomial's standard deviation is 8.7.
static void routes_are_drawn_by_the_shares(void **state)
{
    (void)state;
    struct scene *scene = scene_open(1, 1, 2);
    const struct network *network = &scene->network;
    int32_t links[LINKS_MAX];
    int32_t count = subnetwork_around(network, (struct intersection_id){ 0 }, links, LINKS_MAX);
    struct rollout *rollout = rollout_over(scene, links, count);
    int32_t lane = network->connections[network->group_members[network->groups[0].first_member]].from_lane;
    const struct lane *from = &network->lanes[lane];
    assert_true(from->connection_count >= 2);
    for (int32_t c = 0; c < from->connection_count; c++) {
        rollout_share(rollout, from->first_connection + c, c == 0 ? 3.0 : c == 1 ? 1.0 : 0.0);
    }
    int32_t first_link = network->lanes[network->connections[from->first_connection].to_lane].link, took_first = 0;
    for (int32_t number = 0; number < 400; number++) {
        rollout_reset(rollout, 0);
        assert_true(rollout_put(rollout, &(struct rollout_vehicle){ .number = number, .lane = lane,
            .connection = INDEX_NONE, .front_m = from->length_m - 5.0 }));
        for (int32_t g = 0; g < network->group_count; g++) {
            rollout_light(rollout, g, ASPECT_GREEN, -5000);
        }
        int32_t views = 1;
        for (int s = 0; s < 30; s++) {
            rollout_step(rollout);
            views = rollout_list_vehicles(rollout, scene->one, VEHICLES_MAX);
            if (views == 0 || (scene->one[0].connection == INDEX_NONE && scene->one[0].lane != lane)) {
                break;
            }
        }
        assert_int_equal(views, 1);
        took_first += network->lanes[scene->one[0].lane].link == first_link;
    }
    assert_in_range(took_first, 300 - 27, 300 + 27);
    rollout_release(rollout);
    scene_close(scene);
}

static uint64_t drive(struct scene *scene, struct rollout *rollout, uint64_t seed)
{
    int32_t told;
    tell_anything(scene, rollout, seed, &told);
    uint64_t hash = HASH_SEED;
    for (int s = 0; s < 60; s++) {
        rollout_step(rollout);
        struct rollout_measure measure = rollout_measure(rollout);
        hash = hash_bytes(hash, &measure.delay_s, sizeof measure.delay_s);
        hash = hash_number(hash, measure.left);
    }
    return hash;
}

static void nothing_is_allocated_after_creation(void **state)
{
    (void)state;
    struct scene *scene = scene_open(2, 2, 4);
    int32_t links[LINKS_MAX];
    int32_t count = subnetwork_around(&scene->network, (struct intersection_id){ 2 }, links, LINKS_MAX);
    struct rollout *rollout = rollout_over(scene, links, count);
    scene_feed(scene, 400, 200000);
    for (int s = 0; s < 150; s++) {
        scene_step(scene);
    }
    int64_t before = taken;
    for (uint64_t seed = 0; seed < 20; seed++) {
        (void)drive(scene, rollout, seed);
        assert_true(rollout_take(rollout, scene->street));
        for (int s = 0; s < 30; s++) {
            rollout_step(rollout);
        }
        (void)rollout_measure(rollout);
    }
    assert_int_equal(taken - before, 0);
    rollout_release(rollout);
    scene_close(scene);
}

static void several_at_once_do_not_disturb_one_another(void **state)
{
    (void)state;
    enum { COUNT = 4, SEEDS = 12 };
    struct scene *scene = scene_open(2, 2, 2);
    struct rollout *rollouts[COUNT];
    uint64_t alone[COUNT][SEEDS], together[COUNT][SEEDS];
    for (int i = 0; i < COUNT; i++) {
        int32_t links[LINKS_MAX];
        int32_t count = subnetwork_around(&scene->network, (struct intersection_id){ i }, links, LINKS_MAX);
        rollouts[i] = rollout_over(scene, links, count);
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            alone[i][seed] = drive(scene, rollouts[i], seed);
        }
    }
    #pragma omp parallel for num_threads(COUNT) schedule(static)
    for (int i = 0; i < COUNT; i++) {
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            together[i][seed] = drive(scene, rollouts[i], seed);
        }
    }
    assert_memory_equal(alone, together, sizeof alone);
    for (int i = 0; i < COUNT; i++) {
        rollout_release(rollouts[i]);
    }
    scene_close(scene);
}

static void refuses_what_is_not_of_its_part(void **state)
{
    (void)state;
    struct scene *scene = scene_open(2, 1, 2);
    int32_t links[LINKS_MAX];
    int32_t count = subnetwork_around(&scene->network, (struct intersection_id){ 0 }, links, LINKS_MAX);
    struct rollout *rollout = rollout_over(scene, links, count);
    int32_t outside = 0;
    while (subnetwork_find(links, count, outside) != INDEX_NONE) {
        outside++;
    }
    int32_t lane = scene->network.links[outside].first_lane;
    rollout_reset(rollout, 0);
    assert_false(rollout_put(rollout, &(struct rollout_vehicle){ .lane = lane, .connection = INDEX_NONE }));
    assert_false(rollout_expect(rollout, &(struct rollout_arrival){ .links = &outside, .link_count = 1 }));
    lane = scene->network.links[links[0]].first_lane;
    assert_false(rollout_put(rollout, &(struct rollout_vehicle){ .lane = lane, .connection = INDEX_NONE, .type = 2 }));
    assert_true(rollout_put(rollout,
        &(struct rollout_vehicle){ .lane = lane, .connection = INDEX_NONE, .front_m = 9.0 }));
    rollout_step(rollout);
    assert_false(rollout_put(rollout, &(struct rollout_vehicle){ .lane = lane, .connection = INDEX_NONE }));
    rollout_release(rollout);
    scene_close(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_streets_go_on_the_same),
        cmocka_unit_test(one_crossing_goes_on_the_same),
        cmocka_unit_test(laws_hold_from_any_state),
        cmocka_unit_test(routes_are_drawn_by_the_shares),
        cmocka_unit_test(nothing_is_allocated_after_creation),
        cmocka_unit_test(several_at_once_do_not_disturb_one_another),
        cmocka_unit_test(refuses_what_is_not_of_its_part),
    };
    return cmocka_run_group_tests_name("rollout", tests, NULL, NULL);
}
