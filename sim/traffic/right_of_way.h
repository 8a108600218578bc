// right_of_way.h: may this vehicle pass the stop line of its path; and inside the junction, what must it stop for.
//
// THEORY    A line is closed by its signal, by want of room beyond it, or by somebody else's right of way.
//             signal   red, or yellow if one can stop with 3.05 m/s2 or its own comfortable deceleration, or would
//                      only come to the line after the yellow, as it slows down for its turn, and can stop at all.
//                      Right on red after a stop, yielding to all.
//             room     who crosses other paths enters only if the exit lane will hold it as well, or where that is
//                      shorter than it the lanes beyond, as far as their lines are open: nobody blocks the box.
//             right    a vehicle yields to those on a foe path who would come within a second of its own time:
//                      of those outside, over the whole junction from line to exit; of those inside, over the common
//                      area (one's own times at one's own acceleration, the other's earliest). Who has waited long
//                      expects the other to brake a little (SUMO's impatience). Vehicles inside the common area are
//                      respected whatever the signs say. At an all-way stop who stopped first goes first. Who waits
//                      inside still when its green is over clears the junction before those whose green it is now.
//                      Who stands at its line for want of room beyond, or behind one that stands inside, threatens
//                      nobody, but keeps its right over those who go to the same lane while that has no room. Krauss
//                      drivers stop at their line for one inside that is nearer to being past than they are to the
//                      area (decision 0111).
//           Who yields waits before the line, or inside before the first common area where the path lets it.
//           Vehicles that stand and wait for each other in a circle are freed: after some seconds the one on the path
//           of the lowest index ignores foes that stand outside; after many, a blocker that stands inside
//           (SUMO knows the latter as --ignore-junction-blocker).
//
//               ──────────── line ┊ x < 0      0        enter      leave       length
//                 vehicle ■■■■■■▶ ┊            ├─────────▓▓▓▓▓▓▓▓▓▓▓┼────────────┤
//
//           Fronts are given along the path: negative before its line.
// CONTRACT  Reads published state only. Pure.
// NOT HERE  Following the leader on or beyond the path (look_ahead.h).
#pragma once

#include "sim/traffic/street_state.h"

struct viewer {
    float speed, length, desired;
    float factor;                      // of speed limits
    uint32_t kind;
    int32_t trip;
    float waited_s;                    // how long it has been held by others' right of way
    bool held;                         // its signal held it in the step before
};

// A full stop is made before the line of the path, by signs.
bool stop_sign(const struct street *street, const struct path *path);

enum verdict { LINE_OPEN, LINE_CLOSED, LINE_TAKEN };   // CLOSED: signal or room; TAKEN: somebody else's right

// Seconds from now on that a queue's head still takes to react to its green (start_loss_s).
float start_delay(const struct street *street, const struct path *path, uint32_t kind);

// further: how many legs beyond the viewer's own the path leads on from.
enum verdict line_verdict(const struct street *street, int32_t path, int32_t further, const struct viewer *viewer,
                          float x);

// Whether a vehicle this far from the line of a foe path will heed its own signal and stop.
bool held_by_signal(const struct street *street, const struct path *foe_path, float speed, float to_line);

// Whether the path has green and all those to whom it yields have red: SUMO's G in place of g.
bool foes_at_red(const struct street *street, int32_t path_index);

// Whether one who waits inside at its path's wait point may go on.
bool wait_over(const struct street *street, int32_t path, const struct viewer *viewer, float x);

// Distance from x to where one inside must stop for vehicles in common areas ahead; FAR_M when nowhere.
float area_ahead(const struct street *street, int32_t path, const struct viewer *viewer, float x);
