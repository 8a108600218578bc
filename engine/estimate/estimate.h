// estimate.h: from counts to the state of each approach: vehicles within reach, queue, flow, turning shares.
//
// THEORY    vehicles   what its lane and its feeders hold, feeders by their weights (approach.h)
//           queue      those of them that stand
//           passed     over the stop line, as a rate over some minutes
//           demand     passed + growth of what is within reach, as a rate over the same minutes: what would have passed
//                      had there been green enough. In a long mean the growth vanishes.
//           share      of a row's vehicles that take a movement, from counts by turn
//
//           A lane upstream of a turn pocket feeds several rows. How the layout splits it among them says nothing of
//           how many turn, so what it shows is shared out as these rows' demand has been lately:
//
//             weight = usual * asked / (sum over its rows of usual * asked) * (sum over its rows of usual),
//             asked = demand + a floor, so that a row which nobody took yet gets its share
//
//           A rate is weighed by age: at each update of dt seconds sums and time are both divided by 1 + dt / window;
//           the rate is sum over time, so it is unbiased from the first second on and forgets with the window.
//
//           What no camera shows (none is there, or it is silent) is kept from the loops of the lane (lane_queue.h).
//           The arrivals that they need to be told of come from the counts at the signals upstream, a travel time
//           later and spread as platoons spread [Robertson1969]; where nothing is counted upstream, the usual demand.
// CONTRACT  estimate_intake comes first. estimate_update touches only the rows of its intersection and reads only what
//           intake wrote; estimate_expect, after all of these, reads what they wrote of other intersections and writes
//           what no other intersection's reads. So both may run in parallel over intersections, one after the other.
//           Pure, no allocation after estimate_create.
// OWNERSHIP estimate_release frees; the network is kept.
// NOT HERE  What to do about it (engine/optimize).
#pragma once

#include <stdint.h>

#include "engine/estimate/approach.h"
#include "engine/estimate/lane_queue.h"
#include "engine/estimate/sight.h"
#include "engine/estimate/upstream.h"

// What a row is known from now.
enum row_source { ROW_UNSEEN, ROW_CAMERA, ROW_LOOPS };

// One approach row now: a cache line of it. Rates rest on the seconds that estimate.rate_s says.
struct row_estimate {
    double vehicles, queue;           // within reach
    double vehicles_before;           // at the update before, for the growth
    double passed_sum, demand_sum;    // vehicles, weighed by age
    double demand_vps;                // the rate of what was asked for
    double confidence;                // 0 .. 1: share of it that was seen lately
    enum row_source source;
};

// Counters at the update before.
struct row_counted {
    int32_t in, out;                  // of its loops
};

struct row_turned {
    int32_t passed[SIGHT_TURN_COUNT]; // of its camera
};

// Rows of one intersection whose lanes are of one link: those who come from upstream are shared out among them.
struct link_rows {
    int32_t first, count;             // in rows
    int32_t link;
    int32_t first_arrival, arrival_count;
    double speed_mps;
    double reach_m;                   // for which its arrivals' ago_s was worked out; < 0: not yet
};

// A source of link_rows, in their order: what is asked of each every second lies in one row.
struct arrival {
    int32_t movement;                 // that its vehicles took
    float weight;
    int32_t ago_s;                    // how long ago those left who come within reach now; UPSTREAM_PAST_S: longer
};

// A camera that shows vehicles of a row, on its lane or a feeder.
struct look {
    int32_t lane;
    double weight;                    // share of those it shows that are taken to come to the row
    double to_stop_m;                 // from the lane's end to the row's stop line
};

// A look at a lane that feeds rows of the intersection. Those of one lane share their sums, kept at the first of them.
struct fork {
    int32_t look, row;
    int32_t first;                    // in forks: of the same lane at the intersection
    double usual;                     // its weight by the layout
    double whole, pull;               // sums over the forks of one lane: of usual, of usual * asked
};

// Which of an intersection's sensors are not loops of its own rows, to be asked one by one: loops, then cameras.
struct other_sensors {
    int32_t first, loop_count, camera_count;
    uint32_t total;                   // all of its sensors
};

// An intersection as a whole, as its newest estimate_expect left it: read where its rows were just at hand.
struct intersection_sum {
    double queue_veh, passed_vps;     // over its rows
    double confidence;                // the mean of its rows
    uint64_t asked;                   // groups that somebody waits for
    uint32_t healthy;                 // of its sensors
};

struct estimate {
    const struct network *network;
    struct approaches approaches;
    struct upstream upstream;         // who left which movement when
    struct sight sight;
    struct row_estimate *rows;        // one per approach row
    double *passed_vps;               // one per row: passed, as a rate
    struct row_counted *counted;      // one per row
    struct row_turned *turned;        // one per row
    double *share_sum;                // one per movement: vehicles that took it, weighed by age
    double *share;                    // and its part of its row's
    int32_t *stop_loop, *advance_loop;   // one per row: its loops, or INDEX_NONE
    uint8_t *row_camera;              // one per row: whether its own lane has a camera
    uint8_t *row_silent;              // one per row: nothing has ever been seen of it, all of its state is 0
    int32_t *first_look;              // one per row, and the end
    struct look *looks;
    int32_t *first_fork;              // one per intersection, and the end
    struct fork *forks;               // worked out anew at every update, from the demand at the one before
    struct lane_queue *queues;        // one per row: from its loops
    struct lane_queue_place *places;
    struct lane_queue_seen *loops_seen;   // of the newest update
    int32_t *first_link_rows;         // one per intersection, and the end
    struct link_rows *link_rows;
    struct arrival *arrivals;
    int32_t arrival_count;
    struct intersection_sum *sums;    // one per intersection
    struct other_sensors *others;     // one per intersection
    int32_t *sensor;                  // that others name: cameras (index), loops (index)
    uint8_t *own_loops;               // one per row: bits of stop and advance loop, where they serve its intersection
    int64_t *updated_ms;              // one per intersection; INT64_MIN: never
    double *rate_s;                   // one per intersection: seconds of its rates, weighed by age
    float *dt_s;                      // one per intersection: between its last two updates
    int64_t *cameras_told_ms;         // one: when a camera said something last; INT64_MIN: never
    bool has_loops;
};

void estimate_create(struct estimate *estimate, const struct network *network);
void estimate_release(struct estimate *estimate);

// Keeps what cameras and loops said.
void estimate_intake(struct estimate *estimate, const struct observation_columns *seen, int64_t now_ms,
                     struct sight_result *ret);

// One part of the same, for several threads at once (sight_take_part).
void estimate_intake_part(struct estimate *estimate, const struct observation_columns *seen, int64_t now_ms,
                          int32_t part, int32_t part_count, struct sight_result *ret);

// Brings one intersection to now.
void estimate_update(struct estimate *estimate, struct intersection_id intersection, int64_t now_ms);

// Then tells its rows what was on its way to them; after estimate_update of all.
void estimate_expect(struct estimate *estimate, struct intersection_id intersection, int64_t now_ms);

// How far back from its stop line a row is known now, in metres: vehicles beyond are to be expected from upstream.
double estimate_reach_m(const struct estimate *estimate, int32_t row);

// Vehicles per second of a row: passed, and asked for.
static inline double estimate_passed_vps(const struct estimate *estimate, int32_t row)
{
    return estimate->passed_vps[row];
}

static inline double estimate_demand_vps(const struct estimate *estimate, int32_t row)
{
    return estimate->rows[row].demand_vps;
}

// Share of its row's vehicles that take a movement, 0 .. 1.
static inline double estimate_share(const struct estimate *estimate, int32_t movement)
{
    return estimate->share[movement];
}

// Vehicles that stand on a link, per lane of it; 0 where neither camera nor loop looks.
double estimate_link_queue(const struct estimate *estimate, struct link_id link);

// Vehicles within reach that wait for a group (within the intersection), or are about to.
double estimate_group_vehicles(const struct estimate *estimate, struct intersection_id intersection, int32_t group);

// The groups of the intersection that somebody waits for, as bits. Groups that no sensor serves count as asked for,
// so do those whose sensors are silent.
static inline uint64_t estimate_groups_asked(const struct estimate *estimate, struct intersection_id intersection)
{
    return estimate->sums[intersection.index].asked;
}

// How many cameras and loops serve the intersection, and how many of them had spoken lately at its newest update.
static inline void estimate_sensors(const struct estimate *estimate, struct intersection_id intersection,
                                    uint32_t *ret_healthy, uint32_t *ret_total)
{
    *ret_healthy = estimate->sums[intersection.index].healthy;
    *ret_total = estimate->others[intersection.index].total;
}

// Walks over what changes from tick to tick (engine/base/snapshot.h).
void estimate_snapshot(struct estimate *estimate, struct snapshot_walk *walk);
