#include "engine/import/derive.h"

#include <stdlib.h>
#include <string.h>

#include "engine/import/group_parts.h"
#include "engine/import/intersections.h"
#include "engine/import/light.h"
#include "engine/import/paths.h"
#include "engine/import/program_parts.h"
#include "engine/import/sensors.h"

static const double CONNECTION_M_MIN = 0.1;

static void copy_roads(struct network_draft *draft, struct network *network)
{
    network->junction_count = draft->junctions.count;
    network->junctions = memory_take((size_t)network->junction_count, sizeof *network->junctions);
    for (int32_t i = 0; i < network->junction_count; i++) {
        const struct draft_junction *from = &draft->junctions.at[i];
        network->junctions[i] = (struct junction){ .name = from->name, .kind = from->kind,
            .intersection = from->program, .at = from->at };
    }
    network->link_count = draft->links.count;
    network->links = memory_take((size_t)network->link_count, sizeof *network->links);
    for (int32_t i = 0; i < network->link_count; i++) {
        const struct draft_link *from = &draft->links.at[i];
        network->links[i] = (struct link){ .name = from->name, .from_junction = from->from_junction,
            .to_junction = from->to_junction, .first_lane = from->first_lane, .lane_count = from->lane_count,
            .first_point = from->first_point, .point_count = from->point_count, .priority = from->priority,
            .length_m = from->length_m, .speed_mps = from->speed_mps };
    }
    network->lane_count = draft->lanes.count;
    network->lanes = memory_take((size_t)network->lane_count, sizeof *network->lanes);
    for (int32_t i = 0; i < network->lane_count; i++) {
        const struct draft_lane *from = &draft->lanes.at[i];
        network->lanes[i] = (struct lane){ .link = from->link, .position = from->position, .users = from->users,
            .length_m = from->length_m, .speed_mps = from->speed_mps, .width_m = from->width_m };
    }
    network->point_count = draft->points.count;
    network->points = draft->points.at;
    draft->points.at = NULL;
    draft->points.count = draft->points.capacity = 0;
}

// Order of the network's connections: by the lane they leave, then by the lane they reach, then by the file's order.
struct order { int32_t from_lane, to_lane, draft; };

static int by_lanes(const void *a, const void *b)
{
    const struct order *left = a, *right = b;
    if (left->from_lane != right->from_lane) {
        return left->from_lane < right->from_lane ? -1 : 1;
    }
    if (left->to_lane != right->to_lane) {
        return left->to_lane < right->to_lane ? -1 : 1;
    }
    return (left->draft > right->draft) - (left->draft < right->draft);
}

// Copies the connections that can ever be used, sorted. renumbered[draft index] = network index.
static void copy_connections(const struct network_draft *draft, const struct light *lights, struct network *network,
                             int32_t *renumbered)
{
    struct order *order = memory_take((size_t)draft->connections.count, sizeof *order);
    int32_t kept = 0;
    for (int32_t i = 0; i < draft->connections.count; i++) {
        const struct draft_connection *from = &draft->connections.at[i];
        renumbered[i] = INDEX_NONE;
        if (from->program != INDEX_NONE && light_never_green(&lights[from->program], from->letter)) {
            continue;
        }
        order[kept++] = (struct order){ from->from_lane, from->to_lane, i };
    }
    if (kept > 1) {
        qsort(order, (size_t)kept, sizeof *order, by_lanes);
    }
    network->connection_count = kept;
    network->connections = memory_take((size_t)kept, sizeof *network->connections);
    for (int32_t i = 0; i < kept; i++) {
        const struct draft_connection *from = &draft->connections.at[order[i].draft];
        renumbered[order[i].draft] = i;
        network->connections[i] = (struct connection){ .from_lane = from->from_lane, .to_lane = from->to_lane,
            .junction = from->junction, .turn = from->turn, .group = INDEX_NONE, .link_index = from->letter,
            .first_point = from->first_point, .point_count = from->point_count, .wait_inside = from->wait_inside,
            .length_m = from->length_m > CONNECTION_M_MIN ? from->length_m : CONNECTION_M_MIN,
            .speed_mps = from->speed_mps };
        if (from->program != INDEX_NONE) {
            network->connections[i].right_on_red = light_turns_on_red(&lights[from->program], from->letter);
        }
        struct lane *lane = &network->lanes[from->from_lane];
        lane->first_connection = lane->connection_count == 0 ? i : lane->first_connection;
        lane->connection_count++;
    }
    free(order);
}

static struct light *lights_read(const struct network_draft *draft, const struct program_parts *parts)
{
    struct light *lights = memory_take((size_t)draft->programs.count, sizeof *lights);
    for (int32_t i = 0; i < draft->programs.count; i++) {
        light_read(draft, parts, i, &lights[i]);
    }
    return lights;
}

enum status derive_signals(struct network_draft *draft, const struct import_options *options,
                           struct import_report *report, struct network *ret, struct problem *problem)
{
    struct network network;
    network_create(&network);
    network.origin = draft->origin;
    network.left_hand = draft->left_hand;
    (void)names_add(&network.regions, "city");
    const char *source = draft->source != NULL ? draft->source : "network";
    struct program_parts parts;
    program_parts_create(draft, &parts);
    struct light *lights = lights_read(draft, &parts);
    int32_t *renumbered = memory_take((size_t)draft->connections.count, sizeof *renumbered);
    copy_roads(draft, &network);
    copy_connections(draft, lights, &network, renumbered);
    network.names = draft->names;
    draft->names = (struct names){ 0 };
    paths_find_foes(draft, renumbered, &network);
    for (int32_t i = 0; i < draft->programs.count && options->derived_stages; i++) {
        groups_part(draft, &parts, renumbered, &network, &lights[i]);
    }
    enum status status = intersections_build(draft, &parts, lights, renumbered, options, report, &network,
                                             problem);
    program_parts_release(&parts);
    free(renumbered);
    free(lights);
    if (status == STATUS_OK) {
        sensors_place(draft, report, &network);
        status = network_finish(&network, source, problem);
    }
    if (status != STATUS_OK) {
        network_release(&network);
        return status;
    }
    *ret = network;
    return STATUS_OK;
}
