// conduct.h: from what a strategy wants to the next plan, one step at a time.
//
// THEORY    A strategy names a stage, a timing or the program. How to get there depends on who is in charge:
//
//             its own program plays     hand over: a plan that enters the wanted stage (a cyclic one if the timing can
//             be
//                                       entered by fresh greens alone)
//             a plan of ours plays      stage: hold it, or switch to it
//                                       timing: from the start of its first stage on the two courses are one, so change
//                                       there; a rolling plan goes to that stage first, a cyclic one comes round to it
//                                       program: hold on until the program comes to the stage that plays; after the
//                                       longest green go on to the stage that it shows
//
//           During a change of stages nothing is decided. Whatever the strategy wants, no group that somebody waits for
//           stays red beyond its maximum: groups are taken in order of their deadlines, and when serving the others one
//           after another would make one late, its stage comes first. A group that nobody waits for may stay red; who
//           comes to it when its maximum red is (nearly) over is served within LATECOMER_MS. For an emergency vehicle
//           the second limit of a red takes the place of its maximum; behind it whoever is late comes first.
// CONTRACT  Pure. true and a complete plan but for its version, when something should be sent; false when what plays is
//           as it should be.
// OWNERSHIP ret borrows greens.
// NOT HERE  Versions, what the controller knows (engine/ledger.h).
#pragma once

#include <stdbool.h>

#include "engine/model/controller.h"
#include "engine/optimize/strategy.h"

// What is known of one intersection when its next plan is made.
struct conduct {
    const struct view *view;
    const struct plan *running;       // in force at view->at_ms; NULL: its own program, and a hand-over is needed
    int32_t running_revision;         // of the timing that `running` plays; 0: none of this strategy's
    bool running_program;             // `running` is the network's own program
    bool emergency;                   // the decision is for an emergency vehicle
    bool second_limit;                // a plan may leave a red beyond its maximum, up to the second limit: for one, or
                                      // since it did so for one that has passed
    const int64_t *asked_ms;          // per group: since when somebody waits for it; INT64_MAX: nobody does
    const struct controller_report *report;   // fresh, or NULL
};

// made: what the plan realises: the revision of the timing, or 0; program likewise. idle: groups whose red it need not
// bound, since nobody asks for them, or did too late.
struct conduct_result {
    int32_t revision;
    bool program;
    uint64_t idle;
};

bool conduct_plan(const struct conduct *conduct, const struct decision *decision, struct green *greens,
                  struct plan *ret, struct conduct_result *made);

// The latest time until which a stage may be held: the first maximum red of a group outside it that is asked for,
// less the way to it.
int64_t conduct_hold_until_ms(const struct conduct *conduct, int32_t stage);

// The stage that is entered or held next if a strategy wants one: this one, or that of a group that would be late.
int32_t conduct_next_stage(const struct conduct *conduct, int32_t wanted);

// Groups whose maximum red is over though somebody has waited for them in time.
uint64_t conduct_groups_over(const struct conduct *conduct);

// A plan that goes on as before and ends soon, so that the controller falls back to its own program; false when the
// running one does already.
bool conduct_release(const struct conduct *conduct, struct green *greens, struct plan *ret,
                     struct conduct_result *made);
