#include "sim/replay/what_if.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/model/units.h"
#include "sim/demand/fleet.h"
#include "sim/loop/local_brain.h"

#define GEH_GOOD 5.0
#define FIT_ROUNDS 5
#define FIT_NEAR 0.01                // of how long vehicles were seen
#define FACTOR_MIN 0.85
#define FACTOR_MAX 1.5
#define ELASTICITY 2.5                // the first guess: presence grows by so much for each per cent of demand
#define EXPLAINED_MIN 0.93            // share of places with GEH below 5 that a factor must keep

struct once {                         // gives all trips in one batch
    const struct trip_columns *trips;
    bool given;
};

static enum status give(void *self, int64_t until_ms, struct trip_columns *ret, struct problem *problem)
{
    (void)until_ms;
    (void)problem;
    struct once *once = self;
    *ret = once->given ? (struct trip_columns){ 0 } : *once->trips;
    once->given = true;
    return STATUS_OK;
}

// A peer that hands all on to another and counts what the sensors said.
struct listener {
    struct brain_peer peer;
    struct counts_book *book;
};

static enum status listen(void *self, const struct loop_tick *tick, struct loop_answer *ret, struct problem *problem)
{
    struct listener *listener = self;
    counts_add(listener->book, tick->seen);
    return listener->peer.step(listener->peer.self, tick, ret, problem);
}

// Where files told how many passed a link's end, what passes it in the street is counted as they did.
struct link_counter {
    const struct network *network;
    const struct counts_book *wanted;
    struct counts_book *book;
    int64_t *before, at_ms;           // passages so far, at the end of the last period
};

static bool link_wanted(const struct link_counter *counter, int32_t link)
{
    for (int32_t p = 0; p < counter->wanted->period_count; p++) {
        if (counts_link(counter->wanted, link, p) >= 0.0) {
            return true;
        }
    }
    return false;
}

static void links_count(struct link_counter *counter, const struct street *street, int64_t now_ms)
{
    const struct passage_totals *passages = street_passages(street);
    int64_t *now = memory_take((size_t)counter->network->link_count, sizeof *now);
    for (int32_t c = 0; c < counter->network->connection_count; c++) {
        now[counter->network->lanes[counter->network->connections[c].from_lane].link] += passages[c].passages;
    }
    for (int32_t l = 0; l < counter->network->link_count; l++) {
        if (link_wanted(counter, l)) {
            counts_add_link(counter->book, l, now_ms, now_ms - counter->at_ms, (double)(now[l] - counter->before[l]));
        }
    }
    free(counter->before);
    counter->before = now;
    counter->at_ms = now_ms;
}

static enum status drive(struct closed_loop *loop, struct link_counter *counter, struct problem *problem)
{
    enum status status = STATUS_OK;
    while (status == STATUS_OK && !closed_loop_done(loop)) {
        status = closed_loop_step(loop, problem);
        int64_t now_ms = closed_loop_now_ms(loop);
        if (status == STATUS_OK && now_ms - counter->at_ms >= counter->book->period_ms) {
            links_count(counter, closed_loop_street(loop), now_ms);
        }
    }
    return status;
}

enum status what_if_drive(const struct counts_book *book, const struct trip_columns *trips, const char *strategy,
                          const struct what_if_options *options, struct what_if_run *ret, struct problem *problem)
{
    struct loop_options loop_options = { .begin_ms = options->begin_ms, .end_ms = options->end_ms,
        .step_ms = MS_PER_S, .control_ms = MS_PER_S, .threads = options->threads, .seed = options->seed,
        .sensing = (book->any_cameras ? (int)SENSING_CAMERA : 0) | (book->any_loops ? (int)SENSING_LOOPS : 0) };
    struct brain_options brain = { .strategy = strategy, .epoch = 1, .daemon = 1, .threads = options->threads };
    struct what_if_run run = { 0 };
    struct local_brain *local = NULL;
    enum status status = local_brain_create(book->network, &brain, &local, problem);
    if (status != STATUS_OK) {
        return status;
    }
    counts_create(&run.counted, book->network, book->begin_ms, book->begin_ms + book->period_count * book->period_ms,
                  book->period_ms);
    struct once once = { .trips = trips };
    struct listener listener = { .peer = local_brain_peer(local), .book = &run.counted };
    status = closed_loop_create(book->network, fleet_types, FLEET_TYPE_COUNT, &loop_options,
                                (struct trip_source){ &once, give },
                                (struct brain_peer){ .self = &listener, .step = listen }, &run.loop, problem);
    struct link_counter counter = { .network = book->network, .wanted = book, .book = &run.counted,
        .before = memory_take((size_t)book->network->link_count, sizeof *counter.before), .at_ms = options->begin_ms };
    status = status == STATUS_OK ? drive(run.loop, &counter, problem) : status;
    free(counter.before);
    if (status == STATUS_OK) {
        closed_loop_close_books(run.loop);
        *ret = run;
    } else {
        what_if_release(&run);
    }
    local_brain_release(local);
    return status;
}

void what_if_release(struct what_if_run *run)
{
    closed_loop_release(run->loop);
    counts_release(&run->counted);
    run->loop = NULL;
}

// ---- GEH --------------------------------------------------------------------------------------------------------

static void place_check(double counted_vph, double driven_vph, struct volume_check *ret)
{
    double sum = counted_vph + driven_vph, difference = counted_vph - driven_vph;
    double geh = sum > 0.0 ? sqrt(2.0 * difference * difference / sum) : 0.0;
    ret->places++;
    ret->good += geh < GEH_GOOD;
    ret->geh_mean += geh;
    ret->geh_worst = fmax(ret->geh_worst, geh);
}

typedef double counts_of(const struct counts_book *book, int32_t place, int32_t period);

// Hourly volumes of one loop or one link, over the periods that both books have.
static void volume_compare(const struct counts_book *counted, const struct counts_book *driven, counts_of *of,
                           int32_t place, struct volume_check *ret)
{
    double sums[2] = { 0.0, 0.0 }, hours = 0.0;
    for (int32_t p = 0; p < counted->period_count; p++) {
        double seen = of(counted, place, p), again = of(driven, place, p);
        if (seen >= 0.0 && again >= 0.0) {
            sums[0] += seen;
            sums[1] += again;
            hours += s_from_ms(counted->period_ms) / 3600.0;
        }
    }
    if (hours > 0.0) {
        place_check(sums[0] / hours, sums[1] / hours, ret);
    }
}

static void camera_check(const struct counts_book *counted, const struct counts_book *driven, int32_t camera,
                         struct volume_check *ret)
{
    double sums[2] = { 0.0, 0.0 }, hours = 0.0;
    for (int32_t p = 0; p < counted->period_count; p++) {
        if (counts_turned(counted, camera, p, 0) < 0.0 || counts_turned(driven, camera, p, 0) < 0.0) {
            continue;
        }
        for (int t = 0; t < TURN_COUNT; t++) {
            sums[0] += counts_turned(counted, camera, p, t);
            sums[1] += counts_turned(driven, camera, p, t);
        }
        hours += s_from_ms(counted->period_ms) / 3600.0;
    }
    if (hours > 0.0) {
        place_check(sums[0] / hours, sums[1] / hours, ret);
    }
}

void volumes_check(const struct counts_book *counted, const struct counts_book *driven, struct volume_check *ret)
{
    *ret = (struct volume_check){ 0 };
    for (int32_t d = 0; d < counted->network->detector_count; d++) {
        volume_compare(counted, driven, counts_loop, d, ret);
    }
    for (int32_t c = 0; c < counted->network->camera_count; c++) {
        camera_check(counted, driven, c, ret);
    }
    for (int32_t l = 0; l < counted->network->link_count; l++) {
        volume_compare(counted, driven, counts_link, l, ret);
    }
    ret->geh_mean = ret->places > 0 ? ret->geh_mean / ret->places : 0.0;
}

// ---- how much demand --------------------------------------------------------------------------------------------

// What is known of how presence grows with demand: the nearest factors with too little and with too much.
struct search {
    double low, low_error, high, high_error;   // errors: log of presence against that seen; factors 0: none yet
};

static double factor_next(const struct search *search, double factor, double error)
{
    if (search->low > 0.0 && search->high > 0.0) {
        double part = -search->low_error / (search->high_error - search->low_error);
        part = fmin(fmax(part, 0.1), 0.9);
        return exp(log(search->low) + part * (log(search->high) - log(search->low)));
    }
    return fmin(fmax(factor * exp(-error / ELASTICITY), FACTOR_MIN), FACTOR_MAX);
}

// What the draws say of one factor, in the mean.
struct trial {
    double error;                     // log of presence against that seen; NAN: nothing tells
    double good;                      // share of places with GEH below 5
};

static enum status draw_try(const struct counts_book *book, const struct flows *flows, double factor,
                            const char *recorded, const struct what_if_options *options, struct trial *ret,
                            struct problem *problem)
{
    struct trip_columns trips;
    struct what_if_run run;
    flows_trips(flows, factor, &trips);
    enum status status = what_if_drive(book, &trips, recorded, options, &run, problem);
    flows_trips_release(&trips);
    if (status == STATUS_OK) {
        double seen, driven;
        struct volume_check check;
        counts_presence(book, &run.counted, &seen, &driven);
        volumes_check(book, &run.counted, &check);
        ret->error = seen > 0.0 && driven > 0.0 ? log(driven / seen) : NAN;
        ret->good = check.places > 0 ? (double)check.good / check.places : 1.0;
        what_if_release(&run);
    }
    return status;
}

static enum status factor_try(const struct counts_book *book, struct flows *const *flows, int draws, double factor,
                              const char *recorded, const struct what_if_options *options, struct trial *ret,
                              struct problem *problem)
{
    struct trial each[WHAT_IF_DRAW_COUNT_MAX];
    enum status first = STATUS_OK;
    int at_once = options->threads < draws ? options->threads : draws;
#pragma omp parallel for schedule(static, 1) num_threads(at_once)
    for (int d = 0; d < draws; d++) {
        struct what_if_options mine = *options;
        struct problem own;
        mine.threads = options->threads / at_once;
        mine.seed = options->seed + (uint64_t)d;
        enum status status = draw_try(book, flows[d], factor, recorded, &mine, &each[d], &own);
        if (status != STATUS_OK) {
#pragma omp critical
            {
                first = status;
                *problem = own;
            }
        }
    }
    struct trial sum = { 0 };
    for (int d = 0; d < draws && first == STATUS_OK; d++) {
        sum.error += each[d].error / draws;
        sum.good += each[d].good / draws;
    }
    *ret = sum;
    return first;
}

enum status what_if_fit(const struct counts_book *book, struct flows *const *flows, int draws, const char *recorded,
                        const struct what_if_options *options, struct demand_fit *ret, struct problem *problem)
{
    assert(draws >= 1 && draws <= WHAT_IF_DRAW_COUNT_MAX);
    struct search search = { 0 };
    struct demand_fit best = { .factor = 1.0 };
    double factor = 1.0, best_error = INFINITY;
    enum status status = STATUS_OK;
    for (int round = 0; round < FIT_ROUNDS && fabs(best_error) > FIT_NEAR; round++) {
        struct trial trial;
        status = factor_try(book, flows, draws, factor, recorded, options, &trial, problem);
        if (status != STATUS_OK || isnan(trial.error)) {
            break;
        }
        bool explained = round == 0 || trial.good >= EXPLAINED_MIN;
        if (explained && fabs(trial.error) < fabs(best_error)) {
            best_error = trial.error;
            best.factor = factor;
            best.presence = exp(trial.error);
        }
        if (trial.error < 0.0 && explained) {
            search.low = factor;
            search.low_error = trial.error;
        } else {                      // Too much, for the queues or for the counts.
            search.high = factor;
            search.high_error = fmax(trial.error, FIT_NEAR);
        }
        factor = factor_next(&search, factor, trial.error);
    }
    if (status == STATUS_OK) {
        *ret = best;
    }
    return status;
}
