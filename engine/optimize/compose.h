// compose.h: plans made of stages: hold this one, go to that one, enter at this one, go round these.
//
// THEORY    The lamps at the instant `at` at which a new plan takes effect follow from the plan that runs until then:
//           for each group its last green. A rolling plan repeats these (so that the yellow they leave behind is known)
//           and goes on from there:
//
//             hold     groups of the stage    ██████████████████████████▶ valid_until
//             switch   only in the old stage  ██████▒▒▒·················      leave: minimum greens served
//                      ... and one more       ████████▒▒▒···············      where nobody starts later for it
//                      in both                ██████████████████████████▶
//                      only in the new one    ···········███████████████▶     each as soon as every yellow, and the
//                      ... and one more       ·············█████████████▶     intergreens to itself, are over
//                                             at    leave  enter
//
//           Where one signal has several junctions, and the link from one to the next is too short to hold a vehicle
//           (engine/model/inside.h), who comes last from the first junction's line would have to stand inside it, in
//           the way of whoever goes next. So the group at the end of such a link *trails*: it ends later than those
//           that feed the link, by the time that it takes to get there.
//
//           A stage is entered when its last group is. A rolling plan is valid HOLD_MS on, so that a controller that
//           hears no more falls back by itself. A cyclic plan goes round the stages of a timing; a group that is in
//           two stages in a row stays green between them.
// CONTRACT  Pure, integers only. Every plan made here keeps intergreens, yellows, minimum greens and the quantum of the
//           network if the plan it goes on from does; the guard decides all the same.
// OWNERSHIP Plans borrow the greens that the caller hands in.
// NOT HERE  Which stage and when (strategies), what to do with a decision (conduct.h).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/model/controller.h"
#include "engine/model/network.h"
#include "engine/model/plan.h"

#define HOLD_MS 120000                // how long a rolling plan is valid
#define CYCLIC_VALID_MS 900000        // how long a cyclic plan is valid
#define TIMING_STAGE_COUNT_MAX 16

// How much longer a group stays green than the stage that it ends with, where one of its feeders was green in that
// stage.
struct trail {
    int32_t ms;                       // a multiple of the quantum; 0: not at all
    uint64_t feeders;                 // groups of the intersection that let vehicles onto its links
};

// Least time from the end of one stage to the start of another, all stages of all intersections; a table because
// searches ask for it all the time.
struct transitions {
    const struct network *network;
    int32_t *first;                   // per intersection: where its stage_count x stage_count table starts
    int32_t *ms;
    int32_t *first_lead;              // likewise: stage_count x stage_count x group_count
    uint8_t *lead_s;                  // whole seconds by which a group starts before the stage
    struct trail *trails;             // one per signal group of the network
    bool *locks;                      // one per stage of the network: it may lock up (engine/model/inside.h), and
                                      // others serve all its groups
};

void transitions_create(struct transitions *transitions, const struct network *network);
void transitions_release(struct transitions *transitions);

static inline int32_t transition_ms(const struct transitions *transitions, int32_t intersection, int32_t from,
                                    int32_t to)
{
    int32_t count = transitions->network->intersections[intersection].stage_count;
    return transitions->ms[transitions->first[intersection] + from * count + to];
}

// Of each group of the intersection, how many seconds before the stage it starts when the change is from another.
static inline const uint8_t *group_leads_s(const struct transitions *transitions, int32_t intersection, int32_t from,
                                           int32_t to)
{
    const struct intersection *at = &transitions->network->intersections[intersection];
    return transitions->lead_s + transitions->first_lead[intersection]
        + (from * at->stage_count + to) * at->group_count;
}

static inline bool stage_locks(const struct transitions *transitions, int32_t intersection, int32_t stage)
{
    return transitions->locks[transitions->network->intersections[intersection].first_stage + stage];
}

// The lamps of an intersection at an instant, as the plan that runs until then leaves them.
struct lamps {
    int32_t intersection;
    int64_t at_ms;
    int32_t stage;                    // whose groups are exactly those that are green; INDEX_NONE during a change
    int64_t stage_start_ms;           // when the last of them started
    uint64_t green;                   // groups that are green at at_ms, and were before
    int64_t start_ms[GROUP_COUNT_MAX], end_ms[GROUP_COUNT_MAX];   // last green; INT64_MIN: none known
    int16_t from_stage[GROUP_COUNT_MAX];                          // the stage in which it started
};

// Reads the lamps at at_ms from the plan that runs until then.
void lamps_read(const struct network *network, const struct plan *plan, int64_t at_ms, struct lamps *ret);

// Of groups that the controller shows red for longer than the plan says, its word counts: a cyclic plan's greens from
// before it began never showed.
void lamps_believe(const struct network *network, const struct controller_report *report, struct lamps *lamps);

// Earliest time >= at at which the stage may be left for another: the minimum greens of the groups that end.
int64_t lamps_leave_ms(const struct network *network, const struct lamps *lamps, int32_t to_stage);

// A cyclic timing: stages in order, the coordinated one first, and the green of each.
struct timing {
    int32_t stage_count;
    int32_t stage[TIMING_STAGE_COUNT_MAX];
    int32_t green_ms[TIMING_STAGE_COUNT_MAX];   // lamp green from the stage's start to its end, before the transition
    int32_t revision;                           // rises when anything changes; > 0
};

int32_t timing_cycle_ms(const struct transitions *transitions, int32_t intersection, const struct timing *timing);

// Both are valid for HOLD_MS from the last start, but not beyond until_ms, the first maximum red of a group outside.
void compose_hold(const struct network *network, const struct lamps *lamps, int64_t until_ms, struct green *greens,
                  struct plan *ret);

// Until when that plan would be valid.
int64_t compose_hold_until_ms(const struct network *network, const struct lamps *lamps, int64_t until_ms);
void compose_switch(const struct transitions *transitions, const struct lamps *lamps, int32_t to_stage,
                    int64_t until_ms, struct green *greens, struct plan *ret);

// Enters the stage at from_ms out of any state.
void compose_handover(const struct network *network, int32_t intersection, int32_t stage, int64_t from_ms,
                      int64_t until_ms, struct green *greens, struct plan *ret);

// Goes round the timing for ever; its first stage starts at base_ms (and every cycle before and after).
void compose_cyclic(const struct transitions *transitions, int32_t intersection, const struct timing *timing,
                    int64_t base_ms, int64_t from_ms, struct green *greens, struct plan *ret);

// The most greens that any of these plans can have.
int32_t compose_green_count_max(const struct network *network, struct intersection_id intersection);

// Whether the change from one plan to the other at at_ms changes no lamp at that instant: the same groups are green
// (or start just then, out of a finished red), and every yellow that shows is the same in both; and whether no green is
// cut below its minimum nor an intergreen by what follows.
bool compose_meets(const struct network *network, const struct plan *running, const struct plan *next, int64_t at_ms);

// Whether every group that is green under the plan at at_ms starts at that instant, as a hand-over must.
bool compose_enters_clean(const struct network *network, const struct plan *plan, int64_t at_ms);
