#include "sim/traffic/trips.h"

#include <assert.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "engine/model/units.h"
#include "sim/traffic/detour.h"
#include "sim/traffic/stops.h"
#include "sim/traffic/street_place.h"

static const double DEVIATION_MAX = 2.0;       // drivers beyond two standard deviations are taken as at two
static const double FACTOR_MIN = 0.2;

// To the nearest whole number.
static int32_t whole(double x)
{
    double up = x + 0.5;
    int32_t part = (int32_t)up;        // towards zero
    return part - (up < (double)part ? 1 : 0);
}

void trip_settle(struct trip *trip, int32_t end_ms, float front, float desired, uint32_t halt, float next_front)
{
    double driven = (double)front - (double)trip->since_front;
    double loss_s = s_from_ms(end_ms - trip->since_ms) - driven / (double)desired;
    trip->length_mm += whole(driven * 1000.0);
    trip->loss_ms += whole(loss_s * 1000.0);
    trip->link_loss_s += (float)loss_s;
    trip->waiting_steps += (int32_t)halt_waited(halt);
    uint32_t stops = trip->stops + (halt % HALT_WAIT) / HALT_STOP;
    trip->stops = (uint16_t)(stops < UINT16_MAX ? stops : UINT16_MAX);
    trip->since_ms = end_ms;
    trip->since_front = next_front;
}

#define TEAM_TRIPS_MIN 2048             // so many routes are followed by several threads
#define TRIED_LEGS_KEPT (1 << 14)       // room for a stream's batch is kept, for more it is given back
#define LARGE_BYTES ((size_t)1 << 21)   // from here on large pages are asked for

// Moves an array of pages to a larger place, without touching what is not used yet.
static void *pages_grow(void *from, size_t used, size_t bytes)
{
    size_t align = bytes >= LARGE_BYTES ? LARGE_BYTES : 64;
    bytes = (bytes + align - 1) / align * align;
    void *to = aligned_alloc(align, bytes);
    if (to == NULL) {
        (void)fprintf(stderr, "out of memory: %zu bytes for trips do not fit\n", bytes);
        abort();
    }
    if (bytes >= LARGE_BYTES) {
        memory_wish_large_pages(to, bytes);
    }
    if (used > 0) {
        memcpy(to, from, used);
    }
    free(from);
    return to;
}

static int32_t piece_take(struct street *street, int32_t size)
{
    int32_t piece = street->piece_free[size];
    if (piece != INDEX_NONE) {
        memcpy(&street->piece_free[size], &street->legs[piece], sizeof piece);
        return piece;
    }
    piece = (int32_t)street->leg_count;
    street->leg_count += (int64_t)size * PIECE_LEGS;
    assert(street->leg_count <= street->leg_capacity);
    return piece;
}

void trip_free(struct street *street, int32_t index)
{
    struct trip *trip = &street->trips[index];
    int32_t size = trip->piece_size;
    stops_give_back(street, index);
    memcpy(&street->legs[trip->first_leg], &street->piece_free[size], sizeof(int32_t));
    street->piece_free[size] = trip->first_leg;
    trip->state = TRIP_EMPTY;
    trip->next = street->trip_free;
    street->trip_free = index;
}

static int32_t trip_take(struct street *street)
{
    if (street->trip_free != INDEX_NONE) {
        int32_t index = street->trip_free;
        street->trip_free = street->trips[index].next;
        return index;
    }
    assert(street->trip_count < street->trip_capacity);
    return street->trip_count++;
}

static int32_t piece_size_for(int32_t legs)
{
    return (legs + DETOUR_LEGS + PIECE_LEGS - 1) / PIECE_LEGS;
}

// Address space for so many more; memory only by use. The only place of the street that allocates after creation.
void trips_make_room(struct street *street, int32_t trips, int64_t more_legs)
{
    int64_t legs = street->leg_count + more_legs, count = (int64_t)street->trip_count + trips;
    assert(legs < INT32_MAX);
    assert(count < INT32_MAX / 2);
    if (legs > street->leg_capacity) {
        street->leg_capacity = legs + legs / 4;
        street->legs = pages_grow(street->legs, (size_t)street->leg_count * sizeof *street->legs,
            (size_t)street->leg_capacity * sizeof *street->legs);
    }
    if (count > street->trip_capacity) {
        street->trip_capacity = (int32_t)(count + count / 4);
        street->trips = pages_grow(street->trips, (size_t)street->trip_count * sizeof *street->trips,
            (size_t)street->trip_capacity * sizeof *street->trips);
        stops_follow_trips(street);
    }
}

// For these trips, were there no free places.
static void trips_reserve(struct street *street, const struct trip_columns *trips)
{
    int64_t legs = 0;
    for (int32_t i = 0; i < trips->count; i++) {
        legs += (int64_t)piece_size_for(trips->first_link[i + 1] - trips->first_link[i]) * PIECE_LEGS;
    }
    trips_make_room(street, trips->count, legs);
    stops_reserve(street, trips);
}

void trips_clear(struct street *street)
{
    street->trip_count = 0;
    street->leg_count = 0;
    street->trip_free = INDEX_NONE;
    memset(street->piece_free, 0xff, sizeof street->piece_free);
    street->scheduled_first = street->scheduled_last = INDEX_NONE;
    street->arrived_first = street->arrived_last = INDEX_NONE;
    stops_clear(street);
}

int32_t trip_put(struct street *street, const struct trip *trip, const struct leg *legs)
{
    // Its piece as long as it was: whether a detour fits into it is part of its state.
    int32_t index = trip_take(street), size = trip->piece_size > 0 ? trip->piece_size : piece_size_for(trip->leg_count);
    int32_t piece = piece_take(street, size);
    assert(trip->leg_count <= size * PIECE_LEGS);
    memcpy(street->legs + piece, legs, (size_t)trip->leg_count * sizeof *legs);
    street->trips[index] = *trip;
    street->trips[index].first_leg = piece;
    street->trips[index].piece_size = (uint16_t)size;
    street->trips[index].next = INDEX_NONE;
    return index;
}

int64_t trips_legs_kept(int32_t legs)
{
    return (int64_t)piece_size_for(legs) * PIECE_LEGS;
}

int32_t trips_leg_room(const struct trip *trip)
{
    return trip->piece_size * PIECE_LEGS;
}

// Sum of twelve uniform numbers less six: normal enough, and without the mathematics library.
static double normal_draw(uint64_t seed, int32_t number)
{
    double sum = -6.0;
    for (uint64_t i = 0; i < 12; i++) {
        sum += random_unit(seed, RANDOM_DRIVER, (uint64_t)number, i);
    }
    return fmin(fmax(sum, -DEVIATION_MAX), DEVIATION_MAX);
}

static int32_t ms_after_begin(const struct street *street, int64_t t_ms)
{
    return (int32_t)(t_ms - street->options.begin_ms);
}

// Takes room for a trip whose legs were filled when it was checked; returns its index.
static int32_t trip_fill(struct street *street, const struct trip_columns *trips, int32_t row)
{
    int32_t index = trip_take(street);
    int32_t first = trips->first_link[row];
    int32_t count = trips->first_link[row + 1] - first;
    int32_t size = piece_size_for(count);
    struct trip *trip = &street->trips[index];
    uint32_t type = (uint32_t)trips->type[row];
    int32_t front_mm = trips->depart_front_mm != NULL ? trips->depart_front_mm[row] : DEPART_AT_START;
    *trip = (struct trip){
        .depart_ms = ms_after_begin(street, trips->depart_ms[row]), .number = trips->number[row],
        .first_leg = piece_take(street, size), .leg_count = (uint16_t)count, .next = INDEX_NONE,
        .piece_size = (uint16_t)size, .depart_speed_mmps = trips->depart_speed_mmps[row], .type = (uint16_t)type,
        .depart_lane = trips->depart_lane[row], .state = TRIP_SCHEDULED, .first_link = trips->links[first],
        .since_front = front_mm < 0 ? (float)front_mm : (float)front_mm * 0.001f,
    };
    double factor = street->types.factor[type]
        + street->types.deviation[type] * normal_draw(street->options.seed, trip->number);
    trip->factor = (float)fmax(factor, FACTOR_MIN);
    memcpy(street->legs + trip->first_leg, street->legs_tried + first, (size_t)count * sizeof *street->legs);
    return index;
}

static void trip_schedule(struct street *street, const struct trip_columns *trips, int32_t row, int32_t index)
{
    if (street->scheduled_last == INDEX_NONE) {
        street->scheduled_first = index;
    } else {
        street->trips[street->scheduled_last].next = index;
    }
    street->scheduled_last = index;
    street->depart_last_ms = trips->depart_ms[row];
    stops_take(street, index, trips, row);
}

// What can be told of a trip without following its route.
static enum status trip_check(const struct street *street, const struct trip_columns *trips, int32_t row,
                              int64_t depart_last_ms, struct problem *problem)
{
    char place[64];
    (void)snprintf(place, sizeof place, "trip %d", trips->number[row]);
    int32_t first = trips->first_link[row], end = trips->first_link[row + 1];
    if (trips->depart_ms[row] < depart_last_ms) {
        return problem_report(problem, STATUS_RANGE, "trips", place, "sort the trips by departure",
            "departs before the trip ahead of it");
    }
    if (trips->type[row] < 0 || trips->type[row] >= street->type_count) {
        return problem_report(problem, STATUS_RANGE, "trips", place, NULL, "its type %d is unknown",
            trips->type[row]);
    }
    if (trips->number[row] < 0 || end <= first || end - first > LEG_COUNT_MAX) {
        return problem_report(problem, STATUS_RANGE, "trips", place, NULL,
            "has a negative number, no route, or one of more than %d links", LEG_COUNT_MAX);
    }
    int64_t after_ms = trips->depart_ms[row] - street->options.begin_ms;
    if (after_ms > INT32_MAX || after_ms < INT32_MIN) {
        return problem_report(problem, STATUS_RANGE, "trips", place, NULL, "departs more than 24 days from the begin");
    }
    for (int32_t i = first; i < end; i++) {
        if (trips->links[i] < 0 || trips->links[i] >= street->network->link_count) {
            return problem_report(problem, STATUS_RANGE, "trips", place, NULL, "its route names link %d; there are %d",
                trips->links[i], street->network->link_count);
        }
    }
    return STATUS_OK;
}

// What was found of a trip's route.
static enum status route_check(const struct street *street, const struct trip_columns *trips, int32_t row,
                               const struct trying *found, struct problem *problem)
{
    char place[64];
    int32_t first = trips->first_link[row], end = trips->first_link[row + 1];
    uint32_t user = street->types.user[trips->type[row]];
    (void)snprintf(place, sizeof place, "trip %d", trips->number[row]);
    if (found->broken >= 0) {
        const struct network *network = street->network;
        const char *link = network_name(network, network->links[trips->links[first + found->broken]].name);
        if (found->broken == end - first - 1) {
            return problem_report(problem, STATUS_RANGE, "trips", place, NULL, "may not drive on its last link %s",
                                  link);
        }
        return problem_report(problem, STATUS_RANGE, "trips", place, "repair the route or the network",
            "no lane that it may use leads from link %s to %s", link,
            network_name(network, network->links[trips->links[first + found->broken + 1]].name));
    }
    int8_t lane = trips->depart_lane[row];
    if (lane >= 0 && !((link_lanes_open(street, trips->links[first], user) >> lane) & 1)) {
        return problem_report(problem, STATUS_RANGE, "trips", place, NULL,
                              "may not depart on lane %d of its first link", lane);
    }
    return trips->first_stop == NULL ? STATUS_OK : stops_check(street, trips, row, place, problem);
}

static void tries_release(struct street *street)
{
    free(street->legs_tried);
    free(street->tried);
    street->legs_tried = NULL;
    street->tried = NULL;
    street->legs_tried_capacity = street->tried_capacity = 0;
}

// Follows the routes of the first rows, by several threads where there are many.
static void routes_try(struct street *street, const struct trip_columns *trips, int32_t count)
{
    int32_t legs = 0;
    for (int32_t i = 0; i < count; i++) {
        legs = trips->first_link[i + 1] > legs ? trips->first_link[i + 1] : legs;
    }
    memory_grow((void **)&street->legs_tried, &street->legs_tried_capacity, legs, sizeof *street->legs_tried);
    memory_grow((void **)&street->tried, &street->tried_capacity, count, sizeof *street->tried);
    #pragma omp parallel for num_threads(street->worker_count) if(count >= TEAM_TRIPS_MIN) schedule(static)
    for (int32_t i = 0; i < count; i++) {
        int32_t first = trips->first_link[i];
        street->tried[i].broken = trip_legs(street, trips->links + first, trips->first_link[i + 1] - first,
            street->types.user[trips->type[i]], street->legs_tried + first);
    }
}

enum status street_enter(struct street *street, const struct trip_columns *trips, int32_t *ret_row,
                         struct problem *problem)
{
    int64_t last_ms = street->depart_last_ms;
    enum status status = STATUS_OK;
    int32_t good = 0;
    for (; good < trips->count; good++) {
        status = trip_check(street, trips, good, last_ms, problem);
        if (status != STATUS_OK) {
            break;
        }
        last_ms = trips->depart_ms[good];
    }
    routes_try(street, trips, good);
    for (int32_t i = 0; i < good; i++) {
        enum status found = route_check(street, trips, i, &street->tried[i], problem);
        if (found != STATUS_OK) {
            *ret_row = i;
            return found;
        }
    }
    if (status != STATUS_OK) {
        *ret_row = good;
        return status;
    }
    trips_reserve(street, trips);
    struct trying *tried = street->tried;
    for (int32_t i = 0; i < trips->count; i++) {
        tried[i].index = trip_fill(street, trips, i);
    }
    #pragma omp parallel for num_threads(street->worker_count) if(trips->count >= TEAM_TRIPS_MIN) schedule(static)
    for (int32_t i = 0; i < trips->count; i++) {
        struct trip *trip = &street->trips[tried[i].index];
        trip->free_flow_ms = whole(trip_free_flow_s(street, trip, trips->links + trips->first_link[i]) * 1000.0);
    }
    for (int32_t i = 0; i < trips->count; i++) {
        trip_schedule(street, trips, i, tried[i].index);
    }
    if (street->legs_tried_capacity > TRIED_LEGS_KEPT) {
        tries_release(street);
        (void)malloc_trim(0);         // or the heap would keep it as long as the street lasts
    }
    street->insert_first = true;
    return STATUS_OK;
}

bool trips_release_due(struct street *street)
{
    bool any = false;
    int32_t now_ms = street_elapsed_ms(street);
    while (street->scheduled_first != INDEX_NONE) {
        int32_t index = street->scheduled_first;
        struct trip *trip = &street->trips[index];
        if (trip->depart_ms > now_ms) {
            break;
        }
        memory_expect_write(&street->trips[trip->next >= 0 ? trip->next : index]);
        street->scheduled_first = trip->next;
        street->scheduled_last = trip->next != INDEX_NONE ? street->scheduled_last : INDEX_NONE;
        place_waiting(street, index, trip->first_link);
        trip->state = TRIP_WAITING;
        street->counts.scheduled++;
        street->counts.waiting++;
        any = true;
    }
    return any;
}

void trips_release(struct street *street)
{
    free(street->trips);
    free(street->legs);
    tries_release(street);
    stops_release(street);
}
