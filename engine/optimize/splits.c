#include "engine/optimize/splits.h"

#include <math.h>
#include <string.h>

#include "engine/model/units.h"

static const double SHUT_S = 2.5;                 // of a gap that each vehicle on a foe's lane shuts
static const double GREEN_LOST_S = 1.0;            // of a green: the start of the queue, less what goes in the yellow
static const double HORIZON_H = 0.25;             // T of the formula
static const double X_WANTED = 0.9;
static const double EXCESS_VEH = 40.0;            // price of a row's saturation beyond it, squared
static const double CAPACITY_VEH_MIN = 0.05;      // of a cycle: a row that nothing lets go
static const double GAIN_MIN = 1e-6;

double splits_let_go(const struct splits_input *in, int32_t row, int32_t k, int32_t green_ms, int32_t cycle_ms)
{
    const struct splits_flow *flow = &in->flow[row][k];
    double green_s = fmax(0.0, s_from_ms(green_ms) - GREEN_LOST_S);
    double free_veh = (double)flow->vps * green_s;
    if (flow->yielding <= 0.0f || free_veh <= 0.0) {
        return free_veh;
    }
    double open = fmax(0.0, 1.0 - (double)flow->foe_ratio * s_from_ms(cycle_ms) / green_s)
        * fmax(0.0, 1.0 - SHUT_S * (double)flow->foe_vps);
    double yielding = (double)flow->yielding;
    double slower = open > 0.0 ? free_veh / (1.0 - yielding + yielding / open) : 0.0;
    return fmin(free_veh, fmax(slower, (double)flow->sneak));
}

static double row_capacity_veh(const struct splits_input *in, int32_t row, const int32_t *green_ms, int32_t cycle_ms)
{
    double veh = 0.0;
    for (int32_t k = 0; k < in->stage_count; k++) {
        veh += in->flow[row][k].vps > 0.0f ? splits_let_go(in, row, k, green_ms[k], cycle_ms) : 0.0;
    }
    return fmax(CAPACITY_VEH_MIN, in->learnt[row] * veh);
}

double splits_saturation(const struct splits_input *in, const int32_t *green_ms, int32_t cycle_ms)
{
    double most = 0.0;
    for (int32_t r = 0; r < in->row_count; r++) {
        most = fmax(most, in->demand_vps[r] * s_from_ms(cycle_ms) / row_capacity_veh(in, r, green_ms, cycle_ms));
    }
    return most;
}

double splits_cost(const struct splits_input *in, const int32_t *green_ms, int32_t cycle_ms)
{
    double cycle_s = s_from_ms(cycle_ms), cost = 0.0;
    for (int32_t r = 0; r < in->row_count; r++) {
        if (in->demand_vps[r] <= 0.0) {
            continue;
        }
        double green_s = 0.0;
        for (int32_t k = 0; k < in->stage_count; k++) {
            green_s += in->flow[r][k].vps > 0.0f ? s_from_ms(green_ms[k]) : 0.0;
        }
        double veh = row_capacity_veh(in, r, green_ms, cycle_ms);
        double x = in->demand_vps[r] * cycle_s / veh;
        double share = fmin(1.0, green_s / cycle_s);
        double uniform_s = 0.5 * cycle_s * (1.0 - share) * (1.0 - share) / fmax(0.05, 1.0 - fmin(1.0, x) * share);
        double per_hour = veh / cycle_s * 3600.0;
        double over = x - 1.0;
        double random_s = 900.0 * HORIZON_H * (over + sqrt(over * over + 4.0 * x / (per_hour * HORIZON_H)));
        double excess = fmax(0.0, x - X_WANTED);
        cost += in->demand_vps[r] * (uniform_s + random_s) + EXCESS_VEH * excess * excess;
    }
    return cost;
}

int32_t splits_lost_ms(const struct splits_input *in)
{
    int32_t lost_ms = 0;
    for (int32_t k = 0; k < in->stage_count; k++) {
        lost_ms += in->transition_ms[k];
    }
    return lost_ms;
}

// The stage whose green, changed by `by_ms`, costs least; or -1 when none can be.
static int32_t stage_cheapest(const struct splits_input *in, int32_t cycle_ms, int32_t by_ms, int32_t *green_ms)
{
    int32_t best = -1;
    double best_cost = INFINITY;
    for (int32_t k = 0; k < in->stage_count; k++) {
        if (green_ms[k] + by_ms < in->green_ms_min[k]) {
            continue;
        }
        green_ms[k] += by_ms;
        double cost = splits_cost(in, green_ms, cycle_ms);
        green_ms[k] -= by_ms;
        if (cost < best_cost) {
            best_cost = cost;
            best = k;
        }
    }
    return best;
}

bool splits_fit(const struct splits_input *in, int32_t cycle_ms, int32_t *green_ms)
{
    int32_t rest_ms = cycle_ms - splits_lost_ms(in);
    for (int32_t k = 0; k < in->stage_count; k++) {
        green_ms[k] = green_ms[k] < in->green_ms_min[k] ? in->green_ms_min[k] : green_ms[k];
        rest_ms -= green_ms[k];
    }
    while (rest_ms != 0) {
        int32_t step_ms = rest_ms > 0 ? (rest_ms < in->step_ms ? rest_ms : in->step_ms)
                                      : (-rest_ms < in->step_ms ? rest_ms : -in->step_ms);
        int32_t k = stage_cheapest(in, cycle_ms, step_ms, green_ms);
        if (k < 0) {
            memcpy(green_ms, in->green_ms_min, sizeof *green_ms * (size_t)in->stage_count);
            return false;
        }
        green_ms[k] += step_ms;
        rest_ms -= step_ms;
    }
    return true;
}

void splits_better(const struct splits_input *in, int32_t cycle_ms, int32_t moves, int32_t *green_ms)
{
    double cost = splits_cost(in, green_ms, cycle_ms);
    for (int32_t move = 0; move < moves; move++) {
        int32_t from = -1, to = -1;
        double best = cost - GAIN_MIN;
        for (int32_t a = 0; a < in->stage_count; a++) {
            if (green_ms[a] - in->step_ms < in->green_ms_min[a]) {
                continue;
            }
            green_ms[a] -= in->step_ms;
            for (int32_t b = 0; b < in->stage_count; b++) {
                green_ms[b] += in->step_ms;
                double now = a != b ? splits_cost(in, green_ms, cycle_ms) : INFINITY;
                green_ms[b] -= in->step_ms;
                if (now < best) {
                    best = now;
                    from = a;
                    to = b;
                }
            }
            green_ms[a] += in->step_ms;
        }
        if (from < 0) {
            return;
        }
        green_ms[from] -= in->step_ms;
        green_ms[to] += in->step_ms;
        cost = best;
    }
}
