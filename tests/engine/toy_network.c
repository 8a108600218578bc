#include "tests/engine/toy_network.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/memory.h"

struct toy_site toy_plain(int32_t group_count)
{
    struct toy_site site = { .group_count = group_count, .cycle_ms = 60000, .cycle_ms_min = 10000,
                             .cycle_ms_max = 240000, .quantum_ms = 100 };
    for (int32_t i = 0; i < group_count; i++) {
        site.groups[i] = (struct toy_group){ .kind = GROUP_VEHICLE, .green_ms_min = 5000, .red_ms_max = 120000,
                                             .yellow_ms = 3000 };
        for (int32_t j = 0; j < group_count; j++) {
            site.intergreen_ms[i][j] = -1;
        }
    }
    return site;
}

void toy_conflict(struct toy_site *site, int32_t a, int32_t b, int32_t intergreen_ms)
{
    site->intergreen_ms[a][b] = site->intergreen_ms[b][a] = intergreen_ms;
}

struct toy_site toy_cross(void)
{
    struct toy_site site = toy_plain(8);
    site.stage_count = 4;
    site.green_count = 8;
    site.cycle_ms = 100000;
    for (int32_t g = 0; g < 8; g++) {
        int32_t arm = g / 2, stage = arm % 2 * 2 + g % 2;
        site.groups[g].red_clearance_ms = 1000;
        site.stages[stage] |= UINT64_C(1) << g;
        site.greens[g] = (struct program_green){ .group = g, .stage = stage, .start_ms = stage * 25000,
                                                 .end_ms = stage * 25000 + 20000 };
        for (int32_t other = 0; other < g; other++) {
            int32_t opposite = other / 2 == (arm + 2) % 4;
            if (other / 2 != arm && !(opposite && other % 2 == g % 2)) {
                toy_conflict(&site, g, other, 5000);
            }
        }
    }
    return site;
}

struct toy_site toy_pair(void)
{
    struct toy_site site = toy_plain(2);
    toy_conflict(&site, 0, 1, 5000);
    site.stage_count = site.green_count = 2;
    site.stages[0] = 1;
    site.stages[1] = 2;
    site.cycle_ms = 50000;
    site.greens[0] = (struct program_green){ .group = 0, .stage = 0, .start_ms = 0, .end_ms = 20000 };
    site.greens[1] = (struct program_green){ .group = 1, .stage = 1, .start_ms = 25000, .end_ms = 45000 };
    return site;
}

static int32_t toy_name(struct network *network, const char *kind, int32_t site, int32_t i)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%s %d.%d", kind, site, i);
    return names_add(&network->names, text);
}

static void site_add(struct network *network, const struct toy_site *site)
{
    int32_t index = network->intersection_count++;
    network->intersections[index] = (struct intersection){ .name = toy_name(network, "toy", index, 0),
        .first_group = network->group_count, .group_count = site->group_count, .first_stage = network->stage_count,
        .stage_count = site->stage_count, .first_intergreen = network->intergreen_count,
        .first_green = network->program_green_count, .green_count = site->green_count, .cycle_ms = site->cycle_ms,
        .offset_ms = site->offset_ms, .cycle_ms_min = site->cycle_ms_min, .cycle_ms_max = site->cycle_ms_max,
        .coordinated_stage = site->stage_count > 0 ? 0 : INDEX_NONE, .quantum_ms = site->quantum_ms, .approved = true };
    for (int32_t i = 0; i < site->group_count; i++) {
        const struct toy_group *group = &site->groups[i];
        network->groups[network->group_count++] = (struct signal_group){ .name = toy_name(network, "group", index, i),
            .intersection = index, .kind = group->kind, .green_ms_min = group->green_ms_min,
            .green_ms_max = group->green_ms_min + GREEN_MS_MAX_DEFAULT, .red_ms_max = group->red_ms_max,
            .red_ms_max_emergency = group->red_ms_max + group->red_ms_more, .yellow_ms = group->yellow_ms,
            .red_clearance_ms = group->red_clearance_ms };
        for (int32_t j = 0; j < site->group_count; j++) {
            network->intergreen_ms[network->intergreen_count++] = site->intergreen_ms[i][j];
        }
    }
    for (int32_t i = 0; i < site->stage_count; i++) {
        network->stages[network->stage_count++] = (struct stage){ .name = toy_name(network, "stage", index, i),
            .intersection = index, .groups = site->stages[i], .program_phase = i, .green_ms_min = 0,
            .green_ms_max = GREEN_MS_MAX_DEFAULT };
    }
    for (int32_t i = 0; i < site->green_count; i++) {
        network->program_greens[network->program_green_count++] = site->greens[i];
    }
}

void toy_network_build(struct network *ret, const struct toy_site *sites, int32_t site_count, int64_t reference_ms)
{
    size_t groups = 0, pairs = 0, stages = 0, greens = 0;
    for (int32_t i = 0; i < site_count; i++) {
        groups += (size_t)sites[i].group_count;
        pairs += (size_t)sites[i].group_count * (size_t)sites[i].group_count;
        stages += (size_t)sites[i].stage_count;
        greens += (size_t)sites[i].green_count;
    }
    network_create(ret);
    ret->reference_ms = reference_ms;
    (void)names_add(&ret->regions, "");
    ret->intersections = memory_take((size_t)site_count, sizeof *ret->intersections);
    ret->groups = memory_take(groups, sizeof *ret->groups);
    ret->intergreen_ms = memory_take(pairs, sizeof *ret->intergreen_ms);
    ret->stages = memory_take(stages, sizeof *ret->stages);
    ret->program_greens = memory_take(greens, sizeof *ret->program_greens);
    for (int32_t i = 0; i < site_count; i++) {
        site_add(ret, &sites[i]);
    }
    struct problem problem;
    if (network_finish(ret, "toy", &problem) != STATUS_OK) {
        (void)fprintf(stderr, "%s\n", problem.text);
        abort();
    }
}
