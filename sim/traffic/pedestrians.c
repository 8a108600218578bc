#include "sim/traffic/pedestrians.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "engine/model/lamp.h"
#include "engine/model/units.h"

struct crossing_queue {
    int32_t group, intersection, waiting;
    int64_t next_ms;                   // when the next one comes
    int64_t first_ms, arrived_sum_ms;  // of those who wait: the first one's arrival; after begin, summed
    uint64_t draws;
};

struct pedestrians {
    const struct network *network;
    uint64_t seed;
    int64_t begin_ms;
    double gap_ms;                     // between two of one group, on average
    struct crossing_queue *queues;     // of each pedestrian group
    int32_t queue_count;
    uint64_t *calls;                   // by intersection
    struct pedestrian_counts counts;
};

static int64_t gap_draw(const struct pedestrians *pedestrians, struct crossing_queue *queue)
{
    double gap = random_exponential(pedestrians->seed, RANDOM_WALKER, (uint64_t)queue->group, &queue->draws);
    return 1 + (int64_t)(gap * pedestrians->gap_ms);
}

struct pedestrians *pedestrians_create(const struct network *network, double per_hour, uint64_t seed, int64_t begin_ms)
{
    assert(per_hour > 0.0);
    struct pedestrians *pedestrians = memory_take(1, sizeof *pedestrians);
    *pedestrians = (struct pedestrians){ .network = network, .seed = seed, .begin_ms = begin_ms,
        .gap_ms = 3600.0 * MS_PER_S / per_hour };
    pedestrians->queues = memory_take((size_t)network->group_count, sizeof *pedestrians->queues);
    pedestrians->calls = memory_take((size_t)network->intersection_count, sizeof *pedestrians->calls);
    for (int32_t g = 0; g < network->group_count; g++) {
        if (network->groups[g].kind == GROUP_PEDESTRIAN) {
            struct crossing_queue *queue = &pedestrians->queues[pedestrians->queue_count++];
            *queue = (struct crossing_queue){ .group = g, .intersection = network->groups[g].intersection };
            queue->next_ms = begin_ms + gap_draw(pedestrians, queue);
        }
    }
    return pedestrians;
}

void pedestrians_release(struct pedestrians *pedestrians)
{
    if (pedestrians == NULL) {
        return;
    }
    free(pedestrians->queues);
    free(pedestrians->calls);
    free(pedestrians);
}

static void queue_serve(struct pedestrians *pedestrians, struct crossing_queue *queue, int64_t now_ms)
{
    struct pedestrian_counts *counts = &pedestrians->counts;
    if (queue->waiting > 0) {
        int64_t longest_ms = now_ms - queue->first_ms;
        counts->delay_ms += queue->waiting * (now_ms - pedestrians->begin_ms) - queue->arrived_sum_ms;
        counts->delay_ms_max = longest_ms > counts->delay_ms_max ? longest_ms : counts->delay_ms_max;
        counts->served += queue->waiting;
        counts->waiting -= queue->waiting;
        queue->waiting = 0;
        queue->arrived_sum_ms = 0;
    }
}

static void queue_fill(struct pedestrians *pedestrians, struct crossing_queue *queue, int64_t end_ms, bool walk)
{
    struct pedestrian_counts *counts = &pedestrians->counts;
    while (queue->next_ms < end_ms) {
        counts->arrived++;
        counts->served += walk ? 1 : 0;
        if (!walk) {
            queue->first_ms = queue->waiting == 0 ? queue->next_ms : queue->first_ms;
            queue->arrived_sum_ms += queue->next_ms - pedestrians->begin_ms;
            queue->waiting++;
            counts->waiting++;
        }
        queue->next_ms += gap_draw(pedestrians, queue);
    }
}

void pedestrians_step(struct pedestrians *pedestrians, int64_t now_ms, int32_t step_ms, const uint8_t *aspects)
{
    const struct network *network = pedestrians->network;
    memset(pedestrians->calls, 0, (size_t)network->intersection_count * sizeof *pedestrians->calls);
    for (int32_t i = 0; i < pedestrians->queue_count; i++) {
        struct crossing_queue *queue = &pedestrians->queues[i];
        bool walk = aspects[queue->group] == ASPECT_GREEN;
        if (walk) {
            queue_serve(pedestrians, queue, now_ms);
        }
        queue_fill(pedestrians, queue, now_ms + step_ms, walk);
        if (queue->waiting > 0 && network->groups[queue->group].on_call) {
            pedestrians->calls[queue->intersection] |= UINT64_C(1)
                << (queue->group - network->intersections[queue->intersection].first_group);
        }
    }
}

const uint64_t *pedestrians_calls(const struct pedestrians *pedestrians)
{
    return pedestrians->calls;
}

struct pedestrian_counts pedestrians_counted(const struct pedestrians *pedestrians)
{
    return pedestrians->counts;
}

void pedestrians_save(const struct pedestrians *pedestrians, struct byte_sink *sink)
{
    const struct pedestrian_counts *counts = &pedestrians->counts;
    const int64_t numbers[] = { pedestrians->queue_count, (int64_t)(pedestrians->gap_ms * 1000.0), counts->arrived,
        counts->served, counts->waiting, counts->delay_ms, counts->delay_ms_max };
    sink_put(sink, numbers, sizeof numbers);
    for (int32_t i = 0; i < pedestrians->queue_count; i++) {
        const struct crossing_queue *queue = &pedestrians->queues[i];
        const int64_t state[] = { queue->waiting, queue->next_ms, queue->first_ms, queue->arrived_sum_ms,
            (int64_t)queue->draws };
        sink_put(sink, state, sizeof state);
    }
    sink_put(sink, pedestrians->calls, (size_t)pedestrians->network->intersection_count * sizeof *pedestrians->calls);
}

bool pedestrians_load(struct pedestrians *pedestrians, struct byte_source *source)
{
    int64_t numbers[7];
    source_take(source, numbers, sizeof numbers);
    if (source->failed || numbers[0] != pedestrians->queue_count
        || numbers[1] != (int64_t)(pedestrians->gap_ms * 1000.0)) {
        return false;
    }
    pedestrians->counts = (struct pedestrian_counts){ numbers[2], numbers[3], numbers[4], numbers[5], numbers[6] };
    for (int32_t i = 0; i < pedestrians->queue_count; i++) {
        struct crossing_queue *queue = &pedestrians->queues[i];
        int64_t state[5];
        source_take(source, state, sizeof state);
        queue->waiting = (int32_t)state[0];
        queue->next_ms = state[1];
        queue->first_ms = state[2];
        queue->arrived_sum_ms = state[3];
        queue->draws = (uint64_t)state[4];
    }
    source_take(source, pedestrians->calls,
                (size_t)pedestrians->network->intersection_count * sizeof *pedestrians->calls);
    return !source->failed;
}
