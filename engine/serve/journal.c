#include "engine/serve/journal.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES_MAX 1200

static struct {
    pthread_mutex_t mutex;
    uint64_t number;
    int32_t count[JOURNAL_DETAIL], newest[JOURNAL_DETAIL];
    struct journal_line lines[JOURNAL_DETAIL][JOURNAL_KEPT_COUNT];
} kept = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static void line_keep(enum journal_level level, const char *text, int bytes)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    pthread_mutex_lock(&kept.mutex);
    kept.newest[level] = (kept.newest[level] + 1) % JOURNAL_KEPT_COUNT;
    kept.count[level] += kept.count[level] < JOURNAL_KEPT_COUNT;
    struct journal_line *line = &kept.lines[level][kept.newest[level]];
    line->level = level;
    line->time_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    line->number = ++kept.number;
    snprintf(line->text, sizeof line->text, "%.*s", bytes, text);
    pthread_mutex_unlock(&kept.mutex);
}

int32_t journal_latest(enum journal_level level, struct journal_line *ret)
{
    pthread_mutex_lock(&kept.mutex);
    int32_t count = kept.count[level];
    for (int32_t i = 0; i < count; i++) {
        ret[i] = kept.lines[level][(kept.newest[level] + JOURNAL_KEPT_COUNT - i) % JOURNAL_KEPT_COUNT];
    }
    pthread_mutex_unlock(&kept.mutex);
    return count;
}

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
    int head = used, more = vsnprintf(line + used, sizeof line - (size_t)used - 1, format, arguments);
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
    if (level < JOURNAL_DETAIL) {
        line_keep(level, line + head, used - head);
    }
    line[used++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, (size_t)used);
    (void)written;
}
