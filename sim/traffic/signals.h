// signals.h: the signal controllers at the intersections of the street, as real ones behave.
//
// THEORY    Each controller plays a plan through lamp.c: its fallback from the start, then the plans it is given. The
//           fallback is the network's own program, or local actuated control from its own loops (actuation.h). It takes
//           a plan under the rules of plan.h: a newer version, its own site, in time; it refuses else. A hand-over plan
//           is entered through its own clearance: greens that must end do so as early as their minimum allows and
//           intergreens demand. When the running plan expires it falls back the same way.
//
//              FALLBACK ──hand-over plan accepted──▶ CLEARING ──valid_from──▶ PLAN ──plan──▶ PLAN
//                  ▲                                                          │
//                  └────────── CLEARING ◀──────── valid_until ────────────────┘
//
//           Actuated: the choice is made when the touches of its loops come (signals_touch). The groups that end do so
//           at once, their yellow follows, and the groups of the next stage start together after the longest
//           intergreen, as in a plan made of stages (compose.h).
// CONTRACT  Deterministic; no allocation after creation. A fallback plan equals what the street plays without an
//           engine: `program` from the first instant.
// OWNERSHIP signals_create gives, signals_release takes; plans are copied.
// NOT HERE  Decisions: this file plays, it does not choose; the rules of actuated control are in actuation.h.
#pragma once

#include <stdint.h>

#include "engine/base/byte_stream.h"
#include "engine/model/actuation.h"
#include "engine/model/controller.h"
#include "engine/model/plan.h"

struct signals;

struct signals *signals_create(const struct network *network, int64_t begin_ms);
void signals_release(struct signals *signals);

// What the controllers play without a plan: SIGNALS_SITE, which is how they are made: each as its site says; or all of
// them actuated, to be chosen before the first signals_show. Actuated begins in the first stage of each rotation, which
// has just become green.
enum signals_fallback { SIGNALS_SITE, SIGNALS_ACTUATED };
void signals_fall_back_to(struct signals *signals, enum signals_fallback fallback);

// Whether any controller may act on its own loops, and so wants to hear of them.
bool signals_want_touches(const struct signals *signals);

// Tells the controllers which of their loops were covered since the last call, one row per intersection, up to now_ms.
void signals_touch(struct signals *signals, const struct actuation_touch *touches, int64_t now_ms);

// Groups (bits, by intersection) whose push buttons were pushed and that were not green since; until told otherwise.
// Read at signals_touch and signals_report.
void signals_call(struct signals *signals, const uint64_t *calls);

// Offers a plan at now. STATUS_OK: accepted, takes effect at its valid_from_ms. STATUS_STALE: late, expired or not
// newer. STATUS_VERSION: another site. STATUS_REFUSED: a hand-over with too little time, or no hand-over where one is
// needed. STATUS_RANGE: malformed.
MUST_USE enum status signals_offer(struct signals *signals, const struct plan *plan, int64_t now_ms);

// Brings all lamps to now_ms (not before the last call) and writes the aspect of every group of the network.
void signals_show(struct signals *signals, int64_t now_ms, uint8_t *ret_aspects);

// What the controller would report at the time of the last signals_show.
void signals_report(const struct signals *signals, struct intersection_id intersection,
                    struct controller_report *ret);

// The whole state as bytes, and back into signals just made for the same network, with the same fallback.
// STATUS_VERSION: it is of others; STATUS_RANGE: it is no such state. The signals are then of no more use than to be
// released.
void signals_save(const struct signals *signals, struct byte_sink *sink);
MUST_USE enum status signals_load(struct signals *signals, struct byte_source *source, struct problem *problem);
