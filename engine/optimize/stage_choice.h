// stage_choice.h: which stages a cycle may be made of, and what bounds it.
//
// THEORY    A site offers more stages than a cycle needs. A stage *serves* a group where the group goes protected in
//           it, or where no stage of the site protects it: a queue of permissive left turns that has a stage of its own
//           cannot rely on gaps. A cycle's stages must together serve every group that any stage shows. They go round
//           in the site's order, or in the order in which its own program shows them, the coordinated one first.
// CONTRACT  Pure; reads the view's network alone.
// OWNERSHIP The caller owns all.
// NOT HERE  How long each is green (webster.h, splits.h).
#pragma once

#include <stdint.h>

#include "engine/optimize/strategy.h"

// Per stage of the intersection: the groups that it serves. ret_serves has room for STAGE_COUNT_MAX.
void stages_serve(const struct view *view, uint64_t *ret_serves);

// The least green of a stage that shows these groups: their greatest minimum green.
int32_t stage_green_ms_min(const struct view *view, uint64_t groups);

// The longest cycle in which no required group with its minimum green is red beyond its maximum.
int32_t cycle_ms_bound(const struct view *view, uint64_t required);

// Fills stage_count and stage[]: a set's stages (bits) in the site's order, the coordinated one first; and the
// program's stages in the order in which it shows them.
void stages_of_set(const struct intersection *at, uint32_t set, struct timing *timing);
void stages_of_program(const struct view *view, struct timing *timing);
