#include "sim/traffic/trips.h"

#include <assert.h>
#include <math.h>

#include "engine/base/random.h"
#include "sim/traffic/closures.h"
#include "sim/traffic/stops.h"

static const float CHANGE_M = 5.0f;            // beyond its own length one needs on a link to change lanes there
static const double PREFER_M = 200.0;          // how far ahead a lane must suit the route

float trip_desired(const struct street *street, const struct trip *trip, float limit)
{
    float wish = limit * trip->factor;
    float most = street->types.speed_max[trip->type];
    return wish < most ? wish : most;
}

uint32_t link_lanes_open(const struct street *street, int32_t link_index, uint32_t user)
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
    uint32_t open = link_lanes_open(street, link, user), next_open = link_lanes_open(street, next, user);
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
        preferred = link_lanes_open(street, links[last], user);
    }
    for (int32_t i = last - 1; i >= 0; i--) {
        preferred = lanes_preferred(street, links[i], links[i + 1], preferred, user, &allowed);
    }
    return preferred;
}

// Of the link's lanes those that are open to the user, and of them those that are not closed where there are any.
static uint32_t lanes_open_now(const struct street *street, int32_t link, uint32_t user)
{
    return closures_spare(street, link, user, link_lanes_open(street, link, user));
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
        uint32_t open = link_lanes_open(street, links[i], user), next_open = lanes_open_now(street, links[i + 1], user);
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
        uint32_t open = link_lanes_open(street, next, street->types.user[trip->type]), reached = 0;
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
    uint64_t from = lanes >> position, below = lanes & ((UINT64_C(1) << position) - 1);
    int32_t up = from != 0 ? __builtin_ctzll(from) : LINK_LANE_COUNT_MAX;
    int32_t down = below != 0 ? position - 63 + __builtin_clzll(below) : LINK_LANE_COUNT_MAX;
    return up < down ? up : down;
}

// Of the lanes that the lane leads to one takes the one nearest to those that suit what follows.
int32_t trip_path(const struct street *street, const struct trip *trip, int32_t leg, int32_t cell)
{
    if (rarely(leg + 1 >= trip->leg_count)) {
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
        if (rarely(street->closures.near_count > 0) && closures_near(street, street->paths[path].to_link)) {
            preferred = preferred_now(street, here + 1, trip->leg_count - leg - 1, street->paths[path].to_link, user);
        }
        if (rarely(preferred == 0)) {
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
    return rarely(wrong) ? PATH_NONE : best;
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
    if (rarely(preferred == 0)) {
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

// From the last leg back.
int32_t trip_legs(const struct street *street, const int32_t *links, int32_t count, uint32_t user, struct leg *ret)
{
    const struct network *network = street->network;
    uint32_t preferred = 0, allowed;
    for (int32_t i = count - 1; i >= 0; i--) {
        int32_t choice = 0;
        if (i == count - 1) {
            preferred = allowed = link_lanes_open(street, links[i], user);
        } else {
            choice = choice_of(street, links[i], links[i + 1]);
            preferred = lanes_preferred(street, links[i], links[i + 1], preferred, user, &allowed);
        }
        if (allowed == 0 || choice == INDEX_NONE) {
            return i;
        }
        bool wide = network->links[links[i]].lane_count > LEG_LANE_COUNT_MAX;
        ret[i] = (struct leg){ (uint8_t)choice, (uint8_t)(wide ? 0 : preferred) };
    }
    return -1;
}

void trip_reroute(struct street *street, struct trip *trip, const int32_t *links, int32_t count)
{
    assert(count <= trips_leg_room(trip));
    (void)trip_legs(street, links, count, street->types.user[trip->type], street->legs + trip->first_leg);
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
        leg->preferred = (uint8_t)link_lanes_open(street, link, user);
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

double trip_free_flow_s(const struct street *street, const struct trip *trip, const int32_t *links)
{
    double free_flow_s = 0.0;
    for (int32_t i = 0; i < trip->leg_count; i++) {
        free_flow_s += link_free_flow_s(street, trip, i, links[i]);
    }
    return free_flow_s;
}
