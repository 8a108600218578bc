// request_codec.h: what operators and vehicles ask for, and the state of the city in answer.
//
// CONTRACT  As hello_codec.h. What may be named by text or by index is given as it was said: the session resolves it.
// OWNERSHIP Texts and arrays that were read lie in the arena.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/model/controller.h"
#include "engine/model/request.h"
#include "engine/wire/hello_codec.h"

#define PRIORITY_ROUTE_COUNT_MAX 1024
#define STATUS_ROW_COUNT_MAX 4096         // rows of single intersections in one Status
#define STATUS_ALARM_COUNT_MAX 32

struct override_request {
    uint32_t request;
    const char *intersection_name;        // NULL: what.intersection is the index
    struct override what;                 // operator_name is not said by the peer: the session fills it
    int32_t duration_ms;                  // 0: what.until_ms holds
};

MUST_USE enum status wire_put_override(struct frame_writer *out, const struct override_request *request);
MUST_USE enum status wire_get_override(struct cursor message, struct arena *arena, struct override_request *ret,
                                       const char **ret_field);

struct priority_request {
    uint32_t request;
    const char *link_name;                // NULL: what.lane is the index
    int32_t lane_position;                // on link_name
    struct names_said route_names;        // empty: what.route holds
    struct priority what;
};

MUST_USE enum status wire_put_priority(struct frame_writer *out, const struct priority_request *request);
MUST_USE enum status wire_get_priority(struct cursor message, struct arena *arena, struct priority_request *ret,
                                       const char **ret_field);

struct request_result {
    uint32_t request;
    bool accepted;
    int64_t until_ms;
    const char *text;                     // NULL: none
};

MUST_USE enum status wire_put_request_result(struct frame_writer *out, const struct request_result *result);
MUST_USE enum status wire_get_request_result(struct cursor message, struct arena *arena, struct request_result *ret,
                                             const char **ret_field);

struct status_request {
    uint32_t request;
    int32_t first_intersection, intersection_count;
    const char *intersection_name;        // NULL: the two above hold
    bool names;                           // of the rows' intersections
};

MUST_USE enum status wire_put_status_request(struct frame_writer *out, const struct status_request *request);
MUST_USE enum status wire_get_status_request(struct cursor message, struct arena *arena, struct status_request *ret,
                                             const char **ret_field);

struct status_row {
    int32_t intersection;
    int64_t updated_ms;
    enum controller_mode mode;
    bool reported, overridden;
    int32_t stage;
    uint32_t queue_mveh, flow_vph, confidence_permille, detectors_healthy, detectors_total;
};

struct city_status {
    uint32_t request;
    int64_t now_ms, started_ms;
    const char *network, *strategy, *store;   // "" when not said
    uint32_t epoch, daemon;
    uint32_t intersections, intersections_reported, intersections_overridden, intersections_fallback;
    uint32_t sessions[ROLE_COUNT];
    uint64_t steps, plans, readings_used, readings_refused, readings_shed, frames_refused, guard_refused;
    uint32_t step_us_last, step_us_max;
    uint64_t store_queue_bytes, store_dropped, resident_bytes;
    struct names_said alarms;
    int32_t row_count;
    const struct status_row *rows;
    const char *const *row_names;         // NULL: not said
};

MUST_USE enum status wire_put_status(struct frame_writer *out, const struct city_status *status);
MUST_USE enum status wire_get_status(struct cursor message, struct arena *arena, struct city_status *ret,
                                     const char **ret_field);
