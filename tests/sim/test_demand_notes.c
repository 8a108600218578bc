// Goal: nothing that SUMO's users write is passed over without a word, and what they write in other ways than most is
// read as SUMO 1.15 reads it: trips of stops alone, flows in intervals, flows of nobody, stops without an end.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/demand/demand.h"
#include "tests/sim/toy_roads.h"

//   0 ─a▶ 1 ─b▶ 2 ─c▶ 3 ─d▶ 4
static const struct toy_road ROADS[] = {
    { "a", 0, 1, 2, 100.0, 10.0, 0, 0 }, { "b", 1, 2, 2, 100.0, 10.0, 0, 0 },
    { "c", 2, 3, 1, 100.0, 10.0, 0, 0 }, { "d", 3, 4, 1, 100.0, 10.0, 0, 0 },
};
enum { A, B, C, D };

static struct network network;
static char path[] = "notes-XXXXXX";

static enum status read_routes(const char *routes, bool ignore, struct demand **ret, struct problem *problem)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fprintf(file, "<routes>\n%s\n</routes>\n", routes) > 0);
    assert_int_equal(fclose(file), 0);
    struct demand_options options = DEMAND_OPTIONS_DEFAULT;
    options.ignore_route_errors = ignore;
    return demand_open(&network, path, &options, ret, problem);
}

static struct demand *good(const char *routes, bool ignore)
{
    struct demand *demand = NULL;
    struct problem problem = { "" };
    if (read_routes(routes, ignore, &demand, &problem) != STATUS_OK) {
        fail_msg("%s", problem.text);
    }
    return demand;
}

static struct trip_columns take_all(struct demand *demand)
{
    struct trip_columns trips;
    struct problem problem;
    assert_int_equal(demand_next(demand, INT64_MAX, &trips, &problem), STATUS_OK);
    return trips;
}

static int said(const struct demand *demand, const char *words)
{
    int count = 0;
    for (int32_t i = 0; i < demand_note_count(demand); i++) {
        count += strstr(demand_note(demand, i), words) != NULL;
    }
    return count;
}

static void attributes_that_change_nothing_are_told_once(void **state)
{
    (void)state;
    struct demand *demand = good("<vType id=\"t\" lcStrategic=\"2\" color=\"red\" length=\"4\"/>\n"
        "<vType id=\"u\" lcStrategic=\"3\"><carFollowing-IDM delta=\"2\" tau=\"1\"/></vType>\n"
        "<trip id=\"x\" depart=\"1\" from=\"a\" to=\"b\" departEdge=\"1\" color=\"1,0,0\"/>\n"
        "<trip id=\"y\" depart=\"1\" from=\"a\" to=\"b\" departEdge=\"1\"><stop lane=\"a_0\" duration=\"9\" "
        "jump=\"5\"/></trip>", false);
    assert_int_equal(said(demand, "line 2: <vType lcStrategic=\"2\"> changes nothing here"), 1);
    assert_int_equal(said(demand, "line 3: <carFollowing-IDM delta=\"2\">"), 1);
    assert_int_equal(said(demand, "line 4: <trip departEdge=\"1\">"), 1);
    assert_int_equal(said(demand, "line 5: <stop jump=\"5\">"), 1);
    assert_int_equal(demand_note_count(demand), 4);   // not of colours, lengths, nor of any a second time
    demand_release(demand);
}

static void elements_that_are_passed_over_are_told_once(void **state)
{
    (void)state;
    struct demand *demand = good("<calibrator id=\"c\" edge=\"a\" pos=\"0\"><flow begin=\"0\" end=\"9\" "
        "number=\"3\"/></calibrator>\n<calibrator id=\"d\" edge=\"a\" pos=\"0\"/>\n<vaporizer id=\"a\"/>\n"
        "<poly id=\"p\"/>\n<person id=\"p\" depart=\"0\"/>\n<person id=\"q\" depart=\"0\"/>", false);
    assert_int_equal(said(demand, "line 2: <calibrator> is passed over with all in it"), 1);
    assert_int_equal(said(demand, "line 4: <vaporizer>"), 1);
    assert_int_equal(said(demand, "line 6 and on: 2 persons"), 1);
    assert_int_equal(demand_note_count(demand), 3);
    assert_int_equal(take_all(demand).count, 0);
    demand_release(demand);
}

static void ids_that_are_there_twice_are_told(void **state)
{
    (void)state;
    struct demand *demand = good("<trip id=\"x\" depart=\"1\" from=\"a\" to=\"b\"/>\n"
        "<flow id=\"x\" begin=\"1\" end=\"9\" number=\"2\" from=\"a\" to=\"b\"/>\n"
        "<vehicle id=\"x\" depart=\"2\"><route edges=\"a b\"/></vehicle>", false);
    assert_int_equal(said(demand, "line 4: 1 trips or flows have the id of another one"), 1);
    assert_int_equal(demand_note_count(demand), 1);
    assert_int_equal(take_all(demand).count, 4);
    demand_release(demand);
    // Enough of them to double the table of ids twice.
    char routes[70 * 1500];
    size_t at = 0;
    for (int i = 0; i < 1500; i++) {
        at += (size_t)snprintf(routes + at, sizeof routes - at,
                               "<trip id=\"t%d\" depart=\"%d\" from=\"a\" to=\"b\"/>\n", i % 1499, i);
    }
    demand = good(routes, false);
    assert_int_equal(said(demand, "line 1501: 1 trips or flows have the id of another one"), 1);
    demand_release(demand);
}

static void trips_go_by_their_stops_alone(void **state)
{
    (void)state;
    struct demand *demand = good("<trip id=\"x\" depart=\"1\"><stop lane=\"b_0\" duration=\"5\"/><stop lane=\"d_0\" "
        "duration=\"5\"/></trip>\n<trip id=\"y\" depart=\"2\" from=\"a\"><stop lane=\"c_0\" duration=\"5\"/></trip>\n"
        "<trip id=\"z\" depart=\"3\" to=\"d\"><stop lane=\"c_0\" duration=\"5\"/></trip>", false);
    struct trip_columns trips = take_all(demand);
    const int32_t links[] = { B, C, D, A, B, C, C, D }, first[] = { 0, 3, 6, 8 };
    assert_int_equal(trips.count, 3);
    assert_memory_equal(trips.first_link, first, sizeof first);
    assert_memory_equal(trips.links, links, sizeof links);
    assert_int_equal(trips.first_stop[3], 4);
    demand_release(demand);
}

static void stops_without_an_end_last(void **state)
{
    (void)state;
    struct demand *demand = good("<trip id=\"x\" depart=\"1\" from=\"a\" to=\"b\"><stop lane=\"a_0\"/></trip>\n"
        "<trip id=\"y\" depart=\"1\" from=\"a\" to=\"b\"><stop lane=\"a_0\" triggered=\"false\" "
        "duration=\"3\"/></trip>\n"
        "<trip id=\"z\" depart=\"1\" from=\"a\" to=\"b\"><stop lane=\"a_0\" triggered=\"true\"/></trip>", false);
    struct trip_columns trips = take_all(demand);
    assert_int_equal(trips.stops[0].duration_ms, 86400000);
    assert_int_equal(trips.stops[1].duration_ms, 3000);
    assert_int_equal(trips.stops[2].duration_ms, 0);
    assert_int_equal(said(demand, "line 2: 1 stops say neither how long"), 1);
    assert_int_equal(said(demand, "line 4: 1 stops wait for persons"), 1);
    assert_int_equal(demand_note_count(demand), 2);
    demand_release(demand);
}

// SUMO 1.15: a flow takes from the <interval> around it what it does not say; one of number 0 is skipped; one whose
// end is its begin departs at once.
static void flows_of_intervals_of_nobody_and_of_an_instant(void **state)
{
    (void)state;
    struct demand *demand = good("<interval begin=\"100\" end=\"0:03:20\">\n<flow id=\"f\" number=\"2\" from=\"a\" "
        "to=\"b\"/>\n<flow id=\"g\" begin=\"190\" period=\"5\" from=\"a\" to=\"b\"/>\n</interval>\n"
        "<flow id=\"h\" begin=\"0\" end=\"100\" number=\"0\" from=\"a\" to=\"b\"/>\n"
        "<flow id=\"i\" begin=\"7\" end=\"7\" number=\"2\" from=\"a\" to=\"b\"/>", false);
    struct trip_columns trips = take_all(demand);
    const int64_t at_ms[] = { 7000, 7000, 100000, 150000, 190000, 195000 };
    assert_int_equal(trips.count, 6);
    assert_memory_equal(trips.depart_ms, at_ms, sizeof at_ms);
    assert_int_equal(said(demand, "line 6: 1 flows have number=\"0\""), 1);
    demand_release(demand);
}

// Each of these, first alone and then beside a good trip: told by line, and only itself is lost.
static void every_bad_trip_costs_itself_alone(void **state)
{
    (void)state;
    static const char *const BAD[][2] = {
        { "<trip depart=\"1\" from=\"a\" to=\"b\"/>", "no attribute 'id'" },
        { "<trip id=\"\" depart=\"1\" from=\"a\" to=\"b\"/>", "no attribute 'id'" },
        { "<vehicle id=\"x\" depart=\"1\"><route/></vehicle>", "route is empty" },
        { "<vehicle id=\"x\" depart=\"1\"><route edges=\" \"/></vehicle>", "route is empty" },
        { "<vehicle id=\"x\" depart=\"1\"><stop lane=\"a_0\" duration=\"1\"/></vehicle>", "neither a route" },
        { "<trip id=\"x\" depart=\"1\" from=\"a\"/>", "no attribute 'to'" },
        { "<trip id=\"x\" depart=\"1\" to=\"a\"/>", "no attribute 'from'" },
        { "<trip id=\"x\" depart=\"1\" from=\"a\" to=\"b\" arrivalPos=\"there\"/>", "arrivalPos" },
        { "<trip id=\"x\" depart=\"1\" from=\"a\" to=\"b\" arrivalLane=\"1x\"/>", "arrivalLane" },
        { "<trip id=\"x\" depart=\"1\" from=\"a\" to=\"b\" arrivalSpeed=\"nan\"/>", "arrivalSpeed" },
        { "<flow id=\"x\" begin=\"0\" end=\"9\" number=\"2.5\" from=\"a\" to=\"b\"/>", "no whole number" },
        { "<flow id=\"x\" begin=\"9\" end=\"0\" number=\"2\" from=\"a\" to=\"b\"/>", "ends before" },
        { "<trip id=\"x\" depart=\"1\" from=\"d\"><stop lane=\"a_0\" duration=\"1\"/></trip>", "no way" },
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        char routes[512];
        (void)snprintf(routes, sizeof routes, "<trip id=\"good\" depart=\"3\" from=\"a\" to=\"b\"/>\n%s", BAD[i][0]);
        struct demand *demand = NULL;
        struct problem problem = { "" };
        assert_int_not_equal(read_routes(routes, false, &demand, &problem), STATUS_OK);
        if (strstr(problem.text, "line 3") == NULL || strstr(problem.text, BAD[i][1]) == NULL) {
            fail_msg("%s: %s", BAD[i][0], problem.text);
        }
        demand = good(routes, true);
        assert_int_equal(take_all(demand).count, 1);
        assert_int_equal(demand_counts(demand)->route_errors, 1);
        assert_true(said(demand, BAD[i][1]) >= 1);
        demand_release(demand);
    }
}

// However many trips are bad, the other notes are told too.
static void many_bad_trips_silence_nobody(void **state)
{
    (void)state;
    char routes[60 * 200];
    size_t at = 0;
    for (int i = 0; i < 199; i++) {
        at += (size_t)snprintf(routes + at, sizeof routes - at, "<trip id=\"t%d\" depart=\"1\" from=\"a\" to=\"z\"/>\n",
                               i);
    }
    (void)snprintf(routes + at, sizeof routes - at, "<person id=\"p\" depart=\"1\"/>");
    struct demand *demand = good(routes, true);
    assert_int_equal(demand_counts(demand)->route_errors, 199);
    assert_int_equal(said(demand, "edge \"z\""), 64);
    assert_int_equal(said(demand, "1 persons"), 1);
    demand_release(demand);
}

static int set_up(void **state)
{
    (void)state;
    toy_roads_create(ROADS, 4, 5, &network);
    int file = mkstemp(path);
    return file < 0 || close(file) != 0;
}

static int tear_down(void **state)
{
    (void)state;
    network_release(&network);
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attributes_that_change_nothing_are_told_once),
        cmocka_unit_test(elements_that_are_passed_over_are_told_once),
        cmocka_unit_test(ids_that_are_there_twice_are_told),
        cmocka_unit_test(trips_go_by_their_stops_alone),
        cmocka_unit_test(stops_without_an_end_last),
        cmocka_unit_test(flows_of_intervals_of_nobody_and_of_an_instant),
        cmocka_unit_test(every_bad_trip_costs_itself_alone),
        cmocka_unit_test(many_bad_trips_silence_nobody),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
