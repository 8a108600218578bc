#include "engine/wire/session.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/wire/session_inner.h"

struct session_limits session_limits_default(void)
{
    return (struct session_limits){
        .frame_bytes_max = FRAME_BYTES_MAX_DEFAULT,
        .hello_bytes_max = 256 * 1024,
        .name_count_max = 8192,
        .hello_ms_max = 5000,
        .partial_ms_max = 10000,
        .silence_ms_max = 0,
        .strike_count_max = 64,
        .reading_future_ms_max = 1000,
        .reading_age_ms_max = 15 * 60 * 1000,
        .reading_ahead_ms_max = 15 * 60 * 1000,
    };
}

void session_create(struct session *session, const struct session_limits *limits, int64_t now_ms)
{
    *session = (struct session){ .limits = *limits, .opened_ms = now_ms, .heard_ms = now_ms };
    frame_reader_create(&session->reader, limits->hello_bytes_max);
}

void session_release(struct session *session)
{
    frame_reader_release(&session->reader);
    free(session->owned);
    *session = (struct session){ 0 };
}

void session_excuse(struct session *session, int64_t now_ms)
{
    session->opened_ms = now_ms;
}

bool session_permits(enum role role, enum frame_kind kind)
{
    enum { D = 1 << ROLE_DETECTOR, C = 1 << ROLE_CONTROLLER, O = 1 << ROLE_OPERATOR, S = 1 << ROLE_SIMULATOR };
    static const uint8_t WHO[FRAME_KIND_COUNT] = {
        [FRAME_ERROR] = D | C | O | S,
        [FRAME_HEARTBEAT] = D | C | O | S,
        [FRAME_OBSERVATIONS] = D | S,
        [FRAME_PLAN_REQUEST] = C | O | S,
        [FRAME_PLAN_SUBSCRIPTION] = C | O | S,
        [FRAME_PLAN_ACKNOWLEDGEMENT] = C | S,
        [FRAME_CONTROLLER_STATUS] = C | S,
        [FRAME_CONTROLLER_STATUSES] = C | S,
        [FRAME_FALLBACK_ACKNOWLEDGEMENT] = C | S,
        [FRAME_CLOCK_ADVANCE] = S,
        [FRAME_PRIORITY_REQUEST] = O | S,
        [FRAME_OVERRIDE] = O,
        [FRAME_STATUS_REQUEST] = O | S,
        [FRAME_ALARMS_REQUEST] = O,
        [FRAME_ALARM_ACKNOWLEDGE] = O,
        [FRAME_AUDIT_REQUEST] = O,
    };
    if ((unsigned)kind >= FRAME_KIND_COUNT || (unsigned)role >= ROLE_COUNT) {
        return false;
    }
    return (WHO[kind] & (1 << role)) != 0;
}

static bool indices_hold(const struct indices *list, int32_t index)
{
    int32_t low = 0;
    int32_t high = list->count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (list->at[middle] == index) {
            return true;
        }
        if (list->at[middle] < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

bool session_plays(const struct session *session, int32_t intersection)
{
    if (session->network == NULL || intersection < 0 || intersection >= session->network->intersection_count) {
        return false;
    }
    return session->role == ROLE_SIMULATOR
        || (session->role == ROLE_CONTROLLER && indices_hold(&session->intersections, intersection));
}

bool session_reads(const struct session *session, int32_t intersection)
{
    if (session->network == NULL || intersection < 0 || intersection >= session->network->intersection_count) {
        return false;
    }
    return session->role == ROLE_OPERATOR || session_plays(session, intersection);
}

// ---- ending and refusing ----

// An Error that does not fit is dropped: a peer that does not read cannot be told.
static void error_write(struct frame_writer *out, const struct wire_error *error)
{
    enum status status = wire_put_error(out, error);
    (void)status;
}

static void closing_with(struct session *session, const struct wire_error *error, struct frame_writer *out)
{
    error_write(out, error);
    session->state = SESSION_CLOSING;
    session->reports_open = false;
    session->reader.at = NULL;
    session->reader.end = NULL;
}

static void closing(struct session *session, enum error_code code, const char *field, const char *text,
                    struct frame_writer *out)
{
    struct wire_error error = { .code = code, .field = field, .text = text, .closing = true };
    closing_with(session, &error, out);
}

void session_refuse(struct session *session, enum error_code code, const char *text, struct frame_writer *out)
{
    assert(session->state != SESSION_CLOSING);
    closing(session, code, NULL, text, out);
}

void session_close(struct session *session, enum error_code code, const char *text, struct frame_writer *out)
{
    if (session->state != SESSION_CLOSING) {
        closing(session, code, NULL, text, out);
    }
}

void session_redirect(struct session *session, const char *text, const char *address, struct frame_writer *out)
{
    struct wire_error error = { .code = ERROR_ELSEWHERE, .text = text, .closing = true,
        .address = address[0] != '\0' ? address : NULL };
    if (session->state != SESSION_CLOSING) {
        closing_with(session, &error, out);
    }
}

static void told(const struct session_call *call, enum session_event_kind kind, const struct wire_error *error)
{
    call->ret->kind = kind;
    call->ret->frame_kind = call->kind;
    call->ret->code = error->code;
    (void)problem_report(&call->ret->problem, STATUS_REFUSED, frame_kind_name(call->kind), error->field, NULL, "%s",
                         error->text != NULL ? error->text : error_code_name(error->code));
}

enum session_event_kind session_end(const struct session_call *call, enum error_code code, const char *field,
                                    const char *text)
{
    closing(call->session, code, field, text, call->room->out);
    struct wire_error error = { .code = code, .field = field, .text = text };
    told(call, SESSION_CLOSE, &error);
    return SESSION_CLOSE;
}

enum session_event_kind session_refuse_message(const struct session_call *call, struct wire_error error)
{
    error.frame_kind = call->kind;
    error_write(call->room->out, &error);
    call->session->strikes++;
    if (call->session->strikes > call->session->limits.strike_count_max) {
        return session_end(call, ERROR_LIMIT, NULL, "too many refused messages: see the errors before this one");
    }
    told(call, SESSION_REFUSED, &error);
    return SESSION_REFUSED;
}

bool session_expire(struct session *session, int64_t now_ms, struct frame_writer *out)
{
    const struct session_limits *limits = &session->limits;
    const char *why = NULL;
    if (session->state == SESSION_CLOSING || session->state == SESSION_DECIDING) {
        return false;
    }
    if (session->state == SESSION_EXPECT_HELLO && now_ms - session->opened_ms > limits->hello_ms_max) {
        why = "no Hello came in time";
    } else if (frame_reader_state(&session->reader) == FRAME_PARTIAL
               && now_ms - session->reader.partial_since_ms > limits->partial_ms_max) {
        why = "a frame was begun and not finished in time";
    } else if (limits->silence_ms_max > 0 && now_ms - session->heard_ms > limits->silence_ms_max) {
        why = "nothing was heard for too long: send a Heartbeat when there is nothing else";
    }
    if (why == NULL) {
        return false;
    }
    closing(session, ERROR_TIME_OUT, NULL, why, out);
    return true;
}

// ---- the Hello ----

static enum session_event_kind hello_next(const struct session_call *call)
{
    struct session *session = call->session;
    struct hello *hello = arena_take(call->room->arena, sizeof *hello);
    const char *field = NULL;
    enum status status = STATUS_LIMIT;
    if (call->kind != FRAME_HELLO) {
        return session_end(call, ERROR_ROLE, NULL, "the first frame must be a Hello");
    }
    if (hello != NULL) {
        status = wire_get_hello(call->message, call->room->arena, hello, &field);
    }
    if (status == STATUS_LIMIT) {
        return session_end(call, ERROR_LIMIT, NULL, "the Hello holds too much");
    }
    if (status != STATUS_OK) {
        return session_end(call, ERROR_FIELD, field, "the Hello is missing a field, or the field is out of range");
    }
    if (hello->protocol != WIRE_PROTOCOL) {
        return session_end(call, ERROR_VERSION, "protocol", "this daemon speaks version 1 of the protocol");
    }
    int64_t names = (int64_t)hello->detectors.count + hello->cameras.count + hello->intersections.count;
    if (names > session->limits.name_count_max) {
        return session_end(call, ERROR_LIMIT, NULL, "the Hello names too many things: open several sessions");
    }
    session->role = hello->role;
    (void)snprintf(session->identity, sizeof session->identity, "%s", hello->identity);
    session->state = SESSION_DECIDING;
    call->ret->kind = SESSION_HELLO;
    call->ret->frame_kind = FRAME_HELLO;
    call->ret->hello = hello;
    return SESSION_HELLO;
}

// ---- the loop ----

static enum session_event_kind frame_handle(struct session_call *call, struct cursor frame)
{
    struct session *session = call->session;
    enum status status = frame_open(frame, &call->kind, &call->message);
    if (status == STATUS_SYNTAX) {
        return session_end(call, ERROR_FRAMING, NULL, "these bytes are not a Frame");
    }
    if (session->state == SESSION_EXPECT_HELLO) {
        return hello_next(call);
    }
    if (status != STATUS_OK) {
        return session_refuse_message(call, (struct wire_error){ .code = ERROR_UNKNOWN,
            .text = "this daemon does not know the message" });
    }
    if (!session_permits(session->role, call->kind)) {
        return session_refuse_message(call, (struct wire_error){ .code = ERROR_ROLE,
            .text = "this role may not send the message" });
    }
    return session_handle(call);
}

void session_input(struct session *session, const uint8_t *bytes, size_t count, int64_t now_ms)
{
    (void)now_ms;
    if (session->state != SESSION_CLOSING) {
        frame_reader_input(&session->reader, bytes, count);
    }
}

enum session_event_kind session_next(struct session *session, int64_t now_ms, const struct session_room *room,
                                     struct session_event *ret)
{
    assert(session->state != SESSION_DECIDING);
    struct session_call call = { .session = session, .now_ms = now_ms, .room = room, .ret = ret };
    arena_reset(room->arena);
    ret->kind = SESSION_NOTHING;
    while (session->state != SESSION_CLOSING) {
        enum session_event_kind kind = SESSION_NOTHING;
        if (session->reports_open) {
            call.kind = FRAME_CONTROLLER_STATUSES;
            kind = session_next_report(&call);
        } else {
            struct cursor frame;
            if (!frame_reader_next(&session->reader, now_ms, &frame)) {
                call.kind = FRAME_NONE;
                return frame_reader_state(&session->reader) == FRAME_BROKEN
                    ? session_end(&call, ERROR_FRAMING, NULL, session->reader.fault) : SESSION_NOTHING;
            }
            session->frames++;
            session->heard_ms = now_ms;
            kind = frame_handle(&call, frame);
        }
        if (kind != SESSION_NOTHING) {
            return kind;
        }
    }
    return SESSION_NOTHING;
}

enum status session_ask_clock(struct session *session, int64_t now_ms, struct frame_writer *out)
{
    struct heartbeat question = { .clock_ms = now_ms };
    enum status status = wire_put_heartbeat(out, &question);
    if (status == STATUS_OK) {
        session->clock_asked = true;
        session->clock_asked_ms = now_ms;
    }
    return status;
}
