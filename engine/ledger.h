// ledger.h: what was sent to each controller, what it says it plays, and what a person asked of it.
//
// THEORY    A change starts from what the controller reports, not from what was sent. Per intersection:
//
//              SILENT ──report──▶ OWN_PROGRAM ──hand-over sent──▶ ENTERING ──reports our plan──▶ OURS
//                ▲                     ▲                              │                            │
//                │                     ╰──── not taken in time ◀──────╯                            │
//                ╰── no report for a while ◀───────────────────────── HANDS_OFF ◀── manual, flash ─╯
//
//           Two plans are kept: `running`, the last that the controller was known to play, and `sent`, published since
//           and not yet reported. A report that shows `sent` makes it `running`; a report that was made after sent's
//           valid_from and does not show it says that it was not taken, and it is forgotten.
//
//           Where plans take effect later than the next step, another may be sent before `sent` is due. The one that it
//           follows is `earlier` then: played first, or never fetched. Until a report tells which, no third is sent: it
//           would have to be safe after courses that nobody has looked at.
// CONTRACT  Pure; no allocation after ledger_create. One entry is touched by one thread at a time.
// OWNERSHIP ledger_release frees. Plans handed in are copied.
// NOT HERE  What to send (brain.c, engine/optimize).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/model/controller.h"
#include "engine/model/network.h"
#include "engine/model/plan.h"
#include "engine/model/request.h"
#include "engine/optimize/strategy.h"

enum standing {
    STANDING_SILENT,        // no fresh report
    STANDING_OWN_PROGRAM,   // it plays its fallback and may be handed a plan
    STANDING_ENTERING,      // a hand-over plan is on its way or waits
    STANDING_OURS,          // it plays our plan, and no other is under way
    STANDING_UNSETTLED,     // it plays our plan, and a newer one should be in force but is not yet reported, or two
                            // are under way
    STANDING_HANDS_OFF,     // a person, a railway or a fault is in charge
};

// A plan with its greens in place, and what it realises.
struct ledger_plan {
    bool present;
    int32_t revision;                 // of the strategy's timing, 0: none
    bool program;                     // the network's own program
    bool second_limit;                // it may leave reds beyond their maximum, for an emergency vehicle
    struct plan plan;                 // its greens point into the ledger
};

struct ledger_entry {
    bool reported;                    // report is one
    struct controller_report report;
    struct ledger_plan running, earlier, sent, next;   // next: being made in this step
    uint32_t sequence;                // of the last plan that was numbered
    int64_t retry_ms;                 // no hand-over before
    const struct strategy *strategy;  // that decides here now
    int64_t strategy_since_ms;
    struct override override;         // OVERRIDE_NONE without one
};

struct ledger {
    const struct network *network;
    struct ledger_entry *entries;     // one per intersection
    struct green *greens;             // four stores per intersection
    int32_t *first_green;             // where an intersection's stores start, and where the last ones end
    uint32_t epoch, daemon;
    int32_t status_age_ms_max;
};

void ledger_create(struct ledger *ledger, const struct network *network, uint32_t epoch, uint32_t daemon,
                   int32_t status_age_ms_max);
void ledger_release(struct ledger *ledger);

// Greens that one plan of the intersection may have.
int32_t ledger_green_count_max(const struct ledger *ledger, int32_t intersection);

// A report came. false: it is not one of this network.
bool ledger_report(struct ledger *ledger, const struct controller_report *report);

// The session ended: what it said last is no longer fresh.
void ledger_link_down(struct ledger *ledger, int32_t intersection);

// Another leads the intersection from now on: plans, report and override are gone, the numbering goes on.
void ledger_forget(struct ledger *ledger, int32_t intersection);

enum standing ledger_standing(const struct ledger *ledger, int32_t intersection, int64_t now_ms);

// The report if it is fresh, else NULL.
const struct controller_report *ledger_report_fresh(const struct ledger *ledger, int32_t intersection, int64_t now_ms);

// The plan that is in force at an instant from now on: the sent one from its valid_from on, else the running one.
// NULL without any that is valid then.
const struct ledger_plan *ledger_in_force(const struct ledger *ledger, int32_t intersection, int64_t at_ms);

// Where the next plan's greens go, and its number.
struct green *ledger_next_greens(struct ledger *ledger, int32_t intersection);
struct plan_version ledger_next_version(struct ledger *ledger, int32_t intersection);

// The next plan passed the guard and is sent.
void ledger_send(struct ledger *ledger, int32_t intersection);

// Takes a plan of an earlier life as running. false: it does not fit.
bool ledger_restore(struct ledger *ledger, const struct plan *plan);

// The newest plan sent or restored, or NULL.
const struct plan *ledger_newest(const struct ledger *ledger, int32_t intersection);

// Walks over what changes from tick to tick (engine/base/snapshot.h).
void ledger_snapshot(struct ledger *ledger, struct snapshot_walk *walk);
