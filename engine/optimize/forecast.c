#include "engine/optimize/forecast.h"

#include <math.h>
#include <string.h>

#include "engine/base/bounds.h"
#include "engine/base/clones.h"
#include "engine/model/units.h"

static const double STANDING_MPS = 1.39;          // 5 km/h, as the cameras count queues
static const double CRUISING = 0.75;              // of the limit: who is as fast goes on at his own speed
static const double SPACE_M = 7.5, SPACE_S = 1.0;  // from front to front: at a stand, and more with speed
static const double JOINED_M = 15.0;              // a gap up to this long does not part a queue
// Who started from a stand loses v / 2a on his way, who drove on nothing: nobody is to be given up before a camera can
// show him (decision 0043, measured by bench control). Loops need no such margin.
static const double START_S = 2.5;
#define BINS 4                        // of a camera's bins, looked at in one
_Static_assert(SIGHT_BIN_COUNT % BINS == 0, "a camera's bins are looked at by BINS");
static const double DEMAND_FLOOR_VPS = 0.002;     // so that a row without traffic yet still gets a share

// ret: the column of a stream, whose seconds lie a row apart.
static void add(float *ret, double at_s, double vehicles)
{
    int32_t k = at_s <= 0.0 ? 0 : (int32_t)at_s;
    if (k <= HORIZON_S) {
        ret[k * STREAM_COUNT_MAX] += (float)vehicles;
    }
}

// Seconds to a line ahead_m away for one who drives at seen_mps, where free_mps is allowed.
static double way_s(double ahead_m, double seen_mps, double free_mps)
{
    if (seen_mps >= CRUISING * free_mps) {
        return ahead_m / seen_mps;
    }
    double slow_mps = seen_mps;
    double gain_m = (free_mps * free_mps - slow_mps * slow_mps) / (2.0 * SET_OUT_MPS2);
    if (ahead_m <= gain_m) {
        return (sqrt(slow_mps * slow_mps + 2.0 * SET_OUT_MPS2 * ahead_m) - slow_mps) / SET_OUT_MPS2;
    }
    return (free_mps - slow_mps) / SET_OUT_MPS2 + (ahead_m - gain_m) / free_mps;
}

// The vehicles that one bin of a camera shows, weighed. back_m: how far back the vehicles follow one another closely;
// who stands there is queued, who stands beyond has only just set out.
static void bin_add(const struct look *look, const struct lane_sight *lane, int32_t bin, double since_s,
                    double speed_mps, double *back_m, float *ret)
{
    double vehicles = look->weight * lane->bin_vehicles[bin], seen_mps = 0.01 * lane->bin_speed_cmps[bin];
    double near_m = look->to_stop_m + bin * CAMERA_BIN_M, ahead_m = near_m + 0.5 * CAMERA_BIN_M;
    bool follows = near_m <= *back_m + JOINED_M;
    if (follows) {
        *back_m = greater(*back_m, near_m) + vehicles * (SPACE_M + SPACE_S * seen_mps);
    }
    bool queued = follows && seen_mps < STANDING_MPS;
    add(ret, queued ? 0.0 : way_s(ahead_m, seen_mps, speed_mps) - since_s, vehicles);
}

// The vehicles that the camera of one lane shows.
static void lane_add(const struct forecast_query *query, const struct look *look, double speed_mps, double *back_m,
                     float *ret)
{
    const struct lane_sight *lane = &query->estimate->sight.lanes[look->lane];
    if (lane->end_ms == INT64_MIN) {
        return;
    }
    double since_s = s_from_ms(query->at_ms - lane->end_ms);
    if (lane->bin_count == 0) {   // No bins: those that stand are there, the others somewhere in view.
        const struct camera *camera =
            &query->estimate->network->cameras[query->estimate->sight.camera_of_lane[look->lane]];
        int32_t moving = lane->in_view - lane->queued;
        add(ret, 0.0, look->weight * lane->queued);
        for (int32_t i = 0; i < moving; i++) {
            double ahead_m = look->to_stop_m + camera->view_m * (i + 0.5) / moving;
            add(ret, ahead_m / speed_mps - since_s, look->weight);
        }
        return;
    }
    for (int32_t first = 0; first < lane->bin_count; first += BINS) {
        uint32_t any;
        memcpy(&any, lane->bin_vehicles + first, sizeof any);
        for (int32_t i = first; any != 0 && i < first + BINS && i < lane->bin_count; i++) {
            if (lane->bin_vehicles[i] != 0) {
                bin_add(look, lane, i, since_s, speed_mps, back_m, ret);
            }
        }
    }
}

// Those whom loops keep: some stand, the others passed the advance loop so many seconds ago.
static void loops_add(const struct forecast_query *query, int32_t row, float *ret)
{
    const struct estimate *estimate = query->estimate;
    const struct lane_queue *queue = &estimate->queues[row];
    const struct lane_queue_place *place = &estimate->places[row];
    int64_t now_s = quantum_floor(query->now_ms, MS_PER_S) / MS_PER_S;
    double moving = lesser(lane_queue_moving(queue, place, now_s), estimate->rows[row].vehicles);
    double travel_s = (double)place->advance_m / (double)place->speed_mps;
    double late_s = s_from_ms(query->at_ms - query->now_ms);
    add(ret, 0.0, greater(0.0, estimate->rows[row].vehicles - moving));
    for (int32_t ago_s = 0; moving > 0.0 && ago_s < LANE_QUEUE_RECENT_S; ago_s++) {
        double vehicles = lesser(moving, lane_queue_recent(queue, now_s, ago_s));
        add(ret, travel_s - ago_s - late_s, vehicles);
        moving -= vehicles;
    }
}

static void row_add(const struct forecast_query *query, const struct approach_row *row, int32_t index, float *ret)
{
    const struct estimate *estimate = query->estimate;
    double speed_mps = estimate->network->lanes[row->lane].speed_mps;
    if (estimate->rows[index].source == ROW_LOOPS) {
        loops_add(query, index, ret);
        return;
    }
    double back_m = 0.0;
    for (int32_t i = estimate->first_look[index]; i < estimate->first_look[index + 1]; i++) {
        lane_add(query, &estimate->looks[i], speed_mps, &back_m, ret);
    }
}

// Vehicles that left a source and have not come within reach yet, by the second of their arrival.
static void departed_add(const struct forecast_query *query, const struct source *source, double travel_s,
                         double reach_s, float *link_s)
{
    uint8_t left[UPSTREAM_PAST_S];
    double late_s = s_from_ms(query->at_ms - query->now_ms);
    int32_t past_s = travel_s > reach_s ? (int32_t)lesser(travel_s - reach_s, UPSTREAM_PAST_S - 1.0) : -1;
    if (past_s < 0 || !upstream_past(&query->estimate->upstream, source->movement, query->now_ms, past_s + 1, left)) {
        return;
    }
    float each = source->weight * (1.0f / UPSTREAM_UNIT);
    for (int32_t ago_s = 0; ago_s <= past_s; ago_s++) {
        double at_s = travel_s - ago_s - late_s;
        if (left[ago_s] > 0 && at_s < HORIZON_S) {
            link_s[at_s <= 0.0 ? 0 : (int32_t)at_s] += each * (float)left[ago_s];
        }
    }
}

// Vehicles that a source means to let go from now on.
static void told_add(const struct forecast_query *query, const struct source *source, const struct told *heard,
                     double travel_s, float *link_s)
{
    double since_s = s_from_ms(query->now_ms - heard->from_ms);   // Who was to leave before now has left, or not.
    double from_s = s_from_ms(heard->from_ms - query->at_ms) + travel_s;
    double first = ceil(greater(0.0, greater(since_s, -from_s)));
    double after = lesser((double)OUTLOOK_BIN_COUNT * OUTLOOK_BIN_S, ceil(HORIZON_S - from_s));
    float each = source->weight * (1.0f / (OUTLOOK_UNIT * OUTLOOK_BIN_S));
    if (first >= after) {
        return;
    }
    int32_t begin = (int32_t)first, end = (int32_t)after, shift = (int32_t)floor(from_s);
    for (int32_t bin = begin / OUTLOOK_BIN_S; bin * OUTLOOK_BIN_S < end; bin++) {
        if (heard->vehicles[bin] == 0) {
            continue;
        }
        float vehicles = each * (float)heard->vehicles[bin];
        int32_t from = bin * OUTLOOK_BIN_S, to = from + OUTLOOK_BIN_S < end ? from + OUTLOOK_BIN_S : end;
        for (int32_t j = from > begin ? from : begin; j < to; j++) {
            link_s[shift + j] += vehicles;
        }
    }
}

// What is known of a link from its own sensors, and by how much those come later whom these are to show.
struct known { double reach_m, late_s; };

// What is on its way to a link from one source, second by second: what left before, and what will. Gives its usual
// rate.
static double source_add(const struct forecast_query *query, const struct source *source, double speed_mps,
                         const struct known *known, float *link_s)
{
    const struct estimate *estimate = query->estimate;
    double travel_s = (double)source->to_stop_m / speed_mps + (double)source->late_s + known->late_s;
    int32_t row = estimate->approaches.movements[source->movement].row;
    double rate_vps = (double)source->weight * estimate_share(estimate, source->movement)
        * estimate_passed_vps(estimate, row);
    double seen_m = lesser(known->reach_m, (double)source->to_stop_m - (double)source->inside_m);
    departed_add(query, source, travel_s, seen_m / speed_mps, link_s);
    const struct told *heard = query->outlook != NULL ? &query->outlook->heard[source->movement] : NULL;
    if (heard != NULL && heard->from_ms != INT64_MIN) {
        told_add(query, source, heard, travel_s, link_s);
        return rate_vps;
    }
    for (int32_t k = (int32_t)travel_s; k < HORIZON_S; k++) {
        link_s[k] += (float)rate_vps;   // It says nothing: as usual.
    }
    return rate_vps;
}

// All that comes to a link from beyond the cameras' reach, into link_s.
static void link_forecast(const struct forecast_query *query, int32_t link, double demand_vps,
                          const struct known *known, float *link_s)
{
    const struct upstream *upstream = &query->estimate->upstream;
    double speed_mps = query->estimate->network->links[link].speed_mps;
    double explained_vps = 0.0;
    for (int32_t k = 0; k <= HORIZON_S; k++) {
        link_s[k] = 0.0f;
    }
    for (int32_t i = upstream->first_source[link]; i < upstream->first_source[link + 1]; i++) {
        explained_vps += source_add(query, &upstream->sources[i], speed_mps, known, link_s);
    }
    double rest_vps = greater(0.0, demand_vps - explained_vps);
    for (int32_t k = (int32_t)(known->reach_m / speed_mps); k <= HORIZON_S; k++) {
        link_s[k] += (float)rest_vps;
    }
}

// Shares out what comes to a link: share of each stream.
CLONED static void link_share(const float *link_s, const float *share, int32_t width, float (*ret)[STREAM_COUNT_MAX])
{
    for (int32_t first = 0; first < width; first += 8) {
        for (int32_t k = 0; k <= HORIZON_S; k++) {
            float *row = ret[k] + first;
#pragma omp simd
            for (int32_t r = 0; r < 8; r++) {
                row[r] += share[first + r] * link_s[k];
            }
        }
    }
}

void forecast_add(const struct forecast_query *query, float (*ret)[STREAM_COUNT_MAX])
{
    const struct estimate *estimate = query->estimate;
    const struct intersection_rows *rows = &estimate->approaches.at[query->intersection.index];
    int32_t after = rows->first + rows->count;
    for (int32_t first = rows->first, next; first < after; first = next) {
        int32_t link = estimate->network->lanes[estimate->approaches.rows[first].lane].link;
        double demand_vps = 0.0, share_sum = 0.0;
        for (next = first; next < after && estimate->network->lanes[estimate->approaches.rows[next].lane].link == link;
             next++) {
            demand_vps += estimate_demand_vps(estimate, next);
            share_sum += estimate_demand_vps(estimate, next) + DEMAND_FLOOR_VPS;
        }
        float link_s[HORIZON_S + 1], share[STREAM_COUNT_MAX] = { 0 };
        struct known known = { .reach_m = estimate_reach_m(estimate, first),
                               .late_s = estimate->rows[first].source == ROW_CAMERA ? START_S : 0.0 };
        link_forecast(query, link, demand_vps, &known, link_s);
        for (int32_t r = first; r < next; r++) {
            int32_t stream = query->stream_of_row[r - rows->first];
            if (stream < 0) {
                continue;
            }
            row_add(query, &estimate->approaches.rows[r], r, &ret[0][stream]);
            share[stream] += (float)((estimate_demand_vps(estimate, r) + DEMAND_FLOOR_VPS) / share_sum);
        }
        link_share(link_s, share, horizon_width(query->stream_count), ret);
    }
}
