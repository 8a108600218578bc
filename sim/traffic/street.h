// street.h: the street: vehicles on lanes, moved by fixed steps.
//
// THEORY    Vehicles are kept in columns, in the order in which they stand on their lanes, sixteen lanes side by side
//           (street_state.h draws it). A step has two phases: *move*, in which every lane and junction reads what the
//           others published and moves its own vehicles; and *commit*, in which those that left find their new place,
//           lanes are changed, trips enter and all is published anew. So threads cannot disturb one another.
//
//             car following   IDM or Krauss, by type                         street_kernel.h
//             look-ahead      leaders, lines and limits along the route      look_ahead.h
//             right of way    signals, room, gap acceptance                  right_of_way.h
//             lane changing   for the route, and MOBIL for gain              lane_change.h
//             trips           route, queue at the border, measures           trips.h, settling.h
//             incidents       lanes closed for a time                        closures.h
//             stops           buses at their stops, timetables, parking      stops.h
//
//           Laws that hold at every step whatever the models say: vehicles of one lane or path never overlap, nobody
//           drives backwards, nobody passes a red that it could stop before, scheduled = waiting + under way + arrived.
//           A trip that departs at t enters at the first whole step from t on at which there is a safe gap, with its
//           rear at the lane's start, and arrives when its front passes the end of its last link.
// CONTRACT  Deterministic: same network, types, trips, options and aspects give the same bytes for any number of
//           threads and any instruction set. No allocation after street_create but by street_enter.
// OWNERSHIP street_create gives, street_release takes; the network is kept. Columns handed in are copied.
// NOT HERE  Where trips come from (sim/demand), who decides the signals (a controller in signals.h plays plans).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/model/actuation.h"
#include "engine/model/lamp.h"
#include "engine/model/network.h"
#include "engine/model/observation.h"

enum car_following { FOLLOW_IDM, FOLLOW_KRAUSS };

struct vehicle_type {
    char name[64];
    enum user_class user;              // exactly one bit
    enum car_following following;
    double length_m, gap_m;            // gap_m: bumper to bumper when standing
    double acceleration_mps2, deceleration_mps2, emergency_mps2;
    double headway_s;                  // desired time gap (IDM's T, Krauss' tau)
    double imperfection;               // Krauss' sigma, 0 .. 1; unused by IDM
    double speed_mps_max;
    double speed_factor, speed_deviation;   // desired speed / limit: mean, standard deviation over drivers
    double start_loss_s;               // extra reaction of a queue's head at green; calibrated with headway_s
    // CityFlow's drivers: so far before the line the limit of their turn holds already, and they need not slow down to
    // see for whom they must wait. 0: down to it as late as is comfortable.
    double turn_way_m;
    // What calibration.h is asked to make of it; the street itself does not read these.
    double wished_flow_vph, wished_lost_s;
    int64_t wishes;                    // WISH_ bits: which of the two are told
};

enum { WISH_FLOW = 1, WISH_LOST = 2 };

// Where a trip stands by plan on its way; in the order of its route.
struct trip_stop {
    int32_t leg, lane;                 // which link of its route, from 0; position in that link
    int32_t start_mm, end_mm;          // it stands with its front between them, at the end if it can
    int32_t duration_ms;               // at least so long
    int64_t until_ms;                  // and not before; INT64_MIN: it has no timetable
    bool parking;                      // off the lane meanwhile: nobody waits behind it
};

enum { DEPART_AT_START = -1, DEPART_BEHIND_LAST = -2 };   // behind the lane's last vehicle, without one at its end

// Trips in order of departure. Rows of one batch; depart_ms never falls over batches either.
struct trip_columns {
    int32_t count;
    int64_t *depart_ms;                // scheduled
    int32_t *number;                   // stable, unique, 0 .. : every random choice comes from it
    int32_t *type;                     // in the types given at creation
    int32_t *first_link;               // count + 1 rows: where its route starts in links
    int32_t *links;                    // the whole route, connected, at least one link
    int8_t *depart_lane;               // position in the link; -1: the one that is best for the route
    int32_t *depart_speed_mmps;        // -1: as fast as is safe
    int32_t *first_stop;               // count + 1 rows: where its stops start in stops; NULL: nobody has any
    struct trip_stop *stops;
    int32_t *depart_front_mm;          // where on its lane the front begins, or one of these; NULL: all at the start
};

// An incident: a lane that nobody of these users comes onto in [from, to).
struct lane_closure {
    int32_t lane;
    uint32_t users;                    // user_class bits
    int64_t from_ms, to_ms;
};

struct street_options {
    int64_t begin_ms;
    int32_t step_ms;                   // 100 .. 1000, divides 1000
    int threads;
    int32_t team_vehicles_min;         // with fewer under way one thread does the shares of all; 0: as measured
    uint64_t sharing_seed;             // not 0: one thread plays all, who does what is drawn by it (for tests)
    uint64_t seed;
    int32_t vehicle_count_max;         // under way at once; 0: what the network can hold
    const struct lane_closure *closures;   // copied
    int32_t closure_count;
};

struct trip_result {
    int32_t number, type;
    int64_t depart_ms;                 // scheduled
    int64_t entered_ms;                // INT64_MIN while it waits to enter
    int64_t arrived_ms;                // INT64_MIN until it arrives
    double length_m;                   // driven so far
    double free_flow_s;                // of its whole route at its own desired speed within the limits
    double time_loss_s;                // sum over steps of (1 - speed / desired speed) * step, since it entered
    double waiting_s;                  // slower than 0.1 m/s, but for the stops of its plan
    double stopped_s;                  // at the stops of its plan
    double speed_factor;               // its desired speed over the limit
    int32_t stops;                     // times it fell below 0.1 m/s after being faster than 1.39 m/s
};

struct street_counts {
    int64_t scheduled, waiting, under_way, arrived;   // due by now; scheduled = waiting + under_way + arrived
    int64_t vehicle_updates;           // vehicle steps computed so far
    int64_t queue_vehicle_steps;       // sum over steps of vehicles slower than 1.39 m/s, the ones waiting to enter too
    int64_t steps;
    int64_t detours;                   // drivers who could not get into their lane: took another way, or went out
    int64_t teleported;                // always 0: nobody is taken off the road
    int64_t parked;                    // of those under way: off their lane, at a stop
};

struct street;

MUST_USE enum status street_create(const struct network *network, const struct vehicle_type *types, int32_t type_count,
                                   const struct street_options *options, struct street **ret,
                                   struct problem *problem);
void street_release(struct street *street);

// Hands over trips that depart from now on; they are queued at their first link. STATUS_RANGE for a trip that
// the network cannot carry (index, unconnected links, forbidden users): nothing of the batch is taken, *ret_row names
// it.
MUST_USE enum status street_enter(struct street *street, const struct trip_columns *trips, int32_t *ret_row,
                                  struct problem *problem);

int64_t street_now_ms(const struct street *street);

// enum aspect of every group of the network; written by the caller before a step, holds for [now, now + step_ms).
uint8_t *street_aspects(struct street *street);

void street_step(struct street *street);

const struct street_counts *street_counts(const struct street *street);

// Moves out up to count_max results of trips that have arrived since the last call, in order of (arrived_ms, number).
int32_t street_take_arrived(struct street *street, struct trip_result *ret, int32_t count_max);

// Every vehicle under way or waiting to enter, in order of number.
int32_t street_list_unfinished(const struct street *street, struct trip_result *ret, int32_t count_max);

// One interval reading of every loop of the network since the last call; one reading of every camera at now. Rows are
// in order of detector and of camera. STATUS_LIMIT when the buffer has no room.
MUST_USE enum status street_read_loops(struct street *street, struct observation_buffer *ret);
MUST_USE enum status street_read_cameras(struct street *street, struct observation_buffer *ret);

// Which signal groups' loops were covered since the last look, one row per intersection; reading loops does not disturb
// it. For controllers that act on their own loops.
void street_look_touches(struct street *street, struct actuation_touch *ret);

// Summed delay (time loss) and passages of every connection so far; for the worst movement and the minor streets.
struct passage_totals { int64_t passages; double loss_s; };
const struct passage_totals *street_passages(const struct street *street);   // connection_count rows

// Position, for pictures and laws: one vehicle of the street. Order: lane, then from the front.
struct vehicle_view {
    int32_t number, type, lane, connection;   // connection: INDEX_NONE, or the one it is crossing (then from lane)
    double front_m;                            // along the lane, or along the connection
    double speed_mps, length_m;
};
int32_t street_list_vehicles(const struct street *street, struct vehicle_view *ret, int32_t count_max);

// A vehicle on a lane and where it goes from there, as it would tell the signals. Order: lane, then from the front.
#define BOUND_LINK_COUNT_MAX 24
struct bound_view {
    int32_t number, type, lane;
    double to_stop_m, speed_mps;
    double lost_s;                             // late by its timetable, else against its free flow so far
    int32_t departs_in_ms;                     // 0: under way, or due and waiting for room
    int32_t route_count;
    int32_t route[BOUND_LINK_COUNT_MAX];       // links, from its own on
};

// Those whose type is of one of the user classes (bits). Who is inside a junction is left out for that while.
int32_t street_list_bound(const struct street *street, uint32_t users, struct bound_view *ret, int32_t count_max);

// Those that were handed in and have not entered yet: due within so long, in order of departure, after those that wait
// for room, in order of link. They stand at the begin of their first link.
int32_t street_list_due(const struct street *street, uint32_t users, int32_t within_ms, struct bound_view *ret,
                        int32_t count_max);
