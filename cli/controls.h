// controls.h: the names that --control takes.
#pragma once

#include <stdbool.h>

// Whether there are strategies of these names (by commas), actuated-local among them; says which there are if not.
bool controls_known(const char *names);
