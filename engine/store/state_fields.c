#include "engine/store/state_fields.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "engine/model/units.h"

static const char *const MODES[] = { "plan", "fallback", "manual", "preemption", "flash" };
static const char *const REASONS[] = { "none", "program", "splits", "stay", "switch", "minimum", "maximum", "gap",
                                       "override", "priority", "fallback" };

const char *field_mode(int32_t mode)
{
    return mode >= 0 && mode < (int32_t)(sizeof MODES / sizeof MODES[0]) ? MODES[mode] : "unknown";
}

const char *field_reason(int32_t reason)
{
    return reason >= 0 && reason < (int32_t)(sizeof REASONS / sizeof REASONS[0]) ? REASONS[reason] : "unknown";
}

// Civil date from days since 1970-01-01, by eras of 400 years that begin on 1 March.
static void date_from_days(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day)
{
    days += 719468;   // days from 0000-03-01 to 1970-01-01
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;   // 0 is March
    *ret_day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
    *ret_month = (int)(month < 10 ? month + 3 : month - 9);
    *ret_year = year_of_era + era * 400 + (*ret_month <= 2 ? 1 : 0);
}

void field_time(int64_t time_ms, char *text, size_t text_bytes)
{
    int64_t days = quantum_floor(time_ms, MS_PER_DAY) / MS_PER_DAY;
    int64_t second = cycle_position(time_ms, MS_PER_DAY) / MS_PER_S;
    int64_t year;
    int month, day;
    date_from_days(days, &year, &month, &day);
    snprintf(text, text_bytes, "%04" PRId64 "-%02d-%02dT%02d:%02d:%02dZ", year, month, day, (int)(second / 3600),
             (int)(second / 60 % 60), (int)(second % 60));
}

static int32_t rounded(double value, double limit)
{
    // Written so that a NaN gives 0.
    if (!(value > 0.0)) {
        return 0;
    }
    return (int32_t)((value < limit ? value : limit) + 0.5);
}

struct field_row field_row_from(const struct intersection_state *state, struct plan_version version)
{
    return (struct field_row){
        .queue_tenths = rounded(state->queue_veh * 10.0, 1e9),
        .flow_vph = rounded(state->flow_vph, 1e9),
        .confidence_percent = rounded(state->confidence * 100.0, 100.0),
        .stage = state->stage,
        .mode = (int32_t)state->mode,
        .reported = state->reported ? 1 : 0,
        .overridden = state->overridden ? 1 : 0,
        .detectors_healthy = (int32_t)state->detectors_healthy,
        .detectors_total = (int32_t)state->detectors_total,
        .version = version,
    };
}

static void put(struct commands *commands, int *count, const char *field, const char *value)
{
    commands_word(commands, field);
    commands_word(commands, value);
    *count += 1;
}

static void put_number(struct commands *commands, int *count, const char *field, int64_t value)
{
    commands_word(commands, field);
    commands_number(commands, value);
    *count += 1;
}

static void put_stage(struct commands *commands, int *count, const struct network *network, int32_t intersection,
                      int32_t stage)
{
    const struct intersection *at = &network->intersections[intersection];
    if (stage < 0 || stage >= at->stage_count) {
        put(commands, count, "stage", "");
        put(commands, count, "stage_name", "");
        return;
    }
    put_number(commands, count, "stage", stage);
    put(commands, count, "stage_name", network_name(network, network->stages[at->first_stage + stage].name));
}

static void put_plan(struct commands *commands, int *count, struct plan_version version, const struct field_plan *plan)
{
    char text[96];
    snprintf(text, sizeof text, "%" PRIu32 ".%" PRIu32 ".%" PRIu32, version.epoch, version.daemon, version.sequence);
    put(commands, count, "plan_version", text);
    if (plan == NULL) {
        return;
    }
    put(commands, count, "plan_kind", plan->kind == PLAN_CYCLIC ? "cyclic" : "rolling");
    const struct plan_reason *reason = &plan->reason;
    snprintf(text, sizeof text, "%s %" PRId32 ": %" PRId32 " against %" PRId32, field_reason((int32_t)reason->kind),
             reason->stage, reason->best_value, reason->now_value);
    put(commands, count, "plan_reason", text);
}

static void put_measures(struct commands *commands, int *count, const struct field_row *before,
                         const struct field_row *now)
{
    char text[48];
    if (before == NULL || before->queue_tenths != now->queue_tenths) {
        snprintf(text, sizeof text, "%" PRId32 ".%" PRId32, now->queue_tenths / 10, now->queue_tenths % 10);
        put(commands, count, "queue_veh", text);
    }
    if (before == NULL || before->flow_vph != now->flow_vph) {
        put_number(commands, count, "flow_vph", now->flow_vph);
    }
    if (before == NULL || before->confidence_percent != now->confidence_percent) {
        snprintf(text, sizeof text, "%" PRId32 ".%02" PRId32, now->confidence_percent / 100,
                 now->confidence_percent % 100);
        put(commands, count, "confidence", text);
    }
    if (before == NULL || before->detectors_healthy != now->detectors_healthy
        || before->detectors_total != now->detectors_total) {
        snprintf(text, sizeof text, "%" PRId32 "/%" PRId32, now->detectors_healthy, now->detectors_total);
        put(commands, count, "health", text);
    }
}

bool fields_write(struct commands *commands, const char *key, const struct network *network, int32_t intersection,
                  const struct field_row *before, const struct field_row *now, const struct field_plan *plan,
                  int64_t time_ms)
{
    assert(intersection >= 0 && intersection < network->intersection_count);
    int count = 0;
    commands_begin(commands);
    commands_word(commands, "HSET");
    commands_word(commands, key);
    put_measures(commands, &count, before, now);
    if (before == NULL || before->stage != now->stage) {
        put_stage(commands, &count, network, intersection, now->stage);
    }
    if (before == NULL || before->mode != now->mode) {
        put(commands, &count, "mode", field_mode(now->mode));
    }
    if (before == NULL || before->reported != now->reported) {
        put(commands, &count, "reported", now->reported ? "yes" : "no");
    }
    if (before == NULL || before->overridden != now->overridden) {
        put(commands, &count, "overridden", now->overridden ? "yes" : "no");
    }
    if (before == NULL || plan_version_compare(before->version, now->version) != 0) {
        put_plan(commands, &count, now->version, plan);
    }
    if (count == 0) {
        commands->used = commands->begin;
        return false;
    }
    char text[32];
    field_time(time_ms, text, sizeof text);
    put(commands, &count, "updated", text);
    return commands_end(commands);
}
