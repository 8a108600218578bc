// Goal: what export writes changes nothing when it is laid over again; each kind of value can be changed and is seen
// where it belongs; whatever is wrong is told with file, line and remedy, and then nothing at all has changed; an
// approval holds exactly as long as the data that were signed.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/random.h"
#include "engine/import/site_data.h"
#include "tests/engine/crossings.h"

#define TEXT_BYTES 65536

static struct crossings made;
static char written[TEXT_BYTES];   // crossing 1 as export writes it
static size_t written_bytes;

static int build(void **state)
{
    (void)state;
    crossings_build(&made, 2, 400.0);
    FILE *file = fmemopen(written, sizeof written, "w");
    if (file == NULL) {
        return -1;
    }
    site_write(&made.network, (struct intersection_id){ 1 }, file);
    (void)fclose(file);
    written_bytes = strlen(written);
    return 0;
}

static int release(void **state)
{
    (void)state;
    network_release(&made.network);
    return 0;
}

// Applies a text to a copy. On failure the copy must be as it was.
static enum status apply(const char *text, struct network *ret, struct problem *problem)
{
    network_copy(&made.network, ret);
    problem->text[0] = '\0';
    enum status status = site_apply_text(ret, text, strlen(text), "site/c1.yaml", problem);
    if (status != STATUS_OK) {
        assert_true(strncmp(problem->text, "site/c1.yaml: ", 14) == 0);
        struct problem after;
        assert_int_equal(network_finish(ret, "after", &after), STATUS_OK);
        assert_true(ret->hash == made.network.hash);
    }
    return status;
}

static void refused(const char *text, const char *place, const char *what)
{
    struct network network;
    struct problem problem;
    if (apply(text, &network, &problem) == STATUS_OK) {
        fail_msg("taken, and it should not be: %s", text);
    }
    network_release(&network);
    if (strstr(problem.text, place) == NULL || strstr(problem.text, what) == NULL) {
        fail_msg("'%s' says nothing of '%s' and '%s'", problem.text, place, what);
    }
}

static void export_changes_nothing(void **state)
{
    (void)state;
    struct network network;
    struct problem problem;
    if (apply(written, &network, &problem) != STATUS_OK) {
        fail_msg("%s", problem.text);
    }
    assert_true(network.intersections[1].site_hash == made.network.intersections[1].site_hash);
    struct import_report lines = { { 0 } };
    site_diff(&made.network, &network, &lines);
    assert_int_equal(lines.lines.count, 1);   // The approval alone: export signs nothing.
    assert_string_equal(lines.lines.at[0].text, "crossing1_0: no longer approved");
    import_report_release(&lines);
    network_release(&network);
}

static const char EVERYTHING[] =
    "intersection: crossing1_0\n"
    "owner: City\n"
    "quantum_s: 0.5\n"
    "cycle_s: {min: 40, max: 150}\n"
    "fallback: actuated\n"
    "coordinated_stage: stage1_2\n"
    "corridors: [High Street, Ring]\n"
    "groups:\n"
    "  group1_0: {green_s: {min: 6, max: 50}, red_s: {max: 90, emergency: 200}, yellow_s: 3.5, red_clearance_s: 1.5, "
    "on_call: true}\n"
    "intergreens_s:\n"
    "  group1_0: {group1_4: 6, group1_7: none, group1_1: 5}\n"
    "  group1_7: {group1_0: none}\n"
    "  group1_1: {group1_0: 4}\n"
    "stages:\n"
    "  stage1_0: {groups: [group1_0, group1_8]}\n"
    "  stage1_5: {allowed: false}\n"
    "  night: {groups: [group1_0], green_s: {min: 10, max: 20}}\n"
    "program:\n"
    "  cycle_s: 60\n"
    "  offset_s: 3.5\n"
    "  greens:\n"
    "    - {group: group1_6, stage: stage1_7, from_s: 30, to_s: 52}\n"
    "    - {group: group1_0, stage: night, from_s: 0, to_s: 20}\n"
    "detectors:\n"
    "  new1: {link: link0_0, lane: 1, to_stop_m: 30, place: exit}\n";

// Groups 0 and 4 begin at row 9 and 13 of the network; the old stage 7 is the sixth after the removal of stage 5.
static void takes_every_kind_of_value(void **state)
{
    (void)state;
    struct network network;
    struct problem problem;
    if (apply(EVERYTHING, &network, &problem) != STATUS_OK) {
        fail_msg("%s", problem.text);
    }
    const struct intersection *at = &network.intersections[1];
    assert_int_equal(at->quantum_ms, 500);
    assert_int_equal(at->cycle_ms_max, 150000);
    assert_true(at->falls_back_to_actuated);
    assert_false(network.intersections[0].falls_back_to_actuated);
    assert_int_equal(at->coordinated_stage, 2);
    assert_int_equal(at->corridors, 3);
    assert_int_equal(network.intersections[0].corridors, 0);
    assert_string_equal(names_text(&network.corridors, 1), "Ring");
    assert_int_equal(network.groups[9].green_ms_min, 6000);
    assert_int_equal(network.groups[9].red_ms_max_emergency, 200000);
    assert_int_equal(network.groups[9].yellow_ms, 3500);
    assert_int_equal(network.groups[9].red_clearance_ms, 1500);
    assert_true(network.groups[9].on_call);
    assert_false(network.groups[10].on_call);
    assert_int_equal(network_intergreen_ms(&network, at, 0, 4), 6000);
    assert_int_equal(network_intergreen_ms(&network, at, 0, 7), -1);
    assert_int_equal(network_intergreen_ms(&network, at, 0, 1), 5000);
    assert_int_equal(network_intergreen_ms(&network, at, 1, 0), 4000);
    assert_int_equal(network_intergreen_ms(&network, at, 0, 5), 5000);   // Not named: as before.
    assert_int_equal(at->stage_count, 8);
    assert_string_equal(network_name(&network, network.stages[at->first_stage + 7].name), "night");
    assert_int_equal(network.stages[at->first_stage + 7].groups, 1);
    assert_int_equal(at->green_count, 2);
    const struct program_green *green = &network.program_greens[at->first_green];
    assert_int_equal(green[0].stage, 7);
    assert_int_equal(green[1].stage, 6);
    assert_int_equal(green[1].end_ms, 52000);
    struct detector_id detector = network_find_detector(&network, "new1");
    assert_int_equal(network.detectors[detector.index].lane, network.links[0].first_lane + 1);
    assert_int_equal(network.detectors[detector.index].place, DETECTOR_EXIT);
    assert_false(at->approved);
    assert_true(network.intersections[0].approved);
    assert_true(network.intersections[0].site_hash == made.network.intersections[0].site_hash);
    struct import_report lines = { { 0 } };
    site_diff(&made.network, &network, &lines);
    assert_true(lines.lines.count > 15);
    import_report_release(&lines);
    network_release(&network);
}

// A stage more or less moves the stages of every intersection after it.
static void stages_of_others_stay_theirs(void **state)
{
    (void)state;
    struct network network;
    struct problem problem;
    if (apply("intersection: crossing0_0\nstages: {stage0_7: {allowed: false}, stage0_6: {allowed: false}}\n", &network,
              &problem) != STATUS_OK) {
        fail_msg("%s", problem.text);
    }
    assert_int_equal(network.intersections[0].stage_count, 6);
    assert_int_equal(network.intersections[1].first_stage, 6);
    assert_true(network.intersections[1].site_hash == made.network.intersections[1].site_hash);
    network_release(&network);
}

#define C1 "intersection: crossing1_0\n"

static void tells_where_and_what(void **state)
{
    (void)state;
    refused("intersection: nowhere\n", "line 1", "'nowhere' is unknown");
    refused("owner: x\n", "line 1", "whose data");
    refused("", "c1.yaml", "empty");
    refused("- a\n- b\n", "line 1", "names with values");
    refused(C1 "groups: {a: b: c}\n", "line 2", "no YAML");
    refused(C1 "gruops: {}\n", "line 2", "key 'gruops' is unknown");
    refused(C1 "groups: {}\ngroups: {}\n", "line 3", "twice");
    refused(C1 "groups:\n  group9_9: {}\n", "line 3", "'group9_9' is unknown");
    refused(C1 "groups:\n  group1_0: {yelow_s: 3}\n", "line 3", "key 'yelow_s' is unknown; known here: kind, green_s");
    refused(C1 "groups:\n  group1_0:\n    yellow_s: 2.9\n", "line 3", "yellow");
    refused(C1 "groups:\n  group1_0:\n    yellow_s: 7\n", "line 3", "3 to 6 s");
    refused(C1 "groups:\n  group1_0:\n    yellow_s: fast\n", "line 4", "no number");
    refused(C1 "groups:\n  group1_0:\n    yellow_s: .nan\n", "line 4", "no number");
    refused(C1 "groups:\n  group1_0:\n    yellow_s: nan\n", "line 4", "out of range");
    refused(C1 "groups:\n  group1_0:\n    yellow_s: -3\n", "line 4", "out of range");
    refused(C1 "groups:\n  group1_0:\n    yellow_s: 3.0001\n", "line 4", "millisecond");
    refused(C1 "groups:\n  group1_0:\n    yellow_s: 3.1\n", "line 3", "multiple of the quantum");
    refused(C1 "groups:\n  group1_0:\n    kind: tank\n", "line 4", "one of: vehicle");
    refused(C1 "groups:\n  group1_0:\n    green_s: {min: 9, max: 8}\n", "line 4", "above maximum");
    refused(C1 "groups:\n  group1_0:\n    red_s: {max: 90, emergency: 80}\n", "line 4", "maximum red");
    refused(C1 "quantum_s: 0\n", "line 2", "quantum of 0");
    refused(C1 "quantum_s: 0.7\n", "line", "multiple");
    refused(C1 "cycle_s: [40, 120]\n", "line 2", "names with values");
    refused(C1 "fallback: flash\n", "line 2", "program or actuated");
    refused(C1 "coordinated_stage: S99\n", "line 2", "stage 'S99' is unknown");
    refused(C1 "corridors: Ring\n", "line 2", "list");
}

static void tells_what_contradicts(void **state)
{
    (void)state;
    refused(C1 "intergreens_s:\n  group1_0:\n    group1_1: 5\n", "line 4", "one order only");
    refused(C1 "intergreens_s:\n  group1_0:\n    group1_4: none\n", "line 4", "one order only");
    refused(C1 "intergreens_s:\n  group1_0:\n    group1_4: 2\n", "line 4", "shorter than the yellow");
    refused(C1 "intergreens_s:\n  group1_0:\n    group1_0: 5\n", "line 4", "with itself");
    refused(C1 "intergreens_s:\n  group1_0:\n    group1_4: 61\n", "line 4", "out of range");
    refused(C1 "groups:\n  group1_0: {yellow_s: 6}\n", "line 3", "shorter than the yellow");
    refused(C1 "stages:\n  stage1_0: {groups: [group1_0, group1_4]}\n", "line 3", "conflicting");
    refused(C1 "stages:\n  stage1_0: {groups: []}\n", "line 3", "no group");
    refused(C1 "stages:\n  more: {}\n", "line 3", "no group");
    refused(C1 "stages:\n  stage1_0: {allowed: false}\n", "line", "uses stage 'stage1_0'");
    refused(C1 "stages:\n  stage1_0: {allowed: perhaps}\n", "line 3", "one of: false true");
    refused(C1 "intergreens_s: {group1_0: {group1_3: 6}}\n", "c1.yaml",
            "'group1_3' starts 5 s after the end of 'group1_0'");
    refused(C1 "groups:\n  group1_0: {green_s: {min: 21, max: 60}}\n", "c1.yaml", "minimum is 21 s");
    refused(C1 "groups:\n  group1_0: {red_s: {max: 79, emergency: 240}}\n", "c1.yaml", "red for 80 s");
    refused(C1 "cycle_s: {min: 101, max: 120}\n", "c1.yaml", "outside the limits");
    refused(C1 "program: {offset_s: 100}\n", "line 2", "offset");
    refused(C1 "program: {greens: [{group: group1_0, stage: stage1_0, from_s: 0}]}\n", "line 2", "incomplete");
    refused(C1 "program: {greens: [{group: group1_0, stage: stage1_0, from_s: 0, to_s: 101}]}\n", "line 2",
            "0 to 101 s");
    refused(C1 "program: {greens: [{group: group1_0, stage: stage1_0, from_s: 0, to_s: 20},"
            " {group: group1_4, stage: stage1_2, from_s: 10, to_s: 40}]}\n", "c1.yaml", "green together");
    refused(C1 "program: {greens: [{group: group1_0, stage: stage1_0, from_s: 0, to_s: 20},"
            " {group: group1_0, stage: stage1_0, from_s: 90, to_s: 110}]}\n", "c1.yaml", "overlap");
    refused(C1 "program: {greens: [{group: group1_0, stage: stage1_0, from_s: 0, to_s: 20},"
            " {group: group1_4, stage: stage1_2, from_s: 40, to_s: 96}]}\n", "c1.yaml", "starts 4 s after");
}

static void tells_what_is_wrong_with_detectors(void **state)
{
    (void)state;
    refused(C1 "detectors:\n  d: {link: link0_0, lane: 0}\n", "line 3", "incomplete");
    refused(C1 "detectors:\n  d: {link: none, lane: 0, to_stop_m: 1}\n", "line 3", "'none' is unknown");
    refused(C1 "detectors:\n  d: {link: link0_0, lane: 2, to_stop_m: 1}\n", "line 3", "lane 2 of a link with 2 lanes");
    refused(C1 "detectors:\n  d: {link: link0_0, lane: 0.5, to_stop_m: 1}\n", "line 3", "no lane");
    refused(C1 "detectors:\n  d: {link: link0_0, lane: 0, to_stop_m: 401}\n", "line 3", "lane of 400 m");
    char text[256];
    for (int32_t i = 0; i < made.network.detector_count; i++) {
        if (made.network.detectors[i].intersection == 0) {
            (void)snprintf(text, sizeof text, C1 "detectors:\n  %s: {to_stop_m: 2}\n",
                           network_name(&made.network, made.network.detectors[i].name));
        }
    }
    refused(text, "line 3", "another intersection");
}

static void approval_holds_for_what_was_signed(void **state)
{
    (void)state;
    struct network network;
    struct problem problem;
    char text[512];
    const char *form = C1 "approved: {by: J. Doe, on: 2026-11-24, site_hash: 0x%016llx}\n%s";
    unsigned long long hash = (unsigned long long)made.network.intersections[1].site_hash;
    (void)snprintf(text, sizeof text, form, hash, "");
    assert_int_equal(apply(text, &network, &problem), STATUS_OK);
    assert_true(network.intersections[1].approved);
    network_release(&network);
    (void)snprintf(text, sizeof text, form, hash, "groups: {group1_0: {green_s: {min: 7}}}\n");
    assert_int_equal(apply(text, &network, &problem), STATUS_VERSION);
    assert_non_null(strstr(problem.text, "line 2"));
    assert_non_null(strstr(problem.text, "sign them again"));
    network_release(&network);
    (void)snprintf(text, sizeof text, form, hash ^ 1, "");
    refused(text, "line 2", "what was approved");
    refused(C1 "approved: {by: J. Doe, on: 2026-11-24}\n", "line 2", "incomplete");
    refused(C1 "approved: {by: '', on: 2026-11-24, site_hash: 0x1}\n", "line 2", "incomplete");
    refused(C1 "approved: {by: x, on: yesterday, site_hash: 0x1}\n", "line 2", "no date");
    refused(C1 "approved: {by: x, on: 2026-13-24, site_hash: 0x1}\n", "line 2", "no date");
    refused(C1 "approved: {by: x, on: 2026-11-24, site_hash: 1234}\n", "line 2", "no site hash");
}

static void folders_are_written_and_read(void **state)
{
    (void)state;
    char folder[] = "site-data-XXXXXX", path[128];
    struct problem problem = { "" };
    assert_non_null(mkdtemp(folder));
    int32_t files = 0;
    struct network network;
    network_copy(&made.network, &network);
    assert_int_equal(site_export(&network, folder, false, &problem), STATUS_OK);
    assert_int_equal(site_export(&network, folder, false, &problem), STATUS_REFUSED);
    assert_non_null(strstr(problem.text, "may be signed"));
    assert_int_equal(site_export(&network, folder, true, &problem), STATUS_OK);
    assert_int_equal(site_apply(&network, folder, &files, &problem), STATUS_OK);
    assert_int_equal(files, 2);
    // A second file about the same intersection: the one that comes later by name is told.
    (void)snprintf(path, sizeof path, "%s/zz.yaml", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("owner: x\nintersection: crossing0_0\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    uint64_t hash = network.hash;
    assert_int_equal(site_apply(&network, folder, &files, &problem), STATUS_RANGE);
    assert_non_null(strstr(problem.text, "zz.yaml: line 2: another file describes"));
    assert_true(network.hash == hash);
    (void)remove(path);
    (void)snprintf(path, sizeof path, "%s/crossing0_0.yaml", folder);
    assert_int_equal(remove(path), 0);
    (void)snprintf(path, sizeof path, "%s/crossing1_0.yaml", folder);
    assert_int_equal(remove(path), 0);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(site_apply(&network, folder, &files, &problem), STATUS_IO);
    network_release(&network);
}

// Names may hold anything but NUL: the text that export writes gives them back.
static void any_name_survives(void **state)
{
    (void)state;
    char text[TEXT_BYTES] = "";
    struct network network;
    struct problem problem;
    network_copy(&made.network, &network);
    const char *name = "K\xc3\xb6nig/\"str\": {a}, #1 \\ \t'x'\n";
    network.intersections[0].name = names_add(&network.names, name);
    network.groups[0].name = names_add(&network.names, "none");
    network.groups[1].name = names_add(&network.names, "- [0x1]: &a *b");
    char full[128];   // "König.../K2" is K2 in its own file.
    (void)snprintf(full, sizeof full, "%s/K2", name);
    network.groups[2].name = names_add(&network.names, full);
    network.stages[0].name = names_add(&network.names, "null");
    assert_int_equal(network_finish(&network, "t", &problem), STATUS_OK);
    FILE *file = fmemopen(text, sizeof text, "w");
    assert_non_null(file);
    site_write(&network, (struct intersection_id){ 0 }, file);
    assert_int_equal(fclose(file), 0);
    assert_non_null(strstr(text, "\n  \"K2\": {kind: vehicle"));
    uint64_t hash = network.intersections[0].site_hash;
    if (site_apply_text(&network, text, strlen(text), "x", &problem) != STATUS_OK) {
        fail_msg("%s", problem.text);
    }
    assert_true(network.intersections[0].site_hash == hash);
    network_release(&network);
}

// Cut anywhere, or with any byte altered: a sentence or a valid network, never anything else.
static void broken_texts_never_crash(void **state)
{
    (void)state;
    char *text = memory_take(sizeof EVERYTHING + written_bytes, 1);
    for (int which = 0; which < 2; which++) {
        const char *whole = which == 0 ? EVERYTHING : written;
        size_t bytes = strlen(whole);
        for (uint64_t i = 0; i < 1200; i++) {
            memcpy(text, whole, bytes + 1);
            if (i < 200) {
                text[bytes * i / 200] = '\0';
            } else {
                static const char SPICE[] = "{}[]:,-#&*!|>'\"%@`\n\t 09az\xff\x80?";
                size_t at = (size_t)(random_unit(5, RANDOM_TEST, i, 0) * (double)bytes);
                text[at] = SPICE[random_bits(5, RANDOM_TEST, i, 1) % (sizeof SPICE - 1)];
            }
            struct network network;
            struct problem problem;
            (void)apply(text, &network, &problem);
            network_release(&network);
        }
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(export_changes_nothing), cmocka_unit_test(takes_every_kind_of_value),
        cmocka_unit_test(stages_of_others_stay_theirs), cmocka_unit_test(tells_where_and_what),
        cmocka_unit_test(tells_what_contradicts), cmocka_unit_test(tells_what_is_wrong_with_detectors),
        cmocka_unit_test(approval_holds_for_what_was_signed), cmocka_unit_test(folders_are_written_and_read),
        cmocka_unit_test(any_name_survives), cmocka_unit_test(broken_texts_never_crash),
    };
    return cmocka_run_group_tests(tests, build, release);
}
