#include "sim/demand/demand_rows.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"

enum { LIST_COUNT_MAX = 1 << 29 };   // of links and of letters: lists of 2^30 can still grow

void rows_create(struct demand_rows *rows, const struct network *network, const struct demand_options *options,
                 struct problem *problem)
{
    *rows = (struct demand_rows){ .network = network, .options = *options, .problem = problem,
        .begin_ms = DEMAND_TIME_NONE, .end_ms = DEMAND_TIME_NONE, .scale = 1.0, .instance_mark = '.',
        .entry_word = "line" };
}

void rows_release(struct demand_rows *rows)
{
    for (int32_t i = 0; i < rows->notes.count; i++) {
        free(rows->notes.at[i]);
    }
    names_release(&rows->files);
    void *owned[] = { rows->types.at, rows->rows.at, rows->routes.at, rows->slots, rows->links.at, rows->text.at,
        rows->stops.at, rows->closures.at,
        rows->notes.at };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) {
        free(owned[i]);
    }
    *rows = (struct demand_rows){ 0 };
}

static void note_keep(struct demand_rows *rows, const char *text)
{
    if (rows->notes.count < 2 * DEMAND_NOTE_COUNT_MAX) {   // half of them for bad trips
        *GROW(rows->notes) = memory_copy(text, strlen(text) + 1, 1);
    }
}

void rows_note(struct demand_rows *rows, const char *format, ...)
{
    char text[PROBLEM_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    note_keep(rows, text);
}

enum status rows_refuse(struct demand_rows *rows, enum status status, int32_t file, int32_t line, const char *format,
                        ...)
{
    char what[512], place[64];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    (void)snprintf(place, sizeof place, "%s %" PRId32, rows->entry_word, line);
    const char *source = names_text(&rows->files, file);
    if (!rows->options.ignore_route_errors) {
        return problem_report(rows->problem, status, source, place,
                              "correct the trip, or drop such trips with --ignore-route-errors", "%s", what);
    }
    if (++rows->counts.route_errors > DEMAND_TRIP_COUNT_MAX) {
        return problem_report(rows->problem, STATUS_LIMIT, source, place, "does the demand belong to this network?",
                              "more than %d trips cannot be", DEMAND_TRIP_COUNT_MAX);
    }
    struct problem note;
    (void)problem_report(&note, status, source, place, NULL, "%s", what);
    if (rows->counts.route_errors <= DEMAND_NOTE_COUNT_MAX) {
        note_keep(rows, note.text);
    }
    return STATUS_OK;
}

int32_t rows_text(struct demand_rows *rows, const char *text)
{
    int32_t bytes = (int32_t)strlen(text) + 1, offset = rows->text.count;
    memory_grow((void **)&rows->text.at, &rows->text.capacity, offset + bytes, 1);
    memcpy(rows->text.at + offset, text, (size_t)bytes);
    rows->text.count += bytes;
    return offset;
}

static int32_t route_slot(const struct demand_rows *rows, enum route_form form, enum user_class user,
                          const int32_t *links, int32_t count)
{
    uint64_t hash = hash_number(hash_number(HASH_SEED, form), user);
    for (int32_t i = 0; i < count; i++) {
        hash = (hash ^ (uint64_t)(uint32_t)links[i]) * UINT64_C(0x100000001b3);
    }
    int32_t mask = rows->slot_count - 1, slot = (int32_t)((hash ^ (hash >> 32)) & (uint64_t)mask);
    while (rows->slots[slot] != 0) {
        const struct route_request *route = &rows->routes.at[rows->slots[slot] - 1];
        if (route->form == form && route->user == user && route->count == count
            && memcmp(rows->links.at + route->first, links, (size_t)count * sizeof *links) == 0) {
            return slot;
        }
        slot = (slot + 1) & mask;
    }
    return slot;
}

static void slots_double(struct demand_rows *rows)
{
    free(rows->slots);
    rows->slot_count = rows->slot_count == 0 ? 1024 : 2 * rows->slot_count;
    rows->slots = memory_take((size_t)rows->slot_count, sizeof *rows->slots);
    for (int32_t i = 0; i < rows->routes.count; i++) {
        const struct route_request *route = &rows->routes.at[i];
        rows->slots[route_slot(rows, route->form, route->user, rows->links.at + route->first, route->count)] = i + 1;
    }
}

int32_t rows_route(struct demand_rows *rows, enum route_form form, enum user_class user, const int32_t *links,
                   int32_t count)
{
    assert(count > 0);
    if (2 * (rows->routes.count + 1) > rows->slot_count) {
        slots_double(rows);
    }
    int32_t slot = route_slot(rows, form, user, links, count);
    if (rows->slots[slot] != 0) {
        return rows->slots[slot] - 1;
    }
    int32_t first = rows->links.count;
    memory_grow((void **)&rows->links.at, &rows->links.capacity, first + count, sizeof *rows->links.at);
    memcpy(rows->links.at + first, links, (size_t)count * sizeof *links);
    rows->links.count += count;
    struct route_request *route = GROW(rows->routes);
    *route = (struct route_request){ .form = form, .user = user, .first = first, .count = count };
    rows->slots[slot] = rows->routes.count;
    return rows->routes.count - 1;
}

enum status rows_add(struct demand_rows *rows, const struct demand_row *row)
{
    if (rows->rows.count >= DEMAND_TRIP_COUNT_MAX || rows->links.count > LIST_COUNT_MAX
        || rows->text.count > LIST_COUNT_MAX) {
        return problem_report(rows->problem, STATUS_LIMIT, names_text(&rows->files, row->file), NULL,
                              "split the demand, or lower its flows", "more than %d trips, or too long ones",
                              DEMAND_TRIP_COUNT_MAX);
    }
    *GROW(rows->rows) = *row;
    rows->counts.read++;
    return STATUS_OK;
}

static void route_bad(struct route_request *route, enum route_state state, int32_t from, int32_t to)
{
    route->state = state;
    route->bad_from = from;
    route->bad_to = to;
}

static void check_whole(const struct demand_rows *rows, const struct router *router, struct route_request *route)
{
    const int32_t *links = rows->links.at + route->first;
    for (int32_t i = 0; i < route->count; i++) {
        if (!router_usable(router, links[i], route->user)) {
            route_bad(route, ROUTE_FORBIDDEN, links[i], links[i]);
            return;
        }
        if (i > 0 && !router_connected(router, links[i - 1], links[i], route->user)) {
            route_bad(route, ROUTE_GAP, links[i - 1], links[i]);
            return;
        }
    }
    route->state = ROUTE_FOUND;
    route->found_first = route->first;
    route->found_count = route->count;
}

static void join_anchors(struct demand_rows *rows, struct router *router, struct route_request *route)
{
    for (int32_t i = 0; i < route->count; i++) {
        int32_t link = rows->links.at[route->first + i];
        if (!router_usable(router, link, route->user)) {
            route_bad(route, ROUTE_FORBIDDEN, link, link);
            return;
        }
    }
    int32_t found = rows->links.count, source = rows->links.at[route->first];
    *GROW(rows->links) = source;
    for (int32_t i = 1; i < route->count; i++) {
        int32_t from = rows->links.at[route->first + i - 1], to = rows->links.at[route->first + i];
        rows->links.count--;   // the search gives `from` again
        if (from == to) {
            *GROW(rows->links) = to;
        } else if (!router_find(router, from, to, route->user, &rows->links)) {
            route_bad(route, ROUTE_GAP, from, to);
            rows->links.count = found;
            return;
        }
    }
    route->state = ROUTE_FOUND;
    route->found_first = found;
    route->found_count = rows->links.count - found;
}

// Order of finding: all requests of one class and one source stand together, so that they share one search.
struct route_order { int32_t user, source, route; };

static int order_compare(const void *a, const void *b)
{
    const struct route_order *x = a, *y = b;
    return x->user != y->user ? (x->user < y->user ? -1 : 1)
        : x->source != y->source ? (x->source < y->source ? -1 : 1)
        : x->route < y->route ? -1 : x->route > y->route;
}

static enum status find_routes(struct demand_rows *rows)
{
    enum status status = STATUS_OK;
    struct router *router = router_create(rows->network);
    struct route_order *order = memory_take((size_t)rows->routes.count, sizeof *order);
    for (int32_t r = 0; r < rows->routes.count; r++) {
        order[r] = (struct route_order){ .user = (int32_t)rows->routes.at[r].user, .route = r,
            .source = rows->links.at[rows->routes.at[r].first] };
    }
    qsort(order, (size_t)rows->routes.count, sizeof *order, order_compare);
    for (int32_t i = 0; i < rows->routes.count && status == STATUS_OK; i++) {
        struct route_request *route = &rows->routes.at[order[i].route];
        switch (route->form) {
        case ROUTE_WHOLE:
            check_whole(rows, router, route);
            break;
        case ROUTE_ANCHORS:
            join_anchors(rows, router, route);
            break;
        }
        if (rows->links.count > LIST_COUNT_MAX) {
            status = problem_report(rows->problem, STATUS_LIMIT, names_text(&rows->files, 0), NULL, "split the demand",
                                    "its routes do not fit into memory");
        }
    }
    free(order);
    router_release(router);
    return status;
}

static const char *user_word(enum user_class user)
{
    switch (user) {
    case USER_CAR: return "cars";
    case USER_TRUCK: return "trucks";
    case USER_BUS: return "buses";
    case USER_TRAM: return "trams";
    case USER_BICYCLE: return "bicycles";
    case USER_PEDESTRIAN: return "pedestrians";
    case USER_EMERGENCY: return "emergency vehicles";
    case USER_MOTORCYCLE: return "motorcycles";
    case USER_TAXI: return "taxis";
    case USER_DELIVERY: return "delivery vehicles";
    case USER_RAIL: return "trains";
    case USER_MOTOR: break;
    }
    return "its vehicle";
}

static const char *link_text(const struct demand_rows *rows, int32_t link)
{
    return network_name(rows->network, rows->network->links[link].name);
}

static enum status refuse_row(struct demand_rows *rows, const struct demand_row *row)
{
    const struct route_request *route = &rows->routes.at[row->route];
    const char *name = rows->text.at + row->name;
    if (route->state == ROUTE_FORBIDDEN) {
        return rows_refuse(rows, STATUS_RANGE, row->file, row->line, "trip \"%s\": \"%s\" has no lane for %s", name,
                           link_text(rows, route->bad_from), user_word(route->user));
    }
    if (route->form == ROUTE_ANCHORS) {
        return rows_refuse(rows, STATUS_INFEASIBLE, row->file, row->line,
                           "trip \"%s\": no way for %s from \"%s\" to \"%s\"", name, user_word(route->user),
                           link_text(rows, route->bad_from), link_text(rows, route->bad_to));
    }
    return rows_refuse(rows, STATUS_RANGE, row->file, row->line,
                       "trip \"%s\": no connection for %s from \"%s\" to \"%s\"", name, user_word(route->user),
                       link_text(rows, route->bad_from), link_text(rows, route->bad_to));
}

bool rows_stop_find(const struct demand_rows *rows, const struct demand_row *row, const struct demand_stop *stop,
                    int32_t *leg, int32_t *end_mm, struct trip_stop *ret)
{
    const struct network *network = rows->network;
    const struct route_request *route = &rows->routes.at[row->route];
    uint32_t user = (uint32_t)route->user;
    const struct link *link = &network->links[network->lanes[stop->lane].link];
    int32_t lane = stop->lane - link->first_lane;
    while (stop->any_lane && lane + 1 < link->lane_count && !(network->lanes[link->first_lane + lane].users & user)) {
        lane++;
    }
    if (!(network->lanes[link->first_lane + lane].users & user)) {
        return false;
    }
    for (; *leg < route->found_count; (*leg)++, *end_mm = 0) {
        if (rows->links.at[route->found_first + *leg] == network->lanes[stop->lane].link && stop->end_mm >= *end_mm) {
            *end_mm = stop->end_mm;
            *ret = (struct trip_stop){ .leg = *leg, .lane = lane, .start_mm = stop->start_mm, .end_mm = stop->end_mm,
                .duration_ms = stop->duration_ms, .parking = stop->parking,
                .until_ms = stop->until_ms != DEMAND_TIME_NONE ? stop->until_ms : INT64_MIN };
            return true;
        }
    }
    return false;
}

// Refuses a row with a stop that is wrong in itself or not on its way.
static enum status check_stops(struct demand_rows *rows, const struct demand_row *row, bool *ret_good)
{
    int32_t leg = 0, end_mm = 0;
    *ret_good = false;
    for (int32_t i = 0; i < row->stop_count; i++) {
        const struct demand_stop *stop = &rows->stops.at[row->first_stop + i];
        struct trip_stop found;
        if (!rows_stop_find(rows, row, stop, &leg, &end_mm, &found)) {
            const struct lane *lane = &rows->network->lanes[stop->lane];
            return rows_refuse(rows, STATUS_RANGE, row->file, row->line,
                               "trip \"%s\": its stop %d, on lane \"%s_%d\", is not on its way after what comes "
                               "before, or closed to it",
                               rows->text.at + row->name, i + 1, link_text(rows, lane->link), lane->position);
        }
    }
    *ret_good = true;
    return STATUS_OK;
}

// Drops the rows without a route. A row that departs before begin is not looked at: it would not drive anyway.
static enum status drop_bad(struct demand_rows *rows)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < rows->rows.count; i++) {
        const struct demand_row *row = &rows->rows.at[i];
        if (rows->begin_ms != DEMAND_TIME_NONE && row->depart_ms < rows->begin_ms) {
            rows->counts.before_begin++;
            continue;
        }
        if (rows->routes.at[row->route].state != ROUTE_FOUND) {
            enum status status = refuse_row(rows, row);
            if (status != STATUS_OK) {
                return status;
            }
            continue;
        }
        bool good = true;
        enum status status = row->stop_count > 0 ? check_stops(rows, row, &good) : STATUS_OK;
        if (status != STATUS_OK) {
            return status;
        }
        if (!good) {
            continue;
        }
        rows->rows.at[kept++] = *row;
    }
    rows->rows.count = kept;
    return STATUS_OK;
}

// Merges the sorted halves [first, middle) and [middle, end) of `from` into `to`; of equal departures the left comes
// first.
static void merge(const struct demand_row *from, struct demand_row *to, int32_t first, int32_t middle, int32_t end)
{
    int32_t left = first, right = middle;
    for (int32_t i = first; i < end; i++) {
        bool take_left = right >= end || (left < middle && from[left].depart_ms <= from[right].depart_ms);
        to[i] = take_left ? from[left++] : from[right++];
    }
}

static void sort_rows(struct demand_rows *rows)
{
    int32_t count = rows->rows.count;
    bool sorted = true;
    for (int32_t i = 1; i < count; i++) {
        sorted = sorted && rows->rows.at[i - 1].depart_ms <= rows->rows.at[i].depart_ms;
    }
    if (sorted) {
        return;
    }
    struct demand_row *from = rows->rows.at, *to = memory_take((size_t)count, sizeof *to);
    for (int64_t width = 1; width < count; width *= 2) {
        for (int64_t first = 0; first < count; first += 2 * width) {
            int64_t middle = first + width < count ? first + width : count;
            int64_t end = first + 2 * width < count ? first + 2 * width : count;
            merge(from, to, (int32_t)first, (int32_t)middle, (int32_t)end);
        }
        struct demand_row *swap = from;
        from = to;
        to = swap;
    }
    free(to);
    rows->rows.at = from;
    rows->rows.capacity = count;
}

enum status rows_finish(struct demand_rows *rows)
{
    if (rows->options.begin_ms != DEMAND_TIME_NONE) {
        rows->begin_ms = rows->options.begin_ms;
    }
    enum status status = find_routes(rows);
    if (status == STATUS_OK) {
        status = drop_bad(rows);
    }
    if (status != STATUS_OK) {
        return status;
    }
    sort_rows(rows);
    if (rows->begin_ms == DEMAND_TIME_NONE) {
        rows->begin_ms = rows->rows.count > 0 ? rows->rows.at[0].depart_ms : 0;
    }
    return STATUS_OK;
}
