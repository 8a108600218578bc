// signal_build.h: the signals of a network while they are derived: what the parts of derive.h share.
//
// CONTRACT  One build for all programs of a draft; the lists become the network's arrays at the end.
#pragma once

#include <stdio.h>

#include "engine/import/import.h"
#include "engine/import/light.h"
#include "engine/import/program_parts.h"

struct signal_build {
    const struct network_draft *draft;
    const struct program_parts *parts;
    const int32_t *renumbered;               // the draft's connection -> the network's, or INDEX_NONE
    const struct import_options *options;
    struct import_report *report;
    struct network *network;
    struct problem *problem;
    LIST_OF(struct signal_group) groups;
    LIST_OF(int32_t) members;
    LIST_OF(struct stage) stages;
    LIST_OF(int32_t) intergreens;
    LIST_OF(struct program_green) greens;
    LIST_OF(struct intersection) intersections;
    int32_t pair_count, short_pair_count;    // conflicting pairs; of them shorter than the profile asks
    int32_t assumed_yellow_count;            // groups of programs whose format cannot show a yellow
};

static inline const char *build_light_name(const struct signal_build *build, const struct light *light)
{
    return names_text(&build->network->names, build->draft->programs.at[light->program].name);
}

static inline const char *build_source(const struct signal_build *build)
{
    return build->draft->source != NULL ? build->draft->source : "network";
}

// Name of the intersection's group ('g') or stage ('s') number `index`.
static inline int32_t build_part_name(struct signal_build *build, const struct light *light, char what, int32_t index)
{
    char name[300];
    (void)snprintf(name, sizeof name, "%.250s/%c%d", build_light_name(build, light), what, index);
    return names_add(&build->network->names, name);
}

static inline void raise_to(int32_t *value, int32_t least)
{
    *value = *value > least ? *value : least;
}
