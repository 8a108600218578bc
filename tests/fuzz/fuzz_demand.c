// Goal: whatever a SUMO route file has become, reading it gives trips that the network can carry, or a sentence; with
// errors to be ignored as without. The input: see altered_text.h; the file is one in memory, so that no disk is worn.
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim/demand/demand.h"
#include "tests/fuzz/altered_text.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/sim/toy_roads.h"

static const struct toy_road ROADS[] = {
    { "a", 0, 1, 2, 100.0, 10.0, 0, USER_BICYCLE | USER_BUS }, { "b", 1, 2, 2, 100.0, 10.0, 0, 0 },
    { "c", 2, 3, 1, 100.0, 10.0, 0, 0 }, { "d", 3, 4, 1, 100.0, 10.0, 0, 0 }, { "e", 1, 3, 1, 100.0, 2.0, 0, 0 },
};

enum { DEPTH_BYTES = 8 * ALTERED_CHANGE_BYTES + 1 };

static const char WHOLE[] =
    "<routes>\n"
    "<vTypeDistribution id=\"mix\"><vType id=\"fast\" speedFactor=\"normc(1.1,0.1,0.8,1.4)\" probability=\"0.3\"/>\n"
    "<vType id=\"lorry\" vClass=\"truck\" probability=\"0.7\" sigma=\"0\" accel=\"1.5\"/></vTypeDistribution>\n"
    "<vType id=\"idm\" carFollowModel=\"IDM\" tau=\"1.2\"><carFollowing-IDM minGap=\"2\" tau=\"1.4\"/></vType>\n"
    "<busStop id=\"s\" lane=\"b_0\" startPos=\"30\" endPos=\"-20\"/><parkingArea id=\"q\" lane=\"c_0\"/>\n"
    "<rerouter id=\"x\" edges=\"a\"><interval begin=\"10\" end=\"60\"><closingLaneReroute id=\"b_1\" disallow=\"bus\"/>"
    "<closingReroute id=\"e\"/></interval></rerouter>\n"
    "<route id=\"r\" edges=\"a b c d\"><stop busStop=\"s\" duration=\"5\" until=\"30\"/></route>\n"
    "<routeDistribution id=\"rd\"><route edges=\"a e d\"/><route refId=\"r\" probability=\"2\"/></routeDistribution>\n"
    "<flow id=\"f1\" type=\"mix\" route=\"r\" begin=\"0\" end=\"50\" vehsPerHour=\"600\" departLane=\"best\"/>\n"
    "<flow id=\"f2\" type=\"idm\" route=\"rd\" begin=\"0:00:30\" end=\"90\" period=\"exp(0.2)\"/>\n"
    "<flow id=\"f3\" from=\"a\" to=\"d\" via=\"e\" begin=\"0\" end=\"40\" number=\"9\">"
    "<stop lane=\"e_0\" startPos=\"40\" endPos=\"60\" until=\"70\" parking=\"true\"/></flow>\n"
    "<trip id=\"u\" depart=\"33\" from=\"a\" to=\"d\"><stop parkingArea=\"q\" duration=\"0:01:00\"/></trip>\n"
    "<flow id=\"f4\" from=\"a\" to=\"c\" begin=\"0\" end=\"40\" probability=\"0.3\" departSpeed=\"random\"/>\n"
    "<vehicle id=\"v\" type=\"lorry\" depart=\"70\" departLane=\"1\"><route edges=\"a b\"/><stop lane=\"b_0\" "
    "duration=\"9\"/></vehicle>\n"
    "<trip id=\"t\" depart=\"120.5\" from=\"b\" to=\"d\" departSpeed=\"3\"/>\n"
    "<person id=\"p\" depart=\"10\"><walk edges=\"a\"/></person>\n"
    "</routes>\n";
static char altered[sizeof WHOLE + ALTERED_CHANGES_MAX];
static struct network network;

// Stops lie on their way, one after the other, on a lane that is there.
static void stops_check(const struct trip_columns *trips, int32_t row)
{
    int32_t leg = 0;
    for (int32_t s = trips->first_stop != NULL ? trips->first_stop[row] : 0;
         trips->first_stop != NULL && s < trips->first_stop[row + 1]; s++) {
        const struct trip_stop *stop = &trips->stops[s];
        if (stop->leg < leg || stop->leg >= trips->first_link[row + 1] - trips->first_link[row]) {
            abort();
        }
        const struct link *link = &network.links[trips->links[trips->first_link[row] + stop->leg]];
        if (stop->lane < 0 || stop->lane >= link->lane_count || stop->start_mm < 0 || stop->end_mm < stop->start_mm
            || stop->end_mm > 1000.0 * link->length_m + 1.0 || stop->duration_ms < 0) {
            abort();
        }
        leg = stop->leg;
    }
}

static void closures_check(const struct demand *demand)
{
    int32_t count = 0;
    const struct lane_closure *closures = demand_closures(demand, &count);
    for (int32_t i = 0; i < count; i++) {
        const struct lane_closure *closure = &closures[i];
        if (closure->lane < 0 || closure->lane >= network.lane_count || closure->to_ms <= closure->from_ms) {
            abort();
        }
    }
}

// Reads all; every trip must be one that the street would take.
static void take_all(struct demand *demand)
{
    struct trip_columns trips = { 0 };
    struct problem problem;
    int32_t types = 0;
    int64_t last_ms = INT64_MIN;
    (void)demand_types(demand, &types);
    closures_check(demand);
    do {
        if (demand_next(demand, INT64_MAX, &trips, &problem) != STATUS_OK) {
            abort();
        }
        for (int32_t i = 0; i < trips.count; i++) {
            int32_t first = trips.first_link[i], after = trips.first_link[i + 1];
            if (trips.depart_ms[i] < last_ms || trips.type[i] < 0 || trips.type[i] >= types || after <= first) {
                abort();
            }
            for (int32_t k = first; k < after; k++) {
                if (trips.links[k] < 0 || trips.links[k] >= network.link_count) {
                    abort();
                }
            }
            stops_check(&trips, i);
            last_ms = trips.depart_ms[i];
        }
    } while (trips.count > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (network.link_count == 0) {
        toy_roads_create(ROADS, (int)(sizeof ROADS / sizeof *ROADS), 5, &network);
    }
    size_t length = sizeof WHOLE - 1;
    memcpy(altered, WHOLE, length);
    alter_text(altered, &length, data, bytes % DEPTH_BYTES);   // few changes get farthest
    int file = memfd_create("x.rou.xml", 0);
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (file < 0 || write(file, altered, length) != (ssize_t)length) {
        abort();
    }
    for (int forgiving = 0; forgiving < 2; forgiving++) {
        struct demand_options options = DEMAND_OPTIONS_DEFAULT;
        struct demand *demand = NULL;
        struct problem problem = { "" };
        options.ignore_route_errors = forgiving == 1;
        if (demand_open(&network, path, &options, &demand, &problem) == STATUS_OK) {
            take_all(demand);
            demand_release(demand);
        } else if (problem.text[0] == '\0') {
            abort();
        }
    }
    (void)close(file);
    return 0;
}
