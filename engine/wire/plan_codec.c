#include "engine/wire/plan_codec.h"

#include <assert.h>

#include "engine/wire/fields.h"
#include "engine/wire/unpack.h"
#include "plan.pb-c.h"

#define GREEN_MS_LIMIT (1 << 30)      // 12 days before or after base_ms: sums cannot overflow
#define NAME_BYTES_MAX 256
#define TEXT_BYTES_MAX 256

// ---- Plan ----

static void plan_write(struct frame_writer *out, const struct plan *plan)
{
    put_uint(out, 1, (uint32_t)plan->intersection);
    put_uint(out, 2, (uint64_t)plan->kind);
    put_uint(out, 3, plan->handover);
    put_uint(out, 4, plan->version.epoch);
    put_uint(out, 5, plan->version.daemon);
    put_uint(out, 6, plan->version.sequence);
    put_fixed64(out, 7, plan->site_hash);
    put_sint(out, 8, plan->base_ms);
    put_sint(out, 9, plan->valid_from_ms);
    put_sint(out, 10, plan->valid_until_ms);
    put_uint(out, 11, (uint32_t)plan->cycle_ms);
    put_uint(out, 12, (uint32_t)plan->offset_ms);
    put_sint(out, 13, plan->coordinated_stage);
    put_uint(out, 14, (uint32_t)plan->fallback);
    put_uint(out, 15, (uint64_t)plan->reason.kind);
    put_sint(out, 16, plan->reason.stage);
    put_sint(out, 17, plan->reason.now_value);
    put_sint(out, 18, plan->reason.best_value);
    const struct green *greens = plan->greens;
    PUT_COLUMN(out, 19, plan->green_count, i, (uint16_t)greens[i].group);
    PUT_COLUMN(out, 20, plan->green_count, i, zigzag_encode(greens[i].stage));
    PUT_COLUMN(out, 21, plan->green_count, i, zigzag_encode(greens[i].start_ms));
    PUT_COLUMN(out, 22, plan->green_count, i, zigzag_encode(greens[i].end_ms));
}

size_t wire_pack_plan(const struct plan *plan, uint8_t *bytes, size_t capacity)
{
    assert(plan->green_count >= 0 && plan->green_count <= PLAN_GREEN_COUNT_MAX);
    struct frame_writer out = frame_writer_over(bytes, capacity);
    plan_write(&out, plan);
    return out.full ? 0 : out.used;
}

enum status wire_put_plan(struct frame_writer *out, const struct plan *plan)
{
    assert(plan->green_count >= 0 && plan->green_count <= PLAN_GREEN_COUNT_MAX);
    struct frame_mark mark = frame_begin(out);
    plan_write(out, plan);
    return frame_end(out, mark, FRAME_PLAN);
}

static bool get_int32(const struct fields *fields, uint32_t field, int64_t missing, int32_t *ret)
{
    uint64_t value;
    if (!fields_uint(fields, field, INT32_MAX, (uint64_t)missing, &value)) {
        return false;
    }
    *ret = (int32_t)value;
    return true;
}

static bool get_sint32(const struct fields *fields, uint32_t field, int32_t min, int32_t max, int32_t missing,
                       int32_t *ret)
{
    int64_t value;
    if (!fields_sint(fields, field, min, max, missing, &value)) {
        return false;
    }
    *ret = (int32_t)value;
    return true;
}

static bool get_uint32(const struct fields *fields, uint32_t field, uint32_t *ret)
{
    uint64_t value;
    if (!fields_uint(fields, field, UINT32_MAX, 0, &value)) {
        return false;
    }
    *ret = (uint32_t)value;
    return true;
}

static bool has_number(const struct fields *fields, uint32_t field)
{
    return (fields->numbers >> field & 1) != 0;
}

static bool within(int64_t value, int64_t limit)
{
    return value >= -limit && value <= limit;
}

// The fields before the times. The name of the first that is wrong, or NULL.
static const char *plan_head(const struct fields *fields, struct plan *ret)
{
    uint64_t kind, handover;
    if (!has_number(fields, 1) || !get_int32(fields, 1, 0, &ret->intersection)) {
        return "intersection";
    }
    if (!has_number(fields, 2) || !fields_uint(fields, 2, PLAN_ROLLING, 0, &kind)) {
        return "kind";
    }
    if (!fields_uint(fields, 3, 1, 0, &handover)) {
        return "handover";
    }
    if (!get_uint32(fields, 4, &ret->version.epoch)) {
        return "epoch";
    }
    if (!get_uint32(fields, 5, &ret->version.daemon)) {
        return "daemon";
    }
    if (!get_uint32(fields, 6, &ret->version.sequence)) {
        return "sequence";
    }
    if (!fields_fixed64(fields, 7, &ret->site_hash)) {
        return "site_hash";
    }
    ret->kind = (enum plan_kind)kind;
    ret->handover = handover == 1;
    return NULL;
}

static const char *plan_times(const struct fields *fields, struct plan *ret)
{
    if (!has_number(fields, 8) || !fields_sint(fields, 8, -WIRE_TIME_MS_MAX, WIRE_TIME_MS_MAX, 0, &ret->base_ms)) {
        return "base_ms";
    }
    // "Since always" and "for ever" stand for themselves.
    if (!has_number(fields, 9) || !fields_sint(fields, 9, INT64_MIN, INT64_MAX, 0, &ret->valid_from_ms)
        || (!within(ret->valid_from_ms, WIRE_TIME_MS_MAX) && ret->valid_from_ms != INT64_MIN)) {
        return "valid_from_ms";
    }
    if (!has_number(fields, 10) || !fields_sint(fields, 10, INT64_MIN, INT64_MAX, 0, &ret->valid_until_ms)
        || (!within(ret->valid_until_ms, WIRE_TIME_MS_MAX) && ret->valid_until_ms != INT64_MAX)) {
        return "valid_until_ms";
    }
    if (!get_int32(fields, 11, 0, &ret->cycle_ms)) {
        return "cycle_ms";
    }
    if (!get_int32(fields, 12, 0, &ret->offset_ms)) {
        return "offset_ms";
    }
    if (!get_sint32(fields, 13, INDEX_NONE, STAGE_COUNT_MAX - 1, INDEX_NONE, &ret->coordinated_stage)) {
        return "coordinated_stage";
    }
    if (!get_int32(fields, 14, 0, &ret->fallback)) {
        return "fallback";
    }
    return NULL;
}

static const char *plan_reason_get(const struct fields *fields, struct plan_reason *ret)
{
    uint64_t kind;
    if (!fields_uint(fields, 15, REASON_FALLBACK, REASON_NONE, &kind)) {
        return "reason";
    }
    if (!get_sint32(fields, 16, INDEX_NONE, STAGE_COUNT_MAX - 1, INDEX_NONE, &ret->stage)) {
        return "reason_stage";
    }
    if (!get_sint32(fields, 17, INT32_MIN, INT32_MAX, 0, &ret->now_value)) {
        return "reason_now_value";
    }
    if (!get_sint32(fields, 18, INT32_MIN, INT32_MAX, 0, &ret->best_value)) {
        return "reason_best_value";
    }
    ret->kind = (enum reason_kind)kind;
    return NULL;
}

static const char *green_get(int32_t group, int32_t stage, int32_t start_ms, int32_t end_ms, struct green *ret)
{
    if (group >= GROUP_COUNT_MAX) {
        return "green_group";
    }
    if (stage < INDEX_NONE || stage >= STAGE_COUNT_MAX) {
        return "green_stage";
    }
    if (!within(start_ms, GREEN_MS_LIMIT)) {
        return "green_start_ms";
    }
    if (!within(end_ms, GREEN_MS_LIMIT) || end_ms <= start_ms) {
        return "green_end_ms";
    }
    *ret = (struct green){ start_ms, end_ms, (int16_t)group, (int16_t)stage };
    return NULL;
}

static const char *plan_greens(const struct fields *fields, struct green *greens, int32_t *ret_count)
{
    static const char *const NAMES[4] = { "green_group", "green_stage", "green_start_ms", "green_end_ms" };
    int32_t values[4][PLAN_GREEN_COUNT_MAX];
    int32_t count = 0;
    for (uint32_t c = 0; c < 4; c++) {
        struct cursor column;
        if (!fields_column(fields, 19 + c, &column)) {
            return NAMES[c];
        }
        int64_t rows = column_count(column);
        if (rows < 0 || rows > PLAN_GREEN_COUNT_MAX || (c > 0 && rows != count)) {
            return NAMES[c];
        }
        count = (int32_t)rows;
        if (!(c == 0 ? column_uints : column_sints)(column, count, values[c])) {
            return NAMES[c];
        }
    }
    for (int32_t i = 0; i < count; i++) {
        const char *fault = green_get(values[0][i], values[1][i], values[2][i], values[3][i], &greens[i]);
        if (fault != NULL) {
            return fault;
        }
        if (i > 0 && (greens[i].group < greens[i - 1].group
            || (greens[i].group == greens[i - 1].group && greens[i].start_ms < greens[i - 1].start_ms))) {
            return "green_group";   // Not sorted.
        }
    }
    *ret_count = count;
    return NULL;
}

enum status wire_get_plan(struct cursor message, struct green *greens, struct plan *ret, const char **ret_field)
{
    struct fields fields;
    if (fields_read(message, &fields) != STATUS_OK) {
        return STATUS_SYNTAX;
    }
    struct plan plan = { .greens = greens };
    const char *fault = plan_head(&fields, &plan);
    if (fault == NULL) {
        fault = plan_times(&fields, &plan);
    }
    if (fault == NULL) {
        fault = plan_reason_get(&fields, &plan.reason);
    }
    if (fault == NULL) {
        fault = plan_greens(&fields, greens, &plan.green_count);
    }
    if (fault != NULL) {
        return field_fault(ret_field, fault);
    }
    *ret = plan;
    return STATUS_OK;
}

// ---- PlanRequest ----

enum status wire_put_plan_request(struct frame_writer *out, const struct plan_request *request)
{
    struct frame_mark mark = frame_begin(out);
    put_uint(out, 1, request->request);
    if (request->name != NULL) {
        put_text(out, 3, request->name);
    } else {
        put_uint(out, 2, (uint32_t)request->intersection);
    }
    put_uint(out, 4, request->held.epoch);
    put_uint(out, 5, request->held.daemon);
    put_uint(out, 6, request->held.sequence);
    return frame_end(out, mark, FRAME_PLAN_REQUEST);
}

enum status wire_get_plan_request(struct cursor message, struct arena *arena, struct plan_request *ret,
                                  const char **ret_field)
{
    Intergreen__V1__PlanRequest *from;
    enum status status = unpack_message(&intergreen__v1__plan_request__descriptor, message, arena, &from);
    if (status != STATUS_OK) {
        return status;
    }
    if (from->intersection_name != NULL && !text_fit(from->intersection_name, NAME_BYTES_MAX)) {
        return field_fault(ret_field, "intersection_name");
    }
    if (from->intersection_name == NULL && (!from->has_intersection || from->intersection > INT32_MAX)) {
        return field_fault(ret_field, "intersection");
    }
    *ret = (struct plan_request){
        .request = from->request,
        .intersection = from->intersection_name != NULL ? INDEX_NONE : (int32_t)from->intersection,
        .name = from->intersection_name,
        .held = { from->epoch, from->daemon, from->sequence },
    };
    return STATUS_OK;
}

// ---- PlanNotChanged ----

enum status wire_put_plan_not_changed(struct frame_writer *out, const struct plan_not_changed *answer)
{
    struct frame_mark mark = frame_begin(out);
    put_uint(out, 1, answer->request);
    put_uint(out, 2, (uint32_t)answer->intersection);
    put_uint(out, 3, answer->version.epoch);
    put_uint(out, 4, answer->version.daemon);
    put_uint(out, 5, answer->version.sequence);
    return frame_end(out, mark, FRAME_PLAN_NOT_CHANGED);
}

enum status wire_get_plan_not_changed(struct cursor message, struct plan_not_changed *ret, const char **ret_field)
{
    struct fields fields;
    if (fields_read(message, &fields) != STATUS_OK) {
        return STATUS_SYNTAX;
    }
    struct plan_not_changed answer = { 0 };
    if (!get_uint32(&fields, 1, &answer.request)) {
        return field_fault(ret_field, "request");
    }
    if (!has_number(&fields, 2) || !get_int32(&fields, 2, 0, &answer.intersection)) {
        return field_fault(ret_field, "intersection");
    }
    if (!get_uint32(&fields, 3, &answer.version.epoch)) {
        return field_fault(ret_field, "epoch");
    }
    if (!get_uint32(&fields, 4, &answer.version.daemon)) {
        return field_fault(ret_field, "daemon");
    }
    if (!get_uint32(&fields, 5, &answer.version.sequence)) {
        return field_fault(ret_field, "sequence");
    }
    *ret = answer;
    return STATUS_OK;
}

// ---- PlanSubscription ----

enum status wire_put_plan_subscription(struct frame_writer *out, const struct plan_subscription *wish)
{
    struct frame_mark mark = frame_begin(out);
    put_uint(out, 1, wish->request);
    PUT_COLUMN(out, 2, wish->intersections.count, i, (uint32_t)wish->intersections.at[i]);
    put_uint(out, 3, wish->all);
    put_uint(out, 4, wish->end);
    return frame_end(out, mark, FRAME_PLAN_SUBSCRIPTION);
}

enum status wire_get_plan_subscription(struct cursor message, struct arena *arena, struct plan_subscription *ret,
                                       const char **ret_field)
{
    Intergreen__V1__PlanSubscription *from;
    enum status status = unpack_message(&intergreen__v1__plan_subscription__descriptor, message, arena, &from);
    if (status != STATUS_OK) {
        return status;
    }
    for (size_t i = 0; i < from->n_intersection; i++) {
        if (from->intersection[i] > INT32_MAX) {
            return field_fault(ret_field, "intersection");
        }
    }
    if (from->n_intersection == 0 && !from->all) {
        return field_fault(ret_field, "intersection");
    }
    *ret = (struct plan_subscription){
        .request = from->request,
        .intersections = { (int32_t)from->n_intersection, (const int32_t *)from->intersection },
        .all = from->all,
        .end = from->end,
    };
    return STATUS_OK;
}

// ---- PlanAcknowledgement ----

// PlanAnswer of plan.proto, by its number.
static const enum status ANSWERS[] = { STATUS_OK, STATUS_STALE, STATUS_VERSION, STATUS_REFUSED, STATUS_RANGE,
    STATUS_UNKNOWN };
#define ANSWER_COUNT (sizeof ANSWERS / sizeof *ANSWERS)
#define ANSWER_REFUSED 3

enum status wire_put_plan_acknowledgement(struct frame_writer *out, const struct plan_acknowledgement *answer)
{
    uint64_t number = ANSWER_REFUSED;   // Any other reason is a refusal.
    for (size_t i = 0; i < ANSWER_COUNT; i++) {
        if (ANSWERS[i] == answer->status) {
            number = i;
        }
    }
    struct frame_mark mark = frame_begin(out);
    put_uint(out, 1, (uint32_t)answer->intersection);
    put_uint(out, 2, answer->version.epoch);
    put_uint(out, 3, answer->version.daemon);
    put_uint(out, 4, answer->version.sequence);
    put_uint(out, 5, number);
    put_text(out, 6, answer->text);
    return frame_end(out, mark, FRAME_PLAN_ACKNOWLEDGEMENT);
}

enum status wire_get_plan_acknowledgement(struct cursor message, struct arena *arena, struct plan_acknowledgement *ret,
                                          const char **ret_field)
{
    Intergreen__V1__PlanAcknowledgement *from;
    enum status status = unpack_message(&intergreen__v1__plan_acknowledgement__descriptor, message, arena, &from);
    if (status != STATUS_OK) {
        return status;
    }
    if (!from->has_intersection || from->intersection > INT32_MAX) {
        return field_fault(ret_field, "intersection");
    }
    if (!from->has_answer || from->answer < 0 || (size_t)from->answer >= ANSWER_COUNT) {
        return field_fault(ret_field, "answer");
    }
    if (from->text != NULL && !text_fit(from->text, TEXT_BYTES_MAX)) {
        return field_fault(ret_field, "text");
    }
    *ret = (struct plan_acknowledgement){
        .intersection = (int32_t)from->intersection,
        .version = { from->epoch, from->daemon, from->sequence },
        .status = ANSWERS[from->answer],
        .text = from->text,
    };
    return STATUS_OK;
}
