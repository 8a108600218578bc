// bench_brain: what a whole step of `adaptive` costs (intake of a second's readings, estimate, optimize, guard), by the
// size of the city and the number of threads.
//
// THEORY    Thirteen generated cities of 100 intersections, each with streets, drivers and a morning of its own, run
//           under their own programs until they are busy. Then one brain takes them all over, and with them so many
//           copies as the size asks for: copy k is told what part k mod 13 sees, and answers it on its own; the first
//           thirteen copies' plans are what the streets play. So every decision is made afresh, on real queues, with
//           controllers that obey, and no copy shares memory with another.
//
//           After SETTLE_S of closed loop the brain is copied (brain_save, brain_load), and step by step both brains,
//           one thread and two, are given the same second, in turn. Their plans must be the same bytes.
//
//           us_per_intersection is core time: median wall time of a step, times threads, by intersections. Beside it
//           stands the processor time really spent, which other work on the machine disturbs less.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/joined_network.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/brain.h"
#include "engine/model/units.h"
#include "sim/demand/city.h"
#include "sim/demand/demand.h"
#include "sim/traffic/signals.h"
#include "sim/traffic/street.h"

#define CITY_COUNT 13
#define CITY_INTERSECTIONS 100
#define FILL_S 900                    // under the cities' own programs
#define SETTLE_S 90                   // under the brain, before the clock is read
#define MEASURED_S 20
#define BEGIN_H 7.0
static const double DEMAND_SCALE = 0.9;

static const int32_t SIZES[] = { 1300, 10000, 100000 };
#define SIZE_COUNT 3
#define BRAIN_COUNT 2                 // of one and of two threads

struct city {
    struct network network;
    struct demand *demand;
    struct street *street;
    struct signals *signals;
    struct controller_report *reports;
    struct observation_buffer seen;
};

struct bench {
    struct city cities[CITY_COUNT];
    int64_t now_ms;
    struct network network;
    struct joined_first *first;
    int32_t part_count;
    struct observation_buffer seen;
    struct brain *brains[BRAIN_COUNT];
    int64_t offered, taken;           // plans, to the streets' controllers
};

struct timing {
    double wall_s[MEASURED_S], cpu_s[MEASURED_S];
    uint64_t plans_hash;
};

static void must(enum status status, const struct problem *problem)
{
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "bench-brain: %s\n", problem->text);
        exit(1);
    }
}

static double clock_s(clockid_t clock)
{
    struct timespec at;
    (void)clock_gettime(clock, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

// ---- streets -------------------------------------------------------------------------------------------------------

static void city_make(struct city *city, int32_t index, const char *demand_path)
{
    struct problem problem;
    struct city_summary summary;
    struct city_options options = CITY_OPTIONS_DEFAULT;
    options.intersections = CITY_INTERSECTIONS;
    options.seed = (uint64_t)index + 1;
    options.begin_h = BEGIN_H;
    options.end_h = BEGIN_H + 1.0;
    must(city_generate(&options, demand_path, &city->network, &summary, &problem), &problem);
}

static void city_open(struct city *city, int32_t index, const char *demand_path)
{
    struct problem problem;
    struct demand_options wish = DEMAND_OPTIONS_DEFAULT;
    wish.begin_ms = (int64_t)(BEGIN_H * 3600.0) * MS_PER_S;
    wish.scale = DEMAND_SCALE;
    must(demand_open(&city->network, demand_path, &wish, &city->demand, &problem), &problem);
    int32_t type_count;
    const struct vehicle_type *types = demand_types(city->demand, &type_count);
    struct street_options options = { .begin_ms = wish.begin_ms, .step_ms = MS_PER_S, .threads = 1,
        .seed = (uint64_t)index };
    must(street_create(&city->network, types, type_count, &options, &city->street, &problem), &problem);
    city->signals = signals_create(&city->network, wish.begin_ms);
    city->reports = memory_take((size_t)city->network.intersection_count, sizeof *city->reports);
    observation_buffer_create(&city->seen, 1, 1, city->network.camera_count,
                              city->network.camera_count * CAMERA_BIN_COUNT_MAX);
}

static void city_close(struct city *city)
{
    demand_release(city->demand);
    street_release(city->street);
    signals_release(city->signals);
    free(city->reports);
    observation_buffer_release(&city->seen);
}

static void city_look(struct city *city)
{
    struct problem problem = { .text = "a street gave more rows than the network has cameras" };
    signals_show(city->signals, street_now_ms(city->street), street_aspects(city->street));
    for (int32_t i = 0; i < city->network.intersection_count; i++) {
        signals_report(city->signals, (struct intersection_id){ i }, &city->reports[i]);
    }
    observation_buffer_clear(&city->seen);
    must(street_read_cameras(city->street, &city->seen), &problem);
}

static void city_drive(struct city *city)
{
    int64_t now_ms = street_now_ms(city->street);
    for (;;) {
        struct trip_columns trips = { 0 };
        struct problem problem;
        int32_t row;
        must(demand_next(city->demand, now_ms + MS_PER_S, &trips, &problem), &problem);
        if (trips.count == 0) {
            break;
        }
        must(street_enter(city->street, &trips, &row, &problem), &problem);
    }
    signals_show(city->signals, now_ms, street_aspects(city->street));
    street_step(city->street);
    struct trip_result arrived[64];
    while (street_take_arrived(city->street, arrived, 64) == 64) {
    }
}

// ---- the brain's side ----------------------------------------------------------------------------------------------

// What all parts see: the rows of their cities, one after the other.
static void seen_join(struct bench *bench)
{
    observation_buffer_clear(&bench->seen);
    for (int32_t k = 0; k < bench->part_count; k++) {
        int32_t row = bench->seen.rows.cameras.count;
        const struct city *city = &bench->cities[k % CITY_COUNT];
        struct problem problem = { .text = "the joined city has more rows than cameras" };
        must(observation_buffer_append(&bench->seen, &city->seen.rows), &problem);
        for (; row < bench->seen.rows.cameras.count; row++) {
            bench->seen.rows.cameras.camera[row] += bench->first[k].camera;
        }
    }
}

static void reports_tell(struct bench *bench, struct brain *brain)
{
    struct actions actions;
    for (int32_t k = 0; k < bench->part_count; k++) {
        const struct city *city = &bench->cities[k % CITY_COUNT];
        for (int32_t i = 0; i < city->network.intersection_count; i++) {
            struct controller_report report = city->reports[i];
            report.intersection += bench->first[k].intersection;
            struct event event = { .kind = EVENT_STATUS, .now_ms = bench->now_ms, .report = &report,
                                   .intersection = report.intersection };
            brain_step(brain, &event, &actions);
        }
    }
}

static uint64_t plans_hash(const struct actions *actions)
{
    uint64_t hash = HASH_SEED;
    for (int32_t p = 0; p < actions->publish_count; p++) {
        const struct plan *plan = &actions->publish[p];
        int64_t said[] = { plan->intersection, plan->version.sequence, plan->base_ms, plan->valid_from_ms,
            plan->valid_until_ms, plan->reason.kind, plan->reason.now_value, plan->reason.best_value };
        hash = hash_bytes(hash, said, sizeof said);
        hash = hash_bytes(hash, plan->greens, (size_t)plan->green_count * sizeof *plan->greens);
    }
    return hash;
}

// The controllers of the first part of each city take their plans.
static void plans_play(struct bench *bench, const struct actions *actions)
{
    for (int32_t p = 0; p < actions->publish_count; p++) {
        struct plan plan = actions->publish[p];
        int32_t k = plan.intersection / CITY_INTERSECTIONS;
        if (k >= CITY_COUNT) {
            break;                    // In order of intersection.
        }
        plan.intersection -= bench->first[k].intersection;
        plan.site_hash = bench->cities[k].network.intersections[plan.intersection].site_hash;
        bench->offered++;
        bench->taken += signals_offer(bench->cities[k].signals, &plan, bench->now_ms) == STATUS_OK ? 1 : 0;
    }
}

static void brain_make(struct bench *bench, int threads)
{
    struct problem problem;
    struct brain_options options = { .strategy = "adaptive", .epoch = 1, .daemon = 1, .threads = threads };
    must(brain_create(&bench->network, &options, &bench->brains[threads - 1], &problem), &problem);
}

static void brain_run(struct bench *bench, int brain, struct actions *actions)
{
    struct event event = { .kind = EVENT_STEP, .now_ms = bench->now_ms, .seen = &bench->seen.rows,
                           .intersection = INDEX_NONE };
    brain_step(bench->brains[brain], &event, actions);
}

static void look(struct bench *bench)
{
    bench->now_ms = street_now_ms(bench->cities[0].street);
    for (int32_t c = 0; c < CITY_COUNT; c++) {
        city_look(&bench->cities[c]);
    }
    seen_join(bench);
}

static void drive(struct bench *bench)
{
    for (int32_t c = 0; c < CITY_COUNT; c++) {
        city_drive(&bench->cities[c]);
    }
}

// The second brain becomes what the first is now.
static void brain_double(struct bench *bench)
{
    brain_make(bench, 1);
    size_t bytes = brain_save(bench->brains[1], NULL, 0);
    uint8_t *state = malloc(bytes);
    struct problem problem = { .text = "the brain's state cannot be copied" };
    bool saved = state != NULL && brain_save(bench->brains[1], state, bytes) == bytes;
    must(saved ? brain_load(bench->brains[0], state, bytes) : STATUS_LIMIT, &problem);
    free(state);
}

static void measure(struct bench *bench, struct timing *timing, int64_t *ret_vehicles)
{
    for (int32_t s = 0; s < MEASURED_S; s++) {
        look(bench);
        struct actions actions;
        for (int n = 0; n < BRAIN_COUNT; n++) {
            int brain = (n + s) % BRAIN_COUNT;   // In turn, so that neither always comes first.
            reports_tell(bench, bench->brains[brain]);
            double wall_s = clock_s(CLOCK_MONOTONIC), cpu_s = clock_s(CLOCK_PROCESS_CPUTIME_ID);
            brain_run(bench, brain, &actions);
            timing[brain].wall_s[s] = clock_s(CLOCK_MONOTONIC) - wall_s;
            timing[brain].cpu_s[s] = clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu_s;
            timing[brain].plans_hash ^= plans_hash(&actions) + (uint64_t)s;
        }
        plans_play(bench, &actions);
        drive(bench);
    }
    *ret_vehicles = 0;
    for (int32_t c = 0; c < CITY_COUNT; c++) {
        *ret_vehicles += street_counts(bench->cities[c].street)->under_way;
    }
}

// ---- report --------------------------------------------------------------------------------------------------------

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double row_print(FILE *file, bool first, int32_t intersections, int threads, struct timing *timing,
                        double vehicles)
{
    qsort(timing->wall_s, MEASURED_S, sizeof *timing->wall_s, by_value);
    qsort(timing->cpu_s, MEASURED_S, sizeof *timing->cpu_s, by_value);
    double median_s = timing->wall_s[MEASURED_S / 2], worst_s = timing->wall_s[MEASURED_S - 1];
    double us = 1e6 * median_s * threads / intersections, cpu_us = 1e6 * timing->cpu_s[MEASURED_S / 2] / intersections;
    (void)printf("%13d %7d %14.2f %11.2f %20.2f %14.2f %22.1f\n", intersections, threads, 1e3 * median_s, 1e3 * worst_s,
                 us, cpu_us, vehicles);
    (void)fflush(stdout);
    if (file != NULL) {
        (void)fprintf(file, "%s{\"intersections\": %d, \"threads\": %d, \"step_ms_median\": %.3f, "
                      "\"step_ms_p99\": %.3f, "
                      "\"us_per_intersection\": %.3f, \"cpu_us_per_intersection\": %.3f, "
                      "\"vehicles_per_intersection\": %.1f}",
                      first ? "[" : ",\n ", intersections, threads, 1e3 * median_s, 1e3 * worst_s, us,
                      cpu_us, vehicles);
    }
    return median_s;
}

// Both brains through the same seconds. False when their plans differ.
static bool size_run(struct bench *bench, int32_t intersections, const char *demand_path, FILE *file, bool first)
{
    char path[512];
    for (int32_t c = 0; c < CITY_COUNT; c++) {
        (void)snprintf(path, sizeof path, "%s.%d", demand_path, c);
        city_open(&bench->cities[c], c, path);
    }
    bench->part_count = intersections / CITY_INTERSECTIONS;
    const struct network **parts = memory_take((size_t)bench->part_count, sizeof *parts);
    bench->first = memory_take((size_t)bench->part_count, sizeof *bench->first);
    for (int32_t k = 0; k < bench->part_count; k++) {
        parts[k] = &bench->cities[k % CITY_COUNT].network;
    }
    joined_network_build(parts, bench->part_count, &bench->network, bench->first);
    observation_buffer_create(&bench->seen, 1, 1, bench->network.camera_count,
                              bench->network.camera_count * (CAMERA_BIN_COUNT_MAX / 2));
    for (int32_t s = 0; s < FILL_S; s++) {
        drive(bench);
    }
    brain_make(bench, 2);
    for (int32_t s = 0; s < SETTLE_S; s++) {
        struct actions actions;
        look(bench);
        reports_tell(bench, bench->brains[1]);
        brain_run(bench, 1, &actions);
        plans_play(bench, &actions);
        drive(bench);
    }
    brain_double(bench);
    struct timing timing[BRAIN_COUNT] = { { .plans_hash = 0 } };
    int64_t vehicles;
    measure(bench, timing, &vehicles);
    double density = (double)vehicles / (CITY_COUNT * CITY_INTERSECTIONS);
    double one_s = row_print(file, first, intersections, 1, &timing[0], density);
    double two_s = row_print(file, false, intersections, 2, &timing[1], density);
    (void)printf("%13s two threads are %.2f times one; %.1f %% of plans taken; the plans %016llx are %s\n", "",
                 one_s / two_s, 100.0 * (double)bench->taken / (double)bench->offered,
                 (unsigned long long)timing[0].plans_hash,
                 timing[0].plans_hash == timing[1].plans_hash ? "the same bytes" : "NOT THE SAME");
    for (int b = 0; b < BRAIN_COUNT; b++) {
        brain_release(bench->brains[b]);
    }
    for (int32_t c = 0; c < CITY_COUNT; c++) {
        city_close(&bench->cities[c]);
    }
    observation_buffer_release(&bench->seen);
    network_release(&bench->network);
    free(bench->first);
    free(parts);
    return timing[0].plans_hash == timing[1].plans_hash;
}

int main(int argc, char **argv)
{
    static struct bench bench;
    const char *demand_path = argc > 1 ? argv[1] : "bench-brain";
    int32_t size_max = argc > 2 ? atoi(argv[2]) : SIZES[SIZE_COUNT - 1];
    char path[512];
    for (int32_t c = 0; c < CITY_COUNT; c++) {
        (void)snprintf(path, sizeof path, "%s.%d", demand_path, c);
        city_make(&bench.cities[c], c, path);
    }
    FILE *file = argc > 1 ? fopen(argv[1], "w") : NULL;
    (void)printf("%13s %7s %14s %11s %20s %14s %22s\n", "intersections", "threads", "step_ms_median", "step_ms_p99",
                 "us_per_intersection", "processor us", "vehicles/intersection");
    bool same = true;
    for (int s = 0; s < SIZE_COUNT && SIZES[s] <= size_max; s++) {
        same = size_run(&bench, SIZES[s], demand_path, file, s == 0) && same;
    }
    if (file != NULL) {
        (void)fprintf(file, "]\n");
        (void)fclose(file);
    }
    for (int32_t c = 0; c < CITY_COUNT; c++) {
        (void)snprintf(path, sizeof path, "%s.%d", demand_path, c);
        (void)remove(path);
        network_release(&bench.cities[c].network);
    }
    return same ? 0 : 1;
}
