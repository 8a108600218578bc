// crossing.h: phase one of a step for those inside junctions.
//
// THEORY    See moving.h. Those inside a worker's junctions are gathered sixteen at a time, whatever their paths, and
//           moved by the kernel of the lanes.
// CONTRACT  As in moving.h.
#pragma once

#include "sim/traffic/street_kernel.h"
#include "sim/traffic/street_state.h"

void crossroads_move(struct street *street, struct worker *worker, const struct follow_job *job);
