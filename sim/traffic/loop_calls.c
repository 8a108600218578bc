// Loops as a controller at the roadside sees them: covered or not since its last look.
#include "sim/traffic/loop_calls.h"

#include <string.h>

void loop_calls_create(struct street *street)
{
    const struct network *network = street->network;
    street->loops_met = table_take(street, (size_t)street->loop_layer_count, sizeof *street->loops_met);
    memset(street->loops_met, 1, (size_t)street->loop_layer_count);   // a state may be loaded: all are looked at once
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
#define LAYERS_AHEAD 8

static void call_note(const struct loop_call *call, struct actuation_touch *ret)
{
    struct actuation_touch *at = &ret[call->intersection];
    at->line |= call->line ? call->groups : 0;
    at->advance |= call->line ? 0 : call->groups;
}

// Asks for what a look at a layer touches.
static void layer_expect(const struct loop_layer *layer)
{
    __builtin_prefetch(layer->occupied_ms);
    __builtin_prefetch(layer->count);
    __builtin_prefetch(layer->behind_ms);
    __builtin_prefetch(layer->behind_count);
    __builtin_prefetch(layer->looked, 1);
}

void street_look_touches(struct street *street, struct actuation_touch *ret)
{
    memset(ret, 0, (size_t)street->network->intersection_count * sizeof *ret);
    const struct loop_call *asked[CALLS_AHEAD] = { NULL };
    int32_t next = 0;
    for (int32_t i = 0; i < street->loop_layer_count; i++) {
        if (i + LAYERS_AHEAD < street->loop_layer_count && street->loops_met[i + LAYERS_AHEAD]) {
            layer_expect(&street->loops[i + LAYERS_AHEAD]);
        }
        if (!street->loops_met[i]) {
            continue;
        }
        street->loops_met[i] = 0;
        struct loop_layer *layer = &street->loops[i];
        _Alignas(64) uint32_t touched[WIDE];
        uint32_t any = 0;
        for (int c = 0; c < WIDE; c++) {
            int32_t sum = layer->occupied_ms[c] + layer->count[c] + layer->behind_ms[c] + layer->behind_count[c];
            touched[c] = (uint32_t)(sum != layer->looked[c]) << c;
            layer->looked[c] = sum;
            any |= touched[c];
        }
        for (; any != 0; any &= any - 1) {
            const struct loop_call *call = &street->loop_calls[i * WIDE + __builtin_ctz(any)];
            __builtin_prefetch(call);
            if (asked[next] != NULL) {
                call_note(asked[next], ret);
            }
            asked[next] = call;
            next = (next + 1) % CALLS_AHEAD;
        }
    }
    for (int32_t i = 0; i < CALLS_AHEAD && asked[i] != NULL; i++) {
        call_note(asked[i], ret);
    }
}
