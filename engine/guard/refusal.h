// refusal.h: how the files of the guard say no.
//
// CONTRACT  refuse() writes *ret and gives the rule, so that a check can end with `return refuse(...)`.
#pragma once

#include <stdint.h>

#include "engine/guard/guard.h"

// needed and found are cut to what an int32_t holds.
enum guard_rule refuse(struct guard_refusal *ret, enum guard_rule rule, int32_t group, int32_t other_group,
                       int64_t at_ms, int64_t needed_ms, int64_t found_ms);

// The same without groups.
enum guard_rule refuse_plan(struct guard_refusal *ret, enum guard_rule rule, int64_t at_ms, int64_t needed_ms,
                            int64_t found_ms);
