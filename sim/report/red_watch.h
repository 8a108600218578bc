// red_watch.h: how long signal groups stay red while somebody waits, against their maximum red.
//
// THEORY    A red counts from the end of green, with its yellow. Somebody waits for a group when a vehicle stands
//           first at a stop line that no other group lets go. Who comes when the maximum red is nearly over cannot be
//           served within it (docs/safety.md): a red counts for those alone who wait since RED_WATCH_LATE_MS before its
//           end.
//
//              green │◀──────────────── red ──────────────▶│ green
//                           │◀─────── waits ─────────────▶│        share = red / maximum red
//
// CONTRACT  Exact to the step for lamps, to the samples that are taken for who waits.
// OWNERSHIP red_watch_release frees; the network is kept.
// NOT HERE  What enforces the maximum (engine/optimize/conduct.c, engine/guard).
#pragma once

#include <stdint.h>

#include "engine/base/byte_stream.h"
#include "engine/model/network.h"
#include "sim/traffic/street.h"

#define RED_WATCH_LATE_MS 30000

struct red_watch {
    const struct network *network;
    int32_t *group_of_lane;            // the one that alone lets it go, or INDEX_NONE
    int64_t *red_ms;                   // per group: when its green ended; INT64_MAX: it is green; INT64_MIN: never yet
    int64_t *asked_ms;                 // since when somebody waits; INT64_MAX: nobody does
    uint8_t *waits;                    // in the sample that is being taken
    double longest_share;              // of a maximum red
    int32_t longest_group;             // INDEX_NONE without any
};

void red_watch_create(struct red_watch *watch, const struct network *network);
void red_watch_release(struct red_watch *watch);

// What the lamps show after a step.
void red_watch_lamps(struct red_watch *watch, const uint8_t *aspects, int64_t now_ms);

// Who stands where; after the lamps.
void red_watch_vehicles(struct red_watch *watch, const struct vehicle_view *views, int32_t count, int64_t now_ms);

// For a checkpoint, and back into a watch of the same network.
void red_watch_save(const struct red_watch *watch, struct byte_sink *sink);
void red_watch_load(struct red_watch *watch, struct byte_source *source);
