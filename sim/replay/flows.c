#include "sim/replay/flows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "engine/model/units.h"
#include "sim/demand/fleet.h"
#include "sim/demand/router.h"

#define OVERSAMPLE 2
#define WEIGHT_MAX 2.0
#define PRIOR 0.05
#define SWEEPS 25
#define FIT_ROUNDS 12
#define ENTERED_MAX 1.5               // times what passes: more is a camera that loses sight of its vehicles
#define ENDS_SHARE_MAX 0.6            // of those that come into a link
#define USE_MIN 0.02                  // a connection is never used less than this against another
#define ROUTE_LINK_COUNT_MAX 400
#define FULL_OCCUPANCY 0.5            // of a loop before the stop line at the end: a queue reaches back over it
#define FULL_SPACING_M 7.5            // from front to front of those who stand
#define SLOWER 1.3                    // than in free flow: what a trip takes where signals are

struct flows {
    const struct counts_book *counts;
    const struct network *network;
    struct router *router;
    int32_t periods;
    float *flow;                      // link x period: vehicles over its end; below 0: nobody counts there
    float *step_flow;                 // step x period
    float *came;                      // link x period: over the steps that lead in
    double *use;                      // of each connection, against the others of its lane: fitted
    double *begin_share;              // by link: of its flow, or of who entered, that begins on it
    double *end_share;                // by link: of what comes in that ends on it
    uint8_t *begin_entered;           // by link: of who entered
    uint64_t seed;
    LIST_OF(int32_t) links;           // of all candidates
    LIST_OF(int32_t) first;           // where each candidate's links begin
    LIST_OF(int64_t) depart_ms;
    LIST_OF(float) weight;
};

static size_t link_row(const struct flows *model, int32_t link, int32_t period)
{
    return (size_t)link * (size_t)model->periods + (size_t)period;
}

// ---- 1: flows over links and steps ------------------------------------------------------------------------------

struct lane_sensors { int32_t camera, stop, up; };   // or INDEX_NONE

static struct lane_sensors *sensors_find(const struct network *network)
{
    struct lane_sensors *ret = memory_take((size_t)network->lane_count, sizeof *ret);
    for (int32_t l = 0; l < network->lane_count; l++) {
        ret[l] = (struct lane_sensors){ INDEX_NONE, INDEX_NONE, INDEX_NONE };
    }
    for (int32_t c = 0; c < network->camera_count; c++) {
        ret[network->cameras[c].lane].camera = c;
    }
    for (int32_t d = 0; d < network->detector_count; d++) {
        struct lane_sensors *at = &ret[network->detectors[d].lane];
        *(network->detectors[d].place == DETECTOR_STOP_LINE ? &at->stop : &at->up) = d;
    }
    return ret;
}

static int32_t step_of(const struct flows *model, int32_t link, int32_t next)
{
    const int32_t *nexts;
    int32_t count = router_successors(model->router, link, &nexts);
    for (int32_t i = 0; i < count; i++) {
        if (nexts[i] == next) {
            return router_step(model->router, link) + i;
        }
    }
    return INDEX_NONE;
}

// Shares a lane's count out among its connections, of one turn or of all (TURN_COUNT), as they are used.
static void lane_spread(struct flows *model, int32_t lane, int turn, int32_t period, double vehicles)
{
    const struct network *network = model->network;
    const struct lane *from = &network->lanes[lane];
    double sum = 0.0;
    for (int32_t c = from->first_connection; c < from->first_connection + from->connection_count; c++) {
        sum += turn == TURN_COUNT || (int)network->connections[c].turn == turn ? model->use[c] : 0.0;
    }
    for (int32_t c = from->first_connection; c < from->first_connection + from->connection_count; c++) {
        const struct connection *way = &network->connections[c];
        int32_t step = step_of(model, from->link, network->lanes[way->to_lane].link);
        if (step != INDEX_NONE && sum > 0.0 && (turn == TURN_COUNT || (int)way->turn == turn)) {
            model->step_flow[(size_t)step * (size_t)model->periods + (size_t)period] +=
                (float)(vehicles * model->use[c] / sum);
        }
    }
}

// A lane's count over its end, or below 0; its steps get their shares.
static double lane_count(struct flows *model, const struct lane_sensors *sensors, int32_t lane, int32_t period)
{
    const struct lane_sensors *at = &sensors[lane];
    double count = -1.0;
    if (at->camera != INDEX_NONE && counts_turned(model->counts, at->camera, period, 0) >= 0.0) {
        count = 0.0;
        for (int t = 0; t < TURN_COUNT; t++) {
            double turned = counts_turned(model->counts, at->camera, period, t);
            lane_spread(model, lane, t, period, turned);
            count += turned;
        }
        return count;
    }
    count = at->stop != INDEX_NONE ? counts_loop(model->counts, at->stop, period) : -1.0;
    count = count < 0.0 && at->up != INDEX_NONE ? counts_loop(model->counts, at->up, period) : count;
    if (count >= 0.0) {
        lane_spread(model, lane, TURN_COUNT, period, count);
    }
    return count;
}

// Shares a link's count out among all connections of its lanes, as they are used.
static void link_spread(struct flows *model, int32_t link, int32_t period, double vehicles)
{
    const struct network *network = model->network;
    const struct link *at = &network->links[link];
    double sum = 0.0;
    for (int pass = 0; pass < 2; pass++) {
        for (int32_t l = at->first_lane; l < at->first_lane + at->lane_count; l++) {
            const struct lane *lane = &network->lanes[l];
            for (int32_t c = lane->first_connection; c < lane->first_connection + lane->connection_count; c++) {
                int32_t step = step_of(model, link, network->lanes[network->connections[c].to_lane].link);
                if ((lane->users & USER_MOTOR) == 0 || step == INDEX_NONE) {
                    continue;
                }
                if (pass == 0) {
                    sum += model->use[c];
                } else {
                    model->step_flow[(size_t)step * (size_t)model->periods + (size_t)period] +=
                        (float)(vehicles * model->use[c] / sum);
                }
            }
        }
    }
}

// Lanes without a sensor of a link that has others count as the mean of those.
static void link_count(struct flows *model, const struct lane_sensors *sensors, int32_t link, int32_t period)
{
    const struct link *at = &model->network->links[link];
    double sum = 0.0;
    int32_t known = 0, lanes = 0;
    double told = counts_link(model->counts, link, period);
    if (told >= 0.0) {
        link_spread(model, link, period, told);
        model->flow[link_row(model, link, period)] = (float)told;
        return;
    }
    for (int32_t l = at->first_lane; l < at->first_lane + at->lane_count; l++) {
        if ((model->network->lanes[l].users & USER_MOTOR) == 0) {
            continue;
        }
        double count = lane_count(model, sensors, l, period);
        lanes++;
        known += count >= 0.0;
        sum += count > 0.0 ? count : 0.0;
    }
    model->flow[link_row(model, link, period)] = known > 0 ? (float)(sum * lanes / known) : -1.0f;
}

// What comes into links that nobody counts goes on over their steps in equal parts.
static void flows_complete(struct flows *model, int32_t period)
{
    int32_t links = model->network->link_count;
    for (int round = 0; round < 4; round++) {
        for (int32_t l = 0; l < links; l++) {
            model->came[link_row(model, l, period)] = 0.0f;
        }
        for (int32_t l = 0; l < links; l++) {
            const int32_t *nexts;
            int32_t count = router_successors(model->router, l, &nexts), first = router_step(model->router, l);
            for (int32_t i = 0; i < count; i++) {
                size_t step = (size_t)(first + i) * (size_t)model->periods + (size_t)period;
                model->came[link_row(model, nexts[i], period)] += model->step_flow[step];
            }
        }
        for (int32_t l = 0; l < links; l++) {
            const int32_t *nexts;
            int32_t count = router_successors(model->router, l, &nexts), first = router_step(model->router, l);
            for (int32_t i = 0; i < count && model->flow[link_row(model, l, period)] < 0.0f; i++) {
                size_t step = (size_t)(first + i) * (size_t)model->periods + (size_t)period;
                model->step_flow[step] = model->came[link_row(model, l, period)] / (float)count;
            }
        }
    }
}

static void flows_count(struct flows *model, const struct lane_sensors *sensors)
{
    size_t steps = (size_t)router_step_count(model->router) * (size_t)model->periods;
    memset(model->step_flow, 0, steps * sizeof *model->step_flow);
    for (int32_t p = 0; p < model->periods; p++) {
        for (int32_t l = 0; l < model->network->link_count; l++) {
            link_count(model, sensors, l, p);
        }
        flows_complete(model, p);
    }
}

// A lane's loop does not tell where its vehicles go. What the next links count does, to a degree: the connections into
// a link that counts more than comes in are used more, and the other way round, in turns until both agree (iterative
// proportional fitting [Deming1940]).
static void uses_fit(struct flows *model)
{
    const struct network *network = model->network;
    double *flow = memory_take((size_t)network->link_count, sizeof *flow);
    double *came = memory_take((size_t)network->link_count, sizeof *came);
    for (int32_t l = 0; l < network->link_count; l++) {
        for (int32_t p = 0; p < model->periods; p++) {
            size_t row = link_row(model, l, p);
            flow[l] += model->flow[row] >= 0.0f ? (double)model->flow[row] : 0.0;
            came[l] += model->flow[row] >= 0.0f ? (double)model->came[row] : 0.0;
        }
    }
    for (int32_t c = 0; c < network->connection_count; c++) {
        int32_t to = network->lanes[network->connections[c].to_lane].link;
        if (flow[to] > 0.0 && came[to] > 0.0) {
            model->use[c] = fmin(fmax(model->use[c] * sqrt(flow[to] / came[to]), USE_MIN), 1.0 / USE_MIN);
        }
    }
    free(flow);
    free(came);
}

static void flows_find(struct flows *model)
{
    struct lane_sensors *sensors = sensors_find(model->network);
    for (int round = 0; round < FIT_ROUNDS; round++) {
        flows_count(model, sensors);
        uses_fit(model);
    }
    flows_count(model, sensors);
    free(sensors);
}

// ---- 2 and 3: where trips begin, and how they walk --------------------------------------------------------------

static int32_t period_at(const struct flows *model, int64_t at_ms)
{
    int64_t period = quantum_floor(at_ms - model->counts->begin_ms, model->counts->period_ms)
        / model->counts->period_ms;
    return period < 0 ? 0 : period >= model->periods ? model->periods - 1 : (int32_t)period;
}

// What is known of a link over all periods, or below 0.
struct link_day {
    double flow, came, entered;
    double stock;                     // more of those who entered stand on it at the end than at the beginning
    bool full;                        // its queue reaches back beyond where they are counted
};

// Who came into a link in a period: cameras tell; else the loops before its stop lines, where every lane has one, for
// trips end at the stop line at the latest. Below 0: nobody tells.
static double entered_of(const struct flows *model, const struct lane_sensors *sensors, int32_t link, int32_t period)
{
    double sum = counts_entered(model->counts, link, period);
    if (sum >= 0.0) {
        return sum;
    }
    const struct link *at = &model->network->links[link];
    sum = 0.0;
    for (int32_t l = at->first_lane; l < at->first_lane + at->lane_count; l++) {
        if ((model->network->lanes[l].users & USER_MOTOR) == 0) {
            continue;
        }
        double up = sensors[l].up != INDEX_NONE && sensors[l].stop != INDEX_NONE
            ? counts_loop(model->counts, sensors[l].up, period) : -1.0;
        if (up < 0.0) {
            return -1.0;
        }
        sum += up;
    }
    return sum;
}

// Who stands on a link at the end has passed no counter at its end, and yet did not end his trip there.
static void stock_find(const struct flows *model, const struct lane_sensors *sensors, int32_t link,
                       struct link_day *ret)
{
    const struct network *network = model->network;
    const struct link *at = &network->links[link];
    double room = 0.0;
    ret->stock = counts_stock(model->counts, link);
    for (int32_t l = at->first_lane; l < at->first_lane + at->lane_count; l++) {
        int32_t up = sensors[l].up, camera = sensors[l].camera;
        if (camera != INDEX_NONE) {
            room += network->cameras[camera].view_m / FULL_SPACING_M;
        } else if (up != INDEX_NONE && counts_last_occupancy(model->counts, up) >= FULL_OCCUPANCY) {
            ret->stock += network->detectors[up].to_stop_m / FULL_SPACING_M;
            ret->full = true;
        }
    }
    ret->full = ret->full || (room > 0.0 && ret->stock >= FULL_OCCUPANCY * room);
}

static struct link_day link_day(const struct flows *model, const struct lane_sensors *sensors, int32_t link)
{
    struct link_day ret = { 0 };
    for (int32_t p = 0; p < model->periods; p++) {
        size_t row = link_row(model, link, p);
        double entered = entered_of(model, sensors, link, p);
        if (model->flow[row] >= 0.0f) {
            ret.flow += (double)model->flow[row];
            ret.came += (double)model->came[row];
            ret.entered = entered < 0.0 ? -1.0 : ret.entered < 0.0 ? ret.entered : ret.entered + entered;
        }
    }
    bool likely = ret.entered <= ENTERED_MAX * fmax(ret.flow, ret.came) + 10.0;
    ret.entered = likely ? ret.entered : -1.0;
    stock_find(model, sensors, link, &ret);
    return ret;
}

// Of who begins where more entered than came: which way the vehicles of a shared lane take is fitted, so that what came
// is too much for one link and too little for another. Over all links that cancels out, but not in the positive parts
// alone. These bound who begins from above, their sum with the negative ones from below (links that are entered from
// where nobody counts lower it): the middle is taken, which bench what_if bears out. Cameras count by turn: there the
// two bounds are one.
static double begin_scale(const struct link_day *days, int32_t count)
{
    double sum = 0.0, positive = 0.0;
    for (int32_t l = 0; l < count; l++) {
        if (days[l].entered >= 0.0) {
            sum += days[l].entered - days[l].came;
            positive += fmax(0.0, days[l].entered - days[l].came);
        }
    }
    return positive > 0.0 ? 0.5 + 0.5 * fmax(sum, 0.0) / positive : 1.0;
}

// A link whose flow is more than what comes in, over the whole day, is where trips begin; one with less, where they
// end. Period by period the two differ anyway: by chance, and by who is on the way between the counters. Where somebody
// tells who entered the link, those that begin and those that end on it are told apart.
static void ends_find(struct flows *model)
{
    struct lane_sensors *sensors = sensors_find(model->network);
    int32_t links = model->network->link_count;
    struct link_day *days = memory_take((size_t)links, sizeof *days);
    for (int32_t l = 0; l < links; l++) {
        days[l] = link_day(model, sensors, l);
    }
    double scale = begin_scale(days, links);
    for (int32_t l = 0; l < links; l++) {
        const struct link_day *day = &days[l];
        bool told = day->entered >= 0.0;
        double begin = told ? scale * fmax(0.0, day->entered - day->came) : fmax(0.0, day->flow - day->came);
        // Where more came than entered, by the fitted ways, half of the surplus ends here too, for the same reason.
        double in = told ? fmax(day->entered, day->full ? 0.0 : 0.5 * (day->entered + day->came)) : day->came;
        double end = fmax(0.0, in - day->flow - day->stock);
        end = told ? fmin(end, ENDS_SHARE_MAX * day->came) : end;
        // Where they are counted as they come, they begin when they come, not when the queue lets them pass.
        model->begin_entered[l] = told;
        double base = told ? day->entered : day->flow;
        model->begin_share[l] = base > 0.0 ? begin / base : 0.0;
        model->end_share[l] = day->came > 0.0 ? end / day->came : 0.0;
    }
    free(days);
    free(sensors);
}

static bool passed(const int32_t *links, int32_t count, int32_t link)
{
    for (int32_t i = 0; i < count; i++) {
        if (links[i] == link) {
            return true;
        }
    }
    return false;
}

// The next link by the turning shares of the period, or INDEX_NONE where the trip ends.
static int32_t next_link(const struct flows *model, const int32_t *links, int32_t count, int32_t period, double draw)
{
    const int32_t *nexts;
    int32_t link = links[count - 1];
    int32_t choices = router_successors(model->router, link, &nexts), first = router_step(model->router, link);
    double sum = 0.0, run = 0.0;
    for (int32_t i = 0; i < choices; i++) {
        sum += passed(links, count, nexts[i]) || !router_usable(model->router, nexts[i], USER_CAR) ? 0.0
            : (double)model->step_flow[(size_t)(first + i) * (size_t)model->periods + (size_t)period];
    }
    for (int32_t i = 0; i < choices && sum > 0.0; i++) {
        run += passed(links, count, nexts[i]) || !router_usable(model->router, nexts[i], USER_CAR) ? 0.0
            : (double)model->step_flow[(size_t)(first + i) * (size_t)model->periods + (size_t)period];
        if (draw * sum < run) {
            return router_connected(model->router, link, nexts[i], USER_CAR) ? nexts[i] : INDEX_NONE;
        }
    }
    return INDEX_NONE;
}

static void trip_walk(struct flows *model, int32_t link, int64_t depart_ms)
{
    int32_t route[ROUTE_LINK_COUNT_MAX], count = 0;
    uint64_t number = (uint64_t)model->depart_ms.count;
    int64_t at_ms = depart_ms;
    while (link != INDEX_NONE && count < ROUTE_LINK_COUNT_MAX) {
        route[count++] = link;
        at_ms += (int64_t)(SLOWER * router_free_flow_ms(model->router, link));
        int32_t period = period_at(model, at_ms);
        uint64_t draw = (uint64_t)count * 2;
        bool ends = count > 1
            && random_unit(model->seed, RANDOM_DEMAND, number, draw) < model->end_share[link];
        link = ends ? INDEX_NONE
            : next_link(model, route, count, period, random_unit(model->seed, RANDOM_DEMAND, number, draw + 1));
    }
    if (!router_usable(model->router, route[0], USER_CAR)) {
        return;
    }
    *GROW(model->first) = model->links.count;
    *GROW(model->depart_ms) = depart_ms;
    *GROW(model->weight) = 1.0f / OVERSAMPLE;
    for (int32_t i = 0; i < count; i++) {
        *GROW(model->links) = route[i];
    }
}

static void candidates_walk(struct flows *model)
{
    int64_t begin_ms = model->counts->begin_ms, period_ms = model->counts->period_ms;
    struct lane_sensors *sensors = sensors_find(model->network);
    uint64_t draws = 0;
    for (int32_t p = 0; p < model->periods; p++) {
        for (int32_t l = 0; l < model->network->link_count; l++) {
            bool entered = model->begin_entered[l] != 0;
            double base = entered ? entered_of(model, sensors, l, p) : (double)model->flow[link_row(model, l, p)];
            double begin = OVERSAMPLE * model->begin_share[l] * fmax(0.0, base);
            int32_t trips = (int32_t)(begin + random_unit(model->seed, RANDOM_DEMAND, UINT64_MAX, draws++));
            for (int32_t t = 0; t < trips; t++) {
                double part = random_unit(model->seed, RANDOM_DEMAND, UINT64_MAX, draws++);   // As people come.
                // Counted at the link's end, or on it: it began so much earlier.
                double ago_ms = (entered ? 0.5 : SLOWER) * router_free_flow_ms(model->router, l);
                int64_t at_ms = begin_ms + p * period_ms + (int64_t)(part * (double)period_ms - ago_ms);
                trip_walk(model, l, at_ms > begin_ms ? at_ms : begin_ms);
            }
        }
    }
    *GROW(model->first) = model->links.count;
    free(sensors);
}

// ---- 4: weights -------------------------------------------------------------------------------------------------

// The counts that a candidate helps to explain: rows of flow.
static int32_t rows_of(const struct flows *model, int32_t trip, size_t *ret)
{
    int64_t at_ms = model->depart_ms.at[trip];
    int32_t count = 0;
    for (int32_t i = model->first.at[trip]; i < model->first.at[trip + 1]; i++) {
        int32_t link = model->links.at[i];
        at_ms += (int64_t)(SLOWER * router_free_flow_ms(model->router, link));
        size_t row = link_row(model, link, period_at(model, at_ms));
        bool last = i + 1 == model->first.at[trip + 1];   // It ends there: it does not pass the end's detectors.
        const int32_t *nexts;
        if (model->flow[row] >= 0.0f && (!last || router_successors(model->router, link, &nexts) == 0)) {
            ret[count++] = row;
        }
    }
    return count;
}

static double error_share(const struct flows *model, const float *sum, int64_t *ret_rows)
{
    double error = 0.0, counted = 0.0;
    size_t rows = (size_t)model->network->link_count * (size_t)model->periods;
    *ret_rows = 0;
    for (size_t r = 0; r < rows; r++) {
        if (model->flow[r] >= 0.0f) {
            error += fabs((double)(sum[r] - model->flow[r]));
            counted += (double)model->flow[r];
            (*ret_rows)++;
        }
    }
    return counted > 0.0 ? error / counted : 0.0;
}

static void weights_fit(struct flows *model, struct flows_report *report)
{
    size_t rows = (size_t)model->network->link_count * (size_t)model->periods;
    float *sum = memory_take(rows, sizeof *sum);
    size_t at[ROUTE_LINK_COUNT_MAX];
    for (int32_t t = 0; t < model->depart_ms.count; t++) {
        int32_t count = rows_of(model, t, at);
        for (int32_t i = 0; i < count; i++) {
            sum[at[i]] += model->weight.at[t];
        }
    }
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        for (int32_t t = 0; t < model->depart_ms.count; t++) {
            int32_t count = rows_of(model, t, at);
            double weight = (double)model->weight.at[t], slope = PRIOR * (weight - 1.0 / OVERSAMPLE), bend = PRIOR;
            for (int32_t i = 0; i < count; i++) {
                double scale = 1.0 / ((double)model->flow[at[i]] + 1.0);
                slope += scale * (double)(sum[at[i]] - model->flow[at[i]]);
                bend += scale;
            }
            double better = fmin(fmax(weight - slope / bend, 0.0), WEIGHT_MAX);
            for (int32_t i = 0; i < count; i++) {
                sum[at[i]] += (float)(better - weight);
            }
            model->weight.at[t] = (float)better;
        }
    }
    report->explained = 1.0 - error_share(model, sum, &report->constraints);
    free(sum);
}

// ---- 5: trips ---------------------------------------------------------------------------------------------------

struct departure { int64_t depart_ms; int32_t candidate; };

static int departure_compare(const void *a, const void *b)
{
    const struct departure *x = a, *y = b;
    return x->depart_ms != y->depart_ms ? (x->depart_ms > y->depart_ms) - (x->depart_ms < y->depart_ms)
                                        : (x->candidate > y->candidate) - (x->candidate < y->candidate);
}

// Who drove is not in the counts: the usual fleet, a car where the way is closed to others.
static int32_t type_draw(const struct flows *model, int32_t number, const int32_t *links, int32_t count)
{
    int type = fleet_draw(random_unit(model->seed, RANDOM_DEMAND, (uint64_t)number, UINT64_MAX));
    enum user_class user = fleet_types[type].user;
    bool open = router_usable(model->router, links[0], user);
    for (int32_t i = 1; i < count && open; i++) {
        open = router_connected(model->router, links[i - 1], links[i], user);
    }
    return open ? type : 0;
}

static void trip_write(const struct flows *model, int32_t candidate, struct trip_columns *ret)
{
    int32_t n = ret->count++;
    int32_t first = model->first.at[candidate], count = model->first.at[candidate + 1] - first;
    memcpy(ret->links + ret->first_link[n], model->links.at + first, (size_t)count * sizeof *ret->links);
    ret->depart_ms[n] = model->depart_ms.at[candidate];
    ret->number[n] = n;
    ret->type[n] = type_draw(model, n, model->links.at + first, count);
    ret->depart_lane[n] = -1;
    ret->depart_speed_mmps[n] = -1;
    ret->first_link[n + 1] = ret->first_link[n] + count;
}

static void columns_take(size_t trips, size_t links, struct trip_columns *ret)
{
    *ret = (struct trip_columns){ .depart_ms = memory_take(trips, sizeof *ret->depart_ms),
        .number = memory_take(trips, sizeof *ret->number), .type = memory_take(trips, sizeof *ret->type),
        .first_link = memory_take(trips + 1, sizeof *ret->first_link),
        .links = memory_take(links, sizeof *ret->links),
        .depart_lane = memory_take(trips, sizeof *ret->depart_lane),
        .depart_speed_mmps = memory_take(trips, sizeof *ret->depart_speed_mmps) };
}

// Each candidate as often as the running sum of weights passes a whole number there: first counted, then written.
void flows_trips(const struct flows *model, double factor, struct trip_columns *ret)
{
    int32_t count = model->depart_ms.count;
    struct departure *order = memory_take((size_t)count, sizeof *order);
    for (int32_t t = 0; t < count; t++) {
        order[t] = (struct departure){ model->depart_ms.at[t], t };
    }
    if (count > 0) {
        qsort(order, (size_t)count, sizeof *order, departure_compare);
    }
    size_t trips = 0, links = 0;
    for (int pass = 0; pass < 2; pass++) {
        double run = 0.5;
        for (int32_t i = 0; i < count; i++) {
            int32_t candidate = order[i].candidate;
            run += factor * (double)model->weight.at[candidate];
            for (; run >= 1.0; run -= 1.0) {
                if (pass == 1) {
                    trip_write(model, candidate, ret);
                }
                trips++;
                links += (size_t)(model->first.at[candidate + 1] - model->first.at[candidate]);
            }
        }
        if (pass == 0) {
            columns_take(trips, links, ret);
        }
    }
    free(order);
}

struct flows *flows_create(const struct counts_book *book, uint64_t seed, struct flows_report *report)
{
    struct flows *model = memory_take(1, sizeof *model);
    *model = (struct flows){ .counts = book, .network = book->network, .periods = book->period_count, .seed = seed };
    model->router = router_create(book->network);
    size_t links = (size_t)book->network->link_count, rows = links * (size_t)model->periods;
    size_t steps = (size_t)router_step_count(model->router) * (size_t)model->periods;
    model->flow = memory_take(rows, sizeof *model->flow);
    model->came = memory_take(rows, sizeof *model->came);
    model->step_flow = memory_take(steps, sizeof *model->step_flow);
    model->begin_share = memory_take(links, sizeof *model->begin_share);
    model->end_share = memory_take(links, sizeof *model->end_share);
    model->begin_entered = memory_take(links, sizeof *model->begin_entered);
    model->use = memory_take((size_t)book->network->connection_count, sizeof *model->use);
    for (int32_t c = 0; c < book->network->connection_count; c++) {
        model->use[c] = 1.0;
    }
    flows_find(model);
    ends_find(model);
    candidates_walk(model);
    *report = (struct flows_report){ .candidates = model->depart_ms.count };
    weights_fit(model, report);
    return model;
}

void flows_release(struct flows *model)
{
    router_release(model->router);
    free(model->flow);
    free(model->came);
    free(model->use);
    free(model->begin_share);
    free(model->end_share);
    free(model->begin_entered);
    free(model->step_flow);
    free(model->links.at);
    free(model->first.at);
    free(model->depart_ms.at);
    free(model->weight.at);
    free(model);
}

void flows_trips_release(struct trip_columns *trips)
{
    free(trips->depart_ms);
    free(trips->number);
    free(trips->type);
    free(trips->first_link);
    free(trips->links);
    free(trips->depart_lane);
    free(trips->depart_speed_mmps);
    *trips = (struct trip_columns){ 0 };
}
