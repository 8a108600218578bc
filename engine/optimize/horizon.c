#include "engine/optimize/horizon.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define LABELS 2                      // courses kept of each stage and second
#define FINE_S 12                     // until then a stage may be left at every second, later at every COARSE_S, a
#define COARSE_S 3                    // divisor of both FINE_S and HORIZON_S
#define LEAVE_COUNT (FINE_S + (HORIZON_S - FINE_S) / COARSE_S)   // seconds at which it may
static const float OPEN_MIN = 0.05f;  // of the time: somebody slips through at the end
static const float NEED_VEH_MIN = 0.3f;   // a stage that gains fewer than this is not worth a change

// A course that has a stage green, free to be left, at a second. Its streams stand in search.gone at the same index.
struct label {
    float price;                      // so far
    float queue;                      // weighed vehicles that wait
    float rank;                       // what the courses of one stage and second are compared by; INFINITY: no course
    int16_t start_s;                  // of the stage
    int16_t prev_stage, prev_end_s;   // when the stage before was left; unused in the first visit
    int16_t prev;                     // which of its LABELS courses it was
    int16_t visits;                   // stages so far
};

struct run {
    float gone[STREAM_COUNT_MAX], waited[STREAM_COUNT_MAX];
};

#define INLINE static inline __attribute__((always_inline))

// Rows are copied as they are computed with: in one piece each.
INLINE void row_copy(float *to, const float *from, int32_t width)
{
#pragma omp simd
    for (int32_t r = 0; r < width; r++) {
        to[r] = from[r];
    }
}

// Seconds from_s + 1 .. to_s at the given rates; width is a constant at every call, so that rows become vectors.
INLINE void advance(const struct horizon *horizon, struct run *run, const float *rate, int32_t from_s, int32_t to_s,
                    int32_t width)
{
    float gone[STREAM_COUNT_MAX], waited[STREAM_COUNT_MAX], step[STREAM_COUNT_MAX];   // in registers
    row_copy(gone, run->gone, width);
    row_copy(waited, run->waited, width);
    row_copy(step, rate, width);
    for (int32_t k = from_s + 1; k <= to_s; k++) {
        const float *arrived = horizon->arrived[k];
#pragma omp simd
        for (int32_t r = 0; r < width; r++) {
            float next = gone[r] + step[r];
            gone[r] = next < arrived[r] ? next : arrived[r];
            waited[r] += arrived[r] - gone[r];
        }
    }
    row_copy(run->gone, gone, width);
    row_copy(run->waited, waited, width);
}

// The same as horizon->giving, as columns of streams: to whom a stage's foes shut the gap, for how long. So all who
// give way are looked at side by side, and what one second leaves in the registers is what the next begins with.
struct ways {
    int32_t first_column[HORIZON_STAGE_COUNT_MAX + 1];         // of each stage: one for each foe
    int16_t foe[FOE_COUNT_MAX];                                // a stream, by column
    float shut_s[FOE_COUNT_MAX][STREAM_COUNT_MAX];             // by column
    float part[HORIZON_STAGE_COUNT_MAX][STREAM_COUNT_MAX];     // 0 for who does not give way
};

static int32_t column_of(struct ways *ways, int32_t stage, int16_t foe, int32_t *count)
{
    for (int32_t c = ways->first_column[stage]; c < *count; c++) {
        if (ways->foe[c] == foe) {
            return c;
        }
    }
    assert(*count < FOE_COUNT_MAX);   // No two of those who give way share foes in horizon->foes.
    ways->foe[*count] = foe;
    memset(ways->shut_s[*count], 0, sizeof ways->shut_s[*count]);
    return (*count)++;
}

static void ways_lay(const struct horizon *horizon, struct ways *ret)
{
    int32_t count = 0;
    for (int32_t s = 0; s < horizon->stage_count; s++) {
        ret->first_column[s] = count;
        memset(ret->part[s], 0, sizeof ret->part[s]);
        for (int32_t i = horizon->first_giving[s]; i < horizon->first_giving[s + 1]; i++) {
            const struct giving_way *giving = &horizon->giving[i];
            ret->part[s][giving->stream] = giving->part;
            for (int32_t f = giving->first_foe; f < giving->first_foe + giving->foe_count; f++) {
                int32_t column = column_of(ret, s, horizon->foes[f].stream, &count);
                ret->shut_s[column][giving->stream] += horizon->foes[f].shut_s;
            }
        }
    }
    ret->first_column[horizon->stage_count] = count;
}

// Seconds from_s + 1 .. to_s of a stage's green.
INLINE void flow(const struct horizon *horizon, const struct ways *ways, struct run *run, int32_t stage, int32_t from_s,
                 int32_t to_s, int32_t width)
{
    const float *capacity = horizon->capacity[stage], *part = ways->part[stage];
    int32_t first = ways->first_column[stage], after = ways->first_column[stage + 1];
    if (first == after) {
        advance(horizon, run, capacity, from_s, to_s, width);
        return;
    }
    float gone[STREAM_COUNT_MAX], waited[STREAM_COUNT_MAX];
    row_copy(gone, run->gone, width);
    row_copy(waited, run->waited, width);
    for (int32_t k = from_s + 1; k <= to_s; k++) {
        const float *arrived = horizon->arrived[k];
        float open[STREAM_COUNT_MAX];
#pragma omp simd
        for (int32_t r = 0; r < width; r++) {
            open[r] = 1.0f;
        }
        for (int32_t c = first; c < after; c++) {
            int32_t foe = ways->foe[c];
            float waiting = arrived[foe] - gone[foe];
            float passing = waiting < capacity[foe] ? waiting : capacity[foe];
            const float *shut_s = ways->shut_s[c];
#pragma omp simd
            for (int32_t r = 0; r < width; r++) {
                open[r] -= shut_s[r] * passing;
            }
        }
#pragma omp simd
        for (int32_t r = 0; r < width; r++) {
            float gap = open[r] > OPEN_MIN ? open[r] : OPEN_MIN;
            float next = gone[r] + capacity[r] * gap / (gap * (1.0f - part[r]) + part[r]);
            gone[r] = next < arrived[r] ? next : arrived[r];
            waited[r] += arrived[r] - gone[r];
        }
    }
    row_copy(run->gone, gone, width);
    row_copy(run->waited, waited, width);
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

#define LABEL_COUNT_MAX (LEAVE_COUNT * HORIZON_STAGE_COUNT_MAX * LABELS)

struct search {
    const struct horizon *horizon;
    struct ways ways;
    struct label labels[LABEL_COUNT_MAX];                      // by second at which a stage may be left, stage, course
    float gone[LABEL_COUNT_MAX * STREAM_COUNT_MAX];            // `width` of each label, side by side
    float wait_s[HORIZON_STAGE_COUNT_MAX][STREAM_COUNT_MAX];   // what a vehicle still costs once a stage plays
    struct label last;                // the best complete course: its last stage ends with the horizon
    int16_t last_stage;
    float last_price;
};

// The first second from at_s on at which a stage may be left; at most HORIZON_S.
static inline int32_t leave_from(int32_t at_s)
{
    int32_t leave_s = at_s < FINE_S ? at_s : (at_s + COARSE_S - 1) / COARSE_S * COARSE_S;
    return leave_s < HORIZON_S ? leave_s : HORIZON_S;
}

static inline int32_t label_index(const struct horizon *horizon, int32_t at_s, int32_t stage, int32_t course)
{
    int32_t turn = at_s < FINE_S ? at_s : FINE_S + (at_s - FINE_S) / COARSE_S;
    return (turn * horizon->stage_count + stage) * LABELS + course;
}

// What those who wait will still cost, by whether the stage serves them and by how many wait in one stream.
INLINE float to_come(const struct search *search, int32_t stage, const float *gone, int32_t at_s, int32_t width)
{
    float cost[STREAM_COUNT_MAX], queue_price = search->horizon->queue_price;
#pragma omp simd
    for (int32_t r = 0; r < width; r++) {
        float queue = search->horizon->arrived[at_s][r] - gone[r];
        cost[r] = queue * (search->wait_s[stage][r] + queue_price * queue);
    }
    return weigh(search->horizon, cost, width);
}

// Takes a course to the label (stage, at_s), or to the end of the horizon. Of equal ones the earlier stays.
INLINE void offer(struct search *search, int32_t stage, int32_t at_s, const struct label *label, const float *gone,
                  int32_t width)
{
    const struct horizon *horizon = search->horizon;
    if (at_s >= HORIZON_S) {
        float price = label->price + horizon->end_price * label->queue;
        if (price < search->last_price) {
            search->last_price = price;
            search->last = *label;
            search->last_stage = (int16_t)stage;
        }
        return;
    }
    int32_t first = label_index(horizon, at_s, stage, 0), worst = first;
    for (int32_t i = first; i < first + LABELS; i++) {
        const struct label *known = &search->labels[i];
        if (known->rank < INFINITY && known->price == label->price && known->queue == label->queue) {
            return;                   // as good as the same course
        }
        worst = known->rank > search->labels[worst].rank ? i : worst;
    }
    float rank = label->price + to_come(search, stage, gone, at_s, width);
    if (rank < search->labels[worst].rank) {
        search->labels[worst] = *label;
        search->labels[worst].rank = rank;
        row_copy(search->gone + worst * width, gone, width);
    }
}

INLINE void root(struct search *search, int32_t width)
{
    const struct horizon *horizon = search->horizon;
    struct run run = { { 0 }, { 0 } };
    struct label label = { .visits = 1 };
    int32_t leave_s = leave_from(horizon->leave_s);
    flow(horizon, &search->ways, &run, horizon->stage_now, 0, leave_s, width);
    label.price = weigh(horizon, run.waited, width);
    label.queue = waiting(horizon, run.gone, leave_s, width);
    offer(search, horizon->stage_now, leave_s, &label, run.gone, width);
}

INLINE void run_begin(const struct search *search, int32_t index, int32_t width, struct run *ret)
{
    row_copy(ret->gone, search->gone + index * width, width);
#pragma omp simd
    for (int32_t r = 0; r < width; r++) {
        ret->waited[r] = 0.0f;
    }
}

// On in the same stage, until it may be left again.
INLINE void stay(struct search *search, int32_t stage, int32_t course, int32_t at_s, int32_t width)
{
    const struct horizon *horizon = search->horizon;
    int32_t index = label_index(horizon, at_s, stage, course);
    int32_t end_s = leave_from(at_s + 1);
    struct run run;
    struct label label = search->labels[index];
    run_begin(search, index, width, &run);
    flow(horizon, &search->ways, &run, stage, at_s, end_s, width);
    label.price += weigh(horizon, run.waited, width);
    label.queue = waiting(horizon, run.gone, end_s, width);
    offer(search, stage, end_s, &label, run.gone, width);
}

// Whether anybody whom `from` holds back will wait for `to` by end_s.
INLINE bool needed(const struct horizon *horizon, const float *gone, int32_t from, int32_t to, int32_t end_s,
                   int32_t width)
{
    float most = 0.0f;
    for (int32_t r = 0; r < width; r++) {
        float queue = horizon->arrived[end_s][r] - gone[r];
        queue = horizon->capacity[to][r] > horizon->capacity[from][r] ? queue : 0.0f;
        most = queue > most ? queue : most;
    }
    return most >= NEED_VEH_MIN;
}

// From one stage to another, until the other may be left in its turn.
INLINE void change(struct search *search, int32_t from, int32_t course, int32_t to, int32_t at_s, int32_t width)
{
    const struct horizon *horizon = search->horizon;
    int32_t index = label_index(horizon, at_s, from, course);
    const struct label *parent = &search->labels[index];
    struct run run;
    float both[STREAM_COUNT_MAX];
    run_begin(search, index, width, &run);
    int32_t start_s = at_s + horizon->transition_s[from][to];
    int32_t end_s = leave_from(start_s + horizon->green_s_min[to]);
    if (!needed(horizon, run.gone, from, to, end_s, width)) {
        return;
    }
    int32_t gain_s = at_s + horizon->yellow_gain_s, moving_s = start_s + horizon->start_loss_s;
    gain_s = gain_s < end_s ? gain_s : end_s;
    moving_s = moving_s < end_s ? moving_s : end_s;
    moving_s = moving_s > gain_s ? moving_s : gain_s;
    rates_between(horizon, from, to, both, width);
    advance(horizon, &run, horizon->capacity[from], at_s, gain_s, width);
    advance(horizon, &run, both, gain_s, moving_s, width);
    flow(horizon, &search->ways, &run, to, moving_s, end_s, width);
    struct label label = { .price = parent->price + horizon->switch_price + weigh(horizon, run.waited, width),
        .queue = waiting(horizon, run.gone, end_s, width), .start_s = (int16_t)start_s, .prev_stage = (int16_t)from,
        .prev_end_s = (int16_t)at_s, .prev = (int16_t)course, .visits = (int16_t)(parent->visits + 1) };
    offer(search, to, end_s, &label, run.gone, width);
}

INLINE void search_all(struct search *search, int32_t width)
{
    const struct horizon *horizon = search->horizon;
    root(search, width);
    for (int32_t k = leave_from(horizon->leave_s); k < HORIZON_S; k = leave_from(k + 1)) {
        for (int32_t i = 0; i < horizon->stage_count * LABELS; i++) {
            int32_t s = i / LABELS, course = i % LABELS;
            const struct label *label = &search->labels[label_index(horizon, k, s, course)];
            if (label->rank == INFINITY) {
                continue;
            }
            bool changes = label->visits < VISIT_COUNT_MAX;
            for (int32_t t = 0; changes && t < horizon->stage_count; t++) {
                if (t != s) {
                    change(search, s, course, t, k, width);
                }
            }
            stay(search, s, course, k, width);
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

// The rates of one second of a plan.
struct stretch { const float *rate; int32_t stage, to_s; };   // rate NULL: the stage's green

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
        ret[count++] = (struct stretch){ horizon->capacity[visits[i - 1].stage], 0, gain_s };
        ret[count++] = (struct stretch){ both, 0, moving_s > gain_s ? moving_s : gain_s };
    }
    ret[count++] = (struct stretch){ NULL, visits[i].stage, end_s };
    return count;
}

INLINE void stretch_advance(const struct horizon *horizon, const struct ways *ways, struct run *run,
                            const struct stretch *stretch, int32_t from_s, int32_t to_s, int32_t width)
{
    if (stretch->rate != NULL) {
        advance(horizon, run, stretch->rate, from_s, to_s, width);
    } else {
        flow(horizon, ways, run, stretch->stage, from_s, to_s, width);
    }
}

WIDE static void stretch_flow(const struct horizon *horizon, const struct ways *ways, struct run *run,
                              const struct stretch *stretch, int32_t from_s, int32_t to_s)
{
    if (horizon->stream_count <= 8) {
        stretch_advance(horizon, ways, run, stretch, from_s, to_s, 8);
    } else if (horizon->stream_count <= 16) {
        stretch_advance(horizon, ways, run, stretch, from_s, to_s, 16);
    } else {
        stretch_advance(horizon, ways, run, stretch, from_s, to_s, STREAM_COUNT_MAX);
    }
}

float horizon_price(const struct horizon *horizon, const struct visit *visits, int32_t visit_count)
{
    struct run run = { { 0 }, { 0 } };
    struct ways ways;
    struct stretch stretches[3];
    float both[STREAM_COUNT_MAX];
    int32_t at_s = 0;
    ways_lay(horizon, &ways);
    for (int32_t i = 0; i < visit_count; i++) {
        int32_t count = stretches_of(horizon, visits, i, both, stretches);
        for (int32_t j = 0; j < count; j++) {
            stretch_flow(horizon, &ways, &run, &stretches[j], at_s, stretches[j].to_s);
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
    struct ways ways;
    struct stretch stretches[3];
    float both[STREAM_COUNT_MAX];
    int32_t at_s = 0;
    ways_lay(horizon, &ways);
    memset(gone[0], 0, sizeof gone[0]);
    for (int32_t i = 0; i < visit_count; i++) {
        int32_t count = stretches_of(horizon, visits, i, both, stretches);
        for (int32_t j = 0; j < count; j++) {
            for (; at_s < stretches[j].to_s; at_s++) {
                stretch_flow(horizon, &ways, &run, &stretches[j], at_s, at_s + 1);
                memcpy(gone[at_s + 1], run.gone, sizeof run.gone);
            }
        }
    }
    for (; at_s < HORIZON_S; at_s++) {
        memcpy(gone[at_s + 1], run.gone, sizeof run.gone);
    }
}

static void search_begin(struct search *search, const struct horizon *horizon)
{
    search->horizon = horizon;
    search->last_price = INFINITY;
    ways_lay(horizon, &search->ways);
    for (int32_t s = 0; s < horizon->stage_count; s++) {
        for (int32_t r = 0; r < STREAM_COUNT_MAX; r++) {
            search->wait_s[s][r] = horizon->capacity[s][r] > 0.0f ? horizon->serve_price : horizon->wait_price;
        }
    }
    for (int32_t i = 0; i < LEAVE_COUNT * horizon->stage_count * LABELS; i++) {
        search->labels[i].rank = INFINITY;
    }
}

// From the last stage of the best course back to its first.
static void search_read(const struct search *search, struct horizon_plan *ret)
{
    struct visit visit = { .stage = search->last_stage, .end_s = HORIZON_S };
    const struct label *label = &search->last;
    ret->price = search->last_price;
    ret->visit_count = label->visits;
    for (int32_t i = ret->visit_count - 1; i >= 0; i--) {
        visit.start_s = label->start_s;
        ret->visits[i] = visit;
        visit = (struct visit){ .stage = label->prev_stage, .end_s = label->prev_end_s };
        if (i > 0) {
            label = &search->labels[label_index(search->horizon, label->prev_end_s, label->prev_stage, label->prev)];
        }
    }
}

// The price of the plan when all of it begins a second later.
static float price_later(const struct horizon *horizon, const struct horizon_plan *plan)
{
    struct visit visits[VISIT_COUNT_MAX];
    int32_t count = 0;
    for (int32_t i = 0; i < plan->visit_count; i++) {
        struct visit visit = plan->visits[i];
        visit.start_s = (int16_t)(visit.start_s + (i > 0));
        visit.end_s = (int16_t)(visit.end_s < HORIZON_S ? visit.end_s + 1 : HORIZON_S);
        if (visit.start_s < HORIZON_S) {
            visits[count++] = visit;
        }
    }
    return horizon_price(horizon, visits, count);
}

void horizon_search(const struct horizon *horizon, struct horizon_plan *ret)
{
    assert(horizon->stage_count >= 1 && horizon->stage_count <= HORIZON_STAGE_COUNT_MAX);
    assert(horizon->stream_count >= 0 && horizon->stream_count <= STREAM_COUNT_MAX);
    struct search search;
    search_begin(&search, horizon);
    if (horizon->stream_count <= 8) {
        search_8(&search);
    } else if (horizon->stream_count <= 16) {
        search_16(&search);
    } else {
        search_32(&search);
    }
    search_read(&search, ret);
    bool leaves = ret->visit_count > 1 && ret->visits[0].end_s == 0;
    ret->stay_price = leaves ? price_later(horizon, ret) : ret->price;
}
