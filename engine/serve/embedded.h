// embedded.h: the private redis-server: started, watched, started again, and ended with the daemon.
//
// THEORY
//             START ──a server of ours answers on the socket──▶ ADOPTED ──gone──╮
//               │                                                              ▼
//               ╰──nobody answers──▶ RUNNING ──exits──▶ WAITING (back-off) ──▶ START
//
//           It listens on a Unix socket in the state folder alone, named relative to the folder (a socket's path has at
//           most 107 bytes); the daemon reaches it through /proc/self/fd when the whole path is longer. It must not
//           outlive the daemon, however that ends: it is started through the daemon's own program
//           (embedded_child), which asks the kernel for a SIGTERM at its parent's death and then becomes the server.
//           One that was left over all the same is adopted after it has said that it serves this very folder.
// CONTRACT  The main thread and its loop.
// OWNERSHIP The caller embeds the struct; embedded_stop before it goes.
// NOT HERE  What is said to it (engine/store).
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

#include "engine/serve/state_folder.h"

#define EMBEDDED_CHILD_WORD                                                                                          \
    "--embedded-store" // first argument of the daemon's program when it is to become the server

struct embedded {
    uv_loop_t *loop;
    const struct state_folder *folder;
    const char *program;
    char socket_path[128];            // to connect to
    char shown_path[600];             // for people
    uv_process_t process;
    uv_timer_t timer;
    bool running, adopted, stopping, failed_said;
    int process_open;                 // handles of ours that are open
    pid_t pid;
    int32_t deaths;
    int64_t began_ms, next_ms;        // monotonic: when it began, when it may be started again
    void *owner;
    void (*began)(void *owner);       // it is worth connecting to
};

MUST_USE enum status embedded_start(struct embedded *embedded, uv_loop_t *loop, const struct state_folder *folder,
                                    const char *program, struct problem *problem);

// Asks it to end, having written everything, and lets the handles close.
void embedded_stop(struct embedded *embedded);

// Becomes the server; returns only when that fails, with the exit code. argv[2] is the daemon's process, argv[3] the
// program, then its arguments.
int embedded_child(int argc, char **argv);
