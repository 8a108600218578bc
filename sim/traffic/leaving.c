#include "sim/traffic/leaving.h"

#include <assert.h>

#include "sim/traffic/stops.h"
#include "sim/traffic/trips.h"

static struct transfer *left_add(struct worker *worker)
{
    return &worker->left[worker->left_count++];
}

void leave(struct street *street, struct worker *worker, const struct leaver *leaver, int32_t cell)
{
    struct trip *trip = &street->trips[leaver->trip];
    int32_t end_ms = street_elapsed_ms(street) + street->options.step_ms;
    int32_t path_index = leaver->path, came_by = leaver->came_by;
    float x = leaver->over;
    trip_settle(trip, end_ms, leaver->front, leaver->desired, leaver->halt, 0.0f);
    int32_t to_path = INDEX_NONE, passed = INDEX_NONE;
    for (;;) {
        if (cell < 0) {
            if (rarely(path_index == PATH_END)) {
                assert(worker->arrived_count < worker->arrived_max);
                trip->length_mm -= (int32_t)(x * 1000.0f + 0.5f);   // its way ends where its route does
                worker->arrived[worker->arrived_count++] = leaver->trip;
                return;
            }
            const struct path *path = &street->paths[path_index];
            struct passage_sum *passage = &street->passage_sums[path->connection];
            team_add_long(street, &passage->passages, 1);
            team_add_long(street, &passage->loss_ms, (int64_t)((double)trip->link_loss_s * 1000.0));
            int32_t lane = cell_group(street, path->from_cell)->lane[path->from_cell % WIDE];
            team_add(street, &street->turned[lane][path->turn], 1);
            trip->link_loss_s = 0.0f;
            if (!rarely(x > path->length)) {
                to_path = path_index;
                break;
            }
            x -= path->length;
            came_by = path_index;
            cell = path->to_cell;
        }
        trip->leg++;
        stops_pass(street, trip);
        float length = street->seen[cell].length;
        if (!rarely(x > length)) {
            break;
        }
        path_index = trip_path(street, trip, trip->leg, cell);
        if (path_index == PATH_NONE) {
            x = length;   // look_ahead sees to it that none comes so far
            break;
        }
        x -= length;
        passed = cell;
        cell = INDEX_NONE;
    }
    trip->since_front = x;
    memory_expect(&street->legs[trip->first_leg + trip->leg]);
    // Field by field where it lies: copied whole, it would wait for the fields written just before.
    *left_add(worker) = (struct transfer){ .cell = cell, .path = to_path, .trip = leaver->trip, .came_by = came_by,
        .passed = passed, .front = x, .speed = leaver->speed, .driven = leaver->driven, .kind = leaver->kind,
        .halt = leaver->halt & HALT_FAST };
}

float driver_factor(const struct street *street, uint32_t kind, int32_t trip, float desired, float limit)
{
    return desired < street->types.speed_max[kind & KIND_TYPE] ? desired / limit : street->trips[trip].factor;
}
