// site_program.h: whether an intersection's own program keeps its own site data.
//
// CONTRACT  Pure. The network has passed network_finish. Shares no code with the guard, which judges plans.
#pragma once

#include <stdbool.h>

#include "engine/model/network.h"

// False, with one sentence in text, when the program breaks an intergreen, a minimum green, a maximum red or a limit
// of the cycle, or shows one group green twice at a time.
bool site_program_holds(const struct network *network, const struct intersection *at, char *text, size_t text_bytes);
