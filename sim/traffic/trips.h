// trips.h: the cold side of a vehicle: its route, what it wants of a lane, its queue at the border, its measures.
//
// THEORY    A trip has one place in street.trips from street_enter until its result is taken. Its route is its first
//           link and a run of legs, each of which says which of the links after its own comes next. Lanes are *allowed*
//           that lead on to the next leg; *preferred* are those that do so onto a lane that suits the legs after
//           it as well, as far as links are short. Computed once, from the last leg back, and kept with the leg.
//
//              SCHEDULED ──depart──▶ WAITING ──safe gap──▶ UNDER_WAY ──end of last leg──▶ ARRIVED ──taken──▶ EMPTY
//                                                     park ▲│ a parking stop (stops.h)
//                                                   PARKED ◀┘
//
//           Measures are settled when a vehicle leaves a lane or a path: with one desired speed there, the sum over
//           steps of (1 - v / desired) h is the time of the stay less metres driven / desired.
// CONTRACT  A trip under way is touched only by the thread that owns its vehicle.
#pragma once

#include "sim/traffic/street_state.h"

void trips_release(struct street *street);

// Room for so many more trips and legs; all places free; a trip with its legs as they were, and its index.
void trips_make_room(struct street *street, int32_t trips, int64_t legs);
void trips_clear(struct street *street);
int32_t trip_put(struct street *street, const struct trip *trip, const struct leg *legs);

// Fills the legs of a route for a user. Returns the first link of it that does not lead on, or -1. And pieces that hold
// so many legs, as leg_capacity counts.
int32_t trip_legs(const struct street *street, const int32_t *links, int32_t count, uint32_t user, struct leg *ret);
int64_t trips_legs_kept(int32_t legs);

// The lanes of a link that are open to a user; and how long the trip takes on a free road.
uint32_t link_lanes_open(const struct street *street, int32_t link, uint32_t user);
double trip_free_flow_s(const struct street *street, const struct trip *trip, const int32_t *links);

// The path on which the trip leaves the cell, if the cell's link is leg `leg` of its route; PATH_END or PATH_NONE.
int32_t trip_path(const struct street *street, const struct trip *trip, int32_t leg, int32_t cell);

// The type and the wishes to change lanes, for row.kind, in a cell of the link that the trip is on.
uint32_t trip_kind(const struct street *street, const struct trip *trip, int32_t cell);

// The lanes of its first link on which a trip that waits may begin: the one asked for, or those that suit it best.
uint32_t trip_first_lanes(const struct street *street, const struct trip *trip);

// The links of its route from the one it is on, which is `link`; returns the last of them.
int32_t trip_last_link(const struct street *street, const struct trip *trip, int32_t link);

// The link of a leg that is not before its own, which is `link`.
int32_t trip_link_at(const struct street *street, const struct trip *trip, int32_t link, int32_t leg);

// The first of them, the one that it is on included; gives how many.
int32_t trip_links_ahead(const struct street *street, const struct trip *trip, int32_t link, int32_t *ret,
                         int32_t count_max);

// How many legs the trip's piece holds; and a new route, from the link it is on, that fits into it.
int32_t trips_leg_room(const struct trip *trip);
void trip_reroute(struct street *street, struct trip *trip, const int32_t *links, int32_t count);

// Its legs want the lanes of its stops, on the way there too: links are its route from leg 0. And: what it wants of the
// link it is on, now that it has left a stop there.
void trip_legs_stop(struct street *street, struct trip *trip, const int32_t *links, int32_t count);
void trip_leg_restore(struct street *street, struct trip *trip, int32_t cell);

// Its own free speed where the limit is this.
float trip_desired(const struct street *street, const struct trip *trip, float limit);

// Adds the stay that ends at end_ms (after begin) at `front`, and begins the next one at next_front.
void trip_settle(struct trip *trip, int32_t end_ms, float front, float desired, uint32_t halt, float next_front);

// Puts trips that are due by now into the queues of their first links. Returns whether there were any.
bool trips_release_due(struct street *street);

// Adds the worker's arrivals of the step to the street's, in order of number.
void trips_arrive(struct street *street);

// Gives the place of a trip that is over back.
void trip_free(struct street *street, int32_t index);
