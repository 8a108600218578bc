// replay.c: a recorded day again. --exact: the same brain must give the same plans.
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/controls.h"
#include "cli/replay_what_if.h"
#include "cli/run.h"
#include "cli/usage.h"
#include "engine/import/site_data.h"
#include "engine/model/units.h"
#include "engine/record/record_codec.h"
#include "sim/replay/exact.h"
#include "sim/replay/what_if.h"

struct replay_options {
    const char *day, *network, *site;
    const char *control;              // strategies, by commas; NULL without --control
    uint64_t seed;
    int draws, draws_max;             // of a day's trips
    bool exact, json, quiet;
    int threads;
    const char *mapping, *recorded;   // of a file of counts
    struct day_time from, until;
    struct import_options import;
};

static const char USAGE[] =
    "usage: intergreen replay DAY --exact [--from T] [--until T] …\n"
    "       intergreen replay DAY --control STRATEGY[,STRATEGY…] [--seed S] …\n"
    "       intergreen replay COUNTS --control STRATEGY[,STRATEGY…] --network FILE [--mapping FILE] …\n"
    "  DAY                     a recording (*.igr)\n"
    "  COUNTS                  counts of detectors: PeMS (30 s, 5 min), UTD19, SUMO's detector output, or\n"
    "                          begin_s,end_s,detector,vehicles\n"
    "  --mapping FILE          source,lane,place,factor: which of them is which detector or link of the network\n"
    "  --exact                 feed it to the brain again: every plan must be the recorded one, byte for byte\n"
    "  --control STRATEGY      what if: trips that explain the counts, driven under the recorded strategy and\n"
    "                          under these\n"
    "  --recorded STRATEGY     the one that ran that day (default: what the recording says; program)\n"
    "  --network FILE          default: the file that the recording names\n"
    "  --site DIR              the site data that it was made with\n"
    "  --intergreen-s X        ... and the intergreen, where --intergreen-s was said then\n"
    "  --seed S --seeds N      draws of the trips: N seeds from S on, means and their 95 % intervals (default: 3\n"
    "                          from 1, and up to 9 where chance alone may part two strategies)\n"
    "  --threads T             segments at once, or of street and brain (default: one a core)\n"
    "  --json --quiet          one object, last on standard output; no progress\n"
    "  --from T --until T      a part of it (exact: the blocks that reach into it). T: seconds of its clock,\n"
    "                          17:40 of its first day, or \"2026-11-27 17:40\"\n";

static const struct option OPTIONS[] = {
    { "exact", no_argument, NULL, 'e' }, { "network", required_argument, NULL, 'n' },
    { "threads", required_argument, NULL, 't' }, { "from", required_argument, NULL, 'f' },
    { "until", required_argument, NULL, 'u' }, { "intergreen-s", required_argument, NULL, 'i' },
    { "site", required_argument, NULL, 's' }, { "mapping", required_argument, NULL, 'm' },
    { "recorded", required_argument, NULL, 'd' },
    { "json", no_argument, NULL, 'j' }, { "quiet", no_argument, NULL, 'q' },
    { "control", required_argument, NULL, 'c' }, { "seed", required_argument, NULL, 'r' },
    { "seeds", required_argument, NULL, 'g' },
    { "help", no_argument, NULL, 'h' }, { 0 },
};

// False: it is none, or out of its bounds, and that is said.
static bool number_option(struct replay_options *options, int code, const char *value)
{
    const char *name = code == 't' ? "threads" : code == 'i' ? "intergreen-s" : code == 'g' ? "seeds" : "seed";
    double high = code == 't' ? 256.0 : code == 'i' ? 60.0 : code == 'g' ? 10000.0 : 9e15, number = 0.0;
    bool (*take)(const char *, const char *, const char *, double, double, double *) =
        code == 'i' ? usage_number : usage_count;
    if (!take("replay", name, value, code == 't' || code == 'g' ? 1.0 : 0.0, high, &number)) {
        return false;
    }
    switch (code) {
    case 't': options->threads = (int)number; break;
    case 'i': options->import.intergreen_ms = (int32_t)ms_from_s(number); break;
    case 'g': options->draws = options->draws_max = (int)number; break;
    default: options->seed = (uint64_t)number;
    }
    return true;
}

static int read_options(int argc, char **argv, struct replay_options *ret)
{
    for (int code; (code = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        switch (code) {
        case 'e': ret->exact = true; break;
        case 'n': ret->network = optarg; break;
        case 'f':
        case 'u':
            if (!day_time_parse(optarg, code == 'f' ? &ret->from : &ret->until)) {
                return usage_wrong("replay", "'%s' is no time: write 63600, 17:40 or \"2026-11-27 17:40\"", optarg);
            }
            break;
        case 'm': ret->mapping = optarg; break;
        case 'd': ret->recorded = optarg; break;
        case 's': ret->site = optarg; break;
        case 'c': ret->control = optarg; break;
        case 't': case 'i': case 'g': case 'r':
            if (!number_option(ret, code, optarg)) {
                return CLI_USAGE;
            }
            break;
        case 'j': ret->json = true; break;
        case 'q': ret->quiet = true; break;
        default:
            if (code != 'h') {
                return usage_hint("replay");
            }
            fputs(USAGE, stdout);
            return CLI_DONE;
        }
    }
    if (argc - optind != 1) {
        return usage_wrong("replay", "name one recording or file of counts");
    }
    if (ret->exact == (ret->control != NULL)) {
        return usage_wrong("replay", "say either --exact or --control");
    }
    if (ret->threads < 1 || ret->threads > 256 || ret->draws < 1 || ret->draws > WHAT_IF_DRAW_COUNT_MAX) {
        return usage_wrong("replay", "--threads is 1 to 256, --seeds is 1 to %d", WHAT_IF_DRAW_COUNT_MAX);
    }
    if (ret->control != NULL && !controls_known(ret->control)) {
        return CLI_USAGE;
    }
    ret->day = argv[optind];
    return -1;
}

// The network file that the recording names in its first header.
static bool recording_names(const struct recording *recording, struct record_header *ret)
{
    if (recording->block_count == 0) {
        return false;
    }
    struct recording_stream *stream = recording_stream_open(recording, 0);
    struct cursor bytes;
    struct record record;
    bool found = recording_next(stream, &bytes) == STATUS_OK && record_open(bytes, &record) == STATUS_OK
        && record.kind == RECORD_HEADER && record_get_header(record.body, ret) == STATUS_OK;
    recording_stream_release(stream);
    return found;
}

static enum status network_open(const struct replay_options *options, const struct recording *recording,
                                struct network *ret, struct problem *problem)
{
    struct record_header header;
    const char *path = options->network;
    if (path == NULL && recording != NULL && recording_names(recording, &header) && header.network[0] != '\0') {
        path = header.network;
    }
    if (path == NULL) {
        return problem_report(problem, STATUS_RANGE, options->day, NULL, "Name the network with --network.",
                              "does not say of which network it is");
    }
    enum status status = import_network(path, &options->import, ret, NULL, problem);
    if (status == STATUS_IO && options->network == NULL) {
        return problem_report(problem, status, options->day, NULL, "Name it with --network.",
                              "the network that it was made with, %s, cannot be read from here", path);
    }
    if (status == STATUS_OK && options->site != NULL) {
        status = site_apply(ret, options->site, NULL, problem);
        if (status != STATUS_OK) {
            network_release(ret);
        }
    }
    return status;
}

static void progress(void *owner, int32_t done, int32_t blocks)
{
    const struct replay_options *options = owner;
    if (!options->quiet && isatty(STDERR_FILENO)) {
        fprintf(stderr, "\rreplay: %d of %d blocks%s", done, blocks, done == blocks ? "\n" : "");
    }
}

static void print_json(const struct exact_report *report)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "steps", json_integer(report->steps));
    (void)json_object_set_new(object, "plans", json_integer(report->plans));
    (void)json_object_set_new(object, "readings", json_integer(report->readings));
    (void)json_object_set_new(object, "steps_differing", json_integer(report->steps_differing));
    (void)json_object_set_new(object, "first_difference_ms",
                              report->steps_differing > 0 ? json_integer(report->first.at_ms) : json_null());
    (void)json_object_set_new(object, "first_difference", json_string(report->steps_differing > 0
                                                                      ? report->first.text.text : ""));
    (void)json_object_set_new(object, "blocks", json_integer(report->blocks));
    (void)json_object_set_new(object, "blocks_damaged", json_integer(report->blocks_damaged));
    (void)json_object_set_new(object, "blocks_skipped", json_integer(report->blocks_skipped));
    (void)json_object_set_new(object, "segments", json_integer(report->segments));
    (void)json_object_set_new(object, "step_core_s", json_real(report->step_core_s));
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
    fputc('\n', stdout);
    json_decref(object);
}

static void print_text(const struct replay_options *options, const struct recording *recording,
                       const struct exact_report *report)
{
    printf("%s: %" PRId64 " steps with %" PRId64 " readings gave %" PRId64 " plans, in %d segments\n", options->day,
           report->steps, report->readings, report->plans, report->segments);
    if (!recording->closed) {
        printf("  it was not closed: it ends with the last second that was whole\n");
    }
    if (recording->damage_count > 0 || report->blocks_damaged > 0) {
        printf("  damaged: %d places (the first at byte %" PRIu64 "), %d blocks left out from there\n",
               recording->damage_count, recording->damage_offset, report->blocks_damaged);
    }
    if (report->blocks_skipped > 0) {
        printf("  %d blocks were skipped: their snapshot is of another build\n", report->blocks_skipped);
    }
    if (report->steps_differing == 0) {
        printf("  every plan is the recorded one\n");
    } else {
        printf("  DIFFERENT in %" PRId64 " steps, first at %.3f s: %s\n", report->steps_differing,
               s_from_ms(report->first.at_ms), report->first.text.text);
    }
}

static enum status replay_exactly(const struct replay_options *options, const struct network *network,
                                  const struct recording *recording, bool *ret_same, struct problem *problem)
{
    int64_t begin_ms = recording->block_count > 0 ? recording->blocks[0].first_ms : 0;
    struct exact_options exact = { .threads = options->threads, .progress = progress, .owner = (void *)options,
        .from_ms = day_time_ms(&options->from, begin_ms, INT64_MIN),
        .until_ms = day_time_ms(&options->until, begin_ms, INT64_MAX) };
    struct exact_report report;
    enum status status = exact_replay(network, recording, &exact, &report, problem);
    if (status == STATUS_OK) {
        *ret_same = report.steps_differing == 0 && report.steps > 0;
        options->json ? print_json(&report) : print_text(options, recording, &report);
    }
    return status;
}

// Counts in a file, not a recording.
static int replay_file(const struct replay_options *options, const struct replay_wish *wish)
{
    struct problem problem;
    struct network network;
    enum status status = network_open(options, NULL, &network, &problem);
    if (status == STATUS_OK) {
        status = replay_counts(wish, &network, options->day, &problem);
        network_release(&network);
    }
    return status == STATUS_OK ? CLI_DONE : run_failed(status, &problem);
}

static int replay(const struct replay_options *options)
{
    struct problem problem;
    struct recording *recording = NULL;
    struct network network;
    bool same = true;
    struct replay_wish wish = { .control = options->control, .threads = options->threads, .seed = options->seed,
        .draws = options->draws, .draws_max = options->draws_max, .mapping = options->mapping,
        .recorded = options->recorded, .from = options->from, .until = options->until, .json = options->json,
        .quiet = options->quiet };
    if (!options->exact && !recording_is(options->day)) {
        return replay_file(options, &wish);
    }
    enum status status = recording_open(options->day, &recording, &problem);
    if (status != STATUS_OK) {
        return run_failed(status, &problem);
    }
    status = network_open(options, recording, &network, &problem);
    if (status != STATUS_OK) {
        recording_release(recording);
        return run_failed(status, &problem);
    }
    status = options->exact ? replay_exactly(options, &network, recording, &same, &problem)
                            : replay_what_if(&wish, &network, recording, &problem);
    network_release(&network);
    recording_release(recording);
    return status != STATUS_OK ? run_failed(status, &problem) : same ? CLI_DONE : CLI_FAILED;
}

int cli_replay(int argc, char **argv)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct replay_options options = { .threads = cores < 1 ? 1 : cores > 256 ? 256 : (int)cores, .seed = 1,
        .draws = 3, .draws_max = 9, .import = { .intergreen_ms = -1 } };
    int code = read_options(argc, argv, &options);
    return code >= 0 ? code : replay(&options);
}
