// storage.h: the store's shell: one connection to Redis on the main loop, its descriptor, its timer.
//
// THEORY    Does what store_actions says (engine/store/store.h), and nothing of its own. Host names are looked up by
//           the loop's resolver at each connection, since a fail-over may move them.
// CONTRACT  The main thread.
// OWNERSHIP storage_start gives, storage_stop lets the handles close; storage_release after the loop has ended.
// NOT HERE  Starting a server (embedded.h).
#pragma once

#include <uv.h>

#include "engine/serve/settings.h"
#include "engine/store/redis.h"
#include "engine/store/store.h"

struct storage;

struct storage_options {
    uv_loop_t *loop;
    const struct network *network;
    struct store_options store;
    struct store_address address;         // STORE_EMBEDDED: path is the embedded server's socket
};

void storage_start(const struct storage_options *options, struct storage **ret);
struct store *storage_store(struct storage *storage);

// Something was offered, or the server is there again: look now.
void storage_poke(struct storage *storage);
void storage_stop(struct storage *storage);
void storage_release(struct storage *storage);
