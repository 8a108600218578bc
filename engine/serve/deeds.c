#include "engine/serve/deeds.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/serve/audit_log.h"

#define OPEN_COUNT_MAX 64             // requests of one peer that wait for their answer
#define HEARD_COUNT_MAX 16            // vehicles of one peer that are remembered
#define HEARD_MS 60000

// A request that was handed to the engine.
struct deed {
    enum audit_kind kind;
    uint32_t request;
    const char *intersection;         // name, or NULL
    int64_t vehicle;
    char text[200];
};

// What a vehicle was last answered.
struct heard {
    int64_t vehicle, time_ms;
    bool accepted, used;
};

struct deeds {
    struct deed open[OPEN_COUNT_MAX];
    int32_t open_count, heard_next;
    struct heard heard[HEARD_COUNT_MAX];
};

static void note(const struct channel *channel, const struct deed *deed, bool accepted, const char *result)
{
    char text[AUDIT_TEXT_BYTES_MAX];
    snprintf(text, sizeof text, "%s%s%s", deed->text, result != NULL ? ": " : "", result != NULL ? result : "");
    struct audit_record record = { .kind = deed->kind, .who = channel->session.identity, .from = channel->from,
        .intersection = deed->intersection, .text = text, .accepted = accepted };
    audit_log_note(channel->loop->service->audit, &record);
}

// The place of a new deed; the oldest that still waits is noted without its answer when there is no room.
static struct deed *deed_add(struct channel *channel)
{
    if (channel->deeds == NULL) {
        channel->deeds = memory_take(1, sizeof *channel->deeds);
    }
    struct deeds *deeds = channel->deeds;
    if (deeds->open_count == OPEN_COUNT_MAX) {
        note(channel, &deeds->open[0], false, "not answered yet");
        for (int32_t i = 1; i < deeds->open_count; i++) {
            deeds->open[i - 1] = deeds->open[i];
        }
        deeds->open_count--;
    }
    return &deeds->open[deeds->open_count++];
}

void deeds_override(struct channel *channel, const struct session_event *event)
{
    const struct network *network = channel->loop->service->network;
    const struct override *what = &event->override;
    const struct intersection *at = &network->intersections[what->intersection];
    struct deed *deed = deed_add(channel);
    *deed = (struct deed){ .kind = AUDIT_OVERRIDE, .request = event->request,
        .intersection = network_name(network, at->name) };
    int64_t lasts_s = (what->until_ms - city_clock_now(channel->loop->service->clock) + 500) / 1000;
    switch (what->kind) {
    case OVERRIDE_NONE:
        snprintf(deed->text, sizeof deed->text, "end the override");
        break;
    case OVERRIDE_STAGE:
        snprintf(deed->text, sizeof deed->text, "hold stage %" PRId32 " for %" PRId64 " s", what->stage, lasts_s);
        break;
    case OVERRIDE_STRATEGY:
        snprintf(deed->text, sizeof deed->text, "strategy %s for %" PRId64 " s", what->strategy, lasts_s);
        break;
    case OVERRIDE_FALLBACK:
        snprintf(deed->text, sizeof deed->text, "hand over to its own program for %" PRId64 " s", lasts_s);
        break;
    }
}

void deeds_priority(struct channel *channel, const struct session_event *event)
{
    if (channel->session.role != ROLE_OPERATOR) {
        return;                       // A simulator's vehicles are no one's deeds.
    }
    const struct network *network = channel->loop->service->network;
    const struct priority *what = &event->priority;
    const struct link *link = &network->links[network->lanes[what->lane].link];
    struct deed *deed = deed_add(channel);
    *deed = (struct deed){ .kind = AUDIT_PRIORITY, .request = event->request, .vehicle = what->vehicle };
    snprintf(deed->text, sizeof deed->text, "%s vehicle %" PRId64 " on %.120s",
             what->kind == PRIORITY_EMERGENCY ? "emergency" : "transit", what->vehicle,
             network_name(network, link->name));
}

// Whether this vehicle was answered so a short time ago; remembers it.
static bool heard_lately(struct deeds *deeds, int64_t vehicle, bool accepted)
{
    int64_t now_ms = monotonic_ms();
    struct heard *at = NULL;
    for (int32_t i = 0; i < HEARD_COUNT_MAX && at == NULL; i++) {
        at = deeds->heard[i].used && deeds->heard[i].vehicle == vehicle ? &deeds->heard[i] : NULL;
    }
    if (at != NULL && at->accepted == accepted && now_ms - at->time_ms < HEARD_MS) {
        return true;
    }
    if (at == NULL) {
        at = &deeds->heard[deeds->heard_next];
        deeds->heard_next = (deeds->heard_next + 1) % HEARD_COUNT_MAX;
    }
    *at = (struct heard){ .vehicle = vehicle, .time_ms = now_ms, .accepted = accepted, .used = true };
    return false;
}

void deeds_answered(struct channel *channel, uint32_t request, bool accepted, const char *text)
{
    struct deeds *deeds = channel->deeds;
    int32_t found = 0;
    while (deeds != NULL && found < deeds->open_count && deeds->open[found].request != request) {
        found++;
    }
    if (deeds == NULL || found == deeds->open_count) {
        return;
    }
    struct deed deed = deeds->open[found];
    deeds->open_count--;
    for (int32_t i = found; i < deeds->open_count; i++) {
        deeds->open[i] = deeds->open[i + 1];
    }
    if (deed.kind != AUDIT_PRIORITY || !heard_lately(deeds, deed.vehicle, accepted)) {
        note(channel, &deed, accepted, accepted ? NULL : text);
    }
}

void deeds_end(struct channel *channel)
{
    for (int32_t i = 0; channel->deeds != NULL && i < channel->deeds->open_count; i++) {
        note(channel, &channel->deeds->open[i], false, "the session ended before the answer");
    }
    free(channel->deeds);
    channel->deeds = NULL;
}
