// webster.h: cycle and splits of one isolated intersection from its flows.
//
// THEORY    Stage i has critical flow ratio y[i]: arrivals over saturation flow of its busiest row. With Y = sum of y
//           and lost time L per cycle, the mean delay of random arrivals is lowest near
//
//                      1.5 L + 5 s
//                 C = -------------      and the effective green C - L is shared in the ratio of the y[i].
//                 [Webster1958]
//                         1 - Y
//
//           Near Y = 1 the formula runs away; the cycle is held to the site's limits. Each stage gets at least its
//           minimum green, taken from the others in proportion.
//
//           The site may offer more stages than are needed. Of all sets of stages that serve every group, the one
//           with the shortest C is taken: it needs least flow ratio and least lost time together.
// CONTRACT  Pure: no I/O, clock, allocation or global. Same input, same bits out.
// OWNERSHIP The caller owns all; nothing is kept.
// NOT HERE  Where flows come from (estimate.h), offsets.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"
#include "engine/model/network.h"

#define WEBSTER_STAGE_COUNT_MAX 16

struct webster_input {
    int32_t stage_count;                              // 1 .. WEBSTER_STAGE_COUNT_MAX
    double flow_ratio[WEBSTER_STAGE_COUNT_MAX];       // y >= 0, finite
    int32_t green_ms_min[WEBSTER_STAGE_COUNT_MAX];    // least green of each stage, >= 0
    int32_t lost_ms;                                  // L, per cycle, >= 0
    int32_t cycle_ms_min, cycle_ms_max;               // site limits, inclusive, > 0
    int32_t quantum_ms;                               // greens are multiples of it
};

struct webster_result {
    int32_t cycle_ms;                                 // greens + lost time
    int32_t green_ms[WEBSTER_STAGE_COUNT_MAX];
    bool oversaturated;                               // Y >= 1: queues grow at any cycle
};

// STATUS_RANGE when a field breaks its comment, STATUS_INFEASIBLE when the minimum greens and the lost time do not fit
// into the longest cycle; *ret is then untouched.
MUST_USE enum status webster_solve(const struct webster_input *in, struct webster_result *ret);

// What a choice of stages is judged by.
struct webster_groups {
    int32_t group_count;
    double flow_ratio[GROUP_COUNT_MAX];               // y of each group
    uint64_t required;                                // groups that must be green once a cycle
};

// Shares the groups' flow ratios out to the stages of a set: a group that several stages serve asks only for what the
// others' greens leave over. Returns Y.
double webster_stage_ratios(const struct webster_groups *groups, const uint64_t *stage_groups, int32_t stage_count,
                            double *ret_ratio);
