#include "engine/team/team.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "engine/base/memory.h"

// Measured, decision 0055. A look with a pause takes some 40 cycles; other work between two phases or two steps of a
// city takes up to a quarter of a millisecond.
#define LOOKS_MAX 1000             // with a pause,
#define WAIT_NS_MAX 500000         // then by yielding, until one sleeps
#define DOOR_OPEN UINT64_C(0x10000)
#define DOOR_TURN UINT64_C(0x20000)
#define DOOR_INSIDE UINT64_C(0xffff)

struct helper {
    struct team *team;
    pthread_t thread;
    int32_t member;
};

struct team {
    // How often it was opened, whether it is open, and how many helpers are inside.
    _Alignas(64) uint64_t door;
    _Alignas(64) int32_t sleeping;     // helpers that must be woken
    int32_t caller_sleeps;
    bool ends;
    pthread_mutex_t mutex;
    pthread_cond_t opened, left;
    void (*work)(void *context, int32_t member);
    void *context;
    struct helper *helpers;
    int32_t helper_count;
};

static int64_t now_ns(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

void team_wait(int32_t *turns)
{
    if (*turns < LOOKS_MAX) {
        team_pause();
        ++*turns;
    } else {
        (void)sched_yield();
    }
}

// One who waits: false when it has looked for long enough and should sleep.
struct patience {
    int32_t turns;
    int64_t until_ns;
};

static bool patience_look(struct patience *patience)
{
    if (patience->turns == LOOKS_MAX) {
        int64_t now = now_ns();
        patience->until_ns = patience->until_ns == 0 ? now + WAIT_NS_MAX : patience->until_ns;
        if (now >= patience->until_ns) {
            return false;
        }
    }
    team_wait(&patience->turns);
    return true;
}

static uint64_t door_look(const struct team *team)
{
    return __atomic_load_n(&team->door, __ATOMIC_SEQ_CST);
}

// Waits until the door was opened once more than `turn` says; returns how often it was.
static uint64_t door_await(struct team *team, uint64_t turn)
{
    struct patience patience = { 0, 0 };
    while (door_look(team) / DOOR_TURN == turn) {
        if (patience_look(&patience)) {
            continue;
        }
        (void)pthread_mutex_lock(&team->mutex);
        (void)__atomic_fetch_add(&team->sleeping, 1, __ATOMIC_SEQ_CST);
        while (door_look(team) / DOOR_TURN == turn) {
            (void)pthread_cond_wait(&team->opened, &team->mutex);
        }
        (void)__atomic_fetch_sub(&team->sleeping, 1, __ATOMIC_SEQ_CST);
        (void)pthread_mutex_unlock(&team->mutex);
    }
    return door_look(team) / DOOR_TURN;
}

// Comes in if the door is open still.
static bool door_enter(struct team *team)
{
    uint64_t door = door_look(team);
    while (door & DOOR_OPEN) {
        if (__atomic_compare_exchange_n(&team->door, &door, door + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            return true;
        }
    }
    return false;
}

static void door_leave(struct team *team)
{
    uint64_t door = __atomic_sub_fetch(&team->door, 1, __ATOMIC_SEQ_CST);
    if ((door & (DOOR_OPEN | DOOR_INSIDE)) == 0 && __atomic_load_n(&team->caller_sleeps, __ATOMIC_SEQ_CST) != 0) {
        (void)pthread_mutex_lock(&team->mutex);
        (void)pthread_cond_signal(&team->left);
        (void)pthread_mutex_unlock(&team->mutex);
    }
}

static void *helper_run(void *of)
{
    struct helper *helper = of;
    struct team *team = helper->team;
    uint64_t turn = 0;
    for (;;) {
        turn = door_await(team, turn);
        if (!door_enter(team)) {
            if (__atomic_load_n(&team->ends, __ATOMIC_SEQ_CST)) {
                return NULL;
            }
            continue;
        }
        team->work(team->context, helper->member);
        turn = door_look(team) / DOOR_TURN;   // the one it is in: the next begins when all are outside
        door_leave(team);
    }
}

struct team *team_create(int32_t helpers)
{
    assert(helpers >= 0 && helpers < (int32_t)DOOR_INSIDE);
    struct team *team = memory_take_aligned(1, sizeof *team);
    team->helpers = memory_take((size_t)helpers, sizeof *team->helpers);
    (void)pthread_mutex_init(&team->mutex, NULL);
    (void)pthread_cond_init(&team->opened, NULL);
    (void)pthread_cond_init(&team->left, NULL);
    // Signals are for the threads that the program made itself.
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int32_t i = 0; i < helpers; i++) {
        struct helper *helper = &team->helpers[i];
        *helper = (struct helper){ .team = team, .member = i + 1 };
        if (pthread_create(&helper->thread, NULL, helper_run, helper) != 0) {
            break;
        }
        team->helper_count = i + 1;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return team;
}

// Wakes those who sleep, after the door has changed.
static void sleepers_wake(struct team *team)
{
    if (__atomic_load_n(&team->sleeping, __ATOMIC_SEQ_CST) > 0) {
        (void)pthread_mutex_lock(&team->mutex);
        (void)pthread_cond_broadcast(&team->opened);
        (void)pthread_mutex_unlock(&team->mutex);
    }
}

void team_run(struct team *team, void (*work)(void *context, int32_t member), void *context)
{
    team->work = work;
    team->context = context;
    (void)__atomic_fetch_add(&team->door, DOOR_TURN + DOOR_OPEN, __ATOMIC_SEQ_CST);
    sleepers_wake(team);
    work(context, 0);
    (void)__atomic_fetch_sub(&team->door, DOOR_OPEN, __ATOMIC_SEQ_CST);
    struct patience patience = { 0, 0 };
    while ((door_look(team) & DOOR_INSIDE) != 0) {
        if (patience_look(&patience)) {
            continue;
        }
        (void)pthread_mutex_lock(&team->mutex);
        __atomic_store_n(&team->caller_sleeps, 1, __ATOMIC_SEQ_CST);
        while ((door_look(team) & DOOR_INSIDE) != 0) {
            (void)pthread_cond_wait(&team->left, &team->mutex);
        }
        __atomic_store_n(&team->caller_sleeps, 0, __ATOMIC_SEQ_CST);
        (void)pthread_mutex_unlock(&team->mutex);
    }
}

void team_release(struct team *team)
{
    if (team == NULL) {
        return;
    }
    __atomic_store_n(&team->ends, true, __ATOMIC_SEQ_CST);
    (void)__atomic_fetch_add(&team->door, DOOR_TURN, __ATOMIC_SEQ_CST);
    sleepers_wake(team);
    for (int32_t i = 0; i < team->helper_count; i++) {
        (void)pthread_join(team->helpers[i].thread, NULL);
    }
    (void)pthread_cond_destroy(&team->opened);
    (void)pthread_cond_destroy(&team->left);
    (void)pthread_mutex_destroy(&team->mutex);
    free(team->helpers);
    free(team);
}
