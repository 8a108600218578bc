// path_meet.h: where two paths inside a junction come so close that two vehicles on them would touch.
//
// THEORY    A path is a polyline, the course of a vehicle's centre. Two vehicles of width w touch at most where the
//           centre line of one is within w of the other's. The distance from a point on path a to path b changes by
//           at most one metre per metre driven on a. So when it is d at one place, the next place that can be within
//           w is d - w further on: the search walks in such strides from both ends and looks closely only where it
//           matters.
//
//                 a ──────────●━━━━━━━━━●──────▶      enter ●, leave ● : along a, in metres
//                              ╲ b within w
// CONTRACT  Pure. Lengths are those of the polyline; the caller scales them to the length that a file states.
// NOT HERE  Who yields (paths.h).
#pragma once

#include <stdbool.h>

#include "engine/model/network.h"

struct path {
    const struct point *at;        // borrowed
    int32_t count;                 // at least 2
    double length_m;
    struct point low, high;        // corners of the box around it
};

void path_make(const struct point *at, int32_t count, struct path *ret);

// Whether b comes within width_m of a; where on a the common part begins and ends. Where it does not, the place of
// nearest approach, width_m to both sides, for those who know better that the two meet.
bool path_meet(const struct path *a, const struct path *b, double width_m, double *ret_enter_m, double *ret_leave_m);

// Whether the centre lines themselves cross, rather than touch or run side by side.
bool path_cross(const struct path *a, const struct path *b);
