// splits.h: what a cycle and its greens cost an intersection, and how they are bettered in small steps.
//
// THEORY    A *row* (stop-line lane) asks for `demand` and gets per cycle what its stages let go:
//
//             capacity[r] = learnt[r] * sum over stages k of let_go(r, k)           x = demand * C / capacity
//             let_go      = (green - GREEN_LOST_S) * vps, nobody in the way
//
//           Who gives way finds no gap while the foes' queue discharges, for foe_ratio * C of the green, and then
//           SHUT_S less for each foe; the last of them go when the green ends, `sneak` vehicles of the row each time.
//           The delay of a vehicle is that of uniform arrivals and that of random and excess ones over T [HCM2000]:
//
//             d = C (1 - l)^2 / (2 (1 - min(1, x) l)) + 900 T ((x - 1) + sqrt((x - 1)^2 + 4 x / (c T)))
//
//           with l the share of effective green, c the capacity. The cost is the sum of demand times d: the vehicles
//           that wait at any time. What goes beyond the degree of saturation X_WANTED is charged more, so that no
//           minor street pays for a main one [Hunt1981 equalises the degrees of saturation].
//
//           Greens move as SCOOT moves them: by a step from one stage to another, where that lowers the cost most; a
//           new cycle takes or gives its seconds where they cost least.
// CONTRACT  Pure: no I/O, clock, allocation or global. Same input, same bits out.
// OWNERSHIP The caller owns all.
// NOT HERE  Which stages (stage_choice.h), offsets (coordination.h).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SPLITS_STAGE_COUNT_MAX 12
#define SPLITS_ROW_COUNT_MAX 32

// What a row lets go in a stage.
struct splits_flow {
    float vps;                        // nobody in the way; 0: its movements are red
    float yielding;                   // share of the time per vehicle that is theirs who give way
    float sneak;                      // vehicles that go at the end of the green in any case
    float foe_ratio;                  // greatest demand over saturation flow of a foe's lane
    float foe_vps;                    // of all foes' lanes
};

struct splits_input {
    int32_t stage_count, row_count;
    struct splits_flow flow[SPLITS_ROW_COUNT_MAX][SPLITS_STAGE_COUNT_MAX];
    double demand_vps[SPLITS_ROW_COUNT_MAX];
    double learnt[SPLITS_ROW_COUNT_MAX];              // of the capacity, around 1
    int32_t transition_ms[SPLITS_STAGE_COUNT_MAX];    // from stage k to the next
    int32_t green_ms_min[SPLITS_STAGE_COUNT_MAX];
    int32_t step_ms;                                  // of a green; a multiple of the quantum
};

// Vehicles that a row lets go in a green of stage k.
double splits_let_go(const struct splits_input *in, int32_t row, int32_t k, int32_t green_ms, int32_t cycle_ms);

// The greatest degree of saturation, and the cost in vehicles.
double splits_saturation(const struct splits_input *in, const int32_t *green_ms, int32_t cycle_ms);
double splits_cost(const struct splits_input *in, const int32_t *green_ms, int32_t cycle_ms);

int32_t splits_lost_ms(const struct splits_input *in);

// Gives or takes green until greens and transitions fill the cycle. False, and greens at their minimum, when they do
// not fit into it.
bool splits_fit(const struct splits_input *in, int32_t cycle_ms, int32_t *green_ms);

// Moves at most `moves` steps of green from stage to stage, each where it helps most.
void splits_better(const struct splits_input *in, int32_t cycle_ms, int32_t moves, int32_t *green_ms);
