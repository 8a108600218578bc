// plan_codec.h: plans and all that is said about them.
//
// THEORY    Every field of struct plan crosses the wire exactly: what a controller plays is what the guard passed, and
//           a run through a socket gives the bytes of a run in one process.
// CONTRACT  As hello_codec.h. A plan that was read is well-formed (indices in range, times that cannot overflow), not
//           safe.
// OWNERSHIP Greens are written to the caller's array of PLAN_GREEN_COUNT_MAX and pointed to.
// NOT HERE  What is safe (engine/guard).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/model/plan.h"
#include "engine/wire/hello_codec.h"

#define WIRE_PLAN_BYTES_MAX 8192      // no well-formed plan is longer, with its frame

// The message alone, as Redis and recordings keep it: its bytes, or 0 when it has no room.
size_t wire_pack_plan(const struct plan *plan, uint8_t *bytes, size_t capacity);
MUST_USE enum status wire_put_plan(struct frame_writer *out, const struct plan *plan);
MUST_USE enum status wire_get_plan(struct cursor message, struct green *greens, struct plan *ret,
                                   const char **ret_field);

struct plan_request {
    uint32_t request;
    int32_t intersection;             // or INDEX_NONE: by name
    const char *name;                 // NULL: by index
    struct plan_version held;         // {0}: none
};

MUST_USE enum status wire_put_plan_request(struct frame_writer *out, const struct plan_request *request);
MUST_USE enum status wire_get_plan_request(struct cursor message, struct arena *arena, struct plan_request *ret,
                                           const char **ret_field);

struct plan_not_changed {
    uint32_t request;
    int32_t intersection;
    struct plan_version version;
};

MUST_USE enum status wire_put_plan_not_changed(struct frame_writer *out, const struct plan_not_changed *answer);
MUST_USE enum status wire_get_plan_not_changed(struct cursor message, struct plan_not_changed *ret,
                                               const char **ret_field);

struct plan_subscription {
    uint32_t request;
    struct indices intersections;
    bool all, end;
};

MUST_USE enum status wire_put_plan_subscription(struct frame_writer *out, const struct plan_subscription *wish);
MUST_USE enum status wire_get_plan_subscription(struct cursor message, struct arena *arena,
                                                struct plan_subscription *ret, const char **ret_field);

// status: STATUS_OK accepted; STATUS_STALE, STATUS_VERSION (another site), STATUS_REFUSED, STATUS_RANGE (malformed),
// STATUS_UNKNOWN (fallback table not loaded), as signals_offer gives.
struct plan_acknowledgement {
    int32_t intersection;
    struct plan_version version;
    enum status status;
    const char *text;                 // NULL: none
};

MUST_USE enum status wire_put_plan_acknowledgement(struct frame_writer *out, const struct plan_acknowledgement *answer);
MUST_USE enum status wire_get_plan_acknowledgement(struct cursor message, struct arena *arena,
                                                   struct plan_acknowledgement *ret, const char **ret_field);
