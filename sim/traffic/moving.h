// moving.h: phase one of a step: everything moves.
//
// THEORY    See street_state.h. A worker moves the lanes of its blocks and the vehicles inside its junctions, and
//           puts those that leave a lane or a path into its outbox, with where they will be at the end of the step:
//           a fast vehicle may pass a whole short lane in one step.
// CONTRACT  Reads what was published; writes the worker's own.
#pragma once

#include "sim/traffic/street_state.h"

void move_worker(struct street *street, struct worker *worker);
