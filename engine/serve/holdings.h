// holdings.h: what of the city this daemon leads, may lead and looks at, each with a store of its own.
//
// THEORY    A whole city is one holding. A city that several daemons lead has one for each region, whoever leads it:
//           from the store of a foreign region come its leader's address and what crosses its borders.
//
//             FOREIGN ──nobody holds the lease──▶ READING ──plans are there──▶ READY ──the server leads──▶ OURS
//                ▲                                   │ too long                                          │  │
//                ├───────────────────────────────────╯                                                   │  │
//                ├────────── the store knows a newer epoch ◀─────────────────────────────────────────────╯  │
//                ╰── LEAVING: the last is written, the lease given up ◀── the daemon whose region it is claims it
//
//           A daemon takes its own regions (`leads`) as soon as they are free; those that it stands in for
//           (`stands_in_for`) when their leader's lease has ended, or nobody came for a while after the start.
// CONTRACT  The main thread.
// OWNERSHIP holdings_start gives; holdings_stop lets handles close, holdings_release after the loop has ended. Network,
//           settings, intake and boundary are kept.
// NOT HERE  The brain (compute.h), sessions (leaders.h).
#pragma once

#include "engine/estimate/boundary.h"
#include "engine/serve/compute.h"
#include "engine/serve/intake.h"
#include "engine/serve/leaders.h"
#include "engine/serve/storage.h"

enum holding_state { HOLDING_FOREIGN, HOLDING_READING, HOLDING_READY, HOLDING_OURS, HOLDING_LEAVING };

struct holdings;

struct holding {
    struct holdings *of;
    int32_t region;                       // INDEX_NONE: the whole city
    bool own, takes;                      // this daemon's own; to be taken when it is free
    enum holding_state state;
    struct storage *storage;
    char name[192];                       // in the store: CITY, or CITY/REGION
    LIST_OF(struct kept_plan) plans;      // that the store holds
    LIST_OF(int32_t) detectors, cameras;  // of the region, that others look at: rising
    uint64_t boundary_number;             // newest taken
    int64_t since_ms;
    bool resigned;                        // LEAVING: the lease is being given up
};

struct holdings_options {
    uv_loop_t *loop;
    const struct network *network;
    const struct settings *settings;
    const struct boundary *boundary;      // NULL: the whole city
    const char *city;
    const char *embedded_path;            // of the embedded server's socket, or NULL
    void *owner;
    bool (*plan)(void *owner, int32_t intersection, struct store_plan *ret);   // see store_options.plan
    void (*left)(void *owner, int32_t region);                                 // OURS or LEAVING -> FOREIGN
};

struct holdings {
    struct holdings_options options;
    struct holding *at;
    int32_t count;
    struct intake *intake;                // for what crosses borders; NULL while nobody takes it
    int64_t crossed, crossed_refused;     // readings
};

// Whether the regions that the settings name are there, and can be led apart.
MUST_USE enum status holdings_check(const struct network *network, const struct settings *settings,
                                    struct problem *problem);

void holdings_start(const struct holdings_options *options, struct holdings **ret);
void holdings_stop(struct holdings *holdings);
void holdings_release(struct holdings *holdings);

// Whether every store has been read since the start; and the highest epoch found in those that are, or are to be, ours.
bool holdings_restored(const struct holdings *holdings);
uint32_t holdings_epoch(const struct holdings *holdings);

// From now on all that are not ours are followed. Plans that were read are forgotten.
void holdings_follow(struct holdings *holdings);

// Moves states on. True when what is OURS should change: then holdings_settle.
bool holdings_beat(struct holdings *holdings, int64_t now_ms);

// LEAVING: everything that the store is to keep has been offered, so the lease may go.
void holding_resign(struct holding *holding);

// READY -> OURS, and all of ours under this epoch.
void holdings_settle(struct holdings *holdings, struct store_epoch epoch);

// Without leases nobody is asked: all that there is becomes READY.
void holdings_take_all(struct holdings *holdings);

// The regions that are OURS or READY, as bits (1: the whole city).
uint64_t holdings_ours(const struct holdings *holdings);

// Before the end: the leases are given up. And: whether everything that is ours, or being given up, is written.
void holdings_resign(struct holdings *holdings);
bool holdings_settled(const struct holdings *holdings);
int32_t holdings_state_count(const struct holdings *holdings, enum holding_state state);

// A store to show: the first of ours, else the first.
struct store *holdings_store(const struct holdings *holdings);
