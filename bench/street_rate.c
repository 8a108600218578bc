// street_rate.c: the street alone under load, for bench_sim.py: a grid of 300 m links, 3 lanes, 4-stage fixed signals,
// 1 s steps, all behaviour on, with a given number of vehicles under way.
//
//     street-rate VEHICLES             runs a street on one thread until all have entered, prints a line about it, and
//                                      then answers each line "THREADS STEPS" with
//                                      "UPDATES STEP_S UNDER_WAY SIGNALS_S MEAN_MPS HALTED_SHARE"; the street on two
//                                      threads is made, and run as long, when it is asked for first
//     street-rate VEHICLES --sumo DIR  writes the same network and demand as SUMO's plain XML
//
// THEORY    2.5 vehicles a lane at every size, on routes of random turns that do not end within the measured time.
//           The seconds are those of street_step, and apart from them those of signals_show, which plays the programs.
//           Speeds are told as they are after the last step.
//           Memory is what the process grows by from the loaded network (the empty street, the trips as a file streams
//           them) to the warm street, by vehicle under way. Apart from it stand the tables that the empty street
//           makes of the network.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/sumo_write.h"
#include "engine/base/memory.h"
#include "sim/traffic/signals.h"
#include "tests/sim/grid_town.h"

#define VEHICLES_PER_LANE 2.5
#define DEPART_MS 100000
#define ROUTE_LINKS 24
#define WARM_STEPS 150
#define HALTED_MPS 0.1             // as SUMO counts them

static double seconds_now(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

// Memory of this process that is no file's: code that runs for the first time is no vehicle's. Exact: the kernel adds
// it up from the page tables when it is asked. The counters of /proc/self/statm are brought up to date in batches by
// each processor, so that what is missing from them differs from run to run: much of the figure of a small street.
static double memory_now(void)
{
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    double bytes = 0.0, kib = 0.0;
    char line[128];
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        bool counts = sscanf(line, "Anonymous: %lf kB", &kib) == 1 || sscanf(line, "Swap: %lf kB", &kib) == 1;
        bytes += counts ? kib * 1024.0 : 0.0;
    }
    if (file == NULL || bytes <= 0.0) {
        (void)fprintf(stderr, "street-rate: /proc/self/smaps_rollup does not tell this process's memory\n");
        exit(1);
    }
    (void)fclose(file);
    return bytes;
}

struct world {
    struct street *street;
    struct signals *signals;
    double load_s, table_bytes, bytes;
};

static void world_run(struct world *world, int steps)
{
    for (int i = 0; i < steps; i++) {
        signals_show(world->signals, street_now_ms(world->street), street_aspects(world->street));
        street_step(world->street);
    }
}

static void network_make(int32_t vehicles, struct network *ret, struct trip_columns *ret_trips)
{
    int side = 1;
    while (12.0 * side * side * VEHICLES_PER_LANE < (double)vehicles) {
        side++;
    }
    struct town_options options = { side, side, 3, 4, 324.0, 13.89, 25, false };
    town_create(&options, ret);
    town_trips(ret, 5, vehicles, 0, DEPART_MS, ROUTE_LINKS, ret_trips);
}

static void problem_end(const struct problem *problem)
{
    (void)fprintf(stderr, "street-rate: %s\n", problem->text);
    exit(1);
}

static void world_open(const struct network *network, const struct trip_columns *trips, int threads,
                       struct world *ret)
{
    struct vehicle_type car = town_car();
    struct street_options options = { .step_ms = 1000, .threads = threads, .seed = 1 };
    struct problem problem;
    ret->signals = signals_create(network, 0);
    double memory = memory_now(), start = seconds_now();
    if (street_create(network, &car, 1, &options, &ret->street, &problem) != STATUS_OK) {
        problem_end(&problem);
    }
    ret->load_s = seconds_now() - start;
    ret->table_bytes = memory_now() - memory;
    int32_t row;
    if (street_enter(ret->street, trips, &row, &problem) != STATUS_OK) {
        problem_end(&problem);
    }
    world_run(ret, WARM_STEPS);
    ret->bytes = memory_now() - memory - ret->table_bytes;
}

struct seconds {
    double step, signals;
};

static struct seconds timed(struct world *world, int steps)
{
    struct seconds wall = { 0.0, 0.0 };
    for (int i = 0; i < steps; i++) {
        double start = seconds_now();
        signals_show(world->signals, street_now_ms(world->street), street_aspects(world->street));
        double shown = seconds_now();
        street_step(world->street);
        wall.signals += shown - start;
        wall.step += seconds_now() - shown;
    }
    return wall;
}

struct speeds {
    double mean_mps, halted_share;
};

static struct speeds speeds_of(const struct street *street)
{
    int32_t count = (int32_t)street_counts(street)->under_way;
    struct vehicle_view *views = memory_take((size_t)count, sizeof *views);
    count = street_list_vehicles(street, views, count);
    struct speeds speeds = { 0.0, 0.0 };
    for (int32_t i = 0; i < count; i++) {
        speeds.mean_mps += views[i].speed_mps / (double)count;
        speeds.halted_share += views[i].speed_mps < HALTED_MPS ? 1.0 / (double)count : 0.0;
    }
    free(views);
    return speeds;
}

static void answer(struct world *world, int steps)
{
    int64_t before = street_counts(world->street)->vehicle_updates;
    struct seconds wall = timed(world, steps);
    const struct street_counts *counts = street_counts(world->street);
    struct speeds speeds = speeds_of(world->street);
    printf("%lld %.9f %lld %.9f %.4f %.4f\n", (long long)(counts->vehicle_updates - before), wall.step,
        (long long)counts->under_way, wall.signals, speeds.mean_mps, speeds.halted_share);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    int32_t vehicles = argc > 1 ? atoi(argv[1]) : 0;
    if (vehicles < 1 || (argc != 2 && (argc != 4 || strcmp(argv[2], "--sumo") != 0))) {
        (void)fprintf(stderr, "usage: street-rate VEHICLES [--sumo DIR]\n");
        return 2;
    }
    struct network network;
    struct trip_columns trips;
    double start = seconds_now();
    network_make(vehicles, &network, &trips);
    double network_s = seconds_now() - start;
    if (argc == 4) {
        struct vehicle_type car = town_car();
        return sumo_write(&network, &car, &trips, argv[3]) ? 0 : 1;
    }
    struct world worlds[2] = { 0 };
    world_open(&network, &trips, 1, &worlds[0]);
    double under_way = (double)street_counts(worlds[0].street)->under_way;
    printf("%.0f %.1f %.1f %.6f %.6f %d\n", under_way, worlds[0].bytes / under_way, worlds[0].table_bytes / under_way,
        worlds[0].load_s, network_s, network.intersections[0].cycle_ms / 1000);
    (void)fflush(stdout);
    int threads, steps;
    while (scanf("%d %d", &threads, &steps) == 2) {
        struct world *world = &worlds[threads == 2 ? 1 : 0];
        if (world->street == NULL) {
            world_open(&network, &trips, 2, world);
        }
        answer(world, steps);
    }
    for (int i = 0; i < 2 && worlds[i].street != NULL; i++) {
        street_release(worlds[i].street);
        signals_release(worlds[i].signals);
    }
    town_trips_release(&trips);
    network_release(&network);
    return 0;
}
