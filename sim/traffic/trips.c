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
#include "sim/traffic/closures.h"
#include "sim/traffic/detour.h"
#include "sim/traffic/stops.h"
#include "sim/traffic/street_place.h"

static const float CHANGE_M = 5.0f;            // beyond its own length one needs on a link to change lanes there
static const double PREFER_M = 200.0;          // how far ahead a lane must suit the route
static const double DEVIATION_MAX = 2.0;       // drivers beyond two standard deviations are taken as at two
static const double FACTOR_MIN = 0.2;

float trip_desired(const struct street *street, const struct trip *trip, float limit)
{
    float wish = limit * trip->factor;
    float most = street->types.speed_max[trip->type];
    return wish < most ? wish : most;
}

static uint32_t lanes_open(const struct street *street, int32_t link_index, uint32_t user)
{
    const struct link *link = &street->network->links[link_index];
    uint32_t open = (1u << link->lane_count) - 1u;
    for (int32_t i = 0; i < link->lane_count && (street->users_of_all[link_index] & user) == 0; i++) {
        open &= street->network->lanes[link->first_lane + i].users & user ? ~0u : ~(1u << i);
    }
    return open;
}

static int32_t choice_of(const struct street *street, int32_t link, int32_t next)
{
    int32_t first = street->first_choice[link], count = street->first_choice[link + 1] - first;
    for (int32_t i = 0; i < count; i++) {
        if (street->choices[first + i] == next) {
            return i;
        }
    }
    return INDEX_NONE;
}

// As lanes_leading, where one of the links has more lanes than street.leads tells of.
static uint32_t wide_lanes_leading(const struct network *network, const struct link *link, int32_t next, uint32_t into)
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

// Lanes of the link with a connection into one of the lanes `into` of the link `next`.
static uint32_t lanes_leading(const struct street *street, int32_t link, int32_t next, uint32_t into)
{
    const struct network *network = street->network;
    if (network->links[link].lane_count > LEG_LANE_COUNT_MAX || into >= 1u << LEG_LANE_COUNT_MAX) {
        return wide_lanes_leading(network, &network->links[link], next, into);
    }
    int32_t choice = choice_of(street, link, next);
    uint32_t leading = 0;
    for (uint32_t rest = choice != INDEX_NONE ? into : 0; rest != 0; rest &= rest - 1) {
        leading |= street->leads[street->first_choice[link] + choice][__builtin_ctz(rest)];
    }
    return leading;
}

// Of the lanes that lead from a link to the next one, those that lead into its preferred ones, if there are but way_m
// so that one must be in lane before it. *ret_allowed: all that lead on.
static uint32_t lanes_leading_by(const struct street *street, int32_t link, int32_t next, double way_m,
                                 uint32_t next_preferred, uint32_t user, uint32_t *ret_allowed)
{
    uint32_t open = lanes_open(street, link, user), next_open = lanes_open(street, next, user);
    *ret_allowed = open & lanes_leading(street, link, next, next_open);
    if (way_m >= PREFER_M || next_preferred == next_open) {
        return *ret_allowed;
    }
    uint32_t preferred = open & lanes_leading(street, link, next, next_preferred);
    return preferred != 0 ? preferred : *ret_allowed;
}

static uint32_t lanes_preferred(const struct street *street, int32_t link, int32_t next, uint32_t next_preferred,
                                uint32_t user, uint32_t *ret_allowed)
{
    return lanes_leading_by(street, link, next, street->network->links[next].length_m, next_preferred, user,
                            ret_allowed);
}

static int32_t next_link(const struct street *street, int32_t link, const struct leg *leg)
{
    return street->choices[street->first_choice[link] + leg->choice];
}

// The preferred lanes of the leg, which is on `link`; count: legs from it to the end of the route.
static uint32_t preferred_of(const struct street *street, const struct leg *leg, int32_t count, int32_t link,
                             uint32_t user)
{
    // Wide links are computed from the legs after them, as far as those are wide too.
    int32_t last = 0, links[LINK_LANE_COUNT_MAX] = { link };
    while (leg[last].preferred == 0 && last < count - 1 && last < LINK_LANE_COUNT_MAX - 1) {
        links[last + 1] = next_link(street, links[last], &leg[last]);
        last++;
    }
    uint32_t preferred = leg[last].preferred, allowed;
    if (preferred == 0) {
        preferred = lanes_open(street, links[last], user);
    }
    for (int32_t i = last - 1; i >= 0; i--) {
        preferred = lanes_preferred(street, links[i], links[i + 1], preferred, user, &allowed);
    }
    return preferred;
}

// Of the link's lanes those that are open to the user, and of them those that are not closed where there are any.
static uint32_t lanes_open_now(const struct street *street, int32_t link, uint32_t user)
{
    return closures_spare(street, link, user, lanes_open(street, link, user));
}

// As preferred_of, near a closure: by what is open now, for as many links as it is heard of.
static uint32_t preferred_now(const struct street *street, const struct leg *leg, int32_t count, int32_t link,
                              uint32_t user)
{
    int32_t last = 0, links[CLOSURE_LOOK_LEGS] = { link };
    while (last < count - 1 && last < CLOSURE_LOOK_LEGS - 1) {
        links[last + 1] = next_link(street, links[last], &leg[last]);
        last++;
    }
    const struct network *network = street->network;
    uint32_t preferred = lanes_open_now(street, links[last], user);
    for (int32_t i = last - 1; i >= 0; i--) {
        uint32_t open = lanes_open(street, links[i], user), next_open = lanes_open_now(street, links[i + 1], user);
        bool far = network->links[links[i + 1]].length_m >= PREFER_M;
        uint32_t leading = open & lanes_leading(street, links[i], links[i + 1], far ? next_open : preferred);
        leading = leading != 0 ? leading : open & lanes_leading(street, links[i], links[i + 1], next_open);
        leading = leading != 0 ? leading : open;
        preferred = closures_spare(street, links[i], user, leading);
    }
    return preferred;
}

// Whether one who takes the path, which leads to the link of `leg`, comes to a link long enough to change lanes on
// before its lane ends: over links that are too short for that one stays in lane.
static bool comes_to_room(const struct street *street, const struct trip *trip, int32_t leg, int32_t path)
{
    const struct network *network = street->network;
    double room = (double)(street->types.length[trip->type] + CHANGE_M);
    int32_t link = street->paths[path].to_link;
    uint32_t lanes = 1u << street->briefs[path].to_position;
    for (; network->links[link].length_m < room && leg + 1 < trip->leg_count; leg++) {
        int32_t next = next_link(street, link, &street->legs[trip->first_leg + leg]);
        uint32_t open = lanes_open(street, next, street->types.user[trip->type]), reached = 0;
        for (uint32_t rest = open; rest != 0; rest &= rest - 1) {
            reached |= lanes & lanes_leading(street, link, next, rest & (~rest + 1u)) ? rest & (~rest + 1u) : 0u;
        }
        if (reached == 0) {
            return false;
        }
        link = next;
        lanes = reached;
    }
    return true;
}

// How many lanes beside the nearest of these lanes one is.
static int32_t lanes_away(uint64_t lanes, int32_t position)
{
    int32_t away = 0;
    while (away < LINK_LANE_COUNT_MAX && ((lanes >> position >> away | lanes << away >> position) & 1u) == 0) {
        away++;
    }
    return away;
}

// Of the lanes that the lane leads to one takes the one nearest to those that suit what follows.
int32_t trip_path(const struct street *street, const struct trip *trip, int32_t leg, int32_t cell)
{
    if (leg + 1 >= trip->leg_count) {
        return PATH_END;
    }
    const struct leg *here = &street->legs[trip->first_leg + leg];
    const struct seen *lane = &street->seen[cell];
    int32_t best = PATH_NONE, found = 0, end = lane->first_path + lane->path_count;
    uint32_t choice = here->choice, preferred = here[1].preferred, user = street->types.user[trip->type];
    int32_t best_away = LINK_LANE_COUNT_MAX;
    for (int32_t path = lane->first_path; path < end; path++) {
        const struct path_brief *brief = &street->briefs[path];
        if (brief->choice != choice || !(brief->everyone || (street->paths[path].users & user))
            || cell_closed(street, brief->to_cell, user)) {
            continue;
        }
        if (street->closures.near_count > 0 && closures_near(street, street->paths[path].to_link)) {
            preferred = preferred_now(street, here + 1, trip->leg_count - leg - 1, street->paths[path].to_link, user);
        }
        if (preferred == 0) {
            preferred = preferred_of(street, here + 1, trip->leg_count - leg - 1, street->paths[path].to_link, user);
        }
        int32_t away = lanes_away(preferred, brief->to_position);
        if (best == PATH_NONE || away < best_away) {
            best = path;
            best_away = away;
            found = 1;
        } else if (away == best_away) {
            // Several lanes would do: spread the drivers over them.
            found++;
            if (random_bits(street->options.seed, RANDOM_ROUTE, (uint64_t)trip->number, (uint64_t)path)
                % (uint64_t)found == 0) {
                best = path;
            }
        }
    }
    // Where one cannot change lanes beyond the line, one must be in lane before it.
    bool wrong = best != PATH_NONE && best_away > 0 && here->preferred != 0
        && ((here->preferred >> cell_group(street, cell)->lane_position) & 1u) == 0
        && !comes_to_room(street, trip, leg + 1, best);
    return wrong ? PATH_NONE : best;
}

uint32_t trip_first_lanes(const struct street *street, const struct trip *trip)
{
    const struct leg *leg = &street->legs[trip->first_leg];
    uint32_t lane = trip->depart_lane >= 0 ? 1u << trip->depart_lane : 0u;
    // Where nobody can change lanes any more, a lane from which its route does not go on is none to begin on.
    if (lane != 0 && (trip->leg_count == 1 || street->network->links[trip->first_link].length_m
        >= (double)(street->types.length[trip->type] + CHANGE_M))) {
        return lane;
    }
    uint32_t suits = leg->preferred != 0 ? leg->preferred
        : preferred_of(street, leg, trip->leg_count, trip->first_link, street->types.user[trip->type]);
    return (lane & suits) != 0 ? lane : suits;
}

int32_t trip_link_at(const struct street *street, const struct trip *trip, int32_t link, int32_t leg)
{
    for (int32_t i = trip->leg; i < leg; i++) {
        link = next_link(street, link, &street->legs[trip->first_leg + i]);
    }
    return link;
}

int32_t trip_last_link(const struct street *street, const struct trip *trip, int32_t link)
{
    return trip_link_at(street, trip, link, trip->leg_count - 1);
}

int32_t trip_links_ahead(const struct street *street, const struct trip *trip, int32_t link, int32_t *ret,
                         int32_t count_max)
{
    int32_t count = 0;
    for (int32_t i = trip->leg; i < trip->leg_count && count < count_max; i++) {
        ret[count++] = link;
        link = i + 1 < trip->leg_count ? next_link(street, link, &street->legs[trip->first_leg + i]) : link;
    }
    return count;
}

uint32_t trip_kind(const struct street *street, const struct trip *trip, int32_t cell)
{
    uint32_t kind = trip->type | (uint32_t)random_mix((uint64_t)trip->number) << KIND_LUCK_SHIFT;
    const struct leg *leg = &street->legs[trip->first_leg + trip->leg];
    uint32_t preferred = leg->preferred;
    if (preferred == 0) {
        preferred = preferred_of(street, leg, trip->leg_count - trip->leg, cell_link(street, cell),
            street->types.user[trip->type]);
    }
    if (closures_near(street, cell_link(street, cell))) {
        preferred = preferred_now(street, leg, trip->leg_count - trip->leg, cell_link(street, cell),
            street->types.user[trip->type]);
    }
    const struct planned_stop *stop = stops_next(street, (int32_t)(trip - street->trips));
    if (stop != NULL && stop->leg == trip->leg) {
        preferred = 1u << stop->lane;
        kind |= KIND_STOP;
    }
    uint32_t here = 1u << cell_group(street, cell)->lane_position;
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

// Fills the legs from the last one back. Returns the first leg (of the batch's row) that does not lead on, or -1.
// *ret_allowed: lanes of the first link that lead on.
static int32_t legs_fill(const struct street *street, const int32_t *links, int32_t count, uint32_t user,
                         struct leg *ret, uint32_t *ret_allowed)
{
    const struct network *network = street->network;
    uint32_t preferred = 0;
    for (int32_t i = count - 1; i >= 0; i--) {
        int32_t choice = 0;
        if (i == count - 1) {
            preferred = *ret_allowed = lanes_open(street, links[i], user);
        } else {
            choice = choice_of(street, links[i], links[i + 1]);
            preferred = lanes_preferred(street, links[i], links[i + 1], preferred, user, ret_allowed);
        }
        if (*ret_allowed == 0 || choice == INDEX_NONE) {
            return i;
        }
        bool wide = network->links[links[i]].lane_count > LEG_LANE_COUNT_MAX;
        ret[i] = (struct leg){ (uint8_t)choice, (uint8_t)(wide ? 0 : preferred) };
    }
    return -1;
}

int32_t trip_legs(const struct street *street, const int32_t *links, int32_t count, uint32_t user, struct leg *ret)
{
    uint32_t allowed;
    return legs_fill(street, links, count, user, ret, &allowed);
}

int64_t trips_legs_kept(int32_t legs)
{
    return (int64_t)piece_size_for(legs) * PIECE_LEGS;
}

int32_t trips_leg_room(const struct trip *trip)
{
    return trip->piece_size * PIECE_LEGS;
}

void trip_reroute(struct street *street, struct trip *trip, const int32_t *links, int32_t count)
{
    assert(count <= trips_leg_room(trip));
    uint32_t allowed;
    (void)legs_fill(street, links, count, street->types.user[trip->type], street->legs + trip->first_leg, &allowed);
    trip->leg = 0;
    trip->leg_count = (uint16_t)count;
    stops_reroute(street, trip, links, count);
}

// The first of its stops on this leg, or NULL.
static const struct planned_stop *stop_on(const struct street *street, const struct itinerary *list, int32_t leg)
{
    for (int32_t at = list->at; at != INDEX_NONE; at = street->stops.at[at].next) {
        if (street->stops.at[at].leg == leg) {
            return &street->stops.at[at];
        }
    }
    return NULL;
}

void trip_legs_stop(struct street *street, struct trip *trip, const int32_t *links, int32_t count)
{
    const struct network *network = street->network;
    const struct itinerary *list = stops_of(street, (int32_t)(trip - street->trips));
    struct leg *legs = &street->legs[trip->first_leg];
    uint32_t user = street->types.user[trip->type], allowed;
    const struct planned_stop *next = NULL;
    for (int32_t i = count - 1; i >= 0; i--) {
        const struct planned_stop *stop = stop_on(street, list, i);
        bool wide = network->links[links[i]].lane_count > LEG_LANE_COUNT_MAX;
        if (stop != NULL && !wide) {
            legs[i].preferred = (uint8_t)(1u << stop->lane);
        } else if (i + 1 < count && !wide && legs[i + 1].preferred != 0) {
            double way_m = next != NULL ? (double)next->end : network->links[links[i + 1]].length_m;
            legs[i].preferred = (uint8_t)lanes_leading_by(street, links[i], links[i + 1], way_m,
                legs[i + 1].preferred, user, &allowed);
        }
        next = stop;
    }
}

void trip_leg_restore(struct street *street, struct trip *trip, int32_t cell)
{
    struct leg *leg = &street->legs[trip->first_leg + trip->leg];
    int32_t link = cell_link(street, cell);
    if (street->network->links[link].lane_count > LEG_LANE_COUNT_MAX) {
        return;
    }
    uint32_t user = street->types.user[trip->type], allowed;
    const struct planned_stop *next = stops_next(street, (int32_t)(trip - street->trips));
    if (trip->leg + 1 >= trip->leg_count) {
        leg->preferred = (uint8_t)lanes_open(street, link, user);
        return;
    }
    int32_t next_index = next_link(street, link, leg);
    uint32_t after = leg[1].preferred != 0 ? leg[1].preferred
        : preferred_of(street, leg + 1, trip->leg_count - trip->leg - 1, next_index, user);
    double way_m = next != NULL && next->leg == trip->leg + 1 ? (double)next->end
        : street->network->links[next_index].length_m;
    leg->preferred = (uint8_t)lanes_leading_by(street, link, next_index, way_m, after, user, &allowed);
}

// To drivers who come down to a turn's speed early it is the limit of the way before it too. They do so in the step in
// which they see themselves near enough, half a step's way further on in the mean.
static double turn_free_flow_s(const struct street *street, const struct trip *trip, const struct path *path,
                               float limit_mps)
{
    double way_m = (double)street->types.turn_way[trip->type];
    double fast = (double)trip_desired(street, trip, limit_mps), slow = (double)trip_desired(street, trip, path->limit);
    if (way_m <= 0.0 || path->turn == TURN_THROUGH || slow >= fast) {
        return 0.0;
    }
    way_m = fmax(0.0, way_m - 0.5 * fast * (double)street->step_s);
    return way_m / slow - way_m / fast;
}

static double link_free_flow_s(const struct street *street, const struct trip *trip, int32_t leg, int32_t link_index)
{
    const struct link *link = &street->network->links[link_index];
    const struct leg *at = &street->legs[trip->first_leg + leg];
    uint32_t preferred = at->preferred != 0 ? at->preferred
        : preferred_of(street, at, trip->leg_count - leg, link_index, street->types.user[trip->type]);
    int32_t lane_index = link->first_lane + __builtin_ctz(preferred);
    const struct lane *lane = &street->network->lanes[lane_index];
    double s = lane->length_m / (double)trip_desired(street, trip, (float)lane->speed_mps);
    int32_t path = trip_path(street, trip, leg, street->cell_of_lane[lane_index]);
    if (path >= 0) {
        s += (double)street->paths[path].length
            / (double)trip_desired(street, trip, street->paths[path].limit);
        s += turn_free_flow_s(street, trip, &street->paths[path], (float)lane->speed_mps);
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

static int32_t trip_free_flow_ms(const struct street *street, const struct trip *trip, const int32_t *links)
{
    double free_flow_s = 0.0;
    for (int32_t i = 0; i < trip->leg_count; i++) {
        free_flow_s += link_free_flow_s(street, trip, i, links[i]);
    }
    return whole(free_flow_s * 1000.0);
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
    if (lane >= 0 && !((found->allowed >> lane) & 1)
        && !((lanes_open(street, trips->links[first], user) >> lane) & 1)) {
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
        street->tried[i].broken = legs_fill(street, trips->links + first, trips->first_link[i + 1] - first,
            street->types.user[trips->type[i]], street->legs_tried + first, &street->tried[i].allowed);
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
        trip->free_flow_ms = trip_free_flow_ms(street, trip, trips->links + trips->first_link[i]);
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
