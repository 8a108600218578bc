#include "engine/serve/reload.h"

#include <inttypes.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "engine/serve/audit_log.h"
#include "engine/serve/journal.h"
#include "engine/serve/leadership.h"

// Takes the certificates that were read: for handshakes from now on. Sessions that stand go on.
static void tls_take(struct server *server, struct tls_credentials *next)
{
    pthread_rwlock_wrlock(&server->service.registry_lock);
    struct tls_credentials *old = server->service.tls;
    server->service.tls = next;
    pthread_rwlock_unlock(&server->service.registry_lock);
    tls_credentials_release(old);
}

// Takes the registry that was read in place of the old one; sessions that it would not let in end.
static void registry_take(struct server *server, struct registry *next)
{
    pthread_rwlock_wrlock(&server->service.registry_lock);
    struct registry *old = server->service.registry;
    server->service.registry = next;
    pthread_rwlock_unlock(&server->service.registry_lock);
    registry_release(old);
    for (int32_t i = 0; i < server->service.loop_count; i++) {
        struct mail mail = { .kind = MAIL_REGISTRY };
        loop_post(&server->loops[i], &mail);
    }
}

// What can be changed while the daemon runs is changed; the rest is named.
void server_reload(struct server *server)
{
    struct problem problem;
    struct settings next = server->settings;
    struct brain *brain = NULL;
    struct registry *registry = NULL;
    struct tls_credentials *tls = NULL;
    sd_notify(0, "RELOADING=1");
    enum status status = server->hooks.reload(server->hooks.owner, &next, &problem);
    if (status == STATUS_OK && next.registry != NULL && server->state == SERVER_SERVING) {
        status = registry_read(next.registry, server->network, &registry, &problem);
    }
    if (status == STATUS_OK && next.tls.certificate != NULL && server->state == SERVER_SERVING) {
        status = tls_credentials_read(&next.tls, TLS_DAEMON, &tls, &problem);
    }
    if (status == STATUS_OK && server->state == SERVER_SERVING) {
        status = leadership_brain(server, &next, atomic_load(&server->service.epoch), &brain, &problem);
    }
    if (status != STATUS_OK || server->state != SERVER_SERVING) {
        journal(JOURNAL_ALARM, "the configuration was not taken, the old one stands: %s",
                status != STATUS_OK ? problem.text : "the daemon is not serving yet");
        alarms_come(server->service.alarms, &(struct alarm){ .key = "reload", .severity = ALARM_CRITICAL },
                    "the configuration was not taken, the old one stands: %.200s",
                    status != STATUS_OK ? problem.text : "the daemon is not serving yet");
        server_deed_note(server, AUDIT_RELOAD, false, "not taken: %s",
                         status != STATUS_OK ? problem.text : "the daemon is not serving yet");
        registry_release(registry);
        tls_credentials_release(tls);
        (void)leadership_regions(server, &server->settings, &problem);
        sd_notify(0, "READY=1");
        return;
    }
    // The versions of the new engine's plans must rise: a new epoch, as after a start.
    brain_release(brain);
    const struct settings *now = &server->settings;
    bool other = strcmp(next.network, now->network) != 0 || next.listen_count != now->listen_count
        || strcmp(next.store.text, now->store.text) != 0 || strcmp(next.http.text, now->http.text) != 0
        || next.loops != now->loops || next.step_ms != now->step_ms
        || memcmp(&next.limits, &now->limits, sizeof next.limits) != 0;
    for (int32_t i = 0; !other && i < next.listen_count; i++) {
        other = strcmp(next.listen[i].text, now->listen[i].text) != 0;
    }
    server->settings.strategy = next.strategy;
    memcpy(server->settings.regions, next.regions, sizeof next.regions);
    server->settings.region_count = next.region_count;
    server->settings.threads = next.threads;
    server->settings.solve_latency_ms = next.solve_latency_ms;
    server->settings.status_age_ms = next.status_age_ms;
    if (registry != NULL) {
        registry_take(server, registry);
    }
    if (tls != NULL) {
        tls_take(server, tls);
        server->settings.tls = next.tls;
    }
    server->settings.registry = registry != NULL ? next.registry : server->settings.registry;
    alarms_end(server->service.alarms, "reload");
    server_deed_note(server, AUDIT_RELOAD, true, "strategy %s, %" PRId32 " peers in the registry",
                     server->settings.strategy, registry_count(server->service.registry));
    server->cautious = false;
    leadership_raise(server, atomic_load(&server->service.epoch), "the configuration, read again,");
    journal(JOURNAL_NOTE, "configuration read again: strategy %s%s", server->settings.strategy,
            other ? "; network, listen, http, store, loops, step_ms and limits change at the next start" : "");
    sd_notify(0, "READY=1");
}
