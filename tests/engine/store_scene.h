// A store of a toy city beside a Redis that is played, for tests: the city's state, what the store says and hears.
#pragma once

#include "engine/store/store.h"
#include "tests/engine/fake_redis.h"

#define SITE_COUNT 40
#define DETECTOR_COUNT 3
#define SCENE_PLAN_BYTES 4000

extern const char SCENE_PLAN[SCENE_PLAN_BYTES];   // of every intersection; its first scene->plan_bytes are in force

struct scene {
    struct network network;
    struct store *store;
    struct fake_redis fake;
    struct intersection_state states[SITE_COUNT];
    struct plan_version versions[SITE_COUNT];
    struct store_daemon daemon;
    char said[1024];
    size_t plan_bytes;                // of each plan in force
    int restored;
    size_t restored_bytes;
    int64_t now_ms;
};

struct store_options scene_options(struct scene *scene);

// Forty crossings, two loops at the first; not yet connected. To be freed with scene_free.
struct scene *scene_make(void);
void scene_free(struct scene *scene);

// Connected, leading as epoch 5 of daemon 9, everything written.
struct scene *scene_written(void);

// What the engine tells the store at each step.
void scene_offer(struct scene *scene);

// Lets store and Redis talk until they are silent, now or by_ms later. How many batches of commands were answered.
int scene_run(struct scene *scene);
void scene_later(struct scene *scene, int64_t by_ms);

const char *scene_name(const struct scene *scene, int32_t intersection);

// A field of an intersection as it stands in Redis; "(missing)" where there is none.
const char *scene_field(struct scene *scene, int32_t intersection, const char *field);
