#include "engine/serve/console.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/model/lamp.h"
#include "engine/optimize/strategy.h"
#include "engine/serve/alarms.h"
#include "engine/serve/city_clock.h"
#include "engine/serve/journal.h"
#include "engine/store/state_fields.h"
#include "engine/wire/plan_codec.h"

static const char *const GROUP_KIND[] = { [GROUP_VEHICLE] = "vehicle", [GROUP_PEDESTRIAN] = "pedestrian",
    [GROUP_BICYCLE] = "bicycle", [GROUP_TRANSIT] = "transit" };

static void add_links(const struct network *network, struct page_text *text)
{
    page_text_add(text, "\"links\":[");
    for (int32_t i = 0; i < network->link_count; i++) {
        const struct link *link = &network->links[i];
        page_text_add(text, i > 0 ? ",\n[" : "\n[");
        page_text_string(text, network_name(network, link->name));
        page_text_add(text, ",%" PRId32 ",%.1f,%.2f,[", link->lane_count, link->length_m, link->speed_mps);
        for (int32_t p = 0; p < link->point_count; p++) {
            const struct point *at = &network->points[link->first_point + p];
            page_text_add(text, "%s%.1f,%.1f", p > 0 ? "," : "", at->x_m, at->y_m);
        }
        page_text_add(text, "]]");
    }
    page_text_add(text, "],\n");
}

static void add_stage(const struct network *network, const struct stage *stage, struct page_text *text)
{
    bool any = false;
    page_text_add(text, "[");
    page_text_string(text, network_name(network, stage->name));
    page_text_add(text, ",[");
    for (int32_t g = 0; g < GROUP_COUNT_MAX; g++) {
        if ((stage->groups >> g & 1) != 0) {
            page_text_add(text, "%s%" PRId32, any ? "," : "", g);
            any = true;
        }
    }
    page_text_add(text, "]]");
}

static void add_signals(const struct network *network, struct page_text *text)
{
    page_text_add(text, "\"intersections\":[");
    for (int32_t i = 0; i < network->intersection_count; i++) {
        const struct intersection *at = &network->intersections[i];
        page_text_add(text, i > 0 ? ",\n{\"name\":" : "\n{\"name\":");
        page_text_string(text, network_name(network, at->name));
        page_text_add(text, ",\"x_m\":%.1f,\"y_m\":%.1f,\"approved\":%s,\"groups\":[", at->at.x_m, at->at.y_m,
                      at->approved ? "true" : "false");
        for (int32_t g = 0; g < at->group_count; g++) {
            const struct signal_group *group = &network->groups[at->first_group + g];
            page_text_add(text, g > 0 ? ",[" : "[");
            page_text_string(text, network_name(network, group->name));
            page_text_add(text, ",\"%s\",%" PRId32 ",%" PRId32 ",%" PRId32 "]", GROUP_KIND[group->kind],
                          group->yellow_ms, group->green_ms_min, group->red_ms_max);
        }
        page_text_add(text, "],\"stages\":[");
        for (int32_t s = 0; s < at->stage_count; s++) {
            page_text_add(text, s > 0 ? "," : "");
            add_stage(network, &network->stages[at->first_stage + s], text);
        }
        page_text_add(text, "]}");
    }
    page_text_add(text, "],\n");
}

// Connections are sorted by lane: a group that leads from a lane several ways stands there once, as a rule.
static void add_heads(const struct network *network, struct page_text *text)
{
    int32_t lane = INDEX_NONE, group = INDEX_NONE;
    bool any = false;
    page_text_add(text, "\"heads\":[");
    for (int32_t i = 0; i < network->connection_count; i++) {
        const struct connection *connection = &network->connections[i];
        if (connection->group == INDEX_NONE || (connection->from_lane == lane && connection->group == group)) {
            continue;
        }
        lane = connection->from_lane;
        group = connection->group;
        page_text_add(text, "%s[%" PRId32 ",%" PRId32 ",%" PRId32 "]", any ? "," : "", network->lanes[lane].link,
                      network->lanes[lane].position, group);
        any = true;
    }
    page_text_add(text, "]");
}

void console_network(const struct gauges *gauges, struct page_text *text)
{
    const struct network *network = gauges->service->network;
    page_text_add(text, "{\"hash\":\"%016" PRIx64 "\",\"left_hand\":%s,\"time_zone\":", network->hash,
                  network->left_hand ? "true" : "false");
    page_text_string(text, network->time_zone);
    page_text_add(text, ",\n");
    add_links(network, text);
    add_signals(network, text);
    add_heads(network, text);
    page_text_add(text, ",\n\"strategies\":[");
    for (int i = 0; i < strategy_count; i++) {
        page_text_add(text, "%s\"%s\"", i > 0 ? "," : "", strategies[i]->name);
    }
    page_text_add(text, "]}\n");
}

void console_live(const struct gauges *gauges, struct page_text *text)
{
    const struct network *network = gauges->service->network;
    const struct picture *picture = gauges->picture;
    page_text_add(text, "{\"time_ms\":%" PRId64 ",\"detailed\":%s", picture->now_ms,
                  picture->detailed ? "true" : "false");
    if (picture->detailed) {
        page_text_add(text, ",\"queue_veh\":[");
        for (int32_t i = 0; i < network->link_count; i++) {
            double queue_veh = picture->link_queue_veh[i];
            page_text_add(text, queue_veh < 0.05 ? "%s0" : "%s%.1f", i > 0 ? "," : "", queue_veh);
        }
        page_text_add(text, "],\"lamps\":\"");
        for (int32_t g = 0; g < network->group_count; g++) {
            page_text_add(text, "%c", aspect_letter((enum aspect)picture->aspects[g]));
        }
        page_text_add(text, "\"");
    }
    page_text_add(text, "}\n");
}

bool console_plan(const struct gauges *gauges, int32_t intersection, struct page_text *text)
{
    struct green greens[PLAN_GREEN_COUNT_MAX];
    uint8_t frame[WIRE_PLAN_BYTES_MAX];
    struct plan_entry entry;
    struct plan plan;
    const char *field;
    if (intersection < 0 || intersection >= gauges->service->network->intersection_count) {
        return false;
    }
    bool there = plan_table_get(gauges->service->table, intersection, &entry, frame);
    if (there) {
        struct cursor message = { frame + entry.frame_bytes - entry.message_bytes, frame + entry.frame_bytes };
        there = wire_get_plan(message, greens, &plan, &field) == STATUS_OK;
    }
    page_text_add(text, "{\"intersection\":%" PRId32 ",\"time_ms\":%" PRId64, intersection, gauges->picture->now_ms);
    if (!there) {
        page_text_add(text, ",\"plan\":null}\n");
        return true;
    }
    page_text_add(text, ",\"plan\":{\"version\":\"%" PRIu32 ".%" PRIu32 ".%" PRIu32 "\",\"kind\":\"%s\","
                  "\"handover\":%s,\"base_ms\":%" PRId64 ",\"valid_from_ms\":%" PRId64 ",\"valid_until_ms\":%" PRId64
                  ",\"cycle_ms\":%" PRId32 ",\"offset_ms\":%" PRId32 ",\"fallback\":%" PRId32,
                  plan.version.epoch, plan.version.daemon, plan.version.sequence,
                  plan.kind == PLAN_CYCLIC ? "cyclic" : "rolling", plan.handover ? "true" : "false", plan.base_ms,
                  plan.valid_from_ms, plan.valid_until_ms, plan.cycle_ms, plan.offset_ms, plan.fallback);
    page_text_add(text, ",\"reason\":\"%s\",\"reason_stage\":%" PRId32 ",\"now_value\":%" PRId32 ",\"best_value\":%"
                  PRId32 ",\"greens\":[", field_reason((int32_t)plan.reason.kind), plan.reason.stage,
                  plan.reason.now_value, plan.reason.best_value);
    for (int32_t i = 0; i < plan.green_count; i++) {
        page_text_add(text, "%s[%d,%d,%" PRId32 ",%" PRId32 "]", i > 0 ? "," : "", plan.greens[i].group,
                      plan.greens[i].stage, plan.greens[i].start_ms, plan.greens[i].end_ms);
    }
    page_text_add(text, "]}}\n");
    return true;
}

void console_journal(struct page_text *text)
{
    static const char *const LEVEL[] = { "alarm", "warning", "note" };
    struct journal_line *lines = memory_take(JOURNAL_KEPT_COUNT, sizeof *lines);
    bool any = false;
    page_text_add(text, "{\"lines\":[");
    for (int level = JOURNAL_ALARM; level < JOURNAL_DETAIL; level++) {
        int32_t count = journal_latest((enum journal_level)level, lines);
        for (int32_t i = 0; i < count; i++) {
            page_text_add(text, "%s{\"number\":%" PRIu64 ",\"time_ms\":%" PRId64 ",\"level\":\"%s\",\"text\":",
                          any ? ",\n" : "\n", lines[i].number, lines[i].time_ms, LEVEL[level]);
            page_text_string(text, lines[i].text);
            page_text_add(text, "}");
            any = true;
        }
    }
    page_text_add(text, "]}\n");
    free(lines);
}

static void add_time(struct page_text *text, const char *key, int64_t time_ms)
{
    page_text_add(text, time_ms == 0 ? ",\"%s\":null" : ",\"%s\":%" PRId64, key, time_ms);
}

static void add_name(struct page_text *text, const char *key, const char *name)
{
    page_text_add(text, ",\"%s\":", key);
    if (name[0] != '\0') {
        page_text_string(text, name);
    } else {
        page_text_add(text, "null");
    }
}

static void add_alarm(const struct network *network, const struct alarm_row *row, struct page_text *text)
{
    page_text_add(text, "{\"id\":%" PRIu32 ",\"severity\":\"%s\",\"in_force\":%s,\"times\":%" PRIu32, row->id,
                  row->severity == ALARM_CRITICAL ? "critical" : "warning", row->ended_ms == 0 ? "true" : "false",
                  row->times);
    add_time(text, "since_ms", row->since_ms);
    add_time(text, "ended_ms", row->ended_ms);
    add_name(text, "intersection", row->intersection);
    int32_t at = row->intersection[0] != '\0' ? network_find_intersection(network, row->intersection).index
        : INDEX_NONE;
    page_text_add(text, at == INDEX_NONE ? ",\"at\":null" : ",\"at\":%" PRId32, at);
    add_name(text, "text", row->text);
    add_name(text, "acknowledged_by", row->acknowledged_by);
    add_time(text, "acknowledged_ms", row->acknowledged_ms);
    page_text_add(text, "}");
}

void console_alarms(const struct gauges *gauges, struct page_text *text)
{
    struct alarms_copy copy;
    alarms_copy(gauges->service->alarms, &copy);
    page_text_add(text, "{\"now_ms\":%" PRId64 ",\"left_out\":%" PRIu32 ",\"alarms\":[", wall_ms(), copy.left_out);
    for (int32_t i = 0; i < copy.count; i++) {
        page_text_add(text, i > 0 ? ",\n" : "\n");
        add_alarm(gauges->service->network, &copy.rows[i], text);
    }
    page_text_add(text, "]}\n");
    alarms_copy_release(&copy);
}

static const char *text_in(const json_t *object, const char *key, size_t bytes_max)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL && strlen(text) < bytes_max ? text : "";
}

// An integer of the object within these bounds, else `otherwise`.
static int64_t whole_in(const json_t *object, const char *key, int64_t least, int64_t most, int64_t otherwise)
{
    const json_t *value = json_object_get(object, key);
    json_int_t number = json_integer_value(value);
    return json_is_integer(value) && number >= least && number <= most ? (int64_t)number : otherwise;
}

static const char *override_fill(const json_t *object, const struct network *network, struct desk_request *ret)
{
    const char *what = text_in(object, "do", 16);
    ret->intersection = (int32_t)whole_in(object, "intersection", 0, network->intersection_count - 1, INDEX_NONE);
    if (ret->intersection == INDEX_NONE) {
        return "intersection: there is no such one";
    }
    int64_t seconds = whole_in(object, "seconds", 1, OVERRIDE_S_MAX, 0);
    if (seconds == 0 && strcmp(what, "end") != 0) {
        return "seconds: a whole number from 1 to 86400";
    }
    ret->duration_ms = seconds > 0 ? (int32_t)(seconds * 1000) : 1000;
    if (strcmp(what, "end") == 0) {
        ret->what.kind = OVERRIDE_NONE;
    } else if (strcmp(what, "fallback") == 0) {
        ret->what.kind = OVERRIDE_FALLBACK;
    } else if (strcmp(what, "stage") == 0) {
        ret->what.kind = OVERRIDE_STAGE;
        ret->what.stage = (int32_t)whole_in(object, "stage", 0,
                                            network->intersections[ret->intersection].stage_count - 1, INDEX_NONE);
        return ret->what.stage != INDEX_NONE ? NULL : "stage: the intersection has no such stage";
    } else if (strcmp(what, "strategy") == 0) {
        ret->what.kind = OVERRIDE_STRATEGY;
        snprintf(ret->what.strategy, sizeof ret->what.strategy, "%s",
                 text_in(object, "strategy", STRATEGY_NAME_BYTES_MAX));
        return strategy_find(ret->what.strategy) != NULL ? NULL : "strategy: there is no such strategy";
    } else {
        return "do: stage, strategy, fallback or end";
    }
    return NULL;
}

static const char *acknowledge_fill(const json_t *object, struct desk_request *ret)
{
    ret->alarm = (uint32_t)whole_in(object, "alarm", 1, UINT32_MAX, 0);
    return ret->alarm != 0 ? NULL : "alarm: the id of an alarm";
}

bool console_request_read(enum desk_kind kind, const char *bytes, size_t count, const struct network *network,
                          struct desk_request *ret, void **ret_memory, const char **ret_why)
{
    json_t *object = json_loadb(bytes, count, JSON_REJECT_DUPLICATES, NULL);
    *ret = (struct desk_request){ .kind = kind, .what = { .stage = INDEX_NONE } };
    *ret_why = !json_is_object(object) ? "this is no JSON object"
        : kind == DESK_ACKNOWLEDGE ? acknowledge_fill(object, ret) : override_fill(object, network, ret);
    if (*ret_why != NULL) {
        json_decref(object);
        return false;
    }
    ret->identity = text_in(object, "identity", IDENTITY_BYTES_MAX);
    ret->identity = ret->identity[0] != '\0' ? ret->identity : "console";
    ret->token = text_in(object, "token", TOKEN_BYTES_MAX);
    *ret_memory = object;
    return true;
}

void console_request_release(void *memory)
{
    json_decref(memory);
}

void console_request_answer(const struct desk_answer *answer, struct page_text *text)
{
    page_text_add(text, "{\"accepted\":%s,\"until_ms\":%" PRId64 ",\"code\":\"%s\",\"text\":",
                  answer->accepted ? "true" : "false", answer->until_ms,
                  answer->code == ERROR_NONE ? "" : error_code_name(answer->code));
    page_text_string(text, answer->text);
    page_text_add(text, "}\n");
}
