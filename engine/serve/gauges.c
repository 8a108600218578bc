#include "engine/serve/gauges.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "engine/store/state_fields.h"

#define SUM(counter) sums.counter += atomic_load_explicit(&from->counter, memory_order_relaxed)

struct loop_sums gauges_sum(const struct service *service)
{
    struct loop_sums sums = { 0 };
    for (int32_t i = 0; i < service->loop_count; i++) {
        struct loop_counts *from = &service->loops[i].counts;
        SUM(opened);
        SUM(closed);
        SUM(refused);
        SUM(cut);
        SUM(frames);
        SUM(strikes);
        SUM(readings_taken);
        SUM(readings_refused);
        SUM(readings_shed);
        SUM(events_shed);
        SUM(plans_pulled);
        SUM(plans_pushed);
        SUM(plans_not_changed);
        SUM(acknowledged);
        SUM(acknowledged_no);
        SUM(fallbacks_loaded);
        SUM(fallbacks_refused);
        SUM(bytes_in);
        SUM(bytes_out);
        SUM(reads_held);
        SUM(handshakes);
        SUM(handshakes_failed);
    }
    return sums;
}

uint64_t gauges_resident_bytes(void)
{
    unsigned long long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file != NULL) {
        if (fscanf(file, "%llu %llu", &size, &resident) != 2) {
            resident = 0;
        }
        fclose(file);
    }
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t gauges_guard_refused(const struct counts *counts)
{
    uint64_t sum = 0;
    for (int rule = GUARD_PASSED + 1; rule < GUARD_RULE_COUNT; rule++) {
        sum += (uint64_t)counts->guard_refused[rule];
    }
    return sum;
}

static void add_intersections(const struct gauges *gauges, struct page_text *text)
{
    const struct network *network = gauges->service->network;
    const struct picture *picture = gauges->picture;
    page_text_add(text, "\"columns\":[\"name\",\"x_m\",\"y_m\",\"queue_veh\",\"flow_vph\",\"stage\",\"mode\","
                        "\"reported\",\"overridden\",\"confidence\",\"detectors_healthy\",\"detectors_total\","
                        "\"plan_version\"],\"intersections\":[");
    for (int32_t i = 0; i < network->intersection_count; i++) {
        const struct intersection *at = &network->intersections[i];
        const struct intersection_state *state = &picture->states[i];
        struct plan_version version = picture->versions[i];
        page_text_add(text, i > 0 ? ",\n[" : "\n[");
        page_text_string(text, network_name(network, at->name));
        page_text_add(text, ",%.1f,%.1f,%.1f,%.0f,%" PRId32 ",\"%s\",%s,%s,%.2f,%" PRIu32 ",%" PRIu32
                      ",\"%" PRIu32 ".%" PRIu32 ".%" PRIu32 "\"]", at->at.x_m, at->at.y_m, state->queue_veh,
                      state->flow_vph, state->stage, field_mode((int32_t)state->mode),
                      state->reported ? "true" : "false", state->overridden ? "true" : "false", state->confidence,
                      state->detectors_healthy, state->detectors_total, version.epoch, version.daemon,
                      version.sequence);
    }
    page_text_add(text, "]");
}

void gauges_state(const struct gauges *gauges, struct page_text *text)
{
    const struct service *service = gauges->service;
    const struct picture *picture = gauges->picture;
    struct loop_sums sums = gauges_sum(service);
    page_text_add(text, "{\"city\":");
    page_text_string(text, gauges->city);
    page_text_add(text, ",\"strategy\":");
    page_text_string(text, picture->strategy);
    page_text_add(text, ",\"operates\":%s", service->settings.console_operates ? "true" : "false");
    page_text_add(text, ",\"network_hash\":\"%016" PRIx64 "\"", service->network->hash);
    page_text_add(text, ",\"mode\":\"%s\",\"time_ms\":%" PRId64 ",\"started_ms\":%" PRId64 ",\"epoch\":%" PRIu32
                  ",\"daemon\":%" PRIu32 ",\"steps\":%" PRId64 ",\"plans\":%" PRId64 ",\"step_us\":%" PRId32
                  ",\"step_us_mean\":%.0f,\"step_us_max\":%" PRId32 ",",
                  picture->lockstep ? "lockstep" : "live", picture->now_ms, gauges->started_ms,
                  atomic_load(&service->epoch), service->daemon, picture->steps, picture->plans,
                  picture->step_us_last, picture->step_us_mean, picture->step_us_max);
    page_text_add(text, "\"readings\":%" PRIu64 ",\"readings_refused\":%" PRIu64 ",\"readings_shed\":%" PRIu64
                  ",\"plans_sent\":%" PRIu64 ",\"guard_refused\":%" PRIu64 ",\"connections\":%" PRId32 ",",
                  sums.readings_taken, sums.readings_refused, sums.readings_shed,
                  sums.plans_pulled + sums.plans_pushed, gauges_guard_refused(&picture->counts),
                  atomic_load(&service->connection_count));
    page_text_add(text, "\"sessions\":{");
    for (int role = ROLE_DETECTOR; role < ROLE_COUNT; role++) {
        page_text_add(text, "%s\"%s\":%" PRId32, role > ROLE_DETECTOR ? "," : "", role_name((enum role)role),
                      atomic_load(&service->role_count[role]));
    }
    page_text_add(text, "},\"store\":\"%s\",\"store_path\":",
                  gauges->store != NULL ? store_state_name(store_state(gauges->store)) : "none");
    page_text_string(text, gauges->store_path);
    page_text_add(text, ",\"resident_bytes\":%" PRIu64 ",", gauges_resident_bytes());
    add_intersections(gauges, text);
    page_text_add(text, "}\n");
}

static void head(struct page_text *text, const char *name, const char *kind, const char *help)
{
    page_text_add(text, "# HELP intergreen_%s %s\n# TYPE intergreen_%s %s\n", name, help, name, kind);
}

static void one(struct page_text *text, const char *name, const char *kind, const char *help, double value)
{
    head(text, name, kind, help);
    page_text_add(text, "intergreen_%s %.17g\n", name, value);
}

static void counter(struct page_text *text, const char *name, const char *help, uint64_t value)
{
    head(text, name, "counter", help);
    page_text_add(text, "intergreen_%s %" PRIu64 "\n", name, value);
}

static void metrics_engine(const struct gauges *gauges, struct page_text *text)
{
    const struct picture *picture = gauges->picture;
    counter(text, "steps_total", "Steps of the engine.", (uint64_t)picture->steps);
    counter(text, "step_overruns_total", "Ticks that went by while a step ran.", (uint64_t)picture->overruns);
    one(text, "step_seconds", "gauge", "Duration of the last step.", picture->step_us_last / 1e6);
    one(text, "step_seconds_mean", "gauge", "Duration of a step, mean over about the last 60.",
        picture->step_us_mean / 1e6);
    one(text, "step_seconds_max", "gauge", "Longest step since the start.", picture->step_us_max / 1e6);
    counter(text, "readings_told_total", "Readings handed to the engine at its steps.", (uint64_t)picture->readings);
    counter(text, "plans_total", "Plans that passed the guard.", (uint64_t)picture->plans);
    one(text, "clock_off_seconds", "gauge", "Wall clock less the city's clock.", (double)picture->wall_off_ms / 1e3);
    one(text, "epoch", "gauge", "Epoch of the plans.", atomic_load(&gauges->service->epoch));
    head(text, "guard_refused_total", "counter", "Plans that the guard refused, by rule.");
    for (int rule = GUARD_PASSED + 1; rule < GUARD_RULE_COUNT; rule++) {
        page_text_add(text, "intergreen_guard_refused_total{rule=\"%s\"} %" PRId64 "\n",
                      guard_rule_name((enum guard_rule)rule), picture->counts.guard_refused[rule]);
    }
    int64_t reported = 0, overridden = 0;
    double queue_veh = 0.0;
    for (int32_t i = 0; i < gauges->service->network->intersection_count; i++) {
        reported += picture->states[i].reported;
        overridden += picture->states[i].overridden;
        queue_veh += picture->states[i].queue_veh;
    }
    one(text, "intersections", "gauge", "Intersections of the network.", gauges->service->network->intersection_count);
    one(text, "intersections_reported", "gauge", "Of them, with a fresh report.", (double)reported);
    one(text, "intersections_overridden", "gauge", "Of them, overridden by an operator.", (double)overridden);
    one(text, "queue_vehicles", "gauge", "Vehicles in queue, over all intersections.", queue_veh);
}

static void metrics_sessions(const struct gauges *gauges, struct page_text *text)
{
    const struct service *service = gauges->service;
    struct loop_sums sums = gauges_sum(service);
    head(text, "sessions", "gauge", "Open sessions, by role.");
    for (int role = ROLE_DETECTOR; role < ROLE_COUNT; role++) {
        page_text_add(text, "intergreen_sessions{role=\"%s\"} %" PRId32 "\n", role_name((enum role)role),
                      atomic_load(&service->role_count[role]));
    }
    one(text, "connections", "gauge", "Open connections.", atomic_load(&service->connection_count));
    counter(text, "connections_opened_total", "Connections taken.", sums.opened);
    counter(text, "connections_cut_total", "Connections cut because the peer did not read.", sums.cut);
    counter(text, "sessions_refused_total", "Sessions refused or ended for a fault of the peer.", sums.refused);
    counter(text, "messages_refused_total", "Messages refused for a field, a role or an owner.", sums.strikes);
    counter(text, "frames_total", "Frames taken.", sums.frames);
    counter(text, "readings_total", "Readings taken.", sums.readings_taken);
    counter(text, "readings_refused_total", "Readings refused as bad.", sums.readings_refused);
    counter(text, "readings_shed_total", "Readings dropped for want of room.", sums.readings_shed);
    counter(text, "tls_handshakes_total", "Handshakes of TLS that ended well.", sums.handshakes);
    counter(text, "tls_handshakes_failed_total", "Handshakes of TLS that failed or took too long.",
            sums.handshakes_failed);
    counter(text, "detector_reads_held_total", "Times that a detector's data had to wait for plans.", sums.reads_held);
    counter(text, "events_shed_total", "Reports and requests dropped for want of room.", sums.events_shed);
    counter(text, "plans_pulled_total", "Plans sent in answer to a request.", sums.plans_pulled);
    counter(text, "plans_pushed_total", "Plans sent to subscribers.", sums.plans_pushed);
    counter(text, "plans_not_changed_total", "Requests answered with not changed.", sums.plans_not_changed);
    counter(text, "plans_acknowledged_total", "Plans that controllers accepted.", sums.acknowledged);
    counter(text, "plans_acknowledged_no_total", "Plans that controllers refused.", sums.acknowledged_no);
    counter(text, "fallbacks_loaded_total", "Fallback tables that controllers loaded.", sums.fallbacks_loaded);
    counter(text, "fallbacks_refused_total", "Fallback tables that controllers refused.", sums.fallbacks_refused);
    counter(text, "received_bytes_total", "Bytes received.", sums.bytes_in);
    counter(text, "sent_bytes_total", "Bytes sent.", sums.bytes_out);
}

static void metrics_store(const struct gauges *gauges, struct page_text *text)
{
    if (gauges->store == NULL) {
        return;
    }
    const struct store_counts *counts = store_counts(gauges->store);
    one(text, "store_up", "gauge", "1 while the store answers.",
        store_state(gauges->store) >= STORE_READY ? 1.0 : 0.0);
    counter(text, "store_connects_total", "Connections to the store.", (uint64_t)counts->connects);
    counter(text, "store_losses_total", "Connections to the store that were lost.", (uint64_t)counts->losses);
    counter(text, "store_batches_total", "Transactions written.", (uint64_t)counts->batches);
    counter(text, "store_commands_total", "Commands sent.", (uint64_t)counts->commands);
    counter(text, "store_minutes_dropped_total", "Minutes of counts dropped while the store was away.",
            (uint64_t)counts->minutes_dropped);
    counter(text, "store_fenced_total", "Times that another daemon's newer epoch was found.",
            (uint64_t)counts->fenced);
    head(text, "store_errors_total", "counter", "Errors of the store, by class.");
    for (int class = ANSWER_GOOD + 1; class < ANSWER_CLASS_COUNT; class++) {
        page_text_add(text, "intergreen_store_errors_total{class=\"%s\"} %" PRId64 "\n",
                      answer_class_name((enum answer_class)class), counts->errors[class]);
    }
}

static void metrics_regions(const struct gauges *gauges, struct page_text *text)
{
    const struct holdings *holdings = gauges->holdings;
    if (holdings == NULL) {
        return;
    }
    const struct names *names = &gauges->service->network->regions;
    int64_t written = 0, dropped = 0, taken = 0;
    head(text, "region_led", "gauge", "1 where this daemon leads the region.");
    for (int32_t i = 0; i < holdings->count; i++) {
        const struct store_counts *counts = store_counts(storage_store(holdings->at[i].storage));
        page_text_add(text, "intergreen_region_led{region=\"%s\"} %d\n", names->count > 0 ? names_text(names, i) : "",
                      holdings->at[i].state == HOLDING_OURS);
        written += counts->boundaries_written;
        dropped += counts->boundaries_dropped;
        taken += counts->boundaries_taken;
    }
    counter(text, "boundary_parcels_written_total", "Steps whose readings at a border were written.",
            (uint64_t)written);
    counter(text, "boundary_parcels_dropped_total", "Of them, dropped while the store was away.", (uint64_t)dropped);
    counter(text, "boundary_parcels_taken_total", "Parcels of other regions that were fetched.", (uint64_t)taken);
    counter(text, "boundary_readings_total", "Readings of other regions' sensors that were taken.",
            (uint64_t)holdings->crossed);
    counter(text, "boundary_readings_refused_total", "Of them, refused as bad.",
            (uint64_t)holdings->crossed_refused);
}

void gauges_metrics(const struct gauges *gauges, struct page_text *text)
{
    metrics_engine(gauges, text);
    metrics_sessions(gauges, text);
    metrics_store(gauges, text);
    metrics_regions(gauges, text);
    one(text, "resident_bytes", "gauge", "Memory in use.", (double)gauges_resident_bytes());
    one(text, "start_time_seconds", "gauge", "When the daemon started.", (double)gauges->started_ms / 1e3);
}
