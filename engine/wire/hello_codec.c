#include "engine/wire/hello_codec.h"

#include <assert.h>
#include <stddef.h>

#include "engine/wire/fields.h"
#include "engine/wire/unpack.h"
#include "session.pb-c.h"

#define NAME_BYTES_MAX 256            // of one name of the field, with its NUL
#define TEXT_BYTES_MAX 1024           // of a sentence, with its NUL
#define STEP_MS_MAX 60000
#define LATENCY_MS_MAX 60000

const char *role_name(enum role role)
{
    static const char *const NAMES[ROLE_COUNT] = { "none", "detector", "controller", "operator", "simulator" };
    return (unsigned)role < ROLE_COUNT ? NAMES[role] : NAMES[ROLE_NONE];
}

const char *error_code_name(enum error_code code)
{
    static const char *const NAMES[ERROR_CODE_COUNT] = { "none", "framing", "version", "credential", "role", "owner",
        "unknown", "field", "columns", "readings", "sequence", "limit", "overloaded", "time_out", "network", "clock",
        "superseded", "shut_down", "no_plan", "internal", "elsewhere" };
    return (unsigned)code < ERROR_CODE_COUNT ? NAMES[code] : NAMES[ERROR_NONE];
}

const char *reading_refusal_name(enum reading_refusal refusal)
{
    static const char *const NAMES[READING_REFUSAL_COUNT] = { "taken", "unknown", "foreign", "length", "future", "old",
        "vehicles", "occupancy", "speed", "queue", "bins", "edge" };
    return (unsigned)refusal < READING_REFUSAL_COUNT ? NAMES[refusal] : NAMES[READING_TAKEN];
}

static const char *text_or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

static bool texts_fit(char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!text_fit(texts[i], NAME_BYTES_MAX) || texts[i][0] == '\0') {
            return false;
        }
    }
    return true;
}

static void put_names(struct frame_writer *out, uint32_t field, const struct names_said *names)
{
    for (int32_t i = 0; i < names->count; i++) {
        size_t length = strlen(names->names[i]);
        put_tag(out, field, WIRE_BYTES);
        put_varint(out, length);
        put_bytes(out, names->names[i], length);
    }
}

// ---- Hello ----

static size_t simulator_write(struct frame_writer *out, const struct simulator_options *options)
{
    size_t begin = out->used;
    put_text(out, 1, options->strategy);
    put_sint(out, 2, options->begin_ms);
    put_uint(out, 3, (uint32_t)options->step_ms);
    put_uint(out, 4, options->fresh);
    put_text(out, 5, options->sensing);
    put_uint(out, 6, (uint32_t)options->solve_latency_ms);
    put_uint(out, 7, options->seed);
    return out->used - begin;
}

enum status wire_put_hello(struct frame_writer *out, const struct hello *hello)
{
    struct frame_mark mark = frame_begin(out);
    put_uint(out, 1, hello->protocol);
    put_uint(out, 2, (uint64_t)hello->role);
    put_text(out, 3, hello->identity);
    if (hello->token_bytes > 0) {
        put_tag(out, 4, WIRE_BYTES);
        put_varint(out, (uint64_t)hello->token_bytes);
        put_bytes(out, hello->token, (size_t)hello->token_bytes);
    }
    put_text(out, 5, hello->software);
    put_sint(out, 6, hello->clock_ms);
    put_fixed64(out, 7, hello->network_hash);
    put_names(out, 8, &hello->detectors);
    put_names(out, 9, &hello->cameras);
    put_names(out, 10, &hello->intersections);
    put_uint(out, 11, hello->epoch_seen);
    if (hello->role == ROLE_SIMULATOR) {
        uint8_t bytes[1024];
        struct frame_writer inner = frame_writer_over(bytes, sizeof bytes);
        size_t length = simulator_write(&inner, &hello->simulator);
        out->full = out->full || inner.full;
        put_tag(out, 12, WIRE_BYTES);
        put_varint(out, length);
        put_bytes(out, bytes, length);
    }
    return frame_end(out, mark, FRAME_HELLO);
}

static enum status simulator_get(const Intergreen__V1__SimulatorOptions *from, struct simulator_options *ret,
                                 const char **ret_field)
{
    if (from == NULL) {
        return field_fault(ret_field, "simulator");
    }
    if (from->strategy != NULL && !text_fit(from->strategy, NAME_BYTES_MAX)) {
        return field_fault(ret_field, "simulator.strategy");
    }
    if (!from->has_begin_ms || from->begin_ms < -WIRE_TIME_MS_MAX || from->begin_ms > WIRE_TIME_MS_MAX) {
        return field_fault(ret_field, "simulator.begin_ms");
    }
    if (from->step_ms < 1 || from->step_ms > STEP_MS_MAX) {
        return field_fault(ret_field, "simulator.step_ms");
    }
    if (from->sensing != NULL && !text_fit(from->sensing, NAME_BYTES_MAX)) {
        return field_fault(ret_field, "simulator.sensing");
    }
    if (from->solve_latency_ms > LATENCY_MS_MAX) {
        return field_fault(ret_field, "simulator.solve_latency_ms");
    }
    *ret = (struct simulator_options){
        .strategy = from->strategy,
        .begin_ms = from->begin_ms,
        .step_ms = (int32_t)from->step_ms,
        .fresh = from->fresh,
        .sensing = from->sensing,
        .solve_latency_ms = (int32_t)from->solve_latency_ms,
        .seed = from->seed,
    };
    return STATUS_OK;
}

static const char *hello_fault(const Intergreen__V1__Hello *from)
{
    if (!from->has_protocol) {
        return "protocol";
    }
    if (from->role <= 0 || (int)from->role >= ROLE_COUNT) {
        return "role";
    }
    if (from->identity != NULL && !text_fit(from->identity, IDENTITY_BYTES_MAX)) {
        return "identity";
    }
    if (from->token.len > TOKEN_BYTES_MAX) {
        return "token";
    }
    if (from->software != NULL && !text_fit(from->software, NAME_BYTES_MAX)) {
        return "software";
    }
    if (from->clock_ms < -WIRE_TIME_MS_MAX || from->clock_ms > WIRE_TIME_MS_MAX) {
        return "clock_ms";
    }
    if (from->n_detector > WIRE_NAME_COUNT_MAX || !texts_fit(from->detector, from->n_detector)) {
        return "detector";
    }
    if (from->n_camera > WIRE_NAME_COUNT_MAX || !texts_fit(from->camera, from->n_camera)) {
        return "camera";
    }
    if (from->n_intersection > WIRE_NAME_COUNT_MAX || !texts_fit(from->intersection, from->n_intersection)) {
        return "intersection";
    }
    return NULL;
}

static struct names_said names_over(char **texts, size_t count)
{
    return (struct names_said){ (int32_t)count, (const char *const *)texts };
}

enum status wire_get_hello(struct cursor message, struct arena *arena, struct hello *ret, const char **ret_field)
{
    Intergreen__V1__Hello *from;
    enum status status = unpack_message(&intergreen__v1__hello__descriptor, message, arena, &from);
    if (status != STATUS_OK) {
        return status;
    }
    const char *fault = hello_fault(from);
    if (fault != NULL) {
        return field_fault(ret_field, fault);
    }
    struct hello hello = {
        .protocol = from->protocol,
        .role = (enum role)from->role,
        .identity = text_or_empty(from->identity),
        .token = from->token.data,
        .token_bytes = (int32_t)from->token.len,
        .software = text_or_empty(from->software),
        .clock_ms = from->clock_ms,
        .network_hash = from->network_hash,
        .detectors = names_over(from->detector, from->n_detector),
        .cameras = names_over(from->camera, from->n_camera),
        .intersections = names_over(from->intersection, from->n_intersection),
        .epoch_seen = from->epoch_seen,
    };
    if (hello.role == ROLE_SIMULATOR) {
        status = simulator_get(from->simulator, &hello.simulator, ret_field);
        if (status != STATUS_OK) {
            return status;
        }
    }
    *ret = hello;
    return STATUS_OK;
}

// ---- Welcome ----

static void put_indices(struct frame_writer *out, uint32_t field, const struct indices *indices)
{
    PUT_COLUMN(out, field, indices->count, i, zigzag_encode(indices->at[i]));
}

enum status wire_put_welcome(struct frame_writer *out, const struct welcome *welcome)
{
    struct frame_mark mark = frame_begin(out);
    put_uint(out, 1, welcome->protocol);
    put_uint(out, 2, welcome->daemon);
    put_uint(out, 3, welcome->epoch);
    put_sint(out, 4, welcome->clock_ms);
    put_sint(out, 5, welcome->echo_clock_ms);
    put_fixed64(out, 6, welcome->network_hash);
    put_indices(out, 7, &welcome->detectors);
    put_indices(out, 8, &welcome->cameras);
    put_indices(out, 9, &welcome->intersections);
    put_uint(out, 10, welcome->sequence_after);
    put_uint(out, 11, welcome->frame_bytes_max);
    put_uint(out, 12, (uint32_t)welcome->heartbeat_ms);
    put_uint(out, 13, welcome->source);
    return frame_end(out, mark, FRAME_WELCOME);
}

enum status wire_get_welcome(struct cursor message, struct arena *arena, struct welcome *ret, const char **ret_field)
{
    Intergreen__V1__Welcome *from;
    enum status status = unpack_message(&intergreen__v1__welcome__descriptor, message, arena, &from);
    if (status != STATUS_OK) {
        return status;
    }
    if (!from->has_protocol) {
        return field_fault(ret_field, "protocol");
    }
    if (from->frame_bytes_max == 0 || from->frame_bytes_max > FRAME_BYTES_MAX_LIMIT) {
        return field_fault(ret_field, "frame_bytes_max");
    }
    if (from->heartbeat_ms > INT32_MAX) {
        return field_fault(ret_field, "heartbeat_ms");
    }
    *ret = (struct welcome){
        .protocol = from->protocol,
        .daemon = from->daemon,
        .epoch = from->epoch,
        .clock_ms = from->clock_ms,
        .echo_clock_ms = from->echo_clock_ms,
        .network_hash = from->network_hash,
        .detectors = { (int32_t)from->n_detector, from->detector },
        .cameras = { (int32_t)from->n_camera, from->camera },
        .intersections = { (int32_t)from->n_intersection, from->intersection },
        .sequence_after = from->sequence_after,
        .frame_bytes_max = from->frame_bytes_max,
        .heartbeat_ms = (int32_t)from->heartbeat_ms,
        .source = from->source,
    };
    return STATUS_OK;
}

// ---- Error ----

enum status wire_put_error(struct frame_writer *out, const struct wire_error *error)
{
    assert(error->refused_listed >= 0 && error->refused_listed <= WIRE_REFUSED_MAX);
    struct frame_mark mark = frame_begin(out);
    put_uint(out, 1, (uint64_t)error->code);
    put_text(out, 2, error->text);
    put_text(out, 3, error->field);
    if (error->request != 0) {
        put_uint(out, 4, error->request);
    }
    if (error->sequence != 0) {
        put_uint(out, 5, error->sequence);
    }
    if (error->frame_kind != FRAME_NONE) {
        put_uint(out, 6, (uint64_t)error->frame_kind);
    }
    if (error->closing) {
        put_uint(out, 7, 1);
    }
    if (error->refused_count > 0) {
        put_uint(out, 8, (uint64_t)error->refused_count);
    }
    PUT_COLUMN(out, 9, error->refused_listed, i, (uint64_t)error->refused[i].kind);
    PUT_COLUMN(out, 10, error->refused_listed, i, (uint64_t)error->refused[i].row);
    PUT_COLUMN(out, 11, error->refused_listed, i, (uint64_t)error->refused[i].reason);
    put_names(out, 12, &error->names);
    put_text(out, 13, error->address);
    return frame_end(out, mark, FRAME_ERROR);
}

static enum status error_readings(const Intergreen__V1__Error *from, struct wire_error *ret, const char **ret_field)
{
    if (from->n_refused_row != from->n_refused_column || from->n_refused_row != from->n_refused_reason
        || from->n_refused_row > WIRE_REFUSED_MAX) {
        return field_fault(ret_field, "refused_row");
    }
    for (size_t i = 0; i < from->n_refused_row; i++) {
        if (from->refused_column[i] > READING_OF_CAMERA || from->refused_row[i] > INT32_MAX
            || from->refused_reason[i] >= READING_REFUSAL_COUNT) {
            return field_fault(ret_field, "refused_reason");
        }
        ret->refused[i] = (struct refused_reading){ (enum reading_kind)from->refused_column[i],
            (int32_t)from->refused_row[i], (enum reading_refusal)from->refused_reason[i] };
    }
    ret->refused_listed = (int32_t)from->n_refused_row;
    return STATUS_OK;
}

enum status wire_get_error(struct cursor message, struct arena *arena, struct wire_error *ret, const char **ret_field)
{
    Intergreen__V1__Error *from;
    enum status status = unpack_message(&intergreen__v1__error__descriptor, message, arena, &from);
    if (status != STATUS_OK) {
        return status;
    }
    if (from->code <= 0 || (int)from->code >= ERROR_CODE_COUNT) {
        return field_fault(ret_field, "code");
    }
    if (from->text != NULL && !text_fit(from->text, TEXT_BYTES_MAX)) {
        return field_fault(ret_field, "text");
    }
    if (from->field != NULL && !text_fit(from->field, NAME_BYTES_MAX)) {
        return field_fault(ret_field, "field");
    }
    if (from->frame_kind >= FRAME_KIND_COUNT) {
        return field_fault(ret_field, "frame_kind");
    }
    if (from->refused_count > INT32_MAX) {
        return field_fault(ret_field, "refused_count");
    }
    if (from->address != NULL && !text_fit(from->address, NAME_BYTES_MAX)) {
        return field_fault(ret_field, "address");
    }
    if (from->n_name > WIRE_REFUSED_MAX || !texts_fit(from->name, from->n_name)) {
        return field_fault(ret_field, "name");
    }
    struct wire_error error = {
        .code = (enum error_code)from->code,
        .text = from->text,
        .field = from->field,
        .request = from->request,
        .sequence = from->sequence,
        .frame_kind = (enum frame_kind)from->frame_kind,
        .closing = from->closing,
        .refused_count = (int32_t)from->refused_count,
        .names = names_over(from->name, from->n_name),
        .address = from->address,
    };
    status = error_readings(from, &error, ret_field);
    if (status == STATUS_OK) {
        *ret = error;
    }
    return status;
}

// ---- clocks ----

enum status wire_put_heartbeat(struct frame_writer *out, const struct heartbeat *heartbeat)
{
    struct frame_mark mark = frame_begin(out);
    put_sint(out, 1, heartbeat->clock_ms);
    if (heartbeat->echo) {
        put_sint(out, 2, heartbeat->echo_clock_ms);
    }
    return frame_end(out, mark, FRAME_HEARTBEAT);
}

// A time that must be there.
static bool time_get(const struct fields *fields, uint32_t field, int64_t *ret)
{
    return (fields->numbers >> field & 1) != 0
        && fields_sint(fields, field, -WIRE_TIME_MS_MAX, WIRE_TIME_MS_MAX, 0, ret);
}

enum status wire_get_heartbeat(struct cursor message, struct heartbeat *ret, const char **ret_field)
{
    struct fields fields;
    if (fields_read(message, &fields) != STATUS_OK) {
        return STATUS_SYNTAX;
    }
    struct heartbeat heartbeat = { .echo = (fields.numbers >> 2 & 1) != 0 };
    if (!time_get(&fields, 1, &heartbeat.clock_ms)) {
        return field_fault(ret_field, "clock_ms");
    }
    if (!fields_sint(&fields, 2, -WIRE_TIME_MS_MAX, WIRE_TIME_MS_MAX, 0, &heartbeat.echo_clock_ms)) {
        return field_fault(ret_field, "echo_clock_ms");
    }
    *ret = heartbeat;
    return STATUS_OK;
}

enum status wire_put_clock_advance(struct frame_writer *out, int64_t t_ms)
{
    struct frame_mark mark = frame_begin(out);
    put_sint(out, 1, t_ms);
    return frame_end(out, mark, FRAME_CLOCK_ADVANCE);
}

enum status wire_get_clock_advance(struct cursor message, int64_t *ret_ms, const char **ret_field)
{
    struct fields fields;
    if (fields_read(message, &fields) != STATUS_OK) {
        return STATUS_SYNTAX;
    }
    return time_get(&fields, 1, ret_ms) ? STATUS_OK : field_fault(ret_field, "t_ms");
}

enum status wire_put_clock_reached(struct frame_writer *out, int64_t t_ms, uint32_t plans)
{
    struct frame_mark mark = frame_begin(out);
    put_sint(out, 1, t_ms);
    put_uint(out, 2, plans);
    return frame_end(out, mark, FRAME_CLOCK_REACHED);
}

enum status wire_get_clock_reached(struct cursor message, int64_t *ret_ms, uint32_t *ret_plans, const char **ret_field)
{
    struct fields fields;
    if (fields_read(message, &fields) != STATUS_OK) {
        return STATUS_SYNTAX;
    }
    int64_t t_ms;
    uint64_t plans;
    if (!time_get(&fields, 1, &t_ms)) {
        return field_fault(ret_field, "t_ms");
    }
    if (!fields_uint(&fields, 2, UINT32_MAX, 0, &plans)) {
        return field_fault(ret_field, "plans");
    }
    *ret_ms = t_ms;
    *ret_plans = (uint32_t)plans;
    return STATUS_OK;
}
