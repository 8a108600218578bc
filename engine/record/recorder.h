// recorder.h: a day as it happens: what the brain is told and what it answers, into chunks and blocks.
//
// THEORY    Whoever calls brain_step calls recorder_told right after it. Records gather until a second is full, then
//           they go to a *sink* as one chunk. Every RECORDER_BLOCK_MS a new block begins: it opens with a header (how
//           the brain was made) and a snapshot of the brain, so that a replay can enter the day there, and segments
//           can be checked in parallel. A brain that has just been made needs no snapshot.
//
//             recorder_begin ──▶ header │ reports step plans │ … ─5 min─▶ header snapshot │ reports step plans │ …
//
// CONTRACT  One thread at a time. Takes memory while its buffers grow to the largest second and snapshot seen, then no
//           more. A sink that has no room says so: the seconds of that chunk are lost, counted, and the next one
//           begins a block with a snapshot of its own.
// OWNERSHIP recorder_release frees. The network is kept until then; brains and events are borrowed during a call.
// NOT HERE  Files (recording_folder.h), threads (engine/serve).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/brain.h"

#define RECORDER_BLOCK_MS 300000
#define RECORDER_CHUNK_MS 1000

struct recorder_sink {
    void *owner;
    // Whole records of some time. begins_file: they belong to a file of their own; begins_block: they can be read
    // without those before. false: no room, the records are lost.
    bool (*put)(void *owner, const uint8_t *records, size_t bytes, int64_t first_ms, int64_t last_ms, bool begins_file,
                bool begins_block);
};

struct recorder;

void recorder_create(const struct network *network, const char *network_name, struct recorder_sink sink,
                     struct recorder **ret);

// Hands the last records to the sink, and frees.
void recorder_release(struct recorder *recorder);

// From now on this brain is told. fresh: it has been told nothing yet. A new file begins.
void recorder_begin(struct recorder *recorder, struct brain *brain, const struct brain_options *options, int64_t now_ms,
                    bool fresh);

// The brain was told this event and answered so.
void recorder_told(struct recorder *recorder, struct brain *brain, const struct event *event,
                   const struct actions *actions);

// Raised or cleared, for the city or one intersection (or INDEX_NONE).
void recorder_alarm(struct recorder *recorder, int64_t now_ms, int32_t intersection, bool raised, const char *text);

// Chunks that the sink had no room for.
int64_t recorder_lost(const struct recorder *recorder);
