#include "engine/optimize/webster.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

static const double CYCLE_CONSTANT_MS = 5000.0;   // the "5 s" of the formula [Webster1958]
static const double FLOW_RATIO_MAX = 10.0;        // beyond it no queue is real: a sensor lies

// Input comes from the field: no assert here.
static bool input_valid(const struct webster_input *in)
{
    if (in->stage_count < 1 || in->stage_count > WEBSTER_STAGE_COUNT_MAX) {
        return false;
    }
    for (int32_t i = 0; i < in->stage_count; i++) {
        // Written positively, then negated: a NaN fails every comparison.
        if (!(in->flow_ratio[i] >= 0.0 && in->flow_ratio[i] <= FLOW_RATIO_MAX) || in->green_ms_min[i] < 0) {
            return false;
        }
    }
    return in->lost_ms >= 0 && in->cycle_ms_min > 0 && in->cycle_ms_min <= in->cycle_ms_max && in->quantum_ms > 0;
}

static int32_t round_to(double ms, int32_t quantum_ms)
{
    return (int32_t)floor(ms / quantum_ms + 0.5) * quantum_ms;
}

static int32_t floor_to(int32_t ms, int32_t quantum_ms)
{
    return ms / quantum_ms * quantum_ms;
}

static double cycle_best_ms(const struct webster_input *in, double y_sum)
{
    if (y_sum >= 1.0) {
        return in->cycle_ms_max;   // The formula has its pole at Y = 1.
    }
    double cycle_ms = (1.5 * in->lost_ms + CYCLE_CONSTANT_MS) / (1.0 - y_sum);
    return fmin(fmax(cycle_ms, in->cycle_ms_min), in->cycle_ms_max);
}

// Greens in the ratio of y among the stages that are not held at their minimum; whoever falls below it is held there
// and the rest shared again, at most once per stage.
static void greens_share(const struct webster_input *in, int32_t total_ms, double *green_ms)
{
    bool held[WEBSTER_STAGE_COUNT_MAX] = { false };
    for (int32_t round = 0; round <= in->stage_count; round++) {
        double free_ms = total_ms, y_free = 0.0;
        int32_t free_count = 0;
        for (int32_t i = 0; i < in->stage_count; i++) {
            free_ms -= held[i] ? in->green_ms_min[i] : 0;
            y_free += held[i] ? 0.0 : in->flow_ratio[i];
            free_count += held[i] ? 0 : 1;
        }
        bool again = false;
        for (int32_t i = 0; i < in->stage_count; i++) {
            double part = y_free > 0.0 ? in->flow_ratio[i] / y_free : 1.0 / free_count;
            green_ms[i] = held[i] ? in->green_ms_min[i] : free_ms * part;
        }
        for (int32_t i = 0; i < in->stage_count; i++) {
            if (!held[i] && green_ms[i] < in->green_ms_min[i]) {
                held[i] = again = true;
            }
        }
        if (!again) {
            return;
        }
    }
}

enum status webster_solve(const struct webster_input *in, struct webster_result *ret)
{
    assert(in != NULL);
    assert(ret != NULL);
    if (!input_valid(in)) {
        return STATUS_RANGE;
    }
    double y_sum = 0.0;
    int64_t green_min_ms = 0;
    for (int32_t i = 0; i < in->stage_count; i++) {
        y_sum += in->flow_ratio[i];
        green_min_ms += in->green_ms_min[i];
    }
    int64_t total_ms = round_to(cycle_best_ms(in, y_sum) - in->lost_ms, in->quantum_ms);
    if (total_ms < green_min_ms) {
        total_ms = green_min_ms + (in->quantum_ms - green_min_ms % in->quantum_ms) % in->quantum_ms;
    }
    if (total_ms + in->lost_ms > in->cycle_ms_max) {
        total_ms = floor_to(in->cycle_ms_max - in->lost_ms, in->quantum_ms);
    }
    if (total_ms < green_min_ms || total_ms <= 0) {
        return STATUS_INFEASIBLE;
    }

    double green_ms[WEBSTER_STAGE_COUNT_MAX];
    greens_share(in, (int32_t)total_ms, green_ms);
    struct webster_result result = { .cycle_ms = (int32_t)total_ms + in->lost_ms, .oversaturated = y_sum >= 1.0 };
    // Round the running total, not each green: the greens then add up exactly.
    double run_ms = 0.0;
    int32_t given_ms = 0;
    for (int32_t i = 0; i < in->stage_count; i++) {
        run_ms += green_ms[i];
        int32_t upto_ms = i + 1 == in->stage_count ? (int32_t)total_ms : round_to(run_ms, in->quantum_ms);
        result.green_ms[i] = upto_ms - given_ms;
        given_ms = upto_ms;
    }
    *ret = result;
    return STATUS_OK;
}

double webster_stage_ratios(const struct webster_groups *groups, const uint64_t *stage_groups, int32_t stage_count,
                            double *ret_ratio)
{
    for (int32_t s = 0; s < stage_count; s++) {
        ret_ratio[s] = 0.0;
    }
    // Groups served by fewer stages first: what they need is fixed, and what it leaves to others comes for free.
    for (int32_t served_by = 1; served_by <= stage_count; served_by++) {
        for (int32_t g = 0; g < groups->group_count; g++) {
            int32_t serving = 0, last = 0;
            double have = 0.0;
            for (int32_t s = 0; s < stage_count; s++) {
                bool in = (stage_groups[s] >> g & 1) != 0;
                serving += in ? 1 : 0;
                have += in ? ret_ratio[s] : 0.0;
                last = in ? s : last;
            }
            if (serving == served_by && have < groups->flow_ratio[g]) {
                ret_ratio[last] += groups->flow_ratio[g] - have;
            }
        }
    }
    double sum = 0.0;
    for (int32_t s = 0; s < stage_count; s++) {
        sum += ret_ratio[s];
    }
    return sum;
}
