// Goal: the byte examples of docs/controller.md are what the daemon's own code writes and reads.
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/wire/client.h"
#include "engine/wire/session.h"

#define EXAMPLE_BYTES_MAX 2048
#define NOON INT64_C(1790000000000)   // the instant of the story
#define SITE UINT64_C(0x1122334455667788)

static char text[1 << 17];
static struct arena arena;

static int document_read(void **state)
{
    (void)state;
    arena_create(&arena, WIRE_ARENA_BYTES);
    FILE *file = fopen(SOURCE_ROOT "/docs/controller.md", "rb");
    if (file == NULL) {
        (void)fprintf(stderr, "docs/controller.md is not to be found\n");
        return 1;
    }
    size_t bytes = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    return bytes > 0 ? 0 : 1;
}

static int document_free(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

// The bytes of the block "```hex NAME": pairs of hex digits, '#' starts a comment. 0: there is no such block.
static size_t example(const char *name, uint8_t *ret)
{
    char head[64];
    (void)snprintf(head, sizeof head, "```hex %s\n", name);
    const char *at = strstr(text, head);
    const char *end = at != NULL ? strstr(at + strlen(head), "```") : NULL;
    size_t count = 0;
    for (at = at != NULL ? at + strlen(head) : NULL; end != NULL && at < end && count < EXAMPLE_BYTES_MAX;) {
        if (*at == '#') {
            at = strchr(at, '\n');
        } else if (isxdigit((unsigned char)at[0]) && isxdigit((unsigned char)at[1])) {
            char pair[3] = { at[0], at[1], '\0' };
            ret[count++] = (uint8_t)strtoul(pair, NULL, 16);
            at += 2;
        } else {
            at++;
        }
    }
    return count;
}

static void is_example(const char *name, const struct frame_writer *out)
{
    uint8_t bytes[EXAMPLE_BYTES_MAX];
    size_t count = example(name, bytes);
    if (count != out->used || memcmp(bytes, out->at, count) != 0) {
        (void)fprintf(stderr, "%s should be:", name);
        for (size_t i = 0; i < out->used; i++) {
            (void)fprintf(stderr, " %02x", out->at[i]);
        }
        (void)fprintf(stderr, "\n");
        fail_msg("docs/controller.md: the example %s is not what the code writes", name);
    }
}

static uint8_t room_bytes[EXAMPLE_BYTES_MAX];

static struct frame_writer begin(void)
{
    return frame_writer_over(room_bytes, sizeof room_bytes);
}

// What the story tells: group 0 is green 6 s from its start on, group 1 follows after 5 s.
static struct green greens[] = { { 0, 6000, 0, 0 }, { 11000, 41000, 1, 1 } };

static struct plan the_plan(void)
{
    return (struct plan){ .intersection = 3, .kind = PLAN_ROLLING, .handover = true, .version = { 2, 9, 17 },
        .site_hash = SITE, .base_ms = NOON + 20000, .valid_from_ms = NOON + 20000, .valid_until_ms = NOON + 61000,
        .coordinated_stage = INDEX_NONE, .fallback = 1234, .reason = { REASON_SWITCH, 0, 120, 340 }, .green_count = 2,
        .greens = greens };
}

static struct fallback_program programs[] = { { 60000, 20000, 0, 0, 2 }, { 90000, 0, 0, 2, 2 } };
static struct green program_greens[] = { { 0, 25000, 0, 0 }, { 30000, 55000, 1, 1 }, { 0, 45000, 0, 0 },
    { 50000, 85000, 1, 1 } };
static struct fallback_switch changes[] = { { 0xff, 0, 0 }, { 0x1f, 21600, 1 }, { 0x1f, 72000, 0 } };
static const int32_t holidays[] = { 20723 };

static struct fallback_table the_table(void)
{
    return (struct fallback_table){ .intersection = 3, .fallback = 1234, .site_hash = SITE,
        .time_zone = "Europe/Berlin", .reference_ms = 0, .program_count = 2,
        .green_count = 4, .switch_count = 3, .holiday_count = 1,
        .programs = programs, .greens = program_greens, .switches = changes, .holidays = holidays };
}

static void session_examples_are_true(void **state)
{
    (void)state;
    static const char *const NAMES[] = { "B1" };
    static const int32_t INDICES[] = { 3 };
    struct frame_writer out = begin();
    struct hello hello = { .protocol = 1, .role = ROLE_CONTROLLER, .identity = "cabinet-B1",
        .token = (const uint8_t *)"secret", .token_bytes = 6, .software = "acme 4.2", .clock_ms = NOON,
        .intersections = { 1, NAMES }, .epoch_seen = 1 };
    assert_int_equal(wire_put_hello(&out, &hello), STATUS_OK);
    is_example("hello", &out);
    out = begin();
    struct welcome welcome = { .protocol = 1, .daemon = 9, .epoch = 2, .clock_ms = NOON + 4, .echo_clock_ms = NOON,
        .network_hash = UINT64_C(0x0102030405060708), .intersections = { 1, INDICES }, .frame_bytes_max = 1048576,
        .heartbeat_ms = 10000, .source = 12 };
    assert_int_equal(wire_put_welcome(&out, &welcome), STATUS_OK);
    is_example("welcome", &out);
    out = begin();
    assert_int_equal(wire_put_heartbeat(&out, &(struct heartbeat){ .clock_ms = NOON + 100 }), STATUS_OK);
    is_example("heartbeat-asks", &out);
    out = begin();
    struct heartbeat answer = { .clock_ms = NOON + 103, .echo = true, .echo_clock_ms = NOON + 100 };
    assert_int_equal(wire_put_heartbeat(&out, &answer), STATUS_OK);
    is_example("heartbeat-answers", &out);
    out = begin();
    struct controller_report report = { .intersection = 3, .time_ms = NOON + 1000, .mode = CONTROLLER_FALLBACK,
        .stage = 1, .group_count = 2, .aspect = { ASPECT_RED, ASPECT_GREEN }, .age_ms = { 8000, 3000 } };
    assert_int_equal(wire_put_report(&out, &report), STATUS_OK);
    is_example("status", &out);
}

static void plan_examples_are_true(void **state)
{
    (void)state;
    static const int32_t INDICES[] = { 3 };
    struct frame_writer out = begin();
    struct plan_subscription wish = { .request = 1, .intersections = { 1, INDICES } };
    assert_int_equal(wire_put_plan_subscription(&out, &wish), STATUS_OK);
    is_example("subscription", &out);
    out = begin();
    struct plan plan = the_plan();
    assert_int_equal(wire_put_plan(&out, &plan), STATUS_OK);
    is_example("hand-over", &out);
    out = begin();
    struct plan_acknowledgement accepted = { .intersection = 3, .version = { 2, 9, 17 }, .status = STATUS_OK };
    assert_int_equal(wire_put_plan_acknowledgement(&out, &accepted), STATUS_OK);
    is_example("accepted", &out);
    out = begin();
    struct plan_acknowledgement refused = { .intersection = 3, .version = { 2, 9, 18 }, .status = STATUS_REFUSED,
        .text = "an intergreen is too short" };
    assert_int_equal(wire_put_plan_acknowledgement(&out, &refused), STATUS_OK);
    is_example("refused", &out);
}

static void fallback_examples_are_true(void **state)
{
    (void)state;
    struct frame_writer out = begin();
    struct fallback_table table = the_table();
    assert_int_equal(wire_put_fallback_table(&out, &table), STATUS_OK);
    is_example("fallback", &out);
    out = begin();
    struct fallback_acknowledgement loaded = { 3, 1234, true, NULL };
    assert_int_equal(wire_put_fallback_acknowledgement(&out, &loaded), STATUS_OK);
    is_example("fallback-loaded", &out);
}

// The bytes as they stand in the document, through the machine of a peer.
static void a_client_reads_the_examples(void **state)
{
    (void)state;
    uint8_t bytes[EXAMPLE_BYTES_MAX], hello_bytes[256];
    struct green got[PLAN_GREEN_COUNT_MAX];
    struct client_room room = { &arena, got, NULL };
    struct client_event event;
    struct client client;
    client_create(&client, FRAME_BYTES_MAX_DEFAULT);
    struct hello hello = { .role = ROLE_CONTROLLER, .identity = "cabinet-B1" };
    struct frame_writer out = frame_writer_over(hello_bytes, sizeof hello_bytes);
    assert_int_equal(client_hello(&client, &hello, &out), STATUS_OK);
    client_input(&client, bytes, example("welcome", bytes), 0);
    assert_int_equal(client_next(&client, 0, &room, &event), CLIENT_WELCOME);
    assert_int_equal(client_next(&client, 0, &room, &event), CLIENT_NOTHING);
    client_input(&client, bytes, example("hand-over", bytes), 0);
    assert_int_equal(client_next(&client, 0, &room, &event), CLIENT_PLAN);
    assert_true(event.plan.handover && event.plan.valid_until_ms == NOON + 61000 && event.plan.fallback == 1234);
    assert_memory_equal(got, greens, sizeof greens);
    assert_int_equal(client_next(&client, 0, &room, &event), CLIENT_NOTHING);
    client_input(&client, bytes, example("fallback", bytes), 0);
    assert_int_equal(client_next(&client, 0, &room, &event), CLIENT_FALLBACK_TABLE);
    assert_int_equal(event.fallback_table.switch_count, 3);
    assert_string_equal(event.fallback_table.time_zone, "Europe/Berlin");
    assert_int_equal(event.fallback_table.programs[1].green_count, 2);
    client_release(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_examples_are_true),
        cmocka_unit_test(plan_examples_are_true),
        cmocka_unit_test(fallback_examples_are_true),
        cmocka_unit_test(a_client_reads_the_examples),
    };
    return cmocka_run_group_tests(tests, document_read, document_free);
}
