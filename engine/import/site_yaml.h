// site_yaml.h: a small YAML file as a tree whose every node knows its line.
//
// THEORY    Site data are signed by people: what is wrong must be told with file and line. libcyaml loads values into
//           structs and forgets where they stood, so this reader walks the document of libyaml, on which libcyaml is
//           built.
// CONTRACT  A file of more than 4 MiB is refused. Every reader gives STATUS_SYNTAX or STATUS_RANGE with "file: line
//           N: what; remedy". Keys of one mapping are different scalars, checked by site_take.
// OWNERSHIP site_file_release frees the tree; nodes and texts are borrowed until then.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <yaml.h>

#include "engine/base/status.h"

struct site_file {
    const char *path;                 // borrowed
    yaml_document_t document;
    struct problem *problem;
};

MUST_USE enum status site_file_load(const char *path, struct site_file *ret, struct problem *problem);

// The same from text.
MUST_USE enum status site_file_parse(const char *text, size_t bytes, const char *path, struct site_file *ret,
                                     struct problem *problem);
void site_file_release(struct site_file *file);

const yaml_node_t *site_file_root(struct site_file *file);

// Reports something wrong at a node.
enum status site_wrong(const struct site_file *file, const yaml_node_t *node, enum status status, const char *remedy,
                       const char *format, ...) PRINTF_LIKE(5, 6);

// One key that a mapping may have, and who takes its value. context is the caller's.
struct site_key {
    const char *name;
    enum status (*take)(void *context, const yaml_node_t *value);
};

// Hands each value of a mapping to the taker of its key, in the order of the file. An unknown key is refused; so is a
// key that stands twice. keys ends with a NULL name.
MUST_USE enum status site_take(struct site_file *file, const yaml_node_t *mapping, const struct site_key *keys,
                               void *context);

// Calls `take` for each (key, value) of a mapping whose keys are names.
typedef enum status (*site_entry_taker)(void *context, const char *key, const yaml_node_t *key_node,
                                        const yaml_node_t *value);
MUST_USE enum status site_each(struct site_file *file, const yaml_node_t *mapping, site_entry_taker take,
                               void *context);

// Calls `take` for each item of a list.
typedef enum status (*site_item_taker)(void *context, const yaml_node_t *item);
MUST_USE enum status site_each_item(struct site_file *file, const yaml_node_t *list, site_item_taker take,
                                    void *context);

MUST_USE enum status site_text(const struct site_file *file, const yaml_node_t *node, const char **ret);
MUST_USE enum status site_real(const struct site_file *file, const yaml_node_t *node, double least, double most,
                               double *ret);

// Seconds, 0 .. most_s, as whole milliseconds: more than three decimals are refused.
MUST_USE enum status site_seconds(const struct site_file *file, const yaml_node_t *node, double most_s,
                                  int32_t *ret_ms);
MUST_USE enum status site_flag(const struct site_file *file, const yaml_node_t *node, bool *ret);

// The index of a text among `count` choices.
MUST_USE enum status site_choice(const struct site_file *file, const yaml_node_t *node, const char *const *choices,
                                 int32_t count, int32_t *ret);
