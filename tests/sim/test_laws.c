// Goal: the street's laws (street_laws.h) hold at every step in hundreds of small networks of every shape. Thousands
// more by `./dev fuzz 60 street`. INTERGREEN_LAWS_SEEDS=FIRST:END plays these seeds alone.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/sim/wild_run.h"

#define SEEDS 250
#define HARD_BRAKE_STEPS 10000          // at most one in so many vehicle steps, in towns without any sense of design
#define SHARED_AREA_STEPS 10000

static void laws_hold_in_wild_towns(void **state)
{
    (void)state;
    uint64_t first = 1, end = 1 + SEEDS;
    const char *wish = getenv("INTERGREEN_LAWS_SEEDS");
    if (wish != NULL) {
        char *colon = NULL;
        first = strtoull(wish, &colon, 10);
        end = *colon == ':' ? strtoull(colon + 1, NULL, 10) : first + 1;
    }
    int failed = 0;
    struct laws_counts counts = { 0 };
    for (uint64_t seed = first; seed < end; seed++) {
        char text[512];
        if (!wild_run(seed, &counts, text, sizeof text)) {
            (void)fprintf(stderr, "seed %llu, %s\n", (unsigned long long)seed, text);
            failed++;
        }
    }
    assert_int_equal(failed, 0);
    (void)printf("%lld vehicle steps (%lld beside closed lanes, %lld parked), %lld braked harder than can be, %lld times "
                 "two in one area of a crossing\n", (long long)counts.vehicle_steps, (long long)counts.closed_steps,
                 (long long)counts.parked_steps, (long long)counts.hard_brakes, (long long)counts.shared_areas);
    assert_true(counts.hard_brakes * HARD_BRAKE_STEPS <= counts.vehicle_steps);
    assert_true(counts.shared_areas * SHARED_AREA_STEPS <= counts.vehicle_steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(laws_hold_in_wild_towns) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
