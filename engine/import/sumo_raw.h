// sumo_raw.h: the elements of SUMO's network and additional files as they stand, before they are tied together.
//
// THEORY    A .net.xml refers forward and backward: an edge names junctions that come later, a junction names the lanes
//           inside it that came before. So one pass only writes records down, each with its line; sumo.c ties them
//           together afterwards and can then say what refers to nothing. Format: https://sumo.dlr.de/docs/Networks/
//           SUMO_Road_Networks.html
// CONTRACT  Ids are indices into `texts`. A record's ranges lie within the lists. Values were checked on their own;
//           ids not.
// OWNERSHIP sumo_raw_release frees all.
// NOT HERE  What ids refer to, and the draft (sumo.h).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/import/draft.h"
#include "engine/import/import.h"

enum sumo_function { EDGE_NORMAL, EDGE_INTERNAL, EDGE_CROSSING, EDGE_WALKING_AREA };

struct sumo_range { int32_t first, count; };

struct sumo_edge {
    int32_t id, line;
    enum sumo_function function;
    int32_t from, to;                  // ids of junctions; NAME_NONE inside a junction
    int32_t priority;
    struct sumo_range lanes, points;   // points: its own centre line, often none
    struct sumo_range crossed;         // of a crossing: ids of edges, in refs
};

struct sumo_lane {
    int32_t id, line, edge;            // edge: index
    uint32_t users;
    double speed_mps, length_m, width_m;
    struct sumo_range points;
};

struct sumo_junction {
    int32_t id, line;
    enum junction_kind kind;
    bool inside;                       // type "internal": a waiting place, no junction of ours
    bool railway;                      // its signals are those of trains: SUMO works them itself
    bool zipper;                       // all merge in turn, and nobody yields: its matrix says that each does to each
    struct point at;
    struct sumo_range into, within;    // ids of lanes, in refs: incLanes and intLanes
    struct sumo_range requests;
};

struct sumo_request {
    int32_t line, index;
    struct sumo_range response, foes;  // bits in chars, the last one is for index 0
    bool cont;
};

struct sumo_connection {
    int32_t line;
    int32_t from, to;                  // ids of edges
    int32_t from_lane, to_lane;
    int32_t via;                       // id of the first lane inside, or NAME_NONE
    int32_t light, letter;             // id of the tlLogic, or NAME_NONE
    enum turn turn;
};

struct sumo_program {
    int32_t id, name, line;            // name: programID
    int32_t file;                      // 0: the network; then the additional files
    bool railway;                      // lights of trains: not ours
    bool follows_traffic;              // actuated, delay_based, NEMA: SUMO varies its durations
    bool by_delay, rings;              // of these: delay_based, NEMA
    bool has_offset;
    int32_t offset_ms;
    struct sumo_range phases;          // in phases
};

#define SUMO_FAR_M 1e6                 // beyond every lane

struct sumo_detector {
    int32_t id, lane, line, file;
    int32_t lane_count;                // of those it names; `lane` is the last
    double from_m, to_m;               // along the lane; negative: from its end; to_m NAN: a single loop
    double length_m;                   // NAN: not said
};

struct sumo_raw {
    struct names texts;
    bool left_hand;
    LIST_OF(struct point) points;
    LIST_OF(int32_t) refs;
    LIST_OF(char) chars;
    LIST_OF(struct sumo_edge) edges;
    LIST_OF(struct sumo_lane) lanes;
    LIST_OF(struct sumo_junction) junctions;
    LIST_OF(struct sumo_request) requests;
    LIST_OF(struct sumo_connection) connections;
    LIST_OF(struct sumo_program) programs;
    LIST_OF(struct draft_phase) phases;
    LIST_OF(struct sumo_detector) detectors;
    bool rounded;                      // a time was no multiple of 100 ms
    bool branching;                    // a phase names several that may follow it
    char version[16];                  // of the network's format, as it says it; "": it does not
    int32_t rail_crossing_count, rail_signal_count, acceleration_count;   // what is not modelled: see sumo.c
    int32_t entry_exit_count;          // detectors between entries and exits (E3): nothing here is measured so
};

// Reads a .net.xml, then each additional file, into an empty raw.
MUST_USE enum status sumo_raw_read_network(const char *path, struct sumo_raw *raw, struct problem *problem);
MUST_USE enum status sumo_raw_read_additional(const char *path, int32_t file, struct sumo_raw *raw,
                                              struct problem *problem);
void sumo_raw_release(struct sumo_raw *raw);
