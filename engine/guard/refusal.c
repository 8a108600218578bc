#include "engine/guard/refusal.h"

#include <stddef.h>
#include <stdio.h>

static int32_t cut(int64_t ms)
{
    return ms > INT32_MAX ? INT32_MAX : ms < INT32_MIN ? INT32_MIN : (int32_t)ms;
}

enum guard_rule refuse(struct guard_refusal *ret, enum guard_rule rule, int32_t group, int32_t other_group,
                       int64_t at_ms, int64_t needed_ms, int64_t found_ms)
{
    *ret = (struct guard_refusal){ .rule = rule, .group = group, .other_group = other_group, .at_ms = at_ms,
                                   .needed_ms = cut(needed_ms), .found_ms = cut(found_ms) };
    return rule;
}

enum guard_rule refuse_plan(struct guard_refusal *ret, enum guard_rule rule, int64_t at_ms, int64_t needed_ms,
                            int64_t found_ms)
{
    return refuse(ret, rule, INDEX_NONE, INDEX_NONE, at_ms, needed_ms, found_ms);
}

const char *guard_rule_name(enum guard_rule rule)
{
    switch (rule) {
    case GUARD_PASSED: return "passed";
    case GUARD_I1_SITE: return "I1 site";
    case GUARD_I2_CONFLICT: return "I2 conflict";
    case GUARD_I3_YELLOW: return "I3 yellow";
    case GUARD_I4_RED_CLEARANCE: return "I4 red clearance";
    case GUARD_I5_INTERGREEN: return "I5 intergreen";
    case GUARD_I6_MINIMUM_GREEN: return "I6 minimum green";
    case GUARD_I7_MAXIMUM_RED: return "I7 maximum red";
    case GUARD_I8_SUMS: return "I8 sums";
    case GUARD_I9_ONE_ASPECT: return "I9 one aspect";
    case GUARD_I10_CHANGE: return "I10 change";
    case GUARD_I12_VERSION: return "I12 version";
    case GUARD_I16_REPORT: return "I16 report";
    case GUARD_MALFORMED: return "malformed";
    case GUARD_RULE_COUNT: break;
    }
    return "unknown rule";
}

static const char *rule_sentence(enum guard_rule rule)
{
    switch (rule) {
    case GUARD_PASSED: return "nothing is wrong";
    case GUARD_I1_SITE: return "the site's own intergreens contradict each other or its yellows";
    case GUARD_I2_CONFLICT: return "conflicting groups are green together, or one beside the other's yellow";
    case GUARD_I3_YELLOW: return "a yellow is outside its limits or cut short";
    case GUARD_I4_RED_CLEARANCE: return "the red clearance after a yellow is too short";
    case GUARD_I5_INTERGREEN: return "the intergreen is too short";
    case GUARD_I6_MINIMUM_GREEN: return "a green is shorter than its minimum";
    case GUARD_I7_MAXIMUM_RED: return "a red is longer than its maximum";
    case GUARD_I8_SUMS: return "a time is out of order, out of range or not a multiple of the quantum";
    case GUARD_I9_ONE_ASPECT: return "two greens of one group overlap or touch";
    case GUARD_I10_CHANGE:
        return "the change from the plan that may be running cuts a green, a yellow or an intergreen";
    case GUARD_I12_VERSION: return "the plan is another site's, not newer than the one that runs, or not valid in time";
    case GUARD_I16_REPORT: return "what the controller shows is not known, so only a hand-over in good time may go out";
    case GUARD_MALFORMED: return "the plan names what does not exist";
    case GUARD_RULE_COUNT: break;
    }
    return "unknown rule";
}

static const char *group_name(const struct network *network, const struct intersection *at, int32_t group)
{
    return group < 0 || group >= at->group_count ? "?"
        : network_name(network, network->groups[at->first_group + group].name);
}

void guard_explain(const struct network *network, int32_t intersection, const struct guard_refusal *refusal,
                   char *text, int32_t text_bytes)
{
    if (intersection < 0 || intersection >= network->intersection_count) {
        (void)snprintf(text, (size_t)text_bytes, "%s: no such intersection", guard_rule_name(refusal->rule));
        return;
    }
    const struct intersection *at = &network->intersections[intersection];
    char groups[128] = "";
    if (refusal->group != INDEX_NONE && refusal->other_group != INDEX_NONE) {
        (void)snprintf(groups, sizeof groups, ", groups '%.48s' and '%.48s'", group_name(network, at, refusal->group),
                       group_name(network, at, refusal->other_group));
    } else if (refusal->group != INDEX_NONE) {
        (void)snprintf(groups, sizeof groups, ", group '%.48s'", group_name(network, at, refusal->group));
    }
    (void)snprintf(text, (size_t)text_bytes, "%s at '%.64s'%s: %s (at %lld ms: needed %d ms, found %d ms)",
                   guard_rule_name(refusal->rule), network_name(network, at->name), groups,
                   rule_sentence(refusal->rule), (long long)refusal->at_ms, refusal->needed_ms, refusal->found_ms);
}
