#include "sim/traffic/sharing.h"

#include "engine/base/random.h"
#include "engine/team/team.h"

enum job_state { JOB_UNTOUCHED, JOB_BEGUN, JOB_LISTED };

static uint64_t rest_of(int32_t first, int32_t end)
{
    return (uint64_t)(uint32_t)end << 32 | (uint32_t)first;
}

static int32_t rest_first(uint64_t rest)
{
    return (int32_t)(uint32_t)rest;
}

static int32_t rest_end(uint64_t rest)
{
    return (int32_t)(rest >> 32);
}

// The place where a portion begins.
static int32_t portion_place(const struct street *street, const struct job_kind *kind, const struct job *job,
                             int32_t portion)
{
    int64_t at = (int64_t)portion * kind->portion;
    int32_t place = at < job->count ? (int32_t)at : job->count;
    while (place > 0 && place < job->count && kind->parts != NULL
           && !kind->parts(street, job->list[place - 1], job->list[place])) {
        place++;
    }
    return place;
}

// Takes portions that lie behind one another: from `first`, the first that is left, or `count` from the end.
static bool take_front(struct job *job, int32_t first)
{
    uint64_t rest = __atomic_load_n(&job->rest, __ATOMIC_RELAXED);
    do {
        if (rest_first(rest) != first || first >= rest_end(rest)) {
            return false;
        }
    } while (!__atomic_compare_exchange_n(&job->rest, &rest, rest_of(first + 1, rest_end(rest)), false,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return true;
}

static bool take_back(struct job *job, struct run *ret)
{
    uint64_t rest = __atomic_load_n(&job->rest, __ATOMIC_RELAXED);
    int32_t first;
    do {
        int32_t left = rest_end(rest) - rest_first(rest);
        if (left <= 0) {
            return false;
        }
        first = rest_end(rest) - (left + 1) / 2;
    } while (!__atomic_compare_exchange_n(&job->rest, &rest, rest_of(rest_first(rest), first), false,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    ret->first_portion = first;
    ret->portion_end = rest_end(rest);
    return true;
}

void run_extend(const struct street *street, struct share *share, struct run *run)
{
    struct job *job = &share->jobs[run->kind->job];
    run->open = take_front(job, run->portion_end);
    if (run->open) {
        run->end = portion_place(street, run->kind, job, ++run->portion_end);
    }
}

// Whoever reads the runs goes from each to the one that begins where it ends.
static void run_do(struct street *street, struct worker *worker, struct share *share, struct run *run)
{
    run->kind->work(street, worker, share, run);
    share->jobs[run->kind->job].runs[run->first_portion] = *run;
}

static void run_do_closed(struct street *street, struct worker *worker, struct share *share, struct run *run)
{
    const struct job *job = &share->jobs[run->kind->job];
    run->first = portion_place(street, run->kind, job, run->first_portion);
    run->end = portion_place(street, run->kind, job, run->portion_end);
    run_do(street, worker, share, run);
}

// Whether it was for this one to begin with the job: then it is listed now.
static bool job_list(struct street *street, struct worker *worker, struct share *share, const struct job_kind *kind)
{
    struct job *job = &share->jobs[kind->job];
    int32_t untouched = JOB_UNTOUCHED;
    if (!__atomic_compare_exchange_n(&job->state, &untouched, JOB_BEGUN, false, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) {
        return false;
    }
    job->count = kind->list(street, worker, share);
    job->portion_count = (job->count + kind->portion - 1) / kind->portion;
    __atomic_store_n(&job->rest, rest_of(0, job->portion_count), __ATOMIC_RELAXED);
    __atomic_store_n(&job->state, JOB_LISTED, __ATOMIC_RELEASE);
    return true;
}

static void job_do(struct street *street, struct worker *worker, struct share *share, const struct job_kind *kind)
{
    struct job *job = &share->jobs[kind->job];
    struct run run = { .kind = kind, .open = true };
    if (street->worker_count == 1) {
        run = (struct run){ .kind = kind, .portion_end = job->portion_count, .end = job->count };
        job->rest = 0;
    } else {
        run_extend(street, share, &run);
    }
    if (run.portion_end > 0) {
        run_do(street, worker, share, &run);
    }
}

static void job_help(struct street *street, struct worker *worker, struct share *share, const struct job_kind *kind)
{
    struct job *job = &share->jobs[kind->job];
    for (int32_t turns = 0; __atomic_load_n(&job->state, __ATOMIC_ACQUIRE) != JOB_LISTED;) {
        team_wait(&turns);
    }
    struct run run = { .kind = kind };
    while (take_back(job, &run)) {
        run_do_closed(street, worker, share, &run);
    }
}

// For tests: all by this thread, what is done next, with whose things and from which end is drawn.
static void share_by_lot(struct street *street, const struct job_kind *kinds, int32_t kind_count)
{
    for (int32_t open = street->worker_count * kind_count; open > 0;) {
        uint64_t bits = random_bits(street->options.sharing_seed, RANDOM_TEST, 0, street->sharing_draws++);
        struct worker *worker = &street->workers[bits % (uint64_t)street->worker_count];
        struct share *share = &street->shares[(bits >> 8) % (uint64_t)street->worker_count];
        const struct job_kind *kind = &kinds[(bits >> 16) % (uint64_t)kind_count];
        struct job *job = &share->jobs[kind->job];
        if (job_list(street, worker, share, kind)) {
            open -= job->portion_count == 0 ? 1 : 0;
            continue;
        }
        int32_t first = rest_first(job->rest);
        struct run run = { .kind = kind, .first_portion = first, .portion_end = first + 1 };
        bool taken = (bits >> 24) % 2 == 0 ? take_front(job, first) : take_back(job, &run);
        if (taken) {
            run_do_closed(street, worker, share, &run);
            open -= rest_first(job->rest) == rest_end(job->rest) ? 1 : 0;
        }
    }
}

void share_begin(struct street *street)
{
    for (int32_t i = 0; i < street->worker_count; i++) {
        for (int32_t k = 0; k < JOB_COUNT; k++) {
            street->shares[i].jobs[k].state = JOB_UNTOUCHED;
        }
    }
}

void share_out(struct street *street, struct worker *worker, const struct job_kind *kinds, int32_t kind_count)
{
    if (street->options.sharing_seed != 0) {
        share_by_lot(street, kinds, kind_count);
        return;
    }
    int32_t self = (int32_t)(worker - street->workers);
    for (int32_t i = 0; i < street->worker_count; i++) {
        struct share *share = &street->shares[(self + i) % street->worker_count];
        for (int32_t k = 0; k < kind_count; k++) {
            if (job_list(street, worker, share, &kinds[k])) {
                job_do(street, worker, share, &kinds[k]);
            } else {
                job_help(street, worker, share, &kinds[k]);
            }
        }
    }
}
