#include "engine/import/program_parts.h"

#include <stdlib.h>

// first: programs + 1 counts that were added up at p + 1; gives each item its place.
static int32_t *places_of(int32_t *first, int32_t programs, int32_t count)
{
    for (int32_t p = 0; p < programs; p++) {
        first[p + 1] += first[p];
    }
    return memory_take((size_t)count, sizeof(int32_t));
}

void program_parts_create(const struct network_draft *draft, struct program_parts *ret)
{
    int32_t programs = draft->programs.count;
    *ret = (struct program_parts){ .first_connection = memory_take((size_t)programs + 1, sizeof(int32_t)),
        .first_crossing = memory_take((size_t)programs + 1, sizeof(int32_t)) };
    for (int32_t i = 0; i < draft->connections.count; i++) {
        const struct draft_connection *at = &draft->connections.at[i];
        ret->first_connection[at->letter == INDEX_NONE ? 0 : at->program + 1] += at->letter != INDEX_NONE;
    }
    for (int32_t i = 0; i < draft->crossings.count; i++) {
        ret->first_crossing[draft->crossings.at[i].program + 1]++;
    }
    ret->connections = places_of(ret->first_connection, programs, draft->connections.count);
    ret->crossings = places_of(ret->first_crossing, programs, draft->crossings.count);
    int32_t *next = memory_copy(ret->first_connection, (size_t)programs + 1, sizeof *next);
    for (int32_t i = 0; i < draft->connections.count; i++) {
        const struct draft_connection *at = &draft->connections.at[i];
        if (at->letter != INDEX_NONE) {
            ret->connections[next[at->program]++] = i;
        }
    }
    free(next);
    next = memory_copy(ret->first_crossing, (size_t)programs + 1, sizeof *next);
    for (int32_t i = 0; i < draft->crossings.count; i++) {
        ret->crossings[next[draft->crossings.at[i].program]++] = i;
    }
    free(next);
}

void program_parts_release(struct program_parts *parts)
{
    free(parts->first_connection);
    free(parts->connections);
    free(parts->first_crossing);
    free(parts->crossings);
    *parts = (struct program_parts){ 0 };
}
