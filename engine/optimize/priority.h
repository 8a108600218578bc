// priority.h: vehicles that may ask the signals for more than their turn: emergency vehicles, late buses and trams.
//
// THEORY    A vehicle says where it is and which links it will take. From that follow its *calls*: the stop lines ahead
//           of it, who must be green there, and when it would arrive if nothing held it:
//
//              vehicle ──▶ ─────|─────▶ ─────|─────▶        arrival = now + time to its departure, if it has not set
//                             call 0        call 1                    out yet, + distance / free speed
//                                                           groups of the connections that the route takes
//
//           Emergency. Before it comes its stop line must be green and the queue before it gone. So its stage begins at
//
//               arrival - (change of stages + CLEAR_LOST_S + CLEAR_HEADWAY_S * queue + margin)
//
//           at the latest, and no other stage begins when there is no time to come back from it. A stage in which it
//           need not give way goes before one in which it must; where there is only the latter, the queue of those to
//           whom it gives way counts like its own, and when it waits inside for them (it was at the line and is heard
//           no more) a stage is called that stops them: it leaves in their yellow. As soon as its
//           next report shows it beyond the line (or no report has come for PRIORITY_AGE_MS; for PRIORITY_INSIDE_MS
//           where it was at a line, since it may wait inside for a gap) the call is gone, and the strategy goes on from
//           where things stand.
//
//           Transit. A late bus or tram weighs more in the price of the search (horizon.h): its lane counts as if
//           TRANSIT_VEHICLES more stood in it, by how late it is. It can so win a longer or an earlier green against
//           few, not against many.
//
//           Either is held by conduct.h and the guard: intergreens and minimum greens stand, and maximum reds, or for
//           an emergency vehicle the second limit of a red. So the price to the others has a bound. A stage that the
//           strategy would not have chosen is counted, second by second.
// CONTRACT  priority_take and priority_begin are serial, before a tick's decisions; the others only read and may run in
//           parallel. No allocation after priority_create. Same requests in the same order, same bytes.
// OWNERSHIP priority_release frees.
// NOT HERE  Who may ask (engine/wire).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/snapshot.h"
#include "engine/estimate/estimate.h"
#include "engine/model/request.h"
#include "engine/optimize/compose.h"

#define PRIORITY_VEHICLE_COUNT_MAX 256    // at once, in the whole city; more are refused
#define PRIORITY_CALL_COUNT_MAX 8         // stop lines ahead of one vehicle
#define PRIORITY_AHEAD_MS 120000          // farther in time nothing is called
#define PRIORITY_AGE_MS 10000             // a vehicle that has not reported for so long is gone
#define PRIORITY_INSIDE_MS 30000          // unless it was at a stop line: who waits inside a junction is on no lane

struct priority_call {
    int32_t intersection;                 // INDEX_NONE: no call
    int32_t link, to_link;                // the stop line is at the end of one, on the way to the other
    uint64_t groups;                      // within the intersection: any of them lets it go
    int64_t arrive_ms;                    // at the earliest
};

struct priority_vehicle {
    int64_t vehicle, seen_ms;
    int64_t gone_ms;                      // when it is forgotten if it is not heard again
    enum priority_kind kind;
    int32_t late_s, call_count;
    struct priority_call calls[PRIORITY_CALL_COUNT_MAX];
};

struct priority_book {
    const struct network *network;
    struct priority_vehicle *vehicles;    // in order of first request
    int32_t count;
    int32_t *first;                       // one per intersection: its first call + 1, or 0
    int32_t *next;                        // one per call of a vehicle: the next of the same intersection + 1, or 0
    int32_t *called;                      // the intersections of all calls, as they were noted last
    int32_t called_count;
};

// What an intersection is to do for an emergency vehicle.
struct priority_wish {
    int32_t stage;
    int64_t vehicle;
    int64_t arrive_ms;
};

void priority_create(struct priority_book *book, const struct network *network);
void priority_release(struct priority_book *book);

// A vehicle says where it is. False, and nothing kept, when what it says is not of this network, or the book is full.
// *ret_until_ms is when it would pass the last stop line that it calls.
bool priority_take(struct priority_book *book, const struct priority *said, int64_t now_ms, int64_t *ret_until_ms);

// Forgets who is gone, and notes who calls where. At the begin of each tick.
void priority_begin(struct priority_book *book, int64_t now_ms);

// Whether an emergency vehicle needs a stage to begin, or to go on, now that `lamps` shows and the strategy would be in
// the stage `wanted`.
bool priority_wish(const struct priority_book *book, const struct estimate *estimate,
                   const struct transitions *transitions, const struct lamps *lamps, int32_t wanted,
                   struct priority_wish *ret);

// How many times more a row weighs, for the sake of transit vehicles that come to it; 1 without any.
double priority_weight(const struct priority_book *book, const struct estimate *estimate, int32_t row, int64_t at_ms);

// Walks over what changes from tick to tick (engine/base/snapshot.h).
void priority_snapshot(struct priority_book *book, struct snapshot_walk *walk);
