// usage.h: what is said of a command line that is not understood: the error, and where the options are told.
#pragma once

#include <stdbool.h>

#include "engine/base/status.h"

// Says what is wrong with the command line of `command` (its name alone). Gives CLI_USAGE.
int usage_wrong(const char *command, const char *format, ...) PRINTF_LIKE(2, 3);

// The same where getopt_long has said what is wrong.
int usage_hint(const char *command);

// The number from low to high that all of the value of --name is; usage_count: one without a fraction. False: it is no
// such number, and that is said.
bool usage_number(const char *command, const char *name, const char *value, double low, double high, double *ret);
bool usage_count(const char *command, const char *name, const char *value, double low, double high, double *ret);
