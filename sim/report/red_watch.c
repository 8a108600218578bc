#include "sim/report/red_watch.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/model/lamp.h"

static const double AT_LINE_M = 10.0, STANDS_MPS = 0.1;

// The only group of a lane's connections; INDEX_NONE where there are several, or some are free to go.
static int32_t lane_group(const struct network *network, int32_t lane)
{
    const struct lane *at = &network->lanes[lane];
    int32_t group = INDEX_NONE;
    for (int32_t i = 0; i < at->connection_count; i++) {
        const struct connection *connection = &network->connections[at->first_connection + i];
        if (connection->group == INDEX_NONE || connection->right_on_red || (i > 0 && connection->group != group)) {
            return INDEX_NONE;
        }
        group = connection->group;
    }
    return group;
}

void red_watch_create(struct red_watch *watch, const struct network *network)
{
    *watch = (struct red_watch){ .network = network, .longest_group = INDEX_NONE };
    watch->group_of_lane = memory_take((size_t)network->lane_count, sizeof *watch->group_of_lane);
    watch->red_ms = memory_take((size_t)network->group_count, sizeof *watch->red_ms);
    watch->asked_ms = memory_take((size_t)network->group_count, sizeof *watch->asked_ms);
    watch->waits = memory_take((size_t)network->group_count, sizeof *watch->waits);
    for (int32_t lane = 0; lane < network->lane_count; lane++) {
        watch->group_of_lane[lane] = lane_group(network, lane);
    }
    for (int32_t group = 0; group < network->group_count; group++) {
        watch->red_ms[group] = INT64_MIN;
        watch->asked_ms[group] = INT64_MAX;
    }
}

void red_watch_release(struct red_watch *watch)
{
    free(watch->group_of_lane);
    free(watch->red_ms);
    free(watch->asked_ms);
    free(watch->waits);
    *watch = (struct red_watch){ 0 };
}

// A red so far, where somebody has waited since early enough.
static void judge(struct red_watch *watch, int32_t group, int64_t now_ms)
{
    int32_t most_ms = watch->network->groups[group].red_ms_max;
    int64_t red_ms = watch->red_ms[group];
    if (red_ms == INT64_MIN || red_ms == INT64_MAX || most_ms <= 0
        || watch->asked_ms[group] > red_ms + most_ms - RED_WATCH_LATE_MS) {
        return;
    }
    double share = (double)(now_ms - red_ms) / (double)most_ms;
    if (share > watch->longest_share) {
        watch->longest_share = share;
        watch->longest_group = group;
    }
}

void red_watch_lamps(struct red_watch *watch, const uint8_t *aspects, int64_t now_ms)
{
    for (int32_t group = 0; group < watch->network->group_count; group++) {
        bool green = aspects[group] == ASPECT_GREEN;
        if (!green && watch->red_ms[group] == INT64_MAX) {
            watch->red_ms[group] = now_ms;
        } else if (green) {
            judge(watch, group, now_ms);
            watch->red_ms[group] = INT64_MAX;
            watch->asked_ms[group] = INT64_MAX;
        }
    }
}

void red_watch_vehicles(struct red_watch *watch, const struct vehicle_view *views, int32_t count, int64_t now_ms)
{
    memset(watch->waits, 0, (size_t)watch->network->group_count);
    for (int32_t i = 0; i < count; i++) {
        const struct vehicle_view *view = &views[i];
        int32_t group = view->connection == INDEX_NONE ? watch->group_of_lane[view->lane] : INDEX_NONE;
        if (group != INDEX_NONE && view->speed_mps < STANDS_MPS
            && view->front_m > watch->network->lanes[view->lane].length_m - AT_LINE_M) {
            watch->waits[group] = 1;
        }
    }
    for (int32_t group = 0; group < watch->network->group_count; group++) {
        if (watch->waits[group] == 0 || watch->red_ms[group] == INT64_MAX) {
            watch->asked_ms[group] = INT64_MAX;
            continue;
        }
        watch->asked_ms[group] = watch->asked_ms[group] == INT64_MAX ? now_ms : watch->asked_ms[group];
        judge(watch, group, now_ms);
    }
}

void red_watch_save(const struct red_watch *watch, struct byte_sink *sink)
{
    size_t count = (size_t)watch->network->group_count;
    sink_put(sink, watch->red_ms, count * sizeof *watch->red_ms);
    sink_put(sink, watch->asked_ms, count * sizeof *watch->asked_ms);
    sink_put(sink, &watch->longest_share, sizeof watch->longest_share);
    sink_number(sink, watch->longest_group);
}

void red_watch_load(struct red_watch *watch, struct byte_source *source)
{
    size_t count = (size_t)watch->network->group_count;
    source_take(source, watch->red_ms, count * sizeof *watch->red_ms);
    source_take(source, watch->asked_ms, count * sizeof *watch->asked_ms);
    source_take(source, &watch->longest_share, sizeof watch->longest_share);
    watch->longest_group = (int32_t)source_number(source);
}
