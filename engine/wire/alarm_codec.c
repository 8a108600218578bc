#include "engine/wire/alarm_codec.h"

#include <assert.h>

#include "engine/wire/fields.h"
#include "engine/wire/frame.h"
#include "engine/wire/unpack.h"
#include "session.pb-c.h"

#define NAME_BYTES_MAX 256
#define TEXT_BYTES_MAX 1024
#define RECORD_BYTES_MAX 8192

static const char *text_or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

// ---- AlarmsRequest, Alarms ----

enum status wire_put_alarms_request(struct frame_writer *out, uint32_t request)
{
    struct frame_mark mark = frame_begin(out);
    put_uint(out, 1, request);
    return frame_end(out, mark, FRAME_ALARMS_REQUEST);
}

enum status wire_get_alarms_request(struct cursor message, uint32_t *ret_request, const char **ret_field)
{
    struct fields fields;
    uint64_t request;
    if (fields_read(message, &fields) != STATUS_OK) {
        return STATUS_SYNTAX;
    }
    if (!fields_uint(&fields, 1, UINT32_MAX, 0, &request)) {
        return field_fault(ret_field, "request");
    }
    *ret_request = (uint32_t)request;
    return STATUS_OK;
}

enum status wire_put_alarms(struct frame_writer *out, const struct alarms_said *alarms)
{
    const struct alarm_row *rows = alarms->rows;
    int32_t count = alarms->row_count;
    assert(count <= ALARM_ROW_COUNT_MAX);
    struct frame_mark mark = frame_begin(out);
    put_uint(out, 1, alarms->request);
    put_sint(out, 2, alarms->now_ms);
    PUT_COLUMN(out, 3, count, i, rows[i].id);
    PUT_COLUMN(out, 4, count, i, (uint64_t)rows[i].severity);
    PUT_COLUMN(out, 5, count, i, zigzag_encode(rows[i].since_ms));
    PUT_COLUMN(out, 6, count, i, zigzag_encode(rows[i].ended_ms));
    PUT_COLUMN(out, 7, count, i, rows[i].times);
    PUT_COLUMN(out, 8, count, i, zigzag_encode(rows[i].acknowledged_ms));
    for (int32_t i = 0; i < count; i++) {
        put_string(out, 9, text_or_empty(rows[i].acknowledged_by));
    }
    for (int32_t i = 0; i < count; i++) {
        put_string(out, 10, text_or_empty(rows[i].intersection));
    }
    for (int32_t i = 0; i < count; i++) {
        put_string(out, 11, text_or_empty(rows[i].text));
    }
    put_uint(out, 12, alarms->left_out);
    return frame_end(out, mark, FRAME_ALARMS);
}

static const char *alarms_fault(const Intergreen__V1__Alarms *from)
{
    size_t rows = from->n_id;
    if (rows > ALARM_ROW_COUNT_MAX || from->n_severity != rows || from->n_since_ms != rows || from->n_ended_ms != rows
        || from->n_times != rows || from->n_acknowledged_ms != rows || from->n_acknowledged_by != rows
        || from->n_intersection != rows || from->n_text != rows) {
        return "id";
    }
    for (size_t i = 0; i < rows; i++) {
        if (from->severity[i] > ALARM_CRITICAL) {
            return "severity";
        }
        if (!text_fit(from->acknowledged_by[i], NAME_BYTES_MAX)) {
            return "acknowledged_by";
        }
        if (!text_fit(from->intersection[i], NAME_BYTES_MAX)) {
            return "intersection";
        }
        if (!text_fit(from->text[i], TEXT_BYTES_MAX)) {
            return "text";
        }
    }
    return NULL;
}

enum status wire_get_alarms(struct cursor message, struct arena *arena, struct alarms_said *ret,
                            const char **ret_field)
{
    Intergreen__V1__Alarms *from;
    enum status status = unpack_message(&intergreen__v1__alarms__descriptor, message, arena, &from);
    if (status != STATUS_OK) {
        return status;
    }
    const char *fault = alarms_fault(from);
    if (fault != NULL) {
        return field_fault(ret_field, fault);
    }
    struct alarm_row *rows = arena_take(arena, from->n_id * sizeof *rows);
    if (rows == NULL) {
        return STATUS_LIMIT;
    }
    for (size_t i = 0; i < from->n_id; i++) {
        rows[i] = (struct alarm_row){ .id = from->id[i], .severity = (enum alarm_severity)from->severity[i],
            .since_ms = from->since_ms[i], .ended_ms = from->ended_ms[i], .times = from->times[i],
            .acknowledged_ms = from->acknowledged_ms[i], .acknowledged_by = from->acknowledged_by[i],
            .intersection = from->intersection[i], .text = from->text[i] };
    }
    *ret = (struct alarms_said){ .request = from->request, .now_ms = from->now_ms, .row_count = (int32_t)from->n_id,
        .rows = rows, .left_out = from->left_out };
    return STATUS_OK;
}

// ---- AlarmAcknowledge ----

enum status wire_put_alarm_acknowledge(struct frame_writer *out, uint32_t request, uint32_t id)
{
    struct frame_mark mark = frame_begin(out);
    put_uint(out, 1, request);
    put_uint(out, 2, id);
    return frame_end(out, mark, FRAME_ALARM_ACKNOWLEDGE);
}

enum status wire_get_alarm_acknowledge(struct cursor message, uint32_t *ret_request, uint32_t *ret_id,
                                       const char **ret_field)
{
    struct fields fields;
    uint64_t request, id;
    if (fields_read(message, &fields) != STATUS_OK) {
        return STATUS_SYNTAX;
    }
    if (!fields_uint(&fields, 1, UINT32_MAX, 0, &request)) {
        return field_fault(ret_field, "request");
    }
    if (!fields_uint(&fields, 2, UINT32_MAX, UINT64_MAX, &id) || id > UINT32_MAX) {
        return field_fault(ret_field, "id");   // Nobody acknowledges all by leaving it out.
    }
    *ret_request = (uint32_t)request;
    *ret_id = (uint32_t)id;
    return STATUS_OK;
}

// ---- AuditRequest, AuditPage ----

enum status wire_put_audit_request(struct frame_writer *out, const struct audit_request *request)
{
    struct frame_mark mark = frame_begin(out);
    put_uint(out, 1, request->request);
    put_uint(out, 2, (uint64_t)request->after);
    put_sint(out, 3, request->since_ms);
    return frame_end(out, mark, FRAME_AUDIT_REQUEST);
}

enum status wire_get_audit_request(struct cursor message, struct audit_request *ret, const char **ret_field)
{
    struct fields fields;
    uint64_t request, after;
    int64_t since_ms;
    if (fields_read(message, &fields) != STATUS_OK) {
        return STATUS_SYNTAX;
    }
    if (!fields_uint(&fields, 1, UINT32_MAX, 0, &request)) {
        return field_fault(ret_field, "request");
    }
    if (!fields_uint(&fields, 2, INT64_MAX, 0, &after)) {
        return field_fault(ret_field, "after");
    }
    if (!fields_sint(&fields, 3, -WIRE_TIME_MS_MAX, WIRE_TIME_MS_MAX, 0, &since_ms)) {
        return field_fault(ret_field, "since_ms");
    }
    *ret = (struct audit_request){ (uint32_t)request, (int64_t)after, since_ms };
    return STATUS_OK;
}

enum status wire_put_audit_page(struct frame_writer *out, const struct audit_page *page)
{
    assert(page->record_count <= AUDIT_PAGE_COUNT_MAX);
    struct frame_mark mark = frame_begin(out);
    put_uint(out, 1, page->request);
    for (int32_t i = 0; i < page->record_count; i++) {
        put_string(out, 2, page->records[i]);
    }
    put_uint(out, 3, (uint64_t)page->last);
    put_uint(out, 4, page->more);
    return frame_end(out, mark, FRAME_AUDIT_PAGE);
}

enum status wire_get_audit_page(struct cursor message, struct arena *arena, struct audit_page *ret,
                                const char **ret_field)
{
    Intergreen__V1__AuditPage *from;
    enum status status = unpack_message(&intergreen__v1__audit_page__descriptor, message, arena, &from);
    if (status != STATUS_OK) {
        return status;
    }
    if (from->n_record > AUDIT_PAGE_COUNT_MAX) {
        return field_fault(ret_field, "record");
    }
    for (size_t i = 0; i < from->n_record; i++) {
        if (!text_fit(from->record[i], RECORD_BYTES_MAX)) {
            return field_fault(ret_field, "record");
        }
    }
    if (from->last > INT64_MAX) {
        return field_fault(ret_field, "last");
    }
    *ret = (struct audit_page){ .request = from->request, .record_count = (int32_t)from->n_record,
        .records = (const char *const *)from->record, .last = (int64_t)from->last, .more = from->more };
    return STATUS_OK;
}
