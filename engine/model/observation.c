#include "engine/model/observation.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

static int32_t *column_take(int32_t rows)
{
    return memory_take((size_t)rows, sizeof(int32_t));
}

void observation_buffer_create(struct observation_buffer *buffer, int32_t loop_count_max, int32_t edge_count_max,
                               int32_t camera_count_max, int32_t bin_count_max)
{
    assert(loop_count_max >= 0 && edge_count_max >= 0);
    assert(camera_count_max >= 0 && bin_count_max >= 0);
    *buffer = (struct observation_buffer){ .loop_count_max = loop_count_max, .edge_count_max = edge_count_max,
        .camera_count_max = camera_count_max, .bin_count_max = bin_count_max };
    struct loop_columns *loops = &buffer->rows.loops;
    loops->detector = column_take(loop_count_max);
    loops->end_ms = memory_take((size_t)loop_count_max, sizeof(int64_t));
    loops->length_ms = column_take(loop_count_max);
    loops->vehicles = column_take(loop_count_max);
    loops->occupied_ms = column_take(loop_count_max);
    loops->speed_mmps = column_take(loop_count_max);
    struct edge_columns *edges = &buffer->rows.edges;
    edges->detector = column_take(edge_count_max);
    edges->at_ms = memory_take((size_t)edge_count_max, sizeof(int64_t));
    edges->on = column_take(edge_count_max);
    struct camera_columns *cameras = &buffer->rows.cameras;
    cameras->camera = column_take(camera_count_max);
    cameras->end_ms = memory_take((size_t)camera_count_max, sizeof(int64_t));
    cameras->length_ms = column_take(camera_count_max);
    cameras->in_view = column_take(camera_count_max);
    cameras->queued = column_take(camera_count_max);
    cameras->tail_mm = column_take(camera_count_max);
    cameras->speed_mmps = column_take(camera_count_max);
    for (int turn = 0; turn < 4; turn++) {
        cameras->turned[turn] = column_take(camera_count_max);
    }
    cameras->first_bin = column_take(camera_count_max + 1);
    cameras->bin_vehicles = column_take(bin_count_max);
    cameras->bin_speed_mmps = column_take(bin_count_max);
}

void observation_buffer_release(struct observation_buffer *buffer)
{
    struct loop_columns *loops = &buffer->rows.loops;
    struct edge_columns *edges = &buffer->rows.edges;
    struct camera_columns *cameras = &buffer->rows.cameras;
    void *columns[] = {
        loops->detector, loops->end_ms, loops->length_ms, loops->vehicles, loops->occupied_ms, loops->speed_mmps,
        edges->detector, edges->at_ms, edges->on,
        cameras->camera, cameras->end_ms, cameras->length_ms, cameras->in_view, cameras->queued, cameras->tail_mm,
        cameras->speed_mmps, cameras->turned[0], cameras->turned[1], cameras->turned[2], cameras->turned[3],
        cameras->first_bin, cameras->bin_vehicles, cameras->bin_speed_mmps,
    };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        free(columns[i]);
    }
    *buffer = (struct observation_buffer){ 0 };
}

void observation_buffer_clear(struct observation_buffer *buffer)
{
    buffer->rows.loops.count = 0;
    buffer->rows.edges.count = 0;
    buffer->rows.cameras.count = 0;
    buffer->rows.cameras.first_bin[0] = 0;
}

static void copy32(int32_t *to, int32_t at, const int32_t *from, int32_t count)
{
    if (count > 0) {
        memcpy(to + at, from, (size_t)count * sizeof *to);
    }
}

static void copy64(int64_t *to, int32_t at, const int64_t *from, int32_t count)
{
    if (count > 0) {
        memcpy(to + at, from, (size_t)count * sizeof *to);
    }
}

static void append_loops(struct loop_columns *to, const struct loop_columns *from)
{
    copy32(to->detector, to->count, from->detector, from->count);
    copy64(to->end_ms, to->count, from->end_ms, from->count);
    copy32(to->length_ms, to->count, from->length_ms, from->count);
    copy32(to->vehicles, to->count, from->vehicles, from->count);
    copy32(to->occupied_ms, to->count, from->occupied_ms, from->count);
    copy32(to->speed_mmps, to->count, from->speed_mmps, from->count);
    to->count += from->count;
}

static void append_edges(struct edge_columns *to, const struct edge_columns *from)
{
    copy32(to->detector, to->count, from->detector, from->count);
    copy64(to->at_ms, to->count, from->at_ms, from->count);
    copy32(to->on, to->count, from->on, from->count);
    to->count += from->count;
}

static void append_cameras(struct camera_columns *to, const struct camera_columns *from)
{
    if (from->count == 0) {
        return;
    }
    int32_t at = to->count, bins_at = to->first_bin[at], bins_from = from->first_bin[0];
    copy32(to->camera, at, from->camera, from->count);
    copy64(to->end_ms, at, from->end_ms, from->count);
    copy32(to->length_ms, at, from->length_ms, from->count);
    copy32(to->in_view, at, from->in_view, from->count);
    copy32(to->queued, at, from->queued, from->count);
    copy32(to->tail_mm, at, from->tail_mm, from->count);
    copy32(to->speed_mmps, at, from->speed_mmps, from->count);
    for (int turn = 0; turn < 4; turn++) {
        copy32(to->turned[turn], at, from->turned[turn], from->count);
    }
    int32_t bins = from->first_bin[from->count] - bins_from;
    copy32(to->bin_vehicles, bins_at, from->bin_vehicles + bins_from, bins);
    copy32(to->bin_speed_mmps, bins_at, from->bin_speed_mmps + bins_from, bins);
    for (int32_t i = 0; i < from->count; i++) {
        to->first_bin[at + i + 1] = bins_at + from->first_bin[i + 1] - bins_from;
    }
    to->count += from->count;
}

enum status observation_buffer_append(struct observation_buffer *buffer, const struct observation_columns *from)
{
    struct observation_columns *to = &buffer->rows;
    int32_t bins = from->cameras.count == 0
        ? 0 : from->cameras.first_bin[from->cameras.count] - from->cameras.first_bin[0];
    if (from->loops.count > buffer->loop_count_max - to->loops.count
        || from->edges.count > buffer->edge_count_max - to->edges.count
        || from->cameras.count > buffer->camera_count_max - to->cameras.count
        || bins > buffer->bin_count_max - to->cameras.first_bin[to->cameras.count]) {
        return STATUS_LIMIT;
    }
    append_loops(&to->loops, &from->loops);
    append_edges(&to->edges, &from->edges);
    append_cameras(&to->cameras, &from->cameras);
    return STATUS_OK;
}
