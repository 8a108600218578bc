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
#define LATE_PASSAGE_STEPS 2000000

// Seeds that once failed, and why.
static const uint64_t FAILED_ONCE[] = {
    8941017408737938517u,          // went on at yellow, slowed down for its turn and met the red
    3683, 2580,                    // the same by a tenth of a second; and by a hair, which no brake would have mended
    461, 647, 942, 1285, 1001040,  // two came to one lane in one step, one past a whole path, and lay over each other
    1000312, 3122,                 // stood with its front on the line itself, and was taken for one that cannot stop
    3000566,                       // saw no rear that reached back over a line farther than it looks
    4810,                          // was inserted before its line while a rear stood on it
    2335729174420178065u,          // drawn past its place inside by one ahead, went before one that had the right
    14131479290086321744u,         // heeded a leader of long ago on an empty lane, of whom a checkpoint knew nothing
    14551078683703012035u,         // second at a light that turned red: could have stopped, if not comfortably
};
#define FAILED_ONCE_COUNT (sizeof FAILED_ONCE / sizeof *FAILED_ONCE)

static void laws_hold_where_they_were_broken_once(void **state)
{
    (void)state;
    struct laws_counts counts = { 0 };
    for (size_t i = 0; i < FAILED_ONCE_COUNT; i++) {
        char text[512] = "";
        if (!wild_run(FAILED_ONCE[i], false, &counts, text, sizeof text)) {
            fail_msg("seed %llu, %s", (unsigned long long)FAILED_ONCE[i], text);
        }
    }
}

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
        if (!wild_run(seed, true, &counts, text, sizeof text)) {
            (void)fprintf(stderr, "seed %llu, %s\n", (unsigned long long)seed, text);
            failed++;
        }
    }
    assert_int_equal(failed, 0);
    (void)printf("%lld vehicle steps (%lld beside closed lanes, %lld parked), %lld braked harder than can be, %lld "
                 "times two in one area of a crossing (and %lld round a blocker), %lld passed a red that came too "
                 "late to stop for\n",
                 (long long)counts.vehicle_steps, (long long)counts.closed_steps, (long long)counts.parked_steps,
                 (long long)counts.hard_brakes, (long long)counts.shared_areas, (long long)counts.round_blockers,
                 (long long)counts.late_passages);
    assert_true(counts.hard_brakes * HARD_BRAKE_STEPS <= counts.vehicle_steps);
    assert_true(counts.late_passages * LATE_PASSAGE_STEPS <= counts.vehicle_steps);
    assert_true(counts.shared_areas * SHARED_AREA_STEPS <= counts.vehicle_steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(laws_hold_where_they_were_broken_once),
        cmocka_unit_test(laws_hold_in_wild_towns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
