// Goal: the store writes what changed and nothing else, in one transaction, only while its epoch leads; whatever Redis
// answers or fails to answer, it neither forgets a row nor queues without bound; its fields can be read by people.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/memory.h"
#include "engine/store/store.h"
#include "tests/engine/fake_redis.h"
#include "tests/engine/toy_network.h"

#define SITE_COUNT 40
#define DETECTOR_COUNT 3

static const char PLAN[4000] = "\x08\x01plan";

struct scene {
    struct network network;
    struct store *store;
    struct fake_redis fake;
    struct intersection_state states[SITE_COUNT];
    struct plan_version versions[SITE_COUNT];
    struct store_daemon daemon;
    char said[1024];
    size_t plan_bytes;                // of each plan in force
    int restored;
    size_t restored_bytes;
    int64_t now_ms;
};

static void on_restored(void *owner, int32_t intersection, const uint8_t *bytes, size_t byte_count)
{
    struct scene *scene = owner;
    (void)intersection;
    (void)bytes;
    scene->restored++;
    scene->restored_bytes += byte_count;
}

static bool on_plan(void *owner, int32_t intersection, struct store_plan *ret)
{
    const struct scene *scene = owner;
    (void)intersection;
    *ret = (struct store_plan){ .plan = { .kind = PLAN_ROLLING, .reason = { REASON_SWITCH, 2, 90, 140 } },
        .bytes = (const uint8_t *)PLAN, .byte_count = scene->plan_bytes };
    return true;
}

static struct store_options options_of(struct scene *scene)
{
    return (struct store_options){ .city = "toy", .connect_ms_max = 3000, .answer_ms_max = 1000, .retry_ms_min = 50,
        .retry_ms_max = 1000, .minute_length_max = 100, .batch_bytes_max = 1 << 18, .jitter_seed = 7, .owner = scene,
        .restored = on_restored, .plan = on_plan };
}

static void network_fill(struct network *network)
{
    struct toy_site *sites = calloc(SITE_COUNT, sizeof *sites);
    for (int i = 0; i < SITE_COUNT; i++) {
        sites[i] = toy_cross();
    }
    toy_network_build(network, sites, SITE_COUNT, 0);
    free(sites);
    // Two loops at the first intersection, one that serves none.
    free(network->detectors);
    network->detector_count = DETECTOR_COUNT;
    network->detectors = memory_take(DETECTOR_COUNT, sizeof *network->detectors);
    for (int i = 0; i < DETECTOR_COUNT; i++) {
        char name[16];
        snprintf(name, sizeof name, "loop%d", i);
        network->detectors[i] = (struct detector){ .name = names_add(&network->names, name),
            .intersection = i < 2 ? 0 : INDEX_NONE };
    }
}

static struct scene *scene_make(void)
{
    struct scene *scene = calloc(1, sizeof *scene);
    network_fill(&scene->network);
    struct store_options options = options_of(scene);
    store_create(&scene->network, &options, &scene->store);
    scene->now_ms = 1000;
    scene->plan_bytes = 6;
    scene->daemon = (struct store_daemon){ .strategy = "webster", .mode = "live", .time_ms = 1000 };
    for (int i = 0; i < SITE_COUNT; i++) {
        scene->states[i].stage = i % 4;
        scene->versions[i] = (struct plan_version){ 5, 9, 1 };
    }
    return scene;
}

static void scene_free(struct scene *scene)
{
    store_release(scene->store);
    network_release(&scene->network);
    free(scene);
}

static void offer(struct scene *scene)
{
    store_offer(scene->store, scene->states, scene->versions, &scene->daemon);
}

static int run(struct scene *scene)
{
    return fake_redis_run(&scene->fake, scene->store, scene->now_ms, scene->said, sizeof scene->said);
}

// Connected, leading as epoch 5 of daemon 9, everything written.
static struct scene *scene_written(void)
{
    struct scene *scene = scene_make();
    run(scene);
    store_lead(scene->store, (struct store_epoch){ 5, 9 });
    offer(scene);
    run(scene);
    assert_true(store_settled(scene->store));
    return scene;
}

static const char *name_of(const struct scene *scene, int32_t intersection)
{
    return network_name(&scene->network, scene->network.intersections[intersection].name);
}

static const char *field_of(struct scene *scene, int32_t intersection, const char *field)
{
    char key[128];
    snprintf(key, sizeof key, "intergreen:{toy}:intersection:%s", name_of(scene, intersection));
    const char *value = fake_redis_get(&scene->fake, key, field);
    return value != NULL ? value : "(missing)";
}

static void everything_is_written_once_it_leads(void **state)
{
    (void)state;
    struct scene *scene = scene_make();
    scene->states[3].queue_veh = 12.44;
    scene->states[3].flow_vph = 829.6;
    scene->states[3].confidence = 0.934;
    scene->states[3].detectors_healthy = 11;
    scene->states[3].detectors_total = 12;
    scene->states[3].reported = true;
    offer(scene);
    run(scene);
    assert_int_equal(scene->fake.transactions, 0);   // It does not lead yet.
    store_lead(scene->store, (struct store_epoch){ 5, 9 });
    run(scene);
    assert_int_equal(scene->fake.transactions, 1);   // "in one pipeline"
    assert_string_equal(fake_redis_get(&scene->fake, "intergreen:{toy}:epoch", ""), "5.9");
    assert_string_equal(field_of(scene, 3, "queue_veh"), "12.4");
    assert_string_equal(field_of(scene, 3, "flow_vph"), "830");
    assert_string_equal(field_of(scene, 3, "confidence"), "0.93");
    assert_string_equal(field_of(scene, 3, "health"), "11/12");
    assert_string_equal(field_of(scene, 3, "reported"), "yes");
    assert_string_equal(field_of(scene, 3, "mode"), "plan");
    assert_string_equal(field_of(scene, 3, "stage"), "3");
    assert_string_equal(field_of(scene, 3, "plan_version"), "5.9.1");
    assert_string_equal(field_of(scene, 3, "plan_kind"), "rolling");
    assert_string_equal(field_of(scene, 3, "plan_reason"), "switch 2: 140 against 90");
    assert_string_equal(field_of(scene, 3, "updated"), "1970-01-01T00:00:01Z");
    char key[128];
    snprintf(key, sizeof key, "intergreen:{toy}:plan:%s", name_of(scene, 3));
    assert_string_equal(fake_redis_get(&scene->fake, key, ""), PLAN);
    assert_string_equal(fake_redis_get(&scene->fake, "intergreen:{toy}:daemon", "strategy"), "webster");
    scene_free(scene);
}

static void only_what_changed_is_written(void **state)
{
    (void)state;
    struct scene *scene = scene_written();
    int32_t before = scene->fake.writes;
    offer(scene);
    run(scene);
    assert_int_equal(scene->fake.writes - before, 1);   // The daemon's own line.

    // 0.04 of a vehicle does not show; 0.06 does.
    scene->states[7].queue_veh = 0.04;
    before = scene->fake.writes;
    offer(scene);
    run(scene);
    assert_int_equal(scene->fake.writes - before, 1);
    scene->states[7].queue_veh = 0.06;
    scene->fake.published_count = 0;
    before = scene->fake.writes;
    scene->daemon.time_ms = 5000;
    offer(scene);
    run(scene);
    assert_int_equal(scene->fake.writes - before, 3);   // daemon, HSET, PUBLISH: the plan is as it was
    assert_string_equal(field_of(scene, 7, "queue_veh"), "0.1");
    assert_string_equal(field_of(scene, 7, "updated"), "1970-01-01T00:00:05Z");
    assert_string_equal(field_of(scene, 6, "updated"), "1970-01-01T00:00:01Z");
    char expected[128];
    snprintf(expected, sizeof expected, "{\"time_ms\":5000,\"changed\":[\"%s\"]}", name_of(scene, 7));
    assert_int_equal(scene->fake.published_count, 1);
    assert_string_equal(scene->fake.published[0], expected);
    scene_free(scene);
}

// Plans of 4,000 bytes: 40 of them do not fit into a batch that keeps 32 KiB of its 128 in reserve. Several
// transactions carry them, and every one arrives.
static void a_large_city_is_written_in_several_batches(void **state)
{
    (void)state;
    struct scene *scene = calloc(1, sizeof *scene);
    network_fill(&scene->network);
    struct store_options options = options_of(scene);
    options.batch_bytes_max = (size_t)4 * 32768;
    store_create(&scene->network, &options, &scene->store);
    scene->daemon = (struct store_daemon){ .strategy = "webster", .mode = "live" };
    scene->plan_bytes = sizeof PLAN;
    for (int i = 0; i < SITE_COUNT; i++) {
        scene->versions[i] = (struct plan_version){ 5, 9, 1 };
    }
    run(scene);
    store_lead(scene->store, (struct store_epoch){ 5, 9 });
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SITE_COUNT; i++) {
            scene->states[i].flow_vph = 100.0 * round + i;
            scene->versions[i].sequence = (uint32_t)round + 1;
        }
        int32_t before = scene->fake.transactions;
        offer(scene);
        run(scene);
        assert_in_range(scene->fake.transactions - before, 2, 3);
        assert_true(store_settled(scene->store));
        for (int i = 0; i < SITE_COUNT; i++) {
            assert_int_equal(atoi(field_of(scene, i, "flow_vph")), 100 * round + i);
        }
    }
    scene_free(scene);
}

static void plans_are_read_back_before_it_leads(void **state)
{
    (void)state;
    struct scene *scene = scene_make();
    char key[128];
    for (int i = 0; i < 4; i++) {
        snprintf(key, sizeof key, "intergreen:{toy}:plan:%s", name_of(scene, i));
        fake_redis_set(&scene->fake, key, "", "bytes");
    }
    fake_redis_set(&scene->fake, "intergreen:{toy}:epoch", "", "41.3");
    struct store_epoch found = { 0 };
    assert_false(store_restored(scene->store, &found));
    run(scene);
    assert_true(store_restored(scene->store, &found));
    assert_int_equal(found.number, 41);
    assert_int_equal(found.daemon, 3);
    assert_int_equal(scene->restored, 4);
    assert_int_equal(scene->restored_bytes, 20);
    scene_free(scene);
}

static void an_epoch_that_cannot_be_read_counts_as_none(void **state)
{
    (void)state;
    static const char *const BAD[] = { "", "12", "x.y", "1.2.3", "1.2 ", "99999999999999999999999999999999999.1" };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct scene *scene = scene_make();
        struct store_epoch found = { 7, 7 };
        fake_redis_set(&scene->fake, "intergreen:{toy}:epoch", "", BAD[i]);
        run(scene);
        assert_true(store_restored(scene->store, &found));
        assert_int_equal(found.number, 0);
        scene_free(scene);
    }
}

static void a_lost_connection_is_tried_again_with_growing_pauses(void **state)
{
    (void)state;
    struct scene *scene = scene_written();
    struct store_actions actions;
    int64_t now_ms = 10000, wait_ms_before = 0;
    store_lost(scene->store, now_ms, "reset", &actions);
    assert_true(actions.close && actions.alarm);
    assert_non_null(strstr(actions.said, "reset"));
    for (int i = 0; i < 8; i++) {
        int64_t wait_ms = store_wake_ms(scene->store) - now_ms, whole_ms = 50 << i;
        whole_ms = whole_ms > 1000 ? 1000 : whole_ms;
        // A quarter of jitter either way, 1 ms for rounding.
        assert_in_range(wait_ms, whole_ms * 3 / 4, whole_ms * 5 / 4 + 1);
        assert_true(i > 4 || wait_ms > wait_ms_before);
        wait_ms_before = wait_ms;
        store_tick(scene->store, store_wake_ms(scene->store) - 1, &actions);
        assert_false(actions.connect);
        now_ms = store_wake_ms(scene->store);
        store_tick(scene->store, now_ms, &actions);
        assert_true(actions.connect);
        store_lost(scene->store, now_ms, "refused", &actions);
        assert_null(actions.said);   // Said once.
    }
    scene_free(scene);
}

static void what_happened_meanwhile_is_caught_up(void **state)
{
    (void)state;
    struct scene *scene = scene_written();
    struct store_actions actions;
    store_lost(scene->store, 10000, "reset", &actions);
    fake_redis_clear(&scene->fake);   // The server came back without what it had.
    for (int i = 0; i < 1000; i++) {
        scene->states[5].flow_vph = i;
        offer(scene);                 // A thousand steps: nothing piles up, the newest counts.
    }
    scene->now_ms = store_wake_ms(scene->store);
    run(scene);
    assert_non_null(strstr(scene->said, "back after"));
    assert_true(store_settled(scene->store));
    assert_string_equal(field_of(scene, 5, "flow_vph"), "999");
    assert_string_equal(field_of(scene, 39, "stage"), "3");
    assert_string_equal(fake_redis_get(&scene->fake, "intergreen:{toy}:epoch", ""), "5.9");
    scene_free(scene);
}

static void a_server_that_does_not_answer_counts_as_stalled(void **state)
{
    (void)state;
    struct scene *scene = scene_written();
    struct store_actions actions;
    scene->fake.deaf = true;
    offer(scene);
    run(scene);
    assert_int_equal(store_state(scene->store), STORE_FENCING);
    store_tick(scene->store, scene->now_ms + 999, &actions);
    assert_false(actions.close);
    store_tick(scene->store, scene->now_ms + 1000, &actions);
    assert_true(actions.close && actions.alarm);
    assert_int_equal(store_state(scene->store), STORE_AWAY);
    // A connection that does not come about ends after its own time.
    int64_t now_ms = store_wake_ms(scene->store);
    store_tick(scene->store, now_ms, &actions);
    assert_true(actions.connect);
    store_tick(scene->store, now_ms + 2999, &actions);
    assert_false(actions.close);
    store_tick(scene->store, now_ms + 3000, &actions);
    assert_true(actions.close);
    scene_free(scene);
}

static void a_refused_batch_is_written_again_later(void **state)
{
    (void)state;
    static const char *const ERRORS[] = { "OOM command not allowed when used memory > 'maxmemory'.",
        "MISCONF Redis is configured to save RDB snapshots", "LOADING Redis is loading the dataset in memory",
        "BUSY Redis is busy running a script." };
    static const bool ALARM[] = { true, true, false, false };
    for (size_t i = 0; i < sizeof ERRORS / sizeof ERRORS[0]; i++) {
        struct scene *scene = scene_written();
        scene->states[8].flow_vph = 77.0;
        scene->fake.refuse_writes = ERRORS[i];
        offer(scene);
        run(scene);
        assert_int_equal(store_state(scene->store), STORE_READY);   // The connection is kept.
        assert_true((strncmp(scene->said, "ALARM", 5) == 0) == ALARM[i]);
        assert_string_equal(field_of(scene, 8, "flow_vph"), "0");
        int64_t again_ms = store_wake_ms(scene->store);
        assert_true(again_ms > scene->now_ms);
        offer(scene);
        assert_int_equal(run(scene), 0);                            // Not before its time.
        scene->now_ms = again_ms;
        run(scene);
        assert_string_equal(scene->said, "");                       // The same trouble is said once.
        scene->fake.refuse_writes = NULL;
        scene->now_ms = store_wake_ms(scene->store);
        run(scene);
        assert_true(store_settled(scene->store));
        assert_string_equal(field_of(scene, 8, "flow_vph"), "77");
        scene_free(scene);
    }
}

static void a_replica_or_a_wrong_password_ends_the_connection(void **state)
{
    (void)state;
    static const char *const ERRORS[] = { "READONLY You can't write against a read only replica.",
        "NOAUTH Authentication required.", "WRONGPASS invalid username-password pair",
        "NOPERM this user has no permissions" };
    for (size_t i = 0; i < sizeof ERRORS / sizeof ERRORS[0]; i++) {
        struct scene *scene = scene_written();
        scene->fake.refuse_all = ERRORS[i];
        offer(scene);
        run(scene);
        assert_int_equal(store_state(scene->store), STORE_AWAY);
        assert_int_equal(strncmp(scene->said, "ALARM", 5), 0);
        scene->fake.refuse_all = NULL;
        scene->now_ms = store_wake_ms(scene->store);
        run(scene);
        assert_true(store_settled(scene->store));
        scene_free(scene);
    }
}

static void of_two_daemons_the_older_epoch_writes_nothing(void **state)
{
    (void)state;
    static const char *const NEWER[] = { "6.1", "5.10", "4294967295.1" };
    for (size_t i = 0; i < sizeof NEWER / sizeof NEWER[0]; i++) {
        struct scene *scene = scene_written();
        struct store_epoch found = { 0 };
        int32_t before = scene->fake.writes;
        fake_redis_set(&scene->fake, "intergreen:{toy}:epoch", "", NEWER[i]);
        offer(scene);
        run(scene);
        assert_true(store_fenced(scene->store, &found));
        assert_int_equal(strncmp(scene->said, "ALARM", 5), 0);
        assert_int_equal(scene->fake.writes, before);
        assert_string_equal(fake_redis_get(&scene->fake, "intergreen:{toy}:epoch", ""), NEWER[i]);
        // It looks again, and writes once it has a newer epoch itself.
        store_lead(scene->store,
                   (struct store_epoch){ found.number < UINT32_MAX ? found.number + 1 : found.number, 99 });
        scene->now_ms = store_wake_ms(scene->store);
        run(scene);
        assert_false(store_fenced(scene->store, NULL));
        assert_true(scene->fake.writes > before);
        scene_free(scene);
    }
}

// The epoch changes between WATCH and EXEC: the transaction gives nothing, and the next look finds the newer one.
static void a_leader_that_comes_in_between_is_noticed(void **state)
{
    (void)state;
    struct scene *scene = scene_written();
    struct store_actions actions;
    struct answer ok = { .kind = ANSWER_DONE, .text = "OK", .bytes = 2 };
    struct answer ours = { .kind = ANSWER_TEXT, .text = "5.9", .bytes = 3 };
    struct answer nothing = { .kind = ANSWER_NOTHING };
    offer(scene);
    store_tick(scene->store, 2000, &actions);
    store_answer(scene->store, 2000, &ok, &actions);
    store_answer(scene->store, 2000, &ours, &actions);
    assert_int_equal(store_state(scene->store), STORE_WRITING);
    int32_t sent = actions.send->count;
    for (int32_t i = 0; i < sent; i++) {
        store_answer(scene->store, 2000, i + 1 < sent ? &ok : &nothing, &actions);
    }
    assert_int_equal(store_state(scene->store), STORE_READY);
    int32_t before = scene->fake.writes;
    fake_redis_set(&scene->fake, "intergreen:{toy}:epoch", "", "6.1");
    scene->states[2].flow_vph = 5.0;
    offer(scene);
    scene->now_ms = 2000;
    run(scene);
    assert_true(store_fenced(scene->store, NULL));
    assert_int_equal(scene->fake.writes, before);
    scene_free(scene);
}

static void an_emptied_store_is_filled_again(void **state)
{
    (void)state;
    struct scene *scene = scene_written();
    fake_redis_clear(&scene->fake);
    offer(scene);
    run(scene);
    assert_non_null(strstr(scene->said, "lost what was written"));
    assert_string_equal(field_of(scene, 39, "stage"), "3");
    assert_string_equal(fake_redis_get(&scene->fake, "intergreen:{toy}:epoch", ""), "5.9");
    assert_int_equal(store_counts(scene->store)->rebuilt, 1);
    scene_free(scene);
}

static void minutes_of_counts_are_streamed_and_bounded(void **state)
{
    (void)state;
    struct scene *scene = scene_written();
    char key[128];
    snprintf(key, sizeof key, "intergreen:{toy}:minutes:%s", name_of(scene, 0));
    int32_t counts[DETECTOR_COUNT] = { 12, -1, 5 };   // the second has said nothing
    store_offer_minute(scene->store, 120000, counts);
    run(scene);
    assert_string_equal(fake_redis_get(&scene->fake, key, "minute"), "1970-01-01T00:02:00Z");
    assert_string_equal(fake_redis_get(&scene->fake, key, "loop0"), "12");
    assert_null(fake_redis_get(&scene->fake, key, "loop1"));
    assert_string_equal(fake_redis_get(&scene->fake, "intergreen:{toy}:minutes", "loop2"), "5");
    assert_string_equal(fake_redis_get(&scene->fake, key, "entries"), "1");

    // Away for 18 minutes: the newest STORE_MINUTE_COUNT_MAX (15) are kept, three are dropped and counted.
    struct store_actions actions;
    store_lost(scene->store, 10000, "reset", &actions);
    for (int i = 0; i < STORE_MINUTE_COUNT_MAX + 3; i++) {
        store_offer_minute(scene->store, (3 + i) * 60000, counts);
    }
    assert_int_equal(store_counts(scene->store)->minutes_dropped, 3);
    scene->now_ms = store_wake_ms(scene->store);
    run(scene);
    assert_true(store_settled(scene->store));
    assert_string_equal(fake_redis_get(&scene->fake, key, "minute"), "1970-01-01T00:20:00Z");
    scene_free(scene);
}

static void answers_are_classified_by_their_first_word(void **state)
{
    (void)state;
    static const struct { const char *text; enum answer_class class; } CASES[] = {
        { "LOADING Redis is loading", ANSWER_LOADING }, { "BUSY x", ANSWER_BUSY }, { "OOM x", ANSWER_FULL },
        { "MISCONF x", ANSWER_DISK }, { "READONLY x", ANSWER_READ_ONLY }, { "NOAUTH x", ANSWER_DENIED },
        { "EXECABORT x", ANSWER_ABORTED }, { "WRONGTYPE x", ANSWER_WRONG }, { "ERR unknown command", ANSWER_WRONG },
        { "LOADINGX x", ANSWER_WRONG }, { "OO", ANSWER_WRONG }, { "OOM", ANSWER_FULL }, { "", ANSWER_WRONG },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct answer answer = { .kind = ANSWER_ERROR, .text = CASES[i].text, .bytes = (int32_t)strlen(CASES[i].text) };
        assert_int_equal(answer_classify(&answer), CASES[i].class);
        answer.kind = ANSWER_TEXT;
        assert_int_equal(answer_classify(&answer), ANSWER_GOOD);
    }
}

// Dates from the calendar: 951,782,400 s is 2000-02-29, 4,107,542,400 s is 2100-03-01 (no leap year).
static void times_are_written_as_dates(void **state)
{
    (void)state;
    static const struct { int64_t time_ms; const char *text; } CASES[] = {
        { 0, "1970-01-01T00:00:00Z" }, { -1, "1969-12-31T23:59:59Z" }, { 951782400000, "2000-02-29T00:00:00Z" },
        { 951868799999, "2000-02-29T23:59:59Z" }, { 4107542400000, "2100-03-01T00:00:00Z" },
        { 1795478400000, "2026-11-24T00:00:00Z" },
    };
    char text[32];
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        field_time(CASES[i].time_ms, text, sizeof text);
        assert_string_equal(text, CASES[i].text);
    }
}

static void a_command_that_does_not_fit_is_left_out_whole(void **state)
{
    (void)state;
    struct commands commands;
    struct command command;
    size_t cursor = 0;
    commands_create(&commands, 64);
    commands_begin(&commands);
    commands_word(&commands, "SET");
    commands_word(&commands, "key");
    commands_number(&commands, -12);
    assert_true(commands_end(&commands));       // 4 + 7 + 7 + 7 bytes
    commands_begin(&commands);
    commands_word(&commands, "SET");
    commands_word(&commands, "a key that is far too long for what is left");
    assert_false(commands_end(&commands));
    assert_true(commands.full);
    assert_int_equal(commands.count, 1);
    assert_true(commands_next(&commands, &cursor, &command));
    assert_int_equal(command.word_count, 3);
    assert_memory_equal(command.word[2], "-12", 3);
    assert_false(commands_next(&commands, &cursor, &command));
    commands_release(&commands);
}

#define LEASE "intergreen:{toy}:lease"
#define LEASE_MS 1000

static struct scene *scene_of_a_pair(void)
{
    struct scene *scene = scene_make();
    struct store_options options = options_of(scene);
    store_release(scene->store);
    options.lease_ms = LEASE_MS;
    store_create(&scene->network, &options, &scene->store);
    run(scene);
    return scene;
}

static void later(struct scene *scene, int64_t by_ms)
{
    scene->now_ms += by_ms;
    run(scene);
}

// Written with the state and every quarter of its time; not by an engine that stands still; gone once it is given up.
static void a_leader_holds_its_lease(void **state)
{
    (void)state;
    struct scene *scene = scene_of_a_pair();
    store_lead(scene->store, (struct store_epoch){ 5, 9 });
    offer(scene);
    run(scene);
    assert_string_equal(fake_redis_get(&scene->fake, LEASE, ""), "5.9");
    fake_redis_set(&scene->fake, LEASE, "", "");
    later(scene, LEASE_MS / 4 - 1);
    assert_string_equal(fake_redis_get(&scene->fake, LEASE, ""), "");
    later(scene, 1);
    assert_string_equal(fake_redis_get(&scene->fake, LEASE, ""), "5.9");
    store_hold_lease(scene->store, false);
    fake_redis_set(&scene->fake, LEASE, "", "");
    later(scene, LEASE_MS);
    assert_string_equal(fake_redis_get(&scene->fake, LEASE, ""), "");
    store_hold_lease(scene->store, true);
    later(scene, 1);
    assert_string_equal(fake_redis_get(&scene->fake, LEASE, ""), "5.9");
    store_resign(scene->store);
    later(scene, 1);
    assert_string_equal(fake_redis_get(&scene->fake, LEASE, ""), "");
    scene_free(scene);
}

// Free for a third of its time where it was seen held; a renewal in between starts that anew.
static void a_follower_takes_over_a_lease_that_ended(void **state)
{
    (void)state;
    struct scene *scene = scene_of_a_pair();
    struct store_epoch holder;
    fake_redis_set(&scene->fake, LEASE, "", "5.9");
    store_follow(scene->store);
    later(scene, LEASE_MS / 8);
    assert_false(store_lease_free(scene->store, scene->now_ms, &holder));
    assert_int_equal(holder.number, 5);
    fake_redis_set(&scene->fake, LEASE, "", "");
    later(scene, LEASE_MS / 8);
    later(scene, LEASE_MS / 3 - 1);
    assert_false(store_lease_free(scene->store, scene->now_ms, &holder));
    fake_redis_set(&scene->fake, LEASE, "", "5.9");
    later(scene, LEASE_MS / 8);
    fake_redis_set(&scene->fake, LEASE, "", "");
    later(scene, LEASE_MS / 8);
    assert_false(store_lease_free(scene->store, scene->now_ms, &holder));
    later(scene, LEASE_MS / 3);
    assert_true(store_lease_free(scene->store, scene->now_ms, &holder));
    // It reads the plans anew, and leads.
    store_read_again(scene->store);
    assert_false(store_restored(scene->store, NULL));
    later(scene, 1);
    assert_true(store_restored(scene->store, &holder));
    store_lead(scene->store, (struct store_epoch){ 6, 3 });
    offer(scene);
    run(scene);
    assert_string_equal(fake_redis_get(&scene->fake, LEASE, ""), "6.3");
    scene_free(scene);
}

// A store that came back empty: the leader may still be on its way to it.
static void on_a_new_connection_a_follower_waits_for_the_leader(void **state)
{
    (void)state;
    struct scene *scene = scene_of_a_pair();
    struct store_epoch holder;
    int64_t patience_ms = LEASE_MS + 2 * options_of(scene).retry_ms_max;
    store_follow(scene->store);
    later(scene, LEASE_MS / 8);
    later(scene, patience_ms - 1);
    assert_false(store_lease_free(scene->store, scene->now_ms, &holder));
    later(scene, 1);
    assert_true(store_lease_free(scene->store, scene->now_ms, &holder));
    scene_free(scene);
}

// ---- regions -------------------------------------------------------------------------------------------------------

#define HALF "intergreen:{toy/east}:"

// The toy city in two halves; the second is `east`.
static void halve(struct scene *scene)
{
    names_release(&scene->network.regions);
    (void)names_add(&scene->network.regions, "west");
    (void)names_add(&scene->network.regions, "east");
    for (int32_t i = 0; i < SITE_COUNT; i++) {
        scene->network.intersections[i].region = i >= SITE_COUNT / 2;
    }
}

static char heard[256];

static void on_boundary(void *owner, const uint8_t *bytes, size_t byte_count)
{
    (void)owner;
    size_t used = strlen(heard);
    snprintf(heard + used, sizeof heard - used, "%.*s ", (int)byte_count, (const char *)bytes);
}

static struct scene *scene_of_a_region(bool own)
{
    struct scene *scene = scene_make();
    halve(scene);
    struct store_options options = options_of(scene);
    store_release(scene->store);
    options.city = "toy/east";
    options.lease_ms = LEASE_MS;
    options.regional = true;
    options.region = 1;
    options.address = "10.0.0.2:7411";
    options.claims = own;
    options.yields = !own;
    options.boundary = on_boundary;
    store_create(&scene->network, &options, &scene->store);
    heard[0] = '\0';
    run(scene);
    return scene;
}

static void leave_and_follow(struct scene *scene)
{
    store_leave(scene->store);
    store_follow(scene->store);
    later(scene, LEASE_MS / 8);
}

// Its own intersections alone, where it is reached, and what its borders see, the newest first.
static void a_region_is_written_by_itself(void **state)
{
    (void)state;
    struct scene *scene = scene_of_a_region(true);
    store_lead(scene->store, (struct store_epoch){ 5, 9 });
    offer(scene);
    store_offer_boundary(scene->store, 7, (const uint8_t *)"seven", 5);
    store_offer_boundary(scene->store, 8, (const uint8_t *)"eight", 5);
    run(scene);
    int hashes = 0;
    for (int32_t i = 0; i < SITE_COUNT; i++) {
        char key[96];
        snprintf(key, sizeof key, HALF "intersection:%s",
                 network_name(&scene->network, scene->network.intersections[i].name));
        bool there = fake_redis_get(&scene->fake, key, "stage") != NULL;
        assert_int_equal(there, i >= SITE_COUNT / 2);
        hashes += there;
    }
    assert_int_equal(hashes, SITE_COUNT / 2);
    assert_string_equal(fake_redis_get(&scene->fake, HALF "epoch", ""), "5.9");
    assert_string_equal(fake_redis_get(&scene->fake, HALF "leader", ""), "10.0.0.2:7411");
    assert_string_equal(fake_redis_get(&scene->fake, HALF "boundary", "#0"), "eight");
    assert_string_equal(fake_redis_get(&scene->fake, HALF "boundary", "#1"), "seven");
    assert_string_equal(fake_redis_get(&scene->fake, HALF "boundary_at", ""), "8");
    scene_free(scene);
}

// Who follows is told what is new, the oldest first; and where the leader is.
static void who_follows_a_region_hears_its_borders(void **state)
{
    (void)state;
    struct scene *scene = scene_of_a_region(false);
    store_lead(scene->store, (struct store_epoch){ 5, 9 });
    for (uint64_t number = 1; number <= 4; number++) {
        char text[8];
        snprintf(text, sizeof text, "n%d", (int)number);
        store_offer_boundary(scene->store, number, (const uint8_t *)text, 2);
    }
    run(scene);
    leave_and_follow(scene);
    assert_string_equal(heard, "n3 n4 ");          // The newest, and the one before it.
    assert_string_equal(store_leader(scene->store), "10.0.0.2:7411");
    later(scene, LEASE_MS / 8);
    assert_string_equal(heard, "n3 n4 ");          // Nothing is new.
    fake_redis_set(&scene->fake, HALF "boundary_at", "", "6");
    later(scene, LEASE_MS / 8);
    assert_string_equal(heard, "n3 n4 n2 n3 n4 "); // Two are new, and one more is asked for: numbers tell them apart.
    scene_free(scene);
}

// While the store is away so many steps wait and no more; the oldest are dropped, and counted.
static void what_crosses_waits_within_a_bound(void **state)
{
    (void)state;
    struct scene *scene = scene_of_a_region(true);
    store_lead(scene->store, (struct store_epoch){ 5, 9 });
    scene->fake.deaf = true;
    for (uint64_t number = 1; number <= STORE_BOUNDARY_COUNT_MAX + 3; number++) {
        store_offer_boundary(scene->store, number, (const uint8_t *)"x", 1);
    }
    assert_int_equal(store_counts(scene->store)->boundaries_dropped, 3);
    store_offer_boundary(scene->store, 99, (const uint8_t *)PLAN, (size_t)STORE_BOUNDARY_BYTES_MAX + 1);
    assert_int_equal(store_counts(scene->store)->boundaries_dropped, 4);
    scene_free(scene);
}

// The daemon whose region it is claims it; who stands in gives it up, and does not take it meanwhile.
static void its_own_daemon_gets_a_region_back(void **state)
{
    (void)state;
    struct store_epoch holder;
    struct scene *stand_in = scene_of_a_region(false);
    store_lead(stand_in->store, (struct store_epoch){ 5, 9 });
    offer(stand_in);
    run(stand_in);
    assert_false(store_claimed(stand_in->store));
    fake_redis_set(&stand_in->fake, HALF "claim", "", "10.0.0.7:7411");
    later(stand_in, LEASE_MS / 4);
    assert_true(store_claimed(stand_in->store));
    store_resign(stand_in->store);
    later(stand_in, 1);
    assert_string_equal(fake_redis_get(&stand_in->fake, HALF "lease", ""), "");
    leave_and_follow(stand_in);
    later(stand_in, 100 * LEASE_MS);
    assert_false(store_lease_free(stand_in->store, stand_in->now_ms, &holder));
    fake_redis_set(&stand_in->fake, HALF "claim", "", "");          // It gave up.
    later(stand_in, LEASE_MS / 8);
    later(stand_in, 100 * LEASE_MS);
    assert_true(store_lease_free(stand_in->store, stand_in->now_ms, &holder));
    scene_free(stand_in);

    struct scene *own = scene_of_a_region(true);
    fake_redis_set(&own->fake, HALF "lease", "", "5.9");
    store_follow(own->store);
    later(own, LEASE_MS / 8);
    assert_string_equal(fake_redis_get(&own->fake, HALF "claim", ""), "10.0.0.2:7411");
    fake_redis_set(&own->fake, HALF "lease", "", "");
    later(own, LEASE_MS / 8);
    later(own, LEASE_MS / 3);
    assert_true(store_lease_free(own->store, own->now_ms, &holder));
    store_lead(own->store, (struct store_epoch){ 6, 3 });
    offer(own);
    run(own);
    assert_string_equal(fake_redis_get(&own->fake, HALF "claim", ""), "");   // No claim outlives its end.
    scene_free(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_region_is_written_by_itself),
        cmocka_unit_test(who_follows_a_region_hears_its_borders),
        cmocka_unit_test(what_crosses_waits_within_a_bound),
        cmocka_unit_test(its_own_daemon_gets_a_region_back),
        cmocka_unit_test(everything_is_written_once_it_leads),
        cmocka_unit_test(only_what_changed_is_written),
        cmocka_unit_test(a_large_city_is_written_in_several_batches),
        cmocka_unit_test(plans_are_read_back_before_it_leads),
        cmocka_unit_test(an_epoch_that_cannot_be_read_counts_as_none),
        cmocka_unit_test(a_lost_connection_is_tried_again_with_growing_pauses),
        cmocka_unit_test(what_happened_meanwhile_is_caught_up),
        cmocka_unit_test(a_server_that_does_not_answer_counts_as_stalled),
        cmocka_unit_test(a_refused_batch_is_written_again_later),
        cmocka_unit_test(a_replica_or_a_wrong_password_ends_the_connection),
        cmocka_unit_test(of_two_daemons_the_older_epoch_writes_nothing),
        cmocka_unit_test(a_leader_that_comes_in_between_is_noticed),
        cmocka_unit_test(an_emptied_store_is_filled_again),
        cmocka_unit_test(a_leader_holds_its_lease),
        cmocka_unit_test(a_follower_takes_over_a_lease_that_ended),
        cmocka_unit_test(on_a_new_connection_a_follower_waits_for_the_leader),
        cmocka_unit_test(minutes_of_counts_are_streamed_and_bounded),
        cmocka_unit_test(answers_are_classified_by_their_first_word),
        cmocka_unit_test(times_are_written_as_dates),
        cmocka_unit_test(a_command_that_does_not_fit_is_left_out_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
