// inside.h: what lies between the junctions of one signal.
//
// THEORY    Where one signal has two junctions, the link from one to the other may be too short to hold a vehicle. Who
//           has passed the first line and may not go on stands inside the first junction, in everybody's way:
//
//                 ──▶ line ──▶ A ═ short link ═ line ──▶ B ──▶
//
//           So nobody should be let onto such a link who cannot leave it. And where those of both directions are let in
//           at once, and left turners of both must wait inside for the others, a circle can close that no signal opens:
//           the left turner in B waits for those who come out of B towards A, who stand behind the left turner in A,
//           who waits for those who stand behind the first. Such a stage *locks*.
// CONTRACT  Pure, read-only.
// NOT HERE  What is done about it: greens that outlast the stage (engine/optimize/compose.h), stages that let in one
//           direction only (engine/import/stages.h).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/model/network.h"

#define INSIDE_LINK_M_MAX 7.5         // shorter than one who stands, with the gap before him

// One signal: `groups` its first of group_count, which is first_group of the network; `members` what they count in.
struct inside_signal {
    const struct network *network;
    const struct signal_group *groups;
    const int32_t *members;
    int32_t first_group, group_count;
};

// Whether a link lies between two junctions of one signal and holds no vehicle.
bool inside_link(const struct network *network, const struct link *link);

// Whether a stage locks. ret_one and ret_other, if it does: its groups that let in the one and the other direction.
bool inside_locks(const struct inside_signal *signal, uint64_t green, uint64_t *ret_one, uint64_t *ret_other);
