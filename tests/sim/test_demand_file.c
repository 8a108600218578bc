// Goal: our own demand file gives back what was put in, whole, and whatever harm it took ends in a sentence or in other
// trips that the network can carry.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/demand/demand.h"
#include "sim/demand/demand_file.h"
#include "tests/sim/toy_roads.h"

//   0 ─a▶ 1 ─b▶ 2 ─c▶ 3 ─d▶ 4,   1 ─e▶ 3 (slower than b, c),   "bike" 2 ▶ 4 for bicycles only
static const struct toy_road ROADS[] = {
    { "a", 0, 1, 2, 100.0, 10.0, 0, USER_BICYCLE | USER_BUS }, { "b", 1, 2, 2, 100.0, 10.0, 0, 0 },
    { "c", 2, 3, 1, 100.0, 10.0, 0, 0 }, { "d", 3, 4, 1, 100.0, 10.0, 0, 0 }, { "e", 1, 3, 1, 100.0, 2.0, 0, 0 },
    { "bike", 2, 4, 1, 100.0, 5.0, USER_BICYCLE, 0 },
};
enum { A, B, C, D, E, BIKE };

static struct network network;
static char folder[] = "demand-file-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static struct trip_columns take_all(struct demand *demand)
{
    struct trip_columns trips;
    struct problem problem;
    assert_int_equal(demand_next(demand, INT64_MAX, &trips, &problem), STATUS_OK);
    return trips;
}

// Our own file gives back what was put in, across blocks, and binds itself to its roads.
static void gives_back_what_was_put_in(void **state)
{
    (void)state;
    struct vehicle_type types[] = {
        { .name = "car", .user = USER_CAR, .following = FOLLOW_IDM, .length_m = 4.5, .gap_m = 2.0,
            .acceleration_mps2 = 1.5,
          .deceleration_mps2 = 2.0, .emergency_mps2 = 8.0, .headway_s = 1.2, .speed_mps_max = 50.0, .speed_factor = 1.0,
          .speed_deviation = 0.1, .start_loss_s = 0.5, .turn_way_m = 35.9 },
        { .name = "bike", .user = USER_BICYCLE, .following = FOLLOW_KRAUSS, .length_m = 1.6, .gap_m = 0.5,
          .acceleration_mps2 = 1.2, .deceleration_mps2 = 3.0, .emergency_mps2 = 7.0, .headway_s = 1.0,
          .imperfection = 0.5, .speed_mps_max = 6.0, .speed_factor = 1.0 },
    };
    struct router *router = router_create(&network);
    struct demand_writer *writer;
    struct problem problem = { "" };
    assert_int_equal(demand_writer_create(&network, router, path_of("own.ig"), types, 2, 0, 90000000, &writer,
                                          &problem),
                     STATUS_OK);
    const int32_t by_b[] = { A, B, C, D }, by_e[] = { A, E, D }, by_bike[] = { B, BIKE }, wrong[] = { A, C };
    enum { TRIPS = 10000 };
    for (int i = 0; i < TRIPS; i++) {
        struct demand_trip trip = { .depart_ms = 1000 + i / 3 * 2500, .type = i % 3 == 2, .depart_lane = -1,
            .depart_speed_mmps = i % 5 == 0 ? i : -1, .link_count = i % 3 == 0 ? 4 : i % 3 == 1 ? 3 : 2,
            .links = i % 3 == 0 ? by_b : i % 3 == 1 ? by_e : by_bike };
        assert_int_equal(demand_writer_add(writer, &trip, &problem), STATUS_OK);
    }
    struct demand_trip bad = { .depart_ms = INT64_C(1) << 40, .links = wrong, .link_count = 2, .depart_lane = -1 };
    assert_int_equal(demand_writer_add(writer, &bad, &problem), STATUS_RANGE);   // not connected
    bad = (struct demand_trip){ .depart_ms = 0, .links = by_b, .link_count = 4, .depart_lane = -1 };
    assert_int_equal(demand_writer_add(writer, &bad, &problem), STATUS_RANGE);   // out of order
    assert_int_equal(demand_writer_close(writer, &problem), STATUS_OK);
    router_release(router);

    struct demand_options options = DEMAND_OPTIONS_DEFAULT;
    options.scale = 0.5;
    struct demand *demand;
    assert_int_equal(demand_open(&network, path_of("own.ig"), &options, &demand, &problem), STATUS_OK);
    int32_t count, row = 0;
    assert_memory_equal(demand_types(demand, &count), types, sizeof types);
    assert_int_equal(count, 2);
    assert_int_equal(demand_begin_ms(demand), 0);
    assert_int_equal(demand_end_ms(demand), 90000000);
    for (struct trip_columns trips = take_all(demand); trips.count > 0; trips = take_all(demand)) {
        for (int32_t i = 0; i < trips.count; i++, row += 2) {   // scale 0.5: every other one
            const int32_t *links = trips.links + trips.first_link[i];
            assert_int_equal(trips.depart_ms[i], 1000 + row / 3 * 2500);
            assert_int_equal(trips.depart_speed_mmps[i], row % 5 == 0 ? row : -1);
            assert_int_equal(trips.first_link[i + 1] - trips.first_link[i], row % 3 == 0 ? 4 : row % 3 == 1 ? 3 : 2);
            assert_memory_equal(links, row % 3 == 0 ? by_b : row % 3 == 1 ? by_e : by_bike,
                                sizeof *links * (size_t)(trips.first_link[i + 1] - trips.first_link[i]));
        }
    }
    assert_int_equal(row, TRIPS);
    assert_int_equal(demand_counts(demand)->read, TRIPS);
    demand_release(demand);
}

static enum status read_through(const struct network *roads, const char *name, struct problem *problem)
{
    struct demand *demand = NULL;
    enum status status = demand_open(roads, path_of(name), &DEMAND_OPTIONS_DEFAULT, &demand, problem);
    struct trip_columns trips = { .count = 1 };
    while (status == STATUS_OK && trips.count > 0) {
        status = demand_next(demand, INT64_MAX, &trips, problem);
    }
    demand_release(demand);
    return status;
}

// Cut anywhere or altered anywhere: a sentence, or other trips that the network can carry, never a crash.
static void survives_harm(void **state)
{
    (void)state;
    struct problem problem = { "" };
    static uint8_t bytes[1 << 20];
    FILE *file = fopen(path_of("own.ig"), "rb");
    assert_non_null(file);
    size_t count = fread(bytes, 1, sizeof bytes, file);
    assert_int_equal(fclose(file), 0);
    assert_true(count > 1000 && count < sizeof bytes);
    int refused = 0;
    for (size_t cut = 1; cut < count; cut += cut < 400 ? 1 : 997) {
        file = fopen(path_of("cut.ig"), "wb");
        assert_int_equal(fwrite(bytes, 1, cut, file), cut);
        assert_int_equal(fclose(file), 0);
        refused += read_through(&network, "cut.ig", &problem) != STATUS_OK;
    }
    assert_true(refused > 400);
    for (size_t at = 0; at < count; at += at < 400 ? 1 : 311) {
        bytes[at] ^= 0x55;
        file = fopen(path_of("cut.ig"), "wb");
        assert_int_equal(fwrite(bytes, 1, count, file), count);
        assert_int_equal(fclose(file), 0);
        (void)read_through(&network, "cut.ig", &problem);
        bytes[at] ^= 0x55;
    }
    struct network other;
    toy_roads_create(ROADS, 5, 5, &other);
    assert_int_equal(read_through(&other, "own.ig", &problem), STATUS_VERSION);
    assert_non_null(strstr(problem.text, "another network"));
    network_release(&other);
}

static int set_up(void **state)
{
    (void)state;
    toy_roads_create(ROADS, 6, 5, &network);
    return mkdtemp(folder) == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    network_release(&network);
    char command[64];
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_what_was_put_in), cmocka_unit_test(survives_harm),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
