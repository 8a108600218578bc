// Goal: the reference controller plays what it accepted to the quantum, refuses by its own knowledge whatever a daemon
// may not ask, and falls back when nothing newer comes. Its codec agrees with the documented bytes.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "clients/wire/bytes.h"
#include "clients/controller/check.h"
#include "clients/controller/player.h"
#include "engine/base/random.h"

#define T0 INT64_C(1790000000000)

// Two conflicting groups with 3 s of yellow and intergreens of 5 and 4 s, and one that conflicts with none.
static void cabinet_make(struct cabinet *ret)
{
    *ret = (struct cabinet){ .intersection = "J", .time_zone = "UTC", .site_hash = 7, .quantum_ms = 1000,
        .cycle_ms = 60000, .group_count = 3, .handover_ms = 10000, .green_count = 3,
        .greens = { { 0, 0, 0, 25000 }, { 1, 1, 30000, 56000 }, { 2, 0, 0, 56000 } } };
    memset(ret->intergreen_ms, -1, sizeof ret->intergreen_ms);
    for (int32_t i = 0; i < 3; i++) {
        ret->groups[i] = (struct cabinet_group){ .yellow_ms = 3000, .green_ms_min = 5000 };
    }
    ret->intergreen_ms[0][1] = 5000;
    ret->intergreen_ms[1][0] = 4000;
}

static struct cabinet cabinet;
static struct player player;
static uint32_t sequence;

static int setup(void **state)
{
    (void)state;
    cabinet_make(&cabinet);
    player_start(&player, &cabinet, T0);
    sequence = 0;
    return 0;
}

// A rolling plan with the greens given after `from_ms`.
static struct plan rolling(int64_t from_ms, int64_t until_ms, bool handover, int32_t count,
                           const struct cabinet_green *greens)
{
    struct plan plan = { .handover = handover, .version = { 1, 1, ++sequence }, .site_hash = 7, .base_ms = from_ms,
        .valid_from_ms = from_ms, .valid_until_ms = until_ms, .green_count = count };
    memcpy(plan.greens, greens, (size_t)count * sizeof *greens);
    return plan;
}

static const struct cabinet_green TWO[] = { { 0, 0, 0, 20000 }, { 1, 1, 25000, 60000 } };

static enum answer offer(const struct plan *plan, int64_t now_ms)
{
    const char *why = NULL;
    enum answer answer = player_offer(&player, plan, now_ms, &why);
    assert_true((why == NULL) == (answer == ANSWER_ACCEPTED));
    return answer;
}

static void lamps_are(int64_t now_ms, const char *letters)
{
    static const char LETTERS[] = "-ruGy";
    player_step(&player, now_ms);
    for (int32_t i = 0; i < cabinet.group_count; i++) {
        if (LETTERS[player.lamp[i]] != letters[i]) {
            fail_msg("at +%d ms group %d shows %c, not %c", (int)(now_ms - T0), i, LETTERS[player.lamp[i]], letters[i]);
        }
    }
    assert_int_equal(player.conflicts_seen, 0);
}

static void starts_in_red_and_joins_its_program(void **state)
{
    (void)state;
    lamps_are(T0, "rrr");
    assert_int_equal(player.mode, MODE_CLEARING);
    lamps_are(T0 + 10000, "rGr");                    // joined amid group 2's green, which waits for its next start
    assert_int_equal(player.mode, MODE_FALLBACK);
    int64_t cycle_ms = T0 - T0 % 60000 + 60000;
    lamps_are(cycle_ms - 5000, "rGr");
    lamps_are(cycle_ms - 1, "rrr");
    lamps_are(cycle_ms, "GrG");
    lamps_are(cycle_ms + 24999, "GrG");
    lamps_are(cycle_ms + 25000, "yrG");
    lamps_are(cycle_ms + 28000, "rrG");
    lamps_are(cycle_ms + 30000, "rGG");
    lamps_are(cycle_ms + 56000, "ryy");
    lamps_are(cycle_ms + 60000, "GrG");
}

static void hands_over_plays_and_falls_back(void **state)
{
    (void)state;
    struct plan plan = rolling(T0 + 12000, T0 + 60000, true, 2, TWO);
    assert_int_equal(offer(&plan, T0), ANSWER_ACCEPTED);
    assert_non_null(player_waiting(&player));
    lamps_are(T0 + 11999, "rrr");
    lamps_are(T0 + 12000, "Grr");
    assert_int_equal(player.mode, MODE_PLAN);
    assert_int_equal(player_stage(&player), 0);
    lamps_are(T0 + 32000, "yrr");
    lamps_are(T0 + 35000, "rrr");
    lamps_are(T0 + 37000, "rGr");
    lamps_are(T0 + 59999, "rGr");
    lamps_are(T0 + 60000, "ryr");                    // expired: it leaves by its own clearance
    assert_int_equal(player.mode, MODE_CLEARING);
    lamps_are(T0 + 63000, "rrr");
    lamps_are(T0 + 69999, "rrr");
    lamps_are(T0 + 70000, "rGr");                    // the fallback's next start
    assert_int_equal(player.mode, MODE_FALLBACK);
}

static void a_minimum_green_outlives_the_plan(void **state)
{
    (void)state;
    struct plan plan = rolling(T0 + 10000, T0 + 12000, true, 1, TWO);
    assert_int_equal(offer(&plan, T0), ANSWER_ACCEPTED);
    lamps_are(T0 + 14999, "Grr");                    // two seconds of plan, five of minimum green
    lamps_are(T0 + 15000, "yrr");
}

static void follows_without_a_gap(void **state)
{
    (void)state;
    struct plan plan = rolling(T0 + 12000, T0 + 60000, true, 2, TWO);
    assert_int_equal(offer(&plan, T0), ANSWER_ACCEPTED);
    // The next begins while group 0 is green, ends that green 8 s after it began, and lists its past.
    static const struct cabinet_green NEXT[] = { { 0, 0, -3000, 5000 }, { 1, 1, 10000, 60000 } };
    struct plan next = rolling(T0 + 15000, T0 + 75000, false, 2, NEXT);
    assert_int_equal(offer(&next, T0 + 1000), ANSWER_ACCEPTED);      // both wait: the chain is followed
    lamps_are(T0 + 19999, "Grr");
    lamps_are(T0 + 20000, "yrr");
    lamps_are(T0 + 25000, "rGr");
    assert_int_equal(player.running.version.sequence, 2);
}

// What is wrong with an otherwise good successor, and the answer.
static void refuses_by_its_own_rules(void **state)
{
    (void)state;
    static const struct cabinet_green NEXT[] = { { 0, 0, -3000, 5000 }, { 1, 1, 10000, 60000 } };
    static const struct { const char *what; struct cabinet_green greens[3]; int32_t count; enum answer answer; }
    CASES[] = {
        { "conflicting greens", { { 0, 0, -3000, 20000 }, { 1, 1, 10000, 60000 } }, 2, ANSWER_REFUSED },
        { "a short intergreen", { { 0, 0, -3000, 6000 }, { 1, 1, 10000, 60000 } }, 2, ANSWER_REFUSED },
        { "a cut yellow", { { 0, 0, -3000, 5000 }, { 0, 0, 7000, 20000 } }, 2, ANSWER_REFUSED },
        { "a short minimum", { { 0, 0, -3000, 5000 }, { 2, 1, 10000, 14000 } }, 2, ANSWER_REFUSED },
        { "a green that is broken off", { { 1, 1, 5000, 60000 } }, 1, ANSWER_REFUSED },
        { "an unknown group", { { 0, 0, -3000, 5000 }, { 3, 1, 10000, 60000 } }, 2, ANSWER_MALFORMED },
        { "half a quantum", { { 0, 0, -3000, 5500 }, { 1, 1, 11000, 60000 } }, 2, ANSWER_MALFORMED },
        { "an end before its start", { { 0, 0, 5000, 5000 } }, 1, ANSWER_MALFORMED },
        { "greens out of order", { { 1, 1, 10000, 60000 }, { 0, 0, -3000, 5000 } }, 2, ANSWER_MALFORMED },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        (void)setup(NULL);
        struct plan plan = rolling(T0 + 12000, T0 + 60000, true, 2, TWO);
        assert_int_equal(offer(&plan, T0), ANSWER_ACCEPTED);
        player_step(&player, T0 + 14000);
        struct plan bad = rolling(T0 + 15000, T0 + 75000, false, CASES[i].count, CASES[i].greens);
        if (offer(&bad, T0 + 14000) != CASES[i].answer) {
            fail_msg("%s is not refused as it should", CASES[i].what);
        }
        struct plan good = rolling(T0 + 15000, T0 + 75000, false, 2, NEXT);
        assert_int_equal(offer(&good, T0 + 14000), ANSWER_ACCEPTED);
        lamps_are(T0 + 25000, "rGr");
    }
}

static void refuses_by_version_site_and_time(void **state)
{
    (void)state;
    sequence = 10;
    struct plan plan = rolling(T0 + 12000, T0 + 60000, true, 2, TWO), other = plan;
    assert_int_equal(offer(&plan, T0), ANSWER_ACCEPTED);
    assert_int_equal(offer(&other, T0), ANSWER_STALE);               // doubled on the way
    other.version = (struct version){ 0, 9, 99 };
    assert_int_equal(offer(&other, T0), ANSWER_STALE);               // an older epoch
    other.version = (struct version){ 2, 0, 1 };
    other.site_hash = 8;
    assert_int_equal(offer(&other, T0), ANSWER_OTHER_SITE);
    other.site_hash = 7;
    assert_int_equal(offer(&other, T0 + 13000), ANSWER_STALE);       // late
    other.valid_from_ms = T0 + 15000;
    other.valid_until_ms = T0 + 15000;
    assert_int_equal(offer(&other, T0 + 13000), ANSWER_MALFORMED);   // never valid
    other.valid_until_ms = T0 + 60000;
    assert_int_equal(offer(&other, T0 + 13000), ANSWER_REFUSED);     // a hand-over with too little time
    other.fallback = 5;
    assert_int_equal(offer(&other, T0 + 13000), ANSWER_FALLBACK_UNKNOWN);
    assert_int_equal(player.newest.sequence, 11);                    // nothing of it was taken
    (void)setup(NULL);
    player_step(&player, T0 + 30000);
    plan = rolling(T0 + 42000, T0 + 90000, false, 2, TWO);
    assert_int_equal(offer(&plan, T0 + 30000), ANSWER_REFUSED);      // from the fallback only by hand-over
}

// What a fuzzer found: plans that wait behind a hand-over have nothing to do with what came before it, and a later
// hand-over overrides an earlier one; a green that passes the wrap may not meet the group's first one.
static void the_fuzzers_finds_stay_found(void **state)
{
    (void)state;
    static const struct cabinet_green WRAP[] = { { 0, 0, 38000, 101000 } };
    struct plan first = rolling(T0 + 14000, T0 + 87000, true, 1, WRAP), second, third;
    first.cyclic = true;
    first.cycle_ms = 71000;
    assert_int_equal(offer(&first, T0), ANSWER_ACCEPTED);
    second = first;
    second.version.sequence = ++sequence;
    second.valid_from_ms = second.base_ms = T0 + 19000;
    second.cycle_ms = 93000;
    assert_int_equal(offer(&second, T0 + 3000), ANSWER_ACCEPTED);
    third = rolling(T0 + 22000, T0 + 23000, false, 0, WRAP);
    assert_int_equal(offer(&third, T0 + 6000), ANSWER_REFUSED);      // it would break off 3 s of green
    lamps_are(T0 + 18999, "rrr");
    lamps_are(T0 + 19000, "Grr");
    (void)setup(NULL);
    static const struct cabinet_green MEETS[] = { { 0, 0, 12000, 16000 }, { 0, 0, 58000, 116000 } };
    struct plan meets = rolling(T0 + 12000, T0 + 60000, true, 2, MEETS);
    meets.cyclic = true;
    meets.cycle_ms = 92000;
    assert_int_equal(offer(&meets, T0), ANSWER_MALFORMED);
}

static struct table table_of_two(void)
{
    // From 06:00 on weekdays program 1, else program 0.
    struct table table = { .id = 42, .site_hash = 7, .time_zone = "UTC", .program_count = 2, .switch_count = 2,
        .cycle_ms = { 60000, 40000 }, .green_count = 4, .green_program = { 0, 0, 1, 1 },
        .greens = { { 0, 0, 0, 25000 }, { 1, 1, 30000, 56000 }, { 0, 0, 0, 11000 }, { 1, 1, 16000, 36000 } },
        .switch_days = { 0x1f, 0xff }, .switch_at_s = { 21600, 0 }, .switch_program = { 1, 0 } };
    return table;
}

static void plays_the_table_that_the_last_plan_named(void **state)
{
    (void)state;
    const char *why = NULL;
    player.offered = table_of_two();
    assert_true(player_load_table(&player, &why));
    struct plan plan = rolling(T0 + 12000, T0 + 60000, true, 2, TWO);
    plan.fallback = 42;
    assert_int_equal(offer(&plan, T0), ANSWER_ACCEPTED);
    player_step(&player, T0 + 59000);
    player_step(&player, T0 + 80000);
    assert_int_equal(player.mode, MODE_FALLBACK);
    assert_int_equal(player.running.cycle_ms, 40000);   // 2026-09-21, a Monday, 14:13
    // Over midnight: another program, left and joined in red.
    int64_t midnight_ms = (T0 / 86400000 + 1) * 86400000;
    for (int64_t t_ms = T0 + 80000; t_ms < midnight_ms + 200000; t_ms += 1000) {
        player_step(&player, t_ms);
        assert_int_equal(player.conflicts_seen, 0);
    }
    assert_int_equal(player.running.cycle_ms, 60000);
}

static void refuses_a_table_that_is_unsafe(void **state)
{
    (void)state;
    const char *why = NULL;
    for (int32_t fault = 0; fault < 6; fault++) {
        player.offered = table_of_two();
        struct table *table = &player.offered;
        table->site_hash += fault == 0;
        table->greens[3].start_ms -= fault == 1 ? 1000 : 0;      // intergreen
        table->greens[3].end_ms += fault == 2 ? 1000 : 0;        // intergreen over the wrap
        table->greens[2].end_ms -= fault == 3 ? 7000 : 0;        // minimum green
        table->cycle_ms[1] += fault == 4 ? 500 : 0;              // quantum
        (void)snprintf(table->time_zone, sizeof table->time_zone, fault == 5 ? "Europe/Berlin" : "UTC");
        assert_false(player_load_table(&player, &why));
        assert_non_null(why);
        assert_int_equal(player.table.id, 0);
    }
}

static void a_clock_that_jumps_restarts_in_red(void **state)
{
    (void)state;
    struct plan plan = rolling(T0 + 12000, T0 + 400000, true, 1, TWO);
    assert_int_equal(offer(&plan, T0), ANSWER_ACCEPTED);
    lamps_are(T0 + 15000, "Grr");
    lamps_are(T0 + 5000, "rrr");                     // back
    struct plan old = plan;
    assert_int_equal(offer(&old, T0 + 5000), ANSWER_STALE);   // what was accepted is not forgotten
    player_step(&player, T0 + 20000);
    lamps_are(T0 + 200000, "rrr");                   // ahead
}

// Whatever stream of random plans comes: what is accepted never shows conflicts, short greens or short intergreens.
static void random_plans_never_make_it_unsafe(void **state)
{
    (void)state;
    uint64_t draw = 0;
    int64_t now_ms = T0;
    int accepted = 0;
    enum lamp before[3] = { LAMP_RED, LAMP_RED, LAMP_RED };
    int64_t began_ms[3] = { 0 }, ended_ms[3] = { 0 };
    for (int i = 0; i < 20000; i++) {
        now_ms += 1000 * (int64_t)(random_bits(5, RANDOM_TEST, 0, draw++) % 4);
        struct cabinet_green greens[3];
        int32_t count = 0;
        for (int32_t group = 0; group < 3; group++) {
            int64_t start_ms = 1000 * ((int64_t)(random_bits(5, RANDOM_TEST, 0, draw++) % 30) - 8);
            greens[count] = (struct cabinet_green){ group, group, start_ms,
                start_ms + 1000 * (int64_t)(1 + random_bits(5, RANDOM_TEST, 0, draw++) % 20) };
            count += random_bits(5, RANDOM_TEST, 0, draw++) % 3 != 0;
        }
        bool handover = random_bits(5, RANDOM_TEST, 0, draw++) % 4 == 0;
        int64_t from_ms = now_ms + 1000 * (int64_t)(random_bits(5, RANDOM_TEST, 0, draw++) % 16);
        from_ms -= from_ms % 1000;
        struct plan plan = rolling(from_ms, from_ms + 40000, handover, count, greens);
        const char *why = NULL;
        accepted += player_offer(&player, &plan, now_ms, &why) == ANSWER_ACCEPTED;
        for (int64_t t_ms = now_ms - 4000; t_ms <= now_ms; t_ms += 1000) {
            player_step(&player, t_ms > player.tick_ms ? t_ms : player.tick_ms);
        }
        for (int32_t group = 0; group < 3; group++) {
            if (player.lamp[group] == before[group]) {
                continue;
            }
            if (player.lamp[group] == LAMP_GREEN) {
                began_ms[group] = player.since_ms[group];
                for (int32_t other = 0; other < 3; other++) {
                    int32_t between_ms = cabinet.intergreen_ms[other][group];
                    assert_true(between_ms < 0 || player.lamp[other] == LAMP_RED);
                    assert_true(between_ms < 0 || ended_ms[other] == 0
                                || began_ms[group] - ended_ms[other] >= between_ms);
                }
            } else if (before[group] == LAMP_GREEN) {
                ended_ms[group] = player.green_end_ms[group];
                assert_true(ended_ms[group] - player.green_start_ms[group] >= 5000);
            }
            before[group] = player.lamp[group];
        }
        assert_int_equal(player.conflicts_seen, 0);
    }
    assert_true(accepted > 200);
}

// The plan request of docs/protocol.md, which the engine's test checks against the engine's own code.
static void its_codec_writes_and_reads_the_documented_bytes(void **state)
{
    (void)state;
    static const uint8_t REQUEST[] = { 0x0c, 0x32, 0x0a, 0x08, 0x05, 0x10, 0x03, 0x20, 0x02, 0x28, 0x09, 0x30, 0x10 };
    uint8_t message_room[512], room[600];
    struct bytes_out message = { .at = message_room, .capacity = sizeof message_room };
    put_uint(&message, 1, 5);
    put_uint(&message, 2, 3);
    put_uint(&message, 4, 2);
    put_uint(&message, 5, 9);
    put_uint(&message, 6, 16);
    struct bytes_out frame = { .at = room, .capacity = sizeof room };
    put_frame(&frame, 6, &message);
    assert_false(frame.full);
    assert_int_equal(frame.used, sizeof REQUEST);
    assert_memory_equal(room, REQUEST, sizeof REQUEST);
    struct bytes_in inside;
    assert_int_equal(frame_whole(room, frame.used, 1000), sizeof REQUEST);
    assert_int_equal(frame_message(room, frame.used, &inside), 6);
    struct message open;
    assert_true(message_open(inside, &open));
    assert_true(open.value[1] == 5 && open.value[6] == 16 && open.has[5] && !open.has[3]);
    message.used = 0;
    put_sint(&message, 1, -1234567890123);
    put_fixed64(&message, 2, UINT64_C(0x1122334455667788));
    static const uint32_t COLUMN[] = { 0, 300, 4294967295u };
    put_column(&message, 3, COLUMN, 3);
    assert_true(message_open((struct bytes_in){ message_room, message_room + message.used }, &open));
    int64_t values[3];
    assert_int_equal(message_column(&open, 3, false, values, 3), 3);
    assert_true(zigzag(open.value[1]) == -1234567890123 && open.value[2] == UINT64_C(0x1122334455667788));
    assert_true(values[0] == 0 && values[1] == 300 && values[2] == 4294967295);
    assert_int_equal(message_column(&open, 3, false, values, 2), -1);
    frame.capacity = frame.used + 3;                 // a frame that does not fit is not begun
    put_frame(&frame, 4, &message);
    assert_true(frame.full);
    assert_int_equal(frame.used, sizeof REQUEST);
}

static void broken_bytes_are_no_frame(void **state)
{
    (void)state;
    static const uint8_t ZERO[] = { 0 }, LONG[] = { 0xff, 0xff, 0xff, 0xff, 0x7f }, PART[] = { 5, 0x0a, 3, 1 };
    assert_int_equal(frame_whole(ZERO, 1, 1000), -1);
    assert_int_equal(frame_whole(LONG, 5, 1000), -1);
    assert_int_equal(frame_whole(PART, 4, 1000), 0);
    static const uint8_t CUT[] = { 0x0a, 9, 1 }, KEY_ZERO[] = { 0, 1 }, GROUP[] = { 0x0b };
    struct message open;
    assert_false(message_open((struct bytes_in){ CUT, CUT + 3 }, &open));
    assert_false(message_open((struct bytes_in){ KEY_ZERO, KEY_ZERO + 2 }, &open));
    assert_false(message_open((struct bytes_in){ GROUP, GROUP + 1 }, &open));
}

int main(void)
{
    (void)setenv("TZ", "UTC", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(starts_in_red_and_joins_its_program, setup),
        cmocka_unit_test_setup(hands_over_plays_and_falls_back, setup),
        cmocka_unit_test_setup(a_minimum_green_outlives_the_plan, setup),
        cmocka_unit_test_setup(follows_without_a_gap, setup),
        cmocka_unit_test_setup(refuses_by_its_own_rules, setup),
        cmocka_unit_test_setup(refuses_by_version_site_and_time, setup),
        cmocka_unit_test_setup(the_fuzzers_finds_stay_found, setup),
        cmocka_unit_test_setup(plays_the_table_that_the_last_plan_named, setup),
        cmocka_unit_test_setup(refuses_a_table_that_is_unsafe, setup),
        cmocka_unit_test_setup(a_clock_that_jumps_restarts_in_red, setup),
        cmocka_unit_test_setup(random_plans_never_make_it_unsafe, setup),
        cmocka_unit_test(its_codec_writes_and_reads_the_documented_bytes),
        cmocka_unit_test(broken_bytes_are_no_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
