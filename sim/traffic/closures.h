// closures.h: incidents: lanes that are closed for a time.
//
// THEORY    A closure shuts one lane to some users from one instant to another; a link is shut by shutting all its
//           lanes. From then on nobody comes onto the lane: no path into it is taken, no change of lane goes there,
//           nobody is inserted. Who cannot stop before the line any more drives in, and who is on the lane leaves it
//           by its end or by a change of lanes. Drivers hear of it LOOK_LEGS links ahead: they take lanes that lead
//           past it, and where none leads on to their next link, another way (detour.h), if there is one that is no
//           more than some links longer. Else they wait before it. When it opens again all is as before.
//
//              link ═══════════════════════╗     ╔═══════════════════════
//                lane 1  ─────────────────▶║ ──▶ ║  ───────────────────▶    preferred while lane 0 is shut
//                lane 0  ───▶ ╱ ───────────║     ║  ✕✕✕✕✕✕✕✕✕✕✕✕✕✕✕✕✕✕✕
//              ════════════════════════════╝     ╚═══════════════════════
// CONTRACT  Without closures `closed` is NULL, and that is all that is asked. What is shut depends on the clock alone,
//           so a checkpoint need not hold it. Changes happen between two steps.
// OWNERSHIP The plan is copied by street_create.
// NOT HERE  Files of incidents (sim/loop/incidents.h, sim/demand/sumo_rerouters.h).
#pragma once

#include "sim/traffic/street_state.h"

#define CLOSURE_LOOK_LEGS 8            // so many links ahead drivers hear of a closure

MUST_USE enum status closures_create(struct street *street, const struct street_options *options,
                                     struct problem *problem);
void closures_release(struct street *street);
uint64_t closures_hash(const struct street *street);

// Before a step: lanes that are shut or opened at now; and who stands before one that is shut looks for another way.
void closures_step(struct street *street);

// What the step before the present instant had to do with, after the clock was set; nobody is told of it.
void closures_set(struct street *street);

// Whether the lane of a cell is shut to the user.
static inline bool cell_closed(const struct street *street, int32_t cell, uint32_t user)
{
    return rarely(street->closures.closed != NULL)
        && (street->closures.closed[cell_group(street, cell)->lane[cell % WIDE]] & user) != 0;
}

static inline bool lane_closed(const struct street *street, int32_t lane, uint32_t user)
{
    return rarely(street->closures.closed != NULL) && (street->closures.closed[lane] & user) != 0;
}

// Whether a closure is so near ahead of the link that its drivers must think of it.
static inline bool closures_near(const struct street *street, int32_t link)
{
    return rarely(street->closures.near_count > 0) && street->closures.near[link];
}

// Of a set of lanes of the link those that are open; all of them where none is.
uint32_t closures_spare(const struct street *street, int32_t link, uint32_t user, uint32_t lanes);

// The trip has come to the link: another way, if a closure lies on its own within what it hears of.
void closures_meet(struct street *street, struct worker *worker, struct trip *trip, int32_t link);

// Whether a closure keeps the trip from its next link, whatever lane it takes.
bool closures_block(const struct street *street, const struct trip *trip, int32_t link);
