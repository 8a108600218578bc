// guard.h: the last word. No plan leaves that breaks a safety rule.
//
// THEORY    The guard holds its own integer copy of each site's safety data, taken from the network at load. To judge
//           a candidate it lays the lamps' course out as plain intervals: what the controller last reported, then each
//           plan that it may be running up to the candidate's valid_from, then the candidate; for a cyclic plan far
//           enough past the wrap that every pair of greens has met. On this course it checks each rule (guard_rule).
// CONTRACT  Pure, integers only, no allocation after guard_create. A candidate is untrusted data: any bytes in it are
//           refused, never a crash. In doubt it refuses.
// OWNERSHIP guard_create gives, guard_release takes. Nothing of a request is kept.
// NOT HERE  Code of the optimizer or of lamp.c: a shared fault would pass unseen.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/model/controller.h"
#include "engine/model/plan.h"

// Names of the rules are those of the safety table in docs/safety.md.
enum guard_rule {
    GUARD_PASSED = 0,
    GUARD_I1_SITE,             // the site's own data is contradictory
    GUARD_I2_CONFLICT,         // conflicting groups green together, or green against yellow
    GUARD_I3_YELLOW,           // a yellow outside 3.0 .. 6.0 s or cut short
    GUARD_I4_RED_CLEARANCE,
    GUARD_I5_INTERGREEN,
    GUARD_I6_MINIMUM_GREEN,
    GUARD_I7_MAXIMUM_RED,
    GUARD_I8_SUMS,             // cycle, offset, quantum, order or range of times
    GUARD_I9_ONE_ASPECT,       // greens of one group overlap
    GUARD_I10_CHANGE,          // the change from a plan that may be running
    GUARD_I12_VERSION,         // another site, an older version, an expired or far-off validity
    GUARD_I16_REPORT,          // no fresh report, and the plan is not a hand-over
    GUARD_MALFORMED,           // the plan is not one
    GUARD_RULE_COUNT,
};

// Bounds of I12 and I16. A plan may begin this far ahead and be valid this long; a report may be this old, and, since
// clocks differ, this far ahead of ours.
#define GUARD_AHEAD_MS_MAX 600000
#define GUARD_ROLLING_MS_MAX 600000
#define GUARD_CYCLIC_MS_MAX 86400000
#define GUARD_REPORT_AGE_MS_MAX 3000
#define GUARD_CLOCK_MS_MAX 1000

struct guard;

struct guard_request {
    const struct plan *candidate;
    const struct plan *running[2];           // each plan the controller may play until the candidate takes effect:
    int running_count;                       // the one it reported, and one that was sent and not yet reported
    const struct controller_report *report;  // the last one, or NULL
    int64_t now_ms;
    uint64_t idle;                           // groups (bits) that nobody asks for, as healthy detectors tell: a rolling
                                             // plan may leave them red (I7). 0: all are asked for
    bool emergency;                          // an emergency vehicle comes or has just passed: a rolling plan may leave
};                                           // groups red up to their second limit (I7)

// Why not: the rule, the groups (within the intersection) and the numbers that a person needs to see.
struct guard_refusal {
    enum guard_rule rule;
    int32_t group, other_group;              // or INDEX_NONE
    int64_t at_ms;                           // when, absolute
    int32_t needed_ms, found_ms;             // what the rule asks and what the plan has
};

// Takes a copy of the safety data of all intersections. STATUS_REFUSED when a site breaks I1 or I3, with its name.
MUST_USE enum status guard_create(const struct network *network, struct guard **ret, struct problem *problem);
void guard_release(struct guard *guard);

// GUARD_PASSED, or the first rule that is broken with the details in *ret (may be NULL).
enum guard_rule guard_check(const struct guard *guard, const struct guard_request *request,
                            struct guard_refusal *ret);

// "I5 intergreen", static storage; and a sentence about a refusal into text.
const char *guard_rule_name(enum guard_rule rule);
void guard_explain(const struct network *network, int32_t intersection, const struct guard_refusal *refusal,
                   char *text, int32_t text_bytes);
