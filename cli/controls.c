#include "cli/controls.h"

#include <stdio.h>
#include <string.h>

#include "cli/usage.h"
#include "engine/optimize/strategy.h"

bool controls_known(const char *names)
{
    char one[64], known[512];
    for (const char *at = names; *at != '\0';) {
        size_t bytes = strcspn(at, ",");
        (void)snprintf(one, sizeof one, "%.*s", (int)(bytes < sizeof one ? bytes : sizeof one - 1), at);
        if (bytes > 0 && strategy_find(one) == NULL && strcmp(one, "actuated-local") != 0) {
            strategy_names(known, sizeof known);
            fprintf(stderr, "intergreen: --control: there is no strategy '%s': choose one of %s, actuated-local\n", one,
                    known);
            return false;
        }
        at += bytes + (at[bytes] == ',');
    }
    if (names[strspn(names, ",")] == '\0') {
        fprintf(stderr, "intergreen: --control names no strategy\n");
        return false;
    }
    return true;
}

bool control_known(const char *command, const char *name)
{
    char known[512];
    if (strategy_find(name) == NULL) {
        strategy_names(known, sizeof known);
        (void)usage_wrong(command, "--strategy: there is no strategy '%s': choose one of %s", name, known);
        return false;
    }
    return true;
}
