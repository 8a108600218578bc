// settling.h: phase two of a step: everything that moved finds its place, lanes are changed, trips enter, and what
// others may see is published.
//
// THEORY    See street_state.h and sharing.h. Of each share one worker first takes from the lists of those who left
//           what goes to the share's lanes and junctions, in the order of where they left. Then its blocks are settled.
//           Vehicles for one lane are put in by their place. Where two would overlap, which takes two merging paths
//           that are shorter than a step, the one behind is put behind the other, as far back as where it came from.
//           Trips wait in one queue per link. A trip enters with its rear at the lane's start, on the lane of its
//           choice or else on the preferred one with the most room, when the gap ahead is safe at its speed and
//           nobody is about to come in from upstream. One that cannot enter holds up only those that want its lanes.
// CONTRACT  Writes what belongs to the share, then what belongs to the block.
#pragma once

#include "sim/traffic/columns.h"
#include "sim/traffic/street_state.h"

void settle_worker(struct street *street, struct worker *worker);

// Insertion before the first step, for trips that are due at once. now_ms is when they enter.
void settle_insert(struct street *street, int64_t now_ms);

// A vehicle behind all others of its cell, which came in by the path or PATH_NONE; and, once all are in place, what
// others may see of every lane. For streets that are set to a state.
void settle_place(struct street *street, int32_t cell, const struct vehicle *vehicle, int32_t came_by);
void settle_publish(struct street *street);
