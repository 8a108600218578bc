#include "engine/serve/showing.h"

#include <stdlib.h>

#include "engine/base/memory.h"

// What crosses the borders of our regions.
static void parcels_show(struct server *server)
{
    int32_t region;
    uint64_t number;
    size_t bytes;
    while (server->parcel != NULL && compute_parcel(server->compute, &region, &number, server->parcel, &bytes)) {
        const struct holding *holding = &server->holdings->at[region];
        if (holding->state == HOLDING_OURS) {
            store_offer_boundary(storage_store(holding->storage), number, server->parcel, bytes);
        }
    }
}

void show_leaving(struct server *server)
{
    const struct picture *picture = compute_look(server->compute);
    struct store_daemon daemon = { .strategy = picture->strategy, .mode = "live", .time_ms = picture->now_ms,
        .steps = picture->steps, .plans = picture->plans, .readings = picture->readings };
    for (int32_t h = 0; h < server->holdings->count; h++) {
        struct holding *holding = &server->holdings->at[h];
        bool quiet = server->steps_down || compute_led_epoch(server->compute) == atomic_load(&server->service.epoch);
        if (holding->state != HOLDING_LEAVING || holding->resigned || !quiet) {
            continue;
        }
        int32_t count = server->network->intersection_count;
        struct plan_version *versions = memory_take((size_t)count, sizeof *versions);
        for (int32_t i = 0; i < count; i++) {
            versions[i] = plan_table_version(server->service.table, i);
        }
        store_offer(storage_store(holding->storage), picture->states, versions, &daemon);
        free(versions);
        holding_resign(holding);
    }
}

void show_leaders(struct server *server)
{
    for (int32_t i = 0; server->settings.parted && i < server->holdings->count; i++) {
        leaders_address_set(server->service.leaders, i, store_leader(storage_store(server->holdings->at[i].storage)));
    }
}

void show_city(struct server *server)
{
    struct holdings *holdings = server->holdings;
    const struct picture *picture = compute_look(server->compute);
    int64_t minute_ms;
    while (minutes_take(compute_minutes(server->compute), &minute_ms, server->minute_counts)) {
        for (int32_t i = 0; i < holdings->count; i++) {
            if (holdings->at[i].state == HOLDING_OURS) {
                store_offer_minute(storage_store(holdings->at[i].storage), minute_ms, server->minute_counts);
            }
        }
    }
    parcels_show(server);
    if (picture->steps == server->shown_steps) {
        return;
    }
    server->shown_steps = picture->steps;
    struct store_daemon daemon = { .strategy = picture->strategy, .mode = picture->lockstep ? "lockstep" : "live",
        .time_ms = picture->now_ms, .steps = picture->steps, .plans = picture->plans, .readings = picture->readings,
        .connections = atomic_load(&server->service.connection_count), .step_us = picture->step_us_last };
    for (int32_t i = 0; i < holdings->count; i++) {
        if (holdings->at[i].state == HOLDING_OURS) {
            store_offer(storage_store(holdings->at[i].storage), picture->states, picture->versions, &daemon);
            storage_poke(holdings->at[i].storage);
        }
    }
}
