#include "sim/traffic/street_kernel.h"

#include <math.h>

#include "engine/base/random.h"
#include "sim/traffic/krauss.h"

#define INLINE inline __attribute__((always_inline))
// Conditions are joined by &, or by the greatest of several terms, rather than by &&: with branches gcc does not
// vectorise.
#define FOR_WIDE _Pragma("omp simd") for (int c = 0; c < WIDE; c++)

static const float CLEARANCE_M = 0.1f;        // between a front and the rear before it, at the very least
static const float CREEP_MPS = 0.1f;
static const float CREEP_GAP_M = 1.0f;        // beyond the standing gap
static const float GAP_M_MIN = 0.1f;          // IDM divides by the gap
#define FEW_TYPES 6

// The leader of each column, before and after its own step.
struct wide_leader {
    _Alignas(64) float rear[WIDE], speed[WIDE], rear_after[WIDE], speed_after[WIDE], margin[WIDE], bound[WIDE],
        cap[WIDE];
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

// Room for the parameters of a row of several types: each is laid over the ones before, from one half to the other, as
// a store of chosen columns is slow on some processors.
struct types_room {
    struct wide_types half[2];
};

// Lays the values of one type over those of the columns whose vehicle is of it.
static INLINE void type_lay(const struct type_table *table, uint32_t type, const uint32_t *restrict kind,
                            const struct wide_types *restrict under, struct wide_types *restrict ret)
{
    float acceleration = table->acceleration[type], deceleration = table->deceleration[type],
        emergency = table->emergency[type], headway = table->headway[type], gap = table->gap[type],
        length = table->length[type], closing = table->closing[type], imperfection = table->imperfection[type];
    int32_t krauss = table->krauss[type];
    FOR_WIDE {
        bool is = (kind[c] & KIND_TYPE) == type;
        ret->acceleration[c] = is ? acceleration : under->acceleration[c];
        ret->deceleration[c] = is ? deceleration : under->deceleration[c];
        ret->emergency[c] = is ? emergency : under->emergency[c];
        ret->headway[c] = is ? headway : under->headway[c];
        ret->gap[c] = is ? gap : under->gap[c];
        ret->length[c] = is ? length : under->length[c];
        ret->closing[c] = is ? closing : under->closing[c];
        ret->imperfection[c] = is ? imperfection : under->imperfection[c];
        ret->krauss[c] = is ? krauss : under->krauss[c];
    }
}

// With few types it is quicker to lay one after the other over all columns than to look each column up; and where all
// vehicles are of the first type, as most rows' are, there is nothing to lay.
static INLINE const struct wide_types *types_lay(const struct follow_job *job, const uint32_t *restrict kind,
                                                 const int32_t *restrict count, int32_t k,
                                                 struct types_room *room)
{
    uint32_t present = 0;              // bit by type
    _Pragma("omp simd reduction(|:present)")
    for (int c = 0; c < WIDE; c++) {
        present |= (1u << (kind[c] & KIND_TYPE)) & (k < count[c] ? UINT32_MAX : 0u);
    }
    const struct wide_types *types = job->first_type;
    struct wide_types *to = &room->half[0];
    for (uint32_t rest = present & ~1u; rest != 0; rest &= rest - 1) {
        type_lay(job->types, (uint32_t)__builtin_ctz(rest), kind, types, to);
        types = to;
        to = to == &room->half[0] ? &room->half[1] : &room->half[0];
    }
    return types;
}

// The parameters of the vehicles of row k. Where a column has no vehicle they are any type's.
static INLINE const struct wide_types *types_of(const struct follow_job *job, const uint32_t *kind,
                                                const int32_t *count, int32_t k, struct types_room *room)
{
    if (job->type_count == 1) {
        return job->first_type;
    }
    if (job->type_count <= FEW_TYPES) {
        return types_lay(job, kind, count, k, room);
    }
    types_spread(job->types, kind, &room->half[0]);
    return &room->half[0];
}

static void leader_of_head(const struct ahead *ahead, float step_s, struct wide_leader *ret)
{
    FOR_WIDE {
        ret->rear[c] = ahead->rear[c];
        ret->speed[c] = ret->speed_after[c] = ahead->speed[c];
        ret->rear_after[c] = ahead->rear[c] + ahead->speed[c] * step_s;
        ret->margin[c] = ahead->margin[c];
        ret->bound[c] = ahead->bound[c];
        ret->cap[c] = ahead->cap[c];
    }
}

struct motion { float front, speed; };

// What one column's vehicle is and sees, as far as IDM and the laws ask.
struct column {
    float front, speed, desired;
    float acceleration, deceleration, emergency, headway, closing;
    float rear, ahead, rear_after, ahead_after;      // the leader's rear and speed, before and after its step
    float margin;                                    // the gap to it at standstill
    float bound, cap;
};

static INLINE struct motion idm_column(const struct column *in, float step_s, const int substeps)
{
    float h = step_s / (float)substeps;
    float v = in->speed, s = in->rear - in->front;
    float slowness = 1.0f / in->desired;
    for (int i = 0; i < substeps; i++) {
        bool room = s > GAP_M_MIN;
        s = room ? s : GAP_M_MIN;
        float reach = v * (in->headway + (v - in->ahead) * in->closing);
        float wish = in->margin + (reach > 0.0f ? reach : 0.0f);
        float near = wish / s;
        float share = v * slowness;
        float square = share * share;
        v = v + in->acceleration * (1.0f - square * square - near * near) * h;
        v = v > 0.0f ? v : 0.0f;
        v = room ? v : 0.0f;
        float closed = (v - in->ahead) * h;
        s -= closed > 0.0f ? closed : 0.0f;
    }
    float most = in->speed - in->deceleration * step_s, least = in->speed - in->emergency * step_s;
    most = most > in->desired ? most : in->desired;
    v = v < most ? v : most;
    v = v > least ? v : least;
    v = v > 0.0f ? v : 0.0f;
    return (struct motion){ in->front + v * step_s, v };
}

// The laws that stand above the models.
static INLINE struct motion laws_column(const struct column *in, struct motion moved, float step_s)
{
    float slowest = in->speed - in->emergency * step_s;
    float cap = in->cap > slowest ? in->cap : slowest;
    float capped = in->front + cap * step_s;
    float speed = moved.speed < cap ? moved.speed : cap;
    float front = moved.front < capped ? moved.front : capped;

    // Below zero where all three are: slow, near, and the leader stands.
    float slow = in->speed - CREEP_MPS;
    float near = in->rear - in->front - in->margin - CREEP_GAP_M;
    float moves = in->ahead_after - SPEED_WAITING_MPS;
    float creeps = slow > near ? slow : near;
    creeps = creeps > moves ? creeps : moves;
    speed = creeps < 0.0f ? 0.0f : speed;
    front = creeps < 0.0f ? in->front : front;

    float bound = in->bound > in->front ? in->bound : in->front;
    float fits = (bound - in->front) * (1.0f / step_s);
    fits = speed < fits ? speed : fits;
    speed = front > bound ? fits : speed;
    front = front > bound ? bound : front;
    return (struct motion){ front, speed };
}

static INLINE uint32_t halt_column(uint32_t halt, float speed)
{
    uint32_t waits = speed < SPEED_WAITING_MPS ? 1u : 0u;
    uint32_t stops = waits & halt & HALT_FAST;
    uint32_t fast = speed > SPEED_QUEUED_MPS ? 1u : (halt & ~waits & HALT_FAST);
    uint32_t room = halt < HALT_WAIT * HALT_WAIT_MAX ? waits : 0u;
    return ((halt & ~HALT_FAST) | fast) + stops * HALT_STOP + room * HALT_WAIT;
}

static INLINE struct column column_of(const struct wide_types *types, const struct wide_leader *leader,
                                      const struct row *row, int c)
{
    return (struct column){ row->front[c], row->speed[c], row->desired[c], types->acceleration[c],
        types->deceleration[c], types->emergency[c], types->headway[c], types->closing[c], leader->rear[c],
        leader->speed[c], leader->rear_after[c], leader->speed_after[c], leader->margin[c], leader->bound[c],
        leader->cap[c] };
}

static INLINE void idm_row(float step_s, const int substeps, const struct wide_types *types,
                           const struct wide_leader *leader, const struct row *row, float *front, float *speed)
{
    FOR_WIDE {
        struct column column = column_of(types, leader, row, c);
        struct motion moved = idm_column(&column, step_s, substeps);
        front[c] = moved.front;
        speed[c] = moved.speed;
    }
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
        float g = leader->rear[c] - row->front[c] - leader->margin[c];
        float safe = stop_speed(g + brake_distance(leader->speed[c], b, h), b, types->headway[c], h);
        float most = v + types->acceleration[c] * h;
        most = most < row->desired[c] ? most : row->desired[c];
        float least = v - b * h;
        float hardest = v - types->emergency[c] * h;
        float wish = most < safe ? most : safe;
        float floor = safe < least ? hardest : least;   // dawdling too brakes no harder
        float held = wish > floor ? wish : floor;
        float pull = types->acceleration[c] < held ? types->acceleration[c] : held;
        float dawdled = held - types->imperfection[c] * pull * luck[c] * h;
        dawdled = dawdled > floor ? dawdled : floor;
        float after = dawdled > 0.0f ? dawdled : 0.0f;
        bool krauss = types->krauss[c] != 0;
        speed[c] = krauss ? after : speed[c];
        front[c] = krauss ? row->front[c] + after * h : front[c];
    }
}

// Whether any vehicle of the row covers its lane's loop at some instant of the step, or clears it.
static INLINE bool loop_met(const struct wide_types *restrict types, const float *restrict old,
                            const float *restrict front, const int32_t *restrict count, int32_t k,
                            const struct loop_layer *restrict loop)
{
    int32_t met = 0;
    _Pragma("omp simd reduction(|:met)")
    for (int c = 0; c < WIDE; c++) {
        met |= (k < count[c]) & (loop->to[c] > loop->from[c]) & (front[c] >= loop->from[c])
            & (old[c] < loop->to[c] + types->length[c]);
    }
    return met != 0;
}

// Seconds in this step during which a vehicle covers its lane's loop, its front running evenly from old to front.
static void loop_row(float step_ms, const struct wide_types *types, const float *old, const float *front,
                     const float *speed, const int32_t *count, int32_t k, struct loop_layer *loop)
{
    FOR_WIDE {
        float from = old[c], to = front[c];
        float begin = loop->from[c], end = loop->to[c] + types->length[c];   // fronts at which it covers the loop
        int32_t here = (k < count[c]) & (loop->to[c] > loop->from[c]);
        float moved = to - from;
        float pace = 1.0f / (moved > 0.001f ? moved : 0.001f);
        float in = (begin - from) * pace;
        in = in > 0.0f ? in : 0.0f;
        float out = (end - from) * pace;
        out = out < 1.0f ? out : 1.0f;
        float share = out > in ? out - in : 0.0f;
        float covered = from < end ? 1.0f : 0.0f;
        covered = from >= begin ? covered : 0.0f;
        share = moved <= 0.001f ? covered : share;
        int32_t left = here & (to >= end) & (from < end);
        loop->occupied_ms[c] += here * (int32_t)(share * step_ms + 0.5f);
        loop->count[c] += left;
        loop->speed_mmps[c] += left * (int32_t)(speed[c] * 1000.0f);
    }
}

// Where a line closed behind the head, those who can stop before it and need to brake harder for it than for their
// leader follow the line.
static void leader_or_line(float step_s, const struct wide_types *types, const struct ahead *ahead,
                           const struct row *row, struct wide_leader *leader)
{
    FOR_WIDE {
        float v = row->speed[c];
        float to_line = ahead->hold[c] - row->front[c];
        float brake = types->deceleration[c] > YELLOW_MPS2 ? types->deceleration[c] : YELLOW_MPS2;
        float saved = types->krauss[c] ? 0.5f * v * step_s : 0.0f;   // as in right_of_way.c
        int stops = v * v < 2.0f * brake * (to_line + saved);
        float s = leader->rear[c] - row->front[c];
        float reach = v * types->headway[c] + v * (v - leader->speed[c]) * types->closing[c];
        float strain = (leader->margin[c] + (reach > 0.0f ? reach : 0.0f)) / (s > GAP_M_MIN ? s : GAP_M_MIN);
        float reach_line = v * types->headway[c] + v * v * types->closing[c];
        float s_line = to_line - STOP_MARGIN_M;
        float strain_line = reach_line / (s_line > GAP_M_MIN ? s_line : GAP_M_MIN);
        int line = stops & (strain_line > strain);
        leader->rear[c] = line ? row->front[c] + s_line : leader->rear[c];
        leader->rear_after[c] = line ? row->front[c] + s_line : leader->rear_after[c];
        leader->speed[c] = line ? 0.0f : leader->speed[c];
        leader->speed_after[c] = line ? 0.0f : leader->speed_after[c];
        leader->margin[c] = line ? 0.0f : leader->margin[c];
    }
}

// One who stops in this row follows the place where it is to stand, if that asks for more than its leader does.
static void stop_heed(const struct wide_types *types, const struct row *row, const struct stop_mark *mark,
                      struct wide_leader *leader)
{
    int32_t c = mark->column;
    float v = row->speed[c], there = leader->speed[c];
    float s = leader->rear[c] - row->front[c], s_stop = mark->rear - row->front[c];
    float reach = types->headway[c] * v + v * (v - there) * types->closing[c];
    float strain = (leader->margin[c] + (reach > 0.0f ? reach : 0.0f)) / (s > GAP_M_MIN ? s : GAP_M_MIN);
    float strain_stop = (types->gap[c] + v * types->headway[c] + v * v * types->closing[c])
        / (s_stop > GAP_M_MIN ? s_stop : GAP_M_MIN);
    // Krauss' drivers count on the way their leader needs to brake.
    bool nearer = s_stop < s + 0.5f * there * there / types->deceleration[c];
    if (types->krauss[c] ? nearer : strain_stop > strain) {
        leader->rear[c] = leader->rear_after[c] = mark->rear;
        leader->margin[c] = types->gap[c];
        leader->speed[c] = leader->speed_after[c] = 0.0f;
    }
    leader->bound[c] = mark->bound < leader->bound[c] ? mark->bound : leader->bound[c];
}

// Laws, halts, and the row as leader of the next one; writes the row, and adds to slow[] those that are queued.
static INLINE void settle_row(float step_s, const struct wide_types *restrict types,
                                 struct wide_leader *restrict leader, const float *restrict line,
                                 const int32_t *restrict count, int32_t k, struct row *restrict row,
                                 const float *restrict front, const float *restrict speed,
                                 int32_t *restrict slow)
{
    FOR_WIDE {
        struct column column = column_of(types, leader, row, c);
        struct motion moved = laws_column(&column, (struct motion){ front[c], speed[c] }, step_s);
        leader->rear[c] = column.front - types->length[c];
        leader->speed[c] = column.speed;
        leader->rear_after[c] = moved.front - types->length[c];
        leader->speed_after[c] = moved.speed;
        float behind = moved.front - types->length[c] - CLEARANCE_M;
        leader->bound[c] = behind < line[c] ? behind : line[c];
        leader->cap[c] = FAR_M;
        row->front[c] = moved.front;
        row->speed[c] = moved.speed;
        row->halt[c] = halt_column(row->halt[c], moved.speed);
        slow[c] += (k < count[c]) & (moved.speed < SPEED_QUEUED_MPS);
    }
}

// Sixteen conditions as bits.
static INLINE uint32_t bits_of(const int32_t *condition)
{
    _Alignas(64) uint32_t bit[WIDE];
    FOR_WIDE {
        bit[c] = (condition[c] != 0 ? 1u : 0u) << c;
    }
    uint32_t all = 0;
    for (int c = 0; c < WIDE; c++) {
        all |= bit[c];
    }
    return all;
}

// After a row has moved, its vehicles lead the next one; where a column goes no further they are its last.
static INLINE void tails_note(const struct wide_leader *restrict leader, const int32_t *restrict count, int32_t k,
                              struct tails *restrict tails)
{
    FOR_WIDE {
        int here = k < count[c];
        tails->rear[c] = here ? leader->rear_after[c] : tails->rear[c];
        tails->speed[c] = here ? leader->speed_after[c] : tails->speed[c];
    }
}

static INLINE uint32_t past_end(const struct row *row, const int32_t *count, const float *length)
{
    _Alignas(64) int32_t past[WIDE];
    FOR_WIDE {
        past[c] = (count[c] > 0) & (row->front[c] > length[c]);
    }
    return bits_of(past);
}

static void follow_rows(const struct follow_job *job, struct follow_rows *all)
{
    struct types_room room;
    struct wide_leader leader;
    const struct ahead *ahead = all->ahead;
    const int32_t *count = all->count, loop_count = all->loop_count;
    struct tails tails = { .rear = { 0.0f } };
    leader_of_head(ahead, job->step_s, &leader);
    _Alignas(64) int32_t slow[WIDE] = { 0 };
    const struct stop_mark *mark = all->marks, *marks_end = mark + all->mark_count;
    for (int32_t k = 0; k < all->row_count; k++) {
        struct row *row = &all->rows[k];
        _Alignas(64) float front[WIDE], speed[WIDE], old[WIDE];
        const struct wide_types *types = types_of(job, row->kind, count, k, &room);
        if (k > 0) {
            FOR_WIDE {
                leader.margin[c] = types->gap[c];
            }
        }
        if (k > 0 && ahead->holds) {
            leader_or_line(job->step_s, types, ahead, row, &leader);
        }
        for (; mark < marks_end && mark->row == k; mark++) {
            stop_heed(types, row, mark, &leader);
        }
        switch (job->substeps) {
        case 1:
            idm_row(job->step_s, 1, types, &leader, row, front, speed);
            break;
        case 2:
            idm_row(job->step_s, 2, types, &leader, row, front, speed);
            break;
        default:
            idm_row(job->step_s, 4, types, &leader, row, front, speed);
            break;
        }
        if (!job->only_idm) {
            krauss_row(job, types, &leader, row, count, k, front, speed);
        }
        for (int c = 0; c < WIDE && loop_count > 0; c++) {
            old[c] = row->front[c];
        }
        settle_row(job->step_s, types, &leader, ahead->line, count, k, row, front, speed, slow);
        tails_note(&leader, count, k, &tails);
        for (int32_t i = 0; i < loop_count; i++) {
            if (loop_met(types, old, row->front, count, k, &all->loops[i])) {
                all->met[i] = 1;
                loop_row((float)job->step_ms, types, old, row->front, row->speed, count, k, &all->loops[i]);
            }
        }
    }
    for (int c = 0; c < WIDE; c++) {
        *all->queued += slow[c];
    }
    all->past = all->length != NULL ? past_end(all->rows, count, all->length) : 0;
    if (all->tails != NULL) {
        *all->tails = tails;
    }
}

static uint32_t heads_prepare(const struct follow_job *job, struct group *group, const struct row *heads,
                              float *ret_fronts)
{
    struct ahead *ahead = &group->ahead;
    struct types_room room;
    const struct wide_types *types = types_of(job, heads->kind, group->count, 0, &room);
    _Alignas(64) int32_t near[WIDE];
    FOR_WIDE {
        float v = heads->speed[c];
        float to_line = group->length[c] - heads->front[c];
        float reach = v * v / types->deceleration[c] + v * LOOK_S + LOOK_M;
        near[c] = (group->count[c] > 0) & (to_line <= reach);
        ret_fronts[c] = heads->front[c];
        ahead->rear[c] = ahead->bound[c] = ahead->cap[c] = ahead->hold[c] = FAR_M;
        ahead->speed[c] = 0.0f;
        ahead->margin[c] = types->gap[c];
        ahead->line[c] = group->length[c] - LINE_MARGIN_M;
    }
    ahead->holds = false;
    return bits_of(near);
}

// Columns of row k whose leader costs them more than MOBIL's threshold: more than that no lane can give.
static uint32_t held_up(const struct follow_job *job, const struct group *group, const struct row *rows, int32_t k)
{
    struct types_room room, room_before;
    const struct row *row = &rows[k];
    const struct wide_types *types = types_of(job, row->kind, group->count, k, &room);
    _Alignas(64) float rear[WIDE], speed[WIDE], margin[WIDE];
    _Alignas(64) int32_t held[WIDE];
    FOR_WIDE {
        rear[c] = group->ahead.rear[c];
        speed[c] = group->ahead.speed[c];
        margin[c] = group->ahead.margin[c];
    }
    if (k > 0) {
        const struct wide_types *before = types_of(job, rows[k - 1].kind, group->count, k - 1, &room_before);
        FOR_WIDE {
            rear[c] = rows[k - 1].front[c] - before->length[c];
            speed[c] = rows[k - 1].speed[c];
            margin[c] = types->gap[c];
        }
    }
    FOR_WIDE {
        float v = row->speed[c];
        float s = rear[c] - row->front[c];
        s = s > GAP_M_MIN ? s : GAP_M_MIN;
        float reach = v * (types->headway[c] + (v - speed[c]) * types->closing[c]);
        float near = (margin[c] + (reach > 0.0f ? reach : 0.0f)) / s;
        held[c] = types->acceleration[c] * near * near > GAIN_MPS2;
    }
    return bits_of(held);
}

static void lane_wishes(const struct follow_job *job, const struct group *group, const struct row *rows,
                        struct side_wish side, int32_t first, int32_t end, uint32_t *ret_must, uint32_t *ret_gain)
{
    uint32_t must_bit = side.left ? KIND_LEFT : KIND_RIGHT;
    uint32_t free_bit = side.left ? KIND_FREE_LEFT : KIND_FREE_RIGHT;
    _Alignas(64) uint32_t must[WIDE], looks[WIDE];
    for (int32_t k = first; k < end; k++) {
        const struct row *row = &rows[k];
        FOR_WIDE {
            uint32_t kind = row->kind[c];
            float v = row->speed[c];
            uint32_t here = k < group->count[c];
            uint32_t may = ((kind & free_bit) != 0) & ((kind >> KIND_LUCK_SHIFT) % GAIN_TURNS == side.turn)
                & (v < GAIN_HELD_UP * row->desired[c]) & (v > GAIN_SPEED_MPS)
                & (row->front[c] < group->length[c] - GAIN_LAST_M);
            must[c] = (here & ((kind & must_bit) != 0)) << c;
            looks[c] = (here & may) << c;
        }
        uint32_t all_must = 0, all_looks = 0;
        for (int c = 0; c < WIDE; c++) {
            all_must |= must[c];
            all_looks |= looks[c];
        }
        ret_must[k - first] = all_must;
        ret_gain[k - first] = all_looks != 0 ? all_looks & held_up(job, group, rows, k) : 0;
    }
}

#define KERNEL_NAME_OF(isa) street_kernel_##isa
#define KERNEL_NAME(isa) KERNEL_NAME_OF(isa)
#define KERNEL_TEXT_OF(isa) #isa
#define KERNEL_TEXT(isa) KERNEL_TEXT_OF(isa)

const struct street_kernel KERNEL_NAME(KERNEL_ISA) = { .name = KERNEL_TEXT(KERNEL_ISA), .follow_rows = follow_rows,
    .heads_prepare = heads_prepare, .lane_wishes = lane_wishes };
