// look_ahead.h: what the first vehicle of a lane, or one inside a junction, must heed along its route.
//
// THEORY    Along its route a vehicle meets leaders (on its path, on paths that merge into the same lane, on the lanes
//           beyond), lines that are closed, and lower speed limits. Of the leaders and lines the one that strains it
//           most, s*/s of IDM, goes to the car-following model; bounds and speed caps gather over all of them.
//           Vehicles on different paths into the same lane are taken in the order of what is left to drive to that
//           lane, as if they were on one lane already: so the merge is a plain queue when they come to it. Who may pass
//           its line and its whole path within a step is never seen on it: such a head of a lane is met before, and one
//           of the two stays where their paths are apart (decision 0130).
// CONTRACT  Reads published state only. All places are relative to the viewer's front.
// NOT HERE  Who has the right to pass (right_of_way.h).
#pragma once

#include "sim/traffic/right_of_way.h"

struct view {
    float gap, speed, strain;      // of the leader that strains most; gap FAR_M without one
    float margin;                  // what is left before it at standstill: none before a line
    float bound;                   // its front may move this far
    float cap;                     // speed at the end of the step
    enum verdict verdict;          // of the line right before it
};

// The first vehicle of a cell, to_line from its end, about to take `path` (or PATH_NONE, PATH_END).
struct view look_from_lane(const struct street *street, int32_t cell, int32_t path, const struct viewer *viewer,
                           float to_line);

// The k-th vehicle on a path, its front at x.
struct view look_from_path(const struct street *street, int32_t path, int32_t k, const struct viewer *viewer, float x);

// Whether the last vehicle of a lane that is shorter than it reaches back over the path. One that began its trip there
// came by none: it is taken to lie wherever it could have come from, but not round a turn back, across the very lane
// beside its own.
static inline bool came_from(const struct street *street, const struct seen *to, int32_t path)
{
    return to->tail_path == path || (to->tail_path == PATH_NONE && street->paths[path].turn != TURN_U);
}
