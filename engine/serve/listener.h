// listener.h: accepts connections and hands them to the loops in turn.
//
// THEORY    libuv hides what happens when descriptors run out, so the main thread accepts itself: it counts the
//           connections, refuses with a word those beyond the limit, and holds one descriptor in reserve with which it
//           can always take a connection in order to close it.
// CONTRACT  The main thread and its loop.
// OWNERSHIP The caller embeds the struct; listener_stop before the loop ends.
// NOT HERE  Sessions (channel.h).
#pragma once

#include "engine/serve/loop.h"

struct listener {
    struct service *service;
    struct listen_address address;
    char shown[300];                  // the address with its real port
    int descriptor, reserve;
    uv_poll_t poll;
    int32_t next_loop;
    int64_t refused_said_ms;
    uint64_t refused;
};

MUST_USE enum status listener_start(struct listener *listener, uv_loop_t *loop, struct service *service,
                                    const struct listen_address *address, struct problem *problem);
void listener_stop(struct listener *listener);

// As many descriptors as the system gives; where they are too few, the limit of connections is lowered.
void listener_raise_descriptors(struct limits *limits);
