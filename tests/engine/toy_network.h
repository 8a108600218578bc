// toy_network.h: networks of signal groups alone, filled by hand: no street, only what a controller and the guard need.
//
// THEORY    A toy_site says all about one intersection in plain tables; toy_network_build lays any number of them into
//           a network that has passed network_finish. toy_cross() is the junction that most tests use:
//
//                     2 3
//                   ┌─┴─┐        groups: even = through (with right), odd = left, in pairs from the west (0 1),
//               0 1 ┤   ├ 4 5    north (2 3), east (4 5) and south (6 7)
//                   └─┬─┘        stages: {0,4} {1,5} {2,6} {3,7}
//                     6 7
// OWNERSHIP network_release frees what toy_network_build filled.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/model/network.h"

#define TOY_GREEN_COUNT_MAX 64

struct toy_group {
    enum group_kind kind;
    int32_t green_ms_min, red_ms_max, yellow_ms, red_clearance_ms;
    int32_t red_ms_more;               // by which the second limit is above red_ms_max
};

struct toy_site {
    int32_t group_count, stage_count, green_count;
    struct toy_group groups[GROUP_COUNT_MAX];
    int32_t intergreen_ms[GROUP_COUNT_MAX][GROUP_COUNT_MAX];   // -1: no conflict
    uint64_t stages[STAGE_COUNT_MAX];
    struct program_green greens[TOY_GREEN_COUNT_MAX];          // its program
    int32_t cycle_ms, offset_ms, cycle_ms_min, cycle_ms_max, quantum_ms;
};

// A site of group_count vehicle groups without conflicts and stages: quantum 100 ms, yellow 3 s, minimum green 5 s,
// maximum red 120 s, no red clearance, cycles of 10 to 240 s.
struct toy_site toy_plain(int32_t group_count);

// Makes two groups conflict with one intergreen both ways.
void toy_conflict(struct toy_site *site, int32_t a, int32_t b, int32_t intergreen_ms);

// The junction of the picture: intergreen 5 s, yellow 3 s, red clearance 1 s, program of 4 stages, 20 s each, cycle 100
// s.
struct toy_site toy_cross(void);

// Two conflicting groups, one stage each, intergreen 5 s, yellow 3 s; program of 20 s each, cycle 50 s.
struct toy_site toy_pair(void);

// Fills *ret; aborts with a sentence when network_finish refuses it.
void toy_network_build(struct network *ret, const struct toy_site *sites, int32_t site_count, int64_t reference_ms);
