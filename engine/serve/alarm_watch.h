// alarm_watch.h: the conditions of the city and of the daemon that are alarms, looked at on each beat.
//
// THEORY    What others show anyway (the picture of the city, the store, the audit log) is compared with what is
//           alarmed. Of an intersection: its controller was heard and is silent; it flashes, is under a person's hand,
//           or plays its own program though nobody asked for that; a fault of its own; a detector that is not healthy;
//           a red beyond its maximum. Each has to hold for HOLD_MS, so that a controller that connects anew or a
//           detector that comes back raises nothing. In lockstep, where all of it is a simulator's, none is looked at.
// CONTRACT  The main thread alone.
#pragma once

#include "engine/serve/server_state.h"

void alarm_watch_start(struct server *server);
void alarm_watch_release(struct server *server);
void alarm_watch_beat(struct server *server);
