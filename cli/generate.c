// generate.c: `intergreen generate`: a plausible city with a day of demand, and a configuration for the daemon.
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/usage.h"
#include "engine/import/network_file.h"
#include "sim/demand/city.h"

enum { PATH_BYTES = 4096 };

static const char USAGE[] =
    "usage: intergreen generate --intersections N --seed S -o DIR [options]\n"
    "\n"
    "  --intersections N           signalised intersections, 1 to 200000\n"
    "  --seed S                    the same seed gives the same bytes\n"
    "  -o, --output DIR            network.ig, demand.ig and city.yaml go here\n"
    "  --trips-per-intersection X  trips a day; default: as many as the signals bear (0.70 of saturation in the "
    "peaks)\n"
    "  --demand-scale X            times that; the programs stay as for 1\n"
    "  --hours A-B                 only trips that depart from A to B o'clock go into demand.ig\n"
    "  --no-demand                 the network only\n"
    "  --quiet                     no progress\n"
    "  --json                      the summary as one JSON object\n";

struct generate_arguments {
    struct city_options options;
    const char *folder;
    bool json, seeded, counted, quiet;
};

static void tell(void *user, const char *what, double share)
{
    struct progress *progress = user;
    // The last part ends with the file's closing, which is told as the end.
    double done = share < 0.999 ? share : 0.999;
    if (progress_due(progress, done)) {
        progress_tell(progress, done, what);
    }
}

static int misused(const char *what, const char *value)
{
    return usage_wrong("generate", "%s%s%s", what, value != NULL ? ": " : "", value != NULL ? value : "");
}

static bool number_of(const char *text, double *ret)
{
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= 0.0 && value <= 1e18)) {
        return false;
    }
    *ret = value;
    return true;
}

static bool hours_of(const char *text, struct city_options *ret)
{
    char *end = NULL;
    double begin = strtod(text, &end);
    if (end == text || *end != '-') {
        return false;
    }
    ret->begin_h = begin;
    return number_of(end + 1, &ret->end_h);
}

static bool seed_of(const char *text, uint64_t *ret)
{
    char *end = NULL;
    errno = 0;
    unsigned long long seed = strtoull(text, &end, 10);
    *ret = seed;
    return end != text && *end == '\0' && errno == 0 && text[0] != '-';
}

static bool option_take(struct generate_arguments *arguments, int option, const char *value)
{
    double number = 0.0;
    switch (option) {
    case 'n':
        if (!number_of(value, &number) || number > 1e9 || number != (double)(int32_t)number) {
            return false;
        }
        arguments->options.intersections = (int32_t)number;
        arguments->counted = true;
        return true;
    case 's':
        arguments->seeded = true;
        return seed_of(value, &arguments->options.seed);
    case 'o':
        arguments->folder = value;
        return true;
    case 't':
        return number_of(value, &arguments->options.trips_per_intersection);
    case 'x':
        return number_of(value, &arguments->options.demand_scale);
    case 'h':
        return hours_of(value, &arguments->options);
    case 'd':
        arguments->options.demand = false;
        return true;
    case 'j':
        arguments->json = true;
        return true;
    case 'q':
        arguments->quiet = true;
        return true;
    default:
        return false;
    }
}

static const char *path_in(const char *folder, const char *name, char *path)
{
    (void)snprintf(path, PATH_BYTES, "%s/%s", folder, name);
    return path;
}

// The folder and all above it. False, with errno, when one cannot be made.
static bool folder_make(const char *folder)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s", folder);
    for (char *at = path + 1; ; at++) {
        bool last = *at == '\0';
        if (last || *at == '/') {
            *at = '\0';
            if (mkdir(path, 0777) != 0 && errno != EEXIST) {
                return false;
            }
            *at = '/';
        }
        if (last) {
            return true;
        }
    }
}

static enum status config_write(const char *path, struct problem *problem)
{
    static const char TEXT[] =
        "# A daemon for this city. Paths are relative to this file.\n"
        "network: network.ig\n"
        "listen: [ \"unix:intergreen.sock\" ]\n"
        "http: 127.0.0.1:8080\n"
        "store: embedded\n"
        "state_dir: state\n"
        "strategy: max-pressure\n";
    FILE *file = fopen(path, "wb");
    bool written = file != NULL && fputs(TEXT, file) >= 0;
    bool closed = file == NULL || fclose(file) == 0;
    return written && closed ? STATUS_OK
        : problem_report(problem, STATUS_IO, path, NULL, "choose another folder", "cannot be written: %s",
                         strerror(errno));
}

static void print_json(const struct generate_arguments *arguments, const struct network *network,
                       const struct city_summary *summary)
{
    (void)printf(
        "{\"intersections\": %d, \"links\": %d, \"lanes\": %d, \"signal_groups\": %d, \"stages_2\": %d, "
        "\"stages_3\": %d, \"stages_4\": %d, \"pockets\": %d, \"link_km\": %.1f, \"lane_km\": %.1f, \"trips\": %lld, "
        "\"trips_written\": %lld, \"mean_trip_km\": %.3f, \"saturation_worst\": %.3f, \"saturation_busy\": %.3f, "
        "\"saturation_mean\": %.3f, \"folder\": \"%s\"}\n",
        network->intersection_count, network->link_count, network->lane_count, network->group_count,
        summary->stage_counts[2], summary->stage_counts[3], summary->stage_counts[4], summary->pocket_count,
        summary->link_km, summary->lane_km, (long long)summary->trips_day, (long long)summary->trips_written,
        summary->trip_km_mean, summary->saturation_worst, summary->saturation_busy, summary->saturation_mean,
        arguments->folder);
}

static void print_text(const struct generate_arguments *arguments, const struct network *network,
                       const struct city_summary *summary)
{
    (void)printf("%d intersections (%d with 2 stages, %d with 3, %d with 4), %d signal groups\n"
                 "%d links, %.0f km of road, %.0f km of lane, %d turning lanes, %d regions\n",
                 network->intersection_count, summary->stage_counts[2], summary->stage_counts[3],
                     summary->stage_counts[4],
                 network->group_count, network->link_count, summary->link_km, summary->lane_km, summary->pocket_count,
                 network->regions.count);
    if (arguments->options.demand) {
        (void)printf(
            "%lld trips a day, %.2f km on average, %lld of them written\n"
            "degree of saturation in the peak hours: %.2f on average, %.2f at the busiest 2 %%, %.2f at most\n",
            (long long)summary->trips_day, summary->trip_km_mean, (long long)summary->trips_written,
            summary->saturation_mean, summary->saturation_busy, summary->saturation_worst);
    }
    (void)printf("written to %s: network.ig, %scity.yaml\n", arguments->folder,
                 arguments->options.demand ? "demand.ig, " : "");
}

static int generate(const struct generate_arguments *arguments)
{
    char path[PATH_BYTES];
    struct problem problem;
    struct network network;
    struct city_summary summary;
    if (strlen(arguments->folder) > PATH_BYTES - 32 || !folder_make(arguments->folder)) {
        (void)fprintf(stderr, "intergreen generate: %s: cannot be made: %s\n", arguments->folder, strerror(errno));
        return CLI_FAILED;
    }
    struct progress progress;
    struct city_options options = arguments->options;
    progress_begin(&progress, "generate", arguments->quiet);
    options.watch = (struct city_watch){ tell, &progress };
    enum status status = city_generate(&options, path_in(arguments->folder, "demand.ig", path), &network,
                                       &summary, &problem);
    status == STATUS_OK ? progress_tell(&progress, 1.0, "done") : progress_break(&progress);
    if (status == STATUS_OK) {
        status = network_file_save(&network, path_in(arguments->folder, "network.ig", path), &problem);
        status = status == STATUS_OK ? config_write(path_in(arguments->folder, "city.yaml", path), &problem) : status;
        if (status == STATUS_OK && arguments->json) {
            print_json(arguments, &network, &summary);
        } else if (status == STATUS_OK) {
            print_text(arguments, &network, &summary);
        }
        network_release(&network);
    }
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "intergreen generate: %s\n", problem.text);
        return status == STATUS_RANGE ? CLI_USAGE : CLI_FAILED;
    }
    return CLI_DONE;
}

int cli_generate(int argc, char **argv)
{
    static const struct option OPTIONS[] = {
        { "intersections", required_argument, NULL, 'n' }, { "seed", required_argument, NULL, 's' },
        { "output", required_argument, NULL, 'o' }, { "trips-per-intersection", required_argument, NULL, 't' },
        { "demand-scale", required_argument, NULL, 'x' }, { "hours", required_argument, NULL, 'h' },
        { "no-demand", no_argument, NULL, 'd' }, { "json", no_argument, NULL, 'j' },
        { "quiet", no_argument, NULL, 'q' }, { "help", no_argument, NULL, 'H' },
        { 0 },
    };
    struct generate_arguments arguments = { .options = CITY_OPTIONS_DEFAULT };
    arguments.options.intersections = 0;
    for (int option; (option = getopt_long(argc, argv, "o:", OPTIONS, NULL)) != -1;) {
        if (option == 'H') {
            (void)fputs(USAGE, stdout);
            return CLI_DONE;
        }
        if (option == '?') {
            return usage_hint("generate");
        }
        if (!option_take(&arguments, option, optarg)) {
            const char *name = "";
            for (const struct option *known = OPTIONS; known->name != NULL; known++) {
                name = known->val == option ? known->name : name;
            }
            return usage_wrong("generate", "--%s takes %s, not '%s'", name,
                               option == 'h' ? "A-B, hours of the day" : "a number of 0 and more", optarg);
        }
    }
    if (optind < argc) {
        return misused("unexpected", argv[optind]);
    }
    if (arguments.options.intersections == 0 && arguments.counted) {
        return misused("--intersections is 1 to 200000", NULL);
    }
    if (!arguments.counted || !arguments.seeded || arguments.folder == NULL) {
        return misused("--intersections, --seed and -o are needed", NULL);
    }
    return generate(&arguments);
}
