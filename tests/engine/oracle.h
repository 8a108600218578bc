// oracle.h: a second opinion on plans, slow and obvious: it plays a plan quantum by quantum and looks at the lamps.
//
// THEORY    No intervals, no arithmetic on gaps. At every quantum the oracle asks of each group which lamp is on, by
//           looking through all greens of the plan; it remembers since when, and cries out at the instant at which a
//           rule of docs/safety.md is broken. A cyclic plan is played for three cycles.
// CONTRACT  Shares no code with engine/guard, lamp.c, plan.c or the optimizer: what they get wrong it does not repeat.
//           It must come to the guard's verdict on every request; only the first rule that it names may be another.
// NOT HERE  Sites that contradict themselves: guard_create refuses those.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/guard/guard.h"

struct oracle_finding {
    const char *what;               // static text; NULL: nothing is wrong
    int32_t group;
    int64_t at_ms;
};

bool oracle_accepts(const struct network *network, const struct guard_request *request, struct oracle_finding *ret);

enum oracle_lamp { LAMP_RED, LAMP_YELLOW, LAMP_GREEN };

// The lamp of a group at t under a well-formed plan, and the start of its green or yellow (INT64_MIN for red).
enum oracle_lamp oracle_look(const struct network *network, const struct plan *plan, int32_t group, int64_t t_ms,
                             int64_t *ret_since_ms);
