// settings.h: everything that the daemon can be told, with its defaults and its ranges.
//
// CONTRACT  Pure data. settings_default gives values with which `network` alone is missing.
// OWNERSHIP Texts are borrowed from whoever filled the struct (engine/config.h) for as long as the daemon runs.
// NOT HERE  Where the values come from (engine/config.h), what each means to an operator (docs/configuration.md).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"
#include "engine/tls/tls.h"

#define LISTEN_COUNT_MAX 16
#define REGION_STRATEGY_COUNT_MAX 256
#define ADDITIONAL_COUNT_MAX 64
#define LOOP_COUNT_MAX 64
#define LEADS_COUNT_MAX 64

enum listen_kind { LISTEN_TCP, LISTEN_UNIX };

struct listen_address {
    enum listen_kind kind;
    char text[256];                   // as it was given
    char host[128];                   // LISTEN_TCP; numeric, or a name
    int port;                         // LISTEN_TCP; 0: any free one
    char path[256];                   // LISTEN_UNIX
    bool local;                       // nobody from another machine can reach it
    bool tls;                         // LISTEN_TCP
};

#define SENTINEL_COUNT_MAX 5

enum store_kind { STORE_EMBEDDED, STORE_TCP, STORE_UNIX, STORE_SENTINEL, STORE_NONE };

struct host_port {
    char host[128];
    int port;
};

struct store_address {
    enum store_kind kind;
    char text[256];                   // for the log: without the password
    char host[128];
    int port, database;
    char path[256];
    char user[64], password[128];     // "" without
    struct host_port sentinels[SENTINEL_COUNT_MAX];   // STORE_SENTINEL: whom to ask for the master of `name`
    int32_t sentinel_count;
    char name[64];
};

struct region_strategy { const char *region, *strategy; };

struct limits {
    int32_t connections;              // sessions at once
    int32_t frame_bytes;              // longest frame
    int32_t names;                    // detectors, cameras and intersections in a hello
    int32_t hello_ms;                 // from the connection to the hello
    int32_t partial_ms;               // from a frame's first byte to its last
    int32_t silence_ms;               // without a frame; 0: for ever
    int32_t strikes;                  // refused messages until a session is ended
    int32_t write_queue_bytes;        // that a peer may leave unread
    int32_t readings_per_step;        // rows that one loop holds between two steps
    int32_t events_per_step;          // reports and requests that one loop holds between two steps
};

struct settings {
    const char *city;                 // name in Redis; NULL: from the network's file name
    const char *network, *site;
    const char *additional[ADDITIONAL_COUNT_MAX];
    int32_t additional_count;
    double intergreen_s;              // < 0: the site's own
    const char *strategy;
    struct region_strategy regions[REGION_STRATEGY_COUNT_MAX];
    int32_t region_count;
    struct listen_address listen[LISTEN_COUNT_MAX];
    int32_t listen_count;
    struct listen_address http;       // port < 0: off
    bool http_off;
    struct tls_files tls;             // of the addresses with `tls`; certificate NULL: none
    struct store_address store;
    const char *redis_server;         // program of the embedded store
    const char *state_folder;
    const char *recordings;           // folder; NULL: nothing is recorded
    int32_t recordings_mib_max;       // the oldest are deleted beyond; 0: no limit
    const char *registry;             // file of identities, or NULL
    bool parted;                      // leads a part of the city: one of the two lists below was given
    const char *leads[LEADS_COUNT_MAX];           // this daemon's own regions
    const char *stands_in_for[LEADS_COUNT_MAX];   // regions that it takes over when nobody leads them
    int32_t leads_count, stands_in_count;
    const char *address;              // where others find it; NULL: the first of `listen`
    bool standby;                     // of a pair: leads only while the lease in the store is its own
    bool console_operates;            // overrides may be set from the page
    bool lockstep;                    // a simulator may own the clock
    bool unapproved;                  // controllers elsewhere may play intersections whose site data nobody approved
    int32_t threads;                  // of the compute team; 0: one per core
    int32_t loops;                    // I/O threads
    int32_t step_ms, solve_latency_ms, status_age_ms;
    int32_t store_connect_ms, store_answer_ms, store_retry_ms_min, store_retry_ms_max, store_restore_ms;
    int32_t lease_ms;                 // of a pair
    int32_t store_minutes;            // entries kept in each stream of counts
    int32_t stop_ms;                  // for a clean end
    struct limits limits;
};

struct settings settings_default(void);

// "127.0.0.1:7411", "[::1]:7411", "tls:0.0.0.0:7413", "unix:PATH" into *ret. STATUS_SYNTAX with what is wrong.
MUST_USE enum status listen_address_read(const char *text, struct listen_address *ret, struct problem *problem);

// "embedded", "none", "unix:PATH", "redis://[[user]:password@]host[:port][/db]",
// "sentinel://[[user]:password@]host[:port][,...]/name[/db]".
MUST_USE enum status store_address_read(const char *text, struct store_address *ret, struct problem *problem);
