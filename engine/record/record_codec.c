#include "engine/record/record_codec.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/wire/fields.h"
#include "engine/wire/observation_codec.h"
#include "engine/wire/report_codec.h"

#define HEAD_BYTES_MAX 32              // of a record: its length, its time, the tag and length of its body
#define FIELD_NOW 16
#define TEXT_BYTES_MAX 4096            // more than all texts and numbers of any one small record

const char *record_kind_name(enum record_kind kind)
{
    static const char *const NAMES[RECORD_KIND_COUNT] = { "unknown", "header", "step", "reports", "override",
        "priority", "link_down", "restore", "plan", "alarm", "snapshot" };
    return NAMES[kind < RECORD_KIND_COUNT ? kind : 0];
}

// ---- writing ------------------------------------------------------------------------------------------------------

void record_writer_release(struct record_writer *writer)
{
    free(writer->at);
    free(writer->scratch);
    *writer = (struct record_writer){ 0 };
}

static void room_make(uint8_t **at, size_t *capacity, size_t used, size_t needed)
{
    if (*capacity - used >= needed) {
        return;
    }
    size_t wanted = 2 * *capacity + needed;
    uint8_t *larger = memory_take(wanted, 1);
    if (used > 0) {
        memcpy(larger, *at, used);
    }
    free(*at);
    *at = larger;
    *capacity = wanted;
}

// A writer for a body of at most body_bytes_max, with room for the record's head before it.
static struct frame_writer body_begin(struct record_writer *writer, size_t body_bytes_max)
{
    room_make(&writer->at, &writer->capacity, writer->used, HEAD_BYTES_MAX + body_bytes_max);
    return (struct frame_writer){ .at = writer->at + writer->used + HEAD_BYTES_MAX, .capacity = body_bytes_max };
}

// Puts the head before the body and closes the gap.
static void body_end(struct record_writer *writer, const struct frame_writer *body, enum record_kind kind,
                     int64_t now_ms)
{
    assert(!body->full);
    uint64_t tag = (uint64_t)kind << 3 | WIRE_BYTES, tag_now = (uint64_t)FIELD_NOW << 3 | WIRE_VARINT;
    uint64_t now = zigzag_encode(now_ms);
    size_t bytes = varint_size(tag_now) + varint_size(now) + varint_size(tag) + varint_size(body->used) + body->used;
    uint8_t head[HEAD_BYTES_MAX + VARINT_BYTES_MAX];
    uint8_t *end = varint_write(head, bytes);
    end = varint_write(varint_write(end, tag_now), now);
    end = varint_write(varint_write(end, tag), body->used);
    size_t head_bytes = (size_t)(end - head);
    assert(head_bytes <= HEAD_BYTES_MAX);
    uint8_t *at = writer->at + writer->used;
    memmove(at + head_bytes, body->at, body->used);
    memcpy(at, head, head_bytes);
    writer->used += head_bytes + body->used;
}

void record_put_header(struct record_writer *writer, int64_t now_ms, const struct record_header *header)
{
    struct frame_writer out = body_begin(writer, TEXT_BYTES_MAX
        + (size_t)header->region_count * (STRATEGY_NAME_BYTES_MAX + 4));
    put_uint(&out, 1, RECORD_FORMAT);
    put_fixed64(&out, 2, header->network_hash);
    put_text(&out, 3, header->network);
    put_text(&out, 4, header->software);
    put_sint(&out, 5, header->begin_ms);
    put_text(&out, 6, header->strategy);
    for (int32_t r = 0; r < header->region_count; r++) {
        put_text(&out, 7, header->region_strategy[r]);
    }
    put_uint(&out, 8, header->epoch);
    put_uint(&out, 9, header->daemon);
    put_uint(&out, 10, (uint64_t)header->solve_latency_ms);
    put_uint(&out, 11, (uint64_t)header->status_age_ms_max);
    if (header->regions_led != 0) {
        put_uint(&out, 12, header->regions_led);
    }
    body_end(writer, &out, RECORD_HEADER, now_ms);
}

uint64_t record_plan_hash(uint64_t hash, const struct plan *plan)
{
    uint8_t bytes[WIRE_PLAN_BYTES_MAX];
    size_t count = wire_pack_plan(plan, bytes, sizeof bytes);
    assert(count > 0);
    return hash_bytes(hash, bytes, count);
}

static bool columns_empty(const struct observation_columns *seen)
{
    return seen->loops.count == 0 && seen->edges.count == 0 && seen->cameras.count == 0;
}

// The batch as the wire would carry it, in the scratch memory.
static struct cursor batch_pack(struct record_writer *writer, uint64_t sequence,
                                const struct observation_columns *seen)
{
    size_t bins = seen->cameras.count > 0 ? (size_t)seen->cameras.first_bin[seen->cameras.count] : 0;
    size_t bound = 1024 + (size_t)seen->loops.count * 30 + (size_t)seen->edges.count * 15
        + (size_t)seen->cameras.count * 60 + bins * 10;   // Five bytes at most for each number.
    room_make(&writer->scratch, &writer->scratch_capacity, 0, bound);
    struct frame_writer out = { .at = writer->scratch, .capacity = writer->scratch_capacity };
    struct observation_position position = { 0 };
    enum status status = wire_put_observations(&out, sequence, seen, FRAME_BYTES_MAX_LIMIT, &position);
    struct cursor frame = { out.at, out.at + out.used }, message = { 0 };
    uint64_t length;
    enum frame_kind kind;
    bool packed = status == STATUS_OK && observation_position_done(&position, seen) && varint_read(&frame, &length)
        && frame_open(frame, &kind, &message) == STATUS_OK;
    return packed ? message : (struct cursor){ 0 };
}

void record_put_step(struct record_writer *writer, int64_t now_ms, uint64_t sequence, struct loop_memory *memory,
                     const struct observation_columns *seen, const struct plan *plans, int32_t plan_count)
{
    struct cursor batch = { 0 };
    struct observation_columns rest = { 0 };
    bool again = seen != NULL && loop_memory_follows(memory, &seen->loops);
    if (seen != NULL) {
        rest = *seen;
        rest.loops.count = again ? 0 : seen->loops.count;
    }
    if (!columns_empty(&rest)) {
        batch = batch_pack(writer, sequence, &rest);
    }
    size_t again_bound = again ? loop_memory_bound(&seen->loops) : 0;
    struct frame_writer out = body_begin(writer, cursor_bytes(&batch) + 64 + again_bound);
    uint64_t hash = HASH_SEED;
    for (int32_t i = 0; i < plan_count; i++) {
        hash = record_plan_hash(hash, &plans[i]);
    }
    if (batch.at != NULL) {
        put_tag(&out, 1, WIRE_BYTES);
        put_varint(&out, cursor_bytes(&batch));
        put_bytes(&out, batch.at, cursor_bytes(&batch));
    }
    if (again) {
        room_make(&writer->scratch, &writer->scratch_capacity, 0, again_bound);
        struct frame_writer loops = { .at = writer->scratch, .capacity = writer->scratch_capacity };
        loop_memory_write(memory, &seen->loops, &loops);
        put_tag(&out, 4, WIRE_BYTES);
        put_varint(&out, loops.used);
        put_bytes(&out, loops.at, loops.used);
    }
    if (seen != NULL && seen->loops.count > 0) {
        loop_memory_keep(memory, &seen->loops);
    }
    put_uint(&out, 2, (uint64_t)plan_count);
    put_fixed64(&out, 3, hash);
    body_end(writer, &out, RECORD_STEP, now_ms);
    for (int32_t i = 0; i < plan_count; i++) {
        struct frame_writer plan = body_begin(writer, WIRE_PLAN_BYTES_MAX);
        plan.used = wire_pack_plan(&plans[i], plan.at, plan.capacity);
        body_end(writer, &plan, RECORD_PLAN, now_ms);
    }
}

// ---- reports ------------------------------------------------------------------------------------------------------

void report_memory_create(struct report_memory *memory, int32_t intersection_count)
{
    *memory = (struct report_memory){ .count = intersection_count };
    memory->last = memory_take((size_t)intersection_count, sizeof *memory->last);
    memory->known = memory_take((size_t)intersection_count, sizeof *memory->known);
}

void report_memory_release(struct report_memory *memory)
{
    free(memory->last);
    free(memory->known);
    free(memory->told.at);
    free(memory->foreseen.at);
    *memory = (struct report_memory){ 0 };
}

void report_memory_forget(struct report_memory *memory)
{
    memset(memory->known, 0, (size_t)memory->count * sizeof *memory->known);
}

// Makes the last report say what it says of a later time, if nothing has changed. NULL: there is none, or the time is
// none that it can speak of.
static struct controller_report *report_foresee(struct report_memory *memory, int32_t intersection, int64_t time_ms)
{
    if (intersection < 0 || intersection >= memory->count || !memory->known[intersection]) {
        return NULL;
    }
    struct controller_report *last = &memory->last[intersection];
    int64_t dt_ms = time_ms - last->time_ms;
    if (dt_ms < 0 || dt_ms > INT32_MAX) {
        return NULL;
    }
    last->time_ms = time_ms;
    for (int32_t g = 0; g < last->group_count; g++) {
        int64_t age_ms = last->age_ms[g] + dt_ms;
        last->age_ms[g] = age_ms > INT32_MAX ? INT32_MAX : (int32_t)age_ms;
    }
    return last;
}

static bool version_equal(struct plan_version a, struct plan_version b)
{
    return plan_version_compare(a, b) == 0;
}

static bool report_equal(const struct controller_report *a, const struct controller_report *b)
{
    size_t groups = (size_t)a->group_count;
    return a->mode == b->mode && version_equal(a->running, b->running) && version_equal(a->waiting, b->waiting)
        && a->stage == b->stage && a->faults == b->faults && a->calls == b->calls && a->group_count == b->group_count
        && memcmp(a->aspect, b->aspect, groups) == 0 && memcmp(a->age_ms, b->age_ms, groups * sizeof *a->age_ms) == 0;
}

static void report_remember(struct report_memory *memory, const struct controller_report *report)
{
    if (report->intersection >= 0 && report->intersection < memory->count) {
        controller_report_copy(report, &memory->last[report->intersection]);
        memory->known[report->intersection] = true;
    }
}

void record_put_reports(struct record_writer *writer, int64_t now_ms, struct report_memory *memory,
                        const struct controller_report *reports, int32_t count)
{
    memory->told.count = memory->foreseen.count = 0;
    size_t groups = 0;
    for (int32_t i = 0; i < count; i++) {
        const struct controller_report *expected = report_foresee(memory, reports[i].intersection, reports[i].time_ms);
        bool foreseen = expected != NULL && report_equal(expected, &reports[i]);
        *GROW(memory->foreseen) = foreseen;
        if (!foreseen) {
            groups += (size_t)reports[i].group_count;
            controller_report_copy(&reports[i], GROW(memory->told));
            report_remember(memory, &reports[i]);
        }
    }
    int32_t told_count = memory->told.count;
    struct cursor batch = { 0 };
    room_make(&writer->scratch, &writer->scratch_capacity, 0, 1024 + (size_t)told_count * 64 + groups * 6);
    struct frame_writer frame = { .at = writer->scratch, .capacity = writer->scratch_capacity };
    int32_t sent = 0;
    uint64_t length;
    enum frame_kind kind;
    if (told_count > 0
        && wire_put_reports(&frame, memory->told.at, told_count, FRAME_BYTES_MAX_LIMIT, &sent) == STATUS_OK) {
        struct cursor bytes = { frame.at, frame.at + frame.used };
        bool opened = varint_read(&bytes, &length) && frame_open(bytes, &kind, &batch) == STATUS_OK;
        assert(opened);
    }
    assert(sent == told_count);
    struct frame_writer out = body_begin(writer, 128 + (size_t)count * 16 + cursor_bytes(&batch));
    PUT_COLUMN(&out, 1, count, i, (uint32_t)reports[i].intersection);
    PUT_COLUMN(&out, 2, count, i, zigzag_encode(reports[i].time_ms - now_ms));
    PUT_COLUMN(&out, 3, count, i, memory->foreseen.at[i]);
    if (told_count > 0) {
        put_tag(&out, 4, WIRE_BYTES);
        put_varint(&out, cursor_bytes(&batch));
        put_bytes(&out, batch.at, cursor_bytes(&batch));
    }
    body_end(writer, &out, RECORD_REPORTS, now_ms);
}

// ---- the rare ones ------------------------------------------------------------------------------------------------

static void override_put(struct frame_writer *out, const struct override *override, bool accepted)
{
    put_uint(out, 1, (uint32_t)override->intersection);
    put_uint(out, 2, (uint64_t)override->kind);
    put_sint(out, 3, override->stage);
    put_text(out, 4, override->strategy);
    put_sint(out, 5, override->until_ms);
    put_text(out, 6, override->operator_name);
    put_uint(out, 7, accepted);
}

static void priority_put(struct frame_writer *out, const struct priority *priority, bool accepted)
{
    put_sint(out, 1, priority->vehicle);
    put_uint(out, 2, (uint64_t)priority->kind);
    put_uint(out, 3, (uint32_t)priority->lane);
    put_uint(out, 4, (uint32_t)priority->to_stop_mm);
    put_uint(out, 5, (uint32_t)priority->speed_mmps);
    put_sint(out, 6, priority->late_s);
    PUT_COLUMN(out, 7, priority->route_count, i, (uint32_t)priority->route[i]);
    put_uint(out, 8, accepted);
    if (priority->departs_in_ms > 0) {
        put_uint(out, 9, (uint32_t)priority->departs_in_ms);
    }
}

void record_put_event(struct record_writer *writer, const struct event *event, bool accepted)
{
    size_t bound = TEXT_BYTES_MAX + WIRE_PLAN_BYTES_MAX;
    bound += event->kind == EVENT_PRIORITY ? (size_t)event->priority->route_count * 5 : 0;
    struct frame_writer out = body_begin(writer, bound);
    switch (event->kind) {
    case EVENT_OVERRIDE:
        override_put(&out, event->override, accepted);
        body_end(writer, &out, RECORD_OVERRIDE, event->now_ms);
        break;
    case EVENT_PRIORITY:
        priority_put(&out, event->priority, accepted);
        body_end(writer, &out, RECORD_PRIORITY, event->now_ms);
        break;
    case EVENT_LINK_DOWN:
        put_uint(&out, 1, (uint32_t)event->intersection);
        body_end(writer, &out, RECORD_LINK_DOWN, event->now_ms);
        break;
    case EVENT_RESTORE:
        out.used = wire_pack_plan(event->plan, out.at, out.capacity);
        body_end(writer, &out, RECORD_RESTORE, event->now_ms);
        break;
    case EVENT_STEP:
    case EVENT_STATUS:
        break;
    }
}

void record_put_alarm(struct record_writer *writer, int64_t now_ms, int32_t intersection, bool raised,
                      const char *text)
{
    struct frame_writer out = body_begin(writer, TEXT_BYTES_MAX + strlen(text));
    if (intersection != INDEX_NONE) {
        put_uint(&out, 1, (uint32_t)intersection);
    }
    put_uint(&out, 2, raised);
    put_text(&out, 3, text);
    body_end(writer, &out, RECORD_ALARM, now_ms);
}

void record_put_snapshot(struct record_writer *writer, int64_t now_ms, const uint8_t *bytes, size_t count)
{
    struct frame_writer out = body_begin(writer, count + 64);
    put_tag(&out, 1, WIRE_BYTES);
    put_varint(&out, count);
    put_bytes(&out, bytes, count);
    body_end(writer, &out, RECORD_SNAPSHOT, now_ms);
}

// ---- reading ------------------------------------------------------------------------------------------------------

enum status record_open(struct cursor bytes, struct record *ret)
{
    struct fields fields;
    struct record record = { .kind = RECORD_KIND_COUNT };
    if (fields_read(bytes, &fields) != STATUS_OK
        || !fields_sint(&fields, FIELD_NOW, -WIRE_TIME_MS_MAX, WIRE_TIME_MS_MAX, 0, &record.now_ms)) {
        return STATUS_SYNTAX;
    }
    for (uint32_t kind = RECORD_HEADER; kind < RECORD_KIND_COUNT; kind++) {
        if ((fields.bytes_set >> kind & 1) != 0) {
            record.kind = (enum record_kind)kind;
            record.body = fields.bytes[kind];
        }
    }
    if (record.kind == RECORD_KIND_COUNT) {
        return STATUS_UNKNOWN;
    }
    *ret = record;
    return STATUS_OK;
}

// A text field into an array of its own. false: too long for it, or not a text.
static bool text_get(struct cursor bytes, char *ret, size_t capacity)
{
    size_t count = cursor_bytes(&bytes);
    if (count == 0) {   // Where the field is absent, there are no bytes to point to.
        ret[0] = '\0';
        return true;
    }
    if (count >= capacity || memchr(bytes.at, 0, count) != NULL) {
        return false;
    }
    memcpy(ret, bytes.at, count);
    ret[count] = '\0';
    return true;
}

// Repeated texts, so not by fields_read.
static bool header_texts(struct cursor body, struct record_header *ret)
{
    struct field field;
    while (body.at < body.end) {
        if (!field_next(&body, &field)) {
            return false;
        }
        if (field.type != WIRE_BYTES) {
            continue;
        }
        bool good = true;
        switch (field.number) {
        case 3: good = text_get(field.bytes, ret->network, sizeof ret->network); break;
        case 4: good = text_get(field.bytes, ret->software, sizeof ret->software); break;
        case 6: good = text_get(field.bytes, ret->strategy, sizeof ret->strategy); break;
        case 7:
            good = ret->region_count < RECORD_REGION_COUNT_MAX
                && text_get(field.bytes, ret->region_strategy[ret->region_count], STRATEGY_NAME_BYTES_MAX);
            ret->region_count++;
            break;
        default: break;
        }
        if (!good) {
            return false;
        }
    }
    return true;
}

static void header_number(const struct field *field, struct record_header *ret, uint64_t *format)
{
    switch (field->number) {
    case 1: *format = field->value; break;
    case 2: ret->network_hash = field->value; break;
    case 5: ret->begin_ms = zigzag_decode(field->value); break;
    case 8: ret->epoch = (uint32_t)field->value; break;
    case 9: ret->daemon = (uint32_t)field->value; break;
    case 10: ret->solve_latency_ms = (int32_t)(field->value & INT32_MAX); break;
    case 11: ret->status_age_ms_max = (int32_t)(field->value & INT32_MAX); break;
    case 12: ret->regions_led = field->value; break;
    default: break;
    }
}

enum status record_get_header(struct cursor body, struct record_header *ret)
{
    memset(ret, 0, sizeof *ret);
    uint64_t format = 0;
    struct cursor numbers = body;
    struct field field;
    while (numbers.at < numbers.end) {
        if (!field_next(&numbers, &field)) {
            return STATUS_SYNTAX;
        }
        if (field.type != WIRE_BYTES) {
            header_number(&field, ret, &format);
        }
    }
    if (!header_texts(body, ret)) {
        return STATUS_SYNTAX;
    }
    return format >= 1 && format <= RECORD_FORMAT ? STATUS_OK : STATUS_VERSION;
}

// What the wire's batch holds.
static enum status batch_get(struct cursor batch, const struct network *network, struct observation_buffer *buffer)
{
    struct reading_rules rules = { .detector_count = network->detector_count, .camera_count = network->camera_count,
        .all = true, .end_ms_min = -WIRE_TIME_MS_MAX, .end_ms_max = WIRE_TIME_MS_MAX };
    struct reading_result result = { 0 };
    const char *field = NULL;
    enum status status = wire_get_observations(batch, &rules, 0, buffer, &result, &field);
    if (status == STATUS_LIMIT && result.offered < INT32_MAX / 64) {
        int32_t rows = (int32_t)result.offered;
        observation_buffer_release(buffer);
        observation_buffer_create(buffer, rows, rows, rows, rows * CAMERA_BIN_COUNT_MAX);
        status = wire_get_observations(batch, &rules, 0, buffer, &result, &field);
    }
    return status == STATUS_OK ? STATUS_OK : STATUS_SYNTAX;
}

enum status record_get_step(struct cursor body, const struct network *network, struct loop_memory *memory,
                            struct observation_buffer *buffer, struct record_step *ret)
{
    struct fields fields;
    uint64_t plan_count;
    struct record_step step = { 0 };
    struct cursor batch, again;
    if (fields_read(body, &fields) != STATUS_OK || !fields_column(&fields, 1, &batch)
        || !fields_uint(&fields, 2, INT32_MAX, 0, &plan_count) || !fields_fixed64(&fields, 3, &step.plans_hash)
        || !fields_column(&fields, 4, &again)) {
        return STATUS_SYNTAX;
    }
    bool repeats = (fields.bytes_set >> 4 & 1) != 0;
    step.plan_count = (int32_t)plan_count;
    step.seen = (fields.bytes_set >> 1 & 1) != 0 || repeats;
    observation_buffer_clear(buffer);
    enum status status = (fields.bytes_set >> 1 & 1) != 0 ? batch_get(batch, network, buffer) : STATUS_OK;
    if (status == STATUS_OK && repeats) {
        status = buffer->rows.loops.count == 0 ? loop_memory_read(memory, again) : STATUS_SYNTAX;
    }
    if (status == STATUS_OK) {
        if (buffer->rows.loops.count > 0) {
            loop_memory_keep(memory, &buffer->rows.loops);
        }
        step.rows = buffer->rows;
        if (repeats) {
            step.rows.loops = memory->last.rows.loops;
        }
        *ret = step;
    }
    return status;
}

static struct controller_report *report_append(struct report_list *list)
{
    memory_grow((void **)&list->at, &list->capacity, list->count + 1, sizeof *list->at);
    return &list->at[list->count++];
}

enum status report_stream_open(struct report_stream *stream, struct cursor body, int64_t now_ms,
                               struct report_memory *memory)
{
    struct fields fields;
    struct cursor told;
    const char *field;
    stream->memory = memory;
    stream->now_ms = now_ms;
    if (fields_read(body, &fields) != STATUS_OK || !fields_column(&fields, 1, &stream->intersections)
        || !fields_column(&fields, 2, &stream->times) || !fields_column(&fields, 3, &stream->foreseen)
        || !fields_column(&fields, 4, &told)) {
        return STATUS_SYNTAX;
    }
    stream->any_told = cursor_bytes(&told) > 0;
    return !stream->any_told || report_reader_open(&stream->reader, told, &field) == STATUS_OK ? STATUS_OK
                                                                                               : STATUS_SYNTAX;
}

enum status report_stream_next(struct report_stream *stream, const struct controller_report **ret)
{
    uint64_t intersection, time, mark;
    if (stream->intersections.at >= stream->intersections.end) {
        return STATUS_UNKNOWN;
    }
    if (!varint_read(&stream->intersections, &intersection) || !varint_read(&stream->times, &time)
        || !varint_read(&stream->foreseen, &mark) || (mark != 0 && intersection > INT32_MAX)) {
        return STATUS_SYNTAX;
    }
    if (mark != 0) {
        *ret = report_foresee(stream->memory, (int32_t)intersection, stream->now_ms + zigzag_decode(time));
        return *ret != NULL ? STATUS_OK : STATUS_SYNTAX;
    }
    const char *field;
    if (!stream->any_told || report_reader_next(&stream->reader, &stream->stray, &field) != STATUS_OK) {
        return STATUS_SYNTAX;
    }
    report_remember(stream->memory, &stream->stray);
    *ret = &stream->stray;
    return STATUS_OK;
}

enum status record_get_reports(struct cursor body, int64_t now_ms, struct report_memory *memory,
                               struct report_list *ret)
{
    struct report_stream stream;
    const struct controller_report *report;
    enum status status = report_stream_open(&stream, body, now_ms, memory);
    ret->count = 0;
    while (status == STATUS_OK && (status = report_stream_next(&stream, &report)) == STATUS_OK) {
        controller_report_copy(report, report_append(ret));
    }
    return status == STATUS_UNKNOWN ? STATUS_OK : status;
}

static bool override_get(const struct fields *fields, struct override *ret)
{
    uint64_t intersection, kind;
    int64_t stage;
    memset(ret, 0, sizeof *ret);
    bool good = fields_uint(fields, 1, INT32_MAX, 0, &intersection)
        && fields_uint(fields, 2, OVERRIDE_FALLBACK, 0, &kind)
        && fields_sint(fields, 3, INT32_MIN, INT32_MAX, 0, &stage)
        && text_get(fields->bytes[4], ret->strategy, sizeof ret->strategy)
        && fields_sint(fields, 5, INT64_MIN, INT64_MAX, 0, &ret->until_ms)
        && text_get(fields->bytes[6], ret->operator_name, sizeof ret->operator_name);
    if (good) {
        ret->intersection = (int32_t)intersection;
        ret->kind = (enum override_kind)kind;
        ret->stage = (int32_t)stage;
    }
    return good;
}

static bool priority_get(const struct fields *fields, struct record_event_store *store)
{
    uint64_t kind, lane, to_stop, speed, departs_in;
    int64_t late;
    struct cursor route;
    struct priority *ret = &store->priority;
    if (!fields_sint(fields, 1, INT64_MIN, INT64_MAX, 0, &ret->vehicle)
        || !fields_uint(fields, 2, PRIORITY_TRANSIT, 0, &kind) || !fields_uint(fields, 3, INT32_MAX, 0, &lane)
        || !fields_uint(fields, 4, INT32_MAX, 0, &to_stop) || !fields_uint(fields, 5, INT32_MAX, 0, &speed)
        || !fields_sint(fields, 6, INT32_MIN, INT32_MAX, 0, &late) || !fields_column(fields, 7, &route)
        || !fields_uint(fields, 9, INT32_MAX, 0, &departs_in)) {
        return false;
    }
    int64_t count = column_count(route);
    if (count < 0 || count > (int64_t)(sizeof store->route / sizeof *store->route)
        || !column_uints(route, (int32_t)count, store->route)) {
        return false;
    }
    ret->kind = (enum priority_kind)kind;
    ret->lane = (int32_t)lane;
    ret->to_stop_mm = (int32_t)to_stop;
    ret->speed_mmps = (int32_t)speed;
    ret->late_s = (int32_t)late;
    ret->departs_in_ms = (int32_t)departs_in;
    ret->route_count = (int32_t)count;
    ret->route = store->route;
    return true;
}

enum status record_get_event(const struct record *record, struct record_event_store *store, struct event *ret)
{
    struct fields fields;
    uint64_t intersection = 0;
    const char *field;
    struct event event = { .now_ms = record->now_ms, .intersection = INDEX_NONE };
    if (record->kind == RECORD_RESTORE) {
        if (wire_get_plan(record->body, store->greens, &store->plan, &field) != STATUS_OK) {
            return STATUS_SYNTAX;
        }
        event.kind = EVENT_RESTORE;
        event.plan = &store->plan;
        event.intersection = store->plan.intersection;
        *ret = event;
        return STATUS_OK;
    }
    if (fields_read(record->body, &fields) != STATUS_OK) {
        return STATUS_SYNTAX;
    }
    bool good = false;
    switch (record->kind) {
    case RECORD_OVERRIDE:
        good = override_get(&fields, &store->override);
        event.kind = EVENT_OVERRIDE;
        event.override = &store->override;
        event.intersection = store->override.intersection;
        break;
    case RECORD_PRIORITY:
        good = priority_get(&fields, store);
        event.kind = EVENT_PRIORITY;
        event.priority = &store->priority;
        break;
    case RECORD_LINK_DOWN:
        good = fields_uint(&fields, 1, INT32_MAX, 0, &intersection);
        event.kind = EVENT_LINK_DOWN;
        event.intersection = (int32_t)intersection;
        break;
    default:
        break;
    }
    if (good) {
        *ret = event;
    }
    return good ? STATUS_OK : STATUS_SYNTAX;
}

enum status record_get_alarm(struct cursor body, struct record_alarm *ret)
{
    struct fields fields;
    uint64_t intersection, raised;
    memset(ret, 0, sizeof *ret);
    if (fields_read(body, &fields) != STATUS_OK
        || !fields_uint(&fields, 1, INT32_MAX, UINT64_MAX, &intersection) || !fields_uint(&fields, 2, 1, 0, &raised)
        || !text_get(fields.bytes[3], ret->text, sizeof ret->text)) {
        return STATUS_SYNTAX;
    }
    ret->intersection = intersection == UINT64_MAX ? INDEX_NONE : (int32_t)intersection;
    ret->raised = raised != 0;
    return STATUS_OK;
}

enum status record_get_snapshot(struct cursor body, struct cursor *ret)
{
    struct fields fields;
    return fields_read(body, &fields) == STATUS_OK && fields_column(&fields, 1, ret) ? STATUS_OK : STATUS_SYNTAX;
}
