// wild_run.h: some minutes of a street in a wild town (wild_town.h), its laws watched at every step (street_laws.h).
//
// THEORY    With plans two towns of three have stops, every second one incidents; without, none has. Wider ones have
//           both, and more (wild_wider.h). Every fourth is saved half way, loaded into a second street of several
//           threads or with a drawn sharing, and both go on: at the end they must be the same, byte for byte.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/street_laws.h"

enum wild_kind { WILD_PLAIN, WILD_PLANS, WILD_WIDER };

// Returns whether all laws held; else *ret_text says which did not. The seed decides all: town, trips, types, step.
// Adds what was counted to *counts.
bool wild_run(uint64_t seed, enum wild_kind kind, struct laws_counts *counts, char *ret_text, int32_t text_bytes);
