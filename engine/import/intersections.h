// intersections.h: every light program of a draft becomes an intersection with groups, stages, intergreens and its
// own program.
//
// THEORY    What is in the network already (roads, connections, foes) says what meets; the program says when. For
//           each program: groups (light.h), conflicts and yellows (conflicts.h), intergreens and missing time
//           (intergreens.h), stages (stages.h). The cycle is counted from the start of the first stage, which is the
//           coordinated one; the offset moves along, so that every lamp shows at every second what the file's program
//           shows.
//
//           A program whose letters are all free (light.h) makes no intersection: its junctions go by their signs.
// CONTRACT  See import.h. STATUS_LIMIT: too many groups, stages or phases; STATUS_SYNTAX: see conflicts.h.
#pragma once

#include "engine/import/import.h"
#include "engine/import/light.h"
#include "engine/import/program_parts.h"

// Fills intersections, groups, members, stages, intergreens and programs of the network, and the connections' groups.
MUST_USE enum status intersections_build(const struct network_draft *draft, const struct program_parts *parts,
                                         const struct light *lights, const int32_t *renumbered,
                                         const struct import_options *options, struct import_report *report,
                                         struct network *network, struct problem *problem);
