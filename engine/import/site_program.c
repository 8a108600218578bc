#include "engine/import/site_program.h"

#include <stdio.h>

#include "engine/model/units.h"

static const char *group_name(const struct network *network, const struct intersection *at, int32_t group)
{
    return network_name(network, network->groups[at->first_group + group].name);
}

// From the end of one green to the next start of the other, around the cycle: 0 .. cycle - 1.
static int32_t gap_ms(const struct program_green *ends, const struct program_green *starts, int32_t cycle_ms)
{
    return (int32_t)cycle_position(starts->start_ms - ends->end_ms, cycle_ms);
}

// Whether two greens ever show at once: the one starts while the other runs.
static bool overlap(const struct program_green *a, const struct program_green *b, int32_t cycle_ms)
{
    return cycle_position(b->start_ms - a->start_ms, cycle_ms) < a->end_ms - a->start_ms
        || cycle_position(a->start_ms - b->start_ms, cycle_ms) < b->end_ms - b->start_ms;
}

static bool pair_holds(const struct network *network, const struct intersection *at, const struct program_green *a,
                       const struct program_green *b, char *text, size_t text_bytes)
{
    int32_t needed_ms = network_intergreen_ms(network, at, a->group, b->group);
    const char *first = group_name(network, at, a->group), *second = group_name(network, at, b->group);
    if (a->group == b->group) {
        if (overlap(a, b, at->cycle_ms)) {
            (void)snprintf(text, text_bytes, "two greens of group '%s' overlap", first);
            return false;
        }
        return true;
    }
    if (needed_ms < 0) {
        return true;
    }
    if (overlap(a, b, at->cycle_ms)) {
        (void)snprintf(text, text_bytes, "groups '%s' and '%s' conflict and are green together", first, second);
        return false;
    }
    if (gap_ms(a, b, at->cycle_ms) < needed_ms) {
        (void)snprintf(text, text_bytes, "group '%s' starts %g s after the end of '%s', the intergreen is %g s", second,
                       s_from_ms(gap_ms(a, b, at->cycle_ms)), first, s_from_ms(needed_ms));
        return false;
    }
    return true;
}

// Its shortest wait for a green of its own group; the whole cycle's red when the group has none at all.
static bool green_holds(const struct network *network, const struct intersection *at, int32_t g, char *text,
                        size_t text_bytes)
{
    const struct program_green *green = &network->program_greens[at->first_green + g];
    const struct signal_group *group = &network->groups[at->first_group + green->group];
    int32_t shown_ms = green->end_ms - green->start_ms;
    if (shown_ms < group->green_ms_min) {
        (void)snprintf(text, text_bytes, "group '%s' is green for %g s, its minimum is %g s",
                       group_name(network, at, green->group), s_from_ms(shown_ms), s_from_ms(group->green_ms_min));
        return false;
    }
    int32_t red_ms = at->cycle_ms - shown_ms;
    for (int32_t k = 0; k < at->green_count; k++) {
        const struct program_green *next = &network->program_greens[at->first_green + k];
        if (k != g && next->group == green->group) {
            int32_t until_ms = gap_ms(green, next, at->cycle_ms);
            red_ms = until_ms < red_ms ? until_ms : red_ms;
        }
    }
    if (red_ms > group->red_ms_max) {
        (void)snprintf(text, text_bytes, "group '%s' is red for %g s, its maximum is %g s",
                       group_name(network, at, green->group), s_from_ms(red_ms), s_from_ms(group->red_ms_max));
        return false;
    }
    return true;
}

bool site_program_holds(const struct network *network, const struct intersection *at, char *text, size_t text_bytes)
{
    if (at->cycle_ms < at->cycle_ms_min || at->cycle_ms > at->cycle_ms_max) {
        (void)snprintf(text, text_bytes, "its cycle of %g s is outside the limits %g .. %g s", s_from_ms(at->cycle_ms),
                       s_from_ms(at->cycle_ms_min), s_from_ms(at->cycle_ms_max));
        return false;
    }
    for (int32_t g = 0; g < at->green_count; g++) {
        if (!green_holds(network, at, g, text, text_bytes)) {
            return false;
        }
        for (int32_t k = 0; k < at->green_count; k++) {
            const struct program_green *a = &network->program_greens[at->first_green + g];
            const struct program_green *b = &network->program_greens[at->first_green + k];
            if (k != g && !pair_holds(network, at, a, b, text, text_bytes)) {
                return false;
            }
        }
    }
    return true;
}
