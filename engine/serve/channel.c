#include "engine/serve/channel.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/serve/admission.h"
#include "engine/serve/deeds.h"
#include "engine/serve/delivery.h"
#include "engine/serve/journal.h"

#define END_MS_MAX 1000                   // for the last words to go out
#define SEALED_BYTES_MORE 65536           // a handshake, an alert
#define PLAIN_PEER "this address speaks TLS: write tls:HOST:PORT, with a certificate"
#define CLOCK_ASK_MS 10000                // between measurements of a controller's clock
#define CLOCK_OFF_MS_ALARM 200
#define CLOCK_OFF_MS_MAX 1000
#define DETECTOR_US_MAX 10000             // of a loop's turn that detectors may take,
#define HANDSHAKE_US_MAX 5000             // and handshakes of TLS: some five (decision 0161)

const char *channel_who(const struct channel *channel)
{
    return channel->session.identity[0] != '\0' ? channel->session.identity : "nameless";
}

static void clock_alarm(const struct channel *channel, bool off)
{
    char key[ALARM_KEY_BYTES_MAX];
    snprintf(key, sizeof key, "clock:%s", channel_who(channel));
    if (!off) {
        alarms_end(channel->loop->service->alarms, key);
        return;
    }
    struct alarm alarm = { .key = key, .severity = ALARM_CRITICAL };
    alarms_come(channel->loop->service->alarms, &alarm,
                "the clock of %s is %" PRId64 " ms off: no plans until it is set", channel_who(channel),
                channel->session.clock_offset_ms);
}

// The engine is told that the peer has gone. Not under the intake's lock: hence from the close callback.
static void tell_gone(struct channel *channel)
{
    struct loop *loop = channel->loop;
    const struct session *session = &channel->session;
    intake_lock(loop->intake);
    struct intake_event event = { .peer = channel->peer };
    if (session->role == ROLE_CONTROLLER) {
        event.kind = INTAKE_LINK_DOWN;
        for (int32_t i = 0; i < session->intersections.count; i++) {
            event.intersection = session->intersections.at[i];
            if (event.intersection != INDEX_NONE) {
                intake_event_add(loop->intake, &event);
            }
        }
    } else if (session->role == ROLE_SIMULATOR) {
        event.kind = INTAKE_SIMULATOR_END;
        intake_event_add(loop->intake, &event);
    }
    intake_unlock(loop->intake);
    if (session->role == ROLE_SIMULATOR) {
        compute_wake(loop->service->compute);
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct channel *channel = handle->data;
    struct loop *loop = channel->loop;
    deeds_end(channel);
    if (channel->clock_off) {
        clock_alarm(channel, false);
    }
    if (channel->welcomed) {
        tell_gone(channel);
        sources_leave(loop->service->sources, channel->source_entry, channel->peer, channel->session.sequence);
        atomic_fetch_sub(&loop->service->role_count[channel->session.role], 1);
    }
    loop->slots.at[channel->peer.slot] = NULL;
    loop->generations.at[channel->peer.slot]++;
    *GROW(loop->free_slots) = channel->peer.slot;
    atomic_fetch_sub(&loop->service->connection_count, 1);
    count_up(&loop->counts.closed, 1);
    session_release(&channel->session);
    free(channel->filling.bytes);
    free(channel->sending.bytes);
    free(channel->sealed.bytes);
    tls_release(channel->tls);
    free(channel->held);
    free(channel->fallback_loaded);
    free(channel);
}

// any state -> CLOSING
static void close_now(struct channel *channel)
{
    if (channel->state == CHANNEL_CLOSING) {
        return;
    }
    channel->state = CHANNEL_CLOSING;
    delivery_unsubscribe(channel);
    uv_close(&channel->socket.handle, on_closed);
}

static void cut(struct channel *channel, const char *why)
{
    if (channel->state == CHANNEL_CLOSING) {
        return;
    }
    count_up(&channel->loop->counts.cut, 1);
    if (loop_may_say(channel->loop)) {
        journal(JOURNAL_WARNING, "session of %s (%s) cut: %s", channel_who(channel), channel->from, why);
    }
    close_now(channel);
}

void channel_send(struct channel *channel, const uint8_t *bytes, size_t byte_count)
{
    struct outbox *box = &channel->filling;
    if (channel->state == CHANNEL_CLOSING || byte_count == 0) {
        return;
    }
    if (box->used + channel->sending.used + byte_count > channel->queue_bytes_max) {
        cut(channel, "it does not read what it is sent");
    } else if (!outbox_add(box, bytes, byte_count)) {
        cut(channel, "out of memory");
    }
}

static void on_written(uv_write_t *write, int result)
{
    struct channel *channel = write->data;
    channel->writing = false;
    outbox_empty(&channel->sending);
    if (channel->state == CHANNEL_CLOSING) {
        return;
    }
    if (result < 0) {
        close_now(channel);
        return;
    }
    channel_flush(channel);
}

// What TLS has for the line. The bound is for what a peer makes it say: the rest is bounded in channel_send.
static bool on_sealed(void *owner, const uint8_t *bytes, size_t byte_count)
{
    struct channel *channel = owner;
    size_t most = channel->queue_bytes_max + channel->queue_bytes_max / 64 + SEALED_BYTES_MORE;
    return channel->sealed.used + byte_count <= most && outbox_add(&channel->sealed, bytes, byte_count);
}

// What gathered becomes records. Before the handshake is over there is nobody to tell it to.
static void seal(struct channel *channel)
{
    bool ending = channel->state == CHANNEL_ENDING;
    if (tls_ready(channel->tls)) {
        (void)tls_write(channel->tls, channel->filling.bytes, channel->filling.used);
        outbox_empty(&channel->filling);
    }
    if (ending) {
        tls_end(channel->tls);
    }
}

void channel_flush(struct channel *channel)
{
    if (channel->state == CHANNEL_CLOSING || channel->writing) {
        return;
    }
    if (channel->tls != NULL) {
        seal(channel);
    }
    struct outbox *box = channel->tls != NULL ? &channel->sealed : &channel->filling;
    if (box->used > 0) {
        uv_buf_t buffer = uv_buf_init((char *)box->bytes, (unsigned)box->used);
        int written = uv_try_write(&channel->socket.stream, &buffer, 1);
        if (written < 0 && written != UV_EAGAIN) {
            close_now(channel);
            return;
        }
        size_t done = written > 0 ? (size_t)written : 0;
        count_up(&channel->loop->counts.bytes_out, box->used);
        if (done < box->used) {
            struct outbox swap = channel->sending;
            channel->sending = *box;
            *box = swap;
            buffer = uv_buf_init((char *)channel->sending.bytes + done, (unsigned)(channel->sending.used - done));
            channel->write.data = channel;
            channel->writing = true;
            if (uv_write(&channel->write, &channel->socket.stream, &buffer, 1, on_written) != 0) {
                channel->writing = false;
                close_now(channel);
            }
            return;
        }
        outbox_empty(box);
    }
    if (channel->state == CHANNEL_ENDING && !channel->lingers) {
        close_now(channel);
    } else if (channel->state == CHANNEL_ENDING) {
        uv_os_fd_t descriptor;
        if (uv_fileno(&channel->socket.handle, &descriptor) != 0 || shutdown(descriptor, SHUT_WR) != 0) {
            close_now(channel);
        }
    }
}

// OPEN -> ENDING: what is in the outbox goes out first.
static void end(struct channel *channel)
{
    if (channel->state == CHANNEL_OPEN) {
        channel->state = CHANNEL_ENDING;
        channel->end_by_ms = monotonic_ms() + END_MS_MAX;
        uv_read_stop(&channel->socket.stream);
        channel->reading = false;
    }
}

void channel_send_out(struct channel *channel, const struct frame_writer *out)
{
    channel_send(channel, channel->loop->out_buffer, out->used);
}

void channel_end(struct channel *channel, enum error_code code, const char *text)
{
    if (channel->state != CHANNEL_OPEN) {
        return;
    }
    struct frame_writer out = loop_out(channel->loop);
    session_close(&channel->session, code, text, &out);
    channel_send_out(channel, &out);
    end(channel);
    channel_flush(channel);
}

void channel_send_error(struct channel *channel, enum error_code code, enum frame_kind kind, uint32_t request,
                        const char *text)
{
    struct frame_writer out = loop_out(channel->loop);
    struct wire_error error = { .code = code, .text = text, .request = request, .frame_kind = kind };
    if (wire_put_error(&out, &error) == STATUS_OK) {
        channel_send_out(channel, &out);
    }
}

void channel_leaders_changed(struct channel *channel)
{
    char address[LEADER_ADDRESS_BYTES_MAX];
    struct problem problem;
    if (channel->state == CHANNEL_OPEN && channel->session.state == SESSION_OPEN
        && !leaders_keep_session(channel->loop->service->leaders, &channel->session, address, &problem)) {
        struct frame_writer out = loop_out(channel->loop);
        session_redirect(&channel->session, problem.text, address, &out);
        channel_send_out(channel, &out);
        end(channel);
        channel_flush(channel);
    }
}

void channel_registry_changed(struct channel *channel)
{
    const char *why = NULL;
    if (channel->state == CHANNEL_OPEN && channel->session.state == SESSION_OPEN
        && !admission_stands(channel, &why)) {
        journal(JOURNAL_WARNING, "session of %s (%s) ended: %s", channel_who(channel), channel->from, why);
        channel_end(channel, ERROR_CREDENTIAL, why);
    }
}

static void on_clock_measured(struct channel *channel)
{
    const struct session *session = &channel->session;
    int64_t off_ms = session->clock_offset_ms;
    bool was_off = channel->clock_off;
    channel->clock_off = off_ms > CLOCK_OFF_MS_MAX || off_ms < -CLOCK_OFF_MS_MAX;
    if (channel->clock_off || was_off) {
        clock_alarm(channel, channel->clock_off);
    }
    if ((off_ms > CLOCK_OFF_MS_ALARM || off_ms < -CLOCK_OFF_MS_ALARM || was_off) && loop_may_say(channel->loop)) {
        journal(channel->clock_off ? JOURNAL_ALARM : JOURNAL_WARNING,
                "the clock of %s (%s) is %" PRId64 " ms off (round trip %" PRId64 " ms)%s", channel_who(channel),
                channel->from, off_ms, session->round_trip_ms,
                channel->clock_off ? ": no plans until it is set" : "");
    }
}

static void add_event(struct channel *channel, const struct intake_event *event, bool *wake)
{
    if (!intake_event_add(channel->loop->intake, event)) {
        count_up(&channel->loop->counts.events_shed, 1);
        if (event->kind != INTAKE_REPORT) {
            deeds_answered(channel, event->request, false, "too many requests");
            channel_send_error(channel, ERROR_OVERLOADED, FRAME_NONE, event->request, "too many requests: ask again");
        }
        return;
    }
    *wake = *wake || event->kind != INTAKE_REPORT;
}

static void on_observations(struct channel *channel, const struct session_event *event)
{
    struct loop *loop = channel->loop;
    const struct reading_result *readings = &event->readings;
    intake_batch_done(loop->intake, channel->session.source, readings);
    count_up(&loop->counts.readings_taken, (uint64_t)(readings->loops + readings->edges + readings->cameras));
    if (readings->refused_count > 0) {
        count_up(&loop->counts.readings_refused, (uint64_t)readings->refused_count);
    }
}

static void on_acknowledgement(struct channel *channel, const struct plan_acknowledgement *answer)
{
    struct loop *loop = channel->loop;
    count_up(answer->status == STATUS_OK ? &loop->counts.acknowledged : &loop->counts.acknowledged_no, 1);
    if (answer->status != STATUS_OK && loop_may_say(loop)) {
        const struct network *network = loop->service->network;
        journal(JOURNAL_WARNING, "%s refused plan %" PRIu32 ".%" PRIu32 ".%" PRIu32 " of %s: %s %s",
                channel_who(channel),
                answer->version.epoch, answer->version.daemon, answer->version.sequence,
                network_name(network, network->intersections[answer->intersection].name), status_name(answer->status),
                answer->text != NULL ? answer->text : "");
    }
}

static void on_close_event(struct channel *channel, const struct session_event *event)
{
    count_up(&channel->loop->counts.refused, 1);
    if (loop_may_say(channel->loop)) {
        journal(JOURNAL_WARNING, "session of %s (%s) ended: %s: %s", channel_who(channel), channel->from,
                error_code_name(event->code), event->problem.text);
    }
    end(channel);
}

// An operator's override of an intersection that another daemon leads.
static void override_elsewhere(struct channel *channel, const struct session_event *event)
{
    char address[LEADER_ADDRESS_BYTES_MAX];
    struct problem problem;
    leaders_whither(channel->loop->service->leaders, event->override.intersection, address, &problem);
    deeds_override(channel, event);
    deeds_answered(channel, event->request, false, problem.text);
    struct request_result result = { .request = event->request, .text = problem.text };
    struct frame_writer out = loop_out(channel->loop);
    if (wire_put_request_result(&out, &result) == STATUS_OK) {
        channel_send_out(channel, &out);
    }
}

// A question for the main thread.
static void ask(struct channel *channel, const struct session_event *event)
{
    struct asked asked = { .peer = channel->peer, .kind = event->kind };
    snprintf(asked.who, sizeof asked.who, "%s", channel_who(channel));
    snprintf(asked.from, sizeof asked.from, "%s", channel->from);
    if (event->kind == SESSION_STATUS_REQUEST) {
        asked.status = event->status_request;
    } else if (event->kind == SESSION_AUDIT_REQUEST) {
        asked.audit = event->audit_request;
    } else {
        asked.request = event->request;
        asked.alarm = event->kind == SESSION_ALARM_ACKNOWLEDGE ? event->alarm : 0;
    }
    channel->loop->service->asked(channel->loop->service->owner, &asked);
}

static void on_event(struct channel *channel, const struct session_event *event,
                     const struct session_room *room, bool *wake)
{
    struct loop *loop = channel->loop;
    struct intake_event told = { .peer = channel->peer };
    switch (event->kind) {
    case SESSION_HELLO:
        admission_hello(channel, event->hello, room);
        break;
    case SESSION_OBSERVATIONS:
        on_observations(channel, event);
        break;
    case SESSION_REPORT:
        told.kind = INTAKE_REPORT;
        told.report = event->report;
        add_event(channel, &told, wake);
        break;
    case SESSION_PLAN_REQUEST:
        delivery_answer_request(channel, &event->plan_request);
        break;
    case SESSION_PLAN_SUBSCRIPTION:
        delivery_subscribe(channel, &event->plan_subscription);
        break;
    case SESSION_PLAN_ACKNOWLEDGEMENT:
        on_acknowledgement(channel, &event->plan_acknowledgement);
        break;
    case SESSION_OVERRIDE:
        if (!leaders_leads(loop->service->leaders, event->override.intersection)) {
            override_elsewhere(channel, event);
            break;
        }
        told.kind = INTAKE_OVERRIDE;
        told.request = event->request;
        told.override = event->override;
        deeds_override(channel, event);
        add_event(channel, &told, wake);
        break;
    case SESSION_PRIORITY:
        told.kind = INTAKE_PRIORITY;
        told.request = event->request;
        told.priority = event->priority;
        deeds_priority(channel, event);
        add_event(channel, &told, wake);
        break;
    case SESSION_CLOCK_ADVANCE:
        told.kind = INTAKE_CLOCK;
        told.clock_ms = event->clock_ms;
        add_event(channel, &told, wake);
        channel->paused = true;
        break;
    case SESSION_STATUS_REQUEST:
    case SESSION_ALARMS_REQUEST:
    case SESSION_ALARM_ACKNOWLEDGE:
    case SESSION_AUDIT_REQUEST:
        ask(channel, event);
        break;
    case SESSION_CLOCK_MEASURED:
        on_clock_measured(channel);
        break;
    case SESSION_REFUSED:
        count_up(&loop->counts.strikes, 1);
        if (loop_may_say(loop)) {
            journal(JOURNAL_WARNING, "%s (%s): %s refused: %s: %s", channel_who(channel), channel->from,
                    frame_kind_name(event->frame_kind), error_code_name(event->code), event->problem.text);
        }
        break;
    case SESSION_PEER_ERROR:
        if (loop_may_say(loop)) {
            journal(JOURNAL_WARNING, "%s (%s) says: %s: %s", channel_who(channel), channel->from,
                    error_code_name(event->error.code), event->error.text != NULL ? event->error.text : "");
        }
        break;
    case SESSION_CLOSE:
        on_close_event(channel, event);
        break;
    case SESSION_FALLBACK_ACKNOWLEDGEMENT:
        delivery_fallback_acknowledged(channel, &event->fallback_acknowledgement);
        break;
    case SESSION_SHED:
    case SESSION_NOTHING:
    case SESSION_EVENT_KIND_COUNT:
        break;
    }
}

// Keeps what the session has not looked at: the loop's buffer will be used by others meanwhile.
static void hold_input(struct channel *channel)
{
    struct frame_reader *reader = &channel->session.reader;
    size_t rest = reader->at == NULL ? 0 : (size_t)(reader->end - reader->at);
    uint8_t *held = rest > 0 ? memory_copy(reader->at, rest, 1) : NULL;
    free(channel->held);
    channel->held = held;
    reader->at = held;
    reader->end = held == NULL ? NULL : held + rest;
}

// Lets the session work through its input.
static void drive(struct channel *channel)
{
    struct loop *loop = channel->loop;
    struct session *session = &channel->session;
    bool wake = false, more = true;
    uint64_t frames = session->frames, shed = session->readings_shed;
    struct session_event event;
    intake_lock(loop->intake);
    while (more && channel->state == CHANNEL_OPEN && !channel->paused) {
        // After the lock: a simulator that claims the clock discards what was taken before.
        bool sheds = compute_claimed(loop->service->compute) && session->role != ROLE_SIMULATOR;
        // An event's own answer may use the same bytes, so that what session_next wrote is sent first.
        struct frame_writer out = loop_out(loop);
        struct session_room room = { .arena = &loop->arena, .rows = sheds ? NULL : intake_buffer(loop->intake),
            .out = &out };
        enum session_event_kind kind = session_next(session, city_clock_now(loop->service->clock), &room, &event);
        channel_send_out(channel, &out);
        out = loop_out(loop);
        more = kind != SESSION_NOTHING;
        if (kind == SESSION_HELLO) {
            on_event(channel, &event, &room, &wake);
            channel_send_out(channel, &out);
            if (session->state == SESSION_CLOSING) {
                end(channel);
            }
        } else if (more) {
            on_event(channel, &event, &room, &wake);
        }
    }
    intake_unlock(loop->intake);
    count_up(&loop->counts.frames, session->frames - frames);
    count_up(&loop->counts.readings_shed, session->readings_shed - shed);
    if (wake) {
        compute_wake(loop->service->compute);
    }
    if (channel->state == CHANNEL_OPEN && channel->paused) {
        hold_input(channel);
    }
    channel_flush(channel);
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    struct channel *channel = handle->data;
    struct loop *loop = channel->loop;
    bool waits = channel->session.role == ROLE_DETECTOR
        && (loop->hold_detectors || loop->detector_us >= DETECTOR_US_MAX);
    count_up(&loop->counts.reads_held, waits);
    waits = waits || (channel->tls != NULL && !tls_ready(channel->tls) && loop->handshake_us >= HANDSHAKE_US_MAX);
    // Without room nothing is read, and the descriptor is reported again in the next turn.
    *buffer = uv_buf_init((char *)loop->read_buffer, waits ? 0 : READ_BYTES);
}

// OPEN -> ENDING: the alert goes out. The handshake failed, or the records are no records.
static void tls_broke(struct channel *channel)
{
    struct loop *loop = channel->loop;
    count_up(&loop->counts.refused, 1);
    count_up(&loop->counts.handshakes_failed, !tls_ready(channel->tls));
    if (loop_may_say(loop)) {
        journal(JOURNAL_WARNING, "session of %s (%s) %s: %s", channel_who(channel), channel->from,
                tls_ready(channel->tls) ? "ended" : "refused", tls_fault(channel->tls));
    }
    if (tls_foreign(channel->tls)) {
        struct frame_writer out = loop_out(loop);
        struct wire_error error = { .code = ERROR_FRAMING, .text = PLAIN_PEER, .closing = true };
        if (wire_put_error(&out, &error) == STATUS_OK) {
            (void)on_sealed(channel, loop->out_buffer, out.used);
        }
    }
    channel->state = CHANNEL_ENDING;
    channel->end_by_ms = monotonic_ms() + END_MS_MAX;
    channel->lingers = true;
    channel_flush(channel);
}

// From the line to plain bytes: all that came, so that nothing is left in TLS but a record's beginning. How many, or -1
// when the channel is open no more.
static ssize_t unseal(struct channel *channel, const uint8_t *bytes, size_t byte_count)
{
    struct loop *loop = channel->loop;
    size_t used = 0, more = 0;
    bool was_ready = tls_ready(channel->tls);
    int64_t began_us = was_ready ? 0 : monotonic_us();
    enum tls_result result;
    tls_input(channel->tls, bytes, byte_count);
    while ((result = tls_read(channel->tls, loop->plain_buffer + used, PLAIN_BYTES - used, &more)) == TLS_DATA) {
        used += more;
        assert(used < PLAIN_BYTES);   // Plain bytes are fewer than those of their records.
    }
    if (!was_ready) {
        count_up(&loop->counts.handshakes, tls_ready(channel->tls));
        loop->handshake_us += monotonic_us() - began_us;
    }
    if (result == TLS_BROKEN) {
        tls_broke(channel);
        return -1;
    }
    if (result == TLS_ENDED && used == 0) {
        close_now(channel);
        return -1;
    }
    channel_flush(channel);   // The handshake's own words.
    return channel->state == CHANNEL_OPEN ? (ssize_t)used : -1;
}

static void on_read(uv_stream_t *stream, ssize_t bytes, const uv_buf_t *buffer)
{
    struct channel *channel = stream->data;
    if (bytes == UV_ENOBUFS) {   // It waits for its turn.
        if (channel->tls != NULL && !tls_ready(channel->tls) && channel->state == CHANNEL_OPEN) {
            uv_read_stop(stream);
            channel->reading = false;
            *GROW(channel->loop->held) = channel->peer;
        }
        return;
    }
    if (bytes < 0) {
        if (channel->session.role >= ROLE_OPERATOR) {
            journal(JOURNAL_NOTE, "%s %s (%s) has gone", role_name(channel->session.role), channel_who(channel),
                    channel->from);
        }
        close_now(channel);
        return;
    }
    if (bytes == 0 || channel->state != CHANNEL_OPEN) {
        return;
    }
    count_up(&channel->loop->counts.bytes_in, (uint64_t)bytes);
    const uint8_t *plain = (const uint8_t *)buffer->base;
    if (channel->tls != NULL) {
        bytes = unseal(channel, plain, (size_t)bytes);
        plain = channel->loop->plain_buffer;
        if (bytes <= 0) {
            return;
        }
    }
    session_input(&channel->session, plain, (size_t)bytes, city_clock_now(channel->loop->service->clock));
    int64_t began_us = channel->session.role == ROLE_DETECTOR ? monotonic_us() : 0;
    drive(channel);
    if (began_us != 0) {
        channel->loop->detector_us += monotonic_us() - began_us;
    }
    if (channel->paused && channel->reading) {
        uv_read_stop(&channel->socket.stream);
        channel->reading = false;
    }
}

void channel_read_on(struct channel *channel)
{
    if (channel->state == CHANNEL_OPEN && !channel->paused && !channel->reading) {
        channel->reading = uv_read_start(&channel->socket.stream, on_allocate, on_read) == 0;
    }
}

static void resume(struct channel *channel)
{
    channel->paused = false;
    drive(channel);
    channel_read_on(channel);
}

static void clock_reached(struct channel *channel, const struct compute_answer *answer)
{
    struct loop *loop = channel->loop;
    uint32_t plans = 0;
    for (uint64_t position = answer->changes_from; position < answer->changes_to; position++) {
        int32_t intersection = plan_table_change(loop->service->table, position);
        assert(intersection != INDEX_NONE);   // The ring holds several steps, and the next waits for this answer.
        plans += delivery_send_plan(channel, intersection) ? 1 : 0;
    }
    count_up(&loop->counts.plans_pushed, plans);
    struct frame_writer out = loop_out(loop);
    if (wire_put_clock_reached(&out, answer->clock_ms, plans) == STATUS_OK) {
        channel_send_out(channel, &out);
    }
}

void channel_answer(struct channel *channel, const struct compute_answer *answer)
{
    if (channel->state != CHANNEL_OPEN) {
        return;
    }
    switch (answer->kind) {
    case ANSWER_SIMULATOR_READY:
        resume(channel);
        break;
    case ANSWER_CLOCK_REACHED:
        clock_reached(channel, answer);
        resume(channel);
        break;
    case ANSWER_SIMULATOR_REFUSED:
        journal(JOURNAL_WARNING, "simulator %s refused: %s", channel_who(channel), answer->problem.text);
        channel_end(channel, ERROR_FIELD, answer->problem.text);
        break;
    case ANSWER_REQUEST: {
        deeds_answered(channel, answer->request, answer->accepted, answer->accepted ? NULL : answer->problem.text);
        struct request_result result = { .request = answer->request, .accepted = answer->accepted,
            .until_ms = answer->until_ms, .text = answer->accepted ? NULL : answer->problem.text };
        struct frame_writer out = loop_out(channel->loop);
        if (wire_put_request_result(&out, &result) == STATUS_OK) {
            channel_send_out(channel, &out);
        }
        channel_flush(channel);
        break;
    }
    }
}

// Its handshake waits for us: there are bytes that we have not read. Its time does not run out meanwhile.
static bool handshake_waits(const struct channel *channel)
{
    uv_os_fd_t descriptor;
    int unread = 0;
    return channel->tls != NULL && !tls_ready(channel->tls) && uv_fileno(&channel->socket.handle, &descriptor) == 0
        && ioctl(descriptor, FIONREAD, &unread) == 0 && unread > 0;
}

void channel_check(struct channel *channel, int64_t now_ms)
{
    if (channel->state == CHANNEL_ENDING && monotonic_ms() >= channel->end_by_ms) {
        close_now(channel);
    }
    if (channel->state != CHANNEL_OPEN || channel->paused) {
        return;
    }
    if (handshake_waits(channel)) {
        session_excuse(&channel->session, now_ms);
    }
    struct frame_writer out = loop_out(channel->loop);
    if (session_expire(&channel->session, now_ms, &out)) {
        bool begun = channel->tls == NULL || tls_ready(channel->tls);
        if (loop_may_say(channel->loop)) {
            journal(JOURNAL_WARNING, "session of %s (%s) ended: %s", channel_who(channel), channel->from,
                    begun ? "too slow" : "TLS: the handshake was not over in time");
        }
        count_up(&channel->loop->counts.handshakes_failed, !begun);
        channel_send_out(channel, &out);
        end(channel);
        channel_flush(channel);
        return;
    }
    if (channel->session.state == SESSION_OPEN && channel->session.role == ROLE_CONTROLLER
        && now_ms - channel->clock_asked_ms >= CLOCK_ASK_MS) {
        channel->clock_asked_ms = now_ms;
        out = loop_out(channel->loop);
        if (session_ask_clock(&channel->session, now_ms, &out) == STATUS_OK) {
            channel_send_out(channel, &out);
        }
    }
    channel_flush(channel);
}

static int32_t slot_take(struct loop *loop)
{
    if (loop->free_slots.count > 0) {
        return loop->free_slots.at[--loop->free_slots.count];
    }
    *GROW(loop->generations) = 1;
    *GROW(loop->slots) = NULL;
    return loop->slots.count - 1;
}

void channel_open(struct loop *loop, const struct mail *mail)
{
    struct channel *channel = memory_take(1, sizeof *channel);
    channel->loop = loop;
    channel->peer = (struct peer){ .loop = loop->index, .slot = slot_take(loop) };
    channel->peer.generation = loop->generations.at[channel->peer.slot];
    channel->local = mail->local;
    channel->source_entry = INDEX_NONE;
    channel->queue_bytes_max = (size_t)loop->service->settings.limits.write_queue_bytes;
    snprintf(channel->from, sizeof channel->from, "%s", mail->from);
    loop->slots.at[channel->peer.slot] = channel;
    int64_t now_ms = city_clock_now(loop->service->clock);
    session_create(&channel->session, &loop->service->session_limits, now_ms);
    bool good = true;
    if (mail->tls) {
        struct tls_line line = { .owner = channel, .out = on_sealed };
        pthread_rwlock_rdlock(&loop->service->registry_lock);
        channel->tls = tls_open(loop->service->tls, NULL, &line);
        pthread_rwlock_unlock(&loop->service->registry_lock);
        good = channel->tls != NULL;
    }
    count_up(&loop->counts.opened, 1);
    bool pipe = mail->pipe;
    int result = pipe ? uv_pipe_init(&loop->uv, &channel->socket.pipe, 0)
                      : uv_tcp_init(&loop->uv, &channel->socket.tcp);
    channel->socket.handle.data = channel;
    if (result == 0) {
        result = pipe ? uv_pipe_open(&channel->socket.pipe, mail->descriptor)
                      : uv_tcp_open(&channel->socket.tcp, mail->descriptor);
    }
    if (result != 0) {
        close(mail->descriptor);
        close_now(channel);
        return;
    }
    if (!good) {
        cut(channel, "out of memory");
        return;
    }
    if (!pipe) {
        uv_tcp_nodelay(&channel->socket.tcp, 1);
        uv_tcp_keepalive(&channel->socket.tcp, 1, 30);
    }
    channel_read_on(channel);
}
