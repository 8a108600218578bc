// store.h: what is written to Redis and when, and what becomes of its answers. No socket, no client library.
//
// THEORY    The newest state of each intersection is kept here as a row. A row that differs from what was last written
//           is written at the next chance, so nothing queues up however long Redis is away: a newer row takes the place
//           of an older one. Only the one-minute counts are history; they wait in a ring of STORE_MINUTE_COUNT_MAX.
//
//           AWAY ──due──▶ CONNECTING ──▶ GREETING ──▶ RESTORING ──▶ READY ──▶ FENCING ──▶ WRITING
//            ▲                           AUTH, SELECT  MGET plans,    ▲        WATCH and    MULTI ... EXEC
//            │                           GET epoch     first time     │        GET epoch        │
//            └── lost, no answer in time, denied, read-only ──────────┴─────────────────────────┘
//
//           Each write is one transaction that holds only while the epoch in the store is ours (WATCH): of two daemons
//           on one store the older epoch writes nothing. Where the epoch in the store is older than ours or gone
//           (FLUSHALL, a fail-over that lost writes) everything is written again.
//
//           Two daemons, one city. Who leads holds a lease, a key that expires lease_ms after it was last written and
//           is written again every quarter of that. Who follows looks at it every eighth; once it has been free for a
//           third of lease_ms, so that a leader whose lease was lost with other writes can renew it, the follower may
//           take over: it reads the plans again, and leads with a greater epoch. Where the connection is new and never
//           showed the lease held, it waits as long as a leader may take to come back to a store that was away.
//
//           READY ──store_follow──▶ LOOKING ──▶ READY            READY ──store_read_again──▶ RESTORING ──▶ READY
//                      ╰── something crossed ──▶ FETCHING ──╯
//
//           A region of a city is a store of its own: its keys, its lease, its epoch, its intersections alone, under a
//           hash tag of its own. What its sensors see at its borders is written with its state, in the same
//           transaction, hence by whoever leads it and nobody else; those who follow the region fetch it. The daemon
//           whose own region another leads may claim it: the other, if it only stands in, gives it up.
//
//           keys, CITY being the city's name (in braces, so that a Redis Cluster keeps a city together):
//             intergreen:{CITY}:epoch                 "number.daemon" of the daemon that leads
//             intergreen:{CITY}:lease                 the same, of the daemon that holds the lease; expires
//             intergreen:{CITY}:daemon                hash: what the daemon does, renewed every step
//             intergreen:{CITY}:intersection:NAME     hash of readable fields (state_fields.h)
//             intergreen:{CITY}:plan:NAME             the plan in force, protobuf (intergreen.v1.Plan)
//             intergreen:{CITY}:minutes:NAME          stream: one-minute counts by detector and camera
//             intergreen:{CITY}:changes               channel: {"time_ms":..., "changed":["NAME", ...]}
//           and of a region, where CITY above is "CITY/REGION":
//             intergreen:{CITY/REGION}:leader         address of the daemon that leads it
//             intergreen:{CITY/REGION}:boundary       list, the newest first: readings at its borders (frames of wire)
//             intergreen:{CITY/REGION}:boundary_at    number of the newest of these
//             intergreen:{CITY/REGION}:claim          address of the daemon whose own region it is and that wants it
// CONTRACT  Pure: time and the seed of the jitter are handed in; the caller owns the connection and does what the
//           actions say. now_ms is a monotonic clock; time_ms is the city's.
// OWNERSHIP The store keeps the network. actions->send is borrowed until the next call.
// NOT HERE  Sockets (redis.h), the embedded server (engine/serve), the epoch's own file (engine/serve).
#pragma once

#include "engine/store/answer.h"
#include "engine/store/commands.h"
#include "engine/store/state_fields.h"

#define STORE_MINUTE_COUNT_MAX 15         // minutes of counts that wait while Redis is away
#define STORE_PROBLEM_BYTES_MAX 256
#define STORE_BOUNDARY_COUNT_MAX 16       // steps whose readings at the borders wait, and are kept
#define STORE_BOUNDARY_BYTES_MAX (256u << 10)   // of one step
#define STORE_ADDRESS_BYTES_MAX 256

struct store;

// One plan as it is kept: the fields for people, the bytes for programs.
struct store_plan {
    struct field_plan plan;
    const uint8_t *bytes;                 // intergreen.v1.Plan
    size_t byte_count;
};

struct store_epoch { uint32_t number, daemon; };

struct store_options {
    const char *city;
    const char *user, *password;          // NULL without
    int32_t database;                     // 0: no SELECT
    int32_t connect_ms_max;               // without a connection after this: try anew
    int32_t answer_ms_max;                // without an answer after this the server counts as stalled
    int32_t retry_ms_min, retry_ms_max;   // back-off, doubled each time, with jitter of +-25 %
    int32_t minute_length_max;            // entries kept in each stream of counts
    size_t batch_bytes_max;               // of one transaction
    int32_t lease_ms;                     // 0: no lease is written
    bool regional;                        // the store of a region of the network, not of the whole city
    int32_t region;
    const char *address;                  // where this daemon is reached, told to others; NULL: not told
    int32_t patience_ms;                  // longer than else a lease that was never seen held must be free
    bool claims;                          // this daemon's own region: claimed where another leads it
    bool yields;                          // it only stands in: gives the region up to who claims it
    uint64_t jitter_seed;
    void *owner;                          // handed to the two below
    // A plan that was found in the store at the start. bytes are untrusted.
    void (*restored)(void *owner, int32_t intersection, const uint8_t *bytes, size_t byte_count);
    // The plan in force; false when there is none. The bytes need to live until the next call of this function.
    bool (*plan)(void *owner, int32_t intersection, struct store_plan *ret);
    // What another that leads this region saw at its borders, the oldest first; it may come twice. bytes are untrusted.
    // NULL: not asked for.
    void (*boundary)(void *owner, const uint8_t *bytes, size_t byte_count);
};

enum store_state {
    STORE_AWAY, STORE_CONNECTING, STORE_GREETING, STORE_RESTORING, STORE_READY, STORE_FENCING, STORE_WRITING,
    STORE_LOOKING, STORE_FETCHING,
};

struct store_actions {
    bool connect, close;                  // open a connection; drop it. close comes first
    const struct commands *send;          // to be sent in this order, or NULL; tags below
    const char *said;                     // a sentence for the log, or NULL
    bool alarm;                           // it needs a person
};

// The daemon's own line.
struct store_daemon {
    const char *strategy, *mode;          // mode: live | lockstep
    int64_t time_ms, steps, plans, readings;
    int32_t connections, step_us;
};

struct store_counts {
    int64_t connects, losses, batches, commands, errors[ANSWER_CLASS_COUNT], minutes_dropped, fenced, rebuilt;
    int64_t boundaries_written, boundaries_dropped, boundaries_taken;
};

void store_create(const struct network *network, const struct store_options *options, struct store **ret);
void store_release(struct store *store);

// The daemon leads as this epoch from now on: writing may begin. What was restored before is not asked for again.
void store_lead(struct store *store, struct store_epoch epoch);

// Another leads it: nothing is written from now on; to be followed by store_follow.
void store_leave(struct store *store);

// Readings at the borders of one step, number rising. Copied. The oldest that waits is dropped, and counted, when there
// is no room.
void store_offer_boundary(struct store *store, uint64_t number, const uint8_t *bytes, size_t byte_count);

// Whether the daemon whose own region this is asks for it; only where `yields`.
bool store_claimed(const struct store *store);

// The address of who leads, as last looked at; "" when nobody is known to.
const char *store_leader(const struct store *store);

// The lease is looked at, until store_lead. And: is it free, so that this daemon may take over?
void store_follow(struct store *store);
bool store_lease_free(const struct store *store, int64_t now_ms, struct store_epoch *ret_holder);

// Plans and epoch are asked for anew: store_restored is false until they are there.
void store_read_again(struct store *store);

// While false the lease is not renewed: an engine that stands still does not lead. And: it is given up at the next
// write.
void store_hold_lease(struct store *store, bool hold);
void store_resign(struct store *store);

// The newest state; versions are those of the plans in force. Copied. One entry per intersection.
void store_offer(struct store *store, const struct intersection_state *states, const struct plan_version *versions,
                 const struct store_daemon *daemon);

// Counts of the minute that began at minute_ms: detectors, then cameras; -1 without data. Copied. The oldest waiting
// minute is dropped, and counted, when there is no room.
void store_offer_minute(struct store *store, int64_t minute_ms, const int32_t *counts);

// What happened to the connection, and the passing of time. `tick` is to be called at store_wake_ms at the latest, and
// after each offer.
void store_tick(struct store *store, int64_t now_ms, struct store_actions *ret);
void store_connected(struct store *store, int64_t now_ms, struct store_actions *ret);
void store_lost(struct store *store, int64_t now_ms, const char *cause, struct store_actions *ret);
void store_answer(struct store *store, int64_t now_ms, const struct answer *answer, struct store_actions *ret);

int64_t store_wake_ms(const struct store *store);
enum store_state store_state(const struct store *store);
const char *store_state_name(enum store_state state);

// Whether the plans and the epoch of the store have been read since the start; and the epoch found, {0} without.
bool store_restored(const struct store *store, struct store_epoch *ret);

// Whether the store's epoch is newer than ours: another daemon leads there. Nothing is written. ret may be NULL.
bool store_fenced(const struct store *store, struct store_epoch *ret);

// Whether everything offered is written.
bool store_settled(const struct store *store);

const struct store_counts *store_counts(const struct store *store);
