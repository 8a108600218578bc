// Loops as a controller at the roadside sees them: covered or not since its last look.
#include "sim/traffic/loop_calls.h"

#include <string.h>

void loop_calls_create(struct street *street)
{
    const struct network *network = street->network;
    street->loops_met = table_take(street, (size_t)street->loop_layer_count, sizeof *street->loops_met);
    street->loop_calls = table_take(street, (size_t)street->loop_layer_count * WIDE, sizeof *street->loop_calls);
    for (int32_t d = 0; d < network->detector_count; d++) {
        const struct detector *detector = &network->detectors[d];
        bool line = detector->place == DETECTOR_STOP_LINE;
        if (detector->intersection == INDEX_NONE || (!line && detector->place != DETECTOR_ADVANCE)) {
            continue;
        }
        int32_t at = street->loop_layer_of_detector[d] * WIDE + street->loop_column_of_detector[d];
        street->loop_calls[at] = (struct loop_call){ .intersection = detector->intersection, .line = line,
            .groups = actuation_lane_groups(network, detector->lane, detector->intersection) };
    }
}

// So many calls are asked for before the first of them is looked at: they lie far apart.
#define CALLS_AHEAD 16

// Whether the lane leads to some group that is not green.
static bool call_parted(const struct street *street, const struct loop_call *call)
{
    const uint8_t *aspects = &street->aspects[street->network->intersections[call->intersection].first_group];
    for (uint64_t rest = (call->groups & (call->groups - 1)) != 0 ? call->groups : 0; rest != 0; rest &= rest - 1) {
        if (aspects[__builtin_ctzll(rest)] != ASPECT_GREEN) {
            return true;
        }
    }
    return false;
}

static void call_note(const struct street *street, const struct loop_call *call, struct actuation_touch *ret)
{
    struct actuation_touch *at = &ret[call->intersection];
    if (call->line) {
        at->line |= call->groups;
        return;
    }
    bool parted = call_parted(street, call);
    at->parted = parted ? at->parted | (call->groups & ~at->advance) : at->parted & ~call->groups;
    at->advance |= call->groups;
}

void street_look_touches(struct street *street, struct actuation_touch *ret)
{
    memset(ret, 0, (size_t)street->network->intersection_count * sizeof *ret);
    const struct loop_call *asked[CALLS_AHEAD] = { NULL };
    int32_t next = 0;
    for (int32_t i = 0; i < street->loop_layer_count; i++) {
        uint32_t any = loops_touched(&street->loops_met[i]);
        if (any == 0) {
            continue;
        }
        street->loops_met[i] = (struct loops_met){ 0 };
        for (; any != 0; any &= any - 1) {
            const struct loop_call *call = &street->loop_calls[i * WIDE + __builtin_ctz(any)];
            memory_expect(call);
            if (asked[next] != NULL) {
                call_note(street, asked[next], ret);
            }
            asked[next] = call;
            next = (next + 1) % CALLS_AHEAD;
        }
    }
    for (int32_t i = 0; i < CALLS_AHEAD && asked[i] != NULL; i++) {
        call_note(street, asked[i], ret);
    }
}
