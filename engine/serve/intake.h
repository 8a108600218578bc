// intake.h: what one loop has taken in since the engine last looked: readings, and everything else in its order.
//
// THEORY    Two halves of each kind. The loop fills one; the compute thread takes it by exchanging the two, under a
//           lock that either holds for moments: neither waits for the other's work.
//
//             loop ── fills ──▶ [ rows ]  ◀── exchange ──▶  [ rows ] ── frozen, sorted ──▶ brain
// CONTRACT  intake_lock .. intake_unlock round every filling call and round the use of intake_rows. Taking: the compute
//           thread alone. Everything has a bound; what has no room is refused to the caller, who counts it.
// OWNERSHIP What was taken is borrowed by the compute thread until it takes again.
// NOT HERE  Whether a reading is believable (engine/wire), what it means (engine/estimate).
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/memory.h"
#include "engine/brain.h"
#include "engine/model/observation.h"
#include "engine/wire/session.h"

// A connection, named so that it can be gone: loop, slot, and how many connections the slot has had.
struct peer { int32_t loop, slot; uint32_t generation; };

enum intake_kind {
    INTAKE_REPORT,              // report
    INTAKE_OVERRIDE,            // override, request
    INTAKE_PRIORITY,            // priority (its route: first_route), request
    INTAKE_LINK_DOWN,           // intersection
    INTAKE_SIMULATOR_BEGIN,     // simulator: a fresh engine for this peer
    INTAKE_CLOCK,               // clock_ms: all of the peer's readings up to it lie in the rows
    INTAKE_SIMULATOR_END,
};

struct intake_simulator {
    char strategy[STRATEGY_NAME_BYTES_MAX];   // "": the daemon's own
    int64_t begin_ms;
    int32_t solve_latency_ms;
};

struct intake_event {
    enum intake_kind kind;
    struct peer peer;
    uint32_t request;
    int32_t first_route;
    union {
        struct controller_report report;
        struct override override;
        struct priority priority;
        struct intake_simulator simulator;
        int32_t intersection;
        int64_t clock_ms;
    };
};

// The good rows of one batch, where they lie in the rows.
struct intake_batch {
    uint32_t source;
    uint64_t sequence;
    int32_t loops, edges, cameras;
};

struct intake_rows {
    struct observation_buffer buffer;
    LIST_OF(struct intake_batch) batches;
};

struct intake_events {
    LIST_OF(struct intake_event) list;
    LIST_OF(int32_t) routes;
};

struct intake {
    pthread_mutex_t mutex;
    struct intake_rows rows[2];
    struct intake_events events[2];
    int filling_rows, filling_events;    // 0 or 1
    int32_t event_count_max;
};

// Room for row_count_max loop readings, and in proportion for the others; never less than two rounds of the network.
void intake_create(struct intake *intake, const struct network *network, int32_t row_count_max,
                   int32_t event_count_max);
void intake_release(struct intake *intake);

void intake_lock(struct intake *intake);
void intake_unlock(struct intake *intake);

// Where a session's readings go.
struct observation_buffer *intake_buffer(struct intake *intake);

// Notes the batch whose rows were appended last.
void intake_batch_done(struct intake *intake, uint32_t source, const struct reading_result *readings);

// false: no room. The route of a priority is copied.
bool intake_event_add(struct intake *intake, const struct intake_event *event);

// Exchanges the halves; what comes back was filled since the last time. The rows come with their buffer.
struct intake_events *intake_take_events(struct intake *intake);
struct intake_rows *intake_take_rows(struct intake *intake);
