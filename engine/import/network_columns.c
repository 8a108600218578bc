#include "engine/import/network_columns.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

// Fills the column `field` with `rows` values; in `value`, i is the row.
#define FILL(field, rows, value)                                                                          \
    do {                                                                                                  \
        message->n_##field = (size_t)(rows);                                                              \
        message->field = memory_take((size_t)(rows), sizeof *message->field);                             \
        for (int32_t i = 0; i < (rows); i++) {                                                            \
            message->field[i] = (value);                                                                  \
        }                                                                                                 \
    } while (0)



static ProtobufCBinaryData pack_names(const struct names *names)
{
    return (ProtobufCBinaryData){ .len = (size_t)names->text_bytes,
        .data = memory_copy(names->text, (size_t)names->text_bytes, 1) };
}

static void pack_roads(const struct network *network, Intergreen__V1__Network *message)
{
    FILL(point_x_m, network->point_count, network->points[i].x_m);
    FILL(point_y_m, network->point_count, network->points[i].y_m);

    const struct junction *junctions = network->junctions;
    FILL(junction_name, network->junction_count, (uint32_t)junctions[i].name);
    FILL(junction_kind, network->junction_count, (uint32_t)junctions[i].kind);
    FILL(junction_intersection, network->junction_count, junctions[i].intersection);
    FILL(junction_x_m, network->junction_count, junctions[i].at.x_m);
    FILL(junction_y_m, network->junction_count, junctions[i].at.y_m);

    const struct link *links = network->links;
    FILL(link_name, network->link_count, (uint32_t)links[i].name);
    FILL(link_from_junction, network->link_count, (uint32_t)links[i].from_junction);
    FILL(link_to_junction, network->link_count, (uint32_t)links[i].to_junction);
    FILL(link_lane_count, network->link_count, (uint32_t)links[i].lane_count);
    FILL(link_first_point, network->link_count, (uint32_t)links[i].first_point);
    FILL(link_point_count, network->link_count, (uint32_t)links[i].point_count);
    FILL(link_priority, network->link_count, links[i].priority);
    FILL(link_length_m, network->link_count, links[i].length_m);
    FILL(link_speed_mps, network->link_count, links[i].speed_mps);

    const struct lane *lanes = network->lanes;
    FILL(lane_connection_count, network->lane_count, (uint32_t)lanes[i].connection_count);
    FILL(lane_users, network->lane_count, lanes[i].users);
    FILL(lane_length_m, network->lane_count, lanes[i].length_m);
    FILL(lane_speed_mps, network->lane_count, lanes[i].speed_mps);
    FILL(lane_width_m, network->lane_count, lanes[i].width_m);
}

static int32_t foes_listed(const struct network *network)
{
    int32_t count = 0;
    for (int32_t i = 0; i < network->connection_count; i++) {
        count += network->connections[i].foe_count;
    }
    return count;
}

// Foes in order of connection, wherever the network has them.
static struct foe *foes_in_order(const struct network *network)
{
    struct foe *foes = memory_take((size_t)foes_listed(network), sizeof *foes);
    int32_t count = 0;
    for (int32_t i = 0; i < network->connection_count; i++) {
        for (int32_t f = 0; f < network->connections[i].foe_count; f++) {
            foes[count++] = network->foes[network->connections[i].first_foe + f];
        }
    }
    return foes;
}

static void pack_connections(const struct network *network, Intergreen__V1__Network *message)
{
    const struct connection *connections = network->connections;
    int32_t count = network->connection_count;
    FILL(connection_to_lane, count, (uint32_t)connections[i].to_lane);
    FILL(connection_junction, count, (uint32_t)connections[i].junction);
    FILL(connection_turn, count, (uint32_t)connections[i].turn);
    FILL(connection_group, count, connections[i].group);
    FILL(connection_link_index, count, connections[i].link_index);
    FILL(connection_foe_count, count, (uint32_t)connections[i].foe_count);
    FILL(connection_first_point, count, (uint32_t)connections[i].first_point);
    FILL(connection_point_count, count, (uint32_t)connections[i].point_count);
    FILL(connection_flags, count, (connections[i].right_on_red ? 1u : 0u) + (connections[i].wait_inside ? 2u : 0u));
    FILL(connection_length_m, count, connections[i].length_m);
    FILL(connection_speed_mps, count, connections[i].speed_mps);

    struct foe *foes = foes_in_order(network);
    int32_t foe_count = foes_listed(network);
    FILL(foe_connection, foe_count, (uint32_t)foes[i].connection);
    FILL(foe_flags, foe_count, (foes[i].merges ? 1u : 0u) + (foes[i].yields ? 2u : 0u));
    FILL(foe_enter_m, foe_count, foes[i].enter_m);
    FILL(foe_leave_m, foe_count, foes[i].leave_m);
    free(foes);
}

static void pack_intersections(const struct network *network, Intergreen__V1__Network *message)
{
    const struct intersection *at = network->intersections;
    int32_t count = network->intersection_count;
    FILL(intersection_name, count, (uint32_t)at[i].name);
    FILL(intersection_x_m, count, at[i].at.x_m);
    FILL(intersection_y_m, count, at[i].at.y_m);
    FILL(intersection_region, count, (uint32_t)at[i].region);
    FILL(intersection_group_count, count, (uint32_t)at[i].group_count);
    FILL(intersection_stage_count, count, (uint32_t)at[i].stage_count);
    FILL(intersection_green_count, count, (uint32_t)at[i].green_count);
    FILL(intersection_cycle_ms, count, (uint32_t)at[i].cycle_ms);
    FILL(intersection_offset_ms, count, at[i].offset_ms);
    FILL(intersection_cycle_ms_min, count, (uint32_t)at[i].cycle_ms_min);
    FILL(intersection_cycle_ms_max, count, (uint32_t)at[i].cycle_ms_max);
    FILL(intersection_coordinated_stage, count, at[i].coordinated_stage);
    FILL(intersection_quantum_ms, count, (uint32_t)at[i].quantum_ms);
    FILL(intersection_approved, count, at[i].approved);
    FILL(intersection_falls_back_to_actuated, count, at[i].falls_back_to_actuated);
    FILL(intersection_stages_in_turn, count, at[i].stages_in_turn);
    if (network->corridors.count > 0) {
        FILL(intersection_corridors, count, at[i].corridors);
    }

    int32_t intergreens = 0, greens = 0;
    for (int32_t i = 0; i < count; i++) {
        intergreens += at[i].group_count * at[i].group_count;
        greens += at[i].green_count;
    }
    message->n_intergreen_ms = (size_t)intergreens;
    message->intergreen_ms = memory_take((size_t)intergreens, sizeof *message->intergreen_ms);
    struct program_green *shown = memory_take((size_t)greens, sizeof *shown);
    intergreens = greens = 0;
    for (int32_t i = 0; i < count; i++) {
        for (int32_t k = 0; k < at[i].group_count * at[i].group_count; k++) {
            message->intergreen_ms[intergreens++] = network->intergreen_ms[at[i].first_intergreen + k];
        }
        for (int32_t k = 0; k < at[i].green_count; k++) {
            shown[greens++] = network->program_greens[at[i].first_green + k];
        }
    }
    FILL(green_group, greens, (uint32_t)shown[i].group);
    FILL(green_stage, greens, (uint32_t)shown[i].stage);
    FILL(green_start_ms, greens, (uint32_t)shown[i].start_ms);
    FILL(green_end_ms, greens, (uint32_t)shown[i].end_ms);
    free(shown);
}

static void pack_groups(const struct network *network, Intergreen__V1__Network *message)
{
    const struct signal_group *groups = network->groups;
    int32_t count = network->group_count, members = 0;
    FILL(group_name, count, (uint32_t)groups[i].name);
    FILL(group_kind, count, (uint32_t)groups[i].kind);
    FILL(group_member_count, count, (uint32_t)groups[i].member_count);
    FILL(group_green_ms_min, count, (uint32_t)groups[i].green_ms_min);
    FILL(group_green_ms_max, count, (uint32_t)groups[i].green_ms_max);
    FILL(group_red_ms_max, count, (uint32_t)groups[i].red_ms_max);
    FILL(group_red_ms_max_emergency, count, (uint32_t)groups[i].red_ms_max_emergency);
    FILL(group_yellow_ms, count, (uint32_t)groups[i].yellow_ms);
    FILL(group_red_clearance_ms, count, (uint32_t)groups[i].red_clearance_ms);
    FILL(group_on_call, count, groups[i].on_call);
    for (int32_t i = 0; i < count; i++) {
        members += groups[i].member_count;
    }
    message->n_group_member = (size_t)members;
    message->group_member = memory_take((size_t)members, sizeof *message->group_member);
    members = 0;
    for (int32_t i = 0; i < count; i++) {
        for (int32_t m = 0; m < groups[i].member_count; m++) {
            message->group_member[members++] = (uint32_t)network->group_members[groups[i].first_member + m];
        }
    }

    const struct stage *stages = network->stages;
    FILL(stage_name, network->stage_count, (uint32_t)stages[i].name);
    FILL(stage_groups, network->stage_count, stages[i].groups);
    FILL(stage_program_phase, network->stage_count, stages[i].program_phase);
    FILL(stage_green_ms_min, network->stage_count, (uint32_t)stages[i].green_ms_min);
    FILL(stage_green_ms_max, network->stage_count, (uint32_t)stages[i].green_ms_max);
}

static void pack_sensors(const struct network *network, Intergreen__V1__Network *message)
{
    const struct detector *detectors = network->detectors;
    FILL(detector_name, network->detector_count, (uint32_t)detectors[i].name);
    FILL(detector_lane, network->detector_count, (uint32_t)detectors[i].lane);
    FILL(detector_intersection, network->detector_count, detectors[i].intersection);
    FILL(detector_place, network->detector_count, (uint32_t)detectors[i].place);
    FILL(detector_to_stop_m, network->detector_count, detectors[i].to_stop_m);
    FILL(detector_length_m, network->detector_count, detectors[i].length_m);

    const struct camera *cameras = network->cameras;
    FILL(camera_name, network->camera_count, (uint32_t)cameras[i].name);
    FILL(camera_lane, network->camera_count, (uint32_t)cameras[i].lane);
    FILL(camera_intersection, network->camera_count, cameras[i].intersection);
    FILL(camera_to_stop_m, network->camera_count, cameras[i].to_stop_m);
    FILL(camera_view_m, network->camera_count, cameras[i].view_m);
}

Intergreen__V1__Network *network_pack(const struct network *network)
{
    Intergreen__V1__Network *message = memory_take(1, sizeof *message);
    intergreen__v1__network__init(message);
    message->has_origin = message->has_left_hand = message->has_reference_ms = message->has_hash = true;
    message->origin = (uint32_t)network->origin;
    message->left_hand = network->left_hand;
    message->time_zone = memory_copy(network->time_zone, strlen(network->time_zone) + 1, 1);
    message->reference_ms = network->reference_ms;
    message->hash = network->hash;
    message->has_names = message->has_regions = true;
    message->names = pack_names(&network->names);
    message->regions = pack_names(&network->regions);
    message->has_corridors = network->corridors.count > 0;
    if (message->has_corridors) {
        message->corridors = pack_names(&network->corridors);
    }
    pack_roads(network, message);
    pack_connections(network, message);
    pack_intersections(network, message);
    pack_groups(network, message);
    pack_sensors(network, message);
    return message;
}

struct unpacking {
    const Intergreen__V1__Network *message;
    struct network *network;
    const char *source;
    struct problem *problem;
};

static enum status broken(const struct unpacking *unpacking, const char *place, const char *what)
{
    return problem_report(unpacking->problem, STATUS_SYNTAX, unpacking->source, place,
                          "import the network again, or take another copy of the file", "%s", what);
}

static enum status unpack_names(const struct unpacking *unpacking, ProtobufCBinaryData from, struct names *names)
{
    if (from.len > INT32_MAX || (from.len > 0 && from.data[from.len - 1] != '\0')) {
        return broken(unpacking, "names", "the last name has no end");
    }
    for (size_t at = 0; at < from.len; at += strlen((const char *)from.data + at) + 1) {
        int32_t due = names->count;
        if (names_add(names, (const char *)from.data + at) != due) {
            return broken(unpacking, "names", "a name stands there twice");
        }
    }
    return STATUS_OK;
}

// Whether all of `count` column lengths are the same and not too long; and the sum of a column of counts.
static bool columns_agree(const size_t *lengths, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (lengths[i] != lengths[0] || lengths[i] > INT32_MAX / 8) {
            return false;
        }
    }
    return true;
}

#define AGREE(...)                                                                                        \
    columns_agree((const size_t[]){ __VA_ARGS__ }, sizeof((const size_t[]){ __VA_ARGS__ }) / sizeof(size_t))

static bool sums_to(const uint32_t *counts, size_t rows, size_t total)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < rows; i++) {
        sum += counts[i];
    }
    return sum == total;
}

static enum status check_columns(const struct unpacking *unpacking)
{
    const Intergreen__V1__Network *m = unpacking->message;
    const char *differ = "its columns differ in length";
    if (!AGREE(m->n_point_x_m, m->n_point_y_m)) {
        return broken(unpacking, "points", differ);
    }
    if (!AGREE(m->n_junction_name, m->n_junction_kind, m->n_junction_intersection, m->n_junction_x_m,
               m->n_junction_y_m)) {
        return broken(unpacking, "junctions", differ);
    }
    if (!AGREE(m->n_link_name, m->n_link_from_junction, m->n_link_to_junction, m->n_link_lane_count,
               m->n_link_first_point, m->n_link_point_count, m->n_link_priority, m->n_link_length_m,
               m->n_link_speed_mps)
        || !sums_to(m->link_lane_count, m->n_link_lane_count, m->n_lane_users)) {
        return broken(unpacking, "links", differ);
    }
    if (!AGREE(m->n_lane_connection_count, m->n_lane_users, m->n_lane_length_m, m->n_lane_speed_mps, m->n_lane_width_m)
        || !sums_to(m->lane_connection_count, m->n_lane_connection_count, m->n_connection_to_lane)) {
        return broken(unpacking, "lanes", differ);
    }
    if (!AGREE(m->n_connection_to_lane, m->n_connection_junction, m->n_connection_turn, m->n_connection_group,
               m->n_connection_link_index, m->n_connection_foe_count, m->n_connection_first_point,
               m->n_connection_point_count, m->n_connection_flags, m->n_connection_length_m, m->n_connection_speed_mps)
        || !sums_to(m->connection_foe_count, m->n_connection_foe_count, m->n_foe_connection)
        || !AGREE(m->n_foe_connection, m->n_foe_flags, m->n_foe_enter_m, m->n_foe_leave_m)) {
        return broken(unpacking, "connections", differ);
    }
    if (!AGREE(m->n_detector_name, m->n_detector_lane, m->n_detector_intersection, m->n_detector_place,
               m->n_detector_to_stop_m, m->n_detector_length_m)
        || !AGREE(m->n_camera_name, m->n_camera_lane, m->n_camera_intersection, m->n_camera_to_stop_m,
                  m->n_camera_view_m)) {
        return broken(unpacking, "sensors", differ);
    }
    return STATUS_OK;
}

static enum status check_signal_columns(const struct unpacking *unpacking)
{
    const Intergreen__V1__Network *m = unpacking->message;
    const char *differ = "its columns differ in length";
    if (!AGREE(m->n_intersection_name, m->n_intersection_x_m, m->n_intersection_y_m, m->n_intersection_region,
               m->n_intersection_group_count, m->n_intersection_stage_count, m->n_intersection_green_count,
               m->n_intersection_cycle_ms, m->n_intersection_offset_ms, m->n_intersection_cycle_ms_min,
               m->n_intersection_cycle_ms_max, m->n_intersection_coordinated_stage, m->n_intersection_quantum_ms,
               m->n_intersection_approved)
        || (m->n_intersection_falls_back_to_actuated != 0
            && m->n_intersection_falls_back_to_actuated != m->n_intersection_name)
        || (m->n_intersection_stages_in_turn != 0 && m->n_intersection_stages_in_turn != m->n_intersection_name)
        || (m->n_intersection_corridors != 0 && m->n_intersection_corridors != m->n_intersection_name)) {
        return broken(unpacking, "intersections", differ);
    }
    uint64_t intergreens = 0;
    for (size_t i = 0; i < m->n_intersection_group_count; i++) {
        if (m->intersection_group_count[i] > GROUP_COUNT_MAX) {
            return broken(unpacking, "intersections", "one has more than 64 signal groups");
        }
        intergreens += (uint64_t)m->intersection_group_count[i] * m->intersection_group_count[i];
    }
    size_t rows = m->n_intersection_name;
    if (intergreens != m->n_intergreen_ms || !sums_to(m->intersection_group_count, rows, m->n_group_name)
        || !sums_to(m->intersection_stage_count, rows, m->n_stage_name)
        || !sums_to(m->intersection_green_count, rows, m->n_green_group)
        || !AGREE(m->n_green_group, m->n_green_stage, m->n_green_start_ms, m->n_green_end_ms)) {
        return broken(unpacking, "intersections", differ);
    }
    if (!AGREE(m->n_group_name, m->n_group_kind, m->n_group_member_count, m->n_group_green_ms_min,
               m->n_group_green_ms_max, m->n_group_red_ms_max, m->n_group_red_ms_max_emergency, m->n_group_yellow_ms,
               m->n_group_red_clearance_ms)
        || (m->n_group_on_call != 0 && m->n_group_on_call != m->n_group_name)
        || !sums_to(m->group_member_count, m->n_group_member_count, m->n_group_member)) {
        return broken(unpacking, "signal groups", differ);
    }
    if (!AGREE(m->n_stage_name, m->n_stage_groups, m->n_stage_program_phase, m->n_stage_green_ms_min,
               m->n_stage_green_ms_max)) {
        return broken(unpacking, "stages", differ);
    }
    return STATUS_OK;
}

static void unpack_roads(const Intergreen__V1__Network *m, struct network *network)
{
    network->point_count = (int32_t)m->n_point_x_m;
    network->points = memory_take(m->n_point_x_m, sizeof *network->points);
    for (size_t i = 0; i < m->n_point_x_m; i++) {
        network->points[i] = (struct point){ m->point_x_m[i], m->point_y_m[i] };
    }
    network->junction_count = (int32_t)m->n_junction_name;
    network->junctions = memory_take(m->n_junction_name, sizeof *network->junctions);
    for (size_t i = 0; i < m->n_junction_name; i++) {
        network->junctions[i] = (struct junction){ .name = (int32_t)m->junction_name[i],
            .kind = (enum junction_kind)m->junction_kind[i], .intersection = m->junction_intersection[i],
            .at = { m->junction_x_m[i], m->junction_y_m[i] } };
    }
    network->link_count = (int32_t)m->n_link_name;
    network->links = memory_take(m->n_link_name, sizeof *network->links);
    network->lane_count = (int32_t)m->n_lane_users;
    network->lanes = memory_take(m->n_lane_users, sizeof *network->lanes);
    int32_t lane = 0;
    int32_t connection = 0;
    for (size_t i = 0; i < m->n_link_name; i++) {
        network->links[i] = (struct link){ .name = (int32_t)m->link_name[i],
            .from_junction = (int32_t)m->link_from_junction[i], .to_junction = (int32_t)m->link_to_junction[i],
            .first_lane = lane, .lane_count = (int32_t)m->link_lane_count[i],
            .first_point = (int32_t)m->link_first_point[i], .point_count = (int32_t)m->link_point_count[i],
            .priority = m->link_priority[i], .length_m = m->link_length_m[i], .speed_mps = m->link_speed_mps[i] };
        for (int32_t k = 0; k < network->links[i].lane_count; k++, lane++) {
            network->lanes[lane] = (struct lane){ .link = (int32_t)i, .position = k, .first_connection = connection,
                .connection_count = (int32_t)m->lane_connection_count[lane], .users = m->lane_users[lane],
                .length_m = m->lane_length_m[lane], .speed_mps = m->lane_speed_mps[lane],
                .width_m = m->lane_width_m[lane] };
            connection += network->lanes[lane].connection_count;
        }
    }
}

static void unpack_connections(const Intergreen__V1__Network *m, struct network *network)
{
    network->connection_count = (int32_t)m->n_connection_to_lane;
    network->connections = memory_take(m->n_connection_to_lane, sizeof *network->connections);
    network->foe_count = (int32_t)m->n_foe_connection;
    network->foes = memory_take(m->n_foe_connection, sizeof *network->foes);
    int32_t c = 0, foe = 0;
    for (int32_t lane = 0; lane < network->lane_count; lane++) {
        for (int32_t k = 0; k < network->lanes[lane].connection_count; k++, c++) {
            network->connections[c] = (struct connection){ .from_lane = lane,
                .to_lane = (int32_t)m->connection_to_lane[c], .junction = (int32_t)m->connection_junction[c],
                .turn = (enum turn)m->connection_turn[c], .group = m->connection_group[c],
                .link_index = m->connection_link_index[c], .first_foe = foe,
                .foe_count = (int32_t)m->connection_foe_count[c],
                .first_point = (int32_t)m->connection_first_point[c],
                .point_count = (int32_t)m->connection_point_count[c],
                .right_on_red = (m->connection_flags[c] & 1) != 0, .wait_inside = (m->connection_flags[c] & 2) != 0,
                .length_m = m->connection_length_m[c], .speed_mps = m->connection_speed_mps[c] };
            foe += network->connections[c].foe_count;
        }
    }
    for (size_t i = 0; i < m->n_foe_connection; i++) {
        network->foes[i] = (struct foe){ .connection = (int32_t)m->foe_connection[i],
            .merges = (m->foe_flags[i] & 1) != 0, .yields = (m->foe_flags[i] & 2) != 0,
            .enter_m = m->foe_enter_m[i], .leave_m = m->foe_leave_m[i] };
    }
}

static void unpack_intersections(const Intergreen__V1__Network *m, struct network *network)
{
    network->intersection_count = (int32_t)m->n_intersection_name;
    network->intersections = memory_take(m->n_intersection_name, sizeof *network->intersections);
    int32_t group = 0, stage = 0, intergreen = 0, green = 0;
    for (size_t i = 0; i < m->n_intersection_name; i++) {
        int32_t groups = (int32_t)m->intersection_group_count[i];
        network->intersections[i] = (struct intersection){ .name = (int32_t)m->intersection_name[i],
            .at = { m->intersection_x_m[i], m->intersection_y_m[i] }, .region = (int32_t)m->intersection_region[i],
            .first_group = group, .group_count = groups, .first_stage = stage,
            .stage_count = (int32_t)m->intersection_stage_count[i], .first_intergreen = intergreen,
            .first_green = green, .green_count = (int32_t)m->intersection_green_count[i],
            .cycle_ms = (int32_t)m->intersection_cycle_ms[i], .offset_ms = m->intersection_offset_ms[i],
            .cycle_ms_min = (int32_t)m->intersection_cycle_ms_min[i],
            .cycle_ms_max = (int32_t)m->intersection_cycle_ms_max[i],
            .coordinated_stage = m->intersection_coordinated_stage[i],
            .quantum_ms = (int32_t)m->intersection_quantum_ms[i], .approved = m->intersection_approved[i] != 0,
            .falls_back_to_actuated = i < m->n_intersection_falls_back_to_actuated
                && m->intersection_falls_back_to_actuated[i] != 0,
            .stages_in_turn = i < m->n_intersection_stages_in_turn && m->intersection_stages_in_turn[i] != 0,
            .corridors = i < m->n_intersection_corridors ? m->intersection_corridors[i] : 0 };
        group += groups;
        stage += network->intersections[i].stage_count;
        intergreen += groups * groups;
        green += network->intersections[i].green_count;
    }
    network->intergreen_count = intergreen;
    network->intergreen_ms = memory_copy(m->intergreen_ms, m->n_intergreen_ms, sizeof *network->intergreen_ms);
    network->program_green_count = green;
    network->program_greens = memory_take(m->n_green_group, sizeof *network->program_greens);
    for (size_t i = 0; i < m->n_green_group; i++) {
        network->program_greens[i] = (struct program_green){ (int32_t)m->green_group[i], (int32_t)m->green_stage[i],
            (int32_t)m->green_start_ms[i], (int32_t)m->green_end_ms[i] };
    }
}

// Which intersection each group and each stage belongs to follows from the counts.
static void unpack_groups(const Intergreen__V1__Network *m, struct network *network)
{
    network->group_count = (int32_t)m->n_group_name;
    network->groups = memory_take(m->n_group_name, sizeof *network->groups);
    network->stage_count = (int32_t)m->n_stage_name;
    network->stages = memory_take(m->n_stage_name, sizeof *network->stages);
    int32_t g = 0, s = 0, member = 0;
    for (int32_t at = 0; at < network->intersection_count; at++) {
        for (int32_t k = 0; k < network->intersections[at].group_count; k++, g++) {
            network->groups[g] = (struct signal_group){ .name = (int32_t)m->group_name[g], .intersection = at,
                .kind = (enum group_kind)m->group_kind[g], .first_member = member,
                .member_count = (int32_t)m->group_member_count[g], .green_ms_min = (int32_t)m->group_green_ms_min[g],
                .green_ms_max = (int32_t)m->group_green_ms_max[g], .red_ms_max = (int32_t)m->group_red_ms_max[g],
                .red_ms_max_emergency = (int32_t)m->group_red_ms_max_emergency[g],
                .yellow_ms = (int32_t)m->group_yellow_ms[g],
                .red_clearance_ms = (int32_t)m->group_red_clearance_ms[g],
                .on_call = (size_t)g < m->n_group_on_call && m->group_on_call[g] != 0 };
            member += network->groups[g].member_count;
        }
        for (int32_t k = 0; k < network->intersections[at].stage_count; k++, s++) {
            network->stages[s] = (struct stage){ .name = (int32_t)m->stage_name[s], .intersection = at,
                .groups = m->stage_groups[s], .program_phase = m->stage_program_phase[s],
                .green_ms_min = (int32_t)m->stage_green_ms_min[s], .green_ms_max = (int32_t)m->stage_green_ms_max[s] };
        }
    }
    network->group_member_count = (int32_t)m->n_group_member;
    network->group_members = memory_take(m->n_group_member, sizeof *network->group_members);
    for (size_t i = 0; i < m->n_group_member; i++) {
        network->group_members[i] = (int32_t)m->group_member[i];
    }
}

static void unpack_sensors(const Intergreen__V1__Network *m, struct network *network)
{
    network->detector_count = (int32_t)m->n_detector_name;
    network->detectors = memory_take(m->n_detector_name, sizeof *network->detectors);
    for (size_t i = 0; i < m->n_detector_name; i++) {
        network->detectors[i] = (struct detector){ .name = (int32_t)m->detector_name[i],
            .lane = (int32_t)m->detector_lane[i], .intersection = m->detector_intersection[i],
            .place = (enum detector_place)m->detector_place[i], .to_stop_m = m->detector_to_stop_m[i],
            .length_m = m->detector_length_m[i] };
    }
    network->camera_count = (int32_t)m->n_camera_name;
    network->cameras = memory_take(m->n_camera_name, sizeof *network->cameras);
    for (size_t i = 0; i < m->n_camera_name; i++) {
        network->cameras[i] = (struct camera){ .name = (int32_t)m->camera_name[i], .lane = (int32_t)m->camera_lane[i],
            .intersection = m->camera_intersection[i], .to_stop_m = m->camera_to_stop_m[i],
            .view_m = m->camera_view_m[i] };
    }
}

static enum status unpack_into(const struct unpacking *unpacking)
{
    const Intergreen__V1__Network *message = unpacking->message;
    struct network *network = unpacking->network;
    if (message->time_zone == NULL || strlen(message->time_zone) >= sizeof network->time_zone || !message->has_hash) {
        return broken(unpacking, "network", "its time zone or its hash is missing");
    }
    memcpy(network->time_zone, message->time_zone, strlen(message->time_zone) + 1);
    network->origin = (enum network_origin)message->origin;
    network->left_hand = message->left_hand != 0;
    network->reference_ms = message->reference_ms;
    enum status status = unpack_names(unpacking, message->names, &network->names);
    status = status != STATUS_OK ? status : unpack_names(unpacking, message->regions, &network->regions);
    if (status == STATUS_OK && message->has_corridors) {
        status = unpack_names(unpacking, message->corridors, &network->corridors);
    }
    status = status != STATUS_OK ? status : check_columns(unpacking);
    status = status != STATUS_OK ? status : check_signal_columns(unpacking);
    if (status != STATUS_OK) {
        return status;
    }
    unpack_roads(message, network);
    unpack_connections(message, network);
    unpack_intersections(message, network);
    unpack_groups(message, network);
    unpack_sensors(message, network);
    status = network_finish(network, unpacking->source, unpacking->problem);
    if (status == STATUS_OK && network->hash != message->hash) {
        status = broken(unpacking, "network", "what it holds is not what was saved: its hash differs");
    }
    return status;
}

enum status network_unpack(const Intergreen__V1__Network *message, const char *source, struct network *ret,
                           struct problem *problem)
{
    struct network network;
    network_create(&network);
    struct unpacking unpacking = { message, &network, source, problem };
    enum status status = unpack_into(&unpacking);
    if (status != STATUS_OK) {
        network_release(&network);
        return status;
    }
    *ret = network;
    return STATUS_OK;
}
