// import_network.c: `intergreen import`: a network of SUMO or CityFlow -> Intergreen's own file, and what was derived
// on the way.
#include "engine/import/import.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/usage.h"
#include "engine/import/network_file.h"
#include "engine/import/regions.h"
#include "engine/model/units.h"

#define ADDITIONAL_COUNT_MAX 64

static const char USAGE[] =
    "usage: intergreen import NET -o FILE [--stages program|derived] [--intergreen-s X]\n"
    "                             [--additional FILE]... [--regions N] [--quiet]\n"
    "\n"
    "  NET                  SUMO .net.xml or .sumocfg, CityFlow roadnet.json, or a network file; by content\n"
    "  -o, --output FILE    where the network goes\n"
    "  --stages KIND        program: as the program's phases (default); derived: from which groups go together\n"
    "  --intergreen-s X     for studies: every conflicting pair gets X seconds, yellow first, the rest red\n"
    "  --additional FILE    a SUMO file with tlLogic or detectors; may be given again\n"
    "  --regions N          cuts the city into N regions (1 to 64) of like size, each for a daemon to lead\n"
    "  --quiet              no report\n";

static const double INTERGREEN_S_MAX = 60.0;

struct import_arguments {
    struct import_options options;
    const char *additional[ADDITIONAL_COUNT_MAX];
    const char *input, *output;
    int32_t regions;                  // 0: as they are
    bool quiet;
};

static int misused(const char *what, const char *value)
{
    return usage_wrong("import", "%s%s%s", what, value ? ": " : "", value ? value : "");
}

static bool seconds_of(const char *text, double *ret)
{
    char *end = NULL;
    errno = 0;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || errno != 0 || !(value >= 0.0 && value <= INTERGREEN_S_MAX)) {
        return false;
    }
    *ret = value;
    return true;
}

static bool count_of(const char *text, int32_t *ret)
{
    char *end = NULL;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < 1 || value > REGION_COUNT_MAX) {
        return false;
    }
    *ret = (int32_t)value;
    return true;
}

static int option_take(struct import_arguments *arguments, int option)
{
    double seconds = 0.0;
    switch (option) {
    case 'o':
        arguments->output = optarg;
        return CLI_DONE;
    case 'q':
        arguments->quiet = true;
        return CLI_DONE;
    case 's':
        arguments->options.derived_stages = strcmp(optarg, "derived") == 0;
        return arguments->options.derived_stages || strcmp(optarg, "program") == 0
            ? CLI_DONE : misused("--stages is program or derived, not", optarg);
    case 'i':
        if (!seconds_of(optarg, &seconds)) {
            return misused("--intergreen-s is 0 to 60 seconds, not", optarg);
        }
        arguments->options.intergreen_ms = (int32_t)ms_from_s(seconds);
        return CLI_DONE;
    case 'r':
        if (!count_of(optarg, &arguments->regions)) {
            return misused("--regions is a number from 1 to 64, not", optarg);
        }
        return CLI_DONE;
    case 'a':
        if (arguments->options.additional_count == ADDITIONAL_COUNT_MAX) {
            return misused("more than 64 additional files", NULL);
        }
        arguments->additional[arguments->options.additional_count++] = optarg;
        return CLI_DONE;
    default:
        return usage_hint("import");
    }
}

static const char *note_name(enum import_note note)
{
    switch (note) {
    case NOTE_DERIVED: return "derived";
    case NOTE_ASSUMED: return "assumed";
    case NOTE_ADDED_TIME: return "added";
    case NOTE_WARNING: return "warning";
    }
    return "note";
}

static void report_print(const struct import_report *report)
{
    for (int32_t i = 0; i < report->lines.count; i++) {
        (void)printf("%-8s %s\n", note_name(report->lines.at[i].note), report->lines.at[i].text);
    }
}

static int run(struct import_arguments *arguments)
{
    struct import_report report = { { 0 } };
    struct problem problem = { "" };
    struct network network;
    arguments->options.additional = arguments->additional;
    progress_files(arguments->quiet);
    enum status status = import_network(arguments->input, &arguments->options, &network, &report, &problem);
    progress_files_end(arguments->quiet);
    if (!arguments->quiet) {
        report_print(&report);
    }
    import_report_release(&report);
    if (status == STATUS_OK) {
        status = arguments->regions > 0
            ? regions_cut(&network, arguments->regions, arguments->input, &problem) : STATUS_OK;
        status = status != STATUS_OK ? status : network_file_save(&network, arguments->output, &problem);
        if (status == STATUS_OK && !arguments->quiet) {
            (void)printf("%s: %d intersections, %d signal groups, %d stages, %d links, %d lanes, %d detectors, "
                         "%d cameras\n",
                         arguments->output, network.intersection_count, network.group_count, network.stage_count,
                         network.link_count, network.lane_count, network.detector_count, network.camera_count);
        }
        network_release(&network);
    }
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "intergreen import: %s\n", problem.text);
        return CLI_FAILED;
    }
    return CLI_DONE;
}

int cli_import(int argc, char **argv)
{
    static const struct option OPTIONS[] = {
        { "output", required_argument, NULL, 'o' },     { "stages", required_argument, NULL, 's' },
        { "intergreen-s", required_argument, NULL, 'i' }, { "additional", required_argument, NULL, 'a' },
        { "regions", required_argument, NULL, 'r' },
        { "quiet", no_argument, NULL, 'q' },            { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    struct import_arguments arguments = { .options = IMPORT_OPTIONS_DEFAULT };
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "o:h", OPTIONS, NULL)) != -1;) {
        if (option == 'h') {
            (void)fputs(USAGE, stdout);
            return CLI_DONE;
        }
        int taken = option_take(&arguments, option);
        if (taken != CLI_DONE) {
            return taken;
        }
    }
    if (optind + 1 != argc) {
        return misused("name exactly one network", NULL);
    }
    if (arguments.output == NULL) {
        return misused("say with -o where the network goes", NULL);
    }
    arguments.input = argv[optind];
    return run(&arguments);
}
