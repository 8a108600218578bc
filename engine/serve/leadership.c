#include "engine/serve/leadership.h"

#include <inttypes.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "engine/serve/journal.h"
#include "engine/serve/settings_check.h"

// The strategy of each region of the network, from the settings.
enum status leadership_regions(struct server *server, const struct settings *settings, struct problem *problem)
{
    const struct network *network = server->network;
    enum status status = settings_check_regions(network, settings, problem);
    if (status != STATUS_OK) {
        return status;
    }
    for (int32_t i = 0; i < network->regions.count; i++) {
        server->region_strategy[i] = NULL;
    }
    for (int32_t i = 0; i < settings->region_count; i++) {
        server->region_strategy[names_find(&network->regions, settings->regions[i].region)] =
            settings->regions[i].strategy;
    }
    return STATUS_OK;
}

enum status leadership_brain(struct server *server, const struct settings *settings, uint32_t epoch,
                              struct brain **ret, struct problem *problem)
{
    enum status status = leadership_regions(server, settings, problem);
    if (status != STATUS_OK) {
        return status;
    }
    int threads = settings->threads > 0 ? settings->threads : (int)sysconf(_SC_NPROCESSORS_ONLN);
    server->brain = (struct brain_options){ .strategy = server->cautious ? "program" : settings->strategy,
        .region_strategy = server->cautious || settings->region_count == 0 ? NULL : server->region_strategy,
        .epoch = epoch, .daemon = server->folder.daemon, .solve_latency_ms = settings->solve_latency_ms,
        .status_age_ms_max = settings->status_age_ms, .threads = threads < 1 ? 1 : threads,
        .regions_led = settings->parted ? holdings_ours(server->holdings) : 0 };
    return brain_create(server->network, &server->brain, ret, problem);
}

// Which regions are led now, for people and scripts.
void leadership_say(const struct server *server, int32_t plans)
{
    char text[1024] = "";
    size_t used = 0;
    uint64_t regions = holdings_ours(server->holdings);
    uint32_t epoch = atomic_load(&server->service.epoch);
    for (int32_t r = 0; r < server->boundary.region_count && used < sizeof text; r++) {
        if ((regions >> r & 1) != 0) {
            used += (size_t)snprintf(text + used, sizeof text - used, " %s", names_text(&server->network->regions, r));
        }
    }
    printf("leads:%s; epoch %" PRIu32 ".%" PRIu32 "; %d plans read back\n", text, epoch, server->folder.daemon, plans);
    fflush(stdout);
    sd_notifyf(0, "STATUS=leads%s, epoch %" PRIu32, text, epoch);
}

static void epoch_alarm(struct server *server, const char *why)
{
    alarms_come(server->service.alarms, &(struct alarm){ .key = "epoch", .severity = ALARM_CRITICAL, .once = true },
                "a higher epoch cannot be had, and without it no region be taken over: %s", why);
}

// Regions were taken over or lost, or the epoch has to rise: the brain goes on with what is ours now.
static void lead_change(struct server *server)
{
    struct problem problem;
    uint32_t ours = atomic_load(&server->service.epoch), seen = atomic_load(&server->epoch_seen);
    uint32_t found = holdings_epoch(server->holdings), above = found > ours ? found : ours;
    above = seen > above ? seen : above;
    uint64_t regions = holdings_ours(server->holdings);
    if (regions == 0) {
        server->steps_down = true;
        return;
    }
    if (above == UINT32_MAX || state_folder_epoch(&server->folder, above + 1, &problem) != STATUS_OK) {
        const char *why = above == UINT32_MAX ? "there is no higher epoch" : problem.text;
        journal(JOURNAL_ALARM, "no regions can be taken over: %s", why);
        epoch_alarm(server, why);
        return;
    }
    atomic_store(&server->service.epoch, above + 1);
    server->brain.epoch = above + 1;
    server->brain.regions_led = regions;
    int32_t plans = 0;
    for (int32_t i = 0; i < server->holdings->count; i++) {
        const struct holding *holding = &server->holdings->at[i];
        if (holding->state == HOLDING_READY) {
            compute_lead(server->compute, regions, above + 1, holding->plans.at, holding->plans.count);
            plans += holding->plans.count;
        }
    }
    compute_lead(server->compute, regions, above + 1, NULL, 0);
    holdings_settle(server->holdings, (struct store_epoch){ above + 1, server->folder.daemon });
    leaders_set(server->service.leaders, regions);
    for (int32_t i = 0; i < server->service.loop_count; i++) {
        struct mail mail = { .kind = MAIL_LEADERS };
        loop_post(&server->loops[i], &mail);
    }
    leadership_say(server, plans);
}

// Somebody holds plans of a newer epoch than ours: go beyond it.
void leadership_raise(struct server *server, uint32_t above, const char *who)
{
    struct problem problem;
    struct brain *brain = NULL;
    uint32_t epoch = above + 1;
    if (above == UINT32_MAX || state_folder_epoch(&server->folder, epoch, &problem) != STATUS_OK
        || leadership_brain(server, &server->settings, epoch, &brain, &problem) != STATUS_OK) {
        const char *why = above == UINT32_MAX ? "it is the last there is" : problem.text;
        journal(JOURNAL_ALARM, "epoch %" PRIu32 " was seen (%s) and cannot be passed: %s", above, who, why);
        epoch_alarm(server, why);
        return;
    }
    journal(JOURNAL_WARNING, "%s knows epoch %" PRIu32 ": ours is %" PRIu32 " from now on", who, above, epoch);
    atomic_store(&server->service.epoch, epoch);
    compute_replace(server->compute, brain, &server->brain);
    if (server->holdings != NULL) {
        holdings_settle(server->holdings, (struct store_epoch){ epoch, server->folder.daemon });
    }
}

void leadership_watch(struct server *server)
{
    struct store_epoch found;
    uint32_t ours = atomic_load(&server->service.epoch), seen = atomic_load(&server->epoch_seen);
    if (server->settings.parted) {
        if (holdings_beat(server->holdings, monotonic_ms()) || seen > ours) {
            lead_change(server);
        }
        return;
    }
    if (seen > ours) {
        leadership_raise(server, seen, "a controller");
        return;
    }
    // A store that was away when we began, and to which nothing was written yet: we are the newer daemon.
    struct store *store = server->holdings != NULL ? holdings_store(server->holdings) : NULL;
    if (store != NULL && server->settings.standby) {
        server->steps_down = store_fenced(store, &found);   // Of a pair the newer one leads.
    } else if (store != NULL && store_fenced(store, &found) && store_counts(store)->batches == 0) {
        leadership_raise(server, found.number, "the store");
    }
}
