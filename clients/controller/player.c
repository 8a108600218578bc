#include "clients/controller/player.h"

#include <string.h>
#include <time.h>

#include "clients/controller/check.h"

static const int64_t GAP_MS_MAX = 60000;         // of the caller's clock: beyond it nobody knows what was shown
static const int64_t CYCLES_CHECKED = 3;         // of a cyclic plan: the wrap is seen twice

int version_compare(struct version a, struct version b)
{
    if (a.epoch != b.epoch) {
        return a.epoch < b.epoch ? -1 : 1;
    }
    if (a.daemon != b.daemon) {
        return a.daemon < b.daemon ? -1 : 1;
    }
    return (a.sequence > b.sequence) - (a.sequence < b.sequence);
}

static int64_t quantum_floor(int64_t ms, int64_t quantum_ms)
{
    int64_t rest = ms % quantum_ms;
    return rest < 0 ? ms - rest - quantum_ms : ms - rest;
}

// ---- the fallback ----

static bool day_matches(const struct table *table, uint32_t days, int64_t day)
{
    for (int32_t i = 0; i < table->holiday_count; i++) {
        if (table->holidays[i] == day) {
            return days >> 7 & 1;
        }
    }
    int64_t weekday = (day % 7 + 7 + 3) % 7;      // 1970-01-01 was a Thursday; Monday is 0
    return days >> weekday & 1;
}

// The program that runs at t by the table's switching times; the first where no time was ever reached.
static int32_t program_at(const struct table *table, int64_t t_ms)
{
    time_t seconds = (time_t)(quantum_floor(t_ms, 1000) / 1000);
    struct tm local;
    (void)localtime_r(&seconds, &local);
    int64_t local_s = (int64_t)seconds + local.tm_gmtoff;
    int64_t today = quantum_floor(local_s, 86400) / 86400;
    for (int64_t back = 0; back <= 7; back++) {
        int32_t latest_s = -1, program = -1;
        for (int32_t i = 0; i < table->switch_count; i++) {
            bool reached = back > 0 || table->switch_at_s[i] <= local_s - today * 86400;
            reached = reached && day_matches(table, table->switch_days[i], today - back);
            if (reached && table->switch_at_s[i] > latest_s) {
                latest_s = table->switch_at_s[i];
                program = table->switch_program[i];
            }
        }
        if (program >= 0) {
            return program;
        }
    }
    return 0;
}

static void plan_builtin(const struct cabinet *cabinet, struct plan *ret)
{
    *ret = (struct plan){ .cyclic = true, .base_ms = cabinet->reference_ms + cabinet->offset_ms,
        .cycle_ms = cabinet->cycle_ms, .valid_until_ms = INT64_MAX, .green_count = cabinet->green_count };
    memcpy(ret->greens, cabinet->greens, sizeof ret->greens);
}

static void plan_of_table(const struct table *table, int32_t program, struct plan *ret)
{
    *ret = (struct plan){ .cyclic = true, .base_ms = table->reference_ms + table->offset_ms[program],
        .cycle_ms = table->cycle_ms[program], .valid_until_ms = INT64_MAX };
    for (int32_t i = 0; i < table->green_count; i++) {
        if (table->green_program[i] == program) {
            ret->greens[ret->green_count++] = table->greens[i];
        }
    }
}

// The program that the fallback plays at t: a row of the loaded table, or -1 for the built-in one.
static int32_t fallback_wanted(const struct player *player, uint32_t id, int64_t t_ms)
{
    return id != 0 && id == player->table.id ? program_at(&player->table, t_ms) : -1;
}

static void fallback_begin(struct player *player, int64_t t_ms)
{
    player->table_program = fallback_wanted(player, player->fallback, t_ms);
    if (player->table_program >= 0) {
        plan_of_table(&player->table, player->table_program, &player->running);
    } else {
        plan_builtin(player->cabinet, &player->running);
    }
    player->mode = MODE_FALLBACK;
    player->join_ms = t_ms;
}

// ---- lamps ----

// The plan's green of the group at t: its start, or INT64_MIN where it shows none.
static int64_t green_since(const struct plan *plan, int32_t group, int64_t t_ms)
{
    for (int32_t i = 0; i < plan->green_count; i++) {
        const struct cabinet_green *green = &plan->greens[i];
        if (green->group != group) {
            continue;
        }
        int64_t start_ms = plan->base_ms + green->start_ms;
        if (plan->cyclic) {
            start_ms += quantum_floor(t_ms - start_ms, plan->cycle_ms);
        }
        if (start_ms <= t_ms && t_ms < start_ms + (green->end_ms - green->start_ms)) {
            return start_ms;
        }
    }
    return INT64_MIN;
}

static bool green_at(const struct player *player, int32_t group, int64_t t_ms)
{
    if (player->mode == MODE_CLEARING) {
        return player->lamp[group] == LAMP_GREEN && t_ms < player->clears_ms[group];
    }
    int64_t since_ms = green_since(&player->running, group, t_ms);
    return since_ms != INT64_MIN && (player->mode == MODE_PLAN || since_ms >= player->join_ms);
}

static void lamp_set(struct player *player, int32_t group, enum lamp lamp, int64_t t_ms)
{
    if (player->lamp[group] == LAMP_GREEN) {
        player->green_start_ms[group] = player->since_ms[group];
        player->green_end_ms[group] = t_ms;
    }
    player->lamp[group] = lamp;
    player->since_ms[group] = t_ms;
}

static void lamps_play(struct player *player, int64_t t_ms)
{
    const struct cabinet *cabinet = player->cabinet;
    for (int32_t group = 0; group < cabinet->group_count; group++) {
        bool green = green_at(player, group, t_ms);
        if (green && player->lamp[group] != LAMP_GREEN) {
            lamp_set(player, group, LAMP_GREEN, t_ms);
        } else if (!green && player->lamp[group] == LAMP_GREEN) {
            lamp_set(player, group, cabinet->groups[group].yellow_ms > 0 ? LAMP_YELLOW : LAMP_RED, t_ms);
        } else if (player->lamp[group] == LAMP_YELLOW
                   && t_ms - player->since_ms[group] >= cabinet->groups[group].yellow_ms) {
            lamp_set(player, group, LAMP_RED, t_ms);
        }
    }
    for (int32_t a = 0; a < cabinet->group_count; a++) {
        for (int32_t b = 0; b < cabinet->group_count; b++) {
            player->conflicts_seen += cabinet->intergreen_ms[a][b] >= 0 && player->lamp[a] == LAMP_GREEN
                && player->lamp[b] != LAMP_RED;
        }
    }
}

// From t on no green begins, and each that shows ends as soon as its minimum allows.
static void clear_begin(struct player *player, int64_t t_ms, int64_t joins_fallback_ms)
{
    for (int32_t group = 0; group < player->cabinet->group_count; group++) {
        int64_t least_ms = player->since_ms[group] + player->cabinet->groups[group].green_ms_min;
        bool green = player->lamp[group] == LAMP_GREEN;
        player->clears_ms[group] = !green ? INT64_MIN : least_ms > t_ms ? least_ms : t_ms;
    }
    player->mode = MODE_CLEARING;
    player->joins_fallback_ms = joins_fallback_ms;
}

static void pending_drop(struct player *player, int32_t count)
{
    player->pending_count -= count;
    memmove(player->pending, player->pending + count, (size_t)player->pending_count * sizeof *player->pending);
}

// A hand-over whose time to clear has come overrides what would begin before it: cleared until the plan begins.
static void hand_over(struct player *player, int64_t t_ms)
{
    for (int32_t i = player->pending_count - 1; i >= 0; i--) {
        if (player->pending[i].handover && t_ms >= player->pending[i].valid_from_ms - player->cabinet->handover_ms) {
            pending_drop(player, i);
            if (player->mode != MODE_CLEARING) {
                clear_begin(player, t_ms, INT64_MAX);
            }
            player->joins_fallback_ms = INT64_MAX;
            return;
        }
    }
}

// What happens at t besides lamps: plans begin, end, are cleared for, and the fallback is joined.
static void happen(struct player *player, int64_t t_ms)
{
    int64_t handover_ms = player->cabinet->handover_ms;
    if (player->mode == MODE_PLAN && t_ms >= player->running.valid_until_ms
        && !(player->pending_count > 0 && player->pending[0].valid_from_ms <= t_ms)) {
        clear_begin(player, t_ms, t_ms + handover_ms);
    }
    while (player->pending_count > 0 && player->pending[0].valid_from_ms <= t_ms) {
        if (player->mode == MODE_PLAN || player->pending[0].handover) {   // else it has nothing to go on from
            player->running = player->pending[0];
            player->fallback = player->running.fallback;
            player->mode = MODE_PLAN;
        }
        pending_drop(player, 1);
    }
    hand_over(player, t_ms);
    if (player->mode == MODE_CLEARING && t_ms >= player->joins_fallback_ms) {
        fallback_begin(player, t_ms);
    } else if (player->mode == MODE_FALLBACK
               && fallback_wanted(player, player->fallback, t_ms) != player->table_program) {
        clear_begin(player, t_ms, t_ms + handover_ms);
    }
}

void player_start(struct player *player, const struct cabinet *cabinet, int64_t now_ms)
{
    *player = (struct player){ .cabinet = cabinet, .table_program = -1 };
    player->tick_ms = quantum_floor(now_ms, cabinet->quantum_ms);
    for (int32_t group = 0; group < cabinet->group_count; group++) {
        player->lamp[group] = LAMP_RED;
        player->since_ms[group] = player->green_start_ms[group] = player->green_end_ms[group] = INT64_MIN;
    }
    clear_begin(player, player->tick_ms, player->tick_ms + cabinet->handover_ms);
}

void player_step(struct player *player, int64_t now_ms)
{
    const struct cabinet *cabinet = player->cabinet;
    if (now_ms < player->tick_ms || now_ms - player->tick_ms > GAP_MS_MAX) {
        struct version newest = player->newest;
        uint64_t conflicts_seen = player->conflicts_seen;
        struct table table = player->table;
        player_start(player, cabinet, now_ms);
        player->newest = newest;
        player->conflicts_seen = conflicts_seen;
        player->table = table;
        return;
    }
    while (player->tick_ms + cabinet->quantum_ms <= now_ms) {
        player->tick_ms += cabinet->quantum_ms;
        happen(player, player->tick_ms);
        lamps_play(player, player->tick_ms);
    }
}

// ---- what is offered ----

// Greens in range, in order, neither overlapping nor touching, over the wrap of a cycle too.
static bool greens_good(const struct cabinet *cabinet, const struct plan *plan)
{
    int64_t first_ms = 0;            // start of the group's first green
    for (int32_t i = 0; i < plan->green_count; i++) {
        const struct cabinet_green *green = &plan->greens[i], *last = i > 0 ? green - 1 : NULL;
        bool same = last != NULL && last->group == green->group;
        first_ms = same ? first_ms : green->start_ms;
        bool good = green->group >= 0 && green->group < cabinet->group_count && green->end_ms > green->start_ms
            && (last == NULL || last->group < green->group || (same && last->end_ms < green->start_ms))
            && (plan->base_ms + green->start_ms) % cabinet->quantum_ms == 0
            && (plan->base_ms + green->end_ms) % cabinet->quantum_ms == 0;
        bool whole = !same && green->end_ms - green->start_ms == plan->cycle_ms;      // green all the time
        if (!good || (plan->cyclic && (green->start_ms < 0 || green->start_ms >= plan->cycle_ms
                                       || (!whole && green->end_ms - plan->cycle_ms >= first_ms)))) {
            return false;
        }
    }
    return true;
}

static bool plan_good(const struct cabinet *cabinet, const struct plan *plan)
{
    int32_t quantum_ms = cabinet->quantum_ms;
    return plan->valid_until_ms > plan->valid_from_ms && (!plan->cyclic || plan->cycle_ms > 0)
        && plan->valid_from_ms % quantum_ms == 0 && (!plan->cyclic || plan->cycle_ms % quantum_ms == 0)
        && greens_good(cabinet, plan);
}

// What is showing and was shown last.
static void course_so_far(const struct player *player, struct course *course)
{
    for (int32_t group = 0; group < player->cabinet->group_count; group++) {
        if (player->green_end_ms[group] != INT64_MIN) {
            course_add(course, group, player->green_start_ms[group], player->green_end_ms[group]);
        }
        if (player->lamp[group] == LAMP_GREEN) {
            course_add(course, group, player->since_ms[group], player->tick_ms + 1);
        }
    }
}

// What is shown from now on if all goes as accepted, up to where the plan begins. Before a hand-over everything is
// cleared, so that what comes after it has to do with nothing before it.
static void course_before(const struct player *player, const struct plan *plan, struct course *course)
{
    int32_t count = 0, first = -1;
    while (count < player->pending_count && player->pending[count].valid_from_ms < plan->valid_from_ms) {
        first = player->pending[count].handover ? count : first;
        count++;
    }
    if (first < 0) {
        course_so_far(player, course);
        course_add_plan(course, &player->running, player->tick_ms,
                        count > 0 ? player->pending[0].valid_from_ms : plan->valid_from_ms);
    }
    for (int32_t i = first < 0 ? 0 : first; i < count; i++) {
        course_add_plan(course, &player->pending[i], player->pending[i].valid_from_ms,
                        i + 1 < count ? player->pending[i + 1].valid_from_ms : plan->valid_from_ms);
    }
}

static const char *plan_fault(const struct player *player, const struct plan *plan)
{
    static struct course course;
    int64_t until_ms = plan->valid_until_ms;
    if (plan->cyclic && until_ms - plan->valid_from_ms > CYCLES_CHECKED * plan->cycle_ms) {
        until_ms = plan->valid_from_ms + CYCLES_CHECKED * plan->cycle_ms;
    }
    course_clear(&course);
    if (!plan->handover) {
        course_before(player, plan, &course);
    }
    course_add_plan(&course, plan, plan->valid_from_ms, until_ms);
    return course_fault(&course, player->cabinet, plan->valid_from_ms, until_ms);
}

// Whether a plan will be playing when this one begins, so that it may follow without hand-over.
static bool plays_plan_until(const struct player *player, int64_t t_ms)
{
    bool plays = player->mode == MODE_PLAN && player->running.valid_until_ms >= t_ms;
    for (int32_t i = 0; i < player->pending_count && player->pending[i].valid_from_ms < t_ms; i++) {
        bool follows = plays || player->pending[i].handover;
        plays = follows && player->pending[i].valid_until_ms >= t_ms;
    }
    return plays;
}

enum answer player_offer(struct player *player, const struct plan *plan, int64_t now_ms, const char **ret_why)
{
    const char *why = NULL;
    enum answer answer = ANSWER_ACCEPTED;
    player_step(player, now_ms);
    if (plan->site_hash != player->cabinet->site_hash) {
        answer = ANSWER_OTHER_SITE, why = "its site_hash is not this intersection's";
    } else if (version_compare(plan->version, player->newest) <= 0) {
        answer = ANSWER_STALE, why = "its version is not above the newest that was accepted";
    } else if (plan->valid_from_ms < now_ms || plan->valid_from_ms <= player->tick_ms) {
        answer = ANSWER_STALE, why = "it comes when its valid_from_ms has begun";
    } else if (!plan_good(player->cabinet, plan)) {
        answer = ANSWER_MALFORMED, why = "a group or a time is out of range or order, or no multiple of the quantum";
    } else if (plan->fallback != 0 && plan->fallback != player->table.id) {
        answer = ANSWER_FALLBACK_UNKNOWN, why = "its fallback table is not loaded";
    } else if (plan->handover && plan->valid_from_ms - now_ms < player->cabinet->handover_ms) {
        answer = ANSWER_REFUSED, why = "too little time to hand over";
    } else if (!plan->handover && !plays_plan_until(player, plan->valid_from_ms)) {
        answer = ANSWER_REFUSED, why = "no plan is playing then: hand over first";
    } else if ((why = plan_fault(player, plan)) != NULL) {
        answer = ANSWER_REFUSED;
    }
    // It takes the place of those that would begin with it or after it.
    int32_t keep = 0;
    while (keep < player->pending_count && player->pending[keep].valid_from_ms < plan->valid_from_ms) {
        keep++;
    }
    if (answer == ANSWER_ACCEPTED && keep == PENDING_MAX) {
        answer = ANSWER_REFUSED, why = "too many plans wait";
    }
    *ret_why = why;
    if (answer == ANSWER_ACCEPTED) {
        player->pending[keep] = *plan;
        player->pending_count = keep + 1;
        player->newest = plan->version;
    }
    return answer;
}

static const char *table_fault(const struct cabinet *cabinet, const struct table *table)
{
    static struct plan plan;
    static struct course course;
    if (table->site_hash != cabinet->site_hash) {
        return "its site_hash is not this intersection's";
    }
    if (strcmp(table->time_zone, cabinet->time_zone) != 0) {
        return "its time zone is not this controller's";
    }
    for (int32_t program = 0; program < table->program_count; program++) {
        int64_t cycle_ms = table->cycle_ms[program];
        plan_of_table(table, program, &plan);
        if (cycle_ms <= 0 || cycle_ms % cabinet->quantum_ms != 0 || !greens_good(cabinet, &plan)) {
            return "a group or a time of a program is out of range, out of order, or no multiple of the quantum";
        }
        course_clear(&course);
        course_add_plan(&course, &plan, plan.base_ms, plan.base_ms + CYCLES_CHECKED * cycle_ms);
        const char *fault = course_fault(&course, cabinet, plan.base_ms + cycle_ms,
                                         plan.base_ms + CYCLES_CHECKED * cycle_ms);
        if (fault != NULL) {
            return fault;
        }
    }
    return table->id == 0 || table->program_count == 0 ? "it has no id or no program" : NULL;
}

bool player_load_table(struct player *player, const char **ret_why)
{
    *ret_why = table_fault(player->cabinet, &player->offered);
    if (*ret_why == NULL) {
        player->table = player->offered;
    }
    return *ret_why == NULL;
}

int32_t player_stage(const struct player *player)
{
    int64_t latest_ms = INT64_MIN;
    int32_t stage = -1;
    for (int32_t i = 0; player->mode != MODE_CLEARING && i < player->running.green_count; i++) {
        const struct cabinet_green *green = &player->running.greens[i];
        int64_t start_ms = player->running.base_ms + green->start_ms;
        if (player->running.cyclic) {
            start_ms += quantum_floor(player->tick_ms - start_ms, player->running.cycle_ms);
        }
        if (start_ms <= player->tick_ms && start_ms > latest_ms) {
            latest_ms = start_ms;
            stage = green->stage;
        }
    }
    return stage;
}

const struct plan *player_waiting(const struct player *player)
{
    return player->pending_count > 0 ? &player->pending[player->pending_count - 1] : NULL;
}
