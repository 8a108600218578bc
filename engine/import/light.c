#include "engine/import/light.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/import/intergreens.h"
#include "engine/model/units.h"

static const int32_t YELLOW_MS_MIN = 3000, YELLOW_MS_MAX = 6000;     // rule I3 of docs/safety.md
static const int32_t CYCLE_MS_LOW = 30000, CYCLE_MS_HIGH = 120000;   // usual range of signal cycles [NCHRP812]
static const double CLEARING_VEHICLE_M = 6.0, ENTERING_MPS = 11.1;   // [RiLSA2015]: vehicle length, 40 km/h
static const double WALKING_MPS = 1.2;                               // of pedestrians [RiLSA2015]

static bool green_letter(char letter)
{
    return letter == 'G' || letter == 'g';
}

static bool off_letter(char letter)
{
    return letter == 'o' || letter == 'O';
}

static const struct draft_phase *phases_of(const struct network_draft *draft, int32_t program)
{
    return draft->phases.at + draft->programs.at[program].first_phase;
}

static enum group_kind kind_of_users(uint32_t users)
{
    const uint32_t transit = USER_BUS | USER_TRAM | USER_RAIL | USER_TAXI;
    if (users != 0 && (users & ~(uint32_t)USER_BICYCLE) == 0) {
        return GROUP_BICYCLE;
    }
    return users != 0 && (users & ~transit) == 0 ? GROUP_TRANSIT : GROUP_VEHICLE;
}

static void mark_used(const struct network_draft *draft, int32_t program, struct light *light)
{
    for (int32_t i = 0; i < draft->connections.count; i++) {
        const struct draft_connection *connection = &draft->connections.at[i];
        if (connection->program == program && connection->letter >= 0 && connection->letter < light->letter_count) {
            light->use[connection->letter] = LETTER_SIGNALLED;
            light->kind[connection->letter] = kind_of_users(draft->lanes.at[connection->from_lane].users);
        }
    }
    for (int32_t i = 0; i < draft->crossings.count; i++) {
        const struct draft_crossing *crossing = &draft->crossings.at[i];
        if (crossing->program == program && crossing->letter >= 0 && crossing->letter < light->letter_count) {
            light->use[crossing->letter] = LETTER_SIGNALLED;
            light->kind[crossing->letter] = GROUP_PEDESTRIAN;
        }
    }
}

static bool same_group(const struct draft_phase *phases, int32_t count, const struct light *light, int32_t a, int32_t b)
{
    if (light->kind[a] != light->kind[b]) {
        return false;
    }
    for (int32_t p = 0; p < count; p++) {
        if (green_letter(phases[p].state[a]) != green_letter(phases[p].state[b])) {
            return false;
        }
    }
    return true;
}

void light_read(const struct network_draft *draft, int32_t program, struct light *ret)
{
    const struct draft_program *from = &draft->programs.at[program];
    const struct draft_phase *phases = phases_of(draft, program);
    *ret = (struct light){ .program = program, .letter_count = from->letter_count };
    mark_used(draft, program, ret);
    for (int32_t letter = 0; letter < ret->letter_count; letter++) {
        int32_t green = 0, off = 0;
        for (int32_t p = 0; p < from->phase_count; p++) {
            green += green_letter(phases[p].state[letter]);
            off += off_letter(phases[p].state[letter]);
            ret->turns_on_red[letter] |= phases[p].state[letter] == 's';
        }
        ret->group[letter] = INDEX_NONE;
        if (ret->use[letter] != LETTER_SIGNALLED) {
            continue;
        }
        if (green + off == from->phase_count) {
            ret->use[letter] = LETTER_FREE;
            continue;
        }
        if (green == 0) {
            ret->use[letter] = LETTER_CLOSED;
            continue;
        }
        for (int32_t other = 0; other < letter && ret->group[letter] == INDEX_NONE; other++) {
            if (ret->use[other] == LETTER_SIGNALLED && same_group(phases, from->phase_count, ret, other, letter)) {
                ret->group[letter] = ret->group[other];
            }
        }
        if (ret->group[letter] == INDEX_NONE) {
            ret->group[letter] = ret->group_count++;
        }
    }
}

struct build {
    const struct network_draft *draft;
    const struct import_options *options;
    struct import_report *report;
    struct network *network;
    struct problem *problem;
    LIST_OF(struct signal_group) groups;
    LIST_OF(int32_t) members;
    LIST_OF(struct stage) stages;
    LIST_OF(int32_t) intergreens;
    LIST_OF(struct program_green) greens;
    LIST_OF(struct intersection) intersections;
};

static const char *light_name(const struct build *build, const struct light *light)
{
    return names_text(&build->network->names, build->draft->programs.at[light->program].name);
}

static int32_t part_name(struct build *build, const struct light *light, char what, int32_t index)
{
    char name[300];
    (void)snprintf(name, sizeof name, "%.250s/%c%d", light_name(build, light), what, index);
    return names_add(&build->network->names, name);
}

static void groups_create(struct build *build, const struct light *light, const int32_t *renumbered)
{
    int32_t first = build->groups.count;
    for (int32_t g = 0; g < light->group_count; g++) {
        struct signal_group *group = GROW(build->groups);
        *group = (struct signal_group){ .intersection = build->intersections.count, .first_member = build->members.count };
        for (int32_t i = 0; i < build->draft->connections.count; i++) {
            const struct draft_connection *from = &build->draft->connections.at[i];
            if (from->program == light->program && renumbered[i] != INDEX_NONE && light->group[from->letter] == g) {
                *GROW(build->members) = renumbered[i];
                build->network->connections[renumbered[i]].group = first + g;
            }
        }
        group->member_count = build->members.count - group->first_member;
        for (int32_t letter = 0; letter < light->letter_count; letter++) {
            group->kind = light->group[letter] == g ? light->kind[letter] : group->kind;
        }
        group->name = part_name(build, light, 'g', g);
    }
}

static enum status timeline_lay(const struct build *build, const struct light *light, int32_t quantum_ms,
                                struct timeline *ret)
{
    const struct draft_program *program = &build->draft->programs.at[light->program];
    if (program->phase_count > SEGMENT_COUNT_MAX / 2) {
        return problem_report(build->problem, STATUS_LIMIT, "network", light_name(build, light),
                              "use a program with fewer phases", "%d phases, more than %d", program->phase_count,
                              SEGMENT_COUNT_MAX / 2);
    }
    ret->count = 0;
    for (int32_t p = 0; p < program->phase_count; p++) {
        const struct draft_phase *phase = &phases_of(build->draft, light->program)[p];
        struct segment segment = { .phase = p,
            .duration_ms = (int32_t)quantum_floor(phase->duration_ms + quantum_ms / 2, quantum_ms) };
        for (int32_t letter = 0; letter < light->letter_count; letter++) {
            char shown = phase->state[letter];
            if (light->group[letter] != INDEX_NONE) {
                uint64_t bit = UINT64_C(1) << light->group[letter];
                segment.green |= green_letter(shown) ? bit : 0;
                segment.yellow |= shown == 'y' || shown == 'Y' ? bit : 0;
            }
        }
        if (segment.duration_ms > 0) {
            ret->at[ret->count++] = segment;
        }
    }
    return STATUS_OK;
}

static bool green_together(const struct timeline *timeline, int32_t one, int32_t other)
{
    for (int32_t i = 0; i < timeline->count; i++) {
        if ((timeline->at[i].green >> one & 1) && (timeline->at[i].green >> other & 1)) {
            return true;
        }
    }
    return false;
}

// A phase that shows major green to both letters, or INDEX_NONE.
static int32_t major_together(const struct network_draft *draft, const struct light *light, int32_t one, int32_t other)
{
    const struct draft_phase *phases = phases_of(draft, light->program);
    for (int32_t p = 0; p < draft->programs.at[light->program].phase_count; p++) {
        if (phases[p].state[one] == 'G' && phases[p].state[other] == 'G') {
            return p;
        }
    }
    return INDEX_NONE;
}

// What RiLSA asks between the end of a connection and the start of another that it meets.
static int32_t clearing_ms(const struct network *network, const struct connection *ends, const struct foe *foe,
                           const struct connection *starts)
{
    double enter_m = 0.0;
    for (int32_t f = 0; f < starts->foe_count; f++) {
        const struct foe *back = &network->foes[starts->first_foe + f];
        enter_m = &network->connections[back->connection] == ends ? back->enter_m : enter_m;
    }
    bool through = ends->turn == TURN_THROUGH;
    double seconds = (through ? 3.0 : 2.0) + (foe->leave_m + CLEARING_VEHICLE_M) / (through ? 10.0 : 7.0)
        - enter_m / ENTERING_MPS;
    return (int32_t)ms_from_s(fmax(seconds, 0.0));
}

static void raise(int32_t *value, int32_t least)
{
    *value = *value > least ? *value : least;
}

// Whether two paths that meet must never be green together, from what the program shows.
static enum status pair_judge(const struct build *build, const struct light *light, const struct timeline *timeline,
                              const struct connection *a, const struct foe *foe, struct change_rules *rules)
{
    const struct network *network = build->network;
    const struct connection *b = &network->connections[foe->connection];
    int32_t first = build->groups.count - light->group_count;
    int32_t one = a->group - first, other = b->group - first;
    if (one != other && !green_together(timeline, one, other)) {
        rules->conflict[one][other] = rules->conflict[other][one] = true;
        raise(&rules->profile_ms[one][other], clearing_ms(network, a, foe, b));
        return STATUS_OK;
    }
    int32_t phase = major_together(build->draft, light, a->link_index, b->link_index);
    bool one_link = network->lanes[a->from_lane].link == network->lanes[b->from_lane].link;
    if (phase == INDEX_NONE || one_link) {
        return STATUS_OK;
    }
    if (!foe->merges) {
        char place[300];
        (void)snprintf(place, sizeof place, "intersection '%.200s' phase %d", light_name(build, light), phase);
        return problem_report(build->problem, STATUS_SYNTAX, "network", place,
                              "give the one that yields a minor green ('g'), or separate them",
                              "links %d and %d cross and both have major green ('G')", a->link_index, b->link_index);
    }
    if (a->link_index < b->link_index) {
        import_note(build->report, NOTE_WARNING, "intersection '%s': links %d and %d have major green together in phase %d "
                    "and merge; taken as permissive", light_name(build, light), a->link_index, b->link_index, phase);
    }
    return STATUS_OK;
}

// Pedestrian groups conflict with the traffic over their crossing unless they are shown together.
static void crossings_judge(const struct build *build, const struct light *light, const struct timeline *timeline,
                            struct change_rules *rules)
{
    const struct network *network = build->network;
    int32_t first = build->groups.count - light->group_count;
    for (int32_t c = 0; c < build->draft->crossings.count; c++) {
        const struct draft_crossing *crossing = &build->draft->crossings.at[c];
        int32_t walk = crossing->program == light->program ? light->group[crossing->letter] : INDEX_NONE;
        if (walk == INDEX_NONE) {
            continue;
        }
        double length_m = 0.0;
        for (int32_t p = 1; p < crossing->point_count; p++) {
            struct point u = network->points[crossing->first_point + p - 1], v = network->points[crossing->first_point + p];
            length_m += sqrt((u.x_m - v.x_m) * (u.x_m - v.x_m) + (u.y_m - v.y_m) * (u.y_m - v.y_m));
        }
        for (int32_t i = 0; i < network->connection_count; i++) {
            const struct connection *connection = &network->connections[i];
            int32_t group = connection->junction == crossing->junction ? connection->group - first : -1;
            bool crossed = false;
            for (int32_t k = 0; k < crossing->link_count; k++) {
                int32_t link = build->draft->crossed_links.at[crossing->first_link + k];
                crossed |= network->lanes[connection->from_lane].link == link
                    || network->lanes[connection->to_lane].link == link;
            }
            if (!crossed || group < 0 || group >= light->group_count || green_together(timeline, walk, group)) {
                continue;
            }
            rules->conflict[walk][group] = rules->conflict[group][walk] = true;
            raise(&rules->profile_ms[walk][group], (int32_t)ms_from_s(length_m / WALKING_MPS));
            raise(&rules->profile_ms[group][walk], YELLOW_MS_MIN + MS_PER_S);
        }
    }
}

static int32_t profile_yellow_ms(const struct build *build, const struct signal_group *group)
{
    double speed_mps = 0.0;
    for (int32_t m = 0; m < group->member_count; m++) {
        const struct connection *member = &build->network->connections[build->members.at[group->first_member + m]];
        speed_mps = fmax(speed_mps, build->network->lanes[member->from_lane].speed_mps);
    }
    return speed_mps <= 50.5 / 3.6 ? 3000 : speed_mps <= 60.5 / 3.6 ? 4000 : 5000;   // German profile, as in derive.h
}

static enum status rules_find(const struct build *build, const struct light *light, const struct timeline *timeline,
                              struct change_rules *rules)
{
    const struct network *network = build->network;
    int32_t first = build->groups.count - light->group_count;
    rules->group_count = light->group_count;
    for (int32_t g = 0; g < light->group_count; g++) {
        const struct signal_group *group = &build->groups.at[first + g];
        int32_t shown_ms = shown_yellow_ms(timeline, g);
        bool safe = shown_ms >= YELLOW_MS_MIN && shown_ms <= YELLOW_MS_MAX;
        rules->yellow_ms[g] = group->kind == GROUP_PEDESTRIAN ? 0
            : safe ? shown_ms : (int32_t)quantum_ceil(profile_yellow_ms(build, group), rules->quantum_ms);
        if (!safe && group->kind != GROUP_PEDESTRIAN) {
            import_note(build->report, NOTE_ASSUMED, "intersection '%s' group %d: yellow %g s by speed, the program shows %s",
                        light_name(build, light), g, s_from_ms(rules->yellow_ms[g]),
                        shown_ms < 0 ? "none" : "one outside 3 to 6 s");
        }
        for (int32_t m = 0; m < group->member_count; m++) {
            const struct connection *a = &network->connections[build->members.at[group->first_member + m]];
            for (int32_t f = 0; f < a->foe_count; f++) {
                const struct foe *foe = &network->foes[a->first_foe + f];
                int32_t other = network->connections[foe->connection].group;
                if (other < first || other >= first + light->group_count) {
                    continue;
                }
                enum status status = pair_judge(build, light, timeline, a, foe, rules);
                if (status != STATUS_OK) {
                    return status;
                }
            }
        }
    }
    crossings_judge(build, light, timeline, rules);
    for (int32_t i = 0; i < light->group_count; i++) {
        for (int32_t j = 0; j < light->group_count; j++) {
            raise(&rules->profile_ms[i][j], rules->yellow_ms[i]);
        }
    }
    intergreens_choose(timeline, build->options->intergreen_ms, rules);
    return STATUS_OK;
}

static int32_t stage_with(const struct build *build, int32_t first, uint64_t groups)
{
    for (int32_t s = first; s < build->stages.count; s++) {
        if (build->stages.at[s].groups == groups) {
            return s - first;
        }
    }
    return INDEX_NONE;
}

static void stage_add(struct build *build, const struct light *light, int32_t first, uint64_t groups, int32_t phase)
{
    const struct draft_phase *from = phase == INDEX_NONE ? NULL : &phases_of(build->draft, light->program)[phase];
    struct stage stage = { .intersection = build->intersections.count, .groups = groups, .program_phase = phase,
        .green_ms_min = GREEN_MS_MIN_DEFAULT, .green_ms_max = GREEN_MS_MAX_DEFAULT,
        .name = part_name(build, light, 's', build->stages.count - first) };
    if (from != NULL && from->duration_ms_min > 0) {
        stage.green_ms_min = from->duration_ms_min;
    }
    if (from != NULL && from->duration_ms_max >= stage.green_ms_min) {
        stage.green_ms_max = from->duration_ms_max;
    }
    raise(&stage.green_ms_max, stage.green_ms_min);
    *GROW(build->stages) = stage;
}

// Adds every largest set of compatible groups that contains `chosen` and may still take `open` (Bron, Kerbosch 1973).
static void cliques(struct build *build, const struct light *light, int32_t first, const uint64_t *compatible,
                    uint64_t chosen, uint64_t open, uint64_t closed)
{
    if (build->stages.count - first == STAGE_COUNT_MAX) {
        return;
    }
    if (open == 0) {
        if (closed == 0 && stage_with(build, first, chosen) == INDEX_NONE) {
            stage_add(build, light, first, chosen, INDEX_NONE);
        }
        return;
    }
    for (int32_t g = 0; g < light->group_count; g++) {
        uint64_t bit = UINT64_C(1) << g;
        if (open & bit) {
            cliques(build, light, first, compatible, chosen | bit, open & compatible[g], closed & compatible[g]);
            open &= ~bit;
            closed |= bit;
        }
    }
}

static enum status stages_find(struct build *build, const struct light *light, const struct timeline *timeline,
                               const struct change_rules *rules)
{
    int32_t first = build->stages.count;
    for (int32_t i = 0; i < timeline->count; i++) {
        const struct segment *segment = &timeline->at[i];
        if (segment_is_stage(segment) && stage_with(build, first, segment->green) == INDEX_NONE) {
            stage_add(build, light, first, segment->green, segment->phase);
        }
    }
    if (build->stages.count == first || build->stages.count - first > STAGE_COUNT_MAX) {
        return problem_report(build->problem, STATUS_LIMIT, "network", light_name(build, light),
                              "give the program between 1 and 64 phases that show green and no yellow",
                              "%d stages", build->stages.count - first);
    }
    if (build->options->derived_stages) {
        uint64_t compatible[GROUP_COUNT_MAX] = { 0 }, all = 0;
        for (int32_t i = 0; i < light->group_count; i++) {
            all |= UINT64_C(1) << i;
            for (int32_t j = 0; j < light->group_count; j++) {
                compatible[i] |= i != j && !rules->conflict[i][j] ? UINT64_C(1) << j : 0;
            }
        }
        cliques(build, light, first, compatible, 0, all, 0);
    }
    return STATUS_OK;
}

// The stage of a green that starts with segment i: the first stage from there on.
static int32_t stage_of_start(const struct build *build, const struct timeline *timeline, int32_t first_stage, int32_t i)
{
    for (int32_t k = 0; k < timeline->count; k++) {
        const struct segment *segment = &timeline->at[(i + k) % timeline->count];
        if (segment_is_stage(segment)) {
            return stage_with(build, first_stage, segment->green);
        }
    }
    return 0;
}

static int32_t start_ms(const struct timeline *timeline, int32_t index)
{
    int32_t sum_ms = 0;
    for (int32_t i = 0; i < index; i++) {
        sum_ms += timeline->at[i].duration_ms;
    }
    return sum_ms;
}

// The greens of one group over the cycle, counted from origin_ms; and its shortest and longest green and longest red.
static void greens_find(struct build *build, const struct timeline *timeline, int32_t group, int32_t first_stage,
                        int32_t origin_ms, struct signal_group *ret)
{
    int32_t count = timeline->count, longest_ms = 0, shortest_ms = timeline->cycle_ms, longest_red_ms = 0;
    for (int32_t i = 0; i < count; i++) {
        bool now = timeline->at[i].green >> group & 1, before = timeline->at[(i + count - 1) % count].green >> group & 1;
        if (now == before) {
            continue;
        }
        int32_t run_ms = 0;
        for (int32_t k = 0; k < count && (timeline->at[(i + k) % count].green >> group & 1) == now; k++) {
            run_ms += timeline->at[(i + k) % count].duration_ms;
        }
        if (!now) {
            raise(&longest_red_ms, run_ms);
            continue;
        }
        shortest_ms = run_ms < shortest_ms ? run_ms : shortest_ms;
        raise(&longest_ms, run_ms);
        int32_t start = (int32_t)cycle_position(start_ms(timeline, i) - origin_ms, timeline->cycle_ms);
        *GROW(build->greens) = (struct program_green){ .group = group, .start_ms = start, .end_ms = start + run_ms,
            .stage = stage_of_start(build, timeline, first_stage, i) };
    }
    ret->green_ms_min = shortest_ms < GREEN_MS_MIN_DEFAULT ? shortest_ms : GREEN_MS_MIN_DEFAULT;
    ret->green_ms_max = longest_ms > GREEN_MS_MAX_DEFAULT ? longest_ms : GREEN_MS_MAX_DEFAULT;
    // A quarter more than the program's own longest red, so that a plan may differ from it.
    ret->red_ms_max = RED_MS_MAX_DEFAULT;
    raise(&ret->red_ms_max, (int32_t)quantum_ceil(longest_red_ms + longest_red_ms / 4, MS_PER_S));
    ret->red_ms_max_emergency = ret->red_ms_max + 60 * MS_PER_S;
}

static int by_group_and_start(const void *a, const void *b)
{
    const struct program_green *left = a, *right = b;
    if (left->group != right->group) {
        return left->group < right->group ? -1 : 1;
    }
    return (left->start_ms > right->start_ms) - (left->start_ms < right->start_ms);
}

static void rules_store(struct build *build, const struct change_rules *rules, struct intersection *at)
{
    at->first_intergreen = build->intergreens.count;
    for (int32_t i = 0; i < rules->group_count; i++) {
        struct signal_group *group = &build->groups.at[at->first_group + i];
        group->yellow_ms = rules->yellow_ms[i];
        int32_t clearance_ms = INT32_MAX;
        for (int32_t j = 0; j < rules->group_count; j++) {
            *GROW(build->intergreens) = rules->intergreen_ms[i][j];
            if (rules->intergreen_ms[i][j] >= 0 && rules->intergreen_ms[i][j] - group->yellow_ms < clearance_ms) {
                clearance_ms = rules->intergreen_ms[i][j] - group->yellow_ms;
            }
        }
        group->red_clearance_ms = clearance_ms == INT32_MAX || clearance_ms < 0 ? 0 : clearance_ms;
    }
}

// Whole seconds where the file has them, else tenths.
static int32_t quantum_of(const struct network_draft *draft, int32_t program)
{
    const struct draft_program *at = &draft->programs.at[program];
    bool whole = draft->quantum_ms == MS_PER_S && at->offset_ms % MS_PER_S == 0;
    for (int32_t p = 0; p < at->phase_count; p++) {
        whole = whole && phases_of(draft, program)[p].duration_ms % MS_PER_S == 0;
    }
    return whole ? MS_PER_S : 100;
}

static enum status light_build(struct build *build, const struct light *light, const int32_t *renumbered,
                               struct timeline *timeline, struct change_rules *rules)
{
    const struct draft_program *program = &build->draft->programs.at[light->program];
    struct intersection at = { .name = program->name, .first_group = build->groups.count,
        .group_count = light->group_count, .first_stage = build->stages.count, .first_green = build->greens.count,
        .quantum_ms = quantum_of(build->draft, light->program) };
    *rules = (struct change_rules){ .quantum_ms = at.quantum_ms };
    groups_create(build, light, renumbered);
    enum status status = timeline_lay(build, light, at.quantum_ms, timeline);
    status = status != STATUS_OK ? status : rules_find(build, light, timeline, rules);
    status = status != STATUS_OK ? status
        : timeline_lengthen(timeline, rules, light_name(build, light), build->report, build->problem);
    status = status != STATUS_OK ? status : stages_find(build, light, timeline, rules);
    if (status != STATUS_OK) {
        return status;
    }
    int32_t origin = 0;
    while (!segment_is_stage(&timeline->at[origin])) {
        origin++;
    }
    at.cycle_ms = timeline->cycle_ms;
    at.stage_count = build->stages.count - at.first_stage;
    at.offset_ms = (int32_t)cycle_position(program->offset_ms + start_ms(timeline, origin), at.cycle_ms);
    at.offset_ms = (int32_t)quantum_floor(at.offset_ms, at.quantum_ms);
    at.cycle_ms_min = at.cycle_ms < CYCLE_MS_LOW ? at.cycle_ms : CYCLE_MS_LOW;
    at.cycle_ms_max = at.cycle_ms > CYCLE_MS_HIGH ? at.cycle_ms : CYCLE_MS_HIGH;
    for (int32_t g = 0; g < light->group_count; g++) {
        greens_find(build, timeline, g, at.first_stage, start_ms(timeline, origin), &build->groups.at[at.first_group + g]);
    }
    at.green_count = build->greens.count - at.first_green;
    qsort(build->greens.at + at.first_green, (size_t)at.green_count, sizeof *build->greens.at, by_group_and_start);
    rules_store(build, rules, &at);
    *GROW(build->intersections) = at;
    return STATUS_OK;
}

static void note_letters(const struct build *build, const struct light *light)
{
    int32_t free_count = 0, closed = 0;
    for (int32_t letter = 0; letter < light->letter_count; letter++) {
        free_count += light->use[letter] == LETTER_FREE;
        closed += light->use[letter] == LETTER_CLOSED;
    }
    if (free_count > 0) {
        import_note(build->report, NOTE_DERIVED, "intersection '%s': %d links are green or off in every phase; they yield by "
                    "right of way", light_name(build, light), free_count);
    }
    if (closed > 0) {
        import_note(build->report, NOTE_WARNING, "intersection '%s': %d links are never green; they are left out",
                    light_name(build, light), closed);
    }
}

// Junctions learn which intersection controls them, and intersections where they are.
static void junctions_assign(struct network *network, const int32_t *intersection_of_program)
{
    for (int32_t j = 0; j < network->junction_count; j++) {
        struct junction *junction = &network->junctions[j];
        if (junction->intersection == INDEX_NONE) {
            continue;
        }
        junction->intersection = intersection_of_program[junction->intersection];
        if (junction->intersection == INDEX_NONE) {
            junction->kind = junction->kind == JUNCTION_SIGNAL ? JUNCTION_PRIORITY : junction->kind;
        } else {
            network->intersections[junction->intersection].at = junction->at;
        }
    }
}

enum status lights_build(const struct network_draft *draft, struct light *lights, const int32_t *renumbered,
                         const struct import_options *options, struct import_report *report, struct network *network,
                         struct problem *problem)
{
    struct build build = { .draft = draft, .options = options, .report = report, .network = network,
        .problem = problem };
    struct timeline *timeline = memory_take(1, sizeof *timeline);
    struct change_rules *rules = memory_take(1, sizeof *rules);
    int32_t *intersection_of_program = memory_take((size_t)draft->programs.count, sizeof *intersection_of_program);
    enum status status = STATUS_OK;
    for (int32_t i = 0; i < draft->programs.count && status == STATUS_OK; i++) {
        note_letters(&build, &lights[i]);
        intersection_of_program[i] = INDEX_NONE;
        if (lights[i].group_count > GROUP_COUNT_MAX) {
            status = problem_report(problem, STATUS_LIMIT, "network", light_name(&build, &lights[i]),
                                    "split the intersection", "%d signal groups, more than %d", lights[i].group_count,
                                    GROUP_COUNT_MAX);
        } else if (lights[i].group_count > 0) {
            intersection_of_program[i] = build.intersections.count;
            status = light_build(&build, &lights[i], renumbered, timeline, rules);
        }
    }
    network->groups = build.groups.at;
    network->group_count = build.groups.count;
    network->group_members = build.members.at;
    network->group_member_count = build.members.count;
    network->stages = build.stages.at;
    network->stage_count = build.stages.count;
    network->intergreen_ms = build.intergreens.at;
    network->intergreen_count = build.intergreens.count;
    network->program_greens = build.greens.at;
    network->program_green_count = build.greens.count;
    network->intersections = build.intersections.at;
    network->intersection_count = build.intersections.count;
    if (status == STATUS_OK) {
        junctions_assign(network, intersection_of_program);
        import_note(report, NOTE_DERIVED, "%d intersections: %d signal groups, %d stages", network->intersection_count,
                    network->group_count, network->stage_count);
    }
    free(timeline);
    free(rules);
    free(intersection_of_program);
    return status;
}
