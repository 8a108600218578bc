// observation_codec.h: ObservationBatch to and from columns, and what makes a reading believable.
//
// THEORY    The hot path: a city's readings all pass here. Packed columns are counted first (a varint's last byte has
//           its top bit clear), so that unequal columns are refused before anything is written; then each column is
//           decoded straight behind the rows that the buffer already holds; then each row is judged and the good ones
//           are moved together. No memory but the buffer's.
// CONTRACT  Pure. On any status but STATUS_OK the buffer is as it was.
// OWNERSHIP Nothing is kept.
// NOT HERE  Whether a believable count is true (engine/estimate).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"
#include "engine/model/observation.h"
#include "engine/wire/hello_codec.h"

#define READING_LENGTH_MS_MAX 3600000     // one hour
#define READING_VEHICLE_MS_MIN 250        // least time between two vehicles leaving one lane: motorcycles abreast
#define READING_SPEED_MMPS_MAX 100000     // 360 km/h
#define READING_TAIL_MM_MAX 10000000      // 10 km
#define READING_IN_VIEW_MAX 2000          // 10 km of lane at 5 m a vehicle
#define READING_BIN_VEHICLES_MAX 64       // in 10 m of lane: bicycles side by side

// What a session may send and when. Indices are the network's; owned ones are sorted and without repetition.
struct reading_rules {
    int32_t detector_count, camera_count;          // of the network
    bool all;                                      // owns everything (a simulator)
    struct indices detectors, cameras;             // owned, when not all
    int64_t end_ms_min, end_ms_max;                // inclusive
};

struct reading_result {
    uint64_t sequence;
    int32_t loops, edges, cameras;                 // taken, the last rows of the buffer
    int32_t refused_count, refused_listed;
    struct refused_reading refused[WIRE_REFUSED_MAX];
    int64_t offered;                               // rows of the batch, all kinds; STATUS_LIMIT: so many were shed
};

// Appends the good rows of a batch. STATUS_SYNTAX: not a batch. STATUS_RANGE: columns disagree or a number is not one
// of its column; *ret_field names it. STATUS_STALE: the sequence is not above sequence_after. STATUS_LIMIT: the buffer
// (which may be NULL) has no room for all rows. On STALE and LIMIT *ret has the sequence and what was offered.
MUST_USE enum status wire_get_observations(struct cursor message, const struct reading_rules *rules,
                                           uint64_t sequence_after, struct observation_buffer *buffer,
                                           struct reading_result *ret, const char **ret_field);

// Rows already sent of a set of columns; { 0 } at the start.
struct observation_position {
    int32_t loop, edge, camera;
};

// Appends one frame with as many rows from *position on as fit into frame_bytes_max, and moves *position on.
// STATUS_LIMIT: the writer has no room. STATUS_RANGE: a time lies more than 24 days from the frame's first.
MUST_USE enum status wire_put_observations(struct frame_writer *out, uint64_t sequence,
                                           const struct observation_columns *rows, uint32_t frame_bytes_max,
                                           struct observation_position *position);
bool observation_position_done(const struct observation_position *position, const struct observation_columns *rows);
