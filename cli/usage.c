#include "cli/usage.h"

#include <stdarg.h>
#include <stdio.h>

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
