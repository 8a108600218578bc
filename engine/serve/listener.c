#include "engine/serve/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/serve/journal.h"

#define BACKLOG 4096                  // the kernel cuts it to net.core.somaxconn
#define ACCEPT_COUNT_MAX 128          // in one turn of the loop
#define SAY_MS 1000
#define DESCRIPTOR_RESERVE 64         // beside those of connections: files, store, HTTP, wake-ups

// A last word to a connection that is not taken. It may not arrive, and nothing waits for it.
static void refuse(struct listener *listener, int descriptor)
{
    uint8_t bytes[256];
    // Over TLS it would be noise: such a peer sees the connection close.
    struct frame_writer out = frame_writer_over(bytes, sizeof bytes);
    struct wire_error error = { .code = ERROR_OVERLOADED, .text = "too many connections: come again later",
        .closing = true };
    if (!listener->address.tls && wire_put_error(&out, &error) == STATUS_OK) {
        ssize_t sent = send(descriptor, bytes, out.used, MSG_DONTWAIT | MSG_NOSIGNAL);
        (void)sent;
    }
    close(descriptor);
    listener->refused++;
    if (monotonic_ms() - listener->refused_said_ms >= SAY_MS) {
        listener->refused_said_ms = monotonic_ms();
        journal(JOURNAL_ALARM, "%s: too many connections (limit %d, %llu refused so far)", listener->shown,
                listener->service->settings.limits.connections, (unsigned long long)listener->refused);
        alarms_come(listener->service->alarms, &(struct alarm){ .key = "connections", .severity = ALARM_CRITICAL,
                    .once = true }, "%s: connections were refused: the limit of %d is reached", listener->shown,
                    listener->service->settings.limits.connections);
    }
}

static void from_write(const struct sockaddr_storage *address, socklen_t bytes, char *text, size_t room)
{
    char host[64] = "unix", port[16] = "";
    if (address->ss_family != AF_UNIX
        && getnameinfo((const struct sockaddr *)address, bytes, host, sizeof host, port, sizeof port,
                       NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
        snprintf(text, room, "%.45s:%.6s", host, port);
        return;
    }
    snprintf(text, room, "unix");
}

static bool from_local(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)address;
        return ntohl(four->sin_addr.s_addr) >> 24 == 127;
    }
    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
        return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
    }
    return true;
}

// No descriptor is left: the reserve is given up for a moment to take one connection and close it.
static void accept_by_reserve(struct listener *listener)
{
    if (listener->reserve >= 0) {
        close(listener->reserve);
    }
    int descriptor = accept4(listener->descriptor, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor >= 0) {
        refuse(listener, descriptor);
    }
    listener->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void on_ready(uv_poll_t *poll, int result, int events)
{
    struct listener *listener = poll->data;
    struct service *service = listener->service;
    (void)result;
    (void)events;
    for (int i = 0; i < ACCEPT_COUNT_MAX; i++) {
        struct sockaddr_storage address = { .ss_family = AF_UNIX };
        socklen_t bytes = sizeof address;
        int descriptor = accept4(listener->descriptor, (struct sockaddr *)&address, &bytes,
                                 SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (descriptor < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
            accept_by_reserve(listener);
            return;
        }
        if (descriptor < 0 && errno != EINTR && errno != ECONNABORTED) {
            return;
        }
        if (descriptor < 0) {
            continue;
        }
        if (atomic_fetch_add(&service->connection_count, 1) >= service->settings.limits.connections) {
            atomic_fetch_sub(&service->connection_count, 1);
            refuse(listener, descriptor);
            continue;
        }
        struct mail mail = { .kind = MAIL_CONNECTION, .descriptor = descriptor, .local = from_local(&address),
            .pipe = address.ss_family == AF_UNIX, .tls = listener->address.tls };
        from_write(&address, bytes, mail.from, sizeof mail.from);
        loop_post(&service->loops[listener->next_loop], &mail);
        listener->next_loop = (listener->next_loop + 1) % service->loop_count;
    }
}

static enum status failed(const struct listen_address *address, const char *what, struct problem *problem)
{
    const char *remedy = errno == EADDRINUSE ? "End the program that uses it, or choose another under `listen`." : NULL;
    return problem_report(problem, STATUS_IO, "listen", address->text, remedy, "%s: %s", what, strerror(errno));
}

static enum status open_unix(const struct listen_address *address, int *ret, struct problem *problem)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    if (strlen(address->path) >= sizeof name.sun_path) {
        return problem_report(problem, STATUS_LIMIT, "listen", address->text, "Choose a shorter path.",
                              "a Unix socket's path has at most 107 bytes");
    }
    snprintf(name.sun_path, sizeof name.sun_path, "%.107s", address->path);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) {
        return failed(address, "no socket", problem);
    }
    // A socket that nobody listens on is left over from a daemon that was killed.
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe >= 0 && connect(probe, (struct sockaddr *)&name, sizeof name) != 0 && errno == ECONNREFUSED) {
        unlink(address->path);
    }
    if (probe >= 0) {
        close(probe);
    }
    if (bind(descriptor, (struct sockaddr *)&name, sizeof name) != 0 || listen(descriptor, BACKLOG) != 0) {
        enum status status = failed(address, "cannot listen", problem);
        close(descriptor);
        return status;
    }
    chmod(address->path, 0660);
    *ret = descriptor;
    return STATUS_OK;
}

static enum status open_tcp(const struct listen_address *address, int *ret, struct problem *problem)
{
    char port[16];
    struct addrinfo wish = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *found = NULL;
    snprintf(port, sizeof port, "%d", address->port);
    int result = getaddrinfo(address->host, port, &wish, &found);
    if (result != 0) {
        return problem_report(problem, STATUS_IO, "listen", address->text, NULL, "%s", gai_strerror(result));
    }
    int descriptor = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1;
    if (descriptor >= 0) {
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    }
    if (descriptor < 0 || bind(descriptor, found->ai_addr, found->ai_addrlen) != 0
        || listen(descriptor, BACKLOG) != 0) {
        enum status status = failed(address, "cannot listen", problem);
        if (descriptor >= 0) {
            close(descriptor);
        }
        freeaddrinfo(found);
        return status;
    }
    freeaddrinfo(found);
    *ret = descriptor;
    return STATUS_OK;
}

// The address with the port that the kernel chose.
static void shown_write(struct listener *listener)
{
    struct sockaddr_storage name;
    socklen_t bytes = sizeof name;
    if (listener->address.kind == LISTEN_UNIX
        || getsockname(listener->descriptor, (struct sockaddr *)&name, &bytes) != 0) {
        snprintf(listener->shown, sizeof listener->shown, "%s", listener->address.text);
        return;
    }
    char plain[64];
    from_write(&name, bytes, plain, sizeof plain);
    snprintf(listener->shown, sizeof listener->shown, "%s%s", listener->address.tls ? "tls:" : "", plain);
}

enum status listener_start(struct listener *listener, uv_loop_t *loop, struct service *service,
                           const struct listen_address *address, struct problem *problem)
{
    *listener = (struct listener){ .service = service, .address = *address, .descriptor = -1, .reserve = -1 };
    enum status status = address->kind == LISTEN_UNIX ? open_unix(address, &listener->descriptor, problem)
                                                      : open_tcp(address, &listener->descriptor, problem);
    if (status != STATUS_OK) {
        return status;
    }
    shown_write(listener);
    listener->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
    listener->refused_said_ms = -SAY_MS;
    int result = uv_poll_init(loop, &listener->poll, listener->descriptor);
    listener->poll.data = listener;
    if (result == 0) {
        result = uv_poll_start(&listener->poll, UV_READABLE, on_ready);
    }
    if (result != 0) {
        return problem_report(problem, STATUS_IO, "listen", address->text, NULL, "%s", uv_strerror(result));
    }
    return STATUS_OK;
}

static void on_closed(uv_handle_t *handle)
{
    struct listener *listener = handle->data;
    close(listener->descriptor);
    if (listener->reserve >= 0) {
        close(listener->reserve);
    }
    if (listener->address.kind == LISTEN_UNIX) {
        unlink(listener->address.path);
    }
    listener->descriptor = -1;
}

void listener_stop(struct listener *listener)
{
    if (listener->descriptor >= 0) {
        uv_poll_stop(&listener->poll);
        uv_close((uv_handle_t *)&listener->poll, on_closed);
    }
}

void listener_raise_descriptors(struct limits *limits)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    rlim_t needed = (rlim_t)limits->connections + DESCRIPTOR_RESERVE;
    if (limit.rlim_cur < needed) {
        limits->connections = (int32_t)limit.rlim_cur - DESCRIPTOR_RESERVE;
        journal(JOURNAL_WARNING, "the system gives %llu descriptors: at most %d connections",
                (unsigned long long)limit.rlim_cur, limits->connections);
    }
}
