// Goal: of several daemons one leads, by a lease that it renews and loses; a region is written by its own daemon or by
// the one that stands in, and who follows hears what crosses its borders.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/engine/store_scene.h"

#define LEASE "intergreen:{toy}:lease"
#define LEASE_MS 1000

static struct scene *scene_of_a_pair(void)
{
    struct scene *scene = scene_make();
    struct store_options options = scene_options(scene);
    store_release(scene->store);
    options.lease_ms = LEASE_MS;
    store_create(&scene->network, &options, &scene->store);
    scene_run(scene);
    return scene;
}

// Written with the state and every quarter of its time; not by an engine that stands still; gone once it is given up.
static void a_leader_holds_its_lease(void **state)
{
    (void)state;
    struct scene *scene = scene_of_a_pair();
    store_lead(scene->store, (struct store_epoch){ 5, 9 });
    scene_offer(scene);
    scene_run(scene);
    assert_string_equal(fake_redis_get(&scene->fake, LEASE, ""), "5.9");
    fake_redis_set(&scene->fake, LEASE, "", "");
    scene_later(scene, LEASE_MS / 4 - 1);
    assert_string_equal(fake_redis_get(&scene->fake, LEASE, ""), "");
    scene_later(scene, 1);
    assert_string_equal(fake_redis_get(&scene->fake, LEASE, ""), "5.9");
    store_hold_lease(scene->store, false);
    fake_redis_set(&scene->fake, LEASE, "", "");
    scene_later(scene, LEASE_MS);
    assert_string_equal(fake_redis_get(&scene->fake, LEASE, ""), "");
    store_hold_lease(scene->store, true);
    scene_later(scene, 1);
    assert_string_equal(fake_redis_get(&scene->fake, LEASE, ""), "5.9");
    store_resign(scene->store);
    scene_later(scene, 1);
    assert_string_equal(fake_redis_get(&scene->fake, LEASE, ""), "");
    scene_free(scene);
}

// Free for a third of its time where it was seen held; a renewal in between starts that anew.
static void a_follower_takes_over_a_lease_that_ended(void **state)
{
    (void)state;
    struct scene *scene = scene_of_a_pair();
    struct store_epoch holder;
    fake_redis_set(&scene->fake, LEASE, "", "5.9");
    store_follow(scene->store);
    scene_later(scene, LEASE_MS / 8);
    assert_false(store_lease_free(scene->store, scene->now_ms, &holder));
    assert_int_equal(holder.number, 5);
    fake_redis_set(&scene->fake, LEASE, "", "");
    scene_later(scene, LEASE_MS / 8);
    scene_later(scene, LEASE_MS / 3 - 1);
    assert_false(store_lease_free(scene->store, scene->now_ms, &holder));
    fake_redis_set(&scene->fake, LEASE, "", "5.9");
    scene_later(scene, LEASE_MS / 8);
    fake_redis_set(&scene->fake, LEASE, "", "");
    scene_later(scene, LEASE_MS / 8);
    assert_false(store_lease_free(scene->store, scene->now_ms, &holder));
    scene_later(scene, LEASE_MS / 3);
    assert_true(store_lease_free(scene->store, scene->now_ms, &holder));
    // It reads the plans anew, and leads.
    store_read_again(scene->store);
    assert_false(store_restored(scene->store, NULL));
    scene_later(scene, 1);
    assert_true(store_restored(scene->store, &holder));
    store_lead(scene->store, (struct store_epoch){ 6, 3 });
    scene_offer(scene);
    scene_run(scene);
    assert_string_equal(fake_redis_get(&scene->fake, LEASE, ""), "6.3");
    scene_free(scene);
}

// A store that came back empty: the leader may still be on its way to it.
static void on_a_new_connection_a_follower_waits_for_the_leader(void **state)
{
    (void)state;
    struct scene *scene = scene_of_a_pair();
    struct store_epoch holder;
    int64_t patience_ms = LEASE_MS + 2 * scene_options(scene).retry_ms_max;
    store_follow(scene->store);
    scene_later(scene, LEASE_MS / 8);
    scene_later(scene, patience_ms - 1);
    assert_false(store_lease_free(scene->store, scene->now_ms, &holder));
    scene_later(scene, 1);
    assert_true(store_lease_free(scene->store, scene->now_ms, &holder));
    scene_free(scene);
}

// ---- regions -------------------------------------------------------------------------------------------------------

#define HALF "intergreen:{toy/east}:"

// The toy city in two halves; the second is `east`.
static void halve(struct scene *scene)
{
    names_release(&scene->network.regions);
    (void)names_add(&scene->network.regions, "west");
    (void)names_add(&scene->network.regions, "east");
    for (int32_t i = 0; i < SITE_COUNT; i++) {
        scene->network.intersections[i].region = i >= SITE_COUNT / 2;
    }
}

static char heard[256];

static void on_boundary(void *owner, const uint8_t *bytes, size_t byte_count)
{
    (void)owner;
    size_t used = strlen(heard);
    snprintf(heard + used, sizeof heard - used, "%.*s ", (int)byte_count, (const char *)bytes);
}

static struct scene *scene_of_a_region(bool own)
{
    struct scene *scene = scene_make();
    halve(scene);
    struct store_options options = scene_options(scene);
    store_release(scene->store);
    options.city = "toy/east";
    options.lease_ms = LEASE_MS;
    options.regional = true;
    options.region = 1;
    options.address = "10.0.0.2:7411";
    options.claims = own;
    options.yields = !own;
    options.boundary = on_boundary;
    store_create(&scene->network, &options, &scene->store);
    heard[0] = '\0';
    scene_run(scene);
    return scene;
}

static void leave_and_follow(struct scene *scene)
{
    store_leave(scene->store);
    store_follow(scene->store);
    scene_later(scene, LEASE_MS / 8);
}

// Its own intersections alone, where it is reached, and what its borders see, the newest first.
static void a_region_is_written_by_itself(void **state)
{
    (void)state;
    struct scene *scene = scene_of_a_region(true);
    store_lead(scene->store, (struct store_epoch){ 5, 9 });
    scene_offer(scene);
    store_offer_boundary(scene->store, 7, (const uint8_t *)"seven", 5);
    store_offer_boundary(scene->store, 8, (const uint8_t *)"eight", 5);
    scene_run(scene);
    int hashes = 0;
    for (int32_t i = 0; i < SITE_COUNT; i++) {
        char key[96];
        snprintf(key, sizeof key, HALF "intersection:%s",
                 network_name(&scene->network, scene->network.intersections[i].name));
        bool there = fake_redis_get(&scene->fake, key, "stage") != NULL;
        assert_int_equal(there, i >= SITE_COUNT / 2);
        hashes += there;
    }
    assert_int_equal(hashes, SITE_COUNT / 2);
    assert_string_equal(fake_redis_get(&scene->fake, HALF "epoch", ""), "5.9");
    assert_string_equal(fake_redis_get(&scene->fake, HALF "leader", ""), "10.0.0.2:7411");
    assert_string_equal(fake_redis_get(&scene->fake, HALF "boundary", "#0"), "eight");
    assert_string_equal(fake_redis_get(&scene->fake, HALF "boundary", "#1"), "seven");
    assert_string_equal(fake_redis_get(&scene->fake, HALF "boundary_at", ""), "8");
    scene_free(scene);
}

// Who follows is told what is new, the oldest first; and where the leader is.
static void who_follows_a_region_hears_its_borders(void **state)
{
    (void)state;
    struct scene *scene = scene_of_a_region(false);
    store_lead(scene->store, (struct store_epoch){ 5, 9 });
    for (uint64_t number = 1; number <= 4; number++) {
        char text[8];
        snprintf(text, sizeof text, "n%d", (int)number);
        store_offer_boundary(scene->store, number, (const uint8_t *)text, 2);
    }
    scene_run(scene);
    leave_and_follow(scene);
    assert_string_equal(heard, "n3 n4 ");          // The newest, and the one before it.
    assert_string_equal(store_leader(scene->store), "10.0.0.2:7411");
    scene_later(scene, LEASE_MS / 8);
    assert_string_equal(heard, "n3 n4 ");          // Nothing is new.
    fake_redis_set(&scene->fake, HALF "boundary_at", "", "6");
    scene_later(scene, LEASE_MS / 8);
    assert_string_equal(heard, "n3 n4 n2 n3 n4 "); // Two are new, and one more is asked for: numbers tell them apart.
    scene_free(scene);
}

// While the store is away so many steps wait and no more; the oldest are dropped, and counted.
static void what_crosses_waits_within_a_bound(void **state)
{
    (void)state;
    struct scene *scene = scene_of_a_region(true);
    store_lead(scene->store, (struct store_epoch){ 5, 9 });
    scene->fake.deaf = true;
    for (uint64_t number = 1; number <= STORE_BOUNDARY_COUNT_MAX + 3; number++) {
        store_offer_boundary(scene->store, number, (const uint8_t *)"x", 1);
    }
    assert_int_equal(store_counts(scene->store)->boundaries_dropped, 3);
    store_offer_boundary(scene->store, 99, (const uint8_t *)SCENE_PLAN, (size_t)STORE_BOUNDARY_BYTES_MAX + 1);
    assert_int_equal(store_counts(scene->store)->boundaries_dropped, 4);
    scene_free(scene);
}

// The daemon whose region it is claims it; who stands in gives it up, and does not take it meanwhile.
static void its_own_daemon_gets_a_region_back(void **state)
{
    (void)state;
    struct store_epoch holder;
    struct scene *stand_in = scene_of_a_region(false);
    store_lead(stand_in->store, (struct store_epoch){ 5, 9 });
    scene_offer(stand_in);
    scene_run(stand_in);
    assert_false(store_claimed(stand_in->store));
    fake_redis_set(&stand_in->fake, HALF "claim", "", "10.0.0.7:7411");
    scene_later(stand_in, LEASE_MS / 4);
    assert_true(store_claimed(stand_in->store));
    store_resign(stand_in->store);
    scene_later(stand_in, 1);
    assert_string_equal(fake_redis_get(&stand_in->fake, HALF "lease", ""), "");
    leave_and_follow(stand_in);
    scene_later(stand_in, 100 * LEASE_MS);
    assert_false(store_lease_free(stand_in->store, stand_in->now_ms, &holder));
    fake_redis_set(&stand_in->fake, HALF "claim", "", "");          // It gave up.
    scene_later(stand_in, LEASE_MS / 8);
    scene_later(stand_in, 100 * LEASE_MS);
    assert_true(store_lease_free(stand_in->store, stand_in->now_ms, &holder));
    scene_free(stand_in);

    struct scene *own = scene_of_a_region(true);
    fake_redis_set(&own->fake, HALF "lease", "", "5.9");
    store_follow(own->store);
    scene_later(own, LEASE_MS / 8);
    assert_string_equal(fake_redis_get(&own->fake, HALF "claim", ""), "10.0.0.2:7411");
    fake_redis_set(&own->fake, HALF "lease", "", "");
    scene_later(own, LEASE_MS / 8);
    scene_later(own, LEASE_MS / 3);
    assert_true(store_lease_free(own->store, own->now_ms, &holder));
    store_lead(own->store, (struct store_epoch){ 6, 3 });
    scene_offer(own);
    scene_run(own);
    assert_string_equal(fake_redis_get(&own->fake, HALF "claim", ""), "");   // No claim outlives its end.
    scene_free(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leader_holds_its_lease),
        cmocka_unit_test(a_follower_takes_over_a_lease_that_ended),
        cmocka_unit_test(on_a_new_connection_a_follower_waits_for_the_leader),
        cmocka_unit_test(a_region_is_written_by_itself),
        cmocka_unit_test(who_follows_a_region_hears_its_borders),
        cmocka_unit_test(what_crosses_waits_within_a_bound),
        cmocka_unit_test(its_own_daemon_gets_a_region_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
