// brain.h: one step of the engine: an event in, actions out.
//
// THEORY    The daemon, the closed loop, the exact replay, the fuzzers and the fault simulation all call this one
//           function. EVENT_STEP carries one frozen set of observations and runs
//
//               estimate ─▶ optimize ─▶ guard          in parallel over intersections
//
//           and gives the plans that changed. The other events only tell the brain something that the next step uses;
//           an override answers at once whether it is accepted.
//
//           A city may be parted: a brain then decides for the regions that it leads, estimates what it has to know
//           of their neighbours (engine/estimate/boundary.h), and leaves the rest alone. Which these are changes by
//           brain_lead, between steps.
// CONTRACT  Pure: no socket, clock, randomness, allocation or log after brain_create. Same events, same bytes out, for
//           any number of threads. now_ms never falls. One caller at a time (the compute thread).
// OWNERSHIP Events are borrowed during the call. Actions and all they point to are borrowed until the next call.
//           brain_create keeps the network until brain_release.
// NOT HERE  Who may send an event (serve), where plans are kept (store).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/guard/guard.h"
#include "engine/model/controller.h"
#include "engine/model/network.h"
#include "engine/model/observation.h"
#include "engine/model/plan.h"
#include "engine/model/request.h"

#define BRAIN_REFUSAL_COUNT_MAX 64    // refusals told in full per step; all are counted

struct brain;

struct brain_options {
    const char *strategy;             // for the whole city; a name of the table in engine/optimize/strategy.h
    const char *const *region_strategy;   // one per region of the network, NULL: the city's; or NULL for all
    uint32_t epoch, daemon;           // of every plan's version
    int32_t solve_latency_ms;         // a plan takes effect at its tick plus this (lockstep: default 0)
    int32_t status_age_ms_max;        // a report older than this counts as none (default 3000)
    int threads;                      // OpenMP team, >= 1
    uint64_t regions_led;             // bit r: region r is this brain's to decide for; 0: the whole city
};

enum event_kind {
    EVENT_STEP,          // now_ms is a tick; seen
    EVENT_STATUS,        // report
    EVENT_OVERRIDE,      // override
    EVENT_PRIORITY,      // priority
    EVENT_LINK_DOWN,     // intersection: its controller's session ended
    EVENT_RESTORE,       // plan: what the store or a controller's hello says was in force
};

struct event {
    enum event_kind kind;
    int64_t now_ms;                   // the brain has no other clock
    const struct observation_columns *seen;
    const struct controller_report *report;
    const struct override *override;
    const struct priority *priority;
    const struct plan *plan;
    int32_t intersection;
};

enum refusal_kind {
    REFUSAL_GUARD,                    // the guard refused a plan: the last plan stands
    REFUSAL_STALE_OBSERVATION,
    REFUSAL_UNKNOWN,                  // index out of range
    REFUSAL_IMPOSSIBLE,               // an impossible value
    REFUSAL_OVERRIDE,
    REFUSAL_RESTORE,                  // a stored plan that the guard does not take
    REFUSAL_KIND_COUNT,
};

struct refusal {
    enum refusal_kind kind;
    int32_t intersection;             // or INDEX_NONE
    struct guard_refusal guard;
};

struct counts {                       // since brain_create
    int64_t steps, plans, decisions;
    int64_t yielded;                  // decisions for an emergency vehicle that the strategy would not have made
    int64_t reds_over;                // times that such a vehicle kept somebody at red beyond its maximum
    int64_t readings_used, readings_refused[REFUSAL_KIND_COUNT];
    int64_t guard_refused[GUARD_RULE_COUNT];
};

// What the console, the store and the metrics show of one intersection.
struct intersection_state {
    int64_t updated_ms;
    int32_t stage;                    // as reported, or INDEX_NONE
    enum controller_mode mode;
    bool reported;                    // a fresh report exists
    bool overridden;
    bool red_over;                    // a red is beyond its maximum, for an emergency vehicle (I7): an alarm
    double queue_veh;                 // estimated, all approaches
    double flow_vph;                  // measured, all approaches, last minutes
    double confidence;                // of the estimates, 0 .. 1
    uint32_t detectors_healthy, detectors_total;
};

struct actions {
    const struct plan *publish;       // plans that passed the guard, in order of intersection
    int32_t publish_count;
    int64_t wake_ms;                  // latest time of the next EVENT_STEP
    bool accepted;                    // EVENT_OVERRIDE, EVENT_PRIORITY, EVENT_RESTORE: taken
    int64_t accepted_until_ms;        // EVENT_OVERRIDE: when it must end (maximum red)
    const struct refusal *refused;
    int32_t refused_count;
    const struct counts *counts;
    const struct intersection_state *states;   // one per intersection
};

MUST_USE enum status brain_create(const struct network *network, const struct brain_options *options,
                                  struct brain **ret, struct problem *problem);
void brain_release(struct brain *brain);

// Leads these regions from now on (not 0), under this epoch, which is not older than the one before. What it knows of
// the streets stays; plans, reports and overrides of regions that it led no more are forgotten. Only for a brain that
// was made with regions_led.
void brain_lead(struct brain *brain, uint64_t regions_led, uint32_t epoch);
bool brain_leads(const struct brain *brain, int32_t intersection);

void brain_step(struct brain *brain, const struct event *event, struct actions *ret);

// The brain's whole state as bytes (engine/base/snapshot.h), so that a recording can be entered in its middle: gives
// the bytes written, 0 when `capacity` is too little; with bytes NULL, how many are needed. brain_load brings a brain
// of the same network, options and build to that state; STATUS_VERSION: not of such a one, and nothing is changed.
size_t brain_save(struct brain *brain, uint8_t *bytes, size_t capacity);
MUST_USE enum status brain_load(struct brain *brain, const uint8_t *bytes, size_t count);

// For who looks between two steps: vehicles that stand on a link, over all its lanes, 0 where nothing sees them; and
// the controller's report, or NULL without one that is fresh at now_ms.
double brain_link_queue_veh(const struct brain *brain, struct link_id link);
const struct controller_report *brain_report(const struct brain *brain, struct intersection_id intersection,
                                             int64_t now_ms);

// The plan now in force for an intersection (the newest published or restored), or NULL. Borrowed until the next step.
const struct plan *brain_plan(const struct brain *brain, struct intersection_id intersection);
