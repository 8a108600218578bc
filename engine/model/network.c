#include "engine/model/network.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/memory.h"

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
    *network = (struct network){ 0 };
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

// The checks: each gives the sentence of the first breach, or NULL. place says where, for the report.
struct check {
    const struct network *network;
    char place[160];
};

static bool in_range(int32_t first, int32_t count, int32_t total)
{
    return first >= 0 && count >= 0 && first <= total && count <= total - first;
}

static bool index_ok(int32_t index, int32_t count)
{
    return index >= 0 && index < count;
}

static bool index_or_none(int32_t index, int32_t count)
{
    return index == INDEX_NONE || index_ok(index, count);
}

static bool positive(double value)
{
    return value > 0.0 && value < 1e7;
}

static const char *name_breach(struct check *check, const char *kind, int32_t index, int32_t name)
{
    (void)snprintf(check->place, sizeof check->place, "%s %d", kind, index);
    if (!index_ok(name, check->network->names.count)) {
        return "has no name";
    }
    (void)snprintf(check->place, sizeof check->place, "%s '%.100s'", kind, names_text(&check->network->names, name));
    return NULL;
}

static const char *link_breach(struct check *check, int32_t i)
{
    const struct network *network = check->network;
    const struct link *link = &network->links[i];
    const char *breach = name_breach(check, "link", i, link->name);
    if (breach != NULL) {
        return breach;
    }
    if (!index_ok(link->from_junction, network->junction_count) || !index_ok(link->to_junction, network->junction_count)) {
        return "begins or ends at a junction that does not exist";
    }
    if (link->lane_count < 1 || !in_range(link->first_lane, link->lane_count, network->lane_count)) {
        return "has no lanes, or lanes that do not exist";
    }
    if (i > 0 && link->first_lane != network->links[i - 1].first_lane + network->links[i - 1].lane_count) {
        return "has lanes that do not follow those of the link before it";
    }
    if (!in_range(link->first_point, link->point_count, network->point_count) || link->point_count < 2) {
        return "has fewer than two points";
    }
    if (!positive(link->length_m) || !positive(link->speed_mps)) {
        return "has a length or a speed limit that is not positive";
    }
    return NULL;
}

static const char *lane_breach(struct check *check, int32_t i)
{
    const struct network *network = check->network;
    const struct lane *lane = &network->lanes[i];
    (void)snprintf(check->place, sizeof check->place, "lane %d", i);
    if (!index_ok(lane->link, network->link_count)) {
        return "belongs to a link that does not exist";
    }
    const struct link *link = &network->links[lane->link];
    if (i != link->first_lane + lane->position || lane->position >= link->lane_count) {
        return "is not where its link says";
    }
    if (!in_range(lane->first_connection, lane->connection_count, network->connection_count)) {
        return "has connections that do not exist";
    }
    for (int32_t c = 0; c < lane->connection_count; c++) {
        if (network->connections[lane->first_connection + c].from_lane != i) {
            return "lists a connection of another lane";
        }
    }
    return positive(lane->length_m) && positive(lane->speed_mps) && positive(lane->width_m)
        ? NULL : "has a length, a speed limit or a width that is not positive";
}

static const char *connection_breach(struct check *check, int32_t i)
{
    const struct network *network = check->network;
    const struct connection *connection = &network->connections[i];
    (void)snprintf(check->place, sizeof check->place, "connection %d", i);
    if (!index_ok(connection->from_lane, network->lane_count) || !index_ok(connection->to_lane, network->lane_count)
        || !index_ok(connection->junction, network->junction_count)) {
        return "joins lanes or a junction that do not exist";
    }
    if (i > 0 && connection->from_lane < network->connections[i - 1].from_lane) {
        return "is out of order: connections are sorted by the lane that they leave";
    }
    if ((unsigned)connection->turn >= TURN_COUNT) {
        return "has an unknown turn";
    }
    if (!index_or_none(connection->group, network->group_count)) {
        return "belongs to a signal group that does not exist";
    }
    if (!in_range(connection->first_foe, connection->foe_count, network->foe_count)
        || !in_range(connection->first_point, connection->point_count, network->point_count)) {
        return "has foes or points that do not exist";
    }
    if (!(connection->length_m >= 0.0 && connection->length_m < 1e5) || !positive(connection->speed_mps)) {
        return "has a length or a speed out of range";
    }
    for (int32_t f = 0; f < connection->foe_count; f++) {
        const struct foe *foe = &network->foes[connection->first_foe + f];
        if (!index_ok(foe->connection, network->connection_count) || foe->connection == i) {
            return "has a foe that does not exist, or itself";
        }
        if (!(foe->enter_m >= 0.0 && foe->enter_m <= foe->leave_m && foe->leave_m <= connection->length_m + 1e-6)) {
            return "meets a foe outside its own path";
        }
    }
    return NULL;
}

static const char *group_breach(struct check *check, int32_t i)
{
    const struct network *network = check->network;
    const struct signal_group *group = &network->groups[i];
    const char *breach = name_breach(check, "signal group", i, group->name);
    if (breach != NULL) {
        return breach;
    }
    if (!index_ok(group->intersection, network->intersection_count)
        || !in_range(group->first_member, group->member_count, network->group_member_count)) {
        return "belongs to an intersection, or has members, that do not exist";
    }
    for (int32_t m = 0; m < group->member_count; m++) {
        int32_t member = network->group_members[group->first_member + m];
        if (!index_ok(member, network->connection_count) || network->connections[member].group != i) {
            return "lists a connection that is not its own";
        }
    }
    if (group->green_ms_min < 0 || group->green_ms_max < group->green_ms_min || group->red_ms_max <= 0
        || group->red_ms_max_emergency < group->red_ms_max || group->yellow_ms < 0 || group->red_clearance_ms < 0) {
        return "has times that contradict each other";
    }
    return NULL;
}

static const char *stages_breach(const struct network *network, const struct intersection *at)
{
    uint64_t all = at->group_count == 64 ? UINT64_MAX : (UINT64_C(1) << at->group_count) - 1;
    for (int32_t s = 0; s < at->stage_count; s++) {
        const struct stage *stage = &network->stages[at->first_stage + s];
        if (stage->intersection != (int32_t)(at - network->intersections) || (stage->groups & ~all) != 0) {
            return "has a stage with groups that are not its own";
        }
        for (int32_t i = 0; i < at->group_count; i++) {
            for (int32_t j = 0; j < at->group_count; j++) {
                if ((stage->groups >> i & 1) && (stage->groups >> j & 1) && network_intergreen_ms(network, at, i, j) >= 0) {
                    return "has a stage with conflicting groups";
                }
            }
        }
    }
    return NULL;
}

static const char *program_breach(const struct network *network, const struct intersection *at)
{
    for (int32_t g = 0; g < at->green_count; g++) {
        const struct program_green *green = &network->program_greens[at->first_green + g];
        if (!index_ok(green->group, at->group_count) || !index_ok(green->stage, at->stage_count)
            || green->start_ms < 0 || green->start_ms >= at->cycle_ms || green->end_ms <= green->start_ms
            || green->end_ms > green->start_ms + at->cycle_ms) {
            return "has a program green outside its cycle";
        }
    }
    return NULL;
}

static const char *intersection_breach(struct check *check, int32_t i)
{
    const struct network *network = check->network;
    const struct intersection *at = &network->intersections[i];
    const char *breach = name_breach(check, "intersection", i, at->name);
    if (breach != NULL) {
        return breach;
    }
    if (at->group_count > GROUP_COUNT_MAX || at->stage_count > STAGE_COUNT_MAX) {
        return "has more than 64 signal groups or stages";
    }
    if (!in_range(at->first_group, at->group_count, network->group_count)
        || !in_range(at->first_stage, at->stage_count, network->stage_count)
        || !in_range(at->first_intergreen, at->group_count * at->group_count, network->intergreen_count)
        || !in_range(at->first_green, at->green_count, network->program_green_count)) {
        return "has groups, stages, intergreens or greens that do not exist";
    }
    for (int32_t g = 0; g < at->group_count; g++) {
        if (network->groups[at->first_group + g].intersection != i) {
            return "lists a group of another intersection";
        }
    }
    if (at->quantum_ms <= 0 || at->cycle_ms <= 0 || at->cycle_ms_min <= 0 || at->cycle_ms_max < at->cycle_ms_min) {
        return "has a quantum or a cycle that is not positive";
    }
    if (!index_or_none(at->coordinated_stage, at->stage_count) || at->region < 0
        || (at->region > 0 && at->region >= network->regions.count)) {
        return "names a coordinated stage or a region that does not exist";
    }
    breach = stages_breach(network, at);
    return breach != NULL ? breach : program_breach(network, at);
}

static const char *sensor_breach(struct check *check)
{
    const struct network *network = check->network;
    for (int32_t i = 0; i < network->detector_count; i++) {
        const struct detector *detector = &network->detectors[i];
        const char *breach = name_breach(check, "detector", i, detector->name);
        if (breach != NULL) {
            return breach;
        }
        if (!index_ok(detector->lane, network->lane_count)
            || !index_or_none(detector->intersection, network->intersection_count)
            || !(detector->to_stop_m >= 0.0 && detector->length_m > 0.0)) {
            return "lies on a lane that does not exist, or outside it";
        }
    }
    for (int32_t i = 0; i < network->camera_count; i++) {
        const struct camera *camera = &network->cameras[i];
        const char *breach = name_breach(check, "camera", i, camera->name);
        if (breach != NULL) {
            return breach;
        }
        if (!index_ok(camera->lane, network->lane_count)
            || !index_or_none(camera->intersection, network->intersection_count)
            || !(camera->to_stop_m >= 0.0 && camera->view_m > 0.0)) {
            return "watches a lane that does not exist, or nothing";
        }
    }
    return NULL;
}

static const char *first_breach(struct check *check)
{
    const struct network *network = check->network;
    const char *breach = NULL;
    for (int32_t i = 0; i < network->junction_count && breach == NULL; i++) {
        breach = name_breach(check, "junction", i, network->junctions[i].name);
        if (breach == NULL && !index_or_none(network->junctions[i].intersection, network->intersection_count)) {
            breach = "is controlled by an intersection that does not exist";
        }
    }
    for (int32_t i = 0; i < network->link_count && breach == NULL; i++) {
        breach = link_breach(check, i);
    }
    for (int32_t i = 0; i < network->lane_count && breach == NULL; i++) {
        breach = lane_breach(check, i);
    }
    for (int32_t i = 0; i < network->connection_count && breach == NULL; i++) {
        breach = connection_breach(check, i);
    }
    for (int32_t i = 0; i < network->group_count && breach == NULL; i++) {
        breach = group_breach(check, i);
    }
    for (int32_t i = 0; i < network->intersection_count && breach == NULL; i++) {
        breach = intersection_breach(check, i);
    }
    return breach != NULL ? breach : sensor_breach(check);
}

// All that the guard reads of one intersection.
static uint64_t site_hash(const struct network *network, const struct intersection *at)
{
    const char *name = network_name(network, at->name);
    uint64_t hash = hash_bytes(HASH_SEED, name, strlen(name));
    hash = hash_number(hash, at->quantum_ms);
    hash = hash_number(hash, at->cycle_ms_min);
    hash = hash_number(hash, at->cycle_ms_max);
    hash = hash_number(hash, network->reference_ms);
    for (int32_t i = 0; i < at->group_count; i++) {
        const struct signal_group *group = &network->groups[at->first_group + i];
        const int32_t read[] = { (int32_t)group->kind, group->green_ms_min, group->green_ms_max, group->red_ms_max,
            group->red_ms_max_emergency, group->yellow_ms, group->red_clearance_ms };
        for (size_t k = 0; k < sizeof read / sizeof *read; k++) {
            hash = hash_number(hash, read[k]);
        }
        for (int32_t j = 0; j < at->group_count; j++) {
            hash = hash_number(hash, network_intergreen_ms(network, at, i, j));
        }
    }
    for (int32_t i = 0; i < at->stage_count; i++) {
        hash = hash_number(hash, (int64_t)network->stages[at->first_stage + i].groups);
    }
    return hash;
}

static int64_t millimetres(double m)
{
    return (int64_t)floor(m * 1000.0 + 0.5);
}

// Everything that a run depends on; lengths in whole millimetres.
static uint64_t whole_hash(const struct network *network)
{
    uint64_t hash = hash_number(HASH_SEED, network->left_hand);
    for (int32_t i = 0; i < network->link_count; i++) {
        const struct link *link = &network->links[i];
        const char *name = network_name(network, link->name);
        hash = hash_bytes(hash, name, strlen(name));
        hash = hash_number(hash, link->from_junction);
        hash = hash_number(hash, link->to_junction);
        hash = hash_number(hash, link->priority);
    }
    for (int32_t i = 0; i < network->lane_count; i++) {
        const struct lane *lane = &network->lanes[i];
        hash = hash_number(hash, lane->link);
        hash = hash_number(hash, lane->users);
        hash = hash_number(hash, millimetres(lane->length_m));
        hash = hash_number(hash, millimetres(lane->speed_mps));
    }
    for (int32_t i = 0; i < network->connection_count; i++) {
        const struct connection *connection = &network->connections[i];
        hash = hash_number(hash, ((int64_t)connection->from_lane << 32) + connection->to_lane);
        hash = hash_number(hash, connection->group);
        hash = hash_number(hash, millimetres(connection->length_m));
        for (int32_t f = 0; f < connection->foe_count; f++) {
            const struct foe *foe = &network->foes[connection->first_foe + f];
            hash = hash_number(hash, foe->connection * 4 + foe->yields * 2 + foe->merges);
        }
    }
    for (int32_t i = 0; i < network->intersection_count; i++) {
        const struct intersection *at = &network->intersections[i];
        hash = hash_number(hash, (int64_t)at->site_hash);
        hash = hash_number(hash, at->cycle_ms);
        hash = hash_number(hash, at->offset_ms);
        for (int32_t g = 0; g < at->green_count; g++) {
            const struct program_green *green = &network->program_greens[at->first_green + g];
            hash = hash_number(hash, green->group);
            hash = hash_number(hash, ((int64_t)green->start_ms << 32) + green->end_ms);
        }
    }
    for (int32_t i = 0; i < network->detector_count; i++) {
        hash = hash_number(hash, network->detectors[i].lane);
        hash = hash_number(hash, millimetres(network->detectors[i].to_stop_m));
    }
    for (int32_t i = 0; i < network->camera_count; i++) {
        hash = hash_number(hash, network->cameras[i].lane);
        hash = hash_number(hash, millimetres(network->cameras[i].view_m));
    }
    return hash;
}

static int32_t *table_by_name(struct network *network)
{
    int32_t *table = memory_take((size_t)network->names.count, sizeof *table);
    for (int32_t i = 0; i < network->names.count; i++) {
        table[i] = INDEX_NONE;
    }
    return table;
}

static void tables_build(struct network *network)
{
    free(network->intersection_by_name);
    free(network->link_by_name);
    free(network->detector_by_name);
    free(network->camera_by_name);
    network->intersection_by_name = table_by_name(network);
    network->link_by_name = table_by_name(network);
    network->detector_by_name = table_by_name(network);
    network->camera_by_name = table_by_name(network);
    for (int32_t i = 0; i < network->intersection_count; i++) {
        network->intersection_by_name[network->intersections[i].name] = i;
    }
    for (int32_t i = 0; i < network->link_count; i++) {
        network->link_by_name[network->links[i].name] = i;
    }
    for (int32_t i = 0; i < network->detector_count; i++) {
        network->detector_by_name[network->detectors[i].name] = i;
    }
    for (int32_t i = 0; i < network->camera_count; i++) {
        network->camera_by_name[network->cameras[i].name] = i;
    }
}

enum status network_finish(struct network *network, const char *source, struct problem *ret)
{
    struct check check = { .network = network };
    const char *breach = first_breach(&check);
    if (breach != NULL) {
        return problem_report(ret, STATUS_RANGE, source, check.place, "correct the network or import it again", "%s",
                              breach);
    }
    tables_build(network);
    for (int32_t i = 0; i < network->intersection_count; i++) {
        network->intersections[i].site_hash = site_hash(network, &network->intersections[i]);
    }
    network->hash = whole_hash(network);
    return STATUS_OK;
}
