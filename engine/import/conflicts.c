#include "engine/import/conflicts.h"

#include <math.h>

#include "engine/import/paths.h"
#include "engine/model/units.h"

static const int32_t YELLOW_MS_MIN = 3000, YELLOW_MS_MAX = 6000;     // rule I3 of docs/safety.md
static const double CLEARING_VEHICLE_M = 6.0, ENTERING_MPS = 11.1;   // [RiLSA2015]
static const double THROUGH_S = 3.0, THROUGH_MPS = 10.0, TURNING_S = 2.0, TURNING_MPS = 7.0;   // [RiLSA2015]
static const double WALKING_MPS = 1.2;                               // [RiLSA2015]

// One program under examination.
struct examination {
    struct signal_build *build;
    const struct light *light;
    const struct timeline *timeline;
    struct change_rules *rules;
    int32_t first_group;             // of the light, in the build
};

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
static int32_t major_together(const struct examination *in, int32_t one, int32_t other)
{
    const struct draft_phase *phases = light_phases(in->build->draft, in->light->program);
    for (int32_t p = 0; p < in->build->draft->programs.at[in->light->program].phase_count; p++) {
        if (phases[p].state[one] == 'G' && phases[p].state[other] == 'G') {
            return p;
        }
    }
    return INDEX_NONE;
}

static enum status both_major(const struct examination *in, int32_t phase, int32_t one, int32_t other)
{
    char place[300];
    (void)snprintf(place, sizeof place, "intersection '%.200s' phase %d", build_light_name(in->build, in->light),
                   phase);
    return problem_report(in->build->problem, STATUS_SYNTAX, build_source(in->build), place,
                          "give the one that yields a minor green ('g'), or separate them",
                          "links %d and %d cross and both have the major green ('G')", one, other);
}

static double clearing_s(const struct connection *ends, double until_m)
{
    bool through = ends->turn == TURN_THROUGH;
    return (through ? THROUGH_S : TURNING_S) + (until_m + CLEARING_VEHICLE_M) / (through ? THROUGH_MPS : TURNING_MPS);
}

// What the profile asks between the end of one connection and the start of another that it meets.
static int32_t profile_ms(const struct network *network, const struct connection *ends, const struct foe *foe,
                          const struct connection *starts)
{
    double enter_m = 0.0;
    for (int32_t f = 0; f < starts->foe_count; f++) {
        const struct foe *back = &network->foes[starts->first_foe + f];
        enter_m = &network->connections[back->connection] == ends ? back->enter_m : enter_m;
    }
    return (int32_t)ms_from_s(fmax(clearing_s(ends, foe->leave_m) - enter_m / ENTERING_MPS, 0.0));
}

// Two connections of the light that meet.
static enum status pair_judge(struct examination *in, const struct connection *a, const struct foe *foe)
{
    const struct network *network = in->build->network;
    const struct connection *b = &network->connections[foe->connection];
    int32_t one = a->group - in->first_group, other = b->group - in->first_group;
    if (one != other && !green_together(in->timeline, one, other)) {
        in->rules->conflict[one][other] = in->rules->conflict[other][one] = true;
        raise_to(&in->rules->profile_ms[one][other], profile_ms(network, a, foe, b));
        return STATUS_OK;
    }
    int32_t phase = a < b ? major_together(in, a->link_index, b->link_index) : INDEX_NONE;
    if (phase == INDEX_NONE || network->lanes[a->from_lane].link == network->lanes[b->from_lane].link) {
        return STATUS_OK;
    }
    if (a->junction == b->junction && paths_cross(network, a, b)) {
        return both_major(in, phase, a->link_index, b->link_index);
    }
    bool merge = network->lanes[a->to_lane].link == network->lanes[b->to_lane].link;
    import_note(in->build->report, NOTE_WARNING, "intersection '%s': links %d and %d have the major green together in "
                "phase %d and %s; taken as permissive", build_light_name(in->build, in->light), a->link_index,
                b->link_index, phase, merge ? "merge" : "meet");
    return STATUS_OK;
}

static enum status vehicles_judge(struct examination *in)
{
    const struct network *network = in->build->network;
    for (int32_t g = in->first_group; g < in->build->groups.count; g++) {
        const struct signal_group *group = &in->build->groups.at[g];
        for (int32_t m = 0; m < group->member_count; m++) {
            const struct connection *a = &network->connections[in->build->members.at[group->first_member + m]];
            for (int32_t f = 0; f < a->foe_count; f++) {
                const struct foe *foe = &network->foes[a->first_foe + f];
                int32_t other = network->connections[foe->connection].group;
                if (other < in->first_group || other >= in->build->groups.count) {
                    continue;
                }
                enum status status = pair_judge(in, a, foe);
                if (status != STATUS_OK) {
                    return status;
                }
            }
        }
    }
    return STATUS_OK;
}

static double length_m(const struct network *network, const struct draft_crossing *crossing)
{
    double sum_m = 0.0;
    for (int32_t p = 1; p < crossing->point_count; p++) {
        struct point u = network->points[crossing->first_point + p - 1], v = network->points[crossing->first_point + p];
        sum_m += sqrt((u.x_m - v.x_m) * (u.x_m - v.x_m) + (u.y_m - v.y_m) * (u.y_m - v.y_m));
    }
    return sum_m;
}

static bool crosses_link(const struct network_draft *draft, const struct draft_crossing *crossing, int32_t link)
{
    for (int32_t k = 0; k < crossing->link_count; k++) {
        if (draft->crossed_links.at[crossing->first_link + k] == link) {
            return true;
        }
    }
    return false;
}

// People on foot and one connection over their crossing.
static enum status crossing_judge(struct examination *in, const struct draft_crossing *crossing,
                                  const struct connection *connection)
{
    const struct network *network = in->build->network;
    int32_t walk = in->light->group[crossing->letter], group = connection->group - in->first_group;
    bool at_entry = crosses_link(in->build->draft, crossing, network->lanes[connection->from_lane].link);
    bool at_exit = crosses_link(in->build->draft, crossing, network->lanes[connection->to_lane].link);
    if (connection->junction != crossing->junction || !(at_entry || at_exit) || walk == group) {
        return STATUS_OK;
    }
    if (green_together(in->timeline, walk, group)) {
        int32_t phase = major_together(in, crossing->letter, connection->link_index);
        return phase == INDEX_NONE ? STATUS_OK : both_major(in, phase, crossing->letter, connection->link_index);
    }
    double until_m = crossing->width_m + (at_exit ? connection->length_m : 0.0);
    in->rules->conflict[walk][group] = in->rules->conflict[group][walk] = true;
    raise_to(&in->rules->profile_ms[walk][group], (int32_t)ms_from_s(length_m(network, crossing) / WALKING_MPS));
    raise_to(&in->rules->profile_ms[group][walk], (int32_t)ms_from_s(clearing_s(connection, until_m)));
    return STATUS_OK;
}

static enum status crossings_judge(struct examination *in)
{
    const struct signal_build *build = in->build;
    int32_t program = in->light->program;
    for (int32_t c = build->parts->first_crossing[program]; c < build->parts->first_crossing[program + 1]; c++) {
        const struct draft_crossing *crossing = &build->draft->crossings.at[build->parts->crossings[c]];
        if (in->light->group[crossing->letter] == INDEX_NONE) {
            continue;
        }
        for (int32_t i = build->parts->first_connection[program]; i < build->parts->first_connection[program + 1];
             i++) {
            int32_t connection = build->renumbered[build->parts->connections[i]];
            if (connection == INDEX_NONE || build->network->connections[connection].group == INDEX_NONE) {
                continue;
            }
            enum status status = crossing_judge(in, crossing, &build->network->connections[connection]);
            if (status != STATUS_OK) {
                return status;
            }
        }
    }
    return STATUS_OK;
}

static int32_t profile_yellow_ms(const struct signal_build *build, const struct signal_group *group)
{
    double speed_mps = 0.0;
    for (int32_t m = 0; m < group->member_count; m++) {
        const struct connection *member = &build->network->connections[build->members.at[group->first_member + m]];
        speed_mps = fmax(speed_mps, build->network->lanes[member->from_lane].speed_mps);
    }
    return speed_mps <= 50.5 / 3.6 ? 3000 : speed_mps <= 60.5 / 3.6 ? 4000 : 5000;   // files round 50 km/h to 13.89 m/s
}

static void yellow_choose(struct examination *in, int32_t g)
{
    const struct signal_group *group = &in->build->groups.at[in->first_group + g];
    struct change_rules *rules = in->rules;
    if (group->kind == GROUP_PEDESTRIAN) {
        rules->yellow_ms[g] = 0;
        return;
    }
    int32_t shown_ms = shown_yellow_ms(in->timeline, g), asked_ms = profile_yellow_ms(in->build, group);
    bool safe = shown_ms >= YELLOW_MS_MIN && shown_ms <= YELLOW_MS_MAX;
    rules->yellow_ms[g] = safe ? shown_ms : (int32_t)quantum_ceil(asked_ms, rules->quantum_ms);
    const char *name = build_light_name(in->build, in->light);
    if (!in->build->draft->programs.at[in->light->program].shows_changes) {
        in->build->assumed_yellow_count++;
    } else if (!safe && shown_ms < 0) {
        import_note(in->build->report, NOTE_ASSUMED, "intersection '%s' group %d: yellow %g s by speed, the program "
                    "shows none", name, g, s_from_ms(rules->yellow_ms[g]));
    } else if (!safe) {
        import_note(in->build->report, NOTE_ASSUMED, "intersection '%s' group %d: yellow %g s by speed instead "
                    "of %g s", name, g, s_from_ms(rules->yellow_ms[g]), s_from_ms(shown_ms));
    } else if (shown_ms < asked_ms) {
        import_note(in->build->report, NOTE_WARNING, "intersection '%s' group %d: the program's yellow of %g s was "
                    "kept, the speed limit asks for %g s", name, g, s_from_ms(shown_ms), s_from_ms(asked_ms));
    }
}

enum status conflicts_find(struct signal_build *build, const struct light *light, const struct timeline *timeline,
                           struct change_rules *ret)
{
    struct examination in = { build, light, timeline, ret, build->groups.count - light->group_count };
    ret->group_count = light->group_count;
    for (int32_t g = 0; g < light->group_count; g++) {
        ret->kind[g] = build->groups.at[in.first_group + g].kind;
        ret->green_ms_min[g] = GREEN_MS_MIN_DEFAULT;
        yellow_choose(&in, g);
    }
    enum status status = vehicles_judge(&in);
    status = status != STATUS_OK ? status : crossings_judge(&in);
    for (int32_t i = 0; i < light->group_count; i++) {
        for (int32_t j = 0; j < light->group_count; j++) {
            raise_to(&ret->profile_ms[i][j], ret->yellow_ms[i]);
        }
    }
    return status;
}
