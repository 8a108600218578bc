// load.c: the load generator: plays a city's controllers and detector stations against a daemon on this machine, ends
// by itself, and prints what it saw second by second ([plans, epoch, answers, slowest and 99th-percentile answer in
// ms]) and then, last, what it sent and saw in all, each as one JSON object. Used by the benches and the tests.
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench/load_play.h"
#include "engine/base/memory.h"
#include "engine/import/network_file.h"

#define LINK_COUNT_MAX 60000
#define SECONDS_MAX 86400.0

static const char USAGE[] =
    "usage: load --network FILE.ig --daemon ADDRESS[,ADDRESS] [options]      (addresses of this machine only)\n"
    "  --region NAME       plays the intersections and sensors of this region alone\n"
    "  --controllers N     controller sessions; the intersections are dealt out to them\n"
    "  --period-ms P       between two reports and pulls of a controller (1000)\n"
    "  --subscribe         controllers have their plans pushed as well\n"
    "  --stations N        detector stations\n"
    "  --name NAME         of the stations: NAME-0 and on (station)\n"
    "  --connections N     that they share (default: one each)\n"
    "  --readings R        loop readings in a batch (16)\n"
    "  --cameras C         camera readings in a batch (0)\n"
    "  --batches-per-s B   over all stations (default: one each)\n"
    "  --seconds S         (10)\n"
    "  --ramp N            connections opened in a second at the start (4000)\n"
    "  --churn N           connections closed and opened again in a second (0)\n"
    "  --storms N          at the end: all controllers reconnect and pull at once (0)\n"
    "SIGUSR1: time the pulls from now on. SIGTERM: to the end at once.\n";

static volatile sig_atomic_t told = LOAD_GO_ON;

static void on_signal(int number)
{
    told = number == SIGUSR1 ? LOAD_TIME_NOW : LOAD_END_NOW;
}

static int misused(const char *what)
{
    (void)fprintf(stderr, "load: %s\n%s", what, USAGE);
    return 2;
}

static bool addresses_read(char *text, struct load_options *ret)
{
    char *rest = NULL;
    for (char *one = strtok_r(text, ",", &rest); one != NULL; one = strtok_r(NULL, ",", &rest)) {
        if (ret->address_count == LOAD_ADDRESS_COUNT_MAX
            || !load_address_read(one, &ret->addresses[ret->address_count++])) {
            return false;
        }
    }
    return ret->address_count > 0;
}

static double percentile(const struct load_counts *counts, double share)
{
    int64_t last = counts->pull_count - 1, at = (int64_t)((double)counts->pull_count * share);
    return last < 0 ? -1.0 : (double)counts->pull_ms[at < last ? at : last];
}

static void print_seconds(const struct load_counts *counts)
{
    printf("{\"seconds\": [");
    for (int32_t i = 0; i < counts->second_count; i++) {
        const struct load_second *second = &counts->second[i];
        printf("%s[%d, %" PRIu32 ", %d, %.3f, %.3f]", i > 0 ? ", " : "", second->plans, second->epoch,
               second->pulls_answered, (double)second->pull_ms_max, (double)second->pull_ms_p99);
    }
    printf("], \"storms_ms\": [");
    for (int32_t i = 0; i < counts->storms; i++) {
        printf("%s%.0f", i > 0 ? ", " : "", counts->storm_ms[i]);
    }
    printf("], \"epochs\": [");
    for (int32_t i = 0; i < counts->epoch_count; i++) {
        printf("%s[%" PRIu32 ", %" PRId64 "]", i > 0 ? ", " : "", counts->epochs[i].epoch, counts->epochs[i].wall_ms);
    }
    printf("]}\n");
}

static void print(const struct load_options *options, const struct load_counts *counts)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu_s = (double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec
        + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("{\"controllers\": %d, \"connections\": %d, \"links_opened\": %" PRId64 ", \"links_lost\": %" PRId64
           ", \"links_refused\": %" PRId64 ", \"batches\": %" PRId64 ", \"batches_passed_over\": %" PRId64
           ", \"readings\": %" PRId64 ", \"readings_blamed\": %" PRId64 ", ", options->controllers, options->stations,
           counts->links_opened, counts->links_lost, counts->links_refused, counts->batches,
           counts->batches_passed_over, counts->readings, counts->readings_blamed);
    printf("\"pulls\": %" PRId64 ", \"pulls_answered\": %" PRId64 ", \"pulls_late\": %" PRId64 ", \"not_changed\": %"
           PRId64 ", \"no_plan\": %" PRId64 ", \"plans\": %" PRId64 ", \"plans_older\": %" PRId64
           ", \"epochs_older\": %" PRId64 ", ", counts->pulls, counts->pulls_answered, counts->pulls_late,
           counts->not_changed, counts->no_plan, counts->plans, counts->plans_older, counts->epochs_older);
    printf("\"plans_refused\": %" PRId64 ", \"reports\": %" PRId64 ", \"errors\": %" PRId64 ", ",
           counts->plans_refused, counts->reports, counts->errors);
    printf("\"pull_ms_p50\": %.3f, \"pull_ms_p99\": %.3f, \"pull_ms_max\": %.3f, \"uncovered_ms_max\": %" PRId64
           ", \"first_plan_ms\": %" PRId64 ", \"storms_done\": %d, \"storm_ms_max\": %.0f, \"epoch_highest\": %" PRIu32
           ", \"played_s\": %.3f, \"load_cpu_s\": %.2f}\n", percentile(counts, 0.5), percentile(counts, 0.99),
           percentile(counts, 1.0), counts->uncovered_ms_max, counts->first_plan_ms, counts->storms_done,
           counts->storm_ms_max, counts->epoch_highest, counts->played_s, cpu_s);
}

static void option_take(struct load_options *options, int option, const char *value)
{
    int32_t number = value != NULL ? (int32_t)strtol(value, NULL, 10) : 0;
    double real = value != NULL ? strtod(value, NULL) : 0.0;
    switch (option) {
    case 'c': options->controllers = number; break;
    case 'p': options->period_ms = number; break;
    case 'u': options->subscribe = true; break;
    case 's': options->stations_played = number; break;
    case 'e': options->name = value; break;
    case 'l': options->stations = number; break;
    case 'r': options->readings = number; break;
    case 'k': options->cameras = number; break;
    case 'b': options->batches_per_s = real; break;
    case 't': options->seconds = real; break;
    case 'a': options->ramp_per_s = number; break;
    case 'h': options->churn_per_s = real; break;
    case 'o': options->storms = number; break;
    default: break;
    }
}

// What is played of one kind of thing; the caller frees it.
static struct load_part part_of(const struct network *network, int32_t region, int32_t count,
                                int32_t (*intersection_of)(const struct network *network, int32_t index))
{
    int32_t *at = memory_take((size_t)count, sizeof *at), kept = 0;
    for (int32_t i = 0; i < count; i++) {
        int32_t intersection = intersection_of(network, i);
        int32_t its = intersection == INDEX_NONE ? 0 : network->intersections[intersection].region;
        if (region == NAME_NONE || its == region) {
            at[kept++] = i;
        }
    }
    return (struct load_part){ at, kept };
}

static int32_t itself(const struct network *network, int32_t index)
{
    (void)network;
    return index;
}

static int32_t of_detector(const struct network *network, int32_t index)
{
    return network->detectors[index].intersection;
}

static int32_t of_camera(const struct network *network, int32_t index)
{
    return network->cameras[index].intersection;
}

static void parts_fill(struct load_options *options, const struct network *network, int32_t region)
{
    options->intersections = part_of(network, region, network->intersection_count, itself);
    options->detectors = part_of(network, region, network->detector_count, of_detector);
    options->cameras_played = part_of(network, region, network->camera_count, of_camera);
}

static void parts_release(struct load_options *options)
{
    free((void *)options->intersections.at);
    free((void *)options->detectors.at);
    free((void *)options->cameras_played.at);
}

// NULL, or what is wrong. Fills what follows from the rest.
static const char *options_check(struct load_options *options, const struct network *network)
{
    options->network = network;
    options->stations = options->stations == 0 ? options->stations_played : options->stations;
    options->batches_per_s = options->batches_per_s < 0.0 ? options->stations_played : options->batches_per_s;
    if (options->controllers < 0 || options->controllers > options->intersections.count) {
        return "more controllers than intersections";
    }
    if (options->stations < 0 || options->stations > options->stations_played
        || options->controllers + options->stations > LINK_COUNT_MAX
        || options->controllers + options->stations == 0) {
        return "no links, more connections than stations, or too many links";
    }
    if (options->readings < 0 || options->readings > options->detectors.count || options->readings > 4096
        || options->cameras < 0 || options->cameras > options->cameras_played.count || options->cameras > 4096
        || options->readings + options->cameras == 0) {
        return "a batch has more readings than the network has sensors, or than 4096, or none";
    }
    if (options->period_ms < 10 || options->ramp_per_s < 1 || options->storms < 0
        || options->storms > LOAD_STORM_COUNT_MAX || !(options->batches_per_s >= 0.0)
        || !(options->churn_per_s >= 0.0) || !(options->seconds >= 0.0 && options->seconds <= SECONDS_MAX)) {
        return "a number is out of its range";
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static const struct option OPTIONS[] = {
        { "network", required_argument, NULL, 'n' }, { "daemon", required_argument, NULL, 'd' },
        { "controllers", required_argument, NULL, 'c' }, { "period-ms", required_argument, NULL, 'p' },
        { "subscribe", no_argument, NULL, 'u' }, { "region", required_argument, NULL, 'g' },
        { "stations", required_argument, NULL, 's' },
        { "name", required_argument, NULL, 'e' }, { "connections", required_argument, NULL, 'l' },
        { "readings", required_argument, NULL, 'r' },
        { "cameras", required_argument, NULL, 'k' }, { "batches-per-s", required_argument, NULL, 'b' },
        { "seconds", required_argument, NULL, 't' }, { "ramp", required_argument, NULL, 'a' },
        { "churn", required_argument, NULL, 'h' }, { "storms", required_argument, NULL, 'o' }, { 0 },
    };
    signal(SIGUSR1, on_signal);
    signal(SIGTERM, on_signal);
    struct load_options options = { .told = &told, .name = "station", .period_ms = 1000, .readings = 16,
        .batches_per_s = -1.0, .seconds = 10.0, .ramp_per_s = 4000 };
    const char *network_path = NULL, *region = NULL;
    for (int option; (option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        if (option == '?' || (option == 'd' && !addresses_read(optarg, &options))) {
            return misused("wrong option or address");
        }
        network_path = option == 'n' ? optarg : network_path;
        region = option == 'g' ? optarg : region;
        option_take(&options, option, optarg);
    }
    if (network_path == NULL || options.address_count == 0) {
        return misused("--network and --daemon are needed");
    }
    struct problem problem;
    struct network network;
    static struct load_counts counts;
    if (network_file_load(network_path, &network, &problem) != STATUS_OK) {
        (void)fprintf(stderr, "load: %s\n", problem.text);
        return 1;
    }
    int32_t region_index = region == NULL ? NAME_NONE : names_find(&network.regions, region);
    parts_fill(&options, &network, region_index);
    const char *wrong = region != NULL && region_index == NAME_NONE ? "the network has no such region"
                                                                    : options_check(&options, &network);
    bool played = wrong == NULL && load_play(&options, &counts, &problem);
    if (played) {
        print_seconds(&counts);
        print(&options, &counts);
        free(counts.pull_ms);
    } else {
        (void)fprintf(stderr, "load: %s\n", wrong != NULL ? wrong : problem.text);
    }
    parts_release(&options);
    network_release(&network);
    return played ? 0 : wrong != NULL ? 2 : 1;
}
