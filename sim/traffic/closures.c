#include "sim/traffic/closures.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/model/units.h"
#include "sim/traffic/detour.h"
#include "sim/traffic/lane_change.h"
#include "sim/traffic/settling.h"
#include "sim/traffic/trips.h"

static const float STANDING_MPS = 0.5f;

enum status closures_create(struct street *street, const struct street_options *options, struct problem *problem)
{
    struct closure_books *books = &street->closures;
    const struct network *network = street->network;
    for (int32_t i = 0; i < options->closure_count; i++) {
        const struct lane_closure *closure = &options->closures[i];
        if (closure->lane < 0 || closure->lane >= network->lane_count || closure->to_ms <= closure->from_ms) {
            return problem_report(problem, STATUS_RANGE, "street", "closures",
                                  "name a lane, and an end after the begin",
                                  "closure %d is of no lane, or ends before it begins", i);
        }
    }
    if (options->closure_count == 0) {
        return STATUS_OK;
    }
    books->count = options->closure_count;
    books->all = memory_copy(options->closures, (size_t)books->count, sizeof *books->all);
    books->closed = memory_take((size_t)network->lane_count, sizeof *books->closed);
    books->closed_next = memory_take((size_t)network->lane_count, sizeof *books->closed_next);
    books->near = memory_take((size_t)network->link_count, sizeof *books->near);
    books->changed = memory_take((size_t)network->link_count, sizeof *books->changed);
    books->change_ms = INT64_MIN;
    return STATUS_OK;
}

void closures_release(struct street *street)
{
    struct closure_books *books = &street->closures;
    void *taken[] = { books->all, books->closed, books->closed_next, books->near, books->changed };
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        free(taken[i]);
    }
}

uint64_t closures_hash(const struct street *street)
{
    uint64_t hash = hash_number(HASH_SEED, street->closures.count);
    for (int32_t i = 0; i < street->closures.count; i++) {
        const struct lane_closure *closure = &street->closures.all[i];
        hash = hash_number(hash_number(hash, closure->lane), closure->users);
        hash = hash_number(hash_number(hash, closure->from_ms), closure->to_ms);
    }
    return hash;
}

uint32_t closures_spare(const struct street *street, int32_t link_index, uint32_t user, uint32_t lanes)
{
    const struct link *link = &street->network->links[link_index];
    uint32_t open = lanes;
    for (int32_t i = 0; i < link->lane_count; i++) {
        open &= lane_closed(street, link->first_lane + i, user) ? ~(1u << i) : ~0u;
    }
    return open != 0 ? open : lanes;
}

// Links from which a shut lane is at most CLOSURE_LOOK_LEGS links ahead.
static void near_mark(struct street *street)
{
    struct closure_books *books = &street->closures;
    const struct network *network = street->network;
    memset(books->near, 0, (size_t)network->link_count * sizeof *books->near);
    books->near_count = 0;
    for (int32_t lane = 0; lane < network->lane_count; lane++) {
        if (books->closed[lane] != 0 && !books->near[network->lanes[lane].link]) {
            books->near[network->lanes[lane].link] = CLOSURE_LOOK_LEGS + 1;
            books->near_count++;
        }
    }
    for (int hop = CLOSURE_LOOK_LEGS; hop >= 1 && books->near_count > 0; hop--) {
        for (int32_t i = 0; i < network->connection_count; i++) {
            const struct connection *connection = &network->connections[i];
            int32_t from = network->lanes[connection->from_lane].link, to = network->lanes[connection->to_lane].link;
            if (books->near[to] == hop + 1 && books->near[from] == 0) {
                books->near[from] = (uint8_t)hop;
                books->near_count++;
            }
        }
    }
}

// What is shut at now; returns whether anything has changed, and when it may change again.
static bool closed_find(struct street *street, int64_t now_ms)
{
    struct closure_books *books = &street->closures;
    size_t bytes = (size_t)street->network->lane_count * sizeof *books->closed;
    memset(books->closed_next, 0, bytes);
    books->change_ms = INT64_MAX;
    for (int32_t i = 0; i < books->count; i++) {
        const struct lane_closure *closure = &books->all[i];
        bool shut = closure->from_ms <= now_ms && now_ms < closure->to_ms;
        books->closed_next[closure->lane] |= shut ? closure->users : 0;
        int64_t next_ms = shut ? closure->to_ms : closure->from_ms > now_ms ? closure->from_ms : INT64_MAX;
        books->change_ms = next_ms < books->change_ms ? next_ms : books->change_ms;
    }
    if (memcmp(books->closed, books->closed_next, bytes) == 0) {
        return false;
    }
    memcpy(books->closed, books->closed_next, bytes);
    return true;
}

// Whether some open lane of `from` leads onto an open lane of `to`.
static bool leads(const struct street *street, int32_t from, int32_t to, uint32_t user)
{
    const struct network *network = street->network;
    const struct link *link = &network->links[from];
    for (int32_t i = link->first_lane; i < link->first_lane + link->lane_count; i++) {
        const struct lane *lane = &network->lanes[i];
        for (int32_t k = 0; (lane->users & user) && !lane_closed(street, i, user) && k < lane->connection_count; k++) {
            int32_t into = network->connections[lane->first_connection + k].to_lane;
            if (network->lanes[into].link == to && (network->lanes[into].users & user)
                && !lane_closed(street, into, user)) {
                return true;
            }
        }
    }
    return false;
}

bool closures_block(const struct street *street, const struct trip *trip, int32_t link)
{
    int32_t ahead[2];
    return closures_near(street, link) && trip_links_ahead(street, trip, link, ahead, 2) == 2
        && !leads(street, ahead[0], ahead[1], street->types.user[trip->type]);
}

void closures_meet(struct street *street, struct worker *worker, struct trip *trip, int32_t link)
{
    if (!closures_near(street, link)) {
        return;
    }
    int32_t ahead[CLOSURE_LOOK_LEGS + 1];
    int32_t count = trip_links_ahead(street, trip, link, ahead, CLOSURE_LOOK_LEGS + 1);
    uint32_t user = street->types.user[trip->type];
    for (int32_t i = 0; i + 1 < count; i++) {
        if (!leads(street, ahead[i], ahead[i + 1], user)) {
            worker->detours += detour_round(street, worker, trip, link, i) ? 1 : 0;
            return;
        }
    }
}

// A vehicle on a lane learns what is shut now. Who cannot stop before its line any more keeps to its path.
static void row_learn(struct street *street, struct row *row, int32_t cell, int32_t k)
{
    struct group *group = cell_group(street, cell);
    int c = cell % WIDE;
    struct trip *trip = &street->trips[row->trip[c]];
    float v = row->speed[c], to_line = group->length[c] - row->front[c];
    bool stops = v * v < 2.0f * street->types.deceleration[row->kind[c] & KIND_TYPE] * to_line;
    int32_t before = row->path[c];
    if (stops) {
        closures_meet(street, &street->workers[0], trip, street->network->lanes[group->lane[c]].link);
        row->path[c] = trip_path(street, trip, trip->leg, cell);
    }
    row->kind[c] = trip_kind(street, trip, cell);
    group->stops = group->stops || (row->kind[c] & KIND_STOP) != 0;
    if (k == 0 && row->path[c] != before) {
        lane_head_forget(group, c);
    }
}

static void links_learn(struct street *street)
{
    for (int32_t i = 0; i < street->group_count; i++) {
        const struct group *group = &street->groups[i];
        for (int c = 0; c < WIDE; c++) {
            int32_t lane = group->lane[c];
            if (lane == INDEX_NONE || !street->closures.changed[street->network->lanes[lane].link]) {
                continue;
            }
            for (int32_t k = 0; k < group->count[c]; k++) {
                row_learn(street, &street->rows[group->first_row + k], i * WIDE + c, k);
            }
        }
    }
    settle_publish(street);
}

// A head that was held before a lane that was shut to it looks for another lane or another way.
static void heads_learn(struct street *street)
{
    bool any = false;
    for (int32_t i = 0; i < street->group_count; i++) {
        struct group *group = &street->groups[i];
        struct row *row = &street->rows[group->first_row];
        for (int c = 0; c < WIDE; c++) {
            if (group->count[c] > 0 && row->path[c] >= 0 && row->speed[c] < STANDING_MPS
                && cell_closed(street, street->paths[row->path[c]].to_cell,
                               street->types.user[row->kind[c] & KIND_TYPE])) {
                row_learn(street, row, i * WIDE + c, 0);
                any = true;
            }
        }
    }
    if (any) {
        settle_publish(street);
    }
}

void closures_set(struct street *street)
{
    int64_t before_ms = street->now_ms - street->options.step_ms;
    if (street->closures.count > 0 && before_ms >= street->options.begin_ms) {
        (void)closed_find(street, before_ms);
        near_mark(street);
    }
}

void closures_step(struct street *street)
{
    struct closure_books *books = &street->closures;
    if (books->count == 0) {
        return;
    }
    if (street->now_ms >= books->change_ms && closed_find(street, street->now_ms)) {
        size_t links = (size_t)street->network->link_count;
        memcpy(books->changed, books->near, links * sizeof *books->changed);
        near_mark(street);
        for (size_t i = 0; i < links; i++) {
            books->changed[i] |= books->near[i];
        }
        links_learn(street);
    }
    if (books->near_count > 0 && street->now_ms % MS_PER_S == 0) {
        heads_learn(street);
    }
}
