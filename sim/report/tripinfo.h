// tripinfo.h: one line a trip, as CSV and in the form of SUMO's tripinfo output (elements and attributes as its user
// documentation names them, "Simulation/Output/TripInfo"), so that scripts made for it read ours.
//
// CONTRACT  Rows in order of trip number; times in seconds with milliseconds. Equal trips give equal bytes.
#pragma once

#include "sim/loop/closed_loop.h"

// As demand_trip_name.
typedef void (*trip_namer)(const void *names, int32_t number, char *text, int32_t text_bytes);

// Writes DIR/trips.csv and DIR/tripinfo.xml. name: writes the id of a trip number into text, or NULL: the number
// itself.
MUST_USE enum status tripinfo_write(const char *directory, const struct trip_result *trips, int32_t count,
                                    const struct vehicle_type *types, trip_namer name, const void *names,
                                    struct problem *problem);
