#include "engine/serve/desk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/wire/client.h"

#define DESK_MS 3000                  // from the request to its answer
#define DESK_BYTES_MAX 4096           // of the frames that it sends

struct desk {
    struct client client;
    struct arena arena;
    struct green greens[PLAN_GREEN_COUNT_MAX];
    char identity[IDENTITY_BYTES_MAX], token[TOKEN_BYTES_MAX];
    enum desk_kind kind;
    struct override_request override;
    uint32_t alarm;
    desk_done done;
    void *owner;
    int descriptor, handle_count;
    bool ending;
    uv_poll_t poll;
    uv_timer_t timer;
};

static int desk_count;                // of the main thread

static void on_closed(uv_handle_t *handle)
{
    struct desk *desk = handle->data;
    if (--desk->handle_count == 0) {
        close(desk->descriptor);
        client_release(&desk->client);
        arena_release(&desk->arena);
        explicit_bzero(desk->token, sizeof desk->token);
        free(desk);
        desk_count--;
    }
}

void desk_cancel(struct desk *desk)
{
    if (!desk->ending) {
        desk->ending = true;
        uv_close((uv_handle_t *)&desk->poll, on_closed);
        uv_close((uv_handle_t *)&desk->timer, on_closed);
    }
}

static void end_with(struct desk *desk, const struct desk_answer *answer)
{
    if (!desk->ending) {
        desk_cancel(desk);
        desk->done(desk->owner, answer);
    }
}

static void fail(struct desk *desk, enum error_code code, const char *text)
{
    struct desk_answer answer = { .code = code };
    snprintf(answer.text, sizeof answer.text, "%.255s", text);
    end_with(desk, &answer);
}

// A few hundred bytes into an empty socket: they fit, or something is wrong with it.
static bool send_all(struct desk *desk, const struct frame_writer *out)
{
    return send(desk->descriptor, out->at, out->used, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)out->used;
}

static enum status request_put(const struct desk *desk, struct frame_writer *out)
{
    return desk->kind == DESK_ACKNOWLEDGE ? wire_put_alarm_acknowledge(out, desk->override.request, desk->alarm)
        : wire_put_override(out, &desk->override);
}

static void on_event(struct desk *desk, const struct client_event *event, struct frame_writer *out)
{
    switch ((int)event->kind) {
    case CLIENT_WELCOME:
        if (request_put(desk, out) != STATUS_OK) {
            fail(desk, ERROR_FIELD, "the request does not fit into a frame");
        }
        break;
    case CLIENT_REQUEST_RESULT: {
        struct desk_answer answer = { .accepted = event->request_result.accepted,
            .until_ms = event->request_result.until_ms };
        snprintf(answer.text, sizeof answer.text, "%s",
                 event->request_result.text != NULL ? event->request_result.text : "");
        end_with(desk, &answer);
        break;
    }
    case CLIENT_ERROR:
        fail(desk, event->error.code,
             event->error.text != NULL ? event->error.text : error_code_name(event->error.code));
        break;
    case CLIENT_CLOSED:
        fail(desk, ERROR_INTERNAL, event->problem.text);
        break;
    default:
        break;
    }
}

static void on_readable(uv_poll_t *poll, int result, int events)
{
    struct desk *desk = poll->data;
    uint8_t bytes[4096], answer[DESK_BYTES_MAX];
    (void)events;
    ssize_t count = result < 0 ? -1 : recv(desk->descriptor, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR) && result == 0) {
        return;
    }
    if (count <= 0) {
        fail(desk, ERROR_SHUT_DOWN, "the session was closed");
        return;
    }
    struct frame_writer out = frame_writer_over(answer, sizeof answer);
    struct client_room room = { .arena = &desk->arena, .greens = desk->greens, .out = &out };
    struct client_event event;
    client_input(&desk->client, bytes, (size_t)count, 0);
    while (!desk->ending && client_next(&desk->client, 0, &room, &event) != CLIENT_NOTHING) {
        on_event(desk, &event, &out);
        if (event.kind == CLIENT_CLOSED) {
            return;
        }
    }
    if (!desk->ending && out.used > 0 && !send_all(desk, &out)) {
        fail(desk, ERROR_INTERNAL, "the request could not be sent");
    }
}

static void on_time_out(uv_timer_t *timer)
{
    fail(timer->data, ERROR_TIME_OUT, "the engine has not answered in time");
}

static bool hello_send(struct desk *desk)
{
    uint8_t bytes[DESK_BYTES_MAX];
    struct frame_writer out = frame_writer_over(bytes, sizeof bytes);
    struct hello hello = { .role = ROLE_OPERATOR, .identity = desk->identity, .software = "console",
        .token = desk->token[0] != '\0' ? (const uint8_t *)desk->token : NULL,
        .token_bytes = (int32_t)strlen(desk->token) };
    bool sent = client_hello(&desk->client, &hello, &out) == STATUS_OK && send_all(desk, &out);
    explicit_bzero(bytes, sizeof bytes);
    return sent;
}

struct desk *desk_ask(uv_loop_t *loop, struct service *service, const struct desk_request *request, desk_done done,
                      void *owner)
{
    int pair[2];
    if (desk_count >= DESK_COUNT_MAX
        || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        return NULL;
    }
    struct desk *desk = memory_take(1, sizeof *desk);
    desk_count++;
    desk->descriptor = pair[0];
    desk->done = done;
    desk->owner = owner;
    desk->kind = request->kind;
    desk->alarm = request->alarm;
    snprintf(desk->identity, sizeof desk->identity, "%s", request->identity);
    snprintf(desk->token, sizeof desk->token, "%s", request->token);
    desk->override = (struct override_request){ .request = 1, .what = request->what,
        .duration_ms = request->duration_ms };
    desk->override.what.intersection = request->intersection;
    client_create(&desk->client, FRAME_BYTES_MAX_DEFAULT);
    arena_create(&desk->arena, WIRE_ARENA_BYTES);
    uv_poll_init(loop, &desk->poll, desk->descriptor);
    uv_timer_init(loop, &desk->timer);
    desk->poll.data = desk->timer.data = desk;
    desk->handle_count = 2;
    uv_timer_start(&desk->timer, on_time_out, DESK_MS, 0);
    uv_poll_start(&desk->poll, UV_READABLE, on_readable);

    struct mail mail = { .kind = MAIL_CONNECTION, .descriptor = pair[1], .local = request->local, .pipe = true };
    snprintf(mail.from, sizeof mail.from, "console %.50s", request->from);
    atomic_fetch_add(&service->connection_count, 1);
    bool sent = hello_send(desk);
    loop_post(&service->loops[0], &mail);
    if (!sent) {
        desk_cancel(desk);
        return NULL;
    }
    return desk;
}
