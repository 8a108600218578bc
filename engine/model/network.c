#include "engine/model/network.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/model/network_check.h"

void network_create(struct network *network)
{
    *network = (struct network){ .origin = ORIGIN_INTERGREEN };
    (void)snprintf(network->time_zone, sizeof network->time_zone, "UTC");
}

void network_release(struct network *network)
{
    void *owned[] = {
        network->points, network->junctions, network->links, network->lanes, network->connections, network->foes,
        network->intersections, network->groups, network->group_members, network->stages, network->intergreen_ms,
        network->program_greens, network->detectors, network->cameras, network->intersection_by_name,
        network->link_by_name, network->detector_by_name, network->camera_by_name,
    };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) {
        free(owned[i]);
    }
    names_release(&network->names);
    names_release(&network->regions);
    names_release(&network->corridors);
    *network = (struct network){ 0 };
}

#define COPY(array, count) (memory_copy(from->array, (size_t)from->count, sizeof *from->array))

void network_copy(const struct network *from, struct network *ret)
{
    struct network copy = *from;
    names_copy(&from->names, &copy.names);
    names_copy(&from->regions, &copy.regions);
    names_copy(&from->corridors, &copy.corridors);
    copy.points = COPY(points, point_count);
    copy.junctions = COPY(junctions, junction_count);
    copy.links = COPY(links, link_count);
    copy.lanes = COPY(lanes, lane_count);
    copy.connections = COPY(connections, connection_count);
    copy.foes = COPY(foes, foe_count);
    copy.intersections = COPY(intersections, intersection_count);
    copy.groups = COPY(groups, group_count);
    copy.group_members = COPY(group_members, group_member_count);
    copy.stages = COPY(stages, stage_count);
    copy.intergreen_ms = COPY(intergreen_ms, intergreen_count);
    copy.program_greens = COPY(program_greens, program_green_count);
    copy.detectors = COPY(detectors, detector_count);
    copy.cameras = COPY(cameras, camera_count);
    size_t names = from->intersection_by_name == NULL ? 0 : (size_t)from->names.count;
    copy.intersection_by_name = memory_copy(from->intersection_by_name, names, sizeof(int32_t));
    copy.link_by_name = memory_copy(from->link_by_name, names, sizeof(int32_t));
    copy.detector_by_name = memory_copy(from->detector_by_name, names, sizeof(int32_t));
    copy.camera_by_name = memory_copy(from->camera_by_name, names, sizeof(int32_t));
    *ret = copy;
}

const char *network_name(const struct network *network, int32_t name)
{
    return name == INDEX_NONE ? "" : names_text(&network->names, name);
}

static int32_t find(const struct network *network, const int32_t *by_name, const char *name)
{
    int32_t index = names_find(&network->names, name);
    return index == NAME_NONE || by_name == NULL ? INDEX_NONE : by_name[index];
}

struct intersection_id network_find_intersection(const struct network *network, const char *name)
{
    return (struct intersection_id){ find(network, network->intersection_by_name, name) };
}

struct link_id network_find_link(const struct network *network, const char *name)
{
    return (struct link_id){ find(network, network->link_by_name, name) };
}

struct detector_id network_find_detector(const struct network *network, const char *name)
{
    return (struct detector_id){ find(network, network->detector_by_name, name) };
}

int32_t network_transition_ms(const struct network *network, struct intersection_id intersection, int32_t from,
                              int32_t to)
{
    const struct intersection *at = &network->intersections[intersection.index];
    uint64_t before = network->stages[at->first_stage + from].groups;
    uint64_t after = network->stages[at->first_stage + to].groups;
    int32_t transition_ms = 0;
    for (int32_t i = 0; i < at->group_count; i++) {
        if (!(before >> i & 1) || (after >> i & 1)) {
            continue;
        }
        int32_t yellow_ms = network->groups[at->first_group + i].yellow_ms;
        transition_ms = yellow_ms > transition_ms ? yellow_ms : transition_ms;
        for (int32_t j = 0; j < at->group_count; j++) {
            int32_t between_ms = network_intergreen_ms(network, at, i, j);
            if ((after >> j & 1) && !(before >> j & 1) && between_ms > transition_ms) {
                transition_ms = between_ms;
            }
        }
    }
    return transition_ms;
}

static int32_t *table_by_name(struct network *network)
{
    int32_t *table = memory_take((size_t)network->names.count, sizeof *table);
    for (int32_t i = 0; i < network->names.count; i++) {
        table[i] = INDEX_NONE;
    }
    return table;
}

// Enters a thing; false when another one of its kind has the name already.
static bool table_enter(int32_t *table, int32_t name, int32_t index)
{
    if (table[name] != INDEX_NONE) {
        return false;
    }
    table[name] = index;
    return true;
}

// NULL, or what is wrong; then *ret_name is the text that two things share.
static const char *tables_build(struct network *network, const char **ret_name)
{
    free(network->intersection_by_name);
    free(network->link_by_name);
    free(network->detector_by_name);
    free(network->camera_by_name);
    network->intersection_by_name = table_by_name(network);
    network->link_by_name = table_by_name(network);
    network->detector_by_name = table_by_name(network);
    network->camera_by_name = table_by_name(network);
    const char *breach = NULL;
    int32_t name = NAME_NONE;
    for (int32_t i = 0; i < network->intersection_count && breach == NULL; i++) {
        name = network->intersections[i].name;
        breach = table_enter(network->intersection_by_name, name, i) ? NULL : "is the name of two intersections";
    }
    for (int32_t i = 0; i < network->link_count && breach == NULL; i++) {
        name = network->links[i].name;
        breach = table_enter(network->link_by_name, name, i) ? NULL : "is the name of two links";
    }
    for (int32_t i = 0; i < network->detector_count && breach == NULL; i++) {
        name = network->detectors[i].name;
        breach = table_enter(network->detector_by_name, name, i) ? NULL : "is the name of two detectors";
    }
    for (int32_t i = 0; i < network->camera_count && breach == NULL; i++) {
        name = network->cameras[i].name;
        breach = table_enter(network->camera_by_name, name, i) ? NULL : "is the name of two cameras";
    }
    if (breach != NULL) {
        *ret_name = names_text(&network->names, name);
    }
    return breach;
}

enum status network_finish(struct network *network, const char *source, struct problem *ret)
{
    enum status status = network_check(network, source, ret);
    if (status != STATUS_OK) {
        return status;
    }
    const char *name = NULL;
    const char *breach = tables_build(network, &name);
    if (breach != NULL) {
        return problem_report(ret, STATUS_RANGE, source, name, "give every one a name of its own", "%s", breach);
    }
    network_hash(network);
    return STATUS_OK;
}
