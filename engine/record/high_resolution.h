// high_resolution.h: a recorded day as the events that controllers of the field log, to a tenth of a second.
//
// THEORY    Controllers log what phases and detectors do as numbered events, and the measures that engineers use
//           (ATSPM)
//           are made from such logs. The numbers are Indiana's enumeration [Sturdevant2012]; docs/high-resolution.md
//           lists
//           those that are written. A signal group is a phase; its number is its place in the intersection, from 1; a
//           detector's channel is its place among the intersection's detectors, from 1.
//
//           A controller's report says of each group its aspect and for how long it has shown it: so every change is
//           known to the millisecond, although reports come once a second.
//
//             reports   ····│green 4.2 s│··········│yellow 0.7 s│····    ──▶  1 begin green … 7, 8 begin yellow 0.7 s
//             ago
//
//           Loops that count by intervals tell how many vehicles left them and for how long they were covered. While
//           nobody leaves and the loop is covered it is on; each that left turns it off, and those beyond the first
//           make a pair of their own within the interval. So there are as many pairs as vehicles. Edges give both
//           instants; of a loop that sends edges the intervals are not used.
//
//           A vehicle that asks for priority does so each second; it checks in when it first asks an intersection, and
//           out when it has not asked for ASKED_MS.
// CONTRACT  Events come out in order of time, then intersection, then code: those of a time are given once nothing
//           older can
//           come. Begin and end of each phase's green, yellow and red clearance alternate, so do detector on and off.
// OWNERSHIP high_resolution_release frees. Rows given out are borrowed until the next call.
// NOT HERE  Files (cli), what is recorded (recorder.h).
#pragma once

#include <stdint.h>

#include "engine/base/memory.h"
#include "engine/model/controller.h"
#include "engine/model/network.h"
#include "engine/model/observation.h"
#include "engine/model/plan.h"
#include "engine/model/request.h"

enum high_resolution_code {           // [Sturdevant2012]
    CODE_BEGIN_GREEN = 1,
    CODE_GREEN_TERMINATION = 7,
    CODE_BEGIN_YELLOW = 8,
    CODE_END_YELLOW = 9,
    CODE_BEGIN_RED_CLEARANCE = 10,
    CODE_END_RED_CLEARANCE = 11,
    CODE_WALK = 21,                   // pedestrian groups
    CODE_PEDESTRIAN_CLEARANCE = 22,
    CODE_DONT_WALK = 23,
    CODE_DETECTOR_OFF = 81,
    CODE_DETECTOR_ON = 82,
    CODE_PREEMPT_CALL_ON = 102,       // an emergency vehicle asks
    CODE_PREEMPT_CALL_OFF = 104,      // and no longer does
    CODE_PREEMPT_ENTRY = 105,         // a railway or fire station has taken the controller over
    CODE_PREEMPT_EXIT = 111,
    CODE_TSP_CHECK_IN = 112,          // a bus or tram asks
    CODE_TSP_CHECK_OUT = 115,
    CODE_PATTERN_CHANGE = 131,        // another cyclic plan: its sequence, 1 .. 253; 254: free of any cycle
    CODE_CYCLE_CHANGE = 132,          // its cycle, s
    CODE_OFFSET_CHANGE = 133,         // its offset, s
    CODE_UNIT_FLASH = 173,            // 1: flashing begins, 0: ends
};

struct high_resolution_event {
    int64_t at_ms;
    int32_t intersection;
    int32_t code, parameter;
};

struct high_resolution;

struct high_resolution *high_resolution_create(const struct network *network);
void high_resolution_release(struct high_resolution *log);

// What a recording says, in its order.
void high_resolution_report(struct high_resolution *log, const struct controller_report *report);
void high_resolution_seen(struct high_resolution *log, const struct observation_columns *seen);
void high_resolution_priority(struct high_resolution *log, int64_t now_ms, const struct priority *priority);
void high_resolution_plan(struct high_resolution *log, const struct plan *plan);

// Time has come to now_ms: who has not asked for long has checked out.
void high_resolution_tick(struct high_resolution *log, int64_t now_ms);

// Events older than until_ms, in order; they are not given again. INT64_MAX at the end.
int32_t high_resolution_take(struct high_resolution *log, int64_t until_ms, const struct high_resolution_event **ret);
