// intergreen.c: the command line tool. One file a command; this one only finds it.
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *purpose;
};

static const struct command COMMANDS[] = {
    { "import", cli_import,
      "a network of SUMO or CityFlow -> Intergreen's own file, with a report of what was derived" },
    { "site", cli_site, "site data: export | check | diff" },
    { "cabinet", cli_cabinet, "what one signal controller must know of its intersection" },
    { "conformance", cli_conformance, "tests a maker's signal controller: plays the daemon to it" },
    { "generate", cli_generate, "a plausible city with a day of demand" },
    { "sim", cli_sim, "a street under one strategy, in this process or closed around a daemon" },
    { "compare", cli_compare, "several strategies on the same hours, side by side" },
    { "status", cli_status, "what a running daemon says of its city" },
    { "plan", cli_plan, "plan show INTERSECTION: the plan in force" },
    { "override", cli_override, "override set INTERSECTION …: an operator's hand on one intersection" },
    { "priority", cli_priority, "priority request LINK …: an emergency vehicle or a late bus asks for green" },
    { "alarms", cli_alarms, "what is wrong now and of late; alarms acknowledge ID" },
    { "audit", cli_audit, "who did what and when: audit show | verify" },
    { "watch", cli_watch, "the city, or one intersection, as it is now, again and again" },
    { "keys", cli_keys, "who may come to a daemon: keys list | new | renew | revoke" },
    { "recording", cli_recording, "recorded days: info | cut | merge | csv" },
    { "replay", cli_replay, "a recorded day again: --exact holds its plans against the recorded ones" },
};

static int usage(FILE *to)
{
    fputs("usage: intergreen COMMAND …\n\n", to);
    for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++) {
        fprintf(to, "  %-12s %s\n", COMMANDS[i].name, COMMANDS[i].purpose);
    }
    fputs("\n`intergreen COMMAND --help` tells more, `intergreen --version` the version.\n"
          "Exit: 0 done, 1 failed, 2 usage, 3 refused by the guard or the daemon, 4 not reachable.\n", to);
    return CLI_USAGE;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        return usage(stderr);
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("intergreen " INTERGREEN_VERSION);
        return CLI_DONE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        (void)usage(stdout);
        return CLI_DONE;
    }
    for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++) {
        if (strcmp(argv[1], COMMANDS[i].name) == 0) {
            char called[64];           // as getopt_long names it in what it says
            (void)snprintf(called, sizeof called, "intergreen %s", COMMANDS[i].name);
            argv[1] = called;
            return COMMANDS[i].run(argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "intergreen: there is no command '%s'\n`intergreen --help` lists them.\n", argv[1]);
    return CLI_USAGE;
}
