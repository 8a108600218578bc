// conflicts.h: which groups of an intersection must never be green together, their yellows, and what the profile asks.
//
// THEORY    Groups with paths that meet conflict, unless the program shows them green together: then the one that
//           yields is permissive. Nobody yields where both have the major green: an error where the centre lines
//           cross in one junction, a warning where they end on one link, only come close, or lie in different
//           junctions, whose areas a file may draw over each other.
//
//           Profile (German): yellow 3, 4, 5 s at up to 50, 60, 70 km/h. Intergreen tü + (s_clear + l) / v_clear -
//           s_enter / v_enter with tü = 3 s and v_clear = 10 m/s for through traffic, 2 s and 7 m/s for turning
//           traffic, l = 6 m, v_enter = 11.1 m/s (40 km/h); on foot 1.2 m/s over the whole crossing [RiLSA2015].
// CONTRACT  STATUS_SYNTAX names intersection, phase and letters of crossing paths that both have the major green.
#pragma once

#include "engine/import/intergreens.h"
#include "engine/import/signal_build.h"

// Fills all of ret but the intergreens. The groups of the light are the last ones of the build.
MUST_USE enum status conflicts_find(struct signal_build *build, const struct light *light,
                                    const struct timeline *timeline, struct change_rules *ret);
