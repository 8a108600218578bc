#include "cli/replay_what_if.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/progress.h"
#include "engine/model/units.h"
#include "sim/replay/count_file.h"
#include "sim/replay/what_if.h"
#include "sim/report/compare_report.h"
#include "sim/report/measures.h"

#define PERIOD_MS 300000
#define STRATEGY_COUNT_MAX 16
#define SPAN_MS_MAX (2 * (int64_t)MS_PER_DAY)
#define DRAWS_MORE 3                  // at once, while two strategies are not told apart
#define SAME_DELAY 0.01               // of it: nearer than that two strategies are one, however sure it is

struct outcome {
    char control[STRATEGY_NAME_BYTES_MAX];
    struct measures measures[WHAT_IF_DRAW_COUNT_MAX];   // one per draw
    struct spread travel, delay, queue, stops, arrived;   // over them
    int64_t scheduled;                // of the first draw
};

static struct spread draws_spread(const struct measures *measures, int draws, double (*of)(const struct measures *))
{
    double values[WHAT_IF_DRAW_COUNT_MAX];
    for (int d = 0; d < draws; d++) {
        values[d] = of(&measures[d]);
    }
    return spread_of(values, draws);
}

static double travel_of(const struct measures *m) { return m->average_travel_time_s; }
static double delay_of(const struct measures *m) { return m->average_delay_s; }
static double queue_of(const struct measures *m) { return m->average_queue_veh; }
static double stops_of(const struct measures *m) { return m->stops_per_vehicle; }
static double arrived_of(const struct measures *m) { return (double)m->arrived; }

static void outcome_sum(struct outcome *row, int draws)
{
    row->travel = draws_spread(row->measures, draws, travel_of);
    row->delay = draws_spread(row->measures, draws, delay_of);
    row->queue = draws_spread(row->measures, draws, queue_of);
    row->stops = draws_spread(row->measures, draws, stops_of);
    row->arrived = draws_spread(row->measures, draws, arrived_of);
    row->scheduled = row->measures[0].scheduled;
}

// Delay of a over that of b, draw by draw: the same drivers under both, so what they share falls out.
static struct spread delay_over(const struct outcome *a, const struct outcome *b, int draws)
{
    double values[WHAT_IF_DRAW_COUNT_MAX];
    for (int d = 0; d < draws; d++) {
        values[d] = a->measures[d].average_delay_s - b->measures[d].average_delay_s;
    }
    return spread_of(values, draws);
}

// Whether chance alone may have put a and b in this order, for all that the draws tell.
static bool chance_parts(const struct outcome *a, const struct outcome *b, int draws)
{
    struct spread over = delay_over(a, b, draws);
    return draws > 1 && fabs(over.mean) <= over.half;
}

static bool draws_suffice(const struct outcome *rows, int count, int draws)
{
    for (int a = 0; a < count; a++) {
        for (int b = a + 1; b < count; b++) {
            double same = SAME_DELAY * draws_spread(rows[a].measures, draws, delay_of).mean;
            if (chance_parts(&rows[a], &rows[b], draws) && delay_over(&rows[a], &rows[b], draws).half > same) {
                return false;
            }
        }
    }
    return true;
}

static int split(const char *list, struct outcome *ret, int count)
{
    while (*list != '\0' && count < STRATEGY_COUNT_MAX) {
        size_t length = strcspn(list, ",");
        (void)snprintf(ret[count].control, sizeof ret[count].control, "%.*s", (int)length, list);
        count += ret[count].control[0] != '\0';
        list += length + (list[length] == ',');
    }
    return count;
}

// How well the rebuilt day explains what was seen.
struct explained {
    int32_t trips;
    struct flows_report flows;
    struct demand_fit fit;
    struct volume_check check;
};

static void print_json(const struct outcome *rows, int count, int draws, const struct explained *explained)
{
    const struct volume_check *check = &explained->check;
    json_t *list = json_array();
    for (int i = 0; i < count; i++) {
        const struct outcome *row = &rows[i];
        struct spread over = delay_over(row, &rows[0], draws);
        (void)json_array_append_new(list, json_pack(
            "{s:s, s:b, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I}", "control", row->control, "recorded", i == 0,
            "average_travel_time_s", row->travel.mean, "average_delay_s", row->delay.mean, "average_delay_half_s",
            row->delay.half, "delay_over_recorded_s", over.mean, "delay_over_recorded_half_s", over.half,
            "average_queue_veh", row->queue.mean, "stops_per_vehicle", row->stops.mean,
            "vehicles_scheduled", (json_int_t)row->scheduled, "vehicles_arrived",
            (json_int_t)llround(row->arrived.mean)));
    }
    json_t *object = json_pack("{s:i, s:f, s:f, s:f, s:i, s:f, s:f, s:f, s:i, s:o}", "detectors", check->places,
        "geh_below_5_percent", check->places > 0 ? 100.0 * check->good / check->places : 0.0, "geh_mean",
        check->geh_mean, "geh_worst", check->geh_worst, "trips", explained->trips, "explained_percent",
        100.0 * explained->flows.explained, "demand_factor", explained->fit.factor, "presence_percent",
        100.0 * explained->fit.presence, "draws", draws, "strategies", list);
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    fputc('\n', stdout);
    json_decref(object);
}

// From the least delay to the most, and between which of them the draws do not decide.
static void print_order(const struct outcome *rows, int count, int draws)
{
    int order[STRATEGY_COUNT_MAX];
    for (int i = 0; i < count; i++) {
        int at = i;
        for (; at > 0 && rows[order[at - 1]].delay.mean > rows[i].delay.mean; at--) {
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
    printf("\nby delay, the least first: ");
    for (int i = 0; i < count; i++) {
        printf("%s%s", rows[order[i]].control, i + 1 < count ? ", " : "\n");
    }
    for (int i = 0; i + 1 < count; i++) {
        const struct outcome *a = &rows[order[i]], *b = &rows[order[i + 1]];
        struct spread over = delay_over(b, a, draws);
        if (chance_parts(a, b, draws)) {
            printf("%s and %s: not told apart, %.1f ± %.1f s over %d draws of the drivers\n", a->control, b->control,
                   over.mean, over.half, draws);
        }
    }
}

static void print_text(const struct outcome *rows, int count, int draws, const struct explained *explained)
{
    const struct volume_check *check = &explained->check;
    printf("%d trips explain %.1f %% of the links' counts; driven under %s, GEH is below 5 at %.1f %% of %d detectors\n"
           "(mean %.2f, worst %.1f)\n", explained->trips, 100.0 * explained->flows.explained, rows[0].control,
           check->places > 0 ? 100.0 * check->good / check->places : 0.0, check->places, check->geh_mean,
           check->geh_worst);
    if (explained->fit.presence > 0.0) {
        printf("vehicles are in sight of the sensors for %.1f %% of the time that was recorded (demand times %.3f)\n",
               100.0 * explained->fit.presence, explained->fit.factor);
    }
    printf("\n%-14s %12s %16s %9s %7s %10s\n%-14s %12s %16s %9s %7s %10s\n", "strategy", "travel time", "delay",
           "queue", "stops", "arrived", "", "s", "s", "veh", "/veh", "veh");
    for (int i = 0; i < count; i++) {
        const struct outcome *row = &rows[i];
        char delay[32];
        (void)snprintf(delay, sizeof delay, "%.1f ± %.1f", row->delay.mean, row->delay.half);
        printf("%-14s %12.1f %17s %9.1f %7.2f %10.0f%s\n", row->control, row->travel.mean, delay, row->queue.mean,
               row->stops.mean, row->arrived.mean, i == 0 ? "   (as recorded)" : "");
    }
    for (int i = 1; i < count && rows[0].delay.mean > 0.0; i++) {
        struct spread over = delay_over(&rows[i], &rows[0], draws);
        printf("%s: %+.1f", rows[i].control, 100.0 * over.mean / rows[0].delay.mean);
        if (draws > 1) {
            printf(" ± %.1f", 100.0 * over.half / rows[0].delay.mean);
        }
        printf(" %% delay against %s\n", rows[0].control);
    }
    if (count > 1) {
        print_order(rows, count, draws);
    }
}

struct driving {
    const struct replay_wish *wish;
    const struct counts_book *book;
    struct flows *flows[WHAT_IF_DRAW_COUNT_MAX];   // one per draw
    struct outcome *rows;
    int count, draws, done;           // draws: driven and being driven
    struct explained explained;
    struct progress progress;
};

static struct what_if_options options_of(const struct driving *driving, int threads)
{
    const struct counts_book *book = driving->book;
    return (struct what_if_options){ .begin_ms = book->begin_ms, .threads = threads, .seed = driving->wish->seed,
        .end_ms = book->begin_ms + book->period_count * book->period_ms };
}

static enum status drive_one(struct driving *driving, int row, int draw, int threads, struct problem *problem)
{
    const struct counts_book *book = driving->book;
    struct what_if_options options = options_of(driving, threads);
    struct trip_columns trips;
    struct what_if_run run;
    options.seed += (uint64_t)draw;
    flows_trips(driving->flows[draw], driving->explained.fit.factor, &trips);
    enum status status = what_if_drive(book, &trips, driving->rows[row].control, &options, &run, problem);
    if (status == STATUS_OK) {
        measures_of(run.loop, book->network, NULL, &driving->rows[row].measures[draw]);
        if (row == 0 && draw == 0) {
            volumes_check(book, &run.counted, &driving->explained.check);
            driving->explained.trips = trips.count;
        }
        what_if_release(&run);
    }
    flows_trips_release(&trips);
    return status;
}

// The draws from first_draw on, each under all strategies. As many drives at once as there are threads; what is left
// over of them goes into each street.
static enum status drive_all(struct driving *driving, int first_draw, struct problem *problem)
{
    int draws = driving->draws - first_draw, drives = driving->count * draws;
    int at_once = driving->wish->threads < drives ? driving->wish->threads : drives;
    int threads = driving->wish->threads / at_once;
    enum status first = STATUS_OK;
#pragma omp parallel for schedule(dynamic, 1) num_threads(at_once)
    for (int i = 0; i < drives; i++) {
        struct problem own;
        enum status status = drive_one(driving, i / draws, first_draw + i % draws, threads, &own);
#pragma omp critical
        {
            if (status != STATUS_OK && first == STATUS_OK) {
                first = status;
                *problem = own;
            }
            progress_tell(&driving->progress, (double)++driving->done / (driving->count * driving->draws),
                          driving->rows[i / draws].control);
        }
    }
    return first;
}

static void flows_draw(struct driving *driving, int first_draw)
{
    for (int d = first_draw; d < driving->draws; d++) {
        struct flows_report report;
        driving->flows[d] = flows_create(driving->book, driving->wish->seed + (uint64_t)d, &report);
        driving->explained.flows = d == 0 ? report : driving->explained.flows;
    }
}

// The first draws, and more of them until the strategies are told apart or there are enough.
static enum status drive_draws(struct driving *driving, struct problem *problem)
{
    const struct replay_wish *wish = driving->wish;
    enum status status = drive_all(driving, 0, problem);
    while (status == STATUS_OK && driving->draws < wish->draws_max
           && !draws_suffice(driving->rows, driving->count, driving->draws)) {
        int first = driving->draws;
        driving->draws = first + DRAWS_MORE < wish->draws_max ? first + DRAWS_MORE : wish->draws_max;
        flows_draw(driving, first);
        status = drive_all(driving, first, problem);
    }
    return status;
}

// The counts are in the book: trips, streets, table.
static enum status what_if(const struct replay_wish *wish, const struct counts_book *book, const char *recorded,
                           struct problem *problem)
{
    static struct outcome rows[STRATEGY_COUNT_MAX];
    struct driving driving = { .wish = wish, .book = book, .rows = rows, .draws = wish->draws };
    (void)snprintf(rows[0].control, sizeof rows[0].control, "%s", recorded);
    driving.count = split(wish->control, rows, 1);
    struct what_if_options options = options_of(&driving, wish->threads);
    progress_begin(&driving.progress, "what if", wish->quiet);
    flows_draw(&driving, 0);
    enum status status = what_if_fit(book, driving.flows, wish->draws, recorded, &options, &driving.explained.fit,
                                     problem);
    status = status == STATUS_OK ? drive_draws(&driving, problem) : status;
    for (int d = 0; d < driving.draws; d++) {
        flows_release(driving.flows[d]);
    }
    if (status == STATUS_OK) {
        for (int i = 0; i < driving.count; i++) {
            outcome_sum(&rows[i], driving.draws);
        }
        wish->json ? print_json(rows, driving.count, driving.draws, &driving.explained)
                   : print_text(rows, driving.count, driving.draws, &driving.explained);
    }
    return status;
}

// The wished part of what there is. false: nothing.
static bool span_clip(const struct replay_wish *wish, int64_t *begin_ms, int64_t *end_ms)
{
    int64_t from_ms = day_time_ms(&wish->from, *begin_ms, *begin_ms);
    int64_t until_ms = day_time_ms(&wish->until, *begin_ms, *end_ms);
    *begin_ms = from_ms > *begin_ms ? from_ms : *begin_ms;
    *end_ms = until_ms < *end_ms ? until_ms : *end_ms;
    return *begin_ms < *end_ms;
}

static enum status span_none(const char *path, struct problem *problem)
{
    return problem_report(problem, STATUS_RANGE, path, NULL, "See with `intergreen recording info` what it covers.",
                          "holds nothing between --from and --until");
}

enum status replay_what_if(const struct replay_wish *wish, const struct network *network,
                           const struct recording *recording, struct problem *problem)
{
    struct counts_book book;
    struct record_header header;
    if (recording->block_count == 0) {
        return problem_report(problem, STATUS_INFEASIBLE, recording->path, NULL, NULL, "is empty");
    }
    int64_t begin_ms = recording->blocks[0].first_ms;
    int64_t end_ms = recording->blocks[recording->block_count - 1].last_ms + 1;
    if (!span_clip(wish, &begin_ms, &end_ms)) {
        return span_none(recording->path, problem);
    }
    counts_create(&book, network, begin_ms, end_ms, PERIOD_MS);
    enum status status = counts_read(&book, recording, &header, problem);
    if (status == STATUS_OK) {
        status = what_if(wish, &book, wish->recorded != NULL ? wish->recorded : header.strategy, problem);
    }
    counts_release(&book);
    return status;
}

// ---- counts from files ------------------------------------------------------------------------------------------

static void file_tell(const struct replay_wish *wish, const struct count_file *file, int64_t begin_ms, int64_t end_ms)
{
    if (!wish->quiet) {
        fprintf(stderr, "counts         %s: %lld rows, %d places of the network with counts, %lld rows of others, "
                "%lld missing; %.2f h are used\n", count_layout_name(file->layout), (long long)file->rows_read,
                file->places, (long long)file->rows_foreign, (long long)file->rows_missing,
                s_from_ms(end_ms - begin_ms) / 3600.0);
    }
}

static enum status file_use(const struct replay_wish *wish, const struct count_map *map, const struct count_file *file,
                            const char *path, struct problem *problem)
{
    int64_t begin_ms = file->begin_ms, end_ms = file->end_ms;
    if (!span_clip(wish, &begin_ms, &end_ms)) {
        return span_none(path, problem);
    }
    if (end_ms - begin_ms > SPAN_MS_MAX) {
        return problem_report(problem, STATUS_LIMIT, path, NULL,
                              "Name a part with --from and --until, as --from \"2026-11-27 06:00\" --until "
                              "\"2026-11-27 10:00\".", "covers %.1f days; at most two are driven at once",
                              (double)(end_ms - begin_ms) / MS_PER_DAY);
    }
    struct counts_book book;
    counts_create(&book, map->network, begin_ms, end_ms, PERIOD_MS);
    for (int32_t i = 0; i < file->rows.count; i++) {
        const struct count_row *row = &file->rows.at[i];
        const struct count_place *place = &map->places.at[row->place];
        int64_t length_ms = row->end_ms - row->begin_ms;
        if (place->detector != INDEX_NONE) {
            counts_add_loop(&book, place->detector, row->end_ms, length_ms, row->vehicles);
        } else {
            counts_add_link(&book, place->link, row->end_ms, length_ms, row->vehicles);
        }
    }
    file_tell(wish, file, begin_ms, end_ms);
    enum status status = what_if(wish, &book, wish->recorded != NULL ? wish->recorded : "program", problem);
    counts_release(&book);
    return status;
}

enum status replay_counts(const struct replay_wish *wish, const struct network *network, const char *path,
                          struct problem *problem)
{
    struct count_map map;
    struct count_file file;
    enum status status = STATUS_OK;
    if (wish->mapping != NULL) {
        status = count_map_read(wish->mapping, network, &map, problem);
    } else {
        count_map_by_name(network, &map);
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = count_file_read(path, &map, &file, problem);
    if (status == STATUS_OK) {
        status = file_use(wish, &map, &file, path, problem);
        count_file_release(&file);
    }
    count_map_release(&map);
    return status;
}
