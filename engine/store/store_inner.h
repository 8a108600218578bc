// store_inner.h: what the files of the store share, and nobody else includes.
//
// NOT HERE  What the store promises (store.h).
#pragma once

#include "engine/store/changes.h"
#include "engine/store/store.h"

#define KEY_BYTES_MAX 1024
#define BATCH_BYTES_RESERVED 32768        // kept free for what ends a batch

struct minute {
    int64_t minute_ms;
    int32_t *counts;
};

// Readings at the borders that wait to be written.
struct crossing {
    uint64_t number;
    uint8_t *bytes;
    size_t byte_count, capacity;
};

struct store {
    const struct network *network;
    struct store_options options;
    char *city, *user, *password, *address;
    int32_t *members;                     // intersections, rising
    int32_t member_count;
    enum store_state state;
    int64_t wake_ms;
    int64_t progress_ms;                  // when the server last answered, or was first asked
    int32_t awaiting;                     // answers still to come
    int32_t retry_count;
    uint64_t draws;                       // of the jitter

    bool leads, fenced, epoch_written;
    struct store_epoch epoch, epoch_found;
    bool restored, read_again;
    int32_t restore_cursor;

    bool follows, lease_withheld, resigns;
    bool abandoned;                       // what is under way was begun while we still led
    bool lease_seen_held;                 // on this connection
    struct store_epoch lease_holder;      // as last looked at; {0}: free
    int64_t lease_written_ms, lease_looked_ms;
    int64_t lease_free_since_ms;          // INT64_MAX: it is held, or has not been looked at on this connection

    struct field_row *now, *written;      // by member
    uint8_t *valid;                       // by member: written[m] is what the store holds
    bool offered;                         // something may differ
    int32_t cursor;                       // where the next batch begins to look
    int32_t *batch;                       // members in the batch under way
    int32_t batch_count;
    int32_t batch_minutes;                // members whose minute is in the batch

    int64_t time_ms;                      // of the newest offer
    struct store_daemon daemon;
    char strategy[64], mode[16];
    bool daemon_offered;

    struct minute minutes[STORE_MINUTE_COUNT_MAX];
    int32_t minute_first, minute_count;
    int32_t minute_cursor;                // member within the oldest minute
    int32_t count_columns;                // detectors + cameras
    int32_t *sensor, *sensor_first;       // sensors by member; the last group: those that serve no intersection

    struct crossing crossings[STORE_BOUNDARY_COUNT_MAX];
    int32_t crossing_first, crossing_count, batch_crossings;
    uint64_t boundary_at, boundary_taken; // as last looked at; the newest that was taken
    bool boundary_begun;                  // boundary_taken is one
    bool claimed;
    char leader[STORE_ADDRESS_BYTES_MAX];

    enum answer_class held;               // first error of the pipeline under way
    enum answer_class trouble;            // what the log last said; GOOD: all is well
    bool away_said;
    int64_t away_since_ms;
    struct commands commands;
    char said[STORE_PROBLEM_BYTES_MAX];
    struct changes changes;
    struct store_counts counts;
};


// store_put.c: what a store keeps, and its commands.
void store_members_fill(struct store *store);
void store_key(const struct store *store, const char *what, int32_t intersection, char *key);
void store_put_epoch(struct store *store);
void store_put_lease(struct store *store, int64_t now_ms);
void store_put_daemon(struct store *store);
void store_put_boundary(struct store *store);
void store_put_minutes(struct store *store);

// One row: its hash and, where it is new, its plan. false: no room in this batch.
bool store_put_row(struct store *store, int32_t member);

// store.c: sends the commands that lie ready; their answers are awaited in that state.
void store_send(struct store *store, int64_t now_ms, enum store_state state, struct store_actions *ret);

// store_boundary.c: LOOKING -> FETCHING, as many as are new; FETCHING -> READY, the oldest told first.
void store_fetch_boundary(struct store *store, int64_t now_ms, struct store_actions *ret);
void store_fetched_boundary(struct store *store, const struct answer *answer, int64_t now_ms);
