#include "sim/loop/daemon_link.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/memory.h"

#define OUT_BYTES (4u << 20)
#define IN_BYTES (256u << 10)

struct daemon_link {
    int socket;
    int32_t timeout_ms;
    char address[256];
    struct client client;
    struct arena arena;
    struct green greens[PLAN_GREEN_COUNT_MAX];
    struct frame_writer out;
    uint8_t *out_bytes, *in_bytes;
    bool input_left;                 // client_next has not yet said CLIENT_NOTHING
};

static int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum status unreachable(const struct daemon_link *link, struct problem *problem, const char *what)
{
    return problem_report(problem, STATUS_UNREACHABLE, link->address, NULL,
                          "is intergreend running, and does it listen there?", "%s", what);
}

static int connect_unix(const char *path)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof to.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(to.sun_path, path, strlen(path) + 1);
    int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made >= 0 && connect(made, (const struct sockaddr *)&to, sizeof to) != 0) {
        int why = errno;
        (void)close(made);
        errno = why;
        return -1;
    }
    return made;
}

static int connect_tcp(const char *address)
{
    char host[200];
    const char *colon = strrchr(address, ':');
    if (colon == NULL || (size_t)(colon - address) >= sizeof host) {
        errno = EINVAL;
        return -1;
    }
    (void)snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
    struct addrinfo wish = { .ai_socktype = SOCK_STREAM }, *found = NULL;
    if (getaddrinfo(host, colon + 1, &wish, &found) != 0) {
        errno = EHOSTUNREACH;
        return -1;
    }
    int made = -1;
    for (const struct addrinfo *at = found; at != NULL && made < 0; at = at->ai_next) {
        made = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
        if (made >= 0 && connect(made, at->ai_addr, at->ai_addrlen) != 0) {
            int why = errno;
            (void)close(made);
            errno = why;
            made = -1;
        }
    }
    freeaddrinfo(found);
    if (made >= 0) {
        int on = 1;
        (void)setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    return made;
}

struct client *daemon_link_client(struct daemon_link *link)
{
    return &link->client;
}

struct frame_writer *daemon_link_out(struct daemon_link *link)
{
    return &link->out;
}

enum status daemon_link_send(struct daemon_link *link, struct problem *problem)
{
    size_t sent = 0, count = link->out.used;
    while (sent < count) {
        ssize_t wrote = send(link->socket, link->out_bytes + sent, count - sent, MSG_NOSIGNAL);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            return unreachable(link, problem, "the daemon closed the connection");
        }
        sent += (size_t)wrote;
    }
    link->out = frame_writer_over(link->out_bytes, OUT_BYTES);
    return STATUS_OK;
}

static enum status read_more(struct daemon_link *link, struct problem *problem)
{
    struct pollfd wait = { .fd = link->socket, .events = POLLIN };
    int ready;
    do {
        ready = poll(&wait, 1, link->timeout_ms);
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0) {
        return unreachable(link, problem, "no answer came in time");
    }
    ssize_t got = recv(link->socket, link->in_bytes, IN_BYTES, 0);
    if (got <= 0) {
        return unreachable(link, problem, "the daemon closed the connection");
    }
    client_input(&link->client, link->in_bytes, (size_t)got, wall_ms());
    link->input_left = true;
    return STATUS_OK;
}

static enum status refused(const struct daemon_link *link, const struct wire_error *error, struct problem *problem)
{
    return problem_report(problem, error->code == ERROR_SHUT_DOWN ? STATUS_UNREACHABLE : STATUS_REFUSED, link->address,
                          error->field, NULL, "%s: %s", error_code_name(error->code),
                          error->text != NULL ? error->text : "refused");
}

enum status daemon_link_receive(struct daemon_link *link, bool errors_fail, struct client_event *ret,
                                struct problem *problem)
{
    for (;;) {
        if (!link->input_left) {
            enum status status = read_more(link, problem);
            if (status != STATUS_OK) {
                return status;
            }
        }
        arena_reset(&link->arena);
        struct client_room room = { .arena = &link->arena, .greens = link->greens, .out = &link->out };
        switch (client_next(&link->client, wall_ms(), &room, ret)) {
        case CLIENT_NOTHING:
            link->input_left = false;
            continue;
        case CLIENT_ERROR:
            if (errors_fail || ret->error.closing) {
                return refused(link, &ret->error, problem);
            }
            return STATUS_OK;
        case CLIENT_CLOSED:
            return problem_report(problem, STATUS_SYNTAX, link->address, NULL, NULL, "%.600s", ret->problem.text);
        case CLIENT_WELCOME:
        case CLIENT_PLAN:
        case CLIENT_PLAN_NOT_CHANGED:
        case CLIENT_CLOCK_REACHED:
        case CLIENT_REQUEST_RESULT:
        case CLIENT_STATUS:
        case CLIENT_ALARMS:
        case CLIENT_AUDIT_PAGE:
        case CLIENT_FALLBACK_TABLE:
            return STATUS_OK;
        }
    }
}

static enum status greet(struct daemon_link *link, struct hello *hello, struct welcome *ret_welcome,
                         struct problem *problem)
{
    hello->clock_ms = wall_ms();
    if (client_hello(&link->client, hello, &link->out) != STATUS_OK) {
        return problem_report(problem, STATUS_LIMIT, link->address, NULL, NULL, "the hello is too long");
    }
    enum status status = daemon_link_send(link, problem);
    struct client_event event;
    status = status != STATUS_OK ? status : daemon_link_receive(link, true, &event, problem);
    if (status != STATUS_OK) {
        return status;
    }
    if (event.kind != CLIENT_WELCOME) {
        return problem_report(problem, STATUS_SYNTAX, link->address, NULL, NULL, "the daemon did not say welcome");
    }
    if (ret_welcome != NULL) {
        *ret_welcome = event.welcome;
    }
    return STATUS_OK;
}

enum status daemon_link_open(const char *address, struct hello *hello, int32_t timeout_ms, struct daemon_link **ret,
                             struct welcome *ret_welcome, struct problem *problem)
{
    struct daemon_link *link = memory_take(1, sizeof *link);
    link->timeout_ms = timeout_ms;
    (void)snprintf(link->address, sizeof link->address, "%s", address);
    link->socket = strncmp(address, "unix:", 5) == 0 ? connect_unix(address + 5) : connect_tcp(address);
    if (link->socket < 0) {
        enum status status = unreachable(link, problem, strerror(errno));
        free(link);
        return status;
    }
    client_create(&link->client, FRAME_BYTES_MAX_DEFAULT);
    arena_create(&link->arena, WIRE_ARENA_BYTES);
    link->out_bytes = memory_take(OUT_BYTES, 1);
    link->in_bytes = memory_take(IN_BYTES, 1);
    link->out = frame_writer_over(link->out_bytes, OUT_BYTES);
    enum status status = greet(link, hello, ret_welcome, problem);
    if (status != STATUS_OK) {
        daemon_link_close(link);
        return status;
    }
    *ret = link;
    return STATUS_OK;
}

void daemon_link_close(struct daemon_link *link)
{
    if (link == NULL) {
        return;
    }
    (void)close(link->socket);
    client_release(&link->client);
    arena_release(&link->arena);
    free(link->out_bytes);
    free(link->in_bytes);
    free(link);
}
