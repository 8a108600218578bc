#include "engine/store/store.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "engine/store/changes.h"
#include "engine/model/units.h"

#define KEY_BYTES_MAX 1024
#define RESTORE_COUNT 128                 // plans asked for in one MGET
#define BATCH_BYTES_RESERVED 32768        // kept free for what ends a batch
#define FENCED_WAIT_MS 1000               // how often a daemon that does not lead looks again
#define LOOK_MS 250                       // a connection that has been idle so long is tried
#define FIRST_MS_MAX 3000                 // without a first connection: now it is worth a word
#define LEASE_RENEW_PART 4                // of lease_ms: how often it is written, looked at; how long it is to be free
#define LEASE_LOOK_PART 8
#define LEASE_FREE_PART 3
#define PLAN_BYTES_MAX 65536              // of a stored plan; a longer one is not ours

struct minute {
    int64_t minute_ms;
    int32_t *counts;
};

struct store {
    const struct network *network;
    struct store_options options;
    char *city, *user, *password;
    enum store_state state;
    int64_t wake_ms;
    int64_t progress_ms;                  // when the server last answered, or was first asked
    int32_t awaiting;                     // answers still to come
    int32_t retry_count;
    uint64_t draws;                       // of the jitter

    bool leads, fenced, epoch_written;
    struct store_epoch epoch, epoch_found;
    bool restored, read_again;
    int32_t restore_cursor;

    bool follows, lease_withheld, resigns;
    bool lease_seen_held;                 // on this connection
    struct store_epoch lease_holder;      // as last looked at; {0}: free
    int64_t lease_written_ms, lease_looked_ms;
    int64_t lease_free_since_ms;          // INT64_MAX: it is held, or has not been looked at on this connection

    struct field_row *now, *written;      // by intersection
    uint8_t *valid;                       // by intersection: written[i] is what the store holds
    bool offered;                         // something may differ
    int32_t cursor;                       // where the next batch begins to look
    int32_t *batch;                       // intersections in the batch under way
    int32_t batch_count;
    int32_t batch_minutes;                // intersections whose minute is in the batch

    int64_t time_ms;                      // of the newest offer
    struct store_daemon daemon;
    char strategy[64], mode[16];
    bool daemon_offered;

    struct minute minutes[STORE_MINUTE_COUNT_MAX];
    int32_t minute_first, minute_count;
    int32_t minute_cursor;                // intersection within the oldest minute
    int32_t count_columns;                // detectors + cameras
    int32_t *sensor, *sensor_first;       // sensors by intersection; the last group: those that serve none

    enum answer_class held;               // first error of the pipeline under way
    enum answer_class trouble;            // what the log last said; GOOD: all is well
    bool away_said;
    int64_t away_since_ms;
    struct commands commands;
    char said[STORE_PROBLEM_BYTES_MAX];
    struct changes changes;
    struct store_counts counts;
};

static const char *const STATES[] = { "away", "connecting", "greeting", "restoring", "ready", "fencing", "writing",
                                     "looking" };

static char *text_copy(const char *text)
{
    return text == NULL ? NULL : memory_copy(text, strlen(text) + 1, 1);
}

// Sensors (detectors, then cameras) in groups by the intersection that they serve.
static void group_sensors(struct store *store)
{
    const struct network *network = store->network;
    int32_t groups = network->intersection_count + 1;
    store->count_columns = network->detector_count + network->camera_count;
    store->sensor = memory_take((size_t)store->count_columns, sizeof *store->sensor);
    store->sensor_first = memory_take((size_t)groups + 1, sizeof *store->sensor_first);
    int32_t *filled = memory_take((size_t)groups + 1, sizeof *filled);
    for (int pass = 0; pass < 2; pass++) {
        for (int32_t i = 0; i < store->count_columns; i++) {
            int32_t at = i < network->detector_count ? network->detectors[i].intersection
                                                     : network->cameras[i - network->detector_count].intersection;
            int32_t group = at == INDEX_NONE ? network->intersection_count : at;
            if (pass == 0) {
                store->sensor_first[group + 1]++;
            } else {
                store->sensor[store->sensor_first[group] + filled[group]++] = i;
            }
        }
        for (int32_t group = 0; pass == 0 && group < groups; group++) {
            store->sensor_first[group + 1] += store->sensor_first[group];
        }
    }
    free(filled);
}

void store_create(const struct network *network, const struct store_options *options, struct store **ret)
{
    assert(options->batch_bytes_max >= (size_t)4 * BATCH_BYTES_RESERVED);
    assert(options->retry_ms_min > 0 && options->retry_ms_max >= options->retry_ms_min);
    struct store *store = memory_take(1, sizeof *store);
    size_t count = (size_t)network->intersection_count;
    store->network = network;
    store->options = *options;
    store->city = text_copy(options->city);
    store->user = text_copy(options->user);
    store->password = text_copy(options->password);
    store->now = memory_take(count, sizeof *store->now);
    store->written = memory_take(count, sizeof *store->written);
    store->valid = memory_take(count, sizeof *store->valid);
    store->batch = memory_take(count, sizeof *store->batch);
    commands_create(&store->commands, options->batch_bytes_max);
    group_sensors(store);
    store->lease_free_since_ms = INT64_MAX;
    for (int32_t i = 0; i < STORE_MINUTE_COUNT_MAX; i++) {
        store->minutes[i].counts = memory_take((size_t)store->count_columns, sizeof(int32_t));
    }
    *ret = store;
}

void store_release(struct store *store)
{
    if (store == NULL) {
        return;
    }
    for (int32_t i = 0; i < STORE_MINUTE_COUNT_MAX; i++) {
        free(store->minutes[i].counts);
    }
    commands_release(&store->commands);
    free(store->city);
    free(store->user);
    free(store->password);
    free(store->now);
    free(store->written);
    free(store->valid);
    free(store->batch);
    free(store->sensor);
    free(store->sensor_first);
    free(store);
}

void store_lead(struct store *store, struct store_epoch epoch)
{
    assert(epoch.number > 0);
    store->epoch = epoch;
    store->leads = true;
    store->epoch_written = false;
}

void store_follow(struct store *store)
{
    assert(store->options.lease_ms > 0);
    store->follows = true;
}

bool store_lease_free(const struct store *store, int64_t now_ms, struct store_epoch *ret_holder)
{
    // On a connection that never showed it held the leader may not have come back to the store yet.
    int64_t needed_ms = store->lease_seen_held ? store->options.lease_ms / LEASE_FREE_PART
                                               : store->options.lease_ms + 2 * (int64_t)store->options.retry_ms_max;
    *ret_holder = store->lease_holder;
    return store->lease_free_since_ms != INT64_MAX && now_ms - store->lease_free_since_ms >= needed_ms;
}

void store_read_again(struct store *store)
{
    store->restored = false;
    store->read_again = true;
}

void store_hold_lease(struct store *store, bool hold)
{
    store->lease_withheld = !hold;
}

void store_resign(struct store *store)
{
    store->resigns = store->options.lease_ms > 0;
    store->daemon_offered = store->daemon_offered || store->resigns;
}

void store_offer(struct store *store, const struct intersection_state *states, const struct plan_version *versions,
                 const struct store_daemon *daemon)
{
    for (int32_t i = 0; i < store->network->intersection_count; i++) {
        store->now[i] = field_row_from(&states[i], versions[i]);
    }
    store->offered = true;
    store->time_ms = daemon->time_ms;
    store->daemon = *daemon;
    snprintf(store->strategy, sizeof store->strategy, "%s", daemon->strategy);
    snprintf(store->mode, sizeof store->mode, "%s", daemon->mode);
    store->daemon_offered = true;
}

void store_offer_minute(struct store *store, int64_t minute_ms, const int32_t *counts)
{
    if (store->minute_count == STORE_MINUTE_COUNT_MAX) {
        store->minute_first = (store->minute_first + 1) % STORE_MINUTE_COUNT_MAX;
        store->minute_count--;
        store->minute_cursor = 0;
        store->batch_minutes = 0;
        store->counts.minutes_dropped++;
    }
    struct minute *minute = &store->minutes[(store->minute_first + store->minute_count) % STORE_MINUTE_COUNT_MAX];
    minute->minute_ms = minute_ms;
    memcpy(minute->counts, counts, (size_t)store->count_columns * sizeof *counts);
    store->minute_count++;
}

static void say(struct store *store, struct store_actions *ret, bool alarm)
{
    ret->said = store->said;
    ret->alarm = alarm;
}

// An intersection's key, or the city's own where what ends in no name.
static void key_write(const struct store *store, const char *what, int32_t intersection, char *key)
{
    if (intersection == INDEX_NONE) {
        snprintf(key, KEY_BYTES_MAX, "intergreen:{%s}:%s", store->city, what);
    } else {
        snprintf(key, KEY_BYTES_MAX, "intergreen:{%s}:%s:%s", store->city, what,
                 network_name(store->network, store->network->intersections[intersection].name));
    }
}

static int64_t back_off_ms(struct store *store)
{
    int64_t wait_ms = store->options.retry_ms_min;
    for (int32_t i = 0; i < store->retry_count && wait_ms < store->options.retry_ms_max; i++) {
        wait_ms *= 2;
    }
    if (wait_ms > store->options.retry_ms_max) {
        wait_ms = store->options.retry_ms_max;
    }
    store->retry_count++;
    double share = 0.75 + 0.5 * random_unit(store->options.jitter_seed, RANDOM_RETRY, 0, store->draws++);
    return (int64_t)((double)wait_ms * share) + 1;
}

// The batch under way did not come to be: its rows are to be written again.
static void batch_forget(struct store *store)
{
    for (int32_t i = 0; i < store->batch_count; i++) {
        store->valid[store->batch[i]] = 0;
    }
    store->offered = store->offered || store->batch_count > 0;
    store->batch_count = 0;
    store->batch_minutes = 0;
}

static void rebuild(struct store *store)
{
    memset(store->valid, 0, (size_t)store->network->intersection_count);
    store->offered = true;
    store->cursor = 0;
}

// any state -> AWAY
static void go_away(struct store *store, int64_t now_ms, struct store_actions *ret)
{
    if (store->state != STORE_AWAY) {
        store->away_since_ms = store->state >= STORE_READY ? now_ms : store->away_since_ms;
        store->counts.losses += store->state >= STORE_GREETING;
    }
    batch_forget(store);
    ret->close = true;
    store->state = STORE_AWAY;
    store->lease_free_since_ms = INT64_MAX;   // Nobody knows.
    store->lease_seen_held = false;
    store->awaiting = 0;
    store->held = ANSWER_GOOD;
    store->wake_ms = now_ms + back_off_ms(store);
}

static void send_all(struct store *store, int64_t now_ms, enum store_state state, struct store_actions *ret)
{
    store->state = state;
    store->awaiting = store->commands.count;
    store->progress_ms = now_ms;
    store->wake_ms = now_ms + store->options.answer_ms_max;
    store->counts.commands += store->commands.count;
    ret->send = &store->commands;
}

// CONNECTING -> GREETING
static void greet(struct store *store, int64_t now_ms, struct store_actions *ret)
{
    char key[KEY_BYTES_MAX];
    commands_clear(&store->commands);
    if (store->password != NULL) {
        commands_begin(&store->commands);
        commands_word(&store->commands, "AUTH");
        if (store->user != NULL) {
            commands_word(&store->commands, store->user);
        }
        commands_word(&store->commands, store->password);
        commands_end(&store->commands);
    }
    if (store->options.database != 0) {
        commands_begin(&store->commands);
        commands_word(&store->commands, "SELECT");
        commands_number(&store->commands, store->options.database);
        commands_end(&store->commands);
    }
    key_write(store, "epoch", INDEX_NONE, key);
    commands_begin(&store->commands);
    commands_word(&store->commands, "GET");
    commands_word(&store->commands, key);
    commands_end(&store->commands);
    send_all(store, now_ms, STORE_GREETING, ret);
}

// RESTORING: asks for the next plans; -> READY after the last.
static void restore_more(struct store *store, int64_t now_ms, struct store_actions *ret)
{
    char key[KEY_BYTES_MAX];
    int32_t upto = store->restore_cursor + RESTORE_COUNT;
    if (upto > store->network->intersection_count) {
        upto = store->network->intersection_count;
    }
    if (store->restore_cursor == upto) {
        store->restored = true;
        store->state = STORE_READY;
        store->wake_ms = now_ms;
        return;
    }
    commands_clear(&store->commands);
    commands_begin(&store->commands);
    commands_word(&store->commands, "MGET");
    for (int32_t i = store->restore_cursor; i < upto; i++) {
        key_write(store, "plan", i, key);
        commands_word(&store->commands, key);
    }
    commands_end(&store->commands);
    send_all(store, now_ms, STORE_RESTORING, ret);
}

static void restore_take(struct store *store, const struct answer *answer)
{
    for (int32_t i = 0; answer->kind == ANSWER_LIST && i < answer->count; i++) {
        const struct answer *plan = &answer->element[i];
        int32_t intersection = store->restore_cursor + i;
        if (plan->kind == ANSWER_TEXT && plan->bytes > 0 && plan->bytes <= PLAN_BYTES_MAX
            && intersection < store->network->intersection_count) {
            store->options.restored(store->options.owner, intersection, (const uint8_t *)plan->text,
                                    (size_t)plan->bytes);
        }
    }
    store->restore_cursor += RESTORE_COUNT;
    if (store->restore_cursor > store->network->intersection_count) {
        store->restore_cursor = store->network->intersection_count;
    }
}

// GREETING -> RESTORING, or READY where it has been done.
static void greeted(struct store *store, const struct answer *answer, int64_t now_ms, struct store_actions *ret)
{
    struct store_epoch found = store_epoch_from(answer);
    if (store_epoch_compare(found, store->epoch_found) > 0) {
        store->epoch_found = found;
    }
    store->counts.connects++;
    rebuild(store);
    if (store->trouble == ANSWER_LOADING || store->trouble == ANSWER_BUSY || store->trouble == ANSWER_DENIED) {
        store->trouble = ANSWER_GOOD;
    }
    if (store->away_said) {
        snprintf(store->said, sizeof store->said, "store: back after %.1f s; the whole state is written again",
                 s_from_ms(now_ms - store->away_since_ms));
        say(store, ret, false);
        store->away_said = false;
    }
    store->read_again = false;
    if (store->restored || store->leads) {
        store->restored = true;   // Memory is newer than the store.
        store->state = STORE_READY;
        store->wake_ms = now_ms;
        return;
    }
    store->restore_cursor = 0;
    restore_more(store, now_ms, ret);
}

static bool row_dirty(const struct store *store, int32_t i)
{
    return !store->valid[i] || memcmp(&store->now[i], &store->written[i], sizeof store->now[i]) != 0;
}

// READY -> FENCING
static void fence(struct store *store, int64_t now_ms, struct store_actions *ret)
{
    char key[KEY_BYTES_MAX];
    key_write(store, "epoch", INDEX_NONE, key);
    commands_clear(&store->commands);
    static const char *const WORDS[] = { "WATCH", "GET" };
    for (int i = 0; i < 2; i++) {
        commands_begin(&store->commands);
        commands_word(&store->commands, WORDS[i]);
        commands_word(&store->commands, key);
        commands_end(&store->commands);
    }
    send_all(store, now_ms, STORE_FENCING, ret);
}

// READY -> LOOKING: who holds the lease, and the epoch.
static void look(struct store *store, int64_t now_ms, struct store_actions *ret)
{
    char key[KEY_BYTES_MAX];
    static const char *const KEYS[] = { "lease", "epoch" };
    commands_clear(&store->commands);
    commands_begin(&store->commands);
    commands_word(&store->commands, "MGET");
    for (int i = 0; i < 2; i++) {
        key_write(store, KEYS[i], INDEX_NONE, key);
        commands_word(&store->commands, key);
    }
    commands_end(&store->commands);
    store->lease_looked_ms = now_ms;
    send_all(store, now_ms, STORE_LOOKING, ret);
}

// LOOKING -> READY
static void looked(struct store *store, const struct answer *answer, int64_t now_ms)
{
    store->state = STORE_READY;
    store->wake_ms = now_ms;
    if (answer->kind != ANSWER_LIST || answer->count != 2) {
        return;
    }
    struct store_epoch found = store_epoch_from(&answer->element[1]);
    store->epoch_found = store_epoch_compare(found, store->epoch_found) > 0 ? found : store->epoch_found;
    store->lease_holder = store_epoch_from(&answer->element[0]);
    if (store->lease_holder.number != 0) {
        store->lease_free_since_ms = INT64_MAX;
        store->lease_seen_held = true;
    } else if (store->lease_free_since_ms == INT64_MAX) {
        store->lease_free_since_ms = now_ms;
    }
}

static void put_lease(struct store *store, int64_t now_ms)
{
    char key[KEY_BYTES_MAX], text[32];
    struct commands *commands = &store->commands;
    if (store->options.lease_ms == 0 || (store->lease_withheld && !store->resigns)) {
        return;
    }
    key_write(store, "lease", INDEX_NONE, key);
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

static void put_daemon(struct store *store)
{
    char key[KEY_BYTES_MAX], text[48];
    struct commands *commands = &store->commands;
    const struct store_daemon *daemon = &store->daemon;
    key_write(store, "daemon", INDEX_NONE, key);
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
    put_field(commands, "intersections", store->network->intersection_count);
    put_field(commands, "steps", daemon->steps);
    put_field(commands, "plans", daemon->plans);
    put_field(commands, "readings", daemon->readings);
    put_field(commands, "connections", daemon->connections);
    put_field(commands, "step_us", daemon->step_us);
    commands_end(commands);
}

// One row: its hash and, where it is new, its plan. false: no room in this batch.
static bool put_row(struct store *store, int32_t i)
{
    char key[KEY_BYTES_MAX];
    struct commands *commands = &store->commands;
    bool fresh = !store->valid[i];
    bool new_plan = fresh || plan_version_compare(store->now[i].version, store->written[i].version) != 0;
    struct store_plan plan;
    bool has_plan = new_plan && store->now[i].version.epoch != 0
        && store->options.plan(store->options.owner, i, &plan);
    if (commands->used + BATCH_BYTES_RESERVED + (has_plan ? plan.byte_count : 0) > commands->bytes_max) {
        return false;
    }
    key_write(store, "intersection", i, key);
    fields_write(commands, key, store->network, i, fresh ? NULL : &store->written[i], &store->now[i],
                 has_plan ? &plan.plan : NULL, store->time_ms);
    if (has_plan) {
        key_write(store, "plan", i, key);
        commands_begin(commands);
        commands_word(commands, "SET");
        commands_word(commands, key);
        commands_bytes(commands, plan.bytes, plan.byte_count);
        commands_end(commands);
    }
    key_write(store, "changes", INDEX_NONE, key);
    changes_add(&store->changes, commands, key, network_name(store->network, store->network->intersections[i].name),
                store->time_ms);
    store->written[i] = store->now[i];
    store->valid[i] = 1;
    store->batch[store->batch_count++] = i;
    return true;
}

// The counts of one intersection in the oldest minute, in as many entries as they need.
static void put_counts(struct store *store, const struct minute *minute, int32_t group)
{
    char key[KEY_BYTES_MAX], text[32];
    const struct network *network = store->network;
    struct commands *commands = &store->commands;
    int32_t next = store->sensor_first[group], end = store->sensor_first[group + 1];
    key_write(store, "minutes", group == network->intersection_count ? INDEX_NONE : group, key);
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

static void put_minutes(struct store *store)
{
    if (store->minute_count == 0) {
        return;
    }
    const struct minute *minute = &store->minutes[store->minute_first];
    int32_t groups = store->network->intersection_count + 1;
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

// FENCING -> WRITING
static void write_batch(struct store *store, int64_t now_ms, struct store_actions *ret)
{
    char key[KEY_BYTES_MAX], text[32];
    struct commands *commands = &store->commands;
    commands_clear(commands);
    commands_begin(commands);
    commands_word(commands, "MULTI");
    commands_end(commands);
    if (!store->epoch_written) {
        key_write(store, "epoch", INDEX_NONE, key);
        snprintf(text, sizeof text, "%" PRIu32 ".%" PRIu32, store->epoch.number, store->epoch.daemon);
        commands_begin(commands);
        commands_word(commands, "SET");
        commands_word(commands, key);
        commands_word(commands, text);
        commands_end(commands);
    }
    put_lease(store, now_ms);
    if (store->daemon_offered) {
        put_daemon(store);
    }
    store->batch_count = 0;
    store->changes.bytes = 0;
    int32_t first = store->cursor, i = first;
    while (i < store->network->intersection_count && (!row_dirty(store, i) || put_row(store, i))) {
        i++;
    }
    bool complete = i == store->network->intersection_count;
    store->cursor = complete ? 0 : i;
    store->offered = !complete || first != 0;   // Rows before `first` may have changed since the walk began.
    put_minutes(store);
    key_write(store, "changes", INDEX_NONE, key);
    changes_publish(&store->changes, commands, key);
    commands_begin(commands);
    commands_word(commands, "EXEC");
    bool whole = commands_end(commands);
    assert(whole);
    store->daemon_offered = false;
    send_all(store, now_ms, STORE_WRITING, ret);
}

// The answer of GET epoch in FENCING.
static void fence_answered(struct store *store, const struct answer *answer, int64_t now_ms,
                           struct store_actions *ret)
{
    struct store_epoch found = store_epoch_from(answer);
    int order = store_epoch_compare(found, store->epoch);
    if (order > 0) {
        if (!store->fenced) {
            snprintf(store->said, sizeof store->said, "store: epoch %" PRIu32 " of daemon %" PRIu32
                     " is newer than ours (%" PRIu32 "): another daemon leads there, nothing is written",
                     found.number, found.daemon, store->epoch.number);
            say(store, ret, true);
        }
        store->fenced = true;
        store->epoch_found = found;
        store->counts.fenced++;
        store->state = STORE_READY;
        store->wake_ms = now_ms + FENCED_WAIT_MS;
        return;
    }
    store->fenced = false;
    if (order < 0) {
        if (store->epoch_written) {
            snprintf(store->said, sizeof store->said,
                     "store: it has lost what was written; the whole state is written again");
            say(store, ret, true);
            store->counts.rebuilt++;
        }
        store->epoch_written = false;
        rebuild(store);
    }
    write_batch(store, now_ms, ret);
}

// The batch is done: WRITING -> READY.
static void written(struct store *store, const struct answer *answer, int64_t now_ms, struct store_actions *ret)
{
    store->state = STORE_READY;
    store->wake_ms = now_ms;
    if (answer->kind != ANSWER_LIST) {
        batch_forget(store);   // The epoch changed between WATCH and EXEC: look at it again.
        store->cursor = 0;
        return;
    }
    enum answer_class worst = ANSWER_GOOD;
    for (int32_t i = 0; i < answer->count; i++) {
        enum answer_class class = answer_classify(&answer->element[i]);
        if (class != ANSWER_GOOD) {
            store->counts.errors[class]++;
            worst = class;
        }
    }
    if (worst != ANSWER_GOOD && store->trouble != worst) {
        snprintf(store->said, sizeof store->said, "store: some of what was written was refused (%s). %s",
                 answer_class_name(worst), answer_class_remedy(worst));
        say(store, ret, true);
    } else if (worst == ANSWER_GOOD && store->trouble != ANSWER_GOOD) {
        snprintf(store->said, sizeof store->said, "store: writes are taken again");
        say(store, ret, false);
    }
    store->trouble = worst;
    store->epoch_written = true;
    store->retry_count = 0;
    store->counts.batches++;
    store->batch_count = 0;
    store->minute_cursor += store->batch_minutes;
    store->batch_minutes = 0;
    if (store->minute_count > 0 && store->minute_cursor >= store->network->intersection_count + 1) {
        store->minute_first = (store->minute_first + 1) % STORE_MINUTE_COUNT_MAX;
        store->minute_count--;
        store->minute_cursor = 0;
    }
}

// The pipeline ended with an error somewhere.
static void refused(struct store *store, int64_t now_ms, struct store_actions *ret)
{
    enum answer_class class = store->held;
    store->held = ANSWER_GOOD;
    bool reconnect = class == ANSWER_READ_ONLY || class == ANSWER_DENIED || store->state < STORE_READY;
    if (store->trouble != class) {
        bool alarm = class != ANSWER_LOADING && class != ANSWER_BUSY;
        if (ret->said == NULL) {
            snprintf(store->said, sizeof store->said, "store: Redis says %s; the engine goes on from memory. %s",
                     answer_class_name(class), answer_class_remedy(class));
            say(store, ret, alarm);
        }
        store->trouble = class;
    }
    store->away_said = store->away_said || store->state < STORE_READY;
    if (reconnect) {
        go_away(store, now_ms, ret);
        return;
    }
    batch_forget(store);
    store->cursor = 0;
    store->daemon_offered = true;
    store->state = STORE_READY;
    store->wake_ms = now_ms + back_off_ms(store);
}

void store_answer(struct store *store, int64_t now_ms, const struct answer *answer, struct store_actions *ret)
{
    *ret = (struct store_actions){ 0 };
    if (store->awaiting == 0) {
        return;
    }
    store->awaiting--;
    store->progress_ms = now_ms;
    store->wake_ms = now_ms + store->options.answer_ms_max;
    enum answer_class class = answer_classify(answer);
    if (class != ANSWER_GOOD) {
        store->counts.errors[class]++;
        if (store->held == ANSWER_GOOD) {
            store->held = class;
        }
    }
    if (store->awaiting > 0) {
        return;
    }
    if (store->held != ANSWER_GOOD) {
        refused(store, now_ms, ret);
        return;
    }
    switch (store->state) {
    case STORE_GREETING:
        greeted(store, answer, now_ms, ret);
        break;
    case STORE_RESTORING:
        restore_take(store, answer);
        restore_more(store, now_ms, ret);
        break;
    case STORE_FENCING:
        fence_answered(store, answer, now_ms, ret);
        break;
    case STORE_WRITING:
        written(store, answer, now_ms, ret);
        break;
    case STORE_LOOKING:
        looked(store, answer, now_ms);
        break;
    case STORE_AWAY:
    case STORE_CONNECTING:
    case STORE_READY:
        break;
    }
}

void store_connected(struct store *store, int64_t now_ms, struct store_actions *ret)
{
    *ret = (struct store_actions){ 0 };
    if (store->state == STORE_CONNECTING) {
        greet(store, now_ms, ret);
    }
}

void store_lost(struct store *store, int64_t now_ms, const char *cause, struct store_actions *ret)
{
    *ret = (struct store_actions){ 0 };
    if (store->state == STORE_AWAY) {
        return;
    }
    go_away(store, now_ms, ret);
    // A server that is only just starting is no alarm.
    bool starting = store->counts.connects == 0 && now_ms - store->away_since_ms < FIRST_MS_MAX;
    if (!store->away_said && !starting) {
        store->away_said = true;
        snprintf(store->said, sizeof store->said, "store: Redis is away (%s); the engine goes on from memory", cause);
        say(store, ret, true);
    }
}

// What is to be done next on a connection that is idle.
static void ready(struct store *store, int64_t now_ms, struct store_actions *ret)
{
    int32_t lease_ms = store->options.lease_ms;
    bool renew = lease_ms > 0 && !store->lease_withheld
        && now_ms - store->lease_written_ms >= lease_ms / LEASE_RENEW_PART;
    bool work = store->offered || store->daemon_offered || store->minute_count > 0 || renew;
    bool waits = store->fenced || store->trouble != ANSWER_GOOD;   // until its time has come
    bool follows = store->follows && !store->leads;
    // A server that is not asked cannot be found missing: the same question serves whoever has nothing else to say.
    int32_t look_ms = follows ? lease_ms / LEASE_LOOK_PART : LOOK_MS;
    if (store->read_again) {
        store->read_again = false;
        store->restore_cursor = 0;
        restore_more(store, now_ms, ret);
    } else if (store->leads && work && (!waits || now_ms >= store->wake_ms)) {
        fence(store, now_ms, ret);
    } else if (now_ms - (follows ? store->lease_looked_ms : store->progress_ms) >= look_ms && !waits) {
        look(store, now_ms, ret);
    } else if (now_ms >= store->wake_ms) {
        store->wake_ms = now_ms + look_ms;
    }
}

void store_tick(struct store *store, int64_t now_ms, struct store_actions *ret)
{
    *ret = (struct store_actions){ 0 };
    switch (store->state) {
    case STORE_AWAY:
        if (now_ms >= store->wake_ms) {
            store->away_since_ms = store->counts.connects == 0 && store->away_since_ms == 0 ? now_ms
                                                                                         : store->away_since_ms;
            store->state = STORE_CONNECTING;
            store->progress_ms = now_ms;
            store->wake_ms = now_ms + store->options.connect_ms_max;
            ret->connect = true;
        }
        break;
    case STORE_CONNECTING:
        if (now_ms - store->progress_ms >= store->options.connect_ms_max) {
            store_lost(store, now_ms, "no connection in time", ret);
        }
        break;
    case STORE_GREETING:
    case STORE_RESTORING:
    case STORE_FENCING:
    case STORE_WRITING:
    case STORE_LOOKING:
        if (now_ms - store->progress_ms >= store->options.answer_ms_max) {
            store_lost(store, now_ms, "no answer in time", ret);
        }
        break;
    case STORE_READY:
        ready(store, now_ms, ret);
        break;
    }
}

int64_t store_wake_ms(const struct store *store)
{
    return store->wake_ms;
}

enum store_state store_state(const struct store *store)
{
    return store->state;
}

const char *store_state_name(enum store_state state)
{
    return STATES[state];
}

bool store_restored(const struct store *store, struct store_epoch *ret)
{
    if (store->restored && ret != NULL) {
        *ret = store->epoch_found;
    }
    return store->restored;
}

bool store_fenced(const struct store *store, struct store_epoch *ret)
{
    if (store->fenced && ret != NULL) {
        *ret = store->epoch_found;
    }
    return store->fenced;
}

bool store_settled(const struct store *store)
{
    return store->state == STORE_READY && !store->offered && !store->daemon_offered && store->minute_count == 0;
}

const struct store_counts *store_counts(const struct store *store)
{
    return &store->counts;
}
