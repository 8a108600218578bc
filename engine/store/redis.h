// redis.h: one asynchronous connection to Redis. The only file that sees the client library.
//
// THEORY    hiredis formats commands and parses answers; whoever owns the event loop watches the descriptor. The
//           library says what it wants to be woken for (watch), the loop says what the descriptor is ready for
//           (redis_ready). On an error of the descriptor the loop reports both read and write, so that the library
//           meets the error in its own system call: the adapter that Debian ships for libuv keeps such errors to
//           itself.
// CONTRACT  One thread. Callbacks come from redis_ready and redis_send only; in a callback redis_send may be called,
//           not redis_close. After `lost` the connection is dead and waits for redis_close. Answers come in the order
//           of the commands; those still out when the connection dies are never called back.
// OWNERSHIP redis_open gives, redis_close takes. An answer is borrowed during its callback.
// NOT HERE  What to say and what to make of an answer (store.h), time-outs (store.h), host names (engine/serve).
#pragma once

#include <stdbool.h>

#include "engine/base/status.h"
#include "engine/store/answer.h"
#include "engine/store/commands.h"

struct redis;

struct redis_hooks {
    void *owner;
    void (*watch)(void *owner, int descriptor, bool read, bool write);
    void (*connected)(void *owner);
    void (*lost)(void *owner, const char *cause);
    void (*answer)(void *owner, const struct answer *answer);
};

struct redis_address {
    const char *path;             // of a Unix socket, or NULL
    const char *host;             // a numeric address
    int port;
};

// Begins to connect; `connected` or `lost` follows. STATUS_UNREACHABLE: not even begun, with the cause.
MUST_USE enum status redis_open(const struct redis_address *address, const struct redis_hooks *hooks,
                                struct redis **ret, struct problem *problem);

// The descriptor is ready.
void redis_ready(struct redis *redis, bool readable, bool writable);

// Queues all commands. An error is told by `lost`.
void redis_send(struct redis *redis, const struct commands *commands);

// Ends it at once, answers or not. NULL is allowed. No callback comes but watch(false, false).
void redis_close(struct redis *redis);
