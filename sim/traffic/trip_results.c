// What has become of trips: of those that arrived, and of those that have not.
#include <stdlib.h>

#include "engine/model/units.h"
#include "sim/traffic/stops.h"
#include "sim/traffic/trips.h"

void trips_arrive(struct street *street)
{
    int32_t count = 0;
    for (int32_t w = 0; w < street->worker_count; w++) {
        struct worker *worker = &street->workers[w];
        for (int32_t i = 0; i < worker->arrived_count; i++) {
            // Insertion from the end, by number: few arrive in one step.
            int32_t index = worker->arrived[i], at = count++;
            for (; at > 0 && street->trips[street->arrived[at - 1]].number > street->trips[index].number; at--) {
                street->arrived[at] = street->arrived[at - 1];
            }
            street->arrived[at] = index;
        }
        worker->arrived_count = 0;
    }
    for (int32_t i = 0; i < count; i++) {
        int32_t index = street->arrived[i];
        struct trip *trip = &street->trips[index];
        trip->arrived_ms = street_elapsed_ms(street);
        trip->state = TRIP_ARRIVED;
        trip->next = INDEX_NONE;
        if (street->arrived_last == INDEX_NONE) {
            street->arrived_first = index;
        } else {
            street->trips[street->arrived_last].next = index;
        }
        street->arrived_last = index;
    }
    street->counts.arrived += count;
    street->counts.under_way -= count;
}

static struct trip_result result_of(const struct street *street, const struct trip *trip, int32_t index)
{
    int64_t begin_ms = street->options.begin_ms;
    bool entered = trip->state == TRIP_UNDER_WAY || trip->state == TRIP_ARRIVED || trip->state == TRIP_PARKED;
    return (struct trip_result){
        .number = trip->number, .type = trip->type, .depart_ms = begin_ms + trip->depart_ms,
        .entered_ms = entered ? begin_ms + trip->entered_ms : INT64_MIN,
        .arrived_ms = trip->state == TRIP_ARRIVED ? begin_ms + trip->arrived_ms : INT64_MIN,
        .length_m = entered ? (double)trip->length_mm * 0.001 : 0.0, .free_flow_s = s_from_ms(trip->free_flow_ms),
        .time_loss_s = s_from_ms(trip->loss_ms), .speed_factor = (double)trip->factor,
        .waiting_s = s_from_ms((int64_t)trip->waiting_steps * street->options.step_ms), .stops = trip->stops,
        .stopped_s = s_from_ms(stops_stood_ms(street, index, street_elapsed_ms(street))),
    };
}

int32_t street_take_arrived(struct street *street, struct trip_result *ret, int32_t count_max)
{
    int32_t count = 0;
    while (count < count_max && street->arrived_first != INDEX_NONE) {
        int32_t index = street->arrived_first;
        ret[count++] = result_of(street, &street->trips[index], index);
        street->arrived_first = street->trips[index].next;
        trip_free(street, index);
    }
    street->arrived_last = street->arrived_first != INDEX_NONE ? street->arrived_last : INDEX_NONE;
    return count;
}

static int number_compare(const void *a, const void *b)
{
    const struct trip_result *left = a, *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

// Where each vehicle under way is now, added to what its finished stays say.
static void result_add_stay(const struct street *street, struct trip_result *result, const struct trip *trip,
                            float front, float desired, uint32_t halt)
{
    struct trip copy = *trip;
    int32_t index = (int32_t)(trip - street->trips);
    if (!stops_standing(street, index)) {
        trip_settle(&copy, street_elapsed_ms(street), front, desired, halt, front);
    }
    *result = result_of(street, &copy, index);
}

int32_t street_list_unfinished(const struct street *street, struct trip_result *ret, int32_t count_max)
{
    int32_t count = 0;
    for (int32_t i = 0; i < street->group_count; i++) {
        const struct group *group = &street->groups[i];
        for (int32_t k = 0; k < group->count_max; k++) {
            const struct row *row = &street->rows[group->first_row + k];
            for (int c = 0; c < WIDE; c++) {
                if (k < group->count[c] && count < count_max) {
                    result_add_stay(street, &ret[count++], &street->trips[row->trip[c]], row->front[c],
                        row->desired[c], row->halt[c]);
                }
            }
        }
    }
    for (int32_t i = 0; i < street->path_count; i++) {
        for (int32_t k = 0; k < street->inside[i].count && count < count_max; k++) {
            const struct crosser *crosser = &street->now[street->inside[i].first + k];
            result_add_stay(street, &ret[count++], &street->trips[crosser->trip], crosser->front, crosser->desired,
                crosser->halt);
        }
    }
    for (int32_t i = 0; i < street->trip_count && count < count_max; i++) {
        if (street->trips[i].state == TRIP_WAITING || street->trips[i].state == TRIP_PARKED) {
            ret[count++] = result_of(street, &street->trips[i], i);
        }
    }
    qsort(ret, (size_t)count, sizeof *ret, number_compare);
    return count;
}
