// sumo_stops.h: SUMO's stopping places and the stops of vehicles, flows and routes.
//
//              <busStop id lane startPos endPos>            ─▶ places, by name
//              <stop busStop=|lane=|edge= duration until>   ─▶ struct demand_stop, in rows.stops
#pragma once

#include "sim/demand/sumo_reader.h"

// The lane by SUMO's name, which is its edge's, an underscore and its number; or INDEX_NONE.
int32_t sumo_lane_find(const struct network *network, const char *name);

// Whether the element is a stopping place (busStop, trainStop, containerStop, chargingStation, parkingArea); then it is
// kept, or the reading fails.
bool sumo_place_read(struct reader *reader, struct sumo_xml *xml, const char *element, const char **attributes);

// A <stop>. What is wrong with it is kept in it, for the trip that makes it.
struct demand_stop sumo_stop_read(struct reader *reader, const struct sumo_xml *xml, const char **attributes);

// Appends stops to rows.stops, their times of departure moved by shift_ms; gives the first one's index.
int32_t sumo_stops_keep(struct demand_rows *rows, const struct demand_stop *stops, int32_t count, int64_t shift_ms);
