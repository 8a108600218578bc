// Goal: what is put into a recording comes out of it, block by block, also when it was cut off at any byte or a bit of
// it was turned over: then what is whole comes out, and the damage is told. Records of every kind cross exactly.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/random.h"
#include "engine/record/record_codec.h"
#include "engine/record/recorder.h"
#include "engine/record/recording.h"
#include "engine/record/recording_folder.h"
#include "tests/engine/crossings.h"
#include "tests/engine/scratch.h"

#define BLOCKS 5
#define CHUNKS 4
#define RECORDS 3

// Record r of chunk c of block b: its length and bytes follow from its place.
static size_t record_fill(int b, int c, int r, uint8_t *ret)
{
    uint64_t place = (uint64_t)(b * 100 + c * 10 + r);
    size_t bytes = 20 + random_bits(1, RANDOM_TEST, place, 0) % 200;
    for (size_t i = 0; i < bytes; i++) {
        ret[i] = (uint8_t)random_bits(1, RANDOM_TEST, place, 1 + i / 16);
    }
    return bytes;
}

static void recording_make(const char *path, bool close)
{
    struct problem problem;
    struct recording_writer *writer = NULL;
    assert_int_equal(recording_create(path, 77, &writer, &problem), STATUS_OK);
    for (int b = 0; b < BLOCKS; b++) {
        recording_begin_block(writer);
        for (int c = 0; c < CHUNKS; c++) {
            uint8_t bytes[4096], *at = bytes;
            for (int r = 0; r < RECORDS; r++) {
                uint8_t record[256];
                size_t count = record_fill(b, c, r, record);
                at = varint_write(at, count);
                memcpy(at, record, count);
                at += count;
            }
            int64_t now_ms = (b * CHUNKS + c) * 1000;
            assert_int_equal(recording_put(writer, bytes, (size_t)(at - bytes), now_ms, now_ms + 999, &problem),
                             STATUS_OK);
        }
    }
    off_t open_bytes = (off_t)recording_bytes(writer);
    assert_int_equal(recording_close(writer, &problem), STATUS_OK);
    if (!close) {
        assert_int_equal(truncate(path, open_bytes), 0);   // As kill -9 leaves it: no index.
    }
}

// Counts the records that the stream still has of block b, and checks each.
static int stream_read(struct recording_stream *stream, int b, enum status *ret_end)
{
    struct cursor record;
    int count = 0;
    while ((*ret_end = recording_next(stream, &record)) == STATUS_OK) {
        uint8_t expected[256];
        size_t bytes = record_fill(b, count / RECORDS, count % RECORDS, expected);
        assert_int_equal(cursor_bytes(&record), bytes);
        assert_memory_equal(record.at, expected, bytes);
        count++;
    }
    return count;
}

static int block_read(const struct recording *recording, int32_t block, int b, enum status *ret_end)
{
    struct recording_stream *stream = recording_stream_open(recording, block);
    int count = stream_read(stream, b, ret_end);
    recording_stream_release(stream);
    return count;
}

// One stream, sent to the blocks from the last to the first, each left after its first record and read anew: what a
// stream of its own gives. Then past a block that is damaged.
static void a_stream_goes_to_any_block(void **state)
{
    (void)state;
    struct scratch scratch;
    scratch_create(&scratch);
    const char *path = scratch_path(&scratch, "day.igr");
    recording_make(path, true);
    struct recording *recording = NULL;
    struct problem problem;
    assert_int_equal(recording_open(path, &recording, &problem), STATUS_OK);
    struct recording_stream *stream = recording_stream_open(recording, 0);
    enum status end;
    for (int32_t b = BLOCKS - 1; b >= 0; b--) {
        struct cursor record;
        recording_stream_seek(stream, b);
        assert_int_equal(recording_next(stream, &record), STATUS_OK);
        recording_stream_seek(stream, b);
        assert_int_equal(stream_read(stream, b, &end), CHUNKS * RECORDS);
        assert_int_equal(end, STATUS_UNKNOWN);
    }
    recording->blocks[1].offset++;              // No chunk begins there.
    recording_stream_seek(stream, 1);
    assert_int_equal(stream_read(stream, 1, &end), 0);
    assert_int_equal(end, STATUS_SYNTAX);
    recording_stream_seek(stream, 2);
    assert_int_equal(stream_read(stream, 2, &end), CHUNKS * RECORDS);
    assert_int_equal(end, STATUS_UNKNOWN);
    recording_stream_release(stream);
    recording_release(recording);
    scratch_release(&scratch);
}

static void what_was_put_comes_out(void **state)
{
    (void)state;
    struct scratch scratch;
    scratch_create(&scratch);
    const char *path = scratch_path(&scratch, "day.igr");
    for (int closed = 0; closed < 2; closed++) {
        recording_make(path, closed == 1);
        struct recording *recording = NULL;
        struct problem problem;
        assert_int_equal(recording_open(path, &recording, &problem), STATUS_OK);
        assert_int_equal(recording->closed, closed == 1);
        assert_int_equal(recording->block_count, BLOCKS);
        assert_int_equal(recording->network_hash, 77);
        assert_int_equal(recording->damage_count, 0);
        for (int32_t b = 0; b < BLOCKS; b++) {
            enum status end;
            assert_int_equal(recording->blocks[b].first_ms, b * CHUNKS * 1000);
            assert_int_equal(recording->blocks[b].chunk_count, CHUNKS);
            assert_int_equal(block_read(recording, b, b, &end), CHUNKS * RECORDS);
            assert_int_equal(end, STATUS_UNKNOWN);
        }
        assert_int_equal(recording_find(recording, -5), 0);
        assert_int_equal(recording_find(recording, 2 * CHUNKS * 1000), 2);
        assert_int_equal(recording_find(recording, 3 * CHUNKS * 1000 - 1), 2);
        assert_int_equal(recording_find(recording, INT64_MAX), BLOCKS - 1);
        recording_release(recording);
        assert_int_equal(unlink(path), 0);
    }
    scratch_release(&scratch);
}

static size_t file_read(const char *path, uint8_t *ret, size_t capacity)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t count = fread(ret, 1, capacity, file);
    (void)fclose(file);
    return count;
}

static void file_write(const char *path, const uint8_t *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    (void)fclose(file);
}

// Whole records of a file that may be damaged: by block, in order. Gives their number; -1: it could not be opened.
static int whole_records(const char *path)
{
    struct recording *recording = NULL;
    struct problem problem = { { 0 } };
    if (recording_open(path, &recording, &problem) != STATUS_OK) {
        assert_true(problem.text[0] != '\0');
        return -1;
    }
    int count = 0;
    for (int32_t b = 0; b < recording->block_count; b++) {
        enum status end;
        int which = (int)(recording->blocks[b].first_ms / (CHUNKS * 1000));
        assert_in_range(which, 0, BLOCKS - 1);
        count += block_read(recording, b, which, &end);
    }
    recording_release(recording);
    return count;
}

static void cut_at_any_byte_the_whole_seconds_stay(void **state)
{
    (void)state;
    static uint8_t bytes[1 << 18];
    struct scratch scratch;
    scratch_create(&scratch);
    const char *path = scratch_path(&scratch, "cut.igr");
    recording_make(path, true);
    size_t count = file_read(path, bytes, sizeof bytes);
    int before = -1;
    for (size_t cut = 0; cut <= count; cut += cut < 200 || cut > count - 400 ? 1 : 13) {
        file_write(path, bytes, cut);
        int whole = whole_records(path);
        assert_true(whole >= before);          // More bytes never tell less,
        assert_true(whole % RECORDS == 0 || whole == -1);   // and a second is whole or not there.
        before = whole;
    }
    assert_int_equal(before, BLOCKS * CHUNKS * RECORDS);
    scratch_release(&scratch);
}

static void a_turned_bit_costs_no_more_than_its_block(void **state)
{
    (void)state;
    static uint8_t bytes[1 << 18];
    struct scratch scratch;
    scratch_create(&scratch);
    const char *path = scratch_path(&scratch, "bit.igr");
    recording_make(path, true);
    size_t count = file_read(path, bytes, sizeof bytes);
    int least = BLOCKS * CHUNKS * RECORDS;
    for (size_t at = 32; at < count; at += 7) {
        bytes[at] ^= (uint8_t)(1u << (at % 8));
        file_write(path, bytes, count);
        int whole = whole_records(path);
        least = whole < least ? whole : least;
        bytes[at] ^= (uint8_t)(1u << (at % 8));
    }
    assert_true(least >= (BLOCKS - 1) * CHUNKS * RECORDS);
    assert_true(least < BLOCKS * CHUNKS * RECORDS);   // The test does hit what matters.
    for (size_t at = 0; at < 32; at++) {
        bytes[at] ^= 1;
        file_write(path, bytes, count);
        assert_int_equal(whole_records(path), -1);    // Its header: refused with a word.
        bytes[at] ^= 1;
    }
    scratch_release(&scratch);
}

// ---- records ----

static void reports_cross_exactly(void **state)
{
    (void)state;
    struct report_memory told, heard;
    struct record_writer writer = { 0 };
    struct report_list list = { 0 };
    report_memory_create(&told, 3);
    report_memory_create(&heard, 3);
    struct controller_report reports[3] = { 0 };
    for (int64_t second = 0; second < 200; second++) {
        for (int32_t i = 0; i < 3; i++) {
            struct controller_report *report = &reports[i];
            bool news = random_bits(5, RANDOM_TEST, (uint64_t)i, (uint64_t)second) % 7 == 0 || second == 0;
            report->intersection = i;
            report->group_count = 4 + i;
            report->time_ms = 1000 * second + i;
            report->mode = CONTROLLER_PLAN;
            report->stage = news ? (int32_t)(second % 4) - 1 : report->stage;
            report->calls = second % 11 < 3 ? UINT64_C(1) << (second % 4) : 0;
            report->running.sequence = news ? (uint32_t)second : report->running.sequence;
            for (int32_t g = 0; g < report->group_count; g++) {
                // Ages stand still where they end; those of group 3 get there after second 100.
                int64_t age_ms = (int64_t)report->age_ms[g] + (g == 3 && second > 100 ? INT32_MAX / 2 : 1000);
                report->age_ms[g] = news ? 0 : (int32_t)(age_ms < INT32_MAX ? age_ms : INT32_MAX);
                if (news) {
                    report->aspect[g] = (uint8_t)(second % 5);
                }
            }
        }
        writer.used = 0;
        record_put_reports(&writer, 1000 * second, &told, reports, 3);
        struct cursor bytes = { writer.at, writer.at + writer.used };
        uint64_t length;
        struct record record;
        assert_true(varint_read(&bytes, &length));
        assert_int_equal(length, cursor_bytes(&bytes));
        assert_int_equal(record_open(bytes, &record), STATUS_OK);
        assert_int_equal(record.kind, RECORD_REPORTS);
        assert_int_equal(record_get_reports(record.body, record.now_ms, &heard, &list), STATUS_OK);
        assert_int_equal(list.count, 3);
        for (int32_t i = 0; i < 3; i++) {
            size_t groups = (size_t)reports[i].group_count;
            assert_int_equal(list.at[i].intersection, i);
            assert_int_equal(list.at[i].time_ms, reports[i].time_ms);
            assert_int_equal(list.at[i].stage, reports[i].stage);
            assert_int_equal(list.at[i].running.sequence, reports[i].running.sequence);
            assert_memory_equal(list.at[i].aspect, reports[i].aspect, groups);
            assert_memory_equal(list.at[i].age_ms, reports[i].age_ms, groups * sizeof(int32_t));
        }
    }
    free(list.at);
    record_writer_release(&writer);
    report_memory_release(&told);
    report_memory_release(&heard);
}

static struct record event_pass(struct record_writer *writer, const struct event *event)
{
    writer->used = 0;
    record_put_event(writer, event, true);
    struct cursor bytes = { writer->at, writer->at + writer->used };
    uint64_t length;
    struct record record = { 0 };
    assert_true(varint_read(&bytes, &length));
    assert_int_equal(record_open(bytes, &record), STATUS_OK);
    return record;
}

static void rare_events_cross_exactly(void **state)
{
    (void)state;
    static struct record_event_store store;
    struct record_writer writer = { 0 };
    struct event event;
    struct override override = { .intersection = 4, .kind = OVERRIDE_STRATEGY, .stage = INDEX_NONE,
        .strategy = "webster", .until_ms = 123456789, .operator_name = "Ada, \"the night\"" };
    struct record record =
        event_pass(&writer, &(struct event){ .kind = EVENT_OVERRIDE, .now_ms = -5, .override = &override });
    assert_int_equal(record_get_event(&record, &store, &event), STATUS_OK);
    assert_int_equal(event.now_ms, -5);
    assert_int_equal(event.override->stage, INDEX_NONE);
    assert_int_equal(event.override->until_ms, 123456789);
    assert_string_equal(event.override->strategy, "webster");
    assert_string_equal(event.override->operator_name, override.operator_name);
    int32_t route[] = { 3, 1, 4 };
    struct priority priority = { .vehicle = 99, .kind = PRIORITY_TRANSIT, .lane = 7, .to_stop_mm = 12000,
        .speed_mmps = 9000, .late_s = -30, .departs_in_ms = 1500, .route_count = 3, .route = route };
    record = event_pass(&writer, &(struct event){ .kind = EVENT_PRIORITY, .now_ms = 8, .priority = &priority });
    assert_int_equal(record_get_event(&record, &store, &event), STATUS_OK);
    assert_int_equal(event.priority->late_s, -30);
    assert_int_equal(event.priority->departs_in_ms, 1500);
    assert_int_equal(event.priority->route_count, 3);
    assert_memory_equal(event.priority->route, route, sizeof route);
    record = event_pass(&writer, &(struct event){ .kind = EVENT_LINK_DOWN, .now_ms = 9, .intersection = 2 });
    assert_int_equal(record_get_event(&record, &store, &event), STATUS_OK);
    assert_int_equal(event.kind, EVENT_LINK_DOWN);
    assert_int_equal(event.intersection, 2);
    writer.used = 0;
    record_put_alarm(&writer, 10, INDEX_NONE, true, "the store is away");
    struct cursor bytes = { writer.at, writer.at + writer.used };
    uint64_t length;
    struct record_alarm alarm;
    assert_true(varint_read(&bytes, &length));
    assert_int_equal(record_open(bytes, &record), STATUS_OK);
    assert_int_equal(record_get_alarm(record.body, &alarm), STATUS_OK);
    assert_int_equal(alarm.intersection, INDEX_NONE);
    assert_string_equal(alarm.text, "the store is away");
    record_writer_release(&writer);
}

// Loops of every second cross exactly, at a fraction of the bytes, whatever changes: who passes, who stands, a lost
// second, another order of the rows, an interval of another length, a new block.
static void loops_cross_exactly(void **state)
{
    (void)state;
    struct crossings made;
    crossings_build(&made, 1, 300.0);
    int32_t count = made.network.detector_count;
    assert_true(count >= 4);
    struct observation_buffer told, heard;
    struct loop_memory teller, hearer;
    struct record_writer writer = { 0 };
    observation_buffer_create(&told, count, 0, 0, 0);
    observation_buffer_create(&heard, 1, 1, 1, 1);
    loop_memory_create(&teller);
    loop_memory_create(&hearer);
    size_t full = 0, again = 0;
    for (int64_t t = 1; t <= 500; t++) {
        struct loop_columns *rows = &told.rows.loops;
        rows->count = t % 50 == 7 ? count - 1 : count;
        for (int32_t i = 0; i < rows->count; i++) {
            uint64_t draw = random_bits(5, RANDOM_TEST, (uint64_t)t, (uint64_t)i);
            bool stands = t % 60 < 30 && i % 3 == 0;
            rows->detector[i] = t % 90 == 11 ? rows->count - 1 - i : i;
            rows->end_ms[i] = t * 1000 + (t % 70 == 13 && i == 2 ? 5 : 0);
            rows->length_ms[i] = t % 110 == 17 ? 500 : 1000;
            rows->vehicles[i] = !stands && draw % 8 == 0 ? 1 : 0;
            rows->occupied_ms[i] = stands ? rows->length_ms[i] : rows->vehicles[i] * (int32_t)(draw >> 8) % 500;
            rows->occupied_ms[i] = rows->occupied_ms[i] < 0 ? 0 : rows->occupied_ms[i];
            rows->speed_mmps[i] = rows->vehicles[i] > 0 ? (int32_t)(draw >> 40 & 16383) : -1;
        }
        if (t % 200 == 0) {
            loop_memory_forget(&teller);
            loop_memory_forget(&hearer);
        }
        bool follows = loop_memory_follows(&teller, rows);
        writer.used = 0;
        record_put_step(&writer, t * 1000, (uint64_t)t, &teller, &told.rows, NULL, 0);
        *(follows ? &again : &full) += writer.used;
        struct cursor bytes = { writer.at, writer.at + writer.used };
        uint64_t length;
        struct record record;
        struct record_step step;
        assert_true(varint_read(&bytes, &length));
        assert_int_equal(record_open(bytes, &record), STATUS_OK);
        assert_int_equal(record_get_step(record.body, &made.network, &hearer, &heard, &step), STATUS_OK);
        assert_true(step.seen);
        assert_int_equal(step.rows.loops.count, rows->count);
        size_t words = (size_t)rows->count * sizeof(int32_t);
        assert_memory_equal(step.rows.loops.detector, rows->detector, words);
        assert_memory_equal(step.rows.loops.end_ms, rows->end_ms, 2 * words);
        assert_memory_equal(step.rows.loops.length_ms, rows->length_ms, words);
        assert_memory_equal(step.rows.loops.vehicles, rows->vehicles, words);
        assert_memory_equal(step.rows.loops.occupied_ms, rows->occupied_ms, words);
        assert_memory_equal(step.rows.loops.speed_mmps, rows->speed_mmps, words);
    }
    assert_true(again > 0 && full > 0);
    record_writer_release(&writer);
    loop_memory_release(&teller);
    loop_memory_release(&hearer);
    observation_buffer_release(&told);
    observation_buffer_release(&heard);
    network_release(&made.network);
}

// Any bytes: refused or read, never a crash (the sanitizers look).
static void any_bytes_are_borne(void **state)
{
    (void)state;
    static struct record_event_store store;
    struct crossings made;
    crossings_build(&made, 1, 300.0);
    struct observation_buffer seen;
    observation_buffer_create(&seen, 4, 4, 4, 64);
    struct report_memory memory;
    report_memory_create(&memory, 1);
    struct report_list list = { 0 };
    struct loop_memory loops;
    loop_memory_create(&loops);
    int32_t detector[2] = { 0, 1 }, length_ms[2] = { 1000, 1000 }, zero[2] = { 0, 0 }, speed[2] = { -1, -1 };
    int64_t end_ms[2] = { 1000, 1000 };
    struct loop_columns told = { .count = 2, .detector = detector, .end_ms = end_ms, .length_ms = length_ms,
        .vehicles = zero, .occupied_ms = zero, .speed_mmps = speed };
    for (uint64_t n = 0; n < 20000; n++) {
        uint8_t bytes[64];
        size_t count = random_bits(9, RANDOM_TEST, n, 0) % sizeof bytes;
        for (size_t i = 0; i < count; i++) {
            bytes[i] = (uint8_t)(random_bits(9, RANDOM_TEST, n, 1 + i) & (n % 2 ? 0xff : 0x3f));
        }
        struct cursor body = { bytes, bytes + count };
        struct record record;
        struct record_step step;
        struct record_header header;
        struct record_alarm alarm;
        struct cursor snapshot;
        struct event event;
        (void)!record_open(body, &record);
        if (n % 3 == 0) {
            loop_memory_keep(&loops, &told);
        }
        (void)!record_get_step(body, &made.network, &loops, &seen, &step);
        (void)!loop_memory_read(&loops, body);
        (void)!record_get_reports(body, 5, &memory, &list);
        (void)!record_get_header(body, &header);
        (void)!record_get_alarm(body, &alarm);
        (void)!record_get_snapshot(body, &snapshot);
        for (int kind = RECORD_OVERRIDE; kind <= RECORD_RESTORE; kind++) {
            record = (struct record){ .kind = (enum record_kind)kind, .body = body };
            (void)!record_get_event(&record, &store, &event);
        }
    }
    free(list.at);
    loop_memory_release(&loops);
    report_memory_release(&memory);
    observation_buffer_release(&seen);
    network_release(&made.network);
}

// ---- the folder ----

// A file is named by its first instant in UTC; a block after midnight begins the next; the oldest go when it is full.
static void a_folder_turns_with_the_day_and_stays_bounded(void **state)
{
    (void)state;
    struct scratch scratch;
    scratch_create(&scratch);
    struct problem problem;
    struct recording_folder *folder = NULL;
    const char *path = scratch_path(&scratch, "days");
    static uint8_t records[100001];
    uint8_t *at = varint_write(records, 99990);
    for (size_t i = 0; i < 99990; i++) {
        at[i] = (uint8_t)random_bits(3, RANDOM_TEST, i, 0);   // What zstd cannot make shorter.
    }
    size_t bytes = (size_t)(at - records) + 99990;
    assert_int_equal(recording_folder_open(path, 5, 350000, &folder, &problem), STATUS_OK);
    struct recorder_sink sink = recording_folder_sink(folder);
    int64_t evening_ms = INT64_C(951868799000);   // 2000-02-29T23:59:59Z, a leap day
    assert_true(sink.put(sink.owner, records, bytes, evening_ms, evening_ms, true, true));
    assert_non_null(strstr(recording_folder_file(folder), "/20000229T235959Z.igr"));
    assert_true(sink.put(sink.owner, records, bytes, evening_ms + 1000, evening_ms + 1000, false, false));
    assert_non_null(strstr(recording_folder_file(folder), "/20000229T235959Z.igr"));   // A block is not cut.
    for (int64_t day = 0; day < 5; day++) {
        int64_t now_ms = evening_ms + 2000 + day * 86400000;
        assert_true(sink.put(sink.owner, records, bytes, now_ms, now_ms, false, true));
        if (day == 0) {
            assert_non_null(strstr(recording_folder_file(folder), "/20000301T000001Z.igr"));
        }
        char first[512];
        (void)snprintf(first, sizeof first, "%s/20000229T235959Z.igr", path);
        assert_int_equal(access(first, F_OK) == 0, day < 3);   // Three of 100 kB and the new one.
    }
    assert_false(recording_folder_fault(folder, &problem));
    assert_int_equal(recording_folder_close(folder, &problem), STATUS_OK);
    scratch_release(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_comes_out),
        cmocka_unit_test(a_stream_goes_to_any_block),
        cmocka_unit_test(cut_at_any_byte_the_whole_seconds_stay),
        cmocka_unit_test(a_turned_bit_costs_no_more_than_its_block),
        cmocka_unit_test(reports_cross_exactly),
        cmocka_unit_test(rare_events_cross_exactly),
        cmocka_unit_test(loops_cross_exactly),
        cmocka_unit_test(any_bytes_are_borne),
        cmocka_unit_test(a_folder_turns_with_the_day_and_stays_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
