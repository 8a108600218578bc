// network_file.h: our own network file: a magic, a version, and one intergreen.v1 Network message
// (proto/network.proto).
//
// CONTRACT  What is loaded equals what was saved (same network.hash). A file that is cut, altered, of another version
//           or contradictory is refused whole, with what to do.
// NOT HERE  Trips (sim/demand), which share the form of the magic.
#pragma once

#include <stddef.h>

#include "engine/model/network.h"

#define NETWORK_FILE_MAGIC_BYTES 8
#define NETWORK_FILE_MAGIC "IGNET\x01\r\n"     // the sixth byte is the version
#define DEMAND_FILE_MAGIC "IGDEM\x01\r\n"

MUST_USE enum status network_file_save(const struct network *network, const char *path, struct problem *problem);
MUST_USE enum status network_file_load(const char *path, struct network *ret, struct problem *problem);

// The same from the file's bytes, any bytes; path is for messages alone.
MUST_USE enum status network_file_parse(const uint8_t *image, size_t bytes, const char *path, struct network *ret,
                                        struct problem *problem);
