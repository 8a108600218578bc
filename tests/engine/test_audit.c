// Goal: the audit log's lines are JSON whatever was said, and form a chain that breaks where anything was changed; the
// hash under it is that of FIPS 180-4.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "engine/base/sha256.h"
#include "engine/record/audit.h"

static void hash_is(const void *bytes, size_t count, const char *expected)
{
    uint8_t hash[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];
    sha256(bytes, count, hash);
    for (int i = 0; i < SHA256_BYTES; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    }
    assert_string_equal(hex, expected);
}

// The examples that NIST gives with the standard, and lengths round the ends of a block.
static void hashes_are_those_of_the_standard(void **state)
{
    (void)state;
    hash_is("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    hash_is("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hash_is("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    static char many[1000000];
    memset(many, 'a', sizeof many);
    hash_is(many, sizeof many, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    hash_is(many, 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
    hash_is(many, 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
}

static const struct audit_record RECORDS[] = {
    { 1764403200000, AUDIT_START, "daemon", NULL, NULL, "epoch 1.7", true },
    { 1764403201000, AUDIT_OVERRIDE, "anna", "10.0.0.7:50312", "B1", "hold stage 1 for 300 s", true },
    { 1764403202000, AUDIT_REFUSED_PEER, "x\"y\\z\n\x01\xff\xc3", "unix", NULL, "M\xc3\xbcller \xed\xa0\x80", false },
    { 1764403203000, AUDIT_END, "daemon", NULL, NULL, NULL, true },
};
#define RECORD_COUNT (int)(sizeof RECORDS / sizeof *RECORDS)

static char lines[RECORD_COUNT][AUDIT_LINE_BYTES_MAX];
static size_t line_bytes[RECORD_COUNT];   // without the newline

static int lines_write(void **state)
{
    (void)state;
    struct audit_head head = { 0 };
    for (int i = 0; i < RECORD_COUNT; i++) {
        line_bytes[i] = audit_line_write(&RECORDS[i], &head, lines[i], sizeof lines[i]) - 1;
    }
    return head.number == RECORD_COUNT ? 0 : 1;
}

static void every_line_is_json_with_what_was_said(void **state)
{
    (void)state;
    static const char *const WHO[] = { "daemon", "anna", "x\"y\\z\n\x01??", "daemon" };
    for (int i = 0; i < RECORD_COUNT; i++) {
        assert_int_equal(lines[i][line_bytes[i]], '\n');
        json_t *record = json_loadb(lines[i], line_bytes[i], 0, NULL);
        assert_non_null(record);
        assert_int_equal(json_integer_value(json_object_get(record, "number")), i + 1);
        assert_true(json_integer_value(json_object_get(record, "time_ms")) == RECORDS[i].time_ms);
        assert_string_equal(json_string_value(json_object_get(record, "who")), WHO[i]);
        assert_string_equal(json_string_value(json_object_get(record, "kind")), audit_kind_name(RECORDS[i].kind));
        assert_int_equal(json_is_true(json_object_get(record, "accepted")), RECORDS[i].accepted);
        assert_int_equal(json_object_get(record, "intersection") != NULL, RECORDS[i].intersection != NULL);
        json_decref(record);
    }
}

static void the_longest_texts_fit(void **state)
{
    (void)state;
    static char text[4 * AUDIT_TEXT_BYTES_MAX], line[AUDIT_LINE_BYTES_MAX];
    memset(text, 1, sizeof text - 1);   // Each becomes six letters.
    struct audit_head head = { .number = INT64_MAX - 1 };
    memset(head.hash, 'a', AUDIT_HASH_DIGITS);
    struct audit_record record = { -1, AUDIT_REFUSED_PEER, text, text, text, text, true };
    size_t bytes = audit_line_write(&record, &head, line, sizeof line);
    assert_true(bytes < sizeof line && line[bytes - 1] == '\n');
    json_t *read = json_loadb(line, bytes, 0, NULL);
    assert_non_null(read);
    assert_int_equal(json_string_length(json_object_get(read, "text")), AUDIT_TEXT_BYTES_MAX);
    json_decref(read);
}

static void a_chain_holds_and_breaks_at_any_changed_byte(void **state)
{
    (void)state;
    struct audit_head head = { 0 };
    const char *why = NULL;
    for (int i = 0; i < RECORD_COUNT; i++) {
        for (size_t at = 0; at < line_bytes[i]; at++) {
            char changed[AUDIT_LINE_BYTES_MAX];
            memcpy(changed, lines[i], line_bytes[i]);
            changed[at] ^= 1;
            struct audit_head copy = head;
            assert_false(audit_line_follows(changed, line_bytes[i], &copy, &why));
            assert_int_equal(copy.number, head.number);   // It stays where it was.
            assert_false(audit_line_follows(lines[i], at, &copy, &why));   // Cut short.
        }
        assert_true(audit_line_follows(lines[i], line_bytes[i], &head, &why));
        assert_false(audit_line_follows(lines[i], line_bytes[i], &head, &why));   // Twice.
    }
    struct audit_head other = { 0 };
    assert_false(audit_line_follows(lines[1], line_bytes[1], &other, &why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_those_of_the_standard),
        cmocka_unit_test(every_line_is_json_with_what_was_said),
        cmocka_unit_test(the_longest_texts_fit),
        cmocka_unit_test(a_chain_holds_and_breaks_at_any_changed_byte),
    };
    return cmocka_run_group_tests(tests, lines_write, NULL);
}
