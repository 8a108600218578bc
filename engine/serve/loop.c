#include "engine/serve/loop.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/serve/channel.h"
#include "engine/serve/delivery.h"
#include "engine/serve/journal.h"

#define CHECK_MS 25                       // between two looks at time limits, each at one of
#define CHECK_TURN_COUNT 10               // so many parts of the connections
#define PUSH_COUNT_MAX 64                 // changes of plans pushed in one turn,
#define PUSH_PAUSE_MS 4                   // and the time until the next: who pulls meanwhile does not wait behind them
#define HELD_BREATH_US 2000               // while detectors are held: their sockets would wake the loop at once
#define ENGINE_LATE_MS 300                // a step that is so late needs the processor
#define BREATH_US 500                     // of a busy loop; far less than a pull may take
#define BREATH_LOOK_US 10000              // between two looks at whether it is busy
#define SAID_PER_SECOND_MAX 20            // lines about peers that a loop writes
#define HELD_COUNT_MAX 8                  // handshakes that waited, taken up in one turn
#define BREATH_FRAME_COUNT_MIN 40         // in that time: 4,000 frames a second

void loop_create(struct loop *loop, struct service *service, int32_t index, struct intake *intake)
{
    *loop = (struct loop){ .service = service, .index = index, .intake = intake };
    pthread_mutex_init(&loop->mutex, NULL);
    loop->read_buffer = memory_take(READ_BYTES, 1);
    loop->plain_buffer = memory_take(PLAIN_BYTES, 1);
    loop->out_buffer = memory_take(OUT_BYTES, 1);
    loop->subscribers = memory_take((size_t)service->network->intersection_count, sizeof *loop->subscribers);
    arena_create(&loop->arena, WIRE_ARENA_BYTES);
}

void loop_post(struct loop *loop, const struct mail *mail)
{
    pthread_mutex_lock(&loop->mutex);
    *GROW(loop->mailbox) = *mail;
    pthread_mutex_unlock(&loop->mutex);
    uv_async_send(&loop->wake);
}

void loop_plans_changed(struct loop *loop)
{
    uv_async_send(&loop->wake);
}

struct frame_writer loop_out(struct loop *loop)
{
    return frame_writer_over(loop->out_buffer, OUT_BYTES);
}

bool loop_may_say(struct loop *loop)
{
    int64_t second = monotonic_ms() / 1000;
    if (second != loop->said_second) {
        if (loop->said_count > SAID_PER_SECOND_MAX) {
            journal(JOURNAL_WARNING, "sessions: %" PRId64 " more lines like these in that second",
                    loop->said_count - SAID_PER_SECOND_MAX);
        }
        loop->said_second = second;
        loop->said_count = 0;
    }
    return loop->said_count++ < SAID_PER_SECOND_MAX;
}

static struct channel *find(struct loop *loop, const struct peer *peer)
{
    if (peer->slot < 0 || peer->slot >= loop->slots.count || loop->generations.at[peer->slot] != peer->generation) {
        return NULL;
    }
    return loop->slots.at[peer->slot];
}

static void push_one(struct loop *loop, int32_t intersection)
{
    struct subscription *next = NULL;
    for (struct subscription *one = loop->subscribers[intersection]; one != NULL; one = next) {
        next = one->next;
        delivery_push(one->channel, intersection);
    }
    struct channel *after = NULL;
    for (struct channel *one = loop->all_first; one != NULL; one = after) {
        after = one->all_next;
        delivery_push(one, intersection);
    }
}

static void on_pause_over(uv_timer_t *pause);

// Many changes at once, as when a whole city is taken over, are pushed a few at a time: neither this thread nor the
// controllers' side is to be busy with them alone. A simulator waits for its plans: it gets them at once.
static void push_changes(struct loop *loop)
{
    struct plan_table *table = loop->service->table;
    uint64_t changes = plan_table_changes(table);
    int32_t pushed = 0;
    if (uv_is_active((uv_handle_t *)&loop->pause)) {
        return;
    }
    while (loop->change_position < changes) {
        int32_t intersection = plan_table_change(table, loop->change_position);
        if (intersection == INDEX_NONE) {
            // Fallen behind by more than the ring: everybody gets what is in force now.
            loop->change_position = changes;
            for (int32_t i = 0; i < loop->service->network->intersection_count; i++) {
                push_one(loop, i);
            }
            return;
        }
        loop->change_position++;
        push_one(loop, intersection);
        if (++pushed == PUSH_COUNT_MAX) {
            bool live = !loop->stopping && !compute_claimed(loop->service->compute);
            if (!live || uv_timer_start(&loop->pause, on_pause_over, PUSH_PAUSE_MS, 0) != 0) {
                uv_async_send(&loop->wake);
            }
            return;
        }
    }
}

static void on_pause_over(uv_timer_t *pause)
{
    push_changes(pause->data);
}

static void stop(struct loop *loop)
{
    loop->stopping = true;
    for (int32_t i = 0; i < loop->slots.count; i++) {
        if (loop->slots.at[i] != NULL) {
            channel_end(loop->slots.at[i], ERROR_SHUT_DOWN, "the daemon ends");
        }
    }
}

static void open_mail(struct loop *loop, struct mail *mail)
{
    struct channel *channel = find(loop, mail->kind == MAIL_ANSWER ? &mail->answer.peer : &mail->peer);
    switch (mail->kind) {
    case MAIL_CONNECTION:
        if (loop->stopping) {
            close(mail->descriptor);
            atomic_fetch_sub(&loop->service->connection_count, 1);
        } else {
            channel_open(loop, mail);
        }
        break;
    case MAIL_ANSWER:
        if (channel != NULL) {
            channel_answer(channel, &mail->answer);
        }
        break;
    case MAIL_BYTES:
        if (channel != NULL) {
            channel_send(channel, mail->bytes, mail->byte_count);
            channel_flush(channel);
        }
        free(mail->bytes);
        break;
    case MAIL_SUPERSEDED:
        if (channel != NULL) {
            channel_end(channel, ERROR_SUPERSEDED, "the same identity opened another session");
        }
        break;
    case MAIL_LEADERS:
        for (int32_t i = 0; i < loop->slots.count; i++) {
            if (loop->slots.at[i] != NULL) {
                channel_leaders_changed(loop->slots.at[i]);
            }
        }
        break;
    case MAIL_REGISTRY:
        for (int32_t i = 0; i < loop->slots.count; i++) {
            if (loop->slots.at[i] != NULL) {
                channel_registry_changed(loop->slots.at[i]);
            }
        }
        break;
    case MAIL_STOP:
        stop(loop);
        break;
    }
}

static void on_wake(uv_async_t *wake)
{
    struct loop *loop = wake->data;
    pthread_mutex_lock(&loop->mutex);
    void *at = loop->mailbox.at;
    int32_t count = loop->mailbox.count, capacity = loop->mailbox.capacity;
    loop->mailbox.at = loop->opened_mail.at;
    loop->mailbox.capacity = loop->opened_mail.capacity;
    loop->mailbox.count = 0;
    pthread_mutex_unlock(&loop->mutex);
    loop->opened_mail.at = at;
    loop->opened_mail.capacity = capacity;
    loop->opened_mail.count = count;
    for (int32_t i = 0; i < count; i++) {
        open_mail(loop, &loop->opened_mail.at[i]);
    }
    push_changes(loop);
}

// Once all connections are gone nothing keeps the loop alive but these two.
static void end_when_empty(struct loop *loop)
{
    for (int32_t i = 0; i < loop->slots.count; i++) {
        if (loop->slots.at[i] != NULL) {
            return;
        }
    }
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->timer, NULL);
    uv_close((uv_handle_t *)&loop->pause, NULL);
    uv_close((uv_handle_t *)&loop->breath, NULL);
}

// Handshakes that waited, in the order in which they came.
static void take_up(struct loop *loop)
{
    for (int32_t taken = 0; taken < HELD_COUNT_MAX && loop->held_first < loop->held.count;) {
        struct channel *channel = find(loop, &loop->held.at[loop->held_first++]);
        if (channel != NULL) {
            channel_read_on(channel);
            taken++;
        }
    }
    if (loop->held_first > loop->held.count / 2) {
        loop->held.count -= loop->held_first;
        memmove(loop->held.at, loop->held.at + loop->held_first, (size_t)loop->held.count * sizeof *loop->held.at);
        loop->held_first = 0;
    }
}

static void on_breath(uv_prepare_t *breath)
{
    struct loop *loop = breath->data;
    int64_t now_us = monotonic_us();
    if (now_us - loop->breath_since_us >= BREATH_LOOK_US) {
        uint64_t frames = atomic_load_explicit(&loop->counts.frames, memory_order_relaxed);
        loop->busy = frames - loop->breath_frames >= BREATH_FRAME_COUNT_MIN
            && now_us - loop->breath_since_us < 2 * BREATH_LOOK_US;
        loop->breath_since_us = now_us;
        loop->breath_frames = frames;
    }
    bool live = !loop->stopping && !compute_claimed(loop->service->compute);
    int64_t since_step_ms = now_us / 1000 - compute_progress_ms(loop->service->compute);
    loop->detector_us = 0;
    loop->handshake_us = 0;
    take_up(loop);
    loop->hold_detectors = live && since_step_ms > loop->service->settings.step_ms + ENGINE_LATE_MS;
    if (live && (loop->busy || loop->hold_detectors)) {
        usleep(loop->hold_detectors ? HELD_BREATH_US : BREATH_US);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct loop *loop = timer->data;
    int64_t now_ms = city_clock_now(loop->service->clock);
    loop->check_turn = (loop->check_turn + 1) % CHECK_TURN_COUNT;
    for (int32_t i = loop->check_turn; i < loop->slots.count; i += CHECK_TURN_COUNT) {
        if (loop->slots.at[i] != NULL) {
            channel_check(loop->slots.at[i], now_ms);
        }
    }
    if (loop->stopping) {
        end_when_empty(loop);
    }
}

static void *run(void *owner)
{
    struct loop *loop = owner;
    char name[16];
    snprintf(name, sizeof name, "loop-%d", loop->index);
    pthread_setname_np(pthread_self(), name);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    return NULL;
}

enum status loop_start(struct loop *loop, struct problem *problem)
{
    int result = uv_loop_init(&loop->uv);
    if (result == 0) {
        result = uv_async_init(&loop->uv, &loop->wake, on_wake);
    }
    if (result == 0) {
        result = uv_timer_init(&loop->uv, &loop->timer);
    }
    if (result == 0) {
        result = uv_timer_init(&loop->uv, &loop->pause);
    }
    if (result == 0) {
        result = uv_prepare_init(&loop->uv, &loop->breath);
    }
    if (result == 0) {
        loop->breath.data = loop;
        uv_prepare_start(&loop->breath, on_breath);
        loop->wake.data = loop;
        loop->timer.data = loop;
        loop->pause.data = loop;
        result = uv_timer_start(&loop->timer, on_timer, CHECK_MS, CHECK_MS);
    }
    if (result != 0) {
        return problem_report(problem, STATUS_IO, "loop", NULL, NULL, "%s", uv_strerror(result));
    }
    int error = pthread_create(&loop->thread, NULL, run, loop);
    if (error != 0) {
        return problem_report(problem, STATUS_IO, "loop", NULL, NULL, "no thread: %s", strerror(error));
    }
    loop->started = true;
    return STATUS_OK;
}

void loop_stop(struct loop *loop)
{
    if (loop->started) {
        struct mail mail = { .kind = MAIL_STOP };
        loop_post(loop, &mail);
        pthread_join(loop->thread, NULL);
        int result = uv_loop_close(&loop->uv);
        assert(result == 0);
    }
    for (int32_t i = 0; i < loop->mailbox.count; i++) {
        free(loop->mailbox.at[i].kind == MAIL_BYTES ? loop->mailbox.at[i].bytes : NULL);
    }
    free(loop->mailbox.at);
    free(loop->opened_mail.at);
    free((void *)loop->slots.at);
    free(loop->generations.at);
    free(loop->free_slots.at);
    free(loop->held.at);
    free((void *)loop->subscribers);
    free(loop->read_buffer);
    free(loop->plain_buffer);
    free(loop->out_buffer);
    arena_release(&loop->arena);
    pthread_mutex_destroy(&loop->mutex);
}
