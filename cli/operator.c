// operator.c: what an operator asks of a running daemon: status, plan show, override set, priority request.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/controls.h"
#include "cli/operator_link.h"
#include "cli/run.h"
#include "cli/usage.h"
#include "engine/model/units.h"

struct operator_options {
    struct operator_link link;
    const char *stage, *strategy;
    double seconds, stage_number;
    bool fallback, end, json;
    const char *kind, *route;         // of priority request
    double vehicle, lane, to_stop_m, late_s, departs_in_s;
};

static const struct option OPTIONS[] = {
    OPERATOR_LINK_OPTIONS,
    { "stage", required_argument, NULL, 's' },
    { "strategy", required_argument, NULL, 'g' },
    { "seconds", required_argument, NULL, 't' },
    { "fallback", no_argument, NULL, 'f' },
    { "end", no_argument, NULL, 'e' },
    { "json", no_argument, NULL, 'j' },
    { "kind", required_argument, NULL, 'k' },
    { "route", required_argument, NULL, 'r' },
    { "vehicle", required_argument, NULL, 'v' },
    { "lane", required_argument, NULL, 'l' },
    { "to-stop-m", required_argument, NULL, 'm' },
    { "late-s", required_argument, NULL, 'a' },
    { "departs-in-s", required_argument, NULL, 'i' },
    { "help", no_argument, NULL, 'h' },
    { 0 },
};

// False: the number is none, or out of its bounds, and that is said. A slip must not hold another stage.
static bool number_option(struct operator_options *options, const char *command, int code, const char *value)
{
    const struct { int code; const char *name; double low, high, *to; } NUMBERS[] = {
        { 's', "stage", 0.0, STAGE_COUNT_MAX - 1, &options->stage_number },
        { 't', "seconds", 0.001, 86400.0, &options->seconds }, { 'v', "vehicle", 0.0, 9e15, &options->vehicle },
        { 'l', "lane", 0.0, 63.0, &options->lane }, { 'm', "to-stop-m", 0.0, 999999.0, &options->to_stop_m },
        { 'a', "late-s", 0.0, 999999.0, &options->late_s },
        { 'i', "departs-in-s", 0.0, 3599.0, &options->departs_in_s },
    };
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++) {
        if (code == NUMBERS[i].code) {
            return (code == 's' ? usage_count : usage_number)(command, NUMBERS[i].name, value, NUMBERS[i].low,
                                                              NUMBERS[i].high, NUMBERS[i].to);
        }
    }
    return true;
}

// Words that are no options are left in argv[optind ...].
static int read_options(int argc, char **argv, const char *command, const char *usage, struct operator_options *ret)
{
    *ret = (struct operator_options){ .link = operator_link_default(), .seconds = 300.0 };
    for (int code; (code = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        if (!number_option(ret, command, code, optarg)) {
            return CLI_USAGE;
        }
        switch (code) {
        case 's': ret->stage = optarg; break;
        case 'g': ret->strategy = optarg; break;
        case 'f': ret->fallback = true; break;
        case 'e': ret->end = true; break;
        case 'j': ret->json = true; break;
        case 'k': ret->kind = optarg; break;
        case 'r': ret->route = optarg; break;
        case 't': case 'v': case 'l': case 'm': case 'a': case 'i': break;
        default:
            if (!operator_link_option(&ret->link, code, optarg)) {
                if (code != 'h') {
                    return usage_hint(command);
                }
                printf("%s%s", usage, OPERATOR_LINK_HELP);
                return CLI_DONE;
            }
        }
    }
    return operator_link_named(&ret->link, command) ? -1 : CLI_USAGE;
}

static void print_status(const struct city_status *city)
{
    printf("network %s, strategy %s, store %s, epoch %u, daemon %u\n", city->network, city->strategy, city->store,
           city->epoch, city->daemon);
    printf("  intersections %u: %u reported, %u overridden, %u in fallback\n", city->intersections,
           city->intersections_reported, city->intersections_overridden, city->intersections_fallback);
    printf("  sessions      %u detectors, %u controllers, %u operators, %u simulators\n", city->sessions[ROLE_DETECTOR],
           city->sessions[ROLE_CONTROLLER], city->sessions[ROLE_OPERATOR], city->sessions[ROLE_SIMULATOR]);
    printf("  steps         %llu, last %.2f ms, longest %.2f ms; %llu plans\n", (unsigned long long)city->steps,
           city->step_us_last / 1000.0, city->step_us_max / 1000.0, (unsigned long long)city->plans);
    printf("  readings      %llu used, %llu refused, %llu shed; %llu plans refused by the guard\n",
           (unsigned long long)city->readings_used, (unsigned long long)city->readings_refused,
           (unsigned long long)city->readings_shed, (unsigned long long)city->guard_refused);
    for (int32_t i = 0; i < city->alarms.count; i++) {
        printf("  alarm         %s\n", city->alarms.names[i]);
    }
}

int cli_status(int argc, char **argv)
{
    struct operator_options options;
    int code = read_options(argc, argv, "status", "usage: intergreen status --daemon ADDRESS\n", &options);
    if (code >= 0) {
        return code;
    }
    struct problem problem;
    struct daemon_link *link = NULL;
    enum status status = operator_connect(&options.link, &link, &problem);
    if (status == STATUS_OK) {
        struct status_request request = { .request = 1 };
        struct client_event event;
        status = operator_ask(link, wire_put_status_request(daemon_link_out(link), &request), CLIENT_STATUS, &event,
                              &problem);
        if (status == STATUS_OK) {
            print_status(&event.status);
        }
    }
    daemon_link_close(link);
    return status == STATUS_OK ? CLI_DONE : run_failed(status, &problem);
}

static void print_plan_json(const char *name, const struct plan *plan)
{
    printf("{\"intersection\":");
    json_string_print(name);
    printf(",\"version\":\"%u.%u.%u\",\"kind\":\"%s\",\"base_ms\":%lld,\"valid_from_ms\":%lld,\"valid_until_ms\":%lld"
           ",\"cycle_ms\":%d,\"offset_ms\":%d,\"coordinated_stage\":%d,\"greens\":[", plan->version.epoch,
           plan->version.daemon, plan->version.sequence, plan->kind == PLAN_CYCLIC ? "cyclic" : "rolling",
           (long long)plan->base_ms, (long long)plan->valid_from_ms, (long long)plan->valid_until_ms, plan->cycle_ms,
           plan->offset_ms, plan->coordinated_stage);
    for (int32_t i = 0; i < plan->green_count; i++) {
        const struct green *green = &plan->greens[i];
        printf("%s{\"group\":%d,\"stage\":%d,\"start_ms\":%d,\"end_ms\":%d}", i > 0 ? "," : "", green->group,
               green->stage, green->start_ms, green->end_ms);
    }
    printf("]}\n");
}

static void print_plan(const char *name, const struct plan *plan)
{
    char from[TIME_ISO_BYTES], until[TIME_ISO_BYTES];
    printf("intersection %s, plan %u.%u.%u, %s, valid from %s to %s\n", name, plan->version.epoch,
           plan->version.daemon, plan->version.sequence, plan->kind == PLAN_CYCLIC ? "cyclic" : "rolling",
           time_iso(plan->valid_from_ms, from), time_iso(plan->valid_until_ms, until));
    if (plan->kind == PLAN_CYCLIC) {
        printf("  cycle %g s, offset %g s, coordinated stage %d\n", s_from_ms(plan->cycle_ms),
               s_from_ms(plan->offset_ms), plan->coordinated_stage);
    }
    for (int32_t i = 0; i < plan->green_count; i++) {
        const struct green *green = &plan->greens[i];
        printf("  group %2d  stage %2d  green %8.1f to %8.1f s\n", green->group, green->stage,
               s_from_ms(green->start_ms), s_from_ms(green->end_ms));
    }
}

int cli_plan(int argc, char **argv)
{
    static const char USAGE[] = "usage: intergreen plan show INTERSECTION [--json] --daemon ADDRESS\n";
    struct operator_options options;
    int code = read_options(argc, argv, "plan", USAGE, &options);
    if (code >= 0) {
        return code;
    }
    if (argc - optind != 2 || strcmp(argv[optind], "show") != 0) {
        return usage_wrong("plan", "say show and one intersection");
    }
    const char *name = argv[optind + 1];
    struct problem problem;
    struct daemon_link *link = NULL;
    enum status status = operator_connect(&options.link, &link, &problem);
    if (status == STATUS_OK) {
        struct plan_request request = { .request = 1, .intersection = INDEX_NONE, .name = name };
        struct client_event event;
        status = operator_ask(link, wire_put_plan_request(daemon_link_out(link), &request), CLIENT_PLAN, &event,
                              &problem);
        if (status == STATUS_OK) {
            (options.json ? print_plan_json : print_plan)(name, &event.plan);
        }
    }
    daemon_link_close(link);
    return status == STATUS_OK ? CLI_DONE : run_failed(status, &problem);
}

// false: what is asked for is no override, and that is said.
static bool override_of(const struct operator_options *options, struct override_request *ret)
{
    int chosen = (options->stage != NULL) + (options->strategy != NULL) + options->fallback + options->end;
    if (chosen != 1) {
        (void)usage_wrong("override", "say one of --stage, --strategy, --fallback and --end");
        return false;
    }
    if (options->strategy != NULL && !control_known("override", options->strategy)) {
        return false;
    }
    ret->duration_ms = (int32_t)ms_from_s(options->seconds);
    ret->what.kind = options->stage != NULL ? OVERRIDE_STAGE : options->strategy != NULL ? OVERRIDE_STRATEGY
        : options->fallback ? OVERRIDE_FALLBACK : OVERRIDE_NONE;
    ret->what.stage = options->stage != NULL ? (int32_t)options->stage_number : INDEX_NONE;
    (void)snprintf(ret->what.strategy, sizeof ret->what.strategy, "%s",
                   options->strategy != NULL ? options->strategy : "");
    return true;
}

// Says what became of a request, and hangs up.
static int result_tell(enum status status, const struct client_event *event, const char *subject, bool json,
                       struct daemon_link *link, struct problem *problem)
{
    if (status == STATUS_OK && !event->request_result.accepted) {
        status = problem_report(problem, STATUS_REFUSED, subject, NULL, NULL, "%s",
                                event->request_result.text != NULL ? event->request_result.text : "refused");
    }
    if (status == STATUS_OK) {
        int64_t until_ms = event->request_result.until_ms;
        char until[TIME_ISO_BYTES];
        if (json) {
            printf("{\"accepted\":true,\"until_ms\":%lld}\n", (long long)until_ms);
        } else {
            printf("accepted until %s\n", time_iso(until_ms, until));
        }
    }
    daemon_link_close(link);
    return status == STATUS_OK ? CLI_DONE : run_failed(status, problem);
}

int cli_override(int argc, char **argv)
{
    static const char USAGE[] =
        "usage: intergreen override set INTERSECTION --stage N | --strategy NAME | --fallback | --end\n"
        "                  [--seconds S] [--json] --daemon ADDRESS\n";
    struct operator_options options;
    struct override_request request = { .request = 1 };
    int code = read_options(argc, argv, "override", USAGE, &options);
    if (code >= 0) {
        return code;
    }
    if (argc - optind != 2 || strcmp(argv[optind], "set") != 0) {
        return usage_wrong("override", "say set and one intersection");
    }
    if (!override_of(&options, &request)) {
        return CLI_USAGE;
    }
    request.intersection_name = argv[optind + 1];
    request.what.intersection = INDEX_NONE;
    struct problem problem;
    struct daemon_link *link = NULL;
    struct client_event event = { .kind = CLIENT_NOTHING };
    enum status status = operator_connect(&options.link, &link, &problem);
    if (status == STATUS_OK) {
        status = operator_ask(link, wire_put_override(daemon_link_out(link), &request), CLIENT_REQUEST_RESULT, &event,
                              &problem);
    }
    return result_tell(status, &event, request.intersection_name, options.json, link, &problem);
}

#define ROUTE_NAME_COUNT_MAX 256

// Splits "a,b,c" in place. Returns how many, -1 when there are more than fit.
static int32_t route_split(char *text, const char **ret)
{
    int32_t count = 0;
    for (char *rest = NULL, *name = strtok_r(text, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest)) {
        if (count == ROUTE_NAME_COUNT_MAX) {
            return -1;
        }
        ret[count++] = name;
    }
    return count;
}

int cli_priority(int argc, char **argv)
{
    static const char USAGE[] =
        "usage: intergreen priority request LINK --kind emergency|transit --route LINK,LINK,… [--vehicle N]\n"
        "                  [--lane POSITION] [--to-stop-m M] [--late-s S] [--departs-in-s S] [--json]\n"
        "                  --daemon ADDRESS\n"
        "LINK is where the vehicle is; the route begins with it. To be said again each second or two, as it moves.\n";
    struct operator_options options;
    int code = read_options(argc, argv, "priority", USAGE, &options);
    if (code >= 0) {
        return code;
    }
    char route[16384] = "";
    const char *names[ROUTE_NAME_COUNT_MAX];
    bool emergency = options.kind != NULL && strcmp(options.kind, "emergency") == 0;
    bool transit = options.kind != NULL && strcmp(options.kind, "transit") == 0;
    bool fits = options.route != NULL && snprintf(route, sizeof route, "%s", options.route) < (int)sizeof route;
    int32_t count = fits ? route_split(route, names) : 0;
    if (argc - optind != 2 || strcmp(argv[optind], "request") != 0 || !(emergency || transit) || count < 1) {
        return usage_wrong("priority", "say request, a link, --kind emergency or transit, and --route");
    }
    struct priority_request request = { .request = 1, .link_name = argv[optind + 1],
        .lane_position = (int32_t)options.lane, .route_names = { count, names },
        .what = { .vehicle = (int64_t)options.vehicle, .kind = emergency ? PRIORITY_EMERGENCY : PRIORITY_TRANSIT,
                  .lane = INDEX_NONE, .to_stop_mm = (int32_t)(1000.0 * options.to_stop_m),
                  .late_s = (int32_t)options.late_s,
                  .departs_in_ms = (int32_t)(1000.0 * options.departs_in_s) } };
    struct problem problem;
    struct daemon_link *link = NULL;
    struct client_event event = { .kind = CLIENT_NOTHING };
    enum status status = operator_connect(&options.link, &link, &problem);
    if (status == STATUS_OK) {
        status = operator_ask(link, wire_put_priority(daemon_link_out(link), &request), CLIENT_REQUEST_RESULT, &event,
                              &problem);
    }
    return result_tell(status, &event, request.link_name, options.json, link, &problem);
}
