// counts.h: how many vehicles each detector and each camera counted in each period of a day.
//
// THEORY    Readings fall into periods by the middle of their interval. What is known is vehicles and for how much of a
//           period somebody counted; a period of which half the readings were lost is scaled to the whole.
// CONTRACT  Pure. A value below 0: nothing is known of that period.
// OWNERSHIP counts_create gives, counts_release takes. The network is kept.
// NOT HERE  What flows the counts tell of (flows.h).
#pragma once

#include "engine/model/network.h"
#include "engine/model/observation.h"
#include "engine/record/record_codec.h"
#include "engine/record/recording.h"

struct counted { float vehicles, seconds; };

struct counts_book {
    const struct network *network;
    int64_t begin_ms, period_ms;
    int32_t period_count;
    struct counted *loops;            // detector x period
    struct counted *turned;           // camera x period x turn; seconds in the first turn's row
    bool any_loops, any_cameras;
};

void counts_create(struct counts_book *book, const struct network *network, int64_t begin_ms, int64_t end_ms,
                   int64_t period_ms);
void counts_release(struct counts_book *book);

void counts_add(struct counts_book *book, const struct observation_columns *seen);

// A detector's vehicles in a period of its own: for counts from files.
void counts_add_loop(struct counts_book *book, int32_t detector, int64_t end_ms, int64_t length_ms, double vehicles);

// Vehicles of a whole period, or below 0.
double counts_loop(const struct counts_book *book, int32_t detector, int32_t period);
double counts_turned(const struct counts_book *book, int32_t camera, int32_t period, int turn);

// All steps of a recording. *ret_header: how its first brain was made.
MUST_USE enum status counts_read(struct counts_book *book, const struct recording *recording,
                                 struct record_header *ret_header, struct problem *problem);
