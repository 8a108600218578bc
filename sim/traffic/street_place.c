#include "sim/traffic/street_place.h"

#include <assert.h>
#include <string.h>

#include "sim/traffic/settling.h"
#include "sim/traffic/trips.h"

void place_room(struct street *street, int32_t trips, int64_t legs)
{
    trips_make_room(street, trips, legs);
}

static void group_clear(struct group *group)
{
    for (int c = 0; c < WIDE; c++) {
        group->count[c] = 0;
        group->yielding[c] = 0;
        group->entered[c] = PATH_NONE;
        group->entry_busy[c] = false;
        group->head_signal[c] = INDEX_NONE;
        group->head_path[c] = PATH_NONE;
    }
    group->count_max = 0;
    group->stops = false;
    group->held = group->clear = group->changed = group->over = group->shown = 0;
}

static void loops_clear(struct street *street, int32_t elapsed_ms)
{
    for (int32_t i = 0; i < street->loop_layer_count; i++) {
        struct loop_layer *layer = &street->loops[i];
        for (int c = 0; c < WIDE; c++) {
            layer->occupied_ms[c] = layer->count[c] = layer->speed_mmps[c] = 0;
            layer->behind_ms[c] = layer->behind_count[c] = layer->behind_mmps[c] = 0;
            layer->last_ms[c] = elapsed_ms;
        }
        street->loops_met[i] = (struct loops_met){ 0 };
    }
}

void place_clear(struct street *street, int64_t now_ms)
{
    const struct network *network = street->network;
    trips_clear(street);
    for (int32_t i = 0; i < street->group_count; i++) {
        group_clear(&street->groups[i]);
        street->reaching[i] = 0;
    }
    for (int32_t i = 0; i < street->group_count * WIDE; i++) {
        street->seen[i].count = 0;
        street->seen[i].head_path = PATH_NONE;
    }
    for (int32_t i = 0; i < street->block_count; i++) {
        struct block *block = &street->blocks[i];
        block->waiting = block->vehicles = 0;
        block->stale = block->over = false;
        block->parked = INDEX_NONE;
    }
    for (int32_t i = 0; i < street->crossroads_count; i++) {
        struct crossroads *at = &street->crossroads[i];
        at->vehicles_now = at->vehicles_next = at->vehicles_before = 0;
        at->busy = at->busy_next = at->busy_before = BUSY_REST;
    }
    memset(street->awake, 1, (size_t)street->crossroads_count);
    memset(street->inside, 0, (size_t)street->path_count * sizeof *street->inside);
    memset(street->inside_next, 0, (size_t)street->path_count * sizeof *street->inside_next);
    memset(street->queue_first, 0xff, (size_t)network->link_count * sizeof *street->queue_first);
    memset(street->queue_last, 0xff, (size_t)network->link_count * sizeof *street->queue_last);
    memset(street->turned, 0, (size_t)network->lane_count * sizeof *street->turned);
    memset(street->turned_read, 0, (size_t)network->camera_count * sizeof *street->turned_read);
    memset(street->passage_sums, 0, (size_t)network->connection_count * sizeof *street->passage_sums);
    memset(street->aspects, 0, (size_t)network->group_count * sizeof *street->aspects);
    memset(street->aspects_before, 0, (size_t)network->group_count * sizeof *street->aspects_before);
    for (int32_t i = 0; i < network->group_count; i++) {
        street->green_since_ms[i] = now_ms;
    }
    street->counts = (struct street_counts){ 0 };
    street->now_ms = now_ms;
    street->cameras_read_ms = now_ms;
    street->depart_last_ms = INT64_MIN;
    street->insert_first = false;
    loops_clear(street, street_elapsed_ms(street));
}

int32_t place_trip(struct street *street, const struct trip *trip, const struct leg *legs)
{
    return trip_put(street, trip, legs);
}

void place_in_cell(struct street *street, int32_t cell, const struct vehicle *vehicle)
{
    settle_place(street, cell, vehicle, PATH_NONE);
}

void place_head(struct street *street, int32_t cell, const struct head_memory *memory)
{
    struct group *group = cell_group(street, cell);
    int c = cell % WIDE;
    group->entered[c] = memory->entered;
    group->yielding[c] = memory->yielding;
    group->entry_busy[c] = memory->entry_busy;
    group->held |= memory->held ? 1u << c : 0u;
    group->clear |= memory->clear ? 1u << c : 0u;
    if (memory->over) {
        group->over |= 1u << c;
        group->over_rear[c] = memory->over_rear;
        group->over_mps[c] = memory->over_mps;
        street->blocks[street->block_of_group[cell / WIDE]].over = true;
    }
}

struct head_memory place_head_read(const struct street *street, int32_t cell)
{
    const struct group *group = cell_group(street, cell);
    int c = cell % WIDE;
    bool over = (group->over >> c & 1u) != 0;
    return (struct head_memory){ .entered = group->entered[c], .yielding = group->yielding[c],
        .held = (group->held >> c & 1u) != 0, .clear = (group->clear >> c & 1u) != 0,
        .entry_busy = group->entry_busy[c], .over = over, .over_rear = over ? group->over_rear[c] : 0.0f,
        .over_mps = over ? group->over_mps[c] : 0.0f };
}

bool place_on_path(struct street *street, int32_t path, const struct crosser *crosser, int32_t *slot)
{
    const struct path *at = &street->paths[path];
    struct inside *inside = &street->inside[path];
    const struct share *share = &street->shares[street->share_of_crossroads[at->junction]];
    if (inside->count >= at->capacity) {
        return false;
    }
    *slot = *slot > share->first_slot ? *slot : share->first_slot;   // each share has slots of its own
    if (inside->count == 0) {
        inside->first = *slot;
    }
    assert(inside->first + inside->count == *slot);
    street->now[(*slot)++] = *crosser;
    inside->count++;
    street->crossroads[at->junction].vehicles_now++;
    street->crossroads[at->junction].busy |= busy_bit(&street->crossroads[at->junction], path);
    return true;
}

static void queue_append(struct street *street, int32_t *first, int32_t *last, int32_t trip)
{
    street->trips[trip].next = INDEX_NONE;
    if (*last == INDEX_NONE) {
        *first = trip;
    } else {
        street->trips[*last].next = trip;
    }
    *last = trip;
}

void place_waiting(struct street *street, int32_t trip, int32_t link)
{
    queue_append(street, &street->queue_first[link], &street->queue_last[link], trip);
    street->blocks[street->block_of_link[link]].waiting++;
}

void place_scheduled(struct street *street, int32_t trip)
{
    queue_append(street, &street->scheduled_first, &street->scheduled_last, trip);
}

void place_arrived(struct street *street, int32_t trip)
{
    queue_append(street, &street->arrived_first, &street->arrived_last, trip);
}

void place_parked(struct street *street, int32_t trip, int32_t block)
{
    int32_t *last = &street->blocks[block].parked;
    while (*last != INDEX_NONE) {
        last = &street->trips[*last].next;
    }
    *last = trip;
    street->trips[trip].next = INDEX_NONE;
}

void place_done(struct street *street)
{
    settle_publish(street);
}
