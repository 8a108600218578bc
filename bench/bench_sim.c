// bench_sim.c: vehicle updates per second of the street alone: a grid of 300 m links, 3 lanes, 4-stage signals, 1 s
// steps, all behaviour on, with a given number of vehicles under way; one thread and two.
//
// THEORY    2.5 vehicles a lane at every size, on routes of random turns that do not end within the measured time.
//           After the vehicles have entered and spread (WARM_STEPS) rounds of STEPS steps are timed, one and two
//           threads in turn, and the medians reported. Memory is what the process grew by from the loaded network to
//           the warm street, by vehicle.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/memory.h"
#include "sim/traffic/signals.h"
#include "tests/sim/grid_town.h"

#define ROUNDS 7
#define VEHICLES_PER_LANE 2.5

static double seconds_now(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

// Resident memory of this process.
static double memory_now(void)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file != NULL) {
        if (fscanf(file, "%ld %ld", &pages, &resident) != 2) {
            resident = 0;
        }
        (void)fclose(file);
    }
    return (double)resident * 4096.0;
}

struct world {
    struct network network;
    struct street *street;
    struct signals *signals;
    double load_s, bytes_per_vehicle;
};

static void world_step(struct world *world, int steps)
{
    for (int i = 0; i < steps; i++) {
        signals_show(world->signals, street_now_ms(world->street), street_aspects(world->street));
        street_step(world->street);
    }
}

static void world_open(struct world *world, int32_t vehicles, int threads, int warm_steps)
{
    int side = 1;
    while (12.0 * side * side * VEHICLES_PER_LANE < (double)vehicles) {
        side++;
    }
    struct town_options options = { side, side, 3, 4, 324.0, 13.89, 25, false };
    town_create(&options, &world->network);
    struct vehicle_type car = town_car();
    struct street_options street_options = { .step_ms = 1000, .threads = threads, .seed = 1 };
    struct problem problem;
    double start = seconds_now();
    if (street_create(&world->network, &car, 1, &street_options, &world->street, &problem) != STATUS_OK) {
        (void)fprintf(stderr, "%s\n", problem.text);
        exit(1);
    }
    world->load_s = seconds_now() - start;
    world->signals = signals_create(&world->network, 0);
    struct trip_columns trips;
    town_trips(&world->network, 5, vehicles, 0, 60000, 24, &trips);
    double before = memory_now();
    int32_t row;
    if (street_enter(world->street, &trips, &row, &problem) != STATUS_OK) {
        (void)fprintf(stderr, "%s\n", problem.text);
        exit(1);
    }
    world_step(world, warm_steps);
    world->bytes_per_vehicle = (memory_now() - before) / (double)street_counts(world->street)->under_way;
    town_trips_release(&trips);
}

static void world_close(struct world *world)
{
    street_release(world->street);
    signals_release(world->signals);
    network_release(&world->network);
}

static double timed(struct world *world, int steps, int64_t *ret_updates)
{
    int64_t before = street_counts(world->street)->vehicle_updates;
    double wall = 0.0;
    for (int i = 0; i < steps; i++) {
        signals_show(world->signals, street_now_ms(world->street), street_aspects(world->street));
        double start = seconds_now();
        street_step(world->street);
        wall += seconds_now() - start;
    }
    *ret_updates = street_counts(world->street)->vehicle_updates - before;
    return wall;
}

static int double_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void bench_case(FILE *out, int32_t vehicles, bool first)
{
    struct world world[2];
    double rates[2][ROUNDS];
    int steps = vehicles < 4000 ? 60 : vehicles < 20000 ? 20 : 10;
    for (int t = 0; t < 2; t++) {
        world_open(&world[t], vehicles, t + 1, 240);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int t = 0; t < 2; t++) {
            int64_t updates;
            double wall = timed(&world[t], steps, &updates);
            rates[t][round] = (double)updates / wall;
        }
    }
    for (int t = 0; t < 2; t++) {
        qsort(rates[t], ROUNDS, sizeof(double), double_compare);
    }
    double one = rates[0][ROUNDS / 2], two = rates[1][ROUNDS / 2];
    int64_t under_way = street_counts(world[0].street)->under_way;
    printf("%9ld %12.2f %12.2f %9.2f %14.0f %8.3f\n", (long)under_way, one / 1e6, two / 1e6, two / one,
        world[0].bytes_per_vehicle, world[0].load_s);
    for (int t = 0; t < 2; t++) {
        (void)fprintf(
            out,
            "%s\n  {\"case\": \"grid\", \"vehicles\": %ld, \"threads\": %d, \"vehicle_updates_per_s\": %.0f, "
            "\"speedup_2_threads\": %.3f, \"bytes_per_vehicle\": %.0f, \"load_s\": %.4f}",
            first && t == 0 ? "" : ",", (long)under_way, t + 1, rates[t][ROUNDS / 2], two / one,
            world[t].bytes_per_vehicle, world[t].load_s);
        world_close(&world[t]);
    }
}

int main(int argc, char **argv)
{
    FILE *out = argc > 1 ? fopen(argv[1], "w") : NULL;
    out = out != NULL ? out : fopen("/dev/null", "w");
    if (out == NULL) {
        return 1;
    }
    static const int32_t sizes[] = { 1000, 10000, 50000 };
    printf(" vehicles   1 thread M/s 2 threads M/s  speed-up  bytes/vehicle   load s\n");
    (void)fprintf(out, "[");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (argc > 2 && atoi(argv[2]) != sizes[i]) {
            continue;
        }
        bench_case(out, sizes[i], i == 0 || argc > 2);
    }
    (void)fprintf(out, "\n]\n");
    return fclose(out) == 0 ? 0 : 1;
}
