#include "engine/wire/request_codec.h"

#include <assert.h>
#include <stdio.h>

#include "engine/model/network.h"
#include "engine/wire/fields.h"
#include "engine/wire/unpack.h"
#include "session.pb-c.h"

#define NAME_BYTES_MAX 256
#define TEXT_BYTES_MAX 1024

static bool time_possible(int64_t t_ms)
{
    return t_ms >= -WIRE_TIME_MS_MAX && t_ms <= WIRE_TIME_MS_MAX;
}

// ---- Override ----

enum status wire_put_override(struct frame_writer *out, const struct override_request *request)
{
    struct frame_mark mark = frame_begin(out);
    put_uint(out, 1, request->request);
    if (request->intersection_name != NULL) {
        put_text(out, 3, request->intersection_name);
    } else {
        put_uint(out, 2, (uint32_t)request->what.intersection);
    }
    put_uint(out, 4, (uint64_t)request->what.kind);
    if (request->what.kind == OVERRIDE_STAGE) {
        put_uint(out, 5, (uint32_t)request->what.stage);
    }
    if (request->what.kind == OVERRIDE_STRATEGY) {
        put_text(out, 6, request->what.strategy);
    }
    if (request->duration_ms > 0) {
        put_uint(out, 8, (uint32_t)request->duration_ms);
    } else {
        put_sint(out, 7, request->what.until_ms);
    }
    return frame_end(out, mark, FRAME_OVERRIDE);
}

static const char *override_fault(const Intergreen__V1__Override *from)
{
    if (from->intersection_name != NULL && !text_fit(from->intersection_name, NAME_BYTES_MAX)) {
        return "intersection_name";
    }
    if (from->intersection_name == NULL && (!from->has_intersection || from->intersection > INT32_MAX)) {
        return "intersection";
    }
    if (!from->has_kind || from->kind < 0 || (int)from->kind > OVERRIDE_FALLBACK) {
        return "kind";
    }
    if ((int)from->kind == OVERRIDE_STAGE && (!from->has_stage || from->stage >= STAGE_COUNT_MAX)) {
        return "stage";
    }
    if ((int)from->kind == OVERRIDE_STRATEGY
        && (!text_fit(from->strategy, STRATEGY_NAME_BYTES_MAX) || from->strategy[0] == '\0')) {
        return "strategy";
    }
    if (from->has_until_ms && !time_possible(from->until_ms)) {
        return "until_ms";
    }
    if (from->duration_ms > INT32_MAX) {
        return "duration_ms";
    }
    bool ends = from->has_until_ms || from->duration_ms > 0;
    return ends || (int)from->kind == OVERRIDE_NONE ? NULL : "until_ms";
}

enum status wire_get_override(struct cursor message, struct arena *arena, struct override_request *ret,
                              const char **ret_field)
{
    Intergreen__V1__Override *from;
    enum status status = unpack_message(&intergreen__v1__override__descriptor, message, arena, &from);
    if (status != STATUS_OK) {
        return status;
    }
    const char *fault = override_fault(from);
    if (fault != NULL) {
        return field_fault(ret_field, fault);
    }
    struct override_request request = {
        .request = from->request,
        .intersection_name = from->intersection_name,
        .what = {
            .intersection = from->intersection_name != NULL ? INDEX_NONE : (int32_t)from->intersection,
            .kind = (enum override_kind)from->kind,
            .stage = (int)from->kind == OVERRIDE_STAGE ? (int32_t)from->stage : INDEX_NONE,
            .until_ms = from->until_ms,
        },
        .duration_ms = (int32_t)from->duration_ms,
    };
    if (request.what.kind == OVERRIDE_STRATEGY) {
        snprintf(request.what.strategy, sizeof request.what.strategy, "%s", from->strategy);
    }
    *ret = request;
    return STATUS_OK;
}

// ---- PriorityRequest ----

enum status wire_put_priority(struct frame_writer *out, const struct priority_request *request)
{
    const struct priority *what = &request->what;
    struct frame_mark mark = frame_begin(out);
    put_uint(out, 1, request->request);
    put_sint(out, 2, what->vehicle);
    put_uint(out, 3, (uint64_t)what->kind);
    if (request->link_name != NULL) {
        put_text(out, 5, request->link_name);
        put_uint(out, 6, (uint32_t)request->lane_position);
    } else {
        put_uint(out, 4, (uint32_t)what->lane);
    }
    put_uint(out, 7, (uint32_t)what->to_stop_mm);
    put_uint(out, 8, (uint32_t)what->speed_mmps);
    put_sint(out, 9, what->late_s);
    if (request->route_names.count > 0) {
        for (int32_t i = 0; i < request->route_names.count; i++) {
            put_text(out, 11, request->route_names.names[i]);
        }
    } else {
        PUT_COLUMN(out, 10, what->route_count, i, (uint32_t)what->route[i]);
    }
    if (what->departs_in_ms > 0) {
        put_uint(out, 12, (uint32_t)what->departs_in_ms);
    }
    return frame_end(out, mark, FRAME_PRIORITY_REQUEST);
}

static const char *route_fault(const Intergreen__V1__PriorityRequest *from)
{
    if (from->n_route > PRIORITY_ROUTE_COUNT_MAX) {
        return "route";
    }
    for (size_t i = 0; i < from->n_route; i++) {
        if (from->route[i] > INT32_MAX) {
            return "route";
        }
    }
    if (from->n_route_name > PRIORITY_ROUTE_COUNT_MAX || (from->n_route_name > 0 && from->n_route > 0)) {
        return "route_name";
    }
    for (size_t i = 0; i < from->n_route_name; i++) {
        if (!text_fit(from->route_name[i], NAME_BYTES_MAX)) {
            return "route_name";
        }
    }
    return NULL;
}

static const char *priority_fault(const Intergreen__V1__PriorityRequest *from)
{
    if (!from->has_vehicle) {
        return "vehicle";
    }
    if (!from->has_kind || from->kind < 0 || (int)from->kind > PRIORITY_TRANSIT) {
        return "kind";
    }
    if (from->link_name != NULL && !text_fit(from->link_name, NAME_BYTES_MAX)) {
        return "link_name";
    }
    if (from->link_name == NULL && (!from->has_lane || from->lane > INT32_MAX)) {
        return "lane";
    }
    if (from->lane_position > INT32_MAX) {
        return "lane_position";
    }
    if (!from->has_to_stop_mm || from->to_stop_mm > INT32_MAX) {
        return "to_stop_mm";
    }
    if (!from->has_speed_mmps || from->speed_mmps > INT32_MAX) {
        return "speed_mmps";
    }
    if (from->departs_in_ms > INT32_MAX) {
        return "departs_in_ms";
    }
    return route_fault(from);
}

enum status wire_get_priority(struct cursor message, struct arena *arena, struct priority_request *ret,
                              const char **ret_field)
{
    Intergreen__V1__PriorityRequest *from;
    enum status status = unpack_message(&intergreen__v1__priority_request__descriptor, message, arena, &from);
    if (status != STATUS_OK) {
        return status;
    }
    const char *fault = priority_fault(from);
    if (fault != NULL) {
        return field_fault(ret_field, fault);
    }
    *ret = (struct priority_request){
        .request = from->request,
        .link_name = from->link_name,
        .lane_position = (int32_t)from->lane_position,
        .route_names = { (int32_t)from->n_route_name, (const char *const *)from->route_name },
        .what = {
            .vehicle = from->vehicle,
            .kind = (enum priority_kind)from->kind,
            .lane = from->link_name != NULL ? INDEX_NONE : (int32_t)from->lane,
            .to_stop_mm = (int32_t)from->to_stop_mm,
            .speed_mmps = (int32_t)from->speed_mmps,
            .late_s = from->late_s,
            .departs_in_ms = (int32_t)from->departs_in_ms,
            .route_count = (int32_t)from->n_route,
            .route = (const int32_t *)from->route,
        },
    };
    return STATUS_OK;
}

// ---- RequestResult ----

enum status wire_put_request_result(struct frame_writer *out, const struct request_result *result)
{
    struct frame_mark mark = frame_begin(out);
    put_uint(out, 1, result->request);
    put_uint(out, 2, result->accepted);
    put_sint(out, 3, result->until_ms);
    put_text(out, 4, result->text);
    return frame_end(out, mark, FRAME_REQUEST_RESULT);
}

enum status wire_get_request_result(struct cursor message, struct arena *arena, struct request_result *ret,
                                    const char **ret_field)
{
    Intergreen__V1__RequestResult *from;
    enum status status = unpack_message(&intergreen__v1__request_result__descriptor, message, arena, &from);
    if (status != STATUS_OK) {
        return status;
    }
    if (!from->has_accepted) {
        return field_fault(ret_field, "accepted");
    }
    if (from->text != NULL && !text_fit(from->text, TEXT_BYTES_MAX)) {
        return field_fault(ret_field, "text");
    }
    *ret = (struct request_result){ from->request, from->accepted, from->until_ms, from->text };
    return STATUS_OK;
}

// ---- StatusRequest, Status ----

enum status wire_put_status_request(struct frame_writer *out, const struct status_request *request)
{
    struct frame_mark mark = frame_begin(out);
    put_uint(out, 1, request->request);
    put_uint(out, 2, (uint32_t)request->first_intersection);
    put_uint(out, 3, (uint32_t)request->intersection_count);
    put_text(out, 4, request->intersection_name);
    if (request->names) {
        put_uint(out, 5, 1);
    }
    return frame_end(out, mark, FRAME_STATUS_REQUEST);
}

enum status wire_get_status_request(struct cursor message, struct arena *arena, struct status_request *ret,
                                    const char **ret_field)
{
    Intergreen__V1__StatusRequest *from;
    enum status status = unpack_message(&intergreen__v1__status_request__descriptor, message, arena, &from);
    if (status != STATUS_OK) {
        return status;
    }
    if (from->first_intersection > INT32_MAX) {
        return field_fault(ret_field, "first_intersection");
    }
    if (from->intersection_count > INT32_MAX) {
        return field_fault(ret_field, "intersection_count");
    }
    if (from->intersection_name != NULL && !text_fit(from->intersection_name, NAME_BYTES_MAX)) {
        return field_fault(ret_field, "intersection_name");
    }
    *ret = (struct status_request){ from->request, (int32_t)from->first_intersection,
        (int32_t)from->intersection_count, from->intersection_name, from->names };
    return STATUS_OK;
}

static void status_rows_write(struct frame_writer *out, const struct status_row *rows, int32_t count)
{
    PUT_COLUMN(out, 30, count, i, (uint32_t)rows[i].intersection);
    PUT_COLUMN(out, 31, count, i, zigzag_encode(rows[i].updated_ms));
    PUT_COLUMN(out, 32, count, i, (uint64_t)rows[i].mode);
    PUT_COLUMN(out, 33, count, i, (uint64_t)rows[i].reported);
    PUT_COLUMN(out, 34, count, i, (uint64_t)rows[i].overridden);
    PUT_COLUMN(out, 35, count, i, zigzag_encode(rows[i].stage));
    PUT_COLUMN(out, 36, count, i, rows[i].queue_mveh);
    PUT_COLUMN(out, 37, count, i, rows[i].flow_vph);
    PUT_COLUMN(out, 38, count, i, rows[i].confidence_permille);
    PUT_COLUMN(out, 39, count, i, rows[i].detectors_healthy);
    PUT_COLUMN(out, 40, count, i, rows[i].detectors_total);
}

static void status_names_write(struct frame_writer *out, const struct city_status *status)
{
    for (int32_t i = 0; status->row_names != NULL && i < status->row_count; i++) {
        put_string(out, 41, status->row_names[i]);
    }
}

enum status wire_put_status(struct frame_writer *out, const struct city_status *status)
{
    assert(status->row_count <= STATUS_ROW_COUNT_MAX && status->alarms.count <= STATUS_ALARM_COUNT_MAX);
    struct frame_mark mark = frame_begin(out);
    put_uint(out, 1, status->request);
    put_sint(out, 2, status->now_ms);
    put_sint(out, 3, status->started_ms);
    put_text(out, 4, status->network);
    put_text(out, 5, status->strategy);
    put_uint(out, 6, status->epoch);
    put_uint(out, 7, status->daemon);
    put_uint(out, 8, status->intersections);
    put_uint(out, 9, status->intersections_reported);
    put_uint(out, 10, status->intersections_overridden);
    put_uint(out, 11, status->intersections_fallback);
    for (uint32_t role = ROLE_DETECTOR; role < ROLE_COUNT; role++) {
        put_uint(out, 11 + role, status->sessions[role]);
    }
    put_uint(out, 16, status->steps);
    put_uint(out, 17, status->plans);
    put_uint(out, 18, status->readings_used);
    put_uint(out, 19, status->readings_refused);
    put_uint(out, 20, status->readings_shed);
    put_uint(out, 21, status->frames_refused);
    put_uint(out, 22, status->guard_refused);
    put_uint(out, 23, status->step_us_last);
    put_uint(out, 24, status->step_us_max);
    put_text(out, 25, status->store);
    put_uint(out, 26, status->store_queue_bytes);
    put_uint(out, 27, status->store_dropped);
    put_uint(out, 28, status->resident_bytes);
    for (int32_t i = 0; i < status->alarms.count; i++) {
        put_text(out, 29, status->alarms.names[i]);
    }
    status_rows_write(out, status->rows, status->row_count);
    status_names_write(out, status);
    return frame_end(out, mark, FRAME_STATUS);
}

static const char *status_fault(const Intergreen__V1__Status *from)
{
    const char *const texts[] = { from->network, from->strategy, from->store };
    static const char *const NAMES[] = { "network", "strategy", "store" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i] != NULL && !text_fit(texts[i], TEXT_BYTES_MAX)) {
            return NAMES[i];
        }
    }
    if (from->n_alarm > STATUS_ALARM_COUNT_MAX) {
        return "alarm";
    }
    for (size_t i = 0; i < from->n_alarm; i++) {
        if (!text_fit(from->alarm[i], TEXT_BYTES_MAX)) {
            return "alarm";
        }
    }
    size_t rows = from->n_intersection;
    if (rows > STATUS_ROW_COUNT_MAX || from->n_updated_ms != rows || from->n_mode != rows || from->n_reported != rows
        || from->n_overridden != rows || from->n_stage != rows || from->n_queue_mveh != rows
        || from->n_flow_vph != rows || from->n_confidence_permille != rows || from->n_detectors_healthy != rows
        || from->n_detectors_total != rows) {
        return "intersection";
    }
    if (from->n_intersection_name != 0 && from->n_intersection_name != rows) {
        return "intersection_name";
    }
    for (size_t i = 0; i < from->n_intersection_name; i++) {
        if (!text_fit(from->intersection_name[i], NAME_BYTES_MAX)) {
            return "intersection_name";
        }
    }
    for (size_t i = 0; i < rows; i++) {
        if (from->intersection[i] > INT32_MAX) {
            return "intersection";
        }
        if (from->mode[i] > CONTROLLER_FLASH) {
            return "mode";
        }
    }
    return NULL;
}

static void status_rows_get(const Intergreen__V1__Status *from, struct status_row *ret)
{
    for (size_t i = 0; i < from->n_intersection; i++) {
        ret[i] = (struct status_row){
            .intersection = (int32_t)from->intersection[i],
            .updated_ms = from->updated_ms[i],
            .mode = (enum controller_mode)from->mode[i],
            .reported = from->reported[i] != 0,
            .overridden = from->overridden[i] != 0,
            .stage = from->stage[i],
            .queue_mveh = from->queue_mveh[i],
            .flow_vph = from->flow_vph[i],
            .confidence_permille = from->confidence_permille[i],
            .detectors_healthy = from->detectors_healthy[i],
            .detectors_total = from->detectors_total[i],
        };
    }
}

static const char *text_or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

enum status wire_get_status(struct cursor message, struct arena *arena, struct city_status *ret,
                            const char **ret_field)
{
    Intergreen__V1__Status *from;
    enum status status = unpack_message(&intergreen__v1__status__descriptor, message, arena, &from);
    if (status != STATUS_OK) {
        return status;
    }
    const char *fault = status_fault(from);
    if (fault != NULL) {
        return field_fault(ret_field, fault);
    }
    struct status_row *rows = arena_take(arena, from->n_intersection * sizeof *rows);
    if (rows == NULL) {
        return STATUS_LIMIT;
    }
    status_rows_get(from, rows);
    *ret = (struct city_status){
        .request = from->request, .now_ms = from->now_ms, .started_ms = from->started_ms,
        .network = text_or_empty(from->network), .strategy = text_or_empty(from->strategy),
        .store = text_or_empty(from->store),
        .epoch = from->epoch, .daemon = from->daemon, .intersections = from->intersections,
        .intersections_reported = from->intersections_reported,
        .intersections_overridden = from->intersections_overridden,
        .intersections_fallback = from->intersections_fallback,
        .sessions = { 0, from->sessions_detector, from->sessions_controller, from->sessions_operator,
            from->sessions_simulator },
        .steps = from->steps, .plans = from->plans, .readings_used = from->readings_used,
        .readings_refused = from->readings_refused, .readings_shed = from->readings_shed,
        .frames_refused = from->frames_refused, .guard_refused = from->guard_refused,
        .step_us_last = from->step_us_last, .step_us_max = from->step_us_max,
        .store_queue_bytes = from->store_queue_bytes, .store_dropped = from->store_dropped,
        .resident_bytes = from->resident_bytes,
        .alarms = { (int32_t)from->n_alarm, (const char *const *)from->alarm },
        .row_count = (int32_t)from->n_intersection, .rows = rows,
        .row_names = from->n_intersection_name > 0 ? (const char *const *)from->intersection_name : NULL,
    };
    return STATUS_OK;
}
