// signals.h: the signal controllers at the intersections of the street, as real ones behave.
//
// THEORY    Each controller plays a plan through lamp.c: its fallback (the network's own program) from the start, then
//           the plans it is given. It takes a plan under the rules of plan.h: a newer version, its own site, in time;
//           it refuses else. A hand-over plan is entered through its own clearance: greens that must end do so as early
//           as their minimum allows and intergreens demand. When the running plan expires it falls back the same way.
//
//              FALLBACK ──hand-over plan accepted──▶ CLEARING ──valid_from──▶ PLAN ──plan──▶ PLAN
//                  ▲                                                          │
//                  └────────── CLEARING ◀──────── valid_until ────────────────┘
// CONTRACT  Deterministic; no allocation after creation. A fallback plan equals what the street plays without an
//           engine: `program` from the first instant.
// OWNERSHIP signals_create gives, signals_release takes; plans are copied.
// NOT HERE  Decisions: this file plays, it does not choose.
#pragma once

#include <stdint.h>

#include "engine/model/controller.h"
#include "engine/model/plan.h"

struct signals;

struct signals *signals_create(const struct network *network, int64_t begin_ms);
void signals_release(struct signals *signals);

// Offers a plan at now. STATUS_OK: accepted, takes effect at its valid_from_ms. STATUS_STALE: late, expired or not
// newer. STATUS_VERSION: another site. STATUS_REFUSED: a hand-over with too little time, or no hand-over where one is
// needed. STATUS_RANGE: malformed.
MUST_USE enum status signals_offer(struct signals *signals, const struct plan *plan, int64_t now_ms);

// Brings all lamps to now_ms (not before the last call) and writes the aspect of every group of the network.
void signals_show(struct signals *signals, int64_t now_ms, uint8_t *ret_aspects);

// What the controller would report at the time of the last signals_show.
void signals_report(const struct signals *signals, struct intersection_id intersection,
                    struct controller_report *ret);
