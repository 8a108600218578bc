#include "sim/traffic/stops.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/model/units.h"
#include "sim/traffic/columns.h"
#include "sim/traffic/trips.h"

static const float SHORT_M = 2.0f;             // who stands so much before the end has reached it as well
static const float BESIDE_M = 15.0f;           // before the end one waits for its lane
static const float PAST_M = 1.0f;              // beyond the end in another lane: it is missed
static const float STANDING_MPS = 0.5f;
static const int32_t MISSED_MS = 20000;        // so long one waits beside a stop, as LOST_S of moving.c
static const int32_t OWN_STOP_MS = 2000;       // a halt so young is that of the stop itself

// ---- books ---------------------------------------------------------------------------------------------------------

enum status stops_check(const struct street *street, const struct trip_columns *trips, int32_t row, const char *place,
                        struct problem *problem)
{
    int32_t first = trips->first_stop[row], end = trips->first_stop[row + 1];
    int32_t legs = trips->first_link[row + 1] - trips->first_link[row];
    if (end < first || end - first > STOP_COUNT_MAX) {
        return problem_report(problem, STATUS_LIMIT, "trips", place, NULL, "it has more than %d stops", STOP_COUNT_MAX);
    }
    for (int32_t i = first; i < end; i++) {
        const struct trip_stop *stop = &trips->stops[i];
        int32_t leg_before = i > first ? stop[-1].leg : 0;
        if (stop->leg < leg_before || stop->leg >= legs) {
            return problem_report(problem, STATUS_RANGE, "trips", place, NULL,
                                  "its stop %d is not on its way after the one before it", i - first);
        }
        const struct network *network = street->network;
        const struct link *link = &network->links[trips->links[trips->first_link[row] + stop->leg]];
        if (stop->lane < 0 || stop->lane >= link->lane_count
            || !(network->lanes[link->first_lane + stop->lane].users & street->types.user[trips->type[row]])) {
            return problem_report(problem, STATUS_RANGE, "trips", place, NULL, "its stop %d is on a lane of %s that it "
                                  "may not use", i - first, network_name(network, link->name));
        }
        double length_mm = 1000.0 * network->lanes[link->first_lane + stop->lane].length_m;
        if (stop->start_mm < 0 || stop->end_mm <= 0 || stop->end_mm < stop->start_mm || stop->end_mm > length_mm + 1.0
            || stop->duration_ms < 0) {
            return problem_report(problem, STATUS_RANGE, "trips", place, NULL, "its stop %d does not lie on %s, or its "
                                  "duration is negative", i - first, network_name(network, link->name));
        }
    }
    return STATUS_OK;
}

// Marks of one group at most: whatever its longest lane may need, sixteen times.
static void marks_make_room(struct street *street)
{
    int32_t most = 0;
    for (int32_t i = 0; i < street->group_count; i++) {
        int32_t rows = street->groups[i].row_count_max;
        most = rows > most ? rows : most;
    }
    for (int32_t w = 0; w < street->worker_count; w++) {
        struct worker *worker = &street->workers[w];
        worker->mark_count_max = most * WIDE;
        worker->marks = worker->marks != NULL ? worker->marks
            : memory_take((size_t)worker->mark_count_max + 1, sizeof *worker->marks);
    }
}

void stops_follow_trips(struct street *street)
{
    struct stop_books *books = &street->stops;
    if (books->of_trip == NULL || books->of_trip_count >= street->trip_capacity) {
        return;
    }
    memory_grow((void **)&books->of_trip, &books->of_trip_capacity, street->trip_capacity, sizeof *books->of_trip);
    memset(books->of_trip + books->of_trip_count, 0xff,
           (size_t)(street->trip_capacity - books->of_trip_count) * sizeof *books->of_trip);
    books->of_trip_count = street->trip_capacity;
}

static void make_room(struct street *street, int32_t lists, int32_t stops)
{
    struct stop_books *books = &street->stops;
    if (books->of_trip == NULL) {
        marks_make_room(street);
        memory_grow((void **)&books->of_trip, &books->of_trip_capacity, 1, sizeof *books->of_trip);
        books->of_trip[0] = INDEX_NONE;
        books->of_trip_count = 1;
        stops_follow_trips(street);
    }
    memory_grow((void **)&books->lists, &books->list_capacity, books->list_count + lists, sizeof *books->lists);
    memory_grow((void **)&books->at, &books->capacity, books->count + stops, sizeof *books->at);
}

void stops_reserve(struct street *street, const struct trip_columns *trips)
{
    int32_t stops = trips->first_stop == NULL ? 0 : trips->first_stop[trips->count] - trips->first_stop[0];
    if (stops > 0) {
        make_room(street, stops < trips->count ? stops : trips->count, stops);
    }
}

static int32_t list_take(struct stop_books *books)
{
    if (books->list_free == INDEX_NONE) {
        assert(books->list_count < books->list_capacity);
        return books->list_count++;
    }
    int32_t index = books->list_free;
    books->list_free = books->lists[index].first;
    return index;
}

static int32_t stop_take(struct stop_books *books)
{
    if (books->free == INDEX_NONE) {
        assert(books->count < books->capacity);
        return books->count++;
    }
    int32_t index = books->free;
    books->free = books->at[index].next;
    return index;
}

// An itinerary for the trip, with room for it made before.
static struct itinerary *list_of(struct street *street, int32_t trip)
{
    struct stop_books *books = &street->stops;
    int32_t index = list_take(books);
    books->of_trip[trip] = index;
    books->lists[index] = (struct itinerary){ .first = INDEX_NONE, .at = INDEX_NONE, .reached_ms = STOP_TIME_NONE,
        .leave_ms = STOP_TIME_NONE, .cell = INDEX_NONE };
    return &books->lists[index];
}

static void stop_append(struct stop_books *books, struct itinerary *list, int32_t *last,
                        const struct planned_stop *stop)
{
    int32_t at = stop_take(books);
    books->at[at] = *stop;
    books->at[at].next = INDEX_NONE;
    if (*last == INDEX_NONE) {
        list->first = at;
    } else {
        books->at[*last].next = at;
    }
    *last = at;
}

void stops_take(struct street *street, int32_t trip, const struct trip_columns *trips, int32_t row)
{
    if (trips->first_stop == NULL || trips->first_stop[row] == trips->first_stop[row + 1]) {
        return;
    }
    const struct trip_stop *stops = trips->stops + trips->first_stop[row];
    const int32_t *links = trips->links + trips->first_link[row];
    int32_t count = trips->first_stop[row + 1] - trips->first_stop[row], last = INDEX_NONE;
    struct itinerary *list = list_of(street, trip);
    for (int32_t i = 0; i < count; i++) {
        int64_t until_ms = stops[i].until_ms - street->options.begin_ms;
        bool timed = stops[i].until_ms != INT64_MIN && until_ms > INT32_MIN && until_ms <= INT32_MAX;
        stop_append(&street->stops, list, &last, &(struct planned_stop){ .leg = stops[i].leg,
            .link = links[stops[i].leg], .start = (float)stops[i].start_mm * 0.001f,
            .end = (float)stops[i].end_mm * 0.001f,
            .duration_ms = stops[i].duration_ms, .until_ms = timed ? (int32_t)until_ms : STOP_TIME_NONE,
            .lane = (int8_t)stops[i].lane, .parking = stops[i].parking });
    }
    list->at = list->first;
    trip_legs_stop(street, &street->trips[trip], links, trips->first_link[row + 1] - trips->first_link[row]);
}

void stops_give_back(struct street *street, int32_t trip)
{
    struct stop_books *books = &street->stops;
    struct itinerary *list = stops_of(street, trip);
    if (list == NULL) {
        return;
    }
    for (int32_t at = list->first; at != INDEX_NONE; ) {
        int32_t next = books->at[at].next;
        books->at[at].next = books->free;
        books->free = at;
        at = next;
    }
    list->first = books->list_free;
    books->list_free = books->of_trip[trip];
    books->of_trip[trip] = INDEX_NONE;
}

void stops_clear(struct street *street)
{
    struct stop_books *books = &street->stops;
    books->list_count = books->count = 0;
    books->list_free = books->free = INDEX_NONE;
    if (books->of_trip != NULL) {
        memset(books->of_trip, 0xff, (size_t)books->of_trip_count * sizeof *books->of_trip);
    }
}

void stops_release(struct street *street)
{
    free(street->stops.of_trip);
    free(street->stops.lists);
    free(street->stops.at);
    for (int32_t w = 0; w < street->worker_count && street->workers != NULL; w++) {
        free(street->workers[w].marks);
    }
}

// ---- on the way ----------------------------------------------------------------------------------------------------

// The stop is over, one way or the other.
static void stop_end(struct street *street, struct itinerary *list)
{
    do {
        list->at = street->stops.at[list->at].next;
    } while (list->at != INDEX_NONE && street->stops.at[list->at].leg < 0);   // a detour passed it by
    list->reached_ms = list->leave_ms = STOP_TIME_NONE;
    list->stood_ms = 0;
}

void stops_pass(struct street *street, const struct trip *trip)
{
    struct itinerary *list = stops_of(street, (int32_t)(trip - street->trips));
    while (list != NULL && list->at != INDEX_NONE && street->stops.at[list->at].leg < trip->leg) {
        list->missed++;
        stop_end(street, list);
    }
}

void stops_reroute(struct street *street, struct trip *trip, const int32_t *links, int32_t count)
{
    struct itinerary *list = stops_of(street, (int32_t)(trip - street->trips));
    if (list == NULL) {
        return;
    }
    int32_t leg = 0;
    for (int32_t i = list->at; i != INDEX_NONE; i = street->stops.at[i].next) {
        struct planned_stop *stop = &street->stops.at[i];
        int32_t at = leg;
        while (at < count && links[at] != stop->link) {
            at++;
        }
        bool passes = stop->leg >= 0 && at < count;
        list->missed += !passes && stop->leg >= 0 ? 1 : 0;
        leg = passes ? at : leg;
        stop->leg = passes ? at : -1;
    }
    if (list->at != INDEX_NONE && street->stops.at[list->at].leg < 0) {
        stop_end(street, list);
    }
    trip_legs_stop(street, trip, links, count);
}

static bool on_stop_lane(const struct street *street, const struct planned_stop *stop, int32_t group)
{
    return street->groups[group].lane_position == stop->lane;
}

static void row_leaves_stop(struct street *street, struct itinerary *list, int32_t group, int c, int32_t k)
{
    struct row *row = &street->rows[street->groups[group].first_row + k];
    struct trip *trip = &street->trips[row->trip[c]];
    stop_end(street, list);
    trip_leg_restore(street, trip, group * WIDE + c);
    row->kind[c] = trip_kind(street, trip, group * WIDE + c);
}

// Its stay so far is settled; while it stands by plan nothing is added to it.
static void stop_reach(const struct street *street, struct itinerary *list, struct trip *trip,
                       const struct vehicle *vehicle)
{
    const struct planned_stop *stop = &street->stops.at[list->at];
    int32_t now_ms = street_elapsed_ms(street);
    uint32_t halt = vehicle->halt;
    bool own = (int32_t)halt_waited(halt) * street->options.step_ms <= OWN_STOP_MS && halt % HALT_WAIT >= HALT_STOP;
    trip_settle(trip, now_ms, vehicle->front, vehicle->desired, own ? halt - HALT_STOP : halt, vehicle->front);
    list->reached_ms = now_ms;
    list->leave_ms = now_ms + stop->duration_ms;
    list->leave_ms = stop->until_ms > list->leave_ms ? stop->until_ms : list->leave_ms;
}

static void stop_leave(const struct street *street, struct itinerary *list, struct trip *trip, int32_t now_ms)
{
    const struct planned_stop *stop = &street->stops.at[list->at];
    list->stopped_ms += now_ms - list->reached_ms;
    trip->since_ms = now_ms;
    if (stop->until_ms != STOP_TIME_NONE) {
        list->timed = true;
        list->late_ms = now_ms - stop->until_ms;
        list->late_loss_ms = trip->loss_ms;
    }
}

// Off the lane, to the end of its block's list of those who park.
static void park(struct street *street, struct worker *worker, int32_t group_index, int c, int32_t k)
{
    struct group *group = &street->groups[group_index];
    struct block *block = &street->blocks[street->block_of_group[group_index]];
    struct row *rows = &street->rows[group->first_row];
    int32_t index = rows[k].trip[c], *last = &block->parked;
    struct itinerary *list = stops_of(street, index);
    float least = street->types.length[rows[k].kind[c] & KIND_TYPE] + LINE_MARGIN_M;
    list->cell = group_index * WIDE + c;
    list->front = fminf(fmaxf(rows[k].front[c], least), group->length[c] - LINE_MARGIN_M);
    while (*last != INDEX_NONE) {
        last = &street->trips[*last].next;
    }
    *last = index;
    street->trips[index].next = INDEX_NONE;
    street->trips[index].state = TRIP_PARKED;
    column_remove(rows, group->count[c], k, c);
    if (k + 1 == group->count[c]) {
        group->entered[c] = PATH_NONE;
        group->changed |= 1u << c;
    }
    group->count[c]--;
    if (k == 0) {
        group->yielding[c] = 0;
        group->held &= ~(1u << c);
        group->clear &= ~(1u << c);
    }
    block->vehicles--;
    block->stale = true;
    worker->parked++;
}

// What becomes of the k-th vehicle of a column, which has a stop on this lane. Returns whether it has left the lane.
static bool vehicle_look(struct street *street, struct worker *worker, int32_t group_index, int c, int32_t k)
{
    const struct group *group = &street->groups[group_index];
    struct row *rows = &street->rows[group->first_row];
    struct trip *trip = &street->trips[rows[k].trip[c]];
    struct itinerary *list = stops_of(street, rows[k].trip[c]);
    if (list == NULL || list->at == INDEX_NONE || street->stops.at[list->at].leg != trip->leg) {
        rows[k].kind[c] = trip_kind(street, trip, group_index * WIDE + c);   // a detour took its stop away
        return false;
    }
    const struct planned_stop *stop = &street->stops.at[list->at];
    int32_t now_ms = street_elapsed_ms(street);
    float front = rows[k].front[c], speed = rows[k].speed[c];
    if (list->reached_ms != STOP_TIME_NONE) {
        if (now_ms >= list->leave_ms) {
            stop_leave(street, list, trip, now_ms);
            rows[k].halt[c] = 0;
            row_leaves_stop(street, list, group_index, c, k);
        }
        return false;
    }
    if (!on_stop_lane(street, stop, group_index)) {
        bool beside = speed < STANDING_MPS && front > stop->end - BESIDE_M;
        list->stood_ms += beside ? street->options.step_ms : 0;
        if (list->stood_ms >= MISSED_MS || front > stop->end + PAST_M) {
            list->missed++;
            row_leaves_stop(street, list, group_index, c, k);
        }
        return false;
    }
    if (speed < SPEED_WAITING_MPS && front >= fminf(stop->start - LINE_MARGIN_M, stop->end - SHORT_M)) {
        struct vehicle vehicle = column_get(rows, k, c);
        stop_reach(street, list, trip, &vehicle);
        rows[k].halt[c] = 0;
        bool fits = street->types.length[rows[k].kind[c] & KIND_TYPE] + 2.0f * LINE_MARGIN_M < group->length[c];
        if (stop->parking && fits && list->leave_ms > now_ms + street->options.step_ms) {
            park(street, worker, group_index, c, k);
            return true;
        }
    }
    return false;
}

// Where one with a stop on this lane is to stand; false while that is far away.
static bool mark_of(const struct street *street, const struct row *row, int c, int32_t k, struct stop_mark *ret)
{
    const struct itinerary *list = stops_of(street, row->trip[c]);
    uint32_t type = row->kind[c] & KIND_TYPE;
    float front = row->front[c], v = row->speed[c], gap = street->types.gap[type];
    if (list->reached_ms != STOP_TIME_NONE) {
        *ret = (struct stop_mark){ .row = k, .column = c, .rear = front + gap, .bound = front };
        return true;
    }
    float end = street->stops.at[list->at].end, left = end - front;
    float reach = v * v / street->types.deceleration[type] + v * LOOK_S + LOOK_M;
    if (left > reach) {
        return false;
    }
    bool can = v * v <= 2.0f * street->types.emergency[type] * left;
    *ret = (struct stop_mark){ .row = k, .column = c, .rear = fmaxf(end, front) + gap, .bound = can ? end : FAR_M };
    return true;
}

void stops_look(struct street *street, struct worker *worker, int32_t group_index)
{
    struct group *group = &street->groups[group_index];
    const struct row *rows = &street->rows[group->first_row];
    bool any = false;
    worker->mark_count = 0;
    for (int c = 0; c < WIDE; c++) {
        for (int32_t k = 0; k < group->count[c]; k++) {
            if (rows[k].kind[c] & KIND_STOP) {
                any = true;
                k -= vehicle_look(street, worker, group_index, c, k) ? 1 : 0;
            }
        }
    }
    group->stops = any;
    for (int32_t k = 0; any && k < group->count_max; k++) {
        for (int c = 0; c < WIDE; c++) {
            if (k >= group->count[c] || !(rows[k].kind[c] & KIND_STOP) || worker->mark_count >= worker->mark_count_max
                || !mark_of(street, &rows[k], c, k, &worker->marks[worker->mark_count])) {
                continue;
            }
            worker->mark_count++;
            worker->queued -= stops_standing(street, rows[k].trip[c]) ? 1 : 0;   // it stands, and is no queue
        }
    }
}

bool stops_due(const struct street *street, int32_t trip, int32_t end_ms)
{
    return stops_of(street, trip)->leave_ms <= end_ms;
}

struct vehicle stops_return(struct street *street, int32_t index, int32_t end_ms)
{
    struct itinerary *list = stops_of(street, index);
    struct trip *trip = &street->trips[index];
    int32_t cell = list->cell;
    stop_leave(street, list, trip, end_ms);
    stop_end(street, list);
    list->cell = INDEX_NONE;
    trip_leg_restore(street, trip, cell);
    trip->state = TRIP_UNDER_WAY;
    trip->next = INDEX_NONE;
    trip->since_front = list->front;
    return (struct vehicle){ .front = list->front, .trip = index,
        .desired = trip_desired(street, trip, cell_group(street, cell)->limit[cell % WIDE]),
        .path = trip_path(street, trip, trip->leg, cell), .kind = trip_kind(street, trip, cell) };
}

// ---- measures ------------------------------------------------------------------------------------------------------

bool stops_standing(const struct street *street, int32_t trip)
{
    const struct itinerary *list = stops_of(street, trip);
    return list != NULL && list->reached_ms != STOP_TIME_NONE;
}

int32_t stops_stood_ms(const struct street *street, int32_t trip, int32_t now_ms)
{
    const struct itinerary *list = stops_of(street, trip);
    if (list == NULL) {
        return 0;
    }
    return list->stopped_ms + (list->reached_ms != STOP_TIME_NONE ? now_ms - list->reached_ms : 0);
}

double stops_late_s(const struct street *street, const struct trip *trip)
{
    const struct itinerary *list = stops_of(street, (int32_t)(trip - street->trips));
    int64_t late_ms = list != NULL && list->timed ? (int64_t)list->late_ms + trip->loss_ms - list->late_loss_ms
        : (int64_t)trip->loss_ms + trip->entered_ms - trip->depart_ms;
    return s_from_ms(late_ms);
}

// ---- checkpoints ---------------------------------------------------------------------------------------------------

void stops_save(const struct street *street, int32_t trip, struct byte_sink *sink)
{
    const struct itinerary *list = stops_of(street, trip);
    sink_number(sink, list != NULL);
    if (list == NULL) {
        return;
    }
    struct itinerary saved;
    memset(&saved, 0, sizeof saved);   // the padding too
    saved.reached_ms = list->reached_ms;
    saved.leave_ms = list->leave_ms;
    saved.stood_ms = list->stood_ms;
    saved.stopped_ms = list->stopped_ms;
    saved.missed = list->missed;
    saved.late_ms = list->late_ms;
    saved.late_loss_ms = list->late_loss_ms;
    saved.cell = list->cell;
    saved.front = list->front;
    saved.timed = list->timed;
    sink_put(sink, &saved, sizeof saved);
    int64_t count = 0;
    for (int32_t at = list->at; at != INDEX_NONE; at = street->stops.at[at].next) {
        count += street->stops.at[at].leg >= 0;
    }
    sink_number(sink, count);
    for (int32_t at = list->at; at != INDEX_NONE; at = street->stops.at[at].next) {
        const struct planned_stop *stop = &street->stops.at[at];
        if (stop->leg < 0) {
            continue;
        }
        const int64_t numbers[] = { stop->leg, stop->link, stop->duration_ms, stop->until_ms, stop->lane,
            stop->parking };
        const float places[] = { stop->start, stop->end };
        sink_put(sink, numbers, sizeof numbers);
        sink_put(sink, places, sizeof places);
    }
}

static bool itinerary_valid(const struct street *street, const struct itinerary *list)
{
    return (list->cell == INDEX_NONE || (list->cell >= 0 && list->cell < street->group_count * WIDE
        && cell_group(street, list->cell)->lane[list->cell % WIDE] != INDEX_NONE))
        && list->front >= -FAR_M && list->front <= FAR_M;
}

bool stops_load(struct street *street, int32_t trip, struct byte_source *source)
{
    if (source_number(source) == 0) {
        return !source->failed;
    }
    struct itinerary saved;
    source_take(source, &saved, sizeof saved);
    int64_t count = source_number(source);
    if (source->failed || count < 0 || count > STOP_COUNT_MAX || !itinerary_valid(street, &saved)) {
        return false;
    }
    make_room(street, 1, (int32_t)count);
    struct itinerary *list = list_of(street, trip);
    int32_t last = INDEX_NONE;
    saved.first = saved.at = INDEX_NONE;
    *list = saved;
    for (int64_t i = 0; i < count; i++) {
        int64_t numbers[6];
        float places[2];
        source_take(source, numbers, sizeof numbers);
        source_take(source, places, sizeof places);
        if (source->failed || numbers[1] < 0 || numbers[1] >= street->network->link_count || numbers[0] < 0
            || numbers[0] >= street->trips[trip].leg_count || numbers[4] < 0 || numbers[4] >= LINK_LANE_COUNT_MAX) {
            return false;
        }
        stop_append(&street->stops, list, &last, &(struct planned_stop){ .leg = (int32_t)numbers[0],
            .link = (int32_t)numbers[1], .duration_ms = (int32_t)numbers[2], .until_ms = (int32_t)numbers[3],
            .lane = (int8_t)numbers[4], .parking = numbers[5] != 0, .start = places[0], .end = places[1] });
    }
    list->at = list->first;
    return list->reached_ms == STOP_TIME_NONE || list->at != INDEX_NONE;
}
