#include "engine/import/sumo_xml.h"

#include <assert.h>
#include <errno.h>
#include <expat.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "engine/model/units.h"

enum { BLOCK_BYTES = 1 << 16 };
static const double TIME_S_MAX = 1e9;   // some 30 years

struct sumo_xml {
    const char *path;
    XML_Parser parser;
    sumo_xml_start start;
    sumo_xml_end end;
    void *user;
    int32_t depth;                // of the next element to begin
    enum status status;
    struct problem problem;
};

void sumo_xml_fail(struct sumo_xml *xml, enum status status, const char *remedy, const char *format, ...)
{
    if (xml->status != STATUS_OK) {
        return;
    }
    char what[512], place[32];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    (void)snprintf(place, sizeof place, "line %d", sumo_xml_line(xml));
    xml->status = problem_report(&xml->problem, status, xml->path, place, remedy, "%s", what);
}

void sumo_xml_stop(struct sumo_xml *xml, enum status status, const struct problem *problem)
{
    if (xml->status == STATUS_OK) {
        xml->status = status;
        xml->problem = *problem;
    }
}

void sumo_xml_forgive(struct sumo_xml *xml, struct problem *ret)
{
    *ret = xml->problem;
    xml->status = STATUS_OK;
}

bool sumo_xml_failed(const struct sumo_xml *xml)
{
    return xml->status != STATUS_OK;
}

int32_t sumo_xml_line(const struct sumo_xml *xml)
{
    return (int32_t)XML_GetCurrentLineNumber(xml->parser);
}

int32_t sumo_xml_depth(const struct sumo_xml *xml)
{
    return xml->depth;
}

const char *sumo_xml_find(const char **attributes, const char *name)
{
    for (int i = 0; attributes[i] != NULL; i += 2) {
        if (strcmp(attributes[i], name) == 0) {
            return attributes[i + 1];
        }
    }
    return NULL;
}

const char *sumo_xml_text(struct sumo_xml *xml, const char *element, const char **attributes, const char *name)
{
    const char *text = sumo_xml_find(attributes, name);
    if (text == NULL || *text == '\0') {
        sumo_xml_fail(xml, STATUS_SYNTAX, "add it, or write the file anew with netconvert",
                      "<%s> has no attribute '%s'", element, name);
        return "";
    }
    return text;
}

double sumo_xml_number(struct sumo_xml *xml, const char *element, const char **attributes, const char *name,
                       double otherwise, double least, double most)
{
    const char *text = sumo_xml_find(attributes, name);
    if (text == NULL && !isnan(otherwise)) {
        return otherwise;
    }
    if (text == NULL) {
        (void)sumo_xml_text(xml, element, attributes, name);
        return least;
    }
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= least && value <= most)) {
        sumo_xml_fail(xml, STATUS_SYNTAX, NULL, "<%s %s=\"%.60s\">: expected a number from %g to %g", element, name,
                      text, least, most);
        return least;
    }
    return value;
}

int32_t sumo_xml_integer(struct sumo_xml *xml, const char *element, const char **attributes, const char *name,
                         int32_t otherwise, int32_t least, int32_t most)
{
    double value = sumo_xml_number(xml, element, attributes, name, otherwise == INT32_MIN ? NAN : (double)otherwise,
                                   least, most);
    if (value < -2147483648.0 || value > 2147483647.0 || floor(value) != value) {
        sumo_xml_fail(xml, STATUS_SYNTAX, NULL, "<%s %s=\"%g\">: expected a whole number", element, name, value);
        return least;
    }
    return (int32_t)value;
}

bool sumo_xml_flag(const char **attributes, const char *name, bool otherwise)
{
    const char *text = sumo_xml_find(attributes, name);
    if (text == NULL) {
        return otherwise;
    }
    return strcmp(text, "1") == 0 || strcmp(text, "true") == 0 || strcmp(text, "True") == 0 || strcmp(text, "yes") == 0
        || strcmp(text, "on") == 0 || strcmp(text, "x") == 0;
}

bool sumo_time_parse(const char *text, int64_t *ret_ms)
{
    static const double UNIT_S[] = { 1.0, 60.0, 3600.0, 86400.0 };
    double part[4];
    int count = 0;
    while (count < 4) {
        char *end = NULL;
        part[count++] = strtod(text, &end);
        if (end == text) {
            return false;
        }
        if (*end == '\0') {
            break;
        }
        if (*end != ':' || count == 4) {
            return false;
        }
        text = end + 1;
    }
    double sum_s = 0.0;
    for (int i = 0; i < count; i++) {
        sum_s += part[i] * UNIT_S[count - 1 - i];
    }
    if (count == 2 || !(fabs(sum_s) <= TIME_S_MAX)) {   // SUMO knows no minutes:seconds
        return false;
    }
    *ret_ms = ms_from_s(sum_s);
    return true;
}

// Not where it fails: the handler may yet forgive.
static void stop_if_failed(struct sumo_xml *xml)
{
    if (xml->status != STATUS_OK) {
        (void)XML_StopParser(xml->parser, XML_FALSE);
    }
}

static void on_start(void *user, const char *element, const char **attributes)
{
    struct sumo_xml *xml = user;
    if (xml->status == STATUS_OK) {
        xml->start(xml, xml->user, element, attributes);
        stop_if_failed(xml);
    }
    xml->depth++;
}

static void on_end(void *user, const char *element)
{
    struct sumo_xml *xml = user;
    xml->depth--;
    if (xml->status == STATUS_OK && xml->end != NULL) {
        xml->end(xml, xml->user, element);
        stop_if_failed(xml);
    }
}

static struct sumo_watch watch;   // of the process: a person waits for one reading at a time

void sumo_xml_watch(const struct sumo_watch *by)
{
    watch = by != NULL ? *by : (struct sumo_watch){ 0 };
}

static void tell(const struct sumo_xml *xml, gzFile file, int64_t file_bytes)
{
    if (watch.tell != NULL && file_bytes > 0) {
        watch.tell(watch.user, xml->path, (double)gzoffset(file) / (double)file_bytes);
    }
}

static enum status read_blocks(struct sumo_xml *xml, gzFile file, int64_t file_bytes)
{
    for (;;) {
        void *block = XML_GetBuffer(xml->parser, BLOCK_BYTES);
        if (block == NULL) {
            sumo_xml_fail(xml, STATUS_LIMIT, "is this a network?", "an element does not fit into memory");
            return xml->status;
        }
        int bytes = gzread(file, block, BLOCK_BYTES), failure = Z_OK;
        const char *why = gzerror(file, &failure);
        size_t path_bytes = strlen(xml->path);
        why += strncmp(why, xml->path, path_bytes) == 0 ? path_bytes + strspn(why + path_bytes, ": ") : 0;
        if (bytes < 0 || (bytes < BLOCK_BYTES && failure != Z_OK)) {
            return failure == Z_ERRNO
                ? problem_report(&xml->problem, STATUS_IO, xml->path, NULL, NULL, "%s", strerror(errno))
                : problem_report(&xml->problem, STATUS_SYNTAX, xml->path, NULL,
                                 "is the file whole? fetch or compress it anew", "its compressed data is broken: %s",
                                 why);
        }
        tell(xml, file, file_bytes);
        bool last = bytes < BLOCK_BYTES;
        if (XML_ParseBuffer(xml->parser, bytes, last) != XML_STATUS_OK) {
            if (xml->status == STATUS_OK) {
                sumo_xml_fail(xml, STATUS_SYNTAX, "is the file whole? fetch or write it anew", "%s",
                              XML_ErrorString(XML_GetErrorCode(xml->parser)));
            }
            return xml->status;
        }
        if (last || xml->status != STATUS_OK) {
            return xml->status;
        }
    }
}

enum status sumo_xml_read(const char *path, sumo_xml_start start, sumo_xml_end end, void *user, struct problem *problem)
{
    assert(path != NULL);
    assert(start != NULL);
    gzFile file = gzopen(path, "rb");
    struct stat about;
    if (file == NULL || stat(path, &about) != 0) {
        if (file != NULL) {
            (void)gzclose_r(file);
        }
        return problem_report(problem, STATUS_IO, path, NULL, "name a file that can be read", "%s", strerror(errno));
    }
    struct sumo_xml xml = { .path = path, .start = start, .end = end, .user = user, .parser = XML_ParserCreate(NULL) };
    enum status status;
    if (xml.parser == NULL) {
        status = problem_report(&xml.problem, STATUS_LIMIT, path, NULL, NULL, "no memory for the XML parser");
    } else {
        XML_SetUserData(xml.parser, &xml);
        XML_SetElementHandler(xml.parser, on_start, on_end);
        status = read_blocks(&xml, file, (int64_t)about.st_size);
        XML_ParserFree(xml.parser);
    }
    (void)gzclose_r(file);
    if (status != STATUS_OK && problem != NULL) {
        *problem = xml.problem;
    }
    return status;
}
