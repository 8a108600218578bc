#include "engine/estimate/sight.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "engine/base/memory.h"

#define SPEED_MMPS_MAX 80000          // 288 km/h: nothing on a street is faster
#define INTERVAL_MS_MAX 900000
#define LOOP_ROWS (INT64_C(1) << 32)  // added to rows of loops and edges, so that all rows have one order
#define EDGE_ROWS (INT64_C(2) << 32)
// a standing two-wheeler with its gap: no view holds more than one per 2 m
static const double VEHICLE_M_MIN = 2.0;
static const double PASSAGE_S_MIN = 0.7;      // least time between two vehicles over a line, with room for two-wheelers

static bool time_plausible(int64_t end_ms, int32_t length_ms, int64_t now_ms, enum sight_fault *ret)
{
    if (length_ms <= 0 || length_ms > INTERVAL_MS_MAX || end_ms > now_ms + SIGHT_AHEAD_MS) {
        *ret = SIGHT_IMPOSSIBLE;
        return false;
    }
    if (end_ms < now_ms - SIGHT_COUNT_AGE_MS) {
        *ret = SIGHT_STALE;
        return false;
    }
    return true;
}

// Most vehicles that can pass a line in an interval: one at once and the rest by the least time between two.
static int32_t passages_max(int32_t length_ms)
{
    return 2 + (int32_t)(length_ms / (PASSAGE_S_MIN * 1000.0));
}

static bool loop_plausible(const struct loop_columns *loops, int32_t row)
{
    return loops->vehicles[row] >= 0
        && (loops->vehicles[row] <= 2 || loops->vehicles[row] <= passages_max(loops->length_ms[row]))
        && loops->occupied_ms[row] >= 0 && loops->occupied_ms[row] <= loops->length_ms[row]
        && loops->speed_mmps[row] >= -1 && loops->speed_mmps[row] <= SPEED_MMPS_MAX;
}

static bool bins_plausible(const struct camera_columns *cameras, int32_t row, int32_t in_view_max)
{
    int32_t first = cameras->first_bin[row], after = cameras->first_bin[row + 1];
    if (first < 0 || after < first || after - first > CAMERA_BIN_COUNT_MAX) {
        return false;
    }
    int32_t sum = 0;
    for (int32_t i = first; i < after; i++) {
        if (cameras->bin_vehicles[i] < 0 || cameras->bin_vehicles[i] > in_view_max
            || cameras->bin_speed_mmps[i] < -1 || cameras->bin_speed_mmps[i] > SPEED_MMPS_MAX) {
            return false;
        }
        sum += cameras->bin_vehicles[i];
    }
    return sum <= in_view_max;
}

static bool camera_plausible(const struct network *network, const struct camera_columns *cameras, int32_t row)
{
    const struct camera *camera = &network->cameras[cameras->camera[row]];
    int32_t in_view_max = 2 + (int32_t)(camera->view_m / VEHICLE_M_MIN);
    for (int t = 0; t < SIGHT_TURN_COUNT; t++) {
        if (cameras->turned[t][row] < 0 || cameras->turned[t][row] > passages_max(cameras->length_ms[row])) {
            return false;
        }
    }
    return cameras->in_view[row] >= 0 && cameras->in_view[row] <= in_view_max && cameras->queued[row] >= 0
        && cameras->queued[row] <= cameras->in_view[row] && cameras->tail_mm[row] >= 0
        && cameras->tail_mm[row] <= 1000 * (camera->view_m + 30.0) && cameras->speed_mmps[row] >= -1
        && cameras->speed_mmps[row] <= SPEED_MMPS_MAX && bins_plausible(cameras, row, in_view_max);
}

static void refuse(struct sight_result *result, enum sight_fault fault, int32_t intersection, int64_t row)
{
    result->refused[fault]++;
    if (result->first_count < SIGHT_REFUSAL_COUNT_MAX) {
        result->first[result->first_count].fault = fault;
        result->first[result->first_count].intersection = intersection;
        result->first[result->first_count].row = row;
        result->first_count++;
    }
}

static void bins_keep(struct lane_sight *lane, const struct camera_columns *cameras, int32_t row)
{
    int32_t first = cameras->first_bin[row];
    int32_t count = cameras->first_bin[row + 1] - first;
    count = count < SIGHT_BIN_COUNT ? count : SIGHT_BIN_COUNT;
    lane->bin_count = (uint8_t)count;
    for (int32_t i = 0; i < count; i++) {
        int32_t speed_mmps = cameras->bin_speed_mmps[first + i];
        lane->bin_vehicles[i] = (uint8_t)(cameras->bin_vehicles[first + i] & 0xff);
        lane->bin_speed_cmps[i] = (uint16_t)(speed_mmps < 0 ? 0 : speed_mmps / 10);
    }
}

static void camera_take(struct sight *sight, const struct camera_columns *cameras, int32_t row, int64_t now_ms,
                        struct sight_result *result)
{
    const struct network *network = sight->network;
    enum sight_fault fault;
    if (cameras->camera[row] < 0 || cameras->camera[row] >= network->camera_count) {
        refuse(result, SIGHT_UNKNOWN, INDEX_NONE, row);
        return;
    }
    const struct camera *camera = &network->cameras[cameras->camera[row]];
    if (!time_plausible(cameras->end_ms[row], cameras->length_ms[row], now_ms, &fault)) {
        refuse(result, fault, camera->intersection, row);
        return;
    }
    if (!camera_plausible(network, cameras, row)) {
        refuse(result, SIGHT_IMPOSSIBLE, camera->intersection, row);
        return;
    }
    struct lane_sight *lane = &sight->lanes[camera->lane];
    for (int t = 0; t < SIGHT_TURN_COUNT; t++) {
        lane->passed[t] = (int32_t)((uint32_t)lane->passed[t] + (uint32_t)cameras->turned[t][row]);
    }
    result->used++;
    if (cameras->end_ms[row] < now_ms - SIGHT_CONTROL_AGE_MS || cameras->end_ms[row] < lane->end_ms) {
        return;   // Too old for the picture, or a newer one is there.
    }
    lane->end_ms = cameras->end_ms[row];
    lane->in_view = cameras->in_view[row];
    lane->queued = cameras->queued[row];
    lane->tail_mm = cameras->tail_mm[row];
    lane->speed_mmps = cameras->speed_mmps[row];
    bins_keep(lane, cameras, row);
}

static void loop_take(struct sight *sight, const struct loop_columns *loops, int32_t row, int64_t now_ms,
                      struct sight_result *result)
{
    enum sight_fault fault;
    if (loops->detector[row] < 0 || loops->detector[row] >= sight->network->detector_count) {
        refuse(result, SIGHT_UNKNOWN, INDEX_NONE, LOOP_ROWS + row);
        return;
    }
    bool good = time_plausible(loops->end_ms[row], loops->length_ms[row], now_ms, &fault);
    if (!good || !loop_plausible(loops, row)) {
        refuse(result, good ? SIGHT_IMPOSSIBLE : fault, sight->network->detectors[loops->detector[row]].intersection,
               LOOP_ROWS + row);
        return;
    }
    struct loop_sight *loop = &sight->loops[loops->detector[row]];
    sight->spoke[loops->detector[row]] |= SPOKE_INTERVALS;
    result->used++;
    if (loop_by_edges(loop, now_ms)) {
        return;   // Its edges say it better; it must not count twice.
    }
    loop->passed = (int32_t)((uint32_t)loop->passed + (uint32_t)loops->vehicles[row]);
    if (loops->end_ms[row] < now_ms - SIGHT_CONTROL_AGE_MS || loops->end_ms[row] < loop->end_ms) {
        return;
    }
    loop->end_ms = loops->end_ms[row];
    loop->occupancy = loops->occupied_ms[row] == 0 ? 0.0f
        : (float)loops->occupied_ms[row] / (float)loops->length_ms[row];
    struct loop_past *past = &sight->loops_past[loops->detector[row]];
    if (loops->speed_mmps[row] >= 0) {
        past->speed_mmps = loops->speed_mmps[row];
    }
    if (loops->occupied_ms[row] > 0) {
        past->occupied_ms = loop->end_ms;
    }
}

// A vehicle counts when it leaves the loop.
static void edge_take(struct sight *sight, const struct edge_columns *edges, int32_t row, int64_t now_ms,
                      struct sight_result *result)
{
    enum sight_fault fault;
    if (edges->detector[row] < 0 || edges->detector[row] >= sight->network->detector_count) {
        refuse(result, SIGHT_UNKNOWN, INDEX_NONE, EDGE_ROWS + row);
        return;
    }
    int32_t intersection = sight->network->detectors[edges->detector[row]].intersection;
    if (!time_plausible(edges->at_ms[row], 1, now_ms, &fault)) {
        refuse(result, fault, intersection, EDGE_ROWS + row);
        return;
    }
    if (edges->on[row] != 0 && edges->on[row] != 1) {
        refuse(result, SIGHT_IMPOSSIBLE, intersection, EDGE_ROWS + row);
        return;
    }
    struct loop_sight *loop = &sight->loops[edges->detector[row]];
    struct loop_past *past = &sight->loops_past[edges->detector[row]];
    sight->spoke[edges->detector[row]] |= SPOKE_EDGES;
    result->used++;
    if (edges->on[row] == 0 && past->on) {
        loop->passed = (int32_t)((uint32_t)loop->passed + 1u);
    }
    if (edges->at_ms[row] < now_ms - SIGHT_CONTROL_AGE_MS || edges->at_ms[row] < past->occupied_ms) {
        return;   // Too old for the picture, or overtaken.
    }
    past->on = edges->on[row] == 1;
    past->occupied_ms = edges->at_ms[row];
    loop->end_ms = edges->at_ms[row] + (past->on ? SIGHT_COVERED_MS : SIGHT_FREE_MS);
    loop->occupancy = past->on ? 1.0f : 0.0f;
}

void sight_create(struct sight *sight, const struct network *network)
{
    assert(network != NULL);
    sight->network = network;
    sight->lanes = memory_take_table((size_t)network->lane_count, sizeof *sight->lanes);
    sight->loops = memory_take_table((size_t)network->detector_count, sizeof *sight->loops);
    sight->loops_past = memory_take_aligned((size_t)network->detector_count, sizeof *sight->loops_past);
    sight->spoke = memory_take_aligned((size_t)network->detector_count, sizeof *sight->spoke);
    sight->camera_of_lane = memory_take((size_t)network->lane_count, sizeof *sight->camera_of_lane);
    for (int32_t i = 0; i < network->lane_count; i++) {
        sight->lanes[i].end_ms = INT64_MIN;
        sight->lanes[i].speed_mmps = -1;
        sight->camera_of_lane[i] = INDEX_NONE;
    }
    for (int32_t i = 0; i < network->detector_count; i++) {
        sight->loops[i].end_ms = INT64_MIN;
        sight->loops_past[i].occupied_ms = INT64_MIN;
        sight->loops_past[i].speed_mmps = -1;
    }
    for (int32_t i = 0; i < network->camera_count; i++) {
        sight->camera_of_lane[network->cameras[i].lane] = i;
    }
}

void sight_release(struct sight *sight)
{
    free(sight->lanes);
    free(sight->loops);
    free(sight->loops_past);
    free(sight->spoke);
    free(sight->camera_of_lane);
    *sight = (struct sight){ 0 };
}

// The sensors that fall to a part: a range of indices. Those that do not exist fall to the first.
struct part_range { int32_t first, after; bool others; };

static struct part_range part_range(int32_t sensor_count, int32_t part, int32_t part_count)
{
    return (struct part_range){ .first = (int32_t)((int64_t)sensor_count * part / part_count),
        .after = (int32_t)((int64_t)sensor_count * (part + 1) / part_count), .others = part == 0 };
}

static bool part_has(const struct part_range *range, int32_t sensor, int32_t sensor_count)
{
    bool known = sensor >= 0 && sensor < sensor_count;
    return known ? sensor >= range->first && sensor < range->after : range->others;
}

void sight_take_part(struct sight *sight, const struct observation_columns *seen, int64_t now_ms, int32_t part,
                     int32_t part_count, struct sight_result *ret)
{
    assert(seen != NULL);
    assert(ret != NULL);
    int32_t camera_count = sight->network->camera_count, loop_count = sight->network->detector_count;
    struct part_range cameras = part_range(camera_count, part, part_count);
    struct part_range loops = part_range(loop_count, part, part_count);
    *ret = (struct sight_result){ 0 };
    for (int32_t row = 0; row < seen->cameras.count; row++) {
        if (part_has(&cameras, seen->cameras.camera[row], camera_count)) {
            camera_take(sight, &seen->cameras, row, now_ms, ret);
        }
    }
    for (int32_t row = 0; row < seen->loops.count; row++) {
        if (part_has(&loops, seen->loops.detector[row], loop_count)) {
            loop_take(sight, &seen->loops, row, now_ms, ret);
        }
    }
    for (int32_t row = 0; row < seen->edges.count; row++) {
        if (part_has(&loops, seen->edges.detector[row], loop_count)) {
            edge_take(sight, &seen->edges, row, now_ms, ret);
        }
    }
}

void sight_take(struct sight *sight, const struct observation_columns *seen, int64_t now_ms,
                struct sight_result *ret)
{
    sight_take_part(sight, seen, now_ms, 0, 1, ret);
}

void sight_results_join(const struct sight_result *parts, int32_t part_count, struct sight_result *ret)
{
    assert(part_count >= 1 && part_count <= SIGHT_PART_COUNT_MAX);
    int32_t next[SIGHT_PART_COUNT_MAX] = { 0 };
    *ret = (struct sight_result){ 0 };
    for (int32_t p = 0; p < part_count; p++) {
        ret->used += parts[p].used;
        for (int f = 0; f < SIGHT_FAULT_COUNT; f++) {
            ret->refused[f] += parts[p].refused[f];
        }
    }
    while (ret->first_count < SIGHT_REFUSAL_COUNT_MAX) {
        int32_t least = INDEX_NONE;
        for (int32_t p = 0; p < part_count; p++) {
            if (next[p] < parts[p].first_count
                && (least == INDEX_NONE || parts[p].first[next[p]].row < parts[least].first[next[least]].row)) {
                least = p;
            }
        }
        if (least == INDEX_NONE) {
            return;
        }
        ret->first[ret->first_count++] = parts[least].first[next[least]++];
    }
}

void sight_snapshot(struct sight *sight, struct snapshot_walk *walk)
{
    snapshot_column(walk, sight->lanes, (size_t)sight->network->lane_count, sizeof *sight->lanes);
    snapshot_column(walk, sight->loops, (size_t)sight->network->detector_count, sizeof *sight->loops);
    snapshot_column(walk, sight->loops_past, (size_t)sight->network->detector_count, sizeof *sight->loops_past);
    snapshot_column(walk, sight->spoke, (size_t)sight->network->detector_count, sizeof *sight->spoke);
}
