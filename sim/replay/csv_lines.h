// csv_lines.h: lines of CSV, plain or packed by gzip, one after the other.
//
// THEORY    Fields between commas, spaces round them left out; quotes as RFC 4180 has them, but no line breaks inside.
//           Lines that are empty or begin with '#' are passed over. Packed files are unpacked as they are read.
// CONTRACT  A line is at most CSV_LINE_BYTES_MAX bytes and CSV_FIELD_COUNT_MAX fields; one that is longer is a problem.
// OWNERSHIP Fields are borrowed until the next line.
// NOT HERE  What they mean.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"

#define CSV_LINE_BYTES_MAX 8192
#define CSV_FIELD_COUNT_MAX 128

struct csv_lines {
    const char *path;
    void *file;                       // a gzFile
    int64_t line;                     // of the fields, from 1
    char text[CSV_LINE_BYTES_MAX];
    char *field[CSV_FIELD_COUNT_MAX];
    int field_count;
};

MUST_USE enum status csv_open(const char *path, struct csv_lines *ret, struct problem *problem);
void csv_close(struct csv_lines *lines);

// The next line; field_count is 0 when the file has ended.
MUST_USE enum status csv_next(struct csv_lines *lines, struct problem *problem);

// Writes "path: line N: what. remedy" and gives STATUS_SYNTAX, or the status named.
enum status csv_wrong(const struct csv_lines *lines, struct problem *problem, enum status status, const char *remedy,
                      const char *format, ...) PRINTF_LIKE(5, 6);

// The place of a column by its header's name, any case; -1: there is none.
int csv_column(const struct csv_lines *header, const char *name);

// A finite number that fills the field.
bool csv_number(const char *field, double *ret);
