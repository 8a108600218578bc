// columns.h: vehicles put into and taken out of a column, one at a time.
#pragma once

#include "sim/traffic/street_state.h"

struct vehicle {
    float front, speed, desired;
    int32_t path, trip;
    uint32_t kind, halt;
};

static inline struct vehicle column_get(const struct row *rows, int32_t k, int column)
{
    return (struct vehicle){ rows[k].front[column], rows[k].speed[column], rows[k].desired[column],
        rows[k].path[column], rows[k].trip[column], rows[k].kind[column], rows[k].halt[column] };
}

static inline void column_set(struct row *rows, int32_t k, int column, const struct vehicle *vehicle)
{
    rows[k].front[column] = vehicle->front;
    rows[k].speed[column] = vehicle->speed;
    rows[k].desired[column] = vehicle->desired;
    rows[k].path[column] = vehicle->path;
    rows[k].trip[column] = vehicle->trip;
    rows[k].kind[column] = vehicle->kind;
    rows[k].halt[column] = vehicle->halt;
}

static inline void column_copy(struct row *rows, int32_t from, int32_t to, int column)
{
    struct vehicle vehicle = column_get(rows, from, column);
    column_set(rows, to, column, &vehicle);
}

// Takes out the k-th of `count`; the others close up.
static inline void column_remove(struct row *rows, int32_t count, int32_t k, int column)
{
    for (int32_t i = k; i + 1 < count; i++) {
        column_copy(rows, i + 1, i, column);
    }
}

// Makes the vehicle the k-th of then count + 1.
static inline void column_insert(struct row *rows, int32_t count, int32_t k, int column,
                                 const struct vehicle *vehicle)
{
    for (int32_t i = count; i > k; i--) {
        column_copy(rows, i - 1, i, column);
    }
    column_set(rows, k, column, vehicle);
}
