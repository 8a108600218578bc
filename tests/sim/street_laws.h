// street_laws.h: what must hold of a street after every step, whatever its network and its trips, as seen from outside.
//
// THEORY    The watcher keeps every vehicle's place before the step and holds the place after it against it:
//              room         behind a front, on its lane or path, begins no rear; a rear that still reaches back over
//                           a path or a stop line keeps its room there too; a change of lane is nothing else
//              forward      nobody's way shrinks, nobody drives further than its speed allows
//              speed        0 .. the fastest limit times the fastest driver's factor
//              acceleration no more than its type's
//              signals      nobody leaves a lane over a red head, but where it may turn on red, and but who could not
//                           have stopped when it turned red: v^2 > 2 b d, b its emergency deceleration, d to the line
//              incidents    nobody comes onto a lane that is closed to it: by a change of lanes from the first instant,
//                           over a stop line but for those who were too near or inside the junction when it closed
//              books        scheduled = waiting + under way + arrived, and as many as are seen or park
//           Some things are counted rather than forbidden, because a driver who misjudged has only the choice between
//           them: braking harder than the type's emergency deceleration, two vehicles in the common area of two paths
//           that cross (apart: with one that has blocked it for so long that the street lets others drive round it, as
//           SUMO's --ignore-junction-blocker does), and passing a red that came too late to stop for.
// CONTRACT  laws_after_step gives NULL, or one sentence of the first breach; static until the next call.
// OWNERSHIP laws_create gives, laws_release takes; the street and the network are borrowed.
#pragma once

#include "engine/model/network.h"
#include "sim/traffic/street.h"

struct laws;

struct laws *laws_create(const struct network *network, const struct street *street, const struct vehicle_type *types,
                         int32_t type_count, double step_s, int32_t number_count);
void laws_release(struct laws *laws);

// The incidents of the street; borrowed.
void laws_closures(struct laws *laws, const struct lane_closure *closures, int32_t count);

// To be called before each step, once the aspects are set; and after it.
void laws_before_step(struct laws *laws, const uint8_t *aspects);
const char *laws_after_step(struct laws *laws);

// closed_steps: vehicles seen where a lane of their link is closed; parked_steps: off the lane at a stop.
struct laws_counts {
    int64_t vehicle_steps, hard_brakes, shared_areas, round_blockers, late_passages, closed_steps, parked_steps;
};
struct laws_counts laws_counted(const struct laws *laws);
