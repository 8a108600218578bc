#include "engine/serve/picture.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/serve/city_clock.h"

#define DETAIL_MS 10000           // pictures stay detailed so long after somebody looked

void pictures_create(const struct network *network, const char *strategy, const struct brain_options *brain,
                     int64_t now_ms, struct pictures *ret)
{
    pthread_mutex_init(&ret->mutex, NULL);
    for (int i = 0; i < 3; i++) {
        struct picture *picture = &ret->all[i];
        picture->states = memory_take((size_t)network->intersection_count, sizeof *picture->states);
        picture->versions = memory_take((size_t)network->intersection_count, sizeof *picture->versions);
        picture->link_queue_veh = memory_take((size_t)network->link_count, sizeof *picture->link_queue_veh);
        picture->aspects = memory_take((size_t)network->group_count, sizeof *picture->aspects);
        for (int32_t k = 0; k < network->intersection_count; k++) {
            picture->states[k].stage = INDEX_NONE;
        }
        snprintf(picture->strategy, sizeof picture->strategy, "%s", strategy);
        picture->epoch = brain->epoch;
        picture->daemon = brain->daemon;
        picture->now_ms = now_ms;
    }
    ret->mine = &ret->all[0];
    ret->middle = &ret->all[1];
    ret->theirs = &ret->all[2];
}

void pictures_release(struct pictures *pictures)
{
    for (int i = 0; i < 3; i++) {
        free(pictures->all[i].states);
        free(pictures->all[i].versions);
        free(pictures->all[i].link_queue_veh);
        free(pictures->all[i].aspects);
    }
    pthread_mutex_destroy(&pictures->mutex);
}

void pictures_show(struct pictures *pictures)
{
    struct picture next = *pictures->mine;
    pthread_mutex_lock(&pictures->mutex);
    struct picture *old = pictures->middle;
    pictures->middle = pictures->mine;
    pictures->middle_new = true;
    pthread_mutex_unlock(&pictures->mutex);
    // What is counted from the start goes on in the picture that will be filled next.
    next.states = old->states;
    next.versions = old->versions;
    next.link_queue_veh = old->link_queue_veh;
    next.aspects = old->aspects;
    *old = next;
    pictures->mine = old;
}

const struct picture *pictures_look(struct pictures *pictures)
{
    pthread_mutex_lock(&pictures->mutex);
    if (pictures->middle_new) {
        struct picture *old = pictures->theirs;
        pictures->theirs = pictures->middle;
        pictures->middle = old;
        pictures->middle_new = false;
    }
    pthread_mutex_unlock(&pictures->mutex);
    return pictures->theirs;
}

void pictures_detail(struct pictures *pictures)
{
    atomic_store(&pictures->detail_until_ms, monotonic_ms() + DETAIL_MS);
}

bool pictures_detailed(struct pictures *pictures)
{
    return monotonic_ms() < atomic_load(&pictures->detail_until_ms);
}
