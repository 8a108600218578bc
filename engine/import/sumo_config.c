#include "engine/import/sumo_config.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/import/sumo_xml.h"

struct config_reader {
    const char *path;
    struct sumo_config config;
};

// The file as seen from the folder of the configuration.
static char *beside(const char *path, const char *name, size_t name_bytes)
{
    const char *slash = strrchr(path, '/');
    size_t folder_bytes = name_bytes > 0 && name[0] != '/' && slash != NULL ? (size_t)(slash - path) + 1 : 0;
    char *joined = memory_take(folder_bytes + name_bytes + 1, 1);
    memcpy(joined, path, folder_bytes);
    memcpy(joined + folder_bytes, name, name_bytes);
    return joined;
}

// The next name of a comma-separated list, without the spaces around it. false at the end.
static bool list_next(const char **list, const char **ret_name, size_t *ret_bytes)
{
    const char *at = *list + strspn(*list, ", \t\r\n");
    if (*at == '\0') {
        return false;
    }
    size_t bytes = strcspn(at, ",");
    *list = at + bytes;
    while (bytes > 0 && strchr(" \t\r\n", at[bytes - 1]) != NULL) {
        bytes--;
    }
    *ret_name = at;
    *ret_bytes = bytes;
    return true;
}

static void read_time(struct sumo_xml *xml, const char *element, const char *value, int64_t *ret_ms)
{
    int64_t ms;
    if (!sumo_time_parse(value, &ms)) {
        sumo_xml_fail(xml, STATUS_SYNTAX, "seconds, or hours:minutes:seconds", "<%s value=\"%.60s\"> is not a time",
                      element, value);
    } else if (ms >= 0) {
        *ret_ms = ms;   // SUMO's end of -1 means that there is none
    }
}

static bool is_option(const char *element, const char *name, const char *letter)
{
    return strcmp(element, name) == 0 || strcmp(element, letter) == 0;
}

static double read_number(struct sumo_xml *xml, const char *element, const char *value, double least, double most,
                          double otherwise)
{
    char *end = NULL;
    double number = strtod(value, &end);
    if (end == value || *end != '\0' || !(number >= least && number <= most)) {
        sumo_xml_fail(xml, STATUS_SYNTAX, NULL, "<%s value=\"%.60s\">: expected a number from %g to %g", element, value,
                      least, most);
        return otherwise;
    }
    return number;
}

// Those that are neither files nor times; SUMO's other options say nothing to us.
static void read_other(struct sumo_xml *xml, struct sumo_config *config, const char *element, const char *value)
{
    if (strcmp(element, "scale") == 0) {
        config->scale = read_number(xml, element, value, 0.0, 1000.0, 1.0);
    } else if (strcmp(element, "default.speeddev") == 0) {
        config->speed_deviation = read_number(xml, element, value, -1.0, 10.0, -1.0);
    } else if (strcmp(element, "ignore-route-errors") == 0) {
        config->ignore_route_errors = sumo_xml_flag((const char *[]){ "value", value, NULL }, "value", false);
    }
}

static void on_start(struct sumo_xml *xml, void *user, const char *element, const char **attributes)
{
    struct config_reader *reader = user;
    const char *value = sumo_xml_find(attributes, "value");
    const char *name = NULL;
    size_t bytes = 0;
    if (value == NULL) {
        value = sumo_xml_find(attributes, "v");
    }
    if (value == NULL) {
        return;
    }
    if (is_option(element, "net-file", "n") || strcmp(element, "net") == 0) {
        free(reader->config.network);
        reader->config.network = list_next(&value, &name, &bytes) ? beside(reader->path, name, bytes) : NULL;
    } else if (is_option(element, "route-files", "r")) {
        while (list_next(&value, &name, &bytes)) {
            *GROW(reader->config.routes) = beside(reader->path, name, bytes);
        }
    } else if (is_option(element, "additional-files", "a") || strcmp(element, "additional") == 0) {
        while (list_next(&value, &name, &bytes)) {
            *GROW(reader->config.additional) = beside(reader->path, name, bytes);
        }
    } else if (is_option(element, "begin", "b")) {
        read_time(xml, element, value, &reader->config.begin_ms);
    } else if (is_option(element, "end", "e")) {
        read_time(xml, element, value, &reader->config.end_ms);
    } else if (strcmp(element, "step-length") == 0) {
        read_time(xml, element, value, &reader->config.step_ms);
        reader->config.says_step = true;
    } else {
        read_other(xml, &reader->config, element, value);
    }
}

enum status sumo_config_read(const char *path, struct sumo_config *ret, struct problem *problem)
{
    assert(path != NULL);
    assert(ret != NULL);
    struct config_reader reader = { .path = path,
        .config = { .begin_ms = INT64_MIN, .end_ms = INT64_MIN, .step_ms = 1000, .scale = 1.0,
                    .speed_deviation = -1.0 } };
    enum status status = sumo_xml_read(path, on_start, NULL, &reader, problem);
    if (status == STATUS_OK && reader.config.network == NULL) {
        status = problem_report(problem, STATUS_SYNTAX, path, NULL, "add <net-file value=\"...\"/>",
                                "the configuration names no network");
    }
    if (status == STATUS_OK && reader.config.step_ms <= 0) {
        status = problem_report(problem, STATUS_RANGE, path, "step-length", NULL, "is not above 0");
    }
    if (status != STATUS_OK) {
        sumo_config_release(&reader.config);
        return status;
    }
    *ret = reader.config;
    return STATUS_OK;
}

void sumo_config_release(struct sumo_config *config)
{
    free(config->network);
    for (int32_t i = 0; i < config->routes.count; i++) {
        free(config->routes.at[i]);
    }
    for (int32_t i = 0; i < config->additional.count; i++) {
        free(config->additional.at[i]);
    }
    free(config->routes.at);
    free(config->additional.at);
    *config = (struct sumo_config){ 0 };
}
