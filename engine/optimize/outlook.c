#include "engine/optimize/outlook.h"

#include <stddef.h>
#include <stdlib.h>

#include "engine/base/memory.h"

void outlook_create(struct outlook *outlook, int32_t movement_count)
{
    outlook->movement_count = movement_count;
    outlook->heard = memory_take_table((size_t)movement_count, sizeof *outlook->heard);
    outlook->told = memory_take_table((size_t)movement_count, sizeof *outlook->told);
    outlook->speaks = memory_take((size_t)movement_count, sizeof *outlook->speaks);
    for (int32_t m = 0; m < movement_count; m++) {
        outlook->heard[m].from_ms = outlook->told[m].from_ms = INT64_MIN;
    }
}

void outlook_release(struct outlook *outlook)
{
    free(outlook->heard);
    free(outlook->told);
    free(outlook->speaks);
    *outlook = (struct outlook){ 0 };
}

void outlook_turn(struct outlook *outlook)
{
    struct told *kept = outlook->heard;
    outlook->heard = outlook->told;
    outlook->told = kept;
}

void outlook_tell(struct outlook *outlook, int32_t movement, int64_t from_ms, const float *vehicles)
{
    struct told *told = &outlook->told[movement];
    told->from_ms = from_ms;
    outlook->speaks[movement] = 1;
    for (int32_t i = 0; i < OUTLOOK_BIN_COUNT; i++) {
        float units = vehicles[i] * (float)OUTLOOK_UNIT + 0.5f;
        told->vehicles[i] = (uint8_t)(units < 0.0f ? 0.0f : units > 255.0f ? 255.0f : units);
    }
}

void outlook_forget(struct outlook *outlook, int32_t movement)
{
    outlook->told[movement].from_ms = INT64_MIN;
}

void outlook_repeat(struct outlook *outlook, int32_t first, int32_t count)
{
    for (int32_t m = first; m < first + count; m++) {
        if (outlook->speaks[m] != 0) {    // Of the others both tables say nothing.
            outlook->told[m] = outlook->heard[m];
        }
    }
}

void outlook_silence(struct outlook *outlook, int32_t first, int32_t count)
{
    for (int32_t m = first; m < first + count; m++) {
        outlook->heard[m].from_ms = outlook->told[m].from_ms = INT64_MIN;
    }
}

void outlook_snapshot(struct outlook *outlook, struct snapshot_walk *walk)
{
    snapshot_column(walk, outlook->heard, (size_t)outlook->movement_count, sizeof *outlook->heard);
    snapshot_column(walk, outlook->told, (size_t)outlook->movement_count, sizeof *outlook->told);
    snapshot_column(walk, outlook->speaks, (size_t)outlook->movement_count, sizeof *outlook->speaks);
}
