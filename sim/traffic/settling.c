#include "sim/traffic/settling.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "engine/model/units.h"
#include "sim/traffic/street_kernel.h"
#include "sim/traffic/closures.h"
#include "sim/traffic/columns.h"
#include "sim/traffic/lane_change.h"
#include "sim/traffic/row_pool.h"
#include "sim/traffic/sharing.h"
#include "sim/traffic/stops.h"
#include "sim/traffic/trips.h"

static const float CLEARANCE_M = 0.1f;         // as in the kernel
#define BLOCKS_AHEAD 2
#define BLOCKS_PORTION 3                       // taken together by one thread (decision 0055)
#define TRANSFERS_AHEAD 4                      // so far ahead is asked for what those who come will touch
#define QUEUE_LOOK_MAX 16                      // trips of one queue that are tried in one step,
#define QUEUE_WALK_MAX 1024                    // past so many who wait for lanes that are full

static struct share *group_share(const struct street *street, int32_t group)
{
    return &street->shares[street->share_of_block[street->block_of_group[group]]];
}

static void cell_put(struct street *street, int32_t cell, const struct vehicle *vehicle, int32_t place, int32_t came_by)
{
    struct group *group = cell_group(street, cell);
    int column = cell % WIDE;
    int32_t count = group->count[column];
    rows_reserve(street, &group_share(street, cell / WIDE)->pool, group, count + 1);
    column_insert(cell_rows(street, cell), count, place, column, vehicle);
    if (place == 0) {
        // Nobody has looked ahead for it: what the last head of the lane saw, however long ago, is nothing to it.
        group->leaders.rear[column] = FAR_M;
        group->leaders.speed[column] = group->leaders.margin[column] = 0.0f;
    }
    if (place == count) {
        group->entered[column] = came_by;
        group->changed |= 1u << column;
    }
    group->count[column] = count + 1;
    group->count_max = count + 1 > group->count_max ? count + 1 : group->count_max;
    group->stops = group->stops || (vehicle->kind & KIND_STOP) != 0;
    struct block *block = &street->blocks[street->block_of_group[cell / WIDE]];
    block->vehicles++;
    block->stale = true;
}

static float rear_at(const struct street *street, const struct row *rows, int32_t k, int column)
{
    return rows[k].front[column] - street->types.length[rows[k].kind[column] & KIND_TYPE];
}

static void arrive_on_lane(struct street *street, struct worker *worker, const struct transfer *transfer)
{
    struct group *group = cell_group(street, transfer->cell);
    struct row *rows = cell_rows(street, transfer->cell);
    struct trip *trip = &street->trips[transfer->trip];
    int column = transfer->cell % WIDE;
    int32_t count = group->count[column], k = count;
    float length = street->types.length[transfer->kind & KIND_TYPE];
    struct vehicle vehicle = { .front = transfer->front, .speed = transfer->speed, .trip = transfer->trip,
        .halt = transfer->halt };
    while (k > 0 && rows[k - 1].front[column] < vehicle.front) {
        k--;
    }
    while (k < count && rows[k].front[column] > vehicle.front - length - CLEARANCE_M) {
        k++;   // not before one whom it would overlap
    }
    if (k > 0) {
        float behind = rear_at(street, rows, k - 1, column) - CLEARANCE_M;
        if (vehicle.front > behind) {
            vehicle.front = behind;
            vehicle.speed = fminf(vehicle.speed, rows[k - 1].speed[column]);
            trip->length_mm -= (int32_t)((trip->since_front - vehicle.front) * 1000.0f + 0.5f);
            trip->since_front = vehicle.front;
        }
    }
    vehicle.desired = trip_desired(street, trip, group->limit[column]);
    closures_meet(street, worker, trip, cell_link(street, transfer->cell));
    vehicle.path = trip_path(street, trip, trip->leg, transfer->cell);
    vehicle.kind = trip_kind(street, trip, transfer->cell);
    cell_put(street, transfer->cell, &vehicle, k, transfer->came_by);
}

static void crosser_place(const struct street *street, int32_t path, const struct crosser *crosser)
{
    struct inside *inside = &street->inside_next[path];
    assert(inside->count < street->paths[path].capacity);
    street->next[inside->first + inside->count++] = *crosser;
}

static void arrive_on_path(struct street *street, const struct transfer *transfer)
{
    const struct path *path = &street->paths[transfer->path];
    crosser_place(street, transfer->path, &(struct crosser){
        .front = transfer->front, .speed = transfer->speed,
        .desired = trip_desired(street, &street->trips[transfer->trip], path->limit),
        .length = street->types.length[transfer->kind & KIND_TYPE], .trip = transfer->trip, .kind = transfer->kind,
        .halt = transfer->halt,
    });
}

static bool path_mine(const struct street *street, int32_t path, int32_t self)
{
    return path >= 0 && street->share_of_crossroads[street->paths[path].junction] == self;
}

static void crosser_expect(const struct street *street, int32_t path)
{
    struct crossroads *at = &street->crossroads[street->paths[path].junction];
    street->inside_next[path].count++;
    at->vehicles_next++;
    street->awake[street->paths[path].junction] = 1;
    at->busy_next |= busy_bit(at, path);
}

static void inside_arrange(const struct street *street, int32_t path, int32_t *slot)
{
    struct inside *inside = &street->inside_next[path];
    inside->first = *slot;
    *slot += inside->count;
    inside->count = 0;
}

// Room for those on a junction's paths after this step, and its counts as of then: nobody asks for them before all have
// settled.
static void crossroads_arrange(const struct street *street, int32_t index, int32_t *slot)
{
    struct crossroads *crossroads = &street->crossroads[index];
    for (uint64_t rest = crossroads->busy_next & ~BUSY_REST; rest != 0; rest &= rest - 1) {
        inside_arrange(street, crossroads->first_path + __builtin_ctzll(rest), slot);
    }
    for (int32_t k = BUSY_PATHS; crossroads->vehicles_next > 0 && k < crossroads->path_count; k++) {
        inside_arrange(street, crossroads->first_path + k, slot);
    }
    crossroads->vehicles_before = crossroads->vehicles_now;
    crossroads->vehicles_now = crossroads->vehicles_next;
    crossroads->vehicles_next = 0;
    crossroads->busy_before = crossroads->busy;
    crossroads->busy = crossroads->busy_next;
    crossroads->busy_next = BUSY_REST;
    street->awake[index] = (crossroads->vehicles_before | crossroads->vehicles_now) != 0;
}

static void crossers_expect(struct street *street, const struct run *from, int32_t self)
{
    for (int32_t i = 0; i < from->left_count; i++) {
        int32_t path = from->left[i].path;
        if (i + TRANSFERS_AHEAD < from->left_count && from->left[i + TRANSFERS_AHEAD].path >= 0) {
            memory_expect(&street->paths[from->left[i + TRANSFERS_AHEAD].path]);
            memory_expect_write(&street->inside_next[from->left[i + TRANSFERS_AHEAD].path]);
        }
        if (path_mine(street, path, self)) {
            crosser_expect(street, path);
        }
    }
}

// Makes room in street.next for those who stay on the share's paths and those who come, path by path.
static void crossers_arrange(struct street *street, const struct share *share, int32_t self)
{
    const struct job *paths = &share->jobs[JOB_PATHS];
    for (int32_t k = 0; k < paths->portion_count; k = paths->runs[k].portion_end) {
        for (int32_t i = 0; i < paths->runs[k].stayed_count; i++) {
            crosser_expect(street, paths->runs[k].stayed[i].path);
        }
    }
    for (int32_t w = 0; w < street->worker_count; w++) {
        for (int32_t j = JOB_LANES; j <= JOB_PATHS; j++) {
            const struct job *job = &street->shares[w].jobs[j];
            for (int32_t k = 0; k < job->portion_count; k = job->runs[k].portion_end) {
                crossers_expect(street, &job->runs[k], self);
            }
        }
    }
    int32_t slot = share->first_slot;
    for (int32_t i = share->first_crossroads; i < share->crossroads_end; i++) {
        if (street->awake[i]) {
            crossroads_arrange(street, i, &slot);
        }
    }
    for (int32_t k = 0; k < paths->portion_count; k = paths->runs[k].portion_end) {
        for (int32_t i = 0; i < paths->runs[k].stayed_count; i++) {
            crosser_place(street, paths->runs[k].stayed[i].path, &paths->runs[k].stayed[i].crosser);
        }
    }
}

static bool transfer_mine(const struct street *street, const struct transfer *transfer, int32_t self)
{
    return transfer->cell >= 0 ? street->share_of_block[street->block_of_group[transfer->cell / WIDE]] == self
        : path_mine(street, transfer->path, self);
}

// One who passed a whole lane in a step may lie over it still: nobody changes to it, or enters it, there.
static void lane_covered(struct street *street, const struct transfer *transfer)
{
    struct group *group = cell_group(street, transfer->passed);
    struct block *block = &street->blocks[street->block_of_group[transfer->passed / WIDE]];
    int c = transfer->passed % WIDE;
    float beyond = transfer->cell >= 0 ? street->paths[transfer->came_by].length : 0.0f;
    float rear = group->length[c] + beyond + transfer->front
        - street->types.length[transfer->kind & KIND_TYPE];
    if (rear < group->length[c] + CLEARANCE_M) {
        bool covered = ((group->over >> c) & 1u) != 0;
        group->over_mps[c] = covered && group->over_rear[c] < rear ? group->over_mps[c] : transfer->speed;
        group->over_rear[c] = covered ? lesserf(rear, group->over_rear[c]) : rear;
        group->over |= 1u << c;
        block->over = true;
    }
}

static void transfer_take(struct street *street, struct worker *worker, const struct transfer *transfer, int32_t self)
{
    if (transfer->passed >= 0
        && street->share_of_block[street->block_of_group[transfer->passed / WIDE]] == self) {
        lane_covered(street, transfer);
    }
    if (!transfer_mine(street, transfer, self)) {
        return;
    }
    if (transfer->cell >= 0) {
        arrive_on_lane(street, worker, transfer);
    } else {
        arrive_on_path(street, transfer);
    }
}

// Asks for what one who comes will touch: what is found by its transfer, and later what is found by that.
static void transfer_expect(const struct street *street, const struct transfer *transfer)
{
    memory_expect_write(&street->trips[transfer->trip]);
    if (transfer->cell >= 0) {
        const struct group *group = cell_group(street, transfer->cell);
        memory_expect_write(group->count);
        memory_expect_write(&group->first_row);
        memory_expect(group->limit);
        memory_expect_write(group->entered);
        memory_expect(&street->seen[transfer->cell]);
    } else {
        memory_expect(&street->paths[transfer->path]);
    }
}

static void transfer_expect_more(const struct street *street, const struct transfer *transfer)
{
    if (transfer->cell < 0) {
        memory_expect_write(&street->inside_next[transfer->path]);
        return;
    }
    const struct group *group = cell_group(street, transfer->cell);
    int column = transfer->cell % WIDE;
    const struct trip *trip = &street->trips[transfer->trip];
    const struct row *last = &street->rows[group->first_row + group->count[column]];
    memory_expect(&street->legs[trip->first_leg + trip->leg]);
    memory_expect(&street->briefs[street->seen[transfer->cell].first_path]);
    memory_expect_write(&last->front[column]);
    memory_expect_write(&last->speed[column]);
    memory_expect_write(&last->desired[column]);
    memory_expect_write(&last->path[column]);
    memory_expect_write(&last->trip[column]);
    memory_expect_write(&last->kind[column]);
    memory_expect_write(&last->halt[column]);
    if (group->count[column] > 0) {
        memory_expect(&last[-1].front[column]);
        memory_expect(&last[-1].speed[column]);
        memory_expect(&last[-1].kind[column]);
    }
}

static void transfers_take_some(struct street *street, struct worker *worker, const struct run *from, int32_t self)
{
    int32_t end = from->left_count;
    for (int32_t i = 0; i < end; i++) {
        if (i + 2 * TRANSFERS_AHEAD < end) {
            transfer_expect(street, &from->left[i + 2 * TRANSFERS_AHEAD]);
        }
        if (i + TRANSFERS_AHEAD < end && transfer_mine(street, &from->left[i + TRANSFERS_AHEAD], self)) {
            transfer_expect_more(street, &from->left[i + TRANSFERS_AHEAD]);
        }
        transfer_take(street, worker, &from->left[i], self);
    }
}

// Those who left lanes first, then those who left paths, both in the order of where they left: where two come to one
// place in one step, one past a whole path, the second gives way.
static void transfers_take(struct street *street, struct worker *worker, const struct share *share)
{
    int32_t self = (int32_t)(share - street->shares);
    crossers_arrange(street, share, self);
    for (int32_t j = JOB_LANES; j <= JOB_PATHS; j++) {
        for (int32_t w = 0; w < street->worker_count; w++) {
            const struct job *job = &street->shares[w].jobs[j];
            for (int32_t k = 0; k < job->portion_count; k = job->runs[k].portion_end) {
                transfers_take_some(street, worker, &job->runs[k], self);
            }
        }
    }
}

// Room at the start of a lane: to the rear of the last vehicle, or the whole lane.
static float room_at_start(const struct street *street, int32_t cell)
{
    const struct group *group = cell_group(street, cell);
    int column = cell % WIDE;
    int32_t count = group->count[column];
    float empty = (group->over >> column) & 1u ? group->over_rear[column] : group->length[column];
    return count > 0 ? rear_at(street, cell_rows(street, cell), count - 1, column) : empty;
}

// The lane with the most room of the set; INDEX_NONE when all are held.
static int32_t roomiest(const struct street *street, const struct block *block, int column, uint32_t lanes)
{
    int32_t best = INDEX_NONE;
    float most = 0.0f;
    for (; lanes != 0; lanes &= lanes - 1) {
        int32_t cell = (block->first_group + __builtin_ctz(lanes)) * WIDE + column;
        float room = room_at_start(street, cell);
        if (!cell_group(street, cell)->entry_busy[column] && room > most) {
            most = room;
            best = cell;
        }
    }
    return best;
}

// Where its front is to begin; before the lane's start for the first place there is.
static float depart_front(const struct street *street, int32_t cell, const struct trip *trip)
{
    int32_t count = cell_group(street, cell)->count[cell % WIDE];
    bool behind_last = trip->since_front < 0.5f * (float)(DEPART_AT_START + DEPART_BEHIND_LAST);
    if (!behind_last) {
        return trip->since_front;
    }
    float gap = street->types.gap[trip->type] + LINE_MARGIN_M;
    return count > 0 ? rear_at(street, cell_rows(street, cell), count - 1, cell % WIDE) - gap : FAR_M;
}

// Room for one whose front is to be there: its row, and the gap to the one ahead, FAR_M without one. false: no room.
static bool place_find(const struct street *street, int32_t cell, const struct trip *trip, float front,
                       int32_t *ret_place, float *ret_gap)
{
    const struct group *group = cell_group(street, cell);
    const struct row *rows = cell_rows(street, cell);
    int column = cell % WIDE;
    float length = street->types.length[trip->type];
    *ret_place = group->count[column];
    if (trip->since_front > front - LINE_MARGIN_M && trip->since_front > length
        && !lane_has_gap(street, cell, front, length, ret_place)) {
        return false;
    }
    *ret_gap = FAR_M;
    if (*ret_place > 0) {
        *ret_gap = rear_at(street, rows, *ret_place - 1, column) - front;
    } else if ((group->over >> column) & 1u) {
        *ret_gap = group->over_rear[column] - front;
    }
    return *ret_gap >= street->types.gap[trip->type];
}

static bool insert(struct street *street, struct worker *worker, int32_t cell, int32_t trip_index, int64_t now_ms)
{
    struct trip *trip = &street->trips[trip_index];
    const struct type_table *types = &street->types;
    struct group *group = cell_group(street, cell);
    int column = cell % WIDE;
    float lane_m = group->length[column] - LINE_MARGIN_M;
    float start = lesserf(types->length[trip->type], lane_m);
    float front = lesserf(greaterf(start, depart_front(street, cell, trip)), lane_m);
    float b = types->deceleration[trip->type];
    struct vehicle vehicle = { .front = front, .trip = trip_index,
        .desired = trip_desired(street, trip, group->limit[column]) };
    float safe = vehicle.desired, gap;
    int32_t place;
    if (!place_find(street, cell, trip, front, &place, &gap)) {
        return false;
    }
    if (gap < FAR_M) {
        float leader_mps = place > 0 ? cell_rows(street, cell)[place - 1].speed[column] : 0.0f;
        safe = fminf(safe, safe_speed(gap - types->gap[trip->type], leader_mps, b, types->headway[trip->type],
            street->step_s));
    }
    closures_meet(street, worker, trip, cell_link(street, cell));
    vehicle.path = trip_path(street, trip, 0, cell);
    vehicle.kind = trip_kind(street, trip, cell);
    if (vehicle.path != PATH_END) {
        safe = fminf(safe, sqrtf(2.0f * b * (lane_m - front)));
    }
    if (vehicle.kind & KIND_STOP) {
        safe = fminf(safe, sqrtf(2.0f * b * fmaxf(0.0f, stops_end_on(street, trip_index, 0) - front)));
    }
    float wish = trip->depart_speed_mmps < 0 ? vehicle.desired : (float)trip->depart_speed_mmps * 0.001f;
    if (trip->depart_speed_mmps > 0 && wish > safe && place > 0) {
        return false;
    }
    vehicle.speed = wish < safe ? wish : safe;
    trip->entered_ms = trip->since_ms = (int32_t)(now_ms - street->options.begin_ms);
    trip->state = TRIP_UNDER_WAY;
    trip->length_mm = 0;
    trip->since_front = front;
    trip->free_flow_ms -= (int32_t)((front - start) / vehicle.desired * 1000.0f);
    cell_put(street, cell, &vehicle, place, PATH_NONE);
    if (place == 0) {
        lane_head_forget(group, column);
    }
    return true;
}

static void queue_unlink(struct street *street, int32_t link, int32_t before, int32_t index)
{
    int32_t next = street->trips[index].next;
    if (before == INDEX_NONE) {
        street->queue_first[link] = next;
    } else {
        street->trips[before].next = next;
    }
    if (street->queue_last[link] == index) {
        street->queue_last[link] = before;
    }
    street->trips[index].next = INDEX_NONE;
}

// Of the lanes that a trip would begin on those that are open, else any other open one of its link.
static uint32_t lanes_not_closed(const struct street *street, int32_t link_index, const struct trip *trip,
                                 uint32_t wished)
{
    const struct link *link = &street->network->links[link_index];
    uint32_t user = street->types.user[trip->type], open = 0;
    for (int32_t i = 0; i < link->lane_count; i++) {
        int32_t lane = link->first_lane + i;
        bool may = (street->network->lanes[lane].users & user) && !lane_closed(street, lane, user);
        open |= may ? 1u << i : 0u;
    }
    return (open & wished) != 0 || trip->depart_lane >= 0 ? open & wished : open;
}

static void queue_enter(struct street *street, struct worker *worker, struct block *block, int column, int64_t now_ms)
{
    int32_t link = block->link[column];
    uint32_t all = street->network->links[link].lane_count < 32
        ? (1u << street->network->links[link].lane_count) - 1 : UINT32_MAX;
    uint32_t held = 0;                 // lanes that had no place for somebody
    int32_t before = INDEX_NONE, index = street->queue_first[link], tried = 0;
    for (int walked = 0; index != INDEX_NONE && walked < QUEUE_WALK_MAX && tried < QUEUE_LOOK_MAX && held != all;
         walked++) {
        const struct trip *trip = &street->trips[index];
        int32_t next = trip->next;
        uint32_t lanes = trip_first_lanes(street, trip);
        if (closures_near(street, link)) {
            lanes = lanes_not_closed(street, link, trip, lanes);
        }
        bool open = (lanes & ~held) != 0;
        int32_t cell = open ? roomiest(street, block, column, lanes) : INDEX_NONE;
        tried += open;
        if (cell != INDEX_NONE && insert(street, worker, cell, index, now_ms)) {
            queue_unlink(street, link, before, index);
            block->waiting--;
            worker->entered++;
        } else {
            held |= trip->since_front > 0.0f ? 0u : lanes;   // one that wants a place of its own holds nobody
            before = index;
        }
        index = next;
    }
}

static void block_insert(struct street *street, struct worker *worker, struct block *block, int64_t now_ms)
{
    for (int c = 0; c < WIDE && block->waiting > 0; c++) {
        if (block->link[c] >= 0 && street->queue_first[block->link[c]] >= 0) {
            queue_enter(street, worker, block, c, now_ms);
        }
    }
}

// Those who have parked long enough come back into a safe gap, in the order in which they left.
static void block_unpark(struct street *street, struct worker *worker, struct block *block, int64_t now_ms)
{
    int32_t *from = &block->parked, end_ms = (int32_t)(now_ms - street->options.begin_ms);
    while (*from != INDEX_NONE) {
        int32_t index = *from, next = street->trips[index].next, place = 0;
        const struct itinerary *list = stops_of(street, index);
        float length = street->types.length[street->trips[index].type];
        if (!stops_due(street, index, end_ms)
            || cell_closed(street, list->cell, street->types.user[street->trips[index].type])
            || !lane_has_gap(street, list->cell, list->front, length, &place)) {
            from = &street->trips[index].next;
            continue;
        }
        int32_t cell = list->cell;
        struct vehicle vehicle = stops_return(street, index, end_ms);
        *from = next;
        cell_put(street, cell, &vehicle, place, PATH_NONE);
        if (place == 0) {
            lane_head_forget(cell_group(street, cell), cell % WIDE);
        }
        worker->parked--;
    }
}

// Where the last vehicles are in columns where the kernel could not tell.
static void tails_refresh(const struct street *street, struct group *group, const struct row *rows, uint32_t held)
{
    for (uint32_t rest = group->changed & held; rest != 0; rest &= rest - 1) {
        int c = __builtin_ctz(rest);
        int32_t last = group->count[c] - 1;
        group->tails.rear[c] = rear_at(street, rows, last, c);
        group->tails.speed[c] = rows[last].speed[c];
    }
}

static void group_publish(const struct street *street, int32_t group_index)
{
    struct group *group = &street->groups[group_index];
    struct seen *seen = &street->seen[group_index * WIDE];
    const struct row *rows = &street->rows[group->first_row];
    uint32_t held = street->kernel->columns_held(group->count, &group->count_max);
    tails_refresh(street, group, rows, held);
    struct published now = street->kernel->cells_publish(group, rows, held, seen);
    for (uint32_t rest = now.other_head; rest != 0; rest &= rest - 1) {
        int c = __builtin_ctz(rest);
        group->head_path[c] = rows[0].path[c];
        const struct path *path = rows[0].path[c] >= 0 ? &street->paths[rows[0].path[c]] : NULL;
        group->head_signal[c] = path != NULL && !path->right_on_red ? path->group : INDEX_NONE;
    }
    for (uint32_t rest = group->shown & ~held; rest != 0; rest &= rest - 1) {
        seen[__builtin_ctz(rest)].count = 0;
    }
    street->reaching[group_index] = (uint16_t)now.reaching;
    group->shown = held;
    group->changed = 0;
}

static void block_publish(struct street *street, struct block *block)
{
    for (int32_t i = 0; i < block->lane_count; i++) {
        group_publish(street, block->first_group + i);
    }
    block->stale = false;
}

// Asks for what lane changes and publishing will touch of a block: of its groups, and later of their rows.
static void block_expect(const struct street *street, const struct block *block)
{
    for (int32_t i = 0; i < block->lane_count; i++) {
        const struct group *group = &street->groups[block->first_group + i];
        const char *end = (const char *)(&group->entered + 1);
        for (const char *at = (const char *)&group->tails; at < end; at += 64) {
            memory_expect_write(at);
        }
        memory_expect(group->yielding);
        memory_expect(group->lane);
    }
}

// Asks for the cells that will be published. Where most are, for all of them, which takes no branches.
static void seen_expect(const struct seen *seen, uint32_t shown)
{
    if (__builtin_popcount(shown) > WIDE / 2) {
        for (int c = 0; c < WIDE; c++) {
            memory_expect_write(&seen[c]);
        }
        return;
    }
    for (uint32_t rest = shown; rest != 0; rest &= rest - 1) {
        memory_expect_write(&seen[__builtin_ctz(rest)]);
    }
}

// goal: the lane on which lane changes of this second end; of it all rows are not read.
static void block_expect_more(const struct street *street, const struct block *block, int32_t goal)
{
    for (int32_t i = 0; i < block->lane_count; i++) {
        const struct group *group = &street->groups[block->first_group + i];
        const struct row *rows = &street->rows[group->first_row];
        int32_t count = group->count_max < ROWS_EXPECTED ? group->count_max : ROWS_EXPECTED;
        count = i == goal && count > 2 ? 2 : count;
        for (int32_t k = 0; k < count; k++) {
            memory_expect(rows[k].front);
            memory_expect(rows[k].speed);
            memory_expect(rows[k].desired);
            memory_expect(rows[k].kind);
        }
        memory_expect(rows[0].path);
        memory_expect(rows[1].path);
        seen_expect(&street->seen[(block->first_group + i) * WIDE], group->shown);
    }
}

// Gives back rows that no queue needs any more.
static void block_shrink(struct street *street, struct share *share, const struct block *block)
{
    for (int32_t i = 0; i < block->lane_count; i++) {
        rows_shrink(street, &share->pool, &street->groups[block->first_group + i]);
    }
}

// When all who come are in their places: the share's blocks where there is anything to settle.
static int32_t blocks_list(struct street *street, struct worker *worker, struct share *share)
{
    transfers_take(street, worker, share);
    int32_t count = 0, *list = share->jobs[JOB_BLOCKS].list;
    for (int32_t i = share->first_block; i < share->block_end; i++) {
        const struct block *block = &street->blocks[i];
        bool any = block->stale || block->vehicles > 0 || block->waiting > 0 || block->parked != INDEX_NONE;
        list[count] = i;
        count += any ? 1 : 0;
    }
    return count;
}

static void blocks_settle(struct street *street, struct worker *worker, struct share *share, struct run *run)
{
    int64_t after_ms = street->now_ms + street->options.step_ms;
    int64_t second = after_ms / MS_PER_S;
    bool whole = after_ms % MS_PER_S == 0;
    struct follow_job job = follow_job_of(street);
    const int32_t *list = share->jobs[JOB_BLOCKS].list;
    for (int32_t i = run->first; i < run->end; i++) {
        struct block *block = &street->blocks[list[i]];
        run_reach(street, share, run, i + BLOCKS_AHEAD);
        if (i + BLOCKS_AHEAD < run->end) {
            block_expect(street, &street->blocks[list[i + BLOCKS_AHEAD]]);
        }
        if (i + 1 < run->end) {
            const struct block *next = &street->blocks[list[i + 1]];
            block_expect_more(street, next, second % 2 == 0 ? next->lane_count - 1 : 0);
        }
        if (whole && block->vehicles > 0 && block->lane_count > 1) {
            lanes_change(street, &share->pool, &job, block, second);
        }
        if (block->parked != INDEX_NONE) {
            block_unpark(street, worker, block, after_ms);
        }
        if (block->waiting > 0 && worker->inserting) {
            block_insert(street, worker, block, after_ms);
        }
        if (block->stale) {
            block_publish(street, block);
            block_shrink(street, share, block);
        }
    }
}

void settle_worker(struct street *street, struct worker *worker)
{
    static const struct job_kind job = { JOB_BLOCKS, BLOCKS_PORTION, blocks_list, NULL, blocks_settle };
    share_out(street, worker, &job, 1);
}

void settle_insert(struct street *street, int64_t now_ms)
{
    for (int32_t i = 0; i < street->block_count; i++) {
        struct block *block = &street->blocks[i];
        if (block->waiting > 0) {
            block_insert(street, &street->workers[0], block, now_ms);
            block_publish(street, block);
        }
    }
}

void settle_place(struct street *street, int32_t cell, const struct vehicle *vehicle, int32_t came_by)
{
    cell_put(street, cell, vehicle, cell_group(street, cell)->count[cell % WIDE], came_by);
}

void settle_publish(struct street *street)
{
    for (int32_t i = 0; i < street->block_count; i++) {
        block_publish(street, &street->blocks[i]);
    }
}
