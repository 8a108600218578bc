#include "sim/loop/rule_line.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES_MAX = 4096 };

enum status rule_bad(const struct rule_line *line, const char *remedy, const char *what, const char *word)
{
    char place[32];
    (void)snprintf(place, sizeof place, "line %d", line->number);
    return problem_report(line->problem, STATUS_SYNTAX, line->source, line->number > 0 ? place : NULL, remedy,
                          "%s '%.80s'", what, word);
}

bool rule_word(struct rule_line *line, char *word)
{
    const char *at = line->at + strspn(line->at, " \t\r\n");
    if (*at == '\0' || *at == '#') {
        line->at = at;
        return false;
    }
    bool quoted = *at == '"';
    at += quoted;
    size_t bytes = strcspn(at, quoted ? "\"" : " \t\r\n");
    (void)snprintf(word, RULE_WORD_BYTES, "%.*s", (int)(bytes < RULE_WORD_BYTES ? bytes : RULE_WORD_BYTES - 1), at);
    at += bytes;
    line->at = at + (quoted && *at == '"');
    return true;
}

enum status rule_number(struct rule_line *line, const char *after, double least, double most, double *ret)
{
    char word[RULE_WORD_BYTES] = "";
    char *end = word;
    double value = rule_word(line, word) ? strtod(word, &end) : 0.0;
    if (end == word || *end != '\0' || !(value >= least && value <= most)) {
        char remedy[96];
        (void)snprintf(remedy, sizeof remedy, "write a number from %g to %g after it", least, most);
        return rule_bad(line, remedy, "no number fits", after);
    }
    *ret = value;
    return STATUS_OK;
}

enum status rule_file_read(const char *path, const char *what,
                           enum status (*take)(struct rule_line *line, void *user), void *user,
                           struct problem *problem)
{
    char remedy[96];
    (void)snprintf(remedy, sizeof remedy, "name %s", what);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return problem_report(problem, STATUS_IO, path, NULL, remedy, "cannot be read: %s", strerror(errno));
    }
    char text[LINE_BYTES_MAX];
    enum status status = STATUS_OK;
    for (int32_t number = 1; status == STATUS_OK && fgets(text, sizeof text, file) != NULL; number++) {
        struct rule_line line = { .source = path, .at = text, .number = number, .problem = problem };
        status = take(&line, user);
    }
    if (status == STATUS_OK && ferror(file)) {
        status = problem_report(problem, STATUS_IO, path, NULL, remedy, "cannot be read: %s", strerror(errno));
    }
    (void)fclose(file);
    return status;
}
