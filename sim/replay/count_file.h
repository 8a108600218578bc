// count_file.h: counts of detectors as road authorities export them.
//
// THEORY    Told apart by content, plain or packed by gzip:
//
//             PeMS, 30 s      no header: MM/DD/YYYY HH:MM:SS, station, then flow, occupancy, speed of each lane
//             PeMS, 5 min     no header: time, station, district, freeway, direction, lane type, length, samples,
//                             % observed, total flow, occupancy, speed, then samples, flow, occupancy, speed, observed
//                             of each lane. A flow is vehicles in the interval, a time the interval's begin [PeMS]
//             UTD19           day, interval (s since midnight), detid, flow (veh/h), error, city … [Loder2019]
//             SUMO            <interval begin= end= id= nVehContrib=/> of induction loops; nVehLeft or nVehEntered of
//                             areas
//             Intergreen      begin_s, end_s, detector, vehicles: what `intergreen sim --out` writes
//
//           Of UTD19 the interval's length is not told: it is the least step between two rows of a detector. What a
//           file says is missing or guessed (empty, % observed 0, error 1) is left out. Lanes of PeMS are numbered from
//           the median; a mapping with an empty lane takes them all.
// CONTRACT  Rows of sources that the map does not know are counted and passed over. A problem names file and line.
// OWNERSHIP count_file_release frees. The map is borrowed during the call.
// NOT HERE  Periods (counts.h).
#pragma once

#include "sim/replay/count_map.h"

enum count_layout { COUNTS_PEMS_30_S, COUNTS_PEMS_5_MIN, COUNTS_UTD19, COUNTS_SUMO, COUNTS_INTERGREEN };

struct count_row {
    int32_t place;                    // of the map
    int64_t begin_ms, end_ms;         // on the file's own clock, as if it were UTC
    double vehicles;
};

struct count_file {
    enum count_layout layout;
    LIST_OF(struct count_row) rows;   // by place, then by time
    int64_t rows_read, rows_missing, rows_foreign;   // foreign: of sources that the map does not know
    int32_t places;                   // with counts
    int64_t begin_ms, end_ms;         // of all rows
};

MUST_USE enum status count_file_read(const char *path, const struct count_map *map, struct count_file *ret,
                                     struct problem *problem);
void count_file_release(struct count_file *file);

// "PeMS, 30 s" and so on.
const char *count_layout_name(enum count_layout layout);
