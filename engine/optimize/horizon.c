#include "engine/optimize/horizon.h"

#include <assert.h>
#include <math.h>
#include <string.h>

// Durations at which a stage may be ended, after its minimum green; and those of the present stage, from now.
static const int32_t GREEN_STEPS[] = { 0, 2, 4, 6, 9, 12, 16, 21, 27, 35, 45 };
static const int32_t STAY_STEPS[] = { 0, 1, 2, 3, 4, 6, 8, 11, 14, 18, 23, 30, 40, 55 };
#define GREEN_STEP_COUNT ((int32_t)(sizeof GREEN_STEPS / sizeof *GREEN_STEPS))
#define STAY_STEP_COUNT ((int32_t)(sizeof STAY_STEPS / sizeof *STAY_STEPS))
#define CHILD_COUNT_MAX (STAY_STEP_COUNT > GREEN_STEP_COUNT * HORIZON_STAGE_COUNT_MAX                                  \
                             ? STAY_STEP_COUNT : GREEN_STEP_COUNT * HORIZON_STAGE_COUNT_MAX)
#define LEVEL_COUNT_MAX (VISIT_COUNT_MAX - 1)

// A stage that ends at end_s. gone and price describe that instant.
struct node {
    float gone[STREAM_COUNT_MAX];
    float price;                      // so far
    float rank;                       // what the beam compares
    int16_t stage, start_s, end_s;
    int16_t parent;                   // in the level before
    bool left_now;                    // the plan's first stage ends at once
};

struct run {
    float gone[STREAM_COUNT_MAX], waited[STREAM_COUNT_MAX];
};

#define INLINE static inline __attribute__((always_inline))

// Seconds from_s + 1 .. to_s at the given rates; width is a constant at every call, so that rows become vectors.
INLINE void advance(const struct horizon *horizon, struct run *run, const float *rate, int32_t from_s, int32_t to_s,
                    int32_t width)
{
    float gone[STREAM_COUNT_MAX], waited[STREAM_COUNT_MAX], step[STREAM_COUNT_MAX];   // in registers
#pragma omp simd
    for (int32_t r = 0; r < width; r++) {
        gone[r] = run->gone[r];
        waited[r] = run->waited[r];
        step[r] = rate[r];
    }
    for (int32_t k = from_s + 1; k <= to_s; k++) {
        const float *arrived = horizon->arrived[k];
#pragma omp simd
        for (int32_t r = 0; r < width; r++) {
            float next = gone[r] + step[r];
            gone[r] = next < arrived[r] ? next : arrived[r];
            waited[r] += arrived[r] - gone[r];
        }
    }
#pragma omp simd
    for (int32_t r = 0; r < width; r++) {
        run->gone[r] = gone[r];
        run->waited[r] = waited[r];
    }
}

// Sum over streams of weight * value, in one fixed order.
INLINE float weigh(const struct horizon *horizon, const float *value, int32_t width)
{
    float part[STREAM_COUNT_MAX];
#pragma omp simd
    for (int32_t r = 0; r < width; r++) {
        part[r] = horizon->weight[r] * value[r];
    }
    for (int32_t half = width / 2; half > 0; half /= 2) {
#pragma omp simd
        for (int32_t r = 0; r < half; r++) {
            part[r] += part[r + half];
        }
    }
    return part[0];
}

INLINE float waiting(const struct horizon *horizon, const float *gone, int32_t at_s, int32_t width)
{
    float queue[STREAM_COUNT_MAX];
#pragma omp simd
    for (int32_t r = 0; r < width; r++) {
        queue[r] = horizon->arrived[at_s][r] - gone[r];
    }
    return weigh(horizon, queue, width);
}

// The rates during the change from one stage to the next: both serve it, or one of them only.
INLINE void rates_between(const struct horizon *horizon, int32_t from, int32_t to, float *both, int32_t width)
{
#pragma omp simd
    for (int32_t r = 0; r < width; r++) {
        float a = horizon->capacity[from][r], b = horizon->capacity[to][r];
        both[r] = a < b ? a : b;
    }
}

struct level {
    struct node nodes[BEAM_MAX];
    int32_t count;
};

struct search {
    const struct horizon *horizon;
    struct level levels[LEVEL_COUNT_MAX];
    struct node best;                 // complete; its parent is in levels[best_level]
    int32_t best_level;
    float best_stay, best_leave;
};

// Keeps the node if it is among the best of its level. Equal ranks: the earlier stays, so that order is one.
static void keep(struct level *level, int32_t beam, const struct node *node)
{
    int32_t at = level->count;
    if (at == beam) {
        if (node->rank >= level->nodes[at - 1].rank) {
            return;
        }
        at--;
    } else {
        level->count++;
    }
    while (at > 0 && node->rank < level->nodes[at - 1].rank) {
        level->nodes[at] = level->nodes[at - 1];
        at--;
    }
    level->nodes[at] = *node;
}

static void complete(struct search *search, int32_t parent_level, const struct node *node)
{
    if (node->left_now) {
        search->best_leave = node->price < search->best_leave ? node->price : search->best_leave;
    } else {
        search->best_stay = node->price < search->best_stay ? node->price : search->best_stay;
    }
    if (node->price < search->best.price) {
        search->best = *node;
        search->best_level = parent_level;
    }
}

// Takes a snapshot of a run at end_s as a child of level `parent_level` (-1: the root).
INLINE void snapshot(struct search *search, const struct run *run, struct node *node, float before, int32_t end_s,
                     int32_t parent_level, int32_t width)
{
    const struct horizon *horizon = search->horizon;
    node->end_s = (int16_t)end_s;
    node->price = before + weigh(horizon, run->waited, width);
    float queue = waiting(horizon, run->gone, end_s, width);
    if (end_s >= HORIZON_S) {
        node->price += horizon->end_price * queue;
        complete(search, parent_level, node);
        return;
    }
    node->rank = node->price + horizon->wait_price * queue - horizon->rate * (float)end_s;
    struct level *level = &search->levels[parent_level + 1];
    if (level->count == horizon->beam && node->rank >= level->nodes[level->count - 1].rank) {
        return;
    }
    memcpy(node->gone, run->gone, sizeof(float) * (size_t)width);
    keep(level, horizon->beam, node);
}

INLINE void root(struct search *search, int32_t width)
{
    const struct horizon *horizon = search->horizon;
    struct run run = { { 0 }, { 0 } };
    struct node node = { .stage = (int16_t)horizon->stage_now, .parent = -1 };
    int32_t at_s = 0;
    for (int32_t i = 0; i <= STAY_STEP_COUNT; i++) {
        int32_t end_s = i == STAY_STEP_COUNT ? HORIZON_S : horizon->leave_s + STAY_STEPS[i];
        if (end_s > HORIZON_S) {
            continue;
        }
        advance(horizon, &run, horizon->capacity[horizon->stage_now], at_s, end_s, width);
        at_s = end_s;
        node.left_now = end_s == 0;
        snapshot(search, &run, &node, 0.0f, end_s, -1, width);
    }
}

INLINE void expand(struct search *search, int32_t level, int32_t index, int32_t stage, int32_t width)
{
    const struct horizon *horizon = search->horizon;
    const struct node *parent = &search->levels[level].nodes[index];
    struct run run;
    float both[STREAM_COUNT_MAX];
    memcpy(run.gone, parent->gone, sizeof(float) * (size_t)width);
    memset(run.waited, 0, sizeof(float) * (size_t)width);
    struct node node = { .stage = (int16_t)stage, .parent = (int16_t)index, .left_now = parent->left_now };
    int32_t start_s = parent->end_s + horizon->transition_s[parent->stage][stage];
    int32_t gain_s = parent->end_s + horizon->yellow_gain_s, moving_s = start_s + horizon->start_loss_s;
    gain_s = gain_s < HORIZON_S ? gain_s : HORIZON_S;
    moving_s = moving_s < HORIZON_S ? moving_s : HORIZON_S;
    moving_s = moving_s > gain_s ? moving_s : gain_s;
    rates_between(horizon, parent->stage, stage, both, width);
    advance(horizon, &run, horizon->capacity[parent->stage], parent->end_s, gain_s, width);
    advance(horizon, &run, both, gain_s, moving_s, width);
    node.start_s = (int16_t)start_s;
    int32_t at_s = moving_s;
    float before = parent->price + horizon->switch_price;
    for (int32_t i = 0; i <= GREEN_STEP_COUNT; i++) {
        int32_t end_s = i == GREEN_STEP_COUNT ? HORIZON_S : start_s + horizon->green_s_min[stage] + GREEN_STEPS[i];
        bool last = end_s >= HORIZON_S;
        end_s = last ? HORIZON_S : end_s;
        advance(horizon, &run, horizon->capacity[stage], at_s, end_s, width);
        at_s = end_s > at_s ? end_s : at_s;
        snapshot(search, &run, &node, before, end_s, level, width);
        if (last) {
            return;
        }
    }
}

INLINE void search_all(struct search *search, int32_t width)
{
    const struct horizon *horizon = search->horizon;
    root(search, width);
    for (int32_t level = 0; level + 1 < LEVEL_COUNT_MAX; level++) {
        for (int32_t i = 0; i < search->levels[level].count; i++) {
            for (int32_t s = 0; s < horizon->stage_count; s++) {
                if (s != search->levels[level].nodes[i].stage) {
                    expand(search, level, i, s, width);
                }
            }
        }
    }
}

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define WIDE
#endif

WIDE static void search_8(struct search *search)
{
    search_all(search, 8);
}

WIDE static void search_16(struct search *search)
{
    search_all(search, 16);
}

WIDE static void search_32(struct search *search)
{
    search_all(search, 32);
}

void horizon_search(const struct horizon *horizon, struct horizon_plan *ret)
{
    assert(horizon->stage_count >= 1 && horizon->stage_count <= HORIZON_STAGE_COUNT_MAX);
    assert(horizon->stream_count >= 0 && horizon->stream_count <= STREAM_COUNT_MAX);
    assert(horizon->beam >= 1 && horizon->beam <= BEAM_MAX);
    struct search search;
    search.horizon = horizon;
    for (int32_t level = 0; level < LEVEL_COUNT_MAX; level++) {
        search.levels[level].count = 0;
    }
    search.best.price = search.best_stay = search.best_leave = INFINITY;
    search.best_level = -1;
    if (horizon->stream_count <= 8) {
        search_8(&search);
    } else if (horizon->stream_count <= 16) {
        search_16(&search);
    } else {
        search_32(&search);
    }
    ret->price = search.best.price;
    ret->stay_price = search.best_stay;
    ret->leave_price = search.best_leave;
    // From the last stage back to the first.
    ret->visit_count = search.best_level + 2;
    const struct node *node = &search.best;
    for (int32_t level = search.best_level; ; level--) {
        ret->visits[level + 1] = (struct visit){ .stage = node->stage, .start_s = node->start_s, .end_s = node->end_s };
        if (level < 0) {
            return;
        }
        node = &search.levels[level].nodes[node->parent];
    }
}

// The rates of one second of a plan.
struct stretch { const float *rate; int32_t to_s; };

// Cuts a visit into stretches of constant rates: the yellow before it, the change, its green. `both` holds the rates of
// the change. Returns their number.
static int32_t stretches_of(const struct horizon *horizon, const struct visit *visits, int32_t i, float *both,
                            struct stretch *ret)
{
    int32_t end_s = visits[i].end_s < HORIZON_S ? visits[i].end_s : HORIZON_S;
    int32_t count = 0;
    if (i > 0) {
        int32_t gain_s = visits[i - 1].end_s + horizon->yellow_gain_s;
        int32_t moving_s = visits[i].start_s + horizon->start_loss_s;
        gain_s = gain_s < HORIZON_S ? gain_s : HORIZON_S;
        moving_s = moving_s < HORIZON_S ? moving_s : HORIZON_S;
        rates_between(horizon, visits[i - 1].stage, visits[i].stage, both, STREAM_COUNT_MAX);
        ret[count++] = (struct stretch){ horizon->capacity[visits[i - 1].stage], gain_s };
        ret[count++] = (struct stretch){ both, moving_s > gain_s ? moving_s : gain_s };
    }
    ret[count++] = (struct stretch){ horizon->capacity[visits[i].stage], end_s };
    return count;
}

float horizon_price(const struct horizon *horizon, const struct visit *visits, int32_t visit_count)
{
    struct run run = { { 0 }, { 0 } };
    struct stretch stretches[3];
    float both[STREAM_COUNT_MAX];
    int32_t at_s = 0;
    for (int32_t i = 0; i < visit_count; i++) {
        int32_t count = stretches_of(horizon, visits, i, both, stretches);
        for (int32_t j = 0; j < count; j++) {
            advance(horizon, &run, stretches[j].rate, at_s, stretches[j].to_s, STREAM_COUNT_MAX);
            at_s = stretches[j].to_s > at_s ? stretches[j].to_s : at_s;
        }
    }
    return (float)(visit_count - 1) * horizon->switch_price + weigh(horizon, run.waited, STREAM_COUNT_MAX)
        + horizon->end_price * waiting(horizon, run.gone, at_s, STREAM_COUNT_MAX);
}

void horizon_departures(const struct horizon *horizon, const struct visit *visits, int32_t visit_count,
                        float (*gone)[STREAM_COUNT_MAX])
{
    struct run run = { { 0 }, { 0 } };
    struct stretch stretches[3];
    float both[STREAM_COUNT_MAX];
    int32_t at_s = 0;
    memset(gone[0], 0, sizeof gone[0]);
    for (int32_t i = 0; i < visit_count; i++) {
        int32_t count = stretches_of(horizon, visits, i, both, stretches);
        for (int32_t j = 0; j < count; j++) {
            for (; at_s < stretches[j].to_s; at_s++) {
                advance(horizon, &run, stretches[j].rate, at_s, at_s + 1, STREAM_COUNT_MAX);
                memcpy(gone[at_s + 1], run.gone, sizeof run.gone);
            }
        }
    }
    for (; at_s < HORIZON_S; at_s++) {
        memcpy(gone[at_s + 1], run.gone, sizeof run.gone);
    }
}
