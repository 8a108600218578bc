#include "sim/demand/router.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/model/units.h"

#define MINOR_PENALTY_MS 1500          // SUMO's default of --weights.minor-penalty
#define SPEED_MPS_LEAST 0.1            // a link of speed 0 is slow, not free
#define COST_MS_MAX (MS_PER_DAY / 24)  // of one link or turn: sums stay far from INT32_MAX

struct router {
    const struct network *network;
    int32_t *first_step;               // link_count + 1 rows: where a link's steps start
    int32_t *step_to, *step_cost_ms;
    uint32_t *step_users, *link_users;
    uint8_t *step_turns;               // 1: no connection of the step goes straight on
    int32_t *free_flow_ms, *cost_ms;   // by link

    int32_t source;                    // of the search that can go on, or INDEX_NONE
    enum user_class user;
    uint32_t *round;                   // by link: the search that wrote its row
    uint32_t round_now;
    uint8_t *settled;
    int32_t *time_ms, *previous;
    int32_t *order, order_count;       // links settled, in that order
    struct { uint64_t *at; int32_t count, capacity; } heap;   // time << 32 | link
};

static int32_t travel_ms(double length_m, double speed_mps)
{
    double s = length_m / fmax(speed_mps, SPEED_MPS_LEAST);
    int64_t ms = ms_from_s(fmin(fmax(s, 0.0), s_from_ms(COST_MS_MAX)));
    return (int32_t)ms;
}

static int32_t turn_ms(const struct network *network, const struct connection *connection)
{
    int32_t ms = travel_ms(connection->length_m, connection->speed_mps);
    if (connection->group != INDEX_NONE) {
        return ms;
    }
    for (int32_t f = 0; f < connection->foe_count; f++) {
        if (network->foes[connection->first_foe + f].yields) {
            return ms + MINOR_PENALTY_MS;
        }
    }
    return ms;
}

// Puts the step to `to` into the link's sorted run of steps, or widens the one that is there. Gives the new end.
static int32_t step_put(struct router *router, int32_t first, int32_t end, int32_t to, uint32_t users, int32_t cost_ms,
                        bool turns)
{
    int32_t at = first;
    while (at < end && router->step_to[at] < to) {
        at++;
    }
    if (at < end && router->step_to[at] == to) {
        router->step_users[at] |= users;
        router->step_turns[at] = router->step_turns[at] && turns;
        router->step_cost_ms[at] = cost_ms < router->step_cost_ms[at] ? cost_ms : router->step_cost_ms[at];
        return end;
    }
    for (int32_t i = end; i > at; i--) {
        router->step_to[i] = router->step_to[i - 1];
        router->step_users[i] = router->step_users[i - 1];
        router->step_turns[i] = router->step_turns[i - 1];
        router->step_cost_ms[i] = router->step_cost_ms[i - 1];
    }
    router->step_to[at] = to;
    router->step_users[at] = users;
    router->step_turns[at] = turns;
    router->step_cost_ms[at] = cost_ms;
    return end + 1;
}

static void build_steps(struct router *router)
{
    const struct network *network = router->network;
    int32_t end = 0;
    for (int32_t l = 0; l < network->link_count; l++) {
        const struct link *link = &network->links[l];
        int32_t first = end;
        router->first_step[l] = first;
        router->free_flow_ms[l] = travel_ms(link->length_m, link->speed_mps);
        for (int32_t i = link->first_lane; i < link->first_lane + link->lane_count; i++) {
            const struct lane *lane = &network->lanes[i];
            router->link_users[l] |= lane->users;
            for (int32_t c = lane->first_connection; c < lane->first_connection + lane->connection_count; c++) {
                const struct connection *connection = &network->connections[c];
                const struct lane *to = &network->lanes[connection->to_lane];
                end = step_put(router, first, end, to->link, lane->users & to->users, turn_ms(network, connection),
                               connection->turn != TURN_THROUGH);
            }
        }
    }
    router->first_step[network->link_count] = end;
}

struct router *router_create(const struct network *network)
{
    struct router *router = memory_take(1, sizeof *router);
    size_t links = (size_t)network->link_count, steps = (size_t)network->connection_count;
    router->network = network;
    router->first_step = memory_take(links + 1, sizeof *router->first_step);
    router->step_to = memory_take(steps, sizeof *router->step_to);
    router->step_cost_ms = memory_take(steps, sizeof *router->step_cost_ms);
    router->step_users = memory_take(steps, sizeof *router->step_users);
    router->step_turns = memory_take(steps, sizeof *router->step_turns);
    router->order = memory_take(links, sizeof *router->order);
    router->link_users = memory_take(links, sizeof *router->link_users);
    router->free_flow_ms = memory_take(links, sizeof *router->free_flow_ms);
    router->cost_ms = memory_take(links, sizeof *router->cost_ms);
    router->round = memory_take(links, sizeof *router->round);
    router->settled = memory_take(links, sizeof *router->settled);
    router->time_ms = memory_take(links, sizeof *router->time_ms);
    router->previous = memory_take(links, sizeof *router->previous);
    // Lazy deletion: a link is pushed at most once per step into it, and once as the source.
    memory_grow((void **)&router->heap.at, &router->heap.capacity, network->connection_count + 1,
                sizeof *router->heap.at);
    router->source = INDEX_NONE;
    build_steps(router);
    router_set_costs(router, NULL);
    return router;
}

void router_release(struct router *router)
{
    if (router == NULL) {
        return;
    }
    void *owned[] = { router->first_step, router->step_to, router->step_cost_ms, router->step_users, router->link_users,
        router->free_flow_ms, router->cost_ms, router->round, router->settled, router->time_ms, router->previous,
        router->step_turns, router->order, router->heap.at, router };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) {
        free(owned[i]);
    }
}

void router_set_costs(struct router *router, const int32_t *cost_ms)
{
    memcpy(router->cost_ms, cost_ms != NULL ? cost_ms : router->free_flow_ms,
           (size_t)router->network->link_count * sizeof *cost_ms);
    router->source = INDEX_NONE;
}

void router_add_turn_cost(struct router *router, int32_t cost_ms)
{
    for (int32_t s = 0; s < router_step_count(router); s++) {
        router->step_cost_ms[s] += router->step_turns[s] ? cost_ms : 0;
    }
    router->source = INDEX_NONE;
}

int32_t router_free_flow_ms(const struct router *router, int32_t link)
{
    return router->free_flow_ms[link];
}

static void heap_push(struct router *router, int32_t time_ms, int32_t link)
{
    assert(router->heap.count < router->heap.capacity);
    uint64_t key = (uint64_t)(uint32_t)time_ms << 32 | (uint32_t)link;
    int32_t at = router->heap.count++;
    while (at > 0 && router->heap.at[(at - 1) / 4] > key) {
        router->heap.at[at] = router->heap.at[(at - 1) / 4];
        at = (at - 1) / 4;
    }
    router->heap.at[at] = key;
}

static int32_t heap_pop(struct router *router)
{
    int32_t link = (int32_t)(router->heap.at[0] & UINT32_MAX);
    uint64_t key = router->heap.at[--router->heap.count];
    int32_t at = 0;
    for (;;) {
        int32_t child = 4 * at + 1, least = INDEX_NONE;
        for (int32_t i = child; i < child + 4 && i < router->heap.count; i++) {
            if (router->heap.at[i] < (least == INDEX_NONE ? key : router->heap.at[least])) {
                least = i;
            }
        }
        if (least == INDEX_NONE) {
            router->heap.at[at] = key;
            return link;
        }
        router->heap.at[at] = router->heap.at[least];
        at = least;
    }
}

// Offers a time for a link; kept if it is the best so far.
static void offer(struct router *router, int32_t link, int32_t time_ms, int32_t previous)
{
    if (router->round[link] != router->round_now) {
        router->round[link] = router->round_now;
        router->settled[link] = 0;
        router->time_ms[link] = INT32_MAX;
    }
    if (time_ms < router->time_ms[link]) {
        router->time_ms[link] = time_ms;
        router->previous[link] = previous;
        heap_push(router, time_ms, link);
    }
}

static void search_begin(struct router *router, int32_t from, enum user_class user)
{
    if (router->source == from && router->user == user) {
        return;
    }
    router->source = from;
    router->user = user;
    if (++router->round_now == 0) {   // The count wrapped: forget the rows of 2^32 searches ago.
        memset(router->round, 0, (size_t)router->network->link_count * sizeof *router->round);
        router->round_now = 1;
    }
    router->heap.count = router->order_count = 0;
    if (router_usable(router, from, user)) {
        offer(router, from, router->cost_ms[from], INDEX_NONE);
    }
}

// Settles the nearest open link; INDEX_NONE when none is left.
static int32_t settle_next(struct router *router)
{
    while (router->heap.count > 0) {
        int32_t link = heap_pop(router);
        if (router->settled[link]) {
            continue;
        }
        router->settled[link] = 1;
        router->order[router->order_count++] = link;
        for (int32_t s = router->first_step[link]; s < router->first_step[link + 1]; s++) {
            int32_t to = router->step_to[s];
            int32_t cost_ms = router->step_cost_ms[s] + router->cost_ms[to];
            if ((router->step_users[s] & (uint32_t)router->user) != 0
                && router->time_ms[link] < INT32_MAX - 2 * COST_MS_MAX) {
                offer(router, to, router->time_ms[link] + cost_ms, link);
            }
        }
        return link;
    }
    return INDEX_NONE;
}

static bool settled(const struct router *router, int32_t link)
{
    return router->round[link] == router->round_now && router->settled[link];
}

bool router_find(struct router *router, int32_t from, int32_t to, enum user_class user, struct link_list *ret)
{
    search_begin(router, from, user);
    while (!settled(router, to)) {
        if (settle_next(router) == INDEX_NONE) {
            return false;
        }
    }
    int32_t first = ret->count;
    for (int32_t link = to; link != INDEX_NONE; link = router->previous[link]) {
        *GROW(*ret) = link;
    }
    for (int32_t i = first, j = ret->count - 1; i < j; i++, j--) {
        int32_t swap = ret->at[i];
        ret->at[i] = ret->at[j];
        ret->at[j] = swap;
    }
    return true;
}

int32_t router_time_ms(const struct router *router, int32_t link)
{
    return settled(router, link) ? router->time_ms[link] : INT32_MAX;
}

void router_spread(struct router *router, int32_t from, enum user_class user, int32_t limit_ms)
{
    search_begin(router, from, user);
    while (router->heap.count > 0 && (int64_t)(router->heap.at[0] >> 32) <= limit_ms) {
        (void)settle_next(router);
    }
}

bool router_connected(const struct router *router, int32_t from, int32_t to, enum user_class user)
{
    for (int32_t s = router->first_step[from]; s < router->first_step[from + 1]; s++) {
        if (router->step_to[s] == to) {
            return (router->step_users[s] & (uint32_t)user) != 0;
        }
    }
    return false;
}

bool router_usable(const struct router *router, int32_t link, enum user_class user)
{
    return (router->link_users[link] & (uint32_t)user) != 0;
}

int32_t router_successors(const struct router *router, int32_t link, const int32_t **ret)
{
    *ret = router->step_to + router->first_step[link];
    return router->first_step[link + 1] - router->first_step[link];
}

int32_t router_settled(const struct router *router, const int32_t **ret)
{
    *ret = router->order;
    return router->order_count;
}

int32_t router_step(const struct router *router, int32_t link)
{
    return router->first_step[link];
}

int32_t router_step_count(const struct router *router)
{
    return router->first_step[router->network->link_count];
}

uint32_t router_step_users(const struct router *router, int32_t step)
{
    return router->step_users[step];
}
