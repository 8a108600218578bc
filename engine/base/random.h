// random.h: random numbers that depend on what they are for, never on the order in which they are drawn.
//
// THEORY    A counter-based generator: the mixing function of SplitMix64 (Steele, Lea, Flood 2014) over
//           (seed, purpose, number, draw). Vehicle 17's third draw is the same whichever thread asks first.
// CONTRACT  Pure. One purpose per use: add yours to the enum, at its end.
#pragma once

#include <stdint.h>

enum random_purpose {
    RANDOM_CITY,          // the generator of networks
    RANDOM_DEMAND,        // the generator of trips
    RANDOM_DRIVER,        // speed factor and the like of one trip
    RANDOM_DAWDLE,        // Krauss' imperfection, each step
    RANDOM_LANE_CHANGE,
    RANDOM_SENSOR,        // noise, loss and faults of detectors
    RANDOM_TEST,
    RANDOM_INSERTION,
    RANDOM_ROUTE,         // choices among alternatives in a demand file
    RANDOM_RETRY,         // jitter of the daemon's reconnections
    RANDOM_WALKER,        // when pedestrians come
};

static inline uint64_t random_mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static inline uint64_t random_bits(uint64_t seed, enum random_purpose purpose, uint64_t number,
                                   uint64_t draw)
{
    return random_mix(random_mix(random_mix(seed ^ ((uint64_t)purpose << 56)) + number) + draw);
}

// Uniform in [0, 1), 53 bits.
static inline double random_unit(uint64_t seed, enum random_purpose purpose, uint64_t number,
                                 uint64_t draw)
{
    return (double)(random_bits(seed, purpose, number, draw) >> 11) * 0x1.0p-53;
}

// A standard exponential variate by comparisons alone (von Neumann 1951, "Various techniques used in connection with
// random digits"): runs of falling uniforms; a run of odd length accepts its first number, an even one adds 1 and tries
// again. *draw goes on.
static inline double random_exponential(uint64_t seed, enum random_purpose purpose, uint64_t number, uint64_t *draw)
{
    for (double whole = 0.0;; whole += 1.0) {
        double first = random_unit(seed, purpose, number, (*draw)++), last = first;
        int length = 1;
        for (;;) {
            double next = random_unit(seed, purpose, number, (*draw)++);
            if (next >= last) {
                break;
            }
            last = next;
            length++;
        }
        if (length % 2 == 1) {
            return whole + first;
        }
    }
}
