#include "sim/replay/csv_lines.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

enum status csv_wrong(const struct csv_lines *lines, struct problem *problem, enum status status, const char *remedy,
                      const char *format, ...)
{
    char what[400], place[40];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    (void)snprintf(place, sizeof place, "line %lld", (long long)lines->line);
    return problem_report(problem, status, lines->path, place, remedy, "%s", what);
}

enum status csv_open(const char *path, struct csv_lines *ret, struct problem *problem)
{
    gzFile file = gzopen(path, "rb");
    if (file == NULL) {
        return problem_report(problem, STATUS_IO, path, NULL, "Name a file that can be read.", "cannot be read: %s",
                              strerror(errno));
    }
    (void)gzbuffer(file, 1 << 17);
    *ret = (struct csv_lines){ .path = path, .file = file };
    return STATUS_OK;
}

void csv_close(struct csv_lines *lines)
{
    if (lines->file != NULL) {
        (void)gzclose(lines->file);
    }
    lines->file = NULL;
}

static char *trimmed(char *from, char *end)
{
    while (from < end && isspace((unsigned char)*from)) {
        from++;
    }
    while (end > from && isspace((unsigned char)end[-1])) {
        end--;
    }
    *end = '\0';
    return from;
}

// The field that begins at `at`, its end where a comma or the line's end was. *ret_next: behind it, or NULL.
static char *field_cut(char *at, char **ret_next)
{
    while (*at == ' ' || *at == '\t') {
        at++;
    }
    if (*at != '"') {
        char *comma = strchr(at, ',');
        char *end = comma != NULL ? comma : at + strlen(at);
        *ret_next = comma != NULL ? comma + 1 : NULL;
        return trimmed(at, end);
    }
    char *to = ++at, *from = at;
    for (; *from != '\0' && (*from != '"' || from[1] == '"'); from++) {
        from += *from == '"';
        *to++ = *from;
    }
    char *comma = *from != '\0' ? strchr(from + 1, ',') : NULL;
    *ret_next = comma != NULL ? comma + 1 : NULL;
    *to = '\0';
    return at;
}

enum status csv_next(struct csv_lines *lines, struct problem *problem)
{
    lines->field_count = 0;
    for (;;) {
        int error = Z_OK;
        char *text = gzgets(lines->file, lines->text, (int)sizeof lines->text);
        if (text == NULL) {
            const char *why = gzerror(lines->file, &error);
            return error == Z_OK || error == Z_STREAM_END ? STATUS_OK
                : problem_report(problem, STATUS_SYNTAX, lines->path, NULL, "Fetch the file anew.",
                                 "is cut off or damaged: %s", why);
        }
        lines->line++;
        if (strchr(text, '\n') == NULL && !gzeof(lines->file)) {
            return csv_wrong(lines, problem, STATUS_SYNTAX, "Name a file of counts.", "longer than %d bytes",
                             CSV_LINE_BYTES_MAX);
        }
        if (lines->line == 1 && strncmp(text, "\xef\xbb\xbf", 3) == 0) {
            text += 3;                // The byte order mark that spreadsheets write.
        }
        text += strspn(text, " \t\r\n");
        if (*text == '\0' || *text == '#') {
            continue;
        }
        for (char *at = text; at != NULL;) {
            if (lines->field_count == CSV_FIELD_COUNT_MAX) {
                return csv_wrong(lines, problem, STATUS_SYNTAX, "Name a file of counts.", "more than %d fields",
                                 CSV_FIELD_COUNT_MAX);
            }
            lines->field[lines->field_count++] = field_cut(at, &at);
        }
        return STATUS_OK;
    }
}

int csv_column(const struct csv_lines *header, const char *name)
{
    for (int i = 0; i < header->field_count; i++) {
        if (strcasecmp(header->field[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

bool csv_number(const char *field, double *ret)
{
    char *end;
    double value = strtod(field, &end);
    if (end == field || *end != '\0' || !isfinite(value)) {
        return false;
    }
    *ret = value;
    return true;
}
