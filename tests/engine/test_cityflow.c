// Goal: a CityFlow roadnet becomes the network that its rules say (lengths, lanes from the kerb, turns, right of way,
// signals whose program keeps its own intergreens), for crossings of every form; whatever is wrong is told with its
// JSON
// path and nothing is loaded.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/random.h"
#include "engine/import/import.h"
#include "engine/import/network_file.h"
#include "engine/import/site_program.h"
#include "tests/engine/cityflow_crossing.h"

static char path[] = "cityflow-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int remove_file(void **state)
{
    (void)state;
    return remove(path);
}

static void put(const char *text, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

static enum status import_text(const char *text, size_t bytes, struct network *ret, struct import_report *report,
                               struct problem *problem)
{
    struct import_options options = IMPORT_OPTIONS_DEFAULT;
    put(text, bytes);
    *problem = (struct problem){ "" };
    return import_network(path, &options, ret, report, problem);
}

static void import_crossing(struct cityflow_crossing crossing, struct network *ret, struct import_report *report)
{
    char *text = cityflow_text(&crossing);
    struct problem problem;
    if (import_text(text, strlen(text), ret, report, &problem) != STATUS_OK) {
        fail_msg("%s", problem.text);
    }
    free(text);
}

static const struct cityflow_crossing FOUR = { .legs = 0xf, .lanes = 3 };

// Road: 300 m less 15 m to the stop line; nothing at the border. Lane 0 is at the kerb and turns right; lane 2 left.
static void roads_and_lanes(void **state)
{
    (void)state;
    struct network network;
    import_crossing(FOUR, &network, NULL);
    assert_int_equal(network.link_count, 8);
    assert_int_equal(network.lane_count, 24);
    assert_int_equal(network.connection_count, 36);
    const struct link *in = &network.links[network_find_link(&network, "in0").index];
    assert_true(fabs(in->length_m - 285.0) < 1e-9);
    assert_true(fabs(in->speed_mps - 11.111) < 1e-9);
    static const enum turn TURNS[] = { TURN_RIGHT, TURN_THROUGH, TURN_LEFT };
    for (int32_t i = 0; i < 3; i++) {
        const struct lane *lane = &network.lanes[in->first_lane + i];
        assert_int_equal(lane->connection_count, 3);
        for (int32_t c = 0; c < 3; c++) {
            assert_int_equal(network.connections[lane->first_connection + c].turn, TURNS[i]);
        }
    }
    // Straight on: 30 m from stop line to stop line for lane 1 to lane 1.
    const struct connection *straight = &network.connections[network.lanes[in->first_lane + 1].first_connection + 1];
    assert_true(fabs(straight->length_m - 30.0) < 1e-9);
    assert_int_equal(network.junctions[network.links[network_find_link(&network, "out2").index].to_junction].kind,
                     JUNCTION_DEAD_END);
    network_release(&network);
}

// Eight groups: through and left of each leg. Right turns go by right of way and yield to what they merge with.
static void signals_of_four_legs(void **state)
{
    (void)state;
    struct network network;
    struct import_report report = { { 0 } };
    import_crossing(FOUR, &network, &report);
    assert_int_equal(network.intersection_count, 1);
    const struct intersection *at = &network.intersections[0];
    assert_string_equal(network_name(&network, at->name), "c9");
    assert_int_equal(at->group_count, 8);
    assert_int_equal(at->stage_count, 8);
    for (int32_t s = 0; s < at->stage_count; s++) {
        assert_int_equal(network.stages[at->first_stage + s].program_phase, s + 1);   // Phase 0 is the clearance.
    }
    for (int32_t i = 0; i < at->group_count; i++) {
        assert_int_equal(network.groups[i].yellow_ms, 3000);   // 40 km/h: the profile's 3 s up to 50 km/h.
    }
    for (int32_t i = 0; i < network.connection_count; i++) {
        const struct connection *connection = &network.connections[i];
        assert_int_equal(connection->group == INDEX_NONE, connection->turn == TURN_RIGHT);
        bool yields = false;
        for (int32_t f = 0; f < connection->foe_count; f++) {
            const struct foe *foe = &network.foes[connection->first_foe + f];
            yields = yields || (foe->yields && network.connections[foe->connection].turn == TURN_THROUGH);
        }
        assert_true(connection->turn != TURN_RIGHT || yields);
    }
    bool told = false;   // Changes without a clearance between get their seconds, and each is told.
    for (int32_t i = 0; i < report.lines.count; i++) {
        told = told || report.lines.at[i].note == NOTE_ADDED_TIME;
    }
    assert_true(told);
    // 8 phases of 30 s, of which one ends in the clearance of 5 s and seven at once, each by 3 s of yellow alone.
    assert_int_equal(at->cycle_ms, 8 * 30000 + 5000 + 7 * 3000);
    import_report_release(&report);
    network_release(&network);
}

static void programs_keep_their_own_rules(void **state)
{
    (void)state;
    static const char TWO_PHASES[] = "{\"time\": 30, \"availableRoadLinks\": [0, 1, 2, 6, 7, 8, 5, 11]}, "
                                     "{\"time\": 30, \"availableRoadLinks\": [3, 4, 5, 9, 10, 11, 2, 8]}";
    const struct cityflow_crossing forms[] = {
        FOUR, { .legs = 0xf, .lanes = 1, .phases = TWO_PHASES }, { .legs = 0xd, .lanes = 3 }, { .legs = 0xb,
                                                                                                .lanes = 3 },
        { .legs = 0xe, .lanes = 3 }, { .legs = 0x7, .lanes = 3 }, { .legs = 0x9, .lanes = 3 }, { .legs = 0x5,
                                                                                                 .lanes = 3 },
        { .legs = 0xf, .lanes = 3, .without_width = true }, { .legs = 0xf, .lanes = 3, .without_points = true },
        { .legs = 0xf, .lanes = 3, .phases = TWO_PHASES },
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct network network;
        char text[256] = "";
        import_crossing(forms[i], &network, NULL);
        assert_int_equal(network.intersection_count, 1);
        if (!site_program_holds(&network, &network.intersections[0], text, sizeof text)) {
            fail_msg("form %zu: %s", i, text);
        }
        network_release(&network);
    }
}

// A width that the file does not give is assumed from the roads: three lanes of 4 m, and 3 m.
static void missing_width_is_assumed_and_told(void **state)
{
    (void)state;
    struct network network;
    struct import_report report = { { 0 } };
    import_crossing((struct cityflow_crossing){ .legs = 0xf, .lanes = 3, .without_width = true }, &network, &report);
    assert_true(fabs(network.links[0].length_m - 285.0) < 1e-9);
    assert_int_equal(report.lines.at[0].note, NOTE_ASSUMED);
    assert_non_null(strstr(report.lines.at[0].text, "'c9' has no width: stop lines 15 m"));
    import_report_release(&report);
    network_release(&network);
}

// Replaces the first occurrence of `from` and expects a refusal that says `place` and `what`.
static void refused(const char *from, const char *to, const char *place, const char *what)
{
    char *text = cityflow_text(&FOUR), *changed = memory_take(CITYFLOW_TEXT_BYTES + 256, 1);
    char *at = strstr(text, from);
    assert_non_null(at);
    (void)snprintf(changed, CITYFLOW_TEXT_BYTES + 256, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    struct network network = { .link_count = -5 };
    struct problem problem;
    assert_int_not_equal(import_text(changed, strlen(changed), &network, NULL, &problem), STATUS_OK);
    assert_int_equal(network.link_count, -5);
    if (strstr(problem.text, path) == NULL || strstr(problem.text, place) == NULL || strstr(problem.text,
                                                                                            what) == NULL) {
        fail_msg("'%s' says nothing of '%s' and '%s'", problem.text, place, what);
    }
    free(changed);
    free(text);
}

static void errors_have_a_json_path(void **state)
{
    (void)state;
    refused("\"roads\": [{\"id\": \"in0\"", "\"roads\": [{\"id\": 7", "roads[0]", "'id'");
    refused("\"startIntersection\": \"v0\"", "\"startIntersection\": \"zz\"", "roads[0]", "'zz', which does not exist");
    refused("\"maxSpeed\": 11.111", "\"maxSpeed\": 0", "roads[0]", "maxSpeed");
    refused("{\"x\": 0, \"y\": 0}], \"lanes\"", "{\"x\": -290, \"y\": 0}], \"lanes\"", "roads[0]", "no length");
    refused("\"id\": \"out0\"", "\"id\": \"in0\"", "roads[1]", "twice");
    refused("\"id\": \"v1\"", "\"id\": \"v0\"", "intersections[1]", "twice");
    refused("\"width\": 15", "\"width\": -15", "intersections[4]", "'width'");
    refused("\"width\": 15", "\"width\": \"wide\"", "intersections[4]", "'width'");
    refused("\"type\": \"turn_left\"", "\"type\": \"fly\"", "intersections[4].roadLinks[1]", "'fly'");
    refused("\"startRoad\": \"in0\"", "\"startRoad\": \"in8\"", "intersections[4].roadLinks[0]", "in8");
    refused("\"startRoad\": \"in0\"", "\"startRoad\": \"out0\"", "intersections[4].roadLinks[0]", "does not pass it");
    refused("\"startLaneIndex\": 1", "\"startLaneIndex\": 3", "intersections[4].roadLinks[0]", "3 lanes");
    refused("\"startLaneIndex\": 1", "\"startLaneIndex\": 1.5", "intersections[4].roadLinks[0]", "1.5");
    refused("\"time\": 30", "\"time\": -1", "intersections[4].trafficLight.lightphases[1]", "'time' is -1");
    refused("\"availableRoadLinks\": [2", "\"availableRoadLinks\": [12", "lightphases[0]", "availableRoadLinks[0]");
    refused("\"availableRoadLinks\": [2", "\"availableRoadLinks\": [\"2\"", "lightphases[0]", "availableRoadLinks[0]");
    refused("{\"intersections\"", "{\"crossings\"", "top level", "'intersections'");
    refused("\"roads\": [{", "\"roads\": [[{", "line", "");
}

// Crossing through traffic with the right of way on both: no program of any street.
static void crossing_majors_are_refused(void **state)
{
    (void)state;
    struct cityflow_crossing crossing = FOUR;
    crossing.phases = "{\"time\": 30, \"availableRoadLinks\": [0, 3]}, {\"time\": 30, \"availableRoadLinks\": [6, 9]}";
    char *text = cityflow_text(&crossing);
    struct network network;
    struct problem problem;
    assert_int_not_equal(import_text(text, strlen(text), &network, NULL, &problem), STATUS_OK);
    assert_non_null(strstr(problem.text, "c9"));
    free(text);
}

static void broken_files_give_a_sentence(void **state)
{
    (void)state;
    char *text = cityflow_text(&FOUR);
    size_t bytes = strlen(text);
    struct network network;
    struct problem problem;
    for (size_t i = 0; i < 200; i++) {
        assert_int_not_equal(import_text(text, bytes * i / 200, &network, NULL, &problem), STATUS_OK);
        assert_true(strlen(problem.text) > strlen(path) + 10);
        assert_true(i == 0 || strstr(problem.text, "line") != NULL);
    }
    static const char SPICE[] = "{}[]\",:-+.eE0123456789xytrufalsn \\\n\x01\xff";
    for (uint64_t i = 0; i < 1500; i++) {
        size_t at = (size_t)(random_unit(3, RANDOM_TEST, i, 0) * (double)bytes);
        char kept = text[at];
        text[at] = SPICE[random_bits(3, RANDOM_TEST, i, 1) % (sizeof SPICE - 1)];
        if (import_text(text, bytes, &network, NULL, &problem) == STATUS_OK) {
            network_release(&network);
        } else {
            assert_true(strlen(problem.text) > strlen(path) + 10);
        }
        text[at] = kept;
    }
    free(text);
}

// The real file, where it is at hand: 16 crossings, 800 m and 600 m between centres, 15 m stop lines.
static void hangzhou(void **state)
{
    (void)state;
    const char *found = SOURCE_ROOT "/../shared/data/hangzhou/roadnet_4_4.json";
    if (access(found, R_OK) != 0) {
        print_message("skipped: the Hangzhou network is not at hand\n");
        skip();
    }
    struct network network, loaded;
    struct problem problem;
    struct import_options options = IMPORT_OPTIONS_DEFAULT;
    assert_int_equal(import_network(found, &options, &network, NULL, &problem), STATUS_OK);
    assert_int_equal(network.intersection_count, 16);
    assert_int_equal(network.link_count, 80);
    assert_true(fabs(network.links[network_find_link(&network, "road_0_1_0").index].length_m - 785.0) < 1e-6);
    assert_true(fabs(network.links[network_find_link(&network, "road_1_1_0").index].length_m - 770.0) < 1e-6);
    for (int32_t i = 0; i < network.intersection_count; i++) {
        char text[256];
        assert_int_equal(network.intersections[i].group_count, 8);
        assert_true(site_program_holds(&network, &network.intersections[i], text, sizeof text));
    }
    assert_int_equal(network_file_save(&network, path, &problem), STATUS_OK);
    assert_int_equal(import_network(path, &options, &loaded, NULL, &problem), STATUS_OK);
    assert_true(loaded.hash == network.hash);
    network_release(&loaded);
    network_release(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roads_and_lanes), cmocka_unit_test(signals_of_four_legs),
        cmocka_unit_test(programs_keep_their_own_rules), cmocka_unit_test(missing_width_is_assumed_and_told),
        cmocka_unit_test(errors_have_a_json_path), cmocka_unit_test(crossing_majors_are_refused),
        cmocka_unit_test(broken_files_give_a_sentence), cmocka_unit_test(hangzhou),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
