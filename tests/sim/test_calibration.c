// Goal: saturation flow and start-up lost time can be set over the whole range that the field knows, for both models,
// at steps of 1 s and of 0.1 s, and are then what the street does.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sim/traffic/calibration.h"
#include "tests/sim/grid_town.h"

static void reaches(enum car_following following, double imperfection, int32_t step_ms, double flow_vph, double lost_s)
{
    struct vehicle_type type = town_car(), found;
    type.following = following;
    type.imperfection = imperfection;
    struct problem problem;
    struct discharge wish = { flow_vph, lost_s }, measured;
    enum status status = calibration_find(&type, step_ms, wish, &found, &problem);
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "model %d, step %d ms: %s\n", (int)following, step_ms, problem.text);
    }
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(calibration_measure(&found, step_ms, &measured, &problem), STATUS_OK);
    assert_true(fabs(measured.flow_vph - flow_vph) <= 0.02 * flow_vph);
    assert_true(fabs(measured.lost_s - lost_s) <= fmax(0.02 * lost_s, 0.05));
}

static void idm_over_the_whole_range(void **state)
{
    (void)state;
    static const double flows[] = { 1500.0, 1700.0, 1900.0, 2200.0 }, losses[] = { 0.0, 0.5, 1.0, 2.0, 4.0 };
    for (size_t i = 0; i < sizeof flows / sizeof *flows; i++) {
        for (size_t k = 0; k < sizeof losses / sizeof *losses; k++) {
            reaches(FOLLOW_IDM, 0.0, 1000, flows[i], losses[k]);
        }
    }
}

static void idm_in_small_steps(void **state)
{
    (void)state;
    reaches(FOLLOW_IDM, 0.0, 100, 1500.0, 4.0);
    reaches(FOLLOW_IDM, 0.0, 100, 1900.0, 2.0);
    reaches(FOLLOW_IDM, 0.0, 100, 2200.0, 0.0);
}

static void krauss_with_and_without_dawdling(void **state)
{
    (void)state;
    reaches(FOLLOW_KRAUSS, 0.0, 1000, 1900.0, 2.0);
    reaches(FOLLOW_KRAUSS, 0.5, 1000, 1700.0, 3.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idm_over_the_whole_range),
        cmocka_unit_test(idm_in_small_steps),
        cmocka_unit_test(krauss_with_and_without_dawdling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
