// regions.h: a city cut into regions of its own, so that several daemons can lead it.
//
// THEORY    Regions should be compact (few roads cross a border) and alike in size (each is one machine's work).
//           Recursive coordinate bisection [Berger1987] gives both: the set of intersections is cut across its longer
//           side at the place that parts it in proportion to the regions that either half is to become.
// CONTRACT  Same network and number, same regions. Names R0, R1, ... in the order of the cuts.
// OWNERSHIP The network is changed in place, and finished anew.
// NOT HERE  Who leads a region (engine/serve), what crosses its border (engine/estimate/boundary.h).
#pragma once

#include "engine/model/network.h"

#define REGION_COUNT_MAX 64           // as many as can be led apart

// STATUS_RANGE: fewer than one intersection a region, or more regions than there can be; nothing is changed.
MUST_USE enum status regions_cut(struct network *network, int32_t count, const char *source, struct problem *problem);
