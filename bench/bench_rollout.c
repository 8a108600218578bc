// What a rollout costs: microseconds of one core per intersection and simulated minute.
//
// A town of 8 x 8 signalised crossings, 3 lanes an approach, links of 300 m, is filled by its own traffic. For each
// crossing in turn the state of its approaches and exits is copied out of the running street and driven ahead one
// minute under the controllers' lamps of that instant; then the same from a told state. Each row is the median of
// rounds, which alternate between the ways of setting the state.
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sim/traffic/rollout.h"
#include "sim/traffic/signals.h"
#include "sim/traffic/subnetwork.h"
#include "tests/sim/grid_town.h"

enum { ROWS = 8, LINKS_MAX = 64, ROUNDS = 7, MINUTE_STEPS = 60, FILL_STEPS = 600, VEHICLES_MAX = 20000 };

static double cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

struct scene {
    struct network network;
    struct vehicle_type car;
    struct street *street;
    struct signals *signals;
    struct rollout *rollouts[ROWS * ROWS];
    struct vehicle_view views[VEHICLES_MAX];
    int32_t view_count;
    int32_t *rollout_of_lane;             // the crossing that the lane leads to
};

static bool scene_open(struct scene *scene, int32_t trips)
{
    struct problem problem;
    int32_t row;
    town_create(&(struct town_options){ ROWS, ROWS, 3, 4, 300.0, 13.89, 20, false }, &scene->network);
    scene->car = town_car();
    struct street_options options = { .step_ms = 1000, .threads = 1, .seed = 1 };
    struct trip_columns columns;
    town_trips(&scene->network, 1, trips, 0, FILL_STEPS * 1000, 0, &columns);
    bool good = street_create(&scene->network, &scene->car, 1, &options, &scene->street, &problem) == STATUS_OK
        && street_enter(scene->street, &columns, &row, &problem) == STATUS_OK;
    town_trips_release(&columns);
    scene->signals = signals_create(&scene->network, 0);
    struct rollout_options one = { .step_ms = 1000, .seed = 1, .vehicle_count_max = 1500, .route_links_max = 4 };
    for (int32_t i = 0; good && i < ROWS * ROWS; i++) {
        int32_t links[LINKS_MAX];
        int32_t count = subnetwork_around(&scene->network, (struct intersection_id){ i }, links, LINKS_MAX);
        good = rollout_create(&scene->network, links, count, &scene->car, 1, &one, &scene->rollouts[i], &problem)
            == STATUS_OK;
    }
    if (!good) {
        fprintf(stderr, "bench-rollout: %s\n", problem.text);
        return false;
    }
    for (int s = 0; s < FILL_STEPS; s++) {
        signals_show(scene->signals, street_now_ms(scene->street), street_aspects(scene->street));
        street_step(scene->street);
    }
    scene->view_count = street_list_vehicles(scene->street, scene->views, VEHICLES_MAX);
    return true;
}

static void scene_close(struct scene *scene)
{
    for (int32_t i = 0; i < ROWS * ROWS; i++) {
        rollout_release(scene->rollouts[i]);
    }
    street_release(scene->street);
    signals_release(scene->signals);
    network_release(&scene->network);
}

static void lights(struct scene *scene, int32_t i)
{
    const uint8_t *aspects = street_aspects(scene->street);
    for (int32_t g = 0; g < scene->network.group_count; g++) {
        if (scene->network.groups[g].intersection == i) {
            rollout_light(scene->rollouts[i], g, (enum aspect)aspects[g], street_now_ms(scene->street));
        }
    }
}

static void tell(struct scene *scene, int32_t i)
{
    rollout_reset(scene->rollouts[i], street_now_ms(scene->street));
    for (int32_t k = 0; k < scene->view_count; k++) {
        const struct vehicle_view *view = &scene->views[k];
        (void)rollout_put(scene->rollouts[i], &(struct rollout_vehicle){ .number = view->number, .lane = view->lane,
            .connection = view->connection, .front_m = view->front_m, .speed_mps = view->speed_mps });
    }
    lights(scene, i);
}

// One minute at each crossing; microseconds apiece, with how many vehicles and updates.
static double minute_us(struct scene *scene, bool told, double *ret_vehicles)
{
    double spent_s = 0.0, vehicles = 0.0;
    for (int32_t i = 0; i < ROWS * ROWS; i++) {
        double began_s = cpu_s();
        if (told) {
            tell(scene, i);
        } else {
            (void)rollout_take(scene->rollouts[i], scene->street);
        }
        vehicles += rollout_measure(scene->rollouts[i]).under_way;
        for (int s = 0; s < MINUTE_STEPS; s++) {
            rollout_step(scene->rollouts[i]);
        }
        spent_s += cpu_s() - began_s;
    }
    *ret_vehicles = vehicles / (ROWS * ROWS);
    return 1e6 * spent_s / (ROWS * ROWS);
}

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

int main(int argc, char **argv)
{
    json_t *rows = json_array();
    static struct scene scene;
    static const int32_t TRIPS[] = { 1500, 5000 };
    printf("%-9s %-8s %22s %24s\n", "trips", "state", "vehicles a crossing", "us per crossing-minute");
    for (size_t t = 0; t < sizeof TRIPS / sizeof *TRIPS; t++) {
        double us[2][ROUNDS], vehicles[2] = { 0.0, 0.0 };
        if (!scene_open(&scene, TRIPS[t])) {
            return 1;
        }
        for (int round = 0; round < ROUNDS; round++) {
            for (int told = 0; told < 2; told++) {
                us[told][round] = minute_us(&scene, told == 1, &vehicles[told]);
            }
        }
        for (int told = 0; told < 2; told++) {
            qsort(us[told], ROUNDS, sizeof us[told][0], ascending);
            const char *state = told == 1 ? "told" : "copied";
            printf("%-9d %-8s %22.1f %24.1f\n", TRIPS[t], state, vehicles[told], us[told][ROUNDS / 2]);
            json_array_append_new(rows, json_pack("{s:i, s:s, s:f, s:f}", "trips", TRIPS[t], "state", state,
                "vehicles_per_intersection", vehicles[told], "us_per_intersection_minute", us[told][ROUNDS / 2]));
        }
        scene_close(&scene);
    }
    int failed = argc > 1 ? json_dump_file(rows, argv[1], JSON_INDENT(1)) : 0;
    json_decref(rows);
    return failed != 0;
}
