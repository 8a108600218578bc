// lane_shape.h: where in the plane a place on a lane or in a junction is, for pictures and floating car data.
//
// THEORY    Lanes lie beside one another round the link's centre line (CityFlow's line is the road's left border), the
//           kerb's outermost. A distance along the lane is scaled to the line's length, since a file may tell both.
// CONTRACT  Pure. angle_deg: 0 is north, clockwise, as SUMO's.
#pragma once

#include "engine/model/network.h"

struct plane_place { double x_m, y_m, angle_deg; };

struct plane_place lane_place(const struct network *network, int32_t lane, double along_m);
struct plane_place connection_place(const struct network *network, int32_t connection, double along_m);
