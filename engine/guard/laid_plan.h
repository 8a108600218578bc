// laid_plan.h: a plan whose form is sound, laid out so that the guard can ask for the greens of a group in time.
//
// THEORY    laid_plan_read takes any bytes. Once it has passed a plan, every index in it is in range, its greens stand
//           in order and apart, and no sum of its times can overflow.
//
//             cyclic    position of t in the cycle = (t - base) mod cycle; a green has one start in every cycle, also
//                       before valid_from and after valid_until
//             rolling   each green once
// CONTRACT  Pure. Spans are absolute times, [start_ms, end_ms).
// OWNERSHIP A laid plan borrows the plan.
// NOT HERE  Rules between groups, and between plans (guard.c).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/guard/guarded_site.h"

#define TIME_MS_MAX (INT64_C(1) << 52)   // absolute times beyond are not times: year 142,000

struct span { int64_t start_ms, end_ms; };

struct laid_plan {
    const struct green *greens;          // sorted by (group, start_ms)
    int64_t base_ms, from_ms, until_ms;
    int32_t cycle_ms;                    // 0: rolling
    int16_t first[GROUP_COUNT_MAX + 1];  // group g has greens[first[g] .. first[g + 1] - 1]
    uint64_t present;                    // groups that have a green
    uint64_t endless;                    // groups that are green all round the cycle: they never start nor end
};

// GUARD_PASSED and the layout, or the first fault of form: malformed, I8, I9, I12 (an empty validity) or I3 (a green
// that cuts the yellow of the one before it short).
enum guard_rule laid_plan_read(const struct guarded_site *site, int64_t reference_ms, const struct plan *plan,
                               struct laid_plan *ret, struct guard_refusal *refusal);

// The last green of the group that starts before t; false when there is none.
bool span_before(const struct laid_plan *laid, int32_t group, int64_t t_ms, struct span *ret);

// Start of the first green of the group that starts at or after t; INT64_MAX when there is none.
int64_t start_from(const struct laid_plan *laid, int32_t group, int64_t t_ms);
