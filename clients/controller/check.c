#include "clients/controller/check.h"

#include <stddef.h>

void course_clear(struct course *course)
{
    for (int32_t group = 0; group < GROUPS_MAX; group++) {
        course->count[group] = 0;
    }
    course->too_many = false;
}

void course_add(struct course *course, int32_t group, int64_t start_ms, int64_t end_ms)
{
    int32_t count = course->count[group];
    if (end_ms <= start_ms) {
        return;
    }
    if (count > 0 && start_ms <= course->spans[group][count - 1].end_ms) {
        if (end_ms > course->spans[group][count - 1].end_ms) {
            course->spans[group][count - 1].end_ms = end_ms;
        }
        return;
    }
    if (count == SPANS_MAX) {
        course->too_many = true;
        return;
    }
    course->spans[group][count].start_ms = start_ms;
    course->spans[group][count].end_ms = end_ms;
    course->count[group]++;
}

static void add_cut(struct course *course, int32_t group, int64_t start_ms, int64_t end_ms, int64_t from_ms,
                    int64_t to_ms)
{
    course_add(course, group, start_ms > from_ms ? start_ms : from_ms, end_ms < to_ms ? end_ms : to_ms);
}

static int64_t floor_to(int64_t ms, int64_t step_ms)
{
    int64_t rest = ms % step_ms;
    return rest < 0 ? ms - rest - step_ms : ms - rest;
}

// Greens of a group stand in order of start; cycle follows cycle, and a green that passes the wrap ends in the next.
void course_add_plan(struct course *course, const struct plan *plan, int64_t from_ms, int64_t to_ms)
{
    int64_t first_ms = plan->cyclic ? plan->base_ms + floor_to(from_ms - plan->base_ms, plan->cycle_ms) - plan->cycle_ms
        : plan->base_ms;
    for (int64_t cycle_ms = first_ms; cycle_ms < to_ms; cycle_ms += plan->cycle_ms) {
        for (int32_t i = 0; i < plan->green_count; i++) {
            const struct cabinet_green *green = &plan->greens[i];
            add_cut(course, green->group, cycle_ms + green->start_ms, cycle_ms + green->end_ms, from_ms, to_ms);
        }
        if (!plan->cyclic) {
            break;
        }
    }
}

static const char *group_fault(const struct course *course, const struct cabinet *cabinet, int32_t group,
                               int64_t from_ms, int64_t until_ms)
{
    for (int32_t i = 0; i < course->count[group]; i++) {
        int64_t start_ms = course->spans[group][i].start_ms, end_ms = course->spans[group][i].end_ms;
        if (end_ms >= from_ms && end_ms < until_ms && end_ms - start_ms < cabinet->groups[group].green_ms_min) {
            return "a green is shorter than its minimum";
        }
        if (i > 0 && start_ms >= from_ms
            && start_ms - course->spans[group][i - 1].end_ms < cabinet->groups[group].yellow_ms) {
            return "a green begins during its own yellow, or before the last one ended";
        }
    }
    return NULL;
}

static const char *pair_fault(const struct course *course, const struct cabinet *cabinet, int32_t a, int32_t b,
                              int64_t from_ms)
{
    for (int32_t i = 0; i < course->count[a]; i++) {
        for (int32_t j = 0; j < course->count[b]; j++) {
            int64_t a_start_ms = course->spans[a][i].start_ms, a_end_ms = course->spans[a][i].end_ms;
            int64_t b_start_ms = course->spans[b][j].start_ms;
            if (b_start_ms < from_ms || b_start_ms < a_start_ms) {
                continue;
            }
            if (b_start_ms < a_end_ms) {
                return "conflicting groups are green together";
            }
            if (b_start_ms - a_end_ms < cabinet->intergreen_ms[a][b]) {
                return "an intergreen is too short";
            }
        }
    }
    return NULL;
}

const char *course_fault(const struct course *course, const struct cabinet *cabinet, int64_t from_ms, int64_t until_ms)
{
    if (course->too_many) {
        return "more greens than this controller can look at";
    }
    const char *fault = NULL;
    for (int32_t a = 0; a < cabinet->group_count && fault == NULL; a++) {
        fault = group_fault(course, cabinet, a, from_ms, until_ms);
        for (int32_t b = 0; b < cabinet->group_count && fault == NULL; b++) {
            fault = cabinet->intergreen_ms[a][b] >= 0 ? pair_fault(course, cabinet, a, b, from_ms) : NULL;
        }
    }
    return fault;
}
