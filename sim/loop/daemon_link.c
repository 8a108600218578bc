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
#define HOST_BYTES_MAX 200

struct daemon_link {
    int socket;
    int32_t timeout_ms;
    char address[256];
    struct client client;
    struct arena arena;
    struct green greens[PLAN_GREEN_COUNT_MAX];
    struct frame_writer out;
    uint8_t *out_bytes, *in_bytes;
    struct tls_credentials *credentials;   // NULL: plain
    struct tls *tls;
    uint8_t *plain_bytes;            // IN_BYTES; with TLS in_bytes are the line's
    bool tls_left;                   // tls_read has not yet said TLS_WAITS
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

// host: the name or the address alone, HOST_BYTES_MAX; a v6 one without its brackets.
static int connect_tcp(const char *address, char *host)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || (size_t)(colon - address) >= HOST_BYTES_MAX) {
        errno = EINVAL;
        return -1;
    }
    bool brackets = address[0] == '[' && colon - address > 1 && colon[-1] == ']';
    (void)snprintf(host, HOST_BYTES_MAX, "%.*s", (int)(colon - address) - (brackets ? 2 : 0), address + brackets);
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

// false: the other side has closed.
static bool line_send(struct daemon_link *link, const uint8_t *bytes, size_t count)
{
    size_t sent = 0;
    while (sent < count) {
        ssize_t wrote = send(link->socket, bytes + sent, count - sent, MSG_NOSIGNAL);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            return false;
        }
        sent += (size_t)wrote;
    }
    return true;
}

static bool on_line_out(void *owner, const uint8_t *bytes, size_t count)
{
    (void)line_send(owner, bytes, count);   // When the daemon has closed, what it said before is still to be read.
    return true;
}

// Waits for bytes of the line.
static enum status line_read(struct daemon_link *link, size_t *ret, struct problem *problem)
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
        return unreachable(link, problem, link->tls != NULL && !tls_ready(link->tls)
                               ? "the daemon closed the connection before TLS was agreed on"
                               : "the daemon closed the connection");
    }
    *ret = (size_t)got;
    return STATUS_OK;
}

// Plain bytes of a TLS session, or, for the handshake, until it is over: then *ret is 0.
static enum status plain_read(struct daemon_link *link, bool handshake, size_t *ret, struct problem *problem)
{
    for (;;) {
        size_t count = 0;
        if (!link->tls_left) {
            enum status status = line_read(link, &count, problem);
            if (status != STATUS_OK) {
                return status;
            }
            tls_input(link->tls, link->in_bytes, count);
            link->tls_left = true;
        }
        *ret = 0;
        switch (tls_read(link->tls, link->plain_bytes, IN_BYTES, ret)) {
        case TLS_DATA:
            return STATUS_OK;
        case TLS_WAITS:
            link->tls_left = false;
            if (handshake && tls_ready(link->tls)) {
                return STATUS_OK;
            }
            break;
        case TLS_ENDED:
            return unreachable(link, problem, "the daemon closed the connection");
        case TLS_BROKEN:
            return problem_report(problem, STATUS_REFUSED, link->address, NULL, NULL, "%s", tls_fault(link->tls));
        }
    }
}

// Of TLS 1.3 the client's side is over before the daemon has looked at our certificate: what it says to it comes with
// the first answer.
static enum status tls_begin(struct daemon_link *link, const char *host, struct problem *problem)
{
    struct tls_line line = { .owner = link, .out = on_line_out };
    size_t count = 0;
    link->plain_bytes = memory_take(IN_BYTES, 1);
    link->tls = tls_open(link->credentials, host, &line);
    if (link->tls == NULL) {
        return problem_report(problem, STATUS_REFUSED, link->address, NULL, NULL,
                              "no certificate can be for this name");
    }
    tls_input(link->tls, link->in_bytes, 0);
    link->tls_left = true;
    enum status status = plain_read(link, true, &count, problem);
    if (status == STATUS_OK && count > 0) {
        client_input(&link->client, link->plain_bytes, count, wall_ms());
        link->input_left = true;
    }
    return status;
}

enum status daemon_link_send(struct daemon_link *link, struct problem *problem)
{
    bool sent = link->tls != NULL ? tls_write(link->tls, link->out_bytes, link->out.used)
                                  : line_send(link, link->out_bytes, link->out.used);
    // Over TLS it may have said why: the next receive finds it.
    if (!sent && link->tls == NULL) {
        return unreachable(link, problem, "the daemon closed the connection");
    }
    link->out = frame_writer_over(link->out_bytes, OUT_BYTES);
    return STATUS_OK;
}

static enum status read_more(struct daemon_link *link, struct problem *problem)
{
    size_t count = 0;
    enum status status = link->tls != NULL ? plain_read(link, false, &count, problem)
                                           : line_read(link, &count, problem);
    if (status == STATUS_OK) {
        client_input(&link->client, link->tls != NULL ? link->plain_bytes : link->in_bytes, count, wall_ms());
        link->input_left = true;
    }
    return status;
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

bool daemon_address_tls(const char *address)
{
    return strncmp(address, "tls:", 4) == 0;
}

struct tls_files tls_files_default(void)
{
    return (struct tls_files){ .certificate = getenv("INTERGREEN_CERTIFICATE"), .key = getenv("INTERGREEN_KEY"),
        .authority = getenv("INTERGREEN_AUTHORITY") };
}

enum status daemon_link_open(const char *address, const struct tls_files *files, struct hello *hello,
                             int32_t timeout_ms, struct daemon_link **ret, struct welcome *ret_welcome,
                             struct problem *problem)
{
    struct tls_credentials *credentials = NULL;
    bool over_tls = daemon_address_tls(address);
    const char *place = over_tls ? address + 4 : address;
    char host[HOST_BYTES_MAX] = "";
    if (over_tls) {
        const struct tls_files none = { 0 };
        enum status status = tls_credentials_read(files != NULL ? files : &none, TLS_CLIENT, &credentials, problem);
        if (status != STATUS_OK) {
            return status;
        }
    }
    struct daemon_link *link = memory_take(1, sizeof *link);
    link->timeout_ms = timeout_ms;
    link->credentials = credentials;
    (void)snprintf(link->address, sizeof link->address, "%s", address);
    link->socket = !over_tls && strncmp(address, "unix:", 5) == 0 ? connect_unix(address + 5)
                                                                  : connect_tcp(place, host);
    if (link->socket < 0) {
        enum status status = unreachable(link, problem, strerror(errno));
        tls_credentials_release(credentials);
        free(link);
        return status;
    }
    client_create(&link->client, FRAME_BYTES_MAX_DEFAULT);
    arena_create(&link->arena, WIRE_ARENA_BYTES);
    link->out_bytes = memory_take(OUT_BYTES, 1);
    link->in_bytes = memory_take(IN_BYTES, 1);
    link->out = frame_writer_over(link->out_bytes, OUT_BYTES);
    enum status status = over_tls ? tls_begin(link, host, problem) : STATUS_OK;
    status = status != STATUS_OK ? status : greet(link, hello, ret_welcome, problem);
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
    if (link->tls != NULL) {
        tls_end(link->tls);
    }
    tls_release(link->tls);
    tls_credentials_release(link->credentials);
    (void)close(link->socket);
    client_release(&link->client);
    arena_release(&link->arena);
    free(link->plain_bytes);
    free(link->out_bytes);
    free(link->in_bytes);
    free(link);
}
