#include <stdarg.h>
#include <stdio.h>

#include "engine/base/random.h"
#include "engine/model/units.h"
#include "sim/demand/sumo_notes.h"
#include "sim/demand/sumo_reader.h"
#include "sim/demand/sumo_stops.h"

void sumo_refuse(struct reader *reader, struct sumo_xml *xml, enum status status, const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const struct pending *pending = &reader->pending;
    struct problem *outer = reader->rows->problem, inner;
    reader->rows->problem = &inner;
    enum status refused = rows_refuse(reader->rows, status, reader->file, pending->line, "%s \"%s\": %s", pending->word,
                                      reader->rows->text.at + pending->name, text);
    reader->rows->problem = outer;
    reader->rows->counts.read++;       // a flow that cannot be counts as one
    if (refused != STATUS_OK) {
        sumo_xml_stop(xml, refused, &inner);
    }
}

static int8_t choose_lane(const struct reader *reader, const struct link *link, enum user_class user)
{
    const struct lane *lanes = &reader->rows->network->lanes[link->first_lane];
    int32_t usable[128], count = 0;
    for (int32_t i = 0; i < link->lane_count && i < 127; i++) {
        if ((lanes[i].users & (uint32_t)user) != 0) {
            usable[count++] = i;
        }
    }
    switch (reader->pending.lane) {
    case LANE_FIRST:
        return count > 0 ? (int8_t)usable[0] : -1;
    case LANE_RANDOM: {
        double u = random_unit(reader->rows->options.seed, RANDOM_ROUTE, reader->ordinal, DRAW_LANE);
        return count > 0 ? (int8_t)usable[(int32_t)(u * count)] : -1;
    }
    case LANE_NUMBER:
        return (int8_t)reader->pending.lane_number;
    case LANE_BEST:
        break;
    }
    return -1;
}

static int32_t choose_speed(const struct reader *reader, const struct link *link)
{
    double u = random_unit(reader->rows->options.seed, RANDOM_ROUTE, reader->ordinal, DRAW_SPEED);
    switch (reader->pending.speed) {
    case SPEED_MAX:
        return -1;
    case SPEED_RANDOM:
        return (int32_t)(u * link->speed_mps * 1000.0);
    case SPEED_NUMBER:
        break;
    }
    return reader->pending.speed_mmps;
}

// Of the front on the link's lanes, which are equally long.
static int32_t choose_front(const struct reader *reader, const struct link *link, bool *ret_beyond)
{
    double u = random_unit(reader->rows->options.seed, RANDOM_ROUTE, reader->ordinal, DRAW_PLACE);
    double at_m = reader->pending.place_m;
    switch (reader->pending.place) {
    case PLACE_START:
        return DEPART_AT_START;
    case PLACE_LAST:
        return DEPART_BEHIND_LAST;
    case PLACE_RANDOM:
        return (int32_t)(u * link->length_m * 1000.0);
    case PLACE_NUMBER:
        break;
    }
    at_m += at_m < 0.0 ? link->length_m : 0.0;
    // Beyond either end SUMO 1.15 inserts it at the lane's end, with a warning.
    *ret_beyond = at_m < 0.0 || at_m > link->length_m;
    return (int32_t)((*ret_beyond ? link->length_m : at_m) * 1000.0 + 0.5);
}

static bool timed(const struct demand_stop *stops, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        if (stops[i].until_ms != DEMAND_TIME_NONE) {
            return true;
        }
    }
    return false;
}

// The stops of one departure: those of its route, whose times count from it, then its own, which in a flow count from
// its first vehicle. Departures share them where there is no time in them. Returns what is wrong with one, or NULL.
static const char *stops_choose(struct reader *reader, const struct route_text *route, struct demand_row *row)
{
    struct demand_rows *rows = reader->rows;
    struct pending *pending = &reader->pending;
    int32_t of_route = route != NULL ? route->stop_count : 0, own = pending->stops.count;
    const struct demand_stop *routes = route != NULL ? reader->route_stops.at + route->first_stop : NULL;
    row->stop_count = of_route + own;
    if (row->stop_count == 0) {
        return NULL;
    }
    const struct demand_row *before = rows->rows.count > 0 ? &rows->rows.at[rows->rows.count - 1] : NULL;
    if (of_route == 0 && row->instance > 0 && !timed(pending->stops.at, own) && before != NULL
        && before->stop_count == own && before->name == row->name) {
        row->first_stop = before->first_stop;
        return NULL;
    }
    row->first_stop = rows->stops.count;
    (void)sumo_stops_keep(rows, routes, of_route, row->depart_ms);
    (void)sumo_stops_keep(rows, pending->stops.at, own, (int64_t)pending->flow_shift_ms);
    for (int32_t i = 0; i < row->stop_count; i++) {
        int32_t bad = rows->stops.at[row->first_stop + i].bad;
        if (bad != INDEX_NONE) {
            return rows->text.at + bad;
        }
    }
    return NULL;
}

void sumo_depart(struct reader *reader, struct sumo_xml *xml, int64_t depart_ms, int32_t instance)
{
    struct demand_rows *rows = reader->rows;
    struct pending *pending = &reader->pending;
    const struct choice_entry *entry = &reader->types.entries.at[pending->type_entry];
    uint64_t seed = rows->options.seed;
    int32_t type = choose(reader->types.choices.at + entry->first, entry->count, seed, reader->ordinal, DRAW_TYPE);
    if (type < 0) {
        reader->ordinal++;             // The next one of a flow draws anew.
        sumo_refuse(reader, xml, STATUS_RANGE, "its type is broken");
        return;
    }
    enum user_class user = rows->types.at[type].user;
    const int32_t *links = pending->anchors.at;
    int32_t count = pending->anchors.count;
    const struct route_text *route = NULL;
    if (pending->routes.count > 0) {
        int32_t chosen = choose(pending->routes.at, pending->routes.count, seed, reader->ordinal, DRAW_ROUTE);
        if (chosen < 0) {
            reader->ordinal++;
            sumo_refuse(reader, xml, STATUS_RANGE, "its route is broken");
            return;
        }
        route = &reader->route_texts.at[chosen];
        if (route->unknown != INDEX_NONE || route->count == 0) {
            reader->ordinal += pending->routes.count > 1;
            sumo_refuse(reader, xml, STATUS_UNKNOWN, route->unknown == INDEX_NONE ? "its route is empty%s"
                   : "edge \"%s\" of its route is not in the network",
                   route->unknown == INDEX_NONE ? "" : rows->text.at + route->unknown);
            return;
        }
        links = reader->route_links.at + route->first;
        count = route->count;
    }
    const struct link *link = &rows->network->links[links[0]];
    bool beyond = false;
    struct demand_row row = { .depart_ms = depart_ms, .type = type, .name = pending->name, .instance = instance,
        .file = reader->file, .line = pending->line, .depart_lane = choose_lane(reader, link, user),
        .depart_speed_mmps = choose_speed(reader, link),
        .depart_front_mm = choose_front(reader, link, &beyond) };
    if (beyond) {
        sumo_count(reader, xml, &reader->beyond);
    }
    if (row.depart_lane >= link->lane_count
        || (row.depart_lane >= 0
            && (rows->network->lanes[link->first_lane + row.depart_lane].users & (uint32_t)user) == 0)) {
        sumo_refuse(reader, xml, STATUS_RANGE, "\"%s\" has no lane %d for it to depart on",
               network_name(rows->network, link->name), row.depart_lane);
        return;
    }
    const char *bad = stops_choose(reader, route, &row);
    if (bad != NULL) {
        char text[TEXT_BYTES];
        (void)snprintf(text, sizeof text, "%s", bad);   // rows.text may move
        sumo_refuse(reader, xml, STATUS_RANGE, "%s", text);
        return;
    }
    row.route = rows_route(rows, pending->routes.count > 0 ? ROUTE_WHOLE : ROUTE_ANCHORS, user, links, count);
    reader->unsorted = reader->unsorted || (instance == INDEX_NONE && depart_ms < reader->last_depart_ms);
    reader->last_depart_ms = instance == INDEX_NONE ? depart_ms : reader->last_depart_ms;
    reader->ordinal++;
    struct problem problem, *outer = rows->problem;
    rows->problem = &problem;
    enum status status = rows_add(rows, &row);
    rows->problem = outer;
    if (status != STATUS_OK) {
        sumo_xml_stop(xml, status, &problem);
    }
}

void sumo_expand_flow(struct reader *reader, struct sumo_xml *xml)
{
    const struct pending *pending = &reader->pending;
    uint64_t seed = reader->rows->options.seed, number = UINT64_C(1) << 62 | reader->flow_ordinal++, draw = DRAW_FLOW;
    double at_ms = 0.0, span_ms = (double)(pending->end_ms - pending->depart_ms);
    bool counted = pending->number >= 0;
    for (int32_t i = 0; (!counted || i < pending->number) && !sumo_xml_failed(xml); ) {
        bool departs = true;
        switch (pending->flow) {
        case FLOW_EVEN:
            at_ms = i * pending->period_ms;
            break;
        case FLOW_CHANCE:
            departs = random_unit(seed, RANDOM_ROUTE, number, draw++) < pending->rate;
            break;
        case FLOW_POISSON:
            at_ms += random_exponential(seed, RANDOM_ROUTE, number, &draw) / pending->rate * MS_PER_S;
            break;
        case FLOW_NONE:
            return;
        }
        // A counted flow has no end but its number; SUMO allows only one of both but for the even spacing.
        if (at_ms >= span_ms && !(counted && pending->flow == FLOW_EVEN)) {
            return;
        }
        if (departs) {
            reader->pending.flow_shift_ms = pending->flow == FLOW_EVEN ? at_ms : 0.0;
            sumo_depart(reader, xml, pending->depart_ms + (int64_t)(at_ms + 0.5), i++);
        }
        at_ms += pending->flow == FLOW_CHANCE ? MS_PER_S : 0.0;
    }
}
