#include "engine/serve/intake.h"

#include <assert.h>
#include <stdlib.h>

#define ROUTE_COUNT_MAX 65536

static int32_t greater(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

void intake_create(struct intake *intake, const struct network *network, int32_t row_count_max,
                   int32_t event_count_max)
{
    *intake = (struct intake){ 0 };
    pthread_mutex_init(&intake->mutex, NULL);
    int32_t loops = greater(row_count_max, 2 * network->detector_count);
    int32_t edges = greater(row_count_max / 2, 4 * network->detector_count);
    int32_t cameras = greater(row_count_max / 4, 2 * network->camera_count);
    for (int i = 0; i < 2; i++) {
        observation_buffer_create(&intake->rows[i].buffer, loops, edges, cameras, cameras * CAMERA_BIN_COUNT_MAX);
        observation_buffer_clear(&intake->rows[i].buffer);
    }
    intake->event_count_max = greater(event_count_max, 4 * network->intersection_count);
}

void intake_release(struct intake *intake)
{
    for (int i = 0; i < 2; i++) {
        observation_buffer_release(&intake->rows[i].buffer);
        free(intake->rows[i].batches.at);
        free(intake->events[i].list.at);
        free(intake->events[i].routes.at);
    }
    pthread_mutex_destroy(&intake->mutex);
}

void intake_lock(struct intake *intake)
{
    pthread_mutex_lock(&intake->mutex);
}

void intake_unlock(struct intake *intake)
{
    pthread_mutex_unlock(&intake->mutex);
}

struct observation_buffer *intake_buffer(struct intake *intake)
{
    return &intake->rows[intake->filling_rows].buffer;
}

void intake_batch_done(struct intake *intake, uint32_t source, const struct reading_result *readings)
{
    if (readings->loops + readings->edges + readings->cameras == 0) {
        return;
    }
    struct intake_rows *rows = &intake->rows[intake->filling_rows];
    *GROW(rows->batches) = (struct intake_batch){ .source = source, .sequence = readings->sequence,
        .loops = readings->loops, .edges = readings->edges, .cameras = readings->cameras };
}

bool intake_event_add(struct intake *intake, const struct intake_event *event)
{
    struct intake_events *events = &intake->events[intake->filling_events];
    int32_t route_count = event->kind == INTAKE_PRIORITY ? event->priority.route_count : 0;
    // What ends or begins something always has room: there are no more of these than connections.
    bool bounded = event->kind == INTAKE_REPORT || event->kind == INTAKE_OVERRIDE || event->kind == INTAKE_PRIORITY;
    if ((bounded && events->list.count >= intake->event_count_max)
        || route_count > ROUTE_COUNT_MAX - events->routes.count) {
        return false;
    }
    struct intake_event *added = GROW(events->list);
    *added = *event;
    added->first_route = events->routes.count;
    for (int32_t i = 0; i < route_count; i++) {
        *GROW(events->routes) = event->priority.route[i];
    }
    return true;
}

struct intake_events *intake_take_events(struct intake *intake)
{
    intake_lock(intake);
    struct intake_events *taken = &intake->events[intake->filling_events];
    intake->filling_events = 1 - intake->filling_events;
    intake->events[intake->filling_events].list.count = 0;
    intake->events[intake->filling_events].routes.count = 0;
    intake_unlock(intake);
    return taken;
}

struct intake_rows *intake_take_rows(struct intake *intake)
{
    intake_lock(intake);
    struct intake_rows *taken = &intake->rows[intake->filling_rows];
    intake->filling_rows = 1 - intake->filling_rows;
    observation_buffer_clear(&intake->rows[intake->filling_rows].buffer);
    intake->rows[intake->filling_rows].batches.count = 0;
    intake_unlock(intake);
    return taken;
}
