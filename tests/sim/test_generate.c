// Goal: the city generator gives the same bytes for the same seed and other ones for another, networks of every size
// that are in themselves consistent and plausible, programs that bear their demand, and trips that the street takes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/memory.h"
#include "sim/demand/city.h"
#include "sim/demand/demand.h"
#include "sim/traffic/street.h"

struct town {
    struct network network;
    struct city_summary summary;
    char path[64];                     // of the demand
};

static void town_make(int32_t intersections, uint64_t seed, bool demand, struct town *ret)
{
    (void)snprintf(ret->path, sizeof ret->path, "/tmp/test-generate-XXXXXX");
    int file = mkstemp(ret->path);
    assert_true(file >= 0);
    (void)close(file);
    struct city_options options = CITY_OPTIONS_DEFAULT;
    options.intersections = intersections;
    options.seed = seed;
    options.demand = demand;
    struct problem problem;
    assert_int_equal(city_generate(&options, demand ? ret->path : NULL, &ret->network, &ret->summary, &problem),
        STATUS_OK);
}

static void town_end(struct town *town)
{
    network_release(&town->network);
    (void)remove(town->path);
}

// The whole file, and its length.
static char *file_bytes(const char *path, size_t *ret_bytes)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    (void)fseek(file, 0, SEEK_END);
    long bytes = ftell(file);
    assert_true(bytes > 0);
    rewind(file);
    char *text = memory_take((size_t)bytes, 1);
    assert_int_equal(fread(text, 1, (size_t)bytes, file), bytes);
    (void)fclose(file);
    *ret_bytes = (size_t)bytes;
    return text;
}

static bool same_bytes(const struct town *one, const struct town *other)
{
    size_t bytes, bytes_other;
    char *a = file_bytes(one->path, &bytes), *b = file_bytes(other->path, &bytes_other);
    bool same = bytes == bytes_other && memcmp(a, b, bytes) == 0;
    free(a);
    free(b);
    return same && one->network.hash == other->network.hash;
}

static void same_seed_same_bytes(void **state)
{
    (void)state;
    struct town one, again, other;
    town_make(30, 7, true, &one);
    town_make(30, 7, true, &again);
    town_make(30, 8, true, &other);
    assert_true(same_bytes(&one, &again));
    assert_false(same_bytes(&one, &other));
    town_end(&one);
    town_end(&again);
    town_end(&other);
}

// From every inner link at least one other is reached, every lane leads somewhere, every length and limit is that of
// a city, every intersection has stages that are green for somebody.
static void network_is_plausible(const struct network *network, int32_t intersections)
{
    assert_int_equal(network->intersection_count, intersections);
    for (int32_t i = 0; i < network->link_count; i++) {
        const struct link *link = &network->links[i];
        assert_in_range(link->lane_count, 1, 5);
        assert_true(link->length_m > 5.0 && link->length_m < 1500.0);
        assert_true(link->speed_mps > 5.0 && link->speed_mps < 20.0);
        bool ends = network->junctions[link->to_junction].kind == JUNCTION_DEAD_END;
        int32_t leads = 0;
        for (int32_t k = 0; k < link->lane_count; k++) {
            leads += network->lanes[link->first_lane + k].connection_count;
        }
        assert_true(ends ? leads == 0 : leads >= link->lane_count);
    }
    for (int32_t i = 0; i < network->intersection_count; i++) {
        const struct intersection *at = &network->intersections[i];
        int32_t own = 0;              // of the program; derived ones come after
        for (int32_t s = 0; s < at->stage_count; s++) {
            bool derived = network->stages[at->first_stage + s].program_phase == INDEX_NONE;
            assert_true(derived || own == s);
            own += !derived;
        }
        assert_in_range(own, 2, 4);
        assert_in_range(at->stage_count, own, 8);      // of a dual ring
        assert_in_range(at->cycle_ms, 20000, 130000);
        for (int32_t s = 0; s < at->stage_count; s++) {
            assert_true(network->stages[at->first_stage + s].groups != 0);
        }
    }
}

static void sizes_are_plausible(void **state)
{
    (void)state;
    static const struct { int32_t intersections; bool demand; } SIZES[] = {
        { 1, true }, { 2, true }, { 3, true }, { 7, true }, { 25, true }, { 130, true }, { 1300, false },
        { 10000, false },
    };
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        struct town town;
        town_make(SIZES[i].intersections, 3, SIZES[i].demand, &town);
        network_is_plausible(&town.network, SIZES[i].intersections);
        // A street of 100 to 1,100 m for each leg but those that neighbours share.
        double km = town.summary.link_km / SIZES[i].intersections;
        assert_true(km > 0.5 && km < 5.0);
        town_end(&town);
    }
}

// What the signals cannot serve stands for ever: only single intersections may stand out, and little.
static void signals_bear_the_demand(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct town town;
        town_make(60, seed, true, &town);
        assert_true(town.summary.saturation_mean < town.summary.saturation_busy);
        assert_true(town.summary.saturation_busy <= 0.85);
        assert_true(town.summary.saturation_worst <= 1.1);
        assert_true(town.summary.trips_written > 60 * 200);
        assert_true(town.summary.trip_km_mean > 0.8);
        town_end(&town);
    }
}

// Every trip is read back, enters in order, drives within the day, and is one that the street takes.
static void trips_are_legal(void **state)
{
    (void)state;
    struct town town;
    town_make(40, 5, true, &town);
    struct problem problem;
    struct demand_options options = DEMAND_OPTIONS_DEFAULT;
    options.begin_ms = 0;
    struct demand *demand;
    assert_int_equal(demand_open(&town.network, town.path, &options, &demand, &problem), STATUS_OK);
    int32_t type_count, row;
    const struct vehicle_type *types = demand_types(demand, &type_count);
    struct street_options street_options = { .step_ms = 1000, .threads = 1, .seed = 1 };
    struct street *street;
    assert_int_equal(street_create(&town.network, types, type_count, &street_options, &street, &problem), STATUS_OK);
    int64_t count = 0, last_ms = 0;
    double km = 0.0;
    for (;;) {
        struct trip_columns trips;
        assert_int_equal(demand_next(demand, 86400000, &trips, &problem), STATUS_OK);
        if (trips.count == 0) {
            break;
        }
        assert_int_equal(street_enter(street, &trips, &row, &problem), STATUS_OK);
        for (int32_t i = 0; i < trips.count; i++) {
            assert_true(trips.depart_ms[i] >= last_ms && trips.depart_ms[i] < 86400000);
            last_ms = trips.depart_ms[i];
            for (int32_t k = trips.first_link[i]; k < trips.first_link[i + 1]; k++) {
                km += town.network.links[trips.links[k]].length_m * 0.001;
            }
        }
        count += trips.count;
    }
    assert_true(demand_done(demand));
    assert_int_equal(count, town.summary.trips_written);
    double mean_km = km / (double)count;
    assert_true(mean_km > town.summary.trip_km_mean * 0.999 && mean_km < town.summary.trip_km_mean * 1.001);
    street_release(street);
    demand_release(demand);
    town_end(&town);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_same_bytes),
        cmocka_unit_test(sizes_are_plausible),
        cmocka_unit_test(signals_bear_the_demand),
        cmocka_unit_test(trips_are_legal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
