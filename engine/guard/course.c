#include "engine/guard/course.h"

#include <stddef.h>

#include "engine/guard/refusal.h"

enum shown { SHOWN_RED, SHOWN_YELLOW, SHOWN_GREEN };

// What a group shows at t whose last green is span; without one (listed is false) it is red.
static enum shown shown_after(const struct guarded_group *group, bool listed, struct span span, int64_t t_ms)
{
    if (!listed) {
        return SHOWN_RED;
    }
    return span.end_ms > t_ms ? SHOWN_GREEN : span.end_ms + group->yellow_ms > t_ms ? SHOWN_YELLOW : SHOWN_RED;
}

static enum shown shown_at(const struct guarded_site *site, const struct laid_plan *laid, int32_t group, int64_t t_ms)
{
    struct span span = { 0, 0 };
    bool listed = span_before(laid, group, t_ms + 1, &span);
    return shown_after(&site->groups[group], listed, span, t_ms);
}

// Whether a reported aspect is what the plan shows. The clearance of a pedestrian group may be shown as red.
static bool aspect_agrees(const struct guarded_group *group, uint8_t aspect, enum shown shown)
{
    switch (aspect) {
    case ASPECT_GREEN: return shown == SHOWN_GREEN;
    case ASPECT_YELLOW: return shown == SHOWN_YELLOW;
    case ASPECT_RED: return shown == SHOWN_RED || (shown == SHOWN_YELLOW && group->kind == GROUP_PEDESTRIAN);
    case ASPECT_RED_YELLOW: return shown == SHOWN_RED;
    default: return false;   // Dark, flashing, or a byte that is no aspect.
    }
}

static bool near(int64_t a_ms, int64_t b_ms, int32_t quantum_ms)
{
    return a_ms - b_ms <= quantum_ms && b_ms - a_ms <= quantum_ms;
}

static int64_t later(int64_t a_ms, int64_t b_ms)
{
    return a_ms > b_ms ? a_ms : b_ms;
}

// A green at the report's time: the plan says `span`, the lamp has been green for age_ms.
static struct tail tail_lit(const struct laid_plan *playing, int32_t g, struct span span, int64_t reported_ms,
                            int32_t quantum_ms)
{
    int64_t start_ms = span.start_ms;
    bool endless = (playing->endless >> g & 1) != 0;
    if (endless || !near(reported_ms, start_ms, quantum_ms)) {
        // What the plan lists from before its own time is no evidence; nor is the turn of a cycle.
        start_ms = !endless && start_ms >= playing->from_ms ? later(start_ms, reported_ms) : reported_ms;
    }
    return (struct tail){ .lit = true, .start_ms = start_ms };
}

// No green at the report's time; its last one ended between early_ms and late_ms as the report has it.
static struct tail tail_unlit(const struct laid_plan *playing, bool listed, struct span span, int64_t early_ms,
                              int64_t late_ms, int32_t quantum_ms)
{
    if (listed && span.end_ms >= early_ms - quantum_ms && span.end_ms <= late_ms + quantum_ms) {
        early_ms = late_ms = span.end_ms;
    } else if (listed && span.end_ms >= playing->from_ms) {
        late_ms = later(late_ms, span.end_ms);
        early_ms = early_ms < span.end_ms ? early_ms : span.end_ms;
    }
    return (struct tail){ .lit = false, .end_ms = late_ms, .end_ms_earliest = early_ms };
}

// The aspect is that of the quantum before or after: only the plan's times help.
static struct tail tail_from_plan(bool listed, struct span span, int64_t t_ms)
{
    if (listed && span.end_ms > t_ms) {
        return (struct tail){ .lit = true, .start_ms = span.start_ms };
    }
    int64_t end_ms = listed ? span.end_ms : t_ms;
    return (struct tail){ .lit = false, .end_ms = end_ms, .end_ms_earliest = end_ms };
}

bool tails_from_report(const struct guarded_site *site, const struct laid_plan *playing,
                       const struct controller_report *report, struct tail *tails, int32_t *ret_group)
{
    int64_t t_ms = report->time_ms;
    int32_t quantum_ms = site->quantum_ms;
    for (int32_t g = 0; g < site->group_count; g++) {
        const struct guarded_group *group = &site->groups[g];
        struct span span = { 0, 0 };
        bool listed = span_before(playing, g, t_ms + 1, &span);
        enum shown shown = shown_after(group, listed, span, t_ms);
        int64_t since_ms = t_ms - report->age_ms[g];
        if (report->age_ms[g] < 0) {
            *ret_group = g;
            return false;
        }
        if (!aspect_agrees(group, report->aspect[g], shown)) {
            if (!aspect_agrees(group, report->aspect[g], shown_at(site, playing, g, t_ms - quantum_ms))
                && !aspect_agrees(group, report->aspect[g], shown_at(site, playing, g, t_ms + quantum_ms))) {
                *ret_group = g;
                return false;
            }
            tails[g] = tail_from_plan(listed, span, t_ms);
        } else if (shown == SHOWN_GREEN) {
            tails[g] = tail_lit(playing, g, span, since_ms, quantum_ms);
        } else {
            int64_t yellow_ms = report->aspect[g] == ASPECT_YELLOW ? 0 : group->yellow_ms;
            int64_t late_ms = group->kind == GROUP_PEDESTRIAN ? since_ms : since_ms - yellow_ms;
            tails[g] = tail_unlit(playing, listed, span, since_ms - yellow_ms, late_ms, quantum_ms);
        }
    }
    return true;
}

void tails_carry(const struct guarded_site *site, const struct laid_plan *laid, int64_t from_ms, int64_t to_ms,
                 struct tail *tails)
{
    for (int32_t g = 0; from_ms < to_ms && g < site->group_count; g++) {
        struct tail *tail = &tails[g];
        struct span span;
        bool listed = span_before(laid, g, to_ms, &span);
        if (listed && span.start_ms > from_ms && (laid->endless >> g & 1) == 0) {
            tail->start_ms = span.start_ms;
        } else if (listed && span.end_ms > from_ms) {
            tail->start_ms = tail->lit ? tail->start_ms : from_ms;
        } else {
            if (tail->lit) {
                *tail = (struct tail){ .lit = false, .end_ms = from_ms, .end_ms_earliest = from_ms };
            }
            continue;
        }
        tail->lit = span.end_ms >= to_ms;
        tail->end_ms = tail->end_ms_earliest = span.end_ms;
    }
}

// What a candidate does with one group from its valid_from on.
struct turn_on {
    bool lit;                        // green at valid_from
    bool stays;                      // and before, too
    int64_t start_ms;                // its first start of a green; INT64_MAX for none, or when it stays
    int64_t last_end_ms;             // of the green before: the latest
    int64_t red_from_ms;             // the earliest
};

// Yellow and minimum green of one group at the change.
static enum guard_rule group_change(const struct guarded_site *site, const struct laid_plan *candidate,
                                    const struct tail *tail, int32_t g, struct turn_on *ret,
                                    struct guard_refusal *refusal)
{
    const struct guarded_group *group = &site->groups[g];
    int64_t from_ms = candidate->from_ms;
    struct span span;
    bool listed = span_before(candidate, g, from_ms + 1, &span);
    bool lit = listed && span.end_ms > from_ms;
    *ret = (struct turn_on){ .lit = lit, .stays = lit && tail->lit, .start_ms = INT64_MAX };
    if (lit) {
        int64_t start_ms = tail->lit ? tail->start_ms : from_ms;
        // A green that ends where the plan ends may go on: that is the next plan's business.
        bool ends = candidate->cycle_ms > 0 ? (candidate->endless >> g & 1) == 0 : span.end_ms < candidate->until_ms;
        if (ends && span.end_ms - start_ms < group->green_ms_min) {
            return refuse(refusal, GUARD_I10_CHANGE, g, INDEX_NONE, span.end_ms, group->green_ms_min,
                          span.end_ms - start_ms);
        }
    }
    if (ret->stays) {
        return GUARD_PASSED;
    }
    ret->start_ms = lit ? from_ms : start_from(candidate, g, from_ms);
    ret->last_end_ms = tail->lit ? from_ms : tail->end_ms;
    ret->red_from_ms = tail->lit ? from_ms : tail->end_ms_earliest;
    if (tail->lit && from_ms - tail->start_ms < group->green_ms_min) {
        return refuse(refusal, GUARD_I10_CHANGE, g, INDEX_NONE, from_ms, group->green_ms_min, from_ms - tail->start_ms);
    }
    // The yellow that is due at the change, and the yellow that the candidate shows there.
    bool due = ret->last_end_ms + group->yellow_ms > from_ms;
    bool shown = listed && !lit && span.end_ms + group->yellow_ms > from_ms;
    if ((due || shown) && (!shown || span.end_ms != ret->last_end_ms)) {
        return refuse(refusal, GUARD_I10_CHANGE, g, g, from_ms, group->yellow_ms, from_ms - ret->last_end_ms);
    }
    return GUARD_PASSED;
}

// From the last green of every group that is not green on, to the first start of those in conflict with it.
static enum guard_rule conflicts_change(const struct guarded_site *site, const struct laid_plan *candidate,
                                        const struct turn_on *turns, struct guard_refusal *refusal)
{
    for (int32_t i = 0; i < site->group_count; i++) {
        const struct guarded_group *ending = &site->groups[i];
        for (uint64_t left = turns[i].stays ? 0 : ending->conflicts; left != 0; left &= left - 1) {
            int32_t j = __builtin_ctzll(left);
            int32_t needed_ms = site_intergreen_ms(site, i, j);
            needed_ms = needed_ms > ending->clearance_ms ? needed_ms : ending->clearance_ms;
            int64_t start_ms = turns[j].start_ms;
            if (turns[j].stays) {   // Green across the change: beside it no yellow may show.
                needed_ms = ending->yellow_ms;
                start_ms = candidate->from_ms;
            }
            if (start_ms < turns[i].last_end_ms + needed_ms) {
                return refuse(refusal, GUARD_I10_CHANGE, i, j, start_ms, needed_ms, start_ms - turns[i].last_end_ms);
            }
        }
    }
    return GUARD_PASSED;
}

// When a bounded red that is showing at valid_from ends, as far as the candidate goes. Only a rolling plan can be
// without a start here: a cycle that leaves out such a group has been refused before.
static int64_t red_until(const struct laid_plan *candidate, int64_t start_ms)
{
    return start_ms == INT64_MAX ? candidate->until_ms : start_ms;
}

static bool red_bounded(const struct guarded_site *site, const struct laid_plan *candidate, int32_t group,
                        uint64_t idle)
{
    return (site->served >> group & 1) != 0 && (candidate->cycle_ms > 0 || (idle >> group & 1) == 0);
}

int32_t red_ms_limit(const struct guarded_group *group, const struct laid_plan *candidate,
                     const struct guard_request *request)
{
    return request->emergency && candidate->cycle_ms == 0 ? group->red_ms_max_emergency : group->red_ms_max;
}

enum guard_rule change_check(const struct guarded_site *site, const struct laid_plan *candidate,
                             const struct laid_plan *before, const struct tail *tails,
                             const struct guard_request *request, struct guard_refusal *refusal)
{
    struct turn_on turns[GROUP_COUNT_MAX];
    for (int32_t g = 0; g < site->group_count; g++) {
        enum guard_rule rule = group_change(site, candidate, &tails[g], g, &turns[g], refusal);
        if (rule != GUARD_PASSED) {
            return rule;
        }
    }
    enum guard_rule rule = conflicts_change(site, candidate, turns, refusal);
    if (rule != GUARD_PASSED) {
        return rule;
    }
    for (int32_t g = 0; g < site->group_count; g++) {
        if (turns[g].stays || !red_bounded(site, candidate, g, request->idle)) {
            continue;
        }
        // Where the red is too long already, the candidate may be no later than the plan that it replaces.
        int64_t latest_ms = turns[g].red_from_ms + red_ms_limit(&site->groups[g], candidate, request);
        int64_t promised_ms = tails[g].lit ? INT64_MAX : start_from(before, g, candidate->from_ms);
        latest_ms = promised_ms < before->until_ms ? later(latest_ms, promised_ms) : latest_ms;
        int64_t end_ms = red_until(candidate, turns[g].start_ms);
        if (end_ms > latest_ms) {
            return refuse(refusal, GUARD_I7_MAXIMUM_RED, g, INDEX_NONE, latest_ms, latest_ms - turns[g].red_from_ms,
                          end_ms - turns[g].red_from_ms);
        }
    }
    return GUARD_PASSED;
}

enum guard_rule entry_check(const struct guarded_site *site, const struct laid_plan *candidate,
                            const struct guard_request *request, struct guard_refusal *refusal)
{
    int64_t from_ms = candidate->from_ms;
    for (int32_t g = 0; g < site->group_count; g++) {
        const struct guarded_group *group = &site->groups[g];
        struct span span;
        if (span_before(candidate, g, from_ms + 1, &span) && span.start_ms < from_ms
            && span.end_ms + group->yellow_ms > from_ms) {
            return refuse(refusal, GUARD_I10_CHANGE, g, INDEX_NONE, from_ms, 0, from_ms - span.start_ms);
        }
        if (!red_bounded(site, candidate, g, request->idle)) {
            continue;
        }
        int64_t end_ms = red_until(candidate, start_from(candidate, g, from_ms));
        int32_t most_ms = red_ms_limit(group, candidate, request);
        if (end_ms - from_ms > most_ms) {
            return refuse(refusal, GUARD_I7_MAXIMUM_RED, g, INDEX_NONE, from_ms + most_ms, most_ms, end_ms - from_ms);
        }
    }
    return GUARD_PASSED;
}
