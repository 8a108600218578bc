// approach.h: which lanes feed which stop line, and which movements leave it. Laid out once, when a network is loaded.
//
// THEORY    Queues are judged over a reach of some 200 m before the stop line, and real networks are cut into short
//           lanes: the stop-line lane alone does not hold its queue. So each stop-line lane (a *row*) has *feeders*:
//           the lanes upstream from which unsignalled connections lead to it, as far as the reach goes. A feeder counts
//           for a row with a weight: the share of its vehicles that will come to that row.
//
//              ── feeder, weight 1/2 ──┬──▶ row 0 ──▶|  movement 0 (group 2, to link 7)
//              ── feeder, weight 1 ────┼──▶ row 1 ──▶|  movement 1 (group 2, to link 7), movement 2 (group 3, link 9)
//                                      ╰─ the weights of one feeder over all rows sum to at most 1
//
//           A *movement* is what leaves one row under one signal group towards one link. Rows of an intersection are
//           contiguous, movements of a row too, in order of their lanes and connections.
// CONTRACT  Read-only after approaches_create. Same network, same layout.
// OWNERSHIP approaches_release frees all; the network is kept.
// NOT HERE  What is on these lanes now (sight.h, estimate.h).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/model/network.h"

#define APPROACH_REACH_M 200.0 // what a camera at the stop line usefully sees; docs/sources.md, RESCO and ANCHORS
#define FEEDER_COUNT_MAX 48           // of one row; beyond it the farthest are left out

struct feeder {
    int32_t lane;
    double weight;                    // 0 .. 1, share of its vehicles that come to the row
    double to_stop_m;                 // from the feeder's end to the row's stop line
};

struct approach_row {
    int32_t lane, intersection;
    int32_t first_feeder, feeder_count;       // feeder 0 is the lane itself: weight 1, 0 m
    int32_t first_movement, movement_count;
    uint64_t groups;                          // of its movements, bits within the intersection
};

struct movement {
    int32_t row;
    int32_t group;                    // within the intersection, or INDEX_NONE where no lamp holds it
    int32_t to_link;
    enum turn turn;
    int32_t first_foe, foe_count;     // in foes: movements of the intersection that it yields to where both are green
};

struct intersection_rows {
    int32_t first, count;             // in rows
    int32_t first_movement, movement_count;
};

struct approaches {
    const struct network *network;
    struct intersection_rows *at;     // one per intersection
    struct approach_row *rows;
    int32_t row_count;
    struct movement *movements;
    int32_t movement_count;
    int32_t *foes;                    // movements
    int32_t foe_count;
    struct feeder *feeders;
    int32_t feeder_count;
    int32_t *row_of_lane;             // INDEX_NONE for lanes without a signal at their end
    uint64_t *conflicts;              // one per signal group of the network: groups of its intersection that conflict
};

void approaches_create(struct approaches *approaches, const struct network *network);
void approaches_release(struct approaches *approaches);

// The movement that a connection belongs to, or INDEX_NONE where its lane has no signal at its end.
int32_t approaches_movement(const struct approaches *approaches, int32_t connection);
