#include "sim/traffic/detour.h"

#include <string.h>

#include "sim/traffic/trips.h"

// Marks in worker->came_from how each link is best reached from `start`; returns whether `goal` is.
static bool search(const struct street *street, struct worker *worker, int32_t start, int32_t goal, uint32_t user)
{
    const struct network *network = street->network;
    memset(worker->came_from, 0xff, (size_t)network->link_count * sizeof(int32_t));
    int32_t head = 0, tail = 0;
    worker->search_queue[tail++] = start;
    worker->came_from[start] = start;
    while (head < tail && worker->came_from[goal] < 0) {
        const struct link *link = &network->links[worker->search_queue[head++]];
        for (int32_t i = 0; i < link->lane_count; i++) {
            const struct lane *lane = &network->lanes[link->first_lane + i];
            for (int32_t k = 0; (lane->users & user) && k < lane->connection_count; k++) {
                const struct lane *to = &network->lanes[network->connections[lane->first_connection + k].to_lane];
                if ((to->users & user) && worker->came_from[to->link] < 0) {
                    worker->came_from[to->link] = lane->link;
                    worker->search_queue[tail++] = to->link;
                }
            }
        }
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
        if (!(street->paths[path].users & user) || !search(street, worker, start, goal, user)) {
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
