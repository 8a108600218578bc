#include "tests/sim/wild_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "sim/traffic/signals.h"
#include "sim/traffic/street_checkpoint.h"
#include "tests/sim/grid_town.h"
#include "tests/sim/street_laws.h"
#include "tests/sim/wild_town.h"
#include "tests/sim/wild_wider.h"

#define TYPES 4
#define TYPES_MAX WIDER_TYPES
#define TRIPS_MAX 400
#define DEMAND_MS 240000
#define DRIVE_MS 360000

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
    types[3].user = seed % 16 == 9 ? USER_EMERGENCY : USER_MOTORCYCLE;   // then others make way all the time
}

struct wild_scene {
    struct network network;
    struct vehicle_type types[TYPES_MAX];
    int32_t type_count;
    struct lane_closure closures[WILD_CLOSURES_MAX];
    struct street_options options;
    struct trip_columns trips;
    uint64_t seed;
    enum wild_kind kind;
};

static void scene_create(uint64_t seed, enum wild_kind kind, struct wild_scene *scene)
{
    static const int32_t STEPS_MS[] = { 1000, 1000, 1000, 500, 200, 100 };
    bool plans = kind != WILD_PLAIN, wider = kind == WILD_WIDER;
    *scene = (struct wild_scene){ .seed = seed, .kind = kind, .type_count = wider ? WIDER_TYPES : TYPES };
    wild_town_fill(seed, &scene->network);
    if (wider) {
        wider_roads(&scene->network, seed);
        wider_types(seed, scene->types);
    } else {
        types_fill(seed, scene->types);
    }
    wild_town_finish(seed, &scene->network);
    int32_t step_ms = STEPS_MS[random_bits(seed, RANDOM_TEST, 4, 5) % (sizeof STEPS_MS / sizeof *STEPS_MS)];
    int32_t trips = 20 + (int32_t)(random_bits(seed, RANDOM_TEST, 5, 5) % (TRIPS_MAX - 20));
    scene->options = (struct street_options){ .step_ms = step_ms, .threads = 1, .seed = seed };
    if (wider) {
        wider_trips(&scene->network, seed, scene->types, trips, DEMAND_MS, &scene->trips);
        scene->options.vehicle_count_max = wider_vehicles_max(seed);
    } else {
        wild_trips(&scene->network, seed, trips, DEMAND_MS, TYPES, &scene->trips);
    }
    if (plans && seed % 3 != 0) {
        wild_stops(&scene->network, seed, scene->types, &scene->trips);
    }
    if (plans && seed % 2 == 0) {
        scene->options.closures = scene->closures;
        scene->options.closure_count = wild_closures(&scene->network, seed, DEMAND_MS, scene->closures);
    }
}

// A second street that goes on from where the first one is, or NULL.
static struct street *second_create(const struct wild_scene *scene, const struct street *first, char *text,
                                    int32_t bytes)
{
    struct byte_sink sink = { 0 };
    struct street *second = NULL;
    struct problem problem = { .text = "" };
    struct street_options options = scene->options;
    options.team_vehicles_min = 1;
    options.threads = 2 + (int)(scene->seed / 4 % 6);   // many borders between them, on however few processors
    options.sharing_seed = scene->seed / 4 % 2 == 0 ? scene->seed | 1 : 0;
    street_save(first, &sink);
    struct byte_source source = { .at = sink.bytes, .left = sink.count };
    if (street_create(&scene->network, scene->types, scene->type_count, &options, &second, &problem) == STATUS_OK
        && street_load(second, &source, &problem) != STATUS_OK) {
        street_release(second);
        second = NULL;
    }
    (void)snprintf(text, (size_t)bytes, "half way: %s", problem.text);
    sink_release(&sink);
    return second;
}

static bool same_state(const struct street *one, const struct street *other)
{
    struct byte_sink a = { 0 }, b = { 0 };
    street_save(one, &a);
    street_save(other, &b);
    bool same = a.count == b.count && memcmp(a.bytes, b.bytes, a.count) == 0;
    sink_release(&a);
    sink_release(&b);
    return same;
}

static bool scene_drive(const struct wild_scene *scene, struct street *street, struct laws *laws, char *text,
                        int32_t bytes)
{
    bool wider = scene->kind == WILD_WIDER;
    struct signals *signals = wider ? wider_signals(&scene->network, scene->seed)
        : signals_create(&scene->network, 0);
    struct street *second = NULL;
    int32_t steps = DRIVE_MS / scene->options.step_ms;
    bool good = true;
    for (int32_t i = 0; good && i < steps; i++) {
        if (i == steps / 2 && scene->seed % 4 == 0) {
            second = second_create(scene, street, text, bytes);
            good = second != NULL;
        }
        if (wider) {
            wider_show(signals, &scene->network, scene->seed, street, second);
        } else {
            signals_show(signals, street_now_ms(street), street_aspects(street));
        }
        laws_before_step(laws, street_aspects(street));
        if (second != NULL) {
            memcpy(street_aspects(second), street_aspects(street), (size_t)scene->network.group_count);
            street_step(second);
        }
        street_step(street);
        const char *breach = laws_after_step(laws);
        if (breach != NULL) {
            (void)snprintf(text, (size_t)bytes, "step %d ms: %s", scene->options.step_ms, breach);
            good = false;
        }
    }
    if (good && second != NULL && !same_state(street, second)) {
        (void)snprintf(text, (size_t)bytes, "a checkpoint on other threads went on to another state");
        good = false;
    }
    street_release(second);
    signals_release(signals);
    return good;
}

bool wild_run(uint64_t seed, enum wild_kind kind, struct laws_counts *counts, char *ret_text, int32_t text_bytes)
{
    struct wild_scene scene;
    scene_create(seed, kind, &scene);
    int32_t row = 0;
    struct street *street = NULL;
    struct problem problem;
    bool good = street_create(&scene.network, scene.types, scene.type_count, &scene.options, &street,
                              &problem) == STATUS_OK
        && street_enter(street, &scene.trips, &row, &problem) == STATUS_OK;
    if (!good) {
        (void)snprintf(ret_text, (size_t)text_bytes, "%s", problem.text);
    }
    struct laws *laws = laws_create(&scene.network, street, scene.types, scene.type_count,
                                    scene.options.step_ms * 0.001, scene.trips.count);
    laws_closures(laws, scene.closures, scene.options.closure_count);
    good = good && scene_drive(&scene, street, laws, ret_text, text_bytes);
    struct laws_counts counted = laws_counted(laws);
    counts->vehicle_steps += counted.vehicle_steps;
    counts->hard_brakes += counted.hard_brakes;
    counts->shared_areas += counted.shared_areas;
    counts->closed_steps += counted.closed_steps;
    counts->parked_steps += counted.parked_steps;
    counts->round_blockers += counted.round_blockers;
    counts->late_passages += counted.late_passages;
    laws_release(laws);
    street_release(street);
    town_trips_release(&scene.trips);
    network_release(&scene.network);
    return good;
}
