#include "engine/import/intergreens.h"

#include <string.h>

#include "engine/model/units.h"

static const int32_t SHOWN_MS_MAX = 15000;   // a longer gap is a pause, not a change

bool segment_is_stage(const struct segment *segment)
{
    return segment->green != 0 && segment->yellow == 0 && segment->phase != INDEX_NONE;
}

static bool has(uint64_t mask, int32_t group)
{
    return mask >> group & 1;
}

static const struct segment *segment_at(const struct timeline *timeline, int32_t index)
{
    return &timeline->at[(index % timeline->count + timeline->count) % timeline->count];
}

int32_t shown_yellow_ms(const struct timeline *timeline, int32_t group)
{
    int32_t shortest = -1;
    for (int32_t i = 0; i < timeline->count; i++) {
        if (!has(segment_at(timeline, i)->green, group) || has(segment_at(timeline, i + 1)->green, group)) {
            continue;
        }
        int32_t run_ms = 0;
        for (int32_t k = 1; k < timeline->count && has(segment_at(timeline, i + k)->yellow, group); k++) {
            run_ms += segment_at(timeline, i + k)->duration_ms;
        }
        shortest = shortest < 0 || run_ms < shortest ? run_ms : shortest;
    }
    return shortest > 0 ? shortest : -1;
}

// The gap from the end of `from` at the end of segment i to the start of `to`, or -1 where it is not a direct change.
static int32_t gap_after(const struct timeline *timeline, int32_t i, int32_t from, int32_t to)
{
    if (!has(segment_at(timeline, i)->green, from) || has(segment_at(timeline, i + 1)->green, from)) {
        return -1;
    }
    int32_t gap_ms = 0;
    for (int32_t k = 1; k <= timeline->count; k++) {
        const struct segment *segment = segment_at(timeline, i + k);
        if (has(segment->green, to)) {
            return gap_ms;
        }
        if (segment_is_stage(segment)) {
            return -1;
        }
        gap_ms += segment->duration_ms;
    }
    return -1;
}

static int32_t shown_gap_ms(const struct timeline *timeline, int32_t from, int32_t to)
{
    int32_t shortest = -1;
    for (int32_t i = 0; i < timeline->count; i++) {
        int32_t gap_ms = gap_after(timeline, i, from, to);
        if (gap_ms >= 0 && (shortest < 0 || gap_ms < shortest)) {
            shortest = gap_ms;
        }
    }
    return shortest <= SHOWN_MS_MAX ? shortest : -1;
}

void intergreens_choose(const struct timeline *timeline, int32_t override_ms, struct change_rules *rules)
{
    int32_t clearance_ms = -1;       // the least all-red that the program shows anywhere in a safe change
    for (int32_t i = 0; i < rules->group_count; i++) {
        for (int32_t j = 0; j < rules->group_count; j++) {
            int32_t shown_ms = rules->conflict[i][j] ? shown_gap_ms(timeline, i, j) : -1;
            bool safe = shown_ms > 0 && shown_ms >= rules->yellow_ms[i];
            rules->intergreen_ms[i][j] = safe ? shown_ms : -1;
            if (safe && rules->yellow_ms[i] > 0
                && (clearance_ms < 0 || shown_ms - rules->yellow_ms[i] < clearance_ms)) {
                clearance_ms = shown_ms - rules->yellow_ms[i];
            }
        }
    }
    for (int32_t i = 0; i < rules->group_count; i++) {
        for (int32_t j = 0; j < rules->group_count; j++) {
            int32_t *chosen = &rules->intergreen_ms[i][j];
            if (!rules->conflict[i][j]) {
                *chosen = -1;
            } else if (override_ms >= 0) {
                *chosen = override_ms > rules->yellow_ms[i] ? override_ms : rules->yellow_ms[i];
            } else if (*chosen < 0) {
                bool site = clearance_ms >= 0 && rules->yellow_ms[i] > 0;
                *chosen = site ? rules->yellow_ms[i] + clearance_ms : rules->profile_ms[i][j];
            }
            *chosen = *chosen < 0 ? -1 : (int32_t)quantum_ceil(*chosen, rules->quantum_ms);
        }
    }
}

// Time since the last green of `group` at the start of segment k, with the green ending no later than that.
static int32_t since_green_ms(const struct timeline *timeline, int32_t k, int32_t group)
{
    int32_t elapsed_ms = 0;
    for (int32_t back = 1; back <= timeline->count; back++) {
        const struct segment *segment = segment_at(timeline, k - back);
        if (has(segment->green, group)) {
            return elapsed_ms;
        }
        elapsed_ms += segment->duration_ms;
    }
    return INT32_MAX;
}

// What is missing before segment k, and for which pair.
static int32_t missing_ms(const struct timeline *timeline, const struct change_rules *rules, int32_t k, int32_t *ret_from,
                          int32_t *ret_to)
{
    int32_t most = 0;
    uint64_t starts = segment_at(timeline, k)->green & ~segment_at(timeline, k - 1)->green;
    for (int32_t to = 0; to < rules->group_count; to++) {
        for (int32_t from = 0; has(starts, to) && from < rules->group_count; from++) {
            int32_t needed_ms = from == to ? rules->yellow_ms[to]
                : rules->conflict[from][to] ? rules->intergreen_ms[from][to] : 0;
            int32_t elapsed_ms = needed_ms > 0 ? since_green_ms(timeline, k, from) : INT32_MAX;
            if (elapsed_ms < needed_ms && needed_ms - elapsed_ms > most) {
                most = needed_ms - elapsed_ms;
                *ret_from = from;
                *ret_to = to;
            }
        }
    }
    return (int32_t)quantum_ceil(most, rules->quantum_ms);
}

enum status timeline_lengthen(struct timeline *timeline, const struct change_rules *rules, const char *name,
                              struct import_report *report, struct problem *problem)
{
    for (int32_t k = 0; k < timeline->count; k++) {
        int32_t from = 0, to = 0;
        int32_t more_ms = missing_ms(timeline, rules, k, &from, &to);
        if (more_ms == 0) {
            continue;
        }
        if (timeline->count == SEGMENT_COUNT_MAX) {
            return problem_report(problem, STATUS_LIMIT, "network", name, "use a program with fewer phases",
                                  "more than %d phases with their changes", SEGMENT_COUNT_MAX);
        }
        struct segment inserted = { .duration_ms = more_ms, .phase = INDEX_NONE,
            .green = segment_at(timeline, k - 1)->green & segment_at(timeline, k)->green };
        import_note(report, NOTE_ADDED_TIME, "intersection '%s': %g s added before phase %d, for the change from group %d "
                    "to group %d", name, s_from_ms(more_ms), timeline->at[k].phase, from, to);
        int32_t at = k == 0 ? timeline->count : k;
        memmove(&timeline->at[at + 1], &timeline->at[at], (size_t)(timeline->count - at) * sizeof *timeline->at);
        timeline->at[at] = inserted;
        timeline->count++;
        k += k != 0;
    }
    timeline->cycle_ms = 0;
    for (int32_t i = 0; i < timeline->count; i++) {
        timeline->cycle_ms += timeline->at[i].duration_ms;
    }
    return STATUS_OK;
}
