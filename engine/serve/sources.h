// sources.h: who sends readings: a number for each, and how far each has counted.
//
// THEORY    A source keeps its number and its count over reconnections, so that readings sort the same and a batch that
//           was sent twice counts once. A peer without a name is a new source each time.
// CONTRACT  Any thread.
// OWNERSHIP Names are copied.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/serve/intake.h"

#define NAMED_SOURCE_COUNT_MAX 262144       // named sources; those beyond are treated as nameless

struct sources;

struct source_claim {
    uint32_t source;
    uint64_t sequence_after;
    int32_t entry;                    // INDEX_NONE: nameless
    bool superseded;                  // the same name had a session: `old`
    struct peer old;
};

void sources_create(struct sources **ret);
void sources_release(struct sources *sources);

// name is "" for a nameless peer.
void sources_claim(struct sources *sources, const char *name, struct peer peer, struct source_claim *ret);

// The session of this peer has ended, having counted up to sequence.
void sources_leave(struct sources *sources, int32_t entry, struct peer peer, uint64_t sequence);
