#include "engine/estimate/upstream.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/bounds.h"
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

// What those who take a connection at its speed lose there, and behind it while they speed up, against the free speed
// of the link that it leads to.
static double late_s(const struct network *network, const struct connection *connection)
{
    double free_mps = network->links[network->lanes[connection->to_lane].link].speed_mps;
    double turn_mps = connection->speed_mps;
    if (!(turn_mps > 0.0 && turn_mps < free_mps)) {
        return 0.0;
    }
    double gain_mps = free_mps - turn_mps;
    return connection->length_m * (1.0 / turn_mps - 1.0 / free_mps)
        + gain_mps * gain_mps / (2.0 * SET_OUT_MPS2 * free_mps);
}

static void source_add(struct walker *walker, int32_t connection, double weight, double to_stop_m)
{
    const struct network *network = walker->approaches->network;
    const struct connection *at = &network->connections[connection];
    int32_t movement = approaches_movement(walker->approaches, connection);
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
            .to_stop_m = (float)to_stop_m, .inside_m = (float)at->length_m, .late_s = (float)late_s(network, at) };
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
            source_add(walker, walker->in[i], weight, to_stop_m);
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
    upstream->left = memory_take_table(movements * UPSTREAM_PAST_S, sizeof *upstream->left);
    upstream->departures = memory_take_table(movements, sizeof *upstream->departures);
    for (size_t m = 0; m < movements; m++) {
        upstream->departures[m].noted_s = INT64_MIN;
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
    free(upstream->departures);
    *upstream = (struct upstream){ 0 };
}

// Forgets `count` seconds from first_s on, at most UPSTREAM_PAST_S. Looks at left only where somebody did leave.
static void seconds_clear(struct departures *departures, uint8_t *left, int64_t first_s, int64_t count)
{
    uint32_t slot = (uint32_t)first_s & (UPSTREAM_PAST_S - 1);
    while (count > 0) {
        uint32_t word = slot / 64, bit = slot % 64;
        int64_t bits = count < 64 - bit ? count : 64 - bit;
        uint64_t mask = bits == 64 ? ~UINT64_C(0) : ((UINT64_C(1) << bits) - 1) << bit;
        for (uint64_t gone = departures->any[word] & mask; gone != 0; gone &= gone - 1) {
            left[word * 64 + (uint32_t)__builtin_ctzll(gone)] = 0;
        }
        departures->any[word] &= ~mask;
        slot = (slot + (uint32_t)bits) & (UPSTREAM_PAST_S - 1);
        count -= bits;
    }
}

void upstream_note(struct upstream *upstream, int32_t movement, int64_t now_ms, double vehicles)
{
    int64_t now_s = quantum_floor(now_ms, MS_PER_S) / MS_PER_S;
    struct departures *departures = &upstream->departures[movement];
    uint8_t *left = upstream->left + (size_t)movement * UPSTREAM_PAST_S;
    int64_t noted_s = departures->noted_s;
    if (noted_s == INT64_MIN || now_s - noted_s >= UPSTREAM_PAST_S) {
        seconds_clear(departures, left, 0, UPSTREAM_PAST_S);
    } else {
        seconds_clear(departures, left, noted_s + 1, now_s - noted_s);
    }
    departures->noted_s = now_s;
    uint32_t slot = (uint32_t)now_s & (UPSTREAM_PAST_S - 1);
    uint64_t bit = UINT64_C(1) << (slot % 64);
    double sum = left[slot] + vehicles * UPSTREAM_UNIT;
    left[slot] = (uint8_t)lesser(255.0, sum + 0.5);
    departures->any[slot / 64] |= bit;
}

double upstream_left(const struct upstream *upstream, int32_t movement, int64_t now_ms, int32_t ago_s)
{
    assert(ago_s >= 0 && ago_s < UPSTREAM_PAST_S);
    return upstream_left_in(upstream, movement, quantum_floor(now_ms, MS_PER_S) / MS_PER_S, ago_s);
}

bool upstream_past(const struct upstream *upstream, int32_t movement, int64_t now_ms, int32_t count, uint8_t *ret)
{
    assert(count >= 0 && count <= UPSTREAM_PAST_S);
    const struct departures *departures = &upstream->departures[movement];
    int64_t noted_s = departures->noted_s;
    int64_t now_s = quantum_floor(now_ms, MS_PER_S) / MS_PER_S;
    if (noted_s == INT64_MIN || now_s < noted_s || now_s - noted_s >= count) {
        return false;
    }
    int32_t silent_s = (int32_t)(now_s - noted_s);
    const uint8_t *left = upstream->left + (size_t)movement * UPSTREAM_PAST_S;
    memset(ret, 0, (size_t)silent_s);
    for (int32_t ago_s = silent_s; ago_s < count; ago_s++) {
        uint32_t slot = (uint32_t)(now_s - ago_s) & (UPSTREAM_PAST_S - 1);
        bool kept = ago_s - silent_s < UPSTREAM_PAST_S;
        ret[ago_s] = kept ? left[slot] : 0;
    }
    return true;
}

void upstream_snapshot(struct upstream *upstream, struct snapshot_walk *walk)
{
    size_t movements = (size_t)upstream->approaches->movement_count;
    snapshot_column(walk, upstream->left, movements * UPSTREAM_PAST_S, sizeof *upstream->left);
    snapshot_column(walk, upstream->departures, movements, sizeof *upstream->departures);
}
