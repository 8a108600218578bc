#include "engine/optimize/strategy.h"

#include <stdio.h>
#include <string.h>

#define DECLARE(name) extern const struct strategy strategy_##name;
#define LIST(name) &strategy_##name,

STRATEGIES(DECLARE)

const struct strategy *const strategies[] = { STRATEGIES(LIST) };
const int strategy_count = (int)(sizeof strategies / sizeof *strategies);

const struct strategy *strategy_find(const char *name)
{
    for (int i = 0; name != NULL && i < strategy_count; i++) {
        if (strcmp(strategies[i]->name, name) == 0) {
            return strategies[i];
        }
    }
    return NULL;
}

void strategy_names(char *text, size_t text_bytes)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < strategy_count && used < text_bytes; i++) {
        int more = snprintf(text + used, text_bytes - used, "%s%s", i > 0 ? ", " : "", strategies[i]->name);
        used += more > 0 ? (size_t)more : 0;
    }
}
