#include "tests/sim/wild_town.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"

#define JUNCTIONS_MAX 6
#define LINKS_MAX 64
#define CONNECTIONS_MAX 512
#define FOES_MAX 16384
#define LANE_M 3.2
#define EDGE_M 9.0                 // from a junction's centre to where lanes end and begin
#define WIDTH_M 2.0
#define SAMPLES 24

struct wild {
    struct network *network;
    uint64_t seed, draws;
    int32_t inner;                 // junctions that are no ends
};

static uint64_t draw(struct wild *wild, uint64_t below)
{
    return random_bits(wild->seed, RANDOM_TEST, wild->draws++, 77) % below;
}

static bool chance(struct wild *wild, int percent)
{
    return (int)draw(wild, 100) < percent;
}

static double between(struct wild *wild, double low, double high)
{
    return low + (high - low) * (double)draw(wild, 1000) / 1000.0;
}

static int32_t name_add(struct network *network, const char *kind, int i, int k)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%s%d_%d", kind, i, k);
    return names_add(&network->names, text);
}

static int32_t junction_add(struct wild *wild, double x_m, double y_m, enum junction_kind kind)
{
    struct network *network = wild->network;
    int32_t at = network->junction_count++;
    network->junctions[at] = (struct junction){ .name = name_add(network, "j", at, 0), .kind = kind,
        .intersection = INDEX_NONE, .at = { x_m, y_m } };
    return at;
}

static void link_add(struct wild *wild, int32_t from, int32_t to)
{
    struct network *network = wild->network;
    if (network->link_count >= LINKS_MAX || network->lane_count + 4 > WILD_LANES_MAX) {
        return;
    }
    int32_t at = network->link_count++;
    const struct point *a = &network->junctions[from].at, *b = &network->junctions[to].at;
    double length = fmax(hypot(a->x_m - b->x_m, a->y_m - b->y_m) - 2.0 * EDGE_M, 5.0);
    length = chance(wild, 20) ? between(wild, 1.0, 25.0) : length;
    double speed = between(wild, 5.0, 20.0);
    int32_t lanes = 1 + (int32_t)draw(wild, 2);
    lanes += chance(wild, 25) ? (int32_t)draw(wild, 3) : 0;
    network->links[at] = (struct link){ .name = name_add(network, "l", at, 0), .from_junction = from,
        .to_junction = to, .first_lane = network->lane_count, .lane_count = lanes,
        .first_point = network->point_count, .point_count = 2, .priority = (int32_t)draw(wild, 3),
        .length_m = length, .speed_mps = speed };
    network->points[network->point_count++] = *a;
    network->points[network->point_count++] = *b;
    for (int i = 0; i < lanes; i++) {
        bool special = i == 0 && lanes > 1 && chance(wild, 10);
        network->lanes[network->lane_count++] = (struct lane){ .link = at, .position = i,
            .users = special ? (uint32_t)USER_BUS | USER_BICYCLE : (uint32_t)USER_MOTOR, .length_m = length,
            .speed_mps = speed, .width_m = LANE_M };
    }
}

static void streets_add(struct wild *wild)
{
    static const enum junction_kind KINDS[] = { JUNCTION_SIGNAL, JUNCTION_SIGNAL, JUNCTION_SIGNAL, JUNCTION_PRIORITY,
        JUNCTION_RIGHT_BEFORE_LEFT, JUNCTION_STOP, JUNCTION_UNREGULATED };
    wild->inner = 2 + (int32_t)draw(wild, JUNCTIONS_MAX - 1);
    double radius = between(wild, 25.0, 250.0);
    for (int32_t i = 0; i < wild->inner; i++) {
        double turn = (double)i / wild->inner + between(wild, 0.0, 0.1), x = fabs(4.0 * turn - 2.0) - 1.0;
        double y = 1.0 - fabs(fmod(4.0 * turn + 1.0, 4.0) - 2.0);
        (void)junction_add(wild, radius * x, radius * y, KINDS[draw(wild, sizeof KINDS / sizeof *KINDS)]);
    }
    for (int32_t i = 0; i < wild->inner; i++) {
        link_add(wild, i, (i + 1) % wild->inner);
        for (int32_t k = 0; k < wild->inner; k++) {
            if (k != i && k != (i + 1) % wild->inner && chance(wild, 35)) {
                link_add(wild, i, k);
            }
        }
        if (i == 0 || chance(wild, 60)) {
            const struct point *at = &wild->network->junctions[i].at;
            // One after the other: within a call the compiler chooses the order.
            double y = at->y_m * 2.0 + between(wild, -60.0, 60.0), x = at->x_m * 2.0 + between(wild, -60.0, 60.0);
            int32_t end = junction_add(wild, x, y, JUNCTION_DEAD_END);
            link_add(wild, end, i);
            link_add(wild, i, end);
        }
    }
}

static void heading(const struct network *network, int32_t link, double *ret_x, double *ret_y)
{
    const struct point *a = &network->points[network->links[link].first_point], *b = a + 1;
    double length = fmax(hypot(b->x_m - a->x_m, b->y_m - a->y_m), 1e-3);
    *ret_x = (b->x_m - a->x_m) / length;
    *ret_y = (b->y_m - a->y_m) / length;
}

// Where a lane meets its junction: its end, or its beginning.
static struct point lane_edge(const struct network *network, int32_t lane_index, bool end)
{
    const struct lane *lane = &network->lanes[lane_index];
    const struct link *link = &network->links[lane->link];
    double x, y;
    heading(network, lane->link, &x, &y);
    const struct point *at = &network->junctions[end ? link->to_junction : link->from_junction].at;
    double along = end ? -EDGE_M : EDGE_M, side = ((double)(link->lane_count - lane->position) - 0.5) * LANE_M;
    return (struct point){ at->x_m + along * x + side * y, at->y_m + along * y - side * x };
}

static enum turn turn_of(const struct network *network, int32_t from, int32_t to)
{
    double ax, ay, bx, by;
    heading(network, from, &ax, &ay);
    heading(network, to, &bx, &by);
    double cross = ax * by - ay * bx, dot = ax * bx + ay * by;
    return dot < -0.9 ? TURN_U : dot > 0.7 ? TURN_THROUGH : cross > 0.0 ? TURN_LEFT : TURN_RIGHT;
}

static void connect(struct wild *wild, int32_t from_lane, int32_t to_lane)
{
    struct network *network = wild->network;
    struct lane *lane = &network->lanes[from_lane];
    if (network->connection_count >= CONNECTIONS_MAX) {
        return;
    }
    struct point a = lane_edge(network, from_lane, true), b = lane_edge(network, to_lane, false);
    int32_t to_link = network->lanes[to_lane].link;
    enum turn turn = turn_of(network, lane->link, to_link);
    double speed = turn == TURN_THROUGH ? lane->speed_mps : fmin(lane->speed_mps, between(wild, 3.0, 10.0));
    network->connections[network->connection_count++] = (struct connection){ .from_lane = from_lane,
        .to_lane = to_lane, .junction = network->links[lane->link].to_junction, .turn = turn, .group = INDEX_NONE,
        .link_index = INDEX_NONE, .wait_inside = chance(wild, 50), .first_point = network->point_count,
        .point_count = 2, .length_m = fmax(hypot(b.x_m - a.x_m, b.y_m - a.y_m), 0.1), .speed_mps = speed };
    network->points[network->point_count++] = a;
    network->points[network->point_count++] = b;
    lane->connection_count++;
}

// One lane's ways on: to each exit with the chance that some lane takes it, to the lane of its own position or another.
static void lane_connect(struct wild *wild, int32_t lane_index)
{
    struct network *network = wild->network;
    network->lanes[lane_index].first_connection = network->connection_count;
    const struct link *link = &network->links[network->lanes[lane_index].link];
    for (int32_t out = 0; out < network->link_count; out++) {
        const struct link *exit = &network->links[out];
        if (exit->from_junction != link->to_junction || link->to_junction >= wild->inner
            || (exit->to_junction == link->from_junction && chance(wild, 90)) || chance(wild, 45)) {
            continue;
        }
        int32_t position = network->lanes[lane_index].position;
        position = position < exit->lane_count && !chance(wild, 20) ? position
            : (int32_t)draw(wild, (uint64_t)exit->lane_count);
        connect(wild, lane_index, exit->first_lane + position);
    }
}

static struct point path_at(const struct network *network, const struct connection *connection, double share)
{
    const struct point *a = &network->points[connection->first_point], *b = a + 1;
    return (struct point){ a->x_m + (b->x_m - a->x_m) * share, a->y_m + (b->y_m - a->y_m) * share };
}

static bool common_area(const struct network *network, const struct connection *one, const struct connection *other,
                        double *ret_enter_m, double *ret_leave_m)
{
    bool any = false;
    double stride_m = one->length_m / SAMPLES;
    for (int i = 0; i <= SAMPLES; i++) {
        struct point at = path_at(network, one, (double)i / SAMPLES);
        double nearest = INFINITY;
        for (int k = 0; k <= SAMPLES; k++) {
            struct point there = path_at(network, other, (double)k / SAMPLES);
            nearest = fmin(nearest, hypot(at.x_m - there.x_m, at.y_m - there.y_m));
        }
        if (nearest < WIDTH_M) {
            *ret_enter_m = any ? *ret_enter_m : fmax(i * stride_m - stride_m, 0.0);
            *ret_leave_m = fmin(i * stride_m + stride_m, one->length_m);
            any = true;
        }
    }
    return any;
}

// Right before left where nothing else decides; at a junction without rules nobody yields.
static bool yields_to(const struct wild *wild, const struct connection *one, const struct connection *other)
{
    const struct network *network = wild->network;
    int32_t from_one = network->lanes[one->from_lane].link, from_other = network->lanes[other->from_lane].link;
    enum junction_kind kind = network->junctions[one->junction].kind;
    if (kind == JUNCTION_UNREGULATED || from_one == from_other) {
        return false;
    }
    int32_t rank = network->links[from_one].priority, rank_other = network->links[from_other].priority;
    if (kind == JUNCTION_STOP && rank == rank_other) {
        return true;   // all-way stop
    }
    if (kind != JUNCTION_RIGHT_BEFORE_LEFT && rank != rank_other) {
        return rank < rank_other;
    }
    double ax, ay, bx, by;
    heading(network, from_one, &ax, &ay);
    heading(network, from_other, &bx, &by);
    double cross = ax * by - ay * bx;
    return cross != 0.0 ? cross > 0.0 : from_one < from_other;   // the other comes from the right
}

static void foes_add(struct wild *wild, int32_t index)
{
    struct network *network = wild->network;
    struct connection *one = &network->connections[index];
    one->first_foe = network->foe_count;
    for (int32_t i = 0; i < network->connection_count; i++) {
        const struct connection *other = &network->connections[i];
        double enter_m = 0.0, leave_m = 0.0;
        bool merges = other->to_lane == one->to_lane;
        if (i == index || other->junction != one->junction || other->from_lane == one->from_lane
            || network->foe_count >= FOES_MAX || !common_area(network, one, other, &enter_m, &leave_m)) {
            continue;
        }
        network->foes[network->foe_count++] = (struct foe){ .connection = i, .merges = merges,
            .yields = yields_to(wild, one, other), .enter_m = enter_m, .leave_m = leave_m };
        one->foe_count++;
    }
}


static void group_add(struct wild *wild, int32_t intersection, int32_t link)
{
    struct network *network = wild->network;
    int32_t at = network->group_count++;
    struct signal_group *group = &network->groups[at];
    *group = (struct signal_group){ .name = name_add(network, "g", intersection, link), .intersection = intersection,
        .kind = GROUP_VEHICLE, .first_member = network->group_member_count, .green_ms_min = 5000,
        .green_ms_max = GREEN_MS_MAX_DEFAULT, .red_ms_max = RED_MS_MAX_DEFAULT,
        .red_ms_max_emergency = 2 * RED_MS_MAX_DEFAULT, .yellow_ms = 3000 };
    const struct link *from = &network->links[link];
    for (int32_t i = 0; i < from->lane_count; i++) {
        const struct lane *lane = &network->lanes[from->first_lane + i];
        for (int32_t k = 0; k < lane->connection_count; k++) {
            struct connection *connection = &network->connections[lane->first_connection + k];
            connection->group = at;
            connection->right_on_red = connection->turn == TURN_RIGHT && chance(wild, 30);
            network->group_members[network->group_member_count++] = lane->first_connection + k;
            group->member_count++;
        }
    }
}

// Stage i is the green of group i and, where `pairs`, of the one after it, which then does not conflict with it.
static void intersection_add(struct wild *wild, int32_t junction)
{
    struct network *network = wild->network;
    int32_t index = network->intersection_count, first = network->group_count;
    for (int32_t link = 0; link < network->link_count; link++) {
        bool leads = false;
        for (int32_t i = 0; i < network->links[link].lane_count; i++) {
            leads = leads || network->lanes[network->links[link].first_lane + i].connection_count > 0;
        }
        if (network->links[link].to_junction == junction && leads) {
            group_add(wild, index, link);
        }
    }
    int32_t count = network->group_count - first;
    if (count == 0) {
        network->junctions[junction].kind = JUNCTION_UNREGULATED;
        return;
    }
    bool pairs = count >= 2 && chance(wild, 50);
    int32_t stages = pairs ? (count + 1) / 2 : count;
    int32_t green_ms = 1000 * (5 + (int32_t)draw(wild, 25)), clear_ms = 3000 + 1000 * (int32_t)draw(wild, 3);
    network->intersection_count++;
    network->junctions[junction].intersection = index;
    network->intersections[index] = (struct intersection){ .name = name_add(network, "i", index, 0),
        .at = network->junctions[junction].at, .first_group = first, .group_count = count,
        .first_stage = network->stage_count, .stage_count = stages, .first_intergreen = network->intergreen_count,
        .first_green = network->program_green_count, .green_count = count,
        .cycle_ms = stages * (green_ms + clear_ms), .cycle_ms_min = 5000, .cycle_ms_max = 300000,
        .quantum_ms = 1000 };
    for (int32_t g = 0; g < count; g++) {
        for (int32_t h = 0; h < count; h++) {
            bool together = g == h || (pairs && g / 2 == h / 2);
            network->intergreen_ms[network->intergreen_count++] = together ? -1 : clear_ms;
        }
        int32_t stage = pairs ? g / 2 : g, start_ms = stage * (green_ms + clear_ms);
        network->program_greens[network->program_green_count++] = (struct program_green){ g, stage, start_ms,
            start_ms + green_ms };
    }
    for (int32_t s = 0; s < stages; s++) {
        uint64_t groups = pairs ? (uint64_t)3 << (2 * s) : (uint64_t)1 << s;
        network->stages[network->stage_count++] = (struct stage){ .name = name_add(network, "s", index, s),
            .intersection = index, .groups = groups & (((uint64_t)1 << count) - 1), .program_phase = s,
            .green_ms_min = 5000, .green_ms_max = GREEN_MS_MAX_DEFAULT };
    }
}

void wild_town_fill(uint64_t seed, struct network *ret)
{
    network_create(ret);
    (void)names_add(&ret->regions, "wild");
    ret->junctions = memory_take(2 * JUNCTIONS_MAX, sizeof *ret->junctions);
    ret->links = memory_take(LINKS_MAX, sizeof *ret->links);
    ret->lanes = memory_take(WILD_LANES_MAX, sizeof *ret->lanes);
    ret->points = memory_take(2 * LINKS_MAX + 2 * CONNECTIONS_MAX, sizeof *ret->points);
    ret->connections = memory_take(CONNECTIONS_MAX, sizeof *ret->connections);
    ret->foes = memory_take(FOES_MAX, sizeof *ret->foes);
    ret->intersections = memory_take(JUNCTIONS_MAX, sizeof *ret->intersections);
    ret->groups = memory_take(LINKS_MAX, sizeof *ret->groups);
    ret->group_members = memory_take(CONNECTIONS_MAX, sizeof *ret->group_members);
    ret->stages = memory_take(LINKS_MAX, sizeof *ret->stages);
    ret->intergreen_ms = memory_take(LINKS_MAX * LINKS_MAX, sizeof *ret->intergreen_ms);
    ret->program_greens = memory_take(LINKS_MAX, sizeof *ret->program_greens);
    struct wild wild = { .network = ret, .seed = seed };
    streets_add(&wild);
    for (int32_t i = 0; i < ret->lane_count; i++) {
        lane_connect(&wild, i);
    }
    for (int32_t i = 0; i < ret->connection_count; i++) {
        foes_add(&wild, i);
    }
    for (int32_t i = 0; i < wild.inner; i++) {
        if (ret->junctions[i].kind == JUNCTION_SIGNAL) {
            intersection_add(&wild, i);
        }
    }
}

void wild_town_finish(uint64_t seed, struct network *network)
{
    struct problem problem;
    if (network_finish(network, "wild", &problem) != STATUS_OK) {
        (void)fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, problem.text);
        abort();
    }
}

void wild_town_create(uint64_t seed, struct network *ret)
{
    wild_town_fill(seed, ret);
    wild_town_finish(seed, ret);
}

// A link that one may drive on to from `link`, drawn evenly, or INDEX_NONE.
static int32_t next_link(const struct network *network, int32_t link, uint64_t draw_bits)
{
    int32_t found = 0, chosen = INDEX_NONE;
    const struct link *at = &network->links[link];
    for (int32_t i = 0; i < at->lane_count; i++) {
        const struct lane *lane = &network->lanes[at->first_lane + i];
        for (int32_t k = 0; k < lane->connection_count && (lane->users & USER_CAR); k++) {
            const struct lane *to = &network->lanes[network->connections[lane->first_connection + k].to_lane];
            found += (to->users & USER_CAR) ? 1 : 0;
            chosen = (to->users & USER_CAR) && draw_bits % (uint64_t)found == 0 ? to->link : chosen;
        }
    }
    return chosen;
}

void wild_trips(const struct network *network, uint64_t seed, int32_t count, int64_t duration_ms, int32_t type_count,
                struct trip_columns *ret)
{
    LIST_OF(int32_t) links = { 0 };
    size_t n = (size_t)count;
    *ret = (struct trip_columns){ .depart_ms = memory_take(n, sizeof(int64_t)),
        .number = memory_take(n, sizeof(int32_t)), .type = memory_take(n, sizeof(int32_t)),
        .first_link = memory_take(n + 1, sizeof(int32_t)), .depart_lane = memory_take(n, 1),
        .depart_speed_mmps = memory_take(n, sizeof(int32_t)) };
    for (int32_t i = 0; i < count; i++) {
        ret->depart_ms[i] = duration_ms * i / count / 100 * 100;
        ret->number[i] = i;
        ret->type[i] = i % type_count;
        ret->depart_lane[i] = -1;
        ret->depart_speed_mmps[i] = i % 3 == 0 ? 0 : -1;
        ret->first_link[i] = links.count;
        int32_t link = (int32_t)(random_bits(seed, RANDOM_TEST, (uint64_t)i, 0) % (uint64_t)network->link_count);
        for (uint64_t k = 1; k < 12 && link != INDEX_NONE; k++) {
            *GROW(links) = link;
            link = next_link(network, link, random_bits(seed, RANDOM_TEST, (uint64_t)i, k));
        }
    }
    ret->count = count;
    ret->first_link[count] = links.count;
    ret->links = links.at;
}

void wild_stops(const struct network *network, uint64_t seed, const struct vehicle_type *types,
                struct trip_columns *trips)
{
    struct wild wild = { .seed = seed ^ UINT64_C(0x57095), .draws = 0 };
    LIST_OF(struct trip_stop) stops = { 0 };
    trips->first_stop = memory_take((size_t)trips->count + 1, sizeof(int32_t));
    for (int32_t i = 0; i < trips->count; i++) {
        trips->first_stop[i] = stops.count;
        bool stopping = chance(&wild, 25);
        for (int32_t k = trips->first_link[i]; k < trips->first_link[i + 1] && stopping; k++) {
            const struct link *link = &network->links[trips->links[k]];
            int32_t lane = (int32_t)draw(&wild, (uint64_t)link->lane_count);
            const struct lane *at = &network->lanes[link->first_lane + lane];
            if (!chance(&wild, 40) || !(at->users & (uint32_t)types[trips->type[i]].user)) {
                continue;
            }
            int32_t end_mm = (int32_t)(at->length_m * between(&wild, 0.05, 1.0) * 1000.0), least_mm = end_mm - 200;
            int32_t start_mm = chance(&wild, 50) ? end_mm - 15000 : least_mm;
            bool timed = chance(&wild, 30);
            *GROW(stops) = (struct trip_stop){ .leg = k - trips->first_link[i], .lane = lane, .end_mm = end_mm,
                .start_mm = start_mm > 0 ? start_mm : 0, .duration_ms = (int32_t)draw(&wild, 20) * 1000,
                .until_ms = timed ? trips->depart_ms[i] + (int64_t)draw(&wild, 90) * 1000 : INT64_MIN,
                .parking = chance(&wild, 30) };
        }
    }
    trips->first_stop[trips->count] = stops.count;
    trips->stops = stops.at;
}

int32_t wild_closures(const struct network *network, uint64_t seed, int64_t duration_ms, struct lane_closure *ret)
{
    struct wild wild = { .seed = seed ^ UINT64_C(0xc1053), .draws = 0 };
    int32_t count = 0, wished = 1 + (int32_t)draw(&wild, 4);
    for (int32_t i = 0; i < wished; i++) {
        int32_t lane = (int32_t)draw(&wild, (uint64_t)network->lane_count);
        const struct link *link = &network->links[network->lanes[lane].link];
        bool whole = chance(&wild, 40);
        int64_t from_ms = (int64_t)draw(&wild, (uint64_t)duration_ms / 100) * 100;
        struct lane_closure closure = { .users = chance(&wild, 80) ? ~0u : USER_TRUCK | USER_CAR, .from_ms = from_ms,
            .to_ms = from_ms + 1000 * (1 + (int64_t)draw(&wild, 150)) };
        for (int32_t k = 0; k < link->lane_count && count < WILD_CLOSURES_MAX; k++) {
            closure.lane = link->first_lane + k;
            if (whole || closure.lane == lane) {
                ret[count++] = closure;
            }
        }
    }
    return count;
}
