// Goal: the router finds the fastest way, keeps users off what is closed to them, chooses the same among equals, and a
// search that goes on gives what a fresh one gives. Truth: hand-made roads, and Bellman-Ford on random ones.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "sim/demand/router.h"
#include "tests/sim/toy_roads.h"

//        in        direct (200 m at 5 m/s: 40 s)        out
//   0 ───────▶ 1 ───────────────────────────────▶ 2 ───────▶ 3
//              └── up (150 m, 10 m/s) ─▶ 4 ── down ─┘   15 + 1 + 15 = 31 s
static const struct toy_road DETOUR[] = {
    { "in", 0, 1, 1, 100.0, 10.0, 0, 0 }, { "direct", 1, 2, 1, 200.0, 5.0, 0, 0 },
    { "up", 1, 4, 1, 150.0, 10.0, USER_CAR, 0 }, { "down", 4, 2, 1, 150.0, 10.0, USER_CAR, 0 },
    { "out", 2, 3, 1, 100.0, 10.0, 0, 0 },
};

static int32_t link_of(const struct network *network, const char *name)
{
    int32_t link = network_find_link(network, name).index;
    assert_true(link >= 0);
    return link;
}

static void takes_the_fast_detour(void **state)
{
    (void)state;
    struct network network;
    toy_roads_create(DETOUR, 5, 5, &network);
    struct router *router = router_create(&network);
    struct link_list route = { 0 };
    assert_true(router_find(router, 0, link_of(&network, "out"), USER_CAR, &route));
    assert_int_equal(route.count, 4);
    assert_int_equal(route.at[1], link_of(&network, "up"));
    // 10 s + 1 + 15 + 1 + 15 + 1 + 10: links at their limits, 10 m of junction at 10 m/s three times.
    assert_int_equal(router_time_ms(router, link_of(&network, "out")), 53000);
    route.count = 0;
    assert_true(router_find(router, 0, link_of(&network, "out"), USER_BUS, &route));   // closed to buses
    assert_int_equal(route.count, 3);
    assert_int_equal(route.at[1], link_of(&network, "direct"));
    assert_int_equal(router_time_ms(router, link_of(&network, "out")), 62000);         // 10 + 1 + 40 + 1 + 10
    free(route.at);
    router_release(router);
    network_release(&network);
}

static void finds_nothing_where_nothing_is(void **state)
{
    (void)state;
    struct network network;
    toy_roads_create(DETOUR, 5, 5, &network);
    struct router *router = router_create(&network);
    struct link_list route = { 0 };
    assert_false(router_find(router, link_of(&network, "out"), 0, USER_CAR, &route));
    assert_false(router_find(router, link_of(&network, "up"), link_of(&network, "out"), USER_BUS, &route));
    assert_int_equal(route.count, 0);
    assert_true(router_find(router, 0, 0, USER_CAR, &route));
    assert_int_equal(route.count, 1);
    assert_false(router_connected(router, 0, link_of(&network, "up"), USER_BUS));
    assert_true(router_connected(router, 0, link_of(&network, "up"), USER_CAR));
    assert_false(router_connected(router, 0, link_of(&network, "out"), USER_CAR));
    free(route.at);
    router_release(router);
    network_release(&network);
}

// Costs that the caller sets turn the choice round; NULL turns it back.
static void follows_costs_that_are_set(void **state)
{
    (void)state;
    struct network network;
    toy_roads_create(DETOUR, 5, 5, &network);
    struct router *router = router_create(&network);
    struct link_list route = { 0 };
    const int32_t cost_ms[] = { 1000, 1000, 1000, 1000, 1000 };
    router_set_costs(router, cost_ms);
    assert_true(router_find(router, 0, link_of(&network, "out"), USER_CAR, &route));
    assert_int_equal(route.count, 3);
    router_set_costs(router, NULL);
    route.count = 0;
    assert_true(router_find(router, 0, link_of(&network, "out"), USER_CAR, &route));
    assert_int_equal(route.count, 4);
    free(route.at);
    router_release(router);
    network_release(&network);
}

enum { RANDOM_JUNCTIONS = 12, RANDOM_ROADS = 40 };

static void random_roads(uint64_t seed, struct network *ret)
{
    static char names[RANDOM_ROADS][16];
    struct toy_road roads[RANDOM_ROADS];
    for (int i = 0; i < RANDOM_ROADS; i++) {
        uint64_t bits = random_bits(seed, RANDOM_TEST, (uint64_t)i, 0);
        (void)snprintf(names[i], sizeof names[i], "r%d", i);
        int from = (int)(bits % RANDOM_JUNCTIONS), to = (int)((bits >> 8) % RANDOM_JUNCTIONS);
        roads[i] = (struct toy_road){ names[i], from, to == from ? (to + 1) % RANDOM_JUNCTIONS : to, 1,
            50.0 + (double)((bits >> 16) % 8) * 50.0, 10.0, 0, 0 };   // few lengths: many equal ways
    }
    toy_roads_create(roads, RANDOM_ROADS, RANDOM_JUNCTIONS, ret);
}

// Times from `from` to the end of every link by relaxing until nothing changes.
static void bellman_ford(const struct network *network, int32_t from, int64_t *ret_ms)
{
    for (int32_t l = 0; l < network->link_count; l++) {
        ret_ms[l] = l == from ? (int64_t)(network->links[l].length_m / network->links[l].speed_mps * 1000.0 + 0.5)
                              : INT64_MAX;
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (int32_t c = 0; c < network->connection_count; c++) {
            int32_t a = network->lanes[network->connections[c].from_lane].link;
            int32_t b = network->lanes[network->connections[c].to_lane].link;
            int64_t link_ms = (int64_t)(network->links[b].length_m / network->links[b].speed_mps * 1000.0 + 0.5);
            if (ret_ms[a] != INT64_MAX && ret_ms[a] + 1000 + link_ms < ret_ms[b]) {
                ret_ms[b] = ret_ms[a] + 1000 + link_ms;
                changed = true;
            }
        }
    }
}

static void agrees_with_bellman_ford(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct network network;
        random_roads(seed, &network);
        struct router *router = router_create(&network), *fresh = router_create(&network);
        struct link_list route = { 0 }, again = { 0 };
        for (int32_t from = 0; from < network.link_count; from += 7) {
            int64_t truth[RANDOM_ROADS];
            bellman_ford(&network, from, truth);
            for (int32_t to = 0; to < network.link_count; to++) {
                route.count = again.count = 0;
                bool found = router_find(router, from, to, USER_CAR, &route);
                assert_int_equal(found, truth[to] != INT64_MAX);
                if (!found) {
                    continue;
                }
                assert_int_equal(router_time_ms(router, to), truth[to]);
                for (int32_t i = 1; i < route.count; i++) {
                    assert_true(router_connected(router, route.at[i - 1], route.at[i], USER_CAR));
                }
                router_set_costs(fresh, NULL);   // forgets its search
                assert_true(router_find(fresh, from, to, USER_CAR, &again));
                assert_int_equal(again.count, route.count);
                assert_memory_equal(again.at, route.at, sizeof(int32_t) * (size_t)route.count);
            }
        }
        free(route.at);
        free(again.at);
        router_release(router);
        router_release(fresh);
        network_release(&network);
    }
}

// Spreading to a limit settles exactly what lies within it, or what was settled on the way.
static void spreads_to_a_limit(void **state)
{
    (void)state;
    struct network network;
    random_roads(77, &network);
    struct router *router = router_create(&network);
    int64_t truth[RANDOM_ROADS];
    bellman_ford(&network, 3, truth);
    router_spread(router, 3, USER_CAR, 60000);
    for (int32_t l = 0; l < network.link_count; l++) {
        if (truth[l] <= 60000) {
            assert_int_equal(router_time_ms(router, l), truth[l]);
        } else {
            assert_int_equal(router_time_ms(router, l), INT32_MAX);
        }
    }
    router_release(router);
    network_release(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_fast_detour), cmocka_unit_test(finds_nothing_where_nothing_is),
        cmocka_unit_test(follows_costs_that_are_set), cmocka_unit_test(agrees_with_bellman_ford),
        cmocka_unit_test(spreads_to_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
