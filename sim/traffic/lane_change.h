// lane_change.h: vehicles of a block change lanes.
//
// THEORY    Once a second: to the left in even seconds, to the right in odd ones, so that no two meet between two
//           lanes. *Mandatory* for who is on a lane that does not suit its route. It takes any gap that its model and
//           that of the one behind hold for safe, or that asks no harder braking of them than the limit, which rises as
//           its lane ends. Who cannot change, as far ahead as SUMO's drivers look, asks to be let in: the one beside it
//           brakes if a second of braking makes the gap, else goes past, and it slows down itself for the one that it
//           is to follow. A head that stands in a wrong lane looks in every second. Two that stand at the ends of
//           each other's lanes change places: they would stand for ever.
//           *Discretionary* for who is held up, each few seconds by a phase of its own: MOBIL (Kesting, Treiber,
//           Helbing 2007): one's own gain in acceleration, less politeness times what the new follower loses,
//           must pass a threshold, and the new follower must not brake harder than a safe limit.
//           One beside which somebody drives falls back behind it.
//           *Making way*: who is ahead of an emergency vehicle on its lane, as far as its siren is heard, goes to a
//           lane beside it that suits its route as well, or from which it can come back; nobody changes to a place
//           before it.
//           Nobody changes with its rear still in the junction.
// CONTRACT  Touches the block alone; between commits of transfers and publication.
#pragma once

#include "sim/traffic/street_kernel.h"

void lanes_change(struct street *street, struct row_pool *pool, const struct follow_job *job, struct block *block,
                  int64_t second);

// Whether one of this length may come to stand on the lane with its front there, from beside the road; and its row.
bool lane_has_gap(const struct street *street, int32_t cell, float front, float length, int32_t *ret_place);

// Whether an emergency vehicle comes up behind `front` in the column, among its rows from `place` on: near enough to
// make way for.
bool siren_behind(const struct street *street, const struct group *group, int column, int32_t place, float front);

// The column has another head: nothing is known of how its line held it.
void lane_head_forget(struct group *group, int column);
