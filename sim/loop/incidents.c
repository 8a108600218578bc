#include "sim/loop/incidents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model/units.h"
#include "sim/loop/fault_plan.h"
#include "sim/loop/rule_line.h"

enum { CLOSURE_COUNT_MAX = 100000 };
static const double CLOCK_S_MAX = 1e10;

static enum status read_users(struct rule_line *line, uint32_t *ret)
{
    static const struct { const char *word; uint32_t users; } CLASSES[] = {
        { "all", ~0u }, { "car", USER_CAR }, { "truck", USER_TRUCK }, { "bus", USER_BUS }, { "tram", USER_TRAM },
        { "bicycle", USER_BICYCLE }, { "emergency", USER_EMERGENCY }, { "motorcycle", USER_MOTORCYCLE },
        { "taxi", USER_TAXI }, { "delivery", USER_DELIVERY }, { "rail", USER_RAIL },
    };
    char text[RULE_WORD_BYTES] = "";
    (void)rule_word(line, text);
    uint32_t users = 0;
    for (char *rest = NULL, *word = strtok_r(text, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
        uint32_t known = 0;
        for (size_t i = 0; i < sizeof CLASSES / sizeof *CLASSES; i++) {
            known |= strcmp(word, CLASSES[i].word) == 0 ? CLASSES[i].users : 0;
        }
        if (known == 0) {
            return rule_bad(line, "the classes are car, truck, bus, tram, bicycle, emergency, motorcycle, taxi, "
                            "delivery, rail and all", "no class is called", word);
        }
        users |= known;
    }
    *ret = users;
    return users != 0 ? STATUS_OK : rule_bad(line, "write for car,bus", "no class stands after", "for");
}

static enum status read_words(struct rule_line *line, struct lane_closure *rule)
{
    char word[RULE_WORD_BYTES];
    while (rule_word(line, word)) {
        double s = 0.0;
        bool from = strcmp(word, "from") == 0, to = strcmp(word, "to") == 0;
        enum status status = STATUS_OK;
        if (from || to) {
            status = rule_number(line, word, 0.0, CLOCK_S_MAX, &s);
            *(from ? &rule->from_ms : &rule->to_ms) = ms_from_s(s);
        } else if (strcmp(word, "for") == 0) {
            status = read_users(line, &rule->users);
        } else {
            status = rule_bad(line, "after closed come from T, to T and for CLASSES", "nothing is called", word);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    return rule->from_ms < rule->to_ms ? STATUS_OK : rule_bad(line, NULL, "'to' is not after 'from' in", "closed");
}

// Adds the closure for every lane, or every lane of every link, whose name fits.
static int32_t closures_add(const struct network *network, const char *pattern, bool links,
                            const struct lane_closure *rule, struct incidents *plan)
{
    int32_t added = 0;
    for (int32_t i = 0; i < network->lane_count && plan->closures.count < CLOSURE_COUNT_MAX; i++) {
        const struct lane *lane = &network->lanes[i];
        char name[RULE_WORD_BYTES];
        const char *link = network_name(network, network->links[lane->link].name);
        (void)snprintf(name, sizeof name, links ? "%s" : "%s_%d", link, lane->position);
        if (fault_name_fits(pattern, name)) {
            struct lane_closure closure = *rule;
            closure.lane = i;
            *GROW(plan->closures) = closure;
            added++;
        }
    }
    return added;
}

enum status incidents_add(const struct network *network, const char *source, const char *text, int32_t number,
                          struct incidents *plan, struct problem *problem)
{
    struct rule_line line = { .source = source, .at = text, .number = number, .problem = problem };
    char what[RULE_WORD_BYTES], name[RULE_WORD_BYTES], closed[RULE_WORD_BYTES] = "";
    if (!rule_word(&line, what)) {
        return STATUS_OK;
    }
    bool links = strcmp(what, "link") == 0;
    if (!links && strcmp(what, "lane") != 0) {
        return rule_bad(&line, "begin with lane or link", "nothing to be closed is called", what);
    }
    if (!rule_word(&line, name)) {
        return rule_bad(&line, "write its name", "which one is not said after", what);
    }
    if (!rule_word(&line, closed) || strcmp(closed, "closed") != 0) {
        return rule_bad(&line, "write closed after the name", "what happens is not said of", name);
    }
    struct lane_closure rule = { .users = ~0u, .from_ms = INT64_MIN, .to_ms = INT64_MAX };
    enum status status = read_words(&line, &rule);
    if (status == STATUS_OK && closures_add(network, name, links, &rule, plan) == 0) {
        status = rule_bad(&line, links ? "name a link of the network" : "name a lane as LINK_NUMBER",
                          links ? "no link is called" : "no lane is called", name);
    }
    return status;
}

struct reading { const struct network *network; struct incidents *plan; };

static enum status take_line(struct rule_line *line, void *user)
{
    const struct reading *reading = user;
    return incidents_add(reading->network, line->source, line->at, line->number, reading->plan, line->problem);
}

enum status incidents_read(const struct network *network, const char *path, struct incidents *plan,
                           struct problem *problem)
{
    struct reading reading = { network, plan };
    return rule_file_read(path, "a file of incidents", take_line, &reading, problem);
}

void incidents_release(struct incidents *plan)
{
    free(plan->closures.at);
    *plan = (struct incidents){ 0 };
}
