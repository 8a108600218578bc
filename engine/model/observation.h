// observation.h: what cameras and loops counted, in columns.
//
// THEORY    One row is one reading. All integers, so that the same readings are the same bytes everywhere. Rows are
//           frozen before the brain sees them and sorted by (source, sequence), rows of one batch in their order.
// CONTRACT  Columns of one kind all have `count` rows. -1 says "not measured" where a field allows it.
// OWNERSHIP The struct borrows its columns; observation_buffer below owns some.
// NOT HERE  Frames (engine/wire), what the counts mean (engine/estimate).
#pragma once

#include <stdint.h>

#include "engine/base/status.h"

// Interval readings of loop detectors.
struct loop_columns {
    int32_t count;
    int32_t *detector;
    int64_t *end_ms;             // end of the interval
    int32_t *length_ms;          // > 0
    int32_t *vehicles;           // whose rear left the loop in the interval, >= 0
    int32_t *occupied_ms;        // 0 .. length_ms
    int32_t *speed_mmps;         // mean, mm/s; -1 without vehicles
};

// Single edges of loop detectors.
struct edge_columns {
    int32_t count;
    int32_t *detector;
    int64_t *at_ms;
    int32_t *on;                 // 1: a vehicle came onto the loop, 0: it left
};

#define CAMERA_BIN_M 10          // width of a distance bin, metres back from the lane's end
#define CAMERA_BIN_COUNT_MAX 32

struct camera_columns {
    int32_t count;
    int32_t *camera;
    int64_t *end_ms;
    int32_t *length_ms;          // interval of the counts by turn
    int32_t *in_view;            // vehicles in view at end_ms
    int32_t *queued;             // of them slower than 1.39 m/s (5 km/h)
    int32_t *tail_mm;            // from the lane's end to the rear of the last queued one; 0 without a queue
    int32_t *speed_mmps;         // mean of those in view; -1 without any
    int32_t *turned[4];          // by enum turn: left the lane over its end in the interval
    int32_t *first_bin;          // count + 1 rows: where the row's bins start in bin_vehicles
    int32_t *bin_vehicles;       // vehicles (by front) in each bin from the lane's end
    int32_t *bin_speed_mmps;     // mean speed in the bin; -1 without any
};

struct observation_columns {
    struct loop_columns loops;
    struct edge_columns edges;
    struct camera_columns cameras;
};

// Columns with room for a stated number of rows, taken once.
struct observation_buffer {
    struct observation_columns rows;
    int32_t loop_count_max, edge_count_max, camera_count_max, bin_count_max;
};

void observation_buffer_create(struct observation_buffer *buffer, int32_t loop_count_max, int32_t edge_count_max,
                               int32_t camera_count_max, int32_t bin_count_max);
void observation_buffer_release(struct observation_buffer *buffer);
void observation_buffer_clear(struct observation_buffer *buffer);

// Appends all rows of `from`. STATUS_LIMIT, and nothing appended, when a kind has no room.
MUST_USE enum status observation_buffer_append(struct observation_buffer *buffer,
                                               const struct observation_columns *from);
