#include "engine/config.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "engine/base/memory.h"
#include "engine/import/yaml_depth.h"
#include "engine/optimize/strategy.h"

#define KEPT_COUNT_MAX (ADDITIONAL_COUNT_MAX + LISTEN_COUNT_MAX + 12)
#define CONFIG_BYTES_MAX (1u << 20)

// ---- what the file may say: the struct that libcyaml fills. NULL: not said, the default holds.

struct yaml_region { char *name, *strategy; };

struct yaml_limits {
    int32_t *connections, *frame_bytes, *names, *hello_ms, *partial_ms, *silence_ms, *strikes, *write_queue_bytes;
    int32_t *readings_per_step, *events_per_step;
};

struct yaml_store {
    int32_t *connect_ms, *answer_ms, *retry_ms_min, *retry_ms_max, *restore_ms, *lease_ms, *minutes;
};

struct yaml_tls { char *certificate, *key, *client_authorities; };

struct yaml_config {
    char *network, *site, *city, *strategy, *http, *store, *redis_server, *state_dir, *registry, *recordings,
        *address;
    char **additional, **listen, **leads, **stands_in_for;
    unsigned additional_count, listen_count, regions_count, leads_count, stands_in_for_count;
    struct yaml_region *regions;
    double *intergreen_s;
    bool *lockstep, *unapproved, *unencrypted, *standby, *console_operates;
    int32_t *threads, *loops, *step_ms, *solve_latency_ms, *status_age_ms, *stop_ms, *recordings_mib_max;
    struct yaml_limits limits;
    struct yaml_store store_times;
    struct yaml_tls tls;
};

struct config {
    struct yaml_config *yaml;
    char *kept[KEPT_COUNT_MAX];       // texts made here
    int kept_count;
    char *folder;
};

#define TEXT_MAX CYAML_UNLIMITED
#define OPTIONAL CYAML_FLAG_OPTIONAL
#define NUMBER(type, name) CYAML_FIELD_INT_PTR(#name, CYAML_FLAG_POINTER | OPTIONAL, struct type, name)
#define TEXT(key, name)                                                                                              \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | OPTIONAL, struct yaml_config, name, 0, TEXT_MAX)

static const cyaml_schema_value_t TEXT_VALUE = { CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, TEXT_MAX) };

static const cyaml_schema_field_t REGION_FIELDS[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct yaml_region, name, 0, TEXT_MAX),
    CYAML_FIELD_STRING_PTR("strategy", CYAML_FLAG_POINTER, struct yaml_region, strategy, 0, TEXT_MAX),
    CYAML_FIELD_END
};

static const cyaml_schema_value_t REGION_VALUE = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct yaml_region, REGION_FIELDS)
};

static const cyaml_schema_field_t LIMIT_FIELDS[] = {
    NUMBER(yaml_limits, connections),
    NUMBER(yaml_limits, frame_bytes),
    NUMBER(yaml_limits, names),
    NUMBER(yaml_limits, hello_ms),
    NUMBER(yaml_limits, partial_ms),
    NUMBER(yaml_limits, silence_ms),
    NUMBER(yaml_limits, strikes),
    NUMBER(yaml_limits, write_queue_bytes),
    NUMBER(yaml_limits, readings_per_step),
    NUMBER(yaml_limits, events_per_step),
    CYAML_FIELD_END
};

static const cyaml_schema_field_t STORE_FIELDS[] = {
    NUMBER(yaml_store, connect_ms),
    NUMBER(yaml_store, answer_ms),
    NUMBER(yaml_store, retry_ms_min),
    NUMBER(yaml_store, retry_ms_max),
    NUMBER(yaml_store, restore_ms),
    NUMBER(yaml_store, lease_ms),
    NUMBER(yaml_store, minutes),
    CYAML_FIELD_END
};

static const cyaml_schema_field_t TLS_FIELDS[] = {
    CYAML_FIELD_STRING_PTR("certificate", CYAML_FLAG_POINTER, struct yaml_tls, certificate, 0, TEXT_MAX),
    CYAML_FIELD_STRING_PTR("key", CYAML_FLAG_POINTER, struct yaml_tls, key, 0, TEXT_MAX),
    CYAML_FIELD_STRING_PTR("client_authorities", CYAML_FLAG_POINTER, struct yaml_tls, client_authorities, 0, TEXT_MAX),
    CYAML_FIELD_END
};

static const cyaml_schema_field_t FIELDS[] = {
    TEXT("network", network),
    CYAML_FIELD_SEQUENCE("additional", CYAML_FLAG_POINTER | OPTIONAL, struct yaml_config, additional, &TEXT_VALUE, 0,
                         ADDITIONAL_COUNT_MAX),
    TEXT("site", site),
    TEXT("city", city),
    CYAML_FIELD_FLOAT_PTR("intergreen_s", CYAML_FLAG_POINTER | OPTIONAL, struct yaml_config, intergreen_s),
    TEXT("strategy", strategy),
    CYAML_FIELD_SEQUENCE("regions", CYAML_FLAG_POINTER | OPTIONAL, struct yaml_config, regions, &REGION_VALUE, 0,
                         REGION_STRATEGY_COUNT_MAX),
    CYAML_FIELD_SEQUENCE("listen", CYAML_FLAG_POINTER | OPTIONAL, struct yaml_config, listen, &TEXT_VALUE, 0,
                         LISTEN_COUNT_MAX),
    TEXT("http", http),
    CYAML_FIELD_MAPPING("tls", OPTIONAL, struct yaml_config, tls, TLS_FIELDS),
    TEXT("store", store),
    CYAML_FIELD_MAPPING("store_times", OPTIONAL, struct yaml_config, store_times, STORE_FIELDS),
    TEXT("redis_server", redis_server),
    TEXT("state_dir", state_dir),
    TEXT("recordings", recordings),
    NUMBER(yaml_config, recordings_mib_max),
    TEXT("registry", registry),
    CYAML_FIELD_SEQUENCE("leads", CYAML_FLAG_POINTER | OPTIONAL, struct yaml_config, leads, &TEXT_VALUE, 0,
                         LEADS_COUNT_MAX),
    CYAML_FIELD_SEQUENCE("stands_in_for", CYAML_FLAG_POINTER | OPTIONAL, struct yaml_config, stands_in_for,
                         &TEXT_VALUE, 0, LEADS_COUNT_MAX),
    TEXT("address", address),
    CYAML_FIELD_BOOL_PTR("console_operates", CYAML_FLAG_POINTER | OPTIONAL, struct yaml_config, console_operates),
    CYAML_FIELD_BOOL_PTR("lockstep", CYAML_FLAG_POINTER | OPTIONAL, struct yaml_config, lockstep),
    CYAML_FIELD_BOOL_PTR("standby", CYAML_FLAG_POINTER | OPTIONAL, struct yaml_config, standby),
    CYAML_FIELD_BOOL_PTR("unapproved", CYAML_FLAG_POINTER | OPTIONAL, struct yaml_config, unapproved),
    CYAML_FIELD_BOOL_PTR("unencrypted", CYAML_FLAG_POINTER | OPTIONAL, struct yaml_config, unencrypted),
    NUMBER(yaml_config, threads),
    NUMBER(yaml_config, loops),
    NUMBER(yaml_config, step_ms),
    NUMBER(yaml_config, solve_latency_ms),
    NUMBER(yaml_config, status_age_ms),
    NUMBER(yaml_config, stop_ms),
    CYAML_FIELD_MAPPING("limits", OPTIONAL, struct yaml_config, limits, LIMIT_FIELDS),
    CYAML_FIELD_END
};

static const cyaml_schema_value_t SCHEMA = { CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct yaml_config, FIELDS) };

// Ranges of the numbers, inclusive; `in` is the mapping that the key stands in, "" at the top.
static const struct {
    const char *in, *key;
    int32_t min, max;
} RANGES[] = {
    { "", "threads", 0, 256 },
    { "", "loops", 1, LOOP_COUNT_MAX },
    { "", "step_ms", 100, 60000 },
    { "", "solve_latency_ms", 0, 60000 },
    { "", "status_age_ms", 1000, 60000 },
    { "", "stop_ms", 100, 600000 },
    { "", "recordings_mib_max", 0, 1 << 24 },
    { "limits", "connections", 1, 1000000 },
    { "limits", "frame_bytes", 1024, 1 << 26 },
    { "limits", "names", 1, 1 << 20 },
    { "limits", "hello_ms", 50, 600000 },
    { "limits", "partial_ms", 50, 600000 },
    { "limits", "silence_ms", 0, 86400000 },
    { "limits", "strikes", 1, 1000000 },
    { "limits", "write_queue_bytes", 4096, 1 << 30 },
    { "limits", "readings_per_step", 1024, 1 << 24 },
    { "limits", "events_per_step", 64, 1 << 20 },
    { "store_times", "connect_ms", 50, 60000 },
    { "store_times", "answer_ms", 50, 60000 },
    { "store_times", "retry_ms_min", 1, 60000 },
    { "store_times", "retry_ms_max", 1, 600000 },
    { "store_times", "restore_ms", 0, 600000 },
    { "store_times", "lease_ms", 80, 60000 },
    { "store_times", "minutes", 1, 10000000 },
};

// ---- the tree with places

struct reader {
    const char *path;
    yaml_document_t document;
    struct problem *problem;
};

static enum status complain(const struct reader *reader, const yaml_node_t *node, const char *remedy, const char *text)
{
    char place[48];
    snprintf(place, sizeof place, "line %zu", node != NULL ? node->start_mark.line + 1 : (size_t)1);
    return problem_report(reader->problem, STATUS_SYNTAX, reader->path, place, remedy, "%s", text);
}

// Letters to insert, drop or change to get from a to b (Levenshtein 1966).
static int distance(const char *a, const char *b)
{
    int row[64];
    int width = (int)strnlen(b, sizeof row / sizeof row[0] - 1);
    for (int j = 0; j <= width; j++) {
        row[j] = j;
    }
    for (int i = 0; a[i] != '\0' && i < 64; i++) {
        int diagonal = row[0];
        row[0] = i + 1;
        for (int j = 0; j < width; j++) {
            int change = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            int other = row[j] < row[j + 1] ? row[j] + 1 : row[j + 1] + 1;
            row[j + 1] = change < other ? change : other;
        }
    }
    return row[width];
}

static const char *nearest(const cyaml_schema_field_t *fields, const char *key)
{
    const char *best = fields[0].key;
    int best_distance = INT_MAX;
    for (const cyaml_schema_field_t *field = fields; field->key != NULL; field++) {
        int away = distance(key, field->key);
        if (away < best_distance) {
            best_distance = away;
            best = field->key;
        }
    }
    return best;
}

static const cyaml_schema_field_t *field_find(const cyaml_schema_field_t *fields, const char *key)
{
    for (const cyaml_schema_field_t *field = fields; field->key != NULL; field++) {
        if (strcmp(field->key, key) == 0) {
            return field;
        }
    }
    return NULL;
}

static const char *scalar(const yaml_node_t *node)
{
    return node != NULL && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

static enum status number_check(const struct reader *reader, const char *in, const char *key, const yaml_node_t *value)
{
    char text[256];
    const char *said = scalar(value);
    for (size_t i = 0; i < sizeof RANGES / sizeof RANGES[0]; i++) {
        if (strcmp(RANGES[i].in, in) != 0 || strcmp(RANGES[i].key, key) != 0) {
            continue;
        }
        char *end = NULL;
        errno = 0;
        long long number = said == NULL || said[0] == '\0' ? 0 : strtoll(said, &end, 10);
        if (end == NULL || *end != '\0' || errno != 0 || number < RANGES[i].min || number > RANGES[i].max) {
            snprintf(text, sizeof text, "`%s: %.64s` is not a whole number from %d to %d", key,
                     said != NULL ? said : "(no number)", RANGES[i].min, RANGES[i].max);
            return complain(reader, value, NULL, text);
        }
    }
    return STATUS_OK;
}

static enum status mapping_check(struct reader *reader, const char *in, const yaml_node_t *mapping,
                                 const cyaml_schema_field_t *fields)
{
    char text[256], remedy[128];
    enum status status = STATUS_OK;
    if (mapping->type != YAML_MAPPING_NODE) {
        return complain(reader, mapping, "Write lines of the form `key: value`.", "keys and values are needed here");
    }
    const yaml_node_pair_t *pairs = mapping->data.mapping.pairs.start, *end = mapping->data.mapping.pairs.top;
    for (const yaml_node_pair_t *pair = pairs; status == STATUS_OK && pair < end; pair++) {
        const yaml_node_t *key_node = yaml_document_get_node(&reader->document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(&reader->document, pair->value);
        const char *key = scalar(key_node);
        const cyaml_schema_field_t *field = key != NULL ? field_find(fields, key) : NULL;
        if (field == NULL) {
            snprintf(text, sizeof text, "there is no key `%.64s`%s%s", key != NULL ? key : "?",
                     in[0] != '\0' ? " in " : "", in);
            snprintf(remedy, sizeof remedy, "Did you mean `%s`?", nearest(fields, key != NULL ? key : ""));
            return complain(reader, key_node, remedy, text);
        }
        for (const yaml_node_pair_t *before = pairs; before < pair; before++) {
            const char *other = scalar(yaml_document_get_node(&reader->document, before->key));
            if (other != NULL && strcmp(other, key) == 0) {
                snprintf(text, sizeof text, "the key `%s` stands twice", key);
                return complain(reader, key_node, "Keep one of the two.", text);
            }
        }
        status = number_check(reader, in, key, value);
        if (status == STATUS_OK && field->value.type == CYAML_MAPPING) {
            status = mapping_check(reader, key, value, field->value.mapping.fields);
        }
        const cyaml_schema_value_t *entry = field->value.type == CYAML_SEQUENCE ? field->value.sequence.entry : NULL;
        if (status == STATUS_OK && entry != NULL && value->type == YAML_SEQUENCE_NODE && entry->type == CYAML_MAPPING) {
            for (const yaml_node_item_t *item = value->data.sequence.items.start;
                 status == STATUS_OK && item < value->data.sequence.items.top; item++) {
                status = mapping_check(reader, key, yaml_document_get_node(&reader->document, *item),
                                       entry->mapping.fields);
            }
        }
    }
    return status;
}

static enum status tree_check(const char *path, const char *text, size_t bytes, struct problem *problem)
{
    struct reader reader = { .path = path, .problem = problem };
    yaml_parser_t parser;
    char place[32];
    enum status status;
    size_t deep = yaml_line_too_deep(text, bytes);
    if (deep != 0) {
        snprintf(place, sizeof place, "line %zu", deep);
        return problem_report(problem, STATUS_LIMIT, path, place, "docs/configuration.md has every key.",
                              "is nested deeper than %d", YAML_DEPTH_MAX);
    }
    yaml_parser_initialize(&parser);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, bytes);
    if (!yaml_parser_load(&parser, &reader.document)) {
        snprintf(place, sizeof place, "line %zu", parser.problem_mark.line + 1);
        status = problem_report(problem, STATUS_SYNTAX, path, place, NULL, "not YAML: %s",
                                parser.problem != NULL ? parser.problem : "cannot be read");
        yaml_parser_delete(&parser);
        return status;
    }
    const yaml_node_t *root = yaml_document_get_root_node(&reader.document);
    status = root == NULL ? problem_report(problem, STATUS_SYNTAX, path, NULL, "Write at least `network: FILE`.",
                                           "the file is empty")
                          : mapping_check(&reader, "", root, FIELDS);
    yaml_document_delete(&reader.document);
    yaml_parser_delete(&parser);
    return status;
}

// ---- from the struct to the settings

static char *keep(struct config *config, char *text)
{
    if (config->kept_count == KEPT_COUNT_MAX) {
        free(text);
        return NULL;
    }
    config->kept[config->kept_count++] = text;
    return text;
}

// A path as the file means it: relative to the file's own folder.
static const char *path_from(struct config *config, const char *path)
{
    if (path == NULL || path[0] == '/') {
        return path;
    }
    size_t bytes = strlen(config->folder) + strlen(path) + 2;
    char *joined = memory_take(bytes, 1);
    snprintf(joined, bytes, "%s/%s", config->folder, path);
    return keep(config, joined);
}

// `none`, a folder beside the configuration, or by default one in the state folder.
static const char *recordings_folder(struct config *config, const char *state_folder)
{
    const char *given = config->yaml->recordings;
    if (given != NULL) {
        return strcmp(given, "none") == 0 ? NULL : path_from(config, given);
    }
    size_t bytes = strlen(state_folder) + sizeof "/recordings";
    char *joined = memory_take(bytes, 1);
    snprintf(joined, bytes, "%s/recordings", state_folder);
    return keep(config, joined);
}

static enum status strategy_check(const char *path, const char *name, struct problem *problem)
{
    char names[256];
    if (strategy_find(name) != NULL) {
        return STATUS_OK;
    }
    strategy_names(names, sizeof names);
    return problem_report(problem, STATUS_UNKNOWN, path, "strategy", NULL,
                          "there is no strategy `%.64s`: choose one of %s", name, names);
}

static enum status unix_path_from(struct config *config, char *path, size_t room, struct problem *problem)
{
    const char *full = path_from(config, path);
    if (full == NULL || strlen(full) >= room) {
        return problem_report(problem, STATUS_LIMIT, "listen", path, "Choose a shorter path.", "the path is too long");
    }
    char copy[512];
    snprintf(copy, sizeof copy, "%s", full);
    memmove(path, copy, strlen(copy) + 1);
    return STATUS_OK;
}

static enum status addresses_take(struct config *config, struct settings *settings, struct problem *problem)
{
    const struct yaml_config *yaml = config->yaml;
    enum status status = STATUS_OK;
    settings->tls = (struct tls_files){ .certificate = path_from(config, yaml->tls.certificate),
        .key = path_from(config, yaml->tls.key), .authority = path_from(config, yaml->tls.client_authorities) };
    for (unsigned i = 0; status == STATUS_OK && i < yaml->listen_count; i++) {
        struct listen_address *address = &settings->listen[i];
        status = listen_address_read(yaml->listen[i], address, problem);
        if (status == STATUS_OK && address->kind == LISTEN_UNIX) {
            status = unix_path_from(config, address->path, sizeof address->path, problem);
        }
        settings->listen_count = (int32_t)i + 1;
    }
    if (status == STATUS_OK && yaml->http != NULL) {
        settings->http_off = yaml->http[0] == '\0' || strcmp(yaml->http, "off") == 0 || strcmp(yaml->http, "no") == 0;
        if (!settings->http_off) {
            status = listen_address_read(yaml->http, &settings->http, problem);
        }
        if (status == STATUS_OK && !settings->http_off && settings->http.kind != LISTEN_TCP) {
            status = problem_report(problem, STATUS_SYNTAX, "http", yaml->http, "Write HOST:PORT or off.",
                                    "the page needs a TCP address");
        }
        if (status == STATUS_OK && !settings->http_off && settings->http.tls) {
            status = problem_report(problem, STATUS_SYNTAX, "http", yaml->http, "Put a web server with TLS before it.",
                                    "the page is served without TLS");
        }
    }
    if (status == STATUS_OK && yaml->store != NULL) {
        status = store_address_read(yaml->store, &settings->store, problem);
        if (status == STATUS_OK && settings->store.kind == STORE_UNIX) {
            status = unix_path_from(config, settings->store.path, sizeof settings->store.path, problem);
        }
    }
    for (int32_t i = 0; status == STATUS_OK && i < settings->listen_count; i++) {
        if (!settings->listen[i].local && yaml->registry == NULL) {
            status = problem_report(problem, STATUS_REFUSED, "listen", settings->listen[i].text,
                                    "Name the file of identities under `registry`, or listen on 127.0.0.1.",
                                    "other machines could connect, and nothing says who may");
        } else if (!settings->listen[i].local && !settings->listen[i].tls
                   && (yaml->unencrypted == NULL || !*yaml->unencrypted)) {
            status = problem_report(problem, STATUS_REFUSED, "listen", settings->listen[i].text,
                                    "Listen on tls:HOST:PORT; or say `unencrypted: yes` where the network itself is "
                                    "encrypted, as a VPN is.",
                                    "other machines could connect, and what they say is not encrypted, tokens neither");
        } else if (settings->listen[i].tls && yaml->tls.certificate == NULL) {
            status = problem_report(problem, STATUS_REFUSED, "listen", settings->listen[i].text,
                                    "Write `tls: { certificate: FILE, key: FILE, client_authorities: FILE }`.",
                                    "TLS needs a certificate, its key and the authorities of the peers");
        }
    }
    return status;
}

static void number_take(int32_t *number, const int32_t *said)
{
    if (said != NULL) {
        *number = *said;
    }
}

static void numbers_take(const struct yaml_config *yaml, struct settings *settings)
{
    number_take(&settings->threads, yaml->threads);
    number_take(&settings->loops, yaml->loops);
    number_take(&settings->step_ms, yaml->step_ms);
    number_take(&settings->solve_latency_ms, yaml->solve_latency_ms);
    number_take(&settings->status_age_ms, yaml->status_age_ms);
    number_take(&settings->stop_ms, yaml->stop_ms);
    number_take(&settings->recordings_mib_max, yaml->recordings_mib_max);
    number_take(&settings->store_connect_ms, yaml->store_times.connect_ms);
    number_take(&settings->store_answer_ms, yaml->store_times.answer_ms);
    number_take(&settings->store_retry_ms_min, yaml->store_times.retry_ms_min);
    number_take(&settings->store_retry_ms_max, yaml->store_times.retry_ms_max);
    number_take(&settings->store_restore_ms, yaml->store_times.restore_ms);
    number_take(&settings->lease_ms, yaml->store_times.lease_ms);
    number_take(&settings->store_minutes, yaml->store_times.minutes);
    number_take(&settings->limits.connections, yaml->limits.connections);
    number_take(&settings->limits.frame_bytes, yaml->limits.frame_bytes);
    number_take(&settings->limits.names, yaml->limits.names);
    number_take(&settings->limits.hello_ms, yaml->limits.hello_ms);
    number_take(&settings->limits.partial_ms, yaml->limits.partial_ms);
    number_take(&settings->limits.silence_ms, yaml->limits.silence_ms);
    number_take(&settings->limits.strikes, yaml->limits.strikes);
    number_take(&settings->limits.write_queue_bytes, yaml->limits.write_queue_bytes);
    number_take(&settings->limits.readings_per_step, yaml->limits.readings_per_step);
    number_take(&settings->limits.events_per_step, yaml->limits.events_per_step);
}

// Which regions this daemon leads and stands in for. Such a daemon needs a store that the others reach too.
static enum status parts_take(const struct yaml_config *yaml, const char *path, struct settings *settings,
                              struct problem *problem)
{
    settings->parted = yaml->leads_count + yaml->stands_in_for_count > 0;
    settings->address = yaml->address;
    for (unsigned i = 0; i < yaml->leads_count; i++) {
        settings->leads[settings->leads_count++] = yaml->leads[i];
    }
    for (unsigned i = 0; i < yaml->stands_in_for_count; i++) {
        settings->stands_in_for[settings->stands_in_count++] = yaml->stands_in_for[i];
    }
    if (settings->parted && settings->standby) {
        return problem_report(problem, STATUS_RANGE, path, "standby", "Leave it out, and name regions under "
                              "`stands_in_for`.", "does not go with `leads` and `stands_in_for`");
    }
    bool shared = settings->store.kind != STORE_EMBEDDED && settings->store.kind != STORE_NONE;
    if ((settings->standby || settings->parted) && !shared) {
        return problem_report(problem, STATUS_RANGE, path, settings->parted ? "leads" : "standby",
                              "Write `store: redis://HOST` or `unix:PATH`.",
                              "a pair of daemons needs a store that both can reach");
    }
    settings->lockstep = settings->lockstep && !settings->parted;   // No simulator owns the clock of a part.
    return STATUS_OK;
}

static enum status settings_take(struct config *config, const char *path, struct settings *settings,
                                 struct problem *problem)
{
    const struct yaml_config *yaml = config->yaml;
    if (yaml->network == NULL) {
        return problem_report(problem, STATUS_SYNTAX, path, "network", "Write `network: FILE`.", "the key is missing");
    }
    numbers_take(yaml, settings);
    if (settings->store_retry_ms_min > settings->store_retry_ms_max) {
        return problem_report(problem, STATUS_RANGE, path, "store_times", NULL,
                              "retry_ms_min is greater than retry_ms_max");
    }
    settings->network = path_from(config, yaml->network);
    settings->site = path_from(config, yaml->site);
    settings->city = yaml->city;
    settings->registry = path_from(config, yaml->registry);
    settings->intergreen_s = yaml->intergreen_s != NULL ? *yaml->intergreen_s : settings->intergreen_s;
    settings->console_operates = yaml->console_operates != NULL ? *yaml->console_operates : false;
    settings->lockstep = yaml->lockstep != NULL ? *yaml->lockstep : settings->lockstep;
    settings->standby = yaml->standby != NULL && *yaml->standby;
    settings->unapproved = yaml->unapproved != NULL && *yaml->unapproved;
    for (unsigned i = 0; i < yaml->additional_count; i++) {
        settings->additional[settings->additional_count++] = path_from(config, yaml->additional[i]);
    }
    if (yaml->redis_server != NULL) {
        settings->redis_server = yaml->redis_server;
    }
    const char *given = getenv("STATE_DIRECTORY");   // systemd.exec(5)
    const char *folder = yaml->state_dir != NULL ? yaml->state_dir : given != NULL ? given : "state";
    settings->state_folder = path_from(config, folder);
    settings->recordings = recordings_folder(config, settings->state_folder);
    enum status status = addresses_take(config, settings, problem);
    if (status == STATUS_OK) {
        status = parts_take(yaml, path, settings, problem);
    }
    if (yaml->strategy != NULL) {
        settings->strategy = yaml->strategy;
    }
    if (status == STATUS_OK) {
        status = strategy_check(path, settings->strategy, problem);
    }
    for (unsigned i = 0; status == STATUS_OK && i < yaml->regions_count; i++) {
        status = strategy_check(path, yaml->regions[i].strategy, problem);
        settings->regions[settings->region_count++] = (struct region_strategy){ .region = yaml->regions[i].name,
            .strategy = yaml->regions[i].strategy };
    }
    return status;
}

// ---- the file

static enum status text_read(const char *path, char **ret, size_t *ret_bytes, struct problem *problem)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return problem_report(problem, STATUS_IO, path, NULL, "Name a configuration that can be read with --config.",
                              "%s", strerror(errno));
    }
    char *text = memory_take(CONFIG_BYTES_MAX + 1, 1);
    size_t bytes = fread(text, 1, CONFIG_BYTES_MAX + 1, file);
    bool failed = ferror(file) != 0;
    fclose(file);
    if (failed || bytes > CONFIG_BYTES_MAX) {
        free(text);
        return problem_report(problem, failed ? STATUS_IO : STATUS_LIMIT, path, NULL, NULL, failed
                              ? "cannot be read" : "longer than 1 MiB: this is no configuration");
    }
    *ret = text;
    *ret_bytes = bytes;
    return STATUS_OK;
}

// What libcyaml says is wrong, its last word on the matter.
static void on_cyaml(cyaml_log_t level, void *context, const char *format, va_list arguments)
{
    struct problem *said = context;
    if (level >= CYAML_LOG_ERROR && said->text[0] == '\0') {
        vsnprintf(said->text, sizeof said->text, format, arguments);
        said->text[strcspn(said->text, "\n")] = '\0';
    }
}

static const cyaml_config_t CYAML = { .log_fn = on_cyaml, .mem_fn = cyaml_mem, .log_level = CYAML_LOG_ERROR };

static enum status yaml_load(const char *path, const char *text, size_t bytes, struct yaml_config **ret,
                             struct problem *problem)
{
    struct problem said = { .text = "" };
    cyaml_config_t configuration = CYAML;
    configuration.log_ctx = &said;
    cyaml_err_t error = cyaml_load_data((const uint8_t *)text, bytes, &configuration, &SCHEMA, (cyaml_data_t **)ret,
                                        NULL);
    if (error != CYAML_OK) {
        return problem_report(problem, STATUS_SYNTAX, path, NULL, NULL, "%s", said.text[0] != '\0'
                              ? said.text : cyaml_strerror(error));
    }
    return STATUS_OK;
}

enum status config_read(const char *path, struct config **ret, struct settings *ret_settings, struct problem *problem)
{
    char *text = NULL;
    size_t bytes = 0;
    enum status status = text_read(path, &text, &bytes, problem);
    if (status != STATUS_OK) {
        return status;
    }
    struct config *config = memory_take(1, sizeof *config);
    struct settings settings = settings_default();
    const char *slash = strrchr(path, '/');
    config->folder = slash == NULL ? memory_copy(".", 2, 1) : memory_copy(path, (size_t)(slash - path) + 1, 1);
    if (slash != NULL) {
        config->folder[slash - path] = '\0';
    }
    status = tree_check(path, text, bytes, problem);
    if (status == STATUS_OK) {
        status = yaml_load(path, text, bytes, &config->yaml, problem);
    }
    if (status == STATUS_OK) {
        status = settings_take(config, path, &settings, problem);
    }
    free(text);
    if (status != STATUS_OK) {
        config_release(config);
        return status;
    }
    *ret = config;
    *ret_settings = settings;
    return STATUS_OK;
}

void config_release(struct config *config)
{
    if (config == NULL) {
        return;
    }
    if (config->yaml != NULL) {
        cyaml_free(&CYAML, &SCHEMA, config->yaml, 0);
    }
    for (int i = 0; i < config->kept_count; i++) {
        free(config->kept[i]);
    }
    free(config->folder);
    free(config);
}
