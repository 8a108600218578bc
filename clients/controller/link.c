#include "clients/controller/link.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

enum { LINE_BYTES = 1 << 14 };       // of the line, in one look

bool address_find(const char *address, bool numeric, struct daemon_address *ret)
{
    *ret = (struct daemon_address){ .tls = strncmp(address, "tls:", 4) == 0 };
    if (strncmp(address, "unix:", 5) == 0 && !numeric) {
        struct sockaddr_un *to = (struct sockaddr_un *)&ret->at;
        size_t length = strlen(address + 5);
        if (length >= sizeof to->sun_path) {
            return false;
        }
        to->sun_family = AF_UNIX;
        memcpy(to->sun_path, address + 5, length + 1);
        ret->bytes = sizeof *to;
        return true;
    }
    address += ret->tls ? 4 : 0;
    const char *colon = strrchr(address, ':');
    struct addrinfo wanted = { .ai_socktype = SOCK_STREAM, .ai_flags = numeric ? AI_NUMERICHOST | AI_NUMERICSERV : 0 };
    struct addrinfo *found = NULL;
    if (colon == NULL || (size_t)(colon - address) >= sizeof ret->host) {
        return false;
    }
    bool brackets = address[0] == '[' && colon - address > 1 && colon[-1] == ']';
    int length = (int)(colon - address) - (brackets ? 2 : 0);
    (void)snprintf(ret->host, sizeof ret->host, "%.*s", length, address + brackets);
    if (getaddrinfo(ret->host, colon + 1, &wanted, &found) != 0) {
        return false;
    }
    memcpy(&ret->at, found->ai_addr, found->ai_addrlen);
    ret->bytes = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static void fault_set(struct link *link, const char *why)
{
    (void)snprintf(link->fault, sizeof link->fault, "%s", why);
}

static bool on_line_out(void *owner, const uint8_t *bytes, size_t count)
{
    struct link *link = owner;
    link->full = link->full || count > sizeof link->out - link->out_used;
    if (!link->full) {
        memcpy(link->out + link->out_used, bytes, count);
        link->out_used += count;
    }
    return !link->full;
}

bool link_open(struct link *link, const struct daemon_address *to)
{
    link->out_used = 0;
    link->full = false;
    if (to->tls && link->credentials == NULL) {
        fault_set(link, "TLS needs --certificate, --key and --authority");
        return false;
    }
    int made = socket(to->at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made < 0 || (connect(made, (const struct sockaddr *)&to->at, to->bytes) != 0 && errno != EINPROGRESS)) {
        fault_set(link, strerror(errno));
        (void)(made >= 0 && close(made));
        return false;
    }
    if (to->tls) {
        struct tls_line line = { .owner = link, .out = on_line_out };
        size_t none = 0;
        uint8_t byte;
        link->tls = tls_open(link->credentials, to->host, &line);
        if (link->tls == NULL) {
            fault_set(link, "no certificate can be for this name");
            (void)close(made);
            return false;
        }
        tls_input(link->tls, &byte, 0);
        (void)tls_read(link->tls, &byte, 1, &none);   // Its first words.
    }
    link->socket = made;
    return true;
}

void link_close(struct link *link)
{
    tls_release(link->tls);
    link->tls = NULL;
    (void)close(link->socket);
    link->socket = -1;
}

// Lets out what the socket takes. false: it is broken.
static bool line_out(struct link *link)
{
    while (link->out_used > 0) {
        ssize_t sent = send(link->socket, link->out, link->out_used, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN)) {
            return true;             // the rest with the next turn
        }
        if (sent <= 0) {
            fault_set(link, strerror(errno));
            // What it said before it closed is still to be read.
            return link->tls != NULL && tls_ready(link->tls) && errno == EPIPE;
        }
        link->out_used -= (size_t)sent;
        memmove(link->out, link->out + sent, link->out_used);
    }
    return true;
}

int64_t link_put(struct link *link, const uint8_t *bytes, size_t count)
{
    size_t taken = count;
    if (link->tls == NULL) {
        (void)on_line_out(link, bytes, count);
    } else if (tls_ready(link->tls)) {
        (void)tls_write(link->tls, bytes, count);
    } else {
        taken = 0;
    }
    if (link->full) {
        fault_set(link, "it does not read");
        return -1;
    }
    return line_out(link) ? (int64_t)taken : -1;
}

// What the line's bytes say.
static int64_t unseal(struct link *link, uint8_t *line, size_t count, uint8_t *bytes, size_t room)
{
    size_t used = 0, more = 0;
    enum tls_result result;
    tls_input(link->tls, line, count);
    while ((result = tls_read(link->tls, bytes + used, room - used, &more)) == TLS_DATA) {
        used += more;                // less than room: plain bytes are fewer than those of their records
    }
    if (result == TLS_WAITS || used > 0) {
        (void)line_out(link);
        return (int64_t)used;
    }
    fault_set(link, result == TLS_BROKEN ? tls_fault(link->tls) : "the daemon closed it");
    (void)line_out(link);            // The alert: the daemon's log tells it too.
    return -1;
}

int64_t link_get(struct link *link, uint8_t *bytes, size_t room)
{
    uint8_t line[LINE_BYTES];
    bool over_tls = link->tls != NULL;
    // Over TLS no more of the line than there is room for, with the rest of a record that came before.
    size_t want = !over_tls ? room : room < TLS_RECORD_BYTES_MAX + 1 ? 0
        : room - TLS_RECORD_BYTES_MAX - 1 < LINE_BYTES ? room - TLS_RECORD_BYTES_MAX - 1 : LINE_BYTES;
    ssize_t more = recv(link->socket, over_tls ? line : bytes, want, MSG_DONTWAIT);
    if (more <= 0) {
        if (more < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN)) {
            return 0;
        }
        fault_set(link, more < 0 ? strerror(errno) : "the daemon closed it");
        return -1;
    }
    return over_tls ? unseal(link, line, (size_t)more, bytes, room) : more;
}
