// conformance.c: `intergreen conformance`: plays the daemon to one signal controller and sees whether it does what
// docs/controller.md asks, with good plans and bad ones, a lost link and an expiry.
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cli/commands.h"
#include "cli/conformance_peer.h"
#include "cli/usage.h"
#include "engine/import/import.h"
#include "engine/import/site_data.h"
#include "engine/model/units.h"
#include "engine/serve/fallback.h"

static const char USAGE[] =
    "usage: intergreen conformance ADDRESS --network NET [--site DIR] [--intergreen-s X] [--intersection NAME]\n"
    "                              [--wait-s S]\n"
    "\n"
    "  Listens on ADDRESS (HOST:PORT or unix:PATH) as a daemon does, waits for one signal controller to connect, and\n"
    "  plays some 40 seconds of cases to it. Say of the site what the controller was told of it. The controller must\n"
    "  carry no real lamps. Exit: 0 all passed, 1 some failed, 4 nobody connected.\n"
    "\n"
    "  --intersection NAME  that the controller plays; default: the one that it names\n"
    "  --wait-s S           for its connection (default 60)\n";

#define OTHER_EPOCH 1
static const int64_t SPEAK_MS = 3000;     // for an answer, a report
static const int64_t LEAD_MS = 2000;      // from sending a plan to its start
static const int64_t RETURN_MS = 30000;   // for a new connection
static const int64_t PULLS_MS = 14000;    // more for a dozen plans to one that pulls once a second

struct trial {
    struct peer peer;
    const struct network *network;
    const struct intersection *at;
    struct intersection_id id;
    int32_t first, second;                // two stages with a conflict between them
    int32_t handover_ms, transition_ms, green_ms;
    uint32_t sequence;
    int64_t begin_ms, change_ms, until_ms;   // the plan in force: from, end of the first stage, until
    struct green greens[PLAN_GREEN_COUNT_MAX];
    int32_t passed, failed;
};

// ---- verdicts ----

static bool verdict(struct trial *trial, const char *name, bool passed, const char *what)
{
    (void)printf("%-6s %-44s %s\n", passed ? "ok" : "FAILED", name, what);
    (void)fflush(stdout);
    trial->passed += passed;
    trial->failed += !passed;
    return passed;
}

// ---- conditions ----

static bool greeted(const struct peer *peer, int64_t value)
{
    (void)value;
    return peer->greeted || peer->refused_hello;
}

static bool reports(const struct peer *peer, int64_t value)
{
    return peer->report_count >= value;
}

static bool reported_after(const struct peer *peer, int64_t value)
{
    return peer->report_count > 0 && peer->report.time_ms >= value && peer->report_ms >= value;
}

static bool clock_known(const struct peer *peer, int64_t value)
{
    (void)value;
    return peer->socket >= 0 && peer->session.clock_measured;
}

static bool wants_plans(const struct peer *peer, int64_t value)
{
    (void)value;
    return peer->subscribed || peer->asked;
}

static bool answered(const struct peer *peer, int64_t value)
{
    return peer->answer_count > value;
}

static bool table_answered(const struct peer *peer, int64_t value)
{
    return peer->table_count > value;
}

static bool plays(const struct peer *peer, int64_t sequence)
{
    return peer->report_count > 0 && peer->report.mode == CONTROLLER_PLAN
        && peer->report.running.sequence == (uint32_t)sequence;
}

static bool falls_back(const struct peer *peer, int64_t value)
{
    (void)value;
    return peer->report_count > 0 && peer->report.mode == CONTROLLER_FALLBACK;
}

static bool never(const struct peer *peer, int64_t value)
{
    (void)peer;
    (void)value;
    return false;
}

// ---- plans ----

static uint64_t groups_of(const struct trial *trial, int32_t stage)
{
    return trial->network->stages[trial->at->first_stage + stage].groups;
}

// Two stages of which one has a group that conflicts with one of the other.
static bool stages_choose(struct trial *trial)
{
    for (int32_t a = 0; a < trial->at->stage_count; a++) {
        for (int32_t b = 0; b < trial->at->stage_count; b++) {
            for (int32_t i = 0; i < trial->at->group_count; i++) {
                for (int32_t j = 0; j < trial->at->group_count; j++) {
                    if (groups_of(trial, a) >> i & 1 && groups_of(trial, b) >> j & 1
                        && network_intergreen_ms(trial->network, trial->at, i, j) >= 0) {
                        trial->first = a;
                        trial->second = b;
                        return true;
                    }
                }
            }
        }
    }
    return false;
}

static int64_t quantum_up(const struct trial *trial, int64_t ms)
{
    return quantum_ceil(ms, trial->at->quantum_ms);
}

// Rolling: the first stage from `begin` to `change`, then the second until `until`; groups of both go on.
static struct plan plan_of(struct trial *trial, int64_t from_ms, int64_t begin_ms, int64_t change_ms, int64_t start_ms,
                           int64_t until_ms, bool handover)
{
    uint64_t first = groups_of(trial, trial->first), second = groups_of(trial, trial->second);
    int32_t count = 0;
    for (int32_t group = 0; group < trial->at->group_count; group++) {
        bool one = first >> group & 1, two = second >> group & 1;
        if (one || two) {
            trial->greens[count++] = (struct green){ .group = (int16_t)group,
                .stage = (int16_t)(one ? trial->first : trial->second),
                .start_ms = (int32_t)((one ? begin_ms : start_ms) - from_ms),
                .end_ms = (int32_t)((two ? until_ms : change_ms) - from_ms) };
        }
    }
    return (struct plan){ .intersection = trial->id.index, .kind = PLAN_ROLLING, .handover = handover,
        .version = { 2, 7, ++trial->sequence }, .site_hash = trial->at->site_hash, .base_ms = from_ms,
        .valid_from_ms = from_ms, .valid_until_ms = until_ms, .coordinated_stage = INDEX_NONE,
        .reason = { .kind = REASON_SWITCH, .stage = trial->first }, .green_count = count, .greens = trial->greens };
}

// When a plan that is sent now may begin: one that pulls is waited for.
static int64_t soon_ms(struct trial *trial)
{
    (void)peer_wait(&trial->peer, wall_ms() + SPEAK_MS, wants_plans, 0);
    return quantum_up(trial, wall_ms() + LEAD_MS);
}

// Sends the plan and waits for the controller's answer. NULL: none came.
static const struct plan_acknowledgement *offer(struct trial *trial, const struct plan *plan)
{
    struct peer *peer = &trial->peer;
    int32_t before = peer->answer_count;
    if (!peer_send_plan(peer, plan) || !peer_wait(peer, wall_ms() + SPEAK_MS, answered, before)) {
        return NULL;
    }
    return peer_answer(peer, plan->version);
}

// "ok" would read as a verdict.
static const char *answer_word(enum status status)
{
    return status == STATUS_OK ? "accepted" : status_name(status);
}

static bool accepts(struct trial *trial, const char *name, const struct plan *plan)
{
    const struct plan_acknowledgement *answer = offer(trial, plan);
    char what[256];
    (void)snprintf(what, sizeof what, "%s%s%s", answer == NULL ? "no answer" : answer_word(answer->status),
                   trial->peer.said[0] != '\0' ? ": " : "", trial->peer.said);
    return verdict(trial, name, answer != NULL && answer->status == STATUS_OK, what);
}

// wanted: the code that says it best, or STATUS_OK: any refusal will do.
static void refuses(struct trial *trial, const char *name, const struct plan *plan, enum status wanted)
{
    const struct plan_acknowledgement *answer = offer(trial, plan);
    bool good = answer != NULL && answer->status != STATUS_OK && (wanted == STATUS_OK || answer->status == wanted);
    char what[256];
    (void)snprintf(what, sizeof what, "%s%s%s%s%s", answer == NULL ? "no answer" : answer_word(answer->status),
                   good || wanted == STATUS_OK ? "" : ", wanted ",
                   good || wanted == STATUS_OK ? "" : status_name(wanted),
                   trial->peer.said[0] != '\0' ? ": " : "", trial->peer.said);
    verdict(trial, name, good, what);
}

// ---- cases ----

static bool begin(struct trial *trial, int64_t wait_ms)
{
    struct peer *peer = &trial->peer;
    if (!peer_wait(peer, wall_ms() + wait_ms, greeted, 0)) {
        return false;
    }
    if (!verdict(trial, "says hello as a controller of this network", peer->greeted, peer->said)) {
        return true;
    }
    trial->id = (struct intersection_id){ peer->intersection };
    trial->at = &trial->network->intersections[peer->intersection];
    trial->handover_ms = plan_handover_ms(trial->network, trial->id);
    if (!stages_choose(trial)) {
        verdict(trial, "the intersection has two stages that conflict", false, "choose another --intersection");
        return true;
    }
    trial->transition_ms = (int32_t)quantum_up(trial, network_transition_ms(trial->network, trial->id, trial->first,
                                                                           trial->second));
    int32_t green_ms = 6000;
    for (int32_t i = 0; i < trial->at->group_count; i++) {
        int32_t least_ms = trial->network->groups[trial->at->first_group + i].green_ms_min;
        green_ms = least_ms > green_ms ? least_ms : green_ms;
    }
    trial->green_ms = (int32_t)quantum_up(trial, green_ms);
    return true;
}

static void speaks(struct trial *trial)
{
    struct peer *peer = &trial->peer;
    int64_t begin_ms = wall_ms();
    bool three = peer_wait(peer, begin_ms + 5000, reports, 3);
    char what[160];
    (void)snprintf(what, sizeof what, "%d reports in %.1f s", peer->report_count, s_from_ms(wall_ms() - begin_ms));
    verdict(trial, "reports its lamps once a second", three, what);
    bool all = three && peer->report.group_count == trial->at->group_count;
    (void)snprintf(what, sizeof what, "%d groups of %d, mode %d", three ? peer->report.group_count : 0,
                   trial->at->group_count, three ? (int)peer->report.mode : -1);
    verdict(trial, "reports every group, and that it plays its own", all && peer->report.mode != CONTROLLER_PLAN, what);
    struct frame_writer out = frame_writer_over(peer->out_bytes, 4096);
    bool asked = peer->socket >= 0 && session_ask_clock(&peer->session, wall_ms(), &out) == STATUS_OK;
    asked = asked && send(peer->socket, out.at, out.used, MSG_NOSIGNAL) == (ssize_t)out.used;
    bool measured = asked && peer_wait(peer, wall_ms() + SPEAK_MS, clock_known, 0);
    verdict(trial, "answers a heartbeat at once", measured && peer->session.round_trip_ms < 1000,
            measured ? "" : "no answer that repeats clock_ms in echo_clock_ms");
    (void)snprintf(what, sizeof what, "%" PRId64 " ms off, limit 200", measured ? peer->session.clock_offset_ms : -1);
    verdict(trial, "keeps its clock", measured && llabs(peer->session.clock_offset_ms) <= 200, what);
    verdict(trial, "asks for its plan or subscribes", peer_wait(peer, wall_ms() + 5000, wants_plans, 0),
            peer->subscribed ? "subscribes" : "pulls");
}

static void table_case(struct trial *trial, const char *name, const struct fallback_table *table, bool accepted)
{
    struct peer *peer = &trial->peer;
    int32_t before = peer->table_count;
    bool came = peer_send_table(peer, table) && peer_wait(peer, wall_ms() + SPEAK_MS, table_answered, before);
    const struct fallback_acknowledgement *answer = &peer->tables[(peer->table_count + TABLES_KEPT - 1) % TABLES_KEPT];
    bool good = came && answer->fallback == table->fallback && answer->accepted == accepted;
    verdict(trial, name, good, !came ? "no answer" : peer->said);
}

static void tables(struct trial *trial)
{
    struct fallback_room room;
    struct fallback_table table;
    fallback_table_make(trial->network, trial->id.index, &room, &table);
    table_case(trial, "loads its fallback table", &table, true);
    table.fallback = 77;
    table.site_hash++;
    table_case(trial, "refuses a fallback table of another site", &table, false);
    table.site_hash--;
    for (int32_t i = 0; i < table.green_count; i++) {
        room.greens[i].start_ms = 0;
        room.greens[i].end_ms = table.programs[0].cycle_ms / 2;
    }
    int32_t kept = 0;                     // one green of each group: all of them together
    for (int32_t i = 0; i < table.green_count; i++) {
        if (i == 0 || room.greens[i].group != room.greens[kept - 1].group) {
            room.greens[kept++] = room.greens[i];
        }
    }
    table.green_count = room.program.green_count = kept;
    table_case(trial, "refuses a fallback table with conflicting greens", &table, false);
}

static bool enters(struct trial *trial)
{
    struct peer *peer = &trial->peer;
    int64_t pulls_ms = peer->subscribed ? 0 : PULLS_MS;
    trial->begin_ms = quantum_up(trial, soon_ms(trial) + trial->handover_ms + pulls_ms / 4);
    trial->change_ms = trial->begin_ms + trial->green_ms + quantum_up(trial, pulls_ms);
    int64_t start_ms = trial->change_ms + trial->transition_ms;
    trial->until_ms = start_ms + trial->green_ms;
    struct plan plan = plan_of(trial, trial->begin_ms, trial->begin_ms, trial->change_ms, start_ms, trial->until_ms,
                               true);
    if (!accepts(trial, "accepts a good hand-over plan", &plan)) {
        return false;
    }
    (void)peer_wait(peer, wall_ms() + 1500, reported_after, wall_ms());
    verdict(trial, "reports it as waiting", peer->report.waiting.sequence == trial->sequence, "");
    int32_t before = peer->answer_count;
    (void)soon_ms(trial);
    const struct plan_acknowledgement *again = offer(trial, &plan);
    verdict(trial, "does not take the same version again", peer->answer_count == before || again->status != STATUS_OK,
            peer->answer_count == before ? "no answer" : answer_word(again->status));
    bool entered = peer_wait(peer, trial->begin_ms + SPEAK_MS, plays, trial->sequence);
    verdict(trial, "plays it from its valid_from on", entered, entered ? "" : "no report of it");
    bool lamps = entered && peer_wait(peer, wall_ms() + SPEAK_MS, reported_after, trial->begin_ms + 200);
    for (int32_t i = 0; lamps && i < trial->at->group_count; i++) {
        bool green = groups_of(trial, trial->first) >> i & 1;
        lamps = (peer->report.aspect[i] == ASPECT_GREEN) == green
            && (!green || llabs(peer->report.time_ms - peer->report.age_ms[i] - trial->begin_ms) <= 200);
    }
    verdict(trial, "shows exactly its greens, since its valid_from", lamps, "");
    return entered;
}

// A good plan that would follow, with another version, to be spoilt.
static struct plan follower(struct trial *trial)
{
    int64_t from_ms = soon_ms(trial), change_ms = trial->change_ms + 2 * trial->at->quantum_ms;
    int64_t start_ms = change_ms + trial->transition_ms;
    return plan_of(trial, from_ms, trial->begin_ms, change_ms, start_ms, start_ms + trial->green_ms, false);
}

static void refuses_what_is_not_for_it(struct trial *trial)
{
    struct plan bad = follower(trial);
    bad.version.epoch = OTHER_EPOCH;
    refuses(trial, "refuses an older epoch", &bad, STATUS_STALE);
    bad = follower(trial);
    bad.site_hash++;
    refuses(trial, "refuses another site's plan", &bad, STATUS_VERSION);
    bad = follower(trial);
    bad.valid_from_ms -= LEAD_MS + 5000;
    refuses(trial, "refuses a plan that comes too late", &bad, STATUS_STALE);
    bad = follower(trial);
    bad.valid_from_ms -= LEAD_MS + 10000;
    bad.valid_until_ms = bad.valid_from_ms + 5000;
    refuses(trial, "refuses an expired plan", &bad, STATUS_STALE);
    bad = follower(trial);
    bad.fallback = 999999;
    refuses(trial, "refuses a fallback that it has not loaded", &bad, STATUS_UNKNOWN);
    bad = follower(trial);
    bad.handover = true;
    refuses(trial, "refuses a hand-over with too little time", &bad, STATUS_OK);
    bad = follower(trial);
    trial->greens[bad.green_count - 1].group = (int16_t)trial->at->group_count;
    refuses(trial, "refuses a group that it does not have", &bad, STATUS_OK);
}

// Moves the starts of the second stage's own greens by `start_ms`, and ends them `length_ms` later where that is > 0.
static void spoil(struct trial *trial, const struct plan *plan, int64_t start_ms, int64_t length_ms)
{
    for (int32_t i = 0; i < plan->green_count; i++) {
        if (trial->greens[i].stage == trial->second) {
            trial->greens[i].start_ms += (int32_t)start_ms;
            trial->greens[i].end_ms = length_ms > 0 ? trial->greens[i].start_ms + (int32_t)length_ms
                : trial->greens[i].end_ms;
        }
    }
}

static void refuses_what_is_unsafe(struct trial *trial)
{
    int64_t quantum_ms = trial->at->quantum_ms;
    struct plan bad = follower(trial);
    spoil(trial, &bad, -trial->transition_ms - quantum_ms, 0);
    refuses(trial, "refuses conflicting greens", &bad, STATUS_OK);
    bad = follower(trial);
    spoil(trial, &bad, -quantum_ms, 0);
    refuses(trial, "refuses an intergreen that is too short", &bad, STATUS_OK);
    bad = follower(trial);
    spoil(trial, &bad, 0, quantum_ms);
    refuses(trial, "refuses a green shorter than its minimum", &bad, STATUS_OK);
    bad = follower(trial);
    int32_t kept = 0;
    for (int32_t i = 0; i < bad.green_count; i++) {
        if (trial->greens[i].stage == trial->second) {
            trial->greens[kept] = trial->greens[i];
            trial->greens[kept++].start_ms = (int32_t)quantum_ms;
        }
    }
    bad.green_count = kept;               // the second stage at once, whatever shows now
    refuses(trial, "refuses an unsafe change from what it shows", &bad, STATUS_OK);
}

static void follows(struct trial *trial)
{
    struct peer *peer = &trial->peer;
    int64_t from_ms = soon_ms(trial);
    trial->change_ms += 2 * trial->at->quantum_ms;
    int64_t start_ms = trial->change_ms + trial->transition_ms;
    trial->until_ms = start_ms + trial->green_ms + trial->at->quantum_ms;
    struct plan plan = plan_of(trial, from_ms, trial->begin_ms, trial->change_ms, start_ms, trial->until_ms, false);
    if (!accepts(trial, "accepts a good plan that follows", &plan)) {
        return;
    }
    verdict(trial, "plays it, nothing else", peer_wait(peer, from_ms + SPEAK_MS, plays, trial->sequence), "");
    int64_t look_ms = trial->change_ms - trial->at->quantum_ms / 2;
    (void)peer_wait(peer, look_ms, never, 0);
    bool seen = peer_wait(peer, look_ms + SPEAK_MS, reported_after, look_ms);
    verdict(trial, "shows the longer green", seen && trial->peer.report.stage == trial->first, "");
}

static void link_is_lost(struct trial *trial)
{
    struct peer *peer = &trial->peer;
    uint32_t running = trial->sequence;
    peer_drop(peer);
    bool back = peer_wait(peer, wall_ms() + RETURN_MS, greeted, 0);
    if (!verdict(trial, "comes back after a lost link", back && peer->greeted, back ? peer->said : "within 30 s")) {
        return;
    }
    char what[80];
    (void)snprintf(what, sizeof what, "epoch_seen %" PRIu32 " of 2", peer->epoch_seen);
    verdict(trial, "says the epoch that it has seen", peer->epoch_seen == 2, what);
    bool spoke = peer_wait(peer, wall_ms() + SPEAK_MS, reports, 1);
    bool kept = spoke && (peer->report.time_ms >= trial->until_ms || plays(peer, running));
    verdict(trial, "went on with its plan meanwhile", kept, "");
    int64_t from_ms = soon_ms(trial);
    struct plan stale = plan_of(trial, from_ms, trial->begin_ms, trial->change_ms,
                                trial->change_ms + trial->transition_ms, from_ms + 60000, false);
    stale.version = (struct plan_version){ OTHER_EPOCH, 9, 1000 };
    refuses(trial, "refuses a leader of an older epoch", &stale, STATUS_STALE);
}

static void expires(struct trial *trial)
{
    struct peer *peer = &trial->peer;
    (void)peer_wait(peer, trial->until_ms, never, 0);
    bool fell = peer_wait(peer, trial->until_ms + SPEAK_MS, falls_back, 0);
    verdict(trial, "falls back when its plan expires", fell, "");
    int64_t from_ms = soon_ms(trial);
    int64_t change_ms = from_ms + trial->green_ms, start_ms = change_ms + trial->transition_ms;
    struct plan plan = plan_of(trial, from_ms, from_ms, change_ms, start_ms, start_ms + trial->green_ms, false);
    refuses(trial, "enters no plan from fallback without hand-over", &plan, STATUS_REFUSED);
    (void)peer_wait(peer, wall_ms() + trial->transition_ms, never, 0);   // its own clearance
    verdict(trial, "never showed anything unsafe", peer->unsafe[0] == '\0', peer->unsafe);
    verdict(trial, "never broke the protocol", peer->refused_count == 0, peer->refused_count > 0 ? peer->said : "");
}

static int run(struct trial *trial, int64_t wait_ms)
{
    if (!begin(trial, wait_ms)) {
        (void)fprintf(stderr, "intergreen conformance: nobody said hello within %g s\n", s_from_ms(wait_ms));
        return CLI_UNREACHABLE;
    }
    if (trial->failed == 0) {
        speaks(trial);
        tables(trial);
        if (enters(trial)) {
            refuses_what_is_not_for_it(trial);
            refuses_what_is_unsafe(trial);
            follows(trial);
            link_is_lost(trial);
            expires(trial);
        }
    }
    (void)printf("%d passed, %d failed\n", trial->passed, trial->failed);
    return trial->failed == 0 ? CLI_DONE : CLI_FAILED;
}

static int misused(const char *what)
{
    return usage_wrong("conformance", "%s", what);
}

static int failed(const struct problem *problem)
{
    (void)fprintf(stderr, "intergreen conformance: %s\n", problem->text);
    return CLI_FAILED;
}

static int start(const char *address, const char *path, const char *site, const struct import_options *options,
                 const char *intersection, int64_t wait_ms)
{
    static struct trial trial;
    struct problem problem = { "" };
    struct network network;
    if (import_network(path, options, &network, NULL, &problem) != STATUS_OK) {
        return failed(&problem);
    }
    enum status status = site != NULL ? site_apply(&network, site, NULL, &problem) : STATUS_OK;
    trial.network = &network;
    status = status != STATUS_OK ? status : peer_listen(&trial.peer, address, &network, intersection, &problem);
    int code = CLI_FAILED;
    if (status == STATUS_OK) {
        (void)printf("listening on %s for a controller\n", address);
        (void)fflush(stdout);
        code = run(&trial, wait_ms);
        peer_release(&trial.peer);
    } else {
        (void)failed(&problem);
    }
    network_release(&network);
    return code;
}

int cli_conformance(int argc, char **argv)
{
    static const struct option OPTIONS[] = {
        { "network", required_argument, NULL, 'n' },      { "site", required_argument, NULL, 's' },
        { "intergreen-s", required_argument, NULL, 'i' }, { "intersection", required_argument, NULL, 'x' },
        { "wait-s", required_argument, NULL, 'w' },       { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    struct import_options options = IMPORT_OPTIONS_DEFAULT;
    const char *network = NULL, *site = NULL, *intersection = NULL;
    double wait_s = 60.0, intergreen_s = 0.0;
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "h", OPTIONS, NULL)) != -1;) {
        switch (option) {
        case 'n':
            network = optarg;
            break;
        case 's':
            site = optarg;
            break;
        case 'x':
            intersection = optarg;
            break;
        case 'i':
            if (sscanf(optarg, "%lf", &intergreen_s) != 1 || !(intergreen_s >= 0.0 && intergreen_s <= 60.0)) {
                return misused("--intergreen-s is 0 to 60 seconds");
            }
            options.intergreen_ms = (int32_t)ms_from_s(intergreen_s);
            break;
        case 'w':
            if (sscanf(optarg, "%lf", &wait_s) != 1 || !(wait_s > 0.0 && wait_s <= 1e6)) {
                return misused("--wait-s is a number of seconds");
            }
            break;
        case 'h':
            (void)fputs(USAGE, stdout);
            return CLI_DONE;
        default:
            return usage_hint("conformance");
        }
    }
    if (network == NULL || optind + 1 != argc) {
        return misused("name an address to listen on, and the network with --network");
    }
    return start(argv[optind], network, site, &options, intersection, ms_from_s(wait_s));
}
