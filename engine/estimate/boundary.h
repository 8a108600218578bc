// boundary.h: what the regions of a city have to know of each other.
//
// THEORY    A region that is led by itself decides for its own intersections. To do that as well as if it had the city
//           it needs what is seen just beyond its border, and no more:
//
//              who left the signals upstream towards it     the lanes at their stop lines
//              what stands where its own vehicles go        the lanes of the links that its movements lead to
//              feeders of its stop lines                    lanes upstream that no signal parts from them
//
//                   region A            │           region B
//              ──▶ row ──▶|  movement ──┼──▶ link ──▶ row ──▶|
//                  the camera here tells B who comes; the one at B's row tells A whether there is room
//
//           So what crosses a border is readings, as the sensors gave them, of the sensors on those lanes. Whoever
//           takes them in treats them as any other reading: recorded, judged by age, forgotten when none come.
//           An intersection of another region that such a lane belongs to is *watched*: estimated, never decided for.
// CONTRACT  Pure; read-only after boundary_create. Same network, same layout. At most BOUNDARY_REGION_COUNT_MAX
//           regions.
// OWNERSHIP boundary_release frees; the network is kept.
// NOT HERE  How readings travel (engine/store, engine/serve), who leads (engine/serve).
#pragma once

#include <stdint.h>

#include "engine/estimate/upstream.h"
#include "engine/model/observation.h"

#define BOUNDARY_REGION_COUNT_MAX 64      // bits of a set of regions

struct boundary {
    const struct network *network;
    int32_t region_count;                 // at least 1
    uint64_t *lane_needed;                // per lane: regions that look at it
    uint64_t *watched;                    // per intersection: regions that need its estimate
    int32_t *detector_region, *camera_region;   // whose a sensor is
};

void boundary_create(struct boundary *boundary, const struct network *network);
void boundary_release(struct boundary *boundary);

// The region of an intersection; 0 where the network names none.
int32_t boundary_region(const struct network *network, int32_t intersection);

// Whether readings of a sensor of `from` go to one of the regions `to`.
bool boundary_crosses_detector(const struct boundary *boundary, int32_t detector, int32_t from, uint64_t to);
bool boundary_crosses_camera(const struct boundary *boundary, int32_t camera, int32_t from, uint64_t to);

// Appends the rows of `seen` that are of a region's own sensors, in their order. As below.
int32_t boundary_select_own(const struct boundary *boundary, const struct observation_columns *seen, int32_t region,
                            struct observation_buffer *ret);

// Appends the rows of `seen` that region `from` has for the regions `to`, in their order. Rows that have no room are
// left out, and counted in what it gives.
int32_t boundary_select(const struct boundary *boundary, const struct observation_columns *seen, int32_t from,
                        uint64_t to, struct observation_buffer *ret);
