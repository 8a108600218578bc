#include "engine/model/network_check.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

static const int32_t INTERGREEN_MS_MAX = 60000;    // Longer is a slip of the pen: no crossing takes a minute to clear.
static const int32_t CYCLE_MS_MAX = 3600000;

// Each check gives the sentence of the first breach, or NULL. place says where, for the report.
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

static bool place_ok(struct point at)
{
    return fabs(at.x_m) < 1e9 && fabs(at.y_m) < 1e9;   // NaN fails the comparison.
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
    if (!index_ok(link->from_junction, network->junction_count)
        || !index_ok(link->to_junction, network->junction_count)) {
        return "begins or ends at a junction that does not exist";
    }
    if (link->lane_count < 1 || !in_range(link->first_lane, link->lane_count, network->lane_count)) {
        return "has no lanes, or lanes that do not exist";
    }
    int32_t due = i == 0 ? 0 : network->links[i - 1].first_lane + network->links[i - 1].lane_count;
    if (link->first_lane != due) {
        return "has lanes that do not follow those of the link before it";
    }
    if (i + 1 == network->link_count && due + link->lane_count != network->lane_count) {
        return "is the last, yet lanes follow after its own";
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
    if (lane->position < 0 || lane->position >= link->lane_count || i != link->first_lane + lane->position) {
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
    if ((unsigned)group->kind > GROUP_TRANSIT) {
        return "is of an unknown kind";
    }
    if (group->green_ms_min < 0 || group->green_ms_max < group->green_ms_min || group->red_ms_max <= 0
        || group->red_ms_max_emergency < group->red_ms_max || group->yellow_ms < 0 || group->red_clearance_ms < 0) {
        return "has times that contradict each other";
    }
    return NULL;
}

static const char *matrix_breach(const struct network *network, const struct intersection *at)
{
    for (int32_t i = 0; i < at->group_count; i++) {
        const struct signal_group *group = &network->groups[at->first_group + i];
        if (group->yellow_ms % at->quantum_ms != 0 || group->red_clearance_ms % at->quantum_ms != 0) {
            return "has a yellow or a red clearance that is no multiple of its quantum";
        }
        for (int32_t j = 0; j < at->group_count; j++) {
            int32_t there_ms = network_intergreen_ms(network, at, i, j);
            int32_t back_ms = network_intergreen_ms(network, at, j, i);
            if (there_ms < -1 || there_ms > INTERGREEN_MS_MAX) {
                return "has an intergreen outside 0 .. 60 s";
            }
            if ((there_ms < 0) != (back_ms < 0) || (i == j && there_ms >= 0)) {
                return "has a conflict that is not mutual, or of a group with itself";
            }
            if (there_ms > 0 && there_ms % at->quantum_ms != 0) {
                return "has an intergreen that is no multiple of its quantum";
            }
        }
    }
    return NULL;
}

// Site data call groups and stages by their names.
static const char *shared_name_breach(const struct network *network, const struct intersection *at)
{
    for (int32_t i = 0; i < at->group_count; i++) {
        for (int32_t j = 0; j < i; j++) {
            if (network->groups[at->first_group + i].name == network->groups[at->first_group + j].name) {
                return "has two signal groups of one name";
            }
        }
    }
    for (int32_t i = 0; i < at->stage_count; i++) {
        for (int32_t j = 0; j < i; j++) {
            if (network->stages[at->first_stage + i].name == network->stages[at->first_stage + j].name) {
                return "has two stages of one name";
            }
        }
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
        if (!index_ok(stage->name, network->names.count) || stage->green_ms_min < 0
            || stage->green_ms_max < stage->green_ms_min || stage->program_phase < INDEX_NONE) {
            return "has a stage without a name, or with times that contradict each other";
        }
        for (int32_t i = 0; i < at->group_count; i++) {
            for (int32_t j = 0; j < at->group_count; j++) {
                if ((stage->groups >> i & 1) && (stage->groups >> j & 1)
                    && network_intergreen_ms(network, at, i, j) >= 0) {
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
        if (green->start_ms % at->quantum_ms != 0 || green->end_ms % at->quantum_ms != 0) {
            return "has a program green at no multiple of its quantum";
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
    const struct intersection *before = i == 0 ? NULL : at - 1;
    if (at->first_group != (before == NULL ? 0 : before->first_group + before->group_count)
        || at->first_stage != (before == NULL ? 0 : before->first_stage + before->stage_count)) {
        return "has groups or stages that do not follow those of the intersection before it";
    }
    for (int32_t g = 0; g < at->group_count; g++) {
        if (network->groups[at->first_group + g].intersection != i) {
            return "lists a group of another intersection";
        }
    }
    if (at->quantum_ms <= 0 || at->cycle_ms <= 0 || at->cycle_ms > CYCLE_MS_MAX || at->cycle_ms_min <= 0
        || at->cycle_ms_max < at->cycle_ms_min || at->cycle_ms_max > CYCLE_MS_MAX) {
        return "has a quantum that is not positive, or a cycle outside 1 ms .. 1 h";
    }
    if (at->offset_ms < 0 || at->offset_ms >= at->cycle_ms || at->cycle_ms % at->quantum_ms != 0
        || at->offset_ms % at->quantum_ms != 0) {
        return "has an offset outside its cycle, or one of both is no multiple of its quantum";
    }
    if (!index_or_none(at->coordinated_stage, at->stage_count) || at->region < 0
        || (at->region > 0 && at->region >= network->regions.count)) {
        return "names a coordinated stage or a region that does not exist";
    }
    if (network->corridors.count > CORRIDOR_NAME_COUNT_MAX || (network->corridors.count < CORRIDOR_NAME_COUNT_MAX
                                                              && at->corridors >> network->corridors.count != 0)) {
        return "names a corridor that does not exist";
    }
    if (!place_ok(at->at)) {
        return "lies nowhere";
    }
    breach = shared_name_breach(network, at);
    breach = breach != NULL ? breach : matrix_breach(network, at);
    breach = breach != NULL ? breach : stages_breach(network, at);
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
            || !(detector->to_stop_m >= 0.0 && positive(detector->length_m))
            || !(detector->to_stop_m <= network->lanes[detector->lane].length_m)
            || (unsigned)detector->place > DETECTOR_MIDBLOCK) {
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
            || !(camera->to_stop_m >= 0.0 && camera->to_stop_m < 1e7 && positive(camera->view_m))) {
            return "watches a lane that does not exist, or nothing";
        }
    }
    return NULL;
}

static const char *junction_breach(struct check *check, int32_t i)
{
    const struct junction *junction = &check->network->junctions[i];
    const char *breach = name_breach(check, "junction", i, junction->name);
    if (breach != NULL) {
        return breach;
    }
    if (!index_or_none(junction->intersection, check->network->intersection_count)) {
        return "is controlled by an intersection that does not exist";
    }
    return (unsigned)junction->kind > JUNCTION_ALL_WAY_STOP || !place_ok(junction->at)
        ? "is of an unknown kind, or nowhere" : NULL;
}

// Every connection belongs to the lane, and every signalled one to the group, that it names; once.
static const char *belonging_breach(struct check *check)
{
    const struct network *network = check->network;
    (void)snprintf(check->place, sizeof check->place, "connections");
    int32_t listed = 0;
    for (int32_t i = 0; i < network->lane_count; i++) {
        listed += network->lanes[i].connection_count;
    }
    if (listed != network->connection_count) {
        return "not every connection stands in the range of the lane that it leaves";
    }
    bool *seen = memory_take((size_t)network->connection_count, sizeof *seen);
    const char *breach = NULL;
    for (int32_t i = 0; i < network->group_count; i++) {
        for (int32_t m = 0; m < network->groups[i].member_count; m++) {
            int32_t member = network->group_members[network->groups[i].first_member + m];
            breach = seen[member] ? "a connection is listed twice by its signal group" : breach;
            seen[member] = true;
        }
    }
    for (int32_t i = 0; i < network->connection_count; i++) {
        if (network->connections[i].group != INDEX_NONE && !seen[i]) {
            breach = "a connection names a signal group that does not list it";
        }
    }
    free(seen);
    return breach;
}

static const char *general_breach(struct check *check)
{
    const struct network *network = check->network;
    (void)snprintf(check->place, sizeof check->place, "network");
    const int32_t counts[] = { network->point_count, network->junction_count, network->link_count, network->lane_count,
        network->connection_count, network->foe_count, network->intersection_count, network->group_count,
        network->group_member_count, network->stage_count, network->intergreen_count, network->program_green_count,
        network->detector_count, network->camera_count };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        if (counts[i] < 0) {
            return "a count is negative";
        }
    }
    if (memchr(network->time_zone, '\0', sizeof network->time_zone) == NULL
        || (unsigned)network->origin > ORIGIN_CITYFLOW) {
        return "its time zone has no end, or its origin is unknown";
    }
    if (network->link_count == 0 && network->lane_count > 0) {
        return "it has lanes but no link";
    }
    for (int32_t i = 0; i < network->point_count; i++) {
        if (!place_ok(network->points[i])) {
            return "a point lies nowhere";
        }
    }
    return NULL;
}

static const char *first_breach(struct check *check)
{
    const struct network *network = check->network;
    const char *breach = general_breach(check);
    for (int32_t i = 0; i < network->junction_count && breach == NULL; i++) {
        breach = junction_breach(check, i);
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
    breach = breach != NULL ? breach : belonging_breach(check);
    return breach != NULL ? breach : sensor_breach(check);
}

enum status network_check(const struct network *network, const char *source, struct problem *ret)
{
    struct check check = { .network = network };
    const char *breach = first_breach(&check);
    return breach == NULL ? STATUS_OK
        : problem_report(ret, STATUS_RANGE, source, check.place, "correct the network or import it again", "%s",
                         breach);
}
