// import_report.h: what a person may ask of an import, and what the import tells back.
//
// THEORY    A foreign file never says all that an engine needs. What is missing is derived from geometry and speed or
//           taken from a named profile, and every such step is a line here: an engineer must be able to judge it.
// CONTRACT  Lines stand in the order in which they were added. A report may be NULL wherever it is asked for.
// OWNERSHIP The caller owns both structs; import_report_release frees the lines.
// NOT HERE  Failures (struct problem): a failed import gives no network, whatever its report says.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/memory.h"
#include "engine/base/status.h"

#define IMPORT_EXTRA_COUNT_MAX 32

struct import_options {
    int32_t intergreen_ms;          // every conflicting pair gets exactly max(this, yellow); -1: as derived
    bool stages_derived;            // make stages from the conflicts instead of from the program's phases
    const char *extra[IMPORT_EXTRA_COUNT_MAX];   // additional SUMO files, borrowed
    int32_t extra_count;
};

enum note_kind {
    NOTE_DERIVED,     // follows from the file
    NOTE_ASSUMED,     // the file does not say; the value comes from a named profile or default
    NOTE_CHANGED,     // the file says otherwise: a second was added, a green was cut
    NOTE_WARNING,     // a person should look at it
    NOTE_KIND_COUNT,
};

struct import_note {
    enum note_kind kind;
    char *text;
};

struct import_report {
    LIST_OF(struct import_note) notes;
    int32_t count[NOTE_KIND_COUNT];
};

// As nobody asked for anything: stages of the program, intergreens as derived.
struct import_options import_options_default(void);

// "derived", "assumed", "changed", "warning". Static storage.
const char *note_kind_name(enum note_kind kind);

void import_note(struct import_report *report, enum note_kind kind, const char *format, ...) PRINTF_LIKE(3, 4);
void import_report_release(struct import_report *report);
