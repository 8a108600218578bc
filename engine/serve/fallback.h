// fallback.h: the table of programs that a controller is given beforehand, for when the link is lost.
//
// THEORY    The table of an intersection is what its site data hold: its own program, on every day at every hour. Its
//           id is a fingerprint of the program and of the site: another program is another id. A controller that has
//           loaded it says so, and from then on the plans that are sent to it name that id. One that has not, or
//           cannot, is sent plans that name 0, its built-in program.
// CONTRACT  Pure. Same network, same ids.
// OWNERSHIP The table points into *room and the network.
// NOT HERE  When it is sent (channel.h).
#pragma once

#include "engine/wire/fallback_codec.h"

struct fallback_room {
    struct fallback_program program;
    struct fallback_switch change;
    struct green greens[PLAN_GREEN_COUNT_MAX];
};

// > 0
int32_t fallback_id(const struct network *network, int32_t intersection);

void fallback_table_make(const struct network *network, int32_t intersection, struct fallback_room *room,
                         struct fallback_table *ret);
