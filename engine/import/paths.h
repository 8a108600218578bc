// paths.h: where the paths of connections meet inside a junction, and who yields there.
//
// THEORY    Each path is a polyline with the width of a vehicle. Two paths of one junction cross where their centre lines
//           come closer than a vehicle's width; they merge where they end on one lane. Where the file gives a
//           right-of-way matrix it rules; elsewhere: the link with the greater priority goes first, then through before
//           right before left before U turn (a left turn lets the opposing right turn go), then who comes from the right.
// CONTRACT  Fills network.foes and the foe ranges of all connections. Pure; order by connection.
#pragma once

#include "engine/import/draft.h"

// renumbered[i]: index in the network of the draft's connection i, or INDEX_NONE where it was dropped.
void paths_find_foes(const struct network_draft *draft, const int32_t *renumbered, struct network *network);
