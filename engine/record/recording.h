// recording.h: the file of a recorded day: records in compressed chunks, chunks in blocks, an index at the end.
//
// THEORY    A *record* is some bytes (record_codec.h says what they mean). Records are gathered and, about once a
//           second, compressed and written as one *chunk*. A *block* is some minutes of chunks that share one stream
//           of zstd, so that a second is told by how it differs from those before it; each block can be read without
//           the others.
//
//             file header | chunk chunk chunk … | chunk chunk … | index | footer
//                         ╰──── block 0 ───────╯╰── block 1 ──╯   only when the file was closed
//
//           Each chunk has a head with its length, its times and a fingerprint of its bytes. What was written before a
//           `kill -9` is therefore readable, up to the last whole chunk. After a damaged chunk the rest of its block is
//           lost (its stream is broken); the next block is found by its head.
//           Numbers are little-endian. zstd: RFC 8878.
// CONTRACT  One thread at a time per writer and per stream; several streams of one recording may be read in parallel.
//           A file, however made, costs no more memory than RECORDING_CHUNK_BYTES_MAX per stream, and no crash.
// OWNERSHIP recording_open gives; recording_release takes; streams before it. Records are borrowed until the next call.
// NOT HERE  What a record says (record_codec.h), when a block begins (recorder.h).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"
#include "engine/wire/varint.h"

#define RECORDING_FORMAT 2
#define RECORDING_CHUNK_BYTES_MAX (1u << 30)   // of a chunk's records, uncompressed
#define RECORDING_SUFFIX ".igr"

// ---- writing ----

struct recording_writer;

// A new file; STATUS_IO when it exists or cannot be made.
MUST_USE enum status recording_create(const char *path, uint64_t network_hash, struct recording_writer **ret,
                                      struct problem *problem);

// The next chunk begins a new block: it can be read without what came before.
void recording_begin_block(struct recording_writer *writer);

// One chunk: whole records, each a varint length and its bytes. first_ms and last_ms are the times of its events.
MUST_USE enum status recording_put(struct recording_writer *writer, const uint8_t *records, size_t bytes,
                                   int64_t first_ms, int64_t last_ms, struct problem *problem);
int64_t recording_bytes(const struct recording_writer *writer);   // written so far

// Writes the index and closes. Frees the writer in any case.
MUST_USE enum status recording_close(struct recording_writer *writer, struct problem *problem);

// ---- reading ----

struct recording_block {
    int64_t first_ms, last_ms;        // of its events
    uint64_t offset, end;             // in the file
    int32_t chunk_count;
    uint64_t raw_bytes;               // of its records, uncompressed
};

struct recording {
    char *path;
    uint64_t network_hash;
    bool closed;                      // it ends with its index: nothing is missing at the end
    int32_t block_count;
    struct recording_block *blocks;
    int32_t damage_count;             // places at which bytes are not what they should be
    uint64_t damage_offset;           // the first of them
    uint64_t bytes;
    const uint8_t *map;               // the file
};

// Whether a file begins as a recording does, or is called one (*.igr).
bool recording_is(const char *path);

// STATUS_IO: it cannot be read. STATUS_SYNTAX: not a recording. STATUS_VERSION: of a later format.
MUST_USE enum status recording_open(const char *path, struct recording **ret, struct problem *problem);
void recording_release(struct recording *recording);

// The last block that begins at or before t, 0 when none does.
int32_t recording_find(const struct recording *recording, int64_t t_ms);

struct recording_stream;

struct recording_stream *recording_stream_open(const struct recording *recording, int32_t block);
void recording_stream_release(struct recording_stream *stream);

// To the beginning of another block, or of the same again; keeps the memory that the stream has.
void recording_stream_seek(struct recording_stream *stream, int32_t block);

// The next record of the block. STATUS_UNKNOWN: there is none. STATUS_SYNTAX: the rest of the block is damaged.
MUST_USE enum status recording_next(struct recording_stream *stream, struct cursor *ret);
