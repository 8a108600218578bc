// units.h: the units of the field as integers, and how to get there from what files say.
//
// THEORY    What times a lamp is an integer count of milliseconds. Times are milliseconds since the Unix epoch;
//           SUMO's and CityFlow's second 0 is epoch 0, so that a simulated clock uses the same type.
// CONTRACT  Pure; no rounding depends on the machine.
#pragma once

#include <stdint.h>

#define MS_PER_S 1000
#define MS_PER_DAY 86400000

// Rounds to the nearest millisecond, halves away from zero.
static inline int64_t ms_from_s(double seconds)
{
    double ms = seconds * MS_PER_S;
    return (int64_t)(ms < 0.0 ? ms - 0.5 : ms + 0.5);
}

static inline double s_from_ms(int64_t ms)
{
    return (double)ms / MS_PER_S;
}

// Floor and ceiling to a multiple of the quantum, for negative times too. quantum_ms > 0.
static inline int64_t quantum_floor(int64_t ms, int64_t quantum_ms)
{
    int64_t rest = ms % quantum_ms;
    return rest < 0 ? ms - rest - quantum_ms : ms - rest;
}

static inline int64_t quantum_ceil(int64_t ms, int64_t quantum_ms)
{
    return quantum_floor(ms + quantum_ms - 1, quantum_ms);
}

// The remainder of ms in a cycle, 0 .. cycle_ms - 1, for negative times too.
static inline int64_t cycle_position(int64_t ms, int64_t cycle_ms)
{
    return ms - quantum_floor(ms, cycle_ms);
}
