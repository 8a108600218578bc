// watch.c: the city, or one intersection, as a running daemon sees it, again and again. On a terminal it stays in
// place; else plain lines, for a file or a pipe.
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/operator_link.h"
#include "cli/run.h"
#include "cli/usage.h"
#include "engine/base/memory.h"
#include "engine/model/units.h"
#include "engine/wire/request_codec.h"

#define ROWS_DEFAULT 24               // of a terminal that does not say its height
#define ALARM_COUNT_SHOWN 6
#define NAME_BYTES 96

static const char USAGE[] =
    "usage: intergreen watch [INTERSECTION] [--seconds N] [--every S] --daemon ADDRESS\n"
    OPERATOR_LINK_HELP
    "  --seconds N           ends after so long\n"
    "  --every S             looks so often (1)\n"
    "On a terminal: q or ctrl-C ends it. Else plain lines: the city, and each intersection with a queue or the one\n"
    "that is named.\n";

struct watch_options {
    struct operator_link link;
    const char *intersection;
    double seconds, every_s;
    bool terminal;
};

static const struct option OPTIONS[] = {
    OPERATOR_LINK_OPTIONS,
    { "seconds", required_argument, NULL, 's' },
    { "every", required_argument, NULL, 'e' },
    { "help", no_argument, NULL, 'h' },
    { 0 },
};

// A row, kept beyond the answer that brought it.
struct seen {
    struct status_row row;
    char name[NAME_BYTES];
};

struct look {
    LIST_OF(struct seen) seen;
    int height;                       // lines of the terminal
};

static volatile sig_atomic_t told_to_end;

static void on_end(int number)
{
    (void)number;
    told_to_end = 1;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static const char *mode_name(enum controller_mode mode)
{
    static const char *const NAMES[] = { "plan", "fallback", "manual", "preempted", "FLASH" };
    return (unsigned)mode < sizeof NAMES / sizeof *NAMES ? NAMES[mode] : "?";
}

// What a person looks at first: what is not as it should be, then the longest queues.
static int worst_first(const void *left, const void *right)
{
    const struct seen *a = left, *b = right;
    bool odd_a = a->row.reported && a->row.mode != CONTROLLER_PLAN, odd_b = b->row.reported
        && b->row.mode != CONTROLLER_PLAN;
    if (odd_a != odd_b) {
        return odd_a ? -1 : 1;
    }
    if (a->row.queue_mveh != b->row.queue_mveh) {
        return a->row.queue_mveh > b->row.queue_mveh ? -1 : 1;
    }
    return a->row.intersection - b->row.intersection;
}

static void print_row(const struct seen *seen)
{
    const struct status_row *row = &seen->row;
    printf("%-24.24s %7.1f %8" PRIu32 "  %5d  %-9s %-10s %3" PRIu32 "/%-3" PRIu32 " %4" PRIu32 " %%\n", seen->name,
           row->queue_mveh / 1000.0, row->flow_vph, row->stage, row->reported ? mode_name(row->mode) : "silent",
           row->overridden ? "overridden" : "", row->detectors_healthy, row->detectors_total,
           row->confidence_permille / 10);
}

static void print_head(const struct city_status *city)
{
    char time[TIME_TEXT_BYTES];
    printf("%s  %s, strategy %s, %u of %u intersections report, %u overridden, %u in fallback, %d alarms, store %s, "
           "step %.1f ms\n", time_text(city->now_ms, time), city->network, city->strategy, city->intersections_reported,
           city->intersections, city->intersections_overridden, city->intersections_fallback, city->alarms.count,
           city->store, city->step_us_last / 1000.0);
}

// Asks for the rows, a page at a time; what is shown above them is printed from the first page.
static enum status rows_ask(struct daemon_link *link, const struct watch_options *options, struct look *look,
                            struct problem *problem)
{
    struct client_event event;
    struct status_request request = { .request = 1, .intersection_count = STATUS_ROW_COUNT_MAX / 4, .names = true,
        .intersection_name = options->intersection };
    look->seen.count = 0;
    for (bool more = true; more;) {
        enum status status = operator_ask(link, wire_put_status_request(daemon_link_out(link), &request), CLIENT_STATUS,
                                          &event, problem);
        if (status != STATUS_OK) {
            return status;
        }
        const struct city_status *city = &event.status;
        if (request.first_intersection == 0) {
            print_head(city);
            for (int32_t i = 0; options->terminal && i < city->alarms.count && i < ALARM_COUNT_SHOWN; i++) {
                printf("ALARM %.100s\n", city->alarms.names[i]);
            }
            look->height -= options->terminal ? 1 + (city->alarms.count < ALARM_COUNT_SHOWN ? city->alarms.count
                                                     : ALARM_COUNT_SHOWN) : 0;
        }
        for (int32_t i = 0; i < city->row_count; i++) {
            struct seen *seen = GROW(look->seen);
            seen->row = city->rows[i];
            (void)snprintf(seen->name, sizeof seen->name, "%s", city->row_names != NULL ? city->row_names[i] : "?");
        }
        request.first_intersection += city->row_count;
        more = options->intersection == NULL && city->row_count > 0
            && request.first_intersection < (int32_t)city->intersections;
    }
    return STATUS_OK;
}

static void print_plan(const struct plan *plan, int64_t now_ms)
{
    printf("plan %u.%u.%u, %s\n", plan->version.epoch, plan->version.daemon, plan->version.sequence,
           plan->kind == PLAN_CYCLIC ? "cyclic" : "rolling");
    for (int32_t i = 0; i < plan->green_count; i++) {
        const struct green *green = &plan->greens[i];
        if (plan->kind == PLAN_CYCLIC) {
            printf("  group %2d  stage %2d  green from %5.1f to %5.1f s of its cycle of %.1f s\n", green->group,
                   green->stage, s_from_ms(green->start_ms), s_from_ms(green->end_ms), s_from_ms(plan->cycle_ms));
            continue;
        }
        double start_s = s_from_ms(plan->base_ms + green->start_ms - now_ms);
        double end_s = s_from_ms(plan->base_ms + green->end_ms - now_ms);
        if (end_s > 0.0) {
            printf("  group %2d  stage %2d  %s", green->group, green->stage, start_s <= 0.0 ? "GREEN" : "red  ");
            printf(start_s <= 0.0 ? " for %.0f s\n" : ", green in %.0f s for %.0f s\n",
                   start_s <= 0.0 ? end_s : start_s, end_s - start_s);
        }
    }
}

static enum status plan_ask(struct daemon_link *link, const struct watch_options *options, int64_t now_ms,
                            struct problem *problem)
{
    struct client_event event;
    struct plan_request request = { .request = 2, .intersection = INDEX_NONE, .name = options->intersection };
    enum status status = operator_ask(link, wire_put_plan_request(daemon_link_out(link), &request), CLIENT_PLAN, &event,
                                      problem);
    if (status == STATUS_OK) {
        print_plan(&event.plan, now_ms);
    } else if (status == STATUS_REFUSED) {
        printf("no plan now: it plays its own program\n");
        status = STATUS_OK;
    }
    return status;
}

static enum status look_once(struct daemon_link *link, const struct watch_options *options, struct look *look,
                             struct problem *problem)
{
    struct winsize size = { .ws_row = ROWS_DEFAULT };
    if (options->terminal) {
        (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
        printf("\x1b[H\x1b[J");
    }
    look->height = size.ws_row - 3;
    enum status status = rows_ask(link, options, look, problem);
    if (status != STATUS_OK) {
        return status;
    }
    if (look->seen.count > 1) {
        qsort(look->seen.at, (size_t)look->seen.count, sizeof *look->seen.at, worst_first);
    }
    if (options->terminal) {
        printf("%-24s %7s %8s  %5s  %-9s %-10s %7s %6s\n", "INTERSECTION", "QUEUE", "VEH/H", "STAGE", "MODE", "",
               "DETECT.", "SURE");
    }
    for (int32_t i = 0; i < look->seen.count && (!options->terminal || i < look->height); i++) {
        const struct seen *seen = &look->seen.at[i];
        if (options->terminal || options->intersection != NULL || seen->row.queue_mveh > 0) {
            print_row(seen);
        }
    }
    if (options->terminal && options->intersection != NULL && look->seen.count == 1) {
        status = plan_ask(link, options, look->seen.at[0].row.updated_ms, problem);
    }
    (void)fflush(stdout);
    return status;
}

// Waits for the next look. true: somebody pressed q.
static bool wait_until(double due_s, bool terminal)
{
    for (double left_s; told_to_end == 0 && (left_s = due_s - now_s()) > 0.0;) {
        struct pollfd keys = { .fd = terminal ? STDIN_FILENO : -1, .events = POLLIN };
        if (poll(&keys, 1, (int)(left_s * 1000.0) + 1) <= 0 || (keys.revents & (POLLIN | POLLHUP)) == 0) {
            continue;
        }
        char key;
        if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q') {
            return true;
        }
    }
    return told_to_end != 0;
}

static enum status watch(struct daemon_link *link, const struct watch_options *options, struct problem *problem)
{
    struct look look = { 0 };
    double began_s = now_s();
    enum status status = STATUS_OK;
    for (int64_t count = 0; status == STATUS_OK; count++) {
        status = look_once(link, options, &look, problem);
        double due_s = began_s + (double)(count + 1) * options->every_s;
        bool last = due_s - began_s >= options->seconds;
        if (status != STATUS_OK || last || wait_until(due_s, options->terminal)) {
            break;
        }
    }
    free(look.seen.at);
    return told_to_end != 0 ? STATUS_OK : status;
}

// Keys come one by one and are not shown. false: this is no terminal.
static bool keys_raw(struct termios *ret_old)
{
    if (tcgetattr(STDIN_FILENO, ret_old) != 0) {
        return false;
    }
    struct termios raw = *ret_old;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    return tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

static int run_watch(struct watch_options *options)
{
    struct problem problem;
    struct daemon_link *link = NULL;
    struct termios old;
    struct sigaction end = { .sa_handler = on_end };
    enum status status = operator_connect(&options->link, &link, &problem);
    if (status == STATUS_OK) {
        (void)sigaction(SIGINT, &end, NULL);
        (void)sigaction(SIGTERM, &end, NULL);
        options->terminal = isatty(STDOUT_FILENO) != 0 && keys_raw(&old);
        status = watch(link, options, &problem);
        if (options->terminal) {
            (void)tcsetattr(STDIN_FILENO, TCSANOW, &old);
        }
    }
    daemon_link_close(link);
    return status == STATUS_OK ? CLI_DONE : run_failed(status, &problem);
}

int cli_watch(int argc, char **argv)
{
    struct watch_options options = { .link = operator_link_default(), .seconds = 1e9, .every_s = 1.0 };
    bool good = true;
    for (int code; (code = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        switch (code) {
        case 's': good = good && run_number("seconds", optarg, 0.0, 1e9, &options.seconds); break;
        case 'e': good = good && run_number("every", optarg, 0.1, 86400.0, &options.every_s); break;
        default:
            if (!operator_link_option(&options.link, code, optarg)) {
                if (code != 'h') {
                    return usage_hint("watch");
                }
                fputs(USAGE, stdout);
                return CLI_DONE;
            }
        }
    }
    if (!good) {
        return usage_hint("watch");
    }
    if (argc - optind > 1) {
        return usage_wrong("watch", "name one intersection, or none");
    }
    options.intersection = argc - optind == 1 ? argv[optind] : NULL;
    return operator_link_named(&options.link, "watch") ? run_watch(&options) : CLI_USAGE;
}
