// crossing.h: phase one of a step for those inside junctions.
//
// THEORY    See moving.h. Those inside a share's junctions are gathered sixteen at a time, whatever their paths, and
//           moved by the kernel of the lanes.
// CONTRACT  As in moving.h.
#pragma once

#include "sim/traffic/street_kernel.h"
#include "sim/traffic/street_state.h"

// A job (sharing.h): a share's paths with crossers, in portions of whole junctions.
int32_t crossing_list(struct street *street, struct worker *worker, struct share *share);
bool crossing_parts(const struct street *street, int32_t before, int32_t at);
void crossing_move(struct street *street, struct worker *worker, struct share *share, struct run *run);
