// street_checkpoint.h: the whole state of a street as bytes, and back.
//
// THEORY    By lane and by path, vehicle by vehicle from the front, each with its trip and route; by link those who
//           wait to enter; then those not yet due and those whose results nobody took. Not where any of it lies in
//           storage: a street with another number of threads or another instruction set goes on from it to the same
//           bytes.
// CONTRACT  street_load wants a street just made, with the network, types, seed, step and begin of the one that was
//           saved: anything else is STATUS_VERSION, what cannot be a street STATUS_RANGE; in both cases the street is
//           of no more use than to be released.
// OWNERSHIP The caller owns sink and source.
// NOT HERE  Files and their checksum (sim/loop/checkpoint.h).
#pragma once

#include "engine/base/byte_stream.h"
#include "sim/traffic/street.h"

void street_save(const struct street *street, struct byte_sink *sink);
MUST_USE enum status street_load(struct street *street, struct byte_source *source, struct problem *problem);
