#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/traffic/krauss.h"
#include "sim/traffic/street_kernel.h"

#ifdef __x86_64__
extern const struct street_kernel street_kernel_v2, street_kernel_v3, street_kernel_v4;

static bool runs_v2(void)
{
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
}

static bool runs_v3(void)
{
    return runs_v2() && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi")
           && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma");
}

static bool runs_v4(void)
{
    return runs_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
           && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq")
           && __builtin_cpu_supports("avx512vl");
}

static const struct {
    const struct street_kernel *kernel;
    bool (*runs)(void);
} KERNELS[] = {                        // the best first
    { &street_kernel_v4, runs_v4 },
    { &street_kernel_v3, runs_v3 },
    { &street_kernel_v2, runs_v2 },
};
#else
extern const struct street_kernel street_kernel_portable;

static bool runs_always(void)
{
    return true;
}

static const struct {
    const struct street_kernel *kernel;
    bool (*runs)(void);
} KERNELS[] = { { &street_kernel_portable, runs_always } };
#endif

enum status kernel_choose(const struct street_kernel **ret, struct problem *problem)
{
    const char *wish = getenv("INTERGREEN_ISA");
    for (size_t i = 0; i < sizeof KERNELS / sizeof *KERNELS; i++) {
        bool named = wish == NULL || *wish == 0 || strcmp(wish, KERNELS[i].kernel->name) == 0;
        if (named && KERNELS[i].runs()) {
            *ret = KERNELS[i].kernel;
            return STATUS_OK;
        }
    }
    return problem_report(problem, STATUS_RANGE, "environment", "INTERGREEN_ISA",
        "unset it, or name v2, v3 or v4 (portable where the machine is no x86-64)",
        "%s is no instruction set that the street's kernel knows and this machine runs", wish != NULL ? wish : "none");
}

float safe_speed(float gap_m, float leader_mps, float deceleration_mps2, float headway_s, float step_s)
{
    return stop_speed(gap_m + brake_distance(leader_mps, deceleration_mps2, step_s), deceleration_mps2, headway_s,
        step_s);
}
