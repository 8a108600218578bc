#include "sim/demand/sumo_flows.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model/units.h"
#include "sim/demand/sumo_notes.h"

void sumo_pending_bad(struct pending *pending, enum status status, const char *format, ...)
{
    if (pending->bad != STATUS_OK) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(pending->bad_text, sizeof pending->bad_text, format, arguments);
    va_end(arguments);
    pending->bad = status;
}

static void read_time(struct pending *pending, const char *text, const char *attribute, int64_t *ret_ms)
{
    int64_t ms;
    if (!sumo_time_parse(text, &ms)) {
        sumo_pending_bad(pending, STATUS_SYNTAX, "%s=\"%.60s\" is no time", attribute, text);
    } else if (ms < 0) {
        sumo_pending_bad(pending, STATUS_RANGE, "%s=\"%.60s\" is negative", attribute, text);
    } else {
        *ret_ms = ms;
    }
}

void sumo_read_depart(const struct reader *reader, struct pending *pending, const char **attributes)
{
    const char *text = sumo_xml_find(attributes, "depart");
    if (text == NULL) {
        sumo_pending_bad(pending, STATUS_SYNTAX, "it has no attribute 'depart'");
    } else if (strcmp(text, "triggered") == 0 || strcmp(text, "containerTriggered") == 0
               || strcmp(text, "split") == 0) {
        sumo_pending_bad(pending, STATUS_RANGE, "depart=\"%s\" waits for a person, a container or a train, which "
                         "nobody moves here", text);
    } else if (strcmp(text, "begin") == 0) {
        pending->depart_ms = reader->rows->begin_ms != DEMAND_TIME_NONE ? reader->rows->begin_ms : 0;
    } else {
        read_time(pending, text, "depart", &pending->depart_ms);
    }
}

static double read_positive(struct pending *pending, const char *text, const char *attribute)
{
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || (*end != '\0' && *end != ')') || !(value > 0.0 && value <= 1e9)) {
        sumo_pending_bad(pending, STATUS_RANGE, "%s=\"%.60s\": expected a number > 0", attribute, text);
        return 1.0;
    }
    return value;
}

#define FLOW_PER_S_MAX 1000            // beyond it is a slip of the pen, and would not end

static void read_flow_rate(struct reader *reader, const struct sumo_xml *xml, struct pending *pending,
                           const char **attributes)
{
    const char *period = sumo_xml_find(attributes, "period"), *hourly = sumo_xml_find(attributes, "vehsPerHour");
    const char *chance = sumo_xml_find(attributes, "probability"), *number = sumo_xml_find(attributes, "number");
    hourly = hourly != NULL ? hourly : sumo_xml_find(attributes, "perHour");
    bool ends = sumo_xml_find(attributes, "end") != NULL || reader->end_ms != DEMAND_TIME_NONE
        || reader->rows->end_ms != DEMAND_TIME_NONE;
    if ((period != NULL) + (hourly != NULL) + (chance != NULL) > 1) {
        sumo_pending_bad(pending, STATUS_SYNTAX, "only one of period, vehsPerHour and probability can hold");
    }
    if (number != NULL && strcmp(number, "0") == 0) {
        pending->number = 0;           // as generators of flows write it
        sumo_count(reader, xml, &reader->idle_flows);
    } else if (number != NULL) {
        double value = read_positive(pending, number, "number");
        pending->number = (int64_t)value;
        if (floor(value) != value) {
            sumo_pending_bad(pending, STATUS_SYNTAX, "number=\"%.60s\" is no whole number", number);
        }
    }
    if (period != NULL && strncmp(period, "exp(", 4) == 0) {
        pending->flow = FLOW_POISSON;
        pending->rate = read_positive(pending, period + 4, "period");
    } else if (period != NULL) {
        pending->period_ms = read_positive(pending, period, "period") * MS_PER_S;
    } else if (hourly != NULL) {
        pending->period_ms = 3600.0 * MS_PER_S / read_positive(pending, hourly, "vehsPerHour");
    } else if (chance != NULL) {
        pending->flow = FLOW_CHANCE;
        pending->rate = read_positive(pending, chance, "probability");
        if (pending->rate > 1.0) {
            sumo_pending_bad(pending, STATUS_RANGE, "probability=\"%.60s\" is above 1", chance);
        }
    } else if (number != NULL && ends) {
        double span_ms = (double)(pending->end_ms - pending->depart_ms);
        pending->period_ms = pending->number > 0 ? span_ms / (double)pending->number : 0.0;
    } else {
        sumo_pending_bad(pending, STATUS_SYNTAX, "it needs period, vehsPerHour, probability, or number and end");
    }
    double per_s = pending->flow == FLOW_POISSON ? pending->rate
        : pending->flow == FLOW_EVEN && pending->period_ms < MS_PER_S && pending->period_ms > 0.0
        ? MS_PER_S / pending->period_ms : 0.0;   // a period of 0: all of a number at once
    if (per_s > FLOW_PER_S_MAX) {
        sumo_pending_bad(pending, STATUS_RANGE, "a flow of more than %d vehicles a second", FLOW_PER_S_MAX);
    }
    if (pending->flow == FLOW_EVEN && pending->number < 0 && !ends && !reader->endless) {
        reader->endless = true;
        rows_note(reader->rows, "%s: line %d: a flow without an end departs until the run's end, at most for a day",
                  reader->path, pending->line);
    }
}

void sumo_read_flow(struct reader *reader, const struct sumo_xml *xml, struct pending *pending,
                    const char **attributes)
{
    const struct demand_rows *rows = reader->rows;
    pending->flow = FLOW_EVEN;
    pending->depart_ms = reader->begin_ms != DEMAND_TIME_NONE ? reader->begin_ms
        : rows->begin_ms != DEMAND_TIME_NONE ? rows->begin_ms : 0;
    const char *begin = sumo_xml_find(attributes, "begin"), *end = sumo_xml_find(attributes, "end");
    if (begin != NULL) {
        read_time(pending, begin, "begin", &pending->depart_ms);
    }
    pending->end_ms = reader->end_ms != DEMAND_TIME_NONE ? reader->end_ms
        : rows->end_ms != DEMAND_TIME_NONE ? rows->end_ms : pending->depart_ms + FLOW_END_MS;
    if (end != NULL) {
        read_time(pending, end, "end", &pending->end_ms);
    }
    if ((end != NULL || reader->end_ms != DEMAND_TIME_NONE) && pending->end_ms < pending->depart_ms) {
        sumo_pending_bad(pending, STATUS_RANGE, "it ends before it begins");
    }
    read_flow_rate(reader, xml, pending, attributes);
}
