// subnetwork.h: some links of a network and what lies between them, as a network of its own.
//
// THEORY    Kept are the links that are named with all their lanes, the connections from one of them to another, the
//           foes among these, the junctions that they touch, and the intersections that control any of them with all
//           their groups. Everything keeps its order, so what an index of the small network is in the large one stands
//           in an ascending table, and the way back is a search in it.
// CONTRACT  The small network holds what a street reads, no more: no names, stages, programs, detectors, cameras.
//           Nothing in it is proportional to the large network.
// OWNERSHIP subnetwork_release frees all of it; nothing of the large network is kept.
// NOT HERE  Vehicles (rollout.h).
#pragma once

#include "engine/model/network.h"

struct subnetwork {
    struct network network;
    int32_t *links, *lanes, *connections, *groups;   // by index of the small network: index in the large one
};

// links: in any order; named twice counts once.
void subnetwork_cut(const struct network *from, const int32_t *links, int32_t link_count, struct subnetwork *ret);
void subnetwork_release(struct subnetwork *sub);

// The place of `wanted` in an ascending table, or INDEX_NONE.
int32_t subnetwork_find(const int32_t *table, int32_t count, int32_t wanted);

// The links that lead to an intersection and those that lead away from it, ascending; at most count_max of them.
int32_t subnetwork_around(const struct network *network, struct intersection_id intersection, int32_t *ret_links,
                          int32_t count_max);
