// demand_cityflow.h: CityFlow's flow.json -> rows.
//
// THEORY    An array of flows: {vehicle, route, interval, startTime, endTime}. A flow departs at startTime, then each
//           interval up to and with endTime; endTime -1 means for ever, here a day. A route lists roads; where two that
//           follow one another do not touch, the fastest way joins them, as CityFlow's router does
//           (cityflow.readthedocs.io, "Flow File Format").
//
//           The vehicle's terms: usualPosAcc and usualNegAcc are what drivers use, maxNegAcc what the brakes can do.
//           headwayTime is the time gap at speed, bumper to bumper and with nothing added; Krauss' gap at speed v is
//           minGap + tau v, so tau = headwayTime - minGap / v at the vehicle's own top speed gives the same distance.
//           A vehicle departs from a standstill. It has the speed of its turn from where it counts as near the
//           intersection: what it brakes in and drives in 2 s, both from its top speed.
// CONTRACT  See demand_rows.h; places are entries of the array, from 0. Equal vehicles are one type.
// NOT HERE  The road net (engine/import/cityflow.h).
#pragma once

#include "sim/demand/demand_rows.h"

MUST_USE enum status demand_cityflow(const char *path, struct demand_rows *rows);
