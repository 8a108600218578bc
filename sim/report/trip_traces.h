// trip_traces.h: what a trip leaves behind as it drives: where it came and went, what it burnt.
//
// THEORY    After each step of the street all vehicles are looked at once. A vehicle's acceleration is what its speed
//           changed by in the step, and the rates of emission.h hold for the step, as SUMO's emission device counts.
//           The last, broken step of a trip that arrives counts at its last speed.
// CONTRACT  Rows by trip number. One call a step, in order.
// OWNERSHIP The views are borrowed during the call.
// NOT HERE  Formats (tripinfo.h).
#pragma once

#include "engine/base/memory.h"
#include "sim/loop/closed_loop.h"
#include "sim/report/emission.h"

struct trip_trace {
    bool seen;
    float speed_mps, front_m;              // as last seen
    float depart_m, depart_mps;            // as first seen: front on its first lane
    int32_t depart_lane, lane;             // lanes of the network; lane: the last one
    int32_t inside;                        // connection on which it was last seen, or INDEX_NONE
    double emitted_mg[EMISSION_COUNT];     // CO2 and fuel always, the others where all are asked for
};

struct trip_traces {
    LIST_OF(struct trip_trace) rows;       // by number
    bool all_emissions;                    // to be set before the first look
    double co2_mg, fuel_l;                 // of all trips
    int64_t seen_ms;                       // of the last look
};

void trip_traces_look(struct trip_traces *traces, const struct vehicle_type *types, const struct vehicle_view *views,
                      int32_t count, int64_t now_ms, int32_t step_ms);

// Trips that arrived in the step that ended with the last look.
void trip_traces_arrive(struct trip_traces *traces, const struct vehicle_type *types, const struct trip_result *trips,
                        int32_t count, int32_t step_ms);
void trip_traces_release(struct trip_traces *traces);

// NULL when the trip was never seen.
const struct trip_trace *trip_traces_of(const struct trip_traces *traces, int32_t number);
