#include "sim/loop/loop_edges.h"

#include <stdlib.h>

#include "engine/base/memory.h"

void loop_edges_create(struct loop_edges *edges, const struct network *network)
{
    edges->covered = memory_take((size_t)network->detector_count, sizeof *edges->covered);
}

void loop_edges_release(struct loop_edges *edges)
{
    free(edges->covered);
    *edges = (struct loop_edges){ 0 };
}

static void put(struct edge_columns *rows, int32_t detector, int64_t at_ms, bool on)
{
    int32_t at = rows->count++;
    rows->detector[at] = detector;
    rows->at_ms[at] = at_ms;
    rows->on[at] = on;
}

enum status loop_edges_take(struct loop_edges *edges, const struct loop_columns *step, struct observation_buffer *ret)
{
    struct edge_columns *rows = &ret->rows.edges;
    for (int32_t i = 0; i < step->count; i++) {
        int32_t detector = step->detector[i], covered_ms = step->occupied_ms[i], length_ms = step->length_ms[i];
        int64_t end_ms = step->end_ms[i], begin_ms = end_ms - length_ms;
        if (ret->edge_count_max - rows->count < LOOP_EDGES_IN_STEP) {
            return STATUS_LIMIT;
        }
        bool left = step->vehicles[i] > 0;
        if (edges->covered[detector] && (left || covered_ms < length_ms)) {
            put(rows, detector, begin_ms + covered_ms, false);
            edges->covered[detector] = false;
        } else if (!edges->covered[detector] && left) {
            int64_t on_ms = begin_ms + (length_ms - covered_ms) / 2;
            put(rows, detector, on_ms, true);
            put(rows, detector, on_ms + covered_ms, false);
        } else if (!edges->covered[detector] && covered_ms > 0) {
            put(rows, detector, end_ms - covered_ms, true);
            edges->covered[detector] = true;
        }
    }
    return STATUS_OK;
}
