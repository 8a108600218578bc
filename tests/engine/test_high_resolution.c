// Goal: the high-resolution log keeps Indiana's enumeration [Sturdevant2012]: lamps become begin and end events at the
// instants that reports tell, walks are pedestrian events, each vehicle over a loop is one pair, requests check in and
// out once, plans change the pattern; all in order of time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/record/high_resolution.h"
#include "tests/engine/crossings.h"

static struct crossings made;
static struct high_resolution *log_of;

static int setup(void **state)
{
    (void)state;
    crossings_build(&made, 1, 300.0);
    log_of = high_resolution_create(&made.network);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    high_resolution_release(log_of);
    network_release(&made.network);
    return 0;
}

static void expect(const struct high_resolution_event *rows, int32_t count, const int64_t (*wanted)[3], int32_t wishes)
{
    assert_int_equal(count, wishes);
    for (int32_t i = 0; i < count; i++) {
        assert_int_equal(rows[i].at_ms, wanted[i][0]);
        assert_int_equal(rows[i].code, wanted[i][1]);
        assert_int_equal(rows[i].parameter, wanted[i][2]);
    }
}

#define EXPECT(...)                                                                                      \
    do {                                                                                                 \
        static const int64_t wanted[][3] = { __VA_ARGS__ };                                              \
        const struct high_resolution_event *rows;                                                        \
        int32_t count = high_resolution_take(log_of, INT64_MAX, &rows);                                  \
        expect(rows, count, wanted, (int32_t)(sizeof wanted / sizeof *wanted));                          \
    } while (0)

static struct controller_report report_of(int64_t time_ms, uint8_t aspect, int32_t age_ms)
{
    struct controller_report report = { .intersection = 0, .time_ms = time_ms, .mode = CONTROLLER_PLAN,
        .group_count = made.network.intersections[0].group_count };
    for (int32_t g = 0; g < report.group_count; g++) {
        report.aspect[g] = ASPECT_RED;
        report.age_ms[g] = 60000;
    }
    report.aspect[0] = aspect;
    report.age_ms[0] = age_ms;
    return report;
}

static void tell(int64_t time_ms, uint8_t aspect, int32_t age_ms)
{
    struct controller_report report = report_of(time_ms, aspect, age_ms);
    high_resolution_report(log_of, &report);
}

// Green began at 10.4 s, yellow at 15.7 s, red at 18.7 s; the site asks for 2 s of red clearance.
static void lamps_begin_and_end(void **state)
{
    (void)state;
    made.network.groups[0].red_clearance_ms = 2000;
    tell(10000, ASPECT_RED, 5000);
    tell(11000, ASPECT_GREEN, 600);
    tell(15000, ASPECT_GREEN, 4600);
    tell(16000, ASPECT_YELLOW, 300);
    tell(19000, ASPECT_RED, 300);
    EXPECT({ 10400, 1, 1 }, { 15700, 7, 1 }, { 15700, 8, 1 }, { 18700, 9, 1 }, { 18700, 10, 1 }, { 20700, 11, 1 });
}

static void walks_are_pedestrian_events(void **state)
{
    (void)state;
    made.network.groups[0].kind = GROUP_PEDESTRIAN;
    tell(10000, ASPECT_RED, 5000);
    tell(11000, ASPECT_GREEN, 1000);
    tell(18000, ASPECT_YELLOW, 500);
    tell(25000, ASPECT_RED, 0);
    EXPECT({ 10000, 21, 1 }, { 17500, 22, 1 }, { 25000, 23, 1 });
}

static void loop_tell(int64_t end_ms, int32_t vehicles, int32_t occupied_ms)
{
    int32_t detector = 0, length_ms = 1000, speed = -1;
    struct observation_columns seen = { .loops = { .count = 1, .detector = &detector, .end_ms = &end_ms,
        .length_ms = &length_ms, .vehicles = &vehicles, .occupied_ms = &occupied_ms, .speed_mmps = &speed } };
    high_resolution_seen(log_of, &seen);
}

// One passes in a second; one comes at 3.6 s, stands, and leaves 0.3 s after 6 s; two pass in a second.
static void each_vehicle_is_a_pair(void **state)
{
    (void)state;
    loop_tell(1000, 1, 400);
    loop_tell(2000, 0, 0);
    loop_tell(4000, 0, 400);
    loop_tell(5000, 0, 1000);
    loop_tell(6000, 0, 1000);
    loop_tell(7000, 1, 300);
    loop_tell(8000, 2, 600);
    EXPECT({ 600, 82, 1 }, { 1000, 81, 1 }, { 3600, 82, 1 }, { 6300, 81, 1 }, { 7200, 82, 1 }, { 7500, 81, 1 },
           { 7700, 82, 1 }, { 8000, 81, 1 });
}

// Where a loop sends edges its intervals say nothing new; a doubled edge is one.
static void edges_are_taken_as_they_are(void **state)
{
    (void)state;
    int32_t detector[3] = { 0, 0, 0 };
    int64_t at_ms[3] = { 1100, 1150, 1900 };
    int32_t on[3] = { 1, 1, 0 };
    struct observation_columns seen = { .edges = { .count = 3, .detector = detector, .at_ms = at_ms, .on = on } };
    high_resolution_seen(log_of, &seen);
    loop_tell(2000, 1, 800);
    EXPECT({ 1100, 82, 1 }, { 1900, 81, 1 });
}

static void requests_check_in_and_out_once(void **state)
{
    (void)state;
    int32_t lane = made.network.detectors[0].lane;
    struct priority bus = { .vehicle = 7, .kind = PRIORITY_TRANSIT, .lane = lane };
    struct priority engine = { .vehicle = 8, .kind = PRIORITY_EMERGENCY, .lane = lane };
    for (int64_t t = 1; t <= 12; t++) {
        if (t <= 4) {
            high_resolution_priority(log_of, t * 1000, &bus);
        }
        if (t >= 3 && t <= 6) {
            high_resolution_priority(log_of, t * 1000, &engine);
        }
        high_resolution_tick(log_of, t * 1000);
    }
    const struct high_resolution_event *rows;
    int32_t count = high_resolution_take(log_of, INT64_MAX, &rows);
    static const int64_t WANTED[4][2] = { { 1000, 112 }, { 3000, 102 }, { 7000, 115 }, { 9000, 104 } };
    assert_int_equal(count, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(rows[i].at_ms, WANTED[i][0]);
        assert_int_equal(rows[i].code, WANTED[i][1]);
        assert_int_equal(rows[i].parameter, rows[0].parameter);
    }
}

static void run(int64_t time_ms, uint32_t sequence)
{
    struct controller_report report = report_of(time_ms, ASPECT_RED, 60000);
    report.running = (struct plan_version){ .epoch = 1, .daemon = 1, .sequence = sequence };
    high_resolution_report(log_of, &report);
}

// A railway takes the controller over from 5 s to 30 s; at 40 s it flashes until 50 s.
static void modes_are_told(void **state)
{
    (void)state;
    static const struct { int64_t time_ms; enum controller_mode mode; } SHOWN[] = { { 4000, CONTROLLER_PLAN },
        { 5000, CONTROLLER_PREEMPTION }, { 6000, CONTROLLER_PREEMPTION }, { 30000, CONTROLLER_PLAN },
        { 40000, CONTROLLER_FLASH }, { 50000, CONTROLLER_FALLBACK } };
    for (size_t i = 0; i < sizeof SHOWN / sizeof *SHOWN; i++) {
        struct controller_report report = report_of(SHOWN[i].time_ms, ASPECT_RED, 60000);
        report.mode = SHOWN[i].mode;
        high_resolution_report(log_of, &report);
    }
    EXPECT({ 5000, 105, 1 }, { 30000, 111, 1 }, { 40000, 173, 1 }, { 50000, 173, 0 });
}

// A cyclic plan of 90 s with offset 12 s, another of 80 s, then plans without a cycle: free, told once.
static void plans_change_the_pattern(void **state)
{
    (void)state;
    struct plan plan = { .intersection = 0, .kind = PLAN_CYCLIC, .cycle_ms = 90000, .offset_ms = 12000,
        .version = { .epoch = 1, .daemon = 1, .sequence = 4 } };
    run(1000, 0);
    high_resolution_plan(log_of, &plan);
    run(2000, 4);
    plan.version.sequence = 5;
    plan.cycle_ms = 80000;
    high_resolution_plan(log_of, &plan);
    run(3000, 5);
    plan.kind = PLAN_ROLLING;
    for (uint32_t n = 6; n <= 8; n++) {
        plan.version.sequence = n;
        high_resolution_plan(log_of, &plan);
        run(4000 + n, n);
    }
    EXPECT({ 2000, 131, 5 }, { 2000, 132, 90 }, { 2000, 133, 12 }, { 3000, 131, 6 }, { 3000, 132, 80 },
           { 4006, 131, 254 });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lamps_begin_and_end, setup, teardown),
        cmocka_unit_test_setup_teardown(walks_are_pedestrian_events, setup, teardown),
        cmocka_unit_test_setup_teardown(each_vehicle_is_a_pair, setup, teardown),
        cmocka_unit_test_setup_teardown(edges_are_taken_as_they_are, setup, teardown),
        cmocka_unit_test_setup_teardown(requests_check_in_and_out_once, setup, teardown),
        cmocka_unit_test_setup_teardown(modes_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(plans_change_the_pattern, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
