#include "cli/conformance_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/memory.h"

#define OUT_BYTES (1u << 20)
#define POLL_MS 20
#define EPOCH 2
#define DAEMON 7

static const int64_t AGE_SLACK_MS = 300;   // between a report's instant and its ages

int64_t wall_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// ---- the socket ----

static int listen_unix(const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    (void)unlink(path);
    if (listener >= 0 && (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 4) != 0)) {
        (void)close(listener);
        listener = -1;
    }
    return listener;
}

static int listen_tcp(const char *address)
{
    char host[256];
    const char *colon = strrchr(address, ':');
    struct addrinfo wanted = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *found = NULL;
    if (colon == NULL || (size_t)(colon - address) >= sizeof host) {
        errno = EINVAL;
        return -1;
    }
    (void)snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
    if (getaddrinfo(host[0] != '\0' ? host : NULL, colon + 1, &wanted, &found) != 0) {
        errno = EINVAL;
        return -1;
    }
    int listener = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (listener >= 0 && (bind(listener, found->ai_addr, found->ai_addrlen) != 0 || listen(listener, 4) != 0)) {
        (void)close(listener);
        listener = -1;
    }
    freeaddrinfo(found);
    return listener;
}

enum status peer_listen(struct peer *peer, const char *address, const struct network *network, const char *wanted,
                        struct problem *problem)
{
    bool local = strncmp(address, "unix:", 5) == 0;
    *peer = (struct peer){ .network = network, .socket = -1, .wanted = wanted, .intersection = INDEX_NONE };
    peer->listener = local ? listen_unix(address + 5) : listen_tcp(address);
    if (peer->listener < 0) {
        return problem_report(problem, STATUS_IO, address, NULL, "name a free address, HOST:PORT or unix:PATH",
                              "cannot be listened on: %s", strerror(errno));
    }
    arena_create(&peer->arena, WIRE_ARENA_BYTES);
    observation_buffer_create(&peer->rows, 1, 1, 1, 1);
    peer->out_bytes = memory_take(OUT_BYTES, 1);
    return STATUS_OK;
}

void peer_drop(struct peer *peer)
{
    if (peer->socket >= 0) {
        (void)close(peer->socket);
        session_release(&peer->session);
    }
    peer->socket = -1;
    peer->greeted = peer->subscribed = peer->asked = false;
    peer->report_count = 0;
}

void peer_release(struct peer *peer)
{
    peer_drop(peer);
    (void)close(peer->listener);
    arena_release(&peer->arena);
    observation_buffer_release(&peer->rows);
    free(peer->out_bytes);
}

static bool send_all(struct peer *peer, const struct frame_writer *out)
{
    size_t sent = 0;
    while (peer->socket >= 0 && sent < out->used) {
        ssize_t more = send(peer->socket, out->at + sent, out->used - sent, MSG_NOSIGNAL);
        if (more <= 0 && errno != EINTR) {
            peer_drop(peer);
            return false;
        }
        sent += more > 0 ? (size_t)more : 0;
    }
    return peer->socket >= 0;
}

// ---- what it says ----

static void unsafe(struct peer *peer, const char *what, int32_t a, int32_t b)
{
    if (peer->unsafe[0] == '\0') {
        (void)snprintf(peer->unsafe, sizeof peer->unsafe, "%s (group %d, group %d)", what, a, b);
    }
}

// The lamps of a report against what the site asks: together, and after what was shown before.
static void watch(struct peer *peer, const struct controller_report *report)
{
    const struct intersection *at = &peer->network->intersections[report->intersection];
    for (int32_t i = 0; i < at->group_count; i++) {
        int64_t since_ms = report->time_ms - report->age_ms[i];
        bool was = peer->watched && peer->aspect[i] == ASPECT_GREEN, is = report->aspect[i] == ASPECT_GREEN;
        if (was && !is) {
            peer->green_end_ms[i] = report->aspect[i] == ASPECT_YELLOW ? since_ms
                : since_ms - peer->network->groups[at->first_group + i].yellow_ms;
            if (peer->green_start_ms[i] != INT64_MIN && peer->green_end_ms[i] - peer->green_start_ms[i] + AGE_SLACK_MS
                < peer->network->groups[at->first_group + i].green_ms_min) {
                unsafe(peer, "a green shorter than its minimum", i, i);
            }
        }
        if (is && !was) {
            peer->green_start_ms[i] = report->age_ms[i] < INT32_MAX ? since_ms : INT64_MIN;
        }
    }
    for (int32_t i = 0; i < at->group_count; i++) {
        for (int32_t j = 0; j < at->group_count; j++) {
            int32_t between_ms = network_intergreen_ms(peer->network, at, i, j);
            bool starts = report->aspect[j] == ASPECT_GREEN && (!peer->watched || peer->aspect[j] != ASPECT_GREEN);
            if (between_ms < 0) {
                continue;
            }
            if (report->aspect[j] == ASPECT_GREEN && (report->aspect[i] == ASPECT_GREEN
                                                       || report->aspect[i] == ASPECT_YELLOW)) {
                unsafe(peer, "green beside a conflicting green or yellow", j, i);
            }
            if (starts && peer->watched && peer->green_start_ms[j] != INT64_MIN && peer->green_end_ms[i] != INT64_MIN
                && peer->green_start_ms[j] - peer->green_end_ms[i] + AGE_SLACK_MS < between_ms) {
                unsafe(peer, "an intergreen that is too short", i, j);
            }
        }
    }
    memcpy(peer->aspect, report->aspect, sizeof peer->aspect);
    peer->watched = true;
}

static void on_hello(struct peer *peer, const struct hello *hello, const struct session_room *room)
{
    if (peer->wanted == NULL && hello->intersections.count > 0) {
        peer->intersection = network_find_intersection(peer->network, hello->intersections.names[0]).index;
    } else if (peer->wanted != NULL) {
        peer->intersection = network_find_intersection(peer->network, peer->wanted).index;
    }
    peer->epoch_seen = hello->epoch_seen;
    if (hello->role != ROLE_CONTROLLER || peer->intersection == INDEX_NONE) {
        (void)snprintf(peer->said, sizeof peer->said, "%s", hello->role != ROLE_CONTROLLER ? "its role is no controller"
                       : "it names no intersection of this network");
        peer->refused_hello = true;
        session_refuse(&peer->session, ERROR_UNKNOWN, peer->said, room->out);
        return;
    }
    struct session_grant grant = { .network = peer->network, .epoch = EPOCH, .daemon = DAEMON };
    peer->greeted = session_welcome(&peer->session, hello, &grant, wall_ms(), room) == STATUS_OK;
}

static void on_event(struct peer *peer, const struct session_event *event, const struct session_room *room)
{
    switch (event->kind) {
    case SESSION_HELLO:
        on_hello(peer, event->hello, room);
        break;
    case SESSION_REPORT:
        if (event->report.intersection == peer->intersection) {
            peer->report = event->report;
            peer->report_ms = wall_ms();
            peer->report_count++;
            watch(peer, &event->report);
        }
        break;
    case SESSION_PLAN_REQUEST:
        peer->asked = peer->asked || event->plan_request.intersection == peer->intersection;
        peer->request = event->plan_request.request;
        break;
    case SESSION_PLAN_SUBSCRIPTION:
        peer->subscribed = !event->plan_subscription.end;
        break;
    case SESSION_PLAN_ACKNOWLEDGEMENT:
        peer->answers[peer->answer_count++ % ACKNOWLEDGEMENTS_KEPT] = event->plan_acknowledgement;
        (void)snprintf(peer->said, sizeof peer->said, "%s",
                       event->plan_acknowledgement.text != NULL ? event->plan_acknowledgement.text : "");
        break;
    case SESSION_FALLBACK_ACKNOWLEDGEMENT:
        peer->tables[peer->table_count++ % TABLES_KEPT] = event->fallback_acknowledgement;
        (void)snprintf(peer->said, sizeof peer->said, "%s",
                       event->fallback_acknowledgement.text != NULL ? event->fallback_acknowledgement.text : "");
        break;
    case SESSION_REFUSED:
    case SESSION_CLOSE:
        peer->refused_count++;
        (void)snprintf(peer->said, sizeof peer->said, "%.150s", event->problem.text);
        break;
    case SESSION_PEER_ERROR:
        (void)snprintf(peer->said, sizeof peer->said, "it says: %.140s",
                       event->error.text != NULL ? event->error.text : "an error");
        break;
    default:
        break;                            // nothing that a controller may send
    }
}

static void take_input(struct peer *peer)
{
    ssize_t more = recv(peer->socket, peer->in_bytes, sizeof peer->in_bytes, 0);
    if (more <= 0) {
        peer_drop(peer);
        return;
    }
    session_input(&peer->session, peer->in_bytes, (size_t)more, wall_ms());
    enum session_event_kind kind = SESSION_HELLO;
    while (peer->socket >= 0 && kind != SESSION_NOTHING) {
        struct frame_writer out = frame_writer_over(peer->out_bytes, OUT_BYTES);
        struct session_room room = { .arena = &peer->arena, .rows = &peer->rows, .out = &out };
        struct session_event event;
        kind = session_next(&peer->session, wall_ms(), &room, &event);
        on_event(peer, &event, &room);
        if (!send_all(peer, &out)) {
            return;
        }
        if (kind == SESSION_CLOSE) {
            peer_drop(peer);
        }
    }
}

static void take_connection(struct peer *peer)
{
    int link = accept(peer->listener, NULL, NULL), on = 1;
    if (link < 0) {
        return;
    }
    peer_drop(peer);                      // the newest connection is the one that is tested
    (void)setsockopt(link, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    peer->socket = link;
    struct session_limits limits = session_limits_default();
    session_create(&peer->session, &limits, wall_ms());
}

bool peer_wait(struct peer *peer, int64_t until_ms, bool (*holds)(const struct peer *peer, int64_t value),
               int64_t value)
{
    while (!holds(peer, value)) {
        if (wall_ms() >= until_ms) {
            return false;
        }
        struct pollfd polls[2] = { { .fd = peer->listener, .events = POLLIN },
            { .fd = peer->socket, .events = POLLIN } };
        if (poll(polls, 2, POLL_MS) <= 0) {
            continue;
        }
        if (polls[1].fd >= 0 && polls[1].revents != 0) {
            take_input(peer);
        } else if (polls[0].revents != 0) {
            take_connection(peer);
        }
    }
    return true;
}

bool peer_send_plan(struct peer *peer, const struct plan *plan)
{
    struct frame_writer out = frame_writer_over(peer->out_bytes, OUT_BYTES);
    peer->asked = false;
    peer->said[0] = '\0';
    return peer->socket >= 0 && wire_put_plan(&out, plan) == STATUS_OK && send_all(peer, &out);
}

bool peer_send_table(struct peer *peer, const struct fallback_table *table)
{
    struct frame_writer out = frame_writer_over(peer->out_bytes, OUT_BYTES);
    peer->said[0] = '\0';
    return peer->socket >= 0 && wire_put_fallback_table(&out, table) == STATUS_OK && send_all(peer, &out);
}

const struct plan_acknowledgement *peer_answer(const struct peer *peer, struct plan_version version)
{
    int32_t first = peer->answer_count > ACKNOWLEDGEMENTS_KEPT ? peer->answer_count - ACKNOWLEDGEMENTS_KEPT : 0;
    for (int32_t i = peer->answer_count - 1; i >= first; i--) {
        const struct plan_acknowledgement *answer = &peer->answers[i % ACKNOWLEDGEMENTS_KEPT];
        if (plan_version_compare(answer->version, version) == 0) {
            return answer;
        }
    }
    return NULL;
}
