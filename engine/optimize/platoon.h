// platoon.h: flows that come again with every cycle: how they spread on a link, and how they wait at a stop line.
//
// THEORY    A cycle is cut into PROFILE_BIN_COUNT bins; a profile is a rate, in vehicles a second, for each. On its way
//           a platoon spreads [Robertson1969]: with travel time T the first arrive after 0.8 T, and
//
//             arriving[i + 0.8 T] = F leaving[i] + (1 - F) arriving[i + 0.8 T - 1],     F = 1 / (1 + 0.35 * 0.8 T)
//
//           for bins of one second; for others F is such that the mean lag behind the first stays the same.
//           At a stop line what arrives queues while more comes than may go:
//
//                 queue ▲    ╱╲            delay = area under it, stops = those who come to red or to a queue
//                       │  ╱   ╲
//                       ┴─────────▶ t      leaving = capacity while there is a queue, then what arrives
//                        red  green
//
// CONTRACT  Pure. Profiles are cyclic: bin 0 follows on the last.
// OWNERSHIP The caller owns all.
// NOT HERE  Whose profiles (coordination.h).
#pragma once

#define PROFILE_BIN_COUNT 48

// Adds weight times the profile of `leaving` as it arrives after travel_s.
void profile_travel(const float *leaving, double travel_s, double bin_s, float weight, float *arriving);

// Adds vps from from_s to to_s, both within [0, 2 cycles); wraps.
void profile_window(double from_s, double to_s, double bin_s, float vps, float *profile);

double profile_mean(const float *profile);

struct profile_wait {
    double queue_veh;                 // mean over the cycle: the delay of all, in vehicle seconds a second
    double stops_vps;
};

// What arrives is served by what may go. Where more arrives than can ever go, it is taken to be a little less: the
// excess waits whatever the offsets. `leaving` gets what goes and may be NULL.
struct profile_wait profile_serve(const float *arriving, const float *capacity, double bin_s, float *leaving);
