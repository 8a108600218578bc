// detour.h: a new route for a driver who could not get into the lane of its turn.
//
// THEORY    Whoever stands at the end of a wrong lane holds up all behind it, and two of them can hold up each other
//           for ever. A real driver goes where the lane leads and finds another way. The search is breadth first over
//           links, to the route's last link; of equally short ways the one through the lowest index.
// CONTRACT  Allocates nothing: works in the worker's own scratch, and a detour too long for the trip's piece of
//           legs is not taken. Touches the trip alone.
#pragma once

#include "sim/traffic/street_state.h"

#define DETOUR_LEGS 12             // how many legs more than its route every trip has room for

// Gives the trip, which stands in the cell, a route that begins with one of the cell's paths. Returns the path, or
// PATH_NONE when there is no such route.
int32_t detour_take(struct street *street, struct worker *worker, struct trip *trip, int32_t cell);

// Gives the trip, which is on the link, a route from there that meets nothing that is closed now (closures.h): to its
// next stop after the links it cannot go, `blocked` and one more after its own, and from there as before; or else to
// its last link. Returns whether there is one.
bool detour_round(struct street *street, struct worker *worker, struct trip *trip, int32_t link, int32_t blocked);

// Gives the trip, which stands in a cell from which no way leads to its goal, the next link as its last one. Returns
// the path there, or PATH_NONE where its kind may not go on at all.
int32_t detour_out(struct street *street, struct trip *trip, int32_t cell);
