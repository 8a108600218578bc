// crossings.h: a street of signalised crossings in a row, made by hand, for tests of the engine.
//
//                n0           n1
//                │            │            crossing j: in from W (link e[j]), from E (w[j+1]), from N, from S
//      e[0] ──▶  ┼ ──e[1]──▶  ┼ ──e[2]──▶  each link has two lanes: 0 through (and right from the west), 1 left
//      ◀──w[0] ─ ┼ ◀──w[1]──  ┼ ◀──w[2]──
//                │            │
//                s0           s1
//
// Groups of a crossing: 0 from W through, 1 from E through, 2 from W left, 3 from E left, 4 from N through, 5 from S
// through, 6 from N left, 7 from S left, 8 from W right: no conflict, green in every stage. Intergreen 5 s, yellow 3 s,
// minimum green 5 s, maximum red 120 s, quantum 1 s. Stages: 0 {0,1}, 1 {2,3}, 2 {4,5}, 3 {6,7}, 4 {0,2}, 5 {1,3}, 6
// {4,6}, 7 {5,7}, each with 8. Program: stages 0..3, 20 s each, cycle 100 s, offset 7 s.
#pragma once

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/model/network.h"

#define CROSSING_COUNT_MAX 64
#define CROSSING_GROUPS 9
#define CROSSING_STAGES 8

enum crossing_side { FROM_W, FROM_E, FROM_N, FROM_S, SIDE_COUNT };

struct crossings {
    struct network network;
    int32_t link_in[CROSSING_COUNT_MAX][SIDE_COUNT], link_out[CROSSING_COUNT_MAX][SIDE_COUNT];
};

static int32_t crossings_name(struct network *network, const char *kind, int32_t a, int32_t b)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%s%d_%d", kind, a, b);
    return names_add(&network->names, text);
}

static int32_t crossings_link(struct network *network, int32_t from, int32_t to, double length_m)
{
    int32_t i = network->link_count++;
    network->points[network->point_count] = network->junctions[from].at;
    network->points[network->point_count + 1] = network->junctions[to].at;
    network->links[i] = (struct link){ .name = crossings_name(network, "link", i, 0), .from_junction = from,
        .to_junction = to, .first_lane = network->lane_count, .lane_count = 2, .first_point = network->point_count,
        .point_count = 2, .length_m = length_m, .speed_mps = 10.0 };
    network->point_count += 2;
    for (int32_t p = 0; p < 2; p++) {
        network->lanes[network->lane_count++] = (struct lane){ .link = i, .position = p, .users = USER_MOTOR,
            .length_m = length_m, .speed_mps = 10.0, .width_m = 3.2 };
    }
    return i;
}

static void crossings_connect(struct network *network, int32_t from_lane, int32_t to_lane, enum turn turn,
                              int32_t group, int32_t junction)
{
    struct lane *lane = &network->lanes[from_lane];
    if (lane->connection_count++ == 0) {
        lane->first_connection = network->connection_count;
    }
    network->group_members[network->group_member_count] = network->connection_count;
    network->groups[group].first_member = network->group_member_count++;
    network->groups[group].member_count = 1;
    network->connections[network->connection_count++] = (struct connection){ .from_lane = from_lane,
        .to_lane = to_lane, .junction = junction, .turn = turn, .group = group, .link_index = INDEX_NONE,
        .length_m = 20.0, .speed_mps = 8.0 };
}

static void crossings_signals(struct network *network, int32_t j)
{
    static const uint64_t CONFLICTS[CROSSING_GROUPS] = { 0xf8, 0xf4, 0xf2, 0xf1, 0x8f, 0x4f, 0x2f, 0x1f, 0 };
    static const uint64_t STAGES[CROSSING_STAGES] = { 0x103, 0x10c, 0x130, 0x1c0, 0x105, 0x10a, 0x150, 0x1a0 };
    struct intersection *at = &network->intersections[j];
    *at = (struct intersection){ .name = crossings_name(network, "crossing", j, 0), .at = network->junctions[j].at,
        .first_group = j * CROSSING_GROUPS, .group_count = CROSSING_GROUPS, .first_stage = j * CROSSING_STAGES,
        .stage_count = CROSSING_STAGES, .first_intergreen = network->intergreen_count,
        .first_green = network->program_green_count, .green_count = CROSSING_GROUPS, .cycle_ms = 100000,
        .offset_ms = 7000, .cycle_ms_min = 30000, .cycle_ms_max = 180000, .coordinated_stage = 0,
        .quantum_ms = 1000, .approved = true };
    for (int32_t g = 0; g < CROSSING_GROUPS; g++) {
        network->groups[at->first_group + g] = (struct signal_group){ .name = crossings_name(network, "group", j, g),
            .intersection = j, .kind = GROUP_VEHICLE, .green_ms_min = 5000, .green_ms_max = 60000,
            .red_ms_max = 120000, .red_ms_max_emergency = 240000, .yellow_ms = 3000, .red_clearance_ms = 2000 };
        network->group_count++;
        for (int32_t to = 0; to < CROSSING_GROUPS; to++) {
            network->intergreen_ms[network->intergreen_count++] = (CONFLICTS[g] >> to & 1) != 0 ? 5000 : -1;
        }
        int32_t start_ms = g == 8 ? 0 : g / 2 * 25000;
        network->program_greens[network->program_green_count++] = (struct program_green){ .group = g,
            .stage = g == 8 ? 0 : g / 2, .start_ms = start_ms, .end_ms = g == 8 ? 100000 : start_ms + 20000 };
    }
    for (int32_t s = 0; s < CROSSING_STAGES; s++) {
        network->stages[network->stage_count++] = (struct stage){ .name = crossings_name(network, "stage", j, s),
            .intersection = j, .groups = STAGES[s], .program_phase = s, .green_ms_min = 5000, .green_ms_max = 60000 };
    }
}

// The lanes of a link into a crossing lead through and left; those from the west right as well.
static void crossings_turns(struct crossings *made, int32_t link)
{
    static const enum crossing_side LEFT[SIDE_COUNT] = { FROM_N, FROM_S, FROM_E, FROM_W };
    static const enum crossing_side THROUGH[SIDE_COUNT] = { FROM_E, FROM_W, FROM_S, FROM_N };
    static const int32_t GROUP[SIDE_COUNT] = { 0, 1, 4, 5 };
    struct network *network = &made->network;
    int32_t j = network->links[link].to_junction, in = network->links[link].first_lane;
    for (int side = 0; j < network->intersection_count && side < SIDE_COUNT; side++) {
        if (made->link_in[j][side] != link) {
            continue;
        }
        int32_t through = network->links[made->link_out[j][THROUGH[side]]].first_lane;
        int32_t left = network->links[made->link_out[j][LEFT[side]]].first_lane;
        int32_t right = network->links[made->link_out[j][FROM_S]].first_lane;
        int32_t first = j * CROSSING_GROUPS;
        crossings_connect(network, in, through, TURN_THROUGH, first + GROUP[side], j);
        if (side == FROM_W) {
            crossings_connect(network, in, right, TURN_RIGHT, first + 8, j);
        }
        crossings_connect(network, in + 1, left + 1, TURN_LEFT, first + GROUP[side] + 2, j);
    }
}

static void crossings_sensors(struct crossings *made, int32_t j)
{
    struct network *network = &made->network;
    for (int side = 0; side < SIDE_COUNT; side++) {
        for (int32_t p = 0; p < 2; p++) {
            int32_t lane = network->links[made->link_in[j][side]].first_lane + p;
            network->cameras[network->camera_count++] = (struct camera){
                .name = crossings_name(network, "camera", lane, 0), .lane = lane, .intersection = j, .view_m = 200.0
            };
            network->detectors[network->detector_count++] = (struct detector){
                .name = crossings_name(network, "stop", lane, 0), .lane = lane, .intersection = j,
                .place = DETECTOR_STOP_LINE, .to_stop_m = 1.0, .length_m = 2.0 };
            network->detectors[network->detector_count++] = (struct detector){
                .name = crossings_name(network, "advance", lane, 0), .lane = lane, .intersection = j,
                .place = DETECTOR_ADVANCE, .to_stop_m = 80.0, .length_m = 2.0 };
        }
    }
}

static void crossings_take(struct network *network, int32_t count)
{
    size_t n = (size_t)count;
    network->junctions = memory_take(5 * n + 2, sizeof *network->junctions);
    network->points = memory_take(24 * n, sizeof *network->points);
    network->links = memory_take(12 * n, sizeof *network->links);
    network->lanes = memory_take(24 * n, sizeof *network->lanes);
    network->connections = memory_take(CROSSING_GROUPS * n, sizeof *network->connections);
    network->groups = memory_take(CROSSING_GROUPS * n, sizeof *network->groups);
    network->group_members = memory_take(CROSSING_GROUPS * n, sizeof *network->group_members);
    network->stages = memory_take(CROSSING_STAGES * n, sizeof *network->stages);
    network->intersections = memory_take(n, sizeof *network->intersections);
    network->intergreen_ms = memory_take(CROSSING_GROUPS * CROSSING_GROUPS * n, sizeof *network->intergreen_ms);
    network->program_greens = memory_take(CROSSING_GROUPS * n, sizeof *network->program_greens);
    network->cameras = memory_take(8 * n, sizeof *network->cameras);
    network->detectors = memory_take(16 * n, sizeof *network->detectors);
}

static int32_t crossings_junction(struct network *network, double x_m, double y_m, int32_t intersection)
{
    int32_t i = network->junction_count++;
    network->junctions[i] = (struct junction){ .name = crossings_name(network, "junction", i, 0),
        .kind = intersection == INDEX_NONE ? JUNCTION_DEAD_END : JUNCTION_SIGNAL, .intersection = intersection,
        .at = { x_m, y_m } };
    return i;
}

// Builds `count` crossings, spacing_m apart; side roads are as long. Released by network_release(&made->network).
static inline void crossings_build(struct crossings *made, int32_t count, double spacing_m)
{
    assert(count >= 1 && count <= CROSSING_COUNT_MAX);
    struct network *network = &made->network;
    network_create(network);
    crossings_take(network, count);
    network->intersection_count = count;
    for (int32_t j = 0; j < count; j++) {
        (void)crossings_junction(network, j * spacing_m, 0.0, j);
    }
    int32_t west = crossings_junction(network, -spacing_m, 0.0, INDEX_NONE);
    int32_t east = crossings_junction(network, count * spacing_m, 0.0, INDEX_NONE);
    for (int32_t j = 0; j < count; j++) {
        int32_t before = j == 0 ? west : j - 1, after = j + 1 == count ? east : j + 1;
        int32_t north = crossings_junction(network, j * spacing_m, spacing_m, INDEX_NONE);
        int32_t south = crossings_junction(network, j * spacing_m, -spacing_m, INDEX_NONE);
        made->link_in[j][FROM_W] =
            j == 0 ? crossings_link(network, before, j, spacing_m) : made->link_out[j - 1][FROM_E];
        made->link_out[j][FROM_W] =
            j == 0 ? crossings_link(network, j, before, spacing_m) : made->link_in[j - 1][FROM_E];
        made->link_out[j][FROM_E] = crossings_link(network, j, after, spacing_m);
        made->link_in[j][FROM_E] = crossings_link(network, after, j, spacing_m);
        made->link_in[j][FROM_N] = crossings_link(network, north, j, spacing_m);
        made->link_out[j][FROM_N] = crossings_link(network, j, north, spacing_m);
        made->link_in[j][FROM_S] = crossings_link(network, south, j, spacing_m);
        made->link_out[j][FROM_S] = crossings_link(network, j, south, spacing_m);
        crossings_signals(network, j);
        crossings_sensors(made, j);
    }
    for (int32_t link = 0; link < network->link_count; link++) {
        crossings_turns(made, link);   // In order of links: connections are sorted by the lane that they leave.
    }
    struct problem problem;
    enum status status = network_finish(network, "crossings", &problem);
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "%s\n", problem.text);
        abort();
    }
}
