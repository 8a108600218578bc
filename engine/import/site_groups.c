#include <string.h>

#include "engine/import/site_edit.h"
#include "engine/model/units.h"

static const int32_t YELLOW_MS_MIN = 3000, YELLOW_MS_MAX = 6000;   // Of vehicles: rule I3 of docs/safety.md.

static const char *const GROUP_KINDS[] = { "vehicle", "pedestrian", "bicycle", "transit" };

static struct signal_group *group_now(struct site_reader *reader)
{
    return &reader->network->groups[reader->at->first_group + reader->row];
}

static enum status take_group_kind(void *context, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    int32_t kind = 0;
    enum status status = site_choice(reader->file, value, GROUP_KINDS, 4, &kind);
    if (status == STATUS_OK) {
        group_now(reader)->kind = (enum group_kind)kind;
    }
    return status;
}

static enum status take_group_green(void *context, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    struct signal_group *group = group_now(reader);
    return site_limits(reader, value, &group->green_ms_min, &group->green_ms_max, SITE_GREEN_S_MAX);
}

static enum status take_red_max(void *context, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    return site_seconds(reader->file, value, SITE_RED_S_MAX, &group_now(reader)->red_ms_max);
}

static enum status take_red_emergency(void *context, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    return site_seconds(reader->file, value, SITE_RED_S_MAX, &group_now(reader)->red_ms_max_emergency);
}

static enum status take_group_red(void *context, const yaml_node_t *value)
{
    static const struct site_key KEYS[] = { { "max", take_red_max }, { "emergency", take_red_emergency },
                                            { NULL, NULL } };
    struct site_reader *reader = context;
    enum status status = site_take(reader->file, value, KEYS, reader);
    const struct signal_group *group = group_now(reader);
    if (status == STATUS_OK && (group->red_ms_max <= 0 || group->red_ms_max_emergency < group->red_ms_max)) {
        status = site_wrong(reader->file, value, STATUS_RANGE,
                            "give a maximum above 0 and an emergency limit not below it",
                            "maximum red %g s, in an emergency %g s", s_from_ms(group->red_ms_max),
                            s_from_ms(group->red_ms_max_emergency));
    }
    return status;
}

static enum status take_yellow(void *context, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    return site_seconds(reader->file, value, SITE_CLEAR_S_MAX, &group_now(reader)->yellow_ms);
}

static enum status take_red_clearance(void *context, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    return site_seconds(reader->file, value, SITE_CLEAR_S_MAX, &group_now(reader)->red_clearance_ms);
}

static enum status take_on_call(void *context, const yaml_node_t *value)
{
    static const char *const WORDS[] = { "false", "true" };
    struct site_reader *reader = context;
    int32_t on_call = 0;
    enum status status = site_choice(reader->file, value, WORDS, 2, &on_call);
    if (status == STATUS_OK) {
        group_now(reader)->on_call = on_call != 0;
    }
    return status;
}

static enum status take_group(void *context, const char *key, const yaml_node_t *key_node, const yaml_node_t *value)
{
    static const struct site_key KEYS[] = { { "kind", take_group_kind }, { "green_s", take_group_green },
        { "red_s", take_group_red }, { "yellow_s", take_yellow }, { "red_clearance_s", take_red_clearance },
        { "on_call", take_on_call }, { NULL, NULL } };
    struct site_reader *reader = context;
    enum status status = site_find_group(reader, key, key_node, &reader->row);
    if (status != STATUS_OK) {
        return status;
    }
    reader->group_node[reader->row] = key_node;
    status = site_take(reader->file, value, KEYS, reader);
    const struct signal_group *group = group_now(reader);
    if (status == STATUS_OK && group->kind == GROUP_VEHICLE
        && (group->yellow_ms < YELLOW_MS_MIN || group->yellow_ms > YELLOW_MS_MAX)) {
        status = site_wrong(reader->file, key_node, STATUS_RANGE, "give it 3 to 6 s",
                            "the yellow of vehicle group '%.100s' is %g s", key, s_from_ms(group->yellow_ms));
    }
    return status;
}

static enum status take_intergreen(void *context, const char *key, const yaml_node_t *key_node,
                                   const yaml_node_t *value)
{
    struct site_reader *reader = context;
    int32_t to = 0, ms = -1;
    enum status status = site_find_group(reader, key, key_node, &to);
    const char *text = NULL;
    status = status != STATUS_OK ? status : site_text(reader->file, value, &text);
    if (status == STATUS_OK && strcmp(text, "none") != 0) {
        status = site_seconds(reader->file, value, SITE_CLEAR_S_MAX, &ms);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (to == reader->row) {
        return site_wrong(reader->file, key_node, STATUS_RANGE, "take the entry out",
                          "group '%.100s' conflicts with itself",
                          key);
    }
    reader->pair[reader->row][to] = value;
    reader->network->intergreen_ms[reader->at->first_intergreen + reader->row * reader->at->group_count + to] = ms;
    return STATUS_OK;
}

static enum status take_intergreen_row(void *context, const char *key, const yaml_node_t *key_node,
                                       const yaml_node_t *value)
{
    struct site_reader *reader = context;
    enum status status = site_find_group(reader, key, key_node, &reader->row);
    return status != STATUS_OK ? status : site_each(reader->file, value, take_intergreen, reader);
}

// What must hold between groups once the whole file is read; told at the entry that was given, if one was.
static enum status matrix_check(struct site_reader *reader)
{
    const struct intersection *at = reader->at;
    for (int32_t i = 0; i < at->group_count; i++) {
        const struct signal_group *group = &reader->network->groups[at->first_group + i];
        int32_t yellow_ms = group->yellow_ms;
        if (yellow_ms % at->quantum_ms != 0 || group->red_clearance_ms % at->quantum_ms != 0) {
            return site_wrong(reader->file, reader->group_node[i] != NULL ? reader->group_node[i] : reader->root,
                              STATUS_RANGE, "round it, or make the quantum finer",
                              "yellow or red clearance of '%.60s' is no multiple of the quantum of %g s",
                              site_group_text(reader, i), s_from_ms(at->quantum_ms));
        }
        for (int32_t j = 0; j < at->group_count; j++) {
            int32_t there_ms = network_intergreen_ms(reader->network, at, i, j);
            int32_t back_ms = network_intergreen_ms(reader->network, at, j, i);
            const yaml_node_t *node = reader->pair[i][j] != NULL ? reader->pair[i][j] : reader->pair[j][i];
            node = node != NULL ? node : reader->group_node[i] != NULL ? reader->group_node[i] : reader->root;
            if ((there_ms < 0) != (back_ms < 0)) {
                return site_wrong(reader->file, node, STATUS_RANGE, "give both orders of the pair, or none for both",
                                  "'%.60s' to '%.60s' is a conflict in one order only", site_group_text(reader, i),
                                  site_group_text(reader, j));
            }
            if (there_ms > 0 && there_ms % at->quantum_ms != 0) {
                return site_wrong(reader->file, node, STATUS_RANGE, "round it up, or make the quantum finer",
                                  "the intergreen %g s from '%.60s' to '%.60s' is no multiple of the quantum of %g s",
                                  s_from_ms(there_ms), site_group_text(reader, i), site_group_text(reader, j),
                                  s_from_ms(at->quantum_ms));
            }
            if (there_ms >= 0 && there_ms < yellow_ms) {
                return site_wrong(reader->file, node, STATUS_RANGE, "make it at least as long as the yellow",
                                  "the intergreen %g s from '%.60s' to '%.60s' is shorter than the yellow of %g s",
                                  s_from_ms(there_ms), site_group_text(reader, i), site_group_text(reader, j),
                                      s_from_ms(yellow_ms));
            }
        }
    }
    return STATUS_OK;
}

enum status site_apply_groups(struct site_reader *reader)
{
    enum status status = STATUS_OK;
    if (reader->node[KEY_GROUPS] != NULL) {
        status = site_each(reader->file, reader->node[KEY_GROUPS], take_group, reader);
    }
    if (status == STATUS_OK && reader->node[KEY_INTERGREENS] != NULL) {
        status = site_each(reader->file, reader->node[KEY_INTERGREENS], take_intergreen_row, reader);
    }
    return status != STATUS_OK ? status : matrix_check(reader);
}
