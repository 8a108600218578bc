#include "tests/engine/guard_cases.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/model/units.h"
#include "tests/engine/toy_network.h"

#define COURSE_GREENS_MAX 48
#define AGE_MS_MAX 1000000000        // of a disturbed report, so that it may be disturbed again
#define OPEN INT64_MAX               // a green that has not ended yet

struct dice { uint64_t seed, draws; };

// 0 .. count - 1.
static int32_t roll(struct dice *dice, int32_t count)
{
    return (int32_t)(random_bits(dice->seed, RANDOM_TEST, 0, dice->draws++) % (uint64_t)count);
}

static bool chance(struct dice *dice, int32_t percent)
{
    return roll(dice, 100) < percent;
}

// Sites.

static struct toy_group random_group(struct dice *dice, int32_t quantum_ms)
{
    struct toy_group group = { .kind = chance(dice, 60) ? GROUP_VEHICLE : (enum group_kind)roll(dice, 4) };
    int32_t steps = 2000 / quantum_ms;
    group.yellow_ms = group.kind == GROUP_VEHICLE ? 3000 + quantum_ms * roll(dice, chance(dice, 30) ? steps + 1 : 1)
        : quantum_ms * roll(dice, steps + 2);
    group.red_clearance_ms = chance(dice, 50) ? 0 : quantum_ms * roll(dice, 3000 / quantum_ms + 1);
    group.green_ms_min = chance(dice, 80) ? quantum_ms * roll(dice, 6000 / quantum_ms) : roll(dice, 6000);
    group.red_ms_max = chance(dice, 50)   ? 180000
                       : chance(dice, 80) ? 1000 * (25 + roll(dice, 70))
                                          : 25000 + roll(dice, 70000);
    group.red_ms_more = roll(dice, 20000);
    return group;
}

static struct toy_site random_site(struct dice *dice)
{
    static const int32_t QUANTA_MS[] = { 1000, 1000, 1000, 500, 500, 100 };
    struct toy_site site = toy_plain(2 + roll(dice, 5));
    site.quantum_ms = QUANTA_MS[roll(dice, 6)];
    site.cycle_ms_max = 150000;
    for (int32_t g = 0; g < site.group_count; g++) {
        site.groups[g] = random_group(dice, site.quantum_ms);
    }
    for (int32_t i = 0; i < site.group_count; i++) {
        for (int32_t j = 0; j < i; j++) {
            if (chance(dice, 60)) {
                int32_t steps = 4000 / site.quantum_ms + 1;
                site.intergreen_ms[i][j] = site.groups[i].yellow_ms + roll(dice, steps) * site.quantum_ms;
                site.intergreen_ms[j][i] = site.groups[j].yellow_ms + roll(dice, steps) * site.quantum_ms;
            }
        }
    }
    // A stage round each group, with others at random as far as they do not conflict.
    for (int32_t g = 0; g < site.group_count; g++) {
        uint64_t groups = UINT64_C(1) << g;
        for (int32_t tries = 0; tries < 4; tries++) {
            int32_t other = roll(dice, site.group_count);
            bool fits = true;
            for (int32_t k = 0; k < site.group_count; k++) {
                fits = fits && ((groups >> k & 1) == 0 || site.intergreen_ms[other][k] < 0);
            }
            groups |= fits ? UINT64_C(1) << other : 0;
        }
        if (g == 0 || !chance(dice, 4)) {
            site.stages[site.stage_count++] = groups;
        }
    }
    return site;
}

void case_network_make(uint64_t seed, struct network *ret)
{
    struct dice dice = { .seed = random_mix(seed ^ UINT64_C(0x51e5)) };
    struct toy_site sites[CASE_SITE_COUNT];
    for (int i = 0; i < CASE_SITE_COUNT; i++) {
        sites[i] = random_site(&dice);
    }
    int64_t reference_ms = chance(&dice, 50) ? 0 : chance(&dice, 80) ? INT64_C(1790000000000) : -86400000;
    toy_network_build(ret, sites, CASE_SITE_COUNT, reference_ms);
}

// Courses.

struct course {
    const struct network *network;
    const struct intersection *at;
    int32_t count[GROUP_COUNT_MAX];
    int64_t start_ms[GROUP_COUNT_MAX][COURSE_GREENS_MAX], end_ms[GROUP_COUNT_MAX][COURSE_GREENS_MAX];
};

static const struct signal_group *group_of(const struct course *course, int32_t g)
{
    return &course->network->groups[course->at->first_group + g];
}

static bool open_green(const struct course *course, int32_t g)
{
    return course->count[g] > 0 && course->end_ms[g][course->count[g] - 1] == OPEN;
}

static void course_cut(struct course *course, int64_t t_ms)
{
    for (int32_t g = 0; g < course->at->group_count; g++) {
        while (course->count[g] > 0 && course->start_ms[g][course->count[g] - 1] >= t_ms) {
            course->count[g]--;
        }
        if (course->count[g] > 0 && course->end_ms[g][course->count[g] - 1] >= t_ms) {
            course->end_ms[g][course->count[g] - 1] = OPEN;
        }
    }
}

// Earliest start of a group from t on: its own yellow and every clearance of what conflicts is over.
static int64_t earliest_start(const struct course *course, int32_t g, int64_t t_ms)
{
    for (int32_t i = 0; i < course->at->group_count; i++) {
        int32_t between_ms = network_intergreen_ms(course->network, course->at, i, g);
        const struct signal_group *group = group_of(course, i);
        int32_t clear_ms = group->yellow_ms + group->red_clearance_ms;
        between_ms = between_ms >= 0 && between_ms < clear_ms ? clear_ms : between_ms;
        between_ms = i == g ? group->yellow_ms : between_ms;
        if (between_ms >= 0 && course->count[i] > 0) {
            int64_t free_ms = course->end_ms[i][course->count[i] - 1] + between_ms;
            t_ms = free_ms > t_ms ? free_ms : t_ms;
        }
    }
    return quantum_ceil(t_ms, course->at->quantum_ms);
}

// Some time to waste, mostly none.
static int64_t slack(struct dice *dice, const struct course *course)
{
    int32_t quantum_ms = course->at->quantum_ms;
    return chance(dice, 55) ? 0 : (int64_t)quantum_ms * roll(dice, chance(dice, 60) ? 3 : 12000 / quantum_ms);
}

// Goes to another stage at t or when the minimum greens allow. Returns when all of it is green.
static int64_t course_go(struct dice *dice, struct course *course, int64_t t_ms)
{
    const struct intersection *at = course->at;
    uint64_t groups = course->network->stages[at->first_stage + roll(dice, at->stage_count)].groups;
    for (int32_t g = 0; g < at->group_count; g++) {
        if (open_green(course, g) && (groups >> g & 1) == 0) {
            int64_t start_ms = course->start_ms[g][course->count[g] - 1], end_ms = t_ms + slack(dice, course);
            int64_t least_ms = start_ms + group_of(course, g)->green_ms_min;
            least_ms = least_ms > start_ms ? least_ms : start_ms + 1;
            end_ms = end_ms > least_ms ? end_ms : least_ms;
            course->end_ms[g][course->count[g] - 1] = quantum_ceil(end_ms, at->quantum_ms);
        }
    }
    int64_t done_ms = t_ms;
    for (int32_t g = 0; g < at->group_count; g++) {
        int64_t latest_ms = course->count[g] > 0 ? course->end_ms[g][course->count[g] - 1] : t_ms;
        if ((groups >> g & 1) != 0 && !open_green(course, g) && course->count[g] < COURSE_GREENS_MAX) {
            int64_t start_ms = earliest_start(course, g, t_ms) + slack(dice, course);
            start_ms += start_ms == latest_ms ? at->quantum_ms : 0;   // Without a yellow: still red in between.
            course->start_ms[g][course->count[g]] = start_ms;
            course->end_ms[g][course->count[g]++] = OPEN;
            done_ms = start_ms > done_ms ? start_ms : done_ms;
        }
    }
    return done_ms;
}

static void course_walk(struct dice *dice, struct course *course, int64_t from_ms, int64_t to_ms)
{
    int64_t t_ms = from_ms;
    for (int visits = 0; visits < 40 && t_ms < to_ms; visits++) {
        t_ms = course_go(dice, course, t_ms) + slack(dice, course) + course->at->quantum_ms;
    }
}

// The course of a cyclic plan from one instant to another.
static void course_round(struct course *course, const struct plan *plan, int64_t from_ms, int64_t to_ms)
{
    memset(course->count, 0, sizeof course->count);
    for (int32_t i = 0; i < plan->green_count; i++) {
        const struct green *green = &plan->greens[i];
        int32_t g = green->group;
        if (i > 0 && plan->greens[i - 1].group == g) {
            continue;   // Groups with one green a cycle are enough for courses.
        }
        int64_t start_ms = plan->base_ms + green->start_ms;
        start_ms = from_ms - cycle_position(from_ms - start_ms, plan->cycle_ms);
        for (; start_ms < to_ms && course->count[g] < COURSE_GREENS_MAX; start_ms += plan->cycle_ms) {
            course->start_ms[g][course->count[g]] = start_ms;
            course->end_ms[g][course->count[g]++] = start_ms + green->end_ms - green->start_ms;
        }
    }
}

// Plans.

static void plan_begin(const struct course *course, enum plan_kind kind, uint32_t sequence, int64_t from_ms,
                       int64_t until_ms, struct green *greens, struct plan *ret)
{
    *ret = (struct plan){ .intersection = (int32_t)(course->at - course->network->intersections), .kind = kind,
        .version = { .epoch = 1, .daemon = 7, .sequence = sequence }, .site_hash = course->at->site_hash,
        .valid_from_ms = from_ms, .valid_until_ms = until_ms, .coordinated_stage = INDEX_NONE,
        .reason.stage = INDEX_NONE, .greens = greens };
}

// Cuts a rolling plan out of the course.
static void plan_rolling(struct dice *dice, const struct course *course, uint32_t sequence, int64_t from_ms,
                         int64_t until_ms, struct green *greens, struct plan *ret)
{
    plan_begin(course, PLAN_ROLLING, sequence, from_ms, until_ms, greens, ret);
    ret->base_ms = from_ms + (int64_t)course->at->quantum_ms * (roll(dice, 7) - 3);
    for (int32_t g = 0; g < course->at->group_count; g++) {
        for (int32_t k = 0; k < course->count[g]; k++) {
            int64_t start_ms = course->start_ms[g][k], end_ms = course->end_ms[g][k];
            bool past = start_ms < from_ms && k + 1 < course->count[g] && course->start_ms[g][k + 1] < from_ms;
            if (past || start_ms >= until_ms || ret->green_count == CASE_GREEN_COUNT_MAX) {
                continue;
            }
            greens[ret->green_count++] = (struct green){ .start_ms = (int32_t)(start_ms - ret->base_ms),
                .end_ms = (int32_t)((end_ms < until_ms ? end_ms : until_ms) - ret->base_ms), .group = (int16_t)g };
        }
    }
}

// The least time from stage to stage.
static int32_t transition(const struct course *course, uint64_t from, uint64_t to)
{
    struct course alone = *course;
    memset(alone.count, 0, sizeof alone.count);
    int64_t start_ms = course->at->quantum_ms;
    for (int32_t g = 0; g < course->at->group_count; g++) {
        if ((from & ~to) >> g & 1) {
            alone.count[g] = 1;
            alone.end_ms[g][0] = 0;
        }
    }
    for (int32_t g = 0; g < course->at->group_count; g++) {
        if ((to & ~from) >> g & 1) {
            int64_t free_ms = earliest_start(&alone, g, 0);
            start_ms = free_ms > start_ms ? free_ms : start_ms;
        }
    }
    return (int32_t)start_ms;
}

// A cyclic plan round a few stages; each group is green in one run of them.
static void plan_round(struct dice *dice, const struct course *course, uint32_t sequence, struct green *greens,
                       struct plan *ret)
{
    const struct intersection *at = course->at;
    uint64_t stages[GROUP_COUNT_MAX];
    int32_t start_ms[GROUP_COUNT_MAX], end_ms[GROUP_COUNT_MAX], t_ms = 0,
                                                                count = chance(dice, 25)      ? 2
                                                                        : at->stage_count > 2 ? at->stage_count
                                                                                              : 2;
    plan_begin(course, PLAN_CYCLIC, sequence, 0, 0, greens, ret);
    int32_t first = roll(dice, at->stage_count);
    for (int32_t k = 0; k < count; k++) {
        stages[k] = course->network->stages[at->first_stage + (first + k) % at->stage_count].groups;
    }
    for (int32_t k = 0; k < count; k++) {
        start_ms[k] = t_ms;
        int32_t least_ms = at->quantum_ms;
        for (int32_t g = 0; g < at->group_count; g++) {
            int32_t green_ms = (stages[k] >> g & 1) != 0 ? group_of(course, g)->green_ms_min : 0;
            least_ms = green_ms > least_ms ? green_ms : least_ms;
        }
        t_ms += (int32_t)(quantum_ceil(least_ms, at->quantum_ms) + slack(dice, course));
        end_ms[k] = t_ms;
        t_ms += transition(course, stages[k], stages[(k + 1) % count]);
    }
    ret->cycle_ms = t_ms;
    ret->coordinated_stage = first;
    for (int32_t g = 0; g < at->group_count; g++) {
        int32_t k = 0, length = 0;
        while (k < count && !((stages[k] >> g & 1) != 0 && (stages[(k + count - 1) % count] >> g & 1) == 0)) {
            k++;   // To the first stage of a run.
        }
        bool always = k == count && (stages[0] >> g & 1) != 0;
        if (k == count && !always) {
            continue;
        }
        k = k % count;
        while (!always && (stages[(k + length + 1) % count] >> g & 1) != 0) {
            length++;
        }
        int32_t last = k + length;
        int32_t to_ms = always ? t_ms : end_ms[last % count] + (last >= count ? t_ms : 0);
        int32_t from_ms = always ? 0 : start_ms[k];
        greens[ret->green_count++] = (struct green){ .start_ms = from_ms, .end_ms = to_ms, .group = (int16_t)g };
    }
}

// Lays the cycle so that position 0 falls on t, and makes it valid.
static void plan_lay(const struct course *course, int64_t t_ms, int64_t from_ms, int64_t until_ms, struct plan *plan)
{
    plan->offset_ms = (int32_t)cycle_position(t_ms - course->network->reference_ms, plan->cycle_ms);
    plan->base_ms = course->network->reference_ms + plan->offset_ms;
    plan->valid_from_ms = from_ms;
    plan->valid_until_ms = until_ms;
}

// Reports.

static void report_make(const struct course *course, int64_t t_ms, struct controller_report *ret)
{
    *ret = (struct controller_report){ .intersection = (int32_t)(course->at - course->network->intersections),
        .time_ms = t_ms, .mode = CONTROLLER_PLAN, .stage = INDEX_NONE, .group_count = course->at->group_count };
    for (int32_t g = 0; g < course->at->group_count; g++) {
        int64_t end_ms = t_ms - 45000;
        ret->aspect[g] = ASPECT_RED;
        for (int32_t k = 0; k < course->count[g] && course->start_ms[g][k] <= t_ms; k++) {
            end_ms = course->end_ms[g][k];
            if (t_ms < end_ms) {
                ret->aspect[g] = ASPECT_GREEN;
                ret->age_ms[g] = (int32_t)(t_ms - course->start_ms[g][k]);
            }
        }
        int32_t yellow_ms = group_of(course, g)->yellow_ms;
        if (ret->aspect[g] != ASPECT_GREEN) {
            bool yellow = t_ms < end_ms + yellow_ms;
            ret->aspect[g] = yellow ? ASPECT_YELLOW : ASPECT_RED;
            ret->age_ms[g] = (int32_t)(t_ms - end_ms - (yellow ? 0 : yellow_ms));
        }
    }
}

static void report_disturb(struct dice *dice, const struct intersection *at, struct controller_report *report)
{
    int32_t g = roll(dice, at->group_count), quantum_ms = at->quantum_ms;
    switch (roll(dice, 10)) {
    case 0: report->age_ms[g] = report->age_ms[g] % AGE_MS_MAX + quantum_ms * (roll(dice, 7) - 3); break;
    case 1: report->age_ms[g] = report->age_ms[g] % AGE_MS_MAX + roll(dice, 4001) - 2000; break;
    case 2: report->age_ms[g] = chance(dice, 50) ? INT32_MAX : -1; break;
    case 3: report->aspect[g] = (uint8_t)roll(dice, 9); break;
    case 4: report->aspect[g] = chance(dice, 50) ? ASPECT_RED : ASPECT_RED_YELLOW; break;
    case 5: report->time_ms += roll(dice, 3) * quantum_ms - quantum_ms; break;
    case 6: report->time_ms += roll(dice, 9001) - 4500; break;
    case 7: report->mode = (enum controller_mode)roll(dice, 5); break;
    case 8: report->group_count += roll(dice, 3) - 1; break;
    default: report->waiting.sequence = (uint32_t)roll(dice, 5); report->waiting.epoch = 1; report->waiting.daemon = 7;
    }
}

// Cases.

// The plan that plays: rolling or cyclic; its course in *course.
static void case_playing(struct dice *dice, struct course *course, int64_t zero_ms, struct guard_case *ret)
{
    int64_t begin_ms = zero_ms - 40000;
    if (chance(dice, 35)) {
        plan_round(dice, course, 1, ret->greens[1], &ret->playing);
        plan_lay(course, zero_ms - (int64_t)course->at->quantum_ms * roll(dice, 20), zero_ms - 20000, zero_ms + 900000,
                 &ret->playing);
        course_round(course, &ret->playing, begin_ms, zero_ms + 400000);
        return;
    }
    course_walk(dice, course, begin_ms, zero_ms + 40000);
    int64_t from_ms = quantum_floor(zero_ms - roll(dice, 30000), course->at->quantum_ms);
    int64_t until_ms = quantum_ceil(zero_ms + 10000 + roll(dice, 60000), course->at->quantum_ms);
    plan_rolling(dice, course, 1, from_ms, until_ms, ret->greens[1], &ret->playing);
}

static void case_candidate(struct dice *dice, struct course *course, int64_t from_ms, struct guard_case *ret)
{
    int32_t quantum_ms = course->at->quantum_ms;
    int64_t until_ms = from_ms + (int64_t)quantum_ms * (1 + roll(dice, 60000 / quantum_ms));
    bool after_cycle = ret->playing.kind == PLAN_CYCLIC;
    if (chance(dice, after_cycle ? 60 : 15)) {
        plan_round(dice, course, 3, ret->greens[0], &ret->candidate);
        int64_t zero_ms = from_ms - (int64_t)quantum_ms * roll(dice, 8);
        if (after_cycle && chance(dice, 70)) {   // The same stages with other greens: their starts together.
            ret->candidate.green_count = ret->playing.green_count;
            memcpy(ret->greens[0], ret->greens[1], sizeof ret->greens[0]);
            int32_t longer_ms = quantum_ms * roll(dice, 4);
            ret->candidate.cycle_ms = ret->playing.cycle_ms + longer_ms;
            int64_t passed_ms = cycle_position(from_ms - ret->playing.base_ms, ret->playing.cycle_ms);
            for (int32_t i = 0; i < ret->candidate.green_count; i++) {
                struct green *green = &ret->greens[0][i];
                green->start_ms += green->start_ms > passed_ms ? longer_ms : 0;
                green->end_ms += green->end_ms > passed_ms ? longer_ms : 0;
            }
            zero_ms = from_ms - passed_ms;
        }
        plan_lay(course, zero_ms, from_ms, from_ms + (int64_t)quantum_ms * (1 + roll(dice, 500)), &ret->candidate);
        return;
    }
    course_cut(course, from_ms);
    course_walk(dice, course, from_ms, until_ms);
    plan_rolling(dice, course, 3, from_ms, until_ms, ret->greens[0], &ret->candidate);
}

static void case_handover(struct dice *dice, struct course *course, int64_t now_ms, struct guard_case *ret)
{
    int32_t quantum_ms = course->at->quantum_ms;
    int64_t from_ms = quantum_ceil(now_ms + 8000 + roll(dice, 12000), quantum_ms);
    memset(course->count, 0, sizeof course->count);
    if (chance(dice, 40)) {
        plan_round(dice, course, 3, ret->greens[0], &ret->candidate);
        plan_lay(course, from_ms, from_ms, from_ms + 300000, &ret->candidate);
    } else {
        int64_t until_ms = from_ms + (int64_t)quantum_ms * (1 + roll(dice, 60000 / quantum_ms));
        course_walk(dice, course, from_ms, until_ms);
        plan_rolling(dice, course, 3, from_ms, until_ms, ret->greens[0], &ret->candidate);
    }
    ret->candidate.handover = true;
}

void guard_case_make(const struct network *network, uint64_t seed, struct guard_case *ret)
{
    struct dice dice = { .seed = random_mix(seed) };
    struct course course = { .network = network, .at = &network->intersections[roll(&dice, CASE_SITE_COUNT)] };
    int32_t quantum_ms = course.at->quantum_ms;
    int64_t zero_ms = network->reference_ms + 3600000 + (int64_t)quantum_ms * roll(&dice, 1000);
    *ret = (struct guard_case){ .candidate = { 0 } };
    case_playing(&dice, &course, zero_ms, ret);
    int64_t now_ms = zero_ms + roll(&dice, 3) * 1000 + (chance(&dice, 20) ? roll(&dice, 1000) : 0);
    int64_t from_ms = quantum_ceil(now_ms + (chance(&dice, 40) ? 0 : roll(&dice, 8000)), quantum_ms);
    int64_t report_ms = chance(&dice, 40) ? now_ms : now_ms - roll(&dice, 3200);
    report_make(&course, report_ms, &ret->report);
    ret->report.running = ret->playing.version;
    ret->request = (struct guard_request){ .candidate = &ret->candidate, .running = { &ret->playing },
        .running_count = 1, .report = &ret->report, .now_ms = now_ms };
    if (chance(&dice, 30)) {
        int64_t turn_ms = quantum_ceil(report_ms + roll(&dice, 4000) - 200, quantum_ms);
        int64_t until_ms = turn_ms + (int64_t)quantum_ms * (1 + roll(&dice, 60000 / quantum_ms));
        course_cut(&course, turn_ms);
        course_walk(&dice, &course, turn_ms, until_ms);
        plan_rolling(&dice, &course, 2, turn_ms, until_ms, ret->greens[2], &ret->coming);
        ret->request.running[ret->request.running_count++] = &ret->coming;
        ret->report.waiting = chance(&dice, 70) ? ret->coming.version : (struct plan_version){ 0 };
        if (chance(&dice, 30)) {
            ret->request.running[0] = &ret->coming;
            ret->request.running[1] = &ret->playing;
        }
    }
    if (chance(&dice, 12)) {
        case_handover(&dice, &course, now_ms, ret);
    } else {
        case_candidate(&dice, &course, from_ms, ret);
    }
    ret->request.idle = chance(&dice, 15) ? random_bits(seed, RANDOM_TEST, 1, 0) : 0;
    ret->request.emergency = chance(&dice, 15);
    if (chance(&dice, 10)) {
        report_disturb(&dice, course.at, &ret->report);
    }
}

static void greens_disturb(struct dice *dice, int32_t step_ms, struct guard_case *ret)
{
    struct plan *plan = &ret->candidate;
    if (plan->green_count == 0) {
        return;
    }
    int32_t i = roll(dice, plan->green_count);
    struct green *green = &ret->greens[0][i];
    switch (roll(dice, 8)) {
    case 0: case 1: green->start_ms += step_ms; break;
    case 2: case 3: green->end_ms += step_ms; break;
    case 4: green->start_ms += step_ms; green->end_ms += step_ms; break;
    case 5:
        memmove(green, green + 1, (size_t)(plan->green_count - i - 1) * sizeof *green);
        plan->green_count--;
        break;
    case 6: green->group = (int16_t)(green->group + roll(dice, 3) - 1); break;
    default: green->stage = (int16_t)(roll(dice, 8) - 1);
    }
}

static void plan_disturb(struct dice *dice, int32_t step_ms, struct plan *plan)
{
    switch (roll(dice, 15)) {
    case 0: plan->valid_from_ms += step_ms; break;
    case 1: plan->valid_until_ms += step_ms; break;
    case 2: plan->base_ms += step_ms; break;
    case 3: plan->cycle_ms += step_ms; break;
    case 4: plan->offset_ms += step_ms; break;
    case 5: plan->offset_ms += step_ms; plan->base_ms += step_ms; break;
    case 6: plan->version.sequence += (uint32_t)(roll(dice, 5) - 3); break;
    case 7: plan->version.epoch += (uint32_t)(roll(dice, 3) - 1); break;
    case 8: plan->site_hash ^= UINT64_C(1) << roll(dice, 64); break;
    case 9: plan->handover = !plan->handover; break;
    case 10: plan->kind = (enum plan_kind)roll(dice, 3); break;
    case 11: plan->valid_until_ms += chance(dice, 50) ? 700000 : INT64_C(90000000); break;
    case 12: plan->coordinated_stage += roll(dice, 9) - 4; break;
    case 13: plan->intersection += roll(dice, 3) - 1; break;
    default: plan->reason.stage += roll(dice, 9) - 4;
    }
}

void guard_case_disturb(const struct network *network, uint64_t seed, struct guard_case *ret)
{
    struct dice dice = { .seed = random_mix(seed ^ UINT64_C(0xd15)) };
    const struct intersection *at = &network->intersections[ret->playing.intersection];
    int32_t step_ms = at->quantum_ms * (chance(&dice, 80) ? 1 : 2 + roll(&dice, 5)) * (chance(&dice, 50) ? 1 : -1);
    step_ms = chance(&dice, 4) ? step_ms / 2 : step_ms;
    int32_t what = roll(&dice, 100);
    if (what < 70) {
        greens_disturb(&dice, step_ms, ret);
    } else if (what < 85) {
        plan_disturb(&dice, step_ms, &ret->candidate);
    } else if (what < 94) {
        report_disturb(&dice, at, &ret->report);
    } else if (what < 97) {
        ret->request.now_ms += step_ms;
    } else if (what == 97) {
        ret->request.report = NULL;
    } else if (what == 98) {
        plan_disturb(&dice, step_ms, &ret->playing);
    } else {
        ret->request.running_count -= 1;
    }
}

static void plan_print(const char *name, const struct plan *plan)
{
    (void)fprintf(stderr, "%s: %s%s %u.%u.%u base %lld valid %lld .. %lld cycle %d offset %d\n", name,
                  plan->kind == PLAN_CYCLIC ? "cyclic" : "rolling", plan->handover ? " hand-over" : "",
                  plan->version.epoch, plan->version.daemon, plan->version.sequence, (long long)plan->base_ms,
                  (long long)plan->valid_from_ms, (long long)plan->valid_until_ms, plan->cycle_ms, plan->offset_ms);
    for (int32_t i = 0; i < plan->green_count; i++) {
        (void)fprintf(stderr, "    group %d: %d .. %d   absolute %lld .. %lld\n", plan->greens[i].group,
                      plan->greens[i].start_ms, plan->greens[i].end_ms,
                      (long long)(plan->base_ms + plan->greens[i].start_ms),
                      (long long)(plan->base_ms + plan->greens[i].end_ms));
    }
}

void guard_case_print(const struct network *network, const struct guard_case *shown)
{
    const struct intersection *at = &network->intersections[shown->playing.intersection];
    (void)fprintf(stderr, "now %lld, quantum %d, idle %llx, emergency %d\n", (long long)shown->request.now_ms,
                  at->quantum_ms, (unsigned long long)shown->request.idle, (int)shown->request.emergency);
    for (int32_t g = 0; g < at->group_count; g++) {
        const struct signal_group *group = &network->groups[at->first_group + g];
        (void)fprintf(stderr,
                      "  group %d kind %d minimum %d red %d yellow %d clearance %d; reported %d age %d; intergreens",
                      g, (int)group->kind, group->green_ms_min, group->red_ms_max, group->yellow_ms,
                      group->red_clearance_ms, shown->report.aspect[g], shown->report.age_ms[g]);
        for (int32_t j = 0; j < at->group_count; j++) {
            (void)fprintf(stderr, " %d", network_intergreen_ms(network, at, g, j));
        }
        (void)fprintf(stderr, "\n");
    }
    (void)fprintf(stderr, "report at %lld, mode %d, running %u, waiting %u\n", (long long)shown->report.time_ms,
                  (int)shown->report.mode, shown->report.running.sequence, shown->report.waiting.sequence);
    for (int i = 0; i < shown->request.running_count; i++) {
        plan_print(shown->request.running[i] == &shown->playing ? "playing" : "coming", shown->request.running[i]);
    }
    plan_print("candidate", &shown->candidate);
}
