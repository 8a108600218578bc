#include "engine/serve/channel.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/serve/fallback.h"
#include "engine/serve/journal.h"

#define END_MS_MAX 1000                   // for the last words to go out
#define SIMULATOR_QUEUE_BYTES (256u << 20) // a simulator gets a whole city's plans at once
#define OUTBOX_KEPT_BYTES 16384           // a larger outbox is given back when it has gone out
#define CLOCK_ASK_MS 10000                // between measurements of a controller's clock
#define CLOCK_OFF_MS_ALARM 200
#define CLOCK_OFF_MS_MAX 1000
#define FALLBACKS_AHEAD 16                // tables that go out before the first of them is acknowledged
#define SAID_PER_SECOND_MAX 20            // lines about peers that a loop writes
#define DETECTOR_US_MAX 10000             // of a loop's turn that detectors may take

static void count(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

static bool may_say(struct loop *loop)
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

static const char *who(const struct channel *channel)
{
    return channel->session.identity[0] != '\0' ? channel->session.identity : "nameless";
}

static void unsubscribe(struct channel *channel)
{
    for (int32_t i = 0; i < channel->subscription_count; i++) {
        struct subscription *one = &channel->subscriptions[i];
        if (one->back != NULL) {
            *one->back = one->next;
            if (one->next != NULL) {
                one->next->back = one->back;
            }
        }
    }
    free(channel->subscriptions);
    channel->subscriptions = NULL;
    channel->subscription_count = 0;
    if (channel->all) {
        *channel->all_back = channel->all_next;
        if (channel->all_next != NULL) {
            channel->all_next->all_back = channel->all_back;
        }
        channel->all = false;
    }
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
    if (channel->welcomed) {
        tell_gone(channel);
        sources_leave(loop->service->sources, channel->source_entry, channel->peer, channel->session.sequence);
        atomic_fetch_sub(&loop->service->role_count[channel->session.role], 1);
    }
    loop->slots.at[channel->peer.slot] = NULL;
    loop->generations.at[channel->peer.slot]++;
    *GROW(loop->free_slots) = channel->peer.slot;
    atomic_fetch_sub(&loop->service->connection_count, 1);
    count(&loop->counts.closed, 1);
    session_release(&channel->session);
    free(channel->filling.bytes);
    free(channel->sending.bytes);
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
    unsubscribe(channel);
    uv_close(&channel->socket.handle, on_closed);
}

static void cut(struct channel *channel, const char *why)
{
    if (channel->state == CHANNEL_CLOSING) {
        return;
    }
    count(&channel->loop->counts.cut, 1);
    if (may_say(channel->loop)) {
        journal(JOURNAL_WARNING, "session of %s (%s) cut: %s", who(channel), channel->from, why);
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
        return;
    }
    if (box->used + byte_count > box->capacity) {
        size_t capacity = box->capacity < 512 ? 512 : box->capacity;
        while (capacity < box->used + byte_count) {
            capacity *= 2;
        }
        uint8_t *grown = realloc(box->bytes, capacity);
        if (grown == NULL) {
            cut(channel, "out of memory");
            return;
        }
        box->bytes = grown;
        box->capacity = capacity;
    }
    memcpy(box->bytes + box->used, bytes, byte_count);
    box->used += byte_count;
}

static void outbox_empty(struct outbox *box)
{
    box->used = 0;
    if (box->capacity > OUTBOX_KEPT_BYTES) {
        free(box->bytes);
        *box = (struct outbox){ 0 };
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

void channel_flush(struct channel *channel)
{
    if (channel->state == CHANNEL_CLOSING || channel->writing) {
        return;
    }
    struct outbox *box = &channel->filling;
    if (box->used > 0) {
        uv_buf_t buffer = uv_buf_init((char *)box->bytes, (unsigned)box->used);
        int written = uv_try_write(&channel->socket.stream, &buffer, 1);
        if (written < 0 && written != UV_EAGAIN) {
            close_now(channel);
            return;
        }
        size_t done = written > 0 ? (size_t)written : 0;
        count(&channel->loop->counts.bytes_out, box->used);
        if (done < box->used) {
            struct outbox swap = channel->sending;
            channel->sending = *box;
            channel->filling = swap;
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
    if (channel->state == CHANNEL_ENDING) {
        close_now(channel);
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

static struct frame_writer out_begin(struct loop *loop)
{
    return frame_writer_over(loop->out_buffer, OUT_BYTES);
}

static void out_send(struct channel *channel, const struct frame_writer *out)
{
    channel_send(channel, channel->loop->out_buffer, out->used);
}

void channel_end(struct channel *channel, enum error_code code, const char *text)
{
    if (channel->state != CHANNEL_OPEN) {
        return;
    }
    struct frame_writer out = out_begin(channel->loop);
    session_close(&channel->session, code, text, &out);
    out_send(channel, &out);
    end(channel);
    channel_flush(channel);
}

static void send_error(struct channel *channel, enum error_code code, enum frame_kind kind, uint32_t request,
                       const char *text)
{
    struct frame_writer out = out_begin(channel->loop);
    struct wire_error error = { .code = code, .text = text, .request = request, .frame_kind = kind };
    if (wire_put_error(&out, &error) == STATUS_OK) {
        out_send(channel, &out);
    }
}

// Where the intersection stands among those that a controller plays, or INDEX_NONE.
static int32_t position_of(const struct indices *played, int32_t intersection)
{
    for (int32_t i = 0; i < played->count; i++) {
        if (played->at[i] == intersection) {
            return i;
        }
    }
    return INDEX_NONE;
}

// The plan as it is kept, but with the fallback table that this controller has loaded. false: send it as it is.
static bool send_plan_with_fallback(struct channel *channel, const struct plan_entry *entry)
{
    struct green greens[PLAN_GREEN_COUNT_MAX];
    struct plan plan;
    const char *field = NULL;
    const uint8_t *end = channel->loop->plan_frame + entry->frame_bytes;
    if (wire_get_plan((struct cursor){ end - entry->message_bytes, end }, greens, &plan, &field) != STATUS_OK) {
        return false;
    }
    int32_t position = position_of(&channel->session.intersections, plan.intersection);
    if (position == INDEX_NONE || !channel->fallback_loaded[position]) {
        return false;
    }
    plan.fallback = fallback_id(channel->loop->service->network, plan.intersection);
    struct frame_writer out = out_begin(channel->loop);
    if (wire_put_plan(&out, &plan) != STATUS_OK) {
        return false;
    }
    out_send(channel, &out);
    return true;
}

static bool send_plan(struct channel *channel, int32_t intersection)
{
    struct plan_entry entry;
    struct loop *loop = channel->loop;
    if (channel->clock_off || !plan_table_get(loop->service->table, intersection, &entry, loop->plan_frame)) {
        return false;
    }
    if (channel->fallback_loaded == NULL || !send_plan_with_fallback(channel, &entry)) {
        channel_send(channel, loop->plan_frame, entry.frame_bytes);
    }
    return true;
}

// Sends a controller the next of its fallback tables, as long as few are on their way.
static void offer_fallbacks(struct channel *channel, int32_t count)
{
    const struct indices *played = &channel->session.intersections;
    const struct network *network = channel->loop->service->network;
    while (count > 0 && channel->fallback_offered < played->count) {
        int32_t intersection = played->at[channel->fallback_offered++];
        struct fallback_room room;
        struct fallback_table table;
        struct frame_writer out = out_begin(channel->loop);
        if (intersection == INDEX_NONE || network->intersections[intersection].cycle_ms <= 0) {
            continue;
        }
        fallback_table_make(network, intersection, &room, &table);
        if (wire_put_fallback_table(&out, &table) == STATUS_OK) {
            out_send(channel, &out);
            count--;
        }
    }
}

static void on_fallback_acknowledgement(struct channel *channel, const struct fallback_acknowledgement *answer)
{
    struct loop *loop = channel->loop;
    const struct network *network = loop->service->network;
    const struct indices *played = &channel->session.intersections;
    int32_t position = position_of(played, answer->intersection);
    bool ours = position != INDEX_NONE && answer->fallback == fallback_id(network, answer->intersection);
    if (ours && answer->accepted) {
        if (channel->fallback_loaded == NULL) {
            channel->fallback_loaded = memory_take((size_t)played->count, sizeof *channel->fallback_loaded);
        }
        channel->fallback_loaded[position] = true;
        count(&loop->counts.fallbacks_loaded, 1);
    } else if (ours) {
        count(&loop->counts.fallbacks_refused, 1);
        if (may_say(loop)) {
            journal(JOURNAL_WARNING, "%s refused the fallback table of %s: %s", who(channel),
                    network_name(network, network->intersections[answer->intersection].name),
                    answer->text != NULL ? answer->text : "it does not say why");
        }
    }
    offer_fallbacks(channel, 1);
}

void channel_push(struct channel *channel, int32_t intersection)
{
    if (channel->state == CHANNEL_OPEN && send_plan(channel, intersection)) {
        count(&channel->loop->counts.plans_pushed, 1);
        channel_flush(channel);
    }
}

static void answer_plan_request(struct channel *channel, const struct plan_request *request)
{
    struct loop *loop = channel->loop;
    struct plan_version version = plan_table_version(loop->service->table, request->intersection);
    // What a daemon that has just taken over read back may be older than what was sent last: that is no change either.
    if (version.epoch != 0 && plan_version_compare(version, request->held) <= 0) {
        struct plan_not_changed answer = { .request = request->request, .intersection = request->intersection,
            .version = request->held };
        struct frame_writer out = out_begin(loop);
        if (wire_put_plan_not_changed(&out, &answer) == STATUS_OK) {
            out_send(channel, &out);
        }
        count(&loop->counts.plans_not_changed, 1);
        return;
    }
    if (send_plan(channel, request->intersection)) {
        count(&loop->counts.plans_pulled, 1);
        return;
    }
    send_error(channel, ERROR_NO_PLAN, FRAME_PLAN_REQUEST, request->request,
               channel->clock_off ? "your clock is more than 1 s off: set it; play the fallback until then"
                                     : "there is no plan for this intersection now: play the fallback");
}

static void subscribe(struct channel *channel, const struct plan_subscription *wish)
{
    struct loop *loop = channel->loop;
    const struct indices *wanted = &wish->intersections;
    unsubscribe(channel);
    if (wish->end || channel->session.role == ROLE_SIMULATOR) {
        return;   // A simulator gets every plan with each ClockReached.
    }
    if (wish->all && channel->session.role == ROLE_CONTROLLER) {
        wanted = &channel->session.intersections;
    } else if (wish->all) {
        channel->all = true;
        channel->all_next = loop->all_first;
        channel->all_back = &loop->all_first;
        if (loop->all_first != NULL) {
            loop->all_first->all_back = &channel->all_next;
        }
        loop->all_first = channel;
        for (int32_t i = 0; i < loop->service->network->intersection_count; i++) {
            send_plan(channel, i);
        }
        return;
    }
    channel->subscriptions = memory_take((size_t)wanted->count, sizeof *channel->subscriptions);
    channel->subscription_count = wanted->count;
    for (int32_t i = 0; i < wanted->count; i++) {
        if (wanted->at[i] == INDEX_NONE) {
            continue;
        }
        struct subscription *one = &channel->subscriptions[i];
        struct subscription **head = &loop->subscribers[wanted->at[i]];
        *one = (struct subscription){ .channel = channel, .next = *head, .back = head };
        if (*head != NULL) {
            (*head)->back = &one->next;
        }
        *head = one;
        send_plan(channel, wanted->at[i]);
    }
}

void channel_leaders_changed(struct channel *channel)
{
    char address[LEADER_ADDRESS_BYTES_MAX];
    struct problem problem;
    if (channel->state == CHANNEL_OPEN && channel->session.state == SESSION_OPEN
        && !leaders_keep_session(channel->loop->service->leaders, &channel->session, address, &problem)) {
        struct frame_writer out = out_begin(channel->loop);
        session_redirect(&channel->session, problem.text, address, &out);
        out_send(channel, &out);
        end(channel);
        channel_flush(channel);
    }
}

// Why a Hello is refused, or NULL.
static const char *judge_hello(struct channel *channel, const struct hello *hello,
                               const struct registry_entry **ret_entry, enum error_code *ret_code)
{
    struct service *service = channel->loop->service;
    const char *why = "";
    *ret_code = ERROR_CREDENTIAL;
    if (!registry_admits(service->registry, hello, channel->local, ret_entry, &why)) {
        return why;
    }
    *ret_code = ERROR_ROLE;
    if (hello->role != ROLE_SIMULATOR) {
        return NULL;
    }
    if (!service->settings.lockstep) {
        return "this daemon takes no simulator (`lockstep: no` in its configuration)";
    }
    if (atomic_load(&service->role_count[ROLE_CONTROLLER]) > 0) {
        return "signal controllers are connected: no simulator may take their clock";
    }
    if (!compute_claim(service->compute)) {
        return "another simulator owns the clock";
    }
    return NULL;
}

static void simulator_begin(struct channel *channel, const struct hello *hello)
{
    struct intake_event event = { .kind = INTAKE_SIMULATOR_BEGIN, .peer = channel->peer };
    event.simulator.begin_ms = hello->simulator.begin_ms;
    event.simulator.solve_latency_ms = hello->simulator.solve_latency_ms;
    snprintf(event.simulator.strategy, sizeof event.simulator.strategy, "%s",
             hello->simulator.strategy != NULL ? hello->simulator.strategy : "");
    intake_event_add(channel->loop->intake, &event);
    channel->queue_bytes_max = SIMULATOR_QUEUE_BYTES;
    channel->paused = true;   // until the engine is ready
    compute_wake(channel->loop->service->compute);
}

// What session_grant asks about one thing that a Hello names.
struct ownership {
    const struct service *service;
    const struct registry_entry *entry;   // or NULL: whatever it names
    bool local;
    int32_t unapproved;                   // intersections without approved site data, granted or not
};

static bool on_owns(void *context, enum owned_kind kind, int32_t index)
{
    struct ownership *ownership = context;
    const struct network *network = ownership->service->network;
    if (ownership->entry != NULL && !registry_owns(ownership->entry, kind, index)) {
        return false;
    }
    bool unapproved = kind == OWNED_INTERSECTION && !network->intersections[index].approved;
    ownership->unapproved += unapproved;
    return !unapproved || ownership->local || ownership->service->settings.unapproved;
}

static void welcome(struct channel *channel, const struct hello *hello, const struct registry_entry *entry,
                    const struct session_room *room)
{
    struct loop *loop = channel->loop;
    struct service *service = loop->service;
    struct source_claim claim;
    char name[IDENTITY_BYTES_MAX + 16];
    snprintf(name, sizeof name, "%s%s%s", hello->identity[0] != '\0' ? role_name(hello->role) : "",
             hello->identity[0] != '\0' ? "/" : "", hello->identity);
    bool counts_on = hello->role == ROLE_DETECTOR || hello->role == ROLE_CONTROLLER;
    sources_claim(service->sources, counts_on ? name : "", channel->peer, &claim);
    struct ownership ownership = { .service = service, .entry = entry, .local = channel->local };
    struct session_grant grant = { .network = service->network, .source = claim.source,
        .sequence_after = claim.sequence_after, .epoch = atomic_load(&service->epoch), .daemon = service->daemon,
        .heartbeat_ms = service->settings.limits.silence_ms / 3, .owns = on_owns,
        .context = &ownership };
    enum status status = session_welcome(&channel->session, hello, &grant, city_clock_now(service->clock), room);
    if (status != STATUS_OK) {
        sources_leave(service->sources, claim.entry, channel->peer, 0);
        if (hello->role == ROLE_SIMULATOR) {
            compute_unclaim(service->compute);
        }
        if (channel->session.state != SESSION_CLOSING) {
            session_refuse(&channel->session, ERROR_INTERNAL, status_name(status), room->out);
        }
        return;
    }
    channel->welcomed = true;
    channel->source_entry = claim.entry;
    atomic_fetch_add(&service->role_count[channel->session.role], 1);
    if (claim.superseded) {
        struct mail mail = { .kind = MAIL_SUPERSEDED, .peer = claim.old };
        loop_post(&service->loops[claim.old.loop], &mail);
    }
    bool granted = channel->local || service->settings.unapproved;
    if (ownership.unapproved > 0 && (granted ? !atomic_exchange(&service->unapproved_said, true) : may_say(loop))) {
        journal(JOURNAL_WARNING, "%s (%s) asked for %" PRId32 " intersections whose site data nobody approved: %s",
                who(channel), channel->from, ownership.unapproved,
                granted ? "granted (said once)" : "refused");
    }
    if (hello->epoch_seen > atomic_load(&service->epoch)) {
        service->epoch_seen(service->owner, hello->epoch_seen);
    }
    if (channel->session.role == ROLE_SIMULATOR) {
        simulator_begin(channel, hello);
    }
    if (channel->session.role == ROLE_CONTROLLER) {
        // After the Welcome, which lies in the same buffer.
        out_send(channel, room->out);
        *room->out = out_begin(loop);
        offer_fallbacks(channel, FALLBACKS_AHEAD);
    }
    if (channel->session.role >= ROLE_OPERATOR) {
        journal(JOURNAL_NOTE, "%s %s (%s, %s) opened a session", role_name(channel->session.role), who(channel),
                channel->from, hello->software);
    }
}

static void on_hello(struct channel *channel, const struct hello *hello, const struct session_room *room)
{
    const struct registry_entry *entry = NULL;
    enum error_code code;
    const char *why = judge_hello(channel, hello, &entry, &code);
    char address[LEADER_ADDRESS_BYTES_MAX];
    struct problem problem;
    if (why == NULL && !leaders_take_hello(channel->loop->service->leaders, hello, address, &problem)) {
        session_redirect(&channel->session, problem.text, address, room->out);
        return;
    }
    if (why == NULL) {
        welcome(channel, hello, entry, room);
        return;
    }
    count(&channel->loop->counts.refused, 1);
    if (may_say(channel->loop)) {
        journal(JOURNAL_WARNING, "%s `%s` (%s) refused: %s", role_name(hello->role), hello->identity,
                channel->from, why);
    }
    session_refuse(&channel->session, code, why, room->out);
}

static void on_clock_measured(struct channel *channel)
{
    const struct session *session = &channel->session;
    int64_t off_ms = session->clock_offset_ms;
    bool was_off = channel->clock_off;
    channel->clock_off = off_ms > CLOCK_OFF_MS_MAX || off_ms < -CLOCK_OFF_MS_MAX;
    if ((off_ms > CLOCK_OFF_MS_ALARM || off_ms < -CLOCK_OFF_MS_ALARM || was_off) && may_say(channel->loop)) {
        journal(channel->clock_off ? JOURNAL_ALARM : JOURNAL_WARNING,
                "the clock of %s (%s) is %" PRId64 " ms off (round trip %" PRId64 " ms)%s", who(channel),
                channel->from, off_ms, session->round_trip_ms,
                channel->clock_off ? ": no plans until it is set" : "");
    }
}

static void add_event(struct channel *channel, const struct intake_event *event, bool *wake)
{
    if (!intake_event_add(channel->loop->intake, event)) {
        count(&channel->loop->counts.events_shed, 1);
        if (event->kind != INTAKE_REPORT) {
            send_error(channel, ERROR_OVERLOADED, FRAME_NONE, event->request, "too many requests: ask again");
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
    count(&loop->counts.readings_taken, (uint64_t)(readings->loops + readings->edges + readings->cameras));
    if (readings->refused_count > 0) {
        count(&loop->counts.readings_refused, (uint64_t)readings->refused_count);
    }
}

static void on_acknowledgement(struct channel *channel, const struct plan_acknowledgement *answer)
{
    struct loop *loop = channel->loop;
    count(answer->status == STATUS_OK ? &loop->counts.acknowledged : &loop->counts.acknowledged_no, 1);
    if (answer->status != STATUS_OK && may_say(loop)) {
        const struct network *network = loop->service->network;
        journal(JOURNAL_WARNING, "%s refused plan %" PRIu32 ".%" PRIu32 ".%" PRIu32 " of %s: %s %s", who(channel),
                answer->version.epoch, answer->version.daemon, answer->version.sequence,
                network_name(network, network->intersections[answer->intersection].name), status_name(answer->status),
                answer->text != NULL ? answer->text : "");
    }
}

static void on_close_event(struct channel *channel, const struct session_event *event)
{
    count(&channel->loop->counts.refused, 1);
    if (may_say(channel->loop)) {
        journal(JOURNAL_WARNING, "session of %s (%s) ended: %s: %s", who(channel), channel->from,
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
    struct request_result result = { .request = event->request, .text = problem.text };
    struct frame_writer out = out_begin(channel->loop);
    if (wire_put_request_result(&out, &result) == STATUS_OK) {
        out_send(channel, &out);
    }
}

static void on_event(struct channel *channel, const struct session_event *event,
                     const struct session_room *room, bool *wake)
{
    struct loop *loop = channel->loop;
    struct intake_event told = { .peer = channel->peer };
    switch (event->kind) {
    case SESSION_HELLO:
        on_hello(channel, event->hello, room);
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
        answer_plan_request(channel, &event->plan_request);
        break;
    case SESSION_PLAN_SUBSCRIPTION:
        subscribe(channel, &event->plan_subscription);
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
        add_event(channel, &told, wake);
        break;
    case SESSION_PRIORITY:
        told.kind = INTAKE_PRIORITY;
        told.request = event->request;
        told.priority = event->priority;
        add_event(channel, &told, wake);
        break;
    case SESSION_CLOCK_ADVANCE:
        told.kind = INTAKE_CLOCK;
        told.clock_ms = event->clock_ms;
        add_event(channel, &told, wake);
        channel->paused = true;
        break;
    case SESSION_STATUS_REQUEST:
        loop->service->status_asked(loop->service->owner, channel->peer, &event->status_request);
        break;
    case SESSION_CLOCK_MEASURED:
        on_clock_measured(channel);
        break;
    case SESSION_REFUSED:
        count(&loop->counts.strikes, 1);
        if (may_say(loop)) {
            journal(JOURNAL_WARNING, "%s (%s): %s refused: %s: %s", who(channel), channel->from,
                    frame_kind_name(event->frame_kind), error_code_name(event->code), event->problem.text);
        }
        break;
    case SESSION_PEER_ERROR:
        if (may_say(loop)) {
            journal(JOURNAL_WARNING, "%s (%s) says: %s: %s", who(channel), channel->from,
                    error_code_name(event->error.code), event->error.text != NULL ? event->error.text : "");
        }
        break;
    case SESSION_CLOSE:
        on_close_event(channel, event);
        break;
    case SESSION_FALLBACK_ACKNOWLEDGEMENT:
        on_fallback_acknowledgement(channel, &event->fallback_acknowledgement);
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
        struct frame_writer out = out_begin(loop);
        struct session_room room = { .arena = &loop->arena, .rows = sheds ? NULL : intake_buffer(loop->intake),
            .out = &out };
        enum session_event_kind kind = session_next(session, city_clock_now(loop->service->clock), &room, &event);
        out_send(channel, &out);
        out = out_begin(loop);
        more = kind != SESSION_NOTHING;
        if (kind == SESSION_HELLO) {
            on_event(channel, &event, &room, &wake);
            out_send(channel, &out);
            if (session->state == SESSION_CLOSING) {
                end(channel);
            }
        } else if (more) {
            on_event(channel, &event, &room, &wake);
        }
    }
    intake_unlock(loop->intake);
    count(&loop->counts.frames, session->frames - frames);
    count(&loop->counts.readings_shed, session->readings_shed - shed);
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
    count(&loop->counts.reads_held, waits);
    // Without room nothing is read, and the descriptor is reported again in the next turn.
    *buffer = uv_buf_init((char *)loop->read_buffer, waits ? 0 : READ_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t bytes, const uv_buf_t *buffer)
{
    struct channel *channel = stream->data;
    if (bytes == UV_ENOBUFS) {
        return;   // It waits for its turn.
    }
    if (bytes < 0) {
        if (channel->session.role >= ROLE_OPERATOR) {
            journal(JOURNAL_NOTE, "%s %s (%s) has gone", role_name(channel->session.role), who(channel),
                    channel->from);
        }
        close_now(channel);
        return;
    }
    if (bytes == 0 || channel->state != CHANNEL_OPEN) {
        return;
    }
    count(&channel->loop->counts.bytes_in, (uint64_t)bytes);
    session_input(&channel->session, (const uint8_t *)buffer->base, (size_t)bytes,
                  city_clock_now(channel->loop->service->clock));
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

static void read_on(struct channel *channel)
{
    if (channel->state == CHANNEL_OPEN && !channel->paused && !channel->reading) {
        channel->reading = uv_read_start(&channel->socket.stream, on_allocate, on_read) == 0;
    }
}

static void resume(struct channel *channel)
{
    channel->paused = false;
    drive(channel);
    read_on(channel);
}

static void clock_reached(struct channel *channel, const struct compute_answer *answer)
{
    struct loop *loop = channel->loop;
    uint32_t plans = 0;
    for (uint64_t position = answer->changes_from; position < answer->changes_to; position++) {
        int32_t intersection = plan_table_change(loop->service->table, position);
        assert(intersection != INDEX_NONE);   // The ring holds several steps, and the next waits for this answer.
        plans += send_plan(channel, intersection) ? 1 : 0;
    }
    count(&loop->counts.plans_pushed, plans);
    struct frame_writer out = out_begin(loop);
    if (wire_put_clock_reached(&out, answer->clock_ms, plans) == STATUS_OK) {
        out_send(channel, &out);
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
        journal(JOURNAL_WARNING, "simulator %s refused: %s", who(channel), answer->problem.text);
        channel_end(channel, ERROR_FIELD, answer->problem.text);
        break;
    case ANSWER_REQUEST: {
        struct request_result result = { .request = answer->request, .accepted = answer->accepted,
            .until_ms = answer->until_ms, .text = answer->accepted ? NULL : answer->problem.text };
        struct frame_writer out = out_begin(channel->loop);
        if (wire_put_request_result(&out, &result) == STATUS_OK) {
            out_send(channel, &out);
        }
        channel_flush(channel);
        break;
    }
    }
}

void channel_check(struct channel *channel, int64_t now_ms)
{
    if (channel->state == CHANNEL_ENDING && monotonic_ms() >= channel->end_by_ms) {
        close_now(channel);
    }
    if (channel->state != CHANNEL_OPEN || channel->paused) {
        return;
    }
    struct frame_writer out = out_begin(channel->loop);
    if (session_expire(&channel->session, now_ms, &out)) {
        if (may_say(channel->loop)) {
            journal(JOURNAL_WARNING, "session of %s (%s) ended: too slow", who(channel), channel->from);
        }
        out_send(channel, &out);
        end(channel);
        channel_flush(channel);
        return;
    }
    if (channel->session.state == SESSION_OPEN && channel->session.role == ROLE_CONTROLLER
        && now_ms - channel->clock_asked_ms >= CLOCK_ASK_MS) {
        channel->clock_asked_ms = now_ms;
        out = out_begin(channel->loop);
        if (session_ask_clock(&channel->session, now_ms, &out) == STATUS_OK) {
            out_send(channel, &out);
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
    count(&loop->counts.opened, 1);
    bool pipe = strcmp(mail->from, "unix") == 0;
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
    if (!pipe) {
        uv_tcp_nodelay(&channel->socket.tcp, 1);
        uv_tcp_keepalive(&channel->socket.tcp, 1, 30);
    }
    read_on(channel);
}
