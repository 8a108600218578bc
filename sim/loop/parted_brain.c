#include "sim/loop/parted_brain.h"

#include <assert.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "engine/estimate/boundary.h"

struct part {
    struct brain *brain;
    struct observation_buffer seen;      // of this tick: its own, then what crossed
    struct observation_buffer crossing;  // what its neighbours look at: is told to them at the next tick
    const struct plan *plans;
    int32_t plan_count, next;
};

struct parted_brain {
    const struct network *network;
    struct boundary boundary;
    struct part *parts;
    struct plan *plans;                  // of all parts, in order of intersection
    double loss;
    uint64_t seed, ticks;
};

static uint64_t all_but(const struct parted_brain *parted, int32_t region)
{
    int32_t count = parted->boundary.region_count;
    uint64_t all = count == 64 ? ~UINT64_C(0) : (UINT64_C(1) << count) - 1;
    return all & ~(UINT64_C(1) << region);
}

static void buffer_create(struct observation_buffer *buffer, const struct network *network)
{
    // Edges may come several times in a tick; what a step of the street gives at most is checked there.
    observation_buffer_create(buffer, 2 * network->detector_count, 32 * network->detector_count,
                              2 * network->camera_count, 2 * network->camera_count * CAMERA_BIN_COUNT_MAX);
    observation_buffer_clear(buffer);
}

enum status parted_brain_create(const struct network *network, const struct brain_options *options, double loss,
                                uint64_t seed, struct parted_brain **ret, struct problem *problem)
{
    int32_t regions = network->regions.count > 0 ? network->regions.count : 1;
    if (regions > BOUNDARY_REGION_COUNT_MAX) {
        return problem_report(problem, STATUS_LIMIT, "--apart", NULL, "Import the network anew with --regions N.",
                              "%d regions, and at most %d can be led apart", regions, BOUNDARY_REGION_COUNT_MAX);
    }
    struct parted_brain *parted = memory_take(1, sizeof *parted);
    parted->network = network;
    parted->loss = loss;
    parted->seed = seed;
    boundary_create(&parted->boundary, network);
    parted->parts = memory_take((size_t)regions, sizeof *parted->parts);
    parted->plans = memory_take((size_t)network->intersection_count, sizeof *parted->plans);
    for (int32_t r = 0; r < regions; r++) {
        struct brain_options mine = *options;
        mine.regions_led = UINT64_C(1) << r;
        mine.daemon = (uint32_t)r + 1;
        enum status status = brain_create(network, &mine, &parted->parts[r].brain, problem);
        if (status != STATUS_OK) {
            parted_brain_release(parted);
            return status;
        }
        buffer_create(&parted->parts[r].seen, network);
        buffer_create(&parted->parts[r].crossing, network);
    }
    *ret = parted;
    return STATUS_OK;
}

void parted_brain_release(struct parted_brain *parted)
{
    if (parted == NULL) {
        return;
    }
    for (int32_t r = 0; r < parted->boundary.region_count; r++) {
        brain_release(parted->parts[r].brain);
        observation_buffer_release(&parted->parts[r].seen);
        observation_buffer_release(&parted->parts[r].crossing);
    }
    boundary_release(&parted->boundary);
    free(parted->parts);
    free(parted->plans);
    free(parted);
}

static void tell(struct part *part, const struct event *event, struct actions *ret)
{
    brain_step(part->brain, event, ret);
}

// What a region is told: its own sensors now, its neighbours' as they were a tick ago.
static void part_sense(struct parted_brain *parted, int32_t region, const struct observation_columns *seen)
{
    struct part *part = &parted->parts[region];
    observation_buffer_clear(&part->seen);
    int32_t left_out = boundary_select_own(&parted->boundary, seen, region, &part->seen);
    for (int32_t r = 0; r < parted->boundary.region_count; r++) {
        uint64_t number = parted->ticks * BOUNDARY_REGION_COUNT_MAX + (uint64_t)region;
        bool lost = parted->loss > 0.0 && random_unit(parted->seed, RANDOM_SENSOR, number, (uint64_t)r) < parted->loss;
        if (r != region && !lost) {
            left_out += boundary_select(&parted->boundary, &parted->parts[r].crossing.rows, r, UINT64_C(1) << region,
                                        &part->seen);
        }
    }
    assert(left_out == 0);
}

static void part_step(struct parted_brain *parted, int32_t region, const struct loop_tick *tick, int64_t *refused)
{
    struct part *part = &parted->parts[region];
    struct actions actions;
    for (int32_t i = 0; i < tick->report_count; i++) {
        struct event report = { .kind = EVENT_STATUS, .now_ms = tick->now_ms, .report = &tick->reports[i],
            .intersection = tick->reports[i].intersection };
        if (brain_leads(part->brain, report.intersection)) {
            tell(part, &report, &actions);
        }
    }
    for (int32_t i = 0; i < tick->priority_count; i++) {
        struct event asked = { .kind = EVENT_PRIORITY, .now_ms = tick->now_ms, .priority = &tick->priorities[i],
            .intersection = INDEX_NONE };
        tell(part, &asked, &actions);
    }
    struct event event = { .kind = EVENT_STEP, .now_ms = tick->now_ms, .seen = &part->seen.rows,
        .intersection = INDEX_NONE };
    tell(part, &event, &actions);
    part->plans = actions.publish;
    part->plan_count = actions.publish_count;
    part->next = 0;
    for (int rule = 0; rule < GUARD_RULE_COUNT; rule++) {
        *refused += actions.counts->guard_refused[rule];
    }
}

// Each part's plans are in order of intersection already.
static int32_t plans_merge(struct parted_brain *parted)
{
    int32_t count = 0;
    for (;;) {
        struct part *least = NULL;
        for (int32_t r = 0; r < parted->boundary.region_count; r++) {
            struct part *part = &parted->parts[r];
            if (part->next < part->plan_count
                && (least == NULL || part->plans[part->next].intersection < least->plans[least->next].intersection)) {
                least = part;
            }
        }
        if (least == NULL) {
            return count;
        }
        parted->plans[count++] = least->plans[least->next++];
    }
}

static enum status step(void *self, const struct loop_tick *tick, struct loop_answer *ret, struct problem *problem)
{
    (void)problem;
    struct parted_brain *parted = self;
    int64_t refused = 0;
    for (int32_t r = 0; r < parted->boundary.region_count; r++) {
        part_sense(parted, r, tick->seen);
    }
    for (int32_t r = 0; r < parted->boundary.region_count; r++) {
        part_step(parted, r, tick, &refused);
        observation_buffer_clear(&parted->parts[r].crossing);
        int32_t left_out = boundary_select(&parted->boundary, tick->seen, r, all_but(parted, r),
                                           &parted->parts[r].crossing);
        assert(left_out == 0);
    }
    parted->ticks++;
    *ret = (struct loop_answer){ .plans = parted->plans, .plan_count = plans_merge(parted), .refused_count = refused };
    return STATUS_OK;
}

struct brain_peer parted_brain_peer(struct parted_brain *parted)
{
    return (struct brain_peer){ .self = parted, .step = step };
}
