// sumo_xml.h: one pass over one of SUMO's XML files, with errors that a person can act on.
//
// THEORY    Expat reads in blocks and calls back for each element. A handler looks its attributes up here; the first
//           thing that is missing or wrong is written down with file and line, and the reading stops there. Expat
//           itself finds broken and truncated files and bounds the expansion of entities; external entities are never
//           read. A file that gzip packed is unpacked as it is read, as SUMO does with .gz.
// CONTRACT  After the first failure no handler is called. Numbers are finite and within the limits that the caller
//           names.
// OWNERSHIP Attributes are borrowed until the handler returns.
// NOT HERE  What the elements mean (sumo.h, sumo_config.h).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"

struct sumo_xml;

// Handlers get the element's name and, at its start, its attributes as name, value, ..., NULL.
typedef void (*sumo_xml_start)(struct sumo_xml *xml, void *user, const char *element, const char **attributes);
typedef void (*sumo_xml_end)(struct sumo_xml *xml, void *user, const char *element);

// Reads the whole file. end may be NULL. STATUS_IO when it cannot be read; STATUS_SYNTAX when it is no XML or is cut
// off; else what a handler reported.
MUST_USE enum status sumo_xml_read(const char *path, sumo_xml_start start, sumo_xml_end end, void *user,
                                   struct problem *problem);

// Who is told how far a reading is, 0 .. 1 of the file; NULL: nobody. For the whole process: set it before reading.
struct sumo_watch {
    void (*tell)(void *user, const char *path, double share);
    void *user;
};
void sumo_xml_watch(const struct sumo_watch *by);

// Writes down "path: line N: what. remedy" and stops the reading; the first one counts.
void sumo_xml_fail(struct sumo_xml *xml, enum status status, const char *remedy, const char *format, ...)
    PRINTF_LIKE(4, 5);

// Stops the reading with a problem that is already written down, as of a file that this one includes.
void sumo_xml_stop(struct sumo_xml *xml, enum status status, const struct problem *problem);

// Takes a failure of the handler that runs back: the element costs itself alone. What it was is in *ret.
void sumo_xml_forgive(struct sumo_xml *xml, struct problem *ret);

bool sumo_xml_failed(const struct sumo_xml *xml);
int32_t sumo_xml_line(const struct sumo_xml *xml);

// Nesting of the element whose handler runs: the root has 0.
int32_t sumo_xml_depth(const struct sumo_xml *xml);

// The attribute's text or NULL; the second form reports a missing one and gives "".
const char *sumo_xml_find(const char **attributes, const char *name);
const char *sumo_xml_text(struct sumo_xml *xml, const char *element, const char **attributes, const char *name);

// Numbers: `otherwise` where the attribute is missing; with NAN (or INT32_MIN) a missing one is reported.
double sumo_xml_number(struct sumo_xml *xml, const char *element, const char **attributes, const char *name,
                       double otherwise, double least, double most);
int32_t sumo_xml_integer(struct sumo_xml *xml, const char *element, const char **attributes, const char *name,
                         int32_t otherwise, int32_t least, int32_t most);
bool sumo_xml_flag(const char **attributes, const char *name, bool otherwise);

// A time: seconds ("25200", "12.5") or [days:]hours:minutes:seconds ("7:00:00"), of at most 1e9 s either way.
bool sumo_time_parse(const char *text, int64_t *ret_ms);
