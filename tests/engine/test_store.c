// Goal: the store writes what changed and nothing else, in one transaction, only while its epoch leads; whatever Redis
// answers or fails to answer, it neither forgets a row nor queues without bound; its fields can be read by people.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/store/store.h"
#include "tests/engine/store_scene.h"

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
    scene_offer(scene);
    scene_run(scene);
    assert_int_equal(scene->fake.transactions, 0);   // It does not lead yet.
    store_lead(scene->store, (struct store_epoch){ 5, 9 });
    scene_run(scene);
    assert_int_equal(scene->fake.transactions, 1);   // "in one pipeline"
    assert_string_equal(fake_redis_get(&scene->fake, "intergreen:{toy}:epoch", ""), "5.9");
    assert_string_equal(scene_field(scene, 3, "queue_veh"), "12.4");
    assert_string_equal(scene_field(scene, 3, "flow_vph"), "830");
    assert_string_equal(scene_field(scene, 3, "confidence"), "0.93");
    assert_string_equal(scene_field(scene, 3, "health"), "11/12");
    assert_string_equal(scene_field(scene, 3, "reported"), "yes");
    assert_string_equal(scene_field(scene, 3, "mode"), "plan");
    assert_string_equal(scene_field(scene, 3, "stage"), "3");
    assert_string_equal(scene_field(scene, 3, "plan_version"), "5.9.1");
    assert_string_equal(scene_field(scene, 3, "plan_kind"), "rolling");
    assert_string_equal(scene_field(scene, 3, "plan_reason"), "switch 2: 140 against 90");
    assert_string_equal(scene_field(scene, 3, "updated"), "1970-01-01T00:00:01Z");
    char key[128];
    snprintf(key, sizeof key, "intergreen:{toy}:plan:%s", scene_name(scene, 3));
    assert_string_equal(fake_redis_get(&scene->fake, key, ""), SCENE_PLAN);
    assert_string_equal(fake_redis_get(&scene->fake, "intergreen:{toy}:daemon", "strategy"), "webster");
    scene_free(scene);
}

static void only_what_changed_is_written(void **state)
{
    (void)state;
    struct scene *scene = scene_written();
    int32_t before = scene->fake.writes;
    scene_offer(scene);
    scene_run(scene);
    assert_int_equal(scene->fake.writes - before, 1);   // The daemon's own line.

    // 0.04 of a vehicle does not show; 0.06 does.
    scene->states[7].queue_veh = 0.04;
    before = scene->fake.writes;
    scene_offer(scene);
    scene_run(scene);
    assert_int_equal(scene->fake.writes - before, 1);
    scene->states[7].queue_veh = 0.06;
    scene->fake.published_count = 0;
    before = scene->fake.writes;
    scene->daemon.time_ms = 5000;
    scene_offer(scene);
    scene_run(scene);
    assert_int_equal(scene->fake.writes - before, 3);   // daemon, HSET, PUBLISH: the plan is as it was
    assert_string_equal(scene_field(scene, 7, "queue_veh"), "0.1");
    assert_string_equal(scene_field(scene, 7, "updated"), "1970-01-01T00:00:05Z");
    assert_string_equal(scene_field(scene, 6, "updated"), "1970-01-01T00:00:01Z");
    char expected[128];
    snprintf(expected, sizeof expected, "{\"time_ms\":5000,\"changed\":[\"%s\"]}", scene_name(scene, 7));
    assert_int_equal(scene->fake.published_count, 1);
    assert_string_equal(scene->fake.published[0], expected);
    scene_free(scene);
}

// Plans of 4,000 bytes: 40 of them do not fit into a batch that keeps 32 KiB of its 128 in reserve. Several
// transactions carry them, and every one arrives.
static void a_large_city_is_written_in_several_batches(void **state)
{
    (void)state;
    struct scene *scene = scene_make();
    struct store_options options = scene_options(scene);
    store_release(scene->store);
    options.batch_bytes_max = (size_t)4 * 32768;
    store_create(&scene->network, &options, &scene->store);
    scene->plan_bytes = SCENE_PLAN_BYTES;
    scene_run(scene);
    store_lead(scene->store, (struct store_epoch){ 5, 9 });
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SITE_COUNT; i++) {
            scene->states[i].flow_vph = 100.0 * round + i;
            scene->versions[i].sequence = (uint32_t)round + 1;
        }
        int32_t before = scene->fake.transactions;
        scene_offer(scene);
        scene_run(scene);
        assert_in_range(scene->fake.transactions - before, 2, 3);
        assert_true(store_settled(scene->store));
        for (int i = 0; i < SITE_COUNT; i++) {
            assert_int_equal(atoi(scene_field(scene, i, "flow_vph")), 100 * round + i);
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
        snprintf(key, sizeof key, "intergreen:{toy}:plan:%s", scene_name(scene, i));
        fake_redis_set(&scene->fake, key, "", "bytes");
    }
    fake_redis_set(&scene->fake, "intergreen:{toy}:epoch", "", "41.3");
    struct store_epoch found = { 0 };
    assert_false(store_restored(scene->store, &found));
    scene_run(scene);
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
        scene_run(scene);
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
        scene_offer(scene);                 // A thousand steps: nothing piles up, the newest counts.
    }
    scene->now_ms = store_wake_ms(scene->store);
    scene_run(scene);
    assert_non_null(strstr(scene->said, "back after"));
    assert_true(store_settled(scene->store));
    assert_string_equal(scene_field(scene, 5, "flow_vph"), "999");
    assert_string_equal(scene_field(scene, 39, "stage"), "3");
    assert_string_equal(fake_redis_get(&scene->fake, "intergreen:{toy}:epoch", ""), "5.9");
    scene_free(scene);
}

static void a_server_that_does_not_answer_counts_as_stalled(void **state)
{
    (void)state;
    struct scene *scene = scene_written();
    struct store_actions actions;
    scene->fake.deaf = true;
    scene_offer(scene);
    scene_run(scene);
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
        scene_offer(scene);
        scene_run(scene);
        assert_int_equal(store_state(scene->store), STORE_READY);   // The connection is kept.
        assert_true((strncmp(scene->said, "ALARM", 5) == 0) == ALARM[i]);
        assert_string_equal(scene_field(scene, 8, "flow_vph"), "0");
        int64_t again_ms = store_wake_ms(scene->store);
        assert_true(again_ms > scene->now_ms);
        scene_offer(scene);
        assert_int_equal(scene_run(scene), 0);                            // Not before its time.
        scene->now_ms = again_ms;
        scene_run(scene);
        assert_string_equal(scene->said, "");                       // The same trouble is said once.
        scene->fake.refuse_writes = NULL;
        scene->now_ms = store_wake_ms(scene->store);
        scene_run(scene);
        assert_true(store_settled(scene->store));
        assert_string_equal(scene_field(scene, 8, "flow_vph"), "77");
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
        scene_offer(scene);
        scene_run(scene);
        assert_int_equal(store_state(scene->store), STORE_AWAY);
        assert_int_equal(strncmp(scene->said, "ALARM", 5), 0);
        scene->fake.refuse_all = NULL;
        scene->now_ms = store_wake_ms(scene->store);
        scene_run(scene);
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
        scene_offer(scene);
        scene_run(scene);
        assert_true(store_fenced(scene->store, &found));
        assert_int_equal(strncmp(scene->said, "ALARM", 5), 0);
        assert_int_equal(scene->fake.writes, before);
        assert_string_equal(fake_redis_get(&scene->fake, "intergreen:{toy}:epoch", ""), NEWER[i]);
        // It looks again, and writes once it has a newer epoch itself.
        store_lead(scene->store,
                   (struct store_epoch){ found.number < UINT32_MAX ? found.number + 1 : found.number, 99 });
        scene->now_ms = store_wake_ms(scene->store);
        scene_run(scene);
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
    scene_offer(scene);
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
    scene_offer(scene);
    scene->now_ms = 2000;
    scene_run(scene);
    assert_true(store_fenced(scene->store, NULL));
    assert_int_equal(scene->fake.writes, before);
    scene_free(scene);
}

static void an_emptied_store_is_filled_again(void **state)
{
    (void)state;
    struct scene *scene = scene_written();
    fake_redis_clear(&scene->fake);
    scene_offer(scene);
    scene_run(scene);
    assert_non_null(strstr(scene->said, "lost what was written"));
    assert_string_equal(scene_field(scene, 39, "stage"), "3");
    assert_string_equal(fake_redis_get(&scene->fake, "intergreen:{toy}:epoch", ""), "5.9");
    assert_int_equal(store_counts(scene->store)->rebuilt, 1);
    scene_free(scene);
}

static void minutes_of_counts_are_streamed_and_bounded(void **state)
{
    (void)state;
    struct scene *scene = scene_written();
    char key[128];
    snprintf(key, sizeof key, "intergreen:{toy}:minutes:%s", scene_name(scene, 0));
    int32_t counts[DETECTOR_COUNT] = { 12, -1, 5 };   // the second has said nothing
    store_offer_minute(scene->store, 120000, counts);
    scene_run(scene);
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
    scene_run(scene);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        cmocka_unit_test(minutes_of_counts_are_streamed_and_bounded),
        cmocka_unit_test(answers_are_classified_by_their_first_word),
        cmocka_unit_test(times_are_written_as_dates),
        cmocka_unit_test(a_command_that_does_not_fit_is_left_out_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
