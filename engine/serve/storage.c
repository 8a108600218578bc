#include "engine/serve/storage.h"

#include <assert.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/serve/city_clock.h"
#include "engine/serve/journal.h"

#define QUESTION_BYTES 1024

// One watched descriptor. A handle of its own for each connection: the last one may still be closing.
struct watch {
    struct storage *storage;
    uv_poll_t poll;
};

struct storage {
    struct storage_options options;
    struct store *store;
    struct redis *redis;
    struct watch *watch;
    uv_timer_t timer;
    uv_getaddrinfo_t lookup;
    bool looking, stopping;
    bool lost, drop;                  // to be closed, but not inside a callback of the library
    bool asking, told;                // the connection is to a sentinel; it has told who the master is
    int32_t sentinel;                 // the one to ask
    struct host_port master;
    struct commands question;
    char cause[160];
    uv_poll_cb on_ready;              // the callbacks of the loop, which stand below
    uv_getaddrinfo_cb on_looked_up;
    uv_timer_cb on_timer;
};

static void on_watch_closed(uv_handle_t *handle)
{
    struct watch *watch = handle->data;
    free(watch);
}

static void watch_drop(struct storage *storage)
{
    if (storage->watch != NULL) {
        uv_poll_stop(&storage->watch->poll);
        uv_close((uv_handle_t *)&storage->watch->poll, on_watch_closed);
        storage->watch = NULL;
    }
}

// The library says what it wants to be woken for.
static void on_watch(void *owner, int descriptor, bool read, bool write)
{
    struct storage *storage = owner;
    if (!read && !write && storage->watch == NULL) {
        return;
    }
    if (storage->watch == NULL) {
        storage->watch = memory_take(1, sizeof *storage->watch);
        storage->watch->storage = storage;
        int result = uv_poll_init(storage->options.loop, &storage->watch->poll, descriptor);
        assert(result == 0);
        storage->watch->poll.data = storage->watch;
    }
    int events = (read ? UV_READABLE : 0) | (write ? UV_WRITABLE : 0);
    if (events == 0) {
        uv_poll_stop(&storage->watch->poll);
    } else {
        uv_poll_start(&storage->watch->poll, events, storage->on_ready);
    }
}

// Says and sends. What is to be closed is closed by settle(), outside of the library's callbacks.
static void carry_out(struct storage *storage, const struct store_actions *actions)
{
    if (actions->said != NULL) {
        journal(actions->alarm ? JOURNAL_ALARM : JOURNAL_NOTE, "%s", actions->said);
    }
    if (actions->close) {
        storage->drop = true;
    } else if (actions->send != NULL && storage->redis != NULL) {
        redis_send(storage->redis, actions->send);
    }
}

// A sentinel of the list: who is the master now?
static void ask_sentinel(struct storage *storage)
{
    static const char *const WORDS[] = { "SENTINEL", "get-master-addr-by-name" };
    commands_clear(&storage->question);
    commands_begin(&storage->question);
    commands_word(&storage->question, WORDS[0]);
    commands_word(&storage->question, WORDS[1]);
    commands_word(&storage->question, storage->options.address.name);
    commands_end(&storage->question);
    redis_send(storage->redis, &storage->question);
}

static void on_connected(void *owner)
{
    struct storage *storage = owner;
    struct store_actions actions;
    if (storage->asking) {
        ask_sentinel(storage);
        return;
    }
    store_connected(storage->store, monotonic_ms(), &actions);
    carry_out(storage, &actions);
}

static void on_lost(void *owner, const char *cause)
{
    struct storage *storage = owner;
    storage->lost = true;
    snprintf(storage->cause, sizeof storage->cause, "%s%.140s", storage->asking ? "sentinel: " : "", cause);
    if (storage->asking) {
        storage->asking = false;
        storage->sentinel = (storage->sentinel + 1) % storage->options.address.sentinel_count;
    }
}

// Its answer: host and port of the master.
static void sentinel_answered(struct storage *storage, const struct answer *answer)
{
    char port[8];
    const struct answer *host = answer->element, *number = answer->element + 1;
    if (answer->kind != ANSWER_LIST || answer->count != 2 || host->kind != ANSWER_TEXT || number->kind != ANSWER_TEXT
        || host->bytes >= (int32_t)sizeof storage->master.host || number->bytes >= (int32_t)sizeof port) {
        on_lost(storage, "it does not know the master");
        return;
    }
    snprintf(storage->master.host, sizeof storage->master.host, "%.*s", (int)host->bytes, host->text);
    snprintf(port, sizeof port, "%.*s", (int)number->bytes, number->text);
    storage->master.port = (int)strtol(port, NULL, 10);
    storage->asking = false;
    storage->told = true;
    storage->drop = true;
}

static void on_answer(void *owner, const struct answer *answer)
{
    struct storage *storage = owner;
    struct store_actions actions;
    if (storage->asking) {
        sentinel_answered(storage, answer);
    } else if (!storage->drop && !storage->lost) {
        store_answer(storage->store, monotonic_ms(), answer, &actions);
        carry_out(storage, &actions);
    }
}

static void open_connection(struct storage *storage, const char *host, int port)
{
    const struct store_address *to = &storage->options.address;
    bool by_path = to->kind == STORE_UNIX || to->kind == STORE_EMBEDDED;
    struct redis_address address = { .path = by_path ? to->path : NULL, .host = host, .port = port };
    struct redis_hooks hooks = { .owner = storage, .watch = on_watch, .connected = on_connected, .lost = on_lost,
        .answer = on_answer };
    struct problem problem;
    if (redis_open(&address, &hooks, &storage->redis, &problem) != STATUS_OK) {
        storage->redis = NULL;
        on_lost(storage, problem.text);
    }
}

static void begin_connection(struct storage *storage)
{
    const struct store_address *to = &storage->options.address;
    if (to->kind != STORE_TCP && to->kind != STORE_SENTINEL) {
        open_connection(storage, NULL, 0);
        return;
    }
    if (storage->looking) {
        return;   // The last look-up is still under way; its answer will serve.
    }
    struct addrinfo wish = { .ai_socktype = SOCK_STREAM };
    const char *host = to->kind == STORE_SENTINEL ? to->sentinels[storage->sentinel].host : to->host;
    storage->lookup.data = storage;
    storage->looking = uv_getaddrinfo(storage->options.loop, &storage->lookup, storage->on_looked_up, host, NULL,
                                      &wish) == 0;
    if (!storage->looking) {
        on_lost(storage, "the host name cannot be looked up");
    }
}

// Everything that follows from what has happened; then the timer.
static void settle(struct storage *storage)
{
    struct store_actions actions;
    for (int turn = 0; turn < 8 && !storage->stopping; turn++) {
        if (storage->lost || storage->drop) {
            bool lost = storage->lost;
            storage->lost = false;
            storage->drop = false;
            redis_close(storage->redis);
            storage->redis = NULL;
            watch_drop(storage);
            if (storage->told && !lost && store_state(storage->store) == STORE_CONNECTING) {
                open_connection(storage, storage->master.host, storage->master.port);
            }
            if (storage->asking && !storage->told) {   // It did not answer in time.
                storage->sentinel = (storage->sentinel + 1) % storage->options.address.sentinel_count;
            }
            storage->told = false;
            storage->asking = false;
            if (lost) {
                store_lost(storage->store, monotonic_ms(), storage->cause, &actions);
                actions.close = false;   // Done already.
                carry_out(storage, &actions);
            }
        }
        store_tick(storage->store, monotonic_ms(), &actions);
        carry_out(storage, &actions);
        if (actions.connect) {
            begin_connection(storage);
        }
        if (!storage->lost && !storage->drop) {
            break;
        }
    }
    if (!storage->stopping) {
        int64_t wait_ms = store_wake_ms(storage->store) - monotonic_ms();
        uv_timer_start(&storage->timer, storage->on_timer, wait_ms > 1 ? (uint64_t)wait_ms : 1, 0);
    }
}

static void on_ready(uv_poll_t *poll, int result, int events)
{
    struct watch *watch = poll->data;
    struct storage *storage = watch->storage;
    if (storage->redis == NULL || storage->watch != watch) {
        return;
    }
    // On an error both are delivered: the library's own system call then meets it.
    bool broken = result < 0;
    redis_ready(storage->redis, broken || (events & UV_READABLE) != 0, broken || (events & UV_WRITABLE) != 0);
    settle(storage);
}

static void on_looked_up(uv_getaddrinfo_t *lookup, int result, struct addrinfo *found)
{
    struct storage *storage = lookup->data;
    char host[NI_MAXHOST];
    storage->looking = false;
    if (storage->stopping) {
        uv_freeaddrinfo(found);
        return;
    }
    if (result != 0 || found == NULL) {
        on_lost(storage, result != 0 ? uv_strerror(result) : "no address");
    } else if (getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof host, NULL, 0, NI_NUMERICHOST) != 0) {
        on_lost(storage, "the host's address cannot be written");
    } else if (store_state(storage->store) == STORE_CONNECTING && storage->redis == NULL) {
        const struct store_address *to = &storage->options.address;
        storage->asking = to->kind == STORE_SENTINEL;
        open_connection(storage, host, storage->asking ? to->sentinels[storage->sentinel].port : to->port);
    }
    uv_freeaddrinfo(found);
    settle(storage);
}

static void on_timer(uv_timer_t *timer)
{
    settle(timer->data);
}

void storage_start(const struct storage_options *options, struct storage **ret)
{
    struct storage *storage = memory_take(1, sizeof *storage);
    storage->options = *options;
    storage->on_ready = on_ready;
    storage->on_looked_up = on_looked_up;
    storage->on_timer = on_timer;
    commands_create(&storage->question, QUESTION_BYTES);
    store_create(options->network, &options->store, &storage->store);
    uv_timer_init(options->loop, &storage->timer);
    storage->timer.data = storage;
    *ret = storage;
    settle(storage);
}

struct store *storage_store(struct storage *storage)
{
    return storage->store;
}

void storage_poke(struct storage *storage)
{
    settle(storage);
}

void storage_stop(struct storage *storage)
{
    storage->stopping = true;
    redis_close(storage->redis);
    storage->redis = NULL;
    watch_drop(storage);
    uv_close((uv_handle_t *)&storage->timer, NULL);
    if (storage->looking) {
        uv_cancel((uv_req_t *)&storage->lookup);
    }
}

void storage_release(struct storage *storage)
{
    if (storage != NULL) {
        store_release(storage->store);
        commands_release(&storage->question);
        free(storage);
    }
}
