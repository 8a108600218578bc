// stops.h: where vehicles stand by plan: bus stops, loading, parking; and timetables.
//
// THEORY    A trip may have an itinerary: stops in the order of its route, each on one lane of one of its links. A
//           driver takes the stop's lane as the one that its route wants there, brakes for the stop's end as for a
//           vehicle that stands there, and has *reached* it once it stands between start and end (behind another bus
//           too). It leaves when its duration has passed and its timetable allows:
//
//              PENDING ──stands in start .. end──▶ DWELLING ──max(reached + duration, until)──▶ next stop, or none
//                 │                                    └──parking: off the lane meanwhile; back into a safe gap
//                 └──wrong lane, MISSED_S standing beside it──▶ missed: next stop
//
//           Standing by plan is no delay: neither time loss nor waiting nor a stop of the measures grows by it
//           (SUMO's tripinfo counts so); it is stopped_s. A stop with a time `until` says how late the trip is from
//           there on: departure less until, and what it loses afterwards.
// CONTRACT  A street of trips without stops has no such columns and pays one comparison where a vehicle comes onto a
//           lane. An itinerary is touched by the thread that owns its vehicle alone. Nothing is allocated but by
//           street_enter.
// OWNERSHIP Freed with the street; an itinerary is given back when its trip's result is taken.
// NOT HERE  How the kernel follows a mark (street_kernel.c), files (sim/demand).
#pragma once

#include <limits.h>

#include "engine/base/byte_stream.h"
#include "sim/traffic/columns.h"
#include "sim/traffic/street_state.h"

#define STOP_TIME_NONE INT32_MIN
#define STOP_COUNT_MAX 1000            // of one trip

struct planned_stop {
    int32_t leg, link;                 // leg: -1 where a detour passes it by
    float start, end;                  // of the front, along the lane
    int32_t duration_ms, until_ms;     // until: ms after begin, or STOP_TIME_NONE
    int32_t next;                      // in stops.at, of the same trip; or the next free one
    int8_t lane;
    bool parking;
};

struct itinerary {
    int32_t first, at;                 // in stops.at: all of them; the one that is next or now, or INDEX_NONE
    int32_t reached_ms, leave_ms;      // of the one at; STOP_TIME_NONE: not reached yet
    int32_t stood_ms;                  // beside a stop that it cannot get to
    int32_t stopped_ms;                // at stops so far
    int32_t missed;
    int32_t late_ms, late_loss_ms;     // on leaving the last stop with a time; the trip's loss then
    int32_t cell;                      // where it parks, or INDEX_NONE
    float front;                       // ... and how far along it
    bool timed;                        // late_ms is known
};

// Bad where a stop is not on its link, or does not come after the one before it.
MUST_USE enum status stops_check(const struct street *street, const struct trip_columns *trips, int32_t row,
                                 const char *place, struct problem *problem);

// Room for the itineraries of these trips; one of them for a trip just taken.
void stops_reserve(struct street *street, const struct trip_columns *trips);
void stops_take(struct street *street, int32_t trip, const struct trip_columns *trips, int32_t row);
void stops_follow_trips(struct street *street);   // there is room for more trips
void stops_give_back(struct street *street, int32_t trip);
void stops_clear(struct street *street);
void stops_release(struct street *street);

static inline struct itinerary *stops_of(const struct street *street, int32_t trip)
{
    const struct stop_books *books = &street->stops;
    if (rarely(books->of_trip != NULL) && books->of_trip[trip] != INDEX_NONE) {
        return &books->lists[books->of_trip[trip]];
    }
    return NULL;
}

// The stop that is next or now, or NULL.
static inline const struct planned_stop *stops_next(const struct street *street, int32_t trip)
{
    const struct itinerary *list = stops_of(street, trip);
    return list == NULL || list->at == INDEX_NONE ? NULL : &street->stops.at[list->at];
}

// How far along the lane of its `leg` the trip must stop; FAR_M: nowhere there.
static inline float stops_end_on(const struct street *street, int32_t trip, int32_t leg)
{
    const struct planned_stop *stop = stops_next(street, trip);
    return stop == NULL || stop->leg != leg ? FAR_M : stop->end;
}

// The trip has come to its present leg: what it should have reached before is missed.
void stops_pass(struct street *street, const struct trip *trip);

// The trip has a new route, from the link it is on: stops that it does not pass are missed.
void stops_reroute(struct street *street, struct trip *trip, const int32_t *links, int32_t count);

// Before a group moves: who has reached a stop, who leaves it, and where the others are to stop: worker->marks.
void stops_look(struct street *street, struct worker *worker, int32_t group);

// Whether a parked trip may come back at end_ms, and what of.
bool stops_due(const struct street *street, int32_t trip, int32_t end_ms);
struct vehicle stops_return(struct street *street, int32_t trip, int32_t end_ms);

// Seconds at stops until now_ms; how late it is by its timetable, or by what it has lost.
int32_t stops_stood_ms(const struct street *street, int32_t trip, int32_t now_ms);
bool stops_standing(const struct street *street, int32_t trip);
double stops_late_s(const struct street *street, const struct trip *trip);

// Of one trip, for a checkpoint; load gives false for what cannot have been saved.
void stops_save(const struct street *street, int32_t trip, struct byte_sink *sink);
bool stops_load(struct street *street, int32_t trip, struct byte_source *source);
