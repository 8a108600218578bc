// plan.h: what a signal controller is asked to show, from when until when.
//
// THEORY    A plan lists, for each signal group of one intersection, the greens: [start, end) in ms after base_ms.
//           Yellow, red clearance and red follow from the end of a green and from the site (lamp.h).
//
//           cyclic    repeats for ever: a green shows whenever the cycle position (t - base_ms) mod cycle_ms lies in
//                     it. base_ms = the network's reference instant + offset_ms, the start of the coordinated
//                     stage. 0 <= start < cycle, start < end <= start + cycle (it may pass the wrap).
//           rolling   once. Lists every green from the *last* green of each group before valid_from (so that the
//                     yellow it leaves behind is known) to valid_until. start may be negative. The last green of a
//                     group may end at valid_until: what comes then is another plan's or the fallback's business.
//
//           When a plan takes effect. A controller plays its running plan until the new plan's valid_from_ms and the
//           new one from that instant on; one that comes later than its valid_from_ms is refused (STALE) and asked
//           for again. So the instant of the change is one, whenever the message arrives before it. The guard
//           accepts a plan only if, for each plan that may be running, the joined course of every group obeys all
//           rules, and every yellow that is still showing at the change is the same in both.
//
//             running   ██████████████▒▒▒······        █ green  ▒ yellow  · red
//             new                    |▒▒▒····███████
//                                    valid_from
//
//           Hand-over. A plan with handover = true makes no claim about what was before: all its groups are red
//           at valid_from_ms but those that start there. The controller, in whatever mode it was, ends its greens by
//           its own clearance so that all intergreens to those starts are kept, and enters at valid_from_ms; if there
//           is too little time it refuses. valid_from_ms - now must be at least the site's hand-over time
//           (plan_handover_ms). The only kind that is sent to a controller that has not reported for 3 s, or is in
//           flash, manual, pre-emption or fallback. [SAFETY.md I16]
// CONTRACT  Pure data. Every time is a multiple of the site's quantum.
// OWNERSHIP greens points to memory of whoever made the plan; see each maker.
// NOT HERE  What is safe (engine/guard).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/model/network.h"

#define PLAN_GREEN_COUNT_MAX 512      // of one plan, over all groups

enum plan_kind { PLAN_CYCLIC, PLAN_ROLLING };

// Totally ordered: number, then daemon, then sequence. Only rises.
struct plan_version {
    uint32_t epoch;                   // of the leadership, from 1
    uint32_t daemon;                  // id of the daemon that leads
    uint32_t sequence;                // within the epoch, from 1; per intersection
};

// < 0, 0, > 0 as a is older than, equal to, newer than b.
int plan_version_compare(struct plan_version a, struct plan_version b);

struct green {
    int32_t start_ms, end_ms;         // after base_ms
    int16_t group;                    // within the intersection
    int16_t stage;                    // within the intersection: the stage it belongs to at its start
};

// Why this plan: what the strategy saw. Zero where a strategy has nothing to say.
enum reason_kind {
    REASON_NONE,
    REASON_PROGRAM,                   // the network's own program
    REASON_SPLITS,                    // new cycle and splits; now_value = flow ratio sum in 1/1000
    REASON_STAY,                      // the current stage goes on: now_value >= best_value
    REASON_SWITCH,                    // another stage is worth more
    REASON_MINIMUM,                   // held by a minimum green or a transition
    REASON_MAXIMUM,                   // ended by a maximum green or a maximum red
    REASON_GAP,                       // a gap ended the green (actuated)
    REASON_OVERRIDE,                  // an operator asked
    REASON_PRIORITY,                  // a priority request
    REASON_FALLBACK,                  // the daemon has nothing better than the fallback
};

struct plan_reason {
    enum reason_kind kind;
    int32_t stage;                    // the stage that was chosen, within the intersection
    int32_t now_value;                // worth of staying, in the strategy's own unit
    int32_t best_value;               // worth of the chosen stage
};

struct plan {
    int32_t intersection;
    enum plan_kind kind;
    bool handover;
    struct plan_version version;
    uint64_t site_hash;
    int64_t base_ms;
    int64_t valid_from_ms, valid_until_ms;
    int32_t cycle_ms, offset_ms;      // cyclic only, else 0
    int32_t coordinated_stage;        // cyclic only, else INDEX_NONE
    int32_t fallback;                 // id of the fallback table that the controller must hold; 0: its built-in program
    struct plan_reason reason;
    int32_t green_count;
    const struct green *greens;       // sorted by (group, start_ms)
};

// The longest time a controller may need to leave any state by its own clearance:
// greatest minimum green + greatest intergreen (or yellow and red clearance), rounded up to the quantum.
int32_t plan_handover_ms(const struct network *network, struct intersection_id intersection);

// The network's own program of an intersection as a cyclic plan, valid for ever, version 0. greens must have room for
// PLAN_GREEN_COUNT_MAX and is what ret->greens points to.
void plan_from_program(const struct network *network, struct intersection_id intersection, struct green *greens,
                       struct plan *ret);

// Whether the group (within the intersection) is green at t under the plan; and the stage of the plan at t: that of the
// green that started last, INDEX_NONE before the first.
bool plan_green_at(const struct plan *plan, int32_t group, int64_t t_ms);
int32_t plan_stage_at(const struct plan *plan, int64_t t_ms);

// The last green of the group that starts at or before t: absolute start and end. false when there is none.
bool plan_last_green(const struct plan *plan, int32_t group, int64_t t_ms, int64_t *ret_start_ms, int64_t *ret_end_ms);

// Same course from t on: kind, base, cycle and greens that end after t. Version, validity and reason do not count.
bool plan_same_course(const struct plan *a, const struct plan *b, int64_t t_ms);

// Copies the plan and its greens; greens must have room for from->green_count.
void plan_copy(const struct plan *from, struct green *greens, struct plan *ret);
