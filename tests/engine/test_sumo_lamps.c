// Goal: the imported program shows, second by second and letter by letter, what the real SUMO shows: on networks that
// netgenerate makes, with offsets, several programs and additional files, begun at any second; and on Cologne's.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/import/derive.h"
#include "engine/import/light.h"
#include "engine/import/sumo.h"
#include "engine/import/sumo_xml.h"
#include "engine/model/lamp.h"
#include "engine/model/units.h"
#include "tests/engine/scratch.h"

// A network with what is needed to find the lamp of a letter.
struct imported {
    struct network network;
    struct light *lights;            // one for each program of the file
    int32_t light_count;
    int32_t *program_name;           // in network.names
    int32_t changed_count;           // phases that were lengthened or cut
};

static void import_lamps(const char *path, const char *const *additional, int32_t additional_count,
                         struct imported *ret)
{
    struct import_options options = IMPORT_OPTIONS_DEFAULT;
    options.additional = additional;
    options.additional_count = additional_count;
    struct network_draft draft = { 0 };
    struct import_report report = { 0 };
    struct problem problem = { "" };
    enum status status = sumo_read(path, &options, &draft, &report, &problem);
    if (status != STATUS_OK) {
        fail_msg("%s", problem.text);
    }
    struct program_parts parts;
    program_parts_create(&draft, &parts);
    *ret = (struct imported){ .light_count = draft.programs.count };
    ret->lights = memory_take((size_t)draft.programs.count, sizeof *ret->lights);
    ret->program_name = memory_take((size_t)draft.programs.count, sizeof *ret->program_name);
    for (int32_t i = 0; i < draft.programs.count; i++) {
        light_read(&draft, &parts, i, &ret->lights[i]);
        ret->program_name[i] = draft.programs.at[i].name;
    }
    program_parts_release(&parts);
    status = derive_signals(&draft, &options, &report, &ret->network, &problem);
    draft_release(&draft);
    if (status != STATUS_OK) {
        fail_msg("%s", problem.text);
    }
    for (int32_t i = 0; i < report.lines.count; i++) {
        ret->changed_count += report.lines.at[i].note == NOTE_ADDED_TIME
            || strstr(report.lines.at[i].text, "was cut") != NULL;
    }
    import_report_release(&report);
}

static void imported_release(struct imported *imported)
{
    network_release(&imported->network);
    free(imported->lights);
    free(imported->program_name);
}

// What one file of recorded states is compared with.
struct comparison {
    const struct imported *imported;
    const struct light *light;
    int32_t intersection;            // INDEX_NONE: all its letters are free
    struct plan plan;
    struct green greens[PLAN_GREEN_COUNT_MAX];
    int64_t compared, greens_seen, yellows_seen;
};

static bool fits(const struct comparison *comparison, int32_t letter, char shown, int64_t t_ms)
{
    switch (comparison->light->use[letter]) {
    case LETTER_UNUSED: return true;
    case LETTER_FREE: return strchr("GgoO", shown) != NULL;
    case LETTER_CLOSED: return strchr("rsu", shown) != NULL;
    case LETTER_SIGNALLED: break;
    }
    enum aspect aspect = lamp_aspect(&comparison->imported->network, &comparison->plan,
                                     comparison->light->group[letter], t_ms, NULL);
    return aspect == ASPECT_GREEN ? strchr("Gg", shown) != NULL
        : aspect == ASPECT_YELLOW ? shown == 'y' : aspect == ASPECT_RED && strchr("rsu", shown) != NULL;
}

static void on_state(struct sumo_xml *xml, void *user, const char *element, const char **attributes)
{
    struct comparison *comparison = user;
    if (strcmp(element, "tlsState") != 0) {
        return;
    }
    int64_t t_ms = 0;
    assert_true(sumo_time_parse(sumo_xml_text(xml, element, attributes, "time"), &t_ms));
    const char *state = sumo_xml_text(xml, element, attributes, "state");
    assert_int_equal((int)strlen(state), comparison->light->letter_count);
    for (int32_t letter = 0; letter < comparison->light->letter_count; letter++) {
        if (!fits(comparison, letter, state[letter], t_ms)) {
            fail_msg("signal %s at %lld ms letter %d: SUMO shows %c", sumo_xml_text(xml, element, attributes, "id"),
                     (long long)t_ms, letter, state[letter]);
        }
        comparison->compared++;
        comparison->greens_seen += state[letter] == 'G' || state[letter] == 'g';
        comparison->yellows_seen += state[letter] == 'y';
    }
}

static void write_recorder(struct scratch *scratch, const struct imported *imported)
{
    FILE *file = fopen(scratch_path(scratch, "recorder.add.xml"), "w");
    assert_non_null(file);
    (void)fprintf(file, "<additional>\n");
    for (int32_t i = 0; i < imported->light_count; i++) {
        (void)fprintf(file, "<timedEvent type=\"SaveTLSStates\" source=\"%s\" dest=\"states%d.xml\"/>\n",
                      network_name(&imported->network, imported->program_name[i]), i);
    }
    (void)fprintf(file, "</additional>\n");
    assert_int_equal(fclose(file), 0);
}

// Runs SUMO without traffic and compares all lamps. How many yellows were among them; -1 where the programs are not
// safe as they stand.
static int64_t compare(struct scratch *scratch, const char *network, const char *additional, int32_t begin_s)
{
    struct imported imported;
    import_lamps(network, &additional, additional != NULL, &imported);
    if (imported.changed_count > 0 || imported.network.intersection_count == 0) {
        imported_release(&imported);
        return -1;
    }
    write_recorder(scratch, &imported);
    const int seconds = 400;
    int code = scratch_run(scratch, "sumo -n '%s' -a %s%srecorder.add.xml -b %d -e %d --no-step-log --no-warnings "
                           "--xml-validation never",
                           network, additional != NULL ? additional : "", additional != NULL ? "," : "", begin_s,
                               begin_s + seconds);
    assert_int_equal(code, 0);
    int64_t yellows = 0, signalled = 0;
    struct comparison *comparison = memory_take(1, sizeof *comparison);
    for (int32_t i = 0; i < imported.light_count; i++) {
        *comparison = (struct comparison){ .imported = &imported, .light = &imported.lights[i] };
        const char *name = network_name(&imported.network, imported.program_name[i]);
        comparison->intersection = network_find_intersection(&imported.network, name).index;
        if (comparison->intersection != INDEX_NONE) {
            plan_from_program(&imported.network, (struct intersection_id){ comparison->intersection },
                              comparison->greens, &comparison->plan);
            signalled++;
        }
        char file[64];
        (void)snprintf(file, sizeof file, "states%d.xml", i);
        struct problem problem = { "" };
        assert_int_equal(sumo_xml_read(scratch_path(scratch, file), on_state, NULL, comparison, &problem), STATUS_OK);
        assert_int_equal(comparison->compared, (int64_t)seconds * imported.lights[i].letter_count);
        assert_true(comparison->greens_seen > 0);
        yellows += comparison->yellows_seen;
    }
    assert_true(signalled > 0);
    free(comparison);
    imported_release(&imported);
    return yellows;
}

static void skip_without_sumo(void)
{
    if (!scratch_has("sumo") || !scratch_has("netgenerate")) {
        print_message("skipped: SUMO's programs are not installed\n");
        skip();
    }
}

static void generated_networks(void **state)
{
    (void)state;
    skip_without_sumo();
    static const char *const KINDS[] = {
        "--grid --grid.number 3 --grid.length 200 -L 2",
        "--grid --grid.number 3 --grid.length 200 -L 3 --turn-lanes 1",
        "--grid --grid.number 3 --grid.length 150 -L 2 --lefthand",
        "--grid --grid.number 3 --grid.length 200 -L 2 --sidewalks.guess --crossings.guess",
        "--grid --grid.number 3 --tls.layout incoming -L 2 --tls.allred.time 2",
        "--grid --grid.number 3 --no-internal-links",
        "--grid --grid.number 3 -L 2 --default-junction-type traffic_light_right_on_red",
        "--grid --grid.number 3 --default.speed 19.44 -L 2",
        "--grid --grid.number 3 --grid.length 60 -L 2 --tls.join --tls.join-dist 100 --tls.guess",
        "--spider --spider.arm-number 5 --spider.circle-number 3 -L 2 --spider.omit-center",
        "--rand --rand.iterations 40 --seed 1 --random-lanenumber -L 3",
        ("--rand --rand.iterations 40 --seed 5 --random-lanenumber --random-priority --bikelanes.guess"
        " --sidewalks.guess --crossings.guess --rand.min-distance 60"),
    };
    struct scratch scratch;
    scratch_create(&scratch);
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
        const char *type = strstr(KINDS[i], "--default-junction-type") == NULL ? "--default-junction-type "
            "traffic_light" : "";
        assert_int_equal(scratch_run(&scratch, "netgenerate %s %s -o made.net.xml --xml-validation never", KINDS[i],
                                     type),
                         0);
        assert_true(compare(&scratch, scratch_path(&scratch, "made.net.xml"), NULL, (int32_t)(37 * i)) > 0);
    }
    scratch_release(&scratch);
}

// A program with the id of the network's one, loaded after it: the last one runs; and an offset alone changes the
// running one.
static void additional_programs_and_offsets(void **state)
{
    (void)state;
    skip_without_sumo();
    struct scratch scratch;
    scratch_create(&scratch);
    assert_int_equal(scratch_run(&scratch, "netgenerate --grid --grid.number 3 --default-junction-type traffic_light "
                                 "-o made.net.xml --xml-validation never"), 0);
    const char *additional = scratch_write(&scratch, "programs.add.xml",
        "<additional>\n"
        "<tlLogic id=\"A0\" type=\"static\" programID=\"1\" offset=\"17\">\n"
        "  <phase duration=\"20\" state=\"GG\"/><phase duration=\"4\" state=\"yy\"/><phase duration=\"7\" "
            "state=\"rr\"/>\n</tlLogic>\n<tlLogic id=\"B1\" type=\"static\" programID=\"0\" offset=\"23\"/>\n"
        "<tlLogic id=\"C1\" type=\"static\" programID=\"0\" offset=\"-11\"/>\n"
        "<tlLogic id=\"A1\" type=\"static\" programID=\"night\" offset=\"200\">\n"
        "  <phase duration=\"30\" state=\"GggrrrGGg\"/><phase duration=\"3\" state=\"yyyrrryyy\"/>\n"
        "  <phase duration=\"1\" state=\"rrrrrrrrr\"/>\n"
        "  <phase duration=\"20\" state=\"rrrGGgrrr\"/><phase duration=\"3\" state=\"rrryyyrrr\"/>\n"
        "  <phase duration=\"2\" state=\"rrrrrrrrr\"/>\n"
        "</tlLogic>\n"
        "</additional>\n");
    assert_true(compare(&scratch, scratch_path(&scratch, "made.net.xml"), additional, 0) > 0);
    assert_true(compare(&scratch, scratch_path(&scratch, "made.net.xml"), additional, 25250) > 0);
    scratch_release(&scratch);
}

// The real and made-up networks that come with SUMO's tools; those whose programs follow the traffic are left out.
static void networks_that_come_with_sumo(void **state)
{
    (void)state;
    skip_without_sumo();
    struct scratch scratch;
    scratch_create(&scratch);
    if (scratch_run(&scratch, "dpkg -L sumo-tools | grep 'net.xml$' | xargs grep -L -e actuated -e delay_based "
                    ">list") != 0) {
        scratch_release(&scratch);
        print_message("skipped: the networks of SUMO's tools are not installed\n");
        skip();
        return;
    }
    FILE *list = fopen(scratch_path(&scratch, "list"), "r");
    assert_non_null(list);
    char path[600];
    int32_t compared = 0, named = 0;
    while (fgets(path, sizeof path, list) != NULL) {
        path[strcspn(path, "\n")] = '\0';
        compared += compare(&scratch, path, NULL, 11 * named++) >= 0;
    }
    (void)fclose(list);
    print_message("%d of %d networks compared\n", compared, named);
    assert_true(2 * compared > named);
    scratch_release(&scratch);
}

static void cologne(void **state)
{
    (void)state;
    skip_without_sumo();
    const char *path = SOURCE_ROOT "/../shared/data/cologne8/cologne8.net.xml";
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        print_message("skipped: the data folder is missing\n");
        skip();
        return;
    }
    (void)fclose(file);
    struct scratch scratch;
    scratch_create(&scratch);
    assert_true(compare(&scratch, path, NULL, 0) > 0);
    assert_true(compare(&scratch, path, NULL, 25200) > 0);
    scratch_release(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generated_networks),
        cmocka_unit_test(additional_programs_and_offsets),
        cmocka_unit_test(networks_that_come_with_sumo),
        cmocka_unit_test(cologne),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
