// draft.h: a network as a file tells it, before signals are derived. What the readers write and derive.h reads.
//
// CONTRACT  Indices are positions in the lists. Lanes of a link are contiguous, position 0 at the kerb. Connections
//           may come in any order; derive sorts them. Every list grows with GROW.
// OWNERSHIP draft_release frees all. Texts of names live in `names`.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/memory.h"
#include "engine/base/names.h"
#include "engine/model/network.h"

#define DRAFT_STATE_MAX 512           // letters of a state string: connections that one program controls

struct draft_junction {
    int32_t name;
    enum junction_kind kind;
    int32_t program;                  // in programs, or INDEX_NONE
    struct point at;
};

struct draft_link {
    int32_t name, from_junction, to_junction;
    int32_t first_lane, lane_count;
    int32_t first_point, point_count;
    int32_t priority;
    double length_m, speed_mps;
};

struct draft_lane {
    int32_t link, position;
    uint32_t users;
    double length_m, speed_mps, width_m;
    int32_t first_point, point_count; // its centre line
};

struct draft_connection {
    int32_t from_lane, to_lane, junction;
    enum turn turn;
    int32_t program, letter;          // whose state string controls it, and where; INDEX_NONE, INDEX_NONE
    int32_t request;                  // its row in the junction's own right-of-way matrix, or INDEX_NONE
    bool wait_inside;
    double length_m, speed_mps;       // length_m <= 0: from its path
    int32_t first_point, point_count; // its path from stop line to exit, or 0: straight
};

// A row of a right-of-way matrix that the file gives: connection `one` meets `other`.
struct draft_foe {
    int32_t one, other;               // connections
    bool yields;                      // one yields to other
};

struct draft_phase {
    int32_t duration_ms, duration_ms_min, duration_ms_max;   // min and max: -1 where the file says nothing
    char state[DRAFT_STATE_MAX + 1];  // SUMO's letters: G g y r s o O u; CityFlow's links as G, g, r
};

struct draft_program {
    int32_t name;                     // of the intersection
    int32_t letter_count;
    int32_t offset_ms;                // the cycle's phase 0 begins at reference + offset + k * cycle
    int32_t first_phase, phase_count; // in phases
    bool actuated;                    // its durations follow the traffic
    bool shows_changes;               // the file's form can show yellow (SUMO); false: it cannot (CityFlow)
};

// A pedestrian crossing that a program controls.
struct draft_crossing {
    int32_t program, letter;
    int32_t junction;
    int32_t first_point, point_count; // its path
    double width_m;
    int32_t first_link, link_count;   // the links that it crosses, in crossed_links
};

struct draft_detector {
    int32_t name, lane;
    double to_stop_m, length_m;
};

struct network_draft {
    const char *source;               // the file's name for messages, borrowed until the draft is used up; or NULL
    enum network_origin origin;
    bool left_hand;
    int32_t quantum_ms;               // of lamp times: 100, or 1000 for files whose phases are whole seconds
    struct names names;
    LIST_OF(struct point) points;
    LIST_OF(struct draft_junction) junctions;
    LIST_OF(struct draft_link) links;
    LIST_OF(struct draft_lane) lanes;
    LIST_OF(struct draft_connection) connections;
    LIST_OF(struct draft_foe) foes;   // complete for the junctions in has_foes; derived from paths elsewhere
    LIST_OF(struct draft_phase) phases;
    LIST_OF(struct draft_program) programs;
    LIST_OF(struct draft_crossing) crossings;
    LIST_OF(int32_t) crossed_links;
    LIST_OF(struct draft_detector) detectors;
    bool has_foes;                    // the file gives right of way for all junctions
};

void draft_release(struct network_draft *draft);
