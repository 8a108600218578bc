#include "sim/loop/daemon_brain.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/memory.h"

#define CLOCK_FREE_MS 2000            // so long after its session was closed a simulator may still own the clock
#define CLOCK_AGAIN_MS 20

struct daemon_brain {
    struct daemon_link *link;
    LIST_OF(struct plan) plans;      // of this tick
    LIST_OF(struct green) greens;    // of these plans, one after the other
};

enum status daemon_brain_open(const char *address, const struct tls_files *files, const struct network *network,
                              const char *strategy, const struct loop_options *options, const char *token,
                              struct daemon_brain **ret, struct problem *problem)
{
    char sensing[SENSING_BYTES];
    loop_sensing_text(options->sensing, sensing);
    struct hello hello = {
        .role = ROLE_SIMULATOR,
        .identity = daemon_address_tls(address) ? "" : "simulator",
        .software = "intergreen sim",
        .network_hash = network->hash,
        .token = (const uint8_t *)token,
        .token_bytes = token != NULL ? (int32_t)strlen(token) : 0,
        .simulator = { .strategy = strategy,
                       .begin_ms = options->begin_ms,
                       .step_ms = options->control_ms,
                       .fresh = true,
                       .seed = options->seed,
                       .sensing = sensing },
    };
    struct daemon_link *link = NULL;
    enum status status = daemon_link_open(address, files, &hello, DAEMON_TIMEOUT_MS_DEFAULT, &link, NULL, problem);
    // The session before this one may just have been closed.
    for (int32_t waited_ms = 0; status == STATUS_REFUSED && waited_ms < CLOCK_FREE_MS
         && strstr(problem->text, "another simulator owns the clock") != NULL; waited_ms += CLOCK_AGAIN_MS) {
        (void)nanosleep(&(struct timespec){ .tv_nsec = CLOCK_AGAIN_MS * 1000000L }, NULL);
        status = daemon_link_open(address, files, &hello, DAEMON_TIMEOUT_MS_DEFAULT, &link, NULL, problem);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct daemon_brain *daemon = memory_take(1, sizeof *daemon);
    daemon->link = link;
    *ret = daemon;
    return STATUS_OK;
}

void daemon_brain_close(struct daemon_brain *daemon)
{
    if (daemon != NULL) {
        daemon_link_close(daemon->link);
        free(daemon->plans.at);
        free(daemon->greens.at);
        free(daemon);
    }
}

static enum status too_much(struct problem *problem)
{
    return problem_report(problem, STATUS_LIMIT, "simulator", NULL, NULL, "a tick does not fit into the link's buffer");
}

static enum status say_reports(struct daemon_brain *daemon, const struct loop_tick *tick, struct problem *problem)
{
    uint32_t frame_bytes_max = daemon_link_client(daemon->link)->frame_bytes_max;
    int32_t said = 0;
    while (said < tick->report_count) {
        int32_t sent = 0;
        if (wire_put_reports(daemon_link_out(daemon->link), tick->reports + said, tick->report_count - said,
                             frame_bytes_max, &sent) != STATUS_OK || sent == 0) {
            return too_much(problem);
        }
        said += sent;
        enum status status = daemon_link_send(daemon->link, problem);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static enum status say_observations(struct daemon_brain *daemon, const struct loop_tick *tick, struct problem *problem)
{
    struct client *client = daemon_link_client(daemon->link);
    struct observation_position position = { 0 };
    while (!observation_position_done(&position, tick->seen)) {
        if (wire_put_observations(daemon_link_out(daemon->link), client_sequence(client), tick->seen,
                                  client->frame_bytes_max, &position) != STATUS_OK) {
            return too_much(problem);
        }
        enum status status = daemon_link_send(daemon->link, problem);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static enum status say_priorities(struct daemon_brain *daemon, const struct loop_tick *tick, struct problem *problem)
{
    enum status status = STATUS_OK;
    for (int32_t i = 0; i < tick->priority_count && status == STATUS_OK; i++) {
        struct priority_request request = { .request = (uint32_t)i + 1, .what = tick->priorities[i] };
        status = wire_put_priority(daemon_link_out(daemon->link), &request) == STATUS_OK
            ? daemon_link_send(daemon->link, problem) : too_much(problem);
    }
    return status;
}

// Keeps a plan of this tick: its greens are pointed to once all are in, since the list may move as it grows.
static void keep_plan(struct daemon_brain *daemon, const struct plan *plan)
{
    int32_t first = daemon->greens.count;
    memory_grow((void **)&daemon->greens.at, &daemon->greens.capacity, first + plan->green_count + 1,
                sizeof *daemon->greens.at);
    struct plan *kept = GROW(daemon->plans);
    plan_copy(plan, daemon->greens.at + first, kept);
    daemon->greens.count += plan->green_count;
}

static void point_to_greens(struct daemon_brain *daemon)
{
    int32_t first = 0;
    for (int32_t i = 0; i < daemon->plans.count; i++) {
        daemon->plans.at[i].greens = daemon->greens.at + first;
        first += daemon->plans.at[i].green_count;
    }
}

static enum status step(void *self, const struct loop_tick *tick, struct loop_answer *ret, struct problem *problem)
{
    struct daemon_brain *daemon = self;
    daemon->plans.count = 0;
    daemon->greens.count = 0;
    enum status status = say_reports(daemon, tick, problem);
    status = status != STATUS_OK ? status : say_observations(daemon, tick, problem);
    status = status != STATUS_OK ? status : say_priorities(daemon, tick, problem);
    if (status == STATUS_OK) {
        status = wire_put_clock_advance(daemon_link_out(daemon->link), tick->now_ms) == STATUS_OK
            ? daemon_link_send(daemon->link, problem) : too_much(problem);
    }
    while (status == STATUS_OK) {
        struct client_event event;
        status = daemon_link_receive(daemon->link, true, &event, problem);
        if (status == STATUS_OK && event.kind == CLIENT_PLAN) {
            keep_plan(daemon, &event.plan);
        } else if (status == STATUS_OK && event.kind == CLIENT_CLOCK_REACHED && event.clock_ms == tick->now_ms) {
            point_to_greens(daemon);
            *ret = (struct loop_answer){ .plans = daemon->plans.at, .plan_count = daemon->plans.count };
            return STATUS_OK;
        }
    }
    return status;
}

struct brain_peer daemon_brain_peer(struct daemon_brain *daemon)
{
    return (struct brain_peer){ .self = daemon, .step = step };
}
