// city_clock.h: the time by which a living city is controlled.
//
// THEORY    Timing runs on the monotonic clock: a jump of the wall clock changes no lamp. At the start the city's time
//           is the wall's; from then on it follows the wall at no more than 1 ms each step (1000 ppm at steps of a
//           second), so that a corrected clock is reached slowly and never backwards.
// CONTRACT  city_clock_now from any thread; city_clock_follow from the compute thread alone.
// NOT HERE  A simulator's clock (lockstep).
#pragma once

#include <stdatomic.h>
#include <stdint.h>

struct city_clock {
    _Atomic int64_t base_ms;          // city time = monotonic time + base
};

int64_t monotonic_ms(void);
int64_t monotonic_us(void);
int64_t wall_ms(void);

void city_clock_start(struct city_clock *clock);
int64_t city_clock_now(struct city_clock *clock);

// Moves towards the wall by at most 1 ms; how far off it is still, wall less city.
int64_t city_clock_follow(struct city_clock *clock);
