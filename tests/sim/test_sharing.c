// Goal: who does what of a step changes no byte. Streets whose portions are done in an order and by workers that a
// seed draws, from either end of every share, are beside one that a single thread drives, in wild towns with stops and
// closures and in a grid whose shares have many portions; so is one whose threads take what they find. And a team does
// each piece of work once, whoever of it comes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/memory.h"
#include "engine/team/team.h"
#include "sim/traffic/signals.h"
#include "sim/traffic/street_checkpoint.h"
#include "tests/sim/grid_town.h"
#include "tests/sim/wild_town.h"

#define WILD_TOWNS 24
#define TYPES 2
#define STREETS 5

// The first is driven by one thread alone.
static const struct { int threads; uint64_t sharing_seed; } SHARINGS[STREETS] = {
    { 1, 0 }, { 2, 1 }, { 3, 2 }, { 8, 3 }, { 3, 0 },
};

struct town {
    struct network network;
    struct vehicle_type types[TYPES];
    struct trip_columns trips;
    struct lane_closure closures[WILD_CLOSURES_MAX];
    struct street_options options;
};

static void types_fill(struct town *town)
{
    town->types[0] = town->types[1] = town_car();
    town->types[1].following = FOLLOW_KRAUSS;
    town->types[1].imperfection = 0.5;
    town->types[1].length_m = 12.0;
}

static struct street *street_open(const struct town *town, int k)
{
    struct street_options options = town->options;
    options.threads = SHARINGS[k].threads;
    options.sharing_seed = SHARINGS[k].sharing_seed;
    options.team_vehicles_min = 1;
    struct street *street;
    struct problem problem;
    int32_t row;
    assert_int_equal(street_create(&town->network, town->types, TYPES, &options, &street, &problem), STATUS_OK);
    assert_int_equal(street_enter(street, &town->trips, &row, &problem), STATUS_OK);
    return street;
}

static void assert_same_state(const struct street *one, const struct street *other)
{
    struct byte_sink a = { 0 }, b = { 0 };
    street_save(one, &a);
    street_save(other, &b);
    assert_int_equal(a.count, b.count);
    assert_memory_equal(a.bytes, b.bytes, a.count);
    assert_memory_equal(street_counts(one), street_counts(other), sizeof(struct street_counts));
    sink_release(&a);
    sink_release(&b);
}

// Returns how many vehicles were under way at most.
static int64_t town_drive(const struct town *town, int steps, int between)
{
    struct street *streets[STREETS];
    struct signals *signals = signals_create(&town->network, 0);
    int64_t most = 0;
    for (int k = 0; k < STREETS; k++) {
        streets[k] = street_open(town, k);
    }
    for (int i = 0; i < steps; i++) {
        signals_show(signals, street_now_ms(streets[0]), street_aspects(streets[0]));
        for (int k = STREETS - 1; k >= 0; k--) {
            memcpy(street_aspects(streets[k]), street_aspects(streets[0]), (size_t)town->network.group_count);
            street_step(streets[k]);
        }
        for (int k = 1; k < STREETS && (i + 1) % between == 0; k++) {
            assert_same_state(streets[0], streets[k]);
        }
        most = street_counts(streets[0])->under_way > most ? street_counts(streets[0])->under_way : most;
    }
    for (int k = 0; k < STREETS; k++) {
        street_release(streets[k]);
    }
    signals_release(signals);
    return most;
}

static void wild_towns(void **state)
{
    (void)state;
    int64_t driven = 0;
    for (uint64_t seed = 0; seed < WILD_TOWNS; seed++) {
        struct town town = { .options = { .step_ms = seed % 3 == 0 ? 500 : 1000, .seed = seed } };
        types_fill(&town);
        wild_town_create(seed, &town.network);
        wild_trips(&town.network, seed, 300, 120000, TYPES, &town.trips);
        if (seed % 2 == 0) {
            wild_stops(&town.network, seed, town.types, &town.trips);
            town.options.closures = town.closures;
            town.options.closure_count = wild_closures(&town.network, seed, 120000, town.closures);
        }
        driven += town_drive(&town, 200, 20);
        town_trips_release(&town.trips);
        network_release(&town.network);
    }
    assert_true(driven > 10 * WILD_TOWNS);
}

// 8 x 8 junctions, lanes for some 60 groups: with two shares each has several portions of every job.
static void grid(void **state)
{
    (void)state;
    struct town town = { .options = { .step_ms = 1000, .seed = 5 } };
    types_fill(&town);
    town_create(&(struct town_options){ 8, 8, 3, 2, 150.0, 13.89, 25, true }, &town.network);
    town_trips(&town.network, 5, 3000, 0, 60000, 0, &town.trips);
    for (int32_t i = 0; i < town.trips.count; i++) {
        town.trips.type[i] = i % TYPES;
    }
    assert_true(town_drive(&town, 120, 10) > 1000);
    town_trips_release(&town.trips);
    network_release(&town.network);
}

// ---- the team ------------------------------------------------------------------------------------------------------

#define PIECES 64
#define MEMBERS 5

struct pieces {
    int32_t next;
    int32_t done[PIECES];
};

static void pieces_do(void *of, int32_t member)
{
    struct pieces *pieces = of;
    assert_true(member >= 0 && member < MEMBERS);
    for (;;) {
        int32_t piece = __atomic_fetch_add(&pieces->next, 1, __ATOMIC_RELAXED);
        if (piece >= PIECES) {
            return;
        }
        pieces->done[piece]++;   // by whom it was taken alone
    }
}

static void team_does_each_piece_once(void **state)
{
    (void)state;
    struct team *team = team_create(MEMBERS - 1);
    for (int32_t turn = 0; turn < 2000; turn++) {
        struct pieces pieces = { 0 };
        team_run(team, pieces_do, &pieces);
        for (int32_t i = 0; i < PIECES; i++) {
            assert_int_equal(pieces.done[i], 1);
        }
    }
    team_release(team);
    team_release(NULL);
}

// A team of the caller alone, and one that is never asked.
static void team_of_one(void **state)
{
    (void)state;
    struct team *alone = team_create(0), *idle = team_create(MEMBERS - 1);
    struct pieces pieces = { 0 };
    team_run(alone, pieces_do, &pieces);
    assert_true(pieces.next > PIECES);
    team_release(idle);
    team_release(alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wild_towns),
        cmocka_unit_test(grid),
        cmocka_unit_test(team_does_each_piece_once),
        cmocka_unit_test(team_of_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
