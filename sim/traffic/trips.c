#include "sim/traffic/trips.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "engine/model/units.h"
#include "sim/traffic/detour.h"

static const double PREFER_M = 200.0;          // how far ahead a lane must suit the route
static const double DEVIATION_MAX = 2.0;       // drivers beyond two standard deviations are taken as at two
static const double FACTOR_MIN = 0.2;
#define PIECE_LEGS_MIN 4                       // routes are kept in pieces of 4 << i legs
#define PIECE_SIZE_COUNT 24

float trip_desired(const struct street *street, const struct trip *trip, float limit)
{
    float wish = limit * trip->factor;
    float most = street->types.speed_max[trip->type];
    return wish < most ? wish : most;
}

int32_t trip_path(const struct street *street, const struct trip *trip, int32_t leg, int32_t cell)
{
    if (leg + 1 >= trip->leg_count) {
        return PATH_END;
    }
    const struct leg *next = &street->legs[trip->first_leg + leg + 1];
    const struct group *group = cell_group(street, cell);
    int column = cell % WIDE;
    int32_t best = PATH_NONE, found = 0;
    uint32_t user = street->types.user[trip->type];
    bool best_preferred = false;
    for (int32_t i = 0; i < group->path_count[column]; i++) {
        int32_t path_index = group->first_path[column] + i;
        const struct path *path = &street->paths[path_index];
        if (path->to_link != next->link || !(path->users & user)) {
            continue;
        }
        bool preferred = (next->preferred >> path->to_position) & 1u;
        if (best == PATH_NONE || (preferred && !best_preferred)) {
            best = path_index;
            best_preferred = preferred;
            found = 1;
        } else if (preferred == best_preferred) {
            // Several lanes would do: spread the drivers over them.
            found++;
            if (random_bits(street->options.seed, RANDOM_ROUTE, (uint64_t)trip->number, (uint64_t)path_index)
                % (uint64_t)found == 0) {
                best = path_index;
            }
        }
    }
    return best;
}

uint32_t trip_kind(const struct street *street, const struct trip *trip, int32_t lane_position)
{
    uint32_t kind = trip->type | (uint32_t)random_mix((uint64_t)trip->number) << KIND_LUCK_SHIFT;
    uint32_t preferred = street->legs[trip->first_leg + trip->leg].preferred;
    uint32_t here = 1u << lane_position;
    if (preferred & here) {
        kind |= preferred & (here << 1) ? KIND_FREE_LEFT : 0u;
        kind |= preferred & (here >> 1) ? KIND_FREE_RIGHT : 0u;
        return kind;
    }
    for (int32_t away = 1; away < LINK_LANE_COUNT_MAX; away++) {
        if (preferred & (here << away)) {
            return kind | KIND_LEFT;
        }
        if (preferred & (here >> away)) {
            return kind | KIND_RIGHT;
        }
    }
    return kind;
}

void trip_settle(struct trip *trip, int32_t end_ms, float front, float desired, uint32_t halt, float next_front)
{
    double driven = (double)front - (double)trip->since_front;
    double loss_s = s_from_ms(end_ms - trip->since_ms) - driven / (double)desired;
    trip->length_m += driven;
    trip->time_loss_s += loss_s;
    trip->link_loss_s += (float)loss_s;
    trip->waiting_steps += (int32_t)halt_waited(halt);
    trip->stops += (int32_t)((halt % HALT_WAIT) / HALT_STOP);
    trip->since_ms = end_ms;
    trip->since_front = next_front;
}

static int32_t piece_size_index(int32_t legs)
{
    int32_t i = 0;
    while (i < PIECE_SIZE_COUNT - 1 && (PIECE_LEGS_MIN << i) < legs) {
        i++;
    }
    return i;
}

static int32_t piece_take(struct street *street, int32_t i)
{
    int32_t piece = street->leg_free[i];
    if (piece != INDEX_NONE) {
        street->leg_free[i] = street->legs[piece].link;
        return piece;
    }
    int32_t size = PIECE_LEGS_MIN << i;
    piece = street->leg_count;
    memory_grow((void **)&street->legs, &street->leg_capacity, piece + size, sizeof *street->legs);
    street->leg_count += size;
    return piece;
}

static void trip_free(struct street *street, int32_t index)
{
    struct trip *trip = &street->trips[index];
    int32_t i = trip->piece_size;
    street->legs[trip->first_leg].link = street->leg_free[i];
    street->leg_free[i] = trip->first_leg;
    trip->state = TRIP_EMPTY;
    trip->next = street->trip_free;
    street->trip_free = index;
}

// Moves a ring into a larger array so that it starts at 0.
static void ring_grow(int32_t **ring, int32_t *first, int32_t count, int32_t capacity, int32_t capacity_new)
{
    int32_t *grown = memory_take((size_t)capacity_new, sizeof *grown);
    for (int32_t i = 0; i < count; i++) {
        grown[i] = (*ring)[(*first + i) % capacity];
    }
    free(*ring);
    *ring = grown;
    *first = 0;
}

// Room for `more` further trips: the only place of the street that allocates after creation.
static void trips_grow(struct street *street, int32_t more)
{
    int64_t live = street->handed - street->results_taken;
    assert(live + more < INT32_MAX / 2);
    int32_t needed = (int32_t)live + more;
    memory_grow((void **)&street->trips, &street->trip_capacity, needed, sizeof *street->trips);
    if (street->trip_capacity > street->schedule_capacity) {
        ring_grow(&street->schedule, &street->schedule_first, street->schedule_count, street->schedule_capacity,
            street->trip_capacity);
        ring_grow(&street->arrived, &street->arrived_first, street->arrived_count, street->schedule_capacity,
            street->trip_capacity);
        street->schedule_capacity = street->trip_capacity;
    }
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

static uint32_t lanes_open(const struct network *network, const struct link *link, uint32_t user)
{
    uint32_t open = 0;
    for (int32_t i = 0; i < link->lane_count; i++) {
        open |= network->lanes[link->first_lane + i].users & user ? 1u << i : 0u;
    }
    return open;
}

// Lanes of `link` with a connection into one of the lanes `into` of the link `next`.
static uint32_t lanes_leading(const struct network *network, const struct link *link, int32_t next, uint32_t into)
{
    uint32_t leading = 0;
    for (int32_t i = 0; i < link->lane_count; i++) {
        const struct lane *lane = &network->lanes[link->first_lane + i];
        for (int32_t k = 0; k < lane->connection_count; k++) {
            const struct lane *to = &network->lanes[network->connections[lane->first_connection + k].to_lane];
            leading |= to->link == next && ((into >> to->position) & 1u) ? 1u << i : 0u;
        }
    }
    return leading;
}

// Fills the legs from the last one back. Returns the first leg (of the batch's row) that does not lead on, or -1.
static int32_t legs_fill(const struct street *street, const int32_t *links, int32_t count, uint32_t user,
                         struct leg *ret)
{
    const struct network *network = street->network;
    for (int32_t i = count - 1; i >= 0; i--) {
        const struct link *link = &network->links[links[i]];
        uint32_t open = lanes_open(network, link, user);
        ret[i] = (struct leg){ links[i], (uint16_t)open, (uint16_t)open };
        if (i < count - 1) {
            uint32_t open_next = lanes_open(network, &network->links[links[i + 1]], user);
            uint32_t allowed = open & lanes_leading(network, link, links[i + 1], open_next);
            uint32_t preferred = open & lanes_leading(network, link, links[i + 1], ret[i + 1].preferred);
            bool near = network->links[links[i + 1]].length_m < PREFER_M;
            ret[i].allowed = (uint16_t)allowed;
            ret[i].preferred = (uint16_t)(near && preferred != 0 ? preferred : allowed);
        }
        if (ret[i].allowed == 0) {
            return i;
        }
    }
    return -1;
}

int32_t trips_leg_room(const struct trip *trip)
{
    return PIECE_LEGS_MIN << trip->piece_size;
}

void trip_reroute(struct street *street, struct trip *trip, const int32_t *links, int32_t count)
{
    assert(count <= trips_leg_room(trip));
    (void)legs_fill(street, links, count, street->types.user[trip->type], street->legs + trip->first_leg);
    trip->leg = 0;
    trip->leg_count = count;
}

static double link_free_flow_s(const struct street *street, const struct trip *trip, int32_t leg)
{
    const struct network *network = street->network;
    const struct leg *at = &street->legs[trip->first_leg + leg];
    const struct link *link = &network->links[at->link];
    int32_t position = __builtin_ctz(at->preferred);
    const struct lane *lane = &network->lanes[link->first_lane + position];
    double s = lane->length_m / (double)trip_desired(street, trip, (float)lane->speed_mps);
    int32_t path = trip_path(street, trip, leg, street->cell_of_lane[link->first_lane + position]);
    if (path >= 0) {
        s += (double)street->paths[path].length
            / (double)trip_desired(street, trip, street->paths[path].limit);
    }
    return s;
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

static void trip_fill(struct street *street, const struct trip_columns *trips, int32_t row)
{
    int32_t index = trip_take(street);
    int32_t first = trips->first_link[row];
    int32_t count = trips->first_link[row + 1] - first;
    int32_t size = piece_size_index(count + DETOUR_LEGS);
    int32_t piece = piece_take(street, size);
    struct trip *trip = &street->trips[index];
    uint32_t type = (uint32_t)trips->type[row];
    *trip = (struct trip){
        .depart_ms = trips->depart_ms[row], .entered_ms = INT64_MIN, .arrived_ms = INT64_MIN,
        .number = trips->number[row], .first_leg = piece, .leg_count = count, .next = INDEX_NONE,
        .piece_size = (int8_t)size, .depart_speed_mmps = trips->depart_speed_mmps[row], .type = (uint16_t)type,
        .depart_lane = trips->depart_lane[row], .state = TRIP_SCHEDULED,
    };
    double factor = street->types.factor[type]
        + street->types.deviation[type] * normal_draw(street->options.seed, trip->number);
    trip->factor = (float)fmax(factor, FACTOR_MIN);
    (void)legs_fill(street, trips->links + first, count, street->types.user[type], street->legs + piece);
    for (int32_t i = 0; i < count; i++) {
        trip->free_flow_s += link_free_flow_s(street, trip, i);
    }
    street->schedule[(street->schedule_first + street->schedule_count) % street->schedule_capacity] = index;
    street->schedule_count++;
    street->handed++;
    street->depart_last_ms = trip->depart_ms;
}

static enum status trip_check(struct street *street, const struct trip_columns *trips, int32_t row,
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
    if (trips->number[row] < 0 || end <= first || end - first > PIECE_LEGS_MIN << (PIECE_SIZE_COUNT - 1)) {
        return problem_report(problem, STATUS_RANGE, "trips", place, NULL, "has a negative number or no route");
    }
    for (int32_t i = first; i < end; i++) {
        if (trips->links[i] < 0 || trips->links[i] >= street->network->link_count) {
            return problem_report(problem, STATUS_RANGE, "trips", place, NULL, "its route names link %d; there are %d",
                trips->links[i], street->network->link_count);
        }
    }
    memory_grow((void **)&street->legs_tried, &street->legs_tried_capacity, end - first, sizeof *street->legs_tried);
    uint32_t user = street->types.user[trips->type[row]];
    int32_t broken = legs_fill(street, trips->links + first, end - first, user, street->legs_tried);
    if (broken >= 0) {
        const struct network *network = street->network;
        const char *link = network_name(network, network->links[trips->links[first + broken]].name);
        if (broken == end - first - 1) {
            return problem_report(problem, STATUS_RANGE, "trips", place, NULL, "may not drive on its last link %s",
                                  link);
        }
        return problem_report(problem, STATUS_RANGE, "trips", place, "repair the route or the network",
            "no lane that it may use leads from link %s to %s", link,
            network_name(network, network->links[trips->links[first + broken + 1]].name));
    }
    int8_t lane = trips->depart_lane[row];
    if (lane >= 0 && !((street->legs_tried[0].allowed >> lane) & 1)
        && !((lanes_open(street->network, &street->network->links[trips->links[first]], user) >> lane) & 1)) {
        return problem_report(problem, STATUS_RANGE, "trips", place, NULL,
                              "may not depart on lane %d of its first link", lane);
    }
    return STATUS_OK;
}

enum status street_enter(struct street *street, const struct trip_columns *trips, int32_t *ret_row,
                         struct problem *problem)
{
    int64_t last_ms = street->depart_last_ms;
    for (int32_t i = 0; i < trips->count; i++) {
        enum status status = trip_check(street, trips, i, last_ms, problem);
        if (status != STATUS_OK) {
            *ret_row = i;
            return status;
        }
        last_ms = trips->depart_ms[i];
    }
    trips_grow(street, trips->count);
    for (int32_t i = 0; i < trips->count; i++) {
        trip_fill(street, trips, i);
    }
    street->insert_first = true;
    return STATUS_OK;
}

bool trips_release_due(struct street *street)
{
    bool any = false;
    while (street->schedule_count > 0) {
        int32_t index = street->schedule[street->schedule_first];
        struct trip *trip = &street->trips[index];
        if (trip->depart_ms > street->now_ms) {
            break;
        }
        int32_t link = street->legs[trip->first_leg].link;
        if (street->queue_last[link] == INDEX_NONE) {
            street->queue_first[link] = index;
        } else {
            street->trips[street->queue_last[link]].next = index;
        }
        street->queue_last[link] = index;
        trip->state = TRIP_WAITING;
        street->blocks[street->block_of_link[link]].waiting++;
        street->counts.scheduled++;
        street->counts.waiting++;
        street->schedule_first = (street->schedule_first + 1) % street->schedule_capacity;
        street->schedule_count--;
        any = true;
    }
    return any;
}

void trips_arrive(struct street *street)
{
    for (int32_t w = 0; w < street->worker_count; w++) {
        struct worker *worker = &street->workers[w];
        for (int32_t i = 0; i < worker->arrived_count; i++) {
            // Insertion from the end, by (arrived_ms, number): few arrive in one step.
            int32_t index = worker->arrived[i];
            struct trip *trip = &street->trips[index];
            trip->arrived_ms = street->now_ms;
            trip->state = TRIP_ARRIVED;
            int32_t at = street->arrived_count++;
            while (at > 0) {
                int32_t before = street->arrived[(street->arrived_first + at - 1) % street->schedule_capacity];
                if (street->trips[before].arrived_ms < trip->arrived_ms
                    || street->trips[before].number < trip->number) {
                    break;
                }
                street->arrived[(street->arrived_first + at) % street->schedule_capacity] = before;
                at--;
            }
            street->arrived[(street->arrived_first + at) % street->schedule_capacity] = index;
            street->counts.arrived++;
            street->counts.under_way--;
        }
        worker->arrived_count = 0;
    }
}

static struct trip_result result_of(const struct street *street, const struct trip *trip)
{
    return (struct trip_result){
        .number = trip->number, .type = trip->type, .depart_ms = trip->depart_ms, .entered_ms = trip->entered_ms,
        .arrived_ms = trip->arrived_ms, .length_m = trip->length_m, .free_flow_s = trip->free_flow_s,
        .time_loss_s = trip->time_loss_s,
        .waiting_s = s_from_ms((int64_t)trip->waiting_steps * street->options.step_ms), .stops = trip->stops,
    };
}

int32_t street_take_arrived(struct street *street, struct trip_result *ret, int32_t count_max)
{
    int32_t count = 0;
    while (count < count_max && street->arrived_count > 0) {
        int32_t index = street->arrived[street->arrived_first];
        ret[count++] = result_of(street, &street->trips[index]);
        trip_free(street, index);
        street->arrived_first = (street->arrived_first + 1) % street->schedule_capacity;
        street->arrived_count--;
        street->results_taken++;
    }
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
    trip_settle(&copy, street_elapsed_ms(street), front, desired, halt, front);
    *result = result_of(street, &copy);
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
        for (int32_t k = 0; k < street->count_now[i] && count < count_max; k++) {
            const struct crosser *crosser = &street->now[street->paths[i].first_slot + k];
            result_add_stay(street, &ret[count++], &street->trips[crosser->trip], crosser->front, crosser->desired,
                crosser->halt);
        }
    }
    for (int32_t i = 0; i < street->trip_count && count < count_max; i++) {
        if (street->trips[i].state == TRIP_WAITING) {
            ret[count++] = result_of(street, &street->trips[i]);
        }
    }
    qsort(ret, (size_t)count, sizeof *ret, number_compare);
    return count;
}

void trips_release(struct street *street)
{
    free(street->trips);
    free(street->legs);
    free(street->legs_tried);
    free(street->schedule);
    free(street->arrived);
}
