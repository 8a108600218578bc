#include "engine/estimate/estimate.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/bounds.h"
#include "engine/base/memory.h"
#include "engine/model/units.h"

#define CONFIDENCE_FADE_MS 25000      // from full at SIGHT_CONTROL_AGE_MS to none
#define CAMERAS_FADE_MS (SIGHT_CONTROL_AGE_MS + CONFIDENCE_FADE_MS + SIGHT_AHEAD_MS)   // then no picture is left
static const double RATE_WINDOW_S = 300.0;        // one webster interval: half of the weight is younger than this
static const double SHARE_PRIOR_VEH = 2.0;        // vehicles' worth of belief in equal shares before any were counted
static const double ASKED_VEH_MIN = 0.05;         // less than this within reach is nobody

static const double DEMAND_FLOOR_VPS = 0.002;     // so that a row without traffic yet still gets a share
static const double FORK_FLOOR_VPS = 0.01;        // the same, of a lane that feeds several: two vehicles' worth by now
static const float COVERED = 0.95f, CLEAR = 0.05f;   // occupancies of a loop that is
static const double CONFIDENCE_BOTH = 0.8, CONFIDENCE_ONE = 0.5;   // of a row kept from its loops
static const double FAR_DOUBT = 0.05;             // less sure with each vehicle that no loop has seen
static const double DISPERSION = 0.2;             // per second: the spread of a platoon is smoothed over some 5 s

#define AHEAD 12                      // what is looked up by index is fetched so many before it is needed
enum { OWN_STOP = 1, OWN_ADVANCE = 2 };           // bits of own_loops

static double confidence_at(int64_t end_ms, int64_t now_ms)
{
    if (end_ms == INT64_MIN) {
        return 0.0;
    }
    double late_ms = (double)(now_ms - end_ms - SIGHT_CONTROL_AGE_MS);
    return late_ms <= 0.0 ? 1.0 : greater(0.0, 1.0 - late_ms / CONFIDENCE_FADE_MS);
}

// What one tick is for the rows of an intersection.
struct tick {
    int64_t now_ms, now_s;
    double dt_s, keep, rate_s;        // since the update before; what of the sums is kept; seconds that they rest on
    bool cameras;                     // one of the city's has said something that is not yet forgotten
    bool shares;                      // one has ever said something
};

// What cameras see of a row: sums over its feeders by weight.
static void row_look(const struct estimate *estimate, int32_t row, int64_t now_ms, struct row_estimate *state)
{
    double vehicles = 0.0, queue = 0.0, sure = 0.0, weights = 0.0;
    for (int32_t i = estimate->first_look[row]; i < estimate->first_look[row + 1]; i++) {
        const struct look *look = &estimate->looks[i];
        const struct lane_sight *lane = &estimate->sight.lanes[look->lane];
        double confidence = confidence_at(lane->end_ms, now_ms);
        weights += look->weight;
        sure += look->weight * confidence;
        vehicles += confidence > 0.0 ? look->weight * lane->in_view : 0.0;
        queue += confidence > 0.0 ? look->weight * lane->queued : 0.0;
    }
    state->vehicles = vehicles;
    state->queue = queue;
    state->confidence = weights > 0.0 ? sure / weights : 0.0;
}

static int32_t counted_since(int32_t now, int32_t *before)
{
    int32_t counted = (int32_t)((uint32_t)now - (uint32_t)*before);
    *before = now;
    return counted;
}

static bool loop_heard(const struct estimate *estimate, int32_t loop, int64_t now_ms)
{
    return loop != INDEX_NONE && estimate->sight.loops[loop].end_ms != INT64_MIN
        && estimate->sight.loops[loop].end_ms >= now_ms - SIGHT_CONTROL_AGE_MS;
}

static void loop_fetch(const struct estimate *estimate, int32_t loop)
{
    if (loop != INDEX_NONE) {
        memory_expect(&estimate->sight.loops[loop]);
    }
}

// What the loops of a row said since the update before. True when one of them speaks.
static bool loops_listen(struct estimate *estimate, int32_t row, int64_t now_ms)
{
    if (row + AHEAD < estimate->approaches.row_count) {
        loop_fetch(estimate, estimate->stop_loop[row + AHEAD]);
        loop_fetch(estimate, estimate->advance_loop[row + AHEAD]);
    }
    struct row_counted *counted = &estimate->counted[row];
    struct lane_queue_seen *seen = &estimate->loops_seen[row];
    int32_t stop = estimate->stop_loop[row], advance = estimate->advance_loop[row];
    *seen = (struct lane_queue_seen){ .has_stop = loop_heard(estimate, stop, now_ms),
                                      .has_advance = loop_heard(estimate, advance, now_ms) };
    if (stop != INDEX_NONE) {
        const struct loop_sight *loop = &estimate->sight.loops[stop];
        seen->out = counted_since(loop->passed, &counted->out);
        seen->stop_covered = seen->has_stop && loop->occupancy >= COVERED;
        seen->stop_clear = seen->has_stop && loop->occupancy <= CLEAR;
    }
    if (advance != INDEX_NONE) {
        const struct loop_sight *loop = &estimate->sight.loops[advance];
        seen->in = counted_since(loop->passed, &counted->in);
        seen->advance_covered = seen->has_advance && loop->occupancy >= COVERED;
        seen->advance_clear = seen->has_advance && loop->occupancy <= CLEAR;
    }
    return seen->has_stop || seen->has_advance;
}

static void row_from_loops(struct estimate *estimate, int32_t row, int64_t now_s)
{
    struct row_estimate *state = &estimate->rows[row];
    const struct lane_queue *queue = &estimate->queues[row];
    const struct lane_queue_seen *seen = &estimate->loops_seen[row];
    double far = (double)queue->far_veh;
    state->vehicles = (double)queue->near_veh + far;
    state->queue = state->vehicles - lane_queue_moving(queue, &estimate->places[row], now_s);
    double sure = seen->has_stop && seen->has_advance ? CONFIDENCE_BOTH : CONFIDENCE_ONE;
    state->confidence = far > 0.0 ? sure / (1.0 + far * FAR_DOUBT) : sure;
}

static void shares_refresh(struct estimate *estimate, const struct approach_row *row)
{
    double sum = 0.0;
    for (int32_t m = row->first_movement; m < row->first_movement + row->movement_count; m++) {
        sum += estimate->share_sum[m];
    }
    double prior = SHARE_PRIOR_VEH / row->movement_count;
    for (int32_t m = row->first_movement; m < row->first_movement + row->movement_count; m++) {
        estimate->share[m] = (estimate->share_sum[m] + prior) / (sum + SHARE_PRIOR_VEH);
    }
}

// A loop does not see turns: what passed is shared out as it was believed before.
static void row_spread(struct estimate *estimate, const struct approach_row *row, double passed, int64_t now_ms)
{
    for (int32_t m = row->first_movement; m < row->first_movement + row->movement_count && passed > 0.0; m++) {
        upstream_note(&estimate->upstream, m, now_ms, passed * estimate_share(estimate, m));
    }
}

static void row_forget(struct estimate *estimate, int32_t row, const struct tick *tick)
{
    struct row_estimate *state = &estimate->rows[row];
    state->passed_sum *= tick->keep;
    state->demand_sum *= tick->keep;
    if (tick->shares) {               // They are all 0 before.
        const struct approach_row *at = &estimate->approaches.rows[row];
        for (int32_t m = at->first_movement; m < at->first_movement + at->movement_count; m++) {
            estimate->share_sum[m] *= tick->keep;
        }
    }
}

// Shares out `vehicles` that took a turn among the row's movements of that turn.
static void row_turned(struct estimate *estimate, const struct approach_row *row, int turn, double vehicles,
                       int64_t now_ms)
{
    int32_t fitting = 0;
    for (int32_t m = row->first_movement; m < row->first_movement + row->movement_count; m++) {
        fitting += (int)estimate->approaches.movements[m].turn == turn;
    }
    for (int32_t m = row->first_movement; m < row->first_movement + row->movement_count; m++) {
        if ((int)estimate->approaches.movements[m].turn == turn) {
            estimate->share_sum[m] += vehicles / fitting;
            upstream_note(&estimate->upstream, m, now_ms, vehicles / fitting);
        }
    }
}

static double row_passed(struct estimate *estimate, int32_t row, int64_t now_ms)
{
    const struct approach_row *at = &estimate->approaches.rows[row];
    const struct lane_sight *lane = &estimate->sight.lanes[at->lane];
    struct row_turned *before = &estimate->turned[row];
    double passed = 0.0;
    for (int t = 0; t < SIGHT_TURN_COUNT; t++) {
        double turned = counted_since(lane->passed[t], &before->passed[t]);
        passed += turned;
        if (turned > 0.0) {
            row_turned(estimate, at, t, turned, now_ms);
        }
    }
    return passed;
}

// A queue kept from loops goes on from what a camera saw last.
static void queue_follow(struct estimate *estimate, int32_t row)
{
    const struct row_estimate *state = &estimate->rows[row];
    struct lane_queue *queue = &estimate->queues[row];
    double near = fmin(state->vehicles, (double)estimate->places[row].advance_m / LANE_SPACING_M);
    queue->near_veh = (float)near;
    queue->far_veh = (float)fmax(0.0, state->queue - near);
}

static void usual_refresh(struct estimate *estimate, int32_t row)
{
    const struct approach_row *at = &estimate->approaches.rows[row];
    for (int32_t m = at->first_movement; m < at->first_movement + at->movement_count; m++) {
        estimate->upstream.departures[m].usual_vps = estimate->share[m] * estimate->passed_vps[row];
    }
}

static bool loops_ever_spoke(const struct estimate *estimate, int32_t row)
{
    int32_t stop = estimate->stop_loop[row], advance = estimate->advance_loop[row];
    return (stop != INDEX_NONE && estimate->sight.spoke[stop] != 0)
        || (advance != INDEX_NONE && estimate->sight.spoke[advance] != 0);
}

static void row_update(struct estimate *estimate, int32_t row, const struct tick *tick)
{
    if (estimate->row_silent[row] != 0 && !loops_ever_spoke(estimate, row)) {
        return;                       // Many lanes have no sensor that works: they need not be fetched.
    }
    estimate->row_silent[row] = estimate->row_camera[row] == 0 && !loops_ever_spoke(estimate, row);
    struct row_estimate *state = &estimate->rows[row];
    bool camera = estimate->row_camera[row] != 0;
    double passed = 0.0;
    if (tick->cameras && row + AHEAD < estimate->approaches.row_count) {
        memory_expect(&estimate->sight.lanes[estimate->approaches.rows[row + AHEAD].lane]);
    }
    row_forget(estimate, row, tick);
    bool loops = estimate->has_loops && loops_listen(estimate, row, tick->now_ms);
    if (loops) {
        lane_queue_count(&estimate->queues[row], &estimate->places[row], &estimate->loops_seen[row], tick->now_s,
                         tick->dt_s);
    }
    if (camera && tick->cameras) {
        passed = row_passed(estimate, row, tick->now_ms);
        row_look(estimate, row, tick->now_ms, state);
    } else if (camera) {
        state->vehicles = state->queue = state->confidence = 0.0;
    }
    if (camera && (state->confidence > 0.0 || !loops)) {
        state->source = state->confidence > 0.0 ? ROW_CAMERA : ROW_UNSEEN;
        if (loops) {
            queue_follow(estimate, row);
        }
    } else if (loops) {
        state->source = ROW_LOOPS;    // What stands there is told by estimate_expect.
        passed = estimate->loops_seen[row].has_stop ? estimate->loops_seen[row].out : estimate->loops_seen[row].in;
        row_spread(estimate, &estimate->approaches.rows[row], passed, tick->now_ms);
    } else {
        state->source = ROW_UNSEEN;
        state->confidence = 0.0;
    }
    state->passed_sum += passed;
    state->demand_sum += passed;
    estimate->passed_vps[row] = tick->rate_s > 0.0 ? state->passed_sum / tick->rate_s : 0.0;
    if (tick->shares) {
        shares_refresh(estimate, &estimate->approaches.rows[row]);
    }
    if (state->passed_sum > 0.0) {    // Else nobody has ever passed.
        usual_refresh(estimate, row);
    }
}

// What is within reach has grown: it asks, although it has not passed.
static void row_settle(struct estimate *estimate, int32_t row, double rate_s)
{
    struct row_estimate *state = &estimate->rows[row];
    state->demand_sum += state->vehicles - state->vehicles_before;
    state->vehicles_before = state->vehicles;
    state->demand_vps = rate_s > 0.0 ? greater(0.0, state->demand_sum / rate_s) : 0.0;
}

double estimate_reach_m(const struct estimate *estimate, int32_t row)
{
    switch (estimate->rows[row].source) {
    case ROW_CAMERA:
        return APPROACH_REACH_M;
    case ROW_LOOPS:
        return estimate->loops_seen[row].has_advance ? (double)estimate->places[row].advance_m : 0.0;
    case ROW_UNSEEN:
        break;
    }
    return 0.0;
}

static void loops_assign(struct estimate *estimate)
{
    const struct network *network = estimate->network;
    for (int32_t r = 0; r < estimate->approaches.row_count; r++) {
        estimate->stop_loop[r] = INDEX_NONE;
        estimate->advance_loop[r] = INDEX_NONE;
    }
    for (int32_t d = 0; d < network->detector_count; d++) {
        int32_t row = estimate->approaches.row_of_lane[network->detectors[d].lane];
        if (row == INDEX_NONE) {
            continue;
        }
        if (network->detectors[d].place == DETECTOR_STOP_LINE) {
            estimate->stop_loop[row] = d;
        } else if (network->detectors[d].place == DETECTOR_ADVANCE) {
            estimate->advance_loop[row] = d;
        }
    }
    for (int32_t r = 0; r < estimate->approaches.row_count; r++) {
        const struct lane *lane = &network->lanes[estimate->approaches.rows[r].lane];
        int32_t advance = estimate->advance_loop[r];
        estimate->places[r] = lane_queue_place(
            advance == INDEX_NONE ? 0.0f : (float)network->detectors[advance].to_stop_m,
            (float)fmax(lane->length_m, APPROACH_REACH_M), (float)lane->speed_mps);
    }
    estimate->has_loops = network->detector_count > 0;
}

// Cameras that show a row, itself first.
static void looks_assign(struct estimate *estimate)
{
    const struct approaches *approaches = &estimate->approaches;
    const int32_t *camera_of_lane = estimate->sight.camera_of_lane;
    int32_t count = 0;
    for (int32_t r = 0; r < approaches->row_count; r++) {
        const struct approach_row *row = &approaches->rows[r];
        estimate->row_camera[r] = camera_of_lane[row->lane] != INDEX_NONE;
        estimate->first_look[r] = count;
        for (int32_t f = row->first_feeder; f < row->first_feeder + row->feeder_count; f++) {
            const struct feeder *feeder = &approaches->feeders[f];
            if (camera_of_lane[feeder->lane] != INDEX_NONE) {
                estimate->looks[count++] = (struct look){ .lane = feeder->lane, .weight = feeder->weight,
                                                          .to_stop_m = feeder->to_stop_m };
            }
        }
    }
    estimate->first_look[approaches->row_count] = count;
}

// Adds a fork of an intersection whose forks begin at first. A lane that has but one keeps its usual weight.
static void fork_add(struct estimate *estimate, int32_t row, int32_t look, int32_t first, int32_t count)
{
    struct fork *fork = &estimate->forks[count];
    *fork = (struct fork){ .look = look, .row = row, .first = count, .usual = estimate->looks[look].weight };
    for (int32_t i = first; i < count && fork->first == count; i++) {
        if (estimate->looks[estimate->forks[i].look].lane == estimate->looks[look].lane) {
            fork->first = estimate->forks[i].first;
        }
    }
    estimate->forks[fork->first].whole += fork->usual;
}

static void forks_assign(struct estimate *estimate)
{
    const struct approaches *approaches = &estimate->approaches;
    int32_t count = 0;
    for (int32_t i = 0; i < estimate->network->intersection_count; i++) {
        const struct intersection_rows *at = &approaches->at[i];
        estimate->first_fork[i] = count;
        for (int32_t r = at->first; r < at->first + at->count; r++) {
            for (int32_t look = estimate->first_look[r]; look < estimate->first_look[r + 1]; look++) {
                if (estimate->looks[look].lane != approaches->rows[r].lane) {
                    fork_add(estimate, r, look, estimate->first_fork[i], count);
                    count++;
                }
            }
        }
    }
    estimate->first_fork[estimate->network->intersection_count] = count;
}

static void link_rows_assign(struct estimate *estimate)
{
    const struct network *network = estimate->network;
    const struct approaches *approaches = &estimate->approaches;
    int32_t count = 0;
    LIST_OF(struct arrival) arrivals = { 0 };
    for (int32_t i = 0; i < network->intersection_count; i++) {
        estimate->first_link_rows[i] = count;
        for (int32_t r = approaches->at[i].first; r < approaches->at[i].first + approaches->at[i].count; r++) {
            int32_t link = network->lanes[approaches->rows[r].lane].link;
            if (r > approaches->at[i].first && estimate->link_rows[count - 1].link == link) {
                estimate->link_rows[count - 1].count++;
                continue;
            }
            const struct upstream *upstream = &estimate->upstream;
            int32_t first = upstream->first_source[link], after = upstream->first_source[link + 1];
            estimate->link_rows[count++] = (struct link_rows){ .first = r, .count = 1, .link = link,
                .first_arrival = arrivals.count, .arrival_count = after - first,
                .speed_mps = network->links[link].speed_mps, .reach_m = -1.0 };
            for (int32_t s = first; s < after; s++) {
                const struct source *source = &upstream->sources[s];
                struct arrival *arrival = GROW(arrivals);
                *arrival = (struct arrival){ .movement = source->movement, .weight = source->weight };
            }
        }
    }
    estimate->first_link_rows[network->intersection_count] = count;
    estimate->arrivals = arrivals.at;
    estimate->arrival_count = arrivals.count;
}

// Whether a loop is one that its row's update hears anyway, and its row's intersection is the one that it serves.
static bool loop_own(const struct estimate *estimate, int32_t detector)
{
    const struct detector *at = &estimate->network->detectors[detector];
    int32_t row = estimate->approaches.row_of_lane[at->lane];
    return row != INDEX_NONE && estimate->approaches.rows[row].intersection == at->intersection
        && (estimate->stop_loop[row] == detector || estimate->advance_loop[row] == detector);
}

// Counting sort of cameras and loops by the intersection that they serve.
static void sensors_assign(struct estimate *estimate)
{
    const struct network *network = estimate->network;
    for (int32_t d = 0; d < network->detector_count; d++) {
        int32_t i = network->detectors[d].intersection;
        if (i == INDEX_NONE) {
            continue;
        }
        estimate->others[i].total++;
        if (loop_own(estimate, d)) {
            int32_t row = estimate->approaches.row_of_lane[network->detectors[d].lane];
            estimate->own_loops[row] |= estimate->stop_loop[row] == d ? OWN_STOP : OWN_ADVANCE;
        } else {
            estimate->others[i].loop_count++;
        }
    }
    for (int32_t c = 0; c < network->camera_count; c++) {
        if (network->cameras[c].intersection != INDEX_NONE) {
            estimate->others[network->cameras[c].intersection].total++;
            estimate->others[network->cameras[c].intersection].camera_count++;
        }
    }
    int32_t count = 0;
    int32_t *next = memory_take((size_t)network->intersection_count, sizeof *next);
    for (int32_t i = 0; i < network->intersection_count; i++) {
        estimate->others[i].first = next[i] = count;
        count += estimate->others[i].loop_count + estimate->others[i].camera_count;
    }
    for (int32_t d = 0; d < network->detector_count; d++) {
        if (network->detectors[d].intersection != INDEX_NONE && !loop_own(estimate, d)) {
            estimate->sensor[next[network->detectors[d].intersection]++] = d;
        }
    }
    for (int32_t c = 0; c < network->camera_count; c++) {
        if (network->cameras[c].intersection != INDEX_NONE) {
            estimate->sensor[next[network->cameras[c].intersection]++] = c;
        }
    }
    free(next);
}

void estimate_create(struct estimate *estimate, const struct network *network)
{
    assert(network != NULL);
    *estimate = (struct estimate){ .network = network };
    approaches_create(&estimate->approaches, network);
    upstream_create(&estimate->upstream, &estimate->approaches);
    sight_create(&estimate->sight, network);
    size_t rows = (size_t)estimate->approaches.row_count;
    estimate->rows = memory_take_table(rows, sizeof *estimate->rows);
    estimate->queues = memory_take_table(rows, sizeof *estimate->queues);
    estimate->places = memory_take_table(rows, sizeof *estimate->places);
    estimate->loops_seen = memory_take_table(rows, sizeof *estimate->loops_seen);
    estimate->passed_vps = memory_take_table(rows, sizeof *estimate->passed_vps);
    estimate->counted = memory_take_table(rows, sizeof *estimate->counted);
    estimate->turned = memory_take_table(rows, sizeof *estimate->turned);
    estimate->row_camera = memory_take(rows, sizeof *estimate->row_camera);
    estimate->row_silent = memory_take(rows, sizeof *estimate->row_silent);
    estimate->own_loops = memory_take(rows, sizeof *estimate->own_loops);
    estimate->first_look = memory_take(rows + 1, sizeof *estimate->first_look);
    estimate->looks = memory_take_table((size_t)estimate->approaches.feeder_count, sizeof *estimate->looks);
    estimate->first_fork = memory_take((size_t)network->intersection_count + 1, sizeof *estimate->first_fork);
    estimate->forks = memory_take((size_t)estimate->approaches.feeder_count, sizeof *estimate->forks);
    estimate->link_rows = memory_take_table(rows, sizeof *estimate->link_rows);
    estimate->first_link_rows = memory_take((size_t)network->intersection_count + 1,
                                            sizeof *estimate->first_link_rows);
    estimate->sums = memory_take_table((size_t)network->intersection_count, sizeof *estimate->sums);
    estimate->others = memory_take((size_t)network->intersection_count, sizeof *estimate->others);
    estimate->sensor = memory_take((size_t)network->camera_count + (size_t)network->detector_count,
                                   sizeof *estimate->sensor);
    estimate->cameras_told_ms = memory_take(1, sizeof *estimate->cameras_told_ms);
    *estimate->cameras_told_ms = INT64_MIN;
    estimate->stop_loop = memory_take(rows, sizeof *estimate->stop_loop);
    estimate->advance_loop = memory_take(rows, sizeof *estimate->advance_loop);
    estimate->share_sum = memory_take_table((size_t)estimate->approaches.movement_count, sizeof *estimate->share_sum);
    estimate->share = memory_take_table((size_t)estimate->approaches.movement_count, sizeof *estimate->share);
    for (size_t r = 0; r < rows; r++) {
        shares_refresh(estimate, &estimate->approaches.rows[r]);
    }
    estimate->rate_s = memory_take((size_t)network->intersection_count, sizeof *estimate->rate_s);
    estimate->dt_s = memory_take((size_t)network->intersection_count, sizeof *estimate->dt_s);
    estimate->updated_ms = memory_take((size_t)network->intersection_count, sizeof *estimate->updated_ms);
    for (int32_t i = 0; i < network->intersection_count; i++) {
        estimate->updated_ms[i] = INT64_MIN;
    }
    loops_assign(estimate);
    looks_assign(estimate);
    forks_assign(estimate);
    link_rows_assign(estimate);
    sensors_assign(estimate);
}

void estimate_release(struct estimate *estimate)
{
    upstream_release(&estimate->upstream);
    approaches_release(&estimate->approaches);
    sight_release(&estimate->sight);
    free(estimate->rows);
    free(estimate->queues);
    free(estimate->places);
    free(estimate->loops_seen);
    free(estimate->stop_loop);
    free(estimate->advance_loop);
    free(estimate->share_sum);
    free(estimate->share);
    free(estimate->passed_vps);
    free(estimate->counted);
    free(estimate->turned);
    free(estimate->row_camera);
    free(estimate->row_silent);
    free(estimate->own_loops);
    free(estimate->first_look);
    free(estimate->looks);
    free(estimate->first_fork);
    free(estimate->forks);
    free(estimate->link_rows);
    free(estimate->first_link_rows);
    free(estimate->arrivals);
    free(estimate->sums);
    free(estimate->others);
    free(estimate->sensor);
    free(estimate->cameras_told_ms);
    free(estimate->rate_s);
    free(estimate->dt_s);
    free(estimate->updated_ms);
    *estimate = (struct estimate){ 0 };
}

void estimate_intake(struct estimate *estimate, const struct observation_columns *seen, int64_t now_ms,
                     struct sight_result *ret)
{
    estimate_intake_part(estimate, seen, now_ms, 0, 1, ret);
}

void estimate_intake_part(struct estimate *estimate, const struct observation_columns *seen, int64_t now_ms,
                          int32_t part, int32_t part_count, struct sight_result *ret)
{
    if (part == 0 && seen->cameras.count > 0) {
        *estimate->cameras_told_ms = now_ms;
    }
    sight_take_part(&estimate->sight, seen, now_ms, part, part_count, ret);
}

// Cameras are looked at while one of the city's may show something, or has counted since the update before.
static bool cameras_matter(const struct estimate *estimate, int64_t before_ms, int64_t now_ms)
{
    int64_t told_ms = *estimate->cameras_told_ms;
    return told_ms != INT64_MIN && (told_ms > before_ms || now_ms < told_ms + CAMERAS_FADE_MS);
}

// Shares out what forks show by the demand of their rows.
static void forks_weigh(struct estimate *estimate, int32_t intersection)
{
    struct fork *forks = estimate->forks;
    int32_t first = estimate->first_fork[intersection], after = estimate->first_fork[intersection + 1];
    for (int32_t i = first; i < after; i++) {
        double pull = forks[i].usual * (estimate->rows[forks[i].row].demand_vps + FORK_FLOOR_VPS);
        forks[i].pull = forks[i].first == i ? pull : 0.0;
        forks[forks[i].first].pull += forks[i].first == i ? 0.0 : pull;
        estimate->looks[forks[i].look].weight = pull;
    }
    for (int32_t i = first; i < after; i++) {
        const struct fork *sum = &forks[forks[i].first];
        estimate->looks[forks[i].look].weight *= sum->whole / sum->pull;
    }
}

void estimate_update(struct estimate *estimate, struct intersection_id intersection, int64_t now_ms)
{
    const struct intersection_rows *at = &estimate->approaches.at[intersection.index];
    int64_t before_ms = estimate->updated_ms[intersection.index];
    double dt_s = before_ms == INT64_MIN ? 0.0 : s_from_ms(now_ms - before_ms);
    double keep = 1.0 / (1.0 + dt_s / RATE_WINDOW_S);
    double rate_s = estimate->rate_s[intersection.index] * keep + dt_s;
    struct tick tick = { .now_ms = now_ms, .now_s = quantum_floor(now_ms, MS_PER_S) / MS_PER_S, .dt_s = dt_s,
        .keep = keep, .rate_s = rate_s, .cameras = cameras_matter(estimate, before_ms, now_ms),
        .shares = *estimate->cameras_told_ms != INT64_MIN };
    if (tick.cameras) {
        forks_weigh(estimate, intersection.index);
    }
    for (int32_t r = at->first; r < at->first + at->count; r++) {
        row_update(estimate, r, &tick);
    }
    estimate->rate_s[intersection.index] = rate_s;
    estimate->dt_s[intersection.index] = (float)dt_s;
    estimate->updated_ms[intersection.index] = now_ms;
}

// How long ago those left the sources of a link that come to reach_m before its stop line now.
static void agos_refresh(struct estimate *estimate, struct link_rows *at, double reach_m)
{
    const struct source *sources = estimate->upstream.sources + estimate->upstream.first_source[at->link];
    for (int32_t i = 0; i < at->arrival_count; i++) {
        double ago_s = greater(0.0, (double)sources[i].to_stop_m - reach_m) / at->speed_mps;
        estimate->arrivals[at->first_arrival + i].ago_s = (int32_t)lesser(ago_s, UPSTREAM_PAST_S);
    }
    at->reach_m = reach_m;
}

// Vehicles a second that should now be at->reach_m before the stop line of a link.
static double link_coming_vps(const struct estimate *estimate, const struct link_rows *at, double demand_vps,
                              int64_t now_s)
{
    const struct upstream *upstream = &estimate->upstream;
    double coming_vps = 0.0, explained_vps = 0.0;
    for (int32_t i = at->first_arrival; i < at->first_arrival + at->arrival_count; i++) {
        const struct arrival *arrival = &estimate->arrivals[i];
        if (i + AHEAD < estimate->arrival_count) {
            memory_expect(&upstream->departures[estimate->arrivals[i + AHEAD].movement]);
        }
        double usual_vps = (double)arrival->weight * upstream->departures[arrival->movement].usual_vps;
        explained_vps += usual_vps;
        coming_vps += arrival->ago_s < UPSTREAM_PAST_S
            ? (double)arrival->weight * upstream_left_in(upstream, arrival->movement, now_s, arrival->ago_s)
            : usual_vps;
    }
    return coming_vps + greater(0.0, demand_vps - explained_vps);
}

// Those that were expected at the advance loops of a link's rows while the update before last became the last.
static void link_expect(struct estimate *estimate, struct link_rows *at, int64_t now_s, double dt_s)
{
    double demand_vps = 0.0, reach_m = estimate_reach_m(estimate, at->first);
    for (int32_t r = at->first; r < at->first + at->count; r++) {
        demand_vps += estimate_demand_vps(estimate, r);
    }
    if (reach_m != at->reach_m) {
        agos_refresh(estimate, at, reach_m);
    }
    double coming_vps = link_coming_vps(estimate, at, demand_vps, now_s);
    double fresh = DISPERSION * dt_s / (1.0 + DISPERSION * dt_s);
    for (int32_t r = at->first; r < at->first + at->count; r++) {
        struct lane_queue *queue = &estimate->queues[r];
        double share = (estimate_demand_vps(estimate, r) + DEMAND_FLOOR_VPS)
            / (demand_vps + DEMAND_FLOOR_VPS * at->count);
        queue->dispersed_vps += (float)(fresh * (share * coming_vps - (double)queue->dispersed_vps));
        if (estimate->rows[r].source == ROW_LOOPS) {
            lane_queue_expect(queue, &estimate->places[r], &estimate->loops_seen[r],
                              (double)queue->dispersed_vps * dt_s);
            row_from_loops(estimate, r, now_s);
        }
    }
}

// What the sensors of an intersection say that are not loops of its own rows.
static uint32_t others_healthy(const struct estimate *estimate, int32_t intersection, int64_t now_ms)
{
    const struct sight *sight = &estimate->sight;
    const struct other_sensors *others = &estimate->others[intersection];
    const int32_t *sensor = estimate->sensor + others->first;
    int64_t since_ms = now_ms - SIGHT_CONTROL_AGE_MS;
    uint32_t healthy = 0;
    for (int32_t i = 0; i < others->loop_count; i++) {
        healthy += sight->loops[sensor[i]].end_ms >= since_ms ? 1 : 0;
    }
    int32_t cameras = cameras_matter(estimate, now_ms, now_ms) ? others->camera_count : 0;
    for (int32_t i = others->loop_count; i < others->loop_count + cameras; i++) {
        healthy += sight->lanes[estimate->network->cameras[sensor[i]].lane].end_ms >= since_ms ? 1 : 0;
    }
    return healthy;
}

static void intersection_add(struct estimate *estimate, int32_t intersection, int64_t now_ms)
{
    const struct intersection_rows *rows = &estimate->approaches.at[intersection];
    int32_t group_count = estimate->network->intersections[intersection].group_count;
    uint64_t all = group_count == 64 ? ~UINT64_C(0) : (UINT64_C(1) << group_count) - 1;
    uint64_t served = 0, asked = 0;
    struct intersection_sum sum = { .healthy = others_healthy(estimate, intersection, now_ms) };
    for (int32_t r = rows->first; r < rows->first + rows->count; r++) {
        const struct row_estimate *state = &estimate->rows[r];
        const struct lane_queue_seen *seen = &estimate->loops_seen[r];
        uint64_t groups = estimate->approaches.rows[r].groups;
        if (estimate->row_silent[r] != 0) {
            asked |= groups;
            continue;
        }
        bool sure = state->confidence > 0.0;
        served |= sure ? groups : 0;
        asked |= !sure || state->vehicles >= ASKED_VEH_MIN ? groups : 0;
        sum.queue_veh += state->queue;
        sum.passed_vps += estimate->passed_vps[r];
        sum.confidence += state->confidence;
        sum.healthy += seen->has_stop && (estimate->own_loops[r] & OWN_STOP) != 0 ? 1 : 0;
        sum.healthy += seen->has_advance && (estimate->own_loops[r] & OWN_ADVANCE) != 0 ? 1 : 0;
    }
    sum.asked = asked | (all & ~served);
    sum.confidence /= rows->count > 0 ? rows->count : 1;
    estimate->sums[intersection] = sum;
}

void estimate_expect(struct estimate *estimate, struct intersection_id intersection, int64_t now_ms)
{
    int64_t now_s = quantum_floor(now_ms, MS_PER_S) / MS_PER_S;
    double dt_s = (double)estimate->dt_s[intersection.index], rate_s = estimate->rate_s[intersection.index];
    int32_t after = estimate->first_link_rows[intersection.index + 1];
    for (int32_t i = estimate->first_link_rows[intersection.index]; i < after; i++) {
        struct link_rows *at = &estimate->link_rows[i];
        bool loops = false, silent = true;
        for (int32_t r = at->first; r < at->first + at->count; r++) {
            silent = silent && estimate->row_silent[r] != 0;
        }
        if (silent) {
            continue;
        }
        for (int32_t r = at->first; r < at->first + at->count; r++) {
            loops = loops || estimate->rows[r].source == ROW_LOOPS;
        }
        if (loops) {
            link_expect(estimate, at, now_s, dt_s);
        }
        for (int32_t r = at->first; r < at->first + at->count; r++) {
            row_settle(estimate, r, rate_s);
        }
    }
    intersection_add(estimate, intersection.index, now_ms);
}

double estimate_link_queue(const struct estimate *estimate, struct link_id link)
{
    const struct link *at = &estimate->network->links[link.index];
    double vehicles = 0.0;
    for (int32_t lane = at->first_lane; lane < at->first_lane + at->lane_count; lane++) {
        int32_t row = estimate->approaches.row_of_lane[lane];
        vehicles += row != INDEX_NONE && estimate->rows[row].source == ROW_LOOPS
            ? estimate->rows[row].queue : estimate->sight.lanes[lane].queued;
    }
    return at->lane_count > 0 ? vehicles / at->lane_count : 0.0;
}

double estimate_group_vehicles(const struct estimate *estimate, struct intersection_id intersection, int32_t group)
{
    const struct intersection_rows *at = &estimate->approaches.at[intersection.index];
    double vehicles = 0.0;
    for (int32_t m = at->first_movement; m < at->first_movement + at->movement_count; m++) {
        const struct movement *movement = &estimate->approaches.movements[m];
        if (movement->group == group) {
            vehicles += estimate_share(estimate, m) * estimate->rows[movement->row].vehicles;
        }
    }
    return vehicles;
}

void estimate_snapshot(struct estimate *estimate, struct snapshot_walk *walk)
{
    if (walk->way == SNAPSHOT_LOAD) {
        memset(estimate->row_silent, 0, (size_t)estimate->approaches.row_count);   // The next update finds them.
    }
    upstream_snapshot(&estimate->upstream, walk);
    sight_snapshot(&estimate->sight, walk);
    size_t rows = (size_t)estimate->approaches.row_count;
    snapshot_column(walk, estimate->cameras_told_ms, 1, sizeof *estimate->cameras_told_ms);
    snapshot_column(walk, estimate->rate_s, (size_t)estimate->network->intersection_count, sizeof *estimate->rate_s);
    snapshot_column(walk, estimate->rows, rows, sizeof *estimate->rows);
    snapshot_column(walk, estimate->passed_vps, rows, sizeof *estimate->passed_vps);
    snapshot_column(walk, estimate->counted, rows, sizeof *estimate->counted);
    snapshot_column(walk, estimate->turned, rows, sizeof *estimate->turned);
    snapshot_column(walk, estimate->queues, rows, sizeof *estimate->queues);
    snapshot_column(walk, estimate->share_sum, (size_t)estimate->approaches.movement_count,
                    sizeof *estimate->share_sum);
    snapshot_column(walk, estimate->share, (size_t)estimate->approaches.movement_count, sizeof *estimate->share);
    snapshot_column(walk, estimate->updated_ms, (size_t)estimate->network->intersection_count,
                    sizeof *estimate->updated_ms);
}
