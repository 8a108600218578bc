#include "engine/store/redis.h"

#include <assert.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

#define ELEMENT_COUNT_MAX 65536       // of one answer; what lies beyond is not looked at

struct redis {
    redisAsyncContext *context;       // NULL once the library has freed it
    struct redis_hooks hooks;
    int descriptor;
    bool read, write;                 // what the library wants to be woken for
    bool dead;                        // `lost` was called
    bool closing;                     // in redis_close: nobody is called back
    LIST_OF(struct answer) elements;
};

static void watch(struct redis *redis, bool read, bool write)
{
    redis->read = read;
    redis->write = write;
    redis->hooks.watch(redis->hooks.owner, redis->descriptor, read, write);
}

static void read_add(void *owner)
{
    struct redis *redis = owner;
    watch(redis, true, redis->write);
}

static void read_drop(void *owner)
{
    struct redis *redis = owner;
    watch(redis, false, redis->write);
}

static void write_add(void *owner)
{
    struct redis *redis = owner;
    watch(redis, redis->read, true);
}

static void write_drop(void *owner)
{
    struct redis *redis = owner;
    watch(redis, redis->read, false);
}

// The library is about to close the descriptor.
static void watch_end(void *owner)
{
    struct redis *redis = owner;
    watch(redis, false, false);
}

static void die(struct redis *redis, const char *cause)
{
    if (!redis->dead && !redis->closing) {
        redis->dead = true;
        redis->hooks.lost(redis->hooks.owner, cause);
    }
}

static void on_connect(const redisAsyncContext *context, int status)
{
    struct redis *redis = context->data;
    if (status != REDIS_OK) {
        char cause[128];
        strncpy(cause, context->errstr != NULL ? context->errstr : "refused", sizeof cause - 1);
        cause[sizeof cause - 1] = '\0';
        redis->context = NULL;   // The library frees it after this call.
        die(redis, cause);
        return;
    }
    redis->hooks.connected(redis->hooks.owner);
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
    struct redis *redis = context->data;
    char cause[128];
    const char *text = context->err != 0 && context->errstr != NULL ? context->errstr : "closed";
    strncpy(cause, status == REDIS_OK ? "closed" : text, sizeof cause - 1);
    cause[sizeof cause - 1] = '\0';
    redis->context = NULL;
    die(redis, cause);
}

static struct answer answer_from(const redisReply *reply)
{
    struct answer answer = { .kind = ANSWER_NOTHING };
    switch (reply->type) {
    case REDIS_REPLY_STRING:
        answer.kind = ANSWER_TEXT;
        break;
    case REDIS_REPLY_STATUS:
        answer.kind = ANSWER_DONE;
        break;
    case REDIS_REPLY_ERROR:
        answer.kind = ANSWER_ERROR;
        break;
    case REDIS_REPLY_INTEGER:
        answer.kind = ANSWER_NUMBER;
        answer.number = reply->integer;
        break;
    case REDIS_REPLY_ARRAY:
        answer.kind = ANSWER_LIST;
        break;
    default:
        break;
    }
    if (answer.kind == ANSWER_TEXT || answer.kind == ANSWER_DONE || answer.kind == ANSWER_ERROR) {
        answer.text = reply->str;
        answer.bytes = (int32_t)reply->len;
    }
    return answer;
}

static void on_answer(redisAsyncContext *context, void *data, void *unused)
{
    struct redis *redis = context->data;
    const redisReply *reply = data;
    (void)unused;
    if (reply == NULL || redis->closing || redis->dead) {
        return;   // Torn down: nothing may be issued here, `lost` tells.
    }
    struct answer answer = answer_from(reply);
    redis->elements.count = 0;
    for (size_t i = 0; answer.kind == ANSWER_LIST && i < reply->elements && i < ELEMENT_COUNT_MAX; i++) {
        *GROW(redis->elements) = answer_from(reply->element[i]);
    }
    answer.element = redis->elements.at;
    answer.count = redis->elements.count;
    redis->hooks.answer(redis->hooks.owner, &answer);
}

enum status redis_open(const struct redis_address *address, const struct redis_hooks *hooks, struct redis **ret,
                       struct problem *problem)
{
    redisAsyncContext *context = address->path != NULL ? redisAsyncConnectUnix(address->path)
                                                       : redisAsyncConnect(address->host, address->port);
    const char *where = address->path != NULL ? address->path : address->host;
    if (context == NULL || context->err != 0) {
        enum status status = problem_report(problem, STATUS_UNREACHABLE, "store", where, NULL, "%s",
                                            context != NULL ? context->errstr : "out of memory");
        if (context != NULL) {
            redisAsyncFree(context);
        }
        return status;
    }
    struct redis *redis = memory_take(1, sizeof *redis);
    redis->context = context;
    redis->descriptor = context->c.fd;
    redis->hooks = *hooks;
    context->data = redis;
    context->ev.data = redis;
    context->ev.addRead = read_add;
    context->ev.delRead = read_drop;
    context->ev.addWrite = write_add;
    context->ev.delWrite = write_drop;
    context->ev.cleanup = watch_end;
    // The first asks for the write event that tells of the connection.
    redisAsyncSetConnectCallback(context, on_connect);
    redisAsyncSetDisconnectCallback(context, on_disconnect);
    *ret = redis;
    return STATUS_OK;
}

void redis_ready(struct redis *redis, bool readable, bool writable)
{
    // Either call may free the context: look again before the second.
    if (writable && redis->context != NULL && redis->write) {
        redisAsyncHandleWrite(redis->context);
    }
    if (readable && redis->context != NULL && redis->read) {
        redisAsyncHandleRead(redis->context);
    }
}

void redis_send(struct redis *redis, const struct commands *commands)
{
    struct command command;
    size_t cursor = 0;
    while (redis->context != NULL && !redis->dead && commands_next(commands, &cursor, &command)) {
        int result = redisAsyncCommandArgv(redis->context, on_answer, NULL, command.word_count, command.word,
                                           command.word_bytes);
        // A command that was not taken would shift every answer after it.
        if (result != REDIS_OK || redis->context->err != 0) {
            die(redis, "a command could not be queued");
        }
    }
}

void redis_close(struct redis *redis)
{
    if (redis == NULL) {
        return;
    }
    redis->closing = true;
    if (redis->context != NULL) {
        redisAsyncFree(redis->context);
    }
    free(redis->elements.at);
    free(redis);
}
