// paths.h: which connections meet, where on their paths, and who yields.
//
// THEORY    Two connections are foes when their paths come within a vehicle's width of each other (path_meet.h), or
//           when the file's right-of-way matrix says so; the matrix rules where it speaks of both. Connections of one
//           signal program in different junctions are foes where their centre lines cross. Ways that part from one
//           lane are no foes.
//
//           Who yields, in this order:
//             1. where the program shows both green and one of them the minor green (`g`, or off), that one;
//             2. the file's matrix;
//             3. the rule: the link of lesser priority; then U turn to left to right to through; then who does not come
//                from the right; between lanes of one link that become one, the lane at the kerb.
//           Exactly one of two foes yields, so that neither both wait for ever nor both go.
// CONTRACT  Fills network.foes and the foe ranges of all connections, sorted by connection, then by foe. Pure.
#pragma once

#include "engine/import/draft.h"

// renumbered[i]: index in the network of the draft's connection i, or INDEX_NONE where it was dropped.
void paths_find_foes(const struct network_draft *draft, const int32_t *renumbered, struct network *network);

// Whether the centre lines of two connections cross. Those that end on one link merge instead.
bool paths_cross(const struct network *network, const struct connection *a, const struct connection *b);
