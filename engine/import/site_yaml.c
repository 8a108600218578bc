#include "engine/import/site_yaml.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/import/yaml_depth.h"

#define FILE_BYTES_MAX (4u << 20)
#define KNOWN_BYTES_MAX 300

enum status site_file_parse(const char *text, size_t bytes, const char *path, struct site_file *ret,
                            struct problem *problem)
{
    yaml_parser_t parser;
    struct site_file file = { .path = path, .problem = problem };
    size_t deep = yaml_line_too_deep(text, bytes);
    if (deep != 0) {
        char place[64];
        (void)snprintf(place, sizeof place, "line %zu", deep);
        return problem_report(problem, STATUS_LIMIT, path, place, "write it as `intergreen site export` does",
                              "is nested deeper than %d", YAML_DEPTH_MAX);
    }
    if (!yaml_parser_initialize(&parser)) {
        return problem_report(problem, STATUS_IO, path, NULL, NULL, "no memory for a YAML parser");
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, bytes);
    enum status status = STATUS_OK;
    if (!yaml_parser_load(&parser, &file.document)) {
        char place[64];
        size_t line = parser.problem_mark.line;
        (void)snprintf(place, sizeof place, "line %zu column %zu", line + 1, parser.problem_mark.column + 1);
        status = problem_report(problem, STATUS_SYNTAX, path, place, "write it as `intergreen site export` does",
                                "is no YAML: %s", parser.problem != NULL ? parser.problem : "unreadable bytes");
    } else if (yaml_document_get_root_node(&file.document) == NULL) {
        status = problem_report(problem, STATUS_SYNTAX, path, NULL, "take the file out or fill it", "is empty");
        yaml_document_delete(&file.document);
    }
    yaml_parser_delete(&parser);
    if (status == STATUS_OK) {
        *ret = file;
    }
    return status;
}

enum status site_file_load(const char *path, struct site_file *ret, struct problem *problem)
{
    errno = 0;
    FILE *stream = fopen(path, "rb");
    if (stream == NULL) {
        return problem_report(problem, STATUS_IO, path, NULL, "check the path", "cannot be read: %s", strerror(errno));
    }
    char *text = memory_take(FILE_BYTES_MAX + 1, 1);
    size_t bytes = fread(text, 1, FILE_BYTES_MAX + 1, stream);
    bool failed = ferror(stream) != 0;
    (void)fclose(stream);
    enum status status = STATUS_OK;
    if (failed) {
        status = problem_report(problem, STATUS_IO, path, NULL, "name a file", "cannot be read: %s", strerror(errno));
    } else if (bytes > FILE_BYTES_MAX) {
        status = problem_report(problem, STATUS_LIMIT, path, NULL, "one file describes one intersection",
                                "is larger than 4 MiB");
    } else {
        status = site_file_parse(text, bytes, path, ret, problem);
    }
    free(text);
    return status;
}

void site_file_release(struct site_file *file)
{
    yaml_document_delete(&file->document);
}

const yaml_node_t *site_file_root(struct site_file *file)
{
    return yaml_document_get_root_node(&file->document);
}

enum status site_wrong(const struct site_file *file, const yaml_node_t *node, enum status status, const char *remedy,
                       const char *format, ...)
{
    char what[PROBLEM_BYTES_MAX / 2], place[32];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    (void)snprintf(place, sizeof place, "line %zu", node->start_mark.line + 1);
    return problem_report(file->problem, status, file->path, place, remedy, "%s", what);
}

static const yaml_node_t *node_of(const struct site_file *file, int index)
{
    return file->document.nodes.start + index - 1;   // libyaml counts nodes from 1.
}

enum status site_text(const struct site_file *file, const yaml_node_t *node, const char **ret)
{
    if (node->type != YAML_SCALAR_NODE) {
        return site_wrong(file, node, STATUS_SYNTAX, "write one value", "a single value is due here");
    }
    const char *text = (const char *)node->data.scalar.value;
    if (strlen(text) != node->data.scalar.length) {
        return site_wrong(file, node, STATUS_SYNTAX, "take the NUL out", "a text holds a NUL");
    }
    *ret = text;
    return STATUS_OK;
}

enum status site_each(struct site_file *file, const yaml_node_t *mapping, site_entry_taker take, void *context)
{
    if (mapping->type != YAML_MAPPING_NODE) {
        return site_wrong(file, mapping, STATUS_SYNTAX, "write 'name: value' lines",
                          "a list of names with values is due here");
    }
    const yaml_node_pair_t *first = mapping->data.mapping.pairs.start, *end = mapping->data.mapping.pairs.top;
    for (const yaml_node_pair_t *pair = first; pair < end; pair++) {
        const yaml_node_t *key_node = node_of(file, pair->key);
        const char *key = NULL;
        enum status status = site_text(file, key_node, &key);
        if (status != STATUS_OK) {
            return status;
        }
        for (const yaml_node_pair_t *before = first; before < pair; before++) {
            if (strcmp((const char *)node_of(file, before->key)->data.scalar.value, key) == 0) {
                return site_wrong(file, key_node, STATUS_SYNTAX, "keep one of the two", "'%s' stands there twice", key);
            }
        }
        status = take(context, key, key_node, node_of(file, pair->value));
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

enum status site_each_item(struct site_file *file, const yaml_node_t *list, site_item_taker take, void *context)
{
    if (list->type != YAML_SEQUENCE_NODE) {
        return site_wrong(file, list, STATUS_SYNTAX, "write [a, b, c]", "a list is due here");
    }
    for (const yaml_node_item_t *item = list->data.sequence.items.start; item < list->data.sequence.items.top; item++) {
        enum status status = take(context, node_of(file, *item));
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

struct taking {
    struct site_file *file;
    const struct site_key *keys;
    void *context;
};

static enum status take_key(void *context, const char *key, const yaml_node_t *key_node, const yaml_node_t *value)
{
    const struct taking *taking = context;
    char known[KNOWN_BYTES_MAX] = "";
    for (const struct site_key *at = taking->keys; at->name != NULL; at++) {
        if (strcmp(at->name, key) == 0) {
            return at->take(taking->context, value);
        }
        size_t used = strlen(known);
        (void)snprintf(known + used, sizeof known - used, "%s%s", used > 0 ? ", " : "known here: ", at->name);
    }
    return site_wrong(taking->file, key_node, STATUS_UNKNOWN, known, "the key '%s' is unknown", key);
}

enum status site_take(struct site_file *file, const yaml_node_t *mapping, const struct site_key *keys, void *context)
{
    struct taking taking = { file, keys, context };
    return site_each(file, mapping, take_key, &taking);
}

enum status site_real(const struct site_file *file, const yaml_node_t *node, double least, double most, double *ret)
{
    const char *text = NULL;
    enum status status = site_text(file, node, &text);
    if (status != STATUS_OK) {
        return status;
    }
    char *end = NULL;
    double value = strtod(text, &end);
    char remedy[64];
    (void)snprintf(remedy, sizeof remedy, "write a number from %g to %g", least, most);
    if (end == text || *end != '\0') {
        return site_wrong(file, node, STATUS_SYNTAX, remedy, "'%.40s' is no number", text);
    }
    if (!(value >= least && value <= most)) {
        return site_wrong(file, node, STATUS_RANGE, remedy, "%.40s is out of range", text);
    }
    *ret = value;
    return STATUS_OK;
}

enum status site_seconds(const struct site_file *file, const yaml_node_t *node, double most_s, int32_t *ret_ms)
{
    assert(most_s * 1000.0 < INT32_MAX);
    double seconds = 0.0;
    enum status status = site_real(file, node, 0.0, most_s, &seconds);
    if (status != STATUS_OK) {
        return status;
    }
    double ms = floor(seconds * 1000.0 + 0.5);
    if (fabs(seconds * 1000.0 - ms) > 1e-6) {
        return site_wrong(file, node, STATUS_RANGE, "give at most three decimals", "%g s is no whole millisecond",
                          seconds);
    }
    *ret_ms = (int32_t)ms;
    return STATUS_OK;
}

enum status site_choice(const struct site_file *file, const yaml_node_t *node, const char *const *choices,
                        int32_t count,
                        int32_t *ret)
{
    const char *text = NULL;
    enum status status = site_text(file, node, &text);
    if (status != STATUS_OK) {
        return status;
    }
    char known[KNOWN_BYTES_MAX] = "one of:";
    for (int32_t i = 0; i < count; i++) {
        if (strcmp(choices[i], text) == 0) {
            *ret = i;
            return STATUS_OK;
        }
        size_t used = strlen(known);
        (void)snprintf(known + used, sizeof known - used, " %s", choices[i]);
    }
    return site_wrong(file, node, STATUS_UNKNOWN, known, "'%.40s' is not known", text);
}

enum status site_flag(const struct site_file *file, const yaml_node_t *node, bool *ret)
{
    static const char *const CHOICES[] = { "false", "true" };
    int32_t choice = 0;
    enum status status = site_choice(file, node, CHOICES, 2, &choice);
    if (status == STATUS_OK) {
        *ret = choice == 1;
    }
    return status;
}
