#include "engine/serve/plan_table.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/wire/plan_codec.h"

#define SHARD_COUNT 64

struct slot {
    struct plan_entry entry;
    uint8_t *frame;
    size_t capacity;
};

struct plan_table {
    int32_t count;
    struct slot *slots;
    pthread_mutex_t shard[SHARD_COUNT];
    _Atomic int32_t *ring;
    uint64_t ring_count;                  // a power of two, at least twice the intersections
    _Atomic uint64_t changes;
};

void plan_table_create(int32_t intersection_count, struct plan_table **ret)
{
    struct plan_table *table = memory_take(1, sizeof *table);
    table->count = intersection_count;
    table->slots = memory_take((size_t)intersection_count, sizeof *table->slots);
    table->ring_count = 1024;
    while (table->ring_count < 4 * (uint64_t)intersection_count) {
        table->ring_count *= 2;
    }
    table->ring = memory_take(table->ring_count, sizeof *table->ring);
    for (int i = 0; i < SHARD_COUNT; i++) {
        pthread_mutex_init(&table->shard[i], NULL);
    }
    *ret = table;
}

void plan_table_release(struct plan_table *table)
{
    if (table == NULL) {
        return;
    }
    for (int32_t i = 0; i < table->count; i++) {
        free(table->slots[i].frame);
    }
    for (int i = 0; i < SHARD_COUNT; i++) {
        pthread_mutex_destroy(&table->shard[i]);
    }
    free(table->slots);
    free((void *)table->ring);
    free(table);
}

static pthread_mutex_t *shard_of(struct plan_table *table, int32_t intersection)
{
    assert(intersection >= 0 && intersection < table->count);
    return &table->shard[intersection % SHARD_COUNT];
}

enum status plan_table_put(struct plan_table *table, const struct plan *plan)
{
    uint8_t frame[WIRE_PLAN_BYTES_MAX], message[WIRE_PLAN_BYTES_MAX];
    struct frame_writer out = frame_writer_over(frame, sizeof frame);
    size_t message_bytes = wire_pack_plan(plan, message, sizeof message);
    if (message_bytes == 0 || wire_put_plan(&out, plan) != STATUS_OK) {
        return STATUS_RANGE;
    }
    assert(out.used > message_bytes);
    assert(memcmp(frame + out.used - message_bytes, message, message_bytes) == 0);
    struct slot *slot = &table->slots[plan->intersection];
    pthread_mutex_t *shard = shard_of(table, plan->intersection);
    pthread_mutex_lock(shard);
    if (out.used > slot->capacity) {
        free(slot->frame);
        slot->capacity = out.used + out.used / 4;
        slot->frame = memory_take(slot->capacity, 1);
    }
    memcpy(slot->frame, frame, out.used);
    slot->entry = (struct plan_entry){ .version = plan->version, .kind = plan->kind, .reason = plan->reason,
        .frame_bytes = out.used, .message_bytes = message_bytes };
    pthread_mutex_unlock(shard);
    uint64_t position = atomic_load_explicit(&table->changes, memory_order_relaxed);
    atomic_store_explicit(&table->ring[position & (table->ring_count - 1)], plan->intersection,
                          memory_order_relaxed);
    atomic_store_explicit(&table->changes, position + 1, memory_order_release);
    return STATUS_OK;
}

void plan_table_drop(struct plan_table *table, int32_t intersection)
{
    pthread_mutex_t *shard = shard_of(table, intersection);
    pthread_mutex_lock(shard);
    table->slots[intersection].entry = (struct plan_entry){ 0 };
    pthread_mutex_unlock(shard);
}

void plan_table_clear(struct plan_table *table)
{
    for (int32_t i = 0; i < table->count; i++) {
        plan_table_drop(table, i);
    }
}

bool plan_table_get(struct plan_table *table, int32_t intersection, struct plan_entry *ret, uint8_t *bytes)
{
    struct slot *slot = &table->slots[intersection];
    pthread_mutex_t *shard = shard_of(table, intersection);
    pthread_mutex_lock(shard);
    *ret = slot->entry;
    if (slot->entry.frame_bytes > 0) {
        memcpy(bytes, slot->frame, slot->entry.frame_bytes);
    }
    pthread_mutex_unlock(shard);
    return ret->version.epoch != 0;
}

struct plan_version plan_table_version(struct plan_table *table, int32_t intersection)
{
    pthread_mutex_t *shard = shard_of(table, intersection);
    pthread_mutex_lock(shard);
    struct plan_version version = table->slots[intersection].entry.version;
    pthread_mutex_unlock(shard);
    return version;
}

uint64_t plan_table_changes(struct plan_table *table)
{
    return atomic_load_explicit(&table->changes, memory_order_acquire);
}

int32_t plan_table_change(struct plan_table *table, uint64_t position)
{
    int32_t intersection = atomic_load_explicit(&table->ring[position & (table->ring_count - 1)],
                                                memory_order_relaxed);
    // Only then is it certain that the writer did not lap us meanwhile.
    uint64_t changes = plan_table_changes(table);
    return changes - position >= table->ring_count ? INDEX_NONE : intersection;
}
