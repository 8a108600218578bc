#include "engine/serve/status_reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/serve/city_clock.h"

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

// The names of the rows, where they are asked for; and the bytes that they need.
static const char **names_fill(const struct network *network, int32_t first, int32_t count, size_t *ret_bytes)
{
    const char **names = memory_take((size_t)count + 1, sizeof *names);
    for (int32_t i = 0; i < count; i++) {
        names[i] = network_name(network, network->intersections[first + i].name);
        *ret_bytes += strlen(names[i]) + 8;
    }
    return names;
}

// The first alarms in force, in words.
static int32_t alarms_fill(struct alarms_copy *copy, char (*texts)[ALARM_TEXT_BYTES_MAX + 256], const char **ret)
{
    int32_t count = copy->in_force < STATUS_ALARM_COUNT_MAX ? copy->in_force : STATUS_ALARM_COUNT_MAX;
    for (int32_t i = 0; i < count; i++) {
        const struct alarm_row *row = &copy->rows[i];
        snprintf(texts[i], sizeof texts[i], "%.255s%s%s", row->intersection, row->intersection[0] != '\0' ? ": " : "",
                 row->text);
        ret[i] = texts[i];
    }
    return count;
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
    size_t room = 4096 + (size_t)count * 96;
    const char **names = request->names ? names_fill(network, first, count, &room) : NULL;
    struct alarms_copy alarms;
    alarms_copy(service->alarms, &alarms);
    char(*texts)[ALARM_TEXT_BYTES_MAX + 256] = memory_take(STATUS_ALARM_COUNT_MAX, sizeof *texts);
    const char *alarm_texts[STATUS_ALARM_COUNT_MAX];
    status.alarms = (struct names_said){ alarms_fill(&alarms, texts, alarm_texts), alarm_texts };
    status.row_names = names;
    room += (size_t)status.alarms.count * sizeof *texts;
    for (int32_t i = 0; i < network->intersection_count; i++) {
        status.intersections_reported += picture->states[i].reported;
        status.intersections_overridden += picture->states[i].overridden;
        status.intersections_fallback += picture->states[i].reported
            && picture->states[i].mode == CONTROLLER_FALLBACK;
    }
    for (int role = 0; role < ROLE_COUNT; role++) {
        status.sessions[role] = (uint32_t)atomic_load(&service->role_count[role]);
    }
    uint8_t *bytes = memory_take(room, 1);
    struct frame_writer out = frame_writer_over(bytes, room);
    size_t byte_count = wire_put_status(&out, &status) == STATUS_OK ? out.used : 0;
    free(rows);
    free((void *)names);
    free(texts);
    alarms_copy_release(&alarms);
    *ret_bytes = bytes;
    return byte_count;
}

size_t alarms_reply(const struct service *service, uint32_t request, uint8_t **ret_bytes)
{
    struct alarms_copy copy;
    alarms_copy(service->alarms, &copy);
    struct alarms_said said = { .request = request, .now_ms = wall_ms(), .row_count = copy.count, .rows = copy.rows,
        .left_out = copy.left_out };
    size_t room = 1024;
    for (int32_t i = 0; i < copy.count; i++) {
        room += 128 + strlen(copy.rows[i].text) + strlen(copy.rows[i].intersection)
            + strlen(copy.rows[i].acknowledged_by);
    }
    uint8_t *bytes = memory_take(room, 1);
    struct frame_writer out = frame_writer_over(bytes, room);
    size_t byte_count = wire_put_alarms(&out, &said) == STATUS_OK ? out.used : 0;
    alarms_copy_release(&copy);
    *ret_bytes = bytes;
    return byte_count;
}
