// demand_sumo.h: SUMO's routes, trips and flows -> rows.
//
// THEORY    Read as SUMO's manual describes them (sumo.dlr.de/docs, "Definition of Vehicles, Vehicle Types, and
//           Routes"): vType, vTypeDistribution, route, routeDistribution, vehicle, trip, flow, include. A flow departs
//           at begin + i * period, before end; with `number` and `end` the period is (end - begin) / number;
//           `probability` is drawn for each second; period="exp(r)" is a Poisson stream of r per second. Times, counts
//           and defaults were compared with SUMO 1.15 on small files.
//
//           Defaults of SUMO that matter here: a vehicle departs on the first lane that it may use, at speed 0, follows
//           the vehicle in front by Krauss.
// CONTRACT  See demand_rows.h. Persons and containers are counted and passed over, stops are counted and driven
//           through.
// NOT HERE  TAZ and junctions as ends of a trip: duarouter turns them into edges.
#pragma once

#include "engine/import/sumo_config.h"
#include "sim/demand/demand_rows.h"

// Whether a name stands for several files: it has commas, and no file is called so.
bool demand_is_list(const char *path);

// Reads the additional and the route files of a configuration, or route files by commas; those of the options' list of
// additional files come first.
MUST_USE enum status demand_sumo_config(const char *path, struct demand_rows *rows);
MUST_USE enum status demand_sumo_routes(const char *path, struct demand_rows *rows);
