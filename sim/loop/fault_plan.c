#include "sim/loop/fault_plan.h"

#include <stdlib.h>
#include <string.h>

#include "engine/model/units.h"
#include "sim/loop/rule_line.h"

enum { RULE_COUNT_MAX = 10000 };
static const double CLOCK_S_MAX = 1e10, DELAY_S_MAX = 3600.0, CHATTER_PER_S_MAX = 100.0;

static enum status read_time(struct rule_line *reader, const char *word, double most_s, int64_t *ret_ms)
{
    double seconds = 0.0;
    enum status status = rule_number(reader, word, 0.0, most_s, &seconds);
    if (status == STATUS_OK) {
        *ret_ms = ms_from_s(seconds);
    }
    return status;
}

static enum status read_span(struct rule_line *reader, const char *word, double most_s, int32_t *ret_ms)
{
    int64_t ms = 0;
    enum status status = read_time(reader, word, most_s, &ms);
    if (status == STATUS_OK) {
        *ret_ms = (int32_t)ms;
    }
    return status;
}

static enum status read_fault(struct rule_line *reader, const char *word, struct fault_rule *rule)
{
    struct { const char *word; double *number; double most; } numbers[] = {
        { "chatter", &rule->chatter_per_s, CHATTER_PER_S_MAX }, { "miss", &rule->miss, 1.0 },
        { "double", &rule->twice, 1.0 }, { "noise", &rule->noise, 1.0 }, { "loss", &rule->loss, 1.0 },
        { "share", &rule->share, 1.0 },
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (strcmp(word, numbers[i].word) == 0) {
            return rule_number(reader, word, 0.0, numbers[i].most, numbers[i].number);
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
        enum status status = rule_number(reader, word, 0.0, 1.0, &miscount);
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
        return rule_bad(reader, "the faults are dead, stuck-on, stuck-off, chatter, miss, double, miscount, noise, "
                   "loss, delay, jitter; with share, from, to, every and for", "no fault is called", word);
    }
    return STATUS_OK;
}

static enum status check_rule(struct rule_line *reader, const struct fault_rule *rule)
{
    bool acts = rule->dead || rule->stuck != STUCK_NOT || rule->chatter_per_s >= 0.0 || rule->miss >= 0.0
        || rule->twice >= 0.0 || rule->noise >= 0.0 || rule->loss >= 0.0 || rule->delay_ms >= 0
        || rule->jitter_ms >= 0;
    if (!acts) {
        return rule_bad(reader, "name at least one, such as dead", "no fault stands after", rule->name);
    }
    if (rule->miss + rule->twice > 1.0) {
        return rule_bad(reader, "lower them", "miss and double add up to more than 1 for", rule->name);
    }
    if (rule->to_ms <= rule->from_ms) {
        return rule_bad(reader, NULL, "'to' is not after 'from' for", rule->name);
    }
    if ((rule->every_ms > 0) != (rule->for_ms > 0) || rule->for_ms > rule->every_ms) {
        return rule_bad(reader, "write every S for S, the second no longer than the first",
                   "'every' and 'for' do not fit", rule->name);
    }
    if (rule->chatter_per_s >= 0.0 && (rule->kinds & SENSOR_LOOP) == 0) {
        return rule_bad(reader, "use miscount for cameras", "cameras do not chatter:", rule->name);
    }
    return STATUS_OK;
}

enum status fault_plan_add(const char *source, const char *line, int32_t number, struct fault_plan *plan,
                           struct problem *problem)
{
    struct rule_line reader = { .source = source, .at = line, .number = number, .problem = problem };
    char word[RULE_WORD_BYTES];
    if (!rule_word(&reader, word)) {
        return STATUS_OK;
    }
    struct fault_rule rule = { .chatter_per_s = -1.0, .miss = -1.0, .twice = -1.0, .noise = -1.0, .loss = -1.0,
        .delay_ms = -1, .jitter_ms = -1, .share = 1.0, .from_ms = INT64_MIN, .to_ms = INT64_MAX };
    rule.kinds = strcmp(word, "loops") == 0 ? SENSOR_LOOP : strcmp(word, "cameras") == 0 ? SENSOR_CAMERA
        : strcmp(word, "both") == 0 ? SENSOR_LOOP | SENSOR_CAMERA : 0;
    if (rule.kinds == 0) {
        return rule_bad(&reader, "begin with loops, cameras or both", "no kind of sensor is called", word);
    }
    if (!rule_word(&reader, word)) {
        return rule_bad(&reader, "write a name, or * for all", "which sensors is not said:", line);
    }
    if (plan->rules.count >= RULE_COUNT_MAX) {
        return rule_bad(&reader, "use patterns", "there are too many rules before", word);
    }
    char *name = memory_copy(word, strlen(word) + 1, 1);
    rule.name = name;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && rule_word(&reader, word)) {
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

static enum status take_line(struct rule_line *line, void *user)
{
    return fault_plan_add(line->source, line->at, line->number, user, line->problem);
}

enum status fault_plan_read(const char *path, struct fault_plan *plan, struct problem *problem)
{
    return rule_file_read(path, "a file of sensor faults", take_line, plan, problem);
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
