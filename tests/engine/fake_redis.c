#include "tests/engine/fake_redis.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_COUNT_MAX 4096

static struct answer answers[ANSWER_COUNT_MAX], elements[ANSWER_COUNT_MAX];

static struct answer done(const char *text)
{
    return (struct answer){ .kind = ANSWER_DONE, .text = text, .bytes = (int32_t)strlen(text) };
}

static struct answer error(const char *text)
{
    return (struct answer){ .kind = ANSWER_ERROR, .text = text, .bytes = (int32_t)strlen(text) };
}

static struct fake_row *find(const struct fake_redis *fake, const char *key, const char *field)
{
    for (int32_t i = 0; i < fake->row_count; i++) {
        const struct fake_row *row = &fake->rows[i];
        if (strcmp(row->key, key) == 0 && strcmp(row->field, field) == 0) {
            return (struct fake_row *)(uintptr_t)row;
        }
    }
    return NULL;
}

static void put(struct fake_redis *fake, const char *key, const char *field, const char *value, size_t bytes)
{
    struct fake_row *row = find(fake, key, field);
    if (row == NULL) {
        assert(fake->row_count < FAKE_ROW_COUNT_MAX);
        row = &fake->rows[fake->row_count++];
        snprintf(row->key, sizeof row->key, "%s", key);
        snprintf(row->field, sizeof row->field, "%s", field);
    }
    assert(bytes < sizeof row->value);
    memcpy(row->value, value, bytes);
    row->value[bytes] = '\0';
    row->bytes = (int32_t)bytes;
}

static void word(const struct command *command, int32_t i, char *text, size_t room)
{
    snprintf(text, room, "%.*s", (int)command->word_bytes[i], command->word[i]);
}

static bool is(const struct command *command, const char *name)
{
    return command->word_bytes[0] == strlen(name) && memcmp(command->word[0], name, strlen(name)) == 0;
}

static struct answer get(const struct fake_redis *fake, const char *key)
{
    const struct fake_row *row = find(fake, key, "");
    return row == NULL ? (struct answer){ .kind = ANSWER_NOTHING }
                       : (struct answer){ .kind = ANSWER_TEXT, .text = row->value, .bytes = row->bytes };
}

// A list's entries are rows "#0", "#1", ..., the newest first.
static void list_push(struct fake_redis *fake, const char *key, const struct command *command)
{
    char field[48];
    int32_t count = 0;
    do {
        snprintf(field, sizeof field, "#%d", count++);
    } while (find(fake, key, field) != NULL);
    for (int32_t i = count - 1; i > 0; i--) {
        char before[48];
        snprintf(before, sizeof before, "#%d", i - 1);
        snprintf(field, sizeof field, "#%d", i);
        const struct fake_row row = *find(fake, key, before);
        put(fake, key, field, row.value, (size_t)row.bytes);
    }
    put(fake, key, "#0", command->word[2], command->word_bytes[2]);
}

static struct answer list_range(const struct fake_redis *fake, const struct command *command)
{
    char key[96], last[16], field[48];
    word(command, 1, key, sizeof key);
    word(command, 3, last, sizeof last);
    int32_t count = 0, upto = (int32_t)strtol(last, NULL, 10);
    for (const struct fake_row *row; count <= upto; count++) {
        snprintf(field, sizeof field, "#%d", count);
        row = find(fake, key, field);
        if (row == NULL) {
            break;
        }
        elements[count] = (struct answer){ .kind = ANSWER_TEXT, .text = row->value, .bytes = row->bytes };
    }
    return (struct answer){ .kind = ANSWER_LIST, .element = elements, .count = count };
}

// One write, as EXEC runs it.
static struct answer write_one(struct fake_redis *fake, const struct command *command)
{
    char key[96], field[48];
    word(command, 1, key, sizeof key);
    fake->writes++;
    if (is(command, "SET")) {
        put(fake, key, "", command->word[2], command->word_bytes[2]);
        return done("OK");
    }
    if (is(command, "DEL")) {
        put(fake, key, "", "", 0);   // An empty string stands for a key that is gone.
        return (struct answer){ .kind = ANSWER_NUMBER, .number = 1 };
    }
    if (is(command, "HSET")) {
        for (int32_t i = 2; i + 1 < command->word_count; i += 2) {
            word(command, i, field, sizeof field);
            put(fake, key, field, command->word[i + 1], command->word_bytes[i + 1]);
        }
        return (struct answer){ .kind = ANSWER_NUMBER, .number = (command->word_count - 2) / 2 };
    }
    if (is(command, "XADD")) {
        const struct fake_row *row = find(fake, key, "entries");
        char count[16];
        snprintf(count, sizeof count, "%d", row == NULL ? 1 : 1 + (row->value[0] - '0'));
        put(fake, key, "entries", count, strlen(count));
        for (int32_t i = 6; i + 1 < command->word_count; i += 2) {
            word(command, i, field, sizeof field);
            put(fake, key, field, command->word[i + 1], command->word_bytes[i + 1]);
        }
        return (struct answer){ .kind = ANSWER_TEXT, .text = "1-0", .bytes = 3 };
    }
    if (is(command, "LPUSH")) {
        list_push(fake, key, command);
        return (struct answer){ .kind = ANSWER_NUMBER, .number = 1 };
    }
    if (is(command, "LTRIM")) {
        return done("OK");
    }
    assert(is(command, "PUBLISH"));
    assert(fake->published_count < (int32_t)(sizeof fake->published / sizeof fake->published[0]));
    word(command, 2, fake->published[fake->published_count++], sizeof fake->published[0]);
    return (struct answer){ .kind = ANSWER_NUMBER, .number = 0 };
}

// EXEC: the writes of this pipeline, from the MULTI on.
static struct answer exec(struct fake_redis *fake, const struct commands *sent)
{
    struct command command;
    size_t cursor = 0;
    int32_t count = 0;
    bool inside = false;
    fake->in_multi = false;
    if (fake->aborted) {
        return error("EXECABORT Transaction discarded because of previous errors.");
    }
    if (fake->watched_changed) {
        return (struct answer){ .kind = ANSWER_NOTHING };
    }
    fake->transactions++;
    while (commands_next(sent, &cursor, &command)) {
        if (inside && !is(&command, "EXEC")) {
            assert(count < ANSWER_COUNT_MAX);
            elements[count++] = write_one(fake, &command);
        }
        inside = inside || is(&command, "MULTI");
    }
    return (struct answer){ .kind = ANSWER_LIST, .element = elements, .count = count };
}

static struct answer answer_one(struct fake_redis *fake, const struct commands *sent, const struct command *command)
{
    char key[96];
    if (fake->refuse_all != NULL) {
        return error(fake->refuse_all);
    }
    if (is(command, "EXEC")) {
        return exec(fake, sent);
    }
    if (fake->in_multi) {
        if (fake->refuse_writes != NULL) {
            fake->aborted = true;
            return error(fake->refuse_writes);
        }
        return done("QUEUED");
    }
    if (is(command, "MULTI")) {
        fake->in_multi = true;
        fake->aborted = false;
        return done("OK");
    }
    if (is(command, "WATCH")) {
        fake->watched_changed = false;
        return done("OK");
    }
    if (is(command, "MGET")) {
        for (int32_t i = 1; i < command->word_count; i++) {
            word(command, i, key, sizeof key);
            elements[i - 1] = get(fake, key);
        }
        return (struct answer){ .kind = ANSWER_LIST, .element = elements, .count = command->word_count - 1 };
    }
    if (is(command, "GET")) {
        word(command, 1, key, sizeof key);
        return get(fake, key);
    }
    if (is(command, "LRANGE")) {
        return list_range(fake, command);
    }
    if (is(command, "SET")) {
        return write_one(fake, command);
    }
    assert(is(command, "AUTH") || is(command, "SELECT"));
    return done("OK");
}

// Answers a pipeline; what follows from the last answer is in *ret.
static void answer_all(struct fake_redis *fake, struct store *store, const struct commands *sent, int64_t now_ms,
                       struct store_actions *ret)
{
    struct command command;
    size_t cursor = 0;
    int32_t count = 0;
    while (commands_next(sent, &cursor, &command)) {
        assert(count < ANSWER_COUNT_MAX);
        answers[count++] = answer_one(fake, sent, &command);
    }
    for (int32_t i = 0; i < count; i++) {
        store_answer(store, now_ms, &answers[i], ret);
    }
}

int fake_redis_run(struct fake_redis *fake, struct store *store, int64_t now_ms, char *said, size_t said_bytes)
{
    int batches = 0;
    struct store_actions actions;
    said[0] = '\0';
    store_tick(store, now_ms, &actions);
    for (int turn = 0; turn < 1000; turn++) {
        if (actions.said != NULL) {
            size_t used = strlen(said);
            snprintf(said + used, said_bytes - used, "%s%s\n", actions.alarm ? "ALARM " : "", actions.said);
        }
        if (actions.connect) {
            store_connected(store, now_ms, &actions);
        } else if (actions.send != NULL && !fake->deaf) {
            answer_all(fake, store, actions.send, now_ms, &actions);
            batches++;
        } else if (store_state(store) == STORE_READY && !actions.close && store_wake_ms(store) <= now_ms) {
            store_tick(store, now_ms, &actions);
        } else {
            return batches;
        }
    }
    assert(false);   // It never rests.
    return batches;
}

const char *fake_redis_get(const struct fake_redis *fake, const char *key, const char *field)
{
    const struct fake_row *row = find(fake, key, field);
    return row == NULL ? NULL : row->value;
}

void fake_redis_set(struct fake_redis *fake, const char *key, const char *field, const char *value)
{
    put(fake, key, field, value, strlen(value));
    fake->watched_changed = true;
}

void fake_redis_clear(struct fake_redis *fake)
{
    fake->row_count = 0;
    fake->published_count = 0;
}
