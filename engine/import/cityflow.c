#include "engine/import/cityflow.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model/units.h"

static const double LANE_WIDTH_DEFAULT_M = 4.0;    // of CityFlow's own examples
static const double TURN_SPEED_MPS = 8.333;        // CityFlow's default turnSpeed of a vehicle
static const double STOP_LINE_SETBACK_M = 3.0;     // from the crossing road's edge, where the file gives no width: as
                                                   // its examples have it (3 lanes of 4 m, width 15 m)
static const double ARC_HANDLE = 0.39;             // a cubic over a chord with these handles is a quarter circle:
                                                   // 4/3 (sqrt 2 - 1) / sqrt 2

#define ARC_POINTS 9

struct reader {
    const char *path;
    struct network_draft *draft;
    struct problem *problem;
    char place[256];                 // JSON path of what is being read
    double *width_m;                 // of each junction: centre to stop line; below 0 until it is assumed
    struct import_report *report;
    struct names junction_names;     // index = junction
};

static enum status bad(struct reader *reader, const char *remedy, const char *format, ...) PRINTF_LIKE(3, 4);

static enum status bad(struct reader *reader, const char *remedy, const char *format, ...)
{
    char what[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return problem_report(reader->problem, STATUS_SYNTAX, reader->path, reader->place, remedy, "%s", what);
}

static enum status number_of(struct reader *reader, const json_t *object, const char *key, double *ret)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value) || !isfinite(json_number_value(value))) {
        return bad(reader, "give it a number", "'%s' is missing or not a number", key);
    }
    *ret = json_number_value(value);
    return STATUS_OK;
}

static enum status text_of(struct reader *reader, const json_t *object, const char *key, const char **ret)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (text == NULL || *text == '\0') {
        return bad(reader, "give it a text", "'%s' is missing or not a text", key);
    }
    *ret = text;
    return STATUS_OK;
}

static enum status array_of(struct reader *reader, const json_t *object, const char *key, const json_t **ret)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_array(value)) {
        return bad(reader, "give it a list", "'%s' is missing or not a list", key);
    }
    *ret = value;
    return STATUS_OK;
}

static enum status point_of(struct reader *reader, const json_t *value, struct point *ret)
{
    enum status status = number_of(reader, value, "x", &ret->x_m);
    return status != STATUS_OK ? status : number_of(reader, value, "y", &ret->y_m);
}

static enum status points_of(struct reader *reader, const json_t *list, int32_t *ret_first, int32_t *ret_count)
{
    if (list != NULL && !json_is_array(list)) {
        return bad(reader, "give it a list of {x, y}", "'points' is not a list");
    }
    *ret_first = reader->draft->points.count;
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct point point;
        enum status status = point_of(reader, json_array_get(list, i), &point);
        if (status != STATUS_OK) {
            return status;
        }
        *GROW(reader->draft->points) = point;
    }
    *ret_count = (int32_t)json_array_size(list);
    return STATUS_OK;
}

static enum status read_junction(struct reader *reader, const json_t *object)
{
    struct network_draft *draft = reader->draft;
    const char *id = NULL;
    struct point at;
    enum status status = text_of(reader, object, "id", &id);
    if (status == STATUS_OK) {
        status = point_of(reader, json_object_get(object, "point"), &at);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (names_find(&reader->junction_names, id) != NAME_NONE) {
        return bad(reader, "give each intersection its own id", "the id '%s' is used twice", id);
    }
    int32_t index = names_add(&reader->junction_names, id);
    const json_t *border_flag = json_object_get(object, "virtual"), *width = json_object_get(object, "width");
    bool border = json_is_true(border_flag) || (json_is_integer(border_flag) && json_integer_value(border_flag) != 0);
    if (width != NULL && !(json_is_number(width) && json_number_value(width) >= 0.0)) {
        return bad(reader, "metres from its centre to the stop line", "'width' is not a number from 0 on");
    }
    reader->width_m[index] = border ? 0.0 : width == NULL ? -1.0 : json_number_value(width);
    *GROW(draft->junctions) = (struct draft_junction){ .name = names_add(&draft->names, id),
        .kind = border ? JUNCTION_DEAD_END : JUNCTION_PRIORITY, .program = INDEX_NONE, .at = at };
    return STATUS_OK;
}

static double distance_m(struct point a, struct point b)
{
    double x = b.x_m - a.x_m, y = b.y_m - a.y_m;
    return sqrt(x * x + y * y);
}

static double path_m(const struct network_draft *draft, int32_t first, int32_t count)
{
    double sum = 0.0;
    for (int32_t i = 1; i < count; i++) {
        sum += distance_m(draft->points.at[first + i - 1], draft->points.at[first + i]);
    }
    return sum;
}

// Moves the ends of a centre line inwards, to where the road leaves and reaches the junctions' areas.
static void shorten(struct network_draft *draft, int32_t first, int32_t count, double from_m, double to_m)
{
    struct point *points = draft->points.at + first;
    double length = distance_m(points[0], points[1]);
    double part = length > 0.0 ? fmin(from_m / length, 0.9) : 0.0;
    points[0].x_m += part * (points[1].x_m - points[0].x_m);
    points[0].y_m += part * (points[1].y_m - points[0].y_m);
    length = distance_m(points[count - 2], points[count - 1]);
    part = length > 0.0 ? fmin(to_m / length, 0.9) : 0.0;
    points[count - 1].x_m += part * (points[count - 2].x_m - points[count - 1].x_m);
    points[count - 1].y_m += part * (points[count - 2].y_m - points[count - 1].y_m);
}

static enum status junction_named(struct reader *reader, const json_t *object, const char *key, int32_t *ret)
{
    const char *id = NULL;
    enum status status = text_of(reader, object, key, &id);
    if (status != STATUS_OK) {
        return status;
    }
    *ret = names_find(&reader->junction_names, id);
    return *ret != NAME_NONE ? STATUS_OK
        : bad(reader, "name an id of the list 'intersections'", "'%s' names '%s', which does not exist", key, id);
}

// A line beside another, aside_m to its right.
static void offset_line(struct network_draft *draft, int32_t first, int32_t count, double aside_m, int32_t *ret_first)
{
    *ret_first = draft->points.count;
    for (int32_t i = 0; i < count; i++) {
        struct point before = draft->points.at[first + (i > 0 ? i - 1 : 0)];
        struct point after = draft->points.at[first + (i + 1 < count ? i + 1 : count - 1)];
        struct point at = draft->points.at[first + i];
        double length = fmax(distance_m(before, after), 1e-6);
        at.x_m += aside_m * (after.y_m - before.y_m) / length;
        at.y_m -= aside_m * (after.x_m - before.x_m) / length;
        *GROW(draft->points) = at;
    }
}

static double lane_width_m(const json_t *lane)
{
    double width_m = json_number_value(json_object_get(lane, "width"));
    return width_m > 0.5 && width_m < 50.0 ? width_m : LANE_WIDTH_DEFAULT_M;
}

// Of the lanes before index `end`, which lie between it and the middle of the road.
static double lanes_width_m(const json_t *lanes, size_t end)
{
    double sum_m = 0.0;
    for (size_t i = 0; i < end; i++) {
        sum_m += lane_width_m(json_array_get(lanes, i));
    }
    return sum_m;
}

// Lanes of a road: the file's last one is at the kerb.
static enum status read_lanes(struct reader *reader, const json_t *lanes, int32_t link_index)
{
    struct network_draft *draft = reader->draft;
    struct draft_link *link = &draft->links.at[link_index];
    for (size_t i = json_array_size(lanes); i-- > 0;) {
        const json_t *object = json_array_get(lanes, i);
        double speed_mps = 0.0;
        enum status status = number_of(reader, object, "maxSpeed", &speed_mps);
        if (status != STATUS_OK) {
            return status;
        }
        if (!(speed_mps > 0.1 && speed_mps < 100.0)) {
            return bad(reader, "metres per second, 0.1 to 100", "lanes[%zu].maxSpeed is %g", i, speed_mps);
        }
        struct draft_lane lane = { .link = link_index, .position = link->lane_count++, .users = USER_MOTOR,
            .length_m = link->length_m, .speed_mps = speed_mps, .width_m = lane_width_m(object),
            .point_count = link->point_count };
        offset_line(draft, link->first_point, link->point_count, lanes_width_m(lanes, i) + lane.width_m / 2.0,
                    &lane.first_point);
        *GROW(draft->lanes) = lane;
        link->speed_mps = fmax(link->speed_mps, speed_mps);
    }
    return STATUS_OK;
}

static enum status read_road(struct reader *reader, const json_t *object)
{
    struct network_draft *draft = reader->draft;
    const char *id = NULL;
    const json_t *points = NULL, *lanes = NULL;
    int32_t from = 0, to = 0;
    struct draft_link link = { .priority = 0 };
    enum status status = text_of(reader, object, "id", &id);
    status = status != STATUS_OK ? status : junction_named(reader, object, "startIntersection", &from);
    status = status != STATUS_OK ? status : junction_named(reader, object, "endIntersection", &to);
    status = status != STATUS_OK ? status : array_of(reader, object, "points", &points);
    status = status != STATUS_OK ? status : array_of(reader, object, "lanes", &lanes);
    status = status != STATUS_OK ? status : points_of(reader, points, &link.first_point, &link.point_count);
    if (status != STATUS_OK) {
        return status;
    }
    if (link.point_count < 2 || json_array_size(lanes) == 0) {
        return bad(reader, "a road needs two points and a lane", "road '%s' has too few points or lanes", id);
    }
    link.length_m = path_m(draft, link.first_point, link.point_count) - reader->width_m[from] - reader->width_m[to];
    if (!(link.length_m >= 1.0)) {
        return bad(reader, "move the intersections apart or make their 'width' smaller",
                   "road '%s' has no length between its intersections' stop lines", id);
    }
    shorten(draft, link.first_point, link.point_count, reader->width_m[from], reader->width_m[to]);
    link.name = names_add(&draft->names, id);
    link.from_junction = from;
    link.to_junction = to;
    link.first_lane = draft->lanes.count;
    int32_t index = draft->links.count;
    *GROW(draft->links) = link;
    return read_lanes(reader, lanes, index);
}

static enum status link_named(struct reader *reader, const struct names *roads, const json_t *object, const char *key,
                              int32_t *ret)
{
    const char *id = NULL;
    enum status status = text_of(reader, object, key, &id);
    if (status != STATUS_OK) {
        return status;
    }
    *ret = names_find(roads, id);
    return *ret != NAME_NONE ? STATUS_OK
        : bad(reader, "name an id of the list 'roads'", "'%s' names '%s', which does not exist", key, id);
}

static enum status lane_numbered(struct reader *reader, const json_t *object, const char *key,
                                 const struct draft_link *link, int32_t *ret)
{
    double number = 0.0;
    enum status status = number_of(reader, object, key, &number);
    if (status != STATUS_OK) {
        return status;
    }
    if (!(number >= 0.0 && number < link->lane_count) || number != floor(number)) {
        return bad(reader, "lanes count from 0", "'%s' is %g, but the road has %d lanes", key, number,
                   link->lane_count);
    }
    *ret = link->first_lane + link->lane_count - 1 - (int32_t)number;
    return STATUS_OK;
}

static enum status turn_of(struct reader *reader, const json_t *road_link, enum turn *ret)
{
    static const char *const TYPES[TURN_COUNT] = { "go_straight", "turn_left", "turn_right", "turn_u" };
    const char *type = NULL;
    enum status status = text_of(reader, road_link, "type", &type);
    if (status != STATUS_OK) {
        return status;
    }
    for (int i = 0; i < TURN_COUNT; i++) {
        if (strcmp(TYPES[i], type) == 0) {
            *ret = (enum turn)i;
            return STATUS_OK;
        }
    }
    return bad(reader, "go_straight, turn_left, turn_right or turn_u", "'type' is '%s'", type);
}

// The path of a lane link for which the file draws none: from the end of one lane in its direction to the start of the
// other in its own.
static void draw_arc(struct network_draft *draft, struct draft_connection *connection)
{
    const struct draft_lane *from = &draft->lanes.at[connection->from_lane],
        *to = &draft->lanes.at[connection->to_lane];
    struct point begin = draft->points.at[from->first_point + from->point_count - 1];
    struct point before = draft->points.at[from->first_point + from->point_count - 2];
    struct point end = draft->points.at[to->first_point], after = draft->points.at[to->first_point + 1];
    double reach_m = ARC_HANDLE * distance_m(begin, end);
    double in = reach_m / fmax(distance_m(before, begin), 1e-6), out = reach_m / fmax(distance_m(end, after), 1e-6);
    struct point p1 = { begin.x_m + in * (begin.x_m - before.x_m), begin.y_m + in * (begin.y_m - before.y_m) };
    struct point p2 = { end.x_m - out * (after.x_m - end.x_m), end.y_m - out * (after.y_m - end.y_m) };
    connection->first_point = draft->points.count;
    connection->point_count = ARC_POINTS;
    for (int i = 0; i < ARC_POINTS; i++) {
        double t = (double)i / (ARC_POINTS - 1), u = 1.0 - t;
        double a = u * u * u, b = 3.0 * u * u * t, c = 3.0 * u * t * t, d = t * t * t;
        *GROW(draft->points) = (struct point){ a * begin.x_m + b * p1.x_m + c * p2.x_m + d * end.x_m,
                                               a * begin.y_m + b * p1.y_m + c * p2.y_m + d * end.y_m };
    }
}

static enum status read_road_link(struct reader *reader, const struct names *roads, const json_t *object,
                                  int32_t junction, int32_t letter)
{
    struct network_draft *draft = reader->draft;
    enum turn turn = TURN_THROUGH;
    const json_t *lane_links = NULL;
    int32_t from = 0, to = 0;
    enum status status = turn_of(reader, object, &turn);
    status = status != STATUS_OK ? status : link_named(reader, roads, object, "startRoad", &from);
    status = status != STATUS_OK ? status : link_named(reader, roads, object, "endRoad", &to);
    status = status != STATUS_OK ? status : array_of(reader, object, "laneLinks", &lane_links);
    if (status != STATUS_OK) {
        return status;
    }
    if (draft->links.at[from].to_junction != junction || draft->links.at[to].from_junction != junction) {
        return bad(reader, "startRoad must end and endRoad begin at this intersection",
                   "the road link does not pass it");
    }
    for (size_t i = 0; i < json_array_size(lane_links); i++) {
        const json_t *lane_link = json_array_get(lane_links, i);
        struct draft_connection connection = { .junction = junction, .turn = turn, .program = INDEX_NONE,
            .letter = letter, .request = INDEX_NONE };
        status = lane_numbered(reader, lane_link, "startLaneIndex", &draft->links.at[from], &connection.from_lane);
        status = status != STATUS_OK ? status
            : lane_numbered(reader, lane_link, "endLaneIndex", &draft->links.at[to], &connection.to_lane);
        status = status != STATUS_OK ? status
            : points_of(reader, json_object_get(lane_link, "points"), &connection.first_point, &connection.point_count);
        if (status != STATUS_OK) {
            return status;
        }
        if (connection.point_count < 2) {
            draw_arc(draft, &connection);
        }
        connection.length_m = path_m(draft, connection.first_point, connection.point_count);
        double speed_mps = draft->lanes.at[connection.from_lane].speed_mps;
        connection.speed_mps = connection.turn == TURN_THROUGH ? speed_mps : fmin(speed_mps, TURN_SPEED_MPS);
        *GROW(draft->connections) = connection;
    }
    return STATUS_OK;
}

// Unit direction in which a road reaches (end) or leaves its junction.
static struct point heading(const struct network_draft *draft, const struct draft_link *link)
{
    const struct point *points = draft->points.at + link->first_point + link->point_count - 2;
    double length = fmax(distance_m(points[0], points[1]), 1e-6);
    return (struct point){ (points[1].x_m - points[0].x_m) / length, (points[1].y_m - points[0].y_m) / length };
}

// What the letters of one intersection stand for.
struct road_link { enum turn turn; int32_t from; };

// Whether a left turn meets opposing through traffic that may go in the same phase.
static bool opposed(const struct network_draft *draft, const struct road_link *links, int32_t count, int32_t left,
                    const char *available)
{
    struct point own = heading(draft, &draft->links.at[links[left].from]);
    for (int32_t i = 0; i < count; i++) {
        if (available[i] != 'r' && links[i].turn == TURN_THROUGH && links[i].from != links[left].from) {
            struct point other = heading(draft, &draft->links.at[links[i].from]);
            if (own.x_m * other.x_m + own.y_m * other.y_m < -0.7) {   // within 45 degrees of head-on
                return true;
            }
        }
    }
    return false;
}

static enum status read_phase(struct reader *reader, const json_t *object, const struct road_link *links,
                              int32_t letter_count)
{
    struct draft_phase phase = { .duration_ms_min = -1, .duration_ms_max = -1 };
    const json_t *available = NULL;
    double time_s = 0.0;
    enum status status = number_of(reader, object, "time", &time_s);
    status = status != STATUS_OK ? status : array_of(reader, object, "availableRoadLinks", &available);
    if (status != STATUS_OK) {
        return status;
    }
    if (!(time_s > 0.0 && time_s <= 3600.0)) {
        return bad(reader, "seconds, above 0 and at most 3600", "'time' is %g", time_s);
    }
    phase.duration_ms = (int32_t)ms_from_s(time_s);
    memset(phase.state, 'r', (size_t)letter_count);
    for (size_t i = 0; i < json_array_size(available); i++) {
        const json_t *item = json_array_get(available, i);
        json_int_t letter = json_is_integer(item) ? json_integer_value(item) : -1;
        if (letter < 0 || letter >= letter_count) {
            return bad(reader, "indices of the list 'roadLinks', from 0", "availableRoadLinks[%zu] is not one of them",
                       i);
        }
        phase.state[letter] = 'G';
    }
    for (int32_t i = 0; i < letter_count; i++) {
        bool yields = links[i].turn == TURN_RIGHT
            || ((links[i].turn == TURN_LEFT || links[i].turn == TURN_U)
                && opposed(reader->draft, links, letter_count, i, phase.state));
        if (phase.state[i] == 'G' && yields) {
            phase.state[i] = 'g';
        }
    }
    *GROW(reader->draft->phases) = phase;
    return STATUS_OK;
}

static enum status read_program(struct reader *reader, const json_t *phases, const struct road_link *links,
                                int32_t letter_count, int32_t junction)
{
    struct network_draft *draft = reader->draft;
    char at[sizeof reader->place];
    (void)snprintf(at, sizeof at, "%.200s", reader->place);
    int32_t first = draft->phases.count;
    for (size_t i = 0; i < json_array_size(phases); i++) {
        (void)snprintf(reader->place, sizeof reader->place, "%.200s.trafficLight.lightphases[%zu]", at, i);
        enum status status = read_phase(reader, json_array_get(phases, i), links, letter_count);
        if (status != STATUS_OK) {
            return status;
        }
    }
    draft->junctions.at[junction].program = draft->programs.count;
    draft->junctions.at[junction].kind = JUNCTION_SIGNAL;
    *GROW(draft->programs) = (struct draft_program){ .name = draft->junctions.at[junction].name,
        .letter_count = letter_count, .first_phase = first, .phase_count = draft->phases.count - first };
    return STATUS_OK;
}

static enum status read_crossing(struct reader *reader, const struct names *roads, const json_t *object,
                                 int32_t junction)
{
    struct network_draft *draft = reader->draft;
    char at[sizeof reader->place];
    (void)snprintf(at, sizeof at, "%.200s", reader->place);
    const json_t *road_links = json_object_get(object, "roadLinks");
    int32_t letter_count = (int32_t)json_array_size(road_links);
    if (letter_count > DRAFT_STATE_MAX) {
        return bad(reader, "split the intersection", "%d road links, more than %d", letter_count, DRAFT_STATE_MAX);
    }
    struct road_link links[DRAFT_STATE_MAX] = { { 0 } };
    int32_t first_connection = draft->connections.count;
    for (int32_t i = 0; i < letter_count; i++) {
        (void)snprintf(reader->place, sizeof reader->place, "%.200s.roadLinks[%d]", at, i);
        const json_t *road_link = json_array_get(road_links, (size_t)i);
        enum status status = read_road_link(reader, roads, road_link, junction, i);
        if (status != STATUS_OK) {
            return status;
        }
        (void)turn_of(reader, road_link, &links[i].turn);   // read_road_link has taken it
        links[i].from = names_find(roads, json_string_value(json_object_get(road_link, "startRoad")));
    }
    (void)snprintf(reader->place, sizeof reader->place, "%.200s", at);
    const json_t *phases = json_object_get(json_object_get(object, "trafficLight"), "lightphases");
    if (draft->junctions.at[junction].kind == JUNCTION_DEAD_END || json_array_size(phases) < 2 || letter_count == 0) {
        if (letter_count == 0) {
            draft->junctions.at[junction].kind = JUNCTION_DEAD_END;
        } else if (json_array_size(phases) == 1) {
            import_note(reader->report, NOTE_ASSUMED, "intersection '%s' has one light phase: it goes by right of way",
                        names_text(&draft->names, draft->junctions.at[junction].name));
        }
        for (int32_t i = first_connection; i < draft->connections.count; i++) {
            draft->connections.at[i].letter = INDEX_NONE;
        }
        return STATUS_OK;
    }
    for (int32_t i = first_connection; i < draft->connections.count; i++) {
        draft->connections.at[i].program = draft->programs.count;
    }
    return read_program(reader, phases, links, letter_count, junction);
}

// An intersection without a width ends where the widest road that meets it does, and a little further.
static void assume_widths(struct reader *reader, const json_t *roads)
{
    double *widest_m = memory_take((size_t)reader->junction_names.count, sizeof *widest_m);
    for (size_t i = 0; i < json_array_size(roads); i++) {
        const json_t *road = json_array_get(roads, i), *lanes = json_object_get(road, "lanes");
        double width_m = lanes_width_m(lanes, json_array_size(lanes));
        int32_t ends[] = {
            names_find(&reader->junction_names, json_string_value(json_object_get(road, "startIntersection"))),
            names_find(&reader->junction_names, json_string_value(json_object_get(road, "endIntersection"))) };
        for (int k = 0; k < 2; k++) {
            if (ends[k] != NAME_NONE) {
                widest_m[ends[k]] = fmax(widest_m[ends[k]], width_m);
            }
        }
    }
    for (int32_t i = 0; i < reader->junction_names.count; i++) {
        if (reader->width_m[i] < 0.0) {
            reader->width_m[i] = widest_m[i] + STOP_LINE_SETBACK_M;
            import_note(reader->report, NOTE_ASSUMED, "intersection '%s' has no width: stop lines %g m from its centre",
                        names_text(&reader->junction_names, i), reader->width_m[i]);
        }
    }
    free(widest_m);
}

static enum status read_all(struct reader *reader, const json_t *root, struct names *roads)
{
    (void)snprintf(reader->place, sizeof reader->place, "top level");
    const json_t *intersections = NULL, *road_list = NULL;
    enum status status = array_of(reader, root, "intersections", &intersections);
    status = status != STATUS_OK ? status : array_of(reader, root, "roads", &road_list);
    if (status != STATUS_OK) {
        return status;
    }
    reader->width_m = memory_take(json_array_size(intersections), sizeof *reader->width_m);
    for (size_t i = 0; status == STATUS_OK && i < json_array_size(intersections); i++) {
        (void)snprintf(reader->place, sizeof reader->place, "intersections[%zu]", i);
        status = read_junction(reader, json_array_get(intersections, i));
    }
    if (status == STATUS_OK) {
        assume_widths(reader, road_list);
    }
    for (size_t i = 0; status == STATUS_OK && i < json_array_size(road_list); i++) {
        (void)snprintf(reader->place, sizeof reader->place, "roads[%zu]", i);
        const json_t *road = json_array_get(road_list, i);
        status = read_road(reader, road);
        if (status == STATUS_OK && names_add(roads, json_string_value(json_object_get(road, "id"))) != (int32_t)i) {
            status = bad(reader, "give each road its own id", "the id is used twice");
        }
    }
    for (size_t i = 0; status == STATUS_OK && i < json_array_size(intersections); i++) {
        (void)snprintf(reader->place, sizeof reader->place, "intersections[%zu]", i);
        status = read_crossing(reader, roads, json_array_get(intersections, i), (int32_t)i);
    }
    return status;
}

// Takes the tree over; error says why there is none.
static enum status read_tree(json_t *root, const json_error_t *error, const char *path, struct network_draft *ret,
                             struct import_report *report, struct problem *problem)
{
    if (root == NULL) {
        char place[64];
        (void)snprintf(place, sizeof place, "line %d column %d", error->line, error->column);
        return problem_report(problem, STATUS_SYNTAX, path, place, "is the file whole?", "%s", error->text);
    }
    struct network_draft draft = { .origin = ORIGIN_CITYFLOW, .quantum_ms = MS_PER_S };
    struct names roads = { 0 };
    struct reader reader = { .path = path, .draft = &draft, .problem = problem, .report = report };
    enum status status = read_all(&reader, root, &roads);
    json_decref(root);
    names_release(&roads);
    names_release(&reader.junction_names);
    free(reader.width_m);
    if (status != STATUS_OK) {
        draft_release(&draft);
        return status;
    }
    import_note(report, NOTE_DERIVED, "%d roads, %d intersections, %d with signals", draft.links.count,
                draft.junctions.count, draft.programs.count);
    *ret = draft;
    return STATUS_OK;
}

enum status cityflow_read(const char *path, struct network_draft *ret, struct import_report *report,
                          struct problem *problem)
{
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    return read_tree(root, &error, path, ret, report, problem);
}

enum status cityflow_parse(const char *text, size_t bytes, const char *path, struct network_draft *ret,
                           struct import_report *report, struct problem *problem)
{
    json_error_t error;
    json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error);
    return read_tree(root, &error, path, ret, report, problem);
}
