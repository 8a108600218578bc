// calibration.h: vehicle types that discharge from a stop line as the field measures it.
//
// THEORY    The field knows a lane by its saturation flow and its start-up lost time (the Highway Capacity Manual has
//           about 1,900 veh/h and 2 s); models know acceleration and time gap, and none of the usual ones gives both.
//           The measure is the manual's: of a standing queue that gets green, with passage times t_i of the stop line,
//               h = (t_20 - t_4) / 16,   saturation flow = 3600 / h,   lost time = t_4 - 4 h
//           A queue of the type is released on a lane of 50 km/h in a street of its own, with the run's own step, and
//           the parameters are sought by halving: the time gap for the flow (and the standing gap, where the least time
//           gap that a step allows is not enough), the head's delay at green (start_loss_s) for the lost time; where a
//           type loses more than is wished without any delay, its acceleration is raised.
// CONTRACT  Deterministic. Flow within 1 %, lost time within 0.03 s where the type can reach them; else STATUS_RANGE.
// NOT HERE  Speeds other than 50 km/h: the flow follows the model from there (docs/decisions/0022).
#pragma once

#include "sim/traffic/street.h"

struct discharge { double flow_vph, lost_s; };

#define DISCHARGE_FLOW_VPH_MIN 1500.0
#define DISCHARGE_FLOW_VPH_MAX 2200.0
#define DISCHARGE_LOST_S_MAX 4.0

// Every type that wishes (wishes != 0) becomes what it wishes for. source: who wishes, for problems: a file or
// an option.
MUST_USE enum status calibration_grant(struct vehicle_type *types, int32_t count, int32_t step_ms, const char *source,
                                       struct problem *problem);

// What the type does in steps of step_ms.
MUST_USE enum status calibration_measure(const struct vehicle_type *type, int32_t step_ms, struct discharge *ret,
                                         struct problem *problem);

// The type with the parameters that give the wish. A lost_s that is not wished is negative, a flow_vph 0.
MUST_USE enum status calibration_find(const struct vehicle_type *type, int32_t step_ms, struct discharge wish,
                                      struct vehicle_type *ret, struct problem *problem);
