// flows.h: from counts to trips: what must have driven for the detectors to have counted what they did.
//
// THEORY    1  Flow over each link's stop line and over each step from a link to the next, by period, from whatever
//              counts it: cameras by turn, stop-line loops by lane, else loops further up. Where nothing counts, the
//              flow is what comes in.
//              Which way the vehicles of a shared lane take is fitted to what the next links count [Deming1940].
//           2  A link that counts more than its upstream steps bring is where trips begin; with less, where they end.
//              Who stands on it when the counting ends is not taken to have ended there.
//           3  Candidate trips, OVERSAMPLE times as many as depart, walk from where they begin along the measured
//           turning
//              shares of the period in which they come by, never over a link twice.
//           4  Their weights w, 0 <= w <= WEIGHT_MAX, explain the counts best:
//
//                 minimise  sum_k (sum_r a_kr w_r - y_k)^2 / (y_k + 1)  +  PRIOR sum_r (w_r - w0)^2
//
//              with y_k the count of link and period k, a_kr how often trip r passes there then, w0 = 1 / OVERSAMPLE: a
//              bounded least squares with the turning shares as prior [Cascetta1984], by coordinate descent. (No
//              library of the distribution solves bounded sparse least squares from C; the descent is thirty lines.)
//           5  Trips are drawn by their weights, evenly along the time of departure.
// CONTRACT  Pure: same counts and seed, same trips. Takes memory while it works.
// OWNERSHIP flows_create gives, flows_release takes; flows_trips gives columns, flows_trips_release takes them.
// NOT HERE  Counting (counts.h), driving (what_if.h).
#pragma once

#include "sim/replay/counts.h"
#include "sim/traffic/street.h"

struct flows_report {
    int32_t candidates;
    int64_t constraints;              // counts that were to be explained
    double explained;                 // 1 - sum |model - count| / sum count
};

struct flows;

// The book is kept until flows_release.
struct flows *flows_create(const struct counts_book *book, uint64_t seed, struct flows_report *report);
void flows_release(struct flows *flows);

// Trips, `factor` times as many as explain the counts. flows_trips_release frees them.
void flows_trips(const struct flows *flows, double factor, struct trip_columns *ret);
void flows_trips_release(struct trip_columns *trips);
