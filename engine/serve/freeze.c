#include "engine/serve/freeze.h"

#include <assert.h>
#include <stdlib.h>

void freezer_create(struct freezer *freezer, const struct intake *intakes, int32_t intake_count)
{
    assert(intake_count > 0 && intake_count <= 64);
    const struct observation_buffer *one = &intakes[0].rows[0].buffer;
    *freezer = (struct freezer){ 0 };
    observation_buffer_create(&freezer->frozen, one->loop_count_max * intake_count,
                              one->edge_count_max * intake_count, one->camera_count_max * intake_count,
                              one->bin_count_max * intake_count);
    observation_buffer_clear(&freezer->frozen);
}

void freezer_release(struct freezer *freezer)
{
    observation_buffer_release(&freezer->frozen);
    free(freezer->batches.at);
}

// The order of arrival within an intake breaks ties, so that equal keys cannot be swapped.
static int compare(const void *left, const void *right)
{
    const struct frozen_batch *a = left, *b = right;
    if (a->source != b->source) {
        return a->source < b->source ? -1 : 1;
    }
    if (a->sequence != b->sequence) {
        return a->sequence < b->sequence ? -1 : 1;
    }
    if (a->intake != b->intake) {
        return a->intake < b->intake ? -1 : 1;
    }
    int64_t order = ((int64_t)a->loop + a->edge + a->camera) - ((int64_t)b->loop + b->edge + b->camera);
    return order < 0 ? -1 : order > 0;
}

// The rows of one batch, as columns that point into the intake's.
static struct observation_columns slice(const struct observation_columns *rows, const struct frozen_batch *batch)
{
    struct observation_columns part = *rows;
    part.loops.count = batch->loops;
    part.loops.detector += batch->loop;
    part.loops.end_ms += batch->loop;
    part.loops.length_ms += batch->loop;
    part.loops.vehicles += batch->loop;
    part.loops.occupied_ms += batch->loop;
    part.loops.speed_mmps += batch->loop;
    part.edges.count = batch->edges;
    part.edges.detector += batch->edge;
    part.edges.at_ms += batch->edge;
    part.edges.on += batch->edge;
    part.cameras.count = batch->cameras;
    part.cameras.camera += batch->camera;
    part.cameras.end_ms += batch->camera;
    part.cameras.length_ms += batch->camera;
    part.cameras.in_view += batch->camera;
    part.cameras.queued += batch->camera;
    part.cameras.tail_mm += batch->camera;
    part.cameras.speed_mmps += batch->camera;
    for (int turn = 0; turn < 4; turn++) {
        part.cameras.turned[turn] += batch->camera;
    }
    part.cameras.first_bin += batch->camera;
    return part;
}

const struct observation_columns *freezer_take(struct freezer *freezer, struct intake *intakes, int32_t intake_count)
{
    struct intake_rows *taken[64];
    freezer->batches.count = 0;
    observation_buffer_clear(&freezer->frozen);
    for (int32_t i = 0; i < intake_count; i++) {
        taken[i] = intake_take_rows(&intakes[i]);
        int32_t loop = 0, edge = 0, camera = 0;
        for (int32_t b = 0; b < taken[i]->batches.count; b++) {
            const struct intake_batch *batch = &taken[i]->batches.at[b];
            *GROW(freezer->batches) = (struct frozen_batch){ .source = batch->source, .sequence = batch->sequence,
                .intake = i, .loop = loop, .edge = edge, .camera = camera, .loops = batch->loops,
                .edges = batch->edges, .cameras = batch->cameras };
            loop += batch->loops;
            edge += batch->edges;
            camera += batch->cameras;
        }
    }
    if (freezer->batches.count > 1) {
        qsort(freezer->batches.at, (size_t)freezer->batches.count, sizeof *freezer->batches.at, compare);
    }
    for (int32_t b = 0; b < freezer->batches.count; b++) {
        const struct frozen_batch *batch = &freezer->batches.at[b];
        struct observation_columns part = slice(&taken[batch->intake]->buffer.rows, batch);
        enum status status = observation_buffer_append(&freezer->frozen, &part);
        assert(status == STATUS_OK);   // The frozen buffer is as large as all intakes together.
    }
    return &freezer->frozen.rows;
}
