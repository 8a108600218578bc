#include "sim/demand/demand_cityflow.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model/units.h"

enum { WHAT_BYTES = 200 };

static const double FLOW_S_MAX = 86400.0;       // of a flow without end
static const double TIME_S_MAX = 1e9;           // some 30 years
static const double HEADWAY_S_MIN = 0.5;
static const double NEAR_S = 2.0;               // beyond its braking distance a vehicle counts as near an intersection
static const double TURN_WAY_M_MAX = 1000.0;
static const double START_LOSS_S = 0.35;        // a queue crosses in CityFlow's seconds: the 1st, 5th, 7th, 10th

struct flow_entry {
    struct vehicle_type type;
    double interval_s, start_s, end_s;
};

struct flow_reader {
    struct demand_rows *rows;
    int32_t file, entry;
    struct link_list links;
    char what[WHAT_BYTES];                      // what is wrong with the entry
};

// A number of an object, within limits. False, and told in reader->what, when it is missing or outside.
static bool number_read(struct flow_reader *reader, const json_t *object, const char *path, const char *key,
                        double least, double most, double *ret)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value)) {
        (void)snprintf(reader->what, sizeof reader->what, "%s%s: expected a number", path, key);
        return false;
    }
    double number = json_number_value(value);
    if (!(number >= least && number <= most)) {
        (void)snprintf(reader->what, sizeof reader->what, "%s%s is %g, outside %g .. %g", path, key, number, least,
                       most);
        return false;
    }
    *ret = number;
    return true;
}

static bool vehicle_read(struct flow_reader *reader, const json_t *vehicle, struct vehicle_type *ret)
{
    double headway_s = 0.0;
    struct vehicle_type type = { .user = USER_CAR, .following = FOLLOW_KRAUSS, .speed_factor = 1.0,
        .start_loss_s = START_LOSS_S };
    if (!json_is_object(vehicle)) {
        (void)snprintf(reader->what, sizeof reader->what, "vehicle: expected an object");
        return false;
    }
    if (!number_read(reader, vehicle, "vehicle.", "length", 0.1, 1000.0, &type.length_m)
        || !number_read(reader, vehicle, "vehicle.", "minGap", 0.0, 100.0, &type.gap_m)
        || !number_read(reader, vehicle, "vehicle.", "usualPosAcc", 0.01, 50.0, &type.acceleration_mps2)
        || !number_read(reader, vehicle, "vehicle.", "usualNegAcc", 0.01, 50.0, &type.deceleration_mps2)
        || !number_read(reader, vehicle, "vehicle.", "maxNegAcc", 0.01, 100.0, &type.emergency_mps2)
        || !number_read(reader, vehicle, "vehicle.", "maxSpeed", 0.1, 200.0, &type.speed_mps_max)
        || !number_read(reader, vehicle, "vehicle.", "headwayTime", 0.01, 60.0, &headway_s)) {
        return false;
    }
    type.emergency_mps2 = fmax(type.emergency_mps2, type.deceleration_mps2);
    type.turn_way_m = fmin(type.speed_mps_max * type.speed_mps_max / (2.0 * type.deceleration_mps2)
                           + NEAR_S * type.speed_mps_max, TURN_WAY_M_MAX);
    type.headway_s = fmax(headway_s - type.gap_m / type.speed_mps_max, fmin(HEADWAY_S_MIN, headway_s));
    *ret = type;
    return true;
}

static bool same_vehicle(const struct vehicle_type *a, const struct vehicle_type *b)
{
    const double x[] = { a->length_m, a->gap_m, a->acceleration_mps2, a->deceleration_mps2, a->emergency_mps2,
        a->speed_mps_max, a->headway_s };
    const double y[] = { b->length_m, b->gap_m, b->acceleration_mps2, b->deceleration_mps2, b->emergency_mps2,
        b->speed_mps_max, b->headway_s };
    return memcmp(x, y, sizeof x) == 0;
}

// The index of the type; linear, since a file has a handful. Beyond a bound the newest are compared only.
static int32_t type_keep(struct demand_rows *rows, const struct vehicle_type *type)
{
    enum { COMPARED_MAX = 256 };
    int32_t first = rows->types.count > COMPARED_MAX ? rows->types.count - COMPARED_MAX : 0;
    for (int32_t i = rows->types.count - 1; i >= first; i--) {
        if (same_vehicle(&rows->types.at[i], type)) {
            return i;
        }
    }
    struct vehicle_type *kept = GROW(rows->types);
    *kept = *type;
    (void)snprintf(kept->name, sizeof kept->name, "vehicle_%d", rows->types.count - 1);
    return rows->types.count - 1;
}

static bool route_read(struct flow_reader *reader, const json_t *route)
{
    size_t count = json_array_size(route);
    reader->links.count = 0;
    for (size_t i = 0; i < count; i++) {
        const char *road = json_string_value(json_array_get(route, i));
        if (road == NULL) {
            (void)snprintf(reader->what, sizeof reader->what, "route[%zu]: expected the name of a road", i);
            return false;
        }
        struct link_id link = network_find_link(reader->rows->network, road);
        if (link.index == INDEX_NONE) {
            (void)snprintf(reader->what, sizeof reader->what, "route[%zu]: road \"%.100s\" is not in the network", i,
                           road);
            return false;
        }
        *GROW(reader->links) = link.index;
    }
    if (count == 0) {
        (void)snprintf(reader->what, sizeof reader->what, "route: expected an array of roads, at least one");
    }
    return count > 0;
}

static bool entry_read(struct flow_reader *reader, const json_t *flow, struct flow_entry *ret)
{
    if (!json_is_object(flow)) {
        (void)snprintf(reader->what, sizeof reader->what, "expected an object");
        return false;
    }
    if (!vehicle_read(reader, json_object_get(flow, "vehicle"), &ret->type)
        || !number_read(reader, flow, "", "interval", 0.0, TIME_S_MAX, &ret->interval_s)
        || !number_read(reader, flow, "", "startTime", 0.0, TIME_S_MAX, &ret->start_s)
        || !number_read(reader, flow, "", "endTime", -1.0, TIME_S_MAX, &ret->end_s)
        || !route_read(reader, json_object_get(flow, "route"))) {
        return false;
    }
    if (ret->end_s < 0.0) {
        ret->end_s = ret->start_s + FLOW_S_MAX;
    }
    if (ret->interval_s <= 0.0 && ret->end_s > ret->start_s) {
        (void)snprintf(reader->what, sizeof reader->what, "interval is 0, yet endTime is after startTime");
        return false;
    }
    return true;
}

static enum status flow_expand(struct flow_reader *reader, const json_t *flow)
{
    struct flow_entry entry;
    struct demand_rows *rows = reader->rows;
    if (!entry_read(reader, flow, &entry)) {
        reader->rows->counts.read++;
        return rows_refuse(rows, STATUS_RANGE, reader->file, reader->entry, "%s", reader->what);
    }
    char name[32];
    (void)snprintf(name, sizeof name, "flow_%d", reader->entry);
    struct demand_row row = { .type = type_keep(rows, &entry.type), .name = rows_text(rows, name), .file = reader->file,
        .line = reader->entry, .depart_lane = -1, .depart_speed_mmps = 0, .depart_front_mm = DEPART_AT_START,
        .route = rows_route(rows, ROUTE_ANCHORS, USER_CAR, reader->links.at, reader->links.count) };
    for (int32_t i = 0;; i++) {
        double at_s = entry.start_s + i * entry.interval_s;
        if (at_s > entry.end_s || (i > 0 && entry.interval_s <= 0.0)) {
            return STATUS_OK;
        }
        row.depart_ms = ms_from_s(at_s);
        row.instance = i;
        enum status status = rows_add(rows, &row);
        if (status != STATUS_OK) {
            return status;
        }
    }
}

enum status demand_cityflow(const char *path, struct demand_rows *rows)
{
    json_error_t error;
    json_t *flows = json_load_file(path, 0, &error);
    if (flows == NULL) {
        char place[64];
        (void)snprintf(place, sizeof place, "line %d", error.line);
        return problem_report(rows->problem, STATUS_SYNTAX, path, error.line > 0 ? place : NULL,
                              "is the file whole? fetch or write it anew", "%s", error.text);
    }
    enum status status = STATUS_OK;
    struct flow_reader reader = { .rows = rows, .file = names_add(&rows->files, path) };
    rows->instance_mark = '_';
    rows->entry_word = "entry";
    if (!json_is_array(flows)) {
        status = problem_report(rows->problem, STATUS_SYNTAX, path, NULL, "name a CityFlow flow.json",
                                "expected an array of flows");
    }
    for (size_t i = 0; i < json_array_size(flows) && status == STATUS_OK; i++) {
        reader.entry = (int32_t)i;
        status = flow_expand(&reader, json_array_get(flows, i));
    }
    free(reader.links.at);
    json_decref(flows);
    return status;
}
