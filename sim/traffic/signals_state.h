// signals_state.h: what the signal controllers keep. Seen by signals.c and signals_checkpoint.c only.
#pragma once

#include "sim/traffic/signals.h"

#define PENDING_COUNT_MAX 4               // accepted plans that wait for their time

enum playing { PLAYING_FALLBACK, PLAYING_ACTUATED, PLAYING_CLEARANCE, PLAYING_PLAN };

struct stored_plan {
    struct plan plan;
    struct green greens[PLAN_GREEN_COUNT_MAX];
};

struct site {
    // What is asked each second comes first, in one cache line.
    _Alignas(64) int64_t changes_ms;      // before it no lamp changes and nothing happens
    enum playing playing;
    // Actuated: the stage that shows, or from which a change goes on to the next one.
    int32_t stage, next_stage;            // next: INDEX_NONE without a change
    int64_t leave_ms, enter_ms;           // of the change
    int32_t first_stage, first_group, group_count, quantum_ms;   // as the network has them
    int32_t first_transition, stage_count;   // in signals.transition_ms
    struct plan fallback;                 // its greens lie in signals.fallback_greens
    int32_t running;                      // in stored; meaningful while a plan is played
    int32_t pending[PENDING_COUNT_MAX];   // in stored, by valid_from_ms
    int32_t pending_count;
    bool used[PENDING_COUNT_MAX + 2];     // of stored
    struct stored_plan *stored;           // PENDING_COUNT_MAX + 2 of them
    struct plan_version newest;           // accepted so far
    int64_t join_ms;                      // the fallback shows greens that start from here on
    int32_t handover_ms;
};

struct actuated { _Alignas(64) struct actuation_state state; };   // what is usual of it is in one line

struct signals {
    const struct network *network;
    struct site *sites;
    struct green *fallback_greens;
    uint8_t *aspects;                     // by group of the network
    int64_t *since_ms;                    // when it began; INT64_MIN: before anybody looked
    int64_t *cleared_ms;                  // end of its green while clearing; INT64_MIN without one
    int64_t now_ms;
    enum signals_fallback fallback;
    struct actuation actuation;           // only where the fallback is actuated
    struct actuated *actuated;            // by intersection
    uint64_t *stage_groups;               // by stage of the network
    int32_t *transition_ms;               // from each stage, as the network has them, to each of its site's
    int32_t *yellow_ms;                   // by group of the network
    uint64_t *calls;                      // by intersection: groups whose buttons were pushed
    int64_t *quiet_until_ms;              // by intersection: before it nothing happens unless a loop is touched
    uint64_t *called;                     // by intersection: groups whose touches tell nothing new until then
    int64_t touched_ms;                   // of the last signals_touch; INT64_MIN: none yet
    int32_t *waking;                      // scratch of signals_touch
};

// What a controller can tell of a plan without knowing what is safe: that it is one.
bool plan_well_formed(const struct network *network, const struct plan *plan);

// Brings the state of a site that may have been quiet up to the last touch.
void site_pass(const struct signals *signals, int32_t index, struct actuation_state *state);
