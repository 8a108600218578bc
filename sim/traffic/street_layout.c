#include "sim/traffic/street_layout.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "sim/traffic/loop_calls.h"
#include "sim/traffic/row_pool.h"

static const double WAIT_MARGIN_M = 1.0;      // between a vehicle that waits inside and the paths it waits for
static const double PART_STEP_M = 0.5;
static const double PART_WIDTH_M = 2.0;       // a vehicle's and a little more
static const float ROAD_M = 6.0f;              // before its end a path nears the others into the same road
static const double PI = 3.14159265358979;
static const size_t LARGE_PAGE_BYTES = (size_t)1 << 21;
static const size_t LARGE_ROWS_BYTES = (size_t)1 << 22;   // a thread's first pieces: from so much on all lie on pages
static const size_t LARGE_PAGE_WORTH = (size_t)400000;    // of less, a page that may not be filled is too much
#define ROWS_ALIGNED ((int64_t)1 << 15)                   // so many rows are a whole number of large pages
_Static_assert((ROWS_ALIGNED * sizeof(struct row)) % ((size_t)1 << 21) == 0, "a thread's rows begin on a page");
static const double GAP_M_MIN = 0.1;          // between two vehicles, whatever happens: as in the kernel

struct ordered {
    uint64_t key;
    int32_t index;
};

static int ordered_compare(const void *a, const void *b)
{
    const struct ordered *left = a, *right = b;
    if (left->key != right->key) {
        return left->key < right->key ? -1 : 1;
    }
    return (left->index > right->index) - (left->index < right->index);
}

// Spreads 16 bits over the even bits of 32.
static uint64_t spread(uint64_t x)
{
    x = (x | (x << 8)) & 0x00ff00ff;
    x = (x | (x << 4)) & 0x0f0f0f0f;
    x = (x | (x << 2)) & 0x33333333;
    return (x | (x << 1)) & 0x55555555;
}

// Junctions' places on a Z-order curve (Morton 1966), 65,536 steps a side.
static uint64_t *junction_keys(const struct network *network)
{
    uint64_t *keys = memory_take((size_t)network->junction_count, sizeof *keys);
    double x_min = INFINITY, y_min = INFINITY, side = 1.0;
    for (int32_t i = 0; i < network->junction_count; i++) {
        x_min = fmin(x_min, network->junctions[i].at.x_m);
        y_min = fmin(y_min, network->junctions[i].at.y_m);
    }
    for (int32_t i = 0; i < network->junction_count; i++) {
        side = fmax(side, fmax(network->junctions[i].at.x_m - x_min, network->junctions[i].at.y_m - y_min));
    }
    for (int32_t i = 0; i < network->junction_count; i++) {
        uint64_t x = (uint64_t)((network->junctions[i].at.x_m - x_min) / side * 65535.0);
        uint64_t y = (uint64_t)((network->junctions[i].at.y_m - y_min) / side * 65535.0);
        keys[i] = spread(x) | (spread(y) << 1);
    }
    return keys;
}

static void block_begin(struct street *street, int32_t lane_count)
{
    struct block *block = &street->blocks[street->block_count++];
    *block = (struct block){ .first_group = street->group_count, .lane_count = lane_count, .parked = INDEX_NONE };
    for (int i = 0; i < WIDE; i++) {
        block->link[i] = INDEX_NONE;
    }
    for (int32_t i = 0; i < lane_count; i++) {
        street->block_of_group[street->group_count] = street->block_count - 1;
        struct group *group = &street->groups[street->group_count++];
        group->lane_position = i;
        for (int c = 0; c < WIDE; c++) {
            group->lane[c] = INDEX_NONE;
            group->entered[c] = PATH_NONE;
            group->head_signal[c] = INDEX_NONE;
            group->head_path[c] = PATH_NONE;
        }
    }
}

static void block_place(struct street *street, int32_t block_index, int column, int32_t link_index)
{
    const struct network *network = street->network;
    const struct link *link = &network->links[link_index];
    struct block *block = &street->blocks[block_index];
    block->link[column] = link_index;
    street->block_of_link[link_index] = block_index;
    street->column_of_link[link_index] = column;
    for (int32_t i = 0; i < link->lane_count; i++) {
        int32_t lane = link->first_lane + i;
        struct group *group = &street->groups[block->first_group + i];
        group->lane[column] = lane;
        group->length[column] = (float)network->lanes[lane].length_m;
        group->limit[column] = (float)network->lanes[lane].speed_mps;
        street->cell_of_lane[lane] = (block->first_group + i) * WIDE + column;
        double fits = network->lanes[lane].length_m / (street->length_min + GAP_M_MIN);
        int32_t rows = (int32_t)fits + 3;
        group->row_count_max = rows > group->row_count_max ? rows : group->row_count_max;
    }
}

// Links in spatial order fill the open block of their number of lanes.
static void blocks_create(struct street *street, const uint64_t *keys)
{
    const struct network *network = street->network;
    struct ordered *order = memory_take((size_t)network->link_count, sizeof *order);
    for (int32_t i = 0; i < network->link_count; i++) {
        order[i] = (struct ordered){ keys[network->links[i].to_junction], i };
    }
    qsort(order, (size_t)network->link_count, sizeof *order, ordered_compare);

    // At most one block a number of lanes stays part full.
    int32_t blocks_max = network->link_count / WIDE + LINK_LANE_COUNT_MAX + 1;
    int32_t groups_max = network->lane_count / WIDE + LINK_LANE_COUNT_MAX * LINK_LANE_COUNT_MAX + 1;
    street->blocks = table_take(street, (size_t)blocks_max, sizeof *street->blocks);
    street->block_of_group = table_take(street, (size_t)groups_max, sizeof(int32_t));
    street->groups = table_take(street, (size_t)groups_max, sizeof *street->groups);
    int32_t open[LINK_LANE_COUNT_MAX + 1];
    int filled[LINK_LANE_COUNT_MAX + 1];
    for (int i = 0; i <= LINK_LANE_COUNT_MAX; i++) {
        open[i] = INDEX_NONE;
        filled[i] = WIDE;
    }
    for (int32_t i = 0; i < network->link_count; i++) {
        int32_t lanes = network->links[order[i].index].lane_count;
        if (filled[lanes] == WIDE) {
            open[lanes] = street->block_count;
            filled[lanes] = 0;
            block_begin(street, lanes);
        }
        block_place(street, open[lanes], filled[lanes]++, order[i].index);
    }
    free(order);
    assert(street->block_count <= blocks_max);
    assert(street->group_count <= groups_max);
}

static void path_fill(struct street *street, int32_t path_index, int32_t junction, int32_t connection_index)
{
    const struct network *network = street->network;
    const struct connection *connection = &network->connections[connection_index];
    struct path *path = &street->paths[path_index];
    street->path_of_connection[connection_index] = path_index;
    *path = (struct path){
        .from_cell = street->cell_of_lane[connection->from_lane],
        .to_cell = street->cell_of_lane[connection->to_lane],
        .to_link = network->lanes[connection->to_lane].link,
        .junction = junction,
        .connection = connection_index,
        .group = connection->group,
        .length = (float)connection->length_m,
        .limit = (float)connection->speed_mps,
        .users = network->lanes[connection->to_lane].users,
        .to_position = (uint8_t)network->lanes[connection->to_lane].position,
        .rule = (uint8_t)network->junctions[connection->junction].kind,
        .turn = (uint8_t)connection->turn,
        .right_on_red = connection->right_on_red,
        .capacity = (int32_t)(connection->length_m / (street->length_min + GAP_M_MIN)) + 3,
    };
    struct group *from = cell_group(street, path->from_cell);
    int column = path->from_cell % WIDE;
    if (from->path_count[column]++ == 0) {
        from->first_path[column] = path_index;
    }
    cell_group(street, path->to_cell)->entry_count[path->to_cell % WIDE]++;
}

// Paths by junction in spatial order, and within it by connection, so that a lane's paths are contiguous.
static void paths_create(struct street *street, const uint64_t *keys)
{
    const struct network *network = street->network;
    int32_t count = network->connection_count;
    struct ordered *junctions = memory_take((size_t)network->junction_count, sizeof *junctions);
    int32_t *rank = memory_take((size_t)network->junction_count, sizeof *rank);
    for (int32_t i = 0; i < network->junction_count; i++) {
        junctions[i] = (struct ordered){ keys[i], i };
    }
    qsort(junctions, (size_t)network->junction_count, sizeof *junctions, ordered_compare);
    for (int32_t i = 0; i < network->junction_count; i++) {
        rank[junctions[i].index] = i;
    }
    struct ordered *order = memory_take((size_t)count, sizeof *order);
    for (int32_t i = 0; i < count; i++) {
        order[i] = (struct ordered){ (uint64_t)rank[network->connections[i].junction], i };
    }
    qsort(order, (size_t)count, sizeof *order, ordered_compare);

    street->path_count = count;
    street->paths = table_take(street, (size_t)count, sizeof *street->paths);
    street->path_of_connection = table_take(street, (size_t)count, sizeof *street->path_of_connection);
    street->crossroads = table_take(street, (size_t)network->junction_count, sizeof *street->crossroads);
    int32_t slots = 0;
    for (int32_t i = 0; i < count; i++) {
        if (i == 0 || order[i].key != order[i - 1].key) {
            street->crossroads[street->crossroads_count++] = (struct crossroads){ .first_path = i };
        }
        street->crossroads[street->crossroads_count - 1].path_count++;
        path_fill(street, i, street->crossroads_count - 1, order[i].index);
        slots += street->paths[i].capacity;
    }
    // Much room, of which little is used: not in the tables' room, whose pages are large.
    street->now = memory_take((size_t)slots, sizeof *street->now);
    street->next = memory_take((size_t)slots, sizeof *street->next);
    // Tables are written to at once: no step is to wait for their pages.
    street->inside = table_take(street, (size_t)count, sizeof *street->inside);
    street->inside_next = table_take(street, (size_t)count, sizeof *street->inside_next);
    free(order);
    free(rank);
    free(junctions);
}

static void entries_create(struct street *street)
{
    street->entries = table_take(street, (size_t)street->path_count, sizeof *street->entries);
    int32_t first = 0;
    for (int32_t cell = 0; cell < street->group_count * WIDE; cell++) {
        struct group *group = cell_group(street, cell);
        group->first_entry[cell % WIDE] = first;
        first += group->entry_count[cell % WIDE];
        group->entry_count[cell % WIDE] = 0;
    }
    for (int32_t i = 0; i < street->path_count; i++) {
        struct group *group = cell_group(street, street->paths[i].to_cell);
        int column = street->paths[i].to_cell % WIDE;
        street->entries[group->first_entry[column] + group->entry_count[column]++] =
            (struct entry){ i, street->paths[i].from_cell };
    }
}

// The links after each link, in the order of its lanes and their connections, and what paths say of them in brief.
static void choices_create(struct street *street)
{
    const struct network *network = street->network;
    street->first_choice = table_take(street, (size_t)network->link_count + 1, sizeof(int32_t));
    street->choices = table_take(street, (size_t)network->connection_count, sizeof(int32_t));
    street->briefs = table_take(street, (size_t)network->connection_count, sizeof *street->briefs);
    street->leads = table_take(street, (size_t)network->connection_count, sizeof *street->leads);
    street->users_of_all = table_take(street, (size_t)network->link_count, sizeof *street->users_of_all);
    uint32_t users = 0;
    for (int32_t i = 0; i < street->type_count; i++) {
        users |= street->types.user[i];
    }
    int32_t end = 0;
    for (int32_t i = 0; i < network->link_count; i++) {
        int32_t first = street->first_choice[i] = end;
        street->users_of_all[i] = UINT32_MAX;
        for (int32_t lane = 0; lane < network->links[i].lane_count; lane++) {
            const struct lane *from = &network->lanes[network->links[i].first_lane + lane];
            street->users_of_all[i] &= from->users;
            for (int32_t k = 0; k < from->connection_count; k++) {
                const struct path *path = &street->paths[street->path_of_connection[from->first_connection + k]];
                int32_t at = first;
                while (at < end && street->choices[at] != path->to_link) {
                    at++;
                }
                street->choices[at] = path->to_link;
                end = at < end ? end : end + 1;
                if (lane < LEG_LANE_COUNT_MAX && path->to_position < LEG_LANE_COUNT_MAX) {
                    street->leads[at][path->to_position] |= (uint8_t)(1u << lane);
                }
                street->briefs[path - street->paths] = (struct path_brief){ (uint8_t)(at - first), path->to_position,
                    (users & ~path->users) == 0, path->length < street->length_max, path->to_cell };
            }
        }
    }
    street->first_choice[network->link_count] = end;
}

// Lanes without a path tell of none.
static void seen_create(struct street *street)
{
    street->seen = table_take(street, (size_t)street->group_count * WIDE, sizeof *street->seen);
    street->reaching = table_take(street, (size_t)street->group_count, sizeof *street->reaching);
    for (int32_t cell = 0; cell < street->group_count * WIDE; cell++) {
        const struct group *group = cell_group(street, cell);
        int c = cell % WIDE;
        street->seen[cell] = (struct seen){ .length = group->length[c], .limit = group->limit[c],
            .first_path = group->first_path[c], .first_entry = group->first_entry[c],
            .path_count = (uint16_t)group->path_count[c], .entry_count = (uint16_t)group->entry_count[c],
            .head_path = PATH_NONE, .second_path = PATH_NONE, .tail_path = PATH_NONE };
    }
}

static uint64_t watch_bit(const struct street *street, int32_t junction, int32_t path)
{
    return street->paths[path].junction == junction ? busy_bit(&street->crossroads[junction], path) : BUSY_REST;
}

static void watches_create(struct street *street)
{
    street->watches = table_take(street, (size_t)street->path_count, sizeof *street->watches);
    for (int32_t i = 0; i < street->path_count; i++) {
        const struct path *path = &street->paths[i];
        const struct seen *from = &street->seen[path->from_cell], *to = &street->seen[path->to_cell];
        struct watch *watch = &street->watches[i];
        watch->junction = path->junction;
        for (int32_t k = from->first_path; k < from->first_path + from->path_count; k++) {
            watch->lane |= watch_bit(street, path->junction, k);
            watch->short_ones = watch->short_ones || street->briefs[k].short_one;
        }
        for (int32_t k = 0; k < to->entry_count; k++) {
            int32_t other = street->entries[to->first_entry + k].path;
            watch->merging |= other != i ? watch_bit(street, path->junction, other) : 0;
        }
        for (int32_t k = 0; k < path->foe_count; k++) {
            watch->foes |= watch_bit(street, path->junction, street->foes[path->first_foe + k].path);
        }
    }
    for (int32_t i = 0; i < street->crossroads_count; i++) {
        street->crossroads[i].busy = street->crossroads[i].busy_next = BUSY_REST;
    }
    street->awake = table_take(street, (size_t)street->crossroads_count, sizeof *street->awake);
    memset(street->awake, 1, (size_t)street->crossroads_count);
}

static const struct foe *foe_back(const struct network *network, int32_t connection, int32_t of)
{
    const struct connection *other = &network->connections[connection];
    for (int32_t i = 0; i < other->foe_count; i++) {
        if (network->foes[other->first_foe + i].connection == of) {
            return &network->foes[other->first_foe + i];
        }
    }
    return NULL;
}

static bool groups_conflict(const struct network *network, int32_t a, int32_t b)
{
    if (a < 0 || b < 0 || network->groups[a].intersection != network->groups[b].intersection) {
        return false;
    }
    const struct intersection *at = &network->intersections[network->groups[a].intersection];
    return network_intergreen_ms(network, at, a - at->first_group, b - at->first_group) >= 0;
}

// Whether somebody comes into the road of these two paths from other roads than they do.
static bool others_come(const struct street *street, const struct path *path, const struct path *other)
{
    const struct crossroads *at = &street->crossroads[path->junction];
    int32_t link = cell_link(street, path->from_cell), other_link = cell_link(street, other->from_cell);
    for (int32_t i = at->first_path; i < at->first_path + at->path_count; i++) {
        int32_t from = cell_link(street, street->paths[i].from_cell);
        if (street->paths[i].to_link == path->to_link && from != link && from != other_link) {
            return true;
        }
    }
    return false;
}

// Who turns across the opposite traffic lets those go first who turn the short way into the same road, whichever of
// its lanes they take (in Germany StVO 9 (4)): the paths need not meet for that. Not where the two have that road for
// themselves, and lanes of their own in it: they come into it side by side, as in SUMO.
static bool yields_by_road(const struct street *street, const struct path *path, const struct path *other)
{
    const struct network *network = street->network;
    enum turn wide = network->left_hand ? TURN_RIGHT : TURN_LEFT, narrow = network->left_hand ? TURN_LEFT : TURN_RIGHT;
    const struct connection *connection = &network->connections[path->connection];
    if (path->turn != wide || other->turn != narrow || path->to_link != other->to_link
        || path->from_cell == other->from_cell || connection->group < 0
        || network->connections[other->connection].group < 0
        || groups_conflict(network, connection->group, network->connections[other->connection].group)) {
        return false;   // or the signals part them, or the other is under none and gives way to who has a green
    }
    for (int32_t k = 0; k < connection->foe_count; k++) {
        if (network->foes[connection->first_foe + k].connection == other->connection) {
            return false;
        }
    }
    return others_come(street, path, other);
}

static int32_t foes_by_road(struct street *street, const struct path *path, int32_t first)
{
    const struct crossroads *at = &street->crossroads[path->junction];
    int32_t count = 0;
    for (int32_t i = at->first_path; i < at->first_path + at->path_count; i++) {
        const struct path *other = &street->paths[i];
        if (yields_by_road(street, path, other)) {
            if (street->foes != NULL) {
                street->foes[first + count] = (struct path_foe){ .path = i, .enter = fmaxf(0.0f, path->length - ROAD_M),
                    .leave = path->length, .foe_enter = fmaxf(0.0f, other->length - ROAD_M),
                    .foe_leave = other->length, .yields = true };
            }
            count++;
        }
    }
    return count;
}

// Where a connection's path begins and ends.
static void path_ends(const struct network *network, const struct connection *connection, struct point ret[2])
{
    const struct link *from = &network->links[network->lanes[connection->from_lane].link];
    const struct link *to = &network->links[network->lanes[connection->to_lane].link];
    bool drawn = connection->point_count >= 2;
    const struct point *points = network->points + connection->first_point;
    ret[0] = drawn ? points[0] : network->points[from->first_point + from->point_count - 1];
    ret[1] = drawn ? points[connection->point_count - 1] : network->points[to->first_point];
}

// On which side of the line from a to b the point lies: > 0 left.
static double side_of(const struct point *a, const struct point *b, const struct point *at)
{
    return (b->x_m - a->x_m) * (at->y_m - a->y_m) - (b->y_m - a->y_m) * (at->x_m - a->x_m);
}

// Two from opposite roads that both turn across the opposite traffic, and may come up inside, pass each other in front:
// their ways need not cross, however near the file draws them, and neither waits for the other (nor does it in SUMO).
static bool pass_in_front(const struct network *network, const struct connection *one, const struct connection *other)
{
    enum turn wide = network->left_hand ? TURN_RIGHT : TURN_LEFT;
    if (one->turn != wide || other->turn != wide || !one->wait_inside || !other->wait_inside
        || one->to_lane == other->to_lane) {
        return false;
    }
    struct point a[2], b[2];
    path_ends(network, one, a);
    path_ends(network, other, b);
    return side_of(&a[0], &a[1], &b[0]) * side_of(&a[0], &a[1], &b[1]) > 0.0
        && side_of(&b[0], &b[1], &a[0]) * side_of(&b[0], &b[1], &a[1]) > 0.0;
}

static void foes_create(struct street *street)
{
    const struct network *network = street->network;
    int32_t by_road = 0;
    for (int32_t i = 0; i < street->path_count; i++) {
        by_road += foes_by_road(street, &street->paths[i], 0);
    }
    street->foes = table_take(street, (size_t)(network->foe_count + by_road), sizeof *street->foes);
    int32_t first = 0;
    for (int32_t i = 0; i < street->path_count; i++) {
        struct path *path = &street->paths[i];
        const struct connection *connection = &network->connections[path->connection];
        double wait = INFINITY;
        path->first_foe = first;
        for (int32_t k = 0; k < connection->foe_count; k++) {
            const struct foe *foe = &network->foes[connection->first_foe + k];
            const struct foe *back = foe_back(network, foe->connection, path->connection);
            if (pass_in_front(network, connection, &network->connections[foe->connection])) {
                continue;
            }
            // Two that cross and of whom the network lets none yield still cannot be in one place: the one of the lower
            // index goes first.
            bool nobody = !foe->merges && !foe->yields && (back == NULL || !back->yields);
            bool by_index = nobody && street->path_of_connection[foe->connection] < i;
            street->foes[first++] = (struct path_foe){
                .path = street->path_of_connection[foe->connection],
                .enter = (float)foe->enter_m,
                .leave = (float)foe->leave_m,
                .foe_enter = back != NULL ? (float)back->enter_m : 0.0f,
                .foe_leave = back != NULL ? (float)back->leave_m
                                          : (float)network->connections[foe->connection].length_m,
                .merges = foe->merges,
                .yields = foe->yields || by_index,
                .foe_yields = back != NULL && (back->yields || (nobody && !by_index)),
                .conflicting = groups_conflict(network, connection->group, network->connections[foe->connection].group),
            };
            bool yields = (foe->yields || by_index) && !street->foes[first - 1].conflicting;
            path->crosses = path->crosses || !foe->merges;
            path->yields = path->yields || yields;
            wait = yields ? fmin(wait, foe->enter_m - WAIT_MARGIN_M) : wait;
        }
        int32_t by_road_here = foes_by_road(street, path, first);
        first += by_road_here;
        path->foe_count = (int16_t)(first - path->first_foe);
        path->yields = path->yields || by_road_here > 0;
        path->wait = connection->wait_inside && path->yields && wait >= 1.0 ? (float)wait : 0.0f;
    }
}

// The point `at_m` along a connection's path.
static struct point path_point(const struct network *network, const struct connection *connection, double at_m)
{
    const struct point *points = &network->points[connection->first_point];
    for (int32_t i = 0; i + 1 < connection->point_count; i++) {
        double dx = points[i + 1].x_m - points[i].x_m, dy = points[i + 1].y_m - points[i].y_m;
        double piece_m = sqrt(dx * dx + dy * dy);
        if (at_m <= piece_m && piece_m > 0.0) {
            return (struct point){ points[i].x_m + dx * at_m / piece_m, points[i].y_m + dy * at_m / piece_m };
        }
        at_m -= piece_m;
    }
    return points[connection->point_count - 1];
}

// How far behind their common line two paths are a vehicle's width apart. Where no geometry is known, a turn is
// taken as a quarter of a circle: it is y = s^2 / (2 R) aside after s, R = 2 length / pi.
static double parted_at(const struct network *network, const struct connection *one, const struct connection *other)
{
    double shorter = fmin(one->length_m, other->length_m);
    if (one->point_count >= 2 && other->point_count >= 2) {
        for (double at_m = 0.0; at_m < shorter; at_m += PART_STEP_M) {
            struct point a = path_point(network, one, at_m), b = path_point(network, other, at_m);
            double dx = a.x_m - b.x_m, dy = a.y_m - b.y_m;
            if (dx * dx + dy * dy > PART_WIDTH_M * PART_WIDTH_M) {
                return at_m;
            }
        }
        return shorter;
    }
    if (one->turn == other->turn) {
        return shorter;
    }
    double turning = one->turn == TURN_THROUGH ? other->length_m : one->length_m;
    return fmin(shorter, sqrt(2.0 * PART_WIDTH_M * turning * 2.0 / PI));
}

static void parts_create(struct street *street)
{
    const struct network *network = street->network;
    size_t rows = 0;
    for (int32_t i = 0; i < street->path_count; i++) {
        struct path *path = &street->paths[i];
        path->first_part = (int32_t)rows;
        rows += (size_t)cell_group(street, path->from_cell)->path_count[path->from_cell % WIDE];
    }
    street->parts = table_take(street, rows, sizeof *street->parts);
    for (int32_t i = 0; i < street->path_count; i++) {
        const struct path *path = &street->paths[i];
        const struct group *from = cell_group(street, path->from_cell);
        int column = path->from_cell % WIDE;
        for (int32_t k = 0; k < from->path_count[column]; k++) {
            int32_t other = street->paths[from->first_path[column] + k].connection;
            street->parts[path->first_part + k] = (float)parted_at(network, &network->connections[path->connection],
                &network->connections[other]);
        }
    }
}

static void loop_place(struct street *street, int32_t detector_index, struct group *group, int column)
{
    const struct detector *detector = &street->network->detectors[detector_index];
    double to = (double)group->length[column] - detector->to_stop_m;
    for (int32_t i = 0; i < group->loop_layer_count; i++) {
        struct loop_layer *layer = &street->loops[group->loop_layer + i];
        if (layer->to[column] <= layer->from[column]) {
            layer->from[column] = (float)(to - detector->length_m);
            layer->to[column] = (float)to;
            layer->detector[column] = detector_index;
            street->loop_layer_of_detector[detector_index] = group->loop_layer + i;
            street->loop_column_of_detector[detector_index] = column;
            return;
        }
    }
    assert(false && "a layer for every loop was counted");
}

static void loops_create(struct street *street)
{
    const struct network *network = street->network;
    int32_t *per_cell = memory_take((size_t)street->group_count * WIDE, sizeof *per_cell);
    for (int32_t i = 0; i < network->detector_count; i++) {
        int32_t cell = street->cell_of_lane[network->detectors[i].lane];
        struct group *group = cell_group(street, cell);
        per_cell[cell]++;
        group->loop_layer_count = per_cell[cell] > group->loop_layer_count ? per_cell[cell] : group->loop_layer_count;
    }
    free(per_cell);
    for (int32_t i = 0; i < street->group_count; i++) {
        street->groups[i].loop_layer = street->loop_layer_count;
        street->loop_layer_count += street->groups[i].loop_layer_count;
    }
    street->loops = table_take(street, (size_t)street->loop_layer_count, sizeof *street->loops);
    for (int32_t i = 0; i < street->loop_layer_count; i++) {
        for (int c = 0; c < WIDE; c++) {
            street->loops[i].detector[c] = INDEX_NONE;
        }
    }
    street->loop_layer_of_detector = table_take(street, (size_t)network->detector_count, sizeof(int32_t));
    street->loop_column_of_detector = table_take(street, (size_t)network->detector_count, sizeof(int32_t));
    for (int32_t i = 0; i < network->detector_count; i++) {
        int32_t cell = street->cell_of_lane[network->detectors[i].lane];
        loop_place(street, i, cell_group(street, cell), cell % WIDE);
    }
}

// What a share's jobs need: lists, and room for all who leave or stay in a step.
static void jobs_create(struct street *street, struct share *share, int32_t groups)
{
    int32_t paths = 0;
    for (int32_t i = share->first_crossroads; i < share->crossroads_end; i++) {
        paths += street->crossroads[i].path_count;
    }
    int32_t places[JOB_COUNT] = { groups, paths, share->block_end - share->first_block };
    for (int32_t i = 0; i < JOB_COUNT; i++) {
        struct job *job = &share->jobs[i];
        size_t more = i == JOB_LANES ? LINK_LANE_COUNT_MAX : 1;   // lists are written one place beyond what they hold
        job->list = table_take(street, (size_t)places[i] + more, sizeof *job->list);
        job->runs = memory_take((size_t)places[i] + 1, sizeof *job->runs);
    }
    share->awake = table_take(street, (size_t)(share->crossroads_end - share->first_crossroads) + 1, sizeof(int32_t));
    share->left_lanes = memory_take((size_t)groups * WIDE, sizeof *share->left_lanes);
    share->left_paths = memory_take((size_t)share->slot_count, sizeof *share->left_paths);
    share->stayed = memory_take((size_t)share->slot_count, sizeof *share->stayed);
}

// Contiguous shares of blocks and of junctions, as equal as their lanes and paths allow.
static void shares_create(struct street *street)
{
    street->shares = table_take(street, (size_t)street->worker_count, sizeof *street->shares);
    street->share_of_block = table_take(street, (size_t)street->block_count, sizeof(int32_t));
    street->share_of_crossroads = table_take(street, (size_t)street->crossroads_count, sizeof(int32_t));
    int32_t block = 0, crossroads = 0, first_slot = 0;
    for (int32_t w = 0; w < street->worker_count; w++) {
        struct share *share = &street->shares[w];
        int64_t groups_end = (int64_t)street->group_count * (w + 1) / street->worker_count;
        int64_t paths_end = (int64_t)street->path_count * (w + 1) / street->worker_count;
        int32_t groups = 0;
        share->first_block = block;
        share->first_crossroads = crossroads;
        share->first_slot = first_slot;
        while (block < street->block_count && street->blocks[block].first_group < groups_end) {
            street->share_of_block[block] = w;
            groups += street->blocks[block++].lane_count;
        }
        while (crossroads < street->crossroads_count && street->crossroads[crossroads].first_path < paths_end) {
            struct crossroads *here = &street->crossroads[crossroads];
            street->share_of_crossroads[crossroads++] = w;
            here->first_slot = first_slot;
            for (int32_t i = 0; i < here->path_count; i++) {
                first_slot += street->paths[here->first_path + i].capacity;
            }
        }
        share->block_end = block;
        share->crossroads_end = crossroads;
        share->slot_count = first_slot - share->first_slot;
        jobs_create(street, share, groups);
    }
    assert(block == street->block_count);
    assert(crossroads == street->crossroads_count);
}

static void workers_create(struct street *street)
{
    int32_t threads = street->options.threads;
    street->worker_count = threads < 1 ? 1 : threads > THREAD_COUNT_MAX ? THREAD_COUNT_MAX : threads;
    street->workers = table_take(street, (size_t)street->worker_count, sizeof *street->workers);
    shares_create(street);
    const struct share *last = &street->shares[street->worker_count - 1];
    size_t leaving = (size_t)street->group_count * WIDE + (size_t)(last->first_slot + last->slot_count);
    for (int32_t w = 0; w < street->worker_count; w++) {
        struct worker *worker = &street->workers[w];
        worker->arrived_max = (int32_t)leaving;
        worker->arrived = memory_take(leaving, sizeof *worker->arrived);
        worker->came_from = table_take(street, (size_t)street->network->link_count, sizeof(int32_t));
        worker->search_queue = table_take(street, (size_t)street->network->link_count, sizeof(int32_t));
        worker->detour = table_take(street, (size_t)street->network->link_count + 2, sizeof(int32_t));
    }
    street->arrived = memory_take(leaving, sizeof *street->arrived);
}

// Address space for every group's longest queue; the first pieces of all.
static void rows_create(struct street *street)
{
    size_t first_bytes = (size_t)street->group_count * ROW_PIECE_ROWS_MIN * sizeof *street->rows;
    bool paged = first_bytes >= LARGE_PAGE_WORTH;
    int64_t rows = 0;
    for (int32_t w = 0; w < street->worker_count; w++) {
        struct share *share = &street->shares[w];
        rows = paged ? (rows + ROWS_ALIGNED - 1) / ROWS_ALIGNED * ROWS_ALIGNED : rows;   // from a page's start
        share->pool.next_row = rows;
        int32_t longest = 1;
        for (int32_t i = share->first_block; i < share->block_end; i++) {
            const struct block *block = &street->blocks[i];
            for (int32_t k = 0; k < block->lane_count; k++) {
                int32_t most = street->groups[block->first_group + k].row_count_max;
                rows += rows_bound(most);
                longest = most > longest ? most : longest;
            }
        }
        rows += rows_bound(longest);
        share->pool.row_end = rows;
    }
    // Not memory_take_aligned: rows that no vehicle reaches must stay untouched, or they would cost memory.
    size_t align = paged ? LARGE_PAGE_BYTES : _Alignof(struct row);
    street->rows_taken = memory_take((size_t)rows * sizeof *street->rows + align, 1);
    uintptr_t at = ((uintptr_t)street->rows_taken + align - 1) & ~(uintptr_t)(align - 1);
    street->rows = (struct row *)at;
    for (int32_t w = 0; w < street->worker_count; w++) {
        struct share *share = &street->shares[w];
        int64_t first = share->pool.next_row;
        rows_begin(street, share);
        // The first pieces are as many as the network's lanes, whoever drives there: no step is to wait for them. Where
        // they fill a part of a large page they lie on one, and with them what is taken from it as queues grow; where
        // they fill two, all of the thread's rows are on large ones.
        size_t bytes = (size_t)(share->pool.next_row - first) * sizeof *street->rows;
        size_t wished = bytes >= LARGE_ROWS_BYTES ? (size_t)(share->pool.row_end - first) * sizeof *street->rows
            : bytes >= LARGE_PAGE_WORTH ? bytes + LARGE_PAGE_BYTES - 1 : 0;
        memory_wish_large_pages(&street->rows[first], wished);
        memset(&street->rows[first], 0, bytes);
    }
}

enum status layout_create(struct street *street, struct problem *ret)
{
    const struct network *network = street->network;
    for (int32_t i = 0; i < network->link_count; i++) {
        if (network->links[i].lane_count > LINK_LANE_COUNT_MAX) {
            return problem_report(ret, STATUS_LIMIT, "street", network_name(network, network->links[i].name),
                "split the link", "it has %d lanes; the street can hold %d", network->links[i].lane_count,
                LINK_LANE_COUNT_MAX);
        }
    }
    street->cell_of_lane = table_take(street, (size_t)network->lane_count, sizeof(int32_t));
    street->block_of_link = table_take(street, (size_t)network->link_count, sizeof(int32_t));
    street->column_of_link = table_take(street, (size_t)network->link_count, sizeof(int32_t));
    uint64_t *keys = junction_keys(network);
    blocks_create(street, keys);
    paths_create(street, keys);
    entries_create(street);
    seen_create(street);
    choices_create(street);
    for (int32_t i = 0; i < network->link_count; i++) {
        if (street->first_choice[i + 1] - street->first_choice[i] > LINK_CHOICE_COUNT_MAX) {
            free(keys);
            return problem_report(ret, STATUS_LIMIT, "street", network_name(network, network->links[i].name),
                "split the link", "it leads to more than %d links", LINK_CHOICE_COUNT_MAX);
        }
    }
    parts_create(street);
    foes_create(street);
    watches_create(street);
    free(keys);
    loops_create(street);
    loop_calls_create(street);
    workers_create(street);
    rows_create(street);
    street->turned = table_take(street, (size_t)network->lane_count, sizeof *street->turned);
    street->turned_read = table_take(street, (size_t)network->camera_count, sizeof *street->turned_read);
    street->queue_first = table_take(street, (size_t)network->link_count, sizeof(int32_t));
    street->queue_last = table_take(street, (size_t)network->link_count, sizeof(int32_t));
    memset(street->queue_first, 0xff, (size_t)network->link_count * sizeof(int32_t));
    memset(street->queue_last, 0xff, (size_t)network->link_count * sizeof(int32_t));
    street->aspects = table_take(street, (size_t)network->group_count, sizeof *street->aspects);
    street->aspects_before = table_take(street, (size_t)network->group_count, sizeof *street->aspects_before);
    street->green_since_ms = table_take(street, (size_t)network->group_count, sizeof *street->green_since_ms);
    street->passage_sums = table_take(street, (size_t)network->connection_count, sizeof *street->passage_sums);
    street->passages = table_take(street, (size_t)network->connection_count, sizeof *street->passages);
    return STATUS_OK;
}

void layout_release(struct street *street)
{
    for (int32_t i = 0; i < street->worker_count; i++) {
        struct share *share = &street->shares[i];
        free(share->left_lanes);
        free(share->left_paths);
        free(share->stayed);
        free(street->workers[i].arrived);
        for (int32_t k = 0; k < JOB_COUNT; k++) {
            free(share->jobs[k].runs);
        }
    }
    void *sparse[] = { street->rows_taken, street->now, street->next, street->arrived };
    for (size_t i = 0; i < sizeof sparse / sizeof *sparse; i++) {
        free(sparse[i]);
    }
    memory_room_release(&street->room);
}
