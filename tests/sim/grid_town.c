#include "tests/sim/grid_town.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"

#define HALF_M 12.0                // from a junction's centre to its stop lines
#define LANE_M 3.2
#define CURVE_POINTS 17
#define CONNECTIONS_MAX 256
#define GROUPS 8                   // two of each approach: through and right; left

// Directions of travel: 0 east, 1 north, 2 west, 3 south.
static const int STEP_X[4] = { 1, 0, -1, 0 }, STEP_Y[4] = { 0, 1, 0, -1 };

struct town {
    const struct town_options *options;
    struct network *network;
    int32_t (*out)[4];             // by junction and direction: the link that leaves it that way
    int32_t (*in)[4];              // by junction and direction of travel: the link that comes in
};

static int32_t name_add(struct network *network, const char *kind, int i, int k)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%s%d_%d", kind, i, k);
    return names_add(&network->names, text);
}

static int32_t junction_add(struct network *network, int32_t at, double x_m, double y_m, enum junction_kind kind)
{
    network->junctions[at] = (struct junction){ .name = name_add(network, "j", at, 0), .kind = kind,
        .intersection = INDEX_NONE, .at = { x_m, y_m } };
    return at;
}

static int32_t link_add(struct town *town, int32_t from, int32_t to, int direction)
{
    struct network *network = town->network;
    int32_t at = network->link_count++;
    const struct point *a = &network->junctions[from].at, *b = &network->junctions[to].at;
    double length = fabs(a->x_m - b->x_m) + fabs(a->y_m - b->y_m) - 2.0 * HALF_M;
    network->links[at] = (struct link){ .name = name_add(network, "l", from, to), .from_junction = from,
        .to_junction = to, .first_lane = network->lane_count, .lane_count = town->options->lanes,
        .first_point = network->point_count, .point_count = 2, .priority = direction % 2 == 1 ? 2 : 1,
        .length_m = length, .speed_mps = town->options->speed_mps };
    network->points[network->point_count++] = *a;
    network->points[network->point_count++] = *b;
    for (int i = 0; i < town->options->lanes; i++) {
        network->lanes[network->lane_count++] = (struct lane){ .link = at, .position = i, .users = USER_MOTOR,
            .length_m = length, .speed_mps = town->options->speed_mps, .width_m = LANE_M };
    }
    return at;
}

static enum turn turn_of(int from, int to)
{
    static const enum turn turns[4] = { TURN_THROUGH, TURN_LEFT, TURN_U, TURN_RIGHT };
    return turns[(to - from + 4) % 4];
}

static bool lane_serves(const struct town_options *options, int lane, enum turn turn)
{
    bool shared = options->stages != 4 || options->lanes == 1;
    switch (turn) {
    case TURN_THROUGH: return shared || lane < options->lanes - 1 || options->lanes == 1;
    case TURN_LEFT: return lane == options->lanes - 1;
    case TURN_RIGHT: return lane == 0;
    case TURN_U:
    case TURN_COUNT: return false;
    }
    return false;
}

// The centre of a lane at the junction's edge, coming in or going out in a direction; junction's centre is 0, 0.
static struct point edge_point(const struct town_options *options, int direction, int lane, bool in)
{
    double side = ((double)(options->lanes - lane) - 0.5) * LANE_M;   // to the right of the axis
    double along = in ? -HALF_M : HALF_M;
    return (struct point){ along * STEP_X[direction] + side * STEP_Y[direction],
        along * STEP_Y[direction] - side * STEP_X[direction] };
}

struct curve {
    struct point at[CURVE_POINTS];
    double length_m;
};

// A quadratic curve from edge to edge, its middle point where the two axes meet.
static struct curve curve_of(const struct town_options *options, int from, int from_lane, int to, int to_lane)
{
    struct point a = edge_point(options, from, from_lane, true), b = edge_point(options, to, to_lane, false);
    struct point m = from % 2 == to % 2 ? (struct point){ (a.x_m + b.x_m) / 2.0, (a.y_m + b.y_m) / 2.0 }
        : from % 2 == 0 ? (struct point){ b.x_m, a.y_m } : (struct point){ a.x_m, b.y_m };
    struct curve curve = { .length_m = 0.0 };
    for (int i = 0; i < CURVE_POINTS; i++) {
        double t = (double)i / (CURVE_POINTS - 1), s = 1.0 - t;
        curve.at[i] = (struct point){ s * s * a.x_m + 2.0 * s * t * m.x_m + t * t * b.x_m,
            s * s * a.y_m + 2.0 * s * t * m.y_m + t * t * b.y_m };
        if (i > 0) {
            curve.length_m += hypot(curve.at[i].x_m - curve.at[i - 1].x_m, curve.at[i].y_m - curve.at[i - 1].y_m);
        }
    }
    return curve;
}

// Where on `one` a vehicle is nearer than a vehicle's width to `other`. Returns whether anywhere.
static bool common_area(const struct curve *one, const struct curve *other, double *ret_enter_m, double *ret_leave_m)
{
    double along = 0.0;
    bool any = false;
    for (int i = 0; i < CURVE_POINTS; i++) {
        along += i > 0 ? hypot(one->at[i].x_m - one->at[i - 1].x_m, one->at[i].y_m - one->at[i - 1].y_m) : 0.0;
        double nearest = INFINITY;
        for (int k = 0; k < CURVE_POINTS; k++) {
            double dx = one->at[i].x_m - other->at[k].x_m, dy = one->at[i].y_m - other->at[k].y_m;
            nearest = dx * dx + dy * dy < nearest ? dx * dx + dy * dy : nearest;
        }
        if (nearest < 2.0 * 2.0) {
            *ret_enter_m = any ? *ret_enter_m : fmax(0.0, along - 0.5);
            *ret_leave_m = fmin(one->length_m, along + 0.5);
            any = true;
        }
    }
    return any;
}

static int direction_of(const struct network *network, int32_t link)
{
    const struct point *a = &network->points[network->links[link].first_point], *b = a + 1;
    return fabs(b->x_m - a->x_m) > fabs(b->y_m - a->y_m) ? (b->x_m > a->x_m ? 0 : 2) : (b->y_m > a->y_m ? 1 : 3);
}

// The connections of one lane into a junction.
static void connections_add(struct town *town, int32_t lane_index)
{
    struct network *network = town->network;
    struct lane *lane = &network->lanes[lane_index];
    int32_t junction = network->links[lane->link].to_junction;
    int from = direction_of(network, lane->link);
    lane->first_connection = network->connection_count;
    for (int to = 0; to < 4; to++) {
        enum turn turn = turn_of(from, to);
        if (town->out[junction][to] < 0 || !lane_serves(town->options, lane->position, turn)) {
            continue;
        }
        const struct link *exit = &network->links[town->out[junction][to]];
        struct curve curve = curve_of(town->options, from, lane->position, to, lane->position);
        network->connections[network->connection_count++] = (struct connection){
            .from_lane = lane_index, .to_lane = exit->first_lane + lane->position, .junction = junction,
            .turn = turn, .group = INDEX_NONE, .link_index = INDEX_NONE, .length_m = curve.length_m,
            .wait_inside = turn == TURN_LEFT && town->options->stages == 2,
            .speed_mps = turn == TURN_THROUGH ? town->options->speed_mps : turn == TURN_LEFT ? 8.0 : 6.0 };
        lane->connection_count++;
    }
}

// Who yields where both may go at once.
static bool yields_to(const struct town_options *options, const struct connection *one, int from_one,
                      const struct connection *other, int from_other)
{
    if (options->stages == 4) {
        return false;
    }
    bool opposite = (from_one + 2) % 4 == from_other;
    bool left_yields = opposite && one->turn == TURN_LEFT && other->turn != TURN_LEFT;
    if (options->stages == 2) {
        return left_yields;
    }
    return left_yields || (from_one % 2 == 0 && from_other % 2 == 1);
}

// The connections of a junction, through its four arms.
static int32_t connections_of(const struct town *town, int32_t junction, int32_t ret[CONNECTIONS_MAX])
{
    const struct network *network = town->network;
    int32_t count = 0;
    for (int d = 0; d < 4; d++) {
        const struct link *link = &network->links[town->in[junction][d]];
        for (int32_t i = 0; i < link->lane_count; i++) {
            const struct lane *lane = &network->lanes[link->first_lane + i];
            for (int32_t k = 0; k < lane->connection_count; k++) {
                assert(count < CONNECTIONS_MAX);
                ret[count++] = lane->first_connection + k;
            }
        }
    }
    return count;
}

static void foes_add(struct town *town, int32_t index)
{
    struct network *network = town->network;
    struct connection *one = &network->connections[index];
    int from_one = direction_of(network, network->lanes[one->from_lane].link);
    int to_one = direction_of(network, network->lanes[one->to_lane].link);
    struct curve curve = curve_of(town->options, from_one, network->lanes[one->from_lane].position, to_one,
        network->lanes[one->to_lane].position);
    one->first_foe = network->foe_count;
    int32_t others[CONNECTIONS_MAX];
    int32_t count = connections_of(town, one->junction, others);
    for (int32_t i = 0; i < count; i++) {
        const struct connection *other = &network->connections[others[i]];
        int from_other = direction_of(network, network->lanes[other->from_lane].link);
        int to_other = direction_of(network, network->lanes[other->to_lane].link);
        struct curve second = curve_of(town->options, from_other, network->lanes[other->from_lane].position, to_other,
            network->lanes[other->to_lane].position);
        double enter_m = 0.0, leave_m = 0.0;
        if (from_one == from_other || !common_area(&curve, &second, &enter_m, &leave_m)) {
            continue;
        }
        network->foes[network->foe_count++] = (struct foe){ .connection = others[i],
            .merges = other->to_lane == one->to_lane,
            .yields = yields_to(town->options, one, from_one, other, from_other),
            .enter_m = enter_m, .leave_m = leave_m };
        one->foe_count++;
    }
}

static bool groups_conflict(int stages, int a, int b)
{
    int axis_a = (a / 2) % 2, axis_b = (b / 2) % 2;
    if (axis_a != axis_b) {
        return true;
    }
    return stages == 4 && a % 2 != b % 2;
}

static void intersection_add(struct town *town, int32_t index)
{
    struct network *network = town->network;
    const struct town_options *options = town->options;
    struct intersection *at = &network->intersections[index];
    int32_t green_ms = options->green_s * 1000, part_ms = green_ms + 5000;
    *at = (struct intersection){ .name = name_add(network, "i", index, 0), .at = network->junctions[index].at,
        .first_group = network->group_count, .group_count = GROUPS, .first_stage = network->stage_count,
        .stage_count = options->stages, .first_intergreen = network->intergreen_count,
        .first_green = network->program_green_count, .cycle_ms = options->stages * part_ms,
        .cycle_ms_min = 30000, .cycle_ms_max = 180000, .quantum_ms = 1000 };
    network->junctions[index].intersection = index;
    for (int g = 0; g < GROUPS; g++) {
        struct signal_group *group = &network->groups[network->group_count++];
        *group = (struct signal_group){ .name = name_add(network, "g", index, g), .intersection = index,
            .kind = GROUP_VEHICLE, .first_member = network->group_member_count, .green_ms_min = 5000,
            .green_ms_max = GREEN_MS_MAX_DEFAULT, .red_ms_max = RED_MS_MAX_DEFAULT,
            .red_ms_max_emergency = 2 * RED_MS_MAX_DEFAULT, .yellow_ms = 3000, .red_clearance_ms = 2000 };
        const struct link *link = &network->links[town->in[index][g / 2]];
        for (int32_t i = 0; i < link->lane_count; i++) {
            const struct lane *lane = &network->lanes[link->first_lane + i];
            for (int32_t k = 0; k < lane->connection_count; k++) {
                struct connection *connection = &network->connections[lane->first_connection + k];
                if ((connection->turn == TURN_LEFT) == (g % 2 == 1)) {
                    connection->group = at->first_group + g;
                    network->group_members[network->group_member_count++] = lane->first_connection + k;
                    group->member_count++;
                }
            }
        }
        for (int h = 0; h < GROUPS; h++) {
            network->intergreen_ms[network->intergreen_count++] = groups_conflict(options->stages, g, h) ? 5000 : -1;
        }
    }
    for (int s = 0; s < options->stages; s++) {
        struct stage *stage = &network->stages[network->stage_count++];
        *stage = (struct stage){ .name = name_add(network, "s", index, s), .intersection = index,
            .program_phase = s, .green_ms_min = 5000, .green_ms_max = GREEN_MS_MAX_DEFAULT };
        for (int g = 0; g < GROUPS; g++) {
            int axis = (g / 2) % 2;
            bool green = options->stages == 2 ? axis == s : axis == s / 2 && g % 2 == s % 2;
            if (green) {
                stage->groups |= (uint64_t)1 << g;
                network->program_greens[network->program_green_count++] = (struct program_green){ .group = g,
                    .stage = s, .start_ms = s * part_ms, .end_ms = s * part_ms + green_ms };
                at->green_count++;
            }
        }
    }
}

static void sensors_add(struct town *town)
{
    struct network *network = town->network;
    for (int32_t i = 0; i < network->lane_count; i++) {
        const struct lane *lane = &network->lanes[i];
        int32_t at = network->junctions[network->links[lane->link].to_junction].intersection;
        if (at == INDEX_NONE) {
            continue;
        }
        network->detectors[network->detector_count++] = (struct detector){ .name = name_add(network, "d", i, 0),
            .lane = i, .intersection = at, .place = DETECTOR_STOP_LINE, .to_stop_m = 0.5, .length_m = 2.0 };
        network->detectors[network->detector_count++] = (struct detector){ .name = name_add(network, "d", i, 1),
            .lane = i, .intersection = at, .place = DETECTOR_ADVANCE, .to_stop_m = 40.0, .length_m = 2.0 };
        network->cameras[network->camera_count++] = (struct camera){ .name = name_add(network, "c", i, 0),
            .lane = i, .intersection = at, .view_m = fmin(150.0, lane->length_m) };
    }
}

static void town_reserve(struct network *network, const struct town_options *options)
{
    size_t inner = (size_t)(options->rows * options->columns);
    size_t border = (size_t)(2 * (options->rows + options->columns));
    size_t links = 4 * inner + border, lanes = links * (size_t)options->lanes;
    network->junctions = memory_take(inner + border, sizeof *network->junctions);
    network->links = memory_take(links, sizeof *network->links);
    network->lanes = memory_take(lanes, sizeof *network->lanes);
    network->points = memory_take(2 * links, sizeof *network->points);
    network->connections = memory_take(3 * lanes, sizeof *network->connections);
    network->foes = memory_take(3 * lanes * 12 * (size_t)options->lanes, sizeof *network->foes);
    network->intersections = memory_take(inner, sizeof *network->intersections);
    network->groups = memory_take(inner * GROUPS, sizeof *network->groups);
    network->group_members = memory_take(3 * lanes, sizeof *network->group_members);
    network->stages = memory_take(inner * 4, sizeof *network->stages);
    network->intergreen_ms = memory_take(inner * GROUPS * GROUPS, sizeof *network->intergreen_ms);
    network->program_greens = memory_take(inner * GROUPS, sizeof *network->program_greens);
    network->detectors = memory_take(2 * lanes, sizeof *network->detectors);
    network->cameras = memory_take(lanes, sizeof *network->cameras);
}

static void streets_add(struct town *town)
{
    struct network *network = town->network;
    const struct town_options *options = town->options;
    int inner = options->rows * options->columns;
    enum junction_kind kind = options->stages > 0 ? JUNCTION_SIGNAL : JUNCTION_PRIORITY;
    for (int i = 0; i < inner; i++) {
        (void)junction_add(network, i, (i % options->columns) * options->pitch_m,
            (i / options->columns) * options->pitch_m, kind);
    }
    network->junction_count = inner;
    for (int i = 0; i < inner; i++) {
        for (int d = 0; d < 4; d++) {
            int x = i % options->columns + STEP_X[d], y = i / options->columns + STEP_Y[d];
            int32_t to = y * options->columns + x;
            if (x < 0 || y < 0 || x >= options->columns || y >= options->rows) {
                to = junction_add(network, network->junction_count, x * options->pitch_m, y * options->pitch_m,
                    JUNCTION_DEAD_END);
                network->junction_count++;
                town->in[i][(d + 2) % 4] = link_add(town, to, i, (d + 2) % 4);
                town->out[to][(d + 2) % 4] = town->in[i][(d + 2) % 4];
            }
            town->out[i][d] = link_add(town, i, to, d);
            town->in[to][d] = town->out[i][d];
        }
    }
}

static void crossings_add(struct town *town)
{
    struct network *network = town->network;
    int inner = town->options->rows * town->options->columns;
    for (int32_t i = 0; i < network->lane_count; i++) {
        if (network->links[network->lanes[i].link].to_junction < inner) {
            connections_add(town, i);
        } else {
            network->lanes[i].first_connection = network->connection_count;
        }
    }
    for (int32_t i = 0; i < network->connection_count; i++) {
        foes_add(town, i);
    }
}

void town_create(const struct town_options *options, struct network *ret)
{
    assert(options->lanes >= 1);
    assert(options->stages == 0 || options->stages == 2 || options->stages == 4);
    network_create(ret);
    (void)names_add(&ret->regions, "town");
    town_reserve(ret, options);
    int inner = options->rows * options->columns, all = inner + 2 * (options->rows + options->columns);
    struct town town = { options, ret, memory_take((size_t)all, sizeof(int32_t[4])),
        memory_take((size_t)all, sizeof(int32_t[4])) };
    memset(town.out, 0xff, (size_t)all * sizeof(int32_t[4]));
    memset(town.in, 0xff, (size_t)all * sizeof(int32_t[4]));
    streets_add(&town);
    crossings_add(&town);
    for (int32_t i = 0; i < inner && options->stages > 0; i++) {
        intersection_add(&town, i);
        ret->intersection_count++;
    }
    if (options->sensors && options->stages > 0) {
        sensors_add(&town);
    }
    free(town.out);
    free(town.in);
    struct problem problem;
    if (network_finish(ret, "town", &problem) != STATUS_OK) {
        (void)fprintf(stderr, "%s\n", problem.text);
        abort();
    }
}

// The links that follow one, at most three of them; without those to the border where `inner` and others are there.
static int32_t next_links(const struct network *network, int32_t link, bool inner, int32_t ret[8])
{
    int32_t count = 0;
    for (int32_t i = 0; i < network->links[link].lane_count; i++) {
        const struct lane *lane = &network->lanes[network->links[link].first_lane + i];
        for (int32_t k = 0; k < lane->connection_count; k++) {
            int32_t next = network->lanes[network->connections[lane->first_connection + k].to_lane].link;
            int32_t end = network->links[next].to_junction;
            bool known = inner && network->junctions[end].kind == JUNCTION_DEAD_END;
            for (int32_t j = 0; j < count; j++) {
                known = known || ret[j] == next;
            }
            if (!known && count < 8) {
                ret[count++] = next;
            }
        }
    }
    return count;
}

void town_trips(const struct network *network, uint64_t seed, int32_t count, int64_t begin_ms, int64_t duration_ms,
                int32_t links_max, struct trip_columns *ret)
{
    int32_t *starts = memory_take((size_t)network->link_count, sizeof *starts);
    int32_t start_count = 0;
    for (int32_t i = 0; i < network->link_count; i++) {
        bool comes_in = network->junctions[network->links[i].from_junction].kind == JUNCTION_DEAD_END;
        bool goes_out = network->junctions[network->links[i].to_junction].kind == JUNCTION_DEAD_END;
        if (links_max > 0 ? !goes_out : comes_in) {
            starts[start_count++] = i;
        }
    }
    LIST_OF(int32_t) links = { 0 };
    size_t n = (size_t)count;
    *ret = (struct trip_columns){ .count = count, .depart_ms = memory_take(n, sizeof(int64_t)),
        .number = memory_take(n, sizeof(int32_t)), .type = memory_take(n, sizeof(int32_t)),
        .first_link = memory_take(n + 1, sizeof(int32_t)), .depart_lane = memory_take(n, 1),
        .depart_speed_mmps = memory_take(n, sizeof(int32_t)) };
    for (int32_t i = 0; i < count; i++) {
        ret->depart_ms[i] = begin_ms + (duration_ms * i / count) / 100 * 100;
        ret->number[i] = i;
        ret->depart_lane[i] = -1;
        ret->depart_speed_mmps[i] = -1;
        ret->first_link[i] = links.count;
        int32_t link = starts[random_bits(seed, RANDOM_TEST, (uint64_t)i, 0) % (uint64_t)start_count];
        *GROW(links) = link;
        int32_t limit = links_max > 0 ? links_max : 60;
        for (int32_t k = 1; k < limit; k++) {
            int32_t next[8];
            int32_t options = next_links(network, link, links_max > 0, next);
            if (options == 0) {
                break;
            }
            link = next[random_bits(seed, RANDOM_TEST, (uint64_t)i, (uint64_t)k) % (uint64_t)options];
            *GROW(links) = link;
        }
    }
    ret->first_link[count] = links.count;
    ret->links = links.at;
    free(starts);
}

void town_trips_release(struct trip_columns *trips)
{
    free(trips->depart_ms);
    free(trips->number);
    free(trips->type);
    free(trips->first_link);
    free(trips->links);
    free(trips->depart_lane);
    free(trips->depart_speed_mmps);
    free(trips->first_stop);
    free(trips->stops);
    free(trips->depart_front_mm);
    *trips = (struct trip_columns){ 0 };
}

struct vehicle_type town_car(void)
{
    return (struct vehicle_type){ .name = "car", .user = USER_CAR, .following = FOLLOW_IDM, .length_m = 5.0,
        .gap_m = 2.5, .acceleration_mps2 = 2.6, .deceleration_mps2 = 4.5, .emergency_mps2 = 9.0, .headway_s = 1.0,
        .speed_mps_max = 55.0, .speed_factor = 1.0 };
}
