#include "engine/optimize/horizon.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "engine/base/ids.h"
#include "engine/base/clones.h"

#define LABELS 2                      // courses kept of each stage and second; runs are written out for two
#define FINE_S 12                     // until then a stage may be left at every second, later at every COARSE_S, a
#define COARSE_S 3                    // divisor of both FINE_S and HORIZON_S
#define LEAVE_COUNT (FINE_S + (HORIZON_S - FINE_S) / COARSE_S)   // seconds at which it may
#define EARLY_VISITS 3                // the last visit that an early_only stage may be; the present one is the first
static const float OPEN_MIN = 0.05f;  // of the time: somebody slips through at the end
static const float NEED_VEH_MIN = 0.3f;   // a stage that gains fewer than this is not worth a change

// A course that has a stage green, free to be left, at a second. Its streams stand in search.gone at the same index.
struct label {
    float price;                      // so far
    float queue;                      // weighed vehicles that wait
    int16_t start_s;                  // of the stage
    int16_t prev_stage, prev_end_s;   // when the stage before was left; unused in the first visit
    int16_t prev;                     // which of its LABELS courses it was
    int16_t visits;                   // stages so far
};

// One course, or both of a label.
struct run {
    float gone[LABELS][STREAM_COUNT_MAX], waited[LABELS][STREAM_COUNT_MAX];
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

INLINE void row_set(float *row, float value, int32_t width)
{
#pragma omp simd
    for (int32_t r = 0; r < width; r++) {
        row[r] = value;
    }
}

INLINE void run_copy(struct run *to, const struct run *from, int32_t courses, int32_t width)
{
    row_copy(to->gone[0], from->gone[0], width);
    row_copy(to->waited[0], from->waited[0], width);
    if (courses > 1) {
        row_copy(to->gone[1], from->gone[1], width);
        row_copy(to->waited[1], from->waited[1], width);
    }
}

// What a second more of those who wait at second 0 counts at second k.
INLINE void dearer(const struct horizon *horizon, int32_t k, float *ret, int32_t width)
{
    float rise = horizon->waited_rise * (float)k;
#pragma omp simd
    for (int32_t r = 0; r < width; r++) {
        ret[r] = horizon->waited[r] + rise;
    }
}

// Whether in one of both courses some of those who wait at second 0 still do. Once they have gone nothing is dearer.
INLINE bool old_wait(const float *first, const struct run *run, int32_t width)
{
    int32_t wait = 0;
#pragma omp simd reduction(|: wait)
    for (int32_t r = 0; r < width; r++) {
        float one = run->gone[0][r], other = run->gone[1][r];
        wait |= (one < other ? one : other) < first[r];
    }
    return wait != 0;
}

// One second of one course. first: arrived[0]; old: some of these may still wait.
INLINE void second_pass(const float *arrived, const float *first, const float *dear, const float *step, float *gone,
                        float *waited, bool old, int32_t width)
{
#pragma omp simd
    for (int32_t r = 0; r < width; r++) {
        if (step != NULL) {
            float next = gone[r] + step[r];
            gone[r] = next < arrived[r] ? next : arrived[r];
        }
        float still = old ? dear[r] * (first[r] - (gone[r] < first[r] ? gone[r] : first[r])) : 0.0f;
        waited[r] += old ? (arrived[r] - gone[r]) + still : arrived[r] - gone[r];
    }
}

// Seconds from_s + 1 .. to_s at the given rates, for one course or both: what one waits for, the other fills. Numbers
// of courses and widths are constants at every call, so that rows become vectors and stay in registers. trace, where it
// is not NULL, takes who of the first course has passed by each second. rate NULL: nobody passes. old: see old_wait.
INLINE void advance(const struct horizon *horizon, struct run *run, const float *rate, int32_t from_s, int32_t to_s,
                    float (*trace)[STREAM_COUNT_MAX], bool old, int32_t courses, int32_t width)
{
    float rates[STREAM_COUNT_MAX], first[STREAM_COUNT_MAX], dear[STREAM_COUNT_MAX];
    const float *step = rate != NULL ? rates : NULL;
    if (rate != NULL) {
        row_copy(rates, rate, width);
    }
    row_copy(first, horizon->arrived[0], width);
    for (int32_t k = from_s + 1; k <= to_s; k++) {
        dearer(horizon, k, dear, width);
        second_pass(horizon->arrived[k], first, dear, step, run->gone[0], run->waited[0], old, width);
        if (courses > 1) {
            second_pass(horizon->arrived[k], first, dear, step, run->gone[1], run->waited[1], old, width);
        }
        if (trace != NULL) {
            row_copy(trace[k], run->gone[0], width);
        }
    }
}

// The same as horizon->giving, as columns of streams: to whom a stage's foes shut the gap, for how long. So all who
// give way are looked at side by side, and what one second leaves in the registers is what the next begins with.
struct ways {
    int32_t first_column[HORIZON_STAGE_COUNT_MAX + 1];         // of each stage: one for each foe
    int16_t foe[FOE_COUNT_MAX];                                // a stream, by column
    _Alignas(ROW_ALIGN) float shut_s[FOE_COUNT_MAX][STREAM_COUNT_MAX];   // by column
    _Alignas(ROW_ALIGN) float part[HORIZON_STAGE_COUNT_MAX][STREAM_COUNT_MAX];   // 0 for who does not give way
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

// Those who will pass in a second after which `arrived` have come, were it not for any foes.
INLINE void passing(const float *arrived, const float *capacity, const float *gone, float *ret, int32_t width)
{
#pragma omp simd
    for (int32_t r = 0; r < width; r++) {
        float waiting = arrived[r] - gone[r];
        ret[r] = waiting < capacity[r] ? waiting : capacity[r];
    }
}

INLINE void gap_shut(const float *shut_s, float vehicles, float *open, int32_t width)
{
#pragma omp simd
    for (int32_t r = 0; r < width; r++) {
        open[r] -= shut_s[r] * vehicles;
    }
}

// What the gaps let pass of the capacity.
INLINE void gap_step(const float *open, const float *capacity, const float *part, float *ret, int32_t width)
{
#pragma omp simd
    for (int32_t r = 0; r < width; r++) {
        float gap = open[r] > OPEN_MIN ? open[r] : OPEN_MIN;
        ret[r] = capacity[r] * gap / (gap * (1.0f - part[r]) + part[r]);
    }
}

// Seconds from_s + 1 .. to_s of a stage's green.
INLINE void flow(const struct horizon *horizon, const struct ways *ways, struct run *run, int32_t stage, int32_t from_s,
                 int32_t to_s, float (*trace)[STREAM_COUNT_MAX], bool old, int32_t courses, int32_t width)
{
    const float *capacity = horizon->capacity[stage], *part = ways->part[stage];
    int32_t first = ways->first_column[stage], after = ways->first_column[stage + 1];
    if (first == after) {
        advance(horizon, run, capacity, from_s, to_s, trace, old, courses, width);
        return;
    }
    float pass[LABELS][STREAM_COUNT_MAX], open[LABELS][STREAM_COUNT_MAX], step[LABELS][STREAM_COUNT_MAX];
    float dear[STREAM_COUNT_MAX];
    const float *first_row = horizon->arrived[0];
    for (int32_t k = from_s + 1; k <= to_s; k++) {
        const float *arrived = horizon->arrived[k];
        dearer(horizon, k, dear, width);
        passing(arrived, capacity, run->gone[0], pass[0], width);
        row_set(open[0], 1.0f, width);
        if (courses > 1) {
            passing(arrived, capacity, run->gone[1], pass[1], width);
            row_set(open[1], 1.0f, width);
        }
        for (int32_t i = first; i < after; i++) {
            gap_shut(ways->shut_s[i], pass[0][ways->foe[i]], open[0], width);
            if (courses > 1) {
                gap_shut(ways->shut_s[i], pass[1][ways->foe[i]], open[1], width);
            }
        }
        gap_step(open[0], capacity, part, step[0], width);
        second_pass(arrived, first_row, dear, step[0], run->gone[0], run->waited[0], old, width);
        if (courses > 1) {
            gap_step(open[1], capacity, part, step[1], width);
            second_pass(arrived, first_row, dear, step[1], run->gone[1], run->waited[1], old, width);
        }
        if (trace != NULL) {
            row_copy(trace[k], run->gone[0], width);
        }
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

// The same ahead_s seconds before the stage's start: streams that have started have the rates of the stage to come.
INLINE void rates_ahead(const struct horizon *horizon, int32_t from, int32_t to, int32_t ahead_s, float *ret,
                        int32_t width)
{
    const uint8_t *lead_s = horizon->lead_s[from][to];
    rates_between(horizon, from, to, ret, width);
#pragma omp simd
    for (int32_t r = 0; r < width; r++) {
        ret[r] = lead_s[r] >= ahead_s ? horizon->capacity[to][r] : ret[r];
    }
}

#define LABEL_COUNT_MAX (LEAVE_COUNT * HORIZON_STAGE_COUNT_MAX * LABELS)

struct search {
    const struct horizon *horizon;
    struct ways ways;
    struct label labels[LABEL_COUNT_MAX];                      // by second at which a stage may be left, stage, course
    float rank[LABEL_COUNT_MAX];      // what the courses of one stage and second are compared by; INFINITY: no course
    _Alignas(ROW_ALIGN) float gone[LABEL_COUNT_MAX * STREAM_COUNT_MAX];   // `width` of each label, side by side
    // What a vehicle still costs once a stage plays.
    _Alignas(ROW_ALIGN) float wait_s[HORIZON_STAGE_COUNT_MAX][STREAM_COUNT_MAX];
    bool apart[HORIZON_STAGE_COUNT_MAX][HORIZON_STAGE_COUNT_MAX];   // no stream is served by both stages
    struct label last;                // the best complete course: its last stage ends with the horizon
    int32_t last_parent;              // the label that it came from
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

// Takes a course to the label (stage, at_s), or to the end of the horizon. Of equal ones that from the earlier parent
// stays.
INLINE void offer(struct search *search, int32_t stage, int32_t at_s, const struct label *label, int32_t parent,
                  const float *gone, int32_t width)
{
    const struct horizon *horizon = search->horizon;
    if (at_s >= HORIZON_S) {
        float price = label->price + horizon->end_price * label->queue;
        if (price < search->last_price || (price == search->last_price && parent < search->last_parent)) {
            search->last_price = price;
            search->last = *label;
            search->last_parent = parent;
            search->last_stage = (int16_t)stage;
        }
        return;
    }
    int32_t first = label_index(horizon, at_s, stage, 0), worst = first;
    for (int32_t i = first; i < first + LABELS; i++) {
        const struct label *known = &search->labels[i];
        if (search->rank[i] < INFINITY && known->price == label->price && known->queue == label->queue) {
            return;                   // as good as the same course
        }
        worst = search->rank[i] > search->rank[worst] ? i : worst;
    }
    float rank = label->price + to_come(search, stage, gone, at_s, width);
    if (rank < search->rank[worst]) {
        search->labels[worst] = *label;
        search->rank[worst] = rank;
        row_copy(search->gone + worst * width, gone, width);
    }
}

INLINE void root(struct search *search, int32_t width)
{
    const struct horizon *horizon = search->horizon;
    struct run run;
    struct label label = { .visits = 1 };
    row_set(run.gone[0], 0.0f, width);
    row_set(run.waited[0], 0.0f, width);
    int32_t leave_s = leave_from(horizon->leave_s);
    flow(horizon, &search->ways, &run, horizon->stage_now, 0, leave_s, NULL, true, 1, width);
    label.price = weigh(horizon, run.waited[0], width);
    label.queue = waiting(horizon, run.gone[0], leave_s, width);
    offer(search, horizon->stage_now, leave_s, &label, INDEX_NONE, run.gone[0], width);
}

// Both courses of a label. Where there is but one it stands for the other too.
INLINE void run_begin(const struct search *search, int32_t index, int32_t width, struct run *ret)
{
    int32_t other = search->rank[index + 1] < INFINITY ? index + 1 : index;
    row_copy(ret->gone[0], search->gone + index * width, width);
    row_copy(ret->gone[1], search->gone + other * width, width);
    row_set(ret->waited[0], 0.0f, width);
    row_set(ret->waited[1], 0.0f, width);
}

// On in the same stage, until it may be left again.
INLINE void stay(struct search *search, int32_t stage, int32_t at_s, int32_t width)
{
    const struct horizon *horizon = search->horizon;
    int32_t index = label_index(horizon, at_s, stage, 0);
    int32_t end_s = leave_from(at_s + 1);
    struct run run, now;
    run_begin(search, index, width, &now);
    if (old_wait(horizon->arrived[0], &now, width)) {
        flow(horizon, &search->ways, &now, stage, at_s, end_s, NULL, true, LABELS, width);
    } else {
        flow(horizon, &search->ways, &now, stage, at_s, end_s, NULL, false, LABELS, width);
    }
    run_copy(&run, &now, LABELS, width);
    for (int32_t c = 0; c < LABELS && search->rank[index + c] < INFINITY; c++) {
        struct label label = search->labels[index + c];
        label.price += weigh(horizon, run.waited[c], width);
        label.queue = waiting(horizon, run.gone[c], end_s, width);
        offer(search, stage, end_s, &label, index + c, run.gone[c], width);
    }
}

// Whether anybody whom `from` holds back will wait for `to` by end_s.
INLINE bool needed(const struct horizon *horizon, const float *gone, int32_t from, int32_t to, int32_t end_s,
                   int32_t width)
{
    int32_t waits = 0;
#pragma omp simd reduction(|: waits)
    for (int32_t r = 0; r < width; r++) {
        waits |= (horizon->capacity[to][r] > horizon->capacity[from][r])
            & (horizon->arrived[end_s][r] - gone[r] >= NEED_VEH_MIN);
    }
    return waits != 0;
}

// Both courses through a change and the green after it.
INLINE void change_flow(const struct search *search, struct run *run, int32_t from, int32_t to, int32_t at_s,
                        int32_t start_s, int32_t end_s, bool old, int32_t width)
{
    const struct horizon *horizon = search->horizon;
    float both[STREAM_COUNT_MAX];
    int32_t gain_s = at_s + horizon->yellow_gain_s, all_s = start_s + horizon->start_loss_s;
    all_s = all_s > gain_s ? all_s : gain_s;
    int32_t early_s = all_s - horizon->lead_s_most[from][to], moving_s = all_s < end_s ? all_s : end_s;
    gain_s = gain_s < end_s ? gain_s : end_s;
    early_s = early_s > gain_s ? early_s : gain_s;
    early_s = early_s < end_s ? early_s : end_s;
    advance(horizon, run, horizon->capacity[from], at_s, gain_s, NULL, old, LABELS, width);
    if (search->apart[from][to]) {
        advance(horizon, run, NULL, gain_s, early_s, NULL, old, LABELS, width);
    } else {
        rates_between(horizon, from, to, both, width);
        advance(horizon, run, both, gain_s, early_s, NULL, old, LABELS, width);
    }
    for (int32_t k = early_s; k < moving_s; k++) {
        rates_ahead(horizon, from, to, all_s - k, both, width);
        advance(horizon, run, both, k, k + 1, NULL, old, LABELS, width);
    }
    flow(horizon, &search->ways, run, to, moving_s, end_s, NULL, old, LABELS, width);
}

// From one stage to another, until the other may be left in its turn.
INLINE void change(struct search *search, int32_t from, int32_t to, int32_t at_s, int32_t width)
{
    const struct horizon *horizon = search->horizon;
    int32_t index = label_index(horizon, at_s, from, 0);
    struct run run, now;
    run_begin(search, index, width, &now);
    int32_t start_s = at_s + horizon->transition_s[from][to];
    int32_t end_s = leave_from(start_s + horizon->green_s_min[to]);
    int32_t visits_most = horizon->early_only[to] ? EARLY_VISITS : VISIT_COUNT_MAX;
    bool goes[LABELS];
    for (int32_t c = 0; c < LABELS; c++) {
        goes[c] = search->rank[index + c] < INFINITY && search->labels[index + c].visits < visits_most
            && needed(horizon, search->gone + (index + c) * width, from, to, end_s, width);
    }
    if (!goes[0] && !goes[1]) {
        return;
    }
    if (old_wait(horizon->arrived[0], &now, width)) {
        change_flow(search, &now, from, to, at_s, start_s, end_s, true, width);
    } else {
        change_flow(search, &now, from, to, at_s, start_s, end_s, false, width);
    }
    run_copy(&run, &now, LABELS, width);
    for (int32_t c = 0; c < LABELS; c++) {
        if (!goes[c]) {
            continue;
        }
        const float *gone = run.gone[c], *waited = run.waited[c];
        const struct label *parent = &search->labels[index + c];
        struct label label = { .price = parent->price + horizon->switch_price + weigh(horizon, waited, width),
            .queue = waiting(horizon, gone, end_s, width), .start_s = (int16_t)start_s, .prev_stage = (int16_t)from,
            .prev_end_s = (int16_t)at_s, .prev = (int16_t)c, .visits = (int16_t)(parent->visits + 1) };
        offer(search, to, end_s, &label, index + c, gone, width);
    }
}

INLINE void search_all(struct search *search, int32_t width)
{
    const struct horizon *horizon = search->horizon;
    root(search, width);
    for (int32_t k = leave_from(horizon->leave_s); k < HORIZON_S; k = leave_from(k + 1)) {
        for (int32_t s = 0; s < horizon->stage_count; s++) {
            if (search->rank[label_index(horizon, k, s, 0)] == INFINITY) {
                continue;             // The first course of a label is the first to come.
            }
            for (int32_t t = 0; t < horizon->stage_count; t++) {
                if (t != s) {
                    change(search, s, t, k, width);
                }
            }
            stay(search, s, k, width);
        }
    }
}

CLONED static void search_8(struct search *search)
{
    search_all(search, 8);
}

CLONED static void search_16(struct search *search)
{
    search_all(search, 16);
}

CLONED static void search_32(struct search *search)
{
    search_all(search, 32);
}

// The rates of one second of a plan.
struct stretch { const float *rate; int32_t stage, to_s; };   // rate NULL: the stage's green

// Cuts a visit into stretches of constant rates: the yellow before it, the change, the seconds for which some streams
// lead, its green. `rates` holds the rates of the change. Returns their number.
static int32_t stretches_of(const struct horizon *horizon, const struct visit *visits, int32_t i,
                            float (*rates)[STREAM_COUNT_MAX], struct stretch *ret)
{
    int32_t end_s = visits[i].end_s < HORIZON_S ? visits[i].end_s : HORIZON_S;
    int32_t count = 0;
    if (i > 0) {
        int32_t from = visits[i - 1].stage, to = visits[i].stage;
        int32_t gain_s = visits[i - 1].end_s + horizon->yellow_gain_s;
        int32_t moving_s = visits[i].start_s + horizon->start_loss_s;
        moving_s = moving_s > gain_s ? moving_s : gain_s;
        int32_t early_s = moving_s - horizon->lead_s_most[from][to];
        early_s = early_s > gain_s ? early_s : gain_s;
        rates_between(horizon, from, to, rates[0], STREAM_COUNT_MAX);
        ret[count++] = (struct stretch){ horizon->capacity[from], 0, gain_s < HORIZON_S ? gain_s : HORIZON_S };
        ret[count++] = (struct stretch){ rates[0], 0, early_s < HORIZON_S ? early_s : HORIZON_S };
        for (int32_t k = early_s; k < moving_s && k < HORIZON_S; k++) {
            float *row = rates[1 + k - early_s];
            rates_ahead(horizon, from, to, moving_s - k, row, STREAM_COUNT_MAX);
            ret[count++] = (struct stretch){ row, 0, k + 1 };
        }
    }
    ret[count++] = (struct stretch){ NULL, visits[i].stage, end_s };
    return count;
}

// Follows a plan to its end, the last second of which it returns. gone, where it is not NULL, takes who has passed by
// each.
INLINE int32_t follow_all(const struct horizon *horizon, const struct visit *visits, int32_t visit_count,
                          struct run *run, float (*gone)[STREAM_COUNT_MAX], int32_t width)
{
    struct ways ways;
    struct stretch stretches[3 + LEAD_S_MAX];
    float rates[1 + LEAD_S_MAX][STREAM_COUNT_MAX];
    int32_t at_s = 0;
    ways_lay(horizon, &ways);
    for (int32_t i = 0; i < visit_count; i++) {
        int32_t count = stretches_of(horizon, visits, i, rates, stretches);
        for (int32_t j = 0; j < count; j++) {
            int32_t to_s = stretches[j].to_s;
            if (stretches[j].rate != NULL) {
                advance(horizon, run, stretches[j].rate, at_s, to_s, gone, true, 1, width);
            } else {
                flow(horizon, &ways, run, stretches[j].stage, at_s, to_s, gone, true, 1, width);
            }
            at_s = to_s > at_s ? to_s : at_s;
        }
    }
    return at_s;
}

CLONED static int32_t follow(const struct horizon *horizon, const struct visit *visits, int32_t visit_count,
                           struct run *run, float (*gone)[STREAM_COUNT_MAX])
{
    switch (horizon_width(horizon->stream_count)) {
    case 8:
        return follow_all(horizon, visits, visit_count, run, gone, 8);
    case 16:
        return follow_all(horizon, visits, visit_count, run, gone, 16);
    default:
        return follow_all(horizon, visits, visit_count, run, gone, STREAM_COUNT_MAX);
    }
}

float horizon_price(const struct horizon *horizon, const struct visit *visits, int32_t visit_count)
{
    struct run run = { { { 0 } }, { { 0 } } };
    int32_t end_s = follow(horizon, visits, visit_count, &run, NULL), width = horizon_width(horizon->stream_count);
    return (float)(visit_count - 1) * horizon->switch_price + weigh(horizon, run.waited[0], width)
        + horizon->end_price * waiting(horizon, run.gone[0], end_s, width);
}

void horizon_departures(const struct horizon *horizon, const struct visit *visits, int32_t visit_count,
                        float (*gone)[STREAM_COUNT_MAX])
{
    struct run run = { { { 0 } }, { { 0 } } };
    memset(gone[0], 0, sizeof gone[0]);
    int32_t end_s = follow(horizon, visits, visit_count, &run, gone);
    for (int32_t k = end_s + 1; k <= HORIZON_S; k++) {
        memcpy(gone[k], run.gone[0], sizeof gone[k]);
    }
}

static bool stages_apart(const struct horizon *horizon, int32_t from, int32_t to)
{
    for (int32_t r = 0; r < horizon->stream_count; r++) {
        if (horizon->capacity[from][r] > 0.0f && horizon->capacity[to][r] > 0.0f) {
            return false;
        }
    }
    return true;
}

static void search_begin(struct search *search, const struct horizon *horizon)
{
    search->horizon = horizon;
    search->last_price = INFINITY;
    search->last_parent = INDEX_NONE;
    ways_lay(horizon, &search->ways);
    int32_t width = horizon_width(horizon->stream_count);
    for (int32_t s = 0; s < horizon->stage_count; s++) {
        for (int32_t r = 0; r < width; r++) {
            search->wait_s[s][r] = horizon->capacity[s][r] > 0.0f ? horizon->serve_price : horizon->wait_price;
        }
        for (int32_t t = 0; t < horizon->stage_count; t++) {
            search->apart[s][t] = stages_apart(horizon, s, t);
        }
    }
    for (int32_t i = 0; i < LEAVE_COUNT * horizon->stage_count * LABELS; i++) {
        search->rank[i] = INFINITY;
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
    switch (horizon_width(horizon->stream_count)) {
    case 8:
        search_8(&search);
        break;
    case 16:
        search_16(&search);
        break;
    default:
        search_32(&search);
        break;
    }
    search_read(&search, ret);
    bool leaves = ret->visit_count > 1 && ret->visits[0].end_s == 0;
    ret->stay_price = leaves ? price_later(horizon, ret) : ret->price;
}
