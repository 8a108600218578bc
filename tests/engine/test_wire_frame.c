// Goal: a stream is cut into the same frames however it arrives, a wrong length is refused before any memory is taken,
// and varints and fields are read within their bounds. Expected bytes are those of protobuf's encoding guide.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/random.h"
#include "engine/wire/fields.h"
#include "engine/wire/frame.h"

// ---- varints ----

// 150 is 96 01 in the guide; zigzag of -1 is 1, of 1 is 2, of the smallest is the largest.
static void varints_are_those_of_the_guide(void **state)
{
    (void)state;
    uint8_t bytes[16];
    struct frame_writer out = frame_writer_over(bytes, sizeof bytes);
    put_varint(&out, 150);
    assert_int_equal(out.used, 2);
    assert_int_equal(bytes[0], 0x96);
    assert_int_equal(bytes[1], 0x01);
    assert_int_equal(zigzag_encode(-1), 1);
    assert_int_equal(zigzag_encode(1), 2);
    assert_true(zigzag_encode(INT64_MIN) == UINT64_MAX);
    assert_true(zigzag_decode(UINT64_MAX) == INT64_MIN);
}

// Values on either side of every length: 2^7k - 1 and 2^7k.
static void varints_survive_and_know_their_size(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit <= 63; bit++) {
        for (int less = 0; less <= 1; less++) {
            uint64_t value = (UINT64_C(1) << bit) - (uint64_t)less;
            uint8_t bytes[VARINT_BYTES_MAX];
            struct frame_writer out = frame_writer_over(bytes, sizeof bytes);
            put_varint(&out, value);
            assert_int_equal(out.used, varint_size(value));
            assert_int_equal(out.used, value == 0 ? 1 : (64 - __builtin_clzll(value) + 6) / 7);
            struct cursor in = { bytes, bytes + out.used };
            uint64_t back;
            assert_true(varint_read(&in, &back));
            assert_true(back == value);
            for (size_t cut = 0; cut < out.used; cut++) {
                struct cursor part = { bytes, bytes + cut };
                assert_false(varint_read(&part, &back));
                assert_ptr_equal(part.at, bytes);
            }
        }
    }
}

static void varint_of_more_than_64_bits_is_refused(void **state)
{
    (void)state;
    uint8_t eleven[11] = { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01 };
    uint8_t bit64[10] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02 };
    uint64_t value;
    struct cursor in = { eleven, eleven + sizeof eleven };
    assert_false(varint_read(&in, &value));
    in = (struct cursor){ bit64, bit64 + sizeof bit64 };
    assert_false(varint_read(&in, &value));
    int32_t row;
    assert_int_equal(column_count(in), 1);
    assert_false(column_uints(in, 1, &row));
    assert_false(column_sints(in, 1, &row));
}

static void columns_count_and_saturate(void **state)
{
    (void)state;
    uint8_t bytes[2048];
    struct frame_writer out = frame_writer_over(bytes, sizeof bytes);
    uint64_t values[300];
    for (int i = 0; i < 300; i++) {
        values[i] = i == 299 ? UINT64_MAX : (uint64_t)i * 37;
        put_varint(&out, values[i]);
    }
    struct cursor column = { bytes, bytes + out.used };
    int32_t rows[300];
    assert_int_equal(column_count(column), 300);
    assert_true(column_uints(column, 300, rows));
    for (int i = 0; i < 299; i++) {
        assert_int_equal(rows[i], values[i]);
    }
    assert_int_equal(rows[299], INT32_MAX);
    assert_true(column_sints(column, 300, rows));
    assert_int_equal(rows[1], zigzag_decode(37));
    assert_int_equal(rows[299], INT32_MIN);
    column.end--;   // The last varint is cut off.
    assert_int_equal(column_count(column), -1);
    struct cursor nothing = { bytes, bytes };
    assert_int_equal(column_count(nothing), 0);
}

static void writer_writes_nothing_past_its_end(void **state)
{
    (void)state;
    for (size_t room = 0; room < 40; room++) {
        uint8_t bytes[64];
        memset(bytes, 0xee, sizeof bytes);
        struct frame_writer out = frame_writer_over(bytes, room);
        struct frame_mark mark = frame_begin(&out);
        put_uint(&out, 1, 300);
        put_fixed64(&out, 2, 7);
        PUT_COLUMN(&out, 3, 5, i, (uint64_t)i);
        put_text(&out, 4, "text");
        enum status status = frame_end(&out, mark, FRAME_PLAN);
        // Fields: 3 + 9 + 7 + 6 = 25 bytes; ten are kept free for the head until the end.
        assert_int_equal(status, room >= 35 ? STATUS_OK : STATUS_LIMIT);
        assert_int_equal(out.used, room >= 35 ? 28 : 0);
        for (size_t i = room; i < sizeof bytes; i++) {
            assert_int_equal(bytes[i], 0xee);
        }
    }
}

// ---- the stream ----

#define STREAM_BYTES_MAX (1 << 16)

// A stream of frames of random lengths and bytes, with one-, two- and three-byte lengths.
struct stream {
    uint8_t bytes[STREAM_BYTES_MAX];
    size_t count;
    int frame_count;
    size_t begin[64], length[64];
};

static void stream_make(struct stream *stream, uint64_t seed)
{
    static const uint32_t LENGTHS[] = { 1, 2, 127, 128, 129, 300, 4000, 16383, 16384 };
    struct frame_writer out = frame_writer_over(stream->bytes, sizeof stream->bytes);
    stream->frame_count = 0;
    for (int i = 0; i < 9; i++) {
        uint64_t pick = random_bits(seed, RANDOM_TEST, 0, (uint64_t)i);
        uint32_t length = LENGTHS[pick % 9];
        put_varint(&out, length);
        stream->begin[i] = out.used;
        stream->length[i] = length;
        if (out.full || out.capacity - out.used < length) {
            break;
        }
        for (uint32_t b = 0; b < length; b++) {
            out.at[out.used] = (uint8_t)random_bits(seed, RANDOM_TEST, 1, out.used);
            out.used++;
        }
        stream->frame_count++;
    }
    stream->count = stream->begin[stream->frame_count - 1] + stream->length[stream->frame_count - 1];
}

// Feeds the stream in pieces; every frame must come out whole and in order.
static void stream_check(const struct stream *stream, uint64_t seed, size_t piece_max)
{
    struct frame_reader reader;
    frame_reader_create(&reader, 1 << 20);
    size_t at = 0;
    int seen = 0;
    for (uint64_t n = 0; at < stream->count; n++) {
        size_t piece = 1 + (piece_max > 1 ? (size_t)(random_bits(seed, RANDOM_TEST, 2, n) % piece_max) : 0);
        piece = piece < stream->count - at ? piece : stream->count - at;
        uint8_t *copy = malloc(piece);   // So that the sanitizer sees a read beyond the piece, or after it.
        memcpy(copy, stream->bytes + at, piece);
        frame_reader_input(&reader, copy, piece);
        at += piece;
        struct cursor frame;
        while (frame_reader_next(&reader, (int64_t)n, &frame)) {
            assert_int_equal(cursor_bytes(&frame), stream->length[seen]);
            assert_memory_equal(frame.at, stream->bytes + stream->begin[seen], stream->length[seen]);
            seen++;
        }
        free(copy);
        assert_int_not_equal(frame_reader_state(&reader), FRAME_BROKEN);
    }
    assert_int_equal(seen, stream->frame_count);
    assert_int_equal(frame_reader_state(&reader), FRAME_READY);
    frame_reader_release(&reader);
}

static void frames_are_the_same_however_they_arrive(void **state)
{
    (void)state;
    static struct stream stream;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        stream_make(&stream, seed);
        stream_check(&stream, seed, 1);
        stream_check(&stream, seed, 7);
        stream_check(&stream, seed, 1000);
        stream_check(&stream, seed, STREAM_BYTES_MAX);
    }
}

// Whether the reader broke over these bytes, given at once or one by one.
static bool breaks(const uint8_t *bytes, size_t count, uint32_t limit, bool one_by_one)
{
    struct frame_reader reader;
    frame_reader_create(&reader, limit);
    struct cursor frame;
    for (size_t at = 0; at < count; at += one_by_one ? 1 : count) {
        frame_reader_input(&reader, bytes + at, one_by_one ? 1 : count);
        while (frame_reader_next(&reader, 0, &frame)) {
        }
    }
    bool broken = frame_reader_state(&reader) == FRAME_BROKEN;
    assert_true(!broken || reader.fault != NULL);
    assert_true(!broken || reader.carry_capacity <= 4096);
    // Nothing after the fault is trusted: a good frame does not heal it.
    const uint8_t good[2] = { 1, 0 };
    frame_reader_input(&reader, good, sizeof good);
    bool again = frame_reader_next(&reader, 0, &frame);
    assert_true(!broken || !again);
    frame_reader_release(&reader);
    return broken;
}

static void wrong_lengths_break_the_stream(void **state)
{
    (void)state;
    static const struct { uint8_t bytes[8]; size_t count; bool broken; } CASES[] = {
        { { 0x00 }, 1, true },                                  // length 0
        { { 0x80, 0x00 }, 2, true },                            // length 0, over-long
        { { 0x81, 0x00 }, 2, true },                            // length 1, over-long
        { { 0x01, 0x55 }, 2, false },
        { { 0xe8, 0x07 }, 2, false },                           // 1000: the limit
        { { 0xe9, 0x07 }, 2, true },                            // 1001
        { { 0xff, 0xff, 0xff, 0x7f }, 4, true },                // 2^28 - 1
        { { 0xff, 0xff, 0xff, 0xff, 0x0f }, 5, true },          // five bytes
        { { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80 }, 8, true },
        { { 0x80 }, 1, false },                                 // may still become one
        { { 0x80, 0x80, 0x80, 0x80 }, 4, false },               // the fifth byte will be refused, whatever it is
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        assert_int_equal(breaks(CASES[i].bytes, CASES[i].count, 1000, false), CASES[i].broken);
        assert_int_equal(breaks(CASES[i].bytes, CASES[i].count, 1000, true), CASES[i].broken);
    }
}

// A length of 1 MiB with ten bytes behind it costs no megabyte.
static void memory_follows_what_arrived_not_what_was_claimed(void **state)
{
    (void)state;
    const uint8_t bytes[13] = { 0x80, 0x80, 0x40 };
    struct frame_reader reader;
    frame_reader_create(&reader, 1 << 20);
    frame_reader_input(&reader, bytes, sizeof bytes);
    struct cursor frame;
    assert_false(frame_reader_next(&reader, 500, &frame));
    assert_int_equal(frame_reader_state(&reader), FRAME_PARTIAL);
    assert_true(reader.carry_capacity <= 256);
    assert_int_equal(reader.partial_since_ms, 500);
    frame_reader_input(&reader, bytes + 3, 1);
    assert_false(frame_reader_next(&reader, 900, &frame));
    assert_int_equal(reader.partial_since_ms, 500);   // Since its first byte.
    frame_reader_release(&reader);
}

// ---- what is in a frame ----

static enum status open_bytes(const uint8_t *bytes, size_t count, enum frame_kind *kind)
{
    struct cursor message;
    return frame_open((struct cursor){ bytes, bytes + count }, kind, &message);
}

static void a_frame_holds_one_message(void **state)
{
    (void)state;
    enum frame_kind kind = FRAME_NONE;
    const uint8_t heartbeat[] = { 0x22, 0x02, 0x08, 0x02 };            // field 4, 2 bytes
    assert_int_equal(open_bytes(heartbeat, sizeof heartbeat, &kind), STATUS_OK);
    assert_int_equal(kind, FRAME_HEARTBEAT);
    const uint8_t later[] = { 0xa2, 0x06, 0x00, 0x22, 0x00 };          // field 100, then field 4
    assert_int_equal(open_bytes(later, sizeof later, &kind), STATUS_OK);
    assert_int_equal(kind, FRAME_HEARTBEAT);
    const uint8_t unknown[] = { 0xa2, 0x06, 0x00 };
    assert_int_equal(open_bytes(unknown, sizeof unknown, &kind), STATUS_UNKNOWN);
    const uint8_t two[] = { 0x22, 0x00, 0x22, 0x00 };
    assert_int_equal(open_bytes(two, sizeof two, &kind), STATUS_SYNTAX);
    const uint8_t number[] = { 0x20, 0x01 };                           // field 4 as a number
    assert_int_equal(open_bytes(number, sizeof number, &kind), STATUS_SYNTAX);
    const uint8_t cut[] = { 0x22, 0x02, 0x08 };
    assert_int_equal(open_bytes(cut, sizeof cut, &kind), STATUS_SYNTAX);
    const uint8_t group[] = { 0x23, 0x24 };                            // a group of field 4
    assert_int_equal(open_bytes(group, sizeof group, &kind), STATUS_SYNTAX);
    const uint8_t zero[] = { 0x02, 0x00 };                             // field 0
    assert_int_equal(open_bytes(zero, sizeof zero, &kind), STATUS_SYNTAX);
}

static void fields_have_one_wire_type_each(void **state)
{
    (void)state;
    struct fields fields;
    const uint8_t twice[] = { 0x08, 0x01, 0x08, 0x02 };                // field 1 twice: the last one wins
    assert_int_equal(fields_read((struct cursor){ twice, twice + sizeof twice }, &fields), STATUS_OK);
    uint64_t value;
    assert_true(fields_uint(&fields, 1, 2, 0, &value));
    assert_int_equal(value, 2);
    assert_false(fields_uint(&fields, 1, 1, 0, &value));
    assert_true(fields_uint(&fields, 2, 1, 77, &value));
    assert_int_equal(value, 77);
    struct cursor column;
    assert_false(fields_column(&fields, 1, &column));
    assert_true(fields_column(&fields, 2, &column));
    assert_int_equal(cursor_bytes(&column), 0);
    const uint8_t mixed[] = { 0x08, 0x01, 0x0a, 0x00 };                // field 1 as a number, then as bytes
    assert_int_equal(fields_read((struct cursor){ mixed, mixed + sizeof mixed }, &fields), STATUS_SYNTAX);
    const uint8_t runs[] = { 0x0a, 0x00, 0x0a, 0x00 };
    assert_int_equal(fields_read((struct cursor){ runs, runs + sizeof runs }, &fields), STATUS_SYNTAX);
    const uint8_t fixed[] = { 0x09, 1, 2, 3, 4, 5, 6, 7 };             // cut off
    assert_int_equal(fields_read((struct cursor){ fixed, fixed + sizeof fixed }, &fields), STATUS_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(varints_are_those_of_the_guide),
        cmocka_unit_test(varints_survive_and_know_their_size),
        cmocka_unit_test(varint_of_more_than_64_bits_is_refused),
        cmocka_unit_test(columns_count_and_saturate),
        cmocka_unit_test(writer_writes_nothing_past_its_end),
        cmocka_unit_test(frames_are_the_same_however_they_arrive),
        cmocka_unit_test(wrong_lengths_break_the_stream),
        cmocka_unit_test(memory_follows_what_arrived_not_what_was_claimed),
        cmocka_unit_test(a_frame_holds_one_message),
        cmocka_unit_test(fields_have_one_wire_type_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
