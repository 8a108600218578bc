// day_time.h: instants as people write them, on the clock of a recorded day.
//
// THEORY    Three ways: seconds of the day's own clock ("63600"), a time of the first day ("17:40", "17:40:30"), a date
//           with or without a time ("2026-11-27", "2026-11-27 17:40", "2026-11-27T17:40"). Days are UTC for a daemon's
//           recordings, the file's own local time for counts from files, and day 0 for a simulator's.
// CONTRACT  Pure; the proleptic Gregorian calendar.
// NOT HERE  Time zones.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct day_time {
    enum { DAY_TIME_NONE, DAY_TIME_INSTANT, DAY_TIME_OF_FIRST_DAY } kind;
    int64_t ms;
};

// false: not one of the three ways.
bool day_time_parse(const char *text, struct day_time *ret);

// On a clock whose first instant is begin_ms; `otherwise` where none was given.
int64_t day_time_ms(const struct day_time *at, int64_t begin_ms, int64_t otherwise);

// Days from 1970-01-01 to a date of the calendar. false: there is no such date.
bool civil_days(int year, int month, int day, int64_t *ret);

// "H:MM" or "H:MM:SS", 0:00 to 24:00, and nothing after it.
bool clock_parse(const char *text, int64_t *ret_ms);
