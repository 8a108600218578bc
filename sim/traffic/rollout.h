// rollout.h: a part of the street, set to a state and driven ahead: what would happen if the lamps were these?
//
// THEORY    The same street as everywhere (street.h), cut out of a network: one intersection with the links that lead
//           to it and away from it, a region, or all of it. It is told who is where, what the lamps show and since
//           when, and who is expected at its borders; then it is stepped under lamps that the caller sets before each
//           step; then it is asked for delay and queues, reset, and told the next state.
//
//              reset ─▶ put, expect, light ─▶ (light, step) × n ─▶ measure ─▶ reset ─▶ …
//
//           A vehicle has its route, as far as it lies in the part; or it draws one, connection by connection, in
//           proportion to the shares. At the last link that is kept a route ends: beyond it there is no queue.
//           rollout_take copies the state of a running street instead. What it copies goes on exactly as that street
//           does, if all of it was cut out; else until something from beyond the borders makes itself felt.
// CONTRACT  Nothing is allocated after rollout_create. Deterministic: same state and lamps, same result. Rollouts share
//           nothing that is written: any number of them run at once on as many threads, each on one at a time. The laws
//           of the street hold; vehicles that are told to overlap are moved back until they do not.
// OWNERSHIP rollout_create gives, rollout_release takes. The network is kept; everything else is copied.
// NOT HERE  Which lamps to try (engine/optimize). All indices are those of the whole network.
#pragma once

#include "sim/traffic/street.h"

struct rollout_options {
    int32_t step_ms;                  // as of a street
    uint64_t seed;
    int32_t vehicle_count_max;        // told and expected in one rollout
    int32_t route_links_max;          // of one route within the part, 1 .. ROLLOUT_ROUTE_LINKS_MAX
};

#define ROLLOUT_ROUTE_LINKS_MAX 256

// A vehicle on a lane, or inside on a connection.
struct rollout_vehicle {
    int32_t number, type;
    int32_t lane;                     // it is on; ignored where connection says
    int32_t connection;               // on which it crosses, or INDEX_NONE
    double front_m, speed_mps;        // along the lane, or the connection
    double waited_s;                  // how long it has stood for others at the head of its lane
    const int32_t *links;             // the rest of its route from its link (inside: the one it goes to) on, or NULL
    int32_t link_count;
};

// One who will come in at the start of a link.
struct rollout_arrival {
    int32_t number, type;
    int64_t at_ms;
    const int32_t *links;             // its route, of which the first is where it comes in
    int32_t link_count;               // 1: the rest is drawn
};

struct rollout_measure {
    double delay_s;                   // of all since the start, those who wait at the border too
    double queue_veh_s;               // seconds slower than 1.39 m/s, of all
    int32_t left, under_way, waiting; // over the border; inside; before it
};

struct rollout;

MUST_USE enum status rollout_create(const struct network *network, const int32_t *links, int32_t link_count,
                                    const struct vehicle_type *types, int32_t type_count,
                                    const struct rollout_options *options, struct rollout **ret,
                                    struct problem *problem);
void rollout_release(struct rollout *rollout);

// How vehicles without a route choose: in proportion to the shares of the connections of their link. All are 1 until
// they are set; a reset leaves them.
void rollout_share(struct rollout *rollout, int32_t connection, double share);

// Nobody is on the street, all lamps are dark.
void rollout_reset(struct rollout *rollout, int64_t now_ms);

// false: it cannot be told, since its lane or link is not of this part, its type is unknown, or there is no room.
bool rollout_put(struct rollout *rollout, const struct rollout_vehicle *vehicle);
bool rollout_expect(struct rollout *rollout, const struct rollout_arrival *arrival);

// What a group shows from now on; since_ms counts for greens: when the lamp changed. Groups of elsewhere are ignored.
void rollout_light(struct rollout *rollout, int32_t group, enum aspect aspect, int64_t since_ms);

// The state of a running street of the same network and types, in place of reset, put, expect and light; its lamps as
// they were in its last step. false: there are more vehicles than room.
bool rollout_take(struct rollout *rollout, const struct street *street);

void rollout_step(struct rollout *rollout);
int64_t rollout_now_ms(const struct rollout *rollout);
struct rollout_measure rollout_measure(struct rollout *rollout);

// Its vehicles, lanes and connections by their indices in the whole network; order as of street_list_vehicles.
int32_t rollout_list_vehicles(struct rollout *rollout, struct vehicle_view *ret, int32_t count_max);
