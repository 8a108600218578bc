// The daemon's side of a session and what is said to it: session_talk.h.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/engine/crossings.h"
#include "tests/engine/session_talk.h"

#define OUT_BYTES (1 << 20)

static struct crossings town;
const struct network *const network = &town.network;
struct arena client_arena;
static struct arena arena;
static struct observation_buffer rows;
static uint8_t to_daemon[OUT_BYTES], to_client[OUT_BYTES];

int open_town(void **state)
{
    (void)state;
    crossings_build(&town, 3, 300.0);
    arena_create(&arena, WIRE_ARENA_BYTES);
    arena_create(&client_arena, WIRE_ARENA_BYTES);
    observation_buffer_create(&rows, 256, 256, 256, 4096);
    return 0;
}

int close_town(void **state)
{
    (void)state;
    network_release(&town.network);
    arena_release(&arena);
    arena_release(&client_arena);
    observation_buffer_release(&rows);
    return 0;
}

void talk_open(struct talk *talk)
{
    struct session_limits limits = session_limits_default();
    session_create(&talk->session, &limits, NOW_MS);
    talk->in = frame_writer_over(to_daemon, sizeof to_daemon);
    talk->out = frame_writer_over(to_client, sizeof to_client);
    talk->room = (struct session_room){ &arena, &rows, &talk->out };
    talk->told = ERROR_NONE;
    observation_buffer_clear(&rows);
}

void talk_close(struct talk *talk)
{
    session_release(&talk->session);
}

enum session_event_kind talk_next(struct talk *talk, int64_t now_ms)
{
    if (talk->in.used > 0) {
        session_input(&talk->session, talk->in.at, talk->in.used, now_ms);
        talk->in.used = 0;
    }
    return session_next(&talk->session, now_ms, &talk->room, &talk->event);
}

bool talk_read(struct talk *talk, size_t *at, enum frame_kind *ret_kind, struct cursor *ret_message)
{
    struct cursor stream = { talk->out.at + *at, talk->out.at + talk->out.used };
    if (stream.at == stream.end) {
        return false;
    }
    uint64_t length = 0;
    assert_true(varint_read(&stream, &length));
    assert_true(cursor_bytes(&stream) >= length);
    struct cursor frame = { stream.at, stream.at + length };
    assert_int_equal(frame_open(frame, ret_kind, ret_message), STATUS_OK);
    *at = (size_t)(frame.end - talk->out.at);
    return true;
}

enum error_code talk_error(struct talk *talk)
{
    size_t at = 0;
    enum frame_kind kind;
    struct cursor message;
    talk->told = ERROR_NONE;
    arena_reset(&client_arena);
    while (talk_read(talk, &at, &kind, &message)) {
        if (kind == FRAME_ERROR) {
            assert_int_equal(wire_get_error(message, &client_arena, &talk->error, NULL), STATUS_OK);
            talk->told = talk->error.code;
        }
    }
    talk->out.used = 0;
    return talk->told;
}

const char *const DETECTORS[] = { "stop0_0", "advance0_0", "stop1_0", "nowhere" };
static const char *const CAMERAS[] = { "camera0_0", "camera1_0" };
static const char *const CROSSINGS[] = { "crossing1_0", "atlantis" };

struct hello hello_of(enum role role)
{
    struct hello hello = { .protocol = WIRE_PROTOCOL, .role = role, .identity = "somebody", .clock_ms = NOW_MS,
        .network_hash = network->hash };
    if (role == ROLE_DETECTOR) {
        hello.detectors = (struct names_said){ 4, DETECTORS };
        hello.cameras = (struct names_said){ 2, CAMERAS };
    }
    if (role == ROLE_CONTROLLER) {
        hello.intersections = (struct names_said){ 2, CROSSINGS };
    }
    if (role == ROLE_SIMULATOR) {
        hello.simulator = (struct simulator_options){ .begin_ms = NOW_MS, .step_ms = 1000, .fresh = true };
    }
    return hello;
}

void talk_greet(struct talk *talk, enum role role)
{
    talk_open(talk);
    struct hello hello = hello_of(role);
    assert_int_equal(wire_put_hello(&talk->in, &hello), STATUS_OK);
    assert_int_equal(talk_next(talk, NOW_MS), SESSION_HELLO);
    struct session_grant grant = { .network = network, .source = 5, .sequence_after = 100, .epoch = 3, .daemon = 9 };
    assert_int_equal(session_welcome(&talk->session, talk->event.hello, &grant, NOW_MS, &talk->room), STATUS_OK);
    assert_int_equal(talk->session.state, SESSION_OPEN);
    (void)talk_error(talk);
}

void one_loop_reading(struct talk *talk, uint64_t sequence, int32_t index, int64_t end_ms)
{
    int32_t none = 0;
    int32_t length_ms = 1000;
    int32_t speed = -1;
    struct observation_columns columns = { .loops = { 1, &index, &end_ms, &length_ms, &none, &none, &speed } };
    int32_t first_bin[1] = { 0 };
    columns.cameras.first_bin = first_bin;
    struct observation_position position = { 0 };
    assert_int_equal(wire_put_observations(&talk->in, sequence, &columns, FRAME_BYTES_MAX_DEFAULT, &position),
                     STATUS_OK);
}
