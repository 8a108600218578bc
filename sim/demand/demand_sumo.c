#include "sim/demand/demand_sumo.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/model/units.h"
#include "sim/demand/sumo_flows.h"
#include "sim/demand/sumo_notes.h"
#include "sim/demand/sumo_reader.h"
#include "sim/demand/sumo_rerouters.h"
#include "sim/demand/sumo_stops.h"
#include "sim/demand/sumo_types.h"

// Appends the edges of a list to *ret. Gives the offset of an unknown one in rows.text, or INDEX_NONE.
static int32_t edges_read(struct reader *reader, const char *text, struct link_list *ret)
{
    char name[TEXT_BYTES];
    while (*(text += strspn(text, " \t\r\n,")) != '\0') {
        size_t bytes = strcspn(text, " \t\r\n,");
        (void)snprintf(name, sizeof name, "%.*s", (int)(bytes < sizeof name ? bytes : sizeof name - 1), text);
        struct link_id link = network_find_link(reader->rows->network, name);
        if (link.index == INDEX_NONE) {
            return rows_text(reader->rows, name);
        }
        *GROW(*ret) = link.index;
        text += bytes;
    }
    return INDEX_NONE;
}

// Keeps a <route>'s links; gives its index in route_texts. One without edges is refused with the trips that take it.
static int32_t route_keep(struct reader *reader, struct sumo_xml *xml, const char **attributes)
{
    const char *edges = sumo_xml_find(attributes, "edges");
    int32_t repeat = sumo_xml_integer(xml, "route", attributes, "repeat", 0, 0, ROUTE_REPEAT_MAX);
    struct route_text route = { .first = reader->route_links.count, .first_stop = reader->route_stops.count };
    route.unknown = edges_read(reader, edges != NULL ? edges : "", &reader->route_links);
    sumo_note_attributes(reader, xml, "route", attributes);
    int32_t count = reader->route_links.count - route.first;
    for (int32_t i = 0; i < repeat * count; i++) {
        int32_t link = reader->route_links.at[route.first + i];
        *GROW(reader->route_links) = link;
    }
    route.count = reader->route_links.count - route.first;
    *GROW(reader->route_texts) = route;
    reader->route_open = true;
    return reader->route_texts.count - 1;
}

// An alternative by name inside the distribution that is open: <route refId="..."/>, <vType refId="..."/>.
static void read_reference(struct reader *reader, struct sumo_xml *xml, const char *element, const char **attributes)
{
    const char *name = sumo_xml_find(attributes, "refId");
    struct distribution *open = &reader->distribution;
    const struct choice_book *book = open->types ? &reader->types : &reader->routes;
    int32_t entry = open->open ? names_find(&book->names, name) : NAME_NONE;
    if (entry == NAME_NONE) {
        sumo_xml_fail(xml, STATUS_UNKNOWN, "define it above, and refer to it inside a distribution",
                      "<%s refId=\"%.100s\"> refers to nothing", element, name);
        return;
    }
    *GROW(open->choices) = (struct choice){ .index = book->choices.at[book->entries.at[entry].first].index,
        .weight = sumo_xml_number(xml, element, attributes, "probability", 1.0, 0.0, 1e9) };
}

static void read_route(struct reader *reader, struct sumo_xml *xml, const char **attributes)
{
    if (sumo_xml_find(attributes, "refId") != NULL) {
        read_reference(reader, xml, "route", attributes);
        return;
    }
    double weight = sumo_xml_number(xml, "route", attributes, "probability", 1.0, 0.0, 1e9);
    struct choice choice = { .index = route_keep(reader, xml, attributes), .weight = weight };
    if (sumo_xml_failed(xml)) {
        return;
    }
    const char *id = sumo_xml_find(attributes, "id");
    if (reader->distribution.open && !reader->distribution.types) {
        *GROW(reader->distribution.choices) = choice;
    } else if (reader->open != NULL) {
        *GROW(reader->pending.routes) = choice;
        return;
    } else if (id == NULL) {
        sumo_xml_fail(xml, STATUS_SYNTAX, "name it, or put it into a vehicle", "<route> has no attribute 'id'");
    }
    if (id != NULL) {
        book_add(&reader->routes, id, &choice, 1);
    }
}

static void note_model(struct reader *reader, const struct sumo_xml *xml, const char *model)
{
    if (!reader->unknown_model) {
        reader->unknown_model = true;
        rows_note(reader->rows, "%s: line %d: carFollowModel \"%s\" is not computed here: Krauss stands in for it",
                  reader->path, sumo_xml_line(xml), model);
    }
}

static void read_type(struct reader *reader, struct sumo_xml *xml, const char **attributes)
{
    if (sumo_xml_find(attributes, "refId") != NULL) {
        read_reference(reader, xml, "vType", attributes);
        return;
    }
    struct vehicle_type type;
    bool model_known = true;
    if (!sumo_type_read(xml, attributes, reader->speed_deviation, &type, &model_known)) {
        return;
    }
    if (!model_known) {
        note_model(reader, xml, sumo_xml_find(attributes, "carFollowModel"));
    }
    sumo_note_attributes(reader, xml, "vType", attributes);
    *GROW(reader->rows->types) = type;
    reader->type_open = true;
    struct choice choice = { .index = reader->rows->types.count - 1,
        .weight = sumo_xml_number(xml, "vType", attributes, "probability", 1.0, 0.0, 1e9) };
    book_add(&reader->types, sumo_xml_find(attributes, "id"), &choice, 1);
    if (reader->distribution.open && reader->distribution.types) {
        *GROW(reader->distribution.choices) = choice;
    }
}

// What is wrong with a type, a route or a distribution costs itself and the trips that take it, where trips may be
// dropped: a broken alternative stands in its place (choice_book.h).
static void forgive(struct reader *reader, struct sumo_xml *xml, const char *element, const char **attributes)
{
    if (!sumo_xml_failed(xml) || !reader->rows->options.ignore_route_errors) {
        return;
    }
    struct problem problem;
    sumo_xml_forgive(xml, &problem);
    reader->broken_first = reader->broken.count == 0 ? problem : reader->broken_first;
    sumo_count(reader, xml, &reader->broken);
    bool type = strcmp(element, "vType") == 0, route = strcmp(element, "route") == 0;
    bool inside = reader->type_open && (strcmp(element, "param") == 0 || strncmp(element, "carFollowing-", 13) == 0);
    const char *id = inside ? reader->rows->types.at[reader->rows->types.count - 1].name
        : sumo_xml_find(attributes, "id");
    struct choice broken = { .index = -1, .weight = 1.0 };
    struct distribution *open = &reader->distribution;
    if (id != NULL && *id != '\0' && (type || inside || (route && reader->open == NULL))) {
        book_add(type || inside ? &reader->types : &reader->routes, id, &broken, 1);
    }
    if (inside && open->open && open->types && open->choices.count > 0) {
        open->choices.at[open->choices.count - 1].index = -1;
    } else if (open->open && ((type && open->types) || (route && !open->types))) {
        *GROW(open->choices) = broken;
    } else if (route && reader->open != NULL) {
        *GROW(reader->pending.routes) = broken;
    }
}

// Alternatives by name, as in vTypes="a b" probabilities="1 2".
static void read_alternatives(struct reader *reader, struct sumo_xml *xml, const char *element, const char *list,
                              const char *weights)
{
    const struct choice_book *book = reader->distribution.types ? &reader->types : &reader->routes;
    char name[TEXT_BYTES];
    while (list != NULL && *(list += strspn(list, " \t\r\n,")) != '\0') {
        size_t bytes = strcspn(list, " \t\r\n,");
        (void)snprintf(name, sizeof name, "%.*s", (int)(bytes < sizeof name ? bytes : sizeof name - 1), list);
        list += bytes;
        int32_t entry = names_find(&book->names, name);
        if (entry == NAME_NONE && reader->rows->options.ignore_route_errors) {
            sumo_count(reader, xml, &reader->broken);
        } else if (entry == NAME_NONE) {
            sumo_xml_fail(xml, STATUS_UNKNOWN, "define it above", "<%s> names \"%s\", which is unknown", element, name);
            return;
        }
        struct choice choice = { .weight = 1.0,
            .index = entry == NAME_NONE ? -1 : book->choices.at[book->entries.at[entry].first].index };
        if (weights != NULL && *(weights += strspn(weights, " \t\r\n,")) != '\0') {
            char *end = NULL;
            choice.weight = strtod(weights, &end);
            if (end == weights || !(choice.weight >= 0.0 && choice.weight <= 1e9)) {
                sumo_xml_fail(xml, STATUS_RANGE, "write numbers >= 0", "<%s probabilities=\"...%.40s\">", element,
                              weights);
                reader->distribution.choices.count = 0;   // Who takes it cannot know its shares.
                *GROW(reader->distribution.choices) = (struct choice){ .index = -1, .weight = 1.0 };
                return;
            }
            weights = end;
        }
        *GROW(reader->distribution.choices) = choice;
    }
}

static void begin_distribution(struct reader *reader, struct sumo_xml *xml, const char *element,
                               const char **attributes)
{
    struct distribution *open = &reader->distribution;
    if (open->open) {
        sumo_xml_fail(xml, STATUS_SYNTAX, "close the outer one first", "<%s> inside a distribution", element);
        return;
    }
    open->open = true;
    open->types = strcmp(element, "vTypeDistribution") == 0;
    open->anonymous = reader->open != NULL;
    open->choices.count = 0;
    const char *id = open->anonymous ? "" : sumo_xml_text(xml, element, attributes, "id");
    (void)snprintf(open->name, sizeof open->name, "%s", id);
    read_alternatives(reader, xml, element, sumo_xml_find(attributes, open->types ? "vTypes" : "routes"),
                      sumo_xml_find(attributes, "probabilities"));
}

static void end_distribution(struct reader *reader, struct sumo_xml *xml)
{
    struct distribution *open = &reader->distribution;
    open->open = false;
    if (open->choices.count == 0 && reader->rows->options.ignore_route_errors) {
        sumo_count(reader, xml, &reader->broken);
        *GROW(open->choices) = (struct choice){ .index = -1, .weight = 1.0 };
    }
    if (open->choices.count == 0) {
        sumo_xml_fail(xml, STATUS_SYNTAX, "give it at least one alternative", "the distribution \"%s\" is empty",
                      open->name);
        return;
    }
    if (!open->anonymous) {
        book_add(open->types ? &reader->types : &reader->routes, open->name, open->choices.at, open->choices.count);
        return;
    }
    for (int32_t i = 0; i < open->choices.count && reader->open != NULL; i++) {
        *GROW(reader->pending.routes) = open->choices.at[i];
    }
}

// The type by its name; SUMO's own default types come into being when they are first named.
static int32_t find_type(struct reader *reader, const char *name)
{
    static const char *const DEFAULTS[][2] = { { "DEFAULT_VEHTYPE", "passenger" }, { "DEFAULT_TAXITYPE", "taxi" },
        { "DEFAULT_BIKETYPE", "bicycle" }, { "DEFAULT_PEDTYPE", "pedestrian" }, { "DEFAULT_RAILTYPE", "rail" } };
    int32_t entry = names_find(&reader->types.names, name);
    for (size_t i = 0; entry == NAME_NONE && i < sizeof DEFAULTS / sizeof *DEFAULTS; i++) {
        struct vehicle_type type;
        if (strcmp(name, DEFAULTS[i][0]) == 0 && sumo_class_type(DEFAULTS[i][1], &type)) {
            (void)snprintf(type.name, sizeof type.name, "%s", name);
            type.speed_deviation = reader->speed_deviation >= 0.0 ? reader->speed_deviation : type.speed_deviation;
            *GROW(reader->rows->types) = type;
            struct choice choice = { .index = reader->rows->types.count - 1, .weight = 1.0 };
            book_add(&reader->types, name, &choice, 1);
            entry = names_find(&reader->types.names, name);
        }
    }
    return entry;
}

static bool said_otherwise(const char **attributes, const char *name, const char *usual)
{
    const char *text = sumo_xml_find(attributes, name);
    return text != NULL && strcmp(text, usual) != 0;
}

// Where on its lane it departs. SUMO's "free" and "stop" are taken for the start.
static void read_place(struct pending *pending, const char **attributes)
{
    const char *text = sumo_xml_find(attributes, "departPos");
    pending->place = PLACE_START;
    if (text == NULL) {
        return;
    }
    static const char *const WORDS[] = { "base", "free", "stop", "splitFront" };
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        if (strcmp(text, WORDS[i]) == 0) {
            return;
        }
    }
    if (strcmp(text, "last") == 0) {
        pending->place = PLACE_LAST;
        return;
    }
    if (strcmp(text, "random") == 0 || strcmp(text, "random_free") == 0) {
        pending->place = PLACE_RANDOM;
        return;
    }
    char *end = NULL;
    pending->place_m = strtod(text, &end);
    pending->place = PLACE_NUMBER;
    if (end == text || *end != '\0' || !isfinite(pending->place_m)) {
        sumo_pending_bad(pending, STATUS_RANGE, "departPos=\"%.60s\" is no place", text);
        pending->place = PLACE_START;
    }
}

// None of it is followed; but what is no place, lane or speed is a slip of the pen.
static void check_arrival(struct pending *pending, const char **attributes)
{
    static const char *const WORDS[][5] = { { "arrivalPos", "max", "random", "center", "" },
        { "arrivalLane", "current", "random", "first", "" }, { "arrivalSpeed", "current", "", "", "" } };
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        const char *text = sumo_xml_find(attributes, WORDS[i][0]);
        char *end = NULL;
        bool good = text == NULL || (isfinite(strtod(text, &end)) && end != text && *end == '\0');
        for (int k = 1; k < 5 && !good; k++) {
            good = *WORDS[i][k] != '\0' && strcmp(text, WORDS[i][k]) == 0;
        }
        if (!good) {
            sumo_pending_bad(pending, STATUS_SYNTAX, "%s=\"%.60s\" is none", WORDS[i][0], text);
        }
    }
}

static void read_lane_and_speed(struct pending *pending, const char **attributes)
{
    const char *lane = sumo_xml_find(attributes, "departLane"), *speed = sumo_xml_find(attributes, "departSpeed");
    char *end = NULL;
    pending->lane = LANE_FIRST;
    if (lane != NULL && (strcmp(lane, "best") == 0 || strcmp(lane, "free") == 0 || strcmp(lane, "allowed") == 0
                         || strcmp(lane, "best_prob") == 0)) {
        pending->lane = LANE_BEST;
    } else if (lane != NULL && strcmp(lane, "random") == 0) {
        pending->lane = LANE_RANDOM;
    } else if (lane != NULL && strcmp(lane, "first") != 0) {
        long number = strtol(lane, &end, 10);
        pending->lane = LANE_NUMBER;
        pending->lane_number = (int32_t)(number < 0 || number > 126 ? 127 : number);
        if (end == lane || *end != '\0') {
            sumo_pending_bad(pending, STATUS_SYNTAX, "departLane=\"%.60s\" is no lane", lane);
        }
    }
    read_place(pending, attributes);
    check_arrival(pending, attributes);
    pending->placed = (pending->place == PLACE_START && said_otherwise(attributes, "departPos", "base"))
        || said_otherwise(attributes, "arrivalPos", "max") || said_otherwise(attributes, "arrivalLane", "current")
        || said_otherwise(attributes, "arrivalSpeed", "current");
    pending->speed = SPEED_NUMBER;
    if (speed != NULL && (strcmp(speed, "max") == 0 || strcmp(speed, "desired") == 0 || strcmp(speed, "last") == 0
                          || strcmp(speed, "speedLimit") == 0 || strcmp(speed, "avg") == 0)) {
        pending->speed = SPEED_MAX;
    } else if (speed != NULL && strcmp(speed, "random") == 0) {
        pending->speed = SPEED_RANDOM;
    } else if (speed != NULL) {
        double value = strtod(speed, &end);
        if (end == speed || *end != '\0' || !(value >= 0.0 && value <= 500.0)) {
            sumo_pending_bad(pending, STATUS_RANGE, "departSpeed=\"%.60s\" is no speed", speed);
            value = 0.0;
        }
        pending->speed_mmps = (int32_t)(value * 1000.0 + 0.5);
    }
}

static void read_anchors(struct reader *reader, struct pending *pending, const char **attributes)
{
    const char *from = sumo_xml_find(attributes, "from"), *to = sumo_xml_find(attributes, "to");
    const char *via = sumo_xml_find(attributes, "via");
    if (from == NULL && to == NULL) {
        if (sumo_xml_find(attributes, "fromTaz") != NULL || sumo_xml_find(attributes, "fromJunction") != NULL) {
            sumo_pending_bad(pending, STATUS_RANGE, "it goes between zones or junctions: duarouter makes edges of "
                             "them");
        }
        return;
    }
    pending->has_from = from != NULL;
    pending->has_to = to != NULL;
    pending->has_via = via != NULL && *via != '\0';
    const char *lists[] = { from != NULL ? from : "", via != NULL ? via : "", to != NULL ? to : "" };
    for (int i = 0; i < 3; i++) {
        int32_t unknown = edges_read(reader, lists[i], &pending->anchors);
        if (unknown != INDEX_NONE) {
            sumo_pending_bad(pending, STATUS_UNKNOWN, "edge \"%s\" is not in the network",
                             reader->rows->text.at + unknown);
        }
    }
}

static void begin_vehicle(struct reader *reader, struct sumo_xml *xml, const char *element, const char **attributes)
{
    const char *word = strcmp(element, "vehicle") == 0 ? "vehicle" : strcmp(element, "trip") == 0 ? "trip" : "flow";
    const char *id = sumo_xml_find(attributes, "id");
    struct pending *pending = &reader->pending;
    if (reader->open != NULL) {
        sumo_xml_fail(xml, STATUS_SYNTAX, "close the outer one first", "<%s> inside a <%s>", word, pending->word);
        return;
    }
    struct pending kept = *pending;
    *pending = (struct pending){ .word = word, .line = sumo_xml_line(xml), .number = -1, .routes = kept.routes,
        .anchors = kept.anchors };
    pending->stops.at = kept.stops.at;
    pending->stops.capacity = kept.stops.capacity;
    pending->routes.count = pending->anchors.count = 0;
    pending->name = rows_text(reader->rows, id != NULL ? id : "");
    reader->open = pending;
    if (id == NULL || *id == '\0') {
        sumo_pending_bad(pending, STATUS_SYNTAX, "it has no attribute 'id'");
    } else {
        sumo_note_twin(reader, xml, word, id);
    }
    sumo_note_attributes(reader, xml, word, attributes);
    const char *type = sumo_xml_find(attributes, "type");
    pending->type_entry = find_type(reader, type != NULL ? type : "DEFAULT_VEHTYPE");
    if (pending->type_entry == NAME_NONE) {
        sumo_pending_bad(pending, STATUS_UNKNOWN, "type \"%.100s\" is not defined above it", type);
    }
    if (strcmp(word, "flow") == 0) {
        sumo_read_flow(reader, xml, pending, attributes);
    } else {
        sumo_read_depart(reader, pending, attributes);
    }
    read_lane_and_speed(pending, attributes);
    if (pending->placed) {
        sumo_count(reader, xml, &reader->placed);
    }
    const char *route = sumo_xml_find(attributes, "route");
    if (route == NULL) {
        read_anchors(reader, pending, attributes);
        return;
    }
    int32_t entry = names_find(&reader->routes.names, route);
    if (entry == NAME_NONE) {
        sumo_pending_bad(pending, STATUS_UNKNOWN, "route \"%.100s\" is not defined above it", route);
        return;
    }
    const struct choice_entry *found = &reader->routes.entries.at[entry];
    for (int32_t i = 0; i < found->count; i++) {
        struct choice choice = reader->routes.choices.at[found->first + i];
        *GROW(pending->routes) = choice;
    }
}

// A trip without a via goes by its stops, and begins or ends at one where it says no from or to; as SUMO's does.
static void anchors_at_stops(const struct reader *reader, struct pending *pending)
{
    int32_t ends = pending->has_from + pending->has_to;
    if (pending->routes.count > 0 || pending->has_via || pending->anchors.count != ends
        || (ends == 0 && strcmp(pending->word, "vehicle") == 0)) {
        return;
    }
    if (ends == 1 && pending->stops.count == 0) {
        sumo_pending_bad(pending, STATUS_SYNTAX, "it has no attribute '%s'", pending->has_from ? "to" : "from");
    }
    int32_t to = pending->has_to ? pending->anchors.at[ends - 1] : INDEX_NONE;
    pending->anchors.count = pending->has_from;
    for (int32_t i = 0; i < pending->stops.count; i++) {
        int32_t lane = pending->stops.at[i].lane;
        if (lane != INDEX_NONE) {
            *GROW(pending->anchors) = reader->rows->network->lanes[lane].link;
        }
    }
    if (to != INDEX_NONE) {
        *GROW(pending->anchors) = to;
    }
}

static void read_stop(struct reader *reader, const struct sumo_xml *xml, const char **attributes)
{
    struct demand_stop stop = sumo_stop_read(reader, xml, attributes);
    sumo_note_attributes(reader, xml, "stop", attributes);
    if (stop.waypoint) {
        reader->rows->counts.stops_ignored++;
        sumo_count(reader, xml, &reader->driven_through);
    } else if (reader->route_open) {
        *GROW(reader->route_stops) = stop;
        reader->route_texts.at[reader->route_texts.count - 1].stop_count++;
    } else if (reader->open != NULL) {
        *GROW(reader->pending.stops) = stop;
    }
}

static void end_vehicle(struct reader *reader, struct sumo_xml *xml)
{
    struct pending *pending = &reader->pending;
    reader->open = NULL;
    anchors_at_stops(reader, pending);
    if (pending->bad == STATUS_OK && pending->routes.count == 0 && pending->anchors.count == 0) {
        sumo_pending_bad(pending, STATUS_SYNTAX, "it has neither a route nor from and to");
    }
    if (pending->bad != STATUS_OK) {
        sumo_refuse(reader, xml, pending->bad, "%s", pending->bad_text);
    } else if (pending->flow != FLOW_NONE) {
        sumo_expand_flow(reader, xml);
    } else {
        sumo_depart(reader, xml, pending->depart_ms, INDEX_NONE);
    }
}

static bool one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

// Passes over an element that says nothing to us, with all in it.
static void skip(struct reader *reader, struct sumo_xml *xml, const char *element)
{
    static const char *const PERSONS[] = { "person", "personFlow", "container", "containerFlow" };
    reader->skip_depth = sumo_xml_depth(xml);
    if (one_of(element, PERSONS, sizeof PERSONS / sizeof *PERSONS)) {
        reader->rows->counts.persons_skipped++;
        sumo_count(reader, xml, &reader->persons);
    } else {
        sumo_note_element(reader, xml, element);
    }
}

// Between its tags it is when flows begin and end that do not say it, as jtrrouter and dfrouter write them.
static void begin_interval(struct reader *reader, struct sumo_xml *xml, const char **attributes)
{
    const char *begin = sumo_xml_find(attributes, "begin"), *end = sumo_xml_find(attributes, "end");
    if ((begin != NULL && !sumo_time_parse(begin, &reader->begin_ms))
        || (end != NULL && !sumo_time_parse(end, &reader->end_ms))) {
        sumo_xml_fail(xml, STATUS_SYNTAX, "seconds, or hours:minutes:seconds", "<interval begin=\"%.60s\" "
                      "end=\"%.60s\"> is no time", begin != NULL ? begin : "", end != NULL ? end : "");
    }
}

static void on_start(struct sumo_xml *xml, void *user, const char *element, const char **attributes)
{
    static const char *const VEHICLES[] = { "vehicle", "trip", "flow" };
    static const char *const SILENT[] = { "param", "routes", "trips", "additional", "add", "tlLogics" };
    struct reader *reader = user;
    if (reader->skip_depth >= 0) {
        return;
    }
    if (sumo_rerouter_read(reader, xml, element, attributes)) {
        return;
    }
    if (one_of(element, VEHICLES, 3)) {
        begin_vehicle(reader, xml, element, attributes);
    } else if (strcmp(element, "vType") == 0) {
        read_type(reader, xml, attributes);
        forgive(reader, xml, element, attributes);
    } else if (strncmp(element, "carFollowing-", 13) == 0 && reader->type_open) {
        sumo_note_attributes(reader, xml, element, attributes);
        if (!sumo_type_read_model(xml, element, attributes, &reader->rows->types.at[reader->rows->types.count - 1])) {
            note_model(reader, xml, element + strlen("carFollowing-"));
        }
        forgive(reader, xml, element, attributes);
    } else if (strcmp(element, "param") == 0 && reader->type_open) {
        sumo_type_read_param(xml, attributes, &reader->rows->types.at[reader->rows->types.count - 1]);
        forgive(reader, xml, element, attributes);
    } else if (strcmp(element, "route") == 0) {
        read_route(reader, xml, attributes);
        forgive(reader, xml, element, attributes);
    } else if (strcmp(element, "vTypeDistribution") == 0 || strcmp(element, "routeDistribution") == 0) {
        begin_distribution(reader, xml, element, attributes);
        forgive(reader, xml, element, attributes);
    } else if (strcmp(element, "interval") == 0 && reader->open == NULL) {
        begin_interval(reader, xml, attributes);
    } else if (strcmp(element, "include") == 0) {
        reader->include(reader, xml, sumo_xml_text(xml, element, attributes, "href"));
    } else if (strcmp(element, "stop") == 0) {
        read_stop(reader, xml, attributes);
    } else if (!one_of(element, SILENT, sizeof SILENT / sizeof *SILENT)
               && !sumo_place_read(reader, xml, element, attributes)) {
        skip(reader, xml, element);
    }
}

static void on_end(struct sumo_xml *xml, void *user, const char *element)
{
    struct reader *reader = user;
    if (reader->skip_depth >= 0) {
        reader->skip_depth = sumo_xml_depth(xml) == reader->skip_depth ? -1 : reader->skip_depth;
    } else if (reader->rerouter_open) {
        sumo_rerouter_end(reader, element);
    } else if (strcmp(element, "vType") == 0) {
        reader->type_open = false;
    } else if (strcmp(element, "route") == 0) {
        reader->route_open = false;
    } else if (strcmp(element, "interval") == 0) {
        reader->begin_ms = reader->end_ms = DEMAND_TIME_NONE;
    } else if (reader->open != NULL && strcmp(element, reader->pending.word) == 0) {
        end_vehicle(reader, xml);
    } else if (reader->distribution.open
               && strcmp(element, reader->distribution.types ? "vTypeDistribution" : "routeDistribution") == 0) {
        end_distribution(reader, xml);
    }
}

static enum status read_file(struct reader *reader, const char *path, struct problem *problem)
{
    const char *outer = reader->path;
    int32_t outer_file = reader->file;
    reader->path = path;
    reader->file = names_add(&reader->rows->files, path);
    enum status status = sumo_xml_read(path, on_start, on_end, reader, problem);
    reader->path = outer;
    reader->file = outer_file;
    return status;
}

// Reads another file in this place. Its name is relative to the folder of the file that includes it.
static void include_file(struct reader *reader, struct sumo_xml *xml, const char *href)
{
    if (reader->include_depth >= INCLUDE_DEPTH_MAX) {
        sumo_xml_fail(xml, STATUS_LIMIT, "does a file include itself?", "more than %d files include one another",
                      INCLUDE_DEPTH_MAX);
        return;
    }
    char path[4096];
    const char *slash = strrchr(reader->path, '/');
    int folder = href[0] == '/' || slash == NULL ? 0 : (int)(slash - reader->path) + 1;
    (void)snprintf(path, sizeof path, "%.*s%s", folder, reader->path, href);
    struct problem problem;
    reader->include_depth++;
    enum status status = read_file(reader, path, &problem);
    reader->include_depth--;
    if (status != STATUS_OK) {
        sumo_xml_stop(xml, status, &problem);
    }
}

static void reader_create(struct reader *reader, struct demand_rows *rows)
{
    *reader = (struct reader){ .rows = rows, .skip_depth = -1, .include = include_file, .last_depart_ms = INT64_MIN,
        .speed_deviation = -1.0, .begin_ms = DEMAND_TIME_NONE, .end_ms = DEMAND_TIME_NONE };
}

static void types_fit(struct reader *reader)
{
    for (int32_t i = 0; i < reader->rows->types.count; i++) {
        struct vehicle_type *type = &reader->rows->types.at[i];
        const char *attribute = sumo_type_fit(type);
        if (attribute != NULL) {
            rows_note(reader->rows, "vType \"%s\": its %s is beyond what the street computes: taken as the nearest "
                      "that it does", type->name, attribute);
        }
    }
}

static void reader_release(struct reader *reader)
{
    types_fit(reader);
    sumo_note_counts(reader);
    names_release(&reader->told);
    names_release(&reader->places.names);
    book_release(&reader->types);
    book_release(&reader->routes);
    void *owned[] = { reader->route_texts.at, reader->route_links.at, reader->pending.routes.at,
        reader->pending.anchors.at, reader->distribution.choices.at, reader->route_stops.at, reader->pending.stops.at,
        reader->places.at, reader->ids.slots };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) {
        free(owned[i]);
    }
}

bool demand_is_list(const char *path)
{
    return strchr(path, ',') != NULL && access(path, F_OK) != 0;
}

// Files that the caller names beside the demand.
static enum status read_additional(struct reader *reader, const char *const *paths, int32_t count)
{
    enum status status = STATUS_OK;
    reader->additional = true;
    for (int32_t i = 0; i < count && status == STATUS_OK; i++) {
        status = read_file(reader, paths[i], reader->rows->problem);
    }
    reader->additional = false;
    return status;
}

// What a configuration says of a demand but for its route files.
static enum status apply_config(struct reader *reader, const struct sumo_config *config)
{
    struct demand_rows *rows = reader->rows;
    rows->begin_ms = config->begin_ms;
    rows->end_ms = config->end_ms;
    rows->open_end = config->end_ms == DEMAND_TIME_NONE;
    rows->step_ms = config->says_step ? config->step_ms : 0;
    rows->scale = config->scale;
    rows->options.ignore_route_errors |= config->ignore_route_errors;
    reader->speed_deviation = config->speed_deviation;
    return read_additional(reader, (const char *const *)config->additional.at, config->additional.count);
}

static enum status read_list(struct reader *reader, const char *path)
{
    bool list = demand_is_list(path);
    enum status status = STATUS_OK;
    for (const char *at = path; *at != '\0' && status == STATUS_OK; ) {
        char one[4096];
        size_t bytes = list ? strcspn(at, ",") : strlen(at);
        (void)snprintf(one, sizeof one, "%.*s", (int)bytes, at);
        status = bytes > 0 ? read_file(reader, one, reader->rows->problem) : STATUS_OK;
        at += bytes + (at[bytes] == ',');
    }
    return status;
}

enum status demand_sumo_routes(const char *path, struct demand_rows *rows)
{
    struct sumo_config config = { .network = NULL };
    enum status status =
        rows->options.config == NULL ? STATUS_OK : sumo_config_read(rows->options.config, &config, rows->problem);
    if (status != STATUS_OK) {
        return status;
    }
    struct reader reader;
    reader_create(&reader, rows);
    rows->open_end = true;
    status = rows->options.config == NULL ? STATUS_OK : apply_config(&reader, &config);
    status = status != STATUS_OK ? status
        : read_additional(&reader, rows->options.additional, rows->options.additional_count);
    status = status != STATUS_OK ? status : read_list(&reader, path);
    reader_release(&reader);
    sumo_config_release(&config);
    return status;
}

enum status demand_sumo_config(const char *path, struct demand_rows *rows)
{
    struct sumo_config config;
    enum status status = sumo_config_read(path, &config, rows->problem);
    if (status != STATUS_OK) {
        return status;
    }
    struct reader reader;
    reader_create(&reader, rows);
    status = apply_config(&reader, &config);
    status = status != STATUS_OK ? status
        : read_additional(&reader, rows->options.additional, rows->options.additional_count);
    for (int32_t i = 0; i < config.routes.count && status == STATUS_OK; i++) {
        status = read_file(&reader, config.routes.at[i], rows->problem);
    }
    if (status == STATUS_OK && config.routes.count == 0 && rows->rows.count == 0) {
        status = problem_report(rows->problem, STATUS_SYNTAX, path, NULL, "add <route-files value=\"...\"/>, or name a "
                                "route file", "names no route files");
    }
    reader_release(&reader);
    sumo_config_release(&config);
    return status;
}
