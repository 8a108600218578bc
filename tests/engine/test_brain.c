// Goal: the engine with controllers that play its plans and cameras that count random queues: every strategy takes over
// from the built-in programs, every plan it releases is accepted, the lamps obey intergreens, yellows, minimum greens
// and maximum reds second by second, the same events give the same bytes on any number of threads, and overrides,
// silence, faults and restored plans are met as brain.h says. `program` leaves the lamps as they were.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/hash.h"
#include "engine/base/random.h"
#include "engine/brain.h"
#include "engine/optimize/strategy.h"
#include "sim/traffic/signals.h"
#include "tests/engine/crossings.h"

#define CROSSINGS 6
#define GROUPS (CROSSINGS * CROSSING_GROUPS)
#define CAMERAS (CROSSINGS * 8)
#define BEGIN_MS 100000

// A street of queues: each camera sees a queue that grows at random and melts while its lane's group is green.
struct world {
    struct crossings made;
    struct brain *brain;
    struct signals *signals;
    struct observation_buffer seen;
    uint64_t seed;
    int64_t now_ms;
    double demand;                    // chance of an arrival a second, at most; lane by lane less
    double blink;                     // chance that a camera shows an empty lane, second by second
    int32_t queue[CAMERAS];
    uint8_t aspects[GROUPS];
    bool deaf, mute;                  // no reports reach the brain; no observations do
    uint64_t digest;                  // of all plans published
    int64_t plans, refused;
    // The passer-by's book.
    int64_t green_ms[GROUPS], end_ms[GROUPS], asked_ms[GROUPS];
    int64_t reds_over;                // seconds in which a group that was asked for in time was red too long
    int32_t cycle_ms[CROSSINGS];      // of the last cyclic plan, 0 before any
    int32_t cycle_ms_step;            // the greatest change from one to the next, against what I11 allows: <= 0
    int32_t cycles;                   // cyclic plans that another had gone before
    int64_t until_ms[CROSSINGS];      // of the last plan, where it was a rolling one, and what is green then
    uint64_t last_green[CROSSINGS];
    int32_t repeated;                 // rolling plans that promise what the one before did
};

static int32_t lane_group(const struct world *world, int32_t lane)
{
    return world->made.network.connections[world->made.network.lanes[lane].first_connection].group;
}

static void world_create(struct world *world, const char *strategy, int threads, uint64_t seed)
{
    memset(world, 0, sizeof *world);
    crossings_build(&world->made, CROSSINGS, 300.0);
    world->seed = seed;
    world->now_ms = BEGIN_MS;
    world->demand = 0.12;
    world->digest = HASH_SEED;
    struct brain_options options = { .strategy = strategy, .epoch = 1, .daemon = 1, .threads = threads };
    struct problem problem = { { 0 } };
    enum status status = brain_create(&world->made.network, &options, &world->brain, &problem);
    if (status != STATUS_OK) {
        print_error("%s\n", problem.text);
    }
    assert_int_equal(status, STATUS_OK);
    world->signals = signals_create(&world->made.network, BEGIN_MS);
    observation_buffer_create(&world->seen, 0, 0, CAMERAS, CAMERAS * CAMERA_BIN_COUNT_MAX);
}

static void world_release(struct world *world)
{
    brain_release(world->brain);
    signals_release(world->signals);
    observation_buffer_release(&world->seen);
    network_release(&world->made.network);
}

static void queues_move(struct world *world)
{
    const struct network *network = &world->made.network;
    struct camera_columns *rows = &world->seen.rows.cameras;
    observation_buffer_clear(&world->seen);
    for (int32_t c = 0; c < network->camera_count; c++) {
        int32_t lane = network->cameras[c].lane, left = 0;
        double chance = world->demand * (double)(c % 4 + 1) / 4.0;
        uint64_t second = (uint64_t)(world->now_ms / 1000);
        world->queue[c] += random_unit(world->seed, RANDOM_TEST, (uint64_t)c, second) < chance && world->queue[c] < 25;
        bool green = world->aspects[lane_group(world, lane)] == ASPECT_GREEN;
        if (green && world->queue[c] > 0 && second % 2 == 0) {
            world->queue[c]--;
            left = 1;
        }
        bool blinks = random_unit(world->seed, RANDOM_TEST, (uint64_t)(CAMERAS + c), second) < world->blink;
        int32_t seen = blinks ? 0 : world->queue[c];
        int32_t row = rows->count++;
        rows->camera[row] = c;
        rows->end_ms[row] = world->now_ms;
        rows->length_ms[row] = 1000;
        rows->in_view[row] = rows->queued[row] = seen;
        rows->tail_mm[row] = seen * 7500;
        rows->speed_mmps[row] = seen > 0 ? 0 : -1;
        for (int t = 0; t < 4; t++) {
            rows->turned[t][row] =
                t == (int)network->connections[network->lanes[lane].first_connection].turn ? left : 0;
        }
        rows->first_bin[row + 1] = rows->first_bin[row];
    }
}

// Intergreens, yellows, minimum greens, and who was red for how long while somebody waited.
static void look(struct world *world)
{
    const struct network *network = &world->made.network;
    for (int32_t g = 0; g < GROUPS; g++) {
        const struct signal_group *group = &network->groups[g];
        const struct intersection *at = &network->intersections[group->intersection];
        bool green = world->aspects[g] == ASPECT_GREEN;
        if (green && world->green_ms[g] == 0) {
            world->green_ms[g] = world->now_ms;
            for (int32_t other = 0; other < at->group_count; other++) {
                int32_t o = at->first_group + other;
                int32_t intergreen_ms = network_intergreen_ms(network, at, other, g - at->first_group);
                assert_false(intergreen_ms >= 0 && world->green_ms[o] != 0);
                assert_false(intergreen_ms >= 0 && world->end_ms[o] != 0
                             && world->now_ms - world->end_ms[o] < intergreen_ms);
            }
        }
        if (!green && world->green_ms[g] != 0) {
            assert_true(world->now_ms - world->green_ms[g] >= group->green_ms_min
                        || world->green_ms[g] == BEGIN_MS);   // It may have begun before we looked.
            assert_int_equal(world->aspects[g], ASPECT_YELLOW);
            world->green_ms[g] = 0;
            world->end_ms[g] = world->now_ms;
        }
    }
    for (int32_t c = 0; c < CAMERAS; c++) {
        int32_t g = lane_group(world, network->cameras[c].lane);
        bool waits = world->queue[c] > 0 && world->green_ms[g] == 0;
        world->asked_ms[g] = !waits ? 0 : world->asked_ms[g] == 0 ? world->now_ms : world->asked_ms[g];
        int64_t red_end_ms = world->end_ms[g] + network->groups[g].red_ms_max;
        world->reds_over += waits && world->end_ms[g] != 0 && world->now_ms > red_end_ms
            && world->asked_ms[g] < red_end_ms - 30000;
    }
}

// By how much more than a step of the cycle and a stretch of a tenth this way and that a cycle differs from the last.
static void cycle_follow(struct world *world, const struct plan *plan)
{
    if (plan->kind != PLAN_CYCLIC) {
        return;
    }
    int32_t *last_ms = &world->cycle_ms[plan->intersection];
    if (*last_ms > 0) {
        int32_t step_ms = abs(plan->cycle_ms - *last_ms);
        int32_t longer_ms = plan->cycle_ms > *last_ms ? plan->cycle_ms : *last_ms;
        int32_t over_ms = step_ms - 8000 - longer_ms / 5 - 1000;
        world->cycle_ms_step = world->cycles == 0 || over_ms > world->cycle_ms_step ? over_ms : world->cycle_ms_step;
        world->cycles++;
    }
    *last_ms = plan->cycle_ms;
}

static void promise_follow(struct world *world, const struct plan *plan)
{
    int64_t until_ms = plan->kind == PLAN_ROLLING ? plan->valid_until_ms : 0;
    uint64_t green = 0;
    for (int32_t i = 0; i < plan->green_count; i++) {
        bool lasts = plan->base_ms + plan->greens[i].end_ms == until_ms;
        green |= lasts ? UINT64_C(1) << plan->greens[i].group : 0;
    }
    world->repeated += until_ms != 0 && until_ms == world->until_ms[plan->intersection]
        && green == world->last_green[plan->intersection];
    world->until_ms[plan->intersection] = until_ms;
    world->last_green[plan->intersection] = green;
}

static void plans_take(struct world *world, const struct actions *actions)
{
    for (int32_t i = 0; i < actions->publish_count; i++) {
        const struct plan *plan = &actions->publish[i];
        if (!world->deaf) {
            assert_int_equal(signals_offer(world->signals, plan, world->now_ms), STATUS_OK);
        }
        cycle_follow(world, plan);
        promise_follow(world, plan);
        world->plans++;
        world->digest = hash_number(world->digest, world->now_ms);
        world->digest = hash_number(world->digest, plan->intersection);
        world->digest = hash_number(world->digest, plan->base_ms + plan->valid_from_ms * 3 + plan->valid_until_ms * 7);
        world->digest = hash_number(world->digest, plan->version.sequence);
        world->digest = hash_number(world->digest, plan->reason.now_value);
        world->digest = hash_bytes(world->digest, plan->greens, sizeof *plan->greens * (size_t)plan->green_count);
    }
    for (int32_t i = 0; i < actions->refused_count; i++) {
        if (actions->refused[i].kind == REFUSAL_GUARD) {
            char text[256];
            guard_explain(&world->made.network, actions->refused[i].intersection, &actions->refused[i].guard, text,
                          (int32_t)sizeof text);
            print_error("t %lld intersection %d: %s\n", (long long)world->now_ms, actions->refused[i].intersection,
                        text);
            world->refused++;
        }
    }
}

static void world_second(struct world *world)
{
    signals_show(world->signals, world->now_ms, world->aspects);
    queues_move(world);
    struct actions actions;
    for (int32_t i = 0; i < CROSSINGS && !world->deaf; i++) {
        struct controller_report report;
        signals_report(world->signals, (struct intersection_id){ i }, &report);
        struct event event = { .kind = EVENT_STATUS, .now_ms = world->now_ms, .report = &report };
        brain_step(world->brain, &event, &actions);
    }
    struct event event = { .kind = EVENT_STEP, .now_ms = world->now_ms,
        .seen = world->mute ? NULL : &world->seen.rows };
    brain_step(world->brain, &event, &actions);
    assert_int_equal(actions.wake_ms, world->now_ms + 1000);
    plans_take(world, &actions);
    signals_show(world->signals, world->now_ms, world->aspects);
    look(world);
    world->now_ms += 1000;
}

static void world_run(struct world *world, int32_t seconds)
{
    for (int32_t s = 0; s < seconds; s++) {
        world_second(world);
    }
}

static void every_strategy_takes_over_and_is_safe(void **state)
{
    (void)state;
    for (int s = 0; s < strategy_count; s++) {
        struct world world;
        world_create(&world, strategies[s]->name, 1, 1);
        world_run(&world, 2400);
        assert_int_equal(world.refused, 0);
        assert_int_equal(world.reds_over, 0);
        assert_int_equal(world.repeated, 0);   // Decision 0103.
        for (int32_t i = 0; i < CROSSINGS; i++) {
            struct controller_report report;
            signals_report(world.signals, (struct intersection_id){ i }, &report);
            bool program = strcmp(strategies[s]->name, "program") == 0;
            assert_int_equal(report.mode, program ? CONTROLLER_FALLBACK : CONTROLLER_PLAN);
        }
        world_release(&world);
    }
}

// I11: whatever the demand does, cycles change by their steps, and the guard has nothing to refuse.
static void coordinated_changes_in_small_steps(void **state)
{
    (void)state;
    struct world world;
    world_create(&world, "coordinated", 2, 11);
    for (int32_t change = 0; change < 8; change++) {
        world.demand = change % 2 == 0 ? 0.05 : 0.30;
        world_run(&world, 900);
    }
    assert_true(world.cycles > 100);
    assert_true(world.cycle_ms_step <= 0);
    assert_int_equal(world.refused, 0);
    assert_int_equal(world.reds_over, 0);
    world_release(&world);
}

static void program_leaves_the_lamps_as_they_were(void **state)
{
    (void)state;
    struct world world;
    world_create(&world, "program", 1, 1);
    struct signals *alone = signals_create(&world.made.network, BEGIN_MS);
    uint8_t aspects[GROUPS];
    for (int32_t s = 0; s < 600; s++) {
        int64_t now_ms = world.now_ms;
        world_second(&world);
        signals_show(alone, now_ms, aspects);
        assert_memory_equal(aspects, world.aspects, sizeof aspects);
    }
    signals_release(alone);
    world_release(&world);
}

// Each second of several threads costs two meetings of them, which on a busy machine is most of this program's time: so
// only this test and the one of snapshots have several, and as long as every strategy needs to plan anew.
static void same_bytes_on_any_number_of_threads(void **state)
{
    (void)state;
    static const int THREADS[] = { 1, 2, 3, 8 };
    for (int s = 0; s < strategy_count; s++) {
        uint64_t digest[4];
        for (int t = 0; t < 4; t++) {
            struct world world;
            world_create(&world, strategies[s]->name, THREADS[t], 7);
            world_run(&world, 400);
            digest[t] = world.digest;
            world_release(&world);
        }
        assert_true(digest[0] == digest[1] && digest[1] == digest[2] && digest[2] == digest[3]);
    }
}

// Every pair: one takes over from the other through an override, and gives back when it ends. One world serves all that
// take over from one strategy, a crossing each.
static void strategies_change_places(void **state)
{
    (void)state;
    assert_true(strategy_count <= CROSSINGS);
    for (int a = 0; a < strategy_count; a++) {
        struct world world;
        world_create(&world, strategies[a]->name, 1, 3);
        world_run(&world, 700);
        for (int b = 0; b < strategy_count; b++) {
            struct override override = { .intersection = b,
                                         .kind = OVERRIDE_STRATEGY,
                                         .until_ms = world.now_ms + 700000 };
            (void)snprintf(override.strategy, sizeof override.strategy, "%s", strategies[b]->name);
            struct event event = { .kind = EVENT_OVERRIDE, .now_ms = world.now_ms, .override = &override };
            struct actions actions;
            brain_step(world.brain, &event, &actions);
            assert_true(actions.accepted);
        }
        world_run(&world, 1400);
        assert_int_equal(world.refused, 0);
        assert_int_equal(world.reds_over, 0);
        world_release(&world);
    }
}

// A cyclic plan tells nothing of the greens before it began, whatever its cycle would have shown: who takes over soon
// after one such plan followed another must not believe them, or a maximum red is overrun.
static void a_plan_says_nothing_of_what_was_before_it(void **state)
{
    (void)state;
    struct world world;
    world_create(&world, "webster", 1, 3);
    world_run(&world, 700);
    for (int b = 0; b < CROSSINGS; b++) {
        struct override override = { .intersection = b, .kind = OVERRIDE_STRATEGY, .strategy = "adaptive",
                                     .until_ms = world.now_ms + 600000 };
        struct event event = { .kind = EVENT_OVERRIDE, .now_ms = world.now_ms, .override = &override };
        struct actions actions;
        brain_step(world.brain, &event, &actions);
        assert_true(actions.accepted);
        world_run(&world, 400);
    }
    world_run(&world, 700);
    assert_int_equal(world.refused, 0);
    assert_int_equal(world.reds_over, 0);
    world_release(&world);
}

// A hold for ten minutes is accepted until the first maximum red of 120 s; afterwards the strategy goes on.
static void hold_of_a_stage_ends_at_maximum_red(void **state)
{
    (void)state;
    struct world world;
    world_create(&world, "max-pressure", 1, 5);
    world_run(&world, 300);
    struct override override = { .intersection = 1, .kind = OVERRIDE_STAGE, .stage = 2,
        .until_ms = world.now_ms + 600000 };
    struct event event = { .kind = EVENT_OVERRIDE, .now_ms = world.now_ms, .override = &override };
    struct actions actions;
    brain_step(world.brain, &event, &actions);
    assert_true(actions.accepted);
    assert_true(actions.accepted_until_ms <= world.now_ms + 120000);
    world_run(&world, 30);
    struct controller_report report;
    signals_report(world.signals, (struct intersection_id){ 1 }, &report);
    assert_int_equal(report.stage, 2);
    world_run(&world, 600);
    assert_int_equal(world.refused, 0);
    assert_int_equal(world.reds_over, 0);
    override.stage = CROSSING_STAGES;
    brain_step(world.brain, &event, &actions);
    assert_false(actions.accepted);
    assert_int_equal(actions.refused_count, 1);
    assert_int_equal(actions.refused[0].kind, REFUSAL_OVERRIDE);
    world_release(&world);
}

static void fallback_override_gives_the_intersection_back(void **state)
{
    (void)state;
    struct world world;
    world_create(&world, "max-pressure", 1, 5);
    world_run(&world, 300);
    struct override override = { .intersection = 3, .kind = OVERRIDE_FALLBACK, .until_ms = world.now_ms + 200000 };
    struct event event = { .kind = EVENT_OVERRIDE, .now_ms = world.now_ms, .override = &override };
    struct actions actions;
    brain_step(world.brain, &event, &actions);
    assert_true(actions.accepted);
    world_run(&world, 60);
    struct controller_report report;
    signals_report(world.signals, (struct intersection_id){ 3 }, &report);
    assert_int_equal(report.mode, CONTROLLER_FALLBACK);
    world_run(&world, 240);
    signals_report(world.signals, (struct intersection_id){ 3 }, &report);
    assert_int_equal(report.mode, CONTROLLER_PLAN);
    assert_int_equal(world.refused, 0);
    world_release(&world);
}

// The brain falls silent: plans run out and the controllers go back to their programs. It comes back: it takes over
// again.
static void lost_link_falls_back_and_recovers(void **state)
{
    (void)state;
    struct world world;
    world_create(&world, "max-pressure", 1, 5);
    world_run(&world, 300);
    world.deaf = true;
    world_run(&world, 300);
    for (int32_t i = 0; i < CROSSINGS; i++) {
        struct controller_report report;
        signals_report(world.signals, (struct intersection_id){ i }, &report);
        assert_int_equal(report.mode, CONTROLLER_FALLBACK);
    }
    world.deaf = false;
    world_run(&world, 120);
    for (int32_t i = 0; i < CROSSINGS; i++) {
        struct controller_report report;
        signals_report(world.signals, (struct intersection_id){ i }, &report);
        assert_int_equal(report.mode, CONTROLLER_PLAN);
    }
    assert_int_equal(world.refused, 0);
    world_release(&world);
}

// Without any observation everybody counts as waiting: no red beyond its maximum, whatever the strategy.
static void blind_it_serves_everybody(void **state)
{
    (void)state;
    for (int s = 0; s < strategy_count; s++) {
        struct world world;
        world_create(&world, strategies[s]->name, 1, 9);
        world.mute = true;
        world_run(&world, 1200);
        assert_int_equal(world.refused, 0);
        assert_int_equal(world.reds_over, 0);
        world_release(&world);
    }
}

// A camera that overlooks who stands there now and then does not free a group of its maximum red.
static void who_is_overlooked_at_times_waits_no_longer(void **state)
{
    (void)state;
    for (int s = 0; s < strategy_count; s++) {
        for (uint64_t seed = 1; seed <= 3; seed++) {
            struct world world;
            world_create(&world, strategies[s]->name, 1, seed);
            world.demand = 0.3;
            world.blink = 0.2;
            world_run(&world, 1800);
            assert_int_equal(world.refused, 0);
            assert_int_equal(world.reds_over, 0);
            world_release(&world);
        }
    }
}

static void bad_readings_are_refused_and_counted(void **state)
{
    (void)state;
    struct world world;
    world_create(&world, "max-pressure", 1, 5);
    world_run(&world, 10);
    queues_move(&world);
    struct camera_columns *rows = &world.seen.rows.cameras;
    rows->camera[0] = CAMERAS;                 // unknown
    rows->queued[1] = rows->in_view[1] + 1;    // more stand than are there
    rows->end_ms[2] = world.now_ms + 60000;    // from the future
    rows->end_ms[3] = world.now_ms - 1000000;  // older than 15 minutes
    rows->in_view[4] = 4000;
    struct event event = { .kind = EVENT_STEP, .now_ms = world.now_ms, .seen = &world.seen.rows };
    struct actions actions;
    int64_t used;
    brain_step(world.brain, &(struct event){ .kind = EVENT_STEP, .now_ms = world.now_ms }, &actions);
    used = actions.counts->readings_used;
    brain_step(world.brain, &event, &actions);
    assert_int_equal(actions.counts->readings_used - used, CAMERAS - 5);
    assert_int_equal(actions.counts->readings_refused[REFUSAL_UNKNOWN], 1);
    assert_int_equal(actions.counts->readings_refused[REFUSAL_IMPOSSIBLE], 3);
    assert_int_equal(actions.counts->readings_refused[REFUSAL_STALE_OBSERVATION], 1);
    assert_int_equal(actions.refused_count, 5);
    world_release(&world);
}

// A second life takes up the plans of the first: its version is newer, and no lamp moves at the change.
static void restored_plans_are_gone_on_from(void **state)
{
    (void)state;
    struct world world;
    world_create(&world, "max-pressure", 1, 5);
    world_run(&world, 300);
    struct brain *second;
    struct brain_options options = { .strategy = "max-pressure", .epoch = 2, .daemon = 1, .threads = 1 };
    struct problem problem;
    assert_int_equal(brain_create(&world.made.network, &options, &second, &problem), STATUS_OK);
    struct actions actions;
    for (int32_t i = 0; i < CROSSINGS; i++) {
        struct event event = { .kind = EVENT_RESTORE, .now_ms = world.now_ms,
            .plan = brain_plan(world.brain, (struct intersection_id){ i }) };
        assert_non_null(event.plan);
        brain_step(second, &event, &actions);
        assert_true(actions.accepted);
    }
    // A plan that is not of this network, and one with conflicting greens, are refused.
    struct plan forged = *brain_plan(world.brain, (struct intersection_id){ 0 });
    forged.site_hash++;
    struct event event = { .kind = EVENT_RESTORE, .now_ms = world.now_ms, .plan = &forged };
    brain_step(second, &event, &actions);
    assert_false(actions.accepted);
    brain_release(world.brain);
    world.brain = second;
    for (int32_t s = 0; s < 300; s++) {
        world_second(&world);
        for (int32_t i = 0; i < CROSSINGS; i++) {
            struct controller_report report;
            signals_report(world.signals, (struct intersection_id){ i }, &report);
            assert_int_equal(report.mode, CONTROLLER_PLAN);   // Never back to the program.
        }
    }
    assert_int_equal(brain_plan(second, (struct intersection_id){ 0 })->version.epoch, 2);
    assert_int_equal(world.refused, 0);
    world_release(&world);
}

// Two worlds run alike; in one the brain is exchanged, in mid-run, for a fresh one that loads its snapshot.
static void a_loaded_snapshot_goes_on_to_the_same_bytes(void **state)
{
    (void)state;
    for (int s = 0; s < strategy_count; s++) {
        struct world world, whole;
        world_create(&world, strategies[s]->name, 1, 3);
        world_create(&whole, strategies[s]->name, 1, 3);
        world_run(&world, 607);
        world_run(&whole, 607);
        size_t bytes = brain_save(world.brain, NULL, 0);
        uint8_t *kept = malloc(bytes), *again = malloc(bytes);
        assert_int_equal(brain_save(world.brain, kept, bytes - 1), 0);
        assert_int_equal(brain_save(world.brain, kept, bytes), bytes);
        brain_release(world.brain);
        struct brain_options options = { .strategy = strategies[s]->name, .epoch = 1, .daemon = 1,
            .threads = strategies[s] == strategy_find("max-pressure") ? 3 : 1 };
        struct problem problem;
        assert_int_equal(brain_create(&world.made.network, &options, &world.brain, &problem), STATUS_OK);
        assert_int_equal(brain_load(world.brain, kept, bytes - 1), STATUS_VERSION);
        kept[0] ^= 1;   // Another network's.
        assert_int_equal(brain_load(world.brain, kept, bytes), STATUS_VERSION);
        kept[0] ^= 1;
        assert_int_equal(brain_load(world.brain, kept, bytes), STATUS_OK);
        assert_int_equal(brain_save(world.brain, again, bytes), bytes);
        assert_memory_equal(kept, again, bytes);
        world_run(&world, 900);
        world_run(&whole, 900);
        assert_int_equal(world.digest, whole.digest);
        free(kept);
        free(again);
        world_release(&world);
        world_release(&whole);
    }
}

// Controllers that ask for their plan every second or two, with a latency that gives them the time: several plans are
// under way at once, some are never fetched, and reports get lost. What is fetched is safe after whatever was fetched
// before it, and nobody has to be handed over to twice.
static void plans_that_are_never_fetched_do_no_harm(void **state)
{
    (void)state;
    static struct green greens[CROSSINGS][PLAN_GREEN_COUNT_MAX];
    int32_t skipped = 0;
    for (int s = 0; s < strategy_count; s++) {
        for (int32_t latency_ms = 3000; latency_ms <= 5000; latency_ms += 1000) {
            struct world world;
            struct problem problem;
            struct plan newest[CROSSINGS];
            int32_t handed_over[CROSSINGS] = { 0 };
            bool waits[CROSSINGS] = { false };
            world_create(&world, strategies[s]->name, 1, 7);
            brain_release(world.brain);
            struct brain_options options = { .strategy = strategies[s]->name, .epoch = 1, .daemon = 1, .threads = 1,
                .solve_latency_ms = latency_ms };
            assert_int_equal(brain_create(&world.made.network, &options, &world.brain, &problem), STATUS_OK);
            for (int32_t second = 0; second < 1800; second++) {
                signals_show(world.signals, world.now_ms, world.aspects);
                queues_move(&world);
                struct actions actions;
                for (int32_t i = 0; i < CROSSINGS; i++) {
                    struct controller_report report;
                    signals_report(world.signals, (struct intersection_id){ i }, &report);
                    struct event event = { .kind = EVENT_STATUS, .now_ms = world.now_ms, .report = &report };
                    // Lost now and then, never three in a row: after 3 s a controller counts as silent.
                    if (second % 3 == 0 || random_unit(11, RANDOM_TEST, (uint64_t)i, (uint64_t)second) < 0.6) {
                        brain_step(world.brain, &event, &actions);
                    }
                }
                struct event event = { .kind = EVENT_STEP, .now_ms = world.now_ms, .seen = &world.seen.rows };
                brain_step(world.brain, &event, &actions);
                for (int32_t n = 0; n < actions.publish_count; n++) {
                    int32_t i = actions.publish[n].intersection;
                    handed_over[i] += actions.publish[n].handover;
                    skipped += waits[i];
                    waits[i] = true;
                    plan_copy(&actions.publish[n], greens[i], &newest[i]);
                }
                for (int32_t i = 0; i < CROSSINGS; i++) {
                    if (waits[i] && ((second + i) % 2 == 0
                                     || random_unit(13, RANDOM_TEST, (uint64_t)i, (uint64_t)second) < 0.3)) {
                        assert_int_equal(signals_offer(world.signals, &newest[i], world.now_ms), STATUS_OK);
                        waits[i] = false;
                    }
                }
                signals_show(world.signals, world.now_ms, world.aspects);
                look(&world);
                world.now_ms += 1000;
            }
            for (int32_t i = 0; i < CROSSINGS; i++) {
                assert_true(handed_over[i] <= 1);
            }
            world_release(&world);
        }
    }
    assert_true(skipped > 0);
}

static void refuses_options_that_make_no_sense(void **state)
{
    (void)state;
    struct crossings made;
    crossings_build(&made, 1, 300.0);
    struct brain *brain = NULL;
    struct problem problem;
    struct brain_options options = { .strategy = "no-such", .epoch = 1, .daemon = 1, .threads = 1 };
    assert_int_equal(brain_create(&made.network, &options, &brain, &problem), STATUS_UNKNOWN);
    assert_non_null(strstr(problem.text, "max-pressure"));
    options.strategy = "program";
    options.threads = 0;
    assert_int_equal(brain_create(&made.network, &options, &brain, &problem), STATUS_RANGE);
    assert_null(brain);
    network_release(&made.network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_strategy_takes_over_and_is_safe),
        cmocka_unit_test(coordinated_changes_in_small_steps),
        cmocka_unit_test(program_leaves_the_lamps_as_they_were),
        cmocka_unit_test(same_bytes_on_any_number_of_threads),
        cmocka_unit_test(strategies_change_places),
        cmocka_unit_test(a_plan_says_nothing_of_what_was_before_it),
        cmocka_unit_test(hold_of_a_stage_ends_at_maximum_red),
        cmocka_unit_test(fallback_override_gives_the_intersection_back),
        cmocka_unit_test(lost_link_falls_back_and_recovers),
        cmocka_unit_test(blind_it_serves_everybody),
        cmocka_unit_test(who_is_overlooked_at_times_waits_no_longer),
        cmocka_unit_test(bad_readings_are_refused_and_counted),
        cmocka_unit_test(restored_plans_are_gone_on_from),
        cmocka_unit_test(a_loaded_snapshot_goes_on_to_the_same_bytes),
        cmocka_unit_test(plans_that_are_never_fetched_do_no_harm),
        cmocka_unit_test(refuses_options_that_make_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
