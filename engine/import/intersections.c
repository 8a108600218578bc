#include "engine/import/intersections.h"

#include <stdlib.h>

#include "engine/import/conflicts.h"
#include "engine/import/intergreens.h"
#include "engine/import/signal_build.h"
#include "engine/import/stages.h"
#include "engine/model/units.h"

static const int32_t CYCLE_MS_LOW = 30000, CYCLE_MS_HIGH = 120000;   // usual range of signal cycles [NCHRP812]
static const int32_t CYCLE_MS_MAX = 3600000;                         // of a network, see network_finish
static const int32_t PHASE_MS_CUT = 600000;
static const int32_t RED_MS_EMERGENCY = 60000;                       // how much longer a red may be for `emergency`

static void groups_create(struct signal_build *build, const struct light *light)
{
    int32_t first = build->groups.count;
    for (int32_t g = 0; g < light->group_count; g++) {
        struct signal_group *group = GROW(build->groups);
        group->intersection = build->intersections.count;
        group->first_member = build->members.count;
        for (int32_t i = build->parts->first_connection[light->program];
             i < build->parts->first_connection[light->program + 1]; i++) {
            int32_t from = build->parts->connections[i], to = build->renumbered[from];
            if (to != INDEX_NONE && light->group[build->draft->connections.at[from].letter] == g) {
                *GROW(build->members) = to;
                build->network->connections[to].group = first + g;
            }
        }
        group->member_count = build->members.count - group->first_member;
        for (int32_t letter = 0; letter < light->letter_count; letter++) {
            group->kind = light->group[letter] == g ? light->kind[letter] : group->kind;
        }
        group->name = build_part_name(build, light, 'g', g);
    }
}

// A "cycle" of hours is a lamp that waits for somebody's hand: its endless phases are cut.
static void cut_endless_phases(const struct signal_build *build, const struct light *light, struct timeline *timeline)
{
    int64_t cycle_ms = 0;
    for (int32_t i = 0; i < timeline->count; i++) {
        cycle_ms += timeline->at[i].duration_ms;
    }
    for (int32_t i = 0; cycle_ms > CYCLE_MS_MAX && i < timeline->count; i++) {
        if (timeline->at[i].duration_ms > PHASE_MS_CUT) {
            import_note(build->report, NOTE_WARNING, "intersection '%s': phase %d of %g s was cut to %g s, since the "
                        "cycle is "
                        "longer than an hour", build_light_name(build, light), i,
                        s_from_ms(timeline->at[i].duration_ms), s_from_ms(PHASE_MS_CUT));
            timeline->at[i].duration_ms = PHASE_MS_CUT;
        }
    }
}

static enum status timeline_lay(const struct signal_build *build, const struct light *light, int32_t quantum_ms,
                                struct timeline *ret)
{
    const struct draft_program *program = &build->draft->programs.at[light->program];
    if (program->phase_count > SEGMENT_COUNT_MAX / 2) {
        return problem_report(build->problem, STATUS_LIMIT, build_source(build), build_light_name(build, light),
                              "use a program with fewer phases", "%d phases, more than %d", program->phase_count,
                              SEGMENT_COUNT_MAX / 2);
    }
    ret->count = 0;
    for (int32_t p = 0; p < program->phase_count; p++) {
        const struct draft_phase *phase = &light_phases(build->draft, light->program)[p];
        int32_t whole_ms = (int32_t)quantum_floor(phase->duration_ms + quantum_ms / 2, quantum_ms);
        struct segment segment = { .phase = p, .duration_ms = whole_ms > 0 ? whole_ms : quantum_ms };
        for (int32_t letter = 0; letter < light->letter_count; letter++) {
            if (light->group[letter] != INDEX_NONE) {
                uint64_t bit = UINT64_C(1) << light->group[letter];
                segment.green |= letter_is_green(phase->state[letter]) ? bit : 0;
                segment.yellow |= phase->state[letter] == 'y' ? bit : 0;
            }
        }
        segment.yellow &= ~segment.green;
        ret->at[ret->count++] = segment;
    }
    cut_endless_phases(build, light, ret);
    return STATUS_OK;
}

static int32_t start_ms(const struct timeline *timeline, int32_t index)
{
    int32_t sum_ms = 0;
    for (int32_t i = 0; i < index; i++) {
        sum_ms += timeline->at[i].duration_ms;
    }
    return sum_ms;
}

static bool green_in(const struct timeline *timeline, int32_t i, int32_t group)
{
    return segment_at(timeline, i)->green >> group & 1;
}

// The greens of one group over the cycle, counted from origin_ms; and the bounds of its greens and reds.
static void greens_find(struct signal_build *build, const struct timeline *timeline, int32_t group, int32_t first_stage,
                        int32_t origin_ms, struct signal_group *ret)
{
    int32_t count = timeline->count, longest_ms = 0, longest_red_ms = 0;
    for (int32_t i = 0; i < count; i++) {
        bool now = green_in(timeline, i, group);
        if (now == green_in(timeline, i - 1, group)) {
            continue;
        }
        int32_t run_ms = 0;
        for (int32_t k = 0; k < count && green_in(timeline, i + k, group) == now; k++) {
            run_ms += segment_at(timeline, i + k)->duration_ms;
        }
        raise_to(now ? &longest_ms : &longest_red_ms, run_ms);
        if (now) {
            int32_t start = (int32_t)cycle_position(start_ms(timeline, i) - origin_ms, timeline->cycle_ms);
            *GROW(build->greens) = (struct program_green){ .group = group, .start_ms = start, .end_ms = start + run_ms,
                .stage = stage_of_start(build, timeline, first_stage, i) };
        }
    }
    ret->green_ms_max = GREEN_MS_MAX_DEFAULT;
    raise_to(&ret->green_ms_max, longest_ms);
    // A quarter more than the program's own longest red, so that a plan may differ from it.
    ret->red_ms_max = RED_MS_MAX_DEFAULT;
    raise_to(&ret->red_ms_max, (int32_t)quantum_ceil(longest_red_ms + longest_red_ms / 4, MS_PER_S));
    ret->red_ms_max_emergency = ret->red_ms_max + RED_MS_EMERGENCY;
}

static int by_group_and_start(const void *a, const void *b)
{
    const struct program_green *left = a, *right = b;
    if (left->group != right->group) {
        return left->group < right->group ? -1 : 1;
    }
    return (left->start_ms > right->start_ms) - (left->start_ms < right->start_ms);
}

static void rules_store(struct signal_build *build, const struct change_rules *rules, struct intersection *at)
{
    at->first_intergreen = build->intergreens.count;
    for (int32_t i = 0; i < rules->group_count; i++) {
        struct signal_group *group = &build->groups.at[at->first_group + i];
        group->yellow_ms = rules->yellow_ms[i];
        group->green_ms_min = rules->green_ms_min[i];
        int32_t clearance_ms = INT32_MAX;
        for (int32_t j = 0; j < rules->group_count; j++) {
            int32_t intergreen_ms = rules->intergreen_ms[i][j];
            *GROW(build->intergreens) = intergreen_ms;
            if (intergreen_ms >= 0) {
                build->pair_count++;
                build->short_pair_count += intergreen_ms < rules->profile_ms[i][j];
                clearance_ms = intergreen_ms - group->yellow_ms < clearance_ms ? intergreen_ms - group->yellow_ms
                    : clearance_ms;
            }
        }
        group->red_clearance_ms = clearance_ms == INT32_MAX || clearance_ms < 0 ? 0 : clearance_ms;
    }
}

// Whole seconds where the program has them, else the draft's quantum.
static int32_t quantum_of(const struct network_draft *draft, int32_t program)
{
    const struct draft_program *at = &draft->programs.at[program];
    bool whole = at->offset_ms % MS_PER_S == 0;
    for (int32_t p = 0; p < at->phase_count; p++) {
        whole = whole && light_phases(draft, program)[p].duration_ms % MS_PER_S == 0;
    }
    return whole || draft->quantum_ms <= 0 ? MS_PER_S : draft->quantum_ms;
}

static int32_t first_stage_segment(const struct timeline *timeline)
{
    for (int32_t i = 0; i < timeline->count; i++) {
        if (segment_is_stage(&timeline->at[i])) {
            return i;
        }
    }
    return 0;
}

static enum status one_build(struct signal_build *build, const struct light *light, struct timeline *timeline,
                             struct change_rules *rules)
{
    const struct draft_program *program = &build->draft->programs.at[light->program];
    struct intersection at = { .name = program->name, .first_group = build->groups.count,
        .group_count = light->group_count, .first_stage = build->stages.count, .first_green = build->greens.count,
        .quantum_ms = quantum_of(build->draft, light->program), .falls_back_to_actuated = program->actuated,
        .stages_in_turn = program->actuated };
    *rules = (struct change_rules){ .quantum_ms = at.quantum_ms,
        .bare_changes = build->draft->origin == ORIGIN_CITYFLOW };
    groups_create(build, light);
    enum status status = timeline_lay(build, light, at.quantum_ms, timeline);
    status = status != STATUS_OK ? status : conflicts_find(build, light, timeline, rules);
    if (status == STATUS_OK) {
        intergreens_choose(timeline, build->options->intergreen_ms, rules);
        status = timeline_lengthen(timeline, rules, build_source(build), build_light_name(build, light), build->report,
                                   build->problem);
    }
    status = status != STATUS_OK ? status : stages_find(build, light, timeline, rules, at.first_stage);
    if (status != STATUS_OK) {
        return status;
    }
    int32_t origin_ms = start_ms(timeline, first_stage_segment(timeline));
    at.cycle_ms = timeline->cycle_ms;
    at.stage_count = build->stages.count - at.first_stage;
    at.offset_ms = (int32_t)cycle_position(program->offset_ms + origin_ms, at.cycle_ms);
    at.offset_ms = (int32_t)quantum_floor(at.offset_ms, at.quantum_ms);
    at.cycle_ms_min = at.cycle_ms < CYCLE_MS_LOW ? at.cycle_ms : CYCLE_MS_LOW;
    at.cycle_ms_max = at.cycle_ms > CYCLE_MS_HIGH ? at.cycle_ms : CYCLE_MS_HIGH;
    for (int32_t g = 0; g < light->group_count; g++) {
        greens_find(build, timeline, g, at.first_stage, origin_ms, &build->groups.at[at.first_group + g]);
    }
    at.green_count = build->greens.count - at.first_green;
    qsort(build->greens.at + at.first_green, (size_t)at.green_count, sizeof *build->greens.at, by_group_and_start);
    rules_store(build, rules, &at);
    *GROW(build->intersections) = at;
    return STATUS_OK;
}

static void note_letters(const struct signal_build *build, const struct light *light)
{
    int32_t free_count = 0, closed = 0;
    for (int32_t letter = 0; letter < light->letter_count; letter++) {
        free_count += light->use[letter] == LETTER_FREE;
        closed += light->use[letter] == LETTER_CLOSED && !light->turns_on_red[letter];
    }
    if (free_count > 0) {
        import_note(build->report, NOTE_DERIVED, "intersection '%s': %d links are green or off in every phase; they "
                    "go by right of way", build_light_name(build, light), free_count);
    }
    if (closed > 0) {
        import_note(build->report, NOTE_WARNING, "intersection '%s': %d links are never green; their connections are "
                    "closed",
                    build_light_name(build, light), closed);
    }
}

// Junctions learn which intersection controls them, and intersections where they are: amid their junctions.
static void junctions_assign(struct network *network, const int32_t *intersection_of_program)
{
    int32_t *count = memory_take((size_t)network->intersection_count, sizeof *count);
    for (int32_t j = 0; j < network->junction_count; j++) {
        struct junction *junction = &network->junctions[j];
        if (junction->intersection == INDEX_NONE) {
            continue;
        }
        junction->intersection = intersection_of_program[junction->intersection];
        if (junction->intersection == INDEX_NONE) {
            junction->kind = junction->kind == JUNCTION_SIGNAL ? JUNCTION_PRIORITY : junction->kind;
            continue;
        }
        struct intersection *at = &network->intersections[junction->intersection];
        int32_t before = count[junction->intersection]++;
        at->at.x_m = (at->at.x_m * before + junction->at.x_m) / (before + 1);
        at->at.y_m = (at->at.y_m * before + junction->at.y_m) / (before + 1);
    }
    free(count);
}

static void build_hand_over(struct signal_build *build, struct network *network)
{
    network->groups = build->groups.at;
    network->group_count = build->groups.count;
    network->group_members = build->members.at;
    network->group_member_count = build->members.count;
    network->stages = build->stages.at;
    network->stage_count = build->stages.count;
    network->intergreen_ms = build->intergreens.at;
    network->intergreen_count = build->intergreens.count;
    network->program_greens = build->greens.at;
    network->program_green_count = build->greens.count;
    network->intersections = build->intersections.at;
    network->intersection_count = build->intersections.count;
}

static void note_summary(const struct signal_build *build)
{
    import_note(build->report, NOTE_DERIVED, "%d intersections: %d signal groups, %d stages",
                build->intersections.count, build->groups.count, build->stages.count);
    if (build->assumed_yellow_count > 0) {
        import_note(build->report, NOTE_ASSUMED, "the format shows no yellow: %d groups have 3, 4 or 5 s at up to "
                    "50, 60, 70 "
                    "km/h", build->assumed_yellow_count);
    }
    if (build->short_pair_count > 0) {
        import_note(build->report, NOTE_WARNING, "%d of %d intergreens are shorter than RiLSA's formula asks: taken "
                    "from the programs or from --intergreen-s", build->short_pair_count, build->pair_count);
    }
}

enum status intersections_build(const struct network_draft *draft, const struct program_parts *parts,
                                const struct light *lights, const int32_t *renumbered,
                                const struct import_options *options, struct import_report *report,
                                struct network *network, struct problem *problem)
{
    struct signal_build build = { .draft = draft, .parts = parts, .renumbered = renumbered, .options = options,
        .report = report, .network = network, .problem = problem };
    struct timeline *timeline = memory_take(1, sizeof *timeline);
    struct change_rules *rules = memory_take(1, sizeof *rules);
    int32_t *intersection_of_program = memory_take((size_t)draft->programs.count, sizeof *intersection_of_program);
    enum status status = STATUS_OK;
    for (int32_t i = 0; i < draft->programs.count && status == STATUS_OK; i++) {
        note_letters(&build, &lights[i]);
        intersection_of_program[i] = INDEX_NONE;
        if (lights[i].group_count > GROUP_COUNT_MAX) {
            status = problem_report(problem, STATUS_LIMIT, build_source(&build), build_light_name(&build, &lights[i]),
                                    "split the intersection", "%d signal groups, more than %d", lights[i].group_count,
                                    GROUP_COUNT_MAX);
        } else if (lights[i].group_count > 0) {
            intersection_of_program[i] = build.intersections.count;
            status = one_build(&build, &lights[i], timeline, rules);
        }
    }
    build_hand_over(&build, network);
    if (status == STATUS_OK) {
        junctions_assign(network, intersection_of_program);
        note_summary(&build);
    }
    free(timeline);
    free(rules);
    free(intersection_of_program);
    return status;
}
