// city_plan.h: the plan of a generated city: where the intersections are and which streets join them. No lanes yet.
//
// THEORY    Rows and columns at uneven distances, bent and shaken, so that no two blocks are alike:
//
//                 B       B            N intersections row by row, the last row may be short;
//                 │       │            some streets are missing, so that crossings become T-junctions;
//             ════0═══════1═══2──B     border streets end outside at B.
//                 │       │   │
//             B───3───────┘   4        Every second to fourth line is an arterial, the others are
//                                      collectors: a line keeps its lanes and its speed from end to end.
//
//           A few streets of a town are a fine net. In a large city signals stand on its main streets alone, so the
//           distances between lines grow to 2.3 times as many from 200 to 1,300 intersections (to 600 m on average,
//           3 signals a square kilometre).
//
//           Streets are taken away only beside a spanning tree and only where both ends keep three legs: every
//           intersection is one, and all are joined.
// CONTRACT  The same (intersections, seed) give the same plan, on every machine: no libm, no order of addresses.
// OWNERSHIP plan_release frees.
// NOT HERE  Lanes, paths and lights (city_roads.h), traffic (city_trips.h).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/memory.h"
#include "engine/model/network.h"

#define CITY_LEG_COUNT 4               // a node's legs by where they lead: east, north, west, south
#define CITY_INTERSECTION_COUNT_MAX 200000

enum city_leg { LEG_EAST, LEG_NORTH, LEG_WEST, LEG_SOUTH };

struct city_node {
    struct point at;
    int32_t street[CITY_LEG_COUNT];    // in plan.streets, or INDEX_NONE
    int32_t row, column;               // of an intersection
    bool outside;                      // a border street ends here
};

// A street both ways; leg says on which side of `from` it lies, it is on the opposite side of `to`.
struct city_street {
    int32_t from, to;
    enum city_leg leg;
    bool arterial;
    int32_t lanes;                     // each way
    double speed_mps;
};

struct city_plan {
    uint64_t seed;
    double stretch;                    // of the distances between lines: large cities have signals farther apart
    int32_t intersection_count;        // nodes 0 .. intersection_count - 1; the rest lie outside
    int32_t row_count, column_count;
    LIST_OF(struct city_node) nodes;
    LIST_OF(struct city_street) streets;
};

void plan_create(int32_t intersection_count, uint64_t seed, struct city_plan *ret);
void plan_release(struct city_plan *plan);

// The node at the other end of a node's leg.
int32_t plan_across(const struct city_plan *plan, int32_t node, enum city_leg leg);

int32_t plan_leg_count(const struct city_plan *plan, int32_t node);
