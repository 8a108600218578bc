// controls.h: the names that --control takes.
#pragma once

#include <stdbool.h>

// Whether there are strategies of these names (by commas), actuated-local among them; says which there are if not.
bool controls_known(const char *names);

// Whether a brain may have this strategy; else that is said, as `command`'s.
bool control_known(const char *command, const char *name);
