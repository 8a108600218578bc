#include "sim/traffic/street_kernel.h"

#include "engine/base/random.h"
#include "sim/traffic/kernel_columns.h"
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

// Where a line closed behind the head, the second one, if it can stop before it and needs to brake harder for it than
// for its leader, follows the line: at red if it can by any braking, else if it can comfortably.
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
        // Krauss' drivers count on the way their leader needs to brake, as in stop_heed.
        float behind = s - leader->margin[c] + 0.5f * leader->speed[c] * leader->speed[c] / types->deceleration[c];
        int line = stops & (types->krauss[c] ? s_line < behind : strain_line > strain);
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
    const struct wide_types *types = job->type_count > 1 ? prepared->types : job->first_type;
    float *wished = together->wished[i];
    _Alignas(64) float gap[WIDE];
    prepared->types = types;
    if (k > 0) {
        FOR_WIDE {
            leader->margin[c] = types->gap[c];
        }
    }
    // The second one alone is held: who is behind it follows it.
    prepared->special = (k == 1 && all->ahead->holds) || (state->mark < state->marks_end && state->mark->row == k);
    if (rarely(prepared->special)) {
        FOR_WIDE {
            prepared->heeds_place[c] = state->stands[c] = 0;
            prepared->stop_bound[c] = FAR_M;
        }
        if (k == 1 && all->ahead->holds) {
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
    if (rarely(prepared->special)) {
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
    for (int32_t i = 0; job->type_count > 1 && i < together->count; i++) {
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

#define KERNEL_NAME_OF(isa) street_kernel_##isa
#define KERNEL_NAME(isa) KERNEL_NAME_OF(isa)
#define KERNEL_TEXT_OF(isa) #isa
#define KERNEL_TEXT(isa) KERNEL_TEXT_OF(isa)

// Of an instruction set's functions only this is seen by others (meson.build).
__attribute__((visibility("default")))
const struct street_kernel KERNEL_NAME(KERNEL_ISA) = { .name = KERNEL_TEXT(KERNEL_ISA),
    .move_worker = move_worker, .settle_worker = settle_worker, .follow_rows = follow_rows,
    .heads_prepare = heads_prepare, .heads_soon = heads_soon, .heads_stay = heads_stay, .lane_wishes = lane_wishes,
    .columns_list = columns_list,
    .columns_held = columns_held, .cells_publish = cells_publish };
