#include "engine/import/site_data.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/import/site_edit.h"
#include "engine/import/site_program.h"

static const char *const ROOT_KEYS[KEY_COUNT] = { "intersection", "owner", "approved", "quantum_s", "cycle_s",
    "fallback", "coordinated_stage", "corridors", "groups", "intergreens_s", "stages", "program", "detectors" };

static enum status take_approved_by(void *context, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    const char *text = NULL;
    enum status status = site_text(reader->file, value, &text);
    reader->by_given = status == STATUS_OK && *text != '\0';
    return status;
}

// YYYY-MM-DD.
static bool is_date(const char *text)
{
    for (int i = 0; i < 10; i++) {
        if (i == 4 || i == 7 ? text[i] != '-' : !isdigit((unsigned char)text[i])) {
            return false;
        }
    }
    int month = atoi(text + 5), day = atoi(text + 8);
    return text[10] == '\0' && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

static enum status take_approved_on(void *context, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    const char *text = NULL;
    enum status status = site_text(reader->file, value, &text);
    if (status == STATUS_OK && !is_date(text)) {
        status = site_wrong(reader->file, value, STATUS_SYNTAX, "write YYYY-MM-DD", "'%.40s' is no date", text);
    }
    reader->on_given = status == STATUS_OK;
    return status;
}

static enum status take_approved_hash(void *context, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    const char *text = NULL;
    enum status status = site_text(reader->file, value, &text);
    if (status != STATUS_OK) {
        return status;
    }
    char *end = NULL;
    errno = 0;
    reader->approved_hash = strtoull(text, &end, 16);
    if (strncmp(text, "0x", 2) != 0 || end == text + 2 || *end != '\0' || errno != 0) {
        return site_wrong(reader->file, value, STATUS_SYNTAX, "copy it from `intergreen site check`",
                          "'%.40s' is no site hash", text);
    }
    reader->hash_given = true;
    return STATUS_OK;
}

static enum status apply_approval(struct site_reader *reader)
{
    static const struct site_key KEYS[] = { { "by", take_approved_by }, { "on", take_approved_on },
                                            { "site_hash", take_approved_hash }, { NULL, NULL } };
    const yaml_node_t *node = reader->node[KEY_APPROVED];
    reader->at->approved = false;
    if (node == NULL) {
        return STATUS_OK;
    }
    enum status status = site_take(reader->file, node, KEYS, reader);
    if (status == STATUS_OK && !(reader->by_given && reader->on_given && reader->hash_given)) {
        status = site_wrong(reader->file, node, STATUS_SYNTAX, "give by, on and site_hash",
                            "an approval is incomplete");
    }
    reader->at->approved = status == STATUS_OK;
    return status;
}

static enum status take_root(void *context, const char *key, const yaml_node_t *key_node, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    for (int i = 0; i < KEY_COUNT; i++) {
        if (strcmp(ROOT_KEYS[i], key) == 0) {
            reader->node[i] = value;
            return STATUS_OK;
        }
    }
    char known[300] = "known here:";
    for (int i = 0; i < KEY_COUNT; i++) {
        size_t used = strlen(known);
        (void)snprintf(known + used, sizeof known - used, " %s", ROOT_KEYS[i]);
    }
    return site_wrong(reader->file, key_node, STATUS_UNKNOWN, known, "the key '%.100s' is unknown", key);
}

static enum status find_intersection(struct site_reader *reader)
{
    const yaml_node_t *node = reader->node[KEY_INTERSECTION];
    if (node == NULL) {
        return site_wrong(reader->file, reader->root, STATUS_SYNTAX, "begin with 'intersection: NAME'",
                          "it does not say whose data these are");
    }
    const char *name = NULL;
    enum status status = site_text(reader->file, node, &name);
    if (status != STATUS_OK) {
        return status;
    }
    int32_t index = names_find(&reader->network->names, name);
    int32_t at = index == NAME_NONE || index >= reader->edit->names_before ? INDEX_NONE
        : reader->network->intersection_by_name[index];
    if (at == INDEX_NONE) {
        return site_wrong(reader->file, node, STATUS_UNKNOWN, "name an intersection of the network",
                          "intersection '%.100s' is unknown", name);
    }
    if (reader->edit->touched[at]) {
        return site_wrong(reader->file, node, STATUS_RANGE, "keep one of the two files",
                          "another file describes intersection '%.100s' already", name);
    }
    reader->edit->touched[at] = true;
    reader->at = &reader->network->intersections[at];
    return STATUS_OK;
}

static enum status apply_fallback(struct site_reader *reader)
{
    const yaml_node_t *node = reader->node[KEY_FALLBACK];
    const char *text = "";
    enum status status = node != NULL ? site_text(reader->file, node, &text) : STATUS_OK;
    if (node == NULL || status != STATUS_OK) {
        return status;
    }
    if (strcmp(text, "program") != 0 && strcmp(text, "actuated") != 0) {
        return site_wrong(reader->file, node, STATUS_UNKNOWN, "say program or actuated",
                          "a controller cannot fall back to '%.100s'", text);
    }
    reader->at->falls_back_to_actuated = strcmp(text, "actuated") == 0;
    return STATUS_OK;
}

static enum status take_corridor(void *context, const yaml_node_t *value)
{
    struct site_reader *reader = context;
    const char *name = NULL;
    enum status status = site_text(reader->file, value, &name);
    if (status != STATUS_OK) {
        return status;
    }
    int32_t corridor = names_find(&reader->network->corridors, name);
    if (corridor == NAME_NONE && reader->network->corridors.count == CORRIDOR_NAME_COUNT_MAX) {
        return site_wrong(reader->file, value, STATUS_LIMIT, "a network has 64 of them at most",
                          "one corridor too many: '%.100s'", name);
    }
    corridor = corridor == NAME_NONE ? names_add(&reader->network->corridors, name) : corridor;
    reader->at->corridors |= UINT64_C(1) << corridor;
    return STATUS_OK;
}

static enum status apply_corridors(struct site_reader *reader)
{
    const yaml_node_t *node = reader->node[KEY_CORRIDORS];
    if (node == NULL) {
        return STATUS_OK;
    }
    reader->at->corridors = 0;
    return site_each_item(reader->file, node, take_corridor, reader);
}

static enum status apply_root(struct site_reader *reader)
{
    enum status status = site_each(reader->file, reader->root, take_root, reader);
    status = status != STATUS_OK ? status : find_intersection(reader);
    const char *owner = NULL;
    if (status == STATUS_OK && reader->node[KEY_OWNER] != NULL) {
        status = site_text(reader->file, reader->node[KEY_OWNER], &owner);
    }
    if (status == STATUS_OK && reader->node[KEY_QUANTUM] != NULL) {
        status = site_seconds(reader->file, reader->node[KEY_QUANTUM], 1.0, &reader->at->quantum_ms);
        if (status == STATUS_OK && reader->at->quantum_ms == 0) {
            status = site_wrong(reader->file, reader->node[KEY_QUANTUM], STATUS_RANGE, "0.1 s is usual",
                                "a quantum of 0");
        }
    }
    if (status == STATUS_OK && reader->node[KEY_CYCLE] != NULL) {
        status = site_limits(reader, reader->node[KEY_CYCLE], &reader->at->cycle_ms_min, &reader->at->cycle_ms_max,
                             SITE_CYCLE_S_MAX);
    }
    status = status != STATUS_OK ? status : apply_fallback(reader);
    status = status != STATUS_OK ? status : apply_corridors(reader);
    status = status != STATUS_OK ? status : site_apply_groups(reader);
    status = status != STATUS_OK ? status : site_apply_stages(reader);
    status = status != STATUS_OK ? status : site_apply_detectors(reader);
    return status != STATUS_OK ? status : apply_approval(reader);
}

// The hash that an approval names and where, to be looked at when all hashes are known.
struct approval {
    int32_t intersection;
    uint64_t hash;
    size_t line;
    const char *path;
};

struct approvals { LIST_OF(struct approval) list; };

static enum status apply_file(struct edit *edit, struct site_file *file, struct approvals *approvals)
{
    struct site_reader *reader = memory_take(1, sizeof *reader);
    *reader = (struct site_reader){ .edit = edit, .network = edit->network, .file = file,
                                    .root = site_file_root(file) };
    enum status status = apply_root(reader);
    if (status == STATUS_OK) {
        const yaml_node_t *node = reader->node[KEY_APPROVED] != NULL ? reader->node[KEY_APPROVED] : reader->root;
        *GROW(approvals->list) = (struct approval){ (int32_t)(reader->at - edit->network->intersections),
            reader->approved_hash, node->start_mark.line + 1, file->path };
    }
    free(reader->stages.at);
    free(reader->greens.at);
    free(reader);
    return status;
}

// Once the hashes are known: every file's program keeps its data, every approval names what is there.
static enum status approvals_check(const struct edit *edit, const struct approvals *approvals)
{
    for (int32_t i = 0; i < approvals->list.count; i++) {
        const struct approval *approval = &approvals->list.at[i];
        const struct intersection *at = &edit->network->intersections[approval->intersection];
        char text[256], place[64];
        (void)snprintf(place, sizeof place, "line %zu", approval->line);
        if (!site_program_holds(edit->network, at, text, sizeof text)) {
            return problem_report(edit->problem, STATUS_RANGE, approval->path, NULL,
                                  "adapt program, or the data that it breaks", "the program no longer fits: %s", text);
        }
        if (at->approved && at->site_hash != approval->hash) {
            return problem_report(edit->problem, STATUS_VERSION, approval->path, place,
                                  "look through the data and sign them again", "what was approved had the site hash "
                                  "0x%016llx, what is there has 0x%016llx", (unsigned long long)approval->hash,
                                  (unsigned long long)at->site_hash);
        }
    }
    return STATUS_OK;
}

static void edit_begin(struct edit *edit, const struct network *network, struct network *copy, struct problem *problem)
{
    network_copy(network, copy);
    *edit = (struct edit){ .network = copy, .names_before = network->names.count,
        .detector_capacity = network->detector_count, .detectors_before = network->detector_count,
        .touched = memory_take((size_t)network->intersection_count, sizeof(bool)), .problem = problem };
}

// Takes the copy over, or throws it away.
static enum status edit_end(struct edit *edit, enum status status, const char *source, struct approvals *approvals,
                            struct network *ret)
{
    status = status != STATUS_OK ? status : network_finish(edit->network, source, edit->problem);
    status = status != STATUS_OK ? status : approvals_check(edit, approvals);
    if (status == STATUS_OK) {
        network_release(ret);
        *ret = *edit->network;
    } else {
        network_release(edit->network);
    }
    free(edit->touched);
    free(approvals->list.at);
    return status;
}

enum status site_apply_text(struct network *network, const char *text, size_t bytes, const char *path,
                            struct problem *problem)
{
    struct site_file file;
    enum status status = site_file_parse(text, bytes, path, &file, problem);
    if (status != STATUS_OK) {
        return status;
    }
    struct edit edit;
    struct network copy;
    struct approvals approvals = { { 0 } };
    edit_begin(&edit, network, &copy, problem);
    status = apply_file(&edit, &file, &approvals);
    status = edit_end(&edit, status, path, &approvals, network);
    site_file_release(&file);
    return status;
}

static int is_site_file(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.'
        && ((length > 5 && strcmp(entry->d_name + length - 5, ".yaml") == 0)
            || (length > 4 && strcmp(entry->d_name + length - 4, ".yml") == 0));
}

static enum status apply_path(struct edit *edit, const char *path, struct approvals *approvals)
{
    struct site_file file;
    enum status status = site_file_load(path, &file, edit->problem);
    if (status == STATUS_OK) {
        status = apply_file(edit, &file, approvals);
        site_file_release(&file);
    }
    return status;
}

static int entry_compare(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);   // Of bytes, whatever the locale.
}

enum status site_apply(struct network *network, const char *folder, int32_t *ret_files, struct problem *problem)
{
    struct dirent **entries = NULL;
    errno = 0;
    int count = scandir(folder, &entries, is_site_file, entry_compare);
    if (count < 0) {
        return problem_report(problem, STATUS_IO, folder, NULL, "name the folder that `intergreen site export` wrote",
                              "cannot be read: %s", strerror(errno));
    }
    struct edit edit;
    struct network copy;
    struct approvals approvals = { { 0 } };
    edit_begin(&edit, network, &copy, problem);
    char **paths = memory_take((size_t)count, sizeof *paths);
    enum status status = STATUS_OK;
    for (int i = 0; i < count; i++) {
        size_t bytes = strlen(folder) + strlen(entries[i]->d_name) + 2;
        paths[i] = memory_take(bytes, 1);
        (void)snprintf(paths[i], bytes, "%s/%s", folder, entries[i]->d_name);
        status = status != STATUS_OK ? status : apply_path(&edit, paths[i], &approvals);
        free(entries[i]);
    }
    free(entries);
    status = edit_end(&edit, status, folder, &approvals, network);
    for (int i = 0; i < count; i++) {
        free(paths[i]);
    }
    free(paths);
    if (status == STATUS_OK && ret_files != NULL) {
        *ret_files = count;
    }
    return status;
}
