// link.h: the controller's line to one daemon: plain or TLS, never waiting.
//
// THEORY    What is to be sent gathers in a buffer of fixed size and leaves as the socket takes it; over TLS
//           (engine/tls/tls.h) as records. A connection under way shows itself by sending or failing.
// CONTRACT  All memory is in the struct, but for what OpenSSL takes.
// NOT HERE  Frames (clients/wire/bytes.h), when to try again (controller.c).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "engine/tls/tls.h"

enum { LINK_OUT_BYTES = 1 << 15, HOST_MAX = 256 };

struct daemon_address {
    struct sockaddr_storage at;
    socklen_t bytes;
    bool tls;
    char host[HOST_MAX];             // TLS: the name that its certificate must bear
};

struct link {
    int socket;                      // -1: none
    const struct tls_credentials *credentials;   // or NULL: addresses with tls: cannot be reached
    struct tls *tls;                 // NULL: plain
    uint8_t out[LINK_OUT_BYTES];
    size_t out_used;
    bool full;
    char fault[TLS_FAULT_BYTES_MAX];
};

// Looks up unix:PATH, HOST:PORT, tls:HOST:PORT. numeric: of a stranger's making, and nobody is asked about it.
bool address_find(const char *address, bool numeric, struct daemon_address *ret);

// false: it cannot be tried; fault says why.
bool link_open(struct link *link, const struct daemon_address *to);
void link_close(struct link *link);

// Takes what is to be sent, and lets out what the line takes. How many bytes it took (over TLS none before the
// handshake is over), or -1: the line is broken, or does not read; fault says why.
int64_t link_put(struct link *link, const uint8_t *bytes, size_t count);

// What has come, up to room: 0 when there is nothing, -1 when the line has ended; fault says why.
int64_t link_get(struct link *link, uint8_t *bytes, size_t room);
