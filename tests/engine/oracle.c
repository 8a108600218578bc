#include "tests/engine/oracle.h"

#include <stddef.h>
#include <string.h>

#define FRESH_MS 3000
#define CLOCK_MS 1000
#define AHEAD_MS 600000
#define ROLLING_MS 600000
#define CYCLIC_MS 86400000
#define FAR_MS (INT64_C(1) << 52)
#define CYCLES_PLAYED 3

struct memory {                     // what the oracle remembers of one group
    bool lit;
    int64_t since_ms;               // of the green
    int64_t end_ms, end_early_ms;   // of the last green: at the latest, at the earliest
    int64_t promised_ms;            // when the plan before would have turned it green
    bool was_lit;                   // at any time of the candidate
    bool starts;                    // the candidate turns it green at this very instant
};

struct play {
    const struct network *network;
    const struct guard_request *request;
    const struct intersection *at;
    const struct plan *candidate;
    struct memory memory[GROUP_COUNT_MAX];
    struct oracle_finding *finding;
};

static const struct signal_group *group_of(const struct network *network, const struct plan *plan, int32_t group)
{
    return &network->groups[network->intersections[plan->intersection].first_group + group];
}

static int32_t intergreen(const struct play *play, int32_t i, int32_t j)
{
    return play->network->intergreen_ms[play->at->first_intergreen + i * play->at->group_count + j];
}

static bool cry(const struct play *play, const char *what, int32_t group, int64_t at_ms)
{
    *play->finding = (struct oracle_finding){ .what = what, .group = group, .at_ms = at_ms };
    return false;
}

enum oracle_lamp oracle_look(const struct network *network, const struct plan *plan, int32_t group, int64_t t_ms,
                             int64_t *ret_since_ms)
{
    int64_t yellow_ms = group_of(network, plan, group)->yellow_ms;
    int64_t yellow_since_ms = INT64_MIN;
    for (int32_t i = 0; i < plan->green_count; i++) {
        if (plan->greens[i].group != group) {
            continue;
        }
        int64_t start_ms = plan->base_ms + plan->greens[i].start_ms, end_ms = plan->base_ms + plan->greens[i].end_ms;
        if (plan->kind == PLAN_CYCLIC) {   // The green of the cycle that began last, and of the two before it.
            int64_t cycles = (t_ms - plan->base_ms) / plan->cycle_ms - (t_ms < plan->base_ms ? 1 : 0);
            start_ms += cycles * plan->cycle_ms;
            end_ms += cycles * plan->cycle_ms;
        }
        for (int back = 0; back < (plan->kind == PLAN_CYCLIC ? 3 : 1); back++) {
            int64_t from_ms = start_ms - (int64_t)back * plan->cycle_ms,
                    to_ms = end_ms - (int64_t)back * plan->cycle_ms;
            if (from_ms <= t_ms && t_ms < to_ms) {
                *ret_since_ms = from_ms;
                return LAMP_GREEN;
            }
            if (to_ms <= t_ms && t_ms < to_ms + yellow_ms) {
                yellow_since_ms = to_ms;
            }
        }
    }
    *ret_since_ms = yellow_since_ms;
    return yellow_since_ms != INT64_MIN ? LAMP_YELLOW : LAMP_RED;
}

static enum oracle_lamp look(const struct play *play, const struct plan *plan, int32_t group, int64_t t_ms)
{
    int64_t since_ms;
    return oracle_look(play->network, plan, group, t_ms, &since_ms);
}

static int version_order(struct plan_version a, struct plan_version b)
{
    const uint32_t left[] = { a.epoch, a.daemon, a.sequence }, right[] = { b.epoch, b.daemon, b.sequence };
    for (int i = 0; i < 3; i++) {
        if (left[i] != right[i]) {
            return left[i] < right[i] ? -1 : 1;
        }
    }
    return 0;
}

static bool whole(const struct play *play, int64_t ms)
{
    return ms % play->at->quantum_ms == 0;
}

// Form: indices, order, quanta, cycle. Any bytes may be in the plan.
static bool form_sound(const struct play *play, const struct plan *plan)
{
    const struct intersection *at = play->at;
    uint8_t handover;
    memcpy(&handover, &plan->handover, 1);
    if ((plan->kind != PLAN_CYCLIC && plan->kind != PLAN_ROLLING) || handover > 1 || plan->green_count < 0
        || plan->green_count > PLAN_GREEN_COUNT_MAX || (plan->green_count > 0 && plan->greens == NULL)
        || plan->coordinated_stage < -1 || plan->coordinated_stage >= at->stage_count
        || plan->reason.stage < -1 || plan->reason.stage >= at->stage_count
        || (uint32_t)plan->reason.kind > REASON_FALLBACK) {
        return false;
    }
    const int64_t times[] = { plan->base_ms, plan->valid_from_ms, plan->valid_until_ms };
    for (int i = 0; i < 3; i++) {
        if (times[i] < -FAR_MS || times[i] > FAR_MS || !whole(play, times[i])) {
            return false;
        }
    }
    if (plan->valid_from_ms >= plan->valid_until_ms) {
        return false;
    }
    if (plan->kind == PLAN_ROLLING) {
        return plan->cycle_ms == 0 && plan->offset_ms == 0;
    }
    return plan->cycle_ms >= at->cycle_ms_min && plan->cycle_ms <= at->cycle_ms_max && whole(play, plan->cycle_ms)
        && plan->offset_ms >= 0 && plan->offset_ms < plan->cycle_ms && whole(play, plan->offset_ms)
        && (plan->base_ms - play->network->reference_ms - plan->offset_ms) % plan->cycle_ms == 0;
}

// Each green in its place, and after the one before it in the list.
static bool greens_sound(const struct play *play, const struct plan *plan)
{
    for (int32_t i = 0; i < plan->green_count; i++) {
        const struct green *green = &plan->greens[i];
        if (green->group < 0 || green->group >= play->at->group_count || green->stage < 0
            || green->stage >= play->at->stage_count || green->start_ms >= green->end_ms
            || !whole(play, green->start_ms) || !whole(play, green->end_ms)) {
            return false;
        }
        if (i > 0 && (green->group < plan->greens[i - 1].group
                      || (green->group == plan->greens[i - 1].group
                          && green->start_ms < plan->greens[i - 1].start_ms))) {
            return false;
        }
        int64_t length_ms = (int64_t)green->end_ms - green->start_ms;
        if (plan->kind == PLAN_CYCLIC
            && (green->start_ms < 0 || green->start_ms >= plan->cycle_ms || length_ms > plan->cycle_ms)) {
            return false;
        }
        if (plan->kind == PLAN_ROLLING && (plan->base_ms + green->start_ms >= plan->valid_until_ms
                                           || plan->base_ms + green->end_ms > plan->valid_until_ms)) {
            return false;
        }
    }
    return true;
}

// No two greens of a group may meet, nor one begin in the yellow of another; cycles included.
static bool greens_separate(const struct play *play, const struct plan *plan)
{
    for (int32_t i = 0; i < plan->green_count; i++) {
        for (int32_t j = 0; j < plan->green_count; j++) {
            const struct green *a = &plan->greens[i], *b = &plan->greens[j];
            if (a->group != b->group) {
                continue;
            }
            int64_t yellow_ms = group_of(play->network, plan, a->group)->yellow_ms;
            for (int64_t turn = -2; turn <= 2; turn++) {
                int64_t start_ms = b->start_ms + turn * plan->cycle_ms;
                bool itself = i == j && (turn == 0 || plan->kind == PLAN_ROLLING);
                bool for_ever =
                    i == j && plan->kind == PLAN_CYCLIC && (int64_t)a->end_ms - a->start_ms == plan->cycle_ms;
                if (itself || for_ever) {
                    continue;
                }
                if (start_ms >= a->start_ms && (start_ms <= a->end_ms || start_ms < a->end_ms + yellow_ms)) {
                    return false;
                }
            }
        }
    }
    return true;
}

static bool well_formed(const struct play *play, const struct plan *plan)
{
    return form_sound(play, plan) && greens_sound(play, plan) && greens_separate(play, plan);
}

static bool identity_right(const struct play *play)
{
    const struct guard_request *request = play->request;
    const struct plan *plan = play->candidate;
    const struct controller_report *report = request->report;
    if (plan->site_hash != play->at->site_hash || plan->version.epoch == 0 || plan->version.sequence == 0) {
        return cry(play, "another site's, or without a number", -1, 0);
    }
    for (int i = 0; i < request->running_count; i++) {
        if (version_order(plan->version, request->running[i]->version) <= 0) {
            return cry(play, "not newer than a running plan", -1, 0);
        }
    }
    if (report != NULL && report->intersection == plan->intersection
        && (version_order(plan->version, report->running) <= 0 || version_order(plan->version, report->waiting) < 0)) {
        return cry(play, "not newer than what the controller has", -1, 0);
    }
    if (request->now_ms < -FAR_MS || plan->valid_from_ms < request->now_ms
        || plan->valid_from_ms > request->now_ms + AHEAD_MS
        || plan->valid_until_ms > plan->valid_from_ms + (plan->kind == PLAN_CYCLIC ? CYCLIC_MS : ROLLING_MS)) {
        return cry(play, "not valid in good time", -1, plan->valid_from_ms);
    }
    return true;
}

static bool bounded_red(const struct play *play, int32_t group)
{
    bool served = false;
    for (int32_t s = 0; s < play->at->stage_count; s++) {
        served = served || (play->network->stages[play->at->first_stage + s].groups >> group & 1) != 0;
    }
    bool idle = play->candidate->kind == PLAN_ROLLING && (play->request->idle >> group & 1) != 0;
    return served && !idle;
}

static bool red_short(const struct play *play, int32_t group, int64_t t_ms)
{
    const struct memory *memory = &play->memory[group];
    const struct signal_group *site = group_of(play->network, play->candidate, group);
    return !bounded_red(play, group) || t_ms <= memory->promised_ms
        || t_ms - memory->end_early_ms <= (play->request->emergency && play->candidate->kind == PLAN_ROLLING
            ? site->red_ms_max_emergency : site->red_ms_max);
}

// One group at one instant of the candidate, before the others are looked at.
static bool group_right(struct play *play, int32_t group, int64_t t_ms, enum oracle_lamp lamp, int64_t lamp_since_ms)
{
    struct memory *memory = &play->memory[group];
    const struct signal_group *site = group_of(play->network, play->candidate, group);
    if (memory->lit && lamp != LAMP_GREEN) {
        if (t_ms - memory->since_ms < site->green_ms_min) {
            return cry(play, "green too short", group, t_ms);
        }
        memory->lit = false;
        memory->end_ms = memory->end_early_ms = t_ms;
        memory->promised_ms = INT64_MIN;
    }
    memory->starts = !memory->lit && lamp == LAMP_GREEN;
    if (memory->starts) {
        if (t_ms < memory->end_ms + site->yellow_ms) {
            return cry(play, "yellow cut short by green", group, t_ms);
        }
        if (!red_short(play, group, t_ms)) {
            return cry(play, "red too long", group, t_ms);
        }
        memory->lit = memory->was_lit = true;
        memory->since_ms = t_ms;
    }
    memory->was_lit = memory->was_lit || memory->lit;
    bool due = !memory->lit && t_ms < memory->end_ms + site->yellow_ms;
    if (!memory->lit && (lamp == LAMP_YELLOW) != due) {
        return cry(play, "yellow missing, or where there was no green", group, t_ms);
    }
    if (lamp == LAMP_YELLOW && lamp_since_ms != memory->end_ms) {
        return cry(play, "yellow of another green", group, t_ms);
    }
    return true;
}

// All pairs at one instant of the candidate.
static bool pairs_right(const struct play *play, int64_t t_ms)
{
    for (int32_t i = 0; i < play->at->group_count; i++) {
        for (int32_t j = 0; j < play->at->group_count; j++) {
            const struct memory *green = &play->memory[i], *other = &play->memory[j];
            const struct signal_group *site = group_of(play->network, play->candidate, j);
            if (intergreen(play, j, i) < 0 || !green->lit) {
                continue;
            }
            if (other->lit) {
                return cry(play, "conflicting greens", i, t_ms);
            }
            if (t_ms < other->end_ms + site->yellow_ms) {
                return cry(play, "green beside a conflicting yellow", i, t_ms);
            }
            if (green->starts && t_ms < other->end_ms + intergreen(play, j, i)) {
                return cry(play, "intergreen too short", i, t_ms);
            }
            if (green->starts && t_ms < other->end_ms + site->yellow_ms + site->red_clearance_ms) {
                return cry(play, "red clearance too short", i, t_ms);
            }
        }
    }
    return true;
}

// Plays the candidate on from what is remembered, and looks.
static bool play_candidate(struct play *play)
{
    const struct plan *plan = play->candidate;
    int64_t until_ms = plan->kind == PLAN_CYCLIC ? plan->valid_from_ms + CYCLES_PLAYED * (int64_t)plan->cycle_ms
        : plan->valid_until_ms;
    for (int64_t t_ms = plan->valid_from_ms; t_ms < until_ms; t_ms += play->at->quantum_ms) {
        for (int32_t g = 0; g < play->at->group_count; g++) {
            int64_t since_ms;
            enum oracle_lamp lamp = oracle_look(play->network, plan, g, t_ms, &since_ms);
            if (!group_right(play, g, t_ms, lamp, since_ms)) {
                return false;
            }
        }
        if (!pairs_right(play, t_ms)) {
            return false;
        }
    }
    for (int32_t g = 0; g < play->at->group_count; g++) {
        const struct memory *memory = &play->memory[g];
        if (plan->kind == PLAN_CYCLIC && !memory->was_lit && bounded_red(play, g)) {
            return cry(play, "never green", g, until_ms);
        }
        if (!memory->lit && !red_short(play, g, until_ms)) {
            return cry(play, "red too long at the end", g, until_ms);
        }
    }
    return true;
}

static bool handover_right(struct play *play)
{
    const struct plan *plan = play->candidate;
    int64_t from_ms = plan->valid_from_ms;
    int32_t green_ms = 0, clear_ms = 0;
    for (int32_t g = 0; g < play->at->group_count; g++) {
        const struct signal_group *site = group_of(play->network, plan, g);
        green_ms = site->green_ms_min > green_ms ? site->green_ms_min : green_ms;
        if (site->yellow_ms + site->red_clearance_ms > clear_ms) {
            clear_ms = site->yellow_ms + site->red_clearance_ms;
        }
        for (int32_t other = 0; other < play->at->group_count; other++) {
            clear_ms = intergreen(play, g, other) > clear_ms ? intergreen(play, g, other) : clear_ms;
        }
        int64_t since_ms;
        enum oracle_lamp lamp = oracle_look(play->network, plan, g, from_ms, &since_ms);
        if (lamp == LAMP_YELLOW || (lamp == LAMP_GREEN && since_ms != from_ms)) {
            return cry(play, "a hand-over that does not begin in red", g, from_ms);
        }
        // Long dark behind, red from now on.
        play->memory[g] =
            (struct memory){ .end_ms = from_ms - FAR_MS, .end_early_ms = from_ms, .promised_ms = INT64_MIN };
    }
    int64_t needed_ms = 0;
    while (needed_ms < green_ms + clear_ms) {
        needed_ms += play->at->quantum_ms;
    }
    if (from_ms - play->request->now_ms < needed_ms) {
        return cry(play, "a hand-over in too little time", -1, from_ms);
    }
    return play_candidate(play);
}

static bool shows(const struct signal_group *site, uint8_t aspect, enum oracle_lamp lamp)
{
    bool walks = site->kind == GROUP_PEDESTRIAN;
    return (aspect == ASPECT_GREEN && lamp == LAMP_GREEN) || (aspect == ASPECT_YELLOW && lamp == LAMP_YELLOW)
        || (aspect == ASPECT_RED && (lamp == LAMP_RED || (walks && lamp == LAMP_YELLOW)))
        || (aspect == ASPECT_RED_YELLOW && lamp == LAMP_RED);
}

// The last green of the plan that starts at or before t, by looking at every one. false: there is none.
static bool last_green(const struct plan *plan, int32_t group, int64_t t_ms, int64_t *ret_start_ms, int64_t *ret_end_ms)
{
    bool found = false;
    for (int32_t i = 0; i < plan->green_count; i++) {
        if (plan->greens[i].group != group) {
            continue;
        }
        int64_t start_ms = plan->base_ms + plan->greens[i].start_ms;
        if (plan->kind == PLAN_CYCLIC) {
            start_ms += ((t_ms - start_ms) / plan->cycle_ms - 2) * plan->cycle_ms;
            while (start_ms + plan->cycle_ms <= t_ms) {
                start_ms += plan->cycle_ms;
            }
        }
        if (start_ms <= t_ms && (!found || start_ms > *ret_start_ms)) {
            found = true;
            *ret_start_ms = start_ms;
            *ret_end_ms = start_ms + plan->greens[i].end_ms - plan->greens[i].start_ms;
        }
    }
    return found;
}

// What is known of a group at the time of the report, from it and from the plan that plays. false: they disagree.
static bool remember(struct play *play, const struct plan *plan, int32_t group)
{
    const struct controller_report *report = play->request->report;
    const struct signal_group *site = group_of(play->network, plan, group);
    int64_t t_ms = report->time_ms, q_ms = play->at->quantum_ms, start_ms = 0, end_ms = 0;
    struct memory *memory = &play->memory[group];
    bool listed = last_green(plan, group, t_ms, &start_ms, &end_ms);
    uint8_t aspect = report->aspect[group];
    *memory = (struct memory){ .promised_ms = INT64_MIN, .lit = listed && end_ms > t_ms, .since_ms = start_ms };
    if (report->age_ms[group] < 0) {
        return false;
    }
    int64_t reported_ms = t_ms - report->age_ms[group];
    if (!shows(site, aspect, look(play, plan, group, t_ms))) {   // Off by a quantum: the plan's own times.
        memory->end_ms = memory->end_early_ms = listed ? end_ms : t_ms;
        return shows(site, aspect, look(play, plan, group, t_ms - q_ms))
            || shows(site, aspect, look(play, plan, group, t_ms + q_ms));
    }
    if (memory->lit) {
        bool for_ever = plan->kind == PLAN_CYCLIC && end_ms - start_ms == plan->cycle_ms;
        bool alike = !for_ever && reported_ms >= start_ms - q_ms && reported_ms <= start_ms + q_ms;
        if (for_ever) {
            memory->since_ms = reported_ms;
        } else if (!alike && (start_ms < plan->valid_from_ms || reported_ms > start_ms)) {
            memory->since_ms = reported_ms;
        }
        return true;
    }
    int64_t early_ms = reported_ms - (aspect == ASPECT_YELLOW ? 0 : site->yellow_ms);
    int64_t late_ms = site->kind == GROUP_PEDESTRIAN ? reported_ms : early_ms;
    bool alike = listed && end_ms >= early_ms - q_ms && end_ms <= late_ms + q_ms;
    bool evident = listed && end_ms >= plan->valid_from_ms;
    memory->end_ms = alike || (evident && end_ms > late_ms) ? end_ms : late_ms;
    memory->end_early_ms = alike || (evident && end_ms < early_ms) ? end_ms : early_ms;
    return true;
}

// Plays a running plan from one instant up to (not with) another, and remembers.
static void play_running(struct play *play, const struct plan *plan, int64_t from_ms, int64_t to_ms)
{
    int64_t q_ms = play->at->quantum_ms;
    int64_t grid_ms = from_ms - from_ms % q_ms + (from_ms > 0 && from_ms % q_ms != 0 ? q_ms : 0);
    for (int64_t t_ms = from_ms; t_ms < to_ms; t_ms = t_ms < grid_ms ? grid_ms : t_ms + q_ms) {
        for (int32_t g = 0; g < play->at->group_count; g++) {
            struct memory *memory = &play->memory[g];
            bool lit = look(play, plan, g, t_ms) == LAMP_GREEN;
            if (lit && !memory->lit) {
                memory->since_ms = t_ms;
            } else if (!lit && memory->lit) {
                memory->end_ms = memory->end_early_ms = t_ms;
            }
            memory->lit = lit;
        }
    }
}

// When the plan would have turned each group green that is red when the candidate comes.
static void note_promises(struct play *play, const struct plan *plan)
{
    for (int32_t g = 0; g < play->at->group_count; g++) {
        struct memory *memory = &play->memory[g];
        int64_t until_ms = plan->valid_until_ms, from_ms = play->candidate->valid_from_ms;
        if (plan->kind == PLAN_CYCLIC && until_ms > from_ms + plan->cycle_ms + 1) {
            until_ms = from_ms + plan->cycle_ms + 1;
        }
        memory->promised_ms = INT64_MIN;
        for (int64_t t_ms = from_ms; !memory->lit && memory->promised_ms == INT64_MIN && t_ms < until_ms;
             t_ms += play->at->quantum_ms) {
            bool starts = look(play, plan, g, t_ms) == LAMP_GREEN
                && look(play, plan, g, t_ms - play->at->quantum_ms) != LAMP_GREEN;
            memory->promised_ms = starts ? t_ms : INT64_MIN;
        }
    }
}

static bool course_right(struct play *play, const struct plan *playing, const struct plan *coming)
{
    int64_t from_ms = play->candidate->valid_from_ms, report_ms = play->request->report->time_ms;
    for (int32_t g = 0; g < play->at->group_count; g++) {
        if (!remember(play, playing, g)) {
            return cry(play, "the report contradicts the running plan", g, report_ms);
        }
    }
    int64_t turn_ms = coming == NULL ? from_ms : coming->valid_from_ms > report_ms ? coming->valid_from_ms : report_ms;
    const struct plan *last = coming == NULL ? playing : coming;
    if (playing->valid_until_ms < turn_ms || last->valid_until_ms < from_ms) {
        return cry(play, "the running plan ends before", -1, from_ms);
    }
    play_running(play, playing, report_ms, turn_ms);
    if (coming != NULL) {
        play_running(play, coming, turn_ms, from_ms);
    }
    note_promises(play, last);
    return play_candidate(play);
}

static bool known(const struct play *play, const struct plan *plan)
{
    return plan->intersection == play->candidate->intersection && plan->site_hash == play->at->site_hash
        && well_formed(play, plan);
}

static bool follows_right(struct play *play)
{
    const struct guard_request *request = play->request;
    const struct controller_report *report = request->report;
    int64_t from_ms = play->candidate->valid_from_ms, q_ms = play->at->quantum_ms;
    if (report == NULL || report->intersection != play->candidate->intersection
        || report->group_count != play->at->group_count || report->mode != CONTROLLER_PLAN
        || report->time_ms < request->now_ms - FRESH_MS || report->time_ms > request->now_ms + CLOCK_MS
        || report->time_ms > from_ms) {
        return cry(play, "no fresh report of a controller that plays a plan", -1, from_ms);
    }
    const struct plan *playing = NULL, *coming = NULL;
    for (int i = 0; i < request->running_count; i++) {
        int order = version_order(request->running[i]->version, report->running);
        playing = order == 0 ? request->running[i] : playing;
        coming = order > 0 ? request->running[i] : coming;
    }
    static const struct plan_version NONE = { 0 };
    bool has_it = coming != NULL && version_order(coming->version, report->waiting) == 0;
    bool waits_known = has_it || version_order(report->waiting, NONE) == 0
        || version_order(report->waiting, play->candidate->version) == 0;
    if (playing == NULL || !known(play, playing) || (coming != NULL && !known(play, coming)) || !waits_known
        || playing->valid_from_ms > report->time_ms + q_ms || playing->valid_until_ms <= report->time_ms) {
        return cry(play, "the controller plays what is not known", -1, from_ms);
    }
    bool may_come = coming != NULL && coming->valid_from_ms < from_ms && coming->valid_from_ms > report->time_ms - q_ms;
    if (may_come && !course_right(play, playing, coming)) {
        return false;
    }
    return (may_come && has_it) || course_right(play, playing, NULL);
}

bool oracle_accepts(const struct network *network, const struct guard_request *request, struct oracle_finding *ret)
{
    const struct plan *plan = request->candidate;
    struct play play = { .network = network, .request = request, .candidate = plan, .finding = ret };
    *ret = (struct oracle_finding){ .what = NULL, .group = -1 };
    if (plan->intersection < 0 || plan->intersection >= network->intersection_count) {
        return cry(&play, "unknown intersection", -1, 0);
    }
    play.at = &network->intersections[plan->intersection];
    if (!well_formed(&play, plan)) {
        return cry(&play, "malformed", -1, 0);
    }
    return identity_right(&play) && (plan->handover ? handover_right(&play) : follows_right(&play));
}
