// horizon.h: the search of `adaptive`: which stages, in which order and for how long, over the next minute and a half.
//
// THEORY    Time runs in whole seconds k = 0 .. HORIZON_S from the instant at which a decision takes effect. A *stream*
//           is a stop-line lane (or several alike). arrived[k] vehicles of it would have passed the stop line by k had
//           there been no signal; gone[k] <= arrived[k] have passed. What is between them waits, and the price of a
//           plan is
//
//               sum over k, streams of weight * (arrived[k] - gone[k])        vehicle seconds, weighed
//               + weight * (waited + waited_rise * k) * (those of arrived[0] that still wait)
//               + switch_price per change of stages + end_price per weighed vehicle that still waits at the end
//
//           The second line makes waiting dearer the longer it lasts, for those who wait already: who is yet to come
//           has not waited.
//
//           A stream that a stage serves passes at most `capacity` vehicles a second, from `start_loss_s` after the
//           stage's start (nothing is credited during a change) and for yellow_gain_s after its end; one that both
//           stages serve passes throughout, and one that may start lead_s before the stage's last does so then. So
//
//               gone[k + 1] = min(arrived[k + 1], gone[k] + capacity of the stream now)
//
//           which is one addition and one minimum for all streams side by side.
//
//           A stream that must give way to others of its stage passes less while these do (struct giving_way).
//
//           The search goes forward in time. A *label* (stage, k) is a course on which the stage is green, has served
//           its minimum and may be left, at second k: at each second of the near future, at every third later.
//
//              (s, k) ─ stay ──▶ (s, the next such second)
//                     ╰ change ▶ (t, k + transition + minimum green of t, and on to such a second)   for every t
//
//           Of the courses that come to one label the LABELS best are kept, by
//
//               price so far + sum over streams of weight * (serve_price or wait_price + queue_price * queue) * queue
//
//           the second factor being what a vehicle still costs that the label's stage serves, and does not serve, and
//           what each of a queue costs those behind it: q vehicles that leave at a rate of c wait q^2 / 2c in sum. All
//           courses of a label end at one time in one stage, so that the comparison is fair; ranks of courses that end
//           at different times are not (measured: decision 0040). A course past the end of the horizon is complete.
// CONTRACT  Pure, no allocation; same bits on every instruction set: sums over streams are taken in one fixed tree.
// OWNERSHIP The caller owns all.
// NOT HERE  Where arrivals, capacities and weights come from (adaptive.c).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define HORIZON_S 90
#define STREAM_COUNT_MAX 32
#define HORIZON_STAGE_COUNT_MAX 16
#define GIVING_COUNT_MAX 64
#define FOE_COUNT_MAX 256
#define ROW_ALIGN 64                  // rows of streams begin with a line of the cache: no vector of them crosses one
#define LEAD_S_MAX 6                  // seconds by which some streams of a stage may start before the others
#define VISIT_COUNT_MAX 12            // stages of one plan, the present one included

// A stream part of which gives way to others in a stage: a gap is open for 1 - sum of shut * vehicles a second that
// pass on the foes, but OPEN_MIN at the least.
struct giving_way {
    int16_t stream;
    int16_t first_foe, foe_count;     // in foes
    float part;                       // share of the lane's time that those who give way take where nobody comes
};

struct way_foe {
    int16_t stream;
    float shut_s;                     // seconds for which one of its vehicles shuts the gap
};

struct horizon {
    int32_t stream_count;             // 0 .. STREAM_COUNT_MAX
    int32_t stage_count;              // 1 .. HORIZON_STAGE_COUNT_MAX
    int32_t stage_now;
    int32_t leave_s;                  // the earliest end of the present stage
    int32_t start_loss_s, yellow_gain_s;
    float switch_price, end_price;    // vehicle seconds
    float wait_price, serve_price;    // see above, seconds
    float queue_price;                // likewise, seconds per vehicle
    float waited_rise;                // per second
    int32_t green_s_min[HORIZON_STAGE_COUNT_MAX];
    bool early_only[HORIZON_STAGE_COUNT_MAX];   // none but the next two stages of a plan may be one of these
    uint8_t transition_s[HORIZON_STAGE_COUNT_MAX][HORIZON_STAGE_COUNT_MAX];
    // How many seconds before a stage a stream of it starts when the change is from another, and the most of these.
    uint8_t lead_s[HORIZON_STAGE_COUNT_MAX][HORIZON_STAGE_COUNT_MAX][STREAM_COUNT_MAX];
    uint8_t lead_s_most[HORIZON_STAGE_COUNT_MAX][HORIZON_STAGE_COUNT_MAX];   // at most LEAD_S_MAX
    // Columns of streams; from stream_count to horizon_width they are 0, and beyond not looked at.
    _Alignas(ROW_ALIGN) float capacity[HORIZON_STAGE_COUNT_MAX][STREAM_COUNT_MAX];   // vehicles per second
    struct giving_way giving[GIVING_COUNT_MAX];
    int32_t first_giving[HORIZON_STAGE_COUNT_MAX + 1];           // of each stage
    struct way_foe foes[FOE_COUNT_MAX];
    _Alignas(ROW_ALIGN) float weight[STREAM_COUNT_MAX];
    float waited[STREAM_COUNT_MAX];   // how much more a second of those counts who wait at second 0
    _Alignas(ROW_ALIGN) float arrived[HORIZON_S + 1][STREAM_COUNT_MAX];   // cumulative; row 0: those that wait now
};

// One stage of the plan found: its green runs from start_s to end_s (the present one from 0).
struct visit { int16_t stage, start_s, end_s; };

struct horizon_plan {
    float price;                      // of the best plan
    float stay_price;                 // of it, or where it leaves now, of the same a second later
    int32_t visit_count;
    struct visit visits[VISIT_COUNT_MAX];
};

// How many streams are computed with, side by side.
static inline int32_t horizon_width(int32_t stream_count)
{
    return stream_count <= 8 ? 8 : stream_count <= 16 ? 16 : STREAM_COUNT_MAX;
}

// visits[0] is the present stage: end_s == 0 says "leave now, for visits[1].stage".
void horizon_search(const struct horizon *horizon, struct horizon_plan *ret);

// The price of a given plan under the same model, up to HORIZON_S: for tests against brute force, and for reasons.
float horizon_price(const struct horizon *horizon, const struct visit *visits, int32_t visit_count);

// gone[k][stream]: who has passed by second k under the plan. Nothing is said of streams beyond stream_count.
void horizon_departures(const struct horizon *horizon, const struct visit *visits, int32_t visit_count,
                        float (*gone)[STREAM_COUNT_MAX]);
