// count_map.h: which detector of a file of counts stands where in the network.
//
// THEORY    A mapping file is CSV with a header; one row for each place that is counted:
//
//              source,lane,place,factor
//              717490,1,north_2/stop,1        lane 1 of station 717490 is this detector of ours
//              717491,,A12,1                  station 717491, all its lanes together, counts the link A12
//
//           `source` is the file's own name of the detector or station. `lane`, of layouts that have lanes, is its
//           number there; empty: all of them. `place` is a detector of the network, or a link: then what passes the
//           link's end over all its lanes. `factor` multiplies the counts. lane and factor may be left out.
//           Without a mapping file a source is the detector or the link that bears its name.
// CONTRACT  All or nothing; a problem names the file and its line.
// OWNERSHIP count_map_release frees. The network is kept.
// NOT HERE  The counts themselves (count_file.h).
#pragma once

#include "engine/base/memory.h"
#include "engine/model/network.h"

#define COUNT_LANE_ALL (-1)

struct count_place {
    int32_t source;                   // in count_map.sources
    int32_t lane;                     // or COUNT_LANE_ALL
    int32_t detector, link;           // one of them, the other INDEX_NONE
    double factor;
    int32_t next;                     // place of the same source, or INDEX_NONE
};

struct count_map {
    const struct network *network;
    struct names sources;
    LIST_OF(struct count_place) places;
    LIST_OF(int32_t) first;           // of each source
};

MUST_USE enum status count_map_read(const char *path, const struct network *network, struct count_map *ret,
                                    struct problem *problem);

// Every detector and every link under its own name; where both have one, the detector.
void count_map_by_name(const struct network *network, struct count_map *ret);
void count_map_release(struct count_map *map);

// The first place of a source, or INDEX_NONE.
int32_t count_map_find(const struct count_map *map, const char *source);
