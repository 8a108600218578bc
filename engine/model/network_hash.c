#include <stddef.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/model/network_check.h"

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
        hash = group->on_call ? hash_number(hash, i) : hash;
        for (int32_t j = 0; j < at->group_count; j++) {
            hash = hash_number(hash, network_intergreen_ms(network, at, i, j));
        }
    }
    for (int32_t i = 0; i < at->stage_count; i++) {
        hash = hash_number(hash, (int64_t)network->stages[at->first_stage + i].groups);
    }
    return hash;
}

static uint64_t hash_real(uint64_t hash, double value)
{
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return hash_number(hash, bits);
}

static uint64_t hash_name(uint64_t hash, const struct network *network, int32_t name)
{
    const char *text = network_name(network, name);
    return hash_bytes(hash, text, strlen(text) + 1);
}

uint64_t network_roads_hash(const struct network *network)
{
    uint64_t hash = hash_number(HASH_SEED, network->left_hand);
    for (int32_t i = 0; i < network->link_count; i++) {
        const struct link *link = &network->links[i];
        hash = hash_name(hash, network, link->name);
        hash = hash_number(hash, link->from_junction);
        hash = hash_number(hash, link->to_junction);
        hash = hash_number(hash, link->lane_count);
        hash = hash_real(hash, link->length_m);
        hash = hash_real(hash, link->speed_mps);
    }
    for (int32_t i = 0; i < network->lane_count; i++) {
        const struct lane *lane = &network->lanes[i];
        hash = hash_number(hash, lane->users);
        hash = hash_real(hash, lane->length_m);
        hash = hash_real(hash, lane->speed_mps);
        hash = hash_real(hash, lane->width_m);
    }
    for (int32_t i = 0; i < network->connection_count; i++) {
        const struct connection *connection = &network->connections[i];
        hash = hash_number(hash, ((int64_t)connection->from_lane << 32) + connection->to_lane);
        hash = hash_number(hash, connection->junction);
        hash = hash_number(hash, (int64_t)connection->turn);
        hash = hash_real(hash, connection->length_m);
        hash = hash_real(hash, connection->speed_mps);
    }
    return hash;
}

// Pictures and right of way.
static uint64_t hash_geometry(uint64_t hash, const struct network *network)
{
    for (int32_t i = 0; i < network->point_count; i++) {
        hash = hash_real(hash_real(hash, network->points[i].x_m), network->points[i].y_m);
    }
    for (int32_t i = 0; i < network->junction_count; i++) {
        const struct junction *junction = &network->junctions[i];
        hash = hash_name(hash, network, junction->name);
        hash = hash_number(hash, (int64_t)junction->kind);
        hash = hash_number(hash, junction->intersection);
        hash = hash_real(hash_real(hash, junction->at.x_m), junction->at.y_m);
    }
    for (int32_t i = 0; i < network->link_count; i++) {
        const struct link *link = &network->links[i];
        hash = hash_number(hash, link->priority);
        hash = hash_number(hash, ((int64_t)link->first_point << 32) + link->point_count);
    }
    for (int32_t i = 0; i < network->connection_count; i++) {
        const struct connection *connection = &network->connections[i];
        hash = hash_number(hash, connection->group);
        hash = hash_number(hash, connection->link_index);
        hash = hash_number(hash, ((int64_t)connection->first_point << 32) + connection->point_count);
        hash = hash_number(hash, connection->right_on_red * 2 + connection->wait_inside);
        hash = hash_number(hash, connection->foe_count);
        for (int32_t f = 0; f < connection->foe_count; f++) {
            const struct foe *foe = &network->foes[connection->first_foe + f];
            hash = hash_number(hash, (int64_t)foe->connection * 4 + foe->yields * 2 + foe->merges);
            hash = hash_real(hash_real(hash, foe->enter_m), foe->leave_m);
        }
    }
    return hash;
}

// What site_hash leaves out: it names nothing and knows no program.
static uint64_t hash_signals(uint64_t hash, const struct network *network)
{
    for (int32_t i = 0; i < network->intersection_count; i++) {
        const struct intersection *at = &network->intersections[i];
        const int32_t read[] = { at->region, at->group_count, at->stage_count, at->green_count, at->cycle_ms,
            at->offset_ms, at->coordinated_stage, at->approved };
        hash = hash_number(hash, (int64_t)at->site_hash);
        hash = at->falls_back_to_actuated ? hash_number(hash, 1) : hash;
        hash = at->stages_in_turn ? hash_number(hash, 2) : hash;
        hash = at->corridors != 0 ? hash_number(hash, (int64_t)at->corridors) : hash;
        hash = hash_real(hash_real(hash, at->at.x_m), at->at.y_m);
        for (size_t k = 0; k < sizeof read / sizeof *read; k++) {
            hash = hash_number(hash, read[k]);
        }
        for (int32_t g = 0; g < at->green_count; g++) {
            const struct program_green *green = &network->program_greens[at->first_green + g];
            hash = hash_number(hash, ((int64_t)green->group << 32) + green->stage);
            hash = hash_number(hash, ((int64_t)green->start_ms << 32) + green->end_ms);
        }
    }
    for (int32_t i = 0; i < network->group_count; i++) {
        hash = hash_name(hash, network, network->groups[i].name);
        hash = hash_number(hash, network->groups[i].member_count);
        for (int32_t m = 0; m < network->groups[i].member_count; m++) {
            hash = hash_number(hash, network->group_members[network->groups[i].first_member + m]);
        }
    }
    for (int32_t i = 0; i < network->stage_count; i++) {
        const struct stage *stage = &network->stages[i];
        hash = hash_name(hash, network, stage->name);
        hash = hash_number(hash, stage->program_phase);
        hash = hash_number(hash, ((int64_t)stage->green_ms_min << 32) + stage->green_ms_max);
    }
    return hash;
}

static uint64_t hash_sensors(uint64_t hash, const struct network *network)
{
    for (int32_t i = 0; i < network->detector_count; i++) {
        const struct detector *detector = &network->detectors[i];
        hash = hash_name(hash, network, detector->name);
        hash = hash_number(hash, detector->lane);
        hash = hash_number(hash, detector->intersection);
        hash = hash_number(hash, (int64_t)detector->place);
        hash = hash_real(hash_real(hash, detector->to_stop_m), detector->length_m);
    }
    for (int32_t i = 0; i < network->camera_count; i++) {
        const struct camera *camera = &network->cameras[i];
        hash = hash_name(hash, network, camera->name);
        hash = hash_number(hash, camera->lane);
        hash = hash_number(hash, camera->intersection);
        hash = hash_real(hash_real(hash, camera->to_stop_m), camera->view_m);
    }
    return hash;
}

// Everything, so that a network that was saved and loaded is known to be the same.
static uint64_t whole_hash(const struct network *network)
{
    uint64_t hash = hash_number(network_roads_hash(network), (int64_t)network->origin);
    hash = hash_number(hash, network->reference_ms);
    hash = hash_bytes(hash, network->time_zone, strlen(network->time_zone));
    for (int32_t i = 0; i < network->regions.count; i++) {
        const char *text = names_text(&network->regions, i);
        hash = hash_bytes(hash, text, strlen(text) + 1);
    }
    for (int32_t i = 0; i < network->corridors.count; i++) {
        const char *text = names_text(&network->corridors, i);
        hash = hash_bytes(hash, text, strlen(text) + 1);
    }
    return hash_sensors(hash_signals(hash_geometry(hash, network), network), network);
}

void network_hash(struct network *network)
{
    for (int32_t i = 0; i < network->intersection_count; i++) {
        network->intersections[i].site_hash = site_hash(network, &network->intersections[i]);
    }
    network->hash = whole_hash(network);
}
