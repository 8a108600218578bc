#include "tests/engine/guard_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

struct green *add(struct plan *plan, int32_t group, int32_t start_ms, int32_t end_ms)
{
    struct green *greens = (struct green *)(uintptr_t)plan->greens;
    assert_true(plan->green_count < GREENS);
    greens[plan->green_count] = (struct green){ .start_ms = start_ms, .end_ms = end_ms, .group = (int16_t)group };
    return &greens[plan->green_count++];
}

void rolling(const struct scene *scene, struct plan *plan, struct green *greens, uint32_t sequence,
             int64_t from_ms, int64_t until_ms)
{
    *plan = (struct plan){ .kind = PLAN_ROLLING, .version = { .epoch = 1, .daemon = 1, .sequence = sequence },
        .site_hash = scene->network.intersections[0].site_hash, .base_ms = NOW, .valid_from_ms = NOW + from_ms,
        .valid_until_ms = NOW + until_ms, .coordinated_stage = INDEX_NONE, .reason.stage = INDEX_NONE,
        .greens = greens };
}

void cyclic(const struct scene *scene, struct plan *plan, struct green *greens, uint32_t sequence,
            int64_t from_ms)
{
    rolling(scene, plan, greens, sequence, from_ms, from_ms + 600000);
    plan->kind = PLAN_CYCLIC;
    plan->base_ms = 0;
    plan->cycle_ms = 50000;
    plan->coordinated_stage = 0;
    (void)add(plan, 0, 0, 20000);
    (void)add(plan, 1, 25000, 45000);
}

void reported(struct scene *scene, int32_t group, enum aspect aspect, int32_t age_ms)
{
    scene->report.aspect[group] = (uint8_t)aspect;
    scene->report.age_ms[group] = age_ms;
}

void open_site(struct scene *scene, const struct toy_site *site)
{
    memset(scene, 0, sizeof *scene);
    toy_network_build(&scene->network, site, 1, 0);
    assert_int_equal(guard_create(&scene->network, &scene->guard, NULL), STATUS_OK);
    scene->request = (struct guard_request){ .candidate = &scene->candidate, .running = { &scene->playing },
        .running_count = 1, .report = &scene->report, .now_ms = NOW };
    scene->report = (struct controller_report){ .time_ms = NOW, .mode = CONTROLLER_PLAN,
        .running = { .epoch = 1, .daemon = 1, .sequence = 1 }, .stage = INDEX_NONE, .group_count = site->group_count };
    reported(scene, 0, ASPECT_GREEN, 20000);
    reported(scene, 1, ASPECT_RED, 22000);
}

void open_at(struct scene *scene, const struct toy_site *site)
{
    open_site(scene, site);
    rolling(scene, &scene->playing, scene->playing_greens, 1, -30000, 100000);
    (void)add(&scene->playing, 0, -20000, 100000);
    (void)add(&scene->playing, 1, -45000, -25000);
    rolling(scene, &scene->candidate, scene->candidate_greens, 2, 0, 60000);
    (void)add(&scene->candidate, 0, -20000, 4000);
    (void)add(&scene->candidate, 1, -45000, -25000);
    (void)add(&scene->candidate, 1, 9000, 60000);
}

void open_scene(struct scene *scene)
{
    struct toy_site site = toy_pair();
    open_at(scene, &site);
}

void open_cyclic(struct scene *scene)
{
    struct toy_site site = toy_pair();
    open_site(scene, &site);
    cyclic(scene, &scene->playing, scene->playing_greens, 1, -200000);
    cyclic(scene, &scene->candidate, scene->candidate_greens, 2, 10000);
    scene->report.time_ms = scene->request.now_ms = NOW + 10000;
    reported(scene, 0, ASPECT_GREEN, 10000);
    reported(scene, 1, ASPECT_RED, 12000);
}

void close_scene(struct scene *scene)
{
    guard_release(scene->guard);
    network_release(&scene->network);
}

enum guard_rule check(struct scene *scene)
{
    enum guard_rule rule = guard_check(scene->guard, &scene->request, &scene->refusal);
    assert_int_equal(rule, scene->refusal.rule);
    assert_int_equal(rule, guard_check(scene->guard, &scene->request, NULL));
    return rule;
}

void assert_refusal(const struct scene *scene, int32_t group, int32_t other_group, int64_t at_ms,
                    int32_t needed_ms, int32_t found_ms)
{
    assert_int_equal(scene->refusal.group, group);
    assert_int_equal(scene->refusal.other_group, other_group);
    assert_int_equal(scene->refusal.at_ms, NOW + at_ms);
    assert_int_equal(scene->refusal.needed_ms, needed_ms);
    assert_int_equal(scene->refusal.found_ms, found_ms);
}
