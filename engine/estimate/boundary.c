#include "engine/estimate/boundary.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "engine/base/memory.h"

int32_t boundary_region(const struct network *network, int32_t intersection)
{
    int32_t region = intersection == INDEX_NONE ? 0 : network->intersections[intersection].region;
    return region >= 0 && region < network->regions.count ? region : 0;
}

struct builder {
    struct boundary *boundary;
    struct approaches approaches;
    struct upstream upstream;
};

// `region` looks at a lane: it needs its sensors, and the estimate of the row that it may be.
static void lane_need(struct builder *builder, int32_t lane, int32_t region)
{
    builder->boundary->lane_needed[lane] |= UINT64_C(1) << region;
    int32_t row = builder->approaches.row_of_lane[lane];
    if (row != INDEX_NONE) {
        builder->boundary->watched[builder->approaches.rows[row].intersection] |= UINT64_C(1) << region;
    }
}

// What one row of a region looks at beyond itself.
static void row_need(struct builder *builder, const struct approach_row *row, int32_t region)
{
    const struct network *network = builder->boundary->network;
    const struct approaches *approaches = &builder->approaches;
    for (int32_t f = row->first_feeder; f < row->first_feeder + row->feeder_count; f++) {
        lane_need(builder, approaches->feeders[f].lane, region);
    }
    int32_t link = network->lanes[row->lane].link;
    for (int32_t s = builder->upstream.first_source[link]; s < builder->upstream.first_source[link + 1]; s++) {
        const struct movement *movement = &approaches->movements[builder->upstream.sources[s].movement];
        lane_need(builder, approaches->rows[movement->row].lane, region);
    }
    for (int32_t m = row->first_movement; m < row->first_movement + row->movement_count; m++) {
        const struct link *to = &network->links[approaches->movements[m].to_link];
        for (int32_t lane = to->first_lane; lane < to->first_lane + to->lane_count; lane++) {
            lane_need(builder, lane, region);
        }
    }
}

// A sensor that serves no intersection belongs to the region of the stop line that its lane leads to.
static int32_t sensor_region(const struct builder *builder, int32_t intersection, int32_t lane)
{
    int32_t row = builder->approaches.row_of_lane[lane];
    if (intersection == INDEX_NONE && row != INDEX_NONE) {
        intersection = builder->approaches.rows[row].intersection;
    }
    return boundary_region(builder->boundary->network, intersection);
}

void boundary_create(struct boundary *boundary, const struct network *network)
{
    *boundary = (struct boundary){ .network = network };
    boundary->region_count = network->regions.count > 0 ? network->regions.count : 1;
    assert(boundary->region_count <= BOUNDARY_REGION_COUNT_MAX);
    boundary->lane_needed = memory_take((size_t)network->lane_count, sizeof *boundary->lane_needed);
    boundary->watched = memory_take((size_t)network->intersection_count, sizeof *boundary->watched);
    boundary->detector_region = memory_take((size_t)network->detector_count, sizeof *boundary->detector_region);
    boundary->camera_region = memory_take((size_t)network->camera_count, sizeof *boundary->camera_region);
    struct builder builder = { .boundary = boundary };
    approaches_create(&builder.approaches, network);
    upstream_create(&builder.upstream, &builder.approaches);
    for (int32_t r = 0; r < builder.approaches.row_count; r++) {
        const struct approach_row *row = &builder.approaches.rows[r];
        row_need(&builder, row, boundary_region(network, row->intersection));
    }
    for (int32_t d = 0; d < network->detector_count; d++) {
        const struct detector *detector = &network->detectors[d];
        boundary->detector_region[d] = sensor_region(&builder, detector->intersection, detector->lane);
    }
    for (int32_t c = 0; c < network->camera_count; c++) {
        const struct camera *camera = &network->cameras[c];
        boundary->camera_region[c] = sensor_region(&builder, camera->intersection, camera->lane);
    }
    upstream_release(&builder.upstream);
    approaches_release(&builder.approaches);
}

void boundary_release(struct boundary *boundary)
{
    free(boundary->lane_needed);
    free(boundary->watched);
    free(boundary->detector_region);
    free(boundary->camera_region);
    *boundary = (struct boundary){ 0 };
}

bool boundary_crosses_detector(const struct boundary *boundary, int32_t detector, int32_t from, uint64_t to)
{
    return boundary->detector_region[detector] == from
        && (boundary->lane_needed[boundary->network->detectors[detector].lane] & to & ~(UINT64_C(1) << from)) != 0;
}

bool boundary_crosses_camera(const struct boundary *boundary, int32_t camera, int32_t from, uint64_t to)
{
    return boundary->camera_region[camera] == from
        && (boundary->lane_needed[boundary->network->cameras[camera].lane] & to & ~(UINT64_C(1) << from)) != 0;
}

static void loop_append(const struct loop_columns *from, int32_t row, struct loop_columns *to)
{
    int32_t at = to->count++;
    to->detector[at] = from->detector[row];
    to->end_ms[at] = from->end_ms[row];
    to->length_ms[at] = from->length_ms[row];
    to->vehicles[at] = from->vehicles[row];
    to->occupied_ms[at] = from->occupied_ms[row];
    to->speed_mmps[at] = from->speed_mmps[row];
}

static void edge_append(const struct edge_columns *from, int32_t row, struct edge_columns *to)
{
    int32_t at = to->count++;
    to->detector[at] = from->detector[row];
    to->at_ms[at] = from->at_ms[row];
    to->on[at] = from->on[row];
}

static void camera_append(const struct camera_columns *from, int32_t row, struct camera_columns *to)
{
    int32_t at = to->count++, bin = to->first_bin[at];
    to->camera[at] = from->camera[row];
    to->end_ms[at] = from->end_ms[row];
    to->length_ms[at] = from->length_ms[row];
    to->in_view[at] = from->in_view[row];
    to->queued[at] = from->queued[row];
    to->tail_mm[at] = from->tail_mm[row];
    to->speed_mmps[at] = from->speed_mmps[row];
    for (int turn = 0; turn < 4; turn++) {
        to->turned[turn][at] = from->turned[turn][row];
    }
    for (int32_t b = from->first_bin[row]; b < from->first_bin[row + 1]; b++, bin++) {
        to->bin_vehicles[bin] = from->bin_vehicles[b];
        to->bin_speed_mmps[bin] = from->bin_speed_mmps[b];
    }
    to->first_bin[at + 1] = bin;
}

// Which rows are wanted: of the sensors of `from`, all of them or those that cross to one of `to`.
struct wanted {
    const struct boundary *boundary;
    int32_t from;
    bool own;
    uint64_t to;
};

// Rows are looked at before the brain has judged them: an index may be any number.
static bool detector_wanted(const struct wanted *wanted, int32_t detector)
{
    const struct boundary *boundary = wanted->boundary;
    return detector >= 0 && detector < boundary->network->detector_count
        && (wanted->own ? boundary->detector_region[detector] == wanted->from
                        : boundary_crosses_detector(boundary, detector, wanted->from, wanted->to));
}

static bool camera_wanted(const struct wanted *wanted, int32_t camera)
{
    const struct boundary *boundary = wanted->boundary;
    return camera >= 0 && camera < boundary->network->camera_count
        && (wanted->own ? boundary->camera_region[camera] == wanted->from
                        : boundary_crosses_camera(boundary, camera, wanted->from, wanted->to));
}

static int32_t select_rows(const struct wanted *wanted, const struct observation_columns *seen,
                           struct observation_buffer *ret)
{
    int32_t left_out = 0;
    for (int32_t i = 0; i < seen->loops.count; i++) {
        if (detector_wanted(wanted, seen->loops.detector[i])) {
            bool room = ret->rows.loops.count < ret->loop_count_max;
            left_out += !room;
            if (room) {
                loop_append(&seen->loops, i, &ret->rows.loops);
            }
        }
    }
    for (int32_t i = 0; i < seen->edges.count; i++) {
        if (detector_wanted(wanted, seen->edges.detector[i])) {
            bool room = ret->rows.edges.count < ret->edge_count_max;
            left_out += !room;
            if (room) {
                edge_append(&seen->edges, i, &ret->rows.edges);
            }
        }
    }
    for (int32_t i = 0; i < seen->cameras.count; i++) {
        if (camera_wanted(wanted, seen->cameras.camera[i])) {
            int32_t at = ret->rows.cameras.count, bins = seen->cameras.first_bin[i + 1] - seen->cameras.first_bin[i];
            bool room = at < ret->camera_count_max && bins >= 0
                && bins <= ret->bin_count_max - ret->rows.cameras.first_bin[at];
            left_out += !room;
            if (room) {
                camera_append(&seen->cameras, i, &ret->rows.cameras);
            }
        }
    }
    return left_out;
}

int32_t boundary_select_own(const struct boundary *boundary, const struct observation_columns *seen, int32_t region,
                            struct observation_buffer *ret)
{
    struct wanted wanted = { .boundary = boundary, .from = region, .own = true };
    return select_rows(&wanted, seen, ret);
}

int32_t boundary_select(const struct boundary *boundary, const struct observation_columns *seen, int32_t from,
                        uint64_t to, struct observation_buffer *ret)
{
    struct wanted wanted = { .boundary = boundary, .from = from, .to = to };
    return select_rows(&wanted, seen, ret);
}
