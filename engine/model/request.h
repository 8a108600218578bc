// request.h: what a person or a vehicle asks of the signals: an override, a priority.
//
// CONTRACT  Pure data. Indices are the network's. Whoever takes a request checks them.
// OWNERSHIP route is borrowed from whoever made the request.
// NOT HERE  Who may ask (engine/wire, engine/serve), what becomes of it (engine/brain).
#pragma once

#include <stdint.h>

#define STRATEGY_NAME_BYTES_MAX 32      // with its NUL
#define OPERATOR_NAME_BYTES_MAX 64

enum override_kind {
    OVERRIDE_NONE,       // ends the override of the intersection
    OVERRIDE_STAGE,      // hold this stage
    OVERRIDE_STRATEGY,   // another strategy
    OVERRIDE_FALLBACK,   // hand the intersection back to its own program
};

struct override {
    int32_t intersection;
    enum override_kind kind;
    int32_t stage;                    // OVERRIDE_STAGE
    char strategy[STRATEGY_NAME_BYTES_MAX];   // OVERRIDE_STRATEGY
    int64_t until_ms;                 // when it ends by itself; > now
    char operator_name[OPERATOR_NAME_BYTES_MAX];
};

enum priority_kind { PRIORITY_EMERGENCY, PRIORITY_TRANSIT };

struct priority {
    int64_t vehicle;                  // stable number of the vehicle
    enum priority_kind kind;
    int32_t lane;                     // where it is
    int32_t to_stop_mm;               // distance to the lane's end
    int32_t speed_mmps;
    int32_t late_s;                   // lateness; 0 for emergency
    int32_t departs_in_ms;            // it has not set out yet, and will so long from now; 0: it is under way
    int32_t route_count;              // links it will take, from its own on
    const int32_t *route;
};
