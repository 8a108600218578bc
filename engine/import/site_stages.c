#include <stdlib.h>
#include <string.h>

#include "engine/import/site_edit.h"
#include "engine/model/units.h"

#define GREENS_PER_GROUP_MAX 8

static enum status take_stage_allowed(void *context, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    bool allowed = true;
    enum status status = site_flag(reader->file, value, &allowed);
    reader->removed[reader->stage] = !allowed;
    return status;
}

static enum status take_stage_member(void *context, const yaml_node_t *item)
{
    struct site_reader *reader = context;
    const char *name = NULL;
    int32_t group = 0;
    enum status status = site_text(reader->file, item, &name);
    status = status != STATUS_OK ? status : site_find_group(reader, name, item, &group);
    if (status == STATUS_OK) {
        reader->stages.at[reader->stage].groups |= UINT64_C(1) << group;
    }
    return status;
}

static enum status take_stage_groups(void *context, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    reader->stages.at[reader->stage].groups = 0;
    return site_each_item(reader->file, value, take_stage_member, reader);
}

static enum status take_stage_green(void *context, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    struct stage *stage = &reader->stages.at[reader->stage];
    return site_limits(reader, value, &stage->green_ms_min, &stage->green_ms_max, SITE_GREEN_S_MAX);
}

static enum status stage_add(struct site_reader *reader, const char *name, const yaml_node_t *node)
{
    if (reader->stages.count == STAGE_COUNT_MAX) {
        return site_wrong(reader->file, node, STATUS_LIMIT, "take one out", "more than %d stages", STAGE_COUNT_MAX);
    }
    reader->stage = reader->stages.count;
    *GROW(reader->stages) = (struct stage){ .name = names_add(&reader->network->names, name),
        .intersection = (int32_t)(reader->at - reader->network->intersections), .program_phase = INDEX_NONE,
        .green_ms_min = GREEN_MS_MIN_DEFAULT, .green_ms_max = GREEN_MS_MAX_DEFAULT };
    return STATUS_OK;
}

// The first two groups of a stage that conflict.
static bool stage_conflict(const struct site_reader *reader, uint64_t groups, int32_t *ret_one, int32_t *ret_other)
{
    for (int32_t i = 0; i < reader->at->group_count; i++) {
        for (int32_t j = 0; j < i; j++) {
            if ((groups >> i & 1) && (groups >> j & 1) && network_intergreen_ms(reader->network, reader->at, i,
                                                                                j) >= 0) {
                *ret_one = j;
                *ret_other = i;
                return true;
            }
        }
    }
    return false;
}

static enum status take_stage(void *context, const char *key, const yaml_node_t *key_node, const yaml_node_t *value)
{
    static const struct site_key KEYS[] = { { "allowed", take_stage_allowed }, { "groups", take_stage_groups },
        { "green_s", take_stage_green }, { NULL, NULL } };
    struct site_reader *reader = context;
    reader->stage = INDEX_NONE;
    for (int32_t i = 0; i < reader->stages.count; i++) {
        if (site_name_is(reader->network, reader->at, reader->stages.at[i].name, key)) {
            reader->stage = i;
        }
    }
    enum status status = reader->stage == INDEX_NONE ? stage_add(reader, key, key_node) : STATUS_OK;
    status = status != STATUS_OK ? status : site_take(reader->file, value, KEYS, reader);
    if (status == STATUS_OK && reader->stages.at[reader->stage].groups == 0 && !reader->removed[reader->stage]) {
        status = site_wrong(reader->file, key_node, STATUS_RANGE, "list its groups", "stage '%.100s' has no group",
                            key);
    }
    return status;
}

// Conflicts are looked at when the matrix is known: the file may have its keys in any order.
static enum status stages_check(struct site_reader *reader)
{
    const yaml_node_t *node = reader->node[KEY_STAGES] != NULL ? reader->node[KEY_STAGES] : reader->root;
    for (int32_t s = 0; s < reader->stages.count; s++) {
        int32_t one = 0, other = 0;
        if (!reader->removed[s] && stage_conflict(reader, reader->stages.at[s].groups, &one, &other)) {
            return site_wrong(reader->file, node, STATUS_RANGE,
                              "take one of the groups out of the stage, or the stage out",
                              "stage '%.60s' has the conflicting groups '%.60s' and '%.60s'",
                              network_name(reader->network, reader->stages.at[s].name), site_group_text(reader, one),
                              site_group_text(reader, other));
        }
    }
    return STATUS_OK;
}

// Puts the stages that are left in place of the intersection's own. ret_place[old] is the new place, or INDEX_NONE.
static void stages_replace(struct site_reader *reader, int32_t *ret_place)
{
    struct network *network = reader->network;
    struct intersection *at = reader->at;
    int32_t left = 0;
    for (int32_t i = 0; i < reader->stages.count; i++) {
        ret_place[i] = reader->removed[i] ? INDEX_NONE : left;
        if (!reader->removed[i]) {
            reader->stages.at[left++] = reader->stages.at[i];
        }
    }
    int32_t shift = left - at->stage_count, after = at->first_stage + at->stage_count;
    if (shift != 0) {
        struct stage *stages = memory_take((size_t)(network->stage_count + shift), sizeof *stages);
        memcpy(stages, network->stages, (size_t)at->first_stage * sizeof *stages);
        memcpy(stages + after + shift, network->stages + after,
               (size_t)(network->stage_count - after) * sizeof *stages);
        free(network->stages);
        network->stages = stages;
        network->stage_count += shift;
        at->stage_count = left;
        for (struct intersection *next = at + 1; next < network->intersections + network->intersection_count; next++) {
            next->first_stage += shift;
        }
    }
    if (left > 0) {
        memcpy(network->stages + at->first_stage, reader->stages.at, (size_t)left * sizeof *network->stages);
    }
}

static enum status take_stages(struct site_reader *reader)
{
    const struct intersection *at = reader->at;
    for (int32_t i = 0; i < at->stage_count; i++) {
        *GROW(reader->stages) = reader->network->stages[at->first_stage + i];
    }
    enum status status = reader->node[KEY_STAGES] == NULL ? STATUS_OK
        : site_each(reader->file, reader->node[KEY_STAGES], take_stage, reader);
    return status != STATUS_OK ? status : stages_check(reader);
}

static enum status take_cycle(void *context, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    return site_seconds(reader->file, value, SITE_CYCLE_S_MAX, &reader->at->cycle_ms);
}

static enum status take_offset(void *context, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    return site_seconds(reader->file, value, SITE_CYCLE_S_MAX, &reader->at->offset_ms);
}

static enum status take_green_group(void *context, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    const char *name = NULL;
    enum status status = site_text(reader->file, value, &name);
    reader->green_group_given = true;
    return status != STATUS_OK ? status : site_find_group(reader, name, value, &reader->green.group);
}

static enum status take_green_stage(void *context, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    const char *name = NULL;
    enum status status = site_text(reader->file, value, &name);
    reader->green_stage_given = true;
    return status != STATUS_OK ? status : site_find_stage(reader, name, value, &reader->green.stage);
}

static enum status take_green_from(void *context, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    return site_seconds(reader->file, value, SITE_CYCLE_S_MAX, &reader->green.start_ms);
}

static enum status take_green_to(void *context, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    return site_seconds(reader->file, value, 2.0 * SITE_CYCLE_S_MAX, &reader->green.end_ms);
}

static enum status take_green(void *context, const yaml_node_t *item)
{
    static const struct site_key KEYS[] = { { "group", take_green_group }, { "stage", take_green_stage },
        { "from_s", take_green_from }, { "to_s", take_green_to }, { NULL, NULL } };
    struct site_reader *reader = context;
    reader->green = (struct program_green){ .start_ms = -1, .end_ms = -1 };
    reader->green_group_given = reader->green_stage_given = false;
    enum status status = site_take(reader->file, item, KEYS, reader);
    if (status != STATUS_OK) {
        return status;
    }
    const struct program_green *green = &reader->green;
    if (!reader->green_group_given || !reader->green_stage_given || green->start_ms < 0 || green->end_ms < 0) {
        return site_wrong(reader->file, item, STATUS_SYNTAX, "give group, stage, from_s and to_s",
                          "a green is incomplete");
    }
    if (reader->greens.count == GROUP_COUNT_MAX * GREENS_PER_GROUP_MAX) {
        return site_wrong(reader->file, item, STATUS_LIMIT, "take some out", "more than %d greens",
                          GROUP_COUNT_MAX * GREENS_PER_GROUP_MAX);
    }
    *GROW(reader->greens) = *green;
    return STATUS_OK;
}

static enum status take_greens(void *context, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    reader->greens.count = 0;
    return site_each_item(reader->file, value, take_green, reader);
}

static int green_compare(const void *left, const void *right)
{
    const struct program_green *a = left, *b = right;
    return a->group != b->group ? (a->group < b->group
                                   ? -1 : 1) : (a->start_ms > b->start_ms) - (a->start_ms < b->start_ms);
}

static enum status greens_check(struct site_reader *reader)
{
    const yaml_node_t *node = reader->node[KEY_PROGRAM] != NULL ? reader->node[KEY_PROGRAM] : reader->root;
    int32_t cycle_ms = reader->at->cycle_ms;
    if (cycle_ms <= 0 || reader->at->offset_ms >= cycle_ms) {
        return site_wrong(reader->file, node, STATUS_RANGE, "give an offset from 0 to less than the cycle",
                          "cycle %g s, offset %g s", s_from_ms(cycle_ms), s_from_ms(reader->at->offset_ms));
    }
    int32_t quantum_ms = reader->at->quantum_ms;
    if (cycle_ms % quantum_ms != 0 || reader->at->offset_ms % quantum_ms != 0) {
        return site_wrong(reader->file, node, STATUS_RANGE, "round it, or make the quantum finer",
                          "cycle or offset is no multiple of the quantum of %g s", s_from_ms(quantum_ms));
    }
    for (int32_t i = 0; i < reader->greens.count; i++) {
        const struct program_green *green = &reader->greens.at[i];
        if (green->start_ms % quantum_ms != 0 || green->end_ms % quantum_ms != 0) {
            return site_wrong(reader->file, node, STATUS_RANGE, "round it, or make the quantum finer",
                              "a green of '%.60s' begins or ends at no multiple of the quantum of %g s",
                              site_group_text(reader, green->group), s_from_ms(quantum_ms));
        }
        if (green->start_ms >= cycle_ms || green->end_ms <= green->start_ms
            || green->end_ms - green->start_ms > cycle_ms) {
            return site_wrong(reader->file, node, STATUS_RANGE,
                              "0 <= from_s < cycle_s, from_s < to_s <= from_s + cycle_s",
                              "a green of '%.60s' from %g to %g s in a cycle of %g s", site_group_text(reader,
                                                                                                       green->group),
                              s_from_ms(green->start_ms), s_from_ms(green->end_ms), s_from_ms(cycle_ms));
        }
        if (reader->removed[green->stage]) {
            return site_wrong(reader->file, node, STATUS_RANGE, "change the program too, or allow the stage",
                              "the program uses stage '%.60s', which is not allowed",
                              network_name(reader->network, reader->stages.at[green->stage].name));
        }
    }
    return STATUS_OK;
}

// Greens go where the old ones were if they fit, else to the end.
static void greens_replace(struct site_reader *reader)
{
    struct network *network = reader->network;
    struct intersection *at = reader->at;
    int32_t count = reader->greens.count;
    if (count > at->green_count) {
        size_t total = (size_t)network->program_green_count + (size_t)count;
        struct program_green *greens = memory_take(total, sizeof *greens);
        memcpy(greens, network->program_greens, (size_t)network->program_green_count * sizeof *greens);
        free(network->program_greens);
        network->program_greens = greens;
        at->first_green = network->program_green_count;
        network->program_green_count += count;
    }
    at->green_count = count;
    if (count > 0) {
        qsort(reader->greens.at, (size_t)count, sizeof *reader->greens.at, green_compare);
        memcpy(network->program_greens + at->first_green, reader->greens.at, (size_t)count * sizeof *reader->greens.at);
    }
}

static enum status take_program(struct site_reader *reader)
{
    static const struct site_key KEYS[] = { { "cycle_s", take_cycle }, { "offset_s", take_offset },
                                            { "greens", take_greens }, { NULL, NULL } };
    for (int32_t i = 0; i < reader->at->green_count; i++) {
        *GROW(reader->greens) = reader->network->program_greens[reader->at->first_green + i];
    }
    enum status status = reader->node[KEY_PROGRAM] == NULL ? STATUS_OK
        : site_take(reader->file, reader->node[KEY_PROGRAM], KEYS, reader);
    status = status != STATUS_OK ? status : greens_check(reader);
    return status;
}

static enum status take_coordinated(struct site_reader *reader, int32_t *ret)
{
    const yaml_node_t *node = reader->node[KEY_COORDINATED];
    int32_t coordinated = reader->at->coordinated_stage;
    const char *name = NULL;
    enum status status = STATUS_OK;
    if (node != NULL) {
        coordinated = INDEX_NONE;
        status = site_text(reader->file, node, &name);
        if (status == STATUS_OK && strcmp(name, "none") != 0) {
            status = site_find_stage(reader, name, node, &coordinated);
        }
    }
    if (status == STATUS_OK && coordinated != INDEX_NONE && reader->removed[coordinated]) {
        status = site_wrong(reader->file, reader->node[KEY_STAGES], STATUS_RANGE, "name another coordinated_stage",
                            "the coordinated stage is not allowed");
    }
    *ret = coordinated;
    return status;
}

enum status site_apply_stages(struct site_reader *reader)
{
    int32_t coordinated = INDEX_NONE;
    enum status status = take_stages(reader);
    status = status != STATUS_OK ? status : take_program(reader);
    status = status != STATUS_OK ? status : take_coordinated(reader, &coordinated);
    if (status != STATUS_OK) {
        return status;
    }
    int32_t place[STAGE_COUNT_MAX + 1];
    stages_replace(reader, place);
    for (int32_t i = 0; i < reader->greens.count; i++) {
        reader->greens.at[i].stage = place[reader->greens.at[i].stage];
    }
    reader->at->coordinated_stage = coordinated == INDEX_NONE ? INDEX_NONE : place[coordinated];
    greens_replace(reader);
    return STATUS_OK;
}
