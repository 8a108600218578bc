// Goal: network_finish builds the tables by name and the hashes, refuses every breach of what network.h promises with
// a sentence that names the place, and the hashes move with what they cover and with nothing else.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/engine/crossings.h"

static int build(void **state)
{
    struct crossings *made = memory_take(1, sizeof *made);
    crossings_build(made, 2, 400.0);
    *state = made;
    return 0;
}

static int release(void **state)
{
    struct crossings *made = *state;
    network_release(&made->network);
    free(made);
    return 0;
}

static void finds_things_by_name(void **state)
{
    const struct network *network = &((struct crossings *)*state)->network;
    assert_int_equal(network_find_intersection(network, "crossing1_0").index, 1);
    assert_int_equal(network_find_link(network, "link3_0").index, 3);
    assert_int_equal(network_find_detector(network, network_name(network, network->detectors[5].name)).index, 5);
    // A name of another kind, and one that nothing has.
    assert_int_equal(network_find_link(network, "crossing1_0").index, INDEX_NONE);
    assert_int_equal(network_find_intersection(network, "nowhere").index, INDEX_NONE);
    assert_string_equal(network_name(network, INDEX_NONE), "");
}

// Stage 0 {0, 1, 8} to 1 {2, 3, 8}: 0 and 1 stop, 2 and 3 conflict with them at 5 s. Stage 0 to 4 {0, 2, 8}: 1 stops
// against 2. To itself nothing stops.
static void knows_the_longest_transition(void **state)
{
    const struct network *network = &((struct crossings *)*state)->network;
    struct intersection_id at = { 1 };
    assert_int_equal(network_transition_ms(network, at, 0, 1), 5000);
    assert_int_equal(network_transition_ms(network, at, 0, 4), 5000);
    assert_int_equal(network_transition_ms(network, at, 2, 2), 0);
}

// A group that stops and meets nobody still shows its yellow.
static void transition_is_at_least_the_yellow(void **state)
{
    struct network *network = &((struct crossings *)*state)->network;
    network->stages[network->intersections[0].first_stage + 7].groups = 0;
    assert_int_equal(network_transition_ms(network, (struct intersection_id){ 0 }, 0, 7), 3000);
}

static void refused(struct network *network, const char *place, const char *what)
{
    struct problem problem = { "" };
    if (network_finish(network, "test.net", &problem) != STATUS_RANGE) {
        fail_msg("'%s' '%s' went unseen", place, what);
    }
    assert_non_null(strstr(problem.text, "test.net: "));
    if (strstr(problem.text, place) == NULL || strstr(problem.text, what) == NULL) {
        fail_msg("'%s' says nothing of '%s' and '%s'", problem.text, place, what);
    }
}

// Sets a field, expects the refusal, puts it back.
#define BREACH(field, value, place, what)                                                        \
    do {                                                                                         \
        __typeof__(field) kept_ = (field);                                                       \
        (field) = (value);                                                                       \
        refused(network, place, what);                                                           \
        (field) = kept_;                                                                         \
    } while (0)

static void refuses_broken_roads(void **state)
{
    struct network *network = &((struct crossings *)*state)->network;
    BREACH(network->links[2].to_junction, network->junction_count, "link 'link2_0'", "junction that does not exist");
    BREACH(network->links[2].first_lane, 0, "link2_0", "do not follow");
    BREACH(network->links[2].point_count, 1, "link2_0", "two points");
    BREACH(network->links[2].length_m, (double)NAN, "link2_0", "not positive");
    BREACH(network->links[2].speed_mps, 0.0, "link2_0", "not positive");
    BREACH(network->links[2].name, -7, "link 2", "no name");
    BREACH(network->links[2].name, network->links[1].name, "link1_0", "two links");
    BREACH(network->links[2].lane_count, 0, "link2_0", "no lanes");
    BREACH(network->lanes[5].position, 0, "lane 5", "not where its link says");
    BREACH(network->lanes[5].width_m, -1.0, "lane 5", "not positive");
    BREACH(network->lanes[0].connection_count, 0, "connections", "not every connection");
    BREACH(network->connections[3].to_lane, network->lane_count, "connection 3", "do not exist");
    BREACH(network->connections[3].from_lane, 0, "", "");
    BREACH(network->connections[3].turn, (enum turn)9, "connection 3", "turn");
    BREACH(network->connections[3].foe_count, 1, "connection 3", "foes");
    BREACH(network->junctions[1].kind, (enum junction_kind)9, "junction 'junction1_0'", "unknown kind");
    BREACH(network->points[0].x_m, (double)INFINITY, "network", "nowhere");
    BREACH(network->lane_count, -1, "network", "negative");
}

static void refuses_broken_signals(void **state)
{
    struct network *network = &((struct crossings *)*state)->network;
    struct intersection *at = &network->intersections[1];
    BREACH(network->groups[9].kind, (enum group_kind)8, "group1_0", "kind");
    BREACH(network->groups[9].green_ms_max, 4999, "group1_0", "contradict");
    BREACH(network->groups[9].name, network->groups[10].name, "crossing1_0", "two signal groups");
    BREACH(network->stages[9].name, network->stages[10].name, "crossing1_0", "two stages");
    BREACH(network->groups[9].yellow_ms, 3100, "crossing1_0", "multiple of its quantum");
    BREACH(network->intergreen_ms[at->first_intergreen + 3], -1, "crossing1_0", "not mutual");
    BREACH(network->intergreen_ms[at->first_intergreen], 5000, "crossing1_0", "with itself");
    BREACH(network->intergreen_ms[at->first_intergreen + 3], 5500, "crossing1_0", "multiple");
    BREACH(network->intergreen_ms[at->first_intergreen + 3], 61000, "crossing1_0", "60 s");
    BREACH(network->stages[at->first_stage].groups, UINT64_C(0x109), "crossing1_0", "conflicting groups");
    BREACH(network->stages[at->first_stage].groups, UINT64_C(0x200), "crossing1_0", "not its own");
    BREACH(network->program_greens[at->first_green].end_ms, 20500, "crossing1_0", "quantum");
    BREACH(network->program_greens[at->first_green].end_ms, 101000, "crossing1_0", "outside its cycle");
    BREACH(network->program_greens[at->first_green].group, 9, "crossing1_0", "program green");
    BREACH(at->quantum_ms, 0, "crossing1_0", "quantum");
    BREACH(at->offset_ms, 100000, "crossing1_0", "offset");
    BREACH(at->cycle_ms_max, 29999, "crossing1_0", "cycle");
    BREACH(at->group_count, 65, "crossing1_0", "more than 64");
    BREACH(at->group_count, -1, "crossing1_0", "do not exist");
    BREACH(at->coordinated_stage, 8, "crossing1_0", "coordinated stage");
    BREACH(at->region, 1, "crossing1_0", "region");
    BREACH(network->group_members[0], network->group_members[1], "", "");
    BREACH(network->connections[0].group, INDEX_NONE, "", "not its own");
    BREACH(network->detectors[3].to_stop_m, 400.5, "detector", "outside it");
    BREACH(network->detectors[3].lane, -1, "detector", "does not exist");
    BREACH(network->cameras[3].view_m, 0.0, "camera", "nothing");
}

// What the guard reads moves the site's hash and no other site's; what it does not read moves the whole alone.
static void hashes_cover_what_they_say(void **state)
{
    struct network *network = &((struct crossings *)*state)->network;
    struct problem problem;
    uint64_t site[2] = { network->intersections[0].site_hash, network->intersections[1].site_hash };
    uint64_t whole = network->hash, roads = network_roads_hash(network);
    assert_true(site[0] != site[1]);

    network->groups[9].green_ms_min = 6000;
    assert_int_equal(network_finish(network, "t", &problem), STATUS_OK);
    assert_true(network->intersections[0].site_hash == site[0]);
    assert_true(network->intersections[1].site_hash != site[1]);
    assert_true(network->hash != whole);
    network->groups[9].green_ms_min = 5000;

    network->intersections[1].offset_ms = 9000;
    assert_int_equal(network_finish(network, "t", &problem), STATUS_OK);
    assert_true(network->intersections[1].site_hash == site[1]);
    assert_true(network->hash != whole);
    assert_true(network_roads_hash(network) == roads);
    network->intersections[1].offset_ms = 7000;

    network->lanes[3].speed_mps = 10.001;
    assert_int_equal(network_finish(network, "t", &problem), STATUS_OK);
    assert_true(network_roads_hash(network) != roads);
    network->lanes[3].speed_mps = 10.0;

    assert_int_equal(network_finish(network, "t", &problem), STATUS_OK);
    assert_true(network->hash == whole);
}

static void copy_shares_nothing(void **state)
{
    struct network *network = &((struct crossings *)*state)->network;
    struct network copy;
    struct problem problem;
    network_copy(network, &copy);
    assert_true(copy.hash == network->hash);
    assert_int_equal(network_find_link(&copy, "link3_0").index, 3);
    copy.groups[0].green_ms_min = 9000;
    copy.links[0].length_m = 1.0;
    (void)names_add(&copy.names, "new");
    assert_int_equal(network_finish(&copy, "copy", &problem), STATUS_OK);
    assert_true(copy.hash != network->hash);
    uint64_t hash = network->hash;
    assert_int_equal(network_finish(network, "t", &problem), STATUS_OK);
    assert_true(network->hash == hash);
    network_release(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_things_by_name, build, release),
        cmocka_unit_test_setup_teardown(knows_the_longest_transition, build, release),
        cmocka_unit_test_setup_teardown(transition_is_at_least_the_yellow, build, release),
        cmocka_unit_test_setup_teardown(refuses_broken_roads, build, release),
        cmocka_unit_test_setup_teardown(refuses_broken_signals, build, release),
        cmocka_unit_test_setup_teardown(copy_shares_nothing, build, release),
        cmocka_unit_test_setup_teardown(hashes_cover_what_they_say, build, release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
