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
    "<route id=\"r\" edges=\"a b c d\"/>\n"
    "<routeDistribution id=\"rd\"><route edges=\"a e d\"/><route refId=\"r\" probability=\"2\"/></routeDistribution>\n"
    "<flow id=\"f1\" type=\"mix\" route=\"r\" begin=\"0\" end=\"50\" vehsPerHour=\"600\" departLane=\"best\"/>\n"
    "<flow id=\"f2\" type=\"idm\" route=\"rd\" begin=\"0:00:30\" end=\"90\" period=\"exp(0.2)\"/>\n"
    "<flow id=\"f3\" from=\"a\" to=\"d\" via=\"e\" begin=\"0\" end=\"40\" number=\"9\"/>\n"
    "<flow id=\"f4\" from=\"a\" to=\"c\" begin=\"0\" end=\"40\" probability=\"0.3\" departSpeed=\"random\"/>\n"
    "<vehicle id=\"v\" type=\"lorry\" depart=\"70\" departLane=\"1\"><route edges=\"a b\"/><stop lane=\"b_0\" "
    "duration=\"9\"/></vehicle>\n"
    "<trip id=\"t\" depart=\"120.5\" from=\"b\" to=\"d\" departSpeed=\"3\"/>\n"
    "<person id=\"p\" depart=\"10\"><walk edges=\"a\"/></person>\n"
    "</routes>\n";
static char altered[sizeof WHOLE + ALTERED_CHANGES_MAX];
static struct network network;

// Reads all; every trip must be one that the street would take.
static void take_all(struct demand *demand)
{
    struct trip_columns trips = { 0 };
    struct problem problem;
    int32_t types = 0;
    int64_t last_ms = INT64_MIN;
    (void)demand_types(demand, &types);
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
