// course.h: where the lamps stand when a candidate takes effect, and whether it may go on from there.
//
// THEORY    A tail is what a group has behind it at an instant. It starts from the report and is carried through the
//           plans that the controller may be playing:
//
//             report      running plan(s)            candidate
//           ─────┼─────────────────────────────────┼──────────────▶ t
//              time_ms     tails_carry          valid_from
//           tails_from_report                   change_check
//
//           Where the report and the running plan agree within one quantum, the plan's times count: that is what the
//           controller plays. Where they differ by more, the worse of both counts: for a green its later start, for a
//           red its later beginning (intergreens) and its earlier beginning (maximum red).
// CONTRACT  Pure. tails have group_count rows.
// NOT HERE  Which plans may be running (guard.c).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/guard/laid_plan.h"

struct tail {
    bool lit;                        // green up to the instant
    int64_t start_ms;                // lit: of that green, at the latest
    int64_t end_ms, end_ms_earliest; // else: of the last green, at the latest and at the earliest
};

// The tails at the report's time. false when an aspect in the report is not what the plan shows within one quantum of
// that time; *ret_group is the group then.
bool tails_from_report(const struct guarded_site *site, const struct laid_plan *playing,
                       const struct controller_report *report, struct tail *tails, int32_t *ret_group);

// Plays the plan from one instant to another. Lamps that differ from the plan's at from_ms change there.
void tails_carry(const struct guarded_site *site, const struct laid_plan *laid, int64_t from_ms, int64_t to_ms,
                 struct tail *tails);

// I10 and I7 of a candidate that follows on the tails at its valid_from; before is the plan that runs until then.
// Groups that the request says are idle are free of I7 in a rolling plan.
enum guard_rule change_check(const struct guarded_site *site, const struct laid_plan *candidate,
                             const struct laid_plan *before, const struct tail *tails,
                             const struct guard_request *request, struct guard_refusal *refusal);

// The same of a hand-over plan, which follows on nothing.
enum guard_rule entry_check(const struct guarded_site *site, const struct laid_plan *candidate,
                            const struct guard_request *request, struct guard_refusal *refusal);

// The longest red of a group: the second limit in an emergency, of a rolling plan alone.
int32_t red_ms_limit(const struct guarded_group *group, const struct laid_plan *candidate,
                     const struct guard_request *request);
