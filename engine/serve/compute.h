// compute.h: the one thread that owns the brain and is its only caller.
//
// THEORY    LIVE      a step at each multiple of step_ms of the city's clock (city_clock.h); reports and requests that
//                     came since are told first, then the frozen readings. An operator's override wakes the thread at
//                     once.
//           LOCKSTEP  a simulator owns the clock. Its events are told in its order; each ClockAdvance is a step at that
//                     very time, and its plans are in the table before the answer is sent. It has a fresh brain of its
//                     own; the live one waits and goes on when the simulator has gone. Nobody else feeds the engine.
//
//             LIVE ──INTAKE_SIMULATOR_BEGIN──▶ LOCKSTEP ──INTAKE_SIMULATOR_END──▶ LIVE
//
//           PARTED    the daemon leads some regions of the city. What it leads changes between two steps, in the brain
//                     that runs. Each step's readings at the borders of its regions are packed into parcels, one a
//                     region, for whoever leads the neighbours.
//
//           What others want to see is in pictures (picture.h).
// CONTRACT  compute_create, compute_restore (before compute_start), compute_start; the rest from any thread. hooks are
//           called on the compute thread and must not wait.
// OWNERSHIP compute_create takes the brain. Network, intakes, table and clock are kept until compute_release.
// NOT HERE  Sockets, Redis.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/brain.h"
#include "engine/serve/city_clock.h"
#include "engine/serve/intake.h"
#include "engine/serve/minutes.h"
#include "engine/serve/picture.h"
#include "engine/serve/plan_table.h"
#include "engine/serve/recordings.h"

#define COMPUTE_PARCEL_COUNT_MAX 64       // that wait for the main thread
#define COMPUTE_PARCEL_BYTES_MAX (256u << 10)

struct compute;

enum compute_answer_kind { ANSWER_CLOCK_REACHED, ANSWER_REQUEST, ANSWER_SIMULATOR_READY,
                           ANSWER_SIMULATOR_REFUSED };

struct compute_answer {
    enum compute_answer_kind kind;
    struct peer peer;
    int64_t clock_ms;                     // ANSWER_CLOCK_REACHED
    uint64_t changes_from, changes_to;    // ANSWER_CLOCK_REACHED: its plans, positions in the plan table's ring
    uint32_t request;                     // ANSWER_REQUEST
    bool accepted;
    int64_t until_ms;
    struct problem problem;               // why not
};

struct compute_hooks {
    void *owner;
    void (*stepped)(void *owner);                                          // plans and picture are new
    void (*answer)(void *owner, const struct compute_answer *answer);
    void (*said)(void *owner, bool alarm, const char *text);
};

struct compute_options {
    const struct network *network;
    struct brain_options brain;           // strategy and regions are copied
    int32_t step_ms;
    struct intake *intakes;
    int32_t intake_count;
    struct plan_table *table;
    struct city_clock *clock;
    struct recordings *recordings;        // or NULL; kept until compute_release
    const struct boundary *boundary;      // NULL: the daemon leads the whole city, and nothing crosses
    struct compute_hooks hooks;
};

void compute_create(const struct compute_options *options, struct brain *brain, struct compute **ret);

// Ends the thread: no hook is called any more, the other functions still may be. Then: frees all, the brain too.
void compute_stop(struct compute *compute);
void compute_release(struct compute *compute);

// A plan that the store kept: the guard judges it. Whether it was taken.
bool compute_restore(struct compute *compute, const struct plan *plan);

MUST_USE enum status compute_start(struct compute *compute, struct problem *problem);

// There is something in an intake that is not to wait for the next step.
void compute_wake(struct compute *compute);

// Whether a simulator owns the clock or is about to: nobody else's readings are taken. A claim to be the one, which
// is followed by INTAKE_SIMULATOR_BEGIN, ends with INTAKE_SIMULATOR_END or ANSWER_SIMULATOR_REFUSED; one that is not
// followed by it is given back.
bool compute_claimed(struct compute *compute);
bool compute_claim(struct compute *compute);
void compute_unclaim(struct compute *compute);

// Another live brain (new epoch, new strategy) takes over the plans in force at the next step. Given.
void compute_replace(struct compute *compute, struct brain *brain, const struct brain_options *options);

// A plan that the store kept of a region that is taken over; bytes are intergreen.v1.Plan, untrusted.
struct kept_plan {
    int32_t intersection;
    uint8_t *bytes;
    size_t byte_count;
};

// Leads these regions from the next step on, under this epoch; the guard judges the plans, which are copied. Only where
// there is a boundary.
void compute_lead(struct compute *compute, uint64_t regions_led, uint32_t epoch, const struct kept_plan *plans,
                  int32_t plan_count);

// The epoch of the last compute_lead that was carried out: no plan of a region that it gave up comes any more. What the
// table has of such regions is left there.
uint32_t compute_led_epoch(struct compute *compute);

// The next parcel of readings at the borders, since the last call: true, and a copy into bytes
// (COMPUTE_PARCEL_BYTES_MAX of room). Numbers of a region rise. One caller.
bool compute_parcel(struct compute *compute, int32_t *ret_region, uint64_t *ret_number, uint8_t *bytes,
                    size_t *ret_byte_count);

// The newest picture, borrowed until the next call. One caller.
const struct picture *compute_look(struct compute *compute);

// Somebody looks at the map: for the next while the pictures are detailed.
void compute_detail(struct compute *compute);

// Where whole minutes of counts are taken from. One caller.
struct minutes *compute_minutes(struct compute *compute);

// Steps of any kind since the start: what the watchdog looks at. And when the last ended (monotonic).
uint64_t compute_steps(struct compute *compute);
int64_t compute_progress_ms(struct compute *compute);
