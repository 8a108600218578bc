// Goal: the door tells every form of file by its content, whatever its name, and says of anything else what it is not;
// a network that went in through it and was saved goes in again as the same.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/import/import.h"
#include "engine/import/network_file.h"
#include "tests/engine/cityflow_crossing.h"

static char path[] = "import-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int remove_file(void **state)
{
    (void)state;
    return remove(path);
}

static void put(const char *text, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

static void is(const char *text, enum file_kind kind)
{
    enum file_kind found = FILE_UNKNOWN;
    struct problem problem = { "" };
    put(text, strlen(text));
    if (import_sniff(path, &found, &problem) != STATUS_OK) {
        fail_msg("%s", problem.text);
    }
    assert_int_equal(found, kind);
}

static void tells_forms_apart(void **state)
{
    (void)state;
    is("<net version=\"1.9\">", FILE_SUMO_NETWORK);
    is("\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- <routes> -->\n<!DOCTYPE x>\n <net>", FILE_SUMO_NETWORK);
    is("<?xml?><configuration>", FILE_SUMO_CONFIG);
    is("<sumoConfiguration/>", FILE_SUMO_CONFIG);
    is("<routes>", FILE_SUMO_DEMAND);
    is("<trips a='b'>", FILE_SUMO_DEMAND);
    is("<additional>", FILE_SUMO_ADDITIONAL);
    is(" \n{\"intersections\": []}", FILE_CITYFLOW_NETWORK);
    is("[\n]", FILE_CITYFLOW_DEMAND);
    is(NETWORK_FILE_MAGIC, FILE_INTERGREEN_NETWORK);
    is(DEMAND_FILE_MAGIC, FILE_INTERGREEN_DEMAND);
}

// netconvert writes its configuration as a comment before the first element.
static void reads_past_a_long_comment(void **state)
{
    (void)state;
    char text[20000] = "<?xml version=\"1.0\"?>\n<!-- ";
    size_t start = strlen(text);
    memset(text + start, 'x', sizeof text - 100 - start);
    (void)snprintf(text + sizeof text - 100, 100, " -->\n<net>");
    is(text, FILE_SUMO_NETWORK);
}

static void is_nothing_known(const char *text, size_t bytes, const char *what)
{
    enum file_kind found = FILE_UNKNOWN;
    struct problem problem = { "" };
    put(text, bytes);
    assert_int_equal(import_sniff(path, &found, &problem), STATUS_SYNTAX);
    assert_non_null(strstr(problem.text, path));
    assert_non_null(strstr(problem.text, what));
}

static void says_what_it_does_not_know(void **state)
{
    (void)state;
    is_nothing_known("", 0, "empty");
    is_nothing_known("\0\0\0\0", 4, "no known form");
    is_nothing_known("hello", 5, "no known form");
    is_nothing_known("<html>", 6, "no known form");
    is_nothing_known("<!-- never ends", 15, "no known form");
    is_nothing_known("<", 1, "no known form");
    is_nothing_known("IGNET", 5, "no known form");
    enum file_kind found;
    struct problem problem = { "" };
    assert_int_equal(import_sniff("no/such/file", &found, &problem), STATUS_IO);
    assert_non_null(strstr(problem.text, "no/such/file"));
    assert_int_equal(import_sniff(".", &found, &problem), STATUS_IO);
}

static void demand_is_no_network(void **state)
{
    (void)state;
    static const char *const TEXTS[] = { "<routes></routes>", "[]", DEMAND_FILE_MAGIC, "<additional/>" };
    struct import_options options = IMPORT_OPTIONS_DEFAULT;
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        struct network network = { .link_count = -5 };
        struct problem problem = { "" };
        put(TEXTS[i], strlen(TEXTS[i]));
        assert_int_equal(import_network(path, &options, &network, NULL, &problem), STATUS_SYNTAX);
        assert_non_null(strstr(problem.text, "holds no network"));
        assert_int_equal(network.link_count, -5);
    }
}

static void intergreens_can_be_set_for_studies(void **state)
{
    (void)state;
    char *text = cityflow_text(&(struct cityflow_crossing){ .legs = 0xf, .lanes = 3 });
    struct problem problem = { "" };
    struct import_options options = IMPORT_OPTIONS_DEFAULT;
    static const int32_t GIVEN_MS[] = { 5000, 2000 }, GOT_MS[] = { 5000, 3000 };   // Never below the yellow of 3 s.
    put(text, strlen(text));
    for (int i = 0; i < 2; i++) {
        struct network network;
        options.intergreen_ms = GIVEN_MS[i];
        if (import_network(path, &options, &network, NULL, &problem) != STATUS_OK) {
            fail_msg("%s", problem.text);
        }
        int32_t conflicts = 0;
        for (int32_t k = 0; k < network.intergreen_count; k++) {
            conflicts += network.intergreen_ms[k] >= 0;
            assert_true(network.intergreen_ms[k] == -1 || network.intergreen_ms[k] == GOT_MS[i]);
        }
        assert_true(conflicts > 20);
        network_release(&network);
    }
    free(text);
}

static void a_saved_network_goes_in_again(void **state)
{
    (void)state;
    char *text = cityflow_text(&(struct cityflow_crossing){ .legs = 0xd, .lanes = 3 });
    struct network first, second;
    struct problem problem = { "" };
    struct import_options options = IMPORT_OPTIONS_DEFAULT;
    put(text, strlen(text));
    assert_int_equal(import_network(path, &options, &first, NULL, &problem), STATUS_OK);
    assert_int_equal(network_file_save(&first, path, &problem), STATUS_OK);
    assert_int_equal(import_network(path, &options, &second, NULL, &problem), STATUS_OK);
    assert_true(first.hash == second.hash);
    assert_int_equal(second.origin, ORIGIN_CITYFLOW);
    network_release(&first);
    network_release(&second);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_forms_apart), cmocka_unit_test(reads_past_a_long_comment),
        cmocka_unit_test(says_what_it_does_not_know), cmocka_unit_test(demand_is_no_network),
        cmocka_unit_test(intergreens_can_be_set_for_studies), cmocka_unit_test(a_saved_network_goes_in_again),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
