// audit.c: the audit log of a daemon: shown, and its chain of hashes checked, from the daemon or from the file.
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/commands.h"
#include "cli/operator_link.h"
#include "cli/run.h"
#include "cli/usage.h"
#include "engine/record/audit.h"

static const char USAGE[] =
    "usage: intergreen audit show [--since T] [--intersection NAME] [--json] --daemon ADDRESS | --file FILE\n"
    "       intergreen audit verify [--expect NUMBER:HASH] --daemon ADDRESS | --file FILE\n"
    OPERATOR_LINK_HELP
    "  --file FILE           the log itself, " AUDIT_FILE_NAME " in the daemon's state folder: nothing need run\n"
    "  --since T             2026-11-29, 2026-11-29T20:15, 2026-11-29T20:15:00 (local time), or 30m, 8h, 7d ago\n"
    "  --intersection NAME   of one intersection alone\n"
    "  --json                one JSON object; times in ms since 1970\n"
    "  --expect NUMBER:HASH  a record that was noted before must stand there: what was cut off at the end shows\n"
    "`verify` says at which record the chain breaks, exit 1; else the last number and hash, to be noted elsewhere.\n";

struct audit_options {
    struct operator_link link;
    const char *file, *since, *intersection, *expect;
    int64_t since_ms;
    bool json;
};

static const struct option OPTIONS[] = {
    OPERATOR_LINK_OPTIONS,
    { "file", required_argument, NULL, 'f' },
    { "since", required_argument, NULL, 's' },
    { "intersection", required_argument, NULL, 'x' },
    { "expect", required_argument, NULL, 'e' },
    { "json", no_argument, NULL, 'j' },
    { "help", no_argument, NULL, 'h' },
    { 0 },
};

static bool since_read(const char *text, int64_t *ret_ms)
{
    static const char *const FORMS[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M",
        "%Y-%m-%d" };
    char *end = NULL;
    double ago = strtod(text, &end);
    double unit_s = strcmp(end, "s") == 0 ? 1.0 : strcmp(end, "m") == 0 ? 60.0 : strcmp(end, "h") == 0 ? 3600.0
        : strcmp(end, "d") == 0 ? 86400.0 : 0.0;
    if (end != text && unit_s > 0.0 && ago >= 0.0 && ago < 1e6) {
        *ret_ms = (int64_t)time(NULL) * 1000 - (int64_t)(ago * unit_s * 1000.0);
        return true;
    }
    for (size_t i = 0; i < sizeof FORMS / sizeof *FORMS; i++) {
        struct tm parts = { .tm_isdst = -1 };
        const char *rest = strptime(text, FORMS[i], &parts);
        if (rest != NULL && *rest == '\0') {
            *ret_ms = (int64_t)mktime(&parts) * 1000;
            return true;
        }
    }
    return false;
}

// What is done with each record, in order. false ends the reading: the problem is told.
struct reader {
    const struct audit_options *options;
    bool (*line)(struct reader *reader, const char *line, size_t bytes, struct problem *problem);
    const char *source;
    struct audit_head head, expected;
    int64_t count, shown;
    bool expected_seen;
};

static const char *text_of(const json_t *record, const char *key)
{
    const char *text = json_string_value(json_object_get(record, key));
    return text != NULL ? text : "";
}

static bool show_line(struct reader *reader, const char *line, size_t bytes, struct problem *problem)
{
    (void)problem;
    const struct audit_options *options = reader->options;
    json_t *record = json_loadb(line, bytes, 0, NULL);
    if (record == NULL) {
        fprintf(stderr, "%s: a line is not a record: `audit verify` says which\n", reader->source);
        return true;
    }
    int64_t time_ms = json_integer_value(json_object_get(record, "time_ms"));
    if (time_ms >= options->since_ms
        && (options->intersection == NULL || strcmp(options->intersection, text_of(record, "intersection")) == 0)) {
        char time[TIME_TEXT_BYTES];
        if (options->json) {
            printf("%s\n%.*s", reader->shown > 0 ? "," : "", (int)bytes, line);
        } else {
            const char *at = text_of(record, "intersection"), *from = text_of(record, "from");
            printf("%6" PRId64 "  %s  %-12s  %-8s  %s%s%s%s%s%s%s\n",
                   (int64_t)json_integer_value(json_object_get(record, "number")), time_text(time_ms, time),
                   text_of(record, "kind"), json_is_true(json_object_get(record, "accepted")) ? "accepted" : "refused",
                   text_of(record, "who"), from[0] != '\0' ? " (" : "", from, from[0] != '\0' ? "): " : ": ",
                   at, at[0] != '\0' ? ": " : "", text_of(record, "text"));
        }
        reader->shown++;
    }
    json_decref(record);
    return true;
}

static bool verify_line(struct reader *reader, const char *line, size_t bytes, struct problem *problem)
{
    const char *why = NULL;
    reader->count++;
    if (!audit_line_follows(line, bytes, &reader->head, &why)) {
        char place[48];
        (void)snprintf(place, sizeof place, "record %" PRId64, reader->count);
        (void)problem_report(problem, STATUS_SYNTAX, reader->source, place,
                             reader->count > 1 ? "The records before it are whole." : NULL,
                             "the chain is broken: %s", why);
        return false;
    }
    if (reader->expected.number == reader->head.number) {
        reader->expected_seen = strcmp(reader->expected.hash, reader->head.hash) == 0;
    }
    return true;
}

static enum status read_file(struct reader *reader, const char *path, struct problem *problem)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return problem_report(problem, STATUS_IO, path, NULL, NULL, "%s", strerror(errno));
    }
    char *line = NULL;
    size_t room = 0;
    bool good = true;
    for (ssize_t bytes; good && (bytes = getline(&line, &room, file)) > 0;) {
        bool whole = line[bytes - 1] == '\n';
        good = whole ? reader->line(reader, line, (size_t)bytes - 1, problem) : false;
        if (!whole) {
            (void)problem_report(problem, STATUS_SYNTAX, path, "the last line", "If the daemon runs, ask again.",
                                 "it is not finished: it is being written, or a crash cut it off");
        }
    }
    bool failed = ferror(file) != 0;
    free(line);
    (void)fclose(file);
    return failed ? problem_report(problem, STATUS_IO, path, NULL, NULL, "it cannot be read to its end")
        : good ? STATUS_OK : STATUS_SYNTAX;
}

static enum status read_daemon(struct reader *reader, bool from_first, struct problem *problem)
{
    struct daemon_link *link = NULL;
    struct client_event event = { 0 };
    enum status status = operator_connect(&reader->options->link, &link, problem);
    struct audit_request request = { .request = 1, .since_ms = from_first ? 0 : reader->options->since_ms };
    bool more = status == STATUS_OK, good = true;
    while (status == STATUS_OK && more && good) {
        status = operator_ask(link, wire_put_audit_request(daemon_link_out(link), &request), CLIENT_AUDIT_PAGE, &event,
                              problem);
        for (int32_t i = 0; status == STATUS_OK && good && i < event.audit_page.record_count; i++) {
            const char *line = event.audit_page.records[i];
            good = reader->line(reader, line, strlen(line), problem);
        }
        more = status == STATUS_OK && event.audit_page.more && event.audit_page.last > request.after;
        request.after = status == STATUS_OK ? event.audit_page.last : 0;
    }
    daemon_link_close(link);
    return status == STATUS_OK && !good ? STATUS_SYNTAX : status;
}

static bool expect_read(const char *text, struct audit_head *ret)
{
    char *end = NULL;
    ret->number = strtoll(text, &end, 10);
    return ret->number > 0 && *end == ':' && strlen(end + 1) == AUDIT_HASH_DIGITS
        && snprintf(ret->hash, sizeof ret->hash, "%s", end + 1) == AUDIT_HASH_DIGITS;
}

static int verify_tell(struct reader *reader)
{
    struct problem problem;
    if (reader->expected.number > 0 && !reader->expected_seen) {
        return run_failed(problem_report(&problem, STATUS_SYNTAX, reader->source, NULL, NULL,
                                         reader->head.number < reader->expected.number
                                         ? "the log ends at record %" PRId64 " and once had %" PRId64
                                           ": records were cut off, or it is another log"
                                         : "the log has %" PRId64 " records, and record %" PRId64
                                           " is not the one that was noted: it was written anew",
                                         reader->head.number, reader->expected.number), &problem);
    }
    if (reader->options->json) {
        printf("{\"whole\":true,\"records\":%" PRId64 ",\"hash\":\"%s\"}\n", reader->count, reader->head.hash);
    } else if (reader->count == 0) {
        printf("whole: no records yet\n");
    } else {
        printf("whole: %" PRId64 " records, the last is %" PRId64 ":%s\n", reader->count, reader->head.number,
               reader->head.hash);
    }
    return CLI_DONE;
}

int cli_audit(int argc, char **argv)
{
    struct audit_options options = { .link = operator_link_default() };
    struct reader reader = { .options = &options };
    for (int code; (code = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        switch (code) {
        case 'f': options.file = optarg; break;
        case 's': options.since = optarg; break;
        case 'x': options.intersection = optarg; break;
        case 'e': options.expect = optarg; break;
        case 'j': options.json = true; break;
        default:
            if (!operator_link_option(&options.link, code, optarg)) {
                if (code != 'h') {
                    return usage_hint("audit");
                }
                fputs(USAGE, stdout);
                return CLI_DONE;
            }
        }
    }
    bool verifies = argc - optind == 1 && strcmp(argv[optind], "verify") == 0;
    bool shows = argc - optind == 1 && strcmp(argv[optind], "show") == 0;
    if (!verifies && !shows) {
        return usage_wrong("audit", "say show or verify");
    }
    if (options.since != NULL && !since_read(options.since, &options.since_ms)) {
        return usage_wrong("audit", "--since: '%s' is no time", options.since);
    }
    if (options.expect != NULL && !expect_read(options.expect, &reader.expected)) {
        return usage_wrong("audit", "--expect: '%s' is not NUMBER:HASH", options.expect);
    }
    if (options.file == NULL && !operator_link_named(&options.link, "audit")) {
        return CLI_USAGE;
    }
    struct problem problem;
    reader.source = options.file != NULL ? options.file : options.link.daemon;
    reader.line = verifies ? verify_line : show_line;
    if (shows && options.json) {
        printf("{\"records\":[");
    }
    enum status status = options.file != NULL ? read_file(&reader, options.file, &problem)
        : read_daemon(&reader, verifies, &problem);
    if (shows && options.json) {
        printf("]}\n");
    }
    if (status != STATUS_OK) {
        return run_failed(status, &problem);
    }
    return verifies ? verify_tell(&reader) : CLI_DONE;
}
