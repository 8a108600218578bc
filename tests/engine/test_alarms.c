// Goal: an alarm comes, is acknowledged, ends and comes again as alarms.h draws it; the table is bounded and says what
// it left out; what happened once ends when it is acknowledged.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/serve/alarms.h"

static struct alarms *alarms;
static struct alarms_copy copy;

static int set_up(void **state)
{
    (void)state;
    alarms_create(&alarms);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    alarms_copy_release(&copy);
    alarms_release(alarms);
    return 0;
}

static void look(void)
{
    alarms_copy_release(&copy);
    alarms_copy(alarms, &copy);
}

static void come(const char *key, bool once)
{
    alarms_come(alarms, &(struct alarm){ .key = key, .severity = ALARM_CRITICAL, .once = once }, "%s\nholds", key);
}

static void an_alarm_goes_round(void **state)
{
    (void)state;
    come("a", false);
    come("a", false);   // It still holds: nothing new.
    look();
    assert_int_equal(copy.count, 1);
    assert_int_equal(copy.in_force, 1);
    assert_string_equal(copy.rows[0].text, "a holds");   // One line, whatever was said.
    assert_int_equal(copy.rows[0].times, 1);
    uint32_t id = copy.rows[0].id;
    assert_int_equal(alarms_acknowledge(alarms, id + 1, "anna"), 0);
    assert_int_equal(alarms_acknowledge(alarms, id, "anna"), 1);
    assert_int_equal(alarms_acknowledge(alarms, id, "berta"), 1);   // Anna was first.
    look();
    assert_string_equal(copy.rows[0].acknowledged_by, "anna");
    assert_true(copy.rows[0].ended_ms == 0);
    alarms_end(alarms, "a");
    alarms_end(alarms, "never there");
    look();
    assert_int_equal(copy.in_force, 0);
    assert_true(copy.rows[0].ended_ms > 0);
    come("a", false);
    look();
    assert_int_equal(copy.rows[0].times, 2);
    assert_int_equal(copy.rows[0].id, id);
    assert_true(copy.rows[0].ended_ms == 0 && copy.rows[0].acknowledged_ms == 0);
    assert_string_equal(copy.rows[0].acknowledged_by, "");
}

static void what_happened_once_ends_when_it_is_acknowledged(void **state)
{
    (void)state;
    come("once", true);
    come("holds", false);
    assert_int_equal(alarms_acknowledge(alarms, 0, "anna"), 2);
    assert_int_equal(alarms_acknowledge(alarms, 0, "anna"), 0);
    look();
    assert_int_equal(copy.in_force, 1);
    assert_string_equal(copy.rows[0].text, "holds holds");   // In force first.
}

static void a_full_table_gives_up_what_has_ended(void **state)
{
    (void)state;
    char key[ALARM_KEY_BYTES_MAX];
    for (int i = 0; i < ALARM_ROW_COUNT_MAX; i++) {
        (void)snprintf(key, sizeof key, "key %d", i);
        come(key, false);
    }
    come("one too many", false);
    look();
    assert_int_equal(copy.count, ALARM_ROW_COUNT_MAX);
    assert_int_equal(copy.left_out, 1);
    alarms_end(alarms, "key 5");
    come("the next", false);
    look();
    assert_int_equal(copy.count, ALARM_ROW_COUNT_MAX);
    assert_int_equal(copy.in_force, ALARM_ROW_COUNT_MAX);
    assert_int_equal(copy.left_out, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_alarm_goes_round, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_happened_once_ends_when_it_is_acknowledged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_table_gives_up_what_has_ended, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
