#include "sim/traffic/subnetwork.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

static int ascending(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a, right = *(const int32_t *)b;
    return (left > right) - (left < right);
}

static int32_t sort_unique(int32_t *table, int32_t count)
{
    int32_t kept = 0;
    qsort(table, (size_t)count, sizeof *table, ascending);
    for (int32_t i = 0; i < count; i++) {
        if (kept == 0 || table[i] != table[kept - 1]) {
            table[kept++] = table[i];
        }
    }
    return kept;
}

int32_t subnetwork_find(const int32_t *table, int32_t count, int32_t wanted)
{
    int32_t first = 0, end = count;
    while (first < end) {
        int32_t middle = first + (end - first) / 2;
        if (table[middle] < wanted) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return first < count && table[first] == wanted ? first : INDEX_NONE;
}

static int32_t points_copy(const struct network *from, int32_t first, int32_t count, struct network *to)
{
    int32_t at = to->point_count;
    memcpy(to->points + at, from->points + first, (size_t)count * sizeof *to->points);
    to->point_count += count;
    return at;
}

static void junctions_cut(const struct network *from, struct subnetwork *sub, int32_t **ret_junctions)
{
    struct network *to = &sub->network;
    int32_t *junctions = memory_take(2 * (size_t)to->link_count + 1, sizeof *junctions);
    int32_t count = 0;
    for (int32_t i = 0; i < to->link_count; i++) {
        junctions[count++] = from->links[sub->links[i]].from_junction;
        junctions[count++] = from->links[sub->links[i]].to_junction;
    }
    to->junction_count = sort_unique(junctions, count);
    to->junctions = memory_take((size_t)to->junction_count, sizeof *to->junctions);
    for (int32_t i = 0; i < to->junction_count; i++) {
        to->junctions[i] = from->junctions[junctions[i]];
        to->junctions[i].name = INDEX_NONE;
        to->junctions[i].intersection = INDEX_NONE;
    }
    *ret_junctions = junctions;
}

static void links_cut(const struct network *from, struct subnetwork *sub, const int32_t *junctions)
{
    struct network *to = &sub->network;
    int32_t lanes = 0, points = 0;
    for (int32_t i = 0; i < to->link_count; i++) {
        const struct link *link = &from->links[sub->links[i]];
        lanes += link->lane_count;
        points += link->point_count;
        for (int32_t k = link->first_lane; k < link->first_lane + link->lane_count; k++) {
            for (int32_t c = 0; c < from->lanes[k].connection_count; c++) {
                points += from->connections[from->lanes[k].first_connection + c].point_count;
            }
        }
    }
    to->points = memory_take((size_t)points, sizeof *to->points);
    to->links = memory_take((size_t)to->link_count, sizeof *to->links);
    to->lanes = memory_take((size_t)lanes, sizeof *to->lanes);
    sub->lanes = memory_take((size_t)lanes, sizeof *sub->lanes);
    for (int32_t i = 0; i < to->link_count; i++) {
        struct link *link = &to->links[i];
        *link = from->links[sub->links[i]];
        int32_t first = link->first_lane;
        link->name = INDEX_NONE;
        link->from_junction = subnetwork_find(junctions, to->junction_count, link->from_junction);
        link->to_junction = subnetwork_find(junctions, to->junction_count, link->to_junction);
        link->first_point = points_copy(from, link->first_point, link->point_count, to);
        link->first_lane = to->lane_count;
        for (int32_t k = 0; k < link->lane_count; k++) {
            to->lanes[to->lane_count] = from->lanes[first + k];
            to->lanes[to->lane_count].link = i;
            sub->lanes[to->lane_count++] = first + k;
        }
    }
}

static void connections_cut(const struct network *from, struct subnetwork *sub, const int32_t *junctions)
{
    struct network *to = &sub->network;
    int32_t most = 0;
    for (int32_t i = 0; i < to->lane_count; i++) {
        most += to->lanes[i].connection_count;
    }
    to->connections = memory_take((size_t)most, sizeof *to->connections);
    sub->connections = memory_take((size_t)most, sizeof *sub->connections);
    for (int32_t i = 0; i < to->lane_count; i++) {
        struct lane *lane = &to->lanes[i];
        int32_t first = lane->first_connection, count = lane->connection_count;
        lane->first_connection = to->connection_count;
        lane->connection_count = 0;
        for (int32_t c = first; c < first + count; c++) {
            int32_t to_lane = subnetwork_find(sub->lanes, to->lane_count, from->connections[c].to_lane);
            if (to_lane == INDEX_NONE) {
                continue;
            }
            struct connection *connection = &to->connections[to->connection_count];
            *connection = from->connections[c];
            connection->from_lane = i;
            connection->to_lane = to_lane;
            connection->junction = subnetwork_find(junctions, to->junction_count, connection->junction);
            connection->first_point = points_copy(from, connection->first_point, connection->point_count, to);
            sub->connections[to->connection_count++] = c;
            lane->connection_count++;
        }
    }
}

static void foes_cut(const struct network *from, struct subnetwork *sub)
{
    struct network *to = &sub->network;
    int32_t most = 0;
    for (int32_t i = 0; i < to->connection_count; i++) {
        most += to->connections[i].foe_count;
    }
    to->foes = memory_take((size_t)most, sizeof *to->foes);
    for (int32_t i = 0; i < to->connection_count; i++) {
        struct connection *connection = &to->connections[i];
        int32_t first = connection->first_foe, count = connection->foe_count;
        connection->first_foe = to->foe_count;
        connection->foe_count = 0;
        for (int32_t f = first; f < first + count; f++) {
            int32_t other = subnetwork_find(sub->connections, to->connection_count, from->foes[f].connection);
            if (other != INDEX_NONE) {
                to->foes[to->foe_count] = from->foes[f];
                to->foes[to->foe_count++].connection = other;
                connection->foe_count++;
            }
        }
    }
}

static void signals_cut(const struct network *from, struct subnetwork *sub)
{
    struct network *to = &sub->network;
    int32_t *sites = memory_take((size_t)to->connection_count + 1, sizeof *sites);
    int32_t count = 0, groups = 0, intergreens = 0;
    for (int32_t i = 0; i < to->connection_count; i++) {
        if (to->connections[i].group != INDEX_NONE) {
            sites[count++] = from->groups[to->connections[i].group].intersection;
        }
    }
    to->intersection_count = sort_unique(sites, count);
    for (int32_t i = 0; i < to->intersection_count; i++) {
        groups += from->intersections[sites[i]].group_count;
        intergreens += from->intersections[sites[i]].group_count * from->intersections[sites[i]].group_count;
    }
    to->intersections = memory_take((size_t)to->intersection_count, sizeof *to->intersections);
    to->groups = memory_take((size_t)groups, sizeof *to->groups);
    to->intergreen_ms = memory_take((size_t)intergreens, sizeof *to->intergreen_ms);
    sub->groups = memory_take((size_t)groups, sizeof *sub->groups);
    for (int32_t i = 0; i < to->intersection_count; i++) {
        struct intersection *at = &to->intersections[i];
        const struct intersection *whole = &from->intersections[sites[i]];
        int32_t square = whole->group_count * whole->group_count;
        *at = *whole;
        at->name = INDEX_NONE;
        at->first_stage = at->stage_count = at->first_green = at->green_count = 0;
        at->first_group = to->group_count;
        at->first_intergreen = to->intergreen_count;
        memcpy(to->intergreen_ms + to->intergreen_count, from->intergreen_ms + whole->first_intergreen,
               (size_t)square * sizeof *to->intergreen_ms);
        to->intergreen_count += square;
        for (int32_t g = 0; g < whole->group_count; g++) {
            struct signal_group *group = &to->groups[to->group_count];
            *group = from->groups[whole->first_group + g];
            group->name = INDEX_NONE;
            group->intersection = i;
            group->first_member = group->member_count = 0;
            sub->groups[to->group_count++] = whole->first_group + g;
        }
    }
    for (int32_t i = 0; i < to->connection_count; i++) {
        struct connection *connection = &to->connections[i];
        connection->group = connection->group == INDEX_NONE ? INDEX_NONE
            : subnetwork_find(sub->groups, to->group_count, connection->group);
    }
    free(sites);
}

void subnetwork_cut(const struct network *from, const int32_t *links, int32_t link_count, struct subnetwork *ret)
{
    *ret = (struct subnetwork){ 0 };
    network_create(&ret->network);
    ret->network.origin = from->origin;
    ret->network.left_hand = from->left_hand;
    ret->network.reference_ms = from->reference_ms;
    ret->links = memory_take((size_t)link_count + 1, sizeof *ret->links);
    memcpy(ret->links, links, (size_t)link_count * sizeof *links);
    ret->network.link_count = sort_unique(ret->links, link_count);
    int32_t *junctions = NULL;
    junctions_cut(from, ret, &junctions);
    links_cut(from, ret, junctions);
    connections_cut(from, ret, junctions);
    foes_cut(from, ret);
    signals_cut(from, ret);
    free(junctions);
}

void subnetwork_release(struct subnetwork *sub)
{
    network_release(&sub->network);
    free(sub->links);
    free(sub->lanes);
    free(sub->connections);
    free(sub->groups);
    *sub = (struct subnetwork){ 0 };
}

int32_t subnetwork_around(const struct network *network, struct intersection_id intersection, int32_t *ret_links,
                          int32_t count_max)
{
    const struct intersection *at = &network->intersections[intersection.index];
    int32_t count = 0;
    for (int32_t g = at->first_group; g < at->first_group + at->group_count; g++) {
        const struct signal_group *group = &network->groups[g];
        for (int32_t i = 0; i < group->member_count && count + 2 <= count_max; i++) {
            const struct connection *member = &network->connections[network->group_members[group->first_member + i]];
            ret_links[count++] = network->lanes[member->from_lane].link;
            ret_links[count++] = network->lanes[member->to_lane].link;
            count = sort_unique(ret_links, count);
        }
    }
    return count;
}
