// load_link.h: one connection of the load generator: a socket that never blocks, and the client's session machine.
//
// THEORY    DOWN ──link_open──▶ CONNECTING ──writable──▶ GREETING ──Welcome──▶ OPEN ──link_drop, EOF──▶ DOWN
//                                                                              └─link_finish─▶ FINISHING ──EOF──▶ DOWN
//           What the socket does not take at once waits in `pending`; a link with pending bytes is busy, and who sends
//           readings leaves it alone meanwhile, so that nothing piles up without a bound.
// CONTRACT  One thread. FINISHING: everything was sent and the sending half is shut; the peer's EOF says that it has
//           read all.
// OWNERSHIP The link owns its descriptor and its bytes until link_drop.
// NOT HERE  What is said (load_play.c).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/wire/client.h"

#define LOAD_ADDRESS_COUNT_MAX 4

enum link_state { LINK_DOWN, LINK_CONNECTING, LINK_GREETING, LINK_OPEN, LINK_FINISHING };

struct load_address {
    bool local;                       // a Unix socket
    char host[128], path[108];
    uint16_t port;
};

struct load_link {
    enum link_state state;
    int descriptor;                   // -1: none
    int32_t index;                    // of all links of the run
    struct client client;
    uint8_t *pending;
    size_t pending_bytes, pending_capacity;
};

// "HOST:PORT" (an IPv4 address of this machine) or "unix:PATH". false: neither, or not of this machine.
bool load_address_read(const char *text, struct load_address *ret);

// Begins to connect and watches the descriptor in epoll under the link's index. false: not even begun; try again.
bool link_open(struct load_link *link, const struct load_address *address, int epoll);

// Sends, or keeps what was not taken. false: the connection is broken.
bool link_send(struct load_link *link, const uint8_t *bytes, size_t count, int epoll);

// The socket is writable: sends what waits. false: the connection is broken.
bool link_flush(struct load_link *link, int epoll);

// OPEN -> FINISHING, once nothing is pending.
void link_finish(struct load_link *link);

void link_drop(struct load_link *link);
