// tripinfo.h: one line a trip, as CSV and in the form of SUMO's tripinfo output (elements and attributes as its user
// documentation names them, "Simulation/Output/TripInfo", with the child <emissions>), so that scripts made for it
// read ours.
//
// CONTRACT  Rows in order of trip number; times in seconds with milliseconds. Equal trips give equal bytes. The XML
//           holds the trips that arrived, as SUMO's does; the CSV all.
#pragma once

#include "engine/model/network.h"
#include "sim/loop/closed_loop.h"
#include "sim/report/trip_traces.h"

// As demand_trip_name.
typedef void (*trip_namer)(const void *names, int32_t number, char *text, int32_t text_bytes);

// What the rows of every output are about. Borrowed.
struct report_subject {
    const struct network *network;
    const struct vehicle_type *types;
    trip_namer name;                       // writes the id of a trip number into text, or NULL: the number itself
    const void *names;
};

void report_trip_name(const struct report_subject *subject, int32_t number, char *text, int32_t text_bytes);

// The lane as SUMO would call it: LINK_POSITION.
void report_lane_name(const struct network *network, int32_t lane, char *text, int32_t text_bytes);

// Writes DIR/trips.csv and DIR/tripinfo.xml.
MUST_USE enum status tripinfo_write(const char *directory, const struct trip_result *trips, int32_t count,
                                    const struct report_subject *subject, const struct trip_traces *traces,
                                    struct problem *problem);
