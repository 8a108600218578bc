// alarms.h: what is wrong now, since when, and who has seen it.
//
// THEORY    An alarm is a condition with a key: it comes and it ends. A key has one row; when it comes again the row is
//           in force again, counts one more, and wants to be acknowledged anew.
//
//             (absent) ──come──▶ IN FORCE ──end──▶ ENDED ──come──▶ IN FORCE ...
//                                 │ acknowledged by a person: stays in force, is not new any more
//           What happened once and has no end (the daemon crashed, a reload failed) ends when it is acknowledged.
//           The table is bounded: the row that ended first gives way; alarms that find no room are counted.
// CONTRACT  Any thread; times are the wall clock's.
// NOT HERE  The journal, which the callers write as before; which conditions there are (alarm_watch.h, channel.c).
#pragma once

#include "engine/wire/alarm_codec.h"

#define ALARM_KEY_BYTES_MAX 96
#define ALARM_TEXT_BYTES_MAX 320

struct alarms;

void alarms_create(struct alarms **ret);
void alarms_release(struct alarms *alarms);

struct alarm {
    const char *key;                  // at most ALARM_KEY_BYTES_MAX - 1 bytes
    enum alarm_severity severity;
    const char *intersection;         // name; NULL: of none. Kept
    bool once;                        // it has no end of its own
};

// The condition holds: with this text. Said again while it holds it changes the text alone.
void alarms_come(struct alarms *alarms, const struct alarm *alarm, const char *format, ...) PRINTF_LIKE(3, 4);
void alarms_end(struct alarms *alarms, const char *key);

// id 0: all in force. How many there were to acknowledge.
int32_t alarms_acknowledge(struct alarms *alarms, uint32_t id, const char *who);

// A copy of the rows: in force first, then the newest first. Texts hold until alarms_copy_release.
struct alarms_copy {
    struct alarm_row *rows;
    char *texts;
    int32_t count, in_force;
    uint32_t left_out;
};
void alarms_copy(struct alarms *alarms, struct alarms_copy *ret);
void alarms_copy_release(struct alarms_copy *copy);
