#include "engine/serve/status_reply.h"

#include <stdlib.h>

#include "engine/base/memory.h"

static void rows_fill(const struct picture *picture, int32_t first, int32_t count, struct status_row *rows)
{
    for (int32_t i = 0; i < count; i++) {
        const struct intersection_state *state = &picture->states[first + i];
        rows[i] = (struct status_row){ .intersection = first + i, .updated_ms = state->updated_ms, .mode = state->mode,
            .reported = state->reported, .overridden = state->overridden, .stage = state->stage,
            .queue_mveh = (uint32_t)(state->queue_veh * 1000.0 + 0.5),
            .flow_vph = (uint32_t)(state->flow_vph + 0.5),
            .confidence_permille = (uint32_t)(state->confidence * 1000.0 + 0.5),
            .detectors_healthy = state->detectors_healthy, .detectors_total = state->detectors_total };
    }
}

size_t status_reply(const struct gauges *gauges, const struct status_request *request, uint8_t **ret_bytes)
{
    const struct service *service = gauges->service;
    const struct picture *picture = gauges->picture;
    const struct network *network = service->network;
    int32_t first = request->first_intersection, count = request->intersection_count;
    first = first < 0 ? 0 : first > network->intersection_count ? network->intersection_count : first;
    count = count < 0 ? 0 : count > STATUS_ROW_COUNT_MAX ? STATUS_ROW_COUNT_MAX : count;
    count = count > network->intersection_count - first ? network->intersection_count - first : count;
    struct status_row *rows = memory_take((size_t)count, sizeof *rows);
    rows_fill(picture, first, count, rows);
    struct loop_sums sums = gauges_sum(service);
    const struct store *store = gauges->store;
    struct city_status status = { .request = request->request, .now_ms = picture->now_ms,
        .started_ms = gauges->started_ms, .network = gauges->city, .strategy = picture->strategy,
        .store = store != NULL ? store_state_name(store_state(store)) : "none",
        .epoch = atomic_load(&service->epoch), .daemon = service->daemon,
        .intersections = (uint32_t)network->intersection_count, .steps = (uint64_t)picture->steps,
        .plans = (uint64_t)picture->plans, .readings_used = sums.readings_taken,
        .readings_refused = sums.readings_refused, .readings_shed = sums.readings_shed,
        .frames_refused = sums.strikes, .guard_refused = gauges_guard_refused(&picture->counts),
        .step_us_last = (uint32_t)picture->step_us_last, .step_us_max = (uint32_t)picture->step_us_max,
        .store_dropped = store != NULL ? (uint64_t)store_counts(store)->minutes_dropped : 0,
        .resident_bytes = gauges_resident_bytes(), .row_count = count, .rows = rows };
    for (int32_t i = 0; i < network->intersection_count; i++) {
        status.intersections_reported += picture->states[i].reported;
        status.intersections_overridden += picture->states[i].overridden;
        status.intersections_fallback += picture->states[i].reported
            && picture->states[i].mode == CONTROLLER_FALLBACK;
    }
    for (int role = 0; role < ROLE_COUNT; role++) {
        status.sessions[role] = (uint32_t)atomic_load(&service->role_count[role]);
    }
    size_t room = 4096 + (size_t)count * 96;
    uint8_t *bytes = memory_take(room, 1);
    struct frame_writer out = frame_writer_over(bytes, room);
    size_t byte_count = wire_put_status(&out, &status) == STATUS_OK ? out.used : 0;
    free(rows);
    *ret_bytes = bytes;
    return byte_count;
}
