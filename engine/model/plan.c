#include "engine/model/plan.h"

#include <assert.h>
#include <string.h>

#include "engine/model/units.h"

int plan_version_compare(struct plan_version a, struct plan_version b)
{
    if (a.epoch != b.epoch) {
        return a.epoch < b.epoch ? -1 : 1;
    }
    if (a.daemon != b.daemon) {
        return a.daemon < b.daemon ? -1 : 1;
    }
    return (a.sequence > b.sequence) - (a.sequence < b.sequence);
}

int32_t plan_handover_ms(const struct network *network, struct intersection_id intersection)
{
    const struct intersection *at = &network->intersections[intersection.index];
    int32_t green_ms = 0, clear_ms = 0;
    for (int32_t i = 0; i < at->group_count; i++) {
        const struct signal_group *group = &network->groups[at->first_group + i];
        green_ms = group->green_ms_min > green_ms ? group->green_ms_min : green_ms;
        int32_t own_ms = group->yellow_ms + group->red_clearance_ms;
        clear_ms = own_ms > clear_ms ? own_ms : clear_ms;
        for (int32_t j = 0; j < at->group_count; j++) {
            int32_t between_ms = network_intergreen_ms(network, at, i, j);
            clear_ms = between_ms > clear_ms ? between_ms : clear_ms;
        }
    }
    return (int32_t)quantum_ceil(green_ms + clear_ms, at->quantum_ms);
}

void plan_from_program(const struct network *network, struct intersection_id intersection, struct green *greens,
                       struct plan *ret)
{
    const struct intersection *at = &network->intersections[intersection.index];
    assert(at->green_count <= PLAN_GREEN_COUNT_MAX);
    int32_t count = 0;
    for (int32_t group = 0; group < at->group_count; group++) {
        for (int32_t i = 0; i < at->green_count; i++) {
            const struct program_green *shown = &network->program_greens[at->first_green + i];
            if (shown->group == group) {
                greens[count++] = (struct green){ .start_ms = shown->start_ms, .end_ms = shown->end_ms,
                    .group = (int16_t)group, .stage = (int16_t)shown->stage };
            }
        }
    }
    *ret = (struct plan){
        .intersection = intersection.index,
        .kind = PLAN_CYCLIC,
        .site_hash = at->site_hash,
        .base_ms = network->reference_ms + at->offset_ms,
        .valid_from_ms = INT64_MIN,
        .valid_until_ms = INT64_MAX,
        .cycle_ms = at->cycle_ms,
        .offset_ms = at->offset_ms,
        .coordinated_stage = at->coordinated_stage,
        .reason = { .kind = REASON_PROGRAM, .stage = INDEX_NONE },
        .green_count = count,
        .greens = greens,
    };
}

bool plan_last_green(const struct plan *plan, int32_t group, int64_t t_ms, int64_t *ret_start_ms, int64_t *ret_end_ms)
{
    bool found = false;
    int64_t start_ms = 0, end_ms = 0;
    for (int32_t i = 0; i < plan->green_count; i++) {
        const struct green *green = &plan->greens[i];
        if (green->group != group) {
            continue;
        }
        int64_t start = plan->base_ms + green->start_ms;
        if (plan->kind == PLAN_CYCLIC) {
            start = t_ms - cycle_position(t_ms - start, plan->cycle_ms);
        }
        if (start <= t_ms && (!found || start > start_ms)) {
            found = true;
            start_ms = start;
            end_ms = start + (green->end_ms - green->start_ms);
        }
    }
    if (found) {
        *ret_start_ms = start_ms;
        *ret_end_ms = end_ms;
    }
    return found;
}

bool plan_green_at(const struct plan *plan, int32_t group, int64_t t_ms)
{
    int64_t start_ms, end_ms;
    return plan_last_green(plan, group, t_ms, &start_ms, &end_ms) && t_ms < end_ms;
}

int32_t plan_stage_at(const struct plan *plan, int64_t t_ms)
{
    int32_t stage = INDEX_NONE;
    int64_t latest_ms = INT64_MIN;
    for (int32_t i = 0; i < plan->green_count; i++) {
        int64_t start_ms = plan->base_ms + plan->greens[i].start_ms;
        if (plan->kind == PLAN_CYCLIC) {
            start_ms = t_ms - cycle_position(t_ms - start_ms, plan->cycle_ms);
        }
        if (start_ms <= t_ms && start_ms > latest_ms) {
            latest_ms = start_ms;
            stage = plan->greens[i].stage;
        }
    }
    return stage;
}

// The next green of a rolling plan that ends after t, from index *i on; false when there is none left.
static bool next_green(const struct plan *plan, int64_t t_ms, int32_t *i)
{
    while (*i < plan->green_count && plan->base_ms + plan->greens[*i].end_ms <= t_ms) {
        ++*i;
    }
    return *i < plan->green_count;
}

static bool same_rolling(const struct plan *a, const struct plan *b, int64_t t_ms)
{
    int32_t i = 0, j = 0;
    for (;; i++, j++) {
        bool left = next_green(a, t_ms, &i), right = next_green(b, t_ms, &j);
        if (!left || !right) {
            return left == right;
        }
        const struct green *x = &a->greens[i], *y = &b->greens[j];
        if (x->group != y->group || x->stage != y->stage || a->base_ms + x->start_ms != b->base_ms + y->start_ms
            || a->base_ms + x->end_ms != b->base_ms + y->end_ms) {
            return false;
        }
    }
}

static bool same_cyclic(const struct plan *a, const struct plan *b)
{
    if (a->cycle_ms != b->cycle_ms || cycle_position(a->base_ms - b->base_ms, a->cycle_ms) != 0
        || a->green_count != b->green_count) {
        return false;
    }
    for (int32_t i = 0; i < a->green_count; i++) {
        const struct green *x = &a->greens[i], *y = &b->greens[i];
        if (x->group != y->group || x->stage != y->stage || x->start_ms != y->start_ms || x->end_ms != y->end_ms) {
            return false;
        }
    }
    return true;
}

bool plan_same_course(const struct plan *a, const struct plan *b, int64_t t_ms)
{
    if (a->kind != b->kind || a->intersection != b->intersection) {
        return false;
    }
    return a->kind == PLAN_CYCLIC ? same_cyclic(a, b) : same_rolling(a, b, t_ms);
}

void plan_copy(const struct plan *from, struct green *greens, struct plan *ret)
{
    if (from->green_count > 0) {
        memmove(greens, from->greens, (size_t)from->green_count * sizeof *greens);
    }
    *ret = *from;
    ret->greens = greens;
}
