#include "engine/store/store_inner.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "engine/model/units.h"

#define RESTORE_COUNT 128                 // plans asked for in one MGET
#define FENCED_WAIT_MS 1000               // how often a daemon that does not lead looks again
#define LOOK_CITY_KEY_COUNT 2
#define LOOK_KEY_COUNT 5                  // of a region
#define CLAIM_LEASES 5                    // a claim ends after so many times lease_ms
#define LOOK_MS 250                       // a connection that has been idle so long is tried
#define FIRST_MS_MAX 3000                 // without a first connection: now it is worth a word
#define LEASE_RENEW_PART 4                // of lease_ms: how often it is written, looked at; how long it is to be free
#define LEASE_LOOK_PART 8
#define LEASE_FREE_PART 3
#define PLAN_BYTES_MAX 65536              // of a stored plan; a longer one is not ours

static const char *const STATES[] = { "away", "connecting", "greeting", "restoring", "ready", "fencing", "writing",
                                     "looking", "fetching" };

static char *text_copy(const char *text)
{
    return text == NULL ? NULL : memory_copy(text, strlen(text) + 1, 1);
}

void store_create(const struct network *network, const struct store_options *options, struct store **ret)
{
    assert(options->batch_bytes_max >= (size_t)4 * BATCH_BYTES_RESERVED);
    assert(options->retry_ms_min > 0 && options->retry_ms_max >= options->retry_ms_min);
    struct store *store = memory_take(1, sizeof *store);
    store->network = network;
    store->options = *options;
    store_members_fill(store);
    size_t count = (size_t)store->member_count;
    store->city = text_copy(options->city);
    store->user = text_copy(options->user);
    store->password = text_copy(options->password);
    store->address = text_copy(options->address);
    store->now = memory_take(count, sizeof *store->now);
    store->written = memory_take(count, sizeof *store->written);
    store->valid = memory_take(count, sizeof *store->valid);
    store->batch = memory_take(count, sizeof *store->batch);
    commands_create(&store->commands, options->batch_bytes_max);
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
    for (int32_t i = 0; i < STORE_BOUNDARY_COUNT_MAX; i++) {
        free(store->crossings[i].bytes);
    }
    commands_release(&store->commands);
    free(store->members);
    free(store->address);
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
    store->fenced = store->claimed = store->boundary_begun = false;
    store->epoch_written = false;
}

void store_leave(struct store *store)
{
    store->leads = store->fenced = store->resigns = store->claimed = false;
    store->daemon_offered = store->offered = false;
    store->minute_count = store->minute_cursor = store->batch_minutes = 0;
    store->crossing_count = store->batch_crossings = store->batch_count = 0;
    store->lease_free_since_ms = INT64_MAX;
    store->boundary_begun = false;
    memset(store->valid, 0, (size_t)store->member_count);
    // Of what is under way the answers still come; none of it is ours any more.
    if (store->state == STORE_FENCING || store->state == STORE_WRITING) {
        store->abandoned = true;
    }
}

bool store_claimed(const struct store *store)
{
    return store->leads && store->claimed;
}

const char *store_leader(const struct store *store)
{
    return store->leads ? store->address != NULL ? store->address : "" : store->leader;
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
                                               : store->options.lease_ms + 2 * (int64_t)store->options.retry_ms_max
                                                   + store->options.patience_ms;
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
    for (int32_t m = 0; m < store->member_count; m++) {
        store->now[m] = field_row_from(&states[store->members[m]], versions[store->members[m]]);
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
    store->batch_crossings = 0;
}

static void rebuild(struct store *store)
{
    memset(store->valid, 0, (size_t)store->member_count);
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
    store->abandoned = false;
    store->held = ANSWER_GOOD;
    store->wake_ms = now_ms + back_off_ms(store);
}

void store_send(struct store *store, int64_t now_ms, enum store_state state, struct store_actions *ret)
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
    store_key(store, "epoch", INDEX_NONE, key);
    commands_begin(&store->commands);
    commands_word(&store->commands, "GET");
    commands_word(&store->commands, key);
    commands_end(&store->commands);
    store_send(store, now_ms, STORE_GREETING, ret);
}

// RESTORING: asks for the next plans; -> READY after the last.
static void restore_more(struct store *store, int64_t now_ms, struct store_actions *ret)
{
    char key[KEY_BYTES_MAX];
    int32_t upto = store->restore_cursor + RESTORE_COUNT;
    if (upto > store->member_count) {
        upto = store->member_count;
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
        store_key(store, "plan", store->members[i], key);
        commands_word(&store->commands, key);
    }
    commands_end(&store->commands);
    store_send(store, now_ms, STORE_RESTORING, ret);
}

static void restore_take(struct store *store, const struct answer *answer)
{
    for (int32_t i = 0; answer->kind == ANSWER_LIST && i < answer->count; i++) {
        const struct answer *plan = &answer->element[i];
        int32_t member = store->restore_cursor + i;
        if (plan->kind == ANSWER_TEXT && plan->bytes > 0 && plan->bytes <= PLAN_BYTES_MAX
            && member < store->member_count) {
            store->options.restored(store->options.owner, store->members[member], (const uint8_t *)plan->text,
                                    (size_t)plan->bytes);
        }
    }
    store->restore_cursor += RESTORE_COUNT;
    if (store->restore_cursor > store->member_count) {
        store->restore_cursor = store->member_count;
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
    store_key(store, "epoch", INDEX_NONE, key);
    commands_clear(&store->commands);
    static const char *const WORDS[] = { "WATCH", "MGET" };
    for (int i = 0; i < 2; i++) {
        commands_begin(&store->commands);
        commands_word(&store->commands, store->options.yields || i == 0 ? WORDS[i] : "GET");
        commands_word(&store->commands, key);
        if (i == 1 && store->options.yields) {
            store_key(store, "claim", INDEX_NONE, key);
            commands_word(&store->commands, key);
        }
        commands_end(&store->commands);
    }
    store_send(store, now_ms, STORE_FENCING, ret);
}

// The claim of a daemon on its own region, while it does not lead there: who leads in its place gives it up, and nobody
// else takes it meanwhile. It outlives the time that a daemon may take to begin.
static void put_claim(struct store *store)
{
    char key[KEY_BYTES_MAX];
    if (!store->options.claims || store->leads || !store->follows) {
        return;
    }
    store_key(store, "claim", INDEX_NONE, key);
    commands_begin(&store->commands);
    commands_word(&store->commands, "SET");
    commands_word(&store->commands, key);
    commands_word(&store->commands, store->address != NULL ? store->address : "claimed");
    commands_word(&store->commands, "PX");
    commands_number(&store->commands, (int64_t)CLAIM_LEASES * store->options.lease_ms);
    commands_end(&store->commands);
}

// READY -> LOOKING: who holds the lease, the epoch, where the leader is, how far its borders have been told, and
// whether somebody claims it.
static void look(struct store *store, int64_t now_ms, struct store_actions *ret)
{
    char key[KEY_BYTES_MAX];
    static const char *const KEYS[LOOK_KEY_COUNT] = { "lease", "epoch", "leader", "boundary_at", "claim" };
    commands_clear(&store->commands);
    put_claim(store);
    commands_begin(&store->commands);
    commands_word(&store->commands, "MGET");
    for (int i = 0; i < (store->options.regional ? LOOK_KEY_COUNT : LOOK_CITY_KEY_COUNT); i++) {
        store_key(store, KEYS[i], INDEX_NONE, key);
        commands_word(&store->commands, key);
    }
    commands_end(&store->commands);
    store->lease_looked_ms = now_ms;
    store_send(store, now_ms, STORE_LOOKING, ret);
}

static uint64_t number_from(const struct answer *answer)
{
    uint64_t number = 0;
    for (int32_t i = 0; answer->kind == ANSWER_TEXT && i < answer->bytes && i < 20; i++) {
        if (answer->text[i] < '0' || answer->text[i] > '9') {
            return 0;
        }
        number = number * 10 + (uint64_t)(answer->text[i] - '0');
    }
    return number;
}

// LOOKING -> READY, or FETCHING where something crossed the borders.
static void looked(struct store *store, const struct answer *answer, int64_t now_ms, struct store_actions *ret)
{
    store->state = STORE_READY;
    store->wake_ms = now_ms;
    if (answer->kind != ANSWER_LIST || answer->count < LOOK_CITY_KEY_COUNT) {
        return;
    }
    struct store_epoch found = store_epoch_from(&answer->element[1]);
    store->epoch_found = store_epoch_compare(found, store->epoch_found) > 0 ? found : store->epoch_found;
    store->lease_holder = store_epoch_from(&answer->element[0]);
    bool claimed = answer->count == LOOK_KEY_COUNT && answer->element[4].kind == ANSWER_TEXT
        && answer->element[4].bytes > 0;
    if (store->lease_holder.number != 0) {
        store->lease_free_since_ms = INT64_MAX;
        store->lease_seen_held = true;
    } else if (claimed && !store->options.claims) {
        store->lease_free_since_ms = INT64_MAX;   // For its own daemon alone.
    } else if (store->lease_free_since_ms == INT64_MAX) {
        store->lease_free_since_ms = now_ms;
    }
    if (answer->count < LOOK_KEY_COUNT || store->leads) {
        return;
    }
    const struct answer *leader = &answer->element[2];
    bool fits = leader->kind == ANSWER_TEXT && leader->bytes < STORE_ADDRESS_BYTES_MAX;
    snprintf(store->leader, sizeof store->leader, "%.*s", fits ? (int)leader->bytes : 0, fits ? leader->text : "");
    store->boundary_at = number_from(&answer->element[3]);
    if (store->options.boundary != NULL && store->boundary_at != 0
        && (!store->boundary_begun || store->boundary_at != store->boundary_taken)) {
        store_fetch_boundary(store, now_ms, ret);
    }
}

// FENCING -> WRITING
static void write_batch(struct store *store, int64_t now_ms, struct store_actions *ret)
{
    char key[KEY_BYTES_MAX];
    struct commands *commands = &store->commands;
    commands_clear(commands);
    commands_begin(commands);
    commands_word(commands, "MULTI");
    commands_end(commands);
    if (!store->epoch_written) {
        store_put_epoch(store);
    }
    store_put_lease(store, now_ms);
    if (store->daemon_offered) {
        store_put_daemon(store);
    }
    store_put_boundary(store);
    store->batch_count = 0;
    store->changes.bytes = 0;
    int32_t first = store->cursor, i = first;
    while (i < store->member_count && (!row_dirty(store, i) || store_put_row(store, i))) {
        i++;
    }
    bool complete = i == store->member_count;
    store->cursor = complete ? 0 : i;
    store->offered = !complete || first != 0;   // Rows before `first` may have changed since the walk began.
    store_put_minutes(store);
    store_key(store, "changes", INDEX_NONE, key);
    changes_publish(&store->changes, commands, key);
    commands_begin(commands);
    commands_word(commands, "EXEC");
    bool whole = commands_end(commands);
    assert(whole);
    store->daemon_offered = false;
    store_send(store, now_ms, STORE_WRITING, ret);
}

// The answer of GET epoch in FENCING, or of MGET epoch claim.
static void fence_answered(struct store *store, const struct answer *answer, int64_t now_ms,
                           struct store_actions *ret)
{
    if (store->options.yields && (answer->kind != ANSWER_LIST || answer->count != 2)) {
        store->state = STORE_READY;
        store->wake_ms = now_ms;
        return;
    }
    store->claimed = store->options.yields && answer->element[1].kind == ANSWER_TEXT
        && answer->element[1].bytes > 0;
    struct store_epoch found = store_epoch_from(store->options.yields ? &answer->element[0] : answer);
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
    store->crossing_first = (store->crossing_first + store->batch_crossings) % STORE_BOUNDARY_COUNT_MAX;
    store->crossing_count -= store->batch_crossings;
    store->counts.boundaries_written += store->batch_crossings;
    store->batch_crossings = 0;
    store->minute_cursor += store->batch_minutes;
    store->batch_minutes = 0;
    if (store->minute_count > 0 && store->minute_cursor >= store->member_count + 1) {
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
    if (store->abandoned) {
        // A key that is still watched can at most abort a later transaction, which is then repeated.
        store->abandoned = false;
        store->held = ANSWER_GOOD;
        store->state = STORE_READY;
        store->wake_ms = now_ms;
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
        looked(store, answer, now_ms, ret);
        break;
    case STORE_FETCHING:
        store_fetched_boundary(store, answer, now_ms);
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
    bool work = store->offered || store->daemon_offered || store->minute_count > 0 || store->crossing_count > 0
        || renew;
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
    case STORE_FETCHING:
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
    return store->state == STORE_READY && !store->offered && !store->daemon_offered && store->minute_count == 0
        && store->crossing_count == 0;
}

const struct store_counts *store_counts(const struct store *store)
{
    return &store->counts;
}
