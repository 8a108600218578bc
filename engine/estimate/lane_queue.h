// lane_queue.h: the queue of one stop-line lane from what its loops count: input and output, held to what loops show.
//
// THEORY    far                         near
//           ─────────────────────[adv]───────────────────[stop]|
//           seen by nobody: arrivals        in − out
//           expected less those counted
//
//           near   what came over the advance loop and has not left over the stop line. Counts drift, so it is set
//                  right by what a loop says beyond doubt: a stop line that stays clear has no queue behind it, only
//                  vehicles on their way; one that is covered has somebody; an advance loop that stays covered has a
//                  full lane before it.
//           far    those who stand behind the advance loop. They begin to be while it stays covered; then far grows by
//                  the arrivals expected there and shrinks by those counted. A gap in the counts ends it: the rear of
//                  the queue has passed (the discharging wave has a gap of less than GAP_S between two vehicles).
//           Without an advance loop the stop line takes its part and all is far.
//
//           Counting in and out with resets: [Sharma2007]; long queues from a loop that stays covered: [Liu2009].
// CONTRACT  Pure. Numbers are >= 0 and bounded by the room that the lane has.
// OWNERSHIP The caller owns all.
// NOT HERE  How many are expected (estimate.c), and what cameras see (sight.h).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define LANE_QUEUE_RECENT_S 32        // a power of two
#define LANE_SPACING_M 7.5            // from front to front of standing cars

struct lane_queue {
    float near_veh, far_veh;
    float covered_s, clear_s;         // the advance loop has been so without a break
    float stop_clear_s;
    float dispersed_vps;              // arrivals expected at the advance loop, smoothed as platoons spread
    uint8_t recent[LANE_QUEUE_RECENT_S];   // counted by the advance loop, by second
    int64_t counted_s;                // the second of the newest entry
};

// How a lane lies, and what follows from it. advance_m 0: no advance loop.
struct lane_queue_place {
    float advance_m;                  // from the advance loop to the stop line
    float speed_mps;
    float near_veh_max, far_veh_max;  // that have room before the advance loop, and behind it
    float near_veh_full;              // a lane that is surely full holds at least so many
    uint8_t free_s, slow_s;           // from the advance loop to the line: freely, and for those who are braking
};

// room_m: from the stop line back to where its vehicles can stand.
struct lane_queue_place lane_queue_place(float advance_m, float room_m, float speed_mps);

// What the loops said since the last step. A loop that is silent or not there is neither covered nor clear.
struct lane_queue_seen {
    int32_t in, out;                  // counts of advance loop and stop line
    bool has_advance, has_stop;
    bool advance_covered, advance_clear;
    bool stop_covered, stop_clear;
};

// Counts of the dt_s seconds up to second now_s.
void lane_queue_count(struct lane_queue *queue, const struct lane_queue_place *place,
                      const struct lane_queue_seen *seen, int64_t now_s, double dt_s);

// `vehicles` were expected at the advance loop in the same time.
void lane_queue_expect(struct lane_queue *queue, const struct lane_queue_place *place,
                       const struct lane_queue_seen *seen, double vehicles);

// Vehicles that passed the advance loop in the second that began ago_s ago, 0 .. LANE_QUEUE_RECENT_S - 1.
int32_t lane_queue_recent(const struct lane_queue *queue, int64_t now_s, int32_t ago_s);

// Those of near_veh that are still on their way to the queue or the line.
double lane_queue_moving(const struct lane_queue *queue, const struct lane_queue_place *place, int64_t now_s);
