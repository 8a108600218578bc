// journal.h: what the daemon says: one line per event, on standard error.
//
// THEORY    Under a service manager each line begins with its priority in angle brackets (sd-daemon(3)); on a terminal
//           with the time of day. A cause is always part of the line.
// CONTRACT  Any thread. One write per line.
// NOT HERE  What is audited (audit_log.h).
#pragma once

#include "engine/base/status.h"

enum journal_level { JOURNAL_ALARM, JOURNAL_WARNING, JOURNAL_NOTE, JOURNAL_DETAIL };

void journal(enum journal_level level, const char *format, ...) PRINTF_LIKE(2, 3);
