#include "engine/estimate/approach.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

#define FEEDER_DEPTH_MAX 24           // lanes in a row on the way upstream
static const double WEIGHT_MIN = 0.01;   // a feeder that sends less is not worth its place

// The connections that lead into each lane, as ranges of one array.
struct inflow {
    int32_t *first;                   // lane_count + 1
    int32_t *connection;
};

struct builder {
    const struct network *network;
    struct inflow inflow;
    LIST_OF(struct feeder) feeders;
    LIST_OF(int32_t) foes;
    int32_t first_of_row;
};

static void inflow_create(struct inflow *inflow, const struct network *network)
{
    inflow->first = memory_take((size_t)network->lane_count + 1, sizeof *inflow->first);
    inflow->connection = memory_take((size_t)network->connection_count, sizeof *inflow->connection);
    for (int32_t c = 0; c < network->connection_count; c++) {
        inflow->first[network->connections[c].to_lane + 1]++;
    }
    for (int32_t lane = 0; lane < network->lane_count; lane++) {
        inflow->first[lane + 1] += inflow->first[lane];
    }
    int32_t *next = memory_copy(inflow->first, (size_t)network->lane_count + 1, sizeof *next);
    for (int32_t c = 0; c < network->connection_count; c++) {
        inflow->connection[next[network->connections[c].to_lane]++] = c;
    }
    free(next);
}

static void inflow_release(struct inflow *inflow)
{
    free(inflow->first);
    free(inflow->connection);
}

// Adds to the feeder's weight when it reaches the row on several ways; the nearest distance counts.
static bool feeder_add(struct builder *builder, int32_t lane, double weight, double to_stop_m)
{
    for (int32_t i = builder->first_of_row; i < builder->feeders.count; i++) {
        struct feeder *feeder = &builder->feeders.at[i];
        if (feeder->lane == lane) {
            feeder->weight += weight;
            feeder->to_stop_m = to_stop_m < feeder->to_stop_m ? to_stop_m : feeder->to_stop_m;
            return true;
        }
    }
    if (builder->feeders.count - builder->first_of_row >= FEEDER_COUNT_MAX) {
        return false;
    }
    *GROW(builder->feeders) = (struct feeder){ .lane = lane, .weight = weight, .to_stop_m = to_stop_m };
    return true;
}

// Walks upstream from the start of `lane`, which is `start_m` before the stop line.
static void feeders_walk(struct builder *builder, int32_t lane, double weight, double start_m, int depth)
{
    if (start_m >= APPROACH_REACH_M || depth >= FEEDER_DEPTH_MAX) {
        return;
    }
    const struct network *network = builder->network;
    for (int32_t i = builder->inflow.first[lane]; i < builder->inflow.first[lane + 1]; i++) {
        const struct connection *connection = &network->connections[builder->inflow.connection[i]];
        if (connection->group != INDEX_NONE) {
            continue;   // Beyond a signal: another intersection's vehicles.
        }
        const struct lane *from = &network->lanes[connection->from_lane];
        double share = weight / from->connection_count;
        double to_stop_m = start_m + connection->length_m;
        if (share >= WEIGHT_MIN && to_stop_m < APPROACH_REACH_M
            && feeder_add(builder, connection->from_lane, share, to_stop_m)) {
            feeders_walk(builder, connection->from_lane, share, to_stop_m + from->length_m, depth + 1);
        }
    }
}

static bool lane_signalled(const struct network *network, const struct lane *lane, int32_t *ret_intersection)
{
    for (int32_t c = lane->first_connection; c < lane->first_connection + lane->connection_count; c++) {
        if (network->connections[c].group != INDEX_NONE) {
            *ret_intersection = network->groups[network->connections[c].group].intersection;
            return true;
        }
    }
    return false;
}

// Appends the movements of a row: one per (group, exit link) of its lane's connections.
static int32_t movements_fill(struct approaches *approaches, int32_t row_index)
{
    const struct network *network = approaches->network;
    struct approach_row *row = &approaches->rows[row_index];
    const struct intersection *at = &network->intersections[row->intersection];
    const struct lane *lane = &network->lanes[row->lane];
    row->first_movement = approaches->movement_count;
    for (int32_t c = lane->first_connection; c < lane->first_connection + lane->connection_count; c++) {
        const struct connection *connection = &network->connections[c];
        int32_t group = connection->group == INDEX_NONE ? INDEX_NONE : connection->group - at->first_group;
        int32_t to_link = network->lanes[connection->to_lane].link;
        int32_t m = row->first_movement;
        while (m < approaches->movement_count
               && (approaches->movements[m].group != group || approaches->movements[m].to_link != to_link)) {
            m++;
        }
        if (m == approaches->movement_count) {
            approaches->movements[m] = (struct movement){ .row = row_index, .group = group, .to_link = to_link,
                                                         .turn = connection->turn };
            approaches->movement_count++;
        }
        row->groups |= group == INDEX_NONE ? 0 : UINT64_C(1) << group;
    }
    row->movement_count = approaches->movement_count - row->first_movement;
    return row->movement_count;
}

// Rows in order of intersection, then of lane.
static void rows_fill(struct approaches *approaches)
{
    const struct network *network = approaches->network;
    for (int32_t lane = 0; lane < network->lane_count; lane++) {
        int32_t intersection;
        approaches->row_of_lane[lane] = INDEX_NONE;
        if (lane_signalled(network, &network->lanes[lane], &intersection)) {
            approaches->at[intersection].count++;
            approaches->row_count++;
        }
    }
    approaches->rows = memory_take((size_t)approaches->row_count, sizeof *approaches->rows);
    int32_t first = 0;
    for (int32_t i = 0; i < network->intersection_count; i++) {
        approaches->at[i].first = first;
        first += approaches->at[i].count;
        approaches->at[i].count = 0;
    }
    for (int32_t lane = 0; lane < network->lane_count; lane++) {
        int32_t intersection;
        if (lane_signalled(network, &network->lanes[lane], &intersection)) {
            struct intersection_rows *at = &approaches->at[intersection];
            int32_t row = at->first + at->count++;
            approaches->rows[row] = (struct approach_row){ .lane = lane, .intersection = intersection };
            approaches->row_of_lane[lane] = row;
        }
    }
}

int32_t approaches_movement(const struct approaches *approaches, int32_t connection)
{
    const struct network *network = approaches->network;
    const struct connection *at = &network->connections[connection];
    int32_t row = approaches->row_of_lane[at->from_lane];
    if (row == INDEX_NONE) {
        return INDEX_NONE;
    }
    const struct approach_row *of = &approaches->rows[row];
    int32_t group = at->group == INDEX_NONE ? INDEX_NONE
        : at->group - network->intersections[of->intersection].first_group;
    int32_t to_link = network->lanes[at->to_lane].link;
    for (int32_t m = of->first_movement; m < of->first_movement + of->movement_count; m++) {
        if (approaches->movements[m].group == group && approaches->movements[m].to_link == to_link) {
            return m;
        }
    }
    return INDEX_NONE;
}

// Adds the movements that a connection of movement m yields to.
static void foes_add(struct builder *builder, struct approaches *approaches, int32_t m,
                     const struct connection *connection)
{
    struct movement *movement = &approaches->movements[m];
    for (int32_t f = connection->first_foe; f < connection->first_foe + connection->foe_count; f++) {
        const struct foe *foe = &builder->network->foes[f];
        int32_t other = foe->yields ? approaches_movement(approaches, foe->connection) : INDEX_NONE;
        bool here = other != INDEX_NONE
            && approaches->rows[approaches->movements[other].row].intersection
                == approaches->rows[movement->row].intersection;
        for (int32_t i = movement->first_foe; here && i < movement->first_foe + movement->foe_count; i++) {
            here = builder->foes.at[i] != other;
        }
        if (here && other != m) {
            *GROW(builder->foes) = other;
            movement->foe_count++;
        }
    }
}

static void foes_fill(struct builder *builder, struct approaches *approaches)
{
    const struct network *network = builder->network;
    for (int32_t m = 0; m < approaches->movement_count; m++) {
        const struct lane *lane = &network->lanes[approaches->rows[approaches->movements[m].row].lane];
        approaches->movements[m].first_foe = builder->foes.count;
        for (int32_t c = lane->first_connection; c < lane->first_connection + lane->connection_count; c++) {
            if (approaches_movement(approaches, c) == m) {
                foes_add(builder, approaches, m, &network->connections[c]);
            }
        }
    }
    approaches->foes = builder->foes.at;
    approaches->foe_count = builder->foes.count;
}

static void conflicts_fill(struct approaches *approaches)
{
    const struct network *network = approaches->network;
    approaches->conflicts = memory_take((size_t)network->group_count, sizeof *approaches->conflicts);
    for (int32_t i = 0; i < network->intersection_count; i++) {
        const struct intersection *at = &network->intersections[i];
        for (int32_t a = 0; a < at->group_count; a++) {
            for (int32_t b = 0; b < at->group_count; b++) {
                if (network_intergreen_ms(network, at, a, b) >= 0) {
                    approaches->conflicts[at->first_group + a] |= UINT64_C(1) << b;
                }
            }
        }
    }
}

void approaches_create(struct approaches *approaches, const struct network *network)
{
    assert(network != NULL);
    *approaches = (struct approaches){ .network = network };
    approaches->at = memory_take((size_t)network->intersection_count, sizeof *approaches->at);
    approaches->row_of_lane = memory_take((size_t)network->lane_count, sizeof *approaches->row_of_lane);
    approaches->movements = memory_take((size_t)network->connection_count, sizeof *approaches->movements);
    rows_fill(approaches);
    conflicts_fill(approaches);

    struct builder builder = { .network = network };
    inflow_create(&builder.inflow, network);
    for (int32_t i = 0; i < network->intersection_count; i++) {
        struct intersection_rows *at = &approaches->at[i];
        at->first_movement = approaches->movement_count;
        for (int32_t r = at->first; r < at->first + at->count; r++) {
            struct approach_row *row = &approaches->rows[r];
            at->movement_count += movements_fill(approaches, r);
            builder.first_of_row = builder.feeders.count;
            (void)feeder_add(&builder, row->lane, 1.0, 0.0);
            feeders_walk(&builder, row->lane, 1.0, network->lanes[row->lane].length_m, 0);
            row->first_feeder = builder.first_of_row;
            row->feeder_count = builder.feeders.count - builder.first_of_row;
        }
    }
    foes_fill(&builder, approaches);
    inflow_release(&builder.inflow);
    approaches->feeders = builder.feeders.at;
    approaches->feeder_count = builder.feeders.count;
}

void approaches_release(struct approaches *approaches)
{
    free(approaches->at);
    free(approaches->rows);
    free(approaches->movements);
    free(approaches->foes);
    free(approaches->feeders);
    free(approaches->row_of_lane);
    free(approaches->conflicts);
    *approaches = (struct approaches){ 0 };
}
