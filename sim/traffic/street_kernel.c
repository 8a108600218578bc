#include "sim/traffic/street_kernel.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "engine/base/random.h"
#include "sim/traffic/krauss.h"
#include "sim/traffic/moving.h"
#include "sim/traffic/row_types.h"
#include "sim/traffic/settling.h"
#include "sim/traffic/wide.h"

static const float CLEARANCE_M = 0.1f;        // between a front and the rear before it, at the very least
static const float CREEP_MPS = 0.1f;
static const float CREEP_GAP_M = 1.0f;        // beyond the standing gap
static const float GAP_M_MIN = 0.1f;          // IDM divides by the gap

// The leader of each column at the step's beginning.
struct wide_leader {
    _Alignas(64) float rear[WIDE], speed[WIDE], margin[WIDE];
};

static const uint32_t COLUMN_BIT[WIDE] = { 1u << 0, 1u << 1, 1u << 2, 1u << 3, 1u << 4, 1u << 5, 1u << 6, 1u << 7,
    1u << 8, 1u << 9, 1u << 10, 1u << 11, 1u << 12, 1u << 13, 1u << 14, 1u << 15 };

// What the laws ask of the leader of each column: its speed after its own step, and how far one may go.
struct wide_laws {
    _Alignas(64) float speed_after[WIDE], bound[WIDE];
};

// What is found of a row before any has moved.
struct prepared {
    _Alignas(64) float creep[WIDE];    // below 0: slow, and near to its leader
    float stop_bound[WIDE];            // where `special`: of a place where one is to stand, or FAR_M
    int32_t heeds_place[WIDE];         // where `special`: follows a place, not its leader
    const struct wide_types *types;
    bool special;
};

// What IDM asks of the types of vehicles that lie side by side.
struct idm_types {
    const float *acceleration, *deceleration, *emergency, *headway, *closing;
};

// IDM's begin: what stays the same in all substeps.
static INLINE void idm_begin(struct pack *restrict pack, int32_t first)
{
    FOR_WIDE {
        pack->begin[first + c] = pack->speed[first + c];
        pack->slowness[first + c] = 1.0f / pack->desired[first + c];
    }
}

static INLINE void idm_substep(struct pack *restrict pack, int32_t first, struct idm_types types, float h)
{
    float *speed = &pack->speed[first], *gap = &pack->gap[first];
    const float *slowness = &pack->slowness[first], *ahead = &pack->ahead[first], *margin = &pack->margin[first];
    FOR_WIDE {
        float v = speed[c], s = gap[c];
        bool room = s > GAP_M_MIN;
        s = room ? s : GAP_M_MIN;
        float reach = v * (types.headway[c] + (v - ahead[c]) * types.closing[c]);
        float wish = margin[c] + (reach > 0.0f ? reach : 0.0f);
        float near = wish / s;
        float share = v * slowness[c];
        float square = share * share;
        v = v + types.acceleration[c] * (1.0f - square * square - near * near) * h;
        v = v > 0.0f ? v : 0.0f;
        v = room ? v : 0.0f;
        float closed = (v - ahead[c]) * h;
        speed[c] = v;
        gap[c] = s - (closed > 0.0f ? closed : 0.0f);
    }
}

static INLINE void idm_end(struct pack *restrict pack, int32_t first, struct idm_types types, float step_s)
{
    float *speed = &pack->speed[first];
    const float *begin = &pack->begin[first], *desired = &pack->desired[first];
    FOR_WIDE {
        float v = speed[c];
        float most = begin[c] - types.deceleration[c] * step_s, least = begin[c] - types.emergency[c] * step_s;
        most = most > desired[c] ? most : desired[c];
        v = v < most ? v : most;
        v = v > least ? v : least;
        speed[c] = v > 0.0f ? v : 0.0f;
    }
}

static INLINE struct idm_types idm_types_at(const struct follow_job *job, const struct pack *pack, int32_t first,
                                            bool mixed)
{
    const struct wide_types *one = job->first_type;
    return mixed ? (struct idm_types){ &pack->acceleration[first], &pack->deceleration[first], &pack->emergency[first],
        &pack->headway[first], &pack->closing[first] }
        : (struct idm_types){ one->acceleration, one->deceleration, one->emergency, one->headway, one->closing };
}

// IDM: the speeds at the step's end. Where one stands whatever it says (laws_row), it is not asked. Each substep is
// done for all before the next: one vehicle's substeps wait for one another. What lies beyond the last one in a pack is
// of an earlier one, and nobody's.
static INLINE void pack_move(const struct follow_job *job, struct pack *pack, bool mixed)
{
    int32_t count = pack->count;
    float h = job->step_s / (float)job->substeps;
    for (int32_t first = 0; first < count; first += WIDE) {
        idm_begin(pack, first);
    }
    for (int32_t i = 0; i < job->substeps; i++) {
        for (int32_t first = 0; first < count; first += WIDE) {
            idm_substep(pack, first, idm_types_at(job, pack, first, mixed), h);
        }
    }
    for (int32_t first = 0; first < count; first += WIDE) {
        idm_end(pack, first, idm_types_at(job, pack, first, mixed), job->step_s);
    }
}

static INLINE uint32_t halt_column(uint32_t halt, float speed)
{
    uint32_t waits = speed < SPEED_WAITING_MPS ? UINT32_MAX : 0u;
    uint32_t fast = speed > SPEED_QUEUED_MPS ? HALT_FAST : (halt & ~waits & HALT_FAST);
    uint32_t stop = (halt & HALT_FAST) != 0 ? HALT_STOP : 0u;
    uint32_t room = halt / HALT_WAIT != HALT_WAIT_MAX ? HALT_WAIT : 0u;
    return ((halt & ~HALT_FAST) | fast) + ((stop + room) & waits);
}

static void krauss_row(const struct follow_job *job, const struct wide_types *types,
                       const struct wide_leader *leader, const struct row *row, const int32_t *count, int32_t k,
                       float *speed)
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
    }
}

// Whether any vehicle of the row has come to its lane's loop; and whether one covers it at some instant of the step, or
// clears it.
static INLINE bool loop_reached(const struct wide_types *restrict types, const float *restrict old,
                                const float *restrict front, const int32_t *restrict count, int32_t k,
                                const struct loop_layer *restrict loop, bool *ret_met)
{
    int32_t reached = 0, met = 0;
    _Pragma("omp simd reduction(|:reached, met)")
    for (int c = 0; c < WIDE; c++) {
        int32_t there = (k < count[c]) & (loop->to[c] > loop->from[c]) & (front[c] >= loop->from[c]);
        reached |= there;
        met |= there & (old[c] < loop->to[c] + types->length[c]);
    }
    *ret_met = met != 0;
    return reached != 0;
}

// Seconds in this step during which a vehicle covers its lane's loop, its front running evenly from old to front.
static void loop_row(float step_ms, const struct wide_types *types, const float *old, const float *front,
                     const float *speed, const int32_t *count, int32_t k, struct loop_layer *loop,
                     struct loops_met *met)
{
    _Alignas(64) int32_t over[WIDE], cleared[WIDE];
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
        int32_t ms = here * (int32_t)(share * step_ms + 0.5f);
        over[c] = -(ms != 0);
        cleared[c] = -left;
        loop->occupied_ms[c] += ms;
        loop->count[c] += left;
        loop->speed_mmps[c] += left * (int32_t)(speed[c] * 1000.0f);
    }
    met->covered = (uint16_t)(met->covered | bits_of(over));
    met->cleared = (uint16_t)(met->cleared | bits_of(cleared));
}

// Where a line closed behind the head, those who can stop before it and need to brake harder for it than for their
// leader follow the line: at red all who can by any braking, else who can comfortably.
static void leader_or_line(float step_s, const struct wide_types *types, const struct ahead *ahead,
                           const struct row *row, struct wide_leader *leader, int32_t *heeds_place)
{
    FOR_WIDE {
        float v = row->speed[c];
        float to_line = ahead->hold[c] - row->front[c];
        float comfort = types->deceleration[c] > YELLOW_MPS2 ? types->deceleration[c] : YELLOW_MPS2;
        float brake = (ahead->red & COLUMN_BIT[c]) != 0 ? types->emergency[c] : comfort;
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
        leader->speed[c] = line ? 0.0f : leader->speed[c];
        leader->margin[c] = line ? 0.0f : leader->margin[c];
        heeds_place[c] |= line;
    }
}

// One who stops in this row follows the place where it is to stand, if that asks for more than its leader does.
static void stop_heed(const struct wide_types *types, const struct row *row, const struct stop_mark *mark,
                      struct wide_leader *leader, struct prepared *prepared)
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
        leader->rear[c] = mark->rear;
        leader->margin[c] = types->gap[c];
        leader->speed[c] = 0.0f;
        prepared->heeds_place[c] = 1;
    }
    prepared->stop_bound[c] = mark->bound < prepared->stop_bound[c] ? mark->bound : prepared->stop_bound[c];
}

// The columns of row k in which IDM must be asked: all but those who stand for sure, being slow and near to somebody
// who stands for sure (stands). Says of the row who does, for the next one, and gives the gaps.
static INLINE uint32_t movers_find(const struct wide_types *restrict types, const struct wide_leader *restrict leader,
                                   const struct row *restrict row, const int32_t *restrict count, int32_t k,
                                   int32_t *restrict stands, float *restrict creep, float *restrict gap)
{
    _Alignas(64) int32_t moves[WIDE];
    FOR_WIDE {
        gap[c] = leader->rear[c] - row->front[c];
        float slow = row->speed[c] - CREEP_MPS;
        float near = gap[c] - leader->margin[c] - CREEP_GAP_M;
        creep[c] = slow > near ? slow : near;
        int32_t stand = stands[c] & -(creep[c] < 0.0f);
        stands[c] = stand;
        moves[c] = -(k < count[c]) & ~stand & (types->krauss[c] - 1);
    }
    return bits_of(moves);
}

// The laws that stand above the models, and halts, for row k; makes it the leader of the next one, and adds to slow[]
// those that are queued.
static INLINE void laws_row(float step_s, bool heads, const struct prepared *restrict prepared,
                            const float *restrict wished, const struct ahead *restrict ahead,
                            const int32_t *restrict count, int32_t k, struct wide_laws *restrict leader,
                            struct row *restrict row, int32_t *restrict slow, struct tails *restrict tails)
{
    const struct wide_types *restrict types = prepared->types;
    const float *restrict line = ahead->line, *restrict cap = ahead->cap;
    FOR_WIDE {
        float old = row->front[c], speed = wished[c];
        float front = old + speed * step_s;
        if (heads) {
            float slowest = row->speed[c] - types->emergency[c] * step_s;
            float most = cap[c] > slowest ? cap[c] : slowest;
            float capped = old + most * step_s;
            speed = speed < most ? speed : most;
            front = front < capped ? front : capped;
        }

        // Below zero where all three are: slow, near, and the leader stands.
        float moves = leader->speed_after[c] - SPEED_WAITING_MPS;
        float creeps = prepared->creep[c] > moves ? prepared->creep[c] : moves;
        speed = creeps < 0.0f ? 0.0f : speed;
        front = creeps < 0.0f ? old : front;

        float bound = leader->bound[c] > old ? leader->bound[c] : old;
        float fits = (bound - old) * (1.0f / step_s);
        fits = speed < fits ? speed : fits;
        speed = front > bound ? fits : speed;
        front = front > bound ? bound : front;

        float rear = front - types->length[c];
        float behind = rear - CLEARANCE_M;
        int here = k < count[c];
        leader->speed_after[c] = speed;
        leader->bound[c] = behind < line[c] ? behind : line[c];
        row->front[c] = front;
        row->speed[c] = speed;
        row->halt[c] = halt_column(row->halt[c], speed);
        slow[c] += here & (speed < SPEED_QUEUED_MPS);
        tails->rear[c] = here ? rear : tails->rear[c];
        tails->speed[c] = here ? speed : tails->speed[c];
    }
}

static INLINE uint32_t past_end(const struct row *row, const int32_t *count, const float *length)
{
    _Alignas(64) int32_t past[WIDE];
    FOR_WIDE {
        past[c] = -((count[c] > 0) & (row->front[c] > length[c]));
    }
    return bits_of(past);
}

// What goes on from row to row of one group.
struct following {
    struct wide_leader leader;         // of the next row to be prepared
    struct wide_laws laws;             // of the next row to move
    _Alignas(64) int32_t stands[WIDE]; // -1: the leader of the next row to be prepared stands, whatever happens
    _Alignas(64) int32_t slow[WIDE];
    struct tails tails;
    const struct stop_mark *mark, *marks_end;
    uint32_t loops_ahead;              // bits of layers: rows so far have come to the loop
};
#define LOOPS_KNOWN 32

// Rows that are moved together: the first rows of all the groups, then the second ones.
struct together {
    struct types_room rooms[ROWS_TOGETHER];
    struct prepared prepared[ROWS_TOGETHER];
    _Alignas(64) float wished[ROWS_TOGETHER][WIDE];   // the speeds to which the models lead
    uint32_t movers[ROWS_TOGETHER];    // columns that IDM is asked for
    int32_t of[ROWS_TOGETHER], row[ROWS_TOGETHER];    // of which group, and which of its rows
    int32_t count;
    int32_t next_row;                  // the first of the rows after these
    bool mixed;                        // some row is not of the first type alone
};

static void heads_follow(const struct follow_rows *all, struct following *ret)
{
    const struct ahead *ahead = all->ahead;
    FOR_WIDE {
        ret->leader.rear[c] = ahead->rear[c];
        ret->leader.speed[c] = ret->laws.speed_after[c] = ahead->speed[c];
        ret->leader.margin[c] = ahead->margin[c];
        ret->laws.bound[c] = ahead->bound[c];
        ret->stands[c] = -(ahead->speed[c] - SPEED_WAITING_MPS < 0.0f);
        ret->slow[c] = 0;
        ret->tails.rear[c] = ret->tails.speed[c] = 0.0f;
    }
    ret->mark = all->marks;
    ret->marks_end = all->marks + all->mark_count;
    ret->loops_ahead = UINT32_MAX;
}

// Lays those of a row whom IDM is asked for beside those of the rows before.
static INLINE void pack_row(struct pack *pack, const struct row *row, const struct wide_leader *leader,
                            const float *gap, uint32_t movers)
{
    int32_t n = pack->count;
    chosen_lay(gap, movers, &pack->gap[n]);
    chosen_lay(leader->speed, movers, &pack->ahead[n]);
    chosen_lay(leader->margin, movers, &pack->margin[n]);
    chosen_lay(row->speed, movers, &pack->speed[n]);
    chosen_lay(row->desired, movers, &pack->desired[n]);
    pack->count = n + __builtin_popcount(movers);
}

static INLINE void pack_types(struct pack *pack, int32_t n, const struct wide_types *types, uint32_t movers)
{
    chosen_lay(types->acceleration, movers, &pack->acceleration[n]);
    chosen_lay(types->deceleration, movers, &pack->deceleration[n]);
    chosen_lay(types->emergency, movers, &pack->emergency[n]);
    chosen_lay(types->headway, movers, &pack->headway[n]);
    chosen_lay(types->closing, movers, &pack->closing[n]);
}

// Asks the models of the i-th of the rows that are moved together.
static INLINE void row_prepare(const struct follow_job *job, const struct follow_rows *all, int32_t i,
                               struct following *state, struct together *together, struct pack *pack)
{
    int32_t k = together->row[i];
    const struct row *row = &all->rows[k];
    struct prepared *prepared = &together->prepared[i];
    struct wide_leader *leader = &state->leader;
    const struct wide_types *types = prepared->types;
    float *wished = together->wished[i];
    _Alignas(64) float gap[WIDE];
    if (k > 0) {
        FOR_WIDE {
            leader->margin[c] = types->gap[c];
        }
    }
    prepared->special = (k > 0 && all->ahead->holds) || (state->mark < state->marks_end && state->mark->row == k);
    if (prepared->special) {
        FOR_WIDE {
            prepared->heeds_place[c] = state->stands[c] = 0;
            prepared->stop_bound[c] = FAR_M;
        }
        if (k > 0 && all->ahead->holds) {
            leader_or_line(job->step_s, types, all->ahead, row, leader, prepared->heeds_place);
        }
        for (; state->mark < state->marks_end && state->mark->row == k; state->mark++) {
            stop_heed(types, row, state->mark, leader, prepared);
        }
    }
    uint32_t movers = movers_find(types, leader, row, all->count, k, state->stands, prepared->creep, gap);
    together->movers[i] = movers;
    // Also where nobody moves: to foresee where costs more.
    if (together->mixed) {
        pack_types(pack, pack->count, types, movers);
    }
    pack_row(pack, row, leader, gap, movers);
    if (!job->only_idm) {
        FOR_WIDE {
            wished[c] = 0.0f;
        }
        krauss_row(job, types, leader, row, all->count, k, wished);
    }
    FOR_WIDE {
        leader->rear[c] = row->front[c] - types->length[c];
        leader->speed[c] = row->speed[c];
    }
}

static INLINE void row_move(const struct follow_job *job, const struct follow_rows *all, int32_t i,
                            struct following *state, const struct together *together)
{
    int32_t k = together->row[i];
    struct row *row = &all->rows[k];
    const struct prepared *prepared = &together->prepared[i];
    if (prepared->special) {
        FOR_WIDE {
            struct wide_laws *laws = &state->laws;
            laws->speed_after[c] = prepared->heeds_place[c] ? 0.0f : laws->speed_after[c];
            laws->bound[c] = prepared->stop_bound[c] < laws->bound[c] ? prepared->stop_bound[c] : laws->bound[c];
        }
    }
    _Alignas(64) float old[WIDE];
    bool loops = all->loop_count > 0 && state->loops_ahead != 0;
    if (loops) {
        FOR_WIDE {
            old[c] = row->front[c];
        }
    }
    const float *wished = together->wished[i];
    if (k == 0) {
        laws_row(job->step_s, true, prepared, wished, all->ahead, all->count, 0, &state->laws, row, state->slow,
                 &state->tails);
    } else {
        laws_row(job->step_s, false, prepared, wished, all->ahead, all->count, k, &state->laws, row, state->slow,
                 &state->tails);
    }
    for (int32_t l = 0; loops && l < all->loop_count; l++) {
        uint32_t bit = l < LOOPS_KNOWN ? 1u << l : 0u;
        if (bit != 0 && (state->loops_ahead & bit) == 0) {
            continue;
        }
        bool met;
        if (!loop_reached(prepared->types, old, row->front, all->count, k, &all->loops[l], &met)) {
            state->loops_ahead &= ~bit;   // nor do those behind
        }
        if (met) {
            loop_row((float)job->step_ms, prepared->types, old, row->front, row->speed, all->count, k, &all->loops[l],
                     &all->met[l]);
        }
    }
}

// The next rows that are moved together, as many as fit of those that are k-th in all groups; returns how many.
static INLINE int32_t rows_take(const int32_t row_count[GROUPS_TOGETHER], int32_t row_end, struct together *ret)
{
    int32_t n = 0, k = ret->next_row;
    for (; n <= ROWS_TOGETHER - GROUPS_TOGETHER && k < row_end; k++) {
        for (int32_t g = 0; g < GROUPS_TOGETHER; g++) {
            ret->of[n] = g;
            ret->row[n] = k;
            n += k < row_count[g] ? 1 : 0;
        }
    }
    ret->next_row = k;
    ret->count = n;
    return n;
}

static INLINE void rows_types(const struct follow_job *job, const struct follow_rows *groups,
                              struct together *together)
{
    together->mixed = false;
    for (int32_t i = 0; i < together->count; i++) {
        const struct follow_rows *all = &groups[together->of[i]];
        int32_t k = together->row[i];
        const struct wide_types *types = types_of(job, all->rows[k].kind, all->count, k, &together->rooms[i]);
        together->prepared[i].types = types;
        together->mixed = together->mixed || types != job->first_type;
    }
}

static INLINE void rows_move(const struct follow_job *job, struct follow_rows *groups, struct following *states,
                             struct together *together, struct pack *pack)
{
    int32_t rows = together->count;
    rows_types(job, groups, together);
    pack->count = 0;
    for (int32_t i = 0; i < rows; i++) {
        row_prepare(job, &groups[together->of[i]], i, &states[together->of[i]], together, pack);
    }
    pack_move(job, pack, together->mixed);
    for (int32_t i = 0, n = 0; i < rows; i++) {
        if (job->only_idm) {
            chosen_spread_alone(&pack->speed[n], together->movers[i], together->wished[i]);
        } else {
            chosen_spread(&pack->speed[n], together->movers[i], together->wished[i]);
        }
        n += __builtin_popcount(together->movers[i]);
    }
    for (int32_t i = 0; i < rows; i++) {
        row_move(job, &groups[together->of[i]], i, &states[together->of[i]], together);
    }
}

static void follow_rows(const struct follow_job *job, struct pack *pack, struct follow_rows *groups, int32_t count)
{
    struct following states[GROUPS_TOGETHER];
    struct together together;
    int32_t row_count[GROUPS_TOGETHER] = { 0 }, row_end = 0;
    for (int32_t g = 0; g < count; g++) {
        heads_follow(&groups[g], &states[g]);
        row_count[g] = groups[g].row_count;
        row_end = row_count[g] > row_end ? row_count[g] : row_end;
    }
    together.next_row = 0;
    while (rows_take(row_count, row_end, &together) > 0) {
        rows_move(job, groups, states, &together, pack);
    }
    for (int32_t g = 0; g < count; g++) {
        struct follow_rows *all = &groups[g];
        for (int c = 0; c < WIDE; c++) {
            *all->queued += states[g].slow[c];
        }
        all->past = all->length != NULL ? past_end(all->rows, all->count, all->length) : 0;
        if (all->tails != NULL) {
            *all->tails = states[g].tails;
        }
    }
}

static int32_t heads_prepare(const struct follow_job *job, struct moving *moving, int32_t first_place,
                             int32_t *ret_places)
{
    struct types_room room;
    const struct group *restrict group = moving->at;
    const struct row *restrict heads = moving->rows;
    struct ahead *restrict ahead = &moving->ahead;
    const struct wide_types *restrict types = types_of(job, heads->kind, group->count, 0, &room);
    float *restrict from = moving->from;
    uint32_t red = group->red & ~group->over;
    _Alignas(64) int32_t looks[WIDE];
    FOR_WIDE {
        float v = heads->speed[c];
        float to_line = group->length[c] - heads->front[c];
        float reach = v * v / types->deceleration[c] + v * LOOK_S + LOOK_M;
        // A rear beyond the line reaches back to it, from however far a line.
        bool near = (group->count[c] > 0) & ((to_line <= reach) | ((group->over & COLUMN_BIT[c]) != 0));
        bool stays = near & ((red & COLUMN_BIT[c]) != 0);
        looks[c] = -(near & !stays);
        from[c] = heads->front[c];
        ahead->rear[c] = stays ? group->length[c] - STOP_MARGIN_M : FAR_M;
        ahead->margin[c] = stays ? 0.0f : types->gap[c];
        ahead->bound[c] = stays ? group->length[c] - LINE_MARGIN_M : FAR_M;
        ahead->speed[c] = 0.0f;
        ahead->cap[c] = ahead->hold[c] = FAR_M;
        ahead->line[c] = group->length[c] - LINE_MARGIN_M;
    }
    ahead->red = 0;
    ahead->holds = false;
    return chosen_list(bits_of(looks), first_place, ret_places);
}

// All are asked, as to leave out some costs more.
static INLINE uint32_t heads_at_red(const struct group *group, const uint8_t *aspects)
{
    _Alignas(64) int32_t asked[WIDE], lit[WIDE];
    FOR_WIDE {
        int32_t signal = group->head_signal[c];
        lit[c] = -(signal >= 0);
        asked[c] = signal > 0 ? signal : 0;
    }
    return bytes_equal(aspects, asked, ASPECT_RED) & bits_of(lit);
}

static void heads_soon(struct group *group, const struct row *heads, const uint8_t *aspects, int32_t first_cell,
                       struct heads_soon *soon)
{
    const float braking = 0.25f;       // s2/m: of a hard brake
    _Alignas(64) int32_t looks[WIDE];
    uint32_t waits = group->held & group->clear;
    group->red = waits != 0 ? waits & heads_at_red(group, aspects) : 0;
    FOR_WIDE {
        float v = heads->speed[c];
        float beyond = group->length[c] - heads->front[c] - v * (v * braking + LOOK_S) - LOOK_M;
        looks[c] = -((group->count[c] > 0) & (beyond <= 0.0f));
    }
    uint32_t columns = bits_of(looks) & ~group->red;
    int32_t n = soon->count;
    soon->count = n + chosen_list(columns, first_cell, &soon->cell[n]);
    chosen_lay_numbers(heads->path, columns, &soon->path[n]);
    chosen_lay_numbers(heads->trip, columns, &soon->trip[n]);
    soon->reached_count += chosen_list(group->over, first_cell, &soon->reached[soon->reached_count]);
}

static int32_t columns_list(uint32_t columns, int32_t first, int32_t *ret)
{
    return chosen_list(columns, first, ret);
}

static void heads_stay(const struct group *group, uint32_t columns, struct ahead *ahead)
{
    FOR_WIDE {
        bool stays = (columns & COLUMN_BIT[c]) != 0;
        ahead->rear[c] = stays ? group->length[c] - STOP_MARGIN_M : ahead->rear[c];
        ahead->margin[c] = stays ? 0.0f : ahead->margin[c];
        ahead->bound[c] = stays ? group->length[c] - LINE_MARGIN_M : ahead->bound[c];
    }
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
        rear[c] = group->leaders.rear[c];
        speed[c] = group->leaders.speed[c];
        margin[c] = group->leaders.margin[c];
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
        held[c] = -(types->acceleration[c] * near * near > GAIN_MPS2);
    }
    return bits_of(held);
}

// A number of 12 bits, times this and shifted, is divided by 3.
#define THIRD 21846u
#define THIRD_SHIFT 16

static uint32_t lanes_passed(const struct wishing *from)
{
    const struct row *heads = from->rows, *beside = from->beside_rows;
    _Alignas(64) int32_t passed[WIDE];
    FOR_WIDE {
        bool flows = (from->beside->count[c] == 0) | (beside->speed[c] > GAIN_SPEED_MPS);
        passed[c] = -((from->group->count[c] > 1) & (heads->speed[c] <= GAIN_SPEED_MPS) & flows);
    }
    return bits_of(passed);
}

static void lane_wishes(const struct follow_job *job, const struct wishing *from, int32_t first, int32_t end,
                        struct lane_wishes *ret)
{
    const struct group *group = from->group;
    uint32_t must_bit = from->side.left ? KIND_LEFT : KIND_RIGHT;
    uint32_t free_bit = from->side.left ? KIND_FREE_LEFT : KIND_FREE_RIGHT;
    uint32_t passed = first == 0 ? lanes_passed(from) : ret->passed;
    uint64_t rows = 0;
    for (int32_t k = first; k < end; k++) {
        const struct row *row = &from->rows[k];
        _Alignas(64) int32_t must[WIDE], may[WIDE], stands[WIDE];
        FOR_WIDE {
            uint32_t kind = row->kind[c];
            float v = row->speed[c];
            uint32_t luck = kind >> KIND_LUCK_SHIFT;
            uint32_t turn = luck - (luck * THIRD >> THIRD_SHIFT) * GAIN_TURNS;   // its remainder
            bool here = k < group->count[c];
            bool looks = here & ((kind & free_bit) != 0) & (turn == from->side.turn);
            must[c] = -(here & ((kind & must_bit) != 0));
            stands[c] = -(looks & (v <= GAIN_SPEED_MPS));
            may[c] = -(looks & (v < GAIN_HELD_UP * row->desired[c]) & (v > GAIN_SPEED_MPS)
                & (row->front[c] < group->length[c] - GAIN_LAST_M));
        }
        int32_t i = k - first;
        uint32_t looks = bits_of(may), musts = bits_of(must), behind = k > 0 ? bits_of(stands) & passed : 0;
        uint32_t gains = looks != 0 ? looks & held_up(job, group, from->rows, k) : 0;
        ret->must[i] = musts;
        ret->gain[i] = gains;
        ret->behind[i] = behind;
        rows |= (uint64_t)((musts | gains | behind) != 0) << i;
    }
    ret->passed = passed;
    ret->rows = rows;
}

static uint32_t columns_held(const int32_t *restrict count, int32_t *restrict ret_most)
{
    int32_t most = 0;
    _Alignas(64) int32_t held[WIDE];
    _Pragma("omp simd reduction(max:most)")
    for (int c = 0; c < WIDE; c++) {
        most = count[c] > most ? count[c] : most;
        held[c] = -(count[c] > 0);
    }
    *ret_most = most;
    return bits_of(held);
}

#ifdef LINES_AT_ONCE
#define SEEN_FIRST 5                // the words before, of what others see of a cell, never change
_Static_assert(offsetof(struct seen, count) == 4 * SEEN_FIRST && offsetof(struct seen, head_front) == 4 * 6
    && offsetof(struct seen, second_front) == 4 * 9 && offsetof(struct seen, tail_rear) == 4 * 12
    && offsetof(struct seen, head_yielded) == 4 * 15 && offsetof(struct seen, head_held) == 4 * 15 + 2
    && sizeof(struct seen) == 4 * WIDE, "seen_write writes words");

static INLINE void seen_write(const struct group *group, const struct row *rows, const int32_t *second_path,
                              uint32_t held, struct seen *seen)
{
    _Alignas(64) int32_t yielded[WIDE];         // head_yielded and head_held in one word
    FOR_WIDE {
        yielded[c] = group->yielding[c] | (int32_t)(group->held >> c & 1u) << 16;
    }
    const void *words[WIDE] = { NULL, NULL, NULL, NULL, NULL, group->count, rows[0].front, rows[0].speed, rows[0].path,
        rows[1].front, rows[1].speed, second_path, group->tails.rear, group->tails.speed, group->entered, yielded };
    lines_write(words, SEEN_FIRST, held, seen);
}
#else
static INLINE void seen_write(const struct group *restrict group, const struct row *restrict rows,
                              const int32_t *restrict second_path, uint32_t held, struct seen *restrict seen)
{
    for (; held != 0; held &= held - 1) {
        int c = __builtin_ctz(held);
        struct seen *to = &seen[c];
        to->count = group->count[c];
        to->head_front = rows[0].front[c];
        to->head_speed = rows[0].speed[c];
        to->head_path = rows[0].path[c];
        to->second_front = rows[1].front[c];
        to->second_speed = rows[1].speed[c];
        to->second_path = second_path[c];
        to->tail_rear = group->tails.rear[c];
        to->tail_speed = group->tails.speed[c];
        to->tail_path = group->entered[c];
        to->head_yielded = group->yielding[c];
        to->head_held = (uint16_t)(group->held >> c & 1u);
    }
}
#endif

// Of the second row there is always a place, if nobody's.
static struct published cells_publish(const struct group *group, const struct row *rows, uint32_t held,
                                      struct seen *seen)
{
    _Alignas(64) int32_t other_head[WIDE], reaching[WIDE], second_path[WIDE];
    FOR_WIDE {
        other_head[c] = -(group->head_path[c] != rows[0].path[c]);
        reaching[c] = -(group->tails.rear[c] < CLEARANCE_M);
        second_path[c] = group->count[c] > 1 ? rows[1].path[c] : PATH_NONE;
    }
    seen_write(group, rows, second_path, held, seen);
    return (struct published){ bits_of(other_head) & held, bits_of(reaching) & held };
}

#define KERNEL_NAME_OF(isa) street_kernel_##isa
#define KERNEL_NAME(isa) KERNEL_NAME_OF(isa)
#define KERNEL_TEXT_OF(isa) #isa
#define KERNEL_TEXT(isa) KERNEL_TEXT_OF(isa)

const struct street_kernel KERNEL_NAME(KERNEL_ISA) = { .name = KERNEL_TEXT(KERNEL_ISA),
    .move_worker = move_worker, .settle_worker = settle_worker, .follow_rows = follow_rows,
    .heads_prepare = heads_prepare, .heads_soon = heads_soon, .heads_stay = heads_stay, .lane_wishes = lane_wishes,
    .columns_list = columns_list,
    .columns_held = columns_held, .cells_publish = cells_publish };
