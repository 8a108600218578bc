// light.h: the letters of one light program of a draft, and which of them are one signal group. See derive.h.
//
// THEORY    Letters that are green in the same phases and serve the same kind of users are one group: heads that
//           always show the same colour. A letter that is green or off in every phase has no use for a head; its
//           connections follow the right of way. One that is never green is closed. Of a signal with several junctions,
//           those that let vehicles onto different short links between these are different groups all the same.
// CONTRACT  A `letter` is a position in the state strings.
#pragma once

#include "engine/import/draft.h"
#include "engine/import/program_parts.h"

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
    int32_t inside[DRAFT_STATE_MAX];             // 1 + the short link inside the signal that it leads to, or 0
    int32_t group[DRAFT_STATE_MAX];              // within the intersection, or INDEX_NONE
    int32_t group_count;
};

void light_read(const struct network_draft *draft, const struct program_parts *parts, int32_t program,
                struct light *ret);

static inline bool light_never_green(const struct light *light, int32_t letter)
{
    return letter >= 0 && light->use[letter] == LETTER_CLOSED && !light->turns_on_red[letter];
}

static inline bool light_turns_on_red(const struct light *light, int32_t letter)
{
    return letter >= 0 && light->turns_on_red[letter];
}

static inline bool letter_is_green(char letter)
{
    return letter == 'G' || letter == 'g';
}

static inline const struct draft_phase *light_phases(const struct network_draft *draft, int32_t program)
{
    return draft->phases.at + draft->programs.at[program].first_phase;
}
