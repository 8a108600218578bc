#include "bench/load_play.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "sim/traffic/signals.h"

#define READ_BYTES (256u << 10)
#define OUT_BYTES (512u << 10)
#define EVENT_COUNT_MAX 1024
#define PULL_COUNT_MAX (4 << 20)
#define FIRE_COUNT_MAX 4096           // firings between two looks at the sockets
#define FINISH_MS 10000               // for what is pending to go out and the daemon to have read it
#define RETRY_MS 50                   // before a link that was lost tries again, and as much of jitter
#define SHOW_MS 500                   // how often the lamps are moved on: a report is so old at most
#define STORM_MS_MAX 20000
#define READING_MS 1000               // interval of a reading
#define BIN_COUNT 8

struct controller {
    int32_t first, count, next;       // its intersections; the next to be pulled
    int64_t pulled_us;                // when the pull under way was sent; 0: none
    bool storm_done;
};

struct load {
    const struct load_options *options;
    struct load_counts counts;
    int epoll;
    int32_t link_count;
    struct load_link *links;
    int64_t *retry_us;                // by link: not before
    int32_t *address;                 // by link: the next to try
    struct controller *controllers;
    struct signals *signals;
    struct plan_version *held;        // by intersection
    int64_t *valid_until_ms;
    uint8_t *aspects;
    int64_t begun_us, shown_ms, connect_cursor;
    uint64_t controllers_fired, batches_fired, churned, opened_in_ramp;
    uint64_t *sequences;              // by played station: of a connection's stations the client numbers all
    bool finishing, storming, timing;
    int32_t storm_left;
    int32_t intersections_covered;
    uint8_t *read_buffer, *out_buffer;
    struct arena arena;
    struct green greens[PLAN_GREEN_COUNT_MAX];
    struct observation_buffer batch;
    struct client_event event;
};

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t wall_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct frame_writer out_begin(struct load *load)
{
    return frame_writer_over(load->out_buffer, OUT_BYTES);
}

static bool is_controller(const struct load *load, const struct load_link *link)
{
    return link->index < load->options->controllers;
}

// A pull that was under way counts as unanswered: it is neither answered nor late.
static void lose(struct load *load, struct load_link *link)
{
    bool refused = link->state == LINK_CONNECTING;
    load->counts.links_lost += !load->finishing && !refused && link->state != LINK_FINISHING;
    load->counts.links_refused += refused;
    if (is_controller(load, link)) {
        load->controllers[link->index].pulled_us = 0;
    }
    link_drop(link);
    uint64_t jitter = random_bits(1, RANDOM_RETRY, (uint64_t)link->index, (uint64_t)load->counts.links_lost);
    load->retry_us[link->index] = now_us() + 1000 * (RETRY_MS + (int64_t)(jitter % RETRY_MS));
    load->address[link->index] = (load->address[link->index] + 1) % load->options->address_count;
}

static void send_out(struct load *load, struct load_link *link, const struct frame_writer *out)
{
    if (link->descriptor >= 0 && out->used > 0 && !link_send(link, load->out_buffer, out->used, load->epoll)) {
        lose(load, link);
    }
}

// ---- controllers

static void pull(struct load *load, struct controller *controller, struct frame_writer *out)
{
    if (controller->pulled_us != 0) {
        load->counts.pulls_late++;
        return;
    }
    int32_t intersection = load->options->intersections.at[controller->first + controller->next];
    struct plan_request request = { .request = 1, .intersection = intersection, .held = load->held[intersection] };
    controller->next = (controller->next + 1) % controller->count;
    if (wire_put_plan_request(out, &request) == STATUS_OK) {
        controller->pulled_us = now_us();
        load->counts.pulls++;
    }
}

static void report(struct load *load, const struct controller *controller, struct frame_writer *out)
{
    struct controller_report reports[64];
    for (int32_t done = 0; done < controller->count;) {
        int32_t count = controller->count - done < 64 ? controller->count - done : 64, sent = 0;
        for (int32_t i = 0; i < count; i++) {
            int32_t intersection = load->options->intersections.at[controller->first + done + i];
            signals_report(load->signals, (struct intersection_id){ intersection }, &reports[i]);
        }
        enum status status = count == 1 ? wire_put_report(out, &reports[0])
                                        : wire_put_reports(out, reports, count, FRAME_BYTES_MAX_DEFAULT, &sent);
        if (status != STATUS_OK) {
            return;
        }
        done += count == 1 ? 1 : sent;
        load->counts.reports += count == 1 ? 1 : sent;
    }
}

static void controller_fire(struct load *load, int32_t index)
{
    struct load_link *link = &load->links[index];
    if (link->state != LINK_OPEN || link->pending_bytes > 0) {
        return;
    }
    struct frame_writer out = out_begin(load);
    report(load, &load->controllers[index], &out);
    pull(load, &load->controllers[index], &out);
    send_out(load, link, &out);
}

static struct load_second *this_second(struct load *load)
{
    int64_t second = (now_us() - load->begun_us) / 1000000;
    int32_t at = (int32_t)(second < LOAD_SECOND_COUNT_MAX ? second : LOAD_SECOND_COUNT_MAX - 1);
    load->counts.second_count = at + 1;
    return &load->counts.second[at];
}

static void answered(struct load *load, struct controller *controller)
{
    if (controller->pulled_us == 0) {
        return;
    }
    struct load_second *second = this_second(load);
    float pull_ms = (float)(now_us() - controller->pulled_us) / 1000.0f;
    load->counts.pulls_answered++;
    if (load->counts.pull_count < PULL_COUNT_MAX && !load->storming) {
        load->counts.pull_ms[load->counts.pull_count++] = pull_ms;
        second->pulls_timed++;
    }
    second->pulls_answered++;
    second->pull_ms_max = pull_ms > second->pull_ms_max ? pull_ms : second->pull_ms_max;
    controller->pulled_us = 0;
    if (load->storming && !controller->storm_done) {
        controller->storm_done = true;
        load->storm_left--;
    }
}

static void take_plan(struct load *load, struct load_link *link, const struct plan *plan)
{
    struct load_counts *counts = &load->counts;
    int64_t now_ms = wall_now_ms(), *until_ms = &load->valid_until_ms[plan->intersection];
    counts->plans++;
    answered(load, &load->controllers[link->index]);
    int order = plan_version_compare(plan->version, load->held[plan->intersection]);
    if (order <= 0) {
        struct plan_version held = load->held[plan->intersection], leader = plan->version;
        leader.sequence = held.sequence;
        counts->plans_older += order < 0;
        counts->epochs_older += plan_version_compare(leader, held) < 0;
        return;
    }
    if (*until_ms != 0 && now_ms - *until_ms > counts->uncovered_ms_max) {
        counts->uncovered_ms_max = now_ms - *until_ms;
    }
    load->intersections_covered += *until_ms == 0;
    if (counts->first_plan_ms < 0 && load->intersections_covered == load->options->intersections.count) {
        counts->first_plan_ms = (now_us() - load->begun_us) / 1000;
    }
    struct load_second *second = this_second(load);
    second->plans++;
    second->epoch = plan->version.epoch > second->epoch ? plan->version.epoch : second->epoch;
    *until_ms = plan->valid_until_ms;
    load->held[plan->intersection] = plan->version;
    if (plan->version.epoch > counts->epoch_highest) {
        counts->epoch_highest = plan->version.epoch;
        if (counts->epoch_count < LOAD_EPOCH_COUNT_MAX) {
            counts->epochs[counts->epoch_count].epoch = plan->version.epoch;
            counts->epochs[counts->epoch_count++].wall_ms = now_ms;
        }
    }
    enum status status = signals_offer(load->signals, plan, load->shown_ms > now_ms ? load->shown_ms : now_ms);
    counts->plans_refused += status != STATUS_OK;
    struct plan_acknowledgement answer = { .intersection = plan->intersection, .version = plan->version,
        .status = status };
    struct frame_writer out = out_begin(load);
    if (wire_put_plan_acknowledgement(&out, &answer) == STATUS_OK) {
        send_out(load, link, &out);
    }
}

static void lamps_move(struct load *load)
{
    int64_t now_ms = wall_now_ms();
    if (load->signals != NULL && now_ms - load->shown_ms >= SHOW_MS) {
        load->shown_ms = now_ms;
        signals_show(load->signals, now_ms, load->aspects);
    }
}

// ---- stations

static int32_t sensor_of(int32_t station, int32_t reading, int32_t readings, const struct load_part *sensors)
{
    return sensors->count == 0 ? 0 : sensors->at[((int64_t)station * readings + reading) % sensors->count];
}

static void batch_fill(struct load *load, int32_t station, uint64_t round)
{
    const struct load_options *options = load->options;
    struct loop_columns *loops = &load->batch.rows.loops;
    struct camera_columns *cameras = &load->batch.rows.cameras;
    int64_t now_ms = wall_now_ms();
    loops->count = options->readings;
    for (int32_t i = 0; i < options->readings; i++) {
        uint64_t draw = random_mix(round * 31 + (uint64_t)station + ((uint64_t)i << 32));
        int32_t vehicles = (draw & 7) < 2 ? 1 : 0;      // 900 vehicles an hour and lane
        loops->detector[i] = sensor_of(station, i, options->readings, &options->detectors);
        loops->end_ms[i] = now_ms;
        loops->length_ms[i] = READING_MS;
        loops->vehicles[i] = vehicles;
        loops->occupied_ms[i] = vehicles * (300 + (int32_t)(draw >> 8 & 127));
        loops->speed_mmps[i] = vehicles > 0 ? 11000 + (int32_t)(draw >> 16 & 1023) : -1;
    }
    cameras->count = options->cameras;
    for (int32_t i = 0; i < options->cameras; i++) {
        cameras->camera[i] = sensor_of(station, i, options->cameras, &options->cameras_played);
        cameras->end_ms[i] = now_ms;
        cameras->length_ms[i] = READING_MS;
        // A queue that stands for some 16 s, then another: the strategies have something to decide.
        int32_t camera = cameras->camera[i];
        int32_t queued = (int32_t)(random_mix(((uint64_t)camera << 32) + (round + (uint64_t)camera) / 16) & 7);
        cameras->in_view[i] = queued + 1;
        cameras->queued[i] = queued;
        cameras->tail_mm[i] = queued * 7000;
        cameras->speed_mmps[i] = queued == 0 ? 10000 : 10000 / (queued + 1);
        cameras->turned[0][i] = (int32_t)(round + (uint64_t)i) % 4 == 0;
        cameras->first_bin[i] = i * BIN_COUNT;
        for (int32_t bin = 0; bin < BIN_COUNT; bin++) {
            int32_t vehicles = bin < queued ? 1 : bin == BIN_COUNT - 1 ? queued + 1 - (queued < bin ? queued : bin) : 0;
            cameras->bin_vehicles[i * BIN_COUNT + bin] = vehicles;
            cameras->bin_speed_mmps[i * BIN_COUNT + bin] = vehicles == 0 ? -1 : bin < queued ? 0 : 10000;
        }
    }
    cameras->first_bin[options->cameras] = options->cameras * BIN_COUNT;
}

static void station_fire(struct load *load, int32_t station, uint64_t round)
{
    const struct load_options *options = load->options;
    struct load_link *link = &load->links[options->controllers + station % options->stations];
    if (link->state != LINK_OPEN || link->pending_bytes > 0) {
        load->counts.batches_passed_over++;
        return;
    }
    batch_fill(load, station, round);
    struct frame_writer out = out_begin(load);
    struct observation_position position = { 0 };
    if (wire_put_observations(&out, client_sequence(&link->client), &load->batch.rows, link->client.frame_bytes_max,
                              &position) == STATUS_OK) {
        send_out(load, link, &out);
    }
    if (link->state == LINK_OPEN) {
        load->counts.batches++;
        load->counts.readings += options->readings + options->cameras;
    }
}

// ---- sessions

// Names that a station's connection has: its own station's and of those that share it.
static void name_sensors(struct load *load, int32_t link, struct hello *hello, const char **names)
{
    const struct load_options *options = load->options;
    const struct network *network = options->network;
    int32_t loops = 0, cameras = 0, room = WIRE_NAME_COUNT_MAX / 2;
    for (int32_t station = link; station < options->stations_played; station += options->stations) {
        for (int32_t i = 0; i < options->readings && loops < room; i++) {
            int32_t detector = sensor_of(station, i, options->readings, &options->detectors);
            names[loops++] = network_name(network, network->detectors[detector].name);
        }
    }
    for (int32_t station = link; station < options->stations_played; station += options->stations) {
        for (int32_t i = 0; i < options->cameras && cameras < room; i++) {
            int32_t camera = sensor_of(station, i, options->cameras, &options->cameras_played);
            names[loops + cameras++] = network_name(network, network->cameras[camera].name);
        }
    }
    hello->detectors = (struct names_said){ loops, names };
    hello->cameras = (struct names_said){ cameras, names + loops };
}

static void greet(struct load *load, struct load_link *link)
{
    const struct network *network = load->options->network;
    const char *names[WIRE_NAME_COUNT_MAX];
    char identity[IDENTITY_BYTES_MAX];
    struct hello hello = { .identity = identity, .software = "load", .clock_ms = wall_now_ms(),
        .network_hash = network->hash };
    if (is_controller(load, link)) {
        const struct controller *controller = &load->controllers[link->index];
        hello.role = ROLE_CONTROLLER;
        snprintf(identity, sizeof identity, "cabinet-%d", load->options->intersections.at[controller->first]);
        for (int32_t i = 0; i < controller->count; i++) {
            int32_t intersection = load->options->intersections.at[controller->first + i];
            uint32_t epoch = load->held[intersection].epoch;
            hello.epoch_seen = epoch > hello.epoch_seen ? epoch : hello.epoch_seen;
            names[i] = network_name(network, network->intersections[intersection].name);
        }
        hello.intersections = (struct names_said){ controller->count, names };
    } else {
        hello.role = ROLE_DETECTOR;
        snprintf(identity, sizeof identity, "%.40s-%d", load->options->name, link->index - load->options->controllers);
        name_sensors(load, link->index - load->options->controllers, &hello, names);
    }
    struct frame_writer out = out_begin(load);
    link->state = LINK_GREETING;
    if (client_hello(&link->client, &hello, &out) == STATUS_OK) {
        send_out(load, link, &out);
    }
}

static void welcomed(struct load *load, struct load_link *link)
{
    link->state = LINK_OPEN;
    load->counts.links_opened++;
    if (!is_controller(load, link)) {
        return;
    }
    struct frame_writer out = out_begin(load);
    struct plan_subscription wish = { .request = 2, .all = true };
    pull(load, &load->controllers[link->index], &out);
    if (load->options->subscribe && wire_put_plan_subscription(&out, &wish) != STATUS_OK) {
        out.used = 0;
    }
    send_out(load, link, &out);
}

static void take_event(struct load *load, struct load_link *link)
{
    const struct client_event *event = &load->event;
    switch (event->kind) {
    case CLIENT_WELCOME:
        welcomed(load, link);
        break;
    case CLIENT_PLAN:
        take_plan(load, link, &event->plan);
        break;
    case CLIENT_PLAN_NOT_CHANGED:
        load->counts.not_changed++;
        answered(load, &load->controllers[link->index]);
        break;
    case CLIENT_ERROR:
        load->counts.errors++;
        load->counts.readings_blamed += event->error.refused_count;
        load->counts.no_plan += event->error.code == ERROR_NO_PLAN;
        if (is_controller(load, link) && event->error.code == ERROR_NO_PLAN) {
            answered(load, &load->controllers[link->index]);
        }
        break;
    case CLIENT_NOTHING:
    case CLIENT_CLOCK_REACHED:
    case CLIENT_REQUEST_RESULT:
    case CLIENT_STATUS:
    case CLIENT_ALARMS:
    case CLIENT_AUDIT_PAGE:
    case CLIENT_FALLBACK_TABLE:
    case CLIENT_CLOSED:
        break;
    }
}

static void link_read(struct load *load, struct load_link *link)
{
    ssize_t bytes = recv(link->descriptor, load->read_buffer, READ_BYTES, 0);
    if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (bytes <= 0) {
        lose(load, link);
        return;
    }
    int64_t now_ms = wall_now_ms();
    client_input(&link->client, load->read_buffer, (size_t)bytes, now_ms);
    uint8_t beat[256];
    while (link->descriptor >= 0) {
        struct frame_writer out = frame_writer_over(beat, sizeof beat);
        struct client_room room = { .arena = &load->arena, .greens = load->greens, .out = &out };
        enum client_event_kind kind = client_next(&link->client, now_ms, &room, &load->event);
        if (out.used > 0 && !link_send(link, beat, out.used, load->epoll)) {
            lose(load, link);
        } else if (kind == CLIENT_CLOSED) {
            lose(load, link);
        } else if (kind == CLIENT_NOTHING) {
            return;
        } else {
            take_event(load, link);
        }
    }
}

static void link_event(struct load *load, struct load_link *link, uint32_t events)
{
    if (link->descriptor >= 0 && link->state == LINK_CONNECTING && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
        int error = 0;
        socklen_t bytes = sizeof error;
        getsockopt(link->descriptor, SOL_SOCKET, SO_ERROR, &error, &bytes);
        if (error != 0) {
            lose(load, link);
            return;
        }
        greet(load, link);
    }
    if (link->descriptor >= 0 && (events & EPOLLOUT) != 0 && !link_flush(link, load->epoll)) {
        lose(load, link);
    }
    if (link->descriptor >= 0 && (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) {
        link_read(load, link);
    }
}

// ---- the run

// Opens links that are down: at the start no more than the ramp allows; a walk round all of them.
static void links_open(struct load *load, int64_t us)
{
    const struct load_options *options = load->options;
    uint64_t ramp = (uint64_t)((double)(us - load->begun_us) * options->ramp_per_s / 1e6) + 1;
    for (int32_t looked = 0, begun = 0; looked < load->link_count && begun < FIRE_COUNT_MAX; looked++) {
        struct load_link *link = &load->links[load->connect_cursor];
        if (link->state == LINK_DOWN && us >= load->retry_us[link->index]) {
            if (!load->storming && load->opened_in_ramp >= ramp) {
                return;
            }
            if (!link_open(link, &options->addresses[load->address[link->index]], load->epoll)) {
                load->retry_us[link->index] = us + 1000 * RETRY_MS;
                load->address[link->index] = (load->address[link->index] + 1) % options->address_count;
                load->counts.links_refused++;
                if (load->storming) {
                    return;   // A Unix socket's queue is full: it is tried again at once, after a look at the others.
                }
            }
            load->opened_in_ramp++;
            begun++;
        }
        load->connect_cursor = (load->connect_cursor + 1) % load->link_count;
    }
}

static void churn(struct load *load, double played_s)
{
    while ((double)load->churned < played_s * load->options->churn_per_s) {
        uint64_t draw = random_bits(2, RANDOM_TEST, load->churned++, 0);
        struct load_link *link = &load->links[draw % (uint64_t)load->link_count];
        if (link->state == LINK_OPEN && link->pending_bytes == 0) {
            int64_t lost = load->counts.links_lost;
            lose(load, link);
            load->counts.links_lost = lost;   // It was our own doing.
            load->opened_in_ramp -= load->opened_in_ramp > 0;
        }
    }
}

static void fire(struct load *load, int64_t us)
{
    const struct load_options *options = load->options;
    double played_s = (double)(us - load->begun_us) / 1e6;
    int32_t fired = 0;
    uint64_t due = options->controllers == 0 ? 0
        : (uint64_t)(played_s * 1000.0 / options->period_ms * options->controllers);
    for (; load->controllers_fired < due && fired < FIRE_COUNT_MAX; fired++) {
        controller_fire(load, (int32_t)(load->controllers_fired++ % (uint64_t)options->controllers));
    }
    due = options->stations == 0 ? 0 : (uint64_t)(played_s * options->batches_per_s);
    for (fired = 0; load->batches_fired < due && fired < FIRE_COUNT_MAX; fired++) {
        uint64_t number = load->batches_fired++, stations = (uint64_t)options->stations_played;
        station_fire(load, (int32_t)(number % stations), number / stations);
    }
    churn(load, played_s);
    load->counts.played_s = played_s;
}

static void look(struct load *load, int wait_ms)
{
    struct epoll_event events[EVENT_COUNT_MAX];
    int count = epoll_wait(load->epoll, events, EVENT_COUNT_MAX, wait_ms);
    for (int i = 0; i < count; i++) {
        link_event(load, &load->links[events[i].data.u32], events[i].events);
    }
}

static void storm(struct load *load)
{
    for (int32_t i = 0; i < load->options->controllers; i++) {
        link_drop(&load->links[i]);
        load->controllers[i].pulled_us = 0;
        load->controllers[i].storm_done = false;
        load->retry_us[i] = 0;
    }
    int64_t began_us = now_us();
    load->storming = true;
    load->storm_left = load->options->controllers;
    load->connect_cursor = 0;
    while (load->storm_left > 0 && now_us() - began_us < STORM_MS_MAX * 1000) {
        links_open(load, now_us());
        look(load, 0);
    }
    double storm_ms = (double)(now_us() - began_us) / 1000.0;
    load->counts.storm_ms_max = storm_ms > load->counts.storm_ms_max ? storm_ms : load->counts.storm_ms_max;
    load->counts.storm_ms[load->counts.storms++] = storm_ms;
    load->counts.storms_done += load->storm_left == 0;
    load->storming = false;
}

// Everything that was sent is read by the daemon before this ends.
static void finish(struct load *load)
{
    int64_t until_us = now_us() + FINISH_MS * 1000;
    load->finishing = true;
    for (int32_t open = 1; open > 0 && now_us() < until_us;) {
        open = 0;
        for (int32_t i = 0; i < load->link_count; i++) {
            link_finish(&load->links[i]);
            open += load->links[i].state == LINK_OPEN || load->links[i].state == LINK_FINISHING;
        }
        look(load, 10);
    }
}

static int compare_float(const void *left, const void *right)
{
    float a = *(const float *)left, b = *(const float *)right;
    return a < b ? -1 : a > b;
}

// Of each second, while the times are still in the order in which they were taken.
static void seconds_sum_up(struct load_counts *counts)
{
    int64_t next = counts->pull_count;
    for (int32_t i = counts->second_count - 1; i >= 0; i--) {
        struct load_second *second = &counts->second[i];
        next = next >= second->pulls_timed ? next - second->pulls_timed : 0;   // 0: timing began anew within it
        second->pull_ms_p99 = -1.0f;
        if (second->pulls_timed > 0 && next + second->pulls_timed <= counts->pull_count) {
            qsort(counts->pull_ms + next, (size_t)second->pulls_timed, sizeof(float), compare_float);
            second->pull_ms_p99 = counts->pull_ms[next + (int64_t)second->pulls_timed * 99 / 100];
        }
    }
}

static void load_create(struct load *load, const struct load_options *options)
{
    const struct network *network = options->network;
    size_t intersections = (size_t)network->intersection_count;
    *load = (struct load){ .options = options, .link_count = options->controllers + options->stations };
    load->links = memory_take((size_t)load->link_count, sizeof *load->links);
    load->retry_us = memory_take((size_t)load->link_count, sizeof *load->retry_us);
    load->address = memory_take((size_t)load->link_count, sizeof *load->address);
    for (int32_t i = 0; i < load->link_count; i++) {
        load->links[i] = (struct load_link){ .descriptor = -1, .index = i };
    }
    load->controllers = memory_take((size_t)options->controllers, sizeof *load->controllers);
    for (int32_t i = 0; i < options->controllers; i++) {
        int64_t first = (int64_t)options->intersections.count * i / options->controllers;
        int64_t end = (int64_t)options->intersections.count * (i + 1) / options->controllers;
        load->controllers[i] = (struct controller){ .first = (int32_t)first, .count = (int32_t)(end - first) };
    }
    load->held = memory_take(intersections, sizeof *load->held);
    load->valid_until_ms = memory_take(intersections, sizeof *load->valid_until_ms);
    load->aspects = memory_take((size_t)network->group_count, 1);
    load->read_buffer = memory_take(READ_BYTES, 1);
    load->out_buffer = memory_take(OUT_BYTES, 1);
    load->counts.pull_ms = memory_take(PULL_COUNT_MAX, sizeof(float));
    load->counts.first_plan_ms = -1;
    arena_create(&load->arena, WIRE_ARENA_BYTES);
    observation_buffer_create(&load->batch, options->readings + 1, 1, options->cameras + 1,
                              (options->cameras + 1) * BIN_COUNT);
    observation_buffer_clear(&load->batch);
    load->shown_ms = wall_now_ms();
    load->signals = options->controllers > 0 ? signals_create(network, load->shown_ms) : NULL;
}

static void load_release(struct load *load)
{
    for (int32_t i = 0; i < load->link_count; i++) {
        link_drop(&load->links[i]);
    }
    if (load->signals != NULL) {
        signals_release(load->signals);
    }
    observation_buffer_release(&load->batch);
    arena_release(&load->arena);
    free(load->links);
    free(load->retry_us);
    free(load->address);
    free(load->controllers);
    free(load->held);
    free(load->valid_until_ms);
    free(load->aspects);
    free(load->read_buffer);
    free(load->out_buffer);
}

bool load_play(const struct load_options *options, struct load_counts *ret, struct problem *problem)
{
    struct load *load = memory_take(1, sizeof *load);
    load_create(load, options);
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (load->epoll < 0) {
        (void)problem_report(problem, STATUS_IO, "load", NULL, NULL, "no epoll: %s", strerror(errno));
        load_release(load);
        free(load);
        return false;
    }
    load->begun_us = now_us();
    for (int64_t us = load->begun_us; (double)(us - load->begun_us) < options->seconds * 1e6; us = now_us()) {
        sig_atomic_t told = options->told != NULL ? *options->told : LOAD_GO_ON;
        if (told == LOAD_END_NOW) {
            break;
        }
        if (told == LOAD_TIME_NOW && !load->timing) {
            load->timing = true;
            load->counts.pull_count = 0;
        }
        lamps_move(load);
        links_open(load, us);
        fire(load, us);
        look(load, 1);
    }
    for (int32_t i = 0; i < options->storms; i++) {
        storm(load);
    }
    finish(load);
    int64_t now_ms = wall_now_ms();
    for (int32_t i = 0; i < options->network->intersection_count && options->controllers > 0; i++) {
        int64_t gap_ms = load->valid_until_ms[i] != 0 ? now_ms - load->valid_until_ms[i] : 0;
        load->counts.uncovered_ms_max = gap_ms > load->counts.uncovered_ms_max ? gap_ms : load->counts.uncovered_ms_max;
    }
    seconds_sum_up(&load->counts);
    qsort(load->counts.pull_ms, (size_t)load->counts.pull_count, sizeof(float), compare_float);
    *ret = load->counts;
    load_release(load);
    close(load->epoll);
    free(load);
    return true;
}
