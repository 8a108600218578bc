#include "sim/traffic/crossing.h"

#include <assert.h>

#include "sim/traffic/leaving.h"
#include "sim/traffic/look_ahead.h"
#include "sim/traffic/sharing.h"
#include "sim/traffic/trips.h"

#define PATHS_APART 3   // so many paths are moved while one waits for what was asked for

// The part of a vehicle's way over its old lane's loops that it drives when its front is past the line already.
static void loops_behind(struct street *street, const struct path *path, float length, float from, float to,
                         float speed, bool leaves)
{
    const struct group *group = cell_group(street, path->from_cell);
    int column = path->from_cell % WIDE;
    for (int32_t i = 0; i < group->loop_layer_count; i++) {
        struct loop_layer *loop = &street->loops[group->loop_layer + i];
        float end = loop->to[column] - group->length[column] + length;   // of the front when the rear is clear
        if (loop->to[column] <= loop->from[column] || from >= end) {
            continue;
        }
        float moved = to - from;
        float share = moved > 0.001f && to > end ? (end - from) / moved : 1.0f;
        int32_t ms = (int32_t)(share * (float)street->options.step_ms + 0.5f);
        if (ms > 0 || to >= end || leaves) {
            (void)__atomic_fetch_or(&street->loops_met[group->loop_layer + i].behind, 1u << column, __ATOMIC_RELAXED);
        }
        team_add(street, &loop->behind_ms[column], ms);
        if (to >= end || leaves) {
            team_add(street, &loop->behind_count[column], 1);
            team_add(street, &loop->behind_mmps[column], (int32_t)(speed * 1000.0f));
        }
    }
}

// Moves the gathered crossers, and writes each to its path's next state or to those who left.
static void batch_flush(struct street *street, struct worker *worker, const struct follow_job *job)
{
    struct row *row = &worker->batch;
    int32_t count[WIDE];
    float from[WIDE];
    for (int c = 0; c < WIDE; c++) {
        count[c] = c < worker->batch_count ? 1 : 0;
        from[c] = row->front[c];
    }
    struct follow_rows rows = { .rows = row, .row_count = 1, .count = count, .ahead = &worker->batch_ahead,
        .queued = &worker->queued };
    street->kernel->follow_rows(job, &worker->pack, &rows, 1);
    for (int c = 0; c < worker->batch_count; c++) {
        int32_t path_index = worker->batch_path[c];
        const struct path *path = &street->paths[path_index];
        float length = street->types.length[row->kind[c] & KIND_TYPE];
        bool leaves = row->front[c] > path->length;
        if (from[c] < length) {
            loops_behind(street, path, length, from[c], row->front[c], row->speed[c], leaves);
        }
        if (leaves) {
            struct leaver leaver = { row->trip[c],
                                     PATH_NONE,
                                     path_index,
                                     row->front[c],
                                     row->front[c] - path->length,
                                     row->front[c] - from[c],
                                     row->speed[c],
                                     row->desired[c],
                                     row->kind[c],
                                     row->halt[c] };
            leave(street, worker, &leaver, path->to_cell);
            continue;
        }
        worker->stayed[worker->stayed_count++] = (struct stayer){ path_index, { row->front[c], row->speed[c],
            row->desired[c], length, row->trip[c], row->kind[c], row->halt[c] } };
    }
    worker->batch_count = 0;
}

static void batch_add(struct street *street, struct worker *worker, int32_t path_index, int32_t k)
{
    const struct path *path = &street->paths[path_index];
    const struct crosser *crosser = &street->now[street->inside[path_index].first + k];
    struct viewer viewer = { crosser->speed,
                             crosser->length,
                             crosser->desired,
                             driver_factor(street, crosser->kind, crosser->trip, crosser->desired, path->limit),
                             crosser->kind,
                             crosser->trip,
                             (float)halt_waited(crosser->halt) * street->step_s,
                             false };
    struct view view = look_from_path(street, path_index, k, &viewer, crosser->front);
    struct row *row = &worker->batch;
    struct ahead *ahead = &worker->batch_ahead;
    int c = worker->batch_count++;
    trip_expect(street, crosser->trip);
    row->front[c] = crosser->front;
    row->speed[c] = crosser->speed;
    row->desired[c] = crosser->desired;
    row->trip[c] = crosser->trip;
    row->kind[c] = crosser->kind;
    row->halt[c] = crosser->halt;
    ahead->rear[c] = view.gap < FAR_M ? crosser->front + view.gap : FAR_M;
    ahead->speed[c] = view.gap < FAR_M ? view.speed : 0.0f;
    ahead->margin[c] = view.margin;
    ahead->bound[c] = crosser->front + view.bound;
    ahead->cap[c] = view.cap;
    worker->batch_path[c] = path_index;
}

static void move_path(struct street *street, struct worker *worker, const struct follow_job *job, int32_t path)
{
    for (int32_t k = 0; k < street->inside[path].count; k++) {
        batch_add(street, worker, path, k);
        if (worker->batch_count == WIDE) {
            batch_flush(street, worker, job);
        }
    }
}

// Asks for what moving those on a path touches, a little more of it each time, as its turn comes nearer.
static void path_expect(const struct street *street, int32_t path)
{
    memory_expect(&street->paths[path]);
    memory_expect(&street->watches[path]);
    memory_expect(&street->inside[path]);
}

static void path_expect_more(const struct street *street, int32_t path)
{
    const struct crosser *first = &street->now[street->inside[path].first];
    memory_expect(&street->seen[street->paths[path].to_cell]);
    memory_expect(first);
    memory_expect((const char *)(first + 1) - 1);
}

static void path_expect_trip(const struct street *street, int32_t path)
{
    trip_expect(street, street->now[street->inside[path].first].trip);
}

static void path_expect_beyond(const struct street *street, int32_t path)
{
    const struct seen *to = &street->seen[street->paths[path].to_cell];
    if (to->count == 0) {
        const struct trip *trip = &street->trips[street->now[street->inside[path].first].trip];
        memory_expect(&street->legs[trip->first_leg + trip->leg]);
        memory_expect(&street->briefs[to->first_path]);
    }
}

// Adds the junction's paths with crossers to the list, from its n-th place on; returns where it ends. Nobody is on any
// of its paths in the next state.
static int32_t crossroads_list(struct street *street, struct worker *worker, const struct crossroads *crossroads,
                               int32_t *list, int32_t n)
{
    for (uint64_t rest = crossroads->busy_before & ~BUSY_REST; rest != 0; rest &= rest - 1) {
        street->inside_next[crossroads->first_path + __builtin_ctzll(rest)].count = 0;
    }
    for (int32_t i = BUSY_PATHS; rarely(i < crossroads->path_count); i++) {
        street->inside_next[crossroads->first_path + i].count = 0;
    }
    worker->updates += crossroads->vehicles_now;
    for (uint64_t rest = crossroads->busy & ~BUSY_REST; rest != 0; rest &= rest - 1) {
        list[n++] = crossroads->first_path + __builtin_ctzll(rest);
    }
    for (int32_t i = BUSY_PATHS; rarely(i < crossroads->path_count) && crossroads->vehicles_now > 0; i++) {
        if (street->inside[crossroads->first_path + i].count > 0) {
            list[n++] = crossroads->first_path + i;
        }
    }
    return n;
}

int32_t crossing_list(struct street *street, struct worker *worker, struct share *share)
{
    int32_t count = 0, n = 0, *awake = share->awake;
    for (int32_t i = share->first_crossroads; i < share->crossroads_end; i++) {
        awake[count] = i;
        count += street->awake[i] ? 1 : 0;
    }
    for (int32_t i = 0; i < count; i++) {
        memory_expect(&street->crossroads[awake[i + 6 < count ? i + 6 : i]]);
        n = crossroads_list(street, worker, &street->crossroads[awake[i]], share->jobs[JOB_PATHS].list, n);
    }
    return n;
}

bool crossing_parts(const struct street *street, int32_t before, int32_t at)
{
    return street->paths[before].junction != street->paths[at].junction;
}

void crossing_move(struct street *street, struct worker *worker, struct share *share, struct run *run)
{
    struct follow_job job = follow_job_of(street);
    const int32_t *paths = &share->jobs[JOB_PATHS].list[run->first];
    int32_t junction = street->paths[paths[0]].junction;
    int32_t room = street->crossroads[junction].first_slot - share->first_slot;
    worker->left = &share->left_paths[room];
    worker->stayed = &share->stayed[room];
    worker->left_count = worker->stayed_count = 0;
    for (int32_t i = -4 * PATHS_APART; i < run->end - run->first; i++) {
        run_reach(street, share, run, run->first + i + 4 * PATHS_APART);
        int32_t count = run->end - run->first;
        if (i + 4 * PATHS_APART < count) {
            path_expect(street, paths[i + 4 * PATHS_APART]);
        }
        if (i + 3 * PATHS_APART >= 0 && i + 3 * PATHS_APART < count) {
            path_expect_more(street, paths[i + 3 * PATHS_APART]);
        }
        if (i + 2 * PATHS_APART >= 0 && i + 2 * PATHS_APART < count) {
            path_expect_trip(street, paths[i + 2 * PATHS_APART]);
        }
        if (i + PATHS_APART >= 0 && i + PATHS_APART < count) {
            path_expect_beyond(street, paths[i + PATHS_APART]);
        }
        if (i >= 0) {
            move_path(street, worker, &job, paths[i]);
        }
    }
    if (worker->batch_count > 0) {
        batch_flush(street, worker, &job);
    }
    run->left = worker->left;
    run->left_count = worker->left_count;
    run->stayed = worker->stayed;
    run->stayed_count = worker->stayed_count;
}
