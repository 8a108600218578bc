// moving.h: phase one of a step: everything moves.
//
// THEORY    See street_state.h and sharing.h. A worker moves lanes and those inside junctions, and lists who leaves a
//           lane or a path, with where it will be at the end of the step: a fast vehicle may pass a whole short lane
//           in one step.
// CONTRACT  Reads what was published; writes what belongs to the places at hand.
#pragma once

#include "sim/traffic/street_state.h"

void move_worker(struct street *street, struct worker *worker);
