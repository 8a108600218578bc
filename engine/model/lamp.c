#include "engine/model/lamp.h"

#include <stdbool.h>
#include <stddef.h>

#include "engine/model/units.h"

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

// What follows from the last green; start INT64_MIN: there was none.
static enum aspect aspect_after(int64_t start_ms, int64_t end_ms, int64_t yellow_ms, int64_t t_ms,
                                int64_t *ret_since_ms)
{
    if (start_ms == INT64_MIN) {
        *ret_since_ms = INT64_MIN;
        return ASPECT_RED;
    }
    if (t_ms < end_ms) {
        *ret_since_ms = start_ms;
        return ASPECT_GREEN;
    }
    bool yellow = t_ms < end_ms + yellow_ms;
    *ret_since_ms = yellow ? end_ms : end_ms + yellow_ms;
    return yellow ? ASPECT_YELLOW : ASPECT_RED;
}

enum aspect lamp_aspect(const struct network *network, const struct plan *plan, int32_t group, int64_t t_ms,
                        int64_t *ret_since_ms)
{
    const struct intersection *at = &network->intersections[plan->intersection];
    int64_t start_ms = INT64_MIN, end_ms = INT64_MIN, since_ms;
    (void)plan_last_green(plan, group, t_ms, &start_ms, &end_ms);
    enum aspect aspect = aspect_after(start_ms, end_ms, network->groups[at->first_group + group].yellow_ms, t_ms,
                                      &since_ms);
    if (ret_since_ms != NULL) {
        *ret_since_ms = since_ms;
    }
    return aspect;
}

// Where in the cycle, of one who is but a cycle off: then nothing need be divided.
static int64_t position_near(int64_t ms, int64_t cycle_ms)
{
    int64_t once = ms < 0 ? ms + cycle_ms : ms;
    return once >= 0 && once < cycle_ms ? once : cycle_position(ms, cycle_ms);
}

static int64_t earlier_after(int64_t earliest_ms, int64_t candidate_ms, int64_t t_ms)
{
    return candidate_ms > t_ms && candidate_ms < earliest_ms ? candidate_ms : earliest_ms;
}

int64_t lamp_aspects(const struct plan *plan, const int32_t *yellow_ms, int32_t group_count, int64_t t_ms,
                     struct lamp *ret)
{
    bool cyclic = plan->kind == PLAN_CYCLIC;
    int64_t cycle_ms = plan->cycle_ms, change_ms = INT64_MAX, end_ms[GROUP_COUNT_MAX];
    int64_t position_ms = cyclic ? cycle_position(t_ms - plan->base_ms, cycle_ms) : 0;
    for (int32_t i = 0; i < group_count; i++) {
        ret[i].green_ms = end_ms[i] = INT64_MIN;
    }
    for (int32_t i = 0; i < plan->green_count; i++) {
        const struct green *green = &plan->greens[i];
        int64_t length_ms = green->end_ms - green->start_ms, clears_ms = length_ms + yellow_ms[green->group];
        int64_t start_ms = plan->base_ms + green->start_ms;
        int64_t next_ms[3] = { start_ms, start_ms + length_ms, start_ms + clears_ms };
        if (cyclic) {
            int64_t since_start_ms = position_near(position_ms - green->start_ms, cycle_ms);
            int64_t since_end_ms = position_near(since_start_ms - length_ms, cycle_ms);
            int64_t since_red_ms = position_near(since_start_ms - clears_ms, cycle_ms);
            start_ms = t_ms - since_start_ms;
            next_ms[0] = t_ms - since_start_ms + cycle_ms;
            next_ms[1] = t_ms - since_end_ms + cycle_ms;
            next_ms[2] = t_ms - since_red_ms + cycle_ms;
        }
        for (int k = 0; k < 3; k++) {
            change_ms = earlier_after(change_ms, next_ms[k], t_ms);
        }
        if (start_ms <= t_ms && start_ms > ret[green->group].green_ms) {
            ret[green->group].green_ms = start_ms;
            end_ms[green->group] = start_ms + length_ms;
        }
    }
    for (int32_t i = 0; i < group_count; i++) {
        ret[i].aspect = aspect_after(ret[i].green_ms, end_ms[i], yellow_ms[i], t_ms, &ret[i].since_ms);
    }
    return change_ms;
}
