#include "engine/guard/guard.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/guard/course.h"
#include "engine/guard/guarded_site.h"
#include "engine/guard/laid_plan.h"
#include "engine/guard/refusal.h"

struct guard {
    struct guarded_site *sites;
    struct guarded_group *groups;      // of all sites, one after the other
    int32_t *intergreen_ms;
    int32_t site_count;
    int64_t reference_ms;
};

enum status guard_create(const struct network *network, struct guard **ret, struct problem *problem)
{
    assert(network != NULL && ret != NULL);
    size_t group_count = 0, pair_count = 0;
    for (int32_t i = 0; i < network->intersection_count; i++) {
        struct guard_refusal fault;
        enum guard_rule rule = guarded_site_fault(network, &network->intersections[i], &fault);
        if (rule != GUARD_PASSED) {
            char text[PROBLEM_BYTES_MAX / 2];
            guard_explain(network, i, &fault, text, (int32_t)sizeof text);
            return problem_report(problem, STATUS_REFUSED, "guard",
                                  network_name(network, network->intersections[i].name),
                                  "Correct the site's safety data and import it again", "%s", text);
        }
        size_t count = (size_t)network->intersections[i].group_count;
        group_count += count;
        pair_count += count * count;
    }
    struct guard *guard = memory_take(1, sizeof *guard);
    *guard = (struct guard){
        .sites = memory_take((size_t)network->intersection_count, sizeof *guard->sites),
        .groups = memory_take(group_count, sizeof *guard->groups),
        .intergreen_ms = memory_take(pair_count, sizeof *guard->intergreen_ms),
        .site_count = network->intersection_count,
        .reference_ms = network->reference_ms,
    };
    struct guarded_group *groups = guard->groups;
    int32_t *intergreen_ms = guard->intergreen_ms;
    for (int32_t i = 0; i < network->intersection_count; i++) {
        const struct intersection *at = &network->intersections[i];
        guarded_site_copy(network, at, groups, intergreen_ms, &guard->sites[i]);
        groups += at->group_count;
        intergreen_ms += (size_t)at->group_count * (size_t)at->group_count;
    }
    *ret = guard;
    return STATUS_OK;
}

void guard_release(struct guard *guard)
{
    if (guard == NULL) {
        return;
    }
    free(guard->sites);
    free(guard->groups);
    free(guard->intergreen_ms);
    free(guard);
}

// One request under judgement.
struct trial {
    const struct guarded_site *site;
    const struct guard_request *request;
    struct laid_plan candidate;
    struct guard_refusal *refusal;
};

// I6 and, between the greens of one group, I7. What is green at valid_from is the change's business, but of a
// hand-over: its first greens start there.
static enum guard_rule greens_check(const struct trial *trial, int32_t g)
{
    const struct laid_plan *laid = &trial->candidate;
    const struct guarded_group *group = &trial->site->groups[g];
    int64_t from_ms = laid->cycle_ms > 0 ? INT64_MIN : laid->from_ms - laid->base_ms;
    int32_t red_ms_most = red_ms_limit(group, laid, trial->request);
    bool bounded = (trial->site->served >> g & 1) != 0
        && (laid->cycle_ms > 0 || (trial->request->idle >> g & 1) == 0);
    for (int32_t i = laid->first[g]; i < laid->first[g + 1]; i++) {
        const struct green *green = &laid->greens[i];
        bool last = i + 1 == laid->first[g + 1];
        if (green->end_ms <= from_ms) {
            continue;
        }
        bool ends = laid->cycle_ms > 0 ? (laid->endless >> g & 1) == 0 : laid->base_ms + green->end_ms < laid->until_ms;
        bool whole = laid->cycle_ms > 0 || green->start_ms > from_ms || trial->request->candidate->handover;
        if (ends && whole && green->end_ms - green->start_ms < group->green_ms_min) {
            return refuse(trial->refusal, GUARD_I6_MINIMUM_GREEN, g, INDEX_NONE, laid->base_ms + green->start_ms,
                          group->green_ms_min, green->end_ms - green->start_ms);
        }
        int64_t next_ms = !last ? green[1].start_ms
            : laid->cycle_ms > 0 ? (int64_t)laid->cycle_ms + laid->greens[laid->first[g]].start_ms
            : laid->until_ms - laid->base_ms;
        if (bounded && next_ms - green->end_ms > red_ms_most) {
            return refuse(trial->refusal, GUARD_I7_MAXIMUM_RED, g, INDEX_NONE,
                          laid->base_ms + green->end_ms + red_ms_most, red_ms_most, next_ms - green->end_ms);
        }
    }
    if (bounded && laid->cycle_ms > 0 && laid->first[g] == laid->first[g + 1]) {
        return refuse(trial->refusal, GUARD_I7_MAXIMUM_RED, g, INDEX_NONE, laid->from_ms + group->red_ms_max,
                      group->red_ms_max, INT32_MAX);
    }
    return GUARD_PASSED;
}

// The time from the end of a green of group i to the start of one of group j: I2, I5, I4.
static enum guard_rule gap_check(const struct trial *trial, int32_t i, int32_t j, int64_t gap_ms, int64_t end_ms)
{
    const struct guarded_group *ending = &trial->site->groups[i];
    int32_t intergreen_ms = site_intergreen_ms(trial->site, i, j);
    int64_t at_ms = trial->candidate.base_ms + end_ms;
    if (gap_ms < ending->yellow_ms) {
        return refuse(trial->refusal, GUARD_I2_CONFLICT, i, j, at_ms, ending->yellow_ms, gap_ms);
    }
    if (gap_ms < intergreen_ms) {
        return refuse(trial->refusal, GUARD_I5_INTERGREEN, i, j, at_ms, intergreen_ms, gap_ms);
    }
    if (gap_ms < ending->clearance_ms) {
        return refuse(trial->refusal, GUARD_I4_RED_CLEARANCE, i, j, at_ms, ending->clearance_ms, gap_ms);
    }
    return GUARD_PASSED;
}

// Two greens of conflicting groups i and j. In a cycle each follows the other:
//
//     a ████████            ████     from a to b: start to start, less a's length; from b back to a: the rest of the
//     b            ██████            cycle, less b's length. Both at once means that they do not overlap.
static enum guard_rule greens_apart(const struct trial *trial, int32_t i, const struct green *a, int32_t j,
                                    const struct green *b)
{
    int64_t cycle_ms = trial->candidate.cycle_ms;
    int64_t ahead_ms = (int64_t)b->start_ms - a->start_ms;
    if (cycle_ms == 0) {
        return ahead_ms >= 0 ? gap_check(trial, i, j, (int64_t)b->start_ms - a->end_ms, a->end_ms)
            : gap_check(trial, j, i, (int64_t)a->start_ms - b->end_ms, b->end_ms);
    }
    ahead_ms += ahead_ms < 0 ? cycle_ms : 0;
    enum guard_rule rule = gap_check(trial, i, j, ahead_ms - (a->end_ms - a->start_ms), a->end_ms);
    if (rule != GUARD_PASSED) {
        return rule;
    }
    return gap_check(trial, j, i, cycle_ms - ahead_ms - (b->end_ms - b->start_ms), b->end_ms);
}

static enum guard_rule pair_check(const struct trial *trial, int32_t i, int32_t j)
{
    const struct laid_plan *laid = &trial->candidate;
    int64_t from_ms = laid->cycle_ms > 0 ? INT64_MIN : laid->from_ms - laid->base_ms;
    for (int32_t a = laid->first[i]; a < laid->first[i + 1]; a++) {
        for (int32_t b = laid->first[j]; laid->greens[a].end_ms > from_ms && b < laid->first[j + 1]; b++) {
            if (laid->greens[b].end_ms > from_ms) {
                enum guard_rule rule = greens_apart(trial, i, &laid->greens[a], j, &laid->greens[b]);
                if (rule != GUARD_PASSED) {
                    return rule;
                }
            }
        }
    }
    return GUARD_PASSED;
}

// The candidate by itself: I2, I4, I5, I6, I7.
static enum guard_rule course_check(const struct trial *trial)
{
    for (int32_t g = 0; g < trial->site->group_count; g++) {
        enum guard_rule rule = greens_check(trial, g);
        if (rule != GUARD_PASSED) {
            return rule;
        }
    }
    for (uint64_t rest = trial->candidate.present; rest != 0; rest &= rest - 1) {
        int32_t i = __builtin_ctzll(rest);
        for (uint64_t foes = trial->site->groups[i].conflicts & (rest & (rest - 1)); foes != 0; foes &= foes - 1) {
            enum guard_rule rule = pair_check(trial, i, __builtin_ctzll(foes));
            if (rule != GUARD_PASSED) {
                return rule;
            }
        }
    }
    return GUARD_PASSED;
}

static bool newer(struct plan_version a, struct plan_version b)
{
    return plan_version_compare(a, b) > 0;
}

static bool same(struct plan_version a, struct plan_version b)
{
    return plan_version_compare(a, b) == 0;
}

static bool none(struct plan_version a)
{
    return a.epoch == 0 && a.daemon == 0 && a.sequence == 0;
}

// I12: whose plan, how new, when.
static enum guard_rule identity_check(const struct trial *trial, const struct controller_report *report)
{
    const struct plan *plan = trial->request->candidate;
    int64_t from_ms = plan->valid_from_ms, now_ms = trial->request->now_ms;
    bool newest = plan->version.epoch >= 1 && plan->version.sequence >= 1;
    for (int i = 0; i < trial->request->running_count; i++) {
        newest = newest && newer(plan->version, trial->request->running[i]->version);
    }
    // A waiting plan with the candidate's own number is the candidate: it is checked once more before it is sent again.
    newest = newest && (report == NULL || (newer(plan->version, report->running)
                                           && !newer(report->waiting, plan->version)));
    if (plan->site_hash != trial->site->hash || !newest) {
        return refuse_plan(trial->refusal, GUARD_I12_VERSION, from_ms, 0, 0);
    }
    if (from_ms < now_ms || now_ms < -TIME_MS_MAX || from_ms - now_ms > GUARD_AHEAD_MS_MAX) {
        return refuse_plan(trial->refusal, GUARD_I12_VERSION, from_ms, GUARD_AHEAD_MS_MAX,
                           now_ms < -TIME_MS_MAX ? INT64_MAX : from_ms < now_ms ? -1 : from_ms - now_ms);
    }
    int64_t valid_ms_max = plan->kind == PLAN_CYCLIC ? GUARD_CYCLIC_MS_MAX : GUARD_ROLLING_MS_MAX;
    if (plan->valid_until_ms - from_ms > valid_ms_max) {
        return refuse_plan(trial->refusal, GUARD_I12_VERSION, from_ms, valid_ms_max, plan->valid_until_ms - from_ms);
    }
    return GUARD_PASSED;
}

static enum guard_rule handover_check(const struct trial *trial)
{
    int64_t from_ms = trial->candidate.from_ms, ahead_ms = from_ms - trial->request->now_ms;
    if (ahead_ms < trial->site->handover_ms) {
        return refuse_plan(trial->refusal, GUARD_I16_REPORT, from_ms, trial->site->handover_ms, ahead_ms);
    }
    return entry_check(trial->site, &trial->candidate, trial->request, trial->refusal);
}

// The plans that may run until the candidate takes effect: the one that is playing, and one that may come in between.
struct running {
    struct laid_plan playing, coming;
    bool comes;                      // `coming` may take effect
    bool surely;                     // and the controller says that it has it
};

static bool running_read(const struct trial *trial, const struct plan *plan, int64_t reference_ms,
                         struct laid_plan *ret)
{
    return plan->intersection == trial->request->candidate->intersection && plan->site_hash == trial->site->hash
        && laid_plan_read(trial->site, reference_ms, plan, ret, trial->refusal) == GUARD_PASSED;
}

// Finds the plans that the controller says it plays and has waiting. false: it plays, or may come to play, a plan that
// is not known here.
static bool running_find(const struct trial *trial, const struct controller_report *report, int64_t reference_ms,
                         struct running *ret)
{
    const struct guard_request *request = trial->request;
    const struct plan *playing = NULL, *coming = NULL;
    for (int i = 0; i < request->running_count; i++) {
        if (same(request->running[i]->version, report->running)) {
            playing = request->running[i];
        } else if (newer(request->running[i]->version, report->running)) {
            coming = request->running[i];
        }
    }
    ret->surely = coming != NULL && same(coming->version, report->waiting);
    if (playing == NULL || !running_read(trial, playing, reference_ms, &ret->playing)
        || !(none(report->waiting) || ret->surely || same(report->waiting, request->candidate->version))) {
        return false;
    }
    if (coming != NULL && !running_read(trial, coming, reference_ms, &ret->coming)) {
        return false;
    }
    // It comes before the candidate, and the report was not made so late that it would show it.
    ret->comes = coming != NULL && ret->coming.from_ms < trial->candidate.from_ms
        && ret->coming.from_ms > report->time_ms - trial->site->quantum_ms;
    return ret->playing.from_ms <= report->time_ms + trial->site->quantum_ms
        && report->time_ms < ret->playing.until_ms;
}

// The candidate after the playing plan alone, or after the coming one in between.
static enum guard_rule change_after(const struct trial *trial, const struct running *running, bool between,
                                    int64_t report_ms, const struct tail *reported)
{
    const struct guarded_site *site = trial->site;
    struct tail tails[GROUP_COUNT_MAX];
    for (int32_t g = 0; g < site->group_count; g++) {
        tails[g] = reported[g];
    }
    int64_t from_ms = trial->candidate.from_ms, turn_ms = from_ms;
    if (between) {
        turn_ms = running->coming.from_ms > report_ms ? running->coming.from_ms : report_ms;
    }
    const struct laid_plan *last = between ? &running->coming : &running->playing;
    if (running->playing.until_ms < turn_ms || last->until_ms < from_ms) {
        // By then the controller has fallen back to its own program.
        return refuse_plan(trial->refusal, GUARD_I16_REPORT, from_ms, 0, from_ms - last->until_ms);
    }
    tails_carry(site, &running->playing, report_ms, turn_ms, tails);
    if (between) {
        tails_carry(site, &running->coming, turn_ms, from_ms, tails);
    }
    return change_check(site, &trial->candidate, last, tails, trial->request, trial->refusal);
}

// I16, then I10 and I7 for each course that the lamps may take until the candidate takes effect.
static enum guard_rule follow_check(const struct trial *trial, const struct controller_report *report,
                                    int64_t reference_ms)
{
    int64_t from_ms = trial->candidate.from_ms, now_ms = trial->request->now_ms;
    if (report == NULL || report->group_count != trial->site->group_count || report->mode != CONTROLLER_PLAN) {
        return refuse_plan(trial->refusal, GUARD_I16_REPORT, from_ms, GUARD_REPORT_AGE_MS_MAX, INT32_MAX);
    }
    if (report->time_ms < now_ms - GUARD_REPORT_AGE_MS_MAX || report->time_ms > now_ms + GUARD_CLOCK_MS_MAX
        || report->time_ms > from_ms) {
        return refuse_plan(trial->refusal, GUARD_I16_REPORT, report->time_ms, GUARD_REPORT_AGE_MS_MAX, 0);
    }
    struct running running;
    if (!running_find(trial, report, reference_ms, &running)) {
        return refuse_plan(trial->refusal, GUARD_I16_REPORT, from_ms, 0, 0);
    }
    struct tail tails[GROUP_COUNT_MAX];
    int32_t group;
    if (!tails_from_report(trial->site, &running.playing, report, tails, &group)) {
        return refuse(trial->refusal, GUARD_I16_REPORT, group, INDEX_NONE, report->time_ms, trial->site->quantum_ms,
                      report->age_ms[group]);
    }
    enum guard_rule rule = GUARD_PASSED;
    if (running.comes) {
        rule = change_after(trial, &running, true, report->time_ms, tails);
    }
    if (rule == GUARD_PASSED && !(running.comes && running.surely)) {
        rule = change_after(trial, &running, false, report->time_ms, tails);
    }
    return rule;
}

static enum guard_rule judge(struct trial *trial, const struct guard *guard)
{
    const struct plan *plan = trial->request->candidate;
    if (plan->intersection < 0 || plan->intersection >= guard->site_count) {
        return refuse_plan(trial->refusal, GUARD_MALFORMED, 0, guard->site_count, plan->intersection);
    }
    trial->site = &guard->sites[plan->intersection];
    enum guard_rule rule = laid_plan_read(trial->site, guard->reference_ms, plan, &trial->candidate, trial->refusal);
    if (rule != GUARD_PASSED) {
        return rule;
    }
    rule = course_check(trial);
    if (rule != GUARD_PASSED) {
        return rule;
    }
    const struct controller_report *report = trial->request->report;
    report = report != NULL && report->intersection == plan->intersection ? report : NULL;
    rule = identity_check(trial, report);
    if (rule != GUARD_PASSED) {
        return rule;
    }
    return plan->handover ? handover_check(trial) : follow_check(trial, report, guard->reference_ms);
}

enum guard_rule guard_check(const struct guard *guard, const struct guard_request *request, struct guard_refusal *ret)
{
    assert(guard != NULL && request != NULL && request->candidate != NULL);
    assert(request->running_count >= 0 && request->running_count <= 2);
    struct guard_refusal refusal = { .rule = GUARD_PASSED, .group = INDEX_NONE, .other_group = INDEX_NONE };
    struct trial trial = { .request = request, .refusal = &refusal };
    enum guard_rule rule = judge(&trial, guard);
    if (ret != NULL) {
        *ret = refusal;
        ret->rule = rule;
    }
    return rule;
}
