// guarded_site.h: the guard's own copy of one intersection's safety data, and whether that data can be trusted.
//
// THEORY    Everything that a check needs, in one place and in integers. A site that contradicts itself is refused at
//           load, so that no check ever has to ask whether its own numbers make sense.
// CONTRACT  guarded_site_fault is pure. A copy of a site without a fault fulfils: intergreen[i][j] >= yellow[i] for
//           every conflicting pair, conflicts symmetric, every duration at most DURATION_MS_MAX.
// OWNERSHIP groups and intergreen_ms are borrowed from the guard that holds all sites.
// NOT HERE  Plans.
#pragma once

#include <stdint.h>

#include "engine/guard/guard.h"

#define DURATION_MS_MAX 3600000     // of anything but a red: no intersection has an intergreen of an hour
#define YELLOW_MS_MIN 3000          // of vehicles [SAFETY.md I3]
#define YELLOW_MS_MAX 6000

struct guarded_group {
    uint64_t conflicts;             // bit j: conflicts with group j
    enum group_kind kind;
    int32_t green_ms_min, red_ms_max;
    int32_t red_ms_max_emergency;   // >= red_ms_max
    int32_t yellow_ms;
    int32_t clearance_ms;           // yellow and red clearance
};

struct guarded_site {
    uint64_t hash;
    uint64_t served;                // groups that are in a stage of the site
    int32_t group_count, stage_count;
    int32_t quantum_ms;
    int32_t cycle_ms_min, cycle_ms_max;
    int32_t handover_ms;            // least time before a hand-over: greatest minimum green + greatest clearance
    const struct guarded_group *groups;
    const int32_t *intergreen_ms;   // group_count x group_count, row = the one that ends; -1: no conflict
};

static inline int32_t site_intergreen_ms(const struct guarded_site *site, int32_t from, int32_t to)
{
    return site->intergreen_ms[from * site->group_count + to];
}

// The first fault of an intersection's safety data: the rule, the groups and the numbers; GUARD_PASSED without one.
enum guard_rule guarded_site_fault(const struct network *network, const struct intersection *at,
                                   struct guard_refusal *ret);

// Copies the data of an intersection without a fault. groups and intergreen_ms have room for it.
void guarded_site_copy(const struct network *network, const struct intersection *at, struct guarded_group *groups,
                       int32_t *intergreen_ms, struct guarded_site *ret);
