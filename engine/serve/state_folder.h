// state_folder.h: the daemon's own folder: a lock, the epoch on disk, and how often it was started of late.
//
// THEORY    The epoch must never go back, whatever Redis lost: it is written beside the old file, flushed to the disk,
//           and renamed over it before any plan of that epoch leaves. The lock keeps a second daemon out of the folder.
//           Starts are noted and struck off by a clean end, so that a crash that repeats itself is seen.
// CONTRACT  One thread.
// OWNERSHIP state_folder_open gives, state_folder_close takes.
// NOT HERE  What is in Redis (engine/store).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"

struct state_folder {
    char path[512];
    int descriptor, lock;
    uint32_t epoch, daemon;      // as the file says; daemon is chosen once, at random
    int32_t crashes;             // ends within the last minute that were not clean
};

// Makes the folder where it is missing. STATUS_REFUSED: another daemon has it.
MUST_USE enum status state_folder_open(const char *path, struct state_folder *ret, struct problem *problem);

// Writes the epoch through to the disk.
MUST_USE enum status state_folder_epoch(struct state_folder *folder, uint32_t epoch, struct problem *problem);

// The daemon ends as it was told to.
void state_folder_clean_end(struct state_folder *folder);
void state_folder_close(struct state_folder *folder);
