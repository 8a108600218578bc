// group_parts.h: signal groups of single approaches, where that lets more of them go together.
//
// THEORY    A program that lets opposite approaches go side by side makes one group of them (light.h): whoever is in
//           the way of one of them is then in the way of the group. Apart they open stages that the program lacks: one
//           approach with its protected left turn, in place of both throughs and then both lefts.
//
//               four phases, eight parts    N S through · N S left · E W through · E W left
//               beside these sets           N through + left · S through + left · E ... · W ...
//
//           A group is parted where somebody may go with one of its parts who may not go with another. A part is an
//           approach, or several of which one yields to another: these begin and end together, since a left turner who
//           waits inside takes his own yellow for that of those he yields to.
// CONTRACT  Groups stay in the order of their first letters; none is parted where that makes more than GROUP_COUNT_MAX.
#pragma once

#include "engine/import/light.h"

// After paths_find_foes. renumbered[i]: index in the network of the draft's connection i, or INDEX_NONE.
void groups_part(const struct network_draft *draft, const struct program_parts *parts, const int32_t *renumbered,
                 const struct network *network, struct light *light);
