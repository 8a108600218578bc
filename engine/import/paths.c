#include "engine/import/paths.h"

#include <math.h>
#include <stdlib.h>

#include "engine/import/path_meet.h"

static const double VEHICLE_WIDTH_M = 1.8;      // of a car: SUMO's default for passenger vehicles

struct meeting { int32_t one, other; bool yields; };
struct meeting_list { struct meeting *at; int32_t count, capacity; };

struct finder {
    const struct network_draft *draft;
    struct network *network;
    int32_t *origin;                 // network connection -> the draft's
    struct path *path;               // of each network connection
    struct point (*straight)[2];     // their points where the file has none
    struct meeting_list meetings;
};

static int32_t link_before(const struct network *network, const struct connection *connection)
{
    return network->lanes[connection->from_lane].link;
}

static int32_t link_after(const struct network *network, const struct connection *connection)
{
    return network->lanes[connection->to_lane].link;
}

static void path_of(const struct network *network, const struct connection *connection, struct point straight[2],
                    struct path *ret)
{
    const struct link *from = &network->links[link_before(network, connection)];
    const struct link *to = &network->links[link_after(network, connection)];
    straight[0] = network->points[from->first_point + from->point_count - 1];
    straight[1] = network->points[to->first_point];
    if (connection->point_count >= 2) {
        path_make(network->points + connection->first_point, connection->point_count, ret);
    } else {
        path_make(straight, 2, ret);
    }
}

static bool centre_lines_cross(const struct network *network, const struct connection *a, const struct connection *b)
{
    struct path path_a, path_b;
    struct point straight_a[2], straight_b[2];
    path_of(network, a, straight_a, &path_a);
    path_of(network, b, straight_b, &path_b);
    return link_after(network, a) != link_after(network, b) && path_cross(&path_a, &path_b);
}

static void add_pair(struct finder *finder, int32_t one, int32_t other, bool yields)
{
    *GROW(finder->meetings) = (struct meeting){ one, other, yields };
    *GROW(finder->meetings) = (struct meeting){ other, one, false };
}

static void add_matrix(struct finder *finder, const int32_t *renumbered)
{
    for (int32_t i = 0; i < finder->draft->foes.count; i++) {
        const struct draft_foe *foe = &finder->draft->foes.at[i];
        int32_t one = renumbered[foe->one], other = renumbered[foe->other];
        if (one != INDEX_NONE && other != INDEX_NONE && one != other
            && finder->network->connections[one].from_lane != finder->network->connections[other].from_lane) {
            add_pair(finder, one, other, foe->yields);
        }
    }
}

static bool meet_in_space(const struct finder *finder, int32_t one, int32_t other)
{
    const struct connection *a = &finder->network->connections[one], *b = &finder->network->connections[other];
    double enter_m, leave_m;
    if (a->from_lane == b->from_lane) {
        return false;
    }
    if (a->to_lane == b->to_lane) {
        return true;
    }
    if (link_before(finder->network, a) == link_before(finder->network, b)) {
        return centre_lines_cross(finder->network, a, b);   // side by side at first, however close
    }
    return path_meet(&finder->path[one], &finder->path[other], VEHICLE_WIDTH_M, &enter_m, &leave_m);
}

// Lists of connections by some key: member[first[k]] .. member[first[k + 1] - 1].
struct key_index { int32_t *first, *member; };

static struct key_index index_by(const int32_t *key, int32_t count, int32_t key_count)
{
    struct key_index index = { memory_take((size_t)key_count + 1, sizeof *index.first),
        memory_take((size_t)count, sizeof *index.member) };
    for (int32_t i = 0; i < count; i++) {
        index.first[key[i] + 1] += key[i] != INDEX_NONE;   // key -1 adds nothing to first[0]
    }
    for (int32_t k = 0; k < key_count; k++) {
        index.first[k + 1] += index.first[k];
    }
    int32_t *next = memory_copy(index.first, (size_t)key_count + 1, sizeof *next);
    for (int32_t i = 0; i < count; i++) {
        if (key[i] != INDEX_NONE) {
            index.member[next[key[i]]++] = i;
        }
    }
    free(next);
    return index;
}

static bool in_matrix(const struct finder *finder, int32_t connection)
{
    return finder->draft->has_foes
        && finder->draft->connections.at[finder->origin[connection]].request != INDEX_NONE;
}

// Pairs of one junction of which the file's matrix does not speak.
static void add_within_junctions(struct finder *finder)
{
    const struct network *network = finder->network;
    int32_t *key = memory_take((size_t)network->connection_count, sizeof *key);
    for (int32_t i = 0; i < network->connection_count; i++) {
        int32_t junction = network->connections[i].junction;
        key[i] = network->junctions[junction].kind == JUNCTION_UNREGULATED ? INDEX_NONE : junction;
    }
    struct key_index index = index_by(key, network->connection_count, network->junction_count);
    for (int32_t k = 0; k < network->junction_count; k++) {
        for (int32_t i = index.first[k]; i < index.first[k + 1]; i++) {
            for (int32_t j = i + 1; j < index.first[k + 1]; j++) {
                int32_t one = index.member[i], other = index.member[j];
                if (!(in_matrix(finder, one) && in_matrix(finder, other)) && meet_in_space(finder, one, other)) {
                    add_pair(finder, one, other, false);
                }
            }
        }
    }
    free(key);
    free(index.first);
    free(index.member);
}

// Pairs of one signal program in different junctions, but not those that follow each other.
static void add_across_junctions(struct finder *finder)
{
    const struct network *network = finder->network;
    int32_t *key = memory_take((size_t)network->connection_count, sizeof *key);
    for (int32_t i = 0; i < network->connection_count; i++) {
        key[i] = finder->draft->connections.at[finder->origin[i]].program;
    }
    struct key_index index = index_by(key, network->connection_count, finder->draft->programs.count);
    for (int32_t k = 0; k < finder->draft->programs.count; k++) {
        for (int32_t i = index.first[k]; i < index.first[k + 1]; i++) {
            for (int32_t j = i + 1; j < index.first[k + 1]; j++) {
                int32_t one = index.member[i], other = index.member[j];
                const struct connection *a = &network->connections[one], *b = &network->connections[other];
                bool in_turn = link_after(network, a) == link_before(network, b)
                    || link_after(network, b) == link_before(network, a);
                if (a->junction != b->junction && !in_turn && centre_lines_cross(network, a, b)) {
                    add_pair(finder, one, other, false);
                }
            }
        }
    }
    free(key);
    free(index.first);
    free(index.member);
}

static int by_pair(const void *a, const void *b)
{
    const struct meeting *left = a, *right = b;
    if (left->one != right->one) {
        return left->one < right->one ? -1 : 1;
    }
    return (left->other > right->other) - (left->other < right->other);
}

static void sort_and_join(struct meeting_list *list)
{
    if (list->count > 1) {
        qsort(list->at, (size_t)list->count, sizeof *list->at, by_pair);
    }
    int32_t kept = 0;
    for (int32_t i = 0; i < list->count; i++) {
        if (kept > 0 && by_pair(&list->at[kept - 1], &list->at[i]) == 0) {
            list->at[kept - 1].yields |= list->at[i].yields;
        } else {
            list->at[kept++] = list->at[i];
        }
    }
    list->count = kept;
}

// The short turn before the long one, which crosses the opposing traffic.
static int turn_rank(enum turn turn, bool left_hand)
{
    switch (turn) {
    case TURN_THROUGH: return 3;
    case TURN_RIGHT: return left_hand ? 1 : 2;
    case TURN_LEFT: return left_hand ? 2 : 1;
    case TURN_U:
    case TURN_COUNT: break;
    }
    return 0;
}

// Unit direction in which a connection's link reaches the junction.
static struct point heading(const struct network *network, const struct connection *connection)
{
    const struct link *link = &network->links[link_before(network, connection)];
    const struct point *last = network->points + link->first_point + link->point_count - 1;
    double x = last[0].x_m - last[-1].x_m, y = last[0].y_m - last[-1].y_m;
    double length = fmax(sqrt(x * x + y * y), 1e-6);
    return (struct point){ x / length, y / length };
}

// Whether a yields to b where neither program nor file says. Of a and b exactly one does.
static bool yields_by_rule(const struct network *network, const struct connection *a, const struct connection *b)
{
    const struct link *from_a = &network->links[link_before(network, a)];
    const struct link *from_b = &network->links[link_before(network, b)];
    if (from_a == from_b) {
        return a->from_lane < b->from_lane;
    }
    if (from_a->priority != from_b->priority) {
        return from_a->priority < from_b->priority;
    }
    int rank_a = turn_rank(a->turn, network->left_hand), rank_b = turn_rank(b->turn, network->left_hand);
    if (rank_a != rank_b) {
        return rank_a < rank_b;
    }
    struct point own = heading(network, a), other = heading(network, b);
    double cross = own.x_m * other.y_m - own.y_m * other.x_m;   // > 0: b comes from the right of a
    if (fabs(cross) < 1e-3) {
        return a > b;                                            // face to face: any order will do
    }
    return (cross > 0.0) != network->left_hand;
}

// Whether the program shows two connections green together so that one alone has the minor green.
struct shown { bool one_minor, other_minor; };

static bool may_go(char letter)
{
    return letter == 'G' || letter == 'g' || letter == 'o' || letter == 'O';
}

static struct shown shown_to(const struct finder *finder, int32_t one, int32_t other)
{
    const struct network_draft *draft = finder->draft;
    const struct draft_connection *a = &draft->connections.at[finder->origin[one]];
    const struct draft_connection *b = &draft->connections.at[finder->origin[other]];
    struct shown shown = { false, false };
    if (a->program == INDEX_NONE || a->program != b->program) {
        return shown;
    }
    const struct draft_program *program = &draft->programs.at[a->program];
    for (int32_t p = 0; p < program->phase_count; p++) {
        const char *state = draft->phases.at[program->first_phase + p].state;
        if (may_go(state[a->letter]) && may_go(state[b->letter])) {
            shown.one_minor |= state[a->letter] != 'G' && state[b->letter] == 'G';
            shown.other_minor |= state[a->letter] == 'G' && state[b->letter] != 'G';
        }
    }
    return shown;
}

static struct meeting *meeting_of(const struct meeting_list *list, int32_t one, int32_t other)
{
    struct meeting key = { one, other, false };
    return bsearch(&key, list->at, (size_t)list->count, sizeof key, by_pair);
}

static void settle(struct finder *finder)
{
    for (int32_t i = 0; i < finder->meetings.count; i++) {
        struct meeting *a = &finder->meetings.at[i];
        if (a->one > a->other) {
            continue;
        }
        struct meeting *b = meeting_of(&finder->meetings, a->other, a->one);
        struct shown shown = shown_to(finder, a->one, a->other);
        if (shown.one_minor != shown.other_minor) {
            a->yields = shown.one_minor;
        } else if (a->yields == b->yields) {
            a->yields = yields_by_rule(finder->network, &finder->network->connections[a->one],
                                       &finder->network->connections[a->other]);
        }
        b->yields = !a->yields;
    }
}

static struct foe foe_of(const struct finder *finder, const struct meeting *meeting)
{
    const struct connection *a = &finder->network->connections[meeting->one];
    const struct connection *b = &finder->network->connections[meeting->other];
    struct foe foe = { .connection = meeting->other, .merges = a->to_lane == b->to_lane, .yields = meeting->yields,
        .enter_m = 0.0, .leave_m = a->length_m };
    const struct path *path = &finder->path[meeting->one];
    double enter_m, leave_m;
    (void)path_meet(path, &finder->path[meeting->other], VEHICLE_WIDTH_M, &enter_m, &leave_m);
    if (path->length_m > 0.0) {
        foe.enter_m = fmin(enter_m / path->length_m, 1.0) * a->length_m;
        foe.leave_m = foe.merges ? a->length_m : fmin(leave_m / path->length_m, 1.0) * a->length_m;
    }
    return foe;
}

static void store(struct finder *finder)
{
    struct network *network = finder->network;
    network->foe_count = finder->meetings.count;
    network->foes = memory_take((size_t)network->foe_count, sizeof *network->foes);
    for (int32_t i = 0; i < network->foe_count; i++) {
        struct connection *connection = &network->connections[finder->meetings.at[i].one];
        connection->first_foe = connection->foe_count == 0 ? i : connection->first_foe;
        connection->foe_count++;
        network->foes[i] = foe_of(finder, &finder->meetings.at[i]);
    }
}

void paths_find_foes(const struct network_draft *draft, const int32_t *renumbered, struct network *network)
{
    size_t count = (size_t)network->connection_count;
    struct finder finder = { .draft = draft, .network = network, .origin = memory_take(count, sizeof *finder.origin),
        .path = memory_take(count, sizeof *finder.path), .straight = memory_take(count, sizeof *finder.straight) };
    for (int32_t i = 0; i < draft->connections.count; i++) {
        if (renumbered[i] != INDEX_NONE) {
            finder.origin[renumbered[i]] = i;
        }
    }
    for (int32_t i = 0; i < network->connection_count; i++) {
        path_of(network, &network->connections[i], finder.straight[i], &finder.path[i]);
    }
    add_matrix(&finder, renumbered);
    add_within_junctions(&finder);
    add_across_junctions(&finder);
    sort_and_join(&finder.meetings);
    settle(&finder);
    store(&finder);
    free(finder.origin);
    free(finder.path);
    free(finder.straight);
    free(finder.meetings.at);
}

bool paths_cross(const struct network *network, const struct connection *a, const struct connection *b)
{
    return centre_lines_cross(network, a, b);
}
