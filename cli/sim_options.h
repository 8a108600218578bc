// sim_options.h: getopt_long over the options that every run shares, and those of one command.
#pragma once

#include <getopt.h>

#include "cli/run.h"

enum { SIM_OPTIONS_DONE = 0, SIM_OPTIONS_BAD = -1, SIM_OPTIONS_HELP = -2 };

struct sim_options {
    const char *command, *usage;
};

// The `val` of the next option of `extra` (ended by zeros; value in optarg), after taking all shared ones before it
// into *ret. SIM_OPTIONS_DONE at the end; BAD and HELP after it is said.
int sim_options_next(const struct sim_options *reader, int argc, char **argv, const struct option *extra,
                     struct run_options *ret);
