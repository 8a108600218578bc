// The state of the signals as bytes, and back.
#include <assert.h>
#include <string.h>

#include "engine/base/hash.h"
#include "sim/traffic/signals_state.h"

static int64_t signals_layout(const struct signals *signals)
{
    const int64_t numbers[] = { 2, sizeof(struct plan), sizeof(struct green), sizeof(struct actuation_state),
        PENDING_COUNT_MAX, signals->fallback, (int64_t)signals->network->hash };
    uint64_t hash = HASH_SEED;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        hash = hash_number(hash, numbers[i]);
    }
    return (int64_t)hash;
}

static void site_save(const struct site *site, struct byte_sink *sink)
{
    const int64_t numbers[] = { site->playing, site->running, site->pending_count, site->join_ms, site->changes_ms,
        site->stage, site->next_stage, site->leave_ms, site->enter_ms };
    sink_put(sink, numbers, sizeof numbers);
    sink_put(sink, site->pending, sizeof site->pending);
    sink_put(sink, site->used, sizeof site->used);
    sink_put(sink, &site->newest, sizeof site->newest);
    for (int32_t i = 0; i < PENDING_COUNT_MAX + 2; i++) {
        if (site->used[i]) {
            struct plan plan = site->stored[i].plan;
            plan.greens = NULL;
            sink_put(sink, &plan, sizeof plan);
            sink_put(sink, site->stored[i].greens, (size_t)plan.green_count * sizeof(struct green));
        }
    }
}

static bool place_valid(int64_t place)
{
    return place >= 0 && place < PENDING_COUNT_MAX + 2;
}

static void stored_load(const struct network *network, int32_t index, struct stored_plan *stored,
                        struct byte_source *source)
{
    source_take(source, &stored->plan, sizeof stored->plan);
    stored->plan.greens = stored->greens;
    if (stored->plan.green_count < 0 || stored->plan.green_count > PLAN_GREEN_COUNT_MAX) {
        source->failed = true;
        return;
    }
    source_take(source, stored->greens, (size_t)stored->plan.green_count * sizeof(struct green));
    source->failed |= stored->plan.intersection != index || !plan_well_formed(network, &stored->plan);
}

static void site_load(const struct signals *signals, int32_t index, struct byte_source *source)
{
    struct site *site = &signals->sites[index];
    int32_t stage_count = signals->network->intersections[index].stage_count;
    int64_t numbers[9];
    source_take(source, numbers, sizeof numbers);
    source_take(source, site->pending, sizeof site->pending);
    source_take(source, site->used, sizeof site->used);
    source_take(source, &site->newest, sizeof site->newest);
    bool good = numbers[0] >= PLAYING_FALLBACK && numbers[0] <= PLAYING_PLAN && place_valid(numbers[1])
        && numbers[2] >= 0 && numbers[2] <= PENDING_COUNT_MAX
        && (stage_count == 0 || (numbers[5] >= 0 && numbers[5] < stage_count))
        && numbers[6] >= INDEX_NONE && numbers[6] < stage_count
        && (numbers[0] != PLAYING_ACTUATED || signals->actuated != NULL);
    for (int32_t i = 0; good && i < numbers[2]; i++) {
        good = place_valid(site->pending[i]) && site->used[site->pending[i]];
    }
    good = good && (numbers[0] != PLAYING_PLAN || site->used[numbers[1]]);
    if (!good) {
        source->failed = true;
        return;
    }
    site->playing = (enum playing)numbers[0];
    site->running = (int32_t)numbers[1];
    site->pending_count = (int32_t)numbers[2];
    site->join_ms = numbers[3];
    site->changes_ms = numbers[4];
    signals->quiet_until_ms[index] = INT64_MIN;
    site->stage = (int32_t)numbers[5];
    site->next_stage = (int32_t)numbers[6];
    site->leave_ms = numbers[7];
    site->enter_ms = numbers[8];
    for (int32_t i = 0; i < PENDING_COUNT_MAX + 2; i++) {
        if (site->used[i]) {
            stored_load(signals->network, index, &site->stored[i], source);
        }
    }
}

void signals_save(const struct signals *signals, struct byte_sink *sink)
{
    size_t groups = (size_t)signals->network->group_count, sites = (size_t)signals->network->intersection_count;
    sink_number(sink, signals_layout(signals));
    sink_number(sink, signals->now_ms);
    sink_put(sink, signals->aspects, groups * sizeof *signals->aspects);
    sink_put(sink, signals->since_ms, groups * sizeof *signals->since_ms);
    sink_put(sink, signals->cleared_ms, groups * sizeof *signals->cleared_ms);
    for (size_t i = 0; i < sites; i++) {
        site_save(&signals->sites[i], sink);
    }
    for (size_t i = 0; signals->actuated != NULL && i < sites; i++) {
        struct actuation_state state;
        memcpy(&state, &signals->actuated[i].state, sizeof state);   // with its padding, which is zero
        site_pass(signals, (int32_t)i, &state);
        sink_put(sink, &state, sizeof state);
    }
}

enum status signals_load(struct signals *signals, struct byte_source *source, struct problem *problem)
{
    size_t groups = (size_t)signals->network->group_count, sites = (size_t)signals->network->intersection_count;
    if (source_number(source) != signals_layout(signals)) {
        return problem_report(problem, STATUS_VERSION, "checkpoint", "signals",
                              "load it with the options and the files that it was saved with",
                              "they are of another network, another kind of control or another version");
    }
    signals->now_ms = source_number(source);
    signals->touched_ms = INT64_MIN;
    source_take(source, signals->aspects, groups * sizeof *signals->aspects);
    source_take(source, signals->since_ms, groups * sizeof *signals->since_ms);
    source_take(source, signals->cleared_ms, groups * sizeof *signals->cleared_ms);
    for (size_t i = 0; i < sites && !source->failed; i++) {
        site_load(signals, (int32_t)i, source);
    }
    for (size_t i = 0; signals->actuated != NULL && i < sites; i++) {
        struct actuation_state *state = &signals->actuated[i].state;
        source_take(source, state, sizeof *state);
        source->failed |= state->place < 0
            || (state->place > 0 && state->place >= signals->actuation.sites[i].stage_count);
    }
    return !source->failed ? STATUS_OK
        : problem_report(problem, STATUS_RANGE, "checkpoint", "signals", "save it anew",
                         "it does not hold the state of these signals");
}
