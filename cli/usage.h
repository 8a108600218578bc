// usage.h: what is said of a command line that is not understood: the error, and where the options are told.
#pragma once

#include "engine/base/status.h"

// Says what is wrong with the command line of `command` (its name alone). Gives CLI_USAGE.
int usage_wrong(const char *command, const char *format, ...) PRINTF_LIKE(2, 3);

// The same where getopt_long has said what is wrong.
int usage_hint(const char *command);
