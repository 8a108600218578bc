#include "engine/optimize/stage_choice.h"

#include <stddef.h>

#include "engine/model/units.h"

// Whether the group (over the network) yields to a path that may be green in the stage too.
static bool yields_in(const struct view *view, int32_t group, uint64_t stage_groups)
{
    const struct network *network = view->network;
    const struct signal_group *at = &network->groups[group];
    int32_t first = network->intersections[at->intersection].first_group;
    for (int32_t m = 0; m < at->member_count; m++) {
        const struct connection *member = &network->connections[network->group_members[at->first_member + m]];
        for (int32_t f = 0; f < member->foe_count; f++) {
            const struct foe *foe = &network->foes[member->first_foe + f];
            int32_t other = network->connections[foe->connection].group;
            if (foe->yields && other != INDEX_NONE && network->groups[other].intersection == at->intersection
                && (stage_groups >> (other - first) & 1) != 0) {
                return true;
            }
        }
    }
    return false;
}

void stages_serve(const struct view *view, uint64_t *ret_serves)
{
    const struct intersection *at = &view->network->intersections[view->intersection.index];
    uint64_t protected_somewhere = 0;
    for (int32_t s = 0; s < at->stage_count; s++) {
        uint64_t groups = view->network->stages[at->first_stage + s].groups;
        ret_serves[s] = 0;
        for (int32_t g = 0; g < at->group_count; g++) {
            if ((groups >> g & 1) != 0 && !yields_in(view, at->first_group + g, groups)) {
                ret_serves[s] |= UINT64_C(1) << g;
            }
        }
        protected_somewhere |= ret_serves[s];
    }
    for (int32_t s = 0; s < at->stage_count; s++) {
        ret_serves[s] |= view->network->stages[at->first_stage + s].groups & ~protected_somewhere;
    }
}

int32_t stage_green_ms_min(const struct view *view, uint64_t groups)
{
    const struct intersection *at = &view->network->intersections[view->intersection.index];
    int32_t green_ms = 0;
    for (int32_t g = 0; g < at->group_count; g++) {
        int32_t least_ms = view->network->groups[at->first_group + g].green_ms_min;
        green_ms = (groups >> g & 1) != 0 && least_ms > green_ms ? least_ms : green_ms;
    }
    return (int32_t)quantum_ceil(green_ms, at->quantum_ms);
}

int32_t cycle_ms_bound(const struct view *view, uint64_t required)
{
    const struct intersection *at = &view->network->intersections[view->intersection.index];
    int32_t cycle_ms = at->cycle_ms_max;
    for (int32_t g = 0; g < at->group_count; g++) {
        const struct signal_group *group = &view->network->groups[at->first_group + g];
        int32_t bound_ms = group->red_ms_max + group->green_ms_min;
        cycle_ms = (required >> g & 1) != 0 && bound_ms < cycle_ms ? bound_ms : cycle_ms;
    }
    return (int32_t)quantum_floor(cycle_ms, at->quantum_ms);
}

void stages_of_set(const struct intersection *at, uint32_t set, struct timing *timing)
{
    timing->stage_count = 0;
    for (int32_t i = 0; i < at->stage_count; i++) {
        int32_t s = (at->coordinated_stage + i) % at->stage_count;
        if ((set >> s & 1u) != 0) {
            timing->stage[timing->stage_count++] = s;
        }
    }
}

void stages_of_program(const struct view *view, struct timing *timing)
{
    const struct intersection *at = &view->network->intersections[view->intersection.index];
    timing->stage_count = 1;
    timing->stage[0] = at->coordinated_stage;
    for (int32_t from_ms = -1; timing->stage_count < TIMING_STAGE_COUNT_MAX;) {
        const struct program_green *next = NULL;
        for (int32_t i = at->first_green; i < at->first_green + at->green_count; i++) {
            const struct program_green *green = &view->network->program_greens[i];
            bool known = false;
            for (int32_t k = 0; k < timing->stage_count; k++) {
                known = known || timing->stage[k] == green->stage;
            }
            if (!known && green->start_ms > from_ms && (next == NULL || green->start_ms < next->start_ms)) {
                next = green;
            }
        }
        if (next == NULL) {
            return;
        }
        timing->stage[timing->stage_count++] = next->stage;
        from_ms = next->start_ms;
    }
}
