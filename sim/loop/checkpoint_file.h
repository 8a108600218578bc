// checkpoint_file.h: a checkpoint on the disk: whole, as it was written, or not at all.
//
// THEORY    bytes  0 ..  7   "IGCHECK1"
//                  8 .. 15   length of what follows the head
//                 16 .. 23   its fingerprint (engine/base/hash.h)
//                 24 ..      closed_loop_save, then what the caller added
//           It is written beside its place, brought to the disk and then renamed: a fall of the machine leaves the old
//           file or the new one.
// CONTRACT  checkpoint_read refuses with STATUS_SYNTAX what is cut, longer or damaged, or no checkpoint.
// OWNERSHIP *ret_bytes is given; to be freed.
#pragma once

#include "engine/base/byte_stream.h"
#include "engine/base/status.h"

MUST_USE enum status checkpoint_write(const char *path, const struct byte_sink *sink, struct problem *problem);
MUST_USE enum status checkpoint_read(const char *path, uint8_t **ret_bytes, size_t *ret_count,
                                     struct problem *problem);
