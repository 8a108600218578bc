#include "engine/wire/client.h"

#include <assert.h>

void client_create(struct client *client, uint32_t frame_bytes_max)
{
    *client = (struct client){ .frame_bytes_max = FRAME_BYTES_MAX_DEFAULT };
    frame_reader_create(&client->reader, frame_bytes_max);
}

void client_release(struct client *client)
{
    frame_reader_release(&client->reader);
    *client = (struct client){ 0 };
}

enum status client_hello(struct client *client, const struct hello *hello, struct frame_writer *out)
{
    assert(client->state == CLIENT_IDLE);
    struct hello said = *hello;
    said.protocol = WIRE_PROTOCOL;
    enum status status = wire_put_hello(out, &said);
    if (status == STATUS_OK) {
        client->role = said.role;
        client->state = CLIENT_GREETING;
    }
    return status;
}

uint64_t client_sequence(struct client *client)
{
    return ++client->sequence;
}

void client_input(struct client *client, const uint8_t *bytes, size_t count, int64_t now_ms)
{
    (void)now_ms;
    if (client->state != CLIENT_ENDED) {
        frame_reader_input(&client->reader, bytes, count);
    }
}

static enum client_event_kind closed(struct client *client, struct client_event *ret, const char *place,
                                     const char *field, const char *text)
{
    client->state = CLIENT_ENDED;
    client->reader.at = NULL;
    client->reader.end = NULL;
    (void)problem_report(&ret->problem, STATUS_SYNTAX, place, field, NULL, "%s", text);
    ret->kind = CLIENT_CLOSED;
    return CLIENT_CLOSED;
}

static enum status on_welcome(struct client *client, struct cursor message, const struct client_room *room,
                              struct client_event *ret, const char **ret_field)
{
    enum status status = wire_get_welcome(message, room->arena, &ret->welcome, ret_field);
    if (status != STATUS_OK) {
        return status;
    }
    if (client->state != CLIENT_GREETING || ret->welcome.protocol != WIRE_PROTOCOL) {
        return STATUS_VERSION;
    }
    client->state = CLIENT_OPEN;
    client->daemon = ret->welcome.daemon;
    client->epoch = ret->welcome.epoch;
    client->frame_bytes_max = ret->welcome.frame_bytes_max;
    client->heartbeat_ms = ret->welcome.heartbeat_ms;
    client->sequence = ret->welcome.sequence_after;
    return STATUS_OK;
}

static enum status on_error(struct client *client, struct cursor message, const struct client_room *room,
                            struct client_event *ret, const char **ret_field)
{
    enum status status = wire_get_error(message, room->arena, &ret->error, ret_field);
    if (status == STATUS_OK && ret->error.closing) {
        client->state = CLIENT_ENDED;
        client->reader.at = NULL;
        client->reader.end = NULL;
    }
    return status;
}

static enum status on_heartbeat(struct cursor message, int64_t now_ms, const struct client_room *room,
                                const char **ret_field)
{
    struct heartbeat heard;
    enum status status = wire_get_heartbeat(message, &heard, ret_field);
    if (status == STATUS_OK && !heard.echo && room->out != NULL) {
        struct heartbeat answer = { .clock_ms = now_ms, .echo = true, .echo_clock_ms = heard.clock_ms };
        enum status put = wire_put_heartbeat(room->out, &answer);
        (void)put;   // No room: the daemon asks again.
    }
    return status;
}

// Decodes a message; *ret_kind is CLIENT_NOTHING when there is nothing to tell. STATUS_VERSION: not a message for a
// client.
static enum status message_get(struct client *client, enum frame_kind kind, struct cursor message, int64_t now_ms,
                               const struct client_room *room, struct client_event *ret, const char **ret_field)
{
    switch (kind) {
    case FRAME_WELCOME:
        ret->kind = CLIENT_WELCOME;
        return on_welcome(client, message, room, ret, ret_field);
    case FRAME_ERROR:
        ret->kind = CLIENT_ERROR;
        return on_error(client, message, room, ret, ret_field);
    case FRAME_HEARTBEAT:
        ret->kind = CLIENT_NOTHING;
        return on_heartbeat(message, now_ms, room, ret_field);
    case FRAME_PLAN:
        ret->kind = CLIENT_PLAN;
        return wire_get_plan(message, room->greens, &ret->plan, ret_field);
    case FRAME_PLAN_NOT_CHANGED:
        ret->kind = CLIENT_PLAN_NOT_CHANGED;
        return wire_get_plan_not_changed(message, &ret->plan_not_changed, ret_field);
    case FRAME_FALLBACK_TABLE:
        ret->kind = CLIENT_FALLBACK_TABLE;
        return wire_get_fallback_table(message, room->arena, &ret->fallback_table, ret_field);
    case FRAME_CLOCK_REACHED:
        ret->kind = CLIENT_CLOCK_REACHED;
        return wire_get_clock_reached(message, &ret->clock_ms, &ret->plans, ret_field);
    case FRAME_REQUEST_RESULT:
        ret->kind = CLIENT_REQUEST_RESULT;
        return wire_get_request_result(message, room->arena, &ret->request_result, ret_field);
    case FRAME_STATUS:
        ret->kind = CLIENT_STATUS;
        return wire_get_status(message, room->arena, &ret->status, ret_field);
    case FRAME_ALARMS:
        ret->kind = CLIENT_ALARMS;
        return wire_get_alarms(message, room->arena, &ret->alarms, ret_field);
    case FRAME_AUDIT_PAGE:
        ret->kind = CLIENT_AUDIT_PAGE;
        return wire_get_audit_page(message, room->arena, &ret->audit_page, ret_field);
    case FRAME_NONE:
    case FRAME_HELLO:
    case FRAME_OBSERVATIONS:
    case FRAME_PLAN_REQUEST:
    case FRAME_PLAN_SUBSCRIPTION:
    case FRAME_PLAN_ACKNOWLEDGEMENT:
    case FRAME_CONTROLLER_STATUS:
    case FRAME_CONTROLLER_STATUSES:
    case FRAME_FALLBACK_ACKNOWLEDGEMENT:
    case FRAME_CLOCK_ADVANCE:
    case FRAME_PRIORITY_REQUEST:
    case FRAME_OVERRIDE:
    case FRAME_STATUS_REQUEST:
    case FRAME_ALARMS_REQUEST:
    case FRAME_ALARM_ACKNOWLEDGE:
    case FRAME_AUDIT_REQUEST:
    case FRAME_KIND_COUNT:
        break;
    }
    return STATUS_VERSION;
}

enum client_event_kind client_next(struct client *client, int64_t now_ms, const struct client_room *room,
                                   struct client_event *ret)
{
    arena_reset(room->arena);
    ret->kind = CLIENT_NOTHING;
    while (client->state != CLIENT_ENDED) {
        struct cursor frame, message;
        if (!frame_reader_next(&client->reader, now_ms, &frame)) {
            return frame_reader_state(&client->reader) == FRAME_BROKEN
                ? closed(client, ret, "daemon", NULL, client->reader.fault) : CLIENT_NOTHING;
        }
        enum frame_kind kind;
        enum status status = frame_open(frame, &kind, &message);
        if (status == STATUS_SYNTAX) {
            return closed(client, ret, "daemon", NULL, "these bytes are not a Frame");
        }
        if (status != STATUS_OK) {
            continue;   // A message of a later version.
        }
        if (client->state != CLIENT_OPEN && kind != FRAME_WELCOME && kind != FRAME_ERROR) {
            return closed(client, ret, frame_kind_name(kind), NULL, "the daemon did not begin with Welcome");
        }
        const char *field = NULL;
        status = message_get(client, kind, message, now_ms, room, ret, &field);
        if (status != STATUS_OK) {
            return closed(client, ret, frame_kind_name(kind), field, "the daemon's message cannot be used");
        }
        if (ret->kind != CLIENT_NOTHING) {
            return ret->kind;
        }
    }
    return CLIENT_NOTHING;
}
