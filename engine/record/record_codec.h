// record_codec.h: what the brain was told and what it answered, as records (proto/recording.proto), and back.
//
// THEORY    Events are recorded in the order in which the brain was told them; a step carries a fingerprint of the
//           plans that it gave, and they follow it. Feeding the events to a brain that was made as the header says
//           gives the same plans to the byte.
//           A controller's report mostly follows from its last one: the same lamps, older by the time between. Such a
//           report costs a bit (report_memory below); a city's reports would otherwise be the largest part of its day.
//           So do readings of loops that tell each second (loop_memory.h).
// CONTRACT  Writers append whole records (varint length, bytes) and grow their memory as needed. Readers bear any bytes
//           and take no memory but what is stated.
// OWNERSHIP record_writer_release frees. What is read borrows the record's bytes, or lies in the caller's memory.
// NOT HERE  Chunks and files (recording.h), when to write what (recorder.h).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/memory.h"
#include "engine/brain.h"
#include "engine/record/loop_memory.h"
#include "engine/wire/plan_codec.h"
#include "engine/wire/report_codec.h"
#include "engine/wire/varint.h"

#define RECORD_FORMAT 2             // 1: loops always in full; still read
#define RECORD_NAME_BYTES_MAX 256
#define RECORD_REGION_COUNT_MAX 256

// Numbered as the members of Record.
enum record_kind {
    RECORD_HEADER = 1,
    RECORD_STEP = 2,
    RECORD_REPORTS = 3,
    RECORD_OVERRIDE = 4,
    RECORD_PRIORITY = 5,
    RECORD_LINK_DOWN = 6,
    RECORD_RESTORE = 7,
    RECORD_PLAN = 8,
    RECORD_ALARM = 9,
    RECORD_SNAPSHOT = 10,
    RECORD_KIND_COUNT,
};

const char *record_kind_name(enum record_kind kind);

// ---- writing ----

struct record_writer {
    uint8_t *at;                      // records, one after the other
    size_t used, capacity;
    uint8_t *scratch;
    size_t scratch_capacity;
};

void record_writer_release(struct record_writer *writer);

// How a brain was made.
struct record_header {
    uint64_t network_hash;
    char network[RECORD_NAME_BYTES_MAX];      // file it was loaded from, or ""
    char software[64];
    int64_t begin_ms;
    char strategy[STRATEGY_NAME_BYTES_MAX];
    int32_t region_count;                     // 0: every region has the city's strategy
    char region_strategy[RECORD_REGION_COUNT_MAX][STRATEGY_NAME_BYTES_MAX];
    uint32_t epoch, daemon;
    int32_t solve_latency_ms, status_age_ms_max;
    uint64_t regions_led;                     // bit r: the brain leads region r; 0: the whole city
};

void record_put_header(struct record_writer *writer, int64_t now_ms, const struct record_header *header);

// A step and its plans. seen may be NULL.
void record_put_step(struct record_writer *writer, int64_t now_ms, uint64_t sequence, struct loop_memory *memory,
                     const struct observation_columns *seen, const struct plan *plans, int32_t plan_count);

// What each controller said last; one per intersection. Both sides keep one and forget it where a block begins.
struct report_memory {
    struct controller_report *last;
    bool *known;
    int32_t count;
    LIST_OF(struct controller_report) told;   // by a writer: those of a record that do not follow from their last ones
    LIST_OF(uint8_t) foreseen;                // and which do
};

void report_memory_create(struct report_memory *memory, int32_t intersection_count);
void report_memory_release(struct report_memory *memory);
void report_memory_forget(struct report_memory *memory);

// Reports told one after the other at now_ms.
void record_put_reports(struct record_writer *writer, int64_t now_ms, struct report_memory *memory,
                        const struct controller_report *reports, int32_t count);

// Overrides, priorities, links that went down, restored plans. Other events are not for it.
void record_put_event(struct record_writer *writer, const struct event *event, bool accepted);
void record_put_alarm(struct record_writer *writer, int64_t now_ms, int32_t intersection, bool raised,
                      const char *text);
void record_put_snapshot(struct record_writer *writer, int64_t now_ms, const uint8_t *bytes, size_t count);

// ---- reading ----

struct record {
    enum record_kind kind;
    int64_t now_ms;
    struct cursor body;
};

// STATUS_SYNTAX: not a record. STATUS_UNKNOWN: one of a later version, to be passed over.
MUST_USE enum status record_open(struct cursor bytes, struct record *ret);

MUST_USE enum status record_get_header(struct cursor body, struct record_header *ret);

struct record_step {
    bool seen;                        // the step was told readings
    struct observation_columns rows;  // they: borrowed from the buffer, or loops from the memory, until the next step
    int32_t plan_count;
    uint64_t plans_hash;
};

// The buffer is emptied first, and made larger where it has no room. The network says which indices there are.
MUST_USE enum status record_get_step(struct cursor body, const struct network *network, struct loop_memory *memory,
                                     struct observation_buffer *buffer, struct record_step *ret);

// The reports of a record one by one, in their order. STATUS_UNKNOWN: that was the last. What is given is borrowed from
// the memory until the next call. The body is kept until the end.
struct report_stream {
    struct report_memory *memory;
    int64_t now_ms;
    struct cursor intersections, times, foreseen;
    bool any_told;
    struct report_reader reader;
    struct controller_report stray;   // of no intersection that the memory has
};

MUST_USE enum status report_stream_open(struct report_stream *stream, struct cursor body, int64_t now_ms,
                                        struct report_memory *memory);
MUST_USE enum status report_stream_next(struct report_stream *stream, const struct controller_report **ret);

// All of them at once: *ret has room for as many as the record has, and grows.
struct report_list {
    struct controller_report *at;
    int32_t count, capacity;
};

MUST_USE enum status record_get_reports(struct cursor body, int64_t now_ms, struct report_memory *memory,
                                        struct report_list *ret);

// The event of an override, a priority, a lost link or a restored plan; texts, routes and greens in *store.
struct record_event_store {
    struct override override;
    struct priority priority;
    int32_t route[1024];
    struct plan plan;
    struct green greens[PLAN_GREEN_COUNT_MAX];
};

MUST_USE enum status record_get_event(const struct record *record, struct record_event_store *store,
                                      struct event *ret);

struct record_alarm {
    int32_t intersection;             // or INDEX_NONE
    bool raised;
    char text[PROBLEM_BYTES_MAX];
};

MUST_USE enum status record_get_alarm(struct cursor body, struct record_alarm *ret);
MUST_USE enum status record_get_snapshot(struct cursor body, struct cursor *ret);

// The fingerprint of a step's plans: goes on from `hash` (HASH_SEED at the start) over one more.
uint64_t record_plan_hash(uint64_t hash, const struct plan *plan);
