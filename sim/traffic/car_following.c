#include "sim/traffic/car_following.h"

#include <math.h>

#include "engine/base/random.h"

#define FOR_WIDE _Pragma("omp simd") for (int c = 0; c < WIDE; c++)

static const float CLEARANCE_M = 0.1f;        // between a front and the rear before it, at the very least
static const float CREEP_MPS = 0.3f;
static const float CREEP_GAP_M = 1.0f;        // beyond the standing gap
static const float GAP_M_MIN = 0.1f;          // IDM divides by the gap

struct wide_types {
    _Alignas(64) float acceleration[WIDE], deceleration[WIDE], emergency[WIDE], headway[WIDE], gap[WIDE],
        length[WIDE], closing[WIDE], imperfection[WIDE];
    int32_t krauss[WIDE];
};

// The leader of each column, before and after its own step.
struct wide_leader {
    _Alignas(64) float rear[WIDE], speed[WIDE], rear_after[WIDE], speed_after[WIDE], bound[WIDE], cap[WIDE];
};

static void types_spread(const struct type_table *table, const uint32_t *kind, struct wide_types *ret)
{
    for (int c = 0; c < WIDE; c++) {
        uint32_t type = kind[c] & KIND_TYPE;
        ret->acceleration[c] = table->acceleration[type];
        ret->deceleration[c] = table->deceleration[type];
        ret->emergency[c] = table->emergency[type];
        ret->headway[c] = table->headway[type];
        ret->gap[c] = table->gap[type];
        ret->length[c] = table->length[type];
        ret->closing[c] = table->closing[type];
        ret->imperfection[c] = table->imperfection[type];
        ret->krauss[c] = table->krauss[type];
    }
}

static void leader_of_head(const struct ahead *ahead, float step_s, struct wide_leader *ret)
{
    FOR_WIDE {
        ret->rear[c] = ahead->rear[c];
        ret->speed[c] = ret->speed_after[c] = ahead->speed[c];
        ret->rear_after[c] = ahead->rear[c] + ahead->speed[c] * step_s;
        ret->bound[c] = ahead->bound[c];
        ret->cap[c] = ahead->cap[c];
    }
}

static void idm_row(const struct follow_job *job, const struct wide_types *types, const struct wide_leader *leader,
                    const struct row *row, float *front, float *speed)
{
    float part = 1.0f / (float)job->substeps;
    float h = job->step_s * part;
    FOR_WIDE {
        front[c] = row->front[c];
        speed[c] = row->speed[c];
    }
    for (int32_t i = 0; i < job->substeps; i++) {
        float at = ((float)i + 0.5f) * part;   // the leader, halfway through the substep
        FOR_WIDE {
            float v = speed[c];
            float rear = leader->rear[c] + (leader->rear_after[c] - leader->rear[c]) * at;
            float ahead = leader->speed[c] + (leader->speed_after[c] - leader->speed[c]) * at;
            float s = rear - (front[c] + v * (0.5f * h));
            s = s > GAP_M_MIN ? s : GAP_M_MIN;
            float reach = v * types->headway[c] + v * (v - ahead) * types->closing[c];
            float wish = types->gap[c] + (reach > 0.0f ? reach : 0.0f);
            float near = wish / s;
            float share = v / row->desired[c];
            float free = types->acceleration[c] * (1.0f - share * share * share * share);
            free = free > -types->deceleration[c] ? free : -types->deceleration[c];
            float a = free - types->acceleration[c] * near * near;
            a = a > -types->emergency[c] ? a : -types->emergency[c];
            float after = v + a * h;
            float driven = 0.5f * (v + after) * h;
            float stopping = v * v / (-2.0f * (a < -0.01f ? a : -0.01f));
            driven = after < 0.0f ? stopping : driven;
            front[c] += driven;
            speed[c] = after > 0.0f ? after : 0.0f;
        }
    }
}

// Chosen by hand: gcc turns floorf into a call where SSE4.1 is not assumed. x >= 0 and below 2^24.
static inline float floor_small(float x)
{
    return (float)(int32_t)x;
}

static inline float brake_distance(float v, float brake, float h)
{
    float n = floor_small(v / (brake * h));
    return h * (n * v - brake * h * n * (n + 1.0f) * 0.5f);
}

static inline float stop_speed(float g, float brake, float tau, float h)
{
    // n: the most braking steps that fit: b h^2 n (n - 1) / 2 + b h tau n <= g, solved for n and cut.
    float b = brake * h;
    float root = h * h + 4.0f * (h * (2.0f * g / b - tau) + tau * tau);
    float n = floor_small(0.5f + (sqrtf(root > 0.0f ? root : 0.0f) * 0.5f - tau) / h);
    n = n > 0.0f ? n : 0.0f;
    float used = 0.5f * n * (n - 1.0f) * b * h + n * b * tau;
    float rest = (g - used) / (n * h + tau);
    float x = n * b + rest;
    return g > 0.0f && x > 0.0f ? x : 0.0f;
}

float safe_speed(float gap_m, float leader_mps, float deceleration_mps2, float headway_s, float step_s)
{
    return stop_speed(gap_m + brake_distance(leader_mps, deceleration_mps2, step_s), deceleration_mps2, headway_s,
        step_s);
}

static void krauss_row(const struct follow_job *job, const struct wide_types *types,
                       const struct wide_leader *leader, const struct row *row, const int32_t *count, int32_t k,
                       float *front, float *speed)
{
    float h = job->step_s;
    _Alignas(64) float luck[WIDE];
    for (int c = 0; c < WIDE; c++) {
        luck[c] = 0.0f;
        if (k < count[c] && types->krauss[c] && types->imperfection[c] > 0.0f) {
            uint64_t number = (uint64_t)job->trips[row->trip[c]].number;
            luck[c] = (float)(random_bits(job->seed, RANDOM_DAWDLE, number, job->step) >> 40) * 0x1.0p-24f;
        }
    }
    FOR_WIDE {
        float v = row->speed[c];
        float b = types->deceleration[c];
        float g = leader->rear[c] - row->front[c] - types->gap[c];
        float safe = stop_speed(g + brake_distance(leader->speed[c], b, h), b, types->headway[c], h);
        float most = v + types->acceleration[c] * h;
        most = most < row->desired[c] ? most : row->desired[c];
        float least = v - b * h;
        float hardest = v - types->emergency[c] * h;
        float wish = most < safe ? most : safe;
        float held = wish > (safe < least ? hardest : least) ? wish : (safe < least ? hardest : least);
        float pull = types->acceleration[c] < held ? types->acceleration[c] : held;
        float dawdled = held - types->imperfection[c] * pull * luck[c] * h;
        dawdled = dawdled > least || safe < least ? dawdled : least;
        float after = dawdled > 0.0f ? dawdled : 0.0f;
        bool krauss = types->krauss[c] != 0;
        speed[c] = krauss ? after : speed[c];
        front[c] = krauss ? row->front[c] + after * h : front[c];
    }
}

// The laws that stand above the models.
static void laws_row(const struct follow_job *job, const struct wide_types *types, const struct wide_leader *leader,
                     const struct row *row, float *front, float *speed)
{
    float h = job->step_s;
    FOR_WIDE {
        float old = row->front[c], v = row->speed[c];
        float slowest = v - types->emergency[c] * h;
        float cap = leader->cap[c] > slowest ? leader->cap[c] : slowest;
        float capped = old + 0.5f * (v + cap) * h;
        bool over = speed[c] > cap;
        speed[c] = over ? cap : speed[c];
        front[c] = over && front[c] > capped ? capped : front[c];

        float gap = leader->rear[c] - old;
        bool stands = v < CREEP_MPS && gap < types->gap[c] + CREEP_GAP_M && leader->speed_after[c] < SPEED_WAITING_MPS;
        front[c] = stands ? old : front[c];
        speed[c] = stands ? 0.0f : speed[c];

        float bound = leader->bound[c] > old ? leader->bound[c] : old;
        bool held = front[c] > bound;
        front[c] = held ? bound : front[c];
        float fits = (front[c] - old) / h;
        speed[c] = held && speed[c] > fits ? fits : speed[c];
    }
}

// Seconds in this step during which a vehicle covers its lane's loop, its front running evenly from old to front.
static void loop_row(const struct follow_job *job, const struct wide_types *types, const struct row *row,
                     const float *front, const float *speed, const int32_t *count, int32_t k, struct loop_layer *loop)
{
    FOR_WIDE {
        float from = row->front[c], to = front[c];
        float begin = loop->from[c], end = loop->to[c] + types->length[c];   // fronts at which it covers the loop
        bool here = k < count[c] && loop->to[c] > loop->from[c];
        float moved = to - from;
        float pace = 1.0f / (moved > 0.001f ? moved : 0.001f);
        float in = (begin - from) * pace;
        in = in > 0.0f ? in : 0.0f;
        float out = (end - from) * pace;
        out = out < 1.0f ? out : 1.0f;
        float share = out > in ? out - in : 0.0f;
        bool still = moved <= 0.001f;
        float covered = from >= begin && from < end ? 1.0f : 0.0f;
        share = still ? covered : share;
        bool left = here && from < end && to >= end;
        loop->occupied_ms[c] += here ? (int32_t)(share * (float)job->step_ms + 0.5f) : 0;
        loop->count[c] += left ? 1 : 0;
        loop->speed_mmps[c] += left ? (int32_t)(speed[c] * 1000.0f) : 0;
    }
}

static int32_t halt_row(struct row *row, const float *speed, const int32_t *count, int32_t k)
{
    int32_t queued = 0;
    _Pragma("omp simd reduction(+ : queued)")
    for (int c = 0; c < WIDE; c++) {
        uint32_t halt = row->halt[c];
        uint32_t waits = speed[c] < SPEED_WAITING_MPS ? 1u : 0u;
        uint32_t stops = waits & halt & HALT_FAST;
        uint32_t fast = speed[c] > SPEED_QUEUED_MPS ? 1u : (halt & ~waits & HALT_FAST);
        uint32_t room = (halt / HALT_WAIT) < HALT_WAIT_MAX ? waits : 0u;
        row->halt[c] = ((halt & ~HALT_FAST) | fast) + stops * HALT_STOP + room * HALT_WAIT;
        queued += k < count[c] && speed[c] < SPEED_QUEUED_MPS ? 1 : 0;
    }
    return queued;
}

// Where a line closed behind the head, those who can stop before it and need to brake harder for it than for their
// leader follow the line.
static void leader_or_line(const struct wide_types *types, const struct ahead *ahead, const struct row *row,
                           struct wide_leader *leader)
{
    FOR_WIDE {
        float v = row->speed[c];
        float to_line = ahead->hold[c] - row->front[c];
        bool stops = v * v < 2.0f * YELLOW_MPS2 * to_line;
        float s = leader->rear[c] - row->front[c];
        float reach = v * types->headway[c] + v * (v - leader->speed[c]) * types->closing[c];
        float strain = (types->gap[c] + (reach > 0.0f ? reach : 0.0f)) / (s > GAP_M_MIN ? s : GAP_M_MIN);
        float reach_line = v * types->headway[c] + v * v * types->closing[c];
        float s_line = to_line + types->gap[c] - STOP_MARGIN_M;
        float strain_line = (types->gap[c] + reach_line) / (s_line > GAP_M_MIN ? s_line : GAP_M_MIN);
        bool line = stops && strain_line > strain;
        leader->rear[c] = line ? row->front[c] + s_line : leader->rear[c];
        leader->rear_after[c] = line ? row->front[c] + s_line : leader->rear_after[c];
        leader->speed[c] = line ? 0.0f : leader->speed[c];
        leader->speed_after[c] = line ? 0.0f : leader->speed_after[c];
    }
}

void follow_rows(const struct follow_job *job, struct row *rows, int32_t row_count, const int32_t *count,
                 const struct ahead *ahead, struct loop_layer *loops, int32_t loop_count, int64_t *queued)
{
    struct wide_types types;
    struct wide_leader leader;
    leader_of_head(ahead, job->step_s, &leader);
    static const uint32_t first_type[WIDE] = { 0 };
    if (job->one_type) {
        types_spread(job->types, first_type, &types);
    }
    for (int32_t k = 0; k < row_count; k++) {
        struct row *row = &rows[k];
        _Alignas(64) float front[WIDE], speed[WIDE];
        if (!job->one_type) {
            types_spread(job->types, row->kind, &types);
        }
        if (k > 0 && ahead->holds) {
            leader_or_line(&types, ahead, row, &leader);
        }
        idm_row(job, &types, &leader, row, front, speed);
        if (!job->only_idm) {
            krauss_row(job, &types, &leader, row, count, k, front, speed);
        }
        laws_row(job, &types, &leader, row, front, speed);
        for (int32_t i = 0; i < loop_count; i++) {
            loop_row(job, &types, row, front, speed, count, k, &loops[i]);
        }
        *queued += halt_row(row, speed, count, k);
        FOR_WIDE {
            leader.rear[c] = row->front[c] - types.length[c];
            leader.speed[c] = row->speed[c];
            leader.rear_after[c] = front[c] - types.length[c];
            leader.speed_after[c] = speed[c];
            float behind = leader.rear_after[c] - CLEARANCE_M;
            leader.bound[c] = behind < ahead->line[c] ? behind : ahead->line[c];
            leader.cap[c] = 1.0e6f;
            row->front[c] = front[c];
            row->speed[c] = speed[c];
        }
    }
}
