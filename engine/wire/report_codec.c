#include "engine/wire/report_codec.h"

#include <assert.h>

#include "engine/wire/fields.h"
#include "engine/wire/unpack.h"
#include "plan.pb-c.h"

// Columns of ControllerStatusBatch: field = column + 2.
enum column {
    COLUMN_INTERSECTION, COLUMN_TIME, COLUMN_MODE, COLUMN_RUNNING_EPOCH, COLUMN_RUNNING_DAEMON, COLUMN_RUNNING_SEQUENCE,
    COLUMN_WAITING_EPOCH, COLUMN_WAITING_DAEMON, COLUMN_WAITING_SEQUENCE, COLUMN_STAGE, COLUMN_FAULTS,
    COLUMN_GROUP_COUNT, COLUMN_ASPECT, COLUMN_AGE, COLUMN_CALLS,
};

static const char *const COLUMN_NAMES[REPORT_COLUMN_COUNT] = { "intersection", "time_ms", "mode", "running_epoch",
    "running_daemon", "running_sequence", "waiting_epoch", "waiting_daemon", "waiting_sequence", "stage", "faults",
    "group_count", "aspect", "age_ms", "calls" };

// ---- one report ----

enum status wire_put_report(struct frame_writer *out, const struct controller_report *report)
{
    assert(report->group_count >= 0 && report->group_count <= GROUP_COUNT_MAX);
    struct frame_mark mark = frame_begin(out);
    put_uint(out, 1, (uint32_t)report->intersection);
    put_sint(out, 2, report->time_ms);
    put_uint(out, 3, (uint64_t)report->mode);
    put_uint(out, 4, report->running.epoch);
    put_uint(out, 5, report->running.daemon);
    put_uint(out, 6, report->running.sequence);
    put_uint(out, 7, report->waiting.epoch);
    put_uint(out, 8, report->waiting.daemon);
    put_uint(out, 9, report->waiting.sequence);
    put_sint(out, 10, report->stage);
    put_uint(out, 11, report->faults);
    put_tag(out, 12, WIRE_BYTES);
    put_varint(out, (uint64_t)report->group_count);
    put_bytes(out, report->aspect, (size_t)report->group_count);
    PUT_COLUMN(out, 13, report->group_count, i, (uint32_t)report->age_ms[i]);
    if (report->calls != 0) {
        put_uint(out, 14, report->calls);
    }
    return frame_end(out, mark, FRAME_CONTROLLER_STATUS);
}

static const char *report_fault(const Intergreen__V1__ControllerStatus *from)
{
    if (!from->has_intersection || from->intersection > INT32_MAX) {
        return "intersection";
    }
    if (!from->has_time_ms || from->time_ms < -WIRE_TIME_MS_MAX || from->time_ms > WIRE_TIME_MS_MAX) {
        return "time_ms";
    }
    if (!from->has_mode || from->mode < 0 || (int)from->mode > CONTROLLER_FLASH) {
        return "mode";
    }
    if (from->has_stage && (from->stage < INDEX_NONE || from->stage >= STAGE_COUNT_MAX)) {
        return "stage";
    }
    if (from->aspect.len > GROUP_COUNT_MAX) {
        return "aspect";
    }
    if (from->n_age_ms != from->aspect.len) {
        return "age_ms";
    }
    for (size_t i = 0; i < from->aspect.len; i++) {
        if (from->aspect.data[i] > ASPECT_FLASHING_RED) {
            return "aspect";
        }
        if (from->age_ms[i] > INT32_MAX) {
            return "age_ms";
        }
    }
    return NULL;
}

enum status wire_get_report(struct cursor message, struct arena *arena, struct controller_report *ret,
                            const char **ret_field)
{
    Intergreen__V1__ControllerStatus *from;
    enum status status = unpack_message(&intergreen__v1__controller_status__descriptor, message, arena, &from);
    if (status != STATUS_OK) {
        return status;
    }
    const char *fault = report_fault(from);
    if (fault != NULL) {
        return field_fault(ret_field, fault);
    }
    *ret = (struct controller_report){
        .intersection = (int32_t)from->intersection,
        .time_ms = from->time_ms,
        .mode = (enum controller_mode)from->mode,
        .running = { from->running_epoch, from->running_daemon, from->running_sequence },
        .waiting = { from->waiting_epoch, from->waiting_daemon, from->waiting_sequence },
        .stage = from->has_stage ? from->stage : INDEX_NONE,
        .faults = from->faults,
        .group_count = (int32_t)from->aspect.len,
        .calls = from->calls,
    };
    for (size_t i = 0; i < from->aspect.len; i++) {
        ret->aspect[i] = from->aspect.data[i];
        ret->age_ms[i] = (int32_t)from->age_ms[i];
    }
    return STATUS_OK;
}

// ---- many ----

#define BATCH_HEAD_BYTES_MAX (32 + REPORT_COLUMN_COUNT * 8)   // frame, base and each column's tag and length
#define ROW_BYTES_MAX (12 * 5 + 10)                           // twelve columns of one 32-bit number, and the calls
#define GROUP_BYTES_MAX (1 + 5)

// How many reports are sure to fit into one frame of the limit: at least one.
static int32_t reports_that_fit(const struct controller_report *reports, int32_t count, uint32_t frame_bytes_max)
{
    size_t bytes = BATCH_HEAD_BYTES_MAX;
    int32_t fit = 0;
    while (fit < count) {
        bytes += ROW_BYTES_MAX + (size_t)reports[fit].group_count * GROUP_BYTES_MAX;
        if (bytes > frame_bytes_max) {
            break;
        }
        fit++;
    }
    return fit == 0 && count > 0 ? 1 : fit;
}

static bool reports_valid(const struct controller_report *reports, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        const struct controller_report *report = &reports[i];
        int64_t after_ms = report->time_ms - reports[0].time_ms;
        if (report->intersection < 0 || report->group_count < 0 || report->group_count > GROUP_COUNT_MAX
            || report->time_ms < -WIRE_TIME_MS_MAX || report->time_ms > WIRE_TIME_MS_MAX
            || after_ms < INT32_MIN || after_ms > INT32_MAX) {
            return false;
        }
    }
    return true;
}

static void ages_write(struct frame_writer *out, const struct controller_report *reports, int32_t count)
{
    size_t bytes = 0;
    for (int32_t i = 0; i < count; i++) {
        for (int32_t g = 0; g < reports[i].group_count; g++) {
            bytes += varint_size((uint32_t)reports[i].age_ms[g]);
        }
    }
    put_tag(out, COLUMN_AGE + 2, WIRE_BYTES);
    put_varint(out, bytes);
    for (int32_t i = 0; i < count; i++) {
        for (int32_t g = 0; g < reports[i].group_count; g++) {
            put_varint(out, (uint32_t)reports[i].age_ms[g]);
        }
    }
}

static void aspects_write(struct frame_writer *out, const struct controller_report *reports, int32_t count)
{
    size_t bytes = 0;
    for (int32_t i = 0; i < count; i++) {
        bytes += (size_t)reports[i].group_count;
    }
    put_tag(out, COLUMN_ASPECT + 2, WIRE_BYTES);
    put_varint(out, bytes);
    for (int32_t i = 0; i < count; i++) {
        put_bytes(out, reports[i].aspect, (size_t)reports[i].group_count);
    }
}

enum status wire_put_reports(struct frame_writer *out, const struct controller_report *reports, int32_t count,
                             uint32_t frame_bytes_max, int32_t *ret_sent)
{
    if (count == 0) {
        *ret_sent = 0;
        return STATUS_OK;
    }
    const struct controller_report *r = reports;
    int32_t rows = reports_that_fit(reports, count, frame_bytes_max);
    if (!reports_valid(reports, rows)) {
        return STATUS_RANGE;
    }
    int64_t base_ms = reports[0].time_ms;
    struct frame_mark mark = frame_begin(out);
    put_sint(out, 1, base_ms);
    PUT_COLUMN(out, COLUMN_INTERSECTION + 2, rows, i, (uint32_t)r[i].intersection);
    PUT_COLUMN(out, COLUMN_TIME + 2, rows, i, zigzag_encode(r[i].time_ms - base_ms));
    PUT_COLUMN(out, COLUMN_MODE + 2, rows, i, (uint64_t)r[i].mode);
    PUT_COLUMN(out, COLUMN_RUNNING_EPOCH + 2, rows, i, r[i].running.epoch);
    PUT_COLUMN(out, COLUMN_RUNNING_DAEMON + 2, rows, i, r[i].running.daemon);
    PUT_COLUMN(out, COLUMN_RUNNING_SEQUENCE + 2, rows, i, r[i].running.sequence);
    PUT_COLUMN(out, COLUMN_WAITING_EPOCH + 2, rows, i, r[i].waiting.epoch);
    PUT_COLUMN(out, COLUMN_WAITING_DAEMON + 2, rows, i, r[i].waiting.daemon);
    PUT_COLUMN(out, COLUMN_WAITING_SEQUENCE + 2, rows, i, r[i].waiting.sequence);
    PUT_COLUMN(out, COLUMN_STAGE + 2, rows, i, zigzag_encode(r[i].stage));
    PUT_COLUMN(out, COLUMN_FAULTS + 2, rows, i, r[i].faults);
    PUT_COLUMN(out, COLUMN_GROUP_COUNT + 2, rows, i, (uint32_t)r[i].group_count);
    aspects_write(out, reports, rows);
    ages_write(out, reports, rows);
    uint64_t any_call = 0;
    for (int32_t i = 0; i < rows; i++) {
        any_call |= r[i].calls;
    }
    if (any_call != 0) {
        PUT_COLUMN(out, COLUMN_CALLS + 2, rows, i, r[i].calls);
    }
    enum status status = frame_end(out, mark, FRAME_CONTROLLER_STATUSES);
    if (status == STATUS_OK) {
        *ret_sent = rows;
    }
    return status;
}

// The sum of all group counts, each of which must be a possible one; -1 when one is not.
static int64_t group_total(struct cursor column)
{
    int64_t total = 0;
    while (column.at < column.end) {
        uint64_t count;
        if (!varint_read(&column, &count) || count > GROUP_COUNT_MAX) {
            return -1;
        }
        total += (int64_t)count;
    }
    return total;
}

enum status report_reader_open(struct report_reader *reader, struct cursor message, const char **ret_field)
{
    struct fields fields;
    if (fields_read(message, &fields) != STATUS_OK) {
        return STATUS_SYNTAX;
    }
    struct report_reader opened = { 0 };
    if ((fields.numbers >> 1 & 1) == 0
        || !fields_sint(&fields, 1, -WIRE_TIME_MS_MAX, WIRE_TIME_MS_MAX, 0, &opened.base_ms)) {
        return field_fault(ret_field, "base_ms");
    }
    int64_t counts[REPORT_COLUMN_COUNT];
    for (uint32_t c = 0; c < REPORT_COLUMN_COUNT; c++) {
        if (!fields_column(&fields, c + 2, &opened.column[c])) {
            return field_fault(ret_field, COLUMN_NAMES[c]);
        }
        counts[c] = c == COLUMN_ASPECT ? (int64_t)cursor_bytes(&opened.column[c]) : column_count(opened.column[c]);
        if (counts[c] < 0 || counts[c] > INT32_MAX || (c < COLUMN_ASPECT && counts[c] != counts[0])) {
            return field_fault(ret_field, COLUMN_NAMES[c]);
        }
    }
    if (counts[COLUMN_CALLS] != 0 && counts[COLUMN_CALLS] != counts[0]) {
        return field_fault(ret_field, COLUMN_NAMES[COLUMN_CALLS]);
    }
    int64_t groups = group_total(opened.column[COLUMN_GROUP_COUNT]);
    if (groups < 0) {
        return field_fault(ret_field, "group_count");
    }
    if (counts[COLUMN_ASPECT] != groups) {
        return field_fault(ret_field, "aspect");
    }
    if (counts[COLUMN_AGE] != groups) {
        return field_fault(ret_field, "age_ms");
    }
    opened.row_count = (int32_t)counts[0];
    *reader = opened;
    return STATUS_OK;
}

// The next number of a column, saturated; what is longer than 64 bits counts as the largest.
static uint64_t column_take(struct report_reader *reader, enum column column)
{
    uint64_t value;
    struct cursor *cursor = &reader->column[column];
    if (varint_read(cursor, &value)) {
        return value;
    }
    while (cursor->at < cursor->end && *cursor->at >= 0x80) {
        cursor->at++;
    }
    cursor->at += cursor->at < cursor->end;
    return UINT64_MAX;
}

// Reads all numbers of a row; the name of the first column that is out of range, or NULL.
static const char *row_take(struct report_reader *reader, struct controller_report *ret)
{
    uint64_t value[COLUMN_ASPECT];
    for (int c = 0; c < COLUMN_ASPECT; c++) {
        value[c] = column_take(reader, (enum column)c);
    }
    int32_t groups = (int32_t)value[COLUMN_GROUP_COUNT];   // Judged by group_total.
    const char *fault = NULL;
    for (int32_t g = 0; g < groups; g++) {
        uint64_t age_ms = column_take(reader, COLUMN_AGE);
        uint8_t aspect = *reader->column[COLUMN_ASPECT].at++;
        fault = aspect > ASPECT_FLASHING_RED ? "aspect" : age_ms > INT32_MAX ? "age_ms" : fault;
        ret->aspect[g] = aspect;
        ret->age_ms[g] = (int32_t)age_ms;
    }
    int64_t after_ms = zigzag_decode(value[COLUMN_TIME]);
    int64_t stage = zigzag_decode(value[COLUMN_STAGE]);
    fault = value[COLUMN_INTERSECTION] > INT32_MAX ? "intersection"
        : after_ms < INT32_MIN || after_ms > INT32_MAX ? "time_ms"
        : value[COLUMN_MODE] > CONTROLLER_FLASH ? "mode"
        : stage < INDEX_NONE || stage >= STAGE_COUNT_MAX ? "stage" : fault;
    for (int c = COLUMN_RUNNING_EPOCH; c <= COLUMN_FAULTS; c++) {
        if (c != COLUMN_STAGE && value[c] > UINT32_MAX) {
            fault = COLUMN_NAMES[c];
        }
    }
    ret->intersection = (int32_t)value[COLUMN_INTERSECTION];
    ret->time_ms = reader->base_ms + (fault == NULL ? after_ms : 0);
    ret->mode = (enum controller_mode)value[COLUMN_MODE];
    ret->running = (struct plan_version){ (uint32_t)value[COLUMN_RUNNING_EPOCH],
        (uint32_t)value[COLUMN_RUNNING_DAEMON], (uint32_t)value[COLUMN_RUNNING_SEQUENCE] };
    ret->waiting = (struct plan_version){ (uint32_t)value[COLUMN_WAITING_EPOCH],
        (uint32_t)value[COLUMN_WAITING_DAEMON], (uint32_t)value[COLUMN_WAITING_SEQUENCE] };
    ret->stage = (int32_t)stage;
    ret->faults = (uint32_t)value[COLUMN_FAULTS];
    ret->group_count = groups;
    bool called = reader->column[COLUMN_CALLS].at < reader->column[COLUMN_CALLS].end;
    ret->calls = called ? column_take(reader, COLUMN_CALLS) : 0;
    return fault;
}

enum status report_reader_next(struct report_reader *reader, struct controller_report *ret, const char **ret_field)
{
    if (reader->row == reader->row_count) {
        return STATUS_UNKNOWN;
    }
    reader->row++;
    struct controller_report report = { 0 };
    const char *fault = row_take(reader, &report);
    if (fault != NULL) {
        return field_fault(ret_field, fault);
    }
    *ret = report;
    return STATUS_OK;
}
