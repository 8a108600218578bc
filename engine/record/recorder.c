#include "engine/record/recorder.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/record/record_codec.h"

struct recorder {
    const struct network *network;
    struct recorder_sink sink;
    struct record_header header;
    struct record_writer records;     // of the chunk that is being filled
    struct report_memory memory;
    struct loop_memory loops;
    LIST_OF(struct controller_report) reports;   // told one after the other at reports_ms, not yet written
    int64_t reports_ms;
    uint8_t *snapshot;
    size_t snapshot_capacity;
    uint64_t sequence;                // of steps
    int64_t first_ms, last_ms;        // of the chunk
    int64_t block_ms;                 // when the block began
    int64_t lost;
    bool begins_file, begins_block;   // the chunk that is being filled
};

void recorder_create(const struct network *network, const char *network_name, struct recorder_sink sink,
                     struct recorder **ret)
{
    struct recorder *recorder = memory_take(1, sizeof *recorder);
    recorder->network = network;
    recorder->sink = sink;
    recorder->header.network_hash = network->hash;
    (void)snprintf(recorder->header.network, sizeof recorder->header.network, "%s", network_name);
    (void)snprintf(recorder->header.software, sizeof recorder->header.software, "intergreen");
    report_memory_create(&recorder->memory, network->intersection_count);
    loop_memory_create(&recorder->loops);
    *ret = recorder;
}

// ---- chunks -------------------------------------------------------------------------------------------------------

static void reports_flush(struct recorder *recorder)
{
    if (recorder->reports.count > 0) {
        record_put_reports(&recorder->records, recorder->reports_ms, &recorder->memory, recorder->reports.at,
                           recorder->reports.count);
        recorder->reports.count = 0;
    }
}

static void time_note(struct recorder *recorder, int64_t now_ms)
{
    if (recorder->records.used == 0 && recorder->reports.count == 0) {
        recorder->first_ms = now_ms;
    }
    recorder->last_ms = now_ms;
}

static void chunk_put(struct recorder *recorder)
{
    reports_flush(recorder);
    if (recorder->records.used == 0) {
        return;
    }
    bool taken = recorder->sink.put(recorder->sink.owner, recorder->records.at, recorder->records.used,
                                    recorder->first_ms, recorder->last_ms, recorder->begins_file,
                                    recorder->begins_block);
    recorder->records.used = 0;
    if (taken) {
        recorder->begins_file = recorder->begins_block = false;
    } else {
        recorder->lost++;
        recorder->block_ms = INT64_MIN;   // What follows cannot be read without what was lost.
    }
}

// A block opens with how the brain was made, and how it is.
static void block_begin(struct recorder *recorder, struct brain *brain, int64_t now_ms, bool fresh)
{
    chunk_put(recorder);
    recorder->begins_block = true;
    recorder->block_ms = now_ms;
    report_memory_forget(&recorder->memory);
    loop_memory_forget(&recorder->loops);
    time_note(recorder, now_ms);
    record_put_header(&recorder->records, now_ms, &recorder->header);
    if (!fresh) {
        size_t bytes = brain_save(brain, NULL, 0);
        if (recorder->snapshot_capacity < bytes) {
            free(recorder->snapshot);
            recorder->snapshot = memory_take(bytes, 1);
            recorder->snapshot_capacity = bytes;
        }
        size_t saved = brain_save(brain, recorder->snapshot, bytes);
        assert(saved == bytes);
        record_put_snapshot(&recorder->records, now_ms, recorder->snapshot, saved);
    }
}

void recorder_release(struct recorder *recorder)
{
    if (recorder == NULL) {
        return;
    }
    chunk_put(recorder);
    record_writer_release(&recorder->records);
    report_memory_release(&recorder->memory);
    loop_memory_release(&recorder->loops);
    free(recorder->reports.at);
    free(recorder->snapshot);
    free(recorder);
}

// ---- what happens -------------------------------------------------------------------------------------------------

void recorder_begin(struct recorder *recorder, struct brain *brain, const struct brain_options *options, int64_t now_ms,
                    bool fresh)
{
    struct record_header *header = &recorder->header;
    chunk_put(recorder);
    header->begin_ms = now_ms;
    (void)snprintf(header->strategy, sizeof header->strategy, "%s", options->strategy);
    header->region_count = 0;
    int32_t regions = recorder->network->regions.count;
    for (int32_t r = 0; options->region_strategy != NULL && r < regions && r < RECORD_REGION_COUNT_MAX; r++) {
        const char *name = options->region_strategy[r];
        (void)snprintf(header->region_strategy[header->region_count++], STRATEGY_NAME_BYTES_MAX, "%s",
                       name != NULL ? name : options->strategy);
    }
    header->epoch = options->epoch;
    header->daemon = options->daemon;
    header->solve_latency_ms = options->solve_latency_ms;
    header->status_age_ms_max = options->status_age_ms_max;
    header->regions_led = options->regions_led;
    recorder->begins_file = true;
    block_begin(recorder, brain, now_ms, fresh);
}

static void step_told(struct recorder *recorder, struct brain *brain, const struct event *event,
                      const struct actions *actions)
{
    record_put_step(&recorder->records, event->now_ms, ++recorder->sequence, &recorder->loops, event->seen,
                    actions->publish, actions->publish_count);
    if (recorder->last_ms - recorder->first_ms >= RECORDER_CHUNK_MS - 1
        || event->now_ms - recorder->first_ms >= RECORDER_CHUNK_MS - 1 || recorder->records.used >= 1u << 16) {
        chunk_put(recorder);
    }
    if (recorder->block_ms == INT64_MIN || event->now_ms - recorder->block_ms >= RECORDER_BLOCK_MS) {
        block_begin(recorder, brain, event->now_ms, false);
    }
}

void recorder_told(struct recorder *recorder, struct brain *brain, const struct event *event,
                   const struct actions *actions)
{
    if (event->kind != EVENT_STATUS || (recorder->reports.count > 0 && recorder->reports_ms != event->now_ms)) {
        reports_flush(recorder);
    }
    time_note(recorder, event->now_ms);
    switch (event->kind) {
    case EVENT_STATUS:
        if (event->report != NULL) {
            recorder->reports_ms = event->now_ms;
            *GROW(recorder->reports) = *event->report;
        }
        break;
    case EVENT_STEP:
        step_told(recorder, brain, event, actions);
        break;
    case EVENT_OVERRIDE:
    case EVENT_PRIORITY:
    case EVENT_LINK_DOWN:
    case EVENT_RESTORE:
        record_put_event(&recorder->records, event, actions->accepted);
        break;
    }
}

void recorder_alarm(struct recorder *recorder, int64_t now_ms, int32_t intersection, bool raised, const char *text)
{
    reports_flush(recorder);
    time_note(recorder, now_ms);
    record_put_alarm(&recorder->records, now_ms, intersection, raised, text);
}

int64_t recorder_lost(const struct recorder *recorder)
{
    return recorder->lost;
}
