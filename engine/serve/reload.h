// reload.h: what SIGHUP does: the configuration and the registry are read again.
//
// CONTRACT  The main thread. Whatever is wrong with the new configuration, the old one stands, whole.
// NOT HERE  How a file is read (settings.h, registry.h).
#pragma once

#include "engine/serve/server_state.h"

void server_reload(struct server *server);
