#include "sim/traffic/detour.h"

#include <string.h>

#include "sim/traffic/closures.h"
#include "sim/traffic/stops.h"
#include "sim/traffic/trips.h"

// Whether all of the link is open to the user, and nothing will be closed.
static bool open_to(const struct street *street, int32_t link, uint32_t user)
{
    return street->closures.closed == NULL && (street->users_of_all[link] & user) != 0;
}

// Adds the links that the link's lanes lead to, where nobody came to them before, to the queue; its new end.
static int32_t lanes_spread(const struct street *street, struct worker *worker, int32_t link_index, uint32_t user,
                            int32_t tail)
{
    const struct network *network = street->network;
    const struct link *link = &network->links[link_index];
    for (int32_t i = 0; i < link->lane_count; i++) {
        const struct lane *lane = &network->lanes[link->first_lane + i];
        bool open = (lane->users & user) && !lane_closed(street, link->first_lane + i, user);
        for (int32_t k = 0; open && k < lane->connection_count; k++) {
            int32_t into = network->connections[lane->first_connection + k].to_lane;
            const struct lane *to = &network->lanes[into];
            if ((to->users & user) && !lane_closed(street, into, user) && worker->came_from[to->link] < 0) {
                worker->came_from[to->link] = link_index;
                worker->search_queue[tail++] = to->link;
            }
        }
    }
    return tail;
}

// The same; street.choices has them in the order of their lanes, so that these need not be asked where all are open.
static int32_t link_spread(const struct street *street, struct worker *worker, int32_t link, uint32_t user,
                           int32_t tail)
{
    bool all = open_to(street, link, user);
    for (int32_t c = street->first_choice[link]; all && c < street->first_choice[link + 1]; c++) {
        int32_t to = street->choices[c];
        if (worker->came_from[to] >= 0) {
            continue;
        }
        all = open_to(street, to, user);
        if (all) {
            worker->came_from[to] = link;
            worker->search_queue[tail++] = to;
        }
    }
    return all ? tail : lanes_spread(street, worker, link, user, tail);
}

// Marks in worker->came_from how each link is best reached from `start`; returns whether `goal` is.
static bool search(const struct street *street, struct worker *worker, int32_t start, int32_t goal, uint32_t user)
{
    memset(worker->came_from, 0xff, (size_t)street->network->link_count * sizeof(int32_t));
    int32_t head = 0, tail = 0;
    worker->search_queue[tail++] = start;
    worker->came_from[start] = start;
    while (head < tail && worker->came_from[goal] < 0) {
        tail = link_spread(street, worker, worker->search_queue[head++], user, tail);
    }
    return worker->came_from[goal] >= 0;
}

int32_t detour_take(struct street *street, struct worker *worker, struct trip *trip, int32_t cell)
{
    const struct group *group = cell_group(street, cell);
    int column = cell % WIDE;
    uint32_t user = street->types.user[trip->type];
    int32_t here = street->network->lanes[group->lane[column]].link;
    int32_t goal = trip_last_link(street, trip, here);
    int32_t best_path = PATH_NONE, best_count = trips_leg_room(trip) + 1;
    for (int32_t i = 0; i < group->path_count[column]; i++) {
        int32_t path = group->first_path[column] + i;
        int32_t start = street->paths[path].to_link;
        if (!(street->paths[path].users & user) || cell_closed(street, street->paths[path].to_cell, user)
            || !search(street, worker, start, goal, user)) {
            continue;
        }
        int32_t count = 2;
        for (int32_t at = goal; at != start; at = worker->came_from[at]) {
            count++;
        }
        if (count < best_count) {
            best_count = count;
            best_path = path;
            int32_t leg = count;
            for (int32_t at = goal; at != start; at = worker->came_from[at]) {
                worker->detour[--leg] = at;
            }
            worker->detour[1] = start;
        }
    }
    if (best_path == PATH_NONE) {
        return PATH_NONE;
    }
    worker->detour[0] = here;
    trip_reroute(street, trip, worker->detour, best_count);
    return trip_path(street, trip, trip->leg, cell);
}

// The leg of its first stop after `leg`, or its last leg.
static int32_t leg_to_rejoin(const struct street *street, const struct trip *trip, int32_t leg)
{
    const struct planned_stop *stop = stops_next(street, (int32_t)(trip - street->trips));
    while (stop != NULL && stop->leg <= leg) {
        stop = stop->next != INDEX_NONE ? &street->stops.at[stop->next] : NULL;
    }
    return stop != NULL ? stop->leg : trip->leg_count - 1;
}

bool detour_round(struct street *street, struct worker *worker, struct trip *trip, int32_t link, int32_t blocked)
{
    int32_t leg = leg_to_rejoin(street, trip, trip->leg + blocked), rest = trip->leg_count - leg;
    int32_t goal = trip_link_at(street, trip, link, leg);
    if (goal == link || !search(street, worker, link, goal, street->types.user[trip->type])) {
        return false;
    }
    int32_t count = 1;
    for (int32_t at = goal; at != link; at = worker->came_from[at]) {
        count++;
    }
    if (count + rest - 1 > trips_leg_room(trip) || count + rest - 1 > street->network->link_count) {
        return false;
    }
    for (int32_t at = goal, i = count - 1; i >= 0; i--, at = worker->came_from[at]) {
        worker->detour[i] = at;
    }
    for (int32_t i = 1; i < rest; i++) {
        worker->detour[count + i - 1] = trip_link_at(street, trip, link, leg + i);
    }
    trip_reroute(street, trip, worker->detour, count + rest - 1);
    return true;
}

int32_t detour_out(struct street *street, struct trip *trip, int32_t cell)
{
    const struct group *group = cell_group(street, cell);
    int column = cell % WIDE;
    uint32_t user = street->types.user[trip->type];
    for (int32_t i = 0; i < group->path_count[column]; i++) {
        int32_t path = group->first_path[column] + i;
        if (street->paths[path].users & user) {
            int32_t links[2] = { street->network->lanes[group->lane[column]].link, street->paths[path].to_link };
            trip_reroute(street, trip, links, 2);
            return trip_path(street, trip, trip->leg, cell);
        }
    }
    return PATH_NONE;
}
