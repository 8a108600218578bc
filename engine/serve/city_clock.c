#include "engine/serve/city_clock.h"

#include <time.h>

static int64_t clock_us(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t monotonic_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

int64_t monotonic_ms(void)
{
    return monotonic_us() / 1000;
}

int64_t wall_ms(void)
{
    return clock_us(CLOCK_REALTIME) / 1000;
}

void city_clock_start(struct city_clock *clock)
{
    atomic_store(&clock->base_ms, wall_ms() - monotonic_ms());
}

int64_t city_clock_now(struct city_clock *clock)
{
    return monotonic_ms() + atomic_load_explicit(&clock->base_ms, memory_order_relaxed);
}

int64_t city_clock_follow(struct city_clock *clock)
{
    int64_t off_ms = wall_ms() - city_clock_now(clock);
    int64_t move_ms = off_ms > 0 ? 1 : off_ms < 0 ? -1 : 0;
    atomic_fetch_add(&clock->base_ms, move_ms);
    return off_ms - move_ms;
}
