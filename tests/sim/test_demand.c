// Goal: trips of every form become the stream that the form's own simulator would make of them: flows by their
// arithmetic, scale, begin, types and defaults; whatever is wrong is told with file and line, and costs one trip at
// most when that is asked for. Flow departures were compared with SUMO 1.15's tripinfo on the same lines.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/demand/demand.h"
#include "tests/sim/toy_roads.h"

//   0 ─a▶ 1 ─b▶ 2 ─c▶ 3 ─d▶ 4,   1 ─e▶ 3 (slower than b, c),   "bike" 2 ▶ 4 for bicycles only
static const struct toy_road ROADS[] = {
    { "a", 0, 1, 2, 100.0, 10.0, 0, USER_BICYCLE | USER_BUS }, { "b", 1, 2, 2, 100.0, 10.0, 0, 0 },
    { "c", 2, 3, 1, 100.0, 10.0, 0, 0 }, { "d", 3, 4, 1, 100.0, 10.0, 0, 0 }, { "e", 1, 3, 1, 100.0, 2.0, 0, 0 },
    { "bike", 2, 4, 1, 100.0, 5.0, USER_BICYCLE, 0 },
};
enum { A, B, C, D, E, BIKE };

static struct network network;
static char folder[] = "demand-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_text(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static struct demand *open_with(const char *name, const struct demand_options *options)
{
    struct demand *demand = NULL;
    struct problem problem = { "" };
    enum status status = demand_open(&network, path_of(name), options, &demand, &problem);
    if (status != STATUS_OK) {
        fail_msg("%s", problem.text);
    }
    return demand;
}

static struct demand *open_text(const char *name, const char *text)
{
    write_text(name, text);
    return open_with(name, &DEMAND_OPTIONS_DEFAULT);
}

// The stream must fail to open with this status and name all these words.
static void refuses(const char *name, const char *text, enum status status, const char *words)
{
    struct demand *demand = NULL;
    struct problem problem = { "" };
    write_text(name, text);
    assert_int_equal(demand_open(&network, path_of(name), &DEMAND_OPTIONS_DEFAULT, &demand, &problem), status);
    assert_null(demand);
    char copy[256], *rest = copy;
    (void)snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok_r(copy, "|", &rest); word != NULL; word = strtok_r(NULL, "|", &rest)) {
        if (strstr(problem.text, word) == NULL) {
            fail_msg("no '%s' in: %s", word, problem.text);
        }
    }
    assert_non_null(strstr(problem.text, name));
}

static struct trip_columns take_all(struct demand *demand)
{
    struct trip_columns trips;
    struct problem problem;
    assert_int_equal(demand_next(demand, INT64_MAX, &trips, &problem), STATUS_OK);
    return trips;
}

// The stream gives exactly these departures, s.
static void departs(struct demand *demand, const double *at_s, int count)
{
    int64_t given = demand_counts(demand)->given;
    struct trip_columns trips = take_all(demand);
    assert_int_equal(trips.count, count);
    for (int i = 0; i < count; i++) {
        assert_int_equal(trips.depart_ms[i], (int64_t)(at_s[i] * 1000.0 + 0.5));
        assert_int_equal(trips.number[i], given + i);
    }
    assert_int_equal(take_all(demand).count, 0);
    assert_true(demand_done(demand));
    demand_release(demand);
}

static void sumo_trips_are_routed(void **state)
{
    (void)state;
    struct demand *demand = open_text(
        "t.rou.xml",
        "<?xml version=\"1.0\"?>\n<!-- c -->\n<routes>\n"
        "<vType id=\"bus\" vClass=\"bus\" length=\"18\" tau=\"1.5\" carFollowModel=\"IDM\" "
        "speedFactor=\"normc(0.9,0.2,0.5,2)\"/>\n"
        "<route id=\"r\" edges=\"a e d\"/>\n"
        "<trip id=\"t1\" depart=\"7:00:00\" from=\"a\" to=\"d\"/>\n"
        "<trip id=\"t2\" depart=\"25201.5\" from=\"a\" to=\"d\" via=\"e\" type=\"bus\" departLane=\"best\" "
        "departSpeed=\"max\"/>\n"
        "<vehicle id=\"v3\" depart=\"25202\" route=\"r\" departLane=\"1\" departSpeed=\"3.5\"/>\n"
        "<vehicle id=\"v4\" depart=\"25203\"><route edges=\"b c\"/><stop lane=\"c_0\" duration=\"5\"/></vehicle>\n"
        "<person id=\"p\" depart=\"3\"><walk edges=\"a b\"/></person>\n"
        "</routes>\n");
    struct trip_columns trips = take_all(demand);
    assert_int_equal(trips.count, 4);
    const int32_t links[] = { A, B, C, D, A, E, D, A, E, D, B, C }, first[] = { 0, 4, 7, 10, 12 };
    assert_memory_equal(trips.first_link, first, sizeof first);
    assert_memory_equal(trips.links, links, sizeof links);
    // SUMO departs on the first lane that is open to the class, at speed 0: of "a", lane 0 is closed to cars.
    const int8_t lanes[] = { 1, -1, 1, 0 };
    const int32_t speeds[] = { 0, -1, 3500, 0 };
    assert_memory_equal(trips.depart_lane, lanes, sizeof lanes);
    assert_memory_equal(trips.depart_speed_mmps, speeds, sizeof speeds);
    assert_int_equal(trips.depart_ms[0], 25200000);
    assert_int_equal(demand_begin_ms(demand), 25200000);
    assert_int_equal(demand_counts(demand)->persons_skipped, 1);
    // Its stop is on the second link of its route, 0.2 m long before the lane's end.
    const int32_t first_stop[] = { 0, 0, 0, 0, 1 };
    assert_memory_equal(trips.first_stop, first_stop, sizeof first_stop);
    assert_int_equal(trips.stops[0].leg, 1);
    assert_int_equal(trips.stops[0].lane, 0);
    assert_int_equal(trips.stops[0].end_mm - trips.stops[0].start_mm, 200);
    assert_int_equal(trips.stops[0].duration_ms, 5000);
    assert_true(trips.stops[0].until_ms == INT64_MIN);
    int32_t type_count;
    const struct vehicle_type *types = demand_types(demand, &type_count);
    const struct vehicle_type *bus = &types[trips.type[1]], *car = &types[trips.type[0]];
    assert_int_equal(bus->user, USER_BUS);
    assert_int_equal(bus->following, FOLLOW_IDM);
    assert_true(bus->length_m == 18.0 && bus->headway_s == 1.5 && bus->acceleration_mps2 == 1.2);
    assert_true(bus->speed_factor == 0.9 && bus->speed_deviation == 0.2);
    // SUMO's passenger: 5 m, 2.5 m gap, 2.6 and 4.5 and 9 m/s2, Krauss with sigma 0.5 and tau 1, deviation 0.1.
    assert_int_equal(car->following, FOLLOW_KRAUSS);
    assert_true(car->length_m == 5.0 && car->gap_m == 2.5 && car->acceleration_mps2 == 2.6 && car->imperfection == 0.5);
    assert_true(car->deceleration_mps2 == 4.5 && car->emergency_mps2 == 9.0 && car->headway_s == 1.0);
    assert_true(car->speed_deviation == 0.1 && car->speed_factor == 1.0);
    char name[32];
    demand_trip_name(demand, 1, name, sizeof name);
    assert_string_equal(name, "t2");
    demand_release(demand);
}

// Where a vehicle asks to begin, of link "a": from its start, from its end, at random, behind the last one.
static void places_of_departure_are_read(void **state)
{
    (void)state;
    struct demand *demand = open_text("p.rou.xml", "<routes><route id=\"r\" edges=\"a b\"/>"
        "<vehicle id=\"1\" depart=\"1\" route=\"r\"/>"
        "<vehicle id=\"2\" depart=\"2\" route=\"r\" departPos=\"base\"/>"
        "<vehicle id=\"3\" depart=\"3\" route=\"r\" departPos=\"12.5\"/>"
        "<vehicle id=\"4\" depart=\"4\" route=\"r\" departPos=\"-12.5\"/>"
        "<vehicle id=\"5\" depart=\"5\" route=\"r\" departPos=\"last\"/>"
        "<vehicle id=\"6\" depart=\"6\" route=\"r\" departPos=\"random\"/></routes>");
    struct trip_columns trips = take_all(demand);
    assert_int_equal(trips.count, 6);
    int32_t length_mm = (int32_t)(network.links[A].length_m * 1000.0 + 0.5);
    const int32_t fronts[] = { DEPART_AT_START, DEPART_AT_START, 12500, length_mm - 12500, DEPART_BEHIND_LAST };
    assert_memory_equal(trips.depart_front_mm, fronts, sizeof fronts);
    assert_true(trips.depart_front_mm[5] >= 0 && trips.depart_front_mm[5] <= length_mm);
    demand_release(demand);
    // Beyond either end: at the lane's end, with a note, as SUMO 1.15 does.
    demand = open_text("p1.rou.xml", "<routes><route id=\"r\" edges=\"a b\"/>\n"
        "<vehicle id=\"1\" depart=\"1\" route=\"r\" departPos=\"99999\"/>"
        "<vehicle id=\"2\" depart=\"2\" route=\"r\" departPos=\"-1e300\"/></routes>");
    assert_int_equal(demand_note_count(demand), 1);
    assert_non_null(strstr(demand_note(demand, 0), "line 2 and on: 2 vehicles have a departPos beyond"));
    trips = take_all(demand);
    assert_int_equal(trips.count, 2);
    assert_int_equal(trips.depart_front_mm[0], length_mm);
    assert_int_equal(trips.depart_front_mm[1], length_mm);
    demand_release(demand);
    refuses("p3.rou.xml", "<routes>\n<trip id=\"t\" depart=\"1\" from=\"a\" to=\"b\" departPos=\"nan\"/></routes>",
            STATUS_RANGE, "line 2|departPos");
    refuses("p2.rou.xml", "<routes>\n<trip id=\"t\" depart=\"1\" from=\"a\" to=\"b\" departPos=\"here\"/></routes>",
            STATUS_RANGE, "line 2|departPos");
}

#define ROUTE "<routes><route id=\"r\" edges=\"a b\"/>"

static void flows_depart_as_in_sumo(void **state)
{
    (void)state;
    departs(
        open_text("f1.rou.xml", ROUTE "<flow id=\"f\" begin=\"0\" end=\"100\" period=\"30\" route=\"r\"/></routes>"),
        (const double[]){ 0, 30, 60, 90 }, 4);
    departs(open_text("f2.rou.xml", ROUTE "<flow id=\"f\" begin=\"0\" end=\"90\" period=\"30\" route=\"r\"/></routes>"),
            (const double[]){ 0, 30, 60 }, 3);
    departs(open_text("f3.rou.xml",
                      ROUTE "<flow id=\"f\" begin=\"0\" end=\"100\" vehsPerHour=\"50\" route=\"r\"/></routes>"),
            (const double[]){ 0, 72 }, 2);
    departs(open_text("f4.rou.xml", ROUTE "<flow id=\"f\" begin=\"0\" end=\"100\" number=\"3\" route=\"r\"/></routes>"),
            (const double[]){ 0, 33.333, 66.667 }, 3);
    departs(open_text("f5.rou.xml",
                      ROUTE "<flow id=\"f\" begin=\"10\" number=\"4\" period=\"10\" route=\"r\"/></routes>"),
            (const double[]){ 10, 20, 30, 40 }, 4);
    departs(open_text("f6.rou.xml",
                      ROUTE "<flow id=\"f\" begin=\"0\" end=\"3\" probability=\"1\" from=\"a\" to=\"b\"/></routes>"),
            (const double[]){ 0, 1, 2 }, 3);
}

// 0.25 a second over 40,000 s: 10,000 expected, standard deviation sqrt(40000 / 16 * 3) = 87 for coin throws and 100
// for a Poisson stream; five of them are allowed. Gaps of the Poisson stream beyond 4 s: exp(-1) of all.
static void random_flows_keep_their_rate(void **state)
{
    (void)state;
    struct demand *demand = open_text("p.rou.xml", ROUTE
        "<flow id=\"f\" begin=\"0\" end=\"40000\" probability=\"0.25\" route=\"r\"/></routes>");
    int64_t total = 0;
    for (struct trip_columns trips = take_all(demand); trips.count > 0; trips = take_all(demand)) {
        total += trips.count;
    }
    assert_in_range(total, 10000 - 435, 10000 + 435);
    demand_release(demand);
    demand = open_text("e.rou.xml", ROUTE
        "<flow id=\"f\" begin=\"0\" end=\"40000\" period=\"exp(0.25)\" route=\"r\"/></routes>");
    int64_t last_ms = 0, beyond = 0;
    total = 0;
    for (struct trip_columns trips = take_all(demand); trips.count > 0; trips = take_all(demand)) {
        for (int32_t i = 0; i < trips.count; i++) {
            beyond += trips.depart_ms[i] - last_ms > 4000;
            last_ms = trips.depart_ms[i];
        }
        total += trips.count;
    }
    assert_in_range(total, 10000 - 500, 10000 + 500);
    assert_in_range(beyond, total * 3679 / 10000 - 300, total * 3679 / 10000 + 300);
    demand_release(demand);
}

static int64_t count_scaled(double scale)
{
    struct demand_options options = DEMAND_OPTIONS_DEFAULT;
    options.scale = scale;
    struct demand *demand = open_with("scale.rou.xml", &options);
    struct trip_columns trips = take_all(demand);
    int64_t count = trips.count;
    char name[32];
    if (scale == 2.5) {   // 3 2 3 2 ...: the first has the extra copy, as in SUMO
        const int32_t copies[] = { 0, 0, 0, 1000, 1000, 2000, 2000, 2000 };
        for (int i = 0; i < 8; i++) {
            assert_int_equal(trips.depart_ms[i], copies[i]);
        }
        demand_trip_name(demand, 2, name, sizeof name);
        assert_string_equal(name, "f.0.2");
        demand_trip_name(demand, 5, name, sizeof name);
        assert_string_equal(name, "f.2");
    }
    if (scale == 0.3) {   // SUMO 1.15 keeps v0, v4, v7, v10 of 12
        const int32_t kept[] = { 0, 4000, 7000, 10000 };
        for (int i = 0; i < 4; i++) {
            assert_int_equal(trips.depart_ms[i], kept[i]);
        }
        demand_trip_name(demand, 2, name, sizeof name);
        assert_string_equal(name, "f.7");
    }
    demand_release(demand);
    return count;
}

static void scale_spreads_evenly(void **state)
{
    (void)state;
    write_text("scale.rou.xml", ROUTE "<flow id=\"f\" begin=\"0\" end=\"100\" period=\"1\" route=\"r\"/></routes>");
    assert_int_equal(count_scaled(1.0), 100);
    assert_int_equal(count_scaled(0.3), 30);
    assert_int_equal(count_scaled(2.5), 250);
    assert_int_equal(count_scaled(0.0), 0);
    struct demand *demand = NULL;
    struct problem problem;
    struct demand_options options = DEMAND_OPTIONS_DEFAULT;
    options.scale = -1.0;
    assert_int_equal(demand_open(&network, path_of("scale.rou.xml"), &options, &demand, &problem), STATUS_RANGE);
}

static void begin_discards_and_counts(void **state)
{
    (void)state;
    write_text("b.rou.xml", ROUTE "<flow id=\"f\" begin=\"0\" end=\"100\" period=\"10\" route=\"r\"/></routes>");
    write_text("b.sumocfg",
               "<configuration><input><net-file value=\"n.net.xml\"/><route-files value=\"b.rou.xml\"/></input>"
               "<time><begin value=\"35\"/><end value=\"80\"/></time></configuration>");
    struct demand *demand = open_with("b.sumocfg", &DEMAND_OPTIONS_DEFAULT);
    assert_int_equal(demand_begin_ms(demand), 35000);
    assert_int_equal(demand_end_ms(demand), 80000);
    assert_int_equal(demand_counts(demand)->before_begin, 4);
    departs(demand, (const double[]){ 40, 50, 60, 70, 80, 90 }, 6);
    struct demand_options options = DEMAND_OPTIONS_DEFAULT;
    options.begin_ms = 90000;
    demand = open_with("b.sumocfg", &options);
    departs(demand, (const double[]){ 90 }, 1);
}

static void batches_come_in_order(void **state)
{
    (void)state;
    struct demand *demand = open_text("o.rou.xml", ROUTE "<vehicle id=\"late\" depart=\"9\" route=\"r\"/>"
        "<vehicle id=\"x\" depart=\"5\" route=\"r\"/><vehicle id=\"y\" depart=\"5\" route=\"r\"/></routes>");
    struct trip_columns trips;
    struct problem problem;
    assert_int_equal(demand_next(demand, 5000, &trips, &problem), STATUS_OK);
    assert_int_equal(trips.count, 0);
    assert_int_equal(demand_next(demand, 5001, &trips, &problem), STATUS_OK);
    assert_int_equal(trips.count, 2);
    char name[8];
    demand_trip_name(demand, 0, name, sizeof name);
    assert_string_equal(name, "x");   // equal departures keep the order of the file
    assert_false(demand_done(demand));
    assert_int_equal(demand_note_count(demand), 1);
    assert_non_null(strstr(demand_note(demand, 0), "not in order"));
    departs(demand, (const double[]){ 9 }, 1);
}

static void distributions_choose_by_weight(void **state)
{
    (void)state;
    struct demand *demand = open_text("d.rou.xml", "<routes><vTypeDistribution id=\"mix\">"
                                                   "<vType id=\"car\" probability=\"3\"/><vType id=\"truck\" "
                                                   "vClass=\"truck\" probability=\"1\"/></vTypeDistribution>"
                                                   "<routeDistribution id=\"rd\"><route edges=\"a b\" "
                                                   "probability=\"1\"/><route edges=\"a e\" probability=\"1\"/>"
                                                   "</routeDistribution><flow id=\"f\" begin=\"0\" end=\"4000\" "
                                                   "period=\"1\" type=\"mix\" route=\"rd\"/></routes>");
    struct trip_columns trips = take_all(demand);
    assert_int_equal(trips.count, 4000);
    int32_t trucks = 0, by_e = 0, count;
    const struct vehicle_type *types = demand_types(demand, &count);
    for (int32_t i = 0; i < trips.count; i++) {
        trucks += types[trips.type[i]].user == USER_TRUCK;
        by_e += trips.links[trips.first_link[i] + 1] == E;
    }
    assert_in_range(trucks, 1000 - 137, 1000 + 137);   // 5 sqrt(4000 * 3 / 16)
    assert_in_range(by_e, 2000 - 158, 2000 + 158);     // 5 sqrt(4000 / 4)
    demand_release(demand);
}

static void includes_are_read_in_place(void **state)
{
    (void)state;
    write_text("types.add.xml", "<additional><vType id=\"long\" length=\"9\"/></additional>");
    struct demand *demand = open_text("i.rou.xml", "<routes><include href=\"types.add.xml\"/>"
        "<trip id=\"t\" depart=\"1\" from=\"a\" to=\"b\" type=\"long\"/></routes>");
    departs(demand, (const double[]){ 1 }, 1);
    refuses("loop.rou.xml", "<routes><include href=\"loop.rou.xml\"/></routes>", STATUS_LIMIT, "include");
}

// Routes and types by reference, with a weight of their own: of two routes the second has all the weight.
static void distributions_may_refer(void **state)
{
    (void)state;
    struct demand *demand = open_text("ref.rou.xml",
        "<routes><vType id=\"car\"/><vType id=\"lorry\" vClass=\"truck\"/><route id=\"r\" edges=\"a e\"/>"
        "<vTypeDistribution id=\"mix\"><vType refId=\"car\" probability=\"0\"/><vType refId=\"lorry\" "
        "probability=\"2\"/></vTypeDistribution>"
        "<routeDistribution id=\"rd\"><route edges=\"a b\" probability=\"0\"/><route refId=\"r\" "
        "probability=\"1\"/></routeDistribution>"
        "<flow id=\"f\" begin=\"0\" end=\"50\" period=\"1\" type=\"mix\" route=\"rd\"/></routes>");
    struct trip_columns trips = take_all(demand);
    int32_t count;
    const struct vehicle_type *types = demand_types(demand, &count);
    assert_int_equal(trips.count, 50);
    for (int32_t i = 0; i < trips.count; i++) {
        assert_int_equal(types[trips.type[i]].user, USER_TRUCK);
        assert_int_equal(trips.links[trips.first_link[i] + 1], E);
    }
    demand_release(demand);
    refuses("ref2.rou.xml", "<routes>\n<routeDistribution id=\"rd\"><route refId=\"zz\"/></routeDistribution></routes>",
            STATUS_UNKNOWN, "line 2|zz");
}

// The older form of a model, and whose drivers differ by how much: vType before configuration before class.
static void types_have_models_and_deviations(void **state)
{
    (void)state;
    write_text("net.xml", "<net/>");
    write_text("t.rou.xml",
               "<routes><vType id=\"idm\" tau=\"3\"><carFollowing-IDM tau=\"1.4\" accel=\"1.5\"/></vType>"
               "<vType id=\"own\" speedDev=\"0.2\"/><vType id=\"norm\" speedFactor=\"normc(1.1,0.3,0.5,1.5)\"/>"
               "<trip id=\"t\" depart=\"1\" from=\"a\" to=\"b\"/></routes>");
    struct demand *demand = open_text("d.sumocfg",
        "<configuration><input><net-file value=\"net.xml\"/><route-files value=\"t.rou.xml\"/></input>"
        "<processing><default.speeddev value=\"0\"/><step-length value=\"0.5\"/></processing></configuration>");
    int32_t count;
    const struct vehicle_type *types = demand_types(demand, &count);
    assert_int_equal(count, 4);
    assert_int_equal(types[0].following, FOLLOW_IDM);
    assert_true(types[0].headway_s == 1.4 && types[0].acceleration_mps2 == 1.5 && types[0].speed_deviation == 0.0);
    assert_true(types[1].speed_deviation == 0.2);
    assert_true(types[2].speed_deviation == 0.3 && types[2].speed_factor == 1.1);
    assert_true(types[3].speed_deviation == 0.0);   // DEFAULT_VEHTYPE
    assert_int_equal(demand_step_ms(demand), 500);
    assert_int_equal(demand_open_end_ms(demand), 1000);
    demand_release(demand);
}

static void a_configuration_scales_and_forgives(void **state)
{
    (void)state;
    write_text("net.xml", "<net/>");
    write_text("bad.rou.xml", "<routes><trip id=\"t\" depart=\"1\" from=\"a\" to=\"b\"/>"
               "<trip id=\"u\" depart=\"2\" from=\"a\" to=\"zz\"/></routes>");
    struct demand *demand = open_text("s.sumocfg",
        "<sumoConfiguration><n v=\"net.xml\"/><r v=\"bad.rou.xml\"/><ignore-route-errors value=\"true\"/>"
        "<scale value=\"3\"/><end value=\"100\"/></sumoConfiguration>");
    assert_int_equal(demand_counts(demand)->route_errors, 1);
    assert_int_equal(demand_open_end_ms(demand), DEMAND_TIME_NONE);
    departs(demand, (const double[]){ 1, 1, 1 }, 3);
}

// Another route file than the configuration's: its times, scale and types still hold.
static void a_configuration_holds_for_other_routes(void **state)
{
    (void)state;
    write_text("net.xml", "<net/>");
    write_text("long.add.xml", "<additional><vType id=\"long\" length=\"9\"/></additional>");
    write_text("c.sumocfg", "<configuration><net-file value=\"net.xml\"/><route-files value=\"gone.rou.xml\"/>"
               "<additional-files value=\"long.add.xml\"/><begin value=\"4\"/><end value=\"50\"/>"
               "<scale value=\"2\"/></configuration>");
    write_text("other.rou.xml", "<routes><trip id=\"t\" depart=\"3\" from=\"a\" to=\"b\"/>"
               "<trip id=\"u\" depart=\"5\" from=\"a\" to=\"b\" type=\"long\"/></routes>");
    char config[128];
    (void)snprintf(config, sizeof config, "%s", path_of("c.sumocfg"));
    struct demand_options options = DEMAND_OPTIONS_DEFAULT;
    options.config = config;
    struct demand *demand = open_with("other.rou.xml", &options);
    assert_int_equal(demand_begin_ms(demand), 4000);
    assert_int_equal(demand_end_ms(demand), 50000);
    departs(demand, (const double[]){ 5, 5 }, 2);
}

// What SUMO allows and the street does not compute is brought to the nearest that it does, and said; a flow without
// measure is refused.
static void types_fit_the_street(void **state)
{
    (void)state;
    struct demand *demand = open_text("fit.rou.xml", "<routes><vType id=\"t\" minGap=\"0\" length=\"120\"/>"
                                      "<trip id=\"u\" depart=\"3\" from=\"a\" to=\"b\" type=\"t\"/></routes>");
    int32_t count;
    const struct vehicle_type *types = demand_types(demand, &count);
    assert_true(types[0].gap_m == 0.2);
    assert_true(types[0].length_m == 50.0);
    assert_non_null(strstr(demand_note(demand, 0), "\"t\""));
    demand_release(demand);
    refuses("fast.rou.xml", ROUTE "\n<flow id=\"f\" begin=\"0\" end=\"9\" period=\"1e-9\" route=\"r\"/></routes>",
            STATUS_RANGE, "line 2");
}

// Route files by commas, types from an additional file; a comma in the name of one file is no list.
static void several_files_are_one_demand(void **state)
{
    (void)state;
    write_text("more.add.xml", "<additional><vType id=\"long\" length=\"9\"/></additional>");
    write_text("one.rou.xml", "<routes><trip id=\"t\" depart=\"5\" from=\"a\" to=\"b\" type=\"long\"/></routes>");
    write_text("two.rou.xml", "<routes><trip id=\"u\" depart=\"3\" from=\"a\" to=\"b\"/></routes>");
    char list[300], additional[128];
    (void)snprintf(additional, sizeof additional, "%s", path_of("more.add.xml"));
    int used = snprintf(list, sizeof list, "%s,", path_of("one.rou.xml"));
    (void)snprintf(list + used, sizeof list - (size_t)used, "%s", path_of("two.rou.xml"));
    const char *const files[] = { additional };
    struct demand_options options = DEMAND_OPTIONS_DEFAULT;
    options.additional = files;
    options.additional_count = 1;
    struct demand *demand = NULL;
    struct problem problem = { "" };
    assert_int_equal(demand_open(&network, list, &options, &demand, &problem), STATUS_OK);
    departs(demand, (const double[]){ 3, 5 }, 2);
    demand = open_text("a,b.rou.xml", "<routes><trip id=\"u\" depart=\"3\" from=\"a\" to=\"b\"/></routes>");
    departs(demand, (const double[]){ 3 }, 1);
}

// SUMO's own examples call the root of an additional file <add>: its stops are read as from <additional>.
static void an_additional_file_may_begin_with_add(void **state)
{
    (void)state;
    write_text("stops.add.xml", "<add><busStop id=\"s\" lane=\"c_0\" startPos=\"10\" endPos=\"30\"/></add>");
    char additional[128];
    (void)snprintf(additional, sizeof additional, "%s", path_of("stops.add.xml"));
    const char *const files[] = { additional };
    struct demand_options options = DEMAND_OPTIONS_DEFAULT;
    options.additional = files;
    options.additional_count = 1;
    write_text("bus.rou.xml", "<routes><vehicle id=\"v\" depart=\"7\"><route edges=\"a b c d\"/>"
               "<stop busStop=\"s\" duration=\"5\"/></vehicle></routes>");
    departs(open_with("bus.rou.xml", &options), (const double[]){ 7 }, 1);
}

static void wrong_trips_are_told_by_line(void **state)
{
    (void)state;
    refuses("w1.rou.xml", "<routes>\n<trip id=\"t9\" depart=\"1\" from=\"a\" to=\"zz\"/>\n</routes>", STATUS_UNKNOWN,
            "line 2|\"t9\"|\"zz\"|--ignore-route-errors");
    refuses("w2.rou.xml", "<routes>\n\n<vehicle id=\"v\" depart=\"1\"><route edges=\"a c\"/></vehicle></routes>",
            STATUS_RANGE, "line 3|no connection|\"a\" to \"c\"");
    refuses("w3.rou.xml", "<routes>\n<trip id=\"t\" depart=\"-1\" from=\"a\" to=\"b\"/></routes>", STATUS_RANGE,
            "line 2|negative");
    refuses("w4.rou.xml", "<routes>\n<trip id=\"t\" type=\"ufo\" depart=\"1\" from=\"a\" to=\"b\"/></routes>",
            STATUS_UNKNOWN,
            "line 2|\"ufo\"");
    refuses("w5.rou.xml", "<routes>\n<trip id=\"t\" depart=\"1\" from=\"d\" to=\"a\"/></routes>", STATUS_INFEASIBLE,
            "line 2|no way for cars|\"d\" to \"a\"");
    refuses("w6.rou.xml", "<routes>\n<trip id=\"t\" depart=\"1\" from=\"a\" to=\"bike\"/></routes>", STATUS_RANGE,
            "line 2|\"bike\" has no lane for cars");
    refuses("w7.rou.xml", "<routes>\n<trip id=\"t\" from=\"a\" to=\"b\"/></routes>", STATUS_SYNTAX, "line 2|depart");
    refuses("w8.rou.xml", "<routes>\n<flow id=\"f\" begin=\"0\" end=\"9\" from=\"a\" to=\"b\"/></routes>",
            STATUS_SYNTAX,
            "line 2|period");
    refuses("w9.rou.xml", "<routes>\n<trip id=\"t\" depart=\"1\" from=\"a\" to=\"b\" departLane=\"0\"/></routes>",
            STATUS_RANGE,
            "line 2|\"a\" has no lane 0");
    refuses("w10.rou.xml", "<routes>\n<vType id=\"x\" length=\"-3\"/></routes>", STATUS_SYNTAX, "line 2|length");
    refuses("w11.rou.xml", "<routes>\n<vType id=\"x\" vClass=\"dragon\"/></routes>", STATUS_UNKNOWN, "line 2|dragon");
    refuses("w12.rou.xml", "<routes>\n<vehicle id=\"v\" depart=\"1\" route=\"later\"/></routes>", STATUS_UNKNOWN,
            "line 2|\"later\"");
}

static void a_demand_may_be_empty(void **state)
{
    (void)state;
    struct demand *demand = open_text("none.rou.xml", "<routes/>");
    int32_t count = 0;
    (void)demand_types(demand, &count);
    assert_int_equal(count, 1);                     // a street wants to know one
    departs(demand, NULL, 0);
}

static void broken_files_always_fail(void **state)
{
    (void)state;
    struct demand_options options = DEMAND_OPTIONS_DEFAULT;
    options.ignore_route_errors = true;
    static const char *const TEXTS[] = { "", "hello", "<routes><trip", "<routes><trip id=\"t\"></routes>", "[{]", "{}",
        "<net/>", "[1, 2" };
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        struct demand *demand = NULL;
        struct problem problem = { "" };
        write_text("x", TEXTS[i]);
        assert_int_not_equal(demand_open(&network, path_of("x"), &options, &demand, &problem), STATUS_OK);
        assert_null(demand);
        assert_non_null(strstr(problem.text, "x: "));
    }
}

static void one_bad_trip_costs_itself(void **state)
{
    (void)state;
    write_text(
        "m.rou.xml",
        "<routes>\n<trip id=\"t1\" depart=\"1\" from=\"a\" to=\"b\"/>\n"
        "<trip id=\"t2\" depart=\"2\" from=\"a\" to=\"zz\"/>\n<trip id=\"t3\" depart=\"3\" from=\"d\" to=\"a\"/>\n"
        "<vehicle id=\"t4\" depart=\"4\"><route edges=\"a c\"/></vehicle>\n<trip id=\"t5\" depart=\"5\" from=\"b\" "
        "to=\"c\"/>\n"
        "</routes>");
    struct demand_options options = DEMAND_OPTIONS_DEFAULT;
    options.ignore_route_errors = true;
    struct demand *demand = open_with("m.rou.xml", &options);
    assert_int_equal(demand_counts(demand)->route_errors, 3);
    assert_int_equal(demand_note_count(demand), 3);
    assert_non_null(strstr(demand_note(demand, 0), "line 3"));
    departs(demand, (const double[]){ 1, 5 }, 2);
}

// A type, a route or a distribution that is broken costs itself and the trips that take it, no others.
static void what_is_broken_costs_who_takes_it(void **state)
{
    (void)state;
    static const char TEXT[] =
        "<routes>\n<route id='r' edges='a b'/>\n<vType id='good'/>\n"
        "<vType id='class' vClass='spaceship'/>\n<vType id='number' accel='fast'/>\n<vType accel='1'/>\n"
        "<vType id='model'><carFollowing-Krauss tau='-3'/></vType>\n"
        "<vTypeDistribution id='mixed'><vType id='odd' length='0' probability='1'/>"
        "<vType id='even' probability='1'/></vTypeDistribution>\n"
        "<vTypeDistribution id='shares' vTypes='good good' probabilities='1 x'/>\n"
        "<vTypeDistribution id='none'/>\n<vTypeDistribution id='gone' vTypes='good absent'/>\n"
        "<route id='many' edges='a b' repeat='-1'/>\n"
        "<vehicle id='v1' type='good' depart='1' route='r'/>\n"
        "<vehicle id='v2' type='class' depart='2' route='r'/>\n"
        "<vehicle id='v3' type='number' depart='3' route='r'/>\n"
        "<vehicle id='v4' type='model' depart='4' route='r'/>\n"
        "<vehicle id='v5' type='shares' depart='5' route='r'/>\n"
        "<vehicle id='v6' type='none' depart='6' route='r'/>\n"
        "<vehicle id='v7' type='even' depart='7' route='r'/>\n"
        "<vehicle id='v8' type='good' depart='8' route='many'/>\n"
        "<vehicle id='v9' type='good' depart='9'><route edges='a b' repeat='x'/></vehicle>\n"
        "<vehicle id='v10' depart='10' route='r'/>\n"
        "<flow id='f' type='mixed' begin='100' period='1' number='200' route='r'/>\n"
        "<flow id='g' type='gone' begin='400' period='1' number='200' route='r'/>\n</routes>";
    write_text("b.rou.xml", TEXT);
    struct demand_options options = DEMAND_OPTIONS_DEFAULT;
    options.ignore_route_errors = true;
    struct demand *demand = open_with("b.rou.xml", &options);
    int64_t dropped = demand_counts(demand)->route_errors;
    bool told = false;
    for (int32_t i = 0; i < demand_note_count(demand); i++) {
        told = told || strstr(demand_note(demand, i), "are broken: who takes them is dropped") != NULL;
    }
    assert_true(told);
    struct trip_columns trips = take_all(demand);
    assert_int_equal(trips.count + dropped, 410);
    const int64_t at_ms[] = { 1000, 7000, 10000 };
    assert_memory_equal(trips.depart_ms, at_ms, sizeof at_ms);
    // Of each mixed flow about one in two draws the good alternative: 200 draws, 70 to 130 is four deviations.
    int32_t mixed = 0, gone = 0;
    for (int32_t i = 3; i < trips.count; i++) {
        mixed += trips.depart_ms[i] < 400000;
        gone += trips.depart_ms[i] >= 400000;
    }
    assert_in_range(mixed, 70, 130);
    assert_in_range(gone, 70, 130);
    demand_release(demand);
    refuses("b1.rou.xml", TEXT, STATUS_UNKNOWN, "line 4|spaceship");   // Without the option the first one ends it.
}

#define VEHICLE "{\"length\":5,\"width\":2,\"maxPosAcc\":2,\"maxNegAcc\":4.5,\"usualPosAcc\":2,\"usualNegAcc\":4," \
    "\"minGap\":2.5,\"maxSpeed\":10,\"headwayTime\":2}"

static void cityflow_flows(void **state)
{
    (void)state;
    struct demand *demand =
        open_text("flow.json", "[{\"vehicle\":" VEHICLE ",\"route\":[\"a\",\"d\"],\"interval\":2.0,"
                               "\"startTime\":10,\"endTime\":14},\n{\"vehicle\":" VEHICLE
                               ",\"route\":[\"b\"],\"interval\":1.0,\"startTime\":11,"
                               "\"endTime\":11}]");
    struct trip_columns trips = take_all(demand);
    const int64_t at_ms[] = { 10000, 11000, 12000, 14000 };
    assert_int_equal(trips.count, 4);
    assert_memory_equal(trips.depart_ms, at_ms, sizeof at_ms);
    const int32_t links[] = { A, B, C, D, B, A, B, C, D, A, B, C, D };   // anchors a, d: the fastest way between
    assert_memory_equal(trips.links, links, sizeof links);
    int32_t types;
    const struct vehicle_type *type = demand_types(demand, &types);
    assert_int_equal(types, 1);
    // The gap at 10 m/s is 2 s x 10 m/s = 20 m: Krauss' minGap + tau v with tau = 1.75 s.
    assert_true(type->headway_s == 1.75 && type->gap_m == 2.5 && type->deceleration_mps2 == 4.0);
    // It departs standing, and is near an intersection 10 x 10 / (2 x 4) + 2 x 10 m before it.
    assert_true(type->turn_way_m == 32.5);
    for (int i = 0; i < trips.count; i++) {
        assert_int_equal(trips.depart_speed_mmps[i], 0);
    }
    char name[16];
    demand_trip_name(demand, 2, name, sizeof name);
    assert_string_equal(name, "flow_0_1");
    demand_release(demand);
    refuses("f1.json",
            "[{\"vehicle\":" VEHICLE ",\"route\":[\"a\",\"q\"],\"interval\":2,\"startTime\":1,\"endTime\":1}]",
            STATUS_RANGE, "entry 0|route[1]|\"q\"");
    refuses("f2.json", "[{\"route\":[\"a\"],\"interval\":2,\"startTime\":1,\"endTime\":1}]", STATUS_RANGE,
            "entry 0|vehicle");
    refuses("f3.json", "[{\"vehicle\":" VEHICLE ",\"route\":[\"a\"],\"interval\":0,\"startTime\":1,\"endTime\":3}]",
            STATUS_RANGE, "entry 0|interval");
    refuses("f4.json", "[\n{\"vehicle\":3,]", STATUS_SYNTAX, "line 2");
}

static int set_up(void **state)
{
    (void)state;
    toy_roads_create(ROADS, 6, 5, &network);
    return mkdtemp(folder) == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    network_release(&network);
    char command[64];
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sumo_trips_are_routed), cmocka_unit_test(places_of_departure_are_read),
        cmocka_unit_test(flows_depart_as_in_sumo),
        cmocka_unit_test(random_flows_keep_their_rate), cmocka_unit_test(scale_spreads_evenly),
        cmocka_unit_test(begin_discards_and_counts), cmocka_unit_test(batches_come_in_order),
        cmocka_unit_test(distributions_choose_by_weight), cmocka_unit_test(includes_are_read_in_place),
        cmocka_unit_test(distributions_may_refer),
        cmocka_unit_test(types_have_models_and_deviations),
        cmocka_unit_test(a_configuration_scales_and_forgives),
        cmocka_unit_test(types_fit_the_street),
        cmocka_unit_test(several_files_are_one_demand),
        cmocka_unit_test(an_additional_file_may_begin_with_add),
        cmocka_unit_test(a_configuration_holds_for_other_routes),
        cmocka_unit_test(wrong_trips_are_told_by_line), cmocka_unit_test(a_demand_may_be_empty),
        cmocka_unit_test(broken_files_always_fail),
        cmocka_unit_test(what_is_broken_costs_who_takes_it),
        cmocka_unit_test(one_bad_trip_costs_itself), cmocka_unit_test(cityflow_flows),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
