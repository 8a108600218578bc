// rule_line.h: files of rules that a person writes, one a line: words, quotes, numbers, comments.
//
// CONTRACT  A problem names the file and the line. Pure but for reading the file.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"

#define RULE_WORD_BYTES 512

struct rule_line {
    const char *source, *at;
    int32_t number;                    // 0: no line of a file
    struct problem *problem;
};

// A problem at this line: what it is, and the word that it is about.
enum status rule_bad(const struct rule_line *line, const char *remedy, const char *what, const char *word);

// The next word, without quotes, into RULE_WORD_BYTES; false at the line's end or at a comment.
bool rule_word(struct rule_line *line, char *word);

// The number after the word `after`.
MUST_USE enum status rule_number(struct rule_line *line, const char *after, double least, double most, double *ret);

// Gives each line of a file to `take`. what: of the file, for a person ("a file of sensor faults").
MUST_USE enum status rule_file_read(const char *path, const char *what,
                                    enum status (*take)(struct rule_line *line, void *user), void *user,
                                    struct problem *problem);
