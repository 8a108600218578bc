#include "engine/serve/sources.h"

#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/base/names.h"

#define NAMELESS_FROM 0x80000000u     // numbers of nameless sources: after all named ones

struct source {
    uint64_t sequence;
    struct peer peer;
    bool present;
};

struct sources {
    pthread_mutex_t mutex;
    struct names names;
    LIST_OF(struct source) list;
    uint32_t nameless;
};

void sources_create(struct sources **ret)
{
    struct sources *sources = memory_take(1, sizeof *sources);
    pthread_mutex_init(&sources->mutex, NULL);
    *ret = sources;
}

void sources_release(struct sources *sources)
{
    if (sources == NULL) {
        return;
    }
    pthread_mutex_destroy(&sources->mutex);
    names_release(&sources->names);
    free(sources->list.at);
    free(sources);
}

void sources_claim(struct sources *sources, const char *name, struct peer peer, struct source_claim *ret)
{
    *ret = (struct source_claim){ .entry = INDEX_NONE };
    pthread_mutex_lock(&sources->mutex);
    int32_t entry = name[0] == '\0' ? NAME_NONE : names_find(&sources->names, name);
    if (entry == NAME_NONE && name[0] != '\0' && sources->list.count < NAMED_SOURCE_COUNT_MAX) {
        entry = names_add(&sources->names, name);
        *GROW(sources->list) = (struct source){ 0 };
    }
    if (entry == NAME_NONE) {
        ret->source = NAMELESS_FROM + sources->nameless++ % NAMELESS_FROM;
    } else {
        struct source *source = &sources->list.at[entry];
        ret->entry = entry;
        ret->source = (uint32_t)entry + 1;
        ret->sequence_after = source->sequence;
        ret->superseded = source->present;
        ret->old = source->peer;
        source->present = true;
        source->peer = peer;
    }
    pthread_mutex_unlock(&sources->mutex);
}

void sources_leave(struct sources *sources, int32_t entry, struct peer peer, uint64_t sequence)
{
    if (entry == INDEX_NONE) {
        return;
    }
    pthread_mutex_lock(&sources->mutex);
    struct source *source = &sources->list.at[entry];
    source->sequence = sequence > source->sequence ? sequence : source->sequence;
    if (source->peer.loop == peer.loop && source->peer.slot == peer.slot
        && source->peer.generation == peer.generation) {
        source->present = false;
    }
    pthread_mutex_unlock(&sources->mutex);
}
