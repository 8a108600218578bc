#include "engine/import/import.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "engine/import/cityflow.h"
#include "engine/import/derive.h"
#include "engine/import/draft.h"
#include "engine/import/network_file.h"
#include "engine/import/sumo.h"

#define SNIFF_BYTES 65536   // netconvert puts its whole configuration into a comment at the top

void import_note(struct import_report *report, enum import_note note, const char *format, ...)
{
    if (report == NULL) {
        return;
    }
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t bytes = length < 0 ? 0 : (size_t)length >= sizeof text ? sizeof text - 1 : (size_t)length;
    text[bytes] = '\0';
    struct import_line *line = GROW(report->lines);
    line->note = note;
    line->text = memory_copy(text, bytes + 1, 1);
}

void import_report_release(struct import_report *report)
{
    for (int32_t i = 0; i < report->lines.count; i++) {
        free(report->lines.at[i].text);
    }
    free(report->lines.at);
    *report = (struct import_report){ 0 };
}

void draft_release(struct network_draft *draft)
{
    names_release(&draft->names);
    void *owned[] = { draft->points.at, draft->junctions.at, draft->links.at, draft->lanes.at, draft->connections.at,
        draft->foes.at, draft->phases.at, draft->programs.at, draft->crossings.at, draft->crossed_links.at,
        draft->detectors.at };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) {
        free(owned[i]);
    }
    *draft = (struct network_draft){ 0 };
}

// The first element of an XML file that is neither declaration nor comment, into name. False when there is none.
static bool first_element(const char *text, char *name, size_t bytes)
{
    while ((text = strchr(text, '<')) != NULL) {
        if (strncmp(text, "<!--", 4) == 0) {
            text = strstr(text, "-->");
            if (text == NULL) {
                return false;
            }
        } else if (text[1] != '?' && text[1] != '!') {
            size_t length = strcspn(text + 1, " \t\r\n/>");
            (void)snprintf(name, bytes, "%.*s", (int)(length < bytes ? length : bytes - 1), text + 1);
            return true;
        } else {
            text++;
        }
    }
    return false;
}

static enum file_kind kind_of(const char *head, size_t bytes)
{
    if (bytes >= NETWORK_FILE_MAGIC_BYTES && memcmp(head, NETWORK_FILE_MAGIC, NETWORK_FILE_MAGIC_BYTES) == 0) {
        return FILE_INTERGREEN_NETWORK;
    }
    if (bytes >= NETWORK_FILE_MAGIC_BYTES && memcmp(head, DEMAND_FILE_MAGIC, NETWORK_FILE_MAGIC_BYTES) == 0) {
        return FILE_INTERGREEN_DEMAND;
    }
    const char *at = head;
    if (strncmp(at, "\xef\xbb\xbf", 3) == 0) {   // a byte order mark
        at += 3;
    }
    while (isspace((unsigned char)*at)) {
        at++;
    }
    char name[32];
    if (*at == '{') {
        return FILE_CITYFLOW_NETWORK;
    }
    if (*at == '[') {
        return FILE_CITYFLOW_DEMAND;
    }
    if (*at != '<' || !first_element(at, name, sizeof name)) {
        return FILE_UNKNOWN;
    }
    return strcmp(name, "net") == 0 ? FILE_SUMO_NETWORK
        : strcmp(name, "configuration") == 0 || strcmp(name, "sumoConfiguration") == 0 ? FILE_SUMO_CONFIG
        : strcmp(name, "routes") == 0 || strcmp(name, "trips") == 0 ? FILE_SUMO_DEMAND
        : strcmp(name, "additional") == 0 || strcmp(name, "add") == 0 || strcmp(name, "tlLogics") == 0
        ? FILE_SUMO_ADDITIONAL : FILE_UNKNOWN;
}

enum status import_sniff(const char *path, enum file_kind *ret, struct problem *problem)
{
    gzFile file = gzopen(path, "rb");
    if (file == NULL) {
        return problem_report(problem, STATUS_IO, path, NULL, "check the path", "cannot be read: %s", strerror(errno));
    }
    char head[SNIFF_BYTES + 1] = { 0 };
    int bytes = gzread(file, head, SNIFF_BYTES);
    (void)gzclose_r(file);
    if (bytes < 0) {
        return problem_report(problem, STATUS_IO, path, NULL, "name a file", "cannot be read: %s",
                              errno != 0 ? strerror(errno) : "its compressed data is broken");
    }
    enum file_kind kind = kind_of(head, (size_t)bytes);
    if (kind == FILE_UNKNOWN) {
        return problem_report(problem, STATUS_SYNTAX, path, NULL,
                              "name a SUMO .net.xml or .sumocfg, a CityFlow roadnet.json, or our own file",
                              bytes == 0 ? "is empty" : "is of no known form");
    }
    *ret = kind;
    return STATUS_OK;
}

static enum status derive_draft(struct network_draft *draft, const struct import_options *options, struct network *ret,
                                struct import_report *report, struct problem *problem)
{
    enum status status = derive_signals(draft, options, report, ret, problem);
    draft_release(draft);
    return status;
}

enum status import_network(const char *path, const struct import_options *options, struct network *ret,
                           struct import_report *report, struct problem *problem)
{
    enum file_kind kind;
    enum status status = import_sniff(path, &kind, problem);
    if (status != STATUS_OK) {
        return status;
    }
    struct network_draft draft = { 0 };
    switch (kind) {
    case FILE_INTERGREEN_NETWORK:
        return network_file_load(path, ret, problem);
    case FILE_SUMO_NETWORK:
    case FILE_SUMO_CONFIG:
        status = sumo_read(path, options, &draft, report, problem);
        return status != STATUS_OK ? status : derive_draft(&draft, options, ret, report, problem);
    case FILE_CITYFLOW_NETWORK:
        status = cityflow_read(path, &draft, report, problem);
        return status != STATUS_OK ? status : derive_draft(&draft, options, ret, report, problem);
    case FILE_UNKNOWN:
    case FILE_SUMO_DEMAND:
    case FILE_SUMO_ADDITIONAL:
    case FILE_CITYFLOW_DEMAND:
    case FILE_INTERGREEN_DEMAND:
        break;
    }
    return problem_report(problem, STATUS_SYNTAX, path, NULL, "name the network first; this file goes with --demand or "
                          "--additional", "holds no network");
}
