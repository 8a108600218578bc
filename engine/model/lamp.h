// lamp.h: the aspect of a signal group at a time. The one function that turns a plan into lamps.
//
// THEORY    green while a green of the plan runs; then yellow for the group's yellow_ms; then red. A vehicle whose
//           group is yellow stops if it can. Red clearance is red that no conflicting group uses: it needs no aspect.
// CONTRACT  Pure. Valid for valid_from_ms <= t < valid_until_ms of the plan.
// NOT HERE  The guard and the oracle do not use this file: they would share its faults.
#pragma once

#include <stdint.h>

#include "engine/model/plan.h"

enum aspect {
    ASPECT_DARK,             // no lamp at all: the junction's signs rule
    ASPECT_RED,
    ASPECT_RED_YELLOW,       // about to be green; not used by plans, reported by some controllers
    ASPECT_GREEN,
    ASPECT_YELLOW,
    ASPECT_FLASHING_YELLOW,  // out of order: yield
    ASPECT_FLASHING_RED,     // out of order: stop, then yield
};

// The letter for logs and pictures: '-', 'r', 'u', 'G', 'y', 'o', 's'.
char aspect_letter(enum aspect aspect);

// The aspect of a group (within the plan's intersection) at t; and since when, as far as the plan knows
// (INT64_MIN when it shows red since before the plan's first green of the group). ret_since_ms may be NULL.
enum aspect lamp_aspect(const struct network *network, const struct plan *plan, int32_t group, int64_t t_ms,
                        int64_t *ret_since_ms);

// What a group shows.
struct lamp {
    enum aspect aspect;
    int64_t since_ms;        // as of lamp_aspect
    int64_t green_ms;        // start of its last green; INT64_MIN: none yet
};

// The same of all groups of the plan's intersection, whose yellows are told, from one look over its greens. Returns the
// first instant after t at which any of them may change under the plan, INT64_MAX when there is none.
int64_t lamp_aspects(const struct plan *plan, const int32_t *yellow_ms, int32_t group_count, int64_t t_ms,
                     struct lamp *ret);
