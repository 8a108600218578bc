#include "sim/loop/fault_plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model/units.h"

enum { WORD_BYTES_MAX = 512, LINE_BYTES_MAX = 4096, RULE_COUNT_MAX = 10000 };
static const double CLOCK_S_MAX = 1e10, DELAY_S_MAX = 3600.0, CHATTER_PER_S_MAX = 100.0;

struct line_reader {
    const char *source, *at;
    int32_t number;
    struct problem *problem;
};

static enum status bad(const struct line_reader *reader, const char *remedy, const char *what, const char *word)
{
    char place[32];
    (void)snprintf(place, sizeof place, "line %d", reader->number);
    return problem_report(reader->problem, STATUS_SYNTAX, reader->source, reader->number > 0 ? place : NULL, remedy,
                          "%s '%.80s'", what, word);
}

// The next word, without quotes; false at the line's end or at a comment.
static bool next_word(struct line_reader *reader, char *word)
{
    const char *at = reader->at + strspn(reader->at, " \t\r\n");
    if (*at == '\0' || *at == '#') {
        reader->at = at;
        return false;
    }
    bool quoted = *at == '"';
    at += quoted;
    size_t bytes = strcspn(at, quoted ? "\"" : " \t\r\n");
    (void)snprintf(word, WORD_BYTES_MAX, "%.*s", (int)(bytes < WORD_BYTES_MAX ? bytes : WORD_BYTES_MAX - 1), at);
    at += bytes;
    reader->at = at + (quoted && *at == '"');
    return true;
}

static enum status read_number(struct line_reader *reader, const char *fault, double least, double most, double *ret)
{
    char word[WORD_BYTES_MAX] = "";
    char *end = word;
    double value = next_word(reader, word) ? strtod(word, &end) : 0.0;
    if (end == word || *end != '\0' || !(value >= least && value <= most)) {
        char remedy[96];
        (void)snprintf(remedy, sizeof remedy, "write a number from %g to %g after it", least, most);
        return bad(reader, remedy, "no number fits", fault);
    }
    *ret = value;
    return STATUS_OK;
}

static enum status read_time(struct line_reader *reader, const char *word, double most_s, int64_t *ret_ms)
{
    double seconds = 0.0;
    enum status status = read_number(reader, word, 0.0, most_s, &seconds);
    if (status == STATUS_OK) {
        *ret_ms = ms_from_s(seconds);
    }
    return status;
}

static enum status read_span(struct line_reader *reader, const char *word, double most_s, int32_t *ret_ms)
{
    int64_t ms = 0;
    enum status status = read_time(reader, word, most_s, &ms);
    if (status == STATUS_OK) {
        *ret_ms = (int32_t)ms;
    }
    return status;
}

static enum status read_fault(struct line_reader *reader, const char *word, struct fault_rule *rule)
{
    struct { const char *word; double *number; double most; } numbers[] = {
        { "chatter", &rule->chatter_per_s, CHATTER_PER_S_MAX }, { "miss", &rule->miss, 1.0 },
        { "double", &rule->twice, 1.0 }, { "noise", &rule->noise, 1.0 }, { "loss", &rule->loss, 1.0 },
        { "share", &rule->share, 1.0 },
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (strcmp(word, numbers[i].word) == 0) {
            return read_number(reader, word, 0.0, numbers[i].most, numbers[i].number);
        }
    }
    double miscount = 0.0;
    if (strcmp(word, "dead") == 0) {
        rule->dead = true;
    } else if (strcmp(word, "stuck-on") == 0) {
        rule->stuck = STUCK_ON;
    } else if (strcmp(word, "stuck-off") == 0) {
        rule->stuck = STUCK_OFF;
    } else if (strcmp(word, "miscount") == 0) {
        enum status status = read_number(reader, word, 0.0, 1.0, &miscount);
        rule->miss = rule->twice = miscount / 2.0;
        return status;
    } else if (strcmp(word, "delay") == 0) {
        return read_span(reader, word, DELAY_S_MAX, &rule->delay_ms);
    } else if (strcmp(word, "jitter") == 0) {
        return read_span(reader, word, DELAY_S_MAX, &rule->jitter_ms);
    } else if (strcmp(word, "from") == 0) {
        return read_time(reader, word, CLOCK_S_MAX, &rule->from_ms);
    } else if (strcmp(word, "to") == 0) {
        return read_time(reader, word, CLOCK_S_MAX, &rule->to_ms);
    } else if (strcmp(word, "every") == 0) {
        return read_span(reader, word, 86400.0, &rule->every_ms);
    } else if (strcmp(word, "for") == 0) {
        return read_span(reader, word, 86400.0, &rule->for_ms);
    } else {
        return bad(reader, "the faults are dead, stuck-on, stuck-off, chatter, miss, double, miscount, noise, loss, "
                   "delay, jitter; with share, from, to, every and for", "no fault is called", word);
    }
    return STATUS_OK;
}

static enum status check_rule(struct line_reader *reader, const struct fault_rule *rule)
{
    bool acts = rule->dead || rule->stuck != STUCK_NOT || rule->chatter_per_s >= 0.0 || rule->miss >= 0.0
        || rule->twice >= 0.0 || rule->noise >= 0.0 || rule->loss >= 0.0 || rule->delay_ms >= 0
        || rule->jitter_ms >= 0;
    if (!acts) {
        return bad(reader, "name at least one, such as dead", "no fault stands after", rule->name);
    }
    if (rule->miss + rule->twice > 1.0) {
        return bad(reader, "lower them", "miss and double add up to more than 1 for", rule->name);
    }
    if (rule->to_ms <= rule->from_ms) {
        return bad(reader, NULL, "'to' is not after 'from' for", rule->name);
    }
    if ((rule->every_ms > 0) != (rule->for_ms > 0) || rule->for_ms > rule->every_ms) {
        return bad(reader, "write every S for S, the second no longer than the first", "'every' and 'for' do not fit",
                   rule->name);
    }
    if (rule->chatter_per_s >= 0.0 && (rule->kinds & SENSOR_LOOP) == 0) {
        return bad(reader, "use miscount for cameras", "cameras do not chatter:", rule->name);
    }
    return STATUS_OK;
}

enum status fault_plan_add(const char *source, const char *line, int32_t number, struct fault_plan *plan,
                           struct problem *problem)
{
    struct line_reader reader = { .source = source, .at = line, .number = number, .problem = problem };
    char word[WORD_BYTES_MAX];
    if (!next_word(&reader, word)) {
        return STATUS_OK;
    }
    struct fault_rule rule = { .chatter_per_s = -1.0, .miss = -1.0, .twice = -1.0, .noise = -1.0, .loss = -1.0,
        .delay_ms = -1, .jitter_ms = -1, .share = 1.0, .from_ms = INT64_MIN, .to_ms = INT64_MAX };
    rule.kinds = strcmp(word, "loops") == 0 ? SENSOR_LOOP : strcmp(word, "cameras") == 0 ? SENSOR_CAMERA
        : strcmp(word, "both") == 0 ? SENSOR_LOOP | SENSOR_CAMERA : 0;
    if (rule.kinds == 0) {
        return bad(&reader, "begin with loops, cameras or both", "no kind of sensor is called", word);
    }
    if (!next_word(&reader, word)) {
        return bad(&reader, "write a name, or * for all", "which sensors is not said:", line);
    }
    if (plan->rules.count >= RULE_COUNT_MAX) {
        return bad(&reader, "use patterns", "there are too many rules before", word);
    }
    char *name = memory_copy(word, strlen(word) + 1, 1);
    rule.name = name;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && next_word(&reader, word)) {
        status = read_fault(&reader, word, &rule);
    }
    status = status == STATUS_OK ? check_rule(&reader, &rule) : status;
    if (status != STATUS_OK) {
        free(name);
        return status;
    }
    *GROW(plan->rules) = rule;
    return STATUS_OK;
}

enum status fault_plan_read(const char *path, struct fault_plan *plan, struct problem *problem)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return problem_report(problem, STATUS_IO, path, NULL, "name a file of sensor faults", "cannot be read: %s",
                              strerror(errno));
    }
    char line[LINE_BYTES_MAX];
    enum status status = STATUS_OK;
    for (int32_t number = 1; status == STATUS_OK && fgets(line, sizeof line, file) != NULL; number++) {
        status = fault_plan_add(path, line, number, plan, problem);
    }
    if (status == STATUS_OK && ferror(file)) {
        status = problem_report(problem, STATUS_IO, path, NULL, "name a file", "cannot be read: %s", strerror(errno));
    }
    (void)fclose(file);
    return status;
}

void fault_plan_release(struct fault_plan *plan)
{
    for (int32_t i = 0; i < plan->rules.count; i++) {
        free(plan->rules.at[i].name);
    }
    free(plan->rules.at);
    *plan = (struct fault_plan){ 0 };
}

bool fault_name_fits(const char *pattern, const char *name)
{
    const char *star = NULL, *tried = NULL;   // where to go back to: the last star, and the text that it covers so far
    while (*name != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            tried = name;
        } else if (*pattern == *name) {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star + 1;
            name = ++tried;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
}
