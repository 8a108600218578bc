// strategy.h: what a strategy is, and the one table that lists them.
//
// THEORY    At every tick a strategy looks at one intersection and says what it wants there: a stage now, a cycle of
//           stages, the network's own program, or nothing new. It neither builds plans nor minds intergreens, minimum
//           greens and maximum reds: conduct.h does, for all strategies alike. What it must remember it keeps in a
//           block of its own, one per intersection, zeroed when it takes over.
// CONTRACT  decide is pure: it reads the view, writes its own memory and *ret. It runs in parallel over intersections,
//           and reads of other intersections only what was written before the tick (the estimates, the outlooks).
// OWNERSHIP Everything in a view is borrowed during the call.
// NOT HERE  The strategies themselves, one file each. To add one: write its file with `const struct strategy
//           strategy_NAME`, and add S(NAME) to the list below.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "engine/estimate/estimate.h"
#include "engine/model/actuation.h"
#include "engine/model/plan.h"
#include "engine/optimize/compose.h"
#include "engine/optimize/coordination.h"
#include "engine/optimize/outlook.h"
#include "engine/optimize/priority.h"

#define STRATEGIES(S)                                                                                                  \
    S(program)                                                                                                         \
    S(webster)                                                                                                         \
    S(actuated)                                                                                                        \
    S(max_pressure)                                                                                                    \
    S(coordinated)                                                                                                     \
    S(adaptive)

struct view {
    const struct network *network;
    const struct estimate *estimate;
    const struct transitions *transitions;
    const struct actuation *actuation;
    struct intersection_id intersection;
    int64_t now_ms;                   // the tick
    int64_t at_ms;                    // when what is decided now takes effect at the earliest
    struct outlook *outlook;          // read what neighbours told; tell of this intersection's movements only
    struct coordination *coordination;   // tell of this intersection only; hear its area
    const struct priority_book *priority;   // vehicles that ask for more than their turn, or NULL
    const struct lamps *lamps;        // at at_ms, in a stage; NULL while its own program plays
    int64_t since_ms;                 // when this strategy took over here
    uint64_t calls;                   // groups whose push button was pushed, as the controller says
};

enum decision_kind {
    DECIDE_NOTHING,                   // what plays is as good as anything this strategy has
    DECIDE_STAGE,                     // stage: stay in it, or go to it
    DECIDE_TIMING,                    // timing: go round it
    DECIDE_PROGRAM,                   // the network's own program
};

struct decision {
    enum decision_kind kind;
    int32_t stage;
    const struct timing *timing;      // in the strategy's memory
    struct plan_reason reason;
};

struct strategy {
    const char *name;                 // as in configurations and on the command line
    size_t memory_bytes;              // per intersection
    void (*decide)(const struct view *view, void *memory, struct decision *ret);
};

// Every strategy, in the order of the list; and the one of that name, or NULL.
extern const struct strategy *const strategies[];
extern const int strategy_count;
const struct strategy *strategy_find(const char *name);

// All names, comma separated, for messages. text has room for text_bytes.
void strategy_names(char *text, size_t text_bytes);
