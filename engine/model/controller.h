// controller.h: what a signal controller says of itself.
//
// CONTRACT  aspect and age_ms have group_count rows. A report describes the instant time_ms on the daemon's clock.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/model/lamp.h"

enum controller_mode {
    CONTROLLER_PLAN,          // plays the engine's plan
    CONTROLLER_FALLBACK,      // plays its own program
    CONTROLLER_MANUAL,        // a person at the cabinet
    CONTROLLER_PREEMPTION,    // a local pre-emption (railway, fire station)
    CONTROLLER_FLASH,         // out of order, flashing
};

struct controller_report {
    int32_t intersection;
    int64_t time_ms;
    enum controller_mode mode;
    struct plan_version running;      // {0} in fallback
    struct plan_version waiting;      // accepted, not yet in effect; {0} without one
    int32_t stage;                    // within the intersection, or INDEX_NONE
    uint32_t faults;                  // bits of the maker; 0 is healthy
    int32_t group_count;
    uint64_t calls;                   // groups whose push button was pushed and that have not been green since
    uint8_t aspect[GROUP_COUNT_MAX];  // enum aspect
    int32_t age_ms[GROUP_COUNT_MAX];  // how long it has shown it; saturates at INT32_MAX
};

// Most have few groups: what lies beyond group_count stays as it was.
static inline void controller_report_copy(const struct controller_report *from, struct controller_report *to)
{
    memcpy(to, from, offsetof(struct controller_report, aspect));
    for (int32_t g = 0; g < from->group_count; g++) {
        to->aspect[g] = from->aspect[g];
        to->age_ms[g] = from->age_ms[g];
    }
}
