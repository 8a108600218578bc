#include "engine/serve/admission.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/serve/audit_log.h"
#include "engine/serve/delivery.h"
#include "engine/serve/journal.h"

#define SIMULATOR_QUEUE_BYTES (256u << 20) // a simulator gets a whole city's plans at once

// Why a Hello is refused, or NULL.
static const char *judge_hello(struct channel *channel, const struct hello *hello,
                               const struct registry_entry **ret_entry, enum error_code *ret_code)
{
    struct service *service = channel->loop->service;
    const char *why = "";
    *ret_code = ERROR_CREDENTIAL;
    if (!registry_admits(service->registry, hello, channel->local, channel->tls != NULL, ret_entry, &why)) {
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
    channel->registry_stamp = entry == NULL ? 0 : registry_stamp(entry);
    channel->source_entry = claim.entry;
    atomic_fetch_add(&service->role_count[channel->session.role], 1);
    if (claim.superseded) {
        struct mail mail = { .kind = MAIL_SUPERSEDED, .peer = claim.old };
        loop_post(&service->loops[claim.old.loop], &mail);
    }
    bool granted = channel->local || service->settings.unapproved;
    if (ownership.unapproved > 0
        && (granted ? !atomic_exchange(&service->unapproved_said, true) : loop_may_say(loop))) {
        journal(JOURNAL_WARNING, "%s (%s) asked for %" PRId32 " intersections whose site data nobody approved: %s",
                channel_who(channel), channel->from, ownership.unapproved,
                granted ? "granted (said once)" : "refused");
    }
    if (hello->epoch_seen > atomic_load(&service->epoch)) {
        service->epoch_seen(service->owner, hello->epoch_seen);
    }
    if (channel->session.role == ROLE_SIMULATOR) {
        simulator_begin(channel, hello);
        struct audit_record record = { .kind = AUDIT_SIMULATOR, .who = hello->identity, .from = channel->from,
            .text = "a simulator takes the clock", .accepted = true };
        audit_log_note(service->audit, &record);
    }
    if (channel->session.role == ROLE_CONTROLLER) {
        // After the Welcome, which lies in the same buffer.
        channel_send_out(channel, room->out);
        *room->out = loop_out(loop);
        delivery_offer_fallbacks(channel, FALLBACKS_AHEAD);
    }
    if (channel->session.role >= ROLE_OPERATOR) {
        journal(JOURNAL_NOTE, "%s %s (%s, %s) opened a session", role_name(channel->session.role), channel_who(channel),
                channel->from, hello->software);
    }
}

static bool owns_all(const struct registry_entry *entry, enum owned_kind kind, const struct indices *list)
{
    for (int32_t i = 0; i < list->count; i++) {
        if (list->at[i] != INDEX_NONE && !registry_owns(entry, kind, list->at[i])) {
            return false;
        }
    }
    return true;
}

bool admission_stands(struct channel *channel, const char **ret_why)
{
    struct service *service = channel->loop->service;
    const struct session *session = &channel->session;
    pthread_rwlock_rdlock(&service->registry_lock);
    const struct registry_entry *entry = registry_find(service->registry, session->identity);
    bool same = (entry == NULL ? 0 : registry_stamp(entry)) == channel->registry_stamp;
    bool owns = entry == NULL || (owns_all(entry, OWNED_DETECTOR, &session->detectors)
                                  && owns_all(entry, OWNED_CAMERA, &session->cameras)
                                  && owns_all(entry, OWNED_INTERSECTION, &session->intersections));
    pthread_rwlock_unlock(&service->registry_lock);
    *ret_why = !same ? "the daemon's registry has changed what this identity has to prove: come again"
        : "the daemon's registry has taken things from this identity: come again";
    return same && owns;
}

static void refused_note(const struct channel *channel, const struct hello *hello, const char *why)
{
    char text[AUDIT_TEXT_BYTES_MAX];
    snprintf(text, sizeof text, "as %s: %s", role_name(hello->role), why);
    struct audit_record record = { .kind = AUDIT_REFUSED_PEER, .who = hello->identity, .from = channel->from,
        .text = text };
    audit_log_note(channel->loop->service->audit, &record);
}

// Over TLS the certificate says who it is; the Hello says the same or nothing. Why not, or NULL.
static const char *identity_prove(struct channel *channel, struct hello *hello, char *text, size_t room)
{
    if (channel->tls == NULL) {
        return NULL;
    }
    const char *proved = tls_identity(channel->tls);
    if (proved[0] == '\0') {
        return tls_fault(channel->tls);
    }
    if (hello->identity[0] != '\0' && strcmp(hello->identity, proved) != 0) {
        snprintf(text, room, "its certificate is that of `%s`", proved);
        return text;
    }
    hello->identity = proved;
    snprintf(channel->session.identity, sizeof channel->session.identity, "%s", proved);
    return NULL;
}

static void hello_take(struct channel *channel, const struct hello *said, const struct session_room *room)
{
    const struct registry_entry *entry = NULL;
    enum error_code code = ERROR_CREDENTIAL;
    char text[128];
    struct hello proved = *said, *hello = &proved;
    const char *why = identity_prove(channel, hello, text, sizeof text);
    if (why == NULL) {
        why = judge_hello(channel, hello, &entry, &code);
    }
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
    count_up(&channel->loop->counts.refused, 1);
    if (loop_may_say(channel->loop)) {
        journal(JOURNAL_WARNING, "%s `%s` (%s) refused: %s", role_name(hello->role), hello->identity,
                channel->from, why);
        refused_note(channel, hello, why);
    }
    session_refuse(&channel->session, code, why, room->out);
}

void admission_hello(struct channel *channel, const struct hello *hello, const struct session_room *room)
{
    struct service *service = channel->loop->service;
    pthread_rwlock_rdlock(&service->registry_lock);
    hello_take(channel, hello, room);
    pthread_rwlock_unlock(&service->registry_lock);
}
