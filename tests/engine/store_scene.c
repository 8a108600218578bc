// A store of a toy city beside a Redis that is played: store_scene.h.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/memory.h"
#include "tests/engine/store_scene.h"
#include "tests/engine/toy_network.h"

const char SCENE_PLAN[SCENE_PLAN_BYTES] = "\x08\x01plan";

static void on_restored(void *owner, int32_t intersection, const uint8_t *bytes, size_t byte_count)
{
    struct scene *scene = owner;
    (void)intersection;
    (void)bytes;
    scene->restored++;
    scene->restored_bytes += byte_count;
}

static bool on_plan(void *owner, int32_t intersection, struct store_plan *ret)
{
    const struct scene *scene = owner;
    (void)intersection;
    *ret = (struct store_plan){ .plan = { .kind = PLAN_ROLLING, .reason = { REASON_SWITCH, 2, 90, 140 } },
        .bytes = (const uint8_t *)SCENE_PLAN, .byte_count = scene->plan_bytes };
    return true;
}

struct store_options scene_options(struct scene *scene)
{
    return (struct store_options){ .city = "toy", .connect_ms_max = 3000, .answer_ms_max = 1000, .retry_ms_min = 50,
        .retry_ms_max = 1000, .minute_length_max = 100, .batch_bytes_max = 1 << 18, .jitter_seed = 7, .owner = scene,
        .restored = on_restored, .plan = on_plan };
}

static void network_fill(struct network *network)
{
    struct toy_site *sites = calloc(SITE_COUNT, sizeof *sites);
    for (int i = 0; i < SITE_COUNT; i++) {
        sites[i] = toy_cross();
    }
    toy_network_build(network, sites, SITE_COUNT, 0);
    free(sites);
    // Two loops at the first intersection, one that serves none.
    free(network->detectors);
    network->detector_count = DETECTOR_COUNT;
    network->detectors = memory_take(DETECTOR_COUNT, sizeof *network->detectors);
    for (int i = 0; i < DETECTOR_COUNT; i++) {
        char name[16];
        snprintf(name, sizeof name, "loop%d", i);
        network->detectors[i] = (struct detector){ .name = names_add(&network->names, name),
            .intersection = i < 2 ? 0 : INDEX_NONE };
    }
}

struct scene *scene_make(void)
{
    struct scene *scene = calloc(1, sizeof *scene);
    network_fill(&scene->network);
    struct store_options options = scene_options(scene);
    store_create(&scene->network, &options, &scene->store);
    scene->now_ms = 1000;
    scene->plan_bytes = 6;
    scene->daemon = (struct store_daemon){ .strategy = "webster", .mode = "live", .time_ms = 1000 };
    for (int i = 0; i < SITE_COUNT; i++) {
        scene->states[i].stage = i % 4;
        scene->versions[i] = (struct plan_version){ 5, 9, 1 };
    }
    return scene;
}

void scene_free(struct scene *scene)
{
    store_release(scene->store);
    network_release(&scene->network);
    free(scene);
}

void scene_offer(struct scene *scene)
{
    store_offer(scene->store, scene->states, scene->versions, &scene->daemon);
}

int scene_run(struct scene *scene)
{
    return fake_redis_run(&scene->fake, scene->store, scene->now_ms, scene->said, sizeof scene->said);
}

struct scene *scene_written(void)
{
    struct scene *scene = scene_make();
    scene_run(scene);
    store_lead(scene->store, (struct store_epoch){ 5, 9 });
    scene_offer(scene);
    scene_run(scene);
    assert_true(store_settled(scene->store));
    return scene;
}

const char *scene_name(const struct scene *scene, int32_t intersection)
{
    return network_name(&scene->network, scene->network.intersections[intersection].name);
}

const char *scene_field(struct scene *scene, int32_t intersection, const char *field)
{
    char key[128];
    snprintf(key, sizeof key, "intergreen:{toy}:intersection:%s", scene_name(scene, intersection));
    const char *value = fake_redis_get(&scene->fake, key, field);
    return value != NULL ? value : "(missing)";
}

void scene_later(struct scene *scene, int64_t by_ms)
{
    scene->now_ms += by_ms;
    scene_run(scene);
}
