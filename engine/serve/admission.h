// admission.h: who is let in: a Hello against the registry, the clock's owner, the leaders and the sites' approval.
//
// CONTRACT  The thread of the channel's loop alone, under the intake's lock.
// NOT HERE  What a role may do (engine/wire/session.h), who owns what (registry.h), who leads what (leaders.h).
#pragma once

#include "engine/serve/channel.h"

// Welcomes the peer, sends it where its intersections are led, or refuses it; the answer goes to room->out.
void admission_hello(struct channel *channel, const struct hello *hello, const struct session_room *room);

// Whether the registry as it is now would let the session in as it did; else why not.
bool admission_stands(struct channel *channel, const char **ret_why);
