#include "cli/recording_csv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/memory.h"
#include "engine/model/units.h"
#include "engine/record/high_resolution.h"
#include "engine/record/record_codec.h"

const char csv_kinds[] = "loops, edges, cameras, plans, reports, events, high-resolution";

#define LATE_MS 2000                  // a reading may come so long after what it tells of

struct csv {
    const struct network *network;
    const struct csv_options *options;
    FILE *out;
    struct observation_buffer seen;
    struct report_memory memory;
    struct loop_memory loops;
    struct report_list reports;
    struct record_event_store *store;
    struct high_resolution *log;      // of that kind, or NULL
};

static bool wanted(const struct csv *csv, int32_t intersection)
{
    return csv->options->intersection == INDEX_NONE || csv->options->intersection == intersection;
}

static const char *intersection_name(const struct csv *csv, int32_t intersection)
{
    return intersection >= 0 && intersection < csv->network->intersection_count
        ? network_name(csv->network, csv->network->intersections[intersection].name) : "";
}

static void loops_write(const struct csv *csv, const struct loop_columns *rows)
{
    for (int32_t i = 0; i < rows->count; i++) {
        const struct detector *detector = &csv->network->detectors[rows->detector[i]];
        if (wanted(csv, detector->intersection)) {
            fprintf(csv->out, "%s,%" PRId64 ",%d,%d,%d,%d\n", network_name(csv->network, detector->name),
                    rows->end_ms[i], rows->length_ms[i], rows->vehicles[i], rows->occupied_ms[i], rows->speed_mmps[i]);
        }
    }
}

static void edges_write(const struct csv *csv, const struct edge_columns *rows)
{
    for (int32_t i = 0; i < rows->count; i++) {
        const struct detector *detector = &csv->network->detectors[rows->detector[i]];
        if (wanted(csv, detector->intersection)) {
            fprintf(csv->out, "%s,%" PRId64 ",%d\n", network_name(csv->network, detector->name), rows->at_ms[i],
                    rows->on[i]);
        }
    }
}

static void cameras_write(const struct csv *csv, const struct camera_columns *rows)
{
    for (int32_t i = 0; i < rows->count; i++) {
        const struct camera *camera = &csv->network->cameras[rows->camera[i]];
        if (wanted(csv, camera->intersection)) {
            fprintf(csv->out, "%s,%" PRId64 ",%d,%d,%d,%d,%d,%d,%d,%d,%d\n", network_name(csv->network, camera->name),
                    rows->end_ms[i], rows->length_ms[i], rows->in_view[i], rows->queued[i], rows->tail_mm[i],
                    rows->speed_mmps[i], rows->turned[0][i], rows->turned[1][i], rows->turned[2][i],
                    rows->turned[3][i]);
        }
    }
}

static void plan_write(const struct csv *csv, const struct record *record)
{
    const struct plan *plan = &csv->store->plan;
    const char *field;
    if (wire_get_plan(record->body, csv->store->greens, &csv->store->plan, &field) != STATUS_OK
        || !wanted(csv, plan->intersection)) {
        return;
    }
    for (int32_t g = 0; g < plan->green_count; g++) {
        fprintf(csv->out, "%" PRId64 ",%s,%u.%u.%u,%s,%" PRId64 ",%" PRId64 ",%d,%d,%d,%d,%d,%" PRId64 ",%" PRId64 "\n",
                record->now_ms, intersection_name(csv, plan->intersection), plan->version.epoch, plan->version.daemon,
                plan->version.sequence, plan->kind == PLAN_CYCLIC ? "cyclic" : "rolling", plan->valid_from_ms,
                plan->valid_until_ms, (int)plan->reason.kind, plan->reason.now_value, plan->reason.best_value,
                plan->greens[g].group, plan->greens[g].stage, plan->base_ms + plan->greens[g].start_ms,
                plan->base_ms + plan->greens[g].end_ms);
    }
}

static void reports_write(struct csv *csv, bool write)
{
    for (int32_t i = 0; write && i < csv->reports.count; i++) {
        const struct controller_report *report = &csv->reports.at[i];
        if (wanted(csv, report->intersection)) {
            fprintf(csv->out, "%" PRId64 ",%s,%d,%d,%u.%u.%u,%u,", report->time_ms,
                    intersection_name(csv, report->intersection), (int)report->mode, report->stage,
                    report->running.epoch, report->running.daemon, report->running.sequence, report->faults);
            for (int32_t g = 0; g < report->group_count; g++) {
                fputc('0' + report->aspect[g], csv->out);
            }
            fputc('\n', csv->out);
        }
    }
}

// Texts of operators may hold commas and quotes. [RFC4180]
static void text_write(FILE *out, const char *text)
{
    fputc('"', out);
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"') {
            fputc('"', out);
        }
        fputc(*at, out);
    }
    fputc('"', out);
}

static void event_write(const struct csv *csv, const struct record *record)
{
    struct event event;
    struct record_alarm alarm;
    int32_t intersection = INDEX_NONE;
    char text[PROBLEM_BYTES_MAX] = "";
    if (record->kind == RECORD_ALARM && record_get_alarm(record->body, &alarm) == STATUS_OK) {
        intersection = alarm.intersection;
        (void)snprintf(text, sizeof text, "%s: %.700s", alarm.raised ? "raised" : "cleared", alarm.text);
    } else if (record->kind != RECORD_ALARM && record_get_event(record, csv->store, &event) == STATUS_OK) {
        intersection = event.intersection;
        if (event.kind == EVENT_OVERRIDE) {
            (void)snprintf(text, sizeof text, "kind %d, stage %d, strategy '%s', until %" PRId64 ", by %s",
                           (int)event.override->kind, event.override->stage, event.override->strategy,
                           event.override->until_ms, event.override->operator_name);
        } else if (event.kind == EVENT_PRIORITY) {
            (void)snprintf(text, sizeof text, "vehicle %" PRId64 ", kind %d, %d mm before the end of lane %d",
                           event.priority->vehicle, (int)event.priority->kind, event.priority->to_stop_mm,
                           event.priority->lane);
        }
    }
    if (wanted(csv, intersection)) {
        fprintf(csv->out, "%" PRId64 ",%s,%s,", record->now_ms, intersection_name(csv, intersection),
                record_kind_name(record->kind));
        text_write(csv->out, text);
        fputc('\n', csv->out);
    }
}

// Sorted by time; SignalId is the intersection's place in the network, from 1, as ATSPM wants numbers.
static void high_resolution_write(const struct csv *csv, int64_t until_ms)
{
    const struct high_resolution_event *rows;
    int32_t count = high_resolution_take(csv->log, until_ms, &rows);
    for (int32_t i = 0; i < count; i++) {
        if (!wanted(csv, rows[i].intersection) || rows[i].at_ms < csv->options->from_ms
            || rows[i].at_ms > csv->options->until_ms) {
            continue;
        }
        time_t second = (time_t)(quantum_floor(rows[i].at_ms, MS_PER_S) / MS_PER_S);
        struct tm parts;
        char text[32];
        (void)gmtime_r(&second, &parts);
        (void)strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
        fprintf(csv->out, "%d,%s.%d,%d,%d\n", rows[i].intersection + 1, text,
                (int)(rows[i].at_ms - (int64_t)second * MS_PER_S) / 100, rows[i].code, rows[i].parameter);
    }
}

// Each step is read, since the next one is told by how it differs; only those wanted are written.
static enum status step_write(struct csv *csv, const struct record *record, bool in)
{
    struct record_step step;
    enum status status = record_get_step(record->body, csv->network, &csv->loops, &csv->seen, &step);
    const struct observation_columns *rows = &step.rows;
    if (status != STATUS_OK || !in) {
        return status;
    }
    if (status == STATUS_OK && strcmp(csv->options->kind, "loops") == 0) {
        loops_write(csv, &rows->loops);
    } else if (status == STATUS_OK && strcmp(csv->options->kind, "edges") == 0) {
        edges_write(csv, &rows->edges);
    } else if (status == STATUS_OK && strcmp(csv->options->kind, "cameras") == 0) {
        cameras_write(csv, &rows->cameras);
    } else if (status == STATUS_OK && csv->log != NULL) {
        high_resolution_seen(csv->log, rows);
        high_resolution_tick(csv->log, record->now_ms);
        high_resolution_write(csv, record->now_ms - LATE_MS);
    }
    return status;
}

static enum status record_write(struct csv *csv, const struct record *record)
{
    const char *kind = csv->options->kind;
    bool in = record->now_ms >= csv->options->from_ms && record->now_ms <= csv->options->until_ms;
    switch (record->kind) {
    case RECORD_REPORTS: {
        // All must be read: a later one may follow from an earlier one.
        enum status status = record_get_reports(record->body, record->now_ms, &csv->memory, &csv->reports);
        reports_write(csv, status == STATUS_OK && in && strcmp(kind, "reports") == 0);
        for (int32_t i = 0; csv->log != NULL && status == STATUS_OK && i < csv->reports.count; i++) {
            high_resolution_report(csv->log, &csv->reports.at[i]);
        }
        return status;
    }
    case RECORD_STEP:
        return step_write(csv, record, in);
    case RECORD_PLAN:
        if (in && strcmp(kind, "plans") == 0) {
            plan_write(csv, record);
        }
        const char *field;
        if (csv->log != NULL
            && wire_get_plan(record->body, csv->store->greens, &csv->store->plan, &field) == STATUS_OK) {
            high_resolution_plan(csv->log, &csv->store->plan);
        }
        return STATUS_OK;
    case RECORD_OVERRIDE:
    case RECORD_PRIORITY:
    case RECORD_LINK_DOWN:
    case RECORD_RESTORE:
    case RECORD_ALARM:
        if (in && strcmp(kind, "events") == 0) {
            event_write(csv, record);
        }
        struct event event;
        if (csv->log != NULL && record->kind == RECORD_PRIORITY
            && record_get_event(record, csv->store, &event) == STATUS_OK) {
            high_resolution_priority(csv->log, record->now_ms, event.priority);
        }
        return STATUS_OK;
    case RECORD_HEADER:
    case RECORD_SNAPSHOT:
    case RECORD_KIND_COUNT:
        break;
    }
    return STATUS_OK;
}

static const struct { const char *kind, *columns; } HEADS[] = {
    { "loops", "detector,end_ms,length_ms,vehicles,occupied_ms,speed_mmps" },
    { "edges", "detector,at_ms,on" },
    { "cameras",
      "camera,end_ms,length_ms,in_view,queued,tail_mm,speed_mmps,through,left,right,u_turn" },
    { "plans",
      "published_ms,intersection,version,kind,valid_from_ms,valid_until_ms,reason,now_value,best_value,group,stage,"
      "green_start_ms,green_end_ms" },
    { "reports", "time_ms,intersection,mode,stage,running,faults,aspects" },
    { "events", "time_ms,intersection,what,text" },
    { "high-resolution", "SignalId,Timestamp,EventCode,EventParam" },
};

static const char *head_of(const char *kind)
{
    for (size_t i = 0; i < sizeof HEADS / sizeof *HEADS; i++) {
        if (strcmp(HEADS[i].kind, kind) == 0) {
            return HEADS[i].columns;
        }
    }
    return NULL;
}

static void block_write(struct csv *csv, const struct recording *recording, int32_t block)
{
    struct recording_stream *stream = recording_stream_open(recording, block);
    struct cursor bytes;
    struct record record;
    report_memory_forget(&csv->memory);
    loop_memory_forget(&csv->loops);
    enum status status = STATUS_OK;
    while (status == STATUS_OK && recording_next(stream, &bytes) == STATUS_OK) {
        enum status opened = record_open(bytes, &record);
        status = opened == STATUS_OK ? record_write(csv, &record) : opened == STATUS_UNKNOWN ? STATUS_OK : opened;
    }
    if (status != STATUS_OK) {
        fprintf(stderr, "note: %s: block %d is damaged; its rows end early\n", recording->path, block);
    }
    recording_stream_release(stream);
}

enum status recording_csv(const struct network *network, const struct recording *recording,
                          const struct csv_options *options, FILE *out, struct problem *problem)
{
    const char *head = head_of(options->kind);
    if (head == NULL) {
        return problem_report(problem, STATUS_UNKNOWN, "--kind", options->kind, "Name one of them.",
                              "there is no such kind; there are: %s", csv_kinds);
    }
    if (recording->network_hash != network->hash) {
        return problem_report(problem, STATUS_VERSION, recording->path, NULL,
                              "Name the network and the site data that it was made with.",
                              "is a recording of another network");
    }
    struct csv csv = { .network = network, .options = options, .out = out };
    observation_buffer_create(&csv.seen, network->detector_count, network->detector_count, network->camera_count,
                              network->camera_count * CAMERA_BIN_COUNT_MAX);
    report_memory_create(&csv.memory, network->intersection_count);
    loop_memory_create(&csv.loops);
    csv.store = memory_take(1, sizeof *csv.store);
    csv.log = strcmp(options->kind, "high-resolution") == 0 ? high_resolution_create(network) : NULL;
    fprintf(out, "%s\n", head);
    for (int32_t b = recording_find(recording, options->from_ms);
         b < recording->block_count && recording->blocks[b].first_ms <= options->until_ms; b++) {
        block_write(&csv, recording, b);
    }
    if (csv.log != NULL) {
        high_resolution_write(&csv, INT64_MAX);
        high_resolution_release(csv.log);
    }
    observation_buffer_release(&csv.seen);
    report_memory_release(&csv.memory);
    loop_memory_release(&csv.loops);
    free(csv.reports.at);
    free(csv.store);
    return STATUS_OK;
}
