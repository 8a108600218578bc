// city_timing.h: signal programs of a generated city, from the flows of its own demand.
//
// THEORY    A movement's flow is shared over the lanes that serve it so that they fill evenly. A lane's flow ratio is
//           its flow in through-car units over 1700 veh/h; a yielding left turn counts as as many through cars as pass
//           in the time that it waits for a gap: its capacity against an opposing flow q in green is s exp(-q (t_c -
//           t_f / 2)), t_c the critical gap and t_f the follow-up time [Siegloch1973], with exp by the first terms of
//           its series.
//
//           Webster's formula then gives each intersection its cycle and splits [Webster1958]. Neighbours can only be
//           coordinated under one cycle: a region takes the one that serves nineteen in twenty of its intersections,
//           and those that need less than half of it run it twice. Offsets follow the arterial: each intersection's
//           main green begins when the platoon that left the one before it arrives.
// CONTRACT  Same network and flows, same programs. Intergreens and groups are left as they were derived.
// OWNERSHIP Nothing is kept.
// NOT HERE  Who drives where (city_trips.h).
#pragma once

#include "sim/demand/city_roads.h"
#include "sim/demand/router.h"

#define CITY_REGION_SIDE 10            // intersections along a side of a region

// Flows of two hours, by step of the router; the signals are laid out for the greater of both at each step.
struct city_flows {
    const struct router *router;
    const int32_t *morning_vph, *evening_vph;
    double scale;                      // all flows times this
};

struct city_timing {
    double worst, busy, mean;          // degree of saturation x: greatest, 98th percentile, mean over intersections
};

// Degree of saturation at the stop line of each link under Webster's splits at a cycle of 90 s; 0 without signals.
void timing_saturation(const struct network *network, const struct city_flows *flows, double *ret);

// The greatest of them at each intersection, sorted falling, into ret (intersection_count).
void timing_estimate(const struct network *network, const struct city_flows *flows, double *ret);

// Gives every intersection its region, cycle, program and offset, and the network its hashes anew.
MUST_USE enum status timing_apply(const struct city_plan *plan, const struct city_roads *roads,
                                  const struct city_flows *flows, struct network *network, struct city_timing *ret,
                                  struct problem *problem);
