// journal.h: what the daemon says: one line per event, on standard error.
//
// THEORY    Under a service manager each line begins with its priority in angle brackets (sd-daemon(3)); on a terminal
//           with the time of day. A cause is always part of the line.
//           The latest lines are kept, by level, for the console: notes cannot push an alarm out.
// CONTRACT  Any thread. One write per line.
// NOT HERE  What is audited (audit_log.h).
#pragma once

#include <stdint.h>

#include "engine/base/status.h"

enum journal_level { JOURNAL_ALARM, JOURNAL_WARNING, JOURNAL_NOTE, JOURNAL_DETAIL };

#define JOURNAL_KEPT_COUNT 128        // lines of each level
#define JOURNAL_KEPT_BYTES_MAX 400    // of one of them, with its NUL; the rest is cut

struct journal_line {
    enum journal_level level;
    int64_t time_ms;                  // wall clock
    uint64_t number;                  // rises by 1 with each line that is kept
    char text[JOURNAL_KEPT_BYTES_MAX];
};

// The latest lines of a level (not JOURNAL_DETAIL), the newest first. Room for JOURNAL_KEPT_COUNT; gives how many.
int32_t journal_latest(enum journal_level level, struct journal_line *ret);

void journal(enum journal_level level, const char *format, ...) PRINTF_LIKE(2, 3);
