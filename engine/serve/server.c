#include "engine/serve/server.h"

#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/serve/alarm_watch.h"
#include "engine/serve/audit_log.h"
#include "engine/serve/gauges.h"
#include "engine/serve/journal.h"
#include "engine/serve/leadership.h"
#include "engine/serve/questions.h"
#include "engine/serve/reload.h"
#include "engine/serve/server_state.h"
#include "engine/serve/showing.h"
#include "engine/wire/plan_codec.h"

#define BEAT_MS 50
#define START_BEAT_MS 5
#define STALL_MS 5000                 // without a step in live mode: an alarm
#define CRASH_COUNT_MAX 2             // so many ends that were not clean within a minute: the next start is cautious

// ---- what the store asks of us

static bool on_plan(void *owner, int32_t intersection, struct store_plan *ret)
{
    struct server *server = owner;
    struct plan_entry entry;
    if (server->service.table == NULL
        || !plan_table_get(server->service.table, intersection, &entry, server->plan_frame)) {
        return false;
    }
    *ret = (struct store_plan){ .plan = { .kind = entry.kind, .reason = entry.reason },
        .bytes = server->plan_frame + entry.frame_bytes - entry.message_bytes, .byte_count = entry.message_bytes };
    return true;
}

// A region is led by another: its plans are nobody's to ask for here.
static void on_left(void *owner, int32_t region)
{
    struct server *server = owner;
    for (int32_t i = 0; server->service.table != NULL && i < server->network->intersection_count; i++) {
        if (boundary_region(server->network, i) == region) {
            plan_table_drop(server->service.table, i);
        }
    }
}

// ---- what the other threads tell us

static void on_stepped(void *owner)
{
    struct server *server = owner;
    for (int32_t i = 0; i < server->service.loop_count; i++) {
        loop_plans_changed(&server->loops[i]);
    }
}

static void on_answer(void *owner, const struct compute_answer *answer)
{
    struct server *server = owner;
    struct mail mail = { .kind = MAIL_ANSWER, .answer = *answer };
    loop_post(&server->loops[answer->peer.loop], &mail);
}

static void on_said(void *owner, bool alarm, const char *text)
{
    (void)owner;
    journal(alarm ? JOURNAL_ALARM : JOURNAL_NOTE, "%s", text);
}

static void on_epoch_seen(void *owner, uint32_t epoch)
{
    struct server *server = owner;
    uint32_t seen = atomic_load(&server->epoch_seen);
    while (epoch > seen && !atomic_compare_exchange_weak(&server->epoch_seen, &seen, epoch)) {
    }
}

static void on_recording_said(void *owner, bool alarm, const char *text)
{
    struct server *server = owner;
    on_said(owner, alarm, text);
    if (alarm) {
        alarms_come(server->service.alarms, &(struct alarm){ .key = "recording", .severity = ALARM_CRITICAL,
                    .once = true }, "%s", text);
    }
}

void server_deed_note(struct server *server, enum audit_kind kind, bool accepted, const char *format, ...)
{
    char text[AUDIT_TEXT_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    audit_log_note(server->service.audit, &(struct audit_record){ .kind = kind, .who = "daemon", .text = text,
                   .accepted = accepted });
}

void server_gauges(void *owner, struct gauges *ret)
{
    struct server *server = owner;
    *ret = (struct gauges){ .service = &server->service, .picture = compute_look(server->compute),
        .store = server->holdings != NULL ? holdings_store(server->holdings) : NULL,
        .holdings = server->settings.parted ? server->holdings : NULL, .city = server->city,
        .store_path = server->embedded_runs ? server->embedded.shown_path : server->settings.store.text,
        .started_ms = server->started_wall_ms };
}

static bool on_healthy(void *owner)
{
    struct server *server = owner;
    return compute_claimed(server->compute)
        || monotonic_ms() - compute_progress_ms(server->compute) < STALL_MS;
}

static void on_detail(void *owner)
{
    struct server *server = owner;
    compute_detail(server->compute);
}

// ---- the beat

// The service manager's watchdog is fed only when the engine stepped, or waits for a simulator.
static void watchdog_feed(struct server *server)
{
    int64_t now_ms = monotonic_ms();
    uint64_t steps = compute_steps(server->compute);
    bool claimed = compute_claimed(server->compute);
    bool stalled = !claimed && now_ms - compute_progress_ms(server->compute) > STALL_MS;
    if (stalled && !server->stall_said) {
        journal(JOURNAL_ALARM, "the engine has made no step for %d s", STALL_MS / 1000);
    }
    server->stall_said = stalled;
    if (server->watchdog_us == 0 || now_ms - server->watchdog_fed_ms < (int64_t)(server->watchdog_us / 3000)) {
        return;
    }
    if (steps != server->watched_steps || claimed) {
        server->watched_steps = steps;
        server->watchdog_fed_ms = now_ms;
        sd_notify(0, "WATCHDOG=1");
    }
}

static void serve_beat(struct server *server)
{
    for (int32_t i = 0; server->holdings != NULL && i < server->holdings->count; i++) {
        store_hold_lease(storage_store(server->holdings->at[i].storage), on_healthy(server));
    }
    if (server->holdings != NULL) {
        show_city(server);
        show_leaving(server);
        show_leaders(server);
    }
    alarm_watch_beat(server);
    questions_answer(server);
    leadership_watch(server);
    watchdog_feed(server);
}

// ---- starting

static void on_store_began(void *owner)
{
    struct server *server = owner;
    for (int32_t i = 0; server->holdings != NULL && i < server->holdings->count; i++) {
        storage_poke(server->holdings->at[i].storage);
    }
}

static void storage_begin(struct server *server)
{
    const struct settings *settings = &server->settings;
    if (settings->parted) {
        boundary_create(&server->boundary, server->network);
        server->parcel = memory_take(COMPUTE_PARCEL_BYTES_MAX, 1);
    }
    struct holdings_options options = { .loop = &server->loop, .network = server->network, .settings = settings,
        .boundary = settings->parted ? &server->boundary : NULL, .city = server->city,
        .embedded_path = settings->store.kind == STORE_EMBEDDED ? server->embedded.socket_path : NULL,
        .owner = server, .plan = on_plan, .left = on_left };
    holdings_start(&options, &server->holdings);
}

static enum status start_early(struct server *server, struct problem *problem)
{
    const struct settings *settings = &server->settings;
    enum status status = holdings_check(server->network, settings, problem);
    status = status != STATUS_OK ? status : state_folder_open(settings->state_folder, &server->folder, problem);
    if (status != STATUS_OK) {
        return status;
    }
    status = audit_log_open(&server->folder, &server->service.audit, problem);
    if (status != STATUS_OK) {
        return status;
    }
    server->cautious = server->folder.crashes >= CRASH_COUNT_MAX;
    if (server->cautious) {
        alarms_come(server->service.alarms, &(struct alarm){ .key = "crashes", .severity = ALARM_CRITICAL,
                    .once = true }, "the daemon ended %d times within a minute: every intersection plays its own "
                    "program", server->folder.crashes);
        journal(JOURNAL_ALARM, "the daemon ended %d times within a minute without being told to: it starts without the "
                "stored state, and every intersection with its own program", server->folder.crashes);
    }
    listener_raise_descriptors(&server->settings.limits);
    if (settings->store.kind == STORE_NONE) {
        return STATUS_OK;
    }
    if (settings->store.kind == STORE_EMBEDDED) {
        server->embedded.owner = server;
        server->embedded.began = on_store_began;
        status = embedded_start(&server->embedded, &server->loop, &server->folder, settings->redis_server, problem);
        if (status != STATUS_OK) {
            return status;
        }
        server->embedded_runs = true;
    }
    storage_begin(server);
    return STATUS_OK;
}

static void restore_all(struct server *server)
{
    int32_t taken = 0, total = 0;
    struct green greens[PLAN_GREEN_COUNT_MAX];
    for (int32_t h = 0; server->holdings != NULL && h < server->holdings->count; h++) {
        const struct holding *holding = &server->holdings->at[h];
        for (int32_t i = 0; holding->state == HOLDING_READY && i < holding->plans.count; i++) {
            const struct kept_plan *kept = &holding->plans.at[i];
            struct cursor message = { kept->bytes, kept->bytes + kept->byte_count };
            struct plan plan;
            const char *field;
            taken += !server->cautious && wire_get_plan(message, greens, &plan, &field) == STATUS_OK
                && plan.intersection == kept->intersection && compute_restore(server->compute, &plan);
            total++;
        }
    }
    if (total > 0) {
        journal(JOURNAL_NOTE, "store: %d plans read back, %d taken up, %d not in force any more or refused", total,
                taken, total - taken);
    }
}

static enum status loops_start(struct server *server, struct problem *problem)
{
    for (int32_t i = 0; i < server->service.loop_count; i++) {
        enum status status = loop_start(&server->loops[i], problem);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static void service_fill(struct server *server)
{
    const struct settings *settings = &server->settings;
    struct service *service = &server->service;
    struct session_limits limits = session_limits_default();
    limits.frame_bytes_max = (uint32_t)settings->limits.frame_bytes;
    limits.name_count_max = settings->limits.names;
    limits.hello_ms_max = settings->limits.hello_ms;
    limits.partial_ms_max = settings->limits.partial_ms;
    limits.silence_ms_max = settings->limits.silence_ms;
    limits.strike_count_max = settings->limits.strikes;
    service->network = server->network;
    service->settings = *settings;
    service->session_limits = limits;
    service->daemon = server->folder.daemon;
    service->loop_count = settings->loops;
    service->owner = server;
    service->epoch_seen = on_epoch_seen;
    service->asked = questions_take;
    plan_table_create(server->network->intersection_count, &service->table);
    leaders_create(server->network, &service->leaders);
    sources_create(&service->sources);
    server->intake_count = settings->loops + (settings->parted ? 1 : 0);   // the last: what crosses borders
    server->intakes = memory_take((size_t)server->intake_count, sizeof *server->intakes);
    server->loops = memory_take((size_t)settings->loops, sizeof *server->loops);
    service->loops = server->loops;
    for (int32_t i = 0; i < settings->loops; i++) {
        intake_create(&server->intakes[i], server->network, settings->limits.readings_per_step,
                      settings->limits.events_per_step);
        loop_create(&server->loops[i], service, i, &server->intakes[i]);
    }
    if (settings->parted) {
        struct intake *crossing = &server->intakes[settings->loops];
        intake_create(crossing, server->network, settings->limits.readings_per_step, settings->limits.events_per_step);
        server->holdings->intake = crossing;
    }
}

// Whether it leads by a lease in the store, not just so.
static bool leases(const struct server *server)
{
    return server->settings.standby || server->settings.parted;
}

static enum status engine_start(struct server *server, struct problem *problem)
{
    const struct settings *settings = &server->settings;
    if (server->holdings != NULL && !leases(server)) {
        holdings_take_all(server->holdings);
    }
    uint32_t found = server->holdings != NULL ? holdings_epoch(server->holdings) : 0;
    uint32_t highest = found > server->folder.epoch ? found : server->folder.epoch;
    if (highest == UINT32_MAX) {
        return problem_report(problem, STATUS_RANGE, "epoch", NULL, "Clear the store and the state folder.",
                              "there is no higher epoch");
    }
    enum status status = state_folder_epoch(&server->folder, highest + 1, problem);
    struct brain *brain = NULL;
    if (status == STATUS_OK) {
        status = leadership_brain(server, settings, highest + 1, &brain, problem);
    }
    if (status != STATUS_OK) {
        return status;
    }
    atomic_store(&server->service.epoch, highest + 1);
    if (settings->recordings != NULL) {
        struct recordings_hooks hooks = { .owner = server, .said = on_recording_said };
        status = recordings_start(settings->recordings, (int64_t)settings->recordings_mib_max << 20, server->network,
                                  settings->network, &hooks, &server->recordings, problem);
        if (status != STATUS_OK) {
            brain_release(brain);
            return status;
        }
    }
    struct compute_options options = { .network = server->network, .brain = server->brain,
        .recordings = server->recordings, .step_ms = settings->step_ms, .intakes = server->intakes,
        .intake_count = server->intake_count, .boundary = settings->parted ? &server->boundary : NULL,
        .table = server->service.table, .clock = server->service.clock,
        .hooks = { .owner = server, .stepped = on_stepped, .answer = on_answer, .said = on_said } };
    compute_create(&options, brain, &server->compute);
    server->service.compute = server->compute;
    restore_all(server);
    if (settings->parted) {
        leaders_set(server->service.leaders, holdings_ours(server->holdings));
    }
    if (server->holdings != NULL) {
        holdings_settle(server->holdings, (struct store_epoch){ highest + 1, server->folder.daemon });
    }
    return STATUS_OK;
}

static enum status doors_open(struct server *server, struct problem *problem)
{
    const struct settings *settings = &server->settings;
    for (int32_t i = 0; i < settings->listen_count; i++) {
        enum status status = listener_start(&server->listeners[i], &server->loop, &server->service,
                                            &settings->listen[i], problem);
        if (status != STATUS_OK) {
            return status;
        }
        server->listener_count++;
        if (!settings->listen[i].local && !settings->listen[i].tls) {
            journal(JOURNAL_ALARM, "%s can be reached from other machines, and what is said there is not encrypted, "
                    "tokens neither, as `unencrypted: yes` allows: listen on tls:HOST:PORT",
                    server->listeners[i].shown);
        }
    }
    if (settings->http_off) {
        return STATUS_OK;
    }
    if (!settings->http.local) {
        journal(JOURNAL_WARNING, "http: %s: whoever reaches it from other machines sees the console and the metrics, "
                "unencrypted; nothing can be changed there", settings->http.text);
    }
    struct http_hooks hooks = { .owner = server, .loop = &server->loop, .service = &server->service,
        .gauges = server_gauges, .healthy = on_healthy,
        .detail = on_detail };
    return http_start(&server->loop, &settings->http, &hooks, &server->http, problem);
}

static void ready_say(struct server *server)
{
    char addresses[1024] = "";
    size_t used = 0;
    for (int32_t i = 0; i < server->listener_count && used < sizeof addresses; i++) {
        used += (size_t)snprintf(addresses + used, sizeof addresses - used, "%s%s", i > 0 ? " " : "",
                                 server->listeners[i].shown);
    }
    char page[200] = "off";
    if (server->http != NULL) {
        snprintf(page, sizeof page, "http://%.128s:%d/", server->settings.http.host, http_port(server->http));
    }
    printf("ready: %s; page %s; %s: %d intersections, strategy %s; epoch %" PRIu32 ".%" PRIu32 "; store %s\n",
           addresses, page, server->city, server->network->intersection_count, server->brain.strategy,
           atomic_load(&server->service.epoch), server->service.daemon,
           server->embedded_runs ? server->embedded.shown_path : server->settings.store.text);
    if (server->settings.parted) {
        leadership_say(server, 0);
    }
    fflush(stdout);
    sd_notifyf(0, "READY=1\nSTATUS=%d intersections, strategy %s, epoch %" PRIu32,
               server->network->intersection_count, server->brain.strategy, atomic_load(&server->service.epoch));
}

// STARTING -> SERVING
static enum status start_late(struct server *server, struct problem *problem)
{
    service_fill(server);
    enum status status = STATUS_OK;
    if (server->settings.registry != NULL) {
        status = registry_read(server->settings.registry, server->network, &server->service.registry, problem);
    }
    if (status == STATUS_OK && server->settings.tls.certificate != NULL) {
        status = tls_credentials_read(&server->settings.tls, TLS_DAEMON, &server->service.tls, problem);
    }
    if (status == STATUS_OK) {
        status = engine_start(server, problem);
    }
    if (status == STATUS_OK) {
        status = loops_start(server, problem);
    }
    if (status == STATUS_OK) {
        status = compute_start(server->compute, problem);
    }
    if (status == STATUS_OK) {
        status = doors_open(server, problem);
    }
    if (status != STATUS_OK) {
        return status;
    }
    server->state = SERVER_SERVING;
    alarm_watch_start(server);
    server_deed_note(server, AUDIT_START, true,
                     "epoch %" PRIu32 ".%" PRIu32 ", network %s (%016" PRIx64 "), strategy %s",
                     atomic_load(&server->service.epoch), server->service.daemon, server->settings.network,
                     server->network->hash, server->brain.strategy);
    server->minute_counts = memory_take((size_t)(server->network->detector_count + server->network->camera_count),
                                        sizeof *server->minute_counts);
    ready_say(server);
    return STATUS_OK;
}

// ---- ending

static void doors_close(struct server *server)
{
    for (int32_t i = 0; i < server->listener_count; i++) {
        listener_stop(&server->listeners[i]);
    }
    http_stop(server->http);
}

// -> ENDING: everything that holds the main loop goes.
static void end_all(struct server *server)
{
    server->state = SERVER_ENDING;
    if (server->compute != NULL) {
        compute_stop(server->compute);
    }
    for (int32_t i = 0; server->loops != NULL && i < server->service.loop_count; i++) {
        loop_stop(&server->loops[i]);
    }
    if (server->holdings != NULL) {
        holdings_stop(server->holdings);
    }
    if (server->embedded_runs) {
        embedded_stop(&server->embedded);
    }
    for (int i = 0; i < 3; i++) {
        uv_close((uv_handle_t *)&server->signals[i], NULL);
    }
    uv_close((uv_handle_t *)&server->beat, NULL);
}

// SERVING -> WRITING: the store gets what it has not, for a while.
static void end_begin(struct server *server)
{
    if (server->state == SERVER_WRITING || server->state == SERVER_ENDING) {
        return;
    }
    sd_notify(0, "STOPPING=1");
    bool served = server->state == SERVER_SERVING;
    if (served) {
        server_deed_note(server, AUDIT_END, true, "told to end");
    }
    server->end_by_ms = monotonic_ms() + server->settings.stop_ms / 2;
    server->state = SERVER_WRITING;
    if (served) {
        doors_close(server);
        compute_stop(server->compute);
        if (server->holdings != NULL) {
            show_city(server);
            holdings_resign(server->holdings);
        }
    }
}

static void fail(struct server *server, const struct problem *problem)
{
    journal(JOURNAL_ALARM, "%s", problem->text);
    server->exit_code = 1;
    doors_close(server);
    end_all(server);
}

// STARTING -> STANDBY: another may lead. Who leads by the lease in the store waits for the store.
static void standby_begin(struct server *server)
{
    if (!holdings_restored(server->holdings)) {
        if (!server->store_missed_said && monotonic_ms() - server->began_ms >= server->settings.store_restore_ms) {
            server->store_missed_said = true;
            sd_notify(0, "READY=1\nSTATUS=waits for the store");
            journal(JOURNAL_ALARM, "store: Redis does not answer; this daemon of a pair cannot know whether to lead");
        }
        return;
    }
    holdings_follow(server->holdings);
    uv_timer_set_repeat(&server->beat, BEAT_MS);
    server->state = SERVER_STANDBY;
    printf("standby: %s; store %s\n", server->city, server->settings.store.text);
    fflush(stdout);
    sd_notify(0, "READY=1\nSTATUS=standby: another daemon leads");
}

// SERVING, from STARTING or STANDBY.
static void serve_begin(struct server *server)
{
    struct problem problem;
    if (start_late(server, &problem) != STATUS_OK) {
        fail(server, &problem);
        return;
    }
    uv_timer_set_repeat(&server->beat, BEAT_MS);
}

// STANDBY -> SERVING, once nobody holds a lease that this daemon may take, and the plans have been read anew.
static void standby_beat(struct server *server)
{
    if (server->watchdog_us != 0 && monotonic_ms() - server->watchdog_fed_ms >= (int64_t)(server->watchdog_us / 3000)) {
        server->watchdog_fed_ms = monotonic_ms();
        sd_notify(0, "WATCHDOG=1");
    }
    bool ready = holdings_beat(server->holdings, monotonic_ms());
    bool reads = holdings_state_count(server->holdings, HOLDING_READING) > 0;
    uv_timer_set_repeat(&server->beat, reads ? START_BEAT_MS : BEAT_MS);
    if (ready) {
        serve_begin(server);
    }
}

static void start_beat(struct server *server)
{
    bool restored = server->holdings == NULL || holdings_restored(server->holdings);
    bool late = monotonic_ms() - server->began_ms >= server->settings.store_restore_ms;
    if (leases(server)) {
        standby_begin(server);
        return;
    } else if (!restored && !late) {
        return;
    } else if (!restored) {
        journal(JOURNAL_ALARM, "store: Redis did not answer within %d ms; the daemon starts without what it holds",
                server->settings.store_restore_ms);
    }
    serve_begin(server);
}

// SERVING -> ENDING, and then from the beginning: another daemon leads. What was claimed is written first.
static void step_down(struct server *server)
{
    journal(JOURNAL_WARNING, "another daemon leads `%s`: this one steps down", server->city);
    doors_close(server);
    if (holdings_state_count(server->holdings, HOLDING_LEAVING) == 0) {
        end_all(server);
        return;
    }
    compute_stop(server->compute);
    show_leaving(server);
    server->end_by_ms = monotonic_ms() + server->settings.stop_ms / 2;
    server->state = SERVER_WRITING;
}

static void on_beat(uv_timer_t *timer)
{
    struct server *server = timer->data;
    switch (server->state) {
    case SERVER_STARTING:
        start_beat(server);
        break;
    case SERVER_STANDBY:
        standby_beat(server);
        break;
    case SERVER_SERVING:
        serve_beat(server);
        if (server->steps_down) {
            step_down(server);
        }
        break;
    case SERVER_WRITING:
        if (server->holdings == NULL || holdings_settled(server->holdings)
            || monotonic_ms() >= server->end_by_ms) {
            end_all(server);
        }
        break;
    case SERVER_ENDING:
        break;
    }
}

// ---- signals

static void on_signal(uv_signal_t *handle, int number)
{
    struct server *server = handle->data;
    if (number == SIGHUP) {
        server_reload(server);
        return;
    }
    journal(JOURNAL_NOTE, "told to end (%s)", number == SIGTERM ? "SIGTERM" : "SIGINT");
    end_begin(server);
}

static void release(struct server *server)
{
    if (server->http != NULL) {
        http_release(server->http);
    }
    compute_release(server->compute);
    recordings_stop(server->recordings);
    for (int32_t i = 0; server->intakes != NULL && i < server->intake_count; i++) {
        intake_release(&server->intakes[i]);
    }
    holdings_release(server->holdings);
    boundary_release(&server->boundary);
    leaders_release(server->service.leaders);
    free(server->parcel);
    plan_table_release(server->service.table);
    sources_release(server->service.sources);
    registry_release(server->service.registry);
    tls_credentials_release(server->service.tls);
    pthread_rwlock_destroy(&server->service.registry_lock);
    alarm_watch_release(server);
    alarms_release(server->service.alarms);
    audit_log_close(server->service.audit);
    free(server->asked.at);
    free(server->intakes);
    free(server->loops);
    free(server->minute_counts);
    free((void *)server->region_strategy);
    pthread_mutex_destroy(&server->asked_mutex);
    if (server->exit_code == 0) {
        state_folder_clean_end(&server->folder);
    }
    state_folder_close(&server->folder);
}

int server_run(const struct network *network, const struct settings *settings, const char *city,
               const struct server_hooks *hooks)
{
    static const int NUMBERS[3] = { SIGTERM, SIGINT, SIGHUP };
    struct city_clock clock;
    struct problem problem;
    struct server *server = memory_take(1, sizeof *server);
    server->network = network;
    server->settings = *settings;
    server->hooks = *hooks;
    server->city = city;
    server->folder.descriptor = -1;
    server->folder.lock = -1;
    server->region_strategy = memory_take((size_t)network->regions.count, sizeof *server->region_strategy);
    pthread_mutex_init(&server->asked_mutex, NULL);
    pthread_rwlock_init(&server->service.registry_lock, NULL);
    alarms_create(&server->service.alarms);
    city_clock_start(&clock);
    server->service.clock = &clock;
    server->started_wall_ms = wall_ms();
    server->began_ms = monotonic_ms();
    sd_watchdog_enabled(0, &server->watchdog_us);
    signal(SIGPIPE, SIG_IGN);
    uv_loop_init(&server->loop);
    uv_timer_init(&server->loop, &server->beat);
    server->beat.data = server;
    for (int i = 0; i < 3; i++) {
        uv_signal_init(&server->loop, &server->signals[i]);
        server->signals[i].data = server;
        uv_signal_start(&server->signals[i], on_signal, NUMBERS[i]);
    }
    if (start_early(server, &problem) == STATUS_OK) {
        uv_timer_start(&server->beat, on_beat, START_BEAT_MS, START_BEAT_MS);
    } else {
        fail(server, &problem);
    }
    uv_run(&server->loop, UV_RUN_DEFAULT);
    int exit_code = server->steps_down ? SERVER_AGAIN : server->exit_code;
    release(server);
    uv_loop_close(&server->loop);
    free(server);
    if (exit_code == 0) {
        journal(JOURNAL_NOTE, "ended");
    }
    return exit_code;
}
