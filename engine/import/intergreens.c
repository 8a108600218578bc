#include "engine/import/intergreens.h"

#include <string.h>

#include "engine/model/units.h"

static const int32_t SHOWN_MS_MAX = 10000;   // a longer gap is a pause, not a change

bool segment_is_stage(const struct segment *segment)
{
    return segment->green != 0 && segment->yellow == 0 && segment->phase != INDEX_NONE;
}

static bool has(uint64_t mask, int32_t group)
{
    return mask >> group & 1;
}

static bool ends_after(const struct timeline *timeline, int32_t i, int32_t group)
{
    return has(segment_at(timeline, i)->green, group) && !has(segment_at(timeline, i + 1)->green, group);
}

int32_t shown_yellow_ms(const struct timeline *timeline, int32_t group)
{
    int32_t shortest = -1;
    for (int32_t i = 0; i < timeline->count; i++) {
        if (!ends_after(timeline, i, group)) {
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

// The shortest gap from an end of `from` to the next start of `to`; -1 where there is none. direct: only such with
// nothing but changes in between.
static int32_t gap_ms(const struct timeline *timeline, int32_t from, int32_t to, bool direct)
{
    int32_t shortest = -1;
    for (int32_t i = 0; i < timeline->count; i++) {
        if (!ends_after(timeline, i, from)) {
            continue;
        }
        int32_t sum_ms = 0;
        for (int32_t k = 1; k <= timeline->count; k++) {
            const struct segment *segment = segment_at(timeline, i + k);
            if (has(segment->green, to)) {
                shortest = shortest < 0 || sum_ms < shortest ? sum_ms : shortest;
                break;
            }
            if (has(segment->green, from) || (direct && segment_is_stage(segment))) {
                break;
            }
            sum_ms += segment->duration_ms;
        }
    }
    return shortest;
}

static int32_t lesser(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int32_t greater(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

// A direct change that keeps the yellow, or -1.
static int32_t shown_change_ms(const struct timeline *timeline, const struct change_rules *rules, int32_t from,
                               int32_t to)
{
    int32_t shown_ms = gap_ms(timeline, from, to, true);
    return shown_ms > 0 && shown_ms >= rules->yellow_ms[from] && shown_ms <= SHOWN_MS_MAX ? shown_ms : -1;
}

// The longest all-red of any direct change that the program shows after a green of vehicles; -1 where it shows none.
static int32_t shown_all_red_ms(const struct timeline *timeline, const struct change_rules *rules)
{
    int32_t longest_ms = -1;
    for (int32_t from = 0; from < rules->group_count; from++) {
        for (int32_t to = 0; rules->kind[from] != GROUP_PEDESTRIAN && to < rules->group_count; to++) {
            int32_t shown_ms = rules->conflict[from][to] ? shown_change_ms(timeline, rules, from, to) : -1;
            longest_ms = shown_ms >= 0 ? greater(longest_ms, shown_ms - rules->yellow_ms[from]) : longest_ms;
        }
    }
    return longest_ms;
}

// all_red_ms: what the program shows elsewhere at the intersection, or -1.
static void choose_for_vehicles(const struct timeline *timeline, int32_t from, int32_t all_red_ms,
                                struct change_rules *rules)
{
    int32_t longest_ms = -1;         // yellow and all-red after this group's green, as far as the program shows it
    for (int32_t to = 0; to < rules->group_count; to++) {
        if (rules->conflict[from][to]) {
            longest_ms = greater(longest_ms, shown_change_ms(timeline, rules, from, to));
        }
    }
    for (int32_t to = 0; to < rules->group_count; to++) {
        if (!rules->conflict[from][to]) {
            continue;
        }
        int32_t shown_ms = shown_change_ms(timeline, rules, from, to), left_ms = gap_ms(timeline, from, to, false);
        if (rules->bare_changes && gap_ms(timeline, from, to, true) == 0) {
            shown_ms = rules->yellow_ms[from];
        }
        if (shown_ms < 0) {
            bool unsafe = gap_ms(timeline, from, to, true) > 0;   // the program changes here, but too fast
            shown_ms = longest_ms >= 0 ? longest_ms
                : all_red_ms >= 0 && !unsafe ? rules->yellow_ms[from] + all_red_ms
                : greater(rules->profile_ms[from][to], rules->yellow_ms[from]);
            shown_ms = left_ms >= rules->yellow_ms[from] && left_ms > 0 ? lesser(shown_ms, left_ms) : shown_ms;
        }
        rules->intergreen_ms[from][to] = shown_ms;
    }
}

static void choose_for_people_on_foot(const struct timeline *timeline, int32_t from, struct change_rules *rules)
{
    int32_t left_ms = INT32_MAX;     // between the end of walking and whatever starts first
    for (int32_t to = 0; to < rules->group_count; to++) {
        int32_t gap = rules->conflict[from][to] ? gap_ms(timeline, from, to, false) : -1;
        left_ms = gap >= 0 ? lesser(left_ms, gap) : left_ms;
    }
    for (int32_t to = 0; to < rules->group_count; to++) {
        if (rules->conflict[from][to]) {
            rules->intergreen_ms[from][to] = left_ms > 0 ? lesser(left_ms, rules->profile_ms[from][to])
                : rules->profile_ms[from][to];
        }
    }
}

void intergreens_choose(const struct timeline *timeline, int32_t override_ms, struct change_rules *rules)
{
    int32_t all_red_ms = shown_all_red_ms(timeline, rules);
    for (int32_t from = 0; from < rules->group_count; from++) {
        for (int32_t to = 0; to < rules->group_count; to++) {
            rules->intergreen_ms[from][to] = !rules->conflict[from][to] ? -1
                : greater(override_ms, rules->yellow_ms[from]);
        }
        if (override_ms >= 0) {
            continue;
        }
        if (rules->kind[from] == GROUP_PEDESTRIAN) {
            choose_for_people_on_foot(timeline, from, rules);
        } else {
            choose_for_vehicles(timeline, from, all_red_ms, rules);
        }
    }
    for (int32_t from = 0; from < rules->group_count; from++) {
        for (int32_t to = 0; to < rules->group_count; to++) {
            if (rules->conflict[from][to]) {
                rules->intergreen_ms[from][to] =
                    (int32_t)quantum_ceil(rules->intergreen_ms[from][to], rules->quantum_ms);
            }
        }
    }
}

// Time since the last green of `group` at the start of segment k; INT32_MAX without one.
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
static int32_t missing_ms(const struct timeline *timeline, const struct change_rules *rules, int32_t k,
                          int32_t *ret_from, int32_t *ret_to)
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

// Makes each green of a group at least its minimum: the longest segment of a green that is too short grows.
static void lengthen_greens(struct timeline *timeline, const struct change_rules *rules, int32_t group,
                            const char *name, struct import_report *report)
{
    for (int32_t i = 0; i < timeline->count; i++) {
        if (!has(segment_at(timeline, i)->green, group) || has(segment_at(timeline, i - 1)->green, group)) {
            continue;
        }
        int32_t run_ms = 0, longest = i;
        for (int32_t k = 0; k < timeline->count && has(segment_at(timeline, i + k)->green, group); k++) {
            run_ms += segment_at(timeline, i + k)->duration_ms;
            longest = segment_at(timeline, i + k)->duration_ms > timeline->at[longest].duration_ms
                ? (i + k) % timeline->count : longest;
        }
        int32_t more_ms = rules->green_ms_min[group] - run_ms;
        if (more_ms > 0) {
            timeline->at[longest].duration_ms += more_ms;
            import_note(report, NOTE_ADDED_TIME, "intersection '%s': %g s added to phase %d, whose green of %g s for "
                        "group %d is below the minimum", name, s_from_ms(more_ms), timeline->at[longest].phase,
                            s_from_ms(run_ms), group);
        }
    }
}

enum status timeline_lengthen(struct timeline *timeline, const struct change_rules *rules, const char *source,
                              const char *name, struct import_report *report, struct problem *problem)
{
    for (int32_t group = 0; group < rules->group_count; group++) {
        lengthen_greens(timeline, rules, group, name, report);
    }
    for (int32_t k = 0; k < timeline->count; k++) {
        int32_t from = 0, to = 0;
        int32_t more_ms = missing_ms(timeline, rules, k, &from, &to);
        if (more_ms == 0) {
            continue;
        }
        if (timeline->count == SEGMENT_COUNT_MAX) {
            return problem_report(problem, STATUS_LIMIT, source, name, "use a program with fewer phases",
                                  "more than %d phases with their changes", SEGMENT_COUNT_MAX);
        }
        struct segment inserted = { .duration_ms = more_ms, .phase = INDEX_NONE,
            .green = segment_at(timeline, k - 1)->green & segment_at(timeline, k)->green };
        import_note(report, NOTE_ADDED_TIME, "intersection '%s': %g s added before phase %d, for the change from "
                    "group %d to group %d", name, s_from_ms(more_ms), timeline->at[k].phase, from, to);
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
