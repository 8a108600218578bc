// Goal: whatever a daemon sends, the reference controller neither crashes nor ever shows conflicting lamps, a green
// below its minimum or an intergreen that is too short. The input is a script, one step a byte: time goes on, a made
// plan or table is offered, or the bytes that follow are read as a message.
#include <stdlib.h>
#include <string.h>

#include "clients/controller/player.h"
#include "clients/controller/read.h"
#include "tests/fuzz/fuzz_target.h"

#define NOW INT64_C(1790000000000)

static const int32_t INTERGREEN_MS[3][3] = { { -1, 5000, 3000 }, { 4000, -1, -1 }, { 6000, -1, -1 } };

struct script {
    const uint8_t *at, *end;
};

static uint8_t take(struct script *script)
{
    return script->at < script->end ? *script->at++ : 0;
}

static struct cabinet cabinet;
static struct player player;
static struct plan plan;
static uint32_t sequence;
static enum lamp before[3];
static int64_t began_ms[3], ended_ms[3];

static void begin(void)
{
    cabinet = (struct cabinet){ .intersection = "J", .time_zone = "UTC", .site_hash = 7, .quantum_ms = 1000,
        .cycle_ms = 60000, .group_count = 3, .handover_ms = 11000, .green_count = 3,
        .greens = { { 0, 0, 0, 25000 }, { 1, 1, 30000, 54000 }, { 2, 1, 30000, 54000 } } };
    memset(cabinet.intergreen_ms, -1, sizeof cabinet.intergreen_ms);
    for (int32_t i = 0; i < 3; i++) {
        cabinet.groups[i] = (struct cabinet_group){ .yellow_ms = 3000, .green_ms_min = 5000 };
        memcpy(cabinet.intergreen_ms[i], INTERGREEN_MS[i], sizeof INTERGREEN_MS[i]);
        before[i] = LAMP_RED;
        began_ms[i] = ended_ms[i] = INT64_MIN;
    }
    sequence = 0;
    player_start(&player, &cabinet, NOW);
}

static void look(void)
{
    for (int32_t i = 0; i < 3; i++) {
        if (player.lamp[i] == LAMP_GREEN && before[i] != LAMP_GREEN) {
            began_ms[i] = player.since_ms[i];
            for (int32_t other = 0; other < 3; other++) {
                if (INTERGREEN_MS[other][i] >= 0 && ended_ms[other] != INT64_MIN
                    && began_ms[i] - ended_ms[other] < INTERGREEN_MS[other][i]) {
                    abort();
                }
            }
        } else if (player.lamp[i] != LAMP_GREEN && before[i] == LAMP_GREEN) {
            ended_ms[i] = player.green_end_ms[i];
            if (ended_ms[i] - began_ms[i] < cabinet.groups[i].green_ms_min) {
                abort();
            }
        }
        before[i] = player.lamp[i];
    }
    if (player.conflicts_seen > 0) {
        abort();
    }
}

static void go_on(int32_t quanta)
{
    for (int32_t i = 0; i < quanta; i++) {
        player_step(&player, player.tick_ms + 1000);
        look();
    }
}

static void offer_made(struct script *script)
{
    uint8_t kind = take(script);
    int64_t from_ms = player.tick_ms + 1000 * (1 + kind % 16);
    const char *why = NULL;
    plan = (struct plan){ .handover = kind & 0x10, .cyclic = (kind & 0x60) == 0x60, .version = { 1, 1, ++sequence },
        .site_hash = 7, .base_ms = from_ms, .valid_from_ms = from_ms, .cycle_ms = 1000 * (30 + take(script) % 64),
        .valid_until_ms = from_ms + 1000 * (1 + take(script) % 90), .fallback = kind & 0x80 ? player.table.id : 0 };
    for (int32_t i = take(script) % 8; i > 0; i--) {
        int64_t start_ms = 1000 * (int64_t)(int8_t)take(script);
        plan.greens[plan.green_count++] = (struct cabinet_green){ take(script) % 4, 0, start_ms,
            start_ms + 1000 * (take(script) % 64) };
    }
    (void)player_offer(&player, &plan, player.tick_ms, &why);
    look();
}

static void offer_table(struct script *script)
{
    const char *why = NULL;
    int64_t cycle_ms = 1000 * (40 + take(script) % 80);
    player.offered = (struct table){ .id = 1u + take(script) % 4, .site_hash = 7, .time_zone = "UTC",
        .program_count = 1, .cycle_ms = { cycle_ms }, .offset_ms = { 1000 * (take(script) % 40) } };
    for (int32_t i = take(script) % 5; i > 0; i--) {
        int64_t start_ms = 1000 * (take(script) % 60);
        player.offered.greens[player.offered.green_count++] = (struct cabinet_green){ take(script) % 3, 0, start_ms,
            start_ms + 1000 * (take(script) % 64) };
    }
    (void)player_load_table(&player, &why);
}

// The rest of the input, as a message and as frames.
static void read_raw(struct script *script)
{
    size_t count = (size_t)(script->end - script->at);
    struct bytes_in in = { script->at, script->end }, inside;
    uint32_t intersection = 0;
    const char *why = NULL;
    if (plan_read(in, &plan, &intersection)) {
        (void)player_offer(&player, &plan, player.tick_ms, &why);
    }
    if (table_read(in, &player.offered)) {
        (void)player_load_table(&player, &why);
    }
    int32_t whole = frame_whole(script->at, count, 1u << 16);
    if (whole > 0 && (size_t)whole <= count) {
        (void)frame_message(script->at, (size_t)whole, &inside);
    }
    script->at = script->end;
    look();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct script script = { data, data + bytes };
    begin();
    for (int32_t steps = 0; script.at < script.end && steps < 400; steps++) {
        uint8_t step = take(&script);
        if (step < 128) {
            offer_made(&script);
        } else if (step < 136) {
            offer_table(&script);
        } else if (step < 138) {
            read_raw(&script);
        } else {
            go_on(step % 12);
        }
    }
    go_on(60);
    return 0;
}
