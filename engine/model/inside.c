#include "engine/model/inside.h"

#include "engine/base/ids.h"

bool inside_link(const struct network *network, const struct link *link)
{
    if (link->from_junction == INDEX_NONE || link->to_junction == INDEX_NONE || link->length_m >= INSIDE_LINK_M_MAX) {
        return false;
    }
    int32_t intersection = network->junctions[link->from_junction].intersection;
    return intersection != INDEX_NONE && intersection == network->junctions[link->to_junction].intersection;
}

static bool group_green(const struct inside_signal *signal, int32_t group, uint64_t green)
{
    int32_t own = group - signal->first_group;
    return group != INDEX_NONE && own >= 0 && own < signal->group_count && (green >> own & 1) != 0;
}

// Whether somebody who leaves the link has to wait for others of the stage.
static bool link_waits(const struct inside_signal *signal, const struct link *link, uint64_t green)
{
    const struct network *network = signal->network;
    for (int32_t lane = link->first_lane; lane < link->first_lane + link->lane_count; lane++) {
        for (int32_t i = 0; i < network->lanes[lane].connection_count; i++) {
            const struct connection *at = &network->connections[network->lanes[lane].first_connection + i];
            for (int32_t f = 0; f < at->foe_count && group_green(signal, at->group, green); f++) {
                const struct foe *foe = &network->foes[at->first_foe + f];
                if (foe->yields && group_green(signal, network->connections[foe->connection].group, green)) {
                    return true;
                }
            }
        }
    }
    return false;
}

static uint64_t feeders_of(const struct inside_signal *signal, int32_t link, uint64_t green)
{
    uint64_t feeders = 0;
    for (int32_t g = 0; g < signal->group_count; g++) {
        const struct signal_group *group = &signal->groups[g];
        for (int32_t i = group->first_member; i < group->first_member + group->member_count; i++) {
            int32_t to_lane = signal->network->connections[signal->members[i]].to_lane;
            bool feeds = (green >> g & 1) != 0 && signal->network->lanes[to_lane].link == link;
            feeders |= feeds ? UINT64_C(1) << g : 0;
        }
    }
    return feeders;
}

// The link of the other direction that the stage feeds, or INDEX_NONE.
static int32_t opposite_fed(const struct inside_signal *signal, const struct link *link, uint64_t green)
{
    const struct network *network = signal->network;
    for (int32_t g = 0; g < signal->group_count; g++) {
        const struct signal_group *group = &signal->groups[g];
        for (int32_t i = 0; i < group->member_count && (green >> g & 1) != 0; i++) {
            int32_t to_lane = network->connections[signal->members[group->first_member + i]].to_lane;
            const struct link *other = &network->links[network->lanes[to_lane].link];
            if (other->from_junction == link->to_junction && other->to_junction == link->from_junction) {
                return network->lanes[to_lane].link;
            }
        }
    }
    return INDEX_NONE;
}

bool inside_locks(const struct inside_signal *signal, uint64_t green, uint64_t *ret_one, uint64_t *ret_other)
{
    const struct network *network = signal->network;
    for (int32_t g = 0; g < signal->group_count; g++) {
        const struct signal_group *group = &signal->groups[g];
        for (int32_t i = 0; i < group->member_count && (green >> g & 1) != 0; i++) {
            int32_t to_lane = network->connections[signal->members[group->first_member + i]].to_lane;
            int32_t link = network->lanes[to_lane].link;
            if (!inside_link(network, &network->links[link]) || !link_waits(signal, &network->links[link], green)) {
                continue;
            }
            int32_t other = opposite_fed(signal, &network->links[link], green);
            if (other != INDEX_NONE && inside_link(network, &network->links[other])
                && link_waits(signal, &network->links[other], green)) {
                *ret_one = feeders_of(signal, link, green);
                *ret_other = feeders_of(signal, other, green);
                return true;
            }
        }
    }
    return false;
}
