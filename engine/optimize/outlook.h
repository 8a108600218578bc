// outlook.h: what each intersection means to send to its neighbours in the next minute and a half.
//
// THEORY    An intersection that plans ahead knows when it will let whom go. It writes the departures it expects, by
//           movement and in bins of OUTLOOK_BIN_S seconds; at the next tick those downstream read them. Written and
//           read are two copies that change places between ticks, so the order in which intersections are done, and on
//           how many threads, cannot matter.
// CONTRACT  outlook_tell is called by the thread that has the movement's intersection; outlook_turn between ticks.
// OWNERSHIP outlook_release frees.
// NOT HERE  What has left already (engine/estimate/upstream.h).
#pragma once

#include <stdint.h>

#include "engine/base/snapshot.h"
#define OUTLOOK_BIN_S 3
#define OUTLOOK_BIN_COUNT 30
#define OUTLOOK_UNIT 32               // of the kept numbers, per vehicle

struct told {
    int64_t from_ms;                  // the instant at which bin 0 begins; INT64_MIN: nothing told
    uint8_t vehicles[OUTLOOK_BIN_COUNT];
};

struct outlook {
    struct told *heard, *told;        // one per movement
    uint8_t *speaks;                  // one per movement: it has told something at some time
    int32_t movement_count;
};

void outlook_create(struct outlook *outlook, int32_t movement_count);
void outlook_release(struct outlook *outlook);

// What was told is heard from now on.
void outlook_turn(struct outlook *outlook);

// The departures expected of a movement: vehicles[i] in the bin that begins at from_ms + i * OUTLOOK_BIN_S.
void outlook_tell(struct outlook *outlook, int32_t movement, int64_t from_ms, const float *vehicles);

// Nothing is known of the movement any more.
void outlook_forget(struct outlook *outlook, int32_t movement);

// A range of movements tells what it told before; to be called for all, at every tick, before anything new is told.
void outlook_repeat(struct outlook *outlook, int32_t first, int32_t count);

// A range of movements has told nothing, and nobody has heard it: another decides for them.
void outlook_silence(struct outlook *outlook, int32_t first, int32_t count);

// Walks over what changes from tick to tick (engine/base/snapshot.h).
void outlook_snapshot(struct outlook *outlook, struct snapshot_walk *walk);
