#include "sim/demand/sumo_stops.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/demand/sumo_notes.h"

static const double EPSILON_M = 0.1;           // SUMO's POSITION_EPS
static const char *const PLACES[] = { "busStop", "trainStop", "containerStop", "chargingStation", "parkingArea" };
enum { PLACE_KINDS = sizeof PLACES / sizeof *PLACES, PLACE_PARKING = 4 };

static PRINTF_LIKE(3, 4) void stop_bad(struct demand_rows *rows, struct demand_stop *stop, const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    stop->bad = stop->bad != INDEX_NONE ? stop->bad : rows_text(rows, text);
}

int32_t sumo_lane_find(const struct network *network, const char *name)
{
    char edge[TEXT_BYTES];
    const char *mark = strrchr(name, '_');
    char *end = NULL;
    if (mark == NULL || mark[1] < '0' || mark[1] > '9' || (size_t)(mark - name) >= sizeof edge) {
        return INDEX_NONE;
    }
    (void)snprintf(edge, sizeof edge, "%.*s", (int)(mark - name), name);
    long number = strtol(mark + 1, &end, 10);
    int32_t link = network_find_link(network, edge).index;
    return *end != '\0' || link == INDEX_NONE || number >= network->links[link].lane_count ? INDEX_NONE
        : network->links[link].first_lane + (int32_t)number;
}

// A position along a lane, below zero from its end; NAN where it is none.
static double position_of(const char *text, double otherwise, double length_m, bool friendly)
{
    char *end = NULL;
    double m = text != NULL ? strtod(text, &end) : otherwise;
    if (text != NULL && (end == text || *end != '\0' || !(fabs(m) <= 1e6))) {
        return NAN;
    }
    m += text != NULL && m < 0.0 ? length_m : 0.0;
    m = friendly ? fmin(fmax(m, 0.0), length_m) : m;
    return m >= 0.0 && m <= length_m + EPSILON_M ? fmin(m, length_m) : NAN;
}

static bool span_read(const struct network *network, const char **attributes, double start_before_end_m,
                      struct demand_stop *stop)
{
    double length_m = network->lanes[stop->lane].length_m;
    bool friendly = sumo_xml_flag(attributes, "friendlyPos", false);
    double end_m = position_of(sumo_xml_find(attributes, "endPos"), length_m, length_m, friendly);
    double start_m = fmax(0.0, end_m - start_before_end_m);
    start_m = position_of(sumo_xml_find(attributes, "startPos"), start_m, length_m, friendly);
    if (!(start_m >= 0.0 && start_m <= end_m && end_m > 0.0)) {
        return false;
    }
    stop->start_mm = (int32_t)(start_m * 1000.0);
    stop->end_mm = (int32_t)(end_m * 1000.0);
    return true;
}

bool sumo_place_read(struct reader *reader, struct sumo_xml *xml, const char *element, const char **attributes)
{
    int kind = 0;
    while (kind < PLACE_KINDS && strcmp(element, PLACES[kind]) != 0) {
        kind++;
    }
    if (kind == PLACE_KINDS) {
        return false;
    }
    const struct network *network = reader->rows->network;
    const char *id = sumo_xml_text(xml, element, attributes, "id");
    const char *lane = sumo_xml_text(xml, element, attributes, "lane");
    struct demand_stop place = { .lane = sumo_lane_find(network, lane), .until_ms = DEMAND_TIME_NONE, .bad = INDEX_NONE,
        .parking = kind == PLACE_PARKING };
    if (place.lane == INDEX_NONE) {
        sumo_xml_fail(xml, STATUS_UNKNOWN, "name a lane of this network",
                      "the %s \"%.100s\" is on lane \"%.100s\", which is not in the network", element, id, lane);
        return true;
    }
    if (!span_read(network, attributes, 1e6, &place)) {
        sumo_xml_fail(xml, STATUS_RANGE, "give startPos < endPos within the lane", "the %s \"%.100s\" does not lie on "
                      "lane \"%.100s\", which is %.2f m long", element, id, lane, network->lanes[place.lane].length_m);
        return true;
    }
    int32_t at = names_add(&reader->places.names, id);
    if (at < reader->places.count) {
        reader->places.at[at] = place;     // told again: the later one counts
    } else {
        *GROW(reader->places) = place;
    }
    return true;
}

static void place_of(struct reader *reader, const char **attributes, struct demand_stop *stop)
{
    const struct network *network = reader->rows->network;
    for (int kind = 0; kind < PLACE_KINDS; kind++) {
        const char *name = sumo_xml_find(attributes, PLACES[kind]);
        if (name == NULL) {
            continue;
        }
        int32_t at = names_find(&reader->places.names, name);
        if (at == NAME_NONE) {
            stop_bad(reader->rows, stop, "its stop is at the %s \"%.100s\", which is not defined above it",
                     PLACES[kind], name);
            return;
        }
        int32_t bad = stop->bad;
        *stop = reader->places.at[at];
        stop->bad = bad;
        return;
    }
    const char *lane = sumo_xml_find(attributes, "lane"), *edge = sumo_xml_find(attributes, "edge");
    if (lane == NULL && edge == NULL) {
        stop_bad(reader->rows, stop, "its stop names neither a busStop nor a lane");
        return;
    }
    int32_t link = edge != NULL && lane == NULL ? network_find_link(network, edge).index : INDEX_NONE;
    stop->lane = lane != NULL ? sumo_lane_find(network, lane) : link != INDEX_NONE ? network->links[link].first_lane
        : INDEX_NONE;
    if (stop->lane == INDEX_NONE) {
        stop_bad(reader->rows, stop, "its stop is on \"%.100s\", which is not in the network",
                 lane != NULL ? lane : edge);
    } else if (!span_read(network, attributes, 2.0 * EPSILON_M, stop)) {
        stop_bad(reader->rows, stop, "its stop does not lie on \"%.100s\": startPos and endPos must be 0 to %.2f",
                 lane != NULL ? lane : edge, network->lanes[stop->lane].length_m);
    }
    stop->any_lane = lane == NULL;
}

static int64_t time_of(struct demand_rows *rows, const char **attributes, const char *name, int64_t otherwise,
                       struct demand_stop *stop)
{
    const char *text = sumo_xml_find(attributes, name);
    int64_t ms = otherwise;
    if (text != NULL && !sumo_time_parse(text, &ms)) {
        stop_bad(rows, stop, "its stop has %s=\"%.60s\", which is no time", name, text);
    } else if (text != NULL && ms < 0) {
        stop_bad(rows, stop, "its stop has %s=\"%.60s\", which is negative", name, text);
    }
    return ms;
}

// Whether the attribute is there and does not say no.
static bool wishes(const char **attributes, const char *name)
{
    static const char *const NO[] = { "", "0", "false", "False", "no", "off", "-" };
    const char *text = sumo_xml_find(attributes, name);
    bool no = text == NULL;
    for (size_t i = 0; i < sizeof NO / sizeof *NO && !no; i++) {
        no = strcmp(text, NO[i]) == 0;
    }
    return !no;
}

struct demand_stop sumo_stop_read(struct reader *reader, const struct sumo_xml *xml, const char **attributes)
{
    struct demand_rows *rows = reader->rows;
    struct demand_stop stop = { .lane = INDEX_NONE, .bad = INDEX_NONE };
    place_of(reader, attributes, &stop);
    int64_t duration_ms = time_of(rows, attributes, "duration", 0, &stop);
    stop.until_ms = time_of(rows, attributes, "until", DEMAND_TIME_NONE, &stop);
    if (duration_ms > MS_PER_DAY) {
        stop_bad(rows, &stop, "its stop lasts longer than a day");
    }
    stop.duration_ms = (int32_t)(duration_ms <= MS_PER_DAY ? duration_ms : 0);
    const char *parking = sumo_xml_find(attributes, "parking");
    stop.parking = stop.parking || (parking != NULL && strcmp(parking, "opportunistic") != 0
        && sumo_xml_flag(attributes, "parking", false));
    stop.waypoint = sumo_xml_find(attributes, "speed") != NULL;
    bool awaits = wishes(attributes, "triggered") || wishes(attributes, "containerTriggered")
        || wishes(attributes, "join");
    if (awaits) {
        sumo_count(reader, xml, &reader->awaiting);
    }
    if (!awaits && !stop.waypoint && sumo_xml_find(attributes, "duration") == NULL
        && stop.until_ms == DEMAND_TIME_NONE) {
        stop.duration_ms = MS_PER_DAY;
        sumo_count(reader, xml, &reader->endless_stops);
    }
    return stop;
}

int32_t sumo_stops_keep(struct demand_rows *rows, const struct demand_stop *stops, int32_t count, int64_t shift_ms)
{
    int32_t first = rows->stops.count;
    for (int32_t i = 0; i < count; i++) {
        struct demand_stop stop = stops[i];
        stop.until_ms += stop.until_ms != DEMAND_TIME_NONE ? shift_ms : 0;
        *GROW(rows->stops) = stop;
    }
    return first;
}
