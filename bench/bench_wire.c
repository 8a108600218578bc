// bench_wire.c: what a reading costs from the bytes of its frame to its row in the buffer, framing, ownership and
// every rule of plausibility included; and what protobuf's own library takes for the decoding alone.
//
// THEORY    A detector session owns 1,000 loops (or 500 cameras) and sends FRAMES batches again and again; every
//           reading is good. Per case `session` and `protobuf` take turns, ROUNDS times; medians are reported.
//           `session` is session_input and session_next; `protobuf` is protobuf-c's unpack into an arena, with nothing
//           judged and nothing copied: the least that a decoder built on it would cost.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/random.h"
#include "engine/wire/session.h"
#include "engine/wire/unpack.h"
#include "observation.pb-c.h"
#include "tests/engine/crossings.h"

#define NOW_MS INT64_C(1790000000000)
#define FRAMES 64
#define ROUNDS 9
#define READINGS_PER_ROUND 2000000
#define STREAM_BYTES (8u << 20)
#define LOOPS 1000
#define CAMERAS 500
#define BINS_PER_CAMERA 20

struct bench_case { const char *kind; int32_t batch; };

static const struct bench_case CASES[] = { { "loop", 1 }, { "loop", 16 }, { "loop", 100 }, { "loop", 300 },
    { "loop", 1000 }, { "camera", 1 }, { "camera", 16 }, { "camera", 100 }, { "camera", 500 } };
#define CASE_COUNT (sizeof CASES / sizeof *CASES)

static struct crossings town;
static struct arena arena;
static struct observation_buffer said, rows;
static uint8_t stream[STREAM_BYTES], out_bytes[1 << 20];
static size_t stream_bytes, frame_at[FRAMES + 1];

static double seconds_now(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

static void demand(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "bench wire: %s\n", what);
        exit(1);
    }
}

// ---- the readings ----

// A second of a busy lane: mostly nothing or one vehicle, speeds that fill two and three bytes.
static void loop_rows(int32_t first, int32_t count, uint64_t frame)
{
    struct loop_columns *to = &said.rows.loops;
    for (int32_t i = 0; i < count; i++) {
        uint64_t bits = random_bits(frame, RANDOM_TEST, (uint64_t)(first + i), 0);
        to->detector[i] = (first + i) % LOOPS;
        to->end_ms[i] = NOW_MS - (int64_t)(bits % 300);
        to->length_ms[i] = 1000;
        to->vehicles[i] = (int32_t)((bits >> 20) % 2);
        to->occupied_ms[i] = (int32_t)((bits >> 24) % 1000);
        to->speed_mmps[i] = to->vehicles[i] == 0 ? -1 : (int32_t)((bits >> 40) % 16000);
    }
    to->count = count;
}

static void camera_rows(int32_t first, int32_t count, uint64_t frame)
{
    struct camera_columns *to = &said.rows.cameras;
    for (int32_t i = 0; i < count; i++) {
        uint64_t bits = random_bits(frame, RANDOM_TEST, (uint64_t)(first + i), 1);
        to->camera[i] = (first + i) % CAMERAS;
        to->end_ms[i] = NOW_MS;
        to->length_ms[i] = 1000;
        to->in_view[i] = (int32_t)(bits % 30);
        to->queued[i] = to->in_view[i] / 2;
        to->tail_mm[i] = to->queued[i] * 7500;
        to->speed_mmps[i] = (int32_t)((bits >> 30) % 14000);
        for (int turn = 0; turn < 4; turn++) {
            to->turned[turn][i] = (int32_t)((bits >> (40 + turn)) % 2);
        }
        for (int32_t b = 0; b < BINS_PER_CAMERA; b++) {
            to->bin_vehicles[to->first_bin[i] + b] = (int32_t)((bits >> b) % 2);
            to->bin_speed_mmps[to->first_bin[i] + b] = (bits >> b) % 2 == 0 ? -1 : 5000 + b;
        }
        to->first_bin[i + 1] = to->first_bin[i] + BINS_PER_CAMERA;
    }
    to->count = count;
}

static void stream_make(const struct bench_case *the_case)
{
    struct frame_writer out = frame_writer_over(stream, sizeof stream);
    for (int32_t f = 0; f < FRAMES; f++) {
        observation_buffer_clear(&said);
        if (strcmp(the_case->kind, "loop") == 0) {
            loop_rows(f * the_case->batch % LOOPS, the_case->batch, (uint64_t)f);
        } else {
            camera_rows(f * the_case->batch % CAMERAS, the_case->batch, (uint64_t)f);
        }
        struct observation_position position = { 0 };
        frame_at[f] = out.used;
        enum status status = wire_put_observations(&out, (uint64_t)f + 1, &said.rows, FRAME_BYTES_MAX_DEFAULT,
                                                   &position);
        demand(status == STATUS_OK && observation_position_done(&position, &said.rows), "the batch does not fit");
    }
    stream_bytes = frame_at[FRAMES] = out.used;
}

// ---- the two ways ----

static void session_make(struct session *session, const char *const *names, struct frame_writer *out)
{
    struct session_limits limits = session_limits_default();
    session_create(session, &limits, NOW_MS);
    struct hello hello = { .protocol = WIRE_PROTOCOL, .role = ROLE_DETECTOR, .detectors = { LOOPS, names },
        .cameras = { CAMERAS, names + LOOPS } };
    static uint8_t hello_bytes[1 << 18];
    struct frame_writer in = frame_writer_over(hello_bytes, sizeof hello_bytes);
    demand(wire_put_hello(&in, &hello) == STATUS_OK, "the Hello does not fit");
    struct session_room room = { &arena, &rows, out };
    struct session_event event;
    session_input(session, hello_bytes, in.used, NOW_MS);
    demand(session_next(session, NOW_MS, &room, &event) == SESSION_HELLO, "no Hello");
    struct session_grant grant = { .network = &town.network };
    demand(session_welcome(session, event.hello, &grant, NOW_MS, &room) == STATUS_OK, "no Welcome");
    demand(session_next(session, NOW_MS, &room, &event) == SESSION_NOTHING, "more than a Hello");
    out->used = 0;
}

// Seconds a reading through the session; the stream comes in pieces of 64 KiB, as a socket gives it.
static double by_session(struct session *session, const struct bench_case *the_case)
{
    int32_t laps = READINGS_PER_ROUND / (FRAMES * the_case->batch) + 1;
    struct frame_writer out = frame_writer_over(out_bytes, sizeof out_bytes);
    struct session_room room = { &arena, &rows, &out };
    struct session_event event;
    double began = seconds_now();
    uint64_t taken = session->readings_taken;
    for (int32_t lap = 0; lap < laps; lap++) {
        session->sequence = 0;
        for (size_t at = 0; at < stream_bytes; at += 65536) {
            size_t piece = stream_bytes - at < 65536 ? stream_bytes - at : 65536;
            session_input(session, stream + at, piece, NOW_MS);
            while (session_next(session, NOW_MS, &room, &event) != SESSION_NOTHING) {
                if (rows.loop_count_max - rows.rows.loops.count < LOOPS
                    || rows.camera_count_max - rows.rows.cameras.count < CAMERAS) {
                    observation_buffer_clear(&rows);
                }
            }
        }
        observation_buffer_clear(&rows);
    }
    double spent = seconds_now() - began;
    demand(session->readings_taken - taken == (uint64_t)laps * FRAMES * (uint64_t)the_case->batch,
           "a reading was lost");
    demand(out.used == 0, "a reading was refused");
    return spent / ((double)laps * FRAMES * the_case->batch);
}

static double by_protobuf(const struct bench_case *the_case)
{
    int32_t laps = READINGS_PER_ROUND / (FRAMES * the_case->batch) + 1;
    double began = seconds_now();
    for (int32_t lap = 0; lap < laps; lap++) {
        for (int32_t f = 0; f < FRAMES; f++) {
            struct cursor frame = { stream + frame_at[f], stream + frame_at[f + 1] };
            uint64_t length;
            enum frame_kind kind;
            struct cursor message = { 0 };
            Intergreen__V1__ObservationBatch *batch;
            arena_reset(&arena);
            demand(varint_read(&frame, &length) && frame_open(frame, &kind, &message) == STATUS_OK, "no frame");
            demand(unpack_message(&intergreen__v1__observation_batch__descriptor, message, &arena, &batch) == STATUS_OK,
                   "not a batch");
        }
    }
    return (seconds_now() - began) / ((double)laps * FRAMES * the_case->batch);
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

int main(int argc, char **argv)
{
    static const char *names[LOOPS + CAMERAS];
    crossings_build(&town, 64, 300.0);
    arena_create(&arena, 4 * WIRE_ARENA_BYTES);
    observation_buffer_create(&said, LOOPS, 1, CAMERAS, CAMERAS * BINS_PER_CAMERA);
    observation_buffer_create(&rows, 8 * LOOPS, 1, 8 * CAMERAS, 8 * CAMERAS * BINS_PER_CAMERA);
    for (int32_t i = 0; i < LOOPS; i++) {
        names[i] = network_name(&town.network, town.network.detectors[i].name);
    }
    for (int32_t i = 0; i < CAMERAS; i++) {
        names[LOOPS + i] = network_name(&town.network, town.network.cameras[i].name);
    }
    struct session session;
    struct frame_writer out = frame_writer_over(out_bytes, sizeof out_bytes);
    session_make(&session, names, &out);
    FILE *file = argc > 1 ? fopen(argv[1], "w") : NULL;
    (void)printf("%-8s %6s %14s %22s %24s\n", "reading", "batch", "bytes/reading", "million/core-s, all",
                 "million/core-s, protobuf");
    for (size_t c = 0; c < CASE_COUNT; c++) {
        double ours[ROUNDS], theirs[ROUNDS];
        stream_make(&CASES[c]);
        for (int r = 0; r < ROUNDS; r++) {
            ours[r] = by_session(&session, &CASES[c]);
            theirs[r] = by_protobuf(&CASES[c]);
        }
        qsort(ours, ROUNDS, sizeof *ours, by_value);
        qsort(theirs, ROUNDS, sizeof *theirs, by_value);
        double bytes = (double)stream_bytes / (FRAMES * CASES[c].batch);
        (void)printf("%-8s %6d %14.1f %22.2f %24.2f\n", CASES[c].kind, CASES[c].batch, bytes, 1e-6 / ours[ROUNDS / 2],
                     1e-6 / theirs[ROUNDS / 2]);
        if (file != NULL) {
            (void)fprintf(file, "%s{\"reading\": \"%s\", \"batch\": %d, \"bytes_per_reading\": %.1f, "
                          "\"readings_per_core_s\": %.0f, \"protobuf_only_readings_per_core_s\": %.0f}",
                          c == 0 ? "[" : ",\n ", CASES[c].kind, CASES[c].batch, bytes, 1.0 / ours[ROUNDS / 2],
                          1.0 / theirs[ROUNDS / 2]);
        }
    }
    if (file != NULL) {
        (void)fprintf(file, "]\n");
        (void)fclose(file);
    }
    session_release(&session);
    observation_buffer_release(&said);
    observation_buffer_release(&rows);
    arena_release(&arena);
    network_release(&town.network);
    return 0;
}
