// pedestrians.h: people who come to the signals of crossings, push the button, wait and walk.
//
// THEORY    To each pedestrian group people come at random (Poisson, a rate per hour), each group on its own. Who comes
//           while the group shows walk goes at once; who comes later waits for its next walk, and so do all who wait
//           with him: nobody's place in the queue matters, so a count and a sum of arrivals are the whole state. Where
//           the group has push buttons (on_call) who waits has pushed one, until it shows walk.
//
//              arrives ──▶ WAITS (button) ──walk──▶ served        delay = served - arrived
//                 └──────── walk already ─────────▶ served        delay = 0
// CONTRACT  Deterministic: depends on seed, rate and aspects; not on the length of the steps but for when walk is seen.
//           No allocation after creation.
// OWNERSHIP pedestrians_create gives, pedestrians_release takes; the network is kept.
// NOT HERE  Paths over the crossing, and vehicles that yield to them: walk and clearance are the signal's (guard I6).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/byte_stream.h"
#include "engine/model/network.h"

struct pedestrians;

struct pedestrian_counts {
    int64_t arrived, served, waiting;  // arrived = served + waiting
    int64_t delay_ms;                  // summed over those served
    int64_t delay_ms_max;
};

// per_hour: at each pedestrian group. Nobody comes before begin_ms.
struct pedestrians *pedestrians_create(const struct network *network, double per_hour, uint64_t seed, int64_t begin_ms);
void pedestrians_release(struct pedestrians *pedestrians);

// A step that begins at now_ms with these aspects (of every group of the network).
void pedestrians_step(struct pedestrians *pedestrians, int64_t now_ms, int32_t step_ms, const uint8_t *aspects);

// Groups with buttons where somebody waits: bits by intersection, valid until the next step.
const uint64_t *pedestrians_calls(const struct pedestrians *pedestrians);

struct pedestrian_counts pedestrians_counted(const struct pedestrians *pedestrians);

// The state for a checkpoint, and back into pedestrians made with the same options; false where it cannot be.
void pedestrians_save(const struct pedestrians *pedestrians, struct byte_sink *sink);
bool pedestrians_load(struct pedestrians *pedestrians, struct byte_source *source);
