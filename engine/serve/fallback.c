#include "engine/serve/fallback.h"

#include "engine/base/hash.h"

#define EVERY_DAY 0xffu               // Monday to Sunday, and holidays

int32_t fallback_id(const struct network *network, int32_t intersection)
{
    const struct intersection *at = &network->intersections[intersection];
    uint64_t hash = hash_number(HASH_SEED, (int64_t)at->site_hash);
    hash = hash_number(hash, at->cycle_ms);
    hash = hash_number(hash, at->offset_ms);
    for (int32_t i = 0; i < at->green_count; i++) {
        const struct program_green *green = &network->program_greens[at->first_green + i];
        hash = hash_number(hash, green->group);
        hash = hash_number(hash, green->start_ms);
        hash = hash_number(hash, green->end_ms);
    }
    int32_t id = (int32_t)((hash ^ hash >> 32) & INT32_MAX);
    return id > 0 ? id : 1;
}

void fallback_table_make(const struct network *network, int32_t intersection, struct fallback_room *room,
                         struct fallback_table *ret)
{
    struct plan plan;
    plan_from_program(network, (struct intersection_id){ intersection }, room->greens, &plan);
    room->program = (struct fallback_program){ .cycle_ms = plan.cycle_ms, .offset_ms = plan.offset_ms,
        .coordinated_stage = plan.coordinated_stage, .first_green = 0, .green_count = plan.green_count };
    room->change = (struct fallback_switch){ .days = EVERY_DAY, .at_s = 0, .program = 0 };
    *ret = (struct fallback_table){
        .intersection = intersection,
        .fallback = fallback_id(network, intersection),
        .site_hash = plan.site_hash,
        .time_zone = network->time_zone[0] != '\0' ? network->time_zone : "UTC",
        .reference_ms = network->reference_ms,
        .program_count = 1, .programs = &room->program,
        .green_count = plan.green_count, .greens = room->greens,
        .switch_count = 1, .switches = &room->change,
    };
}
