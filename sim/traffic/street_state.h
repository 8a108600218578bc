// street_state.h: how the street keeps its vehicles. Seen by the files of this room only.
//
// THEORY    Storage. A *cell* is one lane's place in storage. Sixteen links with the same number of lanes make a
//           block; lane i of all sixteen makes a *group* of sixteen cells, so that the lane beside a cell is the same
//           column of the next group. Row k of a group holds the k-th vehicle from the front of each of its cells,
//           field by field, so that one wide instruction moves the k-th vehicle of sixteen lanes:
//
//                        column 0    column 1    ...  column 15
//              row 0     head        head             head          front[16] speed[16] desired[16] path[16] ...
//              row 1     second      second           -
//              row 2     third       -                -             '-': beyond the cell's count, never read
//
//           A *path* is one connection's interior. Few vehicles are on paths: they are kept one by one (struct
//           crosser), doubled (now, next), because other threads read them while they move.
//
//           A step has two phases with a barrier after each.
//             move     each block and each junction is moved by one thread. It reads what was published of others
//                      (heads, tails, crossers of *now*) and writes only what belongs to the block or junction. Who
//                      leaves a cell or a path is put into a list, which lies where the place it leaves says.
//             commit   of each share one thread takes from all lists what is for it. Then each of its blocks is
//                      settled by one thread: it changes lanes, inserts, publishes.
//           Nobody reads what another writes in the same phase, and lists are read in the order of the places that
//           were left: so neither the number of threads nor who does what can matter. Who does what: sharing.h.
// CONTRACT  Within a column, fronts fall from row to row and vehicles never overlap. A front is measured from the
//           start of its lane or path; a rear may be negative: it is still on what lies before.
// NOT HERE  What others may know of the street (street.h).
#pragma once

#include <string.h>

#include "engine/base/bounds.h"
#include "engine/base/branch.h"
#include "engine/base/memory.h"
#include "sim/traffic/street.h"

#define WIDE 16                    // cells of a group
#define LINK_LANE_COUNT_MAX 16     // lanes of one link
#define LEG_LANE_COUNT_MAX 8       // lanes of which a leg keeps a set
#define LEG_COUNT_MAX 60000        // links of one route
#define LINK_CHOICE_COUNT_MAX 255  // links that one link leads to
#define PIECE_LEGS 8               // routes are kept in pieces of multiples of this
#define PIECE_SIZE_COUNT ((LEG_COUNT_MAX + 64) / PIECE_LEGS + 1)
#define TYPE_COUNT_MAX 4096
#define THREAD_COUNT_MAX 64
#define FAR_M 1.0e6f
#define LOOK_S 4.0f                // a driver looks as far as it drives in this time, beyond twice its braking distance
#define LOOK_M 20.0f
#define LINE_MARGIN_M 0.05f      // a front held by a line stays this much before it
#define STOP_MARGIN_M 1.0f         // drivers stop this much before a line
// Who can stop with this, or with its own comfortable deceleration, stops at yellow: 10 ft/s2 of ITE's yellow formula
// (NCHRP812), so that nobody who brakes gently meets the red.
#define YELLOW_MPS2 3.05f
#define PATH_NONE (-1)             // no way on from this lane: the vehicle must change lanes
#define PATH_END (-2)              // its route ends with this lane

#define KIND_TYPE 0x0fffu          // bits of row.kind: the vehicle's type
#define KIND_STOP 0x1000u          // it has a stop on this lane's link, or stands at one (stops.h)
#define KIND_RIGHT 0x10000u        // must change to the right for its route
#define KIND_LEFT 0x20000u         // must change to the left
#define KIND_FREE_RIGHT 0x40000u   // the lane to the right serves its route as well
#define KIND_FREE_LEFT 0x80000u
#define KIND_LUCK_SHIFT 20         // 12 bits that come from the trip's number, to spread decisions over time
#define HALT_FAST 1u               // bits of row.halt: was faster than 1.39 m/s since its last stop
#define HALT_STOP 2u               // one stop (12 bits)
#define HALT_WAIT 0x2000u          // one step of waiting (19 bits)
#define HALT_WAIT_MAX 0x7ffffu

#define SPEED_WAITING_MPS 0.1f
#define SPEED_QUEUED_MPS 1.39f     // 5 km/h

struct row {
    _Alignas(64) float front[WIDE];
    float speed[WIDE];
    float desired[WIDE];           // its own free speed on this lane
    int32_t path[WIDE];            // on which it will leave the lane
    int32_t trip[WIDE];
    uint32_t kind[WIDE];
    uint32_t halt[WIDE];
};

// What the first vehicle of a cell must heed, in the coordinates of its cell.
struct ahead {
    _Alignas(64) float rear[WIDE];    // of the leader
    float speed[WIDE];                // of the leader
    float margin[WIDE];               // the gap that is left before it when it stands: none before a line
    float bound[WIDE];                // no front passes this
    float cap[WIDE];                  // speed at the end of the step is no more than this
    float line[WIDE];                 // nobody but the first may pass this in the step: the lane's end
    // a line that closed behind the first one: the second stops there if it can; or FAR_M
    float hold[WIDE];
    uint32_t red;                     // columns of which it is a red light: whoever can stop at all does
    bool holds;                       // in any column
};

// Of struct ahead what lane changes ask for after the heads have moved.
struct leaders {
    _Alignas(64) float rear[WIDE], speed[WIDE], margin[WIDE];
};

struct tails {
    _Alignas(64) float rear[WIDE], speed[WIDE];
};

// What others see of a cell, in one cache line, as they look at one cell here and one there: what never changes of it,
// and as published two vehicles at its front and the last one. Of a cell with count 0 no vehicle is told.
struct seen {
    _Alignas(64) float length;
    float limit;
    int32_t first_path, first_entry;  // paths that lead out of it; in street.entries, those that lead in
    uint16_t path_count, entry_count;
    int32_t count;
    float head_front, head_speed;
    int32_t head_path;
    float second_front, second_speed;
    int32_t second_path;
    float tail_rear, tail_speed;
    int32_t tail_path;                // on which the last one came in, or PATH_NONE
    int16_t head_yielded;             // steps that the head has stood before a line for others
    uint16_t head_held;               // 1: its signal or want of room beyond it held the head
};

struct group {
    struct leaders leaders;           // of the heads; kept where there is a lane beside
    struct tails tails;               // of each column's last vehicle, after it moved
    // One cache line of what every step asks of a group.
    _Alignas(64) int64_t first_row;   // its piece of street.rows
    int32_t row_count;                // rows of the piece
    int32_t row_count_max;            // what its longest lane may need
    int32_t count_max;                // of the columns
    uint32_t held;                    // columns whose head's line was closed to it in the step before
    uint32_t clear;                   // of them those with nobody left on the lane's paths: none can come past the head
    uint32_t changed;                 // columns whose last vehicle may be another one than tails tells of
    uint32_t shown;                   // columns of which seen tells vehicles
    uint32_t over;                    // columns back over whose line somebody may reach
    int32_t loop_layer, loop_layer_count;   // in street.loops
    int32_t lane_position;            // 0 at the kerb
    bool stops;                       // somebody of KIND_STOP may be in it
    uint32_t red;                     // of `clear` those whose signal is red in this step still (moving.c)
    _Alignas(64) int32_t count[WIDE];
    float length[WIDE];
    float limit[WIDE];                // speed limit
    int32_t head_path[WIDE];          // of the heads as published last, or PATH_NONE
    int32_t head_signal[WIDE];        // signal group of the path of head_path; none where it may turn on red
    int32_t entered[WIDE];            // path on which the last vehicle came in, or PATH_NONE
    int16_t yielding[WIDE];           // steps that the head has stood before a line held by somebody else's right
    bool entry_busy[WIDE];            // somebody is about to come in: no insertion here
    int32_t lane[WIDE];               // of the network, or INDEX_NONE
    int32_t first_path[WIDE], path_count[WIDE];
    int32_t first_entry[WIDE], entry_count[WIDE];   // paths that lead in, in street.entries
    // Of the columns of `over`: one beyond the line whose rear is on this lane still.
    float over_rear[WIDE], over_mps[WIDE];
};

struct block {
    int32_t first_group, lane_count;
    int32_t link[WIDE];               // or INDEX_NONE
    int32_t waiting;                  // vehicles waiting to enter on its links
    int32_t vehicles;                 // under way on its lanes
    bool stale;                       // what it publishes has changed
    bool over;                        // some group's `over` is not 0
    int32_t parked;                   // trips off its lanes, joined by next, or INDEX_NONE
};

// One loop per column of a group; several layers where lanes have several.
struct loop_layer {
    _Alignas(64) float from[WIDE], to[WIDE];   // along the lane; to <= from: none in this column
    int32_t detector[WIDE];
    int32_t occupied_ms[WIDE], count[WIDE];
    int32_t speed_mmps[WIDE];         // sum over those counted
    // The same by vehicles whose front is beyond the lane already: added by the threads that own the junctions.
    _Alignas(64) int32_t behind_ms[WIDE], behind_count[WIDE], behind_mmps[WIDE];
    int32_t last_ms[WIDE];            // end of the last reading, ms after begin
};

// Columns of a layer whose times or counts have risen since the controllers' last look, so that it need not ask the
// layer: by those who covered it, by those who cleared it, and by those whose front was beyond the lane.
struct loops_met {
    uint16_t covered, cleared;        // by the thread that owns the lanes
    uint32_t behind;                  // by those that own the junctions
};

struct loop_call {                    // a column of a layer: who is called when it is covered; groups 0: nobody
    uint64_t groups;
    int32_t intersection;
    bool line;                        // at the stop line, else in advance
};

struct path {
    _Alignas(64) int32_t from_cell;
    int32_t to_cell, to_link;
    uint32_t users;                   // who may drive on the lane that it leads to
    float length, limit;
    float wait;                       // front of a vehicle that waits inside for others, or 0
    int32_t group;                    // signal group over the network, or INDEX_NONE
    int32_t first_foe;                // in street.foes
    int16_t foe_count;
    uint8_t rule, turn;               // enum junction_kind, enum turn
    uint8_t to_position;              // of the lane that it leads to
    bool right_on_red, crosses, yields;
    int32_t capacity;                 // crossers that it can hold
    int32_t junction;                 // in street.crossroads
    int32_t connection;               // of the network
    int32_t first_part;               // in street.parts: one row per path of the same lane, in their order
};

struct path_foe {
    int32_t path;
    float enter, leave;               // on the own path
    float foe_enter, foe_leave;       // on the foe's path
    bool merges, yields, foe_yields;
    bool conflicting;                 // their signal groups are never green together
};

struct crosser {
    float front, speed, desired, length;
    int32_t trip;
    uint32_t kind, halt;
};

struct entry { int32_t path, from_cell; };   // a path that leads to a cell, and from where

struct inside { int32_t first, count; };   // the crossers of a path: where in street.now, how many

struct stayer {                       // one who was on a path and still is
    int32_t path;
    struct crosser crosser;
};

struct crossroads {                   // a junction with paths
    int32_t first_path, path_count;
    int32_t vehicles_now, vehicles_next, vehicles_before;
    int32_t first_slot;               // room for as many crossers as all paths before its own can hold
    uint64_t busy, busy_next;         // bits of its paths that have crossers now, and after this step; BUSY_REST always
    uint64_t busy_before;             // and before the last step: those of which street.inside_next tells still
};

// Whose crossers may concern one on a path or before it: bits of paths as in crossroads.busy. Most of the time none of
// them has any, and there is no need to look path by path.
struct watch {
    uint64_t lane;                    // paths from the same lane, this one included
    uint64_t merging;                 // other paths into the same lane
    uint64_t foes;
    int32_t junction;                 // in street.crossroads
    bool short_ones;                  // on one of lane's paths a vehicle may lie over both ends
};
#define BUSY_PATHS 63                 // the first so many paths of a junction have bits of their own
#define BUSY_REST (UINT64_C(1) << 63) // the others, and paths of other junctions

// A vehicle between two owners.
struct transfer {
    int32_t cell, path;               // where it goes: one of them is INDEX_NONE
    int32_t trip;
    int32_t came_by;                  // path
    int32_t passed;                   // cell of a lane that it came onto and left in this very step, or INDEX_NONE
    float front, speed, driven;       // front in the new coordinates; metres driven in this step
    uint32_t kind, halt;
};

// What one wants to know of a path long before one is near it; all paths of a lane side by side in one cache line.
struct path_brief {
    uint8_t choice;                   // of its lane's link: which of the links after it the path leads to
    uint8_t to_position;              // of the lane that it leads to
    bool everyone;                    // whoever drives here may drive on that lane
    bool short_one;                   // a vehicle may lie over both its ends
    int32_t to_cell;
};

// One link of a route: 2 bytes, as a city's vehicles under way have a million of them.
struct leg {
    uint8_t choice;                   // which of the links that follow it is the next leg; 0 at the end
    uint8_t preferred;                // lanes that suit the legs after it; 0 where the link has more than 8: computed
};

// A trip that is about to be entered.
struct trying {
    int32_t broken;                   // the first leg that does not lead on, or -1
    int32_t index;                    // in street.trips
};

struct passage_sum { int64_t passages, loss_ms; };   // integers: threads add to them in any order

enum trip_state { TRIP_EMPTY, TRIP_SCHEDULED, TRIP_WAITING, TRIP_UNDER_WAY, TRIP_ARRIVED, TRIP_PARKED };

// One cache line. Times are ms after begin. Sums are whole numbers, so that they do not depend on their order.
struct trip {
    _Alignas(64) int32_t number;
    int32_t first_leg;                // in street.legs: piece * PIECE_LEGS
    uint16_t leg_count, leg;          // leg: the one it is on
    uint16_t type, stops;
    float factor;                     // of the speed limit
    union {
        int32_t first_link;           // until it enters
        int32_t since_ms;             // of its stay on the present cell or path
        int32_t arrived_ms;           // in the end
    };
    union {
        int32_t depart_speed_mmps;    // until it enters
        int32_t length_mm;            // driven until since_ms
    };
    int32_t loss_ms;                  // of time until since_ms
    int32_t waiting_steps;
    float since_front;                // where it was at since_ms; until it enters, where it is to, or DEPART_
    float link_loss_s;                // on the present link so far
    int32_t depart_ms, entered_ms, free_flow_ms;
    int32_t next;                     // in order of departure, in its queue, among those that arrived, or free
    uint16_t piece_size;              // its piece holds so many times PIECE_LEGS legs
    int8_t depart_lane;
    uint8_t state;
};

struct type_table {                   // by type
    float *acceleration, *deceleration, *emergency, *headway, *gap, *length, *imperfection, *speed_max;
    float *closing;                   // 1 / (2 sqrt(acceleration * deceleration)), IDM's share of the closing speed
    float *turn_way;                  // m before the line of a turn at which it has the turn's speed, or 0
    int32_t *krauss;                  // 1: Krauss, 0: IDM
    uint32_t *user;
    double *factor, *deviation, *start_loss;
};

// The parameters of sixteen vehicles, as the kernel wants them.
struct wide_types {
    _Alignas(64) float acceleration[WIDE], deceleration[WIDE], emergency[WIDE], headway[WIDE], gap[WIDE],
        length[WIDE], closing[WIDE], imperfection[WIDE];
    int32_t krauss[WIDE];
};

// Groups are moved some at a time, so that a processor which waits for the result of one has another to go on with.
// Vehicles of some of their rows, one beside the other, whom the kernel asks IDM for: so many rows are looked at
// together.
#define GROUPS_TOGETHER 4
#define ROWS_TOGETHER 16
#define PACK_MAX (ROWS_TOGETHER * WIDE)
struct pack {
    _Alignas(64) float gap[PACK_MAX], speed[PACK_MAX], desired[PACK_MAX], ahead[PACK_MAX], margin[PACK_MAX];
    float acceleration[PACK_MAX], deceleration[PACK_MAX], emergency[PACK_MAX], headway[PACK_MAX], closing[PACK_MAX];
    float begin[PACK_MAX], slowness[PACK_MAX];   // speeds before, 1 / desired
    int32_t count;
};

// Heads of some groups that will likely look ahead soon, as a list: a loop over it ends once, where loops over the bits
// of each group end where no processor foresees it. There is room for as many as one group has beyond the last.
#define HEADS_LISTED (GROUPS_TOGETHER * WIDE + WIDE)
struct heads_soon {
    int32_t cell[HEADS_LISTED], path[HEADS_LISTED], trip[HEADS_LISTED];
    int32_t reached[HEADS_LISTED];    // cells over whose line somebody may reach back
    int32_t count, reached_count;
};

// Rows are handed to groups in pieces as long as their queues, so that memory follows the vehicles and not the roads.
// Pieces hold 8, 12, 16, 24 ... rows. One that a group has outgrown or no longer needs is kept for the next.
#define ROW_PIECE_SIZES 32
#define ROW_PIECE_ROWS_MIN 12      // of the smallest: what queues of a busy street need anyway is taken at once

struct row_pool {
    int32_t lock;                     // 1: somebody changes the rest
    int64_t next_row, row_end;        // of street.rows: never handed out so far
    int64_t free[ROW_PIECE_SIZES];    // pieces by size, the first of a chain; -1
};

// Where a vehicle of a group is to stand in this step; in order of rows.
struct stop_mark {
    int32_t row, column;
    float rear, bound;                // as of a leader that stands there; no front passes the bound
};

// Trips with stops (stops.h); of_trip is NULL until there is one.
struct stop_books {
    int32_t *of_trip;                 // by trip: in lists, or INDEX_NONE
    int32_t of_trip_count, of_trip_capacity;
    struct itinerary *lists;
    int32_t list_count, list_capacity, list_free;   // a free one names the next in `first`
    struct planned_stop *at;
    int32_t count, capacity, free;
};

// Lanes closed for a time (closures.h); closed is NULL where no closure is planned.
struct closure_books {
    struct lane_closure *all;
    int32_t count;
    uint32_t *closed, *closed_next;   // by lane: the users to whom it is shut now
    uint8_t *near, *changed;          // by link: not 0 where drivers hear of one that is shut; or heard until now
    int32_t near_count;
    int64_t change_ms;                // when anything is shut or opened next
};

// Places of a job's list that one thread does one after the other: some portions, side by side.
struct run {
    const struct job_kind *kind;      // sharing.h
    int32_t first_portion, portion_end;
    int32_t first, end;               // places
    bool open;                        // it goes on with the portions behind, as long as nobody else has taken them
    struct transfer *left;            // who left the lanes or paths of these places
    int32_t left_count;
    struct stayer *stayed;            // and who was on the paths and still is
    int32_t stayed_count;
};

// What threads share out of a share in a phase: a list of places, cut into portions.
enum { JOB_LANES, JOB_PATHS, JOB_BLOCKS, JOB_COUNT };
struct job {
    _Alignas(64) uint64_t rest;       // portions that nobody has taken: the first, and above 32 bits their end
    _Alignas(64) int32_t state;       // enum job_state of sharing.c
    int32_t *list;                    // groups, paths or blocks with anything to do
    int32_t count, portion_count;
    struct run *runs;                 // by their first portions
};

// One part of the city. What lies side by side in it a thread does one after the other.
struct share {
    int32_t first_block, block_end, first_crossroads, crossroads_end;
    struct job jobs[JOB_COUNT];
    int32_t *awake;                   // scratch: its junctions with anything to do
    struct transfer *left_lanes, *left_paths;   // room for all who leave in a step
    struct stayer *stayed;
    int32_t first_slot;               // in street.now and street.next: slot_count slots are its own
    int32_t slot_count;
    struct row_pool pool;
};

struct worker {                       // what one thread works with
    struct transfer *left;            // of the run at hand
    int32_t left_count;
    struct stayer *stayed;
    int32_t stayed_count;
    int32_t *arrived;                 // trips that arrived in this step
    int32_t arrived_count, arrived_max;
    int32_t *came_from, *search_queue, *detour;   // scratch of detour.c, by link
    int64_t updates, queued, entered, detours, parked;   // of this step
    struct stop_mark *marks;          // of the group at hand; NULL until a trip has stops
    int32_t mark_count, mark_count_max;
    bool inserting;
    struct row_pool pool;
    struct pack pack;                 // scratch of the kernel
    struct row batch;                 // crossers, sixteen at a time
    struct ahead batch_ahead;
    struct moving {
        struct ahead ahead;           // of its heads
        float from[WIDE];             // where they were
        int32_t group;
        struct group *at;
        struct row *rows;
    } moving[GROUPS_TOGETHER];        // the groups at hand
    int32_t moving_count;
    // Of the groups at hand heads that look, and later those that leave: place in moving * WIDE + column.
    int32_t heads[HEADS_LISTED];
    int32_t head_count;
    struct heads_soon soon;
    int32_t batch_slot[WIDE], batch_path[WIDE];
    int32_t batch_count;
    char apart[64];                   // keeps two threads off one cache line
};

struct street {
    const struct network *network;
    const struct street_kernel *kernel;
    struct street_options options;
    float step_s;
    int32_t substeps;
    int64_t now_ms;
    bool only_idm, insert_first;
    bool sirens;                      // there is a type of emergency vehicles
    struct type_table types;
    struct wide_types first_type;     // the first type's, sixteen times
    int32_t type_count;
    float length_max, length_min, length_usual;   // of the types: greatest, least, the first one's
    float acceleration_max;                       // of the types

    struct memory_room room;          // what the layout's tables lie in
    struct block *blocks;
    int32_t block_count;
    struct group *groups;
    int32_t group_count;
    int32_t groups_held;              // that held vehicles when they were counted last
    struct row *rows;
    void *rows_taken;                 // what rows lies in
    int32_t *cell_of_lane;            // cell = group * WIDE + column
    int32_t *block_of_link, *column_of_link, *block_of_group;
    int32_t *share_of_block, *share_of_crossroads;

    struct path *paths;               // sorted by (crossroads, connection)
    int32_t path_count;
    int32_t *path_of_connection;
    struct path_brief *briefs;        // of each path
    struct watch *watches;            // of each path
    struct seen *seen;                // of each cell
    uint16_t *reaching;               // by group: columns whose last vehicle may reach back over the lane's start
    int32_t *first_choice;            // by link, and one more: where its next links start in choices
    int32_t *choices;                 // links
    uint8_t (*leads)[LEG_LANE_COUNT_MAX];   // by choice and lane of that link: the lanes that lead to it; no ninth ones
    uint32_t *users_of_all;           // by link: who may drive on every lane of it
    struct path_foe *foes;
    struct entry *entries;            // paths, by the cell they lead to
    float *parts;                     // how far behind the line two paths of one lane have parted
    struct crosser *now, *next;
    struct inside *inside, *inside_next;   // of each path; crossers of one share's paths lie side by side
    struct crossroads *crossroads;
    int32_t crossroads_count;
    uint8_t *awake;                   // of each crossroads: not 0 where its counts of vehicles may be other than 0

    struct loop_layer *loops;
    int32_t loop_layer_count;
    struct loop_call *loop_calls;     // by layer and column
    struct loops_met *loops_met;      // by layer
    int32_t *loop_layer_of_detector, *loop_column_of_detector;
    int32_t (*turned)[TURN_COUNT];    // by lane: vehicles that left over its end
    int32_t (*turned_read)[TURN_COUNT];   // by camera: the same at its last reading
    int64_t cameras_read_ms;

    struct trip *trips;
    int32_t trip_count, trip_capacity, trip_free;
    struct leg *legs;
    int64_t leg_count, leg_capacity;
    int32_t piece_free[PIECE_SIZE_COUNT];   // free pieces by size; the first bytes of one name the next
    int32_t scheduled_first, scheduled_last;   // trips not yet due, in order of departure, joined by next
    int32_t *queue_first, *queue_last;    // by link: trips that wait to enter
    int32_t arrived_first, arrived_last;  // trips whose results nobody took yet, joined by next
    int32_t *arrived;                 // those of the present step
    int64_t depart_last_ms;
    struct leg *legs_tried;           // of the routes that street_enter looks at, as in the columns' links
    int32_t legs_tried_capacity;
    struct trying *tried;             // of each of their trips
    int32_t tried_capacity;

    struct stop_books stops;
    struct closure_books closures;

    uint8_t *aspects, *aspects_before;
    int64_t *green_since_ms;          // by signal group
    struct passage_sum *passage_sums; // by connection
    struct passage_totals *passages;  // the same as asked for last
    struct street_counts counts;
    struct worker *workers;
    struct share *shares;             // one for each worker
    int32_t worker_count;
    struct team *team;                // the threads; NULL until they are wanted
    uint64_t sharing_draws;
};

// A table of the layout, touched at once: no step is to wait for its pages.
static inline void *table_take(struct street *street, size_t count, size_t size)
{
    void *taken = memory_room_take(&street->room, count, size);
    memset(taken, 0, count * size);
    return taken;
}

// Asks for the part of a trip that a change of lane or path will touch, some hundred instructions ahead.
static inline void trip_expect(const struct street *street, int32_t trip)
{
    memory_expect_write(&street->trips[trip]);
}

// Asks for what moving a group touches, some groups ahead: of its rows what the kernel reads of each, the rest of the
// first one, and where its loops lie. The rows are wherever its thread's pool had room, so that no processor guesses
// it, and one that does would fetch lines that nobody needs. The heads look before all rows move: the other rows are
// asked for later, as a first cache does not hold so many for so long.
#define ROWS_EXPECTED 12
static inline void row_expect(const struct street *street, const struct row *row)
{
    memory_expect_write(row->front);
    memory_expect_write(row->speed);
    memory_expect(row->desired);
    memory_expect_write(row->halt);
    if (street->type_count > 1) {
        memory_expect(row->kind);
    }
}

static inline void group_expect_queue(const struct street *street, int32_t index)
{
    const struct group *group = &street->groups[index];
    int32_t count = group->count_max < ROWS_EXPECTED ? group->count_max : ROWS_EXPECTED;
    const struct row *rows = &street->rows[group->first_row];
    for (int32_t k = 1; k < count; k++) {
        row_expect(street, &rows[k]);
    }
}

static inline void group_expect(const struct street *street, int32_t index)
{
    const struct group *group = &street->groups[index];
    const struct row *rows = &street->rows[group->first_row];
    row_expect(street, &rows[0]);
    memory_expect(rows[0].kind);
    memory_expect(rows[0].path);
    memory_expect(rows[0].trip);
    const char *end = (const char *)group->limit;   // what it writes of the group or always reads lies before
    for (const char *at = (const char *)group; at < end; at += 64) {
        memory_expect_write(at);
    }
    memory_expect(group->head_signal);
    for (int32_t i = 0; i < group->loop_layer_count; i++) {
        const struct loop_layer *loop = &street->loops[group->loop_layer + i];
        memory_expect(&loop->from[0]);
        memory_expect(&loop->to[0]);
    }
}

static inline uint32_t loops_touched(const struct loops_met *met)
{
    return (uint32_t)met->covered | met->cleared | met->behind;
}

static inline struct group *cell_group(const struct street *street, int32_t cell)
{
    return &street->groups[cell / WIDE];
}

static inline struct row *cell_rows(const struct street *street, int32_t cell)
{
    return &street->rows[street->groups[cell / WIDE].first_row];
}

static inline int32_t cell_link(const struct street *street, int32_t cell)
{
    return street->blocks[street->block_of_group[cell / WIDE]].link[cell % WIDE];
}

static inline uint64_t busy_bit(const struct crossroads *at, int32_t path)
{
    int32_t i = path - at->first_path;
    return i < BUSY_PATHS ? UINT64_C(1) << i : BUSY_REST;
}

static inline bool cell_reaches_back(const struct street *street, int32_t cell)
{
    return ((uint32_t)street->reaching[cell / WIDE] >> (cell % WIDE) & 1u) != 0;
}

// Whether anybody who has left the lane may reach back to its line, or be on one of its paths still. path: any of the
// lane's, or below 0.
static inline bool lane_left(const struct street *street, const struct seen *lane, int32_t path)
{
    if (lane->path_count == 0) {
        return false;
    }
    const struct watch *watch = &street->watches[path >= 0 ? path : lane->first_path];
    bool left = (street->crossroads[watch->junction].busy & watch->lane) != 0;
    for (int32_t i = 0; i < lane->path_count && watch->short_ones && !left; i++) {
        const struct path_brief *brief = &street->briefs[lane->first_path + i];
        left = brief->short_one && cell_reaches_back(street, brief->to_cell);
    }
    return left;
}

static inline int32_t street_elapsed_ms(const struct street *street)
{
    return (int32_t)(street->now_ms - street->options.begin_ms);
}

static inline uint32_t halt_waited(uint32_t halt)
{
    return halt / HALT_WAIT;
}
