// network_check.h: what network_finish is made of: the promises of network.h, and the hashes.
//
// CONTRACT  network_check looks at every index before it uses it, so that any bytes in the arrays give a sentence and
//           never a crash, as long as the arrays have the lengths that their counts say. network_hash wants a network
//           that passed the check.
#pragma once

#include "engine/model/network.h"

// STATUS_RANGE with the first thing that is wrong.
MUST_USE enum status network_check(const struct network *network, const char *source, struct problem *ret);

// Fills every intersection's site_hash, then network.hash.
void network_hash(struct network *network);
