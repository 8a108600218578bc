// sight.h: the last thing that each camera and each loop said, after the impossible has been refused.
//
// THEORY    Readings come in columns, some late, some wrong. Each is held against what its place can physically show;
//           what passes is kept by lane (cameras) and by detector (loops). A reading whose interval ended more than
//           SIGHT_CONTROL_AGE_MS ago feeds counts, not the picture; one older than SIGHT_COUNT_AGE_MS feeds nothing.
//           A loop that tells edges says nothing while nothing changes: what its last edge said holds on, for a time
//           that is bounded, since one that has died says nothing either. A loop that tells both counts by its edges.
// CONTRACT  Pure; no allocation after sight_create; any bytes in the columns are refused, never a crash.
// OWNERSHIP sight_release frees; the network is kept; columns are borrowed during the call.
// NOT HERE  Queues, flows, confidence (estimate.h).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/snapshot.h"
#include "engine/model/network.h"
#include "engine/model/observation.h"
#include "engine/model/units.h"

#define SIGHT_CONTROL_AGE_MS 5000
#define SIGHT_COUNT_AGE_MS 900000
#define SIGHT_AHEAD_MS 1000           // a reading may be this far in the future: clocks differ
#define SIGHT_COVERED_MS 300000       // an edge holds so long: somebody waits through the longest red and its queue
#define SIGHT_FREE_MS 120000          // likewise: nobody is overlooked for longer than the usual maximum red
#define SIGHT_BIN_COUNT 20            // 200 m in bins of CAMERA_BIN_M
#define SIGHT_TURN_COUNT 4

enum sight_fault { SIGHT_STALE, SIGHT_UNKNOWN, SIGHT_IMPOSSIBLE, SIGHT_FAULT_COUNT };

#define SIGHT_REFUSAL_COUNT_MAX 64
#define SIGHT_PART_COUNT_MAX 256

// What became of one set of columns.
struct sight_result {
    int64_t used, refused[SIGHT_FAULT_COUNT];
    struct { enum sight_fault fault; int32_t intersection; int64_t row; } first[SIGHT_REFUSAL_COUNT_MAX];
    int32_t first_count;              // in order of row: cameras, loops, edges
};

// The picture of one lane, as its camera gave it.
struct lane_sight {
    int64_t end_ms;                   // of the newest picture; INT64_MIN: never seen
    int32_t in_view, queued;          // vehicles
    int32_t tail_mm, speed_mmps;
    // over its end since sight_create, by turn; wraps are harmless: only differences count
    int32_t passed[SIGHT_TURN_COUNT];
    uint8_t bin_count;                // bins that the picture has; 0: the camera gives none
    uint8_t bin_vehicles[SIGHT_BIN_COUNT];
    uint16_t bin_speed_cmps[SIGHT_BIN_COUNT];
};

// What one loop counted.
struct loop_sight {
    int64_t end_ms;                   // known up to here: end of the newest interval, or as its newest edge holds;
                                      // INT64_MIN: never heard
    int32_t passed;                   // since sight_create
    float occupancy;                  // of the newest interval, 0 .. 1; after an edge 0 or 1
};

// And what is seldom asked.
struct loop_past {
    int64_t occupied_ms;              // newest time at which it was known to be occupied; INT64_MIN: never
    int32_t speed_mmps;               // of the newest interval that had one, or -1
    bool on;                          // by edges
};

enum sight_spoke { SPOKE_INTERVALS = 1, SPOKE_EDGES = 2 };

struct sight {
    const struct network *network;
    struct lane_sight *lanes;         // one per lane of the network
    struct loop_sight *loops;         // one per detector
    struct loop_past *loops_past;     // likewise
    uint8_t *spoke;                   // likewise: what it has ever said, bits of sight_spoke
    int32_t *camera_of_lane;          // or INDEX_NONE
};

// True while the loop's newest word is an edge that holds: no interval ends so far ahead.
static inline bool loop_by_edges(const struct loop_sight *loop, int64_t now_ms)
{
    return loop->end_ms > now_ms + SIGHT_AHEAD_MS;
}

// True where an edge of the last second says that the loop was neither covered nor free for all of it.
static inline bool loop_changed(const struct loop_sight *loop, int64_t now_ms)
{
    int64_t holds_ms = loop->occupancy > 0.5f ? SIGHT_COVERED_MS : SIGHT_FREE_MS;
    return loop_by_edges(loop, now_ms) && loop->end_ms - holds_ms > now_ms - MS_PER_S;
}

void sight_create(struct sight *sight, const struct network *network);
void sight_release(struct sight *sight);
void sight_take(struct sight *sight, const struct observation_columns *seen, int64_t now_ms,
                struct sight_result *ret);

// One part of the same, part = 0 .. part_count - 1: takes the readings of the sensors that fall to it, in their order.
// Parts may be taken at the same time by several threads; together they do what sight_take does.
void sight_take_part(struct sight *sight, const struct observation_columns *seen, int64_t now_ms, int32_t part,
                     int32_t part_count, struct sight_result *ret);

// What became of all parts, as sight_take would have told it.
void sight_results_join(const struct sight_result *parts, int32_t part_count, struct sight_result *ret);

// Walks over what changes from tick to tick (engine/base/snapshot.h).
void sight_snapshot(struct sight *sight, struct snapshot_walk *walk);
