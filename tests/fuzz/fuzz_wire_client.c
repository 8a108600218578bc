// Goal: whatever a daemon, or something that says it is one, sends in whatever pieces, a client reads nothing out of
// bounds and never gives out a plan that is not well-formed.
//
// The input: size of the pieces and whether a good Welcome goes first (2 bytes), then a script (wire_script.h).
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/wire_script.h"

static struct arena arena, check_arena;
static struct green greens[PLAN_GREEN_COUNT_MAX];
static uint8_t stream[SCRIPT_STREAM_BYTES], out_bytes[1 << 16];

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_plan(const struct plan *plan)
{
    demand(plan->intersection >= 0 && plan->greens == greens);
    demand(plan->green_count >= 0 && plan->green_count <= PLAN_GREEN_COUNT_MAX);
    demand(plan->kind == PLAN_CYCLIC || plan->kind == PLAN_ROLLING);
    demand(plan->base_ms >= -WIRE_TIME_MS_MAX && plan->base_ms <= WIRE_TIME_MS_MAX);
    for (int32_t i = 0; i < plan->green_count; i++) {
        demand(greens[i].group >= 0 && greens[i].group < GROUP_COUNT_MAX && greens[i].start_ms < greens[i].end_ms);
        demand(greens[i].stage >= INDEX_NONE && greens[i].stage < STAGE_COUNT_MAX);
        demand(i == 0 || greens[i].group >= greens[i - 1].group);
    }
}

static void check_table(const struct fallback_table *table)
{
    for (int32_t i = 0; i < table->program_count; i++) {
        const struct fallback_program *program = &table->programs[i];
        demand(program->cycle_ms > 0 && program->offset_ms < program->cycle_ms);
        demand(program->first_green >= 0 && program->first_green + program->green_count <= table->green_count);
    }
    for (int32_t i = 0; i < table->switch_count; i++) {
        demand(table->switches[i].program >= 0 && table->switches[i].program < table->program_count);
    }
}

static void listen(struct client *client, const uint8_t *bytes, size_t count, size_t piece)
{
    for (size_t at = 0; at < count; at += piece) {
        size_t part = piece < count - at ? piece : count - at;
        uint8_t *copy = malloc(part);
        memcpy(copy, bytes + at, part);
        client_input(client, copy, part, 0);
        enum client_event_kind kind = CLIENT_PLAN;
        while (kind != CLIENT_NOTHING && kind != CLIENT_CLOSED) {
            struct frame_writer out = frame_writer_over(out_bytes, sizeof out_bytes);
            struct client_room room = { &arena, greens, &out };
            struct client_event event;
            kind = client_next(client, 0, &room, &event);
            if (kind == CLIENT_PLAN) {
                check_plan(&event.plan);
            } else if (kind == CLIENT_FALLBACK_TABLE) {
                check_table(&event.fallback_table);
            }
            script_check_written(out_bytes, out.used, &check_arena);
        }
        free(copy);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (arena.block == NULL) {
        arena_create(&arena, WIRE_ARENA_BYTES);
        arena_create(&check_arena, WIRE_ARENA_BYTES);
    }
    if (bytes < 2) {
        return 0;
    }
    struct client client;
    client_create(&client, FRAME_BYTES_MAX_DEFAULT);
    struct hello hello;
    sample_hello(1, ROLE_CONTROLLER, &hello);
    struct frame_writer out = frame_writer_over(stream, sizeof stream);
    demand(client_hello(&client, &hello, &out) == STATUS_OK);
    if (data[1] != 0) {
        out.used = 0;
        struct welcome welcome;
        sample_welcome(data[1], &welcome);
        demand(wire_put_welcome(&out, &welcome) == STATUS_OK);
        listen(&client, stream, out.used, sizeof stream);
        demand(client.state == CLIENT_OPEN);
    }
    size_t count = script_play(data + 2, bytes - 2, stream);
    listen(&client, stream, count, data[0] == 0 ? sizeof stream : data[0]);
    client_release(&client);
    return 0;
}
