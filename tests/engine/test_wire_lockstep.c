// Goal: a lockstep run through the machines of both ends gives back every plan as it was, on a clock that only rises; a
// client leaves a daemon that makes no sense.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/engine/session_talk.h"

static struct green greens[PLAN_GREEN_COUNT_MAX];

static void a_simulators_clock_only_rises(void **state)
{
    (void)state;
    struct talk talk;
    talk_greet(&talk, ROLE_SIMULATOR);
    // Readings end ahead of the clock, since ClockAdvance comes after them; judged by the simulator's clock, not the
    // wall's.
    one_loop_reading(&talk, 101, 0, NOW_MS + 900000);
    one_loop_reading(&talk, 102, 0, NOW_MS + 900001);
    assert_int_equal(talk_next(&talk, 5), SESSION_OBSERVATIONS);
    assert_int_equal(talk.event.readings.refused_count, 0);
    assert_int_equal(talk_next(&talk, 5), SESSION_OBSERVATIONS);
    assert_int_equal(talk.event.readings.refused_count, 1);
    assert_int_equal(wire_put_clock_advance(&talk.in, NOW_MS + 1000), STATUS_OK);
    assert_int_equal(talk_next(&talk, 5), SESSION_CLOCK_ADVANCE);
    assert_true(talk.event.clock_ms == NOW_MS + 1000);
    assert_int_equal(wire_put_clock_advance(&talk.in, NOW_MS + 999), STATUS_OK);
    assert_int_equal(talk_next(&talk, 5), SESSION_REFUSED);
    assert_int_equal(talk_error(&talk), ERROR_CLOCK);
    assert_true(talk.session.simulator_ms == NOW_MS + 1000);
    talk_close(&talk);
}

// Both machines back to back: the session's answers go to a client, the client's words to the session.
static void lockstep_through_both_machines(void **state)
{
    (void)state;
    struct talk talk;
    struct client client;
    static struct green made[PLAN_GREEN_COUNT_MAX];
    static uint8_t answer[64];
    talk_open(&talk);
    client_create(&client, FRAME_BYTES_MAX_DEFAULT);
    struct frame_writer heartbeat_out = frame_writer_over(answer, sizeof answer);
    struct client_room room = { &client_arena, greens, &heartbeat_out };
    struct client_event event;
    struct hello hello = hello_of(ROLE_SIMULATOR);
    assert_int_equal(client_hello(&client, &hello, &talk.in), STATUS_OK);
    assert_int_equal(talk_next(&talk, NOW_MS), SESSION_HELLO);
    struct session_grant grant = { .network = network, .sequence_after = 7, .epoch = 3, .daemon = 9 };
    assert_int_equal(session_welcome(&talk.session, talk.event.hello, &grant, NOW_MS, &talk.room), STATUS_OK);
    client_input(&client, talk.out.at, talk.out.used, NOW_MS);
    assert_int_equal(client_next(&client, NOW_MS, &room, &event), CLIENT_WELCOME);
    assert_int_equal(client_next(&client, NOW_MS, &room, &event), CLIENT_NOTHING);
    assert_int_equal(client.epoch, 3);
    for (uint64_t tick = 1; tick <= 50; tick++) {
        int64_t t_ms = NOW_MS + 1000 * (int64_t)tick;
        one_loop_reading(&talk, client_sequence(&client), 0, t_ms);
        assert_int_equal(wire_put_clock_advance(&talk.in, t_ms), STATUS_OK);
        assert_int_equal(talk_next(&talk, NOW_MS), SESSION_OBSERVATIONS);
        assert_int_equal(talk.event.readings.sequence, 7 + tick);
        assert_int_equal(talk_next(&talk, NOW_MS), SESSION_CLOCK_ADVANCE);
        talk.out.used = 0;
        struct plan plans[3];
        for (uint64_t p = 0; p < 3; p++) {
            sample_plan(3 * tick + p, made, &plans[p]);
            assert_int_equal(wire_put_plan(&talk.out, &plans[p]), STATUS_OK);
        }
        assert_int_equal(session_ask_clock(&talk.session, NOW_MS, &talk.out), STATUS_OK);
        assert_int_equal(wire_put_clock_reached(&talk.out, t_ms, 3), STATUS_OK);
        client_input(&client, talk.out.at, talk.out.used, NOW_MS);
        for (uint64_t p = 0; p < 3; p++) {
            assert_int_equal(client_next(&client, NOW_MS, &room, &event), CLIENT_PLAN);
            sample_plan(3 * tick + p, made, &plans[p]);
            assert_int_equal(event.plan.green_count, plans[p].green_count);
            assert_memory_equal(greens, made, (size_t)plans[p].green_count * sizeof *made);
            assert_true(event.plan.valid_from_ms == plans[p].valid_from_ms);
        }
        heartbeat_out.used = 0;
        assert_int_equal(client_next(&client, NOW_MS, &room, &event), CLIENT_CLOCK_REACHED);
        assert_true(event.clock_ms == t_ms);
        assert_int_equal(event.plans, 3);
        assert_true(heartbeat_out.used > 0);   // the daemon's heartbeat was answered on the way
        assert_int_equal(client_next(&client, NOW_MS, &room, &event), CLIENT_NOTHING);
        put_bytes(&talk.in, heartbeat_out.at, heartbeat_out.used);
        assert_int_equal(talk_next(&talk, NOW_MS), SESSION_CLOCK_MEASURED);
        assert_int_equal(talk_next(&talk, NOW_MS), SESSION_NOTHING);
    }
    talk.out.used = 0;
    session_close(&talk.session, ERROR_SHUT_DOWN, "the daemon ends", &talk.out);
    client_input(&client, talk.out.at, talk.out.used, NOW_MS);
    assert_int_equal(client_next(&client, NOW_MS, &room, &event), CLIENT_ERROR);
    assert_int_equal(event.error.code, ERROR_SHUT_DOWN);
    assert_int_equal(client.state, CLIENT_ENDED);
    client_release(&client);
    talk_close(&talk);
}

// A daemon that speaks out of turn, or that says what is no message, is left.
static void a_client_leaves_a_daemon_that_makes_no_sense(void **state)
{
    (void)state;
    for (int kind = FRAME_HELLO; kind < FRAME_KIND_COUNT; kind++) {
        static uint8_t said[1 << 14];
        struct client client;
        struct client_event event;
        struct client_room room = { &client_arena, greens, NULL };
        struct hello hello = hello_of(ROLE_CONTROLLER);
        struct frame_writer out = frame_writer_over(said, sizeof said);
        client_create(&client, FRAME_BYTES_MAX_DEFAULT);
        assert_int_equal(client_hello(&client, &hello, &out), STATUS_OK);
        out.used = 0;
        assert_int_equal(sample_frame(1, (enum frame_kind)kind, &out), STATUS_OK);
        client_input(&client, said, out.used, NOW_MS);
        enum client_event_kind next = client_next(&client, NOW_MS, &room, &event);
        assert_int_equal(next, kind == FRAME_WELCOME ? CLIENT_WELCOME : kind == FRAME_ERROR ? CLIENT_ERROR
                         : CLIENT_CLOSED);
        // Once open: what only clients send ends it too, what the daemon may send does not.
        if (client.state == CLIENT_OPEN) {
            for (int then = FRAME_HELLO; then < FRAME_KIND_COUNT; then++) {
                bool daemons = then == FRAME_ERROR || then == FRAME_HEARTBEAT || then == FRAME_PLAN
                    || then == FRAME_PLAN_NOT_CHANGED || then == FRAME_FALLBACK_TABLE || then == FRAME_CLOCK_REACHED
                    || then == FRAME_REQUEST_RESULT || then == FRAME_STATUS
                    || then == FRAME_ALARMS || then == FRAME_AUDIT_PAGE;
                struct client copy = client;
                out.used = 0;
                assert_int_equal(sample_frame(1, (enum frame_kind)then, &out), STATUS_OK);
                client_input(&copy, said, out.used, NOW_MS);
                next = client_next(&copy, NOW_MS, &room, &event);
                assert_int_equal(next == CLIENT_CLOSED, !daemons);
            }
        }
        client_release(&client);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_simulators_clock_only_rises),
        cmocka_unit_test(lockstep_through_both_machines),
        cmocka_unit_test(a_client_leaves_a_daemon_that_makes_no_sense),
    };
    return cmocka_run_group_tests(tests, open_town, close_town);
}
