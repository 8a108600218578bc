// sensor_health.h: how well each camera and each loop did its work in a run.
//
// THEORY    A sensor is heard for the time that its readings cover. Good is one that is heard for 95 % of the run, dead
//           one that is silent for more than half of it, patchy what lies between. A camera, and a loop at a stop line,
//           can be held against who passed its lane's end: one that is off by more than a tenth, and by more than
//           chance explains (three times the root of the count), miscounts.
// CONTRACT  Pure.
// NOT HERE  What the engine makes of bad sensors (engine/estimate).
#pragma once

#include "sim/report/day_book.h"

enum sensor_state { SENSOR_GOOD, SENSOR_PATCHY, SENSOR_MISCOUNTS, SENSOR_DEAD, SENSOR_STATE_COUNT };

const char *sensor_state_name(enum sensor_state state);

struct sensor_health {
    enum sensor_state state;
    double heard;                     // share of the run
    double silent_s_max;
    int64_t counted, passed;          // passed: -1 where it cannot be known
};

// sensor: a loop, or detector_count + a camera.
struct sensor_health sensor_health_of(const struct day_book *book, int32_t sensor);
