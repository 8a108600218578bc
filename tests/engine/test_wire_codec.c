// Goal: every message survives the wire in every field; what we write is what protobuf's own library reads and would
// write itself, byte for byte; and no bytes, cut, changed or made to explode, do more than be refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "session.pb-c.h"
#include "tests/engine/wire_samples.h"

#define SEEDS 64

static uint8_t bytes[1 << 18];
static struct arena arena;

static int open_arena(void **state)
{
    (void)state;
    arena_create(&arena, WIRE_ARENA_BYTES);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

// The message inside the frame that was just written at the begin of `bytes`; checks length and kind on the way.
static struct cursor message_of(const struct frame_writer *out, enum frame_kind kind)
{
    struct cursor frame = { out->at, out->at + out->used };
    uint64_t length = 0;
    assert_true(varint_read(&frame, &length));
    assert_int_equal(cursor_bytes(&frame), length);
    enum frame_kind opened;
    struct cursor message;
    assert_int_equal(frame_open(frame, &opened, &message), STATUS_OK);
    assert_int_equal(opened, kind);
    return message;
}

static struct frame_writer fresh(void)
{
    arena_reset(&arena);
    return frame_writer_over(bytes, sizeof bytes);
}

// ---- against protobuf's own library ----

static void protobuf_reads_and_writes_the_same_bytes(void **state)
{
    (void)state;
    static uint8_t again[sizeof bytes];
    for (int kind = FRAME_HELLO; kind < FRAME_KIND_COUNT; kind++) {
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            struct frame_writer out = fresh();
            assert_int_equal(sample_frame(seed, (enum frame_kind)kind, &out), STATUS_OK);
            struct cursor frame = { out.at, out.at + out.used };
            uint64_t length = 0;
            assert_true(varint_read(&frame, &length));
            Intergreen__V1__Frame *read = intergreen__v1__frame__unpack(NULL, length, frame.at);
            assert_non_null(read);
            assert_int_equal(read->kind_case, kind);
            assert_int_equal(read->base.n_unknown_fields, 0);
            assert_int_equal(intergreen__v1__frame__get_packed_size(read), length);
            assert_int_equal(intergreen__v1__frame__pack(read, again), length);
            assert_memory_equal(again, frame.at, length);
            intergreen__v1__frame__free_unpacked(read, NULL);
            // And our own codec takes its own bytes.
            const char *field = NULL;
            assert_int_equal(sample_decode((enum frame_kind)kind, message_of(&out, (enum frame_kind)kind), &arena,
                                           &field),
                             STATUS_OK);
        }
    }
}

// Each number of a plan under the name that plan.proto gives it.
static void plan_fields_have_their_names(void **state)
{
    (void)state;
    static struct green greens[PLAN_GREEN_COUNT_MAX];
    struct plan plan;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct frame_writer out = fresh();
        sample_plan(seed, greens, &plan);
        assert_int_equal(wire_put_plan(&out, &plan), STATUS_OK);
        assert_true(out.used <= WIRE_PLAN_BYTES_MAX);
        struct cursor message = message_of(&out, FRAME_PLAN);
        Intergreen__V1__Plan *read = intergreen__v1__plan__unpack(NULL, cursor_bytes(&message), message.at);
        assert_non_null(read);
        assert_int_equal(read->intersection, plan.intersection);
        assert_int_equal(read->kind, plan.kind);
        assert_int_equal(read->handover, plan.handover);
        assert_int_equal(read->epoch, plan.version.epoch);
        assert_int_equal(read->daemon, plan.version.daemon);
        assert_int_equal(read->sequence, plan.version.sequence);
        assert_true(read->site_hash == plan.site_hash);
        assert_true(read->base_ms == plan.base_ms);
        assert_true(read->valid_from_ms == plan.valid_from_ms);
        assert_true(read->valid_until_ms == plan.valid_until_ms);
        assert_int_equal(read->cycle_ms, plan.cycle_ms);
        assert_int_equal(read->offset_ms, plan.offset_ms);
        assert_int_equal(read->coordinated_stage, plan.coordinated_stage);
        assert_int_equal(read->fallback, plan.fallback);
        assert_int_equal(read->reason, plan.reason.kind);
        assert_int_equal(read->reason_stage, plan.reason.stage);
        assert_int_equal(read->reason_now_value, plan.reason.now_value);
        assert_int_equal(read->reason_best_value, plan.reason.best_value);
        assert_int_equal(read->n_green_group, plan.green_count);
        for (int32_t i = 0; i < plan.green_count; i++) {
            assert_int_equal(read->green_group[i], greens[i].group);
            assert_int_equal(read->green_stage[i], greens[i].stage);
            assert_int_equal(read->green_start_ms[i], greens[i].start_ms);
            assert_int_equal(read->green_end_ms[i], greens[i].end_ms);
        }
        intergreen__v1__plan__free_unpacked(read, NULL);
    }
}

// ---- there and back, field by field ----

static void plans_survive(void **state)
{
    (void)state;
    static struct green greens[PLAN_GREEN_COUNT_MAX], back_greens[PLAN_GREEN_COUNT_MAX];
    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct plan plan, back;
        struct frame_writer out = fresh();
        sample_plan(seed, greens, &plan);
        assert_int_equal(wire_put_plan(&out, &plan), STATUS_OK);
        struct cursor message = message_of(&out, FRAME_PLAN);
        assert_int_equal(wire_get_plan(message, back_greens, &back, NULL), STATUS_OK);
        assert_int_equal(back.intersection, plan.intersection);
        assert_int_equal(back.kind, plan.kind);
        assert_int_equal(back.handover, plan.handover);
        assert_memory_equal(&back.version, &plan.version, sizeof plan.version);
        assert_true(back.site_hash == plan.site_hash);
        assert_true(back.base_ms == plan.base_ms);
        assert_true(back.valid_from_ms == plan.valid_from_ms);
        assert_true(back.valid_until_ms == plan.valid_until_ms);
        assert_int_equal(back.cycle_ms, plan.cycle_ms);
        assert_int_equal(back.offset_ms, plan.offset_ms);
        assert_int_equal(back.coordinated_stage, plan.coordinated_stage);
        assert_int_equal(back.fallback, plan.fallback);
        assert_memory_equal(&back.reason, &plan.reason, sizeof plan.reason);
        assert_int_equal(back.green_count, plan.green_count);
        assert_ptr_equal(back.greens, back_greens);
        assert_memory_equal(back_greens, greens, (size_t)plan.green_count * sizeof *greens);
        // The stored form is the message alone.
        static uint8_t stored[WIRE_PLAN_BYTES_MAX];
        size_t stored_bytes = wire_pack_plan(&plan, stored, sizeof stored);
        assert_int_equal(stored_bytes, cursor_bytes(&message));
        assert_memory_equal(stored, message.at, stored_bytes);
        assert_int_equal(wire_pack_plan(&plan, stored, stored_bytes - 1), 0);
    }
}

// A plan of the greatest size and the widest numbers fits into what the header promises.
static void the_widest_plan_fits(void **state)
{
    (void)state;
    static struct green greens[PLAN_GREEN_COUNT_MAX], back_greens[PLAN_GREEN_COUNT_MAX];
    for (int32_t i = 0; i < PLAN_GREEN_COUNT_MAX; i++) {
        greens[i] = (struct green){ -(1 << 30), 1 << 30, (int16_t)(i / 8), STAGE_COUNT_MAX - 1 };
    }
    struct plan plan = { .intersection = INT32_MAX, .kind = PLAN_ROLLING, .handover = true,
        .version = { UINT32_MAX, UINT32_MAX, UINT32_MAX }, .site_hash = UINT64_MAX, .base_ms = -WIRE_TIME_MS_MAX,
        .valid_from_ms = INT64_MIN, .valid_until_ms = INT64_MAX, .cycle_ms = INT32_MAX, .offset_ms = INT32_MAX,
        .coordinated_stage = STAGE_COUNT_MAX - 1, .fallback = INT32_MAX,
        .reason = { REASON_FALLBACK, STAGE_COUNT_MAX - 1, INT32_MIN, INT32_MIN }, .green_count = PLAN_GREEN_COUNT_MAX,
        .greens = greens };
    struct frame_writer out = frame_writer_over(bytes, WIRE_PLAN_BYTES_MAX);
    assert_int_equal(wire_put_plan(&out, &plan), STATUS_OK);
    struct plan back;
    assert_int_equal(wire_get_plan(message_of(&out, FRAME_PLAN), back_greens, &back, NULL), STATUS_OK);
    assert_memory_equal(back_greens, greens, sizeof greens);
}

// A plan with one thing wrong is refused under the name of that thing.
static void wrong_plans_are_refused_by_name(void **state)
{
    (void)state;
    static const char *const NAMES[] = { "base_ms", "valid_from_ms", "valid_until_ms", "coordinated_stage", "reason",
        "green_group", "green_group", "green_stage", "green_start_ms", "green_end_ms" };
    for (size_t wrong = 0; wrong < sizeof NAMES / sizeof *NAMES; wrong++) {
        struct green greens[2] = { { 0, 5000, 0, 0 }, { 9000, 15000, 1, 1 } };
        struct green back_greens[PLAN_GREEN_COUNT_MAX];
        struct plan plan = { .kind = PLAN_ROLLING, .coordinated_stage = INDEX_NONE, .green_count = 2,
            .greens = greens };
        plan.base_ms = wrong == 0 ? WIRE_TIME_MS_MAX + 1 : 0;
        plan.valid_from_ms = wrong == 1 ? INT64_MIN + 1 : 0;
        plan.valid_until_ms = wrong == 2 ? INT64_MAX - 1 : 1;
        plan.coordinated_stage = wrong == 3 ? STAGE_COUNT_MAX : INDEX_NONE;
        plan.reason.kind = wrong == 4 ? (enum reason_kind)(REASON_FALLBACK + 1) : REASON_NONE;
        greens[1].group = wrong == 5 ? GROUP_COUNT_MAX : 1;
        greens[0].group = wrong == 6 ? 2 : 0;   // not sorted
        greens[1].stage = wrong == 7 ? STAGE_COUNT_MAX : 1;
        greens[0].start_ms = wrong == 8 ? -(1 << 30) - 1 : 0;
        greens[1].end_ms = wrong == 9 ? 9000 : 15000;
        struct frame_writer out = fresh();
        assert_int_equal(wire_put_plan(&out, &plan), STATUS_OK);
        struct plan back = { .intersection = 77 };
        const char *field = "";
        assert_int_equal(wire_get_plan(message_of(&out, FRAME_PLAN), back_greens, &back, &field), STATUS_RANGE);
        assert_string_equal(field, NAMES[wrong]);
        assert_int_equal(back.intersection, 77);
    }
}

static void report_equal(const struct controller_report *a, const struct controller_report *b)
{
    assert_true(a->calls == b->calls);
    assert_int_equal(a->intersection, b->intersection);
    assert_true(a->time_ms == b->time_ms);
    assert_int_equal(a->mode, b->mode);
    assert_memory_equal(&a->running, &b->running, sizeof a->running);
    assert_memory_equal(&a->waiting, &b->waiting, sizeof a->waiting);
    assert_int_equal(a->stage, b->stage);
    assert_int_equal(a->faults, b->faults);
    assert_int_equal(a->group_count, b->group_count);
    assert_memory_equal(a->aspect, b->aspect, (size_t)a->group_count);
    assert_memory_equal(a->age_ms, b->age_ms, (size_t)a->group_count * sizeof *a->age_ms);
}

static void reports_survive_alone_and_in_columns(void **state)
{
    (void)state;
    enum { COUNT = 700 };
    static struct controller_report reports[COUNT];
    for (int32_t i = 0; i < COUNT; i++) {
        sample_report((uint64_t)i, i, i % (GROUP_COUNT_MAX + 1), &reports[i]);
        struct frame_writer out = fresh();
        struct controller_report back;
        assert_int_equal(wire_put_report(&out, &reports[i]), STATUS_OK);
        assert_int_equal(wire_get_report(message_of(&out, FRAME_CONTROLLER_STATUS), &arena, &back, NULL), STATUS_OK);
        report_equal(&back, &reports[i]);
    }
    static const uint32_t LIMITS[] = { FRAME_BYTES_MAX_DEFAULT, 20000, 1000, 10 };
    for (size_t l = 0; l < sizeof LIMITS / sizeof *LIMITS; l++) {
        int32_t said = 0, frames = 0;
        while (said < COUNT) {
            struct frame_writer out = fresh();
            int32_t sent = 0;
            assert_int_equal(wire_put_reports(&out, reports + said, COUNT - said, LIMITS[l], &sent), STATUS_OK);
            assert_true(sent >= 1);
            assert_true(out.used <= LIMITS[l] || sent == 1);
            struct report_reader reader;
            assert_int_equal(report_reader_open(&reader, message_of(&out, FRAME_CONTROLLER_STATUSES), NULL), STATUS_OK);
            assert_int_equal(reader.row_count, sent);
            for (int32_t i = 0; i < sent; i++) {
                struct controller_report back;
                assert_int_equal(report_reader_next(&reader, &back, NULL), STATUS_OK);
                report_equal(&back, &reports[said + i]);
            }
            struct controller_report none;
            assert_int_equal(report_reader_next(&reader, &none, NULL), STATUS_UNKNOWN);
            said += sent;
            frames++;
        }
        assert_int_equal(frames, l == 0 ? 1 : l == 3 ? COUNT : frames);
    }
}

static void hello_and_welcome_survive(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        for (int role = ROLE_DETECTOR; role < ROLE_COUNT; role++) {
            struct hello hello, back;
            sample_hello(seed, (enum role)role, &hello);
            struct frame_writer out = fresh();
            assert_int_equal(wire_put_hello(&out, &hello), STATUS_OK);
            assert_int_equal(wire_get_hello(message_of(&out, FRAME_HELLO), &arena, &back, NULL), STATUS_OK);
            assert_int_equal(back.protocol, 1);
            assert_int_equal(back.role, role);
            assert_string_equal(back.identity, hello.identity);
            assert_int_equal(back.token_bytes, hello.token_bytes);
            assert_memory_equal(back.token, hello.token, (size_t)hello.token_bytes);
            assert_string_equal(back.software, hello.software);
            assert_true(back.clock_ms == hello.clock_ms && back.network_hash == hello.network_hash);
            assert_int_equal(back.detectors.count, hello.detectors.count);
            assert_int_equal(back.cameras.count, hello.cameras.count);
            assert_int_equal(back.intersections.count, hello.intersections.count);
            for (int32_t i = 0; i < hello.detectors.count; i++) {
                assert_string_equal(back.detectors.names[i], hello.detectors.names[i]);
            }
            assert_int_equal(back.epoch_seen, hello.epoch_seen);
            assert_int_equal(back.simulator.step_ms, hello.simulator.step_ms);
            assert_true(back.simulator.begin_ms == hello.simulator.begin_ms);
            assert_true(back.simulator.seed == hello.simulator.seed);
            assert_int_equal(back.simulator.fresh, hello.simulator.fresh);
            assert_int_equal(back.simulator.solve_latency_ms, hello.simulator.solve_latency_ms);
            assert_int_equal(back.simulator.strategy == NULL, hello.simulator.strategy == NULL);
            assert_int_equal(back.simulator.sensing == NULL, hello.simulator.sensing == NULL);
        }
        struct welcome welcome, greeted;
        sample_welcome(seed, &welcome);
        struct frame_writer out = fresh();
        assert_int_equal(wire_put_welcome(&out, &welcome), STATUS_OK);
        assert_int_equal(wire_get_welcome(message_of(&out, FRAME_WELCOME), &arena, &greeted, NULL), STATUS_OK);
        assert_int_equal(greeted.detectors.count, welcome.detectors.count);
        assert_memory_equal(greeted.detectors.at, welcome.detectors.at,
                            (size_t)welcome.detectors.count * sizeof(int32_t));
        assert_memory_equal(greeted.cameras.at, welcome.cameras.at, (size_t)welcome.cameras.count * sizeof(int32_t));
        assert_memory_equal(greeted.intersections.at, welcome.intersections.at,
                            (size_t)welcome.intersections.count * sizeof(int32_t));
        assert_true(greeted.sequence_after == welcome.sequence_after);
        assert_true(greeted.clock_ms == welcome.clock_ms && greeted.echo_clock_ms == welcome.echo_clock_ms);
        assert_int_equal(greeted.daemon, welcome.daemon);
        assert_int_equal(greeted.epoch, welcome.epoch);
        assert_int_equal(greeted.frame_bytes_max, welcome.frame_bytes_max);
        assert_int_equal(greeted.heartbeat_ms, welcome.heartbeat_ms);
        assert_int_equal(greeted.source, welcome.source);
    }
}

static void requests_survive(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct override_request asked, heard;
        sample_override(seed, &asked);
        struct frame_writer out = fresh();
        assert_int_equal(wire_put_override(&out, &asked), STATUS_OK);
        assert_int_equal(wire_get_override(message_of(&out, FRAME_OVERRIDE), &arena, &heard, NULL), STATUS_OK);
        assert_int_equal(heard.request, asked.request);
        assert_int_equal(heard.what.intersection, asked.what.intersection);
        assert_int_equal(heard.intersection_name == NULL, asked.intersection_name == NULL);
        assert_int_equal(heard.what.kind, asked.what.kind);
        assert_int_equal(heard.what.stage, asked.what.stage);
        assert_string_equal(heard.what.strategy, asked.what.strategy);
        assert_true(heard.what.until_ms == asked.what.until_ms);
        assert_int_equal(heard.duration_ms, asked.duration_ms);

        struct priority_request wish, got;
        sample_priority(seed, &wish);
        out = fresh();
        assert_int_equal(wire_put_priority(&out, &wish), STATUS_OK);
        assert_int_equal(wire_get_priority(message_of(&out, FRAME_PRIORITY_REQUEST), &arena, &got, NULL), STATUS_OK);
        assert_int_equal(got.request, wish.request);
        assert_true(got.what.vehicle == wish.what.vehicle);
        assert_int_equal(got.what.kind, wish.what.kind);
        assert_int_equal(got.what.lane, wish.what.lane);
        assert_int_equal(got.lane_position, wish.lane_position);
        assert_int_equal(got.what.to_stop_mm, wish.what.to_stop_mm);
        assert_int_equal(got.what.speed_mmps, wish.what.speed_mmps);
        assert_int_equal(got.what.late_s, wish.what.late_s);
        assert_int_equal(got.what.departs_in_ms, wish.what.departs_in_ms);
        assert_int_equal(got.what.route_count, wish.what.route_count);
        assert_int_equal(got.route_names.count, wish.route_names.count);
        if (wish.what.route_count > 0) {
            assert_memory_equal(got.what.route, wish.what.route, (size_t)wish.what.route_count * sizeof(int32_t));
        }
    }
}

static void fallback_tables_survive(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct fallback_table table, back;
        sample_fallback(seed, &table);
        struct frame_writer out = fresh();
        assert_int_equal(wire_put_fallback_table(&out, &table), STATUS_OK);
        assert_int_equal(wire_get_fallback_table(message_of(&out, FRAME_FALLBACK_TABLE), &arena, &back, NULL),
                         STATUS_OK);
        assert_int_equal(back.intersection, table.intersection);
        assert_int_equal(back.fallback, table.fallback);
        assert_true(back.site_hash == table.site_hash && back.reference_ms == table.reference_ms);
        assert_string_equal(back.time_zone, table.time_zone);
        assert_int_equal(back.program_count, table.program_count);
        assert_memory_equal(back.programs, table.programs, (size_t)table.program_count * sizeof *table.programs);
        assert_int_equal(back.green_count, table.green_count);
        assert_memory_equal(back.greens, table.greens, (size_t)table.green_count * sizeof *table.greens);
        assert_int_equal(back.switch_count, table.switch_count);
        assert_memory_equal(back.switches, table.switches, (size_t)table.switch_count * sizeof *table.switches);
        assert_int_equal(back.holiday_count, table.holiday_count);
        for (int32_t i = 0; i < table.holiday_count; i++) {
            assert_int_equal(back.holidays[i], table.holidays[i]);
        }
    }
}

static void errors_and_status_survive(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct wire_error error, back;
        sample_error(seed, &error);
        struct frame_writer out = fresh();
        assert_int_equal(wire_put_error(&out, &error), STATUS_OK);
        assert_int_equal(wire_get_error(message_of(&out, FRAME_ERROR), &arena, &back, NULL), STATUS_OK);
        assert_int_equal(back.code, error.code);
        assert_int_equal(back.text == NULL, error.text == NULL);
        assert_int_equal(back.field == NULL, error.field == NULL);
        assert_int_equal(back.address == NULL, error.address == NULL);
        assert_int_equal(back.request, error.request);
        assert_true(back.sequence == error.sequence);
        assert_int_equal(back.frame_kind, error.frame_kind);
        assert_int_equal(back.closing, error.closing);
        assert_int_equal(back.refused_count, error.refused_count);
        assert_int_equal(back.refused_listed, error.refused_listed);
        assert_memory_equal(back.refused, error.refused, (size_t)error.refused_listed * sizeof *error.refused);
        assert_int_equal(back.names.count, error.names.count);

        struct city_status status, seen;
        sample_status(seed, &status);
        out = fresh();
        assert_int_equal(wire_put_status(&out, &status), STATUS_OK);
        assert_int_equal(wire_get_status(message_of(&out, FRAME_STATUS), &arena, &seen, NULL), STATUS_OK);
        assert_string_equal(seen.network, status.network);
        assert_string_equal(seen.store, status.store);
        assert_memory_equal(seen.sessions, status.sessions, sizeof status.sessions);
        assert_true(seen.steps == status.steps && seen.readings_used == status.readings_used);
        assert_int_equal(seen.guard_refused, status.guard_refused);
        assert_int_equal(seen.step_us_max, status.step_us_max);
        assert_int_equal(seen.resident_bytes, status.resident_bytes);
        assert_int_equal(seen.alarms.count, status.alarms.count);
        assert_int_equal(seen.row_count, status.row_count);
        for (int32_t i = 0; i < status.row_count; i++) {
            assert_int_equal(seen.rows[i].intersection, status.rows[i].intersection);
            assert_int_equal(seen.rows[i].mode, status.rows[i].mode);
            assert_int_equal(seen.rows[i].reported, status.rows[i].reported);
            assert_int_equal(seen.rows[i].overridden, status.rows[i].overridden);
            assert_int_equal(seen.rows[i].stage, status.rows[i].stage);
            assert_int_equal(seen.rows[i].queue_mveh, status.rows[i].queue_mveh);
            assert_int_equal(seen.rows[i].flow_vph, status.rows[i].flow_vph);
            assert_int_equal(seen.rows[i].detectors_total, status.rows[i].detectors_total);
        }
    }
}

// ---- hostile bytes ----

// A copy of exactly these bytes, so that the sanitizer sees a read beyond them.
static enum status decode_copy(enum frame_kind kind, const uint8_t *at, size_t count)
{
    arena_reset(&arena);
    uint8_t *copy = malloc(count + (count == 0));
    memcpy(copy, at, count);
    const char *field = "untouched";
    enum status status = sample_decode(kind, (struct cursor){ copy, copy + count }, &arena, &field);
    assert_true(status != STATUS_RANGE || strcmp(field, "untouched") != 0);
    free(copy);
    return status;
}

static void every_prefix_is_taken_or_refused(void **state)
{
    (void)state;
    for (int kind = FRAME_HELLO; kind < FRAME_KIND_COUNT; kind++) {
        for (uint64_t seed = 0; seed < 6; seed++) {
            struct frame_writer out = fresh();
            assert_int_equal(sample_frame(seed, (enum frame_kind)kind, &out), STATUS_OK);
            struct cursor message = message_of(&out, (enum frame_kind)kind);
            for (size_t cut = 0; cut < cursor_bytes(&message); cut++) {
                (void)decode_copy((enum frame_kind)kind, message.at, cut);
            }
            assert_int_equal(decode_copy((enum frame_kind)kind, message.at, cursor_bytes(&message)), STATUS_OK);
        }
    }
}

static void changed_bytes_are_taken_or_refused(void **state)
{
    (void)state;
    int refused = 0;
    for (int kind = FRAME_HELLO; kind < FRAME_KIND_COUNT; kind++) {
        for (uint64_t seed = 0; seed < 400; seed++) {
            struct frame_writer out = fresh();
            assert_int_equal(sample_frame(seed, (enum frame_kind)kind, &out), STATUS_OK);
            struct cursor message = message_of(&out, (enum frame_kind)kind);
            size_t count = cursor_bytes(&message);
            uint8_t *at = out.at + (message.at - out.at);
            for (uint64_t change = 0; change < 1 + seed % 3 && count > 0; change++) {
                uint64_t pick = sample_bits(seed * 7 + change, (uint64_t)kind);
                at[pick % count] = (uint8_t)(pick >> 32);
            }
            refused += decode_copy((enum frame_kind)kind, at, count) != STATUS_OK;
        }
    }
    assert_true(refused > 1000);   // The changes do reach the checks.
}

// One field again and again, up to 1 MiB.
static enum status bomb(enum frame_kind kind, const char *unit, size_t unit_bytes)
{
    size_t count = (1 << 20) / unit_bytes;
    uint8_t *made = malloc(count * unit_bytes);
    for (size_t i = 0; i < count; i++) {
        memcpy(made + i * unit_bytes, unit, unit_bytes);
    }
    arena_reset(&arena);
    const char *field = NULL;
    enum status status = sample_decode(kind, (struct cursor){ made, made + count * unit_bytes }, &arena, &field);
    free(made);
    assert_true(arena.used <= arena.bytes);
    return status;
}

static void bombs_cost_no_more_than_the_arena(void **state)
{
    (void)state;
    assert_int_equal(bomb(FRAME_HELLO, "\x42\x00", 2), STATUS_LIMIT);       // names of no length
    assert_int_equal(bomb(FRAME_HELLO, "\x62\x00", 2), STATUS_LIMIT);       // the same sub-message, merged for ever
    assert_int_equal(bomb(FRAME_STATUS, "\xea\x01\x00", 3), STATUS_LIMIT);  // alarms
    assert_int_equal(bomb(FRAME_ERROR, "\x62\x00", 2), STATUS_LIMIT);
    assert_int_equal(bomb(FRAME_HELLO, "\xc0\x3e\x01", 3), STATUS_LIMIT);   // fields that nobody knows
    assert_int_equal(bomb(FRAME_PLAN_SUBSCRIPTION, "\x10\x01", 2), STATUS_LIMIT);
    // Groups within groups, known and unknown.
    assert_int_equal(bomb(FRAME_HELLO, "\x0b", 1), STATUS_SYNTAX);
    assert_int_equal(bomb(FRAME_PLAN, "\x0b", 1), STATUS_SYNTAX);
    assert_int_equal(bomb(FRAME_OBSERVATIONS, "\xc3\x3e", 2), STATUS_SYNTAX);
    // What is decoded without an arena: repetition of a column is a fault, unknown fields cost nothing.
    assert_int_equal(bomb(FRAME_OBSERVATIONS, "\x1a\x00", 2), STATUS_SYNTAX);
    assert_int_equal(bomb(FRAME_OBSERVATIONS, "\xc2\x3e\x00", 3), STATUS_RANGE);
    assert_int_equal(bomb(FRAME_CONTROLLER_STATUSES, "\xc2\x3e\x00", 3), STATUS_RANGE);
}

// Texts that would spoil a log or a terminal are refused.
static void control_characters_are_refused(void **state)
{
    (void)state;
    static const char *const TEXTS[] = { "a\nb", "a\x1b[2J", "a\x7f" };
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        struct hello hello;
        sample_hello(1, ROLE_OPERATOR, &hello);
        hello.identity = TEXTS[i];
        struct frame_writer out = fresh();
        const char *field = "";
        assert_int_equal(wire_put_hello(&out, &hello), STATUS_OK);
        assert_int_equal(wire_get_hello(message_of(&out, FRAME_HELLO), &arena, &hello, &field), STATUS_RANGE);
        assert_string_equal(field, "identity");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(protobuf_reads_and_writes_the_same_bytes),
        cmocka_unit_test(plan_fields_have_their_names),
        cmocka_unit_test(plans_survive),
        cmocka_unit_test(the_widest_plan_fits),
        cmocka_unit_test(wrong_plans_are_refused_by_name),
        cmocka_unit_test(reports_survive_alone_and_in_columns),
        cmocka_unit_test(hello_and_welcome_survive),
        cmocka_unit_test(requests_survive),
        cmocka_unit_test(fallback_tables_survive),
        cmocka_unit_test(errors_and_status_survive),
        cmocka_unit_test(every_prefix_is_taken_or_refused),
        cmocka_unit_test(changed_bytes_are_taken_or_refused),
        cmocka_unit_test(bombs_cost_no_more_than_the_arena),
        cmocka_unit_test(control_characters_are_refused),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
