// Goal: SUMO's files become the draft that stands in them: paths through junctions, matrices, users, programs,
// detectors; and whatever is wrong gets file, line, what and remedy, crashes nothing and leaves nothing half-loaded.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/random.h"
#include "engine/import/derive.h"
#include "engine/import/sumo.h"
#include "engine/import/sumo_config.h"
#include "engine/import/sumo_xml.h"
#include "tests/engine/crossroads.h"
#include "tests/engine/scratch.h"

static int setup(void **state)
{
    struct scratch *scratch = malloc(sizeof *scratch);
    scratch_create(scratch);
    *state = scratch;
    return 0;
}

static int teardown(void **state)
{
    scratch_release(*state);
    free(*state);
    return 0;
}

static enum status read_text(struct scratch *scratch, const char *text, struct network_draft *ret,
                             struct problem *problem)
{
    struct import_options options = IMPORT_OPTIONS_DEFAULT;
    return sumo_read(scratch_write(scratch, "x.net.xml", text), &options, ret, NULL, problem);
}

static struct network_draft read_well(struct scratch *scratch, const char *text)
{
    struct network_draft draft = { 0 };
    struct problem problem = { "" };
    if (read_text(scratch, text, &draft, &problem) != STATUS_OK) {
        fail_msg("%s", problem.text);
    }
    return draft;
}

// The text with the first `old` replaced by `new`; the caller frees it.
static char *replaced(const char *text, const char *old, const char *new)
{
    const char *at = strstr(text, old);
    assert_non_null(at);
    size_t bytes = strlen(text) + strlen(new) + 1;
    char *result = malloc(bytes);
    (void)snprintf(result, bytes, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
    return result;
}

static const char *name_of(const struct network_draft *draft, int32_t name)
{
    return names_text(&draft->names, name);
}

static void roads_and_paths(void **state)
{
    struct network_draft draft = read_well(*state, CROSSROADS);
    assert_int_equal(draft.links.count, 4);
    assert_int_equal(draft.lanes.count, 4);
    assert_int_equal(draft.junctions.count, 5);       // the inner one is no junction of ours
    assert_int_equal(draft.connections.count, 2);
    assert_string_equal(name_of(&draft, draft.links.at[0].name), "a");
    assert_string_equal(name_of(&draft, draft.junctions.at[draft.links.at[0].from_junction].name), "W");
    assert_string_equal(name_of(&draft, draft.junctions.at[draft.links.at[0].to_junction].name), "J");
    assert_int_equal(draft.junctions.at[0].kind, JUNCTION_SIGNAL);
    assert_int_equal(draft.junctions.at[1].kind, JUNCTION_DEAD_END);
    assert_int_equal(draft.links.at[0].priority, 2);
    assert_true(draft.links.at[0].length_m == 90.0 && draft.lanes.at[0].width_m == 3.2);

    const struct draft_connection *straight = &draft.connections.at[0], *crossing = &draft.connections.at[1];
    assert_true(straight->length_m == 20.0);           // 10 m to the waiting place, 10 m beyond
    assert_true(straight->speed_mps == 12.0);          // the slower one of its two inner lanes
    assert_int_equal(straight->point_count, 3);
    assert_true(draft.points.at[straight->first_point + 2].x_m == 10.0);
    assert_true(straight->wait_inside && !crossing->wait_inside);
    assert_int_equal(straight->letter, 0);
    assert_int_equal(crossing->letter, 1);

    assert_int_equal(draft.foes.count, 2);             // c -> d yields, as row 1 answers to row 0
    assert_int_equal(draft.foes.at[0].one, 0);
    assert_false(draft.foes.at[0].yields);
    assert_int_equal(draft.foes.at[1].one, 1);
    assert_true(draft.foes.at[1].yields);
    assert_false(draft.left_hand);
    draft_release(&draft);
}

static void programs(void **state)
{
    struct network_draft draft = read_well(*state, CROSSROADS);
    assert_int_equal(draft.programs.count, 1);
    assert_string_equal(name_of(&draft, draft.programs.at[0].name), "J");
    assert_int_equal(draft.programs.at[0].letter_count, 2);
    assert_int_equal(draft.programs.at[0].offset_ms, 7000);
    assert_int_equal(draft.programs.at[0].phase_count, 6);
    assert_int_equal(draft.phases.at[0].duration_ms, 30000);
    assert_int_equal(draft.phases.at[0].duration_ms_min, 8000);
    assert_int_equal(draft.phases.at[0].duration_ms_max, 40000);
    assert_int_equal(draft.phases.at[1].duration_ms_min, -1);
    assert_string_equal(draft.phases.at[4].state, "ry");
    assert_int_equal(draft.quantum_ms, 1000);
    draft_release(&draft);

    char *tenths = replaced(CROSSROADS, "duration=\"20\"", "duration=\"20.3\"");
    draft = read_well(*state, tenths);
    assert_int_equal(draft.phases.at[3].duration_ms, 20300);
    assert_int_equal(draft.quantum_ms, 100);
    draft_release(&draft);
    free(tenths);
}

// Without inner lanes a connection is straight, and the rows of the matrix follow incLanes.
// At a zipper the matrix says that each yields to each: nobody does, they follow one another.
static void nobody_yields_at_a_zipper(void **state)
{
    char *text = replaced(CROSSROADS, "type=\"traffic_light\" x", "type=\"zipper\" x");
    struct network_draft draft = read_well(*state, text);
    assert_int_equal(draft.foes.count, 0);
    draft_release(&draft);
    free(text);
}

static void programs_that_follow_the_traffic_are_actuated(void **state)
{
    struct network_draft draft = read_well(*state, CROSSROADS);
    assert_false(draft.programs.at[0].actuated);
    draft_release(&draft);
    char *text = replaced(CROSSROADS, "type=\"static\"", "type=\"actuated\"");
    draft = read_well(*state, text);
    assert_true(draft.programs.at[0].actuated);
    draft_release(&draft);
    free(text);
}

static void without_inner_lanes(void **state)
{
    static const char *const PAIRS[][2] = {
        { "via=\":J_0_0\" ", "" }, { "via=\":J_1_0\" ", "" }, { "intLanes=\":J_2_0 :J_1_0\"", "intLanes=\"\"" },
        { "incLanes=\"a_0 c_0\"", "incLanes=\"c_0 a_0\"" },
    };
    char *text = strdup(CROSSROADS);
    for (size_t i = 0; i < sizeof PAIRS / sizeof *PAIRS; i++) {
        char *next = replaced(text, PAIRS[i][0], PAIRS[i][1]);
        free(text);
        text = next;
    }
    struct network_draft draft = read_well(*state, text);
    assert_int_equal(draft.connections.at[0].request, 1);   // c_0 comes first now
    assert_int_equal(draft.connections.at[1].request, 0);
    assert_true(draft.connections.at[0].length_m == 20.0);
    assert_int_equal(draft.connections.at[0].point_count, 2);
    draft_release(&draft);
    free(text);
}

static void users_of_lanes(void **state)
{
    static const struct { const char *limit; uint32_t users; } CASES[] = {
        { "allow=\"passenger\" ", USER_CAR },
        { "allow=\"bus coach taxi\" ", USER_BUS | USER_TAXI },
        { "allow=\"tram rail_urban\" ", USER_TRAM | USER_RAIL },
        { "allow=\"ship\" ", 0 },
        { "allow=\"all\" ", USER_MOTOR | USER_TRAM | USER_BICYCLE | USER_PEDESTRIAN | USER_RAIL },
        { "disallow=\"pedestrian bicycle tram rail rail_urban rail_electric rail_fast\" ", USER_MOTOR },
        { "disallow=\"all\" ", 0 },
        { "", USER_MOTOR | USER_TRAM | USER_BICYCLE | USER_PEDESTRIAN | USER_RAIL },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char lane[200];
        (void)snprintf(lane, sizeof lane, "<lane id=\"a_0\" %sindex", CASES[i].limit);
        char *text = replaced(CROSSROADS, "<lane id=\"a_0\" index", lane);
        struct network_draft draft = read_well(*state, text);
        assert_int_equal(draft.lanes.at[0].users, CASES[i].users);
        draft_release(&draft);
        free(text);
    }
}

// SUMO's other ways to follow the traffic are told, each by its name: here they are played by other rules.
static void what_is_not_played_as_in_sumo_is_told(void **state)
{
    static const struct { const char *type, *told; } OTHERS[] = {
        { "type=\"delay_based\"", "1 programs are 'delay_based'" }, { "type=\"NEMA\"", "1 programs are 'NEMA'" },
        { "type=\"actuated\"", NULL },
    };
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++) {
        char *text = replaced(CROSSROADS, "type=\"static\"", OTHERS[i].type);
        struct import_options options = IMPORT_OPTIONS_DEFAULT;
        struct import_report report = { { 0 } };
        struct network_draft draft = { 0 };
        struct problem problem = { "" };
        assert_int_equal(sumo_read(scratch_write(*state, "x.net.xml", text), &options, &draft, &report, &problem),
                         STATUS_OK);
        int told = 0, others = 0;
        for (int32_t k = 0; k < report.lines.count; k++) {
            told += OTHERS[i].told != NULL && strstr(report.lines.at[k].text, OTHERS[i].told) != NULL;
            others += strstr(report.lines.at[k].text, "programs are '") != NULL;
        }
        assert_int_equal(told, OTHERS[i].told != NULL);
        assert_int_equal(others, told);
        assert_true(draft.programs.at[0].actuated);
        import_report_release(&report);
        draft_release(&draft);
        free(text);
    }
}

static void left_hand_traffic(void **state)
{
    char *text = replaced(CROSSROADS, "<net version=\"1.9\">", "<net version=\"1.9\" lefthand=\"true\">");
    struct network_draft draft = read_well(*state, text);
    assert_true(draft.left_hand);
    draft_release(&draft);
    free(text);
}

// A loop's place is its downstream edge; negative places count from the lane's end (90 m).
static void detectors_of_additional_files(void **state)
{
    struct scratch *scratch = *state;
    const char *network = scratch_write(scratch, "x.net.xml", CROSSROADS);
    const char *additional = scratch_write(scratch, "x.add.xml",
        "<additional>\n"
        "<inductionLoop id=\"one\" lane=\"a_0\" pos=\"-5\" period=\"60\" file=\"o\"/>\n"
        "<e1Detector id=\"two\" lane=\"c_0\" pos=\"50\" freq=\"60\" file=\"o\"/>\n"
        "<laneAreaDetector id=\"three\" lane=\"a_0\" pos=\"40\" endPos=\"88\" freq=\"60\" file=\"o\"/>\n"
        "<e2Detector id=\"four\" lane=\"c_0\" pos=\"60\" length=\"20\" freq=\"60\" file=\"o\"/>\n"
        "<inductionLoop id=\"inside\" lane=\":J_0_0\" pos=\"1\" freq=\"60\" file=\"o\"/>\n"
        "<entryExitDetector id=\"e3\" freq=\"60\" file=\"o\"><detEntry lane=\"a_0\" pos=\"9\"/>"
        "<detExit lane=\"c_0\" pos=\"9\"/></entryExitDetector>\n"
        "</additional>\n");
    struct import_options options = IMPORT_OPTIONS_DEFAULT;
    options.additional = &additional;
    options.additional_count = 1;
    struct network_draft draft = { 0 };
    struct problem problem = { "" };
    struct import_report report = { { 0 } };
    assert_int_equal(sumo_read(network, &options, &draft, &report, &problem), STATUS_OK);
    int told = 0;                                     // of one inside the junction, of one between entry and exit
    for (int32_t i = 0; i < report.lines.count; i++) {
        told += strstr(report.lines.at[i].text, "'inside' lies inside a junction") != NULL;
        told += strstr(report.lines.at[i].text, "1 detectors between entries and exits") != NULL;
    }
    assert_int_equal(told, 2);
    import_report_release(&report);
    assert_int_equal(draft.detectors.count, 4);       // the one inside the junction is left out
    static const double TO_STOP_M[] = { 5.0, 40.0, 2.0, 10.0 }, LENGTH_M[] = { 2.0, 2.0, 48.0, 20.0 };
    for (int i = 0; i < 4; i++) {
        assert_true(draft.detectors.at[i].to_stop_m == TO_STOP_M[i]);
        assert_true(draft.detectors.at[i].length_m == LENGTH_M[i]);
    }
    draft_release(&draft);
}

static void what_is_wrong_has_file_and_line(void **state)
{
    static const struct { const char *old, *new, *line, *what; enum status status; } CASES[] = {
        { "<edge id=\"a\" from", "<edge id=\"a\" form", "line 8:", "no attribute 'from'", STATUS_SYNTAX },
        { "to=\"J\" priority=\"2\"", "to=\"Q\" priority=\"2\"", "line 8:", "'Q', which does not exist", STATUS_SYNTAX },
        { "length=\"90.00\"", "length=\"9O\"", "line 9:", "length=\"9O\"", STATUS_SYNTAX },
        { "length=\"90.00\"", "length=\"nan\"", "line 9:", "expected a number", STATUS_SYNTAX },
        { "<lane id=\"a_0\" index=\"0\"", "<lane id=\"a_0\" index=\"1\"", "line 9:", "where 0 is next", STATUS_SYNTAX },
        { "shape=\"-100.00,0.00 -10.00,0.00\"", "shape=\"-100.00,0.00\"", "line 9:", "no shape of two points",
            STATUS_SYNTAX },
        { "shape=\"-100.00,0.00 -10.00,0.00\"", "shape=\"-100.00;0.00\"", "line 9:", "broken point", STATUS_SYNTAX },
        { "<edge id=\"b\"", "<edge id=\"a\"", "line 10:", "'a' is there twice", STATUS_SYNTAX },
        { "duration=\"30\"", "duration=\"-3\"", "line 17:", "no duration", STATUS_SYNTAX },
        { "state=\"yr\"", "state=\"yrr\"", "line 18:", "3 letters, the first one has 2", STATUS_SYNTAX },
        { "state=\"yr\"", "state=\"yq\"", "line 18:", "holds 'q'", STATUS_SYNTAX },
        { "<tlLogic id=\"J\"", "<tlLogic id=\"K\"", "line 33:", "no <tlLogic>", STATUS_SYNTAX },
        { "foes=\"10\"", "foes=\"100\"", "line 25:", "does not fit", STATUS_SYNTAX },
        { "foes=\"10\"", "foes=\"2\"", "line 25:", "holds '2'", STATUS_SYNTAX },
        { "linkIndex=\"1\"", "linkIndex=\"9\"", "line 34:", "linkIndex 9", STATUS_SYNTAX },
        { "from=\"c\" to=\"d\"", "from=\"x\" to=\"d\"", "line 34:", "'x', which does not exist", STATUS_SYNTAX },
        { "from=\"c\" to=\"d\" fromLane=\"0\"", "from=\"c\" to=\"d\" fromLane=\"3\"", "line 34:", "lane 3",
            STATUS_SYNTAX },
        { "from=\"c\" to=\"d\"", "from=\"c\" to=\"a\"", "line 34:", "do not meet", STATUS_SYNTAX },
        { "via=\":J_1_0\"", "via=\":J_9_0\"", "line 34:", "':J_9_0', which does not exist", STATUS_SYNTAX },
        { "</net>", "", "line 39:", "no element found", STATUS_SYNTAX },
        { "<connection from=\"a\"", "<connection from=\"a", "line 33:", "not well-formed", STATUS_SYNTAX },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char *text = replaced(CROSSROADS, CASES[i].old, CASES[i].new);
        struct network_draft draft = { .quantum_ms = 77 };
        struct problem problem = { "" };
        enum status status = read_text(*state, text, &draft, &problem);
        if (status != CASES[i].status || strstr(problem.text, CASES[i].line) == NULL
            || strstr(problem.text, CASES[i].what) == NULL || strstr(problem.text, "x.net.xml") == NULL) {
            fail_msg("case %zu: status %s: %s", i, status_name(status), problem.text);
        }
        assert_int_equal(draft.quantum_ms, 77);
        free(text);
    }
}

static void errors_of_additional_files_name_them(void **state)
{
    struct scratch *scratch = *state;
    const char *network = scratch_write(scratch, "x.net.xml", CROSSROADS);
    static const struct { const char *text, *what; } CASES[] = {
        { "<additional>\n<inductionLoop id=\"one\" lane=\"q_0\" pos=\"5\"/>\n</additional>\n", "line 2: detector "
            "'one'" },
        { "<additional>\n<inductionLoop id=\"one\" lane=\"a_0\" pos=\"x\"/>\n</additional>\n", "line 2:" },
        { "<additional>\n<inductionLoop id=\"one\" lane=\"a_0\" pos=\"5\"/>\n<inductionLoop id=\"one\" lane=\"a_0\" "
            "pos=\"5\"/>\n</additional>\n", "line 3: detector 'one' is there twice" },
        { "<additional>\n<tlLogic id=\"J\" programID=\"new\" type=\"static\" offset=\"0\"/>\n</additional>\n",
            "line 2: the program 'new' of signal 'J' has no phases" },
        { "<net>\n</net>\n", "line 1: the file holds <net>" },
        { "", "no element found" },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        const char *additional = scratch_write(scratch, "x.add.xml", CASES[i].text);
        struct import_options options = IMPORT_OPTIONS_DEFAULT;
        options.additional = &additional;
        options.additional_count = 1;
        struct network_draft draft = { 0 };
        struct problem problem = { "" };
        assert_int_equal(sumo_read(network, &options, &draft, NULL, &problem), STATUS_SYNTAX);
        if (strstr(problem.text, "x.add.xml") == NULL || strstr(problem.text, CASES[i].what) == NULL) {
            fail_msg("case %zu: %s", i, problem.text);
        }
    }
}

// Cut anywhere before its end the file is refused, whatever the cut leaves behind.
static void every_truncation_is_refused(void **state)
{
    size_t length = strlen(CROSSROADS);
    char *text = malloc(length + 1);
    for (size_t bytes = 0; bytes + 1 < length; bytes++) {   // the last byte is the line's end after </net>
        memcpy(text, CROSSROADS, bytes);
        text[bytes] = '\0';
        struct network_draft draft = { 0 };
        struct problem problem = { "" };
        assert_int_not_equal(read_text(*state, text, &draft, &problem), STATUS_OK);
        assert_true(strstr(problem.text, "x.net.xml") != NULL);
        assert_int_equal(draft.links.count, 0);
    }
    free(text);
}

// Bytes changed, swapped and dropped at random: the file is read or refused, and what is read can be derived or
// refused.
static void random_damage_crashes_nothing(void **state)
{
    static const char BYTES[] = "<>/=\" 0123456789.-,abJ_:rGygsuoO\nx";
    size_t length = strlen(CROSSROADS);
    char *text = malloc(length + 1);
    int32_t read = 0, refused = 0;
    for (uint64_t round = 0; round < 4000; round++) {
        memcpy(text, CROSSROADS, length + 1);
        uint64_t changes = 1 + random_bits(1, RANDOM_TEST, round, 0) % 6;
        for (uint64_t k = 0; k < changes; k++) {
            size_t at = (size_t)(random_bits(1, RANDOM_TEST, round, 3 * k + 1) % length);
            text[at] = BYTES[random_bits(1, RANDOM_TEST, round, 3 * k + 2) % (sizeof BYTES - 1)];
        }
        struct network_draft draft = { 0 };
        struct problem problem = { "" };
        if (read_text(*state, text, &draft, &problem) != STATUS_OK) {
            refused++;
            continue;
        }
        read++;
        struct network network;
        struct import_options options = IMPORT_OPTIONS_DEFAULT;
        if (derive_signals(&draft, &options, NULL, &network, &problem) == STATUS_OK) {
            network_release(&network);
        }
        draft_release(&draft);
    }
    assert_true(read > 100 && refused > 100);
    free(text);
}

static void configurations(void **state)
{
    struct scratch *scratch = *state;
    const char *path = scratch_write(scratch, "x.sumocfg",
        "<configuration><input><net-file value=\"x.net.xml\"/>\n"
        "<route-files value=\"one.rou.xml, /far/two.rou.xml\"/><additional-files value=\"x.add.xml\"/></input>\n"
        "<time><begin value=\"7:00:00\"/><end value=\"28800\"/><step-length value=\"0.5\"/></time></configuration>\n");
    struct sumo_config config;
    struct problem problem = { "" };
    assert_int_equal(sumo_config_read(path, &config, &problem), STATUS_OK);
    assert_string_equal(config.network, scratch_path(scratch, "x.net.xml"));   // beside the configuration
    assert_int_equal(config.routes.count, 2);
    assert_string_equal(config.routes.at[0], scratch_path(scratch, "one.rou.xml"));
    assert_string_equal(config.routes.at[1], "/far/two.rou.xml");
    assert_int_equal(config.additional.count, 1);
    assert_int_equal(config.begin_ms, 25200000);
    assert_int_equal(config.end_ms, 28800000);
    assert_int_equal(config.step_ms, 500);
    sumo_config_release(&config);

    (void)scratch_write(scratch, "x.net.xml", CROSSROADS);
    (void)scratch_write(scratch, "x.add.xml", "<additional><inductionLoop id=\"one\" lane=\"a_0\" "
                        "pos=\"5\"/></additional>");
    struct import_options options = IMPORT_OPTIONS_DEFAULT;
    struct network_draft draft = { 0 };
    assert_int_equal(sumo_read(path, &options, &draft, NULL, &problem), STATUS_OK);
    assert_int_equal(draft.detectors.count, 1);       // its additional file was read
    draft_release(&draft);

    static const char *const BROKEN[] = { "<configuration><time/></configuration>", "<configuration>",
        "<configuration><net-file value=\"x\"/><begin value=\"noon\"/></configuration>",
        "<configuration><net-file value=\"x\"/><step-length value=\"0\"/></configuration>" };
    for (size_t i = 0; i < sizeof BROKEN / sizeof *BROKEN; i++) {
        assert_int_not_equal(sumo_config_read(scratch_write(scratch, "y.sumocfg", BROKEN[i]), &config, &problem),
                             STATUS_OK);
        assert_non_null(strstr(problem.text, "y.sumocfg"));
    }
    assert_int_equal(sumo_config_read(scratch_path(scratch, "none.sumocfg"), &config, &problem), STATUS_IO);
}

static void times(void **state)
{
    (void)state;
    static const struct { const char *text; int64_t ms; } GOOD[] = {
        { "0", 0 }, { "25200", 25200000 }, { "12.5", 12500 }, { "-3", -3000 }, { "1:02:03", 3723000 },
            { "2:00:00:00.5", 172800500 },
    };
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        int64_t ms = -1;
        assert_true(sumo_time_parse(GOOD[i].text, &ms));
        assert_int_equal(ms, GOOD[i].ms);
    }
    static const char *const BAD[] = { "", "x", "1:", ":1", "1:2", "1:2:3:4:5", "nan", "inf", "1e30", "5 s", "1::2" };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        int64_t ms = 42;
        assert_false(sumo_time_parse(BAD[i], &ms));
        assert_int_equal(ms, 42);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(roads_and_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(programs, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_yields_at_a_zipper, setup, teardown),
        cmocka_unit_test_setup_teardown(programs_that_follow_the_traffic_are_actuated, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_played_as_in_sumo_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(without_inner_lanes, setup, teardown),
        cmocka_unit_test_setup_teardown(users_of_lanes, setup, teardown),
        cmocka_unit_test_setup_teardown(left_hand_traffic, setup, teardown),
        cmocka_unit_test_setup_teardown(detectors_of_additional_files, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_has_file_and_line, setup, teardown),
        cmocka_unit_test_setup_teardown(errors_of_additional_files_name_them, setup, teardown),
        cmocka_unit_test_setup_teardown(every_truncation_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(random_damage_crashes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(configurations, setup, teardown),
        cmocka_unit_test(times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
