// Goal: fuel and emissions are those of the published fit. The expected rates were written by SUMO 1.15's
// emissionsDrivingCycle for classes HBEFA3/PC_G_EU4, LDV, HDV and Bus, mg/s.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sim/report/emission.h"

static void assert_rate(enum user_class user, double v, double a, enum emission what, double expected)
{
    double mgps[EMISSION_COUNT];
    emission_rates(user, v, a, EMISSION_COUNT, mgps);
    if (!(mgps[what] >= expected * (1.0 - 1e-5) - 1e-9 && mgps[what] <= expected * (1.0 + 1e-5) + 1e-9)) {
        fail_msg("user %d at %g m/s, %g m/s2, emission %d: %g, not %g", (int)user, v, a, (int)what, mgps[what],
                 expected);
    }
}

static void rates_are_those_of_the_fit(void **state)
{
    (void)state;
    assert_rate(USER_CAR, 0.0, 0.0, EMISSION_CO2, 2624.72);
    assert_rate(USER_CAR, 0.0, 0.0, EMISSION_FUEL, 837.222);
    assert_rate(USER_CAR, 0.0, 0.0, EMISSION_CO, 164.778);
    assert_rate(USER_CAR, 0.0, 0.0, EMISSION_HC, 0.811944);
    assert_rate(USER_CAR, 0.0, 0.0, EMISSION_PMX, 0.0659722);
    assert_rate(USER_CAR, 0.0, 0.0, EMISSION_NOX, 1.20444);
    assert_rate(USER_TAXI, 10.0, 0.5, EMISSION_CO2, 3415.56);
    assert_rate(USER_CAR, 25.0, 2.0, EMISSION_CO2, 17320.6);
    assert_rate(USER_TRUCK, 15.0, 0.5, EMISSION_CO2, 29426.4);
    assert_rate(USER_BUS, 5.0, 2.0, EMISSION_CO2, 26151.4);
    assert_rate(USER_DELIVERY, 10.0, -0.1, EMISSION_CO2, 1914.72);
}

// With the engine braking the injection is off: from 0.107 + 0.013 v on, in a line to 0 below 10 km/h.
static void a_coasting_vehicle_burns_nothing(void **state)
{
    (void)state;
    assert_rate(USER_CAR, 10.0, -0.236, EMISSION_CO2, (9449.0 - 938.4 * 2.36 - 4671.0 + 2826.0) / 3.6);
    assert_rate(USER_CAR, 10.0, -0.238, EMISSION_CO2, 0.0);
    assert_rate(USER_CAR, 1.0, -0.051, EMISSION_CO2, (9449.0 - 938.4 * 0.051 - 467.1 + 28.26) / 3.6);
    assert_rate(USER_CAR, 1.0, -0.052, EMISSION_CO2, 0.0);
    assert_rate(USER_CAR, 0.2, -2.0, EMISSION_CO2, 2494.82);   // as good as standing
    assert_rate(USER_TRUCK, 25.0, -0.44, EMISSION_CO2, 0.0);   // the polynomial alone would be below 0
}

static void some_vehicles_burn_nothing(void **state)
{
    (void)state;
    assert_rate(USER_BICYCLE, 5.0, 0.5, EMISSION_CO2, 0.0);
    assert_rate(USER_TRAM, 10.0, 0.5, EMISSION_FUEL, 0.0);
    assert_rate(USER_PEDESTRIAN, 1.0, 0.0, EMISSION_NOX, 0.0);
}

// A litre of petrol gives 2.33 kg of CO2, one of diesel 2.65 kg, give or take what the fits lose.
static void litres_fit_the_carbon(void **state)
{
    (void)state;
    double car[EMISSION_COUNT], truck[EMISSION_COUNT];
    emission_rates(USER_CAR, 12.0, 0.3, EMISSION_COUNT, car);
    emission_rates(USER_TRUCK, 12.0, 0.3, EMISSION_COUNT, truck);
    double petrol_kgpl = car[EMISSION_CO2] / (car[EMISSION_FUEL] * emission_fuel_l_per_mg(USER_CAR)) / 1e6;
    double diesel_kgpl = truck[EMISSION_CO2] / (truck[EMISSION_FUEL] * emission_fuel_l_per_mg(USER_TRUCK)) / 1e6;
    assert_true(petrol_kgpl > 2.25 && petrol_kgpl < 2.41);
    assert_true(diesel_kgpl > 2.57 && diesel_kgpl < 2.73);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_those_of_the_fit),
        cmocka_unit_test(a_coasting_vehicle_burns_nothing),
        cmocka_unit_test(some_vehicles_burn_nothing),
        cmocka_unit_test(litres_fit_the_carbon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
