// street_place.h: an empty street, and vehicles put where they are told to be.
//
// THEORY    A checkpoint and a rollout both set a street to a state that it did not reach by driving. They empty it,
//           put trips and vehicles in place one by one, and publish once at the end. What was put is exactly what the
//           next step finds: position, speed, route, and what a head remembers of the line before it (head_memory).
// CONTRACT  Vehicles of a lane or path are put in their order from the front, paths in their order. Nothing is
//           allocated but by place_room.
// OWNERSHIP Of this room only.
// NOT HERE  Where the state comes from (street_checkpoint.c, rollout.c).
#pragma once

#include "sim/traffic/columns.h"
#include "sim/traffic/street_state.h"

// What a lane's head remembers of the steps before.
struct head_memory {
    int32_t entered;                  // path by which the lane's last vehicle came in, or PATH_NONE
    int16_t yielding;
    bool held, clear, entry_busy, over;
    float over_rear, over_mps;        // while `over`
};

// Room for so many more trips and legs, so that neither street_enter nor placing allocates before they are used up.
void place_room(struct street *street, int32_t trips, int64_t legs);

// Nobody on the street or before it; counts, sums, loops and signals as at creation. The clock says now_ms.
void place_clear(struct street *street, int64_t now_ms);

// A trip with its legs; its index.
int32_t place_trip(struct street *street, const struct trip *trip, const struct leg *legs);

void place_in_cell(struct street *street, int32_t cell, const struct vehicle *vehicle);
void place_head(struct street *street, int32_t cell, const struct head_memory *memory);
struct head_memory place_head_read(const struct street *street, int32_t cell);

// slot: the caller's counter, 0 before the first path. Returns false where the path has no room.
bool place_on_path(struct street *street, int32_t path, const struct crosser *crosser, int32_t *slot);

// At the end of a queue, of the schedule, of those who have arrived.
void place_waiting(struct street *street, int32_t trip, int32_t link);
void place_scheduled(struct street *street, int32_t trip);
void place_arrived(struct street *street, int32_t trip);

// At the end of a block's list of those who park beside its lanes.
void place_parked(struct street *street, int32_t trip, int32_t block);

// Everybody is in place.
void place_done(struct street *street);
