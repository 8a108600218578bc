#include "engine/serve/minutes.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/model/units.h"

void minutes_create(struct minutes *minutes, const struct network *network)
{
    *minutes = (struct minutes){ .detector_count = network->detector_count,
        .column_count = network->detector_count + network->camera_count, .minute_ms = -1 };
    pthread_mutex_init(&minutes->mutex, NULL);
    minutes->counts = memory_take((size_t)minutes->column_count, sizeof(int32_t));
    for (int i = 0; i < MINUTE_COUNT_MAX; i++) {
        minutes->ring[i].counts = memory_take((size_t)minutes->column_count, sizeof(int32_t));
    }
}

void minutes_release(struct minutes *minutes)
{
    for (int i = 0; i < MINUTE_COUNT_MAX; i++) {
        free(minutes->ring[i].counts);
    }
    free(minutes->counts);
    pthread_mutex_destroy(&minutes->mutex);
}

// Closes the minute that has gone by, and begins the one of now.
static void turn(struct minutes *minutes, int64_t now_ms)
{
    int64_t minute_ms = quantum_floor(now_ms, 60 * MS_PER_S);
    if (minutes->minute_ms == minute_ms) {
        return;
    }
    if (minutes->minute_ms >= 0) {
        pthread_mutex_lock(&minutes->mutex);
        if (minutes->count == MINUTE_COUNT_MAX) {
            minutes->first = (minutes->first + 1) % MINUTE_COUNT_MAX;
            minutes->count--;
        }
        struct minute *minute = &minutes->ring[(minutes->first + minutes->count) % MINUTE_COUNT_MAX];
        minute->minute_ms = minutes->minute_ms;
        memcpy(minute->counts, minutes->counts, (size_t)minutes->column_count * sizeof(int32_t));
        minutes->count++;
        pthread_mutex_unlock(&minutes->mutex);
    }
    minutes->minute_ms = minute_ms;
    for (int32_t i = 0; i < minutes->column_count; i++) {
        minutes->counts[i] = -1;
    }
}

static void add(struct minutes *minutes, int32_t column, int64_t vehicles)
{
    int32_t *count = &minutes->counts[column];
    int64_t sum = (*count < 0 ? 0 : *count) + vehicles;
    *count = sum > INT32_MAX ? INT32_MAX : (int32_t)sum;
}

void minutes_add(struct minutes *minutes, int64_t now_ms, const struct observation_columns *rows)
{
    turn(minutes, now_ms);
    for (int32_t i = 0; i < rows->loops.count; i++) {
        add(minutes, rows->loops.detector[i], rows->loops.vehicles[i]);
    }
    for (int32_t i = 0; i < rows->edges.count; i++) {
        add(minutes, rows->edges.detector[i], rows->edges.on[i] == 0 ? 1 : 0);
    }
    for (int32_t i = 0; i < rows->cameras.count; i++) {
        int64_t turned = 0;
        for (int way = 0; way < 4; way++) {
            turned += rows->cameras.turned[way][i];
        }
        add(minutes, minutes->detector_count + rows->cameras.camera[i], turned);
    }
}

void minutes_drop(struct minutes *minutes)
{
    minutes->minute_ms = -1;
}

bool minutes_take(struct minutes *minutes, int64_t *ret_minute_ms, int32_t *counts)
{
    pthread_mutex_lock(&minutes->mutex);
    bool found = minutes->count > 0;
    if (found) {
        const struct minute *minute = &minutes->ring[minutes->first];
        *ret_minute_ms = minute->minute_ms;
        memcpy(counts, minute->counts, (size_t)minutes->column_count * sizeof *counts);
        minutes->first = (minutes->first + 1) % MINUTE_COUNT_MAX;
        minutes->count--;
    }
    pthread_mutex_unlock(&minutes->mutex);
    return found;
}
