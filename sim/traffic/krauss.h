// krauss.h: the formulas of Krauss' model in SUMO's discrete form; street_kernel.h has the theory.
#pragma once

#include <math.h>
#include <stdint.h>

// Chosen by hand: gcc turns floorf into a call where SSE4.1 is not assumed. x >= 0 and below 2^24.
static inline float floor_small(float x)
{
    return (float)(int32_t)x;
}

static inline float brake_distance(float v, float brake, float h)
{
    float n = floor_small(v / (brake * h));
    return h * (n * v - brake * h * n * (n + 1.0f) * 0.5f);
}

static inline float stop_speed(float g, float brake, float tau, float h)
{
    // n: the most braking steps that fit: b h^2 n (n - 1) / 2 + b h tau n <= g, solved for n and cut.
    float b = brake * h;
    float root = h * h + 4.0f * (h * (2.0f * g / b - tau) + tau * tau);
    float n = floor_small(0.5f + (sqrtf(root > 0.0f ? root : 0.0f) * 0.5f - tau) / h);
    n = n > 0.0f ? n : 0.0f;
    float used = 0.5f * n * (n - 1.0f) * b * h + n * b * tau;
    float rest = (g - used) / (n * h + tau);
    float x = n * b + rest;
    return g > 0.0f && x > 0.0f ? x : 0.0f;
}

// The greatest speed from which `target` is reached, braking by b h each step, when the next `way` metres are driven.
static inline float slow_speed(float way, float target, float brake, float h)
{
    float v = target * h, b = brake * h * h;
    if (way <= v) {
        return target;
    }
    // n whole braking steps fit: b n (n + 1) / 2 + n v <= way, solved for n and cut.
    float side = b + 2.0f * v;
    float n_exact = ((sqrtf(side * side + 8.0f * b * way) - b) * 0.5f - v) / b;
    float n = floor_small(n_exact > 0.0f ? n_exact : 0.0f);
    float used = 0.5f * (n * n + n) * b + n * v + (n_exact > n ? v : 0.0f);
    float rest = way > used ? (way - used) / ((n + 1.0f) * h) : 0.0f;
    return rest + n * brake * h + target;
}
