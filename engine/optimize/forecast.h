// forecast.h: when vehicles will reach the stop lines of an intersection if no signal holds them.
//
// THEORY    Per link with rows, second by second from the instant at which a decision takes effect:
//
//             queued before the stop line                       second 0
//             others within the cameras' reach                  by distance and speed of their bin: who is slow speeds
//                                                               up; who stands far from any queue has just set out
//             beyond the reach, past a signal upstream          (distance left) / free speed, and what its turn and
//                                                               its start cost, from upstream.h
//             still to be let go by a signal upstream           travel time after its departure, from outlook.h
//             from where nothing is counted                     the rest of the usual demand, evenly
//
//           What comes to a link is shared out to its rows as their demand has been lately.
// CONTRACT  Pure; reads estimates and what was heard, writes *ret.
// OWNERSHIP The caller owns ret.
// NOT HERE  How well it is served (horizon.h).
#pragma once

#include "engine/estimate/estimate.h"
#include "engine/optimize/horizon.h"
#include "engine/optimize/outlook.h"

struct forecast_query {
    const struct estimate *estimate;
    const struct outlook *outlook;    // NULL: nothing is heard
    struct intersection_id intersection;
    int64_t now_ms, at_ms;            // of the estimates; of second 0
    const int8_t *stream_of_row;      // by row within the intersection; -1: not of interest
    int32_t stream_count;
};

// Adds arrivals to ret[second][stream], not cumulative; the columns (horizon_width of them) must be zero before.
void forecast_add(const struct forecast_query *query, float (*ret)[STREAM_COUNT_MAX]);
