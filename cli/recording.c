// recording.c: what is in a recording, a part of it, several as one, and its rows.
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/recording_csv.h"
#include "cli/run.h"
#include "cli/usage.h"
#include "engine/base/memory.h"
#include "engine/model/units.h"
#include "engine/record/record_codec.h"
#include "sim/replay/day_time.h"

static const char USAGE[] =
    "usage: intergreen recording info FILE …\n"
    "       intergreen recording cut FILE --from T --until T -o OUT\n"
    "       intergreen recording merge FILE … -o OUT\n"
    "       intergreen recording csv FILE --kind KIND [--intersection NAME] [--from T] [--until T] [--network FILE]\n"
    "  T                       17:40 of the recording's first day, \"2026-11-27 17:40\", or seconds of its clock\n"
    "                          (UTC; a simulator's day is day 0)\n"
    "  KIND                    loops, edges, cameras, plans, reports, events or high-resolution\n";

struct recording_options {
    struct day_time from, until;
    const char *out, *kind, *intersection, *network;
};

static const struct option OPTIONS[] = {
    { "from", required_argument, NULL, 'f' }, { "until", required_argument, NULL, 'u' },
    { "output", required_argument, NULL, 'o' }, { "kind", required_argument, NULL, 'k' },
    { "intersection", required_argument, NULL, 'i' }, { "network", required_argument, NULL, 'n' },
    { "help", no_argument, NULL, 'h' }, { 0 },
};

static int64_t begin_ms(const struct recording *recording)
{
    return recording->block_count > 0 ? recording->blocks[0].first_ms : 0;
}

static int64_t from_ms(const struct recording_options *options, const struct recording *recording)
{
    return day_time_ms(&options->from, begin_ms(recording), INT64_MIN);
}

static int64_t until_ms(const struct recording_options *options, const struct recording *recording)
{
    return day_time_ms(&options->until, begin_ms(recording), INT64_MAX);
}

// An instant of the recording's clock, as a person reads it.
static const char *instant(int64_t at_ms, char *text, size_t bytes)
{
    time_t second = (time_t)(quantum_floor(at_ms, MS_PER_S) / MS_PER_S);
    struct tm at;
    if (gmtime_r(&second, &at) == NULL || strftime(text, bytes, "%Y-%m-%d %H:%M:%S", &at) == 0) {
        (void)snprintf(text, bytes, "%.3f s", s_from_ms(at_ms));
    }
    return at_ms >= 0 && at_ms < 10 * (int64_t)MS_PER_DAY ? text + 11 : text;   // A simulator's day has no date.
}

// ---- info ---------------------------------------------------------------------------------------------------------

struct tally {
    int64_t records[RECORD_KIND_COUNT];
    int32_t damaged_blocks;
    struct record_header header;
    bool named;
};

static void tally_block(const struct recording *recording, int32_t block, struct tally *tally)
{
    struct recording_stream *stream = recording_stream_open(recording, block);
    struct cursor bytes;
    struct record record;
    enum status status;
    while ((status = recording_next(stream, &bytes)) == STATUS_OK) {
        if (record_open(bytes, &record) == STATUS_OK) {
            tally->records[record.kind]++;
            if (record.kind == RECORD_HEADER && !tally->named) {
                tally->named = record_get_header(record.body, &tally->header) == STATUS_OK;
            }
        }
    }
    tally->damaged_blocks += status != STATUS_UNKNOWN;
    recording_stream_release(stream);
}

static void info_print(const struct recording *recording)
{
    struct tally tally = { 0 };
    uint64_t raw = 0;
    for (int32_t b = 0; b < recording->block_count; b++) {
        tally_block(recording, b, &tally);
        raw += recording->blocks[b].raw_bytes;
    }
    printf("%s: %.1f MiB, %.1f uncompressed, %d blocks\n", recording->path, (double)recording->bytes / 1048576.0,
           (double)raw / 1048576.0, recording->block_count);
    if (recording->block_count > 0) {
        char from[64], until[64];
        int64_t first_ms = recording->blocks[0].first_ms;
        int64_t last_ms = recording->blocks[recording->block_count - 1].last_ms;
        printf("  from %.3f s until %.3f s (%s to %s%s)\n", s_from_ms(first_ms), s_from_ms(last_ms),
               instant(first_ms, from, sizeof from), instant(last_ms, until, sizeof until),
               first_ms < 10 * (int64_t)MS_PER_DAY ? " of a simulator's clock" : " UTC");
    }
    if (tally.named) {
        printf("  network %s (fingerprint %016" PRIx64 "), strategy %s, epoch %u.%u, written by %s\n",
               tally.header.network, recording->network_hash, tally.header.strategy, tally.header.epoch,
               tally.header.daemon, tally.header.software);
    }
    for (int kind = RECORD_HEADER; kind < RECORD_KIND_COUNT; kind++) {
        if (tally.records[kind] > 0) {
            printf("  %12" PRId64 " %s\n", tally.records[kind], record_kind_name((enum record_kind)kind));
        }
    }
    if (!recording->closed) {
        printf("  it was not closed: it ends with the last second that was whole\n");
    }
    if (recording->damage_count > 0 || tally.damaged_blocks > 0) {
        printf("  damaged: %d places (the first at byte %" PRIu64 "), %d blocks end early\n", recording->damage_count,
               recording->damage_offset, tally.damaged_blocks);
    }
}

static enum status info(int count, char **paths, struct problem *problem)
{
    enum status status = STATUS_OK;
    for (int i = 0; i < count && status == STATUS_OK; i++) {
        struct recording *recording = NULL;
        status = recording_open(paths[i], &recording, problem);
        if (status == STATUS_OK) {
            info_print(recording);
            recording_release(recording);
        }
    }
    return status;
}

// ---- cut and merge ------------------------------------------------------------------------------------------------

// A chunk that is being filled from the records of a block.
struct copy {
    struct recording_writer *writer;
    LIST_OF(uint8_t) bytes;
    int64_t first_ms, last_ms;
    int64_t records;                  // so far
};

static enum status copy_put(struct copy *copy, struct problem *problem)
{
    if (copy->bytes.count == 0) {
        return STATUS_OK;
    }
    enum status status = recording_put(copy->writer, copy->bytes.at, (size_t)copy->bytes.count, copy->first_ms,
                                       copy->last_ms, problem);
    copy->bytes.count = 0;
    return status;
}

static enum status copy_record(struct copy *copy, struct cursor record, int64_t now_ms, struct problem *problem)
{
    enum status status = STATUS_OK;
    size_t bytes = cursor_bytes(&record);
    if (copy->bytes.count > 0
        && (now_ms - copy->first_ms >= MS_PER_S || (size_t)copy->bytes.count + bytes > (1u << 28))) {
        status = copy_put(copy, problem);
    }
    if (bytes > (1u << 29)) {
        return problem_report(problem, STATUS_LIMIT, "recording", NULL, NULL, "a record of %zu bytes", bytes);
    }
    copy->records++;
    copy->first_ms = copy->bytes.count == 0 ? now_ms : copy->first_ms;
    copy->last_ms = now_ms;
    int32_t used = copy->bytes.count;
    memory_grow((void **)&copy->bytes.at, &copy->bytes.capacity, used + (int32_t)bytes + VARINT_BYTES_MAX, 1);
    uint8_t *at = varint_write(copy->bytes.at + used, bytes);
    memcpy(at, record.at, bytes);
    copy->bytes.count = (int32_t)(at - copy->bytes.at) + (int32_t)bytes;
    return status;
}

// Whole blocks from the one that `from` lies in, up to `until`: a block opens with what is needed to go on from it.
static enum status copy_blocks(struct copy *copy, const struct recording *recording, int64_t begin_ms, int64_t end_ms,
                               struct problem *problem)
{
    enum status status = STATUS_OK;
    for (int32_t b = recording_find(recording, begin_ms);
         b < recording->block_count && recording->blocks[b].first_ms <= end_ms && status == STATUS_OK; b++) {
        if (recording->blocks[b].last_ms < begin_ms) {
            continue;
        }
        struct recording_stream *stream = recording_stream_open(recording, b);
        struct cursor bytes;
        struct record record;
        recording_begin_block(copy->writer);
        enum status next = STATUS_OK;
        while (status == STATUS_OK && (next = recording_next(stream, &bytes)) == STATUS_OK) {
            if (record_open(bytes, &record) == STATUS_OK && record.now_ms <= end_ms) {
                status = copy_record(copy, bytes, record.now_ms, problem);
            }
        }
        status = status == STATUS_OK ? copy_put(copy, problem) : status;
        if (next == STATUS_SYNTAX) {
            fprintf(stderr, "note: %s: block %d is damaged; what is whole of it was taken\n", recording->path, b);
        }
        recording_stream_release(stream);
    }
    return status;
}

static enum status join(int count, char **paths, const struct recording_options *options, struct problem *problem)
{
    struct copy copy = { 0 };
    enum status status = STATUS_OK;
    uint64_t hash = 0;
    int64_t end_ms = INT64_MIN;
    for (int i = 0; i < count && status == STATUS_OK; i++) {
        struct recording *recording = NULL;
        status = recording_open(paths[i], &recording, problem);
        if (status != STATUS_OK) {
            break;
        }
        if (i > 0 && recording->network_hash != hash) {
            status = problem_report(problem, STATUS_VERSION, paths[i], NULL, "Join recordings of one network.",
                                    "is of another network than %s", paths[0]);
        } else if (recording->block_count > 0 && recording->blocks[0].first_ms < end_ms) {
            status = problem_report(problem, STATUS_RANGE, paths[i], NULL, "Name the files in the order of time.",
                                    "begins before the one before it ends");
        } else if (i == 0) {
            hash = recording->network_hash;
            status = recording_create(options->out, hash, &copy.writer, problem);
        }
        if (status == STATUS_OK && recording->block_count > 0) {
            end_ms = recording->blocks[recording->block_count - 1].last_ms;
            status = copy_blocks(&copy, recording, from_ms(options, recording), until_ms(options, recording),
                                 problem);
        }
        recording_release(recording);
    }
    if (status == STATUS_OK && copy.records == 0) {
        status = problem_report(problem, STATUS_RANGE, paths[0], NULL,
                                "See with `intergreen recording info` what it covers.",
                                "holds nothing between --from and --until");
    }
    bool made = copy.writer != NULL;
    struct problem closing;
    enum status closed = recording_close(copy.writer, &closing);
    free(copy.bytes.at);
    if (status == STATUS_OK && closed != STATUS_OK) {
        *problem = closing;
        status = closed;
    }
    if (made && status != STATUS_OK) {
        (void)unlink(options->out);   // Half a file would be taken for a whole one.
    }
    return status;
}

// ---- csv ----------------------------------------------------------------------------------------------------------

static enum status csv(const char *path, const struct recording_options *options, struct problem *problem)
{
    struct recording *recording = NULL;
    enum status status = recording_open(path, &recording, problem);
    if (status != STATUS_OK) {
        return status;
    }
    struct tally tally = { 0 };
    if (recording->block_count > 0) {
        tally_block(recording, 0, &tally);
    }
    const char *network_path = options->network != NULL ? options->network : tally.header.network;
    struct network network;
    struct import_options import = { .intergreen_ms = -1 };
    status = import_network(network_path, &import, &network, NULL, problem);
    if (status == STATUS_IO && options->network == NULL) {
        status = problem_report(problem, status, path, NULL, "Name it with --network.",
                                "the network that it was made with, %s, cannot be read from here", network_path);
    }
    if (status == STATUS_OK) {
        struct csv_options wish = { .kind = options->kind, .intersection = INDEX_NONE,
            .from_ms = from_ms(options, recording), .until_ms = until_ms(options, recording) };
        if (options->intersection != NULL) {
            wish.intersection = network_find_intersection(&network, options->intersection).index;
            status = wish.intersection != INDEX_NONE ? STATUS_OK
                : problem_report(problem, STATUS_UNKNOWN, network_path, options->intersection,
                                 "Names are shown by `intergreen import`.", "has no such intersection");
        }
        status = status == STATUS_OK ? recording_csv(&network, recording, &wish, stdout, problem) : status;
        network_release(&network);
    }
    recording_release(recording);
    return status;
}

int cli_recording(int argc, char **argv)
{
    struct recording_options options = { 0 };
    for (int code; (code = getopt_long(argc, argv, "o:", OPTIONS, NULL)) != -1;) {
        switch (code) {
        case 'f':
        case 'u':
            if (!day_time_parse(optarg, code == 'f' ? &options.from : &options.until)) {
                return usage_wrong("recording", "'%s' is no time: write 63600, 17:40 or \"2026-11-27 17:40\"", optarg);
            }
            break;
        case 'o': options.out = optarg; break;
        case 'k': options.kind = optarg; break;
        case 'i': options.intersection = optarg; break;
        case 'n': options.network = optarg; break;
        default:
            if (code != 'h') {
                return usage_hint("recording");
            }
            fputs(USAGE, stdout);
            return CLI_DONE;
        }
    }
    const char *what = optind < argc ? argv[optind] : "";
    int count = argc - optind - 1;
    char **paths = argv + optind + 1;
    struct problem problem;
    enum status status;
    if (strcmp(what, "info") == 0 && count >= 1) {
        status = info(count, paths, &problem);
    } else if (strcmp(what, "cut") == 0 && count == 1 && options.out != NULL) {
        status = join(count, paths, &options, &problem);
    } else if (strcmp(what, "merge") == 0 && count >= 1 && options.out != NULL) {
        status = join(count, paths, &options, &problem);
    } else if (strcmp(what, "csv") == 0 && count == 1 && options.kind != NULL) {
        status = csv(paths[0], &options, &problem);
    } else {
        return usage_wrong("recording", "say info, cut, merge or csv with what it needs");
    }
    return status == STATUS_OK ? CLI_DONE : run_failed(status, &problem);
}
