#include "sim/loop/local_brain.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

struct local_brain {
    struct brain *brain;
    struct recorder *recorder;       // or NULL
    struct counts counts;
};

enum status local_brain_create(const struct network *network, const struct brain_options *options,
                               struct local_brain **ret, struct problem *problem)
{
    struct brain *brain = NULL;
    enum status status = brain_create(network, options, &brain, problem);
    if (status != STATUS_OK) {
        return status;
    }
    struct local_brain *local = memory_take(1, sizeof *local);
    local->brain = brain;
    *ret = local;
    return STATUS_OK;
}

void local_brain_release(struct local_brain *local)
{
    if (local != NULL) {
        brain_release(local->brain);
        free(local);
    }
}

void local_brain_record(struct local_brain *local, struct recorder *recorder, const struct brain_options *options,
                        int64_t begin_ms)
{
    local->recorder = recorder;
    recorder_begin(recorder, local->brain, options, begin_ms, true);
}

static void tell(struct local_brain *local, const struct event *event, struct actions *ret)
{
    brain_step(local->brain, event, ret);
    if (local->recorder != NULL) {
        recorder_told(local->recorder, local->brain, event, ret);
    }
}

static enum status step(void *self, const struct loop_tick *tick, struct loop_answer *ret, struct problem *problem)
{
    (void)problem;
    struct local_brain *local = self;
    struct actions actions;
    for (int32_t i = 0; i < tick->report_count; i++) {
        struct event report = { .kind = EVENT_STATUS, .now_ms = tick->now_ms, .report = &tick->reports[i],
            .intersection = tick->reports[i].intersection };
        tell(local, &report, &actions);
    }
    for (int32_t i = 0; i < tick->priority_count; i++) {
        struct event asked = { .kind = EVENT_PRIORITY, .now_ms = tick->now_ms, .priority = &tick->priorities[i],
            .intersection = INDEX_NONE };
        tell(local, &asked, &actions);
    }
    struct event event = { .kind = EVENT_STEP, .now_ms = tick->now_ms, .seen = tick->seen,
        .intersection = INDEX_NONE };
    tell(local, &event, &actions);
    local->counts = *actions.counts;
    int64_t refused = 0;
    for (int rule = 0; rule < GUARD_RULE_COUNT; rule++) {
        refused += actions.counts->guard_refused[rule];
    }
    *ret = (struct loop_answer){ .plans = actions.publish, .plan_count = actions.publish_count,
        .refused_count = refused };
    return STATUS_OK;
}

static void save(void *self, struct byte_sink *sink)
{
    struct local_brain *local = self;
    size_t bytes = brain_save(local->brain, NULL, 0);
    uint8_t *state = memory_take(bytes, 1);
    size_t saved = brain_save(local->brain, state, bytes);
    sink_number(sink, (int64_t)saved);
    sink_put(sink, state, saved);
    free(state);
}

static enum status load(void *self, struct byte_source *source, struct problem *problem)
{
    struct local_brain *local = self;
    int64_t bytes = source_number(source);
    const uint8_t *at = bytes > 0 ? source_skip(source, (size_t)bytes) : NULL;
    uint8_t *state = at != NULL ? memory_take((size_t)bytes, 1) : NULL;   // where numbers may lie
    if (state != NULL) {
        memcpy(state, at, (size_t)bytes);
    }
    enum status status = state != NULL ? brain_load(local->brain, state, (size_t)bytes) : STATUS_RANGE;
    free(state);
    return status == STATUS_OK ? STATUS_OK
        : problem_report(problem, status, "checkpoint", "brain",
                         "load it with the program, the network and the --control that it was saved with",
                         "its state is not one of this brain");
}

struct brain_peer local_brain_peer(struct local_brain *local)
{
    return (struct brain_peer){ .self = local, .step = step, .save = save, .load = load };
}

const struct counts *local_brain_counts(const struct local_brain *local)
{
    return &local->counts;
}
