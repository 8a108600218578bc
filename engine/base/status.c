#include "engine/base/status.h"

#include <assert.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

const char *status_name(enum status status)
{
    switch (status) {
    case STATUS_OK: return "ok";
    case STATUS_RANGE: return "range";
    case STATUS_INFEASIBLE: return "infeasible";
    case STATUS_SYNTAX: return "syntax";
    case STATUS_UNKNOWN: return "unknown";
    case STATUS_LIMIT: return "limit";
    case STATUS_REFUSED: return "refused";
    case STATUS_STALE: return "stale";
    case STATUS_VERSION: return "version";
    case STATUS_IO: return "io";
    case STATUS_UNREACHABLE: return "unreachable";
    }
    return "unnamed";
}

enum status problem_report(struct problem *ret, enum status status, const char *source,
                           const char *place, const char *remedy, const char *format, ...)
{
    assert(source != NULL);
    assert(format != NULL);
    if (ret == NULL) {
        return status;
    }
    char what[PROBLEM_BYTES_MAX / 2];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    // The remedy goes on in the sentence, also where it was written as one of its own.
    const char *rest = remedy != NULL ? remedy : "";
    char first[2] = "";
    if (rest[0] >= 'A' && rest[0] <= 'Z' && rest[1] >= 'a' && rest[1] <= 'z') {
        first[0] = (char)(*rest++ - 'A' + 'a');
    }
    (void)snprintf(ret->text, sizeof ret->text, "%s: %s%s%s%s%s%s", source, place ? place : "", place ? ": " : "", what,
                   remedy != NULL ? "; " : "", first, rest);
    return status;
}
