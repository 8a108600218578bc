// Goal: of a signal with two junctions a few metres apart, made by netconvert, the stage in which both directions can
// lock one another up is found, and stages of one direction each are there beside it; and who was let onto the short
// link between the junctions gets off it: its green outlasts the first line's, intergreens kept.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/import/import.h"
#include "engine/model/inside.h"
#include "engine/optimize/compose.h"
#include "tests/engine/crossings.h"
#include "tests/engine/scratch.h"

#define T0 1000000

// West and south end in junction a, east and north in b; both are one signal, 16 m apart.
static const char NODES[] =
    "<nodes><node id='a' x='-8' y='0' type='traffic_light' tl='s'/>"
    "<node id='b' x='8' y='0' type='traffic_light' tl='s'/>"
    "<node id='w' x='-200' y='0'/><node id='e' x='200' y='0'/><node id='s' x='-8' y='-200'/>"
    "<node id='n' x='8' y='200'/></nodes>";
static const char EDGES[] =
    "<edges><edge id='wa' from='w' to='a'/><edge id='aw' from='a' to='w'/><edge id='sa' from='s' to='a'/>"
    "<edge id='as' from='a' to='s'/><edge id='ab' from='a' to='b'/><edge id='ba' from='b' to='a'/>"
    "<edge id='be' from='b' to='e'/><edge id='eb' from='e' to='b'/><edge id='bn' from='b' to='n'/>"
    "<edge id='nb' from='n' to='b'/></edges>";

static struct network network;
static bool made;

static int setup(void **state)
{
    (void)state;
    struct scratch scratch;
    scratch_create(&scratch);
    made = scratch_has("netconvert");
    if (made) {
        (void)scratch_write(&scratch, "n.nod.xml", NODES);
        (void)scratch_write(&scratch, "e.edg.xml", EDGES);
        struct import_options options = IMPORT_OPTIONS_DEFAULT;
        struct import_report report = { 0 };
        struct problem problem = { "" };
        int code = scratch_run(&scratch, "netconvert -n n.nod.xml -e e.edg.xml -o net.xml --no-turnarounds true "
                               "--default.speed 13.89 --xml-validation never");
        enum status status = code == 0
            ? import_network(scratch_path(&scratch, "net.xml"), &options, &network, &report, &problem) : STATUS_IO;
        import_report_release(&report);
        scratch_release(&scratch);
        return status == STATUS_OK ? 0 : -1;
    }
    scratch_release(&scratch);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (made) {
        network_release(&network);
    }
    return 0;
}

static struct inside_signal signal_of(const struct network *in, const struct intersection *at)
{
    return (struct inside_signal){ .network = in, .groups = in->groups + at->first_group, .members = in->group_members,
                                   .first_group = at->first_group, .group_count = at->group_count };
}

static int32_t stage_of(uint64_t groups)
{
    for (int32_t s = 0; s < network.stage_count; s++) {
        if (network.stages[s].groups == groups) {
            return s;
        }
    }
    return INDEX_NONE;
}

static void stages_of_one_side_stand_beside_the_one_that_locks(void **state)
{
    (void)state;
    if (!made) {
        skip();
    }
    assert_int_equal(network.intersection_count, 1);
    struct inside_signal signal = signal_of(&network, &network.intersections[0]);
    int32_t locks = 0, short_links = 0;
    for (int32_t l = 0; l < network.link_count; l++) {
        short_links += inside_link(&network, &network.links[l]) ? 1 : 0;
    }
    assert_int_equal(short_links, 2);
    for (int32_t s = 0; s < network.stage_count; s++) {
        uint64_t one, other, groups = network.stages[s].groups;
        if (!inside_locks(&signal, groups, &one, &other)) {
            continue;
        }
        locks++;
        assert_true(network.stages[s].program_phase != INDEX_NONE);
        assert_true(one != 0 && other != 0 && (one & other) == 0);
        int32_t first = stage_of(groups & ~one), second = stage_of(groups & ~other);
        assert_true(first != INDEX_NONE && second != INDEX_NONE);
        uint64_t unused;
        assert_false(inside_locks(&signal, groups & ~one, &unused, &unused));
        assert_false(inside_locks(&signal, groups & ~other, &unused, &unused));
        assert_true((network.stages[first].groups | network.stages[second].groups) == groups);
    }
    assert_int_equal(locks, 1);
}

// From every stage to every other: who leaves the short link with the stage that let him onto it has 2 s more (some
// 15 m at 10 m/s), and what starts does so after every intergreen.
static void who_was_let_in_gets_out(void **state)
{
    (void)state;
    if (!made) {
        skip();
    }
    const struct intersection *at = &network.intersections[0];
    struct transitions transitions;
    transitions_create(&transitions, &network);
    int32_t trailing = 0;
    for (int32_t from = 0; from < at->stage_count; from++) {
        for (int32_t to = 0; to < at->stage_count; to++) {
            struct green first[PLAN_GREEN_COUNT_MAX], greens[PLAN_GREEN_COUNT_MAX];
            struct plan entered, plan;
            struct lamps lamps;
            if (from == to) {
                continue;
            }
            compose_handover(&network, 0, from, T0, INT64_MAX, first, &entered);
            lamps_read(&network, &entered, T0 + 20000, &lamps);
            compose_switch(&transitions, &lamps, to, INT64_MAX, greens, &plan);
            uint64_t before = network.stages[from].groups, after = network.stages[to].groups;
            for (int32_t i = 0; i < plan.green_count; i++) {
                int32_t g = greens[i].group;
                const struct trail *trail = &transitions.trails[at->first_group + g];
                if ((before & ~after) >> g & 1) {
                    bool trails = trail->ms > 0 && (trail->feeders & before) != 0;
                    assert_int_equal(greens[i].end_ms, trails ? 2000 : 0);
                    trailing += trails ? 1 : 0;
                }
                for (int32_t j = 0; j < plan.green_count; j++) {
                    int32_t between_ms = network_intergreen_ms(&network, at, g, greens[j].group);
                    if (between_ms >= 0 && greens[j].start_ms > greens[i].start_ms) {
                        assert_true(greens[j].start_ms >= greens[i].end_ms + between_ms);
                    }
                }
                if ((after & ~before) >> g & 1) {
                    assert_int_equal(greens[i].start_ms, transition_ms(&transitions, 0, from, to));
                }
            }
        }
    }
    assert_true(trailing > 0);
    transitions_release(&transitions);
}

// Crossings 300 m apart, each with a signal of its own: nothing lies inside, nothing trails.
static void junctions_apart_have_no_inside(void **state)
{
    (void)state;
    struct crossings crossings;
    struct transitions transitions;
    crossings_build(&crossings, 2, 300.0);
    transitions_create(&transitions, &crossings.network);
    for (int32_t g = 0; g < crossings.network.group_count; g++) {
        assert_int_equal(transitions.trails[g].ms, 0);
    }
    for (int32_t s = 0; s < crossings.network.stage_count; s++) {
        assert_false(transitions.locks[s]);
    }
    transitions_release(&transitions);
    network_release(&crossings.network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_of_one_side_stand_beside_the_one_that_locks),
        cmocka_unit_test(who_was_let_in_gets_out),
        cmocka_unit_test(junctions_apart_have_no_inside),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
