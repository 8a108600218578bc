// Goal: the byte examples of docs/protocol.md are true: our encoders write exactly these bytes from the values that
// the text names, and our machines read them. A maker who matches them byte for byte speaks the protocol.
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

#define EXAMPLE_BYTES_MAX 4096

static char *text;
static struct arena arena;

// ---- the document ----

static FILE *document_open(void)
{
    static const char *const PLACES[] = { "docs/protocol.md", "../docs/protocol.md" };
    for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES; i++) {
        FILE *file = fopen(PLACES[i], "rb");
        if (file != NULL) {
            return file;
        }
    }
    char beside[1024];
    const char *here = __FILE__;
    const char *slash = strrchr(here, '/');
    (void)snprintf(beside, sizeof beside, "%.*s/../../docs/protocol.md", slash != NULL ? (int)(slash - here) : 1,
                   slash != NULL ? here : ".");
    return fopen(beside, "rb");
}

static int document_read(void **state)
{
    (void)state;
    arena_create(&arena, WIRE_ARENA_BYTES);
    FILE *file = document_open();
    if (file == NULL) {
        (void)fprintf(stderr, "docs/protocol.md is not to be found\n");
        return 1;
    }
    text = calloc(1, 1 << 20);
    size_t bytes = text != NULL ? fread(text, 1, (1 << 20) - 1, file) : 0;
    (void)fclose(file);
    return bytes > 0 ? 0 : 1;
}

static int document_free(void **state)
{
    (void)state;
    free(text);
    arena_release(&arena);
    return 0;
}

// The bytes of the block "```hex NAME": pairs of hex digits, '#' starts a comment.
static size_t example(const char *name, uint8_t *ret)
{
    char head[64];
    (void)snprintf(head, sizeof head, "```hex %s\n", name);
    const char *at = strstr(text, head);
    assert_non_null(at);
    at += strlen(head);
    const char *end = strstr(at, "```");
    assert_non_null(end);
    size_t count = 0;
    while (at < end) {
        if (*at == '#') {
            at = strchr(at, '\n');
        } else if (isxdigit((unsigned char)*at)) {
            char pair[3] = { at[0], at[1], '\0' };
            assert_true(isxdigit((unsigned char)at[1]));
            assert_true(count < EXAMPLE_BYTES_MAX);
            ret[count++] = (uint8_t)strtoul(pair, NULL, 16);
            at += 2;
        } else {
            at++;
        }
    }
    assert_true(count > 2);
    return count;
}

static void is_example(const char *name, const struct frame_writer *out)
{
    uint8_t bytes[EXAMPLE_BYTES_MAX];
    size_t count = example(name, bytes);
    assert_int_equal(count, out->used);
    assert_memory_equal(bytes, out->at, count);
}

// ---- the values that the text names ----

static const char *const DETECTORS[] = { "north_1", "north_2" };

static struct hello detector_hello(void)
{
    return (struct hello){ .protocol = 1, .role = ROLE_DETECTOR, .identity = "station 12",
        .token = (const uint8_t *)"secret", .token_bytes = 6, .software = "acme loops 2.1", .clock_ms = 1790000000000,
        .detectors = { 2, DETECTORS } };
}

static struct green greens[] = { { 0, 30000, 0, 0 }, { 35000, 55000, 1, 1 } };

static struct plan the_plan(void)
{
    return (struct plan){ .intersection = 3, .kind = PLAN_CYCLIC, .version = { 2, 9, 17 },
        .site_hash = UINT64_C(0x1122334455667788), .base_ms = 1790000020000, .valid_from_ms = 1790000080000,
        .valid_until_ms = 1790000380000, .cycle_ms = 60000, .offset_ms = 20000, .coordinated_stage = 0,
        .reason = { REASON_SPLITS, 0, 712, 0 }, .green_count = 2, .greens = greens };
}

static void detector_examples_are_true(void **state)
{
    (void)state;
    uint8_t bytes[EXAMPLE_BYTES_MAX];
    struct frame_writer out = frame_writer_over(bytes, sizeof bytes);
    struct hello hello = detector_hello();
    assert_int_equal(wire_put_hello(&out, &hello), STATUS_OK);
    is_example("detector-hello", &out);

    out.used = 0;
    const int32_t indices[] = { 40, 41 };
    struct welcome welcome = { .protocol = 1, .daemon = 9, .epoch = 2, .clock_ms = 1790000000004,
        .echo_clock_ms = 1790000000000, .network_hash = UINT64_C(0x0102030405060708), .detectors = { 2, indices },
        .sequence_after = 100, .frame_bytes_max = 1048576, .heartbeat_ms = 10000, .source = 7 };
    assert_int_equal(wire_put_welcome(&out, &welcome), STATUS_OK);
    is_example("detector-welcome", &out);

    out.used = 0;
    int32_t length_ms[] = { 1000, 1000 }, vehicles[] = { 1, 0 }, occupied_ms[] = { 420, 0 },
        speed_mmps[] = { 13500, -1 };
    int32_t detector[] = { 40, 41 }, first_bin[] = { 0 };
    int64_t end_ms[] = { 1790000001000, 1790000001000 };
    struct observation_columns rows = { .loops = { 2, detector, end_ms, length_ms, vehicles, occupied_ms, speed_mmps },
        .cameras.first_bin = first_bin };
    struct observation_position position = { 0 };
    assert_int_equal(wire_put_observations(&out, 101, &rows, FRAME_BYTES_MAX_DEFAULT, &position), STATUS_OK);
    is_example("detector-batch", &out);

    out.used = 0;
    struct wire_error error = { .code = ERROR_READINGS, .text = "these readings were refused; the others count",
        .sequence = 101, .frame_kind = FRAME_OBSERVATIONS, .refused_count = 1, .refused_listed = 1,
        .refused = { { READING_OF_LOOP, 1, READING_FUTURE } } };
    assert_int_equal(wire_put_error(&out, &error), STATUS_OK);
    is_example("detector-error", &out);
}

static void plan_examples_are_true(void **state)
{
    (void)state;
    uint8_t bytes[EXAMPLE_BYTES_MAX];
    struct frame_writer out = frame_writer_over(bytes, sizeof bytes);
    struct plan_request request = { .request = 5, .intersection = 3, .held = { 2, 9, 16 } };
    assert_int_equal(wire_put_plan_request(&out, &request), STATUS_OK);
    is_example("plan-request", &out);
    out.used = 0;
    struct plan plan = the_plan();
    assert_int_equal(wire_put_plan(&out, &plan), STATUS_OK);
    is_example("plan", &out);
    out.used = 0;
    struct plan_acknowledgement answer = { .intersection = 3, .version = { 2, 9, 17 }, .status = STATUS_OK };
    assert_int_equal(wire_put_plan_acknowledgement(&out, &answer), STATUS_OK);
    is_example("plan-acknowledgement", &out);
    out.used = 0;
    struct plan_not_changed same = { .request = 6, .intersection = 3, .version = { 2, 9, 17 } };
    assert_int_equal(wire_put_plan_not_changed(&out, &same), STATUS_OK);
    is_example("plan-not-changed", &out);
}

// The bytes as they stand in the document, through a client.
static void a_client_reads_the_examples(void **state)
{
    (void)state;
    uint8_t bytes[EXAMPLE_BYTES_MAX], hello_bytes[EXAMPLE_BYTES_MAX];
    struct green got[PLAN_GREEN_COUNT_MAX];
    struct client_room room = { &arena, got, NULL };
    struct client_event event;
    struct client client;
    client_create(&client, FRAME_BYTES_MAX_DEFAULT);
    struct hello hello = detector_hello();
    struct frame_writer out = frame_writer_over(hello_bytes, sizeof hello_bytes);
    assert_int_equal(client_hello(&client, &hello, &out), STATUS_OK);
    client_input(&client, bytes, example("detector-welcome", bytes), 0);
    assert_int_equal(client_next(&client, 0, &room, &event), CLIENT_WELCOME);
    assert_int_equal(event.welcome.detectors.at[1], 41);
    assert_int_equal(client_next(&client, 0, &room, &event), CLIENT_NOTHING);
    assert_int_equal(client_sequence(&client), 101);
    client_input(&client, bytes, example("detector-error", bytes), 0);
    assert_int_equal(client_next(&client, 0, &room, &event), CLIENT_ERROR);
    assert_int_equal(event.error.refused[0].reason, READING_FUTURE);
    assert_int_equal(client_next(&client, 0, &room, &event), CLIENT_NOTHING);
    client_input(&client, bytes, example("plan", bytes), 0);
    assert_int_equal(client_next(&client, 0, &room, &event), CLIENT_PLAN);
    assert_int_equal(event.plan.version.sequence, 17);
    assert_int_equal(event.plan.green_count, 2);
    assert_memory_equal(got, greens, sizeof greens);
    assert_int_equal(client_next(&client, 0, &room, &event), CLIENT_NOTHING);
    client_input(&client, bytes, example("plan-not-changed", bytes), 0);
    assert_int_equal(client_next(&client, 0, &room, &event), CLIENT_PLAN_NOT_CHANGED);
    assert_int_equal(event.plan_not_changed.request, 6);
    client_release(&client);
}

// The document names every message, error and reason of refusal, and gives the numbers that the code has.
static void the_document_is_complete(void **state)
{
    (void)state;
    for (int code = ERROR_NONE + 1; code < ERROR_CODE_COUNT; code++) {
        char row[64];
        (void)snprintf(row, sizeof row, "| %d | %s |", code, error_code_name((enum error_code)code));
        assert_non_null(strstr(text, row));
    }
    for (int reason = READING_TAKEN + 1; reason < READING_REFUSAL_COUNT; reason++) {
        char row[64];
        (void)snprintf(row, sizeof row, "| %d | %s |", reason, reading_refusal_name((enum reading_refusal)reason));
        assert_non_null(strstr(text, row));
    }
    static const char ROLES[ROLE_COUNT] = { ' ', 'D', 'C', 'O', 'S' };
    for (int kind = FRAME_HELLO; kind < FRAME_KIND_COUNT; kind++) {
        char row[96];
        int used = snprintf(row, sizeof row, "| %d | `%s` |", kind, frame_kind_name((enum frame_kind)kind));
        assert_non_null(strstr(text, row));
        if (kind == FRAME_HELLO) {
            continue;   // Said before there is a role.
        }
        const char *cell = strstr(text, row) + used;
        char who[ROLE_COUNT] = "";
        for (int role = ROLE_DETECTOR; role < ROLE_COUNT; role++) {
            if (session_permits((enum role)role, (enum frame_kind)kind)) {
                who[strlen(who)] = ROLES[role];
            }
        }
        char expected[16];
        (void)snprintf(expected, sizeof expected, who[0] != '\0' ? " %s |" : "  |", who);
        assert_memory_equal(cell, expected, strlen(expected));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(detector_examples_are_true),
        cmocka_unit_test(plan_examples_are_true),
        cmocka_unit_test(a_client_reads_the_examples),
        cmocka_unit_test(the_document_is_complete),
    };
    return cmocka_run_group_tests(tests, document_read, document_free);
}
