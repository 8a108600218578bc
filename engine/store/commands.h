// commands.h: Redis commands on their way out, packed one after the other in one bounded block.
//
// THEORY    A command is a count of words, then each word as length and bytes. The block is taken once; a command that
//           does not fit is left out whole and `full` says so.
// CONTRACT  commands_begin, words, commands_end. Reading: start with cursor 0.
// OWNERSHIP The struct owns its block; words given out are borrowed until the next commands_clear or commands_begin.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COMMAND_WORD_COUNT_MAX 300

struct commands {
    uint8_t *block;
    size_t used, bytes_max;
    size_t begin;              // of the command that is being written
    int32_t count, word_count;
    bool full;                 // something did not fit since the last clear
};

struct command {
    int32_t word_count;
    const char *word[COMMAND_WORD_COUNT_MAX];
    size_t word_bytes[COMMAND_WORD_COUNT_MAX];
};

void commands_create(struct commands *commands, size_t bytes_max);
void commands_release(struct commands *commands);
void commands_clear(struct commands *commands);

void commands_begin(struct commands *commands);
void commands_word(struct commands *commands, const char *text);
void commands_bytes(struct commands *commands, const void *data, size_t bytes);
void commands_number(struct commands *commands, int64_t number);

// false, and the command is forgotten, when it did not fit.
bool commands_end(struct commands *commands);

// The next command; false at the end.
bool commands_next(const struct commands *commands, size_t *cursor, struct command *ret);
