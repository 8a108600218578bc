// stages.h: the stages of an intersection: the phases of its program that show green and no yellow.
//
// THEORY    Phases that show the same groups green are one stage, wherever they stand in the cycle: what runs now and
//           what may run next is a choice among sets, and the order of the program is kept by its greens, not by its
//           stages. A group that no such phase serves gets the longest phase that shows it green.
//           Derived stages: every largest set of groups of which no two conflict (maximal cliques of the graph of
//           compatible groups), after those of the program, which its own greens refer to. Groups are
//           parted for them (group_parts.h).
// CONTRACT  At least one stage, at most STAGE_COUNT_MAX, no two alike, each group in at least one.
#pragma once

#include "engine/import/intergreens.h"
#include "engine/import/signal_build.h"

// Appends the stages of the light to the build; first_stage is where they begin.
MUST_USE enum status stages_find(struct signal_build *build, const struct light *light, const struct timeline *timeline,
                                 const struct change_rules *rules, int32_t first_stage);

// The stage, counted from first_stage, of a green that starts with segment i: the first one from there on.
int32_t stage_of_start(const struct signal_build *build, const struct timeline *timeline, int32_t first_stage,
                       int32_t i);
