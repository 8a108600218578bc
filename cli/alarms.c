// alarms.c: what is wrong now and was of late, as a running daemon has it; and that somebody has seen it.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/operator_link.h"
#include "cli/run.h"
#include "cli/usage.h"

static const char USAGE[] =
    "usage: intergreen alarms [--in-force] [--intersection NAME] [--json] --daemon ADDRESS\n"
    "       intergreen alarms acknowledge ID|all --daemon ADDRESS\n"
    OPERATOR_LINK_HELP
    "  --in-force            without those that have ended\n"
    "  --intersection NAME   of one intersection alone\n"
    "  --json                one JSON object; times in ms since 1970\n"
    "An alarm that comes again wants to be acknowledged again. What happened once and cannot end (a crash, a disk\n"
    "that lost seconds of the recording) ends when it is acknowledged.\n";

struct alarms_options {
    struct operator_link link;
    const char *intersection;
    bool json, in_force;
};

static const struct option OPTIONS[] = {
    OPERATOR_LINK_OPTIONS,
    { "in-force", no_argument, NULL, 'f' },
    { "intersection", required_argument, NULL, 'x' },
    { "json", no_argument, NULL, 'j' },
    { "help", no_argument, NULL, 'h' },
    { 0 },
};

static const char *severity_name(enum alarm_severity severity)
{
    return severity == ALARM_CRITICAL ? "critical" : "warning";
}

static bool wanted(const struct alarms_options *options, const struct alarm_row *row)
{
    return (!options->in_force || row->ended_ms == 0)
        && (options->intersection == NULL || strcmp(options->intersection, row->intersection) == 0);
}

static void print_json(const struct alarms_options *options, const struct alarms_said *alarms)
{
    const char *between = "";
    printf("{\"now_ms\":%" PRId64 ",\"left_out\":%" PRIu32 ",\"alarms\":[", alarms->now_ms, alarms->left_out);
    for (int32_t i = 0; i < alarms->row_count; i++) {
        const struct alarm_row *row = &alarms->rows[i];
        if (!wanted(options, row)) {
            continue;
        }
        printf("%s{\"id\":%" PRIu32 ",\"severity\":\"%s\",\"in_force\":%s,\"since_ms\":%" PRId64 ",\"ended_ms\":",
               between, row->id, severity_name(row->severity), row->ended_ms == 0 ? "true" : "false", row->since_ms);
        printf(row->ended_ms == 0 ? "null" : "%" PRId64, row->ended_ms);
        printf(",\"times\":%" PRIu32 ",\"intersection\":", row->times);
        row->intersection[0] != '\0' ? json_string_print(row->intersection) : (void)fputs("null", stdout);
        printf(",\"text\":");
        json_string_print(row->text);
        printf(",\"acknowledged_by\":");
        row->acknowledged_ms != 0 ? json_string_print(row->acknowledged_by) : (void)fputs("null", stdout);
        printf(",\"acknowledged_ms\":");
        printf(row->acknowledged_ms == 0 ? "null" : "%" PRId64, row->acknowledged_ms);
        putchar('}');
        between = ",";
    }
    printf("]}\n");
}

static void print_row(const struct alarm_row *row)
{
    char since[TIME_TEXT_BYTES], ended[TIME_TEXT_BYTES], seen[TIME_TEXT_BYTES];
    printf("%5" PRIu32 "  %-8s  %-19s  %-19s  %-16s  %s", row->id, severity_name(row->severity),
           time_text(row->since_ms, since), row->ended_ms == 0 ? "in force" : time_text(row->ended_ms, ended),
           row->intersection[0] != '\0' ? row->intersection : "-", row->text);
    if (row->times > 1) {
        printf(" (%" PRIu32 " times)", row->times);
    }
    if (row->acknowledged_ms != 0) {
        printf(" [acknowledged by %s, %s]", row->acknowledged_by, time_text(row->acknowledged_ms, seen));
    }
    putchar('\n');
}

static void print_table(const struct alarms_options *options, const struct alarms_said *alarms)
{
    int32_t in_force = 0, shown = 0;
    for (int32_t i = 0; i < alarms->row_count; i++) {
        const struct alarm_row *row = &alarms->rows[i];
        in_force += row->ended_ms == 0;
        if (wanted(options, row)) {
            if (shown++ == 0) {
                printf("%5s  %-8s  %-19s  %-19s  %-16s  %s\n", "ID", "SEVERITY", "SINCE", "ENDED", "INTERSECTION",
                       "WHAT");
            }
            print_row(row);
        }
    }
    printf("%s%" PRId32 " in force\n", shown > 0 ? "" : "no alarms to show; ", in_force);
    if (alarms->left_out > 0) {
        printf("%" PRIu32 " more found no room in the daemon's table\n", alarms->left_out);
    }
}

static enum status list(struct daemon_link *link, const struct alarms_options *options, struct problem *problem)
{
    struct client_event event;
    enum status status = operator_ask(link, wire_put_alarms_request(daemon_link_out(link), 1), CLIENT_ALARMS, &event,
                                      problem);
    if (status == STATUS_OK) {
        (options->json ? print_json : print_table)(options, &event.alarms);
    }
    return status;
}

static enum status acknowledge(struct daemon_link *link, uint32_t id, const char *said, struct problem *problem)
{
    struct client_event event;
    enum status status = operator_ask(link, wire_put_alarm_acknowledge(daemon_link_out(link), 1, id),
                                      CLIENT_REQUEST_RESULT, &event, problem);
    if (status == STATUS_OK && !event.request_result.accepted) {
        return problem_report(problem, STATUS_UNKNOWN, "alarm", said, "`intergreen alarms` lists them.", "%s",
                              event.request_result.text != NULL ? event.request_result.text : "refused");
    }
    if (status == STATUS_OK) {
        printf("acknowledged: %s\n", said);
    }
    return status;
}

// The words after the options: none, or acknowledge ID. false: something else.
static bool words_read(int count, char **words, bool *ret_acknowledge, uint32_t *ret_id)
{
    char *end = NULL;
    *ret_acknowledge = count == 2 && strcmp(words[0], "acknowledge") == 0;
    if (!*ret_acknowledge) {
        return count == 0;
    }
    *ret_id = 0;
    if (strcmp(words[1], "all") == 0) {
        return true;
    }
    unsigned long id = strtoul(words[1], &end, 10);
    *ret_id = (uint32_t)id;
    return words[1][0] >= '0' && words[1][0] <= '9' && *end == '\0' && id > 0 && id <= UINT32_MAX;
}

int cli_alarms(int argc, char **argv)
{
    struct alarms_options options = { .link = operator_link_default() };
    for (int code; (code = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        switch (code) {
        case 'f': options.in_force = true; break;
        case 'x': options.intersection = optarg; break;
        case 'j': options.json = true; break;
        default:
            if (!operator_link_option(&options.link, code, optarg)) {
                if (code != 'h') {
                    return usage_hint("alarms");
                }
                fputs(USAGE, stdout);
                return CLI_DONE;
            }
        }
    }
    bool acknowledges;
    uint32_t id;
    if (!words_read(argc - optind, argv + optind, &acknowledges, &id)) {
        return usage_wrong("alarms", "say nothing more, or acknowledge and the ID of an alarm or all");
    }
    if (!operator_link_named(&options.link, "alarms")) {
        return CLI_USAGE;
    }
    struct problem problem;
    struct daemon_link *link = NULL;
    enum status status = operator_connect(&options.link, &link, &problem);
    if (status == STATUS_OK) {
        status = acknowledges ? acknowledge(link, id, argv[optind + 1], &problem) : list(link, &options, &problem);
    }
    daemon_link_close(link);
    return status == STATUS_OK ? CLI_DONE : run_failed(status, &problem);
}
