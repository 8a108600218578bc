// draft.h: a network as a foreign file tells it: the roads, and the signal programs as they are written there.
//
// THEORY    Readers (SUMO, CityFlow) fill a draft in whatever order their file has; derive.h turns a draft into a
//           finished network: conflicts, groups, stages, intergreens, detectors. So what is derived is derived in one
//           place, whatever the file.
//
//             SUMO ──▶ sumo_read ─────╮
//                                     ├─▶ draft ─▶ draft_sort ─▶ derive_signals ─▶ network
//             CityFlow ▶ cityflow_read ╯
//
//           Junctions, links and lanes are the structs of the model. A reader fills of them what the file says and
//           leaves first_lane, first_connection and the counts beside them to draft_sort. junction.intersection
//           holds the index of its *program*, or INDEX_NONE.
// CONTRACT  Indices are into the draft's own lists. lane.link and lane.position (0 at the kerb, without gaps) decide a
//           lane's place; from_lane a connection's. draft_sort must be called before derive_signals (the door does).
// OWNERSHIP draft_release frees all. Nothing points outside.
// NOT HERE  Reading of files (sumo.h, cityflow.h), what follows from a draft (derive.h).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/memory.h"
#include "engine/model/network.h"

struct draft_connection {
    int32_t from_lane, to_lane;
    int32_t junction;
    enum turn turn;
    int32_t program;                    // in draft.programs, or INDEX_NONE: no signal
    int32_t letter;                     // its place in the program's state strings, or INDEX_NONE
    int32_t first_point, point_count;   // path through the junction, stop line to exit, in draft.points; or 0 of them
    bool wait_inside;                   // SUMO's `cont`
    double length_m, speed_mps;         // length 0: to be measured along the path; speed 0: to be derived from the path
};

// The file says that these two meet, and who yields. Several rows of one ordered pair: the last one holds.
struct draft_foe {
    int32_t connection, foe;
    bool yields;                        // connection yields to foe where both may go
};

// A signalled crossing of pedestrians (or of a cycle track that no connection carries).
struct draft_crossing {
    int32_t name;
    int32_t junction;
    int32_t program, letter;            // letter INDEX_NONE: not signalled
    int32_t first_point, point_count;   // its centre line in draft.points
    double width_m;
};

// One phase of a program. The state has program.letter_count letters of SUMO's meaning, in draft.states:
//     G  green with right of way      g  green, yields to who crosses with right of way
//     y  yellow                       r  red                  u  red and yellow
//     s  red, but may turn right after a stop                 o, O  off: signs rule
struct draft_phase {
    int32_t name;                       // or NAME_NONE
    int32_t first_letter;               // in draft.states
    int32_t duration_ms, min_ms, max_ms;   // min and max -1 where the file does not say
    bool transition;                    // the reader knows it is a clearance, not a stage; else the letters tell
};

// One signal program becomes one intersection.
struct draft_program {
    int32_t name;
    struct point at;
    int32_t first_phase, phase_count;   // in draft.phases, in order
    int32_t letter_count;
    int32_t offset_ms;
    int32_t quantum_ms;                 // every lamp time of the file is a multiple of it
    int32_t index_base;                 // file's index of the first phase in draft.phases (0)
};

struct network_draft {
    enum network_origin origin;
    bool left_hand;
    char time_zone[64];                 // "" : unknown
    int64_t reference_ms;
    struct names names;
    LIST_OF(struct point) points;
    LIST_OF(struct junction) junctions;
    LIST_OF(struct link) links;
    LIST_OF(struct lane) lanes;
    LIST_OF(struct draft_connection) connections;
    LIST_OF(struct draft_foe) foes;
    LIST_OF(struct draft_crossing) crossings;
    LIST_OF(struct draft_program) programs;
    LIST_OF(struct draft_phase) phases;
    LIST_OF(char) states;               // letters of all phases, no NUL between
    LIST_OF(struct detector) detectors;   // .intersection is left to derive_signals
    LIST_OF(struct camera) cameras;       // .intersection and .to_stop_m likewise
};

void draft_create(struct network_draft *draft);
void draft_release(struct network_draft *draft);

// Appends a point and gives its index.
int32_t draft_point(struct network_draft *draft, double x_m, double y_m);

// The letter of a phase at a place of the state string.
char draft_letter(const struct network_draft *draft, const struct draft_phase *phase, int32_t letter);

// Orders lanes by (link, position) and connections by (from_lane, junction, to_lane), renumbers all that names them,
// and fills first_lane, lane_count, first_connection and connection_count. STATUS_RANGE when an index is out of range,
// a link has no lane, or the positions of a link's lanes have a gap.
MUST_USE enum status draft_sort(struct network_draft *draft, const char *source, struct problem *ret);
