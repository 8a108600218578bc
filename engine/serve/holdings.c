#include "engine/serve/holdings.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/serve/city_clock.h"
#include "engine/serve/journal.h"
#include "engine/wire/frame.h"
#include "engine/wire/observation_codec.h"

#define BATCH_BYTES_MAX (1u << 20)
#define LEAVE_MS_MAX 2000             // for the last plans to be written and the lease to be given up
#define BOUNDARY_SOURCE UINT32_C(0xffff0000)   // plus the region: the source of readings that crossed its border

// ---- what the settings say

static bool names_have(const char *const *names, int32_t count, const char *name)
{
    for (int32_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static enum status regions_known(const struct network *network, const char *key, const char *const *names,
                                 int32_t count, struct problem *problem)
{
    for (int32_t i = 0; i < count; i++) {
        if (names_find(&network->regions, names[i]) == NAME_NONE) {
            return problem_report(problem, STATUS_UNKNOWN, key, names[i],
                                  "Cut the network into regions with `intergreen import --regions N`.",
                                  "the network has no such region");
        }
    }
    return STATUS_OK;
}

enum status holdings_check(const struct network *network, const struct settings *settings, struct problem *problem)
{
    if (!settings->parted) {
        return STATUS_OK;
    }
    if (network->regions.count > BOUNDARY_REGION_COUNT_MAX) {
        return problem_report(problem, STATUS_LIMIT, "leads", NULL,
                              "Cut it anew with `intergreen import --regions N`.",
                              "the network has %d regions, and at most %d can be led apart", network->regions.count,
                              BOUNDARY_REGION_COUNT_MAX);
    }
    enum status status = regions_known(network, "leads", settings->leads, settings->leads_count, problem);
    return status != STATUS_OK ? status
        : regions_known(network, "stands_in_for", settings->stands_in_for, settings->stands_in_count, problem);
}

// ---- what the stores tell

static void on_restored(void *owner, int32_t intersection, const uint8_t *bytes, size_t byte_count)
{
    struct holding *holding = owner;
    *GROW(holding->plans) = (struct kept_plan){ .intersection = intersection,
        .bytes = memory_copy(bytes, byte_count, 1), .byte_count = byte_count };
}

static bool on_plan(void *owner, int32_t intersection, struct store_plan *ret)
{
    struct holding *holding = owner;
    return holding->of->options.plan(holding->of->options.owner, intersection, ret);
}

// One batch that crossed: only readings of the region's own sensors, judged as any detector's are.
static void batch_take(struct holding *holding, struct cursor message, uint64_t after, int64_t now_ms)
{
    struct holdings *holdings = holding->of;
    const struct network *network = holdings->options.network;
    struct session_limits limits = session_limits_default();
    struct reading_rules rules = { .detector_count = network->detector_count, .camera_count = network->camera_count,
        .detectors = { holding->detectors.count, holding->detectors.at },
        .cameras = { holding->cameras.count, holding->cameras.at },
        .end_ms_min = now_ms - limits.reading_age_ms_max, .end_ms_max = now_ms + limits.reading_future_ms_max };
    struct reading_result result = { 0 };
    const char *field = NULL;
    intake_lock(holdings->intake);
    enum status status = wire_get_observations(message, &rules, after, intake_buffer(holdings->intake), &result,
                                               &field);
    if (status == STATUS_OK) {
        intake_batch_done(holdings->intake, BOUNDARY_SOURCE + (uint32_t)holding->region, &result);
        holdings->crossed += result.loops + result.edges + result.cameras;
        holdings->crossed_refused += result.refused_count;
        holding->boundary_number = result.sequence > holding->boundary_number ? result.sequence
                                                                             : holding->boundary_number;
    }
    intake_unlock(holdings->intake);
}

static void on_boundary(void *owner, const uint8_t *bytes, size_t byte_count)
{
    struct holding *holding = owner;
    if (holding->of->intake == NULL || holding->state == HOLDING_OURS) {
        return;
    }
    struct frame_reader reader;
    struct cursor frame, message;
    enum frame_kind kind;
    uint64_t after = holding->boundary_number;   // Batches of one step share their number.
    int64_t now_ms = wall_ms();
    frame_reader_create(&reader, STORE_BOUNDARY_BYTES_MAX);
    frame_reader_input(&reader, bytes, byte_count);
    while (frame_reader_next(&reader, now_ms, &frame)) {
        if (frame_open(frame, &kind, &message) == STATUS_OK && kind == FRAME_OBSERVATIONS) {
            batch_take(holding, message, after, now_ms);
        }
    }
    frame_reader_release(&reader);
}

// ---- life

static void sensors_list(struct holding *holding, const struct boundary *boundary)
{
    uint64_t others = ~(UINT64_C(1) << holding->region);
    for (int32_t d = 0; d < boundary->network->detector_count; d++) {
        if (boundary_crosses_detector(boundary, d, holding->region, others)) {
            *GROW(holding->detectors) = d;
        }
    }
    for (int32_t c = 0; c < boundary->network->camera_count; c++) {
        if (boundary_crosses_camera(boundary, c, holding->region, others)) {
            *GROW(holding->cameras) = c;
        }
    }
}

static void storage_begin(struct holding *holding)
{
    const struct holdings_options *from = &holding->of->options;
    const struct settings *settings = from->settings;
    const struct store_address *address = &settings->store;
    int32_t lease_ms = settings->standby || settings->parted ? settings->lease_ms : 0;
    struct storage_options options = { .loop = from->loop, .network = from->network, .address = *address,
        .store = { .city = holding->name, .user = address->user[0] != '\0' ? address->user : NULL,
            .password = address->password[0] != '\0' ? address->password : NULL, .database = address->database,
            .connect_ms_max = settings->store_connect_ms, .answer_ms_max = settings->store_answer_ms,
            .retry_ms_min = settings->store_retry_ms_min, .retry_ms_max = settings->store_retry_ms_max,
            .minute_length_max = settings->store_minutes, .batch_bytes_max = BATCH_BYTES_MAX, .lease_ms = lease_ms,
            .jitter_seed = (uint64_t)wall_ms() ^ ((uint64_t)getpid() << 40) ^ (uint64_t)holding->region,
            .owner = holding, .restored = on_restored, .plan = on_plan } };
    if (holding->region != INDEX_NONE) {
        options.store.regional = true;
        options.store.region = holding->region;
        options.store.address = settings->address != NULL ? settings->address : settings->listen[0].text;
        options.store.patience_ms = holding->own ? 0 : lease_ms + 2 * settings->store_retry_ms_max;
        options.store.claims = holding->own;
        options.store.yields = !holding->own;
        options.store.boundary = on_boundary;
    }
    if (from->embedded_path != NULL) {
        snprintf(options.address.path, sizeof options.address.path, "%s", from->embedded_path);
    }
    storage_start(&options, &holding->storage);
}

void holdings_start(const struct holdings_options *options, struct holdings **ret)
{
    const struct network *network = options->network;
    const struct settings *settings = options->settings;
    struct holdings *holdings = memory_take(1, sizeof *holdings);
    holdings->options = *options;
    holdings->count = options->boundary != NULL ? options->boundary->region_count : 1;
    holdings->at = memory_take((size_t)holdings->count, sizeof *holdings->at);
    for (int32_t i = 0; i < holdings->count; i++) {
        struct holding *holding = &holdings->at[i];
        const char *region = network->regions.count > 0 ? names_text(&network->regions, i) : "";
        *holding = (struct holding){ .of = holdings, .region = INDEX_NONE, .own = true, .takes = true };
        snprintf(holding->name, sizeof holding->name, "%s", options->city);
        if (options->boundary != NULL) {
            holding->region = i;
            holding->own = names_have(settings->leads, settings->leads_count, region);
            holding->takes = holding->own
                || names_have(settings->stands_in_for, settings->stands_in_count, region);
            snprintf(holding->name, sizeof holding->name, "%.96s/%.80s", options->city, region);
            sensors_list(holding, options->boundary);
        }
        storage_begin(holding);
    }
    *ret = holdings;
}

void holdings_stop(struct holdings *holdings)
{
    for (int32_t i = 0; i < holdings->count; i++) {
        storage_stop(holdings->at[i].storage);
    }
}

static void plans_drop(struct holding *holding)
{
    for (int32_t i = 0; i < holding->plans.count; i++) {
        free(holding->plans.at[i].bytes);
    }
    holding->plans.count = 0;
}

void holdings_release(struct holdings *holdings)
{
    if (holdings == NULL) {
        return;
    }
    for (int32_t i = 0; i < holdings->count; i++) {
        plans_drop(&holdings->at[i]);
        free(holdings->at[i].plans.at);
        free(holdings->at[i].detectors.at);
        free(holdings->at[i].cameras.at);
        storage_release(holdings->at[i].storage);
    }
    free(holdings->at);
    free(holdings);
}

bool holdings_restored(const struct holdings *holdings)
{
    for (int32_t i = 0; i < holdings->count; i++) {
        if (!store_restored(storage_store(holdings->at[i].storage), NULL)) {
            return false;
        }
    }
    return true;
}

uint32_t holdings_epoch(const struct holdings *holdings)
{
    uint32_t highest = 0;
    for (int32_t i = 0; i < holdings->count; i++) {
        struct store_epoch found = { 0 };
        bool ours = holdings->at[i].state != HOLDING_FOREIGN && holdings->at[i].state != HOLDING_LEAVING;
        if ((ours || holdings->count == 1) && store_restored(storage_store(holdings->at[i].storage), &found)) {
            highest = found.number > highest ? found.number : highest;
        }
    }
    return highest;
}

void holdings_follow(struct holdings *holdings)
{
    for (int32_t i = 0; i < holdings->count; i++) {
        struct holding *holding = &holdings->at[i];
        if (holding->state != HOLDING_OURS) {
            holding->state = HOLDING_FOREIGN;
            plans_drop(holding);
            store_follow(storage_store(holding->storage));
        }
    }
}

int32_t holdings_state_count(const struct holdings *holdings, enum holding_state state)
{
    int32_t count = 0;
    for (int32_t i = 0; i < holdings->count; i++) {
        count += holdings->at[i].state == state;
    }
    return count;
}

uint64_t holdings_ours(const struct holdings *holdings)
{
    uint64_t ours = 0;
    for (int32_t i = 0; i < holdings->count; i++) {
        bool mine = holdings->at[i].state == HOLDING_OURS || holdings->at[i].state == HOLDING_READY;
        ours |= mine ? UINT64_C(1) << i : 0;
    }
    return ours;
}

struct store *holdings_store(const struct holdings *holdings)
{
    for (int32_t i = 0; i < holdings->count; i++) {
        if (holdings->at[i].state == HOLDING_OURS) {
            return storage_store(holdings->at[i].storage);
        }
    }
    return storage_store(holdings->at[0].storage);
}

// ---- who leads

static void foreign_again(struct holding *holding)
{
    struct store *store = storage_store(holding->storage);
    store_leave(store);
    store_follow(store);
    plans_drop(holding);
    holding->state = HOLDING_FOREIGN;
    holding->of->options.left(holding->of->options.owner, holding->region);
}

void holding_resign(struct holding *holding)
{
    holding->resigned = true;
    store_resign(storage_store(holding->storage));
    storage_poke(holding->storage);
}

// True when the server is to look: something is ready, or ours no more.
static bool holding_beat(struct holding *holding, int64_t now_ms)
{
    const struct settings *settings = holding->of->options.settings;
    struct store *store = storage_store(holding->storage);
    struct store_epoch holder;
    switch (holding->state) {
    case HOLDING_FOREIGN:
        if (holding->takes && store_state(store) == STORE_READY && store_lease_free(store, now_ms, &holder)) {
            journal(JOURNAL_NOTE, "nobody holds the lease of `%s`: taking over", holding->name);
            plans_drop(holding);
            store_read_again(store);
            storage_poke(holding->storage);
            holding->state = HOLDING_READING;
            holding->since_ms = now_ms;
        }
        return false;
    case HOLDING_READING:
        if (store_restored(store, NULL)) {
            holding->state = HOLDING_READY;
        } else if (now_ms - holding->since_ms >= settings->store_restore_ms) {
            holding->state = HOLDING_FOREIGN;
        }
        return holding->state == HOLDING_READY;
    case HOLDING_READY:
        return true;
    case HOLDING_OURS:
        if (holding->region != INDEX_NONE && store_fenced(store, NULL)) {
            journal(JOURNAL_WARNING, "another daemon leads `%s`: this one steps down there", holding->name);
            foreign_again(holding);
            return true;
        }
        if (holding->region != INDEX_NONE && store_claimed(store)) {
            journal(JOURNAL_NOTE, "the daemon whose region `%s` is has come back: it is given up", holding->name);
            holding->state = HOLDING_LEAVING;
            holding->since_ms = now_ms;
            holding->resigned = false;
            return true;
        }
        return false;
    case HOLDING_LEAVING:
        if ((holding->resigned && store_settled(store)) || now_ms - holding->since_ms >= LEAVE_MS_MAX) {
            foreign_again(holding);
        }
        return false;
    }
    return false;
}

bool holdings_beat(struct holdings *holdings, int64_t now_ms)
{
    bool ready = false, lost = false;
    for (int32_t i = 0; i < holdings->count; i++) {
        bool was_ours = holdings->at[i].state == HOLDING_OURS;
        bool look = holding_beat(&holdings->at[i], now_ms);
        ready = ready || (look && !was_ours);
        lost = lost || (look && was_ours);
    }
    // What can be taken at once is taken at once.
    return lost || (ready && holdings_state_count(holdings, HOLDING_READING) == 0);
}

void holdings_take_all(struct holdings *holdings)
{
    for (int32_t i = 0; i < holdings->count; i++) {
        holdings->at[i].state = HOLDING_READY;
    }
}

void holdings_settle(struct holdings *holdings, struct store_epoch epoch)
{
    for (int32_t i = 0; i < holdings->count; i++) {
        struct holding *holding = &holdings->at[i];
        if (holding->state == HOLDING_READY) {
            holding->state = HOLDING_OURS;
            plans_drop(holding);
        }
        if (holding->state == HOLDING_OURS) {
            store_lead(storage_store(holding->storage), epoch);
            storage_poke(holding->storage);
        }
    }
}

void holdings_resign(struct holdings *holdings)
{
    for (int32_t i = 0; i < holdings->count; i++) {
        if (holdings->at[i].state == HOLDING_OURS) {
            store_resign(storage_store(holdings->at[i].storage));
            storage_poke(holdings->at[i].storage);
        }
    }
}

bool holdings_settled(const struct holdings *holdings)
{
    for (int32_t i = 0; i < holdings->count; i++) {
        bool writes = holdings->at[i].state == HOLDING_OURS || holdings->at[i].state == HOLDING_LEAVING;
        if (writes && !store_settled(storage_store(holdings->at[i].storage))) {
            return false;
        }
    }
    return true;
}
