#include "sim/report/corridor.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

// The connection straight ahead out of a link that was passed most often; INDEX_NONE without one.
static int32_t straight_on(const struct network *network, const struct passage_totals *passages, int32_t link)
{
    const struct link *at = &network->links[link];
    int32_t best = INDEX_NONE;
    for (int32_t lane = at->first_lane; lane < at->first_lane + at->lane_count; lane++) {
        const struct lane *from = &network->lanes[lane];
        for (int32_t c = from->first_connection; c < from->first_connection + from->connection_count; c++) {
            bool ahead = network->connections[c].turn == TURN_THROUGH;
            if (ahead && (best == INDEX_NONE || passages[c].passages > passages[best].passages)) {
                best = c;
            }
        }
    }
    return best;
}

// Follows the street from a link on; gives its worth.
static int64_t follow(const struct network *network, const struct passage_totals *passages, const bool *taken,
                      int32_t link, struct corridor *ret)
{
    int64_t worth = 0;
    memset(ret, 0, sizeof *ret);
    while (link != INDEX_NONE && !taken[link] && ret->link_count < CORRIDOR_LINK_COUNT_MAX
           && ret->signal_count < CORRIDOR_SIGNAL_COUNT_MAX) {
        for (int32_t i = 0; i < ret->link_count; i++) {
            if (ret->link[i] == link) {
                return worth;         // Round a block.
            }
        }
        ret->link[ret->link_count] = link;
        ret->from_m[ret->link_count++] = ret->length_m;
        ret->length_m += network->links[link].length_m;
        int32_t ahead = straight_on(network, passages, link);
        if (ahead == INDEX_NONE) {
            break;
        }
        const struct connection *way = &network->connections[ahead];
        if (way->group != INDEX_NONE) {
            ret->signals[ret->signal_count++] = (struct corridor_signal){ .link = link, .group = way->group,
                .intersection = network->groups[way->group].intersection, .at_m = ret->length_m };
            worth += passages[ahead].passages;
        }
        ret->length_m += way->length_m;
        link = network->lanes[way->to_lane].link;
    }
    return worth;
}

int32_t corridors_find(const struct network *network, const struct passage_totals *passages, struct corridor *ret)
{
    bool *taken = memory_take((size_t)network->link_count, sizeof *taken);
    int32_t count = 0;
    while (count < CORRIDOR_COUNT_MAX) {
        int64_t best_worth = 0;
        struct corridor found;
        for (int32_t link = 0; link < network->link_count; link++) {
            int64_t worth = follow(network, passages, taken, link, &found);
            if (found.signal_count >= 2 && worth > best_worth) {
                best_worth = worth;
                ret[count] = found;
            }
        }
        if (best_worth == 0) {
            break;
        }
        for (int32_t i = 0; i < ret[count].link_count; i++) {
            taken[ret[count].link[i]] = true;
        }
        count++;
    }
    free(taken);
    return count;
}
