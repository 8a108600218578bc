// settings_check.h: whether the settings fit the network, and what they name can be read, before anything is begun.
//
// CONTRACT  Reads the registry's file and those of TLS; changes nothing. What only a start can tell (a port in use, a
//           store that is away) is not looked at.
// NOT HERE  The ranges of single keys (settings.h, engine/config.h).
#pragma once

#include "engine/model/network.h"
#include "engine/serve/settings.h"

MUST_USE enum status settings_check(const struct network *network, const struct settings *settings,
                                    struct problem *problem);

// Whether the certificate is still good: one that has expired is refused, one that soon will is warned of. Not asked
// at a start: a daemon whose certificate has expired still serves its other addresses, with an alarm.
MUST_USE enum status settings_check_expiry(const struct settings *settings, struct problem *problem);

// The regions that have a strategy of their own: each is the network's, each strategy one of the list.
MUST_USE enum status settings_check_regions(const struct network *network, const struct settings *settings,
                                            struct problem *problem);
