// Goal: groups are parted by approach where, and only where, that lets more of them go together: a four-phase program
// opens the eight stages of a dual ring [NCHRP812]; approaches that yield to one another stay together; and of random
// stars every parted group has a stage that it could not have had.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/import/import.h"
#include "tests/engine/scratch.h"
#include "tests/engine/stars.h"

struct fixture {
    struct scratch scratch;
    struct network program, derived;  // the same file, stages of the program and derived ones
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    scratch_create(&fixture->scratch);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    network_release(&fixture->program);
    network_release(&fixture->derived);
    scratch_release(&fixture->scratch);
    free(fixture);
    return 0;
}

// False where the star is refused.
static bool star_import(struct fixture *fixture, const struct star *star)
{
    struct import_options options = IMPORT_OPTIONS_DEFAULT;
    struct problem problem;
    network_release(&fixture->program);
    network_release(&fixture->derived);
    char *text = star_text(star);
    const char *path = scratch_write(&fixture->scratch, "x.net.xml", text);
    free(text);
    bool done = import_network(path, &options, &fixture->program, NULL, &problem) == STATUS_OK;
    options.derived_stages = true;
    assert_int_equal(import_network(path, &options, &fixture->derived, NULL, &problem) == STATUS_OK, done);
    return done && fixture->program.intersection_count > 0;
}

static struct star crossing_of(const char *const *phases, int count)
{
    struct star star = { .arms = 4, .letters = 12 };
    for (int p = 0; p < count; p++) {
        phase_add(&star, phases[p], 20);
    }
    return star;
}

// Arms 0 and 2, 1 and 3 lie opposite one another; each has right, through, left.
static void four_phases_open_a_dual_ring(void **state)
{
    struct fixture *fixture = *state;
    const char *const PHASES[] = { "GGrrrrGGrrrr", "rrGrrrrrGrrr", "rrrGGrrrrGGr", "rrrrrGrrrrrG" };
    struct star star = crossing_of(PHASES, 4);
    assert_true(star_import(fixture, &star));
    assert_int_equal(fixture->program.group_count, 4);
    assert_int_equal(fixture->program.stage_count, 4);
    const struct network *network = &fixture->derived;
    assert_int_equal(network->group_count, 8);
    assert_int_equal(network->stage_count, 8);
    int32_t stages_of[8] = { 0 };
    for (int32_t s = 0; s < 8; s++) {
        assert_int_equal(__builtin_popcountll(network->stages[s].groups), 2);
        assert_int_equal(network->stages[s].program_phase != INDEX_NONE, s < 4);
        for (int g = 0; g < 8; g++) {
            stages_of[g] += (network->stages[s].groups >> g & 1) != 0;
        }
    }
    for (int g = 0; g < 8; g++) {
        assert_int_equal(stages_of[g], 2);            // with the opposite one, and with the other of its approach
    }
}

// Throughs with lefts that yield to one another; and one axis of these beside one with lefts of their own.
static void who_yields_stays_together(void **state)
{
    struct fixture *fixture = *state;
    const char *const TWO[] = { "GGgrrrGGgrrr", "rrrGGgrrrGGg" };
    struct star star = crossing_of(TWO, 2);
    assert_true(star_import(fixture, &star));
    assert_int_equal(fixture->derived.group_count, 2);
    assert_int_equal(fixture->derived.stage_count, 2);
    const char *const THREE[] = { "GGrrrrGGrrrr", "rrGrrrrrGrrr", "rrrGGgrrrGGg" };
    star = crossing_of(THREE, 3);
    assert_true(star_import(fixture, &star));
    assert_int_equal(fixture->derived.group_count, 5);    // two throughs, two lefts, the other axis
    assert_int_equal(fixture->derived.stage_count, 5);
}

static bool meet(const struct network *network, int32_t a, int32_t b)
{
    for (int32_t f = 0; f < network->connections[a].foe_count; f++) {
        if (network->foes[network->connections[a].first_foe + f].connection == b) {
            return true;
        }
    }
    return false;
}

// The groups that a group of the program has become.
static uint64_t parts_of(const struct fixture *fixture, int32_t group)
{
    uint64_t parts = 0;
    for (int32_t c = 0; c < fixture->program.connection_count; c++) {
        if (fixture->program.connections[c].group == group) {
            parts |= UINT64_C(1) << fixture->derived.connections[c].group;
        }
    }
    return parts;
}

static void random_groups_part_for_a_stage(void **state)
{
    struct fixture *fixture = *state;
    int32_t parted = 0, whole = 0;
    for (uint64_t round = 0; round < 600; round++) {
        struct star star = star_random(round);
        if (!star_import(fixture, &star)) {
            continue;
        }
        const struct network *network = &fixture->derived;
        for (int32_t c = 0; c < network->connection_count; c++) {
            for (int32_t d = 0; d < c; d++) {
                bool was = fixture->program.connections[c].group == fixture->program.connections[d].group;
                bool is = network->connections[c].group == network->connections[d].group;
                bool one = network->lanes[network->connections[c].from_lane].link
                    == network->lanes[network->connections[d].from_lane].link;
                assert_true(is ? was : !was || (!one && !meet(network, c, d)));
            }
        }
        for (int32_t g = 0; g < fixture->program.group_count; g++) {
            uint64_t parts = parts_of(fixture, g);
            bool apart = false;
            for (int32_t s = 0; s < network->stage_count; s++) {
                uint64_t shown = network->stages[s].groups & parts;
                apart = apart || (shown != 0 && shown != parts);
            }
            assert_true(apart == (__builtin_popcountll(parts) > 1) || network->stage_count == STAGE_COUNT_MAX);
            parted += apart;
            whole += !apart;
        }
    }
    assert_true(parted > 50 && whole > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(four_phases_open_a_dual_ring, setup, teardown),
        cmocka_unit_test_setup_teardown(who_yields_stays_together, setup, teardown),
        cmocka_unit_test_setup_teardown(random_groups_part_for_a_stage, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
