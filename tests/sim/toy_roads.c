#include "tests/sim/toy_roads.h"

#include <assert.h>
#include <stdio.h>

#include "engine/base/memory.h"

enum { TOY_USERS_ALL = USER_MOTOR | USER_TRAM | USER_BICYCLE | USER_PEDESTRIAN | USER_RAIL };

static void junctions_add(struct network *network, int count)
{
    network->junctions = memory_take((size_t)count, sizeof *network->junctions);
    network->junction_count = count;
    for (int j = 0; j < count; j++) {
        char name[16];
        (void)snprintf(name, sizeof name, "J%d", j);
        network->junctions[j] = (struct junction){ .name = names_add(&network->names, name),
            .kind = JUNCTION_UNREGULATED, .intersection = INDEX_NONE, .at = { 100.0 * j, 0.0 } };
    }
}

static void lanes_add(struct network *network, const struct toy_road *road, int32_t link)
{
    for (int i = 0; i < road->lanes; i++) {
        uint32_t users = i == 0 && road->kerb_users != 0 ? road->kerb_users : road->users;
        network->lanes[network->lane_count++] = (struct lane){ .link = link, .position = i, .length_m = road->length_m,
            .speed_mps = road->speed_mps, .width_m = 3.2, .users = users != 0 ? users : TOY_USERS_ALL };
    }
}

static void connections_add(struct network *network, int32_t l)
{
    const struct link *link = &network->links[l];
    for (int32_t i = link->first_lane; i < link->first_lane + link->lane_count; i++) {
        struct lane *lane = &network->lanes[i];
        lane->first_connection = network->connection_count;
        for (int32_t n = 0; n < network->link_count; n++) {
            const struct link *next = &network->links[n];
            if (next->from_junction != link->to_junction || next->to_junction == link->from_junction) {
                continue;
            }
            int32_t to = lane->position < next->lane_count ? lane->position : next->lane_count - 1;
            network->connections[network->connection_count++] = (struct connection){ .from_lane = i,
                .to_lane = next->first_lane + to, .junction = link->to_junction, .turn = TURN_THROUGH,
                .group = INDEX_NONE, .link_index = INDEX_NONE, .length_m = 10.0, .speed_mps = 10.0 };
            lane->connection_count++;
        }
    }
}

void toy_roads_create(const struct toy_road *roads, int count, int junction_count, struct network *ret)
{
    network_create(ret);
    (void)names_add(&ret->regions, "toy");
    junctions_add(ret, junction_count);
    int lanes = 0;
    for (int i = 0; i < count; i++) {
        lanes += roads[i].lanes;
    }
    ret->links = memory_take((size_t)count, sizeof *ret->links);
    ret->lanes = memory_take((size_t)lanes, sizeof *ret->lanes);
    ret->points = memory_take((size_t)count * 2, sizeof *ret->points);
    ret->connections = memory_take((size_t)lanes * (size_t)count, sizeof *ret->connections);
    for (int i = 0; i < count; i++) {
        ret->links[i] = (struct link){ .name = names_add(&ret->names, roads[i].name), .from_junction = roads[i].from,
            .to_junction = roads[i].to, .first_lane = ret->lane_count, .lane_count = roads[i].lanes,
            .first_point = ret->point_count, .point_count = 2, .length_m = roads[i].length_m,
            .speed_mps = roads[i].speed_mps };
        ret->points[ret->point_count++] = ret->junctions[roads[i].from].at;
        ret->points[ret->point_count++] = ret->junctions[roads[i].to].at;
        lanes_add(ret, &roads[i], i);
        ret->link_count++;
    }
    for (int i = 0; i < count; i++) {
        connections_add(ret, i);
    }
    struct problem problem;
    enum status status = network_finish(ret, "toy", &problem);
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "%s\n", problem.text);
    }
    assert(status == STATUS_OK);
}
