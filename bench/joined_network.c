#include "bench/joined_network.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/memory.h"

static int32_t renamed(struct network *to, const struct network *from, int32_t part, int32_t name)
{
    char text[512];
    if (name == INDEX_NONE) {
        return INDEX_NONE;
    }
    (void)snprintf(text, sizeof text, "%d.%.480s", part, network_name(from, name));
    return names_add(&to->names, text);
}

static int32_t moved(int32_t index, int32_t by)
{
    return index == INDEX_NONE ? INDEX_NONE : index + by;
}

// Room for all parts in every column; counts stay 0.
static void room_take(const struct network *const *parts, int32_t count, struct network *to)
{
    struct network sum = { 0 };
    for (int32_t k = 0; k < count; k++) {
        sum.point_count += parts[k]->point_count;
        sum.junction_count += parts[k]->junction_count;
        sum.link_count += parts[k]->link_count;
        sum.lane_count += parts[k]->lane_count;
        sum.connection_count += parts[k]->connection_count;
        sum.foe_count += parts[k]->foe_count;
        sum.intersection_count += parts[k]->intersection_count;
        sum.group_count += parts[k]->group_count;
        sum.group_member_count += parts[k]->group_member_count;
        sum.stage_count += parts[k]->stage_count;
        sum.intergreen_count += parts[k]->intergreen_count;
        sum.program_green_count += parts[k]->program_green_count;
        sum.detector_count += parts[k]->detector_count;
        sum.camera_count += parts[k]->camera_count;
    }
#define ROOM(column, n) to->column = memory_take((size_t)sum.n, sizeof *to->column)
    ROOM(points, point_count);
    ROOM(junctions, junction_count);
    ROOM(links, link_count);
    ROOM(lanes, lane_count);
    ROOM(connections, connection_count);
    ROOM(foes, foe_count);
    ROOM(intersections, intersection_count);
    ROOM(groups, group_count);
    ROOM(group_members, group_member_count);
    ROOM(stages, stage_count);
    ROOM(intergreen_ms, intergreen_count);
    ROOM(program_greens, program_green_count);
    ROOM(detectors, detector_count);
    ROOM(cameras, camera_count);
#undef ROOM
}

static void roads_add(struct network *to, const struct network *from, int32_t part)
{
    for (int32_t i = 0; i < from->point_count; i++) {
        to->points[to->point_count + i] = from->points[i];
    }
    for (int32_t i = 0; i < from->junction_count; i++) {
        struct junction *junction = &to->junctions[to->junction_count + i];
        *junction = from->junctions[i];
        junction->name = renamed(to, from, part, junction->name);
        junction->intersection = moved(junction->intersection, to->intersection_count);
    }
    for (int32_t i = 0; i < from->link_count; i++) {
        struct link *link = &to->links[to->link_count + i];
        *link = from->links[i];
        link->name = renamed(to, from, part, link->name);
        link->from_junction += to->junction_count;
        link->to_junction += to->junction_count;
        link->first_lane += to->lane_count;
        link->first_point += to->point_count;
    }
    for (int32_t i = 0; i < from->lane_count; i++) {
        struct lane *lane = &to->lanes[to->lane_count + i];
        *lane = from->lanes[i];
        lane->link += to->link_count;
        lane->first_connection += to->connection_count;
    }
    for (int32_t i = 0; i < from->connection_count; i++) {
        struct connection *connection = &to->connections[to->connection_count + i];
        *connection = from->connections[i];
        connection->from_lane += to->lane_count;
        connection->to_lane += to->lane_count;
        connection->junction = moved(connection->junction, to->junction_count);
        connection->group = moved(connection->group, to->group_count);
        connection->first_foe += to->foe_count;
        connection->first_point += to->point_count;
    }
    for (int32_t i = 0; i < from->foe_count; i++) {
        to->foes[to->foe_count + i] = from->foes[i];
        to->foes[to->foe_count + i].connection += to->connection_count;
    }
}

static void signals_add(struct network *to, const struct network *from, int32_t part)
{
    for (int32_t i = 0; i < from->intersection_count; i++) {
        struct intersection *at = &to->intersections[to->intersection_count + i];
        *at = from->intersections[i];
        at->name = renamed(to, from, part, at->name);
        at->region = 0;
        at->first_group += to->group_count;
        at->first_stage += to->stage_count;
        at->first_intergreen += to->intergreen_count;
        at->first_green += to->program_green_count;
    }
    for (int32_t i = 0; i < from->group_count; i++) {
        struct signal_group *group = &to->groups[to->group_count + i];
        *group = from->groups[i];
        group->name = renamed(to, from, part, group->name);
        group->intersection += to->intersection_count;
        group->first_member += to->group_member_count;
    }
    for (int32_t i = 0; i < from->group_member_count; i++) {
        to->group_members[to->group_member_count + i] = from->group_members[i] + to->connection_count;
    }
    for (int32_t i = 0; i < from->stage_count; i++) {
        struct stage *stage = &to->stages[to->stage_count + i];
        *stage = from->stages[i];
        stage->name = renamed(to, from, part, stage->name);
        stage->intersection += to->intersection_count;
    }
    for (int32_t i = 0; i < from->intergreen_count; i++) {
        to->intergreen_ms[to->intergreen_count + i] = from->intergreen_ms[i];
    }
    for (int32_t i = 0; i < from->program_green_count; i++) {
        to->program_greens[to->program_green_count + i] = from->program_greens[i];
    }
}

static void sensors_add(struct network *to, const struct network *from, int32_t part)
{
    for (int32_t i = 0; i < from->detector_count; i++) {
        struct detector *detector = &to->detectors[to->detector_count + i];
        *detector = from->detectors[i];
        detector->name = renamed(to, from, part, detector->name);
        detector->lane += to->lane_count;
        detector->intersection = moved(detector->intersection, to->intersection_count);
    }
    for (int32_t i = 0; i < from->camera_count; i++) {
        struct camera *camera = &to->cameras[to->camera_count + i];
        *camera = from->cameras[i];
        camera->name = renamed(to, from, part, camera->name);
        camera->lane += to->lane_count;
        camera->intersection = moved(camera->intersection, to->intersection_count);
    }
}

static void counts_add(struct network *to, const struct network *from)
{
    to->point_count += from->point_count;
    to->junction_count += from->junction_count;
    to->link_count += from->link_count;
    to->lane_count += from->lane_count;
    to->connection_count += from->connection_count;
    to->foe_count += from->foe_count;
    to->intersection_count += from->intersection_count;
    to->group_count += from->group_count;
    to->group_member_count += from->group_member_count;
    to->stage_count += from->stage_count;
    to->intergreen_count += from->intergreen_count;
    to->program_green_count += from->program_green_count;
    to->detector_count += from->detector_count;
    to->camera_count += from->camera_count;
}

void joined_network_build(const struct network *const *parts, int32_t count, struct network *ret,
                          struct joined_first *first)
{
    network_create(ret);
    ret->origin = parts[0]->origin;
    ret->left_hand = parts[0]->left_hand;
    ret->reference_ms = parts[0]->reference_ms;
    room_take(parts, count, ret);
    for (int32_t k = 0; k < count; k++) {
        first[k] = (struct joined_first){ .intersection = ret->intersection_count, .group = ret->group_count,
            .detector = ret->detector_count, .camera = ret->camera_count };
        roads_add(ret, parts[k], k);
        signals_add(ret, parts[k], k);
        sensors_add(ret, parts[k], k);
        counts_add(ret, parts[k]);
    }
    struct problem problem;
    if (network_finish(ret, "joined network", &problem) != STATUS_OK) {
        (void)fprintf(stderr, "%s\n", problem.text);
        exit(1);
    }
}
