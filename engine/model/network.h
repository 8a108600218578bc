// network.h: the nouns of a city's signals: links, lanes, connections, signal groups, stages, detectors.
//
// THEORY    Everything has a dense index given at load. Arrays of small structs hold what is read now and then;
//           hot state elsewhere (estimates, vehicles) is in columns by these same indices.
//
//              link (directed road)                     junction                   link
//           ═══════════════════════════╗  connection 4                    ╔═══════════════════
//             lane 1  ───────────────▶ ║ ─────────────────────────────▶   ║  lane 0 ─▶
//             lane 0  ───────────────▶ ║ ─ connection 3 ─╮                ╚═══════════════════
//           ═══════════════════════════╝                 ▼
//                                   stop line        (a turn)
//
//           Lane 0 of a link is the one at the kerb. Links do not include the junction's interior: a connection
//           has a length of its own. Ranges are (first, count) into the array that is named beside them. The
//           lanes of a link, the connections of a lane, the groups and the stages of an intersection are
//           contiguous and in order; so are the links' lanes over the whole network.
//
//           An *intersection* is one signal program, even where it controls several junctions. A *signal group*
//           is a set of its connections that always show the same colour. Two groups either conflict
//           (intergreen_ms[] >= 0 for both orders), or they do not (-1 both ways), in which case crossing paths
//           among them are permissive: the foe list of each connection says who yields.
// CONTRACT  Filled by engine/import, checked by network_finish, read-only ever after.
// OWNERSHIP network_release frees all. Everything in it is borrowed for as long as the network lives.
// NOT HERE  What the street does (sim/traffic), what is safe (engine/guard), where it is stored (engine/import).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/ids.h"
#include "engine/base/names.h"
#include "engine/base/status.h"

#define GROUP_COUNT_MAX 64        // of one intersection: a stage is a 64-bit set
#define STAGE_COUNT_MAX 64        // of one intersection
#define CORRIDOR_NAME_COUNT_MAX 64   // of a network: an intersection's are a 64-bit set
#define GREEN_MS_MIN_DEFAULT 5000
#define GREEN_MS_MAX_DEFAULT 60000
#define RED_MS_MAX_DEFAULT 180000

enum network_origin { ORIGIN_INTERGREEN, ORIGIN_SUMO, ORIGIN_CITYFLOW };

enum junction_kind {
    JUNCTION_DEAD_END,              // traffic enters and leaves the network here
    JUNCTION_PRIORITY,              // signs: foes say who yields
    JUNCTION_RIGHT_BEFORE_LEFT,
    JUNCTION_STOP,                  // as priority; who yields makes a full stop before entering
    JUNCTION_SIGNAL,
    JUNCTION_UNREGULATED,           // nobody yields
    JUNCTION_ALL_WAY_STOP,          // everybody makes a full stop, and who came first goes first
};

enum turn { TURN_THROUGH, TURN_LEFT, TURN_RIGHT, TURN_U, TURN_COUNT };

// Sets of road users, as bits.
enum user_class {
    USER_CAR = 1 << 0,
    USER_TRUCK = 1 << 1,
    USER_BUS = 1 << 2,
    USER_TRAM = 1 << 3,
    USER_BICYCLE = 1 << 4,
    USER_PEDESTRIAN = 1 << 5,
    USER_EMERGENCY = 1 << 6,
    USER_MOTORCYCLE = 1 << 7,
    USER_TAXI = 1 << 8,
    USER_DELIVERY = 1 << 9,
    USER_RAIL = 1 << 10,
    USER_MOTOR = USER_CAR | USER_TRUCK | USER_BUS | USER_EMERGENCY | USER_MOTORCYCLE | USER_TAXI | USER_DELIVERY,
};

enum group_kind { GROUP_VEHICLE, GROUP_PEDESTRIAN, GROUP_BICYCLE, GROUP_TRANSIT };

struct point { double x_m, y_m; };

struct junction {
    int32_t name;                   // in network.names
    enum junction_kind kind;
    int32_t intersection;           // that controls it, or INDEX_NONE
    struct point at;
};

struct link {
    int32_t name;
    int32_t from_junction, to_junction;
    int32_t first_lane, lane_count;
    int32_t first_point, point_count;   // its centre line in network.points, at least 2
    int32_t priority;               // as SUMO's: the greater one goes first
    double length_m, speed_mps;     // from the stop line before it to its own; speed limit
};

struct lane {
    int32_t link;
    int32_t position;               // 0 at the kerb
    int32_t first_connection, connection_count;   // out of it, in network.connections
    uint32_t users;                 // user_class bits that may drive here
    double length_m, speed_mps, width_m;
};

struct connection {
    int32_t from_lane, to_lane;
    int32_t junction;
    enum turn turn;
    int32_t group;                  // signal group over the whole network, or INDEX_NONE
    int32_t link_index;             // its letter in SUMO's state string or its roadLink in CityFlow; else INDEX_NONE
    int32_t first_foe, foe_count;   // in network.foes
    int32_t first_point, point_count;   // its path in network.points, or 0 of them
    bool right_on_red;              // may turn on red after a stop, yielding to all
    bool wait_inside;               // a yielding vehicle may wait inside the junction (SUMO's `cont`)
    double length_m, speed_mps;     // inside the junction; turning speed
};

// Another connection whose path this one meets.
struct foe {
    int32_t connection;
    bool merges;                    // they meet at the same exit lane rather than cross
    bool yields;                    // this one yields to it when both may go
    double enter_m, leave_m;        // where on this one's own path the common area begins and ends
};

struct signal_group {
    int32_t name;
    int32_t intersection;
    enum group_kind kind;
    int32_t first_member, member_count;   // connections, in network.group_members
    int32_t green_ms_min, green_ms_max;
    int32_t red_ms_max, red_ms_max_emergency;   // bounds of a red while there is demand
    int32_t yellow_ms;              // of a pedestrian group: its clearance, shown as flashing or red
    int32_t red_clearance_ms;       // all-red that the site asks for after yellow
    bool on_call;                   // it has push buttons: nobody waits for it unless one was pushed
};

struct stage {
    int32_t name;
    int32_t intersection;
    uint64_t groups;                // bit i: the intersection's i-th group is green
    int32_t program_phase;          // index of the phase it came from, or INDEX_NONE
    int32_t green_ms_min, green_ms_max;   // how long it may run, from the program where it says so
};

// One green of a group in the network's own program: 0 <= start < cycle, start < end <= start + cycle.
struct program_green {
    int32_t group;                  // within the intersection
    int32_t stage;                  // within the intersection: the stage in which it starts
    int32_t start_ms, end_ms;
};

struct intersection {
    int32_t name;
    struct point at;
    int32_t region;                 // in network.regions (names), or 0
    uint64_t corridors;             // bit i: it lies on network.corridors i, whose green wave counts most
    int32_t first_group, group_count;
    int32_t first_stage, stage_count;
    int32_t first_intergreen;       // group_count x group_count ms in network.intergreen_ms, row = the one that ends
    int32_t first_green, green_count;     // its own program, in network.program_greens
    int32_t cycle_ms, offset_ms;    // of its own program: cycle starts at reference + offset + k * cycle
    int32_t cycle_ms_min, cycle_ms_max;   // site limits for any cyclic plan
    int32_t coordinated_stage;      // within the intersection: begins at position 0 of every cyclic plan
    int32_t quantum_ms;             // every lamp time is a multiple of it
    bool approved;                  // somebody signed its site data
    bool falls_back_to_actuated;    // its controller's fallback is local actuated control, not its program
    bool stages_in_turn;            // that control passes over no stage of the program, called or not
    uint64_t site_hash;             // of all that the guard reads, its name and the reference instant too
};

enum detector_place { DETECTOR_STOP_LINE, DETECTOR_ADVANCE, DETECTOR_EXIT, DETECTOR_MIDBLOCK };

struct detector {
    int32_t name;
    int32_t lane;
    int32_t intersection;           // whose stop line it serves, or INDEX_NONE
    enum detector_place place;
    double to_stop_m;               // from its downstream edge to the lane's end
    double length_m;
};

// A field of view over one lane, up to its end. Several cameras make up one box's picture of an approach.
struct camera {
    int32_t name;
    int32_t lane;
    int32_t intersection;           // whose approach it watches, or INDEX_NONE
    double to_stop_m;               // driving distance from the lane's end to that intersection's stop line
    double view_m;                  // how much of the lane it sees, back from the lane's end
};

struct network {
    enum network_origin origin;
    bool left_hand;                 // traffic keeps left
    char time_zone[64];             // IANA
    int64_t reference_ms;           // reference instant of offsets
    uint64_t hash;                  // of everything in it
    struct names names;             // of every thing: a junction and a link may share a text
    struct names regions;
    struct names corridors;         // that site data name; most networks have none

    struct point *points;
    int32_t point_count;
    struct junction *junctions;
    int32_t junction_count;
    struct link *links;
    int32_t link_count;
    struct lane *lanes;
    int32_t lane_count;
    struct connection *connections;   // sorted by from_lane
    int32_t connection_count;
    struct foe *foes;
    int32_t foe_count;
    struct intersection *intersections;
    int32_t intersection_count;
    struct signal_group *groups;
    int32_t group_count;
    int32_t *group_members;         // connections
    int32_t group_member_count;
    struct stage *stages;
    int32_t stage_count;
    int32_t *intergreen_ms;         // see intersection.first_intergreen; -1: no conflict
    int32_t intergreen_count;
    struct program_green *program_greens;
    int32_t program_green_count;
    struct detector *detectors;
    int32_t detector_count;
    struct camera *cameras;
    int32_t camera_count;

    int32_t *intersection_by_name;  // names.count entries each: the thing of that name, or INDEX_NONE
    int32_t *link_by_name;
    int32_t *detector_by_name;
    int32_t *camera_by_name;
};

// Empty network with defaults; release frees what it points to and empties it.
void network_create(struct network *network);
void network_release(struct network *network);

// A copy that shares nothing with `from`.
void network_copy(const struct network *from, struct network *ret);

// To be called once everything is filled: builds the tables by name and the hashes, and checks every index, range
// and order that this header promises. STATUS_RANGE names the first thing that is wrong.
MUST_USE enum status network_finish(struct network *network, const char *source, struct problem *ret);

// Of what a route depends on alone: links, lanes, connections. Site data, signals and sensors do not change it.
uint64_t network_roads_hash(const struct network *network);

struct intersection_id network_find_intersection(const struct network *network, const char *name);
struct link_id network_find_link(const struct network *network, const char *name);
struct detector_id network_find_detector(const struct network *network, const char *name);

// The text of a name index of this network; "" for INDEX_NONE.
const char *network_name(const struct network *network, int32_t name);

// Intergreen from group `from` to group `to`, both within the intersection; -1 where they do not conflict.
static inline int32_t network_intergreen_ms(const struct network *network, const struct intersection *at,
                                            int32_t from, int32_t to)
{
    return network->intergreen_ms[at->first_intergreen + from * at->group_count + to];
}

// Longest transition from stage `from` to stage `to` of an intersection, ms: the least time between the end of the
// groups that stop and the common start of those that begin, at least the yellow of every group that stops.
int32_t network_transition_ms(const struct network *network, struct intersection_id intersection, int32_t from,
                              int32_t to);
