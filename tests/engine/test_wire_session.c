// Goal: the daemon's side of a session does what session.h says: who may send what is a table that this file writes
// out again from the roles' descriptions, whose it is, what an error costs, how long a peer may take.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/engine/crossings.h"
#include "tests/engine/session_talk.h"

// Denies everything of the third crossing and the camera of the second lane.
static bool owns_some(void *context, enum owned_kind kind, int32_t index)
{
    int *asked = context;
    *asked += 1;
    return !(kind == OWNED_CAMERA && strcmp(network_name(network, network->cameras[index].name), "camera1_0") == 0);
}

static int32_t detector(const char *name)
{
    int32_t index = network_find_detector(network, name).index;
    assert_int_not_equal(index, INDEX_NONE);
    return index;
}

// ---- the Hello ----

static void welcome_gives_indices_and_names_what_is_not_granted(void **state)
{
    (void)state;
    struct talk talk;
    talk_open(&talk);
    struct hello hello = hello_of(ROLE_DETECTOR);
    assert_int_equal(wire_put_hello(&talk.in, &hello), STATUS_OK);
    assert_int_equal(talk_next(&talk, NOW_MS), SESSION_HELLO);
    assert_string_equal(talk.event.hello->identity, "somebody");
    int asked = 0;
    struct session_grant grant = { .network = network, .source = 5, .sequence_after = 41, .epoch = 3, .daemon = 9,
        .heartbeat_ms = 1000, .owns = owns_some, .context = &asked };
    assert_int_equal(session_welcome(&talk.session, talk.event.hello, &grant, NOW_MS + 3, &talk.room), STATUS_OK);
    assert_int_equal(asked, 5);   // three known detectors, two cameras

    size_t at = 0;
    enum frame_kind kind;
    struct cursor message;
    struct welcome welcome;
    assert_true(talk_read(&talk, &at, &kind, &message));
    assert_int_equal(kind, FRAME_WELCOME);
    arena_reset(&client_arena);
    assert_int_equal(wire_get_welcome(message, &client_arena, &welcome, NULL), STATUS_OK);
    assert_int_equal(welcome.detectors.count, 4);
    for (int32_t i = 0; i < 3; i++) {
        assert_int_equal(welcome.detectors.at[i], detector(DETECTORS[i]));
    }
    assert_int_equal(welcome.detectors.at[3], INDEX_NONE);
    assert_int_equal(welcome.cameras.at[1], INDEX_NONE);
    assert_true(welcome.clock_ms == NOW_MS + 3 && welcome.echo_clock_ms == NOW_MS);
    assert_int_equal(welcome.sequence_after, 41);
    assert_int_equal(welcome.epoch, 3);
    assert_int_equal(welcome.heartbeat_ms, 1000);

    struct wire_error error;
    assert_true(talk_read(&talk, &at, &kind, &message));
    assert_int_equal(wire_get_error(message, &client_arena, &error, NULL), STATUS_OK);
    assert_int_equal(error.code, ERROR_UNKNOWN);
    assert_int_equal(error.names.count, 1);
    assert_string_equal(error.names.names[0], "nowhere");
    assert_true(talk_read(&talk, &at, &kind, &message));
    assert_int_equal(wire_get_error(message, &client_arena, &error, NULL), STATUS_OK);
    assert_int_equal(error.code, ERROR_OWNER);
    assert_string_equal(error.names.names[0], "camera1_0");
    assert_false(talk_read(&talk, &at, &kind, &message));
    assert_int_equal(talk.session.detectors.count, 3);
    assert_int_equal(talk.session.cameras.count, 1);
    talk_close(&talk);
}

// A peer that begins with something else, another version, or another network, is told so and closed.
static void a_wrong_beginning_ends_the_session(void **state)
{
    (void)state;
    struct talk talk;
    for (int kind = FRAME_HELLO + 1; kind < FRAME_KIND_COUNT; kind++) {
        talk_open(&talk);
        assert_int_equal(sample_frame(3, (enum frame_kind)kind, &talk.in), STATUS_OK);
        assert_int_equal(talk_next(&talk, NOW_MS), SESSION_CLOSE);
        assert_int_equal(talk.event.code, ERROR_ROLE);
        assert_int_equal(talk_error(&talk), ERROR_ROLE);
        assert_true(talk.error.closing);
        assert_int_equal(talk.session.state, SESSION_CLOSING);
        assert_int_equal(talk_next(&talk, NOW_MS), SESSION_NOTHING);
        talk_close(&talk);
    }
    talk_open(&talk);
    struct hello hello = hello_of(ROLE_OPERATOR);
    hello.protocol = 2;
    assert_int_equal(wire_put_hello(&talk.in, &hello), STATUS_OK);
    assert_int_equal(talk_next(&talk, NOW_MS), SESSION_CLOSE);
    assert_int_equal(talk_error(&talk), ERROR_VERSION);
    talk_close(&talk);

    for (int said = 0; said <= 1; said++) {
        talk_open(&talk);
        hello = hello_of(ROLE_SIMULATOR);
        hello.network_hash = said != 0 ? network->hash ^ 1 : 0;
        assert_int_equal(wire_put_hello(&talk.in, &hello), STATUS_OK);
        assert_int_equal(talk_next(&talk, NOW_MS), SESSION_HELLO);
        struct session_grant grant = { .network = network };
        assert_int_equal(session_welcome(&talk.session, talk.event.hello, &grant, NOW_MS, &talk.room), STATUS_VERSION);
        assert_int_equal(talk_error(&talk), ERROR_NETWORK);
        assert_int_equal(talk.session.state, SESSION_CLOSING);
        talk_close(&talk);
    }
    // The shell says no: a wrong token.
    talk_open(&talk);
    hello = hello_of(ROLE_CONTROLLER);
    assert_int_equal(wire_put_hello(&talk.in, &hello), STATUS_OK);
    assert_int_equal(talk_next(&talk, NOW_MS), SESSION_HELLO);
    session_refuse(&talk.session, ERROR_CREDENTIAL, "wrong token", &talk.out);
    assert_int_equal(talk_error(&talk), ERROR_CREDENTIAL);
    assert_true(talk.error.closing);
    talk_close(&talk);
}

static void a_hello_has_limits(void **state)
{
    (void)state;
    struct talk talk;
    talk_open(&talk);
    talk.session.limits.name_count_max = 5;
    struct hello hello = hello_of(ROLE_DETECTOR);   // six names
    assert_int_equal(wire_put_hello(&talk.in, &hello), STATUS_OK);
    assert_int_equal(talk_next(&talk, NOW_MS), SESSION_CLOSE);
    assert_int_equal(talk_error(&talk), ERROR_LIMIT);
    talk_close(&talk);

    // Longer than hello_bytes_max, though shorter than frame_bytes_max: refused by its length alone.
    talk_open(&talk);
    const uint8_t length[3] = { 0x80, 0x80, 0x20 };   // 512 KiB
    session_input(&talk.session, length, sizeof length, NOW_MS);
    assert_int_equal(session_next(&talk.session, NOW_MS, &talk.room, &talk.event), SESSION_CLOSE);
    assert_int_equal(talk_error(&talk), ERROR_FRAMING);
    talk_close(&talk);
    // Once open, the same length is fine.
    talk_greet(&talk, ROLE_DETECTOR);
    session_input(&talk.session, length, sizeof length, NOW_MS);
    assert_int_equal(session_next(&talk.session, NOW_MS, &talk.room, &talk.event), SESSION_NOTHING);
    talk_close(&talk);

    // A writer without room: the shell is told, nothing half-written is sent.
    talk_open(&talk);
    assert_int_equal(wire_put_hello(&talk.in, &hello), STATUS_OK);
    assert_int_equal(talk_next(&talk, NOW_MS), SESSION_HELLO);
    talk.out.capacity = 100;
    struct session_grant grant = { .network = network };
    assert_int_equal(session_welcome(&talk.session, talk.event.hello, &grant, NOW_MS, &talk.room), STATUS_LIMIT);
    assert_int_equal(talk.out.used, 0);
    talk_close(&talk);
}

// ---- who may send what ----

// By the roles' descriptions: a detector sends observations; a controller reports and asks for plans; an operator
// reads, overrides, asks for priority; a simulator is all detectors and controllers and owns the clock. D, C, O, S:
// may.
static const struct { enum frame_kind kind; const char *who; } PERMITTED[] = {
    { FRAME_HELLO, "" }, { FRAME_WELCOME, "" }, { FRAME_ERROR, "DCOS" }, { FRAME_HEARTBEAT, "DCOS" },
    { FRAME_OBSERVATIONS, "DS" }, { FRAME_PLAN_REQUEST, "COS" }, { FRAME_PLAN, "" }, { FRAME_PLAN_NOT_CHANGED, "" },
    { FRAME_PLAN_SUBSCRIPTION, "COS" }, { FRAME_PLAN_ACKNOWLEDGEMENT, "CS" }, { FRAME_CONTROLLER_STATUS, "CS" },
    { FRAME_CONTROLLER_STATUSES, "CS" }, { FRAME_FALLBACK_TABLE, "" }, { FRAME_FALLBACK_ACKNOWLEDGEMENT, "CS" },
    { FRAME_CLOCK_ADVANCE, "S" }, { FRAME_CLOCK_REACHED, "" }, { FRAME_PRIORITY_REQUEST, "OS" },
        { FRAME_OVERRIDE, "O" },
    { FRAME_REQUEST_RESULT, "" }, { FRAME_STATUS_REQUEST, "OS" }, { FRAME_STATUS, "" },
    { FRAME_ALARMS_REQUEST, "O" }, { FRAME_ALARMS, "" }, { FRAME_ALARM_ACKNOWLEDGE, "O" },
    { FRAME_AUDIT_REQUEST, "O" }, { FRAME_AUDIT_PAGE, "" },
};

static void each_role_may_send_what_the_table_says(void **state)
{
    (void)state;
    assert_int_equal(sizeof PERMITTED / sizeof *PERMITTED, FRAME_KIND_COUNT - 1);
    for (int role = ROLE_DETECTOR; role < ROLE_COUNT; role++) {
        for (size_t i = 0; i < sizeof PERMITTED / sizeof *PERMITTED; i++) {
            bool may = strchr(PERMITTED[i].who, " DCOS"[role]) != NULL;
            assert_int_equal(session_permits((enum role)role, PERMITTED[i].kind), may);
            struct talk talk;
            talk_greet(&talk, (enum role)role);
            assert_int_equal(sample_frame(2, PERMITTED[i].kind, &talk.in), STATUS_OK);
            enum session_event_kind kind = talk_next(&talk, NOW_MS);
            if (may) {
                assert_true(kind != SESSION_REFUSED || talk.event.code != ERROR_ROLE);
            } else {
                assert_int_equal(kind, SESSION_REFUSED);
                assert_int_equal(talk.event.code, ERROR_ROLE);
                assert_int_equal(talk_error(&talk), ERROR_ROLE);
                assert_int_equal(talk.error.frame_kind, PERMITTED[i].kind);
                assert_int_equal(talk.session.strikes, 1);
                assert_int_equal(talk.session.state, SESSION_OPEN);   // Refused, and the session goes on.
            }
            talk_close(&talk);
        }
    }
    assert_false(session_permits(ROLE_NONE, FRAME_HEARTBEAT));
    assert_false(session_permits(ROLE_COUNT, FRAME_HEARTBEAT));
    assert_false(session_permits(ROLE_OPERATOR, FRAME_KIND_COUNT));
}

// ---- whose it is ----

// What a role gets when it speaks of an intersection: 0 its own (crossing1), 1 another's (crossing2), 2 none at all.
static enum error_code speak_of(enum role role, enum frame_kind kind, int32_t intersection)
{
    struct talk talk;
    talk_greet(&talk, role);
    struct plan_request request = { .request = 4, .intersection = intersection };
    struct plan_subscription wish = { .request = 4, .intersections = { 1, &intersection } };
    struct plan_acknowledgement answer = { .intersection = intersection };
    struct fallback_acknowledgement held = { .intersection = intersection, .fallback = 1, .accepted = true };
    struct controller_report report;
    sample_report(1, intersection, CROSSING_GROUPS, &report);
    int32_t sent;
    enum status put = kind == FRAME_PLAN_REQUEST ? wire_put_plan_request(&talk.in, &request)
        : kind == FRAME_PLAN_SUBSCRIPTION ? wire_put_plan_subscription(&talk.in, &wish)
        : kind == FRAME_PLAN_ACKNOWLEDGEMENT ? wire_put_plan_acknowledgement(&talk.in, &answer)
        : kind == FRAME_FALLBACK_ACKNOWLEDGEMENT ? wire_put_fallback_acknowledgement(&talk.in, &held)
        : kind == FRAME_CONTROLLER_STATUS ? wire_put_report(&talk.in, &report)
        : wire_put_reports(&talk.in, &report, 1, FRAME_BYTES_MAX_DEFAULT, &sent);
    assert_int_equal(put, STATUS_OK);
    enum session_event_kind event = talk_next(&talk, NOW_MS);
    enum error_code told = talk_error(&talk);
    assert_int_equal(event == SESSION_REFUSED, told != ERROR_NONE);
    bool asks = kind == FRAME_PLAN_REQUEST || kind == FRAME_PLAN_SUBSCRIPTION;
    if (event == SESSION_REFUSED && told != ERROR_ROLE && asks) {
        assert_int_equal(talk.error.request, 4);
    }
    talk_close(&talk);
    return told;
}

static void each_role_speaks_of_its_own_intersections_only(void **state)
{
    (void)state;
    static const enum frame_kind KINDS[] = { FRAME_PLAN_REQUEST, FRAME_PLAN_SUBSCRIPTION, FRAME_PLAN_ACKNOWLEDGEMENT,
        FRAME_FALLBACK_ACKNOWLEDGEMENT, FRAME_CONTROLLER_STATUS, FRAME_CONTROLLER_STATUSES };
    int32_t own = network_find_intersection(network, "crossing1_0").index;
    for (int role = ROLE_DETECTOR; role < ROLE_COUNT; role++) {
        for (size_t k = 0; k < sizeof KINDS / sizeof *KINDS; k++) {
            bool may = session_permits((enum role)role, KINDS[k]);
            enum error_code no = may ? ERROR_NONE : ERROR_ROLE;
            enum error_code foreign = may && role == ROLE_CONTROLLER ? ERROR_OWNER : no;
            assert_int_equal(speak_of((enum role)role, KINDS[k], own), no);
            assert_int_equal(speak_of((enum role)role, KINDS[k], own + 1), foreign);
            assert_int_equal(speak_of((enum role)role, KINDS[k], own - 1), foreign);
            assert_int_equal(speak_of((enum role)role, KINDS[k], network->intersection_count), may ? ERROR_UNKNOWN
                             : no);
        }
    }
}

static void plans_are_asked_for_by_name(void **state)
{
    (void)state;
    struct talk talk;
    talk_greet(&talk, ROLE_CONTROLLER);
    struct plan_request request = { .request = 8, .name = "crossing1_0", .held = { 1, 2, 3 } };
    assert_int_equal(wire_put_plan_request(&talk.in, &request), STATUS_OK);
    assert_int_equal(talk_next(&talk, NOW_MS), SESSION_PLAN_REQUEST);
    assert_int_equal(talk.event.plan_request.intersection, network_find_intersection(network, "crossing1_0").index);
    assert_int_equal(talk.event.plan_request.held.sequence, 3);
    request.name = "atlantis";
    assert_int_equal(wire_put_plan_request(&talk.in, &request), STATUS_OK);
    assert_int_equal(talk_next(&talk, NOW_MS), SESSION_REFUSED);
    assert_int_equal(talk_error(&talk), ERROR_UNKNOWN);
    assert_string_equal(talk.error.field, "intersection_name");
    assert_int_equal(talk.error.request, 8);
    talk_close(&talk);
}

static void readings_of_others_are_refused(void **state)
{
    (void)state;
    struct talk talk;
    talk_greet(&talk, ROLE_DETECTOR);
    one_loop_reading(&talk, 101, detector("stop1_0"), NOW_MS);
    assert_int_equal(talk_next(&talk, NOW_MS), SESSION_OBSERVATIONS);
    assert_int_equal(talk_error(&talk), ERROR_NONE);
    assert_int_equal(talk.room.rows->rows.loops.count, 1);
    one_loop_reading(&talk, 102, detector("advance1_0"), NOW_MS);   // exists, and was not named
    assert_int_equal(talk_next(&talk, NOW_MS), SESSION_OBSERVATIONS);
    assert_int_equal(talk.event.readings.refused_count, 1);
    assert_int_equal(talk_error(&talk), ERROR_READINGS);
    assert_int_equal(talk.error.refused[0].reason, READING_FOREIGN);
    assert_int_equal(talk.error.sequence, 102);
    assert_int_equal(talk.error.refused_count, 1);
    one_loop_reading(&talk, 103, network->detector_count, NOW_MS);
    assert_int_equal(talk_next(&talk, NOW_MS), SESSION_OBSERVATIONS);
    assert_int_equal(talk_error(&talk), ERROR_READINGS);
    assert_int_equal(talk.error.refused[0].reason, READING_UNKNOWN);
    assert_int_equal(talk.room.rows->rows.loops.count, 1);
    assert_int_equal(talk.session.strikes, 0);   // Bad readings are no strike.
    assert_int_equal(talk.session.readings_taken, 1);
    assert_int_equal(talk.session.readings_refused, 2);
    // A batch that comes twice, or before its turn, is refused whole.
    one_loop_reading(&talk, 103, detector("stop1_0"), NOW_MS);
    assert_int_equal(talk_next(&talk, NOW_MS), SESSION_REFUSED);
    assert_int_equal(talk_error(&talk), ERROR_SEQUENCE);
    // No room: the batch is shed, the peer is told, the session lives.
    talk.room.rows = NULL;
    one_loop_reading(&talk, 104, detector("stop1_0"), NOW_MS);
    assert_int_equal(talk_next(&talk, NOW_MS), SESSION_SHED);
    assert_int_equal(talk_error(&talk), ERROR_OVERLOADED);
    assert_int_equal(talk.session.readings_shed, 1);
    talk_close(&talk);
}

static void unequal_columns_are_told_by_name(void **state)
{
    (void)state;
    struct talk talk;
    talk_greet(&talk, ROLE_DETECTOR);
    struct frame_mark mark = frame_begin(&talk.in);
    put_uint(&talk.in, 1, 101);
    put_sint(&talk.in, 2, NOW_MS);
    const uint8_t two[2] = { 0, 0 };
    put_tag(&talk.in, 3, WIRE_BYTES);   // loop_detector: two rows, and no other column
    put_varint(&talk.in, 2);
    put_bytes(&talk.in, two, 2);
    assert_int_equal(frame_end(&talk.in, mark, FRAME_OBSERVATIONS), STATUS_OK);
    assert_int_equal(talk_next(&talk, NOW_MS), SESSION_REFUSED);
    assert_int_equal(talk_error(&talk), ERROR_COLUMNS);
    assert_string_equal(talk.error.field, "loop_end_ms");
    assert_int_equal(talk.session.sequence, 100);
    talk_close(&talk);
}

// ---- errors of the stream ----

static void a_framing_error_keeps_what_was_accepted(void **state)
{
    (void)state;
    struct talk talk;
    static const uint8_t BAD[][4] = { { 0x00 }, { 0x81, 0x00 }, { 0xff, 0xff, 0xff, 0x7f },
        { 0x02, 0x22, 0x7f, 0x00 } };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        talk_greet(&talk, ROLE_DETECTOR);
        one_loop_reading(&talk, 101, detector("stop1_0"), NOW_MS);
        put_bytes(&talk.in, BAD[i], sizeof BAD[i]);
        one_loop_reading(&talk, 102, detector("stop1_0"), NOW_MS);
        assert_int_equal(talk_next(&talk, NOW_MS), SESSION_OBSERVATIONS);
        assert_int_equal(talk_next(&talk, NOW_MS), SESSION_CLOSE);
        assert_int_equal(talk.event.code, ERROR_FRAMING);
        assert_int_equal(talk_error(&talk), ERROR_FRAMING);
        assert_true(talk.error.closing);
        assert_int_equal(talk_next(&talk, NOW_MS), SESSION_NOTHING);
        assert_int_equal(talk.room.rows->rows.loops.count, 1);
        assert_int_equal(talk.session.sequence, 101);
        // What still comes is not looked at.
        one_loop_reading(&talk, 103, detector("stop1_0"), NOW_MS);
        assert_int_equal(talk_next(&talk, NOW_MS), SESSION_NOTHING);
        assert_int_equal(talk.room.rows->rows.loops.count, 1);
        talk_close(&talk);
    }
}

static void refused_messages_are_counted_to_the_end(void **state)
{
    (void)state;
    struct talk talk;
    talk_greet(&talk, ROLE_DETECTOR);
    talk.session.limits.strike_count_max = 3;
    for (int i = 1; i <= 4; i++) {
        assert_int_equal(sample_frame(1, FRAME_OVERRIDE, &talk.in), STATUS_OK);
        assert_int_equal(talk_next(&talk, NOW_MS), i <= 3 ? SESSION_REFUSED : SESSION_CLOSE);
        assert_int_equal(talk_error(&talk), i <= 3 ? ERROR_ROLE : ERROR_LIMIT);
    }
    assert_int_equal(talk.session.state, SESSION_CLOSING);
    talk_close(&talk);
}

static void slow_peers_are_cut(void **state)
{
    (void)state;
    struct talk talk;
    talk_open(&talk);
    assert_false(session_expire(&talk.session, NOW_MS + 5000, &talk.out));
    assert_true(session_expire(&talk.session, NOW_MS + 5001, &talk.out));
    assert_int_equal(talk_error(&talk), ERROR_TIME_OUT);
    assert_true(talk.error.closing);
    assert_false(session_expire(&talk.session, NOW_MS + 9000, &talk.out));   // once
    talk_close(&talk);
    // Half a Hello does not help.
    talk_open(&talk);
    struct hello hello = hello_of(ROLE_DETECTOR);
    assert_int_equal(wire_put_hello(&talk.in, &hello), STATUS_OK);
    talk.in.used--;
    assert_int_equal(talk_next(&talk, NOW_MS + 4000), SESSION_NOTHING);
    assert_true(session_expire(&talk.session, NOW_MS + 5001, &talk.out));
    talk_close(&talk);
    // A frame that stays unfinished, counted from its first byte.
    talk_greet(&talk, ROLE_DETECTOR);
    assert_false(session_expire(&talk.session, NOW_MS + 1000000, &talk.out));
    const uint8_t begun[3] = { 0x05, 0x22, 0x03 };
    for (int i = 0; i < 3; i++) {
        session_input(&talk.session, begun + i, 1, NOW_MS + 4000 * i);
        assert_int_equal(session_next(&talk.session, NOW_MS + 4000 * i, &talk.room, &talk.event), SESSION_NOTHING);
    }
    assert_false(session_expire(&talk.session, NOW_MS + 10000, &talk.out));
    assert_true(session_expire(&talk.session, NOW_MS + 10001, &talk.out));
    assert_int_equal(talk_error(&talk), ERROR_TIME_OUT);
    talk_close(&talk);
    // Silence, where a limit is set; a heartbeat breaks it.
    talk_greet(&talk, ROLE_CONTROLLER);
    talk.session.limits.silence_ms_max = 3000;
    assert_false(session_expire(&talk.session, NOW_MS + 3000, &talk.out));
    struct heartbeat beat = { .clock_ms = 1 };
    assert_int_equal(wire_put_heartbeat(&talk.in, &beat), STATUS_OK);
    assert_int_equal(talk_next(&talk, NOW_MS + 3000), SESSION_NOTHING);
    assert_false(session_expire(&talk.session, NOW_MS + 6000, &talk.out));
    assert_true(session_expire(&talk.session, NOW_MS + 6001, &talk.out));
    talk_close(&talk);
}

// The same conversation at once and byte by byte gives the same events and the same answers.
static void bytes_may_come_one_by_one(void **state)
{
    (void)state;
    static uint8_t talked[1 << 16], answers[2][1 << 16];
    size_t answer_bytes[2];
    int events[2][SESSION_EVENT_KIND_COUNT] = { { 0 } };
    for (int one_by_one = 0; one_by_one <= 1; one_by_one++) {
        struct talk talk;
        talk_greet(&talk, ROLE_SIMULATOR);
        for (uint64_t seed = 0; seed < 3; seed++) {
            for (int kind = FRAME_HELLO; kind < FRAME_KIND_COUNT; kind++) {
                assert_int_equal(sample_frame(seed, (enum frame_kind)kind, &talk.in), STATUS_OK);
            }
        }
        size_t count = talk.in.used;
        assert_true(count < sizeof talked);
        memcpy(talked, talk.in.at, count);
        for (size_t at = 0; at < count; at += one_by_one != 0 ? 1 : count) {
            session_input(&talk.session, talked + at, one_by_one != 0 ? 1 : count, NOW_MS);
            enum session_event_kind kind;
            while ((kind = session_next(&talk.session, NOW_MS, &talk.room, &talk.event)) != SESSION_NOTHING) {
                events[one_by_one][kind]++;
            }
        }
        answer_bytes[one_by_one] = talk.out.used;
        memcpy(answers[one_by_one], talk.out.at, talk.out.used);
        talk_close(&talk);
    }
    assert_memory_equal(events[0], events[1], sizeof events[0]);
    assert_int_equal(answer_bytes[0], answer_bytes[1]);
    assert_memory_equal(answers[0], answers[1], answer_bytes[0]);
    assert_int_equal(events[0][SESSION_CLOCK_ADVANCE], 3);
    assert_true(events[0][SESSION_REFUSED] >= 3 * 8);
}

// ---- clocks and reports ----

static void the_clock_of_a_controller_is_measured(void **state)
{
    (void)state;
    struct talk talk;
    talk_greet(&talk, ROLE_CONTROLLER);
    int32_t own = network_find_intersection(network, "crossing1_0").index;
    struct controller_report report;
    sample_report(1, own, CROSSING_GROUPS, &report);
    report.time_ms = NOW_MS + 3333;
    assert_int_equal(wire_put_report(&talk.in, &report), STATUS_OK);
    assert_int_equal(talk_next(&talk, NOW_MS + 5), SESSION_REPORT);
    assert_true(talk.event.report.time_ms == NOW_MS + 5);   // unknown clock: as it came

    // Asked at +10, answered by a clock 700 ms ahead, 20 ms on the way each way.
    assert_int_equal(session_ask_clock(&talk.session, NOW_MS + 10, &talk.out), STATUS_OK);
    struct heartbeat answer = { .clock_ms = NOW_MS + 30 + 700, .echo = true, .echo_clock_ms = NOW_MS + 11 };
    assert_int_equal(wire_put_heartbeat(&talk.in, &answer), STATUS_OK);
    assert_int_equal(talk_next(&talk, NOW_MS + 50), SESSION_NOTHING);   // not what was asked
    assert_false(talk.session.clock_measured);
    answer.echo_clock_ms = NOW_MS + 10;
    assert_int_equal(wire_put_heartbeat(&talk.in, &answer), STATUS_OK);
    assert_int_equal(talk_next(&talk, NOW_MS + 50), SESSION_CLOCK_MEASURED);
    assert_int_equal(talk.session.round_trip_ms, 40);
    assert_int_equal(talk.session.clock_offset_ms, 700);
    // An answer counts once.
    assert_int_equal(wire_put_heartbeat(&talk.in, &answer), STATUS_OK);
    assert_int_equal(talk_next(&talk, NOW_MS + 90), SESSION_NOTHING);
    assert_int_equal(talk.session.round_trip_ms, 40);

    report.time_ms = NOW_MS + 900;
    assert_int_equal(wire_put_report(&talk.in, &report), STATUS_OK);
    assert_int_equal(talk_next(&talk, NOW_MS + 210), SESSION_REPORT);
    assert_true(talk.event.report.time_ms == NOW_MS + 200);
    talk_close(&talk);
}

static void a_heartbeat_is_answered(void **state)
{
    (void)state;
    struct talk talk;
    talk_greet(&talk, ROLE_DETECTOR);
    struct heartbeat beat = { .clock_ms = 12345 };
    assert_int_equal(wire_put_heartbeat(&talk.in, &beat), STATUS_OK);
    assert_int_equal(talk_next(&talk, NOW_MS + 7), SESSION_NOTHING);
    size_t at = 0;
    enum frame_kind kind;
    struct cursor message;
    struct heartbeat answer;
    assert_true(talk_read(&talk, &at, &kind, &message));
    assert_int_equal(kind, FRAME_HEARTBEAT);
    assert_int_equal(wire_get_heartbeat(message, &answer, NULL), STATUS_OK);
    assert_true(answer.echo && answer.echo_clock_ms == 12345 && answer.clock_ms == NOW_MS + 7);
    talk_close(&talk);
}

// Of a batch with several bad rows the good ones count, and one Error comes.
static void bad_rows_of_a_report_batch_cost_only_themselves(void **state)
{
    (void)state;
    struct talk talk;
    talk_greet(&talk, ROLE_SIMULATOR);
    struct controller_report reports[6];
    for (int32_t i = 0; i < 6; i++) {
        sample_report((uint64_t)i, i % 3, CROSSING_GROUPS, &reports[i]);
    }
    reports[1].group_count = 4;
    reports[2].stage = CROSSING_STAGES;
    reports[4].intersection = 3;
    int32_t sent;
    assert_int_equal(wire_put_reports(&talk.in, reports, 6, FRAME_BYTES_MAX_DEFAULT, &sent), STATUS_OK);
    assert_int_equal(sent, 6);
    one_loop_reading(&talk, 101, 0, NOW_MS);
    int32_t good = 0;
    int32_t refused = 0;
    enum session_event_kind kind;
    while ((kind = talk_next(&talk, NOW_MS)) == SESSION_REPORT || kind == SESSION_REFUSED) {
        if (kind == SESSION_REPORT) {
            static const int32_t ROWS[3] = { 0, 3, 5 };
            assert_true(good < 3);
            assert_true(talk.event.report.time_ms == reports[ROWS[good]].time_ms);   // a simulator's clock is the clock
            good++;
        } else {
            refused++;
        }
    }
    assert_int_equal(good, 3);
    assert_int_equal(refused, 1);
    assert_int_equal(talk.session.strikes, 1);
    assert_int_equal(kind, SESSION_OBSERVATIONS);   // what followed in the stream
    assert_int_equal(talk_error(&talk), ERROR_FIELD);
    assert_string_equal(talk.error.field, "aspect");
    talk_close(&talk);
}

// ---- operators ----

static void overrides_are_resolved(void **state)
{
    (void)state;
    struct talk talk;
    talk_greet(&talk, ROLE_OPERATOR);
    struct override_request request = { .request = 6, .intersection_name = "crossing2_0",
        .what = { .kind = OVERRIDE_STAGE, .stage = 7 }, .duration_ms = 60000 };
    assert_int_equal(wire_put_override(&talk.in, &request), STATUS_OK);
    assert_int_equal(talk_next(&talk, NOW_MS), SESSION_OVERRIDE);
    assert_int_equal(talk.event.request, 6);
    assert_int_equal(talk.event.override.intersection, network_find_intersection(network, "crossing2_0").index);
    assert_true(talk.event.override.until_ms == NOW_MS + 60000);
    assert_string_equal(talk.event.override.operator_name, "somebody");
    request.what.stage = CROSSING_STAGES;
    assert_int_equal(wire_put_override(&talk.in, &request), STATUS_OK);
    assert_int_equal(talk_next(&talk, NOW_MS), SESSION_REFUSED);
    assert_int_equal(talk_error(&talk), ERROR_FIELD);
    assert_string_equal(talk.error.field, "stage");
    assert_int_equal(talk.error.request, 6);
    request.what.stage = 0;
    request.duration_ms = 0;
    request.what.until_ms = NOW_MS;
    assert_int_equal(wire_put_override(&talk.in, &request), STATUS_OK);
    assert_int_equal(talk_next(&talk, NOW_MS), SESSION_REFUSED);
    assert_int_equal(talk_error(&talk), ERROR_FIELD);
    assert_string_equal(talk.error.field, "until_ms");
    talk_close(&talk);
}

static void priorities_are_resolved(void **state)
{
    (void)state;
    struct talk talk;
    talk_greet(&talk, ROLE_OPERATOR);
    static const char *const ROUTE[] = { "link1_0", "link4_0" };
    struct priority_request request = { .request = 6, .link_name = "link1_0", .lane_position = 1,
        .route_names = { 2, ROUTE }, .what = { .vehicle = 9, .to_stop_mm = 5000, .speed_mmps = 9000 } };
    assert_int_equal(wire_put_priority(&talk.in, &request), STATUS_OK);
    assert_int_equal(talk_next(&talk, NOW_MS), SESSION_PRIORITY);
    int32_t link = network_find_link(network, "link1_0").index;
    assert_int_equal(talk.event.priority.lane, network->links[link].first_lane + 1);
    assert_int_equal(talk.event.priority.route_count, 2);
    assert_int_equal(talk.event.priority.route[1], network_find_link(network, "link4_0").index);
    request.lane_position = 2;
    assert_int_equal(wire_put_priority(&talk.in, &request), STATUS_OK);
    assert_int_equal(talk_next(&talk, NOW_MS), SESSION_REFUSED);
    assert_int_equal(talk_error(&talk), ERROR_UNKNOWN);
    request.link_name = NULL;
    request.route_names.count = 0;
    request.what.lane = network->lane_count;
    assert_int_equal(wire_put_priority(&talk.in, &request), STATUS_OK);
    assert_int_equal(talk_next(&talk, NOW_MS), SESSION_REFUSED);
    assert_string_equal((talk_error(&talk), talk.error.field), "lane");
    request.what.lane = 0;
    const int32_t route[1] = { network->link_count };
    request.what.route = route;
    request.what.route_count = 1;
    assert_int_equal(wire_put_priority(&talk.in, &request), STATUS_OK);
    assert_int_equal(talk_next(&talk, NOW_MS), SESSION_REFUSED);
    assert_string_equal((talk_error(&talk), talk.error.field), "route");
    talk_close(&talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(welcome_gives_indices_and_names_what_is_not_granted),
        cmocka_unit_test(a_wrong_beginning_ends_the_session),
        cmocka_unit_test(a_hello_has_limits),
        cmocka_unit_test(each_role_may_send_what_the_table_says),
        cmocka_unit_test(each_role_speaks_of_its_own_intersections_only),
        cmocka_unit_test(plans_are_asked_for_by_name),
        cmocka_unit_test(readings_of_others_are_refused),
        cmocka_unit_test(unequal_columns_are_told_by_name),
        cmocka_unit_test(a_framing_error_keeps_what_was_accepted),
        cmocka_unit_test(refused_messages_are_counted_to_the_end),
        cmocka_unit_test(slow_peers_are_cut),
        cmocka_unit_test(bytes_may_come_one_by_one),
        cmocka_unit_test(the_clock_of_a_controller_is_measured),
        cmocka_unit_test(a_heartbeat_is_answered),
        cmocka_unit_test(bad_rows_of_a_report_batch_cost_only_themselves),
        cmocka_unit_test(overrides_are_resolved),
        cmocka_unit_test(priorities_are_resolved),
    };
    return cmocka_run_group_tests(tests, open_town, close_town);
}
