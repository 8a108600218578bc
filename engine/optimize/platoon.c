#include "engine/optimize/platoon.h"

#include <math.h>
#include <stddef.h>

static const double FIRST_SHARE = 0.8;            // of the travel time, after which the first arrive [Robertson1969]
static const double SPREAD = 0.35;                // of that, the mean lag behind them [Robertson1969]
static const float X_MAX = 0.95f;                 // of what may go: the most that is taken to arrive

void profile_travel(const float *leaving, double travel_s, double bin_s, float weight, float *arriving)
{
    double lag = FIRST_SHARE * travel_s / bin_s;
    float keep = (float)(1.0 / (1.0 + SPREAD * lag));
    int first = (int)lag;
    float part = (float)(lag - first);   // Between two bins: shared out to both.
    float spread[PROFILE_BIN_COUNT], before = 0.0f;
    for (int round = 0; round < 2; round++) {     // The first only finds what the second begins with.
        for (int i = 0; i < PROFILE_BIN_COUNT; i++) {
            before += keep * (leaving[i] - before);
            spread[i] = before;
        }
    }
    int at = first % PROFILE_BIN_COUNT;
    for (int i = 0; i < PROFILE_BIN_COUNT; i++) {
        int next = at + 1 < PROFILE_BIN_COUNT ? at + 1 : 0;
        arriving[at] += weight * (1.0f - part) * spread[i];
        arriving[next] += weight * part * spread[i];
        at = next;
    }
}

void profile_window(double from_s, double to_s, double bin_s, float vps, float *profile)
{
    int last = (int)floor(to_s / bin_s);
    for (int i = (int)floor(from_s / bin_s); i <= last; i++) {
        double part = (fmin(to_s, (i + 1) * bin_s) - fmax(from_s, i * bin_s)) / bin_s;
        profile[i % PROFILE_BIN_COUNT] += (float)fmax(0.0, part) * vps;
    }
}

double profile_mean(const float *profile)
{
    double sum = 0.0;
    for (int i = 0; i < PROFILE_BIN_COUNT; i++) {
        sum += (double)profile[i];
    }
    return sum / PROFILE_BIN_COUNT;
}

struct profile_wait profile_serve(const float *arriving, const float *capacity, double bin_s, float *leaving)
{
    double coming = profile_mean(arriving), going = profile_mean(capacity);
    float scale = coming > (double)X_MAX * going ? (float)(going > 0.0 ? (double)X_MAX * going / coming : 0.0) : 1.0f;
    float bin = (float)bin_s, queue = 0.0f, area = 0.0f, stops = 0.0f;
    for (int round = 0; round < 2; round++) {
        area = stops = 0.0f;
        for (int i = 0; i < PROFILE_BIN_COUNT; i++) {
            float come = scale * arriving[i] * bin, rest = queue + come - capacity[i] * bin;
            rest = rest > 0.0f ? rest : 0.0f;
            stops += queue > 0.0f || rest > 0.0f ? come : 0.0f;
            area += 0.5f * (queue + rest);
            if (leaving != NULL) {
                leaving[i] = (queue + come - rest) / bin;
            }
            queue = rest;
        }
    }
    return (struct profile_wait){ .queue_veh = (double)area / PROFILE_BIN_COUNT,
                                  .stops_vps = (double)stops / (PROFILE_BIN_COUNT * bin_s) };
}
