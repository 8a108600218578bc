#include "engine/guard/laid_plan.h"

#include <stddef.h>

#include "engine/guard/refusal.h"

// A bool that came from outside may hold any byte, and to read such a bool is undefined.
static bool flag_ok(const bool *flag)
{
    return *(const unsigned char *)flag <= 1;
}

static bool time_ok(int64_t ms)
{
    return ms >= -TIME_MS_MAX && ms <= TIME_MS_MAX;
}

static bool index_or_none(int64_t index, int32_t count)
{
    return index >= INDEX_NONE && index < count;
}

static bool frame_ok(const struct guarded_site *site, const struct plan *plan)
{
    return (plan->kind == PLAN_CYCLIC || plan->kind == PLAN_ROLLING) && flag_ok(&plan->handover)
        && plan->green_count >= 0 && plan->green_count <= PLAN_GREEN_COUNT_MAX
        && (plan->green_count == 0 || plan->greens != NULL)
        && time_ok(plan->base_ms) && time_ok(plan->valid_from_ms) && time_ok(plan->valid_until_ms)
        && index_or_none(plan->coordinated_stage, site->stage_count)
        && index_or_none(plan->reason.stage, site->stage_count)
        && (unsigned)plan->reason.kind <= (unsigned)REASON_FALLBACK;
}

static enum guard_rule times_check(const struct guarded_site *site, int64_t reference_ms, const struct plan *plan,
                                   struct guard_refusal *refusal)
{
    int32_t quantum_ms = site->quantum_ms;
    if (plan->valid_until_ms <= plan->valid_from_ms) {
        return refuse_plan(refusal, GUARD_I12_VERSION, plan->valid_from_ms, quantum_ms,
                           plan->valid_until_ms - plan->valid_from_ms);
    }
    if (plan->base_ms % quantum_ms != 0 || plan->valid_from_ms % quantum_ms != 0
        || plan->valid_until_ms % quantum_ms != 0 || plan->cycle_ms % quantum_ms != 0
        || plan->offset_ms % quantum_ms != 0) {
        return refuse_plan(refusal, GUARD_I8_SUMS, plan->valid_from_ms, quantum_ms, 0);
    }
    if (plan->kind == PLAN_ROLLING) {
        return plan->cycle_ms == 0 && plan->offset_ms == 0 ? GUARD_PASSED
            : refuse_plan(refusal, GUARD_I8_SUMS, plan->valid_from_ms, 0, plan->cycle_ms);
    }
    if (plan->cycle_ms < site->cycle_ms_min || plan->cycle_ms > site->cycle_ms_max) {
        int32_t limit_ms = plan->cycle_ms < site->cycle_ms_min ? site->cycle_ms_min : site->cycle_ms_max;
        return refuse_plan(refusal, GUARD_I8_SUMS, plan->valid_from_ms, limit_ms, plan->cycle_ms);
    }
    if (plan->offset_ms < 0 || plan->offset_ms >= plan->cycle_ms) {
        return refuse_plan(refusal, GUARD_I8_SUMS, plan->valid_from_ms, plan->cycle_ms, plan->offset_ms);
    }
    if ((plan->base_ms - reference_ms - plan->offset_ms) % plan->cycle_ms != 0) {
        return refuse_plan(refusal, GUARD_I8_SUMS, plan->base_ms, plan->offset_ms,
                           (plan->base_ms - reference_ms) % plan->cycle_ms);
    }
    return GUARD_PASSED;
}

// One green by itself.
static enum guard_rule green_check(const struct guarded_site *site, const struct plan *plan, const struct green *green,
                                   struct guard_refusal *refusal)
{
    int64_t start_ms = green->start_ms, end_ms = green->end_ms, at_ms = plan->base_ms + start_ms;
    if (green->group < 0 || green->group >= site->group_count || green->stage < 0
        || green->stage >= site->stage_count) {
        return refuse_plan(refusal, GUARD_MALFORMED, at_ms, site->group_count, green->group);
    }
    bool inside = plan->kind == PLAN_CYCLIC
        ? start_ms >= 0 && start_ms < plan->cycle_ms && end_ms <= start_ms + plan->cycle_ms
        : at_ms < plan->valid_until_ms && plan->base_ms + end_ms <= plan->valid_until_ms;
    if (start_ms >= end_ms || !inside || green->start_ms % site->quantum_ms != 0
        || green->end_ms % site->quantum_ms != 0) {
        return refuse(refusal, GUARD_I8_SUMS, green->group, INDEX_NONE, at_ms, site->quantum_ms, end_ms - start_ms);
    }
    return GUARD_PASSED;
}

// A green and the next one of its group: apart by the yellow at least.
static enum guard_rule apart_check(const struct guarded_site *site, int32_t group, int64_t end_ms, int64_t start_ms,
                                   int64_t base_ms, struct guard_refusal *refusal)
{
    int32_t yellow_ms = site->groups[group].yellow_ms;
    if (start_ms <= end_ms) {
        return refuse(refusal, GUARD_I9_ONE_ASPECT, group, group, base_ms + start_ms, yellow_ms, start_ms - end_ms);
    }
    if (start_ms - end_ms < yellow_ms) {
        return refuse(refusal, GUARD_I3_YELLOW, group, group, base_ms + start_ms, yellow_ms, start_ms - end_ms);
    }
    return GUARD_PASSED;
}

static enum guard_rule wrap_check(const struct guarded_site *site, struct laid_plan *laid, int32_t group,
                                  struct guard_refusal *refusal)
{
    const struct green *first = &laid->greens[laid->first[group]], *last = &laid->greens[laid->first[group + 1] - 1];
    if (first == last && last->end_ms - last->start_ms == laid->cycle_ms) {
        laid->endless |= UINT64_C(1) << group;
        return GUARD_PASSED;
    }
    return apart_check(site, group, last->end_ms, (int64_t)first->start_ms + laid->cycle_ms, laid->base_ms, refusal);
}

enum guard_rule laid_plan_read(const struct guarded_site *site, int64_t reference_ms, const struct plan *plan,
                               struct laid_plan *ret, struct guard_refusal *refusal)
{
    if (!frame_ok(site, plan)) {
        return refuse_plan(refusal, GUARD_MALFORMED, 0, 0, 0);
    }
    enum guard_rule rule = times_check(site, reference_ms, plan, refusal);
    if (rule != GUARD_PASSED) {
        return rule;
    }
    ret->greens = plan->greens;
    ret->base_ms = plan->base_ms;
    ret->from_ms = plan->valid_from_ms;
    ret->until_ms = plan->valid_until_ms;
    ret->cycle_ms = plan->cycle_ms;
    ret->present = ret->endless = 0;
    int32_t open = 0;   // groups below have got their first[]
    for (int32_t i = 0; i < plan->green_count; i++) {
        const struct green *green = &plan->greens[i];
        rule = green_check(site, plan, green, refusal);
        if (rule != GUARD_PASSED) {
            return rule;
        }
        if (i > 0 && green->group < green[-1].group) {
            return refuse(refusal, GUARD_I8_SUMS, green->group, green[-1].group, ret->base_ms + green->start_ms, 0, 0);
        }
        if (i > 0 && green->group == green[-1].group) {
            rule = apart_check(site, green->group, green[-1].end_ms, green->start_ms, ret->base_ms, refusal);
            if (rule != GUARD_PASSED) {
                return rule;
            }
        }
        while (open <= green->group) {
            ret->first[open++] = (int16_t)i;
        }
        ret->present |= UINT64_C(1) << green->group;
    }
    while (open <= site->group_count) {
        ret->first[open++] = (int16_t)plan->green_count;
    }
    for (int32_t g = 0; ret->cycle_ms > 0 && g < site->group_count; g++) {
        rule = (ret->present >> g & 1) != 0 ? wrap_check(site, ret, g, refusal) : GUARD_PASSED;
        if (rule != GUARD_PASSED) {
            return rule;
        }
    }
    return GUARD_PASSED;
}

static int64_t position(const struct laid_plan *laid, int64_t t_ms)
{
    int64_t rest = (t_ms - laid->base_ms) % laid->cycle_ms;
    return rest < 0 ? rest + laid->cycle_ms : rest;
}

bool span_before(const struct laid_plan *laid, int32_t group, int64_t t_ms, struct span *ret)
{
    int32_t first = laid->first[group], end = laid->first[group + 1];
    if (first == end) {
        return false;
    }
    const struct green *found = &laid->greens[end - 1];
    if (laid->cycle_ms == 0) {
        while (laid->base_ms + found->start_ms >= t_ms) {
            if (found == &laid->greens[first]) {
                return false;
            }
            found--;
        }
        *ret = (struct span){ laid->base_ms + found->start_ms, laid->base_ms + found->end_ms };
        return true;
    }
    int64_t last_ms = t_ms - 1, at_ms = position(laid, last_ms);
    while (found->start_ms > at_ms && found != &laid->greens[first]) {
        found--;
    }
    if (found->start_ms > at_ms) {   // None yet in this cycle: the last one of the cycle before.
        found = &laid->greens[end - 1];
        at_ms += laid->cycle_ms;
    }
    ret->start_ms = last_ms - at_ms + found->start_ms;
    ret->end_ms = ret->start_ms + (found->end_ms - found->start_ms);
    return true;
}

int64_t start_from(const struct laid_plan *laid, int32_t group, int64_t t_ms)
{
    int32_t first = laid->first[group], end = laid->first[group + 1];
    int64_t at_ms = laid->cycle_ms == 0 ? t_ms - laid->base_ms : position(laid, t_ms);
    for (int32_t i = first; i < end; i++) {
        if (laid->greens[i].start_ms >= at_ms) {
            return t_ms - at_ms + laid->greens[i].start_ms;
        }
    }
    return laid->cycle_ms == 0 || first == end ? INT64_MAX
        : t_ms - at_ms + laid->cycle_ms + laid->greens[first].start_ms;
}
