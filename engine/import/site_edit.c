#include "engine/import/site_edit.h"

#include <string.h>

#include "engine/model/units.h"

static enum status unknown(struct site_reader *reader, const yaml_node_t *node, const char *remedy, const char *kind,
                           const char *name)
{
    return site_wrong(reader->file, node, STATUS_UNKNOWN, remedy, "%s '%.100s' is unknown at this intersection", kind,
                      name);
}

const char *site_group_text(const struct site_reader *reader, int32_t group)
{
    return site_local_name(reader->network, reader->at, reader->network->groups[reader->at->first_group + group].name);
}

const char *site_local_name(const struct network *network, const struct intersection *at, int32_t name)
{
    const char *text = network_name(network, name), *owner = network_name(network, at->name);
    size_t length = strlen(owner);
    return strncmp(text, owner, length) == 0 && text[length] == '/' && text[length + 1] != '\0'
        ? text + length + 1 : text;
}

bool site_name_is(const struct network *network, const struct intersection *at, int32_t name, const char *text)
{
    return strcmp(network_name(network, name), text) == 0 || strcmp(site_local_name(network, at, name), text) == 0;
}

enum status site_find_group(struct site_reader *reader, const char *name, const yaml_node_t *node, int32_t *ret)
{
    for (int32_t i = 0; i < reader->at->group_count; i++) {
        if (site_name_is(reader->network, reader->at, reader->network->groups[reader->at->first_group + i].name,
                         name)) {
            *ret = i;
            return STATUS_OK;
        }
    }
    return unknown(reader, node, "`intergreen site export` writes the groups that there are", "signal group", name);
}

enum status site_find_stage(struct site_reader *reader, const char *name, const yaml_node_t *node, int32_t *ret)
{
    for (int32_t i = 0; i < reader->stages.count; i++) {
        if (!reader->removed[i] && site_name_is(reader->network, reader->at, reader->stages.at[i].name, name)) {
            *ret = i;
            return STATUS_OK;
        }
    }
    return unknown(reader, node, "name a stage of this intersection that is allowed", "stage", name);
}

// A {min, max} mapping of seconds.
struct limits { struct site_reader *reader; int32_t *min_ms, *max_ms; double most_s; };

static enum status take_min(void *context, const yaml_node_t *value)
{
    const struct limits *limits = context;
    return site_seconds(limits->reader->file, value, limits->most_s, limits->min_ms);
}

static enum status take_max(void *context, const yaml_node_t *value)
{
    const struct limits *limits = context;
    return site_seconds(limits->reader->file, value, limits->most_s, limits->max_ms);
}

enum status site_limits(struct site_reader *reader, const yaml_node_t *value, int32_t *min_ms, int32_t *max_ms,
                               double most_s)
{
    static const struct site_key KEYS[] = { { "min", take_min }, { "max", take_max }, { NULL, NULL } };
    struct limits limits = { reader, min_ms, max_ms, most_s };
    enum status status = site_take(reader->file, value, KEYS, &limits);
    if (status == STATUS_OK && *min_ms > *max_ms) {
        status = site_wrong(reader->file, value, STATUS_RANGE, "give a minimum that is not above the maximum",
                            "minimum %g s is above maximum %g s", s_from_ms(*min_ms), s_from_ms(*max_ms));
    }
    return status;
}
