// store_put.c: what a store keeps of the city, and the commands that write it. The states are in store.c.
#include "engine/store/store_inner.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

static int32_t region_of(const struct network *network, int32_t intersection)
{
    int32_t region = intersection == INDEX_NONE ? 0 : network->intersections[intersection].region;
    return region >= 0 && region < network->regions.count ? region : 0;
}

// The intersections that this store keeps; gives which member each is, or INDEX_NONE.
static int32_t *members_take(struct store *store)
{
    const struct network *network = store->network;
    int32_t *member_of = memory_take((size_t)network->intersection_count + 1, sizeof *member_of);
    store->members = memory_take((size_t)network->intersection_count, sizeof *store->members);
    for (int32_t i = 0; i < network->intersection_count; i++) {
        bool ours = !store->options.regional || region_of(network, i) == store->options.region;
        member_of[i] = ours ? store->member_count : INDEX_NONE;
        if (ours) {
            store->members[store->member_count++] = i;
        }
    }
    return member_of;
}

// The group of a sensor; INDEX_NONE: it is another region's.
static int32_t group_of(const struct store *store, const int32_t *member_of, int32_t sensor)
{
    const struct network *network = store->network;
    int32_t at = sensor < network->detector_count ? network->detectors[sensor].intersection
                                                  : network->cameras[sensor - network->detector_count].intersection;
    if (at != INDEX_NONE) {
        return member_of[at];
    }
    return !store->options.regional || store->options.region == 0 ? store->member_count : INDEX_NONE;
}

// Sensors (detectors, then cameras) in groups by the member that they serve.
static void group_sensors(struct store *store, const int32_t *member_of)
{
    const struct network *network = store->network;
    int32_t groups = store->member_count + 1;
    store->count_columns = network->detector_count + network->camera_count;
    store->sensor = memory_take((size_t)store->count_columns, sizeof *store->sensor);
    store->sensor_first = memory_take((size_t)groups + 1, sizeof *store->sensor_first);
    int32_t *filled = memory_take((size_t)groups + 1, sizeof *filled);
    for (int pass = 0; pass < 2; pass++) {
        for (int32_t i = 0; i < store->count_columns; i++) {
            int32_t group = group_of(store, member_of, i);
            if (group != INDEX_NONE && pass == 0) {
                store->sensor_first[group + 1]++;
            } else if (group != INDEX_NONE) {
                store->sensor[store->sensor_first[group] + filled[group]++] = i;
            }
        }
        for (int32_t group = 0; pass == 0 && group < groups; group++) {
            store->sensor_first[group + 1] += store->sensor_first[group];
        }
    }
    free(filled);
}

void store_members_fill(struct store *store)
{
    int32_t *member_of = members_take(store);
    group_sensors(store, member_of);
    free(member_of);
}

// An intersection's key, or the city's own where what ends in no name.
void store_key(const struct store *store, const char *what, int32_t intersection, char *key)
{
    if (intersection == INDEX_NONE) {
        snprintf(key, KEY_BYTES_MAX, "intergreen:{%s}:%s", store->city, what);
    } else {
        snprintf(key, KEY_BYTES_MAX, "intergreen:{%s}:%s:%s", store->city, what,
                 network_name(store->network, store->network->intersections[intersection].name));
    }
}

void store_put_lease(struct store *store, int64_t now_ms)
{
    char key[KEY_BYTES_MAX], text[32];
    struct commands *commands = &store->commands;
    if (store->options.lease_ms == 0 || (store->lease_withheld && !store->resigns)) {
        return;
    }
    store_key(store, "lease", INDEX_NONE, key);
    snprintf(text, sizeof text, "%" PRIu32 ".%" PRIu32, store->epoch.number, store->epoch.daemon);
    commands_begin(commands);
    commands_word(commands, store->resigns ? "DEL" : "SET");
    commands_word(commands, key);
    if (!store->resigns) {
        commands_word(commands, text);
        commands_word(commands, "PX");
        commands_number(commands, store->options.lease_ms);
    }
    commands_end(commands);
    store->lease_written_ms = now_ms;
}

static void put_field(struct commands *commands, const char *field, int64_t number)
{
    commands_word(commands, field);
    commands_number(commands, number);
}

void store_put_daemon(struct store *store)
{
    char key[KEY_BYTES_MAX], text[48];
    struct commands *commands = &store->commands;
    const struct store_daemon *daemon = &store->daemon;
    store_key(store, "daemon", INDEX_NONE, key);
    commands_begin(commands);
    commands_word(commands, "HSET");
    commands_word(commands, key);
    snprintf(text, sizeof text, "%" PRIu32 ".%" PRIu32, store->epoch.number, store->epoch.daemon);
    commands_word(commands, "epoch");
    commands_word(commands, text);
    commands_word(commands, "strategy");
    commands_word(commands, store->strategy);
    commands_word(commands, "mode");
    commands_word(commands, store->mode);
    field_time(daemon->time_ms, text, sizeof text);
    commands_word(commands, "updated");
    commands_word(commands, text);
    put_field(commands, "intersections", store->member_count);
    put_field(commands, "steps", daemon->steps);
    put_field(commands, "plans", daemon->plans);
    put_field(commands, "readings", daemon->readings);
    put_field(commands, "connections", daemon->connections);
    put_field(commands, "step_us", daemon->step_us);
    commands_end(commands);
}

bool store_put_row(struct store *store, int32_t member)
{
    char key[KEY_BYTES_MAX];
    struct commands *commands = &store->commands;
    int32_t i = store->members[member];
    bool fresh = !store->valid[member];
    bool new_plan = fresh
        || plan_version_compare(store->now[member].version, store->written[member].version) != 0;
    struct store_plan plan;
    bool has_plan = new_plan && store->now[member].version.epoch != 0
        && store->options.plan(store->options.owner, i, &plan);
    if (commands->used + BATCH_BYTES_RESERVED + (has_plan ? plan.byte_count : 0) > commands->bytes_max) {
        return false;
    }
    store_key(store, "intersection", i, key);
    fields_write(commands, key, store->network, i, fresh ? NULL : &store->written[member], &store->now[member],
                 has_plan ? &plan.plan : NULL, store->time_ms);
    if (has_plan) {
        store_key(store, "plan", i, key);
        commands_begin(commands);
        commands_word(commands, "SET");
        commands_word(commands, key);
        commands_bytes(commands, plan.bytes, plan.byte_count);
        commands_end(commands);
    }
    store_key(store, "changes", INDEX_NONE, key);
    changes_add(&store->changes, commands, key, network_name(store->network, store->network->intersections[i].name),
                store->time_ms);
    store->written[member] = store->now[member];
    store->valid[member] = 1;
    store->batch[store->batch_count++] = member;
    return true;
}

// The counts of one intersection in the oldest minute, in as many entries as they need.
static void put_counts(struct store *store, const struct minute *minute, int32_t group)
{
    char key[KEY_BYTES_MAX], text[32];
    const struct network *network = store->network;
    struct commands *commands = &store->commands;
    int32_t next = store->sensor_first[group], end = store->sensor_first[group + 1];
    store_key(store, "minutes", group == store->member_count ? INDEX_NONE : store->members[group], key);
    field_time(minute->minute_ms, text, sizeof text);
    while (next < end) {
        int32_t counted = 0;
        commands_begin(commands);
        commands_word(commands, "XADD");
        commands_word(commands, key);
        commands_word(commands, "MAXLEN");
        commands_word(commands, "~");
        commands_number(commands, store->options.minute_length_max);
        commands_word(commands, "*");
        commands_word(commands, "minute");
        commands_word(commands, text);
        for (; next < end && commands->word_count < COMMAND_WORD_COUNT_MAX - 2 && commands->word_count >= 0; next++) {
            int32_t sensor = store->sensor[next];
            if (minute->counts[sensor] < 0) {
                continue;
            }
            int32_t name = sensor < network->detector_count
                ? network->detectors[sensor].name : network->cameras[sensor - network->detector_count].name;
            put_field(commands, network_name(network, name), minute->counts[sensor]);
            counted++;
        }
        if (counted == 0) {
            commands->used = commands->begin;
        } else if (!commands_end(commands)) {
            return;   // More than a whole batch holds: its sensors' names are beyond reason.
        }
    }
}

static size_t counts_bytes(const struct store *store, int32_t group)
{
    size_t bytes = KEY_BYTES_MAX;
    for (int32_t i = store->sensor_first[group]; i < store->sensor_first[group + 1]; i++) {
        int32_t sensor = store->sensor[i];
        int32_t name = sensor < store->network->detector_count
            ? store->network->detectors[sensor].name
            : store->network->cameras[sensor - store->network->detector_count].name;
        bytes += strlen(network_name(store->network, name)) + 32;
    }
    return bytes;
}

void store_put_minutes(struct store *store)
{
    if (store->minute_count == 0) {
        return;
    }
    const struct minute *minute = &store->minutes[store->minute_first];
    int32_t groups = store->member_count + 1;
    while (store->minute_cursor + store->batch_minutes < groups) {
        int32_t group = store->minute_cursor + store->batch_minutes;
        size_t bytes = counts_bytes(store, group);
        if (store->commands.used + BATCH_BYTES_RESERVED + bytes > store->commands.bytes_max
            && store->batch_minutes > 0) {
            break;
        }
        if (store->commands.used + BATCH_BYTES_RESERVED > store->commands.bytes_max) {
            break;
        }
        put_counts(store, minute, group);
        store->batch_minutes++;
    }
}

// What waits of the readings at the borders, the oldest first, so that the newest comes to lie first.
void store_put_boundary(struct store *store)
{
    char key[KEY_BYTES_MAX], text[32];
    struct commands *commands = &store->commands;
    uint64_t newest = 0;
    store_key(store, "boundary", INDEX_NONE, key);
    store->batch_crossings = 0;
    while (store->batch_crossings < store->crossing_count) {
        const struct crossing *crossing =
            &store->crossings[(store->crossing_first + store->batch_crossings) % STORE_BOUNDARY_COUNT_MAX];
        if (commands->used + BATCH_BYTES_RESERVED + crossing->byte_count > commands->bytes_max) {
            break;
        }
        commands_begin(commands);
        commands_word(commands, "LPUSH");
        commands_word(commands, key);
        commands_bytes(commands, crossing->bytes, crossing->byte_count);
        commands_end(commands);
        newest = crossing->number;
        store->batch_crossings++;
    }
    if (store->batch_crossings == 0) {
        return;
    }
    commands_begin(commands);
    commands_word(commands, "LTRIM");
    commands_word(commands, key);
    commands_number(commands, 0);
    commands_number(commands, STORE_BOUNDARY_COUNT_MAX - 1);
    commands_end(commands);
    store_key(store, "boundary_at", INDEX_NONE, key);
    snprintf(text, sizeof text, "%" PRIu64, newest);
    commands_begin(commands);
    commands_word(commands, "SET");
    commands_word(commands, key);
    commands_word(commands, text);
    commands_end(commands);
}

static void put_leader(struct store *store)
{
    char key[KEY_BYTES_MAX];
    if (store->address != NULL) {
        store_key(store, "leader", INDEX_NONE, key);
        commands_begin(&store->commands);
        commands_word(&store->commands, "SET");
        commands_word(&store->commands, key);
        commands_word(&store->commands, store->address);
        commands_end(&store->commands);
    }
}

void store_put_epoch(struct store *store)
{
    char key[KEY_BYTES_MAX], text[32];
    struct commands *commands = &store->commands;
    store_key(store, "epoch", INDEX_NONE, key);
    snprintf(text, sizeof text, "%" PRIu32 ".%" PRIu32, store->epoch.number, store->epoch.daemon);
    commands_begin(commands);
    commands_word(commands, "SET");
    commands_word(commands, key);
    commands_word(commands, text);
    commands_end(commands);
    put_leader(store);
    if (store->options.claims) {
        store_key(store, "claim", INDEX_NONE, key);
        commands_begin(commands);
        commands_word(commands, "DEL");
        commands_word(commands, key);
        commands_end(commands);
    }
}
