// controller.c: a small signal controller for one intersection: connects, pulls or subscribes, plays, refuses, reports,
// falls back. A reference for makers (docs/controller.md), and the peer of the daemon's tests.
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clients/wire/bytes.h"
#include "clients/controller/link.h"
#include "clients/controller/player.h"
#include "clients/controller/read.h"

enum { FRAME_BYTES = (1 << 17) - 8, IN_BYTES = (1 << 17) + 2 * (1 << 15), OUT_BYTES = 1 << 14 };
enum { STATUS_EVERY_MS = 1000, PULL_EVERY_MS = 1000, RETRY_MS_MIN = 200, RETRY_MS_MAX = 10000, SILENCE_MS = 30000 };

// Members of Frame, by their numbers in proto/session.proto.
enum { HELLO = 1, WELCOME = 2, ERROR = 3, HEARTBEAT = 4, PLAN_REQUEST = 6, PLAN = 7, PLAN_NOT_CHANGED = 8,
    PLAN_SUBSCRIPTION = 9, PLAN_ACKNOWLEDGEMENT = 10, CONTROLLER_STATUS = 11, FALLBACK_TABLE = 13,
    FALLBACK_ACKNOWLEDGEMENT = 14 };
enum { ROLE_CONTROLLER = 2, PROTOCOL = 1, ERROR_ELSEWHERE = 20 };

enum { DAEMONS_MAX = 4, TOLD = DAEMONS_MAX };      // those that it knows; and the one that it was sent to

struct controller {
    const char *address, *identity, *token;
    bool pulls, tells_lamps;
    int64_t clock_offset_ms;         // for tests: as if the clock were so far off
    struct cabinet cabinet;
    struct player player;
    struct plan plan;                // room to read one
    struct daemon_address daemons[DAEMONS_MAX + 1];
    int32_t daemon_count, daemon;    // daemon: the one to talk to now
    struct link link;
    bool welcomed, sent_on;          // sent_on: daemons[TOLD] is to be tried next
    uint32_t index;                  // of the intersection in this session
    uint8_t in[IN_BYTES], out_room[OUT_BYTES], message_room[OUT_BYTES];
    size_t in_used;
    struct bytes_out out, message;
    int64_t status_ms, pull_ms, heard_ms, retry_ms, retry_wait_ms;     // on the monotonic clock
    enum mode mode_said;
};

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
    (void)number;
    ended = 1;
}

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// The controller's clock is wall time; what it waits for is measured on the monotonic one.
static int64_t wall_ms(const struct controller *controller)
{
    return clock_ms(CLOCK_REALTIME) + controller->clock_offset_ms;
}

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    (void)putchar('\n');
    (void)fflush(stdout);
}

// ---- sending ----

static struct bytes_out *message_begin(struct controller *controller)
{
    controller->message = (struct bytes_out){ .at = controller->message_room, .capacity = OUT_BYTES };
    return &controller->message;
}

static void message_end(struct controller *controller, uint32_t kind)
{
    put_frame(&controller->out, kind, &controller->message);
}

static void put_version(struct bytes_out *message, uint32_t first, struct version version)
{
    put_uint(message, first, version.epoch);
    put_uint(message, first + 1, version.daemon);
    put_uint(message, first + 2, version.sequence);
}

// Over TLS the certificate says who we are, unless --identity does.
static void say_hello(struct controller *controller, bool certified)
{
    const char *identity = controller->identity != NULL ? controller->identity
        : certified ? "" : controller->cabinet.intersection;
    struct bytes_out *message = message_begin(controller);
    put_uint(message, 1, PROTOCOL);
    put_uint(message, 2, ROLE_CONTROLLER);
    put_text(message, 3, identity);
    if (controller->token != NULL) {
        put_text(message, 4, controller->token);
    }
    put_text(message, 5, "intergreen-controller");
    put_sint(message, 6, wall_ms(controller));
    put_text(message, 10, controller->cabinet.intersection);
    put_uint(message, 11, controller->player.newest.epoch);
    message_end(controller, HELLO);
}

static void say_heartbeat(struct controller *controller, int64_t echo_ms)
{
    struct bytes_out *message = message_begin(controller);
    put_sint(message, 1, wall_ms(controller));
    put_sint(message, 2, echo_ms);
    message_end(controller, HEARTBEAT);
}

static void ask_plan(struct controller *controller)
{
    struct bytes_out *message = message_begin(controller);
    put_uint(message, 1, 1);
    put_uint(message, 2, controller->index);
    put_version(message, 4, controller->player.newest);
    message_end(controller, PLAN_REQUEST);
}

static void subscribe(struct controller *controller)
{
    struct bytes_out *message = message_begin(controller);
    put_uint(message, 1, 1);
    put_column(message, 2, &controller->index, 1);
    message_end(controller, PLAN_SUBSCRIPTION);
}

static void acknowledge_plan(struct controller *controller, struct version version, enum answer answer, const char *why)
{
    struct bytes_out *message = message_begin(controller);
    put_uint(message, 1, controller->index);
    put_version(message, 2, version);
    put_uint(message, 5, answer);
    if (why != NULL) {
        put_text(message, 6, why);
    }
    message_end(controller, PLAN_ACKNOWLEDGEMENT);
}

static void acknowledge_table(struct controller *controller, uint32_t id, bool accepted, const char *why)
{
    struct bytes_out *message = message_begin(controller);
    put_uint(message, 1, controller->index);
    put_uint(message, 2, id);
    put_uint(message, 3, accepted);
    if (why != NULL) {
        put_text(message, 4, why);
    }
    message_end(controller, FALLBACK_ACKNOWLEDGEMENT);
}

static void report(struct controller *controller)
{
    const struct player *player = &controller->player;
    int64_t now_ms = wall_ms(controller);
    uint8_t aspects[GROUPS_MAX];
    uint32_t ages_ms[GROUPS_MAX];
    int32_t groups = controller->cabinet.group_count;
    for (int32_t i = 0; i < groups; i++) {
        int64_t age_ms = player->since_ms[i] == INT64_MIN ? INT32_MAX : now_ms - player->since_ms[i];
        aspects[i] = (uint8_t)player->lamp[i];
        ages_ms[i] = (uint32_t)(age_ms < 0 ? 0 : age_ms < INT32_MAX ? age_ms : INT32_MAX);
    }
    const struct plan *waiting = player_waiting(player);
    bool plan = player->mode == MODE_PLAN;
    struct bytes_out *message = message_begin(controller);
    put_uint(message, 1, controller->index);
    put_sint(message, 2, now_ms);
    put_uint(message, 3, plan ? 0 : 1);
    put_version(message, 4, plan ? player->running.version : (struct version){ 0, 0, 0 });
    put_version(message, 7, waiting != NULL ? waiting->version : (struct version){ 0, 0, 0 });
    put_sint(message, 10, player_stage(player));
    put_uint(message, 11, player->conflicts_seen > 0);
    put_bytes(message, 12, aspects, (size_t)groups);
    put_column(message, 13, ages_ms, (size_t)groups);
    message_end(controller, CONTROLLER_STATUS);
}

// ---- taking ----

static void on_welcome(struct controller *controller, struct bytes_in in)
{
    struct message message;
    int64_t index = -1;
    if (!message_open(in, &message) || message_column(&message, 9, true, &index, 1) != 1) {
        index = -1;
    }
    if (index < 0) {
        say("refused: the daemon does not give us %s", controller->cabinet.intersection);
        return;                      // its Error comes next and says why
    }
    controller->index = (uint32_t)index;
    controller->welcomed = true;
    controller->retry_wait_ms = RETRY_MS_MIN;
    say("welcome: %s has the index %" PRIu32, controller->cabinet.intersection, controller->index);
    report(controller);
    if (!controller->pulls) {
        subscribe(controller);
    }
}

static void on_plan(struct controller *controller, struct bytes_in in)
{
    uint32_t intersection = 0;
    const char *why = "its columns are broken or too long";
    enum answer answer = ANSWER_MALFORMED;
    bool whole = plan_read(in, &controller->plan, &intersection);
    struct version version = controller->plan.version;
    if (version_compare(version, controller->player.newest) == 0 && controller->pulls) {
        return;                      // the answer to a pull that crossed its push
    }
    if (whole && intersection != controller->index) {
        answer = ANSWER_OTHER_SITE, why = "it is of another intersection";
    } else if (whole) {
        answer = player_offer(&controller->player, &controller->plan, wall_ms(controller), &why);
    }
    acknowledge_plan(controller, version, answer, why);
    report(controller);
    say("plan %" PRIu32 ".%" PRIu32 ".%" PRIu32 " %s%s%s", version.epoch, version.daemon, version.sequence,
        answer == ANSWER_ACCEPTED ? "accepted" : "refused", why != NULL ? ": " : "", why != NULL ? why : "");
}

static void on_table(struct controller *controller, struct bytes_in in)
{
    const char *why = "its columns are broken or too long";
    bool taken = table_read(in, &controller->player.offered) && player_load_table(&controller->player, &why);
    acknowledge_table(controller, controller->player.offered.id, taken, taken ? NULL : why);
    say("fallback %" PRIu32 " %s%s%s", controller->player.offered.id, taken ? "loaded" : "refused", taken ? "" : ": ",
        taken ? "" : why);
}

static void on_heartbeat(struct controller *controller, struct bytes_in in)
{
    struct message message;
    if (message_open(in, &message) && !message.has[2]) {
        say_heartbeat(controller, zigzag(message.value[1]));
    }
}

// Another daemon leads our intersection: there, with the next attempt.
static void on_error(struct controller *controller, struct bytes_in in)
{
    struct message message;
    char text[200] = "", address[256] = "";
    (void)message_open(in, &message);
    text_copy(message.inside[2], text, sizeof text);
    say("error %" PRIu64 ": %s", message.value[1], text);
    if (message.value[1] == ERROR_ELSEWHERE) {
        text_copy(message.inside[13], address, sizeof address);
        controller->sent_on = address_find(address, true, &controller->daemons[TOLD]);
    }
}

static void on_frame(struct controller *controller, uint32_t kind, struct bytes_in in)
{
    switch (kind) {
    case WELCOME: on_welcome(controller, in); break;
    case ERROR: on_error(controller, in); break;
    case HEARTBEAT: on_heartbeat(controller, in); break;
    case PLAN: on_plan(controller, in); break;
    case FALLBACK_TABLE: on_table(controller, in); break;
    default: break;                  // PLAN_NOT_CHANGED says nothing new; what a later version sends does no harm
    }
}

// ---- the link ----

// Looks the addresses up, once at the start.
static bool addresses_find(struct controller *controller)
{
    for (const char *at = controller->address; *at != '\0' && controller->daemon_count < DAEMONS_MAX;) {
        char one[300];
        size_t bytes = strcspn(at, ",");
        (void)snprintf(one, sizeof one, "%.*s", (int)bytes, at);
        if (!address_find(one, false, &controller->daemons[controller->daemon_count++])) {
            return false;
        }
        at += bytes + (at[bytes] == ',');
    }
    return controller->daemon_count > 0;
}

// The next attempt goes where we were sent, or to the next that we know.
static void retry_later(struct controller *controller)
{
    controller->daemon = controller->sent_on ? TOLD
        : controller->daemon == TOLD ? 0 : (controller->daemon + 1) % controller->daemon_count;
    controller->sent_on = false;
    controller->retry_ms = clock_ms(CLOCK_MONOTONIC) + controller->retry_wait_ms;
    controller->retry_wait_ms = controller->retry_wait_ms * 2 < RETRY_MS_MAX ? controller->retry_wait_ms * 2
        : RETRY_MS_MAX;
}

// What plays goes on; the next attempt waits longer each time.
static void link_lost(struct controller *controller, const char *why)
{
    say("link lost: %s", why);
    link_close(&controller->link);
    controller->welcomed = false;
    retry_later(controller);
}

static void link_try(struct controller *controller, int64_t now_ms)
{
    const struct daemon_address *to = &controller->daemons[controller->daemon];
    if (!link_open(&controller->link, to)) {
        if (to->tls) {
            say("no link: %s", controller->link.fault);
        }
        retry_later(controller);
        return;
    }
    controller->in_used = 0;
    controller->out = (struct bytes_out){ .at = controller->out_room, .capacity = OUT_BYTES };
    controller->heard_ms = controller->status_ms = controller->pull_ms = now_ms;
    say_hello(controller, to->tls);
}

static void link_send(struct controller *controller)
{
    int64_t taken = controller->out.full ? -1 : link_put(&controller->link, controller->out.at, controller->out.used);
    if (taken < 0) {
        link_lost(controller, controller->out.full ? "it does not read" : controller->link.fault);
        return;
    }
    controller->out.used -= (size_t)taken;
    memmove(controller->out.at, controller->out.at + taken, controller->out.used);
}

static void link_read(struct controller *controller)
{
    int64_t more = link_get(&controller->link, controller->in + controller->in_used, IN_BYTES - controller->in_used);
    if (more <= 0) {
        if (more < 0) {
            link_lost(controller, controller->link.fault);
        }
        return;
    }
    controller->heard_ms = clock_ms(CLOCK_MONOTONIC);
    controller->in_used += (size_t)more;
    size_t at = 0;
    int32_t whole = 0;
    while ((whole = frame_whole(controller->in + at, controller->in_used - at, FRAME_BYTES)) > 0) {
        struct bytes_in message;
        uint32_t kind = frame_message(controller->in + at, (size_t)whole, &message);
        at += (size_t)whole;
        on_frame(controller, kind, message);
    }
    if (whole < 0) {
        link_lost(controller, "these bytes are no frame");
        return;
    }
    controller->in_used -= at;
    memmove(controller->in, controller->in + at, controller->in_used);
}

// ---- the turn ----

static void tell_lamps(struct controller *controller, const enum lamp *before)
{
    const struct player *player = &controller->player;
    static const char LETTERS[] = "-ruGy";
    char line[GROUPS_MAX + 1] = "";
    bool changed = false;
    for (int32_t i = 0; i < controller->cabinet.group_count; i++) {
        line[i] = LETTERS[player->lamp[i]];
        changed = changed || player->lamp[i] != before[i];
    }
    if (changed || player->mode != controller->mode_said) {
        static const char *const MODES[] = { "plan", "fallback", "clearing" };
        say("lamps %" PRId64 " %s %s", player->tick_ms, line, MODES[player->mode]);
    }
}

static void turn(struct controller *controller)
{
    int64_t now_ms = clock_ms(CLOCK_MONOTONIC);
    enum lamp before[GROUPS_MAX];
    memcpy(before, controller->player.lamp, sizeof before);
    player_step(&controller->player, wall_ms(controller));
    if (controller->tells_lamps) {
        tell_lamps(controller, before);
    }
    bool mode_changed = controller->player.mode != controller->mode_said;
    controller->mode_said = controller->player.mode;
    if (controller->link.socket < 0 && now_ms >= controller->retry_ms) {
        link_try(controller, now_ms);
    }
    if (controller->welcomed && (mode_changed || now_ms - controller->status_ms >= STATUS_EVERY_MS)) {
        controller->status_ms = now_ms;
        report(controller);
    }
    if (controller->welcomed && controller->pulls && now_ms - controller->pull_ms >= PULL_EVERY_MS) {
        controller->pull_ms = now_ms;
        ask_plan(controller);
    }
    if (controller->link.socket >= 0 && now_ms - controller->heard_ms > SILENCE_MS) {
        link_lost(controller, "it says nothing");
    }
    if (controller->link.socket >= 0) {
        link_send(controller);
    }
}

static void run(struct controller *controller, int64_t seconds)
{
    int64_t until_ms = seconds > 0 ? clock_ms(CLOCK_MONOTONIC) + 1000 * seconds : INT64_MAX;
    while (!ended && clock_ms(CLOCK_MONOTONIC) < until_ms) {
        turn(controller);
        // Until something comes, or the next quantum.
        int64_t wall = wall_ms(controller), quantum_ms = controller->cabinet.quantum_ms;
        int64_t wait_ms = quantum_ms - wall % quantum_ms;
        struct pollfd poll_for = { .fd = controller->link.socket, .events = POLLIN };
        if (poll(&poll_for, 1, (int)(wait_ms < 200 ? wait_ms : 200)) > 0 && controller->link.socket >= 0) {
            link_read(controller);
        }
    }
}

static const char USAGE[] =
    "usage: intergreen-controller --cabinet FILE --daemon ADDRESS[,ADDRESS]... [--identity NAME] [--token T] [--pull]\n"
    "                             [--certificate FILE --key FILE --authority FILE] [--lamps] [--seconds S]\n"
    "                             [--clock-offset-ms X]\n"
    "       intergreen-controller --help | --version\n\n"
    "  --cabinet FILE   what it knows of its intersection, as `intergreen cabinet` prints it\n"
    "  --daemon ADDRESS unix:PATH, HOST:PORT, tls:HOST:PORT; of several the next is tried when one does not serve it\n"
    "  --certificate FILE --key FILE --authority FILE   for TLS: who it is, and who has signed the daemon's\n"
    "  --pull           asks for its plan once a second; else it subscribes\n"
    "  --lamps          a line on every change of lamps: lamps TIME_MS LETTERS MODE\n"
    "  --seconds S      ends after so long; else SIGTERM ends it\n"
    "  --clock-offset-ms X   its clock goes wrong by so much, for tests\n"
    "Exit: 0 done, 1 failed or conflicting greens were shown, 2 usage.\n";

static int usage_wrong(const char *what, const char *why)
{
    (void)fprintf(stderr, "intergreen-controller: %s: %s\n`intergreen-controller --help` tells the options.\n", what,
                  why);
    return 2;
}

static bool whole_number(const char *text, int64_t *ret)
{
    char *end = NULL;
    errno = 0;
    *ret = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

struct options {
    const char *cabinet, *seconds, *clock_offset_ms;
    struct tls_files files;
    int64_t run_s;
};

enum { GO_ON = -1 };

// GO_ON, or with what the program ends at once.
static int options_read(int argc, char **argv, struct controller *controller, struct options *ret)
{
    const struct { const char *name, **value; } WORDS[] = {
        { "--cabinet", &ret->cabinet }, { "--daemon", &controller->address },
        { "--identity", &controller->identity }, { "--token", &controller->token }, { "--seconds", &ret->seconds },
        { "--clock-offset-ms", &ret->clock_offset_ms }, { "--certificate", &ret->files.certificate },
        { "--key", &ret->files.key }, { "--authority", &ret->files.authority } };
    for (int i = 1; i < argc; i++) {
        const char **value = NULL;
        for (size_t k = 0; k < sizeof WORDS / sizeof *WORDS; k++) {
            value = strcmp(argv[i], WORDS[k].name) == 0 ? WORDS[k].value : value;
        }
        if (strcmp(argv[i], "--help") == 0) {
            (void)fputs(USAGE, stdout);
            return 0;
        }
        if (strcmp(argv[i], "--version") == 0) {
            (void)puts("intergreen-controller " INTERGREEN_VERSION);
            return 0;
        }
        bool pull = strcmp(argv[i], "--pull") == 0, lamps = strcmp(argv[i], "--lamps") == 0;
        controller->pulls = controller->pulls || pull;
        controller->tells_lamps = controller->tells_lamps || lamps;
        if (value == NULL && !pull && !lamps) {
            return usage_wrong(argv[i], "there is no such option");
        }
        if (value != NULL && i + 1 == argc) {
            return usage_wrong(argv[i], "wants a value");
        }
        if (value != NULL) {
            *value = argv[++i];
        }
    }
    if (ret->cabinet == NULL || controller->address == NULL) {
        return usage_wrong(ret->cabinet == NULL ? "--cabinet" : "--daemon", "is missing");
    }
    if (!whole_number(ret->seconds, &ret->run_s) || ret->run_s < 0) {
        return usage_wrong("--seconds", "wants a whole number of seconds");
    }
    return whole_number(ret->clock_offset_ms, &controller->clock_offset_ms) ? GO_ON
        : usage_wrong("--clock-offset-ms", "wants a whole number of milliseconds");
}

int main(int argc, char **argv)
{
    static struct controller controller;     // all its memory
    struct options options = { .seconds = "0", .clock_offset_ms = "0" };
    const char *why = "";
    int end = options_read(argc, argv, &controller, &options);
    if (end != GO_ON) {
        return end;
    }
    int line = cabinet_read(options.cabinet, &controller.cabinet, &why);
    if (line > 0) {
        (void)fprintf(stderr, "intergreen-controller: %s: line %d: %s\n", options.cabinet, line, why);
        return 1;
    }
    if (!addresses_find(&controller)) {
        (void)fprintf(stderr, "intergreen-controller: %s: write unix:PATH, HOST:PORT or tls:HOST:PORT, up to four with "
                      "commas\n", controller.address);
        return 1;
    }
    struct problem problem;
    if (options.files.certificate != NULL || options.files.key != NULL || options.files.authority != NULL) {
        struct tls_credentials *credentials = NULL;
        if (tls_credentials_read(&options.files, TLS_CLIENT, &credentials, &problem) != STATUS_OK) {
            (void)fprintf(stderr, "intergreen-controller: %s\n", problem.text);
            return 1;
        }
        controller.link.credentials = credentials;
    }
    (void)setenv("TZ", controller.cabinet.time_zone, 1);
    tzset();
    struct sigaction action = { .sa_handler = on_signal };
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    controller.link.socket = -1;
    controller.retry_wait_ms = RETRY_MS_MIN;
    controller.mode_said = MODE_PLAN;
    player_start(&controller.player, &controller.cabinet, wall_ms(&controller));
    run(&controller, options.run_s);
    return controller.player.conflicts_seen > 0;
}
