#include "cli/replay_what_if.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/progress.h"
#include "engine/model/units.h"
#include "sim/replay/what_if.h"
#include "sim/report/measures.h"

#define PERIOD_MS 300000
#define STRATEGY_COUNT_MAX 16

struct outcome {
    char control[STRATEGY_NAME_BYTES_MAX];
    struct measures measures;
};

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

static void print_json(const struct outcome *rows, int count, const struct flows_report *flows,
                       const struct volume_check *check)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++) {
        const struct measures *m = &rows[i].measures;
        (void)json_array_append_new(list, json_pack(
            "{s:s, s:b, s:f, s:f, s:f, s:f, s:I, s:I}", "control", rows[i].control, "recorded", i == 0,
            "average_travel_time_s", m->average_travel_time_s, "average_delay_s", m->average_delay_s,
            "average_queue_veh", m->average_queue_veh, "stops_per_vehicle", m->stops_per_vehicle,
            "vehicles_scheduled", (json_int_t)m->scheduled, "vehicles_arrived", (json_int_t)m->arrived));
    }
    json_t *object = json_pack("{s:i, s:f, s:f, s:f, s:i, s:f, s:o}", "detectors", check->places,
        "geh_below_5_percent", check->places > 0 ? 100.0 * check->good / check->places : 0.0, "geh_mean",
        check->geh_mean, "geh_worst", check->geh_worst, "trips", flows->trips, "explained_percent",
        100.0 * flows->explained, "strategies", list);
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    fputc('\n', stdout);
    json_decref(object);
}

static void print_text(const struct outcome *rows, int count, const struct flows_report *flows,
                       const struct volume_check *check)
{
    printf("%d trips explain %.1f %% of the links' counts; driven under %s, GEH is below 5 at %.1f %% of %d detectors\n"
           "(mean %.2f, worst %.1f)\n\n", flows->trips, 100.0 * flows->explained, rows[0].control,
           check->places > 0 ? 100.0 * check->good / check->places : 0.0, check->places, check->geh_mean,
           check->geh_worst);
    printf("%-14s %12s %9s %9s %7s %10s\n%-14s %12s %9s %9s %7s %10s\n", "strategy", "travel time", "delay", "queue",
           "stops", "arrived", "", "s", "s", "veh", "/veh", "veh");
    for (int i = 0; i < count; i++) {
        const struct measures *m = &rows[i].measures;
        printf("%-14s %12.1f %9.1f %9.1f %7.2f %10lld%s\n", rows[i].control, m->average_travel_time_s,
               m->average_delay_s, m->average_queue_veh, m->stops_per_vehicle, (long long)m->arrived,
               i == 0 ? "   (as recorded)" : "");
    }
    for (int i = 1; i < count && rows[0].measures.average_delay_s > 0.0; i++) {
        printf("%s: %+.1f %% delay against %s\n", rows[i].control,
               100.0 * (rows[i].measures.average_delay_s / rows[0].measures.average_delay_s - 1.0), rows[0].control);
    }
}

static enum status drive_all(const struct replay_wish *wish, const struct counts_book *book,
                             const struct trip_columns *trips, struct outcome *rows, int count,
                             struct volume_check *check, struct problem *problem)
{
    struct what_if_options options = { .begin_ms = book->begin_ms, .threads = wish->threads, .seed = wish->seed,
        .end_ms = book->begin_ms + book->period_count * book->period_ms };
    struct progress progress;
    progress_begin(&progress, "what if", wish->quiet);
    for (int i = 0; i < count; i++) {
        struct what_if_run run;
        enum status status = what_if_drive(book, trips, rows[i].control, &options, &run, problem);
        if (status != STATUS_OK) {
            progress_break(&progress);
            return status;
        }
        measures_of(run.loop, book->network, NULL, &rows[i].measures);
        if (i == 0) {
            volumes_check(book, &run.counted, check);
        }
        what_if_release(&run);
        progress_tell(&progress, (double)(i + 1) / count, rows[i].control);
    }
    return STATUS_OK;
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
    counts_create(&book, network, begin_ms, end_ms, PERIOD_MS);
    enum status status = counts_read(&book, recording, &header, problem);
    if (status == STATUS_OK) {
        struct trip_columns trips;
        struct flows_report flows;
        struct volume_check check;
        struct outcome rows[STRATEGY_COUNT_MAX] = { { .control = "" } };
        (void)snprintf(rows[0].control, sizeof rows[0].control, "%s", header.strategy);
        int count = split(wish->control, rows, 1);
        flows_trips(&book, wish->seed, &trips, &flows);
        status = drive_all(wish, &book, &trips, rows, count, &check, problem);
        if (status == STATUS_OK) {
            wish->json ? print_json(rows, count, &flows, &check) : print_text(rows, count, &flows, &check);
        }
        flows_release(&trips);
    }
    counts_release(&book);
    return status;
}
