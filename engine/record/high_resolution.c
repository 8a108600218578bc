#include "engine/record/high_resolution.h"

#include <stdlib.h>
#include <string.h>

#define ASKED_MS 3000                 // silent for so long: it asks no longer
#define PATTERN_FREE 254              // as NTCIP 1202 numbers it
#define PATTERN_COUNT 253

struct asking {                       // a vehicle that asks an intersection
    int64_t vehicle, last_ms;
    int32_t intersection, group;      // group: within it
    bool emergency;
};

struct cyclic { struct plan_version version; int32_t cycle_ms, offset_ms; bool cyclic; };

struct high_resolution {
    const struct network *network;
    struct controller_report *last;   // of each intersection
    bool *known;
    int32_t *channel;                 // of each detector, within its intersection; 0: of none
    int64_t *covered_until_ms;        // of each detector: until when its last pair reaches; while on: INT64_MAX
    bool *edged;                      // of each detector: it sends edges
    struct cyclic *published;         // of each intersection: its last plan
    struct cyclic *running;           // of each intersection: as last logged
    LIST_OF(struct asking) asking;
    LIST_OF(struct high_resolution_event) events;
    LIST_OF(struct high_resolution_event) given;
};

struct high_resolution *high_resolution_create(const struct network *network)
{
    struct high_resolution *log = memory_take(1, sizeof *log);
    size_t intersections = (size_t)network->intersection_count;
    log->network = network;
    log->last = memory_take(intersections, sizeof *log->last);
    log->known = memory_take(intersections, sizeof *log->known);
    log->channel = memory_take((size_t)network->detector_count, sizeof *log->channel);
    log->covered_until_ms = memory_take((size_t)network->detector_count, sizeof *log->covered_until_ms);
    log->edged = memory_take((size_t)network->detector_count, sizeof *log->edged);
    log->published = memory_take(intersections, sizeof *log->published);
    log->running = memory_take(intersections, sizeof *log->running);
    int32_t *count = memory_take(intersections, sizeof *count);
    for (int32_t d = 0; d < network->detector_count; d++) {
        int32_t at = network->detectors[d].intersection;
        log->channel[d] = at != INDEX_NONE ? ++count[at] : 0;
        log->covered_until_ms[d] = INT64_MIN;
    }
    free(count);
    return log;
}

void high_resolution_release(struct high_resolution *log)
{
    if (log != NULL) {
        free(log->last);
        free(log->known);
        free(log->channel);
        free(log->covered_until_ms);
        free(log->edged);
        free(log->published);
        free(log->running);
        free(log->asking.at);
        free(log->events.at);
        free(log->given.at);
        free(log);
    }
}

static void event_add(struct high_resolution *log, int64_t at_ms, int32_t intersection, int32_t code,
                      int32_t parameter)
{
    *GROW(log->events) = (struct high_resolution_event){ .at_ms = at_ms, .intersection = intersection, .code = code,
        .parameter = parameter };
}

// ---- phases -----------------------------------------------------------------------------------------------------

static bool clears(uint8_t aspect)
{
    return aspect == ASPECT_YELLOW;
}

// The lamp of a pedestrian group: walk, clearance and do not walk are green, yellow and red here.
static void pedestrian_turned(struct high_resolution *log, int32_t intersection, int32_t group, uint8_t now,
                              int64_t at_ms)
{
    int32_t code = now == ASPECT_GREEN ? CODE_WALK : clears(now) ? CODE_PEDESTRIAN_CLEARANCE : CODE_DONT_WALK;
    event_add(log, at_ms, intersection, code, group + 1);
}

static void vehicle_turned(struct high_resolution *log, int32_t intersection, int32_t group, uint8_t was, uint8_t now,
                           int64_t at_ms)
{
    int32_t row = log->network->intersections[intersection].first_group + group;
    if (was == ASPECT_GREEN) {
        event_add(log, at_ms, intersection, CODE_GREEN_TERMINATION, group + 1);
    } else if (clears(was)) {
        event_add(log, at_ms, intersection, CODE_END_YELLOW, group + 1);
    }
    if (now == ASPECT_GREEN) {
        event_add(log, at_ms, intersection, CODE_BEGIN_GREEN, group + 1);
    } else if (clears(now)) {
        event_add(log, at_ms, intersection, CODE_BEGIN_YELLOW, group + 1);
    } else if (clears(was) && log->network->groups[row].red_clearance_ms > 0) {
        event_add(log, at_ms, intersection, CODE_BEGIN_RED_CLEARANCE, group + 1);
        event_add(log, at_ms + log->network->groups[row].red_clearance_ms, intersection, CODE_END_RED_CLEARANCE,
                  group + 1);
    }
}

static bool flashes(enum controller_mode mode)
{
    return mode == CONTROLLER_FLASH;
}

// The controller plays another plan. A rolling one is none of a cycle: it runs free, and is told once.
static void pattern_turned(struct high_resolution *log, int32_t intersection, const struct controller_report *report)
{
    struct cyclic now = log->published[intersection], *was = &log->running[intersection];
    if (plan_version_compare(now.version, report->running) != 0) {
        now = (struct cyclic){ .version = report->running, .cyclic = false };   // Its own program, or one not recorded.
    }
    bool own = report->running.sequence == 0;
    if (now.cyclic || own) {
        event_add(log, report->time_ms, intersection, CODE_PATTERN_CHANGE,
                  own ? 1 : (int32_t)(report->running.sequence % PATTERN_COUNT) + 1);
    } else if (was->cyclic || was->version.sequence == 0) {
        event_add(log, report->time_ms, intersection, CODE_PATTERN_CHANGE, PATTERN_FREE);
    }
    if (now.cyclic && now.cycle_ms != was->cycle_ms) {
        event_add(log, report->time_ms, intersection, CODE_CYCLE_CHANGE, now.cycle_ms / 1000);
    }
    if (now.cyclic && now.offset_ms != was->offset_ms) {
        event_add(log, report->time_ms, intersection, CODE_OFFSET_CHANGE, now.offset_ms / 1000);
    }
    *was = now;
}

void high_resolution_plan(struct high_resolution *log, const struct plan *plan)
{
    if (plan->intersection >= 0 && plan->intersection < log->network->intersection_count) {
        log->published[plan->intersection] = (struct cyclic){ .version = plan->version, .cycle_ms = plan->cycle_ms,
            .offset_ms = plan->offset_ms, .cyclic = plan->kind == PLAN_CYCLIC };
    }
}

void high_resolution_report(struct high_resolution *log, const struct controller_report *report)
{
    int32_t i = report->intersection;
    if (i < 0 || i >= log->network->intersection_count
        || report->group_count != log->network->intersections[i].group_count) {
        return;
    }
    const struct controller_report *last = &log->last[i];
    if (log->known[i] && report->time_ms > last->time_ms) {
        for (int32_t g = 0; g < report->group_count; g++) {
            if (report->aspect[g] == last->aspect[g]) {
                continue;
            }
            int32_t row = log->network->intersections[i].first_group + g;
            int64_t at_ms = report->time_ms - report->age_ms[g];
            at_ms = at_ms > last->time_ms ? at_ms : last->time_ms;
            if (log->network->groups[row].kind == GROUP_PEDESTRIAN) {
                pedestrian_turned(log, i, g, report->aspect[g], at_ms);
            } else {
                vehicle_turned(log, i, g, last->aspect[g], report->aspect[g], at_ms);
            }
        }
        bool preempted = report->mode == CONTROLLER_PREEMPTION;
        if (preempted != (last->mode == CONTROLLER_PREEMPTION)) {
            event_add(log, report->time_ms, i, preempted ? CODE_PREEMPT_ENTRY : CODE_PREEMPT_EXIT, 1);
        }
        if (flashes(report->mode) != flashes(last->mode)) {
            event_add(log, report->time_ms, i, CODE_UNIT_FLASH, flashes(report->mode));
        }
        if (plan_version_compare(report->running, last->running) != 0) {
            pattern_turned(log, i, report);
        }
    }
    log->last[i] = *report;
    log->known[i] = true;
}

// ---- detectors --------------------------------------------------------------------------------------------------

static void pair_add(struct high_resolution *log, int32_t detector, int64_t on_ms, int64_t off_ms)
{
    int32_t at = log->network->detectors[detector].intersection;
    int64_t *until_ms = &log->covered_until_ms[detector];
    on_ms = on_ms > *until_ms ? on_ms : *until_ms;
    if (at == INDEX_NONE || on_ms >= off_ms) {
        return;
    }
    event_add(log, on_ms, at, CODE_DETECTOR_ON, log->channel[detector]);
    event_add(log, off_ms, at, CODE_DETECTOR_OFF, log->channel[detector]);
    *until_ms = off_ms;
}

// An interval: who left, and for how long the loop was covered.
static void interval_add(struct high_resolution *log, int32_t detector, int64_t end_ms, int32_t length_ms,
                         int32_t vehicles, int32_t occupied_ms)
{
    int32_t at = log->network->detectors[detector].intersection;
    int64_t *until_ms = &log->covered_until_ms[detector], start_ms = end_ms - length_ms;
    bool on = *until_ms == INT64_MAX;
    if (at == INDEX_NONE || log->edged[detector]) {
        return;
    }
    if (vehicles == 0 && occupied_ms > 0 && !on) {       // Somebody came, and stands.
        int64_t on_ms = end_ms - occupied_ms > *until_ms ? end_ms - occupied_ms : *until_ms;
        event_add(log, on_ms, at, CODE_DETECTOR_ON, log->channel[detector]);
        *until_ms = INT64_MAX;
    } else if (vehicles == 0 && occupied_ms == 0 && on) {   // It left in a second that was not told.
        event_add(log, start_ms, at, CODE_DETECTOR_OFF, log->channel[detector]);
        *until_ms = start_ms;
    }
    int64_t each_ms = vehicles > 0 && occupied_ms / vehicles > 1 ? occupied_ms / vehicles : 1;
    for (int32_t v = 0; v < vehicles; v++) {
        int64_t slot_end_ms = start_ms + (int64_t)length_ms * (v + 1) / vehicles;
        if (v == 0 && on) {
            *until_ms = start_ms + each_ms < slot_end_ms ? start_ms + each_ms : slot_end_ms;
            event_add(log, *until_ms, at, CODE_DETECTOR_OFF, log->channel[detector]);
        } else {
            pair_add(log, detector, slot_end_ms - each_ms, slot_end_ms);
        }
    }
}

static void edge_add(struct high_resolution *log, int32_t detector, int64_t at_ms, bool on)
{
    int32_t at = log->network->detectors[detector].intersection;
    bool was_on = log->covered_until_ms[detector] == INT64_MAX;
    log->edged[detector] = true;
    if (at == INDEX_NONE || on == was_on || (on && at_ms < log->covered_until_ms[detector])) {
        return;                       // Doubled, or older than what is told already.
    }
    event_add(log, at_ms, at, on ? CODE_DETECTOR_ON : CODE_DETECTOR_OFF, log->channel[detector]);
    log->covered_until_ms[detector] = on ? INT64_MAX : at_ms;
}

void high_resolution_seen(struct high_resolution *log, const struct observation_columns *seen)
{
    for (int32_t i = 0; i < seen->loops.count; i++) {
        interval_add(log, seen->loops.detector[i], seen->loops.end_ms[i], seen->loops.length_ms[i],
                     seen->loops.vehicles[i], seen->loops.occupied_ms[i]);
    }
    for (int32_t i = 0; i < seen->edges.count; i++) {
        edge_add(log, seen->edges.detector[i], seen->edges.at_ms[i], seen->edges.on[i] != 0);
    }
}

static void ask(struct high_resolution *log, int64_t now_ms, const struct priority *priority, int32_t intersection,
                int32_t group)
{
    bool emergency = priority->kind == PRIORITY_EMERGENCY;
    for (int32_t i = 0; i < log->asking.count; i++) {
        struct asking *one = &log->asking.at[i];
        if (one->vehicle == priority->vehicle && one->intersection == intersection && one->emergency == emergency) {
            one->last_ms = now_ms;
            return;
        }
    }
    event_add(log, now_ms, intersection, emergency ? CODE_PREEMPT_CALL_ON : CODE_TSP_CHECK_IN, group + 1);
    *GROW(log->asking) = (struct asking){ .vehicle = priority->vehicle, .last_ms = now_ms,
        .intersection = intersection, .group = group, .emergency = emergency };
}

void high_resolution_priority(struct high_resolution *log, int64_t now_ms, const struct priority *priority)
{
    const struct network *network = log->network;
    if (priority->lane < 0 || priority->lane >= network->lane_count) {
        return;
    }
    const struct lane *lane = &network->lanes[priority->lane];
    for (int32_t c = lane->first_connection; c < lane->first_connection + lane->connection_count; c++) {
        if (network->connections[c].group != INDEX_NONE) {
            const struct signal_group *group = &network->groups[network->connections[c].group];
            int32_t first = network->intersections[group->intersection].first_group;
            ask(log, now_ms, priority, group->intersection, network->connections[c].group - first);
            return;
        }
    }
}

void high_resolution_tick(struct high_resolution *log, int64_t now_ms)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < log->asking.count; i++) {
        struct asking one = log->asking.at[i];
        if (now_ms - one.last_ms >= ASKED_MS) {
            event_add(log, now_ms, one.intersection, one.emergency ? CODE_PREEMPT_CALL_OFF : CODE_TSP_CHECK_OUT,
                      one.group + 1);
        } else {
            log->asking.at[kept++] = one;
        }
    }
    log->asking.count = kept;
}

// ---- order ------------------------------------------------------------------------------------------------------

// Ends before begins at the same instant, as they happen; otherwise by code.
static int rank(int32_t code)
{
    bool ends = code == CODE_GREEN_TERMINATION || code == CODE_END_YELLOW || code == CODE_END_RED_CLEARANCE
        || code == CODE_DETECTOR_OFF || code == CODE_PREEMPT_CALL_OFF || code == CODE_PREEMPT_EXIT
        || code == CODE_TSP_CHECK_OUT;
    return ends ? code - 1000 : code;
}

static int event_compare(const void *a, const void *b)
{
    const struct high_resolution_event *x = a, *y = b;
    int64_t keys[4][2] = { { x->at_ms, y->at_ms }, { x->intersection, y->intersection },
        { rank(x->code), rank(y->code) }, { x->parameter, y->parameter } };
    for (int k = 0; k < 4; k++) {
        if (keys[k][0] != keys[k][1]) {
            return keys[k][0] < keys[k][1] ? -1 : 1;
        }
    }
    return 0;
}

int32_t high_resolution_take(struct high_resolution *log, int64_t until_ms, const struct high_resolution_event **ret)
{
    int32_t kept = 0;
    log->given.count = 0;
    for (int32_t i = 0; i < log->events.count; i++) {
        if (log->events.at[i].at_ms < until_ms) {
            *GROW(log->given) = log->events.at[i];
        } else {
            log->events.at[kept++] = log->events.at[i];
        }
    }
    log->events.count = kept;
    if (log->given.count > 0) {
        qsort(log->given.at, (size_t)log->given.count, sizeof *log->given.at, event_compare);
    }
    *ret = log->given.at;
    return log->given.count;
}
