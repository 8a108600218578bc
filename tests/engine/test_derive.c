// Goal: what is derived from a program is what traffic engineering says, by numbers worked out here; and for random
// stars of roads with random programs, whatever is imported keeps every rule of the guard and shows what its file
// shows.

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/guard/guard.h"
#include "engine/import/derive.h"
#include "engine/import/intergreens.h"
#include "engine/import/sumo.h"
#include "engine/model/lamp.h"
#include "engine/model/units.h"
#include "tests/engine/crossroads.h"
#include "tests/engine/scratch.h"
#include "tests/engine/stars.h"

struct fixture {
    struct scratch scratch;
    struct import_options options;
    struct network network;           // what was imported last
    struct import_report report;
    struct problem problem;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    scratch_create(&fixture->scratch);
    fixture->options = IMPORT_OPTIONS_DEFAULT;
    *state = fixture;
    return 0;
}

static void forget(struct fixture *fixture)
{
    network_release(&fixture->network);
    import_report_release(&fixture->report);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    forget(fixture);
    scratch_release(&fixture->scratch);
    free(fixture);
    return 0;
}

static enum status import_text(struct fixture *fixture, const char *text)
{
    forget(fixture);
    return import_network(scratch_write(&fixture->scratch, "x.net.xml", text), &fixture->options, &fixture->network,
                          &fixture->report, &fixture->problem);
}

// The crossroads with the phases between <tlLogic> and </tlLogic>.
static enum status import_phases(struct fixture *fixture, const char *phases)
{
    char text[8192];
    int length = snprintf(text, sizeof text, "%s<tlLogic id=\"J\" type=\"static\" programID=\"0\" offset=\"7\">\n%s"
                          "</tlLogic>\n%s", CROSSROADS_HEAD, phases, CROSSROADS_TAIL);
    assert_true(length > 0 && (size_t)length < sizeof text);
    return import_text(fixture, text);
}

static void import_well(struct fixture *fixture, const char *phases)
{
    if (import_phases(fixture, phases) != STATUS_OK) {
        fail_msg("%s", fixture->problem.text);
    }
}

static int32_t notes(const struct fixture *fixture, enum import_note note)
{
    int32_t count = 0;
    for (int32_t i = 0; i < fixture->report.lines.count; i++) {
        count += fixture->report.lines.at[i].note == note;
    }
    return count;
}

// The seconds that the report says were added.
static double seconds_added(const struct fixture *fixture)
{
    double sum_s = 0.0;
    for (int32_t i = 0; i < fixture->report.lines.count; i++) {
        const struct import_line *line = &fixture->report.lines.at[i];
        if (line->note == NOTE_ADDED_TIME) {
            double seconds = 0.0;
            const char *number = strstr(line->text, "': ");
            assert_true(number != NULL && sscanf(number + 3, "%lf s added", &seconds) == 1);
            sum_s += seconds;
        }
    }
    return sum_s;
}

static int32_t intergreen(const struct fixture *fixture, int32_t from, int32_t to)
{
    return network_intergreen_ms(&fixture->network, &fixture->network.intersections[0], from, to);
}

// 30 s, 3 s yellow, 2 s all-red, 20 s, 4 s yellow, 1 s all-red: all of it is the site's.
static void a_safe_program_is_the_sites(void **state)
{
    struct fixture *fixture = *state;
    import_well(fixture,
        "<phase duration=\"30\" state=\"Gr\" minDur=\"8\" maxDur=\"40\"/><phase duration=\"3\" state=\"yr\"/>\n"
        "<phase duration=\"2\" state=\"rr\"/><phase duration=\"20\" state=\"rG\"/>\n"
        "<phase duration=\"4\" state=\"ry\"/><phase duration=\"1\" state=\"rr\"/>\n");
    const struct network *network = &fixture->network;
    const struct intersection *at = &network->intersections[0];
    assert_int_equal(network->intersection_count, 1);
    assert_int_equal(at->group_count, 2);
    assert_int_equal(at->stage_count, 2);
    assert_int_equal(at->cycle_ms, 60000);
    assert_int_equal(at->offset_ms, 7000);
    assert_int_equal(at->quantum_ms, 1000);
    assert_int_equal(at->coordinated_stage, 0);
    assert_int_equal(network->groups[0].yellow_ms, 3000);
    assert_int_equal(network->groups[1].yellow_ms, 4000);
    assert_int_equal(network->groups[0].red_clearance_ms, 2000);
    assert_int_equal(network->groups[1].red_clearance_ms, 1000);
    assert_int_equal(intergreen(fixture, 0, 1), 5000);
    assert_int_equal(intergreen(fixture, 1, 0), 5000);
    assert_int_equal(intergreen(fixture, 0, 0), -1);
    assert_int_equal(network->stages[0].program_phase, 0);
    assert_int_equal(network->stages[1].program_phase, 3);
    assert_int_equal(network->stages[0].green_ms_min, 8000);
    assert_int_equal(network->stages[0].green_ms_max, 40000);
    assert_int_equal(network->stages[1].green_ms_min, GREEN_MS_MIN_DEFAULT);
    assert_int_equal(network->program_greens[0].start_ms, 0);
    assert_int_equal(network->program_greens[0].end_ms, 30000);
    assert_int_equal(network->program_greens[1].start_ms, 35000);
    assert_int_equal(network->program_greens[1].end_ms, 55000);
    assert_int_equal(notes(fixture, NOTE_ADDED_TIME), 0);
}

// Vehicles 1.8 m wide cross in the middle of paths of 20 m: common from 8.2 to 11.8 m. The matrix: c -> d yields.
static void foes_come_from_the_paths(void **state)
{
    struct fixture *fixture = *state;
    import_well(fixture, "<phase duration=\"30\" state=\"Gr\"/><phase duration=\"3\" state=\"yr\"/>"
                         "<phase duration=\"20\" state=\"rG\"/><phase duration=\"3\" state=\"ry\"/>");
    const struct network *network = &fixture->network;
    assert_int_equal(network->foe_count, 2);
    for (int i = 0; i < 2; i++) {
        const struct foe *foe = &network->foes[network->connections[i].first_foe];
        assert_int_equal(foe->connection, 1 - i);
        assert_false(foe->merges);
        assert_int_equal(foe->yields, i == 1);
        assert_true(fabs(foe->enter_m - 8.2) < 0.11 && fabs(foe->leave_m - 11.8) < 0.11);
    }
}

// No change is shown: 3 s yellow at 13.89 m/s, intergreen 3 + (11.8 + 6) / 10 - 8.2 / 11.1 = 4.04 s, in whole seconds
// 5. Both changes are lengthened by it: 30 + 5 + 20 + 5.
static void a_program_without_changes_gets_the_profiles(void **state)
{
    struct fixture *fixture = *state;
    import_well(fixture, "<phase duration=\"30\" state=\"Gr\"/><phase duration=\"20\" state=\"rG\"/>");
    assert_int_equal(fixture->network.groups[0].yellow_ms, 3000);
    assert_int_equal(intergreen(fixture, 0, 1), 5000);
    assert_int_equal(intergreen(fixture, 1, 0), 5000);
    assert_int_equal(fixture->network.intersections[0].cycle_ms, 60000);
    assert_int_equal(notes(fixture, NOTE_ADDED_TIME), 2);
    assert_true(seconds_added(fixture) == 10.0);
    assert_int_equal(fixture->network.program_greens[1].start_ms, 35000);
}

// 3, 4 and 5 s of yellow at 50, 60 and 70 km/h.
static void yellow_by_speed(void **state)
{
    struct fixture *fixture = *state;
    static const struct { const char *speed; int32_t yellow_ms; } CASES[] = {
        { "8.33", 3000 }, { "13.89", 3000 }, { "16.67", 4000 }, { "19.44", 5000 }, { "27.78", 5000 },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char text[8192], lane[100];
        (void)snprintf(lane, sizeof lane, "<lane id=\"a_0\" index=\"0\" speed=\"%s\"", CASES[i].speed);
        const char *old = "<lane id=\"a_0\" index=\"0\" speed=\"13.89\"";
        const char *at = strstr(CROSSROADS_HEAD, old);
        assert_non_null(at);
        (void)snprintf(text, sizeof text, "%.*s%s%s<tlLogic id=\"J\" type=\"static\" programID=\"0\"><phase "
                       "duration=\"30\" "
                       "state=\"Gr\"/><phase duration=\"30\" state=\"rG\"/></tlLogic>%s", (int)(at - CROSSROADS_HEAD),
                       CROSSROADS_HEAD, lane, at + strlen(old), CROSSROADS_TAIL);
        assert_int_equal(import_text(fixture, text), STATUS_OK);
        assert_int_equal(fixture->network.groups[0].yellow_ms, CASES[i].yellow_ms);
        assert_int_equal(fixture->network.groups[1].yellow_ms, 3000);
        assert_true(intergreen(fixture, 0, 1) >= CASES[i].yellow_ms);
    }
}

// What is shown is kept where it is safe and only there: { yellow, all-red shown, yellow, intergreen, seconds added }.
static void unsafe_yellows(void **state)
{
    struct fixture *fixture = *state;
    static const struct { int yellow_s, red_s; int32_t yellow_ms, intergreen_ms; double added_s; } CASES[] = {
        { 3, 0, 3000, 3000, 0.0 },      // safe by itself
        { 2, 3, 3000, 5000, 0.0 },      // too short a yellow, but the gap of 5 s has room for 3 s
        { 2, 0, 3000, 5000, 3.0 },      // no room: the profile's 4.04 s, rounded up
        { 1, 2, 3000, 3000, 0.0 },      // just room
        { 6, 1, 6000, 7000, 0.0 },      // the longest yellow
        { 8, 0, 3000, 8000, 0.0 },      // too long: the profile's yellow, then red; the gap stays
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char phases[600], red[80] = "";
        if (CASES[i].red_s > 0) {
            (void)snprintf(red, sizeof red, "<phase duration=\"%d\" state=\"rr\"/>", CASES[i].red_s);
        }
        (void)snprintf(phases, sizeof phases, "<phase duration=\"30\" state=\"Gr\"/><phase duration=\"%d\" "
                       "state=\"yr\"/>%s"
                       "<phase duration=\"20\" state=\"rG\"/><phase duration=\"3\" state=\"ry\"/>", CASES[i].yellow_s,
                           red);
        import_well(fixture, phases);
        assert_int_equal(fixture->network.groups[0].yellow_ms, CASES[i].yellow_ms);
        assert_int_equal(intergreen(fixture, 0, 1), CASES[i].intergreen_ms);
        assert_true(seconds_added(fixture) == CASES[i].added_s);
    }
}

// Group 0 goes on while group 1 turns beside it and stays longer, so the program never changes from group 0 to group 2,
// which crosses both. It clears as the intersection does elsewhere; where nothing is shown, as the profile asks.
static void a_change_that_is_never_shown_clears_as_the_others(void **state)
{
    (void)state;
    static const struct { int32_t all_red_ms, intergreen_ms; } CASES[] = { { 0, 3000 }, { 2000, 5000 } };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct timeline timeline = { .at = {
            { .duration_ms = 30000, .phase = 0, .green = 3 },
            { .duration_ms = 3000, .phase = 1, .green = 2, .yellow = 1 },
            { .duration_ms = 8000, .phase = 2, .green = 2 }, { .duration_ms = 3000, .phase = 3, .yellow = 2 },
            { .duration_ms = 20000, .phase = 4, .green = 4 },
            { .duration_ms = 3000, .phase = 5, .yellow = 4 }, { .duration_ms = CASES[i].all_red_ms, .phase = 6 } },
            .count = CASES[i].all_red_ms > 0 ? 7 : 6 };
        struct change_rules rules = { .quantum_ms = 1000, .group_count = 3, .yellow_ms = { 3000, 3000, 3000 } };
        for (int32_t turn = 0; turn < 2; turn++) {
            rules.conflict[turn][2] = rules.conflict[2][turn] = true;
            rules.profile_ms[turn][2] = rules.profile_ms[2][turn] = 7000;
        }
        intergreens_choose(&timeline, -1, &rules);
        assert_int_equal(rules.intergreen_ms[0][2], CASES[i].intergreen_ms);
        assert_int_equal(rules.intergreen_ms[1][2], 3000);                     // shown
        assert_int_equal(rules.intergreen_ms[2][0], CASES[i].intergreen_ms);   // shown
        timeline.at[3].duration_ms = 0;                                        // nowhere any clearance
        timeline.count = 5;
        intergreens_choose(&timeline, -1, &rules);
        assert_int_equal(rules.intergreen_ms[0][2], 7000);
        assert_int_equal(rules.intergreen_ms[1][2], 7000);
    }
}

// A green of 3 s grows to the minimum of 5 s; what stands beside it grows along.
static void short_greens_grow(void **state)
{
    struct fixture *fixture = *state;
    import_well(fixture, "<phase duration=\"3\" state=\"Gr\"/><phase duration=\"3\" state=\"yr\"/>"
                         "<phase duration=\"20\" state=\"rG\"/><phase duration=\"3\" state=\"ry\"/>");
    assert_int_equal(fixture->network.intersections[0].cycle_ms, 31000);
    assert_int_equal(fixture->network.program_greens[0].end_ms, 5000);
    assert_true(seconds_added(fixture) == 2.0);
}

static void intergreens_for_studies(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.intergreen_ms = 7000;
    const char *phases = "<phase duration=\"30\" state=\"Gr\"/><phase duration=\"3\" state=\"yr\"/>"
                         "<phase duration=\"20\" state=\"rG\"/><phase duration=\"4\" state=\"ry\"/>";
    import_well(fixture, phases);
    assert_int_equal(intergreen(fixture, 0, 1), 7000);
    assert_int_equal(intergreen(fixture, 1, 0), 7000);
    assert_int_equal(fixture->network.intersections[0].cycle_ms, 30000 + 7000 + 20000 + 7000);
    fixture->options.intergreen_ms = 1000;           // never below the yellow
    import_well(fixture, phases);
    assert_int_equal(intergreen(fixture, 0, 1), 3000);
    assert_int_equal(intergreen(fixture, 1, 0), 4000);
    assert_true(seconds_added(fixture) == 0.0);
}

static void major_green_against_major_green(void **state)
{
    struct fixture *fixture = *state;
    const char *end = "<phase duration=\"3\" state=\"yy\"/><phase duration=\"9\" state=\"rr\"/>";
    char phases[300];
    (void)snprintf(phases, sizeof phases, "<phase duration=\"9\" state=\"rr\"/><phase duration=\"30\" "
                   "state=\"GG\"/>%s", end);
    assert_int_equal(import_phases(fixture, phases), STATUS_SYNTAX);
    assert_non_null(strstr(fixture->problem.text, "x.net.xml: intersection 'J' phase 1: links 0 and 1 cross"));
    assert_int_equal(fixture->network.link_count, 0);

    // One of them minor: permissive, and that one yields, whatever the matrix says.
    static const char *const STATES[] = { "Gg", "gG" };
    for (int i = 0; i < 2; i++) {
        (void)snprintf(phases, sizeof phases, "<phase duration=\"30\" state=\"%s\"/><phase duration=\"20\" "
                       "state=\"rG\"/>%s",
                       STATES[i], end);
        import_well(fixture, phases);
        assert_int_equal(fixture->network.intersections[0].group_count, 2);
        assert_int_equal(intergreen(fixture, 0, 1), -1);
        const struct network *network = &fixture->network;
        assert_int_equal(network->foes[network->connections[0].first_foe].yields, i == 1);
        assert_int_equal(network->foes[network->connections[1].first_foe].yields, i == 0);
    }
}

static void letters_without_a_group(void **state)
{
    struct fixture *fixture = *state;
    // Always green: no head, the signs rule. The other one has a head of its own.
    import_well(fixture, "<phase duration=\"30\" state=\"Gg\"/><phase duration=\"3\" state=\"yg\"/>"
                         "<phase duration=\"20\" state=\"rg\"/>");
    assert_int_equal(fixture->network.group_count, 1);
    assert_int_equal(fixture->network.connection_count, 2);
    assert_int_equal(fixture->network.connections[1].group, INDEX_NONE);
    // Never green: closed.
    import_well(fixture, "<phase duration=\"30\" state=\"Gr\"/><phase duration=\"3\" state=\"yr\"/>"
                         "<phase duration=\"20\" state=\"rr\"/>");
    assert_int_equal(fixture->network.connection_count, 1);
    assert_int_equal(notes(fixture, NOTE_WARNING), 1);
    // Only ever "turn after a stop".
    import_well(fixture, "<phase duration=\"30\" state=\"Gr\"/><phase duration=\"3\" state=\"yr\"/>"
                         "<phase duration=\"20\" state=\"rs\"/>");
    assert_int_equal(fixture->network.connection_count, 2);
    assert_true(fixture->network.connections[1].right_on_red);
    assert_int_equal(fixture->network.connections[1].group, INDEX_NONE);
    // All off: no intersection at all.
    import_well(fixture, "<phase duration=\"30\" state=\"Oo\"/>");
    assert_int_equal(fixture->network.intersection_count, 0);
    assert_int_equal(fixture->network.junctions[0].kind, JUNCTION_PRIORITY);
}

// The same set of groups in two phases is one stage; a group green through several phases has one green.
static void stages_are_sets(void **state)
{
    struct fixture *fixture = *state;
    import_well(fixture,
        "<phase duration=\"10\" state=\"Gr\" minDur=\"6\" maxDur=\"20\"/><phase duration=\"15\" state=\"gr\" "
            "minDur=\"4\"/>"
        "<phase duration=\"3\" state=\"yr\"/><phase duration=\"10\" state=\"rG\"/><phase duration=\"3\" state=\"ry\"/>"
        "<phase duration=\"12\" state=\"Gr\" maxDur=\"90\"/><phase duration=\"3\" state=\"yr\"/>"
        "<phase duration=\"10\" state=\"rG\"/><phase duration=\"3\" state=\"ry\"/>");
    assert_int_equal(fixture->network.intersections[0].stage_count, 2);
    assert_int_equal(fixture->network.intersections[0].green_count, 4);
    assert_int_equal(fixture->network.program_greens[0].end_ms, 25000);
    assert_int_equal(fixture->network.stages[0].green_ms_min, 4000);
    assert_int_equal(fixture->network.stages[0].green_ms_max, 90000);
}

// A loop 1 m before the line and one 40 m before it; views of 200 m of driving: 90 m of `a`, then 109.9 m of the link
// before it.
static void sensors_where_the_file_has_none(void **state)
{
    struct fixture *fixture = *state;
    char text[8192];
    (void)snprintf(text, sizeof text, "%s%s%s%s", CROSSROADS_HEAD,
        "<edge id=\"f\" from=\"V\" to=\"W\" priority=\"2\"><lane id=\"f_0\" index=\"0\" speed=\"13.89\" "
            "length=\"150.00\" shape=\"-250.00,0.00 -100.00,0.00\"/></edge>\n" CROSSROADS_PROGRAM,
        "<junction id=\"V\" type=\"dead_end\" x=\"-250\" y=\"0\" incLanes=\"\" intLanes=\"\"/>\n"
        "<connection from=\"f\" to=\"a\" fromLane=\"0\" toLane=\"0\" dir=\"s\" state=\"M\"/>\n", CROSSROADS_TAIL);
    assert_int_equal(import_text(fixture, text), STATUS_OK);
    const struct network *network = &fixture->network;
    assert_int_equal(network->detector_count, 4);
    const struct detector *stop = &network->detectors[network_find_detector(network, "a_0/stop").index];
    const struct detector *advance = &network->detectors[network_find_detector(network, "a_0/advance").index];
    assert_true(stop->to_stop_m == 1.0 && stop->place == DETECTOR_STOP_LINE && stop->intersection == 0);
    assert_true(advance->to_stop_m == 40.0 && advance->place == DETECTOR_ADVANCE);
    assert_int_equal(network->camera_count, 3);
    double view_m[2] = { 0.0, 0.0 };
    for (int32_t i = 0; i < network->camera_count; i++) {
        const struct camera *camera = &network->cameras[i];
        const char *name = network_name(network, camera->name);
        if (strcmp(name, "a_0/camera") == 0) {
            assert_true(camera->to_stop_m == 0.0);
            view_m[0] = camera->view_m;
        } else if (strcmp(name, "f_0/camera") == 0) {
            assert_true(fabs(camera->to_stop_m - 90.1) < 1e-6);
            view_m[1] = camera->view_m;
        }
    }
    assert_true(view_m[0] == 90.0 && fabs(view_m[1] - 109.9) < 1e-6);
}

// The program, offered while it runs, breaks no rule.
static void assert_guard_passes(const struct network *network)
{
    struct guard *guard = NULL;
    struct problem problem;
    if (guard_create(network, &guard, &problem) != STATUS_OK) {
        fail_msg("%s", problem.text);
    }
    struct green greens[PLAN_GREEN_COUNT_MAX];
    struct plan running, next;
    plan_from_program(network, (struct intersection_id){ 0 }, greens, &running);
    const int64_t now_ms = 1000000;
    running.version = (struct plan_version){ 1, 1, 1 };
    running.valid_from_ms = 0;
    running.valid_until_ms = now_ms + 3600000;
    running.site_hash = network->intersections[0].site_hash;
    next = running;
    next.version.sequence = 2;
    next.valid_from_ms = now_ms + 5000;
    struct controller_report report = { .time_ms = now_ms, .mode = CONTROLLER_PLAN, .running = running.version,
        .stage = INDEX_NONE, .group_count = network->intersections[0].group_count };
    for (int32_t g = 0; g < report.group_count; g++) {
        int64_t since_ms = 0;
        report.aspect[g] = (uint8_t)lamp_aspect(network, &running, g, now_ms, &since_ms);
        report.age_ms[g] = (int32_t)(now_ms - (since_ms < 0 ? 0 : since_ms));
    }
    struct guard_request request = { .candidate = &next, .running = { &running }, .running_count = 1, .report = &report,
        .now_ms = now_ms };
    struct guard_refusal refusal;
    if (guard_check(guard, &request, &refusal) != GUARD_PASSED) {
        char text[512];
        guard_explain(network, 0, &refusal, text, sizeof text);
        fail_msg("%s", text);
    }
    guard_release(guard);
}

static void assert_consistent(const struct network *network)
{
    const struct intersection *at = &network->intersections[0];
    uint64_t served = 0;
    for (int32_t s = 0; s < at->stage_count; s++) {
        served |= network->stages[at->first_stage + s].groups;
    }
    assert_true(served == (UINT64_C(1) << at->group_count) - 1);
    for (int32_t i = 0; i < network->connection_count; i++) {
        const struct connection *connection = &network->connections[i];
        for (int32_t f = 0; f < connection->foe_count; f++) {
            const struct foe *foe = &network->foes[connection->first_foe + f];
            const struct connection *other = &network->connections[foe->connection];
            bool mirrored = false;
            for (int32_t b = 0; b < other->foe_count; b++) {
                const struct foe *back = &network->foes[other->first_foe + b];
                mirrored |= back->connection == i && back->yields != foe->yields && back->merges == foe->merges;
            }
            assert_true(mirrored);        // exactly one of two foes yields
            assert_true(foe->enter_m >= 0.0 && foe->enter_m <= foe->leave_m && foe->leave_m <= connection->length_m);
        }
    }
}

static bool shows_green(const struct star *star, int letter, int t_s)
{
    int cycle_s = 0;
    for (int p = 0; p < star->phases; p++) {
        cycle_s += star->duration_s[p];
    }
    int left_s = (t_s - 3 + 100 * cycle_s) % cycle_s;   // its offset is 3 s
    for (int p = 0;; p++) {
        if (left_s < star->duration_s[p]) {
            return star->states[p][letter] == 'g' || star->states[p][letter] == 'G';
        }
        left_s -= star->duration_s[p];
    }
}

static void assert_same_greens(const struct network *network, const struct star *star)
{
    struct green greens[PLAN_GREEN_COUNT_MAX];
    struct plan plan;
    plan_from_program(network, (struct intersection_id){ 0 }, greens, &plan);
    for (int32_t i = 0; i < network->connection_count; i++) {
        const struct connection *connection = &network->connections[i];
        int cycle_s = connection->group == INDEX_NONE ? 0 : network->intersections[0].cycle_ms / MS_PER_S;
        for (int t_s = 0; t_s < cycle_s; t_s++) {
            bool green = lamp_aspect(network, &plan, connection->group, t_s * MS_PER_S, NULL) == ASPECT_GREEN;
            assert_int_equal(green, shows_green(star, connection->link_index, t_s));
        }
    }
}

static void random_programs_keep_every_rule(void **state)
{
    struct fixture *fixture = *state;
    int32_t imported = 0, refused = 0, unchanged = 0;
    for (uint64_t round = 0; round < 1500; round++) {
        struct star star = star_random(round);
        char *text = star_text(&star);
        fixture->options.derived_stages = round % 2 == 1;
        enum status status = import_text(fixture, text);
        free(text);
        if (status != STATUS_OK) {
            assert_true(status == STATUS_SYNTAX && strstr(fixture->problem.text, "cross and both have") != NULL);
            refused++;
            continue;
        }
        if (fixture->network.intersection_count == 0) {
            continue;
        }
        imported++;
        assert_guard_passes(&fixture->network);
        assert_consistent(&fixture->network);
        int32_t own_ms = 0;
        for (int p = 0; p < star.phases; p++) {
            own_ms += star.duration_s[p] * MS_PER_S;
        }
        assert_int_equal(fixture->network.intersections[0].cycle_ms, own_ms + ms_from_s(seconds_added(fixture)));
        if (fixture->network.intersections[0].cycle_ms == own_ms) {
            unchanged++;
            assert_same_greens(&fixture->network, &star);
        }
    }
    assert_true(imported > 300 && refused > 50 && unchanged > 50);
}

static bool compatible(const struct network *network, uint64_t groups)
{
    const struct intersection *at = &network->intersections[0];
    for (int32_t i = 0; i < at->group_count; i++) {
        for (int32_t j = 0; j < at->group_count; j++) {
            if ((groups >> i & 1) && (groups >> j & 1) && network_intergreen_ms(network, at, i, j) >= 0) {
                return false;
            }
        }
    }
    return true;
}

// Against trying every set of groups.
static void derived_stages_are_the_largest_sets(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.derived_stages = true;
    int32_t seen = 0;
    for (uint64_t round = 0; round < 400; round++) {
        struct star star = star_random(round);
        char *text = star_text(&star);
        enum status status = import_text(fixture, text);
        free(text);
        if (status != STATUS_OK || fixture->network.intersection_count == 0
            || fixture->network.intersections[0].group_count > 10) {
            continue;
        }
        const struct network *network = &fixture->network;
        const struct intersection *at = &network->intersections[0];
        int32_t largest = 0, found = 0;
        for (uint64_t set = 1; set < UINT64_C(1) << at->group_count; set++) {
            bool maximal = compatible(network, set);
            for (int32_t g = 0; maximal && g < at->group_count; g++) {
                maximal = (set >> g & 1) || !compatible(network, set | UINT64_C(1) << g);
            }
            largest += maximal;
            for (int32_t s = 0; maximal && s < at->stage_count; s++) {
                found += network->stages[at->first_stage + s].groups == set;
            }
        }
        assert_int_equal(found, largest);
        seen++;
    }
    assert_true(seen > 50);
}

// 72 movements, each with a phase of its own, are more groups than a stage has bits.
static void too_many_groups(void **state)
{
    struct fixture *fixture = *state;
    struct star star = { .arms = 9, .letters = 72 };
    char phase[80] = "";
    memset(phase, 'r', 72);
    for (int p = 0; p < 36; p++) {                   // letters p and p + 36 differ by a phase that all others share
        phase[p] = 'g';
        phase_add(&star, phase, 10);
        phase[p] = 'r';
    }
    memset(phase + 36, 'g', 36);
    phase_add(&star, phase, 10);
    memset(phase + 36, 'r', 36);
    for (int p = 0; p < 3; p++) {
        for (int i = 0; i < 36; i++) {
            phase[36 + i] = (i >> p & 1) ? 'g' : 'r';
        }
        phase_add(&star, phase, 10);
    }
    char *text = star_text(&star);
    assert_int_equal(import_text(fixture, text), STATUS_OK);      // 36 + 8 groups
    assert_int_equal(fixture->network.intersections[0].group_count, 44);
    free(text);
    star.phases = 0;
    for (int p = 0; p < 7; p++) {   // letter numbers in binary: 71 patterns, one never green
        for (int i = 0; i < 72; i++) {
            phase[i] = (i >> p & 1) ? 'g' : 'r';
        }
        phase_add(&star, phase, 10);
    }
    text = star_text(&star);
    assert_int_equal(import_text(fixture, text), STATUS_LIMIT);
    assert_non_null(strstr(fixture->problem.text, "71 signal groups, more than 64"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_safe_program_is_the_sites, setup, teardown),
        cmocka_unit_test_setup_teardown(foes_come_from_the_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(a_program_without_changes_gets_the_profiles, setup, teardown),
        cmocka_unit_test_setup_teardown(yellow_by_speed, setup, teardown),
        cmocka_unit_test_setup_teardown(unsafe_yellows, setup, teardown),
        cmocka_unit_test(a_change_that_is_never_shown_clears_as_the_others),
        cmocka_unit_test_setup_teardown(short_greens_grow, setup, teardown),
        cmocka_unit_test_setup_teardown(intergreens_for_studies, setup, teardown),
        cmocka_unit_test_setup_teardown(major_green_against_major_green, setup, teardown),
        cmocka_unit_test_setup_teardown(letters_without_a_group, setup, teardown),
        cmocka_unit_test_setup_teardown(stages_are_sets, setup, teardown),
        cmocka_unit_test_setup_teardown(sensors_where_the_file_has_none, setup, teardown),
        cmocka_unit_test_setup_teardown(random_programs_keep_every_rule, setup, teardown),
        cmocka_unit_test_setup_teardown(derived_stages_are_the_largest_sets, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many_groups, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
