#include "sim/report/sensor_health.h"

#include <math.h>

#include "engine/model/units.h"

#define HEARD_GOOD 0.95
#define HEARD_DEAD 0.5
#define ERROR_SHARE 0.1
#define ERROR_COUNT_MIN 5.0

const char *sensor_state_name(enum sensor_state state)
{
    static const char *const NAMES[SENSOR_STATE_COUNT] = { "good", "patchy", "miscounts", "dead" };
    return NAMES[state];
}

// The lane whose passing vehicles the sensor counts, or INDEX_NONE.
static int32_t lane_counted(const struct network *network, int32_t sensor)
{
    if (sensor >= network->detector_count) {
        return network->cameras[sensor - network->detector_count].lane;
    }
    const struct detector *loop = &network->detectors[sensor];
    return loop->place == DETECTOR_STOP_LINE ? loop->lane : INDEX_NONE;
}

struct sensor_health sensor_health_of(const struct day_book *book, int32_t sensor)
{
    const struct sensor_book *at = &book->sensors[sensor];
    int32_t lane = lane_counted(book->network, sensor);
    int64_t now_ms = book->begin_ms + ms_from_s(book->seconds);
    int64_t silent_ms = now_ms - at->last_ms > at->silent_ms_max ? now_ms - at->last_ms : at->silent_ms_max;
    double share = book->seconds > 0.0 ? s_from_ms(at->heard_ms) / book->seconds : 0.0;
    struct sensor_health ret = { .heard = fmin(share, 1.0),
        .silent_s_max = s_from_ms(silent_ms), .counted = at->vehicles,
        .passed = lane != INDEX_NONE ? day_book_passed(book, lane) : -1 };
    // The last interval is told after the run's end: a second of an hour.
    double due = (double)ret.passed * ret.heard, error = fabs((double)ret.counted - due);
    bool wrong = ret.passed >= 0 && error > ERROR_SHARE * due && error > 3.0 * sqrt(due) + ERROR_COUNT_MIN;
    double heard = ret.heard + 2.0 / fmax(book->seconds, 2.0);
    ret.state = heard < HEARD_DEAD ? SENSOR_DEAD : heard < HEARD_GOOD ? SENSOR_PATCHY
        : wrong ? SENSOR_MISCOUNTS : SENSOR_GOOD;
    return ret;
}
