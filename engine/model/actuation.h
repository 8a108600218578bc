// actuation.h: local actuated control: when to leave the stage that is green, and for which one.
//
// THEORY    The rules of an actuated controller [NCHRP812], for stages in place of single phases. Stages are served in
//           the order of the site's program; one that nobody calls is passed over.
//
//             call      A loop of a group that is red was touched: it is remembered until the group is green. A group
//                       that is green but must yield in this stage calls one that protects it, as long as its line has
//                       not been free for a passage time. A group without loops is on recall: called all the time;
//                       but not one with push buttons (on_call), which is called by these alone.
//             rest      While nobody calls another stage, this one stays green.
//             minimum   No stage ends before its minimum green, a pedestrian call's walk included.
//             gap-out   The green ends when every group that would end with it shows a gap: no loop of it touched for
//                       its passage time. A group that the next stage serves too need not be waited for.
//             max-out   ... or when its maximum green is over, counted from the first call for another stage: the
//                       site's, but at most half as much again as the program's own green of the stage, or 50 s. The
//                       greatest greens of a round are cut so that no group's maximum red is broken by them.
//             recall    A group of vehicles without loops holds its stage for as long as the program shows it green.
//
//           Passage time: the greatest headway that still counts as one stream (3 s), less the time for which a vehicle
//           covers the loop. A loop in advance extends the green throughout; one at the line only until its queue has
//           passed (the first gap there), where there is another in advance: what passes it later has left already.
//
//              green ├──minimum──┤                            maximum
//              advance   ▇ ▇▇ ▇▇ ▇ ▇▇  ▇   ▇·passage·│ gap-out   ┊
//              line    ▇▇ ▇ ▇ ▇ ▇  ▇ ·passage·│ its queue has gone; from here it does not extend
//           In turn: as SUMO's actuated programs do, whoever plays it may ask that no stage be passed over (in_turn).
//           Then, where there is a loop in advance, the one at the line extends nothing, nor does one of a lane on
//           which somebody may wait for another stage.
// CONTRACT  Pure, integers only; no allocation after actuation_create. A state belongs to one intersection.
// OWNERSHIP actuation_release frees; the network is kept.
// NOT HERE  Lamps: whoever plays it shows them (sim/traffic/signals.h) or makes plans (engine/optimize/by_actuated.c).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/model/network.h"
#include "engine/model/plan.h"

struct actuated_stage {
    int32_t stage;                    // within the intersection
    uint64_t groups;
    uint64_t protected_groups;        // of them those that yield to nobody here
    int32_t green_ms_min, green_ms_max;
    int32_t recall_ms;                // how long groups without loops hold it
};

struct actuated_site {
    int32_t first_group;              // of the network
    int32_t first_stage, stage_count; // in actuation.stages, in the order of service
    int32_t rotation_count;           // of them the first ones, the program's own: only these are gone to
    uint64_t advance, line;           // groups that have such loops
    uint64_t recall;                  // groups that have none
    uint64_t held;                    // of them those of vehicles
    bool in_turn;                     // each stage is called all the time: none is passed over, none rests
};

struct actuation {
    const struct network *network;
    struct actuated_site *sites;      // one per intersection
    struct actuated_stage *stages;    // a run of rows per intersection
    int32_t *passage_ms;              // one per group of the network
};

// Groups (bits within the intersection) whose loops, at the line and in advance, were covered at any time since the
// last look; pedestrians who pushed the button count as at the line.
// parted: of those in advance the ones touched only on lanes that also lead to a group that is not green.
struct actuation_touch { uint64_t line, advance, parted; };

struct actuation_state {
    int64_t since_ms;                 // when the stage began
    int64_t contested_ms;             // since when another stage is called; INT64_MAX: none is
    uint64_t calls;
    uint64_t queued;                  // groups whose queue at the line has not passed yet
    int32_t place;                    // of the stage, in the order of service
    struct {
        int32_t touched_ms;           // after since_ms: last touch that extends the green
        int32_t line_ms;              // after since_ms: last touch at the line
    } heard[GROUP_COUNT_MAX];
};

struct actuation_choice {
    int32_t stage;                    // the present one, or the one to go to
    enum reason_kind reason;          // STAY, MINIMUM, GAP, MAXIMUM
    int32_t gap_ms;                   // of the stream that ended last, as far as it is known
    int64_t quiet_until_ms;           // where it stays: looks before it that bring no touches choose the same
};

// cameras: lanes that a camera watches count as lanes with loops.
void actuation_create(struct actuation *actuation, const struct network *network, bool cameras);
void actuation_release(struct actuation *actuation);

// A stage begins at since_ms (which may lie some time back). Before the first one the caller sets state->calls, to
// ACTUATION_CALL_ALL where nothing is known, as after a start.
#define ACTUATION_CALL_ALL (~UINT64_C(0))
void actuation_enter(const struct actuation *actuation, struct intersection_id intersection,
                     struct actuation_state *state, int32_t stage, int64_t since_ms);

// Calls of groups that are not among `green`: at every look during a change of stages.
void actuation_note(struct actuation_state *state, struct actuation_touch touch, uint64_t green);

// Looks at what was touched up to now_ms and chooses. now_ms never falls.
void actuation_step(const struct actuation *actuation, struct intersection_id intersection,
                    struct actuation_state *state, struct actuation_touch touch, int64_t now_ms,
                    struct actuation_choice *ret);

// In place of looks without touches up to now_ms, all of them before the quiet_until_ms of the last choice.
void actuation_pass(const struct actuation *actuation, struct intersection_id intersection,
                    struct actuation_state *state, int64_t now_ms);

// The groups that a lane's vehicles may leave by, as bits within the intersection.
uint64_t actuation_lane_groups(const struct network *network, int32_t lane, int32_t intersection);
