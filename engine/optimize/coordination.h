// coordination.h: areas of intersections that share a cycle, and the offsets that make their green waves.
//
// THEORY    An *area* is a set of intersections joined by links on which platoons hold. Areas are laid out when a
//           network is loaded: the strongest links first (straight on, many lanes, short), named corridors before all,
//           up to AREA_MEMBER_COUNT_MAX members. At every tick
//
//             each member tells     its stages and greens, what its rows let go in them, and what each cycle of
//                                   CYCLE_OPTION_COUNT would cost it (once or twice round: half the cycle)
//             then its area says    the common cycle, its zero on the clock, and the member's offset
//
//             cycle    where the members' costs sum up to least; one option up or down each few minutes [Hunt1981]
//             offset   members are placed one after the other, each time the one with the greatest flow to those that
//                      are: so the found corridors come first, from their strongest link on. Then one after the other
//                      is shifted a little forth and back, as TRANSYT climbs its hill [Robertson1969], for ever:
//
//                        departures of the rows upstream ─▶ spread on the way ─▶ queue and stops at the line   own rows
//                        its own departures              ─▶ ...                                          rows it feeds
//
//                      and stays where delay and STOP_VEH_S for each stop are least. platoon.h has the profiles.
//
//           What no member sends is taken to arrive evenly.
// CONTRACT  A member writes its own part (coordination_tell) and reads its area's word of the tick before;
//           coordination_step, after all members have told, is called once per area, areas in any order or in parallel:
//           it reads and writes that area's members alone. No allocation after coordination_create.
// OWNERSHIP coordination_release frees; the network, the estimate's layout and the transitions are kept.
// NOT HERE  Greens (splits.h), how an offset is reached (coordinated.c).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/snapshot.h"
#include "engine/estimate/estimate.h"
#include "engine/optimize/compose.h"
#include "engine/optimize/platoon.h"
#include "engine/optimize/splits.h"

#define AREA_MEMBER_COUNT_MAX 32
#define CYCLE_OPTION_COUNT 16
#define CYCLE_OPTION_MS 8000          // between two options
#define CYCLE_OPTION_MS_MIN 40000

struct member {
    // told by the member
    int64_t told_ms;                  // the tick at which it told last; 0: it takes no part
    int32_t stage_count, cycle_ms;    // of its own round: the area's cycle, or half of it
    int32_t start_ms[SPLITS_STAGE_COUNT_MAX], green_ms[SPLITS_STAGE_COUNT_MAX];
    float cost_veh[CYCLE_OPTION_COUNT];   // INFINITY: it cannot
    uint32_t halves;                  // options (bits) in which it would rather go round twice
    // said by the area
    int32_t area;
    bool placed;                      // offset_ms is worth something
    int32_t offset_ms;                // of the start of its first stage against the area's zero
};

struct area {
    int32_t first_member, member_count;   // in coordination.order
    int32_t option;                   // of the cycle; INDEX_NONE: none yet
    int64_t zero_ms;                  // a start of the common cycle
    int64_t review_ms;                // when the cycle is looked at next; 0: not before somebody told
    int64_t shift_ms;                 // when the next member is shifted
    int32_t next;                     // and which
};

struct coordination {
    const struct network *network;
    const struct approaches *approaches;
    const struct transitions *transitions;
    struct member *members;           // one per intersection
    struct area *areas;
    int32_t area_count;
    int32_t *order;                   // intersections by area
    int32_t *first_fed, *fed;         // per intersection: links of its area whose rows its movements feed
    float *link_weight;               // per link: greater on a named corridor
    float *flow_vps;                  // per row and stage of the told round
    float *leaving;                   // per row: its departures by bin of the area's cycle
};

void coordination_create(struct coordination *coordination, const struct estimate *estimate,
                         const struct transitions *transitions);
void coordination_release(struct coordination *coordination);

static inline int32_t cycle_option_ms(int32_t option)
{
    return CYCLE_OPTION_MS_MIN + option * CYCLE_OPTION_MS;
}

// The intersection's round: stages and greens of `timing`, which takes cycle_ms, and what its rows let go.
void coordination_tell(struct coordination *coordination, int32_t intersection, const struct timing *timing,
                       const struct splits_input *in, int64_t now_ms);

// The area's cycle, 0 while there is none.
int32_t coordination_cycle_ms(const struct coordination *coordination, int32_t intersection);

void coordination_step(struct coordination *coordination, int32_t area, const struct estimate *estimate,
                       int64_t now_ms);

// Delay and stops, in vehicles, of an area with the offsets as they are: what the hill is climbed by.
double coordination_price(const struct coordination *coordination, int32_t area, const struct estimate *estimate);

// Walks over what changes from tick to tick (engine/base/snapshot.h).
void coordination_snapshot(struct coordination *coordination, struct snapshot_walk *walk);
