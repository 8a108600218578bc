// light.h: one light program of a draft, and the signal groups, stages and intergreens that come of it. See derive.h.
//
// CONTRACT  A `letter` is a position in the state strings. STATUS_SYNTAX names the intersection and the phases where a
//           program lets crossing paths go together and nobody yields; STATUS_LIMIT where it has too many groups or stages.
#pragma once

#include "engine/import/draft.h"
#include "engine/import/import.h"

enum letter_use {
    LETTER_UNUSED,        // no connection and no crossing
    LETTER_FREE,          // green or off in every phase: signs rule, no group
    LETTER_CLOSED,        // never green
    LETTER_SIGNALLED,
};

struct light {
    int32_t program;                             // in the draft
    int32_t letter_count;
    enum letter_use use[DRAFT_STATE_MAX];
    bool turns_on_red[DRAFT_STATE_MAX];          // 's' in some phase
    enum group_kind kind[DRAFT_STATE_MAX];
    int32_t group[DRAFT_STATE_MAX];              // within the intersection, or INDEX_NONE
    int32_t group_count;
};

void light_read(const struct network_draft *draft, int32_t program, struct light *ret);

static inline bool light_never_green(const struct light *light, int32_t letter)
{
    return letter >= 0 && light->use[letter] == LETTER_CLOSED && !light->turns_on_red[letter];
}

static inline bool light_turns_on_red(const struct light *light, int32_t letter)
{
    return letter >= 0 && light->turns_on_red[letter];
}

// Fills intersections, groups, members, stages, intergreens and programs of the network.
MUST_USE enum status lights_build(const struct network_draft *draft, struct light *lights, const int32_t *renumbered,
                                  const struct import_options *options, struct import_report *report,
                                  struct network *network, struct problem *problem);
