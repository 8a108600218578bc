// import.h: files of the field -> network. The one door for every format.
//
// THEORY    A reader (sumo.h, cityflow.h) turns a file into a draft (draft.h): roads, paths and light programs as the
//           file tells them. derive.h makes signal groups, stages, intergreens, conflicts and sensors of it, the same
//           way for every format. Our own file (network_file.h) holds a finished network.
// CONTRACT  Formats are told apart by content, never by suffix. All or nothing: on any failure *ret stays empty and
//           the problem names the file, the line or path in it, what is wrong and what to do.
// OWNERSHIP network_release frees what *ret got; import_report_release the report.
// NOT HERE  Trips (sim/demand).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/memory.h"
#include "engine/model/network.h"

struct import_options {
    int32_t intergreen_ms;            // every conflicting pair gets this, yellow first; -1: the site's own
    bool derived_stages;              // stages from compatible groups rather than from the program's phases
    const char *const *additional;    // further SUMO files: tlLogic, detectors
    int32_t additional_count;
};

#define IMPORT_OPTIONS_DEFAULT ((struct import_options){ .intergreen_ms = -1 })

enum import_note { NOTE_DERIVED, NOTE_ASSUMED, NOTE_ADDED_TIME, NOTE_WARNING };

struct import_line {
    enum import_note note;
    char *text;                       // one sentence
};

// What was derived, what was assumed, each second that was added.
struct import_report {
    LIST_OF(struct import_line) lines;
};

void import_note(struct import_report *report, enum import_note note, const char *format, ...) PRINTF_LIKE(3, 4);
void import_report_release(struct import_report *report);

enum file_kind { FILE_UNKNOWN, FILE_SUMO_NETWORK, FILE_SUMO_CONFIG, FILE_SUMO_DEMAND, FILE_SUMO_ADDITIONAL,
                 FILE_CITYFLOW_NETWORK, FILE_CITYFLOW_DEMAND, FILE_INTERGREEN_NETWORK, FILE_INTERGREEN_DEMAND };

// What a file is, by its first kilobytes. STATUS_IO when it cannot be read, STATUS_SYNTAX when it is nothing we know.
MUST_USE enum status import_sniff(const char *path, enum file_kind *ret, struct problem *problem);

// Reads any network. report may be NULL.
MUST_USE enum status import_network(const char *path, const struct import_options *options, struct network *ret,
                                    struct import_report *report, struct problem *problem);
