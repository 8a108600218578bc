#include "cli/usage.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/commands.h"

int usage_hint(const char *command)
{
    fprintf(stderr, "`intergreen %s --help` tells the options.\n", command);
    return CLI_USAGE;
}

int usage_wrong(const char *command, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "intergreen %s: ", command);
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return usage_hint(command);
}

bool usage_number(const char *command, const char *name, const char *value, double low, double high, double *ret)
{
    char *end = NULL;
    double read = strtod(value, &end);
    if (end == value || *end != '\0' || !(read >= low && read <= high)) {
        (void)usage_wrong(command, "--%s takes a number from %g to %g, not '%s'", name, low, high, value);
        return false;
    }
    *ret = read;
    return true;
}

bool usage_count(const char *command, const char *name, const char *value, double low, double high, double *ret)
{
    double read = 0.0;
    if (!usage_number(command, name, value, low, high, &read)) {
        return false;
    }
    if (read != floor(read)) {
        (void)usage_wrong(command, "--%s takes a whole number, not '%s'", name, value);
        return false;
    }
    *ret = read;
    return true;
}
