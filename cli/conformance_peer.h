// conformance_peer.h: one controller at the other end of a socket, and what it has said so far: the daemon's side of a
// session, played for `intergreen conformance`.
//
// CONTRACT  One thread; time is the wall clock in milliseconds, as controllers have it.
// OWNERSHIP peer_release closes and frees all.
#pragma once

#include "engine/wire/session.h"

enum { ACKNOWLEDGEMENTS_KEPT = 64, TABLES_KEPT = 8 };

struct peer {
    const struct network *network;
    int listener, socket;                 // socket: -1 while nobody is connected
    struct session session;
    struct arena arena;
    struct observation_buffer rows;
    uint8_t *out_bytes, in_bytes[65536];
    // What came.
    bool greeted, refused_hello;
    uint32_t epoch_seen;                  // of the Hello
    int32_t intersection;                 // the one under test, or INDEX_NONE until a Hello names it
    const char *wanted;                   // its name, or NULL: the first that the Hello names
    int32_t report_count;
    struct controller_report report;      // the last one
    int64_t report_ms;                    // when it came
    bool subscribed, asked;               // asked: a PlanRequest waits for its answer
    uint32_t request;
    int32_t answer_count;
    struct plan_acknowledgement answers[ACKNOWLEDGEMENTS_KEPT];   // text: not kept
    int32_t table_count;
    struct fallback_acknowledgement tables[TABLES_KEPT];
    int32_t refused_count;                // messages that broke the protocol
    char said[160];                       // the last of its words, or what was wrong
    // Watched in every report.
    bool watched;
    int64_t green_start_ms[GROUP_COUNT_MAX], green_end_ms[GROUP_COUNT_MAX];   // INT64_MIN: not known
    uint8_t aspect[GROUP_COUNT_MAX];
    char unsafe[160];                     // the first unsafe thing that it showed; "" so far
};

int64_t wall_ms(void);

MUST_USE enum status peer_listen(struct peer *peer, const char *address, const struct network *network,
                                 const char *wanted, struct problem *problem);
void peer_release(struct peer *peer);

// Lets the peer speak until the condition holds or the time is over. true: it holds.
bool peer_wait(struct peer *peer, int64_t until_ms, bool (*holds)(const struct peer *peer, int64_t value),
               int64_t value);

// Appends a plan or a table to what is sent; false when the link is gone.
bool peer_send_plan(struct peer *peer, const struct plan *plan);
bool peer_send_table(struct peer *peer, const struct fallback_table *table);

// Ends the connection without a word.
void peer_drop(struct peer *peer);

// The answer to a plan of that version, or NULL.
const struct plan_acknowledgement *peer_answer(const struct peer *peer, struct plan_version version);
