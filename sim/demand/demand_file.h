// demand_file.h: our own demand file: written once in order of departure, read block by block.
//
// THEORY    The magic, one DemandHeader, then TripBlocks of proto/network.proto, each preceded by its length as a
//           varint.
//
//              IGDEM\x01\r\n │ length │ DemandHeader │ length │ TripBlock │ length │ TripBlock │ ...
//
//           A route is its first link and, wherever a link has several successors, the position of the next one among
//           them in one byte: a day of a million trips is some tens of megabytes, and no route can have a gap.
// CONTRACT  Memory is bounded by one block, whatever the file's length. The header binds the file to its roads by
//           network_roads_hash. A block that is cut or contradictory ends the reading (STATUS_SYNTAX). What is read
//           equals what was written.
// OWNERSHIP Each _open/_create gives, each _close/_release takes. Rows are borrowed until the next call.
// NOT HERE  Begin, scale, numbers (demand.c).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/model/network.h"
#include "sim/demand/demand.h"
#include "sim/demand/router.h"
#include "sim/traffic/street.h"

#define DEMAND_FILE_BLOCK_TRIPS 4096 // in one block, as written; a reader takes up to DEMAND_FILE_BLOCK_BYTES_MAX
#define DEMAND_FILE_BLOCK_BYTES_MAX (16 << 20)

// One trip. The links are borrowed.
struct demand_trip {
    int64_t depart_ms;
    int32_t type, link_count;
    const int32_t *links;
    int32_t depart_speed_mmps, depart_front_mm;
    int8_t depart_lane;
};

struct demand_writer;

// Begins a file. begin_ms and end_ms may be DEMAND_TIME_NONE. The router gives the successors; it is kept until close.
MUST_USE enum status demand_writer_create(const struct network *network, const struct router *router, const char *path,
                                          const struct vehicle_type *types, int32_t type_count, int64_t begin_ms,
                                          int64_t end_ms, struct demand_writer **ret, struct problem *problem);

// Appends a trip: connected, of a known type, not before the one before it; else STATUS_RANGE.
MUST_USE enum status demand_writer_add(struct demand_writer *writer, const struct demand_trip *trip,
                                       struct problem *problem);

// Ends the file; nothing is left behind under its name unless all went well. Always takes the writer.
MUST_USE enum status demand_writer_close(struct demand_writer *writer, struct problem *problem);
void demand_writer_abandon(struct demand_writer *writer);

struct demand_file;

MUST_USE enum status demand_file_open(const struct network *network, const char *path, struct demand_file **ret,
                                      struct problem *problem);
void demand_file_close(struct demand_file *file);

const struct vehicle_type *demand_file_types(const struct demand_file *file, int32_t *ret_count);
int64_t demand_file_begin_ms(const struct demand_file *file);   // or DEMAND_TIME_NONE
int64_t demand_file_end_ms(const struct demand_file *file);

// The next trip, or NULL at the end. *ret_forbidden is true when its type's users may not drive its route.
MUST_USE enum status demand_file_next(struct demand_file *file, const struct demand_trip **ret, bool *ret_forbidden,
                                      struct problem *problem);
int64_t demand_file_trip_index(const struct demand_file *file);   // of the last one given, from 0
