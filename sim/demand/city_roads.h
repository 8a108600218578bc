// city_roads.h: a plan with lanes, paths and lights on it: the draft that engine/import derives a network from.
//
// THEORY    Each street is a link each way, with right-hand traffic. Where left turners need a place of their own the
//           link is cut, and its last part has one lane more, at the left; the two parts meet at a junction without
//           rules:
//
//              ═════════════════════╗ U ╔═══════ pocket ═══║
//                upstream link   ──▶║   ║──▶ 1 to 3 lanes   ║ stop line
//              ═════════════════════╝   ╚══════════════════║
//
//           Right turners use the kerb lane, left turners the leftmost. How the stages share the time depends on what
//           meets:
//
//              four legs, two arterials     4 stages: through, protected left, of each axis
//              four legs, one arterial      3 stages with its left protected, or 2 with all left turns yielding
//              four legs, no arterial       2 stages, left turns yield
//              three legs                   main street and stem; on an arterial the left turn has a stage of its own
//
//           Where the drawn angles would let two left turns of one stage cross, each approach gets its own stage.
//
//           Phases stand for stages only: yellow, red clearance and intergreens are derive_signals' own, and the times
//           are set later from the flows (city_timing.h).
// CONTRACT  Same plan, same draft. Links of a draft keep their indices in the network.
// OWNERSHIP roads_release frees all but the draft that was taken out.
// NOT HERE  Pedestrians: their clearance would have to be part of the stages.
#pragma once

#include "engine/import/draft.h"
#include "sim/demand/city_plan.h"

// What leads to and from a node on one of its legs: link indices, INDEX_NONE without a leg.
struct city_approach {
    int32_t arrives;                   // the link that ends at the node's stop line
    int32_t upstream;                  // the link that begins at the other end: == arrives without a pocket
    int32_t leaves;                    // the first link of the way out
};

struct city_roads {
    struct network_draft draft;
    struct city_approach (*approaches)[CITY_LEG_COUNT];   // by node of the plan
    int32_t pocket_count, stage_counts[5];                // for the summary: how many have 2, 3, 4 stages
};

void roads_create(const struct city_plan *plan, struct city_roads *ret);
void roads_release(struct city_roads *roads);
