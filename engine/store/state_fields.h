// state_fields.h: the state of an intersection as the readable fields of its Redis hash.
//
// THEORY    A row holds what people see, rounded to what they can use: a queue to a tenth of a vehicle, a flow to one
//           vehicle an hour. Two rows that read the same are the same, so that a quiet street costs nothing.
//
//           field          example                field          example
//           queue_veh      12.4                   mode           plan | fallback | manual | preemption | flash
//           flow_vph       830                    health         11/12   healthy detectors of all
//           confidence     0.93                   overridden     yes | no
//           stage          2                      plan_version   3.1.2041   epoch.daemon.sequence
//           stage_name     north-south            plan_kind      cyclic | rolling
//           reported       yes | no               plan_reason    switch to 2: 140 against 90
//           updated        2026-11-24T08:15:03Z   when any of these last changed
// CONTRACT  Pure.
// OWNERSHIP Nothing is kept.
// NOT HERE  When they are written (store.h).
#pragma once

#include "engine/brain.h"
#include "engine/store/commands.h"

struct field_row {
    int32_t queue_tenths, flow_vph, confidence_percent;
    int32_t stage;                   // within the intersection, or INDEX_NONE
    int32_t mode;                    // enum controller_mode
    int32_t reported, overridden;    // 0 or 1
    int32_t detectors_healthy, detectors_total;
    struct plan_version version;     // of the plan in force; {0} without one
};

// What the fields say about the plan beside its version.
struct field_plan {
    enum plan_kind kind;
    struct plan_reason reason;
};

struct field_row field_row_from(const struct intersection_state *state, struct plan_version version);

// Appends `HSET key field value ...` with those fields in which `now` differs from `before` (NULL: all). plan may be
// NULL where the version did not change. false when it did not fit or nothing differs.
bool fields_write(struct commands *commands, const char *key, const struct network *network, int32_t intersection,
                  const struct field_row *before, const struct field_row *now, const struct field_plan *plan,
                  int64_t time_ms);

// 2026-11-24T08:15:03Z into text (at least 32 bytes), from ms since the Unix epoch; proleptic Gregorian calendar.
void field_time(int64_t time_ms, char *text, size_t text_bytes);

const char *field_mode(int32_t mode);
const char *field_reason(int32_t reason);
