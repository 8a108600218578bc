#include "engine/estimate/upstream.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/model/units.h"

#define LINK_DEPTH_MAX 12             // links in a row on the way upstream
static const double WEIGHT_MIN = 0.02;

struct walker {
    const struct approaches *approaches;
    int32_t *first_in, *in;           // connections into each link: ranges of one array
    LIST_OF(struct source) sources;
    int32_t first_of_link;
};

static void inflow_fill(struct walker *walker, const struct network *network)
{
    walker->first_in = memory_take((size_t)network->link_count + 1, sizeof *walker->first_in);
    walker->in = memory_take((size_t)network->connection_count, sizeof *walker->in);
    for (int32_t c = 0; c < network->connection_count; c++) {
        walker->first_in[network->lanes[network->connections[c].to_lane].link + 1]++;
    }
    for (int32_t l = 0; l < network->link_count; l++) {
        walker->first_in[l + 1] += walker->first_in[l];
    }
    int32_t *next = memory_copy(walker->first_in, (size_t)network->link_count + 1, sizeof *next);
    for (int32_t c = 0; c < network->connection_count; c++) {
        walker->in[next[network->lanes[network->connections[c].to_lane].link]++] = c;
    }
    free(next);
}

static void source_add(struct walker *walker, int32_t movement, double weight, double to_stop_m)
{
    for (int32_t i = walker->first_of_link; i < walker->sources.count; i++) {
        if (walker->sources.at[i].movement == movement) {
            if (to_stop_m < (double)walker->sources.at[i].to_stop_m) {
                walker->sources.at[i].to_stop_m = (float)to_stop_m;
            }
            return;   // Another of its connections: the same vehicles.
        }
    }
    if (walker->sources.count - walker->first_of_link < SOURCE_COUNT_MAX) {
        *GROW(walker->sources) = (struct source){ .movement = movement, .weight = (float)weight,
                                                  .to_stop_m = (float)to_stop_m };
    }
}

// In how many links a link's vehicles go on.
static int32_t followers(const struct network *network, int32_t link)
{
    int32_t seen[16], count = 0;
    const struct link *at = &network->links[link];
    for (int32_t lane = at->first_lane; lane < at->first_lane + at->lane_count; lane++) {
        for (int32_t i = 0; i < network->lanes[lane].connection_count; i++) {
            int32_t to = network->lanes[network->connections[network->lanes[lane].first_connection + i].to_lane].link;
            int32_t known = 0;
            while (known < count && seen[known] != to) {
                known++;
            }
            if (known == count && count < 16) {
                seen[count++] = to;
            }
        }
    }
    return count > 0 ? count : 1;
}

// Walks upstream from the start of `link`, which is start_m before the stop line.
static void walk(struct walker *walker, int32_t link, double weight, double start_m, int depth)
{
    const struct network *network = walker->approaches->network;
    int32_t before = INDEX_NONE;
    for (int32_t i = walker->first_in[link]; i < walker->first_in[link + 1]; i++) {
        const struct connection *connection = &network->connections[walker->in[i]];
        double to_stop_m = start_m + connection->length_m;
        if (connection->group != INDEX_NONE) {
            source_add(walker, approaches_movement(walker->approaches, walker->in[i]), weight, to_stop_m);
            continue;
        }
        int32_t from = network->lanes[connection->from_lane].link;
        if (from == before) {
            continue;   // Another lane of the same link: connections are in order of lanes.
        }
        before = from;
        double share = weight / followers(network, from);
        double from_m = to_stop_m + network->links[from].length_m;
        if (share >= WEIGHT_MIN && from_m < UPSTREAM_REACH_M && depth < LINK_DEPTH_MAX) {
            walk(walker, from, share, from_m, depth + 1);
        }
    }
}

void upstream_create(struct upstream *upstream, const struct approaches *approaches)
{
    const struct network *network = approaches->network;
    *upstream = (struct upstream){ .approaches = approaches };
    size_t movements = (size_t)approaches->movement_count;
    upstream->first_source = memory_take((size_t)network->link_count + 1, sizeof *upstream->first_source);
    upstream->left = memory_take_aligned(movements * UPSTREAM_PAST_S, sizeof *upstream->left);
    upstream->noted_s = memory_take(movements, sizeof *upstream->noted_s);
    for (size_t m = 0; m < movements; m++) {
        upstream->noted_s[m] = INT64_MIN;
    }
    struct walker walker = { .approaches = approaches };
    inflow_fill(&walker, network);
    for (int32_t l = 0; l < network->link_count; l++) {
        const struct link *link = &network->links[l];
        upstream->first_source[l] = walker.first_of_link = walker.sources.count;
        bool rows = false;
        for (int32_t lane = link->first_lane; lane < link->first_lane + link->lane_count; lane++) {
            rows = rows || approaches->row_of_lane[lane] != INDEX_NONE;
        }
        if (rows) {
            walk(&walker, l, 1.0, link->length_m, 0);
        }
    }
    upstream->first_source[network->link_count] = walker.sources.count;
    upstream->sources = walker.sources.at;
    free(walker.first_in);
    free(walker.in);
}

void upstream_release(struct upstream *upstream)
{
    free(upstream->first_source);
    free(upstream->sources);
    free(upstream->left);
    free(upstream->noted_s);
    *upstream = (struct upstream){ 0 };
}

void upstream_note(struct upstream *upstream, int32_t movement, int64_t now_ms, double vehicles)
{
    int64_t now_s = quantum_floor(now_ms, MS_PER_S) / MS_PER_S;
    uint8_t *left = upstream->left + (size_t)movement * UPSTREAM_PAST_S;
    int64_t noted_s = upstream->noted_s[movement];
    if (noted_s == INT64_MIN || now_s - noted_s >= UPSTREAM_PAST_S) {
        memset(left, 0, UPSTREAM_PAST_S);
    } else {
        for (int64_t s = noted_s + 1; s <= now_s; s++) {
            left[s & (UPSTREAM_PAST_S - 1)] = 0;
        }
    }
    upstream->noted_s[movement] = now_s;
    double sum = left[now_s & (UPSTREAM_PAST_S - 1)] + vehicles * UPSTREAM_UNIT;
    left[now_s & (UPSTREAM_PAST_S - 1)] = (uint8_t)fmin(255.0, sum + 0.5);
}

double upstream_left(const struct upstream *upstream, int32_t movement, int64_t now_ms, int32_t ago_s)
{
    assert(ago_s >= 0 && ago_s < UPSTREAM_PAST_S);
    int64_t at_s = quantum_floor(now_ms, MS_PER_S) / MS_PER_S - ago_s;
    int64_t noted_s = upstream->noted_s[movement];
    if (noted_s == INT64_MIN || at_s > noted_s || noted_s - at_s >= UPSTREAM_PAST_S) {
        return 0.0;
    }
    return upstream->left[(size_t)movement * UPSTREAM_PAST_S + (size_t)(at_s & (UPSTREAM_PAST_S - 1))]
        * (1.0 / UPSTREAM_UNIT);
}

bool upstream_past(const struct upstream *upstream, int32_t movement, int64_t now_ms, int32_t count, uint8_t *ret)
{
    assert(count >= 0 && count <= UPSTREAM_PAST_S);
    int64_t noted_s = upstream->noted_s[movement];
    int64_t now_s = quantum_floor(now_ms, MS_PER_S) / MS_PER_S;
    if (noted_s == INT64_MIN || now_s < noted_s || now_s - noted_s >= count) {
        return false;
    }
    int32_t silent_s = (int32_t)(now_s - noted_s);
    const uint8_t *left = upstream->left + (size_t)movement * UPSTREAM_PAST_S;
    memset(ret, 0, (size_t)silent_s);
    for (int32_t ago_s = silent_s; ago_s < count; ago_s++) {
        bool kept = ago_s - silent_s < UPSTREAM_PAST_S;
        ret[ago_s] = kept ? left[(now_s - ago_s) & (UPSTREAM_PAST_S - 1)] : 0;
    }
    return true;
}

void upstream_snapshot(struct upstream *upstream, struct snapshot_walk *walk)
{
    size_t movements = (size_t)upstream->approaches->movement_count;
    snapshot_column(walk, upstream->left, movements * UPSTREAM_PAST_S, sizeof *upstream->left);
    snapshot_column(walk, upstream->noted_s, movements, sizeof *upstream->noted_s);
}
