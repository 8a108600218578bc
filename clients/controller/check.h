// check.h: the controller's own rules over a course of greens. See player.h.
#pragma once

#include "clients/controller/player.h"

enum { SPANS_MAX = 96 };             // greens of one group that are looked at

// The greens of every group in order of time, joined where they touch.
struct course {
    struct { int64_t start_ms, end_ms; } spans[GROUPS_MAX][SPANS_MAX];
    int32_t count[GROUPS_MAX];
    bool too_many;
};

void course_clear(struct course *course);

// Adds one green, cut to [from, to). In order of time for each group.
void course_add(struct course *course, int32_t group, int64_t start_ms, int64_t end_ms);
void course_add_plan(struct course *course, const struct plan *plan, int64_t from_ms, int64_t to_ms);

// NULL, or the rule that is broken at or after from_ms. Greens that reach until_ms may go on beyond it.
const char *course_fault(const struct course *course, const struct cabinet *cabinet, int64_t from_ms, int64_t until_ms);
