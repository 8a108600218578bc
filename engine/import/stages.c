#include "engine/import/stages.h"

#include "engine/model/inside.h"
#include "engine/model/units.h"

static const int32_t STAGE_MS_MAX = 600000;   // files write "no limit" as some large number

static int32_t stage_with(const struct signal_build *build, int32_t first, uint64_t groups)
{
    for (int32_t s = first; s < build->stages.count; s++) {
        if (build->stages.at[s].groups == groups) {
            return s - first;
        }
    }
    return INDEX_NONE;
}

// How long the stage may run, as the file says it of this phase; the phase's own duration is always allowed.
static void stage_widen(struct stage *stage, const struct draft_phase *phase, int32_t duration_ms)
{
    int32_t min_ms = phase->duration_ms_min > 0 ? phase->duration_ms_min : GREEN_MS_MIN_DEFAULT;
    int32_t max_ms = phase->duration_ms_max > 0 && phase->duration_ms_max <= STAGE_MS_MAX ? phase->duration_ms_max
        : GREEN_MS_MAX_DEFAULT;
    min_ms = min_ms < duration_ms ? min_ms : duration_ms;
    stage->green_ms_min = stage->green_ms_min == 0 || min_ms < stage->green_ms_min ? min_ms : stage->green_ms_min;
    raise_to(&stage->green_ms_max, max_ms);
    raise_to(&stage->green_ms_max, duration_ms);
}

static struct stage *stage_add(struct signal_build *build, const struct light *light, int32_t first, uint64_t groups,
                               int32_t phase)
{
    struct stage stage = { .intersection = build->intersections.count, .groups = groups, .program_phase = phase,
        .name = build_part_name(build, light, 's', build->stages.count - first) };
    struct stage *added = GROW(build->stages);
    *added = stage;
    return added;
}

static void stages_of_phases(struct signal_build *build, const struct light *light, const struct timeline *timeline,
                             int32_t first)
{
    for (int32_t i = 0; i < timeline->count; i++) {
        const struct segment *segment = &timeline->at[i];
        if (!segment_is_stage(segment)) {
            continue;
        }
        int32_t known = stage_with(build, first, segment->green);
        struct stage *stage = known != INDEX_NONE ? &build->stages.at[first + known]
            : stage_add(build, light, first, segment->green, segment->phase);
        stage_widen(stage, &light_phases(build->draft, light->program)[segment->phase], segment->duration_ms);
    }
}

// Groups that are green only while another is yellow.
static void stages_for_the_unserved(struct signal_build *build, const struct light *light,
                                    const struct timeline *timeline, int32_t first)
{
    for (int32_t g = 0; g < light->group_count; g++) {
        bool served = false;
        for (int32_t s = first; s < build->stages.count; s++) {
            served |= build->stages.at[s].groups >> g & 1;
        }
        const struct segment *longest = NULL;
        for (int32_t i = 0; i < timeline->count; i++) {
            const struct segment *segment = &timeline->at[i];
            if ((segment->green >> g & 1) && segment->phase != INDEX_NONE
                && (longest == NULL || segment->duration_ms > longest->duration_ms)) {
                longest = segment;
            }
        }
        if (!served && longest != NULL) {
            struct stage *stage = stage_add(build, light, first, longest->green, longest->phase);
            stage_widen(stage, &light_phases(build->draft, light->program)[longest->phase], longest->duration_ms);
            import_note(build->report, NOTE_ASSUMED, "intersection '%s' group %d is green only while others are "
                        "yellow: phase %d became a stage", build_light_name(build, light), g, longest->phase);
        }
    }
}

// The search for maximal cliques of Bron and Kerbosch (1973), with the pivot of Tomita, Tanaka and Takahashi (2006).
struct clique_search {
    struct signal_build *build;
    const struct light *light;
    int32_t first;
    uint64_t compatible[GROUP_COUNT_MAX];
};

static uint64_t best_neighbours(const struct clique_search *search, uint64_t open, uint64_t closed)
{
    uint64_t best = 0;
    for (int32_t g = 0; g < search->light->group_count; g++) {
        uint64_t neighbours = search->compatible[g] & open;
        if (((open | closed) >> g & 1) && __builtin_popcountll(neighbours) > __builtin_popcountll(best)) {
            best = neighbours;
        }
    }
    return best;
}

// Adds every largest set that holds `chosen`, may still take `open` and takes nothing of `closed`.
static void cliques(struct clique_search *search, uint64_t chosen, uint64_t open, uint64_t closed)
{
    struct signal_build *build = search->build;
    if (build->stages.count - search->first == STAGE_COUNT_MAX) {
        return;
    }
    if (open == 0) {
        if (closed == 0 && stage_with(build, search->first, chosen) == INDEX_NONE) {
            struct stage *stage = stage_add(build, search->light, search->first, chosen, INDEX_NONE);
            stage->green_ms_min = GREEN_MS_MIN_DEFAULT;
            stage->green_ms_max = GREEN_MS_MAX_DEFAULT;
        }
        return;
    }
    uint64_t branches = open & ~best_neighbours(search, open, closed);
    for (int32_t g = 0; g < search->light->group_count; g++) {
        uint64_t bit = UINT64_C(1) << g;
        if (branches & bit) {
            cliques(search, chosen | bit, open & search->compatible[g], closed & search->compatible[g]);
            open &= ~bit;
            closed |= bit;
        }
    }
}

static void stages_derive(struct signal_build *build, const struct light *light, const struct change_rules *rules,
                          int32_t first)
{
    struct clique_search search = { .build = build, .light = light, .first = first };
    uint64_t all = 0;
    for (int32_t i = 0; i < light->group_count; i++) {
        all |= UINT64_C(1) << i;
        for (int32_t j = 0; j < light->group_count; j++) {
            search.compatible[i] |= i != j && !rules->conflict[i][j] ? UINT64_C(1) << j : 0;
        }
    }
    int32_t before = build->stages.count;
    cliques(&search, 0, all, 0);
    import_note(build->report, NOTE_DERIVED, "intersection '%s': %d stages derived beside the %d of its program%s",
                build_light_name(build, light), build->stages.count - before, before - first,
                build->stages.count - first == STAGE_COUNT_MAX ? "; more than fit were left out" : "");
}

// Beside a stage in which those who come from both sides can lock one another up inside the signal, two of one side
// each (engine/model/inside.h).
static void stages_unlock(struct signal_build *build, const struct light *light, int32_t first)
{
    int32_t first_group = build->groups.count - light->group_count, after = build->stages.count;
    const struct inside_signal signal = { .network = build->network, .groups = build->groups.at + first_group,
        .members = build->members.at, .first_group = first_group, .group_count = light->group_count };
    for (int32_t s = first; s < after; s++) {
        uint64_t part[2], groups = build->stages.at[s].groups;
        if (!inside_locks(&signal, groups, &part[0], &part[1])) {
            continue;
        }
        for (int32_t i = 0; i < 2 && build->stages.count - first < STAGE_COUNT_MAX; i++) {
            if (stage_with(build, first, groups & ~part[i]) == INDEX_NONE) {
                int32_t min_ms = build->stages.at[s].green_ms_min, max_ms = build->stages.at[s].green_ms_max;
                struct stage *stage = stage_add(build, light, first, groups & ~part[i], INDEX_NONE);
                stage->green_ms_min = min_ms;
                stage->green_ms_max = max_ms;
            }
        }
        import_note(build->report, NOTE_DERIVED, "intersection '%s': phase %d lets vehicles from both sides onto links "
                    "inside the signal that hold none, where left turners can lock one another up: stages of one side "
                    "each are offered beside it", build_light_name(build, light),
                    build->stages.at[s].program_phase);
    }
}

enum status stages_find(struct signal_build *build, const struct light *light, const struct timeline *timeline,
                        const struct change_rules *rules, int32_t first_stage)
{
    stages_of_phases(build, light, timeline, first_stage);
    stages_for_the_unserved(build, light, timeline, first_stage);
    stages_unlock(build, light, first_stage);
    int32_t count = build->stages.count - first_stage;
    if (count > STAGE_COUNT_MAX) {
        return problem_report(build->problem, STATUS_LIMIT, build_source(build), build_light_name(build, light),
                              "give the program at most 64 different phases of green", "%d stages, more than %d", count,
                              STAGE_COUNT_MAX);
    }
    if (build->options->derived_stages) {
        stages_derive(build, light, rules, first_stage);
    }
    return STATUS_OK;
}

int32_t stage_of_start(const struct signal_build *build, const struct timeline *timeline, int32_t first_stage,
                       int32_t i)
{
    for (int32_t k = 0; k < timeline->count; k++) {
        const struct segment *segment = segment_at(timeline, i + k);
        int32_t stage = segment->phase == INDEX_NONE ? INDEX_NONE : stage_with(build, first_stage, segment->green);
        if (stage != INDEX_NONE) {
            return stage;
        }
    }
    return 0;
}
