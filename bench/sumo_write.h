// sumo_write.h: a network built in code and its trips as SUMO's plain XML, so that both simulators drive the same.
//
// CONTRACT  Writes town.nod.xml, .edg.xml, .con.xml, .tll.xml (for netconvert) and town.rou.xml into a folder that is
//           there. Signal programs are those of the network: each stage's green, its yellow, its all-red. IDM only.
//           Returns whether all was written.
#pragma once

#include "sim/traffic/street.h"

bool sumo_write(const struct network *network, const struct vehicle_type *car, const struct trip_columns *trips,
                const char *folder);
