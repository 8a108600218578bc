// store_boundary.c: what crosses the borders of a region, offered by who leads it and fetched by who leads a neighbour.
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/store/store_inner.h"

void store_offer_boundary(struct store *store, uint64_t number, const uint8_t *bytes, size_t byte_count)
{
    if (byte_count == 0 || byte_count > STORE_BOUNDARY_BYTES_MAX) {
        store->counts.boundaries_dropped += byte_count > 0;
        return;
    }
    if (store->crossing_count == STORE_BOUNDARY_COUNT_MAX) {
        store->crossing_first = (store->crossing_first + 1) % STORE_BOUNDARY_COUNT_MAX;
        store->crossing_count--;
        store->batch_crossings -= store->batch_crossings > 0;
        store->counts.boundaries_dropped++;
    }
    struct crossing *crossing =
        &store->crossings[(store->crossing_first + store->crossing_count) % STORE_BOUNDARY_COUNT_MAX];
    if (crossing->capacity < byte_count) {
        free(crossing->bytes);
        crossing->capacity = byte_count + byte_count / 4;
        crossing->bytes = memory_take(crossing->capacity, 1);
    }
    memcpy(crossing->bytes, bytes, byte_count);
    crossing->byte_count = byte_count;
    crossing->number = number;
    store->crossing_count++;
}

// LOOKING -> FETCHING: as many as are new, and one more, since another may come between the two questions.
void store_fetch_boundary(struct store *store, int64_t now_ms, struct store_actions *ret)
{
    char key[KEY_BYTES_MAX];
    uint64_t count = store->boundary_begun ? store->boundary_at - store->boundary_taken : 1;
    store_key(store, "boundary", INDEX_NONE, key);
    commands_clear(&store->commands);
    commands_begin(&store->commands);
    commands_word(&store->commands, "LRANGE");
    commands_word(&store->commands, key);
    commands_number(&store->commands, 0);
    commands_number(&store->commands, count < STORE_BOUNDARY_COUNT_MAX ? (int64_t)count
                                                                       : STORE_BOUNDARY_COUNT_MAX - 1);
    commands_end(&store->commands);
    store_send(store, now_ms, STORE_FETCHING, ret);
}

// FETCHING -> READY: the oldest is told first.
void store_fetched_boundary(struct store *store, const struct answer *answer, int64_t now_ms)
{
    store->state = STORE_READY;
    store->wake_ms = now_ms;
    int32_t count = answer->kind == ANSWER_LIST ? answer->count : 0;
    for (int32_t i = count - 1; i >= 0; i--) {
        const struct answer *one = &answer->element[i];
        if (one->kind == ANSWER_TEXT && one->bytes > 0 && (size_t)one->bytes <= STORE_BOUNDARY_BYTES_MAX) {
            store->options.boundary(store->options.owner, (const uint8_t *)one->text, (size_t)one->bytes);
            store->counts.boundaries_taken++;
        }
    }
    store->boundary_taken = store->boundary_at;
    store->boundary_begun = true;
}
