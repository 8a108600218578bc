// upstream.h: from which movements of other signals the vehicles come that will stand at a link's stop line, and who
// left them when.
//
// THEORY    A vehicle that passes a stop line towards a link arrives at that link's own stop line a travel time later.
//           What lies beyond the view of the cameras is therefore known from the counts of the intersections upstream:
//
//              movement (upstream) ──▶ link ──▶ (unsignalled junction) ──▶ link with rows ──▶|
//              left[second] ··················· to_stop_m ·································▶|
//
//           A *source* of a link with rows is a movement whose vehicles come to it, with the share of them that does
//           and the distance. Unsignalled junctions on the way share out equally among the links that follow. Who turns
//           loses time against the free speed v of that link: l / u - l / v on the way of length l through the junction
//           at the turn's speed u, and (v - u)^2 / 2av while he speeds up behind it at a.
// CONTRACT  The layout is read-only after upstream_create. upstream_note is called for a movement by one thread, the
//           one that has its intersection; readers come after all notes of a tick.
// OWNERSHIP upstream_release frees; approaches are kept.
// NOT HERE  What leaves later (the outlooks of engine/optimize).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/snapshot.h"
#include "engine/estimate/approach.h"

#define UPSTREAM_REACH_M 1500.0
#define UPSTREAM_PAST_S 128           // seconds of departures kept; a power of two
#define UPSTREAM_UNIT 64              // of the kept numbers, per vehicle
#define SOURCE_COUNT_MAX 32           // of one link
#define SET_OUT_MPS2 2.0              // of cars that set out, about IDM's and Krauss' defaults

struct source {
    int32_t movement;
    float weight;                     // share of its vehicles that come to the link
    float to_stop_m;                  // from its own stop line to the link's
    float inside_m;                   // of that, inside the junction behind its own stop line, where no camera looks
    float late_s;                     // what their turn costs against the link's free speed
};

// Somebody leaves in few of the seconds: who asks of one of the others need not look at left. What is asked of a
// movement every second, for each link that it leads to, lies in half a cache line.
struct departures {
    uint64_t any[UPSTREAM_PAST_S / 64];   // by second modulo UPSTREAM_PAST_S; left is 0 where a bit is clear
    int64_t noted_s;                  // the second of the newest entry; INT64_MIN: none
    double usual_vps;                 // that take the movement, in the long mean (estimate.h)
};

struct upstream {
    const struct approaches *approaches;
    int32_t *first_source;            // link_count + 1
    struct source *sources;
    uint8_t *left;                    // movement_count x UPSTREAM_PAST_S, by second modulo UPSTREAM_PAST_S
    struct departures *departures;    // per movement: which of them hold
};

void upstream_create(struct upstream *upstream, const struct approaches *approaches);
void upstream_release(struct upstream *upstream);

// `vehicles` took the movement since the last note; now_ms never falls.
void upstream_note(struct upstream *upstream, int32_t movement, int64_t now_ms, double vehicles);

// Vehicles that took the movement in the second that began ago_s before second now_s, 0 .. UPSTREAM_PAST_S - 1.
static inline double upstream_left_in(const struct upstream *upstream, int32_t movement, int64_t now_s, int32_t ago_s)
{
    const struct departures *departures = &upstream->departures[movement];
    int64_t at_s = now_s - ago_s;
    uint32_t slot = (uint32_t)at_s & (UPSTREAM_PAST_S - 1);
    if ((departures->any[slot / 64] >> (slot % 64) & 1) == 0 || at_s > departures->noted_s
        || departures->noted_s - at_s >= UPSTREAM_PAST_S) {
        return 0.0;
    }
    return upstream->left[(size_t)movement * UPSTREAM_PAST_S + slot] * (1.0 / UPSTREAM_UNIT);
}

// The same, before now's second.
double upstream_left(const struct upstream *upstream, int32_t movement, int64_t now_ms, int32_t ago_s);

// The same for count seconds at once, in 1 / UPSTREAM_UNIT vehicles; ret[0] is the newest. False, and nothing written,
// when nobody left in that time.
bool upstream_past(const struct upstream *upstream, int32_t movement, int64_t now_ms, int32_t count, uint8_t *ret);

// Walks over what changes from tick to tick (engine/base/snapshot.h).
void upstream_snapshot(struct upstream *upstream, struct snapshot_walk *walk);
