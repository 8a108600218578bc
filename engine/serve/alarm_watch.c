#include "engine/serve/alarm_watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/serve/audit_log.h"

#define HOLD_MS 10000                 // of a controller's or a detector's condition, before it is an alarm
#define OFF_MS_MAX 200                // wall less city clock

enum condition { SILENT, MODE, DETECTORS, RED_OVER, CONDITION_COUNT };

// Of one intersection.
struct watched {
    bool heard;                       // its controller has reported since the start
    uint32_t detectors_best;          // most that were healthy at once: what was never installed is no fault
    bool told[CONDITION_COUNT];       // an alarm is in force
    uint32_t seen[CONDITION_COUNT];   // what the alarm's text says
    int64_t since_ms[CONDITION_COUNT];   // monotonic; 0: the condition does not hold
};

struct alarm_watch {
    int64_t steps;                    // of the picture that was looked at
    struct watched *at;               // by intersection
};

void alarm_watch_start(struct server *server)
{
    server->alarm_watch = memory_take(1, sizeof *server->alarm_watch);
    server->alarm_watch->at = memory_take((size_t)server->network->intersection_count, sizeof *server->alarm_watch->at);
}

void alarm_watch_release(struct server *server)
{
    if (server->alarm_watch != NULL) {
        free(server->alarm_watch->at);
        free(server->alarm_watch);
        server->alarm_watch = NULL;
    }
}

static void come(struct server *server, int32_t intersection, enum condition condition, const char *name,
                 const struct intersection_state *state)
{
    static const char *const MODES[] = { "plays the engine's plan",
        "plays its own program, though nobody asked for that", "is under a person's hand at the cabinet",
        "is pre-empted on the spot", "flashes: it is out of order" };
    static const char *const WORDS[CONDITION_COUNT] = { "silent", "mode", "detectors", "red" };
    char key[ALARM_KEY_BYTES_MAX];
    snprintf(key, sizeof key, "%s:%" PRId32, WORDS[condition], intersection);
    struct alarm alarm = { .key = key, .intersection = name };
    switch (condition) {
    case SILENT:
        alarm.severity = ALARM_CRITICAL;
        alarms_come(server->service.alarms, &alarm,
                    "its controller is silent: it plays its fallback, or is without power");
        break;
    case MODE:
        alarm.severity = state->mode == CONTROLLER_FLASH ? ALARM_CRITICAL : ALARM_WARNING;
        alarms_come(server->service.alarms, &alarm, "its controller %s", MODES[state->mode]);
        break;
    case DETECTORS:
        alarms_come(server->service.alarms, &alarm, "%" PRIu32 " of %" PRIu32 " detectors do not work",
                    state->detectors_total - state->detectors_healthy, state->detectors_total);
        break;
    case RED_OVER:
        alarm.severity = ALARM_CRITICAL;
        alarms_come(server->service.alarms, &alarm, "a red is longer than its maximum, for an emergency vehicle");
        break;
    case CONDITION_COUNT:
        break;
    }
}

static void condition_set(struct server *server, int32_t i, enum condition condition, bool holds, uint32_t seen,
                          const struct intersection_state *state)
{
    static const char *const WORDS[CONDITION_COUNT] = { "silent", "mode", "detectors", "red" };
    struct watched *watched = &server->alarm_watch->at[i];
    int64_t now_ms = monotonic_ms();
    if (!holds) {
        if (watched->told[condition]) {
            char key[ALARM_KEY_BYTES_MAX];
            snprintf(key, sizeof key, "%s:%" PRId32, WORDS[condition], i);
            alarms_end(server->service.alarms, key);
        }
        watched->told[condition] = false;
        watched->since_ms[condition] = 0;
        return;
    }
    watched->since_ms[condition] = watched->since_ms[condition] == 0 ? now_ms : watched->since_ms[condition];
    bool due = condition == RED_OVER || now_ms - watched->since_ms[condition] >= HOLD_MS;
    if (due && (!watched->told[condition] || watched->seen[condition] != seen)) {
        const struct intersection *at = &server->network->intersections[i];
        come(server, i, condition, network_name(server->network, at->name), state);
        watched->told[condition] = true;
        watched->seen[condition] = seen;
    }
}

static void intersections_look(struct server *server, const struct picture *picture)
{
    bool live = !picture->lockstep;
    for (int32_t i = 0; i < server->network->intersection_count; i++) {
        const struct intersection_state *state = &picture->states[i];
        struct watched *watched = &server->alarm_watch->at[i];
        bool leads = leaders_leads(server->service.leaders, i);
        watched->detectors_best = state->detectors_healthy > watched->detectors_best ? state->detectors_healthy
            : watched->detectors_best;
        watched->heard = live && leads && (watched->heard || state->reported);
        // A controller that plays its own program by an override is no alarm.
        bool odd = state->reported && state->mode != CONTROLLER_PLAN
            && !(state->mode == CONTROLLER_FALLBACK && state->overridden);
        condition_set(server, i, SILENT, watched->heard && !state->reported, 0, state);
        condition_set(server, i, MODE, live && leads && odd, (uint32_t)state->mode, state);
        condition_set(server, i, DETECTORS, live && leads && watched->heard && state->reported
                      && state->detectors_healthy < watched->detectors_best, state->detectors_healthy, state);
        condition_set(server, i, RED_OVER, live && state->red_over, 0, state);
    }
}

static void daemon_condition(struct server *server, const char *key, enum alarm_severity severity, bool holds,
                             const char *text)
{
    if (holds) {
        alarms_come(server->service.alarms, &(struct alarm){ .key = key, .severity = severity }, "%s", text);
    } else {
        alarms_end(server->service.alarms, key);
    }
}

static void stores_look(struct server *server)
{
    for (int32_t i = 0; server->holdings != NULL && i < server->holdings->count; i++) {
        const struct store *store = storage_store(server->holdings->at[i].storage);
        char key[ALARM_KEY_BYTES_MAX], text[160];
        snprintf(key, sizeof key, "store:%" PRId32, i);
        snprintf(text, sizeof text, "the store is not to be reached (%s): the engine goes on from memory",
                 store_state_name(store_state(store)));
        bool away = store_state(store) < STORE_READY;
        daemon_condition(server, key, ALARM_CRITICAL, away && monotonic_ms() - server->began_ms >= HOLD_MS / 2, text);
    }
}

void alarm_watch_beat(struct server *server)
{
    const struct picture *picture = compute_look(server->compute);
    char text[400];
    bool expires = server->service.tls != NULL && tls_expiry_say(server->service.tls, text, sizeof text);
    daemon_condition(server, "certificate", ALARM_CRITICAL, expires, text);
    daemon_condition(server, "stall", ALARM_CRITICAL, server->stall_said, "the engine makes no steps");
    bool fault = audit_log_fault(server->service.audit, text, sizeof text);
    daemon_condition(server, "audit", ALARM_CRITICAL, fault, text);
    if (picture->steps == server->alarm_watch->steps) {
        return;
    }
    server->alarm_watch->steps = picture->steps;
    int64_t off_ms = picture->wall_off_ms;
    snprintf(text, sizeof text, "the wall clock is %" PRId64 " ms off the city's; lamps follow it slowly", off_ms);
    daemon_condition(server, "wall-clock", ALARM_CRITICAL,
                     !picture->lockstep && (off_ms > OFF_MS_MAX || off_ms < -OFF_MS_MAX), text);
    stores_look(server);
    intersections_look(server, picture);
}
