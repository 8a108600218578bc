// cabinet.h: what a signal controller knows of its own intersection: groups, conflicts, times, its built-in program.
//
// THEORY    A maker has a database for this; here it is a text file, one fact a line, as `intergreen cabinet` prints it
//           from the surveyed site data:
//
//              intersection NAME            group INDEX KIND yellow_ms Y green_ms_min G red_clearance_ms R NAME
//              site_hash 0x0123456789abcdef intergreen FROM TO ms
//              quantum_ms Q                 cycle_ms C, offset_ms O, reference_ms T, time_zone ZONE
//                                           green GROUP STAGE START_MS END_MS      of the built-in program
//
// CONTRACT  Read once at start; nothing here changes afterwards. The controller trusts this file and nobody else.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { GROUPS_MAX = 64, GREENS_MAX = 512, NAME_BYTES = 128 };

struct cabinet_group {
    bool pedestrian;
    int32_t yellow_ms;               // of pedestrians: their clearance, shown red
    int32_t green_ms_min, red_clearance_ms;
};

struct cabinet_green {
    int32_t group, stage;
    int64_t start_ms, end_ms;        // of a program: positions in the cycle; of a rolling plan: absolute
};

struct cabinet {
    char intersection[NAME_BYTES], time_zone[64];
    uint64_t site_hash;
    int64_t reference_ms;
    int32_t quantum_ms, cycle_ms, offset_ms;
    int32_t group_count, green_count;
    struct cabinet_group groups[GROUPS_MAX];
    int32_t intergreen_ms[GROUPS_MAX][GROUPS_MAX];    // end of the row to start of the column; -1: no conflict
    struct cabinet_green greens[GREENS_MAX];          // of the built-in program
    int32_t handover_ms;                              // what leaving any state by its own clearance may take
};

// 0, or the number of the line that is wrong, with why in `ret_why`.
int cabinet_read(const char *path, struct cabinet *ret, const char **ret_why);
