#include "engine/estimate/lane_queue.h"

#include <math.h>
#include <string.h>

#include "engine/base/bounds.h"

static const double STANDING_S = 3.0;             // a loop covered for so long has somebody standing on it
static const double GAP_S = 3.0;                  // no discharging queue leaves a loop clear for so long
static const double LINE_CLEAR_S = 3.0;           // nor a stop line
static const double SLOW = 1.5;                   // times the free travel time: those who are braking are still moving
static const double FULL_SPACING_M = 8.5;         // a lane that is surely full holds at least so many

static uint8_t travel_s(float advance_m, float speed_mps, double slow)
{
    double seconds = ceil(slow * (double)advance_m / greater(1.0, (double)speed_mps));
    return (uint8_t)lesser(seconds, LANE_QUEUE_RECENT_S - 1.0);
}

struct lane_queue_place lane_queue_place(float advance_m, float room_m, float speed_mps)
{
    return (struct lane_queue_place){ .advance_m = advance_m, .speed_mps = speed_mps,
        .near_veh_max = (float)(ceil((double)advance_m / LANE_SPACING_M) + 1.0),
        .far_veh_max = (float)greater(0.0, ((double)room_m - (double)advance_m) / LANE_SPACING_M),
        .near_veh_full = (float)floor((double)advance_m / FULL_SPACING_M),
        .free_s = travel_s(advance_m, speed_mps, 1.0), .slow_s = travel_s(advance_m, speed_mps, SLOW) };
}

static void recent_note(struct lane_queue *queue, int64_t now_s, int32_t in)
{
    if (now_s - queue->counted_s >= LANE_QUEUE_RECENT_S || now_s < queue->counted_s) {
        memset(queue->recent, 0, sizeof queue->recent);
    } else {
        for (int64_t s = queue->counted_s + 1; s <= now_s; s++) {
            queue->recent[s & (LANE_QUEUE_RECENT_S - 1)] = 0;
        }
    }
    queue->counted_s = now_s;
    int32_t sum = queue->recent[now_s & (LANE_QUEUE_RECENT_S - 1)] + (in > 0 ? in : 0);
    queue->recent[now_s & (LANE_QUEUE_RECENT_S - 1)] = (uint8_t)(sum < 255 ? sum : 255);
}

int32_t lane_queue_recent(const struct lane_queue *queue, int64_t now_s, int32_t ago_s)
{
    int64_t at_s = now_s - ago_s;
    if (at_s > queue->counted_s || queue->counted_s - at_s >= LANE_QUEUE_RECENT_S) {
        return 0;
    }
    return queue->recent[at_s & (LANE_QUEUE_RECENT_S - 1)];
}

static double recent_sum(const struct lane_queue *queue, int64_t now_s, int32_t seconds)
{
    int32_t sum = 0;
    if (queue->counted_s == now_s) {
        for (int32_t ago_s = 0; ago_s < seconds; ago_s++) {
            sum += queue->recent[(now_s - ago_s) & (LANE_QUEUE_RECENT_S - 1)];
        }
        return sum;
    }
    for (int32_t ago_s = 0; ago_s < seconds; ago_s++) {
        sum += lane_queue_recent(queue, now_s, ago_s);
    }
    return sum;
}

double lane_queue_moving(const struct lane_queue *queue, const struct lane_queue_place *place, int64_t now_s)
{
    double near = (double)queue->near_veh;
    return near > 0.0 ? lesser(near, recent_sum(queue, now_s, place->free_s)) : 0.0;
}

void lane_queue_count(struct lane_queue *queue, const struct lane_queue_place *place,
                      const struct lane_queue_seen *seen, int64_t now_s, double dt_s)
{
    recent_note(queue, now_s, seen->has_advance ? seen->in : 0);
    queue->covered_s = seen->advance_covered ? queue->covered_s + (float)dt_s : 0.0f;
    queue->clear_s = seen->advance_clear ? queue->clear_s + (float)dt_s : 0.0f;
    queue->stop_clear_s = seen->stop_clear ? queue->stop_clear_s + (float)dt_s : 0.0f;
    if (!seen->has_advance) {
        queue->near_veh = 0.0f;
        return;
    }
    double near = (double)queue->near_veh + seen->in;
    if (!seen->has_stop) {            // Who left is not known: only those who are surely still there.
        near = recent_sum(queue, now_s, place->slow_s);
    } else {
        near = greater(0.0, near - seen->out);
        if ((double)queue->stop_clear_s >= LINE_CLEAR_S && near > 0.0) {
            near = lesser(near, recent_sum(queue, now_s, place->slow_s));
        }
        near = seen->stop_covered ? greater(1.0, near) : near;
    }
    if ((double)queue->covered_s >= STANDING_S) {
        near = greater(near, (double)place->near_veh_full);
    }
    queue->near_veh = (float)lesser(near, (double)place->near_veh_max);
}

void lane_queue_expect(struct lane_queue *queue, const struct lane_queue_place *place,
                       const struct lane_queue_seen *seen, double vehicles)
{
    bool begins = (double)(seen->has_advance ? queue->covered_s : seen->stop_covered ? STANDING_S : 0.0) >= STANDING_S;
    bool ends = (double)(seen->has_advance ? queue->clear_s : queue->stop_clear_s) >= GAP_S;
    double out = seen->has_advance ? seen->in : seen->out;
    double far = (double)queue->far_veh;
    if (ends) {
        far = 0.0;
    } else if (begins || far > 0.0) {
        far = greater(0.0, far + vehicles - out);
    }
    if (!seen->has_advance && seen->stop_covered) {
        far = greater(1.0, far);
    }
    queue->far_veh = (float)lesser(far, (double)place->far_veh_max);
}
