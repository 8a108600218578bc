// intergreens.h: what a program shows between two greens, what the profile asks, and the time that is missing. See derive.h.
//
// THEORY    A program is laid out as segments: which groups are green, which yellow, for how long.
//
//              segment      0      1     2     3          █ green  ▒ yellow  · red
//              group 0   █████████▒▒▒▒▒·····▒▒▒
//              group 1   ···············████████
//                            shown gap 0 -> 1: segment 1
//
//           A gap counts as shown when nothing but changes lies between the end of one and the start of the other.
// CONTRACT  Pure. Masks are of the intersection's groups.
#pragma once

#include "engine/import/light.h"

#define SEGMENT_COUNT_MAX 512

struct segment {
    int32_t duration_ms;
    int32_t phase;                   // of the draft's program, from 0; INDEX_NONE for time that was inserted
    uint64_t green, yellow;
};

struct timeline {
    struct segment at[SEGMENT_COUNT_MAX];
    int32_t count;
    int32_t cycle_ms;
};

// What an intersection's rules are made of.
struct change_rules {
    int32_t quantum_ms;
    int32_t group_count;
    int32_t yellow_ms[GROUP_COUNT_MAX];
    bool conflict[GROUP_COUNT_MAX][GROUP_COUNT_MAX];
    int32_t intergreen_ms[GROUP_COUNT_MAX][GROUP_COUNT_MAX];    // where conflict
    int32_t profile_ms[GROUP_COUNT_MAX][GROUP_COUNT_MAX];       // of the profile, from the paths
};

bool segment_is_stage(const struct segment *segment);

// The shortest yellow that the program shows after a green of the group; -1 where it shows none.
int32_t shown_yellow_ms(const struct timeline *timeline, int32_t group);

// Fills intergreen_ms of every conflicting pair: override_ms >= 0 for all, or the shown gap, or the all-red that the program
// shows elsewhere, or the profile's.
void intergreens_choose(const struct timeline *timeline, int32_t override_ms, struct change_rules *rules);

// Inserts time before each green that would come too early; reports each. STATUS_LIMIT when there is no room.
MUST_USE enum status timeline_lengthen(struct timeline *timeline, const struct change_rules *rules, const char *name,
                                       struct import_report *report, struct problem *problem);
