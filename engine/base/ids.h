// ids.h: dense indices that cannot be mixed up. A struct of one integer costs nothing and the compiler refuses
// a lane where a link is wanted. Columns store the bare int32_t; functions that take one thing take its type.
#pragma once

#include <stdint.h>

#define INDEX_NONE (-1)

struct intersection_id { int32_t index; };   // in network.intersections
struct link_id { int32_t index; };           // in network.links
struct lane_id { int32_t index; };           // in network.lanes
struct connection_id { int32_t index; };     // in network.connections
struct group_id { int32_t index; };          // in network.groups, over the whole network
struct stage_id { int32_t index; };          // in network.stages, over the whole network
struct detector_id { int32_t index; };       // in network.detectors
struct camera_id { int32_t index; };         // in network.cameras
