#include "engine/ledger.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "engine/base/memory.h"

#define STORE_COUNT 4                 // running, sent, next, earlier
#define TAKEN_LATE_MS 2000            // a hand-over that is not reported so long after its start was not taken
#define RETRY_MS 2000                 // then the next one is tried after

void ledger_create(struct ledger *ledger, const struct network *network, uint32_t epoch, uint32_t daemon,
                   int32_t status_age_ms_max)
{
    size_t count = (size_t)network->intersection_count;
    *ledger = (struct ledger){ .network = network, .epoch = epoch, .daemon = daemon,
                               .status_age_ms_max = status_age_ms_max };
    ledger->entries = memory_take_table(count, sizeof *ledger->entries);
    ledger->first_green = memory_take(count + 1, sizeof *ledger->first_green);
    int32_t greens = 0;
    for (int32_t i = 0; i < network->intersection_count; i++) {
        ledger->first_green[i] = greens;
        greens += STORE_COUNT * compose_green_count_max(network, (struct intersection_id){ i });
    }
    ledger->first_green[network->intersection_count] = greens;
    ledger->greens = memory_take_table((size_t)greens, sizeof *ledger->greens);
    for (int32_t i = 0; i < network->intersection_count; i++) {
        int32_t each = ledger_green_count_max(ledger, i);
        struct green *store = ledger->greens + ledger->first_green[i];
        ledger->entries[i].running.plan.greens = store;
        ledger->entries[i].sent.plan.greens = store + each;
        ledger->entries[i].next.plan.greens = store + 2 * each;
        ledger->entries[i].earlier.plan.greens = store + 3 * each;
    }
}

void ledger_release(struct ledger *ledger)
{
    free(ledger->entries);
    free(ledger->greens);
    free(ledger->first_green);
    *ledger = (struct ledger){ 0 };
}

int32_t ledger_green_count_max(const struct ledger *ledger, int32_t intersection)
{
    return (ledger->first_green[intersection + 1] - ledger->first_green[intersection]) / STORE_COUNT;
}

// Plans keep their stores: only what they hold changes places.
static void exchange(struct ledger_plan *a, struct ledger_plan *b)
{
    struct ledger_plan kept = *a;
    *a = *b;
    *b = kept;
}

static bool version_same(struct plan_version a, struct plan_version b)
{
    return plan_version_compare(a, b) == 0;
}

bool ledger_report(struct ledger *ledger, const struct controller_report *report)
{
    const struct network *network = ledger->network;
    if (report->intersection < 0 || report->intersection >= network->intersection_count
        || report->group_count != network->intersections[report->intersection].group_count) {
        return false;
    }
    struct ledger_entry *entry = &ledger->entries[report->intersection];
    if (entry->reported && report->time_ms < entry->report.time_ms) {
        return true;   // Overtaken by a newer one.
    }
    controller_report_copy(report, &entry->report);
    entry->reported = true;
    bool plays = report->mode == CONTROLLER_PLAN;
    if (entry->sent.present && plays && version_same(report->running, entry->sent.plan.version)) {
        exchange(&entry->running, &entry->sent);
        entry->sent.present = entry->earlier.present = false;
    }
    if (entry->earlier.present && plays && version_same(report->running, entry->earlier.plan.version)) {
        exchange(&entry->running, &entry->earlier);
        entry->earlier.present = false;
    }
    if (entry->earlier.present && report->time_ms > entry->earlier.plan.valid_from_ms + (plays ? 0 : TAKEN_LATE_MS)) {
        entry->earlier.present = false;
    }
    if (entry->sent.present && report->time_ms > entry->sent.plan.valid_from_ms + (plays ? 0 : TAKEN_LATE_MS)) {
        entry->sent.present = false;
        entry->retry_ms = plays ? entry->retry_ms : report->time_ms + RETRY_MS;
    }
    if (entry->running.present && !(plays && version_same(report->running, entry->running.plan.version))) {
        entry->running.present = false;
    }
    return true;
}

void ledger_link_down(struct ledger *ledger, int32_t intersection)
{
    if (intersection >= 0 && intersection < ledger->network->intersection_count) {
        ledger->entries[intersection].reported = false;
    }
}

const struct controller_report *ledger_report_fresh(const struct ledger *ledger, int32_t intersection, int64_t now_ms)
{
    const struct ledger_entry *entry = &ledger->entries[intersection];
    bool fresh = entry->reported && now_ms - entry->report.time_ms <= ledger->status_age_ms_max;
    return fresh ? &entry->report : NULL;
}

enum standing ledger_standing(const struct ledger *ledger, int32_t intersection, int64_t now_ms)
{
    const struct ledger_entry *entry = &ledger->entries[intersection];
    const struct controller_report *report = ledger_report_fresh(ledger, intersection, now_ms);
    bool entering = entry->sent.present && entry->sent.plan.handover
        && now_ms <= entry->sent.plan.valid_from_ms + TAKEN_LATE_MS + RETRY_MS;
    if (report == NULL) {
        return entering ? STANDING_ENTERING : STANDING_SILENT;
    }
    switch (report->mode) {
    case CONTROLLER_PLAN:
        if (!entry->running.present) {
            return entering ? STANDING_ENTERING : STANDING_OWN_PROGRAM;   // It plays what we know nothing of.
        }
        return (entry->sent.present && entry->sent.plan.valid_from_ms <= now_ms) || entry->earlier.present
            ? STANDING_UNSETTLED : STANDING_OURS;
    case CONTROLLER_FALLBACK:
        return entering ? STANDING_ENTERING : STANDING_OWN_PROGRAM;
    case CONTROLLER_MANUAL:
    case CONTROLLER_PREEMPTION:
    case CONTROLLER_FLASH:
        return STANDING_HANDS_OFF;
    }
    return STANDING_HANDS_OFF;
}

const struct ledger_plan *ledger_in_force(const struct ledger *ledger, int32_t intersection, int64_t at_ms)
{
    const struct ledger_entry *entry = &ledger->entries[intersection];
    if (entry->sent.present && entry->sent.plan.valid_from_ms <= at_ms) {
        return entry->sent.plan.valid_until_ms > at_ms ? &entry->sent : NULL;
    }
    return entry->running.present && entry->running.plan.valid_until_ms > at_ms ? &entry->running : NULL;
}

struct green *ledger_next_greens(struct ledger *ledger, int32_t intersection)
{
    // The store that belongs to `next` now: exchanges move stores about, const only for the readers of plans.
    const struct green *store = ledger->entries[intersection].next.plan.greens;
    return ledger->greens + (store - ledger->greens);
}

struct plan_version ledger_next_version(struct ledger *ledger, int32_t intersection)
{
    return (struct plan_version){ .epoch = ledger->epoch, .daemon = ledger->daemon,
                                  .sequence = ledger->entries[intersection].sequence + 1 };
}

void ledger_forget(struct ledger *ledger, int32_t intersection)
{
    struct ledger_entry *entry = &ledger->entries[intersection];
    entry->running.present = entry->earlier.present = entry->sent.present = entry->next.present = false;
    entry->reported = false;
    entry->retry_ms = 0;
    entry->strategy = NULL;
    entry->override = (struct override){ .kind = OVERRIDE_NONE };
}

void ledger_send(struct ledger *ledger, int32_t intersection)
{
    struct ledger_entry *entry = &ledger->entries[intersection];
    assert(entry->next.present);
    if (entry->sent.present) {
        exchange(&entry->earlier, &entry->sent);
    }
    exchange(&entry->sent, &entry->next);
    entry->next.present = false;
    entry->sequence = entry->sent.plan.version.sequence;
}

bool ledger_restore(struct ledger *ledger, const struct plan *plan)
{
    const struct network *network = ledger->network;
    if (plan->intersection < 0 || plan->intersection >= network->intersection_count || plan->green_count < 0
        || plan->green_count > ledger_green_count_max(ledger, plan->intersection)
        || plan->site_hash != network->intersections[plan->intersection].site_hash) {
        return false;
    }
    struct ledger_entry *entry = &ledger->entries[plan->intersection];
    if (entry->sent.present || entry->running.present) {
        return false;   // This life has sent its own already.
    }
    struct green *store = ledger->greens + (entry->running.plan.greens - ledger->greens);
    plan_copy(plan, store, &entry->running.plan);
    entry->running.present = true;
    entry->running.revision = 0;
    entry->running.program = false;
    return true;
}

const struct plan *ledger_newest(const struct ledger *ledger, int32_t intersection)
{
    const struct ledger_entry *entry = &ledger->entries[intersection];
    return entry->sent.present ? &entry->sent.plan : entry->running.present ? &entry->running.plan : NULL;
}

// An entry without its addresses: which store each plan has, and the strategy's place in the table.
struct entry_places {
    int32_t running, earlier, sent, next, strategy;
};

static struct entry_places places_of(const struct ledger *ledger, const struct ledger_entry *entry)
{
    struct entry_places ret = { .running = (int32_t)(entry->running.plan.greens - ledger->greens),
        .earlier = (int32_t)(entry->earlier.plan.greens - ledger->greens),
        .sent = (int32_t)(entry->sent.plan.greens - ledger->greens),
        .next = (int32_t)(entry->next.plan.greens - ledger->greens), .strategy = INDEX_NONE };
    for (int s = 0; s < strategy_count; s++) {
        ret.strategy = strategies[s] == entry->strategy ? s : ret.strategy;
    }
    return ret;
}

static void places_set(const struct ledger *ledger, const struct entry_places *places, struct ledger_entry *entry)
{
    entry->running.plan.greens = ledger->greens + places->running;
    entry->earlier.plan.greens = ledger->greens + places->earlier;
    entry->sent.plan.greens = ledger->greens + places->sent;
    entry->next.plan.greens = ledger->greens + places->next;
    entry->strategy = places->strategy != INDEX_NONE ? strategies[places->strategy] : NULL;
}

void ledger_snapshot(struct ledger *ledger, struct snapshot_walk *walk)
{
    for (int32_t i = 0; i < ledger->network->intersection_count; i++) {
        struct ledger_entry *entry = &ledger->entries[i];
        struct entry_places places = places_of(ledger, entry);
        entry->running.plan.greens = entry->earlier.plan.greens = NULL;
        entry->sent.plan.greens = entry->next.plan.greens = NULL;
        entry->strategy = NULL;   // So that the bytes of equal states are equal.
        snapshot_column(walk, entry, 1, sizeof *entry);
        snapshot_column(walk, &places, 1, sizeof places);
        places_set(ledger, &places, entry);
    }
    snapshot_column(walk, ledger->greens, (size_t)ledger->first_green[ledger->network->intersection_count],
                    sizeof *ledger->greens);
}
