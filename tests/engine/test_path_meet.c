// Goal: where paths meet agrees with geometry: at any angle, side by side, merging, apart; and crossing is told from
// touching.

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/base/random.h"
#include "engine/import/path_meet.h"

static const double PLAY_M = 0.11;   // the search looks every 0.1 m

static void assert_near(double value, double wanted)
{
    if (!(fabs(value - wanted) <= PLAY_M)) {
        fail_msg("%g is not %g", value, wanted);
    }
}

// Two lines through the middle of a, under an angle: within w of b for s with |s - 10| sin(angle) <= w.
static void crossing_at_any_angle(void **state)
{
    (void)state;
    static const double SINE[] = { 1.0, 0.8, 0.6, 0.28 };
    for (int i = 0; i < 4; i++) {
        double sine = SINE[i], cosine = sqrt(1.0 - sine * sine);
        struct point a[] = { { -10.0, 0.0 }, { 10.0, 0.0 } };
        struct point b[] = { { -30.0 * cosine, -30.0 * sine }, { 30.0 * cosine, 30.0 * sine } };
        struct path path_a, path_b;
        path_make(a, 2, &path_a);
        path_make(b, 2, &path_b);
        double enter_m = 0.0, leave_m = 0.0, width_m = 1.8;
        assert_true(path_meet(&path_a, &path_b, width_m, &enter_m, &leave_m));
        assert_near(enter_m, 10.0 - width_m / sine);
        assert_near(leave_m, 10.0 + width_m / sine);
        assert_true(path_cross(&path_a, &path_b) && path_cross(&path_b, &path_a));
    }
}

// Lanes 3.2 m apart never touch; the nearest approach is given all the same.
static void side_by_side(void **state)
{
    (void)state;
    struct point a[] = { { 0.0, 0.0 }, { 20.0, 0.0 } }, b[] = { { 0.0, 3.2 }, { 10.0, 3.0 }, { 20.0, 3.2 } };
    struct path path_a, path_b;
    path_make(a, 2, &path_a);
    path_make(b, 3, &path_b);
    double enter_m = 0.0, leave_m = 0.0;
    assert_false(path_meet(&path_a, &path_b, 1.8, &enter_m, &leave_m));
    assert_true(enter_m < 10.0 && leave_m > 10.0 && leave_m - enter_m <= 3.7);
    assert_false(path_cross(&path_a, &path_b));
}

// Both end at (20, 0); b comes along the diagonal x - 20 = y, so within 1.8 m of a from y = 1.8 on: a enters where it
// is within 1.8 m of the diagonal, at 20 - 1.8 * sqrt(2).
static void merging(void **state)
{
    (void)state;
    struct point a[] = { { 0.0, 0.0 }, { 20.0, 0.0 } }, b[] = { { 5.0, -15.0 }, { 20.0, 0.0 } };
    struct path path_a, path_b;
    path_make(a, 2, &path_a);
    path_make(b, 2, &path_b);
    double enter_m = 0.0, leave_m = 0.0;
    assert_true(path_meet(&path_a, &path_b, 1.8, &enter_m, &leave_m));
    assert_near(enter_m, 20.0 - 1.8 * sqrt(2.0));
    assert_near(leave_m, 20.0);
}

// A corner of one path that lies exactly on the other is one crossing, or none when it turns back.
static void corners_on_the_other_path(void **state)
{
    (void)state;
    struct point a[] = { { -5.0, 0.0 }, { 5.0, 0.0 } };
    struct point through[] = { { 0.0, -5.0 }, { 0.0, 0.0 }, { 1.0, 5.0 } };
    struct point back[] = { { -1.0, 5.0 }, { 0.0, 0.0 }, { 1.0, 5.0 } };
    struct path path_a, path_through, path_back;
    path_make(a, 2, &path_a);
    path_make(through, 3, &path_through);
    path_make(back, 3, &path_back);
    assert_true(path_cross(&path_a, &path_through));
    assert_false(path_cross(&path_a, &path_back));
}

// The strides skip nothing: against a slow look at every 5 mm of random paths.
static void strides_skip_nothing(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 300; round++) {
        struct point points[2][4];
        for (uint64_t i = 0; i < 8; i++) {
            points[i / 4][i % 4] = (struct point){ 20.0 * random_unit(7, RANDOM_TEST, round, 2 * i),
                20.0 * random_unit(7, RANDOM_TEST, round, 2 * i + 1) };
        }
        struct path a, b;
        path_make(points[0], 4, &a);
        path_make(points[1], 4, &b);
        double first_m = -1.0, last_m = -1.0, passed_m = 0.0;
        for (int k = 1; k < 4; k++) {
            struct point from = points[0][k - 1], to = points[0][k];
            double own_m = sqrt(pow(to.x_m - from.x_m, 2.0) + pow(to.y_m - from.y_m, 2.0));
            for (double s_m = 0.0; s_m <= own_m; s_m += 0.005) {
                struct point at[2] = { { from.x_m + s_m / own_m * (to.x_m - from.x_m),
                    from.y_m + s_m / own_m * (to.y_m - from.y_m) } };
                at[1] = (struct point){ at[0].x_m, at[0].y_m };
                struct path here;
                double unused_m;
                path_make(at, 2, &here);
                if (path_meet(&here, &b, 1.5, &unused_m, &unused_m)) {
                    first_m = first_m < 0.0 ? passed_m + s_m : first_m;
                    last_m = passed_m + s_m;
                }
            }
            passed_m += own_m;
        }
        double enter_m = 0.0, leave_m = 0.0;
        bool met = path_meet(&a, &b, 1.5, &enter_m, &leave_m);
        if (last_m - first_m > 0.3) {          // a shorter touch may fall between two looks
            assert_true(met);
        }
        if (met && first_m >= 0.0 && last_m - first_m > 0.3) {
            assert_true(enter_m - first_m <= PLAY_M + 0.01 && enter_m >= first_m - 0.01);
            assert_true(last_m - leave_m <= PLAY_M + 0.01 && leave_m <= last_m + 0.01);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crossing_at_any_angle),
        cmocka_unit_test(side_by_side),
        cmocka_unit_test(merging),
        cmocka_unit_test(corners_on_the_other_path),
        cmocka_unit_test(strides_skip_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
