// fleet.h: who drives in a city: the vehicles of generated demand, and of days whose vehicles nobody recorded.
//
// THEORY    Cars, delivery vans and trucks as urban counts find them: 88, 8 and 4 in a hundred. How they drive is IDM's
//           usual range for streets [Treiber2000]; together they discharge about 1,800 vehicles an hour and lane.
// CONTRACT  Plain data; a draw in 0 .. 1 gives a type.
// NOT HERE  Vehicles of files (sumo_types.h, demand_cityflow.h).
#pragma once

#include "sim/traffic/street.h"

#define FLEET_TYPE_COUNT 3

extern const struct vehicle_type fleet_types[FLEET_TYPE_COUNT];

static inline int fleet_draw(double draw)
{
    return draw < 0.88 ? 0 : draw < 0.96 ? 1 : 2;
}
