#include "engine/model/lamp.h"

#include <stddef.h>

char aspect_letter(enum aspect aspect)
{
    switch (aspect) {
    case ASPECT_DARK: return '-';
    case ASPECT_RED: return 'r';
    case ASPECT_RED_YELLOW: return 'u';
    case ASPECT_GREEN: return 'G';
    case ASPECT_YELLOW: return 'y';
    case ASPECT_FLASHING_YELLOW: return 'o';
    case ASPECT_FLASHING_RED: return 's';
    }
    return '?';
}

enum aspect lamp_aspect(const struct network *network, const struct plan *plan, int32_t group, int64_t t_ms,
                        int64_t *ret_since_ms)
{
    const struct intersection *at = &network->intersections[plan->intersection];
    int64_t yellow_ms = network->groups[at->first_group + group].yellow_ms;
    int64_t start_ms = INT64_MIN, end_ms = INT64_MIN;
    enum aspect aspect = ASPECT_RED;
    int64_t since_ms = INT64_MIN;
    if (plan_last_green(plan, group, t_ms, &start_ms, &end_ms)) {
        if (t_ms < end_ms) {
            aspect = ASPECT_GREEN;
            since_ms = start_ms;
        } else if (t_ms < end_ms + yellow_ms) {
            aspect = ASPECT_YELLOW;
            since_ms = end_ms;
        } else {
            since_ms = end_ms + yellow_ms;
        }
    }
    if (ret_since_ms != NULL) {
        *ret_since_ms = since_ms;
    }
    return aspect;
}
