#include "sim/traffic/lane_change.h"

#include <math.h>

#include "sim/traffic/closures.h"
#include "sim/traffic/columns.h"
#include "sim/traffic/krauss.h"
#include "sim/traffic/row_pool.h"
#include "sim/traffic/stops.h"
#include "sim/traffic/trips.h"
#include "sim/traffic/wide.h"

static const float SAFE_MPS2 = 4.0f;           // b_safe of MOBIL
static const float POLITENESS = 0.2f;
static const float COURTESY_MPS = 1.5f;        // taken off the speed of one who lets somebody in
static const float SIREN_MPS = 4.5f;           // and of one who lets another make way for an emergency vehicle
static const float URGENT_M = 100.0f;          // to the end of a wrong lane
static const float AHEAD_S = 10.0f;            // so early, and twice that to the left, one asks to be let in, as SUMO's
static const float QUEUED_M = 7.5f;            // of a lane that each vehicle on it takes
static const float HARD_MPS2 = 6.0f;           // limit of mandatory changes where the lane ends
static const float STANDING_MPS = 1.0f;
static const float APART_M = 0.5f;             // bumper to bumper at least, after a change
static const float SIREN_M = 50.0f;            // ahead of an emergency vehicle drivers make way (decision 0141)
static const float ABREAST_MPS = 8.0f;         // above it one falls back behind who drives abreast
static const float ASIDE = 0.5f;               // the urgency of that: within SAFE_MPS2 for all concerned
static const float BACK_M = 150.0f;            // and to its line who leaves the lane of its route for that while

struct neighbours {
    int32_t place;                             // the row it would take
    float ahead, behind;                       // gaps; FAR_M without a neighbour
    float ahead_mps, behind_mps;
};

// IDM's acceleration of one vehicle, as in the kernel.
static float acceleration_of(const struct street *street, uint32_t kind, float v, float desired, float gap,
                             float leader_mps)
{
    const struct type_table *types = &street->types;
    uint32_t type = kind & KIND_TYPE;
    float s = gap > 0.1f ? gap : 0.1f;
    float reach = v * types->headway[type] + v * (v - leader_mps) * types->closing[type];
    float near = (types->gap[type] + (reach > 0.0f ? reach : 0.0f)) / s;
    float share = v / desired;
    return types->acceleration[type] * (1.0f - share * share * share * share - near * near);
}

static float row_length(const struct street *street, const struct row *row, int column)
{
    return street->types.length[row->kind[column] & KIND_TYPE];
}

// near: a row that may be close to its place.
static struct neighbours neighbours_find(const struct street *street, const struct group *group, int column,
                                         int32_t near, float front, float length)
{
    int32_t count = group->count[column];
    struct neighbours found = { near < count ? near : count, FAR_M, FAR_M, 0.0f, 0.0f };
    const struct row *rows = &street->rows[group->first_row];
    while (found.place > 0 && rows[found.place - 1].front[column] < front) {
        found.place--;
    }
    while (found.place < count && rows[found.place].front[column] >= front) {
        found.place++;
    }
    if (found.place > 0) {
        const struct row *row = &rows[found.place - 1];
        found.ahead = row->front[column] - row_length(street, row, column) - front;
        found.ahead_mps = row->speed[column];
    } else if ((group->over >> column) & 1u) {
        found.ahead = group->over_rear[column] - front;
        found.ahead_mps = group->over_mps[column];
    }
    if (found.place < count) {
        found.behind = front - length - rows[found.place].front[column];
        found.behind_mps = rows[found.place].speed[column];
    }
    return found;
}

// Whether those who are about to come into the lane can brake for one who would be its last, its rear at `rear`.
static bool entries_brake(const struct street *street, int32_t cell, float rear, float v)
{
    const struct seen *lane = &street->seen[cell];
    for (int32_t i = 0; i < lane->entry_count; i++) {
        int32_t path_index = street->entries[lane->first_entry + i].path;
        if (street->inside[path_index].count > 0) {
            // Where it was before this step; it has driven on since.
            const struct crosser *first = &street->now[street->inside[path_index].first];
            float closing = first->speed > v ? first->speed - v : 0.0f;
            float gap = rear + street->paths[path_index].length - first->front - first->speed * street->step_s;
            if (gap < APART_M + closing * closing / (2.0f * SAFE_MPS2) + closing * street->step_s) {
                return false;
            }
        }
    }
    return true;
}

static void vehicle_adapt(const struct street *street, struct vehicle *vehicle, int32_t cell)
{
    struct trip *trip = &street->trips[vehicle->trip];
    const struct group *group = cell_group(street, cell);
    int32_t now_ms = street_elapsed_ms(street) + street->options.step_ms;
    trip_settle(trip, now_ms, vehicle->front, vehicle->desired, vehicle->halt, vehicle->front);
    vehicle->halt &= HALT_FAST;
    vehicle->desired = trip_desired(street, trip, group->limit[cell % WIDE]);
    vehicle->path = trip_path(street, trip, trip->leg, cell);
    vehicle->kind = trip_kind(street, trip, cell);
}

struct change {
    struct group *from, *to;
    struct row *from_rows, *to_rows;
    int32_t from_cell, to_cell;
    int column;
    bool left;
    struct row_pool *pool;
    uint32_t moved;                            // columns that somebody has left
};

static bool is_siren(const struct street *street, uint32_t kind)
{
    return street->types.user[kind & KIND_TYPE] == USER_EMERGENCY;
}

bool siren_behind(const struct street *street, const struct group *group, int column, int32_t place, float front)
{
    const struct row *rows = &street->rows[group->first_row];
    for (int32_t k = place; street->sirens && k < group->count[column] && front - rows[k].front[column] < SIREN_M;
         k++) {
        if (is_siren(street, rows[k].kind[column])) {
            return true;
        }
    }
    return false;
}

void lane_head_forget(struct group *group, int column)
{
    group->yielding[column] = 0;
    group->held &= ~(1u << column);
    group->clear &= ~(1u << column);
}

bool lane_has_gap(const struct street *street, int32_t cell, float front, float length, int32_t *ret_place)
{
    const struct group *group = cell_group(street, cell);
    int c = cell % WIDE;
    struct neighbours near = neighbours_find(street, group, c, 0, front, length);
    float v = near.behind_mps;
    *ret_place = near.place;
    return near.ahead >= APART_M && near.behind >= APART_M + v * v / (2.0f * SAFE_MPS2) + v * street->step_s
        && (near.place < group->count[c] || entries_brake(street, cell, front - length, 0.0f));
}

static void change_make(struct street *street, struct change *change, int32_t k, int32_t place)
{
    int c = change->column;
    change->moved |= 1u << c;
    struct vehicle vehicle = column_get(change->from_rows, k, c);
    column_remove(change->from_rows, change->from->count[c], k, c);
    if (k + 1 == change->from->count[c]) {
        change->from->entered[c] = PATH_NONE;
        change->from->changed |= 1u << c;
    }
    change->from->count[c]--;
    if (k == 0) {
        lane_head_forget(change->from, c);
    }
    vehicle_adapt(street, &vehicle, change->to_cell);
    rows_reserve(street, change->pool, change->to, change->to->count[c] + 1);
    change->to_rows = cell_rows(street, change->to_cell);
    column_insert(change->to_rows, change->to->count[c], place, c, &vehicle);
    if (place == change->to->count[c]) {
        change->to->entered[c] = PATH_NONE;
        change->to->changed |= 1u << c;
    }
    if (place == 0) {
        lane_head_forget(change->to, c);
    }
    change->to->stops = change->to->stops || (vehicle.kind & KIND_STOP) != 0;
    change->to->count[c]++;
    if (change->to->count[c] > change->to->count_max) {
        change->to->count_max = change->to->count[c];
    }
}

// Whether one of this length fits at `front` beside vehicle `except` of the column's rows taken away.
static bool fits_without(const struct street *street, const struct group *group, int column, int32_t except,
                         float front, float length)
{
    const struct row *rows = &street->rows[group->first_row];
    if (except > 0) {
        const struct row *row = &rows[except - 1];
        if (row->front[column] - row_length(street, row, column) - front < APART_M) {
            return false;
        }
    } else if (((group->over >> column) & 1u) && group->over_rear[column] - front < APART_M) {
        return false;
    }
    return except + 1 >= group->count[column] || front - length - rows[except + 1].front[column] >= APART_M;
}

// Two that stand side by side, each wanting the other's lane, change places.
static bool exchange(struct street *street, const struct change *change, int32_t k, const struct neighbours *near)
{
    int c = change->column;
    uint32_t opposite = change->left ? KIND_RIGHT : KIND_LEFT;
    const struct row *mine = &change->from_rows[k];
    int32_t first = near->place > 0 ? near->place - 1 : 0;
    for (int32_t i = first; i <= near->place && i < change->to->count[c]; i++) {
        const struct row *row = &change->to_rows[i];
        bool overlap = row->front[c] > mine->front[c] - row_length(street, mine, c) - APART_M
            && row->front[c] - row_length(street, row, c) < mine->front[c] + APART_M;
        if (!overlap || !(row->kind[c] & opposite)
            || cell_closed(street, change->from_cell, street->types.user[row->kind[c] & KIND_TYPE])
            || row->speed[c] > STANDING_MPS
            || mine->speed[c] > STANDING_MPS
            || !fits_without(street, change->to, c, i, mine->front[c],
                row_length(street, mine, c))
            || !fits_without(street, change->from, c, k, row->front[c],
                row_length(street, row, c))) {
            continue;
        }
        struct vehicle a = column_get(change->from_rows, k, c), b = column_get(change->to_rows, i, c);
        if (b.front - row_length(street, row, c) < 0.0f) {
            continue;
        }
        vehicle_adapt(street, &a, change->to_cell);
        vehicle_adapt(street, &b, change->from_cell);
        column_set(change->from_rows, k, c, &b);
        column_set(change->to_rows, i, c, &a);
        change->from->stops = change->from->stops || (b.kind & KIND_STOP) != 0;
        change->to->stops = change->to->stops || (a.kind & KIND_STOP) != 0;
        // Of the last one of a lane alone it is known how it came in; it may reach back there still.
        change->from->entered[c] = k + 1 == change->from->count[c] ? PATH_NONE : change->from->entered[c];
        change->to->entered[c] = i + 1 == change->to->count[c] ? PATH_NONE : change->to->entered[c];
        change->from->changed |= 1u << c;
        change->to->changed |= 1u << c;
        return true;
    }
    return false;
}

// Columns with an emergency vehicle among the group's rows.
static uint32_t siren_columns(const struct street *street, const struct group *group, const struct row *rows)
{
    uint32_t found = 0;
    for (int32_t k = 0; rarely(street->sirens) && k < group->count_max; k++) {
        for (int c = 0; c < WIDE; c++) {
            found |= k < group->count[c] && is_siren(street, rows[k].kind[c]) ? 1u << c : 0u;
        }
    }
    return found;
}

// Of the columns with a siren those whose k-th vehicle makes way to this side, onto a lane that suits its route as well
// or from which it has the way to come back.
static uint32_t makes_way(const struct street *street, const struct change *change, int32_t k, uint32_t sirens)
{
    uint32_t found = 0, free_bit = change->left ? KIND_FREE_LEFT : KIND_FREE_RIGHT;
    const struct row *row = &change->from_rows[k];
    for (uint32_t rest = sirens; rest != 0; rest &= rest - 1) {
        int c = __builtin_ctz(rest);
        bool may = k < change->from->count[c] && !is_siren(street, row->kind[c]) && !(row->kind[c] & KIND_STOP)
            && ((row->kind[c] & free_bit) || change->from->length[c] - row->front[c] > BACK_M)
            && siren_behind(street, change->from, c, k + 1, row->front[c]);
        found |= may ? 1u << c : 0u;
    }
    return found;
}

// How much of the greatest braking a change may ask of those concerned, 0 .. 1, as the lane or the stop comes near.
static float urgency_of(const struct street *street, const struct change *change, int32_t k)
{
    int c = change->column;
    const struct row *row = &change->from_rows[k];
    float to_end = change->from->length[c] - row->front[c];
    if (rarely(row->kind[c] & KIND_STOP)) {
        to_end = greaterf(0.0f, stops_end_on(street, row->trip[c], street->trips[row->trip[c]].leg) - row->front[c]);
    }
    return to_end < URGENT_M ? 1.0f - to_end / URGENT_M : 0.0f;
}

// Whether the end of its lane is so near that others let it in, and it falls back for them: as far
// as SUMO's drivers look ahead (decision 0111, rule 30), and further where the lane that it wants is full.
static bool asks_room(const struct street *street, const struct change *change, int32_t k)
{
    int c = change->column;
    const struct row *row = &change->from_rows[k];
    float ahead = row->speed[c] * (change->left ? 2.0f * AHEAD_S : AHEAD_S) + 2.0f * row_length(street, row, c);
    float full = (float)change->to->count[c] * QUEUED_M;
    float to_end = change->from->length[c] - row->front[c];
    return to_end - full < ahead;
}

// Slows one who lets somebody in, by so much if it can brake so.
static void courtesy_slow(const struct street *street, struct group *group, struct row *rows, int32_t k, int column,
                          float mps)
{
    float *speed = &rows[k].speed[column];
    float most = street->types.deceleration[rows[k].kind[column] & KIND_TYPE] * street->step_s;
    float courtesy = most < mps ? most : mps;
    *speed = *speed > courtesy ? *speed - courtesy : 0.0f;
    group->changed |= 1u << column;
}

// What one takes off its speed to let in somebody `gap` ahead at speed v: as much as it follows it with, if a second's
// braking makes room for it or it is so slow that it can stop in one; else nothing, and it goes past, as SUMO's drivers
// do.
static float lets_in(const struct street *street, const struct row *row, int column, float gap, float v)
{
    uint32_t type = row->kind[column] & KIND_TYPE;
    float speed = row->speed[column], brake = street->types.deceleration[type];
    float braked = speed > brake ? speed - brake : 0.0f;
    float spare = gap - street->types.gap[type] + v - braked;
    float reach = braked * street->types.headway[type] + braked * (braked - v) * street->types.closing[type];
    bool slow = speed < brake && gap > street->types.gap[type];
    if (!slow && (spare <= 0.0f || spare < reach)) {
        return 0.0f;
    }
    float slowing = -acceleration_of(street, row->kind[column], speed, row->desired[column], gap, v);
    return slowing < 0.0f ? 0.0f : slowing < brake ? slowing : brake;
}

// What one takes off its speed to come in behind somebody slower, `gap` ahead on the lane that it wants: so much that
// it follows him halfway to the lane's end, as SUMO's drivers do.
static float falls_in(const struct street *street, const struct change *change, int32_t k, float gap, float leader_mps)
{
    int c = change->column;
    const struct row *row = &change->from_rows[k];
    float v = row->speed[c], brake = street->types.deceleration[row->kind[c] & KIND_TYPE];
    float slowing = -acceleration_of(street, row->kind[c], v, row->desired[c], gap, leader_mps);
    if (v <= leader_mps || slowing <= 0.0f) {
        return 0.0f;
    }
    float left_s = (change->from->length[c] - row->front[c]) / (2.0f * v);
    slowing = (slowing < v ? slowing : v) / (left_s > 1.0f ? left_s : 1.0f);
    return slowing < brake ? slowing : brake;
}

// Whether the gap to somebody ahead is one that the driver's model holds for safe, as SUMO's drivers judge one for who
// must change.
static bool gap_safe(const struct street *street, uint32_t kind, float v, float gap, float leader_mps)
{
    const struct type_table *types = &street->types;
    uint32_t type = kind & KIND_TYPE;
    float h = street->step_s, brake = types->deceleration[type];
    float reach = v * types->headway[type]
        + (types->krauss[type] ? brake_distance(v, brake, h) - brake_distance(leader_mps, brake, h)
                               : v * (v - leader_mps) * types->closing[type]);
    return gap >= types->gap[type] + (reach > 0.0f ? reach : 0.0f);
}

// must: for its route; else it makes way.
static void change_mandatory(struct street *street, struct change *change, int32_t k, bool must)
{
    float urgency = must ? urgency_of(street, change, k) : ASIDE;
    int c = change->column;
    const struct row *row = &change->from_rows[k];
    float length = row_length(street, row, c), v = row->speed[c];
    float limit = SAFE_MPS2 * 0.5f + (HARD_MPS2 - SAFE_MPS2 * 0.5f) * urgency;
    struct neighbours near = neighbours_find(street, change->to, c, k, row->front[c], length);
    bool last = near.place == change->to->count[c];
    bool stays = rarely(street->sirens) && !is_siren(street, row->kind[c])
        && siren_behind(street, change->to, c, near.place, row->front[c]);
    if (!stays && near.ahead >= APART_M && near.behind >= APART_M
        && (!last || entries_brake(street, change->to_cell, row->front[c] - length, v))) {
        float own = acceleration_of(street, row->kind[c], v, row->desired[c], near.ahead, near.ahead_mps);
        float other = 0.0f;
        if (near.place < change->to->count[c]) {
            const struct row *behind = &change->to_rows[near.place];
            other = acceleration_of(street, behind->kind[c], behind->speed[c], behind->desired[c], near.behind, v);
        }
        bool own_safe = own > -limit || (must && gap_safe(street, row->kind[c], v, near.ahead, near.ahead_mps));
        bool other_safe = other > -limit || (must && near.place < change->to->count[c]
            && gap_safe(street, change->to_rows[near.place].kind[c], near.behind_mps, near.behind, v));
        bool standing = v < STANDING_MPS && near.behind_mps < STANDING_MPS;
        bool fits = own_safe || (standing && near.ahead_mps >= 0.0f);
        if (must && fits && !other_safe && !standing && asks_room(street, change, k)) {
            float mps = lets_in(street, &change->to_rows[near.place], c, near.behind, v);
            courtesy_slow(street, change->to, change->to_rows, near.place, c, mps);
            other_safe = mps > 0.0f;
        }
        if (fits && (other_safe || standing)) {
            change_make(street, change, k, near.place);
            return;
        }
    }
    bool asks = urgency > 0.0f || (must && asks_room(street, change, k));
    if (!asks || exchange(street, change, k, &near) || stays) {
        return;
    }
    if (near.ahead < APART_M && (!must || v > ABREAST_MPS)) {   // it falls back behind the one beside it
        courtesy_slow(street, change->from, change->from_rows, k, c, must ? COURTESY_MPS : SIREN_MPS);
    } else if (must && near.ahead >= APART_M && v > near.ahead_mps
        && !gap_safe(street, row->kind[c], v, near.ahead, near.ahead_mps)) {
        courtesy_slow(street, change->from, change->from_rows, k, c,
                      falls_in(street, change, k, near.ahead, near.ahead_mps));
    } else if (near.place < change->to->count[c]) {
        float mps = must ? lets_in(street, &change->to_rows[near.place], c, near.behind, v) : SIREN_MPS;
        courtesy_slow(street, change->to, change->to_rows, near.place, c, mps);
    }
}

static void change_for_gain(struct street *street, struct change *change, int32_t k)
{
    int c = change->column;
    const struct row *row = &change->from_rows[k];
    float length = row_length(street, row, c), v = row->speed[c];
    float gap = change->from->leaders.rear[c] - row->front[c], leader_mps = change->from->leaders.speed[c];
    if (k > 0) {
        const struct row *leader = &change->from_rows[k - 1];
        gap = leader->front[c] - row_length(street, leader, c) - row->front[c];
        leader_mps = leader->speed[c];
    }
    struct neighbours near = neighbours_find(street, change->to, c, k, row->front[c], length);
    uint32_t type = row->kind[c] & KIND_TYPE;
    if (near.ahead < street->types.gap[type] || near.behind < street->types.gap[type]) {
        return;
    }
    if (rarely(street->sirens) && !is_siren(street, row->kind[c])
        && siren_behind(street, change->to, c, near.place, row->front[c])) {
        return;
    }
    float now = acceleration_of(street, row->kind[c], v, row->desired[c], gap, leader_mps);
    float then = acceleration_of(street, row->kind[c], v, row->desired[c], near.ahead, near.ahead_mps);
    if (then - now < GAIN_MPS2) {
        return;
    }
    float loss = 0.0f;
    if (near.place < change->to->count[c]) {
        const struct row *behind = &change->to_rows[near.place];
        float after = acceleration_of(street, behind->kind[c], behind->speed[c], behind->desired[c], near.behind, v);
        float before = acceleration_of(street, behind->kind[c], behind->speed[c], behind->desired[c],
            near.ahead + length + near.behind, near.ahead_mps);
        loss = before - after;
        if (after < -SAFE_MPS2) {
            return;
        }
    }
    bool last = near.place == change->to->count[c];
    if (then - now > GAIN_MPS2 + POLITENESS * loss
        && (!last || entries_brake(street, change->to_cell, row->front[c] - length, v))) {
        change_make(street, change, k, near.place);
    }
}

// Columns whose k-th vehicle stands behind one at a stop and may take the lane at its side: the kernel leaves out those
// who stand, as in a queue they gain nothing.
static uint32_t behind_stop(const struct street *street, const struct group *group, const struct row *rows, int32_t k,
                            bool left)
{
    uint32_t found = 0, free_bit = left ? KIND_FREE_LEFT : KIND_FREE_RIGHT;
    for (int c = 0; k > 0 && c < WIDE; c++) {
        bool waits = k < group->count[c] && (rows[k].kind[c] & free_bit) && (rows[k - 1].kind[c] & KIND_STOP)
            && rows[k].speed[c] <= GAIN_SPEED_MPS && stops_standing(street, rows[k - 1].trip[c]);
        found |= waits ? 1u << c : 0u;
    }
    return found;
}

// As the kernel finds them, of columns that somebody has left: there all behind are a row further ahead than when it
// looked.
static uint32_t behind_head(const struct change *change, int32_t k, struct side_wish side, uint32_t columns)
{
    uint32_t found = 0, free_bit = side.left ? KIND_FREE_LEFT : KIND_FREE_RIGHT;
    const struct row *row = &change->from_rows[k];
    for (uint32_t rest = k > 0 ? columns : 0u; rest != 0; rest &= rest - 1) {
        int c = __builtin_ctz(rest);
        bool waits = k < change->from->count[c] && (row->kind[c] & free_bit) && row->speed[c] <= GAIN_SPEED_MPS
            && (row->kind[c] >> KIND_LUCK_SHIFT) % GAIN_TURNS == side.turn;
        found |= waits ? 1u << c : 0u;
    }
    return found;
}

// Of most links every lane is for everybody who may drive there, and the network need not be asked.
static bool lane_open_to(const struct street *street, int32_t link, int32_t lane, uint32_t user)
{
    return (street->users_of_all[link] & user) != 0 || (street->network->lanes[lane].users & user) != 0;
}

// Whether the vehicle is where one may change lanes at all, and may drive on the other lane. Who could not stop before
// that one's line may find it closed, and has not seen it.
static bool may_change(const struct street *street, const struct change *change, int32_t k)
{
    int c = change->column;
    const struct row *row = &change->from_rows[k];
    int32_t lane = change->to->lane[c];
    uint32_t type = row->kind[c] & KIND_TYPE, user = street->types.user[type];
    float to_line = change->to->length[c] - LINE_MARGIN_M - row->front[c];
    return row->front[c] >= row_length(street, row, c) && to_line > 0.0f
        && row->speed[c] * row->speed[c] <= 2.0f * street->types.emergency[type] * to_line
        && lane_open_to(street, cell_link(street, change->to_cell), lane, user) && !lane_closed(street, lane, user);
}

// Asks for the trips of those who may change lanes.
static void trips_expect(const struct street *street, const struct row *rows, const struct lane_wishes *wishes)
{
    for (uint64_t rest = wishes->rows; rest != 0; rest &= rest - 1) {
        int32_t i = __builtin_ctzll(rest);
        for (uint32_t all = wishes->must[i] | wishes->gain[i] | wishes->behind[i]; all != 0; all &= all - 1) {
            trip_expect(street, rows[i].trip[__builtin_ctz(all)]);
        }
    }
}

// Asks for what a change will touch besides: the trip's legs, the paths on from the lane and those that lead in.
static void change_expect(const struct street *street, const struct change *change, int32_t trip_index)
{
    const struct trip *trip = &street->trips[trip_index];
    const struct seen *to = &street->seen[change->to_cell];
    memory_expect(&street->briefs[to->first_path]);
    for (int32_t i = 0; i < to->entry_count; i++) {
        memory_expect(&street->inside[street->entries[to->first_entry + i].path]);
    }
    memory_expect(&street->legs[trip->first_leg + trip->leg]);
}

// Those of row k who wish to change, one after the other. aside: to make way.
static void row_change(struct street *street, struct change *change, int32_t k, uint32_t must, uint32_t aside,
                       uint32_t gain)
{
    int32_t to = (int32_t)(change->to - street->groups);
    uint32_t must_bit = change->left ? KIND_LEFT : KIND_RIGHT;
    uint32_t free_bit = change->left ? KIND_FREE_LEFT : KIND_FREE_RIGHT;
    for (uint32_t rest = must | aside | gain; rest != 0; rest &= rest - 1) {
        int c = __builtin_ctz(rest);
        const struct row *row = &change->from_rows[k];
        uint32_t own = (must >> c) & 1u ? must_bit : free_bit;
        change->column = c;
        change->from_cell = (int32_t)(change->from - street->groups) * WIDE + c;
        change->to_cell = to * WIDE + c;
        // Behind one that has just changed all are a row further ahead than when they were asked.
        if (rarely(k >= change->from->count[c]) || !((row->kind[c] & own) || ((aside >> c) & 1u))
            || rarely(!may_change(street, change, k))) {
            continue;
        }
        change_expect(street, change, row->trip[c]);
        if (((must | aside) >> c) & 1u) {
            change_mandatory(street, change, k, ((must >> c) & 1u) != 0);
        } else {
            change_for_gain(street, change, k);
        }
    }
}

// Rows i .. WISH_ROWS - 1.
static uint64_t rows_from(int32_t i)
{
    return i < WISH_ROWS ? UINT64_MAX << i : 0;
}

// Those of rows first .. end - 1, of whom the kernel told who wishes.
static void rows_change(struct street *street, struct change *change, const struct lane_wishes *wishes, int32_t first,
                        int32_t end, uint32_t sirens, struct side_wish side)
{
    uint64_t there = ~rows_from(end - first);
    uint64_t rest = rarely(change->from->stops || sirens != 0) ? there : wishes->rows;
    while (rest != 0) {
        int32_t i = __builtin_ctzll(rest), k = first + i;
        uint32_t must = wishes->must[i], again = change->moved & wishes->passed;
        uint32_t gain = wishes->gain[i] | (wishes->behind[i] & ~change->moved);
        gain |= again != 0 ? behind_head(change, k, side, again) : 0u;
        gain |= rarely(change->from->stops) ? behind_stop(street, change->from, change->from_rows, k, side.left) : 0u;
        uint32_t aside = rarely(sirens != 0) ? makes_way(street, change, k, sirens) & ~must : 0u;
        row_change(street, change, k, must, aside, gain & ~must);
        rest &= rest - 1;
        if (change->from->stops || (change->moved & wishes->passed) != 0) {
            rest = there & rows_from(i + 1);   // others may wish now
        }
    }
}

static void group_change(struct street *street, struct row_pool *pool, const struct follow_job *job, int32_t from,
                         int32_t to, struct side_wish side)
{
    struct change change = { .from = &street->groups[from], .to = &street->groups[to], .left = side.left,
        .pool = pool };
    change.from_rows = &street->rows[change.from->first_row];
    change.to_rows = &street->rows[change.to->first_row];
    const struct wishing wishing = { change.from, change.to, change.from_rows, change.to_rows, side };
    struct lane_wishes wishes;
    uint32_t sirens = siren_columns(street, change.from, change.from_rows);
    int32_t count = change.from->count_max;
    for (int32_t first = 0; first < count; first += WISH_ROWS) {
        int32_t end = count - first < WISH_ROWS ? count : first + WISH_ROWS;
        street->kernel->lane_wishes(job, &wishing, first, end, &wishes);
        trips_expect(street, &change.from_rows[first], &wishes);
        rows_change(street, &change, &wishes, first, end, sirens, side);
    }
}

// Heads that stand on a lane that does not suit their route look to both sides in every second: all behind wait for
// them.
static void heads_change(struct street *street, struct row_pool *pool, int32_t from, int32_t to, bool left)
{
    struct change change = { .from = &street->groups[from], .to = &street->groups[to], .left = left, .pool = pool };
    change.from_rows = &street->rows[change.from->first_row];
    change.to_rows = &street->rows[change.to->first_row];
    const struct row *heads = change.from_rows;
    uint32_t must_bit = left ? KIND_LEFT : KIND_RIGHT;
    _Alignas(64) int32_t stands[WIDE];
    FOR_WIDE {
        stands[c] = -((change.from->count[c] > 0) & ((heads->kind[c] & must_bit) != 0)
            & (heads->speed[c] < STANDING_MPS));
    }
    uint32_t stuck = bits_of(stands);
    for (; stuck != 0; stuck &= stuck - 1) {
        int c = change.column = __builtin_ctz(stuck);
        change.from_cell = from * WIDE + c;
        change.to_cell = to * WIDE + c;
        if (may_change(street, &change, 0)) {
            change_mandatory(street, &change, 0, true);
        }
    }
}

void lanes_change(struct street *street, struct row_pool *pool, const struct follow_job *job, struct block *block,
                  int64_t second)
{
    bool left = second % 2 == 0;
    struct side_wish side = { left, (uint32_t)((second / 2) % GAIN_TURNS) };
    int32_t last = block->lane_count - 1;
    for (int32_t i = 0; i < last; i++) {
        // The lane beside the target first: nobody moves over two lanes at once.
        int32_t from = block->first_group + (left ? last - 1 - i : i + 1);
        if (street->groups[from].count_max > 0) {
            group_change(street, pool, job, from, left ? from + 1 : from - 1, side);
        }
    }
    for (int32_t i = 0; i < last; i++) {
        int32_t from = block->first_group + (left ? i + 1 : last - 1 - i);
        if (street->groups[from].count_max > 0) {
            heads_change(street, pool, from, left ? from - 1 : from + 1, !left);
        }
    }
}
