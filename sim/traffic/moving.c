#include "sim/traffic/moving.h"

#include <math.h>

#include "sim/traffic/closures.h"
#include "sim/traffic/columns.h"
#include "sim/traffic/crossing.h"
#include "sim/traffic/detour.h"
#include "sim/traffic/lane_change.h"
#include "sim/traffic/leaving.h"
#include "sim/traffic/look_ahead.h"
#include "sim/traffic/right_of_way.h"
#include "sim/traffic/sharing.h"
#include "sim/traffic/stops.h"
#include "sim/traffic/street_kernel.h"
#include "sim/traffic/trips.h"

static const float SOON_S = 1.5f;              // who reaches its line so soon may leave in this step
static const float AT_LINE_M = 4.0f;           // a head this near has stopped at its line
static const float STANDING_MPS = 0.5f;
static const float ENTRY_M = 60.0f;            // a head this near to its line may come in
static const float LOST_S = 120.0f;             // so long one waits at the end of a wrong lane
static const float GONE_S = 180.0f;             // and so long if no way leads on
static const float LOST_M = 10.0f;
static const float WAY_S = 4.0f;               // after that time, and again, with an emergency vehicle behind
static const float CLEARANCE_M = 0.1f;         // as in the kernel: a rear this little beyond a line is at it still
static const int16_t YIELDING_STEPS_MAX = 32000;
#define GROUPS_PORTION 8                       // taken together by one thread (decision 0055)
#define PATHS_PORTION 64
#define GROUPS_AHEAD 8                         // so far ahead is asked whether a group has vehicles

// Whether the second one sees its line behind the head: soon before that passes it, and from as far as it looks where
// the signal is red or the head ends its trip at the line.
static bool second_sees(const struct street *street, const struct group *group, const struct row *row, int c, bool red)
{
    if (row[0].path[c] != PATH_END && !red) {
        return group->length[c] - row[0].front[c] <= SOON_S * row[0].speed[c];
    }
    float v = row[1].speed[c], brake = street->types.deceleration[row[1].kind[c] & KIND_TYPE];
    return group->length[c] - row[1].front[c] <= v * v / brake + v * LOOK_S + LOOK_M;
}

// While the head goes on over its line, the second one, who will be the head then, may have to stop: at a signal that
// is not green, or at the end of a wrong lane. Tells whether the signal is red.
static bool holds_second(const struct street *street, const struct group *group, const struct row *row, int c,
                         bool *ret_red)
{
    *ret_red = false;
    if (group->count[c] < 2 || row[1].path[c] == PATH_END) {
        return false;
    }
    int32_t path = row[1].path[c], lit = group->head_signal[c];
    if (path == row[0].path[c] && lit >= 0 && street->aspects[lit] == ASPECT_GREEN) {
        return false;                 // both go by one green: most do, and no path need be asked
    }
    int32_t signal = path >= 0 ? street->paths[path].group : INDEX_NONE;
    if (signal < 0 || street->aspects[signal] == ASPECT_GREEN) {
        return path == PATH_NONE;
    }
    bool red = street->aspects[signal] == ASPECT_RED;
    if (!second_sees(street, group, row, c, red)) {
        return false;
    }
    struct viewer viewer = { row[1].speed[c], street->types.length[row[1].kind[c] & KIND_TYPE], row[1].desired[c], 1.0f,
        row[1].kind[c], row[1].trip[c], 0.0f, false };
    *ret_red = red;
    return line_verdict(street, path, 0, &viewer, row[1].front[c] - group->length[c]) != LINE_OPEN;
}

// A head that stands at the end of a wrong lane for long drives on where the lane leads; where no way leads on from
// there to its goal, as on the lanes out of a city, it goes out after a longer while. Two such heads, each in the
// other's lane, would else hold all behind them for ever. With an emergency vehicle behind it goes on sooner.
static void head_lost(struct street *street, struct worker *worker, int32_t cell, float to_line)
{
    struct group *group = cell_group(street, cell);
    struct row *row = cell_rows(street, cell);
    int c = cell % WIDE;
    if (row->speed[c] >= STANDING_MPS || to_line > LOST_M + street->length_max) {
        return;
    }
    group->yielding[c] = (int16_t)(group->yielding[c] + 1);
    float waited_s = (float)group->yielding[c] * street->step_s;
    bool leaves = rarely(waited_s >= GONE_S);
    if (leaves && closures_block(street, &street->trips[row->trip[c]], street->network->lanes[group->lane[c]].link)) {
        group->yielding[c] = 0;       // it waits for the incident's end
        return;
    }
    int32_t way_steps = (int32_t)(WAY_S / street->step_s);
    bool makes_way = group->yielding[c] % way_steps == 0
        && siren_behind(street, group, c, 1, row->front[c]);
    if (!leaves && !makes_way && (waited_s < LOST_S || waited_s >= LOST_S + street->step_s)) {
        return;
    }
    struct trip *trip = &street->trips[row->trip[c]];
    int32_t path = leaves ? detour_out(street, trip, cell) : detour_take(street, worker, trip, cell);
    group->yielding[c] = leaves ? 0 : group->yielding[c];
    if (path != PATH_NONE) {
        group->yielding[c] = 0;
        row->path[c] = path;
        row->kind[c] = trip_kind(street, trip, cell);
        group->stops = group->stops || (row->kind[c] & KIND_STOP) != 0;
        worker->detours++;
    }
}

// Whether nothing has changed for a head that its red signal held before: it stays, and nobody is in its way. From then
// on it is clear.
static bool stays_at_red(const struct street *street, struct group *group, int32_t cell)
{
    int c = cell % WIDE;
    int32_t signal = group->head_signal[c];
    if (signal < 0 || street->aspects[signal] != ASPECT_RED || ((group->over >> c) & 1u)) {
        return false;
    }
    const struct seen *lane = &street->seen[cell];
    const struct watch *watch = &street->watches[lane->first_path];
    int32_t inside = 0;
    for (int32_t i = 0; (street->crossroads[watch->junction].busy & watch->lane) && i < lane->path_count; i++) {
        inside |= street->inside[lane->first_path + i].count;
    }
    group->clear |= inside == 0 ? 1u << c : 0u;
    return inside == 0;
}

static void head_look(struct street *street, struct worker *worker, struct moving *moving, int c)
{
    int32_t cell = moving->group * WIDE + c;
    struct group *group = moving->at;
    struct row *row = moving->rows;
    struct ahead *ahead = &moving->ahead;
    float to_line = group->length[c] - row->front[c];
    struct viewer viewer = { row->speed[c], street->types.length[row->kind[c] & KIND_TYPE], row->desired[c],
        driver_factor(street, row->kind[c], row->trip[c], row->desired[c], group->limit[c]), row->kind[c],
        row->trip[c], (float)group->yielding[c] * street->step_s, ((group->held >> c) & 1u) != 0 };
    bool lost = row->path[c] == PATH_NONE && !rarely(row->kind[c] & KIND_STOP);   // who stands by plan is not lost
    if (lost) {
        head_lost(street, worker, cell, to_line);
    }
    struct view view = look_from_lane(street, cell, row->path[c], &viewer, to_line);
    if (lost && row->path[c] >= 0) {   // nobody has seen where it goes now: it does not come out within this step
        view.bound = lesserf(view.bound, to_line + street->paths[row->path[c]].length - LINE_MARGIN_M);
    }
    if (view.gap < FAR_M) {
        ahead->rear[c] = row->front[c] + view.gap;
        ahead->speed[c] = view.speed;
        ahead->margin[c] = view.margin;
    }
    ahead->bound[c] = row->front[c] + view.bound;
    ahead->cap[c] = view.cap;
    group->held = (group->held & ~(1u << c)) | (view.verdict == LINE_CLOSED ? 1u << c : 0u);
    group->clear &= group->held;
    bool stops = row->path[c] >= 0 && row->speed[c] < SPEED_WAITING_MPS
        && rarely(stop_sign(street, &street->paths[row->path[c]]));
    if ((stops || (view.verdict == LINE_TAKEN && row->speed[c] < STANDING_MPS)) && to_line < AT_LINE_M) {
        group->yielding[c] = (int16_t)(group->yielding[c] + (group->yielding[c] < YIELDING_STEPS_MAX ? 1 : 0));
    }
    bool red;
    if (view.verdict == LINE_OPEN && holds_second(street, group, row, c, &red)) {
        ahead->hold[c] = group->length[c];
        ahead->red |= (uint32_t)red << c;
        ahead->holds = true;
    }
}

// The next heads that will look ahead, and the next lines that somebody may reach back to.
static void heads_gather(const struct street *street, struct worker *worker, const int32_t *groups, int32_t count)
{
    worker->soon.count = worker->soon.reached_count = 0;
    for (int32_t i = 0; i < count; i++) {
        struct group *group = &street->groups[groups[i]];
        street->kernel->heads_soon(group, &street->rows[group->first_row], street->aspects, groups[i] * WIDE,
                                   &worker->soon);
    }
}

// Asks for what these heads will look at, some time before they do, so that they need not wait for it one by one: what
// their rows tell of, and later what is found by that.
static void heads_expect(const struct street *street, const struct worker *worker)
{
    const struct heads_soon *soon = &worker->soon;
    for (int32_t i = 0; i < soon->count; i++) {
        int32_t path = soon->path[i];
        memory_expect(&street->seen[soon->cell[i]]);
        if (path >= 0) {
            memory_expect(&street->paths[path]);
            memory_expect(&street->watches[path]);
            memory_expect(&street->inside[path]);
            memory_expect_write(&street->trips[soon->trip[i]]);
        }
    }
    for (int32_t i = 0; i < soon->reached_count; i++) {
        int32_t cell = soon->reached[i], path = cell_group(street, cell)->first_path[cell % WIDE];
        memory_expect(&street->seen[cell]);
        memory_expect(&street->watches[path]);
        memory_expect(&street->paths[path]);
        memory_expect(&street->inside[path]);
        memory_expect(&street->briefs[path]);
    }
}

static void heads_expect_more(const struct street *street, const struct worker *worker)
{
    const struct heads_soon *soon = &worker->soon;
    for (int32_t i = 0; i < soon->count; i++) {
        int32_t path = soon->path[i];
        if (path >= 0) {
            const struct watch *watch = &street->watches[path];
            memory_expect(&street->crossroads[watch->junction]);
            memory_expect(&street->seen[street->paths[path].to_cell]);
            if (rarely(watch->short_ones)) {
                memory_expect(&street->briefs[path]);
            }
        }
    }
    for (int32_t i = 0; i < soon->reached_count; i++) {
        int32_t cell = soon->reached[i], path = cell_group(street, cell)->first_path[cell % WIDE];
        memory_expect(&street->crossroads[street->watches[path].junction]);
    }
}

// Who meets nobody on the lane beyond looks for its way on from there.
static void heads_expect_beyond(const struct street *street, const struct worker *worker)
{
    const struct heads_soon *soon = &worker->soon;
    for (int32_t i = 0; i < soon->count; i++) {
        int32_t path = soon->path[i];
        const struct seen *to = path >= 0 ? &street->seen[street->paths[path].to_cell] : NULL;
        if (to != NULL && to->count == 0) {
            const struct trip *trip = &street->trips[soon->trip[i]];
            memory_expect(&street->legs[trip->first_leg + trip->leg]);
            memory_expect(&street->briefs[to->first_path]);
        }
    }
}

// Asks for what one who leaves its lane adds to.
static void leave_expect(const struct street *street, int32_t path, int32_t lane)
{
    if (path >= 0) {
        memory_expect_write(&street->passage_sums[street->paths[path].connection]);
        memory_expect_write(&street->turned[lane]);
    }
}

static void heads_look(struct street *street, struct worker *worker)
{
    for (int32_t i = 0; i < worker->head_count; i++) {
        struct moving *moving = &worker->moving[(uint32_t)worker->heads[i] / WIDE];
        int32_t c = (int32_t)((uint32_t)worker->heads[i] % WIDE);
        struct group *group = moving->at;
        const struct row *row = moving->rows;
        if (((group->held >> c) & 1u) && stays_at_red(street, group, moving->group * WIDE + c)) {
            street->kernel->heads_stay(group, 1u << c, &moving->ahead);
            continue;
        }
        if (group->length[c] - row->front[c] < SOON_S * row->speed[c]) {
            trip_expect(street, row->trip[c]);
            leave_expect(street, row->path[c], group->lane[c]);
        }
        head_look(street, worker, moving, c);
    }
    worker->head_count = 0;
}

// Who ends its trip at the lane's end has not passed a loop that its rear would only clear beyond it.
static void loops_forget(struct street *street, const struct group *group, int column, const struct row *row,
                         float moved_from)
{
    float length = street->types.length[row->kind[column] & KIND_TYPE];
    for (int32_t i = 0; i < group->loop_layer_count; i++) {
        struct loop_layer *loop = &street->loops[group->loop_layer + i];
        float end = loop->to[column] + length;   // of the front when the rear is clear
        bool counted = loop->to[column] > loop->from[column] && moved_from < end && row->front[column] >= end;
        if (counted && end > group->length[column]) {
            loop->count[column]--;
            street->loops_met[group->loop_layer + i].cleared &= (uint16_t)~(1u << column);
            loop->speed_mmps[column] -= (int32_t)(row->speed[column] * 1000.0f);
        }
    }
}

static void head_leave(struct street *street, struct worker *worker, struct moving *moving, int c)
{
    struct group *group = moving->at;
    struct row *rows = moving->rows;
    struct block *block = &street->blocks[street->block_of_group[moving->group]];
    struct leaver leaver = { rows[0].trip[c], rows[0].path[c], PATH_NONE, rows[0].front[c],
        rows[0].front[c] - group->length[c], rows[0].front[c] - moving->from[c], rows[0].speed[c],
        rows[0].desired[c], rows[0].kind[c], rows[0].halt[c] };
    leave(street, worker, &leaver, INDEX_NONE);
    if (rarely(leaver.path == PATH_END)) {
        loops_forget(street, group, c, rows, moving->from[c]);
    }
    float rear = rows[0].front[c] - street->types.length[rows[0].kind[c] & KIND_TYPE];
    if (rear < group->length[c] + CLEARANCE_M && leaver.path != PATH_END) {
        group->over_rear[c] = (group->over >> c) & 1u ? fminf(rear, group->over_rear[c]) : rear;
        group->over_mps[c] = rows[0].speed[c];
        group->over |= 1u << c;
        block->over = true;
    }
    column_remove(rows, group->count[c], 0, c);
    group->count[c]--;
    group->yielding[c] = 0;
    group->leaders.rear[c] = FAR_M;
    block->vehicles--;
}

// Those of the groups at hand that are past their lanes' ends leave them.
static void heads_leave(struct street *street, struct worker *worker, const struct follow_rows *moved)
{
    for (int32_t i = 0; i < worker->moving_count; i++) {
        struct group *group = worker->moving[i].at;
        uint32_t past = moved[i].past;
        group->held &= ~past;
        group->clear &= ~past;
        worker->head_count += street->kernel->columns_list(past, i * WIDE, &worker->heads[worker->head_count]);
    }
    for (int32_t i = 0; i < worker->head_count; i++) {
        uint32_t place = (uint32_t)worker->heads[i];
        head_leave(street, worker, &worker->moving[place / WIDE], (int)(place % WIDE));
    }
    worker->head_count = 0;
    for (int32_t i = 0; i < worker->moving_count; i++) {
        struct group *group = worker->moving[i].at;
        (void)street->kernel->columns_held(group->count, &group->count_max);
    }
}

// The rearmost of those beyond the line of a lane, as they were before this step; FAR_M where none reaches back.
static float rear_beyond(const struct street *street, int32_t cell, float *ret_mps)
{
    const struct seen *lane = &street->seen[cell];
    float least = FAR_M;
    *ret_mps = 0.0f;
    if (!lane_left(street, lane, INDEX_NONE)) {
        return FAR_M;
    }
    for (int32_t i = 0; i < lane->path_count; i++) {
        int32_t path_index = lane->first_path + i;
        const struct path *path = &street->paths[path_index];
        const struct seen *to = &street->seen[path->to_cell];
        float rear = FAR_M, mps = to->tail_speed;
        if (street->inside[path_index].count > 0) {
            const struct inside *inside = &street->inside[path_index];
            const struct crosser *last = &street->now[inside->first + inside->count - 1];
            rear = lane->length + last->front - last->length;
            mps = last->speed;
        } else if (path->length < street->length_max && to->count > 0
            && came_from(street, to, path_index)) {
            rear = lane->length + path->length + to->tail_rear;
        }
        *ret_mps = rear < least ? mps : *ret_mps;
        least = rear < least ? rear : least;
    }
    return least < lane->length + CLEARANCE_M ? least : FAR_M;
}

// Whether somebody is about to come into the lane from upstream, so that nobody may be inserted before it.
static bool entry_busy(const struct street *street, int32_t cell)
{
    float mps;
    if (rear_beyond(street, cell, &mps) < 2.0f * street->length_max) {
        return true;   // the lane is short, and somebody beyond it covers it
    }
    const struct seen *lane = &street->seen[cell];
    for (int32_t i = 0; i < lane->entry_count; i++) {
        const struct entry *entry = &street->entries[lane->first_entry + i];
        if (street->inside[entry->path].count > 0) {
            return true;
        }
        const struct seen *from = &street->seen[entry->from_cell];
        if (from->count > 0 && from->head_path == entry->path && from->head_speed > STANDING_MPS
            && from->length - from->head_front < ENTRY_M) {
            return true;
        }
    }
    return false;
}

static void over_refresh(const struct street *street, int32_t group_index)
{
    struct group *group = &street->groups[group_index];
    for (uint32_t rest = group->over; rest != 0; rest &= rest - 1) {
        int c = __builtin_ctz(rest);
        group->over_rear[c] = rear_beyond(street, group_index * WIDE + c, &group->over_mps[c]);
        if (group->over_rear[c] >= FAR_M) {
            group->over &= ~(1u << c);
        }
    }
}

// Of a block's groups without vehicles, as nobody moves them; those with vehicles when it is their turn.
static void block_over_refresh(const struct street *street, struct block *block)
{
    block->over = false;
    for (int32_t i = block->first_group; i < block->first_group + block->lane_count; i++) {
        bool moved = block->vehicles > 0 && street->groups[i].count_max > 0;
        if (street->groups[i].over != 0 && !moved) {
            over_refresh(street, i);
            block->over = block->over || street->groups[i].over != 0;
        }
    }
}

static void entries_look(const struct street *street, const struct block *block)
{
    for (int32_t i = 0; i < block->lane_count; i++) {
        struct group *group = &street->groups[block->first_group + i];
        for (int c = 0; c < WIDE; c++) {
            int32_t link = block->link[c];
            group->entry_busy[c] = link >= 0 && street->queue_first[link] >= 0
                && entry_busy(street, (block->first_group + i) * WIDE + c);
        }
    }
}

static void leaders_keep(const struct ahead *ahead, struct leaders *ret)
{
    for (int c = 0; c < WIDE; c++) {
        ret->rear[c] = ahead->rear[c];
        ret->speed[c] = ahead->speed[c];
        ret->margin[c] = ahead->margin[c];
    }
}

// Moves the groups at hand, when their heads have looked.
static void groups_follow(struct street *street, struct worker *worker, const struct follow_job *job)
{
    struct follow_rows rows[GROUPS_TOGETHER];
    heads_look(street, worker);
    for (int32_t i = 0; i < worker->moving_count; i++) {
        const struct moving *moving = &worker->moving[i];
        struct group *group = moving->at;
        rows[i] = (struct follow_rows){ .rows = moving->rows, .row_count = group->count_max,
            .count = group->count, .ahead = &moving->ahead, .length = group->length,
            .loops = &street->loops[group->loop_layer], .loop_count = group->loop_layer_count,
            .met = street->loops_met + group->loop_layer, .tails = &group->tails, .queued = &worker->queued };
        if (rarely(group->stops)) {
            rows[i].marks = worker->marks;
            rows[i].mark_count = worker->mark_count;
        }
    }
    street->kernel->follow_rows(job, &worker->pack, rows, worker->moving_count);
    for (int32_t i = 0; i < worker->moving_count; i++) {
        const struct moving *moving = &worker->moving[i];
        if (street->blocks[street->block_of_group[moving->group]].lane_count > 1) {
            leaders_keep(&moving->ahead, &moving->at->leaders);
        }
    }
    heads_leave(street, worker, rows);
    worker->moving_count = 0;
}

// Groups are moved some together; one with stops alone, as there is room for the marks of one.
static void move_group(struct street *street, struct worker *worker, const struct follow_job *job, int32_t index)
{
    if (street->groups[index].over != 0) {
        over_refresh(street, index);
        struct block *block = &street->blocks[street->block_of_group[index]];
        block->over = block->over || street->groups[index].over != 0;
    }
    bool stops = rarely(street->groups[index].stops);
    if (stops && worker->moving_count > 0) {
        groups_follow(street, worker, job);
    }
    worker->mark_count = 0;           // a head may be given a stop by a detour now: it is looked at in the next step
    if (stops) {
        stops_look(street, worker, index);
    }
    struct moving *moving = &worker->moving[worker->moving_count++];
    moving->group = index;
    moving->at = &street->groups[index];
    moving->rows = &street->rows[moving->at->first_row];
    int32_t *heads = &worker->heads[worker->head_count];
    worker->head_count += street->kernel->heads_prepare(job, moving, (worker->moving_count - 1) * WIDE, heads);
    if (stops || worker->moving_count == GROUPS_TOGETHER) {
        groups_follow(street, worker, job);
    }
}

// Asks for what the groups after the i-th of the run will touch, each of them a little more of it, as they come nearer;
// of their heads for some groups together.
#define EXPECT_FIRST (-3 * GROUPS_TOGETHER)
#define EXPECT_AHEAD 11
static void groups_expect(const struct street *street, struct worker *worker, const int32_t *active, int32_t i,
                          int32_t count)
{
    int32_t next = i + GROUPS_TOGETHER, turn = (i - EXPECT_FIRST) % GROUPS_TOGETHER;
    if (i + EXPECT_AHEAD < count) {
        memory_expect_write(&street->groups[active[i + EXPECT_AHEAD]].first_row);   // tells where its rows are
    }
    if (i + 8 >= 0 && i + 8 < count) {
        group_expect(street, active[i + 8]);
    }
    if (turn == 0 && next >= 0 && next < count) {
        int32_t left = count - next;
        heads_gather(street, worker, &active[next], left < GROUPS_TOGETHER ? left : GROUPS_TOGETHER);
        heads_expect(street, worker);
    } else if (turn == 1) {
        heads_expect_more(street, worker);
    } else if (turn == GROUPS_TOGETHER - 1) {
        heads_expect_beyond(street, worker);
    }
    if (i + 1 >= 0 && i + 1 < count) {
        group_expect_queue(street, active[i + 1]);
    }
}

// Looks over the share's blocks, and lists their groups that have vehicles: only those are moved.
static int32_t groups_list(struct street *street, struct worker *worker, struct share *share)
{
    int32_t count = 0, *list = share->jobs[JOB_LANES].list;
    for (int32_t b = share->first_block; b < share->block_end; b++) {
        struct block *block = &street->blocks[b];
        if (block->waiting > 0) {
            entries_look(street, block);
        }
        if (block->over) {
            block_over_refresh(street, block);
        }
        if (block->vehicles == 0) {
            continue;
        }
        block->stale = true;
        worker->updates += block->vehicles;
        for (int32_t i = block->first_group; i < block->first_group + block->lane_count; i++) {
            memory_expect(&street->groups[i + GROUPS_AHEAD].first_row);   // there may be none
            list[count] = i;
            count += street->groups[i].count_max > 0 ? 1 : 0;
        }
    }
    return count;
}

static bool groups_part(const struct street *street, int32_t before, int32_t at)
{
    return street->block_of_group[before] != street->block_of_group[at];
}

// One vehicle at most leaves a lane in a step: its first one.
static void groups_move(struct street *street, struct worker *worker, struct share *share, struct run *run)
{
    struct follow_job job = follow_job_of(street);
    const int32_t *active = &share->jobs[JOB_LANES].list[run->first];
    worker->left = &share->left_lanes[(size_t)run->first * WIDE];
    worker->left_count = 0;
    worker->soon.count = worker->soon.reached_count = 0;
    for (int32_t i = EXPECT_FIRST; i < run->end - run->first; i++) {
        run_reach(street, share, run, run->first + i + EXPECT_AHEAD);
        groups_expect(street, worker, active, i, run->end - run->first);
        if (i >= 0) {
            move_group(street, worker, &job, active[i]);
        }
    }
    if (worker->moving_count > 0) {
        groups_follow(street, worker, &job);
    }
    run->left = worker->left;
    run->left_count = worker->left_count;
}

void move_worker(struct street *street, struct worker *worker)
{
    // Paths first: who takes from others at the end then takes lanes, which cost it less than paths would.
    static const struct job_kind jobs[] = {
        { JOB_PATHS, PATHS_PORTION, crossing_list, crossing_parts, crossing_move },
        { JOB_LANES, GROUPS_PORTION, groups_list, groups_part, groups_move },
    };
    share_out(street, worker, jobs, sizeof jobs / sizeof *jobs);
}
