// bench_day.c: a city's day: 1,300 generated intersections, 24 hours, over a million trips, on two threads.
//
// THEORY    The city and its demand are generated once. A run streams the trips in, five minutes ahead, has the
//           controllers of all intersections, actuated by their own loops, show their lamps each second, moves the
//           street, reads every loop each minute, and takes the results of those that arrive. Its wall time counts from
//           the loaded network on; the median of three runs is given. Every trip is accounted for, or the bench fails:
//           each number once, and scheduled = arrived + under way + waiting.
//               bench-day OUT [THREADS [RUNS [FROM_S SECONDS]]]
//           RUNS: 1 to 3. FROM_S and SECONDS play a part of the day only, for measurements while one works on the
//           street; its trips under way at the beginning are missing. The fingerprint is of all trips' results and all
//           loops' readings: what only makes the street faster leaves it as it is.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/model/observation.h"
#include "sim/demand/city.h"
#include "sim/demand/demand.h"
#include "sim/traffic/signals.h"

#define INTERSECTIONS 1300
#define SEED 1
#define RUNS 3
#define DAY_S 86400
#define AHEAD_MS 300000
#define TAKEN_AT_ONCE 4096

struct day {
    uint64_t fingerprint;
    int64_t trips, peak_vehicles, updates, readings, detours, waiting_most;
    double trip_km, wall_s;
};

struct wish {
    int threads;
    int32_t from_s, seconds;
};

static double seconds_now(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

static void check(enum status status, const struct problem *problem)
{
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "bench day: %s\n", problem->text);
        exit(1);
    }
}

static void expect(bool right, const char *what)
{
    if (!right) {
        (void)fprintf(stderr, "bench day: %s\n", what);
        exit(1);
    }
}

static void note(struct day *day, int64_t value)
{
    day->fingerprint = hash_number(day->fingerprint, value);
}

// Marks each trip's number; counts its way.
static void account(const struct trip_result *results, int32_t count, uint8_t *seen, struct day *day)
{
    for (int32_t i = 0; i < count; i++) {
        expect(!seen[results[i].number], "a trip came out twice");
        seen[results[i].number] = 1;
        day->trip_km += results[i].length_m * 0.001;
        note(day, results[i].number);
        note(day, results[i].entered_ms);
        note(day, results[i].arrived_ms);
        note(day, (int64_t)(results[i].length_m * 1000.0));
        note(day, (int64_t)(results[i].time_loss_s * 1000.0));
        note(day, (int64_t)(results[i].waiting_s * 1000.0) * 1000 + results[i].stops);
    }
}

static void trips_enter(struct demand *demand, struct street *street, int64_t until_ms)
{
    struct problem problem;
    struct trip_columns trips;
    for (;;) {
        check(demand_next(demand, until_ms, &trips, &problem), &problem);
        if (trips.count == 0) {
            return;
        }
        int32_t row;
        check(street_enter(street, &trips, &row, &problem), &problem);
    }
}

static void loops_read(struct street *street, struct observation_buffer *seen, struct day *day)
{
    observation_buffer_clear(seen);
    expect(street_read_loops(street, seen) == STATUS_OK, "no room for the loops' readings");
    const struct loop_columns *loops = &seen->rows.loops;
    for (int32_t i = 0; i < loops->count; i++) {
        note(day, ((int64_t)loops->vehicles[i] << 40) + ((int64_t)loops->occupied_ms[i] << 20) + loops->speed_mmps[i]);
    }
    day->readings += loops->count;
}

static void books_close(struct street *street, const struct demand *demand, bool whole, uint8_t *seen,
                        struct day *day)
{
    const struct street_counts *counts = street_counts(street);
    day->trips = demand_counts(demand)->given;
    expect(!whole || (demand_done(demand) && counts->scheduled == day->trips), "a trip was never scheduled");
    expect(counts->scheduled == counts->arrived + counts->under_way + counts->waiting, "the counts do not add up");
    int32_t left = (int32_t)(counts->under_way + counts->waiting);
    struct trip_result *results = memory_take((size_t)left, sizeof *results);
    expect(street_list_unfinished(street, results, left) == left, "some trips are nowhere");
    account(results, left, seen, day);
    free(results);
    for (int64_t i = 0; i < day->trips && whole; i++) {
        expect(seen[i], "a trip got lost");
    }
    day->updates = counts->vehicle_updates;
    day->detours = counts->detours;
}

static struct day day_run(const struct network *network, const char *demand_path, int32_t trip_count,
                          const struct wish *wish)
{
    struct day day = { 0 };
    struct problem problem;
    double start = seconds_now();
    struct demand *demand;
    struct demand_options demand_options = DEMAND_OPTIONS_DEFAULT;
    demand_options.begin_ms = (int64_t)wish->from_s * 1000;
    check(demand_open(network, demand_path, &demand_options, &demand, &problem), &problem);
    int32_t type_count;
    const struct vehicle_type *types = demand_types(demand, &type_count);
    struct street_options options = { .begin_ms = demand_options.begin_ms, .step_ms = 1000,
        .threads = wish->threads, .seed = SEED };
    struct street *street;
    check(street_create(network, types, type_count, &options, &street, &problem), &problem);
    struct signals *signals = signals_create(network, options.begin_ms);
    signals_fall_back_to(signals, SIGNALS_ACTUATED);
    struct actuation_touch *touches = memory_take((size_t)network->intersection_count, sizeof *touches);
    struct observation_buffer seen;
    observation_buffer_create(&seen, network->detector_count, 0, 0, 0);
    uint8_t *numbers = memory_take((size_t)trip_count, 1);
    struct trip_result *results = memory_take(TAKEN_AT_ONCE, sizeof *results);
    for (int32_t second = 0; second < wish->seconds; second++) {
        int64_t now_ms = street_now_ms(street);
        if (now_ms % AHEAD_MS == 0) {
            trips_enter(demand, street, now_ms + AHEAD_MS);
        }
        street_look_touches(street, touches);
        signals_touch(signals, touches, now_ms);
        signals_show(signals, now_ms, street_aspects(street));
        street_step(street);
        if ((second + 1) % 60 == 0) {
            loops_read(street, &seen, &day);
        }
        for (int32_t count = TAKEN_AT_ONCE; count == TAKEN_AT_ONCE;) {
            count = street_take_arrived(street, results, TAKEN_AT_ONCE);
            account(results, count, numbers, &day);
        }
        const struct street_counts *counts = street_counts(street);
        day.peak_vehicles = counts->under_way > day.peak_vehicles ? counts->under_way : day.peak_vehicles;
        if ((second + 1) % 1800 == 0 && isatty(STDERR_FILENO)) {
            int32_t at_s = wish->from_s + second + 1;
            (void)fprintf(stderr, "\r%02d:%02d  %lld vehicles under way, %lld waiting, %.1f s  ", at_s / 3600,
                at_s / 60 % 60, (long long)counts->under_way, (long long)counts->waiting, seconds_now() - start);
        }
        day.waiting_most = counts->waiting > day.waiting_most ? counts->waiting : day.waiting_most;
    }
    if (isatty(STDERR_FILENO)) {
        (void)fprintf(stderr, "\r%60s\r", "");
    }
    books_close(street, demand, wish->seconds == DAY_S, numbers, &day);
    day.wall_s = seconds_now() - start;
    observation_buffer_release(&seen);
    free(touches);
    free(results);
    free(numbers);
    signals_release(signals);
    street_release(street);
    demand_release(demand);
    return day;
}

static int wall_compare(const void *a, const void *b)
{
    double x = ((const struct day *)a)->wall_s, y = ((const struct day *)b)->wall_s;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    char path[] = "/tmp/bench-day-XXXXXX";
    int file = mkstemp(path);
    expect(file >= 0, "no temporary file for the demand");
    (void)fclose(fdopen(file, "w"));
    struct city_options city = CITY_OPTIONS_DEFAULT;
    city.intersections = INTERSECTIONS;
    city.seed = SEED;
    struct city_summary summary;
    struct network network;
    struct problem problem;
    double start = seconds_now();
    check(city_generate(&city, path, &network, &summary, &problem), &problem);
    printf("%d intersections, %lld trips of %.2f km, generated in %.1f s\n", network.intersection_count,
        (long long)summary.trips_written, summary.trip_km_mean, seconds_now() - start);
    printf("  run   wall s  peak vehicles  waiting  updates M   M/s  loop readings  detours       fingerprint\n");
    struct day days[RUNS];
    struct wish wish = { argc > 2 ? atoi(argv[2]) : 2, argc > 5 ? atoi(argv[4]) : 0,
        argc > 5 ? atoi(argv[5]) : DAY_S };
    int runs = argc > 3 ? atoi(argv[3]) : RUNS;
    expect(runs >= 1 && runs <= RUNS, "1 to 3 runs");
    for (int i = 0; i < runs; i++) {
        days[i] = day_run(&network, path, (int32_t)summary.trips_written, &wish);
        printf("%5d %8.2f %14lld %8lld %10.1f %5.1f %14lld %8lld  %016llx\n", i + 1, days[i].wall_s,
            (long long)days[i].peak_vehicles, (long long)days[i].waiting_most, (double)days[i].updates * 1e-6,
            (double)days[i].updates * 1e-6 / days[i].wall_s, (long long)days[i].readings, (long long)days[i].detours,
            (unsigned long long)days[i].fingerprint);
        (void)fflush(stdout);
        expect(days[i].fingerprint == days[0].fingerprint, "two runs differ");
    }
    (void)remove(path);
    qsort(days, (size_t)runs, sizeof days[0], wall_compare);
    const struct day *median = &days[runs / 2];
    FILE *out = fopen(argc > 1 ? argv[1] : "/dev/null", "w");
    expect(out != NULL, "no file for the rows");
    (void)fprintf(out, "[\n {\"intersections\": %d, \"trips\": %lld, \"peak_vehicles\": %lld, \"mean_trip_km\": %.3f, "
        "\"vehicle_updates\": %lld, \"wall_s\": %.2f}\n]\n", network.intersection_count, (long long)median->trips,
        (long long)median->peak_vehicles, median->trip_km / (double)median->trips, (long long)median->updates,
        median->wall_s);
    network_release(&network);
    return fclose(out) == 0 ? 0 : 1;
}
