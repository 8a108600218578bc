#include "sim/replay/exact.h"

#include <assert.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/brain.h"
#include "engine/record/record_codec.h"

// What one block opens with.
struct entry {
    bool readable, fresh, snapshot;
};

// Blocks that are fed to one brain, one after the other.
struct segment {
    int32_t first_block, block_count;
};

struct player {
    const struct network *network;
    const struct recording *recording;
    struct recording_stream *stream;  // NULL: none yet
    int threads;                      // of its brain
    struct brain *brain;              // NULL: none yet
    struct record_header made;        // how it was made
    struct observation_buffer seen;
    struct report_memory memory;
    struct loop_memory loops;
    struct record_event_store *store;
    struct actions actions;           // of the last step
    int32_t next_plan;                // of actions.publish, to be held against the next recorded one
    bool differs;                     // the step before does; look for the intersection
    int64_t step_ms;
    struct exact_report report;
};

static double core_now(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

static void player_create(struct player *player, const struct network *network, const struct recording *recording,
                          int threads)
{
    *player = (struct player){ .network = network, .recording = recording, .threads = threads };
    observation_buffer_create(&player->seen, network->detector_count, network->detector_count, network->camera_count,
                              network->camera_count * CAMERA_BIN_COUNT_MAX);
    report_memory_create(&player->memory, network->intersection_count);
    loop_memory_create(&player->loops);
    player->store = memory_take(1, sizeof *player->store);
}

static void player_release(struct player *player)
{
    brain_release(player->brain);
    recording_stream_release(player->stream);
    observation_buffer_release(&player->seen);
    report_memory_release(&player->memory);
    loop_memory_release(&player->loops);
    free(player->store);
}

// ---- differences --------------------------------------------------------------------------------------------------

static void difference_note(struct player *player, int64_t at_ms, int32_t intersection, const char *what)
{
    struct exact_difference *first = &player->report.first;
    if (at_ms < first->at_ms || (at_ms == first->at_ms && first->intersection == INDEX_NONE)) {
        first->at_ms = at_ms;
        first->intersection = intersection;
        const char *name = intersection != INDEX_NONE
            ? network_name(player->network, player->network->intersections[intersection].name) : "the city";
        (void)snprintf(first->text.text, sizeof first->text.text, "%s: %s", name, what);
    }
}

static void step_check(struct player *player, const struct record_step *step, int64_t now_ms)
{
    uint64_t hash = HASH_SEED;
    for (int32_t i = 0; i < player->actions.publish_count; i++) {
        hash = record_plan_hash(hash, &player->actions.publish[i]);
    }
    player->differs = hash != step->plans_hash || player->actions.publish_count != step->plan_count;
    player->next_plan = 0;
    player->step_ms = now_ms;
    player->report.steps++;
    player->report.plans += player->actions.publish_count;
    player->report.steps_differing += player->differs;
    if (player->differs && player->actions.publish_count != step->plan_count) {
        char what[128];
        (void)snprintf(what, sizeof what, "%d plans recorded, %d replayed", step->plan_count,
                       player->actions.publish_count);
        difference_note(player, now_ms, INDEX_NONE, what);
    }
}

// A recorded plan of a step that differs, held against the replayed one of its intersection.
static void plan_check(struct player *player, const struct record *record)
{
    const char *field;
    struct plan *recorded = &player->store->plan;
    if (!player->differs || wire_get_plan(record->body, player->store->greens, recorded, &field) != STATUS_OK
        || recorded->intersection < 0 || recorded->intersection >= player->network->intersection_count) {
        return;
    }
    for (int32_t i = player->next_plan; i < player->actions.publish_count; i++) {
        const struct plan *replayed = &player->actions.publish[i];
        if (replayed->intersection < recorded->intersection) {
            difference_note(player, player->step_ms, replayed->intersection, "a plan replayed that was not recorded");
        } else if (replayed->intersection == recorded->intersection) {
            if (record_plan_hash(HASH_SEED, replayed) != record_plan_hash(HASH_SEED, recorded)) {
                difference_note(player, player->step_ms, recorded->intersection, "another plan than the recorded one");
            }
            player->next_plan = i + 1;
            return;
        } else {
            break;
        }
        player->next_plan = i + 1;
    }
    difference_note(player, player->step_ms, recorded->intersection, "a plan recorded that was not replayed");
}

// ---- records ------------------------------------------------------------------------------------------------------

static bool made_alike(const struct record_header *a, const struct record_header *b)
{
    bool same = strcmp(a->strategy, b->strategy) == 0 && a->region_count == b->region_count && a->epoch == b->epoch
        && a->daemon == b->daemon && a->solve_latency_ms == b->solve_latency_ms
        && a->status_age_ms_max == b->status_age_ms_max && a->regions_led == b->regions_led;
    for (int32_t r = 0; r < a->region_count && same; r++) {
        same = strcmp(a->region_strategy[r], b->region_strategy[r]) == 0;
    }
    return same;
}

static enum status brain_make(struct player *player, const struct record_header *header, struct problem *problem)
{
    const char *regions[RECORD_REGION_COUNT_MAX];
    for (int32_t r = 0; r < header->region_count; r++) {
        regions[r] = header->region_strategy[r];
    }
    bool whole = header->region_count == player->network->regions.count && header->region_count > 0;
    struct brain_options options = { .strategy = header->strategy, .region_strategy = whole ? regions : NULL,
        .epoch = header->epoch, .daemon = header->daemon, .solve_latency_ms = header->solve_latency_ms,
        .status_age_ms_max = header->status_age_ms_max, .threads = player->threads,
        .regions_led = header->regions_led };
    brain_release(player->brain);
    player->brain = NULL;
    player->made = *header;
    return brain_create(player->network, &options, &player->brain, problem);
}

static void tell(struct player *player, const struct event *event)
{
    double began_s = core_now();
    brain_step(player->brain, event, &player->actions);
    player->report.step_core_s += core_now() - began_s;
}

static enum status reports_tell(struct player *player, const struct record *record)
{
    struct report_stream stream;
    struct event event = { .kind = EVENT_STATUS, .now_ms = record->now_ms };
    enum status status = report_stream_open(&stream, record->body, record->now_ms, &player->memory);
    double began_s = core_now();
    while (status == STATUS_OK && (status = report_stream_next(&stream, &event.report)) == STATUS_OK) {
        event.intersection = event.report->intersection;
        brain_step(player->brain, &event, &player->actions);
        player->report.reports++;
    }
    player->report.step_core_s += core_now() - began_s;
    return status == STATUS_UNKNOWN ? STATUS_OK : status;
}

static enum status step_tell(struct player *player, const struct record *record)
{
    struct record_step step;
    enum status status = record_get_step(record->body, player->network, &player->loops, &player->seen,
                                          &step);
    if (status != STATUS_OK) {
        return status;
    }
    const struct observation_columns *rows = &step.rows;
    player->report.readings += rows->loops.count + rows->edges.count + rows->cameras.count;
    struct event event = { .kind = EVENT_STEP, .now_ms = record->now_ms, .seen = rows, .intersection = INDEX_NONE };
    tell(player, &event);
    step_check(player, &step, record->now_ms);
    return STATUS_OK;
}

// One record of the block. first: nothing of this segment has been told yet.
static enum status record_play(struct player *player, const struct record *record, bool first,
                               struct problem *problem)
{
    struct record_header header;
    struct cursor snapshot;
    struct event event;
    enum status status = STATUS_OK;
    switch (record->kind) {
    case RECORD_HEADER:
        // A later block of the same segment goes on with the brain that is there, unless a fresh one took over.
        status = record_get_header(record->body, &header);
        if (status == STATUS_OK && (first || header.begin_ms == record->now_ms)) {
            // A snapshot says all of a brain's state: one that was made alike takes it. Without one it is made here.
            bool there = first && header.begin_ms != record->now_ms && player->brain != NULL
                && made_alike(&player->made, &header);
            status = there ? STATUS_OK : brain_make(player, &header, problem);
        }
        return status;
    case RECORD_SNAPSHOT:
        status = record_get_snapshot(record->body, &snapshot);
        return status == STATUS_OK && first ? brain_load(player->brain, snapshot.at, cursor_bytes(&snapshot)) : status;
    case RECORD_STEP:
        return step_tell(player, record);
    case RECORD_REPORTS:
        return reports_tell(player, record);
    case RECORD_PLAN:
        plan_check(player, record);
        return STATUS_OK;
    case RECORD_OVERRIDE:
    case RECORD_PRIORITY:
    case RECORD_LINK_DOWN:
    case RECORD_RESTORE:
        status = record_get_event(record, player->store, &event);
        if (status == STATUS_OK) {
            tell(player, &event);
        }
        return status;
    case RECORD_ALARM:
    case RECORD_KIND_COUNT:
        break;
    }
    return STATUS_OK;
}

static enum status block_play(struct player *player, int32_t block, bool first, struct problem *problem)
{
    if (player->stream == NULL) {
        player->stream = recording_stream_open(player->recording, block);
    } else {
        recording_stream_seek(player->stream, block);
    }
    report_memory_forget(&player->memory);
    loop_memory_forget(&player->loops);
    enum status status = STATUS_OK;
    struct cursor bytes;
    bool opening = first;
    while (status == STATUS_OK && (status = recording_next(player->stream, &bytes)) == STATUS_OK) {
        struct record record;
        enum status opened = record_open(bytes, &record);
        if (opened == STATUS_UNKNOWN) {
            continue;                 // Of a later version.
        }
        opening = opening && (record.kind == RECORD_HEADER || record.kind == RECORD_SNAPSHOT);
        bool lost = opened != STATUS_OK || (player->brain == NULL && record.kind != RECORD_HEADER);
        status = lost ? STATUS_SYNTAX : record_play(player, &record, opening, problem);
    }
    return status == STATUS_UNKNOWN ? STATUS_OK : status;
}

// ---- segments -----------------------------------------------------------------------------------------------------

static struct entry entry_look(const struct recording *recording, int32_t block)
{
    struct entry entry = { 0 };
    struct recording_stream *stream = recording_stream_open(recording, block);
    struct cursor bytes;
    struct record record;
    struct record_header header;
    if (recording_next(stream, &bytes) == STATUS_OK && record_open(bytes, &record) == STATUS_OK
        && record.kind == RECORD_HEADER && record_get_header(record.body, &header) == STATUS_OK) {
        entry.readable = true;
        entry.snapshot = recording_next(stream, &bytes) == STATUS_OK && record_open(bytes, &record) == STATUS_OK
            && record.kind == RECORD_SNAPSHOT;
        entry.fresh = !entry.snapshot;
    }
    recording_stream_release(stream);
    return entry;
}

// Whether this build reads the snapshot of the block.
static bool snapshot_readable(const struct network *network, const struct recording *recording, int32_t block)
{
    struct player player;
    player_create(&player, network, recording, 1);
    struct recording_stream *stream = recording_stream_open(recording, block);
    struct cursor bytes;
    struct record record;
    struct problem problem;
    enum status status = STATUS_OK;
    for (int i = 0; i < 2 && status == STATUS_OK; i++) {   // Its header, its snapshot.
        status = recording_next(stream, &bytes);
        status = status == STATUS_OK ? record_open(bytes, &record) : status;
        status = status == STATUS_OK ? record_play(&player, &record, true, &problem) : status;
    }
    recording_stream_release(stream);
    player_release(&player);
    return status == STATUS_OK;
}

struct segments {
    LIST_OF(struct segment) list;
    int32_t blocks, skipped;
    bool snapshots;
};

static void segments_find(const struct network *network, const struct recording *recording,
                          const struct exact_options *options, struct segments *ret)
{
    bool open = false;
    for (int32_t b = 0; b < recording->block_count; b++) {
        if (entry_look(recording, b).snapshot) {
            ret->snapshots = snapshot_readable(network, recording, b);   // The others are of the same build.
            break;
        }
    }
    for (int32_t b = 0; b < recording->block_count; b++) {
        const struct recording_block *block = &recording->blocks[b];
        bool wanted = block->first_ms <= options->until_ms && block->last_ms >= options->from_ms;
        // Without snapshots a segment must be entered at its start, wanted or not.
        bool needed = wanted || (!ret->snapshots && block->first_ms <= options->until_ms);
        if (!needed) {
            open = false;
            continue;
        }
        ret->blocks++;
        // Where snapshots are read every block can be entered; what it opens with shows when it is played.
        struct entry entry = ret->snapshots ? (struct entry){ .readable = true, .fresh = true }
                                            : entry_look(recording, b);
        if (entry.readable && entry.fresh) {
            struct segment *segment = GROW(ret->list);
            *segment = (struct segment){ .first_block = b, .block_count = 1 };
            open = true;
        } else if (open && entry.readable) {
            ret->list.at[ret->list.count - 1].block_count++;
        } else {
            ret->skipped++;
            open = false;
        }
    }
}

static void report_add(struct exact_report *sum, const struct exact_report *part)
{
    sum->steps += part->steps;
    sum->plans += part->plans;
    sum->readings += part->readings;
    sum->reports += part->reports;
    sum->steps_differing += part->steps_differing;
    sum->blocks_damaged += part->blocks_damaged;
    sum->step_core_s += part->step_core_s;
    if (part->steps_differing > 0 && part->first.at_ms < sum->first.at_ms) {
        sum->first = part->first;
    }
}

static void segment_play(struct player *player, const struct segment *segment)
{
    struct problem problem;
    player->report = (struct exact_report){ .first = { .at_ms = INT64_MAX, .intersection = INDEX_NONE } };
    player->differs = false;
    for (int32_t b = 0; b < segment->block_count; b++) {
        if (block_play(player, segment->first_block + b, b == 0, &problem) != STATUS_OK) {
            player->report.blocks_damaged += segment->block_count - b;   // What follows has lost its past.
            break;
        }
    }
}

enum status exact_replay(const struct network *network, const struct recording *recording,
                         const struct exact_options *options, struct exact_report *ret, struct problem *problem)
{
    if (recording->network_hash != network->hash) {
        return problem_report(problem, STATUS_VERSION, recording->path, NULL,
                              "Name the network and the site data that the recording was made with.",
                              "is a recording of another network (fingerprint %016llx, not %016llx)",
                              (unsigned long long)recording->network_hash, (unsigned long long)network->hash);
    }
    struct segments segments = { 0 };
    segments_find(network, recording, options, &segments);
    struct exact_report report = { .blocks = segments.blocks, .blocks_skipped = segments.skipped,
        .segments = segments.list.count, .snapshots_used = segments.snapshots && segments.list.count > 1,
        .first = { .at_ms = INT64_MAX, .intersection = INDEX_NONE } };
    int threads = options->threads < segments.list.count ? options->threads : segments.list.count;
    int brain_threads = segments.list.count <= 1 ? options->threads : 1;
    int32_t done = 0;
#pragma omp parallel num_threads(threads > 0 ? threads : 1)
    {
        struct player player;
        player_create(&player, network, recording, brain_threads);
#pragma omp for schedule(dynamic, 1)
        for (int32_t s = 0; s < segments.list.count; s++) {
            segment_play(&player, &segments.list.at[s]);
#pragma omp critical
            {
                report_add(&report, &player.report);
                done += segments.list.at[s].block_count;
                if (options->progress != NULL) {
                    options->progress(options->owner, done, segments.blocks);
                }
            }
        }
        player_release(&player);
    }
    free(segments.list.at);
    *ret = report;
    return STATUS_OK;
}
