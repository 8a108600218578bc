#include "engine/guard/guarded_site.h"

#include <stdbool.h>

#include "engine/guard/refusal.h"

static bool duration_ok(int32_t ms)
{
    return ms >= 0 && ms <= DURATION_MS_MAX;
}

static enum guard_rule group_fault(const struct network *network, const struct intersection *at, int32_t i,
                                   struct guard_refusal *ret)
{
    const struct signal_group *group = &network->groups[at->first_group + i];
    if (!duration_ok(group->green_ms_min) || !duration_ok(group->yellow_ms) || !duration_ok(group->red_clearance_ms)
        || group->red_ms_max <= 0 || group->red_ms_max_emergency < group->red_ms_max) {
        return refuse(ret, GUARD_I1_SITE, i, INDEX_NONE, 0, 0, group->yellow_ms);
    }
    if (group->kind == GROUP_VEHICLE && (group->yellow_ms < YELLOW_MS_MIN || group->yellow_ms > YELLOW_MS_MAX)) {
        int32_t limit_ms = group->yellow_ms < YELLOW_MS_MIN ? YELLOW_MS_MIN : YELLOW_MS_MAX;
        return refuse(ret, GUARD_I3_YELLOW, i, INDEX_NONE, 0, limit_ms, group->yellow_ms);
    }
    if (group->yellow_ms % at->quantum_ms != 0) {
        return refuse(ret, GUARD_I8_SUMS, i, INDEX_NONE, 0, at->quantum_ms, group->yellow_ms);
    }
    return GUARD_PASSED;
}

static enum guard_rule pair_fault(const struct network *network, const struct intersection *at, int32_t i, int32_t j,
                                  struct guard_refusal *ret)
{
    int32_t there_ms = network_intergreen_ms(network, at, i, j), back_ms = network_intergreen_ms(network, at, j, i);
    int32_t yellow_ms = network->groups[at->first_group + i].yellow_ms;
    if (there_ms == -1 && back_ms == -1) {
        return GUARD_PASSED;
    }
    if (i == j || !duration_ok(there_ms) || !duration_ok(back_ms)) {
        return refuse(ret, GUARD_I1_SITE, i, j, 0, -1, there_ms);
    }
    if (there_ms < yellow_ms) {
        return refuse(ret, GUARD_I1_SITE, i, j, 0, yellow_ms, there_ms);
    }
    return GUARD_PASSED;
}

enum guard_rule guarded_site_fault(const struct network *network, const struct intersection *at,
                                   struct guard_refusal *ret)
{
    if (at->group_count < 0 || at->group_count > GROUP_COUNT_MAX || at->stage_count < 0
        || at->stage_count > STAGE_COUNT_MAX) {
        return refuse_plan(ret, GUARD_I1_SITE, 0, GROUP_COUNT_MAX, at->group_count);
    }
    if (at->quantum_ms <= 0 || at->quantum_ms > DURATION_MS_MAX || network->reference_ms % at->quantum_ms != 0) {
        return refuse_plan(ret, GUARD_I8_SUMS, network->reference_ms, at->quantum_ms, 0);
    }
    if (at->cycle_ms_min <= 0 || at->cycle_ms_max < at->cycle_ms_min || at->cycle_ms_max > DURATION_MS_MAX) {
        return refuse_plan(ret, GUARD_I8_SUMS, 0, at->cycle_ms_min, at->cycle_ms_max);
    }
    for (int32_t i = 0; i < at->group_count; i++) {
        enum guard_rule rule = group_fault(network, at, i, ret);
        if (rule != GUARD_PASSED) {
            return rule;
        }
        for (int32_t j = 0; j < at->group_count; j++) {
            rule = pair_fault(network, at, i, j, ret);
            if (rule != GUARD_PASSED) {
                return rule;
            }
        }
    }
    return GUARD_PASSED;
}

void guarded_site_copy(const struct network *network, const struct intersection *at, struct guarded_group *groups,
                       int32_t *intergreen_ms, struct guarded_site *ret)
{
    int32_t green_ms = 0, clear_ms = 0;
    for (int32_t i = 0; i < at->group_count; i++) {
        const struct signal_group *from = &network->groups[at->first_group + i];
        groups[i] = (struct guarded_group){ .kind = from->kind, .green_ms_min = from->green_ms_min,
            .red_ms_max = from->red_ms_max, .red_ms_max_emergency = from->red_ms_max_emergency,
            .yellow_ms = from->yellow_ms,
            .clearance_ms = from->yellow_ms + from->red_clearance_ms };
        green_ms = from->green_ms_min > green_ms ? from->green_ms_min : green_ms;
        clear_ms = groups[i].clearance_ms > clear_ms ? groups[i].clearance_ms : clear_ms;
        for (int32_t j = 0; j < at->group_count; j++) {
            int32_t between_ms = network_intergreen_ms(network, at, i, j);
            intergreen_ms[i * at->group_count + j] = between_ms;
            groups[i].conflicts |= (uint64_t)(between_ms >= 0) << j;
            clear_ms = between_ms > clear_ms ? between_ms : clear_ms;
        }
    }
    int32_t quantum_ms = at->quantum_ms;
    *ret = (struct guarded_site){ .hash = at->site_hash, .group_count = at->group_count,
        .stage_count = at->stage_count, .quantum_ms = quantum_ms, .cycle_ms_min = at->cycle_ms_min,
        .cycle_ms_max = at->cycle_ms_max, .groups = groups, .intergreen_ms = intergreen_ms,
        .handover_ms = (green_ms + clear_ms + quantum_ms - 1) / quantum_ms * quantum_ms };
    for (int32_t s = 0; s < at->stage_count; s++) {
        ret->served |= network->stages[at->first_stage + s].groups;
    }
}
