// report_file.h: text files of a run in one folder, whose failures are found when they are closed.
//
// CONTRACT  Names go through report_escape before they stand in XML. Numbers are printed with a fixed count of places,
//           so that equal runs give equal bytes.
// OWNERSHIP report_file_open gives, report_file_close takes, also after a failure.
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "engine/base/status.h"

#define REPORT_NAME_BYTES_MAX 256

// Makes the folder where it is missing.
MUST_USE enum status report_folder(const char *directory, struct problem *problem);

// NULL, and the problem, when it cannot be written.
FILE *report_file_open(const char *directory, const char *name, struct problem *problem);

// Closes a file for which another failure is told already; NULL is none.
void report_file_drop(FILE *file);

// STATUS_OK for NULL.
MUST_USE enum status report_file_close(FILE *file, const char *directory, struct problem *problem);

// A name with the five characters of XML escaped; one that does not fit is cut.
void report_escape(const char *from, char *to, size_t bytes);

// A name as a field of CSV: in quotes where it holds a comma, a quote or a line's end.
void report_csv_name(FILE *file, const char *name);

static inline double report_s(int64_t ms)
{
    return (double)ms / 1000.0;
}
