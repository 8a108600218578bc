#include "engine/import/paths.h"

#include <math.h>
#include <stdlib.h>

static const double VEHICLE_WIDTH_M = 1.8;      // of a car; HBS and SUMO's default passenger width
static const double SAMPLE_M = 1.0;             // paths are compared metre by metre
#define SAMPLE_COUNT_MAX 128

// Points along a path, equally spaced.
struct trace {
    struct point at[SAMPLE_COUNT_MAX];
    int32_t count;
    double spacing_m;
};

static struct point path_end(const struct network *network, const struct connection *connection, bool end)
{
    const struct lane *lane = &network->lanes[end ? connection->to_lane : connection->from_lane];
    const struct link *link = &network->links[lane->link];
    return network->points[link->first_point + (end ? 0 : link->point_count - 1)];
}

static struct point between(struct point a, struct point b, double part)
{
    return (struct point){ a.x_m + part * (b.x_m - a.x_m), a.y_m + part * (b.y_m - a.y_m) };
}

static double distance_m(struct point a, struct point b)
{
    double x = a.x_m - b.x_m, y = a.y_m - b.y_m;
    return sqrt(x * x + y * y);
}

static void trace_path(const struct network *network, const struct connection *connection, struct trace *ret)
{
    struct point straight[2] = { path_end(network, connection, false), path_end(network, connection, true) };
    const struct point *points = connection->point_count >= 2 ? network->points + connection->first_point : straight;
    int32_t count = connection->point_count >= 2 ? connection->point_count : 2;
    double length = 0.0;
    for (int32_t i = 1; i < count; i++) {
        length += distance_m(points[i - 1], points[i]);
    }
    int32_t samples = (int32_t)(length / SAMPLE_M) + 2;
    ret->count = samples < SAMPLE_COUNT_MAX ? samples : SAMPLE_COUNT_MAX;
    ret->spacing_m = length / (ret->count - 1);
    int32_t segment = 1;
    double passed = 0.0, own = distance_m(points[0], points[1]);
    for (int32_t i = 0; i < ret->count; i++) {
        double along = i * ret->spacing_m;
        while (segment < count - 1 && along > passed + own) {
            passed += own;
            segment++;
            own = distance_m(points[segment - 1], points[segment]);
        }
        ret->at[i] = between(points[segment - 1], points[segment], own > 0.0 ? fmin((along - passed) / own, 1.0) : 0.0);
    }
}

// The part of path a that lies within a vehicle's width of path b, in samples; false when they keep apart.
static bool meet(const struct trace *a, const struct trace *b, int32_t *ret_first, int32_t *ret_last)
{
    bool met = false;
    for (int32_t i = 0; i < a->count; i++) {
        for (int32_t j = 0; j < b->count; j++) {
            if (distance_m(a->at[i], b->at[j]) < VEHICLE_WIDTH_M) {
                *ret_first = met ? *ret_first : i;
                *ret_last = i;
                met = true;
                break;
            }
        }
    }
    return met;
}

static int turn_rank(enum turn turn)
{
    switch (turn) {
    case TURN_THROUGH: return 3;
    case TURN_RIGHT: return 2;
    case TURN_LEFT: return 1;
    case TURN_U:
    case TURN_COUNT: break;
    }
    return 0;
}

// Unit direction in which a lane's link reaches its junction.
static struct point approach_heading(const struct network *network, int32_t lane)
{
    const struct link *link = &network->links[network->lanes[lane].link];
    const struct point *last = network->points + link->first_point + link->point_count - 1;
    double length = fmax(distance_m(last[-1], last[0]), 1e-6);
    return (struct point){ (last[0].x_m - last[-1].x_m) / length, (last[0].y_m - last[-1].y_m) / length };
}

// Whether a yields to b where no file says.
static bool yields_by_rule(const struct network *network, const struct connection *a, const struct connection *b)
{
    const struct link *from_a = &network->links[network->lanes[a->from_lane].link];
    const struct link *from_b = &network->links[network->lanes[b->from_lane].link];
    if (from_a == from_b) {
        return a->from_lane < b->from_lane;      // the outer lane gives way where two lanes of a link become one
    }
    if (from_a->priority != from_b->priority) {
        return from_a->priority < from_b->priority;
    }
    if (turn_rank(a->turn) != turn_rank(b->turn)) {
        return turn_rank(a->turn) < turn_rank(b->turn);
    }
    struct point own = approach_heading(network, a->from_lane), other = approach_heading(network, b->from_lane);
    double cross = own.x_m * other.y_m - own.y_m * other.x_m;   // > 0: the other one comes from the right
    return network->left_hand ? cross < 0.0 : cross > 0.0;
}

struct foe_row { int32_t connection; struct foe foe; };
struct foe_list { struct foe_row *at; int32_t count, capacity; };

static void add_foe(struct foe_list *list, const struct network *network, int32_t one, int32_t other, bool yields,
                    const struct trace *own, const struct trace *theirs)
{
    const struct connection *a = &network->connections[one];
    struct foe foe = { .connection = other, .yields = yields, .leave_m = a->length_m,
        .merges = a->to_lane == network->connections[other].to_lane };
    int32_t first = 0, last = 0;
    if (meet(own, theirs, &first, &last) && own->spacing_m > 0.0) {
        double scale = a->length_m / ((own->count - 1) * own->spacing_m);
        foe.enter_m = fmin(fmax(first - 1, 0) * own->spacing_m * scale, a->length_m);
        foe.leave_m = foe.merges ? a->length_m : fmin((last + 1) * own->spacing_m * scale, a->length_m);
    }
    *GROW(*list) = (struct foe_row){ one, foe };
}

static int by_connection(const void *a, const void *b)
{
    const struct foe_row *left = a, *right = b;
    if (left->connection != right->connection) {
        return left->connection < right->connection ? -1 : 1;
    }
    return (left->foe.connection > right->foe.connection) - (left->foe.connection < right->foe.connection);
}

// All pairs of the connections of one junction, where the file has no matrix.
static void foes_by_rule(struct foe_list *list, const struct network *network, const int32_t *members, int32_t count,
                         struct trace *traces)
{
    for (int32_t i = 0; i < count; i++) {
        trace_path(network, &network->connections[members[i]], &traces[i]);
    }
    for (int32_t i = 0; i < count; i++) {
        const struct connection *a = &network->connections[members[i]];
        for (int32_t j = i + 1; j < count; j++) {
            const struct connection *b = &network->connections[members[j]];
            int32_t first, last;
            bool same_exit = a->to_lane == b->to_lane;
            bool same_link = network->lanes[a->from_lane].link == network->lanes[b->from_lane].link;
            if (a->from_lane == b->from_lane || (same_link && !same_exit)
                || (!same_exit && !meet(&traces[i], &traces[j], &first, &last))) {
                continue;
            }
            bool a_yields = yields_by_rule(network, a, b);
            bool b_yields = !a_yields && yields_by_rule(network, b, a);
            add_foe(list, network, members[i], members[j], a_yields, &traces[i], &traces[j]);
            add_foe(list, network, members[j], members[i], b_yields, &traces[j], &traces[i]);
        }
    }
}

static void foes_of_junctions(struct foe_list *list, const struct network *network)
{
    int32_t *first = memory_take((size_t)network->junction_count + 1, sizeof *first);
    int32_t *member = memory_take((size_t)network->connection_count, sizeof *member);
    int32_t most = 0;
    for (int32_t i = 0; i < network->connection_count; i++) {
        first[network->connections[i].junction + 1]++;
    }
    for (int32_t i = 0; i < network->junction_count; i++) {
        most = first[i + 1] > most ? first[i + 1] : most;
        first[i + 1] += first[i];
    }
    int32_t *next = memory_copy(first, (size_t)network->junction_count, sizeof *next);
    for (int32_t i = 0; i < network->connection_count; i++) {
        member[next[network->connections[i].junction]++] = i;
    }
    struct trace *traces = memory_take((size_t)most, sizeof *traces);
    for (int32_t i = 0; i < network->junction_count; i++) {
        if (network->junctions[i].kind != JUNCTION_UNREGULATED) {
            foes_by_rule(list, network, member + first[i], first[i + 1] - first[i], traces);
        }
    }
    free(first);
    free(member);
    free(next);
    free(traces);
}

void paths_find_foes(const struct network_draft *draft, const int32_t *renumbered, struct network *network)
{
    struct foe_list list = { 0 };
    if (!draft->has_foes) {
        foes_of_junctions(&list, network);
    }
    for (int32_t i = 0; i < draft->foes.count; i++) {
        const struct draft_foe *foe = &draft->foes.at[i];
        int32_t one = renumbered[foe->one], other = renumbered[foe->other];
        if (one == INDEX_NONE || other == INDEX_NONE || one == other) {
            continue;
        }
        struct trace own, theirs;
        trace_path(network, &network->connections[one], &own);
        trace_path(network, &network->connections[other], &theirs);
        add_foe(&list, network, one, other, foe->yields, &own, &theirs);
    }
    if (list.count > 1) {
        qsort(list.at, (size_t)list.count, sizeof *list.at, by_connection);
    }
    network->foes = memory_take((size_t)list.count, sizeof *network->foes);
    for (int32_t i = 0; i < list.count; i++) {
        struct connection *connection = &network->connections[list.at[i].connection];
        if (connection->foe_count == 0) {
            connection->first_foe = network->foe_count;
        }
        bool again = connection->foe_count > 0
            && network->foes[network->foe_count - 1].connection == list.at[i].foe.connection;
        if (again) {
            network->foes[network->foe_count - 1].yields |= list.at[i].foe.yields;
            continue;
        }
        connection->foe_count++;
        network->foes[network->foe_count++] = list.at[i].foe;
    }
    free(list.at);
}
