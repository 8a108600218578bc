#include "engine/import/import_report.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct import_options import_options_default(void)
{
    return (struct import_options){ .intergreen_ms = -1 };
}

const char *note_kind_name(enum note_kind kind)
{
    switch (kind) {
    case NOTE_DERIVED: return "derived";
    case NOTE_ASSUMED: return "assumed";
    case NOTE_CHANGED: return "changed";
    case NOTE_WARNING: return "warning";
    case NOTE_KIND_COUNT: break;
    }
    return "unnamed";
}

void import_note(struct import_report *report, enum note_kind kind, const char *format, ...)
{
    assert(kind >= 0 && kind < NOTE_KIND_COUNT);
    if (report == NULL) {
        return;
    }
    char text[1024];   // A line that is longer is cut: it is prose for a person.
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct import_note *note = GROW(report->notes);
    note->kind = kind;
    note->text = memory_copy(text, strlen(text) + 1, 1);
    report->count[kind]++;
}

void import_report_release(struct import_report *report)
{
    for (int32_t i = 0; i < report->notes.count; i++) {
        free(report->notes.at[i].text);
    }
    free(report->notes.at);
    *report = (struct import_report){ 0 };
}
