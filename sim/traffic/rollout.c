#include "sim/traffic/rollout.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "engine/model/units.h"
#include "sim/traffic/street_place.h"
#include "sim/traffic/subnetwork.h"
#include "sim/traffic/trips.h"

static const float CLEARANCE_M = 0.1f;         // as in the kernel

// One who was told and is not in place yet.
struct told_vehicle {
    int32_t cell, path;                        // in one of them; the other is INDEX_NONE
    int32_t trip;
    float front, speed;
    int16_t yielding;
};

struct rollout {
    const struct network *network;             // the whole
    struct subnetwork sub;
    struct street *street;
    struct rollout_options options;
    double *shares;                            // by connection of the part
    struct told_vehicle *told;
    int32_t told_count;
    int32_t *arrivals;                         // trips
    int32_t arrival_count;
    int32_t *route;                            // links of the part
    struct leg *legs;
    bool settled;                              // everybody is in place
};

enum status rollout_create(const struct network *network, const int32_t *links, int32_t link_count,
                           const struct vehicle_type *types, int32_t type_count,
                           const struct rollout_options *options, struct rollout **ret, struct problem *problem)
{
    assert(options->vehicle_count_max > 0);
    assert(options->route_links_max >= 1);
    assert(options->route_links_max <= ROLLOUT_ROUTE_LINKS_MAX);
    struct rollout *rollout = memory_take(1, sizeof *rollout);
    rollout->network = network;
    rollout->options = *options;
    subnetwork_cut(network, links, link_count, &rollout->sub);
    struct street_options street = { .step_ms = options->step_ms, .threads = 1, .seed = options->seed };
    enum status status = street_create(&rollout->sub.network, types, type_count, &street, &rollout->street, problem);
    if (status != STATUS_OK) {
        rollout_release(rollout);
        return status;
    }
    size_t vehicles = (size_t)options->vehicle_count_max, connections = (size_t)rollout->sub.network.connection_count;
    rollout->shares = memory_take(connections, sizeof *rollout->shares);
    for (size_t i = 0; i < connections; i++) {
        rollout->shares[i] = 1.0;
    }
    rollout->told = memory_take(vehicles, sizeof *rollout->told);
    rollout->arrivals = memory_take(vehicles, sizeof *rollout->arrivals);
    rollout->route = memory_take(ROLLOUT_ROUTE_LINKS_MAX + 1, sizeof *rollout->route);
    rollout->legs = memory_take(ROLLOUT_ROUTE_LINKS_MAX + 1, sizeof *rollout->legs);
    // Pieces of any length up to the longest may be asked for, and are not joined again: room for the longest of each.
    place_room(rollout->street, options->vehicle_count_max,
               (int64_t)vehicles * trips_legs_kept(options->route_links_max + 1));
    rollout_reset(rollout, 0);
    *ret = rollout;
    return STATUS_OK;
}

void rollout_release(struct rollout *rollout)
{
    if (rollout == NULL) {
        return;
    }
    street_release(rollout->street);
    subnetwork_release(&rollout->sub);
    free(rollout->shares);
    free(rollout->told);
    free(rollout->arrivals);
    free(rollout->route);
    free(rollout->legs);
    free(rollout);
}

void rollout_share(struct rollout *rollout, int32_t connection, double share)
{
    int32_t at = subnetwork_find(rollout->sub.connections, rollout->sub.network.connection_count, connection);
    if (at != INDEX_NONE) {
        rollout->shares[at] = share;
    }
}

void rollout_reset(struct rollout *rollout, int64_t now_ms)
{
    rollout->street->options.begin_ms = now_ms;
    place_clear(rollout->street, now_ms);
    rollout->told_count = rollout->arrival_count = 0;
    rollout->settled = false;
}

// ---- routes --------------------------------------------------------------------------------------------------------

// Draws one of the connections out of lanes first .. end - 1 that the user may take, by their shares.
static int32_t connection_draw(const struct rollout *rollout, int32_t first, int32_t end, uint32_t user, double draw)
{
    const struct network *network = &rollout->sub.network;
    double sum = 0.0;
    int32_t chosen = INDEX_NONE;
    for (int round = 0; round < 2; round++) {
        double left = draw * sum;
        for (int32_t i = first; i < end; i++) {
            const struct lane *lane = &network->lanes[i];
            for (int32_t c = lane->first_connection; c < lane->first_connection + lane->connection_count; c++) {
                const struct lane *to = &network->lanes[network->connections[c].to_lane];
                if (!(lane->users & to->users & user) || rollout->shares[c] <= 0.0) {
                    continue;
                }
                sum += round == 0 ? rollout->shares[c] : 0.0;
                if (round == 1) {
                    chosen = c;
                    left -= rollout->shares[c];
                    if (left < 0.0) {
                        return c;
                    }
                }
            }
        }
    }
    return chosen;
}

// Goes on from the last of `count` links of the route, the first of them by its own lane if one is given.
static int32_t route_draw(struct rollout *rollout, int32_t count, int32_t lane, int32_t number, uint32_t user)
{
    const struct network *network = &rollout->sub.network;
    while (count < rollout->options.route_links_max) {
        const struct link *link = &network->links[rollout->route[count - 1]];
        bool own = count == 1 && lane != INDEX_NONE;
        int32_t first = own ? lane : link->first_lane, end = own ? lane + 1 : link->first_lane + link->lane_count;
        double draw = random_unit(rollout->options.seed, RANDOM_ROUTE, (uint64_t)number, (uint64_t)count);
        int32_t connection = connection_draw(rollout, first, end, user, draw);
        if (connection == INDEX_NONE) {
            break;
        }
        rollout->route[count++] = network->lanes[network->connections[connection].to_lane].link;
    }
    return count;
}

// Adds the links that are given as far as they lie in the part.
static int32_t route_given(struct rollout *rollout, int32_t count, const int32_t *links, int32_t link_count)
{
    for (int32_t i = 0; i < link_count && count < rollout->options.route_links_max; i++) {
        int32_t link = subnetwork_find(rollout->sub.links, rollout->sub.network.link_count, links[i]);
        if (link == INDEX_NONE) {
            break;
        }
        rollout->route[count++] = link;
    }
    return count;
}

// Cuts the route where it does not lead on, and gives how many links are left; their legs lie in rollout->legs.
static int32_t route_fit(struct rollout *rollout, int32_t count, uint32_t user)
{
    int32_t broken = count > 0 ? trip_legs(rollout->street, rollout->route, count, user, rollout->legs) : -1;
    while (count > 0 && broken >= 0) {
        count = broken < count - 1 ? broken + 1 : broken;
        broken = count > 0 ? trip_legs(rollout->street, rollout->route, count, user, rollout->legs) : -1;
    }
    return count;
}

static bool room_left(const struct rollout *rollout)
{
    return rollout->told_count + rollout->arrival_count < rollout->options.vehicle_count_max;
}

// The trip of one with this number and type, on the first link of the route; INDEX_NONE when the route has not so many
// links as it must.
static int32_t trip_make(struct rollout *rollout, int32_t number, int32_t type, int32_t count, int32_t count_min)
{
    struct street *street = rollout->street;
    count = route_fit(rollout, count, street->types.user[type]);
    if (count < count_min) {
        return INDEX_NONE;
    }
    int32_t now_ms = street_elapsed_ms(street);
    struct trip trip = { .number = number, .leg_count = (uint16_t)count, .type = (uint16_t)type,
        .factor = (float)street->types.factor[type], .depart_ms = now_ms, .entered_ms = now_ms,
        .depart_lane = -1, .state = TRIP_UNDER_WAY };
    return place_trip(street, &trip, rollout->legs);
}

static bool lane_of(const struct rollout *rollout, const struct rollout_vehicle *vehicle, int32_t *ret_lane,
                    int32_t *ret_connection)
{
    const struct network *part = &rollout->sub.network;
    *ret_connection = INDEX_NONE;
    if (vehicle->connection == INDEX_NONE) {
        *ret_lane = subnetwork_find(rollout->sub.lanes, part->lane_count, vehicle->lane);
        return *ret_lane != INDEX_NONE;
    }
    *ret_connection = subnetwork_find(rollout->sub.connections, part->connection_count, vehicle->connection);
    *ret_lane = *ret_connection == INDEX_NONE ? INDEX_NONE : part->connections[*ret_connection].from_lane;
    return *ret_connection != INDEX_NONE;
}

bool rollout_put(struct rollout *rollout, const struct rollout_vehicle *vehicle)
{
    const struct network *part = &rollout->sub.network;
    struct street *street = rollout->street;
    int32_t lane, connection;
    if (rollout->settled || !room_left(rollout) || vehicle->type < 0 || vehicle->type >= street->type_count
        || !lane_of(rollout, vehicle, &lane, &connection) || !(vehicle->front_m >= 0.0)
        || !(vehicle->speed_mps >= 0.0)) {
        return false;
    }
    uint32_t user = street->types.user[vehicle->type];
    int32_t count = 0;
    rollout->route[count++] = part->lanes[lane].link;
    if (connection != INDEX_NONE) {
        rollout->route[count++] = part->lanes[part->connections[connection].to_lane].link;
    }
    if (vehicle->links != NULL) {
        count = route_given(rollout, count - 1, vehicle->links, vehicle->link_count);
    } else {
        count = route_draw(rollout, count, lane, vehicle->number, user);
    }
    int32_t trip = trip_make(rollout, vehicle->number, vehicle->type, count, connection == INDEX_NONE ? 1 : 2);
    if (trip == INDEX_NONE) {
        return false;
    }
    rollout->told[rollout->told_count++] = (struct told_vehicle){
        .cell = connection == INDEX_NONE ? street->cell_of_lane[lane] : INDEX_NONE,
        .path = connection == INDEX_NONE ? INDEX_NONE : street->path_of_connection[connection], .trip = trip,
        .front = (float)vehicle->front_m, .speed = (float)vehicle->speed_mps,
        .yielding = (int16_t)fmin(vehicle->waited_s / (double)street->step_s, 1000.0) };
    return true;
}

bool rollout_expect(struct rollout *rollout, const struct rollout_arrival *arrival)
{
    struct street *street = rollout->street;
    if (rollout->settled || !room_left(rollout) || arrival->type < 0 || arrival->type >= street->type_count
        || arrival->at_ms < street->now_ms || arrival->link_count < 1) {
        return false;
    }
    int32_t count = route_given(rollout, 0, arrival->links, arrival->link_count);
    if (count == 1 && arrival->link_count == 1) {
        count = route_draw(rollout, count, INDEX_NONE, arrival->number, street->types.user[arrival->type]);
    }
    int32_t index = trip_make(rollout, arrival->number, arrival->type, count, 1);
    if (index == INDEX_NONE) {
        return false;
    }
    struct trip *trip = &street->trips[index];
    trip->depart_ms = (int32_t)(arrival->at_ms - street->options.begin_ms);
    trip->state = TRIP_SCHEDULED;
    trip->first_link = rollout->route[0];
    trip->depart_speed_mmps = -1;
    rollout->arrivals[rollout->arrival_count++] = index;
    return true;
}

void rollout_light(struct rollout *rollout, int32_t group, enum aspect aspect, int64_t since_ms)
{
    struct street *street = rollout->street;
    int32_t at = subnetwork_find(rollout->sub.groups, rollout->sub.network.group_count, group);
    if (at == INDEX_NONE) {
        return;
    }
    bool began = street->aspects[at] != (uint8_t)aspect;
    street->aspects[at] = (uint8_t)aspect;
    if (aspect == ASPECT_GREEN && began) {
        street->green_since_ms[at] = since_ms;
        street->aspects_before[at] = ASPECT_GREEN;   // it is known since when
    }
}

// ---- into place ----------------------------------------------------------------------------------------------------

static bool told_before(const struct rollout *rollout, const struct told_vehicle *a, const struct told_vehicle *b)
{
    if (a->path != b->path) {
        return a->path < b->path;
    }
    if (a->cell != b->cell) {
        return a->cell < b->cell;
    }
    if (a->front > b->front || a->front < b->front) {
        return a->front > b->front;
    }
    return rollout->street->trips[a->trip].number < rollout->street->trips[b->trip].number;
}

static bool arrives_before(const struct rollout *rollout, int32_t a, int32_t b)
{
    const struct trip *left = &rollout->street->trips[a], *right = &rollout->street->trips[b];
    return left->depart_ms != right->depart_ms ? left->depart_ms < right->depart_ms : left->number < right->number;
}

// Shell's sort with Ciura's gaps (2001): the C library's may allocate.
static const int32_t GAPS[] = { 1636, 701, 301, 132, 57, 23, 10, 4, 1 };

static void told_sort(struct rollout *rollout)
{
    for (size_t g = 0; g < sizeof GAPS / sizeof *GAPS; g++) {
        for (int32_t i = GAPS[g]; i < rollout->told_count; i++) {
            struct told_vehicle moved = rollout->told[i];
            int32_t k = i;
            for (; k >= GAPS[g] && told_before(rollout, &moved, &rollout->told[k - GAPS[g]]); k -= GAPS[g]) {
                rollout->told[k] = rollout->told[k - GAPS[g]];
            }
            rollout->told[k] = moved;
        }
        for (int32_t i = GAPS[g]; i < rollout->arrival_count; i++) {
            int32_t moved = rollout->arrivals[i], k = i;
            for (; k >= GAPS[g] && arrives_before(rollout, moved, rollout->arrivals[k - GAPS[g]]); k -= GAPS[g]) {
                rollout->arrivals[k] = rollout->arrivals[k - GAPS[g]];
            }
            rollout->arrivals[k] = moved;
        }
    }
}

// Where one may stand behind the one before it in the same lane or path; negative when there is no room.
static float front_behind(const struct rollout *rollout, const struct told_vehicle *before,
                          const struct told_vehicle *told, float end_m)
{
    float front = told->front < end_m ? told->front : end_m;
    if (before != NULL && before->cell == told->cell && before->path == told->path) {
        float rear = before->front - rollout->street->types.length[rollout->street->trips[before->trip].type];
        front = front < rear - CLEARANCE_M ? front : rear - CLEARANCE_M;
    }
    return front;
}

static bool told_place(struct rollout *rollout, struct told_vehicle *told, int32_t *slot)
{
    struct street *street = rollout->street;
    struct trip *trip = &street->trips[told->trip];
    trip->since_front = told->front;
    trip->since_ms = street_elapsed_ms(street);
    if (told->path != INDEX_NONE) {
        const struct path *path = &street->paths[told->path];
        struct crosser crosser = { .front = told->front, .speed = told->speed,
            .desired = trip_desired(street, trip, path->limit), .length = street->types.length[trip->type],
            .trip = told->trip, .kind = trip_kind(street, trip, path->from_cell) };
        return place_on_path(street, told->path, &crosser, slot);
    }
    struct group *group = cell_group(street, told->cell);
    int c = told->cell % WIDE;
    if (group->count[c] >= group->row_count_max) {
        return false;
    }
    struct vehicle vehicle = { .front = told->front, .speed = told->speed,
        .desired = trip_desired(street, trip, group->limit[c]), .path = trip_path(street, trip, 0, told->cell),
        .trip = told->trip, .kind = trip_kind(street, trip, told->cell) };
    place_in_cell(street, told->cell, &vehicle);
    group->yielding[c] = group->count[c] == 1 ? told->yielding : group->yielding[c];
    return true;
}

static void settle(struct rollout *rollout)
{
    struct street *street = rollout->street;
    const struct told_vehicle *before = NULL;
    int32_t slot = 0;
    told_sort(rollout);
    for (int32_t i = 0; i < rollout->told_count; i++) {
        struct told_vehicle *told = &rollout->told[i];
        float end_m = told->path != INDEX_NONE ? street->paths[told->path].length
            : cell_group(street, told->cell)->length[told->cell % WIDE] - LINE_MARGIN_M;
        told->front = front_behind(rollout, before, told, end_m);
        if (told->front >= 0.0f && told_place(rollout, told, &slot)) {
            street->counts.under_way++;
            street->counts.scheduled++;
            before = told;
        } else {
            street->trips[told->trip].state = TRIP_EMPTY;   // there is no room for one more
        }
    }
    for (int32_t i = 0; i < rollout->arrival_count; i++) {
        place_scheduled(street, rollout->arrivals[i]);
    }
    street->insert_first = rollout->arrival_count > 0;
    place_done(street);
    rollout->settled = true;
}

// ---- from a running street -----------------------------------------------------------------------------------------

// Where `link` leads as its choice-th next link, or INDEX_NONE.
static int32_t next_of(const struct street *street, int32_t link, int32_t choice)
{
    int32_t at = street->first_choice[link] + choice;
    return at < street->first_choice[link + 1] ? street->choices[at] : INDEX_NONE;
}

// A trip of the running street that is on `link` of the whole network now: the part of its route that is kept, with
// what each leg prefers.
static int32_t trip_copy(struct rollout *rollout, const struct street *from, int32_t index, int32_t link, float front)
{
    const struct street *street = rollout->street;
    const struct trip *trip = &from->trips[index];
    const struct leg *legs = &from->legs[trip->first_leg + trip->leg];
    int32_t left = trip->leg_count - trip->leg, count = 0;
    int32_t here = subnetwork_find(rollout->sub.links, rollout->sub.network.link_count, link);
    while (here != INDEX_NONE && count < left && count < rollout->options.route_links_max) {
        rollout->legs[count] = (struct leg){ 0, legs[count].preferred };
        link = count + 1 < left ? next_of(from, link, legs[count].choice) : INDEX_NONE;
        int32_t next = link == INDEX_NONE ? INDEX_NONE
            : subnetwork_find(rollout->sub.links, rollout->sub.network.link_count, link);
        count++;
        for (int32_t c = street->first_choice[here]; next != INDEX_NONE && c < street->first_choice[here + 1]; c++) {
            if (street->choices[c] == next) {
                rollout->legs[count - 1].choice = (uint8_t)(c - street->first_choice[here]);
            }
        }
        here = next;
    }
    struct trip copy = *trip;
    int32_t moved_ms = (int32_t)(from->options.begin_ms - street->options.begin_ms);
    copy.leg = 0;
    copy.leg_count = (uint16_t)count;
    bool fits = trip->piece_size * PIECE_LEGS <= trips_legs_kept(rollout->options.route_links_max + 1);
    copy.piece_size = fits ? trip->piece_size : 0;   // room for the same detours
    copy.loss_ms = copy.waiting_steps = copy.stops = 0;
    copy.depart_ms += moved_ms;
    if (trip->state == TRIP_UNDER_WAY) {
        copy.length_mm = 0;
        copy.since_ms = street_elapsed_ms(street);
        copy.since_front = front;
    } else {
        copy.first_link = subnetwork_find(rollout->sub.links, rollout->sub.network.link_count, trip->first_link);
    }
    return place_trip(rollout->street, &copy, rollout->legs);
}

static int32_t path_here(const struct rollout *rollout, const struct street *from, int32_t path)
{
    if (path < 0) {
        return path;
    }
    int32_t connection = subnetwork_find(rollout->sub.connections, rollout->sub.network.connection_count,
                                         from->paths[path].connection);
    return connection == INDEX_NONE ? PATH_END : rollout->street->path_of_connection[connection];
}

static void lane_take(struct rollout *rollout, const struct street *from, int32_t lane)
{
    struct street *street = rollout->street;
    int32_t whole = rollout->sub.lanes[lane], source = from->cell_of_lane[whole], cell = street->cell_of_lane[lane];
    int column = source % WIDE;
    const struct row *rows = cell_rows(from, source);
    for (int32_t k = 0; k < cell_group(from, source)->count[column]; k++) {
        struct vehicle vehicle = column_get(rows, k, column);
        vehicle.trip = trip_copy(rollout, from, vehicle.trip, from->network->lanes[whole].link, vehicle.front);
        vehicle.path = path_here(rollout, from, vehicle.path);
        place_in_cell(street, cell, &vehicle);
        street->counts.under_way++;
    }
    struct head_memory memory = place_head_read(from, source);
    memory.entered = memory.entered < 0 ? PATH_NONE : path_here(rollout, from, memory.entered);
    memory.entered = memory.entered == PATH_END ? PATH_NONE : memory.entered;
    place_head(street, cell, &memory);
}

static void paths_take(struct rollout *rollout, const struct street *from)
{
    struct street *street = rollout->street;
    int32_t slot = 0;
    for (int32_t path = 0; path < street->path_count; path++) {
        int32_t connection = rollout->sub.connections[street->paths[path].connection];
        const struct inside *inside = &from->inside[from->path_of_connection[connection]];
        int32_t link = from->network->lanes[from->network->connections[connection].from_lane].link;
        for (int32_t k = 0; k < inside->count; k++) {
            struct crosser crosser = from->now[inside->first + k];
            crosser.trip = trip_copy(rollout, from, crosser.trip, link, crosser.front);
            if (place_on_path(street, path, &crosser, &slot)) {
                street->counts.under_way++;
            }
        }
    }
}

// How many vehicles, under way, waiting or not yet due, the part would take over.
static int64_t vehicles_in_part(const struct rollout *rollout, const struct street *from)
{
    int64_t count = 0;
    for (int32_t i = 0; i < rollout->sub.network.lane_count; i++) {
        int32_t cell = from->cell_of_lane[rollout->sub.lanes[i]];
        count += cell_group(from, cell)->count[cell % WIDE];
    }
    for (int32_t i = 0; i < rollout->sub.network.connection_count; i++) {
        count += from->inside[from->path_of_connection[rollout->sub.connections[i]]].count;
    }
    for (int32_t i = 0; i < rollout->sub.network.link_count; i++) {
        for (int32_t t = from->queue_first[rollout->sub.links[i]]; t != INDEX_NONE; t = from->trips[t].next) {
            count++;
        }
    }
    for (int32_t t = from->scheduled_first; t != INDEX_NONE; t = from->trips[t].next) {
        count += subnetwork_find(rollout->sub.links, rollout->sub.network.link_count, from->trips[t].first_link)
            != INDEX_NONE ? 1 : 0;
    }
    return count;
}

static void queues_take(struct rollout *rollout, const struct street *from)
{
    struct street *street = rollout->street;
    for (int32_t i = 0; i < rollout->sub.network.link_count; i++) {
        int32_t link = rollout->sub.links[i];
        for (int32_t t = from->queue_first[link]; t != INDEX_NONE; t = from->trips[t].next) {
            place_waiting(street, trip_copy(rollout, from, t, link, 0.0f), i);
            street->counts.waiting++;
        }
    }
    for (int32_t t = from->scheduled_first; t != INDEX_NONE; t = from->trips[t].next) {
        int32_t link = from->trips[t].first_link;
        if (subnetwork_find(rollout->sub.links, rollout->sub.network.link_count, link) != INDEX_NONE) {
            place_scheduled(street, trip_copy(rollout, from, t, link, 0.0f));
        }
    }
}

bool rollout_take(struct rollout *rollout, const struct street *from)
{
    struct street *street = rollout->street;
    assert(from->type_count == street->type_count);
    if (vehicles_in_part(rollout, from) > rollout->options.vehicle_count_max) {
        return false;
    }
    rollout_reset(rollout, from->now_ms);
    for (int32_t g = 0; g < rollout->sub.network.group_count; g++) {
        int32_t whole = rollout->sub.groups[g];
        street->aspects[g] = from->aspects[whole];
        street->aspects_before[g] = from->aspects_before[whole];
        street->green_since_ms[g] = from->green_since_ms[whole];
    }
    for (int32_t i = 0; i < rollout->sub.network.lane_count; i++) {
        lane_take(rollout, from, i);
    }
    paths_take(rollout, from);
    queues_take(rollout, from);
    street->counts.scheduled = street->counts.under_way + street->counts.waiting;
    street->counts.steps = from->counts.steps;   // what drivers draw goes by it
    street->insert_first = from->insert_first;
    place_done(street);
    rollout->settled = true;
    return true;
}

// ---- on it goes ----------------------------------------------------------------------------------------------------

void rollout_step(struct rollout *rollout)
{
    if (!rollout->settled) {
        settle(rollout);
    }
    street_step(rollout->street);
}

int64_t rollout_now_ms(const struct rollout *rollout)
{
    return rollout->street->now_ms;
}

static double stay_loss_s(const struct street *street, int32_t trip, float front, float desired)
{
    const struct trip *at = &street->trips[trip];
    double driven_m = (double)front - (double)at->since_front;
    return s_from_ms(at->loss_ms) + s_from_ms(street_elapsed_ms(street) - at->since_ms) - driven_m / (double)desired;
}

struct rollout_measure rollout_measure(struct rollout *rollout)
{
    if (!rollout->settled) {
        settle(rollout);
    }
    const struct street *street = rollout->street;
    struct rollout_measure measure = { .left = (int32_t)street->counts.arrived,
        .under_way = (int32_t)street->counts.under_way, .waiting = (int32_t)street->counts.waiting,
        .queue_veh_s = (double)street->counts.queue_vehicle_steps * (double)street->step_s };
    for (int32_t lane = 0; lane < rollout->sub.network.lane_count; lane++) {
        int32_t cell = street->cell_of_lane[lane];
        const struct row *rows = cell_rows(street, cell);
        for (int32_t k = 0; k < cell_group(street, cell)->count[cell % WIDE]; k++) {
            const struct row *row = &rows[k];
            int c = cell % WIDE;
            measure.delay_s += stay_loss_s(street, row->trip[c], row->front[c], row->desired[c]);
        }
    }
    for (int32_t path = 0; path < street->path_count; path++) {
        for (int32_t k = 0; k < street->inside[path].count; k++) {
            const struct crosser *crosser = &street->now[street->inside[path].first + k];
            measure.delay_s += stay_loss_s(street, crosser->trip, crosser->front, crosser->desired);
        }
    }
    for (int32_t i = 0; i < street->trip_count; i++) {
        const struct trip *trip = &street->trips[i];
        int32_t since_ms = trip->depart_ms > 0 ? trip->depart_ms : 0;   // what was before the start does not count
        measure.delay_s += trip->state == TRIP_ARRIVED ? s_from_ms(trip->loss_ms)
            : trip->state == TRIP_WAITING ? s_from_ms(street_elapsed_ms(street) - since_ms) : 0.0;
    }
    return measure;
}

int32_t rollout_list_vehicles(struct rollout *rollout, struct vehicle_view *ret, int32_t count_max)
{
    if (!rollout->settled) {
        settle(rollout);
    }
    int32_t count = street_list_vehicles(rollout->street, ret, count_max);
    for (int32_t i = 0; i < count; i++) {
        ret[i].lane = rollout->sub.lanes[ret[i].lane];
        ret[i].connection = ret[i].connection == INDEX_NONE ? INDEX_NONE : rollout->sub.connections[ret[i].connection];
    }
    return count;
}
