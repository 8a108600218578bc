// counts.h: how many vehicles each detector and each camera counted in each period of a day.
//
// THEORY    Readings fall into periods by the middle of their interval. What is known is vehicles and for how much of a
//           period somebody counted; a period of which half the readings were lost is scaled to the whole. A count over
//           more than a minute is shared out among the periods that it reaches into.
//
//           Who ends a trip on a link passes no counter at its end, and as many may begin there: the ends' counts alone
//           tell only the difference. Cameras that say each second whom they see tell both. With n(t) vehicles in view
//           on the link and p(t) that passed its end in the second before,
//
//              n(t) - n(t-1) + p(t)  =  entered(t) - ended(t)
//
//           and since hardly ever both happen in one second, the sum of the positive terms is who entered.
// CONTRACT  Pure. A value below 0: nothing is known of that period.
// OWNERSHIP counts_create gives, counts_release takes. The network is kept.
// NOT HERE  What flows the counts tell of (flows.h).
#pragma once

#include "engine/model/network.h"
#include "engine/model/observation.h"
#include "engine/record/record_codec.h"
#include "engine/record/recording.h"

// present: seconds that a loop was covered, or that a camera had vehicles in view, summed over these.
struct counted { float vehicles, seconds, present; };

// What the cameras of a link saw at an instant.
struct link_view {
    int64_t at_ms;
    int32_t cameras, in_view, passed; // of the instant so far: how many told, what they saw
    int32_t before;                   // in view at the instant before, or -1: not all told
    int32_t first;                    // ... at the first instant that was told whole, or -1
};

struct counts_book {
    const struct network *network;
    int64_t begin_ms, period_ms;
    int32_t period_count;
    struct counted *loops;            // detector x period
    struct counted *turned;           // camera x period x turn; seconds in the first turn's row
    struct counted *links;            // link x period: over its end, all lanes, as files tell
    struct counted *entered;          // link x period: who came into the cameras' view
    struct link_view *views;          // of each link
    int32_t *cameras;                 // on each link; 0 where a lane has none
    bool any_loops, any_cameras;
};

void counts_create(struct counts_book *book, const struct network *network, int64_t begin_ms, int64_t end_ms,
                   int64_t period_ms);
void counts_release(struct counts_book *book);

void counts_add(struct counts_book *book, const struct observation_columns *seen);

// A detector's vehicles in a period of its own: for counts from files.
void counts_add_loop(struct counts_book *book, int32_t detector, int64_t end_ms, int64_t length_ms, double vehicles);

// Vehicles over a link's end, all lanes, in an interval.
void counts_add_link(struct counts_book *book, int32_t link, int64_t end_ms, int64_t length_ms, double vehicles);

// Vehicles of a whole period, or below 0.
double counts_link(const struct counts_book *book, int32_t link, int32_t period);
double counts_entered(const struct counts_book *book, int32_t link, int32_t period);
double counts_loop(const struct counts_book *book, int32_t detector, int32_t period);
double counts_turned(const struct counts_book *book, int32_t camera, int32_t period, int turn);

// How many more vehicles stood in view of a link's cameras at the end than at the beginning; 0 where that is not told.
double counts_stock(const struct counts_book *book, int32_t link);

// Share of the last period that is told in which a loop was covered, or below 0.
double counts_last_occupancy(const struct counts_book *book, int32_t detector);

// How long vehicles were seen in all, by the places and in the periods that both books know: cameras where there are
// any, else loops before the stop lines, else all loops. What a street holds tells more of its queues than what passes.
// 0: nothing tells.
void counts_presence(const struct counts_book *a, const struct counts_book *b, double *ret_a, double *ret_b);

// All steps of a recording. *ret_header: how its first brain was made.
MUST_USE enum status counts_read(struct counts_book *book, const struct recording *recording,
                                 struct record_header *ret_header, struct problem *problem);
