// site_edit.h: what the readers of one site file share. See site_data.h.
//
// THEORY    A folder is laid over a copy of the network. Each file is a tree of nodes; site_data.c finds its top
//           keys, and each part (groups, stages, detectors) changes the copy at once or refuses with the node's line.
// CONTRACT  Of this room alone.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/memory.h"
#include "engine/import/site_yaml.h"
#include "engine/model/network.h"

#define SITE_CYCLE_S_MAX 3600.0
#define SITE_GREEN_S_MAX 600.0
#define SITE_RED_S_MAX 3600.0
#define SITE_CLEAR_S_MAX 60.0

enum root_key { KEY_INTERSECTION, KEY_OWNER, KEY_APPROVED, KEY_QUANTUM, KEY_CYCLE, KEY_FALLBACK,
                KEY_COORDINATED, KEY_CORRIDORS, KEY_GROUPS,
                KEY_INTERGREENS, KEY_STAGES, KEY_PROGRAM, KEY_DETECTORS, KEY_COUNT };

// What holds over all files of one folder.
struct edit {
    struct network *network;              // the copy that is edited
    int32_t names_before;                 // the tables by name know names below this
    int32_t detector_capacity, detectors_before;
    bool *touched;                        // of each intersection: it has a file
    struct problem *problem;
};

// What is known while one file is read.
struct site_reader {
    struct edit *edit;
    struct network *network;
    struct site_file *file;
    const yaml_node_t *root, *node[KEY_COUNT];
    struct intersection *at;
    const yaml_node_t *pair[GROUP_COUNT_MAX][GROUP_COUNT_MAX];   // where an intergreen was given
    const yaml_node_t *group_node[GROUP_COUNT_MAX];
    int32_t row;                          // group, while its entries are read
    LIST_OF(struct stage) stages;
    bool removed[STAGE_COUNT_MAX + 1];
    int32_t stage;
    LIST_OF(struct program_green) greens;
    struct program_green green;
    bool green_group_given, green_stage_given;
    struct detector detector;
    bool lane_given, link_given, to_stop_given;
    int32_t lane_position;
    bool approved, by_given, on_given, hash_given;
    uint64_t approved_hash;
};

// Groups and stages of intersection X that the network calls "X/g1" may be called "g1" in X's own file: the name
// without the intersection's; and whether a text is a name of the thing, short or in full.
const char *site_local_name(const struct network *network, const struct intersection *at, int32_t name);
bool site_name_is(const struct network *network, const struct intersection *at, int32_t name, const char *text);

// The group or stage of this intersection that has the name; node is where the name stands.
MUST_USE enum status site_find_group(struct site_reader *reader, const char *name, const yaml_node_t *node,
                                     int32_t *ret);
MUST_USE enum status site_find_stage(struct site_reader *reader, const char *name, const yaml_node_t *node,
                                     int32_t *ret);
const char *site_group_text(const struct site_reader *reader, int32_t group);

// A {min, max} mapping of seconds.
MUST_USE enum status site_limits(struct site_reader *reader, const yaml_node_t *value, int32_t *min_ms, int32_t *max_ms,
                                 double most_s);

// The parts, in the order in which they must be applied. A part whose key is missing still checks what others
// changed.
MUST_USE enum status site_apply_groups(struct site_reader *reader);      // groups, intergreens_s
MUST_USE enum status site_apply_stages(struct site_reader *reader);      // stages, program, coordinated_stage
MUST_USE enum status site_apply_detectors(struct site_reader *reader);
