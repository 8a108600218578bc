// server.h: the daemon: puts the rooms together, runs them, and ends them in order.
//
// THEORY    STARTING   lock the state folder; start the embedded store; read back plans and epoch (or give up after
//                      store_restore_ms); take a new epoch, written to the disk; let the guard look at the plans
//             │        Only then: loops, compute thread, listeners.
//             ▼
//           SERVING    a beat of 50 ms on the main loop takes the newest picture to the store and to whoever watches
//             │ SIGTERM
//             ▼
//           ENDING     no new connections; the compute thread stops; what is unwritten goes to the store; sessions are
//                      told; the embedded store ends last. All within stop_ms.
//           Of a pair (`standby`): STARTING ──▶ STANDBY, which listens nowhere and looks at the lease in the store;
//           once that is free ──▶ STARTING, with the plans read anew, ──▶ SERVING. A daemon that led and finds a newer
//           epoch in the store steps down: it ends what it serves, and begins again.
// CONTRACT  The main thread. One server a process.
// OWNERSHIP The network and the settings are the caller's, for as long as server_run runs.
// NOT HERE  The configuration file (engine/config.h), importing a network (engine/import).
#pragma once

#include "engine/model/network.h"
#include "engine/serve/settings.h"

struct server_hooks {
    void *owner;
    // SIGHUP: the settings anew. Not STATUS_OK: the old ones stand. What they point to must stay until the process
    // ends.
    enum status (*reload)(void *owner, struct settings *ret, struct problem *problem);
};

#define SERVER_AGAIN (-1)

// Runs until it is told to end; the exit code of the process. SERVER_AGAIN: it led and stepped down; to be run again.
int server_run(const struct network *network, const struct settings *settings, const char *city,
               const struct server_hooks *hooks);
