// Goal: each word of a fault plan does to readings what its header says, at the rate that it says, to the sensors that
// it names and to no other, the same for the same seed; and a plan that is wrong is told with its line.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/loop/sensor_faults.h"
#include "tests/sim/grid_town.h"

static struct network network;
static struct observation_buffer truth;

static int set_up(void **state)
{
    (void)state;
    struct town_options options = { .rows = 2, .columns = 2, .lanes = 2, .stages = 2, .pitch_m = 200.0,
        .speed_mps = 13.9, .green_s = 30, .sensors = true };
    town_create(&options, &network);
    assert_int_equal(network.detector_count, 64);
    observation_buffer_create(&truth, network.detector_count, 0, network.camera_count,
                              network.camera_count * CAMERA_BIN_COUNT_MAX);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    observation_buffer_release(&truth);
    network_release(&network);
    return 0;
}

// Every loop counts `vehicles` at 10 m/s; every camera sees four vehicles in three bins, two of them queued.
static const struct observation_columns *world(int64_t now_ms, int32_t vehicles)
{
    observation_buffer_clear(&truth);
    for (int32_t i = 0; i < network.detector_count; i++) {
        struct loop_columns *rows = &truth.rows.loops;
        int32_t at = rows->count++;
        rows->detector[at] = i;
        rows->end_ms[at] = now_ms;
        rows->length_ms[at] = 1000;
        rows->vehicles[at] = vehicles;
        rows->occupied_ms[at] = 300 * vehicles;
        rows->speed_mmps[at] = vehicles > 0 ? 10000 : -1;
    }
    for (int32_t i = 0; i < network.camera_count; i++) {
        static const int32_t BINS[3] = { 2, 1, 1 };
        struct camera_columns *rows = &truth.rows.cameras;
        int32_t at = rows->count++, bin = rows->first_bin[at];
        rows->camera[at] = i;
        rows->end_ms[at] = now_ms;
        rows->length_ms[at] = 1000;
        rows->in_view[at] = 4;
        rows->queued[at] = 2;
        rows->tail_mm[at] = 12000;
        rows->speed_mmps[at] = 5000;
        for (int t = 0; t < TURN_COUNT; t++) {
            rows->turned[t][at] = t == TURN_THROUGH;
        }
        for (int b = 0; b < 3; b++) {
            rows->bin_vehicles[bin + b] = BINS[b];
            rows->bin_speed_mmps[bin + b] = 4000 + b;
        }
        rows->first_bin[at + 1] = bin + 3;
    }
    return &truth.rows;
}

static struct sensor_faults *faults_of(const char *text, uint64_t seed)
{
    struct fault_plan plan = { 0 };
    struct problem problem;
    char copy[1024];
    (void)snprintf(copy, sizeof copy, "%s", text);
    int32_t number = 1;
    for (char *line = copy; line != NULL; number++) {
        char *end = strchr(line, '\n');
        if (end != NULL) {
            *end = '\0';
        }
        assert_int_equal(fault_plan_add("test", line, number, &plan, &problem), STATUS_OK);
        line = end != NULL ? end + 1 : NULL;
    }
    struct sensor_faults *faults = NULL;
    assert_int_equal(sensor_faults_create(&network, &plan, seed, true, &faults, &problem), STATUS_OK);
    fault_plan_release(&plan);
    return faults;
}

static const char *detector_name(int32_t detector)
{
    return network_name(&network, network.detectors[detector].name);
}

static void an_empty_plan_changes_nothing(void **state)
{
    (void)state;
    struct sensor_faults *faults = faults_of("# nothing is wrong\n\n", 1);
    const struct observation_columns *seen = world(1000, 1);
    assert_ptr_equal(sensor_faults_apply(faults, 1000, seen), seen);
    assert_int_equal(sensor_faults_counts(faults)->readings, network.detector_count + network.camera_count);
    sensor_faults_release(faults);
}

// 3000 ticks of 64 loops are 192,000 vehicles: six standard errors of a share p are 6 sqrt(p (1 - p) / 192000) < 0.007.
struct totals { double readings, vehicles, occupied_ms; };

static struct totals loop_totals(const char *plan, int32_t vehicles, int ticks)
{
    struct sensor_faults *faults = faults_of(plan, 7);
    struct totals totals = { 0 };
    for (int tick = 1; tick <= ticks; tick++) {
        const struct observation_columns *got = sensor_faults_apply(faults, tick * 1000, world(tick * 1000, vehicles));
        for (int32_t i = 0; i < got->loops.count; i++) {
            totals.readings++;
            totals.vehicles += got->loops.vehicles[i];
            totals.occupied_ms += got->loops.occupied_ms[i];
            assert_in_range(got->loops.occupied_ms[i], 0, got->loops.length_ms[i]);
            assert_true((got->loops.vehicles[i] > 0) == (got->loops.speed_mmps[i] >= 0) || vehicles == 0);
        }
    }
    double given = (double)ticks * network.detector_count;
    sensor_faults_release(faults);
    return (struct totals){ totals.readings / given, totals.vehicles / given, totals.occupied_ms / given };
}

static void assert_near(double value, double expected, double tolerance)
{
    if (!(value >= expected - tolerance && value <= expected + tolerance)) {
        fail_msg("%g is not within %g of %g", value, tolerance, expected);
    }
}

static void counts_and_losses_have_their_rates(void **state)
{
    (void)state;
    assert_near(loop_totals("loops * miss 0.1", 1, 3000).vehicles, 0.9, 0.008);
    assert_near(loop_totals("loops * double 0.1", 1, 3000).vehicles, 1.1, 0.008);
    struct totals miscounted = loop_totals("loops * miscount 0.3", 1, 3000);
    assert_near(miscounted.vehicles, 1.0, 0.012);
    assert_near(miscounted.occupied_ms, 300.0, 0.001);
    assert_near(loop_totals("loops * loss 0.05", 1, 3000).readings, 0.95, 0.005);
    struct totals chatter = loop_totals("loops * chatter 2.5", 0, 2000);
    assert_near(chatter.vehicles, 2.5, 0.02);
    assert_near(chatter.occupied_ms, 125.0, 1.0);
    // Noise keeps the mean; 10 % of 300 ms with 192,000 readings: six standard errors are 0.4 ms.
    assert_near(loop_totals("loops * noise 0.1", 1, 3000).occupied_ms, 300.0, 0.6);
}

static void stuck_and_dead_loops(void **state)
{
    (void)state;
    struct totals on = loop_totals("loops * stuck-on", 1, 10), off = loop_totals("loops * stuck-off", 1, 10);
    assert_near(on.vehicles, 0.0, 0.0);
    assert_near(on.occupied_ms, 1000.0, 0.0);
    assert_near(off.vehicles + off.occupied_ms, 0.0, 0.0);
    assert_near(loop_totals("loops * dead", 1, 10).readings, 0.0, 0.0);
    // A share is the same sensors all the time, about so many of them: of 64 loops 16 +- 6 standard errors of 3.5.
    struct totals share = loop_totals("loops * dead share 0.25", 1, 20);
    assert_near(share.readings * network.detector_count, (int)(share.readings * network.detector_count + 0.5), 1e-9);
    assert_near(share.readings, 0.75, 0.375);
    assert_true(share.readings < 1.0);
}

static void a_rule_holds_from_and_to_and_every_so_often(void **state)
{
    (void)state;
    struct sensor_faults *faults = faults_of("loops * dead from 5 to 8", 1);
    for (int tick = 1; tick <= 10; tick++) {
        int32_t count = sensor_faults_apply(faults, tick * 1000, world(tick * 1000, 1))->loops.count;
        assert_int_equal(count, tick >= 5 && tick < 8 ? 0 : network.detector_count);
    }
    sensor_faults_release(faults);
    // Five seconds of every hundred, once in each window, not all loops at once.
    assert_near(loop_totals("loops * dead every 100 for 5", 1, 1999).readings, 0.95, 0.002);
    faults = faults_of("loops * dead every 100 for 5", 1);
    for (int tick = 1; tick <= 100; tick++) {
        assert_true(sensor_faults_apply(faults, tick * 1000, world(tick * 1000, 1))->loops.count
                    > network.detector_count / 2);
    }
    sensor_faults_release(faults);
}

static void late_readings_arrive_with_their_own_time(void **state)
{
    (void)state;
    struct sensor_faults *faults = faults_of("both * delay 2.5", 1);
    for (int tick = 1; tick <= 10; tick++) {
        const struct observation_columns *got = sensor_faults_apply(faults, tick * 1000, world(tick * 1000, 1));
        assert_int_equal(got->loops.count, tick > 3 ? network.detector_count : 0);
        assert_int_equal(got->cameras.count, tick > 3 ? network.camera_count : 0);
        for (int32_t i = 0; i < got->loops.count; i++) {
            assert_int_equal(got->loops.detector[i], i);
            assert_int_equal(got->loops.end_ms[i], (tick - 3) * 1000);
        }
        for (int32_t i = 0; i < got->cameras.count; i++) {
            assert_int_equal(got->cameras.end_ms[i], (tick - 3) * 1000);
            assert_int_equal(got->cameras.first_bin[i + 1] - got->cameras.first_bin[i], 3);
            assert_int_equal(got->cameras.bin_speed_mmps[got->cameras.first_bin[i] + 2], 4002);
        }
    }
    assert_int_equal(sensor_faults_counts(faults)->delayed, 10 * (network.detector_count + network.camera_count));
    sensor_faults_release(faults);
}

// With jitter readings overtake one another, but none is lost and none comes twice.
static void jitter_loses_nothing(void **state)
{
    (void)state;
    struct sensor_faults *faults = faults_of("loops * jitter 6", 3);
    int32_t *seen = calloc((size_t)network.detector_count * 40, sizeof *seen);
    for (int tick = 1; tick < 40; tick++) {
        const struct observation_columns *got = sensor_faults_apply(faults, tick * 1000, world(tick * 1000, 1));
        for (int32_t i = 0; i < got->loops.count; i++) {
            int64_t age_ms = tick * 1000 - got->loops.end_ms[i];
            assert_in_range(age_ms, 0, 6999);
            seen[got->loops.detector[i] * 40 + got->loops.end_ms[i] / 1000]++;
        }
    }
    for (int32_t d = 0; d < network.detector_count; d++) {
        for (int tick = 1; tick < 30; tick++) {
            assert_int_equal(seen[d * 40 + tick], 1);
        }
    }
    free(seen);
    sensor_faults_release(faults);
}

static void cameras_miscount_within_reason(void **state)
{
    (void)state;
    struct sensor_faults *faults = faults_of("cameras * miscount 0.4 noise 0.2", 5);
    double in_view = 0.0, turned = 0.0;
    int32_t rows_seen = 0;
    for (int tick = 1; tick <= 2000; tick++) {
        const struct camera_columns *got = &sensor_faults_apply(faults, tick * 1000, world(tick * 1000, 1))->cameras;
        for (int32_t i = 0; i < got->count; i++, rows_seen++) {
            int32_t sum = 0;
            for (int32_t b = got->first_bin[i]; b < got->first_bin[i + 1]; b++) {
                sum += got->bin_vehicles[b];
                assert_true((got->bin_vehicles[b] > 0) == (got->bin_speed_mmps[b] >= 0));
            }
            assert_int_equal(sum, got->in_view[i]);
            assert_in_range(got->queued[i], 0, got->in_view[i]);
            assert_true((got->queued[i] > 0) == (got->tail_mm[i] > 0));
            in_view += got->in_view[i];
            turned += got->turned[TURN_THROUGH][i];
        }
    }
    // A vehicle counts 1 on average with variance 0.4: six standard errors of the mean of 4 vehicles, 64,000 pictures.
    assert_near(in_view / rows_seen, 4.0, 0.05);
    assert_near(turned / rows_seen, 1.0, 0.025);
    sensor_faults_release(faults);
}

static void a_stuck_camera_repeats_its_picture(void **state)
{
    (void)state;
    struct sensor_faults *faults = faults_of("cameras * stuck-on from 2 to 4\ncameras * stuck-off from 5", 1);
    for (int tick = 1; tick <= 5; tick++) {
        const struct observation_columns *seen = world(tick * 1000, 1);
        truth.rows.cameras.in_view[0] = 4 + tick;
        const struct camera_columns *got = &sensor_faults_apply(faults, tick * 1000, seen)->cameras;
        assert_int_equal(got->in_view[0], tick == 2 || tick == 3 ? 5 : tick == 5 ? 0 : 4 + tick);
        assert_int_equal(got->end_ms[0], tick * 1000);
        assert_int_equal(got->turned[TURN_THROUGH][0], tick == 1 || tick == 4);
    }
    sensor_faults_release(faults);
}

// The draws of a sensor are its own: a rule for one changes no reading of another, whatever the order of rules.
static void a_rule_for_one_changes_no_other(void **state)
{
    (void)state;
    char one[256], other[256];
    (void)snprintf(one, sizeof one, "loops * miscount 0.5 loss 0.2");
    (void)snprintf(other, sizeof other, "loops * miscount 0.5 loss 0.2\nloops \"%s\" dead", detector_name(0));
    struct sensor_faults *a = faults_of(one, 9), *b = faults_of(other, 9);
    for (int tick = 1; tick <= 50; tick++) {
        const struct loop_columns *rows_a = &sensor_faults_apply(a, tick * 1000, world(tick * 1000, 1))->loops;
        const struct loop_columns *rows_b = &sensor_faults_apply(b, tick * 1000, world(tick * 1000, 1))->loops;
        int32_t skip = rows_a->count > 0 && rows_a->detector[0] == 0;
        assert_int_equal(rows_b->count, rows_a->count - skip);
        assert_memory_equal(rows_b->detector, rows_a->detector + skip, (size_t)rows_b->count * sizeof(int32_t));
        assert_memory_equal(rows_b->vehicles, rows_a->vehicles + skip, (size_t)rows_b->count * sizeof(int32_t));
    }
    sensor_faults_release(a);
    sensor_faults_release(b);
}

// One loop, a vehicle every other second: on at .2, off at .6 of it. What arrives, as +/- and the time in tenths.
static const char *edges_of(const char *plan, int ticks)
{
    static char told[1024];
    struct sensor_faults *faults = faults_of(plan, 11);
    struct observation_buffer buffer;
    observation_buffer_create(&buffer, 0, 2, 0, 0);
    told[0] = '\0';
    for (int tick = 1; tick <= ticks; tick++) {
        observation_buffer_clear(&buffer);
        struct edge_columns *rows = &buffer.rows.edges;
        for (int on = 1; on >= 0 && tick % 2 == 1; on--) {
            int32_t at = rows->count++;
            rows->detector[at] = 5;
            rows->at_ms[at] = (tick - 1) * 1000 + (on ? 200 : 600);
            rows->on[at] = on;
        }
        const struct edge_columns *got = &sensor_faults_apply(faults, tick * 1000, &buffer.rows)->edges;
        for (int32_t i = 0; i < got->count; i++) {
            size_t used = strlen(told);
            assert_int_equal(got->detector[i], 5);
            (void)snprintf(told + used, sizeof told - used, "%s%c%d", used > 0 ? " " : "", got->on[i] ? '+' : '-',
                           (int)(got->at_ms[i] / 100));
        }
    }
    observation_buffer_release(&buffer);
    sensor_faults_release(faults);
    return told;
}

static void edges_are_spoilt_as_readings_are(void **state)
{
    (void)state;
    char plan[256];
    const char *name = detector_name(5);
    (void)snprintf(plan, sizeof plan, "loops \"%s\" loss 0", name);
    assert_string_equal(edges_of(plan, 4), "+2 -6 +22 -26");
    (void)snprintf(plan, sizeof plan, "loops \"%s\" dead from 2", name);
    assert_string_equal(edges_of(plan, 6), "+2 -6");
    (void)snprintf(plan, sizeof plan, "loops \"%s\" stuck-on from 2 to 5", name);
    assert_string_equal(edges_of(plan, 7), "+2 -6 +20 +42 -46 +62 -66");
    (void)snprintf(plan, sizeof plan, "loops \"%s\" stuck-on from 2 to 4", name);
    assert_string_equal(edges_of(plan, 5), "+2 -6 +20 -40 +42 -46");
    (void)snprintf(plan, sizeof plan, "loops \"%s\" miss 1", name);
    assert_string_equal(edges_of(plan, 4), "");
    (void)snprintf(plan, sizeof plan, "loops \"%s\" double 1", name);
    assert_string_equal(edges_of(plan, 4), "+2 -6 +6 -6 +22 -26 +26 -26");
    (void)snprintf(plan, sizeof plan, "loops \"%s\" delay 1", name);
    assert_string_equal(edges_of(plan, 4), "+2 -6 +22 -26");
    (void)snprintf(plan, sizeof plan, "loops \"%s\" chatter 1 from 2 to 3", name);
    assert_string_equal(edges_of(plan, 3), "+2 -6 +19 -19 +22 -26");
    (void)snprintf(plan, sizeof plan, "loops \"%s\" loss 1", name);
    assert_string_equal(edges_of(plan, 4), "");
}

static void patterns_choose_by_name(void **state)
{
    (void)state;
    assert_true(fault_name_fits("*", ""));
    assert_true(fault_name_fits("*/stop", "north_0/stop"));
    assert_true(fault_name_fits("n*_*/st*p", "north_0/stop"));
    assert_true(fault_name_fits("a*a", "aa"));
    assert_false(fault_name_fits("a*a", "a"));
    assert_false(fault_name_fits("*/stop", "north_0/stop2"));
    assert_false(fault_name_fits("", "x"));
    assert_true(fault_name_fits("a*b*c", "axbxbxc"));
}

static void refused(const char *line, const char *expected)
{
    struct fault_plan plan = { 0 };
    struct problem problem = { "" };
    assert_int_equal(fault_plan_add("day.faults", line, 12, &plan, &problem), STATUS_SYNTAX);
    assert_non_null(strstr(problem.text, "day.faults: line 12"));
    if (strstr(problem.text, expected) == NULL) {
        fail_msg("'%s' does not say '%s'", problem.text, expected);
    }
    assert_int_equal(plan.rules.count, 0);
    fault_plan_release(&plan);
}

static void what_is_wrong_is_told(void **state)
{
    (void)state;
    refused("lamps * dead", "lamps");
    refused("loops", "which sensors");
    refused("loops *", "no fault");
    refused("loops * from 5", "no fault");
    refused("loops * dad", "dad");
    refused("loops * loss", "loss");
    refused("loops * loss 1.01", "loss");
    refused("loops * loss nan", "loss");
    refused("loops * dead from 8 to 8", "'to'");
    refused("loops * dead every 5 for 6", "every");
    refused("loops * miss 0.6 double 0.5", "more than 1");
    refused("cameras * chatter 1", "chatter");
    struct fault_plan plan = { 0 };
    struct problem problem;
    struct sensor_faults *faults = NULL;
    assert_int_equal(fault_plan_add("x", "both nobody dead", 1, &plan, &problem), STATUS_OK);
    assert_int_equal(sensor_faults_create(&network, &plan, 1, true, &faults, &problem), STATUS_UNKNOWN);
    assert_non_null(strstr(problem.text, "nobody"));
    assert_null(faults);
    fault_plan_release(&plan);
    assert_int_equal(fault_plan_read("no/such/file", &plan, &problem), STATUS_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_plan_changes_nothing),
        cmocka_unit_test(counts_and_losses_have_their_rates),
        cmocka_unit_test(stuck_and_dead_loops),
        cmocka_unit_test(a_rule_holds_from_and_to_and_every_so_often),
        cmocka_unit_test(late_readings_arrive_with_their_own_time),
        cmocka_unit_test(jitter_loses_nothing),
        cmocka_unit_test(cameras_miscount_within_reason),
        cmocka_unit_test(a_stuck_camera_repeats_its_picture),
        cmocka_unit_test(a_rule_for_one_changes_no_other),
        cmocka_unit_test(edges_are_spoilt_as_readings_are),
        cmocka_unit_test(patterns_choose_by_name),
        cmocka_unit_test(what_is_wrong_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
