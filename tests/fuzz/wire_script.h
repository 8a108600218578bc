// wire_script.h: turns a fuzzer's bytes into a stream of frames, so that it gets past the front door.
//
// THEORY    Pure noise dies at the first length. Here the noise is read as a script; each step is
//
//               kind (1)   argument (1, for most)       0 .. 0x3f   a good frame of that kind (modulo), by its seed
//                                                       0x40 ..     as many of the bytes that follow, as they are
//                                                       0x80 ..     a byte of what was written so far is overwritten
//                                                       0xc0 ..     the stream is cut short by some bytes
// CONTRACT  Same bytes, same stream.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "tests/engine/wire_samples.h"

#define SCRIPT_STREAM_BYTES (1 << 18)

// Gives the length of the stream written to `stream` (SCRIPT_STREAM_BYTES of room).
size_t script_play(const uint8_t *data, size_t bytes, uint8_t *stream);

// Aborts unless these bytes are whole frames that their codecs take: what a machine of ours writes must always be.
void script_check_written(const uint8_t *at, size_t count, struct arena *arena);
