#include <assert.h>

#include "sim/traffic/street_state.h"

static int32_t mm_from_m(float m)
{
    return m > 0.0f ? (int32_t)(m * 1000.0f + 0.5f) : 0;
}

enum status street_read_loops(struct street *street, struct observation_buffer *ret)
{
    const struct network *network = street->network;
    struct loop_columns *rows = &ret->rows.loops;
    if (network->detector_count > ret->loop_count_max - rows->count) {
        return STATUS_LIMIT;
    }
    int32_t elapsed_ms = street_elapsed_ms(street);
    for (int32_t i = 0; i < network->detector_count; i++) {
        struct loop_layer *loop = &street->loops[street->loop_layer_of_detector[i]];
        int32_t c = street->loop_column_of_detector[i];
        int32_t length_ms = elapsed_ms - loop->last_ms[c];
        if (length_ms <= 0) {
            continue;   // read twice at one instant
        }
        int32_t at = rows->count++;
        int32_t count = loop->count[c] + loop->behind_count[c];
        int32_t occupied_ms = loop->occupied_ms[c] + loop->behind_ms[c];
        rows->detector[at] = i;
        rows->end_ms[at] = street->now_ms;
        rows->length_ms[at] = length_ms;
        rows->vehicles[at] = count;
        rows->occupied_ms[at] = occupied_ms < length_ms ? occupied_ms : length_ms;
        rows->speed_mmps[at] = count > 0 ? (loop->speed_mmps[c] + loop->behind_mmps[c]) / count : -1;
        loop->last_ms[c] = elapsed_ms;
        loop->count[c] = loop->occupied_ms[c] = loop->speed_mmps[c] = 0;
        loop->behind_count[c] = loop->behind_ms[c] = loop->behind_mmps[c] = 0;
    }
    return STATUS_OK;
}

struct picture {
    int32_t in_view, queued, tail_mm, bin_count;
    int64_t speed_mmps;
    int32_t bin_vehicles[CAMERA_BIN_COUNT_MAX];
    int64_t bin_speed_mmps[CAMERA_BIN_COUNT_MAX];
};

static struct picture picture_take(const struct street *street, const struct camera *camera)
{
    struct picture picture = { .in_view = 0 };
    int32_t cell = street->cell_of_lane[camera->lane];
    const struct group *group = cell_group(street, cell);
    const struct row *rows = cell_rows(street, cell);
    int c = cell % WIDE;
    int32_t bins = (int32_t)((camera->view_m + CAMERA_BIN_M - 0.001) / CAMERA_BIN_M);
    picture.bin_count = bins < 1 ? 1 : bins > CAMERA_BIN_COUNT_MAX ? CAMERA_BIN_COUNT_MAX : bins;
    for (int32_t k = 0; k < group->count[c]; k++) {
        float to_end = group->length[c] - rows[k].front[c];
        if ((double)to_end > camera->view_m) {
            break;
        }
        int32_t speed_mmps = mm_from_m(rows[k].speed[c]);
        picture.in_view++;
        picture.speed_mmps += speed_mmps;
        if (rows[k].speed[c] < SPEED_QUEUED_MPS) {
            picture.queued++;
            picture.tail_mm = mm_from_m(to_end + street->types.length[rows[k].kind[c] & KIND_TYPE]);
        }
        int32_t bin = to_end > 0.0f ? (int32_t)(to_end / CAMERA_BIN_M) : 0;
        bin = bin < picture.bin_count ? bin : picture.bin_count - 1;
        picture.bin_vehicles[bin]++;
        picture.bin_speed_mmps[bin] += speed_mmps;
    }
    return picture;
}

enum status street_read_cameras(struct street *street, struct observation_buffer *ret)
{
    const struct network *network = street->network;
    struct camera_columns *rows = &ret->rows.cameras;
    int32_t length_ms = (int32_t)(street->now_ms - street->cameras_read_ms);
    if (network->camera_count > ret->camera_count_max - rows->count) {
        return STATUS_LIMIT;
    }
    int32_t row_first = rows->count;
    for (int32_t i = 0; i < network->camera_count; i++) {
        const struct camera *camera = &network->cameras[i];
        struct picture picture = picture_take(street, camera);
        int32_t at = rows->count;
        int32_t bin = rows->first_bin[at];
        if (picture.bin_count > ret->bin_count_max - bin) {
            rows->count = row_first;
            return STATUS_LIMIT;
        }
        rows->camera[at] = i;
        rows->end_ms[at] = street->now_ms;
        rows->length_ms[at] = length_ms;
        rows->in_view[at] = picture.in_view;
        rows->queued[at] = picture.queued;
        rows->tail_mm[at] = picture.tail_mm;
        rows->speed_mmps[at] = picture.in_view > 0 ? (int32_t)(picture.speed_mmps / picture.in_view) : -1;
        for (int t = 0; t < TURN_COUNT; t++) {
            rows->turned[t][at] = street->turned[camera->lane][t] - street->turned_read[i][t];
        }
        for (int32_t b = 0; b < picture.bin_count; b++) {
            int32_t vehicles = picture.bin_vehicles[b];
            rows->bin_vehicles[bin + b] = vehicles;
            rows->bin_speed_mmps[bin + b] = vehicles > 0 ? (int32_t)(picture.bin_speed_mmps[b] / vehicles) : -1;
        }
        rows->first_bin[at + 1] = bin + picture.bin_count;
        rows->count++;
    }
    for (int32_t i = 0; i < network->camera_count; i++) {
        for (int t = 0; t < TURN_COUNT; t++) {
            street->turned_read[i][t] = street->turned[network->cameras[i].lane][t];
        }
    }
    street->cameras_read_ms = street->now_ms;
    return STATUS_OK;
}
