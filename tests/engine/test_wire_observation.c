// Goal: readings come out as they went in; each is judged by the rules of observation_codec.h, on both sides of every
// border; a batch whose columns disagree changes nothing. A second decoder, written with protobuf's own library and
// one obvious loop, must agree on random batches, good and bad.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "observation.pb-c.h"
#include "tests/engine/wire_samples.h"

#define NOW_MS INT64_C(1790000000000)
#define ROWS 64
#define BINS (ROWS * CAMERA_BIN_COUNT_MAX)

static uint8_t bytes[1 << 18];
static struct observation_buffer said, heard;

static int open_buffers(void **state)
{
    (void)state;
    observation_buffer_create(&said, ROWS, ROWS, ROWS, BINS);
    observation_buffer_create(&heard, 3 * ROWS, 3 * ROWS, 3 * ROWS, 3 * BINS);
    return 0;
}

static int close_buffers(void **state)
{
    (void)state;
    observation_buffer_release(&said);
    observation_buffer_release(&heard);
    return 0;
}

static const struct reading_rules EVERYTHING = { .detector_count = 1000, .camera_count = 1000, .all = true,
    .end_ms_min = NOW_MS - 900000, .end_ms_max = NOW_MS + 1000 };

// Writes the rows as one message; its bytes lie in `bytes`.
static struct cursor write_rows(const struct observation_columns *rows, uint64_t sequence)
{
    struct frame_writer out = frame_writer_over(bytes, sizeof bytes);
    struct observation_position position = { 0 };
    assert_int_equal(wire_put_observations(&out, sequence, rows, FRAME_BYTES_MAX_DEFAULT, &position), STATUS_OK);
    assert_true(observation_position_done(&position, rows));
    struct cursor frame = { bytes, bytes + out.used };
    uint64_t length;
    assert_true(varint_read(&frame, &length));
    enum frame_kind kind;
    struct cursor message;
    assert_int_equal(frame_open(frame, &kind, &message), STATUS_OK);
    assert_int_equal(kind, FRAME_OBSERVATIONS);
    return message;
}

static void rows_equal(const struct observation_columns *a, int32_t loop, int32_t edge, int32_t camera,
                       const struct observation_columns *b)
{
    for (int32_t i = 0; i < b->loops.count; i++, loop++) {
        assert_int_equal(a->loops.detector[loop], b->loops.detector[i]);
        assert_true(a->loops.end_ms[loop] == b->loops.end_ms[i]);
        assert_int_equal(a->loops.length_ms[loop], b->loops.length_ms[i]);
        assert_int_equal(a->loops.vehicles[loop], b->loops.vehicles[i]);
        assert_int_equal(a->loops.occupied_ms[loop], b->loops.occupied_ms[i]);
        assert_int_equal(a->loops.speed_mmps[loop], b->loops.speed_mmps[i]);
    }
    for (int32_t i = 0; i < b->edges.count; i++, edge++) {
        assert_int_equal(a->edges.detector[edge], b->edges.detector[i]);
        assert_true(a->edges.at_ms[edge] == b->edges.at_ms[i]);
        assert_int_equal(a->edges.on[edge], b->edges.on[i]);
    }
    for (int32_t i = 0; i < b->cameras.count; i++, camera++) {
        assert_int_equal(a->cameras.camera[camera], b->cameras.camera[i]);
        assert_true(a->cameras.end_ms[camera] == b->cameras.end_ms[i]);
        assert_int_equal(a->cameras.length_ms[camera], b->cameras.length_ms[i]);
        assert_int_equal(a->cameras.in_view[camera], b->cameras.in_view[i]);
        assert_int_equal(a->cameras.queued[camera], b->cameras.queued[i]);
        assert_int_equal(a->cameras.tail_mm[camera], b->cameras.tail_mm[i]);
        assert_int_equal(a->cameras.speed_mmps[camera], b->cameras.speed_mmps[i]);
        for (int turn = 0; turn < 4; turn++) {
            assert_int_equal(a->cameras.turned[turn][camera], b->cameras.turned[turn][i]);
        }
        int32_t first = a->cameras.first_bin[camera];
        int32_t other = b->cameras.first_bin[i];
        int32_t bins = b->cameras.first_bin[i + 1] - other;
        assert_int_equal(a->cameras.first_bin[camera + 1] - first, bins);
        for (int32_t bin = 0; bin < bins; bin++) {
            assert_int_equal(a->cameras.bin_vehicles[first + bin], b->cameras.bin_vehicles[other + bin]);
            assert_int_equal(a->cameras.bin_speed_mmps[first + bin], b->cameras.bin_speed_mmps[other + bin]);
        }
    }
}

static void readings_survive(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct reading_result result;
        sample_observations(seed, (int32_t)(seed % ROWS), (int32_t)(seed * 7 % ROWS), (int32_t)(seed * 3 % ROWS),
                            NOW_MS, &said);
        observation_buffer_clear(&heard);
        // Twice, so that the second lies behind the first.
        for (uint64_t sequence = 1; sequence <= 2; sequence++) {
            struct cursor message = write_rows(&said.rows, sequence);
            assert_int_equal(wire_get_observations(message, &EVERYTHING, sequence - 1, &heard, &result, NULL),
                             STATUS_OK);
            assert_int_equal(result.refused_count, 0);
            assert_int_equal(result.sequence, sequence);
            assert_int_equal(result.loops, said.rows.loops.count);
            assert_int_equal(result.edges, said.rows.edges.count);
            assert_int_equal(result.cameras, said.rows.cameras.count);
        }
        rows_equal(&heard.rows, 0, 0, 0, &said.rows);
        rows_equal(&heard.rows, said.rows.loops.count, said.rows.edges.count, said.rows.cameras.count, &said.rows);
        assert_int_equal(heard.rows.loops.count, 2 * said.rows.loops.count);
        assert_int_equal(heard.rows.cameras.count, 2 * said.rows.cameras.count);
    }
}

// A set of rows that is too much for one frame goes out in several and comes in whole, in order.
static void readings_are_spread_over_frames(void **state)
{
    (void)state;
    static const uint32_t LIMITS[] = { 5000, 1200, 700 };
    for (size_t l = 0; l < sizeof LIMITS / sizeof *LIMITS; l++) {
        struct observation_position position = { 0 };
        sample_observations(2, ROWS, ROWS, ROWS, NOW_MS, &said);
        observation_buffer_clear(&heard);
        uint64_t sequence = 0;
        while (!observation_position_done(&position, &said.rows)) {
            struct frame_writer out = frame_writer_over(bytes, sizeof bytes);
            assert_int_equal(wire_put_observations(&out, ++sequence, &said.rows, LIMITS[l], &position), STATUS_OK);
            struct cursor frame = { bytes, bytes + out.used };
            uint64_t length;
            assert_true(varint_read(&frame, &length));
            assert_true(length <= LIMITS[l]);
            enum frame_kind kind;
            struct cursor message;
            struct reading_result result;
            assert_int_equal(frame_open(frame, &kind, &message), STATUS_OK);
            assert_int_equal(wire_get_observations(message, &EVERYTHING, sequence - 1, &heard, &result, NULL),
                             STATUS_OK);
        }
        assert_true(sequence > 1);
        assert_int_equal(heard.rows.loops.count, ROWS);
        assert_int_equal(heard.rows.edges.count, ROWS);
        assert_int_equal(heard.rows.cameras.count, ROWS);
        rows_equal(&heard.rows, 0, 0, 0, &said.rows);
    }
    struct observation_position position = { 0 };
    struct frame_writer out = frame_writer_over(bytes, sizeof bytes);
    assert_int_equal(wire_put_observations(&out, 1, &said.rows, 200, &position), STATUS_LIMIT);
    assert_int_equal(out.used, 0);
}

// ---- each rule, on both sides of its border ----

// One good loop reading at row 0 and 2, the given one at row 1; what became of row 1.
static enum reading_refusal judge_loop(int32_t detector, int64_t end_ms, int32_t length_ms, int32_t vehicles,
                                       int32_t occupied_ms, int32_t speed_mmps)
{
    struct loop_columns *rows = &said.rows.loops;
    observation_buffer_clear(&said);
    for (int32_t i = 0; i < 3; i++) {
        rows->detector[i] = i == 1 ? detector : 10 + i;
        rows->end_ms[i] = i == 1 ? end_ms : NOW_MS;
        rows->length_ms[i] = i == 1 ? length_ms : 1000;
        rows->vehicles[i] = i == 1 ? vehicles : i;
        rows->occupied_ms[i] = i == 1 ? occupied_ms : 300;
        rows->speed_mmps[i] = i == 1 ? speed_mmps : 9000;
    }
    rows->count = 3;
    static const int32_t OWNED[] = { 3, 7, 10, 12, 999 };
    struct reading_rules rules = { .detector_count = 1000, .camera_count = 0, .detectors = { 5, OWNED },
        .end_ms_min = NOW_MS - 900000, .end_ms_max = NOW_MS + 1000 };
    struct reading_result result;
    observation_buffer_clear(&heard);
    assert_int_equal(wire_get_observations(write_rows(&said.rows, 9), &rules, 8, &heard, &result, NULL), STATUS_OK);
    if (result.refused_count == 0) {
        assert_int_equal(result.loops, 3);
        rows_equal(&heard.rows, 0, 0, 0, &said.rows);
        return READING_TAKEN;
    }
    assert_int_equal(result.refused_count, 1);
    assert_int_equal(result.refused[0].kind, READING_OF_LOOP);
    assert_int_equal(result.refused[0].row, 1);
    assert_int_equal(result.loops, 2);
    assert_int_equal(heard.rows.loops.count, 2);
    assert_int_equal(heard.rows.loops.detector[0], 10);
    assert_int_equal(heard.rows.loops.detector[1], 12);
    assert_int_equal(heard.rows.loops.vehicles[1], 2);
    return result.refused[0].reason;
}

static void loop_readings_are_judged_at_each_border(void **state)
{
    (void)state;
    assert_int_equal(judge_loop(7, NOW_MS, 1000, 1, 400, 8000), READING_TAKEN);
    assert_int_equal(judge_loop(3, NOW_MS, 1000, 1, 400, 8000), READING_TAKEN);
    assert_int_equal(judge_loop(999, NOW_MS, 1000, 1, 400, 8000), READING_TAKEN);
    assert_int_equal(judge_loop(1000, NOW_MS, 1000, 1, 400, 8000), READING_UNKNOWN);
    assert_int_equal(judge_loop(INT32_MAX, NOW_MS, 1000, 1, 400, 8000), READING_UNKNOWN);
    assert_int_equal(judge_loop(-1, NOW_MS, 1000, 1, 400, 8000), READING_UNKNOWN);   // a uint32 of 2^32 - 1
    assert_int_equal(judge_loop(8, NOW_MS, 1000, 1, 400, 8000), READING_FOREIGN);
    assert_int_equal(judge_loop(0, NOW_MS, 1000, 1, 400, 8000), READING_FOREIGN);
    assert_int_equal(judge_loop(998, NOW_MS, 1000, 1, 400, 8000), READING_FOREIGN);
    assert_int_equal(judge_loop(7, NOW_MS + 1000, 1000, 1, 400, 8000), READING_TAKEN);
    assert_int_equal(judge_loop(7, NOW_MS + 1001, 1000, 1, 400, 8000), READING_FUTURE);
    assert_int_equal(judge_loop(7, NOW_MS - 900000, 1000, 1, 400, 8000), READING_TAKEN);
    assert_int_equal(judge_loop(7, NOW_MS - 900001, 1000, 1, 400, 8000), READING_OLD);
    assert_int_equal(judge_loop(7, NOW_MS, 1, 0, 0, -1), READING_TAKEN);
    assert_int_equal(judge_loop(7, NOW_MS, 0, 0, 0, -1), READING_LENGTH);
    assert_int_equal(judge_loop(7, NOW_MS, 3600000, 0, 0, -1), READING_TAKEN);
    assert_int_equal(judge_loop(7, NOW_MS, 3600001, 0, 0, -1), READING_LENGTH);
    assert_int_equal(judge_loop(7, NOW_MS, 1000, 6, 400, 8000), READING_TAKEN);   // 2 + 1000 / 250
    assert_int_equal(judge_loop(7, NOW_MS, 1000, 7, 400, 8000), READING_VEHICLES);
    assert_int_equal(judge_loop(7, NOW_MS, 1000, 1, 1000, 8000), READING_TAKEN);
    assert_int_equal(judge_loop(7, NOW_MS, 1000, 1, 1001, 8000), READING_OCCUPANCY);
    assert_int_equal(judge_loop(7, NOW_MS, 1000, 1, 400, -1), READING_TAKEN);
    assert_int_equal(judge_loop(7, NOW_MS, 1000, 1, 400, -2), READING_SPEED);
    assert_int_equal(judge_loop(7, NOW_MS, 1000, 1, 400, 100000), READING_TAKEN);
    assert_int_equal(judge_loop(7, NOW_MS, 1000, 1, 400, 100001), READING_SPEED);
}

static enum reading_refusal judge_edge(int32_t detector, int64_t at_ms, int32_t on)
{
    observation_buffer_clear(&said);
    said.rows.edges.detector[0] = detector;
    said.rows.edges.at_ms[0] = at_ms;
    said.rows.edges.on[0] = on;
    said.rows.edges.count = 1;
    struct reading_result result;
    observation_buffer_clear(&heard);
    assert_int_equal(wire_get_observations(write_rows(&said.rows, 1), &EVERYTHING, 0, &heard, &result, NULL),
                     STATUS_OK);
    assert_int_equal(result.edges, 1 - result.refused_count);
    return result.refused_count == 0 ? READING_TAKEN : result.refused[0].reason;
}

static void edges_are_judged_at_each_border(void **state)
{
    (void)state;
    assert_int_equal(judge_edge(0, NOW_MS, 0), READING_TAKEN);
    assert_int_equal(judge_edge(999, NOW_MS, 1), READING_TAKEN);
    assert_int_equal(judge_edge(999, NOW_MS, 2), READING_EDGE);
    assert_int_equal(judge_edge(1000, NOW_MS, 1), READING_UNKNOWN);
    assert_int_equal(judge_edge(0, NOW_MS + 1001, 1), READING_FUTURE);
    assert_int_equal(judge_edge(0, NOW_MS - 900001, 1), READING_OLD);
}

struct camera_case {
    int32_t in_view, queued, tail_mm, speed_mmps, through, bins, bin_vehicles, bin_speed_mmps;
    enum reading_refusal expected;
};

// The case lies between two good rows with bins, which must keep theirs.
static void judge_camera(const struct camera_case *c)
{
    struct camera_columns *rows = &said.rows.cameras;
    observation_buffer_clear(&said);
    for (int32_t i = 0; i < 3; i++) {
        bool tried = i == 1;
        rows->camera[i] = i;
        rows->end_ms[i] = NOW_MS;
        rows->length_ms[i] = 1000;
        rows->in_view[i] = tried ? c->in_view : 5;
        rows->queued[i] = tried ? c->queued : 2;
        rows->tail_mm[i] = tried ? c->tail_mm : 15000;
        rows->speed_mmps[i] = tried ? c->speed_mmps : 4000;
        rows->turned[0][i] = tried ? c->through : 1;
        rows->turned[1][i] = rows->turned[2][i] = rows->turned[3][i] = 0;
        int32_t bins = tried ? c->bins : 2 + i;
        for (int32_t b = 0; b < bins; b++) {
            rows->bin_vehicles[rows->first_bin[i] + b] = tried ? c->bin_vehicles : i;
            rows->bin_speed_mmps[rows->first_bin[i] + b] = tried ? c->bin_speed_mmps : 1000 + b;
        }
        rows->first_bin[i + 1] = rows->first_bin[i] + bins;
        rows->count = i + 1;
    }
    struct reading_result result;
    observation_buffer_clear(&heard);
    assert_int_equal(wire_get_observations(write_rows(&said.rows, 1), &EVERYTHING, 0, &heard, &result, NULL),
                     STATUS_OK);
    if (c->expected == READING_TAKEN) {
        assert_int_equal(result.refused_count, 0);
        rows_equal(&heard.rows, 0, 0, 0, &said.rows);
        return;
    }
    assert_int_equal(result.refused_count, 1);
    assert_int_equal(result.refused[0].reason, c->expected);
    assert_int_equal(result.refused[0].row, 1);
    assert_int_equal(heard.rows.cameras.count, 2);
    assert_int_equal(heard.rows.cameras.camera[1], 2);
    assert_int_equal(heard.rows.cameras.first_bin[1], 2);
    assert_int_equal(heard.rows.cameras.first_bin[2], 6);
    for (int32_t b = 0; b < 4; b++) {
        assert_int_equal(heard.rows.cameras.bin_vehicles[2 + b], 2);
        assert_int_equal(heard.rows.cameras.bin_speed_mmps[2 + b], 1000 + b);
    }
}

static void camera_readings_are_judged_at_each_border(void **state)
{
    (void)state;
    static const struct camera_case CASES[] = {
        { 10, 10, 10000000, 100000, 6, 32, 64, 100000, READING_TAKEN },
        { 0, 0, 0, -1, 0, 0, 0, 0, READING_TAKEN },
        { 2000, 0, 0, -1, 0, 0, 0, 0, READING_TAKEN },
        { 2001, 0, 0, -1, 0, 0, 0, 0, READING_VEHICLES },
        { 10, 11, 0, -1, 0, 0, 0, 0, READING_QUEUE },
        { 10, 10, 10000001, -1, 0, 0, 0, 0, READING_QUEUE },
        { 10, 10, 0, 100001, 0, 0, 0, 0, READING_SPEED },
        { 10, 10, 0, -2, 0, 0, 0, 0, READING_SPEED },
        { 10, 10, 0, 0, 7, 0, 0, 0, READING_VEHICLES },
        { 10, 10, 0, 0, 0, 33, 0, 0, READING_BINS },
        { 10, 10, 0, 0, 0, 1, 65, 0, READING_BINS },
        { 10, 10, 0, 0, 0, 1, 0, -2, READING_BINS },
        { 10, 10, 0, 0, 0, 5, 1, -1, READING_TAKEN },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        judge_camera(&CASES[i]);
    }
}

static void only_sixteen_refusals_are_listed(void **state)
{
    (void)state;
    sample_observations(1, 40, 0, 0, NOW_MS - 2000000, &said);
    struct reading_result result;
    observation_buffer_clear(&heard);
    assert_int_equal(wire_get_observations(write_rows(&said.rows, 1), &EVERYTHING, 0, &heard, &result, NULL),
                     STATUS_OK);
    assert_int_equal(result.refused_count, 40);
    assert_int_equal(result.refused_listed, WIRE_REFUSED_MAX);
    assert_int_equal(result.refused[15].row, 15);
    assert_int_equal(heard.rows.loops.count, 0);
}

static void sequence_must_rise_and_room_must_suffice(void **state)
{
    (void)state;
    sample_observations(3, ROWS, 5, 5, NOW_MS, &said);
    struct reading_result result;
    observation_buffer_clear(&heard);
    assert_int_equal(wire_get_observations(write_rows(&said.rows, 5), &EVERYTHING, 5, &heard, &result, NULL),
                     STATUS_STALE);
    assert_int_equal(wire_get_observations(write_rows(&said.rows, 4), &EVERYTHING, 5, &heard, &result, NULL),
                     STATUS_STALE);
    assert_int_equal(result.sequence, 4);
    assert_int_equal(heard.rows.loops.count, 0);
    assert_int_equal(wire_get_observations(write_rows(&said.rows, 6), &EVERYTHING, 5, NULL, &result, NULL),
                     STATUS_LIMIT);
    assert_int_equal(result.offered, ROWS + 10);
    // The fourth time the loops have no room, and nothing of the batch is taken.
    for (uint64_t n = 0; n < 4; n++) {
        enum status status = wire_get_observations(write_rows(&said.rows, 7), &EVERYTHING, 6, &heard, &result, NULL);
        assert_int_equal(status, n < 3 ? STATUS_OK : STATUS_LIMIT);
    }
    assert_int_equal(heard.rows.loops.count, 3 * ROWS);
    assert_int_equal(heard.rows.edges.count, 15);
    assert_int_equal(heard.rows.cameras.count, 15);
}

// ---- columns that disagree ----

struct raw_column { uint32_t field; const char *name; bool optional; };

static const struct raw_column COLUMNS[] = {
    { 3, "loop_detector", false }, { 4, "loop_end_ms", false }, { 5, "loop_length_ms", false },
    { 6, "loop_vehicles", false }, { 7, "loop_occupied_ms", false }, { 8, "loop_speed_mmps", true },
    { 9, "edge_detector", false }, { 10, "edge_at_ms", false }, { 11, "edge_on", false },
    { 12, "camera", false }, { 13, "camera_end_ms", false }, { 14, "camera_length_ms", false },
    { 15, "camera_in_view", false }, { 16, "camera_queued", false }, { 17, "camera_tail_mm", false },
    { 18, "camera_speed_mmps", true }, { 19, "camera_through", false }, { 20, "camera_left", false },
    { 21, "camera_right", false }, { 22, "camera_u_turn", false }, { 23, "camera_bin_count", false },
    { 24, "camera_bin_vehicles", false }, { 25, "camera_bin_speed_mmps", false },
};
#define COLUMN_COUNT (sizeof COLUMNS / sizeof *COLUMNS)

// A batch of three rows of each kind, one bin a row; column `which` has `rows` rows instead. cut: its last byte is
// open.
static struct cursor raw_batch(size_t which, int rows, bool cut)
{
    struct frame_writer out = frame_writer_over(bytes, sizeof bytes);
    put_uint(&out, 1, 1);
    put_sint(&out, 2, NOW_MS);
    for (size_t c = 0; c < COLUMN_COUNT; c++) {
        int32_t count = c == which ? rows : 3;
        uint8_t column[8];
        for (int32_t i = 0; i < count; i++) {
            column[i] = COLUMNS[c].field == 23 || COLUMNS[c].field == 5 || COLUMNS[c].field == 14 ? 1 : 0;
        }
        if (cut && c == which) {
            column[count - 1] = 0x80;
        }
        put_tag(&out, COLUMNS[c].field, WIRE_BYTES);
        put_varint(&out, (uint64_t)count);
        put_bytes(&out, column, (size_t)count);
    }
    return (struct cursor){ bytes, bytes + out.used };
}

static void unequal_columns_are_refused_whole_and_by_name(void **state)
{
    (void)state;
    struct reading_result result;
    for (size_t c = 0; c < COLUMN_COUNT; c++) {
        for (int rows = 0; rows <= 4; rows++) {
            for (int cut = 0; cut <= (rows > 0); cut++) {
                observation_buffer_clear(&heard);
                const char *field = "";
                bool good = cut == 0 && (rows == 3 || (rows == 0 && COLUMNS[c].optional));
                enum status status = wire_get_observations(raw_batch(c, rows, cut != 0), &EVERYTHING, 0, &heard,
                                                           &result, &field);
                assert_int_equal(status, good ? STATUS_OK : STATUS_RANGE);
                assert_int_equal(heard.rows.loops.count, good ? 3 : 0);
                assert_int_equal(heard.rows.cameras.count, good ? 3 : 0);
                // The odd one out is named; where the first column is, all others disagree with it.
                bool first = COLUMNS[c].field == 3 || COLUMNS[c].field == 9 || COLUMNS[c].field == 12;
                if (!good && !first && COLUMNS[c].field != 23) {
                    assert_string_equal(field, COLUMNS[c].name);
                }
                if (good && rows == 0) {
                    assert_int_equal(COLUMNS[c].field == 8 ? heard.rows.loops.speed_mmps[2]
                                     : heard.rows.cameras.speed_mmps[2], -1);
                }
            }
        }
    }
}

static void sequence_and_base_must_be_there(void **state)
{
    (void)state;
    struct reading_result result;
    const char *field = "";
    const uint8_t no_base[] = { 0x08, 0x01 };
    assert_int_equal(wire_get_observations((struct cursor){ no_base, no_base + 2 }, &EVERYTHING, 0, &heard, &result,
                                           &field), STATUS_RANGE);
    assert_string_equal(field, "base_ms");
    const uint8_t no_sequence[] = { 0x10, 0x01 };
    assert_int_equal(wire_get_observations((struct cursor){ no_sequence, no_sequence + 2 }, &EVERYTHING, 0, &heard,
                                           &result, &field), STATUS_RANGE);
    assert_string_equal(field, "sequence");
}

// ---- the second decoder ----

// Loop rows by the letter of the rules, over protobuf's own arrays.
static int32_t loops_by_the_letter(const Intergreen__V1__ObservationBatch *batch, const struct reading_rules *rules,
                                   struct loop_columns *ret, enum reading_refusal *refusals)
{
    int32_t kept = 0;
    for (size_t i = 0; i < batch->n_loop_detector; i++) {
        int64_t end_ms = batch->base_ms + batch->loop_end_ms[i];
        uint32_t detector = batch->loop_detector[i];
        bool own = rules->all;
        for (int32_t o = 0; o < rules->detectors.count; o++) {
            own = own || (uint32_t)rules->detectors.at[o] == detector;
        }
        int64_t speed = batch->n_loop_speed_mmps > 0 ? batch->loop_speed_mmps[i] : -1;
        enum reading_refusal refusal = detector >= (uint32_t)rules->detector_count ? READING_UNKNOWN
            : !own ? READING_FOREIGN
            : end_ms > rules->end_ms_max ? READING_FUTURE
            : end_ms < rules->end_ms_min ? READING_OLD
            : batch->loop_length_ms[i] == 0 || batch->loop_length_ms[i] > 3600000 ? READING_LENGTH
            : batch->loop_vehicles[i] > 2 + batch->loop_length_ms[i] / 250 ? READING_VEHICLES
            : batch->loop_occupied_ms[i] > batch->loop_length_ms[i] ? READING_OCCUPANCY
            : speed < -1 || speed > 100000 ? READING_SPEED : READING_TAKEN;
        refusals[i] = refusal;
        if (refusal == READING_TAKEN) {
            ret->detector[kept] = (int32_t)detector;
            ret->end_ms[kept] = end_ms;
            ret->length_ms[kept] = (int32_t)batch->loop_length_ms[i];
            ret->vehicles[kept] = (int32_t)batch->loop_vehicles[i];
            ret->occupied_ms[kept] = (int32_t)batch->loop_occupied_ms[i];
            ret->speed_mmps[kept] = (int32_t)speed;
            kept++;
        }
    }
    ret->count = kept;
    return kept;
}

// Any 32-bit number, near the borders more often than not.
static uint32_t wild(uint64_t seed, uint64_t draw)
{
    uint64_t bits = sample_bits(seed, draw);
    switch (bits >> 60) {
    case 0:
        return (uint32_t)bits;
    case 1:
        return (uint32_t)bits % 3700000;
    default:
        return (uint32_t)bits % 12;
    }
}

static void a_second_decoder_agrees(void **state)
{
    (void)state;
    enum { COUNT = ROWS };
    static const int32_t OWNED[] = { 0, 2, 3, 5, 8, 9, 11 };
    uint32_t values[5][COUNT];
    int32_t ends[COUNT], speeds[COUNT];
    int taken = 0, refused = 0;
    for (uint64_t seed = 0; seed < 3000; seed++) {
        size_t count = seed % (COUNT + 1);
        for (size_t i = 0; i < count; i++) {
            for (size_t c = 0; c < 5; c++) {
                values[c][i] = wild(seed, i * 10 + c);
            }
            ends[i] = (int32_t)wild(seed, i * 10 + 6) - 900000 * (int32_t)(seed % 2);
            speeds[i] = (int32_t)wild(seed, i * 10 + 7) - 2;
        }
        Intergreen__V1__ObservationBatch batch = INTERGREEN__V1__OBSERVATION_BATCH__INIT;
        batch.has_sequence = batch.has_base_ms = true;
        batch.sequence = 1;
        batch.base_ms = NOW_MS;
        batch.n_loop_detector = batch.n_loop_end_ms = batch.n_loop_length_ms = batch.n_loop_vehicles =
            batch.n_loop_occupied_ms = count;
        batch.loop_detector = values[0];
        batch.loop_length_ms = values[1];
        batch.loop_vehicles = values[2];
        batch.loop_occupied_ms = values[3];
        batch.loop_end_ms = ends;
        batch.n_loop_speed_mmps = seed % 3 == 0 ? 0 : count;
        batch.loop_speed_mmps = speeds;
        size_t packed = intergreen__v1__observation_batch__pack(&batch, bytes);
        struct reading_rules rules = { .detector_count = 10, .all = seed % 5 == 0, .detectors = { 7, OWNED },
            .end_ms_min = NOW_MS - 900000, .end_ms_max = NOW_MS + 1000 };
        enum reading_refusal refusals[COUNT];
        int32_t kept = loops_by_the_letter(&batch, &rules, &said.rows.loops, refusals);
        said.rows.edges.count = said.rows.cameras.count = 0;
        observation_buffer_clear(&heard);
        struct reading_result result;
        assert_int_equal(wire_get_observations((struct cursor){ bytes, bytes + packed }, &rules, 0, &heard, &result,
                                               NULL), STATUS_OK);
        assert_int_equal(result.loops, kept);
        assert_int_equal(heard.rows.loops.count, kept);
        rows_equal(&heard.rows, 0, 0, 0, &said.rows);
        int32_t listed = 0;
        for (size_t i = 0; i < count; i++) {
            if (refusals[i] != READING_TAKEN && listed < result.refused_listed) {
                assert_int_equal(result.refused[listed].row, i);
                assert_int_equal(result.refused[listed].reason, refusals[i]);
                listed++;
            }
        }
        assert_int_equal(result.refused_count, (int32_t)count - kept);
        taken += kept;
        refused += result.refused_count;
    }
    assert_true(taken > 5000 && refused > 5000);   // Both sides are seen.
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readings_survive),
        cmocka_unit_test(readings_are_spread_over_frames),
        cmocka_unit_test(loop_readings_are_judged_at_each_border),
        cmocka_unit_test(edges_are_judged_at_each_border),
        cmocka_unit_test(camera_readings_are_judged_at_each_border),
        cmocka_unit_test(only_sixteen_refusals_are_listed),
        cmocka_unit_test(sequence_must_rise_and_room_must_suffice),
        cmocka_unit_test(unequal_columns_are_refused_whole_and_by_name),
        cmocka_unit_test(sequence_and_base_must_be_there),
        cmocka_unit_test(a_second_decoder_agrees),
    };
    return cmocka_run_group_tests(tests, open_buffers, close_buffers);
}
