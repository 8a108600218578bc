// row_types.h: the parameters of the vehicles of a row, sixteen side by side, for the wide kernel.
//
// THEORY    A vehicle carries the number of its type; the kernel wants the type's values column by column. Most rows
//           are of the first type alone, and most demands have few types.
// CONTRACT  Only copies: the same bits on every instruction set. Where a column has no vehicle its values are any
//           type's.
// OWNERSHIP What is returned lies in the job or in the caller's room.
// NOT HERE  What is computed of them (street_kernel.c).
#pragma once

#include "sim/traffic/street_kernel.h"
#include "sim/traffic/wide.h"

#define FEW_TYPES 6

static void types_spread(const struct type_table *table, const uint32_t *kind, struct wide_types *ret)
{
    for (int c = 0; c < WIDE; c++) {
        uint32_t type = kind[c] & KIND_TYPE;
        ret->acceleration[c] = table->acceleration[type];
        ret->deceleration[c] = table->deceleration[type];
        ret->emergency[c] = table->emergency[type];
        ret->headway[c] = table->headway[type];
        ret->gap[c] = table->gap[type];
        ret->length[c] = table->length[type];
        ret->closing[c] = table->closing[type];
        ret->imperfection[c] = table->imperfection[type];
        ret->krauss[c] = table->krauss[type];
    }
}

// Room for the parameters of a row of several types: each is laid over the ones before, from one half to the other, as
// a store of chosen columns is slow on some processors.
struct types_room {
    struct wide_types half[2];
};

// Lays the values of one type over those of the columns whose vehicle is of it.
static INLINE void type_lay(const struct type_table *table, uint32_t type, const uint32_t *restrict kind,
                            const struct wide_types *restrict under, struct wide_types *restrict ret)
{
    float acceleration = table->acceleration[type], deceleration = table->deceleration[type],
        emergency = table->emergency[type], headway = table->headway[type], gap = table->gap[type],
        length = table->length[type], closing = table->closing[type], imperfection = table->imperfection[type];
    int32_t krauss = table->krauss[type];
    FOR_WIDE {
        bool is = (kind[c] & KIND_TYPE) == type;
        ret->acceleration[c] = is ? acceleration : under->acceleration[c];
        ret->deceleration[c] = is ? deceleration : under->deceleration[c];
        ret->emergency[c] = is ? emergency : under->emergency[c];
        ret->headway[c] = is ? headway : under->headway[c];
        ret->gap[c] = is ? gap : under->gap[c];
        ret->length[c] = is ? length : under->length[c];
        ret->closing[c] = is ? closing : under->closing[c];
        ret->imperfection[c] = is ? imperfection : under->imperfection[c];
        ret->krauss[c] = is ? krauss : under->krauss[c];
    }
}

// With few types it is quicker to lay one after the other over all columns than to look each column up; and where all
// vehicles are of the first type, as most rows' are, there is nothing to lay.
static INLINE const struct wide_types *types_lay(const struct follow_job *job, const uint32_t *restrict kind,
                                                 const int32_t *restrict count, int32_t k,
                                                 struct types_room *room)
{
    uint32_t present = 0;              // bit by type
    _Pragma("omp simd reduction(|:present)")
    for (int c = 0; c < WIDE; c++) {
        present |= (1u << (kind[c] & KIND_TYPE)) & (k < count[c] ? UINT32_MAX : 0u);
    }
    const struct wide_types *types = job->first_type;
    struct wide_types *to = &room->half[0];
    for (uint32_t rest = present & ~1u; rest != 0; rest &= rest - 1) {
        type_lay(job->types, (uint32_t)__builtin_ctz(rest), kind, types, to);
        types = to;
        to = to == &room->half[0] ? &room->half[1] : &room->half[0];
    }
    return types;
}

// The parameters of the vehicles of row k. Where a column has no vehicle they are any type's.
static INLINE const struct wide_types *types_of(const struct follow_job *job, const uint32_t *kind,
                                                const int32_t *count, int32_t k, struct types_room *room)
{
    if (job->type_count == 1) {
        return job->first_type;
    }
    if (job->type_count <= FEW_TYPES) {
        return types_lay(job, kind, count, k, room);
    }
    types_spread(job->types, kind, &room->half[0]);
    return &room->half[0];
}
