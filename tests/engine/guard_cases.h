// guard_cases.h: random sites and, for each, random requests to the guard near the limits of its rules.
//
// THEORY    A case starts from a *course*: what the lamps really do. A walk through random stages makes one, each green
//           ending as early as its minimum allows and each next one starting as early as every clearance allows, often
//           to the quantum. Plans and reports are cut out of the course, and the candidate goes on from it where it
//           takes effect:
//
//             course    ─────────┼───────────────┼──────────────┼──────────────────▶
//                             playing         coming         candidate
//                                  report ↑        now ↑
//
//           So most untouched cases are acceptable, and a push by one quantum is enough to break a rule.
// CONTRACT  Same seed, same case.
// OWNERSHIP A case borrows its network and points into itself: it must not be moved.
#pragma once

#include <stdint.h>

#include "engine/guard/guard.h"

#define CASE_GREEN_COUNT_MAX 256
#define CASE_SITE_COUNT 4            // intersections of one random network

struct guard_case {
    struct plan candidate, playing, coming;
    struct green greens[3][CASE_GREEN_COUNT_MAX];   // of candidate, playing, coming
    struct controller_report report;
    struct guard_request request;
};

void case_network_make(uint64_t seed, struct network *ret);
void guard_case_make(const struct network *network, uint64_t seed, struct guard_case *ret);

// Disturbs one thing in the case, mostly by one quantum: a time of the candidate, its number, the report, the clock.
void guard_case_disturb(const struct network *network, uint64_t seed, struct guard_case *ret);

// Prints the case to standard error, for a person who has to find out why guard and oracle disagree.
void guard_case_print(const struct network *network, const struct guard_case *shown);
