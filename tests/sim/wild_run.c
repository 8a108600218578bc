#include "tests/sim/wild_run.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/random.h"
#include "sim/traffic/signals.h"
#include "tests/sim/grid_town.h"
#include "tests/sim/street_laws.h"
#include "tests/sim/wild_town.h"

#define TYPES 4
#define TRIPS_MAX 400

static void types_fill(uint64_t seed, struct vehicle_type types[TYPES])
{
    for (int i = 0; i < TYPES; i++) {
        types[i] = town_car();
    }
    types[1].following = FOLLOW_KRAUSS;
    types[1].imperfection = 0.5;
    types[1].speed_deviation = 0.1;
    types[2].length_m = 16.5;
    types[2].acceleration_mps2 = 1.1;
    types[2].deceleration_mps2 = 4.0;
    types[2].emergency_mps2 = 7.0;
    types[2].user = USER_TRUCK;
    types[3].following = random_bits(seed, RANDOM_TEST, 1, 5) % 2 == 0 ? FOLLOW_IDM : FOLLOW_KRAUSS;
    types[3].length_m = 2.2;
    types[3].acceleration_mps2 = 4.0;
    types[3].headway_s = 0.5 + (double)(random_bits(seed, RANDOM_TEST, 2, 5) % 20) / 10.0;
    types[3].start_loss_s = (double)(random_bits(seed, RANDOM_TEST, 3, 5) % 3);
    types[3].user = USER_MOTORCYCLE;
}

bool wild_run(uint64_t seed, struct laws_counts *counts, char *ret_text, int32_t text_bytes)
{
    static const int32_t STEPS_MS[] = { 1000, 1000, 1000, 500, 200, 100 };
    struct network network;
    wild_town_create(seed, &network);
    struct vehicle_type types[TYPES];
    types_fill(seed, types);
    int32_t step_ms = STEPS_MS[random_bits(seed, RANDOM_TEST, 4, 5) % (sizeof STEPS_MS / sizeof *STEPS_MS)];
    int32_t trips = 20 + (int32_t)(random_bits(seed, RANDOM_TEST, 5, 5) % (TRIPS_MAX - 20)), row = 0;
    struct street *street = NULL;
    struct problem problem;
    struct street_options options = { .step_ms = step_ms, .threads = 1, .seed = seed };
    struct trip_columns columns;
    wild_trips(&network, seed, trips, 240000, TYPES, &columns);
    bool good = street_create(&network, types, TYPES, &options, &street, &problem) == STATUS_OK
        && street_enter(street, &columns, &row, &problem) == STATUS_OK;
    if (!good) {
        (void)snprintf(ret_text, (size_t)text_bytes, "%s", problem.text);
    }
    struct signals *signals = signals_create(&network, 0);
    struct laws *laws = laws_create(&network, street, types, TYPES, step_ms * 0.001, trips);
    for (int32_t i = 0; good && i < 360000 / step_ms; i++) {
        signals_show(signals, street_now_ms(street), street_aspects(street));
        laws_before_step(laws, street_aspects(street));
        street_step(street);
        const char *breach = laws_after_step(laws);
        if (breach != NULL) {
            (void)snprintf(ret_text, (size_t)text_bytes, "step %d ms: %s", step_ms, breach);
            good = false;
        }
    }
    struct laws_counts counted = laws_counted(laws);
    counts->vehicle_steps += counted.vehicle_steps;
    counts->hard_brakes += counted.hard_brakes;
    counts->shared_areas += counted.shared_areas;
    counts->late_passages += counted.late_passages;
    laws_release(laws);
    signals_release(signals);
    street_release(street);
    town_trips_release(&columns);
    network_release(&network);
    return good;
}
