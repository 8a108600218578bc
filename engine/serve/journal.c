#include "engine/serve/journal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES_MAX 1200

void journal(enum journal_level level, const char *format, ...)
{
    // Priorities of syslog(3): 2 critical, 4 warning, 6 informational, 7 debug.
    static const char *const PRIORITY[] = { "<2>", "<4>", "<6>", "<7>" };
    static const char *const WORD[] = { "ALARM ", "warning ", "", "" };
    char line[LINE_BYTES_MAX];
    int used;
    if (getenv("JOURNAL_STREAM") != NULL) {
        used = snprintf(line, sizeof line, "%s%s", PRIORITY[level], level == JOURNAL_ALARM ? "ALARM " : "");
    } else {
        struct timespec now;
        struct tm parts;
        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &parts);
        used = snprintf(line, sizeof line, "%02d:%02d:%02d.%03d %s", parts.tm_hour, parts.tm_min, parts.tm_sec,
                        (int)(now.tv_nsec / 1000000), WORD[level]);
    }
    va_list arguments;
    va_start(arguments, format);
    int more = vsnprintf(line + used, sizeof line - (size_t)used - 1, format, arguments);
    va_end(arguments);
    used += more < 0 ? 0 : more;
    if (used > (int)sizeof line - 2) {
        used = (int)sizeof line - 2;
    }
    for (int i = 0; i < used; i++) {
        if (line[i] == '\n' || line[i] == '\r') {
            line[i] = ' ';   // One event, one line, whatever a peer wrote.
        }
    }
    line[used++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, (size_t)used);
    (void)written;
}
