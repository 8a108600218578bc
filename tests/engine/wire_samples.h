// wire_samples.h: messages of every kind made from a seed, for tests and for the fuzzers' corpus.
//
// CONTRACT  Same seed, same bytes. Every sample keeps the limits that its codec's header states.
// OWNERSHIP What a sample points to is static storage, until the next sample of the kind.
#pragma once

#include "engine/wire/client.h"
#include "engine/wire/session.h"

uint64_t sample_bits(uint64_t seed, uint64_t draw);

void sample_hello(uint64_t seed, enum role role, struct hello *ret);
void sample_welcome(uint64_t seed, struct welcome *ret);
void sample_error(uint64_t seed, struct wire_error *ret);
void sample_plan(uint64_t seed, struct green *greens, struct plan *ret);
void sample_report(uint64_t seed, int32_t intersection, int32_t group_count, struct controller_report *ret);
void sample_fallback(uint64_t seed, struct fallback_table *ret);
void sample_override(uint64_t seed, struct override_request *ret);
void sample_priority(uint64_t seed, struct priority_request *ret);
void sample_status(uint64_t seed, struct city_status *ret);

// Fills the buffer with believable rows of detectors and cameras 0 .. count - 1, ending at end_ms or a little before.
void sample_observations(uint64_t seed, int32_t loops, int32_t edges, int32_t cameras, int64_t end_ms,
                         struct observation_buffer *ret);

// One frame of the kind; FRAME_HELLO .. FRAME_AUDIT_PAGE.
MUST_USE enum status sample_frame(uint64_t seed, enum frame_kind kind, struct frame_writer *out);

// Decodes a message of the kind with its codec, whatever comes of it.
enum status sample_decode(enum frame_kind kind, struct cursor message, struct arena *arena, const char **ret_field);
