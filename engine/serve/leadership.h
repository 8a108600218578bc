// leadership.h: under which epoch this daemon makes plans, of which regions, by which strategies.
//
// THEORY    An epoch only rises: above what the store, a controller's Hello or the state file knows. Each rise is
//           written to the disk before a plan bears it. A city led in parts takes a new epoch whenever a region is
//           taken over; a daemon without regions steps down.
// CONTRACT  The main thread.
// NOT HERE  Leases (holdings.h), where other daemons are (leaders.h).
#pragma once

#include "engine/serve/server_state.h"

// Looks whether somebody knows a newer epoch or regions changed hands, and acts on it.
void leadership_watch(struct server *server);

// A brain for these settings, and server->brain, what it was made with.
MUST_USE enum status leadership_brain(struct server *server, const struct settings *settings, uint32_t epoch,
                                      struct brain **ret, struct problem *problem);

// server->region_strategy from the settings: STATUS_UNKNOWN for a region or a strategy that is not there, and nothing
// has changed.
enum status leadership_regions(struct server *server, const struct settings *settings, struct problem *problem);

// Goes beyond an epoch that somebody (who, for the log) knows.
void leadership_raise(struct server *server, uint32_t above, const char *who);

// Says which regions are led now, for people and scripts.
void leadership_say(const struct server *server, int32_t plans);
