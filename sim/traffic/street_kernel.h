// street_kernel.h: the wide kernel: what is done to every vehicle at every step, sixteen lanes at a time.
//
// THEORY    IDM [Treiber2000]. With speed v, desired speed v0, gap s to the leader, closing speed dv = v - v_leader:
//               s* = s0 + max(0, v T + v dv / (2 sqrt(a b)))
//               dv/dt = a (1 - (v/v0)^4 - (s*/s)^2)
//           Before a place (a line, a lower limit) s0 is 0. Above v0 one comes down to it at b at least; no braking is
//           harder than the emergency deceleration. The speed is found in substeps of a quarter of a second, in which
//           the gap to a leader closes but never opens; the whole step is driven at the speed found last. Of the
//           leader what counts is its rear and its speed at the step's beginning, run on evenly. All this as SUMO's IDM
//           does it (docs/decisions/0110 has what comes of it).
//
//           Krauss [Krauss1998] in SUMO's discrete form, so that its capacity depends on the step as SUMO's does. With
//           step h, a vehicle that brakes by b h each step from speed v needs
//               brake(v) = h (n v - b h n (n + 1) / 2),   n = floor(v / (b h))
//           The safe speed is the greatest x after which a reaction of tau seconds and braking still fit into
//           g + brake(v_leader), g the gap less s0. It is n b h + r: n whole braking steps and a rest r spread over
//           them.
//
//           Whatever the model says, a front passes neither the bound of its column (a closed stop line, a leader
//           elsewhere) nor its leader's rear less 0.1 m; and it never goes back. A vehicle slower than 0.1 m/s within
//           its standing gap and 1 m of a standing leader stands: IDM would creep for ever.
//           Instruction sets. street_kernel.c and all that moves vehicles in a step (step_files in meson.build) are
//           compiled once for each of x86-64-v2, v3 and v4 (and once plainly on other machines), without fused
//           multiply-add, so that all give the same bits. Of each set only its struct street_kernel is seen outside.
//           kernel_choose takes the widest one that this processor has, or the one that the environment variable
//           INTERGREEN_ISA names.
// CONTRACT  Pure arithmetic in one order: same bits on every instruction set. Row 0 first; columns are independent.
// OWNERSHIP Borrowed for the call.
// NOT HERE  Who leads the head of a column (look_ahead.h).
#pragma once

#include "sim/traffic/street_state.h"

struct follow_job {
    const struct type_table *types;
    const struct trip *trips;          // for the random numbers of Krauss' dawdling
    float step_s;
    int32_t substeps;
    int32_t step_ms;
    bool only_idm;
    const struct wide_types *first_type;
    int32_t type_count;
    uint64_t seed, step;
};

static inline struct follow_job follow_job_of(const struct street *street)
{
    return (struct follow_job){
        .types = &street->types, .trips = street->trips, .step_s = street->step_s, .substeps = street->substeps,
        .step_ms = street->options.step_ms, .only_idm = street->only_idm,
        .first_type = &street->first_type, .type_count = street->type_count,
        .seed = street->options.seed, .step = (uint64_t)street->counts.steps,
    };
}

// Which side, and whose turn it is to look for gain: those whose luck leaves `turn` when divided by GAIN_TURNS.
struct side_wish {
    bool left;
    uint32_t turn;
};

// A group, the one beside it to which its vehicles may change, and the rows of both.
struct wishing {
    const struct group *group, *beside;
    const struct row *rows, *beside_rows;
    struct side_wish side;
};

#define GAIN_TURNS 3
#define GAIN_MPS2 0.2f             // MOBIL's threshold: who cannot gain so much does not look
#define GAIN_LAST_M 20.0f          // before the line nobody changes for gain
#define GAIN_HELD_UP 0.9f          // share of the desired speed below which one looks for a better lane
#define GAIN_SPEED_MPS 1.0f        // above which one looks

// Who of a group's rows wishes to change lanes to one side: columns by row, the first row asked for first.
#define WISH_ROWS 64
struct lane_wishes {
    uint32_t must[WISH_ROWS];          // for its route
    uint32_t gain[WISH_ROWS];          // drives, is held up, and it is its turn to look
    uint32_t behind[WISH_ROWS];        // stands in a column of `passed`, and it is its turn
    // Columns whose head stands while the lane beside is empty or flows, as behind one that waits inside to turn left:
    // who stands in them gains by changing, other than in a queue at red. As found with row 0.
    uint32_t passed;
    uint64_t rows;                     // bit by row: it holds anybody with one of these wishes
};

// What follow_rows moves of one group, and what it gives.
struct follow_rows {
    struct row *rows;
    int32_t row_count;
    const int32_t *count;              // how many rows each column has
    const struct ahead *ahead;
    const float *length;               // of the columns' lanes; NULL where past does not matter
    struct loop_layer *loops;
    int32_t loop_count;
    struct tails *tails;               // OUT: where each column's last vehicle is now; NULL: not asked for
    int64_t *queued;                   // OUT: rises by the vehicles below 1.39 m/s
    const struct stop_mark *marks;     // in order of rows
    int32_t mark_count;
    uint32_t past;                     // OUT: columns whose first vehicle is beyond its lane's end now
    struct loops_met *met;             // by loop layer; OUT: what they were touched by
};

// Columns whose head_path is not the head's any more, and those whose last vehicle reaches back over the lane's start.
struct published { uint32_t other_head, reaching; };

struct street_kernel {
    const char *name;
    // The two phases of a step (moving.h, settling.h), which use the rest.
    void (*move_worker)(struct street *street, struct worker *worker);
    void (*settle_worker)(struct street *street, struct worker *worker);
    // Moves up to GROUPS_TOGETHER groups, none of which hears of the others. pack: scratch.
    void (*follow_rows)(const struct follow_job *job, struct pack *pack, struct follow_rows *groups, int32_t count);
    // Fills the ahead of a group at hand as for a free road, and keeps its heads' fronts. Those of group.red stay at
    // their line. Lists as columns_list does the others that are near to it or to somebody who reaches back over it.
    int32_t (*heads_prepare)(const struct follow_job *job, struct moving *moving, int32_t first_place,
                             int32_t *ret_places);
    // Finds group.red, and adds to *soon the other heads that are about to look ahead, as well as one can tell before
    // the group's turn, and the lines that somebody may reach back to: one may wish to have in the cache what they will
    // look at.
    void (*heads_soon)(struct group *group, const struct row *heads, const uint8_t *aspects, int32_t first_cell,
                       struct heads_soon *soon);
    // The columns one by one, `first` added to each; returns how many. Up to WIDE numbers may be written.
    int32_t (*columns_list)(uint32_t columns, int32_t first, int32_t *ret);
    // The heads of these columns heed the lane's end alone.
    void (*heads_stay)(const struct group *group, uint32_t columns, struct ahead *ahead);
    // For rows first .. end - 1 of a group, at most WISH_ROWS, who wishes to change to the group beside it.
    void (*lane_wishes)(const struct follow_job *job, const struct wishing *from, int32_t first, int32_t end,
                        struct lane_wishes *ret);
    // The columns that hold somebody, and the longest one's vehicles.
    uint32_t (*columns_held)(const int32_t *count, int32_t *ret_most);
    // Writes what others see of the columns that hold somebody.
    struct published (*cells_publish)(const struct group *group, const struct row *rows, uint32_t held,
                                      struct seen *seen);
};

// The kernel for this machine. STATUS_RANGE when INTERGREEN_ISA names none that it can run.
MUST_USE enum status kernel_choose(const struct street_kernel **ret, struct problem *problem);

// Krauss' safe speed, one vehicle: also the speed at which one may enter the street.
float safe_speed(float gap_m, float leader_mps, float deceleration_mps2, float headway_s, float step_s);
