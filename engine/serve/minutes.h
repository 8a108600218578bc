// minutes.h: one-minute counts of every detector and camera, made by the compute thread, taken by another.
//
// THEORY    Counts of the minute that runs add up in the compute thread's own columns. When it is over they move to a
//           ring, from which the main thread takes whole minutes; of more than MINUTE_COUNT_MAX that wait the oldest
//           gives way.
// CONTRACT  minutes_take from one thread, the rest from another.
// OWNERSHIP minutes_create takes memory, minutes_release gives it back.
// SHAPES    counts: one per detector, then one per camera (vehicles that left it by any turn); -1 without data.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/model/network.h"
#include "engine/model/observation.h"

#define MINUTE_COUNT_MAX 16

struct minute {
    int64_t minute_ms;
    int32_t *counts;
};

struct minutes {
    int32_t detector_count, column_count;
    int64_t minute_ms;               // that is being counted; -1: none
    int32_t *counts;
    pthread_mutex_t mutex;           // guards the rest
    struct minute ring[MINUTE_COUNT_MAX];
    int32_t first, count;
};

void minutes_create(struct minutes *minutes, const struct network *network);
void minutes_release(struct minutes *minutes);

// Adds a step's readings to the minute of now_ms; a minute that has gone by is over.
void minutes_add(struct minutes *minutes, int64_t now_ms, const struct observation_columns *rows);

// The clock is another from now on: the minute that runs is dropped.
void minutes_drop(struct minutes *minutes);

// The next whole minute since the last call: true, and a copy.
bool minutes_take(struct minutes *minutes, int64_t *ret_minute_ms, int32_t *counts);
