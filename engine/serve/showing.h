// showing.h: what the daemon shows through its stores: the live city, one-minute counts, what crosses the borders of
// its regions, and the last of a region that it gives up.
//
// CONTRACT  The main thread; only with stores (server->holdings).
// NOT HERE  What is written and when (engine/store/store.h).
#pragma once

#include "engine/serve/server_state.h"

void show_city(struct server *server);

// The last that the store gets of a region that is given up, once the engine makes no more plans for it.
void show_leaving(struct server *server);

// Where the regions are led, for those who ask here.
void show_leaders(struct server *server);
