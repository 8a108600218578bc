#include "engine/store/commands.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

void commands_create(struct commands *commands, size_t bytes_max)
{
    *commands = (struct commands){ .block = memory_take(bytes_max, 1), .bytes_max = bytes_max };
}

void commands_release(struct commands *commands)
{
    free(commands->block);
    *commands = (struct commands){ 0 };
}

void commands_clear(struct commands *commands)
{
    commands->used = 0;
    commands->count = 0;
    commands->full = false;
}

static void put(struct commands *commands, const void *data, size_t bytes)
{
    if (commands->word_count < 0) {
        return;   // the command does not fit already
    }
    if (bytes > commands->bytes_max - commands->used) {
        commands->word_count = -1;
        return;
    }
    if (bytes > 0) {
        memcpy(commands->block + commands->used, data, bytes);
    }
    commands->used += bytes;
}

void commands_begin(struct commands *commands)
{
    commands->begin = commands->used;
    commands->word_count = 0;
    uint32_t count = 0;
    put(commands, &count, sizeof count);
}

void commands_bytes(struct commands *commands, const void *data, size_t bytes)
{
    assert(commands->word_count < COMMAND_WORD_COUNT_MAX);
    uint32_t length = (uint32_t)bytes;
    put(commands, &length, sizeof length);
    put(commands, data, bytes);
    if (commands->word_count >= 0) {
        commands->word_count++;
    }
}

void commands_word(struct commands *commands, const char *text)
{
    commands_bytes(commands, text, strlen(text));
}

void commands_number(struct commands *commands, int64_t number)
{
    char text[24];
    int bytes = snprintf(text, sizeof text, "%" PRId64, number);
    commands_bytes(commands, text, (size_t)bytes);
}

bool commands_end(struct commands *commands)
{
    if (commands->word_count < 0) {
        commands->used = commands->begin;
        commands->full = true;
        return false;
    }
    assert(commands->word_count > 0);
    uint32_t count = (uint32_t)commands->word_count;
    memcpy(commands->block + commands->begin, &count, sizeof count);
    commands->count++;
    return true;
}

bool commands_next(const struct commands *commands, size_t *cursor, struct command *ret)
{
    if (*cursor >= commands->used) {
        return false;
    }
    uint32_t count, length;
    memcpy(&count, commands->block + *cursor, sizeof count);
    *cursor += sizeof count;
    ret->word_count = (int32_t)count;
    for (uint32_t i = 0; i < count; i++) {
        memcpy(&length, commands->block + *cursor, sizeof length);
        *cursor += sizeof length;
        ret->word[i] = (const char *)commands->block + *cursor;
        ret->word_bytes[i] = length;
        *cursor += length;
    }
    return true;
}
