// area_output.h: what each area detector saw in each interval, as SUMO's lane area detector output and CSV.
//
// THEORY    A detector of the network that is at least 10 m long watches an area (SUMO's laneAreaDetector): each step
//           the vehicles whose front is on its lane and which lie over it are looked at. Attributes in the sense of
//           SUMO's user documentation, "Simulation/Output/Lanearea Detectors (E2)": a vehicle halts below 5 km/h, a jam
//           is the vehicles that halt, its length reaches from the first one's front to the last one's rear within the
//           area. Time loss is against the lane's speed limit.
// CONTRACT  Intervals as detector_output.h's. Nothing is written where no detector is so long. One look a step.
// OWNERSHIP areas_close frees.
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "engine/base/memory.h"
#include "engine/model/network.h"
#include "sim/traffic/street.h"

#define AREA_LENGTH_M_MIN 10.0

struct area_vehicle {
    int32_t number;
    double halted_s, halted_here_s;        // since it came, and in this interval; of the present halt and those before
    bool halts;
};

struct area_sum {
    int32_t steps, entered, left, seen, started_halts, vehicles_most, jam_most;
    double sampled_s, speed_m, loss_s, occupancy, occupancy_most, vehicles;
    double jam, jam_m, jam_m_most;         // sums over steps, and the greatest
    double halted_s, halted_most_s, halted_here_s, halted_here_most_s;
    int32_t halted, halted_here;           // vehicles that halted at all, over which SUMO takes its means
};

struct area {
    int32_t detector;
    double from_m, to_m;
    LIST_OF(struct area_vehicle) inside;
    struct area_sum sum;
};

struct area_output {
    FILE *xml, *csv;
    const struct network *network;
    int64_t begin_ms;                      // of the present interval
    int32_t period_ms;
    LIST_OF(struct area) areas;            // in order of lane
    int32_t *first_area;                   // by lane; one more at the end
};

MUST_USE enum status areas_open(struct area_output *output, const char *directory, const struct network *network,
                                int64_t begin_ms, int32_t period_ms, struct problem *problem);

// views: in order of lane, from the front (street_list_vehicles).
void areas_look(struct area_output *output, const struct vehicle_view *views, int32_t count, int64_t now_ms,
                int32_t step_ms);
MUST_USE enum status areas_close(struct area_output *output, const char *directory, int64_t end_ms,
                                 struct problem *problem);
