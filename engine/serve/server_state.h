// server_state.h: what the parts of the server share: server.c (its states and its beat), leadership.c (epochs,
// strategies, which regions are led), reload.c (a configuration read again), questions.c (what operators ask of the
// daemon), alarm_watch.c (what is an alarm) and showing.c (what the store is shown).
//
// CONTRACT  The main thread alone, but for what is atomic and for asked, which asked_mutex guards.
// OWNERSHIP server_run makes it and releases it.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "engine/record/audit.h"
#include "engine/serve/embedded.h"
#include "engine/serve/holdings.h"
#include "engine/serve/http.h"
#include "engine/serve/listener.h"
#include "engine/serve/server.h"
#include "engine/serve/state_folder.h"

enum server_state { SERVER_STARTING, SERVER_STANDBY, SERVER_SERVING, SERVER_WRITING, SERVER_ENDING };

struct server {
    const struct network *network;
    struct settings settings;
    struct server_hooks hooks;
    const char *city;
    enum server_state state;
    int exit_code;
    uv_loop_t loop;
    uv_timer_t beat;
    uv_signal_t signals[3];           // TERM, INT, HUP

    struct state_folder folder;
    struct embedded embedded;
    bool embedded_runs;
    struct holdings *holdings;        // NULL: no store
    struct boundary boundary;         // where the city is led in parts
    struct http *http;
    struct listener listeners[LISTEN_COUNT_MAX];
    int32_t listener_count;
    struct service service;
    struct loop *loops;
    struct intake *intakes;
    int32_t intake_count;
    struct compute *compute;
    struct recordings *recordings;    // or NULL
    struct alarm_watch *alarm_watch;
    struct brain_options brain;
    const char **region_strategy;     // one per region of the network
    bool steps_down, store_missed_said;
    bool cautious;                    // begun without the stored state after repeated crashes

    uint8_t *parcel;
    int64_t started_wall_ms, began_ms, end_by_ms;
    int64_t shown_steps;              // of the picture that was last offered to the store
    int32_t *minute_counts;
    uint8_t plan_frame[WIRE_PLAN_BYTES_MAX];
    _Atomic uint32_t epoch_seen;      // told by a controller, newer than ours
    uint64_t watchdog_us, watched_steps;
    int64_t watchdog_fed_ms;
    bool stall_said;

    pthread_mutex_t asked_mutex;
    LIST_OF(struct asked) asked;
};

// What the daemon shows and answers of itself, as it is now; owner is a struct server.
struct gauges;
void server_gauges(void *owner, struct gauges *ret);

// What the daemon itself did, for the audit log.
void server_deed_note(struct server *server, enum audit_kind kind, bool accepted, const char *format, ...)
    PRINTF_LIKE(4, 5);
