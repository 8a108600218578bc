#include "sim/replay/day_time.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model/units.h"

bool civil_days(int year, int month, int day, int64_t *ret)
{
    static const int LENGTHS[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1
        || day > LENGTHS[month - 1] + (month == 2 && leap)) {
        return false;
    }
    int64_t before = year - 1;               // whole years
    int64_t days = before * 365 + before / 4 - before / 100 + before / 400;
    for (int m = 1; m < month; m++) {
        days += LENGTHS[m - 1] + (m == 2 && leap);
    }
    *ret = days + day - 1 - 719162;          // 0001-01-01 to 1970-01-01
    return true;
}

bool clock_parse(const char *text, int64_t *ret_ms)
{
    int hour, minute, second = 0, used = 0;
    if (sscanf(text, "%2d:%2d%n", &hour, &minute, &used) != 2) {
        return false;
    }
    if (text[used] == ':') {
        int more = 0;
        if (sscanf(text + used, ":%2d%n", &second, &more) != 1) {
            return false;
        }
        used += more;
    }
    int64_t ms = ((int64_t)hour * 3600 + minute * 60 + second) * MS_PER_S;
    bool good = text[used] == '\0' && hour >= 0 && minute >= 0 && minute < 60 && second >= 0 && second < 60
        && ms <= MS_PER_DAY;
    if (good) {
        *ret_ms = ms;
    }
    return good;
}

static bool date_parse(const char *text, struct day_time *ret)
{
    int year, month, day, used = 0;
    int64_t days, clock_ms = 0;
    if (sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &used) != 3 || !civil_days(year, month, day, &days)) {
        return false;
    }
    bool timed = text[used] == 'T' || text[used] == ' ';
    if (timed ? !clock_parse(text + used + 1, &clock_ms) : text[used] != '\0') {
        return false;
    }
    *ret = (struct day_time){ DAY_TIME_INSTANT, days * MS_PER_DAY + clock_ms };
    return true;
}

bool day_time_parse(const char *text, struct day_time *ret)
{
    int64_t clock_ms;
    if (clock_parse(text, &clock_ms)) {
        *ret = (struct day_time){ DAY_TIME_OF_FIRST_DAY, clock_ms };
        return true;
    }
    if (date_parse(text, ret)) {
        return true;
    }
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(fabs(seconds) < 1e12)) {
        return false;
    }
    *ret = (struct day_time){ DAY_TIME_INSTANT, ms_from_s(seconds) };
    return true;
}

int64_t day_time_ms(const struct day_time *at, int64_t begin_ms, int64_t otherwise)
{
    return at->kind == DAY_TIME_NONE ? otherwise
        : at->kind == DAY_TIME_INSTANT ? at->ms : quantum_floor(begin_ms, MS_PER_DAY) + at->ms;
}
