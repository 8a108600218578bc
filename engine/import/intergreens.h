// intergreens.h: what a program shows between two greens, what the profile asks, and the time that is missing. See
// derive.h.
//
// THEORY    A program is laid out as segments: which groups are green, which yellow, for how long.
//
//              segment      0      1     2     3          █ green  ▒ yellow  · red
//              group 0   █████████▒▒▒▒▒·····▒▒▒
//              group 1   ···············████████
//                            gap 0 -> 1: segment 1
//
//           Intergreen of a pair that the program changes between directly (nothing but changes in the gap): the gap,
//           as far as it keeps the yellow. Of a pair that it never changes between directly: the yellow and the longest
//           all-red that the program shows after this group's green, else the longest that it shows after any other's:
//           how its engineer clears this intersection. Where it shows no change at all, or one that is too short, the
//           profile's. Yet never more than the gap that the program does leave, so that a safe program is never
//           lengthened. In a format without yellow (CityFlow's), where one green follows another at once, the yellow
//           alone: it is what the program has no way to show, and more would make another program of it.
//           People on foot end without yellow. Their intergreen is the time that the program leaves them before
//           anything that conflicts starts, at most the profile's.
// CONTRACT  Pure. Masks are of the intersection's groups.
#pragma once

#include "engine/import/import.h"

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
    bool bare_changes;               // of a format without yellow: phases may follow each other at once
    int32_t group_count;
    enum group_kind kind[GROUP_COUNT_MAX];
    int32_t yellow_ms[GROUP_COUNT_MAX];
    int32_t green_ms_min[GROUP_COUNT_MAX];
    bool conflict[GROUP_COUNT_MAX][GROUP_COUNT_MAX];
    int32_t intergreen_ms[GROUP_COUNT_MAX][GROUP_COUNT_MAX];    // where conflict; else -1
    int32_t profile_ms[GROUP_COUNT_MAX][GROUP_COUNT_MAX];       // of the profile, from the paths
};

static inline const struct segment *segment_at(const struct timeline *timeline, int32_t index)
{
    return &timeline->at[(index % timeline->count + timeline->count) % timeline->count];
}

// A phase that shows green and no yellow.
bool segment_is_stage(const struct segment *segment);

// The shortest yellow that the program shows after a green of the group; -1 where it shows none.
int32_t shown_yellow_ms(const struct timeline *timeline, int32_t group);

// Fills intergreen_ms. override_ms >= 0: that for every conflicting pair, and not below the yellow.
void intergreens_choose(const struct timeline *timeline, int32_t override_ms, struct change_rules *rules);

// Makes greens that are too short longer, then inserts time before each green that would come too early; reports each.
// STATUS_LIMIT when there is no room.
MUST_USE enum status timeline_lengthen(struct timeline *timeline, const struct change_rules *rules, const char *source,
                                       const char *name, struct import_report *report, struct problem *problem);
