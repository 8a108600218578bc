// cabinet.c: `intergreen cabinet`: what one signal controller must know of its intersection, as a text file.
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/usage.h"
#include "engine/import/import.h"
#include "engine/import/site_data.h"

static const char USAGE[] =
    "usage: intergreen cabinet --network NET [--site DIR] [--intergreen-s X] INTERSECTION\n"
    "\n"
    "  prints the intersection's groups, conflicts, times and built-in program, for the reference controller\n"
    "  (clients/controller) and as a check for a maker's own database. Say what the daemon's configuration says.\n";

static int misused(const char *what)
{
    return usage_wrong("cabinet", "%s", what);
}

static void print_groups(const struct network *network, const struct intersection *at)
{
    static const char *const KINDS[] = { "vehicle", "pedestrian", "bicycle", "transit" };
    for (int32_t i = 0; i < at->group_count; i++) {
        const struct signal_group *group = &network->groups[at->first_group + i];
        (void)printf("group %d %s yellow_ms %d green_ms_min %d red_clearance_ms %d %s\n", i, KINDS[group->kind],
                     group->yellow_ms, group->green_ms_min, group->red_clearance_ms,
                     network_name(network, group->name));
    }
    for (int32_t i = 0; i < at->group_count; i++) {
        for (int32_t j = 0; j < at->group_count; j++) {
            int32_t between_ms = network_intergreen_ms(network, at, i, j);
            if (between_ms >= 0) {
                (void)printf("intergreen %d %d %d\n", i, j, between_ms);
            }
        }
    }
}

static void print_cabinet(const struct network *network, const struct intersection *at)
{
    (void)printf("# cabinet of %s: see clients/controller/cabinet.h\n", network_name(network, at->name));
    (void)printf("intersection %s\nsite_hash 0x%016" PRIx64 "\n", network_name(network, at->name), at->site_hash);
    (void)printf("time_zone %s\nreference_ms %" PRId64 "\n", network->time_zone, network->reference_ms);
    (void)printf("quantum_ms %d\ncycle_ms %d\noffset_ms %d\n", at->quantum_ms, at->cycle_ms, at->offset_ms);
    print_groups(network, at);
    for (int32_t i = 0; i < at->green_count; i++) {
        const struct program_green *green = &network->program_greens[at->first_green + i];
        (void)printf("green %d %d %d %d\n", green->group, green->stage, green->start_ms, green->end_ms);
    }
}

static int run(const char *path, const char *site, double intergreen_s, const char *name)
{
    struct problem problem = { "" };
    struct network network;
    struct import_options options = IMPORT_OPTIONS_DEFAULT;
    options.intergreen_ms = intergreen_s >= 0.0 ? (int32_t)(intergreen_s * 1000.0 + 0.5) : options.intergreen_ms;
    if (import_network(path, &options, &network, NULL, &problem) != STATUS_OK) {
        (void)fprintf(stderr, "intergreen cabinet: %s\n", problem.text);
        return CLI_FAILED;
    }
    if (site != NULL && site_apply(&network, site, NULL, &problem) != STATUS_OK) {
        (void)fprintf(stderr, "intergreen cabinet: %s\n", problem.text);
        network_release(&network);
        return CLI_FAILED;
    }
    struct intersection_id found = network_find_intersection(&network, name);
    if (found.index == INDEX_NONE) {
        (void)fprintf(stderr, "intergreen cabinet: %s: has no intersection '%s'\n", path, name);
    } else {
        print_cabinet(&network, &network.intersections[found.index]);
    }
    network_release(&network);
    return found.index == INDEX_NONE ? CLI_FAILED : CLI_DONE;
}

int cli_cabinet(int argc, char **argv)
{
    static const struct option OPTIONS[] = {
        { "network", required_argument, NULL, 'n' }, { "site", required_argument, NULL, 's' },
        { "intergreen-s", required_argument, NULL, 'i' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
    };
    const char *network = NULL, *site = NULL;
    double intergreen_s = -1.0;
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "n:s:i:h", OPTIONS, NULL)) != -1;) {
        switch (option) {
        case 'n':
            network = optarg;
            break;
        case 's':
            site = optarg;
            break;
        case 'i':
            if (sscanf(optarg, "%lf", &intergreen_s) != 1 || !(intergreen_s >= 0.0 && intergreen_s <= 60.0)) {
                return misused("--intergreen-s is 0 to 60 seconds");
            }
            break;
        case 'h':
            (void)fputs(USAGE, stdout);
            return CLI_DONE;
        default:
            return usage_hint("cabinet");
        }
    }
    if (network == NULL || optind + 1 != argc) {
        return misused("name the network and one intersection");
    }
    return run(network, site, intergreen_s, argv[optind]);
}
