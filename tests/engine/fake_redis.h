// fake_redis.h: as much of Redis as the store needs, in memory, with faults to order.
//
// THEORY    Keys hold strings, hashes, lists or the count of a stream's entries, all as rows (key, field, value). MULTI
//           queues, EXEC runs; WATCH makes EXEC give nothing when a watched key was changed from outside since.
// CONTRACT  One test at a time; bounded by named limits, an assert beyond them.
#pragma once

#include "engine/store/store.h"

#define FAKE_ROW_COUNT_MAX 1024
#define FAKE_COMMAND_COUNT_MAX 4096

struct fake_row { char key[96], field[48], value[5000]; int32_t bytes; };

struct fake_redis {
    struct fake_row rows[FAKE_ROW_COUNT_MAX];
    int32_t row_count;
    char published[FAKE_COMMAND_COUNT_MAX / 16][256];
    int32_t published_count;
    bool in_multi, watched_changed, aborted;
    const char *refuse_writes;        // error that writes get, or NULL
    const char *refuse_all;           // error that everything gets, or NULL
    int32_t transactions, writes;     // EXECs that ran; commands in them
    bool deaf;                        // takes commands and never answers
};

// Runs the store until it is quiet: does what its actions say, answers what it sends, at now_ms. What it said goes to
// `said` (all sentences; empty without). Gives how many batches of commands were answered.
int fake_redis_run(struct fake_redis *fake, struct store *store, int64_t now_ms, char *said, size_t said_bytes);

// The value of a field (of a string: field ""), or NULL.
const char *fake_redis_get(const struct fake_redis *fake, const char *key, const char *field);

// Changes a key from outside, as another client would.
void fake_redis_set(struct fake_redis *fake, const char *key, const char *field, const char *value);
void fake_redis_clear(struct fake_redis *fake);
