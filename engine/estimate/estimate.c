#include "engine/estimate/estimate.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/model/units.h"

static const double RATE_WINDOW_S = 300.0;        // one webster interval: half of the weight is younger than this
static const double SHARE_PRIOR_VEH = 2.0;        // vehicles' worth of belief in equal shares before any were counted
static const double CONFIDENCE_FADE_MS = 25000.0; // from full at SIGHT_CONTROL_AGE_MS to none
static const double ASKED_VEH_MIN = 0.05;         // less than this within reach is nobody

static const double DEMAND_FLOOR_VPS = 0.002;     // so that a row without traffic yet still gets a share
static const float COVERED = 0.95f, CLEAR = 0.05f;   // occupancies of a loop that is
static const double CONFIDENCE_BOTH = 0.8, CONFIDENCE_ONE = 0.5;   // of a row kept from its loops
static const double FAR_DOUBT = 0.05;             // less sure with each vehicle that no loop has seen
static const double DISPERSION = 0.2;             // per second: the spread of a platoon is smoothed over some 5 s

static double confidence_at(int64_t end_ms, int64_t now_ms)
{
    if (end_ms == INT64_MIN) {
        return 0.0;
    }
    double late_ms = (double)(now_ms - end_ms - SIGHT_CONTROL_AGE_MS);
    return late_ms <= 0.0 ? 1.0 : fmax(0.0, 1.0 - late_ms / CONFIDENCE_FADE_MS);
}

// What cameras see of a row: sums over its feeders by weight.
static void row_look(const struct estimate *estimate, const struct approach_row *row, int64_t now_ms,
                     struct row_estimate *state)
{
    double vehicles = 0.0, queue = 0.0, sure = 0.0, weights = 0.0;
    for (int32_t f = row->first_feeder; f < row->first_feeder + row->feeder_count; f++) {
        const struct feeder *feeder = &estimate->approaches.feeders[f];
        if (estimate->sight.camera_of_lane[feeder->lane] == INDEX_NONE) {
            continue;
        }
        const struct lane_sight *lane = &estimate->sight.lanes[feeder->lane];
        double confidence = confidence_at(lane->end_ms, now_ms);
        weights += feeder->weight;
        sure += feeder->weight * confidence;
        vehicles += confidence > 0.0 ? feeder->weight * lane->in_view : 0.0;
        queue += confidence > 0.0 ? feeder->weight * lane->queued : 0.0;
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

// What the loops of a row said since the update before. True when one of them speaks.
static bool loops_listen(struct estimate *estimate, int32_t row, int64_t now_ms)
{
    struct row_estimate *state = &estimate->rows[row];
    struct lane_queue_seen *seen = &estimate->loops_seen[row];
    int32_t stop = estimate->stop_loop[row], advance = estimate->advance_loop[row];
    *seen = (struct lane_queue_seen){ .has_stop = loop_heard(estimate, stop, now_ms),
                                      .has_advance = loop_heard(estimate, advance, now_ms) };
    if (stop != INDEX_NONE) {
        const struct loop_sight *loop = &estimate->sight.loops[stop];
        seen->out = counted_since(loop->passed, &state->loop_out_before);
        seen->stop_covered = seen->has_stop && loop->occupancy >= COVERED;
        seen->stop_clear = seen->has_stop && loop->occupancy <= CLEAR;
    }
    if (advance != INDEX_NONE) {
        const struct loop_sight *loop = &estimate->sight.loops[advance];
        seen->in = counted_since(loop->passed, &state->loop_in_before);
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
    state->confidence = sure / (1.0 + far * FAR_DOUBT);
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

static void row_forget(struct estimate *estimate, int32_t row, double dt_s)
{
    const struct approach_row *at = &estimate->approaches.rows[row];
    struct row_estimate *state = &estimate->rows[row];
    double keep = 1.0 / (1.0 + dt_s / RATE_WINDOW_S);
    state->passed_sum *= keep;
    state->demand_sum *= keep;
    state->rate_s = state->rate_s * keep + dt_s;
    for (int32_t m = at->first_movement; m < at->first_movement + at->movement_count; m++) {
        estimate->share_sum[m] *= keep;
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
    struct row_estimate *state = &estimate->rows[row];
    double passed = 0.0;
    for (int t = 0; t < SIGHT_TURN_COUNT; t++) {
        double turned = (double)(int32_t)((uint32_t)lane->passed[t] - (uint32_t)state->passed_before[t]);
        state->passed_before[t] = lane->passed[t];
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

static void row_update(struct estimate *estimate, int32_t row, int64_t now_ms, double dt_s)
{
    struct row_estimate *state = &estimate->rows[row];
    int64_t now_s = quantum_floor(now_ms, MS_PER_S) / MS_PER_S;
    bool camera = estimate->sight.camera_of_lane[estimate->approaches.rows[row].lane] != INDEX_NONE;
    double passed = 0.0;
    row_forget(estimate, row, dt_s);
    bool loops = estimate->has_loops && loops_listen(estimate, row, now_ms);
    if (loops) {
        lane_queue_count(&estimate->queues[row], &estimate->places[row], &estimate->loops_seen[row], now_s, dt_s);
    }
    if (camera) {
        passed = row_passed(estimate, row, now_ms);
        row_look(estimate, &estimate->approaches.rows[row], now_ms, state);
    }
    if (camera && (state->confidence > 0.0 || !loops)) {
        state->source = state->confidence > 0.0 ? ROW_CAMERA : ROW_UNSEEN;
        if (loops) {
            queue_follow(estimate, row);
        }
    } else if (loops) {
        state->source = ROW_LOOPS;
        passed = estimate->loops_seen[row].has_stop ? estimate->loops_seen[row].out : estimate->loops_seen[row].in;
        row_spread(estimate, &estimate->approaches.rows[row], passed, now_ms);
        row_from_loops(estimate, row, now_s);
    } else {
        state->source = ROW_UNSEEN;
        state->confidence = 0.0;
    }
    state->passed_sum += passed;
    state->demand_sum += passed;
    state->passed_vps = state->rate_s > 0.0 ? state->passed_sum / state->rate_s : 0.0;
    shares_refresh(estimate, &estimate->approaches.rows[row]);
}

// What is within reach has grown: it asks, although it has not passed.
static void row_settle(struct estimate *estimate, int32_t row)
{
    struct row_estimate *state = &estimate->rows[row];
    state->demand_sum += state->vehicles - state->vehicles_before;
    state->vehicles_before = state->vehicles;
    state->demand_vps = state->rate_s > 0.0 ? fmax(0.0, state->demand_sum / state->rate_s) : 0.0;
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
        estimate->places[r] = (struct lane_queue_place){
            .advance_m = advance == INDEX_NONE ? 0.0f : (float)network->detectors[advance].to_stop_m,
            .room_m = (float)fmax(lane->length_m, APPROACH_REACH_M), .speed_mps = (float)lane->speed_mps };
    }
    estimate->has_loops = network->detector_count > 0;
}

// Counting sort of cameras and loops by the intersection that they serve.
static void sensors_assign(struct estimate *estimate)
{
    const struct network *network = estimate->network;
    size_t sensors = (size_t)network->camera_count + (size_t)network->detector_count;
    estimate->first_sensor = memory_take((size_t)network->intersection_count + 1, sizeof *estimate->first_sensor);
    estimate->sensor = memory_take(sensors, sizeof *estimate->sensor);
    int32_t count = 0;
    int32_t *next = memory_take((size_t)network->intersection_count + 1, sizeof *next);
    for (int32_t c = 0; c < network->camera_count; c++) {
        next[network->cameras[c].intersection + 1]++;      // Slot 0 gathers those that serve none.
    }
    for (int32_t d = 0; d < network->detector_count; d++) {
        next[network->detectors[d].intersection + 1]++;
    }
    for (int32_t i = 0; i < network->intersection_count; i++) {
        estimate->first_sensor[i] = count;
        count += next[i + 1];
        next[i + 1] = estimate->first_sensor[i];
    }
    estimate->first_sensor[network->intersection_count] = count;
    for (int32_t c = 0; c < network->camera_count; c++) {
        if (network->cameras[c].intersection != INDEX_NONE) {
            estimate->sensor[next[network->cameras[c].intersection + 1]++] = c;
        }
    }
    for (int32_t d = 0; d < network->detector_count; d++) {
        if (network->detectors[d].intersection != INDEX_NONE) {
            estimate->sensor[next[network->detectors[d].intersection + 1]++] = -1 - d;
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
    estimate->rows = memory_take_aligned(rows, sizeof *estimate->rows);
    estimate->queues = memory_take_aligned(rows, sizeof *estimate->queues);
    estimate->places = memory_take_aligned(rows, sizeof *estimate->places);
    estimate->loops_seen = memory_take_aligned(rows, sizeof *estimate->loops_seen);
    estimate->stop_loop = memory_take(rows, sizeof *estimate->stop_loop);
    estimate->advance_loop = memory_take(rows, sizeof *estimate->advance_loop);
    estimate->share_sum = memory_take((size_t)estimate->approaches.movement_count, sizeof *estimate->share_sum);
    estimate->share = memory_take((size_t)estimate->approaches.movement_count, sizeof *estimate->share);
    for (size_t r = 0; r < rows; r++) {
        shares_refresh(estimate, &estimate->approaches.rows[r]);
    }
    estimate->dt_s = memory_take((size_t)network->intersection_count, sizeof *estimate->dt_s);
    estimate->updated_ms = memory_take((size_t)network->intersection_count, sizeof *estimate->updated_ms);
    for (int32_t i = 0; i < network->intersection_count; i++) {
        estimate->updated_ms[i] = INT64_MIN;
    }
    loops_assign(estimate);
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
    free(estimate->first_sensor);
    free(estimate->sensor);
    free(estimate->dt_s);
    free(estimate->updated_ms);
    *estimate = (struct estimate){ 0 };
}

void estimate_intake(struct estimate *estimate, const struct observation_columns *seen, int64_t now_ms,
                     struct sight_result *ret)
{
    sight_take(&estimate->sight, seen, now_ms, ret);
}

void estimate_intake_part(struct estimate *estimate, const struct observation_columns *seen, int64_t now_ms,
                          int32_t part, int32_t part_count, struct sight_result *ret)
{
    sight_take_part(&estimate->sight, seen, now_ms, part, part_count, ret);
}

void estimate_update(struct estimate *estimate, struct intersection_id intersection, int64_t now_ms)
{
    const struct intersection_rows *at = &estimate->approaches.at[intersection.index];
    int64_t before_ms = estimate->updated_ms[intersection.index];
    double dt_s = before_ms == INT64_MIN ? 0.0 : s_from_ms(now_ms - before_ms);
    for (int32_t r = at->first; r < at->first + at->count; r++) {
        row_update(estimate, r, now_ms, dt_s);
    }
    estimate->dt_s[intersection.index] = (float)dt_s;
    estimate->updated_ms[intersection.index] = now_ms;
}

// Vehicles a second that should now be reach_m before the stop line of a link.
static double link_coming_vps(const struct estimate *estimate, int32_t link, double demand_vps, double reach_m,
                              int64_t now_ms)
{
    const struct upstream *upstream = &estimate->upstream;
    double speed_mps = estimate->network->links[link].speed_mps;
    double coming_vps = 0.0, explained_vps = 0.0;
    for (int32_t i = upstream->first_source[link]; i < upstream->first_source[link + 1]; i++) {
        const struct source *source = &upstream->sources[i];
        int32_t row = estimate->approaches.movements[source->movement].row;
        double usual_vps = (double)source->weight * estimate_share(estimate, source->movement)
            * estimate_passed_vps(estimate, row);
        int32_t ago_s = (int32_t)(fmax(0.0, (double)source->to_stop_m - reach_m) / speed_mps);
        explained_vps += usual_vps;
        coming_vps += ago_s < UPSTREAM_PAST_S
            ? (double)source->weight * upstream_left(upstream, source->movement, now_ms, ago_s) : usual_vps;
    }
    return coming_vps + fmax(0.0, demand_vps - explained_vps);
}

// Those that were expected at the advance loops of a link's rows while the update before last became the last.
static void link_expect(struct estimate *estimate, int32_t first, int32_t after, int64_t now_ms, double dt_s)
{
    int32_t link = estimate->network->lanes[estimate->approaches.rows[first].lane].link;
    double demand_vps = 0.0;
    for (int32_t r = first; r < after; r++) {
        demand_vps += estimate_demand_vps(estimate, r);
    }
    double coming_vps = link_coming_vps(estimate, link, demand_vps, estimate_reach_m(estimate, first), now_ms);
    for (int32_t r = first; r < after; r++) {
        struct lane_queue *queue = &estimate->queues[r];
        double share = (estimate_demand_vps(estimate, r) + DEMAND_FLOOR_VPS)
            / (demand_vps + DEMAND_FLOOR_VPS * (after - first));
        double fresh = DISPERSION * dt_s / (1.0 + DISPERSION * dt_s);
        queue->dispersed_vps += (float)(fresh * (share * coming_vps - (double)queue->dispersed_vps));
        if (estimate->rows[r].source == ROW_LOOPS) {
            lane_queue_expect(queue, &estimate->places[r], &estimate->loops_seen[r],
                              (double)queue->dispersed_vps * dt_s);
            row_from_loops(estimate, r, quantum_floor(now_ms, MS_PER_S) / MS_PER_S);
        }
    }
}

void estimate_expect(struct estimate *estimate, struct intersection_id intersection, int64_t now_ms)
{
    const struct intersection_rows *at = &estimate->approaches.at[intersection.index];
    const struct approach_row *rows = estimate->approaches.rows;
    const struct lane *lanes = estimate->network->lanes;
    int32_t after = at->first + at->count;
    for (int32_t first = at->first, next; first < after; first = next) {
        bool loops = false;
        for (next = first; next < after && lanes[rows[next].lane].link == lanes[rows[first].lane].link; next++) {
            loops = loops || estimate->rows[next].source == ROW_LOOPS;
        }
        if (loops) {
            link_expect(estimate, first, next, now_ms, (double)estimate->dt_s[intersection.index]);
        }
        for (int32_t r = first; r < next; r++) {
            row_settle(estimate, r);
        }
    }
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

uint64_t estimate_groups_asked(const struct estimate *estimate, struct intersection_id intersection)
{
    const struct intersection *at = &estimate->network->intersections[intersection.index];
    const struct intersection_rows *rows = &estimate->approaches.at[intersection.index];
    uint64_t all = at->group_count == 64 ? ~UINT64_C(0) : (UINT64_C(1) << at->group_count) - 1;
    uint64_t served = 0, asked = 0;
    for (int32_t r = rows->first; r < rows->first + rows->count; r++) {
        const struct row_estimate *state = &estimate->rows[r];
        if (state->confidence > 0.0) {
            served |= estimate->approaches.rows[r].groups;
            asked |= state->vehicles >= ASKED_VEH_MIN ? estimate->approaches.rows[r].groups : 0;
        } else {
            asked |= estimate->approaches.rows[r].groups;
        }
    }
    return asked | (all & ~served);
}

void estimate_sensors(const struct estimate *estimate, struct intersection_id intersection, int64_t now_ms,
                      uint32_t *ret_healthy, uint32_t *ret_total)
{
    const struct sight *sight = &estimate->sight;
    uint32_t healthy = 0, total = 0;
    int32_t after = estimate->first_sensor[intersection.index + 1];
    for (int32_t i = estimate->first_sensor[intersection.index]; i < after; i++) {
        int32_t sensor = estimate->sensor[i];
        int64_t end_ms = sensor >= 0 ? sight->lanes[estimate->network->cameras[sensor].lane].end_ms
                                     : sight->loops[-1 - sensor].end_ms;
        healthy += end_ms >= now_ms - SIGHT_CONTROL_AGE_MS ? 1 : 0;
        total++;
    }
    *ret_healthy = healthy;
    *ret_total = total;
}

void estimate_snapshot(struct estimate *estimate, struct snapshot_walk *walk)
{
    upstream_snapshot(&estimate->upstream, walk);
    sight_snapshot(&estimate->sight, walk);
    snapshot_column(walk, estimate->rows, (size_t)estimate->approaches.row_count, sizeof *estimate->rows);
    snapshot_column(walk, estimate->queues, (size_t)estimate->approaches.row_count, sizeof *estimate->queues);
    snapshot_column(walk, estimate->share_sum, (size_t)estimate->approaches.movement_count,
                    sizeof *estimate->share_sum);
    snapshot_column(walk, estimate->share, (size_t)estimate->approaches.movement_count, sizeof *estimate->share);
    snapshot_column(walk, estimate->updated_ms, (size_t)estimate->network->intersection_count,
                    sizeof *estimate->updated_ms);
}
