// recordings.h: the daemon's recording: a recorder on the compute thread, files on a thread of their own.
//
// THEORY    recorder (compute thread) ──chunks──▶ queue ──▶ thread ──zstd, write──▶ recording_folder
//           The compute thread copies a chunk into the queue and goes on. Where the disk is too slow the queue fills;
//           live, the chunk is then lost and counted; while a simulator owns the clock, the compute thread waits.
// CONTRACT  recordings_recorder is for the compute thread (or before it runs). The rest from the main thread.
// OWNERSHIP recordings_start gives, recordings_stop takes: it writes what is queued and closes the file.
// NOT HERE  What is recorded (engine/record/recorder.h).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/record/recorder.h"

struct recordings;

struct recordings_hooks {
    void *owner;
    void (*said)(void *owner, bool alarm, const char *text);   // from any thread
};

MUST_USE enum status recordings_start(const char *folder, int64_t bytes_max, const struct network *network,
                                      const char *network_name, const struct recordings_hooks *hooks,
                                      struct recordings **ret, struct problem *problem);
struct recorder *recordings_recorder(struct recordings *recordings);

// Whether the compute thread waits for room: only where nobody waits for it in real time.
void recordings_wait(struct recordings *recordings, bool wait);
void recordings_stop(struct recordings *recordings);
