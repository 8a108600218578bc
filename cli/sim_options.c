#include "cli/sim_options.h"
#include "cli/usage.h"

#include <stdio.h>

#define OPTION_COUNT_MAX 60

static const struct option SHARED[] = {
    { "network", required_argument, NULL, 1 }, { "demand", required_argument, NULL, 1 },
    { "daemon", required_argument, NULL, 1 }, { "credential", required_argument, NULL, 1 },
    { "certificate", required_argument, NULL, 1 }, { "key", required_argument, NULL, 1 },
    { "authority", required_argument, NULL, 1 },
    { "begin", required_argument, NULL, 1 },
    { "seconds", required_argument, NULL, 1 }, { "step-s", required_argument, NULL, 1 },
    { "saturation-flow-vph", required_argument, NULL, 1 }, { "start-loss-s", required_argument, NULL, 1 },
    { "threads", required_argument, NULL, 1 }, { "seed", required_argument, NULL, 1 },
    { "sensing", required_argument, NULL, 1 }, { "demand-scale", required_argument, NULL, 1 },
    { "intergreen-s", required_argument, NULL, 1 }, { "out", required_argument, NULL, 1 },
    { "record", required_argument, NULL, 1 },
    { "sensor-faults", required_argument, NULL, 1 }, { "camera-miscount", required_argument, NULL, 1 },
    { "loop-miscount", required_argument, NULL, 1 }, { "message-loss", required_argument, NULL, 1 },
    { "message-delay", required_argument, NULL, 1 }, { "dead-sensors", required_argument, NULL, 1 },
    { "additional", required_argument, NULL, 1 }, { "incidents", required_argument, NULL, 1 },
    { "site", required_argument, NULL, 1 },
    { "pedestrians-per-hour", required_argument, NULL, 1 },
    { "fcd", no_argument, NULL, 1 }, { "fcd-period", required_argument, NULL, 1 },
    { "fcd-links", required_argument, NULL, 1 }, { "fcd-box", required_argument, NULL, 1 },
    { "detector-period", required_argument, NULL, 1 }, { "no-emissions", no_argument, NULL, 1 },
    { "ignore-route-errors", no_argument, NULL, 1 }, { "no-priority", no_argument, NULL, 1 },
    { "announce-s", required_argument, NULL, 1 },
    { "apart", no_argument, NULL, 1 }, { "apart-loss", required_argument, NULL, 1 },
    { "quiet", no_argument, NULL, 1 },
    { "help", no_argument, NULL, 2 },
};

int sim_options_next(const struct sim_options *reader, int argc, char **argv, const struct option *extra,
                     struct run_options *ret)
{
    struct option all[OPTION_COUNT_MAX] = { 0 };
    int count = 0;
    for (size_t i = 0; i < sizeof SHARED / sizeof *SHARED; i++) {
        all[count++] = SHARED[i];
    }
    for (int i = 0; extra[i].name != NULL && count < OPTION_COUNT_MAX - 1; i++) {
        all[count++] = extra[i];
    }
    for (;;) {
        int index = 0;
        int code = getopt_long(argc, argv, "", all, &index);
        if (code == -1 && optind < argc) {
            (void)usage_wrong(reader->command, "'%s' is not an option", argv[optind]);
            return SIM_OPTIONS_BAD;
        }
        if (code == -1 && ret->network == NULL) {
            (void)usage_wrong(reader->command, "--network is missing: name a network");
            return SIM_OPTIONS_BAD;
        }
        if (code == -1) {
            return SIM_OPTIONS_DONE;
        }
        if (code == '?') {
            (void)usage_hint(reader->command);
            return SIM_OPTIONS_BAD;
        }
        if (code == 2) {
            printf("%s%s", reader->usage, RUN_OPTIONS_HELP);
            return SIM_OPTIONS_HELP;
        }
        if (code != 1) {
            return code;
        }
        if (!run_option(all[index].name, optarg, ret)) {
            return SIM_OPTIONS_BAD;
        }
    }
}
