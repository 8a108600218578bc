#include "bench/load_link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SOURCE_ADDRESS_COUNT 16       // 127.0.0.2 and on: each has ports of its own, so that none run out

bool load_address_read(const char *text, struct load_address *ret)
{
    struct load_address address = { 0 };
    struct in_addr parsed;
    const char *colon = strrchr(text, ':');
    if (strncmp(text, "unix:", 5) == 0) {
        address.local = true;
        if (strlen(text + 5) >= sizeof address.path) {
            return false;
        }
        snprintf(address.path, sizeof address.path, "%s", text + 5);
        *ret = address;
        return true;
    }
    if (colon == NULL || (size_t)(colon - text) >= sizeof address.host) {
        return false;
    }
    memcpy(address.host, text, (size_t)(colon - text));
    long port = strtol(colon + 1, NULL, 10);
    if (inet_pton(AF_INET, address.host, &parsed) != 1 || ntohl(parsed.s_addr) >> 24 != 127 || port < 1
        || port > 65535) {
        return false;
    }
    address.port = (uint16_t)port;
    *ret = address;
    return true;
}

static int connect_tcp(const struct load_address *address, int32_t index)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(address->port) };
    struct sockaddr_in from = { .sin_family = AF_INET };
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1;
    if (descriptor < 0) {
        return -1;
    }
    inet_pton(AF_INET, address->host, &to.sin_addr);
    from.sin_addr.s_addr = htonl((127u << 24) + 2u + (uint32_t)index % SOURCE_ADDRESS_COUNT);
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    if (bind(descriptor, (struct sockaddr *)&from, sizeof from) != 0
        || (connect(descriptor, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)) {
        close(descriptor);
        return -1;
    }
    return descriptor;
}

static int connect_unix(const struct load_address *address)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return -1;
    }
    memcpy(to.sun_path, address->path, sizeof to.sun_path);
    if (connect(descriptor, (struct sockaddr *)&to, sizeof to) != 0) {   // EAGAIN too: its queue is full
        close(descriptor);
        return -1;
    }
    return descriptor;
}

static void watch(const struct load_link *link, bool writable, int epoll, int operation)
{
    struct epoll_event event = { .events = EPOLLIN | (writable ? (uint32_t)EPOLLOUT : 0u),
        .data.u32 = (uint32_t)link->index };
    epoll_ctl(epoll, operation, link->descriptor, &event);
}

bool link_open(struct load_link *link, const struct load_address *address, int epoll)
{
    link->descriptor = address->local ? connect_unix(address) : connect_tcp(address, link->index);
    if (link->descriptor < 0) {
        return false;
    }
    client_create(&link->client, FRAME_BYTES_MAX_DEFAULT);
    link->state = LINK_CONNECTING;
    watch(link, true, epoll, EPOLL_CTL_ADD);
    return true;
}

static bool keep(struct load_link *link, const uint8_t *bytes, size_t count)
{
    if (link->pending_bytes + count > link->pending_capacity) {
        size_t capacity = 2 * (link->pending_bytes + count);
        uint8_t *grown = realloc(link->pending, capacity);
        if (grown == NULL) {
            return false;
        }
        link->pending = grown;
        link->pending_capacity = capacity;
    }
    memcpy(link->pending + link->pending_bytes, bytes, count);
    link->pending_bytes += count;
    return true;
}

bool link_send(struct load_link *link, const uint8_t *bytes, size_t count, int epoll)
{
    if (link->pending_bytes > 0) {
        return keep(link, bytes, count);
    }
    ssize_t sent = send(link->descriptor, bytes, count, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        return false;
    }
    size_t done = sent > 0 ? (size_t)sent : 0;
    if (done < count) {
        watch(link, true, epoll, EPOLL_CTL_MOD);
        return keep(link, bytes + done, count - done);
    }
    return true;
}

bool link_flush(struct load_link *link, int epoll)
{
    if (link->pending_bytes > 0) {
        ssize_t sent = send(link->descriptor, link->pending, link->pending_bytes, MSG_NOSIGNAL);
        if (sent < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        link->pending_bytes -= (size_t)sent;
        memmove(link->pending, link->pending + sent, link->pending_bytes);
    }
    if (link->pending_bytes == 0) {
        watch(link, false, epoll, EPOLL_CTL_MOD);
    }
    return true;
}

void link_finish(struct load_link *link)
{
    if (link->state == LINK_OPEN && link->pending_bytes == 0) {
        shutdown(link->descriptor, SHUT_WR);
        link->state = LINK_FINISHING;
    }
}

void link_drop(struct load_link *link)
{
    if (link->descriptor >= 0) {
        close(link->descriptor);
        client_release(&link->client);
    }
    free(link->pending);
    *link = (struct load_link){ .descriptor = -1, .index = link->index };
}
